/* Schedules drawn at random, all of them legal: for tests that want small shapes to
 * cross the edges of tiles, vectors and unrolled bodies.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/schedule.h"

typedef struct {
  tn_arena *arena;
  tn_kernel *kernel;
  const tn_cpu *target;
  tn_dim_schedule *dims;
  TN_VEC(tn_loop_ref) order;
  uint64_t state;
} dice;

/* SplitMix64; 0 <= result < n. */
static int roll(dice *d, int n) {
  uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

/* Parallel loops: they are vectors and unrolled bodies themselves. */
static bool has_loops(const tn_kernel *kernel, const tn_stmt *stmt) {
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    if (child->kind == TN_STMT_LOOP && (!tn_is_scan(kernel, child) || has_loops(kernel, child))) return true;
  return false;
}

static void draw_vector(dice *d, const tn_stmt *stmt) {
  static const int widths[] = {2, 4, 8, 16};
  tn_dim_schedule *dim = &d->dims[stmt->dims[roll(d, stmt->n_dims)]];
  dim->lanes = widths[roll(d, 4)];
  dim->vectors = 1 << roll(d, 3); /* powers of two: partial results fold by halves */
  dim->unroll = 1;
}

/* What runs in order: the loops as they stand; a scan's may be unrolled and tiled. */
static void keep_in_order(dice *d, const tn_stmt *stmt) {
  for (int i = 0; i < stmt->n_dims; i++) {
    tn_dim_schedule *dim = &d->dims[stmt->dims[i]];
    TN_PUSH(d->arena, &d->order, ((tn_loop_ref){stmt->dims[i], 0}));
    if (!tn_is_scan(d->kernel, stmt) || roll(d, 3)) continue;
    dim->unroll = 1 + roll(d, 3);
    if (roll(d, 2)) continue;
    dim->n_tiles = 1;
    dim->tiles[0] = (int64_t)dim->unroll * (1 + roll(d, 3));
    TN_PUSH(d->arena, &d->order, ((tn_loop_ref){stmt->dims[i], 1}));
  }
}

/* Draws for the dims of one statement; `vector`: a dim of it may become vectors.
 * Returns whether one did.                                                        */
static bool draw(dice *d, const tn_stmt *stmt, bool vector) {
  int *order = TN_NEW_ARRAY(d->arena, int, stmt->n_dims);
  for (int i = 0; i < stmt->n_dims; i++) {
    int j = roll(d, i + 1);
    order[i] = order[j];
    order[j] = stmt->dims[i];
    d->dims[stmt->dims[i]].unroll = has_loops(d->kernel, stmt) ? 1 : 1 + roll(d, 4) * (roll(d, 2));
  }
  bool drawn = vector && stmt->n_dims && roll(d, 4);
  if (drawn) draw_vector(d, stmt);
  for (int i = 0; i < stmt->n_dims; i++) {
    tn_dim_schedule *dim = &d->dims[order[i]];
    TN_PUSH(d->arena, &d->order, ((tn_loop_ref){order[i], 0}));
    if (roll(d, 3) || d->kernel->dims[order[i]].size < 3) continue;
    int step = dim->lanes ? dim->lanes * dim->vectors : dim->unroll;
    dim->n_tiles = 1; /* whole steps, so that panels stay aligned */
    dim->tiles[0] = (int64_t)step * (1 + roll(d, 3));
  }
  for (int i = 0; i < stmt->n_dims; i++) /* tiles' inner loops stand inside all outer ones */
    if (d->dims[order[i]].n_tiles) TN_PUSH(d->arena, &d->order, ((tn_loop_ref){order[i], 1}));
  return drawn;
}

static void draw_tree(dice *d, const tn_stmt *stmt, bool vector) {
  bool reduce = stmt->kind == TN_STMT_REDUCE;
  bool in_order = reduce ? !tn_reduce_splits(d->kernel, stmt) : tn_is_scan(d->kernel, stmt);
  bool may = vector && (reduce || !has_loops(d->kernel, stmt));
  bool drawn = false;
  if (in_order)
    keep_in_order(d, stmt);
  else
    drawn = draw(d, stmt, may && (reduce || roll(d, 2)));
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    if (child->kind == TN_STMT_LOOP || child->kind == TN_STMT_REDUCE) draw_tree(d, child, vector && !drawn);
}

/* Points that run side by side share the ends of reduces. */
static void share_ends(dice *d, const tn_stmt *stmt) {
  for (int i = 0; i < d->kernel->n_dims; i++)
    if (stmt->kind == TN_STMT_REDUCE && tn_end_depends(d->kernel, stmt, i)) {
      d->dims[i].lanes = d->dims[i].vectors = 0;
      d->dims[i].unroll = 1;
    }
  for (const tn_stmt *child = stmt->body; child; child = child->next) share_ends(d, child);
}

void tn_schedule_random(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target, uint64_t seed) {
  dice d = {.arena = arena, .kernel = kernel, .target = target, .state = seed};
  d.dims = TN_NEW_ARRAY(arena, tn_dim_schedule, kernel->n_dims);
  for (int i = 0; i < kernel->n_dims; i++) d.dims[i].unroll = 1;
  draw_tree(&d, kernel->body, true);
  share_ends(&d, kernel->body);
  kernel->schedule = (tn_schedule){.dims = d.dims, .n_order = d.order.count, .order = d.order.at};
  if (!tn_is_scan(kernel, kernel->body)) kernel->schedule.n_threads = roll(&d, kernel->body->n_dims + 1);
}
