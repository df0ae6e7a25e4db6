/* Exponentials and logarithms of f64, and what is made of them.
 *
 * The forms are those of f32's functions with longer polynomials. Each takes what the
 * machine has, no more: one polynomial, one division where the formula has one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_EXPONENTIAL_F64_H
#define TN_BASE_MATH_EXPONENTIAL_F64_H

#include "base/math/coefficients.h"
#include "base/math/exponential.h"
#include "base/math/lanes.h"

/* x = n ln 2 + r, |r| <= ln 2 / 2 and a little. n is in the low bits of *bits, biased;
 * returns e^r - 1 with a small error relative to itself. |x| < 2^11, or NaN.
 * n times the upper part of ln 2 is exact, so both variants of fma lose nothing.      */
INLINE vf64 exp_reduced_d(vf64 x, f64 bias, vu64 *bits) {
  vf64 rounded = FMA(x, (vf64)(LOG2E_D), (vf64)(ROUNDER_D + bias));
  vf64 n = rounded - (ROUNDER_D + bias);
  vf64 r = FMA(n, (vf64)(-LN2_W_HI), x);
  r = FMA(n, (vf64)(-LN2_W_LO), r);
  *bits = (vu64)rounded;
  return FMA(r * r, POLYNOMIAL_D(r, EXP_W), r);
}

/* p 2^n for u = n + 2046, as two factors: the first product is exact, the second rounds
 * once, also to subnormals and infinity. p is near 1.                                 */
INLINE vf64 scaled_d(vf64 p, vu64 u) {
  vu64 half = (u << 51) & 0x7ff0000000000000ul;
  vu64 rest = (u << 52) - half;
  return p * (vf64)half * (vf64)rest;
}

/* e^x for x in [-746, 710] or NaN. */
INLINE vf64 exp_clamped_d(vf64 x) {
  vu64 u;
  vf64 p = exp_reduced_d(x, 2046, &u) + 1.0;
  return scaled_d(p, u);
}

INLINE vf64 exponential_f64(vf64 x) { return exp_clamped_d(at_least_d(at_most_d(x, 710.0), -746.0)); }

/* (e^x - 1) / 4 for x in [-40, 710.6] or NaN, 2^(n-2) ((e^r - 1) + (1 - 2^-n)): a quarter,
 * so that 2^n may be beyond the largest double. Tiny x would lose bits: callers take x.  */
INLINE vf64 quarter_exp_minus_one_d(vf64 x) {
  vu64 u;
  vf64 p = exp_reduced_d(x, 1021, &u);
  vf64 quarter = (vf64)(u << 52);
  return FMA(quarter, p, quarter - 0.25);
}

INLINE vf64 exponential_minus_one_f64(vf64 x) {
  vf64 y = quarter_exp_minus_one_d(at_least_d(at_most_d(x, 710.0), -40.0)) * 4.0;
  return pick_d(magnitude_d(x) < 0x1p-54, x, y);
}

/* log(1 + f) + k ln 2 for f in [sqrt(1/2) - 1, sqrt(2) - 1] and an integer k: with
 * s = f / (2 + f), log(1 + f) = 2s + s^3 p(s^2), and 2s = f - f^2/2 + s f^2/2, of which
 * f carries no error.                                                                */
INLINE vf64 log_reduced_d(vf64 f, vf64 k) {
  vf64 s = f / (2.0 + f), z = s * s, square = 0.5 * f * f;
  vf64 y = FMA(s, FMA(z, POLYNOMIAL_D(z, LOG_W), square), k * LN2_W_LO);
  return FMA(k, (vf64)(LN2_W_HI), f - (square - y));
}

/* What a logarithm that is right for positive finite x gives elsewhere. */
INLINE vf64 log_edges_d(vf64 x, vf64 y) {
  y = pick_d(x == INFINITE_D, x, y);
  y = pick_d(x == 0.0, (vf64)(-INFINITE_D), y);
  return pick_d(x >= 0.0, y, (vf64)(NOT_A_NUMBER_D));
}

/* x = 2^k m with m in [sqrt(1/2), sqrt(2)], for normal positive x. The exponent, biased,
 * becomes a double by its bits: vector conversions from 64-bit integers are rare before
 * AVX-512.                                                                           */
INLINE vf64 log_exponent(vf64 x, vf64 *m) {
  vu64 above = (vu64)x + (ONE_BITS_D - SQRT_HALF_BITS_D);
  *m = (vf64)((above & MANTISSA_D) + SQRT_HALF_BITS_D);
  return (vf64)((above >> 52) | 0x4330000000000000ul) - (0x1p52 + 1023);
}

INLINE vf64 log_f64(vf64 x) {
  vs64 small = x < 0x1p-1022;
  vf64 m, k = log_exponent(pick_d(small, x * 0x1p54, x), &m);
  k = k - pick_d(small, (vf64)(54.0), (vf64)(0.0));
  return log_edges_d(x, log_reduced_d(m - 1.0, k));
}

/* log(1 + x) for x in (-1, 2^1000): 1 + x = 2^k (1 + f) where k is that of the rounded
 * 1 + x, and f = 2^-k x + (2^-k - 1) takes x itself, so that nothing of it is lost; k = 0
 * gives f = x.                                                                       */
INLINE vf64 log_plus_one_d(vf64 x) {
  vf64 m, k = log_exponent(1.0 + x, &m);
  vf64 scale = (vf64)((2046ul << 52) - (((vu64)(1.0 + x) + (ONE_BITS_D - SQRT_HALF_BITS_D)) & ~MANTISSA_D));
  vf64 f = FMA(x, scale, scale - 1.0);
  return log_reduced_d(pick_d(x > 0x1p60, m - 1.0, f), k);
}

INLINE vf64 log_plus_one_f64(vf64 x) {
  vf64 y = log_plus_one_d(x);
  y = pick_d(x == INFINITE_D, x, y);
  y = pick_d(x == -1.0, (vf64)(-INFINITE_D), y);
  y = pick_d(magnitude_d(x) < 0x1p-54, x, y);
  return pick_d(x >= -1.0, y, (vf64)(NOT_A_NUMBER_D));
}

/* (e^2|x| - 1) / (e^2|x| + 1) */
INLINE vf64 tanh_f64(vf64 x) {
  vf64 a = magnitude_d(x);
  vf64 q = quarter_exp_minus_one_d(at_most_d(a, 20.0) * 2.0);
  return with_sign_d(pick_d(a < 0x1p-28, a, q / (q + 0.5)), x);
}

/* e^-|x| never overflows and keeps the left tail, down to subnormals. */
INLINE vf64 logistic_f64(vf64 x) {
  vf64 e = exp_clamped_d(at_least_d(-magnitude_d(x), -746.0));
  return pick_d(x < 0.0, e, (vf64)(1.0)) / (1.0 + e);
}

/* An odd polynomial near 0, 1 - exp(polynomial) outside; from 5.94 on the result is 1. */
INLINE vf64 erf_f64(vf64 x) {
  vf64 a = magnitude_d(x);
  vf64 near = FMA(a, POLYNOMIAL_D(a * a, ERF_W), a);
  vu64 u;
  vf64 p = exp_reduced_d(POLYNOMIAL_D(at_most_d(a, 5.9375) - ERF_SPLIT_W, ERFC_W), 1023, &u) + 1.0;
  vf64 far = 1.0 - p * (vf64)(u << 52);
  return with_sign_d(pick_d(a < ERF_SPLIT_W, near, far), x);
}

#endif
