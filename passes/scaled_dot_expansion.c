/* Scaled dots as dots of what is scaled.
 *
 *   y = scaled-dot(a, b, a_scale, b_scale)
 *  =>
 *   y = dot(a * spread(a_scale), b * spread(b_scale))
 *
 * A scale is a scalar, or has a value for each block of its operand; `spread` repeats it
 * over the block: a broadcast to [scales, block, …] and a reshape. The products are
 * rounded to f32 (f64 for an operand of f64), which holds products of the 8 and 16 bit
 * formats exactly; sums are in f32 or f64 and are rounded to the result's type once.
 * Why: nothing behind this pass needs to know the opcode. Keeps: every value. Cost:
 * O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"

/* scale[i/block…] in the dims of `shape`. */
static tn_inst *spread(tn_site s, tn_inst *scale, const tn_shape *shape) {
  tn_arena *arena = tn_site_arena(s);
  const tn_shape *full = tn_shape_array(arena, scale->shape->type, shape->rank, shape->dims);
  if (scale->shape->rank == 0) return tn_make_broadcast(s, scale, full, NULL);
  if (tn_shape_same_dims(scale->shape, shape)) return scale;
  int rank = 0;
  int64_t *dims = TN_NEW_ARRAY(arena, int64_t, 2 * shape->rank),
          *kept = TN_NEW_ARRAY(arena, int64_t, shape->rank);
  for (int d = 0; d < shape->rank; d++) {
    int64_t count = scale->shape->dims[d];
    kept[d] = rank;
    dims[rank++] = count;
    if (count != shape->dims[d]) dims[rank++] = shape->dims[d] / count;
  }
  const tn_shape *blocks = tn_shape_array(arena, scale->shape->type, rank, dims);
  tn_inst *repeated = tn_make_broadcast(s, scale, blocks, kept);
  return tn_make_reshape(s, repeated, shape->rank, shape->dims);
}

static tn_inst *scaled(tn_site s, tn_inst *operand, tn_inst *scale, tn_type sum) {
  bool wide = operand->shape->type == TN_F64 || scale->shape->type == TN_F64;
  tn_type product = wide ? TN_F64 : TN_F32, rounded = operand->shape->type == TN_F64 ? TN_F64 : TN_F32;
  tn_inst *factor = spread(s, tn_make_convert(s, scale, product), operand->shape);
  tn_inst *value = tn_make_binary(s, TN_OP_MULTIPLY, tn_make_convert(s, operand, product), factor);
  return tn_make_convert(s, tn_make_convert(s, value, rounded), sum);
}

static tn_inst *expand(tn_pass_context *context, tn_inst *inst) {
  tn_type type = inst->shape->type;
  for (int i = 0; i < 4; i++)
    if (!tn_shape_is_plain(inst->operands[i]->shape) || !tn_type_is_float(inst->operands[i]->shape->type))
      return NULL;
  if (!tn_type_is_float(type) || !tn_pass_spend(context)) return NULL;
  tn_site s = tn_site_of(inst);
  bool wide =
      type == TN_F64 || inst->operands[0]->shape->type == TN_F64 || inst->operands[1]->shape->type == TN_F64;
  tn_type sum = wide ? TN_F64 : TN_F32;
  tn_inst *sides[2] = {scaled(s, inst->operands[0], inst->operands[2], sum),
                       scaled(s, inst->operands[1], inst->operands[3], sum)};
  const tn_shape *plain = tn_shape_without_layout(tn_site_arena(s), inst->shape);
  tn_inst *dot = tn_make_inst(s, TN_OP_DOT, tn_shape_with_type(tn_site_arena(s), plain, sum), 2, sides);
  dot->attr.dot = inst->attr.dot;
  return tn_make_convert(s, dot, type);
}

bool tn_pass_scaled_dot_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(SCALED_DOT, expand)};
  return tn_rewrite_module(module, context, rules, 1);
}
