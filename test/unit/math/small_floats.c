/* Functions of one f16 or bf16: every value there is.
 *
 * They are those of f32, rounded once more, so that a result may be wrong only where the exact
 * one is next to the middle of two neighbours: 0.501 units in the last place.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"
#include "base/number.h"
#include "test/unit/math/reference.h"

#include <criterion/criterion.h>
#include <math.h>

/* What a kernel computes: widened, the function of f32, rounded. */
static uint64_t computed(const tn_math_function *f, bool fma, tn_type type, uint64_t bits) {
  float x, y;
  uint64_t result = 0;
  tn_math_scalar(tn_math_find_convert(type, TN_F32), fma)(&x, &bits, NULL);
  tn_math_scalar(f, fma)(&y, &x, NULL);
  tn_math_scalar(tn_math_find_convert(TN_F32, type), fma)(&result, &y, NULL);
  return result;
}

/* |value - right| in units in the last place of the type near `right`. */
static double error_of(tn_type type, double value, double right) {
  int exponent;
  frexp(right, &exponent);
  double unit = ldexp(1, exponent - tn_float_precision(type));
  return fabs(value - right) / fmax(unit, ldexp(1, tn_float_least_exponent(type)));
}

static void expect_right(const tn_math_function *f, tn_type type, uint64_t bits) {
  double x = tn_float_from_bits(type, bits), right = reference_find(f->opcode)->unary(x);
  uint64_t expected = tn_float_to_bits(type, right);
  for (int fma = 0; fma < 2; fma++) {
    uint64_t result = computed(f, fma, type, bits);
    double value = tn_float_from_bits(type, result);
    bool same = result == expected || (isnan(value) && isnan(right));
    cr_expect(same || error_of(type, value, right) <= 0.501, "%s %s(%a) = %a, not %a", tn_type_name(type),
              f->opcode, x, value, right);
  }
}

static void expect_all_right(tn_type type) {
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  for (size_t row = 0; row < count; row++) {
    const reference *r = reference_find(f[row].opcode);
    if (!r || !r->unary || f[row].operand != TN_F32 || f[row].part) continue;
    for (uint64_t bits = 0; bits < 0x10000; bits++) expect_right(&f[row], type, bits);
  }
}

Test(small_floats, f16) { expect_all_right(TN_F16); }
Test(small_floats, bf16) { expect_all_right(TN_BF16); }
