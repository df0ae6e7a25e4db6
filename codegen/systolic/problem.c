/* From dims with roles to matrices; problem.h.
 *
 * Cost: O(dims^2) once a piece of work, O(dims) a question.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/problem.h"
#include "base/integer.h"

#include <stdlib.h>

/* ---- dims into their order ---- */

static bool set_operand(const tn_plan *plan, const tn_systolic_work *work, const tn_walk *walk,
                        tn_operand *out) {
  out->exists = true;
  out->buffer = work->step->arguments[walk->buffer];
  out->type = walk->type;
  out->width = (int64_t)tn_type_bytes(walk->type);
  out->offset = walk->offset * out->width;
  out->bytes = plan->buffers[out->buffer].bytes;
  out->n_bounds = walk->n_bounds;
  for (int b = 0; b < walk->n_bounds; b++) {
    out->bound[b].offset = walk->bounds[b].offset;
    out->bound[b].limit = walk->bounds[b].limit;
  }
  out->fill = walk->fill;
  return out->width > 0;
}

/* Dim `from` of the walk is dim `to` of the operand. */
static void copy_dim(const tn_walk *walk, int from, tn_operand *out, int to) {
  out->stride[to] = walk->strides[from] * out->width;
  for (int b = 0; b < walk->n_bounds; b++) out->bound[b].step[to] = walk->bounds[b].steps[from];
}

/* Vector work has rows and one column dim: the channel's, else the one along which y's elements are
 * neighbours. Windows are sums in both kinds.                                                     */
static tn_role role_of(const tn_systolic_work *work, int dim, int column) {
  if (work->is_contraction || work->roles[dim] == TN_ROLE_SUM) return work->roles[dim];
  return dim == column ? TN_ROLE_COLUMN : TN_ROLE_ROW;
}

static int column_of(const tn_systolic_work *work) {
  if (work->is_contraction) return -1;
  for (int d = 0; d < work->n_dims && work->channels > 1; d++)
    if (work->channel[d] && work->roles[d] != TN_ROLE_SUM) return d;
  int best = -1;
  for (int d = 0; d < work->n_dims; d++)
    if (work->roles[d] != TN_ROLE_SUM && work->sizes[d] > 1 &&
        (best < 0 || llabs(work->y.strides[d]) <= llabs(work->y.strides[best])))
      best = d;
  return best;
}

static void add_dim(const tn_systolic_work *work, tn_problem *p, int dim) {
  int to = p->n_dims++;
  p->size[to] = work->sizes[dim];
  copy_dim(&work->x, dim, &p->operand[TN_OPERAND_X], to);
  if (work->is_contraction) copy_dim(&work->w, dim, &p->operand[TN_OPERAND_W], to);
  if (p->operand[TN_OPERAND_SECOND].exists)
    copy_dim(&work->work.second, dim, &p->operand[TN_OPERAND_SECOND], to);
  copy_dim(&work->y, dim, &p->operand[TN_OPERAND_Y], to);
  if (work->channels > 1) p->operand[TN_OPERAND_CHANNEL].stride[to] = work->channel[dim];
}

static void remove_dim(tn_problem *p, int dim) {
  for (int d = dim; d + 1 < p->n_dims; d++) p->size[d] = p->size[d + 1];
  for (int k = 0; k < TN_OPERANDS; k++)
    for (int d = dim; d + 1 < p->n_dims; d++) {
      tn_operand *o = &p->operand[k];
      o->stride[d] = o->stride[d + 1];
      for (int b = 0; b < o->n_bounds; b++) o->bound[b].step[d] = o->bound[b].step[d + 1];
    }
  for (int r = 0; r < 5; r++)
    if (p->first[r] > dim) p->first[r]--;
  p->n_dims--;
}

/* Is dim d, the outer one of two neighbours, a continuation of d + 1? */
static bool continues(const tn_problem *p, int d) {
  for (int k = 0; k < TN_OPERANDS; k++) {
    const tn_operand *o = &p->operand[k];
    if (o->stride[d] != o->stride[d + 1] * p->size[d + 1]) return false;
    for (int b = 0; b < o->n_bounds; b++)
      if (o->bound[b].step[d] != o->bound[b].step[d + 1] * p->size[d + 1]) return false;
  }
  return true;
}

