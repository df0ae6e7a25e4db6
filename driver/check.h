/* Whether a pass changed what a module computes.
 *
 * A module whose evaluation costs no more than max_work is run as a whole. Of a larger one only
 * what changed is: docs/passes.md, "Proving a pass innocent", says what is compared.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_CHECK_H
#define TN_DRIVER_CHECK_H

#include "driver/equal.h"
#include "passes/pass.h"

enum { TN_CHECK_WORK = 1 << 28 }; /* --max-check-work's default: some 0.8 s */

typedef struct {
  int passes; /* that changed the module */
  int whole;  /* of them: with the whole module run */
  int unrun;  /* of them: that the evaluator could not compare at all */
  /* Of the others: */
  int64_t places;   /* values whose making changed */
  int64_t distinct; /* different ones that were evaluated */
  int64_t smaller;  /* of them: at smaller sizes */
  int64_t left_out; /* too large, or not for the evaluator */
} tn_check_counts;

typedef struct tn_checker tn_checker;
/* Lives in `arena`; ends with tn_checker_destroy. given: one literal a parameter, or NULL. */
tn_checker *tn_checker_create(tn_arena *arena, int64_t max_work, const tn_literal *const *given, int n_given);
/* How near the next checks want results; at first TN_CLOSE_BOUNDS. With TN_CLOSE_LOOSE special values
 * are not drawn.                                                                                      */
void tn_checker_want(tn_checker *checker, tn_closeness close);
/* What a pass promises: the bits, if its row says EXACT; with `reassociate` (any rewrite may change values)
 * less.                                                                                               */
tn_closeness tn_pass_closeness(const tn_pass *pass, bool reassociate);
void tn_checker_destroy(tn_checker *checker);
const tn_check_counts *tn_checker_counts(const tn_checker *checker);

typedef struct {
  bool differs;
  bool whole;          /* results of the entry were compared, else values in the middle */
  const tn_inst *inst; /* of `before`: what differs; the entry's root if whole */
  const char *inputs;  /* "fractions", "given" */
  int levels;          /* of surroundings that were evaluated, where not whole */
  tn_difference difference;
} tn_check_result;

tn_check_result tn_check_modules(tn_checker *checker, const tn_module *before, const tn_module *after);
/* `copy`, of the last call's `after`, will be the next call's `before`: each state is run once. */
void tn_checker_advance(tn_checker *checker, const tn_module *copy);

/* The part of `module` around `inst` (which is its): what it needs, `levels` up; its result is
 * the value of inst. What is further up are parameters, but constants and what depends on them
 * alone.                                                                                     */
tn_module *tn_check_surroundings(const tn_module *module, const tn_inst *inst, int levels);

#endif
