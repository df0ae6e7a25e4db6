/* Roots of unity, and what is made of them at compile time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_ROOTS_H
#define TN_PASSES_ROOTS_H

#include "base/arena.h"

typedef struct {
  long double re, im;
} tn_point;

/* e^(2 pi i k / n) for any k of 0 <= k < n as a product of two table entries; error below 2^-62. */
typedef struct {
  int64_t n;
  int bits; /* of k that the second table has */
  const tn_point *coarse, *fine;
} tn_roots;

tn_roots tn_roots_of(tn_arena *scratch, int64_t n);
tn_point tn_root(const tn_roots *roots, int64_t k);

static inline tn_point tn_point_times(tn_point a, tn_point b) {
  return (tn_point){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* The discrete Fourier transform of `data`, in place; count is a power of two. */
void tn_points_transform(tn_arena *scratch, tn_point *data, int64_t count);

#endif
