/* Where temps lie in the arena.
 *
 * Steps get times in order of execution. A buffer lives from the first step that
 * touches it to the last; one that is used inside a loop and also outside lives for
 * all of the loop. Buffers alive at the same time do not overlap.
 *
 * They are placed one after the other, each into the lowest gap or the smallest that it fits
 * for all of its life, in several orders (by size, by size times life, …); the best is kept. On
 * the networks measured that mostly is the most that is alive at once, which no plan can go
 * below. Where it is not, and there are no more than 200 temps, place_search.c looks for less;
 * a search that ends without result proves that there is nothing.
 *
 * Cost: O(n² log n) in the number of temps an order; the search has a budget.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/place.h"

#include <stdlib.h>

enum { ALIGNMENT = 64, MOST_SEARCHED = 200, SEARCH_WORK = 50 * 1000 * 1000 };

typedef struct {
  int begin, end;
} loop_span;

typedef struct {
  tn_arena *arena;
  const tn_plan *plan;
  tn_life *lives; /* one a buffer */
  int time;
  TN_VEC(loop_span) loops;
  TN_VEC(tn_step *) at;
} times;

static void touch(times *t, int buffer) {
  tn_life *l = &t->lives[buffer];
  if (t->time < l->first) l->first = t->time;
  if (t->time > l->last) l->last = t->time;
}

static void walk(times *t, tn_step *steps) {
  for (tn_step *step = steps; step; step = step->next) {
    int begin = ++t->time; /* the time of all that this step touches */
    while (t->at.count < begin) TN_PUSH(t->arena, &t->at, NULL);
    TN_PUSH(t->arena, &t->at, step);
    switch (step->kind) {
    case TN_STEP_RUN:
      for (int i = 0; i < t->plan->kernels[step->kernel]->n_parameters; i++) touch(t, step->arguments[i]);
      break;
    case TN_STEP_COPY:
      touch(t, step->to);
      touch(t, step->from);
      break;
    case TN_STEP_CONDITIONAL:
      touch(t, step->selector);
      for (int i = 0; i < step->n_branches; i++) walk(t, step->branches[i]);
      break;
    case TN_STEP_WHILE:
      walk(t, step->test);
      t->time++;
      touch(t, step->selector);
      walk(t, step->branches[0]);
      TN_PUSH(t->arena, &t->loops, ((loop_span){begin, t->time++}));
      break;
    }
  }
}

/* Inner loops come first in the list, so that what grows to one may grow to the next. */
static void stretch_over_loops(times *t) {
  for (int i = 0; i < t->loops.count; i++) {
    loop_span span = t->loops.at[i];
    for (int b = 0; b < t->plan->n_buffers; b++) {
      tn_life *l = &t->lives[b];
      bool touches = l->first <= span.end && l->last >= span.begin;
      bool inside = l->first >= span.begin && l->last <= span.end;
      if (!touches || inside) continue;
      if (l->first > span.begin) l->first = span.begin;
      if (l->last < span.end) l->last = span.end;
    }
  }
}

int64_t tn_boxes_alive(tn_arena *scratch, const tn_box *boxes, int count) {
  int end = 0;
  for (int i = 0; i < count; i++) end = boxes[i].last > end ? boxes[i].last : end;
  int64_t *change = TN_NEW_ARRAY(scratch, int64_t, end + 2), most = 0, alive = 0;
  for (int i = 0; i < count; i++) {
    change[boxes[i].first] += boxes[i].size;
    change[boxes[i].last + 1] -= boxes[i].size;
  }
  for (int i = 0; i <= end; i++) {
    alive += change[i];
    if (alive > most) most = alive;
  }
  return most;
}

/* ---- one after the other ---- */

/* Where something is to lie on top, all is placed upside down, and that comes first. */
static int by_numbers(int64_t a, int64_t b, const tn_box *x, const tn_box *y) {
  if (x->on_top != y->on_top) return x->on_top ? -1 : 1;
  if (a != b) return a < b ? 1 : -1;
  if (x->size != y->size) return x->size < y->size ? 1 : -1;
  return x->first != y->first ? (x->first > y->first) - (x->first < y->first) : (x > y) - (x < y);
}

static int64_t length_of(const tn_box *x) { return x->last - x->first + 1; }

static int by_size(const void *a, const void *b) {
  const tn_box *x = *(tn_box *const *)a, *y = *(tn_box *const *)b;
  return by_numbers(0, 0, x, y);
}

static int by_area(const void *a, const void *b) {
  const tn_box *x = *(tn_box *const *)a, *y = *(tn_box *const *)b;
  return by_numbers(x->size * length_of(x), y->size * length_of(y), x, y);
}

static int by_length(const void *a, const void *b) {
  const tn_box *x = *(tn_box *const *)a, *y = *(tn_box *const *)b;
  return by_numbers(length_of(x), length_of(y), x, y);
}

static int by_birth(const void *a, const void *b) {
  const tn_box *x = *(tn_box *const *)a, *y = *(tn_box *const *)b;
  return by_numbers(-x->first, -y->first, x, y);
}

