/* reduce-window, select-and-scatter: windows that move over an array; and scan.
 *
 * Order: a result joins the elements of its window in row-major order of the window,
 * after the initial value; positions in padding or between dilated elements are left out.
 * Float sums are kept in f32 (f64 for f64) until the window is done.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

static void move_lane(tn_lanes *to, int to_lane, const tn_lanes *from, int from_lane) {
  to->re[to_lane] = from->re[from_lane];
  if (to->im) to->im[to_lane] = from->im[from_lane];
  if (to->bound) to->bound[to_lane] = from->bound[from_lane];
}

/* The element under window position `tap` of result position `out`; -1: none. */
static int64_t element_under(const tn_window *window, const tn_shape *from, const int64_t *strides,
                             const int64_t *out, const int64_t *tap) {
  int64_t offset = 0;
  for (int d = 0; d < from->rank; d++) {
    const tn_window_dim *w = &window->at[d];
    int64_t at = out[d] * w->stride + tap[d] * w->rhs_dilation - w->pad_low;
    if (at < 0 || at % w->lhs_dilation) return -1;
    at /= w->lhs_dilation;
    if (at >= from->dims[d]) return -1;
    offset += at * strides[d];
  }
  return offset;
}

typedef struct {
  tn_eval *eval;
  const tn_inst *inst;
  tn_value *const *operands;
  int n; /* operands that are reduced together */
  const tn_shape *from;
  int64_t *strides, *sizes, *tap;
  int64_t taps;
  bool sums; /* a float add: kept wide */
  tn_caller f;
  tn_lanes *accumulators; /* TN_LANES results each */
  tn_join_size *joins;    /* [n][TN_LANES], for bounds */
} windows;

static void join_sums(windows *w, const int *lanes, const int64_t *elements, int count) {
  tn_lanes *acc = &w->accumulators[0], *x = &w->f.parameters[0];
  bool wide = acc->type == TN_F64;
  for (int q = 0; q < count; q++) {
    tn_lanes_load(x, 0, w->operands[0], elements[q], 1, 1);
    double sum = acc->re[lanes[q]].f + x->re[0].f;
    acc->re[lanes[q]].f = wide ? sum : (double)(float)sum;
    if (!acc->bound) continue;
    acc->bound[lanes[q]] += x->bound[0];
    tn_join_size_add(&w->joins[lanes[q]], x->re[0].f, 0);
  }
}

static bool has_parts(tn_type type) { return tn_type_is_float(type) || tn_type_is_complex(type); }

static void add_lane(tn_join_size *join, const tn_lanes *x, int lane) {
  if (has_parts(x->type)) tn_join_size_add(join, x->re[lane].f, x->im ? x->im[lane] : 0);
}

static void join_any(windows *w, const int *lanes, const int64_t *elements, int count) {
  for (int q = 0; q < count; q++)
    for (int k = 0; k < w->n; k++) {
      move_lane(&w->f.parameters[k], q, &w->accumulators[k], lanes[q]);
      tn_lanes_load(&w->f.parameters[w->n + k], q, w->operands[k], elements[q], 1, 1);
      if (w->joins) add_lane(&w->joins[k * TN_LANES + lanes[q]], &w->f.parameters[w->n + k], q);
    }
  if (count) tn_caller_run(&w->f, count);
  for (int q = 0; q < count; q++)
    for (int k = 0; k < w->n; k++) move_lane(&w->accumulators[k], lanes[q], &w->f.results[k], q);
}

static void start_joins(windows *w, int count) {
  for (int k = 0; k < w->n; k++)
    for (int l = 0; l < count; l++) {
      tn_join_size *join = &w->joins[k * TN_LANES + l];
      tn_join_size_start(join, tn_joined_by(w->inst->called[0], w->n, k));
      add_lane(join, &w->accumulators[k], l);
    }
}

/* What the order of joins adds to the bounds. */
static void add_slack(windows *w, int count) {
  for (int k = 0; k < w->n; k++) {
    tn_lanes *acc = &w->accumulators[k];
    tn_type kept = w->sums && acc->type != TN_F64 ? TN_F32 : acc->type;
    for (int l = 0; has_parts(acc->type) && l < count; l++) {
      const tn_join_size *join = &w->joins[k * TN_LANES + l];
      double size = acc->im ? hypot(acc->re[l].f, acc->im[l]) : fabs(acc->re[l].f);
      acc->bound[l] += tn_join_slack(join, kept, size);
      if (kept != acc->type && acc->bound[l] > 0) acc->bound[l] += tn_half_ulp(acc->type, join->size);
      acc->bound[l] = tn_bound_of(tn_type_part(acc->type), size, acc->bound[l]);
    }
  }
}

