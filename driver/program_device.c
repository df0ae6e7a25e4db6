/* Streams on a device: read, loaded with the library beside them, described by a signature, run.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "driver/program.h"
#include "runtime/device_stream.h"

bool tn_driver_device_failed(tn_context *context, const tn_device *device) {
  tn_status status = tn_device_status(device);
  return tn_error(&context->sink, status == TN_OK ? TN_LIMIT : status, TN_NOWHERE, "%s",
                  tn_device_message(device));
}

const char *tn_driver_library_beside(tn_arena *arena, const char *path) {
  size_t stem = strlen(path) - strlen(tn_path_suffix(path));
  return tn_arena_printf(arena, "%.*s.host.so", (int)stem, path);
}

tn_stream *tn_driver_read_stream(tn_context *context, tn_arena *arena, const char *file, tn_str bytes) {
  tn_stream *stream = tn_stream_read(arena, &context->sink, file, bytes);
  return stream && tn_stream_verify(stream, file, &context->sink) ? stream : NULL;
}

static const tn_signature *signature_of(tn_arena *arena, const tn_stream *stream, const tn_device *device) {
  tn_signature *signature = TN_NEW(arena, tn_signature);
  int parameters = tn_device_parameter_count(device), results = tn_device_result_count(device);
  tn_value *values = TN_NEW_ARRAY(arena, tn_value, parameters + results);
  for (int i = 0; i < parameters; i++) values[i] = *tn_device_parameter(device, i);
  for (int i = 0; i < results; i++) values[parameters + i] = *tn_device_result(device, i);
  *signature = (tn_signature){.version = 1,
                              .name = stream->name,
                              .parameter_count = parameters,
                              .result_count = results,
                              .parameters = values,
                              .results = values + parameters};
  return signature;
}

bool tn_driver_load_stream(tn_context *context, tn_arena *arena, const tn_stream *stream, const char *library,
                           tn_device_kind kind, tn_device **device, const tn_signature **signature) {
  *device = tn_device_open(kind);
  if (!*device) return tn_error(&context->sink, TN_LIMIT, TN_NOWHERE, "out of memory");
  if (tn_device_load_stream(*device, stream, library)) return tn_driver_device_failed(context, *device);
  *signature = signature_of(arena, stream, *device);
  return true;
}

bool tn_driver_run_stream(tn_context *context, tn_device *device, const void *const *parameters,
                          void *const *results) {
  int failed = 0;
  for (int i = 0; !failed && i < tn_device_parameter_count(device); i++)
    failed = tn_device_bind_parameter(device, i, parameters ? parameters[i] : NULL);
  for (int i = 0; !failed && i < tn_device_result_count(device); i++)
    failed = tn_device_bind_result(device, i, results ? results[i] : NULL);
  if (failed || tn_device_start(device) || tn_device_wait(device))
    return tn_driver_device_failed(context, device);
  return true;
}
