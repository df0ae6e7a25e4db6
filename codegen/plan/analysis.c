/* What both back ends ask about a reduce: can its iterations be split into partial
 * results, and with what do those start?
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/plan/walk.h"

static bool is_value(const tn_expr *expr, int value) {
  return expr->kind == TN_EXPR_VALUE && expr->value == value;
}

static bool is_the_value(void *user, const tn_expr *expr) { return is_value(expr, *(const int *)user); }

static bool reads_value(const tn_expr *expr, int value) {
  return tn_walk_expr(&(tn_walk){.expr = is_the_value, .user = &value}, expr);
}

static bool stmt_reads_value(const tn_kernel *kernel, const tn_stmt *stmt, int value) {
  return tn_walk_stmt(&(tn_walk){.expr = is_the_value, .user = &value}, kernel, stmt);
}

tn_join tn_join_of_op(tn_op op) {
  static const struct {
    tn_op op;
    tn_join join;
  } joins[] = {{TN_OP_ADD, TN_JOIN_ADD},         {TN_OP_MULTIPLY, TN_JOIN_MULTIPLY},
               {TN_OP_MINIMUM, TN_JOIN_MINIMUM}, {TN_OP_MAXIMUM, TN_JOIN_MAXIMUM},
               {TN_OP_AND, TN_JOIN_AND},         {TN_OP_OR, TN_JOIN_OR},
               {TN_OP_XOR, TN_JOIN_XOR}};
  for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
    if (joins[i].op == op) return joins[i].join;
  return TN_JOIN_ORDERED;
}

/* acc = acc + term, acc = maximum(acc, term), …, acc = fma(a, b, acc): the accumulator
 * alone on one side, and nothing of it in the term. Instead of the accumulator there may
 * stand another such update with the same join: fma(a, b, fma(c, d, acc)).           */
static tn_join update_join(const tn_expr *update, int acc) {
  if (update->kind != TN_EXPR_OP && update->kind != TN_EXPR_FMA) return TN_JOIN_ORDERED;
  bool fused = update->kind == TN_EXPR_FMA;
  tn_join join = fused ? TN_JOIN_ADD : tn_join_of_op(update->op.op);
  int uses = 0, side = -1;
  for (int i = 0; i < update->op.n_operands; i++) {
    uses += reads_value(update->op.operands[i], acc);
    if (reads_value(update->op.operands[i], acc)) side = i;
  }
  if (uses != 1 || (fused && side != 2)) return TN_JOIN_ORDERED;
  const tn_expr *before = update->op.operands[side];
  return is_value(before, acc) || update_join(before, acc) == join ? join : TN_JOIN_ORDERED;
}

tn_join tn_reduce_join(const tn_kernel *kernel, const tn_stmt *reduce, int accumulator) {
  tn_join arg = tn_reduce_arg_join(kernel, reduce);
  if (arg != TN_JOIN_ORDERED) return accumulator ? TN_JOIN_ARG_INDEX : arg;
  for (int i = 0; i < reduce->n_accumulators; i++) {
    int value = reduce->accumulators[i].value;
    for (int j = 0; j < reduce->n_accumulators; j++) /* each on its own */
      if (j != i && reads_value(reduce->accumulators[j].update, value)) return TN_JOIN_ORDERED;
    for (const tn_stmt *stmt = reduce->body; stmt; stmt = stmt->next)
      if (stmt_reads_value(kernel, stmt, value)) return TN_JOIN_ORDERED;
  }
  const tn_accumulator *acc = &reduce->accumulators[accumulator];
  tn_join join = update_join(acc->update, acc->value);
  bool no_zero = acc->update->type == TN_F8E8M0FNU; /* nothing that a sum could begin with */
  return join == TN_JOIN_ADD && no_zero ? TN_JOIN_ORDERED : join;
}

