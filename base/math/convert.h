/* Conversions that instruction sets lack, or do not do as HLO asks.
 *
 *   f16, bf16 <-> f32 and f64 -> f16, bf16   integer sequences, to nearest even, once
 *   f32, f64 -> integers                     saturating, NaN to 0
 *   32- and 64-bit integers -> bf16          once (by way of f32 they would round twice)
 *
 * All else is an instruction, or exact by way of one: f16 to f64 and to integers through
 * f32; integers to f16 through f32, whose rounding starts where f16 is infinite.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_CONVERT_H
#define TN_BASE_MATH_CONVERT_H

#include "base/math/lanes.h"

#define CONVERTED(value, type) __builtin_convertvector(value, v##type)

/* Adding 112 to the exponent makes the f32; subnormals get a one in front, which a
 * subtraction takes away again; infinity and NaN get the largest exponent.            */
INLINE vf32 convert_f16_f32(vf16 x) {
  vu32 h = CONVERTED(x, u32);
  vu32 a = (h & 0x7fff) << 13;
  vf32 tiny = (vf32)(a + (113u << 23)) - 0x1p-14f;
  vu32 y = pick_u((vs32)a < (s32)(1u << 23), (vu32)tiny, a + (112u << 23));
  y = pick_u((vs32)a >= (s32)(31u << 23), a | 0x7f800000u, y);
  return (vf32)(y | (h & 0x8000) << 16);
}

INLINE vf32 convert_bf16_f32(vbf16 x) { return (vf32)(CONVERTED(x, u32) << 16); }

/* Adds half of the last place that stays, less one if that place is even: what carries
 * out is the rounding, also into the exponent. Values whose results are subnormal are
 * added to a number whose last place is the result's.                                 */
INLINE vf16 convert_f32_f16(vf32 x) {
  vu32 a = (vu32)magnitude(x);
  vs32 nan = (vs32)a > 0x7f800000;
  vu32 b = pick_u((vs32)a > 0x47800000, (vu32)(0x47800000u), a); /* 65536 and above: infinity */
  vu32 normal = ((b + 0xfff + ((b >> 13) & 1)) >> 13) - (112u << 10);
  vu32 tiny = (vu32)((vf32)b + 0.5f) - 0x3f000000u;
  vu32 y = pick_u((vs32)b < 0x38800000, tiny, normal);
  y = pick_u(nan, 0x7e00 | ((a >> 13) & 0x3ff), y);
  return CONVERTED(y | ((vu32)x >> 16 & 0x8000), f16);
}

INLINE vbf16 convert_f32_bf16(vf32 x) {
  vu32 a = (vu32)x;
  vu32 y = (a + 0x7fff + ((a >> 16) & 1)) >> 16;
  return CONVERTED(pick_u(x != x, a >> 16 | 0x40, y), bf16);
}

/* The same from f64, for a format with `bits` of fraction: above `most` is infinity, below
 * `least` are subnormals, `adder`'s last place is that of subnormals.                  */
INLINE vu64 narrow_float(vf64 x, int bits, f64 most, f64 least, f64 adder, u64 exponents, u64 infinity) {
  vf64 a = magnitude_d(x);
  vu64 b = (vu64)at_most_d(a, most);
  int drop = 52 - bits;
  vu64 normal = ((b + ((1ul << (drop - 1)) - 1) + ((b >> drop) & 1)) >> drop) - (exponents << bits);
  vu64 tiny = (vu64)((vf64)b + adder) - (vu64)(vf64)(adder);
  vu64 y = pick_ul((vf64)b < least, tiny, normal);
  return pick_ul(x != x, (vu64)(infinity | 1ul << (bits - 1)), y) | ((vu64)x >> 48 & 0x8000);
}

INLINE vf16 convert_f64_f16(vf64 x) {
  return CONVERTED(narrow_float(x, 10, 0x1p16, 0x1p-14, 0x1p28, 1008, 0x7c00), f16);
}
INLINE vbf16 convert_f64_bf16(vf64 x) {
  return CONVERTED(narrow_float(x, 7, 0x1p128, 0x1p-126, 0x1p-81, 896, 0x7f80), bf16);
}

