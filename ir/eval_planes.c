/* Products of matrices, the inner loops of dot and convolution.
 *
 * Order: every element of the result is one sum in ascending k, started from what it
 * holds, without fused multiply-add; blocking (128 k by 512 n) does not change that.
 * A complex product is four real ones: re = (sum a.re b.re) - (sum a.im b.im).
 *
 * Bounds: with |a|, |b| and their errors ea, eb the error of a sum is at most
 *     sum (|a| eb + ea (|b| + eb)) + terms * u * sum |a||b|
 * in any order, which two more products in double give; and a step of subnormal numbers a
 * term where some product may be one, which a fused multiply-add does not round.
 *
 * Cost: m*n*k multiply-adds at 1 G/s or so; for narrow results (n < 8) b is transposed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_planes.h"

#include <math.h>

enum { BLOCK_K = 128, BLOCK_N = 512, NARROW = 8, NO_LEAST = 1 << 20 };

#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* T: unsigned for integers, so that wrapping is defined. bt is b transposed, [N,K]. */
#define PRODUCTS(name, T)                                                                                    \
  static void wide_##name(int64_t m, int64_t n, int64_t k, const T *a, const T *b, T *c, bool subtract) {    \
    for (int64_t n0 = 0; n0 < n; n0 += BLOCK_N) {                                                            \
      int64_t width = MIN(BLOCK_N, n - n0);                                                                  \
      for (int64_t k0 = 0; k0 < k; k0 += BLOCK_K) {                                                          \
        int64_t k1 = MIN(k0 + BLOCK_K, k);                                                                   \
        for (int64_t i = 0; i < m; i++) {                                                                    \
          T *restrict row = c + i * n + n0;                                                                  \
          for (int64_t l = k0; l < k1; l++) {                                                                \
            T x = a[i * k + l];                                                                              \
            if (subtract) x = -x;                                                                            \
            const T *restrict from = b + l * n + n0;                                                         \
            for (int64_t j = 0; j < width; j++) row[j] += x * from[j];                                       \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void narrow_##name(int64_t m, int64_t n, int64_t k, const T *a, const T *bt, T *c, bool subtract) { \
    for (int64_t i = 0; i < m; i++)                                                                          \
      for (int64_t j = 0; j < n; j++) {                                                                      \
        const T *x = a + i * k, *y = bt + j * k;                                                             \
        T sum = c[i * n + j];                                                                                \
        if (subtract)                                                                                        \
          for (int64_t l = 0; l < k; l++) sum -= x[l] * y[l];                                                \
        else                                                                                                 \
          for (int64_t l = 0; l < k; l++) sum += x[l] * y[l];                                                \
        c[i * n + j] = sum;                                                                                  \
      }                                                                                                      \
  }

PRODUCTS(f32, float)
PRODUCTS(f64, double)
PRODUCTS(s32, uint32_t)
PRODUCTS(s64, uint64_t)

static void *transposed(tn_eval *eval, size_t item, int64_t rows, int64_t columns, const void *from) {
  void *to = tn_eval_scratch(eval, (size_t)(rows * columns) * item);
  tn_copy_strided(2, (int64_t[]){columns, rows}, to, (int64_t[]){rows, 1}, from, (int64_t[]){1, columns},
                  item);
  return to;
}

/* n >= NARROW, or bt given. */
static void multiply(tn_type type, int64_t m, int64_t n, int64_t k, const void *a, const void *b,
                     const void *bt, void *c, bool subtract) {
  if (type == TN_F32)
    bt ? narrow_f32(m, n, k, a, bt, c, subtract) : wide_f32(m, n, k, a, b, c, subtract);
  else if (type == TN_F64)
    bt ? narrow_f64(m, n, k, a, bt, c, subtract) : wide_f64(m, n, k, a, b, c, subtract);
  else if (type == TN_S32)
    bt ? narrow_s32(m, n, k, a, bt, c, subtract) : wide_s32(m, n, k, a, b, c, subtract);
  else
    bt ? narrow_s64(m, n, k, a, bt, c, subtract) : wide_s64(m, n, k, a, b, c, subtract);
}

static void product(tn_eval *eval, tn_type type, int64_t m, int64_t n, int64_t k, const void *a,
                    const void *b, void *c, bool subtract) {
  if (m == 0 || n == 0 || k == 0) return;
  size_t item = tn_type_bytes(type);
  const void *bt = n < NARROW ? transposed(eval, item, k, n, b) : NULL;
  multiply(type, m, n, k, a, b, bt, c, subtract);
}

tn_type tn_sum_type(tn_type result, tn_type lhs, tn_type rhs) {
  if (tn_type_is_complex(result)) return tn_type_part(result);
  if (tn_type_is_float(result)) return result == TN_F64 || lhs == TN_F64 || rhs == TN_F64 ? TN_F64 : TN_F32;
  bool wide = tn_type_bits(result) == 64 || tn_type_bits(lhs) == 64 || tn_type_bits(rhs) == 64;
  return wide ? TN_S64 : TN_S32;
}

static double *zeros(tn_eval *eval, int64_t count) {
  return memset(TN_SCRATCH(eval, double, count), 0, (size_t)count * sizeof(double));
}

tn_planes tn_planes_zero(tn_eval *eval, tn_type type, bool complex, int64_t count) {
  size_t bytes = (size_t)count * tn_type_bytes(type);
  tn_planes planes = {.type = type, .re = memset(tn_eval_scratch(eval, bytes), 0, bytes)};
  if (complex) planes.im = memset(tn_eval_scratch(eval, bytes), 0, bytes);
  if (eval->options.bounds) {
    planes.size = zeros(eval, count);
    planes.error = zeros(eval, count);
    planes.kind = TN_SCRATCH(eval, tn_planes_kind, 1);
    *planes.kind = (tn_planes_kind){.least = NO_LEAST};
  }
  return planes;
}

/* The elements, or one part of each, gathered and widened. */
static void *gather_part(tn_eval *eval, tn_type type, const tn_value *from, int part, int64_t first, int rank,
                         const int64_t *dims, const int64_t *strides, const int64_t *packed) {
  tn_type source = tn_value_type(from);
  int parts = tn_type_is_complex(source) ? 2 : 1;
  if (parts == 2) source = tn_type_part(source);
  size_t item = tn_type_bytes(source);
  int64_t count = 1, *scaled = TN_SCRATCH(eval, int64_t, rank);
  for (int d = 0; d < rank; d++) {
    scaled[d] = strides[d] * parts;
    count *= dims[d];
  }
  void *gathered = tn_eval_scratch(eval, (size_t)count * item);
  tn_copy_strided(rank, dims, gathered, packed,
                  (const char *)from->literal.data + (first * parts + part) * (int64_t)item, scaled, item);
  if (source == type) return gathered;
  void *widened = tn_eval_scratch(eval, (size_t)count * tn_type_bytes(type));
  tn_convert_elements(type, widened, source, gathered, (size_t)count);
  return widened;
}

static void note_element(tn_planes_kind *kind, double x) {
  int exponent;
  kind->fractional = kind->fractional || !isfinite(x) || trunc(x) != x;
  if (!isfinite(x) || x == 0) return;
  frexp(x, &exponent);
  if (exponent - 1 < kind->least) kind->least = exponent - 1;
}

void tn_planes_note_factors(const tn_planes *sums, const tn_planes *a, const tn_planes *b) {
  if (!sums->kind) return;
  sums->kind->fractional |= a->kind->fractional || b->kind->fractional;
  if (!tn_type_is_float(sums->type)) return;
  int normal = tn_float_least_exponent(sums->type) + tn_float_precision(sums->type) - 1;
  sums->kind->subnormal |= a->kind->least + b->kind->least < normal;
}

static void pack_bounds(tn_eval *eval, tn_planes *planes, const tn_value *from, int64_t first, int rank,
                        const int64_t *dims, const int64_t *strides, const int64_t *packed, int64_t count) {
  planes->size = zeros(eval, count);
  planes->error = zeros(eval, count);
  tn_convert_elements(TN_F64, planes->size, planes->type, planes->re, (size_t)count);
  double *im = planes->im ? zeros(eval, count) : NULL;
  if (im) tn_convert_elements(TN_F64, im, planes->type, planes->im, (size_t)count);
  planes->kind = TN_SCRATCH(eval, tn_planes_kind, 1);
  *planes->kind = (tn_planes_kind){.fractional = im != NULL, .least = NO_LEAST};
  for (int64_t i = 0; i < count; i++) {
    note_element(planes->kind, planes->size[i]);
    if (im) note_element(planes->kind, im[i]);
  }
  for (int64_t i = 0; i < count; i++)
    planes->size[i] = im ? hypot(planes->size[i], im[i]) : fabs(planes->size[i]);
  if (from->literal.bound)
    tn_copy_strided(rank, dims, planes->error, packed, from->literal.bound + first, strides, sizeof(double));
}

tn_planes tn_planes_pack(tn_eval *eval, tn_type type, bool complex, const tn_value *from, int64_t first,
                         int rank, const int64_t *dims, const int64_t *strides) {
  int64_t *packed = TN_SCRATCH(eval, int64_t, rank), count = 1;
  for (int d = rank - 1; d >= 0; d--) {
    packed[d] = count;
    count *= dims[d];
  }
  if (count == 0) return tn_planes_zero(eval, type, complex, 0);
  tn_planes planes = {.type = type,
                      .re = gather_part(eval, type, from, 0, first, rank, dims, strides, packed)};
  if (tn_type_is_complex(tn_value_type(from)))
    planes.im = gather_part(eval, type, from, 1, first, rank, dims, strides, packed);
  else if (complex)
    planes.im = tn_planes_zero(eval, type, false, count).re;
  if (eval->options.bounds) pack_bounds(eval, &planes, from, first, rank, dims, strides, packed, count);
  return planes;
}

tn_planes tn_planes_at(const tn_planes *planes, int64_t first) {
  int64_t bytes = first * (int64_t)tn_type_bytes(planes->type);
  tn_planes at = {.type = planes->type, .re = (char *)planes->re + bytes};
  if (planes->im) at.im = (char *)planes->im + bytes;
  if (planes->size) {
    at.size = planes->size + first;
    at.error = planes->error + first;
    at.kind = planes->kind;
  }
  return at;
}

static void multiply_bounds(tn_eval *eval, int64_t m, int64_t n, int64_t k, const tn_planes *a,
                            const tn_planes *b, const tn_planes *c) {
  product(eval, TN_F64, m, n, k, a->size, b->size, c->size, false);
  product(eval, TN_F64, m, n, k, a->size, b->error, c->error, false);
  double *largest = TN_SCRATCH(eval, double, k *n);
  for (int64_t i = 0; i < k * n; i++) largest[i] = b->size[i] + b->error[i];
  product(eval, TN_F64, m, n, k, a->error, largest, c->error, false);
}

void tn_planes_multiply(tn_eval *eval, int64_t m, int64_t n, int64_t k, const tn_planes *a,
                        const tn_planes *b, const tn_planes *c) {
  tn_type type = c->type;
  product(eval, type, m, n, k, a->re, b->re, c->re, false);
  if (c->im) {
    product(eval, type, m, n, k, a->im, b->im, c->re, true);
    product(eval, type, m, n, k, a->re, b->im, c->im, false);
    product(eval, type, m, n, k, a->im, b->re, c->im, false);
  }
  if (!c->size) return;
  multiply_bounds(eval, m, n, k, a, b, c);
  tn_planes_note_factors(c, a, b);
}

/* Sums of integers that stay in the type's precision have no error, in any order. */
static bool sum_is_exact(const tn_planes *sums, int64_t i) {
  return !sums->kind->fractional && sums->error[i] == 0 &&
         sums->size[i] * tn_unit_roundoff(sums->type) <= 0.5;
}

/* Of element i; the larger part's. */
static double part_size(const tn_value *value, tn_type part, int64_t i) {
  size_t item = tn_type_bytes(part), parts = tn_type_is_complex(tn_value_type(value)) ? 2 : 1;
  const char *at = (const char *)value->literal.data + (size_t)i * parts * item;
  double size = fabs(tn_load_float(part, at));
  return parts == 1 ? size : fmax(size, fabs(tn_load_float(part, at + item)));
}

static void finish_bounds(tn_value *result, const tn_planes *sums, int64_t terms) {
  const tn_shape *shape = result->literal.shape;
  bool complex = tn_type_is_complex(shape->type);
  tn_type part = complex ? tn_type_part(shape->type) : shape->type;
  bool exact = !tn_type_is_float(part);
  double u = exact ? 0 : tn_unit_roundoff(sums->type) * (double)terms * (complex ? 4 : 1);
  /* A step of subnormal products; half of f64's would be 0. */
  bool steps = !exact && sums->kind->subnormal;
  double lost = steps ? ldexp((double)terms * (complex ? 4 : 1), tn_float_least_exponent(sums->type)) : 0;
  double most = exact ? INFINITY : tn_float_from_bits(sums->type, tn_float_to_bits(sums->type, INFINITY) - 1);
  for (int64_t i = 0; i < tn_shape_elements(shape); i++) {
    double error = sums->error[i];
    if (exact)
      error = error == 0 ? 0 : INFINITY; /* infinity times 0 is no number */
    else if (sums->size[i] > most)       /* some order may overflow */
      error = INFINITY;
    else if (!sum_is_exact(sums, i))
      error += u * sums->size[i] + lost + (part == sums->type ? 0 : tn_half_ulp(part, sums->size[i]));
    tn_value_bound(result)[i] = exact ? error : tn_bound_of(part, part_size(result, part, i), error);
  }
}

void tn_planes_finish(tn_value *result, const tn_planes *sums, int64_t terms) {
  const tn_shape *shape = result->literal.shape;
  int64_t count = tn_shape_elements(shape);
  char *data = tn_value_data(result);
  if (!sums->im) {
    tn_convert_elements(shape->type, data, sums->type, sums->re, (size_t)count);
  } else {
    size_t item = tn_type_bytes(sums->type);
    int64_t one = 1, two = 2;
    tn_copy_strided(1, &count, data, &two, sums->re, &one, item);
    tn_copy_strided(1, &count, data + item, &two, sums->im, &one, item);
  }
  if (result->literal.bound) finish_bounds(result, sums, terms);
}
