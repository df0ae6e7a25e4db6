/* Work for the array -> instructions: tiling, places in memory, order.
 *
 *   items --problem--> matrices and their views --choose--> tilings --emit--> stream
 *
 * An item's operands are buffers of the plan. Each has a home: the unified buffer while it fits there
 * (from the item that makes it to the last that reads it), else DRAM or the host's memory, from which
 * blocks come by DMA. Row-major everywhere, as in the plan: views make matrices of them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_TILE_H
#define TN_SYSTOLIC_TILE_H

#include "codegen/systolic/forecast.h"
#include "codegen/systolic/systolic.h"

/* One thing that the stream does, in order: work of the array, or a function of the host. */
typedef struct {
  const tn_systolic_work *work; /* NULL: the host's */
  int function;                 /* of the host: index in stream->functions */
  int layer;                    /* of the array: index in stream->layers */
  int n_reads, n_writes;        /* of the host: buffers of the plan, all with a host array */
  const int *reads, *writes;
} tn_tile_item;

/* Every buffer is written by one item at most, or by the pieces of one step one behind the other, before
 * those that read it; parameters are there from the start, constants have literals. Buffer b of a work's
 * kernel is the plan's step->arguments[b].                                                           */
typedef struct {
  const tn_plan *plan;
  tn_stream
      *stream; /* in: target, name, arrays, parameters, results, functions, layers, host_bytes, host_macs;
                        out: instructions, count, dram, dram_bytes, model_cycles of layers and the whole */
  int n_items;
  const tn_tile_item *items;
  const int *host_arrays; /* by buffer of the plan: index in stream->arrays, or -1: the host never sees it */
  const tn_forecast_program *forecast; /* out */
} tn_tile_program;

/* Where blocks of an operand are while its item runs. */
typedef enum {
  TN_HOME_BUFFER, /* all of it in the unified buffer */
  TN_HOME_DRAM,
  TN_HOME_HOST
} tn_home;

/* How a piece of work is cut. Loops, outermost first: batch, blocks of rows, of columns, of sums, and of
 * those tiles. No partial sums leave the accumulators.                                               */
typedef struct {
  tn_dataflow dataflow;
  int64_t rows_block, columns_block, k_block; /* a block in the unified buffer: rows and columns of y, sums */
  int64_t sums_block;                         /* accumulator rows of one slot */
  int64_t slots;                              /* of accumulators: one is activated while others are summed */
  bool packed; /* blocks lie in their slots without what is between their rows outside */
  int copies;  /* of blocks in the unified buffer: 2 to load one while another is worked on */
  tn_home x, second, y;
  int64_t cycles; /* forecast of the whole item */
} tn_tiling;

/* Can the work be done on this array, whatever else is there? The tiling with its operands outside of
 * the unified buffer, or NULL with the reason: it stays on the host. In `arena`.                     */
tn_tiling *tn_tile_choose(tn_arena *arena, const tn_plan *plan, const tn_systolic_work *work,
                          const tn_systolic_options *options, const char **why);

/* False after reporting TN_LIMIT: something does not fit where it must. In `arena`. */
bool tn_tile_emit(tn_arena *arena, tn_tile_program *program, const tn_systolic_options *options,
                  tn_diagnostics *sink);

#endif
