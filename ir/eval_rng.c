/* Random bits: Philox 4x32-10 and ThreeFry 2x32, bit for bit as XLA's generators; rng.
 *
 * rng-bit-generator: state[0] is the key. The rest counts: one word for ThreeFry, two for
 * Philox (low, high); a Philox state of two words uses the key as the high word. Of a
 * carry only the counters feel, the new state's words do not change.
 *   Philox: counter + i gives elements 4i … 4i+3 (2i, 2i+1 of 64 bits).
 *   ThreeFry, 64 bits: counter + i gives element i. 32 bits: the first even dim (or the
 *   largest) is halved; the counter of a place in the half gives the two elements there.
 * Types under 32 bits take the low bits of 32.
 *
 * rng is Philox with key {the instruction's stream, folded seed} and counter {i}: the same numbers
 * at every call.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/philox.h"
#include "ir/eval_internal.h"

#include <math.h>

static uint32_t rotate(uint32_t x, int by) { return x << by | x >> (32 - by); }

static uint64_t three_fry(uint64_t counter, uint64_t key_bits) {
  static const int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  uint32_t key[3] = {(uint32_t)key_bits, (uint32_t)(key_bits >> 32), 0};
  key[2] = 0x1BD11BDAu ^ key[0] ^ key[1];
  uint32_t x = (uint32_t)counter + key[0], y = (uint32_t)(counter >> 32) + key[1];
  for (uint32_t group = 0; group < 5; group++) {
    for (int r = 0; r < 4; r++) {
      x += y;
      y = rotate(y, rotations[group % 2][r]) ^ x;
    }
    x += key[(group + 1) % 3];
    y += key[(group + 2) % 3] + group + 1;
  }
  return (uint64_t)y << 32 | x;
}

static void store_bits(tn_value *to, int64_t index, uint64_t bits) {
  tn_type type = tn_value_type(to);
  char *at = (char *)tn_value_data(to) + (size_t)index * tn_type_bytes(type);
  if (tn_type_is_float(type))
    tn_store_float(type, at, tn_float_from_bits(type, bits & (~UINT64_C(0) >> (64 - tn_type_bits(type)))));
  else
    tn_store_integer(type, at, (int64_t)bits);
}

static void fill_philox(tn_value *bits, const uint64_t *state, int words, uint64_t *next) {
  int64_t count = tn_shape_elements(bits->literal.shape);
  bool wide = tn_type_bits(tn_value_type(bits)) == 64;
  int64_t each = wide ? 2 : 4, calls = (count + each - 1) / each;
  uint64_t low = state[1], high = words > 2 ? state[2] : state[0];
  uint32_t key[2] = {(uint32_t)state[0], (uint32_t)(state[0] >> 32)};
  for (int64_t c = 0; c < calls; c++) {
    uint64_t l = low + (uint64_t)c, h = high + (l < low);
    uint32_t counter[4] = {(uint32_t)l, (uint32_t)(l >> 32), (uint32_t)h, (uint32_t)(h >> 32)}, out[4];
    tn_philox(counter, key, out);
    for (int64_t i = 0; i < each && c * each + i < count; i++)
      store_bits(bits, c * each + i, wide ? (uint64_t)out[2 * i + 1] << 32 | out[2 * i] : out[i]);
  }
  next[1] = low + (uint64_t)calls;
  if (words > 2) next[2] = high + (next[1] < low);
}

/* The dim that is halved: the first of even size, else the first of the largest size. */
static int split_dim(const tn_shape *shape) {
  int largest = 0;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] % 2 == 0) return d;
    if (shape->dims[d] > shape->dims[largest]) largest = d;
  }
  return largest;
}

static void fill_three_fry(tn_value *bits, const uint64_t *state, uint64_t *next) {
  const tn_shape *shape = bits->literal.shape;
  int64_t count = tn_shape_elements(shape), size = 1, inner = 1;
  if (tn_type_bits(shape->type) == 64) {
    for (int64_t i = 0; i < count; i++) store_bits(bits, i, three_fry(state[1] + (uint64_t)i, state[0]));
    next[1] = state[1] + (uint64_t)count;
    return;
  }
  if (shape->rank) {
    int dim = split_dim(shape);
    size = shape->dims[dim];
    for (int d = dim + 1; d < shape->rank; d++) inner *= shape->dims[d];
  }
  int64_t half = (size + 1) / 2;
  for (int64_t i = 0; i < count; i++) {
    int64_t at = i / inner % size, place = (i / (inner * size) * half + at / 2) * inner + i % inner;
    uint64_t both = three_fry(state[1] + (uint64_t)place, state[0]);
    store_bits(bits, i, at % 2 ? both >> 32 : both & 0xFFFFFFFFu);
  }
  next[1] = state[1] + (uint64_t)(size ? count / size * half : 0);
}

