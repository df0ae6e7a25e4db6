/* Integer quotients and remainders.
 *
 * x86 divides vectors of floats, not of integers. Quotients of 32 bits go through f64 and
 * those of 16 and 8 through f32: with a + b < 2^p, p the bits of the significand, a/b is
 * so far below the next integer that rounding cannot reach it, and truncation gives the
 * quotient (Granlund and Montgomery 1994 have the argument for reciprocals). One s32 of a
 * vector costs 2 cycles so, on its own 10. Quotients of 64 bits are taken one by one, and
 * those by constants are LLVM's multiplications.
 *
 * Nothing traps: divisors of 0 and -1 are replaced before, their results after.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

static LLVMTypeRef with_element(LLVMValueRef model, LLVMTypeRef element) {
  return tn_with_element(LLVMTypeOf(model), element);
}

/* u32 <-> f64 in the low bits of 2^52 + u, for which every target has the instructions. */
static LLVMValueRef magic_bits(LLVMTypeRef wide) { return tn_int_like(wide, UINT64_C(0x4330000000000000)); }

static LLVMValueRef float_of_u32(tn_emitter *e, LLVMValueRef x) {
  LLVMTypeRef wide = with_element(x, e->u->i64), real = with_element(x, e->u->f64);
  LLVMValueRef bits = LLVMBuildOr(e->b, LLVMBuildZExt(e->b, x, wide, ""), magic_bits(wide), "");
  return LLVMBuildFSub(e->b, LLVMBuildBitCast(e->b, bits, real, ""), tn_float_like(real, 0x1p52), "");
}

static LLVMValueRef u32_of_float(tn_emitter *e, LLVMValueRef x) {
  LLVMTypeRef wide = with_element(x, e->u->i64), real = LLVMTypeOf(x);
  LLVMValueRef whole = tn_intrinsic(e, "llvm.trunc", real, &x, 1);
  LLVMValueRef moved = LLVMBuildFAdd(e->b, whole, tn_float_like(real, 0x1p52), "");
  return LLVMBuildTrunc(e->b, LLVMBuildBitCast(e->b, moved, wide, ""), with_element(x, e->u->i32), "");
}

/* b is not 0; of signed types a/b does not overflow. */
static LLVMValueRef quotient_by_floats(tn_emitter *e, bool is_signed, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef type = LLVMTypeOf(a), i32 = with_element(a, e->u->i32);
  bool wide = LLVMGetIntTypeWidth(LLVMGetElementType(type)) == 32;
  if (wide && !is_signed)
    return u32_of_float(e, LLVMBuildFDiv(e->b, float_of_u32(e, a), float_of_u32(e, b), ""));
  LLVMTypeRef real = with_element(a, wide ? e->u->f64 : e->u->f32);
  LLVMValueRef x[2] = {a, b};
  for (int i = 0; i < 2; i++) {
    if (!wide) x[i] = is_signed ? LLVMBuildSExt(e->b, x[i], i32, "") : LLVMBuildZExt(e->b, x[i], i32, "");
    x[i] = LLVMBuildSIToFP(e->b, x[i], real, "");
  }
  LLVMValueRef quotient = LLVMBuildFPToSI(e->b, LLVMBuildFDiv(e->b, x[0], x[1], ""), i32, "");
  return wide ? quotient : LLVMBuildTrunc(e->b, quotient, type, "");
}

static LLVMValueRef divide(tn_emitter *e, bool is_signed, LLVMValueRef a, LLVMValueRef b, bool remainder) {
  LLVMTypeRef type = LLVMTypeOf(a);
  bool vector = LLVMGetTypeKind(type) == LLVMVectorTypeKind && !LLVMIsConstant(b);
  if (vector && LLVMGetIntTypeWidth(LLVMGetElementType(type)) <= 32) {
    LLVMValueRef quotient = quotient_by_floats(e, is_signed, a, b);
    return remainder ? LLVMBuildSub(e->b, a, LLVMBuildMul(e->b, quotient, b, ""), "") : quotient;
  }
  if (is_signed) return remainder ? LLVMBuildSRem(e->b, a, b, "") : LLVMBuildSDiv(e->b, a, b, "");
  return remainder ? LLVMBuildURem(e->b, a, b, "") : LLVMBuildUDiv(e->b, a, b, "");
}

LLVMValueRef tn_emit_integer_division(tn_emitter *e, tn_type type, LLVMValueRef a, LLVMValueRef b,
                                      bool remainder) {
  LLVMTypeRef t = LLVMTypeOf(a);
  LLVMValueRef zero = tn_int_like(t, 0), one = tn_int_like(t, 1), ones = tn_int_like(t, UINT64_MAX);
  LLVMValueRef by_zero = LLVMBuildICmp(e->b, LLVMIntEQ, b, zero, "");
  if (tn_type_class_of(type) != TN_CLASS_SIGNED) {
    LLVMValueRef value = divide(e, false, a, tn_select(e, by_zero, one, b), remainder);
    return tn_select(e, by_zero, remainder ? a : ones, value);
  }
  LLVMValueRef by_minus_one = LLVMBuildICmp(e->b, LLVMIntEQ, b, ones, "");
  LLVMValueRef safe = tn_select(e, LLVMBuildOr(e->b, by_zero, by_minus_one, ""), one, b);
  LLVMValueRef value = divide(e, true, a, safe, remainder);
  value = tn_select(e, by_minus_one, remainder ? zero : LLVMBuildNeg(e->b, a, ""), value);
  return tn_select(e, by_zero, remainder ? a : ones, value);
}
