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

/* The same bits, or both NaN. */
bool operands_same(tn_type type, const void *a, const void *b);

#endif
