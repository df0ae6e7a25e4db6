/* What each elementwise opcode does to real elements.
 *
 * One row an opcode: a table of small loops over lanes, for floats and for integers.
 * Floats are computed in double and rounded once to their type, which is exact rounding
 * for + - * / sqrt of every type up to f32; transcendentals of f64 go through long
 * double. Integers are computed in 64 bits and wrapped.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

/* ---- floats ---- */

static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

/* NaN if one is NaN; +0 above -0. */
static double maximum_of(double x, double y) {
  if (isnan(x) || isnan(y)) return x + y;
  if (x == y) return signbit(x) ? y : x;
  return x > y ? x : y;
}
static double minimum_of(double x, double y) {
  if (isnan(x) || isnan(y)) return x + y;
  if (x == y) return signbit(x) ? x : y;
  return x < y ? x : y;
}

typedef void float_loop(bool wide, tn_cell *out, const tn_cell *a, const tn_cell *b, int count);

/* ROW(opcode, in double, in long double for f64) */
#define FLOAT_ROWS(ROW)                                                                                      \
  ROW(ABS, fabs(x), fabs(x))                                                                                 \
  ROW(NEGATE, -x, -x)                                                                                        \
  ROW(SIGN, sign_of(x), sign_of(x))                                                                          \
  ROW(CEIL, ceil(x), ceil(x))                                                                                \
  ROW(FLOOR, floor(x), floor(x))                                                                             \
  ROW(ROUND_NEAREST_AFZ, round(x), round(x))                                                                 \
  ROW(ROUND_NEAREST_EVEN, rint(x), rint(x))                                                                  \
  ROW(SQRT, sqrt(x), sqrt(x))                                                                                \
  ROW(RSQRT, 1 / sqrt(x), (double)(1 / sqrtl(x)))                                                            \
  ROW(CBRT, cbrt(x), (double)cbrtl(x))                                                                       \
  ROW(EXPONENTIAL, exp(x), (double)expl(x))                                                                  \
  ROW(EXPONENTIAL_MINUS_ONE, expm1(x), (double)expm1l(x))                                                    \
  ROW(LOG, log(x), (double)logl(x))                                                                          \
  ROW(LOG_PLUS_ONE, log1p(x), (double)log1pl(x))                                                             \
  ROW(LOGISTIC, 1 / (1 + exp(-x)), (double)(1 / (1 + expl(-(long double)x))))                                \
  ROW(TANH, tanh(x), (double)tanhl(x))                                                                       \
  ROW(ERF, erf(x), (double)erfl(x))                                                                          \
  ROW(SINE, sin(x), (double)sinl(x))                                                                         \
  ROW(COSINE, cos(x), (double)cosl(x))                                                                       \
  ROW(TAN, tan(x), (double)tanl(x))                                                                          \
  ROW(ASIN, asin(x), (double)asinl(x))                                                                       \
  ROW(ACOS, acos(x), (double)acosl(x))                                                                       \
  ROW(ATAN, atan(x), (double)atanl(x))                                                                       \
  ROW(SINH, sinh(x), (double)sinhl(x))                                                                       \
  ROW(COSH, cosh(x), (double)coshl(x))                                                                       \
  ROW(ASINH, asinh(x), (double)asinhl(x))                                                                    \
  ROW(ACOSH, acosh(x), (double)acoshl(x))                                                                    \
  ROW(ATANH, atanh(x), (double)atanhl(x))                                                                    \
  ROW(ADD, x + y, x + y)                                                                                     \
  ROW(SUBTRACT, x - y, x - y)                                                                                \
  ROW(MULTIPLY, x *y, x *y)                                                                                  \
  ROW(DIVIDE, x / y, x / y)                                                                                  \
  ROW(REMAINDER, fmod(x, y), fmod(x, y))                                                                     \
  ROW(MAXIMUM, maximum_of(x, y), maximum_of(x, y))                                                           \
  ROW(MINIMUM, minimum_of(x, y), minimum_of(x, y))                                                           \
  ROW(POWER, pow(x, y), (double)powl(x, y))                                                                  \
  ROW(ATAN2, atan2(x, y), (double)atan2l(x, y))

