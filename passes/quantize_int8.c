/* Float products with known ranges as products of bytes.
 *
 *   y = maximum(add(dot(x, w), broadcast(bias)), 0)         x, y: f32 with tenon.range; w a constant
 *  =>
 *   a = s32 dot(qx, qw)                                      qx = round(x / sx), qw = round(w / sw[c])
 *   f = add(multiply(convert(a), broadcast(sx * sw / sy)), broadcast(bias / sy))
 *  qy = s8 convert(clamp(-128, round-nearest-even(maximum(f, 0)), 127))
 *
 * where y is read as bytes; where it is read as floats, f = a * (sx * sw) + bias takes the place of y.
 * A residual is one more addition of bytes times a number, behind the bias. Bytes are signed, zero
 * is 0, so padding stays 0: scale = largest / 127, of values one number, of weights one a channel,
 * whose bytes are -127 … 127. Normalisation by constants is in the factor and the offset of its
 * channel. What follows is known to array targets (one pass of the vector unit) and to fusion (one
 * epilogue). quantize_scheme.c says what becomes bytes.
 *
 * Changes values: it runs only when it is asked for, and only products whose operands carry ranges
 * are touched. Keeps: types and shapes of parameters and results. Takes all ranges away.
 * In loops nothing is measured: there only bounds count that follow from the computation itself.
 * Cost: linear; weights are read twice.
 *
 * After: Jacob et al., "Quantization and Training of Neural Networks …" (2018); Wu et al., "Integer
 * Quantization for Deep Learning Inference" (2020).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/quantize_scheme.h"
#include "passes/values.h"

#include <math.h>

typedef struct {
  tn_quantize_scheme scheme;
  tn_pass_context *context;
} work;

static tn_quantize_value *value_of(work *w, const tn_inst *inst) { return &w->scheme.of[inst->id]; }
static float scale_of(work *w, const tn_inst *inst) { return tn_quantize_scale(&w->scheme, inst); }

/* What is made of `inst` stands right behind it. */
static tn_site site_behind(tn_inst *inst) { return (tn_site){inst->parent, inst->next, inst}; }

static const tn_shape *bytes_shape(tn_site site, const tn_shape *shape, tn_type type) {
  return tn_shape_array(tn_site_arena(site), type, shape->rank, shape->dims);
}

/* ---- weights ---- */

/* The bytes of the weights, and the scale of each channel's. */
static tn_inst *weight_bytes(work *w, tn_site site, const tn_quantize_product *p, double *scales) {
  const tn_inst *weights = value_of(w, p->product)->operands[p->weights];
  const float *values = weights->attr.constant.literal->data;
  int64_t count = tn_shape_elements(weights->shape);
  tn_channel_walk at = tn_channel_walk_of(p, weights->shape);
  void *data;
  tn_literal *literal =
      tn_literal_uninitialised(tn_site_arena(site), bytes_shape(site, weights->shape, TN_S8), &data);
  for (int64_t i = 0; i < count; i++, tn_channel_step(&at))
    scales[at.channel] = fmax(scales[at.channel], fabs((double)values[i]));
  for (int64_t c = 0; c < p->count; c++) {
    float scale = (float)(scales[c] / 127);
    scales[c] = scale > 0 ? scale : 1;
  }
  at.channel = 0;
  for (int64_t i = 0; i < count; i++, tn_channel_step(&at))
    ((int8_t *)data)[i] = (int8_t)fmax(-127, fmin(nearbyint(values[i] / scales[at.channel]), 127));
  w->context->bytes += count;
  return tn_build_constant(site.comp, site.before, literal);
}

/* ---- numbers by channel ---- */

static tn_inst *by_channel(tn_site site, const tn_quantize_product *p, const double *values,
                           const tn_shape *shape) {
  bool same = true;
  for (int64_t c = 1; c < p->count; c++) same = same && (float)values[c] == (float)values[0];
  if (same)
    return tn_make_filled(site, tn_shape_with_type(tn_site_arena(site), shape, TN_F32), (float)values[0]);
  int64_t dims[TN_MOST_DIMS];
  void *data;
  for (int i = 0; i < p->n_channels; i++) dims[i] = p->product->shape->dims[p->channels[i]];
  tn_literal *literal = tn_literal_uninitialised(
      tn_site_arena(site), tn_shape_array(tn_site_arena(site), TN_F32, p->n_channels, dims), &data);
  for (int64_t c = 0; c < p->count; c++) ((float *)data)[c] = (float)values[c];
  return tn_make_broadcast(site, tn_build_constant(site.comp, site.before, literal), shape, p->channels);
}

static tn_inst *times(tn_site site, tn_inst *value, double by) {
  return tn_make_binary(site, TN_OP_MULTIPLY, value, tn_make_filled(site, value->shape, (float)by));
}

/* Bytes of another value in steps of `scale`. */
static tn_inst *rescaled(work *w, tn_site site, const tn_inst *value, float scale) {
  tn_inst *bytes = value_of(w, value)->bytes;
  return times(site, tn_make_convert(site, bytes, TN_F32), (double)scale_of(w, value) / scale);
}

