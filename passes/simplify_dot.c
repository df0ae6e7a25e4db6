/* Transposes that feed a dot are absorbed into its dimension numbers.
 *
 *     t = f32[K,M] transpose(x), dimensions={1,0}
 *     d = f32[M,N] dot(t, y), lhs_contracting_dims={0}, rhs_contracting_dims={0}
 *  =>
 *     d = f32[M,N] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={0}
 *
 * Why: packing reads its operand in any order at no cost; a transpose is a pass over
 * memory. Batch and contracting dims are lists, so their order is said; the free dims
 * of a side stand in the result as they stand in the operand, so a transpose that
 * swaps two of them must stay. Keeps: the dot's shape and the order of its sums.
 * Cost: O(dots).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/rewrite.h"

/* The free dims of `side`, read through the transpose, stay in order. */
static bool keeps_free_order(const tn_inst *transpose, const tn_dot_side *side) {
  int64_t last = -1;
  for (int i = 0; i < transpose->shape->rank; i++) {
    if (tn_dims_contain(side->batch, i) || tn_dims_contain(side->contracting, i)) continue;
    int64_t from = transpose->attr.dimensions.dims.at[i];
    if (from < last) return false;
    last = from;
  }
  return true;
}

/* `dims`, given in the transpose's result, in its operand. */
static tn_dims through(const tn_inst *transpose, tn_dims dims) {
  int64_t at[TN_MOST_DIMS];
  for (int i = 0; i < dims.count; i++) at[i] = transpose->attr.dimensions.dims.at[dims.at[i]];
  return tn_rewrite_dims((tn_inst *)transpose, dims.count, at);
}

static bool absorb(tn_pass_context *context, tn_inst *dot, int number) {
  tn_inst *transpose = dot->operands[number];
  const tn_dot_side *side = &dot->attr.dot->side[number];
  if (transpose->op != TN_OP_TRANSPOSE || !tn_shape_is_plain(transpose->shape)) return false;
  if (!keeps_free_order(transpose, side) || !tn_pass_spend(context)) return false;
  tn_dot_side *own = &tn_inst_edit_dot(dot)->side[number];
  own->batch = through(transpose, own->batch);
  own->contracting = through(transpose, own->contracting);
  tn_inst_set_operand(dot, number, transpose->operands[0]);
  return true;
}

static tn_inst *dot_of_transpose(tn_pass_context *context, tn_inst *dot) {
  bool left = absorb(context, dot, 0), right = absorb(context, dot, 1);
  return left || right ? dot : NULL;
}

bool tn_pass_simplify_dot(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(DOT, dot_of_transpose)};
  return tn_rewrite_module(module, context, rules, 1);
}
