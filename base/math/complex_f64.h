/* Functions of c128, by algorithm: there is no wider type to hide in.
 *
 * Products and sums that cancel keep what they round off (Dekker, "A floating-point technique
 * for extending the available precision", 1971); squares are scaled by powers of two, so that
 * nothing overflows or underflows on the way; the rest is as in complex.h, which names the
 * papers. Real functions are base/math's own of f64.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_COMPLEX_F64_H
#define TN_BASE_MATH_COMPLEX_F64_H

#include "base/math/complex.h"
#include "base/math/hyperbolic_f64.h"
#include "base/math/power_f64.h"
#include "base/math/trigonometric_f64.h"

/* ---- sums of products ---- */

/* a*b + c*d to some 2^-105 of the larger product. */
INLINE vf64 sum_of_products(vf64 a, vf64 b, vf64 c, vf64 d) {
  wide p = exact_product(a, b), q = exact_product(c, d), s = exact_sum(p.high, q.high);
  vf64 exact = s.high + (s.low + (p.low + q.low));
  return pick_d(magnitude_d(s.high) < INFINITE_D, exact, s.high);
}

/* ---- scales ---- */

/* Powers of two that bring numbers of any size near 1: the exponent of x, within
 * -1021 … 1022, so that both 2^e and 2^-e are normal.                              */
INLINE vs64 exponent_of(vf64 x) {
  vs64 e = (vs64)((vu64)magnitude_d(x) >> 52) - 1023;
  e = (vs64)pick_ul(e > 1022, (vu64)(1022), (vu64)e);
  return (vs64)pick_ul(e < -1021, (vu64)(vs64)(-1021), (vu64)e);
}
INLINE vf64 power_of_two(vs64 e) { return (vf64)((vu64)(e + 1023) << 52); }

/* x 2^e in two steps, for any e from -2044 to 2044: rounds once unless subnormal. */
INLINE vf64 times_power(vf64 x, vs64 e) {
  vs64 half = e >> 1;
  return x * power_of_two(half) * power_of_two(e - half);
}

INLINE vf64 larger(vf64 x, vf64 y) { return pick_d(x > y, x, y); }

/* |a + bi| = size 2^e, with e even: what overflows alone may still be part of something. */
typedef struct {
  vf64 size;
  vs64 e;
} scaled_size;

INLINE scaled_size modulus_parts(vf64 a, vf64 b) {
  vf64 x = magnitude_d(a), y = magnitude_d(b);
  vs64 e = exponent_of(larger(x, y)) & ~1l;
  vf64 scale = power_of_two(-e), u = x * scale, v = y * scale;
  wide p = exact_product(u, u), q = exact_product(v, v), s = exact_sum(p.high, q.high);
  vf64 r = root(s.high + (s.low + (p.low + q.low)));
  return (scaled_size){pick_d(is_infinite_d(a) | is_infinite_d(b), (vf64)(INFINITE_D), r), e};
}

INLINE vf64 abs_real_f64(vf64 a, vf64 b) {
  scaled_size r = modulus_parts(a, b);
  return times_power(r.size, r.e);
}

/* ---- sign, divide ---- */

INLINE z64 sign_c128(vf64 a, vf64 b) {
  scaled_size r = modulus_parts(a, b);
  vf64 scale = power_of_two(-r.e);
  return (z64){pick_d(r.size == 0.0, a, a * scale / r.size), pick_d(r.size == 0.0, b, b * scale / r.size)};
}

/* |x|, 0 for what is no finite number. */
INLINE vf64 finite_size(vf64 x) { return pick_d(magnitude_d(x) < INFINITE_D, magnitude_d(x), (vf64)(0.0)); }

/* Both numbers are brought near 1, and the quotient back. What is infinite, zero or NaN
 * stays what it is, for divide_d's cases.                                               */
