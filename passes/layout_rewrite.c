/* Values of groups in their new order; see layout.h.
 *
 * Every member is made once more, in the new order, from operands in that order. What comes
 * from outside of the group is transposed on the way in, what others read on the way out;
 * simplify-shape lets such transposes meet others, constant-folding takes those of constants.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/layout.h"

typedef struct {
  tn_layouts *layouts;
  tn_inst **made; /* by the old instruction's id: in the new order, or NULL */
} rewriter;

static tn_layout_group *moved_group(const rewriter *r, const tn_inst *inst) {
  tn_layout_group *group = tn_layout_group_of(r->layouts, inst);
  return group && !tn_layout_keeps_order(group) ? group : NULL;
}

static const tn_shape *shape_in(const tn_layout_group *group, tn_arena *arena, const tn_shape *shape) {
  int64_t dims[TN_MOST_DIMS];
  for (int i = 0; i < group->rank; i++) dims[i] = shape->dims[group->order[i]];
  return tn_shape_array(arena, shape->type, group->rank, dims);
}

static tn_dims permuted(const tn_layout_group *group, tn_inst *inst, tn_dims dims) {
  int64_t at[TN_MOST_DIMS];
  for (int i = 0; i < group->rank; i++) at[i] = dims.at[group->order[i]];
  return tn_rewrite_dims(inst, group->rank, at);
}

/* A list of dims, each where it is now. */
static tn_dims renamed(const tn_layout_group *group, tn_inst *inst, tn_dims dims) {
  int64_t at[TN_MOST_DIMS];
  for (int i = 0; i < dims.count; i++) at[i] = tn_layout_place_of(group, dims.at[i]);
  return tn_rewrite_dims(inst, dims.count, at);
}

static tn_window windows_in(const tn_layout_group *group, tn_inst *inst, tn_window window) {
  tn_window_dim *at = TN_NEW_ARRAY(inst->parent->module->arena, tn_window_dim, window.count);
  for (int i = 0; i < window.count; i++) at[i] = window.at[group->order[i]];
  return (tn_window){at, window.count};
}

static void pads_in(const tn_layout_group *group, tn_inst *inst) {
  tn_pad_dim *at = TN_NEW_ARRAY(inst->parent->module->arena, tn_pad_dim, group->rank);
  for (int i = 0; i < group->rank; i++) at[i] = inst->attr.pad.at[group->order[i]];
  inst->attr.pad.at = at;
}

/* The attributes of `inst`, a copy with the old ones, in the new order. */
static void reorder_attributes(const tn_layout_group *group, tn_inst *inst) {
  if (inst->op == TN_OP_REDUCE_WINDOW)
    inst->attr.window.window = windows_in(group, inst, inst->attr.window.window);
  if (inst->op == TN_OP_PAD) pads_in(group, inst);
  if (inst->op == TN_OP_IOTA) inst->attr.iota.dim = tn_layout_place_of(group, inst->attr.iota.dim);
  if (inst->op == TN_OP_REVERSE || inst->op == TN_OP_CONCATENATE)
    inst->attr.dimensions.dims = renamed(group, inst, inst->attr.dimensions.dims);
  if (inst->op == TN_OP_SLICE) {
    tn_slice_attributes *own = tn_inst_edit_slice(inst);
    own->starts = permuted(group, inst, own->starts);
    own->limits = permuted(group, inst, own->limits);
    own->strides = permuted(group, inst, own->strides);
  }
}

static void reorder_input(const tn_layout_group *group, tn_inst *inst) {
  tn_conv_dims *dims = &tn_inst_edit_convolution(inst)->dims;
  dims->input_batch = tn_layout_place_of(group, dims->input_batch);
  dims->input_feature = tn_layout_place_of(group, dims->input_feature);
  dims->input_spatial = renamed(group, inst, dims->input_spatial);
}

static void reorder_output(const tn_layout_group *group, tn_inst *inst) {
  tn_conv_dims *dims = &tn_inst_edit_convolution(inst)->dims;
  dims->output_batch = tn_layout_place_of(group, dims->output_batch);
  dims->output_feature = tn_layout_place_of(group, dims->output_feature);
  dims->output_spatial = renamed(group, inst, dims->output_spatial);
}

/* Dims of the operand in rising order of where they lie in the result. */
static tn_inst *broadcast_in(const tn_layout_group *group, tn_inst *inst, const tn_shape *shape) {
  tn_dims dims = inst->attr.dimensions.dims;
  int64_t at[TN_MOST_DIMS], order[TN_MOST_DIMS];
  int count = 0;
  for (int d = 0; d < group->rank; d++)
    for (int i = 0; i < dims.count; i++)
      if (dims.at[i] == group->order[d]) order[count] = i, at[count++] = d;
  tn_inst *operand = tn_make_transpose(tn_site_of(inst), inst->operands[0], order);
  return tn_make_broadcast(tn_site_of(inst), operand, shape, at);
}

