/* The guilty rewrite is found by halving: the module before the pass is copied, the pass is run with
 * half of its fuel, and what it made is checked like any state. The places that the checks have
 * in common are not run again (check_pair.c), so a step costs what the pass does.
 *
 * The module that shows it is cut out of the one before the pass: what the differing value needs,
 * one level up, then more, until the pass alone makes it differ; then it is reduced (reduce.h),
 * where the test is the same check: so a replay of the file finds the difference.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/bisect.h"

#include "driver/cut.h"
#include "driver/reduce.h"

/* A copy of `module` after the pass alone; NULL if it does not run. fuel < 0: any number. */
static tn_module *run_alone(const tn_suspect *suspect, const tn_module *module, int64_t fuel) {
  tn_fuel limit = {suspect->pass->name, fuel};
  tn_pipeline_options options = {.level = suspect->pipeline->level,
                                 .reassociate = suspect->pipeline->reassociate,
                                 .sparsity = suspect->pipeline->sparsity,
                                 .target = suspect->pipeline->target,
                                 .max_fold_work = suspect->pipeline->max_fold_work,
                                 .passes = &suspect->pass,
                                 .n_passes = 1,
                                 .fuel = &limit,
                                 .n_fuel = fuel >= 0};
  tn_diagnostics silent = {0};
  tn_module *copy = tn_module_clone(module);
  tn_arena *arena = tn_arena_create();
  tn_pass_record *records;
  int count;
  bool good =
      tn_pipeline_run(copy, &options, arena, &records, &count, &silent) && count == 1 && !records->unmet;
  tn_arena_destroy(arena);
  if (good) return copy;
  tn_module_destroy(copy);
  return NULL;
}

/* ---- the rewrite ---- */

static bool differs_after(const tn_suspect *suspect, int64_t fuel) {
  tn_module *after = run_alone(suspect, suspect->before, fuel);
  bool differs = after && tn_check_modules(suspect->checker, suspect->before, after).differs;
  tn_module_destroy(after);
  return differs;
}

int64_t tn_bisect_rewrite(const tn_suspect *suspect) {
  int64_t good = 0, bad = suspect->rewrites;
  if (bad < 1 || !differs_after(suspect, bad)) return 0;
  while (bad - good > 1) {
    int64_t middle = good + (bad - good) / 2;
    if (differs_after(suspect, middle))
      bad = middle;
    else
      good = middle;
  }
  return bad;
}

/* ---- the module ---- */

/* Of all tests together, some 6 s; of one that looks at parts. */
enum { TESTS_WORK = INT32_MAX, PARTS_WORK = 1 << 24 };

typedef struct {
  const tn_suspect *suspect;
  int64_t work_left;
} alone;

/* Verdicts are of no use to the next candidate: each has a checker of its own. Once the work is
 * used up nothing differs any more, and the best so far stays.                                   */
static bool differs_alone(void *user, const tn_case *candidate) {
  alone *a = user;
  if (a->work_left <= 0) return false;
  int64_t work = tn_module_work(candidate->module);
  a->work_left -= work <= TN_CHECK_WORK ? 2 * work : PARTS_WORK;
  tn_module *after = run_alone(a->suspect, candidate->module, -1);
  if (!after) return false;
  tn_arena *arena = tn_arena_create();
  tn_checker *checker = tn_checker_create(arena, TN_CHECK_WORK, NULL, 0);
  tn_checker_want(checker, tn_pass_closeness(a->suspect->pass, a->suspect->pipeline->reassociate));
  bool differs = tn_check_modules(checker, candidate->module, after).differs;
  tn_checker_destroy(checker);
  tn_arena_destroy(arena);
  tn_module_destroy(after);
  return differs;
}

/* What computes the value that differs, as little as shows it; NULL: nothing does. */
static tn_module *first_part(const tn_suspect *suspect, alone *a) {
  static const int levels[] = {1, 2, 4, 8, 16, 64};
  for (size_t i = 0; i < sizeof levels / sizeof *levels && !suspect->found.whole; i++) {
    tn_case part = {.module = tn_check_surroundings(suspect->before, suspect->found.inst, levels[i])};
    if (differs_alone(a, &part)) return part.module;
    tn_module_destroy(part.module);
  }
  tn_case whole = {.module = tn_module_clone(suspect->before)};
  if (differs_alone(a, &whole)) return whole.module;
  tn_module_destroy(whole.module);
  return NULL;
}

tn_module *tn_bisect_reduce(const tn_suspect *suspect, tn_arena *literals) {
  alone a = {suspect, TESTS_WORK};
  tn_case best = {.module = first_part(suspect, &a)};
  if (!best.module) return NULL;
  tn_reduction reduction = {.test = differs_alone, .user = &a, .arena = literals};
  tn_reduce(&best, &reduction);
  return best.module;
}
