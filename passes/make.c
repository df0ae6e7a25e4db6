/* Building blocks for passes that write an operation out; see make.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"

#include <assert.h>

static tn_inst *made(tn_site site, tn_inst *inst) {
  if (site.about) {
    inst->location = site.about->location;
    inst->notes = site.about->notes;
  }
  return inst;
}

tn_inst *tn_make_inst(tn_site site, tn_op op, const tn_shape *shape, int count, tn_inst *const *operands) {
  return made(site, tn_inst_create(site.comp, site.before, op, shape, count, operands));
}

tn_dims tn_make_dims(tn_site site, int count, const int64_t *at) {
  return (tn_dims){tn_arena_copy(tn_site_arena(site), at, (size_t)count * sizeof *at), count};
}

static const tn_shape *array(tn_site site, tn_type type, int rank, const int64_t *dims) {
  return tn_shape_array(tn_site_arena(site), type, rank, dims);
}

/* The operand's dims with one of them changed. */
static const tn_shape *resized(tn_site site, const tn_shape *shape, int dim, int64_t size) {
  int64_t dims[TN_MADE_RANK];
  for (int d = 0; d < shape->rank; d++) dims[d] = d == dim ? size : shape->dims[d];
  return tn_shape_array(tn_site_arena(site), shape->type, shape->rank, dims);
}

/* ---- values ---- */

tn_inst *tn_make_scalar(tn_site site, tn_type type, double value) {
  if (tn_type_is_integer(type) || type == TN_PRED) return tn_make_integer(site, type, (int64_t)value);
  tn_literal *literal = tn_literal_scalar_float(tn_site_arena(site), type, value);
  return made(site, tn_build_constant(site.comp, site.before, literal));
}

tn_inst *tn_make_integer(tn_site site, tn_type type, int64_t value) {
  return made(site, tn_build_constant(site.comp, site.before,
                                      tn_literal_scalar_integer(tn_site_arena(site), type, value)));
}

tn_inst *tn_make_zero(tn_site site, tn_type type) {
  tn_arena *arena = tn_site_arena(site);
  return made(
      site, tn_build_constant(site.comp, site.before, tn_literal_zero(arena, tn_shape_scalar(arena, type))));
}

tn_inst *tn_make_array(tn_site site, const tn_shape *shape, const void *data) {
  return made(site,
              tn_build_constant(site.comp, site.before, tn_literal_array(tn_site_arena(site), shape, data)));
}

tn_inst *tn_make_iota(tn_site site, const tn_shape *shape, int64_t dim) {
  tn_inst *iota =
      tn_make_inst(site, TN_OP_IOTA, tn_shape_without_layout(tn_site_arena(site), shape), 0, NULL);
  iota->attr.iota.dim = dim;
  return iota;
}

tn_inst *tn_make_filled(tn_site site, const tn_shape *shape, double value) {
  return tn_make_broadcast(site, tn_make_scalar(site, shape->type, value), shape, NULL);
}

tn_inst *tn_make_spread(tn_site site, tn_inst *scalar, const tn_shape *shape) {
  if (shape->rank == 0) return scalar;
  return tn_make_broadcast(site, scalar, shape, NULL);
}

tn_inst *tn_make_broadcast(tn_site site, tn_inst *operand, const tn_shape *shape, const int64_t *dims) {
  const tn_shape *plain = tn_shape_without_layout(tn_site_arena(site), shape);
  if (plain->type != operand->shape->type)
    plain = tn_shape_with_type(tn_site_arena(site), plain, operand->shape->type);
  return made(site, tn_build_broadcast(site.comp, site.before, operand, plain,
                                       (tn_dims){dims, operand->shape->rank}));
}

/* ---- elementwise ---- */

tn_inst *tn_make_unary(tn_site site, tn_op op, tn_inst *operand) {
  return made(site, tn_build_unary(site.comp, site.before, op, operand));
}

tn_inst *tn_make_binary(tn_site site, tn_op op, tn_inst *lhs, tn_inst *rhs) {
  return made(site, tn_build_binary(site.comp, site.before, op, lhs, rhs));
}

tn_inst *tn_make_by_scalar(tn_site site, tn_op op, tn_inst *lhs, tn_inst *scalar) {
  return tn_make_binary(site, op, lhs, tn_make_spread(site, scalar, lhs->shape));
}

