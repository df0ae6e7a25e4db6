/* Arithmetic on complex numbers whose parts are two arrays, and the small transforms.
 *
 * Sums of complex numbers are two sums, a turn by a quarter is an exchange, so that the
 * transforms of 2 and 4 multiply nothing, that of 8 by the root of a half alone. An odd
 * prime p takes ((p-1)/2)^2 multiplications of each kind:
 *
 *   X[j], X[p-j] = x0 + sum a_k cos(2 pi jk/p)  -+  i sum b_k sin(2 pi jk/p)
 *   with a_k = x_k + x_(p-k), b_k = x_k - x_(p-k)
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fft.h"

static tn_inst *binary(const tn_fft *f, tn_op op, tn_inst *a, tn_inst *b) {
  return tn_make_binary(f->site, op, a, b);
}

static tn_inst *times(const tn_fft *f, tn_inst *a, long double number) {
  return tn_make_by_scalar(f->site, TN_OP_MULTIPLY, a, tn_make_scalar(f->site, f->type, (double)number));
}

tn_parts tn_parts_add(const tn_fft *f, tn_parts a, tn_parts b) {
  return (tn_parts){binary(f, TN_OP_ADD, a.re, b.re), binary(f, TN_OP_ADD, a.im, b.im)};
}

tn_parts tn_parts_subtract(const tn_fft *f, tn_parts a, tn_parts b) {
  return (tn_parts){binary(f, TN_OP_SUBTRACT, a.re, b.re), binary(f, TN_OP_SUBTRACT, a.im, b.im)};
}

static tn_parts multiply(const tn_fft *f, tn_parts a, tn_parts b) {
  tn_inst *re =
      binary(f, TN_OP_SUBTRACT, binary(f, TN_OP_MULTIPLY, a.re, b.re), binary(f, TN_OP_MULTIPLY, a.im, b.im));
  tn_inst *im =
      binary(f, TN_OP_ADD, binary(f, TN_OP_MULTIPLY, a.re, b.im), binary(f, TN_OP_MULTIPLY, a.im, b.re));
  return (tn_parts){re, im};
}

tn_parts tn_parts_scale(const tn_fft *f, tn_parts a, long double scale) {
  if (scale == 1) return a;
  return (tn_parts){times(f, a.re, scale), times(f, a.im, scale)};
}

static void store(tn_type type, void *data, int64_t i, long double value) {
  if (type == TN_F64)
    ((double *)data)[i] = (double)value;
  else
    ((float *)data)[i] = (float)value;
}

tn_inst *tn_fft_constant(const tn_fft *f, const tn_point *points, int64_t count, int which) {
  tn_arena *arena = f->site.comp->module->arena;
  int64_t dims[2] = {2, count};
  bool both = which < 0;
  void *data = tn_arena_alloc_raw(arena, (size_t)(count * (both ? 2 : 1) + 1) * tn_type_bytes(f->type));
  for (int64_t i = 0; i < count; i++) store(f->type, data, i, which == 1 ? points[i].im : points[i].re);
  for (int64_t i = 0; both && i < count; i++) store(f->type, data, count + i, points[i].im);
  return tn_make_array(f->site, tn_shape_array(arena, f->type, both ? 2 : 1, both ? dims : dims + 1), data);
}

tn_parts tn_parts_by_points(const tn_fft *f, tn_parts a, const tn_point *points, int dim) {
  int64_t count = a.re->shape->dims[dim], along = dim;
  tn_inst *re = tn_fft_constant(f, points, count, 0), *im = tn_fft_constant(f, points, count, 1);
  tn_parts spread = {tn_make_broadcast(f->site, re, a.re->shape, &along),
                     tn_make_broadcast(f->site, im, a.re->shape, &along)};
  return multiply(f, a, spread);
}

/* ---- small transforms ---- */

/* By i to the power of 1 for an inverse transform, of -1 for the other. */
static tn_parts turned(const tn_fft *f, tn_parts a) {
  if (f->inverse) return (tn_parts){tn_make_unary(f->site, TN_OP_NEGATE, a.im), a.re};
  return (tn_parts){a.im, tn_make_unary(f->site, TN_OP_NEGATE, a.re)};
}

static void two(const tn_fft *f, tn_parts *a, tn_parts *b) {
  tn_parts sum = tn_parts_add(f, *a, *b);
  *b = tn_parts_subtract(f, *a, *b);
  *a = sum;
}

/* a + t and a - t for t = b turned: without the negation. */
static void two_turned(const tn_fft *f, tn_parts *a, tn_parts *b) {
  tn_op op = f->inverse ? TN_OP_SUBTRACT : TN_OP_ADD, other = f->inverse ? TN_OP_ADD : TN_OP_SUBTRACT;
  tn_parts sum = {binary(f, op, a->re, b->im), binary(f, other, a->im, b->re)};
  *b = (tn_parts){binary(f, other, a->re, b->im), binary(f, op, a->im, b->re)};
  *a = sum;
}

static void four(const tn_fft *f, tn_parts *x) {
  two(f, &x[0], &x[2]);
  two(f, &x[1], &x[3]);
  two(f, &x[0], &x[1]);
  two_turned(f, &x[2], &x[3]);
  tn_parts swapped = x[1]; /* sums: 0 2, differences: 1 3 */
  x[1] = x[2];
  x[2] = swapped;
}

/* By an eighth of the circle: (1 -+ i) sqrt(1/2). */
static tn_parts turned_eighth(const tn_fft *f, tn_parts a) {
  long double half = 0.707106781186547524400844362104849039L;
  tn_op op = f->inverse ? TN_OP_SUBTRACT : TN_OP_ADD, other = f->inverse ? TN_OP_ADD : TN_OP_SUBTRACT;
  return (tn_parts){times(f, binary(f, op, a.re, a.im), half), times(f, binary(f, other, a.im, a.re), half)};
}

static void eight(const tn_fft *f, tn_parts *x) {
  tn_parts even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
  four(f, even);
  four(f, odd);
  odd[1] = turned_eighth(f, odd[1]);
  odd[3] = turned_eighth(f, turned(f, odd[3]));
  for (int i = 0; i < 4; i++) {
    x[i] = even[i];
    x[i + 4] = odd[i];
    if (i == 2)
      two_turned(f, &x[i], &x[i + 4]);
    else
      two(f, &x[i], &x[i + 4]);
  }
}

static void odd_prime(const tn_fft *f, int count, tn_parts *x) {
  int half = (count - 1) / 2;
  tn_roots roots = tn_roots_of(f->scratch, count);
  tn_parts a[32], b[32], first = x[0];
  for (int k = 1; k <= half; k++) {
    a[k] = x[k];
    b[k] = x[count - k];
    two(f, &a[k], &b[k]);
    x[0] = tn_parts_add(f, x[0], a[k]);
  }
  for (int j = 1; j <= half; j++) {
    tn_parts even = first, odd = {0};
    for (int k = 1; k <= half; k++) {
      tn_point root = tn_root(&roots, (int64_t)j * k % count);
      even = tn_parts_add(f, even, tn_parts_scale(f, a[k], root.re));
      tn_parts term = tn_parts_scale(f, b[k], root.im);
      odd = k == 1 ? term : tn_parts_add(f, odd, term);
    }
    x[j] = even;
    x[count - j] = odd;
    two_turned(f, &x[j], &x[count - j]);
  }
}

void tn_parts_butterfly(const tn_fft *f, int count, tn_parts *x) {
  if (count == 2)
    two(f, &x[0], &x[1]);
  else if (count == 4)
    four(f, x);
  else if (count == 8)
    eight(f, x);
  else
    odd_prime(f, count, x);
}
