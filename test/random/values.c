/* Types, shapes and data of random programs.
 *
 * Sizes are small, with a weight on what lies around vector widths; now and then a dim
 * is 0. Data: with `integers` floats hold small integers, so that their sums are exact
 * in any order; otherwise anything, with NaN, infinities, -0 and subnormals sprinkled.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#include "base/number.h"

#include <math.h>

static const tn_type floats[] = {TN_F32, TN_F32, TN_F32, TN_F32,  TN_F64,
                                 TN_F64, TN_F16, TN_F16, TN_BF16, TN_BF16};
static const tn_type integers[] = {TN_S8, TN_S16, TN_S32, TN_S32, TN_S64,
                                   TN_U8, TN_U8,  TN_U16, TN_U32, TN_U64};

unsigned class_of(tn_type type) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE: return PREDS;
  case TN_CLASS_SIGNED:
  case TN_CLASS_UNSIGNED: return INTEGERS;
  case TN_CLASS_FLOAT: return FLOATS;
  case TN_CLASS_COMPLEX: return COMPLEXES;
  case TN_CLASS_OTHER: return 0;
  }
  return 0;
}

tn_type random_type(generator *g, unsigned classes) {
  for (int i = 0; i < 3 && g->theme->n_types && chance(g->dice, 40); i++) {
    tn_type type = g->theme->types[roll(g->dice, g->theme->n_types)];
    if (class_of(type) & classes) return type;
  }
  if (classes == COMPLEXES) return chance(g->dice, 60) ? TN_C64 : TN_C128;
  for (;;) {
    int r = roll(g->dice, 10);
    if (r < 6 && (classes & FLOATS)) return floats[roll(g->dice, 10)];
    if (r < 9 && (classes & INTEGERS)) return integers[roll(g->dice, 10)];
    if (classes & PREDS && (r == 9 || !(classes & ORDERED_CLASS))) return TN_PRED;
  }
}

int64_t random_size(generator *g) {
  static const int sizes[] = {1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9, 13, 15, 16, 17, 31, 33, 65, 100, 129};
  static const int large[] = {48, 64, 100, 129, 200, 257};
  if (chance(g->dice, 1)) return 0;
  if (g->large && chance(g->dice, 50)) return large[roll(g->dice, sizeof large / sizeof *large)];
  return sizes[roll(g->dice, sizeof sizes / sizeof *sizes)];
}

const tn_shape *make_shape(generator *g, tn_type type, int rank, const int64_t *dims) {
  return tn_shape_array(g->module->arena, type, rank, dims);
}

const tn_shape *random_shape(generator *g, tn_type type) {
  static const int ranks[] = {0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6};
  int rank = g->scalars_only ? 0 : ranks[roll(g->dice, sizeof ranks / sizeof *ranks)];
  int64_t dims[8], total = 1;
  for (int i = 0; i < rank; i++) {
    dims[i] = random_size(g);
    if (total * dims[i] > g->max_elements) dims[i] = between(g->dice, 1, 3);
    if (total * dims[i] > g->max_elements) dims[i] = 1;
    total *= dims[i] > 0 ? dims[i] : 1; /* no elements have many rows, either */
  }
  shuffle(g->dice, dims, rank);
  return make_shape(g, type, rank, dims);
}

void shuffle(dice *d, int64_t *numbers, int count) {
  for (int i = count - 1; i > 0; i--) {
    int j = roll(d, i + 1);
    int64_t number = numbers[i];
    numbers[i] = numbers[j];
    numbers[j] = number;
  }
}

tn_dims make_dims(generator *g, int count, const int64_t *numbers) {
  return (tn_dims){tn_arena_copy(g->module->arena, numbers, (size_t)count * sizeof *numbers), count};
}

/* ---- data ---- */

static int64_t random_integer(dice *d, int bits, bool small) {
  if (small) return between(d, -4, 4);
  switch (roll(d, 8)) {
  case 0: return 0;
  case 1: return (int64_t)(UINT64_C(1) << (bits - 1));       /* the least signed */
  case 2: return (int64_t)((UINT64_C(1) << (bits - 1)) - 1); /* the most signed */
  case 3: return -1;                                         /* the most unsigned */
  case 4:
  case 5: return between(d, -20, 20);
  case 6: return (int64_t)draw(d) >> roll(d, 64);
  }
  return between(d, -100, 200);
}

static double any_bits(dice *d, tn_type type) {
  return tn_float_from_bits(type, draw(d) >> (64 - tn_type_bits(type)));
}

/* The largest, the least normal: by their bits, of formats that have them there. */
static double edge_float(dice *d, tn_type type) {
  static const double most[] = {
      [TN_F16] = 65504, [TN_BF16] = 0x1.fep127, [TN_F32] = 0x1.fffffep127, [TN_F64] = 0x1.fffffffffffffp1023};
  static const double normal[] = {
      [TN_F16] = 0x1p-14, [TN_BF16] = 0x1p-126, [TN_F32] = 0x1p-126, [TN_F64] = 0x1p-1022};
  if (tn_type_bits(type) < 16) return any_bits(d, type);
  return chance(d, 50) ? most[type] : normal[type];
}