static int by_death(const void *a, const void *b) {
  const tn_box *x = *(tn_box *const *)a, *y = *(tn_box *const *)b;
  return by_numbers(x->last, y->last, x, y);
}

static int by_offset(const void *a, const void *b) {
  const int64_t *x = a, *y = b;
  return (x[0] > y[0]) - (x[0] < y[0]);
}

/* A gap that is free while the box lives: the lowest, or the smallest that it fits. `taken` is
 * scratch for (offset, end).                                                               */
static int64_t find_gap(const tn_box *box, tn_box *const *placed, int n_placed, bool smallest,
                        int64_t (*taken)[2]) {
  int n = 0;
  for (int i = 0; i < n_placed; i++) {
    if (placed[i]->last < box->first || placed[i]->first > box->last) continue;
    taken[n][0] = placed[i]->offset;
    taken[n++][1] = placed[i]->offset + placed[i]->size;
  }
  qsort(taken, (size_t)n, sizeof *taken, by_offset);
  int64_t top = 0, best = -1, room = INT64_MAX;
  for (int i = 0; i < n; i++) {
    int64_t gap = taken[i][0] - top;
    if (gap >= box->size && gap < room) {
      best = top;
      room = gap;
      if (!smallest) break;
    }
    if (taken[i][1] > top) top = taken[i][1];
  }
  return best < 0 ? top : best;
}

typedef int ordering(const void *, const void *);

static int64_t place_in_order(tn_arena *scratch, tn_box *boxes, int count, ordering *order, bool smallest) {
  tn_box **placed = tn_arena_alloc_array(scratch, (size_t)count, sizeof *placed);
  int64_t(*taken)[2] = tn_arena_alloc_array(scratch, (size_t)count + 1, sizeof *taken), bytes = 0;
  for (int i = 0; i < count; i++) placed[i] = &boxes[i];
  qsort(placed, (size_t)count, sizeof *placed, order);
  for (int i = 0; i < count; i++) {
    placed[i]->offset = find_gap(placed[i], placed, i, smallest, taken);
    int64_t end = placed[i]->offset + placed[i]->size;
    if (end > bytes) bytes = end;
  }
  return bytes;
}

/* ---- the best that is found ---- */

static int64_t end_of(const tn_box *boxes, int count) {
  int64_t end = 0;
  for (int i = 0; i < count; i++)
    if (boxes[i].offset + boxes[i].size > end) end = boxes[i].offset + boxes[i].size;
  return end;
}

/* Halves the range between what is known to be too little and what is enough. */
static int64_t search(tn_arena *scratch, tn_box *boxes, int count, int64_t bound, int64_t bytes, int64_t work,
                      bool *proven) {
  tn_box *trial = tn_arena_alloc_array(scratch, (size_t)count, sizeof *trial);
  int64_t low = bound, share = work / 2;
  bool certain = true;
  while (low < bytes) {
    int64_t capacity = low == bound ? bound : (low + (bytes - low) / 2) / ALIGNMENT * ALIGNMENT, left = share;
    memcpy(trial, boxes, sizeof *trial * (size_t)count);
    tn_fit fit = tn_search_place(scratch, trial, count, capacity, &left);
    work -= share - left;
    share = work / 2;
    if (fit == TN_FITS) {
      memcpy(boxes, trial, sizeof *trial * (size_t)count);
      bytes = end_of(boxes, count);
    } else {
      certain = certain && fit == TN_FITS_NOT;
      low = capacity + ALIGNMENT;
    }
  }
  *proven = certain || bytes == bound;
  return bytes;
}

static int64_t place_all(tn_arena *scratch, tn_box *boxes, int count, int64_t work, bool *proven) {
  static ordering *const orders[] = {by_size, by_area, by_length, by_birth, by_death};
  int64_t bound = tn_boxes_alive(scratch, boxes, count), best = INT64_MAX;
  tn_box *trial = tn_arena_copy(scratch, boxes, sizeof *boxes * (size_t)count);
  for (int i = 0; i < 10 && best > bound; i++) {
    int64_t bytes = place_in_order(scratch, trial, count, orders[i / 2], i % 2);
    if (bytes >= best) continue;
    best = bytes;
    for (int k = 0; k < count; k++) boxes[k].offset = trial[k].offset;
  }
  *proven = best <= bound;
  return best <= bound || count > MOST_SEARCHED ? best
                                                : search(scratch, boxes, count, bound, best, work, proven);
}

/* ---- upside down ---- */

static int by_place(const void *a, const void *b) {
  const tn_box *x = *(tn_box *const *)a, *y = *(tn_box *const *)b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return (x > y) - (x < y);
}

/* What lay on the ground is on top, and then all falls as far as it can. */
static void turn_over(tn_arena *scratch, tn_box *boxes, int count) {
  tn_box **order = tn_arena_alloc_array(scratch, (size_t)count, sizeof *order);
  int64_t end = end_of(boxes, count);
  for (int i = 0; i < count; i++) {
    order[i] = &boxes[i];
    boxes[i].offset = end - boxes[i].offset - boxes[i].size;
  }
  qsort(order, (size_t)count, sizeof *order, by_place);
  for (int i = 0; i < count; i++) {
    int64_t ground = 0;
    for (int k = 0; k < i; k++) {
      bool together = order[k]->first <= order[i]->last && order[i]->first <= order[k]->last;
      int64_t top = order[k]->offset + order[k]->size;
      if (together && top > ground) ground = top;
    }
    order[i]->offset = ground;
  }
}

