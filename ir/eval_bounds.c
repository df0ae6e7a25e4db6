/* Error bounds: how far a correct implementation may be from each value, to first order.
 *
 * A step's bound is what its operands' bounds become through the derivative, plus the
 * operation's own: half an ulp for IEEE operations (none where operands and result are
 * exact), 4 ulp for transcendentals. Monotone functions are evaluated at both ends of the interval, complex
 * ones at four points around. Integers and predicates carry 0, or infinity once an inexact
 * float has decided them; what selects by such a predicate is infinite too.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

/* ---- roundings ---- */

double tn_unit_roundoff(tn_type type) { return ldexp(1, -tn_float_precision(type)); }

double tn_half_ulp(tn_type type, double value) {
  if (!isfinite(value)) return 0;
  int exponent;
  frexp(value, &exponent);
  double half = ldexp(1, exponent - tn_float_precision(type) - 1),
         least = ldexp(1, tn_float_least_exponent(type) - 1);
  if (least == 0) least = 0x1p-1074; /* half of f64's last step is no number */
  return value != 0 && half > least ? half : least;
}

double tn_bound_of(tn_type type, double value, double bound) {
  if (bound == 0) return 0;
  /* As far as the comparisons go: four bounds. */
  bool fits = isfinite(value) && isfinite(tn_round_float(type, fabs(value) + 4 * bound));
  return fits ? bound : INFINITY;
}

bool tn_value_is_exact(const tn_value *value) {
  if (!value->literal.bound) return true;
  for (int64_t i = 0; i < tn_shape_elements(value->literal.shape); i++)
    if (value->literal.bound[i] != 0) return false;
  return true;
}

static void fill_infinite(tn_value *value) {
  for (int64_t i = 0; i < tn_shape_elements(value->literal.shape); i++) tn_value_bound(value)[i] = INFINITY;
}

bool tn_is_doubtful_nan(double value) { return isnan(value) && signbit(value); }

static bool has_doubtful_nan(const tn_value *value) {
  tn_type type = tn_value_type(value), part = tn_type_part(type);
  if (!tn_type_is_float(part)) return false;
  int64_t count = tn_shape_elements(value->literal.shape) * (part == type ? 1 : 2);
  const char *at = value->literal.data;
  for (int64_t i = 0; i < count; i++, at += tn_type_bytes(part))
    if (tn_is_doubtful_nan(tn_load_float(part, at))) return true;
  return false;
}

void tn_bounds_unless_exact(tn_value *value, const tn_value *source) {
  if (!tn_value_is_exact(source)) fill_infinite(value);
}

void tn_bounds_of_bits(tn_value *value, const tn_value *source) {
  if (!tn_value_is_exact(source) || has_doubtful_nan(source)) fill_infinite(value);
}

static tn_value *without_bounds(tn_eval *eval, const tn_value *value) {
  const tn_shape *shape = value->literal.shape;
  if (tn_shape_is_tuple(shape)) {
    tn_value **elements = TN_SCRATCH(eval, tn_value *, shape->rank);
    for (int i = 0; i < shape->rank; i++) elements[i] = without_bounds(eval, tn_value_element(value, i));
    return tn_value_tuple(eval, shape, elements);
  }
  tn_value *copy = tn_value_new(eval, shape);
  if (!tn_shape_is_array(shape)) return copy;
  memcpy(tn_value_data(copy), value->literal.data, (size_t)tn_shape_bytes(shape));
  if (value->literal.sizes) tn_value_set_sizes(copy, value->literal.sizes);
  fill_infinite(copy);
  return copy;
}

tn_value *tn_value_decided(tn_eval *eval, tn_value *value, bool exact) {
  if (exact) return value;
  tn_value *copy = without_bounds(eval, value);
  tn_value_release(eval, value);
  return copy;
}

/* ---- real functions of two operands: x, ex, y, ey and the value r ---- */

typedef double two_sided(double x, double ex, double y, double ey, double r);

