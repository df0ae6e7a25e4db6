/* Random literals: Philox. The key is the seed, the counter is (block, stream); each block
 * gives 64 bits to two elements, so that the same elements come out whatever the order in
 * which they are made.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/philox.h"
#include "ir/literal.h"

typedef struct {
  uint64_t seed, stream;
  uint64_t next; /* how many 64-bit numbers were drawn */
  uint32_t block[4];
  bool integers;
} source;

static uint64_t draw(source *from) {
  uint64_t number = from->next++;
  if (number % 2 == 0) {
    uint64_t block = number / 2;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)from->stream,
                           (uint32_t)(from->stream >> 32)};
    uint32_t key[2] = {(uint32_t)from->seed, (uint32_t)(from->seed >> 32)};
    tn_philox(counter, key, from->block);
  }
  const uint32_t *half = from->block + number % 2 * 2;
  return (uint64_t)half[1] << 32 | half[0];
}

/* A whole number in [low, high]; the bias of at most 2^-60 is no concern in tests. */
static int64_t draw_between(source *from, int64_t low, int64_t high) {
  return low + (int64_t)(draw(from) % (uint64_t)(high - low + 1));
}

/* Uniform in [-1, 1) on the grid of 2^(1-bits): every value is exact in the type. */
static double draw_float(source *from, tn_type type, int bits) {
  if (type == TN_F8E8M0FNU) return (double)(1 << draw_between(from, 0, 2)); /* powers of two is all it has */
  if (from->integers) return (double)draw_between(from, -3, 3);
  double grid = (double)((uint64_t)1 << (bits - 1));
  return (double)(draw(from) >> (64 - bits)) / grid - 1;
}

static int64_t draw_integer(source *from, tn_type type) {
  int bits = tn_type_bits(type) < 8 ? tn_type_bits(type) : 8;
  int64_t half = (int64_t)1 << (bits - 1);
  if (tn_type_class_of(type) != TN_CLASS_SIGNED)
    return draw_between(from, 0, 2 * half - 1 < 10 ? 2 * half - 1 : 10);
  return draw_between(from, half < 5 ? -half : -5, half - 1 < 5 ? half - 1 : 5);
}

static tn_literal *fill(tn_arena *arena, const tn_shape *shape, source *from) {
  if (tn_shape_is_tuple(shape)) {
    tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
    for (int i = 0; i < shape->rank; i++) elements[i] = fill(arena, shape->elements[i], from);
    return tn_literal_tuple(arena, shape, elements);
  }
  void *data;
  tn_literal *literal = tn_literal_uninitialised(arena, shape, &data);
  int parts = tn_type_is_complex(shape->type) ? 2 : 1;
  tn_type type = parts == 2 ? tn_type_part(shape->type) : shape->type;
  size_t bytes = tn_type_bytes(type);
  int bits = tn_type_is_float(type) ? tn_float_precision(type) : 0;
  char *at = data, *end = at + (size_t)tn_shape_elements(shape) * (size_t)parts * bytes;
  for (; at < end; at += bytes) {
    if (bits)
      tn_store_float(type, at, draw_float(from, type, bits));
    else
      tn_store_integer(type, at, draw_integer(from, type));
  }
  return literal;
}

tn_literal *tn_literal_random(tn_arena *arena, const tn_shape *shape, uint64_t seed, uint64_t stream,
                              bool integers) {
  source from = {.seed = seed, .stream = stream, .integers = integers};
  return fill(arena, shape, &from);
}
