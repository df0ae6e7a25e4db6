/* reduce and reduce-window.
 *
 * Sums of floats of at most 16 bits accumulate in f32: the accumulator says so. A window that
 * reaches into the padding, or between elements that base dilation has spread, meets
 * the initial value there, as HLO defines it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"

enum { MAX_RESULTS = 16 };

typedef struct {
  int count; /* of operands, and of results */
  tn_type element[MAX_RESULTS];
  tn_type accumulator[MAX_RESULTS];
  bool sum; /* one float add */
} reduction;

static bool describe(tn_lowering *l, tn_inst *inst, reduction *r) {
  r->count = inst->n_operands / 2;
  if (r->count > MAX_RESULTS) return tn_lower_fail(l, inst, false), false;
  tn_op op;
  r->sum = r->count == 1 && tn_comp_is_binary(inst->called[0], &op) && op == TN_OP_ADD;
  for (int i = 0; i < r->count; i++) {
    r->element[i] = inst->operands[i]->shape->type;
    bool narrow = tn_type_is_float(r->element[i]) && tn_type_bits(r->element[i]) < 32;
    r->accumulator[i] = r->sum && narrow ? TN_F32 : inst->operands[r->count + i]->shape->type;
  }
  return true;
}

/* accumulator = to_apply(accumulator, element) for all of them together. */
static bool update(tn_lowering *l, tn_inst *inst, const reduction *r, const tn_open_reduce *reduce,
                   const tn_expr **elements, const tn_expr **updates) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_expr *parameters[2 * MAX_RESULTS];
  for (int i = 0; i < r->count; i++) {
    parameters[i] = tn_expr_value(arena, r->accumulator[i], reduce->values[i]);
    parameters[r->count + i] = tn_expr_convert(arena, r->accumulator[i], elements[i]);
  }
  if (r->sum) {
    updates[0] = tn_expr_binary(arena, TN_OP_ADD, r->accumulator[0], parameters[0], parameters[1]);
    return true;
  }
  if (r->count > 1)
    for (int i = 0; i < r->count; i++) parameters[r->count + i] = tn_lower_share(l, parameters[r->count + i]);
  return tn_lower_scalars(l, inst->called[0], parameters, updates);
}

static const tn_expr *results(tn_lowering *l, tn_inst *inst, const reduction *r, const tn_open_reduce *reduce,
                              tn_position at, int output) {
  const tn_expr *wanted = NULL;
  for (int i = 0; i < r->count; i++) {
    const tn_expr *value = tn_expr_value(tn_lower_arena(l), r->accumulator[i], reduce->values[i]);
    const tn_shape *shape = tn_shape_is_tuple(inst->shape) ? inst->shape->elements[i] : inst->shape;
    value = tn_expr_convert(tn_lower_arena(l), shape->type, value);
    tn_lower_remember(l, inst, i, at, value);
    if (i == output) wanted = value;
  }
  return wanted;
}

const tn_expr *tn_lower_reduce(tn_lowering *l, tn_inst *inst, tn_position at, int output) {
  const tn_expr *known = tn_lower_recall(l, inst, output, at);
  reduction r;
  if (known || !describe(l, inst, &r)) return known;
  const tn_shape *shape = inst->operands[0]->shape;
  const tn_dims *dims = &inst->attr.reduce.dims;
  int64_t *sizes = TN_NEW_ARRAY(tn_lower_arena(l), int64_t, dims->count);
  bool *is_reduced = TN_NEW_ARRAY(tn_lower_arena(l), bool, shape->rank);
  for (int i = 0; i < dims->count; i++) is_reduced[dims->at[i]] = true;
  for (int d = 0, n = 0; d < shape->rank; d++)
    if (is_reduced[d]) sizes[n++] = shape->dims[d];
  tn_open_reduce reduce;
  if (!tn_lower_open_reduce(l, inst, at, dims->count, sizes, NULL, r.count, r.accumulator,
                            inst->operands + r.count, &reduce))
    return NULL;
  const tn_index **from = TN_NEW_ARRAY(tn_lower_arena(l), const tn_index *, shape->rank);
  for (int d = 0, kept = 0, n = 0; d < shape->rank; d++)
    from[d] = is_reduced[d] ? tn_index_dim(tn_lower_arena(l), reduce.dims[n++]) : at[kept++];
  const tn_expr *elements[MAX_RESULTS], *updates[MAX_RESULTS];
  for (int i = 0; i < r.count; i++) {
    elements[i] = tn_lower_element(l, inst->operands[i], from);
    if (!elements[i]) return NULL;
  }
  if (!update(l, inst, &r, &reduce, elements, updates)) return NULL;
  tn_lower_close_reduce(l, &reduce, updates);
  return results(l, inst, &r, &reduce, at, output);
}

/* Where window position k of result position o lies in the operands: (o*stride +
 * k*dilation - pad) / base dilation, if that is whole and inside.                   */