#define ROW(ID, narrow_value, wide_value)                                                                    \
  static void float_##ID(bool wide, tn_cell *out, const tn_cell *a, const tn_cell *b, int count) {           \
    for (int i = 0; i < count; i++) {                                                                        \
      double x = a[i].f, y = b[i].f;                                                                         \
      (void)y;                                                                                               \
      out[i].f = wide ? wide_value : narrow_value;                                                           \
    }                                                                                                        \
  }
FLOAT_ROWS(ROW)
#undef ROW
static float_loop *const float_loops[TN_OP_COUNT] = {
#define ROW(ID, narrow_value, wide_value) [TN_OP_##ID] = float_##ID,
    FLOAT_ROWS(ROW)
#undef ROW
};

/* ---- integers ---- */

typedef struct {
  int bits;
  bool is_signed;
} integer_kind;

static uint64_t low_bits(integer_kind k, int64_t x) { return (uint64_t)x << (64 - k.bits) >> (64 - k.bits); }

/* x/0 = -1 (all ones), MIN/-1 = MIN. */
static int64_t integer_divide(integer_kind k, int64_t x, int64_t y) {
  if (y == 0) return -1;
  if (!k.is_signed) return (int64_t)((uint64_t)x / (uint64_t)y);
  return y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y;
}
/* x%0 = x, MIN%-1 = 0. */
static int64_t integer_remainder(integer_kind k, int64_t x, int64_t y) {
  if (y == 0) return x;
  if (!k.is_signed) return (int64_t)((uint64_t)x % (uint64_t)y);
  return y == -1 ? 0 : x % y;
}
static bool integer_less(integer_kind k, int64_t x, int64_t y) {
  return k.is_signed ? x < y : (uint64_t)x < (uint64_t)y;
}
/* Negative exponents leave 1 and -1 as in arithmetic and give 0 for the rest, 0 too. */
static int64_t integer_power(integer_kind k, int64_t x, int64_t y) {
  if (k.is_signed && y < 0) {
    if (x == 1) return 1;
    return x == -1 ? (y & 1 ? -1 : 1) : 0;
  }
  uint64_t power = 1, base = (uint64_t)x;
  for (uint64_t e = (uint64_t)y; e; e >>= 1, base *= base)
    if (e & 1) power *= base;
  return (int64_t)power;
}
static int64_t integer_mulhi(integer_kind k, int64_t x, int64_t y) {
  if (k.is_signed) return (int64_t)((__int128)x * y >> k.bits);
  return (int64_t)((unsigned __int128)(uint64_t)x * (uint64_t)y >> k.bits);
}
/* Amounts are unsigned; over-wide ones leave 0, or the sign. */
static int64_t shift_left(integer_kind k, int64_t x, int64_t y) {
  uint64_t amount = low_bits(k, y);
  return amount < (uint64_t)k.bits ? (int64_t)((uint64_t)x << amount) : 0;
}
static int64_t shift_logical(integer_kind k, int64_t x, int64_t y) {
  uint64_t amount = low_bits(k, y);
  return amount < (uint64_t)k.bits ? (int64_t)(low_bits(k, x) >> amount) : 0;
}
static int64_t shift_arithmetic(integer_kind k, int64_t x, int64_t y) {
  uint64_t amount = low_bits(k, y);
  int64_t extended = (int64_t)((uint64_t)x << (64 - k.bits)) >> (64 - k.bits);
  return extended >> (amount < (uint64_t)k.bits ? amount : (uint64_t)k.bits - 1);
}
static int64_t leading_zeros(integer_kind k, int64_t x) {
  uint64_t bits = low_bits(k, x);
  return bits ? __builtin_clzll(bits) - (64 - k.bits) : k.bits;
}

typedef void integer_loop(integer_kind k, tn_cell *out, const tn_cell *a, const tn_cell *b, int count);

