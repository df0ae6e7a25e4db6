/* Schedules for products with matrices of blocks: a reduce with an end, see lower_decode.c.
 *
 * Many rows: vectors run along rows, so that one row of the transposed input meets the four
 * values of a block; the input is copied into panels of one vector step of rows.
 *
 *   order band strip rows lane k; vector rows:16*V; unroll strip:S lane:4      4·S·V sums
 *
 * Few rows: a vector is a block, and strips of a band run side by side, which hides the latency
 * of the sums; each row's input is broadcast.
 *
 *   order band strip rows lane k; vector lane:4*1; unroll strip:S rows:R         S·R sums
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/schedule.h"
#include "codegen/plan/walk.h"

enum { LANES = 4, MOST_VECTORS = 4 };

static bool no_node(void *user, const tn_expr *expr) { return (void)user, (void)expr, false; }

static bool is_dim(void *user, int dim) { return dim == *(const int *)user; }

static bool index_depends(const tn_index *index, int dim) {
  return tn_walk_index(&(tn_walk){.expr = no_node, .dim = is_dim, .user = &dim}, index);
}

/* The term that is a value which changes with `dim`; NULL: none. */
static const tn_term *value_of(const tn_index *index, int dim) {
  for (int i = 0; i < index->n_terms; i++)
    if (index->terms[i].kind == TN_TERM_VALUE &&
        tn_walk_expr(&(tn_walk){.expr = no_node, .dim = is_dim, .user = &dim}, index->terms[i].value))
      return &index->terms[i];
  return NULL;
}

static bool is_plain(const tn_index *index, int dim) {
  return index->constant == 0 && index->n_terms == 1 && index->terms[0].kind == TN_TERM_DIM &&
         index->terms[0].dim == dim && index->terms[0].scale == 1;
}

/* The read whose index is looked up in every iteration: the input. */
static bool find_input(tn_arena *arena, const tn_kernel *kernel, tn_block_product *p) {
  tn_accesses accesses = {0};
  tn_stmt only = *p->reduce;
  only.next = NULL;
  tn_collect_accesses(arena, kernel, &only, &accesses);
  for (int i = 0; i < accesses.count; i++)
    for (int d = 0; d < kernel->buffers[accesses.at[i].buffer].shape->rank; d++)
      if (value_of(accesses.at[i].at[d], p->reduce->dims[0])) {
        p->input = accesses.at[i];
        p->looked_up = value_of(accesses.at[i].at[d], p->reduce->dims[0]);
        return true;
      }
  return false;
}

/* The dim of the loop along which results lie side by side. */
static int lane_dim(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *loop) {
  tn_accesses accesses = {0};
  tn_collect_accesses(arena, kernel, loop->body, &accesses);
  for (int i = loop->n_dims - 1; i >= 0; i--) {
    bool contiguous = kernel->dims[loop->dims[i]].size == LANES;
    for (int a = 0; a < accesses.count; a++)
      if (accesses.at[a].is_store)
        contiguous = contiguous && tn_is_contiguous(kernel, &accesses.at[a], loop->dims[i], 1);
    if (contiguous) return loop->dims[i];
  }
  return -1;
}

bool tn_find_block_product(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *loop,
                           tn_block_product *p) {
  *p = (tn_block_product){.loop = loop, .band = -1, .strip = -1, .rows = -1};
  for (const tn_stmt *s = loop->body; s; s = s->next) {
    if (s->kind == TN_STMT_LOOP || s->kind == TN_STMT_LOCAL || (s->kind == TN_STMT_REDUCE && p->reduce))
      return false;
    if (s->kind == TN_STMT_REDUCE) p->reduce = s;
  }
  if (!p->reduce || !p->reduce->expr || p->reduce->n_accumulators != 1) return false;
  p->lane = lane_dim(arena, kernel, loop);
  if (p->lane < 0 || !find_input(arena, kernel, p)) return false;
  for (int i = 0; i < loop->n_dims; i++) {
    int dim = loop->dims[i];
    tn_walk walk = {.expr = no_node, .dim = is_dim, .user = &dim};
    if (dim == p->lane) continue;
    if (tn_end_depends(kernel, p->reduce, dim))
      p->band = dim;
    else if (tn_walk_term(&walk, p->looked_up))
      p->strip = dim;
    else
      p->rows = dim;
  }
  return p->band >= 0;
}

/* Can the input be copied so that rows lie side by side? Where its dim of them stands. */
static int rows_position(const tn_kernel *kernel, const tn_block_product *p, int *n_outer) {
  const tn_kernel_buffer *b = &kernel->buffers[p->input.buffer];
  int at = -1;
  *n_outer = 0;
  if (p->rows < 0 || p->input.buffer >= kernel->n_parameters || b->shape->layout || p->input.guarded)
    return -1;
  for (int d = 0; d < b->shape->rank; d++) {
    if (is_plain(p->input.at[d], p->rows))
      at = d;
    else if (index_depends(p->input.at[d], p->rows))
      return -1;
  }
  while (*n_outer < at && !value_of(p->input.at[*n_outer], p->reduce->dims[0])) ++*n_outer;
  return *n_outer == at ? at : -1;
}

