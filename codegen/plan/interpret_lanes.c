/* Elementwise operations on lanes: the meaning of expressions in plans.
 *
 * Each is IEEE's operation, base/math's function, or an integer operation with HLO's
 * edge cases. Floats of at most 16 bits compute in f32 and round to their type.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/plan/interpret.h"
#include "codegen/plan/native.h"

#include <assert.h>
#include <math.h>

tn_form tn_form_of(tn_type type) {
  if (!tn_type_is_float(type)) return TN_FORM_INTEGER;
  return type == TN_F64 ? TN_FORM_DOUBLE : TN_FORM_SINGLE;
}

/* ---- memory ---- */

/* Loops over the lanes, of the names that the functions below share. */
#define COPY_FROM(T, member)                                                                                 \
  for (int i = 0; i < count; i++) to->member[i] = ((const T *)from)[i]
#define COPY_TO(T, member)                                                                                   \
  for (int i = 0; i < count; i++) ((T *)to)[i] = (T)from->member[i]

static void load_integers(tn_type type, tn_lanes *to, const void *from, int count) {
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  size_t bytes = tn_type_bytes(type);
  if (bytes == 8)
    COPY_FROM(int64_t, i);
  else if (bytes == 4 && is_signed)
    COPY_FROM(int32_t, i);
  else if (bytes == 4)
    COPY_FROM(uint32_t, i);
  else if (bytes == 2 && is_signed)
    COPY_FROM(int16_t, i);
  else if (bytes == 2)
    COPY_FROM(uint16_t, i);
  else if (is_signed)
    COPY_FROM(int8_t, i);
  else
    COPY_FROM(uint8_t, i);
}

void tn_plan_lanes_load(tn_type type, tn_lanes *to, const void *from, int count) {
  if (!tn_type_is_float(type))
    load_integers(type, to, from, count);
  else if (type == TN_F32)
    COPY_FROM(float, f);
  else if (type == TN_F64)
    COPY_FROM(double, d);
  else if (type == TN_F16)
    for (int i = 0; i < count; i++) to->f[i] = tn_f16_to_f32(((const uint16_t *)from)[i]);
  else if (type == TN_BF16)
    for (int i = 0; i < count; i++) to->f[i] = tn_bf16_to_f32(((const uint16_t *)from)[i]);
  else
    for (int i = 0; i < count; i++) to->f[i] = (float)tn_float_from_bits(type, ((const uint8_t *)from)[i]);
}

static void store_integers(tn_type type, void *to, const tn_lanes *from, int count) {
  size_t bytes = tn_type_bytes(type);
  if (bytes == 8)
    COPY_TO(int64_t, i);
  else if (bytes == 4)
    COPY_TO(int32_t, i);
  else if (bytes == 2)
    COPY_TO(int16_t, i);
  else
    COPY_TO(int8_t, i);
}

void tn_plan_lanes_store(tn_type type, void *to, const tn_lanes *from, int count) {
  if (!tn_type_is_float(type))
    store_integers(type, to, from, count);
  else if (type == TN_F32)
    COPY_TO(float, f);
  else if (type == TN_F64)
    COPY_TO(double, d);
  else if (type == TN_F16)
    for (int i = 0; i < count; i++) ((uint16_t *)to)[i] = tn_f32_to_f16(from->f[i]);
  else if (type == TN_BF16)
    for (int i = 0; i < count; i++) ((uint16_t *)to)[i] = tn_f32_to_bf16(from->f[i]);
  else
    for (int i = 0; i < count; i++) ((uint8_t *)to)[i] = (uint8_t)tn_float_to_bits(type, (double)from->f[i]);
}

/* ---- after an operation: back into the type ---- */

/* Sign- or zero-extends the type's bits. */
static int64_t wrap(tn_type type, int64_t value) {
  int shift = 64 - tn_type_bits(type);
  if (type == TN_PRED) return value != 0;
  if (!shift) return value;
  uint64_t high = (uint64_t)value << shift;
  return tn_type_class_of(type) == TN_CLASS_SIGNED ? (int64_t)high >> shift : (int64_t)(high >> shift);
}

static float to_small(tn_type type, float value) {
  return (float)tn_float_from_bits(type, tn_float_to_bits(type, (double)value));
}

