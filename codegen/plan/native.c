/* Which operations have a native form, the elementwise ones in which types.
 *
 * Additions and their like are IEEE's or the integers' own; everything transcendental
 * is a function of base/math, and what has no row there for a type has no native form
 * in it. Floats of at most 16 bits compute in f32, so f32's rows serve them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/native.h"

bool tn_type_is_native(tn_type type) {
  return type == TN_PRED || tn_type_is_float(type) || tn_type_is_integer(type);
}

bool tn_op_names_type(tn_op op) {
  return op == TN_OP_CONVERT || op == TN_OP_BITCAST_CONVERT || op == TN_OP_STOCHASTIC_CONVERT;
}

bool tn_type_lowers(tn_type type) { return tn_type_is_native(type) || tn_type_is_complex(type); }

bool tn_op_is_never_zero(tn_op op) {
  return op == TN_OP_MULTIPLY || op == TN_OP_DIVIDE || op == TN_OP_POWER || op == TN_OP_ATAN2;
}

enum { FLOATS = 1, INTEGERS = 2, PREDICATES = 4, ALL = 7 };

/* Of the operation's operand type; what is not listed needs a row of base/math. */
static const struct {
  tn_op op;
  unsigned types;
} rules[] = {
    {TN_OP_ABS, FLOATS | INTEGERS},
    {TN_OP_ADD, ALL},
    {TN_OP_AND, INTEGERS | PREDICATES},
    {TN_OP_CEIL, FLOATS},
    {TN_OP_CLAMP, ALL},
    {TN_OP_COMPARE, ALL},
    {TN_OP_CONVERT, ALL},
    {TN_OP_COUNT_LEADING_ZEROS, INTEGERS},
    {TN_OP_DIVIDE, FLOATS | INTEGERS},
    {TN_OP_FLOOR, FLOATS},
    {TN_OP_IS_FINITE, FLOATS},
    {TN_OP_MAXIMUM, ALL},
    {TN_OP_MINIMUM, ALL},
    {TN_OP_MULHI, INTEGERS},
    {TN_OP_MULTIPLY, ALL},
    {TN_OP_NEGATE, FLOATS | INTEGERS},
    {TN_OP_NOT, INTEGERS | PREDICATES},
    {TN_OP_OR, INTEGERS | PREDICATES},
    {TN_OP_POPCNT, INTEGERS},
    {TN_OP_POWER, INTEGERS},
    {TN_OP_REDUCE_PRECISION, FLOATS},
    {TN_OP_REMAINDER, INTEGERS},
    {TN_OP_ROUND_NEAREST_AFZ, FLOATS},
    {TN_OP_ROUND_NEAREST_EVEN, FLOATS},
    {TN_OP_SELECT, ALL},
    {TN_OP_SHIFT_LEFT, INTEGERS},
    {TN_OP_SHIFT_RIGHT_ARITHMETIC, INTEGERS},
    {TN_OP_SHIFT_RIGHT_LOGICAL, INTEGERS},
    {TN_OP_SIGN, FLOATS | INTEGERS},
    {TN_OP_SQRT, FLOATS},
    {TN_OP_SUBTRACT, FLOATS | INTEGERS},
    {TN_OP_XOR, INTEGERS | PREDICATES},
};

static unsigned set_of(tn_type type) {
  return tn_type_is_float(type) ? FLOATS : type == TN_PRED ? PREDICATES : INTEGERS;
}

/* pred and the types of 8 bits: a byte each. */
static bool is_byte(tn_type a, tn_type b) {
  return (a == TN_PRED && tn_type_bits(b) == 8) || (b == TN_PRED && tn_type_bits(a) == 8);
}

bool tn_op_is_native(tn_op op, tn_type result, tn_type operand) {
  if (!tn_type_is_native(result) || !tn_type_is_native(operand)) return false;
  if (op == TN_OP_BITCAST_CONVERT)
    return tn_type_bits(result) == tn_type_bits(operand) || is_byte(result, operand);
  if (op == TN_OP_STOCHASTIC_CONVERT) return tn_type_is_float(operand) && tn_type_is_integer(result);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (rules[i].op == op && rules[i].types & set_of(operand)) return true;
  if (!tn_type_is_float(operand)) return false;
  return tn_math_find(tn_ops[op].name, operand == TN_F64 ? TN_F64 : TN_F32) != NULL;
}

bool tn_part_is_native(tn_op op, tn_part part, tn_type part_type) {
  return tn_math_find_part(tn_ops[op].name, part, part_type) != NULL;
}

