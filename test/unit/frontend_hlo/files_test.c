/* Whole files: the golden diagnostics, and what must survive print and parse.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

static tn_str read_file(tn_arena *arena, const char *path) {
  tn_diagnostics sink = {0};
  tn_str text = {0};
  cr_assert(tn_file_map(arena, &sink, path, UINT64_MAX, &text), "cannot read %s", path);
  return text;
}

/* X.hlo is broken; X.expected is what is said about it. TENON_BLESS=1 writes it. */
static void check_diagnostics(const char *path) {
  tn_arena *arena = tn_arena_create();
  const char *name = strrchr(path, '/') + 1;
  const char *expected_path = tn_arena_printf(arena, "%.*s.expected", (int)strlen(path) - 4, path);
  const char *folder = tn_arena_printf(arena, "%.*s", (int)(name - path - 1), path);
  tn_hlo_options options = {.file = name, .directory = folder};
  parsed result;
  parse_text(&result, read_file(arena, path), &options);
  cr_assert_null(result.module, "%s is accepted", name);
  tn_str said = {result.messages.bytes, result.messages.length};
  if (getenv("TENON_BLESS")) tn_file_write(&result.sink, expected_path, &said, 1, false);
  tn_str expected = read_file(arena, expected_path);
  cr_expect(expected.length == said.length && !memcmp(expected.at, said.at, said.length),
            "%s: expected\n%.*sfound\n%.*s", name, (int)expected.length, expected.at, (int)said.length,
            said.at);
  drop(&result);
  tn_arena_destroy(arena);
}

Test(files, golden_diagnostics) {
  char pattern[4096];
  glob_t found = {0};
  snprintf(pattern, sizeof pattern, "%s/test/text/hlo-errors/*.hlo", source_folder());
  cr_assert(glob(pattern, 0, NULL, &found) == 0);
  cr_expect(found.gl_pathc >= 40);
  for (size_t i = 0; i < found.gl_pathc; i++) check_diagnostics(found.gl_pathv[i]);
  globfree(&found);
}

/* print(parse(x)) is a fixed point of parse and print. */
static void check_round_trip(const char *path) {
  tn_arena *arena = tn_arena_create();
  tn_hlo_options options = {.file = path};
  parsed result;
  parse_text(&result, read_file(arena, path), &options);
  cr_assert(result.module, "%s", result.messages.bytes);
  expect_fixed_point(result.module);
  drop(&result);
  tn_arena_destroy(arena);
}

static void check_folder(const char *pattern, size_t least) {
  const char *shared = shared_folder();
  char path[4096];
  glob_t found = {0};
  if (!shared) return;
  snprintf(path, sizeof path, "%s/models/%s", shared, pattern);
  cr_assert(glob(path, 0, NULL, &found) == 0 && found.gl_pathc >= least, "too few files: %s", path);
  for (size_t i = 0; i < found.gl_pathc; i++) check_round_trip(found.gl_pathv[i]);
  globfree(&found);
}

Test(files, small_programs_round_trip) { check_folder("hlo/*.hlo", 447); }
Test(files, digits_round_trip) { check_folder("digits/*.hlo", 8); }
Test(files, minilm_round_trips) { check_folder("minilm/*.hlo", 2); }

/* Constants in side files: written by the printer, mapped by the parser. */
Test(files, side_files) {
  char folder[] = "/tmp/tenon-test-XXXXXX";
  cr_assert(mkdtemp(folder));
  tn_text source = {0};
  tn_text_put(&source, "HloModule m\nENTRY e {\n  ROOT w = f32[1000] constant({0.1");
  for (int i = 1; i < 1000; i++) tn_text_printf(&source, ",%d", i);
  tn_text_put(&source, "}), frontend_attributes={who=\"me\"}\n}\n");
  tn_module *module = module_of(source.bytes);
  tn_print_options print = {.constants = TN_CONSTANTS_FILE};
  tn_text text = {0};
  tn_print_module(&text, module, &print);
  cr_assert_eq(print.side_files.count, 1);

  tn_hlo_options options = {.file = "t", .directory = folder};
  parsed result;
  parse_text(&result, (tn_str){text.bytes, text.length}, &options);
  cr_assert(!result.module && result.sink.status == TN_IO, "the side file is not there yet");
  drop(&result);

  char path[4096];
  tn_diagnostics sink = {0};
  snprintf(path, sizeof path, "%s/%s", folder, print.side_files.at[0].name);
  tn_str bytes = {print.side_files.at[0].bytes, print.side_files.at[0].count};
  cr_assert(tn_file_write(&sink, path, &bytes, 1, false));
  parse_text(&result, (tn_str){text.bytes, text.length}, &options);
  cr_assert(result.module, "%s", result.messages.bytes);
  cr_assert(tn_literal_equal(result.module->entry->root->attr.constant.literal,
                             module->entry->root->attr.constant.literal));
  cr_assert_str_eq(result.module->entry->root->notes->frontend_attributes, "{who=\"me\"}");
  char *inline_again = printed(result.module), *inline_before = printed(module);
  cr_assert_str_eq(inline_again, inline_before);
  free(inline_again);
  free(inline_before);
  drop(&result);

  bytes.length -= 4;
  cr_assert(tn_file_write(&sink, path, &bytes, 1, false));
  parse_text(&result, (tn_str){text.bytes, text.length}, &options);
  cr_assert(strstr(result.messages.bytes, "has 3996 bytes, f32[1000] takes 4000"), "%s",
            result.messages.bytes);
  drop(&result);
  remove(path);
  cr_assert(symlink("/etc/hostname", path) == 0);
  parse_text(&result, (tn_str){text.bytes, text.length}, &options);
  cr_assert(strstr(result.messages.bytes, "is not a regular file"), "%s", result.messages.bytes);
  drop(&result);
  remove(path);
  remove(folder);
  tn_module_destroy(module);
  tn_text_free(&text);
  tn_text_free(&source);
}
