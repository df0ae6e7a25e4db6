/* Random modules on random arrays: what the stream computes is what the evaluator does.
 *
 *   random_arrays [--seed N] [--first I] [--count N] [--print] [--forecast] [--within PERCENT] [--keep FOLDER]
 *
 * Each stream passes the verifier, runs on the functional device, whose results must be the evaluator's bit for
 * bit (sums are exact in any order: modules.c), and on the timed one, whose cycles must add up. --forecast
 * prints how far the cost model's forecasts are from the timed cycles, of the array and of all; --within fails if
 * more than a twentieth of those of all cycles are farther. Number I of a seed is the same whatever comes
 * before it; --print shows module and target, --keep writes the streams.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "driver/stream.h"
#include "modules.h"
#include "tenon/device.h"

typedef struct {
  long seed, first, count;
  bool print, forecast;
  double within; /* percent; 0: whatever they are */
  const char *keep;
} options;

/* Of forecasts. */
typedef struct {
  double *of;
  long count;
} forecast_errors;

typedef struct {
  long same, different, refused, with_host;
  double macs, host_macs;
  forecast_errors array, all;
} tally;

/* One module on one array. */
typedef struct {
  const options *options;
  tally *tally;
  long number;
  tn_text module, target;
  char target_path[64];
  char message[1024];
  tn_context *context;
  tn_model *model;
  tn_arrays *none, *arguments, *expected;
  tn_stream_compilation streaming;
} trial;

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  trial *t = user;
  if (!t->message[0]) snprintf(t->message, sizeof t->message, "%s", diagnostic->message);
}

static bool differs(trial *t, const char *what, const char *detail) {
  t->tally->different++;
  printf("number %ld: %s: %s\n", t->number, what, detail);
  fflush(stdout);
  return false;
}

static void write_target(trial *t) {
  snprintf(t->target_path, sizeof t->target_path, "/tmp/random_arrays.%ld.target", (long)getpid());
  FILE *file = fopen(t->target_path, "w");
  if (!file || fwrite(t->target.bytes, 1, t->target.length, file) != t->target.length || fclose(file)) {
    perror(t->target_path);
    exit(2);
  }
}

/* ---- the evaluator ---- */

static bool evaluate(trial *t) {
  tn_read_options read = {.elided = TN_READ_ELIDED_RANDOM, .elided_seed = (uint64_t)t->number};
  tn_select_options select = {.random = true, .seed = (uint64_t)t->number, .integers = true};
  if (tn_model_parse(t->context, "random.hlo", t->module.bytes, t->module.length, &read, &t->model) !=
          TN_OK ||
      tn_arrays_create(t->context, &t->none) != TN_OK ||
      tn_arrays_select(t->none, tn_model_signature(t->model), &select, &t->arguments) != TN_OK ||
      tn_model_evaluate(t->model, TN_ORACLE_EVAL, NULL, t->arguments, &t->expected) != TN_OK)
    return differs(t, "the module", t->message);
  return true;
}

/* ---- the stream ---- */

static void keep_stream(const trial *t) {
  char path[600];
  snprintf(path, sizeof path, "%s/%ld.tns", t->options->keep, t->number);
  FILE *file = fopen(path, "wb");
  const tn_text *bytes = &t->streaming.bytes;
  if (!file || fwrite(bytes->bytes, 1, bytes->length, file) != bytes->length || fclose(file)) {
    perror(path);
    exit(2);
  }
}

static bool start_device(trial *t, tn_device *device, void **results) {
  const tn_text *bytes = &t->streaming.bytes;
  if (tn_device_load(device, bytes->bytes, bytes->length, t->streaming.library)) return false;
  for (int i = 0; i < tn_device_parameter_count(device); i++)
    if (tn_device_bind_parameter(device, i, tn_arrays_at(t->arguments, i)->data)) return false;
  for (int i = 0; i < tn_device_result_count(device); i++) {
    results[i] = calloc(1, (size_t)tn_device_result(device, i)->bytes + 1);
    if (tn_device_bind_result(device, i, results[i])) return false;
  }
  return !tn_device_start(device) && !tn_device_wait(device);
}

static bool compare(trial *t, tn_device *device, void **results) {
  for (int i = 0; i < tn_device_result_count(device); i++) {
    const tn_array *expected = tn_arrays_at(t->expected, i);
    int64_t bytes = tn_device_result(device, i)->bytes, at = 0;
    if (bytes != expected->bytes) return differs(t, "results", "have another size");
    while (at < bytes && ((const char *)expected->data)[at] == ((const char *)results[i])[at]) at++;
    if (at == bytes) continue;
    char where[100];
    snprintf(where, sizeof where, "differs from byte %lld of %lld on", (long long)at, (long long)bytes);
    return differs(t, "a result", where);
  }
  return true;
}

static void note_error(forecast_errors *errors, uint64_t forecast, int64_t cycles) {
  if (cycles > 0) errors->of[errors->count++] = ((double)forecast - (double)cycles) / (double)cycles;
}

/* The ledger of the array's cycles closes. */
static bool check_counters(trial *t, tn_device *device) {
  tn_device_counters c;
  if (tn_device_counters_of(device, -1, &c)) return differs(t, "counters", tn_device_message(device));
  int64_t all = c.active + c.weight_stall + c.weight_shift + c.non_matrix;
  if (c.active && all != c.cycles + 1) return differs(t, "counters", "the array's cycles do not add up");
  if (c.raw_stall + c.input_stall > c.non_matrix)
    return differs(t, "counters", "stalls are more than there are");
  if (c.cycles > c.total_cycles) return differs(t, "counters", "the array works longer than all");
  const tn_stream *stream = t->streaming.program->stream;
  note_error(&t->tally->array, stream->model_cycles, c.cycles);
  note_error(&t->tally->all, stream->model_total_cycles, c.total_cycles);
  if (t->options->print)
    printf("%lld cycles, forecast %llu\n", (long long)c.total_cycles,
           (unsigned long long)stream->model_total_cycles);
  return true;
}

