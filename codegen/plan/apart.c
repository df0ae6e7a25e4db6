/* Which iterations of a nest touch different elements of what it stores to.
 *
 * An index tells the value of a dim p of the nest if in every access to the buffer it is
 *
 *   outer + s1*p1 + s2*p2 + … + rest        p among the p's, all of them dims of the nest
 *
 * with the same `outer` (what does not change inside the nest) and the same s*p, where
 * rest (constants, dims of inner statements, values made inside) stays within `width`
 * neighbouring numbers over all accesses, and each scale is larger than all that stands
 * below it can reach: |s1| > width - 1, |s2| > |s1|*(n1 - 1) + width - 1, … Then
 * (index - outer) has one decomposition, as a number has digits. Dims of inner statements
 * are digits like these if they are the same in all accesses (y[a + 3*b], a:3 outside b),
 * else part of the rest. Where the rests are constants, steps of one size above all digits
 * will do too: y[a], y[a + 4], y[a + 8] with a:4. Each index of the buffer is tried, and the row-major place.
 *
 *   y[clamp(s[k]), f]          loop f outside the scan over k: f is told by the second
 *   y[16*b + j]                loop b outside loop j:16: by the only one
 *
 * Cost: accesses of a nest times the buffer's rank, for each of its dims.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/plan/walk.h"

#include <stdlib.h>

bool tn_is_scan(const tn_kernel *kernel, const tn_stmt *stmt) {
  return stmt->kind == TN_STMT_LOOP && stmt->n_dims && kernel->dims[stmt->dims[0]].kind == TN_DIM_CARRIED;
}

/* ---- accesses ---- */

typedef struct {
  tn_arena *arena;
  const tn_kernel *kernel;
  tn_touches *out;
  const tn_stmt *stmt, *nest;
} finder;

static void add_access(finder *f, int buffer, const tn_index *const *at, bool is_store) {
  TN_PUSH(f->arena, f->out, ((tn_touch){buffer, at, f->stmt, f->nest, is_store}));
}

static bool add_load(void *user, const tn_expr *expr) {
  if (expr->kind == TN_EXPR_LOAD) add_access(user, expr->load.buffer, expr->load.at, false);
  return false;
}

static void find_expr(finder *f, const tn_expr *expr) {
  if (expr) tn_walk_expr(&(tn_walk){.expr = add_load, .user = f}, expr);
}

static void find_store(finder *f, const tn_stmt *store) {
  int rank = f->kernel->buffers[store->buffer].shape->rank;
  tn_walk_access(&(tn_walk){.expr = add_load, .user = f}, rank, store->at);
  add_access(f, store->buffer, store->at, true);
}

/* A sort reads all of what it writes, which belongs to its body: as an access, that is one
 * of an element. */
static void find_body(finder f, const tn_stmt *first, bool siblings) {
  for (const tn_stmt *s = first; s; s = siblings ? s->next : NULL) {
    f.stmt = s;
    for (int i = 0; i < s->n_accumulators; i++) find_expr(&f, s->accumulators[i].initial);
    find_expr(&f, s->expr);
    find_expr(&f, s->condition);
    if (s->kind == TN_STMT_STORE) find_store(&f, s);
    if (s->n_sorted > 0) { /* touches outlive this call, and so must their indices */
      const tn_index **whole = TN_NEW(f.arena, const tn_index *);
      *whole = tn_index_constant(f.arena, 0);
      for (int i = 0; i < s->n_sorted; i++) add_access(&f, s->sorted[i], whole, false);
    }
    finder below = f;
    below.nest = s;
    find_body(below, s->body, true);
    for (int i = 0; i < s->n_accumulators; i++) find_expr(&below, s->accumulators[i].update);
  }
}

void tn_find_touches(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *stmt, bool siblings,
                     tn_touches *out) {
  find_body((finder){arena, kernel, out, NULL, NULL}, stmt, siblings);
}

/* ---- what changes inside a nest ---- */

typedef struct {
  tn_arena *arena;
  const tn_kernel *kernel;
  bool *dim, *value, *stored, *own; /* dims of statements inside, values that change, buffers stored
                                       to, its locals */
  bool *mine;                       /* the nest's own dims */
  tn_touches touches;
} inside;