/* What codegen/plan/complex.c writes with real operations. */
static bool is_plain_complex(tn_op op) {
  return op == TN_OP_ADD || op == TN_OP_SUBTRACT || op == TN_OP_NEGATE || op == TN_OP_MULTIPLY ||
         op == TN_OP_SELECT || op == TN_OP_COMPARE || op == TN_OP_CONVERT || op == TN_OP_COMPLEX ||
         op == TN_OP_REAL || op == TN_OP_IMAG;
}

bool tn_op_lowers(tn_op op, tn_type result, tn_type operand) {
  if (!tn_type_lowers(result) || !tn_type_lowers(operand)) return false;
  bool part_of_real = tn_type_is_float(operand) && (op == TN_OP_REAL || op == TN_OP_IMAG);
  bool complex = tn_type_is_complex(operand) || tn_type_is_complex(result) || part_of_real;
  if (!complex) return tn_op_is_native(op, result, operand);
  return is_plain_complex(op) || tn_part_is_native(op, TN_PART_REAL, tn_type_part(operand));
}

/* What is neither here nor elementwise is refused. */
static const struct {
  tn_op op;
  tn_native_form form;
} forms[] = {
    {TN_OP_ASYNC_START, TN_NATIVE_SCHEDULE},
    {TN_OP_BITCAST, TN_NATIVE_KERNEL},
    {TN_OP_BITCAST_CONVERT, TN_NATIVE_KERNEL}, /* of whole bytes mostly another view of them */
    {TN_OP_BROADCAST, TN_NATIVE_KERNEL},
    {TN_OP_CALL, TN_NATIVE_SCHEDULE},
    {TN_OP_CHOLESKY, TN_NATIVE_KERNEL},
    {TN_OP_CONCATENATE, TN_NATIVE_KERNEL},
    {TN_OP_CONDITIONAL, TN_NATIVE_SCHEDULE},
    {TN_OP_CONSTANT, TN_NATIVE_SCHEDULE},
    {TN_OP_CONVOLUTION, TN_NATIVE_KERNEL},
    {TN_OP_COPY, TN_NATIVE_KERNEL},
    {TN_OP_COPY_START, TN_NATIVE_SCHEDULE},
    {TN_OP_CUSTOM_CALL, TN_NATIVE_SCHEDULE}, /* of known targets: the value itself, or topk */
    {TN_OP_DECODE, TN_NATIVE_KERNEL},        /* of a dot; alone the matrix, as a constant */
    {TN_OP_DOT, TN_NATIVE_KERNEL},
    {TN_OP_DYNAMIC_SLICE, TN_NATIVE_KERNEL},
    {TN_OP_DYNAMIC_UPDATE_SLICE, TN_NATIVE_KERNEL},
    {TN_OP_FUSION, TN_NATIVE_KERNEL},
    {TN_OP_GATHER, TN_NATIVE_KERNEL},
    {TN_OP_GET_DIMENSION_SIZE, TN_NATIVE_SCHEDULE},
    {TN_OP_IOTA, TN_NATIVE_KERNEL},
    {TN_OP_MAP, TN_NATIVE_KERNEL},
    {TN_OP_PAD, TN_NATIVE_KERNEL},
    {TN_OP_PARAMETER, TN_NATIVE_SCHEDULE},
    {TN_OP_REDUCE, TN_NATIVE_KERNEL},
    {TN_OP_REDUCE_WINDOW, TN_NATIVE_KERNEL},
    {TN_OP_RESHAPE, TN_NATIVE_KERNEL},
    {TN_OP_REVERSE, TN_NATIVE_KERNEL},
    {TN_OP_SCATTER, TN_NATIVE_KERNEL},
    {TN_OP_SLICE, TN_NATIVE_KERNEL},
    {TN_OP_SORT, TN_NATIVE_KERNEL},
    {TN_OP_TOPK, TN_NATIVE_KERNEL},
    {TN_OP_TRANSPOSE, TN_NATIVE_KERNEL},
    {TN_OP_TRIANGULAR_SOLVE, TN_NATIVE_KERNEL},
    {TN_OP_WHILE, TN_NATIVE_SCHEDULE},
};

tn_native_form tn_op_native_form(tn_op op) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (forms[i].op == op) return forms[i].form;
  if (op == TN_OP_RAGGED_ALL_TO_ALL) return TN_NATIVE_NO;
  if (tn_op_is(op, TN_OP_FREE) || tn_op_is(op, TN_OP_COLLECTIVE)) return TN_NATIVE_SCHEDULE;
  return tn_op_is(op, TN_OP_ELEMENTWISE) ? TN_NATIVE_SCALARS : TN_NATIVE_NO;
}