static double special_float(dice *d, tn_type type) {
  double sign = chance(d, 50) ? -1 : 1;
  switch (roll(d, 10)) {
  case 0: return NAN;
  case 1: return sign * INFINITY;
  case 2: return sign * ldexp((double)between(d, 1, 60), tn_float_least_exponent(type));
  case 3:
  case 4: return sign * edge_float(d, type);
  case 5: return sign * 0x1p31;
  case 6: return sign * 0.5;
  case 7: return any_bits(d, type);
  }
  return sign * 0.0;
}

enum { PLAIN, WIDE, SPECIAL };

static double random_float(generator *g, tn_type type, int style) {
  dice *d = g->dice;
  if (style == SPECIAL && chance(d, 30)) return special_float(d, type);
  if (g->integers) return chance(d, 5) ? -0.0 : (double)between(d, -4, 4);
  double unit = (double)(int64_t)(draw(d) >> 11) * 0x1p-52 - 1; /* [-1, 1) */
  return style == WIDE ? ldexp(unit, (int)between(d, -10, 8)) : unit * 3;
}

static void store_random_float(generator *g, tn_type type, int style, void *element) {
  double value = random_float(g, type, style);
  tn_store_float(type, element, isnan(value) ? NAN : value); /* one NaN: its bits are seen by bitcasts */
}

static void store_random(generator *g, tn_type type, bool small, int style, char *element) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE: *element = (char)roll(g->dice, 2); return;
  case TN_CLASS_SIGNED:
  case TN_CLASS_UNSIGNED:
    tn_store_integer(type, element, random_integer(g->dice, tn_type_bits(type), small));
    return;
  case TN_CLASS_FLOAT: store_random_float(g, type, style, element); return;
  case TN_CLASS_COMPLEX:
    store_random_float(g, tn_type_part(type), style, element);
    store_random_float(g, tn_type_part(type), style, element + tn_type_bytes(type) / 2);
    return;
  case TN_CLASS_OTHER: return;
  }
}

tn_literal *random_literal(generator *g, const tn_shape *shape) {
  void *data;
  tn_literal *literal = tn_literal_uninitialised(g->arena, shape, &data);
  int64_t count = tn_shape_elements(shape);
  size_t bytes = tn_type_bytes(shape->type);
  bool small = chance(g->dice, 60);
  int style = chance(g->dice, 12) ? SPECIAL : chance(g->dice, 30) ? WIDE : PLAIN;
  for (int64_t i = 0; i < count; i++)
    store_random(g, shape->type, small, style, (char *)data + (size_t)i * bytes);
  literal->bound = TN_NEW_ARRAY(g->arena, double, count);
  return literal;
}

/* What a program may find in an index, a size, a shift or a divisor. */
static int64_t wild_integer(dice *d, int64_t limit) {
  static const int64_t wild[] = {INT64_MIN,
                                 INT64_MIN + 1,
                                 INT32_MIN,
                                 -129,
                                 -128,
                                 -1,
                                 0,
                                 127,
                                 128,
                                 255,
                                 256,
                                 32767,
                                 65535,
                                 INT32_MAX,
                                 INT64_C(1) << 31,
                                 UINT32_MAX,
                                 INT64_C(1) << 32,
                                 INT64_MAX - 1,
                                 INT64_MAX};
  switch (roll(d, 4)) {
  case 0: return limit;
  case 1: return between(d, -3, limit + 3);
  }
  return wild[roll(d, sizeof wild / sizeof *wild)];
}

tn_literal *index_literal(generator *g, const tn_shape *shape, int64_t limit) {
  tn_literal *literal = random_literal(g, shape);
  size_t bytes = tn_type_bytes(shape->type);
  int percent = chance(g->dice, 40) ? 0 : chance(g->dice, 50) ? 10 : 50;
  for (int64_t i = 0, n = tn_shape_elements(shape); i < n; i++)
    tn_store_integer(shape->type, (char *)literal->data + (size_t)i * bytes,
                     chance(g->dice, percent) ? wild_integer(g->dice, limit)
                                              : between(g->dice, 0, limit > 0 ? limit - 1 : 0));
  return literal;
}

bool has_nan(const tn_literal *value) {
  tn_type type = value->shape->type, part = tn_type_part(type);
  if (!tn_type_is_float(part)) return false;
  size_t bytes = tn_type_bytes(part);
  int64_t count = tn_shape_elements(value->shape) * (type == part ? 1 : 2);
  for (int64_t i = 0; i < count; i++)
    if (isnan(tn_load_float(part, (const char *)value->data + (size_t)i * bytes))) return true;
  return false;
}
