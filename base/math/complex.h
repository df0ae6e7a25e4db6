/* Functions of complex numbers, each as two that give one part: f_real(a, b), f_imag(a, b)
 * of f(a + bi). What both parts need is computed twice and found to be the same by the
 * compiler.
 *
 * c64 is computed in f64, whose range holds every product and square of f32 without
 * overflow, and whose 29 spare bits leave room for what cancels: squares of f32 are exact,
 * so a^2 + b^2 - 1 has one rounding. Branch cuts and special values are those of C99's
 * annex G: the sign of a zero says on which side of a cut a number lies.
 *
 * W. Kahan, "Branch cuts for complex elementary functions", 1987. T. Hull, T. Fairgrieve, P. Tang,
 * "Implementing the complex arcsine and arccosine functions using exception handling", TOMS 23,
 * 1997: the sums of non-negative terms that stand for the differences in alpha - 1 and alpha - x.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_COMPLEX_H
#define TN_BASE_MATH_COMPLEX_H

#include "base/math/hyperbolic.h"
#include "base/math/trigonometric.h"

/* ---- real functions in f64, to some 2^-32 ---- */

/* A complex number of f64. */
typedef struct {
  vf64 re, im;
} z64;

INLINE vf64 root(vf64 x) { return __builtin_elementwise_sqrt(x); }
INLINE vs64 is_infinite_d(vf64 x) { return magnitude_d(x) == INFINITE_D; }
INLINE vf64 zero_like(vf64 sign) { return with_sign_d((vf64)(0.0), sign); }
/* x times y, where 0 times anything is 0, also infinity and NaN, whose sign says nothing. */
INLINE vf64 product_or_zero(vf64 x, vf64 y) {
  vf64 zero = (vf64)((((vu64)x & (vu64)(x == x)) ^ ((vu64)y & (vu64)(y == y))) & SIGN_BIT_D);
  return pick_d((x == 0.0) | (y == 0.0), zero, x * y);
}

/* e^x; what leaves f32's range on either side stays there after a product with a sine. */
INLINE vf64 exp_wide(vf64 x) { return exp_d(at_least_d(at_most_d(x, 250.0), -250.0)); }

INLINE vf64 sinh_d(vf64 x) {
  vf64 a = magnitude_d(x), a2 = a * a, e = exp_wide(a);
  vf64 near = FMA(a * a2, POLYNOMIAL_D(a2, SINH_D), a);
  return with_sign_d(pick_d(a < 1.0, near, 0.5 * (e - 1.0 / e)), x);
}

INLINE vf64 cosh_d(vf64 x) {
  vf64 e = exp_wide(magnitude_d(x));
  return 0.5 * (e + 1.0 / e);
}

/* log(1 + x), x > -1: what is lost in the sum is put back. */
INLINE vf64 log1p_d(vf64 x) {
  vf64 sum = 1.0 + x;
  vf64 y = log_d(sum) + (x - (sum - 1.0)) / sum;
  return pick_d(is_infinite_d(x), x, pick_d(sum == 1.0, x, y));
}

/* cos b + i sin b of a float b; NaN if that is not finite. */
INLINE z64 cis(vf32 b) {
  vu32 quadrant;
  vf32 size = magnitude(b);
  vf64 r = reduce_angle(size, &quadrant), r2 = r * r;
  vf64 s = FMA(r * r2, POLYNOMIAL_D(r2, SIN_D), r);
  vf64 c = FMA(r2 * r2, POLYNOMIAL_D(r2, COS_D), FMA((vf64)(-0.5), r2, (vf64)(1.0)));
  vs64 odd = widen_mask((quadrant & 1) != 0), finite = widen_mask(size < INFINITE);
  vf64 sine = pick_d(odd, c, s), cosine = pick_d(odd, s, c);
  vu64 low = __builtin_convertvector(quadrant, vu64), high = __builtin_convertvector(quadrant + 1, vu64);
  sine = (vf64)((vu64)sine ^ (low & 2) << 62 ^ ((vu64)widen(b) & SIGN_BIT_D));
  cosine = (vf64)((vu64)cosine ^ (high & 2) << 62);
  vf64 none = (vf64)(__builtin_nan(""));
  return (z64){pick_d(finite, cosine, none), pick_d(finite, sine, none)};
}

/* The angle of (x, y), in (-pi, pi]; the sign of a zero y is kept. */
INLINE vf64 atan2_d(vf64 y, vf64 x) {
  vf64 angle = angle_d(magnitude_d(y), magnitude_d(x));
  vf64 whole = pick_d((vs64)x < 0, PI_D - angle, angle);
  return pick_d((x != x) | (y != y), x + y, with_sign_d(whole, y));
}