int64_t tn_place_boxes(tn_arena *scratch, tn_box *boxes, int count, int64_t work, bool *proven) {
  int64_t bytes = place_all(scratch, boxes, count, work, proven);
  bool any = false;
  for (int i = 0; i < count; i++) any = any || boxes[i].on_top;
  if (any) turn_over(scratch, boxes, count);
  return any ? end_of(boxes, count) : bytes;
}

/* ---- of a plan ---- */

/* What a kernel keeps in its workers' scratch memory, about: locals of more than a page or so. The
 * code generator knows; this is for leaving room where it will be looked for.               */
static int64_t scratch_hint(const tn_plan *plan, const tn_step *step) {
  enum { ON_THE_STACK = 1024 };
  int64_t bytes = 0;
  if (!step || step->kind != TN_STEP_RUN) return 0;
  const tn_kernel *kernel = plan->kernels[step->kernel];
  for (int i = kernel->n_parameters; i < kernel->n_buffers; i++) {
    int64_t size = tn_layout_bytes(kernel->buffers[i].shape);
    bytes += size > ON_THE_STACK ? size : 0;
  }
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

tn_timeline tn_plan_timeline(tn_arena *arena, const tn_plan *plan) {
  times t = {.arena = arena, .plan = plan, .lives = TN_NEW_ARRAY(arena, tn_life, plan->n_buffers)};
  for (int i = 0; i < plan->n_buffers; i++)
    t.lives[i] = (tn_life){.buffer = i, .first = INT32_MAX, .last = -1};
  walk(&t, plan->steps);
  stretch_over_loops(&t);
  for (int i = 0; i < plan->n_buffers; i++)
    if (plan->buffers[i].memory == TN_MEMORY_TEMP && t.lives[i].last >= 0)
      t.lives[i].size = (plan->buffers[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  while (t.at.count <= t.time) TN_PUSH(arena, &t.at, NULL);
  int64_t *alive = TN_NEW_ARRAY(arena, int64_t, t.time + 2);
  for (int i = 0; i < plan->n_buffers; i++) {
    if (!t.lives[i].size) continue;
    alive[t.lives[i].first] += t.lives[i].size;
    alive[t.lives[i].last + 1] -= t.lives[i].size;
  }
  for (int i = 1; i <= t.time; i++) alive[i] += alive[i - 1];
  return (tn_timeline){t.lives, t.time, t.at.at, alive};
}

/* The temps in use, and which buffer each is; then, of no buffer, what kernels need meanwhile. */
typedef struct {
  tn_box *boxes;
  int *buffers;
  int temps, count;
} box_list;

static box_list boxes_of(tn_arena *scratch, const tn_plan *plan) {
  tn_timeline line = tn_plan_timeline(scratch, plan);
  size_t room = (size_t)plan->n_buffers + (size_t)line.end + 1;
  box_list l = {tn_arena_alloc_array(scratch, room, sizeof *l.boxes),
                TN_NEW_ARRAY(scratch, int, plan->n_buffers), 0, 0};
  for (int i = 0; i < plan->n_buffers; i++) {
    const tn_life *life = &line.lives[i];
    if (!life->size) continue;
    l.buffers[l.temps] = i;
    l.boxes[l.temps++] = (tn_box){life->first, life->last, life->size, plan->buffers[i].offset, false};
  }
  l.count = l.temps;
  for (int t = 1; t <= line.end; t++) {
    int64_t own = scratch_hint(plan, line.at[t]);
    if (own) l.boxes[l.count++] = (tn_box){t, t, own, 0, true};
  }
  return l;
}

void tn_plan_measure(tn_plan *plan) {
  tn_arena *scratch = tn_arena_create();
  box_list l = boxes_of(scratch, plan);
  plan->arena_bytes = end_of(l.boxes, l.temps);
  plan->live_bytes = tn_boxes_alive(scratch, l.boxes, l.temps);
  plan->arena_proven = plan->arena_bytes == plan->live_bytes;
  tn_arena_destroy(scratch);
}

void tn_plan_place_buffers(tn_plan *plan) {
  tn_arena *scratch = tn_arena_create();
  box_list l = boxes_of(scratch, plan);
  bool proven;
  tn_place_boxes(scratch, l.boxes, l.count, SEARCH_WORK, &proven);
  for (int i = 0; i < plan->n_buffers; i++) plan->buffers[i].offset = 0;
  for (int i = 0; i < l.temps; i++) plan->buffers[l.buffers[i]].offset = l.boxes[i].offset;
  tn_plan_measure(plan);
  plan->arena_proven = plan->arena_proven || (proven && l.temps == l.count);
  tn_arena_destroy(scratch);
}
