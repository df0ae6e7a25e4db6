/* How long a program takes.
 *
 * Each run is timed alone on the monotonic clock; one run before them warms caches and
 * pages. What is told is the least and the median: the least is the machine's best, the
 * median what to expect.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdlib.h>

#include "base/clock.h"
#include "driver/driver.h"
#include "driver/program.h"
#include "tenon/pool.h"

enum { LEAST_RUNS = 10, ALIGNMENT = 64 };
static const double enough_seconds = 2;

typedef struct {
  tn_program *program;
  const tn_arrays *arguments;
  int32_t threads;
  int64_t wanted;
  tn_timing *timing;
  tn_arena *arena;
  tn_pool *pool;
  const void **parameters;
  void **results;
  void *memory;
  size_t memory_size;
} time_work;

static void *aligned(tn_arena *arena, size_t bytes) {
  uintptr_t at = (uintptr_t)tn_arena_alloc(arena, bytes + ALIGNMENT);
  return (void *)((at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

/* Without arguments the same bytes everywhere: f16 and wider floats are then small and
 * finite, indices clamp. With them, arguments are taken as they lie: a layout does not
 * change the time, only which number is where.                                          */
static void *argument(const time_work *work, int32_t index, const tn_value *value) {
  void *data = aligned(work->arena, (size_t)value->bytes);
  const tn_array *array = work->arguments ? tn_arrays_at(work->arguments, index) : NULL;
  if (array)
    memcpy(data, array->data, (size_t)(array->bytes < value->bytes ? array->bytes : value->bytes));
  else
    memset(data, strcmp(value->type, "pred") == 0 ? 1 : 0x3c, (size_t)value->bytes);
  return data;
}

static void prepare(time_work *work) {
  const tn_signature *signature = tn_program_signature(work->program);
  tn_arena *arena = work->arena;
  work->parameters = TN_NEW_ARRAY(arena, const void *, signature->parameter_count);
  work->results = TN_NEW_ARRAY(arena, void *, signature->result_count);
  for (int32_t i = 0; i < signature->parameter_count; i++)
    work->parameters[i] = argument(work, i, &signature->parameters[i]);
  for (int32_t i = 0; i < signature->result_count; i++)
    work->results[i] = aligned(arena, (size_t)signature->results[i].bytes);
  work->memory_size =
      (size_t)(signature->arena_bytes + signature->arena_bytes_per_thread * (work->pool ? work->threads : 1));
  work->memory = aligned(arena, work->memory_size);
}

static int run_once(const time_work *work) {
  return tn_program_call(work->program, work->parameters, work->results, work->memory, work->memory_size,
                         work->pool ? tn_pool_exec(work->pool) : NULL);
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool do_time(void *argument) {
  time_work *work = argument;
  TN_VEC(double) times = {0};
  work->arena = tn_arena_create();
  work->pool = work->threads > 1 ? tn_pool_create(work->threads) : NULL;
  prepare(work);
  int code = run_once(work);
  double start = tn_seconds_now();
  for (bool enough = false; code == 0 && !enough;) {
    double before = tn_seconds_now();
    code = run_once(work);
    double after = tn_seconds_now();
    TN_PUSH(work->arena, &times, after - before);
    enough = work->wanted ? times.count >= work->wanted
                          : times.count >= LEAST_RUNS && after - start > enough_seconds;
  }
  tn_context *context = tn_program_context(work->program);
  if (code && context->sink.status != TN_OK) return false; /* a device that has said why */
  if (code)
    return tn_error(&context->sink, TN_BUG, TN_NOWHERE, "the program returned %d while it was timed", code);
  qsort(times.at, (size_t)times.count, sizeof *times.at, compare_doubles);
  *work->timing = (tn_timing){times.at[0] * 1e3, times.at[times.count / 2] * 1e3, times.count};
  return true;
}

tn_status tn_program_time(tn_program *program, const tn_arrays *arguments, int32_t threads, int64_t runs,
                          tn_timing *timing) {
  time_work work = {
      .program = program, .arguments = arguments, .threads = threads, .wanted = runs, .timing = timing};
  *timing = (tn_timing){0};
  tn_status status = tn_driver_do(tn_program_context(program), do_time, &work);
  tn_pool_destroy(work.pool);
  tn_arena_destroy(work.arena);
  return status;
}
