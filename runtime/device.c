/* Devices: the calls of tenon/device.h, which every kind answers through a table of functions.
 *
 * A simulator does all its work in `start`; a device of silicon would begin there, and end in `wait`.
 * Out of memory is an error of the call like others: each sets a guard.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "runtime/device_private.h"

/* How a kind of device runs what is loaded. */
typedef struct {
  bool (*start)(tn_device *device);
  bool (*wait)(tn_device *device);
} device_kind;

struct tn_device {
  const device_kind *kind;
  tn_diagnostics sink;
  char message[512];
  tn_arena *arena; /* of what is loaded; NULL: nothing */
  const tn_stream *stream;
  tn_device_program *program;
  void *library; /* dlopen's */
  tn_device_host_function *functions;
  tn_value *parameters, *results;
  const void **given; /* a parameter's, a result's memory; NULL: not bound */
  void **taken;
  tn_device_listener *listener;
  void *user;
  bool has_started, has_run;
  tn_device_counters whole, *layers;
};

/* ---- messages ---- */

/* What the caller's bytes are called: nothing, in messages. */
static const char given_stream[] = "stream";

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  tn_device *device = user;
  if (diagnostic->severity != TN_SEVERITY_ERROR || device->message[0]) return;
  const char *file = diagnostic->location.file == given_stream ? NULL : diagnostic->location.file;
  snprintf(device->message, sizeof device->message, "%s%s%s", file ? file : "", file ? ": " : "",
           diagnostic->message);
}

static bool refuse(tn_device *device, const char *text) {
  return tn_error(&device->sink, TN_USAGE, TN_NOWHERE, "%s", text);
}

/* Work under a guard; 0 or 1, with a message. */
static int attempt(tn_device *device, bool (*work)(tn_device *, void *), void *argument) {
  tn_guard guard;
  device->message[0] = 0;
  device->sink = (tn_diagnostics){.callback = keep_message, .user = device};
  if (setjmp(*tn_guard_enter(&guard))) {
    snprintf(device->message, sizeof device->message, "out of memory");
    return 1;
  }
  bool done = work(device, argument);
  tn_guard_leave(&guard);
  if (!done && !device->message[0]) snprintf(device->message, sizeof device->message, "failed");
  return !done;
}

/* ---- kinds ---- */

static bool all_bound(const tn_device *device) {
  for (int p = 0; p < device->stream->n_parameters; p++)
    if (!device->given[p]) return false;
  for (int r = 0; r < device->stream->n_results; r++)
    if (!device->taken[r]) return false;
  return true;
}

static bool demand_bound(tn_device *device) {
  const tn_stream *stream = device->stream;
  for (int p = 0; p < stream->n_parameters; p++)
    if (!device->given[p])
      return tn_error(&device->sink, TN_USAGE, TN_NOWHERE, "parameter %d '%s' is not bound", p,
                      device->parameters[p].name);
  for (int r = 0; r < stream->n_results; r++)
    if (!device->taken[r])
      return tn_error(&device->sink, TN_USAGE, TN_NOWHERE, "result %d '%s' is not bound", r,
                      device->results[r].name);
  return true;
}

static bool refuse_without_library(tn_device *device) {
  return tn_error(&device->sink, TN_USAGE, TN_NOWHERE,
                  "the stream calls %d host functions, and no host library is given",
                  device->stream->n_functions);
}

static bool compute(tn_device *device) {
  if (device->stream->n_functions && !device->functions) return refuse_without_library(device);
  return tn_device_compute(device->program, device->functions, device->given, device->taken, &device->sink);
}

static void start_counting(tn_device *device) {
  device->whole = (tn_device_counters){0};
  memset(device->layers, 0, (size_t)device->stream->n_layers * sizeof *device->layers);
  tn_device_count(device->program, &device->whole, device->layers);
}

static void finish_counting(tn_device *device) {
  tn_device_energy(device->stream->target, &device->whole);
  for (int l = 0; l < device->stream->n_layers; l++)
    tn_device_energy(device->stream->target, &device->layers[l]);
}

static bool start_functional(tn_device *device) {
  if (!demand_bound(device)) return false;
  start_counting(device);
  finish_counting(device);
  return compute(device);
}

static bool start_timed(tn_device *device) {
  start_counting(device);
  tn_device_time(device->program, &device->whole, device->layers, device->listener, device->user);
  finish_counting(device);
  return !all_bound(device) || compute(device);
}

static bool wait_simulated(tn_device *device) {
  (void)device;
  return true;
}

static const device_kind kinds[] = {
    [TN_DEVICE_FUNCTIONAL] = {start_functional, wait_simulated},
    [TN_DEVICE_TIMED] = {start_timed, wait_simulated},
};

/* ---- opening ---- */

tn_device *tn_device_open(tn_device_kind kind) {
  if (kind != TN_DEVICE_FUNCTIONAL && kind != TN_DEVICE_TIMED) return NULL;
  tn_device *device = calloc(1, sizeof *device);
  if (device) device->kind = &kinds[kind];
  return device;
}