#define INTEGER_ROWS(ROW)                                                                                    \
  ROW(ABS, k.is_signed &&x < 0 ? (int64_t)(0 - (uint64_t)x) : x)                                             \
  ROW(NEGATE, (int64_t)(0 - (uint64_t)x))                                                                    \
  ROW(SIGN, k.is_signed ? (x > 0) - (x < 0) : x != 0)                                                        \
  ROW(NOT, k.bits == 1 && !k.is_signed ? !x : ~x)                                                            \
  ROW(POPCNT, __builtin_popcountll(low_bits(k, x)))                                                          \
  ROW(COUNT_LEADING_ZEROS, leading_zeros(k, x))                                                              \
  ROW(ADD, (int64_t)((uint64_t)x + (uint64_t)y))                                                             \
  ROW(SUBTRACT, (int64_t)((uint64_t)x - (uint64_t)y))                                                        \
  ROW(MULTIPLY, (int64_t)((uint64_t)x * (uint64_t)y))                                                        \
  ROW(DIVIDE, integer_divide(k, x, y))                                                                       \
  ROW(REMAINDER, integer_remainder(k, x, y))                                                                 \
  ROW(MAXIMUM, integer_less(k, x, y) ? y : x)                                                                \
  ROW(MINIMUM, integer_less(k, y, x) ? y : x)                                                                \
  ROW(POWER, integer_power(k, x, y))                                                                         \
  ROW(MULHI, integer_mulhi(k, x, y))                                                                         \
  ROW(AND, x &y)                                                                                             \
  ROW(OR, x | y)                                                                                             \
  ROW(XOR, x ^ y)                                                                                            \
  ROW(SHIFT_LEFT, shift_left(k, x, y))                                                                       \
  ROW(SHIFT_RIGHT_LOGICAL, shift_logical(k, x, y))                                                           \
  ROW(SHIFT_RIGHT_ARITHMETIC, shift_arithmetic(k, x, y))

#define ROW(ID, value)                                                                                       \
  static void integer_##ID(integer_kind k, tn_cell *out, const tn_cell *a, const tn_cell *b, int count) {    \
    (void)k;                                                                                                 \
    for (int i = 0; i < count; i++) {                                                                        \
      int64_t x = a[i].i, y = b[i].i;                                                                        \
      (void)y;                                                                                               \
      out[i].i = value;                                                                                      \
    }                                                                                                        \
  }
INTEGER_ROWS(ROW)
#undef ROW
static integer_loop *const integer_loops[TN_OP_COUNT] = {
#define ROW(ID, value) [TN_OP_##ID] = integer_##ID,
    INTEGER_ROWS(ROW)
#undef ROW
};

static bool apply_table(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  const tn_cell *b = inst->n_operands > 1 ? in[1].re : in[0].re;
  if (tn_type_is_float(in[0].type)) {
    float_loop *loop = float_loops[inst->op];
    if (!loop) return false;
    loop(in[0].type == TN_F64, out->re, in[0].re, b, count);
    tn_lanes_round(out->type, out->re, count);
    return true;
  }
  integer_loop *loop = integer_loops[inst->op];
  if (!loop) return false;
  integer_kind k = {tn_type_bits(out->type), tn_type_class_of(out->type) == TN_CLASS_SIGNED};
  loop(k, out->re, in[0].re, b, count);
  if (k.bits < 64)
    for (int i = 0; i < count; i++) out->re[i].i = tn_integer_wrap(out->type, out->re[i].i);
  return true;
}

/* ---- opcodes of their own kind ---- */

int64_t tn_float_total_order(double value) {
  int64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits < 0 ? bits ^ INT64_MAX : bits;
}

bool tn_cell_compare(tn_direction direction, bool is_float, bool is_unsigned, tn_cell a, tn_cell b) {
  bool less = is_float ? a.f < b.f : is_unsigned ? (uint64_t)a.i < (uint64_t)b.i : a.i < b.i;
  bool equal = is_float ? a.f == b.f : a.i == b.i;
  bool greater = is_float ? a.f > b.f : !less && !equal;
  switch (direction) {
  case TN_EQ: return equal;
  case TN_NE: return !equal;
  case TN_LT: return less;
  case TN_LE: return less || equal;
  case TN_GT: return greater;
  case TN_GE: return greater || equal;
  }
  return false;
}

