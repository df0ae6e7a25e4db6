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
#include "passes/make.h"

typedef struct {
  tn_site site;
  tn_inst *inst;
  const tn_shape *full;     /* x, in the type of the computation */
  const tn_shape *features; /* [C] */
  tn_type type, result_type;
  int64_t feature;
  int64_t count; /* elements of one feature */
} norm;

static norm describe(tn_inst *inst) {
  tn_arena *arena = inst->parent->module->arena;
  const tn_shape *x = tn_shape_without_layout(arena, inst->operands[0]->shape);
  norm n = {.site = tn_site_of(inst),
            .inst = inst,
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

static tn_inst *operand(const norm *n, int number) {
  return tn_make_convert(n->site, n->inst->operands[number], n->type);
}

static tn_inst *binary(const norm *n, tn_op op, tn_inst *lhs, tn_inst *rhs) {
  return tn_make_binary(n->site, op, lhs, rhs);
}

static tn_inst *filled(const norm *n, const tn_shape *shape, double value) {
  return tn_make_filled(n->site, shape, value);
}

/* [C] along the feature dim of x. */
static tn_inst *spread(const norm *n, tn_inst *by_feature) {
  return tn_make_broadcast(n->site, by_feature, n->full, &n->feature);
}

/* The sum over all dims but the feature's. */
static tn_inst *sum(const norm *n, tn_inst *value) {
  int64_t *dims = TN_NEW_ARRAY(tn_site_arena(n->site), int64_t, n->full->rank);
  int count = 0;
  for (int d = 0; d < n->full->rank; d++)
    if (d != n->feature) dims[count++] = d;
  return tn_make_sum(n->site, value, (tn_dims){dims, count});
}

static tn_inst *mean_of(const norm *n, tn_inst *total) {
  return binary(n, TN_OP_DIVIDE, total, filled(n, n->features, (double)n->count));
}

static tn_inst *inverse_deviation(const norm *n, tn_inst *variance) {
  double epsilon = (float)n->inst->attr.batch_norm.epsilon;
  tn_inst *shifted = binary(n, TN_OP_ADD, variance, filled(n, n->features, epsilon));
  return tn_make_unary(n->site, TN_OP_RSQRT, shifted);
}

static tn_inst *rounded(const norm *n, tn_inst *value) {
  return tn_make_convert(n->site, value, n->result_type);
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
  return tn_make_tuple(n->site, 3, (tn_inst *[]){a, b, c});
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
      TN_RULE(BATCH_NORM_INFERENCE, expand_inference),
      TN_RULE(BATCH_NORM_TRAINING, expand_training),
      TN_RULE(BATCH_NORM_GRAD, expand_grad),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
