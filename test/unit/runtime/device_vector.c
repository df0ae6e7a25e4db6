/* The vector unit against one element at a time: every step of the pipeline, views with bounds, pooling.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "streams.h"

static const tn_type vector_types[] = {TN_S8, TN_U8, TN_S16, TN_U16, TN_S32, TN_BF16, TN_F16, TN_F32};
enum {
  VECTOR_TYPES = sizeof vector_types / sizeof *vector_types,
  MEMORY = 65536,
  RESULT = 65536,
  RESULT_BYTES = 65536
};

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}
static int64_t pick(uint64_t *state, int64_t least, int64_t most) {
  return least + (int64_t)(next_random(state) % (uint64_t)(most - least + 1));
}
static bool flip(uint64_t *state) { return next_random(state) & 1; }

/* ---- one element, by docs/isa.md ---- */

typedef struct {
  const tn_instruction *p, *i, *view; /* PIPELINE, VECTOR, VIEW */
  const uint8_t *memory;
} element_rules;

static float as_float(tn_type type, const void *at) {
  return tn_type_is_float(type) ? (float)tn_load_float(type, at) : (float)(int32_t)tn_load_integer(type, at);
}

static float maximum(float a, float b) {
  if (isnan(a) || isnan(b)) return NAN;
  if (a == b) return signbit(a) ? b : a;
  return a > b ? a : b;
}
static float minimum(float a, float b) { return -maximum(-a, -b); }

/* Bits of view[m][k]. */
static void load_element(const element_rules *e, uint32_t m, uint32_t k, uint8_t bits[8]) {
  const tn_instruction *v = e->view;
  uint32_t index[8] = {0};
  for (int half = 0; half < 2; half++) {
    uint32_t number = half ? k : m;
    int dims = half ? v->VIEW.column_dims : v->VIEW.row_dims;
    for (int d = dims - 1; d >= 0; d--) {
      index[4 * half + d] = number % v->VIEW.size[4 * half + d];
      number /= v->VIEW.size[4 * half + d];
    }
  }
  uint32_t at = e->i->VECTOR.base;
  bool inside = true;
  for (int d = 0; d < 8; d++) at += (uint32_t)v->VIEW.stride[d] * index[d];
  for (int b = 0; b < 2; b++) {
    int64_t position = v->VIEW.offset[b];
    for (int d = 0; d < 8; d++) position += (int64_t)v->VIEW.step[b][d] * index[d];
    if (v->VIEW.limit[b] && (position < 0 || position >= (int64_t)v->VIEW.limit[b])) inside = false;
  }
  memset(bits, 0, 8);
  if (inside)
    memcpy(bits, e->memory + at, tn_type_bytes((tn_type)e->p->PIPELINE.source));
  else
    memcpy(bits, &v->VIEW.fill, 4);
}

static uint32_t joined_integer(const element_rules *e, uint32_t m, uint32_t c) {
  uint32_t v = 0;
  uint8_t bits[8];
  for (uint32_t w = 0; w < e->i->VECTOR.windows; w++) {
    load_element(e, e->i->VECTOR.row + m, w * e->i->VECTOR.columns + c, bits);
    int32_t x = (int32_t)tn_load_integer((tn_type)e->p->PIPELINE.source, bits), old = (int32_t)v;
    if (w == 0)
      v = (uint32_t)x;
    else if (e->p->PIPELINE.join == TN_ISA_JOIN_ADD)
      v += (uint32_t)x;
    else if (e->p->PIPELINE.join == TN_ISA_JOIN_MAXIMUM)
      v = (uint32_t)(x > old ? x : old);
    else
      v = (uint32_t)(x < old ? x : old);
  }
  return v;
}

static float joined_float(const element_rules *e, uint32_t m, uint32_t c) {
  float v = 0;
  uint8_t bits[8];
  for (uint32_t w = 0; w < e->i->VECTOR.windows; w++) {
    load_element(e, e->i->VECTOR.row + m, w * e->i->VECTOR.columns + c, bits);
    float x = (float)tn_load_float((tn_type)e->p->PIPELINE.source, bits);
    if (e->p->PIPELINE.join == TN_ISA_JOIN_ADD)
      v = v + x;
    else if (w == 0)
      v = x;
    else
      v = e->p->PIPELINE.join == TN_ISA_JOIN_MAXIMUM ? maximum(v, x) : minimum(v, x);
  }
  return v;
}

