/* Opcodes that move elements and change none.
 *
 * Each is one or two strided copies between row-major arrays, of the data and of the
 * error bounds where they are carried. Layouts do not matter here, except to bitcast.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/encoding.h"
#include "ir/eval_internal.h"

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

tn_value *tn_eval_broadcast(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape, *from = operands[0]->literal.shape;
  tn_dims dims = inst->attr.dimensions.dims;
  tn_value *result = tn_value_new(eval, shape);
  int64_t *from_strides = tn_strides(eval, from), *strides = TN_SCRATCH(eval, int64_t, shape->rank);
  int64_t *sizes = TN_SCRATCH(eval, int64_t, shape->rank);
  for (int d = 0; d < shape->rank; d++) strides[d] = 0, sizes[d] = shape->dims[d];
  for (int i = 0; i < dims.count; i++) {
    if (from->dims[i] == 1 && shape->dims[dims.at[i]] != 1) continue;
    strides[dims.at[i]] = from_strides[i];
    sizes[dims.at[i]] = tn_value_size(operands[0], i);
  }
  tn_value_copy(result, 0, tn_strides(eval, shape), operands[0], 0, strides, shape->rank, shape->dims);
  tn_value_set_sizes(result, sizes);
  return result;
}

tn_value *tn_eval_transpose(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  tn_dims dims = inst->attr.dimensions.dims;
  tn_value *result = tn_value_new(eval, shape);
  int64_t *from_strides = tn_strides(eval, operands[0]->literal.shape),
          *strides = TN_SCRATCH(eval, int64_t, shape->rank);
  int64_t *sizes = TN_SCRATCH(eval, int64_t, shape->rank);
  for (int d = 0; d < shape->rank; d++) {
    strides[d] = from_strides[dims.at[d]];
    sizes[d] = tn_value_size(operands[0], (int)dims.at[d]);
  }
  tn_value_copy(result, 0, tn_strides(eval, shape), operands[0], 0, strides, shape->rank, shape->dims);
  tn_value_set_sizes(result, sizes);
  return result;
}

/* One element of a dynamic dim has a static one: where it is beyond the size, it is 0. */
tn_value *tn_eval_slice(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  int64_t *strides = tn_strides(eval, operands[0]->literal.shape), first = 0;
  int64_t *sizes = TN_SCRATCH(eval, int64_t, shape->rank);
  bool there = true;
  for (int d = 0; d < shape->rank; d++) {
    int64_t start = inst->attr.slice->starts.at[d];
    int64_t step = d < inst->attr.slice->strides.count ? inst->attr.slice->strides.at[d] : 1;
    int64_t left = clamp(tn_value_size(operands[0], d), 0, inst->attr.slice->limits.at[d]) - start;
    sizes[d] = left > 0 ? (left + step - 1) / step : 0;
    there = there && ((shape->dynamic && shape->dynamic[d]) || sizes[d] == shape->dims[d]);
    first += start * strides[d];
    strides[d] *= step;
  }
  tn_value *result = there ? tn_value_new(eval, shape) : tn_value_zero(eval, shape);
  if (there && tn_shape_elements(shape))
    tn_value_copy(result, 0, tn_strides(eval, shape), operands[0], first, strides, shape->rank, shape->dims);
  tn_value_set_sizes(result, sizes);
  return result;
}

tn_value *tn_eval_reverse(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  if (tn_value_is_short(operands[0]))
    return tn_eval_packed(eval, inst, tn_eval_reverse, operands, shape->rank, operands[0]->literal.sizes);
  tn_value *result = tn_value_new(eval, shape);
  int64_t *strides = tn_strides(eval, shape), *from_strides = tn_strides(eval, shape), first = 0;
  for (int i = 0; i < inst->attr.dimensions.dims.count; i++) {
    int64_t d = inst->attr.dimensions.dims.at[i];
    first += (shape->dims[d] - 1) * strides[d];
    from_strides[d] = -strides[d];
  }
  if (tn_shape_elements(shape))
    tn_value_copy(result, 0, strides, operands[0], first, from_strides, shape->rank, shape->dims);
  return result;
}

