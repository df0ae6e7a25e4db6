/* Fourier transforms as real arithmetic: the parts of the pass (fft_expansion.c says what it does).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_FFT_H
#define TN_PASSES_FFT_H

#include "passes/make.h"
#include "passes/roots.h"

/* Complex numbers [outer, length, inner] as they lie in one array. */
typedef enum {
  TN_FFT_COMPLEX, /* c64[outer, length, inner] */
  TN_FFT_PLANES,  /* f32[2, outer, length, inner]: real parts, imaginary parts */
  TN_FFT_PAIRS,   /* f32[outer, length, 2, inner]: neighbours are parts of one number */
  TN_FFT_REAL     /* f32[outer, length, inner]: no imaginary parts */
} tn_fft_form;

typedef struct {
  tn_inst *array;
  tn_fft_form form;
} tn_signal;

typedef struct {
  tn_inst *re, *im;
} tn_parts;

typedef struct {
  tn_site site;
  tn_arena *scratch;
  tn_type type; /* of the parts */
  bool inverse;
} tn_fft;

/* How one dim is transformed. */
typedef struct {
  int64_t outer, length, inner;
  long double scale; /* of the results */
  tn_fft_form form;  /* of the results */
} tn_fft_dim;

/* ---- fft_stages.c ---- */
/* The transform along the dim. */
tn_signal tn_fft_transform(const tn_fft *f, tn_signal x, tn_fft_dim dim);
/* The parts of all of x: [outer, length, inner]. */
tn_parts tn_fft_parts(const tn_fft *f, tn_signal x, const tn_fft_dim *dim);
tn_signal tn_fft_join(const tn_fft *f, tn_parts x, const tn_fft_dim *dim);

/* ---- fft_parts.c: arithmetic on pairs of arrays of one shape ---- */
tn_parts tn_parts_add(const tn_fft *f, tn_parts a, tn_parts b);
tn_parts tn_parts_subtract(const tn_fft *f, tn_parts a, tn_parts b);
tn_parts tn_parts_scale(const tn_fft *f, tn_parts a, long double scale);
/* By numbers known now, which lie along `dim`. */
tn_parts tn_parts_by_points(const tn_fft *f, tn_parts a, const tn_point *points, int dim);
/* The transform of `count` numbers, count one of 2, 3, 4, 5, 7, 8, in place. */
void tn_parts_butterfly(const tn_fft *f, int count, tn_parts *x);
/* Constants of f->type: real (0) or imaginary (1) parts, or both one behind the other (-1). */
tn_inst *tn_fft_constant(const tn_fft *f, const tn_point *points, int64_t count, int which);

#endif