/* Rows whose inputs stay in the cache while all bands pass over them. */
static int64_t row_block(const tn_kernel *kernel, const tn_block_product *p, const tn_cpu *target,
                         int64_t step) {
  int64_t size = kernel->dims[p->rows].size, depth = p->looked_up->limit + 1;
  int64_t most = target->l2_bytes / 2 / (depth * 4) / step * step;
  if (most < step) most = step;
  return most < size ? most : size;
}

static void set_rows(tn_scheduling *s, const tn_block_product *p, int lanes, int registers) {
  int64_t size = s->kernel->dims[p->rows].size, strips = p->strip < 0 ? 1 : s->kernel->dims[p->strip].size;
  int vectors = (int)((size + lanes - 1) / lanes), side = 1;
  if (vectors > MOST_VECTORS) vectors = MOST_VECTORS;
  while (vectors > 1 && (LANES + 1) * vectors + 1 > registers) vectors--;
  while (2 * side <= strips && strips % (2 * side) == 0 && 2 * side * vectors * (LANES + 1) + 1 <= registers)
    side *= 2;
  s->dims[p->rows].lanes = lanes;
  s->dims[p->rows].vectors = vectors;
  s->dims[p->lane].unroll = LANES;
  if (p->strip >= 0) s->dims[p->strip].unroll = side;
  int64_t block = row_block(s->kernel, p, s->target, (int64_t)lanes * vectors);
  if (block == size) return;
  s->dims[p->rows].n_tiles = 1;
  s->dims[p->rows].tiles[0] = block;
}

static void set_lanes(tn_scheduling *s, const tn_block_product *p, int registers) {
  int strips = p->strip < 0 ? 1 : (int)s->kernel->dims[p->strip].size, most = (registers - 4) / strips / 2;
  s->dims[p->lane].lanes = LANES;
  s->dims[p->lane].vectors = 1;
  if (p->strip >= 0) s->dims[p->strip].unroll = strips;
  if (p->rows < 0 || most < 2) return;
  int64_t size = s->kernel->dims[p->rows].size;
  s->dims[p->rows].unroll = (int)(size < most ? size : most);
}

int tn_schedule_block_product(tn_arena *arena, tn_kernel *kernel, const tn_block_product *p,
                              const tn_cpu *target, int *n_outer) {
  tn_scheduling s = tn_schedule_begin(arena, kernel, target);
  int lanes = tn_body_lanes(kernel, p->loop->body, target), at = rows_position(kernel, p, n_outer);
  int registers = target->vector_registers - !target->fma;
  bool by_rows = at >= 0 && kernel->dims[p->rows].size >= lanes / 2;
  if (by_rows)
    set_rows(&s, p, lanes, registers);
  else
    set_lanes(&s, p, registers);
  bool blocked = p->rows >= 0 && s.dims[p->rows].n_tiles;
  if (blocked) tn_schedule_loop(&s, p->rows, 0);
  tn_schedule_loop(&s, p->band, 0);
  if (p->strip >= 0) tn_schedule_loop(&s, p->strip, 0);
  for (int i = 0; i < p->loop->n_dims; i++) {
    int dim = p->loop->dims[i];
    if (dim != p->band && dim != p->strip && dim != p->lane)
      tn_schedule_loop(&s, dim, dim == p->rows && blocked);
  }
  tn_schedule_loop(&s, p->lane, 0);
  int shared = blocked ? 2 : 1;
  tn_schedule_loop(&s, p->reduce->dims[0], 0);
  tn_schedule_end(&s, shared);
  return by_rows ? at : -1;
}

/* ---- other kernels with ends ---- */

bool tn_has_end(const tn_stmt *stmt) {
  if (stmt->kind == TN_STMT_REDUCE && stmt->expr) return true;
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    if (tn_has_end(child)) return true;
  return false;
}

static void order_as_written(tn_scheduling *s, const tn_stmt *stmt) {
  for (int i = 0; i < stmt->n_dims; i++) tn_schedule_loop(s, stmt->dims[i], 0);
  for (const tn_stmt *child = stmt->body; child; child = child->next) order_as_written(s, child);
}

void tn_schedule_as_written(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target) {
  tn_scheduling s = tn_schedule_begin(arena, kernel, target);
  order_as_written(&s, kernel->body);
  tn_schedule_end(&s, tn_is_scan(kernel, kernel->body) ? 0 : kernel->body->n_dims);
}
