/* When a program's work is done: the cost model.
 *
 * What items ask of the units is described in plain numbers (tn_forecast_item, by choose.c), a forecast walks
 * them block by block. The compiler chooses by it, the stream says it. No stream is looked at and nothing is
 * simulated.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_FORECAST_H
#define TN_SYSTOLIC_FORECAST_H

#include "base/arena.h"
#include "target/array.h"

enum {
  TN_FORECAST_RECENT = 16, /* tiles that are remembered */
  TN_FORECAST_SLOTS = 64,  /* of accumulators */
  TN_FORECAST_PENDING = 8, /* transfers of a channel not yet dealt with */
  TN_FORECAST_DONE = 32,   /* and dealt with */
  TN_FORECAST_REGIONS = 24,
  TN_FORECAST_GAPS = 4,    /* of a port's time */
  TN_FORECAST_CHANNELS = 3 /* loads, stores, what goes past the unified buffer */
};
typedef enum { TN_PORT_DRAM, TN_PORT_HOST, TN_PORTS } tn_forecast_port;

/* A cycle, or when the transfer of this number (from 1 on) is finished. */
typedef struct {
  int channel;
  int64_t number; /* 0: `at` is known */
  double at;
} tn_forecast_when;

/* A value is there in so many parts, one after the other. */
typedef struct {
  tn_forecast_when first, last;
  double parts;
} tn_forecast_ready;
typedef struct {
  tn_forecast_ready inside, outside; /* the unified buffer; DRAM or host memory */
} tn_forecast_value;

/* Bytes of the unified buffer; none: they are not known. */
typedef struct {
  double low, bytes;
} tn_forecast_place;

/* The last that was done with bytes of the unified buffer is over: others may come there. */
typedef struct {
  double low, high;
  tn_forecast_ready over; /* from the low end on */
} tn_forecast_region;

/* The target in numbers that are asked for often. */
typedef struct {
  tn_systolic_port port[TN_PORTS];
  double rows, drain; /* R; R + C - 2 */
  bool shadow;
  int64_t places; /* of the FIFO */
  int channels;
  double vector_latency;
} tn_forecast_machine;
tn_forecast_machine tn_forecast_machine_of(const tn_systolic_target *array);

/* Cycles. `array` moves on when more tiles pass, `rest` when more blocks do. */
typedef struct {
  struct {
    double shadow_free, rows_in, waves_out;
    double weights, there[TN_FORECAST_RECENT]; /* unit; tiles in the FIFO, the first that came first */
    double left[TN_FORECAST_RECENT];           /* places that became free, the last one first */
    double activated[TN_FORECAST_SLOTS];       /* groups, the last one first */
    double vector, vector_done, dram;          /* units and ports: free from here on */
  } array;
  struct {
    double host, dma[TN_FORECAST_CHANNELS], dma_done[TN_FORECAST_CHANNELS];
    double gap[TN_PORTS][TN_FORECAST_GAPS][2];
    double x_left[2], second_left[2]; /* slots of blocks may be filled again */
    double ready[TN_FORECAST_CHANNELS][TN_FORECAST_PENDING];
  } rest;
} tn_forecast_times;

typedef struct {
  tn_forecast_port port;
  double pieces, cycles; /* left; of one piece */
  double beside;         /* of the host's port, for what goes from there to DRAM */
  double latency;
} tn_forecast_transfer;

typedef struct {
  tn_forecast_times t;
  double done[TN_FORECAST_CHANNELS][TN_FORECAST_DONE]; /* by number */
  tn_forecast_transfer transfer[TN_FORECAST_CHANNELS][TN_FORECAST_PENDING];
  int64_t issued[TN_FORECAST_CHANNELS], finished[TN_FORECAST_CHANNELS];
  int next_gap[TN_PORTS];
  tn_forecast_region region[TN_FORECAST_REGIONS]; /* a ring */
  int next_region;
  int ahead;                                        /* tiles in the FIFO or on their way there */
  double to_read;                                   /* tiles of the item not yet asked for */
  double tile_cycles;                               /* of the port for one of them */
  double weights_first, weights_last, spread, unit; /* tiles wait for their weights up to the spread-th */
  double tiles;                                     /* of the item */
  double control;                                   /* the host's functions before are done */
  double begun,
      ended;          /* of the item: its first tile shifts in, its last wave or result is there; begun < 0 */
  double first, last; /* of the array's work so far; first < 0: there was none */
} tn_forecast;

/* One operand of an item. */
typedef struct {
  int value; /* -1: it has none */
  bool streamed, host;
  double bytes; /* streamed: of one block; else what comes as a whole before: 0 if it is there */
  tn_forecast_place place[2]; /* of the slots, or of all of it */
  double first_share; /* of the value that the first part reads, which the further parts go on behind */
} tn_forecast_operand;

/* Blocks, parts of blocks (rows that are activated together), groups (what is summed together), matmuls,
 * tiles: those of a level are alike. Vector work has one group a block.                                */
typedef struct {
  bool is_product;
  tn_dataflow dataflow;
  int copies;
  int64_t blocks, sum_blocks;     /* results are made in every sum_blocks-th */
  int64_t parts, groups;          /* of a block; of a part */
  int64_t matmuls, tiles;         /* of a group; of a matmul */
  int64_t slots;                  /* of accumulators, for groups */
  double stream;                  /* cycles in which a tile's rows (or columns) enter */
  double activation;              /* of a group; of vector work a block */
  double tile_bytes, piece_bytes; /* of DRAM: a tile; the most that a transfer has (0: any) */
  double constants;               /* bytes, come first */
  tn_forecast_place constants_place;
  int64_t channel_arrays; /* that constants begin with, of which each group reads its part; 0: all read all */
  double array_bytes;
  double channel_bytes; /* of constants that come with a block */
  tn_forecast_operand x, second;
  int weights; /* a value; -1: constants */
  double weights_spread,
      weights_unit;     /* tiles that read all of the value, and that wait for the same of it */
  double weights_bytes; /* that go to DRAM before they are read, from host memory or the unified buffer */
  bool weights_host;
  int y;
  bool y_streamed, y_to_host; /* its blocks have slots; the host gets it, too */
  tn_forecast_place y_place[2];
  double store_bytes, write_bytes; /* of a block: to DRAM, to the host */
} tn_forecast_item;

tn_forecast tn_forecast_start(void);
/* All transfers are finished; the last cycle of all. */
double tn_forecast_finish(tn_forecast *forecast, const tn_forecast_machine *machine);

/* ---- steps of a program: an item; a value leaves the unified buffer as a whole; a function of the host,
 * which takes no time but waits for what it reads ---- */

typedef struct {
  enum { TN_FORECAST_WORK, TN_FORECAST_LEAVE, TN_FORECAST_CALL } kind;
  tn_forecast_item item;
  int value; /* that leaves */
  tn_forecast_place place;
  bool to_host;
  double bytes;
  int n_reads, n_writes;
  const int *reads, *writes;
} tn_forecast_step;

void tn_forecast_take(tn_forecast *forecast, const tn_forecast_machine *machine, tn_forecast_value *values,
                      const tn_forecast_step *step);

typedef struct tn_forecast_program {
  int n_values;
  TN_VEC(tn_forecast_step) steps;
} tn_forecast_program;

typedef struct {
  double cycles, total_cycles; /* of the array, from its first to its last; of all */
} tn_forecast_result;
/* The same as what was forecast step by step. `values` are n_values of scratch. */
tn_forecast_result tn_forecast_run(const tn_forecast_program *program, const tn_systolic_target *array,
                                   tn_forecast_value *values);

#endif