static bool apply_compare(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  bool is_float = tn_type_is_float(in[0].type);
  bool is_unsigned = tn_type_class_of(in[0].type) == TN_CLASS_UNSIGNED;
  bool total = is_float && inst->attr.compare.type == TN_COMPARE_TOTALORDER;
  tn_direction direction = inst->attr.compare.direction;
  for (int i = 0; i < count; i++) {
    tn_cell a = in[0].re[i], b = in[1].re[i];
    if (total) {
      a.i = tn_float_total_order(a.f);
      b.i = tn_float_total_order(b.f);
    }
    bool holds = tn_cell_compare(direction, is_float && !total, is_unsigned, a, b);
    if (in[0].im) { /* complex: equality alone */
      bool equal = a.f == b.f && in[0].im[i] == in[1].im[i];
      holds = direction == TN_NE ? !equal : equal;
    }
    out->re[i].i = holds;
  }
  return true;
}

static bool apply_select(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  for (int i = 0; i < count; i++) {
    const tn_lanes *chosen = in[0].re[i].i ? &in[1] : &in[2];
    out->re[i] = chosen->re[i];
    if (out->im) out->im[i] = chosen->im[i];
  }
  return true;
}

static bool apply_clamp(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  bool is_float = tn_type_is_float(out->type);
  integer_kind k = {tn_type_bits(out->type), tn_type_class_of(out->type) == TN_CLASS_SIGNED};
  for (int i = 0; i < count; i++) {
    tn_cell low = in[0].re[i], x = in[1].re[i], high = in[2].re[i];
    if (is_float) {
      out->re[i].f = minimum_of(maximum_of(low.f, x.f), high.f);
    } else {
      int64_t above = integer_less(k, x.i, low.i) ? low.i : x.i;
      out->re[i].i = integer_less(k, high.i, above) ? high.i : above;
    }
  }
  return true;
}

static bool apply_make_complex(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  for (int i = 0; i < count; i++) {
    out->re[i] = in[0].re[i];
    out->im[i] = in[1].re[i].f;
  }
  return true;
}

static bool apply_part(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  for (int i = 0; i < count; i++)
    out->re[i].f = inst->op == TN_OP_REAL ? in[0].re[i].f : in[0].im ? in[0].im[i] : 0;
  return true;
}

static bool apply_is_finite(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  for (int i = 0; i < count; i++)
    out->re[i].i = isfinite(in[0].re[i].f) && (!in[0].im || isfinite(in[0].im[i]));
  return true;
}

static int exponent_bits_of(tn_type type) {
  static const int bits[TN_TYPE_COUNT] = {
      [TN_F4E2M1FN] = 2,   [TN_F8E3M4] = 3, [TN_F8E4M3] = 4,     [TN_F8E4M3B11FNUZ] = 4, [TN_F8E4M3FN] = 4,
      [TN_F8E4M3FNUZ] = 4, [TN_F8E5M2] = 5, [TN_F8E5M2FNUZ] = 5, [TN_F8E8M0FNU] = 8,     [TN_BF16] = 8,
      [TN_F16] = 5,        [TN_F32] = 8,    [TN_F64] = 11,
  };
  return bits[type];
}

/* Rounds to a format of the given bits, biased as IEEE's. A format with fewer exponent
 * bits than `type` has no subnormals: what is below its smallest normal number becomes a
 * zero, what is above its largest infinite. Else only the mantissa is rounded.          */
static double reduced(tn_type type, double x, int64_t exponent_bits, int64_t mantissa_bits) {
  if (!isfinite(x) || x == 0) return x;
  int own = exponent_bits_of(type), exponent;
  bool narrower = exponent_bits < own;
  int bias = (1 << ((narrower ? (int)exponent_bits : own) - 1)) - 1;
  frexp(x, &exponent); /* 2^(exponent-1) <= |x| < 2^exponent */
  if (!narrower && exponent < 2 - bias) exponent = 2 - bias;
  int scale = (mantissa_bits < 52 ? (int)mantissa_bits : 52) + 1 - exponent;
  double rounded = ldexp(rint(ldexp(x, scale)), -scale);
  /* Without a mantissa the last bit is the exponent's, which ties leave even. */
  if (mantissa_bits == 0 && fabs(x) == ldexp(1.5, exponent - 1))
    rounded = copysign(ldexp(1, exponent % 2 ? exponent : exponent - 1), x);
  if (!narrower) return rounded;
  if (fabs(rounded) >= ldexp(1, bias + 1)) return copysign(INFINITY, x);
  return fabs(rounded) < ldexp(1, 1 - bias) ? copysign(0, x) : rounded;
}

