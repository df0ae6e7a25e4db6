/* Inside the verifier of plans.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_VERIFY_H
#define TN_PLAN_VERIFY_H

#include "codegen/plan/plan.h"

typedef struct {
  const tn_kernel *kernel;
  const tn_cpu *target;
  tn_arena *arena; /* scratch */
  tn_diagnostics *sink;
  int errors;
  bool *dim_open, *value_open, *local_open; /* in scope */
  bool *dim_used, *value_used;              /* by some statement so far */
  const tn_stmt **home;                     /* of locals: the nest whose body declares them */
  int64_t *kept;                            /* of locals: elements that a sort has left of them */
} tn_kernel_check;

/* Reports "kernel NAME: …" and returns false. */
bool tn_kernel_fault(tn_kernel_check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* verify_expr.c */
void tn_check_expr(tn_kernel_check *c, const tn_expr *expr);
/* Every index of buffer[at] is inside, for all values of the open dims. */
void tn_check_inside(tn_kernel_check *c, const char *what, int buffer, const tn_index *const *at);
void tn_check_index(tn_kernel_check *c, const tn_index *index, bool guarded);

/* verify_kernel.c */
bool tn_kernel_verify(const tn_kernel *kernel, const tn_cpu *target, tn_arena *scratch, tn_diagnostics *sink);
/* Some dim that is open has no iterations. */
bool tn_check_never_runs(const tn_kernel_check *c);
/* A value is set here: for the first time, and open from now on. */
void tn_check_define(tn_kernel_check *c, int value);
/* The value has its expression's type. */
void tn_check_value(tn_kernel_check *c, int value, const tn_expr *expr, const char *what);

/* verify_sort.c */
void tn_check_sort(tn_kernel_check *c, const tn_stmt *sort, const tn_stmt *nest);
/* What a sort has left of a local is all that is read of it. */
void tn_check_kept(tn_kernel_check *c, int buffer, const tn_index *at);
/* The dims around a sort run one by one. */
void tn_check_sort_schedule(tn_kernel_check *c, const tn_stmt *stmt);

/* verify_stores.c: of a kernel that is right otherwise. */
void tn_check_stores(tn_kernel_check *c);

/* verify_schedule.c */
void tn_check_schedule(tn_kernel_check *c);

#endif
