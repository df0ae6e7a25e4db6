/* Schedules for trees: elementwise nests, reductions, rows with several passes.
 *
 * Each nest is vectorised along the dim that makes most of its accesses contiguous. A
 * reduce runs along its reduced dim where that is contiguous, in four partial sums (the
 * latency of an add), and along an outer dim otherwise. Outer loops are shared by
 * threads.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/schedule.h"

/* ---- accesses ---- */

/* What vectors and tiles are chosen by: unlike tn_find_touches, which is asked what may happen,
 * this leaves out initial values, guards and loads in the indices of stores.               */
static void collect_expr(tn_arena *arena, const tn_kernel *kernel, const tn_expr *expr, tn_accesses *out);

static void collect_index(tn_arena *arena, const tn_kernel *kernel, const tn_index *index, tn_accesses *out) {
  for (int i = 0; i < index->n_terms; i++) {
    if (index->terms[i].of) collect_index(arena, kernel, index->terms[i].of, out);
    if (index->terms[i].kind == TN_TERM_VALUE) collect_expr(arena, kernel, index->terms[i].value, out);
  }
}

static void collect_expr(tn_arena *arena, const tn_kernel *kernel, const tn_expr *expr, tn_accesses *out) {
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
  case TN_EXPR_VALUE: return;
  case TN_EXPR_INDEX: collect_index(arena, kernel, expr->index, out); return;
  case TN_EXPR_LOAD: {
    int rank = kernel->buffers[expr->load.buffer].shape->rank;
    const tn_index *offset = tn_access_offset(arena, kernel, expr->load.buffer, expr->load.at);
    TN_PUSH(arena, out,
            ((tn_access_info){expr->load.buffer, offset, expr->load.at, false, expr->load.fill != NULL}));
    for (int i = 0; i < rank; i++) collect_index(arena, kernel, expr->load.at[i], out);
    if (expr->load.fill) collect_expr(arena, kernel, expr->load.fill, out);
    return;
  }
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++) collect_expr(arena, kernel, expr->op.operands[i], out);
    return;
  }
}

void tn_collect_accesses(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *body, tn_accesses *out) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    if (stmt->expr) collect_expr(arena, kernel, stmt->expr, out);
    if (stmt->condition) collect_expr(arena, kernel, stmt->condition, out);
    if (stmt->kind == TN_STMT_STORE) {
      const tn_index *offset = tn_access_offset(arena, kernel, stmt->buffer, stmt->at);
      TN_PUSH(arena, out, ((tn_access_info){stmt->buffer, offset, stmt->at, true, false}));
    }
    for (int i = 0; i < stmt->n_accumulators; i++)
      collect_expr(arena, kernel, stmt->accumulators[i].update, out);
    tn_collect_accesses(arena, kernel, stmt->body, out);
  }
}

bool tn_is_contiguous(const tn_kernel *kernel, const tn_access_info *access, int dim, int64_t step) {
  int64_t stride;
  if (!tn_index_stride(kernel, access->offset, dim, step, &stride)) return false;
  return stride == 1 || (stride == 2 && tn_access_part(kernel, access->buffer, access->at) >= 0);
}

/* How well `dim` serves as the vector dim of the accesses, L*U = step elements at a
 * time: large is good, negative is worse than scalar code.                          */
static int vector_score(const tn_kernel *kernel, const tn_accesses *accesses, int dim, int64_t step) {
  int score = 0;
  for (int i = 0; i < accesses->count; i++) {
    const tn_access_info *a = &accesses->at[i];
    int64_t stride;
    bool known = tn_index_stride(kernel, a->offset, dim, step, &stride);
    if (tn_is_contiguous(kernel, a, dim, step))
      score += a->is_store ? 5 : 4;
    else if (known && stride == 0)
      score += a->is_store ? -8 : 1;
    else
      score -= a->is_store ? 6 : 4;
  }
  return score;
}

/* ---- the nests of a tree ---- */

static size_t widest(const tn_kernel *kernel, const tn_expr *expr) {
  size_t bytes = tn_type_bytes(expr->type);
  if (tn_type_is_float(expr->type) && bytes < 4) bytes = 4;
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return bytes;
  for (int i = 0; i < expr->op.n_operands; i++) {
    size_t one = widest(kernel, expr->op.operands[i]);
    if (one > bytes) bytes = one;
  }
  return bytes;
}

