/* The order of dims in which convolutions run fastest: channels last.
 *
 *   c = f32[1,64,56,56] convolution(x, w), dim_labels=bf01_oi01->bf01
 *   r = f32[1,64,56,56] maximum(c, zeros)
 *  =>
 *   c = f32[1,56,56,64] convolution(x, w), dim_labels=b01f_oi01->b01f
 *   r = f32[1,56,56,64] maximum(c, zeros)            transposed where something else reads it
 *
 * Why: a kernel's vectors run along the output's channels, which packed weights have
 * side by side in any order; where they do not lie so in the result, a convolution takes
 * two to three times as long. Blocked orders were measured equal to channels last.
 *
 * Values that have to have one order form groups (layout.h). For each group the orders
 * that its convolutions would like, and the one that it has, are compared by
 *
 *   sum of 2 F where a result of F operations has its channels elsewhere
 *     + 1/10 F where an operand has
 *     + 12 operations a byte that has to be transposed at the group's border
 *
 * and the least wins; the present one where equal. At a border stand parameters, results,
 * reshapes, dots and all that is said in one order only; constants are transposed at
 * compile time, and transposes that undo the new one cost nothing. What stays is seen as
 * a kernel of its own in `bench --kernels` and reports.
 *
 * Ends: a group is moved only where that costs less, and moved groups are as they like.
 * Keeps: every value, bit for bit. A convolution's order of sums is the window's and the
 * features'; a reduction that would add floats in another order reads the old value, and a
 * group with such windows stays. Cost: O(instructions × orders).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/layout.h"

static const double RESULT_ELSEWHERE = 2, OPERAND_ELSEWHERE = 0.1, OPERATIONS_A_BYTE = 12;

/* Multiplications and additions. */
static double operations(const tn_inst *convolution) {
  const tn_shape *weights = convolution->operands[1]->shape;
  double taps = (double)tn_shape_elements(weights);
  int64_t outputs = weights->dims[convolution->attr.convolution->dims.kernel_output];
  return outputs ? 2 * (double)tn_shape_elements(convolution->shape) * taps / (double)outputs : 0;
}

static double bytes_of(const tn_inst *inst) {
  return (double)tn_shape_elements(inst->shape) * (double)tn_type_bytes(inst->shape->type);
}

/* The transpose of `order` behind `inst` gives what inst's operand is: both go. */
static bool undoes(const tn_inst *inst, const int64_t *order, int rank) {
  if (inst->op != TN_OP_TRANSPOSE) return false;
  for (int i = 0; i < rank; i++)
    if (inst->attr.dimensions.dims.at[order[i]] != i) return false;
  return true;
}

/* inst transposes the old value to `order` itself. */
static bool wants(const tn_inst *inst, const int64_t *order, int rank) {
  if (inst->op != TN_OP_TRANSPOSE) return false;
  for (int i = 0; i < rank; i++)
    if (inst->attr.dimensions.dims.at[i] != order[i]) return false;
  return true;
}

/* Dims of size 1 may stand anywhere: nothing moves. */
static bool moves(const tn_shape *shape, const int64_t *order) {
  int64_t last = -1;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dims[order[i]] == 1) continue;
    if (order[i] < last) return true;
    last = order[i];
  }
  return false;
}

static double cost_of_inputs(const tn_layouts *l, const tn_inst *member, const int64_t *order) {
  double bytes = 0;
  for (int i = 0; i < member->n_operands; i++) {
    const tn_inst *operand = member->operands[i];
    bool outside = tn_layout_is_tied(l, member, i) && !tn_layout_group_of(l, operand);
    if (!outside || operand->op == TN_OP_CONSTANT || !moves(operand->shape, order)) continue;
    if (!undoes(operand, order, operand->shape->rank)) bytes += bytes_of(operand);
  }
  return OPERATIONS_A_BYTE * bytes;
}

