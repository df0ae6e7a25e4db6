/* The vector unit, to the bit.
 *
 *   join over windows -> + s32 bias -> f32: * scale, + bias, (op) second, clamp, function -> result -> table
 *
 * Each step is a loop over a row; f32 steps round once each, no two are fused. Integers stay integers
 * (modulo 2^32) until a step needs f32:
 *
 *   join      add: from 0 in the order of windows; maximum, minimum: from the first window. Integers as
 *             s32, floats as f32. Of floats NaN wins and +0 is above -0.
 *   clamp     minimum(maximum(v, low), high)
 *   result    float: rounded once. Integer with `rounds`: to even, saturated, NaN is 0. Without: of s32
 *             alone, modulo the type's size.
 *
 * Cost: O(columns * windows) a row.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/float_format.h"
#include "base/number.h"
#include "runtime/device_functional.h"
#include "target/isa_pipeline.h"

#define INLINE static inline __attribute__((always_inline))

tn_numbers tn_vector_numbers(tn_type source) {
  return tn_type_is_float(source) ? TN_NUMBERS_F32 : TN_NUMBERS_S32;
}

INLINE bool is_negative(float v) { return tn_bits_of(v) >> 31; }
INLINE float larger(float a, float b) {
  float ordered = a == b ? (is_negative(a) ? b : a) : a > b ? a : b;
  return a != a || b != b ? a + b : ordered;
}
INLINE float smaller(float a, float b) {
  float ordered = a == b ? (is_negative(a) ? a : b) : a < b ? a : b;
  return a != a || b != b ? a + b : ordered;
}

/* ---- windows ---- */

static void join_integers(tn_isa_join join, uint32_t *restrict v, const uint32_t *restrict source,
                          int64_t columns, int64_t windows) {
  memcpy(v, source, (size_t)columns * sizeof *v); /* sums from 0 are the same */
  for (int64_t w = 1; w < windows; w++) {
    const uint32_t *s = source + w * columns;
    switch (join) {
    case TN_ISA_JOIN_ADD:
      for (int64_t c = 0; c < columns; c++) v[c] += s[c];
      break;
    case TN_ISA_JOIN_MAXIMUM:
      for (int64_t c = 0; c < columns; c++) v[c] = (int32_t)s[c] > (int32_t)v[c] ? s[c] : v[c];
      break;
    case TN_ISA_JOIN_MINIMUM:
      for (int64_t c = 0; c < columns; c++) v[c] = (int32_t)s[c] < (int32_t)v[c] ? s[c] : v[c];
      break;
    case TN_ISA_JOIN_NONE: break;
    }
  }
}

static void join_floats(tn_isa_join join, float *restrict v, const float *restrict source, int64_t columns,
                        int64_t windows) {
  for (int64_t c = 0; c < columns; c++) v[c] = join == TN_ISA_JOIN_ADD ? 0 + source[c] : source[c];
  for (int64_t w = 1; w < windows; w++) {
    const float *s = source + w * columns;
    switch (join) {
    case TN_ISA_JOIN_ADD:
      for (int64_t c = 0; c < columns; c++) v[c] += s[c];
      break;
    case TN_ISA_JOIN_MAXIMUM:
      for (int64_t c = 0; c < columns; c++) v[c] = larger(v[c], s[c]);
      break;
    case TN_ISA_JOIN_MINIMUM:
      for (int64_t c = 0; c < columns; c++) v[c] = smaller(v[c], s[c]);
      break;
    case TN_ISA_JOIN_NONE: break;
    }
  }
}

/* ---- f32 ---- */

static float load_float(const uint8_t *at, int64_t index) {
  float f;
  memcpy(&f, at + 4 * index, sizeof f);
  return f;
}

/* v (op) f[index of the column, or of the row for all columns] */
static void scale_and_bias(const tn_vector_line *line, int64_t m, float *restrict v) {
  const tn_instruction *p = line->pipeline;
  const uint8_t *scale = line->buffer + p->PIPELINE.scale, *bias = line->buffer + p->PIPELINE.bias;
  bool by_row = p->PIPELINE.by_row, adds = p->PIPELINE.has_bias && !p->PIPELINE.integer_bias;
  int64_t columns = line->result.columns;
  if (p->PIPELINE.has_scale && by_row)
    for (int64_t c = 0; c < columns; c++) v[c] *= load_float(scale, m);
  else if (p->PIPELINE.has_scale)
    for (int64_t c = 0; c < columns; c++) v[c] *= load_float(scale, c);
  if (adds && by_row)
    for (int64_t c = 0; c < columns; c++) v[c] += load_float(bias, m);
  else if (adds)
    for (int64_t c = 0; c < columns; c++) v[c] += load_float(bias, c);
}

