/* Reshapes, broadcasts, transposes, slices and copies that do nothing go; chains of
 * them become one.
 *
 *   r = f32[1,1,1,16] reshape(b)                             b: f32[16]
 *   s = f32[1,1,1,16] broadcast(r), dimensions={0,1,2,3}
 *   t = f32[1,16] reshape(s)
 *   u = f32[1,8,8,16] broadcast(t), dimensions={0,3}
 *  =>
 *   u = f32[1,8,8,16] broadcast(b), dimensions={3}
 *
 * Why: exporters write broadcasting in small steps; behind them a bias is not seen to be
 * one. Keeps: every value, bit for bit. Each rule leaves fewer instructions between a
 * value and its use. Cost: O(instructions), a few sweeps.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/rewrite.h"

static bool are_plain(const tn_inst *inst) {
  return tn_shape_is_plain(inst->shape) && tn_shape_is_plain(inst->operands[0]->shape);
}

/* The operand of `inst` if it is such an instruction and may be looked through. */
static tn_inst *operand_if(const tn_inst *inst, tn_op op) {
  tn_inst *operand = inst->operands[0];
  return operand->op == op && are_plain(inst) && are_plain(operand) ? operand : NULL;
}

/* Rules that end in the operand itself. */
static tn_inst *same_as_operand(tn_pass_context *context, tn_inst *inst) {
  tn_inst *operand = inst->operands[0];
  if (!tn_shape_is_array(inst->shape) || !tn_rewrite_stands_for(operand, inst)) return NULL;
  return tn_pass_spend(context) ? operand : NULL;
}

/* ---- reshape ---- */

static tn_inst *reshape_to_same(tn_pass_context *context, tn_inst *inst) {
  return are_plain(inst) ? same_as_operand(context, inst) : NULL;
}

static tn_inst *reshape_of_reshape(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = operand_if(inst, TN_OP_RESHAPE);
  if (!inner || !tn_pass_spend(context)) return NULL;
  return tn_build_reshape(inst->parent, inst, inner->operands[0], inst->shape);
}

/* Dims of `to` for each of `dims` of `from`, where the shapes differ in ones alone and
 * none of `dims` is a one that goes.                                                   */
static bool dims_through_ones(const tn_shape *from, const tn_shape *to, tn_dims dims, int64_t *result) {
  int64_t where[TN_MOST_DIMS];
  for (int i = 0, j = 0; i < from->rank; i++) {
    where[i] = -1;
    if (from->dims[i] == 1) continue;
    while (to->dims[j] == 1) j++;
    where[i] = j++;
  }
  for (int i = 0; i < dims.count; i++)
    if ((result[i] = where[dims.at[i]]) < 0) return false;
  return true;
}

/* f32[8,16] reshape(f32[1,8,16] broadcast(b), dimensions={2}) */
static tn_inst *reshape_of_broadcast(tn_pass_context *context, tn_inst *inst) {
  tn_inst *broadcast = operand_if(inst, TN_OP_BROADCAST);
  int64_t dims[TN_MOST_DIMS];
  if (!broadcast || !tn_shapes_differ_in_ones(inst->shape, broadcast->shape)) return NULL;
  tn_dims old = broadcast->attr.dimensions.dims;
  if (!dims_through_ones(broadcast->shape, inst->shape, old, dims) || !tn_pass_spend(context)) return NULL;
  return tn_build_broadcast(inst->parent, inst, broadcast->operands[0], inst->shape,
                            (tn_dims){dims, old.count});
}

/* ---- broadcast ---- */

static tn_inst *broadcast_to_same(tn_pass_context *context, tn_inst *inst) {
  return are_plain(inst) && tn_dims_are_identity(inst->attr.dimensions.dims) ? same_as_operand(context, inst)
                                                                             : NULL;
}

static tn_inst *broadcast_of_broadcast(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = operand_if(inst, TN_OP_BROADCAST);
  int64_t dims[TN_MOST_DIMS];
  if (!inner || !tn_pass_spend(context)) return NULL;
  tn_dims old = inner->attr.dimensions.dims;
  for (int i = 0; i < old.count; i++) dims[i] = inst->attr.dimensions.dims.at[old.at[i]];
  return tn_build_broadcast(inst->parent, inst, inner->operands[0], inst->shape, (tn_dims){dims, old.count});
}

