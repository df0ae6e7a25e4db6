/* Shape rules of what moves elements without computing: broadcast, reshape, transpose,
 * slices, pad, concatenate, bitcasts, sizes of dynamic dims.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/encoding.h"
#include "ir/infer.h"

/* ---- order and shape ---- */

const tn_shape *tn_infer_broadcast(const tn_inference *in) {
  if (!tn_need_array(in, 0) || !tn_need_declared_array(in)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0), *declared = in->inst->shape;
  tn_dims dims = in->inst->attr.dimensions.dims;
  if (dims.count != operand->rank)
    return tn_refuse(in, 1, "dimensions lists %d of the operand's %d dimensions", dims.count, operand->rank);
  if (!tn_need_dims(in, "dimensions", dims, declared->rank)) return NULL;

  tn_extent extent = tn_extent_of(in, declared);
  for (int i = 0; i < dims.count; i++) {
    if (!tn_sizes_agree(operand->dims[i], declared->dims[dims.at[i]]))
      return tn_refuse(in, 1, "operand dimension %d is %lld, and dimension %lld of the result is %lld", i,
                       (long long)operand->dims[i], (long long)dims.at[i],
                       (long long)declared->dims[dims.at[i]]);
    if (tn_dim_dynamic(operand, i)) tn_extent_set(&extent, (int)dims.at[i], operand, i);
  }
  return tn_extent_shape(in, operand->type, &extent);
}

/* Whether the declared result has as many elements as the operand. */
static bool need_same_elements(const tn_inference *in) {
  const tn_shape *operand = tn_operand_shape(in, 0), *declared = in->inst->shape;
  int64_t before, after;
  if (!tn_elements_checked(operand, &before) || !tn_elements_checked(declared, &after))
    return true; /* unbounded */
  if (before == after) return true;
  return tn_wrong(in, 1, "%s has %lld elements, and %s has %lld", tn_shown(in, operand), (long long)before,
                  tn_shown(in, declared), (long long)after);
}

static const tn_shape *declared_with_type(const tn_inference *in, tn_type type) {
  tn_extent extent = tn_extent_of(in, in->inst->shape);
  return tn_extent_shape(in, type, &extent);
}

const tn_shape *tn_infer_reshape(const tn_inference *in) {
  if (!tn_need_array(in, 0) || !tn_need_declared_array(in) || !need_same_elements(in)) return NULL;
  int64_t inferred = in->inst->attr.reshape.inferred_dimension;
  if (inferred != -1 && !tn_need_dim(in, "inferred_dimension", inferred, in->inst->shape->rank)) return NULL;
  return declared_with_type(in, tn_operand_shape(in, 0)->type);
}

/* Operands: the data, then the size of each dim of the result, s32[]. */
const tn_shape *tn_infer_dynamic_reshape(const tn_inference *in) {
  if (!tn_need_declared_array(in)) return NULL;
  int rank = in->inst->shape->rank;
  if (!tn_need_operands(in, rank + 1, rank + 1) || !tn_need_array(in, 0) || !need_same_elements(in))
    return NULL;
  for (int i = 1; i <= rank; i++) {
    if (!tn_need_scalar(in, i)) return NULL;
    if (tn_operand_shape(in, i)->type != TN_S32)
      return tn_refuse(in, 0, "size %d must be s32[] and is %s", i - 1,
                       tn_shown(in, tn_operand_shape(in, i)));
  }
  return declared_with_type(in, tn_operand_shape(in, 0)->type);
}

