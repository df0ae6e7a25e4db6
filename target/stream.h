/* Streams (.tns): a program for a systolic machine, with its data and its names.
 *
 * Everything needed to run and to simulate it alone: the target's keys, the instructions, what lies
 * in DRAM at the start, what the host's memory holds, which of it are the parameters and results, the
 * host's functions, the layers. docs/isa.md has the file's format: a header (magic, version, sizes,
 * hash of all behind it) and sections, little-endian.
 *
 * As text (tenon dis, tenon asm) the same line by line: `.target` … `.dram`, `.host`, `.parameter`,
 * `.result`, `.function`, `.layer`, then instructions; asm(dis(x)) is x, byte for byte.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_STREAM_H
#define TN_TARGET_STREAM_H

#include "target/isa.h"

/* A piece of the host's memory, which the stream and the host's functions address from 0. */
typedef struct {
  const char *name;
  tn_type type;
  int rank;
  const int64_t *dims;
  uint64_t at, bytes; /* in host memory; row-major; at is a multiple of 64 */
} tn_stream_array;

/* A function of NAME.host.so: SYMBOL_call with the arrays' addresses, parameters first, and SYMBOL_signature, which
 * says how large they are (tenon/runtime.h, docs/abi.md).                                             */
typedef struct {
  const char *symbol;
  int n_parameters, n_results;
  const uint32_t *arrays; /* indices into `arrays` */
} tn_stream_function;

typedef struct {
  const char *name;   /* of the kernel */
  const char *source; /* op_name and file:line, or NULL */
  uint64_t macs;      /* that the model asks for, padding and packing apart */
  uint64_t model_cycles;
} tn_stream_layer;

typedef struct {
  tn_systolic_target *target;
  const char *name;
  tn_instruction *instructions;
  int64_t count;
  uint64_t host_bytes, dram_bytes; /* how much of both it uses */
  tn_str dram;                     /* DRAM's first bytes; the rest is undefined at the start */
  tn_stream_array *arrays;
  int n_arrays;
  uint32_t *parameters, *results; /* arrays */
  int n_parameters, n_results;
  tn_stream_function *functions;
  int n_functions;
  uint64_t host_hash[2]; /* of NAME.host.so, the high half first; 0 without functions */
  tn_stream_layer *layers;
  int n_layers;
  uint64_t model_cycles, model_total_cycles; /* the cost model's forecasts: of the array's work; of all */
  uint64_t host_macs;                        /* multiply-adds that the host's functions do */
} tn_stream;

#define TN_STREAM_MAGIC "\177TNS" /* what files begin with */

/* The file's bytes; same stream, same bytes. */
void tn_stream_write(tn_text *out, const tn_stream *stream);
/* Bounded by the file's size; views of `bytes` where possible. NULL after TN_INVALID with the offset. */
tn_stream *tn_stream_read(tn_arena *arena, tn_diagnostics *sink, const char *file, tn_str bytes);
void tn_stream_print(tn_text *out, const tn_stream *stream);
tn_stream *tn_stream_parse(tn_arena *arena, tn_diagnostics *sink, const char *file, tn_str text);

/* Is it safe to run, and does it say one thing? Addresses in range, tables' indices, types that the
 * target has; whatever touches the same memory is ordered; accumulators, buffer and DRAM are not read
 * before they are written; every tile of the FIFO is taken; no waits that never end; halt, once, at
 * the end. After true a device may run it without further checks. Reports TN_INVALID with the
 * instruction's offset and text. Cost: O(n log n).                                                */
bool tn_stream_verify(const tn_stream *stream, const char *file, tn_diagnostics *sink);

#endif
