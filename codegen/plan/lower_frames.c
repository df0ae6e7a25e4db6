/* The frames of lower_frames.h.
 *
 * A statement goes where what it needs is known and no further in: the depth of an
 * expression is that of the innermost open frame whose dims or values it reads. So lets are
 * shared by all that follows in their body, and what was lowered once is found again as
 * long as its frame is open. Finding is by comparison, newest first.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower_frames.h"
#include "codegen/plan/walk.h"

/* ---- dims, values, frames ---- */

int tn_frame_new_dim(tn_lowering *l, const char *name, int64_t size, tn_dim_kind kind, int frame) {
  TN_PUSH(l->arena, &l->dims, ((tn_dim){tn_arena_string(l->arena, name), size, kind}));
  TN_PUSH(l->arena, &l->dim_frame, frame);
  l->kernel->dims = l->dims.at; /* ranges are asked for while lowering */
  l->kernel->n_dims = l->dims.count;
  return l->dims.count - 1;
}

int tn_frame_new_value(tn_lowering *l, const char *prefix, tn_type type, int frame) {
  const char *name = tn_arena_printf(l->arena, "%s%d", prefix, l->values.count);
  TN_PUSH(l->arena, &l->values, ((tn_kernel_value){name, type}));
  TN_PUSH(l->arena, &l->value_frame, frame);
  return l->values.count - 1;
}

bool tn_frame_push(tn_lowering *l, tn_stmt *owner) {
  if (l->n_frames == TN_MAX_FRAMES) return false;
  l->frames[l->n_frames++] = (tn_frame){l->next_frame++, owner, &owner->body};
  return true;
}

void tn_frame_append(tn_frame *f, tn_stmt *stmt) {
  *f->tail = stmt;
  f->tail = &stmt->next;
}

/* The finished statement joins the body around it: after what its own lowering put there. */
void tn_frame_pop(tn_lowering *l) {
  tn_stmt *owner = l->frames[--l->n_frames].owner;
  if (l->n_frames) tn_frame_append(&l->frames[l->n_frames - 1], owner);
}

int tn_frame_depth(const tn_lowering *l, int id) {
  for (int i = l->n_frames - 1; i >= 0; i--)
    if (l->frames[i].id == id) return i;
  return -1;
}

static int max_int(int a, int b) { return a > b ? a : b; }

static const tn_shape *buffer_shape(const tn_lowering *l, int buffer) {
  if (buffer >= TN_LOWER_LOCAL_BASE) return l->locals.at[buffer - TN_LOWER_LOCAL_BASE].shape;
  if (buffer >= TN_LOWER_ROOT_BASE) return l->group->root_shape(l->group->user, buffer - TN_LOWER_ROOT_BASE);
  return l->buffers.at[buffer].shape;
}

/* The innermost open frame that some nodes need. */
typedef struct {
  const tn_lowering *l;
  int depth;
} deepest;

static void need_frame(deepest *d, int id) { d->depth = max_int(d->depth, tn_frame_depth(d->l, id)); }

static bool need_dim(void *user, int dim) {
  deepest *d = user;
  need_frame(d, d->l->dim_frame.at[dim]);
  return false;
}

/* Where a local was filled is where its row is known; later reads are as deep as their
 * indices, but never outside the frame that holds the local. A root changes.          */
static bool need_node(void *user, const tn_expr *expr) {
  deepest *d = user;
  if (expr->kind == TN_EXPR_VALUE) need_frame(d, d->l->value_frame.at[expr->value]);
  if (expr->kind != TN_EXPR_LOAD || expr->load.buffer < TN_LOWER_ROOT_BASE) return false;
  if (expr->load.buffer < TN_LOWER_LOCAL_BASE)
    d->depth = d->l->n_frames - 1;
  else
    need_frame(d, d->l->local_frame.at[expr->load.buffer - TN_LOWER_LOCAL_BASE]);
  return false;
}

