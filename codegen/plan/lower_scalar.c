/* Elementwise operations, and computations on scalars: what map, reduce and
 * reduce-window apply.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"
#include "codegen/plan/native.h"

#include <assert.h>

/* An elementwise instruction on the values of its operands; fails where it has no native form. */
static const tn_expr *lower_operation(tn_lowering *l, tn_inst *inst, const tn_expr *const *operands) {
  bool second = inst->op == TN_OP_SELECT || inst->op == TN_OP_CLAMP;
  if (inst->n_operands > 3 || !inst->n_operands ||
      !tn_op_lowers(inst->op, inst->shape->type, operands[second]->type))
    return tn_lower_fail(l, inst, false);
  tn_expr *expr =
      (tn_expr *)tn_expr_op(tn_lower_arena(l), inst->op, inst->shape->type, inst->n_operands, operands);
  if (inst->op == TN_OP_COMPARE) {
    expr->op.direction = inst->attr.compare.direction;
    expr->op.total_order =
        inst->attr.compare.type == TN_COMPARE_TOTALORDER && tn_type_is_float(operands[0]->type);
  }
  if (inst->op == TN_OP_REDUCE_PRECISION) {
    expr->op.exponent_bits = (int)inst->attr.reduce_precision.exponent_bits;
    expr->op.mantissa_bits = (int)inst->attr.reduce_precision.mantissa_bits;
  }
  return expr;
}

const tn_expr *tn_lower_elementwise(tn_lowering *l, tn_inst *inst, tn_position at) {
  const tn_expr *operands[3];
  assert(inst->n_operands <= 3);
  for (int i = 0; i < inst->n_operands; i++) { /* clamp's bounds and select's pred may be scalars */
    operands[i] = tn_lower_element(l, inst->operands[i], at);
    if (!operands[i]) return NULL;
  }
  return lower_operation(l, inst, operands);
}

/* ---- computations ---- */

/* What an instruction gives: one expression, or those of a flat tuple's elements. */
typedef const tn_expr **parts;

typedef struct {
  tn_lowering *l;
  tn_inst **order;
  int count;
  parts *values; /* of order[i] */
} scalars;

static parts parts_of(const scalars *s, const tn_inst *inst) {
  int i = 0;
  while (s->order[i] != inst) i++;
  return s->values[i];
}

/* The opcodes that hand a scalar on as it is. */
static bool renames(tn_op op) {
  return op == TN_OP_COPY || op == TN_OP_RESHAPE || op == TN_OP_BROADCAST || op == TN_OP_TRANSPOSE ||
         op == TN_OP_OPT_BARRIER;
}

static bool fail(scalars *s, tn_inst *inst) { return tn_lower_fail(s->l, inst, false), false; }

static bool lower_called(scalars *s, tn_inst *inst, parts out) {
  const tn_expr **arguments = TN_NEW_ARRAY(tn_lower_arena(s->l), const tn_expr *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) {
    if (!tn_shape_is_scalar(inst->operands[i]->shape)) return fail(s, inst);
    arguments[i] = parts_of(s, inst->operands[i])[0];
  }
  return tn_lower_scalars(s->l, inst->called[0], arguments, out);
}

static bool lower_tuple(scalars *s, tn_inst *inst, parts out) {
  for (int i = 0; i < inst->n_operands; i++) {
    if (tn_shape_is_tuple(inst->operands[i]->shape)) return fail(s, inst);
    out[i] = parts_of(s, inst->operands[i])[0];
  }
  return true;
}

static bool lower_one(scalars *s, tn_inst *inst, const tn_expr *const *parameters, parts out) {
  const tn_expr *operands[3];
  if (inst->op == TN_OP_PARAMETER) return out[0] = parameters[inst->attr.parameter.number], true;
  if (inst->op == TN_OP_TUPLE) return lower_tuple(s, inst, out);
  if (inst->op == TN_OP_CALL || inst->op == TN_OP_FUSION || inst->op == TN_OP_MAP)
    return lower_called(s, inst, out);
  if (inst->op == TN_OP_GET_TUPLE_ELEMENT)
    return out[0] = parts_of(s, inst->operands[0])[inst->attr.index.index], true;
  if (!tn_shape_is_scalar(inst->shape) || !tn_type_lowers(inst->shape->type) || inst->n_operands > 3)
    return fail(s, inst);
  if (inst->op == TN_OP_CONSTANT)
    return out[0] = tn_expr_element(tn_lower_arena(s->l), inst->attr.constant.literal, 0), true;
  for (int i = 0; i < inst->n_operands; i++) operands[i] = parts_of(s, inst->operands[i])[0];
  if (renames(inst->op)) return out[0] = operands[0], true;
  if (!tn_op_is(inst->op, TN_OP_ELEMENTWISE) && inst->op != TN_OP_BITCAST_CONVERT) return fail(s, inst);
  return (out[0] = lower_operation(s->l, inst, operands)) != NULL;
}

bool tn_lower_scalars(tn_lowering *l, tn_comp *comp, const tn_expr *const *parameters,
                      const tn_expr **results) {
  scalars s = {.l = l};
  s.count = tn_comp_post_order(comp, tn_lower_arena(l), &s.order);
  s.values = TN_NEW_ARRAY(tn_lower_arena(l), parts, s.count);
  for (int i = 0; i < s.count; i++) {
    tn_inst *inst = s.order[i];
    int width = tn_shape_is_tuple(inst->shape) ? inst->shape->rank : 1;
    s.values[i] = TN_NEW_ARRAY(tn_lower_arena(l), const tn_expr *, width);
    if (!lower_one(&s, inst, parameters, s.values[i])) return false;
    if (width == 1 && inst->users.count > 1) s.values[i][0] = tn_lower_share(l, s.values[i][0]);
    if (inst == comp->root) memcpy(results, s.values[i], sizeof *results * (size_t)width);
  }
  return true;
}

const tn_expr *tn_lower_map(tn_lowering *l, tn_inst *inst, tn_position at) {
  const tn_expr **operands = TN_NEW_ARRAY(tn_lower_arena(l), const tn_expr *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) {
    operands[i] = tn_lower_element(l, inst->operands[i], at);
    if (!operands[i]) return NULL;
    operands[i] = tn_lower_share(l, operands[i]);
  }
  const tn_expr *result;
  return tn_lower_scalars(l, inst->called[0], operands, &result) ? result : NULL;
}
