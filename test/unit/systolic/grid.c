/* The array as registers; see grid.h.
 *
 * Weight (and input) stationary with a shadow: what will stay enters column c at the top c clocks after
 * column 0, the bottom row's numbers first, and sinks. An element that has been reached takes what
 * is above it; one that has not yet keeps its shadow, which may still be needed:
 *
 *   clock        b        b+1      b+2      b+3
 *   row 0        w3       w2       w1       w0        column 0 of four rows; all are in place behind b+3
 *   row 1        (old)    w3       w2       w1
 *   row 2        (old)    (old)    w3       w2
 *   row 3        (old)    (old)    (old)    w3
 *
 * The first row that streams carries a tag: an element that sees it takes its shadow from then on. So the
 * shadow of element (r,c) is free r + c clocks after that of (0,0), and the next shift reaches it r + c clocks
 * after it reached (0,0): it may begin in the clock of the tag. Without a shadow all elements shift at once,
 * over what they have, so that the array must be empty.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "grid.h"

#include <string.h>

/* What goes right: an operand and what it means. */
typedef struct {
  bool valid;
  bool takes_shadow; /* weight, input: the first row behind a shift */
  bool begins, ends; /* output: first, last product of a sum */
  int job, index;    /* weight, input: the row of sums that it makes */
  number operand;
} token;

typedef struct {
  number stays, shadow; /* weights or sums */
  bool reached;         /* by the shift under way */
  token right;          /* the operand, for the next column */
  number down;          /* partial sum, or w, for the next row */
} element;

/* What a sequencer feeds: job by job, an item a clock into row 0 (column 0); row r (column c) sees the same
 * r (c) clocks later.                                                                                   */
typedef struct {
  int job, item;
} feed;

enum { LATE = 2 * GRID_MOST }; /* how long an edge remembers what it fed */

typedef struct {
  const grid_shape *shape;
  const grid_job *jobs;
  int count;
  element now[GRID_MOST][GRID_MOST], next[GRID_MOST][GRID_MOST];
  int64_t clock;
  feed streamed[LATE], shifted[LATE]; /* of the last clocks, by clock % LATE; job -1: nothing */
  int stream_job, stream_item;        /* what streams next */
  int shift_job, shift_item;          /* what shifts next */
  bool shadow_full;                   /* of element (0,0), from the end of the shift to the tag */
  grid_clocks clocks;
} grid;

static const feed nothing = {.job = -1};

static feed earlier(const feed *fed, int64_t clock, int ago) {
  return clock < ago ? nothing : fed[(clock - ago) % LATE];
}

static bool is_output(const grid *g) { return g->shape->dataflow == TN_DATAFLOW_OUTPUT; }
static bool is_input(const grid *g) { return g->shape->dataflow == TN_DATAFLOW_INPUT; }

static number number_of(const number *matrix, int64_t stride, int row, int column, int rows, int columns) {
  number zero = {0};
  return row < rows && column < columns ? matrix[row * stride + column] : zero;
}

/* Element [k][column] of what stays. Where the job has none the array has zeros. */
static number staying(const grid *g, const grid_job *job, int k, int column) {
  if (is_input(g)) return number_of(job->x, job->x_stride, column, k, job->m, job->k);
  return number_of(job->w, job->w_stride, k, column, job->k, job->n);
}

/* Items of a job that stream: rows of x, columns of w, products of a sum. */
static int items_of(const grid *g, const grid_job *job) {
  return is_output(g) ? job->k : is_input(g) ? job->n : job->m;
}

static number multiply_add(const grid *g, number sum, number x, number w) {
  if (g->shape->real) return (number){.real = sum.real + x.real * w.real};
  return (number){.integer = (int32_t)((uint32_t)sum.integer + (uint32_t)x.integer * (uint32_t)w.integer)};
}

static number add(const grid *g, number a, number b) {
  if (g->shape->real) return (number){.real = a.real + b.real};
  return (number){.integer = (int32_t)((uint32_t)a.integer + (uint32_t)b.integer)};
}

/* ---- edges ---- */

static token at_left_edge(const grid *g, int row) {
  feed f = earlier(g->streamed, g->clock, row);
  if (f.job < 0) return (token){0};
  const grid_job *job = &g->jobs[f.job];
  token t = {.valid = true, .job = f.job, .index = f.item};
  bool next_follows = f.job + 1 < g->count && g->jobs[f.job + 1].follows;
  if (is_output(g)) {
    t.operand = number_of(job->x, job->x_stride, row, f.item, job->m, job->k);
    t.begins = f.item == 0 && !job->follows;
    t.ends = f.item + 1 == job->k && !next_follows;
  } else {
    t.takes_shadow = f.item == 0 && !job->follows;
    t.operand = is_input(g) ? number_of(job->w, job->w_stride, row, f.item, job->k, job->n)
                            : number_of(job->x, job->x_stride, f.item, row, job->m, job->k);
  }
  return t;
}

/* Output stationary: w comes from above. */
static number at_top_edge(const grid *g, int column) {
  feed f = earlier(g->streamed, g->clock, column);
  number zero = {0};
  if (!is_output(g) || f.job < 0) return zero;
  const grid_job *job = &g->jobs[f.job];
  return number_of(job->w, job->w_stride, f.item, column, job->k, job->n);
}

/* ---- an element's clock ---- */

