/* Speed of the reference evaluator: multiply-adds (or elements) a second.
 *
 *     bench_eval
 *
 * Each case is a small module in HLO text on random arguments, run until half a second
 * has passed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <time.h>

#include "frontend/hlo/hlo.h"
#include "ir/eval.h"

typedef struct {
  const char *name;
  double work; /* multiply-adds or elements of one run */
  const char *text;
} bench;

#define DOT(t, u, m, k, n)                                                                                   \
  "ENTRY e { a = " t "[" #m "," #k "] parameter(0)\n b = " t "[" #k "," #n "] parameter(1)\n ROOT r = " u    \
  "[" #m "," #n "] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0} }"
#define ADD_COMP "add { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = f32[] add(a, b) }\n"

static const bench benches[] = {
    {"dot f32 256x256x256", 256.0 * 256 * 256, DOT("f32", "f32", 256, 256, 256)},
    {"dot f32 1x1024x1024", 1024.0 * 1024, DOT("f32", "f32", 1, 1024, 1024)},
    {"dot f32 1024x1024x1", 1024.0 * 1024, DOT("f32", "f32", 1024, 1024, 1)},
    {"dot f32 4x4096x4", 16.0 * 4096, DOT("f32", "f32", 4, 4096, 4)},
    {"dot f64 256x256x256", 256.0 * 256 * 256, DOT("f64", "f64", 256, 256, 256)},
    {"dot s32 256x256x256", 256.0 * 256 * 256, DOT("s32", "s32", 256, 256, 256)},
    {"dot s8->s32 256x256x256", 256.0 * 256 * 256, DOT("s8", "s32", 256, 256, 256)},
    {"dot bf16 256x256x256", 256.0 * 256 * 256, DOT("bf16", "bf16", 256, 256, 256)},
    {"dot f16 256x256x256", 256.0 * 256 * 256, DOT("f16", "f16", 256, 256, 256)},
    {"convolution 3x3 56x56x64", 56.0 * 56 * 64 * 64 * 9,
     "ENTRY e { x = f32[1,56,56,64] parameter(0)\n w = f32[3,3,64,64] parameter(1)\n ROOT r = "
     "f32[1,56,56,64] "
     "convolution(x, w), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f }"},
    {"convolution s8 3x3 28x28x64", 28.0 * 28 * 64 * 64 * 9,
     "ENTRY e { x = s8[1,28,28,64] parameter(0)\n w = s8[3,3,64,64] parameter(1)\n ROOT r = s32[1,28,28,64] "
     "convolution(x, w), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f }"},
    {"convolution depthwise 3x3", 56.0 * 56 * 128 * 9,
     "ENTRY e { x = f32[1,56,56,128] parameter(0)\n w = f32[3,3,1,128] parameter(1)\n ROOT r = "
     "f32[1,56,56,128] "
     "convolution(x, w), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f, feature_group_count=128 "
     "}"},
    {"reduce add rows f32", 1024.0 * 1024,
     ADD_COMP
     "ENTRY e { x = f32[1024,1024] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[1024] reduce(x, z), "
     "dimensions={1}, to_apply=add }"},
    {"reduce add columns f32", 1024.0 * 1024,
     ADD_COMP
     "ENTRY e { x = f32[1024,1024] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[1024] reduce(x, z), "
     "dimensions={0}, to_apply=add }"},
    {"reduce argmax f32 (general)", 1000000.0,
     "best { v = f32[] parameter(0)\n i = s32[] parameter(1)\n w = f32[] parameter(2)\n j = s32[] "
     "parameter(3)\n"
     " g = pred[] compare(v, w), direction=GE\n x = f32[] select(g, v, w)\n y = s32[] select(g, i, j)\n"
     " ROOT r = (f32[], s32[]) tuple(x, y) }\n"
     "ENTRY e { x = f32[1000000] parameter(0)\n n = s32[1000000] iota(), iota_dimension=0\n z = f32[] "
     "constant(-inf)\n"
     " m = s32[] constant(0)\n ROOT r = (f32[], s32[]) reduce(x, n, z, m), dimensions={0}, to_apply=best }"},
    {"sort f32", 100000.0,
     "less { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = pred[] compare(a, b), direction=LT "
     "}\n"
     "ENTRY e { x = f32[100000] parameter(0)\n ROOT r = f32[100000] sort(x), dimensions={0}, to_apply=less "
     "}"},
    {"sort f32 by abs (general)", 100000.0,
     "less { a = f32[] parameter(0)\n b = f32[] parameter(1)\n c = f32[] abs(a)\n d = f32[] abs(b)\n"
     " ROOT r = pred[] compare(c, d), direction=LT }\n"
     "ENTRY e { x = f32[100000] parameter(0)\n ROOT r = f32[100000] sort(x), dimensions={0}, to_apply=less "
     "}"},
    {"scatter add f32", 100000.0,
     ADD_COMP
     "ENTRY e { x = f32[100000] parameter(0)\n i = s32[100000,1] iota(), iota_dimension=0\n"
     " u = f32[100000] parameter(1)\n ROOT r = f32[100000] scatter(x, i, u), update_window_dims={}, "
     "inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=add }"},
    {"reduce-window max 2x2", 112.0 * 112 * 64,
     "max { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = f32[] maximum(a, b) }\n"
     "ENTRY e { x = f32[1,112,112,64] parameter(0)\n z = f32[] constant(-inf)\n ROOT r = f32[1,56,56,64] "
     "reduce-window(x, z), window={size=1x2x2x1 stride=1x2x2x1}, to_apply=max }"},
    {"add f32", 1000000.0,
     "ENTRY e { x = f32[1000000] parameter(0)\n y = f32[1000000] parameter(1)\n ROOT r = f32[1000000] add(x, "
     "y) }"},
    {"exponential f32", 1000000.0,
     "ENTRY e { x = f32[1000000] parameter(0)\n ROOT r = f32[1000000] exponential(x) }"},
    {"transpose f32", 1000000.0,
     "ENTRY e { x = f32[1000,1000] parameter(0)\n ROOT r = f32[1000,1000] transpose(x), dimensions={1,0} }"},
    {"while filling 4 MiB, elements", 1000.0 * 1000,
     "body { s = (s32[], f32[1000,1000]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n one = "
     "s32[] "
     "constant(1)\n j = s32[] add(i, one)\n z = s32[] constant(0)\n v = f32[] convert(i)\n"
     " u = f32[1,1000] broadcast(v), dimensions={}\n x = f32[1000,1000] get-tuple-element(s), index=1\n"
     " y = f32[1000,1000] dynamic-update-slice(x, u, i, z)\n ROOT r = (s32[], f32[1000,1000]) tuple(j, y) }\n"
     "cond { s = (s32[], f32[1000,1000]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n n = s32[] "
     "constant(1000)\n ROOT r = pred[] compare(i, n), direction=LT }\n"
     "ENTRY e { x = f32[1000,1000] parameter(0)\n z = s32[] constant(0)\n t = (s32[], f32[1000,1000]) "
     "tuple(z, x)\n"
     " ROOT r = (s32[], f32[1000,1000]) while(t), condition=cond, body=body }"},
    {"while, iterations", 100000.0,
     "body { s = (s32[], f32[]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n x = f32[] "
     "get-tuple-element(s), "
     "index=1\n one = s32[] constant(1)\n j = s32[] add(i, one)\n y = f32[] cosine(x)\n ROOT r = (s32[], "
     "f32[]) tuple(j, y) }\n"
     "cond { s = (s32[], f32[]) parameter(0)\n i = s32[] get-tuple-element(s), index=0\n n = s32[] "
     "constant(100000)\n"
     " ROOT r = pred[] compare(i, n), direction=LT }\n"
     "ENTRY e { x = f32[] parameter(0)\n z = s32[] constant(0)\n t = (s32[], f32[]) tuple(z, x)\n"
     " ROOT r = (s32[], f32[]) while(t), condition=cond, body=body }"},
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void print_message(void *user, const tn_diagnostic *diagnostic) {
  printf("%s: %u: %s\n", (const char *)user, diagnostic->location.line, diagnostic->message);
}

static bool run(const bench *b) {
  tn_diagnostics sink = {.callback = print_message, .user = (void *)b->name};
  tn_module *module = tn_hlo_parse((tn_str){b->text, strlen(b->text)}, &(tn_hlo_options){0}, &sink);
  if (!module) return false;
  tn_arena *arena = tn_arena_create(), *results = tn_arena_create();
  int count = module->entry->parameters.count;
  const tn_literal **arguments = TN_NEW_ARRAY(arena, const tn_literal *, count + 1);
  for (int i = 0; i < count; i++)
    arguments[i] = tn_literal_random(arena, module->entry->parameters.at[i]->shape, 1, (uint64_t)i, false);
  double start = now(), spent = 0;
  int runs = 0;
  bool good = true;
  while (good && spent < 0.5) {
    good = tn_evaluate(results, module, arguments, NULL, &sink) != NULL;
    tn_arena_reset(results);
    runs++;
    spent = now() - start;
  }
  if (good) printf("%-32s %9.1f M/s  %8.2f ms\n", b->name, b->work * runs / spent * 1e-6, spent / runs * 1e3);
  tn_arena_destroy(results);
  tn_arena_destroy(arena);
  tn_module_destroy(module);
  return good;
}

int main(void) {
  bool good = true;
  for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) good = run(&benches[i]) && good;
  return good ? 0 : 1;
}