static void join_dims(tn_problem *p) {
  for (int role = 0; role < 4; role++)
    for (int d = p->first[role]; d + 1 < p->first[role + 1];)
      if (continues(p, d)) {
        p->size[d + 1] *= p->size[d];
        remove_dim(p, d);
      } else {
        d++;
      }
}

/* The order of sums is free where they are exact or bounded: weights that are not constant are read
 * with one stride a tile, so that their outer dims come first.                                      */
static void order_sums(const tn_systolic_work *work, int *dims, int count) {
  for (int i = 1; i < count; i++)
    for (int j = i; j > 0 && llabs(work->w.strides[dims[j - 1]]) < llabs(work->w.strides[dims[j]]); j--) {
      int swap = dims[j];
      dims[j] = dims[j - 1];
      dims[j - 1] = swap;
    }
}

static bool order_dims(const tn_systolic_work *work, tn_problem *p) {
  int column = column_of(work);
  for (int role = 0; role < 4; role++) {
    int dims[TN_PROBLEM_DIMS], count = 0;
    p->first[role] = p->n_dims;
    for (int d = 0; d < work->n_dims; d++)
      if (work->sizes[d] != 1 && role_of(work, d, column) == (tn_role)role) {
        if (p->n_dims + count == TN_PROBLEM_DIMS - 4) return false;
        dims[count++] = d;
      }
    if (role == TN_ROLE_SUM && p->is_product && !p->constant_weights) order_sums(work, dims, count);
    for (int i = 0; i < count; i++) add_dim(work, p, dims[i]);
  }
  p->first[4] = p->n_dims;
  return true;
}

/* ---- block-diagonal weights ---- */

static void insert_dim(tn_problem *p, int dim, int64_t size) {
  p->n_dims++;
  for (int d = p->n_dims - 1; d > dim; d--) p->size[d] = p->size[d - 1];
  p->size[dim] = size;
  for (int k = 0; k < TN_OPERANDS; k++) {
    tn_operand *o = &p->operand[k];
    for (int d = p->n_dims - 1; d > dim; d--) {
      o->stride[d] = o->stride[d - 1];
      for (int b = 0; b < o->n_bounds; b++) o->bound[b].step[d] = o->bound[b].step[d - 1];
    }
    o->stride[dim] = 0;
    for (int b = 0; b < o->n_bounds; b++) o->bound[b].step[dim] = 0;
  }
}

/* The innermost batch dim of G*q groups becomes q batches; its G are a column dim (of w, second, y and
 * channel) and a sum dim (of x).                                                                     */
static void split_groups(tn_problem *p, int groups) {
  int d = p->first[TN_ROLE_ROW] - 1;
  int column = p->first[TN_ROLE_COLUMN], sum;
  p->size[d] /= groups;
  insert_dim(p, column, groups);
  p->first[TN_ROLE_SUM]++, p->first[4]++;
  sum = p->first[TN_ROLE_SUM];
  insert_dim(p, sum, groups);
  p->first[4]++;
  for (int k = 0; k < TN_OPERANDS; k++) {
    tn_operand *o = &p->operand[k];
    int to = k == TN_OPERAND_X ? sum : column;
    o->stride[to] = o->stride[d];
    o->stride[d] *= groups;
    for (int b = 0; b < o->n_bounds; b++) {
      o->bound[b].step[to] = o->bound[b].step[d];
      o->bound[b].step[d] *= groups;
    }
  }
  p->diagonal = groups;
}

/* ---- the whole ---- */

static int64_t product_of(const tn_problem *p, tn_role role) {
  int64_t product = 1;
  for (int d = p->first[role]; d < p->first[role + 1]; d++) product *= p->size[d];
  return product;
}

/* More row dims than a view has: the outer ones repeat the whole as batches do. */
static void rows_to_batches(tn_problem *p) {
  while (p->first[TN_ROLE_COLUMN] - p->first[TN_ROLE_ROW] > 4) p->first[TN_ROLE_ROW]++;
}

