/* Kernels that put arrays one behind the other: several works for one step.
 *
 *   loop d0:24 d1:14 {
 *     y[d0, d1] = a[d0, d1] if d1 in 0..5 else (b[d0, d1-5] if d1 in 5..12 else (c[d0, d1-12] if d1 in 12..14 else 0))
 *   }
 *
 *   y[d0, 0 + i] = a[d0, i], i < 5     y[d0, 5 + i] = b[d0, i], i < 7     y[d0, 12 + i] = c[d0, i], i < 2
 *
 * Each is an operation on elements that writes its part of y: concatenations stay on the array, between the
 * products whose results they join. Cost: linear in the kernel.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/contraction_private.h"
#include "target/isa_pipeline.h"

/* Where one of them lies: indices of a dim of the kernel. */
typedef struct {
  int dim;
  int64_t low, high;
} region;

static const tn_expr *fill_of(const tn_matcher *m, const tn_expr *load) {
  return load->load.fill ? tn_match_resolve(m, load->load.fill) : NULL;
}

/* dim + constant, nothing else. */
static bool read_region(const tn_matcher *m, const tn_expr *load, region *r) {
  if (load->load.n_guards != 1) return false;
  const tn_guard_range *guard = &load->load.guards[0];
  if (guard->index->n_terms != 1) return false;
  const tn_term *term = &guard->index->terms[0];
  if (term->kind != TN_TERM_DIM || term->scale != 1) return false;
  *r = (region){term->dim, guard->low - guard->index->constant, guard->high - guard->index->constant};
  return r->low >= 0 && r->low < r->high && r->high <= m->kernel->dims[r->dim].size;
}

/* Is the position inside of its buffer, everywhere in the region? */
static bool is_inside(const tn_matcher *m, const tn_index *index, const region *r, int64_t size) {
  int64_t least = index->constant, most = index->constant;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    if (term->kind != TN_TERM_DIM) return false;
    bool cut = term->dim == r->dim;
    int64_t low = (cut ? r->low : 0) * term->scale,
            high = ((cut ? r->high : m->kernel->dims[term->dim].size) - 1) * term->scale;
    least += low < high ? low : high;
    most += low < high ? high : low;
  }
  return least >= 0 && most < size;
}

/* The load as if it always read. */
static bool read_part(tn_matcher *m, const tn_expr *load, const region *r, tn_walk *walk) {
  tn_expr plain = *load;
  const tn_shape *shape = m->kernel->buffers[load->load.buffer].shape;
  for (int d = 0; d < shape->rank; d++)
    if (!is_inside(m, load->load.at[d], r, shape->dims[d])) return false;
  plain.load.fill = NULL;
  plain.load.n_guards = 0;
  return tn_match_load(m, &plain, walk);
}

/* A copy of the work for one region; the innermost dim is the columns. */
static tn_systolic_work *make_piece(const tn_matcher *m, const region *r, const tn_walk *x) {
  const tn_systolic_work *whole = m->work;
  size_t n = (size_t)whole->n_dims;
  int dim = m->dim_of[r->dim];
  tn_systolic_work *piece = tn_arena_copy(m->arena, whole, sizeof *whole);
  int64_t *sizes = tn_arena_copy(m->arena, whole->sizes, sizeof *sizes * n);
  piece->x = *x;
  if (dim >= 0) {
    sizes[dim] = r->high - r->low;
    piece->x.offset += r->low * x->strides[dim];
    piece->y.offset += r->low * whole->y.strides[dim];
  }
  piece->sizes = sizes;
  piece->roles = tn_arena_copy(m->arena, whole->roles, sizeof *piece->roles * n);
  if (n) piece->roles[n - 1] = TN_ROLE_COLUMN;
  piece->sum = tn_systolic_sum_type(x->type);
  piece->work = (tn_vector_work){.source = x->type, .result = whole->y.type, .second_scale = 1};
  return piece;
}

bool tn_match_pieces(tn_matcher *m) {
  const tn_expr *load = tn_match_resolve(m, m->store->expr);
  tn_systolic_work *first = NULL, **tail = &first;
  region r = {0}, last;
  for (int count = 0;; count++, load = fill_of(m, load)) {
    tn_walk x;
    last = r;
    if (load->kind != TN_EXPR_LOAD || !load->load.fill || !read_region(m, load, &r)) return false;
    if (r.low != last.high || (count && r.dim != last.dim) || !read_part(m, load, &r, &x)) return false;
    if (x.type != m->work->y.type || !tn_isa_is_vector_type(x.type)) return false;
    *tail = make_piece(m, &r, &x);
    (*tail)->piece = count;
    tail = (tn_systolic_work **)&(*tail)->next;
    if (r.high == m->kernel->dims[r.dim].size) break;
  }
  if (!first->next) return false;
  *m->work = *first;
  return true;
}
