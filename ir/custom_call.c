/* Which custom calls are known.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/custom_call.h"

bool tn_custom_call_is_identity(const tn_inst *inst) {
  static const char *const names[] = {
      "Sharding",   "SPMDFullToShardShape", "SPMDShardToFullShape", "annotate_device_placement",
      "MoveToHost", "MoveToDevice"};
  if (inst->op != TN_OP_CUSTOM_CALL || inst->n_operands != 1) return false;
  if (!tn_shape_equal(inst->shape, inst->operands[0]->shape)) return false;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(inst->attr.custom_call->target, names[i])) return true;
  return false;
}

bool tn_custom_call_is_topk(const tn_inst *inst, bool *largest) {
  if (inst->op != TN_OP_CUSTOM_CALL || strcmp(inst->attr.custom_call->target, "TopK")) return false;
  if (inst->n_operands != 1 || inst->n_called != 1 || inst->called[0]->root->op != TN_OP_COMPARE)
    return false;
  if (!tn_shape_is_tuple(inst->shape) || inst->shape->rank != 2) return false;
  tn_direction direction = inst->called[0]->root->attr.compare.direction;
  *largest = direction == TN_GT || direction == TN_GE;
  return true;
}