INLINE z64 divide_c128(vf64 a, vf64 b, vf64 c, vf64 d) {
  vs64 above = exponent_of(larger(finite_size(a), finite_size(b)));
  vs64 below = exponent_of(larger(magnitude_d(c), magnitude_d(d)));
  vf64 up = power_of_two(-above), down = power_of_two(-below);
  vf64 p = a * up, q = b * up, r = c * down, s = d * down, size = sum_of_products(r, r, s, s);
  z64 plain = divide_d(p, q, r, s);
  vs64 usual =
      (size > 0.0) & (size < INFINITE_D) & (magnitude_d(p) < INFINITE_D) & (magnitude_d(q) < INFINITE_D);
  vf64 re = sum_of_products(p, r, q, s) / size, im = sum_of_products(q, r, -p, s) / size;
  vs64 e = above - below;
  return (z64){pick_d(usual, times_power(re, e), plain.re), pick_d(usual, times_power(im, e), plain.im)};
}

/* ---- roots ---- */

/* sqrt(z) = (re + im i) 2^(e/2) with parts near 1. */
typedef struct {
  z64 root;
  vf64 size; /* |z| 2^-e */
  vs64 e;
} scaled_root;

INLINE scaled_root root_parts(vf64 a, vf64 b) {
  scaled_size r = modulus_parts(a, b);
  vf64 scale = power_of_two(-r.e), x = magnitude_d(a) * scale, y = magnitude_d(b) * scale;
  vf64 large = root(0.5 * (r.size + x));
  vf64 small = pick_d(large == 0.0, y, 0.5 * y / large);
  vs64 left = (vs64)a < 0, far = is_infinite_d(b);
  vf64 re = pick_d(left, small, large), im = with_sign_d(pick_d(left, large, small), b);
  return (scaled_root){{pick_d(far, (vf64)(INFINITE_D), re), pick_d(far, b, im)}, r.size, r.e};
}

INLINE z64 sqrt_c128(vf64 a, vf64 b) {
  scaled_root r = root_parts(a, b);
  vf64 scale = power_of_two(r.e >> 1);
  return (z64){r.root.re * scale, r.root.im * scale};
}

INLINE z64 rsqrt_c128(vf64 a, vf64 b) {
  scaled_root r = root_parts(a, b);
  vf64 scale = power_of_two(-(r.e >> 1)), re = r.root.re, im = r.root.im;
  vs64 far = r.size == INFINITE_D, nan = (re != re) & (im != im);
  z64 y = {pick_d(far & ~nan, (vf64)(0.0), re / r.size * scale),
           pick_d(far & ~nan, zero_like(-im), -im / r.size * scale)};
  y.re = pick_d(r.size == 0.0, (vf64)(INFINITE_D), y.re);
  return y;
}

/* ---- exponentials ---- */

/* cos b + i sin b */
INLINE z64 cis_f64(vf64 b) {
  z64 c;
  sine_cosine_f64(b, &c.im, &c.re);
  return c;
}

/* e^a c 2^k: the power of two comes last, and a c that is subnormal, or nearly, is brought up
 * first; so nothing overflows, underflows or loses bits but the product.                 */
INLINE vf64 exp_times(vf64 a, vf64 c, s64 k) {
  vu64 u;
  vf64 p = exp_reduced_d(at_least_d(at_most_d(a, 1460.0), -1460.0), 0, &u) + 1.0;
  vs64 small = magnitude_d(c) < 0x1p-512;
  vs64 e = (vs64)u - (vs64)(vf64)(ROUNDER_D) + k - (small & 512);
  e = (vs64)pick_ul(e > 2044, (vu64)(2044), (vu64)e);
  e = (vs64)pick_ul(e < -2044, (vu64)(vs64)(-2044), (vu64)e);
  return times_power(p * pick_d(small, c * 0x1p512, c), e);
}

INLINE z64 exponential_c128(vf64 a, vf64 b) {
  z64 c = cis_f64(b);
  vs64 none = a == -INFINITE_D, all = a == INFINITE_D, turned = c.re != c.re;
  vf64 re = pick_d(turned & all, (vf64)(INFINITE_D), exp_times(a, c.re, 0));
  vf64 im = pick_d(b == 0.0, b, exp_times(a, c.im, 0));
  return (z64){pick_d(turned & none, (vf64)(0.0), re), pick_d(turned & none, (vf64)(0.0), im)};
}

