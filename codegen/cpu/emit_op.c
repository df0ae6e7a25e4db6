/* Elementwise opcodes on registers, with HLO's meaning for every value.
 *
 * No instruction here can trap: divisors of 0 and of -1 are replaced before integer
 * divisions, shift amounts are checked. Nothing becomes a call: what LLVM has no
 * instruction for is base/math's, or refused.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/cpu/emit.h"

#include <math.h>

static LLVMValueRef constant_like(tn_emitter *e, tn_type type, LLVMValueRef model, double number) {
  LLVMTypeRef t = tn_with_element(LLVMTypeOf(model), tn_register_type(e->u, type));
  return tn_type_is_float(type) ? tn_float_like(t, number) : tn_int_like(t, (uint64_t)(int64_t)number);
}

static bool is_signed(tn_type type) { return tn_type_class_of(type) == TN_CLASS_SIGNED; }

static LLVMValueRef refuse(tn_emitter *e, const tn_expr *expr, tn_type type, LLVMValueRef model) {
  tn_unit_fail(e->u, TN_UNSUPPORTED, "%s: no native code for %s yet", tn_ops[expr->op.op].name,
               tn_type_name(type));
  LLVMTypeRef t = tn_register_type(e->u, tn_type_emits(expr->type) ? expr->type : TN_F32);
  return LLVMGetUndef(tn_with_element(LLVMTypeOf(model), t));
}

/* ---- integers ---- */

static LLVMValueRef integer_divide(tn_emitter *e, tn_type type, LLVMValueRef a, LLVMValueRef b,
                                   bool remainder) {
  LLVMTypeRef t = LLVMTypeOf(a);
  LLVMValueRef zero = tn_int_like(t, 0), one = tn_int_like(t, 1), ones = tn_int_like(t, UINT64_MAX);
  LLVMValueRef by_zero = LLVMBuildICmp(e->b, LLVMIntEQ, b, zero, "");
  if (!is_signed(type)) {
    LLVMValueRef safe = tn_select(e, by_zero, one, b);
    LLVMValueRef value = remainder ? LLVMBuildURem(e->b, a, safe, "") : LLVMBuildUDiv(e->b, a, safe, "");
    return tn_select(e, by_zero, remainder ? a : ones, value);
  }
  LLVMValueRef by_minus_one = LLVMBuildICmp(e->b, LLVMIntEQ, b, ones, "");
  LLVMValueRef safe = tn_select(e, LLVMBuildOr(e->b, by_zero, by_minus_one, ""), one, b);
  LLVMValueRef value = remainder ? LLVMBuildSRem(e->b, a, safe, "") : LLVMBuildSDiv(e->b, a, safe, "");
  value = tn_select(e, by_minus_one, remainder ? zero : LLVMBuildNeg(e->b, a, ""), value);
  return tn_select(e, by_zero, remainder ? a : ones, value);
}

static LLVMValueRef shift(tn_emitter *e, tn_op op, tn_type type, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef t = LLVMTypeOf(a);
  uint64_t bits = (uint64_t)tn_type_bits(type);
  LLVMValueRef fits = LLVMBuildICmp(e->b, LLVMIntULT, b, tn_int_like(t, bits), "");
  LLVMValueRef amount = tn_select(e, fits, b, tn_int_like(t, bits - 1));
  if (op == TN_OP_SHIFT_RIGHT_ARITHMETIC) return LLVMBuildAShr(e->b, a, amount, "");
  LLVMValueRef value =
      op == TN_OP_SHIFT_LEFT ? LLVMBuildShl(e->b, a, amount, "") : LLVMBuildLShr(e->b, a, amount, "");
  return tn_select(e, fits, value, tn_int_like(t, 0));
}

/* By squaring, a step for each bit of the exponent. Negative exponents leave 1 of 1, ±1
 * of -1 and 0 of the rest.                                                              */
