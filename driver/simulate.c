/* Streams on the timed device: loads, runs on arrays, writes what was seen.
 *
 * A stream keeps its target. Settings change that target before the stream is verified again: what it can
 * do without (bandwidths, latencies, clock) may change, what its instructions rely on is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>

#include "base/file.h"
#include "driver/driver.h"
#include "driver/pictures.h"
#include "driver/program.h"
#include "driver/stream.h"
#include "runtime/device_stream.h"

struct tn_simulation {
  tn_context *context;
  tn_arena *arena; /* holds the simulation, the stream, its bytes */
  tn_stream *stream;
  tn_device *device;
  const char *library; /* not loaded yet: time needs none; NULL: it is, or nothing runs on the host */
  const tn_signature *signature;
  tn_simulated result;
  tn_simulated_layer *layers; /* the result's */
};

static tn_simulation *new_simulation(tn_context *context) {
  tn_arena *arena = tn_arena_create();
  tn_simulation *simulation = TN_NEW(arena, tn_simulation);
  *simulation = (tn_simulation){.context = context, .arena = arena};
  return simulation;
}

void tn_simulation_destroy(tn_simulation *simulation) {
  if (!simulation) return;
  tn_device_close(simulation->device);
  tn_arena_destroy(simulation->arena);
}

const tn_signature *tn_simulation_signature(const tn_simulation *simulation) { return simulation->signature; }
const tn_simulated *tn_simulation_result(const tn_simulation *simulation) { return &simulation->result; }

/* ---- loading ---- */

/* Of a stream that holds as it is. */
static bool apply_settings(tn_simulation *simulation, const char *file, const char *const *settings) {
  tn_context *context = simulation->context;
  tn_systolic_target *target = simulation->stream->target;
  if (!settings || !*settings) return true;
  for (; *settings; settings++)
    if (!tn_systolic_target_set(target, &context->sink, (tn_str){*settings, strlen(*settings)})) return false;
  if (!tn_systolic_target_check(target, &context->sink)) return false;
  tn_first_error first = {.arena = context->scratch};
  tn_diagnostics own = {.callback = tn_driver_keep_first, .user = &first};
  if (tn_stream_verify(simulation->stream, file, &own)) return true;
  return tn_error(&context->sink, TN_USAGE, (tn_location){.file = file},
                  "'--set' changes what the stream was compiled for: %s", first.message ? first.message : "");
}

/* All but the counters. */
static void describe(tn_simulation *simulation) {
  const tn_stream *stream = simulation->stream;
  const tn_systolic_target *array = stream->target;
  tn_simulated *result = &simulation->result;
  *result = (tn_simulated){.name = stream->name,
                           .target = array->name,
                           .rows = array->rows,
                           .columns = array->columns,
                           .clock_mhz = array->clock_mhz,
                           .instructions = stream->count,
                           .macs_total = (int64_t)stream->host_macs,
                           .model_cycles = (int64_t)stream->model_cycles,
                           .model_total_cycles = (int64_t)stream->model_total_cycles,
                           .layer_count = stream->n_layers};
  simulation->layers = TN_NEW_ARRAY(simulation->arena, tn_simulated_layer, stream->n_layers);
  for (int l = 0; l < stream->n_layers; l++) {
    const tn_stream_layer *layer = &stream->layers[l];
    simulation->layers[l] = (tn_simulated_layer){.name = layer->name,
                                                 .source = layer->source ? layer->source : "",
                                                 .macs = (int64_t)layer->macs,
                                                 .model_cycles = (int64_t)layer->model_cycles};
    result->macs_on_array += (int64_t)layer->macs;
  }
  result->macs_total += result->macs_on_array;
  result->layers = simulation->layers;
}

/* `bytes` live as long as the simulation. library: NULL, or a file that is not needed afterwards. */
static bool load(tn_simulation *simulation, const char *file, tn_str bytes, const char *const *settings,
                 const char *library) {
  tn_context *context = simulation->context;
  tn_arena *arena = simulation->arena;
  simulation->stream = tn_driver_read_stream(context, arena, file, bytes);
  if (!simulation->stream || !apply_settings(simulation, file, settings)) return false;
  describe(simulation);
  return tn_driver_load_stream(context, arena, simulation->stream, library, TN_DEVICE_TIMED,
                               &simulation->device, &simulation->signature);
}

typedef struct {
  tn_context *context;
  const char *path;
  const char *const *settings;
  tn_simulation *simulation;
} open_work;

static bool do_open(void *argument) {
  open_work *work = argument;
  tn_context *context = work->context;
  tn_simulation *simulation = work->simulation = new_simulation(context);
  tn_str bytes;
  if (!tn_file_map(simulation->arena, &context->sink, work->path, (uint64_t)context->limits.max_file_size,
                   &bytes))
    return false;
  simulation->library = tn_driver_library_beside(simulation->arena, work->path);
  return load(simulation, tn_arena_string(simulation->arena, work->path), bytes, work->settings, NULL);
}

tn_status tn_simulation_open(tn_context *context, const char *path, const char *const *settings,
                             tn_simulation **simulation) {
  open_work work = {.context = context, .path = path, .settings = settings};
  tn_status status = tn_driver_do(context, do_open, &work);
  if (status != TN_OK) tn_simulation_destroy(work.simulation);
  *simulation = status == TN_OK ? work.simulation : NULL;
  return status;
}

typedef struct {
  tn_stream_compilation all;
  tn_simulation *simulation;
} compile_work;

