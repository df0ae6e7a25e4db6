/* Typed folding against the evaluator, element for element, and its speed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "frontend/hlo/hlo.h"
#include "ir/eval.h"
#include "passes/pass.h"

static tn_module *parse(const char *text) {
  tn_diagnostics sink = {0};
  tn_hlo_options options = {.file = "test.hlo", .elided = TN_ELIDED_RANDOM, .elided_seed = 3};
  tn_module *module = tn_hlo_parse((tn_str){text, strlen(text)}, &options, &sink);
  cr_assert(module, "%s", text);
  return module;
}

static void fold(tn_module *module) {
  const tn_pass *list[] = {tn_pass_find("constant-folding")};
  tn_pipeline_options options = {.passes = list, .n_passes = 1};
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  tn_pass_record *records;
  int count;
  cr_assert(tn_pipeline_run(module, &options, arena, &records, &count, &sink));
  tn_arena_destroy(arena);
}

/* `body` defines r, of `shape`, from constants alone. */
static void expect_folded(const char *shape, const char *body) {
  char text[1024];
  snprintf(text, sizeof text, "f () -> %s {\n%s\n}\n", shape, body);
  tn_module *module = parse(text);
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  tn_literal *before = tn_evaluate(arena, module, NULL, &(tn_eval_options){0}, &sink);
  cr_assert(before);
  fold(module);
  const tn_inst *root = module->entry->root;
  cr_expect_eq(root->op, TN_OP_CONSTANT, "not folded: %s", body);
  if (root->op == TN_OP_CONSTANT)
    cr_expect(tn_literal_equal(before, root->attr.constant.literal), "%s", body);
  tn_arena_destroy(arena);
  tn_module_destroy(module);
}

Test(folding, transposes_of_every_width) {
  static const char *const types[] = {"pred", "s4", "u8", "f16", "f32", "s64", "c64", "c128"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    char shape[64], body[512];
    snprintf(shape, sizeof shape, "%s[70,5,1,33]", types[i]);
    snprintf(body, sizeof body,
             "  w = %s[5,33,70,1] constant({...})\n  ROOT r = %s transpose(w), dimensions={2,0,3,1}",
             types[i], shape);
    expect_folded(shape, body);
  }
}

Test(folding, slices_with_strides) {
  expect_folded("f32[3,40]", "  w = f32[20,100] constant({...})\n"
                             "  ROOT r = f32[3,40] slice(w), slice={[4:18:5], [10:50]}");
  expect_folded("u8[7,3]", "  w = u8[9,9] constant({...})\n"
                           "  ROOT r = u8[7,3] slice(w), slice={[2:9], [1:9:3]}");
}

Test(folding, chains_in_one_sweep) {
  expect_folded("f32[64,8]", "  w = f16[8,8,8] constant({...})\n"
                             "  c = f32[8,8,8] convert(w)\n"
                             "  t = f32[8,8,8] transpose(c), dimensions={1,2,0}\n"
                             "  ROOT r = f32[64,8] reshape(t)");
}

Test(folding, scalars_and_small_vectors) {
  expect_folded("f32[]", "  a = f32[] constant(2)\n  b = f32[] constant(3)\n"
                         "  m = f32[] multiply(a, b)\n  ROOT r = f32[] rsqrt(m)");
  expect_folded("f32[8]", "  a = f32[8] constant({...})\n  e = f32[] constant(1e-5)\n"
                          "  b = f32[8] broadcast(e), dimensions={}\n  ROOT r = f32[8] add(a, b)");
}

Test(folding, moves_a_gigabyte_a_second) {
  tn_module *module = parse("f () -> f32[2048,2048] {\n  w = f32[2048,2048] constant({...})\n"
                            "  ROOT r = f32[2048,2048] transpose(w), dimensions={1,0}\n}\n");
  clock_t start = clock(); /* of the processor: other work on the machine does not count */
  fold(module);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  fprintf(stderr, "transpose: %.2f GB/s\n", 16.8e6 / seconds / 1e9);
  cr_expect_lt(seconds, 0.5, "far below any machine's speed");
  tn_module_destroy(module);
}