bool tn_reduce_splits(const tn_kernel *kernel, const tn_stmt *reduce) {
  if (reduce->expr) return false;
  int dim, buffer;
  if (!tn_iterations_apart(kernel, reduce, &dim, &buffer)) return false;
  for (int i = 0; i < reduce->n_accumulators; i++)
    if (tn_reduce_join(kernel, reduce, i) == TN_JOIN_ORDERED) return false;
  return true;
}

/* ---- identities ---- */

static void float_identity(tn_join join, tn_type type, uint64_t bits[2]) {
  tn_type part = tn_type_is_complex(type) ? tn_type_part(type) : type;
  double largest = tn_float_largest(part), smallest = part == TN_F8E8M0FNU ? 0x1p-127 : -largest;
  double identity = join == TN_JOIN_ADD                                      ? -0.0
                    : join == TN_JOIN_MULTIPLY                               ? 1.0
                    : join == TN_JOIN_MINIMUM || join == TN_JOIN_ARG_MINIMUM ? largest
                                                                             : smallest;
  bits[0] = tn_float_to_bits(part, identity);
  bits[1] = join == TN_JOIN_ADD && part != type ? bits[0] : 0;
}

static uint64_t integer_extreme(tn_type type, bool largest) {
  uint64_t ones = UINT64_MAX >> (64 - tn_type_bits(type));
  if (tn_type_class_of(type) != TN_CLASS_SIGNED) return largest ? ones : 0;
  return largest ? ones >> 1 : ~(ones >> 1); /* the sign extended */
}

void tn_join_identity(tn_join join, tn_type type, uint64_t bits[2]) {
  bits[0] = bits[1] = 0;
  if (tn_type_is_float(type) || tn_type_is_complex(type)) {
    float_identity(join, type, bits);
    return;
  }
  switch (join) {
  case TN_JOIN_ADD:
  case TN_JOIN_OR:
  case TN_JOIN_XOR:
  case TN_JOIN_ORDERED: return;
  case TN_JOIN_MULTIPLY: bits[0] = type == TN_S1 ? UINT64_MAX : 1; return; /* 1 wraps to -1 */
  case TN_JOIN_AND:
    bits[0] = tn_type_class_of(type) == TN_CLASS_SIGNED ? UINT64_MAX : integer_extreme(type, true);
    return;
  case TN_JOIN_ARG_INDEX: /* behind every real one */
  case TN_JOIN_ARG_MINIMUM:
  case TN_JOIN_MINIMUM: bits[0] = integer_extreme(type, true); return;
  case TN_JOIN_ARG_MAXIMUM:
  case TN_JOIN_MAXIMUM: bits[0] = integer_extreme(type, false); return;
  }
}

/* ---- the end of a reduce ---- */

typedef struct {
  const tn_kernel *kernel;
  int dim;
} end_query;

static bool is_the_dim(void *user, int dim) { return dim == ((end_query *)user)->dim; }

static bool value_depends(const end_query *q, const tn_stmt *body, int value);

static bool depends_by_value(void *user, const tn_expr *expr) {
  end_query *q = user;
  return expr->kind == TN_EXPR_VALUE && value_depends(q, q->kernel->body, expr->value);
}

static tn_walk end_walk(const end_query *q) {
  return (tn_walk){.expr = depends_by_value, .dim = is_the_dim, .user = (void *)q};
}

/* Lets stand before what reads them, so this ends; of accumulators it is not looked for. */
static bool value_depends(const end_query *q, const tn_stmt *body, int value) {
  tn_walk walk = end_walk(q);
  for (const tn_stmt *s = body; s; s = s->next) {
    if (s->kind == TN_STMT_LET && s->value == value) return tn_walk_expr(&walk, s->expr);
    for (int i = 0; i < s->n_accumulators; i++)
      if (s->accumulators[i].value == value) return true;
    if (value_depends(q, s->body, value)) return true;
  }
  return false;
}

bool tn_end_depends(const tn_kernel *kernel, const tn_stmt *reduce, int dim) {
  end_query q = {kernel, dim};
  tn_walk walk = end_walk(&q);
  return reduce->expr && tn_walk_expr(&walk, reduce->expr);
}
