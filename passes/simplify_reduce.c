/* Reductions of what was only moved or repeated.
 *
 *   r = f32[8] reduce(f32[8,1] x, -inf), dimensions={1}, to_apply=maximum   =>  reshape(x)
 *   r = f32[8] reduce(f32[8,4] broadcast(x), -inf), dimensions={1}, to_apply=maximum
 *                                                                      =>  maximum(x, -inf)
 *   r = f32[8] reduce(f32[1,4,8] reshape(f32[4,8] x), 0), dimensions={0,1}  =>  reduce(x, 0), dimensions={0}
 *
 * Only where the same bits come out: of one element where the initial value is what the
 * operation leaves alone, of repeated ones where it is idempotent, of two reductions in a
 * row where order does not matter. Keeps: every value, the order of sums. Cost:
 * O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>

#include "passes/make.h"
#include "passes/values.h"

/* The one binary operation that the reduction applies; TN_OP_COUNT if it is not that. */
static tn_op applied(const tn_inst *reduce) {
  const tn_inst *root = reduce->called[0]->root;
  if (reduce->n_operands != 2 || root->n_operands != 2 || !tn_op_is(root->op, TN_OP_ELEMENTWISE))
    return TN_OP_COUNT;
  const tn_inst *a = root->operands[0], *b = root->operands[1];
  bool both = a != b && a->op == TN_OP_PARAMETER && b->op == TN_OP_PARAMETER;
  return both && tn_shape_equal(root->shape, a->shape) ? root->op : TN_OP_COUNT;
}

static bool is_idempotent(tn_op op) {
  return op == TN_OP_MAXIMUM || op == TN_OP_MINIMUM || op == TN_OP_AND || op == TN_OP_OR;
}

/* initial op x is x. */
static bool leaves_alone(tn_op op, const tn_inst *initial) {
  tn_type type = initial->shape->type;
  bool real = tn_type_is_ieee(type), ones = tn_type_class_of(type) == TN_CLASS_SIGNED;
  switch ((int)op) {
  case TN_OP_ADD: return tn_is_all(initial, tn_type_is_float(type) ? -0.0 : 0);
  case TN_OP_MULTIPLY: return tn_is_all(initial, 1);
  case TN_OP_MAXIMUM:
    return (real && tn_is_all(initial, -INFINITY)) || (type == TN_PRED && tn_is_all(initial, 0));
  case TN_OP_MINIMUM:
    return (real && tn_is_all(initial, INFINITY)) || (type == TN_PRED && tn_is_all(initial, 1));
  case TN_OP_OR:
  case TN_OP_XOR: return tn_is_all(initial, 0);
  case TN_OP_AND: return type == TN_PRED ? tn_is_all(initial, 1) : ones && tn_is_all(initial, -1);
  }
  return false;
}

static bool is_plain(const tn_inst *inst) {
  return inst->n_operands == 2 && tn_shape_is_plain(inst->shape) &&
         tn_shape_is_plain(inst->operands[0]->shape);
}

static tn_inst *reduce_of_ones(tn_pass_context *context, tn_inst *inst) {
  if (!is_plain(inst) || !leaves_alone(applied(inst), inst->operands[1])) return NULL;
  for (int i = 0; i < inst->attr.reduce.dims.count; i++)
    if (inst->operands[0]->shape->dims[inst->attr.reduce.dims.at[i]] != 1) return NULL;
  return tn_pass_spend(context) ? tn_build_reshape(inst->parent, inst, inst->operands[0], inst->shape) : NULL;
}

static tn_inst *build(tn_inst *inst, tn_inst *operand, int count, const int64_t *dims) {
  return tn_build_reduce(inst->parent, inst, operand, inst->operands[1], tn_rewrite_dims(inst, count, dims),
                         inst->called[0]);
}