static LLVMValueRef integer_power(tn_emitter *e, tn_type type, LLVMValueRef base, LLVMValueRef exponent) {
  LLVMTypeRef t = LLVMTypeOf(base);
  LLVMValueRef zero = tn_int_like(t, 0), one = tn_int_like(t, 1), result = one, square = base,
               rest = exponent;
  for (int i = 0; i < tn_type_bits(type); i++) {
    LLVMValueRef odd = LLVMBuildICmp(e->b, LLVMIntNE, LLVMBuildAnd(e->b, rest, one, ""), zero, "");
    result = tn_select(e, odd, LLVMBuildMul(e->b, result, square, ""), result);
    square = LLVMBuildMul(e->b, square, square, "");
    rest = LLVMBuildLShr(e->b, rest, one, "");
  }
  if (!is_signed(type)) return result;
  LLVMValueRef odd = LLVMBuildICmp(e->b, LLVMIntNE, LLVMBuildAnd(e->b, exponent, one, ""), zero, "");
  LLVMValueRef minus = tn_int_like(t, UINT64_MAX);
  LLVMValueRef inverse =
      tn_select(e, LLVMBuildICmp(e->b, LLVMIntEQ, base, minus, ""), tn_select(e, odd, minus, one), zero);
  inverse = tn_select(e, LLVMBuildICmp(e->b, LLVMIntEQ, base, one, ""), one, inverse);
  return tn_select(e, LLVMBuildICmp(e->b, LLVMIntSLT, exponent, zero, ""), inverse, result);
}

static LLVMValueRef multiply_high(tn_emitter *e, tn_type type, LLVMValueRef a, LLVMValueRef b) {
  unsigned bits = (unsigned)tn_type_bits(type);
  LLVMTypeRef t = LLVMTypeOf(a), wide = tn_with_element(t, LLVMIntTypeInContext(e->u->context, 2 * bits));
  LLVMValueRef x = is_signed(type) ? LLVMBuildSExt(e->b, a, wide, "") : LLVMBuildZExt(e->b, a, wide, "");
  LLVMValueRef y = is_signed(type) ? LLVMBuildSExt(e->b, b, wide, "") : LLVMBuildZExt(e->b, b, wide, "");
  LLVMValueRef product = LLVMBuildMul(e->b, x, y, "");
  return LLVMBuildTrunc(e->b, LLVMBuildLShr(e->b, product, tn_int_like(wide, bits), ""), t, "");
}

static LLVMValueRef two(tn_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b) {
  return tn_intrinsic(e, name, LLVMTypeOf(a), (LLVMValueRef[]){a, b}, 2);
}

static LLVMValueRef one_with_flag(tn_emitter *e, const char *name, LLVMValueRef a) {
  return tn_intrinsic(e, name, LLVMTypeOf(a), (LLVMValueRef[]){a, LLVMConstInt(e->u->i1, 0, false)}, 2);
}

static LLVMValueRef integer_extremum(tn_emitter *e, tn_type type, bool maximum, LLVMValueRef a,
                                     LLVMValueRef b) {
  if (type == TN_PRED) return maximum ? LLVMBuildOr(e->b, a, b, "") : LLVMBuildAnd(e->b, a, b, "");
  if (is_signed(type)) return two(e, maximum ? "llvm.smax" : "llvm.smin", a, b);
  return two(e, maximum ? "llvm.umax" : "llvm.umin", a, b);
}

/* ---- floats ---- */

/* NaN if either is; +0 above -0. */
static LLVMValueRef float_extremum(tn_emitter *e, bool maximum, LLVMValueRef a, LLVMValueRef b) {
  return two(e, maximum ? "llvm.maximum" : "llvm.minimum", a, b);
}

/* The same beside a constant that is not NaN: the comparison can be chosen such that NaN
 * and zeros come out right with one compare and select, mostly one instruction.         */
