/* Products of dequantized values as integer products.
 *
 *   x = multiply(subtract(convert_f32(qx), zx), sx)      q = s32 dot(qx, qw)
 *   w = multiply(convert_f32(qw), sw[n])            =>   i = add(q, -zx * Σk qw[k,n])
 *   y = f32 dot(x, w)                                    y = multiply(convert_f32(i), sx*sw[n])
 *
 * qx is s8 or u8, sx and zx (an integer) are one number; qw is a constant of bytes that are s8 when its
 * zero point is taken away, sw one number or one a result feature. All may be written as XLA's front ends
 * write it: with or without broadcasts, the zero point taken away as s32 or f32. Where front ends have
 * computed with the weights already, floats that are bytes times a power of two, or times a scale that is
 * still there, are taken as those bytes.
 *
 * What follows — bias, activation, residual, the quantization of the result — stays as it is:
 * fusion puts it behind the integer sum, so each product is one kernel from bytes to bytes. What
 * the zero point adds is known when compiling: the sums of the weights' columns. A convolution's
 * padding becomes a pad with the zero point. qx keeps its type, which arrays may ask for; machines
 * that multiply u8 by s8 alone have byte-products.
 *
 * Exact, this pass alone: scales are powers of two and no sum of |products| exceeds 2^24, so
 * that every step of the float product is exact too. Other scales round differently: see
 * round_quantized_products.c. It runs before folding, which would make floats of the weights.
 * Cost: linear; the weights are read once.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/quantized_products.h"

#include "base/number.h"
#include "passes/make.h"
#include "passes/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is dequantized ---- */

/* The same elements in their order, with dims of one more or less. */
static const tn_inst *renamed(const tn_inst *inst) {
  while (inst->op == TN_OP_RESHAPE ||
         (inst->op == TN_OP_BROADCAST &&
          tn_shape_elements(inst->shape) == tn_shape_elements(inst->operands[0]->shape)))
    inst = inst->operands[0];
  return inst;
}

/* The only dim that is not of one element; -1: none, or several. */
static int only_dim(const tn_shape *shape) {
  int only = -1;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] == 1) continue;
    if (only >= 0) return -1;
    only = d;
  }
  return only;
}

/* A constant, of one element or spread along one dim of `value`. */
static const tn_literal *constant_of(const tn_inst *value, int64_t *along) {
  const tn_inst *inst = value->op == TN_OP_BROADCAST ? value->operands[0] : value, *constant = renamed(inst);
  *along = -1;
  if (constant->op != TN_OP_CONSTANT || !tn_shape_is_array(constant->shape)) return NULL;
  if (tn_shape_elements(constant->shape) == 1 && (inst != value || !value->shape->rank))
    return constant->attr.constant.literal;
  int only = only_dim(inst->shape);
  if (value->op != TN_OP_BROADCAST || only < 0) return NULL;
  *along = value->attr.dimensions.dims.at[only];
  return constant->attr.constant.literal;
}

/* A constant of one integer, as its type or as f32. */
static bool zero_of(const tn_inst *inst, int64_t *zero) {
  int64_t along;
  const tn_literal *literal = constant_of(inst, &along);
  if (!literal || along >= 0) return false;
  tn_type type = literal->shape->type;
  if (tn_type_is_integer(type)) {
    *zero = tn_load_integer(type, literal->data);
  } else if (type == TN_F32) {
    double value = tn_load_float(type, literal->data);
    *zero = (int64_t)(value >= -255 && value <= 255 ? value : 256);
    if ((double)*zero != value) return false;
  } else {
    return false;
  }
  return *zero >= -255 && *zero <= 255;
}

/* f32 of q - zero. */
static bool match_difference(tn_inst *inst, tn_dequantized *d) {
  d->zero = 0;
  if (inst->op == TN_OP_CONVERT && inst->shape->type == TN_F32 && tn_is_byte(inst->operands[0]))
    return d->q = inst->operands[0], true;
  if (inst->op == TN_OP_CONVERT && inst->shape->type == TN_F32) inst = inst->operands[0];
  if (inst->op != TN_OP_SUBTRACT || (inst->shape->type != TN_F32 && inst->shape->type != TN_S32))
    return false;
  tn_inst *wide = inst->operands[0];
  if (wide->op != TN_OP_CONVERT || !tn_is_byte(wide->operands[0])) return false;
  d->q = wide->operands[0];
  return zero_of(inst->operands[1], &d->zero);
}