static float float_steps(const element_rules *e, uint32_t m, uint32_t c, float v) {
  const tn_instruction *p = e->p;
  uint32_t channel = p->PIPELINE.by_row ? m : c;
  volatile float x = v; /* no step joins the next */
  if (p->PIPELINE.has_scale) x = x * as_float(TN_F32, e->memory + p->PIPELINE.scale + 4 * channel);
  if (p->PIPELINE.has_bias && !p->PIPELINE.integer_bias)
    x = x + as_float(TN_F32, e->memory + p->PIPELINE.bias + 4 * channel);
  const uint8_t *at = e->memory + e->i->VECTOR.second + (int64_t)m * e->i->VECTOR.second_row_stride +
                      (int64_t)c * e->i->VECTOR.second_column_stride;
  volatile float second = p->PIPELINE.operand ? as_float((tn_type)p->PIPELINE.second, at) : 0;
  if (p->PIPELINE.second_zero) second = second - (float)p->PIPELINE.second_zero;
  if (p->PIPELINE.second_scale != 1) second = second * p->PIPELINE.second_scale;
  switch ((tn_isa_operand)p->PIPELINE.operand) {
  case TN_ISA_OPERAND_ADD: x = x + second; break;
  case TN_ISA_OPERAND_SUBTRACT: x = x - second; break;
  case TN_ISA_OPERAND_MULTIPLY: x = x * second; break;
  case TN_ISA_OPERAND_MAXIMUM: x = maximum(x, second); break;
  case TN_ISA_OPERAND_MINIMUM: x = minimum(x, second); break;
  case TN_ISA_OPERAND_NONE: break;
  }
  if (p->PIPELINE.has_clamp) x = minimum(maximum(x, p->PIPELINE.low), p->PIPELINE.high);
  if (p->PIPELINE.function == TN_ISA_FUNCTION_ABS) x = copysignf(x, 1);
  if (p->PIPELINE.function == TN_ISA_FUNCTION_NEGATE) x = -x;
  return x;
}

static int64_t saturated(tn_type type, double v, int32_t zero) {
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  double low = is_signed ? -ldexp(1, bits - 1) : 0, high = ldexp(1, is_signed ? bits - 1 : bits) - 1;
  if (isnan(v)) return 0;
  v = rint(v) + zero;
  return (int64_t)(v < low ? low : v > high ? high : v);
}

/* The result's bytes. */
static void element(const element_rules *e, uint32_t m, uint32_t c, uint8_t out[8]) {
  const tn_instruction *p = e->p;
  tn_type source = (tn_type)p->PIPELINE.source, result = (tn_type)p->PIPELINE.result;
  bool real = tn_type_is_float(source) || tn_type_is_float(result) || p->PIPELINE.has_scale ||
              p->PIPELINE.operand || p->PIPELINE.has_clamp || p->PIPELINE.function ||
              (p->PIPELINE.has_bias && !p->PIPELINE.integer_bias);
  uint32_t integer = 0;
  float v;
  if (tn_type_is_float(source)) {
    v = joined_float(e, m, c);
  } else {
    integer = joined_integer(e, m, c);
    uint32_t bias, channel = p->PIPELINE.by_row ? m : c;
    memcpy(&bias, e->memory + p->PIPELINE.bias + 4 * channel, 4);
    if (p->PIPELINE.integer_bias) integer += bias;
    v = (float)(int32_t)integer;
  }
  memset(out, 0, 8);
  if (real) v = float_steps(e, m, c, v);
  if (tn_type_is_float(result))
    tn_store_float(result, out, v);
  else if (p->PIPELINE.rounds)
    tn_store_integer(result, out, saturated(result, real ? (double)v : (double)(int32_t)integer, p->PIPELINE.zero));
  else
    tn_store_integer(result, out, (int32_t)integer);
  if (p->PIPELINE.has_table) out[0] = e->memory[p->PIPELINE.table + out[0]];
}

/* ---- random work ---- */

typedef struct {
  tn_instruction pipeline, view, vector;
} vector_case;

