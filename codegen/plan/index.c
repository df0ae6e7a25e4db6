/* Indices: linear forms over dims, with floor divisions and remainders by constants.
 *
 * The builders keep a normal form: terms sorted and merged, scales not 0, and of every
 * division what can be carried out is: floor((c*q + r) / c) = q + floor(r / c), which
 * is q where 0 <= r < c for all values of the dims. A reshape written as divisions of
 * the linear position so becomes plain indices wherever dims merely split or merge.
 *
 * Cost: quadratic in the number of terms, which is a handful.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/plan/walk.h"

#include <assert.h>

/* ---- order and equality ---- */

static int compare_index(const tn_index *a, const tn_index *b);
static int compare_expr(const tn_expr *a, const tn_expr *b);

static int compare_number(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int compare_load(const tn_expr *a, const tn_expr *b) {
  int order = compare_number(a->load.buffer, b->load.buffer);
  if (!order) order = compare_number(a->load.rank, b->load.rank);
  if (!order) order = compare_number(a->load.n_guards, b->load.n_guards);
  if (!order) order = compare_number(a->load.fill != NULL, b->load.fill != NULL);
  for (int i = 0; i < a->load.rank && !order; i++) order = compare_index(a->load.at[i], b->load.at[i]);
  for (int i = 0; i < a->load.n_guards && !order; i++) {
    const tn_guard_range *x = &a->load.guards[i], *y = &b->load.guards[i];
    order = compare_number(x->low, y->low);
    if (!order) order = compare_number(x->high, y->high);
    if (!order) order = compare_index(x->index, y->index);
  }
  return order || !a->load.fill ? order : compare_expr(a->load.fill, b->load.fill);
}

static int compare_operation(const tn_expr *a, const tn_expr *b) {
  int order = compare_number(a->op.n_operands, b->op.n_operands);
  if (!order && a->kind == TN_EXPR_OP) {
    order = compare_number(a->op.op, b->op.op);
    if (!order) order = compare_number(a->op.part, b->op.part);
    if (!order) order = compare_number(a->op.direction, b->op.direction);
    if (!order) order = compare_number(a->op.total_order, b->op.total_order);
    if (!order) order = compare_number(a->op.exponent_bits, b->op.exponent_bits);
    if (!order) order = compare_number(a->op.mantissa_bits, b->op.mantissa_bits);
  }
  for (int i = 0; i < a->op.n_operands && !order; i++)
    order = compare_expr(a->op.operands[i], b->op.operands[i]);
  return order;
}

/* By what they say, not where they are: plans must not depend on addresses. */
static int compare_expr(const tn_expr *a, const tn_expr *b) {
  if (a == b) return 0;
  int order = compare_number(a->kind, b->kind);
  if (!order) order = compare_number(a->type, b->type);
  if (order) return order;
  switch (a->kind) {
  case TN_EXPR_CONSTANT: return memcmp(a->bits, b->bits, sizeof a->bits);
  case TN_EXPR_INDEX: return compare_index(a->index, b->index);
  case TN_EXPR_LOAD: return compare_load(a, b);
  case TN_EXPR_VALUE: return compare_number(a->value, b->value);
  case TN_EXPR_OP:
  case TN_EXPR_FMA: return compare_operation(a, b);
  }
  return 0;
}

static int compare_term(const tn_term *a, const tn_term *b) {
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  switch (a->kind) {
  case TN_TERM_DIM: return (a->dim > b->dim) - (a->dim < b->dim);
  case TN_TERM_QUOTIENT:
  case TN_TERM_REMAINDER:
    if (a->divisor != b->divisor) return a->divisor < b->divisor ? -1 : 1;
    return compare_index(a->of, b->of);
  case TN_TERM_VALUE:
    if (a->limit != b->limit) return a->limit < b->limit ? -1 : 1;
    return compare_expr(a->value, b->value);
  }
  return 0;
}

static int compare_index(const tn_index *a, const tn_index *b) {
  if (a->constant != b->constant) return a->constant < b->constant ? -1 : 1;
  if (a->n_terms != b->n_terms) return a->n_terms < b->n_terms ? -1 : 1;
  for (int i = 0; i < a->n_terms; i++) {
    int order = compare_term(&a->terms[i], &b->terms[i]);
    if (order) return order;
    if (a->terms[i].scale != b->terms[i].scale) return a->terms[i].scale < b->terms[i].scale ? -1 : 1;
  }
  return 0;
}

int tn_access_part(const tn_kernel *kernel, int buffer, const tn_index *const *at) {
  const tn_shape *shape = kernel->buffers[buffer].shape;
  int last = shape->rank - 1;
  if (last < 0 || shape->dims[last] != 2 || at[last]->n_terms) return -1;
  if (shape->layout && shape->layout->minor_to_major.at[0] != last) return -1;
  return at[last]->constant == 0 || at[last]->constant == 1 ? (int)at[last]->constant : -1;
}

bool tn_index_equal(const tn_index *a, const tn_index *b) { return compare_index(a, b) == 0; }

bool tn_expr_equal(const tn_expr *a, const tn_expr *b) { return compare_expr(a, b) == 0; }

/* ---- linear parts ---- */

const tn_index *tn_index_constant(tn_arena *arena, int64_t value) {
  tn_index *index = TN_NEW(arena, tn_index);
  index->constant = value;
  return index;
}

static const tn_index *single(tn_arena *arena, tn_term term) {
  tn_index *index = TN_NEW(arena, tn_index);
  index->n_terms = 1;
  index->terms = tn_arena_copy(arena, &term, sizeof term);
  return index;
}

const tn_index *tn_index_dim(tn_arena *arena, int dim) {
  return single(arena, (tn_term){.kind = TN_TERM_DIM, .scale = 1, .dim = dim});
}

const tn_index *tn_index_value(tn_arena *arena, const tn_expr *value, int64_t limit) {
  return single(arena, (tn_term){.kind = TN_TERM_VALUE, .scale = 1, .value = value, .limit = limit});
}

/* a + scale * b: merges two sorted lists. */
static const tn_index *add_scaled(tn_arena *arena, const tn_index *a, const tn_index *b, int64_t scale) {
  tn_index *sum = TN_NEW(arena, tn_index);
  tn_term *terms = TN_NEW_ARRAY(arena, tn_term, a->n_terms + b->n_terms);
  int i = 0, j = 0, count = 0;
  while (i < a->n_terms || j < b->n_terms) {
    int order = i == a->n_terms ? 1 : j == b->n_terms ? -1 : compare_term(&a->terms[i], &b->terms[j]);
    tn_term term = order <= 0 ? a->terms[i] : b->terms[j];
    if (order > 0) term.scale *= scale;
    if (order == 0) term.scale += scale * b->terms[j].scale;
    i += order <= 0;
    j += order >= 0;
    if (term.scale) terms[count++] = term;
  }
  sum->constant = a->constant + scale * b->constant;
  sum->n_terms = count;
  sum->terms = terms;
  return sum;
}

const tn_index *tn_index_add(tn_arena *arena, const tn_index *a, const tn_index *b) {
  return add_scaled(arena, a, b, 1);
}

const tn_index *tn_index_scale(tn_arena *arena, const tn_index *a, int64_t scale) {
  return add_scaled(arena, tn_index_constant(arena, 0), a, scale);
}

/* ---- ranges ---- */

void tn_divide_range(const tn_term *term, int64_t *low, int64_t *high) {
  int64_t first = tn_floor_div(*low, term->divisor), last = tn_floor_div(*high, term->divisor);
  if (term->kind == TN_TERM_QUOTIENT) {
    *low = first;
    *high = last;
  } else {
    *low = first == last ? tn_floor_mod(*low, term->divisor) : 0;
    *high = first == last ? tn_floor_mod(*high, term->divisor) : term->divisor - 1;
  }
}

static void term_range(const tn_kernel *kernel, const tn_term *term, int64_t *low, int64_t *high) {
  *low = *high = 0;
  switch (term->kind) {
  case TN_TERM_DIM:
    *low = 0;
    *high = kernel->dims[term->dim].size > 0 ? kernel->dims[term->dim].size - 1 : 0;
    return;
  case TN_TERM_QUOTIENT:
  case TN_TERM_REMAINDER:
    tn_index_range(kernel, term->of, low, high);
    tn_divide_range(term, low, high);
    return;
  case TN_TERM_VALUE:
    *low = 0;
    *high = term->limit;
    return;
  }
}

static int64_t saturate(__int128 value) {
  return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

/* Saturates: plans that were read may hold any numbers. */
void tn_index_range(const tn_kernel *kernel, const tn_index *index, int64_t *low, int64_t *high) {
  __int128 least = index->constant, most = index->constant;
  for (int i = 0; i < index->n_terms; i++) {
    int64_t from, to, scale = index->terms[i].scale;
    term_range(kernel, &index->terms[i], &from, &to);
    least += (__int128)scale * (scale > 0 ? from : to);
    most += (__int128)scale * (scale > 0 ? to : from);
  }
  *low = saturate(least);
  *high = saturate(most);
}

/* ---- divisions ---- */

/* index = divisor * quotient + rest, with as much as possible in the quotient, and
 * rest's constant such that rest is never negative.                                */
static void split(tn_arena *arena, const tn_kernel *kernel, const tn_index *index, int64_t divisor,
                  const tn_index **quotient, const tn_index **rest) {
  tn_index *q = TN_NEW(arena, tn_index), *r = TN_NEW(arena, tn_index);
  tn_term *q_terms = TN_NEW_ARRAY(arena, tn_term, index->n_terms);
  tn_term *r_terms = TN_NEW_ARRAY(arena, tn_term, index->n_terms);
  for (int i = 0; i < index->n_terms; i++) {
    tn_term term = index->terms[i];
    int64_t whole = term.scale / divisor, part = term.scale % divisor;
    if (whole) q_terms[q->n_terms] = term, q_terms[q->n_terms++].scale = whole;
    if (part) r_terms[r->n_terms] = term, r_terms[r->n_terms++].scale = part;
  }
  q->terms = q_terms;
  r->terms = r_terms;
  q->constant = tn_floor_div(index->constant, divisor);
  r->constant = tn_floor_mod(index->constant, divisor);
  int64_t low, high;
  tn_index_range(kernel, r, &low, &high);
  int64_t shift = low < 0 ? -tn_floor_div(low, divisor) : tn_floor_div(low, divisor) * -1;
  q->constant -= shift;
  r->constant += shift * divisor;
  *quotient = q;
  *rest = r;
}

const tn_index *tn_index_quotient(tn_arena *arena, const tn_kernel *kernel, const tn_index *a,
                                  int64_t divisor) {
  assert(divisor > 0);
  if (divisor == 1) return a;
  const tn_index *whole, *rest;
  split(arena, kernel, a, divisor, &whole, &rest);
  int64_t low, high;
  tn_index_range(kernel, rest, &low, &high);
  if (tn_floor_div(low, divisor) == tn_floor_div(high, divisor)) {
    return tn_index_add(arena, whole, tn_index_constant(arena, tn_floor_div(low, divisor)));
  }
  /* A common factor of the scales leaves the division: (6i + 2j + 1) / 4 = (3i + j) / 2. */
  int64_t common = divisor;
  for (int i = 0; i < rest->n_terms; i++) common = tn_gcd(common, rest->terms[i].scale);
  if (common > 1) {
    tn_index *smaller = tn_arena_copy(arena, rest, sizeof *rest);
    tn_term *terms = tn_arena_copy(arena, rest->terms, sizeof(tn_term) * (size_t)rest->n_terms);
    for (int i = 0; i < rest->n_terms; i++) terms[i].scale /= common;
    smaller->terms = terms;
    smaller->constant = tn_floor_div(rest->constant, common);
    return tn_index_add(arena, whole, tn_index_quotient(arena, kernel, smaller, divisor / common));
  }
  tn_term term = {.kind = TN_TERM_QUOTIENT, .scale = 1, .of = rest, .divisor = divisor};
  if (rest->n_terms == 1 && rest->constant == 0 && rest->terms[0].scale == 1 &&
      rest->terms[0].kind == TN_TERM_QUOTIENT) { /* (x / a) / b = x / (a * b) */
    term.of = rest->terms[0].of;
    term.divisor = divisor * rest->terms[0].divisor;
  }
  return tn_index_add(arena, whole, single(arena, term));
}

const tn_index *tn_index_remainder(tn_arena *arena, const tn_kernel *kernel, const tn_index *a,
                                   int64_t divisor) {
  assert(divisor > 0);
  if (divisor == 1) return tn_index_constant(arena, 0);
  const tn_index *whole, *rest;
  split(arena, kernel, a, divisor, &whole, &rest);
  int64_t low, high;
  tn_index_range(kernel, rest, &low, &high);
  if (low >= 0 && high < divisor) return rest;
  return single(arena, (tn_term){.kind = TN_TERM_REMAINDER, .scale = 1, .of = rest, .divisor = divisor});
}

/* ---- strides ---- */

static const tn_stmt *find_let(const tn_stmt *body, int value, int dim, bool *inside) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    if (stmt->kind == TN_STMT_LET && stmt->value == value) return stmt;
    const tn_stmt *found = find_let(stmt->body, value, dim, inside);
    if (!found) continue;
    for (int i = 0; i < stmt->n_dims; i++) *inside = *inside || stmt->dims[i] == dim;
    return found;
  }
  return NULL;
}

