/* Padding that feeds a convolution or a reduce-window becomes padding of its window, the
 * reversal of a kernel its window's.
 *
 *     p = f32[1,10,10,3] pad(x, 0), padding=0_0x1_1x1_1x0_0
 *     c = f32[1,8,8,16] convolution(p, w), window={size=3x3}, …
 *  =>
 *     c = f32[1,8,8,16] convolution(x, w), window={size=3x3 pad=1_1x1_1}, …
 *
 * Why: windows guard their reads anyway; a pad is a pass over memory. Only where the
 * pad's value is what the window itself reads outside: 0 for a convolution, the initial
 * value for a reduce-window. Keeps: every value. Cost: O(windows).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/rewrite.h"

static bool is_zero(const tn_inst *inst) {
  if (inst->op != TN_OP_CONSTANT || tn_type_is_complex(inst->shape->type)) return false;
  const void *data = inst->attr.constant.literal->data;
  tn_type type = inst->shape->type;
  return tn_type_is_float(type) ? tn_load_float(type, data) == 0 : tn_load_integer(type, data) == 0;
}

static bool same_constant(const tn_inst *a, const tn_inst *b) {
  if (a == b) return true;
  return a->op == TN_OP_CONSTANT && b->op == TN_OP_CONSTANT &&
         tn_literal_equal(a->attr.constant.literal, b->attr.constant.literal);
}

/* Only adds around the operand; what cuts off or spreads stays a pad. */
static bool only_around(tn_pad_dim pad) { return pad.low >= 0 && pad.high >= 0 && pad.interior == 0; }
static bool is_nothing(tn_pad_dim pad) { return pad.low == 0 && pad.high == 0 && pad.interior == 0; }

static tn_window grow(tn_inst *inst, tn_window window, const tn_pad_dim *const *pads) {
  tn_window_dim *at =
      tn_arena_copy(inst->parent->module->arena, window.at, sizeof *at * (size_t)window.count);
  for (int i = 0; i < window.count; i++) {
    at[i].pad_low += pads[i]->low;
    at[i].pad_high += pads[i]->high;
  }
  return (tn_window){at, window.count};
}

/* Window dims whose operand is spread first cannot be padded outside that. */
static bool can_grow(tn_window window, const tn_pad_dim *const *pads) {
  for (int i = 0; i < window.count; i++)
    if (!only_around(*pads[i]) || (window.at[i].lhs_dilation != 1 && !is_nothing(*pads[i]))) return false;
  return true;
}

static tn_inst *convolution_of_pad(tn_pass_context *context, tn_inst *inst) {
  tn_inst *pad = inst->operands[0];
  const tn_conv_dims *dims = &inst->attr.convolution->dims;
  tn_window window = inst->attr.convolution->window;
  if (pad->op != TN_OP_PAD || !tn_shape_is_plain(pad->shape) || !is_zero(pad->operands[1])) return NULL;
  if (window.count != dims->input_spatial.count || pad->attr.pad.count != pad->shape->rank) return NULL;
  if (!is_nothing(pad->attr.pad.at[dims->input_batch]) || !is_nothing(pad->attr.pad.at[dims->input_feature]))
    return NULL;
  const tn_pad_dim *pads[TN_MOST_DIMS];
  for (int i = 0; i < window.count; i++) pads[i] = &pad->attr.pad.at[dims->input_spatial.at[i]];
  if (!can_grow(window, pads) || !tn_pass_spend(context)) return NULL;
  tn_inst_edit_convolution(inst)->window = grow(inst, window, pads);
  tn_inst_set_operand(inst, 0, pad->operands[0]);
  return inst;
}

/* Kernels of transposed convolutions are turned round by the program. */
static tn_inst *convolution_of_reverse(tn_pass_context *context, tn_inst *inst) {
  tn_inst *reverse = inst->operands[1];
  const tn_conv_dims *dims = &inst->attr.convolution->dims;
  tn_window window = inst->attr.convolution->window;
  if (reverse->op != TN_OP_REVERSE || !tn_shape_is_plain(reverse->shape)) return NULL;
  tn_dims reversed = reverse->attr.dimensions.dims;
  if (tn_dims_contain(reversed, dims->kernel_input) || tn_dims_contain(reversed, dims->kernel_output))
    return NULL;
  if (window.count != dims->kernel_spatial.count || !tn_pass_spend(context)) return NULL;
  tn_window_dim *at =
      tn_arena_copy(inst->parent->module->arena, window.at, sizeof *at * (size_t)window.count);
  for (int i = 0; i < window.count; i++)
    at[i].reversal ^= tn_dims_contain(reversed, dims->kernel_spatial.at[i]);
  tn_inst_edit_convolution(inst)->window.at = at;
  tn_inst_set_operand(inst, 1, reverse->operands[0]);
  return inst;
}

static tn_inst *reduce_window_of_pad(tn_pass_context *context, tn_inst *inst) {
  tn_inst *pad = inst->operands[0];
  tn_window window = inst->attr.window.window;
  if (inst->n_operands != 2 || pad->op != TN_OP_PAD || !tn_shape_is_plain(pad->shape)) return NULL;
  if (window.count != pad->shape->rank || pad->attr.pad.count != pad->shape->rank) return NULL;
  if (!same_constant(pad->operands[1], inst->operands[1])) return NULL;
  const tn_pad_dim *pads[TN_MOST_DIMS];
  for (int i = 0; i < window.count; i++) pads[i] = &pad->attr.pad.at[i];
  if (!can_grow(window, pads) || !tn_pass_spend(context)) return NULL;
  inst->attr.window.window = grow(inst, window, pads);
  tn_inst_set_operand(inst, 0, pad->operands[0]);
  return inst;
}

bool tn_pass_simplify_window(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(CONVOLUTION, convolution_of_pad),
      TN_RULE(CONVOLUTION, convolution_of_reverse),
      TN_RULE(REDUCE_WINDOW, reduce_window_of_pad),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