static void mark(inside *in, const tn_stmt *s) {
  for (int i = 0; i < s->n_dims; i++) in->dim[s->dims[i]] = true;
  for (int i = 0; i < s->n_accumulators; i++) in->value[s->accumulators[i].value] = true;
  if (s->kind == TN_STMT_STORE) in->stored[s->buffer] = true;
  if (s->kind == TN_STMT_LOCAL) in->own[s->buffer] = true;
  for (const tn_stmt *child = s->body; child; child = child->next) mark(in, child);
}

static bool dim_changes(void *user, int dim) { return ((const inside *)user)->dim[dim]; }

static bool node_changes(void *user, const tn_expr *expr) {
  const inside *in = user;
  if (expr->kind == TN_EXPR_VALUE) return in->value[expr->value];
  return expr->kind == TN_EXPR_LOAD && (in->stored[expr->load.buffer] || in->own[expr->load.buffer]);
}

static bool expr_changes(const inside *in, const tn_expr *expr) {
  return tn_walk_expr(&(tn_walk){node_changes, dim_changes, (void *)in}, expr);
}

static bool term_changes(const inside *in, const tn_term *term) {
  return tn_walk_term(&(tn_walk){node_changes, dim_changes, (void *)in}, term);
}

/* A let inside is outer if all that it is made from is. */
static void mark_lets(inside *in, const tn_stmt *s) {
  if (s->kind == TN_STMT_LET) in->value[s->value] = expr_changes(in, s->expr);
  for (const tn_stmt *child = s->body; child; child = child->next) mark_lets(in, child);
}

static inside look_inside(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *nest) {
  inside in = {.arena = arena, .kernel = kernel};
  in.dim = TN_NEW_ARRAY(arena, bool, kernel->n_dims);
  in.mine = TN_NEW_ARRAY(arena, bool, kernel->n_dims);
  in.value = TN_NEW_ARRAY(arena, bool, kernel->n_values);
  in.stored = TN_NEW_ARRAY(arena, bool, kernel->n_buffers);
  in.own = TN_NEW_ARRAY(arena, bool, kernel->n_buffers);
  mark(&in, nest);
  mark_lets(&in, nest);
  for (int i = 0; i < nest->n_dims; i++) in.mine[nest->dims[i]] = true;
  tn_find_touches(arena, kernel, nest, false, &in.touches);
  return in;
}

/* ---- digits ---- */

/* An index as `told` (outer terms and dims: the nest's, or all inside it too) and the range
 * of the rest.                                                                             */
typedef struct {
  tn_index told;
  int64_t low, high;
} split_index;

static split_index split(const inside *in, const tn_index *index, bool inner) {
  split_index s = {.low = 0, .high = 0};
  tn_term *told = TN_NEW_ARRAY(in->arena, tn_term, index->n_terms);
  tn_term *rest = TN_NEW_ARRAY(in->arena, tn_term, index->n_terms);
  tn_index other = {.constant = index->constant, .terms = rest};
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    bool digit = term->kind == TN_TERM_DIM && (inner || in->mine[term->dim]);
    if (digit || !term_changes(in, term))
      told[s.told.n_terms++] = *term;
    else
      rest[other.n_terms++] = *term;
  }
  s.told.terms = told;
  tn_index_range(in->kernel, &other, &s.low, &s.high);
  return s;
}

static int by_scale(const void *a, const void *b) {
  int64_t x = llabs(((const tn_term *)a)->scale), y = llabs(((const tn_term *)b)->scale);
  return (x > y) - (x < y);
}

/* The dims in it are digits above the rest, and below `top` (0: there is none); `dim` is one
 * of them.                                                                               */
