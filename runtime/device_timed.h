/* The ledger: which cycles of the array went where.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_RUNTIME_DEVICE_TIMED_H
#define TN_RUNTIME_DEVICE_TIMED_H

#include "runtime/device_private.h"

/* What the matrix unit waited for last before a tile. */
typedef enum { TN_WAIT_OTHER, TN_WAIT_FIFO, TN_WAIT_VECTOR, TN_WAIT_DMA } tn_wait_reason;

/* One tile's way through the array, in cycles; ends are one behind the last.
 *
 *   free …waits | shift … shift_end | (a tile of what streams is awaited) | start … rows … | drain … end
 */
typedef struct {
  int64_t free;          /* from which cycle on the array itself would take it */
  int64_t shift, shift_end, start, end;
  int64_t rows;          /* cycles in which rows enter */
  tn_wait_reason reason; /* for what `shift` waited */
  int type;              /* index in the target's types */
} tn_array_stay;

/* Of the whole or of a layer. */
typedef struct {
  bool any;
  int64_t first, entered, end; /* of the array's work so far; rows enter up to `entered` */
  int type;                    /* of the last tile */
  int64_t active[TN_ARRAY_TYPES];
  int64_t weight_stall, weight_shift, raw_stall, input_stall, other;
  int64_t begun, finished; /* of all units' work; begun INT64_MAX: none */
  int64_t vector, dma, weights; /* busy; the last two in fractions of cycles */
} tn_ledger;

void tn_ledger_enter(tn_ledger *ledger, const tn_array_stay *stay);
/* Writes what belongs to time; useful_macs is there. */
void tn_ledger_close(tn_ledger *ledger, const tn_array_target *array, tn_device_counters *counters);

enum { TN_CYCLE_FRACTION = 20 }; /* bits behind the point of a port's time */

#endif
