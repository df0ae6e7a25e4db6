/* See complex_reference.h. The textbook's formulas, with so many bits that nothing that
 * cancels in them is missed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/complex_reference.h"

#include <math.h>
#include <mpfr.h>
#include <string.h>

typedef struct {
  mpfr_t re, im;
} number;

static void set(number *z, const number *x) {
  mpfr_set(z->re, x->re, MPFR_RNDN);
  mpfr_set(z->im, x->im, MPFR_RNDN);
}

static void open(number *z) { mpfr_inits(z->re, z->im, (mpfr_ptr)0); }
static void close(number *z) { mpfr_clears(z->re, z->im, (mpfr_ptr)0); }

/* ---- arithmetic; results may be operands ---- */

static void add(number *z, const number *x, const number *y) {
  mpfr_add(z->re, x->re, y->re, MPFR_RNDN);
  mpfr_add(z->im, x->im, y->im, MPFR_RNDN);
}

static void subtract(number *z, const number *x, const number *y) {
  mpfr_sub(z->re, x->re, y->re, MPFR_RNDN);
  mpfr_sub(z->im, x->im, y->im, MPFR_RNDN);
}

static void add_real(number *z, const number *x, long k) {
  set(z, x);
  mpfr_add_si(z->re, z->re, k, MPFR_RNDN);
}

static void scale(number *z, const number *x, long k, long divisor) {
  mpfr_mul_si(z->re, x->re, k, MPFR_RNDN);
  mpfr_mul_si(z->im, x->im, k, MPFR_RNDN);
  mpfr_div_si(z->re, z->re, divisor, MPFR_RNDN);
  mpfr_div_si(z->im, z->im, divisor, MPFR_RNDN);
}

static void multiply(number *z, const number *x, const number *y) {
  number t;
  open(&t);
  mpfr_fmms(t.re, x->re, y->re, x->im, y->im, MPFR_RNDN);
  mpfr_fmma(t.im, x->re, y->im, x->im, y->re, MPFR_RNDN);
  set(z, &t);
  close(&t);
}

/* iz or -iz */
static void turn(number *z, const number *x, int sign) {
  number t;
  open(&t);
  mpfr_mul_si(t.re, x->im, -sign, MPFR_RNDN);
  mpfr_mul_si(t.im, x->re, sign, MPFR_RNDN);
  set(z, &t);
  close(&t);
}

static void divide(number *z, const number *x, const number *y) {
  number t;
  mpfr_t size;
  open(&t);
  mpfr_init(size);
  mpfr_fmma(size, y->re, y->re, y->im, y->im, MPFR_RNDN);
  mpfr_neg(t.im, y->im, MPFR_RNDN);
  mpfr_set(t.re, y->re, MPFR_RNDN);
  multiply(&t, x, &t);
  mpfr_div(z->re, t.re, size, MPFR_RNDN);
  mpfr_div(z->im, t.im, size, MPFR_RNDN);
  mpfr_clear(size);
  close(&t);
}

/* ---- functions; y is the second operand of those that have one ---- */

static void modulus(number *z, const number *x, const number *y) {
  (void)y;
  mpfr_hypot(z->re, x->re, x->im, MPFR_RNDN);
  mpfr_set_zero(z->im, 1);
}

static void sign(number *z, const number *x, const number *y) {
  number r;
  (void)y;
  open(&r);
  modulus(&r, x, NULL);
  mpfr_div(z->re, x->re, r.re, MPFR_RNDN);
  mpfr_div(z->im, x->im, r.re, MPFR_RNDN);
  close(&r);
}

static void logarithm(number *z, const number *x, const number *y) {
  number t;
  (void)y;
  open(&t);
  mpfr_atan2(t.im, x->im, x->re, MPFR_RNDN);
  mpfr_fmma(t.re, x->re, x->re, x->im, x->im, MPFR_RNDN);
  mpfr_log(t.re, t.re, MPFR_RNDN);
  mpfr_div_2ui(t.re, t.re, 1, MPFR_RNDN);
  set(z, &t);
  close(&t);
}

static void exponential(number *z, const number *x, const number *y) {
  number t;
  mpfr_t e;
  (void)y;
  open(&t);
  mpfr_init(e);
  mpfr_exp(e, x->re, MPFR_RNDN);
  mpfr_sin_cos(t.im, t.re, x->im, MPFR_RNDN);
  mpfr_mul(z->re, t.re, e, MPFR_RNDN);
  mpfr_mul(z->im, t.im, e, MPFR_RNDN);
  mpfr_clear(e);
  close(&t);
}