tn_inst *tn_make_complex(tn_site site, tn_inst *re, tn_inst *im) {
  tn_type type = re->shape->type == TN_F64 ? TN_C128 : TN_C64;
  const tn_shape *shape =
      tn_shape_with_type(tn_site_arena(site), tn_shape_without_layout(tn_site_arena(site), re->shape), type);
  return tn_make_inst(site, TN_OP_COMPLEX, shape, 2, (tn_inst *[]){re, im});
}

tn_inst *tn_make_compare(tn_site site, tn_direction direction, tn_inst *lhs, tn_inst *rhs) {
  return made(site, tn_build_compare(site.comp, site.before, direction, lhs, rhs));
}

tn_inst *tn_make_select(tn_site site, tn_inst *pred, tn_inst *on_true, tn_inst *on_false) {
  return made(site, tn_build_select(site.comp, site.before, pred, on_true, on_false));
}

tn_inst *tn_make_convert(tn_site site, tn_inst *operand, tn_type type) {
  if (operand->shape->type == type) return operand;
  return made(site, tn_build_convert(site.comp, site.before, operand, type));
}

tn_inst *tn_make_bitcast(tn_site site, tn_inst *operand, tn_type type) {
  const tn_shape *from = operand->shape;
  if (from->type == type) return operand;
  int64_t dims[TN_MADE_RANK + 1];
  int rank = from->rank, from_bits = tn_type_bits(from->type), bits = tn_type_bits(type);
  for (int d = 0; d < rank; d++) dims[d] = from->dims[d];
  if (bits < from_bits) dims[rank++] = from_bits / bits;
  if (bits > from_bits) rank--;
  return tn_make_inst(site, TN_OP_BITCAST_CONVERT, tn_shape_array(tn_site_arena(site), type, rank, dims), 1,
                      &operand);
}

/* ---- movement ---- */

tn_inst *tn_make_reshape(tn_site site, tn_inst *operand, int rank, const int64_t *dims) {
  return tn_make_reshape_to(site, operand,
                            tn_shape_array(tn_site_arena(site), operand->shape->type, rank, dims));
}

tn_inst *tn_make_reshape_to(tn_site site, tn_inst *operand, const tn_shape *shape) {
  if (tn_shape_same_dims(operand->shape, shape)) return operand;
  tn_inst *reshape = made(site, tn_build_reshape(site.comp, site.before, operand,
                                                 tn_shape_without_layout(tn_site_arena(site), shape)));
  reshape->attr.reshape.inferred_dimension = -1;
  return reshape;
}

tn_inst *tn_make_slice(tn_site site, tn_inst *operand, int dim, int64_t start, int64_t limit,
                       int64_t stride) {
  const tn_shape *shape = operand->shape;
  if (start == 0 && limit == shape->dims[dim] && stride == 1) return operand;
  int64_t starts[TN_MADE_RANK], limits[TN_MADE_RANK], strides[TN_MADE_RANK];
  for (int d = 0; d < shape->rank; d++) {
    starts[d] = d == dim ? start : 0;
    limits[d] = d == dim ? limit : shape->dims[d];
    strides[d] = d == dim ? stride : 1;
  }
  tn_inst *slice = tn_make_inst(
      site, TN_OP_SLICE, resized(site, shape, dim, (limit - start + stride - 1) / stride), 1, &operand);
  tn_slice_attributes *own = tn_inst_edit_slice(slice);
  own->starts = tn_make_dims(site, shape->rank, starts);
  own->limits = tn_make_dims(site, shape->rank, limits);
  own->strides = tn_make_dims(site, shape->rank, strides);
  return slice;
}

tn_inst *tn_make_box(tn_site site, tn_inst *operand, const int64_t *starts, const int64_t *sizes) {
  int rank = operand->shape->rank;
  int64_t *limits = TN_NEW_ARRAY(tn_site_arena(site), int64_t, rank),
          *strides = TN_NEW_ARRAY(tn_site_arena(site), int64_t, rank);
  for (int i = 0; i < rank; i++) {
    limits[i] = starts[i] + sizes[i];
    strides[i] = 1;
  }
  tn_inst *slice =
      tn_make_inst(site, TN_OP_SLICE, array(site, operand->shape->type, rank, sizes), 1, &operand);
  tn_slice_attributes *own = tn_inst_edit_slice(slice);
  own->starts = tn_make_dims(site, rank, starts);
  own->limits = (tn_dims){limits, rank};
  own->strides = (tn_dims){strides, rank};
  return slice;
}

