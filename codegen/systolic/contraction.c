/* Kernels matched to contractions and vector operations.
 *
 * The form is one loop with at most one reduce and one store in it. Of the reduce's update two loads
 * that are multiplied make a contraction, one load a window; without a reduce a load in what is
 * stored is the vector unit's source. Dims get their roles from who moves along them. Everything
 * else has a reason why not, in words for the table of what ran where.
 *
 * Cost: linear in the kernel, but for the tables (256 evaluations) and for counting what is padding.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/contraction_private.h"

#include <stdarg.h>

bool tn_match_fail(tn_matcher *m, const char *format, ...) {
  if (m->why) return false;
  va_list arguments;
  va_start(arguments, format);
  m->why = tn_arena_vprintf(m->arena, format, arguments);
  va_end(arguments);
  return false;
}

const tn_expr *tn_match_resolve(const tn_matcher *m, const tn_expr *expr) {
  return tn_expr_resolve(m->lets, expr);
}

bool tn_match_is_sum(const tn_matcher *m, const tn_expr *expr) {
  return expr->kind == TN_EXPR_VALUE && m->reduce && expr->value == m->reduce->accumulators[0].value;
}

const tn_literal *tn_match_literal(const tn_matcher *m, const tn_expr *expr) {
  if (expr->kind != TN_EXPR_LOAD || expr->load.buffer >= m->kernel->n_parameters) return NULL;
  return m->plan->buffers[m->step->arguments[expr->load.buffer]].literal;
}

bool tn_match_varies(const tn_matcher *m, const tn_expr *expr) {
  expr = tn_match_resolve(m, expr);
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: return false;
  case TN_EXPR_INDEX: return true;
  case TN_EXPR_VALUE: return true;
  case TN_EXPR_LOAD: return !tn_match_literal(m, expr);
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++)
      if (tn_match_varies(m, expr->op.operands[i])) return true;
    return false;
  }
  return false;
}

/* ---- the form ---- */

static bool add_let(tn_matcher *m, const tn_stmt *stmt) {
  m->lets[stmt->value] = stmt->expr;
  return true;
}

static bool read_reduce(tn_matcher *m, const tn_stmt *reduce) {
  if (m->reduce) return tn_match_fail(m, "two reductions");
  if (reduce->n_accumulators != 1) return tn_match_fail(m, "a reduction of several values");
  if (reduce->expr) return tn_match_fail(m, "a reduction whose length is computed");
  for (const tn_stmt *s = reduce->body; s; s = s->next)
    if (s->kind != TN_STMT_LET || !add_let(m, s)) return tn_match_fail(m, "loops inside a reduction");
  m->reduce = reduce;
  return true;
}

static bool read_store(tn_matcher *m, const tn_stmt *store) {
  if (m->store) return tn_match_fail(m, "several results");
  if (store->condition) return tn_match_fail(m, "results that are stored under a condition");
  if (m->kernel->buffers[store->buffer].access != TN_BUFFER_OUT)
    return tn_match_fail(m, "it writes over what it reads");
  m->store = store;
  return true;
}

static bool read_statement(tn_matcher *m, const tn_stmt *stmt) {
  switch (stmt->kind) {
  case TN_STMT_LET: return add_let(m, stmt);
  case TN_STMT_REDUCE: return read_reduce(m, stmt);
  case TN_STMT_STORE: return read_store(m, stmt);
  case TN_STMT_LOOP: return tn_match_fail(m, "loops inside of loops");
  case TN_STMT_LOCAL: return tn_match_fail(m, "rows that are kept between loops");
  case TN_STMT_SORT: return tn_match_fail(m, "a sort");
  }
  return false;
}

static bool read_form(tn_matcher *m) {
  m->nest = m->kernel->body;
  m->reduce = m->store = NULL;
  m->lets = TN_NEW_ARRAY(m->arena, const tn_expr *, m->kernel->n_values);
  if (!m->nest || m->nest->next || m->nest->kind != TN_STMT_LOOP)
    return tn_match_fail(m, "several loops one behind the other");
  if (tn_is_scan(m->kernel, m->nest)) return tn_match_fail(m, "a loop that runs in order");
  for (const tn_stmt *s = m->nest->body; s; s = s->next)
    if (s->kind == TN_STMT_SORT) return tn_match_fail(m, "a sort");
  for (const tn_stmt *s = m->nest->body; s; s = s->next)
    if (!read_statement(m, s)) return false;
  return m->store || tn_match_fail(m, "no result");
}

/* ---- contractions ---- */

static const tn_expr *without_converts(const tn_matcher *m, const tn_expr *expr) {
  expr = tn_match_resolve(m, expr);
  while (expr->kind == TN_EXPR_OP && expr->op.op == TN_OP_CONVERT)
    expr = tn_match_resolve(m, expr->op.operands[0]);
  return expr;
}