INLINE z64 exponential_minus_one_c128(vf64 a, vf64 b) {
  z64 e = exponential_c128(a, b);
  vf64 c = cosine_f64(b), half = sine_f64(0.5 * b);
  vf64 re = sum_of_products(exponential_minus_one_f64(at_most_d(a, 700.0)), c, -2.0 * half, half);
  vs64 near = (magnitude_d(a) < 100.0) & (c == c);
  return (z64){pick_d(near, re, e.re - 1.0), e.im};
}

/* h times c, where h is cosh a, or sinh a if `odd`. From 22 on both are e^|a| / 2. */
INLINE vf64 hyperbolic_times(vf64 a, vf64 c, vs64 odd) {
  vf64 size = magnitude_d(a), small = at_most_d(size, 22.0);
  vf64 near = pick_d(odd, sinh_f64(small), cosh_f64(small));
  vf64 y = pick_d(size > 22.0, exp_times(size, c, -1), product_or_zero(near, c));
  return pick_d(a == a, (vf64)((vu64)y ^ ((vu64)a & (vu64)odd & SIGN_BIT_D)), pick_d(c == 0.0, c, a));
}

/* (p cos b, q sin b): p is sinh a and q cosh a, or the other way round if not `odd`. */
INLINE z64 turned_hyperbolics_f64(vf64 a, vf64 b, vs64 odd) {
  z64 c = cis_f64(b);
  vs64 lost = (c.re != c.re) & is_infinite_d(a);
  vf64 re = pick_d(lost, (vf64)(INFINITE_D), hyperbolic_times(a, c.re, odd));
  return (z64){re, hyperbolic_times(a, c.im, ~odd)};
}

INLINE z64 sinh_c128(vf64 a, vf64 b) { return turned_hyperbolics_f64(a, b, (vs64)(-1)); }
INLINE z64 cosh_c128(vf64 a, vf64 b) { return turned_hyperbolics_f64(a, b, (vs64)(0)); }

/* From 20 on, e^-2|a| has left the real part's precision, and is the imaginary part's size. */
INLINE z64 tanh_c128(vf64 a, vf64 b) {
  z64 c = cis_f64(b);
  vf64 h = at_least_d(at_most_d(a, 20.0), -20.0), s = sinh_f64(h);
  vf64 size = s * s + c.re * c.re, angle = c.im * c.re;
  vs64 beyond = magnitude_d(a) > 20.0;
  z64 y = {s * cosh_f64(h) / size, angle / size};
  y.re = pick_d(beyond, with_sign_d((vf64)(1.0), a), pick_d(a == 0.0, a, y.re));
  y.im = pick_d(beyond, exp_times(-2.0 * magnitude_d(a), angle, 2), y.im);
  vs64 far = is_infinite_d(a), turned = c.re != c.re;
  y.re = pick_d(turned & beyond & ~far, c.re, y.re);
  y.im = pick_d(far & turned, (vf64)(0.0), pick_d(b == 0.0, b, y.im));
  return y;
}

INLINE z64 sine_c128(vf64 a, vf64 b) {
  z64 g = sinh_c128(-b, a);
  return (z64){g.im, -g.re};
}
INLINE z64 cosine_c128(vf64 a, vf64 b) { return cosh_c128(-b, a); }
INLINE z64 tan_c128(vf64 a, vf64 b) {
  z64 g = tanh_c128(-b, a);
  return (z64){g.im, -g.re};
}

/* (e^a + cos b + i sin b) / (...), where e^a + cos b is (e^a - 1) + 2 cos^2 (b/2): near the
 * poles the ones would cancel. Beyond 40 it is e^z on the left, and 1 - e^-z on the right. */