/* |a + bi|: infinite if a part is, even beside NaN. */
INLINE vf64 modulus_d(vf64 a, vf64 b) {
  return pick_d(is_infinite_d(a) | is_infinite_d(b), (vf64)(INFINITE_D), root(a * a + b * b));
}

INLINE vf32 abs_real_f32(vf32 a, vf32 b) { return narrow(modulus_d(widen(a), widen(b))); }

/* ---- sign, divide ---- */

INLINE z64 sign_c64(vf32 x, vf32 y) {
  vf64 a = widen(x), b = widen(y), r = modulus_d(a, b);
  return (z64){pick_d(r == 0.0, a, a / r), pick_d(r == 0.0, b, b / r)};
}

/* 1 or 0 with the number's sign: infinite or not. */
INLINE vf64 unit_if_infinite(vf64 x) {
  return with_sign_d(pick_d(is_infinite_d(x), (vf64)(1.0), (vf64)(0.0)), x);
}

/* (a + bi) / (c + di). Infinities and zeros that came out as NaN are put right as annex G
 * shows: infinite / finite is infinite, finite / infinite zero, anything / 0 infinite.    */
INLINE z64 divide_d(vf64 a, vf64 b, vf64 c, vf64 d) {
  vf64 size = c * c + d * d;
  z64 q = {(a * c + b * d) / size, (b * c - a * d) / size};
  vs64 lost = (q.re != q.re) & (q.im != q.im);
  vs64 above = is_infinite_d(a) | is_infinite_d(b), below = is_infinite_d(c) | is_infinite_d(d);
  vs64 finite_above = (magnitude_d(a) < INFINITE_D) & (magnitude_d(b) < INFINITE_D);
  vs64 finite_below = (magnitude_d(c) < INFINITE_D) & (magnitude_d(d) < INFINITE_D);
  vs64 by_zero = lost & (size == 0.0) & ((a == a) | (b == b)), huge = lost & above & finite_below;
  vs64 tiny = lost & below & finite_above;
  vf64 infinite = with_sign_d((vf64)(INFINITE_D), c);
  vf64 p = unit_if_infinite(a), q_ = unit_if_infinite(b), r = unit_if_infinite(c), s = unit_if_infinite(d);
  q.re = pick_d(tiny, 0.0 * (a * r + b * s), q.re);
  q.im = pick_d(tiny, 0.0 * (b * r - a * s), q.im);
  q.re = pick_d(huge, INFINITE_D * (p * c + q_ * d), q.re);
  q.im = pick_d(huge, INFINITE_D * (q_ * c - p * d), q.im);
  q.re = pick_d(by_zero, infinite * a, q.re);
  q.im = pick_d(by_zero, infinite * b, q.im);
  return q;
}

/* Products of f32 are exact in f64: one rounding, the quotient's and the last. */
INLINE z64 divide_c64(vf32 a, vf32 b, vf32 c, vf32 d) {
  return divide_d(widen(a), widen(b), widen(c), widen(d));
}

/* ---- roots ---- */

/* (|z| + |a|) / 2 is the square of the larger part; the other is b over twice that. */
INLINE z64 sqrt_c64(vf32 x, vf32 y) {
  vf64 a = widen(x), b = widen(y), r = modulus_d(a, b);
  vf64 large = root(0.5 * (r + magnitude_d(a)));
  vf64 small = pick_d(large == 0.0, magnitude_d(b), 0.5 * magnitude_d(b) / large);
  vs64 left = (vs64)a < 0;
  z64 y_ = {pick_d(left, small, large), with_sign_d(pick_d(left, large, small), b)};
  vs64 far = is_infinite_d(b);
  return (z64){pick_d(far, (vf64)(INFINITE_D), y_.re), pick_d(far, b, y_.im)};
}

/* conj(sqrt z) / |z|. */
INLINE z64 rsqrt_c64(vf32 x, vf32 y) {
  z64 s = sqrt_c64(x, y);
  vf64 r = modulus_d(widen(x), widen(y));
  vs64 far = r == INFINITE_D, nan = (s.re != s.re) & (s.im != s.im);
  z64 q = {pick_d(far & ~nan, (vf64)(0.0), s.re / r), pick_d(far & ~nan, zero_like(-s.im), -s.im / r)};
  q.re = pick_d(r == 0.0, (vf64)(INFINITE_D), q.re);
  return q;
}