/* By halves of the angle, so that no part is the difference of near numbers. */
static void square_root(number *z, const number *x, const number *y) {
  mpfr_t r;
  number t;
  (void)y;
  open(&t);
  mpfr_init(r);
  mpfr_hypot(r, x->re, x->im, MPFR_RNDN);
  mpfr_atan2(t.im, x->im, x->re, MPFR_RNDN);
  mpfr_div_2ui(t.im, t.im, 1, MPFR_RNDN);
  mpfr_sin_cos(t.im, t.re, t.im, MPFR_RNDN);
  mpfr_sqrt(r, r, MPFR_RNDN);
  mpfr_mul(z->re, t.re, r, MPFR_RNDN);
  mpfr_mul(z->im, t.im, r, MPFR_RNDN);
  mpfr_clear(r);
  close(&t);
}

static void one(number *z) {
  mpfr_set_ui(z->re, 1, MPFR_RNDN);
  mpfr_set_zero(z->im, 1);
}

static void reciprocal(number *z, const number *x) {
  number t;
  open(&t);
  one(&t);
  divide(z, &t, x);
  close(&t);
}

static void reciprocal_root(number *z, const number *x, const number *y) {
  square_root(z, x, y);
  reciprocal(z, z);
}

static void cube_root(number *z, const number *x, const number *y) {
  logarithm(z, x, y);
  scale(z, z, 1, 3);
  exponential(z, z, y);
}

static void power(number *z, const number *x, const number *y) {
  number l;
  open(&l);
  logarithm(&l, x, NULL);
  multiply(&l, &l, y);
  exponential(z, &l, NULL);
  close(&l);
}

static void minus_one(number *z, const number *x, const number *y) {
  exponential(z, x, y);
  add_real(z, z, -1);
}

static void plus_one(number *z, const number *x, const number *y) {
  add_real(z, x, 1);
  logarithm(z, z, y);
}

static void logistic(number *z, const number *x, const number *y) {
  scale(z, x, -1, 1);
  exponential(z, z, y);
  add_real(z, z, 1);
  reciprocal(z, z);
}

static void half_of_both(number *z, const number *x, bool difference) {
  number up, down;
  open(&up);
  open(&down);
  exponential(&up, x, NULL);
  scale(&down, x, -1, 1);
  exponential(&down, &down, NULL);
  (difference ? subtract : add)(&up, &up, &down);
  scale(z, &up, 1, 2);
  close(&up);
  close(&down);
}

static void sinh_(number *z, const number *x, const number *y) {
  (void)y;
  half_of_both(z, x, true);
}
static void cosh_(number *z, const number *x, const number *y) {
  (void)y;
  half_of_both(z, x, false);
}
static void tanh_(number *z, const number *x, const number *y) {
  number c;
  open(&c);
  cosh_(&c, x, y);
  sinh_(z, x, y);
  divide(z, z, &c);
  close(&c);
}

/* g(z) = -i f(iz) */
static void turned(number *z, const number *x, void (*f)(number *, const number *, const number *)) {
  turn(z, x, 1);
  f(z, z, NULL);
  turn(z, z, -1);
}

static void sine(number *z, const number *x, const number *y) {
  (void)y;
  turned(z, x, sinh_);
}
static void cosine(number *z, const number *x, const number *y) {
  turn(z, x, 1);
  cosh_(z, z, y);
}
static void tangent(number *z, const number *x, const number *y) {
  (void)y;
  turned(z, x, tanh_);
}

/* log(z + sqrt(z^2 + 1)), of the right half plane: the function is odd. */
static void asinh_(number *z, const number *x, const number *y) {
  bool left = mpfr_sgn(x->re) < 0;
  number t, s;
  open(&t);
  open(&s);
  scale(&t, x, left ? -1 : 1, 1);
  multiply(&s, &t, &t);
  add_real(&s, &s, 1);
  square_root(&s, &s, y);
  add(&t, &t, &s);
  logarithm(&t, &t, y);
  scale(z, &t, left ? -1 : 1, 1);
  close(&t);
  close(&s);
}

static void acosh_(number *z, const number *x, const number *y) {
  number s, t;
  open(&s);
  open(&t);
  add_real(&s, x, 1);
  add_real(&t, x, -1);
  square_root(&s, &s, y);
  square_root(&t, &t, y);
  multiply(&s, &s, &t);
  add(&s, &s, x);
  logarithm(z, &s, y);
  close(&s);
  close(&t);
}