static void settle(tn_type type, tn_lanes *lanes, int count) {
  if (tn_type_is_float(type) && tn_type_bits(type) <= 8)
    for (int i = 0; i < count; i++) lanes->f[i] = to_small(type, lanes->f[i]);
  else if (type == TN_F16)
    for (int i = 0; i < count; i++) lanes->f[i] = tn_f16_to_f32(tn_f32_to_f16(lanes->f[i]));
  else if (type == TN_BF16)
    for (int i = 0; i < count; i++) lanes->f[i] = tn_bf16_to_f32(tn_f32_to_bf16(lanes->f[i]));
  else if (tn_form_of(type) == TN_FORM_INTEGER && tn_type_bits(type) < 64)
    for (int i = 0; i < count; i++) lanes->i[i] = wrap(type, lanes->i[i]);
}

/* ---- floats ---- */

#define MAXIMUM(a, b)                                                                                        \
  (isnan(a) || isnan(b) ? NAN : (a) > (b) ? (a) : (b) > (a) ? (b) : signbit(a) ? (b) : (a))
#define MINIMUM(a, b)                                                                                        \
  (isnan(a) || isnan(b) ? NAN : (a) < (b) ? (a) : (b) < (a) ? (b) : signbit(a) ? (a) : (b))
#define SIGN(a) (isnan(a) || (a) == 0 ? (a) : (a) > 0 ? 1 : -1)
/* A row is a condition and the lane's value, of its operands x and y. Where the condition
 * holds all lanes are set; the rows of a table exclude each other.                      */
#define SET_LANES(member, condition, expression)                                                             \
  if (condition) {                                                                                           \
    for (int i = 0; i < count; i++) {                                                                        \
      __typeof__(r->member[0]) x = a->member[i], y = b->member[i];                                           \
      (void)y;                                                                                               \
      r->member[i] = (expression);                                                                           \
    }                                                                                                        \
    known = true;                                                                                            \
  }
#define SET_SINGLES(condition, expression)  SET_LANES(f, condition, expression)
#define SET_DOUBLES(condition, expression)  SET_LANES(d, condition, expression)
#define SET_INTEGERS(condition, expression) SET_LANES(i, condition, expression)

/* clang-format off */
#define FLOAT_ROWS(ROW, FABS, FLOOR, CEIL, RINT, ROUND, SQRT)                                                \
  ROW(op == TN_OP_ADD, x + y)                                                                                \
  ROW(op == TN_OP_SUBTRACT, x - y)                                                                           \
  ROW(op == TN_OP_MULTIPLY, x * y)                                                                           \
  ROW(op == TN_OP_DIVIDE, x / y)                                                                             \
  ROW(op == TN_OP_MAXIMUM, MAXIMUM(x, y))                                                                    \
  ROW(op == TN_OP_MINIMUM, MINIMUM(x, y))                                                                    \
  ROW(op == TN_OP_NEGATE, -x)                                                                                \
  ROW(op == TN_OP_ABS, FABS(x))                                                                              \
  ROW(op == TN_OP_SIGN, SIGN(x))                                                                             \
  ROW(op == TN_OP_FLOOR, FLOOR(x))                                                                           \
  ROW(op == TN_OP_CEIL, CEIL(x))                                                                             \
  ROW(op == TN_OP_ROUND_NEAREST_EVEN, RINT(x))                                                               \
  ROW(op == TN_OP_ROUND_NEAREST_AFZ, ROUND(x))                                                               \
  ROW(op == TN_OP_SQRT, SQRT(x))
/* clang-format on */

static bool single_op(tn_op op, tn_lanes *r, const tn_lanes *a, const tn_lanes *b, int count) {
  bool known = false;
  FLOAT_ROWS(SET_SINGLES, fabsf, floorf, ceilf, rintf, roundf, sqrtf)
  return known;
}

static bool double_op(tn_op op, tn_lanes *r, const tn_lanes *a, const tn_lanes *b, int count) {
  bool known = false;
  FLOAT_ROWS(SET_DOUBLES, fabs, floor, ceil, rint, round, sqrt)
  return known;
}

/* ---- integers ---- */

static bool is_unsigned(tn_type type) { return tn_type_class_of(type) != TN_CLASS_SIGNED; }

