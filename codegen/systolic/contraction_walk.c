/* Indices of a kernel as walks: how loads and stores go through memory.
 *
 *   x[b, 2*oh + kh - 3, ow, (oc / 8) * 4 + ic]     oc:32 becomes oc:4 oc':8, whose quotient is oc
 *   -> offset + strides over b oh ow oc oc' kh ic, bound 0 <= 2*oh + kh - 3 < H
 *
 * A dim is split at every divisor that divides its size and those before it; what is still divided
 * then (positions of a dilated input) is no walk.
 *
 * Cost: a copy of the kernel where something is divided.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/rewrite.h"
#include "codegen/systolic/contraction_private.h"

#include <stdlib.h>

/* ---- splitting dims ---- */

typedef TN_VEC(int64_t) size_list;

static void collect_divisors(const tn_matcher *m, const tn_index *index, size_list *divisors) {
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    if (!term->of) continue;
    collect_divisors(m, term->of, divisors);
    for (int k = 0; k < term->of->n_terms; k++) {
      const tn_term *inner = &term->of->terms[k];
      if (inner->kind != TN_TERM_DIM || inner->scale <= 0 || term->divisor % inner->scale != 0) continue;
      int64_t part = term->divisor / inner->scale;
      if (part > 1) TN_PUSH(m->arena, &divisors[inner->dim], part);
    }
  }
}

static int compare_sizes(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Keeps the divisors that a dim of this size can be split at, each dividing the next. */
static void keep_chain(size_list *list, int64_t size) {
  int count = 0;
  int64_t last = 1;
  if (list->count) qsort(list->at, (size_t)list->count, sizeof *list->at, compare_sizes);
  for (int i = 0; i < list->count; i++) {
    int64_t part = list->at[i];
    if (part == last || part % last || part >= size || size % part) continue;
    last = list->at[count++] = part;
  }
  list->count = count;
}

/* Statements name the parts of their dims, outer ones first. */
static void expand_dims(tn_matcher *m, tn_stmt *body, const int *first, const size_list *splits) {
  for (tn_stmt *s = body; s; s = s->next) {
    int count = 0, total = 0;
    for (int i = 0; i < s->n_dims; i++) total += 1 + splits[s->dims[i]].count;
    int *dims = TN_NEW_ARRAY(m->arena, int, total);
    for (int i = 0; i < s->n_dims; i++)
      for (int k = 0; k <= splits[s->dims[i]].count; k++) dims[count++] = first[s->dims[i]] + k;
    if (s->n_dims) s->dims = dims;
    s->n_dims = count;
    expand_dims(m, s->body, first, splits);
  }
}

/* The parts of one dim, and the dim as their sum. */
static const tn_index *make_parts(tn_matcher *m, tn_dim *dims, int first, const tn_dim *whole,
                                  const size_list *splits) {
  const tn_index *sum = tn_index_constant(m->arena, 0);
  int64_t size = whole->size;
  for (int k = 0; k <= splits->count; k++) {
    int64_t part = k < splits->count ? splits->at[splits->count - 1 - k] : 1;
    dims[first + k] = (tn_dim){whole->name, size / part, whole->kind};
    size = part;
    sum = tn_index_add(m->arena, sum, tn_index_scale(m->arena, tn_index_dim(m->arena, first + k), part));
  }
  return sum;
}

void tn_match_split_dims(tn_matcher *m) {
  tn_kernel *old = m->kernel, *kernel = tn_arena_copy(m->arena, old, sizeof *old);
  size_list *splits = TN_NEW_ARRAY(m->arena, size_list, old->n_dims);
  int *first = TN_NEW_ARRAY(m->arena, int, old->n_dims), total = 0;
  tn_touches touches = {0};
  tn_find_touches(m->arena, old, old->body, true, &touches);
  for (int i = 0; i < touches.count; i++)
    for (int d = 0; d < old->buffers[touches.at[i].buffer].shape->rank; d++)
      collect_divisors(m, touches.at[i].at[d], splits);
  for (int d = 0; d < old->n_dims; d++) {
    keep_chain(&splits[d], old->dims[d].size);
    first[d] = total;
    total += 1 + splits[d].count;
  }
  if (total == old->n_dims) return;
  kernel->dims = TN_NEW_ARRAY(m->arena, tn_dim, total);
  kernel->n_dims = total;
  kernel->body = tn_stmt_copy(m->arena, old->body);
  tn_rewrite rewrite = tn_rewrite_nothing(m->arena, kernel);
  for (int d = 0; d < old->n_dims; d++)
    rewrite.dims[d] = make_parts(m, kernel->dims, first[d], &old->dims[d], &splits[d]);
  tn_rewrite_apply(&rewrite);
  expand_dims(m, kernel->body, first, splits);
  m->kernel = kernel;
}

/* ---- linear positions ---- */

/* index = *constant + sum of steps[dim] * dim, by the kernel's dims. */
static bool read_linear(tn_matcher *m, const tn_index *index, int64_t *steps, int64_t *constant) {
  *constant = index->constant;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    switch (term->kind) {
    case TN_TERM_DIM: steps[term->dim] += term->scale; break;
    case TN_TERM_QUOTIENT:
    case TN_TERM_REMAINDER: return tn_match_fail(m, "positions that are divided");
    case TN_TERM_VALUE: return tn_match_fail(m, "positions that are computed");
    }
  }
  return true;
}

