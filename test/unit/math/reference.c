/* See reference.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/reference.h"

#include <float.h>
#include <math.h>
#include <mpfr.h>
#include <string.h>

enum { PRECISION = 200 };

enum {
  EXP,
  EXPM1,
  LOG,
  LOG1P,
  TANH,
  LOGISTIC,
  ERF,
  SQRT,
  RSQRT,
  POWER,
  SIN,
  COS,
  TAN,
  CBRT,
  ASIN,
  ACOS,
  ATAN,
  ATAN2,
  SINH,
  COSH,
  ASINH,
  ACOSH,
  ATANH,
  REMAINDER
};

static double logistic(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}
static long double logisticl(long double x) {
  long double e = expl(-fabsl(x));
  return (x < 0 ? e : 1) / (1 + e);
}
static double rsqrt(double x) { return 1 / sqrt(x); }
static long double rsqrtl(long double x) { return 1 / sqrtl(x); }

/* Outside of their domains the library's functions also report errors, slowly. */
static double asin_(double x) { return fabs(x) <= 1 ? asin(x) : NAN; }
static double acos_(double x) { return fabs(x) <= 1 ? acos(x) : NAN; }
static double acosh_(double x) { return x >= 1 ? acosh(x) : NAN; }
static double atanh_(double x) { return fabs(x) <= 1 ? atanh(x) : NAN; }

#define UNARY(opcode, name, exact)  {opcode, name, NULL, name##l, NULL, exact}
#define DOMAIN(opcode, name, exact) {opcode, name##_, NULL, name##l, NULL, exact}
#define BINARY(opcode, name, exact) {opcode, NULL, name, NULL, name##l, exact}
static const reference known[] = {
    UNARY("exponential", exp, EXP), UNARY("exponential-minus-one", expm1, EXPM1),
    UNARY("log", log, LOG),         UNARY("log-plus-one", log1p, LOG1P),
    UNARY("tanh", tanh, TANH),      UNARY("logistic", logistic, LOGISTIC),
    UNARY("erf", erf, ERF),         UNARY("sqrt", sqrt, SQRT),
    UNARY("rsqrt", rsqrt, RSQRT),   BINARY("power", pow, POWER),
    UNARY("sine", sin, SIN),        UNARY("cosine", cos, COS),
    UNARY("tan", tan, TAN),         UNARY("cbrt", cbrt, CBRT),
    DOMAIN("asin", asin, ASIN),     DOMAIN("acos", acos, ACOS),
    UNARY("atan", atan, ATAN),      BINARY("atan2", atan2, ATAN2),
    UNARY("sinh", sinh, SINH),      UNARY("cosh", cosh, COSH),
    UNARY("asinh", asinh, ASINH),   DOMAIN("acosh", acosh, ACOSH),
    DOMAIN("atanh", atanh, ATANH),  BINARY("remainder", fmod, REMAINDER),
};

const reference *reference_find(const char *opcode) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i].opcode, opcode) == 0) return &known[i];
  return NULL;
}

static void exact_logistic(mpfr_t x) {
  mpfr_neg(x, x, MPFR_RNDN);
  mpfr_exp(x, x, MPFR_RNDN);
  mpfr_add_ui(x, x, 1, MPFR_RNDN);
  mpfr_ui_div(x, 1, x, MPFR_RNDN);
}

/* x = f(x, y) */
static void exact(int which, mpfr_t x, mpfr_t y) {
  switch (which) {
  case EXP: mpfr_exp(x, x, MPFR_RNDN); break;
  case EXPM1: mpfr_expm1(x, x, MPFR_RNDN); break;
  case LOG: mpfr_log(x, x, MPFR_RNDN); break;
  case LOG1P: mpfr_log1p(x, x, MPFR_RNDN); break;
  case TANH: mpfr_tanh(x, x, MPFR_RNDN); break;
  case LOGISTIC: exact_logistic(x); break;
  case ERF: mpfr_erf(x, x, MPFR_RNDN); break;
  case SQRT: mpfr_sqrt(x, x, MPFR_RNDN); break;
  case RSQRT: mpfr_rec_sqrt(x, x, MPFR_RNDN); break;
  case POWER: mpfr_pow(x, x, y, MPFR_RNDN); break;
  case SIN: mpfr_sin(x, x, MPFR_RNDN); break;
  case COS: mpfr_cos(x, x, MPFR_RNDN); break;
  case TAN: mpfr_tan(x, x, MPFR_RNDN); break;
  case CBRT: mpfr_cbrt(x, x, MPFR_RNDN); break;
  case ASIN: mpfr_asin(x, x, MPFR_RNDN); break;
  case ACOS: mpfr_acos(x, x, MPFR_RNDN); break;
  case ATAN: mpfr_atan(x, x, MPFR_RNDN); break;
  case ATAN2: mpfr_atan2(x, x, y, MPFR_RNDN); break;
  case SINH: mpfr_sinh(x, x, MPFR_RNDN); break;
  case COSH: mpfr_cosh(x, x, MPFR_RNDN); break;
  case ASINH: mpfr_asinh(x, x, MPFR_RNDN); break;
  case ACOSH: mpfr_acosh(x, x, MPFR_RNDN); break;
  case ATANH: mpfr_atanh(x, x, MPFR_RNDN); break;
  case REMAINDER: mpfr_fmod(x, x, y, MPFR_RNDN); break;
  }
}

