/* The verifier's checks of schedules: which loops there are, in which order, and what
 * may become vectors, unrolled bodies and threads.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/verify.h"

static const char *dim_name(const tn_kernel_check *c, int dim) { return c->kernel->dims[dim].name; }

static bool is_power_of_two(int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

/* ---- one dim ---- */

static void check_tiles(tn_kernel_check *c, int dim, const tn_dim_schedule *s) {
  int64_t step = s->lanes ? (int64_t)s->lanes * s->vectors : s->unroll;
  for (int i = 0; i < s->n_tiles; i++) {
    if (s->tiles[i] < 1 || (i && s->tiles[i] >= s->tiles[i - 1]))
      tn_kernel_fault(c, "tile %s: sizes must fall, %lld does not", dim_name(c, dim), (long long)s->tiles[i]);
    else if (s->tiles[i] % step)
      tn_kernel_fault(c, "tile %s: %lld is no multiple of a step's %lld elements", dim_name(c, dim),
                      (long long)s->tiles[i], (long long)step);
  }
}

static void check_dim(tn_kernel_check *c, int dim) {
  const tn_dim_schedule *s = &c->kernel->schedule.dims[dim];
  if (s->unroll < 1) tn_kernel_fault(c, "unroll %s: %d is not positive", dim_name(c, dim), s->unroll);
  if (s->n_tiles < 0 || s->n_tiles > TN_MAX_TILES)
    tn_kernel_fault(c, "tile %s: %d sizes", dim_name(c, dim), s->n_tiles);
  else if (s->unroll >= 1 && (!s->lanes || s->vectors >= 1))
    check_tiles(c, dim, s);
  if (!s->lanes) return;
  if (!is_power_of_two(s->lanes) || s->vectors < 1)
    tn_kernel_fault(c, "vector %s: %d*%d: lanes are a power of two, vectors at least one", dim_name(c, dim),
                    s->lanes, s->vectors);
  if (s->unroll > 1)
    tn_kernel_fault(c, "vector %s: it is unrolled by its vectors, not by %d", dim_name(c, dim), s->unroll);
  if (c->kernel->dims[dim].kind == TN_DIM_CARRIED)
    tn_kernel_fault(c, "vector %s: its iterations run in order", dim_name(c, dim));
}

/* ---- the order ---- */

/* Where (dim, level) stands in the order; -1: nowhere. */
static int place_of(const tn_schedule *s, int dim, int level) {
  for (int i = 0; i < s->n_order; i++)
    if (s->order[i].dim == dim && s->order[i].level == level) return i;
  return -1;
}

static void check_complete(tn_kernel_check *c) {
  const tn_schedule *s = &c->kernel->schedule;
  int wanted = 0;
  for (int d = 0; d < c->kernel->n_dims; d++) {
    if (!c->dim_used[d]) continue;
    wanted += s->dims[d].n_tiles + 1;
    int before = -1;
    for (int level = 0; level <= s->dims[d].n_tiles; level++) {
      int place = place_of(s, d, level);
      if (place < 0)
        tn_kernel_fault(c, "order: loop %d of dim %s is missing", level, dim_name(c, d));
      else if (place < before)
        tn_kernel_fault(c, "order: loop %d of dim %s stands outside loop %d", level, dim_name(c, d),
                        level - 1);
      before = place;
    }
  }
  if (s->n_order != wanted) tn_kernel_fault(c, "order: %d loops, the kernel has %d", s->n_order, wanted);
}

static void span_of(const tn_kernel_check *c, const tn_stmt *stmt, int *first, int *last) {
  const tn_schedule *s = &c->kernel->schedule;
  for (int i = 0; i < s->n_order; i++)
    for (int d = 0; d < stmt->n_dims; d++) {
      if (s->order[i].dim != stmt->dims[d]) continue;
      if (*first < 0) *first = i;
      *last = i;
    }
}

/* The span of all loops below, of the statement and what it holds. */
static void span_below(const tn_kernel_check *c, const tn_stmt *stmt, int *first, int *last) {
  int from = -1, to = -1;
  span_of(c, stmt, &from, &to);
  if (from >= 0 && (*first < 0 || from < *first)) *first = from;
  if (to > *last) *last = to;
  for (const tn_stmt *child = stmt->body; child; child = child->next) span_below(c, child, first, last);
}

/* Inner statements' loops follow; only a reduce may stand outside loops of the
 * statement right around it, if that holds no other nest.                           */
static void check_nesting(tn_kernel_check *c, const tn_stmt *stmt, int outer) {
  int first = -1, last = -1, before = -1, nests = 0;
  span_of(c, stmt, &first, &last);
  if (first >= 0 && first < outer)
    tn_kernel_fault(c, "order: %s stands outside a loop around it", dim_name(c, stmt->dims[0]));
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    nests += child->kind == TN_STMT_LOOP || child->kind == TN_STMT_REDUCE;
  for (const tn_stmt *child = stmt->body; child; child = child->next) {
    if (child->kind != TN_STMT_LOOP && child->kind != TN_STMT_REDUCE) continue;
    int from = -1, to = -1;
    span_below(c, child, &from, &to);
    if (from >= 0 && from < before) tn_kernel_fault(c, "order: loops of sibling statements are mixed");
    before = to > before ? to : before;
    bool free = child->kind == TN_STMT_REDUCE && nests == 1 && !tn_is_scan(c->kernel, stmt);
    check_nesting(c, child, free ? outer : last > outer ? last : outer);
  }
}

