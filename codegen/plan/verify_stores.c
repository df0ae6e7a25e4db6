/* The verifier's checks of what kernels store to: that it is written before it is read, and
 * that parallel iterations do not touch each other's elements.
 *
 * An `out` buffer or a local holds nothing at first. Its first access must be a store that
 * covers it: its place (row-major) is a sum of the dims between the buffer's home and the
 * store with the scales of a mixed-radix number, 1, s0, s0*s1, … up to the buffer's size,
 * in any order. So each value of the dims is another element, and all elements occur. A
 * store of another form is refused as not proved. Several stores cover a buffer together if
 * each has its own constant as the last index, and all of that dim's constants occur:
 * y[…, 0] and y[…, 1], the parts of complex numbers.
 *
 * A load finds its element written if, in the innermost nest that holds both, the store
 * stands before it and every dim from there outward to the buffer's home tells iterations
 * apart (apart.c): those elements that an iteration can touch are written by no other, so
 * its own part of the store has written all of them.
 *
 * Iterations of each parallel loop touch different elements of all that it stores to.
 *
 * Cost: accesses times nests.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/verify.h"

#include <stdlib.h>

/* Which nest each nest and each local stands in. */
typedef struct {
  const tn_stmt *stmt, *nest;
} place;

typedef struct {
  tn_kernel_check *c;
  const tn_kernel *kernel;
  TN_VEC(place) places;
  tn_touches touches;
} stores;

static void find_places(stores *s, const tn_stmt *body, const tn_stmt *nest) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    TN_PUSH(s->c->arena, &s->places, ((place){stmt, nest}));
    find_places(s, stmt->body, stmt);
  }
}

static const tn_stmt *nest_of(const stores *s, const tn_stmt *stmt) {
  for (int i = 0; i < s->places.count; i++)
    if (s->places.at[i].stmt == stmt) return s->places.at[i].nest;
  return NULL;
}

/* The nest whose iterations own the buffer; NULL: the kernel. */
static const tn_stmt *home_of(const stores *s, int buffer) {
  for (int i = 0; i < s->places.count; i++) {
    const tn_stmt *stmt = s->places.at[i].stmt;
    if (stmt->kind == TN_STMT_LOCAL && stmt->buffer == buffer) return s->places.at[i].nest;
  }
  return NULL;
}

/* ---- the store that covers ---- */

static int64_t scale_of(const tn_index *index, int dim) {
  for (int i = 0; i < index->n_terms; i++)
    if (index->terms[i].kind == TN_TERM_DIM && index->terms[i].dim == dim) return index->terms[i].scale;
  return 0;
}

/* Of the first `rank` dims. */
static const tn_index *row_major(const stores *s, const tn_shape *shape, int rank,
                                 const tn_index *const *at) {
  const tn_index *sum = tn_index_constant(s->c->arena, 0);
  for (int d = 0; d < rank; d++)
    sum = tn_index_add(s->c->arena, tn_index_scale(s->c->arena, sum, shape->dims[d]), at[d]);
  return sum;
}

/* The dims between the buffer's home and the store, those of one iteration left out; -1:
 * some have no iteration at all.                                                        */
static int dims_around(const stores *s, const tn_stmt *nest, const tn_stmt *home, int *dims) {
  int count = 0;
  bool never = false;
  for (const tn_stmt *n = nest; n; n = nest_of(s, n))
    for (int i = 0; i < n->n_dims; i++) never = never || s->kernel->dims[n->dims[i]].size == 0;
  for (const tn_stmt *n = nest; n && n != home; n = nest_of(s, n))
    for (int i = 0; i < n->n_dims; i++)
      if (s->kernel->dims[n->dims[i]].size != 1) dims[count++] = n->dims[i];
  return never ? -1 : count;
}

/* Scales may be negative: a dim that runs from its end. */
static bool covers(const stores *s, const tn_index *at, const int *dims, int n_dims, int64_t elements) {
  int64_t reach = 1, first = 0;
  for (int step = 0; step < n_dims; step++) {
    int next = -1;
    for (int i = 0; i < n_dims; i++)
      if (llabs(scale_of(at, dims[i])) == reach) next = dims[i];
    if (next < 0) return false;
    if (scale_of(at, next) < 0) first += reach * (s->kernel->dims[next].size - 1);
    reach *= s->kernel->dims[next].size;
  }
  int varying = 0;
  for (int i = 0; i < at->n_terms; i++)
    varying += at->terms[i].kind != TN_TERM_DIM || s->kernel->dims[at->terms[i].dim].size != 1;
  return reach == elements && at->constant == first && varying == n_dims;
}

/* The bit of the constant that the store has as its last index, among those of the dim: 0,
 * and all bits, if it has none.                                                           */
static uint64_t part_of(const tn_shape *shape, const tn_touch *store, uint64_t *all) {
  int last = shape->rank - 1;
  *all = 0;
  if (last < 0 || shape->dims[last] < 2 || shape->dims[last] > 32 || store->at[last]->n_terms) return 0;
  int64_t constant = store->at[last]->constant;
  if (constant < 0 || constant >= shape->dims[last]) return 0;
  *all = (UINT64_C(1) << shape->dims[last]) - 1;
  return UINT64_C(1) << constant;
}

