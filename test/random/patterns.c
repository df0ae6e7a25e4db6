/* What networks are made of, several instructions at once: normalised rows, products
 * with what follows them. Single random instructions seldom meet in these ways, and
 * they are what the plan makes one kernel of.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "test/random/generate.h"

#include <math.h>

static node last(generator *g) { return g->nodes.at[g->nodes.count - 1]; }

static node number(generator *g, tn_type type, double value) {
  tn_literal *literal = random_literal(g, make_shape(g, type, 0, NULL));
  tn_store_float(type, (void *)literal->data, value);
  tn_inst *inst = tn_build_constant(g->comp, NULL, literal);
  TN_PUSH(g->arena, &g->nodes, ((node){inst, literal}));
  return last(g);
}

static tn_inst *apply(generator *g, tn_op op, node a, node b) {
  return keep(g, begin(g, op, NULL, 2, (node[]){a, b}));
}

/* x joined over `dims`, spread to x's shape again. */
static tn_inst *row_value(generator *g, node x, tn_dims dims, tn_op op, double initial) {
  const tn_shape *shape = x.inst->shape;
  node start = number(g, shape->type, initial);
  tn_comp *comp = tn_build_binary_comp(g->module, op, shape->type);
  tn_inst *reduce = begin(g, TN_OP_REDUCE, NULL, 2, (node[]){x, start});
  reduce->attr.reduce.dims = dims;
  tn_inst_set_called(reduce, 1, &comp);
  if (!keep(g, reduce)) return NULL;
  int64_t kept[8];
  int count = 0;
  for (int d = 0; d < shape->rank; d++) {
    bool reduced = false;
    for (int i = 0; i < dims.count; i++) reduced = reduced || dims.at[i] == d;
    if (!reduced) kept[count++] = d;
  }
  node row = last(g);
  tn_inst *spread = begin(g, TN_OP_BROADCAST, tn_shape_without_layout(g->module->arena, shape), 1, &row);
  spread->attr.dimensions.dims = make_dims(g, count, kept);
  return keep(g, spread);
}

/* softmax; with integers x - max(x) + sum(x). */
static tn_inst *softmax(generator *g, node x, tn_dims dims) {
  if (!row_value(g, x, dims, TN_OP_MAXIMUM, -INFINITY) || !apply(g, TN_OP_SUBTRACT, x, last(g))) return NULL;
  node e = last(g);
  if (!g->integers) {
    if (!keep(g, begin(g, TN_OP_EXPONENTIAL, NULL, 1, &e))) return NULL;
    e = last(g);
  }
  if (!row_value(g, e, dims, TN_OP_ADD, 0)) return NULL;
  return apply(g, g->integers ? TN_OP_ADD : TN_OP_DIVIDE, e, last(g));
}

/* (x - mean) * rsqrt(mean of squares + epsilon); with integers sums for means. */
static tn_inst *layer_norm(generator *g, node x, tn_dims dims) {
  if (!row_value(g, x, dims, TN_OP_ADD, 0)) return NULL;
  if (!g->integers) {
    node sum = last(g), scale = number(g, x.inst->shape->type, 0.125);
    tn_inst *spread = begin(g, TN_OP_BROADCAST, x.inst->shape, 1, &scale);
    spread->attr.dimensions.dims = (tn_dims){0};
    if (!keep(g, spread) || !apply(g, TN_OP_MULTIPLY, sum, last(g))) return NULL;
  }
  if (!apply(g, TN_OP_SUBTRACT, x, last(g))) return NULL;
  node centred = last(g);
  if (!apply(g, TN_OP_MULTIPLY, centred, centred) || !row_value(g, last(g), dims, TN_OP_ADD, 1)) return NULL;
  node variance = last(g);
  if (g->integers) return apply(g, TN_OP_SUBTRACT, centred, variance);
  if (!keep(g, begin(g, TN_OP_RSQRT, NULL, 1, &variance))) return NULL;
  return apply(g, TN_OP_MULTIPLY, centred, last(g));
}

static tn_inst *normalise(generator *g) {
  node x = pick(g, FLOATS, 1);
  const tn_shape *shape = x.inst->shape;
  int64_t dims[8];
  int count = 0;
  for (int d = 0; d < shape->rank; d++)
    if (d == shape->rank - 1 ? chance(g->dice, 75) : chance(g->dice, 25)) dims[count++] = d;
  /* A row spread over bounded dims fills them up to their bound, whatever x's sizes are. */
  if (!count || shape->type == TN_F64 || tn_shape_is_dynamic(shape)) return NULL;
  tn_dims reduced = make_dims(g, count, dims);
  return chance(g->dice, 50) ? softmax(g, x, reduced) : layer_norm(g, x, reduced);
}

/* A bias along some dim, a residual, a limit. */
static tn_inst *epilogue(generator *g) {
  tn_inst *product = chance(g->dice, 60) ? make_dot(g) : make_convolution(g);
  if (!product) return NULL;
  node x = last(g);
  const tn_shape *shape = x.inst->shape;
  if (tn_shape_is_dynamic(shape)) return product;
  if (shape->rank && chance(g->dice, 70)) {
    int64_t dim = chance(g->dice, 70) ? shape->rank - 1 : roll(g->dice, shape->rank);
    node bias = pick_like(g, make_shape(g, shape->type, 1, &shape->dims[dim]));
    tn_inst *spread = begin(g, TN_OP_BROADCAST, shape, 1, &bias);
    spread->attr.dimensions.dims = make_dims(g, 1, &dim);
    if (!keep(g, spread) || !apply(g, TN_OP_ADD, x, last(g))) return NULL;
    x = last(g);
  }
  if (chance(g->dice, 30) && apply(g, TN_OP_ADD, x, pick_like(g, shape))) x = last(g);
  if (chance(g->dice, 50))
    apply(g, chance(g->dice, 70) ? TN_OP_MAXIMUM : TN_OP_MULTIPLY, x, pick_like(g, shape));
  return last(g).inst;
}

tn_inst *make_pattern(generator *g) { return chance(g->dice, 45) ? normalise(g) : epilogue(g); }
