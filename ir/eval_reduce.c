/* reduce: one pass over the operand in row-major order.
 *
 * Order: every result starts from the initial value and joins its elements in row-major
 * order of the operand, acc = f(acc, x). Float sums over several dims go dim by dim, the
 * innermost first: partial sums start at -0, those of the outermost dim at the initial
 * value. Sums of f16, bf16 and f8 are kept in f32 and rounded at the end; so are their
 * minima and maxima, which is exact.
 *
 * Adjacent dims that are all reduced or all kept count as one. The innermost run is then
 * either folded into one accumulator (reduced) or joined to a row of them (kept), and
 * both are contiguous. add, multiply, minimum, maximum, and, or, xor have typed loops;
 * other computations run as steps over lanes (eval_program.c).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

/* The operand's dims, merged; out_strides is 0 for a reduced dim. */
typedef struct {
  int rank; /* at least 1 */
  int64_t *dims, *out_strides, *index;
  int64_t outputs;
} walk;

static walk plan_walk(tn_eval *eval, const tn_shape *shape, tn_dims reduced) {
  walk w = {.outputs = 1};
  w.dims = TN_SCRATCH(eval, int64_t, shape->rank + 1);
  w.out_strides = TN_SCRATCH(eval, int64_t, shape->rank + 1);
  w.index = TN_SCRATCH(eval, int64_t, shape->rank + 1);
  bool last_reduced = false;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] == 1) continue;
    bool now = tn_dims_contain(reduced, d);
    if (w.rank && now == last_reduced) {
      w.dims[w.rank - 1] *= shape->dims[d];
    } else {
      w.out_strides[w.rank] = !now;
      w.dims[w.rank++] = shape->dims[d];
    }
    last_reduced = now;
  }
  if (w.rank == 0) w.dims[w.rank++] = 1, w.out_strides[0] = 0;
  for (int d = w.rank - 1; d >= 0; d--) {
    w.index[d] = 0;
    if (!w.out_strides[d]) continue;
    w.out_strides[d] = w.outputs;
    w.outputs *= w.dims[d];
  }
  return w;
}

static int64_t walk_output(const walk *w) {
  int64_t at = 0;
  for (int d = 0; d < w->rank - 1; d++) at += w->index[d] * w->out_strides[d];
  return at;
}

/* ---- typed loops ---- */

#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
/* NaN wins, +0 is above -0. */
#define FLOAT_MAX(a, b)                                                                                      \
  ((a) != (a) ? (a) : (b) != (b) ? (b) : (a) == (b) ? (signbit(a) ? (b) : (a)) : MAX_OF(a, b))
#define FLOAT_MIN(a, b)                                                                                      \
  ((a) != (a) ? (a) : (b) != (b) ? (b) : (a) == (b) ? (signbit(a) ? (a) : (b)) : MIN_OF(a, b))

/* FOLD(T, U, operation, value of a and b): line: acc[0] joins x[0..n); else acc[i] joins x[i].
 * U is T, or its unsigned kind for what may wrap.                                            */
#define FOLD(T, U, ID, value)                                                                                \
  static void fold_##T##_##ID(void *accumulators, const void *data, int64_t n, bool line) {                  \
    T *acc = accumulators;                                                                                   \
    const T *x = data;                                                                                       \
    if (line) {                                                                                              \
      U a = (U)acc[0];                                                                                       \
      for (int64_t i = 0; i < n; i++) {                                                                      \
        U b = (U)x[i];                                                                                       \
        a = value;                                                                                           \
      }                                                                                                      \
      acc[0] = (T)a;                                                                                         \
      return;                                                                                                \
    }                                                                                                        \
    for (int64_t i = 0; i < n; i++) {                                                                        \
      U a = (U)acc[i], b = (U)x[i];                                                                          \
      acc[i] = (T)(value);                                                                                   \
    }                                                                                                        \
  }
