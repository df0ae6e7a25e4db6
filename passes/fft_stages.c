/* The transform of one dim: Stockham's stages, and Bluestein's way for large primes.
 *
 * With n = r m left to transform and s done, a stage of radix r reads and writes
 *
 *   x[outer, k:r, p:m, q:s, inner]   y[outer, p:m, j:r, q:s, inner]
 *   y[p, j, q] = w_n^(jp) sum over k of w_r^(jk) x[k, p, q]
 *
 * so that after the last one the results lie in order, and no stage permutes anything.
 * Each is elementwise work on r slices whose results are put side by side: one kernel.
 * Between stages real and imaginary parts are planes of one array: all accesses of a
 * stage but the first are contiguous along q.
 *
 * A prime factor of 11 to 61 is a product with its matrix. With a larger one, the whole
 * transform becomes a convolution (Bluestein, 1970): jk = (j^2 + k^2 - (j-k)^2) / 2, with
 * two transforms of a power of two.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fft.h"

enum { LARGEST_MATRIX = 61, MOST_FACTORS = 64 };

/* ---- reading and writing the forms ---- */

/* Dims of what one stage reads: k of r, p of m; q and inner joined. */
typedef struct {
  int64_t outer, r, m, rest; /* rest = s * inner */
} split;

static tn_inst *box(const tn_fft *f, tn_inst *array, const int64_t *starts, const int64_t *sizes) {
  int rank = array->shape->rank;
  for (int d = 0; d < rank; d++) array = tn_make_slice(f->site, array, d, starts[d], starts[d] + sizes[d], 1);
  return array;
}

/* x seen as the stage reads it: one array, whose slices are the parts. */
static tn_signal viewed(const tn_fft *f, tn_signal x, const split *s) {
  int64_t dims[5] = {2, s->outer, s->r, s->m, s->rest}, pairs[5] = {s->outer, s->r, s->m, 2, s->rest};
  bool one = x.form == TN_FFT_COMPLEX || x.form == TN_FFT_REAL;
  const int64_t *at = x.form == TN_FFT_PAIRS ? pairs : one ? dims + 1 : dims;
  return (tn_signal){tn_make_reshape(f->site, x.array, one ? 4 : 5, at), x.form};
}

/* The real (0) or imaginary (1) parts of x[outer, k, m, rest], which is viewed: [outer, m, rest]. */
static tn_inst *part(const tn_fft *f, tn_signal x, const split *s, int64_t k, int which) {
  tn_site site = f->site;
  int64_t starts[5] = {which, 0, k, 0, 0}, sizes[5] = {1, s->outer, 1, s->m, s->rest};
  int64_t pair_starts[5] = {0, k, 0, which, 0}, pair_sizes[5] = {s->outer, 1, s->m, 1, s->rest};
  tn_inst *piece = NULL;
  switch (x.form) {
  case TN_FFT_COMPLEX:
  case TN_FFT_REAL: piece = box(f, x.array, starts + 1, sizes + 1); break;
  case TN_FFT_PLANES: piece = box(f, x.array, starts, sizes); break;
  case TN_FFT_PAIRS: piece = box(f, x.array, pair_starts, pair_sizes); break;
  }
  if (x.form == TN_FFT_COMPLEX) piece = tn_make_unary(site, which ? TN_OP_IMAG : TN_OP_REAL, piece);
  if (x.form == TN_FFT_REAL && which)
    piece = tn_make_spread(site, tn_make_scalar(site, f->type, 0), piece->shape);
  return tn_make_reshape(site, piece, 3, (int64_t[]){s->outer, s->m, s->rest});
}

static tn_parts parts_at(const tn_fft *f, tn_signal x, const split *s, int64_t k) {
  tn_inst *re = part(f, x, s, k, 0);
  return (tn_parts){re, part(f, x, s, k, 1)};
}