typedef struct {
  const tn_kernel *kernel;
  int dim;
} dependence;

static bool is_dim(void *user, int dim) { return dim == ((const dependence *)user)->dim; }

/* What may be written meanwhile may change with every dim. */
static bool changes_with(void *user, const tn_expr *expr) {
  dependence *on = user;
  const tn_kernel *kernel = on->kernel;
  bool inside = false;
  if (expr->kind == TN_EXPR_LOAD)
    return expr->load.buffer >= kernel->n_parameters ||
           kernel->buffers[expr->load.buffer].access != TN_BUFFER_IN;
  if (expr->kind != TN_EXPR_VALUE) return false;
  const tn_stmt *let = find_let(kernel->body, expr->value, on->dim, &inside);
  return !let || (inside && tn_walk_expr(&(tn_walk){changes_with, is_dim, on}, let->expr));
}

static bool term_depends_on(const tn_kernel *kernel, const tn_term *term, int dim) {
  return tn_walk_term(&(tn_walk){changes_with, is_dim, &(dependence){kernel, dim}}, term);
}

/* The largest g such that index = g*m + stride*p for some integer m, where the dim's
 * value is step*b + p, 0 <= p < step.                                               */
static int64_t granularity(const tn_index *index, int dim, int64_t step, int64_t divisor) {
  int64_t g = tn_gcd(divisor, index->constant);
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    bool is_dim = term->kind == TN_TERM_DIM && term->dim == dim;
    g = tn_gcd(g, is_dim ? term->scale * step : term->scale);
  }
  return g;
}

