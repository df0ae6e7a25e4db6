/* What kernels are to the array: dims and their roles, walks, the pipeline, reasons.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "support.h"

static void put_walk(tn_text *out, const char *name, const tn_systolic_work *work, const tn_walk *walk) {
  tn_text_printf(out, " | %s %lld", name, (long long)walk->offset);
  for (int d = 0; d < work->n_dims; d++) tn_text_printf(out, " %lld", (long long)walk->strides[d]);
  for (int b = 0; b < walk->n_bounds; b++) {
    tn_text_printf(out, " [%lld", (long long)walk->bounds[b].offset);
    for (int d = 0; d < work->n_dims; d++) tn_text_printf(out, " %lld", (long long)walk->bounds[b].steps[d]);
    tn_text_printf(out, " < %lld]", (long long)walk->bounds[b].limit);
  }
}

/* "8m 4n 6k | x 0 6 0 1 | w …| y …": sizes with roles (b, m, n, k), then offsets and strides by dim. */
static const char *describe(test_machine *machine, const tn_systolic_work *work) {
  tn_text out = {0};
  for (int d = 0; d < work->n_dims; d++)
    tn_text_printf(&out, "%s%lld%c", d ? " " : "", (long long)work->sizes[d], "bmnk"[work->roles[d]]);
  put_walk(&out, "x", work, &work->x);
  if (work->is_contraction) put_walk(&out, "w", work, &work->w);
  put_walk(&out, "y", work, &work->y);
  const char *text = tn_arena_string(machine->arena, out.bytes ? out.bytes : "");
  tn_text_free(&out);
  return text;
}

typedef struct {
  test_machine machine;
  tn_plan *plan;
  const tn_systolic_work *work; /* of the first step */
  const char *why;
} matched;

static matched match(const char *body) {
  matched m = {.machine = open_machine(body, "rows = 8\ncolumns = 8\n")};
  tn_plan_options options = {.target = tn_cpu_find(m.machine.arena, &m.machine.sink, "x86-64-v3", NULL, NULL),
                             .unscheduled = true};
  m.plan = tn_plan_build(m.machine.module, &options, &m.machine.sink);
  cr_assert(m.plan && m.plan->steps, "%s", m.machine.messages);
  m.work = tn_systolic_work_of(m.machine.arena, m.plan, m.plan->steps, &m.machine.target, &m.why);
  return m;
}

static void end(matched *m) {
  tn_plan_destroy(m->plan);
  close_machine(&m->machine);
}

static void expect_work(const char *body, const char *expected, int64_t macs) {
  matched m = match(body);
  cr_assert(m.work, "%s", m.why);
  cr_expect_str_eq(describe(&m.machine, m.work), expected);
  cr_expect_eq(m.work->macs, macs);
  end(&m);
}

static void expect_reason(const char *body, const char *why) {
  matched m = match(body);
  cr_assert_null(m.work);
  cr_expect_str_eq(m.why, why);
  end(&m);
}

Test(contraction, dots) {
  expect_work("ENTRY e { x = s8[8,6] parameter(0) w = s8[6,4] parameter(1)"
              " ROOT d = s32[8,4] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} }",
              "8m 4n 6k | x 0 6 0 1 | w 0 0 1 4 | y 0 4 1 0", 192);
  expect_work(
      "ENTRY e { x = s8[3,8,6] parameter(0) w = s8[3,4,6] parameter(1)"
      " ROOT d = s32[3,8,4] dot(x, w), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2},"
      " rhs_contracting_dims={2} }",
      "3b 8m 4n 6k | x 0 48 6 0 1 | w 0 24 0 6 1 | y 0 32 4 1 0", 576);
}

/* The constant is what stays, on whichever side it stands. */
Test(contraction, weights_on_the_left) {
  expect_work("ENTRY e { w = s8[2,3] constant({{1,2,3},{4,5,6}}) x = s8[3,5] parameter(0)"
              " ROOT d = s32[2,5] dot(w, x), lhs_contracting_dims={1}, rhs_contracting_dims={0} }",
              "2n 5m 3k | x 0 0 1 5 | w 0 3 0 1 | y 0 5 1 0", 30);
}

/* Padding is a bound; what falls into it is no work: 9 of 9 taps in the middle, 4 in the corners. */
Test(contraction, convolutions) {
  expect_work(
      "ENTRY e { x = s8[1,4,4,2] parameter(0) w = s8[3,3,2,5] parameter(1)"
      " ROOT c = s32[1,4,4,5] convolution(x, w), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f }",
      "4m 4m 5n 3k 3k 2k | x -10 8 2 0 8 2 1 [-1 1 0 0 1 0 0 < 4] [-1 0 1 0 0 1 0 < 4]"
      " | w 0 0 0 1 30 10 5 | y 0 20 5 1 0 0 0",
      1000);
  expect_work("ENTRY e { x = s8[1,2,9] parameter(0) w = s8[3,2,5] parameter(1)"
              " ROOT c = s32[1,5,3] convolution(x, w), window={size=3 stride=2 rhs_dilate=2}, "
              "dim_labels=bf0_0io->bf0 }",
              "5n 3m 3k 2k | x 0 0 2 2 9 | w 0 1 0 10 5 | y 0 3 1 0 0", 90);
}

