/* Multiply-adds of kernels: the turns of reduces that add products.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/contraction_private.h"
#include "codegen/systolic/partition.h"
#include "ir/work.h"

const tn_expr *tn_expr_resolve(const tn_expr *const *lets, const tn_expr *expr) {
  while (expr->kind == TN_EXPR_VALUE && lets[expr->value]) expr = lets[expr->value];
  return expr;
}

static bool is_value(const tn_expr *expr, int value) {
  return expr->kind == TN_EXPR_VALUE && expr->value == value;
}

bool tn_expr_adds_product(const tn_expr *const *lets, const tn_expr *update, int sum,
                          const tn_expr *factors[2]) {
  update = tn_expr_resolve(lets, update);
  if (update->kind == TN_EXPR_FMA && is_value(tn_expr_resolve(lets, update->op.operands[2]), sum)) {
    factors[0] = update->op.operands[0];
    factors[1] = update->op.operands[1];
    return true;
  }
  if (update->kind != TN_EXPR_OP || update->op.op != TN_OP_ADD) return false;
  for (int i = 0; i < 2; i++) {
    const tn_expr *product = tn_expr_resolve(lets, update->op.operands[1 - i]);
    if (!is_value(tn_expr_resolve(lets, update->op.operands[i]), sum)) continue;
    if (product->kind != TN_EXPR_OP || product->op.op != TN_OP_MULTIPLY) return false;
    factors[0] = product->op.operands[0];
    factors[1] = product->op.operands[1];
    return true;
  }
  return false;
}

static void list_lets(const tn_stmt *body, const tn_expr **lets) {
  for (const tn_stmt *s = body; s; s = s->next) {
    if (s->kind == TN_STMT_LET) lets[s->value] = s->expr;
    list_lets(s->body, lets);
  }
}

static int64_t body_macs(const tn_kernel *kernel, const tn_expr *const *lets, const tn_stmt *body,
                         int64_t turns) {
  int64_t total = 0;
  const tn_expr *factors[2];
  for (const tn_stmt *s = body; s; s = s->next) {
    int64_t inner = turns;
    for (int i = 0; i < s->n_dims; i++) inner *= kernel->dims[s->dims[i]].size;
    for (int i = 0; i < s->n_accumulators; i++)
      if (tn_expr_adds_product(lets, s->accumulators[i].update, s->accumulators[i].value, factors))
        total += inner;
    total += body_macs(kernel, lets, s->body, inner);
  }
  return total;
}

int64_t tn_kernel_macs(tn_arena *arena, const tn_kernel *kernel) {
  const tn_expr **lets = TN_NEW_ARRAY(arena, const tn_expr *, kernel->n_values);
  list_lets(kernel->body, lets);
  return body_macs(kernel, lets, kernel->body, 1);
}

int64_t tn_step_turns(const tn_step *step) {
  return step->kind == TN_STEP_WHILE && step->origin ? tn_inst_known_turns(step->origin, 1) : 1;
}

int64_t tn_step_macs(tn_arena *arena, const tn_plan *plan, const tn_step *step) {
  int64_t total = 0;
  if (step->kind == TN_STEP_RUN) return tn_kernel_macs(arena, plan->kernels[step->kernel]);
  for (const tn_step *s = step->test; s; s = s->next) total += tn_step_macs(arena, plan, s);
  for (int i = 0; i < step->n_branches; i++)
    for (const tn_step *s = step->branches[i]; s; s = s->next) total += tn_step_macs(arena, plan, s);
  return total * tn_step_turns(step);
}
