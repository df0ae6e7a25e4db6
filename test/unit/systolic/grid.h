/* The array as registers: every processing element, one clock at a time. What the simulator says in
 * closed forms happens here by itself.
 *
 *             column 0     column 1
 *            shift, w^    shift, w^
 *   row 0 -> [PE 0,0] x-> [PE 0,1] x->        x, with its tags, goes one element right a clock;
 *              | sum        | sum             sums (weight, input stationary) or w (output stationary)
 *   row 1 -> [PE 1,0] x-> [PE 1,1] x->        go one element down a clock
 *              v            v
 *            accumulators
 *
 * An element has: what stays (weight, or sum) and its shadow, the operand on its way right, what is on
 * its way down. All registers change together at the end of a clock and depend only on those of the
 * neighbours above and to the left before it; what enters at the edges is skewed by one clock a row and
 * a column. The sequencer starts work as soon as registers allow it, and knows of no formula.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_GRID_H
#define TN_TEST_GRID_H

#include "target/array.h"

enum { GRID_MOST = 16 };

/* A number of either kind of sum. */
typedef union {
  int32_t integer;
  float real;
} number;

/* What passes the array behind one another without a change of what stays: one repetition of a matmul.
 * Weight: stays w[k][n], passes x[m][k]; input: stays x[m][k], passes w[k][n]; output: both pass. Sums go to
 * rows `to` and below of the accumulators.                                                              */
typedef struct {
  int m, n, k;
  const number *x; /* [m][k], a row is x_stride numbers */
  int64_t x_stride;
  const number *w; /* [k][n], a row is w_stride numbers */
  int64_t w_stride;
  int64_t to;
  bool adds;    /* to what the accumulators hold */
  bool follows; /* output, input stationary: the same sums, the same x stays, as of the job before */
} grid_job;

typedef struct {
  int rows, columns;
  bool shadow, real;
  tn_dataflow dataflow;
  number (*accumulators)[GRID_MOST];
} grid_shape;

/* Clocks are counted as the simulator does. */
typedef struct {
  int64_t first, last; /* clock in which something first shifts or enters, in which the last wave leaves */
  int64_t active;      /* clocks in which rows enter, or waves pass and no shift holds the next row up */
  int64_t shifting;    /* clocks of a shift in which no row enters */
} grid_clocks;

grid_clocks grid_run(const grid_shape *shape, const grid_job *jobs, int count);

#endif