tn_parts tn_fft_parts(const tn_fft *f, tn_signal x, const tn_fft_dim *dim) {
  split whole = {dim->outer, 1, dim->length, dim->inner};
  return parts_at(f, viewed(f, x, &whole), &whole, 0);
}

/* `count` pieces of [outer, m, rest] side by side: [outer, m, count, rest]. */
static tn_inst *side_by_side(const tn_fft *f, int count, tn_inst *const *pieces) {
  return tn_make_stack(f->site, 2, count, pieces);
}

static tn_inst *join_planes(const tn_fft *f, int count, const tn_parts *y) {
  tn_inst *planes[2], *pieces[MOST_FACTORS];
  for (int which = 0; which < 2; which++) {
    for (int j = 0; j < count; j++) pieces[j] = which ? y[j].im : y[j].re;
    planes[which] = side_by_side(f, count, pieces);
  }
  return tn_make_stack(f->site, 0, 2, planes);
}

/* Behind the last stage: m is 1, and rest is s * inner. */
static tn_inst *join_pairs(const tn_fft *f, int count, const tn_parts *y, const tn_fft_dim *dim) {
  tn_inst *pieces[MOST_FACTORS];
  int64_t dims[4] = {dim->outer, 1, dim->length / count, dim->inner};
  for (int j = 0; j < count; j++) {
    tn_inst *both[2] = {tn_make_reshape(f->site, y[j].re, 4, dims),
                        tn_make_reshape(f->site, y[j].im, 4, dims)};
    pieces[j] = tn_make_stack(f->site, 3, 2, both);
  }
  return tn_make_concatenate(f->site, 1, count, pieces);
}

/* The r results of a stage; `dim` has the form and the dims of all. */
static tn_signal join(const tn_fft *f, int count, const tn_parts *y, const tn_fft_dim *dim,
                      tn_fft_form form) {
  tn_site site = f->site;
  tn_inst *pieces[MOST_FACTORS], *array = NULL;
  int64_t dims[5] = {2, dim->outer, dim->length, dim->inner};
  switch (form) {
  case TN_FFT_COMPLEX:
    for (int j = 0; j < count; j++) pieces[j] = tn_make_complex(site, y[j].re, y[j].im);
    array = tn_make_reshape(site, side_by_side(f, count, pieces), 3, dims + 1);
    break;
  case TN_FFT_REAL:
    for (int j = 0; j < count; j++) pieces[j] = y[j].re;
    array = tn_make_reshape(site, side_by_side(f, count, pieces), 3, dims + 1);
    break;
  case TN_FFT_PLANES: array = tn_make_reshape(site, join_planes(f, count, y), 4, dims); break;
  case TN_FFT_PAIRS:
    array = tn_make_reshape(site, join_pairs(f, count, y, dim), 4, (int64_t[]){dims[1], dims[2], 2, dims[3]});
    break;
  }
  return (tn_signal){array, form};
}

tn_signal tn_fft_join(const tn_fft *f, tn_parts x, const tn_fft_dim *dim) {
  int64_t dims[3] = {dim->outer, 1, dim->length * dim->inner};
  tn_parts y = {tn_make_reshape(f->site, x.re, 3, dims), tn_make_reshape(f->site, x.im, 3, dims)};
  return join(f, 1, &y, dim, dim->form);
}

/* ---- stages ---- */

/* w_n^(jp) for p of 0 <= p < m, conjugate unless inverse. */
static tn_point *twiddles(const tn_fft *f, const tn_roots *roots, int64_t j, int64_t m) {
  tn_point *points = TN_NEW_ARRAY(f->scratch, tn_point, m);
  int64_t at = 0;
  for (int64_t p = 0; p < m; p++) {
    points[p] = tn_root(roots, at);
    if (!f->inverse) points[p].im = -points[p].im;
    at += j;
    if (at >= roots->n) at -= roots->n;
  }
  return points;
}

