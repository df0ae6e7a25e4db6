/* Streams for tests of the device, instruction by instruction.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TEST_RUNTIME_STREAMS_H
#define TEST_RUNTIME_STREAMS_H

#include "runtime/device_private.h"

/* A target: `keys` over defaults without limits. Aborts on an error. */
tn_systolic_target *test_target(tn_arena *arena, const char *keys);

/* Grows a stream. Addresses of arrays are given out one behind the other. */
typedef struct {
  tn_arena *arena;
  tn_stream stream;
  TN_VEC(tn_instruction) list;
  TN_VEC(tn_stream_array) arrays;
  TN_VEC(tn_stream_layer) layers;
  tn_text dram;
  uint32_t counts[TN_UNITS]; /* of instructions so far */
} stream_builder;

void builder_start(stream_builder *b, tn_arena *arena, const tn_systolic_target *target);
/* Appended as given; its place. */
tn_instruction *builder_put(stream_builder *b, tn_instruction i);
/* It waits for all that `unit` has been given so far. */
void builder_wait(const stream_builder *b, tn_instruction *i, tn_unit unit);
/* A row-major array in host memory; its index. */
uint32_t builder_array(stream_builder *b, const char *name, tn_type type, int rank, const int64_t *dims);
uint64_t builder_dram(stream_builder *b, const void *bytes, size_t count);
void builder_layer(stream_builder *b, const char *name, uint64_t macs);
/* halt; aborts if the verifier refuses it. The stream lives as long as the arena. */
const tn_stream *builder_end(stream_builder *b);

/* y[M,N] = x[M,K] * w[K,N]: parameter 0 is x, w lies in DRAM, result 0 is y, of the sums' type. */
typedef struct {
  int64_t m, k, n;
  tn_dataflow dataflow;
  tn_type x, w;
  bool whole_rows;   /* repetitions where tiles are alike, else each tile is an instruction */
  bool single_reads; /* a read_weights for each tile, whatever the matmul repeats */
} test_product;
const tn_stream *product_stream(tn_arena *arena, const tn_systolic_target *target,
                                const test_product *product, const void *w);
/* The same `layers` times, each with x and w of its own size in place. Without values. */
const tn_stream *products_stream(tn_arena *arena, const tn_systolic_target *target,
                                 const test_product *product, int layers);

/* Loads and runs, aborts on an error. NULL arrays: timing alone. */
void run_stream(tn_device_kind kind, const tn_stream *stream, const void *x, void *y,
                tn_device_counters *counters);

#endif
