/* gather and scatter.
 *
 * Both go over index vectors in row-major order. A vector and the batch position give a
 * window of the operand: gather clamps it into the operand and copies it, scatter joins
 * the updates to it, or skips it when a part of it falls outside.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

/* How index vectors name places in the operand. */
typedef struct {
  const tn_value *indices;
  int64_t vector_dim;     /* may be the rank: each index is a vector of one */
  const int64_t *strides; /* of the indices */
  tn_dims map;            /* operand dim of each vector element */
  tn_dims operand_batch, index_batch;
} addressing;

/* starts[d]: where the window begins in operand dim d, for a position of the batch dims
 * (the dims of the indices without the vector dim).                                     */
static void window_start(const addressing *a, const int64_t *batch, int rank, int64_t *starts) {
  const tn_shape *shape = a->indices->literal.shape;
  int64_t at = 0;
  for (int d = 0, b = 0; d < shape->rank; d++)
    if (d != a->vector_dim) at += batch[b++] * a->strides[d];
  int64_t step = a->vector_dim < shape->rank ? a->strides[a->vector_dim] : 0;
  for (int d = 0; d < rank; d++) starts[d] = 0;
  for (int k = 0; k < a->map.count; k++) starts[a->map.at[k]] = tn_value_index(a->indices, at + k * step);
  for (int k = 0; k < a->operand_batch.count; k++) {
    int64_t dim = a->index_batch.at[k];
    starts[a->operand_batch.at[k]] = batch[dim > a->vector_dim ? dim - 1 : dim];
  }
}

/* Splits the dims of result or updates: those in `window` (in order) and the rest. */
static void split_dims(const tn_shape *shape, tn_dims window, int64_t *window_dims, int64_t *batch_dims) {
  int w = 0, b = 0;
  for (int d = 0; d < shape->rank; d++) {
    if (tn_dims_find(window, d) >= 0)
      window_dims[w++] = d;
    else
      batch_dims[b++] = d;
  }
}

typedef struct {
  int64_t *window_dims, *batch_dims; /* of the result or the updates */
  int64_t *batch_sizes, *batch, *starts;
  int64_t *box, *here, *there; /* sizes of the window; strides in result/updates and in the operand */
  int64_t *from_dims;          /* operand dims of the window */
  int n_window, n_batch;
} places;

static places plan_places(tn_eval *eval, const tn_shape *shape, tn_dims window, const tn_shape *operand,
                          tn_dims dropped, tn_dims batching) {
  int64_t *space = TN_SCRATCH(eval, int64_t, 8 * shape->rank + operand->rank + 1);
  places p = {.n_window = window.count, .n_batch = shape->rank - window.count};
  p.window_dims = space, p.batch_dims = space + shape->rank;
  p.batch_sizes = space + 2 * shape->rank, p.batch = space + 3 * shape->rank, p.box = space + 4 * shape->rank;
  p.here = space + 5 * shape->rank, p.there = space + 6 * shape->rank, p.from_dims = space + 7 * shape->rank;
  p.starts = space + 8 * shape->rank;
  split_dims(shape, window, p.window_dims, p.batch_dims);
  int64_t *strides = tn_strides(eval, shape), *from = tn_strides(eval, operand);
  for (int b = 0; b < p.n_batch; b++) {
    p.batch_sizes[b] = shape->dims[p.batch_dims[b]];
    p.batch[b] = 0;
  }
  for (int d = 0, w = 0; d < operand->rank && w < p.n_window; d++) {
    if (tn_dims_find(dropped, d) >= 0 || tn_dims_find(batching, d) >= 0) continue;
    p.box[w] = shape->dims[p.window_dims[w]];
    p.here[w] = strides[p.window_dims[w]];
    p.there[w] = from[d];
    p.from_dims[w++] = d;
  }
  return p;
}

static int64_t batch_offset(const places *p, const int64_t *strides) {
  int64_t at = 0;
  for (int b = 0; b < p->n_batch; b++) at += p->batch[b] * strides[p->batch_dims[b]];
  return at;
}

tn_value *tn_eval_gather(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *operand = operands[0]->literal.shape, *shape = inst->shape;
  tn_value *result = tn_value_new(eval, shape);
  if (tn_shape_elements(shape) == 0) return result;
  addressing a = {operands[1],
                  inst->attr.gather->index_vector_dim,
                  tn_strides(eval, operands[1]->literal.shape),
                  inst->attr.gather->start_index_map,
                  inst->attr.gather->operand_batching_dims,
                  inst->attr.gather->start_indices_batching_dims};
  places p = plan_places(eval, shape, inst->attr.gather->offset_dims, operand,
                         inst->attr.gather->collapsed_slice_dims, inst->attr.gather->operand_batching_dims);
  int64_t *strides = tn_strides(eval, shape), *from = tn_strides(eval, operand);
  do {
    window_start(&a, p.batch, operand->rank, p.starts);
    int64_t at = 0;
    for (int d = 0; d < operand->rank; d++) {
      int64_t last = operand->dims[d] - inst->attr.gather->slice_sizes.at[d];
      int64_t start = p.starts[d] < 0 ? 0 : p.starts[d] > last ? last : p.starts[d];
      at += start * from[d];
    }
    tn_value_copy(result, batch_offset(&p, strides), p.here, operands[0], at, p.there, p.n_window, p.box);
  } while (tn_index_next(p.n_batch, p.batch_sizes, p.batch));
  return tn_value_decided(eval, result, tn_value_is_exact(operands[1]));
}

