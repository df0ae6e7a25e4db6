/* Scales and biases behind one another become one each: only with --reassociate.
 *
 *   y = add(multiply(s, broadcast(a)), broadcast(b))         s = convert(sums of bytes)
 *   y = maximum(y, 0)                                   =>   add(multiply(s, broadcast(a/t)), broadcast(b/t))
 *   q = multiply(y, 1/t)                                     maximum(…, 0)
 *
 * A scale goes through sums and limits into the scales before them; of sums, residuals, into each. An integer
 * bias goes into that of floats: (s + i)·a + b is s·a + (i·a + b). That is how quantized networks come from
 * exporters: dequantized, added, limited, quantized again. One scale and one bias by channel are what a kernel's
 * end does once for each element, and what the vector unit of an array has.
 * Keeps: values within a few roundings; scales above 0, and no constant that would leave the normal
 * numbers. Each step leaves one product less, or of what is only converted, which others read too, a
 * copy. Cost: linear; constants are read once for each scale.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/values.h"

#include <math.h>
#include <string.h>

enum { DEEPEST = 12 };

static bool is_f32(const tn_inst *inst) {
  return inst->shape->type == TN_F32 && tn_shape_is_plain(inst->shape);
}

static bool is_normal(double value) { return fabs(value) >= 0x1p-126 && fabs(value) <= 1e38; }

static const tn_inst *constant_of(const tn_inst *inst) {
  while (inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE) inst = inst->operands[0];
  return inst->op == TN_OP_CONSTANT ? inst : NULL;
}

/* Every element times `scale` is as exact as it was; zeros and infinities are. */
static bool may_be_scaled(const tn_inst *constant, double scale) {
  const float *data = constant->attr.constant.literal->data;
  for (int64_t i = 0; i < tn_shape_elements(constant->shape); i++)
    if (data[i] != 0 && isfinite(data[i]) && !is_normal(data[i] * scale)) return false;
  return true;
}

static int constant_side(const tn_inst *product) {
  return constant_of(product->operands[1]) ? 1 : constant_of(product->operands[0]) ? 0 : -1;
}

/* Ends the value in products with constants, or in constants, on all ways? */
static bool takes(const tn_inst *inst, double scale, int depth) {
  const tn_inst *constant = constant_of(inst);
  if (!is_f32(inst) || depth == 0) return false;
  if (constant) return may_be_scaled(constant, scale);
  if (!tn_rewrite_is_free_to_move(inst) || inst == inst->parent->root) return false;
  bool alone = inst->users.count == 1;
  switch ((int)inst->op) {
  case TN_OP_MULTIPLY: {
    int side = constant_side(inst);
    if (side < 0 || !may_be_scaled(constant_of(inst->operands[side]), scale)) return false;
    const tn_inst *of = inst->operands[1 - side];
    if (of->op == TN_OP_SUBTRACT) of = of->operands[0];
    return alone || of->op == TN_OP_CONVERT;
  }
  case TN_OP_ADD:
  case TN_OP_SUBTRACT:
  case TN_OP_MAXIMUM:
  case TN_OP_MINIMUM:
    return alone && takes(inst->operands[0], scale, depth - 1) && takes(inst->operands[1], scale, depth - 1);
  case TN_OP_CLAMP:
    for (int i = 0; i < 3; i++)
      if (!takes(inst->operands[i], scale, depth - 1)) return false;
    return alone;
  }
  return false;
}

static tn_inst *scaled_constant(tn_site site, tn_inst *inst, double scale) {
  if (inst->op != TN_OP_CONSTANT) {
    tn_inst *from = scaled_constant(site, inst->operands[0], scale);
    return tn_inst_clone(site.comp, site.before, inst, inst->shape, 1, &from);
  }
  const float *data = inst->attr.constant.literal->data;
  int64_t count = tn_shape_elements(inst->shape);
  float *values = TN_NEW_ARRAY(tn_site_arena(site), float, count);
  for (int64_t i = 0; i < count; i++) values[i] = (float)(data[i] * scale);
  return tn_make_array(site, inst->shape, values);
}

static tn_inst *scaled(tn_site site, tn_inst *inst, double scale) {
  if (constant_of(inst)) return scaled_constant(site, inst, scale);
  tn_inst *operands[3];
  int only = inst->op == TN_OP_MULTIPLY ? constant_side(inst) : -1;
  for (int i = 0; i < inst->n_operands; i++)
    operands[i] = only >= 0 && i != only ? inst->operands[i] : scaled(site, inst->operands[i], scale);
  return tn_inst_clone(site.comp, site.before, inst, inst->shape, inst->n_operands, operands);
}

