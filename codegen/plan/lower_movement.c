/* Opcodes that move elements: each is an index into its operand, sometimes guarded.
 *
 * Reading outside (padding, the other parts of a concatenation) is a load with a fill
 * where the operand is in memory; else the operand is computed under a guard, so that
 * its own loads stay inside, and a select puts the fill.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"

static const tn_index **new_position(tn_lowering *l, int rank) {
  return TN_NEW_ARRAY(tn_lower_arena(l), const tn_index *, rank);
}

static const tn_expr *lower_broadcast(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_inst *operand = inst->operands[0];
  const tn_index **from = new_position(l, operand->shape->rank);
  for (int i = 0; i < operand->shape->rank; i++) {
    bool one = operand->shape->dims[i] == 1;
    from[i] = one ? tn_index_constant(tn_lower_arena(l), 0) : at[inst->attr.dimensions.dims.at[i]];
  }
  return tn_lower_element(l, operand, from);
}

static const tn_expr *lower_transpose(tn_lowering *l, tn_inst *inst, tn_position at) {
  const tn_index **from = new_position(l, inst->shape->rank);
  for (int i = 0; i < inst->shape->rank; i++) from[inst->attr.dimensions.dims.at[i]] = at[i];
  return tn_lower_element(l, inst->operands[0], from);
}

const tn_index **tn_lower_unravel(tn_lowering *l, const tn_index *linear, const tn_shape *shape,
                                  const int64_t *order) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_index **at = new_position(l, shape->rank);
  int64_t stride = 1;
  for (int i = shape->rank - 1; i >= 0; i--) {
    int64_t dim = order ? order[shape->rank - 1 - i] : i, size = shape->dims[dim];
    const tn_index *part = tn_index_quotient(arena, tn_lower_kernel(l), linear, stride);
    bool outermost = i == 0;
    if (size == 1)
      part = tn_index_constant(arena, 0);
    else if (!outermost)
      part = tn_index_remainder(arena, tn_lower_kernel(l), part, size);
    at[dim] = part;
    stride *= size > 0 ? size : 1;
  }
  return at;
}

const tn_index *tn_lower_ravel(tn_lowering *l, tn_position at, const tn_shape *shape, const int64_t *order) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_index *linear = tn_index_constant(arena, 0);
  for (int i = 0; i < shape->rank; i++) {
    int64_t dim = order ? order[shape->rank - 1 - i] : i;
    linear = tn_index_add(arena, tn_index_scale(arena, linear, shape->dims[dim]), at[dim]);
  }
  return linear;
}

/* Dims of one side whose sizes multiply to the same as some of the other side's keep
 * their indices apart: each group of dims is ravelled and unravelled alone.         */
const tn_expr *tn_lower_reshape(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_inst *operand = inst->operands[0];
  const tn_shape *to = inst->shape, *from = operand->shape;
  const tn_index **result = new_position(l, from->rank);
  int i = 0, j = 0;
  while (i < to->rank || j < from->rank) {
    int first_i = i, first_j = j;
    int64_t size_to = 1, size_from = 1;
    do { /* the shortest run of dims with equal products */
      if (i < to->rank && (size_to <= size_from || j == from->rank))
        size_to *= to->dims[i++];
      else if (j < from->rank)
        size_from *= from->dims[j++];
    } while (size_to != size_from && (i < to->rank || j < from->rank));
    while (i == to->rank && j < from->rank) size_from *= from->dims[j++];
    while (j == from->rank && i < to->rank) size_to *= to->dims[i++];
    tn_shape part_to = {
        .type = to->type, .rank = i - first_i, .dims = i > first_i ? to->dims + first_i : NULL};
    tn_shape part_from = {
        .type = to->type, .rank = j - first_j, .dims = j > first_j ? from->dims + first_j : NULL};
    tn_position from_here = at ? at + first_i : NULL; /* a scalar's position is none */
    const tn_index **part =
        tn_lower_unravel(l, tn_lower_ravel(l, from_here, &part_to, NULL), &part_from, NULL);
    for (int k = 0; k < part_from.rank; k++) result[first_j + k] = part[k];
  }
  return tn_lower_element(l, operand, result);
}

