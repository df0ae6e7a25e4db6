/* Trigonometric functions of f64 and their inverses, for every double.
 *
 * Small arguments are reduced by three parts of pi/2 (W. J. Cody and W. Waite, "Software
 * manual for the elementary functions", 1980); if any lane holds a large one, those are
 * reduced as f32's are (Payne and Hanek) with 192 of 1216 bits of 2/pi, chosen by four
 * rounds of selects. Both give the angle in two doubles.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_TRIGONOMETRIC_F64_H
#define TN_BASE_MATH_TRIGONOMETRIC_F64_H

#include "base/math/coefficients.h"
#include "base/math/double_double.h"
#include "base/math/lanes.h"

/* Where bit `step` of `word` is set, moves `count` words forward by `step`. */
INLINE void move_words(vu64 *t, vu64 word, int step, int count) {
  vs64 mask = (word & (u64)step) != 0;
  UNROLLED for (int i = 0; i < count; i++) t[i] = pick_ul(mask, t[i + step], t[i]);
}

/* The three words of 2/pi, 64 bits each, from bit 64 `word` + `shift` on; word 0 to 15. */
INLINE void two_over_pi_window(vu64 word, vu64 shift, vu64 window[3]) {
  const u64 bits[] = {TWO_OVER_PI_W};
  vu64 t[11];
  UNROLLED for (int i = 0; i < 11; i++) t[i] = pick_ul((word & 8) != 0, (vu64)(bits[i + 8]), (vu64)(bits[i]));
  move_words(t, word, 4, 7);
  move_words(t, word, 2, 5);
  move_words(t, word, 1, 4);
  UNROLLED for (int i = 0; i < 3; i++) window[i] = (t[i] << shift) | ((t[i + 1] >> 1) >> (63 - shift));
}