/* 1 / the last place of a float near `value`: 2^149 for subnormals, as if without limit
 * above. By the bits: this runs for every float there is.                               */
static double per_last_place(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
  if (exponent < -126) exponent = -126;
  if (exponent > 127) exponent = 127;
  bits = (uint64_t)(1023 + 23 - exponent) << 52;
  double result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

/* What the float formats cannot hold counts as infinite. */
static bool overflows(double value) { return fabs(value) >= (double)FLT_MAX + 0x1p103; }

static double error_of(double right, double difference, float result) {
  if (isnan(right) || isnan(result)) return isnan(right) && isnan(result) ? 0 : INFINITY;
  if (isinf(result) && (isinf(right) || overflows(right))) return (result < 0) == (right < 0) ? 0 : INFINITY;
  if (isinf(right)) return INFINITY;
  if (isinf(result)) { /* as if it were the next float after the largest */
    double beyond = copysign(0x1p128, (double)result);
    return fabs(beyond - right) * per_last_place(right);
  }
  if (right == 0 && result == 0 && !signbit(right) != !signbit(result)) return INFINITY;
  return fabs(difference) * per_last_place(right);
}

double reference_quick_error(const reference *r, float x, float y, float result) {
  double right = r->unary ? r->unary((double)x) : r->binary((double)x, (double)y);
  return error_of(right, (double)result - right, result);
}

/* f(x, y) in MPFR, to nearest, and `result` less it. */
static void compute_exactly(const reference *r, double x, double y, double result, mpfr_t right,
                            mpfr_t difference) {
  mpfr_set_d(right, x, MPFR_RNDN);
  mpfr_set_d(difference, y, MPFR_RNDN);
  exact(r->exact, right, difference);
  mpfr_set_d(difference, result, MPFR_RNDN);
  mpfr_sub(difference, difference, right, MPFR_RNDN);
}

double reference_exact_error(const reference *r, float x, float y, float result) {
  /* MPFR has no limits of the exponent that a float's power could reach; 1/sqrt(-0) is
   * the one value where it and IEEE's operations part: +inf there, -inf here.          */
  if (r->exact == RSQRT && x == 0) return reference_quick_error(r, x, y, result);
  mpfr_t a, b;
  mpfr_init2(a, PRECISION);
  mpfr_init2(b, PRECISION);
  compute_exactly(r, (double)x, (double)y, (double)result, a, b);
  double difference = isfinite(result) && mpfr_number_p(a) ? mpfr_get_d(b, MPFR_RNDN) : 0;
  double right = mpfr_get_d(a, MPFR_RNDN);
  mpfr_clear(a);
  mpfr_clear(b);
  return error_of(right, difference, result);
}

/* ---- f64 ---- */

/* The last place of a double near `value`, without limit above. */
static long double last_place(long double value) {
  int exponent;
  frexpl(value, &exponent);
  if (exponent < -1021) exponent = -1021;
  return ldexpl(1, exponent - 53);
}

static double error_of_double(long double right, long double difference, double result) {
  if (isnan(right) || isnan(result)) return isnan(right) && isnan(result) ? 0 : INFINITY;
  bool overflows = fabsl(right) >= (long double)DBL_MAX + 0x1p970L;
  if (isinf(result) && overflows) return (result < 0) == (right < 0) ? 0 : INFINITY;
  if (isinf(right)) return INFINITY;
  if (isinf(result)) /* as if it were the next double after the largest */
    return (double)(fabsl(copysignl(0x1p1024L, (long double)result) - right) / 0x1p971L);
  if (right == 0 && result == 0 && !signbit(right) != !signbit(result)) return INFINITY;
  return right == 0 && result == 0 ? 0 : (double)(fabsl(difference) / last_place(right));
}

double reference_quick_error_f64(const reference *r, double x, double y, double result) {
  long double right = r->unary ? r->unary_f64((long double)x) : r->binary_f64((long double)x, (long double)y);
  return error_of_double(right, (long double)result - right, result);
}

double reference_exact_error_f64(const reference *r, double x, double y, double result) {
  if (r->exact == RSQRT && x == 0) return reference_quick_error_f64(r, x, y, result);
  mpfr_t a, b;
  mpfr_init2(a, PRECISION);
  mpfr_init2(b, PRECISION);
  compute_exactly(r, x, y, result, a, b);
  long double difference = isfinite(result) && mpfr_number_p(a) ? mpfr_get_ld(b, MPFR_RNDN) : 0;
  long double right = mpfr_get_ld(a, MPFR_RNDN);
  mpfr_clear(a);
  mpfr_clear(b);
  return error_of_double(right, difference, result);
}
