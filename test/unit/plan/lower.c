/* The kernels that modules become.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "support.h"

Test(lower, elementwise_loops_merge) {
  expect_kernel("ENTRY e { x = f32[8,5,5,16] parameter(0) y = f32[8,5,5,16] parameter(1)"
                " ROOT r = f32[8,5,5,16] add(x, y) }",
                "(a0: f32[3200], a1: f32[3200], out y: f32[3200]) {\n"
                "  loop d0:3200 {\n"
                "    y[d0] = (a0[d0] + a1[d0])\n"
                "  }\n"
                "}\n");
}

Test(lower, a_broadcast_keeps_its_loop) {
  expect_kernel(
      "f { x = f32[8,5,16] parameter(0) b = f32[16] parameter(1) c = f32[8,5,16] broadcast(b), dimensions={2}"
      " ROOT r = f32[8,5,16] add(x, c) }"
      "ENTRY e { x = f32[8,5,16] parameter(0) b = f32[16] parameter(1)"
      " ROOT r = f32[8,5,16] fusion(x, b), kind=kLoop, calls=f }",
      "(a0: f32[40,16], a1: f32[16], out y: f32[40,16]) {\n"
      "  loop d0:40 d1:16 {\n"
      "    y[d0, d1] = (a0[d0, d1] + a1[d1])\n"
      "  }\n"
      "}\n");
}

Test(lower, dot_is_a_sum_of_products) {
  expect_kernel("ENTRY e { x = f32[4,8] parameter(0) y = f32[8,6] parameter(1)"
                " ROOT r = f32[4,6] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={0} }",
                "(a0: f32[4,8], a1: f32[8,6], out y: f32[4,6]) {\n"
                "  loop d0:4 d1:6 {\n"
                "    reduce k2:8 {\n"
                "      s0: f32 from 0 = fma(a0[d0, k2], a1[k2, d1], s0)\n"
                "    }\n"
                "    y[d0, d1] = s0\n"
                "  }\n"
                "}\n");
}

Test(lower, sums_of_f16_are_kept_in_f32) {
  expect_kernel("add { a = f16[] parameter(0) b = f16[] parameter(1) ROOT r = f16[] add(a, b) }"
                "ENTRY e { x = f16[3,40] parameter(0) z = f16[] constant(0)"
                " ROOT r = f16[3] reduce(x, z), dimensions={1}, to_apply=add }",
                "(a0: f16[3,40], out y: f16[3]) {\n"
                "  loop d0:3 {\n"
                "    reduce k1:40 {\n"
                "      s0: f32 from 0 = (s0 + convert<f32>(a0[d0, k1]))\n"
                "    }\n"
                "    y[d0] = convert<f16>(s0)\n"
                "  }\n"
                "}\n");
}

Test(lower, padding_is_a_fill) {
  expect_kernel("ENTRY e { x = f32[6] parameter(0) v = f32[] constant(2)"
                " ROOT r = f32[9] pad(x, v), padding=1_2 }",
                "(a0: f32[6], out y: f32[9]) {\n"
                "  loop d0:9 {\n"
                "    y[d0] = (a0[d0-1] if d0-1 in 0..6 else 2)\n"
                "  }\n"
                "}\n");
}

#define SOFTMAX(dims, rows)                                                                                  \
  "max { a = f32[] parameter(0) b = f32[] parameter(1) ROOT r = f32[] maximum(a, b) }"                       \
  "add { a = f32[] parameter(0) b = f32[] parameter(1) ROOT r = f32[] add(a, b) }"                           \
  "f { x = " dims " parameter(0) i = f32[] constant(-inf) z = f32[] constant(0)"                             \
  " m = " rows " reduce(x, i), dimensions={1}, to_apply=max"                                                 \
  " mb = " dims " broadcast(m), dimensions={0} d = " dims " subtract(x, mb) e = " dims " exponential(d)"     \
  " s = " rows " reduce(e, z), dimensions={1}, to_apply=add"                                                 \
  " sb = " dims " broadcast(s), dimensions={0} ROOT r = " dims " divide(e, sb) }"                            \
  "ENTRY g { x = " dims " parameter(0) ROOT r = " dims " fusion(x), kind=kLoop, calls=f }"

Test(lower, softmax_is_one_tree) {
  expect_kernel(SOFTMAX("f32[12,64]", "f32[12]"), "(a0: f32[12,64], out y: f32[12,64]) {\n"
                                                  "  loop d0:12 {\n"
                                                  "    reduce k1:64 {\n"
                                                  "      s0: f32 from -inf = maximum(s0, a0[d0, k1])\n"
                                                  "    }\n"
                                                  "    local e0: f32[64]\n"
                                                  "    reduce k2:64 {\n"
                                                  "      let v2: f32 = exponential((a0[d0, k2] - s0))\n"
                                                  "      e0[k2] = v2\n"
                                                  "      s1: f32 from 0 = (s1 + v2)\n"
                                                  "    }\n"
                                                  "    loop d3:64 {\n"
                                                  "      y[d0, d3] = (e0[d3] / s1)\n"
                                                  "    }\n"
                                                  "  }\n"
                                                  "}\n");
}

Test(lower, what_has_no_native_form_is_refused_by_name) {
  static const struct {
    const char *hlo, *message;
  } cases[] = {
      {"ENTRY e { ROOT r = u64[2] rng-get-and-update-state(), delta=1 }",
       "rng-get-and-update-state: no native code for it yet (u64[2])\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_bench bench = open_bench(cases[i].hlo);
    cr_expect_null(plan_of(&bench, "x86-64-v3", 2, 0));
    cr_expect_eq(bench.sink.status, TN_UNSUPPORTED);
    cr_expect_str_eq(bench.messages, cases[i].message);
    close_bench(&bench);
  }
}

/* ---- results, for all targets and many schedules ---- */

