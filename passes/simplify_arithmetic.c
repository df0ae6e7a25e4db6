/* Arithmetic that changes nothing goes, where IEEE 754 says that it changes nothing.
 *
 *   m = f32[8] maximum(x, broadcast(-inf))   =>  x      (NaN and -0 too)
 *   a = f32[8] add(x, broadcast(-0))         =>  x      (x + 0 is not: -0 + 0 is +0)
 *   d = f32[8] divide(x, broadcast(64))      =>  multiply(x, broadcast(0.015625))
 *   s = f32[8] add(x, negate(y))             =>  subtract(x, y)
 *   r = u32[8] remainder(i, broadcast(8))    =>  and(i, broadcast(7))
 *
 * A division by a power of two is a multiplication by its reciprocal where that is a
 * normal number: both round the same exact quotient. Keeps: every value; bits of NaNs
 * excepted, which are all equal. Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>
#include <stdlib.h>

#include "passes/make.h"
#include "passes/values.h"

static tn_inst *keep(tn_pass_context *context, tn_inst *inst, int side) {
  tn_inst *kept = inst->operands[side];
  return tn_rewrite_stands_for(kept, inst) && tn_pass_spend(context) ? kept : NULL;
}

/* The operand beside one that is `value` everywhere. */
static tn_inst *keep_beside(tn_pass_context *context, tn_inst *inst, double value, bool either) {
  if (tn_is_all(inst->operands[1], value)) return keep(context, inst, 0);
  return either && tn_is_all(inst->operands[0], value) ? keep(context, inst, 1) : NULL;
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

static tn_inst *maximum_of_least(tn_pass_context *context, tn_inst *inst) {
  return tn_type_is_ieee(inst->shape->type) ? keep_beside(context, inst, -INFINITY, true) : NULL;
}

static tn_inst *minimum_of_most(tn_pass_context *context, tn_inst *inst) {
  return tn_type_is_ieee(inst->shape->type) ? keep_beside(context, inst, INFINITY, true) : NULL;
}

static tn_inst *shift_by_zero(tn_pass_context *context, tn_inst *inst) {
  return keep_beside(context, inst, 0, false);
}

static tn_inst *negate_of_negate(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = inst->operands[0];
  if (inner->op != TN_OP_NEGATE || !tn_rewrite_stands_for(inner->operands[0], inst)) return NULL;
  return tn_pass_spend(context) ? inner->operands[0] : NULL;
}

/* Whether 1/value is a normal number and exact. Least and largest exponents of a normal
 * power of two are symmetric up to one, so the float's own range decides.              */
static bool has_exact_reciprocal(tn_type type, double value) {
  int exponent, most = type == TN_F64 ? 1022 : type == TN_F16 ? 14 : 126;
  if (!tn_type_is_ieee(type) || !isfinite(value) || value == 0) return false;
  return fabs(frexp(value, &exponent)) == 0.5 && abs(exponent - 1) <= most;
}

static tn_inst *divide_by_power_of_two(tn_pass_context *context, tn_inst *inst) {
  tn_type type = inst->shape->type;
  const void *element = tn_one_value(inst->operands[1]);
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

/* ---- signs ---- */

/* x + (-y) is x - y, x - (-y) is x + y: IEEE defines them so. */
static tn_inst *without_negate(tn_pass_context *context, tn_inst *inst, tn_op op, int side) {
  tn_inst *negate = tn_operand_of(inst, side, TN_OP_NEGATE);
  if (!negate || !tn_shape_is_plain(inst->shape) || !tn_pass_spend(context)) return NULL;
  tn_inst *operands[] = {inst->operands[1 - side], negate->operands[0]};
  return tn_inst_create(inst->parent, inst, op, inst->shape, 2, operands);
}

static tn_inst *add_of_negate(tn_pass_context *context, tn_inst *inst) {
  tn_inst *by = without_negate(context, inst, TN_OP_SUBTRACT, 1);
  return by ? by : without_negate(context, inst, TN_OP_SUBTRACT, 0);
}

static tn_inst *subtract_of_negate(tn_pass_context *context, tn_inst *inst) {
  return without_negate(context, inst, TN_OP_ADD, 1);
}

/* (-x)·(-y), (-x)/(-y) */
static tn_inst *both_negated(tn_pass_context *context, tn_inst *inst) {
  tn_inst *x = tn_operand_of(inst, 0, TN_OP_NEGATE), *y = tn_operand_of(inst, 1, TN_OP_NEGATE);
  if (!x || !y || !tn_type_is_ieee(inst->shape->type) || !tn_pass_spend(context)) return NULL;
  tn_inst *operands[] = {x->operands[0], y->operands[0]};
  return tn_inst_create(inst->parent, inst, inst->op, inst->shape, 2, operands);
}

static tn_inst *multiply_by_minus_one(tn_pass_context *context, tn_inst *inst) {
  tn_type type = inst->shape->type;
  if (!tn_type_is_ieee(type) && tn_type_class_of(type) != TN_CLASS_SIGNED) return NULL;
  int side = tn_is_all(inst->operands[1], -1) ? 0 : tn_is_all(inst->operands[0], -1) ? 1 : -1;
  if (side < 0 || !tn_shape_is_plain(inst->shape) || !tn_pass_spend(context)) return NULL;
  return tn_inst_create(inst->parent, inst, TN_OP_NEGATE, inst->shape, 1, &inst->operands[side]);
}

/* |-x|, ||x||; of unsigned numbers -x is another one, and its size itself. */
static tn_inst *abs_of_sign(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = inst->operands[0];
  if (inner->op == TN_OP_ABS) return keep(context, inst, 0);
  bool has_sign =
      tn_type_is_float(inner->shape->type) || tn_type_class_of(inner->shape->type) == TN_CLASS_SIGNED;
  if (inner->op != TN_OP_NEGATE || !has_sign || !tn_pass_spend(context)) return NULL;
  return tn_inst_create(inst->parent, inst, TN_OP_ABS, inst->shape, 1, &inner->operands[0]);
}

/* ---- the same twice, nothing at all ---- */

static tn_inst *of_itself(tn_pass_context *context, tn_inst *inst) {
  return inst->operands[0] == inst->operands[1] ? keep(context, inst, 0) : NULL;
}

/* max(max(x, c), c) */
static tn_inst *bound_again(tn_pass_context *context, tn_inst *inst) {
  for (int side = 0; side < 2; side++) {
    tn_inst *inner = tn_operand_of(inst, side, inst->op), *bound = inst->operands[1 - side];
    if (!inner) continue;
    for (int i = 0; i < 2; i++)
      if (inner->operands[i] == bound || tn_same_value(inner->operands[i], bound))
        return keep(context, inst, side);
  }
  return NULL;
}

static tn_inst *zeros_like(tn_pass_context *context, tn_inst *inst) {
  if (!tn_shape_is_plain(inst->shape) || !tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  return tn_make_spread(site, tn_make_zero(site, inst->shape->type), inst->shape);
}

static tn_inst *integer_minus_itself(tn_pass_context *context, tn_inst *inst) {
  bool same = inst->operands[0] == inst->operands[1] && tn_type_is_integer(inst->shape->type);
  return same ? zeros_like(context, inst) : NULL;
}

static tn_inst *integer_times_zero(tn_pass_context *context, tn_inst *inst) {
  if (!tn_type_is_integer(inst->shape->type)) return NULL;
  return tn_is_all(inst->operands[0], 0) || tn_is_all(inst->operands[1], 0) ? zeros_like(context, inst)
                                                                            : NULL;
}

/* ---- strength ---- */

/* The exponent of a power of two greater than 1 that an unsigned operand is everywhere; or -1. */
static int unsigned_power_of_two(const tn_inst *inst) {
  const void *element = tn_one_value(inst);
  if (!element || tn_type_class_of(inst->shape->type) != TN_CLASS_UNSIGNED) return -1;
  uint64_t value = (uint64_t)tn_load_integer(inst->shape->type, element);
  if (value < 2 || value & (value - 1)) return -1;
  return __builtin_ctzll(value);
}

static tn_inst *with_number(tn_inst *inst, tn_op op, int64_t number) {
  tn_site site = tn_site_of(inst);
  tn_inst *spread = tn_make_spread(site, tn_make_integer(site, inst->shape->type, number), inst->shape);
  tn_inst *operands[] = {inst->operands[0], spread};
  return tn_inst_create(inst->parent, inst, op, inst->shape, 2, operands);
}

static tn_inst *unsigned_divide(tn_pass_context *context, tn_inst *inst) {
  int exponent = unsigned_power_of_two(inst->operands[1]);
  if (exponent < 0 || !tn_shape_is_plain(inst->shape) || !tn_pass_spend(context)) return NULL;
  return with_number(inst, TN_OP_SHIFT_RIGHT_LOGICAL, exponent);
}

static tn_inst *unsigned_remainder(tn_pass_context *context, tn_inst *inst) {
  int exponent = unsigned_power_of_two(inst->operands[1]);
  if (exponent < 0 || !tn_shape_is_plain(inst->shape) || !tn_pass_spend(context)) return NULL;
  return with_number(inst, TN_OP_AND, (INT64_C(1) << exponent) - 1);
}

static tn_inst *power_of_one(tn_pass_context *context, tn_inst *inst) {
  return tn_type_is_ieee(inst->shape->type) ? keep_beside(context, inst, 1, false) : NULL;
}

/* ---- parts of complex numbers ---- */

static tn_inst *part_of_complex(tn_pass_context *context, tn_inst *inst) {
  tn_inst *whole = tn_operand_of(inst, 0, TN_OP_COMPLEX);
  if (!whole) return NULL;
  tn_inst *part = whole->operands[inst->op == TN_OP_IMAG];
  return tn_rewrite_stands_for(part, inst) && tn_pass_spend(context) ? part : NULL;
}

static tn_inst *complex_of_parts(tn_pass_context *context, tn_inst *inst) {
  tn_inst *re = tn_operand_of(inst, 0, TN_OP_REAL), *im = tn_operand_of(inst, 1, TN_OP_IMAG);
  if (!re || !im || re->operands[0] != im->operands[0]) return NULL;
  tn_inst *whole = re->operands[0];
  return tn_rewrite_stands_for(whole, inst) && tn_pass_spend(context) ? whole : NULL;
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
      TN_RULE(SHIFT_LEFT, shift_by_zero),
      TN_RULE(SHIFT_RIGHT_ARITHMETIC, shift_by_zero),
      TN_RULE(SHIFT_RIGHT_LOGICAL, shift_by_zero),
      TN_RULE(NEGATE, negate_of_negate),
      TN_RULE(ADD, add_of_negate),
      TN_RULE(SUBTRACT, subtract_of_negate),
      TN_RULE(MULTIPLY, both_negated),
      TN_RULE(DIVIDE, both_negated),
      TN_RULE(MULTIPLY, multiply_by_minus_one),
      TN_RULE(ABS, abs_of_sign),
      TN_RULE(MAXIMUM, of_itself),
      TN_RULE(MINIMUM, of_itself),
      TN_RULE(MAXIMUM, bound_again),
      TN_RULE(MINIMUM, bound_again),
      TN_RULE(SUBTRACT, integer_minus_itself),
      TN_RULE(MULTIPLY, integer_times_zero),
      TN_RULE(DIVIDE, unsigned_divide),
      TN_RULE(REMAINDER, unsigned_remainder),
      TN_RULE(POWER, power_of_one),
      TN_RULE(REAL, part_of_complex),
      TN_RULE(IMAG, part_of_complex),
      TN_RULE(COMPLEX, complex_of_parts),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
