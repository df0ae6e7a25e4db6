/* Instructions that move elements.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

enum { MAX_RANK = 6 };

/* The operand's dims go to some of the result's, in any order that HLO allows. */
static tn_inst *broadcast(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  const tn_shape *from = x.inst->shape;
  int rank = from->rank + roll(g->dice, 3);
  if (rank > MAX_RANK) return NULL;
  int64_t dims[MAX_RANK], where[MAX_RANK], total = tn_shape_elements(from);
  for (int i = 0; i < rank; i++) where[i] = i;
  shuffle(g->dice, where, rank);
  if (chance(g->dice, 80)) /* in order */
    for (int i = 0; i < from->rank; i++)
      for (int j = i + 1; j < from->rank; j++)
        if (where[j] < where[i]) {
          int64_t t = where[i];
          where[i] = where[j];
          where[j] = t;
        }
  for (int i = 0; i < rank; i++) {
    dims[i] = random_size(g);
    for (int j = 0; j < from->rank; j++)
      if (where[j] == i) dims[i] = -1 - j;
    if (dims[i] < 0)
      dims[i] = from->dims[-1 - dims[i]];
    else if (total * dims[i] > g->max_elements)
      dims[i] = 1;
    else
      total *= dims[i];
  }
  const tn_shape *shape = make_shape(g, from->type, rank, dims);
  tn_inst *inst = begin(g, TN_OP_BROADCAST, shape, 1, &x);
  inst->attr.dimensions.dims = make_dims(g, from->rank, where);
  return keep(g, inst);
}

/* The elements' prime factors, dealt out to new dims. */
static tn_inst *reshape(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  int64_t count = tn_shape_elements(x.inst->shape), dims[MAX_RANK] = {1, 1, 1, 1, 1, 1};
  int rank = roll(g->dice, 5);
  if (count != 1 && rank == 0) rank = 1;
  if (count == 0) dims[roll(g->dice, rank)] = 0;
  for (int64_t p = 2; count > 1;) {
    if (count % p) {
      p++;
      continue;
    }
    dims[roll(g->dice, rank)] *= p;
    count /= p;
  }
  tn_inst *inst = begin(g, TN_OP_RESHAPE, make_shape(g, x.inst->shape->type, rank, dims), 1, &x);
  inst->attr.reshape.inferred_dimension = -1;
  return keep(g, inst);
}

static tn_inst *transpose(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  int64_t order[MAX_RANK + 2];
  for (int i = 0; i < x.inst->shape->rank; i++) order[i] = i;
  shuffle(g->dice, order, x.inst->shape->rank);
  tn_inst *inst = begin(g, TN_OP_TRANSPOSE, NULL, 1, &x);
  inst->attr.dimensions.dims = make_dims(g, x.inst->shape->rank, order);
  return keep(g, inst);
}

static tn_inst *copy(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  return keep(g, begin(g, TN_OP_COPY, NULL, 1, &x));
}

static tn_inst *slice(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  int rank = x.inst->shape->rank;
  int64_t starts[8], limits[8], strides[8];
  for (int i = 0; i < rank; i++) {
    int64_t size = x.inst->shape->dims[i];
    starts[i] = chance(g->dice, 50) ? 0 : between(g->dice, 0, size > 0 ? size - 1 : 0);
    limits[i] = chance(g->dice, 50) ? size : between(g->dice, starts[i], size);
    strides[i] = chance(g->dice, 60) ? 1 : between(g->dice, 1, 4);
  }
  tn_inst *inst = begin(g, TN_OP_SLICE, NULL, 1, &x);
  inst->attr.slice.starts = make_dims(g, rank, starts);
  inst->attr.slice.limits = make_dims(g, rank, limits);
  inst->attr.slice.strides = make_dims(g, rank, strides);
  return keep(g, inst);
}

static tn_inst *reverse(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  int64_t dims[8];
  int count = 0;
  for (int i = 0; i < x.inst->shape->rank; i++)
    if (chance(g->dice, 50)) dims[count++] = i;
  shuffle(g->dice, dims, count);
  tn_inst *inst = begin(g, TN_OP_REVERSE, NULL, 1, &x);
  inst->attr.dimensions.dims = make_dims(g, count, dims);
  return keep(g, inst);
}

