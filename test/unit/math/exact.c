/* What has one right answer: conversions, integer operations, remainders.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"
#include "base/number.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static uint64_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 32;
}

/* Bits for a number of any magnitude, often with few significant bits and next to a
 * power of two, where rounding changes.                                              */
static uint64_t draw_bits(uint64_t *state) {
  uint64_t bits = next(state) << 32 | next(state);
  switch (next(state) % 4) {
  case 0: return bits;
  case 1: return bits >> next(state) % 64;
  case 2: return (1ull << next(state) % 64) + bits % 5 - 2;
  }
  return (bits | ~0ull >> next(state) % 64) << next(state) % 64;
}

/* A double near the range of `to`, or with a float's bits. */
static double draw_double(uint64_t *state) {
  uint64_t bits = draw_bits(state);
  double d;
  switch (next(state) % 4) {
  case 0: d = (double)(int64_t)bits; break;
  case 1: d = ldexp((double)(int64_t)bits, -(int)(next(state) % 220)); break;
  case 2: d = (double)(int64_t)(bits >> 40) / 8; break;
  default: memcpy(&d, &bits, sizeof d);
  }
  return next(state) % 2 ? d : -d;
}

static bool is_nan(tn_type type, uint64_t bits) {
  return tn_type_is_float(type) && isnan(tn_float_from_bits(type, bits));
}

static void compare_convert(const tn_math_function *f, uint64_t from, uint64_t expected) {
  uint64_t result = 0;
  tn_math_scalar(f, false)(&result, &from, NULL);
  bool same = result == expected || (is_nan(f->result, result) && is_nan(f->result, expected));
  cr_expect(same, "%s(%#llx) = %#llx, not %#llx", f->symbol, (unsigned long long)from,
            (unsigned long long)result, (unsigned long long)expected);
}

static uint64_t mask_of(tn_type type) { return ~0ull >> (64 - 8 * tn_type_bytes(type)); }

/* Saturating, NaN gives 0. */
static uint64_t integer_of(tn_type type, double value) {
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  if (isnan(value)) return 0;
  if (!is_signed) {
    if (value <= 0) return 0;
    return value >= ldexp(1, bits) ? mask_of(type) : (uint64_t)value;
  }
  if (value >= ldexp(1, bits - 1)) return mask_of(type) >> 1;
  if (value < -ldexp(1, bits - 1)) return 1ull << (bits - 1);
  return (uint64_t)(int64_t)value & mask_of(type);
}

Test(exact, floats_to_integers_saturate) {
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  uint64_t state = 3;
  for (size_t row = 0; row < count; row++) {
    if (strcmp(f[row].opcode, "convert") != 0 || !tn_type_is_integer(f[row].result)) continue;
    for (int i = 0; i < 100000; i++) {
      double value = draw_double(&state);
      if (f[row].operand == TN_F32) value = (double)(float)value;
      uint64_t bits = tn_float_to_bits(f[row].operand, value);
      compare_convert(&f[row], bits, integer_of(f[row].result, value));
    }
  }
}

/* Every f16 and bf16, and doubles and floats of all sorts. */
Test(exact, floats_to_floats_round_once) {
  for (uint64_t bits = 0; bits < 0x10000; bits++) {
    double f16 = tn_float_from_bits(TN_F16, bits), bf16 = tn_float_from_bits(TN_BF16, bits);
    compare_convert(tn_math_find_convert(TN_F16, TN_F32), bits, tn_float_to_bits(TN_F32, f16));
    compare_convert(tn_math_find_convert(TN_BF16, TN_F32), bits, tn_float_to_bits(TN_F32, bf16));
  }
  static const tn_type pairs[][2] = {
      {TN_F32, TN_F16}, {TN_F32, TN_BF16}, {TN_F64, TN_F16}, {TN_F64, TN_BF16}};
  uint64_t state = 5;
  for (int pair = 0; pair < 4; pair++)
    for (int i = 0; i < 500000; i++) {
      double value = draw_double(&state);
      if (next(&state) % 2) { /* at and beside the middle of two neighbours, subnormal ones too */
        uint64_t near = next(&state) % 0x7f00;
        value = (tn_float_from_bits(pairs[pair][1], near) + tn_float_from_bits(pairs[pair][1], near + 1)) / 2;
        value = nextafter(value, next(&state) % 2 ? value : draw_double(&state));
      }
      uint64_t bits = tn_float_to_bits(pairs[pair][0], value);
      value = tn_float_from_bits(pairs[pair][0], bits);
      compare_convert(tn_math_find_convert(pairs[pair][0], pairs[pair][1]), bits,
                      tn_float_to_bits(pairs[pair][1], value));
    }
}

