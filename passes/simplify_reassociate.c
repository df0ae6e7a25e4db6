/* Arithmetic that is the same to mathematics, not to IEEE 754: only with --reassociate.
 *
 *   d = f32[8] divide(x, broadcast(3))                  =>  multiply(x, broadcast(1/3))
 *   m = f32[8] multiply(multiply(x, broadcast(2.5)), broadcast(3))
 *                                                       =>  multiply(x, broadcast(7.5))
 *   r = f32[8] divide(broadcast(1), sqrt(x))            =>  rsqrt(x)
 *   l = f32[8] divide(1, add(1, exponential(negate(x))))  =>  logistic(x)
 *
 * Keeps: values within a few roundings, where nothing overflows on the way; of x + 0 the
 * sign of zero is lost. Each rule leaves fewer or cheaper operations. Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>

#include "passes/make.h"
#include "passes/values.h"

static bool is_real(const tn_inst *inst) {
  return tn_type_is_ieee(inst->shape->type) && tn_shape_is_plain(inst->shape);
}

/* The number that operand `side` is everywhere, finite and not 0. */
static bool number_at(const tn_inst *inst, int side, double *value) {
  const void *element = tn_one_value(inst->operands[side]);
  if (!element) return false;
  *value = tn_load_float(inst->shape->type, element);
  return isfinite(*value) && *value != 0;
}

static tn_inst *with_number(tn_inst *inst, tn_op op, tn_inst *x, double value) {
  tn_site site = tn_site_of(inst);
  tn_arena *arena = tn_site_arena(site);
  tn_inst *scalar =
      tn_build_constant(inst->parent, inst, tn_literal_scalar_float(arena, inst->shape->type, value));
  tn_inst *operands[] = {x, tn_make_spread(site, scalar, inst->shape)};
  return tn_inst_create(inst->parent, inst, op, inst->shape, 2, operands);
}

/* Largest and smallest that may stand for a product of numbers in the type: subnormal ones have
 * fewer digits than what they would stand for.                                                */
static bool is_normal_in(tn_type type, double value) {
  double most = type == TN_F16 ? 65504 : type == TN_F64 ? 1e300 : 1e38;
  double least = type == TN_F16 ? 0x1p-14 : type == TN_F64 ? 1e-300 : 0x1p-126;
  return fabs(value) <= most && fabs(value) >= least;
}

static tn_inst *divide_by_number(tn_pass_context *context, tn_inst *inst) {
  double value;
  if (!is_real(inst) || !number_at(inst, 1, &value) || value == 1 ||
      !is_normal_in(inst->shape->type, 1 / value))
    return NULL;
  return tn_pass_spend(context) ? with_number(inst, TN_OP_MULTIPLY, inst->operands[0], 1 / value) : NULL;
}

/* (x·a)·b, (x + a) + b */
static tn_inst *number_behind_number(tn_pass_context *context, tn_inst *inst) {
  double outer, inner;
  for (int side = 0; is_real(inst) && side < 2; side++) {
    tn_inst *chain = tn_operand_of(inst, side, inst->op);
    if (!chain || chain->users.count != 1 || !number_at(inst, 1 - side, &outer)) continue;
    for (int i = 0; i < 2; i++) {
      if (!number_at(chain, i, &inner) || tn_one_value(chain->operands[1 - i])) continue;
      double value = inst->op == TN_OP_ADD ? outer + inner : outer * inner;
      if ((value != 0 || inst->op != TN_OP_ADD) && !is_normal_in(inst->shape->type, value)) continue;
      return tn_pass_spend(context) ? with_number(inst, inst->op, chain->operands[1 - i], value) : NULL;
    }
  }
  return NULL;
}

static tn_inst *add_zero(tn_pass_context *context, tn_inst *inst) {
  for (int side = 0; is_real(inst) && side < 2; side++)
    if (tn_is_all(inst->operands[side], 0) && tn_rewrite_stands_for(inst->operands[1 - side], inst))
      return tn_pass_spend(context) ? inst->operands[1 - side] : NULL;
  return NULL;
}

static tn_inst *reciprocal_of_root(tn_pass_context *context, tn_inst *inst) {
  tn_inst *root = tn_operand_of(inst, 1, TN_OP_SQRT);
  if (!is_real(inst) || !root || !tn_is_all(inst->operands[0], 1) || !tn_pass_spend(context)) return NULL;
  return tn_inst_create(inst->parent, inst, TN_OP_RSQRT, inst->shape, 1, &root->operands[0]);
}

static tn_inst *logistic_written_out(tn_pass_context *context, tn_inst *inst) {
  tn_inst *sum = tn_operand_of(inst, 1, TN_OP_ADD);
  if (!is_real(inst) || !sum || !tn_is_all(inst->operands[0], 1)) return NULL;
  int side = tn_is_all(sum->operands[0], 1) ? 1 : tn_is_all(sum->operands[1], 1) ? 0 : -1;
  if (side < 0) return NULL;
  tn_inst *e = tn_operand_of(sum, side, TN_OP_EXPONENTIAL),
          *negate = e ? tn_operand_of(e, 0, TN_OP_NEGATE) : NULL;
  if (!negate || !tn_pass_spend(context)) return NULL;
  return tn_inst_create(inst->parent, inst, TN_OP_LOGISTIC, inst->shape, 1, &negate->operands[0]);
}

bool tn_pass_simplify_reassociate(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(DIVIDE, reciprocal_of_root), TN_RULE(DIVIDE, logistic_written_out),
      TN_RULE(DIVIDE, divide_by_number),   TN_RULE(MULTIPLY, number_behind_number),
      TN_RULE(ADD, number_behind_number),  TN_RULE(ADD, add_zero),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
