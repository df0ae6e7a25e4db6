/* Roots of unity; see roots.h.
 *
 * A table of n sines would cost n calls; two tables of the square root of n entries and a
 * product each cost next to nothing, in long double with bits to spare.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/roots.h"

#include <math.h>

/* The angle is brought into the first eighth of the circle in whole numbers. */
static tn_point exact_root(int64_t k, int64_t n) {
  int64_t quarter = 4 * k / n, rest = 4 * k - quarter * n; /* rest / n of a quarter */
  bool mirrored = 2 * rest > n;
  if (mirrored) rest = n - rest;
  long double angle = 1.57079632679489661923132169163975144L * (long double)rest / (long double)n;
  long double c = cosl(angle), s = sinl(angle);
  tn_point p = mirrored ? (tn_point){s, c} : (tn_point){c, s};
  switch (quarter) {
  case 0: return p;
  case 1: return (tn_point){-p.im, p.re};
  case 2: return (tn_point){-p.re, -p.im};
  }
  return (tn_point){p.im, -p.re};
}

tn_roots tn_roots_of(tn_arena *scratch, int64_t n) {
  tn_roots roots = {.n = n};
  while ((INT64_C(1) << 2 * roots.bits) < n) roots.bits++;
  int64_t n_fine = INT64_C(1) << roots.bits, n_coarse = (n >> roots.bits) + 1;
  tn_point *fine = TN_NEW_ARRAY(scratch, tn_point, n_fine),
           *coarse = TN_NEW_ARRAY(scratch, tn_point, n_coarse);
  for (int64_t i = 0; i < n_fine; i++) fine[i] = exact_root(i % n, n);
  for (int64_t i = 0; i < n_coarse; i++) coarse[i] = exact_root((i << roots.bits) % n, n);
  roots.fine = fine;
  roots.coarse = coarse;
  return roots;
}

tn_point tn_root(const tn_roots *roots, int64_t k) {
  tn_point fine = roots->fine[k & ((INT64_C(1) << roots->bits) - 1)];
  if (k >> roots->bits == 0) return fine;
  return tn_point_times(roots->coarse[k >> roots->bits], fine);
}

static void reverse_bits(tn_point *data, int64_t count) {
  for (int64_t i = 1, j = 0; i < count; i++) {
    int64_t bit = count >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    tn_point swapped = data[i];
    data[i] = data[j];
    data[j] = swapped;
  }
}

void tn_points_transform(tn_arena *scratch, tn_point *data, int64_t count) {
  tn_roots roots = tn_roots_of(scratch, count);
  tn_point *table = TN_NEW_ARRAY(scratch, tn_point, count / 2 + 1);
  for (int64_t i = 0; i < count / 2; i++) {
    table[i] = tn_root(&roots, i);
    table[i].im = -table[i].im;
  }
  reverse_bits(data, count);
  for (int64_t size = 2; size <= count; size *= 2)
    for (int64_t start = 0; start < count; start += size)
      for (int64_t i = 0; i < size / 2; i++) {
        tn_point *a = &data[start + i], *b = a + size / 2;
        tn_point turned = tn_point_times(*b, table[i * (count / size)]), first = *a;
        *a = (tn_point){first.re + turned.re, first.im + turned.im};
        *b = (tn_point){first.re - turned.re, first.im - turned.im};
      }
}
