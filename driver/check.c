/* The check of a pass: whole modules where that is cheap, else what changed.
 *
 * Each state is evaluated once: the results after one pass are what the next one is held
 * against. Inputs are those given and three kinds of drawn ones (equal.h).
 *
 * Cost: two evaluations a pass and kind of input, bounds where bits differ.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/check_private.h"

#include <stdlib.h>

tn_checker *tn_checker_create(tn_arena *arena, int64_t max_work, const tn_literal *const *given,
                              int n_given) {
  tn_checker *checker = TN_NEW(arena, tn_checker);
  *checker = (tn_checker){.arena = arena,
                          .max_work = max_work > 0 ? max_work : TN_CHECK_WORK,
                          .given = given,
                          .n_given = n_given,
                          .close = TN_CLOSE_BOUNDS};
  checker->part_work = checker->max_work < TN_PART_WORK ? checker->max_work : TN_PART_WORK;
  return checker;
}

static void forget(tn_kept_result *results) {
  for (int i = 0; i <= TN_DRAWS; i++) {
    tn_arena_destroy(results[i].arena);
    results[i] = (tn_kept_result){0};
  }
}

void tn_checker_destroy(tn_checker *checker) {
  if (!checker) return;
  forget(checker->kept);
  forget(checker->next);
}

void tn_checker_advance(tn_checker *checker, const tn_module *copy) {
  forget(checker->kept);
  memcpy(checker->kept, checker->next, sizeof checker->kept);
  memset(checker->next, 0, sizeof checker->next);
  checker->state = copy;
}

void tn_checker_want(tn_checker *checker, tn_closeness close) { checker->close = close; }

tn_closeness tn_pass_closeness(const tn_pass *pass, bool reassociate) {
  if (reassociate) return TN_CLOSE_LOOSE;
  return pass->flags == TN_PASS_EXACT ? TN_CLOSE_BITS : TN_CLOSE_BOUNDS;
}

const tn_check_counts *tn_checker_counts(const tn_checker *checker) { return &checker->counts; }

/* ---- the whole ---- */

static bool given_fits(const tn_checker *checker, const tn_module *module) {
  if (!checker->given || checker->n_given != module->entry->parameters.count) return false;
  for (int i = 0; i < checker->n_given; i++)
    if (!tn_shape_equal(checker->given[i]->shape, module->entry->parameters.at[i]->shape)) return false;
  return true;
}

static const tn_literal *const *arguments_of(const tn_checker *checker, tn_arena *arena,
                                             const tn_module *module, int kind) {
  if (kind == TN_DRAWS) return checker->given;
  return (const tn_literal *const *)tn_draw_arguments(arena, module, (tn_draw)kind);
}

static tn_equality check_inputs(tn_checker *checker, const tn_module *before, const tn_module *after,
                                int kind, tn_check_result *result) {
  tn_kept_result *kept = &checker->kept[kind], *next = &checker->next[kind];
  *next = (tn_kept_result){.arena = tn_arena_create()};
  const tn_literal *const *arguments = arguments_of(checker, next->arena, before, kind);
  if (!kept->arena) {
    kept->arena = tn_arena_create();
    kept->result = tn_try_evaluate(kept->arena, before, arguments, false);
  }
  if (!kept->result) return TN_INCOMPARABLE;
  tn_equality equality = tn_modules_agree(next->arena, before, after, arguments, checker->close, kept->result,
                                          &next->result, &result->difference);
  result->inputs = kind == TN_DRAWS ? "given values" : tn_draw_name((tn_draw)kind);
  result->differs = equality == TN_DIFFERENT;
  if (result->differs) result->difference.shape = tn_shape_clone(checker->arena, result->difference.shape);
  return equality;
}

static tn_equality check_whole(tn_checker *checker, const tn_module *before, const tn_module *after,
                               int64_t work, tn_check_result *result) {
  tn_equality all = TN_INCOMPARABLE;
  *result = (tn_check_result){.whole = true, .inst = before->entry->root};
  bool given = given_fits(checker, before);
  for (int kind = TN_DRAWS; kind >= 0; kind--) {
    if (kind == TN_DRAWS && !given) continue;
    if (kind == TN_DRAW_SPECIAL && checker->close == TN_CLOSE_LOOSE) continue;
    /* One kind of input is the least; cheap modules meet all. */
    if (work > checker->max_work / 16 && kind != (given ? TN_DRAWS : TN_DRAW_FRACTIONS)) continue;
    tn_equality equality = check_inputs(checker, before, after, kind, result);
    if (equality == TN_DIFFERENT) return TN_DIFFERENT;
    if (equality == TN_SAME) all = TN_SAME;
  }
  return all;
}

tn_check_result tn_check_modules(tn_checker *checker, const tn_module *before, const tn_module *after) {
  tn_check_result result;
  int64_t work = tn_module_work(before), other = tn_module_work(after);
  if (checker->state != before) forget(checker->kept);
  checker->state = before;
  forget(checker->next);
  checker->counts.passes++;
  if ((work > other ? work : other) <= checker->max_work) {
    tn_equality equality = check_whole(checker, before, after, work, &result);
    if (equality != TN_INCOMPARABLE) return checker->counts.whole++, result;
  }
  if (!tn_check_parts(checker, before, after, &result)) checker->counts.unrun++;
  return result;
}