tn_inst *tn_make_concatenate(tn_site site, int dim, int count, tn_inst *const *parts) {
  if (count == 1) return parts[0];
  int64_t size = 0, along = dim;
  for (int i = 0; i < count; i++) size += parts[i]->shape->dims[dim];
  tn_inst *whole =
      tn_make_inst(site, TN_OP_CONCATENATE, resized(site, parts[0]->shape, dim, size), count, parts);
  whole->attr.dimensions.dims = tn_make_dims(site, 1, &along);
  return whole;
}

tn_inst *tn_make_stack(tn_site site, int dim, int count, tn_inst *const *parts) {
  const tn_shape *shape = parts[0]->shape;
  int64_t dims[TN_MADE_RANK + 1];
  for (int d = 0; d <= shape->rank; d++)
    dims[d] = d < dim ? shape->dims[d] : d == dim ? 1 : shape->dims[d - 1];
  tn_inst **slabs = TN_NEW_ARRAY(tn_site_arena(site), tn_inst *, count);
  for (int i = 0; i < count; i++) slabs[i] = tn_make_reshape(site, parts[i], shape->rank + 1, dims);
  return tn_make_concatenate(site, dim, count, slabs);
}

tn_inst *tn_make_reverse(tn_site site, tn_inst *operand, int dim) {
  int64_t along = dim;
  tn_inst *reverse = tn_make_inst(site, TN_OP_REVERSE,
                                  tn_shape_without_layout(tn_site_arena(site), operand->shape), 1, &operand);
  reverse->attr.dimensions.dims = tn_make_dims(site, 1, &along);
  return reverse;
}

tn_inst *tn_make_transpose(tn_site site, tn_inst *operand, const int64_t *order) {
  int rank = operand->shape->rank;
  int64_t *dims = TN_NEW_ARRAY(tn_site_arena(site), int64_t, rank);
  bool moves = false;
  for (int i = 0; i < rank; i++) {
    dims[i] = operand->shape->dims[order[i]];
    moves = moves || order[i] != i;
  }
  if (!moves) return operand;
  tn_inst *transpose =
      tn_make_inst(site, TN_OP_TRANSPOSE, array(site, operand->shape->type, rank, dims), 1, &operand);
  transpose->attr.dimensions.dims = tn_make_dims(site, rank, order);
  return transpose;
}

tn_inst *tn_make_take(tn_site site, tn_inst *operand, int64_t dim, tn_inst *indices) {
  tn_arena *arena = tn_site_arena(site);
  const tn_shape *from = operand->shape, *by = indices->shape;
  int rank = from->rank - 1 + by->rank, n = 0, n_offset = 0;
  int64_t *dims = TN_NEW_ARRAY(arena, int64_t, rank), *offset = TN_NEW_ARRAY(arena, int64_t, rank),
          *sizes = TN_NEW_ARRAY(arena, int64_t, from->rank);
  for (int d = 0; d < from->rank; d++) {
    sizes[d] = d == dim ? 1 : from->dims[d];
    for (int i = 0; d == dim && i < by->rank; i++) dims[n++] = by->dims[i];
    if (d == dim) continue;
    offset[n_offset++] = n;
    dims[n++] = from->dims[d];
  }
  tn_inst *gather = tn_make_inst(site, TN_OP_GATHER, array(site, from->type, rank, dims), 2,
                                 (tn_inst *[]){operand, indices});
  tn_gather_attributes *own = tn_inst_edit_gather(gather);
  own->offset_dims = (tn_dims){offset, n_offset};
  own->collapsed_slice_dims = tn_make_dims(site, 1, &dim);
  own->start_index_map = tn_make_dims(site, 1, &dim);
  own->slice_sizes = (tn_dims){sizes, from->rank};
  own->index_vector_dim = by->rank;
  return gather;
}

tn_inst *tn_make_pad(tn_site site, tn_inst *operand, tn_inst *value, int dim, int64_t low, int64_t high) {
  const tn_shape *shape = operand->shape;
  tn_pad_dim *pads = TN_NEW_ARRAY(tn_site_arena(site), tn_pad_dim, shape->rank);
  pads[dim] = (tn_pad_dim){low, high, 0};
  tn_inst *pad = tn_make_inst(site, TN_OP_PAD, resized(site, shape, dim, shape->dims[dim] + low + high), 2,
                              (tn_inst *[]){operand, value});
  pad->attr.pad.at = pads;
  pad->attr.pad.count = shape->rank;
  return pad;
}

