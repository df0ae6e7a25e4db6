/* A scale by channel behind a convolution or dot goes into its weights: only with
 * --reassociate.
 *
 *   c = f32[1,8,8,16] convolution(x, w), …
 *   m = f32[1,8,8,16] multiply(c, broadcast(s)), dimensions={3}
 *  =>
 *   v = f32[3,3,4,16] multiply(w, broadcast(s)), dimensions={3}     folded at compile time
 *   m = f32[1,8,8,16] convolution(x, v), …
 *
 * and (c − mean)·s, which is how batch normalisation is written out, is c·s − mean·s
 * first. Why: the epilogue keeps an addition alone. w and s are constants, and nothing
 * else reads the convolution. Keeps: values within the rounding of the weights. Cost:
 * O(instructions); the weights are folded by constant-folding.
 *
 * After: Jacob et al., "Quantization and Training of Neural Networks …" (2018), 3.2.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/values.h"

/* What is computed from constants alone, in a few steps. */
static bool is_constant(const tn_inst *inst, int depth) {
  if (inst->op == TN_OP_CONSTANT) return true;
  if (depth == 0 || !tn_op_is(inst->op, TN_OP_ELEMENTWISE)) {
    bool moved = inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE || inst->op == TN_OP_TRANSPOSE;
    return depth > 0 && moved && is_constant(inst->operands[0], depth - 1);
  }
  for (int i = 0; i < inst->n_operands; i++)
    if (!is_constant(inst->operands[i], depth - 1)) return false;
  return inst->n_operands > 0;
}

enum { DEPTH = 6 };

/* The result's dim along which the weights have their channels, and the weights' own; -1 where
 * there is none.                                                                          */
typedef struct {
  tn_inst *weights;
  int operand;
  int64_t result_dim, weights_dim;
} channels;

static channels channels_of(tn_inst *inst) {
  if (inst->op == TN_OP_CONVOLUTION) {
    const tn_conv_dims *dims = &inst->attr.convolution->dims;
    return (channels){inst->operands[1], 1, dims->output_feature, dims->kernel_output};
  }
  const tn_dot_side *side = &inst->attr.dot->side[1];
  int rank = inst->operands[1]->shape->rank;
  for (int d = rank - 1, free = 0; d >= 0; d--) {
    if (tn_dims_contain(side->batch, d) || tn_dims_contain(side->contracting, d)) continue;
    return (channels){inst->operands[1], 1, inst->shape->rank - 1 - free, d};
  }
  return (channels){NULL, -1, -1, -1};
}

static bool is_contraction(const tn_inst *inst) {
  if (inst->op != TN_OP_CONVOLUTION && inst->op != TN_OP_DOT) return false;
  return inst->users.count == 1 && tn_type_is_ieee(inst->shape->type) && tn_shape_is_plain(inst->shape) &&
         tn_shape_is_plain(inst->operands[1]->shape) && inst->operands[1]->shape->type == inst->shape->type &&
         is_constant(inst->operands[1], DEPTH);
}

/* The vector that is broadcast along `dim` alone; NULL if it is none, or not constant. */
static tn_inst *vector_along(tn_inst *inst, int64_t dim) {
  if (inst->op != TN_OP_BROADCAST || !is_constant(inst->operands[0], DEPTH)) return NULL;
  tn_dims dims = inst->attr.dimensions.dims;
  return dims.count == 1 && dims.at[0] == dim ? inst->operands[0] : NULL;
}

/* contraction · broadcast(s) */
static tn_inst *scale_of_contraction(tn_pass_context *context, tn_inst *inst) {
  for (int side = 0; side < 2; side++) {
    tn_inst *contraction = inst->operands[side];
    if (!is_contraction(contraction)) continue;
    channels c = channels_of(contraction);
    tn_inst *scale = c.weights ? vector_along(inst->operands[1 - side], c.result_dim) : NULL;
    if (!scale || !tn_pass_spend(context)) continue;
    tn_site site = tn_site_of(inst);
    tn_inst *spread = tn_make_broadcast(site, scale, c.weights->shape, &c.weights_dim);
    tn_inst *operands[] = {contraction->operands[0], tn_make_binary(site, TN_OP_MULTIPLY, c.weights, spread)};
    return tn_inst_clone(inst->parent, inst, contraction, inst->shape, 2, operands);
  }
  return NULL;
}

/* (c ± b)·s is c·s ± b·s where c is a contraction, b and s are constants by channel. */
static tn_inst *scale_of_shifted(tn_pass_context *context, tn_inst *inst) {
  for (int side = 0; side < 2; side++) {
    tn_inst *sum = inst->operands[side], *scale = inst->operands[1 - side];
    if ((sum->op != TN_OP_ADD && sum->op != TN_OP_SUBTRACT) || sum->users.count != 1) continue;
    tn_inst *contraction = sum->operands[0];
    if (!is_contraction(contraction) || !tn_shape_is_plain(inst->shape)) continue;
    int64_t dim = channels_of(contraction).result_dim;
    if (dim < 0 || !vector_along(scale, dim) || !vector_along(sum->operands[1], dim) ||
        !tn_pass_spend(context))
      continue;
    tn_site site = tn_site_of(inst);
    tn_inst *vector =
        tn_make_binary(site, TN_OP_MULTIPLY, vector_along(sum->operands[1], dim), vector_along(scale, dim));
    tn_inst *operands[] = {tn_make_binary(site, TN_OP_MULTIPLY, contraction, scale),
                           tn_make_broadcast(site, vector, inst->shape, &dim)};
    return tn_inst_create(inst->parent, inst, sum->op, inst->shape, 2, operands);
  }
  return NULL;
}

bool tn_pass_fold_batch_norm(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(MULTIPLY, scale_of_contraction),
      TN_RULE(MULTIPLY, scale_of_shifted),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
