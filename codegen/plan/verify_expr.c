/* The verifier's checks of expressions and indices: types, scope, bounds.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/native.h"
#include "codegen/plan/verify.h"

static const char *buffer_name(const tn_kernel_check *c, int buffer) {
  return c->kernel->buffers[buffer].name;
}

/* ---- indices ---- */

static void check_term(tn_kernel_check *c, const tn_term *term, bool guarded) {
  int64_t low, high;
  switch (term->kind) {
  case TN_TERM_DIM:
    if (!c->dim_open[term->dim])
      tn_kernel_fault(c, "dim %s is used outside its loop", c->kernel->dims[term->dim].name);
    return;
  case TN_TERM_QUOTIENT:
  case TN_TERM_REMAINDER:
    tn_check_index(c, term->of, guarded);
    tn_index_range(c->kernel, term->of, &low, &high);
    if (low < 0 && !guarded && !tn_check_never_runs(c))
      tn_kernel_fault(c, "what is divided by %lld may be as small as %lld", (long long)term->divisor,
                      (long long)low);
    return;
  case TN_TERM_VALUE:
    if (!tn_type_is_integer(term->value->type))
      tn_kernel_fault(c, "clamp: an index is an integer, not %s", tn_type_name(term->value->type));
    tn_check_expr(c, term->value);
    return;
  }
}

void tn_check_index(tn_kernel_check *c, const tn_index *index, bool guarded) {
  static const int64_t most = INT64_C(1) << 60;
  int64_t low, high;
  for (int i = 0; i < index->n_terms; i++) check_term(c, &index->terms[i], guarded);
  tn_index_range(c->kernel, index, &low, &high);
  if (low < -most || high > most) tn_kernel_fault(c, "an index may leave 60 bits");
}

void tn_check_inside(tn_kernel_check *c, const char *what, int buffer, const tn_index *const *at) {
  const tn_shape *shape = c->kernel->buffers[buffer].shape;
  for (int d = 0; d < shape->rank && !tn_check_never_runs(c); d++) {
    int64_t low, high;
    tn_index_range(c->kernel, at[d], &low, &high);
    if (low < 0 || high >= shape->dims[d])
      tn_kernel_fault(c, "%s of %s: index %d may be %lld to %lld, the dim has %lld elements", what,
                      buffer_name(c, buffer), d, (long long)low, (long long)high, (long long)shape->dims[d]);
  }
}

/* ---- expressions ---- */

static void check_load(tn_kernel_check *c, const tn_expr *expr) {
  int buffer = expr->load.buffer;
  const tn_kernel_buffer *b = &c->kernel->buffers[buffer];
  if (expr->type != b->shape->type)
    tn_kernel_fault(c, "a load of %s is %s, the buffer is %s", b->name, tn_type_name(expr->type),
                    tn_type_name(b->shape->type));
  if (b->access == TN_BUFFER_LOCAL && !c->local_open[buffer])
    tn_kernel_fault(c, "%s is read outside its body", b->name);
  for (int d = 0; d < b->shape->rank; d++) tn_check_index(c, expr->load.at[d], expr->load.fill != NULL);
  for (int i = 0; i < expr->load.n_guards; i++) tn_check_index(c, expr->load.guards[i].index, true);
  if (c->kept[buffer] != INT64_MAX) tn_check_kept(c, buffer, expr->load.at[0]);
  if (!expr->load.fill) {
    tn_check_inside(c, "load", buffer, expr->load.at);
    return;
  }
  tn_check_expr(c, expr->load.fill);
  if (expr->load.fill->type != expr->type)
    tn_kernel_fault(c, "the fill of %s is %s, the buffer is %s", b->name, tn_type_name(expr->load.fill->type),
                    tn_type_name(expr->type));
}

static void check_value(tn_kernel_check *c, const tn_expr *expr) {
  const tn_kernel_value *value = &c->kernel->values[expr->value];
  if (!c->value_open[expr->value])
    tn_kernel_fault(c, "%s is used outside its body, or before it is set", value->name);
  if (expr->type != value->type)
    tn_kernel_fault(c, "%s is %s, used as %s", value->name, tn_type_name(value->type),
                    tn_type_name(expr->type));
}