static tn_inst *pad(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  int rank = x.inst->shape->rank;
  node operands[2] = {x, pick_scalar(g, x.inst->shape->type)};
  tn_pad_dim *dims = TN_NEW_ARRAY(g->module->arena, tn_pad_dim, rank);
  for (int i = 0; i < rank; i++) {
    int64_t size = x.inst->shape->dims[i];
    dims[i].interior = chance(g->dice, 25) ? between(g->dice, 1, 3) : 0;
    int64_t reach = size > 0 ? (size - 1) * (dims[i].interior + 1) + 1 : 0;
    dims[i].low = chance(g->dice, 50) ? 0 : between(g->dice, reach < 3 ? -reach : -3, 4);
    int64_t left = reach + dims[i].low;
    dims[i].high = chance(g->dice, 50) ? 0 : between(g->dice, left < 3 ? -left : -3, 4);
  }
  tn_inst *inst = begin(g, TN_OP_PAD, NULL, 2, operands);
  inst->attr.pad.at = dims;
  inst->attr.pad.count = rank;
  return keep(g, inst);
}

static tn_inst *concatenate(generator *g) {
  node x = pick(g, ANY_CLASS, 1), operands[5] = {x};
  const tn_shape *shape = x.inst->shape;
  int count = 1 + roll(g->dice, 4);
  int64_t dim = roll(g->dice, shape->rank), dims[8];
  for (int i = 1; i < count; i++) {
    for (int d = 0; d < shape->rank; d++) dims[d] = shape->dims[d];
    if (chance(g->dice, 50)) dims[dim] = chance(g->dice, 5) ? 0 : between(g->dice, 1, 9);
    operands[i] = pick_like(g, make_shape(g, shape->type, shape->rank, dims));
  }
  tn_inst *inst = begin(g, TN_OP_CONCATENATE, NULL, count, operands);
  inst->attr.dimensions.dims = make_dims(g, 1, &dim);
  return keep(g, inst);
}

static tn_inst *iota(generator *g) {
  const tn_shape *shape = random_shape(g, random_type(g, NUMBERS));
  if (!shape->rank) return NULL;
  tn_inst *inst = begin(g, TN_OP_IOTA, shape, 0, NULL);
  inst->attr.iota.dim = roll(g->dice, shape->rank);
  return keep(g, inst);
}

static tn_type index_type(generator *g) {
  static const tn_type types[] = {TN_S32, TN_S32, TN_S64, TN_S8, TN_U8, TN_U32, TN_U64, TN_S16};
  return types[roll(g->dice, COUNT(types))];
}

static tn_inst *dynamic_slice(generator *g) {
  node x = pick(g, ANY_CLASS, 0), operands[9] = {x};
  int rank = x.inst->shape->rank;
  int64_t sizes[8];
  tn_type type = index_type(g);
  for (int i = 0; i < rank; i++) {
    int64_t size = x.inst->shape->dims[i];
    sizes[i] = chance(g->dice, 30) ? size : between(g->dice, size > 0, size);
    operands[1 + i] = input_of(g, index_literal(g, make_shape(g, type, 0, NULL), size));
  }
  tn_inst *inst = begin(g, TN_OP_DYNAMIC_SLICE, NULL, 1 + rank, operands);
  inst->attr.dynamic_slice.sizes = make_dims(g, rank, sizes);
  return keep(g, inst);
}

tn_inst *make_movement(generator *g) {
  static const weighted_rule rules[] = {{broadcast, 12},   {reshape, 10},     {transpose, 12}, {copy, 2},
                                        {slice, 10},       {reverse, 6},      {pad, 9},        {iota, 4},
                                        {concatenate, 10}, {dynamic_slice, 6}};
  return apply_rule(g, rules, COUNT(rules));
}

/* ---- gather ---- */

static void sort(int64_t *numbers, int count) {
  for (int i = 1; i < count; i++)
    for (int j = i; j > 0 && numbers[j] < numbers[j - 1]; j--) {
      int64_t t = numbers[j];
      numbers[j] = numbers[j - 1];
      numbers[j - 1] = t;
    }
}

