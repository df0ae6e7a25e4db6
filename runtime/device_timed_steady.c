/* Repetitions that repeat: long instructions in closed form.
 *
 * While a matmul takes tiles of one read_weights and no other unit is near, what happens next is a
 * function of the FIFO's places, the DRAM's port and the array: maxima of sums of their times and of
 * constants. When each of more repetitions than the FIFO has places came `step` cycles after the one before,
 * and so did its tile and the port, all these times have moved by `step`; so will the next repetition's. Then any
 * number of them can be taken at once: times move on, accounts grow, by multiples.
 *
 *   rows_in   | +step | +step | … n_places + 2 times | then q at once: + q * step
 *
 * Where the port ends in fractions of cycles no step is the same as the last, and nothing is skipped.
 * Cost: O(places of the FIFO) a skip.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "runtime/device_timed.h"

/* What one repetition adds to an account, so often. All of them lie in cycles in which rows enter or are
 * held up, between the last two `entered`.                                                           */
static void grow(tn_ledger *ledger, const tn_ledger *before, int64_t count, int64_t cycles) {
  for (int t = 0; t < TN_SYSTOLIC_TYPES; t++)
    ledger->active[t] += count * (ledger->active[t] - before->active[t]);
  ledger->weight_stall += count * (ledger->weight_stall - before->weight_stall);
  ledger->weight_shift += count * (ledger->weight_shift - before->weight_shift);
  ledger->raw_stall += count * (ledger->raw_stall - before->raw_stall);
  ledger->input_stall += count * (ledger->input_stall - before->input_stall);
  ledger->other += count * (ledger->other - before->other);
  ledger->weights += count * (ledger->weights - before->weights);
  ledger->entered += cycles;
  ledger->end += cycles;
}

/* Place p of tile n is tile n + count's now, `cycles` later. */
static void turn_places(tn_timer *t, int64_t count, int64_t cycles) {
  int64_t n = t->n_places;
  tn_fifo_place_time *list = t->places, *turned = t->spare;
  for (int64_t p = 0; p < n; p++) {
    turned[(p + count) % n] = list[p];
    turned[(p + count) % n].there += cycles;
    turned[(p + count) % n].left += cycles;
  }
  t->places = turned;
  t->spare = list;
}

static void skip(tn_steady *s, tn_timer *t, const tn_instruction *matmul, int64_t count) {
  int64_t cycles = count * s->step;
  turn_places(t, count, cycles);
  t->read += count;
  t->taken += count;
  t->repetition[TN_UNIT_WEIGHTS] += (uint32_t)count;
  t->repetition[TN_UNIT_MATRIX] += (uint32_t)count;
  if (matmul->MATMUL.dataflow == TN_DATAFLOW_WEIGHT) t->shadow_free += cycles;
  t->rows_in += cycles;
  t->waves_out += cycles;
  t->dram.free += tn_fixed_of(cycles);
  t->free[TN_UNIT_WEIGHTS] += tn_fixed_of(cycles);
  const int units[] = {TN_UNIT_WEIGHTS, TN_UNIT_MATRIX};
  for (int u = 0; u < 2; u++)
    if (t->next[units[u]] != TN_UNKNOWN) t->next[units[u]] += tn_fixed_of(cycles);
  grow(&t->whole, &s->whole, count, cycles);
  if (s->has_layer) grow(s->layer_now, &s->layer, count, cycles);
}

/* Repetitions that both instructions have left, but for the last two, and that begin before `others`. */
static int64_t room(const tn_steady *s, const tn_timer *t, const tn_instruction *matmul, tn_fixed others) {
  const tn_instruction *read = tn_index_nth(t->index, TN_UNIT_WEIGHTS, t->head[TN_UNIT_WEIGHTS]);
  int64_t count = tn_least((int64_t)matmul->MATMUL.repeat - t->repetition[TN_UNIT_MATRIX],
                           (int64_t)read->READ_WEIGHTS.repeat - t->repetition[TN_UNIT_WEIGHTS]) -
                  2;
  if (others == TN_UNKNOWN) return count;
  return tn_least(count, (others - t->next[TN_UNIT_WEIGHTS]) / tn_fixed_of(s->step) - 1);
}

void tn_steady_note(tn_steady *s, tn_timer *t, const tn_instruction *matmul, tn_ledger *layer,
                    tn_fixed others) {
  const tn_fifo_place_time *last = &t->places[(t->read + t->n_places - 1) % t->n_places];
  int64_t step = t->rows_in - s->rows_in;
  bool same = s->same >= 0 && step > 0 && step == s->step && t->read == s->read + 1 &&
              last->there == s->there + step && t->dram.free == s->port + tn_fixed_of(step) &&
              t->next[TN_UNIT_WEIGHTS] != TN_UNKNOWN;
  s->same = same ? s->same + 1 : 0;
  if (s->same > t->n_places + 1) {
    int64_t count = room(s, t, matmul, others);
    if (count > 0) skip(s, t, matmul, count);
    s->same = 0;
    last = &t->places[(t->read + t->n_places - 1) % t->n_places];
  }
  if (s->same == t->n_places + 1) { /* the next is the one whose accounts are multiplied */
    s->whole = t->whole;
    s->has_layer = layer != NULL;
    s->layer_now = layer;
    if (layer) s->layer = *layer;
  }
  s->step = step;
  s->rows_in = t->rows_in;
  s->read = t->read;
  s->port = t->dram.free;
  s->there = last->there;
}