/* What a reduction gives is small, and not counted where it moves. */
static double cost_of_uses(const tn_layouts *l, tn_inst *member, const int64_t *order) {
  double operand = 0;
  bool leaves = member->parent->root == member;
  for (int i = 0; i < member->users.count; i++) {
    const tn_inst *user = member->users.at[i];
    if (tn_layout_reads_as_is(user, member, order)) {
      bool last = user->op != TN_OP_CONVOLUTION ||
                  order[member->shape->rank - 1] == user->attr.convolution->dims.input_feature;
      operand += last ? 0 : OPERAND_ELSEWHERE * operations(user);
      continue;
    }
    bool tied = tn_layout_group_of(l, user) && tn_layout_group_of(l, user) == tn_layout_group_of(l, member);
    if (!tied && !wants(user, order, member->shape->rank)) leaves = true;
  }
  return operand + (leaves && moves(member->shape, order) ? OPERATIONS_A_BYTE * bytes_of(member) : 0);
}

static double cost_of(const tn_layouts *l, const tn_layout_group *group, const int64_t *order) {
  double cost = 0;
  for (int i = 0; i < group->members.count; i++) {
    tn_inst *member = group->members.at[i];
    cost += cost_of_inputs(l, member, order) + cost_of_uses(l, member, order);
    if (member->op != TN_OP_CONVOLUTION) continue;
    bool last = order[group->rank - 1] == member->attr.convolution->dims.output_feature;
    cost += last ? 0 : RESULT_ELSEWHERE * operations(member);
  }
  return cost;
}

/* Batch, the spatial dims in order, the features. */
static bool channels_last(const tn_layout_group *group, int64_t batch, int64_t feature, tn_dims spatial,
                          int64_t *order) {
  if (spatial.count + 2 != group->rank) return false;
  order[0] = batch;
  for (int i = 0; i < spatial.count; i++) order[i + 1] = spatial.at[i];
  order[group->rank - 1] = feature;
  return true;
}

/* The group's sums over windows stay what they are. */
static bool keeps_sums(const tn_layout_group *group, const int64_t *order) {
  for (int i = 0; i < group->members.count; i++) {
    const tn_inst *member = group->members.at[i];
    if (member->op == TN_OP_REDUCE_WINDOW && !tn_layout_keeps_joins(member, order)) return false;
  }
  return true;
}

/* Compares the group's order with one more; keeps the cheaper. */
static void consider(const tn_layouts *l, tn_layout_group *group, const int64_t *order, double *least) {
  if (memcmp(order, group->order, sizeof *order * (size_t)group->rank) == 0) return;
  if (!keeps_sums(group, order)) return;
  double cost = cost_of(l, group, order);
  if (cost >= *least) return;
  *least = cost;
  memcpy(group->order, order, sizeof *order * (size_t)group->rank);
}

static bool choose(const tn_layouts *l, tn_layout_group *group) {
  double least = cost_of(l, group, group->order);
  int64_t order[TN_MOST_DIMS];
  for (int i = 0; i < group->members.count && least > 0; i++) {
    const tn_inst *member = group->members.at[i];
    if (member->op != TN_OP_CONVOLUTION) continue;
    const tn_conv_dims *dims = &member->attr.convolution->dims;
    if (channels_last(group, dims->output_batch, dims->output_feature, dims->output_spatial, order))
      consider(l, group, order, &least);
  }
  return !tn_layout_keeps_order(group);
}

static bool assign(tn_comp *comp, tn_pass_context *context) {
  tn_layouts layouts = {.scratch = context->scratch, .comp = comp};
  bool changed = false;
  tn_layout_find_groups(&layouts);
  for (int i = 0; i < layouts.groups.count; i++) {
    tn_layout_group *group = &layouts.groups.at[i];
    if (!choose(&layouts, group)) continue;
    if (tn_pass_spend(context)) {
      changed = true;
    } else {
      for (int d = 0; d < group->rank; d++) group->order[d] = d;
    }
  }
  if (changed) tn_layout_rewrite(&layouts);
  return changed;
}

bool tn_pass_layout_assignment(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  if (tn_comp_is_sequence(comp)) changed |= assign(comp, context);
  return changed;
}
