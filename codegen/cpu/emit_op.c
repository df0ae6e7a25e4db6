/* Elementwise opcodes on registers, with HLO's meaning for every value.
 *
 * No instruction here can trap: divisors of 0 and of -1 are replaced before integer
 * divisions, shift amounts are checked. Nothing becomes a call: what LLVM has no
 * instruction for is base/math's. What has no native form (codegen/plan/native.h) is in no
 * plan that was verified.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/cpu/emit.h"
#include "codegen/plan/native.h"

#include <math.h>

static LLVMValueRef constant_like(tn_emitter *e, tn_type type, LLVMValueRef model, double number) {
  LLVMTypeRef t = tn_with_element(LLVMTypeOf(model), tn_register_type(e->u, type));
  return tn_type_is_float(type) ? tn_float_like(t, number) : tn_int_like(t, (uint64_t)(int64_t)number);
}

static bool is_signed(tn_type type) { return tn_type_class_of(type) == TN_CLASS_SIGNED; }

static LLVMValueRef no_form(tn_emitter *e, const tn_expr *expr, tn_type type, LLVMValueRef model) {
  tn_unit_fail(e->u, TN_BUG, "kernel %s: %s of %s, which has no native form", e->k->name,
               tn_ops[expr->op.op].name, tn_type_name(type));
  LLVMTypeRef t = tn_register_type(e->u, tn_type_is_native(expr->type) ? expr->type : TN_F32);
  return LLVMGetUndef(tn_with_element(LLVMTypeOf(model), t));
}

/* ---- integers ---- */

/* The type's own bits, zeros above them. */
static LLVMValueRef plain_bits(tn_emitter *e, tn_type type, LLVMValueRef x) {
  if (tn_type_bits(type) >= 8) return x;
  return LLVMBuildAnd(e->b, x, tn_int_like(LLVMTypeOf(x), (UINT64_C(1) << tn_type_bits(type)) - 1), "");
}

/* The type's own bits, the highest of them above them. */
static LLVMValueRef extended_bits(tn_emitter *e, tn_type type, LLVMValueRef x) {
  int unused = 8 * (int)tn_type_bytes(type) - tn_type_bits(type);
  if (!unused || is_signed(type)) return x;
  LLVMValueRef by = tn_int_like(LLVMTypeOf(x), (uint64_t)unused);
  return LLVMBuildAShr(e->b, LLVMBuildShl(e->b, x, by, ""), by, "");
}