static bool fits_instructions(const tn_problem *p, const char **why) {
  int sums = p->first[4] - p->first[TN_ROLE_SUM];
  if (sums + !p->is_product > 4) return *why = "more summed dims than a view has", false;
  for (int k = 0; k < TN_OPERAND_CHANNEL; k++)
    for (int d = 0; d < p->n_dims; d++)
      if (llabs(p->operand[k].stride[d]) > INT32_MAX) return *why = "strides beyond 32 bits", false;
  if (p->operand[TN_OPERAND_W].n_bounds || p->operand[TN_OPERAND_SECOND].n_bounds ||
      p->operand[TN_OPERAND_Y].n_bounds)
    return *why = "padding of what is not the first operand", false;
  if (p->m > UINT32_MAX || p->n > UINT32_MAX || p->k > UINT32_MAX)
    return *why = "sizes beyond 32 bits", false;
  if (p->batch < 1 || p->m < 1 || p->n < 1 || p->k < 1) return *why = "no elements", false;
  return true;
}

/* Positions of bounds are addresses, too: address = constant + sum of factor * position + rest. The
 * factor of each bound from a dim that is in it alone; 0: none found, then it cuts nothing.         */
static int64_t factor_of(const tn_problem *p, const tn_operand *o, int bound) {
  for (int d = 0; d < p->n_dims; d++) {
    int64_t step = o->bound[bound].step[d];
    if (!step || o->stride[d] % step) continue;
    if (o->n_bounds == 2 && o->bound[!bound].step[d]) continue;
    return o->stride[d] / step;
  }
  return 0;
}

bool tn_problem_of(const tn_plan *plan, const tn_systolic_work *work, int diagonal, tn_problem *p,
                   const char **why) {
  memset(p, 0, sizeof *p);
  p->work = work;
  p->is_product = work->is_contraction;
  p->diagonal = 1;
  bool sized = set_operand(plan, work, &work->x, &p->operand[TN_OPERAND_X]) &&
               set_operand(plan, work, &work->y, &p->operand[TN_OPERAND_Y]) &&
               (!work->is_contraction || set_operand(plan, work, &work->w, &p->operand[TN_OPERAND_W])) &&
               (work->work.operand == TN_ISA_OPERAND_NONE ||
                set_operand(plan, work, &work->work.second, &p->operand[TN_OPERAND_SECOND]));
  p->operand[TN_OPERAND_CHANNEL].exists = work->channels > 1;
  p->constant_weights =
      p->is_product && plan->buffers[p->operand[TN_OPERAND_W].buffer].memory == TN_MEMORY_CONSTANT;
  if (!sized || !order_dims(work, p)) return *why = "more dims than are looked at", false;
  join_dims(p);
  if (diagonal > 1) split_groups(p, diagonal);
  rows_to_batches(p);
  p->batch = product_of(p, TN_ROLE_BATCH);
  p->m = product_of(p, TN_ROLE_ROW);
  p->n = product_of(p, TN_ROLE_COLUMN);
  p->k = product_of(p, TN_ROLE_SUM);
  for (int b = 0; b < p->operand[TN_OPERAND_X].n_bounds; b++)
    p->operand[TN_OPERAND_X].bound[b].factor = factor_of(p, &p->operand[TN_OPERAND_X], b);
  return fits_instructions(p, why);
}

static int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

int tn_problem_best_diagonal(const tn_plan *plan, const tn_systolic_work *work,
                             const tn_systolic_target *array) {
  tn_problem p;
  const char *why;
  int best = 1;
  if (!array->packing || !work->is_contraction || !tn_problem_of(plan, work, 1, &p, &why)) return 1;
  int d = p.first[TN_ROLE_ROW] - 1;
  if (tn_type_is_float(work->sum)) return 1; /* 0 * infinity */
  if (d < 0 || !p.constant_weights || !p.operand[TN_OPERAND_W].stride[d] ||
      p.first[4] - p.first[TN_ROLE_SUM] > 3)
    return 1;
  double least = (double)(tiles_of(p.k, array->rows) * tiles_of(p.n, array->columns));
  for (int g = 2; g * p.n <= array->columns && g <= p.size[d]; g++) {
    double tiles = (double)(tiles_of(g * p.k, array->rows) * tiles_of(g * p.n, array->columns)) / g;
    if (p.size[d] % g == 0 && tiles < least) least = tiles, best = g;
  }
  return best;
}

