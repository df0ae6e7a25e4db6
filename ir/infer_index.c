/* Shape rules of gather and scatter.
 *
 * Both address the operand through an index tensor. Its dims, without the one that
 * holds index vectors (index_vector_dim; one past the end: indices are scalars), are the
 * batch dims of gather's result and of scatter's updates; the others are windows:
 *
 *   operand dims  = window dims (in order) + collapsed or inserted + batching dims
 *   result dims   = offset_dims: window dims, the rest: batch dims, each in order
 *
 * The batching dims of the operand pair off with those of the indices.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

/* What gather and scatter have in common, under gather's names. */
typedef struct {
  const tn_shape *operand, *indices;
  int indices_operand; /* its number */
  tn_dims removed;     /* collapsed_slice_dims, inserted_window_dims */
  tn_dims operand_batching, indices_batching;
  tn_dims index_map;
  int64_t vector_dim;
  const char *removed_name, *operand_batching_name, *indices_batching_name, *index_map_name;
} indexing;

/* Size of an index vector. */
static int64_t vector_size(const indexing *x) {
  return x->vector_dim == x->indices->rank ? 1 : x->indices->dims[x->vector_dim];
}

static bool need_index_vectors(const tn_inference *in, const indexing *x) {
  unsigned note = tn_operand_bit(x->indices_operand);
  if (!tn_type_is_integer(x->indices->type))
    return tn_wrong(in, note, "indices must be integers and are %s", tn_type_name(x->indices->type));
  if (x->vector_dim < 0 || x->vector_dim > x->indices->rank)
    return tn_wrong(in, note, "index_vector_dim %lld is out of range for %d dimensions",
                    (long long)x->vector_dim, x->indices->rank);
  if (!tn_sizes_agree(vector_size(x), x->index_map.count))
    return tn_wrong(in, note, "%s has %d entries, and index vectors have %lld", x->index_map_name,
                    x->index_map.count, (long long)vector_size(x));
  return tn_need_dims(in, x->index_map_name, x->index_map, x->operand->rank);
}

static bool need_batching(const tn_inference *in, const indexing *x) {
  tn_dims operand = x->operand_batching, indices = x->indices_batching;
  if (operand.count != indices.count)
    return tn_wrong(in, 0, "%s has %d entries, and %s has %d", x->operand_batching_name, operand.count,
                    x->indices_batching_name, indices.count);
  if (!tn_need_dims(in, x->operand_batching_name, operand, x->operand->rank) ||
      !tn_need_sorted(in, x->operand_batching_name, operand) ||
      !tn_need_dims(in, x->indices_batching_name, indices, x->indices->rank))
    return false;
  for (int i = 0; i < operand.count; i++) {
    if (indices.at[i] == x->vector_dim)
      return tn_wrong(in, 0, "%s names index_vector_dim %lld", x->indices_batching_name,
                      (long long)x->vector_dim);
    int64_t a = x->operand->dims[operand.at[i]], b = x->indices->dims[indices.at[i]];
    if (!tn_sizes_agree(a, b))
      return tn_wrong(in, 1u | tn_operand_bit(x->indices_operand), "batching sizes %lld and %lld differ",
                      (long long)a, (long long)b);
  }
  return true;
}

/* How each dim of the operand is used: no dim may be both removed and batching, or
 * batching and indexed. kept[d]: the dim is part of the window.                     */
static bool need_roles(const tn_inference *in, const indexing *x, bool *kept) {
  if (!tn_need_dims(in, x->removed_name, x->removed, x->operand->rank) ||
      !tn_need_sorted(in, x->removed_name, x->removed))
    return false;
  for (int i = 0; i < x->operand->rank; i++) kept[i] = true;
  for (int i = 0; i < x->removed.count; i++) kept[x->removed.at[i]] = false;
  for (int i = 0; i < x->operand_batching.count; i++) {
    int64_t dim = x->operand_batching.at[i];
    if (!kept[dim])
      return tn_wrong(in, 0, "dimension %lld is in both %s and %s", (long long)dim, x->removed_name,
                      x->operand_batching_name);
    kept[dim] = false;
  }
  bool *batching = TN_NEW_ARRAY(in->arena, bool, x->operand->rank);
  for (int i = 0; i < x->operand_batching.count; i++) batching[x->operand_batching.at[i]] = true;
  for (int i = 0; i < x->index_map.count; i++)
    if (batching[x->index_map.at[i]])
      return tn_wrong(in, 0, "dimension %lld is in both %s and %s", (long long)x->index_map.at[i],
                      x->index_map_name, x->operand_batching_name);
  return true;
}