static size_t widest_in(const tn_kernel *kernel, const tn_stmt *body) {
  size_t bytes = 1;
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    size_t one = stmt->expr ? widest(kernel, stmt->expr) : 1;
    if (one > bytes) bytes = one;
    one = stmt->condition ? widest(kernel, stmt->condition) : 1;
    if (one > bytes) bytes = one;
    for (int i = 0; i < stmt->n_accumulators; i++) {
      one = widest(kernel, stmt->accumulators[i].update);
      if (one > bytes) bytes = one;
    }
    one = widest_in(kernel, stmt->body);
    if (one > bytes) bytes = one;
  }
  return bytes;
}

int tn_body_lanes(const tn_kernel *kernel, const tn_stmt *body, const tn_cpu *target) {
  return target->vector_bytes / (int)widest_in(kernel, body);
}

tn_scheduling tn_schedule_begin(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target) {
  tn_scheduling s = {.arena = arena, .kernel = kernel, .target = target};
  s.dims = TN_NEW_ARRAY(arena, tn_dim_schedule, kernel->n_dims);
  for (int i = 0; i < kernel->n_dims; i++) s.dims[i].unroll = 1;
  return s;
}

void tn_schedule_end(const tn_scheduling *s, int n_threads) {
  s->kernel->schedule =
      (tn_schedule){.dims = s->dims, .n_order = s->order.count, .order = s->order.at, .n_threads = n_threads};
}

void tn_schedule_loop(tn_scheduling *s, int dim, int level) {
  TN_PUSH(s->arena, &s->order, ((tn_loop_ref){dim, level}));
}

static bool is_leaf_nest(const tn_stmt *stmt) {
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    if (child->kind == TN_STMT_LOOP || child->kind == TN_STMT_REDUCE || child->kind == TN_STMT_SORT)
      return false;
  return true;
}

/* The dim of `dims` along which the accesses vectorise best; -1 if none does. gain: what
 * the arithmetic wins that is done in vectors.                                          */
static int best_vector_dim(tn_scheduling *t, const tn_accesses *accesses, const int *dims, int n, int lanes,
                           int gain, int *score) {
  int best = -1;
  *score = -gain;
  for (int i = n - 1; i >= 0; i--) {
    if (t->kernel->dims[dims[i]].size < 2 || t->kernel->dims[dims[i]].kind == TN_DIM_CARRIED) continue;
    int one = vector_score(t->kernel, accesses, dims[i], lanes);
    if (one > *score) {
      *score = one;
      best = dims[i];
    }
  }
  return best;
}

/* Up to `most` vectors side by side. Partial sums have to be folded in the end: they
 * pay from a few steps each on.                                                      */
static void set_vector(tn_scheduling *t, int dim, int lanes, int most) {
  int64_t size = t->kernel->dims[dim].size;
  int vectors = most, steps = t->kernel->dims[dim].kind == TN_DIM_REDUCED ? 2 : 1;
  while (vectors > 1 && (int64_t)lanes * vectors * steps > size) vectors /= 2;
  t->dims[dim].lanes = lanes;
  t->dims[dim].vectors = vectors;
}

static bool is_nest(const tn_stmt *stmt) {
  return stmt->kind == TN_STMT_LOOP || stmt->kind == TN_STMT_REDUCE;
}

enum { SHORT_ROW = 16 }; /* vectors */

/* Rows to run side by side where each goes through several loops: the end of one loop waits for
 * a fold or a division, and the other rows' work fills the wait. As many chains of sums stay in
 * registers whether they are of one row or of several; several have less to fold in the end. */
static int rows_abreast(const tn_scheduling *t, const tn_stmt *rows) {
  int nests = 0, most = t->target->vector_registers / 4;
  int64_t longest = 0;
  for (const tn_stmt *child = rows->body; child; child = child->next) {
    if (child->kind == TN_STMT_SORT || (is_nest(child) && !is_leaf_nest(child))) return 1;
    nests += is_nest(child);
    for (int i = 0; i < child->n_dims; i++)
      if (t->kernel->dims[child->dims[i]].size > longest) longest = t->kernel->dims[child->dims[i]].size;
  }
  if (nests < 2 || !rows->n_dims || tn_is_scan(t->kernel, rows)) return 1;
  int row = rows->dims[rows->n_dims - 1];
  if (t->dims[row].lanes || t->kernel->dims[row].size < 2) return 1;
  if (longest > (int64_t)SHORT_ROW * tn_body_lanes(t->kernel, rows->body, t->target)) most /= 2;
  return t->kernel->dims[row].size < most ? (int)t->kernel->dims[row].size : most;
}

