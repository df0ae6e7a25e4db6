/* A stream by unit: what each does in its order, and what is bound where an instruction is read.
 *
 *   stream    0 load    1 read_weights    2 view    3 matmul    4 matmul    5 activate
 *   units     dma0 0    weights 1    control 2    matrix 3 4    vector 5
 *
 * Views, the pipeline and layers are bound in the stream's order, whenever units come to what takes them. The
 * FIFO's order is that of the weights unit, so a cursor over its instructions says where the next tile
 * comes from.
 *
 * Every stream has an index; whether views are set and tiles are there is the verifier's to say.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_STREAM_INDEX_H
#define TN_TARGET_STREAM_INDEX_H

#include "target/stream.h"

typedef struct {
  const tn_stream *stream;
  int64_t count[TN_UNITS];
  int64_t *unit[TN_UNITS]; /* instructions of each, by their place in the stream */
  /* of every instruction */
  uint32_t *number;                        /* in its unit, from 1 */
  const tn_instruction **view, **pipeline; /* that it takes; NULL: none, or none is set */
  int32_t *layer;                          /* -1 before the first */
} tn_stream_index;

/* In `arena`. Cost: O(instructions). */
tn_stream_index tn_stream_index_of(tn_arena *arena, const tn_stream *stream);

/* Instruction n of a unit, from 0; NULL behind the last. */
static inline const tn_instruction *tn_index_nth(const tn_stream_index *index, int unit, int64_t n) {
  return n < index->count[unit] ? &index->stream->instructions[index->unit[unit][n]] : NULL;
}

/* The next tile of the FIFO is of the weights unit's instruction `read`, and `taken` of its tiles are gone. */
typedef struct {
  int64_t read;
  uint32_t taken;
} tn_tile_cursor;
/* Takes up to `most` tiles of one read_weights: which, and how many. There must be one. */
const tn_instruction *tn_index_take_tiles(const tn_stream_index *index, tn_tile_cursor *cursor, uint32_t most,
                                          uint32_t *count);

#endif
