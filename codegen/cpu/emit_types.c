/* Types: in memory, in registers, and from one to another.
 *
 * In registers a predicate is i1, floats of at most 16 bits are float that has been rounded
 * to their type after each operation, integers under 8 bits are i8 that has been wrapped,
 * everything else is itself (emit_small.c has what is under 16 bits). LLVM's half appears only where
 * the CPU converts it in one instruction, and bfloat never: LLVM would call functions
 * of compiler-rt for them. Rounding from f64 and from wide integers happens once, by way
 * of rounding to odd (Boldo and Melquiond, "When double rounding is odd", 2005).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/cpu/emit_bits.h"
#include "codegen/plan/native.h"

#include <assert.h>

static bool is_half(tn_type type) { return type == TN_F16 || type == TN_BF16; }

static bool is_narrow(tn_type type) { return tn_type_is_float(type) && tn_type_bits(type) < 32; }

static bool is_small_float(tn_type type) { return tn_type_is_float(type) && tn_type_bits(type) <= 8; }

static LLVMTypeRef integer_type(tn_unit *u, int bits) {
  return bits <= 8 ? u->i8 : bits == 16 ? u->i16 : bits == 32 ? u->i32 : u->i64;
}

LLVMTypeRef tn_register_type(tn_unit *u, tn_type type) {
  if (type == TN_PRED) return u->i1;
  if (tn_type_is_float(type)) return type == TN_F64 ? u->f64 : u->f32;
  return integer_type(u, tn_type_bits(type));
}

LLVMTypeRef tn_memory_type(tn_unit *u, tn_type type) {
  if (type == TN_PRED || is_small_float(type)) return u->i8;
  return is_half(type) ? u->i16 : tn_register_type(u, type);
}

/* ---- shapes of LLVM's types ---- */

LLVMTypeRef tn_shaped(LLVMTypeRef element, int lanes) {
  return lanes ? LLVMVectorType(element, (unsigned)lanes) : element;
}

static int lanes_of_type(LLVMTypeRef type) {
  return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? (int)LLVMGetVectorSize(type) : 0;
}

int tn_lanes_of(LLVMValueRef value) { return lanes_of_type(LLVMTypeOf(value)); }

LLVMTypeRef tn_with_element(LLVMTypeRef type, LLVMTypeRef element) {
  return tn_shaped(element, lanes_of_type(type));
}

static LLVMTypeRef element_of(LLVMTypeRef type) {
  return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetElementType(type) : type;
}

static LLVMValueRef splat_constant(LLVMTypeRef type, LLVMValueRef constant) {
  LLVMValueRef all[256];
  int lanes = lanes_of_type(type);
  if (!lanes) return constant;
  assert(lanes <= 256);
  for (int i = 0; i < lanes; i++) all[i] = constant;
  return LLVMConstVector(all, (unsigned)lanes);
}

LLVMValueRef tn_int_like(LLVMTypeRef type, uint64_t value) {
  return splat_constant(type, LLVMConstInt(element_of(type), value, false));
}

LLVMValueRef tn_float_like(LLVMTypeRef type, double value) {
  return splat_constant(type, LLVMConstReal(element_of(type), value));
}

LLVMValueRef tn_intrinsic(tn_emitter *e, const char *name, LLVMTypeRef overload, LLVMValueRef *arguments,
                          int count) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  assert(id);
  size_t n_types = overload ? 1 : 0;
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->u->module, id, &overload, n_types);
  LLVMTypeRef type = LLVMIntrinsicGetType(e->u->context, id, &overload, n_types);
  return LLVMBuildCall2(e->b, type, function, arguments, (unsigned)count, "");
}

LLVMValueRef tn_select(tn_emitter *e, LLVMValueRef condition, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSelect(e->b, condition, a, b, "");
}

/* ---- f16 ---- */