/* Vectors of partial results for a reduce in each of these rows. */
static int vectors_abreast(const tn_scheduling *t, const tn_stmt *rows) {
  int vectors = 4, abreast = rows_abreast(t, rows);
  while (vectors > 1 && vectors * abreast > t->target->vector_registers / 4) vectors /= 2;
  return vectors;
}

/* A reduce below `around`, the loop whose dims it may use for vectors instead. */
static void schedule_reduce(tn_scheduling *t, const tn_stmt *reduce, const tn_stmt *around) {
  int lanes = tn_body_lanes(t->kernel, reduce->body, t->target);
  for (int i = 0; i < reduce->n_accumulators; i++) {
    int one = t->target->vector_bytes / (int)widest(t->kernel, reduce->accumulators[i].update);
    if (one < lanes) lanes = one;
  }
  tn_accesses accesses = {0};
  tn_stmt only = *reduce;
  only.next = NULL;
  tn_collect_accesses(t->arena, t->kernel, &only, &accesses);
  int inner_score = 0, outer_score = 0, inner = -1, outer = -1;
  bool taken = t->is_vector;
  for (int i = 0; i < around->n_dims; i++) taken = taken || t->dims[around->dims[i]].lanes;
  if (!taken && tn_reduce_splits(t->kernel, reduce) && reduce->n_dims)
    inner = best_vector_dim(t, &accesses, reduce->dims + reduce->n_dims - 1, 1, lanes, 0, &inner_score);
  bool alone = true; /* other nests in the loop want its dims scalar */
  for (const tn_stmt *s = around->body; s; s = s->next)
    alone = alone && (s == reduce || (s->kind != TN_STMT_LOOP && s->kind != TN_STMT_REDUCE));
  if (alone && !taken)
    outer = best_vector_dim(t, &accesses, around->dims, around->n_dims, lanes, 0, &outer_score);
  if (outer >= 0 && outer_score > inner_score)
    set_vector(t, outer, lanes, 4);
  else if (inner >= 0)
    set_vector(t, inner, lanes, vectors_abreast(t, around));
}

/* A dim along which some load is contiguous that is not along the vector dim: a
 * transpose. -1 if there is none, or one of the two is shorter than a vector.        */
static int crossing_dim(const tn_scheduling *t, const tn_stmt *stmt, const tn_accesses *accesses, int vector,
                        int lanes) {
  for (int a = 0; a < accesses->count; a++) {
    const tn_access_info *access = &accesses->at[a];
    int64_t stride;
    if (access->is_store || access->guarded) continue;
    if (!tn_index_stride(t->kernel, access->offset, vector, lanes, &stride) || stride == 0 || stride == 1)
      continue;
    for (int i = 0; i < stmt->n_dims; i++) {
      int dim = stmt->dims[i];
      if (dim == vector || t->kernel->dims[dim].size < lanes || t->kernel->dims[vector].size < lanes)
        continue;
      if (tn_index_stride(t->kernel, access->offset, dim, lanes, &stride) && stride == 1) return dim;
    }
  }
  return -1;
}

/* Squares of L by L elements, transposed in registers. */
static void schedule_transpose(tn_scheduling *t, const tn_stmt *stmt, int crossing, int vector, int lanes) {
  t->dims[crossing].n_tiles = 1;
  t->dims[crossing].tiles[0] = t->dims[crossing].unroll = lanes;
  t->dims[vector].lanes = lanes;
  t->dims[vector].vectors = 1;
  for (int i = 0; i < stmt->n_dims; i++)
    if (stmt->dims[i] != crossing && stmt->dims[i] != vector) tn_schedule_loop(t, stmt->dims[i], 0);
  tn_schedule_loop(t, crossing, 0);
  tn_schedule_loop(t, vector, 0);
  tn_schedule_loop(t, crossing, 1);
}