/* The windows of `count` results whose positions are `outs` ([count][rank]). */
static void join_block(windows *w, const int64_t *outs, int count) {
  int rank = w->from->rank;
  for (int k = 0; k < w->n; k++) tn_lanes_load(&w->accumulators[k], 0, w->operands[w->n + k], 0, 0, count);
  if (w->joins) start_joins(w, count);
  for (int d = 0; d < rank; d++) w->tap[d] = 0;
  for (int64_t t = 0; t < w->taps; t++, tn_index_next(rank, w->sizes, w->tap)) {
    int lanes[TN_LANES], valid = 0;
    int64_t elements[TN_LANES];
    for (int l = 0; l < count; l++) {
      int64_t at =
          element_under(&w->inst->attr.window.window, w->from, w->strides, outs + (int64_t)l * rank, w->tap);
      if (at < 0) continue;
      lanes[valid] = l;
      elements[valid++] = at;
    }
    (w->sums ? join_sums : join_any)(w, lanes, elements, valid);
  }
  if (w->joins) add_slack(w, count);
}

static windows open_windows(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  windows w = {.eval = eval, .inst = inst, .operands = operands, .n = inst->n_operands / 2, .taps = 1};
  w.from = operands[0]->literal.shape;
  w.strides = tn_strides(eval, w.from);
  w.sizes = TN_SCRATCH(eval, int64_t, w.from->rank);
  w.tap = TN_SCRATCH(eval, int64_t, w.from->rank);
  for (int d = 0; d < w.from->rank; d++) {
    w.sizes[d] = inst->attr.window.window.at[d].size;
    w.taps *= w.sizes[d];
  }
  tn_op op;
  w.sums = w.n == 1 && tn_comp_is_binary(inst->called[0], &op) && op == TN_OP_ADD &&
           tn_type_is_float(w.from->type);
  w.f = tn_caller_open(eval, inst->called[0], TN_LANES);
  w.accumulators = TN_SCRATCH(eval, tn_lanes, w.n);
  for (int k = 0; k < w.n; k++) w.accumulators[k] = tn_lanes_new(eval, tn_value_type(operands[k]), TN_LANES);
  if (eval->options.bounds) w.joins = TN_SCRATCH(eval, tn_join_size, w.n * TN_LANES);
  return w;
}

tn_value *tn_eval_reduce_window(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  windows w = open_windows(eval, inst, operands);
  bool tuple = tn_shape_is_tuple(inst->shape);
  const tn_shape *shape = tuple ? inst->shape->elements[0] : inst->shape;
  tn_value **results = TN_SCRATCH(eval, tn_value *, w.n);
  for (int k = 0; k < w.n; k++) results[k] = tn_value_new(eval, tuple ? inst->shape->elements[k] : shape);
  int64_t count = tn_shape_elements(shape), *outs = TN_SCRATCH(eval, int64_t, shape->rank *TN_LANES + 1);
  int64_t *out = TN_SCRATCH(eval, int64_t, shape->rank);
  for (int d = 0; d < shape->rank; d++) out[d] = 0;
  for (int64_t at = 0; at < count; at += TN_LANES) {
    int n = count - at < TN_LANES ? (int)(count - at) : TN_LANES;
    for (int l = 0; l < n; l++, tn_index_next(shape->rank, shape->dims, out))
      memcpy(outs + (int64_t)l * shape->rank, out, (size_t)shape->rank * sizeof *out);
    join_block(&w, outs, n);
    for (int k = 0; k < w.n; k++) tn_lanes_store(&w.accumulators[k], 0, results[k], at, 1, n);
  }
  return tuple ? tn_value_tuple(eval, inst->shape, results) : results[0];
}

/* ---- select-and-scatter ---- */

/* The element of a window that `select` keeps: it stays while select(kept, next) holds. */
static int64_t selected(const windows *w, tn_caller *select, const int64_t *out, bool *exact) {
  int64_t kept = -1;
  for (int d = 0; d < w->from->rank; d++) w->tap[d] = 0;
  for (int64_t t = 0; t < w->taps; t++, tn_index_next(w->from->rank, w->sizes, w->tap)) {
    int64_t at = element_under(&w->inst->attr.window.window, w->from, w->strides, out, w->tap);
    if (at < 0) continue;
    if (kept >= 0) {
      tn_lanes_load(&select->parameters[0], 0, w->operands[0], kept, 1, 1);
      tn_lanes_load(&select->parameters[1], 0, w->operands[0], at, 1, 1);
      tn_caller_run(select, 1);
      if (select->results[0].bound && select->results[0].bound[0] > 0) *exact = false;
    }
    if (kept < 0 || !select->results[0].re[0].i) kept = at;
  }
  return kept;
}