/* i32 holding f16 bits -> float. Subnormals become normal by a subtraction. */
static LLVMValueRef f16_widen_by_integers(tn_emitter *e, LLVMValueRef h) {
  LLVMValueRef shifted = tn_shift_left(e, tn_masked(e, h, 0x7fff), 13);
  LLVMValueRef exponent = tn_masked(e, shifted, 0x0f800000);
  LLVMValueRef normal = tn_plus(e, shifted, UINT64_C(112) << 23);
  LLVMValueRef special = tn_plus(e, shifted, UINT64_C(224) << 23);
  LLVMValueRef raised = tn_as(e, tn_plus(e, shifted, UINT64_C(113) << 23), e->u->f32);
  LLVMValueRef small = LLVMBuildFSub(e->b, raised, tn_float_like(LLVMTypeOf(raised), 0x1p-14), "");
  LLVMValueRef value = tn_select(e, tn_is(e, LLVMIntEQ, exponent, 0x0f800000), special, normal);
  value = tn_select(e, tn_is(e, LLVMIntEQ, exponent, 0), tn_as(e, small, e->u->i32), value);
  LLVMValueRef sign = tn_shift_left(e, tn_masked(e, h, 0x8000), 16);
  return tn_as(e, LLVMBuildOr(e->b, value, sign, ""), e->u->f32);
}

/* float -> i32 holding f16 bits, to nearest even. */
static LLVMValueRef f16_narrow_by_integers(tn_emitter *e, LLVMValueRef value) {
  LLVMValueRef bits = tn_as(e, value, e->u->i32), size = tn_masked(e, bits, 0x7fffffff);
  LLVMTypeRef type = LLVMTypeOf(bits);
  LLVMValueRef odd = tn_masked(e, tn_shift_right(e, size, 13), 1);
  LLVMValueRef normal = tn_plus(e, size, UINT64_C(0xc8000fff)); /* rebias, half an ulp less one */
  normal = tn_shift_right(e, LLVMBuildAdd(e->b, normal, odd, ""), 13);
  LLVMValueRef magic = tn_as(e, size, e->u->f32);
  magic = LLVMBuildFAdd(e->b, magic, tn_float_like(LLVMTypeOf(magic), 0.5), "");
  LLVMValueRef small = tn_plus(e, tn_as(e, magic, e->u->i32), (uint64_t)-0x3f000000);
  LLVMValueRef nan = tn_is(e, LLVMIntUGT, size, 0x7f800000);
  LLVMValueRef special = tn_select(e, nan, tn_int_like(type, 0x7e00), tn_int_like(type, 0x7c00));
  LLVMValueRef half = tn_select(e, tn_is(e, LLVMIntULT, size, 0x38800000), small, normal);
  half = tn_select(e, tn_is(e, LLVMIntUGE, size, 0x47800000), special, half);
  return LLVMBuildOr(e->b, half, tn_masked(e, tn_shift_right(e, bits, 16), 0x8000), "");
}

/* i16 -> float */
static LLVMValueRef f16_widen(tn_emitter *e, LLVMValueRef bits) {
  LLVMTypeRef type = LLVMTypeOf(bits);
  if (!e->u->cpu->f16_conversions)
    return f16_widen_by_integers(e, LLVMBuildZExt(e->b, bits, tn_with_element(type, e->u->i32), ""));
  LLVMTypeRef half = tn_with_element(type, LLVMHalfTypeInContext(e->u->context));
  return LLVMBuildFPExt(e->b, LLVMBuildBitCast(e->b, bits, half, ""), tn_with_element(type, e->u->f32), "");
}

/* float -> i16 */
static LLVMValueRef f16_narrow(tn_emitter *e, LLVMValueRef value) {
  LLVMTypeRef type = LLVMTypeOf(value), i16 = tn_with_element(type, e->u->i16);
  if (!e->u->cpu->f16_conversions) return LLVMBuildTrunc(e->b, f16_narrow_by_integers(e, value), i16, "");
  LLVMTypeRef half = tn_with_element(type, LLVMHalfTypeInContext(e->u->context));
  return LLVMBuildBitCast(e->b, LLVMBuildFPTrunc(e->b, value, half, ""), i16, "");
}

/* ---- bf16 ---- */