#define FLOAT_FOLDS(T)                                                                                       \
  FOLD(T, T, ADD, a + b)                                                                                     \
  FOLD(T, T, MULTIPLY, a *b) FOLD(T, T, MAXIMUM, FLOAT_MAX(a, b)) FOLD(T, T, MINIMUM, FLOAT_MIN(a, b))
#define INTEGER_FOLDS(T, U)                                                                                  \
  FOLD(T, U, ADD, a + b)                                                                                     \
  FOLD(T, U, MULTIPLY, a *b)                                                                                 \
  FOLD(T, T, MAXIMUM, MAX_OF(a, b))                                                                          \
  FOLD(T, T, MINIMUM, MIN_OF(a, b)) FOLD(T, T, AND, a &b) FOLD(T, T, OR, a | b) FOLD(T, T, XOR, a ^ b)
FLOAT_FOLDS(float)
FLOAT_FOLDS(double)
INTEGER_FOLDS(int32_t, uint32_t)
INTEGER_FOLDS(uint32_t, uint32_t)
INTEGER_FOLDS(int64_t, uint64_t)
INTEGER_FOLDS(uint64_t, uint64_t)

typedef void fold(void *accumulators, const void *data, int64_t n, bool line);
#define FLOAT_ROW(T)                                                                                         \
  {[TN_OP_ADD] = fold_##T##_ADD,                                                                             \
   [TN_OP_MULTIPLY] = fold_##T##_MULTIPLY,                                                                   \
   [TN_OP_MAXIMUM] = fold_##T##_MAXIMUM,                                                                     \
   [TN_OP_MINIMUM] = fold_##T##_MINIMUM}
#define INTEGER_ROW(T)                                                                                       \
  {[TN_OP_ADD] = fold_##T##_ADD,         [TN_OP_MULTIPLY] = fold_##T##_MULTIPLY,                             \
   [TN_OP_MAXIMUM] = fold_##T##_MAXIMUM, [TN_OP_MINIMUM] = fold_##T##_MINIMUM,                               \
   [TN_OP_AND] = fold_##T##_AND,         [TN_OP_OR] = fold_##T##_OR,                                         \
   [TN_OP_XOR] = fold_##T##_XOR}
static fold *const folds[TN_TYPE_COUNT][TN_OP_COUNT] = {
    [TN_F32] = FLOAT_ROW(float),      [TN_F64] = FLOAT_ROW(double),    [TN_S32] = INTEGER_ROW(int32_t),
    [TN_U32] = INTEGER_ROW(uint32_t), [TN_S64] = INTEGER_ROW(int64_t), [TN_U64] = INTEGER_ROW(uint64_t),
};

/* The type whose loops fold elements of `type`; NONE if each step must round. */
static tn_type fold_type(tn_type type, tn_op op) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_FLOAT:
    if (type == TN_F32 || type == TN_F64) return type;
    return op == TN_OP_MULTIPLY ? TN_TYPE_NONE : TN_F32;
  case TN_CLASS_SIGNED: return type == TN_S64 ? TN_S64 : TN_S32;
  case TN_CLASS_UNSIGNED: return type == TN_U64 ? TN_U64 : TN_U32;
  case TN_CLASS_PREDICATE: return TN_U32;
  case TN_CLASS_COMPLEX:
  case TN_CLASS_OTHER: return TN_TYPE_NONE;
  }
  return TN_TYPE_NONE;
}

static void fold_all(walk *w, fold *f, size_t item, void *accumulators, const void *data) {
  int64_t run = w->dims[w->rank - 1];
  for (int d = 0; d < w->rank; d++)
    if (w->dims[d] == 0) return;
  bool line = w->out_strides[w->rank - 1] == 0;
  const char *x = data;
  for (int d = 0; d < w->rank; d++) w->index[d] = 0;
  do {
    f((char *)accumulators + (size_t)walk_output(w) * item, x, run, line);
    x += (size_t)run * item;
  } while (tn_index_next(w->rank - 1, w->dims, w->index));
}