bool tn_match_dequantized(tn_inst *inst, tn_dequantized *d) {
  if (inst->op != TN_OP_MULTIPLY || inst->shape->type != TN_F32) return false;
  for (int i = 0; i < 2; i++) {
    d->scale = constant_of(inst->operands[i], &d->along);
    if (d->scale && d->scale->shape->type == TN_F32 && match_difference(inst->operands[1 - i], d))
      return true;
  }
  return false;
}

/* ---- the product ---- */

typedef struct {
  tn_inst *inst;
  tn_dequantized x;
  int64_t features, feature_dim; /* of the result */
  tn_inst *bytes;                /* the weights, if they are a constant of s8 already */
  const int8_t *weights;
  double *scales; /* of each feature's weights */
  int64_t *sums;  /* of each feature's weights */
  int64_t most;   /* the largest sum of their sizes */
} product;

static bool is_plain_dot(const tn_inst *dot) {
  const tn_dot_side *side = dot->attr.dot->side;
  return !side[0].batch.count && side[0].contracting.count == 1 && side[1].contracting.count == 1 &&
         dot->operands[1]->shape->rank == 2;
}

static bool is_plain_convolution(const tn_inst *inst) {
  for (int i = 0; i < inst->attr.convolution->window.count; i++)
    if (inst->attr.convolution->window.at[i].lhs_dilation != 1) return false;
  return inst->attr.convolution->batch_groups == 1;
}

/* The dim of the weights that result features are. */
static int64_t weight_feature_dim(const tn_inst *inst) {
  return inst->op == TN_OP_DOT ? 1 - inst->attr.dot->side[1].contracting.at[0]
                               : inst->attr.convolution->dims.kernel_output;
}

/* Index of the feature of element i of the weights. */
typedef struct {
  int64_t count, inner, features;
} weight_order;

static weight_order order_of(const tn_inst *inst) {
  const tn_shape *shape = inst->operands[1]->shape;
  int64_t dim = weight_feature_dim(inst);
  weight_order order = {tn_shape_elements(shape), 1, shape->dims[dim]};
  for (int d = (int)dim + 1; d < shape->rank; d++) order.inner *= shape->dims[d];
  return order;
}

static int64_t feature_of(const weight_order *order, int64_t i) { return i / order->inner % order->features; }

/* The largest power of two that all numbers are multiples of, at most `unit`. */
static double common_unit(double unit, double number) {
  int exponent;
  double mantissa = frexp(fabs(number), &exponent);
  if (mantissa == 0 || !isfinite(number)) return unit;
  int64_t digits = (int64_t)ldexp(mantissa, 24);
  double own = ldexp(1, exponent - 24 + __builtin_ctzll((unsigned long long)digits));
  return own < unit ? own : unit;
}

/* Floats that are bytes times a number of each feature: integers, or with `free` whatever power of
 * two makes them so. Front ends compute with constants, and leave no trace of the bytes.         */
static bool find_bytes(tn_arena *arena, product *p, const float *values, bool free) {
  weight_order order = order_of(p->inst);
  int8_t *bytes = tn_arena_alloc(arena, (size_t)order.count);
  double *unit = TN_NEW_ARRAY(arena, double, order.features);
  for (int64_t f = 0; f < order.features; f++) unit[f] = 1;
  for (int64_t i = 0; i < order.count && free; i++) {
    double *u = &unit[feature_of(&order, i)];
    *u = common_unit(*u, values[i]);
  }
  for (int64_t i = 0; i < order.count; i++) {
    double byte = values[i] / unit[feature_of(&order, i)];
    if (!(byte >= -128 && byte <= 127) || byte != (double)(int8_t)byte) return false;
    bytes[i] = (int8_t)byte;
  }
  for (int64_t f = 0; f < order.features; f++) p->scales[f] *= unit[f];
  p->weights = bytes;
  return true;
}

static bool set_scales(product *p, const tn_literal *scale, int64_t along) {
  if (scale && (scale->shape->type != TN_F32 || (along >= 0 && along != weight_feature_dim(p->inst))))
    return false;
  for (int64_t f = 0; f < p->features; f++)
    p->scales[f] = scale ? tn_load_float(TN_F32, (const char *)scale->data + (along < 0 ? 0 : f) * 4) : 1;
  return true;
}

