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
  tn_slice_attributes *own = tn_inst_edit_slice(inst);
  own->starts = make_dims(g, rank, starts);
  own->limits = make_dims(g, rank, limits);
  own->strides = make_dims(g, rank, strides);
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

tn_inst *make_movement(generator *g) {
  static const weighted_rule rules[] = {{broadcast, 12}, {reshape, 10}, {transpose, 12},
                                        {copy, 2},       {slice, 10},   {reverse, 6},
                                        {pad, 9},        {iota, 4},     {concatenate, 10}};
  return apply_rule(g, rules, COUNT(rules));
}