static bool term_stride(const tn_kernel *kernel, const tn_term *term, int dim, int64_t step,
                        int64_t *stride) {
  *stride = 0;
  if (!term_depends_on(kernel, term, dim)) return true;
  if (term->kind == TN_TERM_DIM) return *stride = 1, true;
  if (term->kind == TN_TERM_VALUE) return false;
  int64_t inner;
  for (int i = 0; i < term->of->n_terms; i++) { /* only plain dims may depend on it inside */
    const tn_term *part = &term->of->terms[i];
    if (part->kind != TN_TERM_DIM && term_depends_on(kernel, part, dim)) return false;
  }
  if (!tn_index_stride(kernel, term->of, dim, step, &inner)) return false;
  int64_t reach = inner * (step - 1);
  if (reach < 0 || reach >= granularity(term->of, dim, step, term->divisor)) return false;
  *stride = term->kind == TN_TERM_REMAINDER ? inner : 0;
  return true;
}

bool tn_index_stride(const tn_kernel *kernel, const tn_index *index, int dim, int64_t step, int64_t *stride) {
  int64_t sum = 0;
  for (int i = 0; i < index->n_terms; i++) {
    int64_t one;
    if (!term_stride(kernel, &index->terms[i], dim, step, &one)) return false;
    sum += index->terms[i].scale * one;
  }
  *stride = sum;
  return true;
}