static bool run(trial *t, tn_device_kind kind) {
  tn_device *device = tn_device_open(kind);
  void *results[16] = {0};
  bool good = start_device(t, device, results);
  if (!good)
    differs(t, "the device", tn_device_message(device));
  else
    good = compare(t, device, results) && (kind == TN_DEVICE_FUNCTIONAL || check_counters(t, device));
  for (int i = 0; i < 16; i++) free(results[i]);
  tn_device_close(device);
  return good;
}

static void count_places(trial *t) {
  const tn_systolic_program *program = t->streaming.program;
  for (int i = 0; i < program->n_placements; i++) {
    const tn_placement *p = &program->placements[i];
    t->tally->macs += (double)p->macs;
    if (!p->on_array) t->tally->host_macs += (double)p->macs;
    if (!p->on_array && t->options->print) printf("on the host: %s: %s\n", p->kernel, p->why);
  }
}

/* The host's library is there as long as this call lasts. */
static bool compile_and_run(void *argument) {
  trial *t = argument;
  t->streaming.all.model = t->model;
  t->streaming.all.options =
      (tn_compile_options){.target = t->target_path, .name = "random", .passes.level = 2};
  if (!tn_stream_compile(&t->streaming)) return false;
  t->tally->with_host += t->streaming.library != NULL;
  count_places(t);
  if (t->options->keep) keep_stream(t);
  t->tally->same += run(t, TN_DEVICE_FUNCTIONAL) && run(t, TN_DEVICE_TIMED);
  return true;
}

static void try_stream(trial *t) {
  tn_status status = tn_driver_do(t->context, compile_and_run, t);
  if (status == TN_LIMIT) {
    t->tally->refused++; /* too small an array for it */
    if (t->options->print) printf("refused: %s\n", t->message);
  } else if (status != TN_OK) {
    differs(t, "compiling", t->message);
  }
  tn_text_free(&t->streaming.bytes);
  tn_compilation_end(&t->streaming.all);
}

static void try_number(const options *o, tally *tally, long number) {
  dice d = {(uint64_t)o->seed * 1000003 + (uint64_t)number};
  dice_bits(&d);
  trial t = {.options = o, .tally = tally, .number = number};
  draw_module(&t.module, &d);
  draw_target_file(&t.target, &d);
  if (o->print) printf("%s\n%s\n", t.module.bytes, t.target.bytes);
  write_target(&t);
  t.context = tn_context_create(keep_message, &t);
  if (evaluate(&t)) try_stream(&t);
  tn_arrays_destroy(t.expected);
  tn_arrays_destroy(t.arguments);
  tn_arrays_destroy(t.none);
  tn_model_destroy(t.model);
  tn_context_destroy(t.context);
  remove(t.target_path);
  tn_text_free(&t.module);
  tn_text_free(&t.target);
}

/* ---- forecasts ---- */

static int by_size(const void *left, const void *right) {
  double l = *(const double *)left, r = *(const double *)right;
  l = l < 0 ? -l : l;
  r = r < 0 ? -r : r;
  return (l > r) - (l < r);
}

/* Of so many percent of them the largest, in percent. */
static double largest_of(const forecast_errors *e, int percent) {
  return 100 * e->of[(e->count - 1) * percent / 100];
}

static void print_forecasts(const char *what, forecast_errors *e) {
  const int parts[] = {50, 90, 95, 99};
  if (!e->count) return;
  qsort(e->of, (size_t)e->count, sizeof *e->of, by_size);
  printf("forecasts of %s:", what);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    printf("%s %d %% within %.1f %%", i ? "," : "", parts[i], fabs(largest_of(e, parts[i])));
  printf("\n");
}

static int usage(void) {
  fprintf(stderr,
          "usage: random_arrays [--seed N] [--first I] [--count N] [--print] [--forecast] [--within PERCENT] "
          "[--keep FOLDER]\n");
  return 2;
}

int main(int argc, char **argv) {
  options o = {.seed = 1, .count = 100};
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
    long *number = NULL;
    if (!strcmp(name, "--seed")) number = &o.seed;
    if (!strcmp(name, "--first")) number = &o.first;
    if (!strcmp(name, "--count")) number = &o.count;
    if (!strcmp(name, "--print"))
      o.print = true;
    else if (!strcmp(name, "--forecast"))
      o.forecast = true;
    else if (next && !strcmp(name, "--keep"))
      o.keep = argv[++i];
    else if (next && !strcmp(name, "--within"))
      o.within = atof(argv[++i]);
    else if (next && number)
      *number = atol(argv[++i]);
    else
      return usage();
  }
  tally t = {0};
  t.array.of = malloc((size_t)(o.count + 1) * sizeof *t.array.of);
  t.all.of = malloc((size_t)(o.count + 1) * sizeof *t.all.of);
  for (long number = o.first; number < o.first + o.count; number++) try_number(&o, &t, number);
  printf("%ld modules: %ld the same, %ld different, %ld too large for their array\n", o.count, t.same,
         t.different, t.refused);
  printf("%ld used the host, for %.2f %% of all MACs\n", t.with_host,
         t.macs > 0 ? 100 * t.host_macs / t.macs : 0);
  bool near = true;
  if (o.forecast) {
    print_forecasts("the array's cycles", &t.array);
    print_forecasts("all cycles", &t.all);
    near = o.within <= 0 || !t.all.count || fabs(largest_of(&t.all, 95)) <= o.within;
  }
  free(t.array.of);
  free(t.all.of);
  return t.different != 0 || !near;
}