/* ---- exponentials ---- */

INLINE z64 exponential_c64(vf32 a, vf32 b) {
  vf64 e = exp_wide(widen(a));
  z64 c = cis(b);
  vs64 none = widen_mask(a == -INFINITE), all = widen_mask(a == INFINITE), turned = c.re != c.re;
  vf64 re = pick_d(turned & all, (vf64)(INFINITE_D), e * c.re);
  return (z64){pick_d(turned & none, (vf64)(0.0), re),
               pick_d(turned & none, (vf64)(0.0), pick_d(widen_mask(b == 0.0f), widen(b), e * c.im))};
}

/* expm1(a) cos b - 2 sin^2(b/2). */
INLINE z64 exponential_minus_one_c64(vf32 a, vf32 b) {
  z64 e = exponential_c64(a, b), c = cis(b), half = cis(0.5f * b);
  vf64 less = 2.0 * sinh_d(0.5 * widen(a)) * exp_wide(0.5 * widen(a));
  vf64 re = less * c.re - 2.0 * half.im * half.im;
  vs64 near = (magnitude_d(widen(a)) < 100.0) & (c.re == c.re);
  return (z64){pick_d(near, re, e.re - 1.0), e.im};
}

/* (p cos b, q sin b), where p and q are sinh a and cosh a in one order or the other. */
INLINE z64 turned_hyperbolics(vf32 a, vf32 b, vf64 p, vf64 q) {
  z64 c = cis(b);
  vs64 lost = (c.re != c.re) & is_infinite_d(widen(a));
  vf64 re = product_or_zero(p, c.re);
  return (z64){pick_d(lost, (vf64)(INFINITE_D), re), product_or_zero(q, c.im)};
}

INLINE z64 sinh_c64(vf32 a, vf32 b) { return turned_hyperbolics(a, b, sinh_d(widen(a)), cosh_d(widen(a))); }
INLINE z64 cosh_c64(vf32 a, vf32 b) { return turned_hyperbolics(a, b, cosh_d(widen(a)), sinh_d(widen(a))); }

/* sinh a cosh a and sin b cos b over sinh^2 a + cos^2 b, which cancels nowhere. */
INLINE z64 tanh_c64(vf32 a, vf32 b) {
  z64 c = cis(b);
  vf64 h = at_least_d(at_most_d(widen(a), 60.0), -60.0), s = sinh_d(h);
  vf64 size = s * s + c.re * c.re;
  z64 y = {s * cosh_d(h) / size, c.im * c.re / size};
  vs64 far = widen_mask(magnitude(a) == INFINITE), turned = c.re != c.re;
  y.re = pick_d(far, with_sign_d((vf64)(1.0), h), pick_d(widen_mask(a == 0.0f), h, y.re));
  y.im = pick_d(far & turned, (vf64)(0.0), pick_d(widen_mask(b == 0.0f), widen(b), y.im));
  return y;
}

/* f(z) = -i g(iz), where iz = -b + ai and -i (p + qi) = q - pi. */
INLINE z64 sine_c64(vf32 a, vf32 b) {
  z64 g = sinh_c64(-b, a);
  return (z64){g.im, -g.re};
}
INLINE z64 cosine_c64(vf32 a, vf32 b) { return cosh_c64(-b, a); }
INLINE z64 tan_c64(vf32 a, vf32 b) {
  z64 g = tanh_c64(-b, a);
  return (z64){g.im, -g.re};
}

/* 1 / (1 + e^-z) = (e^a + cos b + i sin b) / (4 (sinh^2(a/2) + cos^2(b/2))) */
INLINE z64 logistic_c64(vf32 a, vf32 b) {
  vf64 h = at_least_d(at_most_d(widen(a), 250.0), -250.0), s = sinh_d(0.5 * h);
  z64 c = cis(b), half = cis(0.5f * b);
  vf64 size = 4.0 * (s * s + half.re * half.re);
  z64 y = {(exp_wide(h) + c.re) / size, c.im / size};
  vs64 turned = c.re != c.re, left = widen_mask(a == -INFINITE), right = widen_mask(a == INFINITE);
  y.re = pick_d(turned & left, (vf64)(0.0), pick_d(right, (vf64)(1.0), y.re));
  y.im = pick_d(turned & (left | right), (vf64)(0.0), pick_d(widen_mask(b == 0.0f), widen(b) / size, y.im));
  return y;
}

/* ---- logarithms ---- */