typedef struct {
  const tn_index **from;
  tn_guard_range *guards;
  int n_guards;
} window_place;

static window_place place_window(tn_lowering *l, tn_inst *inst, tn_position at, const int *window_dims) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_shape *shape = inst->operands[0]->shape;
  int rank = shape->rank;
  window_place p = {TN_NEW_ARRAY(arena, const tn_index *, rank),
                    TN_NEW_ARRAY(arena, tn_guard_range, 2 * rank), 0};
  for (int d = 0; d < rank; d++) {
    tn_window_dim w = inst->attr.window.window.at[d];
    int64_t size = shape->dims[d];
    const tn_index *k = tn_index_dim(arena, window_dims[d]), *o = tn_index_scale(arena, at[d], w.stride);
    if (w.reversal)
      k = tn_index_add(arena, tn_index_constant(arena, w.size - 1), tn_index_scale(arena, k, -1));
    p.from[d] = tn_index_add(arena, tn_index_add(arena, o, tn_index_scale(arena, k, w.rhs_dilation)),
                             tn_index_constant(arena, -w.pad_low));
    int64_t least, most, reach = size > 0 ? (size - 1) * w.lhs_dilation + 1 : 0;
    tn_index_range(tn_lower_kernel(l), p.from[d], &least, &most);
    if (least < 0 || most >= reach) p.guards[p.n_guards++] = (tn_guard_range){p.from[d], 0, reach};
    if (w.lhs_dilation == 1) continue;
    p.guards[p.n_guards++] =
        (tn_guard_range){tn_index_remainder(arena, tn_lower_kernel(l), p.from[d], w.lhs_dilation), 0, 1};
    p.from[d] = tn_index_quotient(arena, tn_lower_kernel(l), p.from[d], w.lhs_dilation);
  }
  return p;
}

/* Positions outside are left out. One join of floats or integers finds its identity
 * there; any other update is kept only inside.                                      */
static bool fills_with_identity(const tn_inst *inst, const reduction *r, tn_join *join) {
  tn_op op;
  if (r->count > 1 || r->element[0] == TN_PRED || !tn_comp_is_binary(inst->called[0], &op)) return false;
  *join = tn_join_of_op(op);
  if (*join == TN_JOIN_ADD && r->element[0] == TN_F8E8M0FNU) return false; /* it has no zero */
  bool exact =
      !tn_type_is_complex(r->element[0]) || *join == TN_JOIN_ADD; /* 1 z may differ from z in zeros */
  return exact && *join != TN_JOIN_ORDERED;
}

static const tn_expr *window_element(tn_lowering *l, tn_inst *operand, const window_place *p,
                                     const tn_expr *fill) {
  return tn_lower_guarded(l, operand, p->from, p->guards, p->n_guards, fill);
}

static void keep_outside(tn_lowering *l, const reduction *r, const tn_open_reduce *reduce,
                         const window_place *p, const tn_expr **updates) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_expr *inside = NULL;
  for (int i = 0; i < p->n_guards; i++) {
    const tn_expr *one =
        tn_expr_in_range(arena, tn_lower_kernel(l), p->guards[i].index, p->guards[i].low, p->guards[i].high);
    inside = inside ? tn_expr_binary(arena, TN_OP_AND, TN_PRED, inside, one) : one;
  }
  for (int i = 0; inside && i < r->count; i++) {
    const tn_expr *old = tn_expr_value(arena, r->accumulator[i], reduce->values[i]);
    updates[i] =
        tn_expr_op(arena, TN_OP_SELECT, r->accumulator[i], 3, (const tn_expr *[]){inside, updates[i], old});
  }
}

/* ---- running sums ---- */

static bool is_plain(const tn_window_dim *w) {
  return w->stride == 1 && w->lhs_dilation == 1 && w->rhs_dilation == 1 && !w->reversal;
}

/* The dim that the window spans as a whole, so that result i is made of elements 0 … i (or
 * i … n - 1: from the end); -1: it does not. From the end the order of joins is another
 * than the window's: only what is one join may run so.                                  */
static int cumulative_dim(const tn_inst *inst, const reduction *r, bool *from_end) {
  const tn_shape *shape = inst->operands[0]->shape;
  int dim = -1;
  tn_op op;
  for (int d = 0; d < shape->rank; d++) {
    const tn_window_dim *w = &inst->attr.window.window.at[d];
    int64_t n = shape->dims[d], pad = w->pad_low + w->pad_high;
    if (!is_plain(w)) return -1;
    if (w->size == 1 && !w->pad_low && !w->pad_high) continue;
    if (dim >= 0 || n < 2 || w->size != n || pad != n - 1 || (w->pad_low && w->pad_high)) return -1;
    dim = d;
    *from_end = w->pad_high > 0;
  }
  if (dim < 0 || !*from_end) return dim;
  bool one = r->count == 1 && tn_comp_is_binary(inst->called[0], &op) && tn_join_of_op(op) != TN_JOIN_ORDERED;
  return one ? dim : -1;
}

