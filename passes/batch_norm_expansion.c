/* Batch normalisation as elementwise operations and reductions.
 *
 *   y = batch-norm-inference(x, scale, offset, mean, variance), epsilon=e, feature_index=c
 *  =>
 *   y = (x - mean) * (scale * rsqrt(variance + e)) + offset
 *
 * and likewise (N elements of a feature; variance is the biased one)
 *
 *   batch-norm-training  mean = sum(x) / N,  variance = sum((x - mean)^2) / N
 *   batch-norm-grad      d offset = sum(dy),  d scale = r * sum(dy * (x - mean))
 *                        d x = scale * r * (dy - d offset / N - (x - mean) * (r * d scale / N))
 *
 * with r = rsqrt(variance + e). Types under f32 are widened first and rounded once at
 * the end. Why: nothing behind this pass needs to know these opcodes, and what is
 * constant folds. Keeps: values within the rounding of sums. Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/rewrite.h"

/* Where the new instructions go and what they are about. */
typedef struct {
  tn_comp *comp;
  tn_inst *before;          /* the batch-norm */
  const tn_shape *full;     /* x, in the type of the computation */
  const tn_shape *features; /* [C] */
  tn_type type, result_type;
  int64_t feature;
  int64_t count; /* elements of one feature */
} norm;

static norm describe(tn_inst *inst) {
  tn_arena *arena = inst->parent->module->arena;
  const tn_shape *x = tn_shape_without_layout(arena, inst->operands[0]->shape);
  norm n = {.comp = inst->parent,
            .before = inst,
            .result_type = x->type,
            .feature = inst->attr.batch_norm.feature_index};
  n.type = x->type == TN_F64 ? TN_F64 : TN_F32;
  n.full = tn_shape_with_type(arena, x, n.type);
  n.features = tn_shape_array(arena, n.type, 1, &x->dims[n.feature]);
  n.count = 1;
  for (int d = 0; d < x->rank; d++)
    if (d != n.feature) n.count *= x->dims[d];
  return n;
}

static tn_inst *made(const norm *n, tn_inst *inst) {
  inst->location = n->before->location;
  inst->notes = n->before->notes;
  return inst;
}

static tn_inst *operand(const norm *n, int number) {
  tn_inst *value = n->before->operands[number];
  return value->shape->type == n->type ? value
                                       : made(n, tn_build_convert(n->comp, n->before, value, n->type));
}

static tn_inst *binary(const norm *n, tn_op op, tn_inst *lhs, tn_inst *rhs) {
  return made(n, tn_build_binary(n->comp, n->before, op, lhs, rhs));
}

static tn_inst *scalar(const norm *n, double value) {
  return made(n, tn_build_constant(n->comp, n->before,
                                   tn_literal_scalar_float(n->comp->module->arena, n->type, value)));
}

static tn_inst *filled(const norm *n, const tn_shape *shape, double value) {
  return made(n, tn_build_broadcast(n->comp, n->before, scalar(n, value), shape, (tn_dims){NULL, 0}));
}

/* [C] along the feature dim of x. */
static tn_inst *spread(const norm *n, tn_inst *by_feature) {
  return made(n, tn_build_broadcast(n->comp, n->before, by_feature, n->full, (tn_dims){&n->feature, 1}));
}

/* The sum over all dims but the feature's. */
static tn_inst *sum(const norm *n, tn_inst *value) {
  tn_arena *arena = n->comp->module->arena;
  int64_t *dims = TN_NEW_ARRAY(arena, int64_t, n->full->rank);
  int count = 0;
  for (int d = 0; d < n->full->rank; d++)
    if (d != n->feature) dims[count++] = d;
  tn_comp *add = tn_build_binary_comp(n->comp->module, TN_OP_ADD, n->type);
  return made(n, tn_build_reduce(n->comp, n->before, value, scalar(n, 0), (tn_dims){dims, count}, add));
}

static tn_inst *mean_of(const norm *n, tn_inst *total) {
  return binary(n, TN_OP_DIVIDE, total, filled(n, n->features, (double)n->count));
}

