/* Shape rules of elementwise opcodes and of those that give an operand back.
 *
 * Operands of one type and the same sizes; a dim of the result is dynamic where it is in
 * any operand. Scalars stand for arrays in clamp (bounds) and select (predicate) alone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

enum {
  PRED = 1 << TN_CLASS_PREDICATE,
  SIGNED = 1 << TN_CLASS_SIGNED,
  UNSIGNED = 1 << TN_CLASS_UNSIGNED,
  FLOAT = 1 << TN_CLASS_FLOAT,
  COMPLEX = 1 << TN_CLASS_COMPLEX,
  INTEGER = SIGNED | UNSIGNED
};

/* Operand `number` has a type of one of the classes; `what` says which in words. */
static bool need_class(const tn_inference *in, int number, unsigned classes, const char *what) {
  if (!tn_need_array(in, number)) return false;
  tn_type type = tn_operand_shape(in, number)->type;
  if (classes >> tn_type_class_of(type) & 1) return true;
  return tn_wrong(in, tn_operand_bit(number), "operand %d must be %s and is %s", number, what,
                  tn_type_name(type));
}

/* Sizes of operand a with b's bounds and dynamism merged in, elements of `type`. */
static const tn_shape *merged(const tn_inference *in, tn_type type, const tn_shape *a, const tn_shape *b) {
  if (!a->dynamic && !b->dynamic && type == a->type) return a;
  tn_extent extent = tn_extent_of(in, a);
  for (int i = 0; i < a->rank; i++) {
    if (a->dims[i] == TN_DIM_UNBOUNDED) extent.size[i] = b->dims[i];
    extent.dynamic[i] = tn_dim_dynamic(a, i) || tn_dim_dynamic(b, i);
  }
  return tn_extent_shape(in, type, &extent);
}

static const tn_shape *of_type(const tn_inference *in, tn_type type) {
  const tn_shape *operand = tn_operand_shape(in, 0);
  return merged(in, type, operand, operand);
}

static bool need_alike(const tn_inference *in) {
  return tn_need_same_type(in, 0, 1) && tn_need_same_dims(in, 0, 1);
}

static const tn_shape *of_pair(const tn_inference *in, tn_type type) {
  return merged(in, type, tn_operand_shape(in, 0), tn_operand_shape(in, 1));
}

/* ---- one operand ---- */

const tn_shape *tn_infer_first_operand(const tn_inference *in) {
  if (in->inst->op == TN_OP_ADD_DEPENDENCY && tn_operand_shape(in, 1)->type != TN_TOKEN)
    return tn_refuse(in, 0, "operand 1 must be a token and is %s", tn_shown(in, tn_operand_shape(in, 1)));
  return tn_operand_shape(in, 0);
}

const tn_shape *tn_infer_copy(const tn_inference *in) { return tn_operand_shape(in, 0); }

const tn_shape *tn_infer_abs(const tn_inference *in) {
  if (!need_class(in, 0, INTEGER | FLOAT | COMPLEX, "a number")) return NULL;
  tn_type type = tn_operand_shape(in, 0)->type;
  return of_type(in, tn_type_is_complex(type) ? tn_type_part(type) : type);
}

/* Transcendentals take complex numbers too; rounding and erf do not. */
static bool takes_complex(tn_op op) {
  return op != TN_OP_CEIL && op != TN_OP_FLOOR && op != TN_OP_ROUND_NEAREST_AFZ &&
         op != TN_OP_ROUND_NEAREST_EVEN && op != TN_OP_ERF;
}

const tn_shape *tn_infer_unary_math(const tn_inference *in) {
  bool complex = takes_complex(in->inst->op);
  if (!need_class(in, 0, complex ? FLOAT | COMPLEX : FLOAT, complex ? "float or complex" : "float"))
    return NULL;
  return tn_operand_shape(in, 0);
}

const tn_shape *tn_infer_integer_unary(const tn_inference *in) {
  return need_class(in, 0, INTEGER, "an integer") ? tn_operand_shape(in, 0) : NULL;
}

