/* Schedules drawn at random: all legal, and without influence but on the order of sums.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "support.h"

static void same_bits_for_all_seeds(const char *hlo, bool exact) {
  test_bench bench = open_bench(hlo);
  tn_plan *first = plan_of(&bench, "x86-64-v3", 0, 0);
  cr_assert(first);
  tn_literal **expected = run_and_check(&bench, first, exact, "plain");
  for (uint64_t seed = 1; seed <= 50; seed++) {
    tn_plan *plan = plan_of(&bench, "x86-64-v3", 2, seed);
    tn_literal **results = run_and_check(&bench, plan, exact, "drawn");
    for (int i = 0; i < plan->n_results; i++)
      cr_expect(tn_literal_compare(results[i], expected[i], 0, 0).holds, "seed %d:\n%s", (int)seed,
                kernels_text(&bench, plan));
    tn_plan_destroy(plan);
  }
  tn_plan_destroy(first);
  close_bench(&bench);
}

Test(schedule, integers_do_not_see_it) {
  same_bits_for_all_seeds(
      "ENTRY e { x = s32[11,23] parameter(0) y = s32[23,37] parameter(1)"
      " ROOT r = s32[11,37] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={0} }",
      true);
}

Test(schedule, integer_valued_floats_do_not_see_it) {
  same_bits_for_all_seeds("ENTRY e { x = f32[2,7,9,5] parameter(0) w = f32[3,2,5,11] parameter(1)"
                          " ROOT r = f32[2,7,9,11] convolution(x, w), window={size=3x2 pad=1_1x0_1},"
                          " dim_labels=b01f_01io->b01f }",
                          true);
}

Test(schedule, elementwise_floats_do_not_see_it) {
  same_bits_for_all_seeds(
      "ENTRY e { x = f32[13,29] parameter(0) t = f32[29,13] transpose(x), dimensions={1,0}"
      " ROOT r = f32[29,13] tanh(t) }",
      false);
}

Test(schedule, maxima_do_not_see_it) {
  same_bits_for_all_seeds("max { a = f32[] parameter(0) b = f32[] parameter(1) ROOT r = f32[] maximum(a, b) }"
                          "ENTRY e { x = f32[13,5,29] parameter(0) i = f32[] constant(-inf)"
                          " ROOT r = f32[5] reduce(x, i), dimensions={0,2}, to_apply=max }",
                          false);
}

/* A subtraction does not commute: such a reduce has no partial results. */
Test(schedule, what_has_no_join_stays_in_order) {
  same_bits_for_all_seeds(
      "sub { a = f32[] parameter(0) b = f32[] parameter(1) ROOT r = f32[] subtract(a, b) }"
      "ENTRY e { x = f32[300] parameter(0) i = f32[] constant(0)"
      " ROOT r = f32[] reduce(x, i), dimensions={0}, to_apply=sub }",
      true);
}

Test(schedule, the_same_seed_draws_the_same) {
  test_bench bench =
      open_bench("ENTRY e { x = f32[11,23] parameter(0) y = f32[23,37] parameter(1)"
                 " ROOT r = f32[11,37] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={0} }");
  tn_plan *a = plan_of(&bench, "x86-64-v3", 2, 9), *b = plan_of(&bench, "x86-64-v3", 2, 9);
  cr_expect_str_eq(kernels_text(&bench, a), kernels_text(&bench, b));
  tn_plan_destroy(a);
  tn_plan_destroy(b);
  close_bench(&bench);
}
