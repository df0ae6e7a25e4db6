/* Functions of complex numbers, each as two that give one part: f_real(a, b), f_imag(a, b)
 * of f(a + bi).
 *
 * c64 is computed in f64, whose range holds every product and square of f32 without
 * overflow, and whose 29 spare bits leave room for what cancels.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_COMPLEX_H
#define TN_BASE_MATH_COMPLEX_H

#include "base/math/lanes.h"

/* An infinite part makes the modulus infinite, even beside NaN. */
INLINE vf32 abs_real_f32(vf32 a, vf32 b) {
  vf64 x = widen(a), y = widen(b);
  vf32 y_ = narrow(__builtin_elementwise_sqrt(x * x + y * y));
  return pick((magnitude(a) == INFINITE) | (magnitude(b) == INFINITE), (vf32)(INFINITE), y_);
}

#endif