/* The oracle rounds a long double, which holds 64-bit integers, to 8 bits. */
static uint64_t bf16_of(long double value) {
  int exponent;
  long double fraction = frexpl(value, &exponent);
  return tn_float_to_bits(TN_BF16, (double)ldexpl(rintl(ldexpl(fraction, 8)), exponent - 8));
}

Test(exact, integers_to_bf16_round_once) {
  uint64_t state = 11;
  for (int i = 0; i < 200000; i++) {
    uint64_t bits = draw_bits(&state);
    compare_convert(tn_math_find_convert(TN_S64, TN_BF16), bits, bf16_of((long double)(int64_t)bits));
    compare_convert(tn_math_find_convert(TN_U64, TN_BF16), bits, bf16_of((long double)bits));
    bits &= 0xffffffff;
    compare_convert(tn_math_find_convert(TN_S32, TN_BF16), bits, bf16_of((long double)(int32_t)bits));
    compare_convert(tn_math_find_convert(TN_U32, TN_BF16), bits, bf16_of((long double)bits));
  }
}

static uint64_t power_of(uint64_t x, uint64_t y) {
  uint64_t result = 1;
  for (; y; y >>= 1, x *= x)
    if (y & 1) result *= x;
  return result;
}

static uint64_t signed_power(int64_t x, int64_t y) {
  if (y >= 0) return power_of((uint64_t)x, (uint64_t)y);
  if (x == 1) return 1;
  return x == -1 ? (y & 1 ? ~0ull : 1) : 0;
}

/* 128 bits hold every quotient, so that only 0 is special. */
static uint64_t right(const char *opcode, __int128 x, __int128 y, int bits) {
  if (strcmp(opcode, "divide") == 0) return (uint64_t)(y == 0 ? -1 : x / y);
  if (strcmp(opcode, "remainder") == 0) return (uint64_t)(y == 0 ? x : x % y);
  uint64_t u = (uint64_t)x & (~0ull >> (64 - bits));
  if (strcmp(opcode, "popcnt") == 0) return (uint64_t)__builtin_popcountll(u);
  return (uint64_t)(u ? __builtin_clzll(u) - (64 - bits) : bits);
}

static void compare_integers(const tn_math_function *f, uint64_t x, uint64_t y) {
  int bits = tn_type_bits(f->operand);
  bool is_signed = tn_type_class_of(f->operand) == TN_CLASS_SIGNED;
  int64_t sx = tn_load_integer(f->operand, &x), sy = tn_load_integer(f->operand, &y);
  uint64_t ux = (uint64_t)sx & mask_of(f->operand), uy = (uint64_t)sy & mask_of(f->operand);
  uint64_t expected, result = 0;
  if (strcmp(f->opcode, "power") == 0)
    expected = is_signed ? signed_power(sx, sy) : power_of(ux, uy);
  else
    expected = is_signed ? right(f->opcode, sx, sy, bits) : right(f->opcode, ux, uy, bits);
  tn_math_scalar(f, false)(&result, &x, &y);
  expected &= mask_of(f->result);
  cr_expect_eq(result, expected, "%s(%#llx, %#llx) = %#llx, not %#llx", f->symbol, (unsigned long long)ux,
               (unsigned long long)uy, (unsigned long long)result, (unsigned long long)expected);
}

/* 8 bits: all pairs. */
Test(exact, integers) {
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  uint64_t state = 13;
  for (size_t row = 0; row < count; row++) {
    if (!tn_type_is_integer(f[row].operand) || !tn_type_is_integer(f[row].result)) continue;
    for (uint64_t i = 0; i < 0x10000; i++)
      if (f[row].operand == TN_S8 || f[row].operand == TN_U8)
        compare_integers(&f[row], i >> 8, i & 0xff);
      else
        compare_integers(&f[row], draw_bits(&state), draw_bits(&state));
  }
}

Test(exact, remainders) {
  uint64_t state = 17;
  for (int i = 0; i < 300000; i++) {
    double x = draw_double(&state), y = draw_double(&state), z;
    if (i % 3 == 0) y = ldexp(x, -(int)(next(&state) % 80)) * (1 + (double)next(&state) * 0x1p-40);
    tn_math_scalar(tn_math_find("remainder", TN_F64), false)(&z, &x, &y);
    double expected = fmod(x, y);
    cr_expect((isnan(z) && isnan(expected)) || memcmp(&z, &expected, sizeof z) == 0, "%a %% %a = %a, not %a",
              x, y, z, expected);
    float fx = (float)x, fy = (float)y, fz, right = fmodf(fx, fy);
    for (int fma = 0; fma < 2; fma++) {
      tn_math_scalar(tn_math_find("remainder", TN_F32), fma)(&fz, &fx, &fy);
      cr_expect((isnan(fz) && isnan(right)) || memcmp(&fz, &right, sizeof fz) == 0, "%a %% %a = %a, not %a",
                (double)fx, (double)fy, (double)fz, (double)right);
    }
  }
}
