/* Spans of a memory: a sorted list in chunks.
 *
 *   firsts: | 0      | 4096   | 9000   |     where each chunk's first span begins
 *   chunks: | *      | *      | *      |     each: count, spans sorted by `from`
 *
 * A full chunk is halved; an empty one leaves the index and is used again. No chunk is empty, and
 * the first span of all begins at 0.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream_spans.h"

#include <assert.h>

enum { CHUNK = 48 };

typedef struct chunk {
  int count;
  struct chunk *next_free;
  tn_span at[CHUNK];
} chunk;

struct tn_spans {
  tn_arena *arena;
  int64_t size;
  int64_t *firsts;
  chunk **chunks;
  int count, room_firsts, room_chunks;
  chunk *free;
  int last; /* the chunk where something was found last: accesses come in rows */
};

static chunk *take_chunk(tn_spans *spans) {
  chunk *taken = spans->free;
  if (taken)
    spans->free = taken->next_free;
  else
    taken = tn_arena_alloc_raw(spans->arena, sizeof *taken);
  taken->count = 0;
  return taken;
}

/* At `index`; what is there and behind moves up. */
static void put_chunk(tn_spans *spans, int index, chunk *put) {
  if (spans->count == spans->room_firsts)
    spans->firsts = tn_arena_grow(spans->arena, spans->firsts, &spans->room_firsts, sizeof *spans->firsts);
  if (spans->count == spans->room_chunks)
    spans->chunks = tn_arena_grow(spans->arena, spans->chunks, &spans->room_chunks, sizeof *spans->chunks);
  size_t behind = (size_t)(spans->count - index);
  memmove(spans->firsts + index + 1, spans->firsts + index, behind * sizeof *spans->firsts);
  memmove(spans->chunks + index + 1, spans->chunks + index, behind * sizeof *spans->chunks);
  spans->chunks[index] = put;
  spans->firsts[index] = put->at[0].from;
  spans->count++;
}

tn_spans *tn_spans_create(tn_arena *arena, int64_t size) {
  tn_spans *spans = TN_NEW(arena, tn_spans);
  *spans = (tn_spans){.arena = arena, .size = size};
  chunk *first = take_chunk(spans);
  first->count = 1;
  first->at[0] = (tn_span){0};
  put_chunk(spans, 0, first);
  return spans;
}

int64_t tn_spans_size(const tn_spans *spans) { return spans->size; }

static bool is_in_chunk(const tn_spans *spans, int index, int64_t at) {
  return index < spans->count && spans->firsts[index] <= at &&
         (index + 1 == spans->count || at < spans->firsts[index + 1]);
}

tn_span_place tn_spans_find(tn_spans *spans, int64_t at) {
  int low = 0, high = spans->count;
  if (is_in_chunk(spans, spans->last, at)) {
    low = spans->last;
    high = low + 1;
  }
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    if (spans->firsts[middle] <= at)
      low = middle;
    else
      high = middle;
  }
  spans->last = low;
  const chunk *in = spans->chunks[low];
  int slot = 0, end = in->count;
  while (end - slot > 1) {
    int middle = slot + (end - slot) / 2;
    if (in->at[middle].from <= at)
      slot = middle;
    else
      end = middle;
  }
  return (tn_span_place){low, slot};
}

tn_span *tn_spans_get(const tn_spans *spans, tn_span_place place) {
  return &spans->chunks[place.chunk]->at[place.slot];
}

bool tn_spans_next(const tn_spans *spans, tn_span_place *place) {
  if (++place->slot < spans->chunks[place->chunk]->count) return true;
  place->slot = 0;
  return ++place->chunk < spans->count;
}

int64_t tn_spans_end(const tn_spans *spans, tn_span_place place) {
  return tn_spans_next(spans, &place) ? tn_spans_get(spans, place)->from : spans->size;
}

static void halve(tn_spans *spans, int index) {
  chunk *full = spans->chunks[index], *upper = take_chunk(spans);
  upper->count = full->count / 2;
  full->count -= upper->count;
  memcpy(upper->at, full->at + full->count, (size_t)upper->count * sizeof *upper->at);
  put_chunk(spans, index + 1, upper);
}

/* A span begins at `at`, which is inside. */
static void cut(tn_spans *spans, int64_t at) {
  tn_span_place place = tn_spans_find(spans, at);
  if (tn_spans_get(spans, place)->from == at) return;
  if (spans->chunks[place.chunk]->count == CHUNK) {
    halve(spans, place.chunk);
    place = tn_spans_find(spans, at);
  }
  chunk *in = spans->chunks[place.chunk];
  tn_span *old = &in->at[place.slot];
  memmove(old + 1, old, (size_t)(in->count - place.slot) * sizeof *old);
  in->count++;
  old[1].from = at;
}

tn_span_place tn_spans_cut(tn_spans *spans, int64_t from, int64_t to) {
  assert(0 <= from && from < to && to <= spans->size);
  cut(spans, from);
  if (to < spans->size) cut(spans, to);
  return tn_spans_find(spans, from);
}

/* Removes spans first … last - 1 of a chunk, which keeps one at least. */
static void remove_slots(chunk *in, int first, int last) {
  memmove(in->at + first, in->at + last, (size_t)(in->count - last) * sizeof *in->at);
  in->count -= last - first;
}

tn_span *tn_spans_merge(tn_spans *spans, int64_t from, int64_t to) {
  tn_span_place begin = tn_spans_find(spans, from);
  tn_span *kept = tn_spans_get(spans, begin);
  assert(kept->from == from);
  tn_span_place last = tn_spans_find(spans, to - 1);
  if (last.chunk == begin.chunk) {
    remove_slots(spans->chunks[begin.chunk], begin.slot + 1, last.slot + 1);
    return kept;
  }
  spans->chunks[begin.chunk]->count = begin.slot + 1;
  int gone = begin.chunk + 1, stays = last.chunk;
  if (last.slot + 1 == spans->chunks[last.chunk]->count) {
    stays++;
  } else {
    remove_slots(spans->chunks[last.chunk], 0, last.slot + 1);
    spans->firsts[last.chunk] = spans->chunks[last.chunk]->at[0].from;
  }
  for (int i = gone; i < stays; i++) {
    spans->chunks[i]->next_free = spans->free;
    spans->free = spans->chunks[i];
  }
  size_t behind = (size_t)(spans->count - stays);
  memmove(spans->firsts + gone, spans->firsts + stays, behind * sizeof *spans->firsts);
  memmove(spans->chunks + gone, spans->chunks + stays, behind * sizeof *spans->chunks);
  spans->count -= stays - gone;
  return kept;
}
