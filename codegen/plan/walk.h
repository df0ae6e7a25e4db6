/* Reading expressions node by node: what asks a question of a tree says which nodes it
 * is about, and the walk finds them, through indices, guards and fills too.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_WALK_H
#define TN_PLAN_WALK_H

#include "codegen/plan/kernel.h"

/* Nodes come before what they are made of. Where a question is answered with true the
 * walk ends, and gives true.                                                         */
typedef struct {
  bool (*expr)(void *user, const tn_expr *expr);
  bool (*dim)(void *user, int dim); /* of terms of indices; NULL: none are asked about */
  void *user;
} tn_walk;

bool tn_walk_expr(const tn_walk *walk, const tn_expr *expr);
bool tn_walk_index(const tn_walk *walk, const tn_index *index);
bool tn_walk_term(const tn_walk *walk, const tn_term *term);
bool tn_walk_access(const tn_walk *walk, int rank, const tn_index *const *at);
/* What stands in the statement itself, not in its body: expression, condition, where it
 * stores, accumulators.                                                              */
bool tn_walk_stmt(const tn_walk *walk, const tn_kernel *kernel, const tn_stmt *stmt);

#endif
