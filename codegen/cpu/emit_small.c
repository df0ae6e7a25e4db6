/* Types of at most 8 bits: floats of 8 and 4 bits, integers of 1, 2 and 4.
 *
 * In registers such a float is the float of the same value, such an integer an i8 with
 * its sign or zeros extended. All is arithmetic on 32-bit lanes with selects, no tables
 * and no branches, so that every target has vectors of it. What the formats are stands
 * in base/float_format.h; base/number.c is the slow reference of each function here.
 *
 * Rounding adds and subtracts a power of two whose unit is the last place wanted:
 *
 *     |x| = 1.f * 2^e,  magic = 2^(max(e, least normal) + 23 - fraction bits)
 *     (|x| + magic) - magic   is |x| to nearest even, subnormals included
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/float_format.h"
#include "codegen/cpu/emit_bits.h"

#include <math.h>

static const uint32_t SIGN = 0x80000000, INFINITE = 0x7f800000, QUIET = 0x7fc00000;

/* `yes` where the condition holds; both are i32. */
static LLVMValueRef choose(tn_emitter *e, LLVMValueRef condition, uint64_t yes, LLVMValueRef no) {
  return tn_select(e, condition, tn_int_like(LLVMTypeOf(no), yes), no);
}

static int exponent_of_least_normal(const tn_float_format *f) { return 1 - f->bias; }

static uint32_t sign_of(const tn_float_format *f) { return UINT32_C(1) << (f->bits - 1); }

/* ---- from memory: i8 -> float ---- */

static LLVMValueRef power_decode(tn_emitter *e, LLVMValueRef h) {
  LLVMValueRef bits = choose(e, tn_is(e, LLVMIntEQ, h, 0), 0x00400000, tn_shift_left(e, h, 23));
  return tn_as(e, choose(e, tn_is(e, LLVMIntEQ, h, 0xff), QUIET, bits), e->u->f32);
}

/* The bits of the float with no sign; `m` is the pattern. */
static LLVMValueRef magnitude_decode(tn_emitter *e, const tn_float_format *f, LLVMValueRef m) {
  LLVMTypeRef f32 = tn_with_element(LLVMTypeOf(m), e->u->f32);
  LLVMValueRef shifted = tn_shift_left(e, m, 23 - f->fraction_bits);
  LLVMValueRef normal = tn_plus(e, shifted, (uint64_t)(127 - f->bias) << 23);
  LLVMValueRef unit = tn_float_like(f32, ldexp(1, exponent_of_least_normal(f) - f->fraction_bits));
  LLVMValueRef small = LLVMBuildFMul(e->b, LLVMBuildSIToFP(e->b, m, f32, ""), unit, "");
  LLVMValueRef is_small = tn_is(e, LLVMIntULT, m, UINT64_C(1) << f->fraction_bits);
  LLVMValueRef bits = tn_select(e, is_small, tn_as(e, small, e->u->i32), normal);
  if (f->kind == TN_FLOAT_FN) return choose(e, tn_is(e, LLVMIntEQ, m, f->nan), QUIET, bits);
  if (f->kind != TN_FLOAT_IEEE) return bits;
  bits = choose(e, tn_is(e, LLVMIntEQ, m, f->overflow), INFINITE, bits);
  return choose(e, tn_is(e, LLVMIntUGT, m, f->overflow), QUIET, bits);
}

LLVMValueRef tn_small_decode(tn_emitter *e, tn_type type, LLVMValueRef byte) {
  const tn_float_format *f = tn_float_format_of(type);
  LLVMValueRef h = LLVMBuildZExt(e->b, byte, tn_with_element(LLVMTypeOf(byte), e->u->i32), "");
  if (f->kind == TN_FLOAT_POWER) return power_decode(e, h);
  LLVMValueRef bits = magnitude_decode(e, f, tn_masked(e, h, sign_of(f) - 1));
  bits = LLVMBuildOr(e->b, bits, tn_shift_left(e, tn_masked(e, h, sign_of(f)), 32 - f->bits), "");
  if (f->kind == TN_FLOAT_FNUZ) bits = choose(e, tn_is(e, LLVMIntEQ, h, f->nan), QUIET, bits);
  return tn_as(e, bits, e->u->f32);
}

