/* Trigonometric functions of f32 and their inverses, for every float.
 *
 * Below 2^22 arguments are reduced in f64 by two parts of pi/2 (W. J. Cody and W. Waite,
 * "Software manual for the elementary functions", 1980): five operations. If any lane is
 * larger, it is reduced in the manner of Payne and Hanek ("Radian reduction for
 * trigonometric functions", SIGNUM 18, 1983): of 2/pi only the bits matter that neither
 * give whole turns nor lie below the result; about 60 operations, no table in memory.
 * The inverses and tan are computed in f64.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_TRIGONOMETRIC_H
#define TN_BASE_MATH_TRIGONOMETRIC_H

#include "base/math/coefficients.h"
#include "base/math/lanes.h"

/* Words `index` to `index`+3 of  0 . 2/pi, 32 bits each, index 0 to 4. */
INLINE void two_over_pi_words(vs32 index, vu32 words[4]) {
  const u32 bits[] = {0, TWO_OVER_PI};
  for (int i = 0; i < 4; i++) {
    words[i] = (vu32)(bits[i]);
    for (int k = 1; k <= 4; k++) words[i] = pick_u(index >= k, (vu32)(bits[i + k]), words[i]);
  }
}

/* |x| = q pi/2 + r, |r| <= pi/4: gives r in f64, relative error 2^-32, and q modulo 4.
 *
 * |x| = m 2^e with a 24-bit m. Bits of 2/pi that m 2^e lifts to 4 and above vanish modulo
 * 4; from there on 96 bits are taken, so that the product's low 64 bits are
 * (|x| 2/pi) modulo 4, scaled by 2^62. Its top two bits, rounded, are q; the rest, as a
 * signed number, is r. x must be 1/2 at least and finite, else the result is any number.  */
INLINE vf64 reduce_large_angle(vf32 a, vu32 *quadrant) {
  vs32 exponent = (vs32)a >> 23;
  exponent = pick_i(exponent < 126, (vs32)(126), exponent);
  vu32 m = ((vu32)a & 0x7fffff) | 0x800000;
  vs32 position = exponent - 120; /* e - 2 bits into 2/pi, after 32 zeros */
  vu32 shift = (vu32)position & 31;
  vu32 words[4], window[3];
  two_over_pi_words(position >> 5, words);
  for (int i = 0; i < 3; i++) window[i] = (words[i] << shift) | ((words[i + 1] >> 1) >> (31 - shift));
#define WIDE(v) __builtin_convertvector(v, vu64)
  vu64 product =
      (WIDE(m * window[0]) << 32) + WIDE(m) * WIDE(window[1]) + ((WIDE(m) * WIDE(window[2])) >> 32);
#undef WIDE
  vu32 top = __builtin_convertvector(product >> 32, vu32);
  *quadrant = (top + 0x20000000u) >> 30;
  vs64 rest = (vs64)(product << 2);
  vf64 high = __builtin_convertvector(__builtin_convertvector(rest >> 32, vs32), vf64);
  vf64 low = __builtin_convertvector(__builtin_convertvector(((vu64)rest & 0xffffffff) >> 1, vs32), vf64);
  return FMA(low, (vf64)(0x1p-31), high) * (PI_2_D * 0x1p-32);
}

/* The same for every |x|, NaN and infinity giving any number. n times the first part of
 * pi/2 is exact for n < 2^22; what the second leaves out is 2^-64, and no such float is
 * nearer than 2^-30 to a multiple of pi/2.                                             */
INLINE vf64 reduce_angle(vf32 a, vu32 *quadrant) {
  vf64 wide_a = widen(a);
  vf64 rounded = FMA(wide_a, (vf64)(TWO_OVER_PI_D), (vf64)(ROUNDER_D));
  vf64 n = rounded - ROUNDER_D;
  vf64 r = FMA(n, (vf64)(-PI_2_B31_2), FMA(n, (vf64)(-PI_2_B31_1), wide_a));
  *quadrant = __builtin_convertvector((vu64)rounded & 3, vu32);
  vs32 large = a >= 0x1p22f;
  if (ANY(large)) {
    vu32 other;
    r = pick_d(widen_mask(large), reduce_large_angle(a, &other), r);
    *quadrant = pick_u(large, other, *quadrant);
  }
  return r;
}