static int64_t divide(tn_type type, int64_t x, int64_t y) {
  if (y == 0) return -1;
  if (is_unsigned(type)) return (int64_t)((uint64_t)x / (uint64_t)y);
  return y == -1 ? (int64_t)-(uint64_t)x : x / y;
}

static int64_t modulo(tn_type type, int64_t x, int64_t y) {
  if (y == 0) return x;
  if (is_unsigned(type)) return (int64_t)((uint64_t)x % (uint64_t)y);
  return y == -1 ? 0 : x % y;
}

static bool less(tn_type type, int64_t x, int64_t y) {
  return is_unsigned(type) ? (uint64_t)x < (uint64_t)y : x < y;
}

static int64_t shift(tn_op op, tn_type type, int64_t x, int64_t y) {
  int bits = tn_type_bits(type);
  uint64_t ones = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1, amount = (uint64_t)y & ones;
  if (op == TN_OP_SHIFT_LEFT) return amount >= (uint64_t)bits ? 0 : (int64_t)((uint64_t)x << amount);
  if (op == TN_OP_SHIFT_RIGHT_LOGICAL)
    return amount >= (uint64_t)bits ? 0 : (int64_t)(((uint64_t)x & ones) >> amount);
  int64_t extended = (int64_t)((uint64_t)x << (64 - bits)) >> (64 - bits);
  return extended >> (amount >= (uint64_t)bits ? 63 : amount);
}

static int64_t power(tn_type type, int64_t x, int64_t y) {
  uint64_t base = (uint64_t)x, result = 1, n = (uint64_t)y;
  if (!is_unsigned(type) && y < 0) return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
  for (; n; n >>= 1, base *= base)
    if (n & 1) result *= base;
  return (int64_t)result;
}

static int64_t high_product(tn_type type, int64_t x, int64_t y) {
  int bits = tn_type_bits(type);
  if (is_unsigned(type)) return (int64_t)(((unsigned __int128)(uint64_t)x * (uint64_t)y) >> bits);
  return (int64_t)(((__int128)x * y) >> bits);
}

static int64_t leading_zeros(tn_type type, int64_t x) {
  int bits = tn_type_bits(type);
  uint64_t value = bits == 64 ? (uint64_t)x : (uint64_t)x & ((UINT64_C(1) << bits) - 1);
  return value ? __builtin_clzll(value) - (64 - bits) : bits;
}

static int64_t ones(tn_type type, int64_t x) {
  int bits = tn_type_bits(type);
  return __builtin_popcountll(bits == 64 ? (uint64_t)x : (uint64_t)x & ((UINT64_C(1) << bits) - 1));
}

static int64_t magnitude(tn_type type, int64_t x) {
  return is_unsigned(type) || x >= 0 ? x : (int64_t)-(uint64_t)x;
}

/* clang-format off */
#define INTEGER_ROWS(ROW)                                                                                    \
  ROW(op == TN_OP_ADD && type == TN_PRED, x | y)                                                             \
  ROW(op == TN_OP_ADD && type != TN_PRED, (int64_t)((uint64_t)x + (uint64_t)y))                              \
  ROW(op == TN_OP_SUBTRACT, (int64_t)((uint64_t)x - (uint64_t)y))                                            \
  ROW(op == TN_OP_MULTIPLY, (int64_t)((uint64_t)x * (uint64_t)y))                                            \
  ROW(op == TN_OP_DIVIDE, divide(type, x, y))                                                                \
  ROW(op == TN_OP_REMAINDER, modulo(type, x, y))                                                             \
  ROW(op == TN_OP_POWER, power(type, x, y))                                                                  \
  ROW(op == TN_OP_MAXIMUM, less(type, x, y) ? y : x)                                                         \
  ROW(op == TN_OP_MINIMUM, less(type, y, x) ? y : x)                                                         \
  ROW(op == TN_OP_AND, x & y)                                                                                \
  ROW(op == TN_OP_OR, x | y)                                                                                 \
  ROW(op == TN_OP_XOR, x ^ y)                                                                                \
  ROW(op == TN_OP_NOT, type == TN_PRED ? !x : ~x)                                                            \
  ROW(op == TN_OP_NEGATE, (int64_t)-(uint64_t)x)                                                             \
  ROW(op == TN_OP_ABS, magnitude(type, x))                                                                   \
  ROW(op == TN_OP_SIGN, is_unsigned(type) ? x != 0 : (x > 0) - (x < 0))                                      \
  ROW(op == TN_OP_SHIFT_LEFT, shift(TN_OP_SHIFT_LEFT, type, x, y))                                           \
  ROW(op == TN_OP_SHIFT_RIGHT_ARITHMETIC, shift(TN_OP_SHIFT_RIGHT_ARITHMETIC, type, x, y))                   \
  ROW(op == TN_OP_SHIFT_RIGHT_LOGICAL, shift(TN_OP_SHIFT_RIGHT_LOGICAL, type, x, y))                         \
  ROW(op == TN_OP_MULHI, high_product(type, x, y))                                                           \
  ROW(op == TN_OP_COUNT_LEADING_ZEROS, leading_zeros(type, x))                                               \
  ROW(op == TN_OP_POPCNT, ones(type, x))