static tn_inst *operand_in(rewriter *r, const tn_layout_group *group, tn_inst *inst, int number) {
  tn_inst *operand = inst->operands[number];
  if (r->made[operand->id]) return r->made[operand->id];
  return tn_make_transpose(tn_site_of(inst), operand, group->order);
}

static tn_inst *make_member(rewriter *r, const tn_layout_group *group, tn_inst *inst) {
  const tn_shape *shape = shape_in(group, inst->parent->module->arena, inst->shape);
  if (inst->op == TN_OP_BROADCAST) return broadcast_in(group, inst, shape);
  tn_inst **operands = TN_NEW_ARRAY(r->layouts->scratch, tn_inst *, inst->n_operands + 1);
  for (int i = 0; i < inst->n_operands; i++)
    operands[i] = tn_layout_is_tied(r->layouts, inst, i) ? operand_in(r, group, inst, i) : inst->operands[i];
  tn_inst *by = tn_inst_clone(inst->parent, inst, inst, shape, inst->n_operands, operands);
  by->location = inst->location;
  by->notes = inst->notes;
  reorder_attributes(group, by);
  if (inst->op == TN_OP_CONVOLUTION) reorder_output(group, by);
  return by;
}

/* A reduction of the new value; its result's dims are put back where that moves them. */
static void reduce_in(rewriter *r, const tn_layout_group *group, tn_inst *inst) {
  int64_t order[TN_MOST_DIMS], kept[TN_MOST_DIMS];
  int count = 0;
  tn_dims dims = inst->attr.reduce.dims;
  for (int d = 0, n = 0; d < group->rank; d++) kept[d] = tn_dims_contain(dims, d) ? -1 : n++;
  int64_t sizes[TN_MOST_DIMS];
  for (int i = 0; i < group->rank; i++) {
    if (kept[group->order[i]] < 0) continue;
    sizes[count] = inst->shape->dims[kept[group->order[i]]];
    order[kept[group->order[i]]] = count++;
  }
  const tn_shape *shape = tn_shape_array(inst->parent->module->arena, inst->shape->type, count, sizes);
  tn_inst *operands[] = {r->made[inst->operands[0]->id], inst->operands[1]};
  tn_inst *by = tn_inst_clone(inst->parent, inst, inst, shape, 2, operands);
  by->location = inst->location;
  by->notes = inst->notes;
  by->attr.reduce.dims = renamed(group, by, dims);
  tn_rewrite_replace(inst, tn_make_transpose(tn_site_of(inst), by, order));
}

/* Users that take the new value as it is; others get it turned back. Old members have gone. */
static void hand_over(rewriter *r, const tn_layout_group *group, tn_inst *inst) {
  tn_inst *by = r->made[inst->id];
  for (int i = inst->users.count - 1; i >= 0 && i < inst->users.count; i--) {
    tn_inst *user = inst->users.at[i];
    if (!tn_layout_reads_as_is(user, inst, group->order)) continue;
    if (user->op == TN_OP_REDUCE) {
      reduce_in(r, group, user);
    } else {
      tn_inst_set_operand(user, 0, by);
      reorder_input(group, user);
    }
  }
  int64_t back[TN_MOST_DIMS];
  for (int d = 0; d < group->rank; d++) back[d] = tn_layout_place_of(group, d);
  if (inst->users.count || inst->parent->root == inst)
    tn_inst_replace_uses(inst, tn_make_transpose(tn_site_of(inst), by, back));
}

void tn_layout_rewrite(tn_layouts *layouts) {
  rewriter r = {layouts, TN_NEW_ARRAY(layouts->scratch, tn_inst *, layouts->comp->module->next_id)};
  tn_inst **order;
  int count = tn_comp_post_order(layouts->comp, layouts->scratch, &order);
  for (int i = 0; i < count; i++) {
    tn_layout_group *group = moved_group(&r, order[i]);
    if (group) r.made[order[i]->id] = make_member(&r, group, order[i]);
  }
  /* From the end: the old members go, users before operands. */
  for (int i = count - 1; i >= 0; i--) {
    tn_inst *inst = order[i];
    if (!r.made[inst->id]) continue;
    hand_over(&r, moved_group(&r, inst), inst);
    if (!inst->users.count) tn_inst_remove(inst);
  }
}
