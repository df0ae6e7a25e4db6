/* When a program's work is done, forecast block by block while it is laid out.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_FORECAST_H
#define TN_SYSTOLIC_FORECAST_H

#include "codegen/systolic/problem.h"

/* Of the blocks so far, a ring: when the first and the last of so many events were. */
enum { TN_FORECAST_BLOCKS = 32 };
typedef struct {
  struct {
    double count, first, last;
  } block[TN_FORECAST_BLOCKS];
  int next;
} tn_forecast_history;

/* Results on their way out: behind the loads that are ready before them. */
typedef struct {
  double store_bytes, write_bytes, ready;
  int slot;
} tn_forecast_store;

/* Cycles at which the units will be through with all that was laid out so far. */
typedef struct {
  double first, last;                   /* of the array's work; first < 0: there was none */
  double rows_in, waves_out, last_tile; /* of the array: the last row is in, the last wave out, the last tile's first row */
  double weights;                       /* the port is through with tiles */
  tn_forecast_history left, activated;  /* tiles of weights their places, groups their slots */
  double vector, load, store;           /* units */
  double load_done, store_done;         /* what they did is finished */
  double dram, host;                    /* ports, tiles apart */
  double slot[2][2];                    /* of blocks of x, of second operands: the work on them is done */
  double stored[2];                     /* and what they held is stored */
  tn_forecast_store pending;
  double constants[2];                  /* the last pipeline's were on their way from DRAM */
} tn_forecast;

/* One block of an item. */
typedef struct {
  const tn_systolic_target *array;
  const tn_problem *problem;
  const tn_tiling *tiling;
  tn_work_part part;
  tn_tile_counts tiles;
  int slot;
  double store_bytes, write_bytes; /* to DRAM; to the host */
  double ready, second; /* x, and the second operand, are in the unified buffer */
  double weights; /* the same of weights that are no constants */
} tn_forecast_block;

/* The constants of an item's pipeline come; when they are there. */
double tn_forecast_constants(tn_forecast *forecast, const tn_systolic_target *array, double bytes);
/* An operand of a block comes into a slot that another one has left; when it is there. */
double tn_forecast_load(tn_forecast *forecast, const tn_systolic_target *array, bool second, int slot,
                        bool host, double ready, double bytes);
/* When the block's results are in the unified buffer. */
double tn_forecast_add(tn_forecast *forecast, const tn_forecast_block *block);
/* When the last block's have left it. */
double tn_forecast_flush(tn_forecast *forecast, const tn_systolic_target *array);
/* A transfer of something whole; when its last byte is there. */
double tn_forecast_move(tn_forecast *forecast, const tn_systolic_target *array, bool host, bool out,
                        double ready, double bytes);

#endif
