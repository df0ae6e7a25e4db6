/* tenon bench: how long a compiled model takes, whole and by kernel.
 *
 * Of each kernel it also says what it computes and moves, and how much of the machine's peak
 * that is: the peak is measured in the same run (driver/roofline.c).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>
#include <stdlib.h>

#include "tools/json.h"
#include "tools/tool.h"

enum { KERNEL_RUNS = 100 };

typedef struct {
  const command_line *line;
  tn_context *context;
  tn_arena *arena;
  tn_compile_options options;
  loaded model;
  tn_program *program;
  inputs in;
  int64_t threads, runs;
  json_t *passes; /* a list; empty for artefacts */
} bench_state;

static tn_status prepare(bench_state *bench, const char *path) {
  if (!option_threads(bench->line, &bench->threads) ||
      !option_number(bench->line, OPT_RUNS, 1, 0, &bench->runs))
    return TN_USAGE;
  tn_status status = compile_options(bench->arena, bench->line, &bench->options);
  if (status != TN_OK) return status;
  if (is_artefact(path)) {
    status = refuse_model_options(bench->line, path);
    if (status == TN_OK) status = tn_program_open(bench->context, path, bench->options.name, &bench->program);
  } else {
    status = load_model(bench->context, bench->line, path, &bench->model);
    tn_compile_report report;
    if (status == TN_OK)
      status = tn_compile_program(bench->model.model, &bench->options, &bench->program, &report);
    if (status == TN_OK) {
      bench->passes = json_kept_passes(&bench->options.passes);
      finish_passes(&bench->options.passes);
    }
  }
  if (status != TN_OK) return status;
  return read_inputs(bench->context, bench->line, tn_program_signature(bench->program), true, &bench->in);
}

/* ---- kernels ---- */

/* One kernel alone, its inputs in the cache where they fit. */
static tn_status time_kernel(const bench_state *bench, const tn_kernel_program *kernel, const tn_roof *roof,
                             json_t *list, tn_text *out) {
  tn_timing time;
  tn_status status = tn_program_time(kernel->program, NULL, (int32_t)bench->threads,
                                     bench->runs ? bench->runs : KERNEL_RUNS, &time);
  if (status != TN_OK) return status;
  double flops = (double)kernel->flops, bytes = (double)kernel->bytes, ms = time.median_ms;
  double intensity = bytes > 0 ? flops / bytes : 0, gflops = flops / ms * 1e-6;
  json_array_append_new(list,
                        json_pack("{s:s, s:f, s:f, s:i, s:I, s:I, s:f, s:f, s:f, s:s}", "name", kernel->name,
                                  "median_ms", ms, "min_ms", time.least_ms, "runs", (int)kernel->runs,
                                  "flops", (json_int_t)kernel->flops, "bytes", (json_int_t)kernel->bytes,
                                  "intensity", intensity, "gflop_s", gflops, "peak_percent",
                                  gflops / roof->gflops * 100, "source", kernel->source));
  tn_text_printf(out, "%10.4f %4dx %9.2f %6.1f %9.2f %9.2f  %s  %s\n", ms, (int)kernel->runs, gflops,
                 gflops / roof->gflops * 100, bytes / ms * 1e-6, intensity, kernel->name, kernel->source);
  return TN_OK;
}

static tn_status time_kernels(bench_state *bench, json_t *object, tn_text *out) {
  const tn_kernel_program *kernels;
  int32_t count;
  tn_roof roof;
  if (!bench->model.model) return complain(TN_USAGE, "option '--kernels' needs a model, not an artefact");
  tn_status status = tn_measure_roof(bench->model.model, &bench->options, (int32_t)bench->threads, &roof);
  if (status == TN_OK) status = tn_compile_kernels(bench->model.model, &bench->options, &kernels, &count);
  if (status != TN_OK) return status;
  json_t *list = json_array();
  json_object_set_new(object, "peak_gflop_s", json_real(roof.gflops));
  json_object_set_new(object, "memory_gb_s", json_real(roof.memory_gb_s));
  json_object_set_new(object, "cache_gb_s", json_real(roof.cache_gb_s));
  json_object_set_new(object, "kernels", list);
  tn_text_printf(out, "peak %.1f GFLOP/s (f32), %.1f GB/s from memory, %.1f GB/s from cache, measured now\n",
                 roof.gflops, roof.memory_gb_s, roof.cache_gb_s);
  tn_text_printf(out, "%10s %5s %9s %6s %9s %9s  kernel\n", "median ms", "runs", "GFLOP/s", "% peak", "GB/s",
                 "FLOP/byte");
  for (int32_t i = 0; i < count; i++) {
    if (status == TN_OK) status = time_kernel(bench, &kernels[i], &roof, list, out);
    tn_program_destroy(kernels[i].program);
  }
  return status;
}

/* ---- the whole ---- */

static tn_status report(bench_state *bench, const tn_timing *time) {
  const tn_signature *signature = tn_program_signature(bench->program);
  int64_t threads = bench->threads,
          arena = signature->arena_bytes + threads * signature->arena_bytes_per_thread;
  json_t *object = json_pack("{s:f, s:f, s:I, s:I, s:I, s:O*}", "min_ms", time->least_ms, "median_ms",
                             time->median_ms, "runs", (json_int_t)time->runs, "threads", (json_int_t)threads,
                             "arena_bytes", (json_int_t)arena, "passes", bench->passes);
  tn_text out = {0};
  tn_text_printf(&out, "min %.4f ms, median %.4f ms (%lld runs, %lld thread%s, arena %lld bytes)\n",
                 time->least_ms, time->median_ms, (long long)time->runs, (long long)threads,
                 threads == 1 ? "" : "s", (long long)arena);
  tn_status status = has_option(bench->line, OPT_KERNELS) ? time_kernels(bench, object, &out) : TN_OK;
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
  tn_timing time;
  tn_status status =
      tn_program_time(bench->program, bench->in.arguments, (int32_t)bench->threads, bench->runs, &time);
  return status == TN_OK ? report(bench, &time) : status;
}

tn_status verb_bench(const command_line *line) {
  const char *path = only_operand(line);
  tn_context *context = path ? make_context(line) : NULL;
  if (!context) return TN_USAGE;
  bench_state bench = {.line = line, .context = context, .arena = tn_arena_create()};
  tn_status status = prepare(&bench, path);
  if (status == TN_OK) status = time_whole(&bench);
  release_inputs(&bench.in);
  tn_program_destroy(bench.program);
  unload_model(&bench.model);
  json_decref(bench.passes);
  tn_arena_destroy(bench.arena);
  tn_context_destroy(context);
  return status;
}
