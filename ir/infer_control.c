/* Shape rules of control flow, calls, tuples, tokens, asynchronous forms, constants and
 * parameters.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

static bool need_declared(const tn_inference *in) {
  return in->inst->shape || tn_wrong(in, 0, "the result's shape must be declared");
}

/* ---- leaves ---- */

const tn_shape *tn_infer_parameter(const tn_inference *in) {
  int64_t number = in->inst->attr.parameter.number;
  if (number < 0) return tn_refuse(in, 0, "number %lld is negative", (long long)number);
  return need_declared(in) ? in->inst->shape : NULL;
}

const tn_shape *tn_infer_constant(const tn_inference *in) {
  const tn_literal *literal = in->inst->attr.constant.literal;
  if (!literal) return tn_refuse(in, 0, "has no value");
  return literal->shape;
}

const tn_shape *tn_infer_iota(const tn_inference *in) {
  if (!tn_need_declared_array(in)) return NULL;
  const tn_shape *declared = in->inst->shape;
  if (declared->type == TN_PRED) return tn_refuse(in, 0, "pred does not count");
  if (!tn_need_dim(in, "iota_dimension", in->inst->attr.iota.dim, declared->rank)) return NULL;
  return declared;
}

/* ---- tuples and tokens ---- */

const tn_shape *tn_infer_tuple(const tn_inference *in) {
  int count = in->inst->n_operands;
  const tn_shape **shapes = TN_NEW_ARRAY(in->arena, const tn_shape *, count);
  for (int i = 0; i < count; i++) shapes[i] = tn_operand_shape(in, i);
  return tn_shape_tuple(in->arena, count, shapes);
}

const tn_shape *tn_infer_get_tuple_element(const tn_inference *in) {
  const tn_shape *tuple = tn_operand_shape(in, 0);
  int64_t index = in->inst->attr.index.index;
  if (!tn_shape_is_tuple(tuple))
    return tn_refuse(in, 0, "the operand must be a tuple and is %s", tn_shown(in, tuple));
  if (index < 0 || index >= tuple->rank)
    return tn_refuse(in, 1, "index %lld is out of range for %d elements", (long long)index, tuple->rank);
  return tuple->elements[index];
}

const tn_shape *tn_infer_after_all(const tn_inference *in) { return tn_shape_token(in->arena); }

/* ---- calls ---- */

const tn_shape *tn_infer_call(const tn_inference *in) {
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp || !tn_need_signature(in, comp, 0, in->inst->n_operands)) return NULL;
  return comp->root->shape;
}

const tn_shape *tn_infer_fusion(const tn_inference *in) {
  const tn_shape *result = tn_infer_call(in);
  if (!result || !tn_need_aliases(in, in->inst->attr.fusion.aliases, result)) return NULL;
  return result;
}

static bool need_operand_layouts(const tn_inference *in) {
  tn_shapes layouts = in->inst->attr.custom_call->operand_layouts;
  if (!in->inst->attr.custom_call->has_operand_layouts) return true;
  if (layouts.count != in->inst->n_operands)
    return tn_wrong(in, 0, "operand_layout_constraints lists %d of %d operands", layouts.count,
                    in->inst->n_operands);
  for (int i = 0; i < layouts.count; i++)
    if (!tn_shape_fits(layouts.at[i], tn_operand_shape(in, i)))
      return tn_wrong(in, tn_operand_bit(i), "operand_layout_constraints says %s for operand %d, which is %s",
                      tn_shown(in, layouts.at[i]), i, tn_shown(in, tn_operand_shape(in, i)));
  return true;
}

/* The target "TopK" has a meaning: (values, s32 positions), the operand's dims but for a
 * last one of k.                                                                       */
static bool need_topk_result(const tn_inference *in) {
  const tn_shape *declared = in->inst->shape;
  if (!tn_need_operands(in, 1, 1) || !tn_need_rank(in, 0, 1)) return false;
  const tn_shape *operand = tn_operand_shape(in, 0);
  bool good = tn_shape_is_tuple(declared) && declared->rank == 2;
  for (int i = 0; good && i < 2; i++) {
    const tn_shape *part = declared->elements[i];
    good = part->type == (i == 0 ? operand->type : TN_S32) && part->rank == operand->rank;
    for (int j = 0; good && j < part->rank; j++)
      good = j < part->rank - 1
                 ? tn_sizes_agree(part->dims[j], operand->dims[j])
                 : part->dims[j] <= operand->dims[j] && part->dims[j] == declared->elements[0]->dims[j];
  }
  return good ||
         tn_wrong(in, 1, "\"TopK\" of %s does not give %s", tn_shown(in, operand), tn_shown(in, declared));
}

const tn_shape *tn_infer_custom_call(const tn_inference *in) {
  const tn_attributes *attr = &in->inst->attr;
  if (!need_declared(in)) return NULL;
  if (!attr->custom_call->target || !attr->custom_call->target[0])
    return tn_refuse(in, 0, "custom_call_target is empty");
  for (int i = 0; i < in->inst->n_called; i++)
    if (!tn_need_called(in, i)) return NULL;
  if (strcmp(attr->custom_call->target, "TopK") == 0 && !need_topk_result(in)) return NULL;
  if (!need_operand_layouts(in) || !tn_need_aliases(in, attr->custom_call->aliases, in->inst->shape))
    return NULL;
  return in->inst->shape;
}

