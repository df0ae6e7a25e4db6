/* The ledger of the array's cycles: each belongs to one account.
 *
 *   active        rows enter, or waves pass and nothing is held up but by them
 *   weight_shift  no row enters, as a tile shifts in
 *   weight_stall  no row enters, as the FIFO has no tile
 *   non_matrix    the rest: raw_stall where the vector unit's results are awaited, input_stall where
 *                 DMA's; other waits
 *
 * So what counts is the array's edge, where rows enter: waves that still pass do not hide what bounds the
 * work. Tiles come in the order in which their rows enter; from the last row of one to the first of the
 * next goes, in this order, the drain that the next must let pass (without a shadow), what it waits for last,
 * its shift, a tile that streams. The sum of all accounts is the time from the first cycle of work to the last.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "runtime/device_timed.h"

static int64_t *account_of(tn_ledger *ledger, tn_wait_reason reason) {
  switch (reason) {
  case TN_WAIT_FIFO: return &ledger->weight_stall;
  case TN_WAIT_VECTOR: return &ledger->raw_stall;
  case TN_WAIT_DMA: return &ledger->input_stall;
  case TN_WAIT_OTHER: break;
  }
  return &ledger->other;
}

/* Moves *at up to `end`; the cycles between. */
static int64_t advance(int64_t *at, int64_t end) {
  int64_t cycles = end > *at ? end - *at : 0;
  *at += cycles;
  return cycles;
}

void tn_ledger_enter(tn_ledger *ledger, const tn_systolic_stay *stay) {
  if (!ledger->any) {
    ledger->any = true;
    ledger->first = ledger->entered = ledger->end = stay->shift;
    ledger->type = stay->type;
  }
  int64_t at = ledger->entered, own_drain = stay->free < ledger->end ? stay->free : ledger->end;
  ledger->active[ledger->type] += advance(&at, own_drain < stay->start ? own_drain : stay->start);
  if (stay->free < stay->shift) ledger->other += advance(&at, stay->free); /* another layer's drain */
  *account_of(ledger, stay->reason) += advance(&at, stay->shift);
  ledger->weight_shift += advance(&at, stay->shift_end);
  ledger->weight_stall += advance(&at, stay->start);
  ledger->active[stay->type] += advance(&at, stay->start + stay->rows);
  ledger->type = stay->type;
  ledger->entered = at;
  ledger->end = tn_largest(ledger->end, stay->end);
}

static int64_t whole_cycles(int64_t fixed) {
  return (fixed + ((int64_t)1 << (TN_CYCLE_FRACTION - 1))) >> TN_CYCLE_FRACTION;
}

void tn_ledger_close(tn_ledger *ledger, const tn_systolic_target *array, tn_device_counters *c) {
  int64_t capacity = 0;
  ledger->active[ledger->type] += advance(&ledger->entered, ledger->end);
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