/* Both on [-pi/4, pi/4]. */
INLINE vf32 sine_reduced(vf32 r, vf32 r2) { return FMA(r * r2, POLYNOMIAL(r2, SIN_F), r); }
INLINE vf32 cosine_reduced(vf32 r2) {
  return FMA(r2 * r2, POLYNOMIAL(r2, COS_F), FMA((vf32)(-0.5f), r2, (vf32)(1.0f)));
}

/* The sine of r + quadrant * pi/2. */
INLINE vf32 sine_in_quadrant(vf32 r, vu32 quadrant) {
  vf32 r2 = r * r;
  vs32 odd = (quadrant & 1) != 0;
  vf32 y = pick(odd, cosine_reduced(r2), sine_reduced(r, r2));
  return (vf32)((vu32)y ^ ((quadrant & 2) << 30));
}

INLINE vf32 sine_f32(vf32 x) {
  vu32 quadrant;
  vf32 a = magnitude(x);
  vf32 r = narrow(reduce_angle(a, &quadrant));
  vf32 y = sine_in_quadrant(r, quadrant);
  return pick(a < INFINITE, (vf32)((vu32)y ^ sign_of(x)), x - x);
}

INLINE vf32 cosine_f32(vf32 x) {
  vu32 quadrant;
  vf32 a = magnitude(x);
  vf32 r = narrow(reduce_angle(a, &quadrant));
  return pick(a < INFINITE, sine_in_quadrant(r, quadrant + 1), x - x);
}

INLINE vf32 tan_f32(vf32 x) {
  vu32 quadrant;
  vf32 a = magnitude(x);
  vf64 r = reduce_angle(a, &quadrant);
  vf64 r2 = r * r;
  vf64 s = FMA(r * r2, POLYNOMIAL_D(r2, SIN_D), r);
  vf64 c = FMA(r2 * r2, POLYNOMIAL_D(r2, COS_D), FMA((vf64)(-0.5), r2, (vf64)(1.0)));
  vs64 odd = widen_mask((quadrant & 1) != 0);
  vf32 y = narrow(pick_d(odd, -c, s) / pick_d(odd, s, c));
  return pick(a < INFINITE, (vf32)((vu32)y ^ sign_of(x)), x - x);
}

/* The angle of the point (x, y) of the first quadrant, in [0, pi/2]. A quotient of floats
 * neither overflows nor underflows in f64. NaN gives any number.                       */
INLINE vf64 angle_d(vf64 y, vf64 x) {
  vs64 steep = y > x;
  vf64 least = pick_d(steep, x, y), most = pick_d(steep, y, x);
  vf64 t = pick_d(least == most, (vf64)(1.0), least / most);
  t = pick_d(least == 0.0, (vf64)(0.0), t);
  vf64 t2 = t * t;
  vf64 angle = FMA(t * t2, POLYNOMIAL_D(t2, ATAN_D), t);
  return pick_d(steep, PI_2_D - angle, angle);
}

INLINE vf32 atan_f32(vf32 x) {
  vf32 y = narrow(angle_d(widen(magnitude(x)), (vf64)(1.0)));
  return pick(x == x, with_sign(y, sign_of(x)), x);
}

INLINE vf32 atan2_f32(vf32 y, vf32 x) {
  vf64 angle = angle_d(widen(magnitude(y)), widen(magnitude(x)));
  angle = pick_d(widen_mask(sign_of(x) != 0), PI_D - angle, angle);
  return pick((x != x) | (y != y), x + y, with_sign(narrow(angle), sign_of(y)));
}

/* The other leg of the triangle with hypotenuse 1: exact factors, so nothing cancels. */
INLINE vf64 other_leg(vf64 a) { return __builtin_elementwise_sqrt((1.0 - a) * (1.0 + a)); }

INLINE vf32 asin_f32(vf32 x) {
  vf32 a = magnitude(x);
  vf64 wide = widen(a);
  vf32 y = narrow(angle_d(wide, other_leg(wide)));
  return pick(a <= 1.0f, with_sign(y, sign_of(x)), (vf32)(NOT_A_NUMBER));
}

INLINE vf32 acos_f32(vf32 x) {
  vf32 a = magnitude(x);
  vf64 wide = widen(a);
  vf64 angle = angle_d(other_leg(wide), wide);
  angle = pick_d(widen_mask(x < 0.0f), PI_D - angle, angle);
  return pick(a <= 1.0f, narrow(angle), (vf32)(NOT_A_NUMBER));
}

#endif
