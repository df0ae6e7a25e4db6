/* Spans of a memory: a sorted list in chunks.
 *
 *   firsts: | 0      | 4096   | 9000   |     where each chunk's first span begins
 *   chunks: | *      | *      | *      |     each: count, spans sorted by `from`
 *
 * A full chunk is split; an empty one leaves the index and is used again. No chunk is empty, and
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
  int last_chunk, last_slot; /* where something was found last: accesses come in rows */
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

static int find_chunk(const tn_spans *spans, int64_t at) {
  if (is_in_chunk(spans, spans->last_chunk, at)) return spans->last_chunk;
  int low = 0, high = spans->count;
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    if (spans->firsts[middle] <= at)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* Of the span that holds `at`, in its chunk. */
static int find_slot(const tn_spans *spans, int index, int64_t at) {
  enum { NEAR = 4 };
  const chunk *in = spans->chunks[index];
  int slot = 0, end = in->count, last = spans->last_slot;
  if (index == spans->last_chunk && last < in->count && in->at[last].from <= at) {
    slot = last;
    if (slot + NEAR < end && in->at[slot + NEAR].from > at) end = slot + NEAR;
  }
  while (end - slot > 1) {
    int middle = slot + (end - slot) / 2;
    if (in->at[middle].from <= at)
      slot = middle;
    else
      end = middle;
  }
  return slot;
}

static tn_span_place place_of(const tn_spans *spans, int index, int slot) {
  chunk *in = spans->chunks[index];
  return (tn_span_place){.at = in->at + slot, .last = in->at + in->count - 1, .chunk = index};
}

tn_span_place tn_spans_find(tn_spans *spans, int64_t at) {
  int index = find_chunk(spans, at), slot = find_slot(spans, index, at);
  spans->last_chunk = index;
  spans->last_slot = slot;
  return place_of(spans, index, slot);
}

bool tn_spans_next_chunk(const tn_spans *spans, tn_span_place *place) {
  if (place->chunk + 1 == spans->count) return false;
  *place = place_of(spans, place->chunk + 1, 0);
  return true;
}

int64_t tn_spans_end(const tn_spans *spans, tn_span_place place) {
  return tn_spans_next(spans, &place) ? place.at->from : spans->size;
}

/* Because of what comes at `slot`: if that is the end, more will come there. */
static void split_chunk(tn_spans *spans, int index, ptrdiff_t slot) {
  chunk *full = spans->chunks[index], *upper = take_chunk(spans);
  upper->count = slot > CHUNK * 3 / 4 ? CHUNK / 8 : CHUNK / 2;
  full->count -= upper->count;
  memcpy(upper->at, full->at + full->count, (size_t)upper->count * sizeof *upper->at);
  put_chunk(spans, index + 1, upper);
}

/* A span begins at `at`, which is inside. */
static void cut(tn_spans *spans, int64_t at) {
  tn_span_place place = tn_spans_find(spans, at);
  if (place.at->from == at) return;
  if (spans->chunks[place.chunk]->count == CHUNK) {
    split_chunk(spans, place.chunk, place.at - spans->chunks[place.chunk]->at);
    place = tn_spans_find(spans, at);
  }
  memmove(place.at + 1, place.at, (size_t)(place.last + 1 - place.at) * sizeof *place.at);
  spans->chunks[place.chunk]->count++;
  place.at[1].from = at;
}

tn_span_place tn_spans_cut(tn_spans *spans, int64_t from, int64_t to) {
  assert(0 <= from && from < to && to <= spans->size);
  cut(spans, from);
  if (to < spans->size) cut(spans, to);
  return tn_spans_find(spans, from);
}

/* [from, to), which lies in several chunks, becomes one span, in the first. */
static void join_chunks(tn_spans *spans, int64_t from, int64_t to) {
  tn_spans_cut(spans, from, to);
  tn_span_place first = tn_spans_find(spans, from), last = tn_spans_find(spans, to - 1);
  spans->chunks[first.chunk]->count -= (int)(first.last - first.at);
  int gone = first.chunk + 1, stays = last.chunk + (last.at == last.last);
  if (last.at < last.last) {
    chunk *in = spans->chunks[last.chunk];
    in->count = (int)(last.last - last.at);
    memmove(in->at, last.at + 1, (size_t)in->count * sizeof *in->at);
    spans->firsts[last.chunk] = in->at[0].from;
  }
  for (int i = gone; i < stays; i++) {
    spans->chunks[i]->next_free = spans->free;
    spans->free = spans->chunks[i];
  }
  size_t behind = (size_t)(spans->count - stays);
  memmove(spans->firsts + gone, spans->firsts + stays, behind * sizeof *spans->firsts);
  memmove(spans->chunks + gone, spans->chunks + stays, behind * sizeof *spans->chunks);
  spans->count -= stays - gone;
}

/*   | first   …   last |   =>   | first | one | last |      either rest may be empty */
tn_span *tn_spans_replace(tn_spans *spans, int64_t from, int64_t to) {
  assert(0 <= from && from < to && to <= spans->size);
  tn_span_place first = tn_spans_find(spans, from), last = first;
  while (last.at < last.last && last.at[1].from < to) last.at++;
  int64_t end = tn_spans_end(spans, last);
  if (end < to) {
    join_chunks(spans, from, to);
    return tn_spans_replace(spans, from, to);
  }
  chunk *in = spans->chunks[first.chunk];
  tn_span *one = first.at + (first.at->from < from), *behind = last.at + (end == to);
  ptrdiff_t more = one + 1 - behind; /* how far what lies behind moves */
  if (in->count + more > CHUNK) {
    split_chunk(spans, first.chunk, first.at - in->at);
    return tn_spans_replace(spans, from, to);
  }
  memmove(one + 1, behind, (size_t)(first.last + 1 - behind) * sizeof *one);
  in->count += (int)more;
  if (end > to) one[1].from = to;
  *one = (tn_span){.from = from};
  spans->last_slot = (int)(one - in->at);
  return one;
}
