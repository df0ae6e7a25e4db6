/* Integer arithmetic that C lacks.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_INTEGER_H
#define TN_BASE_INTEGER_H

#include <stdint.h>

/* Rounded towards minus infinity, and what is left: 0 <= tn_floor_mod < b. b > 0. */
static inline int64_t tn_floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static inline int64_t tn_floor_mod(int64_t a, int64_t b) { return a - b * tn_floor_div(a, b); }

static inline int64_t tn_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t tn_largest(int64_t a, int64_t b) { return a > b ? a : b; }

/* Not negative; of 0 and b: |b|. */
static inline int64_t tn_gcd(int64_t a, int64_t b) {
  a = a < 0 ? -a : a;
  b = b < 0 ? -b : b;
  while (b) {
    int64_t r = a % b;
    a = b;
    b = r;
  }
  return a;
}

/* The lowest `count` bytes of a number, 8 at most, as streams have them: the lowest first. */
static inline void tn_put_little(char *to, uint64_t bits, int count) {
  for (int b = 0; b < count; b++) to[b] = (char)(bits >> 8 * b);
}
static inline uint64_t tn_take_little(const char *from, int count) {
  uint64_t bits = 0;
  for (int b = 0; b < count; b++) bits |= (uint64_t)(unsigned char)from[b] << 8 * b;
  return bits;
}

#endif