/* A scan's iterations come as written: all loops of a dim stand outside those of the next. */
static void check_scans(tn_kernel_check *c, const tn_stmt *stmt) {
  const tn_schedule *s = &c->kernel->schedule;
  for (int i = 1; i < stmt->n_dims && tn_is_scan(c->kernel, stmt); i++) {
    int dim = stmt->dims[i], outer = stmt->dims[i - 1];
    if (place_of(s, outer, s->dims[outer].n_tiles) > place_of(s, dim, 0))
      tn_kernel_fault(c, "order: %s stands outside a loop of %s, the scan runs in order", dim_name(c, dim),
                      dim_name(c, outer));
  }
  for (const tn_stmt *child = stmt->body; child; child = child->next) check_scans(c, child);
}

/* ---- vectors ---- */

static void check_vectors(tn_kernel_check *c, const tn_stmt *stmt, int outer) {
  for (int i = 0; i < stmt->n_dims; i++) {
    int dim = stmt->dims[i];
    const tn_dim_schedule *s = &c->kernel->schedule.dims[dim];
    if (!s->lanes) continue;
    if (outer >= 0)
      tn_kernel_fault(c, "vector: %s stands inside %s, which is a vector dim too", dim_name(c, dim),
                      dim_name(c, outer));
    outer = dim;
    if (stmt->kind != TN_STMT_REDUCE) continue;
    if (!tn_reduce_splits(c->kernel, stmt))
      tn_kernel_fault(c, "vector %s: the reduce runs in order", dim_name(c, dim));
    if (!is_power_of_two((int64_t)s->lanes * s->vectors))
      tn_kernel_fault(c, "vector %s: %d*%d partial results do not fold by halves", dim_name(c, dim), s->lanes,
                      s->vectors);
  }
  for (const tn_stmt *child = stmt->body; child; child = child->next) check_vectors(c, child, outer);
}

/* ---- ends of reduces ---- */

/* The loop of a reduce with an end is one loop, inside all that the end depends on; points that
 * run side by side share it.                                                              */
static void check_ends(tn_kernel_check *c, const tn_stmt *stmt, int outer) {
  int first = -1, last = -1;
  span_of(c, stmt, &first, &last);
  if (stmt->kind == TN_STMT_REDUCE && stmt->expr) {
    const tn_dim_schedule *s = &c->kernel->schedule.dims[stmt->dims[0]];
    if (s->lanes || s->n_tiles || s->unroll > 1)
      tn_kernel_fault(c, "the reduce of %s has an end: it is one loop", dim_name(c, stmt->dims[0]));
    if (first < outer)
      tn_kernel_fault(c, "order: the reduce of %s has an end, and stands outside a loop around it",
                      dim_name(c, stmt->dims[0]));
    for (int d = 0; d < c->kernel->n_dims; d++) {
      const tn_dim_schedule *side = &c->kernel->schedule.dims[d];
      if ((side->lanes || side->unroll > 1) && tn_end_depends(c->kernel, stmt, d))
        tn_kernel_fault(c, "%s: iterations side by side, and the reduce of %s has another end for each",
                        dim_name(c, d), dim_name(c, stmt->dims[0]));
    }
  }
  outer = last > outer ? last : outer;
  for (const tn_stmt *child = stmt->body; child; child = child->next) check_ends(c, child, outer);
}

/* ---- threads ---- */

static void check_threads(tn_kernel_check *c) {
  const tn_schedule *s = &c->kernel->schedule;
  if (s->n_threads < 0 || s->n_threads > s->n_order) {
    tn_kernel_fault(c, "threads: %d of %d loops", s->n_threads, s->n_order);
    return;
  }
  for (int i = 0; i < s->n_threads; i++) {
    bool own = false;
    for (int d = 0; d < c->kernel->body->n_dims; d++)
      own = own || c->kernel->body->dims[d] == s->order[i].dim;
    if (!own || c->kernel->dims[s->order[i].dim].kind != TN_DIM_PARALLEL)
      tn_kernel_fault(c, "threads: %s is no parallel dim of the outermost loop",
                      dim_name(c, s->order[i].dim));
  }
}

void tn_check_schedule(tn_kernel_check *c) {
  for (int d = 0; d < c->kernel->n_dims; d++)
    if (c->dim_used[d]) check_dim(c, d);
  check_complete(c);
  if (c->errors) return;
  check_nesting(c, c->kernel->body, 0);
  check_scans(c, c->kernel->body);
  check_vectors(c, c->kernel->body, -1);
  check_ends(c, c->kernel->body, -1);
  check_threads(c);
  tn_check_sort_schedule(c, c->kernel->body);
}