static LLVMValueRef extremum_constant(tn_emitter *e, bool maximum, LLVMValueRef x, double c) {
  LLVMValueRef limit = tn_float_like(LLVMTypeOf(x), c);
  bool winning_zero = c == 0 && !!signbit(c) != maximum;
  LLVMRealPredicate below = maximum ? LLVMRealOLT : LLVMRealOGT;
  if (winning_zero) below = maximum ? LLVMRealOLE : LLVMRealOGE;
  return tn_select(e, LLVMBuildFCmp(e->b, below, x, limit, ""), limit, x);
}

static bool number_of(const tn_expr *expr, double *value) {
  if (expr->kind != TN_EXPR_CONSTANT || !tn_type_is_float(expr->type)) return false;
  *value = tn_float_from_bits(expr->type, expr->bits[0]);
  return !isnan(*value);
}

static LLVMValueRef extremum(tn_emitter *e, const tn_expr *expr, LLVMValueRef a, LLVMValueRef b) {
  bool maximum = expr->op.op == TN_OP_MAXIMUM;
  double c;
  if (!tn_type_is_float(expr->type)) return integer_extremum(e, expr->type, maximum, a, b);
  if (number_of(expr->op.operands[1], &c)) return extremum_constant(e, maximum, a, c);
  if (number_of(expr->op.operands[0], &c)) return extremum_constant(e, maximum, b, c);
  return float_extremum(e, maximum, a, b);
}

static LLVMValueRef clamp(tn_emitter *e, const tn_expr *expr, LLVMValueRef low, LLVMValueRef x,
                          LLVMValueRef high) {
  if (!tn_type_is_float(expr->type)) {
    x = integer_extremum(e, expr->type, true, x, low);
    return integer_extremum(e, expr->type, false, x, high);
  }
  double c;
  x = number_of(expr->op.operands[0], &c) ? extremum_constant(e, true, x, c)
                                          : float_extremum(e, true, x, low);
  return number_of(expr->op.operands[2], &c) ? extremum_constant(e, false, x, c)
                                             : float_extremum(e, false, x, high);
}

/* Half away from zero: truncate, and one more where half or more was cut off. */
static LLVMValueRef round_away(tn_emitter *e, LLVMValueRef x) {
  LLVMTypeRef t = LLVMTypeOf(x);
  LLVMValueRef whole = tn_intrinsic(e, "llvm.trunc", t, &x, 1);
  LLVMValueRef rest = LLVMBuildFSub(e->b, x, whole, "");
  rest = tn_intrinsic(e, "llvm.fabs", t, &rest, 1);
  LLVMValueRef up = LLVMBuildFAdd(e->b, whole, two(e, "llvm.copysign", tn_float_like(t, 1), x), "");
  LLVMValueRef half = LLVMBuildFCmp(e->b, LLVMRealOGE, rest, tn_float_like(t, 0.5), "");
  return two(e, "llvm.copysign", tn_select(e, half, up, whole), x);
}

static LLVMValueRef sign(tn_emitter *e, tn_type type, LLVMValueRef x) {
  LLVMTypeRef t = LLVMTypeOf(x);
  if (tn_type_is_float(type)) {
    LLVMValueRef zero_or_nan = LLVMBuildFCmp(e->b, LLVMRealUEQ, x, tn_float_like(t, 0), "");
    return tn_select(e, zero_or_nan, x, two(e, "llvm.copysign", tn_float_like(t, 1), x));
  }
  LLVMValueRef zero = tn_int_like(t, 0);
  LLVMValueRef some = LLVMBuildZExt(e->b, LLVMBuildICmp(e->b, LLVMIntNE, x, zero, ""), t, "");
  if (!is_signed(type)) return some;
  LLVMValueRef negative = LLVMBuildICmp(e->b, LLVMIntSLT, x, zero, "");
  return tn_select(e, negative, tn_int_like(t, UINT64_MAX), some);
}

/* ---- comparison ---- */