static void add_integer_bias(const tn_vector_line *line, int64_t m, uint32_t *restrict v) {
  const tn_instruction *p = line->pipeline;
  const uint8_t *bias = line->buffer + p->PIPELINE.bias;
  for (int64_t c = 0; c < line->result.columns; c++) {
    uint32_t b;
    memcpy(&b, bias + 4 * (p->PIPELINE.by_row ? m : c), sizeof b);
    v[c] += b;
  }
}

static void join_second(const tn_vector_line *line, int64_t m, float *restrict v, float *restrict second) {
  const tn_instruction *p = line->pipeline;
  int64_t columns = line->result.columns;
  const uint8_t *from = line->buffer + line->result.second + m * line->result.second_row_stride;
  tn_element_block block = {.from = from,
                            .type = (tn_type)p->PIPELINE.second,
                            .rows = 1,
                            .count = columns,
                            .stride = line->result.second_column_stride,
                            .to = second};
  tn_numbers_of(TN_NUMBERS_F32, &block);
  if (p->PIPELINE.second_zero)
    for (int64_t c = 0; c < columns; c++) second[c] -= (float)p->PIPELINE.second_zero;
  if (p->PIPELINE.second_scale != 1)
    for (int64_t c = 0; c < columns; c++) second[c] *= p->PIPELINE.second_scale;
  switch ((tn_isa_operand)p->PIPELINE.operand) {
  case TN_ISA_OPERAND_ADD:
    for (int64_t c = 0; c < columns; c++) v[c] += second[c];
    break;
  case TN_ISA_OPERAND_SUBTRACT:
    for (int64_t c = 0; c < columns; c++) v[c] -= second[c];
    break;
  case TN_ISA_OPERAND_MULTIPLY:
    for (int64_t c = 0; c < columns; c++) v[c] *= second[c];
    break;
  case TN_ISA_OPERAND_MAXIMUM:
    for (int64_t c = 0; c < columns; c++) v[c] = larger(v[c], second[c]);
    break;
  case TN_ISA_OPERAND_MINIMUM:
    for (int64_t c = 0; c < columns; c++) v[c] = smaller(v[c], second[c]);
    break;
  case TN_ISA_OPERAND_NONE: break;
  }
}

static void apply_function(tn_isa_function function, float *restrict v, int64_t columns) {
  switch (function) {
  case TN_ISA_FUNCTION_ABS:
    for (int64_t c = 0; c < columns; c++) v[c] = tn_float_of(tn_bits_of(v[c]) & 0x7fffffff);
    break;
  case TN_ISA_FUNCTION_NEGATE:
    for (int64_t c = 0; c < columns; c++) v[c] = -v[c];
    break;
  case TN_ISA_FUNCTION_NONE: break;
  }
}

/* ---- results ---- */

static void range_of(tn_type type, int64_t *low, int64_t *high) {
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  *low = is_signed ? -((int64_t)1 << (bits - 1)) : 0;
  *high = is_signed ? ((int64_t)1 << (bits - 1)) - 1 : ((int64_t)1 << bits) - 1;
}

/* Saturated before it is rounded, which changes nothing: the bounds are whole. Adding and taking away
 * 1.5 * 2^23 rounds to even what is small enough.                                                 */
static void round_small(float *restrict v, int32_t *restrict r, int64_t columns, float low, float high,
                        int32_t zero) {
  const float magic = 0x1.8p23f;
  for (int64_t c = 0; c < columns; c++) {
    float x = v[c];
    x = x < low ? low : x;
    x = x > high ? high : x;
    float rounded = (v[c] == v[c] ? x : 0) + magic;
    r[c] = v[c] == v[c] ? (int32_t)(rounded - magic) + zero : 0;
  }
}

static int64_t to_integer(double v, int64_t low, int64_t high, int64_t zero) {
  if (v != v) return 0;
  double whole = __builtin_rint(v) + (double)zero;
  return whole <= (double)low ? low : whole >= (double)high ? high : (int64_t)whole;
}