/* The i32 bits of a float, rounded to bf16 in the upper half; the lower half is junk. */
static LLVMValueRef bf16_round_bits(tn_emitter *e, LLVMValueRef value) {
  LLVMValueRef bits = tn_as(e, value, e->u->i32);
  LLVMValueRef odd = tn_masked(e, tn_shift_right(e, bits, 16), 1);
  LLVMValueRef rounded = LLVMBuildAdd(e->b, tn_plus(e, bits, 0x7fff), odd, "");
  LLVMValueRef quiet = LLVMBuildOr(e->b, bits, tn_int_like(LLVMTypeOf(bits), 0x400000), "");
  LLVMValueRef nan = LLVMBuildFCmp(e->b, LLVMRealUNO, value, value, "");
  return tn_select(e, nan, quiet, rounded);
}

static LLVMValueRef bf16_widen(tn_emitter *e, LLVMValueRef bits) {
  LLVMValueRef wide = LLVMBuildZExt(e->b, bits, tn_with_element(LLVMTypeOf(bits), e->u->i32), "");
  return tn_as(e, tn_shift_left(e, wide, 16), e->u->f32);
}

static LLVMValueRef bf16_narrow(tn_emitter *e, LLVMValueRef value) {
  LLVMTypeRef i16 = tn_with_element(LLVMTypeOf(value), e->u->i16);
  return LLVMBuildTrunc(e->b, tn_shift_right(e, bf16_round_bits(e, value), 16), i16, "");
}

/* ---- memory ---- */

LLVMValueRef tn_from_memory(tn_emitter *e, tn_type type, LLVMValueRef value) {
  if (type == TN_PRED) return tn_is(e, LLVMIntNE, value, 0);
  if (type == TN_F16) return f16_widen(e, value);
  if (type == TN_BF16) return bf16_widen(e, value);
  return is_small_float(type) ? tn_small_decode(e, type, value) : value;
}

LLVMValueRef tn_to_memory(tn_emitter *e, tn_type type, LLVMValueRef value) {
  if (type == TN_PRED) return LLVMBuildZExt(e->b, value, tn_with_element(LLVMTypeOf(value), e->u->i8), "");
  if (type == TN_F16) return f16_narrow(e, value);
  if (type == TN_BF16) return bf16_narrow(e, value);
  return is_small_float(type) ? tn_small_encode(e, type, value) : value;
}

/* float -> float */
static LLVMValueRef narrowed(tn_emitter *e, tn_type type, LLVMValueRef value) {
  if (type == TN_F16) return f16_widen(e, f16_narrow(e, value));
  if (type == TN_BF16) return tn_as(e, tn_masked(e, bf16_round_bits(e, value), 0xffff0000), e->u->f32);
  return is_small_float(type) ? tn_small_round(e, type, value) : value;
}

LLVMValueRef tn_round_to_type(tn_emitter *e, tn_type type, LLVMValueRef value) {
  return tn_type_is_float(type) ? narrowed(e, type, value) : tn_small_wrap(e, type, value);
}

LLVMValueRef tn_round_result(tn_emitter *e, tn_op op, tn_type type, LLVMValueRef value) {
  if (type == TN_F8E8M0FNU && tn_op_is_never_zero(op)) {
    LLVMTypeRef t = LLVMTypeOf(value);
    LLVMValueRef lost = LLVMBuildFCmp(e->b, LLVMRealOEQ, value, tn_float_like(t, 0), "");
    value = tn_select(e, lost, tn_float_like(t, 0x1p-149), value);
  }
  return tn_round_to_type(e, type, value);
}

LLVMValueRef tn_constant_value(tn_emitter *e, tn_type type, uint64_t bits) {
  LLVMTypeRef t = tn_register_type(e->u, type);
  if (tn_type_is_float(type)) return LLVMConstReal(t, tn_float_from_bits(type, bits));
  if (type == TN_PRED) return LLVMConstInt(t, bits != 0, false);
  return LLVMConstInt(t, (uint64_t)tn_load_integer(type, &bits), false);
}

LLVMValueRef tn_private_constant(tn_unit *u, LLVMValueRef value) {
  LLVMValueRef global = LLVMAddGlobal(u->module, LLVMTypeOf(value), "");
  LLVMSetInitializer(global, value);
  LLVMSetLinkage(global, LLVMPrivateLinkage);
  LLVMSetGlobalConstant(global, true);
  LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
  return global;
}

/* ---- conversions ---- */

