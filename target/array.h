/* Systolic arrays as data: what a .target file says.
 *
 *   # Jouppi et al., ISCA 2017
 *   name = tpu-v1
 *   rows = 256
 *   columns = 256
 *   clock_mhz = 700
 *   operand = s8
 *   unified_buffer_kib = 24576
 *   dram_gb_s = 34
 *
 * One `key = value` a line, `#` to the end of the line is a comment, keys in any order, each at
 * most once; target/array_keys.def lists them. docs/targets.md is for those who write them.
 *
 * The machine, which docs/isa.md describes to the bit:
 *
 *   host memory --DMA--> unified buffer --rows of activations--> array (R x C) --> accumulators
 *        |                  ^   ^                                  ^                   |
 *        +----DMA---> DRAM -+   +------- vector unit <-------------|-------------------+
 *                       +-------- weight FIFO (tiles of R x C) ----+
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_ARRAY_H
#define TN_TARGET_ARRAY_H

#include "base/diagnostics.h"
#include "base/type.h"

/* Which operand stays in the array while the others pass. x: activations [M,K]; w: weights [K,N]. */
typedef enum {
  TN_DATAFLOW_WEIGHT, /* a tile of w: K on rows, N on columns; rows of x stream */
  TN_DATAFLOW_OUTPUT, /* a tile of sums: M on rows, N on columns; K streams */
  TN_DATAFLOW_INPUT   /* a tile of x: K on rows, M on columns; columns of w stream */
} tn_dataflow;
enum { TN_DATAFLOWS = 3, TN_SYSTOLIC_TYPES = 8, TN_DMA_CHANNELS = 4, TN_SYSTOLIC_NAME = 64 };
const char *tn_dataflow_name(tn_dataflow dataflow); /* "weight" */

#define TN_SYSTOLIC_UNBOUNDED INT64_MAX /* of sizes: `inf` */

/* A pair of operand types that the array multiplies. Sums are s32 of integers, f32 of floats. */
typedef struct {
  tn_type x, w;
  int64_t cycles; /* that one row of x takes: 1 at full rate */
} tn_systolic_type;

typedef struct {
  char name[TN_SYSTOLIC_NAME]; /* no pointers in here: arrays are copied as they are */
  int64_t rows, columns;
  double clock_mhz;
  unsigned dataflows; /* 1 << tn_dataflow, of those it has */
  int n_types;        /* the first is the one that quantization aims at, and the width of FIFO tiles */
  tn_systolic_type types[TN_SYSTOLIC_TYPES];
  bool weight_double_buffer; /* what is stationary has a shadow: it shifts in, or sums out, behind the work */
  int64_t weight_fifo_tiles;
  bool whole_weight_tiles; /* DRAM is read in tiles of rows * columns, used or not */
  bool packing;            /* several small operations in one pass of the array */
  int64_t unified_buffer_bytes, accumulator_bytes, dram_bytes; /* or TN_SYSTOLIC_UNBOUNDED */
  double dram_gb_s, host_gb_s;                                 /* 1e9 bytes a second; HUGE_VAL: no limit */
  double dram_latency_ns, host_latency_ns;
  int64_t dma_channels;                 /* 1 … TN_DMA_CHANNELS */
  int64_t vector_lanes, vector_latency; /* elements a cycle; cycles from the first in to the first out */
  unsigned vector_functions;            /* 1 << tn_isa_function, isa.h */
  double mac_pj;                        /* at the first type */
  double unified_buffer_pj, accumulator_pj, dram_pj, host_pj; /* a byte read or written */
} tn_systolic_target;

/* A target file's text. `name` is the file's, for messages. NULL after TN_INVALID: every line
 * that is wrong is reported. In `arena`.                                                     */
tn_systolic_target *tn_systolic_target_parse(tn_arena *arena, tn_diagnostics *sink, const char *file,
                                             tn_str text);
/* `KEY=VALUE` over what the file says (--set). False after TN_USAGE; the nearest key is named. */
bool tn_systolic_target_set(tn_systolic_target *array, tn_diagnostics *sink, tn_str assignment);
/* Do the keys fit each other? Part of parse; after the last tn_systolic_target_set. */
bool tn_systolic_target_check(const tn_systolic_target *array, tn_diagnostics *sink);
/* As a target file: every key, in the table's order; parse(print(a)) is a. */
void tn_systolic_target_print(tn_text *out, const tn_systolic_target *array);

/* The row of `types` for a pair, or NULL: the array does not multiply it. */
const tn_systolic_type *tn_systolic_find_type(const tn_systolic_target *array, tn_type x, tn_type w);
tn_type tn_systolic_sum_type(tn_type x); /* s32 or f32 */
int64_t tn_systolic_accumulator_rows(const tn_systolic_target *array);
/* Bytes of one full weight tile at the pair's width. */
int64_t tn_systolic_tile_bytes(const tn_systolic_target *array, tn_type w);
/* What a port moves in a cycle of the array's clock; HUGE_VAL: no limit. */
double tn_systolic_bytes_per_cycle(const tn_systolic_target *array, double gb_s);
/* A port as the array's clock sees it; both 0 where there is no limit. */
typedef struct {
  double cycles_per_byte;
  int64_t latency; /* cycles, from the end of a transfer until its bytes are there */
} tn_systolic_port;
tn_systolic_port tn_systolic_dram_port(const tn_systolic_target *array);
tn_systolic_port tn_systolic_host_port(const tn_systolic_target *array);
/* Bytes that DRAM moves for a tile of weights. */
int64_t tn_systolic_tile_traffic(const tn_systolic_target *array, int64_t rows, int64_t columns, tn_type w);

#endif
