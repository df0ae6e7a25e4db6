/* Exact results of functions of complex numbers, by MPFR.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_MATH_COMPLEX_REFERENCE_H
#define TN_TEST_MATH_COMPLEX_REFERENCE_H

#include "base/type.h"

typedef struct {
  double exact[2];
  double parts[2]; /* in units in the last place of each part */
  double size;     /* of the worse part, in those of the modulus */
} complex_errors;

/* Of `result` for one or two operands whose parts have `type`; false if there is no such
 * function. Results that are infinite where the exact one is beyond all numbers are right. */
bool complex_reference_errors(const char *opcode, tn_type type, const double operands[4],
                              const double result[2], complex_errors *errors);

#endif