INLINE z64 logistic_c128(vf64 a, vf64 b) {
  vf64 h = at_least_d(at_most_d(a, 40.0), -40.0), s = sinh_f64(0.5 * h);
  z64 c = cis_f64(b), e = exponential_c128(-magnitude_d(a), b);
  vf64 half = cosine_f64(0.5 * b), size = 4.0 * (s * s + half * half);
  z64 y = {(exponential_minus_one_f64(h) + 2.0 * half * half) / size, c.im / size};
  vs64 beyond = magnitude_d(a) > 40.0, right = a > 40.0, turned = c.re != c.re;
  y.re = pick_d(beyond, pick_d(right & (~turned | (a == INFINITE_D)), (vf64)(1.0), e.re), y.re);
  y.im = pick_d(beyond, e.im, y.im);
  y.im = pick_d((b == 0.0) & ~beyond, b / size, y.im);
  return y;
}

/* ---- logarithms ---- */

INLINE vf64 argument_f64(vf64 a, vf64 b) {
  vs64 far = is_infinite_d(a) | is_infinite_d(b);
  vf64 x = pick_d(far, unit_if_infinite(a), a), y = pick_d(far, unit_if_infinite(b), b);
  return pick_d((a != a) | (b != b), a + b, atan2_f64(y, x));
}

/* x^2 + y^2 - 1 where that is small, to 2^-105; x > y. */
INLINE vf64 squares_less_one(vf64 x, vf64 y) {
  wide p = exact_product(x, x), q = exact_product(y, y), t = exact_sum(p.high, (vf64)(-1.0));
  wide s = exact_sum(t.high, q.high), low = exact_sum(p.low, q.low), r = exact_sum(s.high, low.high);
  return r.high + (r.low + (s.low + t.low + low.low));
}

/* log|z| */
INLINE vf64 log_modulus_f64(vf64 a, vf64 b) {
  vf64 x = magnitude_d(a), y = magnitude_d(b), most = larger(x, y), least = pick_d(x > y, y, x);
  scaled_size r = modulus_parts(a, b);
  vf64 e = __builtin_convertvector(r.e, vf64);
  vf64 far = FMA(e, (vf64)(LN2_D), log_f64(r.size));
  vs64 near =
      (most > 0.3) & (most < 2.0) & (most * most + least * least > 0.3) & (most * most + least * least < 3.0);
  vf64 more = squares_less_one(pick_d(near, most, (vf64)(1.0)), pick_d(near, least, (vf64)(0.0)));
  vf64 y_ = pick_d(near, 0.5 * log_plus_one_f64(more), far);
  y_ = pick_d((a == 0.0) & (b == 0.0), (vf64)(-INFINITE_D), y_);
  y_ = pick_d((a != a) | (b != b), a + b, y_);
  return pick_d(is_infinite_d(a) | is_infinite_d(b), (vf64)(INFINITE_D), y_);
}

INLINE z64 log_c128(vf64 a, vf64 b) { return (z64){log_modulus_f64(a, b), argument_f64(a, b)}; }

/* |1 + z|^2 - 1 = 2a + a^2 + b^2, each product and sum with its rest. */
INLINE z64 log_plus_one_c128(vf64 a, vf64 b) {
  vf64 x = at_least_d(at_most_d(a, 4.0), -4.0), y = at_most_d(magnitude_d(b), 4.0);
  wide p = exact_product(x, x), q = exact_product(y, y), s = exact_sum(2.0 * x, q.high),
       t = exact_sum(s.high, p.high);
  wide low = exact_sum(p.low, q.low), r = exact_sum(t.high, low.high);
  vf64 more = r.high + (r.low + (t.low + s.low + low.low));
  vs64 near = (magnitude_d(more) < 0.5) & (x == a) & (y == magnitude_d(b));
  vf64 sum = 1.0 + a;
  vf64 re = pick_d(near, 0.5 * log_plus_one_f64(pick_d(near, more, (vf64)(0.0))), log_modulus_f64(sum, b));
  return (z64){re, argument_f64(sum, b)};
}

