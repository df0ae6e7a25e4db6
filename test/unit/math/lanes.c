/* See lanes.h. CMakeLists.txt compiles the variants of VARIANTS.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/lanes.h"

#include <string.h>

/* name, width, fma, what the CPU must have; the wider ones last */
#define VARIANTS(V)                                                                                          \
  V(w4_v1, 4, false, "sse2")                                                                                 \
  V(w8_v2, 8, false, "sse4.2")                                                                               \
  V(w16_v3, 16, false, "avx2")                                                                               \
  V(w16_v4, 16, false, "avx512dq")                                                                           \
  V(w1_v3_fma, 1, true, "fma")                                                                               \
  V(w4_v3_fma, 4, true, "fma")                                                                               \
  V(w8_v3_fma, 8, true, "fma")                                                                               \
  V(w4_v4_fma, 4, true, "avx512dq")                                                                          \
  V(w16_v4_fma, 16, true, "avx512dq")

#define DECLARE(variant, width, fma, feature) extern tn_math_call *const tn_math_calls_##variant[];
VARIANTS(DECLARE)

const lanes_variant *lanes_variants(int *count) {
  static lanes_variant found[16];
  int n = 0;
#define FIND(variant, width, fma, feature)                                                                   \
  if (__builtin_cpu_supports(feature))                                                                       \
    found[n++] = (lanes_variant){#variant, width, fma, tn_math_calls_##variant};
  VARIANTS(FIND)
  *count = n;
  return found;
}

void lanes_call(const lanes_variant *variant, int row, void *result, const void *x, const void *y) {
  size_t count;
  const tn_math_function *f = &tn_math_functions(&count)[row];
  size_t in = tn_type_bytes(f->operand) * (size_t)variant->width * (f->arity > 2 ? 2 : 1);
  size_t out = tn_type_bytes(f->result) * (size_t)variant->width;
  for (int i = 0; i < TEST_LANES / variant->width; i++)
    variant->calls[row]((char *)result + i * out, (const char *)x + i * in,
                        y ? (const char *)y + i * in : NULL);
}

void lanes_scalar(const tn_math_function *f, tn_math_call *call, int width, int i, void *result,
                  const void *x, const void *y) {
  size_t bytes = tn_type_bytes(f->operand);
  const char *from[2] = {x, y};
  char operands[2][16];
  size_t numbers = f->arity > 2 ? 2 : 1, group = (size_t)(i / width), lane = (size_t)(i % width);
  for (int k = 0; k < 2; k++)
    for (size_t n = 0; n < numbers; n++)
      memcpy(operands[k] + n * bytes, from[k] + ((group * numbers + n) * (size_t)width + lane) * bytes,
             bytes);
  call(result, operands[0], operands[1]);
}

const lanes_variant *lanes_widest(bool fma) {
  int count;
  const lanes_variant *all = lanes_variants(&count);
  for (int i = count - 1; i >= 0; i--)
    if (all[i].fma == fma) return &all[i];
  return NULL;
}
