/* quantize and dequantize, element by element.
 *
 *   quantize    q = saturate(round_even(x / scale) + zero), the division rounded to f32
 *               zero_point_first: q = round_even(saturate(x / scale + zero)), the sum rounded
 *               too: to f32, or f64 where q has more than 16 bits
 *   dequantize  x = (q - zero) * scale, the difference and the product rounded to f32
 *
 * NaN is quantized to 0, whatever the zero point. A quantized value of an inexact one is exact
 * where every value within the bounds gives the same, else its bound is infinite.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

typedef struct {
  tn_type type; /* of q */
  double low, high;
  bool zero_first;
} kind;

static kind kind_of(tn_type type, bool zero_first) {
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  return (kind){type, is_signed ? -ldexp(1, bits - 1) : 0, ldexp(1, is_signed ? bits - 1 : bits) - 1,
                zero_first};
}

static double saturated(const kind *k, double x) { return x < k->low ? k->low : x > k->high ? k->high : x; }

static int64_t quantized(const kind *k, double x, double scale, int64_t zero) {
  double ratio = (float)((float)x / (float)scale), sum = nearbyint(ratio) + (double)zero;
  if (k->zero_first) sum = ratio + (double)zero;
  if (k->zero_first && tn_type_bits(k->type) <= 16) sum = (float)sum;
  if (isnan(sum)) return 0;
  return (int64_t)nearbyint(saturated(k, sum));
}

/* One element and what it is scaled by. */
typedef struct {
  tn_cell x, scale, zero;
  double x_bound, scale_bound, zero_bound;
} terms;

static void load(const tn_value *from, int64_t at, tn_cell *cell, double *bound) {
  tn_lanes lanes = {.type = tn_value_type(from), .re = cell, .bound = bound};
  tn_lanes_load(&lanes, 0, from, at, 1, 1);
}

/* Element `at`; those of one index of the dimension lie `inner` apart, `count` indices. */
static terms load_terms(const tn_inst *inst, tn_value *const *operands, int64_t at) {
  const tn_shape *shape = operands[0]->literal.shape;
  int64_t dim = inst->attr.quantize.dim, inner = 1;
  for (int d = (int)dim + 1; dim >= 0 && d < shape->rank; d++) inner *= shape->dims[d];
  int64_t index = dim >= 0 ? at / inner % shape->dims[dim] : 0;
  terms t = {0};
  load(operands[0], at, &t.x, &t.x_bound);
  load(operands[1], index, &t.scale, &t.scale_bound);
  if (inst->n_operands == 3) load(operands[2], index, &t.zero, &t.zero_bound);
  return t;
}

static double quantized_bound(const kind *k, const terms *t, int64_t q) {
  if (t->zero_bound > 0) return INFINITY;
  if (t->x_bound == 0 && t->scale_bound == 0) return 0;
  if (!(fabs(t->scale.f) > t->scale_bound)) return INFINITY;
  for (int corner = 0; corner < 4; corner++) {
    double x = t->x.f + (corner & 1 ? t->x_bound : -t->x_bound),
           scale = t->scale.f + (corner & 2 ? t->scale_bound : -t->scale_bound);
    if (isnan(x) || quantized(k, x, scale, t->zero.i) != q) return INFINITY;
  }
  return 0;
}

static void store(tn_value *to, int64_t at, tn_cell cell, double bound) {
  tn_lanes lanes = {.type = tn_value_type(to), .re = &cell, .bound = &bound};
  tn_lanes_store(&lanes, 0, to, at, 1, 1);
}

static tn_value *result_of(tn_eval *eval, const tn_inst *inst, const tn_value *operand) {
  tn_value *result = tn_value_new(eval, inst->shape);
  if (result->literal.sizes && operand->literal.sizes) tn_value_set_sizes(result, operand->literal.sizes);
  return result;
}

tn_value *tn_eval_quantize(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_value *result = result_of(eval, inst, operands[0]);
  kind k = kind_of(inst->shape->type, inst->attr.quantize.zero_point_first);
  for (int64_t i = 0; i < tn_shape_elements(inst->shape); i++) {
    terms t = load_terms(inst, operands, i);
    tn_cell q = {.i = quantized(&k, t.x.f, t.scale.f, t.zero.i)};
    store(result, i, q, eval->options.bounds ? quantized_bound(&k, &t, q.i) : 0);
  }
  return result;
}

/* The scale's error, and a rounding each of the difference, the product and the result. */
static double dequantized_bound(tn_type type, const terms *t, double difference, double product) {
  if (t->x_bound > 0 || t->zero_bound > 0) return INFINITY;
  double bound = fabs(difference) * t->scale_bound;
  if ((double)(t->x.i - t->zero.i) != difference) bound += tn_half_ulp(TN_F32, difference) * fabs(t->scale.f);
  if (bound > 0 || fma(difference, t->scale.f, -product) != 0) bound += tn_half_ulp(TN_F32, product);
  if (bound > 0 || tn_round_float(type, product) != product) bound += tn_half_ulp(type, product);
  return isfinite(product) ? bound : t->scale_bound > 0 ? INFINITY : 0;
}

tn_value *tn_eval_dequantize(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_value *result = result_of(eval, inst, operands[0]);
  tn_type type = inst->shape->type;
  for (int64_t i = 0; i < tn_shape_elements(inst->shape); i++) {
    terms t = load_terms(inst, operands, i);
    double difference = (float)(t.x.i - t.zero.i), product = (float)(difference * t.scale.f);
    tn_cell x = {.f = tn_round_float(type, product)};
    store(result, i, x, eval->options.bounds ? dequantized_bound(type, &t, difference, product) : 0);
  }
  return result;
}