static double bound_sum(double x, double ex, double y, double ey, double r) {
  (void)x, (void)y, (void)r;
  return ex + ey;
}
static double bound_product(double x, double ex, double y, double ey, double r) {
  (void)r;
  return fabs(x) * ey + fabs(y) * ex + ex * ey;
}
static double bound_quotient(double x, double ex, double y, double ey, double r) {
  (void)x;
  return fabs(y) > ey ? (ex + fabs(r) * ey) / (fabs(y) - ey) : INFINITY;
}
static double bound_largest(double x, double ex, double y, double ey, double r) {
  (void)x, (void)y, (void)r;
  return fmax(ex, ey);
}
/* x - trunc(x/y) y: the quotient may not change. */
static double bound_remainder(double x, double ex, double y, double ey, double r) {
  (void)r;
  if (fabs(y) <= ey) return INFINITY;
  double most = trunc((fabs(x) + ex) / (fabs(y) - ey)), least = trunc(fmax(fabs(x) - ex, 0) / (fabs(y) + ey));
  return most == least && fabs(x) >= ex ? ex + most * ey : INFINITY;
}
static double bound_power(double x, double ex, double y, double ey, double r) {
  if (fabs(x) <= ex || (x < 0 && ey > 0)) return INFINITY;
  return fabs(r) * (fabs(y) * ex / (fabs(x) - ex) + (ey > 0 ? fabs(log(fabs(x))) * ey : 0));
}
/* Angle of (y, x) as atan2 names them: x is the first operand. The cut lies at y < 0. */
static double bound_angle(double x, double ex, double y, double ey, double r) {
  (void)r;
  double radius = hypot(x, y), error = hypot(ex, ey);
  if (error >= radius || (y < 0 && fabs(x) <= ex)) return INFINITY;
  return error / (radius - error);
}

static two_sided *const two_sided_bounds[TN_OP_COUNT] = {
    [TN_OP_ADD] = bound_sum,
    [TN_OP_SUBTRACT] = bound_sum,
    [TN_OP_MULTIPLY] = bound_product,
    [TN_OP_DIVIDE] = bound_quotient,
    [TN_OP_MAXIMUM] = bound_largest,
    [TN_OP_MINIMUM] = bound_largest,
    [TN_OP_REMAINDER] = bound_remainder,
    [TN_OP_POWER] = bound_power,
    [TN_OP_ATAN2] = bound_angle,
};

/* ---- what the operation itself adds, in halves of an ulp ---- */

enum { EXACT = 0, ROUNDED = 1, TRANSCENDENTAL = 8 };

static const unsigned char own_error[TN_OP_COUNT] = {
    [TN_OP_ADD] = ROUNDED,
    [TN_OP_SUBTRACT] = ROUNDED,
    [TN_OP_MULTIPLY] = ROUNDED,
    [TN_OP_DIVIDE] = ROUNDED,
    [TN_OP_SQRT] = ROUNDED,
    [TN_OP_POWER] = TRANSCENDENTAL,
    [TN_OP_ATAN2] = TRANSCENDENTAL,
    [TN_OP_RSQRT] = TRANSCENDENTAL,
    [TN_OP_CBRT] = TRANSCENDENTAL,
    [TN_OP_EXPONENTIAL] = TRANSCENDENTAL,
    [TN_OP_EXPONENTIAL_MINUS_ONE] = TRANSCENDENTAL,
    [TN_OP_LOG] = TRANSCENDENTAL,
    [TN_OP_LOG_PLUS_ONE] = TRANSCENDENTAL,
    [TN_OP_LOGISTIC] = TRANSCENDENTAL,
    [TN_OP_TANH] = TRANSCENDENTAL,
    [TN_OP_ERF] = TRANSCENDENTAL,
    [TN_OP_SINE] = TRANSCENDENTAL,
    [TN_OP_COSINE] = TRANSCENDENTAL,
    [TN_OP_TAN] = TRANSCENDENTAL,
    [TN_OP_ASIN] = TRANSCENDENTAL,
    [TN_OP_ACOS] = TRANSCENDENTAL,
    [TN_OP_ATAN] = TRANSCENDENTAL,
    [TN_OP_SINH] = TRANSCENDENTAL,
    [TN_OP_COSH] = TRANSCENDENTAL,
    [TN_OP_ASINH] = TRANSCENDENTAL,
    [TN_OP_ACOSH] = TRANSCENDENTAL,
    [TN_OP_ATANH] = TRANSCENDENTAL,
};

static double largest_error(const tn_inst *inst, const tn_lanes *in, int lane) {
  double worst = 0;
  for (int k = 0; k < inst->n_operands; k++) worst = fmax(worst, in[k].bound[lane]);
  return worst;
}