/* A load, perhaps widened on the way to the sum: that does not change it. */
static bool read_factor(tn_matcher *m, const tn_expr *factor, tn_type sum, tn_walk *walk) {
  const tn_expr *load = without_converts(m, factor);
  if (load->kind != TN_EXPR_LOAD) return tn_match_fail(m, "a product of what is computed on the way");
  if (!tn_match_load(m, load, walk)) return false;
  bool widened = tn_type_is_float(sum) == tn_type_is_float(walk->type);
  return widened || tn_match_fail(m, "a product of %s in %s", tn_type_name(walk->type), tn_type_name(sum));
}

static bool is_constant(const tn_matcher *m, const tn_walk *walk) {
  return m->plan->buffers[m->step->arguments[walk->buffer]].memory == TN_MEMORY_CONSTANT;
}

/* Weights are what is constant; what has padding is no weights. */
static bool choose_sides(tn_matcher *m, const tn_walk *left, const tn_walk *right) {
  bool swap = is_constant(m, left) && !is_constant(m, right);
  if (left->n_bounds && right->n_bounds) return tn_match_fail(m, "both operands are padded");
  if (left->n_bounds) swap = false;
  if (right->n_bounds) swap = true;
  m->work->x = swap ? *right : *left;
  m->work->w = swap ? *left : *right;
  return true;
}

static void assign_roles(tn_matcher *m, int n_loops) {
  tn_systolic_work *work = m->work;
  for (int d = 0; d < work->n_dims; d++) {
    bool x = work->x.strides[d] != 0, w = work->w.strides[d] != 0;
    for (int b = 0; b < work->x.n_bounds; b++) x = x || work->x.bounds[b].steps[d] != 0;
    work->roles[d] = d >= n_loops ? TN_ROLE_SUM : x && w ? TN_ROLE_BATCH : w ? TN_ROLE_COLUMN : TN_ROLE_ROW;
  }
}

static int loop_dims(const tn_matcher *m) {
  int count = 0;
  for (int i = 0; i < m->nest->n_dims; i++) count += m->kernel->dims[m->nest->dims[i]].size != 1;
  return count;
}

static bool is_zero(const tn_matcher *m, const tn_expr *initial) {
  initial = tn_match_resolve(m, initial);
  return initial->kind == TN_EXPR_CONSTANT && initial->bits[0] == 0;
}

static bool match_contraction(tn_matcher *m, const tn_expr *const *factors) {
  tn_systolic_work *work = m->work;
  tn_walk sides[2];
  work->is_contraction = true;
  work->sum = m->kernel->values[m->reduce->accumulators[0].value].type;
  if (work->sum != TN_S32 && work->sum != TN_F32)
    return tn_match_fail(m, "sums of %s", tn_type_name(work->sum));
  if (!is_zero(m, m->reduce->accumulators[0].initial)) return tn_match_fail(m, "sums that do not begin at 0");
  for (int i = 0; i < 2; i++)
    if (!read_factor(m, factors[i], work->sum, &sides[i])) return false;
  if (!choose_sides(m, &sides[0], &sides[1])) return false;
  if (!tn_systolic_find_type(m->array, work->x.type, work->w.type))
    return tn_match_fail(m, "the array does not multiply %s by %s", tn_type_name(work->x.type),
                         tn_type_name(work->w.type));
  assign_roles(m, loop_dims(m));
  if (work->x.n_bounds && work->x.fill && tn_type_is_float(work->sum))
    return tn_match_fail(m, "padding other than 0"); /* may be infinite where there are no weights */
  work->macs = tn_match_inside(m, &work->x);
  return tn_match_epilogue(m, m->store->expr);
}

/* ---- windows ---- */

/* The join's identity, or less: nothing that the window's elements would not hide. */
static bool begins_empty(const tn_matcher *m, tn_isa_join join, tn_type type) {
  const tn_expr *initial = tn_match_resolve(m, m->reduce->accumulators[0].initial);
  uint64_t bits[2];
  if (join == TN_ISA_JOIN_ADD) return is_zero(m, initial);
  tn_join_identity(join == TN_ISA_JOIN_MAXIMUM ? TN_JOIN_MAXIMUM : TN_JOIN_MINIMUM, type, bits);
  uint64_t own = ~UINT64_C(0) >> (64 - 8 * tn_type_bytes(type));
  return initial->kind == TN_EXPR_CONSTANT && (initial->bits[0] & own) == (bits[0] & own);
}

static int64_t window_size(const tn_matcher *m) {
  int64_t windows = 1;
  for (int i = 0; i < m->reduce->n_dims; i++) windows *= m->kernel->dims[m->reduce->dims[i]].size;
  return windows;
}

/* An f32 sum of integers is exact while it is below 2^24. */
static bool sum_is_exact(const tn_matcher *m, tn_type from) {
  return tn_type_bits(from) <= 8 && window_size(m) <= 1 << 15;
}

