/* Limits, refusals, bounds.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>

#include "eval_test.h"

/* i counts to `n`; a buffer of 4 KiB is made anew each time. */
#define LOOP(n)                                                                                              \
  "body { s = (s32[], f32[1024]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n"                   \
  " x = f32[1024] get-tuple-element(s), index=1\n one = s32[] constant(1)\n j = s32[] add(i, one)\n"         \
  " y = f32[1024] negate(x)\n ROOT r = (s32[], f32[1024]) tuple(j, y) }\n"                                   \
  "cond { s = (s32[], f32[1024]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n"                   \
  " n = s32[] constant(" #n ")\n ROOT r = pred[] compare(i, n), direction=LT }\n"                            \
  "ENTRY e { i = s32[] constant(0)\n z = f32[] constant(1)\n x = f32[1024] broadcast(z), dimensions={}\n"    \
  " t = (s32[], f32[1024]) tuple(i, x)\n w = (s32[], f32[1024]) while(t), condition=cond, body=body\n"       \
  " ROOT r = s32[] get-tuple-element(w), index=0 }"

Test(eval, loops_run_in_the_memory_of_one_iteration) {
  cr_expect(runs(LOOP(20000), &(tn_eval_options){.max_bytes = 40000}));
}

Test(eval, limits_are_named) {
  expect_failure(LOOP(1000), &(tn_eval_options){.max_iterations = 10}, TN_LIMIT, "10 iterations");
  cr_expect(runs(LOOP(10), &(tn_eval_options){.max_iterations = 10}));
  expect_failure(LOOP(10), &(tn_eval_options){.max_bytes = 6000}, TN_LIMIT, "the limit is 6000");
}

Test(eval, refusals_name_the_opcode) {
  expect_failure("ENTRY e { t = token[] after-all()\n i = (f32[2], token[]) infeed(t)\n"
                 " ROOT r = f32[2] get-tuple-element(i), index=0 }",
                 NULL, TN_UNSUPPORTED, "infeed");
  expect_failure("ENTRY e { x = f32[2] constant({1, 2})\n ROOT r = f32[2] custom-call(x), "
                 "custom_call_target=\"mystery\" }",
                 NULL, TN_UNSUPPORTED, "mystery");
  expect_failure("add { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = f32[] add(a, b) }\n"
                 "ENTRY e { x = f32[2] constant({1, 2})\n ROOT r = f32[2] all-reduce(x), "
                 "replica_groups={{0,1}}, to_apply=add }",
                 NULL, TN_UNSUPPORTED, "group of 2");
}

Test(eval, what_nothing_needs_is_not_run) {
  cr_expect(runs(
      "ENTRY e { x = f32[2] constant({1, 2})\n c = f32[2] custom-call(x), custom_call_target=\"mystery\"\n"
      " ROOT r = f32[2] negate(x) }",
      NULL));
}

Test(eval, exact_operations_have_no_error) {
  cr_expect_eq(bound_of("ENTRY e { a = f32[] constant(3)\n ROOT r = f32[] add(a, a) }", 0), 0);
  double u = ldexp(1, -24);
  cr_expect_eq(
      bound_of("ENTRY e { a = f32[] constant(1)\n b = f32[] constant(3)\n ROOT r = f32[] divide(a, b) }", 0),
      u / 4);
}

Test(eval, complex_products_that_overflow_are_anything) {
#define SQUARE(type, re, im)                                                                                 \
  "ENTRY e { z = " type "[] constant((" re ", " im "))\n ROOT r = " type "[] multiply(z, z) }"
  cr_expect_eq(bound_of(SQUARE("c128", "1e200", "inf"), 0), INFINITY); /* inf - inf, but -inf in the end */
  cr_expect_eq(bound_of(SQUARE("c128", "1e200", "1e200"), 0), INFINITY);
  cr_expect_eq(bound_of(SQUARE("c64", "1e30", "1e30"), 0), INFINITY); /* a finite real part */
  cr_expect_eq(bound_of(SQUARE("c128", "2", "inf"), 0), 0);           /* every formula's */
  cr_expect_lt(bound_of(SQUARE("c128", "1e150", "1e150"), 0), 1e286);
}

Test(eval, errors_pass_through_derivatives) {
  /* d = 1/3 with u/4; d*d has 2 d u/4 and a rounding more. */
  double u = ldexp(1, -24);
  double bound = bound_of("ENTRY e { a = f32[] constant(1)\n b = f32[] constant(3)\n d = f32[] divide(a, b)\n"
                          " ROOT r = f32[] multiply(d, d) }",
                          0);
  cr_expect(bound > u / 6 && bound < u, "%g", bound / u);
  cr_expect(
      isinf(bound_of("ENTRY e { a = f32[] constant(1)\n b = f32[] constant(3)\n d = f32[] divide(a, b)\n"
                     " t = f32[] multiply(d, b)\n ROOT r = f32[] floor(t) }",
                     0)));
}

