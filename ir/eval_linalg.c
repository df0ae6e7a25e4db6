/* fft, cholesky, triangular-solve: computed in long double, rounded once.
 *
 * fft: mixed radix for any length, decimation in time over the prime factors of n;
 * O(n * sum of the factors), so a large prime length costs its square.
 * Cholesky and the solves are the textbook recurrences by rows; the triangle that does
 * not belong to the result is 0.
 *
 * Bounds follow the same recurrences: each carries its operands' errors through, plus
 * n u times the sum of the terms' magnitudes and n steps of subnormal numbers; they are
 * infinite where the type of the result may overflow on the way, and beyond a pivot or under a
 * root that may be 0.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

typedef struct {
  long double re, im;
} number;

static number add(number a, number b) { return (number){a.re + b.re, a.im + b.im}; }
static number subtract(number a, number b) { return (number){a.re - b.re, a.im - b.im}; }
static number multiply(number a, number b) {
  return (number){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
static number conjugate(number a) { return (number){a.re, -a.im}; }
static number divide(number a, number b) {
  long double size = b.re * b.re + b.im * b.im;
  if (b.im == 0) return (number){a.re / b.re, a.im / b.re};
  number product = multiply(a, conjugate(b));
  return (number){product.re / size, product.im / size};
}
static double modulus(number a) { return (double)hypotl(a.re, a.im); }

/* ---- fft ---- */

typedef struct {
  int64_t length;
  const number *roots; /* roots[i] = e^(-+2 pi i / length) */
  number *spare;       /* as long as the largest factor */
} transform;

static int64_t smallest_factor(int64_t n) {
  for (int64_t p = 2; p * p <= n; p++)
    if (n % p == 0) return p;
  return n;
}

static void transform_line(const transform *t, int64_t n, const number *in, int64_t stride, number *out) {
  if (n == 1) {
    out[0] = in[0];
    return;
  }
  int64_t p = smallest_factor(n), m = n / p, step = t->length / n;
  for (int64_t r = 0; r < p; r++) transform_line(t, m, in + r * stride, stride * p, out + r * m);
  for (int64_t k = 0; k < m; k++) {
    for (int64_t q = 0; q < p; q++) {
      number sum = {0, 0};
      for (int64_t r = 0; r < p; r++)
        sum = add(sum, multiply(out[r * m + k], t->roots[r * (k + q * m) % n * step]));
      t->spare[q] = sum;
    }
    for (int64_t q = 0; q < p; q++) out[k + q * m] = t->spare[q];
  }
}

static transform plan_transform(tn_eval *eval, int64_t length, bool inverse) {
  number *roots = TN_SCRATCH(eval, number, length);
  for (int64_t i = 0; i < length; i++) {
    long double angle = 2 * 3.14159265358979323846264338327950288L * (long double)i / (long double)length;
    roots[i] = (number){cosl(angle), inverse ? sinl(angle) : -sinl(angle)};
  }
  return (transform){length, roots, TN_SCRATCH(eval, number, length)};
}

/* All lines along one dim, in place. data is [outer, length, inner]. */
static void transform_dim(tn_eval *eval, number *data, int64_t outer, int64_t length, int64_t inner,
                          bool inverse) {
  if (length == 0) return;
  transform t = plan_transform(eval, length, inverse);
  number *in = TN_SCRATCH(eval, number, length), *out = TN_SCRATCH(eval, number, length);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      number *line = data + o * length * inner + i;
      for (int64_t k = 0; k < length; k++) in[k] = line[k * inner];
      transform_line(&t, length, in, 1, out);
      for (int64_t k = 0; k < length; k++) {
        long double scale = inverse ? 1.0L / (long double)length : 1;
        line[k * inner] = (number){out[k].re * scale, out[k].im * scale};
      }
    }
}

static number *load_numbers(tn_eval *eval, const tn_value *from, int64_t first, int64_t count,
                            double **bound) {
  tn_lanes lanes = tn_lanes_new(eval, tn_value_type(from), count + 1);
  tn_lanes_load(&lanes, 0, from, first, 1, (int)count);
  number *numbers = TN_SCRATCH(eval, number, count + 1);
  for (int64_t i = 0; i < count; i++) numbers[i] = (number){lanes.re[i].f, lanes.im ? lanes.im[i] : 0};
  if (bound) *bound = lanes.bound;
  return numbers;
}

