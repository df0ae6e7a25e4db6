/* Rounding to integers, signs, and the exact remainder of a division.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_ROUNDING_H
#define TN_BASE_MATH_ROUNDING_H

#include "base/math/double_double.h"
#include "base/math/lanes.h"

#define ROUNDINGS(type)                                                                                      \
  INLINE v##type floor_##type(v##type x) { return __builtin_elementwise_floor(x); }                          \
  INLINE v##type ceil_##type(v##type x) { return __builtin_elementwise_ceil(x); }                            \
  INLINE v##type round_nearest_even_##type(v##type x) { return __builtin_elementwise_roundeven(x); }         \
  INLINE v##type round_nearest_afz_##type(v##type x) { return __builtin_elementwise_round(x); }
ROUNDINGS(f32)
ROUNDINGS(f64)

/* Zeros and NaN are their own signs. */
INLINE vf32 sign_f32(vf32 x) { return pick((x < 0.0f) | (x > 0.0f), with_sign((vf32)(1.0f), sign_of(x)), x); }
INLINE vf64 sign_f64(vf64 x) { return pick_d((x < 0.0) | (x > 0.0), with_sign_d((vf64)(1.0), x), x); }

/* What remains of |x| / |y|, with the sign of x, exactly.
 *
 * |x| = m 2^e and |y| = n 2^f with 24-bit m and n, held as integers in f64: m 2^(e-f) mod
 * n, by doubling m up to 28 times at once. Products of a quotient under 2^29 and n are
 * exact, and a quotient to the nearest leaves at most half of n, of either sign.
 * One step if the quotient is below 2^28, ten at most.                                */
INLINE vf32 remainder_f32(vf32 x, vf32 y) {
  const u64 unit = (1023ul + 23) << 52; /* the exponent that makes 24 bits an integer */
  vu64 a = (vu64)widen(magnitude(x)), b = (vu64)widen(magnitude(y));
  vf64 m = (vf64)((a & 0x000ffffffffffffful) | unit);
  vf64 n = (vf64)((b & 0x000ffffffffffffful) | unit);
  vs64 doublings = (vs64)(a >> 52) - (vs64)(b >> 52);
  doublings &= doublings > 0;
  vf64 inverse = 1.0 / n;
  m = pick_d(m >= n, m - n, m);
  while (__builtin_reduce_max(doublings) > 0) {
    vs64 now = (vs64)pick_ul(doublings > 28, (vu64)(28), (vu64)doublings);
    doublings -= now;
    m = m * (vf64)((vu64)(now + 1023) << 52);
    vf64 quotient = m * inverse + ROUNDER_D - ROUNDER_D;
    m = m - quotient * n;
    m = pick_d(m < 0.0, m + n, m);
  }
  vf32 rest = narrow(m * (vf64)((b & 0x7ff0000000000000ul) - (23ul << 52)));
  vf32 result = pick(magnitude(x) < magnitude(y), x, with_sign(rest, sign_of(x)));
  vs32 defined = (magnitude(x) < INFINITE) & (y == y) & (y != 0.0f);
  return pick(defined, result, (vf32)(NOT_A_NUMBER));
}

/* A positive finite x as m 2^(e - 1075) with an integer m in [2^52, 2^53), as f64; 0 and what
 * is no number give any m and e.                                                      */
INLINE vf64 integer_and_exponent(vf64 x, vs64 *e) {
  vs64 small = x < 0x1p-1022;
  vu64 bits = (vu64)pick_d(small, x * 0x1p54, x);
  *e = (vs64)(bits >> 52) - (small & 54);
  return (vf64)((bits & MANTISSA_D) | ((1023ul + 52) << 52));
}

/* m - q n for integers below 2^102 and 2^53, of which the result, below 2^53, is exact. */
INLINE vf64 less_product(vf64 m, vf64 q, vf64 n) {
  wide p = exact_product(q, n);
  return (m - p.high) - p.low;
}

/* The same with 53-bit integers and 49 doublings at once: a quotient under 2^50 by way of the
 * inverse is wrong by less than 1, so m stays within (-2n, 2n) and both are integers that
 * f64 holds. One step if the quotient is below 2^49, 43 at most.                        */
INLINE vf64 remainder_f64(vf64 x, vf64 y) {
  vs64 e, f;
  vf64 m = integer_and_exponent(magnitude_d(x), &e), n = integer_and_exponent(magnitude_d(y), &f);
  vs64 doublings = (e - f) & (e > f);
  vf64 inverse = 1.0 / n;
  m = pick_d(m >= n, m - n, m);
  while (__builtin_reduce_max(doublings) > 0) {
    vs64 now = (vs64)pick_ul(doublings > 49, (vu64)(49), (vu64)doublings);
    doublings -= now;
    m = m * (vf64)((vu64)(now + 1023) << 52);
    m = less_product(m, m * inverse + ROUNDER_D - ROUNDER_D, n);
    m = pick_d(m < 0.0, m + n, m);
    m = pick_d(m >= n, m - n, m);
  }
  /* times 2^(f - 1075) in two steps, of which the first keeps clear of subnormals */
  vs64 power = f - 1075, half = power >> 1;
  vf64 rest = m * (vf64)((vu64)(half + 1023) << 52) * (vf64)((vu64)(power - half + 1023) << 52);
  vf64 result = pick_d(magnitude_d(x) < magnitude_d(y), x, with_sign_d(rest, x));
  vs64 defined = (magnitude_d(x) < INFINITE_D) & (y == y) & (y != 0.0);
  return pick_d(defined, result, (vf64)(NOT_A_NUMBER_D));
}

#endif