static bool apply_reduce_precision(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  int64_t exponent = inst->attr.reduce_precision.exponent_bits,
          mantissa = inst->attr.reduce_precision.mantissa_bits;
  for (int i = 0; i < count; i++)
    out->re[i].f = tn_round_float(out->type, reduced(out->type, in[0].re[i].f, exponent, mantissa));
  return true;
}

/* Truncates, then goes one away from zero where the fraction exceeds the random number
 * taken as a fraction of 2^bits. */
static bool apply_stochastic(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  if (!tn_type_is_integer(out->type)) return false;
  int bits = tn_type_bits(in[1].type);
  tn_cell whole[TN_LANES];
  tn_lanes rounded = {.type = in[0].type, .re = whole};
  for (int i = 0; i < count; i++) {
    double x = in[0].re[i].f, magnitude = fabs(x), floor_of = floor(magnitude);
    bool up =
        magnitude - floor_of > ldexp((double)low_bits((integer_kind){bits, false}, in[1].re[i].i), -bits);
    whole[i].f = isfinite(x) ? copysign(floor_of + up, x) : x;
  }
  tn_lanes_convert(out->type, out, &rounded, count);
  return true;
}

static bool apply_convert(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  tn_lanes_convert(out->type, out, in, count);
  return true;
}

static bool apply_copy(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  memcpy(out->re, in[0].re, (size_t)count * sizeof *out->re);
  if (out->im) memcpy(out->im, in[0].im, (size_t)count * sizeof *out->im);
  return true;
}

static bool apply_bits(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  (void)inst;
  if (in[0].im || out->im || tn_type_bits(in[0].type) != tn_type_bits(out->type)) return false;
  bool from_float = tn_type_is_float(in[0].type), to_float = tn_type_is_float(out->type);
  uint64_t mask = ~UINT64_C(0) >> (64 - tn_type_bits(out->type));
  for (int i = 0; i < count; i++) {
    int64_t bits = from_float ? (int64_t)tn_float_to_bits(in[0].type, in[0].re[i].f) : in[0].re[i].i;
    if (to_float)
      out->re[i].f = tn_float_from_bits(out->type, (uint64_t)bits & mask);
    else
      out->re[i].i = tn_integer_wrap(out->type, bits);
  }
  return true;
}

typedef bool apply(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count);
static apply *const special[TN_OP_COUNT] = {
    [TN_OP_COMPARE] = apply_compare,
    [TN_OP_SELECT] = apply_select,
    [TN_OP_CLAMP] = apply_clamp,
    [TN_OP_COMPLEX] = apply_make_complex,
    [TN_OP_REAL] = apply_part,
    [TN_OP_IMAG] = apply_part,
    [TN_OP_IS_FINITE] = apply_is_finite,
    [TN_OP_REDUCE_PRECISION] = apply_reduce_precision,
    [TN_OP_STOCHASTIC_CONVERT] = apply_stochastic,
    [TN_OP_CONVERT] = apply_convert,
    [TN_OP_BITCAST_CONVERT] = apply_bits,
    [TN_OP_COPY] = apply_copy,
};

bool tn_lanes_can_apply(const tn_inst *inst) {
  if (inst->op == TN_OP_BITCAST_CONVERT)
    return !tn_type_is_complex(inst->shape->type) && !tn_type_is_complex(inst->operands[0]->shape->type) &&
           tn_type_bits(inst->shape->type) == tn_type_bits(inst->operands[0]->shape->type);
  return special[inst->op] || float_loops[inst->op] || integer_loops[inst->op];
}

bool tn_lanes_apply(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  if (special[inst->op]) return special[inst->op](inst, out, in, count);
  if (in[0].im) return tn_lanes_complex(inst, out, in, count);
  return apply_table(inst, out, in, count);
}
