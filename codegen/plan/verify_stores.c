/* The verifier's checks of what kernels store to: that it is written before it is read, and
 * that parallel iterations do not touch each other's elements.
 *
 * An `out` buffer or a local holds nothing at first. Its first access must be a store that
 * covers it: its place (row-major) is a sum of the dims between the buffer's home and the
 * store with the scales of a mixed-radix number, 1, s0, s0*s1, … up to the buffer's size,
 * in any order. So each value of the dims is another element, and all elements occur. A
 * store of another form is refused as not proved. Several stores of one nest cover a buffer
 * together if their places differ in the constants alone, and these are digits of that
 * number too: y[…, 0] and y[…, 1], the parts of complex numbers; y[2*i] and y[2*i + 1].
 * Stores of several nests cover it together if each writes a box — every index is such a
 * number of dims of its own — and the boxes stand on each other along one dim: whole blocks
 * of rows, y[16*b + i, j], and a rest, y[32 + k, l].
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

static const tn_index *row_major(const stores *s, const tn_shape *shape, const tn_index *const *at) {
  const tn_index *sum = tn_index_constant(s->c->arena, 0);
  for (int d = 0; d < shape->rank; d++)
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

/* What a store writes, each element once: `low` … `low + size - 1` of each dim of the buffer. */
typedef struct {
  const int64_t *low, *size;
} box;

/* The stores that cover a buffer: one, several of one nest whose places differ in their
 * constants, or several whose boxes stand on each other.                                  */
typedef struct {
  TN_VEC(const tn_touch *) by;
  TN_VEC(int64_t) constants;
  TN_VEC(box) boxes;
  const tn_index *place; /* of the first */
  bool whole;
} cover;

static bool has(const int64_t *at, int count, int64_t value) {
  for (int i = 0; i < count; i++)
    if (at[i] == value) return true;
  return false;
}

/* The constants as one more digit: all of c + reach*j for j of 0 <= j < k and c one of those
 * that have no such digit, which alone are kept. Returns k; 1: they have none.             */
static int64_t take_digit(int64_t *at, int *count, int64_t reach) {
  int64_t k = 1;
  int kept = 0;
  while (k < *count && has(at, *count, k * reach)) k++;
  for (int i = 0; i < *count; i++)
    if (at[i] % reach || !has(at, *count, at[i] - at[i] / reach % k * reach)) return 1;
  for (int i = 0; i < *count; i++)
    if (at[i] / reach % k == 0) at[kept++] = at[i];
  if (kept * k != *count) return 1;
  *count = kept;
  return k;
}

/* The dims and the stores' constants are the digits of every place, each once. Scales may be
 * negative: a dim that runs from its end.                                                 */
static bool covers(const stores *s, const cover *cover, const int *dims, int n_dims, int64_t elements) {
  const tn_index *at = cover->place;
  int count = cover->constants.count, varying = 0, used = 0;
  int64_t reach = 1;
  int64_t *constants = tn_arena_copy(s->c->arena, cover->constants.at, sizeof(int64_t) * (size_t)count);
  for (int d = 0; d < n_dims; d++)
    for (int i = 0; i < count && scale_of(at, dims[d]) < 0; i++)
      constants[i] += scale_of(at, dims[d]) * (s->kernel->dims[dims[d]].size - 1);
  for (bool more = true; more && (used < n_dims || count > 1);) {
    int next = -1;
    for (int i = 0; i < n_dims; i++)
      if (llabs(scale_of(at, dims[i])) == reach) next = dims[i];
    int64_t size = next >= 0 ? s->kernel->dims[next].size : take_digit(constants, &count, reach);
    used += next >= 0;
    more = size > 1;
    reach *= size;
  }
  for (int i = 0; i < at->n_terms; i++)
    varying += at->terms[i].kind != TN_TERM_DIM || s->kernel->dims[at->terms[i].dim].size != 1;
  return reach == elements && used == n_dims && varying == n_dims && count == 1 && constants[0] == 0;
}

/* ---- boxes ---- */

/* A mixed-radix number of its dims, which are struck out of `dims`: so many numbers, from
 * *low on, or 0 if it is not one.                                                         */
static int64_t run_of(const stores *s, const tn_index *at, int *dims, int n_dims, int64_t *low) {
  int64_t reach = 1, high;
  int terms = 0, used = 0;
  for (int i = 0; i < at->n_terms; i++)
    terms += at->terms[i].kind != TN_TERM_DIM || s->kernel->dims[at->terms[i].dim].size != 1;
  for (bool more = true; more && used < terms;) {
    more = false;
    for (int i = 0; i < n_dims && !more; i++) {
      if (dims[i] < 0 || llabs(scale_of(at, dims[i])) != reach) continue;
      reach *= s->kernel->dims[dims[i]].size;
      dims[i] = -1;
      used++;
      more = true;
    }
  }
  tn_index_range(s->kernel, at, low, &high);
  return used == terms ? reach : 0;
}

