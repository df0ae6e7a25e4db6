/* Conversions: none that does nothing, one instead of two, on fewer elements.
 *
 *   c = f32[30522,384] convert(table)                        table: f16[30522,384]
 *   g = f32[64,384] gather(c, ids), …
 *  =>
 *   g = f16[64,384] gather(table, ids), …
 *   c = f32[64,384] convert(g)
 *
 * Why: weights are kept in narrow types and widened by the program; a table of which a
 * few rows are read need not be widened whole. Keeps: every value: a conversion is
 * dropped from the middle of two only where it represents each value of its operand.
 * Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/rewrite.h"

/* Bits of precision: every integer up to 2^bits is a value of the type. */
static int precision_of(tn_type type) {
  if (tn_type_is_float(type)) return type == TN_BF16 ? 8 : type == TN_F16 ? 11 : type == TN_F32 ? 24 : 53;
  return tn_type_bits(type) - (tn_type_class_of(type) == TN_CLASS_SIGNED);
}

static bool is_common(tn_type type) {
  bool half = type == TN_BF16 || type == TN_F16;
  return type == TN_PRED || half || type == TN_F32 || type == TN_F64 || tn_type_is_integer(type);
}

/* Each value of `from` is a value of `to`. */
static bool represents(tn_type to, tn_type from) {
  if (!is_common(from) || !is_common(to) || to == TN_PRED) return from == to;
  if (tn_type_is_float(from)) {
    bool f16_range = from == TN_F16 && to == TN_BF16, bf16_range = from == TN_BF16 && to == TN_F16;
    return tn_type_is_float(to) && !f16_range && !bf16_range && precision_of(to) >= precision_of(from);
  }
  if (tn_type_class_of(from) == TN_CLASS_SIGNED && tn_type_class_of(to) == TN_CLASS_UNSIGNED) return false;
  return precision_of(to) >= precision_of(from) && !(to == TN_F16 && precision_of(from) > 11);
}

static tn_inst *convert_to_same(tn_pass_context *context, tn_inst *inst) {
  tn_inst *operand = inst->operands[0];
  return tn_rewrite_stands_for(operand, inst) && tn_pass_spend(context) ? operand : NULL;
}

static tn_inst *build_convert(tn_inst *inst, tn_inst *operand) {
  return tn_inst_create(inst->parent, inst, TN_OP_CONVERT, inst->shape, 1, &operand);
}

static tn_inst *convert_of_convert(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = inst->operands[0];
  if (inner->op != TN_OP_CONVERT) return NULL;
  tn_type from = inner->operands[0]->shape->type, middle = inner->shape->type, to = inst->shape->type;
  if (!represents(middle, from) || !is_common(to)) return NULL;
  /* Floats saturate where integers wrap. */
  if (tn_type_is_float(middle) && !tn_type_is_float(from) && tn_type_is_integer(to) && !represents(to, from))
    return NULL;
  if (!tn_pass_spend(context)) return NULL;
  return build_convert(inst, inner->operands[0]);
}

/* Opcodes that give some of their first operand's elements, unchanged. */
static tn_inst *pick_of_convert(tn_pass_context *context, tn_inst *inst) {
  tn_inst *convert = inst->operands[0];
  if (convert->op != TN_OP_CONVERT || !tn_shape_is_plain(inst->shape)) return NULL;
  if (tn_shape_elements(inst->shape) >= tn_shape_elements(convert->shape) || !tn_pass_spend(context))
    return NULL;
  tn_arena *arena = inst->parent->module->arena;
  tn_inst **operands = tn_arena_copy(arena, inst->operands, sizeof *operands * (size_t)inst->n_operands);
  operands[0] = convert->operands[0];
  const tn_shape *shape = tn_shape_with_type(arena, inst->shape, operands[0]->shape->type);
  return build_convert(inst, tn_inst_clone(inst->parent, inst, inst, shape, inst->n_operands, operands));
}

bool tn_pass_simplify_convert(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(CONVERT, convert_to_same),       TN_RULE(CONVERT, convert_of_convert),
      TN_RULE(GATHER, pick_of_convert),        TN_RULE(SLICE, pick_of_convert),
      TN_RULE(DYNAMIC_SLICE, pick_of_convert),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
