/* The verifier accepts every program of TENON_SHARED/models: hlo/ (one opcode or rule
 * each), digits/ and minilm/ (what JAX gives, and what XLA's own passes made of it).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "frontend/hlo/hlo.h"

static void show(void *user, const tn_diagnostic *diagnostic) {
  (void)user;
  tn_text text = {0};
  tn_diagnostic_print(diagnostic, &text);
  fputs(text.bytes, stderr);
  tn_text_free(&text);
}

static void accept(const char *path) {
  tn_diagnostics sink = {.callback = show};
  tn_arena *arena = tn_arena_create();
  tn_str text;
  cr_assert(tn_file_map(arena, &sink, path, UINT64_MAX, &text), "%s cannot be read", path);
  tn_hlo_options options = {.file = path};
  tn_module *module = tn_hlo_parse(text, &options, &sink);
  cr_expect(module, "%s is refused", path);
  tn_module_destroy(module);
  tn_arena_destroy(arena);
}

static int accept_folder(const char *shared, const char *folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/models/%s", shared, folder);
  DIR *directory = opendir(path);
  int count = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    size_t length = strlen(entry->d_name);
    if (length < 4 || strcmp(entry->d_name + length - 4, ".hlo") != 0) continue;
    snprintf(path, sizeof path, "%s/models/%s/%s", shared, folder, entry->d_name);
    accept(path);
    count++;
  }
  if (directory) closedir(directory);
  return count;
}

Test(verify, models) {
  const char *shared = getenv("TENON_SHARED"), *source = getenv("TENON_SOURCE");
  char beside[4096];
  snprintf(beside, sizeof beside, "%s/../shared", source ? source : ".");
  if (!shared) shared = beside;
  int count =
      accept_folder(shared, "hlo") + accept_folder(shared, "digits") + accept_folder(shared, "minilm");
  if (count > 0) return;
  cr_expect(!getenv("TENON_REQUIRE_SHARED"), "no models in %s", shared);
  cr_skip("no models in %s", shared);
}
