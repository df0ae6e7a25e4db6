/* Programs made inside the driver.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_PROGRAM_H
#define TN_DRIVER_PROGRAM_H

#include "driver/compile.h"
#include "target/stream.h"
#include "tenon/device.h"

/* The plan's code in this process, for which the plan is not needed any more. NULL
 * after reporting.                                                                */
tn_program *tn_program_of_plan(tn_context *context, tn_plan *plan, int level);

/* ---- program_device.c: streams; false and NULL after reporting ---- */

/* NAME.host.so beside NAME.tns. */
const char *tn_driver_library_beside(tn_arena *arena, const char *path);
/* Read and verified; it views `bytes`. `file` is what messages call it, and lives as long. */
tn_stream *tn_driver_read_stream(tn_context *context, tn_arena *arena, const char *file, tn_str bytes);
/* On a device, with its signature in `arena`; stream and library as tn_device_load_stream wants them.
 * *device is the caller's to close, also after a failure.                                            */
bool tn_driver_load_stream(tn_context *context, tn_arena *arena, const tn_stream *stream, const char *library,
                           tn_device_kind kind, tn_device **device, const tn_signature **signature);
/* On arrays as tn_device_bind_* take them; NULL: none (the timed device). */
bool tn_driver_run_stream(tn_context *context, tn_device *device, const void *const *parameters,
                          void *const *results);
/* The device's own words and status become the context's: false. Without a status memory was short. */
bool tn_driver_device_failed(tn_context *context, const tn_device *device);

tn_context *tn_program_context(const tn_program *program);

/* The plan's kernels in its order; without `compile`, and where no step runs a kernel, their
 * programs are NULL. Lists and texts are in `arena`; programs are the caller's. False after
 * reporting; then there are none.                                                          */
bool tn_driver_kernels(tn_context *context, tn_arena *arena, const tn_plan *plan, int level, bool compile,
                       tn_kernel_program **kernels, int32_t *count);

#endif
