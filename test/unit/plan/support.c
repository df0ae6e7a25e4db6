/* Parsing, planning, running, comparing.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "ir/eval.h"

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  char *messages = user;
  size_t length = strlen(messages);
  snprintf(messages + length, 2000 - length, "%s\n", diagnostic->message);
}

test_bench open_bench(const char *hlo) {
  test_bench bench = {.arena = tn_arena_create()};
  char *messages = tn_arena_alloc(bench.arena, 2000);
  bench.sink = (tn_diagnostics){.callback = keep_message, .user = messages};
  tn_hlo_options options = {.file = "test.hlo"};
  bench.module = tn_hlo_parse((tn_str){hlo, strlen(hlo)}, &options, &bench.sink);
  cr_assert(bench.module, "%s", messages);
  return bench;
}

void close_bench(test_bench *bench) {
  tn_module_destroy(bench->module);
  tn_arena_destroy(bench->arena);
}

tn_plan *plan_of(test_bench *bench, const char *target, int level, uint64_t seed) {
  tn_plan_options options = {.target = tn_cpu_find(bench->arena, &bench->sink, target, NULL, NULL),
                             .level = level,
                             .schedule_seed = seed};
  cr_assert(options.target);
  tn_plan *plan = tn_plan_build(bench->module, &options, &bench->sink);
  snprintf(bench->messages, sizeof bench->messages, "%s", (const char *)bench->sink.user);
  return plan;
}

const char *kernels_text(test_bench *bench, const tn_plan *plan) {
  tn_text text = {0};
  for (int i = 0; i < plan->n_kernels; i++) tn_kernel_print(&text, plan->kernels[i]);
  const char *kept = tn_arena_string(bench->arena, text.bytes ? text.bytes : "");
  tn_text_free(&text);
  return kept;
}

/* The lines of a kernel but those of its schedule and source. */
static char *bare(tn_arena *arena, const char *text) {
  char *out = tn_arena_alloc(arena, strlen(text) + 1), *to = out;
  for (const char *line = text; *line;) {
    const char *end = strchr(line, '\n');
    size_t length = end ? (size_t)(end - line) + 1 : strlen(line);
    const char *first = line + strspn(line, " ");
    bool skipped = !strncmp(first, "//", 2) || !strncmp(first, "schedule", 8);
    if (!skipped) {
      memcpy(to, line, length);
      to += length;
    }
    line += length;
  }
  return out;
}

void expect_kernel(const char *hlo, const char *expected) {
  test_bench bench = open_bench(hlo);
  tn_plan *plan = plan_of(&bench, "x86-64-v3", 0, 0);
  cr_assert(plan, "%s", bench.messages);
  cr_assert_eq(plan->n_kernels, 1);
  const char *text = bare(bench.arena, kernels_text(&bench, plan));
  const char *body = strchr(text, '(');
  cr_assert_str_eq(body, expected);
  tn_plan_destroy(plan);
  close_bench(&bench);
}

/* ---- running ---- */

static tn_literal *evaluated(test_bench *bench, const tn_literal *const *arguments) {
  tn_eval_options options = {.bounds = true};
  return tn_evaluate(bench->arena, bench->module, arguments, &options, &bench->sink);
}

static void compare(const tn_literal *got, const tn_literal *expected, bool exact, const char *what) {
  tn_type type = got->shape->type;
  if (exact || !tn_type_is_float(type)) {
    tn_comparison c = tn_literal_compare(got, expected, 0, 0);
    cr_expect(c.holds, "%s: %lld elements differ, the first at %lld", what, (long long)c.mismatches,
              (long long)c.first);
    return;
  }
  size_t bytes = tn_type_bytes(type);
  for (int64_t i = 0; i < tn_shape_elements(got->shape); i++) {
    double a = tn_load_float(type, (const char *)got->data + (size_t)i * bytes),
           b = tn_load_float(type, (const char *)expected->data + (size_t)i * bytes);
    bool near = a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 4 * expected->bound[i];
    cr_expect(near, "%s: element %lld is %.9g, the evaluator says %.9g within %g", what, (long long)i, a, b,
              expected->bound[i]);
    if (!near) return;
  }
}

tn_literal **run_and_check(test_bench *bench, const tn_plan *plan, bool exact, const char *what) {
  const tn_comp *entry = bench->module->entry;
  const tn_literal **arguments = TN_NEW_ARRAY(bench->arena, const tn_literal *, plan->n_parameters);
  tn_literal **results = TN_NEW_ARRAY(bench->arena, tn_literal *, plan->n_results);
  cr_assert_eq(plan->n_parameters, entry->parameters.count);
  for (int i = 0; i < plan->n_parameters; i++)
    arguments[i] = tn_literal_random(bench->arena, entry->parameters.at[i]->shape, 7, (uint64_t)i, exact);
  cr_assert(tn_plan_verify(plan, &bench->sink), "%s: %s", what, (const char *)bench->sink.user);
  cr_assert(tn_plan_run(bench->arena, plan, arguments, results, &bench->sink), "%s: %s", what,
            (const char *)bench->sink.user);
  tn_literal *expected = evaluated(bench, arguments);
  cr_assert(expected);
  for (int i = 0; i < plan->n_results; i++) compare(results[i], tn_literal_leaf(expected, i), exact, what);
  return results;
}

static void check_one(test_bench *bench, const char *target, int level, uint64_t seed, bool exact) {
  const char *what = tn_arena_printf(bench->arena, "%s -O%d seed %d", target, level, (int)seed);
  tn_plan *plan = plan_of(bench, target, level, seed);
  cr_assert(plan, "%s: %s", what, bench->messages);
  run_and_check(bench, plan, exact, what);
  run_and_check(bench, plan, false, what);
  tn_plan_destroy(plan);
}

void check_everywhere(const char *hlo) {
  test_bench bench = open_bench(hlo);
  static const char *const targets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  for (int t = 0; t < 3; t++)
    for (int level = 0; level <= 2; level += 2) check_one(&bench, targets[t], level, 0, false);
  for (uint64_t seed = 1; seed <= 20; seed++) check_one(&bench, "x86-64-v3", 2, seed, false);
  close_bench(&bench);
}