static void shift_element(grid *g, int r, int c) {
  element *will = &g->next[r][c];
  bool shadow = g->shape->shadow;
  feed f = earlier(g->shifted, g->clock, shadow ? c : 0);
  if (f.job < 0) return;
  bool arrives = r == 0 || (f.item > 0 && g->now[r - 1][c].reached);
  will->reached = arrives;
  if (shadow && !arrives) return;
  const element *above = r ? &g->now[r - 1][c] : NULL;
  number into = staying(g, &g->jobs[f.job], g->shape->rows - 1 - f.item, c);
  if (above) into = shadow ? above->shadow : above->stays;
  if (shadow)
    will->shadow = into;
  else
    will->stays = into;
}

static void accumulate(grid *g, const token *t, int column, number sum) {
  const grid_job *job = &g->jobs[t->job];
  number *to = &g->shape->accumulators[job->to + t->index][column];
  *to = job->adds ? add(g, *to, sum) : sum;
}

/* The last row's partial sums are sums. */
static void pass_element(grid *g, int r, int c, token in, number above) {
  element *will = &g->next[r][c];
  if (in.valid && in.takes_shadow && g->shape->shadow) will->stays = g->now[r][c].shadow;
  if (!in.valid) return;
  will->down = multiply_add(g, above, in.operand, will->stays);
  int columns = is_input(g) ? g->jobs[in.job].m : g->jobs[in.job].n;
  if (r == g->shape->rows - 1 && c < columns) accumulate(g, &in, c, will->down);
}

/* The sum leaves when its last product is in; without a shadow it stays until all have theirs, which
 * nothing can see.                                                                                   */
static void keep_element(grid *g, int r, int c, token in, number above) {
  element *will = &g->next[r][c];
  will->down = above;
  if (!in.valid) return;
  const grid_job *job = &g->jobs[in.job];
  number zero = {0};
  will->stays = multiply_add(g, in.begins ? zero : g->now[r][c].stays, in.operand, above);
  if (!in.ends) return;
  will->shadow = will->stays;
  if (r >= job->m || c >= job->n) return;
  number *to = &g->shape->accumulators[job->to + r][c];
  *to = job->adds ? add(g, *to, will->shadow) : will->shadow;
}

/* ---- sequencers ---- */

/* An operand is on its way to an element, or will be. */
static bool is_busy(const grid *g) {
  for (int r = 0; r < g->shape->rows; r++) {
    for (int c = 0; c + 1 < g->shape->columns; c++)
      if (g->now[r][c].right.valid) return true;
    if (earlier(g->streamed, g->clock, r).job >= 0) return true;
  }
  return false;
}

/* Once what was shifted in before has been taken over, or without a shadow has had its rows. */
static void sequence_shift(grid *g, bool empty) {
  bool free = !g->shadow_full && (g->shape->shadow || empty);
  g->shifted[g->clock % LATE] = nothing;
  if (is_output(g) || g->shift_job == g->count || (g->shift_item == 0 && !free)) return;
  g->shifted[g->clock % LATE] = (feed){g->shift_job, g->shift_item};
  if (++g->shift_item < g->shape->rows) return;
  g->shift_item = 0;
  g->shadow_full = true;
  do g->shift_job++;
  while (g->shift_job < g->count && g->jobs[g->shift_job].follows);
}

/* May the next item enter element (0,0) in this clock? */
static bool may_stream(const grid *g) {
  if (g->stream_job == g->count) return false;
  if (g->stream_item || g->jobs[g->stream_job].follows) return true;
  if (is_output(g)) return g->shape->shadow || !is_busy(g);
  return g->shadow_full;
}

static feed sequence_stream(grid *g) {
  if (!may_stream(g)) return nothing;
  feed f = {g->stream_job, g->stream_item};
  if (++g->stream_item == items_of(g, &g->jobs[f.job])) {
    g->stream_item = 0;
    g->stream_job++;
  }
  return f;
}

/* The tag frees the shadow of element (0,0) in its clock. */
static bool sequence(grid *g) {
  g->streamed[g->clock % LATE] = nothing;
  feed f = sequence_stream(g);
  bool tagged = f.job >= 0 && f.item == 0 && !g->jobs[f.job].follows;
  bool empty = !is_busy(g) && f.job < 0;
  if (tagged) g->shadow_full = false;
  sequence_shift(g, empty);
  g->streamed[g->clock % LATE] = f;
  bool shifts = g->shifted[g->clock % LATE].job >= 0;
  if (shifts || !empty) {
    if (g->clocks.first < 0) g->clocks.first = g->clock;
    g->clocks.last = g->clock;
  }
  bool held_up = shifts && f.job < 0; /* the next row waits for the shift, whatever still passes */
  g->clocks.active += !empty && !held_up;
  g->clocks.shifting += held_up;
  return shifts || !empty || g->stream_job < g->count;
}

static void tick(grid *g) {
  memcpy(g->next, g->now, sizeof g->next);
  for (int r = 0; r < g->shape->rows; r++)
    for (int c = 0; c < g->shape->columns; c++) {
      token in = c ? g->now[r][c - 1].right : at_left_edge(g, r);
      number above = r ? g->now[r - 1][c].down : at_top_edge(g, c);
      g->next[r][c].right = in;
      if (!is_output(g)) shift_element(g, r, c);
      if (is_output(g))
        keep_element(g, r, c, in, above);
      else
        pass_element(g, r, c, in, above);
    }
  memcpy(g->now, g->next, sizeof g->now);
  g->clock++;
}

grid_clocks grid_run(const grid_shape *shape, const grid_job *jobs, int count) {
  static grid g;
  g = (grid){.shape = shape, .jobs = jobs, .count = count, .clocks = {.first = -1}};
  while (sequence(&g)) tick(&g);
  return g.clocks;
}
