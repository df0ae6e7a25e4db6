/* What the tests of plans share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_UNIT_PLAN_SUPPORT_H
#define TN_TEST_UNIT_PLAN_SUPPORT_H

#include "codegen/plan/plan.h"
#include "frontend/hlo/hlo.h"

/* Everything of one test; destroyed by close_bench. */
typedef struct {
  tn_arena *arena;
  tn_diagnostics sink;
  tn_module *module;
  char messages[2000];
} test_bench;

test_bench open_bench(const char *hlo); /* asserts that it parses */
void close_bench(test_bench *bench);

/* NULL and messages where it is refused. */
tn_plan *plan_of(test_bench *bench, const char *target, int level, uint64_t seed);

/* The plan's kernels as text, in the bench's arena. */
const char *kernels_text(test_bench *bench, const tn_plan *plan);
/* The only kernel of `hlo` at -O0 for x86-64-v3, without its schedule and source, is `expected`. */
void expect_kernel(const char *hlo, const char *expected);

/* Verifies the plan, runs it on random arguments and returns the results; compares them
 * with the evaluator's: bit for bit where `exact`, else within 4 of its bounds.       */
tn_literal **run_and_check(test_bench *bench, const tn_plan *plan, bool exact, const char *what);

/* run_and_check for several targets, levels and seeds, on integer-valued and other data. */
void check_everywhere(const char *hlo);

#endif
