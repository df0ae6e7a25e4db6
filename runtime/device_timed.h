/* Inside the timed device: the ledger says which cycles of the array went where, the timer when each unit
 * does what, and what repeats is taken many times at once.
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
  int64_t free; /* from which cycle on the array itself would take it */
  int64_t shift, shift_end, start, end;
  int64_t rows;          /* cycles in which rows enter */
  tn_wait_reason reason; /* for what `shift` waited */
  int type;              /* index in the target's types */
} tn_systolic_stay;

/* Of the whole or of a layer. */
typedef struct {
  bool any;
  int64_t first, entered, end; /* of the array's work so far; rows enter up to `entered` */
  int type;                    /* of the last tile */
  int64_t active[TN_SYSTOLIC_TYPES];
  int64_t weight_stall, weight_shift, raw_stall, input_stall, other;
  int64_t begun, finished;      /* of all units' work; begun INT64_MAX: none */
  int64_t vector, dma, weights; /* busy; the last two in fractions of cycles */
} tn_ledger;

void tn_ledger_enter(tn_ledger *ledger, const tn_systolic_stay *stay);
/* Writes what belongs to time; useful_macs is there. */
void tn_ledger_close(tn_ledger *ledger, const tn_systolic_target *array, tn_device_counters *counters);

/* ---- the state ---- */

enum { TN_CYCLE_FRACTION = 20 }; /* bits behind the point of a port's time */
#define TN_UNKNOWN INT64_MAX     /* when a piece of work may start */

typedef int64_t tn_fixed; /* cycles << TN_CYCLE_FRACTION */

/* DRAM's, the host's. */
typedef struct {
  tn_systolic_port is;
  tn_fixed free;
} tn_port;

/* A tile in the FIFO, or on its way. */
typedef struct {
  int64_t there; /* from which cycle on */
  int64_t rows, columns;
  tn_type type;
  int64_t left; /* the place is free from this cycle on */
} tn_fifo_place_time;

typedef struct {
  const tn_stream_index *index;
  const tn_systolic_target *array;
  const tn_instruction *instructions;
  /* units */
  int64_t head[TN_UNITS];  /* number of the next instruction */
  int64_t *done[TN_UNITS]; /* from which cycle on each before it is finished */
  uint32_t repetition[TN_UNITS];
  tn_fixed free[TN_UNITS]; /* it can start its next work; whole but for what moves bytes */
  tn_fixed next[TN_UNITS]; /* when the next work may start; TN_UNKNOWN */
  int64_t began[TN_UNITS]; /* the instruction under way */
  tn_wait_reason reason;   /* of the matrix unit's next work */
  /* FIFO */
  tn_fifo_place_time *places, *spare; /* tile n's is places[n % n_places] */
  int64_t n_places, read, taken;
  /* array */
  int64_t shadow_free, rows_in, waves_out;
  tn_port dram, host;
  tn_ledger whole, *layers;
  tn_device_listener *listener;
  void *user;
} tn_timer;

static inline tn_fixed tn_fixed_of(int64_t cycles) {
  return (tn_fixed)((uint64_t)cycles << TN_CYCLE_FRACTION);
}

/* ---- repetitions that repeat ---- */

/* How the last repetitions of a matmul followed each other; zeros at first. */
typedef struct {
  int64_t rows_in, read, there; /* when the last was entered; `there` of the tile read last */
  tn_fixed port;
  int64_t step, same;                 /* cycles from one to the next; how many in a row */
  tn_ledger whole, layer, *layer_now; /* before the last of them */
  bool has_layer;
} tn_steady;

/* After each repetition inside an instruction: takes as many at once as are known to follow in the same
 * way, before another unit is ready at `others`. `layer` may be NULL.                              */
void tn_steady_note(tn_steady *steady, tn_timer *timer, const tn_instruction *matmul, tn_ledger *layer,
                    tn_fixed others);

#endif