/* double -> float to odd: truncate, and set the last bit if anything was lost. */
static LLVMValueRef to_odd(tn_emitter *e, LLVMValueRef wide) {
  LLVMTypeRef f64 = LLVMTypeOf(wide), f32 = tn_with_element(f64, e->u->f32),
              i32 = tn_with_element(f64, e->u->i32);
  LLVMValueRef near = LLVMBuildFPTrunc(e->b, wide, f32, "");
  LLVMValueRef back = LLVMBuildFPExt(e->b, near, f64, "");
  LLVMValueRef above = LLVMBuildFCmp(e->b, LLVMRealOGT, tn_intrinsic(e, "llvm.fabs", f64, &back, 1),
                                     tn_intrinsic(e, "llvm.fabs", f64, &wide, 1), "");
  LLVMValueRef lost = LLVMBuildFCmp(e->b, LLVMRealONE, back, wide, "");
  LLVMValueRef bits = LLVMBuildSub(e->b, tn_as(e, near, e->u->i32), LLVMBuildZExt(e->b, above, i32, ""), "");
  return tn_as(e, LLVMBuildOr(e->b, bits, LLVMBuildZExt(e->b, lost, i32, ""), ""), e->u->f32);
}

/* 64-bit integers of more than 53 bits: what is under 11 bits becomes one sticky bit, so
 * that the conversion to double is exact and a later rounding is the only one.          */
static LLVMValueRef integer_to_odd_double(tn_emitter *e, LLVMValueRef value, bool is_signed) {
  LLVMTypeRef type = LLVMTypeOf(value), f64 = tn_with_element(type, e->u->f64);
  LLVMValueRef rest = tn_is(e, LLVMIntNE, tn_masked(e, value, 0x7ff), 0);
  LLVMValueRef sticky = tn_shift_left(e, LLVMBuildZExt(e->b, rest, type, ""), 11);
  LLVMValueRef odd = LLVMBuildOr(e->b, tn_masked(e, value, ~UINT64_C(0x7ff)), sticky, "");
  LLVMValueRef large = is_signed
                           ? tn_is(e, LLVMIntUGT, tn_plus(e, value, UINT64_C(1) << 53), UINT64_C(1) << 54)
                           : tn_is(e, LLVMIntUGT, value, UINT64_C(1) << 53);
  value = tn_select(e, large, odd, value);
  return is_signed ? LLVMBuildSIToFP(e->b, value, f64, "") : LLVMBuildUIToFP(e->b, value, f64, "");
}

static LLVMValueRef integer_to_float(tn_emitter *e, tn_type from, tn_type to, LLVMValueRef value) {
  bool is_signed = tn_type_class_of(from) == TN_CLASS_SIGNED;
  LLVMTypeRef type = tn_with_element(LLVMTypeOf(value), tn_register_type(e->u, to));
  LLVMTypeRef f64 = tn_with_element(LLVMTypeOf(value), e->u->f64);
  if (is_narrow(to) && tn_type_bits(from) == 64)
    return narrowed(e, to, to_odd(e, integer_to_odd_double(e, value, is_signed)));
  if (is_narrow(to) && tn_type_bits(from) == 32) {
    value = is_signed ? LLVMBuildSIToFP(e->b, value, f64, "") : LLVMBuildUIToFP(e->b, value, f64, "");
    return narrowed(e, to, to_odd(e, value));
  }
  value = is_signed ? LLVMBuildSIToFP(e->b, value, type, "") : LLVMBuildUIToFP(e->b, value, type, "");
  return narrowed(e, to, value);
}

static LLVMValueRef float_to_integer(tn_emitter *e, tn_type to, LLVMValueRef value) {
  bool is_signed = tn_type_class_of(to) == TN_CLASS_SIGNED;
  LLVMTypeRef types[2] = {tn_with_element(LLVMTypeOf(value), tn_register_type(e->u, to)), LLVMTypeOf(value)};
  const char *name = is_signed ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->u->module, id, types, 2);
  value = LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->u->context, id, types, 2), function, &value, 1, "");
  return tn_small_clamp(e, to, value);
}

