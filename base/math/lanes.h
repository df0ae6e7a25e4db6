/* Lanes: the types and the few operations over which base/math is written.
 *
 * The same text is compiled for TN_MATH_WIDTH = 1, 4, 8 and 16 lanes. Every operation
 * works on each lane alone, and only IEEE operations, comparisons, bit operations and
 * in-range conversions occur, so a lane's result has the same bits at every width and
 * on every instruction set. What keeps that true:
 *   - a float is converted to an integer only after it was clamped into range (the
 *     result of the instruction is else the machine's, and LLVM's is poison);
 *   - no shift is as wide as its operand;
 *   - fma is fused in one variant (TN_MATH_FMA) and rounds twice in the other, and the
 *     compiler may not contract (-ffp-contract=off) nor assume that signed integers do
 *     not overflow (-fwrapv): lanes that hold NaN compute with arbitrary bits until a
 *     select drops them.
 *
 * A comparison gives a mask of the operands' width, all ones or zero.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_LANES_H
#define TN_BASE_MATH_LANES_H

#define VECTOR(T) T __attribute__((ext_vector_type(TN_MATH_WIDTH)))
typedef float f32;
typedef double f64;
typedef unsigned short f16; /* its bits */
typedef unsigned short bf16;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long s64;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

typedef VECTOR(f32) vf32;
typedef VECTOR(f64) vf64;
typedef VECTOR(u16) vf16;
typedef VECTOR(u16) vbf16;
typedef VECTOR(s8) vs8;
typedef VECTOR(s16) vs16;
typedef VECTOR(s32) vs32;
typedef VECTOR(s64) vs64;
typedef VECTOR(u8) vu8;
typedef VECTOR(u16) vu16;
typedef VECTOR(u32) vu32;
typedef VECTOR(u64) vu64;

#define INLINE static inline __attribute__((always_inline))

/* Before a loop over an array that must vanish: wide vectors else seem too dear to unroll. */
#define UNROLLED _Pragma("clang loop unroll(full)")

/* a*b + c of either float type, rounded once or twice as the variant says. */
#if TN_MATH_FMA
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

/* mask ? a : b in each lane, by type. */
INLINE vf32 pick(vs32 mask, vf32 a, vf32 b) { return mask ? a : b; }
INLINE vf64 pick_d(vs64 mask, vf64 a, vf64 b) { return mask ? a : b; }
INLINE vs32 pick_i(vs32 mask, vs32 a, vs32 b) { return (mask & a) | (~mask & b); }
INLINE vu32 pick_u(vs32 mask, vu32 a, vu32 b) { return (vu32)pick_i(mask, (vs32)a, (vs32)b); }
INLINE vu64 pick_ul(vs64 mask, vu64 a, vu64 b) { return ((vu64)mask & a) | (~(vu64)mask & b); }

INLINE vf64 widen(vf32 x) { return __builtin_convertvector(x, vf64); }
INLINE vf32 narrow(vf64 x) { return __builtin_convertvector(x, vf32); }
INLINE vs64 widen_mask(vs32 mask) { return __builtin_convertvector(mask, vs64); }
INLINE vs32 narrow_mask(vs64 mask) { return __builtin_convertvector(mask, vs32); }

/* Whether a mask is set in any lane: for what is rare, dear and picked by lanes afterwards,
 * so that a lane's bits do not depend on the others.                                 */
#define ANY(mask) (__builtin_reduce_or(mask) != 0)

/* The smaller of x and limit; NaN stays NaN. */
INLINE vf32 at_most(vf32 x, f32 limit) { return pick(x > limit, (vf32)(limit), x); }
INLINE vf32 at_least(vf32 x, f32 limit) { return pick(x < limit, (vf32)(limit), x); }
INLINE vf64 at_most_d(vf64 x, f64 limit) { return pick_d(x > limit, (vf64)(limit), x); }
INLINE vf64 at_least_d(vf64 x, f64 limit) { return pick_d(x < limit, (vf64)(limit), x); }

#define SIGN_BIT   0x80000000u
#define SIGN_BIT_D 0x8000000000000000ul
#define ONE_BITS_D 0x3ff0000000000000ul
#define MANTISSA_D 0x000ffffffffffffful
INLINE vf32 magnitude(vf32 x) { return (vf32)((vu32)x & ~SIGN_BIT); }
INLINE vf64 magnitude_d(vf64 x) { return (vf64)((vu64)x & ~SIGN_BIT_D); }
INLINE vu32 sign_of(vf32 x) { return (vu32)x & SIGN_BIT; }
/* x, which is not negative, with the sign that is given as a bit. */
INLINE vf32 with_sign(vf32 x, vu32 sign) { return (vf32)((vu32)x | sign); }
INLINE vf64 with_sign_d(vf64 x, vf64 sign) { return (vf64)((vu64)x | ((vu64)sign & SIGN_BIT_D)); }

#define INFINITE       __builtin_inff()
#define INFINITE_D     __builtin_inf()
#define NOT_A_NUMBER   __builtin_nanf("")
#define NOT_A_NUMBER_D __builtin_nan("")

/* c[0] + c[1] x + … by Horner: fewest operations; kernels interleave vectors, so that
 * its latency does not matter.                                                      */
INLINE vf32 horner(vf32 x, const f32 *c, int count) {
  vf32 y = (vf32)(c[count - 1]);
  for (int i = count - 2; i >= 0; i--) y = FMA(y, x, (vf32)(c[i]));
  return y;
}
INLINE vf64 horner_d(vf64 x, const f64 *c, int count) {
  vf64 y = (vf64)(c[count - 1]);
  for (int i = count - 2; i >= 0; i--) y = FMA(y, x, (vf64)(c[i]));
  return y;
}
#define POLYNOMIAL(x, ...) horner(x, (const f32[]){__VA_ARGS__}, sizeof((f32[]){__VA_ARGS__}) / sizeof(f32))
#define POLYNOMIAL_D(x, ...)                                                                                 \
  horner_d(x, (const f64[]){__VA_ARGS__}, sizeof((f64[]){__VA_ARGS__}) / sizeof(f64))

/* Adding this to |x| < 2^22 rounds x to an integer (to even) and leaves it, plus the
 * bias, in the low bits of the sum.                                                 */
#define ROUNDER(bias) (0x1.8p23f + (bias))
#define ROUNDER_D     0x1.8p52

#endif