static bool need_indexing(const tn_inference *in, const indexing *x, bool *kept) {
  return need_index_vectors(in, x) && need_batching(in, x) && need_roles(in, x, kept);
}

static int kept_count(const indexing *x) {
  return x->operand->rank - x->removed.count - x->operand_batching.count;
}

/* The next dim of the indices that is not index_vector_dim, from `dim` on. */
static int next_batch(const indexing *x, int dim) { return dim == x->vector_dim ? dim + 1 : dim; }

static int batch_count(const indexing *x) { return x->indices->rank - (x->vector_dim < x->indices->rank); }

/* ---- gather ---- */

static bool need_slice_sizes(const tn_inference *in, const indexing *x, const bool *kept) {
  tn_dims sizes = in->inst->attr.gather->slice_sizes;
  if (sizes.count != x->operand->rank)
    return tn_wrong(in, 1, "slice_sizes lists %d of %d dimensions", sizes.count, x->operand->rank);
  for (int i = 0; i < sizes.count; i++) {
    int64_t size = x->operand->dims[i];
    if (sizes.at[i] < 0 || (size != TN_DIM_UNBOUNDED && sizes.at[i] > size))
      return tn_wrong(in, 1, "a slice of %lld does not fit dimension %d of size %lld", (long long)sizes.at[i],
                      i, (long long)size);
    if (!kept[i] && sizes.at[i] > 1)
      return tn_wrong(in, 1,
                      "slice size %lld of dimension %d, which is collapsed or batching, must be at most 1",
                      (long long)sizes.at[i], i);
  }
  return true;
}

/* A size of 0 in a dimension that the result does not have would be elements of nothing. */
static bool slices_have_elements(const tn_inference *in, const indexing *x, const bool *kept,
                                 const tn_shape *shape) {
  for (int i = 0; i < shape->rank; i++)
    if (shape->dims[i] == 0) return true;
  for (int i = 0; i < x->operand->rank; i++)
    if (!kept[i] && in->inst->attr.gather->slice_sizes.at[i] == 0)
      return tn_wrong(
          in, 1, "slice size 0 of dimension %d, which is collapsed or batching, leaves nothing to take", i);
  return true;
}

/* offset_dims of the result come from the window, the others from the indices. */
static const tn_shape *gather_shape(const tn_inference *in, const indexing *x, const bool *kept) {
  tn_dims offset = in->inst->attr.gather->offset_dims, sizes = in->inst->attr.gather->slice_sizes;
  int rank = offset.count + batch_count(x);
  if (!tn_need_dims(in, "offset_dims", offset, rank) || !tn_need_sorted(in, "offset_dims", offset))
    return NULL;
  tn_extent extent = tn_extent_new(in, rank);
  for (int i = 0, window = 0, batch = 0, next = 0; i < rank; i++) {
    if (next < offset.count && offset.at[next] == i) {
      while (!kept[window]) window++;
      extent.size[i] = sizes.at[window];
      extent.dynamic[i] = tn_dim_dynamic(x->operand, window) && sizes.at[window] == x->operand->dims[window];
      window++;
      next++;
    } else {
      batch = next_batch(x, batch);
      tn_extent_set(&extent, i, x->indices, batch++);
    }
  }
  return tn_extent_shape(in, x->operand->type, &extent);
}

const tn_shape *tn_infer_gather(const tn_inference *in) {
  if (!tn_need_arrays(in)) return NULL;
  const tn_attributes *attr = &in->inst->attr;
  indexing x = {tn_operand_shape(in, 0),
                tn_operand_shape(in, 1),
                1,
                attr->gather->collapsed_slice_dims,
                attr->gather->operand_batching_dims,
                attr->gather->start_indices_batching_dims,
                attr->gather->start_index_map,
                attr->gather->index_vector_dim,
                "collapsed_slice_dims",
                "operand_batching_dims",
                "start_indices_batching_dims",
                "start_index_map"};
  bool *kept = TN_NEW_ARRAY(in->arena, bool, x.operand->rank);
  if (!need_indexing(in, &x, kept) || !need_slice_sizes(in, &x, kept)) return NULL;
  if (attr->gather->offset_dims.count != kept_count(&x))
    return tn_refuse(in, 1, "offset_dims lists %d dimensions, and slices have %d",
                     attr->gather->offset_dims.count, kept_count(&x));
  const tn_shape *shape = gather_shape(in, &x, kept);
  return shape && slices_have_elements(in, &x, kept, shape) ? shape : NULL;
}