/* The parts of element i, a real or complex number. */
static void load_parts(const tn_value *value, int64_t i, double *re, double *im) {
  tn_type type = tn_value_type(value), part = tn_type_part(type);
  const char *at = (const char *)value->literal.data + (size_t)i * tn_type_bytes(type);
  *re = tn_load_float(part, at);
  *im = part == type ? 0 : tn_load_float(part, at + tn_type_bytes(part));
}

static double size_at(const tn_value *value, int64_t i) {
  double re, im;
  load_parts(value, i, &re, &im);
  return im == 0 ? fabs(re) : hypot(re, im);
}

static void add_term(tn_join_size *size, const tn_value *value, int64_t i) {
  double re, im;
  load_parts(value, i, &re, &im);
  tn_join_size_add(size, re, im);
}

/* What the order of joins, kept in `kept`, adds to each result's bound. */
static void add_slack(tn_eval *eval, walk *w, tn_op op, tn_type kept, const tn_value *x, const tn_value *init,
                      tn_value *result) {
  if (op != TN_OP_ADD && op != TN_OP_MULTIPLY) return;
  if (!tn_type_is_float(kept) && !tn_type_is_complex(kept)) return;
  tn_join_size *sizes = TN_SCRATCH(eval, tn_join_size, w->outputs);
  for (int64_t i = 0; i < w->outputs; i++) {
    tn_join_size_start(&sizes[i], op);
    add_term(&sizes[i], init, 0);
  }
  bool empty = false, line = w->out_strides[w->rank - 1] == 0;
  for (int d = 0; d < w->rank; d++) {
    empty = empty || w->dims[d] == 0;
    w->index[d] = 0;
  }
  int64_t run = w->dims[w->rank - 1], at = 0;
  if (!empty) do {
      int64_t out = walk_output(w);
      for (int64_t i = 0; i < run; i++) add_term(&sizes[out + (line ? 0 : i)], x, at + i);
      at += run;
    } while (tn_index_next(w->rank - 1, w->dims, w->index));
  tn_type type = tn_value_type(result);
  for (int64_t i = 0; i < w->outputs; i++) {
    double *bound = &tn_value_bound(result)[i], slack = tn_join_slack(&sizes[i], kept, size_at(result, i));
    *bound += slack;
    if (*bound > 0 && type != kept) *bound += tn_half_ulp(type, sizes[i].size);
    *bound = tn_bound_of(tn_type_part(type), size_at(result, i), *bound);
  }
}

/* Sums: the errors of the terms; else the largest error of a term. */
static void fold_bounds(tn_eval *eval, walk *w, tn_op op, tn_type sum_type, const tn_value *x,
                        const tn_value *init, tn_value *result) {
  double *bound = tn_value_bound(result), start = init->literal.bound ? init->literal.bound[0] : 0;
  for (int64_t i = 0; i < w->outputs; i++) bound[i] = start;
  bool sum = op == TN_OP_ADD && tn_type_is_float(sum_type);
  if (x->literal.bound)
    fold_all(w, folds[TN_F64][sum ? TN_OP_ADD : TN_OP_MAXIMUM], sizeof(double), bound, x->literal.bound);
  add_slack(eval, w, op, sum_type, x, init, result);
}

/* `count` copies of one element. */
static void *repeated(tn_eval *eval, tn_type type, int64_t count, const void *element) {
  size_t item = tn_type_bytes(type);
  char *all = tn_eval_scratch(eval, (size_t)count * item);
  for (int64_t i = 0; i < count; i++) memcpy(all + (size_t)i * item, element, item);
  return all;
}

/* Sums over all reduced dims but the outermost, one at a time. What is left to do is
 * returned in *rest. */
