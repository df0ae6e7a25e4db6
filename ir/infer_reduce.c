/* Shape rules of what applies a computation to elements: reduce, reduce-window,
 * select-and-scatter, map, sort, scan; and topk.
 *
 * reduce and reduce-window take n arrays and n initial values and give n arrays: a tuple
 * where n > 1. Elements are those of the reducer's accumulators, which may be wider than
 * the arrays' (bf16 summed in f32); scatter and select-and-scatter have one type.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

/* ---- reductions ---- */

/* Operands are n arrays of one shape, then n scalars. */
static bool need_inputs(const tn_inference *in, int *n) {
  int count = in->inst->n_operands;
  if (!tn_need_operands(in, 2, INT32_MAX) || !tn_need_arrays(in)) return false;
  if (count % 2 != 0)
    return tn_wrong(in, 0, "%d operands are not arrays and an initial value of each", count);
  *n = count / 2;
  for (int i = 0; i < *n; i++)
    if (!tn_need_same_dims(in, 0, i) || !tn_need_scalar(in, *n + i)) return false;
  return true;
}

/* The sizes of the result with each accumulator's type. */
static const tn_shape *accumulated(const tn_inference *in, int n, const tn_extent *extent) {
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp) return NULL;
  tn_type *inputs = TN_NEW_ARRAY(in->arena, tn_type, n), *inits = TN_NEW_ARRAY(in->arena, tn_type, n);
  tn_type *types = TN_NEW_ARRAY(in->arena, tn_type, n);
  for (int i = 0; i < n; i++) {
    inputs[i] = tn_operand_shape(in, i)->type;
    inits[i] = tn_operand_shape(in, n + i)->type;
  }
  if (!tn_need_reducer(in, comp, n, inputs, inits, types)) return NULL;
  const tn_shape **shapes = TN_NEW_ARRAY(in->arena, const tn_shape *, n);
  for (int i = 0; i < n; i++) shapes[i] = tn_extent_shape(in, types[i], extent);
  return tn_one_or_tuple(in, n, shapes);
}

const tn_shape *tn_infer_reduce(const tn_inference *in) {
  int n;
  if (!need_inputs(in, &n)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_dims dims = in->inst->attr.reduce.dims;
  if (!tn_need_dims(in, "dimensions", dims, operand->rank)) return NULL;
  bool *reduced = TN_NEW_ARRAY(in->arena, bool, operand->rank);
  for (int i = 0; i < dims.count; i++) reduced[dims.at[i]] = true;
  tn_extent extent = tn_extent_new(in, operand->rank);
  extent.rank = 0;
  for (int i = 0; i < operand->rank; i++)
    if (!reduced[i]) tn_extent_set(&extent, extent.rank++, operand, i);
  return accumulated(in, n, &extent);
}

static bool windowed(const tn_inference *in, const tn_shape *operand, tn_extent *extent) {
  const tn_window *window = &in->inst->attr.window.window;
  if (window->count != operand->rank)
    return tn_wrong(in, 1, "the window has %d dimensions, and the operand has %d", window->count,
                    operand->rank);
  *extent = tn_extent_of(in, operand);
  for (int i = 0; i < operand->rank; i++)
    if (!tn_window_size(in, i, operand->dims[i], &window->at[i], &extent->size[i])) return false;
  return true;
}

const tn_shape *tn_infer_reduce_window(const tn_inference *in) {
  int n;
  tn_extent extent;
  if (!need_inputs(in, &n) || !windowed(in, tn_operand_shape(in, 0), &extent)) return NULL;
  return accumulated(in, n, &extent);
}

/* select(T, T) -> pred[]. */
static bool need_selection(const tn_inference *in, tn_type type) {
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp || !tn_need_parameters(in, comp, 2)) return false;
  for (int i = 0; i < 2; i++) {
    const tn_shape *parameter = tn_comp_parameter_shape(comp, i);
    if (!tn_shape_is_scalar(parameter) || parameter->type != type)
      return tn_wrong(in, 1, "parameter %d of '%s' must be %s[] and is %s", i, comp->name, tn_type_name(type),
                      tn_shown(in, parameter));
  }
  if (tn_shape_is_scalar(comp->root->shape) && comp->root->shape->type == TN_PRED) return true;
  return tn_wrong(in, 0, "'%s' must give pred[] and gives %s", comp->name, tn_shown(in, comp->root->shape));
}

