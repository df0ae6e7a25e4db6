/* Shape rules of dot, ragged-dot, scaled-dot and convolution.
 *
 * The result's element type is the declared one where it may hold the products: the
 * text's way to say in what the sums accumulate (s8 x s8 -> s32, bf16 x bf16 -> f32).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

/* ---- dot: result is [batch…, lhs free…, rhs free…] ---- */

/* Batch and contracting dims of one side: in range, none twice. */
static bool need_side(const tn_inference *in, int side) {
  const tn_dot_side *dims = &in->inst->attr.dot->side[side];
  tn_dims batch = dims->batch, contracting = dims->contracting;
  int64_t *all = TN_NEW_ARRAY(in->arena, int64_t, (size_t)batch.count + (size_t)contracting.count);
  for (int i = 0; i < batch.count; i++) all[i] = batch.at[i];
  for (int i = 0; i < contracting.count; i++) all[batch.count + i] = contracting.at[i];
  return tn_need_dims(in, side == 0 ? "lhs dimension" : "rhs dimension",
                      (tn_dims){all, batch.count + contracting.count}, tn_operand_shape(in, side)->rank);
}

static bool need_pairs(const tn_inference *in, const char *what, tn_dims lhs, tn_dims rhs) {
  if (lhs.count != rhs.count)
    return tn_wrong(in, 3, "%d %s dimensions of one side and %d of the other", lhs.count, what, rhs.count);
  for (int i = 0; i < lhs.count; i++) {
    int64_t a = tn_operand_shape(in, 0)->dims[lhs.at[i]], b = tn_operand_shape(in, 1)->dims[rhs.at[i]];
    if (!tn_sizes_agree(a, b))
      return tn_wrong(in, 3, "%s sizes %lld and %lld differ", what, (long long)a, (long long)b);
  }
  return true;
}

static bool need_dot_dims(const tn_inference *in) {
  const tn_dot_side *side = in->inst->attr.dot->side;
  return need_side(in, 0) && need_side(in, 1) && need_pairs(in, "batch", side[0].batch, side[1].batch) &&
         need_pairs(in, "contracting", side[0].contracting, side[1].contracting);
}

/* bits[d]: operand dim d is neither batch nor contracting. */
static bool *free_dims(const tn_inference *in, int side) {
  const tn_dot_side *dims = &in->inst->attr.dot->side[side];
  int rank = tn_operand_shape(in, side)->rank;
  bool *is_free = TN_NEW_ARRAY(in->arena, bool, rank);
  for (int i = 0; i < rank; i++) is_free[i] = true;
  for (int i = 0; i < dims->batch.count; i++) is_free[dims->batch.at[i]] = false;
  for (int i = 0; i < dims->contracting.count; i++) is_free[dims->contracting.at[i]] = false;
  return is_free;
}

/* [leading…, batch…, lhs free…, rhs free… but `group`]; leading -1 is none. */
static const tn_shape *dot_shape(const tn_inference *in, tn_type type, int64_t leading, int64_t group) {
  const tn_shape *lhs = tn_operand_shape(in, 0), *rhs = tn_operand_shape(in, 1);
  const tn_dot_side *side = in->inst->attr.dot->side;
  bool *lhs_free = free_dims(in, 0), *rhs_free = free_dims(in, 1);
  if (group >= 0) rhs_free[group] = false;
  tn_extent extent = tn_extent_new(in, 1 + lhs->rank + rhs->rank);
  int rank = 0;
  if (leading >= 0) extent.size[rank++] = leading;
  for (int i = 0; i < side[0].batch.count; i++) {
    tn_extent_set(&extent, rank, lhs, (int)side[0].batch.at[i]);
    extent.dynamic[rank++] |= tn_dim_dynamic(rhs, (int)side[1].batch.at[i]);
  }
  for (int i = 0; i < lhs->rank; i++)
    if (lhs_free[i]) tn_extent_set(&extent, rank++, lhs, i);
  for (int i = 0; i < rhs->rank; i++)
    if (rhs_free[i]) tn_extent_set(&extent, rank++, rhs, i);
  extent.rank = rank;
  return tn_extent_shape(in, type, &extent);
}

const tn_shape *tn_infer_dot(const tn_inference *in) {
  if (!tn_need_arrays(in) || !need_dot_dims(in)) return NULL;
  tn_type type = tn_product_type(in, tn_operand_shape(in, 0)->type, tn_operand_shape(in, 1)->type);
  return type == TN_TYPE_NONE ? NULL : dot_shape(in, type, -1, -1);
}

/* ---- ragged-dot: the lhs is cut along its ragged dim by the group sizes ----
 *
 *   the ragged dim is   result
 *   free                [b…, m, n], each group of rows has its own rhs (a dim of it)
 *   contracting         [g, b…, m, n]
 *   batch               [b…, m, n]
 */