static void unload(tn_device *device) {
  tn_device empty = {.kind = device->kind, .sink = device->sink};
  if (device->library) dlclose(device->library);
  tn_arena_destroy(device->arena);
  empty.listener = device->listener;
  empty.user = device->user;
  *device = empty;
}

void tn_device_close(tn_device *device) {
  if (!device) return;
  unload(device);
  free(device);
}

const char *tn_device_message(const tn_device *device) { return device->message; }
tn_status tn_device_status(const tn_device *device) { return device->sink.status; }

/* ---- loading ---- */

static void describe(tn_arena *arena, const tn_stream_array *array, tn_value *value) {
  int32_t *order = TN_NEW_ARRAY(arena, int32_t, array->rank);
  for (int d = 0; d < array->rank; d++) order[d] = array->rank - 1 - d;
  *value = (tn_value){.name = array->name,
                      .type = tn_type_name(array->type),
                      .rank = array->rank,
                      .dims = array->dims,
                      .minor_to_major = order,
                      .bytes = (int64_t)array->bytes,
                      .aliases = -1};
}

static bool values_fit(const tn_stream *stream, const tn_stream_function *function,
                       const tn_signature *signature) {
  if (signature->parameter_count != function->n_parameters || signature->result_count != function->n_results)
    return false;
  for (int a = 0; a < function->n_parameters + function->n_results; a++) {
    const tn_value *value = a < function->n_parameters ? &signature->parameters[a]
                                                       : &signature->results[a - function->n_parameters];
    if (value->bytes != (int64_t)stream->arrays[function->arrays[a]].bytes) return false;
  }
  return signature->version == 1 && signature->constant_bytes == 0 && signature->arena_alignment <= 64;
}

static bool find_function(tn_device *device, int number) {
  const tn_stream_function *function = &device->stream->functions[number];
  tn_device_host_function *found = &device->functions[number];
  void *call = dlsym(device->library, tn_arena_printf(device->arena, "%s_call", function->symbol));
  memcpy(&found->call, &call, sizeof call); /* POSIX: an object pointer holds a function's */
  found->signature = dlsym(device->library, tn_arena_printf(device->arena, "%s_signature", function->symbol));
  if (!call || !found->signature)
    return tn_error(&device->sink, TN_INVALID, TN_NOWHERE, "the host library has no function '%s'",
                    function->symbol);
  return values_fit(device->stream, function, found->signature) ||
         tn_error(&device->sink, TN_INVALID, TN_NOWHERE,
                  "host function '%s' takes other arrays than the stream gives", function->symbol);
}

static bool open_library(tn_device *device, const char *path) {
  const tn_stream *stream = device->stream;
  if (!stream->n_functions) return true;
  if (!path) return device->kind == &kinds[TN_DEVICE_TIMED] || refuse_without_library(device);
  tn_str bytes;
  if (!tn_file_map(device->arena, &device->sink, path, UINT64_MAX, &bytes)) return false;
  tn_hash hash = tn_hash_bytes(bytes.at, bytes.length);
  if (hash.high != stream->host_hash[0] || hash.low != stream->host_hash[1])
    return tn_error(&device->sink, TN_INVALID, TN_NOWHERE,
                    "'%s' is not the host library that the stream names", path);
  char *full = realpath(path, NULL); /* without a slash dlopen would search */
  device->library = full ? dlopen(full, RTLD_NOW | RTLD_LOCAL) : NULL;
  free(full);
  if (!device->library)
    return tn_error(&device->sink, TN_INVALID, TN_NOWHERE, "'%s' cannot be loaded: %s", path, dlerror());
  device->functions = TN_NEW_ARRAY(device->arena, tn_device_host_function, stream->n_functions);
  for (int f = 0; f < stream->n_functions; f++)
    if (!find_function(device, f)) return false;
  return true;
}

typedef struct {
  const void *bytes;
  size_t size;
  const tn_stream *stream; /* or this, verified */
  const char *library;
} load_work;

static bool take(tn_device *device, const load_work *work) {
  const tn_stream *stream = work->stream;
  if (!stream) {
    tn_str bytes = {work->bytes, work->size};
    stream = tn_stream_read(device->arena, &device->sink, given_stream, bytes);
    if (!stream || !tn_stream_verify(stream, given_stream, &device->sink)) return false;
  }
  tn_arena *arena = device->arena;
  device->stream = stream;
  device->parameters = TN_NEW_ARRAY(arena, tn_value, stream->n_parameters);
  device->results = TN_NEW_ARRAY(arena, tn_value, stream->n_results);
  device->given = TN_NEW_ARRAY(arena, const void *, stream->n_parameters);
  device->taken = TN_NEW_ARRAY(arena, void *, stream->n_results);
  device->layers = TN_NEW_ARRAY(arena, tn_device_counters, stream->n_layers);
  for (int p = 0; p < stream->n_parameters; p++)
    describe(arena, &stream->arrays[stream->parameters[p]], &device->parameters[p]);
  for (int r = 0; r < stream->n_results; r++)
    describe(arena, &stream->arrays[stream->results[r]], &device->results[r]);
  device->program = tn_device_prepare(arena, stream);
  return open_library(device, work->library);
}

