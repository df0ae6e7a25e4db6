/* Waits from what instructions touch; builder.h.
 *
 * Each space is a list of segments, in order and apart: who wrote it last, and up to which count every
 * unit has read it since. A read waits for the writer, a write for writer and readers, unless they are
 * of its own unit, which works in order. What a unit is known to have seen done when its newest
 * instruction starts is kept as a vector of counts, so that a wait that others imply is left out:
 * waiting for vector=3 brings all that vector's third instruction had waited for.
 *
 * Invariant: two touches of a place, one of them a write, are of one unit or ordered by waits; all
 * waits name earlier instructions, so no stream built here blocks itself.
 * Cost: O(log segments + segments touched) an instruction.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/builder.h"

typedef struct {
  uint32_t of[TN_UNITS];
} tn_clock;

typedef struct {
  int64_t low, high;
  int writer; /* -1: nobody here */
  uint32_t written;
  tn_clock read;
} tn_segment;

typedef TN_VEC(tn_segment) tn_segments;

struct tn_builder {
  tn_arena *arena;
  TN_VEC(tn_instruction) instructions;
  TN_VEC(tn_clock) started[TN_UNITS]; /* what was known done when the unit's n-th instruction began */
  tn_clock known[TN_UNITS];
  tn_segments spaces[TN_SPACES];
};

tn_builder *tn_builder_create(tn_arena *arena) {
  tn_builder *builder = TN_NEW(arena, tn_builder);
  builder->arena = arena;
  return builder;
}

tn_instruction *tn_builder_instructions(const tn_builder *builder, int64_t *count) {
  *count = builder->instructions.count;
  return builder->instructions.at;
}

/* ---- segments ---- */

/* The first that ends behind `at`. */
static int find_segment(const tn_segments *list, int64_t at) {
  int low = 0, high = list->count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (list->at[middle].high > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

static void insert_segment(tn_arena *arena, tn_segments *list, int index, tn_segment segment) {
  TN_PUSH(arena, list, segment);
  memmove(&list->at[index + 1], &list->at[index], (size_t)(list->count - 1 - index) * sizeof segment);
  list->at[index] = segment;
}

/* Makes `at` a border, if it is inside a segment. */
static void cut_segment(tn_arena *arena, tn_segments *list, int64_t at) {
  int index = find_segment(list, at);
  if (index == list->count || list->at[index].low >= at) return;
  tn_segment left = list->at[index];
  left.high = at;
  list->at[index].low = at;
  insert_segment(arena, list, index, left);
}

/* low … high as segments without gaps; the index of the first, *end behind the last. */
static int cover(tn_arena *arena, tn_segments *list, int64_t low, int64_t high, int *end) {
  cut_segment(arena, list, low);
  cut_segment(arena, list, high);
  int first = find_segment(list, low), i = first;
  for (int64_t at = low; at < high; i++) {
    if (i == list->count || list->at[i].low > at) {
      int64_t to = i == list->count || list->at[i].low > high ? high : list->at[i].low;
      insert_segment(arena, list, i, (tn_segment){.low = at, .high = to, .writer = -1});
    }
    at = list->at[i].high;
  }
  *end = i;
  return first;
}

static void need(tn_clock *needed, int unit, uint32_t count) {
  if (needed->of[unit] < count) needed->of[unit] = count;
}

/* The last of several segments of one writing; the others go. */
static void replace(tn_segments *list, int first, int end, tn_segment with) {
  with.low = list->at[first].low;
  with.high = list->at[end - 1].high;
  list->at[first] = with;
  memmove(&list->at[first + 1], &list->at[end], (size_t)(list->count - end) * sizeof with);
  list->count -= end - first - 1;
}

static void touch(tn_builder *builder, const tn_reach *reach, int unit, uint32_t count, tn_clock *needed) {
  if (reach->low >= reach->high) return;
  int end;
  tn_segments *list = &builder->spaces[reach->space];
  int first = cover(builder->arena, list, reach->low, reach->high, &end);
  for (int i = first; i < end; i++) {
    tn_segment *segment = &list->at[i];
    if (segment->writer >= 0) need(needed, segment->writer, segment->written);
    if (reach->writes)
      for (int u = 0; u < TN_UNITS; u++) need(needed, u, segment->read.of[u]);
    else segment->read.of[unit] = count;
  }
  if (reach->writes) replace(list, first, end, (tn_segment){.writer = unit, .written = count});
}

/* ---- waits ---- */

/* Waits that others bring along are not written. */
static void set_waits(tn_builder *builder, tn_instruction *instruction, int unit, const tn_clock *needed) {
  tn_clock *known = &builder->known[unit];
  for (bool more = true; more;) {
    int best = -1;
    uint32_t most = 0;
    for (int u = 0; u < TN_UNITS; u++) { /* the one whose start knows most of what is needed */
      if (u == unit || needed->of[u] <= known->of[u]) continue;
      const tn_clock *brings = &builder->started[u].at[needed->of[u] - 1];
      uint32_t covers = 1;
      for (int v = 0; v < TN_UNITS; v++)
        covers += v != u && v != unit && needed->of[v] > known->of[v] && brings->of[v] >= needed->of[v];
      if (covers > most) most = covers, best = u;
    }
    more = best >= 0;
    if (!more) break;
    instruction->waits |= (uint8_t)(1u << best);
    instruction->wait[best] = needed->of[best];
    const tn_clock *brings = &builder->started[best].at[needed->of[best] - 1];
    for (int v = 0; v < TN_UNITS; v++) need(known, v, brings->of[v]);
    need(known, best, needed->of[best]);
  }
}

void tn_builder_add(tn_builder *builder, const tn_instruction *instruction, int n_reaches, const tn_reach *reaches) {
  tn_instruction copy = *instruction;
  int unit = (int)tn_instruction_unit(&copy);
  uint32_t count = (uint32_t)builder->started[unit].count + 1;
  tn_clock needed = {{0}};
  for (int i = 0; i < n_reaches; i++) touch(builder, &reaches[i], unit, count, &needed);
  needed.of[unit] = 0;
  set_waits(builder, &copy, unit, &needed);
  builder->known[unit].of[unit] = count - 1;
  TN_PUSH(builder->arena, &builder->started[unit], builder->known[unit]);
  TN_PUSH(builder->arena, &builder->instructions, copy);
}
