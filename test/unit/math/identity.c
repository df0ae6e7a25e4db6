/* A lane's bits do not depend on the width, the instruction set or where fma comes from.
 *
 * Operands of every row are drawn as bits, with the special values of their type among
 * them; each variant's lanes are compared with the interpreter's function.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/lanes.h"
#include "test/unit/math/operands.h"

#include <criterion/criterion.h>

/* What the interpreter falls back to where the CPU has no fma. */
extern tn_math_call *const tn_math_calls_fused_anywhere[];

static void compare_row(const tn_math_function *f, int row, const lanes_variant *v, uint64_t *state) {
  unsigned char x[TEST_LANES * 16], y[TEST_LANES * 16], lanes[TEST_LANES * 8], one[8];
  size_t in = tn_type_bytes(f->operand), out = tn_type_bytes(f->result);
  for (int i = 0; i < 2 * TEST_LANES; i++) {
    operands_draw(f->operand, state, x + (size_t)i * in);
    operands_draw(f->operand, state, y + (size_t)i * in);
  }
  lanes_call(v, row, lanes, x, y);
  for (int i = 0; i < TEST_LANES; i++) {
    lanes_scalar(f, tn_math_scalar(f, v->fma), v->width, i, one, x, y);
    cr_assert(operands_same(f->result, one, lanes + (size_t)i * out), "%s: %s lane %d", v->name, f->symbol,
              i);
    if (!v->fma) continue;
    lanes_scalar(f, tn_math_calls_fused_anywhere[row], v->width, i, one, x, y);
    cr_assert(operands_same(f->result, one, lanes + (size_t)i * out), "fma of the C library: %s lane %d",
              f->symbol, i);
  }
}

Test(identity, every_variant_gives_the_interpreters_bits) {
  int variants;
  const lanes_variant *v = lanes_variants(&variants);
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  uint64_t state = 7;
  for (int i = 0; i < variants; i++)
    for (size_t row = 0; row < count; row++)
      for (int round = 0; round < 500; round++) compare_row(&f[row], (int)row, &v[i], &state);
}