static void butterfly_stage(const tn_fft *f, tn_signal x, const split *s, tn_parts *y) {
  x = viewed(f, x, s);
  for (int64_t k = 0; k < s->r; k++) y[k] = parts_at(f, x, s, k);
  tn_parts_butterfly(f, (int)s->r, y);
  tn_roots roots = tn_roots_of(f->scratch, s->r * s->m);
  for (int64_t j = 1; j < s->r && s->m > 1; j++)
    y[j] = tn_parts_by_points(f, y[j], twiddles(f, &roots, j, s->m), 1);
}

/* The matrix of r points on real and imaginary parts: [2, r] x [2, r]. */
static tn_inst *matrix_of(const tn_fft *f, int64_t r) {
  tn_roots roots = tn_roots_of(f->scratch, r);
  tn_point *points = TN_NEW_ARRAY(f->scratch, tn_point, 4 * r * r);
  for (int64_t row = 0; row < 2 * r; row++)
    for (int64_t column = 0; column < 2 * r; column++) {
      tn_point root = tn_root(&roots, row % r * (column % r) % r);
      long double sine = f->inverse ? root.im : -root.im;
      bool imaginary = row >= r, from_imaginary = column >= r;
      long double value = imaginary == from_imaginary ? root.re : imaginary ? sine : -sine;
      points[row * 2 * r + column].re = value;
    }
  tn_inst *flat = tn_fft_constant(f, points, 4 * r * r, 0);
  return tn_make_reshape(f->site, flat, 4, (int64_t[]){2, r, 2, r});
}

/* All r results at once: a dot gives [2, r, outer, m, rest]. */
static void matrix_stage(const tn_fft *f, tn_signal x, const split *s, tn_parts *y) {
  tn_site site = f->site;
  if (x.form != TN_FFT_PLANES) {
    tn_fft_dim dim = {s->outer, s->r * s->m, s->rest, 1, TN_FFT_PLANES};
    x = tn_fft_join(f, tn_fft_parts(f, x, &dim), &dim);
  }
  tn_inst *planes = tn_make_reshape(site, x.array, 5, (int64_t[]){2, s->outer, s->r, s->m, s->rest});
  const int64_t left[2] = {2, 3}, right[2] = {0, 2};
  tn_inst *sides[2] = {matrix_of(f, s->r), planes};
  tn_dot_side dims_of[2] = {{.contracting = {left, 2}}, {.contracting = {right, 2}}};
  tn_inst *all = tn_make_dot(site, f->type, sides, dims_of);
  tn_roots roots = tn_roots_of(f->scratch, s->r * s->m);
  int64_t dims[3] = {s->outer, s->m, s->rest};
  for (int64_t j = 0; j < s->r; j++) {
    int64_t starts[5] = {0, j, 0, 0, 0}, sizes[5] = {1, 1, s->outer, s->m, s->rest};
    y[j].re = tn_make_reshape(site, box(f, all, starts, sizes), 3, dims);
    starts[0] = 1;
    y[j].im = tn_make_reshape(site, box(f, all, starts, sizes), 3, dims);
    if (j && s->m > 1) y[j] = tn_parts_by_points(f, y[j], twiddles(f, &roots, j, s->m), 1);
  }
}

static tn_signal run_stages(const tn_fft *f, tn_signal x, tn_fft_dim dim, const int64_t *radices, int count) {
  split s = {.outer = dim.outer, .m = dim.length, .rest = dim.inner};
  for (int i = 0; i < count; i++) {
    tn_parts y[MOST_FACTORS];
    bool last = i == count - 1;
    s.r = radices[i];
    s.m /= s.r;
    (s.r <= 8 ? butterfly_stage : matrix_stage)(f, x, &s, y);
    for (int64_t j = 0; last && j < s.r; j++) y[j] = tn_parts_scale(f, y[j], dim.scale);
    x = join(f, (int)s.r, y, &dim, last ? dim.form : TN_FFT_PLANES);
    s.rest *= s.r;
  }
  return x;
}

/* ---- which way ---- */

