/* Every program of TENON_SHARED/models/hlo means the same before and after the passes:
 * both are evaluated on the same random arguments. Passes that say EXACT in their row keep
 * every bit; what the others change lies within the evaluator's error bounds.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "frontend/hlo/hlo.h"
#include "ir/eval.h"
#include "ir/print.h"
#include "passes/pass.h"

static void show(void *user, const tn_diagnostic *diagnostic) {
  tn_text text = {0};
  tn_diagnostic_print(diagnostic, &text);
  fprintf(stderr, "%s: %s", (const char *)user, text.bytes);
  tn_text_free(&text);
}

static bool within_bounds(const tn_literal *a, const tn_literal *b) {
  if (tn_shape_is_tuple(a->shape)) {
    for (int i = 0; i < a->shape->rank; i++)
      if (!within_bounds(a->elements[i], b->elements[i])) return false;
    return true;
  }
  if (!tn_shape_is_array(a->shape) || tn_literal_compare(a, b, 0, 0).holds) return true;
  bool complex = tn_type_is_complex(a->shape->type);
  tn_type type = complex ? tn_type_part(a->shape->type) : a->shape->type;
  if (!tn_type_is_float(type) || !a->bound || !b->bound) return false;
  int64_t count = tn_shape_elements(a->shape), parts = complex ? 2 : 1;
  for (int64_t i = 0; i < count * parts; i++) { /* a complex number's bound is that of both parts */
    double x = tn_load_float(type, (const char *)a->data + (size_t)i * tn_type_bytes(type));
    double y = tn_load_float(type, (const char *)b->data + (size_t)i * tn_type_bytes(type));
    if (isnan(x) && isnan(y)) continue;
    if (!(fabs(x - y) <= 4 * (a->bound[i / parts] + b->bound[i / parts]))) return false;
  }
  return true;
}

static bool same_bits(const tn_literal *a, const tn_literal *b) {
  if (!tn_shape_is_tuple(a->shape))
    return !tn_shape_is_array(a->shape) || tn_literal_compare(a, b, 0, 0).holds;
  for (int i = 0; i < a->shape->rank; i++)
    if (!same_bits(a->elements[i], b->elements[i])) return false;
  return true;
}

static const tn_literal **random_arguments(tn_arena *arena, const tn_module *module, bool integers) {
  const tn_comp *entry = module->entry;
  const tn_literal **arguments = TN_NEW_ARRAY(arena, const tn_literal *, entry->parameters.count + 1);
  for (int i = 0; i < entry->parameters.count; i++)
    arguments[i] = tn_literal_random(arena, entry->parameters.at[i]->shape, 7, (uint64_t)i, integers);
  return arguments;
}

static bool optimise(tn_module *module, tn_arena *arena, tn_diagnostics *sink, const char *const *disabled) {
  tn_pipeline_options options = {.level = 3, .disabled = disabled};
  tn_pass_record *records;
  int count;
  return tn_pipeline_run(module, &options, arena, &records, &count, sink);
}

/* print(parse(print(m))) is print(m): fusions too. */
static void expect_round_trip(tn_module *module, const char *path) {
  tn_text once = {0}, twice = {0};
  tn_diagnostics sink = {.callback = show, .user = (void *)path};
  tn_print_module(&once, module, NULL);
  tn_hlo_options options = {.file = path};
  tn_module *again = tn_hlo_parse((tn_str){once.bytes, once.length}, &options, &sink);
  cr_expect(again, "%s: what the passes made does not parse", path);
  if (again) {
    tn_print_module(&twice, again, NULL);
    cr_expect(once.length == twice.length && !memcmp(once.bytes, twice.bytes, once.length),
              "%s: no fixed point", path);
  }
  tn_module_destroy(again);
  tn_text_free(&once);
  tn_text_free(&twice);
}

static void compare(const char *path, tn_arena *arena, const tn_module *module, const char *const *disabled,
                    bool integers, bool (*equal)(const tn_literal *, const tn_literal *)) {
  tn_diagnostics sink = {.callback = show, .user = (void *)path}, quiet = {0};
  tn_eval_options options = {.bounds = equal == within_bounds, .max_iterations = 10000};
  const tn_literal **arguments = random_arguments(arena, module, integers);
  tn_literal *before = tn_evaluate(arena, module, arguments, &options, &quiet);
  tn_module *changed = tn_module_clone(module);
  cr_expect(optimise(changed, arena, &sink, disabled), "%s: the pipeline failed", path);
  expect_round_trip(changed, path);
  if (before) {
    tn_literal *after = tn_evaluate(arena, changed, arguments, &options, &sink);
    cr_expect(after && equal(before, after), "%s: the passes changed its result", path);
  }
  tn_module_destroy(changed);
}

/* The passes whose rows do not say EXACT. */
static void list_inexact(const char **names) {
  int count = 0;
  for (int i = 0; i < tn_pass_count && count < 63; i++)
    if (tn_passes[i].flags) names[count++] = tn_passes[i].name;
  names[count] = NULL;
}

static void check_program(const char *path) {
  const char *inexact[64];
  list_inexact(inexact);
  tn_diagnostics sink = {.callback = show, .user = (void *)path};
  tn_arena *arena = tn_arena_create();
  tn_str text;
  cr_assert(tn_file_map(arena, &sink, path, UINT64_MAX, &text));
  tn_hlo_options options = {.file = path};
  tn_module *module = tn_hlo_parse(text, &options, &sink);
  cr_assert(module);
  compare(path, arena, module, inexact, false, same_bits);
  compare(path, arena, module, inexact, true, same_bits);
  compare(path, arena, module, NULL, false, within_bounds);
  tn_module_destroy(module);
  tn_arena_destroy(arena);
}

Test(passes, programs_keep_their_meaning, .timeout = 300) {
  const char *shared = getenv("TENON_SHARED"), *source = getenv("TENON_SOURCE");
  char folder[4096], path[8192];
  snprintf(folder, sizeof folder, shared ? "%s/models/hlo" : "%s/../shared/models/hlo",
           shared   ? shared
           : source ? source
                    : ".");
  DIR *directory = opendir(folder);
  if (!directory) {
    cr_expect(!getenv("TENON_REQUIRE_SHARED"), "no models in %s", folder);
    cr_skip("no models in %s", folder);
  }
  for (struct dirent *entry; (entry = readdir(directory));) {
    size_t length = strlen(entry->d_name);
    if (length < 4 || strcmp(entry->d_name + length - 4, ".hlo") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    check_program(path);
  }
  closedir(directory);
}