/* oc is group and channel of the group. */
Test(contraction, groups) {
  expect_work("ENTRY e { x = s8[1,5,6] parameter(0) w = s8[1,2,12] parameter(1)"
              " ROOT c = s32[1,5,12] convolution(x, w), window={size=1}, dim_labels=b0f_0io->b0f, "
              "feature_group_count=3 }",
              "5m 3b 4n 2k | x 0 6 2 0 1 | w 0 0 4 1 12 | y 0 12 4 1 0", 120);
}

Test(contraction, windows) {
  expect_work("max { a = s8[] parameter(0) b = s8[] parameter(1) ROOT m = s8[] maximum(a, b) }\n"
              "ENTRY e { x = s8[6,3] parameter(0) least = s8[] constant(-128)"
              " ROOT p = s8[3,3] reduce-window(x, least), window={size=2x1 stride=2x1}, to_apply=max }",
              "3m 3n 2k | x 0 6 1 3 | y 0 3 1 0", 0);
}

Test(contraction, reasons) {
  expect_reason("ENTRY e { x = f32[8,6] parameter(0) w = f32[6,4] parameter(1)"
                " ROOT d = f32[8,4] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} }",
                "the array does not multiply f32 by f32");
  expect_reason(
      "ENTRY e { x = s8[1,4,1] parameter(0) w = s8[3,1,2] parameter(1)"
      " ROOT c = s32[1,5,2] convolution(x, w), window={size=3 lhs_dilate=2}, dim_labels=b0f_0io->b0f }",
      "positions that are divided");
  expect_reason("ENTRY e { x = f32[8] parameter(0) ROOT t = f32[8] tanh(x) }", "tanh");
  expect_reason("ENTRY e { x = f32[8] parameter(0) ROOT t = s8[8] convert(x) }",
                "a conversion to integers without rounding to even");
  expect_reason("ENTRY e { ROOT i = s32[8] iota(), iota_dimension=0 }", "positions as values");
  expect_reason(
      "less { a = s32[] parameter(0) b = s32[] parameter(1) ROOT l = pred[] compare(a, b), direction=LT }\n"
      "ENTRY e { x = s32[8] parameter(0) ROOT s = s32[8] sort(x), dimensions={0}, to_apply=less }",
      "a sort");
}

/* A byte of a byte is a table that the evaluator fills: 127 tanh(q / 64), rounded. */
Test(contraction, tables) {
  matched m =
      match("f { q = s8[8] parameter(0) a = f32[8] convert(q) s = f32[] constant(0.015625)"
            " sb = f32[8] broadcast(s), dimensions={} b = f32[8] multiply(a, sb) t = f32[8] tanh(b)"
            " h = f32[] constant(127) hb = f32[8] broadcast(h), dimensions={} c = f32[8] multiply(t, hb)"
            " r = f32[8] round-nearest-even(c) ROOT z = s8[8] convert(r) }\n"
            "ENTRY e { x = s8[8] parameter(0) ROOT y = s8[8] fusion(x), kind=kCustom, calls=f }");
  cr_assert(m.work, "%s", m.why);
  cr_assert(m.work->work.table);
  cr_expect_eq((int8_t)m.work->work.table[0], 0);
  cr_expect_eq((int8_t)m.work->work.table[64], 97);    /* 127 tanh(1) = 96.72 */
  cr_expect_eq((int8_t)m.work->work.table[128], -122); /* 127 tanh(-2) = -122.43 */
  end(&m);
}

/* All of the pipeline, in its order. */
Test(contraction, pipeline) {
  matched m = match(
      "f { x = s8[2,2] parameter(0) r = s8[2,2] parameter(1) s = f32[2] parameter(2) w = s8[2,2] parameter(3)"
      " d = s32[2,2] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} a = f32[2,2] convert(d)"
      " sb = f32[2,2] broadcast(s), dimensions={1} b = f32[2,2] multiply(a, sb) n = f32[] constant(-2)"
      " nb = f32[2,2] broadcast(n), dimensions={} c = f32[2,2] subtract(b, nb) rf = f32[2,2] convert(r)"
      " h = f32[] constant(0.5) hb = f32[2,2] broadcast(h), dimensions={} rs = f32[2,2] multiply(rf, hb)"
      " g = f32[2,2] subtract(c, rs) z = f32[] constant(0) zb = f32[2,2] broadcast(z), dimensions={}"
      " i = f32[2,2] maximum(g, zb) j = f32[2,2] round-nearest-even(i) hi = f32[] constant(100)"
      " k = f32[2,2] clamp(n, j, hi) ROOT q = s8[2,2] convert(k) }\n"
      "ENTRY e { x = s8[2,2] parameter(0) r = s8[2,2] parameter(1) s = f32[2] constant({3, 5})"
      " w = s8[2,2] constant({{1,2},{3,4}}) ROOT y = s8[2,2] fusion(x, r, s, w), kind=kCustom, calls=f }");
  cr_assert(m.work, "%s", m.why);
  const tn_vector_work *v = &m.work->work;
  cr_expect_eq(m.work->channels, 2);
  cr_expect(v->scale && v->scale[0] == 3 && v->scale[1] == 5);
  cr_expect(v->bias && v->bias[0] == 2 && v->bias[1] == 2);
  cr_expect(v->operand == TN_ISA_OPERAND_SUBTRACT && v->second_scale == 0.5f && v->second.type == TN_S8);
  cr_expect(v->has_clamp && v->low == 0 && v->high == 100 && v->rounds);
  cr_expect(v->source == TN_S32 && v->result == TN_S8 && !v->table);
  end(&m);
}