static void fill(tn_eval *eval, tn_value *result, const tn_value *scalar) {
  const tn_shape *shape = result->literal.shape;
  int64_t *zeros = TN_SCRATCH(eval, int64_t, shape->rank);
  for (int d = 0; d < shape->rank; d++) zeros[d] = 0;
  tn_value_copy(result, 0, tn_strides(eval, shape), scalar, 0, zeros, shape->rank, shape->dims);
}

/* Element i of the operand lands at low + i * (interior + 1), if that is inside. */
tn_value *tn_eval_pad(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape, *from = operands[0]->literal.shape;
  int rank = shape->rank;
  int64_t *dims = TN_SCRATCH(eval, int64_t, rank);
  const tn_pad_dim *pads = inst->attr.pad.at;
  if (tn_value_is_short(operands[0])) {
    for (int d = 0; d < rank; d++) {
      int64_t size = tn_value_size(operands[0], d), gaps = size > 0 ? (size - 1) * pads[d].interior : 0;
      dims[d] = clamp(pads[d].low + size + gaps + pads[d].high, 0, shape->dims[d]);
    }
    return tn_eval_packed(eval, inst, tn_eval_pad, operands, rank, dims);
  }
  tn_value *result = tn_value_new(eval, shape);
  fill(eval, result, operands[1]);
  int64_t *strides = tn_strides(eval, shape), *from_strides = tn_strides(eval, from), to_first = 0,
          from_first = 0;
  for (int d = 0; d < rank; d++) {
    int64_t step = pads[d].interior + 1, low = pads[d].low;
    int64_t begin = low < 0 ? (-low + step - 1) / step : 0;
    int64_t room = shape->dims[d] - 1 - low; /* the last position, from the first element */
    int64_t end = room < 0 ? 0 : clamp(room / step + 1, 0, from->dims[d]);
    dims[d] = end - begin;
    if (dims[d] <= 0) return result;
    from_first += begin * from_strides[d];
    to_first += (low + begin * step) * strides[d];
    strides[d] *= step;
  }
  tn_value_copy(result, to_first, strides, operands[0], from_first, from_strides, rank, dims);
  return result;
}

/* The result's sizes: along `dim` the sum of the operands', else those of the first. */
static tn_value *concatenate_short(tn_eval *eval, const tn_inst *inst, tn_value *const *operands,
                                   int64_t dim) {
  int rank = inst->shape->rank;
  int64_t *dims = TN_SCRATCH(eval, int64_t, rank);
  for (int d = 0; d < rank; d++) dims[d] = tn_value_size(operands[0], d);
  for (int i = 1; i < inst->n_operands; i++) dims[dim] += tn_value_size(operands[i], (int)dim);
  return tn_eval_packed(eval, inst, tn_eval_concatenate, operands, rank, dims);
}

tn_value *tn_eval_concatenate(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  int64_t dim = inst->attr.dimensions.dims.at[0];
  if (tn_eval_any_short(inst, operands)) return concatenate_short(eval, inst, operands, dim);
  tn_value *result = tn_value_new(eval, inst->shape);
  int64_t *strides = tn_strides(eval, inst->shape), at = 0;
  for (int i = 0; i < inst->n_operands; i++) {
    const tn_shape *from = operands[i]->literal.shape;
    if (tn_shape_elements(from))
      tn_value_copy(result, at * strides[dim], strides, operands[i], 0, tn_strides(eval, from), from->rank,
                    from->dims);
    at += from->dims[dim];
  }
  return result;
}

/* The position of the first element: starts are clamped so that the box fits. Starts are
 * one scalar a dim, or (an older form) one vector.                                       */
