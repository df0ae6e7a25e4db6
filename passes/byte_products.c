/* Products of bytes as those of the types that the machine multiplies.
 *
 *   d = s32 dot(x, w)                         u = u8 xor(convert(x), 128)               x + 128
 *                                      =>     d = add(dot(u, w), broadcast(-128 * Σk w[k,n]))
 *
 * x is s8, w a constant of s8: the sums of its columns are known when compiling. Processors with
 * VNNI take four products u8 times s8 in one instruction, of s8 two (docs/performance.md). Arrays of
 * s8 alone have the same for x of u8 the other way round: x - 128 as s8, and 128 times the sums.
 *
 * What makes x stores the other type in its place: conversions of x are then conversions of that, less
 * the distance. A convolution's padding becomes a pad with what stands for 0. An s32 bias by column that is there
 * already takes the sums in.
 * Keeps: every bit; s32 sums wrap. Cost: linear; weights are read once.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/work.h"
#include "passes/make.h"
#include "passes/quantize_scheme.h"
#include "passes/values.h"

enum {
  LEAST_WORK = 4096, /* multiply-adds: fewer cost a processor less than another kernel */
  DISTANCE = 128     /* of the same bits, but the top one, as u8 and s8 */
};

static bool has_form(const tn_inst *inst) {
  if (inst->op != TN_OP_DOT && inst->op != TN_OP_CONVOLUTION) return false;
  const tn_inst *x = inst->operands[0], *w = inst->operands[1];
  if (inst->shape->type != TN_S32 || !tn_is_byte(x) || w->shape->type != TN_S8) return false;
  if (w->op != TN_OP_CONSTANT || x->op == TN_OP_CONSTANT || !tn_shape_is_plain(inst->shape)) return false;
  if (!tn_rewrite_is_free_to_move(inst) || tn_shape_elements(inst->shape) < 1) return false;
  if (inst->op == TN_OP_DOT) return true;
  for (int i = 0; i < inst->attr.convolution->window.count; i++)
    if (inst->attr.convolution->window.at[i].lhs_dilation != 1) return false;
  return inst->attr.convolution->batch_groups == 1;
}

static bool multiplies(const tn_systolic_target *array, tn_type x, tn_type w) {
  return tn_systolic_find_type(array, x, w) || tn_systolic_find_type(array, w, x);
}

/* Does the machine want the product's first operand as the other type of bytes? */
static bool is_wanted(const tn_pass_context *context, const tn_inst *inst) {
  if (!has_form(inst)) return false;
  tn_type x = inst->operands[0]->shape->type, other = x == TN_S8 ? TN_U8 : TN_S8;
  if (context->array)
    return !multiplies(context->array, x, TN_S8) && multiplies(context->array, other, TN_S8);
  return x == TN_S8 && tn_work_times(tn_inst_terms(inst), tn_shape_elements(inst->shape)) >= LEAST_WORK;
}

/* ---- the sums of columns ---- */

/* An add of integers by the product's channels that is all that reads it; or NULL. */
static tn_inst *bias_behind(const tn_inst *product, const tn_quantize_product *p, const int32_t **values) {
  tn_inst *add = product->users.count == 1 && product != product->parent->root ? product->users.at[0] : NULL;
  if (!add || add->op != TN_OP_ADD || !tn_rewrite_is_free_to_move(add)) return NULL;
  const tn_inst *bias = add->operands[add->operands[0] == product];
  if (bias->op != TN_OP_BROADCAST || bias->operands[0]->op != TN_OP_CONSTANT) return NULL;
  const tn_dims *along = &bias->attr.dimensions.dims;
  bool same = along->count == p->n_channels;
  for (int i = 0; same && i < along->count; i++) same = along->at[i] == p->channels[i];
  *values = bias->operands[0]->attr.constant.literal->data;
  return same ? add : NULL;
}