const tn_shape *tn_infer_transpose(const tn_inference *in) {
  if (!tn_need_array(in, 0)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_dims dims = in->inst->attr.dimensions.dims;
  if (dims.count != operand->rank)
    return tn_refuse(in, 1, "dimensions lists %d of the operand's %d dimensions", dims.count, operand->rank);
  if (!tn_need_dims(in, "dimensions", dims, operand->rank)) return NULL;
  tn_extent extent = tn_extent_new(in, operand->rank);
  for (int i = 0; i < dims.count; i++) tn_extent_set(&extent, i, operand, (int)dims.at[i]);
  return tn_extent_shape(in, operand->type, &extent);
}

const tn_shape *tn_infer_reverse(const tn_inference *in) {
  if (!tn_need_array(in, 0)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  return tn_need_dims(in, "dimensions", in->inst->attr.dimensions.dims, operand->rank) ? operand : NULL;
}

/* XLA's shuffle moves elements within the operand's shape, along `dimensions`. */
const tn_shape *tn_infer_shuffle(const tn_inference *in) {
  if (!tn_need_operands(in, 1, 1) || !tn_need_array(in, 0)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  return tn_need_dims(in, "dimensions", in->inst->attr.dimensions.dims, operand->rank) ? operand : NULL;
}

/* ---- reinterpretation ---- */

/* The same bytes under another shape: of the values, or of the tiles where padded. */
const tn_shape *tn_infer_bitcast(const tn_inference *in) {
  if (!tn_need_array(in, 0) || !tn_need_declared_array(in)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0), *declared = in->inst->shape;
  int64_t before, after;
  if (!tn_elements_checked(operand, &before) || !tn_elements_checked(declared, &after)) return declared;
  before *= (int64_t)tn_type_bytes(operand->type); /* both within int64: the verifier checked the shapes */
  after *= (int64_t)tn_type_bytes(declared->type);
  if (before == after) return declared;
  bool tiled =
      (operand->layout && operand->layout->n_tiles) || (declared->layout && declared->layout->n_tiles);
  if (tiled && tn_layout_bytes(operand) == tn_layout_bytes(declared)) return declared;
  return tn_refuse(in, 1, "%s is %lld bytes, and %s is %lld", tn_shown(in, operand), (long long)before,
                   tn_shown(in, declared), (long long)after);
}

static int convert_bits(tn_type type) { return type == TN_PRED ? 8 : tn_type_bits(type); }

/* Between widths the narrow side has one more dim, of the ratio: s32[2] <-> s8[2,4]. */
const tn_shape *tn_infer_bitcast_convert(const tn_inference *in) {
  if (!tn_need_array(in, 0) || !tn_need_declared_array(in)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_type to = in->inst->shape->type;
  if (tn_type_is_complex(operand->type) != tn_type_is_complex(to))
    return tn_refuse(in, 1, "%s and %s are not both complex or both real", tn_type_name(operand->type),
                     tn_type_name(to));
  int from_bits = convert_bits(operand->type), to_bits = convert_bits(to);
  int ratio = from_bits > to_bits ? from_bits / to_bits : to_bits / from_bits;
  int rank = operand->rank + (from_bits > to_bits) - (from_bits < to_bits);
  if (from_bits < to_bits && (operand->rank == 0 || !tn_sizes_agree(operand->dims[rank], ratio)))
    return tn_refuse(in, 1, "the last dimension must be %d to make %s of %s", ratio, tn_type_name(to),
                     tn_type_name(operand->type));
  tn_extent extent = tn_extent_new(in, rank);
  for (int i = 0; i < rank && i < operand->rank; i++) tn_extent_set(&extent, i, operand, i);
  if (from_bits > to_bits) extent.size[rank - 1] = ratio;
  return tn_extent_shape(in, to, &extent);
}

/* ---- slices ---- */

static bool need_slice_dim(const tn_inference *in, int dim, int64_t start, int64_t limit, int64_t stride) {
  int64_t size = tn_operand_shape(in, 0)->dims[dim];
  if (stride < 1)
    return tn_wrong(in, 1, "stride %lld in dimension %d must be positive", (long long)stride, dim);
  if (start < 0 || limit < start)
    return tn_wrong(in, 1, "range [%lld:%lld] in dimension %d is not one", (long long)start, (long long)limit,
                    dim);
  if (size != TN_DIM_UNBOUNDED && limit > size)
    return tn_wrong(in, 1, "limit %lld in dimension %d is beyond its size %lld", (long long)limit, dim,
                    (long long)size);
  return true;
}

const tn_shape *tn_infer_slice(const tn_inference *in) {
  if (!tn_need_array(in, 0)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_dims starts = in->inst->attr.slice->starts, limits = in->inst->attr.slice->limits;
  tn_dims strides = in->inst->attr.slice->strides;
  if (starts.count != operand->rank || limits.count != operand->rank || strides.count != operand->rank)
    return tn_refuse(in, 1, "slice gives %d ranges for %d dimensions", starts.count, operand->rank);
  tn_extent extent = tn_extent_of(in, operand);
  for (int i = 0; i < operand->rank; i++) {
    if (!need_slice_dim(in, i, starts.at[i], limits.at[i], strides.at[i])) return NULL;
    int64_t length = limits.at[i] - starts.at[i];
    extent.size[i] = length / strides.at[i] + (length % strides.at[i] != 0);
    if (extent.size[i] == 1 || operand->dims[i] == TN_DIM_UNBOUNDED) extent.dynamic[i] = false;
  }
  return tn_extent_shape(in, operand->type, &extent);
}

/* The older form: all starts in one vector of integers. */
static bool is_start_vector(const tn_inference *in, int first, int rank) {
  if (in->inst->n_operands != first + 1) return false;
  const tn_shape *starts = tn_operand_shape(in, first);
  return tn_shape_is_array(starts) && tn_type_is_integer(starts->type) && starts->rank == 1 &&
         starts->dims[0] == rank;
}

/* Start indices: integer scalars of one type from operand `first` on, one a dim. */
static bool need_starts(const tn_inference *in, int first) {
  const tn_shape *operand = tn_operand_shape(in, 0);
  int given = in->inst->n_operands - first;
  if (is_start_vector(in, first, operand->rank)) return true;
  if (given != operand->rank)
    return tn_wrong(in, 1, "%d start indices given for %d dimensions", given, operand->rank);
  for (int i = first; i < in->inst->n_operands; i++) {
    const tn_shape *start = tn_operand_shape(in, i);
    if (!tn_shape_is_scalar(start) || !tn_type_is_integer(start->type))
      return tn_wrong(in, 0, "start index %d must be an integer scalar and is %s", i - first,
                      tn_shown(in, start));
    if (start->type != tn_operand_shape(in, first)->type)
      return tn_wrong(in, 0, "start indices 0 and %d have types %s and %s", i - first,
                      tn_type_name(tn_operand_shape(in, first)->type), tn_type_name(start->type));
  }
  return true;
}

const tn_shape *tn_infer_dynamic_slice(const tn_inference *in) {
  if (!tn_need_operands(in, 1, INT32_MAX) || !tn_need_array(in, 0) || !need_starts(in, 1)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_dims sizes = in->inst->attr.dynamic_slice.sizes;
  if (sizes.count != operand->rank)
    return tn_refuse(in, 1, "dynamic_slice_sizes lists %d of %d dimensions", sizes.count, operand->rank);
  tn_extent extent = tn_extent_of(in, operand);
  for (int i = 0; i < operand->rank; i++) {
    if (sizes.at[i] < 0 || (operand->dims[i] != TN_DIM_UNBOUNDED && sizes.at[i] > operand->dims[i]))
      return tn_refuse(in, 1, "a slice of %lld does not fit dimension %d of size %lld",
                       (long long)sizes.at[i], i, (long long)operand->dims[i]);
    extent.dynamic[i] = tn_dim_dynamic(operand, i) && sizes.at[i] == operand->dims[i];
    extent.size[i] = sizes.at[i];
  }
  return tn_extent_shape(in, operand->type, &extent);
}

const tn_shape *tn_infer_dynamic_update_slice(const tn_inference *in) {
  if (!tn_need_operands(in, 2, INT32_MAX) || !tn_need_array(in, 0) || !tn_need_array(in, 1) ||
      !tn_need_same_type(in, 0, 1) || !need_starts(in, 2))
    return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0), *update = tn_operand_shape(in, 1);
  if (operand->rank != update->rank)
    return tn_refuse(in, 3, "operand and update have %d and %d dimensions", operand->rank, update->rank);
  for (int i = 0; i < operand->rank; i++)
    if (operand->dims[i] != TN_DIM_UNBOUNDED && update->dims[i] > operand->dims[i])
      return tn_refuse(in, 3, "an update of %lld does not fit dimension %d of size %lld",
                       (long long)update->dims[i], i, (long long)operand->dims[i]);
  return operand;
}

/* ---- growth ---- */

/* low + size + (size - 1) * interior + high. */
static bool padded_size(const tn_inference *in, int dim, const tn_pad_dim *pad, int64_t size,
                        int64_t *result) {
  if (pad->interior < 0)
    return tn_wrong(in, 1, "interior padding %lld in dimension %d is negative", (long long)pad->interior,
                    dim);
  *result = TN_DIM_UNBOUNDED;
  if (size == TN_DIM_UNBOUNDED) return true;
  int64_t inner = 0;
  if ((size > 1 && __builtin_mul_overflow(size - 1, pad->interior, &inner)) ||
      __builtin_add_overflow(inner, size, &inner) || __builtin_add_overflow(inner, pad->low, &inner) ||
      __builtin_add_overflow(inner, pad->high, &inner))
    return tn_wrong(in, 1, "padding %lld_%lld_%lld of dimension %d, %lld, overflows 64 bits",
                    (long long)pad->low, (long long)pad->high, (long long)pad->interior, dim,
                    (long long)size);
  *result = inner;
  if (inner >= 0) return true;
  return tn_wrong(in, 1, "padding %lld and %lld leaves less than nothing of dimension %d, %lld",
                  (long long)pad->low, (long long)pad->high, dim, (long long)size);
}

const tn_shape *tn_infer_pad(const tn_inference *in) {
  if (!tn_need_arrays(in) || !tn_need_scalar(in, 1) || !tn_need_same_type(in, 0, 1)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  if (in->inst->attr.pad.count != operand->rank)
    return tn_refuse(in, 1, "padding of %d dimensions given for %d", in->inst->attr.pad.count, operand->rank);
  tn_extent extent = tn_extent_of(in, operand);
  for (int i = 0; i < operand->rank; i++)
    if (!padded_size(in, i, &in->inst->attr.pad.at[i], operand->dims[i], &extent.size[i])) return NULL;
  return tn_extent_shape(in, operand->type, &extent);
}

/* Joins operand `number` to the shape so far. */
static bool concatenate_one(const tn_inference *in, int number, int along, tn_extent *extent) {
  const tn_shape *first = tn_operand_shape(in, 0), *next = tn_operand_shape(in, number);
  if (!tn_need_same_type(in, 0, number)) return false;
  if (next->rank != first->rank)
    return tn_wrong(in, 1u | tn_operand_bit(number), "operands have %d and %d dimensions", first->rank,
                    next->rank);
  for (int i = 0; i < first->rank; i++) {
    extent->dynamic[i] |= tn_dim_dynamic(next, i);
    if (i == along) {
      bool unbounded = extent->size[i] == TN_DIM_UNBOUNDED || next->dims[i] == TN_DIM_UNBOUNDED;
      if (unbounded)
        extent->size[i] = TN_DIM_UNBOUNDED;
      else if (__builtin_add_overflow(extent->size[i], next->dims[i], &extent->size[i]))
        return tn_wrong(in, 0, "the sum of sizes in dimension %d overflows 64 bits", i);
    } else if (!tn_sizes_agree(extent->size[i], next->dims[i])) {
      return tn_wrong(in, 1u | tn_operand_bit(number), "sizes %lld and %lld of dimension %d differ",
                      (long long)extent->size[i], (long long)next->dims[i], i);
    } else if (extent->size[i] == TN_DIM_UNBOUNDED) {
      extent->size[i] = next->dims[i];
    }
  }
  return true;
}

const tn_shape *tn_infer_concatenate(const tn_inference *in) {
  if (!tn_need_operands(in, 1, INT32_MAX) || !tn_need_arrays(in)) return NULL;
  const tn_shape *first = tn_operand_shape(in, 0);
  tn_dims dims = in->inst->attr.dimensions.dims;
  if (dims.count != 1) return tn_refuse(in, 0, "dimensions must name 1 dimension and names %d", dims.count);
  if (!tn_need_dim(in, "dimension", dims.at[0], first->rank)) return NULL;
  tn_extent extent = tn_extent_of(in, first);
  for (int i = 1; i < in->inst->n_operands; i++)
    if (!concatenate_one(in, i, (int)dims.at[0], &extent)) return NULL;
  return tn_extent_shape(in, first->type, &extent);
}

/* ---- sizes of dynamic dims ---- */

static bool need_size_dim(const tn_inference *in) {
  if (!tn_need_array(in, 0)) return false;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_dims dims = in->inst->attr.dimensions.dims;
  if (dims.count != 1) return tn_wrong(in, 0, "dimensions must name 1 dimension and names %d", dims.count);
  if (!tn_need_dim(in, "dimension", dims.at[0], operand->rank)) return false;
  if (operand->dims[dims.at[0]] <= INT32_MAX) return true;
  return tn_wrong(in, 1, "size %lld of dimension %lld does not fit s32", (long long)operand->dims[dims.at[0]],
                  (long long)dims.at[0]);
}

const tn_shape *tn_infer_get_dimension_size(const tn_inference *in) {
  return need_size_dim(in) ? tn_infer_scalar(in, TN_S32) : NULL;
}

/* The dim becomes dynamic, unless the result is declared static: then the size is the
 * bound, and the whole dim is meant again.                                            */
const tn_shape *tn_infer_set_dimension_size(const tn_inference *in) {
  if (!need_size_dim(in) || !tn_need_scalar(in, 1)) return NULL;
  if (tn_operand_shape(in, 1)->type != TN_S32)
    return tn_refuse(in, 0, "the size must be s32[] and is %s", tn_shown(in, tn_operand_shape(in, 1)));
  const tn_shape *operand = tn_operand_shape(in, 0), *declared = in->inst->shape;
  int dim = (int)in->inst->attr.dimensions.dims.at[0];
  tn_extent extent = tn_extent_of(in, operand);
  bool whole =
      declared && tn_shape_is_array(declared) && dim < declared->rank && !tn_dim_dynamic(declared, dim);
  extent.dynamic[dim] = !whole;
  return tn_extent_shape(in, operand->type, &extent);
}

/* ---- encoded constants ---- */

const tn_shape *tn_infer_decode(const tn_inference *in) {
  const tn_shape *operand = tn_operand_shape(in, 0), *declared = in->inst->shape;
  if (!tn_need_array(in, 0) || !tn_need_declared_array(in)) return NULL;
  if (operand->type != TN_U8 || operand->rank != 1)
    return tn_refuse(in, 1, "operand is %s, a list of u8 expected", tn_shown(in, operand));
  const tn_comp *comp = in->inst->parent;
  if (in->inst->operands[0]->op == TN_OP_PARAMETER && comp && !comp->callers.count &&
      comp->module->entry != comp)
    return declared; /* of a computation that nobody calls (yet) */
  const tn_literal *bytes = tn_decode_source(in->inst);
  tn_block_sparse format;
  if (!bytes) return tn_refuse(in, 1, "operand is no constant");
  const char *fault = tn_block_sparse_read(in->arena, bytes, declared, &format);
  return fault ? tn_refuse(in, 1, "block_sparse_4x1: %s", fault) : declared;
}