static bool tells(const inside *in, const tn_index *told, int64_t low, int64_t high, int64_t top, int dim) {
  tn_term *digits = TN_NEW_ARRAY(in->arena, tn_term, told->n_terms);
  int count = 0;
  bool found = false;
  for (int i = 0; i < told->n_terms; i++) {
    const tn_term *term = &told->terms[i];
    if (term->kind != TN_TERM_DIM || !in->dim[term->dim]) continue;
    found = found || term->dim == dim;
    if (in->kernel->dims[term->dim].size > 1) digits[count++] = *term;
  }
  qsort(digits, (size_t)count, sizeof *digits, by_scale);
  __int128 reach = (__int128)high - low;
  for (int i = 0; i < count; i++) {
    __int128 scale = digits[i].scale < 0 ? -(__int128)digits[i].scale : digits[i].scale;
    if (scale <= reach) return false;
    reach += scale * (in->kernel->dims[digits[i].dim].size - 1);
  }
  return found && (!top || reach < top);
}

/* The index that is tried: along dim d of the buffer; d == rank: the row-major place. */
static const tn_index *candidate(const inside *in, const tn_touch *touch, int d) {
  const tn_shape *shape = in->kernel->buffers[touch->buffer].shape;
  if (d < shape->rank) return touch->at[d];
  const tn_index *place = tn_index_constant(in->arena, 0);
  for (int i = 0; i < shape->rank; i++)
    place = tn_index_add(in->arena, tn_index_scale(in->arena, place, shape->dims[i]), touch->at[i]);
  return place;
}

static bool told_by(const inside *in, int buffer, int d, int dim, bool inner) {
  const tn_index *told = NULL;
  int64_t low = 0, high = 0, step = 0;
  bool constant = true;
  for (int i = 0; i < in->touches.count; i++) {
    const tn_touch *touch = &in->touches.at[i];
    if (touch->buffer != buffer) continue;
    split_index s = split(in, candidate(in, touch, d), inner);
    if (told && !tn_index_equal(told, &s.told)) return false;
    constant = constant && s.low == s.high;
    if (told) step = tn_gcd(step, s.low - low);
    if (!told || s.low < low) low = s.low;
    if (!told || s.high > high) high = s.high;
    told = tn_arena_copy(in->arena, &s.told, sizeof s.told);
  }
  return !told || tells(in, told, low, high, 0, dim) ||
         (constant && step && tells(in, told, 0, 0, step, dim));
}

static bool is_apart(const inside *in, int dim, int buffer) {
  if (in->kernel->dims[dim].size < 2) return true;
  for (int d = 0; d <= in->kernel->buffers[buffer].shape->rank; d++)
    if (told_by(in, buffer, d, dim, false) || told_by(in, buffer, d, dim, true)) return true;
  return false;
}

bool tn_dim_is_apart(tn_arena *scratch, const tn_kernel *kernel, const tn_stmt *nest, int dim, int buffer) {
  inside in = look_inside(scratch, kernel, nest);
  return is_apart(&in, dim, buffer);
}

static bool stores(const tn_stmt *body) {
  for (const tn_stmt *s = body; s; s = s->next)
    if (s->kind == TN_STMT_STORE || stores(s->body)) return true;
  return false;
}

bool tn_iterations_apart(const tn_kernel *kernel, const tn_stmt *nest, int *dim, int *buffer) {
  if (!stores(nest->body)) return true;
  tn_arena *scratch = tn_arena_create();
  inside in = look_inside(scratch, kernel, nest);
  bool apart = true;
  for (int i = 0; i < nest->n_dims && apart; i++)
    for (int b = 0; b < kernel->n_buffers && apart; b++) {
      if (!in.stored[b] || in.own[b]) continue;
      apart = is_apart(&in, nest->dims[i], b);
      *dim = nest->dims[i];
      *buffer = b;
    }
  tn_arena_destroy(scratch);
  return apart;
}

static bool loops_apart(const tn_kernel *kernel, const tn_stmt *body) {
  int dim, buffer;
  for (const tn_stmt *s = body; s; s = s->next) {
    bool parallel = s->kind == TN_STMT_LOOP && !tn_is_scan(kernel, s);
    if (parallel && !tn_iterations_apart(kernel, s, &dim, &buffer)) return false;
    if (!loops_apart(kernel, s->body)) return false;
  }
  return true;
}

bool tn_kernel_is_apart(const tn_kernel *kernel) { return loops_apart(kernel, kernel->body); }