/* Pictures [n][h][w][c] at 0, padded windows: rows (n, y, x), columns (ky, kx, c). */
static void draw_view(vector_case *t, uint64_t *seed, int64_t width) {
  int64_t n = pick(seed, 1, 2), h = pick(seed, 1, 6), w = pick(seed, 1, 6), c = pick(seed, 1, 20);
  int64_t ky = pick(seed, 1, 3), kx = pick(seed, 1, 3), sy = pick(seed, 1, 2), sx = pick(seed, 1, 2);
  int64_t dy = pick(seed, 1, 2), py = pick(seed, 0, 2), px = pick(seed, 0, 2), y = pick(seed, 1, 6),
          x = pick(seed, 1, 6);
  tn_instruction view = {.op = TN_ISA_VIEW};
  view.VIEW.view = (uint8_t)pick(seed, 0, 7);
  view.VIEW.row_dims = view.VIEW.column_dims = 3;
  const int64_t sizes[8] = {n, y, x, 1, ky, kx, c, 1};
  const int64_t strides[8] = {h * w * c, sy * w * c, sx * c, 0, dy * w * c, c, 1, 0};
  for (int d = 0; d < 8; d++) {
    view.VIEW.size[d] = (uint32_t)sizes[d];
    view.VIEW.stride[d] = (int32_t)(strides[d] * width);
  }
  view.VIEW.offset[0] = (int32_t)-py;
  view.VIEW.offset[1] = (int32_t)-px;
  view.VIEW.limit[0] = (uint32_t)h;
  view.VIEW.limit[1] = (uint32_t)w;
  view.VIEW.step[0][1] = (int32_t)sy;
  view.VIEW.step[0][4] = (int32_t)dy;
  view.VIEW.step[1][2] = (int32_t)sx;
  view.VIEW.step[1][5] = 1;
  view.VIEW.fill = (uint32_t)next_random(seed) & 0x3f7f3f7f; /* finite in all types */
  t->view = view;
  t->vector = (tn_instruction){.op = TN_ISA_VECTOR};
  t->vector.VECTOR.view = view.VIEW.view;
  t->vector.VECTOR.base = (uint32_t)-((py * w + px) * c * width);
  t->vector.VECTOR.row = (uint32_t)pick(seed, 0, n * y * x - 1);
  t->vector.VECTOR.rows = (uint32_t)pick(seed, 1, n * y * x - t->vector.VECTOR.row);
  t->vector.VECTOR.columns = (uint32_t)c;
  t->vector.VECTOR.windows = (uint32_t)(ky * kx);
}

static void draw_pipeline(tn_instruction *p, uint64_t *seed) {
  *p = (tn_instruction){.op = TN_ISA_PIPELINE};
  p->PIPELINE.source = (uint8_t)vector_types[next_random(seed) % VECTOR_TYPES];
  p->PIPELINE.result = (uint8_t)vector_types[next_random(seed) % VECTOR_TYPES];
  p->PIPELINE.join = (uint8_t)pick(seed, TN_ISA_JOIN_ADD, TN_ISA_JOIN_MINIMUM);
  p->PIPELINE.by_row = flip(seed);
  p->PIPELINE.has_scale = flip(seed);
  p->PIPELINE.has_bias = flip(seed);
  p->PIPELINE.integer_bias =
      p->PIPELINE.has_bias && tn_type_is_integer((tn_type)p->PIPELINE.source) && flip(seed);
  p->PIPELINE.operand = flip(seed) ? (uint8_t)pick(seed, 0, TN_ISA_OPERAND_MINIMUM) : 0;
  p->PIPELINE.second = (uint8_t)vector_types[next_random(seed) % VECTOR_TYPES];
  p->PIPELINE.second_scale = flip(seed) ? 1 : 0.37f;
  p->PIPELINE.has_clamp = next_random(seed) % 4 == 0;
  p->PIPELINE.low = -100.25f;
  p->PIPELINE.high = flip(seed) ? 77.5f : INFINITY;
  p->PIPELINE.function = flip(seed) ? (uint8_t)pick(seed, 0, TN_ISA_FUNCTION_NEGATE) : 0;
  p->PIPELINE.rounds = 1;
  bool plain = tn_type_is_integer((tn_type)p->PIPELINE.source) && !p->PIPELINE.has_scale && !p->PIPELINE.operand &&
               !p->PIPELINE.has_clamp && !p->PIPELINE.function &&
               (!p->PIPELINE.has_bias || p->PIPELINE.integer_bias);
  if (plain && !tn_type_is_float((tn_type)p->PIPELINE.result)) p->PIPELINE.rounds = flip(seed);
  p->PIPELINE.zero = p->PIPELINE.rounds && flip(seed) ? (int32_t)pick(seed, -200, 200) : 0;
  p->PIPELINE.second_zero = flip(seed) ? (int32_t)pick(seed, -200, 200) : 0;
  p->PIPELINE.has_table = tn_type_bytes((tn_type)p->PIPELINE.result) == 1 && flip(seed);
  p->PIPELINE.scale = (uint32_t)pick(seed, 20000, 24000);
  p->PIPELINE.bias = (uint32_t)pick(seed, 20000, 24000);
  p->PIPELINE.table = (uint32_t)pick(seed, 20000, 24000);
}

