/* Buffers get their final numbers: leaves, roots, locals. Expressions may be reached
 * twice; a number that is final already stays.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"
#include "codegen/plan/walk.h"

typedef struct {
  const tn_kernel *kernel; /* its buffers by their final numbers */
  int roots, locals;
} numbering;

static int renumber(const numbering *n, int buffer) {
  if (buffer >= TN_LOWER_LOCAL_BASE) return buffer - TN_LOWER_LOCAL_BASE + n->locals;
  return buffer >= TN_LOWER_ROOT_BASE ? buffer - TN_LOWER_ROOT_BASE + n->roots : buffer;
}

static bool renumber_load(void *user, const tn_expr *expr) {
  if (expr->kind == TN_EXPR_LOAD)
    ((tn_expr *)expr)->load.buffer = renumber(user, expr->load.buffer); /* of the lowering's own making */
  return false;
}

static void renumber_body(numbering *n, tn_stmt *body) {
  for (tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    if (stmt->kind == TN_STMT_LOCAL || stmt->kind == TN_STMT_STORE) stmt->buffer = renumber(n, stmt->buffer);
    for (int i = 0; i < stmt->n_sorted; i++) ((int *)stmt->sorted)[i] = renumber(n, stmt->sorted[i]);
    tn_walk_stmt(&(tn_walk){.expr = renumber_load, .user = n}, n->kernel, stmt);
    renumber_body(n, stmt->body);
  }
}

void tn_lower_renumber(tn_kernel *kernel, int first_root, int first_local) {
  renumber_body(&(numbering){kernel, first_root, first_local}, kernel->body);
}