/* clang-format on */

static bool integer_op(tn_op op, tn_type type, tn_lanes *r, const tn_lanes *a, const tn_lanes *b, int count) {
  bool known = false;
  INTEGER_ROWS(SET_INTEGERS)
  return known;
}

/* ---- comparisons ---- */

/* Floats in the order of IEEE's totalOrder: by their bits, negative ones reversed. */
static int64_t order_key(tn_type type, const tn_lanes *lanes, int i) {
  int64_t bits;
  if (type == TN_F64) {
    memcpy(&bits, &lanes->d[i], 8);
  } else {
    int32_t narrow;
    memcpy(&narrow, &lanes->f[i], 4);
    bits = narrow;
  }
  return bits < 0 ? bits ^ INT64_MAX : bits;
}

static bool holds(tn_direction direction, bool lt, bool eq, bool ordered) {
  switch (direction) {
  case TN_EQ: return eq;
  case TN_NE: return !eq;
  case TN_LT: return lt;
  case TN_LE: return lt || eq;
  case TN_GT: return ordered && !lt && !eq;
  case TN_GE: return ordered && !lt;
  }
  return false;
}

static bool compare_one(const tn_lane_op *op, const tn_lanes *a, const tn_lanes *b, int i) {
  tn_direction direction = op->expr->op.direction;
  tn_form form = tn_form_of(op->operand_type);
  if (form != TN_FORM_INTEGER && op->expr->op.total_order) {
    int64_t x = order_key(op->operand_type, a, i), y = order_key(op->operand_type, b, i);
    return holds(direction, x < y, x == y, true);
  }
  if (form == TN_FORM_INTEGER)
    return holds(direction, less(op->operand_type, a->i[i], b->i[i]), a->i[i] == b->i[i], true);
  double x = form == TN_FORM_SINGLE ? a->f[i] : a->d[i], y = form == TN_FORM_SINGLE ? b->f[i] : b->d[i];
  return holds(direction, x < y, x == y, !isunordered(x, y));
}

/* ---- the rest ---- */

/* Functions of four numbers, which are two complex ones. */
static void apply_pairs(const tn_lane_op *op, tn_lanes *r, const tn_lanes *const *o, int count) {
  bool single = tn_form_of(op->operand_type) == TN_FORM_SINGLE;
  for (int i = 0; i < count; i++) {
    if (single)
      op->math(&r->f[i], (float[]){o[0]->f[i], o[1]->f[i]}, (float[]){o[2]->f[i], o[3]->f[i]});
    else
      op->math(&r->d[i], (double[]){o[0]->d[i], o[1]->d[i]}, (double[]){o[2]->d[i], o[3]->d[i]});
  }
}

static void apply_math(const tn_lane_op *op, tn_lanes *r, const tn_lanes *a, const tn_lanes *b, int count) {
  bool single = tn_form_of(op->operand_type) == TN_FORM_SINGLE;
  for (int i = 0; i < count; i++) {
    if (single)
      op->math(&r->f[i], &a->f[i], &b->f[i]);
    else
      op->math(&r->d[i], &a->d[i], &b->d[i]);
  }
}