static LLVMValueRef shift(tn_emitter *e, tn_op op, tn_type type, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef t = LLVMTypeOf(a);
  uint64_t bits = (uint64_t)tn_type_bits(type);
  LLVMValueRef fits = LLVMBuildICmp(e->b, LLVMIntULT, b, tn_int_like(t, bits), "");
  LLVMValueRef amount = tn_select(e, fits, b, tn_int_like(t, bits - 1));
  if (op == TN_OP_SHIFT_RIGHT_ARITHMETIC) return LLVMBuildAShr(e->b, extended_bits(e, type, a), amount, "");
  LLVMValueRef value = op == TN_OP_SHIFT_LEFT ? LLVMBuildShl(e->b, a, amount, "")
                                              : LLVMBuildLShr(e->b, plain_bits(e, type, a), amount, "");
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
  unsigned bits = (unsigned)tn_type_bits(type), width = 2 * 8 * (unsigned)tn_type_bytes(type);
  LLVMTypeRef t = LLVMTypeOf(a), wide = tn_with_element(t, LLVMIntTypeInContext(e->u->context, width));
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

/* ---- by class: one function an opcode or family; operands in register form ---- */

static tn_type operand_type(const tn_expr *expr) { return expr->op.operands[0]->type; }

/* Of one width; types under a byte have their bits at the bottom of it. */
static LLVMValueRef emit_bitcast(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  tn_type from = operand_type(expr), to = expr->type;
  if (tn_type_bytes(from) != tn_type_bytes(to)) return no_form(e, expr, from, x[0]);
  LLVMValueRef bits = tn_to_memory(e, from, x[0]);
  LLVMTypeRef type = tn_with_element(LLVMTypeOf(x[0]), tn_memory_type(e->u, to));
  if (tn_type_is_integer(from) && tn_type_bits(from) < 8)
    bits = LLVMBuildAnd(e->b, bits, tn_int_like(type, (UINT64_C(1) << tn_type_bits(from)) - 1), "");
  return tn_small_wrap(e, to, tn_from_memory(e, to, LLVMBuildBitCast(e->b, bits, type, "")));
}

static LLVMValueRef arithmetic(tn_emitter *e, tn_op op, tn_type type, LLVMValueRef a, LLVMValueRef b) {
  bool real = tn_type_is_float(type), pred = type == TN_PRED;
  if (op == TN_OP_ADD) {
    if (pred) return LLVMBuildOr(e->b, a, b, "");
    return tn_round_to_type(e, type, real ? LLVMBuildFAdd(e->b, a, b, "") : LLVMBuildAdd(e->b, a, b, ""));
  }
  if (op == TN_OP_SUBTRACT) {
    if (pred) return LLVMBuildXor(e->b, a, b, "");
    return tn_round_to_type(e, type, real ? LLVMBuildFSub(e->b, a, b, "") : LLVMBuildSub(e->b, a, b, ""));
  }
  if (pred) return LLVMBuildAnd(e->b, a, b, "");
  if (!real) return tn_small_wrap(e, type, LLVMBuildMul(e->b, a, b, ""));
  return tn_round_result(e, op, type, LLVMBuildFMul(e->b, a, b, ""));
}

static LLVMValueRef emit_arithmetic(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return arithmetic(e, expr->op.op, expr->type, x[0], x[1]);
}

static LLVMValueRef reciprocal_root(tn_emitter *e, const tn_expr *expr, LLVMValueRef x) {
  LLVMValueRef root = tn_intrinsic(e, "llvm.sqrt", LLVMTypeOf(x), &x, 1);
  return tn_round_to_type(e, expr->type, LLVMBuildFDiv(e->b, constant_like(e, expr->type, x, 1), root, ""));
}

/* base/math's function, if there is one. */
static LLVMValueRef emit_math(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  tn_type type = operand_type(expr);
  LLVMValueRef value = tn_math_emit(e, expr->op.op, expr->op.part, type, x, expr->op.n_operands);
  if (value) return value;
  if (expr->op.op == TN_OP_RSQRT && tn_type_is_float(type)) return reciprocal_root(e, expr, x[0]);
  if (expr->op.op == TN_OP_POWER && tn_type_is_integer(type)) return integer_power(e, type, x[0], x[1]);
  return no_form(e, expr, type, x[0]);
}

static LLVMValueRef emit_divide(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (!tn_type_is_float(expr->type)) return tn_emit_integer_division(e, expr->type, x[0], x[1], false);
  return tn_round_result(e, TN_OP_DIVIDE, expr->type, LLVMBuildFDiv(e->b, x[0], x[1], ""));
}

static LLVMValueRef emit_remainder(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (tn_type_is_float(expr->type)) return emit_math(e, expr, x);
  return tn_emit_integer_division(e, expr->type, x[0], x[1], true);
}

static LLVMValueRef emit_extremum(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return extremum(e, expr, x[0], x[1]);
}

static LLVMValueRef emit_clamp(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return clamp(e, expr, x[0], x[1], x[2]);
}

static LLVMValueRef emit_and(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  (void)expr;
  return LLVMBuildAnd(e->b, x[0], x[1], "");
}

static LLVMValueRef emit_or(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  (void)expr;
  return LLVMBuildOr(e->b, x[0], x[1], "");
}

static LLVMValueRef emit_xor(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  (void)expr;
  return LLVMBuildXor(e->b, x[0], x[1], "");
}

static LLVMValueRef emit_not(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  (void)expr;
  return LLVMBuildNot(e->b, x[0], "");
}

static LLVMValueRef emit_shift(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return shift(e, expr->op.op, expr->type, x[0], x[1]);
}

/* Exact, but where there is no -0 or no sign. */
static LLVMValueRef emit_negate(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (!tn_type_is_float(expr->type)) return LLVMBuildNeg(e->b, x[0], "");
  LLVMValueRef value = LLVMBuildFNeg(e->b, x[0], "");
  return tn_type_bits(expr->type) > 8 ? value : tn_round_to_type(e, expr->type, value);
}

static LLVMValueRef emit_abs(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (tn_type_is_float(expr->type)) return tn_intrinsic(e, "llvm.fabs", LLVMTypeOf(x[0]), x, 1);
  return is_signed(expr->type) ? one_with_flag(e, "llvm.abs", x[0]) : x[0];
}

static LLVMValueRef emit_sign(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return sign(e, expr->type, x[0]);
}

/* floor, ceil, round to even, square root: one instruction each. */
static LLVMValueRef emit_rounding(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  const char *name = expr->op.op == TN_OP_FLOOR  ? "llvm.floor"
                     : expr->op.op == TN_OP_CEIL ? "llvm.ceil"
                     : expr->op.op == TN_OP_SQRT ? "llvm.sqrt"
                                                 : "llvm.roundeven";
  if (!tn_type_is_float(expr->type)) return x[0];
  return tn_round_to_type(e, expr->type, tn_intrinsic(e, name, LLVMTypeOf(x[0]), x, 1));
}

static LLVMValueRef emit_round_away(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return tn_type_is_float(expr->type) ? tn_round_to_type(e, expr->type, round_away(e, x[0])) : x[0];
}

static LLVMValueRef emit_is_finite(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  if (!tn_type_is_float(operand_type(expr))) return tn_int_like(tn_with_element(t, e->u->i1), 1);
  LLVMValueRef size = tn_intrinsic(e, "llvm.fabs", t, x, 1);
  return LLVMBuildFCmp(e->b, LLVMRealOLT, size, tn_float_like(t, INFINITY), "");
}

static LLVMValueRef emit_compare(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return compare(e, expr, operand_type(expr), x[0], x[1]);
}

static LLVMValueRef emit_select(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  (void)expr;
  return tn_select(e, x[0], x[1], x[2]);
}

static LLVMValueRef emit_convert(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return tn_convert(e, operand_type(expr), expr->type, x[0]);
}

static LLVMValueRef emit_copy(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  (void)e, (void)expr;
  return x[0];
}

static LLVMValueRef emit_imag(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return tn_round_to_type(e, expr->type, tn_float_like(LLVMTypeOf(x[0]), 0));
}

static LLVMValueRef emit_reduce_precision(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  int exponent = expr->op.exponent_bits, mantissa = expr->op.mantissa_bits;
  if (tn_type_bits(expr->type) <= 8)
    return tn_small_reduce_precision(e, expr->type, x[0], exponent, mantissa);
  return tn_reduce_precision(e, expr->type, x[0], exponent, mantissa);
}

static LLVMValueRef emit_leading_zeros(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  LLVMTypeRef t = LLVMTypeOf(x[0]);
  int unused = 8 * (int)tn_type_bytes(expr->type) - tn_type_bits(expr->type);
  LLVMValueRef count = one_with_flag(e, "llvm.ctlz", plain_bits(e, expr->type, x[0]));
  return LLVMBuildSub(e->b, count, tn_int_like(t, (uint64_t)unused), "");
}

static LLVMValueRef emit_popcnt(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  LLVMValueRef bits = plain_bits(e, expr->type, x[0]);
  return tn_intrinsic(e, "llvm.ctpop", LLVMTypeOf(x[0]), &bits, 1);
}

static LLVMValueRef emit_mulhi(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  return multiply_high(e, expr->type, x[0], x[1]);
}

/* One away from zero where the fraction exceeds the random number taken as a fraction.
 * Both are exact, but a random number of 64 bits, which is rounded to f64.             */
static LLVMValueRef emit_stochastic(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  tn_type type = operand_type(expr), random = expr->op.operands[1]->type;
  bool wide = tn_type_bits(random) >= 32;
  LLVMValueRef value = wide ? tn_convert(e, type, TN_F64, x[0]) : x[0];
  LLVMTypeRef t = LLVMTypeOf(value);
  LLVMValueRef share = LLVMBuildUIToFP(e->b, x[1], t, "");
  share = LLVMBuildFMul(e->b, share, tn_float_like(t, ldexp(1, -tn_type_bits(random))), "");
  LLVMValueRef size = tn_intrinsic(e, "llvm.fabs", t, &value, 1);
  LLVMValueRef whole = tn_intrinsic(e, "llvm.floor", t, &size, 1);
  LLVMValueRef rest = LLVMBuildFSub(e->b, size, whole, "");
  LLVMValueRef up = LLVMBuildFCmp(e->b, LLVMRealOGT, rest, share, "");
  LLVMValueRef more = LLVMBuildFAdd(e->b, whole, tn_float_like(t, 1), "");
  whole = two(e, "llvm.copysign", tn_select(e, up, more, whole), value);
  return tn_convert(e, wide ? TN_F64 : TN_F32, expr->type, whole);
}

static LLVMValueRef emit_fma(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (!e->u->cpu->fma) {
    tn_unit_fail(e->u, TN_BUG, "kernel %s: fma on a target without it", e->k->name);
    return x[2];
  }
  return tn_round_to_type(e, expr->type, tn_intrinsic(e, "llvm.fma", LLVMTypeOf(x[2]), x, 3));
}

/* What is not here is base/math's. */
typedef LLVMValueRef emit_function(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x);
static emit_function *const functions[TN_OP_COUNT] = {
    [TN_OP_ABS] = emit_abs,
    [TN_OP_ADD] = emit_arithmetic,
    [TN_OP_AND] = emit_and,
    [TN_OP_BITCAST_CONVERT] = emit_bitcast,
    [TN_OP_CEIL] = emit_rounding,
    [TN_OP_CLAMP] = emit_clamp,
    [TN_OP_COMPARE] = emit_compare,
    [TN_OP_CONVERT] = emit_convert,
    [TN_OP_COPY] = emit_copy,
    [TN_OP_COUNT_LEADING_ZEROS] = emit_leading_zeros,
    [TN_OP_DIVIDE] = emit_divide,
    [TN_OP_FLOOR] = emit_rounding,
    [TN_OP_IMAG] = emit_imag,
    [TN_OP_IS_FINITE] = emit_is_finite,
    [TN_OP_MAXIMUM] = emit_extremum,
    [TN_OP_MINIMUM] = emit_extremum,
    [TN_OP_MULHI] = emit_mulhi,
    [TN_OP_MULTIPLY] = emit_arithmetic,
    [TN_OP_NEGATE] = emit_negate,
    [TN_OP_NOT] = emit_not,
    [TN_OP_OR] = emit_or,
    [TN_OP_POPCNT] = emit_popcnt,
    [TN_OP_REAL] = emit_copy,
    [TN_OP_REDUCE_PRECISION] = emit_reduce_precision,
    [TN_OP_REMAINDER] = emit_remainder,
    [TN_OP_ROUND_NEAREST_AFZ] = emit_round_away,
    [TN_OP_ROUND_NEAREST_EVEN] = emit_rounding,
    [TN_OP_SELECT] = emit_select,
    [TN_OP_SHIFT_LEFT] = emit_shift,
    [TN_OP_SHIFT_RIGHT_ARITHMETIC] = emit_shift,
    [TN_OP_SHIFT_RIGHT_LOGICAL] = emit_shift,
    [TN_OP_SIGN] = emit_sign,
    [TN_OP_SQRT] = emit_rounding,
    [TN_OP_STOCHASTIC_CONVERT] = emit_stochastic,
    [TN_OP_SUBTRACT] = emit_arithmetic,
    [TN_OP_XOR] = emit_xor,
};

LLVMValueRef tn_emit_op(tn_emitter *e, const tn_expr *expr, LLVMValueRef *x) {
  if (expr->kind == TN_EXPR_FMA) return emit_fma(e, expr, x);
  tn_type type = operand_type(expr);
  if (!tn_type_is_native(type)) return no_form(e, expr, type, x[0]);
  if (!tn_type_is_native(expr->type)) return no_form(e, expr, expr->type, x[0]);
  emit_function *function = expr->op.part ? NULL : functions[expr->op.op];
  if (!function) function = emit_math;
  return tn_small_wrap(e, expr->type, function(e, expr, x));
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
  case TN_JOIN_ARG_MINIMUM: /* two at a time */
  case TN_JOIN_ARG_MAXIMUM:
  case TN_JOIN_ARG_INDEX:
  case TN_JOIN_ORDERED: break;
  }
  return a;
}