static tn_inst *rounded(tn_site site, tn_inst *value) {
  tn_inst *even = tn_make_unary(site, TN_OP_ROUND_NEAREST_EVEN, value);
  tn_inst *clamp[] = {tn_make_scalar(site, TN_F32, -128), even, tn_make_scalar(site, TN_F32, 127)};
  return tn_make_convert(site, tn_make_inst(site, TN_OP_CLAMP, even->shape, 3, clamp), TN_S8);
}

/* ---- products ---- */

/* The sums, in s32; *scale is the step of each channel's. */
static tn_inst *integer_product(work *w, tn_site site, const tn_quantize_product *p, double *scales) {
  const tn_quantize_value *v = value_of(w, p->product);
  tn_inst *operands[2];
  if (p->weights >= 0)
    operands[p->weights] = weight_bytes(w, site, p, scales);
  else
    scales[0] = 1;
  for (int i = 0; i < 2; i++) {
    if (i == p->weights) continue;
    operands[i] = value_of(w, v->operands[i])->bytes;
    for (int64_t c = 0; c < p->count; c++) scales[c] *= scale_of(w, v->operands[i]);
  }
  return tn_inst_clone(site.comp, site.before, p->product, bytes_shape(site, p->product->shape, TN_S32), 2,
                       operands);
}

static bool any(const double *values, int64_t count) {
  for (int64_t c = 0; c < count; c++)
    if (values[c] != 0) return true;
  return false;
}

static tn_inst *limited(tn_site site, tn_inst *value, double low, double high) {
  if (isfinite(low) && isfinite(high)) {
    tn_inst *clamp[] = {tn_make_scalar(site, TN_F32, (float)low), value,
                        tn_make_scalar(site, TN_F32, (float)high)};
    return tn_make_inst(site, TN_OP_CLAMP, value->shape, 3, clamp);
  }
  if (isfinite(low))
    value = tn_make_binary(site, TN_OP_MAXIMUM, value, tn_make_filled(site, value->shape, (float)low));
  if (isfinite(high))
    value = tn_make_binary(site, TN_OP_MINIMUM, value, tn_make_filled(site, value->shape, (float)high));
  return value;
}

/* The product and what follows it, in steps of `scale`: f32. */
static tn_inst *product_value(work *w, tn_site site, const tn_quantize_product *p, float scale) {
  double *scales = TN_NEW_ARRAY(w->scheme.arena, double, p->count);
  tn_inst *value = tn_make_convert(site, integer_product(w, site, p, scales), TN_F32);
  double *offset = TN_NEW_ARRAY(w->scheme.arena, double, p->count);
  for (int64_t c = 0; c < p->count; c++) {
    scales[c] = scales[c] * p->factor[c] / scale;
    offset[c] = p->offset[c] / scale;
  }
  value = tn_make_binary(site, TN_OP_MULTIPLY, value, by_channel(site, p, scales, value->shape));
  if (any(offset, p->count))
    value = tn_make_binary(site, TN_OP_ADD, value, by_channel(site, p, offset, value->shape));
  if (p->residual) value = tn_make_binary(site, TN_OP_ADD, value, rescaled(w, site, p->residual, scale));
  return limited(site, value, p->low / scale, p->high / scale);
}

/* ---- other forms ---- */

static tn_inst *zero_or_least(tn_site site, const tn_inst *inst) {
  return tn_make_integer(site, TN_S8, inst->op == TN_OP_PAD ? 0 : -128);
}

static tn_inst *moved_bytes(work *w, tn_site site, tn_inst *inst) {
  const tn_quantize_value *v = value_of(w, inst);
  tn_inst **operands =
      tn_arena_copy(w->scheme.arena, v->operands, sizeof *operands * (size_t)inst->n_operands);
  int bytes = inst->op == TN_OP_CONCATENATE ? inst->n_operands : 1;
  for (int i = 0; i < bytes; i++) operands[i] = value_of(w, v->operands[i])->bytes;
  bool joins = inst->op == TN_OP_REDUCE || inst->op == TN_OP_REDUCE_WINDOW;
  if (joins || inst->op == TN_OP_PAD) operands[1] = zero_or_least(site, inst);
  tn_inst *moved = tn_inst_clone(site.comp, site.before, inst, bytes_shape(site, inst->shape, TN_S8),
                                 inst->n_operands, operands);
  tn_comp *largest = joins ? tn_make_binary_comp(site, TN_OP_MAXIMUM, TN_S8) : NULL;
  if (joins) tn_inst_set_called(moved, 1, &largest);
  return moved;
}

