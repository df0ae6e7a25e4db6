/* The ledger of the array's cycles: each belongs to one account.
 *
 *   active        a wave of some product is in the array
 *   weight_shift  nothing but a tile that shifts in
 *   weight_stall  the FIFO had no tile
 *   non_matrix    the rest: raw_stall where the vector unit's results were awaited, input_stall where
 *                 DMA's; other waits, and what the array could not do for itself
 *
 * Tiles come in the order of their waves, so one number, where the waves so far end, is all that a tile
 * needs to know of those before it: what lies between is idle and is charged to what the tile waited
 * for last. The sum of all accounts is the time from the first cycle of work to the last.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "runtime/device_timed.h"

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t *account_of(tn_ledger *ledger, tn_wait_reason reason) {
  switch (reason) {
  case TN_WAIT_FIFO: return &ledger->weight_stall;
  case TN_WAIT_VECTOR: return &ledger->raw_stall;
  case TN_WAIT_DMA: return &ledger->input_stall;
  case TN_WAIT_OTHER: break;
  }
  return &ledger->other;
}

void tn_ledger_enter(tn_ledger *ledger, const tn_array_stay *stay) {
  if (!ledger->any) {
    ledger->any = true;
    ledger->first = ledger->end = stay->shift;
  }
  int64_t at = ledger->end;
  if (at < stay->shift) *account_of(ledger, stay->reason) += stay->shift - at;
  at = larger(at, stay->shift);
  if (at < stay->shift_end) ledger->weight_shift += stay->shift_end - at;
  at = larger(at, stay->shift_end);
  if (at < stay->start) ledger->weight_stall += stay->start - at;
  at = larger(at, stay->start);
  if (at < stay->end) ledger->active[stay->type] += stay->end - at;
  ledger->end = larger(at, stay->end);
}

static int64_t whole_cycles(int64_t fixed) {
  return (fixed + ((int64_t)1 << (TN_CYCLE_FRACTION - 1))) >> TN_CYCLE_FRACTION;
}

void tn_ledger_close(const tn_ledger *ledger, const tn_array_target *array, tn_device_counters *c) {
  int64_t capacity = 0;
  for (int t = 0; t < array->n_types; t++) {
    c->active += ledger->active[t];
    capacity += ledger->active[t] * array->rows * array->columns / array->types[t].cycles;
  }
  c->cycles = ledger->any ? ledger->end - 1 - ledger->first : 0;
  c->total_cycles = ledger->begun == INT64_MAX ? 0 : ledger->finished - ledger->begun;
  c->unused_macs = capacity - c->useful_macs;
  c->weight_stall = ledger->weight_stall;
  c->weight_shift = ledger->weight_shift;
  c->raw_stall = ledger->raw_stall;
  c->input_stall = ledger->input_stall;
  c->non_matrix = ledger->raw_stall + ledger->input_stall + ledger->other;
  c->vector_cycles = ledger->vector;
  c->dma_cycles = whole_cycles(ledger->dma);
  c->weight_cycles = whole_cycles(ledger->weights);
}