static LLVMValueRef compared(tn_emitter *e, tn_direction direction, tn_type type, LLVMValueRef a,
                             LLVMValueRef b) {
  tn_expr operand = {.kind = TN_EXPR_CONSTANT, .type = type};
  const tn_expr *operands[2] = {&operand, &operand};
  tn_expr expr = {.kind = TN_EXPR_OP, .type = TN_PRED, .op = {.op = TN_OP_COMPARE, .direction = direction}};
  expr.op.n_operands = 2;
  expr.op.operands = operands;
  return tn_emit_op(e, &expr, (LLVMValueRef[]){a, b});
}

void tn_emit_arg_join(tn_emitter *e, tn_join join, const tn_type types[2], LLVMValueRef a[2],
                      const LLVMValueRef b[2]) {
  LLVMValueRef keep = compared(e, join == TN_JOIN_ARG_MAXIMUM ? TN_GT : TN_LT, types[0], a[0], b[0]);
  LLVMValueRef equal = compared(e, TN_EQ, types[0], a[0], b[0]);
  LLVMValueRef before = compared(e, TN_LT, types[1], a[1], b[1]),
               after = compared(e, TN_GT, types[1], a[1], b[1]);
  if (tn_type_is_float(types[0])) {
    LLVMValueRef number = compared(e, TN_EQ, types[0], b[0], b[0]);
    LLVMValueRef wins = LLVMBuildAnd(e->b, compared(e, TN_NE, types[0], a[0], a[0]),
                                     LLVMBuildOr(e->b, number, before, ""), "");
    keep = LLVMBuildOr(e->b, keep, wins, "");
  }
  a[0] = tn_select(e, LLVMBuildOr(e->b, keep, LLVMBuildAnd(e->b, equal, after, ""), ""), a[0], b[0]);
  a[1] = tn_select(e, LLVMBuildOr(e->b, keep, LLVMBuildAnd(e->b, equal, before, ""), ""), a[1], b[1]);
}
