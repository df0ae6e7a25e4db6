/* What the functions of base/math are measured against.
 *
 * Two oracles: the C library in a wider type, quick enough for every float, and MPFR in 200
 * bits, which has the last word: whatever the quick one calls the worst is measured
 * again.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_MATH_REFERENCE_H
#define TN_TEST_MATH_REFERENCE_H

#include "base/float_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *opcode;
  double (*unary)(double x); /* one of the two is NULL */
  double (*binary)(double x, double y);
  long double (*unary_f64)(long double x); /* the same for f64 */
  long double (*binary_f64)(long double x, long double y);
  int exact; /* what reference_exact computes */
} reference;

/* NULL if nothing is known of the opcode. */
const reference *reference_find(const char *opcode);

/* |result - f(x, y)| in units in the last place of f(x, y) as a float; 0 if both are NaN
 * or the same infinity, infinity if only one of them is. `quick` is by the C library.   */
double reference_quick_error(const reference *r, float x, float y, float result);
double reference_exact_error(const reference *r, float x, float y, float result);

/* The same for f64; `quick` is by the C library's functions of 64 bits of fraction. */
double reference_quick_error_f64(const reference *r, double x, double y, double result);
double reference_exact_error_f64(const reference *r, double x, double y, double result);

#endif