tn_value *tn_eval_rng_bit_generator(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *state_shape = operands[0]->literal.shape;
  int words = (int)tn_shape_elements(state_shape);
  if (state_shape->type != TN_U64 || (words != 2 && words != 3))
    tn_eval_stop(eval, TN_UNSUPPORTED,
                 "rng-bit-generator: a state of %d %s, u64[2] and u64[3] can be evaluated", words,
                 tn_type_name(state_shape->type));
  bool tuple = tn_shape_is_tuple(inst->shape);
  tn_value *state = tn_value_new(eval, tuple ? inst->shape->elements[0] : state_shape);
  tn_value *bits = tn_value_new(eval, tuple ? inst->shape->elements[1] : inst->shape);
  const uint64_t *now = operands[0]->literal.data;
  uint64_t *next = tn_value_data(state);
  memcpy(next, now, (size_t)words * sizeof *next);
  switch (inst->attr.rng_bit_generator.algorithm) {
  case TN_RNG_THREE_FRY: fill_three_fry(bits, now, next); break;
  case TN_RNG_DEFAULT:
  case TN_RNG_PHILOX: fill_philox(bits, now, words, next); break;
  }
  tn_bounds_unless_exact(state, operands[0]);
  tn_bounds_unless_exact(bits, operands[0]);
  if (tuple) return tn_value_tuple(eval, inst->shape, (tn_value *[]){state, bits});
  tn_value_release(eval, state);
  return bits;
}

/* ---- rng ---- */

static double fraction(uint32_t high, uint32_t low) {
  return ldexp((double)(((uint64_t)high << 32 | low) >> 11), -53);
}

typedef struct {
  double value, error;
} number;

static number parameter_of(const tn_value *value) {
  number n = {0};
  tn_cell cell = {0};
  tn_lanes lanes = {.type = tn_value_type(value), .re = &cell, .bound = &n.error};
  tn_lanes_load(&lanes, 0, value, 0, 0, 1);
  n.value = cell.f;
  return n;
}

/* Goes through functions that others may compute a few bits differently. */
static number normal(tn_type type, number mean, number deviation, const uint32_t bits[4]) {
  double radius = sqrt(-2 * log1p(-fraction(bits[0], bits[1])));
  double value = mean.value + deviation.value * radius * cos(6.283185307179586 * fraction(bits[2], bits[3]));
  double own =
      ldexp(fabs(mean.value) + fabs(deviation.value) * radius, -49) + tn_unit_roundoff(type) * fabs(value);
  return (number){value, own + mean.error + deviation.error * radius};
}

/* Rounding may not reach the open end: what does becomes the other one. */
static number uniform(tn_type type, number low, number high, const uint32_t bits[4]) {
  double u = fraction(bits[0], bits[1]), span = high.value - low.value;
  double value = tn_round_float(type, low.value + u * span), error = low.error + u * (low.error + high.error);
  if (error > 0) error += tn_half_ulp(type, value);
  if (error > 0 && value + error >= high.value - high.error) error += fabs(span);
  return (number){value >= high.value ? low.value : value, error};
}

/* Uniform in [a, b), or normal with mean a and deviation b. */
tn_value *tn_eval_rng(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_value *result = tn_value_new(eval, inst->shape);
  tn_type type = inst->shape->type;
  bool is_float = tn_type_is_float(type);
  if (tn_type_is_complex(type) || (!is_float && inst->attr.rng.distribution == TN_RNG_NORMAL))
    tn_eval_stop(eval, TN_UNSUPPORTED, "rng: this distribution of %s cannot be evaluated",
                 tn_type_name(type));
  bool normally = inst->attr.rng.distribution == TN_RNG_NORMAL;
  number a = {0}, b = {0};
  if (is_float) a = parameter_of(operands[0]), b = parameter_of(operands[1]);
  uint64_t low = is_float ? 0 : (uint64_t)tn_value_integer(operands[0], 0);
  uint64_t range = is_float ? 0 : (uint64_t)tn_value_integer(operands[1], 0) - low;
  uint32_t key[2] = {tn_inst_stream(inst), (uint32_t)(eval->options.seed ^ eval->options.seed >> 32)};
  for (int64_t i = 0; i < tn_shape_elements(inst->shape); i++) {
    uint32_t counter[4] = {(uint32_t)i, (uint32_t)((uint64_t)i >> 32), 0, 0}, bits[4];
    tn_philox(counter, key, bits);
    if (is_float) {
      number x = (normally ? normal : uniform)(type, a, b, bits);
      tn_store_float(type, (char *)tn_value_data(result) + (size_t)i * tn_type_bytes(type), x.value);
      if (result->literal.bound)
        tn_value_bound(result)[i] = isfinite(x.value) || x.error == 0 ? x.error : INFINITY;
    } else {
      uint64_t random = (uint64_t)bits[1] << 32 | bits[0];
      store_bits(result, i, low + (range ? random % range : 0));
    }
  }
  for (int i = 0; i < 2 && !is_float; i++) tn_bounds_unless_exact(result, operands[i]);
  return result;
}
