/* dot and convolution.
 *
 * Both are sums of products. Floats accumulate in f32, in f64 where an operand or the
 * result has that type, and are rounded to the result's type at the end; where the target
 * has it, each step is one fma.
 * Integers are widened to the result's type first. Complex sums are complex here; what
 * becomes of them is told in complex.c.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"

tn_type tn_lower_accumulator_type(const tn_inst *inst) {
  tn_type type = inst->shape->type;
  bool wide = inst->operands[0]->shape->type == TN_F64 || inst->operands[1]->shape->type == TN_F64;
  if (tn_type_is_float(type) && wide) return TN_F64;
  return tn_type_is_float(type) && tn_type_bits(type) < 32 ? TN_F32 : type;
}

/* s + a*b in the accumulator's type. */
static const tn_expr *multiply_add(tn_lowering *l, tn_type type, const tn_open_reduce *reduce,
                                   const tn_expr *a, const tn_expr *b) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_expr *sum = tn_expr_value(arena, type, reduce->values[0]);
  a = tn_expr_convert(arena, type, a);
  b = tn_expr_convert(arena, type, b);
  bool complex = tn_type_is_complex(type); /* complex.c knows whether the target has it */
  if (complex || tn_lower_has_fma(l, type)) return tn_expr_fma(arena, a, b, sum);
  if (type == TN_PRED) /* predicates: or of ands */
    return tn_expr_binary(arena, TN_OP_OR, type, sum, tn_expr_binary(arena, TN_OP_AND, type, a, b));
  return tn_expr_binary(arena, TN_OP_ADD, type, sum, tn_expr_binary(arena, TN_OP_MULTIPLY, type, a, b));
}

const tn_expr *tn_lower_close_product(tn_lowering *l, tn_inst *inst, tn_position at, tn_open_reduce *reduce,
                                      const tn_expr *a, const tn_expr *b) {
  tn_type type = tn_lower_accumulator_type(inst);
  if (!a || !b) return NULL;
  const tn_expr *update = multiply_add(l, type, reduce, a, b);
  tn_lower_close_reduce(l, reduce, &update);
  const tn_expr *sum = tn_expr_value(tn_lower_arena(l), type, reduce->values[0]);
  sum = tn_expr_convert(tn_lower_arena(l), inst->shape->type, sum);
  tn_lower_remember(l, inst, 0, at, sum);
  return sum;
}

/* Batch dims come first in the result, then the left side's free dims, then the right's. */
static const tn_index **dot_operand(tn_lowering *l, tn_inst *inst, int side, tn_position at, int *next_free,
                                    const tn_open_reduce *reduce) {
  const tn_shape *shape = inst->operands[side]->shape;
  const tn_dot_side *dims = &inst->attr.dot->side[side];
  const tn_index **from = TN_NEW_ARRAY(tn_lower_arena(l), const tn_index *, shape->rank);
  for (int i = 0; i < dims->batch.count; i++) from[dims->batch.at[i]] = at[i];
  for (int i = 0; i < dims->contracting.count; i++)
    from[dims->contracting.at[i]] = tn_index_dim(tn_lower_arena(l), reduce->dims[i]);
  for (int d = 0; d < shape->rank; d++)
    if (!tn_dims_contain(dims->batch, d) && !tn_dims_contain(dims->contracting, d))
      from[d] = at[(*next_free)++];
  return from;
}

const tn_expr *tn_lower_dot(tn_lowering *l, tn_inst *inst, tn_position at) {
  if (inst->operands[1]->op == TN_OP_DECODE && tn_lower_is_inside(l, inst->operands[1]))
    return tn_lower_sparse_dot(l, inst, at);
  const tn_dot_side *lhs = &inst->attr.dot->side[0];
  int64_t *sizes = TN_NEW_ARRAY(tn_lower_arena(l), int64_t, lhs->contracting.count);
  for (int i = 0; i < lhs->contracting.count; i++)
    sizes[i] = inst->operands[0]->shape->dims[lhs->contracting.at[i]];
  tn_type type = tn_lower_accumulator_type(inst);
  tn_inst *zero = NULL;
  tn_open_reduce reduce;
  if (!tn_lower_open_reduce(l, inst, at, lhs->contracting.count, sizes, NULL, 1, &type, &zero, &reduce))
    return NULL;
  int next_free = lhs->batch.count;
  const tn_index **left = dot_operand(l, inst, 0, at, &next_free, &reduce);
  const tn_index **right = dot_operand(l, inst, 1, at, &next_free, &reduce);
  const tn_expr *a = tn_lower_dot_operand(l, inst, 0, at, left);
  const tn_expr *b = a ? tn_lower_dot_operand(l, inst, 1, at, right) : NULL;
  return tn_lower_close_product(l, inst, at, &reduce, a, b);
}

/* ---- convolution ---- */

/* Spatial index of the input under output o and kernel k, with what guards it. */
static const tn_index *input_index(tn_lowering *l, const tn_window_dim *w, int64_t size, const tn_index *o,
                                   const tn_index *k, tn_guard_range *guards, int *n_guards) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_index *at =
      tn_index_add(arena, tn_index_scale(arena, o, w->stride), tn_index_scale(arena, k, w->rhs_dilation));
  at = tn_index_add(arena, at, tn_index_constant(arena, -w->pad_low));
  int64_t least, most, reach = size > 0 ? (size - 1) * w->lhs_dilation + 1 : 0;
  tn_index_range(tn_lower_kernel(l), at, &least, &most);
  if (least < 0 || most >= reach) guards[(*n_guards)++] = (tn_guard_range){at, 0, reach};
  if (w->lhs_dilation == 1) return at;
  guards[(*n_guards)++] =
      (tn_guard_range){tn_index_remainder(arena, tn_lower_kernel(l), at, w->lhs_dilation), 0, 1};
  return tn_index_quotient(arena, tn_lower_kernel(l), at, w->lhs_dilation);
}