/* ---- loops and branches ---- */

static const tn_shape *need_result(const tn_inference *in, const tn_comp *comp, const tn_shape *expected) {
  const tn_shape *root = comp->root->shape;
  if (tn_shape_fits(expected, root)) return root;
  tn_wrong(in, 0, "'%s' must give %s and gives %s", comp->name, tn_shown(in, expected), tn_shown(in, root));
  tn_note(in->sink, comp->root->location, "'%s' is %s", comp->root->name, tn_shown(in, root));
  return NULL;
}

const tn_shape *tn_infer_while(const tn_inference *in) {
  tn_comp *condition = tn_need_called(in, 0), *body = condition ? tn_need_called(in, 1) : NULL;
  if (!body || !tn_need_signature(in, condition, 0, 1) || !tn_need_signature(in, body, 0, 1)) return NULL;
  const tn_shape *again = condition->root->shape;
  if (!tn_shape_is_scalar(again) || again->type != TN_PRED)
    return tn_refuse(in, 0, "condition '%s' must give pred[] and gives %s", condition->name,
                     tn_shown(in, again));
  return need_result(in, body, tn_operand_shape(in, 0));
}

/* Operands: pred[] (true, false) or s32[] (the branch), then the argument of each. */
const tn_shape *tn_infer_conditional(const tn_inference *in) {
  const tn_inst *inst = in->inst;
  if (!tn_need_operands(in, 2, INT32_MAX) || !tn_need_scalar(in, 0)) return NULL;
  tn_type type = tn_operand_shape(in, 0)->type;
  int branches = inst->n_operands - 1;
  if (type != TN_PRED && type != TN_S32)
    return tn_refuse(in, 1, "the branch must be chosen by pred or s32 and is by %s", tn_type_name(type));
  if (type == TN_PRED && inst->n_called != 2)
    return tn_refuse(in, 1, "pred chooses between 2 branches, not %d", inst->n_called);
  if (inst->n_called != branches)
    return tn_refuse(in, 0, "%d branches are called with %d arguments", inst->n_called, branches);
  tn_comp *first = tn_need_called(in, 0);
  for (int i = 0; i < branches; i++) {
    tn_comp *branch = tn_need_called(in, i);
    if (!first || !branch || !tn_need_signature(in, branch, 1 + i, 1)) return NULL;
    if (!need_result(in, branch, first->root->shape)) return NULL;
  }
  return first->root->shape;
}

/* ---- asynchronous forms: ((operands…), result, context…) ---- */

const tn_shape *tn_infer_async_start(const tn_inference *in) {
  const tn_shape *result = tn_infer_call(in), *operands = result ? tn_infer_tuple(in) : NULL;
  if (!result) return NULL;
  const tn_shape *declared = in->inst->shape;
  if (!declared) {
    const tn_shape *parts[2] = {operands, result};
    return tn_shape_tuple(in->arena, 2, parts);
  }
  if (!tn_shape_is_tuple(declared) || declared->rank < 2 || !tn_shape_fits(declared->elements[0], operands) ||
      !tn_shape_fits(declared->elements[1], result))
    return tn_refuse(in, 0, "the result must be (%s, %s, ...) and is %s", tn_shown(in, operands),
                     tn_shown(in, result), tn_shown(in, declared));
  return declared;
}

static bool need_async(const tn_inference *in) {
  const tn_shape *state = tn_operand_shape(in, 0);
  if (tn_shape_is_tuple(state) && state->rank >= 2 && tn_shape_is_tuple(state->elements[0])) return true;
  return tn_wrong(in, 0, "the operand must be the state of an async-start and is %s", tn_shown(in, state));
}

const tn_shape *tn_infer_async_update(const tn_inference *in) {
  return need_async(in) ? tn_operand_shape(in, 0) : NULL;
}

const tn_shape *tn_infer_async_done(const tn_inference *in) {
  return need_async(in) ? tn_operand_shape(in, 0)->elements[1] : NULL;
}

/* copy-start: (destination, source, context…). */
const tn_shape *tn_infer_copy_start(const tn_inference *in) {
  const tn_shape *operand = tn_operand_shape(in, 0), *declared = in->inst->shape;
  if (!declared) {
    const tn_shape *parts[3] = {operand, operand, tn_infer_scalar(in, TN_U32)};
    return tn_shape_tuple(in->arena, 3, parts);
  }
  if (!tn_shape_is_tuple(declared) || declared->rank < 2 || !tn_shape_fits(declared->elements[0], operand) ||
      !tn_shape_fits(declared->elements[1], operand))
    return tn_refuse(in, 1, "the result must be (%s, %s, ...) and is %s", tn_shown(in, operand),
                     tn_shown(in, operand), tn_shown(in, declared));
  return declared;
}

const tn_shape *tn_infer_copy_done(const tn_inference *in) {
  const tn_shape *state = tn_operand_shape(in, 0);
  if (!tn_shape_is_tuple(state) || state->rank < 2)
    return tn_refuse(in, 0, "the operand must be the state of a copy-start and is %s", tn_shown(in, state));
  return state->elements[0];
}