static void store_numbers(tn_eval *eval, tn_value *to, int64_t first, int64_t count, const number *numbers,
                          double *bound) {
  tn_lanes lanes = tn_lanes_new(eval, tn_value_type(to), count + 1);
  for (int64_t i = 0; i < count; i++) {
    lanes.re[i].f = (double)numbers[i].re;
    if (lanes.im) lanes.im[i] = (double)numbers[i].im;
  }
  if (bound) lanes.bound = bound;
  tn_lanes_store(&lanes, 0, to, first, 1, (int)count);
}

/* The half of a spectrum that IRFFT is given, completed: x[n-k] = conj x[k]. An imaginary
 * part at 0 and n/2 does not count.                                                       */
static void complete_half(const number *half, int64_t given, number *whole, int64_t n) {
  for (int64_t k = 0; k < n; k++) {
    if (k < given)
      whole[k] = half[k];
    else
      whole[k] = conjugate(half[n - k]);
    if (k == 0 || 2 * k == n) whole[k].im = 0;
  }
}

typedef struct {
  int rank;        /* transformed dims */
  int64_t dims[3]; /* of the complex work array */
  int64_t in_last, out_last, work, in_box, out_box;
} fft_plan;

static fft_plan plan_fft(const tn_inst *inst, const tn_shape *from) {
  tn_dims length = inst->attr.fft.length;
  fft_plan p = {.rank = length.count, .work = 1, .in_box = 1, .out_box = 1};
  for (int d = 0; d < p.rank; d++) {
    int64_t in = from->dims[from->rank - p.rank + d], out = inst->shape->dims[from->rank - p.rank + d];
    p.dims[d] = length.at[d];
    p.work *= p.dims[d];
    p.in_box *= in;
    p.out_box *= out;
    p.in_last = in;
    p.out_last = out;
  }
  return p;
}

static void transform_box(tn_eval *eval, const tn_inst *inst, const fft_plan *p, const number *in,
                          number *work) {
  bool inverse = inst->attr.fft.type == TN_IFFT || inst->attr.fft.type == TN_IRFFT;
  bool half = inst->attr.fft.type == TN_IRFFT;
  int64_t last = p->dims[p->rank - 1], lines = last ? p->work / last : 0;
  if (half) { /* outer dims first, on the half that is there */
    number *outer = TN_SCRATCH(eval, number, p->in_box);
    memcpy(outer, in, (size_t)p->in_box * sizeof *in);
    int64_t before = 1, after = p->in_box;
    for (int d = 0; d < p->rank - 1; d++) {
      after /= p->dims[d];
      transform_dim(eval, outer, before, p->dims[d], after, true);
      before *= p->dims[d];
    }
    for (int64_t l = 0; l < lines; l++)
      complete_half(outer + l * p->in_last, p->in_last, work + l * last, last);
    transform_dim(eval, work, lines, last, 1, true);
    return;
  }
  memcpy(work, in, (size_t)p->work * sizeof *in);
  int64_t before = 1, after = p->work;
  for (int d = 0; d < p->rank; d++) {
    after = p->dims[d] ? after / p->dims[d] : 0;
    transform_dim(eval, work, before, p->dims[d], after, inverse);
    before *= p->dims[d];
  }
}

static tn_type part_of(tn_type type) { return tn_type_is_complex(type) ? tn_type_part(type) : type; }

static double largest_of(tn_type part) {
  return tn_float_from_bits(part, tn_float_to_bits(part, INFINITY) - 1);
}

/* Every result is a sum of all elements times numbers of modulus 1. */
static double fft_bound(const fft_plan *p, const tn_inst *inst, const number *in, const double *bound,
                        tn_type part) {
  double error = 0, size = 0;
  for (int64_t i = 0; i < p->in_box; i++) {
    error += bound[i];
    size += modulus(in[i]);
  }
  bool inverse = inst->attr.fft.type == TN_IFFT || inst->attr.fft.type == TN_IRFFT;
  double twice = inst->attr.fft.type == TN_IRFFT ? 2 : 1, step = ldexp(1, tn_float_least_exponent(part));
  if (twice * (size + error) > largest_of(part) / 4) return INFINITY; /* products of sums come on the way */
  double total = twice * (error + 8 * (log2((double)p->work) + 1) * tn_unit_roundoff(part) * size);
  total += size > 0 ? (double)p->work * step : 0;
  return inverse ? total / (double)p->work + (size > 0 ? step : 0) : total;
}

