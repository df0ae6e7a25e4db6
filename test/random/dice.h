/* Random choices: SplitMix64, so that a program is its seed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_RANDOM_DICE_H
#define TN_TEST_RANDOM_DICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  uint64_t state;
} dice;

static inline uint64_t draw(dice *d) {
  uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* 0 <= result < n */
static inline int roll(dice *d, int n) { return (int)(draw(d) % (uint64_t)n); }
static inline bool chance(dice *d, int percent) { return roll(d, 100) < percent; }
/* low <= result <= high */
static inline int64_t between(dice *d, int64_t low, int64_t high) {
  return low + (int64_t)(draw(d) % (uint64_t)(high - low + 1));
}

#endif