/* Operands: the array, the source (a value for each window), the initial value. */
const tn_shape *tn_infer_select_and_scatter(const tn_inference *in) {
  if (!tn_need_arrays(in) || !tn_need_scalar(in, 2) || !tn_need_same_type(in, 0, 1)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0), *source = tn_operand_shape(in, 1);
  tn_extent extent;
  if (!need_selection(in, operand->type) || !windowed(in, operand, &extent)) return NULL;
  const tn_shape *expected = tn_extent_shape(in, operand->type, &extent);
  if (!tn_dims_agree(expected, source))
    return tn_refuse(in, 3, "windows make %s, and the source is %s", tn_shown(in, expected),
                     tn_shown(in, source));
  tn_comp *scatter = tn_need_called(in, 1);
  tn_type input = source->type, init = tn_operand_shape(in, 2)->type, result;
  if (!scatter || !tn_need_reducer(in, scatter, 1, &input, &init, &result)) return NULL;
  extent = tn_extent_of(in, operand);
  return tn_extent_shape(in, result, &extent);
}

/* ---- map ---- */

const tn_shape *tn_infer_map(const tn_inference *in) {
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp || !tn_need_operands(in, 1, INT32_MAX) || !tn_need_arrays(in)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_dims dims = in->inst->attr.reduce.dims;
  for (int i = 0; i < dims.count; i++)
    if (dims.count != operand->rank || dims.at[i] != i)
      return tn_refuse(in, 1, "dimensions must be all %d in order, and number %d is %lld", operand->rank, i,
                       (long long)dims.at[i]);
  if (!tn_need_parameters(in, comp, in->inst->n_operands)) return NULL;
  for (int i = 0; i < in->inst->n_operands; i++) {
    const tn_shape *parameter = tn_comp_parameter_shape(comp, i);
    if (!tn_need_same_dims(in, 0, i)) return NULL;
    if (!tn_shape_is_scalar(parameter) || parameter->type != tn_operand_shape(in, i)->type)
      return tn_refuse(in, tn_operand_bit(i), "parameter %d of '%s' must be %s[] and is %s", i, comp->name,
                       tn_type_name(tn_operand_shape(in, i)->type), tn_shown(in, parameter));
  }
  if (!tn_shape_is_scalar(comp->root->shape))
    return tn_refuse(in, 0, "'%s' must give a scalar and gives %s", comp->name,
                     tn_shown(in, comp->root->shape));
  tn_extent extent = tn_extent_of(in, operand);
  return tn_extent_shape(in, comp->root->shape->type, &extent);
}

/* ---- order ---- */

/* The comparator takes (a0, b0, a1, b1, …), two of each operand, and gives pred[]. */
static bool need_comparator(const tn_inference *in, const tn_comp *comp) {
  if (!tn_need_parameters(in, comp, 2 * in->inst->n_operands)) return false;
  for (int i = 0; i < comp->parameters.count; i++) {
    const tn_shape *parameter = tn_comp_parameter_shape(comp, i), *operand = tn_operand_shape(in, i / 2);
    if (!tn_shape_is_scalar(parameter) || parameter->type != operand->type)
      return tn_wrong(in, tn_operand_bit(i / 2), "parameter %d of '%s' must be %s[] and is %s", i, comp->name,
                      tn_type_name(operand->type), tn_shown(in, parameter));
  }
  if (tn_shape_is_scalar(comp->root->shape) && comp->root->shape->type == TN_PRED) return true;
  return tn_wrong(in, 0, "'%s' must give pred[] and gives %s", comp->name, tn_shown(in, comp->root->shape));
}

const tn_shape *tn_infer_sort(const tn_inference *in) {
  int n = in->inst->n_operands;
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp || !tn_need_operands(in, 1, INT32_MAX) || !tn_need_arrays(in)) return NULL;
  const tn_shape **shapes = TN_NEW_ARRAY(in->arena, const tn_shape *, n);
  for (int i = 0; i < n; i++) {
    if (!tn_need_same_dims(in, 0, i)) return NULL;
    shapes[i] = tn_operand_shape(in, i);
  }
  if (!tn_need_dim(in, "dimension", in->inst->attr.sort.dim, shapes[0]->rank) || !need_comparator(in, comp))
    return NULL;
  return tn_one_or_tuple(in, n, shapes);
}

