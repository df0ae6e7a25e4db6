/* Fourier transforms as stages of elementwise arithmetic on real and imaginary parts.
 *
 *   y = c64[16] fft(x), fft_type=FFT, fft_length={16}
 *  =>
 *   x as [8,2]; r0, i0 … r7, i7 = f32[2]: real and imaginary parts of its rows
 *   the transform of 8 numbers, each result but the first times its root of unity
 *   z = f32[2, 2,8]: real parts, imaginary parts
 *   z as [2, 2,1,8]; the transform of 2 numbers
 *   y = c64[2,8] of their parts
 *
 * fft_stages.c says how one dim is transformed, in O(n log n) for any n. Several dims
 * follow each other, the last one first where its data are real, last where its results
 * are. A real transform of even length n is a complex one of n/2 with even elements as
 * real, odd ones as imaginary parts, and then (w = e^(-2 pi i / n), h = n/2)
 *
 *   X[k] = E + w^k O,  E = (Z[k] + conj Z[h-k]) / 2,  O = (Z[k] - conj Z[h-k]) / 2i
 *
 * backwards Z[k] = E + i O from the same equations. Imaginary parts that a real signal
 * cannot have (X[0], X[h]) do not count. Odd lengths are transformed as complex ones.
 *
 * Keeps: values within a few roundings a stage. Roots of unity are exact to the last bit.
 * Cost: O(log n) instructions, O(n) constants.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fft.h"
#include "passes/rewrite.h"

/* ---- real signals ---- */

/* w_n^k for 0 <= k < count; conjugate unless inverse. */
static tn_point *roots_from_0(const tn_fft *f, int64_t n, int64_t count) {
  tn_roots roots = tn_roots_of(f->scratch, n);
  tn_point *points = TN_NEW_ARRAY(f->scratch, tn_point, count);
  for (int64_t k = 0; k < count; k++) {
    points[k] = tn_root(&roots, k);
    if (!f->inverse) points[k].im = -points[k].im;
  }
  return points;
}

/* conj x[last - k] */
static tn_parts mirrored(const tn_fft *f, tn_parts x) {
  tn_inst *re = tn_make_reverse(f->site, x.re, 1);
  return (tn_parts){re, tn_make_unary(f->site, TN_OP_NEGATE, tn_make_reverse(f->site, x.im, 1))};
}

/* By i (1) or -i (-1). */
static tn_parts turned(const tn_fft *f, tn_parts x, int sign) {
  if (sign > 0) return (tn_parts){tn_make_unary(f->site, TN_OP_NEGATE, x.im), x.re};
  return (tn_parts){x.im, tn_make_unary(f->site, TN_OP_NEGATE, x.re)};
}

/* x, and its first element behind it. */
static tn_inst *closed(const tn_fft *f, tn_inst *x) {
  tn_inst *parts[2] = {x, tn_make_slice(f->site, x, 1, 0, 1, 1)};
  return tn_make_concatenate(f->site, 1, 2, parts);
}

/* [outer, n] real numbers -> [outer, n/2+1] complex ones. */
static tn_signal real_to_half(const tn_fft *f, tn_inst *x, tn_fft_dim dim) {
  int64_t n = dim.length, h = n / 2;
  tn_fft_dim half = dim;
  half.length = h + 1;
  if (n % 2) {
    dim.form = TN_FFT_PLANES;
    tn_signal whole = tn_fft_transform(f, (tn_signal){x, TN_FFT_REAL}, dim);
    tn_parts all = tn_fft_parts(f, whole, &dim);
    all.re = tn_make_slice(f->site, all.re, 1, 0, h + 1, 1);
    all.im = tn_make_slice(f->site, all.im, 1, 0, h + 1, 1);
    return tn_fft_join(f, all, &half);
  }
  dim.length = h;
  dim.form = TN_FFT_PLANES;
  tn_parts z = tn_fft_parts(f, tn_fft_transform(f, (tn_signal){x, TN_FFT_PAIRS}, dim), &dim);
  z = (tn_parts){closed(f, z.re), closed(f, z.im)};
  tn_parts other = mirrored(f, z);
  tn_parts even = tn_parts_scale(f, tn_parts_add(f, z, other), 0.5L);
  tn_parts odd = turned(f, tn_parts_scale(f, tn_parts_subtract(f, z, other), 0.5L), -1);
  odd = tn_parts_by_points(f, odd, roots_from_0(f, n, h + 1), 1);
  return tn_fft_join(f, tn_parts_add(f, even, odd), &half);
}

