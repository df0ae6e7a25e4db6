/* Special values: every function on zeros, infinities, NaN, subnormals and around the
 * places where its formula changes; functions of two operands on all pairs of them.
 *
 * The oracle is the C library, whose functions follow IEEE 754 and annex F, and which is
 * near enough to tell a right float from a wrong one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/lanes.h"
#include "test/unit/math/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const float places[] = {0.0f,
                               0x1p-149f,
                               0x1p-148f,
                               0x1p-140f,
                               0x1.fffffcp-127f,
                               0x1p-126f,
                               0x1p-100f,
                               0x1p-75f,
                               0x1p-64f,
                               0x1p-27f,
                               0x1p-26f,
                               0x1p-25f,
                               0x1p-24f,
                               0x1p-14f,
                               0x1p-13f,
                               0x1p-12f,
                               0x1p-10f,
                               0.125f,
                               0.34657359f,
                               0.375f,
                               0.5f,
                               0.70710678f,
                               0.78539816f,
                               0.875f,
                               1.0f,
                               1.41421356f,
                               1.5f,
                               1.57079633f,
                               2.0f,
                               2.35619449f,
                               2.5f,
                               3.0f,
                               3.14159265f,
                               3.92f,
                               4.0f,
                               4.5f,
                               5.0f,
                               9.0f,
                               9.2f,
                               16.0f,
                               17.5f,
                               18.0f,
                               27.0f,
                               86.0f,
                               87.33655f,
                               88.02969f,
                               88.72284f,
                               89.0f,
                               89.41599f,
                               100.0f,
                               103.27893f,
                               103.97208f,
                               104.0f,
                               126.0f,
                               127.0f,
                               128.0f,
                               149.0f,
                               150.0f,
                               151.0f,
                               0x1p22f,
                               0x1p23f,
                               0x1.000002p23f,
                               0x1p24f,
                               0x1.000002p24f,
                               0x1p25f,
                               0x1p30f,
                               0x1p31f,
                               0x1p32f,
                               0x1p62f,
                               0x1p64f,
                               0x1p100f,
                               0x1p126f,
                               0x1.fffffep126f,
                               0x1p127f,
                               0x1.fffffep127f,
                               INFINITY};

enum { PLACES = sizeof places / sizeof *places, NEAR = 2, VALUES = PLACES * (2 * NEAR + 1) * 2 + 1 };

/* Each place, its neighbours, all of either sign, and NaN. */
static int special_values(float *values) {
  int n = 0;
  for (int i = 0; i < PLACES; i++)
    for (int step = -NEAR; step <= NEAR; step++) {
      int64_t bits = (int64_t)tn_bits_of(places[i]) + step;
      if (bits < 0 || bits > 0x7f800000) continue;
      values[n++] = tn_float_of((uint32_t)bits);
      values[n++] = -tn_float_of((uint32_t)bits);
    }
  values[n++] = NAN;
  return n;
}

static void expect_near(const tn_math_function *f, bool fma, float x, float y) {
  float result;
  tn_math_scalar(f, fma)(&result, &x, &y);
  const reference *r = reference_find(f->opcode);
  double error = reference_quick_error(r, x, y, result);
  double promise = f->ulp > 0 ? f->ulp : 0.5;
  if (error > promise && !isinf(error)) error = reference_exact_error(r, x, y, result);
  cr_expect(error <= promise, "%s(%a, %a) = %a %s fma: %g ulp", f->opcode, (double)x, (double)y,
            (double)result, fma ? "with" : "without", error);
}

Test(special, unary) {
  float values[VALUES];
  int n = special_values(values);
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  for (size_t row = 0; row < count; row++) {
    const reference *r = reference_find(f[row].opcode);
    if (!r || f[row].operand != TN_F32 || f[row].part || f[row].arity != 1) continue;
    for (int i = 0; i < n; i++)
      for (int fma = 0; fma < 2; fma++) expect_near(&f[row], fma, values[i], 0);
  }
}

Test(special, binary) {
  float values[VALUES];
  int n = special_values(values);
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  for (size_t row = 0; row < count; row++) {
    const reference *r = reference_find(f[row].opcode);
    if (!r || f[row].operand != TN_F32 || f[row].part || f[row].arity != 2) continue;
    for (int i = 0; i < n; i++)
      for (int k = 0; k < n; k++) expect_near(&f[row], (i ^ k) & 1, values[i], values[k]);
  }
}

/* ---- f64 ---- */