static void store_row(tn_lowering *l, int local, const tn_index *place, const tn_expr *value) {
  tn_stmt *store = tn_stmt_new(tn_lower_arena(l), TN_STMT_STORE);
  store->buffer = local;
  store->at = tn_arena_copy(tn_lower_arena(l), &place, sizeof place);
  store->expr = value;
  tn_lower_append(l, store);
}

/* reduce k:n { let v = s + x[k]  e[k] = v  s from 0 = v }: in the window's own order, from
 * the initial value on; n joins for n results.                                            */
static bool fill_row(tn_lowering *l, tn_inst *inst, const reduction *r, tn_position row, int dim,
                     bool from_end) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_shape *shape = inst->operands[0]->shape;
  tn_open_reduce reduce;
  if (!tn_lower_open_reduce(l, inst, row, 1, &shape->dims[dim], NULL, r->count, r->accumulator,
                            inst->operands + r->count, &reduce))
    return false;
  const tn_index **from = tn_arena_copy(arena, row, sizeof *row * (size_t)shape->rank);
  const tn_index *k = tn_index_dim(arena, reduce.dims[0]);
  if (from_end)
    k = tn_index_add(arena, tn_index_constant(arena, shape->dims[dim] - 1), tn_index_scale(arena, k, -1));
  from[dim] = k;
  const tn_expr *elements[MAX_RESULTS], *updates[MAX_RESULTS];
  for (int i = 0; i < r->count; i++) {
    elements[i] = tn_lower_element(l, inst->operands[i], from);
    if (!elements[i]) return false;
  }
  if (!update(l, inst, r, &reduce, elements, updates)) return false;
  for (int i = 0; i < r->count; i++) {
    tn_type type = (tn_shape_is_tuple(inst->shape) ? inst->shape->elements[i] : inst->shape)->type;
    int local = tn_lower_local(l, type, shape->dims[dim], 1);
    updates[i] = tn_lower_share(l, updates[i]);
    store_row(l, local, k, tn_expr_convert(arena, type, updates[i]));
    tn_lower_remember_sort(l, inst, i, row, local);
  }
  tn_lower_close_reduce(l, &reduce, updates);
  return true;
}

static const tn_expr *lower_cumulative(tn_lowering *l, tn_inst *inst, const reduction *r, tn_position at,
                                       int output, int dim, bool from_end) {
  const tn_index **row =
      tn_arena_copy(tn_lower_arena(l), at, sizeof *at * (size_t)inst->operands[0]->shape->rank);
  row[dim] = tn_index_constant(tn_lower_arena(l), 0);
  int local = tn_lower_recall_sort(l, inst, output, row);
  if (local < 0) {
    if (!fill_row(l, inst, r, row, dim, from_end)) return NULL;
    local = tn_lower_recall_sort(l, inst, output, row);
  }
  return tn_lower_load_local(l, local, at[dim]);
}

const tn_expr *tn_lower_reduce_window(tn_lowering *l, tn_inst *inst, tn_position at, int output) {
  const tn_expr *known = tn_lower_recall(l, inst, output, at);
  reduction r;
  if (known || !describe(l, inst, &r)) return known;
  bool from_end;
  int whole = inst->attr.window.window.count == inst->operands[0]->shape->rank
                  ? cumulative_dim(inst, &r, &from_end)
                  : -1;
  if (whole >= 0) return lower_cumulative(l, inst, &r, at, output, whole, from_end);
  int rank = inst->operands[0]->shape->rank;
  if (inst->attr.window.window.count != rank) return tn_lower_fail(l, inst, false);
  int64_t *sizes = TN_NEW_ARRAY(tn_lower_arena(l), int64_t, rank);
  for (int d = 0; d < rank; d++) sizes[d] = inst->attr.window.window.at[d].size;
  tn_open_reduce reduce;
  if (!tn_lower_open_reduce(l, inst, at, rank, sizes, NULL, r.count, r.accumulator, inst->operands + r.count,
                            &reduce))
    return NULL;
  window_place place = place_window(l, inst, at, reduce.dims);
  tn_join join = TN_JOIN_ORDERED;
  bool identity = fills_with_identity(inst, &r, &join);
  const tn_expr *elements[MAX_RESULTS], *updates[MAX_RESULTS];
  for (int i = 0; i < r.count; i++) {
    uint64_t bits[2] = {0, 0};
    if (identity) tn_join_identity(join, r.element[i], bits);
    elements[i] = window_element(l, inst->operands[i], &place,
                                 tn_expr_bits(tn_lower_arena(l), r.element[i], bits[0], bits[1]));
    if (!elements[i]) return NULL;
  }
  if (!update(l, inst, &r, &reduce, elements, updates)) return NULL;
  if (!identity) keep_outside(l, &r, &reduce, &place, updates);
  tn_lower_close_reduce(l, &reduce, updates);
  return results(l, inst, &r, &reduce, at, output);
}