/* ---- questions ---- */

int64_t tn_problem_offset(const tn_problem *p, tn_operand_kind kind, tn_role role, int64_t at) {
  int64_t offset = 0;
  for (int d = p->first[role + 1] - 1; d >= p->first[role]; d--) {
    offset += at % p->size[d] * p->operand[kind].stride[d];
    at /= p->size[d];
  }
  return offset;
}

int64_t tn_problem_run(const tn_problem *p, tn_operand_kind kind, tn_role role, int64_t at) {
  const int64_t *stride = p->operand[kind].stride;
  int d = p->first[role + 1] - 1;
  if (d < p->first[role]) return 1;
  int64_t run = p->size[d];
  for (; d > p->first[role] && stride[d - 1] == stride[d] * p->size[d]; d--) run *= p->size[d - 1];
  return run - at % run;
}

int64_t tn_problem_even_run(const tn_problem *p, tn_role role, int64_t at, int64_t left) {
  left = tn_least(left, tn_problem_run(p, TN_OPERAND_Y, role, at));
  return p->operand[TN_OPERAND_SECOND].exists ? tn_least(left, tn_problem_run(p, TN_OPERAND_SECOND, role, at))
                                              : left;
}

int64_t tn_problem_stride(const tn_problem *p, tn_operand_kind kind, tn_role role) {
  int d = p->first[role + 1] - 1;
  return d < p->first[role] ? 0 : p->operand[kind].stride[d];
}

/* ---- what a block of rows touches ---- */

typedef struct {
  int64_t low[TN_PROBLEM_DIMS], high[TN_PROBLEM_DIMS]; /* both inside */
} index_box;

static void add_range(int64_t scale, int64_t a, int64_t b, tn_byte_range *span) {
  span->low += scale * (scale < 0 ? b : a);
  span->high += scale * (scale < 0 ? a : b);
}

/* The smallest box of the role's dims that holds indices at … at + count. */
static void set_range(const tn_problem *p, tn_role role, int64_t at, int64_t count, index_box *box) {
  int64_t a = at, b = at + count - 1, below = product_of(p, role);
  int d = p->first[role], end = p->first[role + 1];
  for (int i = d; i < end; i++) box->low[i] = 0, box->high[i] = p->size[i] - 1;
  for (; d < end; d++) {
    below /= p->size[d];
    int64_t first = a / below, last = b / below;
    box->low[d] = first;
    box->high[d] = last;
    if (first != last) break; /* inner dims: all of them */
    a -= first * below, b -= last * below;
  }
}

static index_box box_of(const tn_problem *p, const tn_work_part *part) {
  index_box box;
  set_range(p, TN_ROLE_BATCH, part->batch, 1, &box);
  set_range(p, TN_ROLE_ROW, part->m, part->rows, &box);
  set_range(p, TN_ROLE_COLUMN, part->n, part->columns, &box);
  set_range(p, TN_ROLE_SUM, part->k, part->depth, &box);
  return box;
}

/* An address is offset + sum of factor * position, a position for each bound and for what of a dim's
 * stride the bounds leave. In a box positions go from low to high.                                 */
typedef struct {
  int64_t factor, low, high;
} address_term;

static int64_t rest_of(const tn_operand *o, int dim) {
  int64_t rest = o->stride[dim];
  for (int b = 0; b < o->n_bounds; b++) rest -= o->bound[b].factor * o->bound[b].step[dim];
  return rest;
}

/* Their number; -1: nothing but padding. */
static int terms_of(const tn_problem *p, const tn_operand *o, const index_box *box, address_term *terms) {
  int count = 0;
  for (int b = 0; b < o->n_bounds; b++) {
    tn_byte_range at = {o->bound[b].offset, o->bound[b].offset};
    for (int d = 0; d < p->n_dims; d++) add_range(o->bound[b].step[d], box->low[d], box->high[d], &at);
    at.low = at.low < 0 ? 0 : at.low;
    at.high = tn_least(at.high, o->bound[b].limit - 1);
    if (at.low > at.high) return -1;
    terms[count++] =
        (address_term){o->bound[b].factor, at.low - o->bound[b].offset, at.high - o->bound[b].offset};
  }
  for (int d = 0; d < p->n_dims; d++)
    if (rest_of(o, d)) terms[count++] = (address_term){rest_of(o, d), box->low[d], box->high[d]};
  return count;
}

