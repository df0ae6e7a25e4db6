/* The user's names of CPUs and features, checked before LLVM sees them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

static const char *const cpus[] = {
#define CPU(name) name,
#define FEATURE(name)
#include "codegen/cpu/names.def"
#undef CPU
#undef FEATURE
};

static const char *const features[] = {
#define CPU(name)
#define FEATURE(name) name,
#include "codegen/cpu/names.def"
#undef CPU
#undef FEATURE
};

static bool check_name(tn_unit *u, const char *what, const char *name, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (!strcmp(names[i], name)) return true;
  const char *nearest = tn_nearest_name(name, names, count);
  if (!nearest) return tn_unit_fail(u, TN_USAGE, "target: unknown %s '%s'", what, name);
  return tn_unit_fail(u, TN_USAGE, "target: unknown %s '%s'; did you mean '%s'?", what, name, nearest);
}

/* "+a,-b" */
static bool check_features(tn_unit *u, const char *list) {
  while (*list) {
    size_t length = strcspn(list, ",");
    char *name = tn_arena_string_n(u->arena, list, length);
    if (length < 2 || (*name != '+' && *name != '-'))
      return tn_unit_fail(u, TN_USAGE, "target: feature '%s' begins with neither + nor -", name);
    if (!check_name(u, "feature", name + 1, features, (int)(sizeof features / sizeof *features)))
      return false;
    list += length + (list[length] == ',');
  }
  return true;
}

bool tn_check_names(tn_unit *u) {
  const tn_cpu *cpu = u->cpu;
  if (strcmp(cpu->cpu, "native") && !check_name(u, "cpu", cpu->cpu, cpus, (int)(sizeof cpus / sizeof *cpus)))
    return false;
  return !strcmp(cpu->features, "native") || check_features(u, cpu->features);
}