static int64_t *strides_of(tn_arena *arena, const tn_shape *shape) {
  int64_t *strides = TN_NEW_ARRAY(arena, int64_t, shape->rank), stride = 1;
  for (int d = shape->rank - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape->dims[d];
  }
  return strides;
}

/* Of an access, by the kernel's dims. */
static bool read_access(tn_matcher *m, int buffer, const tn_index *const *at, int64_t *steps,
                        int64_t *offset) {
  const tn_shape *shape = m->kernel->buffers[buffer].shape;
  const int64_t *strides = strides_of(m->arena, shape);
  if (shape->layout) return tn_match_fail(m, "an array that is not row-major");
  *offset = 0;
  for (int d = 0; d < shape->rank; d++) {
    int64_t *own = TN_NEW_ARRAY(m->arena, int64_t, m->kernel->n_dims), constant;
    if (!read_linear(m, at[d], own, &constant)) return false;
    *offset += constant * strides[d];
    for (int i = 0; i < m->kernel->n_dims; i++) steps[i] += own[i] * strides[d];
  }
  return true;
}

static const int64_t *by_work_dim(tn_matcher *m, const int64_t *steps) {
  int64_t *result = TN_NEW_ARRAY(m->arena, int64_t, m->work->n_dims);
  for (int i = 0; i < m->kernel->n_dims; i++)
    if (m->dim_of[i] >= 0) result[m->dim_of[i]] = steps[i];
  return result;
}

/* ---- dims of the work ---- */

typedef struct {
  int dim;
  int64_t stride, at;
} placed_dim;

static int compare_places(const void *a, const void *b) {
  const placed_dim *x = a, *y = b;
  if (x->stride != y->stride) return x->stride < y->stride ? 1 : -1;
  return (x->at > y->at) - (x->at < y->at);
}

bool tn_match_number_dims(tn_matcher *m) {
  tn_systolic_work *work = m->work;
  const tn_kernel *k = m->kernel;
  int64_t *steps = TN_NEW_ARRAY(m->arena, int64_t, k->n_dims),
          *sizes = TN_NEW_ARRAY(m->arena, int64_t, k->n_dims);
  placed_dim *order = TN_NEW_ARRAY(m->arena, placed_dim, m->nest->n_dims);
  if (!read_access(m, m->store->buffer, m->store->at, steps, &work->y.offset)) return false;
  for (int i = 0; i < m->nest->n_dims; i++)
    order[i] = (placed_dim){m->nest->dims[i], llabs(steps[m->nest->dims[i]]), i};
  if (m->nest->n_dims) qsort(order, (size_t)m->nest->n_dims, sizeof *order, compare_places);
  m->dim_of = TN_NEW_ARRAY(m->arena, int, k->n_dims);
  for (int i = 0; i < k->n_dims; i++) m->dim_of[i] = -1;
  int reduced = m->reduce ? m->reduce->n_dims : 0;
  for (int i = 0; i < m->nest->n_dims + reduced; i++) {
    int dim = i < m->nest->n_dims ? order[i].dim : m->reduce->dims[i - m->nest->n_dims];
    if (k->dims[dim].size == 1) continue;
    sizes[work->n_dims] = k->dims[dim].size;
    m->dim_of[dim] = work->n_dims++;
  }
  work->sizes = sizes;
  work->y.buffer = m->store->buffer;
  work->y.type = k->buffers[m->store->buffer].shape->type;
  work->y.strides = by_work_dim(m, steps);
  return true;
}

/* ---- loads and their bounds ---- */