/* f32[8,16] broadcast(f32[1,16] reshape(f32[16] b)): the reshape adds ones alone. */
static tn_inst *broadcast_of_reshape(tn_pass_context *context, tn_inst *inst) {
  tn_inst *reshape = operand_if(inst, TN_OP_RESHAPE);
  int64_t all[TN_MOST_DIMS], dims[TN_MOST_DIMS];
  if (!reshape) return NULL;
  const tn_shape *from = reshape->operands[0]->shape;
  if (!tn_shapes_differ_in_ones(from, reshape->shape)) return NULL;
  for (int i = 0; i < from->rank; i++) all[i] = i;
  if (!dims_through_ones(from, reshape->shape, (tn_dims){all, from->rank}, dims) || !tn_pass_spend(context))
    return NULL;
  for (int i = 0; i < from->rank; i++) dims[i] = inst->attr.dimensions.dims.at[dims[i]];
  return tn_build_broadcast(inst->parent, inst, reshape->operands[0], inst->shape,
                            (tn_dims){dims, from->rank});
}

/* A broadcast that adds dims of size 1 alone, in order, is a reshape: no data moves. */
static tn_inst *broadcast_that_adds_ones(tn_pass_context *context, tn_inst *inst) {
  tn_dims dims = inst->attr.dimensions.dims;
  if (!are_plain(inst) || tn_shape_elements(inst->shape) != tn_shape_elements(inst->operands[0]->shape))
    return NULL;
  if (tn_shape_elements(inst->shape) == 0 || !tn_shapes_differ_in_ones(inst->shape, inst->operands[0]->shape))
    return NULL;
  for (int i = 1; i < dims.count; i++)
    if (dims.at[i] < dims.at[i - 1]) return NULL;
  return tn_pass_spend(context) ? tn_build_reshape(inst->parent, inst, inst->operands[0], inst->shape) : NULL;
}

/* ---- transpose ---- */

static tn_inst *transpose_to_same(tn_pass_context *context, tn_inst *inst) {
  return are_plain(inst) && tn_dims_are_identity(inst->attr.dimensions.dims) ? same_as_operand(context, inst)
                                                                             : NULL;
}

static tn_inst *build_transpose(tn_inst *inst, tn_inst *operand, tn_dims dims) {
  tn_inst *result = tn_inst_create(inst->parent, inst, TN_OP_TRANSPOSE, inst->shape, 1, &operand);
  result->attr.dimensions.dims = tn_rewrite_dims(inst, dims.count, dims.at);
  return result;
}

static tn_inst *transpose_of_transpose(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = operand_if(inst, TN_OP_TRANSPOSE);
  int64_t dims[TN_MOST_DIMS];
  if (!inner || !tn_pass_spend(context)) return NULL;
  tn_dims old = inst->attr.dimensions.dims;
  for (int i = 0; i < old.count; i++) dims[i] = inner->attr.dimensions.dims.at[old.at[i]];
  return build_transpose(inst, inner->operands[0], (tn_dims){dims, old.count});
}

static tn_inst *transpose_of_broadcast(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = operand_if(inst, TN_OP_BROADCAST);
  int64_t dims[TN_MOST_DIMS], inverse[TN_MOST_DIMS];
  if (!inner || !tn_pass_spend(context)) return NULL;
  for (int i = 0; i < inst->shape->rank; i++) inverse[inst->attr.dimensions.dims.at[i]] = i;
  tn_dims old = inner->attr.dimensions.dims;
  for (int i = 0; i < old.count; i++) dims[i] = inverse[old.at[i]];
  return tn_build_broadcast(inst->parent, inst, inner->operands[0], inst->shape, (tn_dims){dims, old.count});
}

/* Dims of size 1 alone change places: the elements stay where they are. */
static tn_inst *transpose_of_ones(tn_pass_context *context, tn_inst *inst) {
  tn_dims dims = inst->attr.dimensions.dims;
  if (!are_plain(inst)) return NULL;
  for (int i = 0, last = -1; i < dims.count; i++) {
    if (inst->shape->dims[i] == 1) continue;
    if (dims.at[i] < last) return NULL;
    last = (int)dims.at[i];
  }
  return tn_pass_spend(context) ? tn_build_reshape(inst->parent, inst, inst->operands[0], inst->shape) : NULL;
}

/* Dims of size 1 leave a transpose where that lets reshapes around it meet:
 *
 *   reshape(transpose(reshape(x)))  =>  reshape(transpose(reshape(x))), all without ones  */
static bool has_reshape_beside(const tn_inst *inst) {
  if (inst->operands[0]->op == TN_OP_RESHAPE) return true;
  for (int i = 0; i < inst->users.count; i++)
    if (inst->users.at[i]->op == TN_OP_RESHAPE) return true;
  return false;
}

static const tn_shape *without_ones(tn_arena *arena, const tn_shape *shape, int64_t *position) {
  int64_t dims[TN_MOST_DIMS];
  int rank = 0;
  for (int d = 0; d < shape->rank; d++) {
    position[d] = rank;
    if (shape->dims[d] != 1) dims[rank++] = shape->dims[d];
  }
  return tn_shape_array(arena, shape->type, rank, dims);
}