enum {
  WORK_OF_A_MOVE = 4,  /* operations that are worth moving an element on its own */
  WORK_OF_A_PART = 24, /* of a complex function */
  WORK_ALONE = 48      /* from here on there is enough to do side by side in one iteration */
};

/* Operations of one iteration of a nest without nests. */
static int work_of(const tn_expr *expr) {
  int work = 0;
  if (expr->kind == TN_EXPR_LOAD && expr->load.fill) work += work_of(expr->load.fill);
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return work;
  for (int i = 0; i < expr->op.n_operands; i++) work += work_of(expr->op.operands[i]);
  return work + (expr->kind == TN_EXPR_OP && expr->op.part ? WORK_OF_A_PART : 1);
}

static int work_in(const tn_stmt *body) {
  int work = 0;
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) work += stmt->expr ? work_of(stmt->expr) : 0;
  return work;
}

/* Vectors side by side that hide each other's latency and fit into the registers. */
static int vectors_of(const tn_scheduling *t, const tn_stmt *body, int work) {
  int vectors = work < WORK_ALONE ? 4 : 1, each = tn_body_registers(t->arena, t->kernel, body);
  while (vectors > 1 && vectors * each > t->target->vector_registers) vectors /= 2;
  return vectors;
}

static void schedule_leaf(tn_scheduling *t, const tn_stmt *stmt) {
  int score, lanes = tn_body_lanes(t->kernel, stmt->body, t->target);
  tn_accesses accesses = {0};
  tn_collect_accesses(t->arena, t->kernel, stmt->body, &accesses);
  int work = work_in(stmt->body);
  int dim = best_vector_dim(t, &accesses, stmt->dims, stmt->n_dims, lanes, work / WORK_OF_A_MOVE, &score);
  int crossing = dim >= 0 ? crossing_dim(t, stmt, &accesses, dim, lanes) : -1;
  if (crossing >= 0) {
    schedule_transpose(t, stmt, crossing, dim, lanes);
    return;
  }
  for (int i = 0; i < stmt->n_dims; i++) tn_schedule_loop(t, stmt->dims[i], 0);
  if (dim >= 0) set_vector(t, dim, lanes, vectors_of(t, stmt->body, work));
}

/* ---- scans ---- */

static bool stores(const tn_stmt *body) {
  for (const tn_stmt *s = body; s; s = s->next)
    if (s->kind == TN_STMT_STORE) return true;
  return false;
}

/* Scans, and reduces whose stores make them one. */
static bool holds_scan(const tn_kernel *kernel, const tn_stmt *stmt) {
  for (const tn_stmt *child = stmt->body; child; child = child->next) {
    bool running = child->kind == TN_STMT_REDUCE && stores(child->body) && !tn_reduce_splits(kernel, child);
    if (running || tn_is_scan(kernel, child) || holds_scan(kernel, child)) return true;
  }
  return false;
}

/* Accesses to what each iteration of `stmt` has for itself are left out: inside a vector dim
 * those lie side by side. Returns the bytes of one iteration.                             */
static int64_t drop_own_locals(const tn_scheduling *t, const tn_stmt *stmt, tn_accesses *accesses) {
  int64_t bytes = 0;
  for (const tn_stmt *child = stmt->body; child; child = child->next) {
    bytes += drop_own_locals(t, child, accesses);
    if (child->kind != TN_STMT_LOCAL) continue;
    const tn_shape *shape = t->kernel->buffers[child->buffer].shape;
    bytes += tn_shape_elements(shape) * (int64_t)tn_type_bytes(shape->type);
    int kept = 0;
    for (int i = 0; i < accesses->count; i++)
      if (accesses->at[i].buffer != child->buffer) accesses->at[kept++] = accesses->at[i];
    accesses->count = kept;
  }
  return bytes;
}