/* The exponent is a multiple of three, and taken out before the root. A zero of the angle stays, that of an
 * infinite number, too.                                                                                     */
INLINE z64 cbrt_c128(vf64 a, vf64 b) {
  scaled_size r = modulus_parts(a * 0.125, b * 0.125);
  vf64 size = 2.0 * cbrt_f64(times_power(r.size, r.e));
  vs64 tiny = larger(magnitude_d(a), magnitude_d(b)) < 0x1p-1000;
  scaled_size small = modulus_parts(a * 0x1p300, b * 0x1p300);
  size = pick_d(tiny, 0x1p-100 * cbrt_f64(times_power(small.size, small.e)), size);
  vf64 third = argument_f64(a, b) * (1.0 / 3);
  z64 c = cis_f64(third);
  vs64 zero = (a == 0.0) & (b == 0.0);
  return (z64){pick_d(zero, a, size * c.re),
               pick_d(zero, b, pick_d(third == 0.0, third, size * c.im))};
}

/* ---- inverse functions ---- */

/* As arc_d. Where y^2 would underflow it is taken out of the roots; beyond 2^500 the ones
 * beside z are nothing, and the height is log 2|z|.                                        */
INLINE arc arc_f64(vf64 x, vf64 y) {
  vs64 huge = (x > 0x1p500) | (y > 0x1p500), inside = x < 1.0;
  vf64 u = pick_d(huge, (vf64)(1.0), x), v = pick_d(huge, (vf64)(1.0), y);
  vf64 right = abs_real_f64(u + 1.0, v), left = abs_real_f64(u - 1.0, v);
  vf64 alpha = 0.5 * (right + left), beside = left + magnitude_d(u - 1.0);
  vf64 outer = 1.0 / (right + (u + 1.0)), inner = pick_d(beside == 0.0, (vf64)(0.0), 1.0 / beside);
  vf64 both = 0.5 * (outer + inner); /* times v^2: alpha - x on the right, alpha - 1 inside */
  vf64 span = 0.5 * (v * (v * outer) + beside);
  vf64 leg = pick_d(inside, root((alpha + u) * span), v * root((alpha + u) * both));
  vf64 more = pick_d(inside, v * (v * both), span);
  vf64 steep = pick_d(inside, v * root(both * (more + 2.0)), root(more * (more + 2.0)));
  vf64 height = log_plus_one_f64(more + steep);
  vs64 far = (x == INFINITE_D) | (y == INFINITE_D), nan = (x != x) | (y != y);
  vf64 p = pick_d(far, unit_if_infinite(x), x), q = pick_d(huge, y, leg), none = x + y;
  q = pick_d(far, unit_if_infinite(y), q);
  height = pick_d(huge, log_modulus_f64(x, y) + LN2_D, height);
  height = pick_d(far, (vf64)(INFINITE_D), pick_d(nan, none, height));
  return (arc){pick_d(nan, none, atan2_f64(p, q)), pick_d(nan, none, atan2_f64(q, p)), height};
}

INLINE z64 asin_c128(vf64 a, vf64 b) {
  arc t = arc_f64(magnitude_d(a), magnitude_d(b));
  vf64 angle = pick_d((a == 0.0) & (b != b), (vf64)(0.0), t.angle);
  return (z64){with_sign_d(angle, a), with_sign_d(t.height, b)};
}

INLINE vf64 arc_other_f64(arc t, vf64 a) {
  return pick_d(((vs64)a < 0) & (t.other == t.other), PI_D - t.other, t.other);
}

INLINE z64 acos_c128(vf64 a, vf64 b) {
  arc t = arc_f64(magnitude_d(a), magnitude_d(b));
  vf64 other = pick_d((a == 0.0) & (b != b), (vf64)(PI_2_D), arc_other_f64(t, a));
  return (z64){other, with_sign_d(t.height, -b)};
}

