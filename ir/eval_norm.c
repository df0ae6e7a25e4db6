/* batch-norm-inference, -training and -grad.
 *
 * Every feature has its own mean and (biased) variance over all other dims. Values are
 * computed in double and rounded once; each number carries the error that steps in the
 * type of sums (f32, f64 for f64) would leave, and gives up where they may overflow.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

typedef struct {
  double value, error;
} number;

/* Elements of feature f: those at o * features * inner + f * inner + i. */
typedef struct {
  int64_t outer, features, inner;
  double epsilon, u;
  double tiny; /* what rounding a product to a subnormal number may lose */
  double most; /* the largest number that sums have */
  tn_type type;
} norm;

static norm describe(const tn_inst *inst, const tn_shape *shape) {
  int feature = (int)inst->attr.batch_norm.feature_index;
  norm n = {.outer = 1, .inner = 1, .features = shape->dims[feature], .type = shape->type};
  for (int d = 0; d < feature; d++) n.outer *= shape->dims[d];
  for (int d = feature + 1; d < shape->rank; d++) n.inner *= shape->dims[d];
  n.epsilon = (float)inst->attr.batch_norm.epsilon;
  tn_type kept = shape->type == TN_F64 ? TN_F64 : TN_F32;
  n.u = tn_unit_roundoff(kept);
  n.most = tn_float_from_bits(kept, tn_float_to_bits(kept, INFINITY) - 1);
  n.tiny = shape->type == TN_F64 ? 0x1p-1074 : 0x1p-150;
  return n;
}

static int64_t position(const norm *n, int64_t feature, int64_t k) {
  return (k / n->inner * n->features + feature) * n->inner + k % n->inner;
}

/* A step's result. */
static number made(const norm *n, double value, double error) {
  return (number){value, fabs(value) + error > n->most ? INFINITY : error};
}

static number plus(const norm *n, number a, number b) {
  double value = a.value + b.value;
  return made(n, value, a.error + b.error + n->u * fabs(value));
}
static number minus(const norm *n, number a, number b) { return plus(n, a, (number){-b.value, b.error}); }
static number times(const norm *n, number a, number b) {
  double value = a.value * b.value;
  double error = fabs(a.value) * b.error + fabs(b.value) * a.error + a.error * b.error;
  return made(n, value, error + n->u * fabs(value) + n->tiny);
}
static number over(const norm *n, number a, double b) {
  return made(n, a.value / b, a.error / b + n->u * fabs(a.value / b) + n->tiny);
}
/* 1/sqrt(variance + epsilon). */
static number inverse_deviation(const norm *n, number variance) {
  double x = variance.value + n->epsilon, value = 1 / sqrt(x);
  return (number){value, variance.error < x
                             ? value * variance.error / (2 * (x - variance.error)) + 8 * n->u * value
                             : INFINITY};
}

/* A sum that is being made, in any order. */
typedef struct {
  double value, error, size;
  int64_t terms;
} sum;
static void join(sum *s, number x) {
  s->value += x.value;
  s->error += x.error;
  s->size += fabs(x.value);
  s->terms++;
}
static number finish(const norm *n, const sum *s) {
  double error = s->error + (double)s->terms * n->u * s->size;
  return (number){s->value, s->size + error > n->most ? INFINITY : error};
}

static number load(const tn_value *from, int64_t at) {
  tn_cell cell;
  double bound = 0;
  tn_lanes lanes = {.type = tn_value_type(from), .re = &cell, .bound = &bound};
  tn_lanes_load(&lanes, 0, from, at, 1, 1);
  return (number){cell.f, bound};
}

static void store(tn_value *to, int64_t at, number x) {
  tn_type type = tn_value_type(to);
  tn_cell cell = {.f = x.value};
  double bound = tn_bound_of(type, x.value, x.error + (to->literal.bound ? tn_half_ulp(type, x.value) : 0));
  tn_lanes lanes = {.type = type, .re = &cell, .bound = &bound};
  tn_lanes_store(&lanes, 0, to, at, 1, 1);
}

