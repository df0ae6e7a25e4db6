/* How fast the devices are: multiply-adds a second of the functional one, simulated cycles a second of
 * the timed one, on one product.
 *
 *   bench_device [M K N [rows columns]]
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test/unit/runtime/streams.h"

/* Of this process: others may share the machine. */
static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void measure(const tn_systolic_target *target, test_product p) {
  tn_arena *arena = tn_arena_create();
  void *w = tn_arena_alloc(arena, (size_t)(p.k * p.n) * 4),
       *x = tn_arena_alloc(arena, (size_t)(p.m * p.k) * 4);
  void *y = tn_arena_alloc(arena, (size_t)(p.m * p.n) * 4);
  const tn_stream *stream = product_stream(arena, target, &p, w);
  tn_device_counters counters;
  double start = cpu_seconds();
  run_stream(TN_DEVICE_FUNCTIONAL, stream, x, y, &counters);
  double values = cpu_seconds() - start;
  start = cpu_seconds();
  run_stream(TN_DEVICE_TIMED, stream, NULL, NULL, &counters);
  double time = cpu_seconds() - start;
  printf("%s*%s %-6s  %6.2f G multiply-adds/s  %8.3f G cycles/s (%lld cycles)\n", tn_type_name(p.x),
         tn_type_name(p.w), tn_dataflow_name(p.dataflow), (double)(p.m * p.k * p.n) / values * 1e-9,
         (double)counters.total_cycles / time * 1e-9, (long long)counters.total_cycles);
  tn_arena_destroy(arena);
}

static int64_t argument(int argc, char **argv, int number, int64_t otherwise) {
  return argc > number ? strtoll(argv[number], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *target = test_target(arena, "");
  test_product p = {.m = argument(argc, argv, 1, 4096),
                    .k = argument(argc, argv, 2, 1024),
                    .n = argument(argc, argv, 3, 1024),
                    .whole_rows = true};
  target->rows = argument(argc, argv, 4, 256);
  target->columns = argument(argc, argv, 5, target->rows);
  static const tn_type types[][2] = {{TN_S8, TN_S8}, {TN_S8, TN_S16}, {TN_BF16, TN_BF16}, {TN_F32, TN_F32}};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (int d = 0; d < TN_DATAFLOWS; d++) {
      p.x = types[t][0];
      p.w = types[t][1];
      p.dataflow = (tn_dataflow)d;
      measure(target, p);
    }
  tn_arena_destroy(arena);
  return 0;
}
