/* Integer operations that vectors lack, or where HLO defines what machines do not:
 *
 *   X / 0 = -1 (all ones), MIN / -1 = MIN, X % 0 = X, MIN % -1 = 0
 *   power wraps; to a negative power, 1 gives 1, -1 gives 1 or -1, all else 0
 *
 * Quotients of up to 16 bits come from f32 division and those of 32 bits from f64: two
 * integers' quotient, if it is not whole, is further from a whole number than these
 * formats' rounding can move it. 64 bits divide lane by lane.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_INTEGER_H
#define TN_BASE_MATH_INTEGER_H

#include "base/math/lanes.h"

/* mask ? a : b for any integer type; the mask has the type. */
#define CHOOSE(type, mask, a, b) (((v##type)(mask) & (a)) | (~(v##type)(mask) & (b)))

/* x / y truncated, y not 0 and not MIN / -1 */
#define QUOTIENT_BY(type, float, int)                                                                        \
  INLINE v##type quotient_##type(v##type x, v##type y) {                                                     \
    v##float q = __builtin_convertvector(x, v##float) / __builtin_convertvector(y, v##float);                \
    return __builtin_convertvector(__builtin_convertvector(q, v##int), v##type);                             \
  }
QUOTIENT_BY(s8, f32, s32)
QUOTIENT_BY(u8, f32, s32)
QUOTIENT_BY(s16, f32, s32)
QUOTIENT_BY(u16, f32, s32)
QUOTIENT_BY(s32, f64, s32)
QUOTIENT_BY(u32, f64, u32)
INLINE vs64 quotient_s64(vs64 x, vs64 y) { return x / y; }
INLINE vu64 quotient_u64(vu64 x, vu64 y) { return x / y; }

/* `unsafe` are the divisors by which nobody divides: 1 takes their place, which gives
 * MIN / -1 = MIN and MIN % -1 = MIN - MIN * -1 = 0, modulo 2^n.                         */
#define DIVISION(type, unsafe)                                                                               \
  INLINE v##type divide_##type(v##type x, v##type y) {                                                       \
    v##type q = quotient_##type(x, CHOOSE(type, unsafe, (v##type)(1), y));                                   \
    return CHOOSE(type, y == 0, (v##type)(-1), q);                                                           \
  }                                                                                                          \
  INLINE v##type remainder_##type(v##type x, v##type y) {                                                    \
    v##type q = quotient_##type(x, CHOOSE(type, unsafe, (v##type)(1), y));                                   \
    return CHOOSE(type, y == 0, x, x - q * y);                                                               \
  }
#define SIGNED_DIVISION(type, least) DIVISION(type, (y == 0) | ((y == -1) & (x == (v##type)(least))))
SIGNED_DIVISION(s8, -128)
SIGNED_DIVISION(s16, -32768)
SIGNED_DIVISION(s32, -0x7fffffff - 1)
SIGNED_DIVISION(s64, -0x7fffffffffffffffl - 1)
DIVISION(u8, y == 0)
DIVISION(u16, y == 0)
DIVISION(u32, y == 0)
DIVISION(u64, y == 0)

/* By squaring, in the unsigned type, as long as any lane's exponent has bits left. */
#define POWERS(bits)                                                                                         \
  INLINE vu##bits power_u##bits(vu##bits x, vu##bits y) {                                                    \
    vu##bits result = (vu##bits)(1);                                                                         \
    while (__builtin_reduce_or(y)) {                                                                         \
      result *= CHOOSE(u##bits, (y & 1) != 0, x, (vu##bits)(1));                                             \
      x *= x;                                                                                                \
      y >>= 1;                                                                                               \
    }                                                                                                        \
    return result;                                                                                           \
  }                                                                                                          \
  INLINE vs##bits power_s##bits(vs##bits x, vs##bits y) {                                                    \
    vs##bits negative = (vs##bits)(y < 0);                                                                   \
    vs##bits unit = CHOOSE(s##bits, x == -1, 1 - ((y & 1) << 1), (vs##bits)(x == 1) & 1);                    \
    vs##bits whole =                                                                                         \
        (vs##bits)power_u##bits((vu##bits)x, (vu##bits)CHOOSE(s##bits, negative, (vs##bits)(0), y));         \
    return CHOOSE(s##bits, negative, unit, whole);                                                           \
  }
POWERS(8)
POWERS(16)
POWERS(32)
POWERS(64)

/* Bits are counted in pairs, fours, eights; a product adds the bytes up in the top one. */
#define COUNTS(bits, ones)                                                                                   \
  INLINE vu##bits popcnt_u##bits(vu##bits x) {                                                               \
    x -= (x >> 1) & (u##bits)(ones * 0x55);                                                                  \
    x = (x & (u##bits)(ones * 0x33)) + ((x >> 2) & (u##bits)(ones * 0x33));                                  \
    x = (x + (x >> 4)) & (u##bits)(ones * 0x0f);                                                             \
    return (x * (u##bits)ones) >> (bits - 8);                                                                \
  }                                                                                                          \
  INLINE vu##bits count_leading_zeros_u##bits(vu##bits x) {                                                  \
    for (int shift = 1; shift < bits; shift *= 2) x |= x >> shift;                                           \
    return popcnt_u##bits(~x);                                                                               \
  }                                                                                                          \
  INLINE vs##bits popcnt_s##bits(vs##bits x) { return (vs##bits)popcnt_u##bits((vu##bits)x); }               \
  INLINE vs##bits count_leading_zeros_s##bits(vs##bits x) {                                                  \
    return (vs##bits)count_leading_zeros_u##bits((vu##bits)x);                                               \
  }
COUNTS(8, 0x01ul)
COUNTS(16, 0x0101ul)
COUNTS(32, 0x01010101ul)
COUNTS(64, 0x0101010101010101ul)

#endif