/* f32 constants, alone or times a scale. */
static bool find_float_weights(tn_arena *arena, product *p, const tn_inst *w) {
  if (w->shape->type != TN_F32) return false;
  if (w->op == TN_OP_CONSTANT)
    return set_scales(p, NULL, -1) && find_bytes(arena, p, w->attr.constant.literal->data, true);
  for (int i = 0; i < 2 && w->op == TN_OP_MULTIPLY; i++) {
    int64_t along;
    const tn_inst *values = w->operands[1 - i];
    const tn_literal *scale = constant_of(w->operands[i], &along);
    if (scale && values->op == TN_OP_CONSTANT && set_scales(p, scale, along))
      return find_bytes(arena, p, values->attr.constant.literal->data, false);
  }
  return false;
}

/* q - zero, where that is bytes again: weights of u8 with the zero point 128, for one. */
static bool find_shifted_weights(tn_arena *arena, product *p, const tn_dequantized *w) {
  tn_type type = w->q->shape->type;
  int64_t count = tn_shape_elements(w->q->shape);
  const uint8_t *data = w->q->attr.constant.literal->data;
  int8_t *bytes = tn_arena_alloc(arena, (size_t)count);
  for (int64_t i = 0; i < count; i++) {
    int64_t value = (type == TN_S8 ? (int8_t)data[i] : data[i]) - w->zero;
    if (value < -128 || value > 127) return false;
    bytes[i] = (int8_t)value;
  }
  p->weights = bytes;
  return true;
}

static bool find_weights(tn_arena *arena, product *p) {
  tn_dequantized w;
  p->scales = TN_NEW_ARRAY(arena, double, p->features);
  if (!tn_match_dequantized(p->inst->operands[1], &w))
    return find_float_weights(arena, p, p->inst->operands[1]);
  if (w.q->op != TN_OP_CONSTANT || !set_scales(p, w.scale, w.along)) return false;
  if (w.zero || w.q->shape->type != TN_S8) return find_shifted_weights(arena, p, &w);
  p->bytes = w.q;
  p->weights = w.q->attr.constant.literal->data;
  return true;
}

static void sum_weights(tn_arena *arena, product *p) {
  weight_order order = order_of(p->inst);
  int64_t *sizes = TN_NEW_ARRAY(arena, int64_t, p->features);
  p->sums = TN_NEW_ARRAY(arena, int64_t, p->features);
  for (int64_t i = 0; i < order.count; i++) {
    int64_t feature = feature_of(&order, i);
    p->sums[feature] += p->weights[i];
    sizes[feature] += abs(p->weights[i]);
  }
  for (int64_t f = 0; f < p->features; f++) p->most = sizes[f] > p->most ? sizes[f] : p->most;
}

static bool find_product(tn_arena *arena, tn_inst *inst, product *p) {
  *p = (product){.inst = inst};
  if (inst->shape->type != TN_F32 || !tn_rewrite_is_free_to_move(inst) || !tn_shape_is_plain(inst->shape))
    return false;
  if (inst->op == TN_OP_DOT ? !is_plain_dot(inst) : !is_plain_convolution(inst)) return false;
  if (!tn_match_dequantized(inst->operands[0], &p->x) || p->x.along >= 0 || p->x.q->op == TN_OP_CONSTANT)
    return false;
  if (!tn_shape_elements(inst->shape) || !tn_shape_elements(inst->operands[1]->shape)) return false;
  int64_t low = p->x.q->shape->type == TN_S8 ? -128 : 0;
  if (p->x.zero < low || p->x.zero > low + 255) return false; /* no byte */
  p->feature_dim =
      inst->op == TN_OP_DOT ? inst->shape->rank - 1 : inst->attr.convolution->dims.output_feature;
  p->features = inst->operands[1]->shape->dims[weight_feature_dim(inst)];
  if (!find_weights(arena, p)) return false;
  sum_weights(arena, p);
  return p->most < INT32_MAX / 1024; /* with 255 and the zero point within s32 */
}

/* ---- exactness ---- */

static double input_scale(const product *p) { return tn_load_float(TN_F32, p->x.scale->data); }

bool tn_is_exact_scale(double scale) {
  int exponent;
  return scale > 0 && frexp(scale, &exponent) == 0.5 && exponent > -48 && exponent < 48;
}

int64_t tn_dequantized_size(const tn_dequantized *d) {
  int64_t low = (d->q->shape->type == TN_S8 ? -128 : 0) - d->zero, high = low + 255;
  return llabs(low) > llabs(high) ? llabs(low) : llabs(high);
}

static bool is_exact(const product *p) {
  if (!tn_is_exact_scale(input_scale(p)) || tn_dequantized_size(&p->x) * p->most > 1 << 24) return false;
  for (int64_t f = 0; f < p->features; f++)
    if (!tn_is_exact_scale(p->scales[f])) return false;
  return true;
}