/* Of floats to an integer type, as s32 whose low bits are the result's. */
static void integers_of(const tn_vector_line *line, float *v, int32_t *r) {
  tn_type type = (tn_type)line->pipeline->PIPELINE.result;
  int64_t low, high;
  int32_t zero = line->pipeline->PIPELINE.zero;
  range_of(type, &low, &high);
  if (tn_type_bits(type) <= 16)
    round_small(v, r, line->result.columns, (float)(low - zero), (float)(high - zero), zero);
  else
    for (int64_t c = 0; c < line->result.columns; c++)
      r[c] = (int32_t)(uint32_t)to_integer(v[c], low, high, zero);
}

static void saturate(const tn_vector_line *line, int32_t *r) {
  int64_t low, high;
  range_of((tn_type)line->pipeline->PIPELINE.result, &low, &high);
  for (int64_t c = 0; c < line->result.columns; c++) {
    int64_t sum = (int64_t)r[c] + line->pipeline->PIPELINE.zero;
    r[c] = (int32_t)(uint32_t)(sum < low ? low : sum > high ? high : sum);
  }
}

#define STORE(T, value)                                                                                      \
  for (int64_t c = 0; c < columns; c++) {                                                                    \
    T x = (T)(value);                                                                                        \
    memcpy(to + c * stride, &x, sizeof x);                                                                   \
  }

INLINE void store(tn_type type, uint8_t *restrict to, int64_t stride, int64_t columns,
                  const int32_t *restrict r, const float *restrict f) {
  if (type == TN_S8 || type == TN_U8) {
    STORE(int8_t, r[c])
  } else if (type == TN_BF16) {
    STORE(uint16_t, tn_narrow_bf16(f[c]))
  } else if (type == TN_F32) {
    STORE(float, f[c])
  } else if (tn_type_is_float(type)) {
    for (int64_t c = 0; c < columns; c++) tn_store_float(type, to + c * stride, f[c]);
  } else {
    for (int64_t c = 0; c < columns; c++) tn_store_integer(type, to + c * stride, r[c]);
  }
}

static void store_row(const tn_vector_line *line, int64_t m, int32_t *r, const float *f) {
  tn_type type = (tn_type)line->pipeline->PIPELINE.result;
  uint8_t *to = line->buffer + line->result.to + m * line->result.row_stride;
  const uint8_t *table = line->buffer + line->pipeline->PIPELINE.table;
  if (line->pipeline->PIPELINE.has_table)
    for (int64_t c = 0; c < line->result.columns; c++) r[c] = table[(uint8_t)r[c]];
  if (type == TN_S8 && line->result.column_stride == 1)
    store(TN_S8, to, 1, line->result.columns, r, f);
  else if (type == TN_BF16 && line->result.column_stride == 2)
    store(TN_BF16, to, 2, line->result.columns, r, f);
  else
    store(type, to, line->result.column_stride, line->result.columns, r, f);
}

/* ---- a row ---- */

static void compute_floats(const tn_vector_line *line, int64_t m, float *f, float *second) {
  const tn_instruction *p = line->pipeline;
  scale_and_bias(line, m, f);
  if (p->PIPELINE.operand != TN_ISA_OPERAND_NONE) join_second(line, m, f, second);
  for (int64_t c = 0; p->PIPELINE.has_clamp && c < line->result.columns; c++)
    f[c] = smaller(larger(f[c], p->PIPELINE.low), p->PIPELINE.high);
  apply_function((tn_isa_function)p->PIPELINE.function, f, line->result.columns);
}

void tn_vector_row(const tn_vector_line *line, int64_t m, const void *source, int64_t windows,
                   tn_scratch *scratch) {
  const tn_instruction *p = line->pipeline;
  int64_t columns = line->result.columns;
  float *f = tn_scratch_reserve(scratch, (size_t)columns * 12);
  int32_t *r = (int32_t *)(f + columns);
  float *second = (float *)(r + columns);
  tn_isa_join join = (tn_isa_join)p->PIPELINE.join;
  bool floats = tn_isa_has_floats(p);
  if (tn_type_is_float((tn_type)p->PIPELINE.source)) {
    join_floats(join, f, source, columns, windows);
  } else {
    join_integers(join, (uint32_t *)r, source, columns, windows);
    if (p->PIPELINE.has_bias && p->PIPELINE.integer_bias) add_integer_bias(line, m, (uint32_t *)r);
    for (int64_t c = 0; floats && c < columns; c++) f[c] = (float)r[c];
  }
  if (floats) compute_floats(line, m, f, second);
  bool to_float = tn_type_is_float((tn_type)p->PIPELINE.result);
  if (floats && !to_float) integers_of(line, f, r);
  if (!floats && p->PIPELINE.rounds) saturate(line, r);
  store_row(line, m, r, f);
}