/* Large radices make few passes over memory; 0: a prime factor is too large. */
static int radices_of(int64_t n, int64_t *radices) {
  int count = 0;
  while (n % 8 == 0) radices[count++] = 8, n /= 8;
  if (n % 4 == 0) radices[count++] = 4, n /= 4;
  if (n % 2 == 0) radices[count++] = 2, n /= 2;
  for (int64_t p = 3; p <= LARGEST_MATRIX && n > 1; p += 2)
    while (n % p == 0) radices[count++] = p, n /= p;
  return n == 1 ? count : 0;
}

/* e^(-+ pi i k^2 / n) for k < n. */
static tn_point *chirp_of(const tn_fft *f, int64_t n) {
  tn_roots roots = tn_roots_of(f->scratch, 2 * n);
  tn_point *chirp = TN_NEW_ARRAY(f->scratch, tn_point, n);
  int64_t square = 0; /* k^2 mod 2n */
  for (int64_t k = 0; k < n; k++) {
    chirp[k] = tn_root(&roots, square);
    if (!f->inverse) chirp[k].im = -chirp[k].im;
    square = (square + 2 * k + 1) % (2 * n);
  }
  return chirp;
}

/* The spectrum of the conjugate chirp, which goes both ways from 0, over `size`. */
static tn_point *chirp_spectrum(const tn_fft *f, const tn_point *chirp, int64_t n, int64_t size) {
  tn_point *points = TN_NEW_ARRAY(f->scratch, tn_point, size);
  for (int64_t k = 0; k < n; k++) {
    tn_point conjugate = {chirp[k].re / (long double)size, -chirp[k].im / (long double)size};
    points[k] = conjugate;
    if (k) points[size - k] = conjugate;
  }
  tn_points_transform(f->scratch, points, size);
  return points;
}

static tn_parts padded(const tn_fft *f, tn_parts x, int64_t more) {
  tn_inst *zero = tn_make_scalar(f->site, f->type, 0);
  tn_inst *re = tn_make_pad(f->site, x.re, zero, 1, 0, more);
  return (tn_parts){re, tn_make_pad(f->site, x.im, zero, 1, 0, more)};
}

static tn_signal convolve(const tn_fft *f, tn_signal x, tn_fft_dim dim) {
  int64_t n = dim.length, size = 1;
  while (size < 2 * n - 1) size *= 2;
  tn_point *chirp = chirp_of(f, n);
  tn_fft_dim larger = {dim.outer, size, dim.inner, 1, TN_FFT_PLANES};
  tn_fft forward = *f, backward = *f;
  forward.inverse = false;
  backward.inverse = true;
  tn_parts turned = tn_parts_by_points(f, tn_fft_parts(f, x, &dim), chirp, 1);
  tn_signal spectrum =
      tn_fft_transform(&forward, tn_fft_join(f, padded(f, turned, size - n), &larger), larger);
  tn_parts product =
      tn_parts_by_points(f, tn_fft_parts(f, spectrum, &larger), chirp_spectrum(f, chirp, n, size), 1);
  tn_parts sums =
      tn_fft_parts(f, tn_fft_transform(&backward, tn_fft_join(f, product, &larger), larger), &larger);
  sums.re = tn_make_slice(f->site, sums.re, 1, 0, n, 1);
  sums.im = tn_make_slice(f->site, sums.im, 1, 0, n, 1);
  return tn_fft_join(f, tn_parts_scale(f, tn_parts_by_points(f, sums, chirp, 1), dim.scale), &dim);
}

tn_signal tn_fft_transform(const tn_fft *f, tn_signal x, tn_fft_dim dim) {
  int64_t radices[MOST_FACTORS];
  if (dim.length == 1) return tn_fft_join(f, tn_parts_scale(f, tn_fft_parts(f, x, &dim), dim.scale), &dim);
  int count = radices_of(dim.length, radices);
  return count ? run_stages(f, x, dim, radices, count) : convolve(f, x, dim);
}