static tn_inst *transpose_with_ones(tn_pass_context *context, tn_inst *inst) {
  tn_arena *arena = inst->parent->module->arena;
  tn_inst *operand = inst->operands[0];
  int64_t position[TN_MOST_DIMS], unused[TN_MOST_DIMS], dims[TN_MOST_DIMS];
  if (!are_plain(inst) || !has_reshape_beside(inst)) return NULL;
  const tn_shape *from = without_ones(arena, operand->shape, position);
  const tn_shape *to = without_ones(arena, inst->shape, unused);
  if (from->rank == operand->shape->rank || !tn_pass_spend(context)) return NULL;
  for (int d = 0, n = 0; d < inst->shape->rank; d++)
    if (inst->shape->dims[d] != 1) dims[n++] = position[inst->attr.dimensions.dims.at[d]];
  tn_inst *squeezed = tn_build_reshape(inst->parent, inst, operand, from);
  tn_inst *transpose = tn_inst_create(inst->parent, inst, TN_OP_TRANSPOSE, to, 1, &squeezed);
  transpose->attr.dimensions.dims = tn_rewrite_dims(inst, to->rank, dims);
  transpose->location = inst->location;
  transpose->notes = inst->notes;
  return tn_build_reshape(inst->parent, inst, transpose, inst->shape);
}

/* ---- slice, pad, concatenate, reverse, copy ---- */

static tn_inst *slice_of_all(tn_pass_context *context, tn_inst *inst) {
  return are_plain(inst) ? same_as_operand(context, inst) : NULL;
}

static tn_inst *slice_of_slice(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = operand_if(inst, TN_OP_SLICE);
  int64_t starts[TN_MOST_DIMS], limits[TN_MOST_DIMS], strides[TN_MOST_DIMS];
  if (!inner || tn_shape_elements(inst->shape) == 0 || !tn_pass_spend(context)) return NULL;
  int rank = inst->shape->rank;
  for (int i = 0; i < rank; i++) {
    int64_t step = inner->attr.slice->strides.at[i];
    starts[i] = inner->attr.slice->starts.at[i] + inst->attr.slice->starts.at[i] * step;
    strides[i] = inst->shape->dims[i] > 1 ? inst->attr.slice->strides.at[i] * step : 1;
    limits[i] = starts[i] + (inst->shape->dims[i] - 1) * strides[i] + 1;
  }
  tn_inst *slice = tn_inst_create(inst->parent, inst, TN_OP_SLICE, inst->shape, 1, &inner->operands[0]);
  tn_slice_attributes *own = tn_inst_edit_slice(slice);
  own->starts = tn_rewrite_dims(inst, rank, starts);
  own->limits = tn_rewrite_dims(inst, rank, limits);
  own->strides = tn_rewrite_dims(inst, rank, strides);
  return slice;
}

static tn_inst *pad_of_nothing(tn_pass_context *context, tn_inst *inst) {
  for (int i = 0; i < inst->attr.pad.count; i++) {
    tn_pad_dim pad = inst->attr.pad.at[i];
    if (pad.low || pad.high || pad.interior) return NULL;
  }
  return are_plain(inst) ? same_as_operand(context, inst) : NULL;
}

static tn_inst *concatenate_of_one(tn_pass_context *context, tn_inst *inst) {
  return inst->n_operands == 1 ? same_as_operand(context, inst) : NULL;
}

static tn_inst *reverse_of_ones(tn_pass_context *context, tn_inst *inst) {
  if (!are_plain(inst)) return NULL;
  for (int i = 0; i < inst->attr.dimensions.dims.count; i++)
    if (inst->shape->dims[inst->attr.dimensions.dims.at[i]] > 1) return NULL;
  return same_as_operand(context, inst);
}

bool tn_pass_simplify_shape(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(RESHAPE, reshape_to_same),
      TN_RULE(RESHAPE, reshape_of_reshape),
      TN_RULE(RESHAPE, reshape_of_broadcast),
      TN_RULE(BROADCAST, broadcast_to_same),
      TN_RULE(BROADCAST, broadcast_of_broadcast),
      TN_RULE(BROADCAST, broadcast_of_reshape),
      TN_RULE(BROADCAST, broadcast_that_adds_ones),
      TN_RULE(TRANSPOSE, transpose_to_same),
      TN_RULE(TRANSPOSE, transpose_of_transpose),
      TN_RULE(TRANSPOSE, transpose_of_broadcast),
      TN_RULE(TRANSPOSE, transpose_of_ones),
      TN_RULE(TRANSPOSE, transpose_with_ones),
      TN_RULE(SLICE, slice_of_all),
      TN_RULE(SLICE, slice_of_slice),
      TN_RULE(PAD, pad_of_nothing),
      TN_RULE(CONCATENATE, concatenate_of_one),
      TN_RULE(REVERSE, reverse_of_ones),
      TN_RULE(COPY, same_as_operand),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