tn_value *tn_eval_fft(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *from = operands[0]->literal.shape;
  tn_value *result = tn_value_zero(eval, inst->shape);
  fft_plan p = plan_fft(inst, from);
  if (p.in_box == 0 || p.out_box == 0) return result;
  tn_type part = part_of(inst->shape->type);
  int64_t boxes = tn_shape_elements(from) / p.in_box;
  for (int64_t b = 0; b < boxes; b++) {
    struct tn_scratch *mark = eval->scratch;
    double *bound = NULL;
    number *in = load_numbers(eval, operands[0], b * p.in_box, p.in_box, &bound),
           *work = TN_SCRATCH(eval, number, p.work);
    transform_box(eval, inst, &p, in, work);
    number *out = TN_SCRATCH(eval, number, p.out_box);
    for (int64_t i = 0; i < p.out_box; i++)
      out[i] = work[i / p.out_last * p.dims[p.rank - 1] + i % p.out_last];
    double *out_bound = bound ? TN_SCRATCH(eval, double, p.out_box) : NULL;
    for (int64_t i = 0; bound && i < p.out_box; i++) out_bound[i] = fft_bound(&p, inst, in, bound, part);
    store_numbers(eval, result, b * p.out_box, p.out_box, out, out_bound);
    tn_eval_scratch_release(eval, mark);
  }
  return result;
}

/* ---- cholesky ---- */

typedef struct {
  number *at;    /* [n,n] */
  double *error; /* zeros where bounds are not carried */
  int64_t n;
  double u, step, most; /* roundoff; the least and the largest number */
  bool complex;
} matrix;

/* What a sum of `terms` products of this size in all adds to its error. */
static double rounding(const matrix *a, double terms, double size) {
  return size > a->most ? INFINITY : terms * (a->u * size + (size > 0 ? a->step : 0));
}

/* sum / pivot, whose errors are these: the quotient's. */
static double quotient_error(const matrix *a, double error, number x, number pivot, double pivot_error) {
  double size = modulus(x), least = modulus(pivot);
  if (pivot_error >= least) return pivot_error > 0 || error > 0 ? INFINITY : 0;
  double e = (error + size * pivot_error) / (least - pivot_error) + a->u * size;
  return e + (e > 0 ? a->step : 0);
}

/* A real number stays as it is: a negative zero beside it would turn signs of zeros. */
static number adjoint(const matrix *a, number x) { return a->complex ? conjugate(x) : x; }

/* Of real numbers without imaginary parts, which infinities would turn into NaN. */
static number product(const matrix *a, number x, number y) {
  return a->complex ? multiply(x, y) : (number){x.re * y.re, 0};
}

static number quotient(const matrix *a, number x, number y) {
  return a->complex ? divide(x, y) : (number){x.re / y.re, 0};
}

static double *errors_of(tn_eval *eval, const double *bound, int64_t count) {
  double *errors = TN_SCRATCH(eval, double, count + 1);
  for (int64_t i = 0; i < count; i++) errors[i] = bound ? bound[i] : 0;
  return errors;
}

/* a -> L in place, by rows; only the lower triangle is read. */
static void factor(matrix *a) {
  int64_t n = a->n;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) {
      number sum = a->at[i * n + j];
      double error = a->error[i * n + j], size = modulus(sum);
      for (int64_t k = 0; k < j; k++) {
        number x = a->at[i * n + k], y = a->at[j * n + k];
        sum = subtract(sum, product(a, x, adjoint(a, y)));
        error += modulus(x) * a->error[j * n + k] + modulus(y) * a->error[i * n + k];
        size += modulus(x) * modulus(y);
      }
      error += rounding(a, (double)(j + 2), size);
      if (i == j) {
        long double root = sqrtl(sum.re);
        a->at[i * n + i] = (number){root, 0};
        bool certain = error < fabs((double)sum.re);
        a->error[i * n + i] = certain ? error / (double)root + a->u * (double)root : INFINITY;
      } else {
        number pivot = a->at[j * n + j], x = quotient(a, sum, pivot);
        a->at[i * n + j] = x;
        a->error[i * n + j] = quotient_error(a, error, x, pivot, a->error[j * n + j]);
      }
    }
}

static void mirror(matrix *a) {
  for (int64_t i = 0; i < a->n; i++)
    for (int64_t j = 0; j <= i; j++) {
      int64_t low = i * a->n + j, high = j * a->n + i;
      number x = a->at[low];
      double error = a->error[low];
      a->at[low] = adjoint(a, a->at[high]);
      a->error[low] = a->error[high];
      a->at[high] = adjoint(a, x);
      a->error[high] = error;
    }
}

