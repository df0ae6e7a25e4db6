/* The reducer, and what it stands on: numbers of values, parts as modules, smaller sizes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "driver/cut.h"
#include "driver/equal.h"
#include "driver/numbers.h"
#include "driver/reduce.h"
#include "driver/resize.h"
#include "frontend/hlo/hlo.h"
#include "ir/verify.h"

static tn_module *parse(const char *text) {
  tn_diagnostics sink = {0};
  tn_module *module = tn_hlo_parse((tn_str){text, strlen(text)}, &(tn_hlo_options){.file = "test"}, &sink);
  cr_assert_not_null(module);
  return module;
}

static tn_inst *named(const tn_module *module, const char *name) {
  tn_inst *inst = tn_comp_find_inst(module->entry, (tn_str){name, strlen(name)});
  cr_assert_not_null(inst, "%s", name);
  return inst;
}

static int count_op(const tn_module *module, tn_op op) {
  int count = 0;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) count += inst->op == op;
  return count;
}

/* ---- the reducer ---- */

static const char nested[] =
    "HloModule m\n"
    "fused {\n"
    "  a = f32[64,96] parameter(0)\n"
    "  b = f32[64,96] parameter(1)\n"
    "  s = f32[64,96] sine(a)\n"
    "  ROOT m = f32[64,96] multiply(s, b)\n"
    "}\n"
    "body {\n"
    "  t = (s32[], f32[64,96]) parameter(0)\n"
    "  i = s32[] get-tuple-element(t), index=0\n"
    "  x = f32[64,96] get-tuple-element(t), index=1\n"
    "  one = s32[] constant(1)\n"
    "  j = s32[] add(i, one)\n"
    "  e = f32[64,96] exponential(x)\n"
    "  f = f32[64,96] fusion(e, x), kind=kLoop, calls=fused\n"
    "  ROOT r = (s32[], f32[64,96]) tuple(j, f)\n"
    "}\n"
    "condition {\n"
    "  t = (s32[], f32[64,96]) parameter(0)\n"
    "  i = s32[] get-tuple-element(t), index=0\n"
    "  n = s32[] constant(3)\n"
    "  ROOT p = pred[] compare(i, n), direction=LT\n"
    "}\n"
    "yes {\n"
    "  q = f32[64,96] parameter(0)\n"
    "  ROOT c = f32[64,96] cosine(q)\n"
    "}\n"
    "no {\n"
    "  q = f32[64,96] parameter(0)\n"
    "  ROOT t = f32[64,96] tanh(q)\n"
    "}\n"
    "ENTRY main {\n"
    "  x = f32[64,96] parameter(0)\n"
    "  g = pred[] parameter(1)\n"
    "  w = f32[96,64] constant({...})\n"
    "  z = s32[] constant(0)\n"
    "  t = (s32[], f32[64,96]) tuple(z, x)\n"
    "  l = (s32[], f32[64,96]) while(t), condition=condition, body=body\n"
    "  y = f32[64,96] get-tuple-element(l), index=1\n"
    "  c = f32[64,96] conditional(g, y, y), true_computation=yes, false_computation=no\n"
    "  d = f32[64,64] dot(c, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
    "  ROOT o = (f32[64,64], f32[64,96], s32[]) tuple(d, c, z)\n"
    "}\n";

static tn_module *parse_nested(void) {
  tn_diagnostics sink = {0};
  tn_module *module = tn_hlo_parse((tn_str){nested, strlen(nested)},
                                   &(tn_hlo_options){.file = "test", .elided = TN_ELIDED_ZERO}, &sink);
  cr_assert_not_null(module);
  return module;
}

typedef struct {
  tn_op op;
  int tests;
} wanted;

static bool has_op(void *user, const tn_case *candidate) {
  wanted *w = user;
  tn_diagnostics sink = {0};
  w->tests++;
  cr_assert(tn_verify_module(candidate->module, &sink), "an invalid module was offered");
  return count_op(candidate->module, w->op) > 0;
}

/* Wherever the opcode is, at most this many instructions are left, of one element. */
static void reduce_to(tn_op op, int most) {
  tn_arena *arena = tn_arena_create();
  tn_case best = {.module = parse_nested()};
  wanted w = {.op = op};
  int tests = tn_reduce(&best, &(tn_reduction){.test = has_op, .user = &w, .arena = arena});
  cr_expect_eq(tests, w.tests);
  cr_expect(tests < 400, "%s: %d tests", tn_ops[op].name, tests);
  cr_expect(tn_module_instructions(best.module) <= most, "%s: %d instructions", tn_ops[op].name,
            tn_module_instructions(best.module));
  TN_FOR_EACH_IN_COMP(best.module->entry, inst)
  if (tn_shape_is_array(inst->shape)) cr_expect_eq(tn_shape_elements(inst->shape), 1, "%s", inst->name);
  tn_module_destroy(best.module);
  tn_arena_destroy(arena);
}