/* Exact operands and nothing to round: every implementation gives this very value. */
static bool is_exact(const tn_inst *inst, const tn_lanes *out, const tn_lanes *in, int i) {
  if (own_error[inst->op] != ROUNDED || out->im || largest_error(inst, in, i) > 0) return false;
  double x = in[0].re[i].f, r = out->re[i].f;
  if (!isfinite(r)) return true;
  if (inst->op == TN_OP_SQRT) return fma(r, r, -x) == 0;
  if (inst->n_operands != 2) return false;
  double y = in[1].re[i].f;
  if (inst->op == TN_OP_MULTIPLY) return fma(x, y, -r) == 0;
  if (inst->op == TN_OP_DIVIDE) return fma(r, y, -x) == 0;
  if (inst->op == TN_OP_SUBTRACT) y = -y;
  double sum = x + y, part = sum - x, lost = (x - (sum - part)) + (y - part);
  return sum == r && lost == 0;
}

/* The modulus; where one part is infinite or no number, the other's. */
static double size_of(const tn_lanes *out, int i) {
  if (!out->im) return out->re[i].f;
  double re = out->re[i].f, im = out->im[i];
  if (!isfinite(re)) return im;
  return isfinite(im) ? hypot(re, im) : re;
}

static void add_own(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  tn_type part = out->im ? tn_type_part(out->type) : out->type;
  bool modulus = in[0].im && (inst->op == TN_OP_ABS || inst->op == TN_OP_SIGN);
  double factor = modulus ? TRANSCENDENTAL : own_error[inst->op] * (out->im ? 4 : 1);
  if (factor == 0) return;
  bool grows = inst->op == TN_OP_POWER && out->im; /* the angle's error times the exponent */
  for (int i = 0; i < count; i++) {
    double own = grows ? factor + TRANSCENDENTAL * hypot(in[1].re[i].f, in[1].im[i]) : factor;
    if (!is_exact(inst, out, in, i)) out->bound[i] += own * tn_half_ulp(part, size_of(out, i));
  }
}

/* ---- functions of one operand ---- */

/* The step itself in f64 (or c128), with the first operand moved by dx and dy times its bound. */
static void evaluate_moved(const tn_inst *inst, const tn_lanes *in, double dx, double dy, int count,
                           tn_cell *re, double *im) {
  tn_cell x[TN_LANES];
  double y[TN_LANES];
  bool complex = in[0].im != NULL;
  tn_lanes moved = {.type = complex ? TN_C128 : TN_F64, .re = x, .im = complex ? y : NULL};
  tn_lanes out = {.type = moved.type, .re = re, .im = complex ? im : NULL};
  if (complex && inst->op == TN_OP_ABS) out = (tn_lanes){.type = TN_F64, .re = re};
  for (int i = 0; i < count; i++) {
    x[i].f = in[0].re[i].f + dx * in[0].bound[i];
    if (complex) y[i] = in[0].im[i] + dy * in[0].bound[i];
  }
  tn_lanes_apply(inst, &out, &moved, count);
}

static void move_away(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, double dx, double dy,
                      int count) {
  tn_cell re[TN_LANES], base[TN_LANES];
  double im[TN_LANES], base_im[TN_LANES];
  evaluate_moved(inst, in, 0, 0, count, base, base_im);
  evaluate_moved(inst, in, dx, dy, count, re, im);
  for (int i = 0; i < count; i++) {
    if (in[0].bound[i] == 0) continue;
    double d = out->im ? hypot(re[i].f - base[i].f, im[i] - base_im[i]) : fabs(re[i].f - base[i].f);
    out->bound[i] = isnan(d) ? INFINITY : fmax(out->bound[i], d);
  }
}

/* Whether an interval reaches over a place where the function is not monotone, and what then. */
static void widen_at_turns(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  for (int i = 0; i < count; i++) {
    double x = in[0].re[i].f, e = in[0].bound[i];
    if (e == 0) continue;
    if (inst->op == TN_OP_SINE || inst->op == TN_OP_COSINE) out->bound[i] = fmin(e, 2);
    if (inst->op == TN_OP_COSH && fabs(x) <= e) out->bound[i] = fmax(out->bound[i], cosh(x) - 1);
    if (inst->op == TN_OP_ABS) out->bound[i] = e;
    if (inst->op == TN_OP_TAN && floor((x - e) / M_PI + 0.5) != floor((x + e) / M_PI + 0.5))
      out->bound[i] = INFINITY;
    if (inst->op == TN_OP_RSQRT && x - e <= 0) out->bound[i] = INFINITY;
  }
}

static bool is_step_function(tn_op op) {
  return op == TN_OP_SIGN || op == TN_OP_CEIL || op == TN_OP_FLOOR || op == TN_OP_ROUND_NEAREST_AFZ ||
         op == TN_OP_ROUND_NEAREST_EVEN;
}

