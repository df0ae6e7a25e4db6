/* Collectives of one participant: what a sum, a gather or a broadcast over one is.
 *
 * With one participant every reduction returns its operand, every exchange too; a
 * permutation that does not send 0 to 0 leaves zeros. More are refused.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

static void check_alone(tn_eval *eval, const tn_inst *inst) {
  const tn_module *module = inst->parent ? inst->parent->module : NULL;
  if (!module) return;
  if (module->replica_count > 1 || module->num_partitions > 1)
    tn_eval_stop(eval, TN_UNSUPPORTED, "%s: %lld replicas of %lld partitions take part, one can be evaluated",
                 tn_ops[inst->op].name, (long long)module->replica_count, (long long)module->num_partitions);
}

static void check_groups(tn_eval *eval, const tn_inst *inst, const tn_groups *groups) {
  check_alone(eval, inst);
  for (int i = 0; i < groups->count; i++)
    if (groups->at[i].count > 1)
      tn_eval_stop(eval, TN_UNSUPPORTED, "%s: a group of %d participants, one can be evaluated",
                   tn_ops[inst->op].name, groups->at[i].count);
}

/* The operands: one as it is, several as a tuple. */
static tn_value *pass_operands(tn_eval *eval, const tn_inst *inst, const tn_shape *shape,
                               tn_value *const *operands) {
  if (!tn_shape_is_tuple(shape)) return tn_value_retain(operands[0]);
  for (int i = 0; i < inst->n_operands; i++) tn_value_retain(operands[i]);
  return tn_value_tuple(eval, shape, operands);
}

tn_value *tn_eval_one_participant(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  check_groups(eval, inst, &inst->attr.collective->groups);
  return pass_operands(eval, inst, inst->shape, operands);
}

/* (operands, results). */
tn_value *tn_eval_all_gather_start(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  check_groups(eval, inst, &inst->attr.collective->groups);
  const tn_shape *shape = inst->shape;
  tn_value *elements[2] = {pass_operands(eval, inst, shape->elements[0], operands),
                           pass_operands(eval, inst, shape->elements[1], operands)};
  return tn_value_tuple(eval, shape, elements);
}

tn_value *tn_eval_all_gather_done(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)eval, (void)inst;
  return tn_value_retain(tn_value_element(operands[0], 1));
}

/* What 0 receives: its own value if the pairs say so, else zeros. */
static tn_value *permuted(tn_eval *eval, const tn_inst *inst, const tn_shape *shape,
                          tn_value *const *operands) {
  check_alone(eval, inst);
  const tn_pairs *pairs = &inst->attr.permute->pairs;
  for (int i = 0; i < pairs->count; i++) {
    if (pairs->at[i].source != 0 || pairs->at[i].target != 0)
      tn_eval_stop(eval, TN_UNSUPPORTED, "%s: sends %lld to %lld, there is one participant",
                   tn_ops[inst->op].name, (long long)pairs->at[i].source, (long long)pairs->at[i].target);
    return pass_operands(eval, inst, shape, operands);
  }
  return tn_value_zero(eval, shape);
}

tn_value *tn_eval_collective_permute(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  return permuted(eval, inst, inst->shape, operands);
}

/* (operand, result, context, context). */
tn_value *tn_eval_collective_permute_start(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_shape *shape = inst->shape;
  tn_value **elements = TN_SCRATCH(eval, tn_value *, shape->rank);
  elements[0] = pass_operands(eval, inst, shape->elements[0], operands);
  elements[1] = permuted(eval, inst, shape->elements[1], operands);
  for (int i = 2; i < shape->rank; i++) elements[i] = tn_value_zero(eval, shape->elements[i]);
  return tn_value_tuple(eval, shape, elements);
}

tn_value *tn_eval_collective_permute_done(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  return tn_eval_all_gather_done(eval, inst, operands);
}

tn_value *tn_eval_participant_id(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  (void)operands;
  check_alone(eval, inst);
  return tn_value_zero(eval, inst->shape);
}

static bool same_rows(const tn_shape *a, const tn_shape *b) {
  for (int d = 1; d < a->rank; d++)
    if (a->dims[d] != b->dims[d]) return false;
  return true;
}

/* Alone, a participant sends all rows to itself: list i of rows goes from input_offsets[i] to
 * output_offsets[i], send_sizes[i] of them, later lists over earlier ones. Rows outside of
 * either are left out.                                                                    */
tn_value *tn_eval_ragged_all_to_all(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  check_groups(eval, inst, &inst->attr.collective->groups);
  const tn_shape *from = operands[0]->literal.shape, *to = inst->shape;
  if (!same_rows(from, to))
    tn_eval_stop(eval, TN_UNSUPPORTED, "%s: input and output have rows of different dims",
                 tn_ops[inst->op].name);
  tn_value *result = tn_value_new(eval, to);
  int64_t *from_strides = tn_strides(eval, from), *strides = tn_strides(eval, to);
  tn_value_copy(result, 0, strides, operands[1], 0, strides, to->rank, to->dims);
  int64_t *row = TN_SCRATCH(eval, int64_t, to->rank);
  for (int d = 0; d < to->rank; d++) row[d] = d ? to->dims[d] : 1;
  for (int64_t i = 0; i < tn_shape_elements(operands[2]->literal.shape); i++) {
    int64_t source = tn_value_index(operands[2], i), size = tn_value_index(operands[3], i),
            target = tn_value_index(operands[4], i);
    if (size <= 0 || source < 0 || source >= from->dims[0]) continue;
    for (int64_t at = 0; at < to->dims[0]; at++) { /* of the output: offsets may be wild */
      uint64_t offset = (uint64_t)at - (uint64_t)target;
      if (at < target || offset >= (uint64_t)size || offset >= (uint64_t)(from->dims[0] - source)) continue;
      tn_value_copy(result, at * strides[0], strides, operands[0],
                    (source + (int64_t)offset) * from_strides[0], from_strides, to->rank, row);
    }
  }
  bool exact = true;
  for (int i = 2; i < 5; i++) exact = exact && tn_value_is_exact(operands[i]);
  return tn_value_decided(eval, result, exact);
}
