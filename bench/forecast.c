/* How far the cost model is from the timed device, and how much faster.
 *
 *   bench_forecast [--weights W.npz] [--calibrate X.npz] MODEL.hlo [--values] TARGET.target…
 *
 * With --calibrate the model is quantized to int8. For every target one line of Markdown: forecast and simulated
 * cycles; what the forecast takes, walked again alone; what simulating takes, time alone, with what comes before
 * it (the stream is read and verified) and, with --values, computing on zeros. All in this process's CPU time, the
 * least of several runs.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/systolic/forecast.h"
#include "driver/driver.h"
#include "driver/stream.h"
#include "tenon/device.h"

typedef struct {
  tn_context *context;
  tn_model *model;
  const char *target;
  bool values;
} trial;

static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void give_up(const char *what) {
  fprintf(stderr, "bench_forecast: %s\n", what);
  exit(1);
}

/* Seconds that one walk takes. */
static double time_forecast(tn_arena *arena, const tn_systolic_program *program, tn_forecast_result *result) {
  tn_forecast_value *values = TN_NEW_ARRAY(arena, tn_forecast_value, program->forecast->n_values + 1);
  double least = 1e9, all = 0;
  for (int run = 0; run < 2000 && (run < 5 || all < 0.5); run++) {
    double start = cpu_seconds();
    *result = tn_forecast_run(program->forecast, program->stream->target, values);
    double seconds = cpu_seconds() - start;
    all += seconds;
    if (seconds < least) least = seconds;
  }
  return least;
}

typedef struct {
  double load, run;
  tn_device_counters counters;
} simulation;

static void simulate(const tn_stream_compilation *s, bool values, simulation *best) {
  tn_device *device = tn_device_open(TN_DEVICE_TIMED);
  double start = cpu_seconds();
  if (!device || tn_device_load(device, s->bytes.bytes, s->bytes.length, s->library))
    give_up(tn_device_message(device));
  double loaded = cpu_seconds();
  int parameters = tn_device_parameter_count(device), results = tn_device_result_count(device);
  void **data = calloc((size_t)(parameters + results), sizeof *data);
  for (int i = 0; values && i < parameters + results; i++)
    data[i] = calloc(1, 1 + (size_t)(i < parameters ? tn_device_parameter(device, i)
                                                    : tn_device_result(device, i - parameters))
                                ->bytes);
  for (int i = 0; i < parameters; i++) tn_device_bind_parameter(device, i, data[i]);
  for (int i = 0; i < results; i++) tn_device_bind_result(device, i, data[parameters + i]);
  double bound = cpu_seconds();
  if (tn_device_start(device) || tn_device_wait(device) || tn_device_counters_of(device, -1, &best->counters))
    give_up(tn_device_message(device));
  double run = cpu_seconds() - bound;
  if (loaded - start < best->load) best->load = loaded - start;
  if (run < best->run) best->run = run;
  for (int i = 0; i < parameters + results; i++) free(data[i]);
  free(data);
  tn_device_close(device);
}

static double error_of(double forecast, int64_t cycles) {
  return cycles ? 100 * (forecast / (double)cycles - 1) : 0;
}

static bool measure(void *argument) {
  trial *t = argument;
  tn_stream_compilation s = {.all.model = t->model};
  s.all.options = (tn_compile_options){.target = t->target, .name = "bench", .passes.level = 2};
  double start = cpu_seconds();
  if (!tn_stream_compile(&s)) return false;
  double compile = cpu_seconds() - start;
  tn_forecast_result forecast;
  double walk = time_forecast(t->context->scratch, s.program, &forecast);
  simulation timed = {1e9, 1e9, {0}}, computed = {1e9, 1e9, {0}};
  for (int i = 0; i < 5; i++) simulate(&s, false, &timed);
  if (t->values) simulate(&s, true, &computed);
  const tn_stream *stream = s.program->stream;
  printf("| %s | %d | %lld | %+.2f %% | %lld | %+.2f %% | %.1f | %.2f | %.0f | %.1f | %.0f |",
         stream->target->name, stream->n_layers, (long long)timed.counters.cycles,
         error_of(forecast.cycles, timed.counters.cycles), (long long)timed.counters.total_cycles,
         error_of(forecast.total_cycles, timed.counters.total_cycles), walk * 1e6, timed.run * 1e3,
         timed.run / walk, (timed.load + timed.run) * 1e3, (timed.load + timed.run) / walk);
  if (t->values) printf(" %.2f | %.0f |", computed.run, computed.run / walk);
  printf(" %.1f |\n", compile);
  fflush(stdout);
  tn_text_free(&s.bytes);
  tn_compilation_end(&s.all);
  return true;
}

static void say(void *user, const tn_diagnostic *diagnostic) {
  (void)user;
  fprintf(stderr, "%s\n", diagnostic->message);
}

static tn_arrays *arrays_of(tn_context *context, const char *path) {
  tn_arrays *arrays;
  if (tn_arrays_create(context, &arrays) != TN_OK || tn_arrays_read(arrays, path, NULL) != TN_OK) exit(1);
  return arrays;
}

int main(int argc, char **argv) {
  const char *weights = NULL, *samples = NULL;
  trial t = {.context = tn_context_create(say, NULL)};
  for (int i = 1; i < argc; i++) {
    bool more = i + 1 < argc;
    if (more && !strcmp(argv[i], "--weights")) {
      weights = argv[++i];
    } else if (more && !strcmp(argv[i], "--calibrate")) {
      samples = argv[++i];
    } else if (!strcmp(argv[i], "--values")) {
      t.values = true;
    } else if (!t.model) {
      tn_read_options read = {.elided = TN_READ_ELIDED_RANDOM, .elided_seed = 1};
      tn_quantize_options quantize = {.mode = "int8"};
      if (tn_model_read(t.context, argv[i], &read, &t.model) != TN_OK) return 1;
      if (weights && tn_model_bind(t.model, arrays_of(t.context, weights)) != TN_OK) return 1;
      if (samples) quantize.data = arrays_of(t.context, samples);
      if (samples && tn_model_quantize(t.model, &quantize) != TN_OK) return 1;
    } else {
      t.target = argv[i];
      if (tn_driver_do(t.context, measure, &t) != TN_OK) return 1;
    }
  }
  return t.model ? 0
                 : (fprintf(stderr,
                            "usage: bench_forecast [--weights W] [--calibrate X] MODEL [--values] TARGET…\n"),
                    2);
}