static int64_t clamped_start(const tn_inst *inst, tn_value *const *operands, int first_index,
                             const tn_shape *whole, const int64_t *box, const int64_t *strides) {
  int64_t position = 0;
  for (int d = 0; d < whole->rank; d++) {
    bool vector = operands[first_index]->literal.shape->rank == 1 && inst->n_operands == first_index + 1;
    const tn_value *index = operands[vector ? first_index : first_index + d];
    position += clamp(tn_value_index(index, vector ? d : 0), 0, whole->dims[d] - box[d]) * strides[d];
  }
  return position;
}

static bool starts_are_exact(const tn_inst *inst, tn_value *const *operands, int first_index) {
  for (int i = first_index; i < inst->n_operands; i++)
    if (!tn_value_is_exact(operands[i])) return false;
  return true;
}

tn_value *tn_eval_dynamic_slice(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *from = operands[0]->literal.shape, *shape = inst->shape;
  tn_value *result = tn_value_new(eval, shape);
  int64_t *strides = tn_strides(eval, from);
  int64_t first = from->rank ? clamped_start(inst, operands, 1, from, shape->dims, strides) : 0;
  tn_value_copy(result, 0, tn_strides(eval, shape), operands[0], first, strides, shape->rank, shape->dims);
  return tn_value_decided(eval, result, starts_are_exact(inst, operands, 1));
}

/* In place where the operand has no other use: a loop that fills an array is linear. */
tn_value *tn_eval_dynamic_update_slice(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape, *update = operands[1]->literal.shape;
  tn_value *result = eval->reuse ? tn_value_retain(operands[0]) : tn_value_new(eval, shape);
  int64_t *strides = tn_strides(eval, shape);
  if (result != operands[0])
    tn_value_copy(result, 0, strides, operands[0], 0, strides, shape->rank, shape->dims);
  int64_t first = shape->rank ? clamped_start(inst, operands, 2, shape, update->dims, strides) : 0;
  tn_value_copy(result, first, strides, operands[1], 0, tn_strides(eval, update), shape->rank, update->dims);
  return tn_value_decided(eval, result, starts_are_exact(inst, operands, 2));
}

tn_value *tn_eval_iota(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)operands;
  const tn_shape *shape = inst->shape;
  int dim = (int)inst->attr.iota.dim;
  bool complex = tn_type_is_complex(shape->type);
  tn_type part = complex ? tn_type_part(shape->type) : shape->type;
  /* One line along the dim, then copied over all others. */
  tn_value *line = tn_value_zero(eval, tn_eval_shape(eval, shape->type, 1, &shape->dims[dim]));
  for (int64_t i = 0; i < shape->dims[dim]; i++) {
    char *at = (char *)tn_value_data(line) + (size_t)i * tn_type_bytes(shape->type);
    if (tn_type_is_float(part))
      tn_store_float(part, at, (double)i);
    else
      tn_store_integer(part, at, i);
  }
  tn_value *result = tn_value_new(eval, shape);
  int64_t *strides = TN_SCRATCH(eval, int64_t, shape->rank);
  for (int d = 0; d < shape->rank; d++) strides[d] = d == dim;
  tn_value_copy(result, 0, tn_strides(eval, shape), line, 0, strides, shape->rank, shape->dims);
  tn_value_release(eval, line);
  return result;
}

/* ---- the same elements in other dims ---- */

/* Sizes follow where only dims of size 1 come or go. What is beyond them, and in no dynamic dim any
 * more, is 0.                                                                                      */
static tn_value *reshape_short(tn_eval *eval, const tn_inst *inst, tn_value *operand) {
  const tn_shape *from = operand->literal.shape, *shape = inst->shape;
  int64_t *sizes = TN_SCRATCH(eval, int64_t, shape->rank), *strides = tn_strides(eval, shape);
  int f = 0;
  bool empty = false; /* in a dim of bound 1 */
  for (int d = 0; d < from->rank; d++) empty = empty || (from->dims[d] == 1 && !tn_value_size(operand, d));
  for (int d = 0; d < shape->rank; d++) {
    sizes[d] = shape->dims[d];
    if (shape->dims[d] == 1) continue;
    while (f < from->rank && from->dims[f] == 1) f++;
    if (f == from->rank || from->dims[f] != shape->dims[d])
      tn_eval_stop(eval, TN_UNSUPPORTED,
                   "reshape: a dynamic dim is split or merged, which cannot be evaluated");
    sizes[d] = tn_value_size(operand, f++);
  }
  tn_value *result = tn_value_zero(eval, shape);
  if (!empty) tn_value_copy(result, 0, strides, operand, 0, strides, shape->rank, sizes);
  tn_value_set_sizes(result, sizes);
  return result;
}

