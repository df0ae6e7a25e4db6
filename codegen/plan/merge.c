/* Adjacent loops that every access treats as one become one; loops of one iteration go.
 *
 *   loop n:8 h:56 w:56 c:64 { y[n,h,w,c] = maximum(x[n,h,w,c] + b[c], 0) }
 *   =>
 *   loop n:25088 c:64       { y[n,c] = maximum(x[n,c] + b[c], 0) }
 *
 * Why: longer inner loops vectorise, fewer loops cost less, and equal kernels of
 * different ranks become the same. The order of reduced elements and of a scan's
 * iterations is kept, so that no result changes.
 * Cost: the square of the number of dims, times the kernel's size.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"
#include "codegen/plan/rewrite.h"

static int64_t scale_of(const tn_index *index, int dim) {
  for (int i = 0; i < index->n_terms; i++)
    if (index->terms[i].kind == TN_TERM_DIM && index->terms[i].dim == dim) return index->terms[i].scale;
  return 0;
}

static void drop_loop(tn_arena *arena, tn_stmt *stmt, int dim) {
  int *dims = TN_NEW_ARRAY(arena, int, stmt->n_dims), n = 0;
  for (int i = 0; i < stmt->n_dims; i++)
    if (stmt->dims[i] != dim) dims[n++] = stmt->dims[i];
  stmt->dims = dims;
  stmt->n_dims = n;
}

/* ---- loops of one iteration, buffer dims of size one ---- */

/* Every loop of one iteration goes, except the last of a reduce. */
static void drop_loops(tn_rewrite *r, tn_stmt *body) {
  for (tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    for (int i = stmt->n_dims - 1; i >= 0; i--) {
      int dim = stmt->dims[i];
      if (r->kernel->dims[dim].size != 1 || (stmt->kind == TN_STMT_REDUCE && stmt->n_dims == 1)) continue;
      r->dims[dim] = tn_index_constant(r->arena, 0);
      drop_loop(r->arena, stmt, dim);
    }
    drop_loops(r, stmt->body);
  }
}

/* Of each buffer: are its dims of size 1 only ever indexed by 0? */
static bool *indexed_by_zero(tn_arena *arena, const tn_kernel *kernel) {
  bool *is = TN_NEW_ARRAY(arena, bool, kernel->n_buffers);
  tn_touches touches = {0};
  for (int i = 0; i < kernel->n_buffers; i++) is[i] = true;
  tn_find_touches(arena, kernel, kernel->body, true, &touches);
  for (int i = 0; i < touches.count; i++) {
    const tn_touch *touch = &touches.at[i];
    const tn_shape *shape = kernel->buffers[touch->buffer].shape;
    for (int d = 0; d < shape->rank; d++)
      if (shape->dims[d] == 1 && (touch->at[d]->constant || touch->at[d]->n_terms)) is[touch->buffer] = false;
  }
  return is;
}

static void drop_ones(tn_arena *arena, tn_kernel *kernel) {
  tn_rewrite r = tn_rewrite_nothing(arena, kernel);
  drop_loops(&r, kernel->body);
  tn_rewrite_apply(&r);
  const bool *by_zero = indexed_by_zero(arena, kernel);
  r = tn_rewrite_nothing(arena, kernel);
  for (int i = 0; i < kernel->n_buffers; i++) {
    const tn_shape *shape = kernel->buffers[i].shape;
    if (shape->layout || !by_zero[i]) continue;
    r.drops[i] = TN_NEW_ARRAY(arena, bool, shape->rank);
    for (int d = 0; d < shape->rank; d++) r.drops[i][d] = shape->dims[d] == 1;
  }
  tn_rewrite_apply(&r);
}

/* a and b, b just inside a, become one dim, which keeps a's number. */
typedef struct {
  tn_kernel *kernel;
  int a, b;
  int64_t inner;  /* size of b */
  int *merged_at; /* of each buffer: dims merged_at and the next become one; -1: none, -2: not seen */
} merge;

/* ---- may they be merged? ---- */

static bool expr_allows(merge *m, const tn_expr *expr);