/* The reshape adds or removes ones alone: the same elements in the same order. */
static tn_inst *reduce_of_reshape(tn_pass_context *context, tn_inst *inst) {
  tn_inst *reshape = tn_operand_of(inst, 0, TN_OP_RESHAPE);
  if (!reshape || !is_plain(inst) || !tn_shape_is_plain(reshape->operands[0]->shape)) return NULL;
  const tn_shape *from = reshape->operands[0]->shape, *to = reshape->shape;
  if (applied(inst) == TN_OP_COUNT || from->rank >= to->rank || !tn_shapes_differ_in_ones(from, to))
    return NULL;
  int64_t dims[TN_MOST_DIMS];
  int count = 0, i = 0;
  for (int j = 0; j < to->rank; j++) { /* ones of `from` that `to` has not are kept: the reshape behind */
    bool reduced = tn_dims_contain(inst->attr.reduce.dims, j);
    if (to->dims[j] == 1) continue;
    while (from->dims[i] == 1) i++;
    if (reduced) dims[count++] = i;
    i++;
  }
  if (!count || !tn_pass_spend(context)) return NULL;
  tn_inst *reduced = build(inst, reshape->operands[0], count, dims);
  return tn_build_reshape(inst->parent, inst, reduced, inst->shape);
}

/* Of the broadcast's own dims only those that are its operand's count. */
static tn_inst *reduce_of_broadcast(tn_pass_context *context, tn_inst *inst) {
  tn_inst *broadcast = tn_operand_of(inst, 0, TN_OP_BROADCAST);
  if (!broadcast || !is_plain(inst) || !is_idempotent(applied(inst))) return NULL;
  if (!tn_shape_is_plain(broadcast->operands[0]->shape) || !tn_shape_elements(broadcast->shape)) return NULL;
  tn_dims own = broadcast->attr.dimensions.dims;
  int64_t kept[TN_MOST_DIMS], position[TN_MOST_DIMS], dims[TN_MOST_DIMS];
  int count = 0, n_kept = 0, next = 0;
  for (int i = 0; i < broadcast->shape->rank; i++)
    position[i] = tn_dims_contain(inst->attr.reduce.dims, i) ? -1 : next++;
  if (next == broadcast->shape->rank) return NULL;
  for (int i = 0; i < own.count; i++) {
    if (i && own.at[i] < own.at[i - 1]) return NULL;
    if (position[own.at[i]] < 0)
      dims[count++] = i;
    else
      kept[n_kept++] = position[own.at[i]];
  }
  if (count == inst->attr.reduce.dims.count || !tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  tn_inst *operand = broadcast->operands[0];
  if (count) {
    operand = build(inst, operand, count, dims);
  } else {
    tn_inst *initial = tn_make_spread(site, inst->operands[1], operand->shape);
    operand = tn_make_binary(site, applied(inst), initial, operand);
  }
  return tn_build_broadcast(inst->parent, inst, operand, inst->shape, tn_rewrite_dims(inst, n_kept, kept));
}

/* reduce(reduce(x, dimensions={2}), dimensions={0}) is one of {0,2}. */
static tn_inst *reduce_of_reduce(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = tn_operand_of(inst, 0, TN_OP_REDUCE);
  if (!inner || !is_plain(inst) || !is_plain(inner) || inner->users.count != 1) return NULL;
  tn_op op = applied(inst);
  if (op != applied(inner) || !tn_joins_in_any_order(op, inst->shape->type) ||
      !leaves_alone(op, inner->operands[1]))
    return NULL;
  if (!tn_pass_spend(context)) return NULL;
  int64_t dims[TN_MOST_DIMS];
  int count = 0;
  for (int i = 0, j = 0; i < inner->operands[0]->shape->rank; i++) {
    bool gone = tn_dims_contain(inner->attr.reduce.dims, i);
    if (gone || tn_dims_contain(inst->attr.reduce.dims, j)) dims[count++] = i;
    j += !gone;
  }
  return build(inst, inner->operands[0], count, dims);
}

bool tn_pass_simplify_reduce(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(REDUCE, reduce_of_ones),
      TN_RULE(REDUCE, reduce_of_reshape),
      TN_RULE(REDUCE, reduce_of_broadcast),
      TN_RULE(REDUCE, reduce_of_reduce),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
