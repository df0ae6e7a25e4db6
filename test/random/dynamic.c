/* Dims whose sizes are known at run time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "test/random/generate.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static node size_input(generator *g, int64_t most, bool whole) {
  int64_t size = whole || chance(g->dice, 25) ? most : between(g->dice, 0, most);
  tn_literal *value = tn_literal_scalar_integer(g->arena, TN_S32, size);
  value->bound = TN_NEW_ARRAY(g->arena, double, 1);
  return input_of(g, value);
}

/* Fewer elements in one dim, or as many as there are; never more: what lies beyond a size is anything. */
static tn_inst *set_size(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  const tn_shape *shape = x.inst->shape;
  int64_t dim = roll(g->dice, shape->rank);
  int64_t most = x.value->sizes ? x.value->sizes[dim] : shape->dims[dim];
  bool whole = shape->dynamic && shape->dynamic[dim] && most == shape->dims[dim] && chance(g->dice, 50);
  node operands[2] = {x, size_input(g, most, whole)};
  tn_inst *inst = begin(g, TN_OP_SET_DIMENSION_SIZE, NULL, 2, operands);
  inst->attr.dimensions.dims = make_dims(g, 1, &dim);
  inst->shape = whole ? make_shape(g, shape->type, shape->rank, shape->dims) : NULL;
  return keep(g, inst);
}

tn_inst *make_dimension_size(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  int64_t dim = roll(g->dice, x.inst->shape->rank);
  tn_inst *inst = begin(g, TN_OP_GET_DIMENSION_SIZE, make_shape(g, TN_S32, 0, NULL), 1, &x);
  inst->attr.dimensions.dims = make_dims(g, 1, &dim);
  return keep(g, inst);
}

static tn_inst *dynamic_reshape(generator *g) {
  node x = pick(g, ANY_CLASS, 1), operands[8] = {x};
  const tn_shape *shape = x.inst->shape;
  if (shape->rank > 5) return NULL;
  int64_t dims[8];
  for (int i = 0; i < shape->rank; i++) dims[i] = shape->dims[shape->rank - 1 - i];
  int rank = chance(g->dice, 50) ? shape->rank : 1;
  if (rank == 1) dims[0] = tn_shape_elements(shape);
  for (int i = 0; i < rank; i++) {
    tn_literal *value = tn_literal_scalar_integer(g->arena, TN_S32, dims[i]);
    operands[1 + i] = input_of(g, value);
  }
  return keep(g, begin(g, TN_OP_DYNAMIC_RESHAPE, make_shape(g, shape->type, rank, dims), 1 + rank, operands));
}

tn_inst *make_dynamic(generator *g) {
  static const weighted_rule rules[] = {{set_size, 10}, {make_dimension_size, 3}, {dynamic_reshape, 3}};
  return apply_rule(g, rules, COUNT(rules));
}
