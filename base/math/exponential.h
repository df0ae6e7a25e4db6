/* Exponentials and logarithms of f32, and what is made of them.
 *
 * Where f32 holds enough, f32 is used (exp, log, tanh, logistic, erf, expm1, log1p: two
 * to three cycles a lane at 4 lanes, under one at 16); power and the hyperbolic
 * functions go through f64, whose 29 spare bits take the place of double-float tricks.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_EXPONENTIAL_H
#define TN_BASE_MATH_EXPONENTIAL_H

#include "base/math/coefficients.h"
#include "base/math/lanes.h"

/* x = n ln 2 + r, |r| <= ln 2 / 2 and a little. n is in the low bits of *bits, biased;
 * returns e^r - 1 with a small error relative to itself. |x| < 2^9, or NaN.
 * n times the upper part of ln 2 is exact, so both variants of fma lose nothing.      */
INLINE vf32 exp_reduced(vf32 x, f32 bias, vu32 *bits) {
  vf32 rounded = FMA(x, (vf32)(LOG2E_F), (vf32)(ROUNDER(bias)));
  vf32 n = rounded - ROUNDER(bias);
  vf32 r = FMA(n, (vf32)(-LN2_F_HI), x);
  r = FMA(n, (vf32)(-LN2_F_LO), r);
  *bits = (vu32)rounded;
  return FMA(r * r, POLYNOMIAL(r, EXP_F), r);
}

/* e^x for x in [-104, 89] or NaN. 2^n is applied as two factors with biased exponents
 * u/2 and u - u/2, where u = n + 254: the first product is exact, the second rounds
 * once, also to subnormals and infinity.                                             */
INLINE vf32 exp_clamped(vf32 x) {
  vu32 u;
  vf32 p = exp_reduced(x, 254, &u) + 1.0f;
  vu32 half = (u << 22) & 0x7f800000u;
  vu32 rest = (u << 23) - half;
  return p * (vf32)half * (vf32)rest;
}

/* e^x where 2^n is normal: x in [-86, 87] or NaN. */
INLINE vf32 exp_normal(vf32 x) {
  vu32 u;
  vf32 p = exp_reduced(x, 127, &u) + 1.0f;
  return p * (vf32)(u << 23);
}

INLINE vf32 exponential_f32(vf32 x) { return exp_clamped(at_least(at_most(x, 89.0f), -104.0f)); }

/* 2^(n-1) ((e^r - 1) + (1 - 2^-n)), doubled: n may be 128. Tiny x is its own result and
 * must not meet the halving, which would round subnormals.                            */
INLINE vf32 exponential_minus_one_f32(vf32 x) {
  vu32 u;
  vf32 p = exp_reduced(at_least(at_most(x, 89.0f), -18.0f), 126, &u);
  vf32 half = (vf32)(u << 23);
  vf32 y = FMA(half, p, half - 0.5f) * 2.0f;
  return pick(magnitude(x) < 0x1p-26f, x, y);
}

/* (e^2|x| - 1) / (e^2|x| + 1), the numerator kept relative to itself; for small x, where
 * its rounding and the denominator's would count twice, an odd polynomial.            */
INLINE vf32 tanh_f32(vf32 x) {
  vf32 a = magnitude(x), a2 = a * a;
  vf32 near = FMA(a * a2, POLYNOMIAL(a2, TANH_F), a);
  vu32 u;
  vf32 p = exp_reduced(at_most(a, 9.2f) * 2.0f, 127, &u);
  vf32 scale = (vf32)(u << 23);
  vf32 e = FMA(scale, p, scale - 1.0f);
  vf32 far = e / (e + 2.0f);
  return with_sign(pick(a < TANH_SPLIT_F, near, far), sign_of(x));
}

/* e^-|x| never overflows and keeps the left tail, down to subnormals. */
INLINE vf32 logistic_f32(vf32 x) {
  vf32 e = exp_clamped(at_least(-magnitude(x), -104.0f));
  return pick(x < 0.0f, e, (vf32)(1.0f)) / (1.0f + e);
}

/* An odd polynomial near 0, 1 - exp(polynomial) outside; from 4 on the result is 1. */
INLINE vf32 erf_f32(vf32 x) {
  vf32 a = magnitude(x);
  vf32 near = FMA(a, POLYNOMIAL(a * a, ERF_F), a);
  vf32 far = 1.0f - exp_normal(POLYNOMIAL(at_most(a, 4.0f) - ERF_SPLIT_F, ERFC_F));
  return with_sign(pick(a < ERF_SPLIT_F, near, far), sign_of(x));
}

/* log(1 + f) + k ln 2 for f in [sqrt(1/2) - 1, sqrt(2) - 1] and an integer k. */
INLINE vf32 log_reduced(vf32 f, vf32 k) {
  vf32 f2 = f * f;
  vf32 y = FMA(f2 * f, POLYNOMIAL(f, LOG_F), k * LN2_F_LO);
  y = FMA((vf32)(-0.5f), f2, y);
  return FMA(k, (vf32)(LN2_F_HI), f + y);
}

#define SQRT_HALF_BITS 0x3f3504f3u

/* What a logarithm that is right for positive finite x gives elsewhere. */
INLINE vf32 log_edges(vf32 x, vf32 y) {
  y = pick(x == INFINITE, x, y);
  y = pick(x == 0.0f, (vf32)(-INFINITE), y);
  return pick(x >= 0.0f, y, (vf32)(NOT_A_NUMBER));
}