static void apply_one(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  move_away(inst, out, in, 1, 0, count);
  move_away(inst, out, in, -1, 0, count);
  if (in[0].im) {
    move_away(inst, out, in, 0, 1, count);
    move_away(inst, out, in, 0, -1, count);
    return;
  }
  if (is_step_function(inst->op)) {
    for (int i = 0; i < count; i++)
      if (out->bound[i] > 0) out->bound[i] = INFINITY;
    return;
  }
  widen_at_turns(inst, out, in, count);
}

/* ---- opcodes of their own kind ---- */

static bool is_doubtful(const tn_lanes *x, int i) {
  if (x->im && tn_is_doubtful_nan(x->im[i])) return true;
  return (tn_type_is_float(x->type) || x->im) && tn_is_doubtful_nan(x->re[i].f);
}

static double compare_bound(const tn_inst *inst, const tn_lanes *in, int i) {
  double e = in[0].bound[i] + in[1].bound[i];
  bool total = inst->attr.compare.type == TN_COMPARE_TOTALORDER;
  if (total && (is_doubtful(&in[0], i) || is_doubtful(&in[1], i))) return INFINITY;
  if (e == 0) return 0;
  bool is_float = tn_type_is_float(in[0].type) || in[0].im;
  if (!is_float || isinf(e)) return INFINITY;
  double x = in[0].re[i].f, y = in[1].re[i].f;
  double distance = in[0].im ? hypot(x - y, in[0].im[i] - in[1].im[i]) : x == y ? 0 : fabs(x - y);
  return distance <= e ? INFINITY : 0;
}

static double convert_bound(const tn_lanes *out, const tn_lanes *in, int i) {
  double e = in->bound[i];
  bool from_float = tn_type_is_float(in->type) || in->im, to_float = tn_type_is_float(out->type) || out->im;
  if (!from_float) {
    if (e > 0) return INFINITY;
    return to_float && !(out->re[i].f == (double)in->re[i].i && fabs(out->re[i].f) < 0x1p53)
               ? tn_half_ulp(out->im ? tn_type_part(out->type) : out->type, out->re[i].f)
               : 0;
  }
  double x = in->re[i].f;
  if (!to_float && out->type == TN_PRED) return e > 0 && fabs(x) <= e ? INFINITY : 0;
  if (!to_float) return e > 0 && !(trunc(x - e) == trunc(x + e)) ? INFINITY : 0;
  tn_type part = out->im ? tn_type_part(out->type) : out->type,
          from = in->im ? tn_type_part(in->type) : in->type;
  bool widens = tn_float_precision(part) >= tn_float_precision(from) &&
                tn_float_least_exponent(part) <= tn_float_least_exponent(from);
  return e + (widens ? 0 : (out->im ? 2 : 1) * tn_half_ulp(part, x));
}

static double clamp_bound(const tn_lanes *in, int i) {
  return fmax(fmax(in[0].bound[i], in[1].bound[i]), in[2].bound[i]);
}

/* What has fewer bits of exponent flushes to 0, or overflows, where the interval reaches over its ends. */
static double precision_bound(const tn_inst *inst, const tn_lanes *out, const tn_lanes *in, int i) {
  double e = in[0].bound[i], x = fabs(in[0].re[i].f);
  if (e == 0) return 0;
  int bits = (int)inst->attr.reduce_precision.exponent_bits, bias = bits < 11 ? (1 << (bits - 1)) - 1 : 1023;
  int normal = tn_float_least_exponent(out->type) + tn_float_precision(out->type) - 1;
  double least = ldexp(1, 1 - bias), most = ldexp(1, bias);
  if (1 - bias > normal && x - e < least && x + e >= least / 2) return INFINITY;
  if (x - e < 2 * most && x + e >= most) return INFINITY;
  return e + ldexp(fabs(out->re[i].f), -(int)inst->attr.reduce_precision.mantissa_bits);
}