static void convert(tn_type to, tn_lanes *r, tn_type from, const tn_lanes *a, int count) {
  unsigned char in[TN_STRIP * 8] = {0}, out[TN_STRIP * 8];
  tn_plan_lanes_store(from, in, a, count);
  tn_convert_elements(to, out, from, in, (size_t)count);
  tn_plan_lanes_load(to, r, out, count);
}

/* The same bytes; types under a byte have their bits at the bottom of it. */
static void bitcast(tn_type to, tn_lanes *r, tn_type from, const tn_lanes *a, int count) {
  unsigned char bytes[TN_STRIP * 8] = {0};
  int bits = tn_type_bits(from);
  tn_plan_lanes_store(from, bytes, a, count);
  for (int i = 0; i < count && bits < 8; i++) bytes[i] &= (unsigned char)((1u << bits) - 1);
  tn_plan_lanes_load(to, r, bytes, count);
}

/* One away from zero where the fraction exceeds the random number as a fraction. */
static void stochastic_convert(const tn_lane_op *op, tn_lanes *r, const tn_lanes *a, const tn_lanes *b,
                               int count) {
  int bits = tn_type_bits(op->operand_type);
  bool single = tn_form_of(op->operand_type) == TN_FORM_SINGLE;
  double rounded[TN_STRIP];
  for (int i = 0; i < count; i++) {
    double x = single ? a->f[i] : a->d[i], whole = floor(fabs(x));
    bool up = fabs(x) - whole > ldexp((double)(uint64_t)b->i[i], -bits);
    rounded[i] = isfinite(x) ? copysign(whole + up, x) : x;
  }
  unsigned char out[TN_STRIP * 8];
  tn_convert_elements(op->expr->type, out, TN_F64, rounded, (size_t)count);
  tn_plan_lanes_load(op->expr->type, r, out, count);
}

static void select_lanes(tn_type type, tn_lanes *r, const tn_lanes *p, const tn_lanes *a, const tn_lanes *b,
                         int count) {
  tn_form form = tn_form_of(type);
  for (int i = 0; i < count; i++) {
    if (form == TN_FORM_SINGLE)
      r->f[i] = p->i[i] ? a->f[i] : b->f[i];
    else
      r->i[i] = p->i[i] ? a->i[i] : b->i[i]; /* doubles are copied by their bits */
  }
}

/* minimum(maximum(low, x), high) */
static void clamp_lanes(tn_type type, tn_lanes *r, const tn_lanes *const *operands, int count) {
  tn_lanes raised;
  tn_plan_lanes_join(TN_JOIN_MAXIMUM, type, &raised, operands[0], operands[1], count);
  tn_plan_lanes_join(TN_JOIN_MINIMUM, type, r, &raised, operands[2], count);
}

/* A float format's bits. */
typedef struct {
  int mantissa, exponent;
} float_bits;

static float_bits bits_of(tn_type type) {
  if (type == TN_F16) return (float_bits){10, 5};
  if (type == TN_BF16) return (float_bits){7, 8};
  return type == TN_F64 ? (float_bits){52, 11} : (float_bits){23, 8};
}

/* Rounds the mantissa to m bits, to nearest even, on the bits of `from`; then what is
 * beyond a format of e exponent bits becomes infinite, and what is below its smallest
 * normal number zero. NaNs stay.                                                     */
static uint64_t reduce_precision(float_bits from, uint64_t x, int e, int m) {
  uint64_t sign = UINT64_C(1) << (from.mantissa + from.exponent);
  uint64_t infinity = sign - (UINT64_C(1) << from.mantissa), result = x;
  if ((x & (sign - 1)) > infinity) return x;
  if (m < from.mantissa) {
    uint64_t last = UINT64_C(1) << (from.mantissa - m), odd = (x & last) != 0;
    result = (x + (last >> 1) - 1 + odd) & ~(last - 1);
  }
  if (e >= from.exponent) return result;
  uint64_t bias = (UINT64_C(1) << (from.exponent - 1)) - 1, reduced_bias = (UINT64_C(1) << (e - 1)) - 1;
  uint64_t exponent = (result & infinity) >> from.mantissa;
  if (exponent > bias + reduced_bias) return (x & sign) | infinity;
  return exponent <= bias - reduced_bias ? x & sign : result;
}

/* The same for formats of at most 8 bits, on values: as if they were IEEE's, which not all
 * are, with e <= own exponent bits. `least` is the exponent of the smallest normal number.  */