static LLVMIntPredicate integer_predicate(tn_direction direction, bool is_signed) {
  switch (direction) {
  case TN_EQ: return LLVMIntEQ;
  case TN_NE: return LLVMIntNE;
  case TN_GE: return is_signed ? LLVMIntSGE : LLVMIntUGE;
  case TN_GT: return is_signed ? LLVMIntSGT : LLVMIntUGT;
  case TN_LE: return is_signed ? LLVMIntSLE : LLVMIntULE;
  case TN_LT: return is_signed ? LLVMIntSLT : LLVMIntULT;
  }
  return LLVMIntEQ;
}

static LLVMRealPredicate float_predicate(tn_direction direction) {
  switch (direction) {
  case TN_EQ: return LLVMRealOEQ;
  case TN_NE: return LLVMRealUNE;
  case TN_GE: return LLVMRealOGE;
  case TN_GT: return LLVMRealOGT;
  case TN_LE: return LLVMRealOLE;
  case TN_LT: return LLVMRealOLT;
  }
  return LLVMRealOEQ;
}

/* -NaN < -inf < … < -0 < +0 < … < NaN: the bits as integers, negative ones reversed. */
static LLVMValueRef total_order_key(tn_emitter *e, LLVMValueRef x) {
  bool wide = LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMDoubleTypeKind ||
              (tn_lanes_of(x) && LLVMGetElementType(LLVMTypeOf(x)) == e->u->f64);
  LLVMTypeRef t = tn_with_element(LLVMTypeOf(x), wide ? e->u->i64 : e->u->i32);
  LLVMValueRef bits = LLVMBuildBitCast(e->b, x, t, "");
  LLVMValueRef negative = LLVMBuildAShr(e->b, bits, tn_int_like(t, wide ? 63 : 31), "");
  return LLVMBuildXor(e->b, bits, LLVMBuildLShr(e->b, negative, tn_int_like(t, 1), ""), "");
}

static LLVMValueRef compare(tn_emitter *e, const tn_expr *expr, tn_type type, LLVMValueRef a,
                            LLVMValueRef b) {
  if (!tn_type_is_float(type))
    return LLVMBuildICmp(e->b, integer_predicate(expr->op.direction, is_signed(type)), a, b, "");
  if (!expr->op.total_order) return LLVMBuildFCmp(e->b, float_predicate(expr->op.direction), a, b, "");
  LLVMIntPredicate predicate = integer_predicate(expr->op.direction, true);
  return LLVMBuildICmp(e->b, predicate, total_order_key(e, a), total_order_key(e, b), "");
}

/* ---- by class ---- */

static LLVMValueRef bitcast(tn_emitter *e, const tn_expr *expr, tn_type from, LLVMValueRef x) {
  if (tn_type_bits(from) != tn_type_bits(expr->type)) return refuse(e, expr, from, x);
  LLVMValueRef bits = tn_to_memory(e, from, x);
  LLVMTypeRef type = tn_with_element(LLVMTypeOf(x), tn_memory_type(e->u, expr->type));
  return tn_from_memory(e, expr->type, LLVMBuildBitCast(e->b, bits, type, ""));
}

static LLVMValueRef arithmetic(tn_emitter *e, tn_op op, tn_type type, LLVMValueRef a, LLVMValueRef b) {
  bool real = tn_type_is_float(type), pred = type == TN_PRED;
  if (op == TN_OP_ADD) {
    if (pred) return LLVMBuildOr(e->b, a, b, "");
    return real ? tn_round_to_type(e, type, LLVMBuildFAdd(e->b, a, b, "")) : LLVMBuildAdd(e->b, a, b, "");
  }
  if (op == TN_OP_SUBTRACT) {
    if (pred) return LLVMBuildXor(e->b, a, b, "");
    return real ? tn_round_to_type(e, type, LLVMBuildFSub(e->b, a, b, "")) : LLVMBuildSub(e->b, a, b, "");
  }
  if (pred) return LLVMBuildAnd(e->b, a, b, "");
  return real ? tn_round_to_type(e, type, LLVMBuildFMul(e->b, a, b, "")) : LLVMBuildMul(e->b, a, b, "");
}

