/* Kernels that write over what they read: which may.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/in_place.h"

#include <criterion/criterion.h>

#include "support.h"

static const char any_module[] = "ENTRY e { ROOT x = f32[] parameter(0) }";

/* Is there a kernel in place for the last input, and does the verifier take it? */
static bool goes_in_place(const char *kernel) {
  test_bench bench = open_bench(any_module);
  tn_arena *arena = tn_arena_create();
  const char *text = tn_arena_printf(arena,
                                     "plan \"m\" target x86-64-v3 {\n  parameter p0 \"x\": f32[8,16]\n"
                                     "  result r0 \"y\": f32[8,16]\n  run k(p0, r0)\n}\n%s",
                                     kernel);
  tn_plan *plan = tn_plan_parse((tn_str){text, strlen(text)}, NULL, &bench.sink);
  cr_assert(plan, "%s", (const char *)bench.sink.user);
  cr_assert(tn_plan_verify(plan, &bench.sink), "%s", (const char *)bench.sink.user);
  tn_kernel *joined = tn_kernel_in_place(plan->arena, plan->kernels[0], 0, 1);
  if (joined) {
    int temp = plan->n_buffers;
    tn_buffer *buffers = tn_arena_alloc_array(plan->arena, (size_t)temp + 1, sizeof *buffers);
    memcpy(buffers, plan->buffers, sizeof *buffers * (size_t)temp);
    plan->buffers = buffers;
    tn_step *copy = TN_NEW(plan->arena, tn_step);
    *copy = (tn_step){.kind = TN_STEP_COPY, .to = 1, .from = 0, .next = plan->steps};
    plan->steps->arguments = tn_arena_copy(plan->arena, &(int){1}, sizeof(int));
    plan->steps = copy;
    plan->kernels[0] = joined;
    cr_assert_eq(joined->n_parameters, 1);
    cr_assert(tn_plan_verify(plan, &bench.sink), "%s", (const char *)bench.sink.user);
  }
  tn_plan_destroy(plan);
  tn_arena_destroy(arena);
  close_bench(&bench);
  return joined != NULL;
}

#define HEAD "kernel k(a0: f32[8,16], out y: f32[8,16]) {\n"

Test(in_place, elementwise) {
  cr_expect(goes_in_place(HEAD "loop i:8 j:16 { y[i, j] = (a0[i, j] * a0[i, j]) } }"));
  cr_expect(
      goes_in_place(HEAD "loop i:8 j:16 { let v: f32 = exponential(a0[i, j]) y[i, j] = (v + a0[i, j]) } }"));
}

/* A row is read as a whole before it is written. */
Test(in_place, rows) {
  cr_expect(goes_in_place(HEAD "loop i:8 { reduce k:16 { s: f32 from 0 = (s + a0[i, k]) }"
                               " loop j:16 { y[i, j] = (a0[i, j] - s) } } }"));
}

Test(in_place, neighbours_are_not_written_yet) {
  cr_expect_not(goes_in_place(HEAD "loop i:8 j:16 { y[i, j] = (a0[i, j] + a0[-i+7, j]) } }"));
  cr_expect_not(goes_in_place(HEAD "loop i:8 j:16 { y[i, j] = (a0[i, j+1] if j in 0..15 else 0) } }"));
  cr_expect_not(goes_in_place(HEAD "loop i:8 j:16 { y[i, j] = (a0[i, j] - a0[i, 0]) } }"));
}

Test(in_place, what_is_read_behind_a_store_is_the_old_value) {
  cr_expect_not(goes_in_place(HEAD "loop i:8 { loop j:16 { y[i, j] = a0[i, j] }"
                                   " loop k:16 { y[i, k] = (y[i, k] + a0[i, k]) } } }"));
}

Test(in_place, turns_in_order_read_what_earlier_ones_wrote) {
  cr_expect_not(goes_in_place(HEAD "loop i:8 { scan j:16 { y[i, j] = (a0[i, j] + a0[i, ((j)/2)]) } } }"));
  cr_expect_not(goes_in_place(HEAD "loop i:8 { reduce k:16 { let v: f32 = (s + a0[i, k]) y[i, k] = v"
                                   " s: f32 from 0 = v } } }"));
}