static void atanh_(number *z, const number *x, const number *y) {
  number s, t;
  open(&s);
  open(&t);
  scale(&s, x, -1, 1);
  add_real(&s, &s, 1);
  add_real(&t, x, 1);
  logarithm(&s, &s, y);
  logarithm(&t, &t, y);
  subtract(&t, &t, &s);
  scale(z, &t, 1, 2);
  close(&s);
  close(&t);
}

static void asin_(number *z, const number *x, const number *y) {
  (void)y;
  turned(z, x, asinh_);
}
static void atan_(number *z, const number *x, const number *y) {
  (void)y;
  turned(z, x, atanh_);
}
static void acos_(number *z, const number *x, const number *y) {
  number t;
  open(&t);
  mpfr_const_pi(t.re, MPFR_RNDN);
  mpfr_div_2ui(t.re, t.re, 1, MPFR_RNDN);
  mpfr_set_zero(t.im, 1);
  asin_(z, x, y);
  subtract(z, &t, z);
  close(&t);
}

static const struct {
  const char *opcode;
  void (*f)(number *, const number *, const number *);
} known[] = {
    {"abs", modulus},
    {"sign", sign},
    {"divide", divide},
    {"sqrt", square_root},
    {"rsqrt", reciprocal_root},
    {"cbrt", cube_root},
    {"power", power},
    {"exponential", exponential},
    {"exponential-minus-one", minus_one},
    {"log", logarithm},
    {"log-plus-one", plus_one},
    {"logistic", logistic},
    {"sine", sine},
    {"cosine", cosine},
    {"tan", tangent},
    {"sinh", sinh_},
    {"cosh", cosh_},
    {"tanh", tanh_},
    {"asin", asin_},
    {"acos", acos_},
    {"atan", atan_},
    {"asinh", asinh_},
    {"acosh", acosh_},
    {"atanh", atanh_},
};

/* ---- errors ---- */

/* The last place of a result near x: never below the subnormals'. */
static double unit(tn_type type, mpfr_srcptr x) {
  int precision = type == TN_F32 ? 24 : 53;
  long least = type == TN_F32 ? -149 : -1074, e = mpfr_regular_p(x) ? mpfr_get_exp(x) - precision : least;
  return ldexp(1, (int)(e > least ? e : least));
}

static double error_of(tn_type type, double result, mpfr_srcptr exact, mpfr_srcptr size) {
  double most = type == TN_F32 ? 0x1.ffffffp127 : 0x1.fffffffffffffp1023;
  if (mpfr_nan_p(exact)) return 0;
  if (isnan(result)) return INFINITY;
  if (isinf(result))
    return mpfr_cmpabs_ui(exact, 0) && (result > 0) == (mpfr_sgn(exact) > 0) &&
                   fabs(mpfr_get_d(exact, MPFR_RNDN)) >= most
               ? 0
               : INFINITY;
  mpfr_t difference;
  mpfr_init(difference);
  mpfr_sub_d(difference, exact, result, MPFR_RNDN);
  mpfr_div_d(difference, difference, unit(type, size), MPFR_RNDN); /* a power of two */
  double error = fabs(mpfr_get_d(difference, MPFR_RNDN));
  mpfr_clear(difference);
  return error;
}

bool complex_reference_errors(const char *opcode, tn_type type, const double operands[4],
                              const double result[2], complex_errors *errors) {
  size_t i = 0;
  while (i < sizeof known / sizeof *known && strcmp(known[i].opcode, opcode) != 0) i++;
  if (i == sizeof known / sizeof *known) return false;
  mpfr_set_default_prec(type == TN_F32 ? 1000 : 3000);
  number x, y, z;
  mpfr_t size;
  open(&x);
  open(&y);
  open(&z);
  mpfr_init(size);
  mpfr_set_d(x.re, operands[0], MPFR_RNDN);
  mpfr_set_d(x.im, operands[1], MPFR_RNDN);
  mpfr_set_d(y.re, operands[2], MPFR_RNDN);
  mpfr_set_d(y.im, operands[3], MPFR_RNDN);
  known[i].f(&z, &x, &y);
  mpfr_hypot(size, z.re, z.im, MPFR_RNDN);
  errors->exact[0] = mpfr_get_d(z.re, MPFR_RNDN);
  errors->exact[1] = mpfr_get_d(z.im, MPFR_RNDN);
  errors->parts[0] = error_of(type, result[0], z.re, z.re);
  errors->parts[1] = error_of(type, result[1], z.im, z.im);
  errors->size = fmax(error_of(type, result[0], z.re, size), error_of(type, result[1], z.im, size));
  mpfr_clear(size);
  close(&x);
  close(&y);
  close(&z);
  return true;
}