static LLVMValueRef divide(tn_emitter *e, const tn_expr *expr, LLVMValueRef a, LLVMValueRef b) {
  bool remainder = expr->op.op == TN_OP_REMAINDER;
  if (!tn_type_is_float(expr->type)) return integer_divide(e, expr->type, a, b, remainder);
  return tn_round_to_type(e, expr->type, LLVMBuildFDiv(e->b, a, b, ""));
}

static LLVMValueRef rounding(tn_emitter *e, const tn_expr *expr, LLVMValueRef x, const char *name) {
  if (!tn_type_is_float(expr->type)) return x;
  return tn_round_to_type(e, expr->type, tn_intrinsic(e, name, LLVMTypeOf(x), &x, 1));
}

static LLVMValueRef absolute(tn_emitter *e, tn_type type, LLVMValueRef x) {
  if (tn_type_is_float(type)) return tn_intrinsic(e, "llvm.fabs", LLVMTypeOf(x), &x, 1);
  return is_signed(type) ? one_with_flag(e, "llvm.abs", x) : x;
}

static LLVMValueRef is_finite(tn_emitter *e, LLVMValueRef x) {
  LLVMValueRef size = tn_intrinsic(e, "llvm.fabs", LLVMTypeOf(x), &x, 1);
  return LLVMBuildFCmp(e->b, LLVMRealOLT, size, tn_float_like(LLVMTypeOf(x), INFINITY), "");
}

static LLVMValueRef reciprocal_root(tn_emitter *e, const tn_expr *expr, LLVMValueRef x) {
  LLVMValueRef root = tn_intrinsic(e, "llvm.sqrt", LLVMTypeOf(x), &x, 1);
  return tn_round_to_type(e, expr->type, LLVMBuildFDiv(e->b, constant_like(e, expr->type, x, 1), root, ""));
}

static LLVMValueRef math(tn_emitter *e, const tn_expr *expr, tn_type type, LLVMValueRef *operands) {
  LLVMValueRef value = tn_math_emit(e, expr->op.op, expr->op.part, type, operands, expr->op.n_operands);
  if (value) return value;
  if (expr->op.op == TN_OP_RSQRT && tn_type_is_float(type)) return reciprocal_root(e, expr, operands[0]);
  if (expr->op.op == TN_OP_POWER && tn_type_is_integer(type))
    return integer_power(e, type, operands[0], operands[1]);
  return refuse(e, expr, type, operands[0]);
}

static LLVMValueRef fma_or_refuse(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (!e->u->cpu->fma) {
    tn_unit_fail(e->u, TN_BUG, "kernel %s: fma on a target without it", e->k->name);
    return x[2];
  }
  return tn_round_to_type(e, expr->type, tn_intrinsic(e, "llvm.fma", LLVMTypeOf(x[2]), x, 3));
}