/* ---- scatter: operands (inputs…, indices, updates…) ---- */

/* Updates have the shape that gather would give: window dims no larger than the
 * operand's, scatter dims of the indices' sizes.                                */
static bool need_updates(const tn_inference *in, const indexing *x, const bool *kept, int number) {
  const tn_shape *updates = tn_operand_shape(in, number);
  tn_dims windows = in->inst->attr.scatter->update_window_dims;
  unsigned notes = 1u | tn_operand_bit(number);
  if (updates->rank != windows.count + batch_count(x))
    return tn_wrong(in, notes, "updates have %d dimensions, and windows and indices make %d", updates->rank,
                    windows.count + batch_count(x));
  if (!tn_need_dims(in, "update_window_dims", windows, updates->rank) ||
      !tn_need_sorted(in, "update_window_dims", windows))
    return false;
  for (int i = 0, window = 0, batch = 0, next = 0; i < updates->rank; i++) {
    if (next < windows.count && windows.at[next] == i) {
      while (!kept[window]) window++;
      int64_t bound = x->operand->dims[window];
      if (bound != TN_DIM_UNBOUNDED && updates->dims[i] > bound)
        return tn_wrong(in, notes, "an update window of %lld does not fit dimension %d of size %lld",
                        (long long)updates->dims[i], window, (long long)bound);
      window++;
      next++;
    } else {
      batch = next_batch(x, batch);
      if (!tn_sizes_agree(updates->dims[i], x->indices->dims[batch]))
        return tn_wrong(in, notes, "update size %lld and index size %lld differ", (long long)updates->dims[i],
                        (long long)x->indices->dims[batch]);
      batch++;
    }
  }
  return true;
}

static bool need_scatter_operands(const tn_inference *in, const indexing *x, const bool *kept, int n) {
  for (int i = 0; i < n; i++) {
    if (!tn_need_same_dims(in, 0, i)) return false;
    if (!tn_need_same_type(in, i, n + 1 + i) || !need_updates(in, x, kept, n + 1 + i)) return false;
  }
  return true;
}

static const tn_shape *scatter_result(const tn_inference *in, int n) {
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp) return NULL;
  tn_type *inputs = TN_NEW_ARRAY(in->arena, tn_type, n), *inits = TN_NEW_ARRAY(in->arena, tn_type, n);
  tn_type *results = TN_NEW_ARRAY(in->arena, tn_type, n);
  const tn_shape **shapes = TN_NEW_ARRAY(in->arena, const tn_shape *, n);
  for (int i = 0; i < n; i++) {
    shapes[i] = tn_operand_shape(in, i);
    inits[i] = shapes[i]->type;
    inputs[i] = tn_operand_shape(in, n + 1 + i)->type;
  }
  if (!tn_need_reducer(in, comp, n, inputs, inits, results)) return NULL;
  return tn_one_or_tuple(in, n, shapes);
}

const tn_shape *tn_infer_scatter(const tn_inference *in) {
  int count = in->inst->n_operands, n = count / 2;
  if (!tn_need_operands(in, 3, INT32_MAX) || !tn_need_arrays(in)) return NULL;
  if (count % 2 == 0)
    return tn_refuse(in, 0, "%d operands are not inputs, indices and updates of each input", count);
  const tn_attributes *attr = &in->inst->attr;
  indexing x = {tn_operand_shape(in, 0),
                tn_operand_shape(in, n),
                n,
                attr->scatter->inserted_window_dims,
                attr->scatter->input_batching_dims,
                attr->scatter->scatter_indices_batching_dims,
                attr->scatter->scatter_dims_to_operand_dims,
                attr->scatter->index_vector_dim,
                "inserted_window_dims",
                "input_batching_dims",
                "scatter_indices_batching_dims",
                "scatter_dims_to_operand_dims"};
  bool *kept = TN_NEW_ARRAY(in->arena, bool, x.operand->rank);
  if (!need_indexing(in, &x, kept)) return NULL;
  if (attr->scatter->update_window_dims.count != kept_count(&x))
    return tn_refuse(in, 1, "update_window_dims lists %d dimensions, and windows have %d",
                     attr->scatter->update_window_dims.count, kept_count(&x));
  if (!need_scatter_operands(in, &x, kept, n)) return NULL;
  return scatter_result(in, n);
}
