/* Loops that are too much work for a check of what stands around them: what they hand on is what
 * they were given, and what they do not is not.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "driver/check_private.h"
#include "frontend/hlo/hlo.h"

/* Its elements 2 and 3 are handed on; 1 is not. */
static const char loop[] = "HloModule m\n"
                           "body {\n"
                           "  s = (s32[], f32[8], f32[8], f32[8]) parameter(0)\n"
                           "  i = s32[] get-tuple-element(s), index=0\n"
                           "  a = f32[8] get-tuple-element(s), index=1\n"
                           "  b = f32[8] get-tuple-element(s), index=2\n"
                           "  c = f32[8] get-tuple-element(s), index=3\n"
                           "  one = s32[] constant(1)\n"
                           "  j = s32[] add(i, one)\n"
                           "  d = f32[8] cosine(a)\n"
                           "  ROOT r = (s32[], f32[8], f32[8], f32[8]) tuple(j, d, b, c)\n"
                           "}\n"
                           "test {\n"
                           "  s = (s32[], f32[8], f32[8], f32[8]) parameter(0)\n"
                           "  i = s32[] get-tuple-element(s), index=0\n"
                           "  n = s32[] constant(3)\n"
                           "  ROOT r = pred[] compare(i, n), direction=LT\n"
                           "}\n"
                           "ENTRY main {\n"
                           "  a = f32[8] parameter(0)\n"
                           "  b = f32[8] parameter(1)\n"
                           "  c = f32[8] parameter(2)\n"
                           "  z = s32[] constant(0)\n"
                           "  s = (s32[], f32[8], f32[8], f32[8]) tuple(z, a, b, c)\n"
                           "  w = (s32[], f32[8], f32[8], f32[8]) while(s), condition=test, body=body\n"
                           "  x = f32[8] get-tuple-element(w), index=1\n"
                           "  y = f32[8] get-tuple-element(w), index=2\n";

static tn_module *parse(tn_arena *arena, const char *root) {
  tn_diagnostics sink = {0};
  const char *text = tn_arena_printf(arena, "%s  ROOT r = f32[8] add(x, %s)\n}\n", loop, root);
  tn_module *module = tn_hlo_parse((tn_str){text, strlen(text)}, &(tn_hlo_options){.file = "loops"}, &sink);
  cr_assert_not_null(module);
  return module;
}

/* Is add(x, y) of the loop, written as add(x, instead), said to differ? The loop is 20 thousand
 * multiply-adds.                                                                             */
static bool differs(const char *instead, int64_t max_work) {
  tn_arena *arena = tn_arena_create();
  tn_checker *checker = tn_checker_create(arena, max_work, NULL, 0);
  tn_module *before = parse(arena, "y"), *after = parse(arena, instead);
  tn_check_result found;
  bool differ = tn_check_parts(checker, before, after, &found) && found.differs;
  tn_module_destroy(before);
  tn_module_destroy(after);
  tn_checker_destroy(checker);
  tn_arena_destroy(arena);
  return differ;
}

Test(check_loops, what_is_handed_on_is_what_was_given) {
  cr_assert(!differs("b", 1 << 20));
  cr_assert(!differs("b", 1 << 14));
  cr_assert(!differs("b", 1 << 12));
}

Test(check_loops, another_element_is_not) {
  cr_assert(differs("c", 1 << 20));
  cr_assert(differs("c", 1 << 14));
}

Test(check_loops, nor_is_what_changes) {
  cr_assert(differs("a", 1 << 20));
  cr_assert(differs("a", 1 << 14));
}
