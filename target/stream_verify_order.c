/* Verifier of streams, third pass: when what runs.
 *
 * A wait names instructions that stand before it. So without the FIFO every stream runs to its end, in
 * the order in which it stands; with it, reading tiles waits for places and places for the matrix unit.
 * Whether that ends is found by letting all units go as far as they can: nothing that runs takes away
 * from others what they wait for, so one such run speaks for all.
 *
 * Clocks: starts[i].at[u] is how many instructions of unit u have surely ended when i starts, ends[i] when
 * i has ended. Units start and end their instructions in order, but a successor may start before its
 * predecessor has ended:
 *
 *   starts[i] = starts of the one before in the unit, and ends of all that i waits for
 *   ends[i]   = starts[i], ends of the one before in the unit, i itself
 *
 * and a matmul that has ended has taken its tiles, which were read. Cost: O(n) times the number of units.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <inttypes.h>

#include "target/stream_verify.h"

static void check_waits(tn_verifier *v) {
  const tn_stream *stream = v->stream;
  uint32_t before[TN_UNITS] = {0};
  for (int64_t i = 0; i < stream->count && !tn_verify_enough(v); i++) {
    const tn_instruction *is = &stream->instructions[i];
    for (int u = 0; u < TN_UNITS; u++)
      if ((is->waits >> u & 1) && is->wait[u] > before[u])
        tn_verify_fault(v, i, "wait: for %s=%" PRIu32 ", %" PRIu32 " of its instructions stand before it",
                        tn_unit_name((tn_unit)u), is->wait[u], before[u]);
    before[tn_instruction_unit(is)]++;
  }
}

/* ---- does it end? ---- */

typedef struct {
  const tn_verifier *v;
  uint32_t done[TN_UNITS];
  uint32_t read, multiplied; /* repetitions of the instruction that weights, matrix are at */
  int64_t in_fifo;
} run_state;

static const tn_instruction *head_of(const run_state *s, int unit) {
  return tn_index_nth(&s->v->index, unit, s->done[unit]);
}

static bool may_start(const run_state *s, const tn_instruction *is) {
  for (int u = 0; u < TN_UNITS; u++)
    if ((is->waits >> u & 1) && is->wait[u] > s->done[u]) return false;
  return true;
}

/* Tiles pass from one unit to the other, as many as both can without anybody else. */
static bool pass_tiles(run_state *s) {
  const tn_instruction *w = head_of(s, TN_UNIT_WEIGHTS), *m = head_of(s, TN_UNIT_MATRIX);
  int64_t to_read = w && may_start(s, w) ? (int64_t)w->READ_WEIGHTS.repeat - s->read : 0;
  int64_t to_take = m && may_start(s, m) ? (int64_t)m->MATMUL.repeat - s->multiplied : 0;
  if (to_take > s->in_fifo + to_read) to_take = s->in_fifo + to_read;
  int64_t places = s->v->target->weight_fifo_tiles - s->in_fifo + to_take;
  if (to_read > places) to_read = places;
  s->in_fifo += to_read - to_take;
  s->read += (uint32_t)to_read;
  s->multiplied += (uint32_t)to_take;
  if (w && s->read == w->READ_WEIGHTS.repeat) s->done[TN_UNIT_WEIGHTS]++, s->read = 0;
  if (m && s->multiplied == m->MATMUL.repeat) s->done[TN_UNIT_MATRIX]++, s->multiplied = 0;
  return to_read || to_take;
}

static bool advance(run_state *s) {
  bool moved = false;
  for (int u = 0; u < TN_UNITS; u++) {
    if (u == TN_UNIT_WEIGHTS || u == TN_UNIT_MATRIX) continue;
    for (const tn_instruction *is; (is = head_of(s, u)) && may_start(s, is); moved = true) s->done[u]++;
  }
  while (pass_tiles(s)) moved = true;
  return moved;
}

/* Only the FIFO can hold up a stream whose waits look back: a read_weights has no place to go. */
static void check_ends(tn_verifier *v) {
  run_state s = {.v = v};
  while (advance(&s)) {}
  if (!head_of(&s, TN_UNIT_WEIGHTS)) return;
  int64_t stuck = v->index.unit[TN_UNIT_WEIGHTS][s.done[TN_UNIT_WEIGHTS]];
  tn_verify_fault(v, stuck,
                  "read_weights: waits for ever; the FIFO's %" PRId64 " tiles are taken by what waits for it",
                  v->target->weight_fifo_tiles);
}

/* ---- clocks ---- */

/* All read_weights whose last tile the matmul takes, or one before it took. */
static void join_tiles(tn_verifier *v, tn_tile_cursor *tiles, const tn_instruction *matmul, tn_clock *end) {
  for (uint32_t done = 0, count; done < matmul->MATMUL.repeat; done += count)
    tn_index_take_tiles(&v->index, tiles, matmul->MATMUL.repeat - done, &count);
  if (tiles->read) tn_clock_join(end, &v->ends[v->index.unit[TN_UNIT_WEIGHTS][tiles->read - 1]]);
}

static void tell_clocks(tn_verifier *v) {
  const tn_stream *stream = v->stream;
  v->starts = TN_NEW_ARRAY(v->arena, tn_clock, stream->count);
  v->ends = TN_NEW_ARRAY(v->arena, tn_clock, stream->count);
  const tn_stream_index *index = &v->index;
  tn_tile_cursor tiles = {0};
  for (int64_t i = 0; i < stream->count; i++) {
    const tn_instruction *is = &stream->instructions[i];
    tn_unit unit = tn_instruction_unit(is);
    int64_t before = index->number[i] > 1 ? index->unit[unit][index->number[i] - 2] : -1;
    if (before >= 0) v->starts[i] = v->starts[before];
    for (int u = 0; u < TN_UNITS; u++)
      if ((is->waits >> u & 1) && is->wait[u])
        tn_clock_join(&v->starts[i], &v->ends[index->unit[u][is->wait[u] - 1]]);
    v->ends[i] = v->starts[i];
    if (before >= 0) tn_clock_join(&v->ends[i], &v->ends[before]);
    v->ends[i].at[unit] = index->number[i];
    if (is->op == TN_ISA_MATMUL) join_tiles(v, &tiles, is, &v->ends[i]);
  }
}

void tn_verify_order(tn_verifier *v) {
  check_waits(v);
  if (v->faults) return;
  check_ends(v);
  if (v->faults) return;
  tell_clocks(v);
}