/* ---- to memory: a float that has such a value -> i8 ---- */

static LLVMValueRef magnitude_encode(tn_emitter *e, const tn_float_format *f, LLVMValueRef m) {
  int drop = 23 - f->fraction_bits, least = exponent_of_least_normal(f);
  LLVMValueRef normal = tn_shift_right(e, tn_plus(e, m, (uint64_t)(f->bias - 127) << 23), drop);
  LLVMValueRef value = tn_as(e, m, e->u->f32);
  double magic = ldexp(1, least + drop);
  LLVMValueRef small = LLVMBuildFAdd(e->b, value, tn_float_like(LLVMTypeOf(value), magic), "");
  small = tn_plus(e, tn_as(e, small, e->u->i32), -(uint64_t)tn_bits_of((float)magic));
  LLVMValueRef is_small = tn_is(e, LLVMIntULT, m, (uint64_t)(127 + least) << 23);
  LLVMValueRef pattern = tn_select(e, is_small, small, normal), special = tn_is(e, LLVMIntUGE, m, INFINITE);
  if (f->kind == TN_FLOAT_FINITE) return pattern;
  if (f->kind != TN_FLOAT_IEEE) return choose(e, special, f->nan, pattern);
  LLVMValueRef payload = tn_masked(e, tn_shift_right(e, m, drop), (UINT64_C(1) << f->fraction_bits) - 1);
  payload = LLVMBuildOr(e->b, payload, tn_int_like(LLVMTypeOf(m), f->overflow), "");
  return tn_select(e, special, payload, pattern);
}

LLVMValueRef tn_small_encode(tn_emitter *e, tn_type type, LLVMValueRef value) {
  const tn_float_format *f = tn_float_format_of(type);
  LLVMTypeRef i8 = tn_with_element(LLVMTypeOf(value), e->u->i8);
  LLVMValueRef bits = tn_as(e, value, e->u->i32);
  if (f->kind == TN_FLOAT_POWER) return LLVMBuildTrunc(e->b, tn_shift_right(e, bits, 23), i8, "");
  LLVMValueRef pattern = magnitude_encode(e, f, tn_masked(e, bits, SIGN - 1));
  LLVMValueRef sign = tn_masked(e, tn_shift_right(e, bits, 32 - f->bits), sign_of(f));
  return LLVMBuildTrunc(e->b, LLVMBuildOr(e->b, pattern, sign, ""), i8, "");
}

/* ---- float -> the nearest value of the type, as float ---- */

/* Half rounds up: of 2^e and 2^(e+1) the format can tell no even one. */
static LLVMValueRef power_round(tn_emitter *e, LLVMValueRef bits) {
  LLVMTypeRef type = LLVMTypeOf(bits);
  LLVMValueRef rounded = tn_masked(e, tn_plus(e, bits, 0x00400000), INFINITE);
  LLVMValueRef least = tn_select(e, tn_is(e, LLVMIntUGE, bits, 0x00600000), tn_int_like(type, 0x00800000),
                                 tn_int_like(type, 0x00400000));
  rounded = tn_select(e, tn_is(e, LLVMIntULT, bits, 0x00800000), least, rounded);
  /* 0, negative numbers, what is too large, NaN */
  LLVMValueRef outside = tn_is(e, LLVMIntUGE, tn_plus(e, bits, UINT64_MAX), 0x7f400000 - 1);
  return tn_as(e, choose(e, outside, QUIET, rounded), e->u->f32);
}

/* |x| to nearest even in the format's fraction, as if it had no largest value; `limit`
 * for what is above that, and for NaN.                                                */
