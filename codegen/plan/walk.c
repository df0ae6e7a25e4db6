/* The walk of walk.h, preorder; its cost is one call a node.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/walk.h"

bool tn_walk_term(const tn_walk *walk, const tn_term *term) {
  switch (term->kind) {
  case TN_TERM_DIM: return walk->dim && walk->dim(walk->user, term->dim);
  case TN_TERM_QUOTIENT:
  case TN_TERM_REMAINDER: return tn_walk_index(walk, term->of);
  case TN_TERM_VALUE: return tn_walk_expr(walk, term->value);
  }
  return false;
}

bool tn_walk_index(const tn_walk *walk, const tn_index *index) {
  for (int i = 0; i < index->n_terms; i++)
    if (tn_walk_term(walk, &index->terms[i])) return true;
  return false;
}

bool tn_walk_access(const tn_walk *walk, int rank, const tn_index *const *at) {
  for (int i = 0; i < rank; i++)
    if (tn_walk_index(walk, at[i])) return true;
  return false;
}

static bool walk_load(const tn_walk *walk, const tn_expr *load) {
  if (tn_walk_access(walk, load->load.rank, load->load.at)) return true;
  for (int i = 0; i < load->load.n_guards; i++)
    if (tn_walk_index(walk, load->load.guards[i].index)) return true;
  return load->load.fill && tn_walk_expr(walk, load->load.fill);
}

bool tn_walk_expr(const tn_walk *walk, const tn_expr *expr) {
  if (walk->expr(walk->user, expr)) return true;
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
  case TN_EXPR_VALUE: return false;
  case TN_EXPR_INDEX: return tn_walk_index(walk, expr->index);
  case TN_EXPR_LOAD: return walk_load(walk, expr);
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++)
      if (tn_walk_expr(walk, expr->op.operands[i])) return true;
    return false;
  }
  return false;
}

bool tn_walk_stmt(const tn_walk *walk, const tn_kernel *kernel, const tn_stmt *stmt) {
  if (stmt->expr && tn_walk_expr(walk, stmt->expr)) return true;
  if (stmt->condition && tn_walk_expr(walk, stmt->condition)) return true;
  if (stmt->kind == TN_STMT_STORE &&
      tn_walk_access(walk, kernel->buffers[stmt->buffer].shape->rank, stmt->at))
    return true;
  for (int i = 0; i < stmt->n_accumulators; i++)
    if (tn_walk_expr(walk, stmt->accumulators[i].initial) || tn_walk_expr(walk, stmt->accumulators[i].update))
      return true;
  return false;
}