int tn_frame_depth_of_expr(const tn_lowering *l, const tn_expr *expr) {
  deepest d = {l, 0};
  tn_walk_expr(&(tn_walk){need_node, need_dim, &d}, expr);
  return d.depth;
}

int tn_frame_depth_of_position(const tn_lowering *l, tn_position at, int rank) {
  deepest d = {l, 0};
  tn_walk_access(&(tn_walk){need_node, need_dim, &d}, rank, at);
  return d.depth;
}

/* ---- lets ---- */

const tn_expr *tn_frame_let(tn_lowering *l, const tn_expr *expr, int depth) {
  tn_frame *f = &l->frames[depth];
  for (int i = l->lets.count - 1; i >= 0; i--)
    if (l->lets.at[i].frame == f->id && tn_expr_equal(l->lets.at[i].expr, expr))
      return tn_expr_value(l->arena, expr->type, l->lets.at[i].value);
  tn_stmt *let = tn_stmt_new(l->arena, TN_STMT_LET);
  let->value = tn_frame_new_value(l, "v", expr->type, f->id);
  let->expr = expr;
  tn_frame_append(f, let);
  TN_PUSH(l->arena, &l->lets, ((tn_shared_let){expr, f->id, let->value}));
  return tn_expr_value(l->arena, expr->type, let->value);
}

bool tn_expr_is_trivial(const tn_expr *expr) {
  return expr->kind == TN_EXPR_CONSTANT || expr->kind == TN_EXPR_VALUE || expr->kind == TN_EXPR_INDEX;
}

const tn_expr *tn_lower_share(tn_lowering *l, const tn_expr *expr) {
  return tn_expr_is_trivial(expr) ? expr : tn_frame_let(l, expr, tn_frame_depth_of_expr(l, expr));
}

/* ---- memory of what has been lowered ---- */

static bool same_position(tn_position a, tn_position b, int rank) {
  for (int i = 0; i < rank; i++)
    if (a[i] != b[i] && !tn_index_equal(a[i], b[i])) return false;
  return true;
}

int tn_element_rank(const tn_inst *inst) {
  const tn_shape *shape = inst->shape;
  return tn_shape_is_tuple(shape) ? shape->elements[0]->rank : shape->rank;
}

const tn_expr *tn_lower_recall(tn_lowering *l, tn_inst *inst, int output, tn_position at) {
  if (l->guards.count) return NULL;
  for (int i = l->memos.count - 1; i >= 0; i--) {
    const tn_lowered_element *m = &l->memos.at[i];
    if (m->inst == inst && m->output == output && tn_frame_depth(l, m->frame) >= 0 &&
        same_position(m->at, at, tn_element_rank(inst)))
      return m->expr;
  }
  return NULL;
}

void tn_lower_remember(tn_lowering *l, tn_inst *inst, int output, tn_position at, const tn_expr *expr) {
  if (l->guards.count) return;
  int frame = l->frames[tn_frame_depth_of_expr(l, expr)].id;
  TN_PUSH(l->arena, &l->memos, ((tn_lowered_element){inst, output, at, frame, expr}));
}

/* ---- what rules add to the bodies ---- */

int tn_frame_new_local(tn_lowering *l, const tn_shape *shape, tn_frame *f) {
  tn_stmt *local = tn_stmt_new(l->arena, TN_STMT_LOCAL);
  local->buffer = TN_LOWER_LOCAL_BASE + l->locals.count;
  const char *name = tn_arena_printf(l->arena, "e%d", l->locals.count);
  TN_PUSH(l->arena, &l->locals, ((tn_kernel_buffer){name, shape, TN_BUFFER_LOCAL}));
  TN_PUSH(l->arena, &l->local_frame, f->id);
  tn_frame_append(f, local);
  return local->buffer;
}

bool tn_lower_open(tn_lowering *l, tn_inst *inst, tn_stmt *stmt) {
  return tn_frame_push(l, stmt) || (tn_lower_fail(l, inst, true), false);
}

