/* Numbers as the sum of two doubles: what f64's functions need beyond f64.
 *
 * The low part is at most half a last place of the high one. Sums and products below are
 * exact unless they overflow or underflow (T. J. Dekker, "A floating-point technique for
 * extending the available precision", Numer. Math. 18, 1971); without fma a product's
 * error comes from halves of its factors, which must stay below 2^996.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_DOUBLE_DOUBLE_H
#define TN_BASE_MATH_DOUBLE_DOUBLE_H

#include "base/math/lanes.h"

typedef struct {
  vf64 high, low;
} wide;

/* a + b for |a| >= |b|, or a = 0. */
INLINE wide fast_sum(vf64 a, vf64 b) {
  vf64 high = a + b;
  return (wide){high, b - (high - a)};
}

INLINE wide exact_sum(vf64 a, vf64 b) {
  vf64 high = a + b, part = high - a;
  return (wide){high, (a - (high - part)) + (b - part)};
}

#if TN_MATH_FMA
INLINE wide exact_product(vf64 a, vf64 b) {
  vf64 high = a * b;
  return (wide){high, __builtin_elementwise_fma(a, b, -high)};
}
#else
/* 26 bits on top. */
INLINE vf64 upper_half(vf64 a) {
  vf64 scaled = a * 0x1.0000002p27;
  return scaled - (scaled - a);
}
INLINE wide exact_product(vf64 a, vf64 b) {
  vf64 high = a * b;
  vf64 a1 = upper_half(a), a2 = a - a1, b1 = upper_half(b), b2 = b - b1;
  return (wide){high, ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2};
}
#endif

/* Both below to about 2^-102 of the result. */
INLINE wide wide_product(wide a, wide b) {
  wide p = exact_product(a.high, b.high);
  return fast_sum(p.high, p.low + FMA(a.high, b.low, a.low * b.high));
}
/* |a| >= |b| */
INLINE wide wide_sum(wide a, wide b) {
  wide s = fast_sum(a.high, b.high);
  return fast_sum(s.high, s.low + (a.low + b.low));
}

#endif
