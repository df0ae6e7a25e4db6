/* base/math compiled for several widths and instruction sets, as functions over memory.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_MATH_LANES_H
#define TN_TEST_MATH_LANES_H

#include "base/math/math.h"

enum { TEST_LANES = 16 };

typedef struct {
  const char *name;
  int width;
  bool fma;
  tn_math_call *const *calls; /* by row of tn_math_functions(); on `width` elements at a time */
} lanes_variant;

/* The variants that this CPU can execute. */
const lanes_variant *lanes_variants(int *count);

/* f on 16 elements, with the widest variant that there is (fma as told). Functions of four
 * numbers find `width` and `width` of them at x, and so at y, as often as need be.         */
void lanes_call(const lanes_variant *variant, int row, void *result, const void *x, const void *y);

/* The i-th of those elements alone, operands lying as for lanes_call. */
void lanes_scalar(const tn_math_function *f, tn_math_call *call, int width, int i, void *result,
                  const void *x, const void *y);

/* The widest variant with or without fma. */
const lanes_variant *lanes_widest(bool fma);

#endif