static bool load(tn_device *device, void *argument) {
  tn_diagnostics sink = device->sink;
  unload(device);
  device->sink = sink;
  device->arena = tn_arena_create();
  return take(device, argument);
}

/* What is half loaded is not loaded. */
static int load_with(tn_device *device, load_work work) {
  int failed = attempt(device, load, &work);
  if (!failed) return 0;
  char message[sizeof device->message];
  memcpy(message, device->message, sizeof message);
  unload(device);
  memcpy(device->message, message, sizeof message);
  return failed;
}

int tn_device_load(tn_device *device, const void *bytes, size_t size, const char *host_library) {
  return load_with(device, (load_work){.bytes = bytes, .size = size, .library = host_library});
}

int tn_device_load_stream(tn_device *device, const tn_stream *stream, const char *host_library) {
  return load_with(device, (load_work){.stream = stream, .library = host_library});
}

static bool add_library(tn_device *device, void *argument) {
  if (!device->stream) return refuse(device, "nothing is loaded");
  if (device->library || open_library(device, argument)) return true;
  if (device->library) dlclose(device->library);
  device->library = NULL;
  device->functions = NULL;
  return false;
}

int tn_device_load_library(tn_device *device, const char *host_library) {
  return attempt(device, add_library, (void *)host_library);
}

/* ---- what is loaded ---- */

int tn_device_parameter_count(const tn_device *device) {
  return device->stream ? device->stream->n_parameters : 0;
}
int tn_device_result_count(const tn_device *device) { return device->stream ? device->stream->n_results : 0; }
int tn_device_layer_count(const tn_device *device) { return device->stream ? device->stream->n_layers : 0; }

const tn_value *tn_device_parameter(const tn_device *device, int number) {
  return number >= 0 && number < tn_device_parameter_count(device) ? &device->parameters[number] : NULL;
}
const tn_value *tn_device_result(const tn_device *device, int number) {
  return number >= 0 && number < tn_device_result_count(device) ? &device->results[number] : NULL;
}
const char *tn_device_layer_name(const tn_device *device, int layer) {
  return layer >= 0 && layer < tn_device_layer_count(device) ? device->stream->layers[layer].name : NULL;
}
const char *tn_device_unit_name(int unit) {
  return unit >= 0 && unit < TN_UNITS ? tn_unit_name((tn_unit)unit) : NULL;
}

typedef struct {
  int number;
  const void *given;
  void *taken;
} bind_work;

static bool bind_parameter(tn_device *device, void *argument) {
  bind_work *work = argument;
  if (work->number < 0 || work->number >= tn_device_parameter_count(device))
    return tn_error(&device->sink, TN_USAGE, TN_NOWHERE, "there is no parameter %d; there are %d",
                    work->number, tn_device_parameter_count(device));
  device->given[work->number] = work->given;
  return true;
}

static bool bind_result(tn_device *device, void *argument) {
  bind_work *work = argument;
  if (work->number < 0 || work->number >= tn_device_result_count(device))
    return tn_error(&device->sink, TN_USAGE, TN_NOWHERE, "there is no result %d; there are %d", work->number,
                    tn_device_result_count(device));
  device->taken[work->number] = work->taken;
  return true;
}

int tn_device_bind_parameter(tn_device *device, int number, const void *data) {
  return attempt(device, bind_parameter, &(bind_work){.number = number, .given = data});
}
int tn_device_bind_result(tn_device *device, int number, void *data) {
  return attempt(device, bind_result, &(bind_work){.number = number, .taken = data});
}

void tn_device_listen(tn_device *device, tn_device_listener *listener, void *user) {
  device->listener = listener;
  device->user = user;
}

/* ---- running ---- */

static bool start(tn_device *device, void *argument) {
  (void)argument;
  if (!device->stream) return refuse(device, "no stream is loaded");
  device->has_run = false;
  device->has_started = device->kind->start(device);
  return device->has_started;
}

static bool wait(tn_device *device, void *argument) {
  (void)argument;
  if (!device->has_started) return refuse(device, "nothing has been started");
  device->has_started = false;
  device->has_run = device->kind->wait(device);
  return device->has_run;
}

int tn_device_start(tn_device *device) { return attempt(device, start, NULL); }
int tn_device_wait(tn_device *device) { return attempt(device, wait, NULL); }

typedef struct {
  int layer;
  tn_device_counters *counters;
} counters_work;

static bool find_counters(tn_device *device, void *argument) {
  counters_work *work = argument;
  if (!device->has_run) return refuse(device, "nothing has run");
  if (work->layer < -1 || work->layer >= device->stream->n_layers)
    return tn_error(&device->sink, TN_USAGE, TN_NOWHERE, "there is no layer %d; there are %d", work->layer,
                    device->stream->n_layers);
  *work->counters = work->layer < 0 ? device->whole : device->layers[work->layer];
  return true;
}

int tn_device_counters_of(const tn_device *device, int layer, tn_device_counters *counters) {
  /* The message, which the call may leave, is all that it changes. */
  return attempt((tn_device *)device, find_counters, &(counters_work){layer, counters});
}