static bool do_compile(void *argument) {
  compile_work *work = argument;
  tn_context *context = work->all.all.model->context;
  tn_compile_options *options = &work->all.all.options;
  options->name = tn_symbol_name(context->scratch, options->name ? options->name : "model");
  if (!tn_stream_compile(&work->all)) return false;
  tn_simulation *simulation = work->simulation = new_simulation(context);
  tn_str bytes = {tn_arena_copy(simulation->arena, work->all.bytes.bytes, work->all.bytes.length),
                  work->all.bytes.length};
  return load(simulation, tn_arena_string(simulation->arena, options->name), bytes, NULL, work->all.library);
}

tn_status tn_simulation_compile(tn_model *model, const tn_compile_options *options,
                                tn_simulation **simulation, tn_compile_report *report) {
  compile_work work = {.all = {.all = {.model = model, .options = *options}}};
  tn_status status = tn_driver_do(model->context, do_compile, &work);
  if (report) *report = work.all.all.report;
  tn_text_free(&work.all.bytes);
  tn_compilation_end(&work.all.all);
  if (status != TN_OK) tn_simulation_destroy(work.simulation);
  *simulation = status == TN_OK ? work.simulation : NULL;
  return status;
}

/* ---- running ---- */

typedef struct {
  tn_simulation *simulation;
  const tn_simulation_options *options;
  tn_arrays *results;
  tn_timeline timeline;
} run_work;

/* The arguments' data; *parameters is NULL where there are none. */
static bool take_arguments(run_work *work, const void ***parameters) {
  tn_context *context = work->simulation->context;
  const tn_signature *signature = work->simulation->signature;
  *parameters = NULL;
  if (!work->options->arguments) return true;
  const void **list = *parameters = TN_NEW_ARRAY(context->scratch, const void *, signature->parameter_count);
  for (int i = 0; i < signature->parameter_count; i++) {
    const tn_shape *shape = tn_driver_value_shape(context->scratch, &signature->parameters[i]);
    tn_literal *literal = tn_driver_argument(context->scratch, context, work->options->arguments, i, shape);
    if (!literal) return false;
    list[i] = literal->data;
  }
  return true;
}

static void **room_for_results(const run_work *work) {
  tn_arena *scratch = work->simulation->context->scratch;
  const tn_signature *signature = work->simulation->signature;
  void **data = TN_NEW_ARRAY(scratch, void *, signature->result_count);
  for (int i = 0; i < signature->result_count; i++)
    data[i] = tn_arena_alloc(scratch, (size_t)signature->results[i].bytes);
  return data;
}

static void take_results(run_work *work, void *const *data) {
  tn_context *context = work->simulation->context;
  const tn_signature *signature = work->simulation->signature;
  work->results = tn_driver_new_arrays(context);
  for (int i = 0; i < signature->result_count; i++) {
    tn_literal literal = {.shape = tn_driver_value_shape(context->scratch, &signature->results[i]),
                          .data = data[i]};
    tn_driver_append_literal(work->results, signature->results[i].name, &literal);
  }
}

static void take_counters(tn_simulation *simulation, const tn_device *device) {
  tn_device_counters_of(device, -1, &simulation->result.counters);
  for (int l = 0; l < simulation->stream->n_layers; l++)
    tn_device_counters_of(device, l, &simulation->layers[l].counters);
}

static bool write_text(tn_context *context, const char *path, const tn_text *text) {
  tn_str piece = {text->bytes, text->length};
  return tn_file_write(&context->sink, path, &piece, 1, false);
}

static void free_text(void *text) { tn_text_free(text); }

static bool write_pictures(run_work *work) {
  tn_simulation *simulation = work->simulation;
  tn_context *context = simulation->context;
  if (work->options->timeline) {
    tn_timeline_end(&work->timeline);
    if (!write_text(context, work->options->timeline, &work->timeline.out)) return false;
  }
  if (!work->options->utilisation) return true;
  tn_text *svg = TN_NEW(context->scratch, tn_text);
  tn_arena_on_release(context->scratch, free_text, svg);
  tn_utilisation_svg(svg, &simulation->result);
  return write_text(context, work->options->utilisation, svg);
}

static bool do_run(void *argument) {
  static const tn_simulation_options defaults = {0};
  run_work *work = argument;
  if (!work->options) work->options = &defaults;
  tn_simulation *simulation = work->simulation;
  tn_context *context = simulation->context;
  tn_device *device = simulation->device;
  const void **parameters;
  if (!take_arguments(work, &parameters)) return false;
  void **data = parameters ? room_for_results(work) : NULL;
  if (parameters && simulation->library) {
    if (tn_device_load_library(device, simulation->library)) return tn_driver_device_failed(context, device);
    simulation->library = NULL;
  }
  bool watch = work->options->timeline != NULL;
  if (watch) tn_timeline_start(&work->timeline, context->scratch, simulation->stream);
  tn_device_listen(device, watch ? tn_timeline_event : NULL, &work->timeline);
  if (!tn_driver_run_stream(context, device, parameters, data)) return false;
  take_counters(simulation, device);
  if (parameters) take_results(work, data);
  return write_pictures(work);
}

tn_status tn_simulation_run(tn_simulation *simulation, const tn_simulation_options *options,
                            tn_arrays **results) {
  run_work work = {.simulation = simulation, .options = options};
  tn_status status = tn_driver_do(simulation->context, do_run, &work);
  tn_text_free(&work.timeline.out);
  if (status != TN_OK) {
    tn_arrays_destroy(work.results);
    work.results = NULL;
  }
  if (results) *results = work.results;
  return status;
}
