/* Plans without schedules: each value apart, and what finishing makes of them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "codegen/plan/flow.h"
#include "support.h"

static tn_plan *unscheduled_of(test_bench *bench, tn_plan_options *options) {
  *options = (tn_plan_options){.target = tn_cpu_find(bench->arena, &bench->sink, "x86-64-v3", NULL, NULL),
                               .level = 2,
                               .unscheduled = true};
  tn_plan *plan = tn_plan_build(bench->module, options, &bench->sink);
  cr_assert(plan, "%s", (const char *)bench->sink.user);
  return plan;
}

/* How many steps of the outermost list, but for copies that open an update or a loop, write it. */
static int makers(const tn_plan *plan, int buffer) {
  int count = 0;
  for (const tn_step *s = plan->steps; s; s = s->next)
    count += s->kind == TN_STEP_RUN && tn_step_writes(plan, s, buffer);
  return count;
}

static void check_apart(const char *hlo) {
  test_bench bench = open_bench(hlo);
  tn_plan_options options;
  tn_plan *plan = unscheduled_of(&bench, &options);
  for (int i = 0; i < plan->n_kernels; i++) cr_expect_null(plan->kernels[i]->schedule.dims);
  for (int b = 0; b < plan->n_buffers; b++) cr_expect_leq(makers(plan, b), 1, "%s", plan->buffers[b].name);
  cr_assert(tn_plan_finish(plan, &options, &bench.sink), "%s", (const char *)bench.sink.user);
  run_and_check(&bench, plan, false, "finished");
  tn_plan_destroy(plan);
  close_bench(&bench);
}

/* Ordinarily the second update would write over what `a` and the first have made. */
Test(unscheduled, updates_have_memory_of_their_own) {
  check_apart("HloModule m\nENTRY e {\n"
              "  x = f32[8,16] parameter(0)\n  r = f32[1,16] parameter(1)\n  i = s32[] parameter(2)\n"
              "  zero = s32[] constant(0)\n  a = f32[8,16] exponential(x)\n"
              "  u = f32[8,16] dynamic-update-slice(a, r, i, zero)\n"
              "  v = f32[8,16] dynamic-update-slice(u, r, zero, zero)\n"
              "  ROOT y = f32[8,16] add(v, x)\n}\n");
}

/* Both loops begin with one constant array; neither begins in the result's memory. */
Test(unscheduled, loops_begin_apart) {
  check_apart("HloModule m\n"
              "test { s = (s32[], f32[4]) parameter(0) i = s32[] get-tuple-element(s), index=0 n = s32[] "
              "constant(5)\n"
              "  ROOT l = pred[] compare(i, n), direction=LT }\n"
              "turn { s = (s32[], f32[4]) parameter(0) i = s32[] get-tuple-element(s), index=0 one = s32[] "
              "constant(1)\n"
              "  j = s32[] add(i, one) a = f32[4] get-tuple-element(s), index=1 h = f32[] constant(0.5)\n"
              "  hb = f32[4] broadcast(h), dimensions={} b = f32[4] add(a, hb)\n"
              "  ROOT t = (s32[], f32[4]) tuple(j, b) }\n"
              "ENTRY e {\n  x = f32[4] parameter(0)\n  zero = s32[] constant(0)\n  z = f32[] constant(0)\n"
              "  zb = f32[4] broadcast(z), dimensions={}\n  s = (s32[], f32[4]) tuple(zero, zb)\n"
              "  w = (s32[], f32[4]) while(s), condition=test, body=turn\n"
              "  a = f32[4] get-tuple-element(w), index=1\n  m = f32[4] multiply(a, x)\n"
              "  w2 = (s32[], f32[4]) while(s), condition=test, body=turn\n"
              "  b = f32[4] get-tuple-element(w2), index=1\n  ROOT r = (f32[4], f32[4]) tuple(m, b)\n}\n");
}