/* Of an infinite number, any angle that its infinite parts have; of others their own. */
INLINE vf64 argument_d(vf64 a, vf64 b) {
  vs64 far = is_infinite_d(a) | is_infinite_d(b);
  vf64 x = pick_d(far, unit_if_infinite(a), a), y = pick_d(far, unit_if_infinite(b), b);
  return pick_d((a != a) | (b != b), a + b, atan2_d(y, x));
}

/* log|z|: |z|^2 - 1 has one rounding. */
INLINE vf64 log_modulus(vf64 a, vf64 b) {
  vf64 x = magnitude_d(a), y = magnitude_d(b), size = x * x + y * y;
  vf64 most = pick_d(x > y, x, y), least = pick_d(x > y, y, x);
  vf64 more = (most - 1.0) * (most + 1.0) + least * least;
  vf64 result = 0.5 * pick_d((size > 0.5) & (size < 2.0), log1p_d(more), log_d(size));
  result = pick_d(size == 0.0, (vf64)(-INFINITE_D), pick_d(size == size, result, size));
  return pick_d(is_infinite_d(a) | is_infinite_d(b), (vf64)(INFINITE_D), result);
}

INLINE z64 log_c64(vf32 a, vf32 b) {
  return (z64){log_modulus(widen(a), widen(b)), argument_d(widen(a), widen(b))};
}

/* |1 + z|^2 - 1 = 2a + (a^2 + b^2), whose sums keep what they round off. */
INLINE z64 log_plus_one_c64(vf32 x, vf32 y) {
  vf64 a = widen(x), b = widen(y), p = a * a, q = b * b;
  vf64 most = pick_d(p > q, p, q), least = pick_d(p > q, q, p);
  vf64 squares = most + least, rest = least - (squares - most);
  vf64 sum = 2.0 * a + squares, back = sum - squares;
  vf64 lost = (squares - (sum - back)) + (2.0 * a - back);
  vf64 more = sum + (lost + rest);
  vf64 re = pick_d(magnitude_d(more) < 0.5, 0.5 * log1p_d(more), log_modulus(1.0 + a, b));
  return (z64){re, argument_d(1.0 + a, b)};
}

/* z = 0 stays; else the root with a third of the angle, a zero of which stays. */
INLINE z64 cbrt_c64(vf32 x, vf32 y) {
  vf64 a = widen(x), b = widen(y);
  vf64 r = exp_wide(log_modulus(a, b) * (1.0 / 3)), third = argument_d(a, b) * (1.0 / 3);
  vf64 size = magnitude_d(third);
  vs64 steep = size > 0.5 * (PI_2_D);
  vf64 t = pick_d(steep, PI_2_D - size, size), t2 = t * t;
  vf64 s = FMA(t * t2, POLYNOMIAL_D(t2, SIN_D), t);
  vf64 c = FMA(t2 * t2, POLYNOMIAL_D(t2, COS_D), FMA((vf64)(-0.5), t2, (vf64)(1.0)));
  vs64 zero = (a == 0.0) & (b == 0.0);
  return (z64){pick_d(zero, a, r * pick_d(steep, s, c)),
               pick_d(zero, b, pick_d(size == 0.0, third, r * with_sign_d(pick_d(steep, c, s), third)))};
}

/* ---- inverse functions ---- */

/* Of x, y >= 0, with 2 alpha = |z + 1| + |z - 1|: asin z = angle + i height, with
 *   angle = atan2(x, sqrt((alpha + x) (alpha - x))), height = acosh alpha
 * and acos z = other - i height.                                                        */
typedef struct {
  vf64 angle, other, height;
} arc;

INLINE arc arc_d(vf64 x, vf64 y) {
  vf64 right = root((x + 1.0) * (x + 1.0) + y * y), left = root((x - 1.0) * (x - 1.0) + y * y), y2 = y * y;
  vf64 outer = y2 / (right + (x + 1.0)); /* right - (x + 1) */
  vs64 inside = x < 1.0;
  vf64 beside = left + magnitude_d(x - 1.0); /* |left - |x - 1|| is y^2 over this */
  vf64 small = pick_d(beside == 0.0, (vf64)(0.0), y2 / beside);
  vf64 alpha = 0.5 * (right + left);
  vf64 gap = 0.5 * (outer + pick_d(inside, beside, small));  /* alpha - x */
  vf64 more = 0.5 * (outer + pick_d(inside, small, beside)); /* alpha - 1 */
  vf64 leg = root((alpha + x) * gap), height = log1p_d(more + root(more * (more + 2.0)));
  vs64 far = (x == INFINITE_D) | (y == INFINITE_D), nan = (x != x) | (y != y);
  vf64 u = pick_d(far, unit_if_infinite(x), x), v = pick_d(far, unit_if_infinite(y), leg);
  vf64 none = x + y, wide = pick_d(far, (vf64)(INFINITE_D), none);
  return (arc){pick_d(nan, none, angle_d(u, v)), pick_d(nan, none, angle_d(v, u)),
               pick_d(nan | far, wide, height)};
}