INLINE z64 acosh_c128(vf64 a, vf64 b) {
  arc t = arc_f64(magnitude_d(a), magnitude_d(b));
  vf64 other = pick_d((a == 0.0) & (b != b), (vf64)(PI_2_D), arc_other_f64(t, a));
  return (z64){t.height, with_sign_d(other, b)};
}

INLINE z64 asinh_c128(vf64 a, vf64 b) {
  z64 s = asin_c128(-b, a);
  return (z64){s.im, -s.re};
}

/* Beyond 2^500 it is 1/z beside the right angle; at 1, half the logarithm of 2/y. */
INLINE z64 atanh_c128(vf64 a, vf64 b) {
  vf64 x = magnitude_d(a), y = magnitude_d(b);
  vs64 huge = (x > 0x1p500) | (y > 0x1p500), pole = (x == 1.0) & (y < 0x1p-400);
  vf64 u = pick_d(huge, (vf64)(2.0), x), v = pick_d(huge | pole, (vf64)(1.0), y);
  vf64 size = (1.0 - u) * (1.0 - u) + v * v;
  vf64 re = 0.25 * log_plus_one_f64(4.0 * u / size);
  vf64 im = 0.5 * atan2_f64(2.0 * v, sum_of_products(1.0 - u, 1.0 + u, -v, v));
  vf64 r = abs_real_f64(0.5 * x, 0.5 * y);
  re = pick_d(huge, 0.25 * x / r / r, re);
  re = pick_d(pole, 0.5 * (LN2_D - log_f64(pick_d(pole, y, (vf64)(1.0)))), re);
  im = pick_d(huge, (vf64)(PI_2_D), pick_d(pole, (vf64)(0.5 * PI_2_D), im));
  vs64 far = (x == INFINITE_D) | (y == INFINITE_D);
  re = pick_d(far, (vf64)(0.0), pick_d((x == 1.0) & (y == 0.0), (vf64)(INFINITE_D), re));
  re = pick_d((x == 0.0) & (y != y), (vf64)(0.0), re);
  im = pick_d(far & (y == y), (vf64)(PI_2_D), pick_d(y == 0.0, pick_d(x > 1.0, (vf64)(PI_2_D), x * 0.0), im));
  im = pick_d(y == y, im, y);
  return (z64){with_sign_d(re, a), with_sign_d(im, b)};
}

INLINE z64 atan_c128(vf64 a, vf64 b) {
  z64 t = atanh_c128(-b, a);
  return (z64){t.im, -t.re};
}

/* ---- power ---- */

/* log|z| as two doubles: |z|^2 is one. */
INLINE wide log_modulus_wide(vf64 a, vf64 b) {
  vf64 x = magnitude_d(a), y = magnitude_d(b);
  vs64 e = exponent_of(larger(x, y));
  vf64 scale = power_of_two(-e), u = x * scale, v = y * scale;
  wide p = exact_product(u, u), q = exact_product(v, v), s = exact_sum(p.high, q.high);
  wide size = fast_sum(s.high, s.low + (p.low + q.low)), l = log_wide(size.high);
  vf64 n = __builtin_convertvector(2 * e, vf64);
  l = exact_sum(l.high, l.low + size.low / size.high);
  wide r = exact_sum(n * LN2_W_HI, l.high);
  r = fast_sum(r.high, r.low + FMA(n, (vf64)(LN2_W_LO), l.low));
  return (wide){0.5 * r.high, 0.5 * r.low};
}

/* a (l.high + l.low) + b t */
INLINE wide wide_combination(vf64 a, wide l, vf64 b, vf64 t) {
  wide p = exact_product(a, l.high), q = exact_product(b, t), s = exact_sum(p.high, q.high);
  return fast_sum(s.high, s.low + (FMA(a, l.low, p.low) + q.low));
}

/* e^(w log z), with z^0 = 1, and 0^w = 0 where the real part of w is positive. The exponent is
 * held in two doubles; what is left is the angle's error, times w. Of what is infinite the
 * exponent is the plain formula's; where it has no angle, the size alone counts.            */