Test(eval, a_choice_by_an_inexact_comparison_has_no_bound) {
  cr_expect(
      isinf(bound_of("ENTRY e { a = f32[] constant(1)\n b = f32[] constant(3)\n d = f32[] divide(a, b)\n"
                     " t = f32[] multiply(d, b)\n p = pred[] compare(t, a), direction=EQ\n"
                     " ROOT r = f32[] select(p, a, b) }",
                     0)));
  cr_expect_eq(bound_of("ENTRY e { a = f32[] constant(1)\n b = f32[] constant(3)\n d = f32[] divide(a, b)\n"
                        " p = pred[] compare(d, a), direction=LT\n ROOT r = f32[] select(p, a, b) }",
                        0),
               0);
}

Test(eval, sums_in_any_order_are_within_their_bound) {
  double bound = bound_of("ENTRY e { a = f32[3] constant({1e8, 1, -1e8})\n b = f32[3] constant({1, 1, 1})\n"
                          " ROOT r = f32[] dot(a, b), lhs_contracting_dims={0}, rhs_contracting_dims={0} }",
                          0);
  cr_expect(bound >= 3 * ldexp(2e8, -24) && bound < 100, "%g", bound);
}

/* One order may meet infinity times 0; a complex sum's parts are sums. */
Test(eval, joins_in_any_order_are_within_their_bound) {
#define JOIN(TYPE, OP, INIT, X)                                                                              \
  "f { a = " TYPE "[] parameter(0)\n b = " TYPE "[] parameter(1)\n ROOT r = " TYPE "[] " OP                  \
  "(a, b) } ENTRY e { x = " TYPE "[3] constant({" X "})\n i = " TYPE "[] constant(" INIT ")\n"               \
  " ROOT r = " TYPE "[] reduce(x, i), dimensions={0}, to_apply=f }"
  cr_expect_eq(bound_of(JOIN("f32", "multiply", "1", "inf, 1e-30, 1e-30"), 0), INFINITY);
  cr_expect_eq(bound_of(JOIN("f32", "multiply", "1", "inf, 1e-3, -2"), 0), 0);
  cr_expect_eq(bound_of(JOIN("c64", "multiply", "(1, 0)", "(1, 2), (inf, 0), (2, 3)"), 0), INFINITY);
  cr_expect_geq(bound_of(JOIN("c64", "add", "(0, 0)", "(1, 1e8), (inf, 1), (0, -1e8)"), 0), 4);
}

/* A fused multiply-add does not round a product that is subnormal: a zero of it has the product's sign. */
Test(eval, sums_of_subnormal_products_are_off_by_a_step) {
#define PRODUCT(TYPE, A, B)                                                                                  \
  "ENTRY e { a = " TYPE "[] constant(" A ")\n b = " TYPE "[] constant(" B ")\n ROOT r = " TYPE               \
  "[] dot(a, b) }"
  cr_expect_eq(bound_of(PRODUCT("f64", "4.4e-323", "-0.03"), 0), 0x1p-1074);
  cr_expect_geq(bound_of(PRODUCT("f32", "1e-30", "-1e-30"), 0), 0x1p-149);
  cr_expect_lt(bound_of(PRODUCT("f32", "1e-30", "0.3"), 0), 1e-37);
  cr_expect_eq(bound_of(PRODUCT("f64", "0", "-0.03"), 0), 0);
}

/* The evaluator's longer range has the result, the type of sums may not. */
Test(eval, normalisation_may_overflow_on_the_way) {
#define NORM(X)                                                                                              \
  "ENTRY e { x = f32[1,1] constant({{" X                                                                     \
  "}})\n m = f32[1] constant({-3e38})\n s = f32[1] constant({1e-9})\n"                                       \
  " z = f32[1] constant({0})\n"                                                                              \
  " ROOT r = f32[1,1] batch-norm-inference(x, s, z, m, z), epsilon=1, feature_index=1 }"
  cr_expect(isinf(bound_of(NORM("3e38"), 0)));
  cr_expect_lt(bound_of(NORM("0.3e38"), 0), 1e24);
}

/* Half of f64's last step is no number, but no reason to expect the same bits either. */
Test(eval, subnormal_results_are_not_exact) {
  cr_expect_geq(bound_of("ENTRY e { a = c128[] constant((1e-308, 0))\n b = c128[] constant((2.9, 0.3))\n"
                         " ROOT r = c128[] divide(a, b) }",
                         0),
                0x1p-1074);
  cr_expect_geq(bound_of("ENTRY e { a = f64[] constant(-720)\n ROOT r = f64[] exponential(a) }", 0),
                0x1p-1072);
}

/* Random numbers are of an interval, or of a state, that others may have computed otherwise. */
Test(eval, random_numbers_have_the_errors_of_their_interval) {
#define THIRD "ENTRY e { a = f32[] constant(1)\n b = f32[] constant(3)\n d = f32[] divide(a, b)\n"
  cr_expect_gt(bound_of(THIRD " ROOT r = f32[] rng(d, d), distribution=rng_uniform }", 0), 0);
  cr_expect_lt(bound_of(THIRD " ROOT r = f32[] rng(d, b), distribution=rng_uniform }", 0), 1e-6);
  cr_expect_eq(bound_of(THIRD " ROOT r = f32[] rng(a, b), distribution=rng_uniform }", 0), 0);
  cr_expect_eq(bound_of(THIRD " s = f32[4] broadcast(d), dimensions={}\n t = f32[2,2] reshape(s)\n"
                              " w = u64[2] bitcast-convert(t)\n"
                              " g = (u64[2], u32[2]) rng-bit-generator(w), algorithm=rng_philox\n"
                              " ROOT r = u32[2] get-tuple-element(g), index=1 }",
                        0),
               INFINITY);
}

