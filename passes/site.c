/* Building the parts of an expansion; see site.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/site.h"

static tn_inst *made(tn_site s, tn_inst *inst) {
  inst->location = s.about->location;
  inst->notes = s.about->notes;
  return inst;
}

tn_dims tn_site_dims(tn_site s, int count, const int64_t *at) {
  return (tn_dims){tn_arena_copy(tn_site_arena(s), at, (size_t)count * sizeof *at), count};
}

static const tn_shape *array(tn_site s, tn_type type, int rank, const int64_t *dims) {
  return tn_shape_array(tn_site_arena(s), type, rank, dims);
}

tn_inst *tn_site_inst(tn_site s, tn_op op, const tn_shape *shape, int n_operands, tn_inst *const *operands) {
  return made(s, tn_inst_create(s.comp, s.before, op, shape, n_operands, operands));
}

tn_inst *tn_site_unary(tn_site s, tn_op op, tn_inst *a) {
  return made(s, tn_build_unary(s.comp, s.before, op, a));
}

tn_inst *tn_site_binary(tn_site s, tn_op op, tn_inst *a, tn_inst *b) {
  return made(s, tn_build_binary(s.comp, s.before, op, a, b));
}

tn_inst *tn_site_compare(tn_site s, tn_direction direction, tn_inst *a, tn_inst *b) {
  return made(s, tn_build_compare(s.comp, s.before, direction, a, b));
}

tn_inst *tn_site_select(tn_site s, tn_inst *pred, tn_inst *on_true, tn_inst *on_false) {
  return made(s, tn_build_select(s.comp, s.before, pred, on_true, on_false));
}

tn_inst *tn_site_convert(tn_site s, tn_inst *a, tn_type type) {
  return a->shape->type == type ? a : made(s, tn_build_convert(s.comp, s.before, a, type));
}

tn_inst *tn_site_scalar(tn_site s, tn_type type, double value) {
  tn_arena *arena = tn_site_arena(s);
  bool whole = tn_type_is_integer(type) || type == TN_PRED;
  tn_literal *literal = whole ? tn_literal_scalar_integer(arena, type, (int64_t)value)
                              : tn_literal_scalar_float(arena, type, value);
  return made(s, tn_build_constant(s.comp, s.before, literal));
}

tn_inst *tn_site_filled(tn_site s, const tn_shape *shape, double value) {
  return tn_site_broadcast(s, tn_site_scalar(s, shape->type, value), shape, 0, NULL);
}

tn_inst *tn_site_iota(tn_site s, const tn_shape *shape, int64_t dim) {
  tn_inst *iota = tn_site_inst(s, TN_OP_IOTA, shape, 0, NULL);
  iota->attr.iota.dim = dim;
  return iota;
}

tn_inst *tn_site_broadcast(tn_site s, tn_inst *a, const tn_shape *shape, int n, const int64_t *dims) {
  return made(s, tn_build_broadcast(s.comp, s.before, a, shape, (tn_dims){dims, n}));
}

tn_inst *tn_site_reshape(tn_site s, tn_inst *a, int rank, const int64_t *dims) {
  const tn_shape *shape = array(s, a->shape->type, rank, dims);
  if (tn_shape_same_dims(shape, a->shape)) return a;
  tn_inst *reshape = made(s, tn_build_reshape(s.comp, s.before, a, shape));
  reshape->attr.reshape.inferred_dimension = -1;
  return reshape;
}

tn_inst *tn_site_transpose(tn_site s, tn_inst *a, const int64_t *order) {
  int rank = a->shape->rank;
  int64_t *dims = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank);
  bool moves = false;
  for (int i = 0; i < rank; i++) {
    dims[i] = a->shape->dims[order[i]];
    moves = moves || order[i] != i;
  }
  if (!moves) return a;
  tn_inst *transpose = tn_site_inst(s, TN_OP_TRANSPOSE, array(s, a->shape->type, rank, dims), 1, &a);
  transpose->attr.dimensions.dims = tn_site_dims(s, rank, order);
  return transpose;
}

tn_inst *tn_site_slice(tn_site s, tn_inst *a, const int64_t *starts, const int64_t *sizes) {
  int rank = a->shape->rank;
  int64_t *limits = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank),
          *strides = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank);
  for (int i = 0; i < rank; i++) {
    limits[i] = starts[i] + sizes[i];
    strides[i] = 1;
  }
  tn_inst *slice = tn_site_inst(s, TN_OP_SLICE, array(s, a->shape->type, rank, sizes), 1, &a);
  slice->attr.slice.starts = tn_site_dims(s, rank, starts);
  slice->attr.slice.limits = (tn_dims){limits, rank};
  slice->attr.slice.strides = (tn_dims){strides, rank};
  return slice;
}

tn_inst *tn_site_concatenate(tn_site s, int64_t dim, int count, tn_inst *const *parts) {
  const tn_shape *first = parts[0]->shape;
  int64_t *dims = TN_NEW_ARRAY(tn_site_arena(s), int64_t, first->rank);
  for (int i = 0; i < first->rank; i++) dims[i] = first->dims[i];
  for (int i = 1; i < count; i++) dims[dim] += parts[i]->shape->dims[dim];
  if (count == 1) return parts[0];
  tn_inst *all = tn_site_inst(s, TN_OP_CONCATENATE, array(s, first->type, first->rank, dims), count, parts);
  all->attr.dimensions.dims = tn_site_dims(s, 1, &dim);
  return all;
}

tn_inst *tn_site_sum(tn_site s, tn_inst *a, int64_t dim) {
  tn_comp *add = tn_build_binary_comp(s.comp->module, TN_OP_ADD, a->shape->type);
  tn_inst *zero = tn_site_scalar(s, a->shape->type, 0);
  return made(s, tn_build_reduce(s.comp, s.before, a, zero, (tn_dims){&dim, 1}, add));
}

tn_inst *tn_site_take(tn_site s, tn_inst *operand, int64_t dim, tn_inst *indices) {
  tn_arena *arena = tn_site_arena(s);
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
  tn_inst *gather =
      tn_site_inst(s, TN_OP_GATHER, array(s, from->type, rank, dims), 2, (tn_inst *[]){operand, indices});
  gather->attr.gather.offset_dims = (tn_dims){offset, n_offset};
  gather->attr.gather.collapsed_slice_dims = tn_site_dims(s, 1, &dim);
  gather->attr.gather.start_index_map = tn_site_dims(s, 1, &dim);
  gather->attr.gather.slice_sizes = (tn_dims){sizes, from->rank};
  gather->attr.gather.index_vector_dim = by->rank;
  return gather;
}

tn_inst *tn_site_dot(tn_site s, tn_type type, tn_inst *const sides[2], const tn_dot_side dims[2]) {
  int64_t *sizes = TN_NEW_ARRAY(tn_site_arena(s), int64_t, sides[0]->shape->rank + sides[1]->shape->rank);
  int rank = 0;
  for (int i = 0; i < dims[0].batch.count; i++) sizes[rank++] = sides[0]->shape->dims[dims[0].batch.at[i]];
  for (int side = 0; side < 2; side++)
    for (int d = 0; d < sides[side]->shape->rank; d++)
      if (!tn_dims_contain(dims[side].batch, d) && !tn_dims_contain(dims[side].contracting, d))
        sizes[rank++] = sides[side]->shape->dims[d];
  tn_inst *dot = tn_site_inst(s, TN_OP_DOT, array(s, type, rank, sizes), 2, sides);
  for (int side = 0; side < 2; side++) dot->attr.dot.side[side] = dims[side];
  return dot;
}
