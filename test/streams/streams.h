/* Random streams, and streams spoilt at random.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_STREAMS_H
#define TN_TEST_STREAMS_H

#include "target/stream.h"

typedef struct {
  uint64_t state;
} dice;
uint64_t dice_bits(dice *d);
/* least … most, both included. */
int64_t dice_between(dice *d, int64_t least, int64_t most);
static inline bool dice_one_in(dice *d, int64_t count) { return dice_between(d, 1, count) == 1; }

/* A good one: a small array, products in all dataflows, convolutions, vector work, transfers; every
 * instruction waits for all before it. In `arena`.                                                 */
tn_stream *draw_stream(tn_arena *arena, dice *d);

/* Another stream that differs in one to four places: fields, waits, order, tables. */
tn_stream *spoil_stream(tn_arena *arena, dice *d, const tn_stream *stream);
/* Bytes of a file changed, its hash made to fit again (mostly). */
void spoil_bytes(dice *d, tn_text *file);

#endif