/* The vector unit sums one behind the other, which the host does better in several partial sums. */
enum { LONGEST_FLOAT_SUM = 49 }; /* a mean over 7x7 */

static bool match_window(tn_matcher *m) {
  static const tn_isa_join joins[] = {[TN_JOIN_ADD] = TN_ISA_JOIN_ADD,
                                      [TN_JOIN_MINIMUM] = TN_ISA_JOIN_MINIMUM,
                                      [TN_JOIN_MAXIMUM] = TN_ISA_JOIN_MAXIMUM};
  tn_systolic_work *work = m->work;
  const tn_accumulator *a = &m->reduce->accumulators[0];
  tn_join join = tn_reduce_join(m->kernel, m->reduce, 0);
  tn_type type = m->kernel->values[a->value].type;
  if (join != TN_JOIN_ADD && join != TN_JOIN_MINIMUM && join != TN_JOIN_MAXIMUM)
    return tn_match_fail(m, "a reduction other than add, minimum, maximum");
  const tn_expr *update = tn_match_resolve(m, a->update);
  if (update->kind != TN_EXPR_OP || update->op.n_operands != 2)
    return tn_match_fail(m, "a reduction of what is computed on the way");
  int other = tn_match_is_sum(m, tn_match_resolve(m, update->op.operands[0])) ? 1 : 0;
  const tn_expr *load = without_converts(m, update->op.operands[other]);
  if (load->kind != TN_EXPR_LOAD) return tn_match_fail(m, "a reduction of what is computed on the way");
  if (!tn_match_load(m, load, &work->x)) return false;
  if (tn_type_bits(work->x.type) > 32 || (type != work->x.type && type != TN_S32 && type != TN_F32))
    return tn_match_fail(m, "a reduction of %s in %s", tn_type_name(work->x.type), tn_type_name(type));
  bool mixed = tn_type_is_float(type) != tn_type_is_float(work->x.type);
  if (mixed && (!tn_type_is_float(type) || !sum_is_exact(m, work->x.type)))
    return tn_match_fail(m, "a reduction of %s in %s", tn_type_name(work->x.type), tn_type_name(type));
  if (join == TN_JOIN_ADD && tn_type_is_float(work->x.type) && window_size(m) > LONGEST_FLOAT_SUM)
    return tn_match_fail(m, "sums of more than %d floats in a row", LONGEST_FLOAT_SUM);
  if (join == TN_JOIN_ADD && tn_type_bits(type) < 32)
    return tn_match_fail(m, "sums of %s", tn_type_name(type));
  work->work.join = joins[join];
  if (!begins_empty(m, joins[join], type)) return tn_match_fail(m, "a reduction that begins with a value");
  work->sum = tn_systolic_sum_type(work->x.type);
  for (int d = loop_dims(m); d < work->n_dims; d++) work->roles[d] = TN_ROLE_SUM;
  return tn_match_epilogue(m, m->store->expr);
}

/* ---- all of it ---- */

static bool match_work(tn_matcher *m) {
  const tn_expr *factors[2];
  if (!read_form(m)) return false;
  tn_match_split_dims(m);
  if (!read_form(m) || !tn_match_number_dims(m)) return false;
  m->work->kernel = m->kernel;
  m->work->step = m->step;
  m->work->roles = TN_NEW_ARRAY(m->arena, tn_role, m->work->n_dims);
  for (int d = 0; d < m->work->n_dims; d++) m->work->roles[d] = TN_ROLE_ROW;
  m->work->channels = 1;
  m->work->channel = TN_NEW_ARRAY(m->arena, int64_t, m->work->n_dims);
  if (!m->reduce && tn_match_pieces(m)) return true;
  m->why = NULL;
  if (!m->reduce) return tn_match_epilogue(m, m->store->expr);
  const tn_accumulator *sum = &m->reduce->accumulators[0];
  if (tn_expr_adds_product(m->lets, sum->update, sum->value, factors)) return match_contraction(m, factors);
  return match_window(m);
}

tn_systolic_work *tn_systolic_work_of(tn_arena *arena, const tn_plan *plan, const tn_step *step,
                                      const tn_systolic_target *array, const char **why) {
  tn_matcher m = {.arena = arena, .plan = plan, .step = step, .array = array};
  m.work = TN_NEW(arena, tn_systolic_work);
  *why = NULL;
  if (step->kind == TN_STEP_WHILE || step->kind == TN_STEP_CONDITIONAL)
    tn_match_fail(&m, "control flow");
  else if (step->kind == TN_STEP_COPY)
    tn_match_fail(&m, "a copy");
  else {
    m.kernel = plan->kernels[step->kernel];
    if (match_work(&m)) return m.work;
  }
  *why = m.why ? m.why : "no form that the array has";
  return NULL;
}