/* What each dim of the operand is to a gather. */
typedef struct {
  int64_t sizes[8], collapsed[8], batching[8], indexed[8];
  int n_collapsed, n_batching, n_indexed;
} roles;

static roles draw_roles(generator *g, const tn_shape *shape) {
  roles r = {0};
  for (int d = 0; d < shape->rank; d++) {
    int64_t size = shape->dims[d];
    r.sizes[d] = chance(g->dice, 50) ? size : between(g->dice, size > 0, size);
    bool batching = chance(g->dice, 12) && size > 0, collapsed = !batching && size > 0 && chance(g->dice, 45);
    if (batching || collapsed) r.sizes[d] = 1;
    if (batching) r.batching[r.n_batching++] = d;
    if (collapsed) r.collapsed[r.n_collapsed++] = d;
    if (!batching && (collapsed ? chance(g->dice, 85) : chance(g->dice, 40))) r.indexed[r.n_indexed++] = d;
  }
  shuffle(g->dice, r.indexed, r.n_indexed);
  return r;
}

/* Index tensor: batch dims, those of the batching ones among them, and the vector dim. */
static const tn_shape *indices_shape(generator *g, const tn_shape *operand, const roles *r, int64_t *batching,
                                     int64_t *vector_dim) {
  int64_t dims[8], order[8];
  int rank = r->n_batching + roll(g->dice, 3), n = 0;
  for (int i = 0; i < rank; i++) order[i] = i;
  shuffle(g->dice, order, rank);
  for (int i = 0; i < rank; i++) dims[i] = between(g->dice, 1, 7);
  for (int i = 0; i < r->n_batching; i++) {
    batching[i] = order[i];
    dims[order[i]] = operand->dims[r->batching[i]];
  }
  bool implicit = r->n_indexed == 1 && chance(g->dice, 30);
  *vector_dim = implicit ? rank : roll(g->dice, rank + 1);
  if (!implicit) {
    for (n = rank; n > *vector_dim; n--) dims[n] = dims[n - 1];
    dims[*vector_dim] = r->n_indexed;
    for (int i = 0; i < r->n_batching; i++) batching[i] += batching[i] >= *vector_dim;
    rank++;
  }
  return make_shape(g, index_type(g), rank, dims);
}

tn_inst *make_gather(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  const tn_shape *operand = x.inst->shape;
  if (operand->rank > 5 || tn_shape_elements(operand) == 0) return NULL;
  roles r = draw_roles(g, operand);
  int64_t batching[8], vector_dim, offsets[12];
  const tn_shape *shape = indices_shape(g, operand, &r, batching, &vector_dim);
  int64_t limit = 1;
  for (int d = 0; d < operand->rank; d++) limit = operand->dims[d] > limit ? operand->dims[d] : limit;
  node operands[2] = {x, input_of(g, index_literal(g, shape, limit))};
  int n_offset = operand->rank - r.n_collapsed - r.n_batching,
      n_batch = shape->rank - (vector_dim < shape->rank);
  for (int i = 0; i < n_offset + n_batch; i++) offsets[i] = i;
  if (chance(g->dice, 60)) shuffle(g->dice, offsets, n_offset + n_batch);
  sort(offsets, n_offset);
  tn_inst *inst = begin(g, TN_OP_GATHER, NULL, 2, operands);
  inst->attr.gather.offset_dims = make_dims(g, n_offset, offsets);
  inst->attr.gather.collapsed_slice_dims = make_dims(g, r.n_collapsed, r.collapsed);
  inst->attr.gather.operand_batching_dims = make_dims(g, r.n_batching, r.batching);
  inst->attr.gather.start_indices_batching_dims = make_dims(g, r.n_batching, batching);
  inst->attr.gather.start_index_map = make_dims(g, r.n_indexed, r.indexed);
  inst->attr.gather.slice_sizes = make_dims(g, operand->rank, r.sizes);
  inst->attr.gather.index_vector_dim = vector_dim;
  return keep(g, inst);
}