tn_byte_range tn_problem_span(const tn_problem *p, tn_operand_kind kind, const tn_work_part *part) {
  const tn_operand *o = &p->operand[kind];
  index_box box = box_of(p, part);
  address_term terms[TN_PROBLEM_DIMS + 2];
  int count = terms_of(p, o, &box, terms);
  tn_byte_range span = {o->offset, o->offset};
  if (count < 0) return (tn_byte_range){0, 0};
  for (int i = 0; i < count; i++) add_range(terms[i].factor, terms[i].low, terms[i].high, &span);
  span.high += o->width;
  span.low = span.low < 0 ? 0 : span.low;
  span.high = span.high > o->bytes ? o->bytes : span.high;
  return span.low < span.high ? span : (tn_byte_range){0, 0};
}

/* ---- slots of their own: pieces side by side ---- */

/* A factor steps from piece to piece, or inside of them. */
static bool steps_pieces(int64_t factor, int64_t pitch) { return pitch && factor % pitch == 0; }

tn_pieces tn_problem_pieces(const tn_problem *p, tn_operand_kind kind, const tn_work_part *part,
                            int64_t pitch) {
  const tn_operand *o = &p->operand[kind];
  tn_byte_range all = tn_problem_span(p, kind, part);
  if (!pitch || all.low == all.high) return (tn_pieces){all.low, all.high - all.low, 1, 0};
  index_box box = box_of(p, part);
  address_term terms[TN_PROBLEM_DIMS + 2];
  int count = terms_of(p, o, &box, terms);
  tn_pieces pieces = {.low = all.low, .bytes = o->width, .count = 1, .stride = pitch};
  for (int i = 0; i < count; i++) {
    int64_t extent = llabs(terms[i].factor) * (terms[i].high - terms[i].low);
    if (steps_pieces(terms[i].factor, pitch))
      pieces.count += extent / pitch;
    else
      pieces.bytes += extent;
  }
  return pieces;
}

/* Indices of each dim that a block of these sizes has at most. */
static void set_sizes(const tn_problem *p, tn_role role, int64_t block, index_box *box) {
  for (int d = p->first[role + 1] - 1; d >= p->first[role]; d--) {
    box->low[d] = 0;
    box->high[d] = tn_least(block, p->size[d]) - 1;
    block = tiles_of(block, p->size[d]);
  }
}

/* What a block touches at most, wherever it is. */
static int extents_of(const tn_problem *p, const tn_operand *o, const tn_tiling *t, address_term *terms) {
  index_box box;
  int count = 0;
  set_sizes(p, TN_ROLE_BATCH, 1, &box);
  set_sizes(p, TN_ROLE_ROW, t->rows_block, &box);
  set_sizes(p, TN_ROLE_COLUMN, t->columns_block, &box);
  set_sizes(p, TN_ROLE_SUM, t->k_block, &box);
  for (int b = 0; b < o->n_bounds; b++) {
    int64_t extent = 0;
    for (int d = 0; d < p->n_dims; d++) extent += llabs(o->bound[b].step[d]) * box.high[d];
    terms[count++] = (address_term){o->bound[b].factor, 0, tn_least(extent, o->bound[b].limit - 1)};
  }
  for (int d = 0; d < p->n_dims; d++)
    if (rest_of(o, d)) terms[count++] = (address_term){rest_of(o, d), 0, box.high[d]};
  return count;
}

/* Bytes of a piece and how many there are, with this pitch; false: what steps is neither in nor between. */
static bool cut_pieces(const tn_operand *o, const address_term *terms, int count, int64_t pitch,
                       tn_pieces *pieces) {
  *pieces = (tn_pieces){.bytes = o->width, .count = 1, .stride = pitch};
  for (int i = 0; i < count; i++) {
    int64_t factor = llabs(terms[i].factor), extent = terms[i].high;
    if (steps_pieces(factor, pitch))
      pieces->count += factor / pitch * extent;
    else
      pieces->bytes += factor * extent;
  }
  return !pitch || pieces->bytes < pitch;
}