/* The reduced dims: kernel positions, then the input features of one group. */
static bool open_convolution(tn_lowering *l, tn_inst *inst, tn_position at, tn_open_reduce *reduce) {
  static const char *const names[2][4] = {{"k", "k", "k", "k"}, {"kh", "kw", "kd", "ke"}};
  const tn_conv_dims *dims = &inst->attr.convolution->dims;
  const tn_shape *kernel = inst->operands[1]->shape;
  int spatial = dims->kernel_spatial.count;
  int64_t sizes[16];
  const char *labels[16];
  if (spatial > 14) return tn_lower_fail(l, inst, false), false;
  for (int i = 0; i < spatial; i++) {
    sizes[i] = kernel->dims[dims->kernel_spatial.at[i]];
    labels[i] = i < 4 ? names[spatial == 2][i] : "k";
  }
  sizes[spatial] = kernel->dims[dims->kernel_input];
  labels[spatial] = "ic";
  tn_type type = tn_lower_accumulator_type(inst);
  tn_inst *zero = NULL;
  return tn_lower_open_reduce(l, inst, at, spatial + 1, sizes, labels, 1, &type, &zero, reduce);
}

/* The input's element, or 0: in the accumulator's type where the input's has no zero. */
static const tn_expr *padded(tn_lowering *l, tn_inst *inst, tn_position from, const tn_guard_range *guards,
                             int n_guards) {
  tn_arena *arena = tn_lower_arena(l);
  tn_inst *input = inst->operands[0];
  if (input->shape->type != TN_F8E8M0FNU)
    return tn_lower_guarded(l, input, from, guards, n_guards, tn_expr_number(arena, input->shape->type, 0));
  const tn_expr *one = tn_expr_number(arena, input->shape->type, 1);
  const tn_expr *a = tn_lower_guarded(l, input, from, guards, n_guards, one);
  if (!a) return NULL;
  tn_type type = tn_lower_accumulator_type(inst);
  a = tn_expr_convert(arena, type, a);
  for (int i = 0; i < n_guards; i++) {
    const tn_expr *inside =
        tn_expr_in_range(arena, tn_lower_kernel(l), guards[i].index, guards[i].low, guards[i].high);
    a = tn_expr_op(arena, TN_OP_SELECT, type, 3,
                   (const tn_expr *[]){inside, a, tn_expr_number(arena, type, 0)});
  }
  return a;
}

const tn_expr *tn_lower_convolution(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_conv_dims *dims = &inst->attr.convolution->dims;
  const tn_shape *input = inst->operands[0]->shape, *kernel = inst->operands[1]->shape;
  tn_open_reduce reduce;
  if (!open_convolution(l, inst, at, &reduce)) return NULL;
  const tn_kernel *k = tn_lower_kernel(l);
  int spatial = dims->kernel_spatial.count, n_guards = 0;
  const tn_index **from = TN_NEW_ARRAY(arena, const tn_index *, input->rank);
  const tn_index **weight = TN_NEW_ARRAY(arena, const tn_index *, kernel->rank);
  tn_guard_range *guards = TN_NEW_ARRAY(arena, tn_guard_range, 2 * input->rank);
  for (int i = 0; i < spatial; i++) {
    const tn_window_dim *w = &inst->attr.convolution->window.at[i];
    const tn_index *step = tn_index_dim(arena, reduce.dims[i]);
    int64_t in = dims->input_spatial.at[i];
    from[in] = input_index(l, w, input->dims[in], at[dims->output_spatial.at[i]], step, guards, &n_guards);
    if (w->reversal)
      step = tn_index_add(arena, tn_index_constant(arena, w->size - 1), tn_index_scale(arena, step, -1));
    weight[dims->kernel_spatial.at[i]] = step;
  }
  const tn_index *ic = tn_index_dim(arena, reduce.dims[spatial]), *oc = at[dims->output_feature];
  int64_t outputs = kernel->dims[dims->kernel_output], per_group = kernel->dims[dims->kernel_input];
  int64_t groups = inst->attr.convolution->feature_groups, batches = inst->attr.convolution->batch_groups;
  weight[dims->kernel_input] = ic;
  weight[dims->kernel_output] = oc;
  from[dims->input_feature] = ic;
  from[dims->input_batch] = at[dims->output_batch];
  if (groups > 1) { /* outputs oc of group g read inputs g*per_group + ic */
    const tn_index *group = tn_index_quotient(arena, k, oc, outputs / groups);
    from[dims->input_feature] = tn_index_add(arena, tn_index_scale(arena, group, per_group), ic);
  }
  if (batches > 1) { /* outputs of group g read the g-th part of the batch */
    const tn_index *group = tn_index_quotient(arena, k, oc, outputs / batches);
    int64_t part = input->dims[dims->input_batch] / batches;
    from[dims->input_batch] = tn_index_add(arena, at[dims->output_batch], tn_index_scale(arena, group, part));
  }
  const tn_expr *a = padded(l, inst, from, guards, n_guards);
  const tn_expr *b = a ? tn_lower_element(l, inst->operands[1], weight) : NULL;
  return tn_lower_close_product(l, inst, at, &reduce, a, b);
}
