/* Inside the verifier of streams: what its passes share. Each passes judgement on a clean stream of
 * the pass before, so that one fault is one message:
 *
 *   tables        arrays, functions, layers, DRAM's bytes
 *   instructions  fields, views and pipelines that are set, shapes against the array, tiles of the FIFO
 *   order         waits that hold in the end; from them a clock for every instruction
 *   memory        ranges, what is read was written, whatever meets in memory is ordered
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_STREAM_VERIFY_H
#define TN_TARGET_STREAM_VERIFY_H

#include "target/stream_cells.h"
#include "target/stream_spans.h"

/* One read_weights that brings tiles for the matrix unit. */
typedef struct {
  int64_t instruction;
  uint32_t number; /* of the weights unit, from 1 */
  uint32_t tiles;
} tn_tiles;

/* Where the matrix unit stands in the FIFO. */
typedef struct {
  int entry;      /* of tn_verifier.tiles */
  uint32_t taken; /* tiles of it */
} tn_fifo_place;

/* Views and the pipeline as they are set where one reads; instructions, NULL before. */
typedef struct {
  const tn_instruction *views[TN_VIEWS], *pipeline;
} tn_bound;

typedef struct {
  const tn_stream *stream;
  const tn_systolic_target *target;
  const char *file;
  tn_diagnostics *sink;
  tn_arena *arena;
  int64_t faults, limit; /* stops at the limit */
  TN_VEC(tn_tiles) tiles;
  uint32_t *numbers;          /* of each instruction in its unit, from 1 */
  int64_t *of_unit[TN_UNITS]; /* a unit's instructions, by number - 1 */
  uint32_t unit_count[TN_UNITS];
  tn_clock *starts, *ends; /* what has surely ended when an instruction starts, when it has ended */
} tn_verifier;

/* Reports with the instruction's offset and text; false. `of` -1: of the stream as a whole. */
bool tn_verify_fault(tn_verifier *v, int64_t of, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool tn_verify_enough(const tn_verifier *v) { return v->faults >= v->limit; }

void tn_verify_tables(tn_verifier *v);
void tn_verify_instructions(tn_verifier *v);
void tn_verify_order(tn_verifier *v);
void tn_verify_memory(tn_verifier *v);

/* Follows VIEW and PIPELINE. */
void tn_bind(tn_bound *bound, const tn_instruction *instruction);

/* The shape of the next tile, and how many of the same shape follow at once, at most `want`. */
const tn_instruction *tn_fifo_peek(const tn_verifier *v, tn_fifo_place place, uint32_t want, uint32_t *count);
void tn_fifo_take(const tn_verifier *v, tn_fifo_place *place, uint32_t count);

/* Of the buffer in bytes and the accumulators in rows: at most 2^32, which addresses can name. */
int64_t tn_space_size(const tn_verifier *v, tn_space memory);

#endif