/* A finite positive scale: the product of two is no NaN where the sum is no NaN. */
static bool is_sane(const product *p) {
  for (int64_t f = 0; f < p->features; f++) {
    float scale = (float)(input_scale(p) * p->scales[f]);
    if (!(scale > 0) || !isfinite(scale)) return false;
  }
  return true;
}

/* ---- the integer product ---- */

static tn_inst *weight_bytes(const product *p) {
  if (p->bytes) return p->bytes;
  const tn_shape *shape = p->inst->operands[1]->shape;
  tn_arena *arena = p->inst->parent->module->arena;
  void *data;
  tn_literal *literal =
      tn_literal_uninitialised(arena, tn_shape_array(arena, TN_S8, shape->rank, shape->dims), &data);
  memcpy(data, p->weights, (size_t)tn_shape_elements(shape));
  return tn_build_constant(p->inst->parent, p->inst, literal);
}

static tn_inst *along_features(product *p, tn_literal *literal, const tn_shape *shape) {
  tn_comp *comp = p->inst->parent;
  return tn_build_broadcast(comp, p->inst, tn_build_constant(comp, p->inst, literal), shape,
                            tn_rewrite_dims(p->inst, 1, &p->feature_dim));
}

/* op(value, numbers[feature]) */
static tn_inst *build_epilogue(product *p, tn_inst *value) {
  tn_comp *comp = p->inst->parent;
  tn_arena *arena = comp->module->arena;
  int32_t *corrections;
  float *scales;
  tn_literal *correction =
      tn_literal_uninitialised(arena, tn_shape_array(arena, TN_S32, 1, &p->features), (void **)&corrections);
  tn_literal *scale =
      tn_literal_uninitialised(arena, tn_shape_array(arena, TN_F32, 1, &p->features), (void **)&scales);
  bool any = false;
  for (int64_t f = 0; f < p->features; f++) {
    corrections[f] = (int32_t)(-p->x.zero * p->sums[f]);
    any = any || corrections[f];
    scales[f] = (float)(input_scale(p) * p->scales[f]);
  }
  if (any)
    value = tn_build_binary(comp, p->inst, TN_OP_ADD, value, along_features(p, correction, value->shape));
  value = tn_build_convert(comp, p->inst, value, TN_F32);
  return tn_build_binary(comp, p->inst, TN_OP_MULTIPLY, value, along_features(p, scale, value->shape));
}

static tn_inst *rewrite(tn_pass_context *context, tn_inst *inst, bool exact) {
  product p;
  if (!find_product(context->scratch, inst, &p) || !is_sane(&p) || (exact && !is_exact(&p))) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_arena *arena = inst->parent->module->arena;
  const tn_shape *sum = tn_shape_array(arena, TN_S32, inst->shape->rank, inst->shape->dims);
  tn_inst *operands[] = {p.x.q, weight_bytes(&p)};
  tn_inst *result = tn_inst_clone(inst->parent, inst, inst, sum, 2, operands);
  if (inst->op == TN_OP_CONVOLUTION && p.x.zero)
    tn_make_window_explicit(result, (double)p.x.zero); /* what pads stands for 0 */
  return build_epilogue(&p, result);
}

static tn_inst *exact_product(tn_pass_context *context, tn_inst *inst) {
  return rewrite(context, inst, true);
}
static tn_inst *any_product(tn_pass_context *context, tn_inst *inst) { return rewrite(context, inst, false); }
static tn_inst *exact_window(tn_pass_context *context, tn_inst *inst) {
  return tn_quantized_window(context, inst, true);
}
static tn_inst *any_window(tn_pass_context *context, tn_inst *inst) {
  return tn_quantized_window(context, inst, false);
}

bool tn_quantized_products(tn_module *module, tn_pass_context *context, bool exact) {
  static const tn_rewrite exactly[] = {TN_RULE(DOT, exact_product), TN_RULE(CONVOLUTION, exact_product),
                                       TN_RULE(REDUCE, exact_window), TN_RULE(REDUCE_WINDOW, exact_window)};
  static const tn_rewrite any[] = {TN_RULE(DOT, any_product), TN_RULE(CONVOLUTION, any_product),
                                   TN_RULE(REDUCE, any_window), TN_RULE(REDUCE_WINDOW, any_window)};
  return tn_rewrite_module(module, context, exact ? exactly : any, 4);
}

bool tn_pass_quantized_products(tn_module *module, tn_pass_context *context) {
  return tn_quantized_products(module, context, true);
}
