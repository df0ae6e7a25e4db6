/* The machine's peak and bandwidths, from three kernels of our own; see roofline.h.
 *
 *   peak    as many independent chains of multiply-adds as hide their latency, in registers
 *   triad   y = x + z, once out of memory and once out of the second-level cache
 *
 * The plans are text: what is measured is what any plan would be compiled to. The best of a
 * few runs counts, for a roof is what nothing exceeds.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/roofline.h"

enum {
  CHAINS = 10, /* vectors: latency times units, and no more than v2's and v3's 16 registers hold */
  BLOCKS = 16, /* of chains a thread */
  STEPS = 4096,
  PEAK_RUNS = 40,
  MEMORY_RUNS = 10,
  CACHE_RUNS = 400,
  LEAST_MEMORY = 64 << 20, /* bytes of one array */
  MOST_MEMORY = 256 << 20
};

static void put_peak(tn_text *out, const tn_cpu *target, int threads) {
  int lanes = target->vector_bytes / 4;
  long long n = (long long)lanes * CHAINS * BLOCKS * threads;
  const char *step = target->fma ? "fma(s, 0.999, 0.001)" : "((s * 0.999) + 0.001)";
  tn_text_printf(out, "plan \"peak\" target %s {\n  parameter p0 \"x\": f32[%lld]\n", target->name, n);
  tn_text_printf(out, "  result r0 \"y\": f32[%lld]\n  run peak(p0, r0)\n}\n\n", n);
  tn_text_printf(out, "kernel peak(x: f32[%lld], out y: f32[%lld]) {\n  loop i:%lld {\n", n, n, n);
  tn_text_printf(out, "    reduce k:%d {\n      s: f32 from x[i] = %s\n    }\n    y[i] = s\n  }\n", STEPS,
                 step);
  tn_text_printf(out, "  schedule { order i k; vector i:%d*%d; threads i }\n}\n", lanes, CHAINS);
}

static void put_triad(tn_text *out, const tn_cpu *target, int64_t elements) {
  int lanes = target->vector_bytes / 4;
  long long n = elements;
  tn_text_printf(out, "plan \"triad\" target %s {\n  parameter p0 \"x\": f32[%lld]\n", target->name, n);
  tn_text_printf(out, "  parameter p1 \"z\": f32[%lld]\n  result r0 \"y\": f32[%lld]\n", n, n);
  tn_text_put(out, "  run triad(p0, p1, r0)\n}\n\n");
  tn_text_printf(out, "kernel triad(x: f32[%lld], z: f32[%lld], out y: f32[%lld]) {\n", n, n, n);
  tn_text_printf(out, "  loop i:%lld {\n    y[i] = (x[i] + z[i])\n  }\n", n);
  tn_text_printf(out, "  schedule { order i; vector i:%d*4; threads i }\n}\n", lanes);
}

/* Milliseconds of the plan's best run. Ends the text. */
static bool time_plan(tn_context *context, tn_text *text, int32_t threads, int64_t runs, double *ms) {
  tn_model *model = NULL;
  tn_program *program = NULL;
  tn_timing timing = {0};
  tn_status status = tn_model_parse(context, "roofline", text->bytes, text->length, NULL, &model);
  if (status == TN_OK) status = tn_compile_program(model, NULL, &program, NULL);
  if (status == TN_OK) status = tn_program_time(program, NULL, threads, runs, &timing);
  tn_program_destroy(program);
  tn_model_destroy(model);
  tn_text_free(text);
  *ms = timing.least_ms;
  return status == TN_OK || tn_error(&context->sink, status, TN_NOWHERE, "the roofline was not measured");
}

static bool time_triad(tn_context *context, const tn_cpu *target, int32_t threads, int64_t bytes,
                       int64_t runs, double *gb_s) {
  tn_text text = {0};
  double ms;
  int64_t elements = bytes / 4 / 1024 * 1024;
  put_triad(&text, target, elements);
  if (!time_plan(context, &text, threads, runs, &ms)) return false;
  *gb_s = (double)elements * 4 * 3 / ms * 1e-6;
  return true;
}

bool tn_roofline_measure(tn_context *context, const tn_cpu *target, int32_t threads, tn_roof *roof) {
  tn_text text = {0};
  double ms;
  int n = threads > 1 ? threads : 1;
  put_peak(&text, target, n);
  if (!time_plan(context, &text, threads, PEAK_RUNS, &ms)) return false;
  roof->gflops = 2.0 * (target->vector_bytes / 4) * CHAINS * BLOCKS * n * STEPS / ms * 1e-6;
  int64_t memory = 2 * target->l3_bytes > LEAST_MEMORY ? 2 * target->l3_bytes : LEAST_MEMORY;
  if (memory > MOST_MEMORY) memory = MOST_MEMORY;
  roof->cache_bytes = target->l2_bytes;
  return time_triad(context, target, threads, memory, MEMORY_RUNS, &roof->memory_gb_s) &&
         time_triad(context, target, threads, target->l2_bytes * n / 6, CACHE_RUNS, &roof->cache_gb_s);
}

typedef struct {
  tn_model *model;
  const tn_compile_options *options;
  int32_t threads;
  tn_roof *roof;
} roof_work;

static bool do_measure(void *argument) {
  roof_work *work = argument;
  tn_context *context = work->model->context;
  const tn_compile_options *options = work->options;
  const tn_cpu *target = work->model->plan
                             ? work->model->plan->target
                             : tn_cpu_find(context->scratch, &context->sink,
                                           options && options->target ? options->target : "host",
                                           options ? options->cpu : NULL, options ? options->features : NULL);
  return target && tn_roofline_measure(context, target, work->threads, work->roof);
}

tn_status tn_measure_roof(tn_model *model, const tn_compile_options *options, int32_t threads,
                          tn_roof *roof) {
  *roof = (tn_roof){0};
  return tn_driver_do(model->context, do_measure, &(roof_work){model, options, threads, roof});
}