static const tn_expr *lower_slice(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_index **from = new_position(l, inst->shape->rank);
  for (int i = 0; i < inst->shape->rank; i++) {
    const tn_index *start = tn_index_constant(arena, inst->attr.slice->starts.at[i]);
    from[i] = tn_index_add(arena, tn_index_scale(arena, at[i], inst->attr.slice->strides.at[i]), start);
  }
  return tn_lower_element(l, inst->operands[0], from);
}

static const tn_expr *lower_reverse(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_index **from = new_position(l, inst->shape->rank);
  for (int i = 0; i < inst->shape->rank; i++) from[i] = at[i];
  for (int i = 0; i < inst->attr.dimensions.dims.count; i++) {
    int64_t dim = inst->attr.dimensions.dims.at[i];
    const tn_index *last = tn_index_constant(arena, inst->shape->dims[dim] - 1);
    from[dim] = tn_index_add(arena, last, tn_index_scale(arena, at[dim], -1));
  }
  return tn_lower_element(l, inst->operands[0], from);
}

static const tn_expr *lower_iota(tn_lowering *l, tn_inst *inst, tn_position at) {
  return tn_expr_index(tn_lower_arena(l), inst->shape->type, at[inst->attr.iota.dim]);
}

const tn_expr *tn_lower_guarded(tn_lowering *l, tn_inst *operand, tn_position from,
                                const tn_guard_range *guards, int n_guards, const tn_expr *fill) {
  tn_arena *arena = tn_lower_arena(l);
  for (int i = 0; i < n_guards; i++) tn_lower_push_guard(l, guards[i].index, guards[i].low, guards[i].high);
  const tn_expr *value = tn_lower_element(l, operand, from);
  tn_lower_pop_guards(l, n_guards);
  if (!value || !n_guards) return value;
  if (value->kind == TN_EXPR_LOAD && value->load.n_guards == n_guards) { /* a leaf: its own fill */
    tn_expr *load = tn_arena_copy(arena, value, sizeof *value);
    load->load.fill = fill;
    return load;
  }
  const tn_expr *inside = NULL;
  for (int i = 0; i < n_guards; i++) {
    const tn_expr *one =
        tn_expr_in_range(arena, tn_lower_kernel(l), guards[i].index, guards[i].low, guards[i].high);
    inside = inside ? tn_expr_binary(arena, TN_OP_AND, TN_PRED, inside, one) : one;
  }
  return tn_expr_op(arena, TN_OP_SELECT, fill->type, 3, (const tn_expr *[]){inside, value, fill});
}

/* Appends low <= index < high unless it always holds. */
static void add_guard(tn_lowering *l, tn_guard_range *guards, int *count, const tn_index *index, int64_t low,
                      int64_t high) {
  int64_t least, most;
  tn_index_range(tn_lower_kernel(l), index, &least, &most);
  if (least < low || most >= high) guards[(*count)++] = (tn_guard_range){index, low, high};
}

/* result[i] is operand[(i - low) / (interior + 1)] where that is whole and inside. */
static const tn_expr *lower_pad(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_arena *arena = tn_lower_arena(l);
  int rank = inst->shape->rank, n_guards = 0;
  const tn_index **from = new_position(l, rank);
  tn_guard_range *guards = TN_NEW_ARRAY(arena, tn_guard_range, 2 * rank);
  const tn_expr *fill = tn_lower_element(l, inst->operands[1], NULL);
  if (!fill) return NULL;
  for (int i = 0; i < rank; i++) {
    tn_pad_dim pad = inst->attr.pad.at[i];
    int64_t step = pad.interior + 1, size = inst->operands[0]->shape->dims[i];
    const tn_index *offset = tn_index_add(arena, at[i], tn_index_constant(arena, -pad.low));
    from[i] = offset;
    add_guard(l, guards, &n_guards, offset, 0, size > 0 ? (size - 1) * step + 1 : 0);
    if (step == 1) continue;
    from[i] = tn_index_quotient(arena, tn_lower_kernel(l), offset, step);
    add_guard(l, guards, &n_guards, tn_index_remainder(arena, tn_lower_kernel(l), offset, step), 0, 1);
  }
  return tn_lower_guarded(l, inst->operands[0], from, guards, n_guards, fill);
}