Test(reduce, finds_it_in_the_entry) { reduce_to(TN_OP_DOT, 3); }
Test(reduce, finds_it_in_a_body) { reduce_to(TN_OP_EXPONENTIAL, 2); }
Test(reduce, finds_it_in_a_fusion_in_a_body) { reduce_to(TN_OP_SINE, 2); }
Test(reduce, finds_it_in_branches) {
  reduce_to(TN_OP_COSINE, 2);
  reduce_to(TN_OP_TANH, 2);
}

Test(reduce, stops_when_the_tests_are_used_up) {
  tn_arena *arena = tn_arena_create();
  tn_case best = {.module = parse_nested()};
  wanted w = {.op = TN_OP_SINE};
  cr_expect_leq(tn_reduce(&best, &(tn_reduction){.test = has_op, .user = &w, .arena = arena, .max_tests = 7}),
                7);
  cr_expect(count_op(best.module, TN_OP_SINE) > 0);
  tn_module_destroy(best.module);
  tn_arena_destroy(arena);
}

/* An instruction of the entry becomes a parameter with the value it had. */
static bool is_negative(void *user, const tn_case *candidate) {
  tn_arena *arena = user;
  tn_literal *value =
      tn_try_evaluate(arena, candidate->module, (const tn_literal *const *)candidate->arguments, false);
  return value && tn_shape_is_array(value->shape) && value->shape->type == TN_F32 &&
         tn_shape_elements(value->shape) > 0 && *(const float *)value->data < 0;
}

Test(reduce, keeps_arguments) {
  tn_arena *arena = tn_arena_create();
  tn_module *module =
      parse("HloModule m\nENTRY main {\n  x = f32[4] parameter(0)\n  y = f32[4] exponential(x)\n"
            "  n = f32[4] negate(y)\n  ROOT s = f32[4] add(n, n)\n}\n");
  tn_case best = {.module = module, .arguments = tn_draw_arguments(arena, module, TN_DRAW_FRACTIONS)};
  tn_reduce(&best, &(tn_reduction){.test = is_negative, .user = arena, .arena = arena});
  cr_expect(is_negative(arena, &best));
  cr_expect_leq(tn_module_instructions(best.module), 2);
  tn_module_destroy(best.module);
  tn_arena_destroy(arena);
}

/* ---- numbers ---- */

static bool same_number(const char *one, const char *other) {
  tn_arena *arena = tn_arena_create();
  tn_module *a = parse(one), *b = parse(other);
  bool same = tn_hash_same(tn_number_module(arena, a), tn_number_module(arena, b));
  tn_module_destroy(a);
  tn_module_destroy(b);
  tn_arena_destroy(arena);
  return same;
}

#define ENTRY(lines)                                                                                         \
  "HloModule m\nENTRY main {\n  x = f32[4] parameter(0)\n  y = f32[4] parameter(1)\n" lines "}\n"

Test(numbers, look_through_fusions_calls_and_tuples) {
  const char *plain = ENTRY("  s = f32[4] add(x, y)\n  ROOT n = f32[4] negate(s)\n");
  cr_expect(same_number(plain, "HloModule m\nf {\n  a = f32[4] parameter(0)\n  b = f32[4] parameter(1)\n"
                               "  s = f32[4] add(b, a)\n  ROOT n = f32[4] negate(s)\n}\n"
                               "ENTRY main {\n  p = f32[4] parameter(0)\n  q = f32[4] parameter(1)\n"
                               "  ROOT r = f32[4] fusion(q, p), kind=kLoop, calls=f\n}\n"));
  cr_expect(same_number(plain, ENTRY("  s = f32[4] add(x, y)\n  t = (f32[4], f32[4]) tuple(x, s)\n"
                                     "  g = f32[4] get-tuple-element(t), index=1\n  c = f32[4] copy(g)\n"
                                     "  ROOT n = f32[4] negate(c)\n")));
}

Test(numbers, tell_apart_what_differs) {
  const char *plain = ENTRY("  ROOT s = f32[4] subtract(x, y)\n");
  cr_expect_not(same_number(plain, ENTRY("  ROOT s = f32[4] subtract(y, x)\n")));
  cr_expect_not(same_number(plain, ENTRY("  ROOT s = f32[4] add(x, y)\n")));
  const char *slice = ENTRY("  ROOT s = f32[2] slice(x), slice={[0:2]}\n");
  cr_expect_not(same_number(slice, ENTRY("  ROOT s = f32[2] slice(x), slice={[1:3]}\n")));
  const char *constant = ENTRY("  c = f32[] constant(0)\n  ROOT b = f32[4] broadcast(c), dimensions={}\n");
  cr_expect_not(same_number(
      constant, ENTRY("  c = f32[] constant(-0.0)\n  ROOT b = f32[4] broadcast(c), dimensions={}\n")));
}

