/* Powers of f64: exp(y log x) with the logarithm, and its product with y, in two doubles.
 *
 * |y log x| up to 745 becomes a relative error of the result, so the logarithm has to be
 * right to 2^-64 of itself.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_POWER_F64_H
#define TN_BASE_MATH_POWER_F64_H

#include "base/math/double_double.h"
#include "base/math/exponential_f64.h"

/* f / (2 + f) for f = m - 1, m in [sqrt(1/2), sqrt(2)]: the quotient, and what it leaves. */
INLINE wide ratio_of(vf64 m) {
  vf64 f = m - 1.0, d = m + 1.0, d_low = m - (d - 1.0);
  vf64 inverse = 1.0 / d, s = f * inverse;
  wide p = exact_product(s, d);
  return fast_sum(s, (((f - p.high) - p.low) - s * d_low) * inverse);
}

/* log a for positive finite a. With s as above and z = s^2, log m = 2s + s z (2/3 + z q(z)),
 * where q may be wrong by 2^-53 of itself.                                             */
INLINE wide log_wide(vf64 a) {
  vs64 small = a < 0x1p-1022;
  vf64 m, k = log_exponent(pick_d(small, a * 0x1p54, a), &m);
  k = k - pick_d(small, (vf64)(54.0), (vf64)(0.0));
  wide s = ratio_of(m), z = wide_product(s, s);
  wide b = fast_sum((vf64)(0x1.5555555555555p-1),
                    FMA(z.high, POLYNOMIAL_D(z.high, LOG_WW), (vf64)(0x1.5555555555555p-55)));
  wide tail = wide_product(s, wide_product(z, b));
  wide log_m = wide_sum((wide){2.0 * s.high, 2.0 * s.low}, tail);
  return wide_sum((wide){k * LN2_W_HI, k * LN2_W_LO}, log_m);
}

/* e^(x.high + x.low) */
INLINE vf64 exp_of_wide(wide x) {
  vf64 high = at_least_d(at_most_d(x.high, 710.0), -746.0);
  vf64 low = pick_d(high == x.high, x.low, (vf64)(0.0));
  vf64 rounded = FMA(high, (vf64)(LOG2E_D), (vf64)(ROUNDER_D + 2046));
  vf64 n = rounded - (ROUNDER_D + 2046);
  wide r = fast_sum(FMA(n, (vf64)(-LN2_W_HI), high), FMA(n, (vf64)(-LN2_W_LO), low));
  vf64 p = (r.high + FMA(r.high * r.high, POLYNOMIAL_D(r.high, EXP_W), r.low)) + 1.0;
  return scaled_d(p, (vu64)rounded);
}

/* IEEE's special cases are those of f32. From 2^64 on, every y takes any |x| but 1 out of
 * f64's range.                                                                        */
INLINE vf64 power_f64(vf64 x, vf64 y) {
  vf64 a = magnitude_d(x), b = magnitude_d(y);
  vf64 exponent = at_least_d(at_most_d(y, 0x1p70), -0x1p70);
  wide l = log_wide(a), z = exact_product(exponent, l.high);
  z = fast_sum(z.high, FMA(exponent, l.low, z.low));
  vf64 result = exp_of_wide(z);
  vs64 rises = y > 0.0;
  result = pick_d(a == 0.0, pick_d(rises, (vf64)(0.0), (vf64)(INFINITE_D)), result);
  result = pick_d(a == INFINITE_D, pick_d(rises, (vf64)(INFINITE_D), (vf64)(0.0)), result);

  vs64 fractional = __builtin_elementwise_floor(b) != b;
  vf64 half = 0.5 * b;
  vu64 odd = (vu64)(~fractional & (__builtin_elementwise_floor(half) != half)) & SIGN_BIT_D;
  result = (vf64)((vu64)result | (odd & (vu64)x));
  result = pick_d((x < 0.0) & (x > -INFINITE_D) & fractional, (vf64)(NOT_A_NUMBER_D), result);
  result = pick_d((x != x) | (y != y), x + y, result);
  return pick_d((x == 1.0) | (y == 0.0), (vf64)(1.0), result);
}

#endif