/* (a[i] else (b[i - n] else c[i - n - m])): the last part needs no guard. */
static const tn_expr *lower_concatenate(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_arena *arena = tn_lower_arena(l);
  int64_t dim = inst->attr.dimensions.dims.at[0], end = inst->shape->dims[dim];
  const tn_expr *value = NULL;
  for (int i = inst->n_operands - 1; i >= 0; i--) {
    tn_inst *operand = inst->operands[i];
    int64_t start = end - operand->shape->dims[dim];
    const tn_index **from = new_position(l, inst->shape->rank);
    for (int d = 0; d < inst->shape->rank; d++) from[d] = at[d];
    from[dim] = tn_index_add(arena, at[dim], tn_index_constant(arena, -start));
    tn_guard_range guards[1];
    int n_guards = 0;
    if (start < end) { /* what is empty gives nothing */
      add_guard(l, guards, &n_guards, at[dim], start, end);
      const tn_expr *fill = value ? value : tn_expr_number(arena, inst->shape->type, 0);
      value = tn_lower_guarded(l, operand, from, guards, n_guards, fill);
      if (!value) return NULL;
    }
    end = start;
  }
  return value ? value : tn_expr_number(arena, inst->shape->type, 0);
}

/* ---- indices known at run time ---- */

/* A scalar start, clamped to 0 <= start <= limit. */
static const tn_index *start_index(tn_lowering *l, const tn_expr *value, int64_t limit) {
  tn_arena *arena = tn_lower_arena(l);
  if (limit <= 0) return tn_index_constant(arena, 0);
  return tn_index_value(arena, tn_lower_share(l, value), limit);
}

/* The old form has its starts in one tensor. */
static const tn_expr *start_value(tn_lowering *l, tn_inst *inst, int first, int i) {
  if (inst->operands[first]->shape->rank == 0) return tn_lower_element(l, inst->operands[first + i], NULL);
  const tn_index **where = new_position(l, 1);
  where[0] = tn_index_constant(tn_lower_arena(l), i);
  return tn_lower_element(l, inst->operands[first], where);
}

const tn_index **tn_lower_from_starts(tn_lowering *l, tn_inst *inst, int first, const tn_shape *whole,
                                      const tn_shape *size, tn_position at, int64_t scale) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_index **from = new_position(l, whole->rank);
  for (int i = 0; i < whole->rank; i++) {
    const tn_expr *start = start_value(l, inst, first, i);
    if (!start) return NULL;
    const tn_index *clamped = start_index(l, start, whole->dims[i] - size->dims[i]);
    from[i] = tn_index_add(arena, at[i], tn_index_scale(arena, clamped, scale));
  }
  return from;
}

static const tn_expr *lower_dynamic_slice(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_inst *operand = inst->operands[0];
  const tn_index **from = tn_lower_from_starts(l, inst, 1, operand->shape, inst->shape, at, 1);
  return from ? tn_lower_element(l, operand, from) : NULL;
}

/* As a value: the update where it lies, else the operand. (In place: lower.c.) */
static const tn_expr *lower_dynamic_update_slice(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_inst *update = inst->operands[1];
  int rank = inst->shape->rank, n_guards = 0;
  const tn_index **from = tn_lower_from_starts(l, inst, 2, inst->shape, update->shape, at, -1);
  const tn_expr *fill = from ? tn_lower_element(l, inst->operands[0], at) : NULL;
  tn_guard_range *guards = TN_NEW_ARRAY(tn_lower_arena(l), tn_guard_range, rank);
  for (int i = 0; i < rank && fill; i++) add_guard(l, guards, &n_guards, from[i], 0, update->shape->dims[i]);
  return fill ? tn_lower_guarded(l, update, from, guards, n_guards, fill) : NULL;
}

