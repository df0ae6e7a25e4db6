/* Building blocks for passes that write an operation out; see make.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"

#include <assert.h>

static tn_arena *arena_of(const tn_site *site) { return site->comp->module->arena; }

static tn_inst *made(const tn_site *site, tn_inst *inst) {
  if (site->before) {
    inst->location = site->before->location;
    inst->notes = site->before->notes;
  }
  return inst;
}

static tn_inst *create(const tn_site *site, tn_op op, const tn_shape *shape, int count,
                       tn_inst *const *operands) {
  return made(site, tn_inst_create(site->comp, site->before, op, shape, count, operands));
}

/* The operand's dims with one of them changed. */
static const tn_shape *resized(const tn_site *site, const tn_shape *shape, int dim, int64_t size) {
  int64_t dims[TN_MADE_RANK];
  for (int d = 0; d < shape->rank; d++) dims[d] = d == dim ? size : shape->dims[d];
  return tn_shape_array(arena_of(site), shape->type, shape->rank, dims);
}

static tn_dims kept(const tn_site *site, const int64_t *at, int count) {
  return (tn_dims){tn_arena_copy(arena_of(site), at, (size_t)count * sizeof *at), count};
}

/* ---- values ---- */

tn_inst *tn_make_float(const tn_site *site, tn_type type, double value) {
  return made(site, tn_build_constant(site->comp, site->before,
                                      tn_literal_scalar_float(arena_of(site), type, value)));
}

tn_inst *tn_make_integer(const tn_site *site, tn_type type, int64_t value) {
  return made(site, tn_build_constant(site->comp, site->before,
                                      tn_literal_scalar_integer(arena_of(site), type, value)));
}

tn_inst *tn_make_zero(const tn_site *site, tn_type type) {
  tn_arena *arena = arena_of(site);
  return made(site, tn_build_constant(site->comp, site->before,
                                      tn_literal_zero(arena, tn_shape_scalar(arena, type))));
}

tn_inst *tn_make_array(const tn_site *site, const tn_shape *shape, const void *data) {
  return made(site,
              tn_build_constant(site->comp, site->before, tn_literal_array(arena_of(site), shape, data)));
}

tn_inst *tn_make_iota(const tn_site *site, const tn_shape *shape, int dim) {
  tn_inst *iota = create(site, TN_OP_IOTA, tn_shape_without_layout(arena_of(site), shape), 0, NULL);
  iota->attr.iota.dim = dim;
  return iota;
}

tn_inst *tn_make_spread(const tn_site *site, tn_inst *scalar, const tn_shape *shape) {
  if (shape->rank == 0) return scalar;
  return tn_make_broadcast(site, scalar, shape, NULL);
}

tn_inst *tn_make_broadcast(const tn_site *site, tn_inst *operand, const tn_shape *shape,
                           const int64_t *dims) {
  const tn_shape *plain = tn_shape_without_layout(arena_of(site), shape);
  if (plain->type != operand->shape->type)
    plain = tn_shape_with_type(arena_of(site), plain, operand->shape->type);
  return made(site, tn_build_broadcast(site->comp, site->before, operand, plain,
                                       (tn_dims){dims, operand->shape->rank}));
}

/* ---- elementwise ---- */

tn_inst *tn_make_unary(const tn_site *site, tn_op op, tn_inst *operand) {
  return made(site, tn_build_unary(site->comp, site->before, op, operand));
}

tn_inst *tn_make_binary(const tn_site *site, tn_op op, tn_inst *lhs, tn_inst *rhs) {
  return made(site, tn_build_binary(site->comp, site->before, op, lhs, rhs));
}

tn_inst *tn_make_by_scalar(const tn_site *site, tn_op op, tn_inst *lhs, tn_inst *scalar) {
  return tn_make_binary(site, op, lhs, tn_make_spread(site, scalar, lhs->shape));
}

