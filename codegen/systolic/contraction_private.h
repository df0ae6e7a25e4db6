/* What the files contraction*.c share: a kernel that is being matched.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_CONTRACTION_PRIVATE_H
#define TN_SYSTOLIC_CONTRACTION_PRIVATE_H

#include "codegen/plan/expr.h"
#include "codegen/systolic/contraction.h"

typedef struct {
  tn_arena *arena;
  const tn_plan *plan;
  const tn_step *step;
  const tn_systolic_target *array;
  tn_kernel *kernel;     /* a copy, its dims split where divisions go away by that */
  const tn_stmt *nest;   /* the kernel's one loop statement, … */
  const tn_stmt *reduce; /* … what stands in it: NULL or one reduce, … */
  const tn_stmt *store;  /* … and one store */
  const tn_expr **lets;  /* by value: what it stands for; NULL of accumulators */
  int *dim_of;           /* by the kernel's dim: the work's; -1 of size 1 */
  tn_systolic_work *work;
  const char *why; /* set by the first failure */
} tn_matcher;

/* False, with the reason, if there is none yet. */
bool tn_match_fail(tn_matcher *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lets, in place of which what they stand for is seen. */
const tn_expr *tn_match_resolve(const tn_matcher *m, const tn_expr *expr);
bool tn_match_is_sum(const tn_matcher *m, const tn_expr *expr); /* the reduce's accumulator */
/* The constant's literal if the expression is a load of a constant, else NULL. */
const tn_literal *tn_match_literal(const tn_matcher *m, const tn_expr *expr);
/* Does the value change with what comes at run time: the sum, or a load that is no constant's? */
bool tn_match_varies(const tn_matcher *m, const tn_expr *expr);

/* kernel_macs.c: the same, with lets by value; and is `update` sum + a*b, however it is written, of which two? */
const tn_expr *tn_expr_resolve(const tn_expr *const *lets, const tn_expr *expr);
bool tn_expr_adds_product(const tn_expr *const *lets, const tn_expr *update, int sum,
                          const tn_expr *factors[2]);

/* contraction_walk.c: loop dims are split where an access divides; then accesses are linear. */
void tn_match_split_dims(tn_matcher *m);
/* dims of the work: the loop's as y's elements lie, outermost first, then the reduce's. */
bool tn_match_number_dims(tn_matcher *m);
bool tn_match_load(tn_matcher *m, const tn_expr *load, tn_walk *walk);
/* How many of all combinations of the dims' values are inside the walk's bounds. */
int64_t tn_match_inside(const tn_matcher *m, const tn_walk *walk);

/* contraction_epilogue.c: what is stored as the pipeline's work on the sum or on work->x, which is then
 * found, too.                                                                                   */
bool tn_match_epilogue(tn_matcher *m, const tn_expr *stored);

/* contraction_pieces.c: a step that only puts arrays one behind the other, as several works; false: it does more. */
bool tn_match_pieces(tn_matcher *m);

/* contraction_table.c: `expr`, of 8 bits, as a function of `of`, of 8 bits, by the evaluator. NULL: something
 * else is in it.                                                                                   */
const uint8_t *tn_match_table(tn_matcher *m, const tn_expr *expr, const tn_expr *of);

#endif
