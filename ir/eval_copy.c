/* Strided copies: what every movement of data is made of; and dynamic sizes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

int64_t *tn_strides(tn_eval *eval, const tn_shape *shape) {
  int64_t *strides = TN_SCRATCH(eval, int64_t, shape->rank);
  int64_t stride = 1;
  for (int d = shape->rank - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape->dims[d];
  }
  return strides;
}

#define COPY_ITEMS(T)                                                                                        \
  do {                                                                                                       \
    T *t = (T *)to;                                                                                          \
    const T *f = (const T *)from;                                                                            \
    for (int64_t i = 0; i < count; i++) t[i * to_stride] = f[i * from_stride];                               \
  } while (0)

static void copy_line(int64_t count, char *to, int64_t to_stride, const char *from, int64_t from_stride,
                      size_t item) {
  if (to_stride == 1 && from_stride == 1)
    memcpy(to, from, (size_t)count * item);
  else if (item == 1)
    COPY_ITEMS(uint8_t);
  else if (item == 2)
    COPY_ITEMS(uint16_t);
  else if (item == 4)
    COPY_ITEMS(uint32_t);
  else if (item == 8)
    COPY_ITEMS(uint64_t);
  else
    for (int64_t i = 0; i < count; i++)
      memcpy(to + i * to_stride * (int64_t)item, from + i * from_stride * (int64_t)item, item);
}

void tn_copy_strided(int rank, const int64_t *dims, void *to, const int64_t *to_strides, const void *from,
                     const int64_t *from_strides, size_t item) {
  for (int d = 0; d < rank; d++)
    if (dims[d] <= 0) return;
  if (rank == 0) {
    memcpy(to, from, item);
    return;
  }
  if (rank == 1) {
    copy_line(dims[0], to, to_strides[0], from, from_strides[0], item);
    return;
  }
  /* Two dims that lie behind each other on both sides are one. */
  if (rank == 2 && to_strides[0] == dims[1] * to_strides[1] && from_strides[0] == dims[1] * from_strides[1]) {
    copy_line(dims[0] * dims[1], to, to_strides[1], from, from_strides[1], item);
    return;
  }
  for (int64_t i = 0; i < dims[0]; i++)
    tn_copy_strided(rank - 1, dims + 1, (char *)to + i * to_strides[0] * (int64_t)item, to_strides + 1,
                    (const char *)from + i * from_strides[0] * (int64_t)item, from_strides + 1, item);
}

void tn_value_copy(tn_value *to, int64_t to_first, const int64_t *to_strides, const tn_value *from,
                   int64_t from_first, const int64_t *from_strides, int rank, const int64_t *dims) {
  size_t item = tn_type_bytes(tn_value_type(to));
  tn_copy_strided(rank, dims, (char *)tn_value_data(to) + to_first * (int64_t)item, to_strides,
                  (const char *)from->literal.data + from_first * (int64_t)item, from_strides, item);
  if (to->literal.bound && from->literal.bound)
    tn_copy_strided(rank, dims, tn_value_bound(to) + to_first, to_strides, from->literal.bound + from_first,
                    from_strides, sizeof(double));
}

/* ---- dynamic sizes ---- */

int64_t tn_value_size(const tn_value *value, int dim) {
  return value->literal.sizes ? value->literal.sizes[dim] : value->literal.shape->dims[dim];
}

bool tn_value_is_short(const tn_value *value) {
  if (!value->literal.sizes) return false;
  for (int d = 0; d < value->literal.shape->rank; d++)
    if (value->literal.sizes[d] < value->literal.shape->dims[d]) return true;
  return false;
}

void tn_value_set_sizes(tn_value *value, const int64_t *sizes) {
  const tn_shape *shape = value->literal.shape;
  if (!value->literal.sizes) return;
  int64_t *at = (int64_t *)value->literal.sizes;
  for (int d = 0; d < shape->rank; d++)
    at[d] = shape->dynamic && shape->dynamic[d] && sizes[d] < shape->dims[d] ? sizes[d] : shape->dims[d];
}

tn_value *tn_value_compact(tn_eval *eval, tn_value *value) {
  if (!tn_value_is_short(value)) return tn_value_retain(value);
  const tn_shape *shape = value->literal.shape;
  const int64_t *sizes = value->literal.sizes;
  tn_value *packed = tn_value_new(eval, tn_eval_shape(eval, shape->type, shape->rank, sizes));
  tn_value_copy(packed, 0, tn_strides(eval, packed->literal.shape), value, 0, tn_strides(eval, shape),
                shape->rank, sizes);
  return packed;
}

tn_value *tn_value_spread(tn_eval *eval, const tn_shape *shape, tn_value *packed) {
  if (tn_shape_is_tuple(shape)) {
    tn_value **elements = TN_SCRATCH(eval, tn_value *, shape->rank);
    for (int i = 0; i < shape->rank; i++)
      elements[i] = tn_value_spread(eval, shape->elements[i], tn_value_element(packed, i));
    return tn_value_tuple(eval, shape, elements);
  }
  tn_value *value = tn_value_zero(eval, shape);
  const tn_shape *from = packed->literal.shape;
  tn_value_copy(value, 0, tn_strides(eval, shape), packed, 0, tn_strides(eval, from), shape->rank,
                from->dims);
  tn_value_set_sizes(value, from->dims);
  return value;
}

