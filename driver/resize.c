/* Sizes are changed by value, in all computations at once: what is 128 becomes 8, whether it is
 * a length of sequences or of heads. Shapes of parameters, constants and of what says its
 * shape (broadcast, reshape, iota, …) are changed, all others follow from shape inference,
 * which also finds what does not go together: a slice that ends beyond, a reshape whose counts
 * differ. Nothing here knows what an opcode does.
 *
 * Cost: one walk; constants are copied as far as they stay.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/resize.h"

#include "ir/verify.h"

enum { MAX_RANK = 16 };

static int64_t resized(const tn_resizing *r, int64_t size) {
  if (!r->multiple) return size == r->from ? r->to : size;
  return size > 0 && size % r->multiple == 0 ? size / r->factor : size;
}

/* ---- shapes and literals ---- */

static const tn_shape *resized_shape(tn_arena *arena, const tn_shape *shape, const tn_resizing *r) {
  if (tn_shape_is_tuple(shape)) {
    const tn_shape **elements = TN_NEW_ARRAY(arena, const tn_shape *, shape->rank);
    for (int i = 0; i < shape->rank; i++) elements[i] = resized_shape(arena, shape->elements[i], r);
    return tn_shape_tuple(arena, shape->rank, elements);
  }
  int64_t dims[MAX_RANK];
  if (!tn_shape_is_array(shape) || shape->rank > MAX_RANK) return shape;
  for (int i = 0; i < shape->rank; i++) dims[i] = resized(r, shape->dims[i]);
  tn_shape *copy = (tn_shape *)tn_shape_array(arena, shape->type, shape->rank, dims);
  if (shape->dynamic)
    copy->dynamic = tn_arena_copy(arena, shape->dynamic, (size_t)shape->rank * sizeof(bool));
  return shape->layout ? tn_shape_with_layout(arena, copy, shape->layout) : copy;
}

tn_literal *tn_literal_corner(tn_arena *arena, const tn_literal *literal, const tn_shape *shape) {
  if (tn_shape_is_tuple(shape)) {
    tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
    for (int i = 0; i < shape->rank; i++)
      elements[i] = tn_literal_corner(arena, literal->elements[i], shape->elements[i]);
    return tn_literal_tuple(arena, shape, elements);
  }
  if (!tn_shape_is_array(shape)) return tn_literal_zero(arena, shape);
  void *data;
  tn_literal *small = tn_literal_uninitialised(arena, shape, &data);
  size_t bytes = tn_type_bytes(shape->type);
  int64_t index[MAX_RANK] = {0};
  for (int64_t i = 0, n = tn_shape_elements(shape); i < n; i++) {
    int64_t at = 0;
    for (int d = 0; d < shape->rank; d++) at = at * literal->shape->dims[d] + index[d];
    memcpy((char *)data + (size_t)i * bytes, (const char *)literal->data + (size_t)at * bytes, bytes);
    for (int d = shape->rank - 1; d >= 0 && ++index[d] == shape->dims[d]; d--) index[d] = 0;
  }
  return small;
}

/* ---- instructions ---- */

static tn_dims resized_dims(tn_arena *arena, tn_dims dims, const tn_resizing *r) {
  int64_t *at = tn_arena_copy(arena, dims.at, (size_t)dims.count * sizeof *dims.at);
  for (int i = 0; i < dims.count; i++) at[i] = resized(r, at[i]);
  return (tn_dims){at, dims.count};
}

/* A window over all of a dim follows it. */
static tn_window resized_window(tn_arena *arena, const tn_inst *inst, tn_window window,
                                const tn_resizing *r) {
  tn_window_dim *at = tn_arena_copy(arena, window.at, (size_t)window.count * sizeof *at);
  for (int i = 0; i < window.count; i++)
    if (inst->op == TN_OP_REDUCE_WINDOW && window.count == inst->operands[0]->shape->rank)
      at[i].size = resized(r, at[i].size);
  return (tn_window){at, window.count};
}

/* Attributes that are sizes of what they work on. */
static void resize_attributes(tn_arena *arena, tn_inst *inst, const tn_resizing *r) {
  tn_attributes *attr = &inst->attr;
  if (inst->op == TN_OP_SLICE) tn_inst_edit_slice(inst)->limits = resized_dims(arena, attr->slice->limits, r);
  if (inst->op == TN_OP_DYNAMIC_SLICE)
    attr->dynamic_slice.sizes = resized_dims(arena, attr->dynamic_slice.sizes, r);
  if (inst->op == TN_OP_GATHER)
    tn_inst_edit_gather(inst)->slice_sizes = resized_dims(arena, attr->gather->slice_sizes, r);
  if (inst->op == TN_OP_REDUCE_WINDOW)
    attr->window.window = resized_window(arena, inst, attr->window.window, r);
  if (inst->op == TN_OP_CONVOLUTION && attr->convolution->feature_groups > 1)
    tn_inst_edit_convolution(inst)->feature_groups = resized(r, attr->convolution->feature_groups);
}

/* A declared shape is a wish where inference has a choice, and forgotten elsewhere. */
static bool resize_inst(tn_inst *inst, tn_arena *literals, const tn_resizing *r) {
  tn_arena *arena = inst->parent->module->arena;
  tn_diagnostics silent = {0};
  inst->shape = resized_shape(arena, inst->shape, r);
  if (inst->op == TN_OP_CONSTANT && inst->attr.constant.literal->data)
    inst->attr.constant.literal =
        tn_literal_corner(literals, inst->attr.constant.literal, tn_shape_clone(literals, inst->shape));
  resize_attributes(arena, inst, r);
  const tn_shape *inferred = tn_infer_shape(inst, &silent);
  if (!inferred) return false;
  inst->shape = inferred;
  return true;
}

bool tn_module_resize(tn_module *module, tn_arena *literals, const tn_resizing *r) {
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (!resize_inst(inst, literals, r)) return false;
  if (module->entry_parameters)
    module->entry_parameters = resized_shape(module->arena, module->entry_parameters, r);
  if (module->entry_result) module->entry_result = resized_shape(module->arena, module->entry_result, r);
  tn_diagnostics silent = {0};
  return tn_verify_module(module, &silent);
}
