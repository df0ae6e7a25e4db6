/* Instructions about bits: bitcasts, random numbers.
 *
 * The bits of a computed NaN may not be seen: what is reinterpreted has none, or is given.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static bool shows_its_bits(node x) { return x.inst->n_operands == 0 || !has_nan(x.value); }

static int width(tn_type type) { return type == TN_PRED ? 8 : tn_type_bits(type); }

/* Any type: random_type knows the common ones and the program's own. */
static tn_type any_type(generator *g, bool complex) {
  static const tn_type narrow[] = {TN_S4, TN_U4,       TN_S2,     TN_U2,      TN_S1,
                                   TN_U1, TN_F4E2M1FN, TN_F8E5M2, TN_F8E4M3FN};
  if (complex) return random_type(g, COMPLEXES);
  return chance(g->dice, 20) ? narrow[roll(g->dice, COUNT(narrow))] : random_type(g, PREDS | ORDERED_CLASS);
}

/* Wider elements are made of the last dim; a new one has the parts. */
static tn_inst *bitcast_convert(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  const tn_shape *from = x.inst->shape;
  if (tn_shape_is_dynamic(from)) return NULL;
  if (!shows_its_bits(x) || from->rank > 5) return NULL;
  for (int tries = 0; tries < 8; tries++) {
    tn_type to = any_type(g, class_of(from->type) == COMPLEXES);
    int a = width(from->type), b = width(to), rank = from->rank + (a > b) - (a < b);
    if (rank < 0 || (a < b && from->dims[rank] != b / a) || to == TN_PRED) continue;
    int64_t dims[8];
    for (int i = 0; i < rank && i < from->rank; i++) dims[i] = from->dims[i];
    if (a > b) dims[rank - 1] = a / b;
    return keep(g, begin(g, TN_OP_BITCAST_CONVERT, make_shape(g, to, rank, dims), 1, &x));
  }
  return NULL;
}

/* There and back: what a model's unpacking of nibbles and words is. */
static tn_inst *through_parts(generator *g) {
  node x = pick(g, INTEGERS, 1);
  const tn_shape *shape = x.inst->shape;
  int bits = tn_type_bits(shape->type);
  if (bits < 16 || shape->rank > 4) return NULL;
  int64_t dims[8];
  for (int i = 0; i < shape->rank; i++) dims[i] = shape->dims[i];
  dims[shape->rank] = bits / 8;
  tn_inst *parts =
      keep(g, begin(g, TN_OP_BITCAST_CONVERT, make_shape(g, TN_U8, shape->rank + 1, dims), 1, &x));
  if (!parts) return NULL;
  node p = g->nodes.at[g->nodes.count - 1];
  int64_t dim = shape->rank;
  tn_inst *swapped = begin(g, TN_OP_REVERSE, NULL, 1, &p);
  swapped->attr.dimensions.dims = make_dims(g, 1, &dim);
  if (!keep(g, swapped)) return NULL;
  p = g->nodes.at[g->nodes.count - 1];
  return keep(g, begin(g, TN_OP_BITCAST_CONVERT, make_shape(g, shape->type, shape->rank, dims), 1, &p));
}

/* The same bytes as elements of another width, complex ones among them. */
static tn_inst *bytes_as(generator *g) {
  node x = pick(g, NUMBERS, 1);
  const tn_shape *from = tn_shape_without_layout(g->module->arena, x.inst->shape);
  if (!shows_its_bits(x) || tn_shape_is_dynamic(from) || tn_type_bits(from->type) < 8) return NULL;
  int64_t bytes = tn_shape_bytes(from);
  for (int tries = 0; tries < 8; tries++) {
    tn_type to = random_type(g, NUMBERS);
    if (tn_type_bits(to) < 8 || to == from->type || bytes % (int64_t)tn_type_bytes(to)) continue;
    int64_t dims[2] = {bytes / (int64_t)tn_type_bytes(to), 1};
    return keep(g, begin(g, TN_OP_BITCAST, make_shape(g, to, 1 + roll(g->dice, 2), dims), 1, &x));
  }
  return NULL;
}

/* The same elements under other dims, or as another type of their width. */
static tn_inst *bitcast(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  const tn_shape *from = tn_shape_without_layout(g->module->arena, x.inst->shape);
  int64_t count = tn_shape_elements(from), dims[2] = {count, 1};
  tn_type to = from->type;
  for (int tries = 0; shows_its_bits(x) && tries < 4 && to == from->type; tries++) {
    tn_type other = random_type(g, ORDERED_CLASS);
    bool narrow = tn_type_bits(other) < 8 || tn_type_bits(from->type) < 8;
    if (!narrow && from->type != TN_PRED && tn_type_bits(other) == tn_type_bits(from->type)) to = other;
  }
  const tn_shape *shape = chance(g->dice, 50) ? tn_shape_with_type(g->module->arena, from, to)
                                              : make_shape(g, to, 1 + roll(g->dice, 2), dims);
  return keep(g, begin(g, TN_OP_BITCAST, shape, 1, &x));
}

/* ---- random numbers ---- */

static tn_inst *rng_bit_generator(generator *g) {
  static const tn_algorithm algorithms[] = {TN_RNG_DEFAULT, TN_RNG_THREE_FRY, TN_RNG_PHILOX};
  tn_algorithm algorithm = algorithms[roll(g->dice, 3)];
  int64_t words = algorithm != TN_RNG_THREE_FRY && chance(g->dice, 50) ? 3 : 2;
  node state = pick_like(g, make_shape(g, TN_U64, 1, &words));
  tn_type type = random_type(g, INTEGERS);
  if (tn_type_bits(type) < 8 && chance(g->dice, 50)) type = TN_U32;
  const tn_shape *parts[2] = {state.inst->shape, random_shape(g, type)};
  tn_inst *inst = begin(g, TN_OP_RNG_BIT_GENERATOR, tn_shape_tuple(g->module->arena, 2, parts), 1, &state);
  inst->attr.rng_bit_generator.algorithm = algorithm;
  inst = keep(g, inst);
  if (inst) take_apart(g, inst);
  return inst;
}

/* Its numbers depend on its place in the module, so it stands in the entry alone. */
static tn_inst *rng(generator *g) {
  if (!g->arguments) return NULL;
  tn_type type = random_type(g, ORDERED_CLASS);
  node operands[2] = {pick_scalar(g, type), pick_scalar(g, type)};
  tn_inst *inst = begin(g, TN_OP_RNG, random_shape(g, type), 2, operands);
  inst->attr.rng.distribution = TN_RNG_UNIFORM; /* normal numbers have no bound */
  return keep(g, inst);
}

tn_inst *make_bits(generator *g) {
  static const weighted_rule rules[] = {{bitcast_convert, 12}, {through_parts, 4},     {bitcast, 4},
                                        {bytes_as, 3},         {rng_bit_generator, 8}, {rng, 3}};
  return apply_rule(g, rules, COUNT(rules));
}
