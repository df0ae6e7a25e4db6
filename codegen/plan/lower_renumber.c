/* Buffers get their final numbers: leaves, roots, locals. Expressions may be reached
 * twice; a number that is final already stays.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"

typedef struct {
  int roots, locals;
  const tn_kernel_buffer *buffers; /* by their final numbers */
} numbering;

static int renumber(numbering n, int buffer) {
  if (buffer >= TN_LOWER_LOCAL_BASE) return buffer - TN_LOWER_LOCAL_BASE + n.locals;
  return buffer >= TN_LOWER_ROOT_BASE ? buffer - TN_LOWER_ROOT_BASE + n.roots : buffer;
}

static void renumber_expr(numbering n, tn_expr *expr);

static void renumber_index(numbering n, const tn_index *index) {
  for (int i = 0; i < index->n_terms; i++) {
    if (index->terms[i].of) renumber_index(n, index->terms[i].of);
    if (index->terms[i].kind == TN_TERM_VALUE) renumber_expr(n, (tn_expr *)index->terms[i].value);
  }
}

static void renumber_access(numbering n, int buffer, const tn_index *const *at) {
  for (int i = 0; i < n.buffers[buffer].shape->rank; i++) renumber_index(n, at[i]);
}

static void renumber_load(numbering n, tn_expr *load) {
  for (int i = 0; i < load->load.n_guards; i++) renumber_index(n, load->load.guards[i].index);
  if (load->load.fill) renumber_expr(n, (tn_expr *)load->load.fill);
  load->load.buffer = renumber(n, load->load.buffer);
  renumber_access(n, load->load.buffer, load->load.at);
}

static void renumber_expr(numbering n, tn_expr *expr) {
  switch (expr->kind) {
  case TN_EXPR_LOAD: renumber_load(n, expr); return;
  case TN_EXPR_INDEX: renumber_index(n, expr->index); return;
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++) renumber_expr(n, (tn_expr *)expr->op.operands[i]);
    return;
  case TN_EXPR_CONSTANT:
  case TN_EXPR_VALUE: return;
  }
}

static void renumber_body(numbering n, tn_stmt *body) {
  for (tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    if (stmt->kind == TN_STMT_LOCAL || stmt->kind == TN_STMT_STORE) stmt->buffer = renumber(n, stmt->buffer);
    if (stmt->kind == TN_STMT_STORE) renumber_access(n, stmt->buffer, stmt->at);
    for (int i = 0; i < stmt->n_sorted; i++) ((int *)stmt->sorted)[i] = renumber(n, stmt->sorted[i]);
    if (stmt->expr) renumber_expr(n, (tn_expr *)stmt->expr);
    if (stmt->condition) renumber_expr(n, (tn_expr *)stmt->condition);
    for (int i = 0; i < stmt->n_accumulators; i++) {
      renumber_expr(n, (tn_expr *)stmt->accumulators[i].initial);
      renumber_expr(n, (tn_expr *)stmt->accumulators[i].update);
    }
    renumber_body(n, stmt->body);
  }
}

void tn_lower_renumber(tn_stmt *body, int first_root, int first_local, const tn_kernel_buffer *buffers) {
  renumber_body((numbering){first_root, first_local, buffers}, body);
}