static tn_inst *inverse_deviation(const norm *n, tn_inst *variance) {
  double epsilon = (float)n->before->attr.batch_norm.epsilon;
  tn_inst *shifted = binary(n, TN_OP_ADD, variance, filled(n, n->features, epsilon));
  return made(n, tn_build_unary(n->comp, n->before, TN_OP_RSQRT, shifted));
}

static tn_inst *rounded(const norm *n, tn_inst *value) {
  if (n->result_type == n->type) return value;
  return made(n, tn_build_convert(n->comp, n->before, value, n->result_type));
}

static tn_inst *normalise(const norm *n, tn_inst *centred, tn_inst *variance, tn_inst *scale,
                          tn_inst *offset) {
  tn_inst *factor = binary(n, TN_OP_MULTIPLY, scale, inverse_deviation(n, variance));
  tn_inst *scaled = binary(n, TN_OP_MULTIPLY, centred, spread(n, factor));
  return rounded(n, binary(n, TN_OP_ADD, scaled, spread(n, offset)));
}

static tn_inst *expand_inference(tn_pass_context *context, tn_inst *inst) {
  if (!tn_pass_spend(context)) return NULL;
  norm n = describe(inst);
  tn_inst *centred = binary(&n, TN_OP_SUBTRACT, operand(&n, 0), spread(&n, operand(&n, 3)));
  return normalise(&n, centred, operand(&n, 4), operand(&n, 1), operand(&n, 2));
}

static tn_inst *tuple_of(const norm *n, tn_inst *a, tn_inst *b, tn_inst *c) {
  tn_inst *parts[] = {a, b, c};
  return made(n, tn_build_tuple(n->comp, n->before, 3, parts));
}

static tn_inst *expand_training(tn_pass_context *context, tn_inst *inst) {
  if (!tn_pass_spend(context)) return NULL;
  norm n = describe(inst);
  tn_inst *x = operand(&n, 0), *mean = mean_of(&n, sum(&n, x));
  tn_inst *centred = binary(&n, TN_OP_SUBTRACT, x, spread(&n, mean));
  tn_inst *variance = mean_of(&n, sum(&n, binary(&n, TN_OP_MULTIPLY, centred, centred)));
  tn_inst *result = normalise(&n, centred, variance, operand(&n, 1), operand(&n, 2));
  return tuple_of(&n, result, rounded(&n, mean), rounded(&n, variance));
}

/* Operands: x, scale, mean, variance, dy. */
static tn_inst *expand_grad(tn_pass_context *context, tn_inst *inst) {
  if (!tn_pass_spend(context)) return NULL;
  norm n = describe(inst);
  tn_inst *dy = operand(&n, 4), *r = inverse_deviation(&n, operand(&n, 3));
  tn_inst *centred = binary(&n, TN_OP_SUBTRACT, operand(&n, 0), spread(&n, operand(&n, 2)));
  tn_inst *d_offset = sum(&n, dy);
  tn_inst *d_scale = binary(&n, TN_OP_MULTIPLY, sum(&n, binary(&n, TN_OP_MULTIPLY, dy, centred)), r);
  tn_inst *share = mean_of(&n, binary(&n, TN_OP_MULTIPLY, d_scale, r));
  tn_inst *rest = binary(&n, TN_OP_SUBTRACT, dy, spread(&n, mean_of(&n, d_offset)));
  rest = binary(&n, TN_OP_SUBTRACT, rest, binary(&n, TN_OP_MULTIPLY, centred, spread(&n, share)));
  tn_inst *factor = binary(&n, TN_OP_MULTIPLY, operand(&n, 1), r);
  tn_inst *d_x = binary(&n, TN_OP_MULTIPLY, spread(&n, factor), rest);
  return tuple_of(&n, rounded(&n, d_x), rounded(&n, d_scale), rounded(&n, d_offset));
}

bool tn_pass_batch_norm_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      {TN_OP_BATCH_NORM_INFERENCE, expand_inference},
      {TN_OP_BATCH_NORM_TRAINING, expand_training},
      {TN_OP_BATCH_NORM_GRAD, expand_grad},
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