const tn_shape *tn_infer_negate(const tn_inference *in) {
  return need_class(in, 0, INTEGER | FLOAT | COMPLEX, "a number") ? tn_operand_shape(in, 0) : NULL;
}

const tn_shape *tn_infer_not(const tn_inference *in) {
  return need_class(in, 0, INTEGER | PRED, "an integer or pred") ? tn_operand_shape(in, 0) : NULL;
}

const tn_shape *tn_infer_is_finite(const tn_inference *in) {
  return need_class(in, 0, FLOAT, "float") ? of_type(in, TN_PRED) : NULL;
}

const tn_shape *tn_infer_complex_part(const tn_inference *in) {
  if (!need_class(in, 0, FLOAT | COMPLEX, "float or complex")) return NULL;
  tn_type type = tn_operand_shape(in, 0)->type;
  return of_type(in, tn_type_is_complex(type) ? tn_type_part(type) : type);
}

const tn_shape *tn_infer_convert(const tn_inference *in) {
  if (!tn_need_array(in, 0) || !tn_need_declared_array(in)) return NULL;
  return of_type(in, in->inst->shape->type);
}

const tn_shape *tn_infer_reduce_precision(const tn_inference *in) {
  if (!need_class(in, 0, FLOAT, "float")) return NULL;
  int64_t exponent = in->inst->attr.reduce_precision.exponent_bits;
  int64_t mantissa = in->inst->attr.reduce_precision.mantissa_bits;
  if (exponent < 1 || exponent > INT32_MAX || mantissa < 0 || mantissa > INT32_MAX)
    return tn_refuse(in, 0, "%lld exponent bits and %lld mantissa bits are not a format", (long long)exponent,
                     (long long)mantissa);
  return tn_operand_shape(in, 0);
}

/* ---- two operands ---- */

/* The classes that a binary opcode computes with. */
static unsigned binary_classes(tn_op op) {
  if (op == TN_OP_ADD || op == TN_OP_MULTIPLY) return PRED | INTEGER | FLOAT | COMPLEX;
  if (op == TN_OP_MAXIMUM || op == TN_OP_MINIMUM) return PRED | INTEGER | FLOAT;
  if (op == TN_OP_REMAINDER) return INTEGER | FLOAT;
  if (op == TN_OP_MULHI) return INTEGER;
  if (op == TN_OP_ATAN2) return FLOAT | COMPLEX;
  return INTEGER | FLOAT | COMPLEX; /* subtract, divide, power */
}

static const char *classes_in_words(unsigned classes) {
  if (classes == INTEGER) return "an integer";
  if (classes == (INTEGER | FLOAT)) return "an integer or float";
  if (classes == (FLOAT | COMPLEX)) return "float or complex";
  if (classes == (PRED | INTEGER | FLOAT)) return "ordered";
  return "a number";
}

const tn_shape *tn_infer_binary(const tn_inference *in) {
  unsigned classes = binary_classes(in->inst->op);
  if (!need_class(in, 0, classes, classes_in_words(classes)) || !tn_need_array(in, 1) || !need_alike(in))
    return NULL;
  return of_pair(in, tn_operand_shape(in, 0)->type);
}

const tn_shape *tn_infer_logical(const tn_inference *in) {
  if (!need_class(in, 0, INTEGER | PRED, "an integer or pred") || !tn_need_array(in, 1) || !need_alike(in))
    return NULL;
  return of_pair(in, tn_operand_shape(in, 0)->type);
}

const tn_shape *tn_infer_shift(const tn_inference *in) {
  if (!need_class(in, 0, INTEGER, "an integer") || !tn_need_array(in, 1) || !need_alike(in)) return NULL;
  return of_pair(in, tn_operand_shape(in, 0)->type);
}