LLVMValueRef tn_emit_op(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (expr->kind == TN_EXPR_FMA) return fma_or_refuse(e, expr, x);
  tn_type type = expr->op.operands[0]->type;
  if (!tn_type_emits(type)) return refuse(e, expr, type, x[0]);
  if (!tn_type_emits(expr->type)) return refuse(e, expr, expr->type, x[0]);
  if (expr->op.part) return math(e, expr, type, x);
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  switch ((int)expr->op.op) {
  case TN_OP_ADD:
  case TN_OP_SUBTRACT:
  case TN_OP_MULTIPLY: return arithmetic(e, expr->op.op, expr->type, x[0], x[1]);
  case TN_OP_REMAINDER:
    if (tn_type_is_float(type)) return math(e, expr, type, x);
    return divide(e, expr, x[0], x[1]);
  case TN_OP_DIVIDE: return divide(e, expr, x[0], x[1]);
  case TN_OP_MAXIMUM:
  case TN_OP_MINIMUM: return extremum(e, expr, x[0], x[1]);
  case TN_OP_CLAMP: return clamp(e, expr, x[0], x[1], x[2]);
  case TN_OP_AND: return LLVMBuildAnd(e->b, x[0], x[1], "");
  case TN_OP_OR: return LLVMBuildOr(e->b, x[0], x[1], "");
  case TN_OP_XOR: return LLVMBuildXor(e->b, x[0], x[1], "");
  case TN_OP_NOT: return LLVMBuildNot(e->b, x[0], "");
  case TN_OP_SHIFT_LEFT:
  case TN_OP_SHIFT_RIGHT_ARITHMETIC:
  case TN_OP_SHIFT_RIGHT_LOGICAL: return shift(e, expr->op.op, type, x[0], x[1]);
  case TN_OP_NEGATE:
    return tn_type_is_float(type) ? LLVMBuildFNeg(e->b, x[0], "") : LLVMBuildNeg(e->b, x[0], "");
  case TN_OP_ABS: return absolute(e, type, x[0]);
  case TN_OP_SIGN: return sign(e, type, x[0]);
  case TN_OP_FLOOR: return rounding(e, expr, x[0], "llvm.floor");
  case TN_OP_CEIL: return rounding(e, expr, x[0], "llvm.ceil");
  case TN_OP_ROUND_NEAREST_EVEN: return rounding(e, expr, x[0], "llvm.roundeven");
  case TN_OP_ROUND_NEAREST_AFZ: return tn_type_is_float(type) ? round_away(e, x[0]) : x[0];
  case TN_OP_SQRT: return rounding(e, expr, x[0], "llvm.sqrt");
  case TN_OP_IS_FINITE:
    return tn_type_is_float(type) ? is_finite(e, x[0]) : tn_int_like(tn_with_element(t, e->u->i1), 1);
  case TN_OP_COMPARE: return compare(e, expr, type, x[0], x[1]);
  case TN_OP_SELECT: return tn_select(e, x[0], x[1], x[2]);
  case TN_OP_CONVERT: return tn_convert(e, type, expr->type, x[0]);
  case TN_OP_COPY:
  case TN_OP_REAL: return x[0];
  case TN_OP_IMAG: return tn_float_like(t, 0);
  case TN_OP_BITCAST_CONVERT: return bitcast(e, expr, type, x[0]);
  case TN_OP_REDUCE_PRECISION:
    return tn_reduce_precision(e, type, x[0], expr->op.exponent_bits, expr->op.mantissa_bits);
  case TN_OP_COUNT_LEADING_ZEROS: return one_with_flag(e, "llvm.ctlz", x[0]);
  case TN_OP_POPCNT: return tn_intrinsic(e, "llvm.ctpop", t, &x[0], 1);
  case TN_OP_MULHI: return multiply_high(e, type, x[0], x[1]);
  }
  return math(e, expr, type, x);
}

LLVMValueRef tn_emit_join(tn_emitter *e, tn_join join, tn_type type, LLVMValueRef a, LLVMValueRef b) {
  switch (join) {
  case TN_JOIN_ADD: return arithmetic(e, TN_OP_ADD, type, a, b);
  case TN_JOIN_MULTIPLY: return arithmetic(e, TN_OP_MULTIPLY, type, a, b);
  case TN_JOIN_MINIMUM:
  case TN_JOIN_MAXIMUM:
    if (tn_type_is_float(type)) return float_extremum(e, join == TN_JOIN_MAXIMUM, a, b);
    return integer_extremum(e, type, join == TN_JOIN_MAXIMUM, a, b);
  case TN_JOIN_AND: return LLVMBuildAnd(e->b, a, b, "");
  case TN_JOIN_OR: return LLVMBuildOr(e->b, a, b, "");
  case TN_JOIN_XOR: return LLVMBuildXor(e->b, a, b, "");
  case TN_JOIN_ORDERED: break;
  }
  return a;
}
