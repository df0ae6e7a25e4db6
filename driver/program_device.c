/* Streams as programs: loaded into the functional device, described by a signature.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/program.h"
#include "runtime/device_stream.h"

bool tn_driver_device_failed(tn_context *context, const tn_device *device) {
  tn_status status = tn_device_status(device);
  return tn_error(&context->sink, status == TN_OK ? TN_LIMIT : status, TN_NOWHERE, "%s",
                  tn_device_message(device));
}

bool tn_driver_load_stream(tn_context *context, tn_arena *arena, tn_str bytes, const char *library,
                           tn_device **device, const tn_signature **signature) {
  tn_device *d = *device = tn_device_open(TN_DEVICE_FUNCTIONAL);
  if (!d) return tn_error(&context->sink, TN_LIMIT, TN_NOWHERE, "out of memory");
  if (tn_device_load(d, bytes.at, bytes.length, library)) return tn_driver_device_failed(context, d);
  tn_signature *own = TN_NEW(arena, tn_signature);
  int parameters = tn_device_parameter_count(d), results = tn_device_result_count(d);
  tn_value *values = TN_NEW_ARRAY(arena, tn_value, parameters + results);
  for (int i = 0; i < parameters; i++) values[i] = *tn_device_parameter(d, i);
  for (int i = 0; i < results; i++) values[parameters + i] = *tn_device_result(d, i);
  own->version = 1;
  own->name = "stream";
  own->parameter_count = parameters;
  own->result_count = results;
  own->parameters = values;
  own->results = values + parameters;
  *signature = own;
  return true;
}

bool tn_driver_run_stream(tn_context *context, tn_device *device, const void *const *parameters,
                          void *const *results) {
  int failed = 0;
  for (int i = 0; !failed && i < tn_device_parameter_count(device); i++)
    failed = tn_device_bind_parameter(device, i, parameters[i]);
  for (int i = 0; !failed && i < tn_device_result_count(device); i++)
    failed = tn_device_bind_result(device, i, results[i]);
  if (failed || tn_device_start(device) || tn_device_wait(device))
    return tn_driver_device_failed(context, device);
  return true;
}