/* low <= constant + steps < high becomes 0 <= position < limit, unless it always holds. */
static bool add_bound(tn_matcher *m, tn_walk *walk, const tn_index *index, int64_t low, int64_t high) {
  int64_t *steps = TN_NEW_ARRAY(m->arena, int64_t, m->kernel->n_dims), constant, least, most;
  tn_index_range(m->kernel, index, &least, &most);
  if (least >= low && most < high) return true;
  if (!read_linear(m, index, steps, &constant)) return false;
  tn_walk_bound bound = {constant - low, high - low, by_work_dim(m, steps)};
  size_t bytes = sizeof *bound.steps * (size_t)m->work->n_dims;
  for (int i = 0; i < walk->n_bounds; i++) {
    tn_walk_bound *other = &walk->bounds[i];
    if (bytes && memcmp(other->steps, bound.steps, bytes) != 0) continue;
    /* the same position: both intervals, counted from the later start */
    int64_t start = other->offset < bound.offset ? other->offset : bound.offset;
    int64_t one = other->limit - (other->offset - start), two = bound.limit - (bound.offset - start);
    other->offset = start;
    other->limit = one < two ? one : two;
    return other->limit > 0 || tn_match_fail(m, "an input that is padding alone");
  }
  if (bound.limit <= 0) return tn_match_fail(m, "an input that is padding alone");
  if (walk->n_bounds == 2) return tn_match_fail(m, "padding along more than two dims");
  walk->bounds[walk->n_bounds++] = bound;
  return true;
}

bool tn_match_load(tn_matcher *m, const tn_expr *load, tn_walk *walk) {
  const tn_shape *shape = m->kernel->buffers[load->load.buffer].shape;
  int64_t *steps = TN_NEW_ARRAY(m->arena, int64_t, m->kernel->n_dims);
  *walk = (tn_walk){.buffer = load->load.buffer, .type = shape->type};
  if (m->kernel->buffers[load->load.buffer].access != TN_BUFFER_IN)
    return tn_match_fail(m, "it reads what it writes");
  if (!read_access(m, load->load.buffer, load->load.at, steps, &walk->offset)) return false;
  walk->strides = by_work_dim(m, steps);
  if (!load->load.fill) return true;
  const tn_expr *fill = tn_match_resolve(m, load->load.fill);
  if (fill->kind != TN_EXPR_CONSTANT) return tn_match_fail(m, "padding that is computed");
  walk->fill = fill->bits[0];
  for (int d = 0; d < shape->rank; d++)
    if (!add_bound(m, walk, load->load.at[d], 0, shape->dims[d])) return false;
  for (int i = 0; i < load->load.n_guards; i++) {
    const tn_guard_range *guard = &load->load.guards[i];
    if (!add_bound(m, walk, guard->index, guard->low, guard->high)) return false;
  }
  return true;
}

/* ---- counting ---- */

enum { MOST_COUNTED = 1 << 22 };

static bool is_inside(const tn_walk_bound *bound, const int64_t *at, int n) {
  int64_t position = bound->offset;
  for (int d = 0; d < n; d++) position += bound->steps[d] * at[d];
  return position >= 0 && position < bound->limit;
}

/* Counts over the dims in `dims`; all others have one value. */
static int64_t count_inside(const tn_matcher *m, const tn_walk_bound *const *bounds, int n_bounds,
                            const bool *dims) {
  int n = m->work->n_dims;
  int64_t *at = TN_NEW_ARRAY(m->arena, int64_t, n), count = 0, total = 1;
  for (int d = 0; d < n; d++)
    if (dims[d]) total *= m->work->sizes[d];
  if (total > MOST_COUNTED) return total; /* padding counts as work there */
  for (int64_t i = 0; i < total; i++) {
    int64_t rest = i;
    for (int d = n - 1; d >= 0; d--) {
      if (!dims[d]) continue;
      at[d] = rest % m->work->sizes[d];
      rest /= m->work->sizes[d];
    }
    bool inside = true;
    for (int b = 0; b < n_bounds; b++) inside = inside && is_inside(bounds[b], at, n);
    count += inside;
  }
  return count;
}

int64_t tn_match_inside(const tn_matcher *m, const tn_walk *walk) {
  int n = m->work->n_dims;
  bool *dims[2] = {TN_NEW_ARRAY(m->arena, bool, n), TN_NEW_ARRAY(m->arena, bool, n)}, shared = false;
  const tn_walk_bound *bounds[2] = {&walk->bounds[0], &walk->bounds[1]};
  int64_t rest = 1;
  for (int d = 0; d < n; d++) {
    for (int b = 0; b < walk->n_bounds; b++) dims[b][d] = walk->bounds[b].steps[d] != 0;
    shared = shared || (dims[0][d] && dims[1][d]);
    if (!dims[0][d] && !dims[1][d]) rest *= m->work->sizes[d];
  }
  if (!shared) {
    for (int b = 0; b < walk->n_bounds; b++) rest *= count_inside(m, &bounds[b], 1, dims[b]);
    return rest;
  }
  for (int d = 0; d < n; d++) dims[0][d] = dims[0][d] || dims[1][d];
  return rest * count_inside(m, bounds, 2, dims[0]);
}