static LLVMValueRef nearest(tn_emitter *e, const tn_float_format *f, LLVMValueRef x, double limit) {
  LLVMTypeRef type = LLVMTypeOf(x);
  LLVMValueRef below = LLVMBuildFCmp(e->b, LLVMRealOLT, x, tn_float_like(type, limit), "");
  x = tn_select(e, below, x, tn_float_like(type, limit));
  LLVMValueRef exponent = tn_masked(e, tn_as(e, x, e->u->i32), INFINITE), pair[2];
  pair[0] = exponent;
  pair[1] = tn_int_like(LLVMTypeOf(exponent), (uint64_t)(127 + exponent_of_least_normal(f)) << 23);
  exponent = tn_intrinsic(e, "llvm.umax", LLVMTypeOf(exponent), pair, 2);
  LLVMValueRef magic = tn_as(e, tn_plus(e, exponent, (uint64_t)(23 - f->fraction_bits) << 23), e->u->f32);
  return LLVMBuildFSub(e->b, LLVMBuildFAdd(e->b, x, magic, ""), magic, "");
}

/* What overflow gives, as the bits of a float with no sign. */
static uint64_t overflow_of(const tn_float_format *f, double largest) {
  if (f->kind == TN_FLOAT_IEEE) return INFINITE;
  return f->kind == TN_FLOAT_FINITE ? tn_bits_of((float)largest) : QUIET;
}

LLVMValueRef tn_small_round(tn_emitter *e, tn_type type, LLVMValueRef value) {
  const tn_float_format *f = tn_float_format_of(type);
  LLVMValueRef bits = tn_as(e, value, e->u->i32), sign = tn_masked(e, bits, SIGN);
  if (f->kind == TN_FLOAT_POWER) return power_round(e, bits);
  double largest = tn_float_from_bits(type, f->largest);
  LLVMValueRef x = tn_as(e, tn_masked(e, bits, SIGN - 1), e->u->f32);
  LLVMValueRef nan = LLVMBuildFCmp(e->b, LLVMRealUNO, value, value, "");
  LLVMValueRef rounded = nearest(e, f, x, ldexp(1, ilogb(largest) + 1));
  LLVMValueRef over = LLVMBuildFCmp(e->b, LLVMRealOGT, rounded, tn_float_like(LLVMTypeOf(x), largest), "");
  uint64_t overflow = overflow_of(f, largest);
  if (f->kind == TN_FLOAT_FNUZ) { /* adding 0 makes +0 of -0 */
    rounded = tn_as(e, LLVMBuildOr(e->b, tn_as(e, rounded, e->u->i32), sign, ""), e->u->f32);
    rounded = LLVMBuildFAdd(e->b, rounded, tn_float_like(LLVMTypeOf(rounded), 0), "");
    return tn_as(e, choose(e, over, overflow, tn_as(e, rounded, e->u->i32)), e->u->f32);
  }
  LLVMValueRef result = choose(e, over, overflow, tn_as(e, rounded, e->u->i32));
  if (f->kind == TN_FLOAT_IEEE) result = choose(e, nan, QUIET, result);
  result = LLVMBuildOr(e->b, result, sign, "");
  if (f->kind == TN_FLOAT_FINITE) result = choose(e, nan, 0, result);
  return tn_as(e, result, e->u->f32);
}

/* ---- integers ---- */

LLVMValueRef tn_small_wrap(tn_emitter *e, tn_type type, LLVMValueRef value) {
  if (!tn_type_is_integer(type) || tn_type_bits(type) >= 8) return value;
  uint64_t mask = (UINT64_C(1) << tn_type_bits(type)) - 1, sign = UINT64_C(1) << (tn_type_bits(type) - 1);
  value = tn_masked(e, value, mask);
  if (tn_type_class_of(type) == TN_CLASS_UNSIGNED) return value;
  value = LLVMBuildXor(e->b, value, tn_int_like(LLVMTypeOf(value), sign), "");
  return tn_plus(e, value, -sign);
}