tn_value *tn_eval_reshape(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  if (tn_value_is_short(operands[0])) return reshape_short(eval, inst, operands[0]);
  return tn_value_view(eval, inst->shape, operands[0]);
}

/* Physical order to physical order. Bounds of equal types move with their elements. */
static void repack(tn_eval *eval, const tn_shape *from, const void *data, const tn_shape *to, void *out) {
  size_t bytes = (size_t)tn_layout_bytes(from);
  if (tn_layout_bytes(to) != (int64_t)bytes)
    tn_eval_stop(eval, TN_UNSUPPORTED, "bitcast: the operand takes %zu bytes in its layout, the result %lld",
                 bytes, (long long)tn_layout_bytes(to));
  void *physical = tn_eval_scratch(eval, bytes);
  tn_layout_pack(from, data, physical);
  tn_layout_unpack(to, physical, out);
}

/* A value knows its dims, not its layout: that is the operand's. */
tn_value *tn_eval_bitcast(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *from = inst->operands[0]->shape, *to = inst->shape;
  bool plain = tn_layout_is_row_major(from) && tn_layout_is_row_major(to);
  if (from->type == to->type && (plain || tn_shape_identical(from, to)))
    return tn_eval_reshape(eval, inst, operands);
  if (tn_value_is_short(operands[0]))
    tn_eval_stop(eval, TN_UNSUPPORTED, "bitcast: dynamic sizes below their bounds cannot change places");
  tn_value *result = tn_value_new(eval, to);
  repack(eval, from, operands[0]->literal.data, to, tn_value_data(result));
  if (!operands[0]->literal.bound) return result;
  if (from->type == to->type)
    repack(eval, tn_shape_with_type(eval->arena, from, TN_F64), operands[0]->literal.bound,
           tn_shape_with_type(eval->arena, to, TN_F64), tn_value_bound(result));
  else
    tn_bounds_of_bits(result, operands[0]);
  return result;
}

/* ---- bits ---- */

/* A predicate is a byte, true unless it is 0. */
static int bits_of(tn_type type) { return type == TN_PRED ? 8 : tn_type_bits(type); }

static uint64_t load_bits(tn_type type, const void *data, int64_t index) {
  uint64_t bits = 0;
  size_t item = tn_type_bytes(type);
  memcpy(&bits, (const char *)data + (size_t)index * item, item);
  return bits & (~UINT64_C(0) >> (64 - bits_of(type)));
}

static void store_bits(tn_type type, void *data, int64_t index, uint64_t bits) {
  size_t item = tn_type_bytes(type);
  bits &= ~UINT64_C(0) >> (64 - bits_of(type));
  bool wraps = type == TN_PRED || tn_type_class_of(type) == TN_CLASS_SIGNED;
  int64_t value = wraps ? tn_integer_wrap(type, (int64_t)bits) : (int64_t)bits;
  memcpy((char *)data + (size_t)index * item, &value, item);
}

/* Types under a byte lie one a byte in memory, but their bits count packed: the first of
 * several narrow elements is the low part of the wide one.                              */
