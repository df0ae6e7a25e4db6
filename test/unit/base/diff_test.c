/* Line diffs: what they say leads from one text to the other, and is small.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "base/diff.h"

static tn_str str(const char *text) { return (tn_str){text, strlen(text)}; }

static void expect_print(const char *before, const char *after, int context, const char *expected) {
  tn_arena *arena = tn_arena_create();
  tn_text out = {0};
  int count;
  tn_diff_line *lines = tn_diff(arena, str(before), str(after), &count);
  tn_diff_print(&out, lines, count, context, false);
  tn_text_put(&out, "");
  cr_expect_str_eq(out.bytes, expected);
  tn_text_free(&out);
  tn_arena_destroy(arena);
}

Test(diff, equal_texts_have_none) { expect_print("a\nb\n", "a\nb\n", 3, ""); }

Test(diff, one_line_becomes_another) {
  expect_print("a\nb\nc\n", "a\nx\nc\n", 1, "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
}

Test(diff, from_and_to_nothing) {
  expect_print("", "a\n", 3, "@@ -0,0 +1,1 @@\n+a\n");
  expect_print("a\n", "", 3, "@@ -1,1 +0,0 @@\n-a\n");
}

Test(diff, hunks_name_their_block) {
  expect_print("f {\n1\n2\n3\n4\n}\n", "f {\n1\n2\n3\n5\n}\n", 1, "@@ -4,3 +4,3 @@ f {\n 3\n-4\n+5\n }\n");
}

Test(diff, far_changes_are_hunks_of_their_own) {
  expect_print("a\n1\n2\n3\n4\nb\n", "x\n1\n2\n3\n4\ny\n", 1,
               "@@ -1,2 +1,2 @@\n-a\n+x\n 1\n@@ -5,2 +5,2 @@\n 4\n-b\n+y\n");
}

Test(diff, a_moved_block_leaves_the_others) {
  expect_print("a\nb\nc\nd\ne\n", "d\na\nb\nc\ne\n", 0, "@@ -0,0 +1,1 @@\n+d\n@@ -4,1 +4,0 @@\n-d\n");
}

/* The lines kept and removed are the first text, those kept and added the second; with
 * few different lines, everything goes through the greedy part.                         */
static void expect_leads_over(unsigned seed, int lines, int different) {
  tn_arena *arena = tn_arena_create();
  tn_text texts[2] = {{0}, {0}}, again[2] = {{0}, {0}};
  for (int t = 0; t < 2; t++)
    for (int i = 0; i < lines; i++) {
      seed = seed * 1664525u + 1013904223u;
      tn_text_printf(&texts[t], "%u\n", (seed >> 16) % (unsigned)different);
    }
  int count;
  tn_diff_line *list = tn_diff(arena, (tn_str){texts[0].bytes, texts[0].length},
                               (tn_str){texts[1].bytes, texts[1].length}, &count);
  for (int i = 0; i < count; i++)
    for (int t = 0; t < 2; t++)
      if (list[i].kind != (t ? TN_LINE_REMOVED : TN_LINE_ADDED))
        tn_text_printf(&again[t], "%.*s\n", (int)list[i].text.length, list[i].text.at);
  for (int t = 0; t < 2; t++) {
    cr_expect_str_eq(again[t].bytes, texts[t].bytes);
    tn_text_free(&again[t]);
    tn_text_free(&texts[t]);
  }
  tn_arena_destroy(arena);
}

Test(diff, leads_from_one_text_to_the_other) {
  for (unsigned seed = 0; seed < 200; seed++)
    for (int different = 1; different < 100; different = different * 2 + 1)
      expect_leads_over(seed, 1 + (int)(seed % 50), different);
  expect_leads_over(1, 3000, 2);
  expect_leads_over(2, 3000, 100000);
}
