/* Hyperbolic functions of f64 and their inverses, the cube root.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_HYPERBOLIC_F64_H
#define TN_BASE_MATH_HYPERBOLIC_F64_H

#include "base/math/exponential_f64.h"

/* With e = e^|x| - 1: (e + e / (e + 1)) / 2. The quotient is 1 long before e is large. */
INLINE vf64 sinh_f64(vf64 x) {
  vf64 a = magnitude_d(x);
  vf64 half = 2.0 * quarter_exp_minus_one_d(at_most_d(a, 710.6));
  vf64 limited = at_most_d(half, 0x1p60);
  vf64 y = half + limited / FMA((vf64)(2.0), limited, (vf64)(1.0));
  return with_sign_d(pick_d(a < 0x1p-28, a, y), x);
}

INLINE vf64 cosh_f64(vf64 x) {
  vu64 u;
  vf64 p = exp_reduced_d(at_most_d(magnitude_d(x), 710.6), 1021, &u) + 1.0;
  vf64 quarter = p * (vf64)(u << 52);
  return 2.0 * (quarter + 0.0625 / quarter);
}

/* log(1 + t), of a t that overflowed log(1 + x) + ln 2. */
INLINE vf64 log_of_double(vf64 t, vf64 x) {
  vs64 large = x > 0x1p60;
  return log_plus_one_d(pick_d(large, x, t)) + pick_d(large, (vf64)(LN2_D), (vf64)(0.0));
}

/* x + sqrt(x^2 + 1) = 1 + (x + x^2 / (1 + sqrt(x^2 + 1))) */
INLINE vf64 asinh_f64(vf64 x) {
  vf64 a = magnitude_d(x), a2 = a * a;
  vf64 t = a + a2 / (1.0 + __builtin_elementwise_sqrt(1.0 + a2));
  vf64 y = pick_d((a < 0x1p-28) | ~(a < INFINITE_D), a, log_of_double(t, a));
  return with_sign_d(y, x);
}

/* x + sqrt(x^2 - 1) = 1 + (u + sqrt(u (u + 2))), u = x - 1 */
INLINE vf64 acosh_f64(vf64 x) {
  vf64 u = x - 1.0;
  vf64 t = u + __builtin_elementwise_sqrt(u * (u + 2.0));
  vf64 y = pick_d(x == INFINITE_D, x, log_of_double(t, x));
  return pick_d(x >= 1.0, y, (vf64)(NOT_A_NUMBER_D));
}

/* (1 + x) / (1 - x) = 1 + 2x / (1 - x) */
INLINE vf64 atanh_f64(vf64 x) {
  vf64 a = magnitude_d(x);
  vf64 y = 0.5 * log_plus_one_d(2.0 * a / (1.0 - a));
  y = pick_d(a < 0x1p-28, a, y);
  y = pick_d(a == 1.0, (vf64)(INFINITE_D), y);
  return pick_d(a <= 1.0, with_sign_d(y, x), (vf64)(NOT_A_NUMBER_D));
}

/* |x| = 2^(3q) m with m in [1, 8). m^(-1/3) to 2^-14 by a polynomial, to 2^-42 by one step
 * of a cubic iteration; its square times m is the root, which one of Newton's steps
 * finishes with the residual of the root itself. No division.                          */
INLINE vf64 cbrt_f64(vf64 x) {
  vf64 a = magnitude_d(x);
  vs64 small = a < 0x1p-1022;
  vu64 bits = (vu64)pick_d(small, a * 0x1p54, a);
  vu64 exponent = bits >> 52, third = (exponent * 21846) >> 16; /* 1023 is 3 * 341 */
  vu64 rest = exponent - 3 * third;
  vf64 fraction = (vf64)((bits & MANTISSA_D) | ONE_BITS_D);
  vf64 m = (vf64)((vu64)fraction + (rest << 52));
  vf64 y = POLYNOMIAL_D(fraction - 1.0, CBRT_W);
  y = y * pick_d(rest == 0, (vf64)(1.0),
                 pick_d(rest == 1, (vf64)(0x1.965fea53d6e3dp-1), (vf64)(0x1.428a2f98d728bp-1)));
  vf64 error = FMA(-m * y, y * y, (vf64)(1.0));
  y = FMA(y * error, FMA((vf64)(2.0 / 9), error, (vf64)(1.0 / 3)), y);
  vf64 y2 = y * y, root = m * y2;
  root = FMA(FMA(-root * root, root, m), y2 * (1.0 / 3), root);
  root = root * (vf64)((third + 682) << 52) * pick_d(small, (vf64)(0x1p-18), (vf64)(1.0));
  return pick_d((a < INFINITE_D) & (a > 0.0), with_sign_d(root, x), x);
}

#endif