static LLVMValueRef float_to_float(tn_emitter *e, tn_type from, tn_type to, LLVMValueRef value) {
  if (to == TN_F64) {
    return from == TN_F64 ? value
                          : LLVMBuildFPExt(e->b, value, tn_with_element(LLVMTypeOf(value), e->u->f64), "");
  }
  if (from != TN_F64) return from == to ? value : narrowed(e, to, value);
  if (is_narrow(to)) return narrowed(e, to, to_odd(e, value));
  return LLVMBuildFPTrunc(e->b, value, tn_with_element(LLVMTypeOf(value), e->u->f32), "");
}

LLVMValueRef tn_convert(tn_emitter *e, tn_type from, tn_type to, LLVMValueRef value) {
  if (from == to) return value;
  bool from_float = tn_type_is_float(from), to_float = tn_type_is_float(to);
  if (to == TN_PRED) {
    if (!from_float) return tn_is(e, LLVMIntNE, value, 0);
    return LLVMBuildFCmp(e->b, LLVMRealUNE, value, tn_float_like(LLVMTypeOf(value), 0), "");
  }
  if (from_float) return to_float ? float_to_float(e, from, to, value) : float_to_integer(e, to, value);
  if (to_float) return integer_to_float(e, from, to, value);
  LLVMTypeRef type = tn_with_element(LLVMTypeOf(value), tn_register_type(e->u, to));
  bool is_signed = tn_type_class_of(from) == TN_CLASS_SIGNED;
  return tn_small_wrap(e, to, LLVMBuildIntCast2(e->b, value, type, is_signed, ""));
}

/* ---- reduce-precision ---- */

typedef struct {
  int exponent, mantissa;
} float_format;

static float_format format_of(tn_type type) {
  if (type == TN_F16) return (float_format){5, 10};
  if (type == TN_BF16) return (float_format){8, 7};
  return type == TN_F64 ? (float_format){11, 52} : (float_format){8, 23};
}

/* Of the type's own bits: round the mantissa to nearest even; exponents beyond the
 * smaller format's become infinite, below its normal numbers zero.                   */
LLVMValueRef tn_reduce_precision(tn_emitter *e, tn_type type, LLVMValueRef value, int exponent_bits,
                                 int mantissa_bits) {
  float_format format = format_of(type);
  LLVMTypeRef memory = is_half(type) ? e->u->i16 : type == TN_F64 ? e->u->i64 : e->u->i32;
  LLVMValueRef bits = is_half(type) ? tn_to_memory(e, type, value) : tn_as(e, value, memory);
  LLVMValueRef nan = LLVMBuildFCmp(e->b, LLVMRealUNO, value, value, ""), original = bits;
  uint64_t sign = UINT64_C(1) << (format.exponent + format.mantissa);
  uint64_t exponents = sign - (UINT64_C(1) << format.mantissa);
  if (mantissa_bits < format.mantissa) {
    unsigned drop = (unsigned)(format.mantissa - mantissa_bits);
    LLVMValueRef odd = tn_masked(e, tn_shift_right(e, bits, drop), 1);
    bits = LLVMBuildAdd(e->b, tn_plus(e, bits, (UINT64_C(1) << (drop - 1)) - 1), odd, "");
    bits = tn_masked(e, bits, ~((UINT64_C(1) << drop) - 1));
  }
  if (exponent_bits < format.exponent) {
    uint64_t bias = (UINT64_C(1) << (format.exponent - 1)) - 1,
             reduced = (UINT64_C(1) << (exponent_bits - 1)) - 1;
    LLVMValueRef exponent = tn_masked(e, bits, exponents), zero = tn_masked(e, bits, sign);
    LLVMValueRef infinite = LLVMBuildOr(e->b, zero, tn_int_like(LLVMTypeOf(bits), exponents), "");
    LLVMValueRef over = tn_is(e, LLVMIntUGT, exponent, (bias + reduced) << format.mantissa);
    LLVMValueRef under = tn_is(e, LLVMIntULE, exponent, (bias - reduced) << format.mantissa);
    bits = tn_select(e, over, infinite, tn_select(e, under, zero, bits));
  }
  bits = tn_select(e, nan, original, bits);
  return is_half(type) ? tn_from_memory(e, type, bits) : tn_as(e, bits, tn_register_type(e->u, type));
}
