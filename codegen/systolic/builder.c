/* Waits from what instructions touch; builder.h.
 *
 * Each space is kept as spans (target/stream_spans.h): who wrote it last, and up to which count every
 * unit has read it since. A read waits for the writer, a write for writer and readers, unless they are
 * of its own unit, which works in order. What a unit is known to have seen done when its newest
 * instruction starts is kept as a clock, so that a wait that others imply is left out: waiting for
 * vector=3 brings all that vector's third instruction had waited for.
 *
 * Invariant: two touches of a place, one of them a write, are of one unit or ordered by waits; all
 * waits name earlier instructions, so no stream built here blocks itself.
 * Cost: O(log spans + spans touched) an instruction.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/builder.h"
#include "target/stream_spans.h"

struct tn_builder {
  tn_arena *arena;
  TN_VEC(tn_instruction) instructions;
  TN_VEC(tn_clock) started[TN_UNITS]; /* what was known done when the unit's n-th instruction began */
  tn_clock known[TN_UNITS];
  tn_spans *spaces[TN_SPACES];
};

tn_builder *tn_builder_create(tn_arena *arena) {
  tn_builder *builder = TN_NEW(arena, tn_builder);
  builder->arena = arena;
  for (int s = 0; s < TN_SPACES; s++) builder->spaces[s] = tn_spans_create(arena, INT64_MAX);
  return builder;
}

tn_instruction *tn_builder_instructions(const tn_builder *builder, int64_t *count) {
  *count = builder->instructions.count;
  return builder->instructions.at;
}

/* ---- touches ---- */

/* A read of so many spans has waited for all that was done to them: what comes next may as well. Tiles of
 * weights that came in small pieces would else be looked at piece by piece, for each column again.    */
enum { MOST_SPANS = 64 };

static void touch_read(tn_builder *builder, const tn_reach *reach, int unit, uint32_t count,
                       tn_clock *needed) {
  tn_spans *spans = builder->spaces[reach->space];
  tn_span_place place = tn_spans_cut(spans, reach->low, reach->high);
  tn_clock writers = {{0}}, readers = {{0}};
  int touched = 0;
  do {
    tn_span *span = place.at;
    if (span->from >= reach->high) break;
    span->readers.at[unit] = count;
    tn_clock_join(&writers, &span->writers);
    tn_clock_join(&readers, &span->readers);
    touched++;
  } while (tn_spans_next(spans, &place));
  tn_clock_join(needed, &writers);
  if (touched < MOST_SPANS) return;
  tn_span *one = tn_spans_replace(spans, reach->low, reach->high);
  one->writers = writers, one->readers = readers;
}

static void touch_write(tn_builder *builder, const tn_reach *reach, int unit, uint32_t count,
                        tn_clock *needed) {
  tn_spans *spans = builder->spaces[reach->space];
  tn_span_place place = tn_spans_find(spans, reach->low);
  do {
    if (place.at->from >= reach->high) break;
    tn_clock_join(needed, &place.at->writers);
    tn_clock_join(needed, &place.at->readers);
  } while (tn_spans_next(spans, &place));
  tn_spans_replace(spans, reach->low, reach->high)->writers.at[unit] = count;
}

/* ---- waits ---- */

/* Of the units that must be waited for still the one whose start knows most of what is needed; -1: none. */
static int best_to_wait_for(const tn_builder *builder, int unit, const tn_clock *needed) {
  const tn_clock *known = &builder->known[unit];
  int best = -1, most = 0;
  for (int u = 0; u < TN_UNITS; u++) {
    if (u == unit || needed->at[u] <= known->at[u]) continue;
    const tn_clock *brings = &builder->started[u].at[needed->at[u] - 1];
    int covers = 1;
    for (int v = 0; v < TN_UNITS; v++)
      covers += v != u && v != unit && needed->at[v] > known->at[v] && brings->at[v] >= needed->at[v];
    if (covers > most) most = covers, best = u;
  }
  return best;
}

/* Waits that others bring along are not written. */
static void set_waits(tn_builder *builder, tn_instruction *instruction, int unit, const tn_clock *needed) {
  for (int u; (u = best_to_wait_for(builder, unit, needed)) >= 0;) {
    uint32_t count = needed->at[u];
    instruction->waits |= (uint8_t)(1u << u);
    instruction->wait[u] = count;
    tn_clock_join(&builder->known[unit], &builder->started[u].at[count - 1]);
    builder->known[unit].at[u] = count;
  }
}

void tn_builder_add(tn_builder *builder, const tn_instruction *instruction, int n_reaches,
                    const tn_reach *reaches) {
  tn_instruction copy = *instruction;
  int unit = (int)tn_instruction_unit(&copy);
  uint32_t count = (uint32_t)builder->started[unit].count + 1;
  tn_clock needed = {{0}};
  for (int i = 0; i < n_reaches; i++)
    if (reaches[i].low < reaches[i].high)
      (reaches[i].writes ? touch_write : touch_read)(builder, &reaches[i], unit, count, &needed);
  needed.at[unit] = 0;
  set_waits(builder, &copy, unit, &needed);
  builder->known[unit].at[unit] = count - 1;
  TN_PUSH(builder->arena, &builder->started[unit], builder->known[unit]);
  TN_PUSH(builder->arena, &builder->instructions, copy);
}
