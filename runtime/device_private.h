/* What the files of the device share.
 *
 *   bytes --read, verify--> stream --prepare--> program --functional--> values
 *                                                      \--timed-------> cycles
 *
 * Values and time are computed apart: a verified stream says one thing in whatever order its units
 * run, so values need no clock, and time depends on no value.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_RUNTIME_DEVICE_PRIVATE_H
#define TN_RUNTIME_DEVICE_PRIVATE_H

#include "runtime/device_stream.h"
#include "target/stream_index.h"

/* A stream, what each unit does in its order, and how much memory that takes. */
typedef struct {
  const tn_stream *stream;
  tn_stream_index index;
  uint64_t buffer_bytes;    /* up to where the unified buffer is written */
  int64_t accumulator_rows; /* up to where accumulators are */
  bool writes_dram;
} tn_device_program;

tn_device_program *tn_device_prepare(tn_arena *arena, const tn_stream *stream);

/* Bytes and multiply-adds, which need no clock: added to `layers` (may be NULL) and `whole`. */
void tn_device_count(const tn_device_program *program, tn_device_counters *whole, tn_device_counters *layers);
/* From what was counted. */
void tn_device_energy(const tn_systolic_target *array, tn_device_counters *counters);

/* ---- values ---- */

/* Functions of the host library, in the stream's order. */
typedef struct {
  int (*call)(void *const *arrays, void *arena, size_t arena_size, const tn_exec *exec);
  const tn_signature *signature;
} tn_device_host_function;

/* Executes the stream. Parameters are read, results written. False after reporting: a function of the
 * host failed.                                                                                     */
bool tn_device_compute(const tn_device_program *program, const tn_device_host_function *functions,
                       const void *const *parameters, void *const *results, tn_diagnostics *sink);

/* ---- time ---- */

/* Fills cycles and what belongs to them in `whole` and `layers` (one a layer of the stream, may be NULL),
 * which hold what tn_device_count found.                                                            */
void tn_device_time(const tn_device_program *program, tn_device_counters *whole, tn_device_counters *layers,
                    tn_device_listener *listener, void *user);

#endif