static void draw_second_and_result(vector_case *t, uint64_t *seed) {
  int32_t second = (int32_t)tn_type_bytes((tn_type)t->pipeline.PIPELINE.second);
  int32_t result = (int32_t)tn_type_bytes((tn_type)t->pipeline.PIPELINE.result);
  int32_t rows = (int32_t)t->vector.VECTOR.rows, columns = (int32_t)t->vector.VECTOR.columns;
  bool turned = flip(seed);
  t->vector.VECTOR.second = (uint32_t)pick(seed, 26000, 30000);
  t->vector.VECTOR.second_row_stride = turned ? second : second * columns;
  t->vector.VECTOR.second_column_stride = turned ? second * rows : second;
  turned = flip(seed);
  t->vector.VECTOR.to = RESULT;
  t->vector.VECTOR.row_stride = turned ? result : result * columns;
  t->vector.VECTOR.column_stride = turned ? result * rows : result;
}

/* Bytes of every kind; floats that are finite, for f32 at least. */
static void draw_memory(uint8_t *memory, uint64_t *seed) {
  for (int i = 0; i < MEMORY; i++) memory[i] = (uint8_t)next_random(seed);
  for (int i = 20000; i + 4 <= 26000; i += 4) { /* scales and biases */
    float f = (float)pick(seed, -1000, 1000) / 64;
    memcpy(memory + i, &f, 4);
  }
}

static const tn_stream *vector_stream(tn_arena *arena, const tn_systolic_target *target,
                                      const vector_case *t) {
  stream_builder b;
  builder_start(&b, arena, target);
  uint32_t x = builder_array(&b, "x", TN_U8, 1, (int64_t[]){MEMORY});
  uint32_t y = builder_array(&b, "y", TN_U8, 1, (int64_t[]){RESULT_BYTES});
  b.stream.parameters = tn_arena_copy(arena, &x, sizeof x);
  b.stream.results = tn_arena_copy(arena, &y, sizeof y);
  b.stream.n_parameters = b.stream.n_results = 1;
  tn_instruction load = {.op = TN_ISA_READ_HOST}, store = {.op = TN_ISA_WRITE_HOST}, vector = t->vector;
  load.READ_HOST.bytes = MEMORY;
  load.READ_HOST.rows = 2; /* the result's place is written, too: its gaps are known */
  load.READ_HOST.from = b.arrays.at[x].at;
  load.READ_HOST.to_stride = RESULT;
  builder_put(&b, load);
  builder_put(&b, t->pipeline);
  builder_put(&b, t->view);
  builder_wait(&b, &vector, TN_UNIT_DMA0);
  builder_put(&b, vector);
  store.WRITE_HOST.from = RESULT;
  store.WRITE_HOST.to = b.arrays.at[y].at;
  store.WRITE_HOST.bytes = RESULT_BYTES;
  store.WRITE_HOST.rows = 1;
  builder_wait(&b, &store, TN_UNIT_VECTOR);
  builder_put(&b, store);
  return builder_end(&b);
}

static bool same(tn_type type, const uint8_t *a, const uint8_t *b) {
  if (memcmp(a, b, tn_type_bytes(type)) == 0) return true;
  return tn_type_is_float(type) && isnan(tn_load_float(type, a)) && isnan(tn_load_float(type, b));
}

static void check_case(const tn_systolic_target *target, const vector_case *t, const uint8_t *memory,
                       int number) {
  static uint8_t result[RESULT_BYTES];
  tn_arena *arena = tn_arena_create();
  tn_device_counters counters;
  run_stream(TN_DEVICE_FUNCTIONAL, vector_stream(arena, target, t), memory, result, &counters);
  element_rules rules = {&t->pipeline, &t->vector, &t->view, memory};
  tn_type type = (tn_type)t->pipeline.PIPELINE.result;
  for (uint32_t m = 0; m < t->vector.VECTOR.rows; m++)
    for (uint32_t c = 0; c < t->vector.VECTOR.columns; c++) {
      uint8_t wanted[8];
      const uint8_t *got =
          result + (int64_t)m * t->vector.VECTOR.row_stride + (int64_t)c * t->vector.VECTOR.column_stride;
      element(&rules, m, c, wanted);
      cr_assert(same(type, got, wanted), "case %d, %s to %s at %u,%u", number,
                tn_type_name((tn_type)t->pipeline.PIPELINE.source), tn_type_name(type), m, c);
    }
  tn_arena_destroy(arena);
}

Test(device_vector, random_pipelines_views_and_windows) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *target = test_target(arena, "vector_functions=abs,negate");
  uint8_t *memory = tn_arena_alloc(arena, MEMORY);
  uint64_t seed = 11;
  for (int number = 0; number < 5000; number++) {
    if (number % 100 == 0) draw_memory(memory, &seed);
    vector_case t;
    draw_pipeline(&t.pipeline, &seed);
    draw_view(&t, &seed, (int64_t)tn_type_bytes((tn_type)t.pipeline.PIPELINE.source));
    draw_second_and_result(&t, &seed);
    check_case(target, &t, memory, number);
  }
  tn_arena_destroy(arena);
}
