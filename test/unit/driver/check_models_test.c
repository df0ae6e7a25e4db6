/* No pass is accused: every program of TENON_SHARED/models/hlo, each pass that changes it checked
 * where it changed it (as modules are that are too large to be run), at -O1 and -O3.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "driver/check_private.h"
#include "frontend/hlo/hlo.h"
#include "passes/pass.h"

typedef struct {
  tn_checker *checker;
  tn_module *before;
  const char *file;
  int accused;
} watching;

static bool before_pass(void *user, tn_module *module, const tn_pass_record *run) {
  watching *w = user;
  (void)run;
  tn_module_destroy(w->before);
  w->before = tn_module_clone(module);
  return true;
}

static bool after_pass(void *user, tn_module *module, const tn_pass_record *run) {
  watching *w = user;
  tn_check_result found;
  if (!run->changed || !tn_check_parts(w->checker, w->before, module, &found) || !found.differs) return true;
  fprintf(stderr, "%s: %s: '%s' element %lld is %s, was %s, bound %g (%s)\n", w->file, run->name,
          found.inst->name, (long long)found.difference.element, found.difference.got,
          found.difference.expected, found.difference.bound, found.inputs);
  w->accused++;
  return true;
}

static int check_file(const char *folder, const char *name, int level) {
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  tn_str text;
  watching w = {.checker = tn_checker_create(arena, 0, NULL, 0), .file = name};
  bool read = tn_file_map(arena, &sink, tn_arena_printf(arena, "%s/%s", folder, name), 1 << 30, &text);
  tn_module *module = read ? tn_hlo_parse(text, &(tn_hlo_options){.file = name}, &sink) : NULL;
  tn_pipeline_options options = {
      .level = level, .before_pass = before_pass, .after_pass = after_pass, .user = &w};
  tn_pass_record *records;
  int count;
  if (module) tn_pipeline_run(module, &options, arena, &records, &count, &sink);
  tn_module_destroy(w.before);
  tn_module_destroy(module);
  tn_checker_destroy(w.checker);
  tn_arena_destroy(arena);
  return w.accused;
}

Test(check, no_golden_program_accuses_a_pass, .timeout = 300) {
  const char *shared = getenv("TENON_SHARED");
  if (!shared) cr_skip_test("no golden data (TENON_SHARED)");
  char folder[4096];
  snprintf(folder, sizeof folder, "%s/models/hlo", shared);
  DIR *directory = opendir(folder);
  cr_assert_not_null(directory);
  int accused = 0, files = 0;
  for (const struct dirent *entry; (entry = readdir(directory));) {
    const char *suffix = strrchr(entry->d_name, '.');
    if (!suffix || strcmp(suffix, ".hlo") != 0) continue;
    files++;
    for (int level = 1; level <= 3; level += 2) accused += check_file(folder, entry->d_name, level);
  }
  closedir(directory);
  cr_assert(files > 400);
  cr_assert_eq(accused, 0);
}