/* Group sizes are integers, [g] or [leading lhs dims…, g]; gives g. */
static bool need_group_sizes(const tn_inference *in, int64_t *groups) {
  const tn_shape *sizes = tn_operand_shape(in, 2);
  if (!tn_type_is_integer(sizes->type))
    return tn_wrong(in, 4, "group sizes must be integers and are %s", tn_type_name(sizes->type));
  if (sizes->rank < 1 || sizes->rank > tn_operand_shape(in, 0)->rank)
    return tn_wrong(in, 5, "group sizes have %d dimensions, and the lhs has %d", sizes->rank,
                    tn_operand_shape(in, 0)->rank);
  *groups = sizes->dims[sizes->rank - 1];
  return true;
}

const tn_shape *tn_infer_ragged_dot(const tn_inference *in) {
  if (!tn_need_arrays(in) || !need_dot_dims(in)) return NULL;
  const tn_shape *lhs = tn_operand_shape(in, 0), *rhs = tn_operand_shape(in, 1);
  const tn_attributes *attr = &in->inst->attr;
  tn_dims ragged = attr->dot->lhs_ragged, group = attr->dot->rhs_group;
  int64_t groups = 0;
  if (ragged.count != 1)
    return tn_refuse(in, 0, "lhs_ragged_dims must name 1 dimension and names %d", ragged.count);
  if (!tn_need_dim(in, "lhs_ragged_dims", ragged.at[0], lhs->rank) ||
      !tn_need_dims(in, "rhs_group_dims", group, rhs->rank) || !need_group_sizes(in, &groups))
    return NULL;
  bool contracting = tn_dims_contain(attr->dot->side[0].contracting, ragged.at[0]);
  bool by_rows = !contracting && !tn_dims_contain(attr->dot->side[0].batch, ragged.at[0]);
  if (group.count != by_rows)
    return tn_refuse(in, 3, "rhs_group_dims must name %d dimension%s here and names %d", by_rows,
                     by_rows ? "" : "s", group.count);
  if (by_rows && (tn_dims_contain(attr->dot->side[1].batch, group.at[0]) ||
                  tn_dims_contain(attr->dot->side[1].contracting, group.at[0])))
    return tn_refuse(in, 2, "rhs_group_dims names dimension %lld, which is batch or contracting",
                     (long long)group.at[0]);
  if (by_rows && !tn_sizes_agree(rhs->dims[group.at[0]], groups))
    return tn_refuse(in, 6, "the rhs has %lld groups, and %lld group sizes are given",
                     (long long)rhs->dims[group.at[0]], (long long)groups);
  tn_type type = tn_product_type(in, lhs->type, rhs->type);
  if (type == TN_TYPE_NONE) return NULL;
  return dot_shape(in, type, contracting ? groups : -1, by_rows ? group.at[0] : -1);
}

/* ---- scaled-dot: operands lhs, rhs, lhs scale, rhs scale ----
 *
 * A scale is a scalar, or has a value for each block of its operand: as many dims, each
 * size dividing the operand's.
 */
static bool need_scale(const tn_inference *in, int side) {
  const tn_shape *operand = tn_operand_shape(in, side), *scale = tn_operand_shape(in, side + 2);
  unsigned notes = tn_operand_bit(side) | tn_operand_bit(side + 2);
  if (!tn_type_is_float(scale->type))
    return tn_wrong(in, notes, "scales must be float and are %s", tn_type_name(scale->type));
  if (scale->rank == 0) return true;
  if (scale->rank != operand->rank)
    return tn_wrong(in, notes, "scales have %d dimensions, and their operand has %d", scale->rank,
                    operand->rank);
  for (int i = 0; i < scale->rank; i++) {
    int64_t size = operand->dims[i], count = scale->dims[i];
    if (tn_sizes_agree(size, count)) continue;
    if (count < 1 || size % count != 0)
      return tn_wrong(in, notes, "%lld scales do not divide dimension %d of size %lld", (long long)count, i,
                      (long long)size);
  }
  return true;
}

const tn_shape *tn_infer_scaled_dot(const tn_inference *in) {
  if (!tn_need_arrays(in) || !need_dot_dims(in) || !need_scale(in, 0) || !need_scale(in, 1)) return NULL;
  tn_type type = tn_product_type(in, tn_operand_shape(in, 0)->type, tn_operand_shape(in, 1)->type);
  return type == TN_TYPE_NONE ? NULL : dot_shape(in, type, -1, -1);
}

/* ---- convolution ---- */

/* The labels of one tensor name each of its dims once: two named ones and the spatial. */
static bool need_labels(const tn_inference *in, const char *what, int rank, int64_t first, int64_t second,
                        tn_dims spatial) {
  if (rank != spatial.count + 2)
    return tn_wrong(in, 3, "dim_labels name %d dimensions of the %s, which has %d", spatial.count + 2, what,
                    rank);
  int64_t *all = TN_NEW_ARRAY(in->arena, int64_t, rank);
  all[0] = first;
  all[1] = second;
  for (int i = 0; i < spatial.count; i++) all[i + 2] = spatial.at[i];
  return tn_need_dims(in, "dim_labels", (tn_dims){all, rank}, rank);
}