static double reduce_small(double x, int own, int e, int m) {
  int bias = (1 << ((e < own ? e : own) - 1)) - 1, least = 1 - bias, exponent;
  if (!isfinite(x) || x == 0) return x;
  frexp(x, &exponent);
  exponent--;
  int last = (e >= own && exponent < least ? least : exponent) - m;
  double units = ldexp(fabs(x), -last), whole = rint(units);
  if (m == 0 && units == 1.5) whole = exponent & 1 ? 1 : 2; /* ties leave an odd biased exponent */
  double result = ldexp(whole, last);
  if (e < own && result >= ldexp(1, bias + 1)) result = INFINITY;
  if (e < own && result < ldexp(1, least)) result = 0;
  return copysign(result, x);
}

static void reduce_small_lanes(const tn_expr *expr, tn_lanes *r, const tn_lanes *a, int count) {
  bool power = expr->type == TN_F8E8M0FNU;
  int own = power ? 8 : tn_type_bits(expr->type) - tn_float_precision(expr->type);
  for (int i = 0; i < count; i++)
    r->f[i] = (float)reduce_small(a->f[i], own, expr->op.exponent_bits, expr->op.mantissa_bits);
}

static void reduce_precision_lanes(const tn_expr *expr, tn_lanes *r, const tn_lanes *a, int count) {
  if (tn_type_bits(expr->type) <= 8) {
    reduce_small_lanes(expr, r, a, count);
    return;
  }
  unsigned char packed[TN_STRIP * 8];
  size_t bytes = tn_type_bytes(expr->type);
  tn_plan_lanes_store(expr->type, packed, a, count);
  for (int i = 0; i < count; i++) {
    uint64_t bits = 0;
    memcpy(&bits, packed + (size_t)i * bytes, bytes);
    bits = reduce_precision(bits_of(expr->type), bits, expr->op.exponent_bits, expr->op.mantissa_bits);
    memcpy(packed + (size_t)i * bytes, &bits, bytes);
  }
  tn_plan_lanes_load(expr->type, r, packed, count);
}

#define FMA_LANES(name, attribute)                                                                           \
  attribute static void name(tn_type type, tn_lanes *r, const tn_lanes *const *o, int count) {               \
    for (int i = 0; i < count; i++) {                                                                        \
      if (type == TN_F64)                                                                                    \
        r->d[i] = __builtin_fma(o[0]->d[i], o[1]->d[i], o[2]->d[i]);                                         \
      else                                                                                                   \
        r->f[i] = __builtin_fmaf(o[0]->f[i], o[1]->f[i], o[2]->f[i]);                                        \
    }                                                                                                        \
  }
FMA_LANES(fma_instruction, __attribute__((target("avx2,fma"))))
FMA_LANES(fma_function, )

/* The same bits, with the instruction where this machine has it. */
static void fma_lanes(tn_type type, tn_lanes *r, const tn_lanes *const *o, int count) {
  if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2"))
    fma_instruction(type, r, o, count);
  else
    fma_function(type, r, o, count);
}

static void is_finite(tn_type type, tn_lanes *r, const tn_lanes *a, int count) {
  for (int i = 0; i < count; i++) r->i[i] = type == TN_F64 ? isfinite(a->d[i]) != 0 : isfinite(a->f[i]) != 0;
}

