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
#include "target/stream_index.h"
#include "target/stream_spans.h"

typedef struct {
  const tn_stream *stream;
  const tn_systolic_target *target;
  const char *file;
  tn_diagnostics *sink;
  tn_arena *arena, *scratch; /* scratch: of one run over the memories */
  int64_t faults, limit;     /* stops at the limit */
  tn_stream_index index;
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

/* Of the buffer in bytes and the accumulators in rows: at most 2^32, which addresses can name. */
int64_t tn_space_size(const tn_verifier *v, tn_space memory);

#endif