static bool need_conv_dims(const tn_inference *in) {
  const tn_conv_dims *dims = &in->inst->attr.convolution->dims;
  int spatial = in->inst->attr.convolution->window.count;
  if (dims->input_spatial.count != spatial || dims->kernel_spatial.count != spatial ||
      dims->output_spatial.count != spatial)
    return tn_wrong(in, 3, "the window has %d dimensions, and dim_labels have %d, %d and %d spatial ones",
                    spatial, dims->input_spatial.count, dims->kernel_spatial.count,
                    dims->output_spatial.count);
  return need_labels(in, "input", tn_operand_shape(in, 0)->rank, dims->input_batch, dims->input_feature,
                     dims->input_spatial) &&
         need_labels(in, "kernel", tn_operand_shape(in, 1)->rank, dims->kernel_input, dims->kernel_output,
                     dims->kernel_spatial) &&
         need_labels(in, "result", spatial + 2, dims->output_batch, dims->output_feature,
                     dims->output_spatial);
}

static bool divides(int64_t part, int64_t size) { return size == TN_DIM_UNBOUNDED || size % part == 0; }

/* feature groups: the input's features fall into groups, each with its own kernels;
 * batch groups: the batch does, and each gives a part of the output's features.     */
static bool need_groups(const tn_inference *in) {
  const tn_conv_dims *dims = &in->inst->attr.convolution->dims;
  const tn_shape *input = tn_operand_shape(in, 0), *kernel = tn_operand_shape(in, 1);
  int64_t groups = in->inst->attr.convolution->feature_groups,
          batches = in->inst->attr.convolution->batch_groups;
  int64_t features = input->dims[dims->input_feature], batch = input->dims[dims->input_batch];
  int64_t taken = kernel->dims[dims->kernel_input], given = kernel->dims[dims->kernel_output];
  if (groups < 1 || batches < 1)
    return tn_wrong(in, 0, "feature_group_count %lld and batch_group_count %lld must be positive",
                    (long long)groups, (long long)batches);
  if (groups > 1 && batches > 1)
    return tn_wrong(in, 0, "feature_group_count %lld and batch_group_count %lld exclude each other",
                    (long long)groups, (long long)batches);
  if (!divides(groups, features) || !divides(groups, given))
    return tn_wrong(in, 3, "feature_group_count %lld does not divide %lld input and %lld output features",
                    (long long)groups, (long long)features, (long long)given);
  if (!divides(batches, batch) || !divides(batches, given))
    return tn_wrong(in, 3, "batch_group_count %lld does not divide a batch of %lld and %lld output features",
                    (long long)batches, (long long)batch, (long long)given);
  if (features != TN_DIM_UNBOUNDED && !tn_sizes_agree(taken, features / groups))
    return tn_wrong(in, 3, "the kernel takes %lld input features, and the input has %lld in %lld group%s",
                    (long long)taken, (long long)features, (long long)groups, groups == 1 ? "" : "s");
  return true;
}

static bool conv_spatial(const tn_inference *in, tn_extent *extent) {
  const tn_conv_dims *dims = &in->inst->attr.convolution->dims;
  const tn_window *window = &in->inst->attr.convolution->window;
  const tn_shape *input = tn_operand_shape(in, 0), *kernel = tn_operand_shape(in, 1);
  for (int i = 0; i < window->count; i++) {
    int64_t size = kernel->dims[dims->kernel_spatial.at[i]];
    if (!tn_sizes_agree(size, window->at[i].size))
      return tn_wrong(in, 2, "the window is %lld in spatial dimension %d, and the kernel %lld",
                      (long long)window->at[i].size, i, (long long)size);
    int out = (int)dims->output_spatial.at[i], from = (int)dims->input_spatial.at[i];
    if (!tn_window_size(in, i, input->dims[from], &window->at[i], &extent->size[out])) return false;
    extent->dynamic[out] = tn_dim_dynamic(input, from);
  }
  return true;
}

const tn_shape *tn_infer_convolution(const tn_inference *in) {
  if (!tn_need_arrays(in) || !need_conv_dims(in) || !need_groups(in)) return NULL;
  const tn_conv_dims *dims = &in->inst->attr.convolution->dims;
  const tn_shape *input = tn_operand_shape(in, 0), *kernel = tn_operand_shape(in, 1);
  tn_type type = tn_product_type(in, input->type, kernel->type);
  if (type == TN_TYPE_NONE) return NULL;
  tn_extent extent = tn_extent_new(in, input->rank);
  if (!conv_spatial(in, &extent)) return NULL;
  tn_extent_set(&extent, (int)dims->output_batch, input, (int)dims->input_batch);
  tn_extent_set(&extent, (int)dims->output_feature, kernel, (int)dims->kernel_output);
  if (extent.size[dims->output_batch] != TN_DIM_UNBOUNDED)
    extent.size[dims->output_batch] /= in->inst->attr.convolution->batch_groups;
  return tn_extent_shape(in, type, &extent);
}