void tn_lower_close(tn_lowering *l) { tn_frame_pop(l); }
void tn_lower_drop(tn_lowering *l) { l->n_frames--; }
void tn_lower_append(tn_lowering *l, tn_stmt *stmt) { tn_frame_append(&l->frames[l->n_frames - 1], stmt); }

int tn_lower_dim(tn_lowering *l, const char *prefix, int64_t size) {
  const char *name = tn_arena_printf(l->arena, "%s%d", prefix, l->dims.count);
  return tn_frame_new_dim(l, name, size, TN_DIM_PARALLEL, l->frames[l->n_frames - 1].id);
}

int tn_lower_n_values(const tn_lowering *l) { return l->values.count; }

int tn_lower_value(tn_lowering *l, const char *prefix, tn_type type) {
  return tn_frame_new_value(l, prefix, type, l->frames[l->n_frames - 1].id);
}

int tn_lower_local(tn_lowering *l, tn_type type, int64_t size, int outward) {
  return tn_frame_new_local(l, tn_shape_array(l->arena, type, 1, &size),
                            &l->frames[l->n_frames - 1 - outward]);
}

const tn_expr *tn_lower_load_local(tn_lowering *l, int local, const tn_index *at) {
  return tn_lower_load(l, local, tn_arena_copy(l->arena, &at, sizeof at));
}

const tn_expr *tn_lower_let_of(const tn_lowering *l, int value) {
  for (int i = l->lets.count - 1; i >= 0; i--)
    if (l->lets.at[i].value == value) return l->lets.at[i].expr;
  return NULL;
}

int tn_lower_recall_sort(const tn_lowering *l, const tn_inst *inst, int output, tn_position row) {
  for (int i = 0; i < l->sorts.count && !l->guards.count; i++) {
    const tn_sorted_row *s = &l->sorts.at[i];
    if (s->inst == inst && s->output == output && tn_frame_depth(l, s->frame) >= 0 &&
        same_position(s->row, row, tn_element_rank(inst)))
      return s->local;
  }
  return -1;
}

void tn_lower_remember_sort(tn_lowering *l, const tn_inst *inst, int output, tn_position row, int local) {
  int frame = l->local_frame.at[local - TN_LOWER_LOCAL_BASE];
  TN_PUSH(l->arena, &l->sorts, ((tn_sorted_row){inst, output, row, frame, local}));
}

bool tn_lower_open_loop(tn_lowering *l, tn_inst *inst, tn_dim_kind kind, int n, const int64_t *sizes,
                        const char *const *names, int *dims) {
  tn_stmt *loop = tn_stmt_new(l->arena, TN_STMT_LOOP);
  if (!tn_frame_push(l, loop)) return tn_lower_fail(l, inst, true), false;
  for (int i = 0; i < n; i++) {
    const char *name = tn_arena_printf(l->arena, "%s%d", names[i], l->dims.count);
    dims[i] = tn_frame_new_dim(l, name, sizes[i], kind, l->frames[l->n_frames - 1].id);
  }
  loop->n_dims = n;
  loop->dims = tn_arena_copy(l->arena, dims, sizeof *dims * (size_t)n);
  return true;
}

const tn_expr *tn_lower_load(tn_lowering *l, int buffer, tn_position at) {
  const tn_shape *shape = buffer_shape(l, buffer);
  return tn_expr_load(l->arena, shape->type, buffer, shape->rank, at);
}

void tn_lower_store(tn_lowering *l, int buffer, tn_position at, const tn_expr *value,
                    const tn_expr *condition) {
  tn_stmt *store = tn_stmt_new(l->arena, TN_STMT_STORE);
  store->buffer = buffer;
  store->at = at;
  store->expr = value;
  store->condition = condition;
  tn_frame_append(&l->frames[l->n_frames - 1], store);
}
