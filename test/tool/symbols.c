/* What the objects of all golden programs leave undefined, for one target:
 *
 *     symbols TARGET
 *
 * Each program of TENON_SHARED/models/hlo is compiled as the command would; anything but
 * memcpy, memmove and memset is told and fails. Programs with no native code are counted.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "codegen/cpu/cpu.h"
#include "frontend/hlo/hlo.h"
#include "passes/pass.h"

typedef struct {
  const char *target, *program;
  int compiled, refused, bad;
} survey;

static void tell(void *user, const tn_diagnostic *d) {
  const survey *s = user;
  if (d->status != TN_UNSUPPORTED) printf("%s: %s\n", s->program, d->message);
}

static bool is_allowed(const char *name) {
  return !strcmp(name, "memcpy") || !strcmp(name, "memmove") || !strcmp(name, "memset");
}

static void look_at(survey *s, const tn_object *object) {
  s->compiled++;
  for (const char *const *name = object->undefined; *name; name++) {
    if (is_allowed(*name)) continue;
    printf("%s %s: %s is undefined\n", s->target, s->program, *name);
    s->bad++;
  }
}

static void compile(survey *s, tn_arena *arena, tn_module *module, tn_diagnostics *sink) {
  tn_plan_options options = {.target = tn_cpu_find(arena, sink, s->target, NULL, NULL), .level = 2};
  tn_pass_record *records;
  tn_object object;
  tn_plan *plan = NULL;
  int count;
  if (tn_pipeline_run(module, &(tn_pipeline_options){.level = 2}, arena, &records, &count, sink))
    plan = tn_plan_build(module, &options, sink);
  if (plan && tn_cpu_compile(plan, &(tn_cpu_options){.name = "golden", .optimisation = 2}, &object, sink))
    look_at(s, &object);
  else if (sink->status == TN_UNSUPPORTED)
    s->refused++;
  else
    s->bad++;
  if (plan) tn_plan_destroy(plan);
}

static void compile_file(survey *s, const char *folder, const char *name) {
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {.callback = tell, .user = s};
  tn_str text;
  s->program = name;
  const char *path = tn_arena_printf(arena, "%s/%s", folder, name);
  bool read = tn_file_map(arena, &sink, path, UINT64_C(1) << 30, &text);
  tn_module *module = read ? tn_hlo_parse(text, &(tn_hlo_options){.file = name}, &sink) : NULL;
  if (module)
    compile(s, arena, module, &sink);
  else
    s->bad++;
  if (module) tn_module_destroy(module);
  tn_arena_destroy(arena);
}

int main(int argc, char **argv) {
  const char *shared = getenv("TENON_SHARED");
  char folder[4096];
  if (argc != 2 || !shared) return 2;
  snprintf(folder, sizeof folder, "%s/models/hlo", shared);
  DIR *programs = opendir(folder);
  if (!programs) return 2;
  survey s = {.target = argv[1]};
  for (struct dirent *entry; (entry = readdir(programs));)
    if (!strcmp(tn_path_suffix(entry->d_name), ".hlo")) compile_file(&s, folder, entry->d_name);
  closedir(programs);
  printf("%s: %d compiled, %d refused, %d bad\n", s.target, s.compiled, s.refused, s.bad);
  return s.bad || !s.compiled;
}