/* ---- parts, sizes ---- */

Test(cut, makes_a_module_of_a_part) {
  tn_arena *arena = tn_arena_create();
  tn_module *module =
      parse(ENTRY("  s = f32[4] add(x, y)\n  n = f32[4] negate(s)\n  e = f32[4] exponential(n)\n"
                  "  ROOT m = f32[4] multiply(e, x)\n"));
  tn_inst_list roots = {0}, inputs = {0};
  TN_PUSH(arena, &roots, named(module, "m"));
  TN_PUSH(arena, &inputs, named(module, "n"));
  tn_module *part = tn_cut(module, &roots, &inputs, NULL);
  tn_diagnostics sink = {0};
  cr_expect(tn_verify_module(part, &sink));
  cr_expect_eq(part->entry->parameters.count, 2); /* n, and x behind it */
  cr_expect_str_eq(part->entry->parameters.at[0]->name, "n");
  cr_expect_eq(tn_module_instructions(part), 4);
  tn_module_destroy(part);
  tn_module_destroy(module);
  tn_arena_destroy(arena);
}

Test(resize, changes_sizes_everywhere_or_not_at_all) {
  tn_arena *arena = tn_arena_create();
  const char *text =
      "HloModule m\nENTRY main {\n  x = f32[128,64] parameter(0)\n  w = f32[64,192] parameter(1)\n"
      "  d = f32[128,192] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
      "  ROOT r = f32[128,3,64] reshape(d)\n}\n";
  tn_module *module = parse(text);
  cr_assert(tn_module_resize(module, arena, &(tn_resizing){.multiple = 64, .factor = 16}));
  cr_expect_str_eq(tn_shape_text(arena, module->entry->root->shape), "f32[8,3,4]");
  tn_module_destroy(module);
  module = parse(text); /* 192 stays, so the reshape has too many */
  cr_expect_not(tn_module_resize(module, arena, &(tn_resizing){.from = 64, .to = 4}));
  tn_module_destroy(module);
  tn_arena_destroy(arena);
}

/* ---- comparing ---- */

static tn_equality compare(const char *one, const char *other, tn_draw draw, tn_difference *difference) {
  tn_arena *arena = tn_arena_create();
  tn_module *a = parse(one), *b = parse(other);
  tn_literal *got;
  tn_equality equality =
      tn_modules_agree(arena, a, b, (const tn_literal *const *)tn_draw_arguments(arena, a, draw), TN_CLOSE_BOUNDS, NULL,
                       &got, difference);
  difference->shape = NULL;
  tn_module_destroy(a);
  tn_module_destroy(b);
  tn_arena_destroy(arena);
  return equality;
}

Test(equal, bits_bounds_and_special_values) {
  tn_difference d;
  const char *sum = ENTRY("  s = f32[4] add(x, y)\n  ROOT n = f32[4] add(s, x)\n");
  const char *other = ENTRY("  s = f32[4] add(x, x)\n  ROOT n = f32[4] add(s, y)\n");
  cr_expect_eq(compare(sum, other, TN_DRAW_FRACTIONS, &d), TN_SAME); /* rounds elsewhere */
  cr_expect_eq(compare(sum, ENTRY("  ROOT n = f32[4] add(x, y)\n"), TN_DRAW_FRACTIONS, &d), TN_DIFFERENT);
  cr_expect_eq(d.element, 0);
  const char *zero = "HloModule m\nENTRY main {\n  x = f32[99] parameter(0)\n  c = f32[] constant(0)\n"
                     "  b = f32[99] broadcast(c), dimensions={}\n  ROOT s = f32[99] add(x, b)\n}\n";
  const char *gone = "HloModule m\nENTRY main {\n  ROOT x = f32[99] parameter(0)\n}\n";
  cr_expect_eq(compare(zero, gone, TN_DRAW_FRACTIONS, &d), TN_SAME);
  cr_expect_eq(compare(zero, gone, TN_DRAW_SPECIAL, &d), TN_DIFFERENT);
}

Test(equal, the_smallest_output_is_told) {
  tn_difference d;
  const char *one =
      ENTRY("  c = f32[1] slice(x), slice={[1:2]}\n  ROOT t = (f32[4], f32[1], f32[4]) tuple(x, c, y)\n");
  const char *two =
      ENTRY("  c = f32[1] slice(x), slice={[2:3]}\n  ROOT t = (f32[4], f32[1], f32[4]) tuple(y, c, y)\n");
  cr_expect_eq(compare(one, two, TN_DRAW_FRACTIONS, &d), TN_DIFFERENT);
  cr_expect_eq(d.output, 1);
}
