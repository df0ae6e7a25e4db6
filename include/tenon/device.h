/* Systolic devices: load a stream, bind arrays, run, read what was counted.
 *
 *   tn_device *device = tn_device_open(TN_DEVICE_TIMED);
 *   int failed = tn_device_load(device, bytes, size, "cnn.host.so") ||
 *                tn_device_bind_parameter(device, 0, images) || tn_device_bind_result(device, 0, logits) ||
 *                tn_device_start(device) || tn_device_wait(device);
 *   if (failed) puts(tn_device_message(device));
 *   tn_device_counters_of(device, -1, &counters);
 *   tn_device_close(device);
 *
 * A stream is what `tenon compile --target=FILE.target -o cnn.tns` writes; cnn.host.so lies beside it
 * if parts of the model run on the host. FUNCTIONAL computes, at the host's speed. TIMED accounts for
 * every cycle, and computes too if all arrays are bound. Hardware would be one more kind: a device
 * is a table of functions inside.
 *
 * In libtenon-device.a and libtenon.
 *
 * Part of Tenon, under the Apache License v2.0 with LLVM exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TENON_DEVICE_H
#define TENON_DEVICE_H

#include "tenon/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

typedef struct tn_device tn_device;
typedef enum { TN_DEVICE_FUNCTIONAL, TN_DEVICE_TIMED } tn_device_kind;

/* In cycles of the array's clock but where said. active + weight_stall + weight_shift + non_matrix is
 * cycles + 1 if the array did anything; raw_stall and input_stall are parts of non_matrix (Jouppi et
 * al., ISCA 2017, table 3).                                                                       */
typedef struct {
  int64_t cycles;       /* from the first to the last cycle of the array's work */
  int64_t total_cycles; /* from the start to halt, without what the host's functions take */
  int64_t active;       /* rows enter the array, or waves pass and nothing else holds the next rows up */
  int64_t useful_macs, unused_macs; /* together what the array could have done while active */
  int64_t weight_stall; /* no row enters: no tile in the FIFO */
  int64_t weight_shift; /* no row enters: a tile shifts in */
  int64_t non_matrix;   /* the rest */
  int64_t raw_stall;    /* of it: waiting for results of the vector unit */
  int64_t input_stall;  /* of it: waiting for DMA */
  int64_t dram_read_bytes, dram_write_bytes, host_read_bytes, host_write_bytes;
  int64_t buffer_read_bytes, buffer_write_bytes, accumulator_read_bytes, accumulator_write_bytes;
  int64_t vector_cycles, dma_cycles, weight_cycles; /* busy */
  double mac_pj, buffer_pj, accumulator_pj, dram_pj, host_pj; /* energy */
} tn_device_counters;

/* One instruction's stay in its unit, for timelines. */
typedef struct {
  int unit;            /* tn_device_unit_name */
  int64_t instruction; /* index in the stream */
  int layer;           /* -1: before the first */
  int64_t start, end;  /* cycles */
} tn_device_event;
typedef void tn_device_listener(void *user, const tn_device_event *event);

/* NULL for an unknown kind, and when there is no memory. Calls that return int return 0, or an error
 * whose text is tn_device_message, which lives until the next call.                                */
tn_device *tn_device_open(tn_device_kind kind);
void tn_device_close(tn_device *device);
const char *tn_device_message(const tn_device *device);

/* The stream is verified first. `bytes` is the caller's until close or the next load. host_library may
 * be NULL if the stream calls no host functions, and on TIMED if nothing is to be computed; its hash must be the
 * one that the stream names.                                                                              */
int tn_device_load(tn_device *device, const void *bytes, size_t size, const char *host_library);

/* What the stream takes and gives; strings and dims live as long as the stream is loaded. */
int tn_device_parameter_count(const tn_device *device);
int tn_device_result_count(const tn_device *device);
const tn_value *tn_device_parameter(const tn_device *device, int number);
const tn_value *tn_device_result(const tn_device *device, int number);

/* Row-major, of the value's bytes, the caller's until the run has ended. */
int tn_device_bind_parameter(tn_device *device, int number, const void *data);
int tn_device_bind_result(tn_device *device, int number, void *data);

void tn_device_listen(tn_device *device, tn_device_listener *listener, void *user);
/* Begins; wait returns when it has ended. A simulator may do all its work in either. */
int tn_device_start(tn_device *device);
int tn_device_wait(tn_device *device);

/* Of the last run; layer -1: the whole. FUNCTIONAL: only bytes and MACs, no cycles. */
int tn_device_counters_of(const tn_device *device, int layer, tn_device_counters *counters);
int tn_device_layer_count(const tn_device *device);
const char *tn_device_layer_name(const tn_device *device, int layer);
const char *tn_device_unit_name(int unit);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