tn_inst *tn_make_complex(const tn_site *site, tn_inst *re, tn_inst *im) {
  tn_type type = re->shape->type == TN_F64 ? TN_C128 : TN_C64;
  const tn_shape *shape =
      tn_shape_with_type(arena_of(site), tn_shape_without_layout(arena_of(site), re->shape), type);
  return create(site, TN_OP_COMPLEX, shape, 2, (tn_inst *[]){re, im});
}

tn_inst *tn_make_compare(const tn_site *site, tn_direction direction, tn_inst *lhs, tn_inst *rhs) {
  return made(site, tn_build_compare(site->comp, site->before, direction, lhs, rhs));
}

tn_inst *tn_make_select(const tn_site *site, tn_inst *pred, tn_inst *on_true, tn_inst *on_false) {
  return made(site, tn_build_select(site->comp, site->before, pred, on_true, on_false));
}

tn_inst *tn_make_convert(const tn_site *site, tn_inst *operand, tn_type type) {
  if (operand->shape->type == type) return operand;
  return made(site, tn_build_convert(site->comp, site->before, operand, type));
}

tn_inst *tn_make_bitcast(const tn_site *site, tn_inst *operand, tn_type type) {
  const tn_shape *from = operand->shape;
  if (from->type == type) return operand;
  int64_t dims[TN_MADE_RANK + 1];
  int rank = from->rank, from_bits = tn_type_bits(from->type), bits = tn_type_bits(type);
  for (int d = 0; d < rank; d++) dims[d] = from->dims[d];
  if (bits < from_bits) dims[rank++] = from_bits / bits;
  if (bits > from_bits) rank--;
  return create(site, TN_OP_BITCAST_CONVERT, tn_shape_array(arena_of(site), type, rank, dims), 1, &operand);
}

/* ---- movement ---- */

tn_inst *tn_make_reshape(const tn_site *site, tn_inst *operand, int rank, const int64_t *dims) {
  return tn_make_reshape_to(site, operand, tn_shape_array(arena_of(site), operand->shape->type, rank, dims));
}

tn_inst *tn_make_reshape_to(const tn_site *site, tn_inst *operand, const tn_shape *shape) {
  if (tn_shape_same_dims(operand->shape, shape)) return operand;
  tn_inst *reshape = made(site, tn_build_reshape(site->comp, site->before, operand,
                                                 tn_shape_without_layout(arena_of(site), shape)));
  reshape->attr.reshape.inferred_dimension = -1;
  return reshape;
}

tn_inst *tn_make_slice(const tn_site *site, tn_inst *operand, int dim, int64_t start, int64_t limit,
                       int64_t stride) {
  const tn_shape *shape = operand->shape;
  if (start == 0 && limit == shape->dims[dim] && stride == 1) return operand;
  int64_t starts[TN_MADE_RANK], limits[TN_MADE_RANK], strides[TN_MADE_RANK];
  for (int d = 0; d < shape->rank; d++) {
    starts[d] = d == dim ? start : 0;
    limits[d] = d == dim ? limit : shape->dims[d];
    strides[d] = d == dim ? stride : 1;
  }
  tn_inst *slice = create(site, TN_OP_SLICE, resized(site, shape, dim, (limit - start + stride - 1) / stride),
                          1, &operand);
  slice->attr.slice.starts = kept(site, starts, shape->rank);
  slice->attr.slice.limits = kept(site, limits, shape->rank);
  slice->attr.slice.strides = kept(site, strides, shape->rank);
  return slice;
}

tn_inst *tn_make_concatenate(const tn_site *site, int dim, int count, tn_inst *const *parts) {
  if (count == 1) return parts[0];
  int64_t size = 0, along = dim;
  for (int i = 0; i < count; i++) size += parts[i]->shape->dims[dim];
  tn_inst *whole = create(site, TN_OP_CONCATENATE, resized(site, parts[0]->shape, dim, size), count, parts);
  whole->attr.dimensions.dims = kept(site, &along, 1);
  return whole;
}