static void use_pitch(const tn_problem *p, tn_operand *o, int64_t pitch, int64_t packed) {
  int64_t rest[TN_PROBLEM_DIMS];
  for (int d = 0; d < p->n_dims; d++) {
    rest[d] = rest_of(o, d);
    if (steps_pieces(rest[d], pitch)) rest[d] = rest[d] / pitch * packed;
  }
  for (int b = 0; b < o->n_bounds; b++) {
    int64_t before = o->bound[b].factor,
            factor = steps_pieces(before, pitch) ? before / pitch * packed : before;
    o->bound[b].factor = factor;
    o->offset += (factor - before) * o->bound[b].offset;
  }
  for (int d = 0; d < p->n_dims; d++) {
    o->stride[d] = rest[d];
    for (int b = 0; b < o->n_bounds; b++) o->stride[d] += o->bound[b].factor * o->bound[b].step[d];
  }
  o->pitch = pitch;
  o->packed = packed;
}

int64_t tn_problem_pack(tn_problem *p, tn_operand_kind kind, const tn_tiling *t) {
  tn_operand *o = &p->operand[kind];
  address_term terms[TN_PROBLEM_DIMS + 2];
  int count = extents_of(p, o, t, terms);
  tn_pieces best, pieces;
  cut_pieces(o, terms, count, 0, &best);
  best.bytes = tn_least(best.bytes, o->bytes);
  for (int b = 0; b < o->n_bounds; b++)
    if (!o->bound[b].factor) return best.bytes; /* what pieces would stick out of is not known */
  for (int i = 0; i < count; i++)
    if (terms[i].factor && cut_pieces(o, terms, count, llabs(terms[i].factor), &pieces) &&
        pieces.count * pieces.bytes < best.count * best.bytes)
      best = pieces;
  if (best.stride) use_pitch(p, o, best.stride, best.bytes);
  return best.count * best.bytes;
}

/* ---- blocks: some indices of one dim of a role, all of the inner ones ---- */

/* A block of so many indices cuts a dim: `below` are one index of it, `around` are all. */
static void find_level(const tn_problem *p, tn_role role, int64_t size, int64_t *below, int64_t *around) {
  *around = *below = product_of(p, role);
  for (int d = p->first[role]; d < p->first[role + 1]; d++) {
    *around = *below;
    *below /= p->size[d];
    if (size > *below) return;
  }
}

int64_t tn_problem_smaller_block(const tn_problem *p, tn_role role, int64_t size) {
  if (size <= 1) return 0;
  int64_t below, around;
  find_level(p, role, size, &below, &around);
  int64_t of = around / below, count = tiles_of(size, below);
  if (count <= 1) return below;
  /* Nearly equal parts: 56 rows are 28 + 28, 19 + 19 + 18, 14 * 4, … */
  int64_t parts = tiles_of(of, count), smaller = count;
  while (smaller >= count) smaller = tiles_of(of, ++parts);
  return smaller * below;
}

int64_t tn_problem_block_at(const tn_problem *p, tn_role role, int64_t block, int64_t at) {
  int64_t below, around;
  find_level(p, role, block, &below, &around);
  at %= around;
  return tn_least(block - at % block, around - at);
}

bool tn_next_block(const tn_problem *p, const tn_tiling *t, tn_work_part *b) {
  b->k += b->depth;
  if (b->k >= p->k) b->k = 0, b->n += b->columns;
  if (b->n >= p->n) b->n = 0, b->m += b->rows;
  if (b->m >= p->m) b->m = 0, b->batch++;
  b->rows = tn_problem_block_at(p, TN_ROLE_ROW, t->rows_block, b->m);
  b->columns = tn_problem_block_at(p, TN_ROLE_COLUMN, t->columns_block, b->n);
  b->depth = tn_problem_block_at(p, TN_ROLE_SUM, t->k_block, b->k);
  return b->batch < p->batch;
}
