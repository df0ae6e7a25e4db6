/* The evaluator's rules for what moves no data and what calls computations.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

tn_value *tn_eval_unsupported(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)operands;
  static const char *const reasons[TN_OP_COUNT] = {
      [TN_OP_INFEED] = "it reads from a host program",
      [TN_OP_OUTFEED] = "it writes to a host program",
      [TN_OP_SEND] = "it needs a peer",
      [TN_OP_SEND_DONE] = "it needs a peer",
      [TN_OP_RECV] = "it needs a peer",
      [TN_OP_RECV_DONE] = "it needs a peer",
      [TN_OP_RNG_GET_AND_UPDATE_STATE] = "its value is the implementation's own state",
      [TN_OP_SHUFFLE] = "its mode is not part of the text",
  };
  tn_eval_stop(eval, TN_UNSUPPORTED, "%s: cannot be evaluated: %s", tn_ops[inst->op].name,
               reasons[inst->op] ? reasons[inst->op] : "it has no rule");
}

/* The operand as it is; only its layout may differ. */
tn_value *tn_eval_first_operand(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)eval, (void)inst;
  return tn_value_retain(operands[0]);
}

tn_value *tn_eval_parameter(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)operands;
  tn_eval_stop(eval, TN_USAGE, "parameter %lld: has no value outside its computation",
               (long long)inst->attr.parameter.number);
}

tn_value *tn_eval_constant(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)operands;
  return tn_value_wrap(eval, inst->attr.constant.literal);
}

tn_value *tn_eval_token(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)operands;
  return tn_value_new(eval, inst->shape);
}

tn_value *tn_eval_tuple(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  for (int i = 0; i < inst->n_operands; i++) tn_value_retain(operands[i]);
  return tn_value_tuple(eval, inst->shape, operands);
}

tn_value *tn_eval_get_tuple_element(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)eval;
  return tn_value_retain(tn_value_element(operands[0], inst->attr.index.index));
}

tn_value *tn_eval_call(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  return tn_eval_run(eval, inst->called[0], operands);
}

static bool condition_holds(tn_eval *eval, const tn_comp *condition, tn_value *state, bool *exact) {
  tn_value *verdict = tn_eval_run(eval, condition, &state);
  *exact = *exact && tn_value_is_exact(verdict);
  bool holds = *(const unsigned char *)verdict->literal.data != 0;
  tn_value_release(eval, verdict);
  return holds;
}

tn_value *tn_eval_while(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  int64_t limit = eval->options.max_iterations ? eval->options.max_iterations : 100000000;
  tn_value *state = tn_value_retain(operands[0]);
  bool exact = true;
  for (int64_t i = 0; condition_holds(eval, inst->called[0], state, &exact); i++) {
    if (i == limit)
      tn_eval_stop(eval, TN_LIMIT, "while: goes on after %lld iterations (--max-iterations)",
                   (long long)limit);
    state = tn_eval_run_giving(eval, inst->called[1], state);
  }
  return tn_value_decided(eval, state, exact);
}

/* A predicate picks branch 0 for true; an index out of range the last branch. */
tn_value *tn_eval_conditional(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  int64_t index = tn_value_integer(operands[0], 0);
  if (tn_value_type(operands[0]) == TN_PRED) index = index ? 0 : 1;
  if (index < 0 || index >= inst->n_called) index = inst->n_called - 1;
  tn_value *result = tn_eval_run(eval, inst->called[index], &operands[index + 1]);
  return tn_value_decided(eval, result, tn_value_is_exact(operands[0]));
}

/* ((operands), result, context…): the computation runs at the start, so that updates
 * and the end only hand the value on. */
tn_value *tn_eval_async_start(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  tn_value **elements = TN_SCRATCH(eval, tn_value *, shape->rank);
  for (int i = 0; i < inst->n_operands; i++) tn_value_retain(operands[i]);
  elements[0] = tn_value_tuple(eval, shape->elements[0], operands);
  elements[1] = tn_eval_run(eval, inst->called[0], operands);
  for (int i = 2; i < shape->rank; i++) elements[i] = tn_value_zero(eval, shape->elements[i]);
  return tn_value_tuple(eval, shape, elements);
}

tn_value *tn_eval_async_done(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)eval, (void)inst;
  return tn_value_retain(tn_value_element(operands[0], 1));
}

/* (destination, source, context). */
tn_value *tn_eval_copy_start(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  tn_value **elements = TN_SCRATCH(eval, tn_value *, shape->rank);
  for (int i = 0; i < shape->rank; i++)
    elements[i] = i < 2 ? tn_value_retain(operands[0]) : tn_value_zero(eval, shape->elements[i]);
  return tn_value_tuple(eval, shape, elements);
}

tn_value *tn_eval_copy_done(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)eval, (void)inst;
  return tn_value_retain(tn_value_element(operands[0], 0));
}