/* scale * (x - mean) / sqrt(variance + epsilon) + offset */
static void normalise(const norm *n, int64_t f, const tn_value *x, number scale, number offset, number mean,
                      number variance, tn_value *to) {
  number factor = times(n, scale, inverse_deviation(n, variance));
  for (int64_t k = 0; k < n->outer * n->inner; k++) {
    int64_t at = position(n, f, k);
    store(to, at, plus(n, times(n, minus(n, load(x, at), mean), factor), offset));
  }
}

tn_value *tn_eval_batch_norm_inference(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  norm n = describe(inst, inst->shape);
  tn_value *result = tn_value_new(eval, inst->shape);
  for (int64_t f = 0; f < n.features; f++)
    normalise(&n, f, operands[0], load(operands[1], f), load(operands[2], f), load(operands[3], f),
              load(operands[4], f), result);
  return result;
}

static number mean_of(const norm *n, int64_t f, const tn_value *x) {
  sum s = {0};
  for (int64_t k = 0; k < n->outer * n->inner; k++) join(&s, load(x, position(n, f, k)));
  return over(n, finish(n, &s), (double)(n->outer * n->inner));
}

static number variance_of(const norm *n, int64_t f, const tn_value *x, number mean) {
  sum s = {0};
  for (int64_t k = 0; k < n->outer * n->inner; k++) {
    number away = minus(n, load(x, position(n, f, k)), mean);
    join(&s, times(n, away, away));
  }
  return over(n, finish(n, &s), (double)(n->outer * n->inner));
}

tn_value *tn_eval_batch_norm_training(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  norm n = describe(inst, operands[0]->literal.shape);
  tn_value *results[3];
  for (int i = 0; i < 3; i++) results[i] = tn_value_new(eval, inst->shape->elements[i]);
  for (int64_t f = 0; f < n.features; f++) {
    number mean = mean_of(&n, f, operands[0]), variance = variance_of(&n, f, operands[0], mean);
    normalise(&n, f, operands[0], load(operands[1], f), load(operands[2], f), mean, variance, results[0]);
    store(results[1], f, mean);
    store(results[2], f, variance);
  }
  return tn_value_tuple(eval, inst->shape, results);
}

/* Operands x, scale, mean, variance, dy; with r = 1/sqrt(variance + epsilon), N elements:
 *   d offset = sum dy,  d scale = r sum dy (x - mean)
 *   d x = scale r (dy - d offset / N - (x - mean) r d scale / N)                         */
tn_value *tn_eval_batch_norm_grad(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  norm n = describe(inst, operands[0]->literal.shape);
  tn_value *results[3];
  for (int i = 0; i < 3; i++) results[i] = tn_value_new(eval, inst->shape->elements[i]);
  int64_t count = n.outer * n.inner;
  for (int64_t f = 0; f < n.features; f++) {
    number mean = load(operands[2], f), r = inverse_deviation(&n, load(operands[3], f));
    sum offsets = {0}, scales = {0};
    for (int64_t k = 0; k < count; k++) {
      int64_t at = position(&n, f, k);
      number dy = load(operands[4], at);
      join(&offsets, dy);
      join(&scales, times(&n, dy, minus(&n, load(operands[0], at), mean)));
    }
    number d_offset = finish(&n, &offsets), d_scale = times(&n, finish(&n, &scales), r);
    number factor = times(&n, load(operands[1], f), r),
           share = over(&n, times(&n, d_scale, r), (double)count);
    for (int64_t k = 0; k < count; k++) {
      int64_t at = position(&n, f, k);
      number x = minus(&n, load(operands[0], at), mean), dy = load(operands[4], at);
      number rest = minus(&n, minus(&n, dy, over(&n, d_offset, (double)count)), times(&n, x, share));
      store(results[0], at, times(&n, factor, rest));
    }
    store(results[1], f, d_scale);
    store(results[2], f, d_offset);
  }
  return tn_value_tuple(eval, inst->shape, results);
}
