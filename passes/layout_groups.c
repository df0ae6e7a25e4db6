/* Which values have to have one order of dims; see layout.h.
 *
 * Cost: almost linear (union and find).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/layout.h"

#include "passes/values.h"

/* Opcodes whose result and operands have the same dims, in some sense, and whose attributes can be
 * said in any order.                                                                      */
static bool keeps_dims(const tn_inst *inst) {
  tn_op op = inst->op;
  if (tn_op_is(op, TN_OP_ELEMENTWISE)) return true;
  if (op == TN_OP_REDUCE_WINDOW) return inst->n_operands == 2;
  return op == TN_OP_PAD || op == TN_OP_SLICE || op == TN_OP_REVERSE || op == TN_OP_CONCATENATE;
}

static bool may_be_member(const tn_inst *inst) {
  if (!tn_shape_is_plain(inst->shape) || inst->shape->rank < 2 || !tn_layout_is_row_major(inst->shape))
    return false;
  if (!tn_rewrite_is_free_to_move(inst)) return false;
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_shape_is_plain(inst->operands[i]->shape)) return false;
  return keeps_dims(inst) || inst->op == TN_OP_CONVOLUTION || inst->op == TN_OP_BROADCAST ||
         inst->op == TN_OP_IOTA;
}

bool tn_layout_is_tied(const tn_layouts *layouts, const tn_inst *inst, int operand) {
  (void)layouts;
  return keeps_dims(inst) && inst->operands[operand]->shape->rank == inst->shape->rank;
}

/* Elements of one result differ in their positions along this dim. */
static bool is_joined(const tn_inst *inst, int64_t dim) {
  if (inst->op == TN_OP_REDUCE_WINDOW) return inst->attr.window.window.at[dim].size != 1;
  return tn_dims_contain(inst->attr.reduce.dims, dim) && inst->operands[0]->shape->dims[dim] != 1;
}

bool tn_layout_keeps_joins(const tn_inst *inst, const int64_t *order) {
  tn_op op;
  int64_t last = -1;
  if (tn_comp_is_binary(inst->called[0], &op) && tn_joins_in_any_order(op, inst->shape->type)) return true;
  for (int i = 0; i < inst->operands[0]->shape->rank; i++) {
    if (!is_joined(inst, order[i])) continue;
    if (order[i] < last) return false;
    last = order[i];
  }
  return true;
}

bool tn_layout_reads_as_is(const tn_inst *user, const tn_inst *value, const int64_t *order) {
  if (user->op == TN_OP_CONVOLUTION) return user->operands[0] == value && user->operands[1] != value;
  return user->op == TN_OP_REDUCE && user->n_operands == 2 && tn_shape_is_plain(user->shape) &&
         user->operands[0] == value && tn_rewrite_is_free_to_move(user) && tn_layout_keeps_joins(user, order);
}

static int find(int *parent, int id) {
  while (parent[id] != id) id = parent[id] = parent[parent[id]];
  return id;
}

void tn_layout_find_groups(tn_layouts *l) {
  tn_inst **order;
  int count = tn_comp_post_order(l->comp, l->scratch, &order), ids = l->comp->module->next_id;
  int *parent = TN_NEW_ARRAY(l->scratch, int, ids), *number = TN_NEW_ARRAY(l->scratch, int, ids);
  l->group_of = TN_NEW_ARRAY(l->scratch, int, ids);
  for (int i = 0; i < ids; i++) parent[i] = i, number[i] = l->group_of[i] = -1;
  bool *member = TN_NEW_ARRAY(l->scratch, bool, ids);
  for (int i = 0; i < count; i++) {
    tn_inst *inst = order[i];
    if (!(member[inst->id] = may_be_member(inst))) continue;
    for (int j = 0; j < inst->n_operands; j++)
      if (tn_layout_is_tied(l, inst, j) && member[inst->operands[j]->id])
        parent[find(parent, inst->operands[j]->id)] = find(parent, inst->id);
  }
  for (int i = 0; i < count; i++) {
    tn_inst *inst = order[i];
    if (!member[inst->id]) continue;
    int root = find(parent, inst->id);
    if (number[root] < 0) {
      tn_layout_group group = {.rank = inst->shape->rank};
      for (int d = 0; d < group.rank; d++) group.order[d] = d;
      number[root] = l->groups.count;
      TN_PUSH(l->scratch, &l->groups, group);
    }
    l->group_of[inst->id] = number[root];
    TN_PUSH(l->scratch, &l->groups.at[number[root]].members, inst);
  }
}

tn_layout_group *tn_layout_group_of(const tn_layouts *l, const tn_inst *inst) {
  int group = l->group_of[inst->id];
  return group < 0 ? NULL : &l->groups.at[group];
}

bool tn_layout_keeps_order(const tn_layout_group *group) {
  return tn_dims_are_identity((tn_dims){group->order, group->rank});
}

int64_t tn_layout_place_of(const tn_layout_group *group, int64_t dim) {
  for (int i = 0; i < group->rank; i++)
    if (group->order[i] == dim) return i;
  return -1;
}
