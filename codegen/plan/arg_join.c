/* Which reduces are arg-max or arg-min.
 *
 * A reduce of a value and an index, as frontends write it:
 *
 *   reduce k:n {
 *     keep = s > x or s != s          (integers: s > x; arg-min: <)
 *     s: f32 from -inf = select(keep, s, x)
 *     i: s32 from 0    = select(keep or (s == x and i < j), i, j)      j = index<s32>(… + k)
 *   }
 *
 * gives the extreme value and the smallest index that has it; a NaN is more extreme than
 * any number, and the first one met stays. Which of several equal values (-0 and +0) or
 * NaNs is kept depends on the order. Where j grows with k, "met later" is "has the larger
 * index", so partial results can be joined by their indices, in any order, with the same
 * bits:
 *
 *   keep  = a > b or (a != a and (b == b or i < j))
 *   value = select(keep or (a == b and j < i), a, b)
 *   index = select(keep or (a == b and i < j), i, j)
 *
 * The initial value is no NaN and no zero, so it matters only as a number; it may come last.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/plan/kernel.h"

typedef struct {
  const tn_kernel *kernel;
  const tn_stmt *reduce;
  int value, index; /* the accumulators */
} candidate;

/* What a let of the reduce stands for. */
static const tn_expr *resolve(const candidate *c, const tn_expr *expr) {
  for (const tn_stmt *stmt = c->reduce->body; stmt && expr->kind == TN_EXPR_VALUE; stmt = stmt->next)
    if (stmt->kind == TN_STMT_LET && stmt->value == expr->value) return resolve(c, stmt->expr);
  return expr;
}

static bool same(const candidate *c, const tn_expr *a, const tn_expr *b) {
  return tn_expr_equal(resolve(c, a), resolve(c, b));
}

static bool is_accumulator(const tn_expr *expr, int value) {
  return expr->kind == TN_EXPR_VALUE && expr->value == value;
}

static bool is_op(const tn_expr *expr, tn_op op) { return expr->kind == TN_EXPR_OP && expr->op.op == op; }

static tn_direction mirrored(tn_direction direction) {
  switch (direction) {
  case TN_LT: return TN_GT;
  case TN_GT: return TN_LT;
  case TN_LE: return TN_GE;
  case TN_GE: return TN_LE;
  case TN_EQ:
  case TN_NE: return direction;
  }
  return direction;
}

/* `accumulator` compared with `other`, written either way round. */
static bool compares(const candidate *c, const tn_expr *expr, tn_direction direction, int accumulator,
                     const tn_expr *other) {
  expr = resolve(c, expr);
  if (!is_op(expr, TN_OP_COMPARE) || expr->op.total_order) return false;
  const tn_expr *a = expr->op.operands[0], *b = expr->op.operands[1];
  if (expr->op.direction == direction && is_accumulator(a, accumulator) && same(c, b, other)) return true;
  return expr->op.direction == mirrored(direction) && is_accumulator(b, accumulator) && same(c, a, other);
}

/* op(a, b) in either order; a test for each of the two. */
typedef bool part_test(const candidate *c, const tn_expr *expr, const void *data);

static bool both(const candidate *c, const tn_expr *expr, tn_op op, part_test *first, part_test *second,
                 const void *data) {
  expr = resolve(c, expr);
  if (!is_op(expr, op)) return false;
  const tn_expr *a = expr->op.operands[0], *b = expr->op.operands[1];
  return (first(c, a, data) && second(c, b, data)) || (first(c, b, data) && second(c, a, data));
}

typedef struct {
  tn_direction beyond; /* GT: arg-max */
  const tn_expr *x, *j;
} shape;

static bool is_beyond(const candidate *c, const tn_expr *expr, const void *data) {
  const shape *s = data;
  return compares(c, expr, s->beyond, c->value, s->x);
}

static bool is_nan(const candidate *c, const tn_expr *expr, const void *data) {
  const shape *s = data;
  expr = resolve(c, expr);
  (void)s;
  return is_op(expr, TN_OP_COMPARE) && !expr->op.total_order && expr->op.direction == TN_NE &&
         is_accumulator(expr->op.operands[0], c->value) && is_accumulator(expr->op.operands[1], c->value);
}