static const tn_shape *with_dims(tn_eval *eval, const tn_shape *shape, int rank, const int64_t *dims) {
  if (!tn_shape_is_tuple(shape)) return tn_eval_shape(eval, shape->type, rank, dims);
  const tn_shape **elements = TN_SCRATCH(eval, const tn_shape *, shape->rank);
  for (int i = 0; i < shape->rank; i++) elements[i] = with_dims(eval, shape->elements[i], rank, dims);
  tn_shape *tuple = TN_SCRATCH(eval, tn_shape, 1);
  *tuple = (tn_shape){.type = TN_TUPLE, .rank = shape->rank, .elements = elements};
  return tuple;
}

tn_value *tn_eval_packed(tn_eval *eval, const tn_inst *inst, tn_eval_rule *rule, tn_value *const *operands,
                         int rank, const int64_t *dims) {
  tn_value **packed = TN_SCRATCH(eval, tn_value *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) packed[i] = tn_value_compact(eval, operands[i]);
  tn_inst static_inst = *inst;
  static_inst.shape = with_dims(eval, inst->shape, rank, dims);
  tn_value *result = rule(eval, &static_inst, packed);
  tn_value *spread = tn_value_spread(eval, inst->shape, result);
  tn_value_release(eval, result);
  for (int i = 0; i < inst->n_operands; i++) tn_value_release(eval, packed[i]);
  return spread;
}

bool tn_eval_any_short(const tn_inst *inst, tn_value *const *operands) {
  for (int i = 0; i < inst->n_operands; i++)
    if (tn_value_is_short(operands[i])) return true;
  return false;
}

/* ---- operands of different sizes ---- */

/* Dim `a` of operand i and dim `b` of operand j are walked together: the shorter size counts. */
static bool shorten(int64_t **sizes, int i, int64_t a, int j, int64_t b) {
  if (sizes[i][a] == sizes[j][b]) return false;
  int64_t least = sizes[i][a] < sizes[j][b] ? sizes[i][a] : sizes[j][b];
  sizes[i][a] = sizes[j][b] = least;
  return true;
}

/* One pass over the pairs of dims that are walked together; whether a size changed. */
static bool shorten_all(const tn_inst *inst, int64_t **sizes) {
  bool changed = false;
  if (inst->op == TN_OP_DOT) {
    const tn_dot_side *side = inst->attr.dot->side;
    for (int i = 0; i < side[0].batch.count; i++)
      changed = shorten(sizes, 0, side[0].batch.at[i], 1, side[1].batch.at[i]) || changed;
    for (int i = 0; i < side[0].contracting.count; i++)
      changed = shorten(sizes, 0, side[0].contracting.at[i], 1, side[1].contracting.at[i]) || changed;
    return changed;
  }
  int count = inst->op == TN_OP_REDUCE ? inst->n_operands / 2 : inst->n_operands;
  for (int i = 1; i < count; i++)
    for (int d = 0; d < inst->operands[0]->shape->rank; d++)
      if (inst->op != TN_OP_CONCATENATE || d != inst->attr.dimensions.dims.at[0])
        changed = shorten(sizes, 0, d, i, d) || changed;
  return changed;
}

static tn_value *shortened(tn_eval *eval, tn_value *value, const int64_t *sizes) {
  tn_shape *shape = TN_SCRATCH(eval, tn_shape, 1);
  *shape = *value->literal.shape;
  bool *dynamic = TN_SCRATCH(eval, bool, shape->rank);
  memset(dynamic, true, (size_t)shape->rank * sizeof *dynamic);
  shape->dynamic = dynamic;
  tn_value *copy = tn_value_new(eval, shape);
  int64_t *strides = tn_strides(eval, shape);
  tn_value_copy(copy, 0, strides, value, 0, strides, shape->rank, shape->dims);
  tn_value_set_sizes(copy, sizes);
  return copy;
}

tn_value *tn_eval_alike(tn_eval *eval, const tn_inst *inst, tn_eval_rule *rule, tn_value *const *operands) {
  bool walks = inst->op == TN_OP_DOT || inst->op == TN_OP_REDUCE || inst->op == TN_OP_SORT ||
               inst->op == TN_OP_CONCATENATE;
  if (!walks || !tn_eval_any_short(inst, operands)) return rule(eval, inst, operands);
  int64_t **sizes = TN_SCRATCH(eval, int64_t *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) {
    sizes[i] = TN_SCRATCH(eval, int64_t, operands[i]->literal.shape->rank);
    for (int d = 0; d < operands[i]->literal.shape->rank; d++) sizes[i][d] = tn_value_size(operands[i], d);
  }
  if (!shorten_all(inst, sizes)) return rule(eval, inst, operands);
  while (shorten_all(inst, sizes)) {}
  tn_value **alike = TN_SCRATCH(eval, tn_value *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) {
    bool array = operands[i]->literal.shape->rank > 0;
    alike[i] = array ? shortened(eval, operands[i], sizes[i]) : tn_value_retain(operands[i]);
  }
  tn_value *result = rule(eval, inst, alike);
  for (int i = 0; i < inst->n_operands; i++) tn_value_release(eval, alike[i]);
  return result;
}