/* The stores that cover a buffer: one, or one for each constant of the last dim. */
typedef struct {
  TN_VEC(const tn_touch *) by;
  uint64_t parts;
  bool whole;
} cover;

static bool add_cover(stores *s, cover *cover, const tn_touch *store) {
  const tn_kernel_buffer *b = &s->kernel->buffers[store->buffer];
  int64_t elements = tn_shape_elements(b->shape);
  uint64_t all, part = part_of(b->shape, store, &all);
  if (cover->parts && (!part || (cover->parts & part))) return true; /* one more store */
  if (store->stmt->condition) return tn_kernel_fault(s->c, "the first store to %s has a condition", b->name);
  int *dims = TN_NEW_ARRAY(s->c->arena, int, s->kernel->n_dims + 1);
  int n_dims = dims_around(s, store->nest, home_of(s, store->buffer), dims);
  const tn_index *at = row_major(s, b->shape, b->shape->rank - (part != 0), store->at);
  int64_t covered = part ? elements / b->shape->dims[b->shape->rank - 1] : elements;
  cover->parts |= part;
  cover->whole = cover->parts == all;
  TN_PUSH(s->c->arena, &cover->by, store);
  if (n_dims < 0 || covers(s, at, dims, n_dims, covered)) return true;
  return tn_kernel_fault(s->c, "the store to %s is not proved to write each of its %lld elements once",
                         b->name, (long long)elements);
}

/* ---- loads behind it ---- */

static const tn_stmt *common_nest(const stores *s, const tn_stmt *a, const tn_stmt *b) {
  for (; a; a = nest_of(s, a))
    for (const tn_stmt *n = b; n; n = nest_of(s, n))
      if (n == a) return a;
  return NULL;
}

static bool is_written(stores *s, const tn_touch *store, const tn_touch *load) {
  const tn_stmt *home = home_of(s, load->buffer);
  for (const tn_stmt *n = common_nest(s, store->nest, load->nest); n && n != home; n = nest_of(s, n))
    for (int i = 0; i < n->n_dims; i++)
      if (!tn_dim_is_apart(s->c->arena, s->kernel, n, n->dims[i], load->buffer)) return false;
  return true;
}

static void check_load(stores *s, const cover *cover, const tn_touch *load) {
  const tn_kernel_buffer *b = &s->kernel->buffers[load->buffer];
  bool written = cover->whole;
  for (int i = 0; i < cover->by.count; i++) written = written && is_written(s, cover->by.at[i], load);
  if (!written && !cover->by.count)
    tn_kernel_fault(s->c, "%s is read before it is written", b->name);
  else if (!written)
    tn_kernel_fault(s->c, "%s is read where it is not proved to be written", b->name);
}

static void check_buffer(stores *s, int buffer) {
  const tn_kernel_buffer *b = &s->kernel->buffers[buffer];
  cover cover = {.parts = 0, .whole = b->access == TN_BUFFER_INOUT};
  bool stored = false;
  int errors = s->c->errors;
  for (int i = 0; i < s->touches.count && s->c->errors == errors; i++) {
    const tn_touch *touch = &s->touches.at[i];
    if (touch->buffer != buffer) continue;
    stored = stored || touch->is_store;
    if (!touch->is_store)
      check_load(s, &cover, touch);
    else if (!cover.whole)
      add_cover(s, &cover, touch);
  }
  if (b->access == TN_BUFFER_LOCAL || s->c->errors > errors || !tn_shape_elements(b->shape)) return;
  if (!stored)
    tn_kernel_fault(s->c, "%s is never written", b->name);
  else if (!cover.whole)
    tn_kernel_fault(s->c, "the stores to %s are not proved to write each of its %lld elements", b->name,
                    (long long)tn_shape_elements(b->shape));
}

/* ---- parallel loops ---- */

static void check_loops(stores *s, const tn_stmt *body) {
  int dim, buffer;
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    bool parallel = stmt->kind == TN_STMT_LOOP && !tn_is_scan(s->kernel, stmt);
    if (parallel && !tn_iterations_apart(s->kernel, stmt, &dim, &buffer))
      tn_kernel_fault(s->c, "iterations of %s are not proved to touch different elements of %s",
                      s->kernel->dims[dim].name, s->kernel->buffers[buffer].name);
    check_loops(s, stmt->body);
  }
}

void tn_check_stores(tn_kernel_check *c) {
  stores s = {.c = c, .kernel = c->kernel};
  find_places(&s, c->kernel->body, NULL);
  tn_find_touches(c->arena, c->kernel, c->kernel->body, true, &s.touches);
  int errors = c->errors;
  for (int b = 0; b < c->kernel->n_buffers; b++)
    if (c->kernel->buffers[b].access != TN_BUFFER_IN) check_buffer(&s, b);
  if (c->errors == errors) check_loops(&s, c->kernel->body);
}
