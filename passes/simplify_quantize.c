/* What quantizing and dequantizing say twice.
 *
 *   quantize(dequantize(q, scale, zero), scale, zero)  =>  q
 *
 * where both have the same constant parameters, q the type of the result, and what lies between
 * is f32. Exact: the product and the quotient each round by at most 2^-24 of it, together less than
 * half a step of q up to 2^22; so q has at most 16 bits, and every scale is positive and finite with
 * 2^17 steps. Not so the other way round: dequantize(quantize(x)) is x rounded to steps.
 * It runs before the opcodes are written out. Cost: linear; scales are read once.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/rewrite.h"

#include <math.h>
#include <string.h>

static bool same_constant(const tn_inst *a, const tn_inst *b) {
  if (a == b) return a->op == TN_OP_CONSTANT;
  if (a->op != TN_OP_CONSTANT || b->op != TN_OP_CONSTANT || a->shape->type != b->shape->type) return false;
  return tn_shape_same_dims(a->shape, b->shape) &&
         memcmp(a->attr.constant.literal->data, b->attr.constant.literal->data,
                (size_t)tn_shape_bytes(a->shape)) == 0;
}

static bool are_sane(const tn_inst *scales) {
  const float *scale = scales->attr.constant.literal->data;
  for (int64_t i = 0; i < tn_shape_elements(scales->shape); i++)
    if (!(scale[i] > 0) || !isfinite(scale[i] * 0x1p17f)) return false;
  return true;
}

static tn_inst *quantize_of_dequantize(tn_pass_context *context, tn_inst *inst) {
  const tn_inst *from = inst->operands[0];
  if (from->op != TN_OP_DEQUANTIZE || from->shape->type != TN_F32 || from->n_operands != inst->n_operands ||
      from->attr.quantize.dim != inst->attr.quantize.dim)
    return NULL;
  tn_inst *q = from->operands[0];
  if (q->shape->type != inst->shape->type || tn_type_bits(q->shape->type) > 16) return NULL;
  for (int i = 1; i < inst->n_operands; i++)
    if (!same_constant(from->operands[i], inst->operands[i])) return NULL;
  if (!are_sane(inst->operands[1]) || !tn_rewrite_stands_for(q, inst) || !tn_rewrite_is_free_to_move(inst))
    return NULL;
  return tn_pass_spend(context) ? q : NULL;
}

bool tn_pass_simplify_quantize(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(QUANTIZE, quantize_of_dequantize)};
  return tn_rewrite_module(module, context, rules, 1);
}