/* ---- scatter ---- */

typedef struct {
  tn_eval *eval;
  int n; /* operands */
  tn_value **results;
  tn_value *const *updates;
  tn_caller f;
  int64_t to[TN_LANES], from[TN_LANES];
  int count;
} scattering;

/* The elements of one window are different places, so they may join side by side. */
static void flush(scattering *s) {
  for (int q = 0; q < s->count; q++)
    for (int k = 0; k < s->n; k++) {
      tn_lanes_load(&s->f.parameters[k], q, s->results[k], s->to[q], 1, 1);
      tn_lanes_load(&s->f.parameters[s->n + k], q, s->updates[k], s->from[q], 1, 1);
    }
  if (s->count) tn_caller_run(&s->f, s->count);
  for (int q = 0; q < s->count; q++)
    for (int k = 0; k < s->n; k++) tn_lanes_store(&s->f.results[k], q, s->results[k], s->to[q], 1, 1);
  s->count = 0;
}

static void scatter_window(scattering *s, const places *p, int64_t first, int64_t base, int64_t *index) {
  for (int w = 0; w < p->n_window; w++) index[w] = 0;
  do {
    int64_t from = first, to = base;
    for (int w = 0; w < p->n_window; w++) {
      from += index[w] * p->here[w];
      to += index[w] * p->there[w];
    }
    s->to[s->count] = to;
    s->from[s->count++] = from;
    if (s->count == TN_LANES) flush(s);
  } while (tn_index_next(p->n_window, p->box, index));
  flush(s);
}

/* Where the window begins; false if a part of it is outside the operand. */
static bool window_place(const places *p, const tn_shape *operand, const int64_t *strides, int64_t *base) {
  *base = 0;
  for (int d = 0, w = 0; d < operand->rank; d++) {
    int64_t size = w < p->n_window && p->from_dims[w] == d ? p->box[w++] : 1;
    if (p->starts[d] < 0 || p->starts[d] > operand->dims[d] - size) return false;
    *base += p->starts[d] * strides[d];
  }
  return true;
}

tn_value *tn_eval_scatter(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  int n = (inst->n_operands - 1) / 2;
  const tn_shape *operand = operands[0]->literal.shape, *updates = operands[n + 1]->literal.shape;
  bool tuple = tn_shape_is_tuple(inst->shape);
  scattering s = {
      .eval = eval, .n = n, .results = TN_SCRATCH(eval, tn_value *, n), .updates = operands + n + 1};
  for (int k = 0; k < n; k++) {
    int64_t count = tn_shape_elements(operands[k]->literal.shape), one = 1;
    s.results[k] = tn_value_new(eval, tuple ? inst->shape->elements[k] : inst->shape);
    tn_value_copy(s.results[k], 0, &one, operands[k], 0, &one, 1, &count);
  }
  addressing a = {operands[n],
                  inst->attr.scatter->index_vector_dim,
                  tn_strides(eval, operands[n]->literal.shape),
                  inst->attr.scatter->scatter_dims_to_operand_dims,
                  inst->attr.scatter->input_batching_dims,
                  inst->attr.scatter->scatter_indices_batching_dims};
  places p = plan_places(eval, updates, inst->attr.scatter->update_window_dims, operand,
                         inst->attr.scatter->inserted_window_dims, inst->attr.scatter->input_batching_dims);
  s.f = tn_caller_open(eval, inst->called[0], TN_LANES);
  int64_t *strides = tn_strides(eval, operand), *from = tn_strides(eval, updates), base;
  int64_t *index = TN_SCRATCH(eval, int64_t, p.n_window);
  if (tn_shape_elements(updates)) do {
      window_start(&a, p.batch, operand->rank, p.starts);
      if (window_place(&p, operand, strides, &base))
        scatter_window(&s, &p, batch_offset(&p, from), base, index);
    } while (tn_index_next(p.n_batch, p.batch_sizes, p.batch));
  tn_value *result = tuple ? tn_value_tuple(eval, inst->shape, s.results) : s.results[0];
  return tn_value_decided(eval, result, tn_value_is_exact(operands[n]));
}