/* All operands of `type`, from the first-th on. */
static void same_types(tn_kernel_check *c, const tn_expr *expr, const char *name, tn_type type, int first) {
  for (int i = first; i < expr->op.n_operands; i++)
    if (expr->op.operands[i]->type != type)
      tn_kernel_fault(c, "%s: operand %d is %s, %s expected", name, i,
                      tn_type_name(expr->op.operands[i]->type), tn_type_name(type));
}

static void check_fma(tn_kernel_check *c, const tn_expr *expr) {
  if (!c->target->fma) tn_kernel_fault(c, "fma: the target %s has none", c->target->name);
  if (expr->type != TN_F32 && expr->type != TN_F64)
    tn_kernel_fault(c, "fma: not for %s", tn_type_name(expr->type));
  same_types(c, expr, "fma", expr->type, 0);
}

/* log<imag>(a, b): operands and result have the parts' type. */
static void check_part(tn_kernel_check *c, const tn_expr *expr) {
  const char *name = tn_ops[expr->op.op].name;
  tn_type type = expr->op.operands[0]->type;
  if (expr->op.n_operands != 2 * tn_ops[expr->op.op].arity)
    tn_kernel_fault(c, "%s: %d operands", name, expr->op.n_operands);
  else if (!tn_part_is_native(expr->op.op, expr->op.part, type))
    tn_kernel_fault(c, "%s: no native form for parts of %s", name, tn_type_name(type));
  if (expr->type != type)
    tn_kernel_fault(c, "%s: the result is %s, used as %s", name, tn_type_name(type),
                    tn_type_name(expr->type));
  same_types(c, expr, name, type, 0);
}

/* stochastic-convert: an unsigned number of as many bits. */
static void check_random(tn_kernel_check *c, const tn_expr *expr) {
  tn_type type = expr->op.operands[0]->type, random = expr->op.operands[1]->type;
  if (tn_type_class_of(random) != TN_CLASS_UNSIGNED || tn_type_bits(random) != tn_type_bits(type))
    tn_kernel_fault(c, "stochastic-convert: %s takes an unsigned integer of %d bits, operand 1 is %s",
                    tn_type_name(type), tn_type_bits(type), tn_type_name(random));
}

static void check_op(tn_kernel_check *c, const tn_expr *expr) {
  tn_op op = expr->op.op;
  const char *name = tn_ops[op].name;
  if (expr->op.part) {
    check_part(c, expr);
    return;
  }
  bool known = tn_op_is(op, TN_OP_ELEMENTWISE) || op == TN_OP_BITCAST_CONVERT;
  if (!known || tn_ops[op].arity != expr->op.n_operands || !expr->op.n_operands) {
    tn_kernel_fault(c, "%s: %d operands", name, expr->op.n_operands);
    return;
  }
  bool select = op == TN_OP_SELECT, test = op == TN_OP_COMPARE || op == TN_OP_IS_FINITE;
  tn_type first = expr->op.operands[select || op == TN_OP_CLAMP]->type;
  tn_type result = test ? TN_PRED : tn_op_names_type(op) ? expr->type : first;
  if (!tn_op_is_native(op, expr->type, first))
    tn_kernel_fault(c, "%s: no native form for %s", name, tn_type_name(first));
  if (expr->type != result)
    tn_kernel_fault(c, "%s: the result is %s, used as %s", name, tn_type_name(result),
                    tn_type_name(expr->type));
  if (select && expr->op.operands[0]->type != TN_PRED)
    tn_kernel_fault(c, "select: operand 0 is %s, pred expected", tn_type_name(expr->op.operands[0]->type));
  if (op == TN_OP_STOCHASTIC_CONVERT)
    check_random(c, expr);
  else
    same_types(c, expr, name, first, select);
}

void tn_check_expr(tn_kernel_check *c, const tn_expr *expr) {
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
    if (!tn_type_is_native(expr->type)) tn_kernel_fault(c, "a constant of %s", tn_type_name(expr->type));
    return;
  case TN_EXPR_INDEX:
    if (!tn_type_is_native(expr->type)) tn_kernel_fault(c, "an index as %s", tn_type_name(expr->type));
    tn_check_index(c, expr->index, false);
    return;
  case TN_EXPR_LOAD: check_load(c, expr); return;
  case TN_EXPR_VALUE: check_value(c, expr); return;
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++) tn_check_expr(c, expr->op.operands[i]);
    if (expr->kind == TN_EXPR_FMA)
      check_fma(c, expr);
    else
      check_op(c, expr);
    return;
  }
}