/* s > x or s != s; of integers the first alone. */
static bool is_keep(const candidate *c, const tn_expr *expr, const void *data) {
  const shape *s = data;
  if (!tn_type_is_float(s->x->type)) return is_beyond(c, expr, data);
  return both(c, expr, TN_OP_OR, is_beyond, is_nan, data);
}

static bool is_equal(const candidate *c, const tn_expr *expr, const void *data) {
  return compares(c, expr, TN_EQ, c->value, ((const shape *)data)->x);
}

static bool is_before(const candidate *c, const tn_expr *expr, const void *data) {
  return compares(c, expr, TN_LT, c->index, ((const shape *)data)->j);
}

static bool is_tie(const candidate *c, const tn_expr *expr, const void *data) {
  return both(c, expr, TN_OP_AND, is_equal, is_before, data);
}

/* select(p, accumulator, other): other; else NULL. */
static const tn_expr *taken_from(const candidate *c, const tn_expr *update, int accumulator) {
  update = resolve(c, update);
  if (!is_op(update, TN_OP_SELECT) || !is_accumulator(update->op.operands[1], accumulator)) return NULL;
  return update->op.operands[2];
}

/* The index is the place in the one dim that is reduced, from some start on, and fits its type. */
static bool grows(const candidate *c, const tn_expr *j) {
  int dim = -1;
  int64_t stride, low, high;
  j = resolve(c, j);
  if (j->kind != TN_EXPR_INDEX || !tn_type_is_integer(j->type)) return false;
  for (int i = 0; i < c->reduce->n_dims; i++) {
    if (c->kernel->dims[c->reduce->dims[i]].size == 1) continue;
    if (dim >= 0) return false;
    dim = c->reduce->dims[i];
  }
  tn_index_range(c->kernel, j->index, &low, &high);
  bool is_signed = tn_type_class_of(j->type) == TN_CLASS_SIGNED;
  int bits = tn_type_bits(j->type) - is_signed;
  if (low < 0 || (bits < 63 && high >= INT64_C(1) << bits)) return false;
  return dim < 0 || (tn_index_stride(c->kernel, j->index, dim, 1, &stride) && stride > 0);
}

static bool initial_counts_as_number(const tn_expr *initial) {
  if (initial->kind != TN_EXPR_CONSTANT) return false;
  if (!tn_type_is_float(initial->type)) return true;
  double value = tn_float_from_bits(initial->type, initial->bits[0]);
  return value < 0 || value > 0;
}

/* Nothing else of the reduce stores, or is a nest. */
static bool holds_lets_alone(const tn_stmt *reduce) {
  for (const tn_stmt *stmt = reduce->body; stmt; stmt = stmt->next)
    if (stmt->kind != TN_STMT_LET) return false;
  return true;
}

tn_join tn_reduce_arg_join(const tn_kernel *kernel, const tn_stmt *reduce) {
  if (reduce->n_accumulators != 2 || !holds_lets_alone(reduce)) return TN_JOIN_ORDERED;
  const tn_accumulator *acc = reduce->accumulators;
  candidate c = {kernel, reduce, acc[0].value, acc[1].value};
  shape s = {TN_GT, taken_from(&c, acc[0].update, c.value), taken_from(&c, acc[1].update, c.index)};
  if (!s.x || !s.j || !initial_counts_as_number(acc[0].initial) || !grows(&c, s.j)) return TN_JOIN_ORDERED;
  bool number = tn_type_is_float(s.x->type) || tn_type_is_integer(s.x->type);
  if (!number || resolve(&c, s.x)->kind == TN_EXPR_VALUE) return TN_JOIN_ORDERED;
  const tn_expr *keep = resolve(&c, acc[0].update)->op.operands[0],
                *stay = resolve(&c, acc[1].update)->op.operands[0];
  for (int i = 0; i < 2; i++, s.beyond = TN_LT)
    if (is_keep(&c, keep, &s) && both(&c, stay, TN_OP_OR, is_keep, is_tie, &s))
      return i ? TN_JOIN_ARG_MINIMUM : TN_JOIN_ARG_MAXIMUM;
  return TN_JOIN_ORDERED;
}
