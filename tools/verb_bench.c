/* tenon bench: how long a compiled model takes, whole and by kernel.
 *
 * Each run is timed alone on the monotonic clock; one run before them warms caches and
 * pages. What is told is the least and the median: the least is the machine's best, the
 * median what to expect.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tenon/pool.h"
#include "tools/json.h"
#include "tools/tool.h"

enum { LEAST_RUNS = 10, KERNEL_RUNS = 100, ALIGNMENT = 64 };
static const double enough_seconds = 2;

typedef struct {
  const tn_program *program;
  const void **parameters;
  void **results;
  void *arena;
  size_t arena_size;
  const tn_exec *exec;
} call;

typedef struct {
  double least_ms, median_ms;
  int64_t runs;
} timing;

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int run_once(const call *c) {
  return tn_program_call(c->program, c->parameters, c->results, c->arena, c->arena_size, c->exec);
}

/* wanted 0: for enough_seconds, at least LEAST_RUNS times. Returns NAME_run's code. */
static int measure(tn_arena *arena, const call *c, int64_t wanted, timing *result) {
  TN_VEC(double) times = {0};
  int code = run_once(c);
  double start = tn_seconds_now();
  while (code == 0) {
    double before = tn_seconds_now();
    code = run_once(c);
    double after = tn_seconds_now();
    TN_PUSH(arena, &times, after - before);
    bool enough =
        wanted ? times.count >= wanted : times.count >= LEAST_RUNS && after - start > enough_seconds;
    if (enough) break;
  }
  if (code) return code;
  qsort(times.at, (size_t)times.count, sizeof *times.at, compare_doubles);
  *result = (timing){times.at[0] * 1e3, times.at[times.count / 2] * 1e3, times.count};
  return 0;
}

static void *aligned(tn_arena *arena, size_t bytes) {
  uintptr_t at = (uintptr_t)tn_arena_alloc(arena, bytes + ALIGNMENT);
  return (void *)((at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static void add_outputs(tn_arena *arena, call *c) {
  const tn_signature *signature = tn_program_signature(c->program);
  for (int32_t i = 0; i < signature->result_count; i++)
    c->results[i] = aligned(arena, (size_t)signature->results[i].bytes);
  c->arena_size =
      (size_t)(signature->arena_bytes + signature->arena_bytes_per_thread * (c->exec ? c->exec->threads : 1));
  c->arena = aligned(arena, c->arena_size);
}

/* Memory for the call. Arguments are taken as they lie: a layout does not change the
 * time, only which number is where.                                                  */
static void prepare_call(tn_arena *arena, const tn_arrays *arguments, call *c) {
  const tn_signature *signature = tn_program_signature(c->program);
  c->parameters = TN_NEW_ARRAY(arena, const void *, signature->parameter_count);
  c->results = TN_NEW_ARRAY(arena, void *, signature->result_count);
  for (int32_t i = 0; i < signature->parameter_count; i++) {
    void *copy = aligned(arena, (size_t)signature->parameters[i].bytes);
    const tn_array *array = tn_arrays_at(arguments, i);
    memcpy(copy, array->data,
           (size_t)(array->bytes < signature->parameters[i].bytes ? array->bytes
                                                                  : signature->parameters[i].bytes));
    c->parameters[i] = copy;
  }
  add_outputs(arena, c);
}

typedef struct {
  const command_line *line;
  tn_context *context;
  tn_arena *arena;
  tn_compile_options options;
  loaded model;
  tn_program *program;
  inputs in;
  tn_pool *pool;
  int64_t threads, runs;
} bench_state;

static tn_status prepare(bench_state *bench, const char *path) {
  if (!option_number(bench->line, OPT_THREADS, 1, 1, &bench->threads) ||
      !option_number(bench->line, OPT_RUNS, 1, 0, &bench->runs))
    return TN_USAGE;
  tn_status status = compile_options(bench->arena, bench->line, &bench->options);
  if (status != TN_OK) return status;
  if (is_artefact(path)) {
    status = tn_program_open(bench->context, path, bench->options.name, &bench->program);
  } else {
    status = load_model(bench->context, bench->line, path, &bench->model);
    tn_compile_report report;
    if (status == TN_OK)
      status = tn_compile_program(bench->model.model, &bench->options, &bench->program, &report);
    if (status == TN_OK) finish_passes(&bench->options.passes);
  }
  if (status != TN_OK) return status;
  if (bench->threads > 1) bench->pool = tn_pool_create((int32_t)bench->threads);
  return read_inputs(bench->context, bench->line, tn_program_signature(bench->program), true, &bench->in);
}

/* ---- kernels ---- */

/* The same bytes everywhere: f16 and wider floats are then small and finite, indices
 * clamp.                                                                            */
static void fill_call(tn_arena *arena, call *c) {
  const tn_signature *signature = tn_program_signature(c->program);
  c->parameters = TN_NEW_ARRAY(arena, const void *, signature->parameter_count);
  c->results = TN_NEW_ARRAY(arena, void *, signature->result_count);
  for (int32_t i = 0; i < signature->parameter_count; i++) {
    void *data = aligned(arena, (size_t)signature->parameters[i].bytes);
    int value = strcmp(signature->parameters[i].type, "pred") == 0 ? 1 : 0x3c;
    memset(data, value, (size_t)signature->parameters[i].bytes);
    c->parameters[i] = data;
  }
  add_outputs(arena, c);
}

/* One kernel alone, its inputs in the cache where they fit. */
static tn_status time_kernel(const bench_state *bench, const tn_kernel_program *kernel, json_t *list,
                             tn_text *out) {
  tn_arena *arena = tn_arena_create();
  call c = {.program = kernel->program, .exec = bench->pool ? tn_pool_exec(bench->pool) : NULL};
  timing time;
  fill_call(arena, &c);
  int code = measure(arena, &c, bench->runs ? bench->runs : KERNEL_RUNS, &time);
  tn_arena_destroy(arena);
  if (code) return complain(TN_BUG, "bench: kernel %s returned %d", kernel->name, code);
  json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:i, s:I, s:I, s:s}", "name", kernel->name,
                                        "median_ms", time.median_ms, "min_ms", time.least_ms, "runs",
                                        (int)kernel->runs, "flops", (json_int_t)kernel->flops, "bytes",
                                        (json_int_t)kernel->bytes, "source", kernel->source));
  tn_text_printf(out, "%10.4f %4dx %9.2f %9.2f  %s  %s\n", time.median_ms, (int)kernel->runs,
                 (double)kernel->flops / time.median_ms * 1e-6, (double)kernel->bytes / time.median_ms * 1e-6,
                 kernel->name, kernel->source);
  return TN_OK;
}