/* What does not fit 53 bits keeps a trace of what it loses in the last of them ("round to
 * odd"), so that the second rounding is the only one.                                  */
INLINE vf64 odd_f64(vu64 x) {
  vu64 lost = x & 0x7ff;
  vu64 odd = (x & ~0x7fful) | (vu64)((lost != 0) & 0x800);
  return __builtin_convertvector(pick_ul((x >> 53) != 0, odd, x), vf64);
}

INLINE vbf16 convert_u64_bf16(vu64 x) { return convert_f64_bf16(odd_f64(x)); }
INLINE vbf16 convert_s64_bf16(vs64 x) {
  vu64 a = pick_ul(x < 0, (vu64)-x, (vu64)x);
  return convert_f64_bf16(with_sign_d(odd_f64(a), (vf64)x));
}
INLINE vbf16 convert_s32_bf16(vs32 x) { return convert_f64_bf16(CONVERTED(x, f64)); }
INLINE vbf16 convert_u32_bf16(vu32 x) { return convert_f64_bf16(CONVERTED(x, f64)); }

/* To integers that the float holds exactly at both ends: clamp, convert. */
#define CLAMPING(from, to, through, low, high, limit_low, limit_high, choose)                                \
  INLINE v##to convert_##from##_##to(v##from x) {                                                            \
    v##from y = choose(x == x, x, (v##from)(0));                                                             \
    y = limit_low(limit_high(y, high), low);                                                                 \
    return CONVERTED(CONVERTED(y, through), to);                                                             \
  }
#define CLAMPING_F32(to, low, high) CLAMPING(f32, to, s32, low, high, at_least, at_most, pick)
#define CLAMPING_F64(to, through, low, high)                                                                 \
  CLAMPING(f64, to, through, low, high, at_least_d, at_most_d, pick_d)
CLAMPING_F32(s8, -128.0f, 127.0f)
CLAMPING_F32(s16, -32768.0f, 32767.0f)
CLAMPING_F32(u8, 0.0f, 255.0f)
CLAMPING_F32(u16, 0.0f, 65535.0f)
CLAMPING_F64(s8, s32, -128.0, 127.0)
CLAMPING_F64(s16, s32, -32768.0, 32767.0)
CLAMPING_F64(u8, s32, 0.0, 255.0)
CLAMPING_F64(u16, s32, 0.0, 65535.0)
CLAMPING_F64(s32, s32, -0x1p31, 0x1.fffffffcp30)
CLAMPING_F64(u32, u32, 0.0, 0x1.fffffffep31)

/* To integers whose largest the float cannot hold: what reaches `limit` is picked. */
#define SATURATING(from, to, low, limit, largest, limit_low, choose)                                         \
  INLINE v##to convert_##from##_##to(v##from x) {                                                            \
    v##from y = choose((x == x) & (x < limit), x, (v##from)(0));                                             \
    v##to z = CONVERTED(limit_low(y, low), to);                                                              \
    v##to over = CONVERTED(x >= limit, to);                                                                  \
    return (z & ~over) | ((v##to)(largest) & over);                                                          \
  }
SATURATING(f32, s32, -0x1p31f, 0x1p31f, 0x7fffffff, at_least, pick)
SATURATING(f32, u32, 0.0f, 0x1p32f, 0xffffffffu, at_least, pick)
SATURATING(f32, s64, -0x1p63f, 0x1p63f, 0x7fffffffffffffffl, at_least, pick)
SATURATING(f32, u64, 0.0f, 0x1p64f, 0xfffffffffffffffful, at_least, pick)
SATURATING(f64, s64, -0x1p63, 0x1p63, 0x7fffffffffffffffl, at_least_d, pick_d)
SATURATING(f64, u64, 0.0, 0x1p64, 0xfffffffffffffffful, at_least_d, pick_d)

#endif