LLVMValueRef tn_small_clamp(tn_emitter *e, tn_type type, LLVMValueRef value) {
  if (!tn_type_is_integer(type) || tn_type_bits(type) >= 8) return value;
  LLVMTypeRef t = LLVMTypeOf(value);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  uint64_t largest = (UINT64_C(1) << (tn_type_bits(type) - is_signed)) - 1;
  LLVMValueRef pair[2] = {value, tn_int_like(t, largest)};
  value = tn_intrinsic(e, is_signed ? "llvm.smin" : "llvm.umin", t, pair, 2);
  if (!is_signed) return value;
  pair[0] = value;
  pair[1] = tn_int_like(t, ~largest);
  return tn_intrinsic(e, "llvm.smax", t, pair, 2);
}

/* ---- reduce-precision ---- */

/* The bits of |x| with `mantissa` bits of fraction, to nearest even. */
static LLVMValueRef fewer_bits(tn_emitter *e, LLVMValueRef bits, int mantissa) {
  int drop = 23 - mantissa;
  if (drop <= 0) return bits;
  LLVMValueRef odd = tn_masked(e, tn_shift_right(e, bits, drop), 1);
  bits = LLVMBuildAdd(e->b, tn_plus(e, bits, (UINT64_C(1) << (drop - 1)) - 1), odd, "");
  return tn_masked(e, bits, ~((UINT64_C(1) << drop) - 1));
}

static int exponent_bits_of(const tn_float_format *f) {
  return f->kind == TN_FLOAT_POWER ? 8 : f->bits - 1 - f->fraction_bits;
}

/* As if the format were IEEE's of as many exponent bits. With fewer of them it has no
 * subnormals; with as many it keeps its own, whose last place stands still.           */
LLVMValueRef tn_small_reduce_precision(tn_emitter *e, tn_type type, LLVMValueRef value, int exponent_bits,
                                       int mantissa_bits) {
  const tn_float_format *f = tn_float_format_of(type);
  LLVMValueRef all = tn_as(e, value, e->u->i32), sign = tn_masked(e, all, SIGN),
               size = tn_masked(e, all, SIGN - 1);
  LLVMValueRef bits = fewer_bits(e, size, mantissa_bits);
  int own = exponent_bits_of(f), bias = (1 << ((exponent_bits < own ? exponent_bits : own) - 1)) - 1;
  if (exponent_bits < own) {
    LLVMValueRef zero = tn_int_like(LLVMTypeOf(bits), 0);
    bits = tn_select(e, tn_is(e, LLVMIntULT, bits, (uint64_t)(128 - bias) << 23), zero, bits);
    bits = choose(e, tn_is(e, LLVMIntUGE, bits, (uint64_t)(128 + bias) << 23), INFINITE, bits);
  } else if (1 - bias - mantissa_bits > tn_float_least_exponent(type)) {
    LLVMValueRef x = tn_as(e, size, e->u->f32);
    LLVMValueRef magic = tn_float_like(LLVMTypeOf(x), ldexp(1, 1 - bias - mantissa_bits + 23));
    LLVMValueRef small = LLVMBuildFSub(e->b, LLVMBuildFAdd(e->b, x, magic, ""), magic, "");
    LLVMValueRef is_small = tn_is(e, LLVMIntULT, size, (uint64_t)(128 - bias) << 23);
    bits = tn_select(e, is_small, tn_as(e, small, e->u->i32), bits);
  }
  bits = tn_select(e, tn_is(e, LLVMIntUGE, size, INFINITE), size, bits);
  LLVMValueRef result = tn_as(e, LLVMBuildOr(e->b, bits, sign, ""), e->u->f32);
  return tn_round_to_type(e, type, result);
}