INLINE z64 asin_c64(vf32 a, vf32 b) {
  arc t = arc_d(widen(magnitude(a)), widen(magnitude(b)));
  vf64 angle = pick_d(widen_mask((a == 0.0f) & (b != b)), (vf64)(0.0), t.angle);
  return (z64){with_sign_d(angle, widen(a)), with_sign_d(t.height, widen(b))};
}

/* The angle between the real axis and the ray that acos keeps: acos a of real numbers. */
INLINE vf64 arc_other(arc t, vf32 a) {
  return pick_d(widen_mask((vs32)a < 0) & (t.other == t.other), PI_D - t.other, t.other);
}

INLINE z64 acos_c64(vf32 a, vf32 b) {
  arc t = arc_d(widen(magnitude(a)), widen(magnitude(b)));
  vf64 other = pick_d(widen_mask((a == 0.0f) & (b != b)), (vf64)(PI_2_D), arc_other(t, a));
  return (z64){other, with_sign_d(t.height, -widen(b))};
}

INLINE z64 acosh_c64(vf32 a, vf32 b) {
  arc t = arc_d(widen(magnitude(a)), widen(magnitude(b)));
  vf64 other = pick_d(widen_mask((a == 0.0f) & (b != b)), (vf64)(PI_2_D), arc_other(t, a));
  return (z64){t.height, with_sign_d(other, widen(b))};
}

INLINE z64 asinh_c64(vf32 a, vf32 b) {
  z64 s = asin_c64(-b, a);
  return (z64){s.im, -s.re};
}

/* re = log1p(4x / ((1-x)^2 + y^2)) / 4, im = atan2(2y, (1-x)(1+x) - y^2) / 2, for x >= 0. */
INLINE z64 atanh_c64(vf32 a, vf32 b) {
  vf64 x = widen(magnitude(a)), y = widen(magnitude(b));
  vf64 size = (1.0 - x) * (1.0 - x) + y * y;
  vf64 re = 0.25 * log1p_d(4.0 * x / size), im = 0.5 * atan2_d(2.0 * y, (1.0 - x) * (1.0 + x) - y * y);
  vs64 far = (x == INFINITE_D) | (y == INFINITE_D);
  re = pick_d(far, (vf64)(0.0), pick_d((x == 1.0) & (y == 0.0), (vf64)(INFINITE_D), re));
  re = pick_d((x == 0.0) & (y != y), (vf64)(0.0), re);
  im = pick_d(far & (y == y), (vf64)(PI_2_D), pick_d(y == 0.0, pick_d(x > 1.0, (vf64)(PI_2_D), x * 0.0), im));
  return (z64){with_sign_d(re, widen(a)), with_sign_d(im, widen(b))};
}

INLINE z64 atan_c64(vf32 a, vf32 b) {
  z64 t = atanh_c64(-b, a);
  return (z64){t.im, -t.re};
}

/* ---- parts ---- */

#define PARTS(name)                                                                                          \
  INLINE vf32 name##_real_f32(vf32 a, vf32 b) { return narrow(name##_c64(a, b).re); }                        \
  INLINE vf32 name##_imag_f32(vf32 a, vf32 b) { return narrow(name##_c64(a, b).im); }
PARTS(sign)
PARTS(sqrt)
PARTS(rsqrt)
PARTS(cbrt)
PARTS(exponential)
PARTS(exponential_minus_one)
PARTS(log)
PARTS(log_plus_one)
PARTS(logistic)
PARTS(sine)
PARTS(cosine)
PARTS(tan)
PARTS(sinh)
PARTS(cosh)
PARTS(tanh)
PARTS(asin)
PARTS(acos)
PARTS(atan)
PARTS(asinh)
PARTS(acosh)
PARTS(atanh)

INLINE vf32 divide_real_f32(vf32 a, vf32 b, vf32 c, vf32 d) { return narrow(divide_c64(a, b, c, d).re); }
INLINE vf32 divide_imag_f32(vf32 a, vf32 b, vf32 c, vf32 d) { return narrow(divide_c64(a, b, c, d).im); }

#endif