Test(results, softmax_of_rows_and_of_one_row) {
  check_everywhere(SOFTMAX("f32[12,64]", "f32[12]"));
  check_everywhere(SOFTMAX("f32[1,300]", "f32[1]"));
  check_everywhere(SOFTMAX("f32[150,7]", "f32[150]"));
}

Test(results, dot_with_bias_and_relu) {
  check_everywhere(
      "f { x = f32[19,33] parameter(0) w = f32[33,45] parameter(1) b = f32[45] parameter(2)"
      " d = f32[19,45] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}"
      " bb = f32[19,45] broadcast(b), dimensions={1} s = f32[19,45] add(d, bb)"
      " z = f32[] constant(0) zb = f32[19,45] broadcast(z), dimensions={}"
      " ROOT r = f32[19,45] maximum(s, zb) }"
      "ENTRY e { x = f32[19,33] parameter(0) w = f32[33,45] parameter(1) b = f32[45] parameter(2)"
      " ROOT r = f32[19,45] fusion(x, w, b), kind=kOutput, calls=f }");
}

Test(results, batched_dot_that_packs_its_operand) {
  check_everywhere("ENTRY e { x = f32[3,17,20] parameter(0) y = f32[3,70,20] parameter(1)"
                   " ROOT r = f32[3,17,70] dot(x, y), lhs_batch_dims={0}, rhs_batch_dims={0},"
                   " lhs_contracting_dims={2}, rhs_contracting_dims={2} }");
}

Test(results, convolution_with_padding_stride_and_groups) {
  check_everywhere("ENTRY e { x = f32[2,9,8,6] parameter(0) w = f32[3,3,3,10] parameter(1)"
                   " ROOT r = f32[2,5,4,10] convolution(x, w), window={size=3x3 stride=2x2 pad=1_1x1_0},"
                   " dim_labels=b01f_01io->b01f, feature_group_count=2 }");
}

Test(results, mean_and_variance_of_rows) {
  check_everywhere(
      "add { a = f32[] parameter(0) b = f32[] parameter(1) ROOT r = f32[] add(a, b) }"
      "f { x = f32[9,50] parameter(0) z = f32[] constant(0) n = f32[] constant(64)"
      " s = f32[9] reduce(x, z), dimensions={1}, to_apply=add nb = f32[9] broadcast(n), dimensions={}"
      " m = f32[9] divide(s, nb) mb = f32[9,50] broadcast(m), dimensions={0}"
      " d = f32[9,50] subtract(x, mb) q = f32[9,50] multiply(d, d)"
      " v = f32[9] reduce(q, z), dimensions={1}, to_apply=add vb = f32[9,50] broadcast(v), dimensions={0}"
      " ROOT r = f32[9,50] add(d, vb) }"
      "ENTRY e { x = f32[9,50] parameter(0) ROOT r = f32[9,50] fusion(x), kind=kInput, calls=f }");
}

/* A costly value that a reduce keeps, read at another place of the same reduce. */
Test(results, row_added_to_its_reverse) {
  check_everywhere(
      "add { a = f32[] parameter(0) b = f32[] parameter(1) ROOT r = f32[] add(a, b) }"
      "f { x = f32[9,50] parameter(0) z = f32[] constant(0) n = f32[] constant(4)"
      " nb = f32[9,50] broadcast(n), dimensions={} q = f32[9,50] divide(x, nb)"
      " v = f32[9,50] reverse(q), dimensions={1} t = f32[9,50] subtract(q, v)"
      " u = f32[9,50] multiply(t, q) s = f32[9] reduce(u, z), dimensions={1}, to_apply=add"
      " sb = f32[9,50] broadcast(s), dimensions={0} ROOT r = f32[9,50] add(u, sb) }"
      "ENTRY e { x = f32[9,50] parameter(0) ROOT r = f32[9,50] fusion(x), kind=kInput, calls=f }");
}

/* … and by another reduce, which stands before the one that keeps it. */
Test(results, row_scaled_by_its_sum_is_summed) {
  check_everywhere("add { a = f32[] parameter(0) b = f32[] parameter(1) ROOT r = f32[] add(a, b) }"
                   "f { x = f32[9,50] parameter(0) z = f32[] constant(0)"
                   " e = f32[9,50] exponential(x) s = f32[9] reduce(e, z), dimensions={1}, to_apply=add"
                   " sb = f32[9,50] broadcast(s), dimensions={0} m = f32[9,50] multiply(e, sb)"
                   " ROOT r = f32[9] reduce(m, z), dimensions={1}, to_apply=add }"
                   "ENTRY e { x = f32[9,50] parameter(0) ROOT r = f32[9] fusion(x), kind=kInput, calls=f }");
}

Test(results, integers_of_all_kinds) {
  check_everywhere(
      "add { a = s32[] parameter(0) b = s32[] parameter(1) ROOT r = s32[] add(a, b) }"
      "ENTRY e { x = s8[40,30] parameter(0) c = s32[40,30] convert(x) z = s32[] constant(3)"
      " r = s32[30] reduce(c, z), dimensions={0}, to_apply=add t = s8[30,40] transpose(x), dimensions={1,0}"
      " u = s8[30,40] abs(t) ROOT o = (s32[30], s8[30,40]) tuple(r, u) }");
}