/* Where the spectrum of n real numbers is real, its imaginary parts are taken for 0. */
static tn_parts half_spectrum(const tn_fft *f, tn_signal x, int64_t n, const tn_fft_dim *half) {
  tn_parts parts = tn_fft_parts(f, x, half);
  int64_t count = half->length, along = 1;
  tn_arena *arena = f->site.comp->module->arena;
  bool *counts = TN_NEW_ARRAY(arena, bool, count);
  for (int64_t k = 0; k < count; k++) counts[k] = k && 2 * k != n;
  tn_inst *mask = tn_make_array(f->site, tn_shape_array(arena, TN_PRED, 1, &count), counts);
  mask = tn_make_broadcast(f->site, mask, parts.im->shape, &along);
  tn_inst *zero = tn_make_spread(f->site, tn_make_scalar(f->site, f->type, 0), parts.im->shape);
  parts.im = tn_make_select(f->site, mask, parts.im, zero);
  return parts;
}

/* [outer, n/2+1] complex numbers -> [outer, n] real ones; dim has n. */
static tn_inst *half_to_real(const tn_fft *f, tn_signal x, tn_fft_dim dim) {
  int64_t n = dim.length, h = n / 2;
  tn_fft_dim half = dim;
  half.length = h + 1;
  tn_parts given = half_spectrum(f, x, n, &half);
  if (n % 2) {
    tn_parts rest = {tn_make_slice(f->site, given.re, 1, 1, h + 1, 1),
                     tn_make_slice(f->site, given.im, 1, 1, h + 1, 1)};
    if (h) {
      rest = mirrored(f, rest);
      given.re = tn_make_concatenate(f->site, 1, 2, (tn_inst *[]){given.re, rest.re});
      given.im = tn_make_concatenate(f->site, 1, 2, (tn_inst *[]){given.im, rest.im});
    }
    dim.form = TN_FFT_PLANES;
    tn_signal whole = tn_fft_join(f, given, &dim);
    dim.form = TN_FFT_REAL;
    return tn_fft_transform(f, whole, dim).array;
  }
  tn_parts other = mirrored(f, given);
  tn_parts even = tn_parts_scale(f, tn_parts_add(f, given, other), 0.5L);
  tn_parts odd = tn_parts_scale(f, tn_parts_subtract(f, given, other), 0.5L);
  odd = turned(f, tn_parts_by_points(f, odd, roots_from_0(f, n, h + 1), 1), 1);
  tn_parts z = tn_parts_add(f, even, odd);
  z = (tn_parts){tn_make_slice(f->site, z.re, 1, 0, h, 1), tn_make_slice(f->site, z.im, 1, 0, h, 1)};
  dim.length = h;
  dim.form = TN_FFT_PLANES;
  dim.scale *= 2;
  tn_signal packed = tn_fft_join(f, z, &dim);
  dim.form = TN_FFT_PAIRS;
  return tn_fft_transform(f, packed, dim).array;
}

/* ---- the instruction ---- */

typedef struct {
  int rank; /* transformed dims */
  int64_t lengths[3], outer;
  long double scale;
} whole;

