/* How many registers a body of lets and stores needs at once.
 *
 * Statements run in their order. Before each, the lets that it or a later one reads are in
 * registers; the statement's own expression takes as many more as its tree needs, each operand
 * after the one that needs more (Sethi and Ullman, 1970). Numbers and values cost nothing more:
 * they are operands from memory, or there already. With U vectors side by side each of them
 * takes U registers: schedules choose U so that they fit.
 *
 * Cost: the body's size.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/schedule.h"
#include "codegen/plan/walk.h"

static int registers_of(const tn_expr *expr) {
  if (expr->kind == TN_EXPR_LOAD || expr->kind == TN_EXPR_INDEX) return 1;
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return 0;
  int needs[8] = {0}, most = 1;
  for (int i = 0; i < expr->op.n_operands && i < 8; i++) { /* largest first */
    int one = registers_of(expr->op.operands[i]), at = i;
    for (; at > 0 && needs[at - 1] < one; at--) needs[at] = needs[at - 1];
    needs[at] = one;
  }
  for (int i = 0; i < expr->op.n_operands && i < 8; i++)
    if (needs[i] && needs[i] + i > most) most = needs[i] + i;
  return most;
}

typedef struct {
  int *last; /* by value: the statement that reads it last; 0: none so far */
  int statement;
} uses;

static bool note_use(void *user, const tn_expr *expr) {
  uses *u = user;
  if (expr->kind == TN_EXPR_VALUE) u->last[expr->value] = u->statement;
  return false;
}

int tn_body_registers(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *body) {
  uses u = {.last = TN_NEW_ARRAY(arena, int, kernel->n_values)};
  int live = 0, most = 0, n = 0;
  for (const tn_stmt *s = body; s; s = s->next) {
    u.statement++;
    tn_walk_stmt(&(tn_walk){note_use, NULL, &u}, kernel, s);
  }
  TN_VEC(int) held = {0};
  for (const tn_stmt *s = body; s; s = s->next) {
    int needs = s->expr ? registers_of(s->expr) : 0;
    if (live + needs > most) most = live + needs;
    n++;
    for (int i = held.count - 1; i >= 0; i--)
      if (u.last[held.at[i]] <= n) held.at[i] = held.at[--held.count], live--;
    if (s->kind != TN_STMT_LET || u.last[s->value] <= n) continue;
    TN_PUSH(arena, &held, s->value);
    if (++live > most) most = live;
  }
  return most;
}