void tn_make_window_explicit(tn_inst *convolution, double fill) {
  tn_site site = tn_site_of(convolution);
  tn_arena *arena = tn_site_arena(site);
  const tn_window *window = &convolution->attr.convolution->window;
  tn_inst *input = convolution->operands[0];
  const tn_shape *shape = input->shape;
  tn_window_dim *dims = tn_arena_copy(arena, window->at, sizeof *dims * (size_t)window->count);
  tn_pad_dim *pads = TN_NEW_ARRAY(arena, tn_pad_dim, shape->rank);
  int64_t *sizes = tn_arena_copy(arena, shape->dims, sizeof *sizes * (size_t)shape->rank);
  bool any = false;
  for (int i = 0; i < window->count; i++) {
    int64_t d = convolution->attr.convolution->dims.input_spatial.at[i], between = dims[i].lhs_dilation - 1;
    pads[d] = (tn_pad_dim){dims[i].pad_low, dims[i].pad_high, between};
    sizes[d] += dims[i].pad_low + dims[i].pad_high + (sizes[d] > 0 ? (sizes[d] - 1) * between : 0);
    any = any || dims[i].pad_low || dims[i].pad_high || between;
    dims[i].pad_low = dims[i].pad_high = 0;
    dims[i].lhs_dilation = 1;
  }
  if (!any) return;
  tn_inst_edit_convolution(convolution)->window.at = dims;
  tn_inst *pad = tn_make_inst(site, TN_OP_PAD, array(site, shape->type, shape->rank, sizes), 2,
                              (tn_inst *[]){input, tn_make_scalar(site, shape->type, fill)});
  pad->attr.pad.at = pads;
  pad->attr.pad.count = shape->rank;
  tn_inst_set_operand(convolution, 0, pad);
}

/* ---- structure ---- */

tn_comp *tn_make_binary_comp(tn_site site, tn_op op, tn_type type) {
  tn_comp *comp = tn_build_binary_comp(site.comp->module, op, type);
  if (!comp->root->notes) made(site, comp->root); /* new, or from where nothing is known */
  return comp;
}

tn_inst *tn_make_sum(tn_site site, tn_inst *operand, tn_dims dims) {
  tn_comp *add = tn_make_binary_comp(site, TN_OP_ADD, operand->shape->type);
  tn_inst *zero = tn_make_scalar(site, operand->shape->type, 0);
  return made(site, tn_build_reduce(site.comp, site.before, operand, zero, dims, add));
}

/* Batch dims, then the left side's others, then the right side's. */
static const tn_shape *dot_shape(tn_site site, tn_type type, tn_inst *const sides[2],
                                 const tn_dot_side dims[2]) {
  int64_t sizes[2 * TN_MADE_RANK];
  int rank = 0;
  for (int i = 0; i < dims[0].batch.count; i++) sizes[rank++] = sides[0]->shape->dims[dims[0].batch.at[i]];
  for (int side = 0; side < 2; side++)
    for (int d = 0; d < sides[side]->shape->rank; d++)
      if (!tn_dims_contain(dims[side].batch, d) && !tn_dims_contain(dims[side].contracting, d))
        sizes[rank++] = sides[side]->shape->dims[d];
  return array(site, type, rank, sizes);
}

tn_inst *tn_make_dot(tn_site site, tn_type type, tn_inst *const sides[2], const tn_dot_side dims[2]) {
  tn_inst *dot = tn_make_inst(site, TN_OP_DOT, dot_shape(site, type, sides, dims), 2, sides);
  tn_dot_attributes *own = tn_inst_edit_dot(dot);
  for (int side = 0; side < 2; side++) {
    const tn_dot_side *of = &dims[side];
    own->side[side].batch = tn_make_dims(site, of->batch.count, of->batch.at);
    own->side[side].contracting = tn_make_dims(site, of->contracting.count, of->contracting.at);
  }
  return dot;
}

tn_inst *tn_make_tuple(tn_site site, int count, tn_inst *const *parts) {
  return made(site, tn_build_tuple(site.comp, site.before, count, parts));
}

tn_inst *tn_make_element(tn_site site, tn_inst *tuple, int index) {
  return made(site, tn_build_element(site.comp, site.before, tuple, index));
}