/* a and b appear only as a*inner + b. */
static bool index_allows(merge *m, const tn_index *index) {
  if (scale_of(index, m->a) != scale_of(index, m->b) * m->inner) return false;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    if (term->of && !index_allows(m, term->of)) return false;
    if (term->kind == TN_TERM_VALUE && !expr_allows(m, term->value)) return false;
  }
  return true;
}

static bool is_dim(const tn_index *index, int dim) {
  return index->constant == 0 && index->n_terms == 1 && scale_of(index, dim) == 1;
}

static bool access_allows(merge *m, int buffer, const tn_index *const *at) {
  const tn_shape *shape = m->kernel->buffers[buffer].shape;
  int pair = -1;
  bool alone = true;
  for (int i = 0; i < shape->rank; i++) {
    bool apart = i + 1 < shape->rank && is_dim(at[i], m->a) && is_dim(at[i + 1], m->b);
    if (apart && shape->dims[i + 1] == m->inner && shape->dims[i] == m->kernel->dims[m->a].size) {
      pair = i++;
      continue;
    }
    alone = alone && index_allows(m, at[i]);
  }
  if (!alone || (pair >= 0 && shape->layout)) return false;
  if (m->merged_at[buffer] == -2) m->merged_at[buffer] = pair;
  return m->merged_at[buffer] == pair;
}

static bool expr_allows(merge *m, const tn_expr *expr) {
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
  case TN_EXPR_VALUE: return true;
  case TN_EXPR_INDEX: return index_allows(m, expr->index);
  case TN_EXPR_LOAD:
    for (int i = 0; i < expr->load.n_guards; i++)
      if (!index_allows(m, expr->load.guards[i].index)) return false;
    if (expr->load.fill && !expr_allows(m, expr->load.fill)) return false;
    return access_allows(m, expr->load.buffer, expr->load.at);
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++)
      if (!expr_allows(m, expr->op.operands[i])) return false;
    return true;
  }
  return false;
}

static bool body_allows(merge *m, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    if (stmt->expr && !expr_allows(m, stmt->expr)) return false;
    if (stmt->condition && !expr_allows(m, stmt->condition)) return false;
    if (stmt->kind == TN_STMT_STORE && !access_allows(m, stmt->buffer, stmt->at)) return false;
    for (int i = 0; i < stmt->n_accumulators; i++)
      if (!expr_allows(m, stmt->accumulators[i].update) || !expr_allows(m, stmt->accumulators[i].initial))
        return false;
    if (!body_allows(m, stmt->body)) return false;
  }
  return true;
}

static bool try_merge(tn_arena *arena, tn_kernel *kernel, tn_stmt *stmt, int a, int b) {
  merge m = {kernel, a, b, kernel->dims[b].size, TN_NEW_ARRAY(arena, int, kernel->n_buffers)};
  for (int i = 0; i < kernel->n_buffers; i++) m.merged_at[i] = -2;
  if (m.inner == 0 || kernel->dims[a].size == 0 || !body_allows(&m, kernel->body)) return false;
  tn_rewrite r = tn_rewrite_nothing(arena, kernel);
  r.dims[a] = tn_index_constant(arena, 0); /* a*inner + b: b stands for both */
  r.dims[b] = tn_index_dim(arena, a);
  for (int i = 0; i < kernel->n_buffers; i++) {
    if (m.merged_at[i] < 0) continue;
    r.drops[i] = TN_NEW_ARRAY(arena, bool, kernel->buffers[i].shape->rank);
    r.drops[i][m.merged_at[i]] = true;
  }
  kernel->dims[a].size *= m.inner; /* before the rewrite, which asks for ranges */
  tn_rewrite_apply(&r);
  drop_loop(arena, stmt, b);
  return true;
}

static void merge_loops(tn_arena *arena, tn_kernel *kernel, tn_stmt *body) {
  for (tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    for (int i = stmt->n_dims - 2; i >= 0; i--)
      try_merge(arena, kernel, stmt, stmt->dims[i], stmt->dims[i + 1]);
    merge_loops(arena, kernel, stmt->body);
  }
}

void tn_kernel_merge_dims(tn_arena *arena, tn_kernel *kernel) {
  drop_ones(arena, kernel);
  merge_loops(arena, kernel, kernel->body);
}