static bool order_suits(tn_compare_type order, tn_type type) {
  tn_type_class class = tn_type_class_of(type);
  switch (order) {
  case TN_COMPARE_DEFAULT: return true;
  case TN_COMPARE_FLOAT: return class == TN_CLASS_FLOAT || class == TN_CLASS_COMPLEX;
  case TN_COMPARE_TOTALORDER: return class == TN_CLASS_FLOAT;
  case TN_COMPARE_SIGNED: return class == TN_CLASS_SIGNED;
  case TN_COMPARE_UNSIGNED: return class == TN_CLASS_UNSIGNED || class == TN_CLASS_PREDICATE;
  }
  return false;
}

const tn_shape *tn_infer_compare(const tn_inference *in) {
  static const char *const orders[] = {"", "FLOAT", "TOTALORDER", "SIGNED", "UNSIGNED"};
  if (!tn_need_arrays(in) || !need_alike(in)) return NULL;
  tn_type type = tn_operand_shape(in, 0)->type;
  tn_direction direction = in->inst->attr.compare.direction;
  tn_compare_type order = in->inst->attr.compare.type;
  if (!order_suits(order, type))
    return tn_refuse(in, 3, "type=%s does not compare %s", orders[order], tn_type_name(type));
  if (tn_type_is_complex(type) && direction != TN_EQ && direction != TN_NE)
    return tn_refuse(in, 3, "%s has no order, only EQ and NE", tn_type_name(type));
  return of_pair(in, TN_PRED);
}

const tn_shape *tn_infer_complex(const tn_inference *in) {
  if (!tn_need_arrays(in) || !need_alike(in)) return NULL;
  tn_type type = tn_operand_shape(in, 0)->type;
  if (type != TN_F32 && type != TN_F64)
    return tn_refuse(in, 3, "operands must be f32 or f64 and are %s", tn_type_name(type));
  return of_pair(in, type == TN_F32 ? TN_C64 : TN_C128);
}

/* operand float, random unsigned of the same width; the declared type is the result's. */
const tn_shape *tn_infer_stochastic_convert(const tn_inference *in) {
  if (!need_class(in, 0, FLOAT, "float") || !need_class(in, 1, UNSIGNED, "unsigned") ||
      !tn_need_same_dims(in, 0, 1) || !tn_need_declared_array(in))
    return NULL;
  tn_type type = tn_operand_shape(in, 0)->type, random = tn_operand_shape(in, 1)->type,
          to = in->inst->shape->type;
  if (tn_type_bits(type) != tn_type_bits(random))
    return tn_refuse(in, 3, "%s takes %d random bits, not %d", tn_type_name(type), tn_type_bits(type),
                     tn_type_bits(random));
  if (!tn_type_is_float(to) && !tn_type_is_integer(to))
    return tn_refuse(in, 0, "the result must be an integer or float and is %s", tn_type_name(to));
  return of_pair(in, to);
}

/* ---- three operands ---- */

const tn_shape *tn_infer_clamp(const tn_inference *in) {
  if (!tn_need_arrays(in)) return NULL;
  if (!need_class(in, 1, PRED | INTEGER | FLOAT, "ordered")) return NULL;
  for (int bound = 0; bound <= 2; bound += 2) {
    if (!tn_need_same_type(in, bound, 1)) return NULL;
    if (tn_operand_shape(in, bound)->rank > 0 && !tn_need_same_dims(in, bound, 1)) return NULL;
  }
  return tn_operand_shape(in, 1);
}

const tn_shape *tn_infer_select(const tn_inference *in) {
  if (!tn_need_arrays(in) || !tn_need_same_type(in, 1, 2) || !tn_need_same_dims(in, 1, 2)) return NULL;
  const tn_shape *pred = tn_operand_shape(in, 0), *on_true = tn_operand_shape(in, 1);
  if (pred->type != TN_PRED)
    return tn_refuse(in, 1, "operand 0 must be pred and is %s", tn_type_name(pred->type));
  if (pred->rank > 0 && !tn_need_same_dims(in, 0, 1)) return NULL;
  const tn_shape *result = merged(in, on_true->type, on_true, tn_operand_shape(in, 2));
  return pred->rank > 0 ? merged(in, on_true->type, result, pred) : result;
}
