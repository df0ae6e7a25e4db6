/* Windows of dequantized values as windows of bytes: the same passes as quantized_products.c.
 *
 *   x = multiply(subtract(convert_f32(q), z), s)           i = reduce(convert_s32(q), 0), add
 *   m = f32 reduce(x, 0), add                        =>    m = multiply(convert_f32(add(i, -n * z)), s)
 *
 *   m = f32 reduce-window(x, -inf), maximum          =>    m = multiply(subtract(convert_f32(reduce-window(q)), z), s)
 *
 * n is the terms of a sum. s and z are one number each, s above 0; sums are not padded, of others every window
 * has an element. Means and pooling of quantized networks then read bytes and write bytes.
 *
 * Exact: maxima always, (q - z) * s grows with q; sums where s is a power of two and the sum has 24 bits.
 * Cost: linear.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/quantized_products.h"

#include "ir/work.h"
#include "passes/make.h"
#include "passes/values.h"

#include <math.h>

enum { MOST_TERMS = 1 << 22 }; /* of a sum: with 511 within s32 */

/* Each window has an element that is no padding, or, whole: nothing else. */
static bool is_filled(const tn_inst *inst, bool whole) {
  if (inst->op == TN_OP_REDUCE) return true;
  const tn_window *window = &inst->attr.window.window;
  for (int i = 0; i < window->count; i++) {
    const tn_window_dim *dim = &window->at[i];
    if (dim->lhs_dilation != 1 || (dim->rhs_dilation != 1 && (dim->pad_low || dim->pad_high))) return false;
    int64_t most = whole ? 0 : dim->size - 1;
    if (dim->pad_low > most || dim->pad_high > most) return false;
  }
  return true;
}

static int64_t terms_of(const tn_inst *inst) {
  if (inst->op == TN_OP_REDUCE_WINDOW) return tn_inst_terms(inst);
  return tn_shape_elements(inst->operands[0]->shape) / tn_shape_elements(inst->shape);
}

static tn_inst *joined(tn_site site, tn_inst *inst, tn_op op, tn_inst *bytes, tn_inst *start) {
  tn_type type = bytes->shape->type;
  tn_inst *operands[] = {bytes, start};
  const tn_shape *shape = tn_shape_array(tn_site_arena(site), type, inst->shape->rank, inst->shape->dims);
  tn_inst *result = tn_inst_clone(site.comp, site.before, inst, shape, 2, operands);
  tn_comp *comp = tn_make_binary_comp(site, op, type);
  tn_inst_set_called(result, 1, &comp);
  return result;
}

static tn_inst *scaled(tn_site site, tn_inst *value, double scale) {
  return tn_make_binary(site, TN_OP_MULTIPLY, value, tn_make_filled(site, value->shape, scale));
}

static tn_inst *sum_of(tn_pass_context *context, tn_inst *inst, const tn_dequantized *d, double scale,
                       bool exact) {
  int64_t terms = terms_of(inst);
  if (!tn_is_all(inst->operands[1], 0) || !is_filled(inst, true) || terms > MOST_TERMS) return NULL;
  if (exact && (!tn_is_exact_scale(scale) || terms * tn_dequantized_size(d) > 1 << 24)) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  tn_inst *wide = tn_make_convert(site, d->q, TN_S32);
  tn_inst *sum = joined(site, inst, TN_OP_ADD, wide, tn_make_integer(site, TN_S32, 0));
  if (d->zero)
    sum = tn_make_binary(site, TN_OP_ADD, sum, tn_make_filled(site, sum->shape, (double)(-terms * d->zero)));
  return scaled(site, tn_make_convert(site, sum, TN_F32), scale);
}

static bool is_least(const tn_inst *start) {
  return tn_is_all(start, -INFINITY) || tn_is_all(start, -(double)__FLT_MAX__);
}

static tn_inst *maximum_of(tn_pass_context *context, tn_inst *inst, const tn_dequantized *d, double scale) {
  if (!is_least(inst->operands[1]) || !is_filled(inst, false) || !tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  tn_type type = d->q->shape->type;
  tn_inst *start = tn_make_integer(site, type, type == TN_S8 ? -128 : 0);
  tn_inst *value = tn_make_convert(site, joined(site, inst, TN_OP_MAXIMUM, d->q, start), TN_F32);
  if (d->zero)
    value = tn_make_binary(site, TN_OP_SUBTRACT, value, tn_make_filled(site, value->shape, (double)d->zero));
  return scaled(site, value, scale);
}

tn_inst *tn_quantized_window(tn_pass_context *context, tn_inst *inst, bool exact) {
  tn_op op;
  tn_dequantized d;
  if (!tn_is_reduction(inst, &op) || inst->shape->type != TN_F32 || !tn_shape_is_plain(inst->shape))
    return NULL;
  if (!tn_rewrite_is_free_to_move(inst) || !tn_shape_elements(inst->shape)) return NULL;
  if (!tn_shape_elements(inst->operands[0]->shape) || !tn_match_dequantized(inst->operands[0], &d))
    return NULL;
  double scale = tn_load_float(TN_F32, d.scale->data);
  if (d.along >= 0 || d.q->op == TN_OP_CONSTANT || !(scale > 0) || !isfinite(scale * 511)) return NULL;
  if (op == TN_OP_ADD) return sum_of(context, inst, &d, scale, exact);
  return op == TN_OP_MAXIMUM ? maximum_of(context, inst, &d, scale) : NULL;
}
