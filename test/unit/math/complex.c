/* Functions of complex numbers: every promise of math.def, measured.
 *
 * Numbers are drawn near what is hard: the unit circle, the points 1, -1, i and -i, the axes,
 * zero and infinity, parts of very different size. A promise is of the worse part's last
 * place, or of the modulus' where parts cancel by themselves.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"
#include "test/unit/math/complex_reference.h"

#include <complex.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 11;
}

static double uniform(uint64_t *state) { return (double)next(state) * 0x1p-53; }

static double with_exponent(uint64_t *state, int most) {
  double x = ldexp(1 + uniform(state), (int)(next(state) % (unsigned)(2 * most)) - most);
  return next(state) & 1 ? x : -x;
}

/* One number, of parts a and b. */
static void draw(uint64_t *state, int wide, double *a, double *b) {
  double angle = 6.3 * uniform(state), tiny = with_exponent(state, 30) * 0x1p-30;
  *a = with_exponent(state, 4);
  *b = with_exponent(state, 4);
  switch (next(state) % 8) {
  case 0: *a = with_exponent(state, wide), *b = with_exponent(state, wide); return;
  case 1: *a = cos(angle), *b = sin(angle); return;
  case 2: *a = cos(angle) + tiny, *b = sin(angle); return;
  case 3: *a = (next(state) & 1 ? 1 : -1) + tiny, *b = with_exponent(state, 30) * 0x1p-30; return;
  case 4: *b = (next(state) & 1 ? 1 : -1) + tiny, *a = with_exponent(state, 30) * 0x1p-30; return;
  case 5: *a = with_exponent(state, wide); return;
  case 6: *b = with_exponent(state, wide); return;
  default: return;
  }
}

static double rounded(tn_type type, double x) { return type == TN_F32 ? (double)(float)x : x; }

static double call(const tn_math_function *f, bool fma, const double *operands) {
  float narrow[4], single;
  double result;
  int half = f->arity / 2;
  for (int i = 0; i < 4; i++) narrow[i] = (float)operands[i];
  if (f->operand == TN_F64) {
    tn_math_scalar(f, fma)(&result, operands, operands + half);
    return result;
  }
  tn_math_scalar(f, fma)(&single, narrow, narrow + half);
  return (double)single;
}

/* Of these the parts are differences of near numbers by nature. */
static bool by_modulus(const char *opcode) {
  return !strcmp(opcode, "power") || !strcmp(opcode, "logistic") || !strcmp(opcode, "exponential-minus-one");
}

typedef struct {
  double parts, size, worst[4], result[2], exact[2];
} record;

static record measure(const tn_math_function *re, const tn_math_function *im, bool fma, int count) {
  record best = {0};
  uint64_t state = 17;
  tn_type type = re->operand;
  int wide = type == TN_F32 ? 126 : 300;
  for (int i = 0; i < count; i++) {
    double x[4], result[2] = {0};
    draw(&state, wide, &x[0], &x[1]);
    draw(&state, re->arity == 4 && strcmp(re->opcode, "power") ? wide : 2, &x[2], &x[3]);
    for (int k = 0; k < 4; k++) x[k] = rounded(type, x[k]);
    result[0] = call(re, fma, x);
    if (im) result[1] = call(im, fma, x);
    complex_errors e;
    cr_assert(complex_reference_errors(re->opcode, type, x, result, &e), "%s", re->opcode);
    double parts = fmax(e.parts[0], im ? e.parts[1] : 0), wanted = by_modulus(re->opcode) ? e.size : parts;
    if (wanted > (by_modulus(re->opcode) ? best.size : best.parts)) {
      memcpy(best.worst, x, sizeof x);
      memcpy(best.result, result, sizeof result);
      memcpy(best.exact, e.exact, sizeof e.exact);
    }
    best.parts = fmax(best.parts, parts);
    best.size = fmax(best.size, e.size);
  }
  return best;
}

ParameterizedTestParameters(complex, every_promise_is_kept) {
  static int rows[128];
  size_t count, n = 0;
  const tn_math_function *f = tn_math_functions(&count);
  for (size_t i = 0; i < count; i++)
    if (f[i].part == TN_PART_REAL) rows[n++] = (int)i;
  return cr_make_param_array(int, rows, n);
}