static tn_inst *mean_value(work *w, tn_site site, tn_inst *inst, float scale) {
  const tn_quantize_value *v = value_of(w, inst);
  tn_inst *wide = tn_make_convert(site, value_of(w, v->sources[0])->bytes, TN_S32);
  tn_inst *operands[] = {wide, tn_make_integer(site, TN_S32, 0)};
  tn_inst *sum = tn_inst_clone(site.comp, site.before, v->reduction,
                               bytes_shape(site, v->reduction->shape, TN_S32), 2, operands);
  tn_comp *add = tn_make_binary_comp(site, TN_OP_ADD, TN_S32);
  tn_inst_set_called(sum, 1, &add);
  return times(site, tn_make_convert(site, sum, TN_F32), scale_of(w, v->sources[0]) * v->factor / scale);
}

static tn_inst *sum_value(work *w, tn_site site, tn_inst *inst, float scale) {
  const tn_quantize_value *v = value_of(w, inst);
  tn_inst *a = rescaled(w, site, v->sources[0], scale), *b = rescaled(w, site, v->sources[1], scale);
  return limited(site, tn_make_binary(site, TN_OP_ADD, a, b), v->low / scale, v->high / scale);
}

/* quantize or dequantize with one scale. */
static tn_inst *converted(tn_site site, tn_op op, tn_inst *value, tn_type type, float scale) {
  tn_inst *operands[] = {value, tn_make_scalar(site, TN_F32, scale)};
  tn_inst *inst = tn_make_inst(site, op, bytes_shape(site, value->shape, type), 2, operands);
  inst->attr.quantize.dim = -1;
  return inst;
}

static tn_inst *make_bytes(work *w, tn_site site, tn_inst *inst) {
  float scale = scale_of(w, inst);
  const tn_quantize_value *v = value_of(w, inst);
  switch (v->form) {
  case TN_BYTES_OF_FLOATS:
  case TN_BYTES_OF_TABLE: return converted(site, TN_OP_QUANTIZE, inst, TN_S8, scale);
  case TN_BYTES_OF_BYTES: return moved_bytes(w, site, inst);
  case TN_BYTES_OF_PRODUCT: return rounded(site, product_value(w, site, v->product, scale));
  case TN_BYTES_OF_SUM: return rounded(site, sum_value(w, site, inst, scale));
  case TN_BYTES_OF_MEAN: return rounded(site, mean_value(w, site, inst, scale));
  }
  return NULL;
}

/* ---- in the place of floats ---- */

static void replace_floats(work *w, tn_inst *inst, tn_inst *by, const tn_inst *except) {
  int count = inst->users.count;
  tn_inst **users = tn_arena_copy(w->scheme.arena, inst->users.at, sizeof *users * (size_t)count);
  for (int i = 0; i < count; i++) {
    if (users[i] == except || users[i] == by) continue;
    for (int o = 0; o < users[i]->n_operands; o++)
      if (users[i]->operands[o] == inst) tn_inst_set_operand(users[i], o, by);
  }
  if (inst->parent->root == inst) inst->parent->root = by;
}

static void rewrite_value(work *w, tn_inst *inst) {
  tn_quantize_value *v = value_of(w, inst);
  tn_site site = site_behind(inst);
  v->bytes = make_bytes(w, site, inst);
  if (v->form == TN_BYTES_OF_FLOATS || v->form == TN_BYTES_OF_BYTES) return;
  bool read = inst->parent->root == inst;
  for (int i = 0; i < inst->users.count; i++) read = read || inst->users.at[i] != v->bytes;
  if (!read) return;
  tn_inst *floats = converted(site, TN_OP_DEQUANTIZE, v->bytes, TN_F32, scale_of(w, inst));
  replace_floats(w, inst, floats, v->bytes);
}

/* A product that is read as floats, with the steps behind it. */
static void rewrite_product(work *w, tn_inst *inst) {
  tn_quantize_product *p = value_of(w, inst)->product;
  tn_inst *floats = product_value(w, site_behind(p->end), p, 1);
  replace_floats(w, p->end, floats, NULL);
}

static bool rewrite_comp(work *w, tn_comp *comp) {
  TN_VEC(tn_inst *) list = {0};
  bool changed = false;
  TN_FOR_EACH_IN_COMP(comp, inst) TN_PUSH(w->scheme.arena, &list, inst);
  for (int i = 0; i < list.count; i++) {
    tn_inst *inst = list.at[i];
    const tn_quantize_value *v = value_of(w, inst);
    if (v->taken && !v->covered) rewrite_product(w, inst);
    if (v->wanted) rewrite_value(w, inst);
    changed = changed || v->taken;
  }
  return changed;
}

static bool allow(void *user) { return tn_pass_spend(user); }

bool tn_pass_quantize_int8(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  work w = {tn_quantize_scheme_of(module, context->scratch, false), context};
  TN_FOR_EACH_COMP(module, comp) {
    if (!tn_comp_is_sequence(comp)) continue;
    tn_quantize_comp(&w.scheme, comp, allow, context);
    changed = rewrite_comp(&w, comp) || changed;
  }
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    tn_range range;
    if (!tn_range_read(inst, &range)) continue;
    tn_range_write(inst, NULL);
    changed = true;
  }
  return changed;
}