static const void *sum_inner_dims(tn_eval *eval, const tn_shape *shape, tn_dims reduced, tn_type type,
                                  const void *data, walk *rest) {
  int64_t *dims = TN_SCRATCH(eval, int64_t, shape->rank), outermost = shape->rank;
  memcpy(dims, shape->dims, (size_t)shape->rank * sizeof *dims);
  tn_shape left = {.type = type, .rank = shape->rank, .dims = dims};
  for (int d = shape->rank - 1; d >= 0; d--)
    if (tn_dims_contain(reduced, d) && dims[d] != 1) outermost = d;
  char zero[8];
  tn_store_float(type, zero, -0.0);
  for (int64_t d = shape->rank - 1; d > outermost; d--) {
    if (!tn_dims_contain(reduced, d) || dims[d] == 1) continue;
    walk w = plan_walk(eval, &left, (tn_dims){&d, 1});
    void *sums = repeated(eval, type, w.outputs, zero);
    fold_all(&w, folds[type][TN_OP_ADD], tn_type_bytes(type), sums, data);
    data = sums;
    dims[d] = 1;
  }
  *rest = plan_walk(eval, &left, reduced);
  return data;
}

static tn_value *reduce_binary(tn_eval *eval, const tn_inst *inst, tn_value *const *operands, walk *w,
                               tn_op op, tn_type type) {
  const tn_shape *shape = operands[0]->literal.shape;
  tn_type from = shape->type;
  int64_t count = tn_shape_elements(shape);
  size_t item = tn_type_bytes(type);
  const void *data = operands[0]->literal.data;
  if (type != from) {
    void *widened = tn_eval_scratch(eval, (size_t)count * item);
    tn_convert_elements(type, widened, from, data, (size_t)count);
    data = widened;
  }
  char start[8];
  tn_convert_elements(type, start, from, operands[1]->literal.data, 1);
  walk last = *w;
  if (op == TN_OP_ADD && tn_type_is_float(type) && count)
    data = sum_inner_dims(eval, shape, inst->attr.reduce.dims, type, data, &last);
  void *accumulators = repeated(eval, type, w->outputs, start);
  fold_all(&last, folds[type][op], item, accumulators, data);
  tn_value *result = tn_value_new(eval, inst->shape);
  if (type == from)
    memcpy(tn_value_data(result), accumulators, (size_t)w->outputs * item);
  else
    tn_convert_elements(from, tn_value_data(result), type, accumulators, (size_t)w->outputs);
  if (result->literal.bound) fold_bounds(eval, w, op, type, operands[0], operands[1], result);
  return result;
}

/* ---- any computation ---- */

/* acc joins a line: one lane, element after element. */
static void join_line(tn_caller *f, int n, tn_value *const *accumulators, int64_t out,
                      tn_value *const *operands, int64_t at, int64_t run) {
  for (int k = 0; k < n; k++) tn_lanes_load(&f->parameters[k], 0, accumulators[k], out, 1, 1);
  for (int64_t i = 0; i < run; i++) {
    for (int k = 0; k < n; k++) tn_lanes_load(&f->parameters[n + k], 0, operands[k], at + i, 1, 1);
    tn_caller_run(f, 1);
    for (int k = 0; k < n; k++) tn_lanes_copy(&f->parameters[k], &f->results[k], 1);
  }
  for (int k = 0; k < n; k++) tn_lanes_store(&f->parameters[k], 0, accumulators[k], out, 1, 1);
}

/* A row of accumulators joins a row: lanes side by side. */
static void join_row(tn_caller *f, int n, tn_value *const *accumulators, int64_t out,
                     tn_value *const *operands, int64_t at, int64_t run) {
  for (int64_t i = 0; i < run; i += TN_LANES) {
    int count = run - i < TN_LANES ? (int)(run - i) : TN_LANES;
    for (int k = 0; k < n; k++) {
      tn_lanes_load(&f->parameters[k], 0, accumulators[k], out + i, 1, count);
      tn_lanes_load(&f->parameters[n + k], 0, operands[k], at + i, 1, count);
    }
    tn_caller_run(f, count);
    for (int k = 0; k < n; k++) tn_lanes_store(&f->results[k], 0, accumulators[k], out + i, 1, count);
  }
}

