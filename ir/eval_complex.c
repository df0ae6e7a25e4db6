/* Complex elementwise operations: computed in long double complex, rounded once.
 *
 * C99's functions have the branch cuts and special values of IEEE 754 / Annex G; product
 * is the plain formula (an infinity times a complex number may be NaN, as in HLO).
 * exp(z)-1 and log(1+z) are arranged so that small z keep their digits.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <complex.h>
#include <math.h>

typedef long double real;
typedef long double complex number;

/* CMPLXL, which not every compiler has. */
static number make(real re, real im) {
  union {
    real parts[2];
    number value;
  } both = {{re, im}};
  return both.value;
}

static number product(number x, number y) {
  real a = creall(x), b = cimagl(x), c = creall(y), d = cimagl(y);
  return make(a * c - b * d, a * d + b * c);
}

/* e^a cos b - 1 = expm1(a) cos b - 2 sin^2(b/2). */
static number minus_one(number x) {
  real a = creall(x), b = cimagl(x), half = sinl(b / 2);
  number e = cexpl(x);
  if (!isfinite(creall(e)) || !isfinite(b) || isinf(a)) return make(creall(e) - 1, cimagl(e));
  return make(expm1l(a) * cosl(b) - 2 * half * half, cimagl(e));
}

/* log|1+z| = log1p(2a + a^2 + b^2) / 2 near 0; elsewhere 1 + a loses nothing that counts. */
static number plus_one(number x) {
  real a = creall(x), b = cimagl(x);
  if (a > 1 || a < -0.5L || fabsl(b) > 1) return clogl(make(1 + a, b));
  return make(log1pl(2 * a + a * a + b * b) / 2, atan2l(b, 1 + a));
}

static number sign_of(number x) {
  real modulus = cabsl(x);
  return modulus == 0 ? x : make(creall(x) / modulus, cimagl(x) / modulus);
}

/* Of a number that is nothing in size and has no angle, zeros without signs. */
static number exponential(number x) {
  bool none = creall(x) == -INFINITY && !isfinite(cimagl(x));
  return none ? 0 : cexpl(x);
}

static bool is_infinite(number x) { return isinf(creall(x)) || isinf(cimagl(x)); }

static number power(number x, number y) {
  if (y == 0) return 1;
  if (x == 0) return creall(y) > 0 ? 0 : make(INFINITY, NAN);
  return is_infinite(x) || is_infinite(y) ? exponential(product(y, clogl(x))) : cpowl(x, y);
}

/* A third of the angle; an infinite number keeps its zeros. */
static number cube_root(number x) {
  real r = cbrtl(cabsl(x)), angle = cargl(x) / 3;
  return x == 0 ? x : make(r * cosl(angle), angle == 0 ? angle : r * sinl(angle));
}

/* Of infinite numbers a zero on the other side of the real axis. */
static number inverse_root(number x) {
  number root = csqrtl(x);
  bool far = isinf(creall(root)) || isinf(cimagl(root));
  return far ? make(0, copysignl(0, -cimagl(root))) : 1 / root;
}

/* Annex G leaves the sign of a zero open that is 0 times a NaN: it is the zero's own here. */
static number hyperbolic_cosine(number x) {
  real a = creall(x), b = cimagl(x);
  if (a == 0 && !isfinite(b)) return make(NAN, a);
  return isnan(a) && b == 0 ? make(NAN, b) : ccoshl(x);
}

static number hyperbolic_sine(number x) {
  real a = creall(x), b = cimagl(x);
  if (a == 0 && !isfinite(b)) return make(a, NAN);
  return isnan(a) && b == 0 ? make(NAN, b) : csinhl(x);
}

static number cosine(number x) { return hyperbolic_cosine(make(-cimagl(x), creall(x))); }

static number sine(number x) {
  number h = hyperbolic_sine(make(-cimagl(x), creall(x)));
  return make(cimagl(h), -creall(h));
}

typedef number function(number x, number y);

#define ROWS(ROW)                                                                                            \
  ROW(NEGATE, make(-creall(x), -cimagl(x)))                                                                  \
  ROW(SIGN, sign_of(x))                                                                                      \
  ROW(SQRT, csqrtl(x))                                                                                       \
  ROW(RSQRT, inverse_root(x))                                                                                \
  ROW(CBRT, cube_root(x))                                                                                    \
  ROW(EXPONENTIAL, exponential(x))                                                                           \
  ROW(EXPONENTIAL_MINUS_ONE, minus_one(x))                                                                   \
  ROW(LOG, clogl(x))                                                                                         \
  ROW(LOG_PLUS_ONE, plus_one(x))                                                                             \
  ROW(LOGISTIC, 1 / (1 + cexpl(-x)))                                                                         \
  ROW(TANH, ctanhl(x))                                                                                       \
  ROW(SINE, sine(x))                                                                                         \
  ROW(COSINE, cosine(x))                                                                                     \
  ROW(TAN, ctanl(x))                                                                                         \
  ROW(ASIN, casinl(x))                                                                                       \
  ROW(ACOS, cacosl(x))                                                                                       \
  ROW(ATAN, catanl(x))                                                                                       \
  ROW(SINH, hyperbolic_sine(x))                                                                              \
  ROW(COSH, hyperbolic_cosine(x))                                                                            \
  ROW(ASINH, casinhl(x))                                                                                     \
  ROW(ACOSH, cacoshl(x))                                                                                     \
  ROW(ATANH, catanhl(x))                                                                                     \
  ROW(ADD, x + y)                                                                                            \
  ROW(SUBTRACT, x - y)                                                                                       \
  ROW(MULTIPLY, product(x, y))                                                                               \
  ROW(DIVIDE, x / y)                                                                                         \
  ROW(POWER, power(x, y))

#define ROW(ID, value)                                                                                       \
  static number complex_##ID(number x, number y) {                                                           \
    (void)y;                                                                                                 \
    return value;                                                                                            \
  }
ROWS(ROW)
#undef ROW
static function *const functions[TN_OP_COUNT] = {
#define ROW(ID, value) [TN_OP_##ID] = complex_##ID,
    ROWS(ROW)
#undef ROW
};

/* abs gives a real result, the others a complex one. */
bool tn_lanes_complex(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count) {
  if (inst->op == TN_OP_ABS) {
    for (int i = 0; i < count; i++)
      out->re[i].f = tn_round_float(out->type, (double)hypotl(in[0].re[i].f, in[0].im[i]));
    return true;
  }
  function *f = functions[inst->op];
  if (!f || !out->im) return false;
  const tn_lanes *second = inst->n_operands > 1 ? &in[1] : &in[0];
  bool narrow = out->type == TN_C64;
  for (int i = 0; i < count; i++) {
    number value = f(make(in[0].re[i].f, in[0].im[i]), make(second->re[i].f, second->im[i]));
    out->re[i].f = narrow ? (double)(float)creall(value) : (double)creall(value);
    out->im[i] = narrow ? (double)(float)cimagl(value) : (double)cimagl(value);
  }
  return true;
}
