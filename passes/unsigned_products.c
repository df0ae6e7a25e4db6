/* Products of signed bytes as products of unsigned ones, for machines that multiply u8 by s8.
 *
 *   d = s32 dot(x, w)                         u = u8 xor(convert(x), 128)               x + 128
 *                                      =>     d = add(dot(u, w), broadcast(-128 * Σk w[k,n]))
 *
 * x is s8, w a constant of s8: the sums of its columns are known when compiling. Machines with
 * VNNI take four products u8 times s8 in one instruction, of s8 two (docs/performance.md). What
 * makes x stores u in its place: conversions of x are then conversions of u, less 128. A
 * convolution's padding becomes a pad with 128.
 * Keeps: every bit; s32 sums wrap. Cost: linear; weights are read once.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/quantize_scheme.h"

enum { LEAST_WORK = 4096 };

static bool is_signed_product(const tn_inst *inst) {
  if (inst->op != TN_OP_DOT && inst->op != TN_OP_CONVOLUTION) return false;
  const tn_inst *x = inst->operands[0], *w = inst->operands[1];
  if (inst->shape->type != TN_S32 || x->shape->type != TN_S8 || w->shape->type != TN_S8) return false;
  if (w->op != TN_OP_CONSTANT || x->op == TN_OP_CONSTANT || !tn_shape_is_plain(inst->shape)) return false;
  if (!tn_rewrite_is_free_to_move(inst) || tn_shape_elements(inst->shape) < 1) return false;
  if (tn_shape_elements(w->shape) < 1 ||
      tn_shape_elements(inst->shape) < LEAST_WORK / tn_shape_elements(w->shape))
    return false;
  if (inst->op == TN_OP_DOT) return true;
  for (int i = 0; i < inst->attr.convolution.window.count; i++)
    if (inst->attr.convolution.window.at[i].lhs_dilation != 1) return false;
  return inst->attr.convolution.batch_groups == 1;
}

/* -128 times the sum of each channel's weights. */
static tn_inst *correction(tn_site site, tn_arena *scratch, tn_inst *product) {
  const tn_quantize_product *p = tn_quantize_start(scratch, product, 1);
  const tn_inst *weights = product->operands[1];
  const int8_t *values = weights->attr.constant.literal->data;
  int64_t dims[TN_MOST_DIMS];
  void *data;
  for (int i = 0; i < p->n_channels; i++) dims[i] = product->shape->dims[p->channels[i]];
  tn_literal *literal = tn_literal_uninitialised(
      tn_site_arena(site), tn_shape_array(tn_site_arena(site), TN_S32, p->n_channels, dims), &data);
  uint32_t *sums = data;
  memset(sums, 0, (size_t)p->count * sizeof *sums);
  tn_channel_walk at = tn_channel_walk_of(p, weights->shape);
  for (int64_t i = 0; i < tn_shape_elements(weights->shape); i++, tn_channel_step(&at))
    sums[at.channel] -= 128 * (uint32_t)values[i];
  return tn_make_broadcast(site, tn_build_constant(site.comp, site.before, literal), product->shape,
                           p->channels);
}

/* x + 128: there is one for all products. */
static tn_inst *unsigned_of(tn_inst *x) {
  for (int i = 0; i < x->users.count; i++) {
    const tn_inst *bits = x->users.at[i];
    if (bits->op != TN_OP_CONVERT || bits->shape->type != TN_U8 || bits->users.count != 1) continue;
    if (bits->users.at[0]->op == TN_OP_XOR) return bits->users.at[0];
  }
  tn_site site = {x->parent, x->next, x};
  tn_inst *bits = tn_make_convert(site, x, TN_U8), *top = tn_make_integer(site, TN_U8, 128);
  return tn_make_binary(site, TN_OP_XOR, bits, tn_make_spread(site, top, bits->shape));
}

/* Then nobody needs to store x. */
static void redirect_conversions(tn_inst *x, tn_inst *u) {
  for (int i = x->users.count - 1; i >= 0; i--) {
    tn_inst *user = i < x->users.count ? x->users.at[i] : NULL;
    if (!user || user->op != TN_OP_CONVERT) continue;
    tn_type type = user->shape->type;
    if (type != TN_F32 && type != TN_S32) continue;
    tn_site site = tn_site_of(user);
    tn_inst *wide = tn_make_convert(site, u, type);
    tn_inst *offset = tn_make_filled(site, wide->shape, 128);
    tn_rewrite_replace(user, tn_make_binary(site, TN_OP_SUBTRACT, wide, offset));
  }
}

static void rewrite(tn_pass_context *context, tn_inst *product) {
  tn_inst *x = product->operands[0], *u = unsigned_of(x);
  tn_site site = tn_site_of(product);
  tn_inst *operands[] = {u, product->operands[1]};
  tn_inst *sums = tn_inst_clone(site.comp, product, product, product->shape, 2, operands);
  if (sums->op == TN_OP_CONVOLUTION) tn_make_window_explicit(sums, 128); /* what pads stands for 0 */
  tn_rewrite_replace(product,
                     tn_make_binary(site, TN_OP_ADD, sums, correction(site, context->scratch, product)));
  redirect_conversions(x, u);
}

bool tn_pass_unsigned_products(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  if (!context->target || !context->target->byte_products || context->array) {
    context->untouched = true;
    return false;
  }
  TN_FOR_EACH_COMP(module, comp) {
    if (!tn_comp_is_sequence(comp)) continue;
    TN_FOR_EACH_IN_COMP(comp, inst) {
      if (!is_signed_product(inst) || !tn_pass_spend(context)) continue;
      rewrite(context, inst);
      changed = true;
    }
  }
  return changed;
}
