/* Meaning at the edges that no golden program reaches.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "eval_test.h"

#define BINARY(type, n, op, a, b)                                                                            \
  "ENTRY e { a = " type "[" #n "] constant({" a "})\n b = " type "[" #n "] constant({" b "})\n"              \
  " ROOT r = " type "[" #n "] " op "(a, b) }"
#define ADD(type)                                                                                            \
  "add { a = " type "[] parameter(0)\n b = " type "[] parameter(1)\n ROOT r = " type "[] add(a, b) }\n"

Test(eval, small_integers_divide_at_their_edges) {
  expect_result(BINARY("s4", 4, "divide", "7, -8, 5, -8", "0, -1, -2, 3"),
                "s4[4] constant({-1, -8, -2, -2})");
  expect_result(BINARY("u4", 3, "divide", "7, 15, 5", "0, 15, 2"), "u4[3] constant({15, 1, 2})");
  expect_result(BINARY("s2", 3, "remainder", "1, -2, -1", "0, -1, -2"), "s2[3] constant({1, 0, -1})");
}

Test(eval, small_integers_wrap_and_shift) {
  expect_result(BINARY("u2", 3, "add", "3, 2, 1", "3, 2, 1"), "u2[3] constant({2, 0, 2})");
  expect_result(BINARY("s4", 3, "shift-left", "1, 1, 3", "3, 4, 2"), "s4[3] constant({-8, 0, -4})");
  expect_result(BINARY("s4", 3, "shift-right-logical", "-8, -1, 7", "3, 1, 4"), "s4[3] constant({1, 7, 0})");
  expect_result(BINARY("s4", 3, "shift-right-arithmetic", "-8, -1, 7", "3, -1, 4"),
                "s4[3] constant({-1, -1, 0})");
}

#define QUANTIZED(x, result, parameters)                                                                     \
  "ENTRY e { x = f32[6] constant({" x "})\n s = f32[] constant(0.5)\n z = u8[] constant(3)\n"                \
  " ROOT r = " result "[6] quantize(x, s" parameters " }"

Test(eval, quantize_rounds_to_even_and_saturates) {
  expect_result(QUANTIZED("0.25, 0.75, -0.25, 1000, -1000, nan", "s8", ")"),
                "s8[6] constant({0, 2, 0, 127, -128, 0})");
  expect_result(QUANTIZED("0.25, 0.75, -0.25, inf, -inf, 5", "s4", ")"),
                "s4[6] constant({0, 2, 0, 7, -8, 7})");
  expect_result(QUANTIZED("1e9, -1e9, 3e38, 7, -7, nan", "s32", ")"),
                "s32[6] constant({2000000000, -2000000000, 2147483647, 14, -14, 0})");
}

/* With an odd zero point ties go elsewhere. */
Test(eval, a_zero_point_counts_after_or_before_rounding) {
  expect_result(QUANTIZED("0.25, 0.75, -0.25, 1000, -1000, nan", "u8", ", z)"),
                "u8[6] constant({3, 5, 3, 255, 0, 0})");
  expect_result(QUANTIZED("0.25, 0.75, -0.25, 1000, -1000, nan", "u8", ", z), zero_point_first=true"),
                "u8[6] constant({4, 4, 2, 255, 0, 0})");
}

Test(eval, dequantize_takes_the_zero_point_of_each_index) {
  expect_result("ENTRY e { q = s8[2,3] constant({{1, 2, 3}, {-128, 0, 127}})\n"
                " s = f32[3] constant({1, 0.5, 2})\n z = s8[3] constant({0, 1, -1})\n"
                " ROOT r = f32[2,3] dequantize(q, s, z), dimension=1 }",
                "f32[2,3] constant({{1, 0.5, 8}, {-128, -0.5, 256}})");
  expect_result("ENTRY e { q = s32[1] constant({16777217})\n s = f32[] constant(1)\n"
                " ROOT r = f32[1] dequantize(q, s) }",
                "f32[1] constant({16777216})");
}

Test(eval, integer_powers) {
  expect_result(BINARY("s8", 5, "power", "0, 2, -1, -1, 1", "-1, -1, -3, -2, -7"),
                "s8[5] constant({0, 0, -1, 1, 1})");
  expect_result(BINARY("u8", 2, "power", "2, 3", "8, 5"), "u8[2] constant({0, 243})");
}

Test(eval, every_small_float_rounds_to_even_after_an_add) {
  expect_result(BINARY("f8e5m2", 2, "add", "1, 4", "0.125, 0.5"), "f8e5m2[2] constant({1, 4})");
  expect_result(BINARY("f8e4m3fn", 2, "add", "1, 1.125", "0.0625, 0.0625"),
                "f8e4m3fn[2] constant({1, 1.25})");
  expect_result(BINARY("f8e3m4", 2, "multiply", "1.0625, 8", "1.0625, 2"),
                "f8e3m4[2] constant({1.125, inf})");
  expect_result(BINARY("f8e4m3b11fnuz", 1, "add", "1", "0.0625"), "f8e4m3b11fnuz[1] constant({1})");
  expect_result(BINARY("f4e2m1fn", 3, "add", "1, 2, 6", "1, 3, 6"), "f4e2m1fn[3] constant({2, 4, 6})");
  expect_result(BINARY("bf16", 2, "add", "256, 1", "1, 0.00390625"), "bf16[2] constant({256, 1})");
  expect_result(BINARY("f16", 2, "multiply", "300, 65504", "300, 1"), "f16[2] constant({inf, 65504})");
}