/* Sources are scattered in row-major order. */
tn_value *tn_eval_select_and_scatter(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  windows w = {
      .eval = eval, .inst = inst, .operands = operands, .taps = 1, .from = operands[0]->literal.shape};
  const tn_shape *source = operands[1]->literal.shape;
  w.strides = tn_strides(eval, w.from);
  w.sizes = TN_SCRATCH(eval, int64_t, w.from->rank);
  w.tap = TN_SCRATCH(eval, int64_t, w.from->rank);
  int64_t *out = TN_SCRATCH(eval, int64_t, source->rank), count = tn_shape_elements(inst->shape), zero = 0,
          one = 1;
  for (int d = 0; d < w.from->rank; d++) {
    w.sizes[d] = inst->attr.window.window.at[d].size;
    w.taps *= w.sizes[d];
    out[d] = 0;
  }
  bool exact = true;
  tn_value *result = tn_value_new(eval, inst->shape);
  tn_value_copy(result, 0, &one, operands[2], 0, &zero, 1, &count);
  tn_caller select = tn_caller_open(eval, inst->called[0], 1),
            scatter = tn_caller_open(eval, inst->called[1], 1);
  for (int64_t s = 0; s < tn_shape_elements(source); s++, tn_index_next(source->rank, source->dims, out)) {
    int64_t at = selected(&w, &select, out, &exact);
    if (at < 0) continue;
    tn_lanes_load(&scatter.parameters[0], 0, result, at, 1, 1);
    tn_lanes_load(&scatter.parameters[1], 0, operands[1], s, 1, 1);
    tn_caller_run(&scatter, 1);
    tn_lanes_store(&scatter.results[0], 0, result, at, 1, 1);
  }
  return tn_value_decided(eval, result, exact);
}

/* ---- scan ---- */

/* Position i along the scanned dim, which is dropped (into = false: taken out; true: put in). */
static void copy_position(tn_eval *eval, tn_value *whole, tn_value *part, int64_t dim, int64_t i, bool into) {
  const tn_shape *shape = whole->literal.shape;
  int64_t *strides = tn_strides(eval, shape), *rest = TN_SCRATCH(eval, int64_t, shape->rank);
  int n = 0;
  int64_t *dims = TN_SCRATCH(eval, int64_t, shape->rank),
          *part_strides = TN_SCRATCH(eval, int64_t, shape->rank), size = 1;
  for (int d = 0; d < shape->rank; d++) {
    if (d == dim) continue;
    dims[n] = shape->dims[d];
    rest[n++] = strides[d];
  }
  for (int d = n - 1; d >= 0; d--) {
    part_strides[d] = size;
    size *= dims[d];
  }
  if (into)
    tn_value_copy(whole, i * strides[dim], rest, part, 0, part_strides, n, dims);
  else
    tn_value_copy(part, 0, part_strides, whole, i * strides[dim], rest, n, dims);
}

/* Operands: inputs, then carries; the computation takes a position of each input and the
 * carries and gives a position of each output and the carries.                          */
tn_value *tn_eval_scan(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_comp *comp = inst->called[0];
  int64_t dim = inst->attr.scan.dim;
  int carries = (int)inst->attr.scan.num_carries, inputs = inst->n_operands - carries;
  bool tuple = tn_shape_is_tuple(inst->shape), comp_tuple = tn_shape_is_tuple(comp->root->shape);
  int results = tuple ? inst->shape->rank : 1, outputs = results - carries;
  tn_value **values = TN_SCRATCH(eval, tn_value *, results),
           **arguments = TN_SCRATCH(eval, tn_value *, inst->n_operands);
  for (int o = 0; o < outputs; o++)
    values[o] = tn_value_new(eval, tuple ? inst->shape->elements[o] : inst->shape);
  for (int c = 0; c < carries; c++) values[outputs + c] = tn_value_retain(operands[inputs + c]);
  int64_t count = inputs    ? operands[0]->literal.shape->dims[dim]
                  : outputs ? values[0]->literal.shape->dims[dim]
                            : 0;
  for (int64_t step = 0; step < count; step++) {
    int64_t i = inst->attr.scan.is_reverse ? count - 1 - step : step;
    struct tn_scratch *mark = eval->scratch;
    for (int k = 0; k < inputs; k++) {
      arguments[k] = tn_value_new(eval, comp->parameters.at[k]->shape);
      copy_position(eval, operands[k], arguments[k], dim, i, false);
    }
    for (int c = 0; c < carries; c++) arguments[inputs + c] = values[outputs + c];
    tn_value *made = tn_eval_run(eval, comp, arguments);
    for (int r = 0; r < results; r++) {
      tn_value *part = comp_tuple ? tn_value_element(made, r) : made;
      if (r < outputs) {
        copy_position(eval, values[r], part, dim, i, true);
      } else {
        tn_value_release(eval, values[r]);
        values[r] = tn_value_retain(part);
      }
    }
    tn_value_release(eval, made);
    for (int k = 0; k < inputs; k++) tn_value_release(eval, arguments[k]);
    tn_eval_scratch_release(eval, mark);
  }
  return tuple ? tn_value_tuple(eval, inst->shape, values) : values[0];
}