/* Would some nest below become vectors along a dim of its own? */
static bool vectorises_inside(tn_scheduling *t, const tn_stmt *stmt) {
  int score, lanes = tn_body_lanes(t->kernel, stmt->body, t->target);
  for (const tn_stmt *child = stmt->body; child; child = child->next) {
    bool reduce = child->kind == TN_STMT_REDUCE;
    if (child->kind != TN_STMT_LOOP && !reduce) continue;
    tn_accesses accesses = {0};
    tn_stmt only = *child;
    only.next = NULL;
    tn_collect_accesses(t->arena, t->kernel, &only, &accesses);
    bool leaf = reduce ? child->n_dims && tn_reduce_splits(t->kernel, child) : is_leaf_nest(child);
    int first = reduce && leaf ? child->n_dims - 1 : 0;
    if (leaf &&
        best_vector_dim(t, &accesses, child->dims + first, child->n_dims - first, lanes, 0, &score) >= 0)
      return true;
    if (vectorises_inside(t, child)) return true;
  }
  return false;
}

/* Scans give no vectors: where nothing inside does, a dim of a parallel loop around them is
 * taken, if all accesses below vectorise along it.                                        */
static bool vector_around_scans(tn_scheduling *t, const tn_stmt *stmt) {
  if (t->is_vector || !holds_scan(t->kernel, stmt) || vectorises_inside(t, stmt)) return false;
  int score, lanes = tn_body_lanes(t->kernel, stmt->body, t->target);
  tn_accesses accesses = {0};
  tn_collect_accesses(t->arena, t->kernel, stmt->body, &accesses);
  int64_t bytes = drop_own_locals(t, stmt, &accesses);
  int dim = best_vector_dim(t, &accesses, stmt->dims, stmt->n_dims, lanes, 0, &score);
  if (dim < 0 || bytes * lanes > t->target->l2_bytes / 2) return false;
  set_vector(t, dim, lanes, 2 * bytes * lanes > t->target->l2_bytes / 2 ? 1 : 2);
  return true;
}

/* A nest inside a tree that is a contraction is scheduled like a kernel that is one, where its
 * weights can be read as they lie.                                                       */
static bool schedule_inner_contraction(tn_scheduling *t, const tn_stmt *stmt) {
  tn_contraction c;
  if (stmt->kind != TN_STMT_LOOP || stmt == t->kernel->body || t->is_vector) return false;
  if (!tn_find_contraction(t->arena, t->kernel, stmt, t->target, &c) || c.weights < 0) return false;
  if (!tn_is_contiguous(t->kernel, &c.weights_access, c.n, 1)) return false;
  tn_schedule_contraction(t, &c);
  return true;
}

static void schedule_nest(tn_scheduling *t, const tn_stmt *stmt, const tn_stmt *around) {
  bool scan = tn_is_scan(t->kernel, stmt);
  if (schedule_inner_contraction(t, stmt)) return;
  if (stmt->kind == TN_STMT_LOOP && !scan && !t->is_vector && is_leaf_nest(stmt)) {
    schedule_leaf(t, stmt);
    return;
  }
  for (int i = 0; i < stmt->n_dims; i++) tn_schedule_loop(t, stmt->dims[i], 0);
  if (stmt->kind == TN_STMT_REDUCE) {
    schedule_reduce(t, stmt, around);
    return;
  }
  bool chosen = vector_around_scans(t, stmt);
  t->is_vector = t->is_vector || chosen;
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    if (child->kind == TN_STMT_LOOP || child->kind == TN_STMT_REDUCE) schedule_nest(t, child, stmt);
  if (chosen) t->is_vector = false;
}

/* Rows side by side, as rows_abreast says. */
static void interleave_rows(tn_scheduling *t, const tn_stmt *rows) {
  for (const tn_stmt *child = rows->body; child; child = child->next)
    if (child->kind == TN_STMT_LOOP) interleave_rows(t, child);
  int abreast = rows_abreast(t, rows);
  if (abreast > 1) t->dims[rows->dims[rows->n_dims - 1]].unroll = abreast;
}

/* The loops of the outermost statement: what threads share. */
static int outer_loops(const tn_scheduling *t) {
  const tn_stmt *body = t->kernel->body;
  int count = 0;
  if (tn_is_scan(t->kernel, body)) return 0;
  for (int i = 0; i < t->order.count; i++)
    for (int d = 0; d < body->n_dims; d++) count += t->order.at[i].dim == body->dims[d];
  return count;
}

void tn_schedule_tree(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target) {
  tn_scheduling t = tn_schedule_begin(arena, kernel, target);
  schedule_nest(&t, kernel->body, kernel->body);
  interleave_rows(&t, kernel->body);
  tn_schedule_end(&t, outer_loops(&t));
}
