/* What a pass may know of a value that is drawn where a part is cut off: that is no difference. What
 * it only believes is one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "base/text.h"
#include "driver/check_private.h"
#include "frontend/hlo/hlo.h"

static const char start[] = "HloModule m\n"
                            "body {\n"
                            "  s = (s32[], s32[99], s32[99]) parameter(0)\n"
                            "  i = s32[] get-tuple-element(s), index=0\n"
                            "  a = s32[99] get-tuple-element(s), index=1\n"
                            "  b = s32[99] get-tuple-element(s), index=2\n"
                            "  one = s32[] constant(1)\n"
                            "  j = s32[] add(i, one)\n"
                            "  c = s32[99] multiply(b, b)\n"
                            "  ROOT r = (s32[], s32[99], s32[99]) tuple(j, a, c)\n"
                            "}\n"
                            "test {\n"
                            "  s = (s32[], s32[99], s32[99]) parameter(0)\n"
                            "  i = s32[] get-tuple-element(s), index=0\n"
                            "  n = s32[] constant(1)\n"
                            "  ROOT r = pred[] compare(i, n), direction=LT\n"
                            "}\n"
                            "ENTRY main {\n"
                            "  p = s32[99] parameter(0)\n"
                            "  q = s32[99] parameter(1)\n"
                            "  k = s32[] constant(15)\n"
                            "  ks = s32[99] broadcast(k), dimensions={}\n"
                            "  o = s32[] constant(0)\n"
                            "  m = s32[99] and(q, ks)\n"
                            "  r0 = s32[99] and(p, ks)\n"
                            "  y0 = s32[99] add(p, q)\n";

/* A constant too large to be numbered by content. */
static void put_data(tn_text *text, const char *name, int value, int last) {
  tn_text_printf(text, "  %s = s32[99] constant({", name);
  for (int i = 0; i < 98; i++) tn_text_printf(text, "%d, ", value);
  tn_text_printf(text, "%d})\n", last);
}

/* main(p, q) = root, where r is what `steps` exclusive ors make of p and q modulo 16, y what as many
 * loops of one turn hand on, x what the last of them computes; z is zeros, but for the last.       */
static tn_module *parse(int steps, int last, const char *root) {
  tn_text text = {0};
  tn_diagnostics sink = {0};
  tn_text_put(&text, start);
  put_data(&text, "z", 0, last);
  put_data(&text, "least", -31, -31);
  for (int i = 0; i < steps; i++) {
    tn_text_printf(&text, "  r%d = s32[99] xor(r%d, m)\n", i + 1, i);
    tn_text_printf(&text, "  t%d = (s32[], s32[99], s32[99]) tuple(o, y%d, q)\n", i, i);
    tn_text_printf(&text, "  w%d = (s32[], s32[99], s32[99]) while(t%d), condition=test, body=body\n", i, i);
    tn_text_printf(&text, "  y%d = s32[99] get-tuple-element(w%d), index=1\n", i + 1, i);
  }
  tn_text_printf(&text, "  r = s32[99] negate(r%d)\n", steps);
  tn_text_printf(&text, "  y = s32[99] get-tuple-element(w%d), index=1\n", steps - 1);
  tn_text_printf(&text, "  x = s32[99] get-tuple-element(w%d), index=2\n", steps - 1);
  tn_text_printf(&text, "  ROOT root = s32[99] %s\n}\n", root);
  tn_module *module =
      tn_hlo_parse((tn_str){text.bytes, text.length}, &(tn_hlo_options){.file = "facts"}, &sink);
  cr_assert_not_null(module);
  tn_text_free(&text);
  return module;
}

static bool differs(int steps, int last, const char *root, const char *instead) {
  tn_arena *arena = tn_arena_create();
  tn_checker *checker = tn_checker_create(arena, 0, NULL, 0);
  tn_module *before = parse(steps, last, root), *after = parse(steps, last, instead);
  tn_check_result found;
  bool differ = tn_check_parts(checker, before, after, &found) && found.differs;
  tn_module_destroy(before);
  tn_module_destroy(after);
  tn_checker_destroy(checker);
  tn_arena_destroy(arena);
  return differ;
}

Test(check_facts, a_range_from_far_away) {
  for (int steps = 1; steps < 14; steps += 6) {
    cr_assert(!differs(steps, 0, "maximum(r, least)", "add(r, z)"), "%d", steps);
    cr_assert(differs(steps, 0, "maximum(r, ks)", "add(r, z)"), "%d", steps);
  }
}

Test(check_facts, the_contents_of_data) {
  cr_assert(!differs(1, 0, "add(p, z)", "subtract(p, z)"));
  cr_assert(differs(1, 1, "add(p, z)", "subtract(p, z)"));
}

Test(check_facts, what_loops_further_up_hand_on) {
  for (int steps = 1; steps < 14; steps += 6) {
    cr_assert(!differs(steps, 0, "add(x, y)", "add(x, y0)"), "%d", steps);
    cr_assert(differs(steps, 0, "add(x, y)", "add(y, y0)"), "%d", steps);
  }
}
