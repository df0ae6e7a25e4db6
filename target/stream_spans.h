/* A memory as spans: who wrote and who read each piece of it last.
 *
 *   0        64       96            4096
 *   | span   | span   | span        |      every byte (row) is in exactly one span
 *
 * A span's clocks say, per unit, the number of the latest instruction of that unit that wrote
 * (read) any of it. Spans are cut where an access begins and ends, and joined again.
 *
 * Spans lie sorted in chunks of a few dozen, so that a cut moves little and a walk is through
 * consecutive memory. Finding one costs O(log n), or O(1) if it is near the one found last.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_STREAM_SPANS_H
#define TN_TARGET_STREAM_SPANS_H

#include "target/stream.h"

/* Per unit, a number of instructions. */
typedef struct {
  uint32_t at[TN_UNITS];
} tn_clock;
static inline void tn_clock_join(tn_clock *into, const tn_clock *other) {
  for (int u = 0; u < TN_UNITS; u++)
    if (other->at[u] > into->at[u]) into->at[u] = other->at[u];
}

typedef struct {
  int64_t from;
  tn_clock writers, readers; /* readers since the last write */
  bool written;
  uint8_t type; /* of accumulators: what sums they hold, and how many columns of them */
  uint32_t columns;
} tn_span;

typedef struct tn_spans tn_spans;

/* [0, size), unwritten. */
tn_spans *tn_spans_create(tn_arena *arena, int64_t size);
int64_t tn_spans_size(const tn_spans *spans);

/* A span, and the last of its chunk; valid until the next cut or replacement. */
typedef struct {
  tn_span *at, *last;
  int chunk;
} tn_span_place;
tn_span_place tn_spans_find(tn_spans *spans, int64_t at); /* the span that holds `at` */
bool tn_spans_next_chunk(const tn_spans *spans, tn_span_place *place);
/* To the next; false behind the last. */
static inline bool tn_spans_next(const tn_spans *spans, tn_span_place *place) {
  if (place->at == place->last) return tn_spans_next_chunk(spans, place);
  place->at++;
  return true;
}
int64_t tn_spans_end(const tn_spans *spans, tn_span_place place); /* where the span ends */

/* Makes a span begin at `from` and one end at `to`; the place of the one that begins. 0 <= from < to <= size. */
tn_span_place tn_spans_cut(tn_spans *spans, int64_t from, int64_t to);
/* [from, to) becomes one span, of which nothing is said. */
tn_span *tn_spans_replace(tn_spans *spans, int64_t from, int64_t to);

#endif