static matrix matrix_of(tn_type type, int64_t n) {
  tn_type part = part_of(type);
  return (matrix){.n = n,
                  .u = 4 * tn_unit_roundoff(part),
                  .step = 4 * ldexp(1, tn_float_least_exponent(part)),
                  .most = largest_of(part) / 4,
                  .complex = tn_type_is_complex(type)};
}

tn_value *tn_eval_cholesky(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  int64_t n = shape->dims[shape->rank - 1], count = tn_shape_elements(shape);
  tn_value *result = tn_value_new(eval, shape);
  bool lower = inst->attr.cholesky.lower;
  for (int64_t at = 0; at < count; at += n * n) {
    struct tn_scratch *mark = eval->scratch;
    double *bound = NULL;
    matrix a = matrix_of(shape->type, n);
    a.at = load_numbers(eval, operands[0], at, n * n, &bound);
    a.error = errors_of(eval, bound, n * n);
    if (!lower) mirror(&a);
    factor(&a);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = i + 1; j < n; j++) {
        a.at[i * n + j] = (number){0, 0};
        a.error[i * n + j] = 0;
      }
    if (!lower) mirror(&a);
    store_numbers(eval, result, at, n * n, a.at, bound ? a.error : NULL);
    tn_eval_scratch_release(eval, mark);
  }
  return result;
}

/* ---- triangular-solve ---- */

/* op(a), or its transpose for a system that stands on the right. */
static bool orient(matrix *a, const tn_inst *inst) {
  tn_transpose_a transpose = inst->attr.triangular_solve.transpose_a;
  bool flip = (transpose != TN_NO_TRANSPOSE) != !inst->attr.triangular_solve.left_side;
  if (transpose == TN_ADJOINT)
    for (int64_t i = 0; i < a->n * a->n; i++) a->at[i] = adjoint(a, a->at[i]);
  if (flip) {
    mirror(a);
    for (int64_t i = 0; i < a->n * a->n; i++) a->at[i] = adjoint(a, a->at[i]); /* mirror conjugates */
  }
  return inst->attr.triangular_solve.lower != flip;
}

/* Solves for one column, whose elements lie `stride` apart. */
static void solve_column(const matrix *a, bool lower, bool unit, number *x, double *error, int64_t stride) {
  int64_t n = a->n;
  for (int64_t step = 0; step < n; step++) {
    int64_t i = lower ? step : n - 1 - step;
    number sum = x[i * stride];
    double e = error[i * stride], size = modulus(sum);
    for (int64_t s = 0; s < step; s++) {
      int64_t j = lower ? s : n - 1 - s;
      number m = a->at[i * n + j], known = x[j * stride];
      sum = subtract(sum, product(a, m, known));
      e += modulus(m) * error[j * stride] + a->error[i * n + j] * modulus(known);
      size += modulus(m) * modulus(known);
    }
    e += rounding(a, (double)(step + 1), size);
    number pivot = unit ? (number){1, 0} : a->at[i * n + i];
    x[i * stride] = quotient(a, sum, pivot);
    double pivot_error = unit ? 0 : a->error[i * n + i];
    error[i * stride] = quotient_error(a, e, x[i * stride], pivot, pivot_error);
  }
}

tn_value *tn_eval_triangular_solve(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  bool left = inst->attr.triangular_solve.left_side, unit = inst->attr.triangular_solve.unit_diagonal;
  int64_t rows = shape->dims[shape->rank - 2], columns = shape->dims[shape->rank - 1],
          n = left ? rows : columns;
  int64_t box = rows * columns, boxes = box ? tn_shape_elements(shape) / box : 0;
  tn_value *result = tn_value_new(eval, shape);
  for (int64_t b = 0; b < boxes; b++) {
    struct tn_scratch *mark = eval->scratch;
    double *bound = NULL, *bound_b = NULL;
    matrix a = matrix_of(shape->type, n);
    a.at = load_numbers(eval, operands[0], b * n * n, n * n, &bound);
    a.error = errors_of(eval, bound, n * n);
    bool lower = orient(&a, inst);
    number *x = load_numbers(eval, operands[1], b * box, box, &bound_b);
    double *error = errors_of(eval, bound_b, box);
    for (int64_t c = 0; c < (left ? columns : rows); c++) {
      int64_t first = left ? c : c * columns;
      solve_column(&a, lower, unit, x + first, error + first, left ? columns : 1);
    }
    store_numbers(eval, result, b * box, box, x, bound ? error : NULL);
    tn_eval_scratch_release(eval, mark);
  }
  return result;
}