void tn_plan_lanes_apply(const tn_lane_op *op, tn_lanes *r, const tn_lanes *const *o, int count) {
  const tn_expr *expr = op->expr;
  tn_type type = expr->type, from = op->operand_type;
  if (expr->kind == TN_EXPR_FMA) {
    fma_lanes(type, r, o, count);
  } else if (op->math && expr->op.n_operands == 4) {
    apply_pairs(op, r, o, count);
  } else if (op->math) {
    apply_math(op, r, o[0], o[expr->op.n_operands - 1], count);
  } else if (expr->op.op == TN_OP_CONVERT) {
    convert(type, r, from, o[0], count);
    return;
  } else if (expr->op.op == TN_OP_STOCHASTIC_CONVERT) {
    stochastic_convert(op, r, o[0], o[1], count);
    return;
  } else if (expr->op.op == TN_OP_BITCAST_CONVERT) {
    bitcast(type, r, from, o[0], count);
  } else if (expr->op.op == TN_OP_COMPARE) {
    for (int i = 0; i < count; i++) r->i[i] = compare_one(op, o[0], o[1], i);
    return;
  } else if (expr->op.op == TN_OP_SELECT) {
    select_lanes(type, r, o[0], o[1], o[2], count);
  } else if (expr->op.op == TN_OP_CLAMP) {
    clamp_lanes(type, r, o, count);
  } else if (expr->op.op == TN_OP_IS_FINITE) {
    is_finite(from, r, o[0], count);
  } else if (expr->op.op == TN_OP_REDUCE_PRECISION) {
    reduce_precision_lanes(expr, r, o[0], count);
  } else {
    const tn_lanes *last = o[expr->op.n_operands - 1];
    tn_form form = tn_form_of(type);
    bool known = form == TN_FORM_SINGLE   ? single_op(expr->op.op, r, o[0], last, count)
                 : form == TN_FORM_DOUBLE ? double_op(expr->op.op, r, o[0], last, count)
                                          : integer_op(expr->op.op, type, r, o[0], last, count);
    assert(known && "tn_plan_build refuses what has no native form");
    (void)known;
  }
  if (type == TN_F8E8M0FNU && expr->kind == TN_EXPR_OP && tn_op_is_never_zero(expr->op.op))
    for (int i = 0; i < count; i++) r->f[i] = r->f[i] == 0 ? 0x1p-149f : r->f[i];
  settle(type, r, count);
}

void tn_plan_lanes_join(tn_join join, tn_type type, tn_lanes *result, const tn_lanes *a, const tn_lanes *b,
                        int count) {
  static const tn_op ops[] = {[TN_JOIN_ADD] = TN_OP_ADD,         [TN_JOIN_MULTIPLY] = TN_OP_MULTIPLY,
                              [TN_JOIN_MINIMUM] = TN_OP_MINIMUM, [TN_JOIN_MAXIMUM] = TN_OP_MAXIMUM,
                              [TN_JOIN_AND] = TN_OP_AND,         [TN_JOIN_OR] = TN_OP_OR,
                              [TN_JOIN_XOR] = TN_OP_XOR};
  tn_expr expr = {.kind = TN_EXPR_OP, .type = type, .op = {.op = ops[join], .n_operands = 2}};
  tn_lane_op op = {&expr, type, NULL};
  tn_plan_lanes_apply(&op, result, (const tn_lanes *[]){a, b}, count);
}

static void compare_lanes(tn_direction direction, tn_type type, tn_lanes *r, const tn_lanes *a,
                          const tn_lanes *b, int count) {
  tn_expr expr = {.kind = TN_EXPR_OP, .type = TN_PRED, .op = {.op = TN_OP_COMPARE, .direction = direction}};
  expr.op.n_operands = 2;
  tn_lane_op op = {&expr, type, NULL};
  tn_plan_lanes_apply(&op, r, (const tn_lanes *[]){a, b}, count);
}

void tn_plan_lanes_arg_join(tn_join join, const tn_type types[2], tn_lanes *const result[2],
                            const tn_lanes *const a[2], const tn_lanes *const b[2], int count) {
  tn_lanes beyond, equal, nan, number, before, after, first, second;
  compare_lanes(join == TN_JOIN_ARG_MAXIMUM ? TN_GT : TN_LT, types[0], &beyond, a[0], b[0], count);
  compare_lanes(TN_EQ, types[0], &equal, a[0], b[0], count);
  compare_lanes(TN_NE, types[0], &nan, a[0], a[0], count);
  compare_lanes(TN_EQ, types[0], &number, b[0], b[0], count);
  compare_lanes(TN_LT, types[1], &before, a[1], b[1], count);
  compare_lanes(TN_GT, types[1], &after, a[1], b[1], count);
  for (int i = 0; i < count; i++) {
    int64_t keep = beyond.i[i] | (nan.i[i] & (number.i[i] | before.i[i]));
    first.i[i] = keep | (equal.i[i] & after.i[i]);
    second.i[i] = keep | (equal.i[i] & before.i[i]);
  }
  select_lanes(types[0], result[0], &first, a[0], b[0], count);
  select_lanes(types[1], result[1], &second, a[1], b[1], count);
}