static const double places_f64[] = {0.0,
                                    0x1p-1074,
                                    0x1p-1073,
                                    0x1p-1060,
                                    0x1.ffffffffffffcp-1023,
                                    0x1p-1022,
                                    0x1p-1000,
                                    0x1p-500,
                                    0x1p-60,
                                    0x1p-54,
                                    0x1p-53,
                                    0x1p-30,
                                    0x1p-28,
                                    0x1p-26,
                                    0x1p-10,
                                    0.25,
                                    0.34657359027997264,
                                    0.41421356237309503,
                                    0.5,
                                    0.70710678118654752,
                                    0.78539816339744828,
                                    1.0,
                                    1.4142135623730951,
                                    1.5,
                                    1.5707963267948966,
                                    2.0,
                                    3.0,
                                    3.1415926535897931,
                                    4.0,
                                    5.0,
                                    5.9375,
                                    7.0,
                                    20.0,
                                    36.7,
                                    40.0,
                                    708.3964185322641,
                                    709.782712893384,
                                    710.0,
                                    710.4758600739439,
                                    710.6,
                                    744.4400719213812,
                                    745.13321910194111,
                                    746.0,
                                    1022.0,
                                    1023.0,
                                    1024.0,
                                    1074.0,
                                    1075.0,
                                    32768.0,
                                    0x1p20,
                                    0x1p31,
                                    0x1p51,
                                    0x1p52,
                                    0x1p53,
                                    0x1p54,
                                    0x1p60,
                                    0x1p63,
                                    0x1p64,
                                    0x1p70,
                                    0x1p500,
                                    0x1.6ac5b262ca1ffp849, /* nearest of all to a multiple of pi/2 */
                                    0x1p1020,
                                    0x1p1022,
                                    0x1p1023,
                                    0x1.fffffffffffffp1023,
                                    INFINITY};

enum { PLACES_F64 = sizeof places_f64 / sizeof *places_f64, VALUES_F64 = PLACES_F64 * 3 * 2 + 1 };

static int special_values_f64(double *values) {
  int n = 0;
  for (int i = 0; i < PLACES_F64; i++)
    for (int64_t step = -1; step <= 1; step++) {
      int64_t bits = (int64_t)tn_bits_of_double(places_f64[i]) + step;
      if (bits < 0 || bits > 0x7ff0000000000000) continue;
      values[n++] = tn_double_of((uint64_t)bits);
      values[n++] = -tn_double_of((uint64_t)bits);
    }
  values[n++] = NAN;
  return n;
}

static void expect_near_f64(const tn_math_function *f, bool fma, double x, double y) {
  double result;
  tn_math_scalar(f, fma)(&result, &x, &y);
  const reference *r = reference_find(f->opcode);
  double error = reference_quick_error_f64(r, x, y, result);
  double promise = f->ulp > 0 ? f->ulp : 0.5;
  if (error > promise) error = reference_exact_error_f64(r, x, y, result);
  cr_expect(error <= promise, "%s(%a, %a) = %a %s fma: %g ulp", f->opcode, x, y, result,
            fma ? "with" : "without", error);
}

Test(special, doubles) {
  double values[VALUES_F64];
  int n = special_values_f64(values);
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  for (size_t row = 0; row < count; row++) {
    if (!reference_find(f[row].opcode) || f[row].operand != TN_F64 || f[row].part) continue;
    for (int i = 0; i < n; i++)
      for (int k = 0; k < (f[row].arity == 1 ? 2 : n); k++)
        expect_near_f64(&f[row], f[row].arity == 1 ? k : (i ^ k) & 1, values[i], values[k]);
  }
}

/* Even and odd powers and their signs, which magnitudes alone do not show. */
Test(special, powers_of_negative_numbers) {
  const tn_math_function *f = tn_math_find("power", TN_F32);
  for (int base = -9; base <= -1; base++)
    for (int exponent = -20; exponent <= 20; exponent++) {
      expect_near(f, false, (float)base, (float)exponent);
      expect_near(f, true, (float)base, (float)exponent);
      expect_near_f64(tn_math_find("power", TN_F64), exponent & 1, base, exponent);
    }
}

static void expect_rounding(const char *opcode, float (*right)(float), double (*right_d)(double)) {
  float values[VALUES];
  int n = special_values(values);
  for (int i = 0; i < n; i++)
    for (int eighth = 0; eighth < 8; eighth++) {
      float x = values[i] + (float)eighth / 8, y;
      tn_math_scalar(tn_math_find(opcode, TN_F32), false)(&y, &x, NULL);
      cr_expect(tn_bits_of(y) == tn_bits_of(right(x)) || isnan(x), "%s(%a) = %a", opcode, (double)x, (double)y);
      double wide = (double)x, result;
      tn_math_scalar(tn_math_find(opcode, TN_F64), false)(&result, &wide, NULL);
      double expected = right_d(wide);
      cr_expect(memcmp(&result, &expected, sizeof result) == 0 || isnan(x), "%s(%a) = %a", opcode, wide,
                result);
    }
}

static float sign(float x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double sign_d(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

Test(special, rounding) {
  expect_rounding("floor", floorf, floor);
  expect_rounding("ceil", ceilf, ceil);
  expect_rounding("round-nearest-even", rintf, rint);
  expect_rounding("round-nearest-afz", roundf, round);
  expect_rounding("sign", sign, sign_d);
  expect_rounding("sqrt", sqrtf, sqrt);
}