/* ---- accesses ---- */

/* The dims of an array in memory, outermost first, and the index along each. */
typedef struct {
  int rank;
  int64_t *sizes;
  const tn_index **at;
} position;

/* One tile cuts the last dims: [a, b] with tile (s, t) -> [a/s, b/t, a%s, b%t]; a tile
 * dim `*` first merges its dim with the next.                                        */
static position cut(tn_arena *arena, const tn_kernel *kernel, position from, const tn_dims *tile) {
  position merged = {0, TN_NEW_ARRAY(arena, int64_t, from.rank),
                     TN_NEW_ARRAY(arena, const tn_index *, from.rank)};
  int64_t *sizes = TN_NEW_ARRAY(arena, int64_t, tile->count);
  int n_tile = 0, first = from.rank - tile->count;
  for (int i = 0; i < from.rank; i++) {
    int64_t size = from.sizes[i];
    const tn_index *at = from.at[i];
    while (i >= first && tile->at[i - first] == TN_TILE_COMBINE && i + 1 < from.rank) {
      i++;
      at = tn_index_add(arena, tn_index_scale(arena, at, from.sizes[i]), from.at[i]);
      size *= from.sizes[i];
    }
    if (i >= first) sizes[n_tile++] = tile->at[i - first];
    merged.sizes[merged.rank] = size;
    merged.at[merged.rank++] = at;
  }
  int outer = merged.rank - n_tile;
  position to = {merged.rank + n_tile, TN_NEW_ARRAY(arena, int64_t, merged.rank + n_tile),
                 TN_NEW_ARRAY(arena, const tn_index *, merged.rank + n_tile)};
  for (int i = 0; i < merged.rank; i++) {
    if (i < outer) {
      to.sizes[i] = merged.sizes[i];
      to.at[i] = merged.at[i];
      continue;
    }
    int64_t t = sizes[i - outer];
    to.sizes[i] = (merged.sizes[i] + t - 1) / t;
    to.at[i] = tn_index_quotient(arena, kernel, merged.at[i], t);
    to.sizes[i + n_tile] = t;
    to.at[i + n_tile] = tn_index_remainder(arena, kernel, merged.at[i], t);
  }
  return to;
}

const tn_index *tn_access_offset(tn_arena *arena, const tn_kernel *kernel, int buffer,
                                 const tn_index *const *at) {
  const tn_shape *shape = kernel->buffers[buffer].shape;
  const tn_layout *layout = shape->layout;
  position p = {shape->rank, TN_NEW_ARRAY(arena, int64_t, shape->rank),
                TN_NEW_ARRAY(arena, const tn_index *, shape->rank)};
  for (int i = 0; i < shape->rank; i++) {
    int64_t dim = layout ? layout->minor_to_major.at[shape->rank - 1 - i] : i;
    p.sizes[i] = shape->dims[dim];
    p.at[i] = at[dim];
  }
  for (int i = 0; layout && i < layout->n_tiles; i++) p = cut(arena, kernel, p, &layout->tiles[i]);
  const tn_index *offset = tn_index_constant(arena, 0);
  for (int i = 0; i < p.rank; i++)
    offset = tn_index_add(arena, tn_index_scale(arena, offset, p.sizes[i]), p.at[i]);
  return offset;
}