static tn_inst *fold_scale(tn_pass_context *context, tn_inst *inst) {
  if (!is_f32(inst)) return NULL;
  for (int side = 0; side < 2; side++) {
    tn_inst *value = inst->operands[1 - side];
    const void *number = tn_one_value(inst->operands[side]);
    double scale = number ? tn_load_float(TN_F32, number) : 0;
    if (!(scale > 0) || !isfinite(scale) || constant_of(value) || value->users.count != 1) continue;
    if (!takes(value, scale, DEEPEST) || !tn_pass_spend(context)) continue;
    return scaled(tn_site_of(inst), value, scale);
  }
  return NULL;
}

/* ---- biases ---- */

/* One number, or one for each index of some dims. */
typedef struct {
  const tn_inst *constant;
  tn_dims along;
} channel_numbers;

static bool read_numbers(const tn_inst *inst, tn_type type, channel_numbers *numbers) {
  *numbers = (channel_numbers){.constant = inst};
  if (inst->op == TN_OP_BROADCAST)
    *numbers = (channel_numbers){inst->operands[0], inst->attr.dimensions.dims};
  return numbers->constant->op == TN_OP_CONSTANT && numbers->constant->shape->type == type;
}

static bool same_channels(const channel_numbers *a, const channel_numbers *b) {
  return a->along.count == b->along.count && tn_shape_same_dims(a->constant->shape, b->constant->shape) &&
         memcmp(a->along.at, b->along.at, sizeof *a->along.at * (size_t)a->along.count) == 0;
}

/* The only operand that is no constant, of an operation that is read once; what it joins in *numbers. */
static tn_inst *inner_of(tn_inst *inst, tn_op op, tn_type type, channel_numbers *numbers) {
  if (inst->op != op || inst->users.count != 1 || inst->shape->type != type) return NULL;
  for (int i = 0; i < 2; i++)
    if (!constant_of(inst->operands[1 - i]) && read_numbers(inst->operands[i], type, numbers))
      return inst->operands[1 - i];
  return NULL;
}

/* i·a + b */
static tn_inst *joined_bias(tn_site site, const channel_numbers *i, const channel_numbers *a,
                            const channel_numbers *b, const tn_shape *full) {
  const int32_t *integers = i->constant->attr.constant.literal->data;
  const float *scales = a->constant->attr.constant.literal->data,
              *biases = b->constant->attr.constant.literal->data;
  int64_t count = tn_shape_elements(i->constant->shape), step = tn_shape_elements(a->constant->shape) > 1,
          next = tn_shape_elements(b->constant->shape) > 1;
  float *values = TN_NEW_ARRAY(tn_site_arena(site), float, count);
  for (int64_t c = 0; c < count; c++)
    values[c] = (float)((double)integers[c] * scales[c * step] + biases[c * next]);
  tn_inst *small =
      tn_make_array(site, tn_shape_with_type(tn_site_arena(site), i->constant->shape, TN_F32), values);
  return tn_make_broadcast(site, small, full, i->along.at);
}

static tn_inst *fold_integer_bias(tn_pass_context *context, tn_inst *inst) {
  channel_numbers i, a, b;
  for (int side = 0; is_f32(inst) && side < 2; side++) {
    tn_inst *product = inst->operands[1 - side];
    if (constant_of(product) || !read_numbers(inst->operands[side], TN_F32, &b)) continue;
    tn_inst *wide = inner_of(product, TN_OP_MULTIPLY, TN_F32, &a);
    if (!wide || wide->op != TN_OP_CONVERT || wide->users.count != 1) continue;
    tn_inst *sums = inner_of(wide->operands[0], TN_OP_ADD, TN_S32, &i);
    bool fits = sums && i.along.count && (!a.along.count || same_channels(&i, &a)) &&
                (!b.along.count || same_channels(&i, &b));
    if (!fits || !tn_pass_spend(context)) continue;
    tn_site site = tn_site_of(inst);
    tn_inst *value = tn_make_convert(site, sums, TN_F32);
    value = tn_make_binary(site, TN_OP_MULTIPLY, value, product->operands[product->operands[0] == wide]);
    return tn_make_binary(site, TN_OP_ADD, value, joined_bias(site, &i, &a, &b, inst->shape));
  }
  return NULL;
}

bool tn_pass_fold_scales(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(MULTIPLY, fold_scale), TN_RULE(ADD, fold_integer_bias)};
  return tn_rewrite_module(module, context, rules, 2);
}
