/* Operands of any type for tests that compare bits, and the comparison.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_MATH_OPERANDS_H
#define TN_TEST_MATH_OPERANDS_H

#include "base/type.h"

/* 32 pseudo-random bits. */
uint64_t operands_next(uint64_t *state);

/* One operand of the type: any bits, moderate numbers, or something special. */
void operands_draw(tn_type type, uint64_t *state, void *element);

/* A double for measuring errors: any bits, moderate ones, next to multiples of pi/4, to 1 and
 * to where formulas change, or of few bits, so that exact cases occur.                  */
double operands_draw_f64(uint64_t *state);

/* The same bits, or both NaN. */
bool operands_same(tn_type type, const void *a, const void *b);

#endif
