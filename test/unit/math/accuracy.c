/* Every promise of math.def, on every 97th float (fewer under sanitizers: the oracles take
 * the time), on pairs of floats and on doubles where errors are large, with and without fma. What the C
 * library calls the worst of each run is measured again by MPFR, as are 2^11 floats in between: the C
 * library is not believed alone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/lanes.h"
#include "test/unit/math/operands.h"
#include "test/unit/math/reference.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
enum { STRIDE = 1009, PAIRS = 20000, DOUBLES = 2000 };
#else
enum { STRIDE = 97, PAIRS = 100000, DOUBLES = 20000 };
#endif

static double promise(const tn_math_function *f) { return f->ulp > 0 ? f->ulp : 0.5; }

static void expect_kept(const tn_math_function *f, const lanes_variant *v, float x, float y, float result) {
  double error = reference_exact_error(reference_find(f->opcode), x, y, result);
  cr_expect(error <= promise(f), "%s: %s(%a, %a) = %a: %.3f ulp", v->name, f->opcode, (double)x, (double)y,
            (double)result, error);
}

/* x and y are TEST_LANES operands each; the worst of them is kept in *worst. */
static void measure(int row, const lanes_variant *v, const float *x, const float *y, double *worst,
                    bool exactly) {
  size_t count;
  const tn_math_function *f = &tn_math_functions(&count)[row];
  const reference *r = reference_find(f->opcode);
  float result[TEST_LANES];
  lanes_call(v, row, result, x, y);
  for (int i = 0; i < TEST_LANES; i++) {
    float second = y ? y[i] : 0;
    double error = reference_quick_error(r, x[i], second, result[i]);
    bool record = error > *worst + 0x1p-8; /* else errors that grow slowly are all records */
    if (!record && !(exactly && i == 0)) continue;
    if (record) *worst = error;
    expect_kept(f, v, x[i], second, result[i]);
  }
}

static void over_floats(int row, const lanes_variant *v) {
  double worst = 0;
  float x[TEST_LANES];
  uint64_t group = 0;
  for (uint64_t bits = 0; bits < 1ull << 32; bits += STRIDE * TEST_LANES, group++) {
    for (int i = 0; i < TEST_LANES; i++) x[i] = tn_float_of((uint32_t)(bits + (uint64_t)i * STRIDE));
    measure(row, v, x, NULL, &worst, group % 1024 == 0);
  }
}

/* A third each: any floats; moderate ones; few bits, so that exact cases occur. */
static float draw(uint64_t *state, int kind) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  uint32_t bits = (uint32_t)(*state >> 32);
  if (kind > 0) bits = (bits & 0x807fffffu) | ((112 + (bits >> 23 & 31)) << 23);
  if (kind > 1) bits &= 0xfff00000u;
  return tn_float_of(bits);
}

static void over_pairs(int row, const lanes_variant *v) {
  double worst = 0;
  uint64_t state = 1;
  float x[TEST_LANES], y[TEST_LANES];
  for (int group = 0; group < PAIRS; group++) {
    for (int i = 0; i < TEST_LANES; i++) {
      x[i] = draw(&state, group % 3);
      y[i] = draw(&state, group % 3);
      if (group % 2) x[i] = tn_float_of(tn_bits_of(x[i]) & 0x7fffffffu);
    }
    measure(row, v, x, y, &worst, group % 256 == 0);
  }
}

static void expect_kept_f64(const tn_math_function *f, const lanes_variant *v, double x, double y,
                            double result) {
  double error = reference_exact_error_f64(reference_find(f->opcode), x, y, result);
  cr_expect(error <= promise(f), "%s: %s(%a, %a) = %a: %.3f ulp", v->name, f->opcode, x, y, result, error);
}

static void over_doubles(int row, const lanes_variant *v) {
  size_t count;
  const tn_math_function *f = &tn_math_functions(&count)[row];
  const reference *r = reference_find(f->opcode);
  double x[TEST_LANES], y[TEST_LANES], result[TEST_LANES], worst = 0;
  uint64_t state = 1;
  for (int group = 0; group < DOUBLES; group++) {
    for (int i = 0; i < TEST_LANES; i++) {
      x[i] = operands_draw_f64(&state);
      y[i] = operands_draw_f64(&state);
      if (f->arity == 2 && group % 2) x[i] = fabs(x[i]);
    }
    lanes_call(v, row, result, x, y);
    for (int i = 0; i < TEST_LANES; i++) {
      double error = reference_quick_error_f64(r, x[i], y[i], result[i]);
      bool record = error > worst + 0x1p-8;
      if (record) worst = error;
      if (record || (i == 0 && group % 16 == 0)) expect_kept_f64(f, v, x[i], y[i], result[i]);
    }
  }
}

/* Remainders are exact; exact.c has them. */
static bool measured(const tn_math_function *f) {
  bool exact = f->ulp <= 0 && f->arity == 2, is_real = f->operand == TN_F32 || f->operand == TN_F64;
  return is_real && f->result == f->operand && !f->part && !exact && reference_find(f->opcode);
}

ParameterizedTestParameters(accuracy, every_promise_is_kept) {
  static int rows[256];
  size_t count, n = 0;
  const tn_math_function *f = tn_math_functions(&count);
  for (size_t i = 0; i < count; i++)
    if (measured(&f[i])) rows[n++] = (int)i;
  return cr_make_param_array(int, rows, n);
}

ParameterizedTest(int *row, accuracy, every_promise_is_kept) {
  size_t count;
  const tn_math_function *f = &tn_math_functions(&count)[*row];
  for (int fma = 0; fma < 2; fma++) {
    const lanes_variant *v = lanes_widest(fma);
    if (!v) continue; /* a CPU without fma */
    if (f->operand == TN_F64)
      over_doubles(*row, v);
    else if (f->arity == 1)
      over_floats(*row, v);
    else
      over_pairs(*row, v);
  }
}