/* result[batch…, offset…] = operand[start(batch) + offset]. The start vector lies along
 * index_vector_dim of the indices; operand dims that it does not name start at 0.      */
static const tn_expr *lower_gather(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_arena *arena = tn_lower_arena(l);
  tn_inst *operand = inst->operands[0], *indices = inst->operands[1];
  int n_batch = 0, n_offset = 0;
  const tn_index **batch = new_position(l, inst->shape->rank), **from = new_position(l, operand->shape->rank);
  for (int i = 0; i < inst->shape->rank; i++)
    if (!tn_dims_contain(inst->attr.gather->offset_dims, i)) batch[n_batch++] = at[i];
  for (int d = 0; d < operand->shape->rank; d++) {
    from[d] = tn_index_constant(arena, 0);
    if (tn_dims_contain(inst->attr.gather->collapsed_slice_dims, d)) continue;
    if (tn_dims_contain(inst->attr.gather->operand_batching_dims, d)) continue;
    from[d] = at[inst->attr.gather->offset_dims.at[n_offset++]];
  }
  int64_t vector_dim = inst->attr.gather->index_vector_dim;
  for (int k = 0; k < inst->attr.gather->start_index_map.count; k++) {
    int64_t d = inst->attr.gather->start_index_map.at[k];
    const tn_index **where = new_position(l, indices->shape->rank);
    for (int i = 0, b = 0; i < indices->shape->rank; i++)
      where[i] = i == vector_dim ? tn_index_constant(arena, k) : batch[b++];
    const tn_expr *start = tn_lower_element(l, indices, where);
    if (!start) return NULL;
    int64_t limit = operand->shape->dims[d] - inst->attr.gather->slice_sizes.at[d];
    from[d] = tn_index_add(arena, from[d], start_index(l, start, limit));
  }
  for (int k = 0; k < inst->attr.gather->operand_batching_dims.count; k++) {
    int64_t in_indices = inst->attr.gather->start_indices_batching_dims.at[k];
    int64_t b = in_indices - (vector_dim < in_indices);
    from[inst->attr.gather->operand_batching_dims.at[k]] = batch[b];
  }
  return tn_lower_element(l, operand, from);
}

const tn_expr *tn_lower_movement(tn_lowering *l, tn_inst *inst, tn_position at) {
  if (inst->op == TN_OP_BROADCAST) return lower_broadcast(l, inst, at);
  if (inst->op == TN_OP_TRANSPOSE) return lower_transpose(l, inst, at);
  if (inst->op == TN_OP_RESHAPE) return tn_lower_reshape(l, inst, at);
  if (inst->op == TN_OP_BITCAST) return tn_lower_bitcast(l, inst, at);
  if (inst->op == TN_OP_BITCAST_CONVERT) return tn_lower_bitcast_convert(l, inst, at);
  if (inst->op == TN_OP_COPY) return tn_lower_element(l, inst->operands[0], at);
  if (inst->op == TN_OP_SLICE) return lower_slice(l, inst, at);
  if (inst->op == TN_OP_REVERSE) return lower_reverse(l, inst, at);
  if (inst->op == TN_OP_IOTA) return lower_iota(l, inst, at);
  if (inst->op == TN_OP_PAD) return lower_pad(l, inst, at);
  if (inst->op == TN_OP_CONCATENATE) return lower_concatenate(l, inst, at);
  if (inst->op == TN_OP_DYNAMIC_SLICE) return lower_dynamic_slice(l, inst, at);
  if (inst->op == TN_OP_DYNAMIC_UPDATE_SLICE) return lower_dynamic_update_slice(l, inst, at);
  if (inst->op == TN_OP_GATHER) return lower_gather(l, inst, at);
  return tn_lower_fail(l, inst, false);
}