/* `accumulators` hold the initial values; they become the results. */
static void reduce_any(tn_eval *eval, const tn_inst *inst, tn_value *const *operands, walk *w,
                       tn_value *const *accumulators) {
  int n = inst->n_operands / 2;
  for (int d = 0; d < w->rank; d++)
    if (w->dims[d] == 0) return;
  bool line = w->out_strides[w->rank - 1] == 0;
  tn_caller f = tn_caller_open(eval, inst->called[0], line ? 1 : TN_LANES);
  int64_t run = w->dims[w->rank - 1], at = 0;
  do {
    (line ? join_line : join_row)(&f, n, accumulators, walk_output(w), operands, at, run);
    at += run;
  } while (tn_index_next(w->rank - 1, w->dims, w->index));
}

static tn_value *filled(tn_eval *eval, const tn_shape *shape, const tn_value *scalar) {
  tn_value *value = tn_value_new(eval, shape);
  int64_t count = tn_shape_elements(shape), zero = 0, one = 1;
  tn_value_copy(value, 0, &one, scalar, 0, &zero, 1, &count);
  return value;
}

static tn_value *reduce_short(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  int rank = operands[0]->literal.shape->rank, kept = 0;
  int64_t *dims = TN_SCRATCH(eval, int64_t, rank);
  for (int d = 0; d < rank; d++)
    if (!tn_dims_contain(inst->attr.reduce.dims, d)) dims[kept++] = tn_value_size(operands[0], d);
  return tn_eval_packed(eval, inst, tn_eval_reduce, operands, kept, dims);
}

tn_value *tn_eval_reduce(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  if (tn_eval_any_short(inst, operands)) return reduce_short(eval, inst, operands);
  int n = inst->n_operands / 2;
  walk w = plan_walk(eval, operands[0]->literal.shape, inst->attr.reduce.dims);
  tn_op op;
  if (n == 1 && !tn_shape_is_tuple(inst->shape) && tn_comp_is_binary(inst->called[0], &op)) {
    tn_type type = fold_type(inst->shape->type, op);
    bool bounded = !eval->options.bounds || op != TN_OP_MULTIPLY; /* a product's error needs its values */
    if (type != TN_TYPE_NONE && folds[type][op] && bounded && inst->shape->type == tn_value_type(operands[0]))
      return reduce_binary(eval, inst, operands, &w, op, type);
  }
  bool tuple = tn_shape_is_tuple(inst->shape);
  tn_value **results = TN_SCRATCH(eval, tn_value *, n);
  for (int k = 0; k < n; k++)
    results[k] = filled(eval, tuple ? inst->shape->elements[k] : inst->shape, operands[n + k]);
  reduce_any(eval, inst, operands, &w, results);
  for (int k = 0; eval->options.bounds && k < n; k++)
    add_slack(eval, &w, tn_joined_by(inst->called[0], n, k), tn_value_type(results[k]), operands[k],
              operands[n + k], results[k]);
  return tuple ? tn_value_tuple(eval, inst->shape, results) : results[0];
}

/* ---- map ---- */

tn_value *tn_eval_map(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_value *result = tn_value_new(eval, inst->shape);
  int64_t count = tn_shape_elements(inst->shape);
  tn_caller f = tn_caller_open(eval, inst->called[0], TN_LANES);
  for (int64_t at = 0; at < count; at += TN_LANES) {
    int n = count - at < TN_LANES ? (int)(count - at) : TN_LANES;
    for (int i = 0; i < inst->n_operands; i++) tn_lanes_load(&f.parameters[i], 0, operands[i], at, 1, n);
    tn_caller_run(&f, n);
    tn_lanes_store(&f.results[0], 0, result, at, 1, n);
  }
  if (inst->n_operands && operands[0]->literal.sizes) tn_value_set_sizes(result, operands[0]->literal.sizes);
  return result;
}