/* What is added for the bytes' distance: `distance` times the sum of each channel's weights, and the bias. */
static tn_inst *correction(tn_site site, const tn_inst *product, const tn_quantize_product *p,
                           const int32_t *bias, int distance) {
  const tn_inst *weights = product->operands[1];
  const int8_t *values = weights->attr.constant.literal->data;
  int64_t dims[TN_MOST_DIMS];
  void *data;
  for (int i = 0; i < p->n_channels; i++) dims[i] = product->shape->dims[p->channels[i]];
  tn_literal *literal = tn_literal_uninitialised(
      tn_site_arena(site), tn_shape_array(tn_site_arena(site), TN_S32, p->n_channels, dims), &data);
  uint32_t *sums = data;
  for (int64_t c = 0; c < p->count; c++) sums[c] = bias ? (uint32_t)bias[c] : 0;
  tn_channel_walk at = tn_channel_walk_of(p, weights->shape);
  for (int64_t i = 0; i < tn_shape_elements(weights->shape); i++, tn_channel_step(&at))
    sums[at.channel] += (uint32_t)distance * (uint32_t)values[i];
  return tn_make_broadcast(site, tn_build_constant(site.comp, site.before, literal), product->shape,
                           p->channels);
}

/* ---- the bytes ---- */

/* x + 128 as u8, or x - 128 as s8: there is one for all products. */
static tn_inst *other_bytes(tn_inst *x, tn_type type) {
  for (int i = 0; i < x->users.count; i++) {
    const tn_inst *bits = x->users.at[i];
    if (bits->op != TN_OP_CONVERT || bits->shape->type != type || bits->users.count != 1) continue;
    if (bits->users.at[0]->op == TN_OP_XOR) return bits->users.at[0];
  }
  tn_site site = {x->parent, x->next, x};
  tn_inst *bits = tn_make_convert(site, x, type);
  tn_inst *top = tn_make_integer(site, type, type == TN_U8 ? DISTANCE : -DISTANCE);
  return tn_make_binary(site, TN_OP_XOR, bits, tn_make_spread(site, top, bits->shape));
}

/* Then nobody needs to store x. */
static void redirect_conversions(tn_inst *x, tn_inst *bytes, int distance) {
  for (int i = x->users.count - 1; i >= 0; i--) {
    tn_inst *user = i < x->users.count ? x->users.at[i] : NULL;
    if (!user || user->op != TN_OP_CONVERT) continue;
    tn_type type = user->shape->type;
    if (type != TN_F32 && type != TN_S32) continue;
    tn_site site = tn_site_of(user);
    tn_inst *wide = tn_make_convert(site, bytes, type);
    tn_inst *offset = tn_make_filled(site, wide->shape, -distance);
    tn_rewrite_replace(user, tn_make_binary(site, TN_OP_SUBTRACT, wide, offset));
  }
}

/* distance: x less the other bytes. */
static void rewrite(tn_pass_context *context, tn_inst *product) {
  tn_inst *x = product->operands[0];
  tn_type type = x->shape->type == TN_S8 ? TN_U8 : TN_S8;
  int distance = type == TN_U8 ? -DISTANCE : DISTANCE;
  tn_inst *bytes = other_bytes(x, type);
  tn_site site = tn_site_of(product);
  tn_inst *operands[] = {bytes, product->operands[1]};
  tn_inst *sums = tn_inst_clone(site.comp, product, product, product->shape, 2, operands);
  if (sums->op == TN_OP_CONVOLUTION) tn_make_window_explicit(sums, -distance); /* what pads stands for 0 */
  const tn_quantize_product *p = tn_quantize_start(context->scratch, product, 1);
  const int32_t *bias = NULL;
  tn_inst *add = bias_behind(product, p, &bias);
  tn_rewrite_replace(add ? add : product,
                     tn_make_binary(site, TN_OP_ADD, sums, correction(site, product, p, bias, distance)));
  redirect_conversions(x, bytes, distance);
}

bool tn_pass_byte_products(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  if (!context->array && (!context->target || !context->target->byte_products)) {
    context->untouched = true;
    return false;
  }
  TN_FOR_EACH_COMP(module, comp) {
    if (!tn_comp_is_sequence(comp)) continue;
    TN_FOR_EACH_IN_COMP(comp, inst) {
      if (!is_wanted(context, inst) || !tn_pass_spend(context)) continue;
      rewrite(context, inst);
      changed = true;
    }
  }
  return changed;
}