static bool box_of(const stores *s, const tn_touch *store, const int *around, int n_dims, box *out) {
  int rank = s->kernel->buffers[store->buffer].shape->rank;
  int *dims = tn_arena_copy(s->c->arena, around, sizeof *dims * (size_t)(n_dims > 0 ? n_dims : 1));
  int64_t *low = TN_NEW_ARRAY(s->c->arena, int64_t, rank), *size = TN_NEW_ARRAY(s->c->arena, int64_t, rank);
  *out = (box){low, size};
  for (int d = 0; d < rank; d++) {
    size[d] = run_of(s, store->at[d], dims, n_dims, &low[d]);
    if (!size[d]) return false;
  }
  for (int i = 0; i < n_dims; i++)
    if (dims[i] >= 0) return false; /* it writes each element several times */
  return true;
}

/* The boxes have all of the buffer in all dims but one, and follow each other there. */
static bool boxes_cover(const cover *cover, const tn_shape *shape) {
  int along = -1;
  int64_t end = 0;
  for (int d = 0; d < shape->rank; d++)
    for (int i = 0; i < cover->boxes.count; i++) {
      if (cover->boxes.at[i].size[d] == shape->dims[d]) continue;
      if (along >= 0 && along != d) return false;
      along = d;
    }
  for (bool more = along >= 0; more;) {
    more = false;
    for (int i = 0; i < cover->boxes.count && !more; i++)
      if (cover->boxes.at[i].low[along] == end) {
        end += cover->boxes.at[i].size[along];
        more = true;
      }
  }
  int64_t sizes = 0;
  for (int i = 0; i < cover->boxes.count && along >= 0; i++) sizes += cover->boxes.at[i].size[along];
  return along >= 0 && end == shape->dims[along] && sizes == end;
}

static bool same_but_constant(const tn_index *a, const tn_index *b) {
  tn_index shifted = *b;
  shifted.constant = a->constant;
  return tn_index_equal(a, &shifted);
}

static void add_cover(stores *s, cover *cover, const tn_touch *store) {
  const tn_kernel_buffer *b = &s->kernel->buffers[store->buffer];
  const tn_index *place = row_major(s, b->shape, store->at);
  bool alike =
      !cover->by.count || (store->nest == cover->by.at[0]->nest && same_but_constant(cover->place, place));
  if (alike && has(cover->constants.at, cover->constants.count, place->constant)) return; /* once more */
  if (store->stmt->condition) {
    tn_kernel_fault(s->c, "the first store to %s has a condition", b->name);
    return;
  }
  int *dims = TN_NEW_ARRAY(s->c->arena, int, s->kernel->n_dims + 1);
  int n_dims = dims_around(s, store->nest, home_of(s, store->buffer), dims);
  box box;
  bool boxed = n_dims >= 0 && box_of(s, store, dims, n_dims, &box);
  if (!alike && !boxed) return; /* one more store */
  if (!cover->by.count) cover->place = place;
  TN_PUSH(s->c->arena, &cover->by, store);
  if (alike) TN_PUSH(s->c->arena, &cover->constants, place->constant);
  if (boxed) TN_PUSH(s->c->arena, &cover->boxes, box);
  cover->whole = n_dims < 0 || (alike && covers(s, cover, dims, n_dims, tn_shape_elements(b->shape))) ||
                 (cover->boxes.count == cover->by.count && boxes_cover(cover, b->shape));
}

static void fault_cover(stores *s, const cover *cover, int buffer) {
  const tn_kernel_buffer *b = &s->kernel->buffers[buffer];
  bool one = cover->by.count == 1;
  tn_kernel_fault(s->c, "the store%s to %s %s not proved to write each of its %lld elements once",
                  one ? "" : "s", b->name, one ? "is" : "are", (long long)tn_shape_elements(b->shape));
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
  else if (!cover->whole)
    fault_cover(s, cover, load->buffer);
  else if (!written)
    tn_kernel_fault(s->c, "%s is read where it is not proved to be written", b->name);
}

static void check_buffer(stores *s, int buffer) {
  const tn_kernel_buffer *b = &s->kernel->buffers[buffer];
  cover cover = {.whole = b->access == TN_BUFFER_INOUT};
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
  if (s->c->errors > errors || cover.whole || !tn_shape_elements(b->shape)) return;
  if (stored)
    fault_cover(s, &cover, buffer);
  else if (b->access != TN_BUFFER_LOCAL)
    tn_kernel_fault(s->c, "%s is never written", b->name);
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
