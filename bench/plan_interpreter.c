/* Speed of the plan interpreter: multiply-adds (or elements) a second.
 *
 *     bench_plan_interpreter [TARGET]
 *
 * Each case is a small module in HLO text on random arguments, planned with -O2 for
 * TARGET (x86-64-v3) and run until half a second has passed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <time.h>

#include "codegen/plan/plan.h"
#include "frontend/hlo/hlo.h"

typedef struct {
  const char *name;
  double work; /* multiply-adds or elements of one run */
  const char *text;
} bench;

#define DOT(t, u, m, k, n)                                                                                   \
  "ENTRY e { a = " t "[" #m "," #k "] parameter(0)\n b = " t "[" #k "," #n "] parameter(1)\n ROOT r = " u    \
  "[" #m "," #n "] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0} }"
#define ADD "add { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = f32[] add(a, b) }\n"

static const bench benches[] = {
    {"dot f32 64x384x384", 64.0 * 384 * 384, DOT("f32", "f32", 64, 384, 384)},
    {"dot f32 1x768x3072", 768.0 * 3072, DOT("f32", "f32", 1, 768, 3072)},
    {"dot f32 256x256x10", 256.0 * 256 * 10, DOT("f32", "f32", 256, 256, 10)},
    {"dot f16 64x256x256", 64.0 * 256 * 256, DOT("f16", "f16", 64, 256, 256)},
    {"dot s32 64x256x256", 64.0 * 256 * 256, DOT("s32", "s32", 64, 256, 256)},
    {"convolution 3x3 28x28x32", 28.0 * 28 * 32 * 32 * 9,
     "ENTRY e { x = f32[1,28,28,32] parameter(0)\n w = f32[3,3,32,32] parameter(1)\n ROOT r = "
     "f32[1,28,28,32] "
     "convolution(x, w), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f }"},
    {"convolution depthwise 3x3", 28.0 * 28 * 64 * 9,
     "ENTRY e { x = f32[1,28,28,64] parameter(0)\n w = f32[3,3,1,64] parameter(1)\n ROOT r = f32[1,28,28,64] "
     "convolution(x, w), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f, feature_group_count=64 "
     "}"},
    {"reduce add rows", 512.0 * 512,
     ADD "ENTRY e { x = f32[512,512] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[512] reduce(x, z), "
         "dimensions={1}, to_apply=add }"},
    {"reduce add to one", 512.0 * 512,
     ADD "ENTRY e { x = f32[512,512] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[] reduce(x, z), "
         "dimensions={0,1}, to_apply=add }"},
    {"add f32", 1e6, "ENTRY e { x = f32[1000,1000] parameter(0)\n ROOT r = f32[1000,1000] add(x, x) }"},
    {"exponential f32", 1e5,
     "ENTRY e { x = f32[100000] parameter(0)\n ROOT r = f32[100000] exponential(x) }"},
    {"transpose f32", 1e6,
     "ENTRY e { x = f32[1000,1000] parameter(0)\n ROOT r = f32[1000,1000] transpose(x), dimensions={1,0} }"},
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds_of(const tn_plan *plan, const tn_module *module, tn_diagnostics *sink) {
  tn_arena *arena = tn_arena_create();
  const tn_literal *arguments[8];
  for (int i = 0; i < plan->n_parameters; i++)
    arguments[i] = tn_literal_random(arena, module->entry->parameters.at[i]->shape, 1, (uint64_t)i, false);
  double begin = now(), end = begin;
  int runs = 0;
  for (; end - begin < 0.5; runs++, end = now()) {
    tn_arena *results_of = tn_arena_create();
    tn_literal *results[8];
    if (!tn_plan_run(results_of, plan, arguments, results, sink)) end = begin + 1e9;
    tn_arena_destroy(results_of);
  }
  tn_arena_destroy(arena);
  return (end - begin) / runs;
}

int main(int argc, char **argv) {
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  tn_plan_options options = {
      .level = 2, .target = tn_cpu_find(arena, &sink, argc > 1 ? argv[1] : "x86-64-v3", NULL, NULL)};
  if (!options.target) return 2;
  for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
    tn_hlo_options text = {.file = "bench"};
    tn_module *module = tn_hlo_parse((tn_str){benches[i].text, strlen(benches[i].text)}, &text, &sink);
    tn_plan *plan = module ? tn_plan_build(module, &options, &sink) : NULL;
    if (!plan) return 1;
    double seconds = seconds_of(plan, module, &sink);
    printf("%-28s %8.1f M/s  %8.3f ms\n", benches[i].name, benches[i].work / seconds / 1e6, seconds * 1e3);
    tn_plan_destroy(plan);
    tn_module_destroy(module);
  }
  tn_arena_destroy(arena);
  return 0;
}