INLINE z64 power_c128(vf64 a, vf64 b, vf64 c, vf64 d) {
  vf64 angle = argument_f64(a, b);
  wide l = log_modulus_wide(a, b), r = wide_combination(c, l, -d, angle),
       t = wide_combination(d, l, c, angle);
  vs64 large = is_infinite_d(a) | is_infinite_d(b), far = large | is_infinite_d(c) | is_infinite_d(d);
  vf64 size = pick_d(large, (vf64)(INFINITE_D), l.high);
  r.high = pick_d(far, c * size - d * angle, r.high);
  t.high = pick_d(far, c * angle + d * size, t.high);
  z64 s = cis_f64(t.high);
  vf64 turn = pick_d(magnitude_d(t.low) < 0x1p-20, t.low, (vf64)(0.0)); /* else no digit is left */
  vf64 re = s.re - turn * s.im, im = s.im + turn * s.re;
  vf64 low = pick_d(magnitude_d(r.low) < 1.0, r.low, (vf64)(0.0)); /* NaN of an exponent that overflowed */
  z64 y = {exp_times(r.high, FMA(low, re, re), 0), exp_times(r.high, FMA(low, im, im), 0)};
  vs64 turned = s.re != s.re, none = turned & (r.high == -INFINITE_D);
  y.re = pick_d(none, (vf64)(0.0), pick_d(turned & (r.high == INFINITE_D), (vf64)(INFINITE_D), y.re));
  y.im = pick_d(none, (vf64)(0.0), y.im);
  vs64 one = (c == 0.0) & (d == 0.0), zero = (a == 0.0) & (b == 0.0);
  y.re = pick_d(zero, pick_d(c > 0.0, (vf64)(0.0), (vf64)(INFINITE_D)), y.re);
  y.im = pick_d(zero, pick_d(c > 0.0, (vf64)(0.0), (vf64)(NOT_A_NUMBER_D)), y.im);
  return (z64){pick_d(one, (vf64)(1.0), y.re), pick_d(one, (vf64)(0.0), y.im)};
}

INLINE vf64 power_real_f64(vf64 a, vf64 b, vf64 c, vf64 d) { return power_c128(a, b, c, d).re; }
INLINE vf64 power_imag_f64(vf64 a, vf64 b, vf64 c, vf64 d) { return power_c128(a, b, c, d).im; }
INLINE vf32 power_real_f32(vf32 a, vf32 b, vf32 c, vf32 d) {
  return narrow(power_c128(widen(a), widen(b), widen(c), widen(d)).re);
}
INLINE vf32 power_imag_f32(vf32 a, vf32 b, vf32 c, vf32 d) {
  return narrow(power_c128(widen(a), widen(b), widen(c), widen(d)).im);
}
INLINE vf64 divide_real_f64(vf64 a, vf64 b, vf64 c, vf64 d) { return divide_c128(a, b, c, d).re; }
INLINE vf64 divide_imag_f64(vf64 a, vf64 b, vf64 c, vf64 d) { return divide_c128(a, b, c, d).im; }

#define PARTS_F64(name)                                                                                      \
  INLINE vf64 name##_real_f64(vf64 a, vf64 b) { return name##_c128(a, b).re; }                               \
  INLINE vf64 name##_imag_f64(vf64 a, vf64 b) { return name##_c128(a, b).im; }
PARTS_F64(sign)
PARTS_F64(sqrt)
PARTS_F64(rsqrt)
PARTS_F64(cbrt)
PARTS_F64(exponential)
PARTS_F64(exponential_minus_one)
PARTS_F64(log)
PARTS_F64(log_plus_one)
PARTS_F64(logistic)
PARTS_F64(sine)
PARTS_F64(cosine)
PARTS_F64(tan)
PARTS_F64(sinh)
PARTS_F64(cosh)
PARTS_F64(tanh)
PARTS_F64(asin)
PARTS_F64(acos)
PARTS_F64(atan)
PARTS_F64(asinh)
PARTS_F64(acosh)
PARTS_F64(atanh)

#endif
