/* Rewriting the indices of a whole kernel.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_REWRITE_H
#define TN_PLAN_REWRITE_H

#include "codegen/plan/kernel.h"

typedef struct {
  tn_arena *arena;
  tn_kernel *kernel;
  const tn_index **dims; /* what each dim becomes; NULL: itself */
  bool **drops;          /* of each buffer: which positions go; NULL: none */
  const int *values;     /* of each value: its new number; NULL: all stay */
  const int *buffers;    /* the same of each buffer, in loads; what the kernel lists stays */
} tn_rewrite;

/* A statement and all behind and inside of it, to be changed in place; expressions are shared. */
tn_stmt *tn_stmt_copy(tn_arena *arena, const tn_stmt *body);

tn_rewrite tn_rewrite_nothing(tn_arena *arena, tn_kernel *kernel);
/* Expressions and buffers' shapes change; the statements' own numbers do not. */
void tn_rewrite_apply(tn_rewrite *r);

#endif