static whole whole_of(const tn_inst *inst) {
  tn_dims length = inst->attr.fft.length;
  whole w = {.rank = length.count, .outer = 1, .scale = 1};
  for (int d = 0; d < inst->shape->rank - length.count; d++) w.outer *= inst->shape->dims[d];
  bool inverse = inst->attr.fft.type == TN_IFFT || inst->attr.fft.type == TN_IRFFT;
  for (int d = 0; d < length.count; d++) {
    w.lengths[d] = length.at[d];
    if (inverse) w.scale /= (long double)length.at[d];
  }
  return w;
}

/* Dim d as the middle of three, the last one being `last` long. */
static tn_fft_dim dim_of(const whole *w, int d, int64_t last) {
  tn_fft_dim dim = {w->outer, d == w->rank - 1 ? last : w->lengths[d], 1, 1, TN_FFT_PLANES};
  for (int i = 0; i < d; i++) dim.outer *= w->lengths[i];
  for (int i = d + 1; i < w->rank; i++) dim.inner *= i == w->rank - 1 ? last : w->lengths[i];
  return dim;
}

/* All but the last dim, the first of them last. */
static tn_signal transform_outer(const tn_fft *f, tn_signal x, const whole *w, int64_t last, tn_fft_form form,
                                 long double scale) {
  for (int d = w->rank - 2; d >= 0; d--) {
    tn_fft_dim dim = dim_of(w, d, last);
    if (d == 0) dim.form = form, dim.scale = scale;
    x = tn_fft_transform(f, x, dim);
  }
  return x;
}

static tn_inst *transform(const tn_fft *f, tn_inst *x, tn_fft_type type, const whole *w) {
  int64_t n = w->lengths[w->rank - 1];
  bool alone = w->rank == 1;
  switch (type) {
  case TN_FFT:
  case TN_IFFT: {
    tn_fft_dim dim = dim_of(w, w->rank - 1, n);
    if (alone) dim.form = TN_FFT_COMPLEX, dim.scale = w->scale;
    tn_signal rows = tn_fft_transform(f, (tn_signal){x, TN_FFT_COMPLEX}, dim);
    return transform_outer(f, rows, w, n, TN_FFT_COMPLEX, w->scale).array;
  }
  case TN_RFFT: {
    tn_fft_dim dim = dim_of(w, w->rank - 1, n);
    if (alone) dim.form = TN_FFT_COMPLEX;
    return transform_outer(f, real_to_half(f, x, dim), w, n / 2 + 1, TN_FFT_COMPLEX, 1).array;
  }
  case TN_IRFFT: {
    tn_signal given = transform_outer(f, (tn_signal){x, TN_FFT_COMPLEX}, w, n / 2 + 1, TN_FFT_PLANES, 1);
    tn_fft_dim dim = dim_of(w, w->rank - 1, n);
    dim.scale = w->scale;
    return half_to_real(f, given, dim);
  }
  }
  return NULL;
}

static tn_inst *expand(tn_pass_context *context, tn_inst *inst) {
  tn_inst *x = inst->operands[0];
  if (tn_shape_is_dynamic(inst->shape) || tn_shape_is_dynamic(x->shape) || !tn_pass_spend(context))
    return NULL;
  tn_type type = inst->shape->type;
  tn_fft f = {.site = tn_site_of(inst), .scratch = context->scratch};
  f.type = tn_type_is_complex(type) ? tn_type_part(type) : type;
  f.inverse = inst->attr.fft.type == TN_IFFT || inst->attr.fft.type == TN_IRFFT;
  if (!tn_shape_elements(inst->shape) || !tn_shape_elements(x->shape)) {
    const tn_shape *shape = tn_shape_without_layout(inst->parent->module->arena, inst->shape);
    return tn_make_spread(f.site, tn_make_zero(f.site, type), shape);
  }
  whole w = whole_of(inst);
  return tn_make_reshape_to(f.site, transform(&f, x, inst->attr.fft.type, &w), inst->shape);
}

bool tn_pass_fft_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(FFT, expand)};
  return tn_rewrite_module(module, context, rules, 1);
}
