/* quantize and dequantize as elementwise arithmetic.
 *
 *   q = quantize(x, scale, zero)      =>  r = round-nearest-even(divide(f32(x), scale))
 *                                         q = convert(clamp(low, add(r, zero), high))
 *   zero_point_first                  =>  q = convert(round-nearest-even(clamp(low, add(x / scale, zero), high)))
 *   x = dequantize(q, scale, zero)    =>  x = multiply(subtract(f32(q), zero), scale)
 *
 * in f32, which holds sums and differences of integers of 16 bits; with 32 bits sums, clamps and
 * differences are in f64. A sum that f32 rounds is far outside what q holds. No zero point, or one that
 * is a constant of zeros, leaves the addition out.
 * Why: nothing behind this pass needs to know the opcodes; products of dequantized values are
 * found as they stand in programs that were written without them (quantized_products.c). Keeps:
 * every bit. Cost: linear.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "passes/make.h"
#include "passes/values.h"

#include <math.h>

typedef struct {
  tn_site site;
  tn_inst *inst;
  tn_type wide; /* of sums with the zero point */
} work;

static work work_of(tn_inst *inst, tn_type quantized) {
  return (work){tn_site_of(inst), inst, tn_type_bits(quantized) <= 16 ? TN_F32 : TN_F64};
}

/* One value, or one for each index of the dimension, in the dims of x. */
static tn_inst *spread(const work *w, tn_inst *values, const tn_inst *x) {
  const tn_shape *full =
      tn_shape_array(tn_site_arena(w->site), values->shape->type, x->shape->rank, x->shape->dims);
  if (values->shape->rank == 0 && full->rank == 0) return values;
  return tn_make_broadcast(w->site, values, full, &w->inst->attr.quantize.dim);
}

/* The zero point as a float in the dims of x; NULL: it changes nothing. */
static tn_inst *zero_of(const work *w, const tn_inst *x) {
  if (w->inst->n_operands < 3) return NULL;
  tn_inst *zero = w->inst->operands[2];
  if (tn_is_all(zero, 0)) return NULL;
  if (zero->op != TN_OP_CONSTANT) return spread(w, tn_make_convert(w->site, zero, w->wide), x);
  void *data;
  tn_arena *arena = tn_site_arena(w->site);
  const tn_shape *shape = tn_shape_array(arena, w->wide, zero->shape->rank, zero->shape->dims);
  tn_literal *literal = tn_literal_uninitialised(arena, shape, &data);
  tn_convert_elements(w->wide, data, zero->shape->type, zero->attr.constant.literal->data,
                      (size_t)tn_shape_elements(shape));
  return spread(w, tn_build_constant(w->site.comp, w->site.before, literal), x);
}

/* Without NaN's 0 the conversion itself would do. */
static tn_inst *saturated(const work *w, tn_inst *x, tn_type type) {
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  double low = is_signed ? -ldexp(1, bits - 1) : 0, high = ldexp(1, is_signed ? bits - 1 : bits) - 1;
  tn_inst *operands[] = {tn_make_scalar(w->site, w->wide, low), x, tn_make_scalar(w->site, w->wide, high)};
  return tn_make_inst(w->site, TN_OP_CLAMP, x->shape, 3, operands);
}

static tn_inst *expand_quantize(tn_pass_context *context, tn_inst *inst) {
  if (!tn_pass_spend(context)) return NULL;
  tn_type type = inst->shape->type;
  work w = work_of(inst, type);
  bool zero_first = inst->attr.quantize.zero_point_first;
  tn_inst *x = tn_make_convert(w.site, inst->operands[0], TN_F32), *zero = zero_of(&w, x);
  x = tn_make_binary(w.site, TN_OP_DIVIDE, x, spread(&w, inst->operands[1], x));
  if (!zero_first) x = tn_make_unary(w.site, TN_OP_ROUND_NEAREST_EVEN, x);
  x = tn_make_convert(w.site, x, w.wide);
  if (zero) x = tn_make_binary(w.site, TN_OP_ADD, x, zero);
  x = saturated(&w, x, type);
  if (zero_first) x = tn_make_unary(w.site, TN_OP_ROUND_NEAREST_EVEN, x);
  return tn_make_convert(w.site, x, type);
}

static tn_inst *expand_dequantize(tn_pass_context *context, tn_inst *inst) {
  if (!tn_pass_spend(context)) return NULL;
  work w = work_of(inst, inst->operands[0]->shape->type);
  tn_inst *q = inst->operands[0], *zero = zero_of(&w, q);
  tn_inst *x = tn_make_convert(w.site, q, zero ? w.wide : TN_F32);
  if (zero) x = tn_make_convert(w.site, tn_make_binary(w.site, TN_OP_SUBTRACT, x, zero), TN_F32);
  x = tn_make_binary(w.site, TN_OP_MULTIPLY, x, spread(&w, inst->operands[1], x));
  return tn_make_convert(w.site, x, inst->shape->type);
}

bool tn_pass_quantize_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(QUANTIZE, expand_quantize),
                                     TN_RULE(DEQUANTIZE, expand_dequantize)};
  return tn_rewrite_module(module, context, rules, 2);
}
