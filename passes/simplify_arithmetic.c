/* Arithmetic that changes nothing goes, where IEEE 754 says that it changes nothing.
 *
 *   m = f32[8] maximum(x, broadcast(-inf))   =>  x      (NaN and -0 too)
 *   a = f32[8] add(x, broadcast(-0))         =>  x      (x + 0 is not: -0 + 0 is +0)
 *   d = f32[8] divide(x, broadcast(64))      =>  multiply(x, broadcast(0.015625))
 *
 * A division by a power of two is a multiplication by its reciprocal where that is a
 * normal number: both round the same exact quotient. Keeps: every value; bits of NaNs
 * excepted, which are all equal. Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>
#include <stdlib.h>

#include "passes/dims.h"
#include "passes/rewrite.h"

enum { MOST_COMPARED = 4096 }; /* elements looked at to see whether a constant is one value */

/* The one value that all elements of `inst` have, or NULL. */
static const void *splat(const tn_inst *inst) {
  while (inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE) inst = inst->operands[0];
  if (inst->op != TN_OP_CONSTANT || !tn_shape_is_array(inst->shape)) return NULL;
  const char *data = inst->attr.constant.literal->data;
  int64_t count = tn_shape_elements(inst->shape);
  size_t bytes = tn_type_bytes(inst->shape->type);
  if (count < 1 || count > MOST_COMPARED) return NULL;
  return memcmp(data, data + bytes, (size_t)(count - 1) * bytes) ? NULL : data;
}

/* inst is `value` everywhere; floats: the same sign of zero too. */
static bool is_all(const tn_inst *inst, double value) {
  const void *element = splat(inst);
  tn_type type = inst->shape->type;
  if (!element || tn_type_is_complex(type)) return false;
  if (!tn_type_is_float(type)) return (double)tn_load_integer(type, element) == value;
  double found = tn_load_float(type, element);
  return found == value && !signbit(found) == !signbit(value);
}

static tn_inst *keep(tn_pass_context *context, tn_inst *inst, int side) {
  tn_inst *kept = inst->operands[side];
  return tn_rewrite_stands_for(kept, inst) && tn_pass_spend(context) ? kept : NULL;
}

/* The operand beside one that is `value` everywhere. */
static tn_inst *keep_beside(tn_pass_context *context, tn_inst *inst, double value, bool either) {
  if (is_all(inst->operands[1], value)) return keep(context, inst, 0);
  return either && is_all(inst->operands[0], value) ? keep(context, inst, 1) : NULL;
}

static tn_inst *multiply_by_one(tn_pass_context *context, tn_inst *inst) {
  return keep_beside(context, inst, 1, true);
}

static tn_inst *add_zero(tn_pass_context *context, tn_inst *inst) {
  return keep_beside(context, inst, tn_type_is_float(inst->shape->type) ? -0.0 : 0, true);
}

static tn_inst *subtract_zero(tn_pass_context *context, tn_inst *inst) {
  return keep_beside(context, inst, 0, false);
}

static tn_inst *divide_by_one(tn_pass_context *context, tn_inst *inst) {
  return keep_beside(context, inst, 1, false);
}

static bool has_infinity(tn_type type) {
  return type == TN_F16 || type == TN_BF16 || type == TN_F32 || type == TN_F64;
}

static tn_inst *maximum_of_least(tn_pass_context *context, tn_inst *inst) {
  return has_infinity(inst->shape->type) ? keep_beside(context, inst, -INFINITY, true) : NULL;
}

static tn_inst *minimum_of_most(tn_pass_context *context, tn_inst *inst) {
  return has_infinity(inst->shape->type) ? keep_beside(context, inst, INFINITY, true) : NULL;
}

static tn_inst *and_with_ones(tn_pass_context *context, tn_inst *inst) {
  tn_type_class class = tn_type_class_of(inst->shape->type);
  if (class == TN_CLASS_PREDICATE) return keep_beside(context, inst, 1, true);
  return class == TN_CLASS_SIGNED ? keep_beside(context, inst, -1, true) : NULL;
}

static tn_inst *or_with_zeros(tn_pass_context *context, tn_inst *inst) {
  return keep_beside(context, inst, 0, true);
}

static tn_inst *shift_by_zero(tn_pass_context *context, tn_inst *inst) {
  return keep_beside(context, inst, 0, false);
}

static tn_inst *negate_of_negate(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = inst->operands[0];
  if (inner->op != TN_OP_NEGATE || !tn_rewrite_stands_for(inner->operands[0], inst)) return NULL;
  return tn_pass_spend(context) ? inner->operands[0] : NULL;
}

static tn_inst *select_of_same(tn_pass_context *context, tn_inst *inst) {
  if (inst->operands[1] == inst->operands[2]) return keep(context, inst, 1);
  if (is_all(inst->operands[0], 1)) return keep(context, inst, 1);
  return is_all(inst->operands[0], 0) ? keep(context, inst, 2) : NULL;
}

/* Whether 1/value is a normal number and exact. Least and largest exponents of a normal
 * power of two are symmetric up to one, so the float's own range decides.              */
static bool has_exact_reciprocal(tn_type type, double value) {
  int exponent, most = type == TN_F64 ? 1022 : type == TN_F16 ? 14 : 126;
  if (!has_infinity(type) || !isfinite(value) || value == 0) return false;
  return fabs(frexp(value, &exponent)) == 0.5 && abs(exponent - 1) <= most;
}

static tn_inst *divide_by_power_of_two(tn_pass_context *context, tn_inst *inst) {
  tn_type type = inst->shape->type;
  const void *element = splat(inst->operands[1]);
  if (!element || !tn_type_is_float(type) || !tn_shape_is_plain(inst->shape)) return NULL;
  double value = tn_load_float(type, element);
  if (!has_exact_reciprocal(type, value) || value == 1 || !tn_pass_spend(context)) return NULL;
  tn_comp *comp = inst->parent;
  tn_inst *factor =
      tn_build_constant(comp, inst, tn_literal_scalar_float(comp->module->arena, type, 1 / value));
  if (inst->shape->rank)
    factor = tn_build_broadcast(comp, inst, factor, inst->operands[1]->shape, (tn_dims){NULL, 0});
  tn_inst *operands[] = {inst->operands[0], factor};
  return tn_inst_create(comp, inst, TN_OP_MULTIPLY, inst->shape, 2, operands);
}

bool tn_pass_simplify_arithmetic(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(MULTIPLY, multiply_by_one),
      TN_RULE(ADD, add_zero),
      TN_RULE(SUBTRACT, subtract_zero),
      TN_RULE(DIVIDE, divide_by_one),
      TN_RULE(DIVIDE, divide_by_power_of_two),
      TN_RULE(MAXIMUM, maximum_of_least),
      TN_RULE(MINIMUM, minimum_of_most),
      TN_RULE(AND, and_with_ones),
      TN_RULE(OR, or_with_zeros),
      TN_RULE(XOR, or_with_zeros),
      TN_RULE(SHIFT_LEFT, shift_by_zero),
      TN_RULE(SHIFT_RIGHT_ARITHMETIC, shift_by_zero),
      TN_RULE(SHIFT_RIGHT_LOGICAL, shift_by_zero),
      TN_RULE(NEGATE, negate_of_negate),
      TN_RULE(SELECT, select_of_same),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
