/* Hyperbolic functions and their inverses, the cube root: f32 by way of f64.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_HYPERBOLIC_H
#define TN_BASE_MATH_HYPERBOLIC_H

#include "base/math/exponential.h"

/* Near 0 the difference of the exponentials cancels. Narrowing makes the infinities. */
INLINE vf32 sinh_f32(vf32 x) {
  vf64 a = widen(magnitude(x));
  vf64 e = exp_d(at_most_d(a, 100.0));
  vf64 a2 = a * a;
  vf64 near = FMA(a * a2, POLYNOMIAL_D(a2, SINH_D), a);
  vf64 y = pick_d(a < 1.0, near, 0.5 * (e - 1.0 / e));
  return with_sign(narrow(y), sign_of(x));
}

INLINE vf32 cosh_f32(vf32 x) {
  vf64 e = exp_d(at_most_d(widen(magnitude(x)), 100.0));
  return narrow(0.5 * (e + 1.0 / e));
}

/* Below 2^-10 the next term of each series is under 2^-40 of the result. */
INLINE vf32 asinh_f32(vf32 x) {
  vf64 a = widen(magnitude(x));
  vf64 a2 = a * a;
  vf64 far = log_d(a + __builtin_elementwise_sqrt(a2 + 1.0));
  vf64 near = FMA(a * a2, (vf64)(-1.0 / 6), a);
  vf32 y = with_sign(narrow(pick_d(a < 0x1p-10, near, far)), sign_of(x));
  return pick(magnitude(x) < INFINITE, y, x);
}

INLINE vf32 acosh_f32(vf32 x) {
  vf64 wide = widen(x);
  vf32 y = narrow(log_d(wide + __builtin_elementwise_sqrt((wide - 1.0) * (wide + 1.0))));
  y = pick(x == INFINITE, x, y);
  return pick(x >= 1.0f, y, (vf32)(NOT_A_NUMBER));
}

INLINE vf32 atanh_f32(vf32 x) {
  vf32 a = magnitude(x);
  vf64 wide = widen(a);
  vf64 far = 0.5 * log_d((1.0 + wide) / (1.0 - wide));
  vf64 near = FMA(wide * wide * wide, (vf64)(1.0 / 3), wide);
  vf32 y = narrow(pick_d(wide < 0x1p-10, near, far));
  y = pick(a == 1.0f, (vf32)(INFINITE), y);
  return pick(a <= 1.0f, with_sign(y, sign_of(x)), (vf32)(NOT_A_NUMBER));
}

/* A third of the exponent (and of the fraction, as if linear) is right to 3.4 %; two
 * steps of Halley's cubic iteration, t (t^3 + 2x) / (2t^3 + x), leave 2^-46.           */
INLINE vf32 cbrt_f32(vf32 x) {
  vf64 a = widen(magnitude(x));
  vu64 third = (((vu64)a >> 32) * 0x55555556ul) >> 32;
  vf64 t = (vf64)((third + 715094124ul) << 32); /* (1023 * 2/3 - 0.0331) 2^20 */
  for (int i = 0; i < 2; i++) {
    vf64 cube = t * t * t;
    t = t * (FMA((vf64)(2.0), a, cube) / FMA((vf64)(2.0), cube, a));
  }
  vf32 y = with_sign(narrow(t), sign_of(x));
  return pick((magnitude(x) < INFINITE) & (x != 0.0f), y, x);
}

#endif
