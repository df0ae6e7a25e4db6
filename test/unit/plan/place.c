/* Buffers in the arena.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "support.h"

static tn_plan *read_plan(test_bench *bench, const char *text) {
  tn_plan *plan = tn_plan_parse((tn_str){text, strlen(text)}, NULL, &bench->sink);
  cr_assert(plan, "%s", (const char *)bench->sink.user);
  return plan;
}

static const char any_module[] = "ENTRY e { ROOT x = f32[] parameter(0) }";

/* t0 is dead when t2 is born. */
static const char chain[] = "plan \"m\" target x86-64-v3 {\n"
                            "  parameter p0 \"x\": f32[100]\n"
                            "  result r0 \"y\": f32[100]\n"
                            "  temp t0: f32[100] at 0\n"
                            "  temp t1: f32[100] at 0\n"
                            "  temp t2: f32[100] at 0\n"
                            "  copy t0 = p0\n"
                            "  copy t1 = t0\n"
                            "  copy t2 = t1\n"
                            "  copy r0 = t2\n"
                            "}\n";

Test(place, what_is_dead_makes_room) {
  test_bench bench = open_bench(any_module);
  tn_plan *plan = read_plan(&bench, chain);
  tn_plan_place_buffers(plan);
  cr_expect_eq(plan->arena_bytes, 2 * 448);
  cr_expect_eq(plan->live_bytes, 2 * 448);
  cr_expect(tn_plan_verify(plan, &bench.sink));
  tn_plan_destroy(plan);
  close_bench(&bench);
}

/* t0 is read in the loop and must outlive its body, in which t1 is born again and again. */
static const char loop[] = "plan \"m\" target x86-64-v3 {\n"
                           "  parameter p0 \"x\": f32[16]\n"
                           "  parameter p1 \"go\": pred[]\n"
                           "  result r0 \"y\": f32[16]\n"
                           "  temp t0: f32[16] at 0\n"
                           "  temp t1: f32[16] at 0\n"
                           "  temp t2: f32[16] at 0\n"
                           "  copy t0 = p0\n"
                           "  copy t2 = p0\n"
                           "  while p1 {\n"
                           "    test {\n"
                           "    }\n"
                           "    body {\n"
                           "      copy t1 = t0\n"
                           "      copy t2 = t1\n"
                           "    }\n"
                           "  }\n"
                           "  copy r0 = t2\n"
                           "}\n";

Test(place, what_a_loop_reads_lives_through_it) {
  test_bench bench = open_bench(any_module);
  tn_plan *plan = read_plan(&bench, loop);
  tn_plan_place_buffers(plan);
  cr_expect_eq(plan->arena_bytes, 3 * 64);
  cr_expect(tn_plan_verify(plan, &bench.sink));
  tn_plan_destroy(plan);
  close_bench(&bench);
}

Test(place, unused_temps_take_nothing) {
  test_bench bench = open_bench(any_module);
  tn_plan *plan = read_plan(&bench, "plan \"m\" target x86-64-v3 {\n"
                                    "  parameter p0 \"x\": f32[4]\n"
                                    "  result r0 \"y\": f32[4]\n"
                                    "  temp t0: f32[4000] at 0\n"
                                    "  copy r0 = p0\n"
                                    "}\n");
  tn_plan_place_buffers(plan);
  cr_expect_eq(plan->arena_bytes, 0);
  tn_plan_destroy(plan);
  close_bench(&bench);
}

Test(place, results_are_computed_in_place) {
  test_bench bench =
      open_bench("ENTRY e { x = f32[64,64] parameter(0) a = f32[64,64] tanh(x)"
                 " b = f32[64,64] dot(a, a), lhs_contracting_dims={1}, rhs_contracting_dims={0}"
                 " ROOT r = (f32[64,64], f32[64,64]) tuple(a, b) }");
  tn_plan *plan = plan_of(&bench, "x86-64-v3", 0, 0);
  cr_expect_eq(plan->arena_bytes, 0);
  run_and_check(&bench, plan, false, "in place");
  tn_plan_destroy(plan);
  close_bench(&bench);
}

/* The result may be the parameter's memory: it is written when nothing reads that any more. */
Test(place, aliased_results_are_written_last) {
  test_bench bench =
      open_bench("HloModule m, input_output_alias={ {0}: (0, {}, may-alias) }\n"
                 "ENTRY e { x = f32[32] parameter(0) a = f32[32] negate(x) b = f32[32] add(x, a)"
                 " ROOT r = (f32[32], f32[32]) tuple(a, b) }");
  tn_plan *plan = plan_of(&bench, "x86-64-v3", 2, 0);
  cr_assert(plan);
  run_and_check(&bench, plan, true, "aliased");
  cr_expect_eq(plan->buffers[plan->results[0]].alias, plan->parameters[0]);
  tn_plan_destroy(plan);
  close_bench(&bench);
}