ParameterizedTest(int *row, complex, every_promise_is_kept) {
  size_t count;
  const tn_math_function *re = &tn_math_functions(&count)[*row];
  const tn_math_function *im = tn_math_find_part(re->opcode, TN_PART_IMAGINARY, re->operand);
  int samples = re->operand == TN_F32 ? 4000 : 1500;
  if (getenv("TENON_SAMPLES")) samples = atoi(getenv("TENON_SAMPLES"));
  for (int fma = 0; fma < 2; fma++) {
    record r = measure(re, im, fma, samples);
    double error = by_modulus(re->opcode) ? r.size : r.parts;
    if (getenv("TENON_SAMPLES"))
      fprintf(stderr, "| %s | %s | %.1f | %.2f | %.2f |\n", re->opcode, tn_type_name(re->operand), re->ulp,
              r.parts, r.size);
    cr_expect(error <= re->ulp, "%s of %s %s fma: (%a, %a; %a, %a) = (%a, %a), not (%a, %a): %g ulp",
              re->opcode, tn_type_name(re->operand), fma ? "with" : "without", r.worst[0], r.worst[1],
              r.worst[2], r.worst[3], r.result[0], r.result[1], r.exact[0], r.exact[1], error);
  }
}

/* ---- zeros, infinities, NaN ---- */

static const struct {
  const char *opcode;
  long double complex (*f)(long double complex);
} c99[] = {{"sqrt", csqrtl},   {"log", clogl},     {"asin", casinl}, {"acos", cacosl},
           {"asinh", casinhl}, {"atanh", catanhl}, {"sinh", csinhl}};

static long double complex make(double a, double b) {
  union {
    long double parts[2];
    long double complex value;
  } z = {{a, b}};
  return z.value;
}

/* Equal to the sign of a zero, which says nothing beside NaN; of numbers, to seven digits. */
static bool agrees(double x, long double y, long double other) {
  if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
  if (isinf(y) || y == 0) return (long double)x == y && (isnan(other) || !signbit(x) == !signbit(y));
  return fabsl(x - y) <= 1e-6L * fabsl(y);
}

/* As annex G and glibc have them. */
Test(complex, special_values) {
  static const double values[] = {0.0, -0.0, 1, -1, 2.5, -0.3, INFINITY, -INFINITY, NAN};
  static const tn_type types[] = {TN_F32, TN_F64};
  int n = sizeof values / sizeof *values;
  for (size_t i = 0; i < sizeof c99 / sizeof *c99; i++)
    for (int t = 0; t < 2; t++)
      for (int k = 0; k < n * n; k++) {
        double z[4] = {rounded(types[t], values[k / n]), rounded(types[t], values[k % n])};
        double re = call(tn_math_find_part(c99[i].opcode, TN_PART_REAL, types[t]), k & 1, z);
        double im = call(tn_math_find_part(c99[i].opcode, TN_PART_IMAGINARY, types[t]), k & 1, z);
        long double complex wanted = c99[i].f(make(z[0], z[1]));
        cr_expect(agrees(re, creall(wanted), cimagl(wanted)) && agrees(im, cimagl(wanted), creall(wanted)),
                  "%s of %s: (%g, %g) = (%g, %g), not (%Lg, %Lg)", c99[i].opcode, tn_type_name(types[t]),
                  z[0], z[1], re, im, creall(wanted), cimagl(wanted));
      }
}

/* Where powers of two have to be kept apart, and zeros beside NaN: equal on every machine. */
Test(complex, extremes) {
  static const struct {
    const char *opcode;
    double z[4], re, im;
  } rows[] = {
      {"sine", {-4.4e-323, 1.7976931348623157e308}, -INFINITY, INFINITY},
      {"sine", {NAN, -0.0}, NAN, -0.0},
      {"sine", {-0.0, NAN}, -0.0, NAN},
      {"sinh", {0, INFINITY}, 0, NAN},
      {"cosine", {-NAN, 0}, NAN, -0.0},
      {"cosh", {NAN, -0.0}, NAN, -0.0},
      {"divide", {-2.515059762255917e-244, NAN, 0, 0}, -INFINITY, NAN},
      {"divide", {3, NAN, 0, -0.0}, INFINITY, NAN},
      {"power", {0.6932725, INFINITY, 1, 0}, INFINITY, NAN},
      {"power", {0.6932725, INFINITY, -1, 0}, 0, 0},
      {"power", {2, 0, -INFINITY, 0}, 0, 0},
      {"cbrt", {INFINITY, 0.9}, INFINITY, 0},
      {"cbrt", {INFINITY, -0.9}, INFINITY, -0.0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (int fma = 0; fma < 2; fma++) {
      double re = call(tn_math_find_part(rows[i].opcode, TN_PART_REAL, TN_F64), fma, rows[i].z);
      double im = call(tn_math_find_part(rows[i].opcode, TN_PART_IMAGINARY, TN_F64), fma, rows[i].z);
      cr_expect(agrees(re, rows[i].re, 1) && agrees(im, rows[i].im, 1), "%s of row %zu: (%g, %g), not (%g, %g)",
                rows[i].opcode, i, re, im, rows[i].re, rows[i].im);
    }
}
