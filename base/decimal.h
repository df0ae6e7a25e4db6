/* Inside base: powers of ten for decimal_parse.c and decimal_print.c.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_DECIMAL_H
#define TN_BASE_DECIMAL_H

#include "base/float_format.h"

/* The leading 128 bits of 5^q, truncated: 2^127 <= high:low <= 5^q * 2^s < high:low + 1. */
typedef struct {
  uint64_t high, low;
} tn_power;

enum { TN_POWER_FIRST = -342, TN_POWER_LAST = 324 };

tn_power tn_power_of_five(int q);

/* Whether tn_power_of_five(q) is 5^q itself. */
static inline bool tn_power_is_exact(int q) { return q >= 0 && q <= 55; }

/* floor(log2(10^q)) for |q| <= 1233: 1741647 / 2^19 = log2(10) + 3e-7. */
static inline int tn_log2_of_power(int q) { return (int)(((int64_t)q * 1741647) >> 19); }

#endif