Test(eval, sums_of_small_floats_accumulate_in_f32) {
  /* 256 + 1 is 256 in bf16, 256 + 1 + 1 is 258. */
  expect_result(ADD("bf16") "ENTRY e { x = bf16[3] constant({256, 1, 1})\n z = bf16[] constant(0)\n"
                            " ROOT r = bf16[] reduce(x, z), dimensions={0}, to_apply=add }",
                "bf16[] constant(258)");
  expect_result("ENTRY e { x = bf16[3] constant({256, 1, 1})\n y = bf16[3] constant({1, 1, 1})\n"
                " ROOT r = bf16[] dot(x, y), lhs_contracting_dims={0}, rhs_contracting_dims={0} }",
                "bf16[] constant(258)");
  expect_result(ADD("f16") "ENTRY e { x = f16[3] constant({2048, 1, 1})\n z = f16[] constant(0)\n"
                           " ROOT r = f16[1] reduce-window(x, z), window={size=3}, to_apply=add }",
                "f16[1] constant({2050})");
}

Test(eval, products_of_small_floats_round_each_time) {
  expect_result("mul { a = f16[] parameter(0)\n b = f16[] parameter(1)\n ROOT r = f16[] multiply(a, b) }\n"
                "ENTRY e { x = f16[3] constant({60000, 2, 0.5})\n z = f16[] constant(1)\n"
                " ROOT r = f16[] reduce(x, z), dimensions={0}, to_apply=mul }",
                "f16[] constant(inf)");
}

Test(eval, a_reduce_may_run_any_computation) {
  /* The step 2a+b depends on the order, and holds a while. */
  expect_result(
      "body { s = (s32[], s32[]) parameter(0)\n n = s32[] get-tuple-element(s), index=0\n"
      " x = s32[] get-tuple-element(s), index=1\n one = s32[] constant(1)\n m = s32[] subtract(n, one)\n"
      " y = s32[] add(x, x)\n ROOT r = (s32[], s32[]) tuple(m, y) }\n"
      "cond { s = (s32[], s32[]) parameter(0)\n n = s32[] get-tuple-element(s), index=0\n"
      " z = s32[] constant(0)\n ROOT r = pred[] compare(n, z), direction=GT }\n"
      "step { a = s32[] parameter(0)\n b = s32[] parameter(1)\n one = s32[] constant(1)\n"
      " t = (s32[], s32[]) tuple(one, a)\n w = (s32[], s32[]) while(t), condition=cond, body=body\n"
      " d = s32[] get-tuple-element(w), index=1\n ROOT r = s32[] add(d, b) }\n"
      "ENTRY e { x = s32[2,3] constant({{1, 2, 3}, {4, 5, 6}})\n z = s32[] constant(0)\n"
      " ROOT r = s32[] reduce(x, z), dimensions={0,1}, to_apply=step }",
      "s32[] constant(120)");
}

Test(eval, results_that_swap_the_accumulators) {
  expect_result(
      "swap { a = s32[] parameter(0)\n b = s32[] parameter(1)\n x = s32[] parameter(2)\n y = s32[] "
      "parameter(3)\n"
      " c = s32[] add(a, x)\n ROOT r = (s32[], s32[]) tuple(b, c) }\n"
      "ENTRY e { x = s32[3] constant({1, 2, 3})\n z = s32[] constant(0)\n"
      " t = (s32[], s32[]) reduce(x, x, z, z), dimensions={0}, to_apply=swap\n"
      " a = s32[] get-tuple-element(t), index=0\n b = s32[] get-tuple-element(t), index=1\n"
      " c = s32[1] reshape(a)\n d = s32[1] reshape(b)\n ROOT r = s32[2] concatenate(c, d), dimensions={0} }",
      "s32[2] constant({2, 4})");
}

Test(eval, reduce_over_nothing_gives_the_initial_value) {
  expect_result(ADD("s32") "ENTRY e { x = s32[2,0] constant({{}, {}})\n z = s32[] constant(7)\n"
                           " ROOT r = s32[2] reduce(x, z), dimensions={1}, to_apply=add }",
                "s32[2] constant({7, 7})");
}