/* What is near the largest number may be infinite elsewhere; what is near a pole, anything. */
Test(eval, bounds_that_reach_an_end_are_infinite) {
  cr_expect_eq(
      bound_of("ENTRY e { a = f16[] constant(65504)\n b = f16[] constant(0.99)\n p = f16[] multiply(a, b)\n"
               " c = f16[] constant(620)\n ROOT r = f16[] add(p, c) }",
               0),
      INFINITY);
  cr_expect_eq(bound_of(THIRD " t = f32[] constant(98000)\n x = f32[] multiply(d, t)\n y = f32[] add(x, x)\n"
                              " ROOT r = f16[] convert(y) }",
                        0) < INFINITY,
               true);
  cr_expect_eq(bound_of(THIRD
                        " t = f32[] constant(98279.9)\n x = f32[] multiply(d, t)\n y = f32[] add(x, x)\n"
                        " ROOT r = f16[] convert(y) }",
                        0),
               INFINITY);
  cr_expect_eq(bound_of("ENTRY e { a = f32[2,2] constant({{1, 1}, {1, 1}})\n"
                        " ROOT r = f32[2,2] cholesky(a), lower=true }",
                        3),
               INFINITY);
  cr_expect_eq(bound_of(THIRD
                        " s = f32[2] broadcast(d), dimensions={}\n w = s32[2] bitcast-convert(s)\n"
                        " z = s32[2] constant({0, 0})\n"
                        " ROOT r = s32[] dot(w, z), lhs_contracting_dims={0}, rhs_contracting_dims={0} }",
                        0),
               INFINITY);
  cr_expect_eq(bound_of(THIRD " t = f32[] constant(1.8310546875e-4)\n x = f32[] multiply(d, t)\n"
                              " ROOT r = f32[] reduce-precision(x), exponent_bits=5, mantissa_bits=10 }",
                        0),
               INFINITY); /* next to 2^-14, under which it is 0 */
}

/* Groups that an inexact number decided. */
Test(eval, ragged_rows_need_exact_sizes) {
  cr_expect_eq(
      bound_of(THIRD
               " g = f32[1] broadcast(d), dimensions={}\n s = s32[1] bitcast-convert(g)\n"
               " x = f32[2,3] constant({{1, 2, 3}, {4, 5, 6}})\n w = f32[1,3,1] constant({{{1}, {1}, {1}}})\n"
               " ROOT r = f32[2,1] ragged-dot(x, w, s), lhs_contracting_dims={1}, rhs_contracting_dims={1},"
               " lhs_ragged_dims={0}, rhs_group_dims={0} }",
               0),
      INFINITY);
}

/* Machines disagree about the sign of a NaN that was computed; given ones are what they are. */
Test(eval, what_sees_the_sign_of_a_computed_nan_is_not_exact) {
#define COMPUTED "z = f32[2] constant({0, 1})\n n = f32[2] divide(z, z)\n"
#define TOTAL                                                                                                \
  "f { a = f32[] parameter(0)\n b = f32[] parameter(1)\n"                                                    \
  " ROOT r = pred[] compare(a, b), direction=LT, type=TOTALORDER } ENTRY e { "
  cr_expect_eq(bound_of(TOTAL COMPUTED " ROOT r = f32[2] sort(n), dimensions={0}, to_apply=f }", 1),
               INFINITY);
  cr_expect_eq(bound_of(TOTAL "n = f32[2] constant({nan, 1})\n"
                              " ROOT r = f32[2] sort(n), dimensions={0}, to_apply=f }",
                        1),
               0);
  cr_expect_eq(
      bound_of("ENTRY e { " COMPUTED " ROOT r = pred[2] compare(n, z), direction=LT, type=TOTALORDER }", 0),
      INFINITY);
  cr_expect_eq(bound_of("ENTRY e { " COMPUTED " ROOT r = pred[2] compare(n, z), direction=LT }", 0), 0);
  cr_expect_eq(bound_of("ENTRY e { " COMPUTED " ROOT r = u32[2] bitcast-convert(n) }", 0), INFINITY);
}

/* A negative scale turns no error around. */
Test(eval, scaled_products_have_the_errors_of_their_operands) {
  cr_expect_gt(bound_of(THIRD " h = bf16[] convert(d)\n x = bf16[1,2] broadcast(h), dimensions={}\n"
                              " w = bf16[2,1] constant({{1}, {1}})\n s = bf16[1,1] constant({{-3}})\n"
                              " u = bf16[1,1] constant({{1}})\n"
                              " ROOT r = f32[1,1] scaled-dot(x, w, s, u), lhs_contracting_dims={1}, "
                              "rhs_contracting_dims={0} }",
                        0),
               0.003);
}