static tn_status time_kernels(bench_state *bench, json_t *list, tn_text *out) {
  const tn_kernel_program *kernels;
  int32_t count;
  if (!bench->model.model) return complain(TN_USAGE, "option '--kernels' needs a model, not an artefact");
  tn_status status = tn_compile_kernels(bench->model.model, &bench->options, &kernels, &count);
  tn_text_printf(out, "%10s %5s %9s %9s  kernel\n", "median ms", "runs", "GFLOP/s", "GB/s");
  for (int32_t i = 0; i < count; i++) {
    if (status == TN_OK) status = time_kernel(bench, &kernels[i], list, out);
    tn_program_destroy(kernels[i].program);
  }
  return status;
}

/* ---- the whole ---- */

static tn_status report(bench_state *bench, const call *c, const timing *time) {
  int64_t threads = c->exec ? c->exec->threads : 1;
  json_t *object = json_pack("{s:f, s:f, s:I, s:I, s:I}", "min_ms", time->least_ms, "median_ms",
                             time->median_ms, "runs", (json_int_t)time->runs, "threads", (json_int_t)threads,
                             "arena_bytes", (json_int_t)c->arena_size);
  json_t *kernels = json_array();
  tn_text out = {0};
  tn_text_printf(&out, "min %.4f ms, median %.4f ms (%lld runs, %lld thread%s, arena %zu bytes)\n",
                 time->least_ms, time->median_ms, (long long)time->runs, (long long)threads,
                 threads == 1 ? "" : "s", c->arena_size);
  tn_status status = TN_OK;
  if (has_option(bench->line, OPT_KERNELS)) {
    status = time_kernels(bench, kernels, &out);
    json_object_set(object, "kernels", kernels);
  }
  json_decref(kernels);
  if (status == TN_OK && has_option(bench->line, OPT_JSON)) {
    tn_text_free(&out);
    return print_json(object);
  }
  json_decref(object);
  if (status == TN_OK) return print_text(&out);
  tn_text_free(&out);
  return status;
}

static tn_status time_whole(bench_state *bench) {
  call c = {.program = bench->program, .exec = bench->pool ? tn_pool_exec(bench->pool) : NULL};
  timing time;
  prepare_call(bench->arena, bench->in.arguments, &c);
  int code = measure(bench->arena, &c, bench->runs, &time);
  if (code) return complain(TN_BUG, "bench: the model returned %d", code);
  return report(bench, &c, &time);
}

tn_status verb_bench(const command_line *line) {
  const char *path = only_operand(line);
  tn_context *context = path ? make_context(line) : NULL;
  if (!context) return TN_USAGE;
  bench_state bench = {.line = line, .context = context, .arena = tn_arena_create()};
  tn_status status = prepare(&bench, path);
  if (status == TN_OK) status = time_whole(&bench);
  tn_pool_destroy(bench.pool);
  release_inputs(&bench.in);
  tn_program_destroy(bench.program);
  unload_model(&bench.model);
  tn_arena_destroy(bench.arena);
  tn_context_destroy(context);
  return status;
}