Test(eval, scan_runs_backwards) {
  expect_result(
      "step { x = s32[] parameter(0)\n c = s32[] parameter(1)\n s = s32[] add(x, c)\n"
      " ROOT r = (s32[], s32[]) tuple(s, s) }\n"
      "ENTRY e { x = s32[3] constant({1, 2, 3})\n z = s32[] constant(10)\n"
      " s = (s32[3], s32[]) scan(x, z), dimensions={0}, num_carries=1, is_reverse=true, to_apply=step\n"
      " ROOT r = s32[3] get-tuple-element(s), index=0 }",
      "s32[3] constant({16, 15, 13})");
}

Test(eval, gather_clamps_the_largest_index) {
  expect_result(
      "ENTRY e { x = s32[3] constant({1, 2, 3})\n i = u64[2,1] constant({{18446744073709551615}, {1}})\n"
      " ROOT r = s32[2] gather(x, i), offset_dims={}, collapsed_slice_dims={0}, start_index_map={0}, "
      "index_vector_dim=1, slice_sizes={1} }",
      "s32[2] constant({3, 2})");
}

Test(eval, ragged_contracting_dims_give_a_result_a_group) {
  expect_result(
      "ENTRY e { a = f32[2,3] constant({{1, 2, 3}, {4, 5, 6}})\n b = f32[3,1] constant({{1}, {10}, {100}})\n"
      " g = s32[2] constant({1, 2})\n ROOT r = f32[2,2,1] ragged-dot(a, b, g), lhs_contracting_dims={1}, "
      "rhs_contracting_dims={0}, lhs_ragged_dims={1} }",
      "f32[2,2,1] constant({{{1}, {4}}, {{320}, {650}}})");
}

Test(eval, narrow_bits_count_packed) {
  expect_result("ENTRY e { x = u8[2] constant({33, 250})\n ROOT r = u4[2,2] bitcast-convert(x) }",
                "u4[2,2] constant({{1, 2}, {10, 15}})");
  expect_result("ENTRY e { x = s4[2,2] constant({{1, 2}, {-6, -1}})\n ROOT r = u8[2] bitcast-convert(x) }",
                "u8[2] constant({33, 250})");
}

#define SHORT(rest)                                                                                          \
  "ENTRY e { x = s32[4] constant({3, 1, 2, 9})\n n = s32[] constant(3)\n four = s32[] constant(4)\n"         \
  " d = s32[<=4] set-dimension-size(x, n), dimensions={0}\n" rest " }"

Test(eval, dynamic_sizes_end_where_they_say) {
  expect_result(SHORT(" v = s32[<=4] reverse(d), dimensions={0}\n s = s32[4] set-dimension-size(v, four), "
                      "dimensions={0}\n"
                      " ROOT r = s32[3] slice(s), slice={[0:3]}"),
                "s32[3] constant({2, 1, 3})");
  expect_result(SHORT(" z = s32[] constant(7)\n p = s32[<=6] pad(d, z), padding=1_1\n"
                      " ROOT n2 = s32[] get-dimension-size(p), dimensions={0}"),
                "s32[] constant(5)");
  expect_result(SHORT(" ROOT r = s32[] dot(d, d), lhs_contracting_dims={0}, rhs_contracting_dims={0}"),
                "s32[] constant(14)");
}

Test(eval, sort_leaves_out_what_lies_beyond) {
  expect_result("lt { a = s32[] parameter(0)\n b = s32[] parameter(1)\n ROOT r = pred[] compare(a, b), "
                "direction=GT }\n" SHORT(" v = s32[<=4] sort(d), dimensions={0}, to_apply=lt\n"
                                         " s = s32[4] set-dimension-size(v, four), dimensions={0}\n ROOT r = "
                                         "s32[3] slice(s), slice={[0:3]}"),
                "s32[3] constant({3, 2, 1})");
}

Test(eval, an_update_in_a_loop_leaves_its_source_alone) {
  /* x is updated in the loop and read after it; the old y is read after its update. */
  expect_result(
      "body { s = (s32[], s32[3]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n"
      " y = s32[3] get-tuple-element(s), index=1\n one = s32[] constant(1)\n j = s32[] add(i, one)\n"
      " u = s32[1] reshape(j)\n z = s32[3] dynamic-update-slice(y, u, i)\n"
      " t = s32[3] dynamic-update-slice(z, u, i)\n w = s32[3] add(t, z)\n v = s32[3] subtract(w, z)\n"
      " ROOT r = (s32[], s32[3]) tuple(j, v) }\n"
      "cond { s = (s32[], s32[3]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n"
      " n = s32[] constant(3)\n ROOT r = pred[] compare(i, n), direction=LT }\n"
      "ENTRY e { a = s32[] constant(0)\n b = s32[3] constant({7, 7, 7})\n x = s32[3] negate(b)\n"
      " t = (s32[], s32[3]) tuple(a, x)\n w = (s32[], s32[3]) while(t), condition=cond, body=body\n"
      " f = s32[3] get-tuple-element(w), index=1\n ROOT r = s32[6] concatenate(x, f), dimensions={0} }",
      "s32[6] constant({-7, -7, -7, 1, 2, 3})");
}