static void convert_narrow_bits(const tn_shape *to, void *out, const tn_shape *from, const void *data) {
  int to_bits = bits_of(to->type), from_bits = bits_of(from->type);
  int64_t narrow = to_bits < from_bits ? tn_shape_elements(to) : tn_shape_elements(from);
  int part = to_bits < from_bits ? to_bits : from_bits;
  int64_t ratio = (to_bits < from_bits ? from_bits : to_bits) / part;
  for (int64_t i = 0; i < narrow; i++) {
    int shift = (int)(i % ratio) * part;
    if (to_bits <= from_bits) {
      store_bits(to->type, out, i, load_bits(from->type, data, i / ratio) >> shift);
    } else {
      uint64_t sum = shift ? load_bits(to->type, out, i / ratio) : 0;
      store_bits(to->type, out, i / ratio, sum | load_bits(from->type, data, i) << shift);
    }
  }
}

tn_value *tn_eval_bitcast_convert(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *from = operands[0]->literal.shape, *to = inst->shape;
  tn_value *result = tn_value_new(eval, to);
  if (tn_type_bits(from->type) < 8 || tn_type_bits(to->type) < 8)
    convert_narrow_bits(to, tn_value_data(result), from, operands[0]->literal.data);
  else
    memcpy(tn_value_data(result), operands[0]->literal.data, (size_t)tn_shape_bytes(to));
  if (operands[0]->literal.bound) tn_bounds_of_bits(result, operands[0]);
  if (operands[0]->literal.sizes && from->rank == to->rank)
    tn_value_set_sizes(result, operands[0]->literal.sizes);
  return result;
}

/* ---- dynamic sizes ---- */

tn_value *tn_eval_get_dimension_size(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_value *result = tn_value_new(eval, inst->shape);
  int64_t size = tn_value_size(operands[0], (int)inst->attr.dimensions.dims.at[0]);
  tn_store_integer(inst->shape->type, tn_value_data(result), size);
  return result;
}

tn_value *tn_eval_set_dimension_size(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  int64_t dim = inst->attr.dimensions.dims.at[0], size = tn_value_integer(operands[1], 0);
  if (size < 0 || size > shape->dims[dim])
    tn_eval_stop(eval, TN_INVALID, "set-dimension-size: size %lld of dim %lld, its bound is %lld",
                 (long long)size, (long long)dim, (long long)shape->dims[dim]);
  int64_t *sizes = TN_SCRATCH(eval, int64_t, shape->rank);
  for (int d = 0; d < shape->rank; d++) sizes[d] = d == dim ? size : tn_value_size(operands[0], d);
  tn_value *result = tn_value_view(eval, shape, operands[0]);
  tn_value_set_sizes(result, sizes);
  return result;
}

/* The elements in row-major order, packed, take new dims whose sizes are operands. */
tn_value *tn_eval_dynamic_reshape(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  int64_t *sizes = TN_SCRATCH(eval, int64_t, shape->rank), count = 1;
  for (int d = 0; d < shape->rank; d++) {
    sizes[d] = clamp(tn_value_integer(operands[d + 1], 0), 0, shape->dims[d]);
    count *= sizes[d];
  }
  tn_value *packed = tn_value_compact(eval, operands[0]);
  int64_t given = tn_shape_elements(packed->literal.shape);
  if (given != count)
    tn_eval_stop(eval, TN_INVALID, "dynamic-reshape: %lld elements take dims of %lld", (long long)given,
                 (long long)count);
  tn_value *view = tn_value_view(eval, tn_eval_shape(eval, shape->type, shape->rank, sizes), packed);
  tn_value *result = tn_value_spread(eval, shape, view);
  tn_value_release(eval, view);
  tn_value_release(eval, packed);
  return result;
}

/* The verifier has checked the bytes that a constant has; these may be another's. */
tn_value *tn_eval_decode(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_block_sparse format;
  const char *fault = tn_block_sparse_read(eval->arena, &operands[0]->literal, inst->shape, &format);
  if (fault) tn_eval_stop(eval, TN_INVALID, "decode: block_sparse_4x1: %s", fault);
  tn_value *result = tn_value_new(eval, inst->shape);
  tn_block_sparse_decode(&format, inst->shape->type, operands[0]->literal.data, tn_value_data(result));
  return result;
}