INLINE vf32 log_f32(vf32 x) {
  vs32 small = x < 0x1p-126f;
  vf32 normal = pick(small, x * 0x1p23f, x);
  vs32 above = (vs32)normal - (s32)SQRT_HALF_BITS;
  vf32 k = __builtin_convertvector(above >> 23, vf32) - pick(small, (vf32)(23.0f), (vf32)(0.0f));
  vf32 m = (vf32)((above & 0x7fffff) + (s32)SQRT_HALF_BITS);
  return log_edges(x, log_reduced(m - 1.0f, k));
}

/* 1 + x = 2^k (1 + f) where k is that of the rounded 1 + x, and f = 2^-k x + (2^-k - 1)
 * takes x itself, so that nothing of it is lost; k = 0 gives f = x.                    */
INLINE vf32 log_plus_one_f32(vf32 x) {
  vf32 sum = 1.0f + x;
  vs32 above = (vs32)sum - (s32)SQRT_HALF_BITS;
  vs32 k = above >> 23;
  vf32 m = (vf32)((above & 0x7fffff) + (s32)SQRT_HALF_BITS);
  vs32 large = x > 0x1p30f;
  vf32 scale = (vf32)(((127 - k) & 0xff) << 23);
  vf32 f = pick(large, m - 1.0f, FMA(x, scale, scale - 1.0f));
  vf32 y = log_reduced(f, __builtin_convertvector(k, vf32));
  y = pick(x == INFINITE, x, y);
  y = pick(x == -1.0f, (vf32)(-INFINITE), y);
  y = pick(magnitude(x) < 0x1p-26f, x, y);
  return pick(x >= -1.0f, y, (vf32)(NOT_A_NUMBER));
}

/* e^x in f64 to 2^-32, for |x| <= 700. NaN gives NaN. */
INLINE vf64 exp_d(vf64 x) {
  vf64 rounded = FMA(x, (vf64)(LOG2E_D), (vf64)(ROUNDER_D));
  vf64 n = rounded - ROUNDER_D;
  vf64 r = FMA(n, (vf64)(-LN2_D), x);
  vf64 p = FMA(r * r, POLYNOMIAL_D(r, EXP_D), r) + 1.0;
  return (vf64)((vu64)p + ((vu64)rounded << 52));
}

#define SQRT_HALF_BITS_D 0x3fe6a09e667f3bcdul

/* log x in f64, 2^-44 relative to itself, for positive normal finite x; anything else
 * gives arbitrary numbers. The exponent, biased, becomes a double by its bits: vector
 * conversions from 64-bit integers are rare before AVX-512.                           */
INLINE vf64 log_d(vf64 x) {
  vu64 above = (vu64)x + (ONE_BITS_D - SQRT_HALF_BITS_D);
  vf64 k = (vf64)((above >> 52) | 0x4330000000000000ul) - (0x1p52 + 1023);
  vf64 m = (vf64)((above & MANTISSA_D) + SQRT_HALF_BITS_D);
  vf64 s = (m - 1.0) / (m + 1.0);
  return FMA(k, (vf64)(LN2_D), s * POLYNOMIAL_D(s * s, LOG_D));
}

/* exp(y log |x|) in f64, then IEEE's special cases:
 *   x^0 = 1^y = 1, also for NaN; (-1)^±inf = 1; a negative finite x with a fractional y
 *   is NaN; an odd y keeps x's sign, also that of zero and infinity.
 * Every float from 2^24 on is an even integer.                                        */
INLINE vf32 power_f32(vf32 x, vf32 y) {
  vf32 a = magnitude(x), b = magnitude(y);
  vf64 l = log_d(widen(a));
  l = pick_d(widen_mask(a == 0.0f), (vf64)(-INFINITE_D), l);
  l = pick_d(widen_mask(a == INFINITE), (vf64)(INFINITE_D), l);
  vf64 z = widen(y) * l;
  z = at_least_d(at_most_d(z, 200.0), -200.0);
  z = pick_d(widen_mask(a == 1.0f), (vf64)(0.0), z);
  vf32 result = narrow(exp_d(z));

  vs32 big = ~(b < 0x1p24f);
  vs32 whole = __builtin_convertvector(pick(big, (vf32)(0.0f), b), vs32);
  vs32 fractional = ~big & (__builtin_convertvector(whole, vf32) != b);
  vu32 odd = (vu32)(whole << 31) & (vu32)~fractional;
  result = with_sign(result, sign_of(x) & odd);
  result = pick((x < 0.0f) & (x > -INFINITE) & fractional, (vf32)(NOT_A_NUMBER), result);
  result = pick((x != x) | (y != y), x + y, result);
  return pick((x == 1.0f) | (y == 0.0f), (vf32)(1.0f), result);
}

INLINE vf32 sqrt_f32(vf32 x) { return __builtin_elementwise_sqrt(x); }
INLINE vf64 sqrt_f64(vf64 x) { return __builtin_elementwise_sqrt(x); }
INLINE vf32 rsqrt_f32(vf32 x) { return 1.0f / __builtin_elementwise_sqrt(x); }
INLINE vf64 rsqrt_f64(vf64 x) { return 1.0 / __builtin_elementwise_sqrt(x); }

#endif