/* The opcodes that the general rules do not fit; -1: they do. */
static double special_bound(const tn_inst *inst, const tn_lanes *out, const tn_lanes *in, int i) {
  if (inst->op == TN_OP_COMPARE) return compare_bound(inst, in, i);
  if (inst->op == TN_OP_SELECT) return in[0].bound[i] > 0 ? INFINITY : in[in[0].re[i].i ? 1 : 2].bound[i];
  if (inst->op == TN_OP_CONVERT) return convert_bound(out, in, i);
  if (inst->op == TN_OP_CLAMP) return clamp_bound(in, i);
  if (inst->op == TN_OP_REDUCE_PRECISION) return precision_bound(inst, out, in, i);
  if (inst->op == TN_OP_COMPLEX) return hypot(in[0].bound[i], in[1].bound[i]);
  if (inst->op == TN_OP_REAL || inst->op == TN_OP_IMAG || inst->op == TN_OP_COPY || inst->op == TN_OP_NEGATE)
    return in[0].bound[i];
  if (inst->op == TN_OP_IS_FINITE) return isinf(in[0].bound[i]) ? INFINITY : 0;
  if (inst->op == TN_OP_STOCHASTIC_CONVERT) return largest_error(inst, in, i) > 0 ? INFINITY : 0;
  if (inst->op == TN_OP_BITCAST_CONVERT) return in[0].bound[i] > 0 || is_doubtful(&in[0], i) ? INFINITY : 0;
  return -1;
}

static void apply_two(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  two_sided *f = two_sided_bounds[inst->op];
  for (int i = 0; i < count; i++) {
    if (in[0].bound[i] == 0 && in[1].bound[i] == 0) continue;
    double x = in[0].re[i].f, y = in[1].re[i].f, r = out->re[i].f;
    if (in[0].im) x = hypot(x, in[0].im[i]), y = hypot(y, in[1].im[i]), r = hypot(r, out->im[i]);
    out->bound[i] = f ? f(x, in[0].bound[i], y, in[1].bound[i], r) : INFINITY;
  }
}

/* The larger of the parts that are numbers; infinity where none is. */
static double largest_part(const tn_lanes *out, int i) {
  double re = fabs(out->re[i].f), im = out->im ? fabs(out->im[i]) : INFINITY;
  return isfinite(re) && isfinite(im) ? fmax(re, im) : isfinite(re) ? re : isfinite(im) ? im : INFINITY;
}

/* A value that overflowed, may have, or is no number says nothing about its neighbours. */
static void give_up_at_infinities(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  bool is_float = tn_type_is_float(out->type) || out->im;
  tn_type part = out->im ? tn_type_part(out->type) : out->type;
  for (int i = 0; i < count; i++) {
    double size = is_float ? largest_part(out, i) : 0;
    if (isnan(out->bound[i])) out->bound[i] = INFINITY;
    if (is_float) out->bound[i] = tn_bound_of(part, size, out->bound[i]);
    if (isinf(size) && largest_error(inst, in, i) == 0) out->bound[i] = 0;
  }
}

static bool overflows(tn_type type, double x, double ex, double y, double ey) {
  if (!isfinite(x) || !isfinite(y)) return false;
  return !isfinite(tn_round_float(type, (fabs(x) + ex) * (fabs(y) + ey)));
}

/* Where one of the plain formula's four products overflows although its factors are numbers, the formula
 * gives an infinity or none; the evaluator's longer range a number, or what an operand's infinity decides.
 * After give_up_at_infinities, which takes exact operands' infinities for everybody's.                  */
static void give_up_at_overflows(tn_lanes *out, const tn_lanes *in, int count) {
  tn_type part = tn_type_part(out->type);
  for (int i = 0; i < count; i++) {
    double x[2] = {in[0].re[i].f, in[0].im[i]}, y[2] = {in[1].re[i].f, in[1].im[i]};
    for (int k = 0; k < 4; k++)
      if (overflows(part, x[k / 2], in[0].bound[i], y[k % 2], in[1].bound[i])) out->bound[i] = INFINITY;
  }
}

void tn_bounds_apply(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  memset(out->bound, 0, (size_t)count * sizeof *out->bound);
  bool floating = (tn_type_is_float(in[0].type) || in[0].im) && (tn_type_is_float(out->type) || out->im);
  if (count && special_bound(inst, out, in, 0) != -1) {
    for (int i = 0; i < count; i++) out->bound[i] = special_bound(inst, out, in, i);
  } else if (!floating) {
    for (int i = 0; i < count; i++) out->bound[i] = largest_error(inst, in, i) > 0 ? INFINITY : 0;
  } else {
    (inst->n_operands == 2 ? apply_two : apply_one)(inst, out, in, count);
    add_own(inst, out, in, count);
  }
  give_up_at_infinities(inst, out, in, count);
  if (inst->op == TN_OP_MULTIPLY && out->im) give_up_at_overflows(out, in, count);
}