const tn_shape *tn_infer_topk(const tn_inference *in) {
  if (!tn_need_rank(in, 0, 1)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  int last = operand->rank - 1;
  int64_t k = in->inst->attr.topk.k;
  if (k < 0 || (operand->dims[last] != TN_DIM_UNBOUNDED && k > operand->dims[last]))
    return tn_refuse(in, 1, "k = %lld is out of range for a last dimension of %lld", (long long)k,
                     (long long)operand->dims[last]);
  if (!tn_type_is_float(operand->type) && !tn_type_is_integer(operand->type))
    return tn_refuse(in, 1, "%s has no order", tn_type_name(operand->type));
  tn_extent extent = tn_extent_of(in, operand);
  extent.size[last] = k;
  extent.dynamic[last] = false;
  const tn_shape *shapes[2] = {tn_extent_shape(in, operand->type, &extent),
                               tn_extent_shape(in, TN_S32, &extent)};
  return tn_shape_tuple(in->arena, 2, shapes);
}

/* ---- scan ----
 *
 * Operands are inputs and then `num_carries` initial carries; the computation takes a
 * slice of each input (without the scanned dim) and the carries, and gives the tuple
 * (slices of the outputs…, carries…). The result is the tuple (outputs…, carries…).
 */

static const tn_shape *without_dim(const tn_inference *in, const tn_shape *shape, int dim) {
  tn_extent extent = tn_extent_new(in, shape->rank);
  extent.rank = 0;
  for (int i = 0; i < shape->rank; i++)
    if (i != dim) tn_extent_set(&extent, extent.rank++, shape, i);
  return tn_extent_shape(in, shape->type, &extent);
}

static const tn_shape *with_dim(const tn_inference *in, const tn_shape *slice, int dim,
                                const tn_shape *like) {
  tn_extent extent = tn_extent_new(in, slice->rank + 1);
  for (int i = 0; i < extent.rank; i++) {
    if (i == dim)
      tn_extent_set(&extent, i, like, dim);
    else
      tn_extent_set(&extent, i, slice, i - (i > dim));
  }
  return tn_extent_shape(in, slice->type, &extent);
}

static bool need_scan_parameters(const tn_inference *in, const tn_comp *comp, int inputs) {
  int dim = (int)in->inst->attr.scan.dim;
  for (int i = 0; i < in->inst->n_operands; i++) {
    const tn_shape *operand = tn_operand_shape(in, i), *parameter = tn_comp_parameter_shape(comp, i);
    if (i < inputs && !tn_need_dim(in, "dimension", dim, operand->rank)) return false;
    if (i < inputs && !tn_sizes_agree(operand->dims[dim], tn_operand_shape(in, 0)->dims[dim]))
      return tn_wrong(in, 1u | tn_operand_bit(i), "scanned sizes %lld and %lld differ",
                      (long long)tn_operand_shape(in, 0)->dims[dim], (long long)operand->dims[dim]);
    const tn_shape *expected = i < inputs ? without_dim(in, operand, dim) : operand;
    if (!tn_shape_fits(parameter, expected))
      return tn_wrong(in, tn_operand_bit(i), "parameter %d of '%s' must be %s and is %s", i, comp->name,
                      tn_shown(in, expected), tn_shown(in, parameter));
  }
  return true;
}

const tn_shape *tn_infer_scan(const tn_inference *in) {
  const tn_inst *inst = in->inst;
  int64_t dim = inst->attr.scan.dim, carries = inst->attr.scan.num_carries;
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp || !tn_need_operands(in, 1, INT32_MAX) || !tn_need_arrays(in)) return NULL;
  if (carries < 0 || carries >= inst->n_operands)
    return tn_refuse(in, 0, "num_carries = %lld leaves no input of %d operands", (long long)carries,
                     inst->n_operands);
  int inputs = inst->n_operands - (int)carries;
  if (!tn_need_dim(in, "dimension", dim, tn_operand_shape(in, 0)->rank) ||
      !tn_need_parameters(in, comp, inst->n_operands) || !need_scan_parameters(in, comp, inputs))
    return NULL;
  const tn_shape *root = comp->root->shape;
  if (!tn_shape_is_tuple(root) || root->rank < carries)
    return tn_refuse(in, 0, "'%s' must give a tuple with %lld carries and gives %s", comp->name,
                     (long long)carries, tn_shown(in, root));
  const tn_shape **shapes = TN_NEW_ARRAY(in->arena, const tn_shape *, root->rank);
  int outputs = root->rank - (int)carries;
  for (int i = 0; i < root->rank; i++) {
    const tn_shape *part = root->elements[i];
    if (!tn_shape_is_array(part) || (i < outputs && part->rank < dim))
      return tn_refuse(in, 0, "result %d of '%s' is %s and cannot be scanned along dimension %lld", i,
                       comp->name, tn_shown(in, part), (long long)dim);
    if (i >= outputs && !tn_shape_fits(part, tn_operand_shape(in, inputs + i - outputs)))
      return tn_refuse(in, 0, "carry %d is %s, and '%s' gives %s for it", i - outputs,
                       tn_shown(in, tn_operand_shape(in, inputs + i - outputs)), comp->name,
                       tn_shown(in, part));
    shapes[i] = i < outputs ? with_dim(in, part, (int)dim, tn_operand_shape(in, 0)) : part;
  }
  return tn_shape_tuple(in->arena, root->rank, shapes);
}