/* The upper half of a*b, for a below 2^53. */
INLINE vu64 product_high(vu64 a, vu64 b) {
  vu64 a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
  vu64 middle = a1 * b0 + ((a0 * b0) >> 32);
  vu64 other = a0 * b1 + (middle & 0xffffffff);
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

/* An integer below 2^52 times 2^-scale. */
INLINE vf64 fraction_of(vu64 bits, f64 unit) { return ((vf64)(bits | 0x4330000000000000ul) - 0x1p52) * unit; }

/* |x| = q pi/2 + r for |x| >= 2^15: gives r, relative error 2^-70, and q modulo 4.
 *
 * |x| = m 2^e with a 53-bit m. Bits of 2/pi that m 2^e lifts to 4 and above vanish modulo
 * 4; from there on 192 bits are taken, so that the product's low 192 bits are
 * (|x| 2/pi) modulo 4, scaled by 2^190. Its top two bits, rounded, are q; the next 128,
 * as a signed number, give r: no double is nearer than 2^-62 to a multiple of pi/2.    */
INLINE wide reduce_large_angle_d(vf64 a, vu64 *quadrant) {
  vu64 m = ((vu64)a & MANTISSA_D) | (MANTISSA_D + 1);
  vu64 position = (((vu64)a >> 52) - 1038) & 1023;
  vu64 window[3];
  two_over_pi_window(position >> 6, position & 63, window);
  vu64 low = m * window[1];
  vu64 high = m * window[0] + product_high(m, window[1]);
  low = low + product_high(m, window[2]);
  high = high - (vu64)(low < m * window[1]);
  *quadrant = (high + (1ul << 61)) >> 62;
  high = (high << 2) | (low >> 62);
  low = low << 2;
  vu64 negative = (vu64)((vs64)high < 0);
  high = high ^ negative;
  low = low ^ negative; /* one's complement: 2^-128 less */
  vf64 lowest = fraction_of(low & 0xffffffffffful, 0x1p-128);
  wide f = fast_sum(fraction_of(high >> 24, 0x1p-40),
                    fraction_of((high << 20 & 0xffffffffffful) | low >> 44, 0x1p-84));
  f = fast_sum(f.high, f.low + lowest);
  wide r = wide_product(f, (wide){(vf64)(PI_2_W_HI), (vf64)(PI_2_W_LO)});
  vu64 sign = negative & SIGN_BIT_D;
  return (wide){(vf64)((vu64)r.high ^ sign), (vf64)((vu64)r.low ^ sign)};
}

/* The same for every |x|. n times the first two parts of pi/2 is exact, and so is what
 * |x| leaves over the first; no double below 2^15 is nearer than 2^-56 to a multiple. x
 * must be finite, else the result is any number.                                      */
INLINE wide reduce_angle_d(vf64 a, vu64 *quadrant) {
  vf64 rounded = FMA(a, (vf64)(TWO_OVER_PI_D), (vf64)(ROUNDER_D));
  vf64 n = rounded - ROUNDER_D;
  vf64 above = FMA(n, (vf64)(-PI_2_B38_1), a);
  wide second = fast_sum(above, n * -PI_2_B38_2);
  wide r = fast_sum(second.high, FMA(n, (vf64)(-PI_2_B38_3), second.low));
  *quadrant = (vu64)rounded & 3;
  vs64 large = a >= 0x1p15;
  if (ANY(large)) {
    vu64 other_quadrant;
    wide other = reduce_large_angle_d(a, &other_quadrant);
    r.high = pick_d(large, other.high, r.high);
    r.low = pick_d(large, other.low, r.low);
    *quadrant = pick_ul(large, other_quadrant, *quadrant);
  }
  return r;
}

/* Both on [-pi/4, pi/4]; what r.low adds is taken to first order. */
INLINE vf64 sine_reduced_d(wide r) {
  vf64 r2 = r.high * r.high;
  vf64 tail = FMA(r.low, FMA((vf64)(-0.5), r2, (vf64)(1.0)), r.high * r2 * POLYNOMIAL_D(r2, SIN_W));
  return r.high + tail;
}
INLINE vf64 cosine_reduced_d(wide r) {
  vf64 r2 = r.high * r.high, half = 0.5 * r2, near = 1.0 - half;
  vf64 tail = FMA(r2 * r2, POLYNOMIAL_D(r2, COS_W), ((1.0 - near) - half) - r.high * r.low);
  return near + tail;
}

/* The sine of `quadrant` * pi/2 + the angle whose sine and cosine are given. */
INLINE vf64 sine_in_quadrant_d(vf64 sine, vf64 cosine, vu64 quadrant) {
  vf64 y = pick_d((quadrant & 1) != 0, cosine, sine);
  return (vf64)((vu64)y ^ ((quadrant & 2) << 62));
}

INLINE void sine_cosine_f64(vf64 x, vf64 *sine, vf64 *cosine) {
  vu64 quadrant;
  vf64 a = magnitude_d(x);
  wide r = reduce_angle_d(a, &quadrant);
  vf64 s = sine_reduced_d(r), c = cosine_reduced_d(r);
  vf64 odd = (vf64)((vu64)sine_in_quadrant_d(s, c, quadrant) ^ ((vu64)x & SIGN_BIT_D));
  *sine = pick_d(a < INFINITE_D, odd, x - x);
  *cosine = pick_d(a < INFINITE_D, sine_in_quadrant_d(s, c, quadrant + 1), x - x);
}

INLINE vf64 sine_f64(vf64 x) {
  vf64 sine, cosine;
  sine_cosine_f64(x, &sine, &cosine);
  return sine;
}

INLINE vf64 cosine_f64(vf64 x) {
  vf64 sine, cosine;
  sine_cosine_f64(x, &sine, &cosine);
  return cosine;
}

INLINE vf64 tan_f64(vf64 x) {
  vu64 quadrant;
  vf64 a = magnitude_d(x);
  wide r = reduce_angle_d(a, &quadrant);
  vf64 s = sine_reduced_d(r), c = cosine_reduced_d(r);
  vs64 odd = (quadrant & 1) != 0;
  vf64 y = pick_d(odd, -c, s) / pick_d(odd, s, c);
  return pick_d(a < INFINITE_D, (vf64)((vu64)y ^ ((vu64)x & SIGN_BIT_D)), x - x);
}

/* The angle of the point (x, y) of the upper half plane, in [0, pi]; x's sign is given
 * apart. Turned by a multiple of pi/4, t = least / most or (least - most) / (least +
 * most) is at most tan(pi/8). Near the largest double the sum would overflow, and a
 * multiple of a subnormal be coarse. NaN gives any number.                            */
INLINE vf64 angle_f64(vf64 y, vf64 x, vs64 left) {
  vs64 steep = y > x;
  vf64 least = pick_d(steep, x, y), most = pick_d(steep, y, x);
  vf64 scale = pick_d(most > 0x1p1020, (vf64)(0x1p-4), pick_d(most < 0x1p-1000, (vf64)(0x1p60), (vf64)(1.0)));
  least = least * scale;
  most = most * scale;
  vs64 same = least == most, turned = ((least > TAN_PI_8_D * most) | same) & (least > 0.0);
  vf64 t = pick_d(turned, least - most, least) / pick_d(turned, least + most, most);
  t = pick_d(same, (vf64)(0.0), t);
  wide base = {pick_d(turned, (vf64)(PI_4_W_HI), pick_d(steep, (vf64)(PI_2_W_HI), (vf64)(0.0))),
               pick_d(turned, (vf64)(PI_4_W_LO), pick_d(steep, (vf64)(PI_2_W_LO), (vf64)(0.0)))};
  wide from_left = fast_sum((vf64)(PI_W_HI), -base.high);
  base.high = pick_d(left, from_left.high, base.high);
  base.low = pick_d(left, from_left.low + (PI_W_LO - base.low), base.low);
  t = (vf64)((vu64)t ^ ((vu64)(steep ^ left) & SIGN_BIT_D));
  vf64 t2 = t * t;
  return base.high + (FMA(t * t2, POLYNOMIAL_D(t2, ATAN_W), base.low) + t);
}

INLINE vf64 atan_f64(vf64 x) {
  vf64 y = angle_f64(magnitude_d(x), (vf64)(1.0), (vs64)(0l));
  return pick_d(x == x, with_sign_d(y, x), x);
}

INLINE vf64 atan2_f64(vf64 y, vf64 x) {
  vf64 angle = angle_f64(magnitude_d(y), magnitude_d(x), (vs64)x < 0);
  return pick_d((x != x) | (y != y), x + y, with_sign_d(angle, y));
}

/* asin(s) - s for s = sqrt(z), |s| <= 1/2. */
INLINE vf64 asin_tail(vf64 s, vf64 z) { return s * z * POLYNOMIAL_D(z, ASIN_W); }

/* asin x = pi/2 - 2 asin(sqrt((1 - x) / 2)) from 1/2 on; 1 - x is exact there. */
INLINE vf64 asin_f64(vf64 x) {
  vf64 a = magnitude_d(x);
  vs64 outer = a > 0.5;
  vf64 z = pick_d(outer, 0.5 - 0.5 * a, a * a);
  vf64 s = pick_d(outer, __builtin_elementwise_sqrt(z), a), tail = asin_tail(s, z);
  vf64 far = (PI_2_W_HI - 2.0 * s) + (PI_2_W_LO - 2.0 * tail);
  vf64 y = with_sign_d(pick_d(outer, far, s + tail), x);
  return pick_d(a <= 1.0, y, (vf64)(NOT_A_NUMBER_D));
}

INLINE vf64 acos_f64(vf64 x) {
  vf64 a = magnitude_d(x);
  vs64 outer = a > 0.5;
  vf64 z = pick_d(outer, 0.5 - 0.5 * a, a * a);
  vf64 s = pick_d(outer, __builtin_elementwise_sqrt(z), x), tail = asin_tail(s, z);
  vf64 inner = PI_2_W_HI - (s - (PI_2_W_LO - tail));
  vf64 right = 2.0 * (s + tail);
  vf64 far = pick_d(x < 0.0, PI_W_HI - (2.0 * s - (PI_W_LO - 2.0 * tail)), right);
  return pick_d(a <= 1.0, pick_d(outer, far, inner), (vf64)(NOT_A_NUMBER_D));
}

#endif