tn_inst *tn_make_stack(const tn_site *site, int dim, int count, tn_inst *const *parts) {
  const tn_shape *shape = parts[0]->shape;
  int64_t dims[TN_MADE_RANK + 1];
  for (int d = 0; d <= shape->rank; d++)
    dims[d] = d < dim ? shape->dims[d] : d == dim ? 1 : shape->dims[d - 1];
  tn_inst **slabs = TN_NEW_ARRAY(arena_of(site), tn_inst *, count);
  for (int i = 0; i < count; i++) slabs[i] = tn_make_reshape(site, parts[i], shape->rank + 1, dims);
  return tn_make_concatenate(site, dim, count, slabs);
}

tn_inst *tn_make_reverse(const tn_site *site, tn_inst *operand, int dim) {
  int64_t along = dim;
  tn_inst *reverse =
      create(site, TN_OP_REVERSE, tn_shape_without_layout(arena_of(site), operand->shape), 1, &operand);
  reverse->attr.dimensions.dims = kept(site, &along, 1);
  return reverse;
}

tn_inst *tn_make_transpose(const tn_site *site, tn_inst *operand, const int64_t *permutation) {
  const tn_shape *shape = operand->shape;
  int64_t dims[TN_MADE_RANK];
  for (int d = 0; d < shape->rank; d++) dims[d] = shape->dims[permutation[d]];
  tn_inst *transpose = create(site, TN_OP_TRANSPOSE,
                              tn_shape_array(arena_of(site), shape->type, shape->rank, dims), 1, &operand);
  transpose->attr.dimensions.dims = kept(site, permutation, shape->rank);
  return transpose;
}

tn_inst *tn_make_pad(const tn_site *site, tn_inst *operand, tn_inst *value, int dim, int64_t low,
                     int64_t high) {
  const tn_shape *shape = operand->shape;
  tn_pad_dim *pads = TN_NEW_ARRAY(arena_of(site), tn_pad_dim, shape->rank);
  pads[dim] = (tn_pad_dim){low, high, 0};
  tn_inst *pad = create(site, TN_OP_PAD, resized(site, shape, dim, shape->dims[dim] + low + high), 2,
                        (tn_inst *[]){operand, value});
  pad->attr.pad.at = pads;
  pad->attr.pad.count = shape->rank;
  return pad;
}

/* ---- structure ---- */

/* Batch dims, then the left side's others, then the right side's. */
static const tn_shape *dot_shape(const tn_site *site, tn_inst *const *operands, const tn_dot_side *sides) {
  int64_t dims[2 * TN_MADE_RANK];
  int rank = 0;
  for (int i = 0; i < sides[0].batch.count; i++)
    dims[rank++] = operands[0]->shape->dims[sides[0].batch.at[i]];
  for (int s = 0; s < 2; s++)
    for (int d = 0; d < operands[s]->shape->rank; d++)
      if (!tn_dims_contain(sides[s].batch, d) && !tn_dims_contain(sides[s].contracting, d))
        dims[rank++] = operands[s]->shape->dims[d];
  return tn_shape_array(arena_of(site), operands[0]->shape->type, rank, dims);
}

tn_inst *tn_make_dot(const tn_site *site, tn_inst *lhs, tn_inst *rhs, tn_dot_side left, tn_dot_side right) {
  tn_inst *operands[2] = {lhs, rhs};
  tn_dot_side sides[2] = {left, right};
  tn_inst *dot = create(site, TN_OP_DOT, dot_shape(site, operands, sides), 2, operands);
  for (int s = 0; s < 2; s++) {
    dot->attr.dot.side[s].batch = kept(site, sides[s].batch.at, sides[s].batch.count);
    dot->attr.dot.side[s].contracting = kept(site, sides[s].contracting.at, sides[s].contracting.count);
  }
  return dot;
}

tn_inst *tn_make_tuple(const tn_site *site, int count, tn_inst *const *parts) {
  return made(site, tn_build_tuple(site->comp, site->before, count, parts));
}

tn_inst *tn_make_element(const tn_site *site, tn_inst *tuple, int index) {
  return made(site, tn_build_element(site->comp, site->before, tuple, index));
}
