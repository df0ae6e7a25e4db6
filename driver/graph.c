/* The graph as tenon.h shows it to passes of the caller's own.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/driver.h"

tn_comp *tn_graph_first_computation(const tn_module *module) { return module->first; }
tn_comp *tn_graph_next_computation(const tn_comp *computation) { return computation->next; }
tn_inst *tn_graph_first(const tn_comp *computation) { return computation->first; }
tn_inst *tn_graph_next(const tn_inst *inst) { return inst->next; }
tn_inst *tn_graph_root(const tn_comp *computation) { return computation->root; }
const char *tn_graph_opcode(const tn_inst *inst) { return tn_ops[inst->op].name; }
const char *tn_graph_name(const tn_inst *inst) { return inst->name; }
const char *tn_graph_type(const tn_inst *inst) { return tn_type_name(inst->shape->type); }

int32_t tn_graph_rank(const tn_inst *inst, const int64_t **dims) {
  if (!tn_shape_is_array(inst->shape)) return *dims = NULL, 0;
  *dims = inst->shape->dims;
  return inst->shape->rank;
}

int32_t tn_graph_operand_count(const tn_inst *inst) { return inst->n_operands; }

tn_inst *tn_graph_operand(const tn_inst *inst, int32_t index) {
  return index >= 0 && index < inst->n_operands ? inst->operands[index] : NULL;
}

int32_t tn_graph_user_count(const tn_inst *inst) { return inst->users.count; }

/* Elementwise opcodes without attributes whose result has the operands' shape; asked
 * before the builder, which asserts.                                                */
static bool can_build(tn_op op, const tn_inst *lhs, const tn_inst *rhs) {
  const tn_op_info *info = &tn_ops[op];
  bool plain = (info->attributes == TN_ATTR_NONE || info->attributes == TN_ATTR_ACCURACY) &&
               tn_op_is(op, TN_OP_ELEMENTWISE) && info->arity == (rhs ? 2 : 1);
  if (!plain || !tn_shape_is_array(lhs->shape)) return false;
  if (tn_op_is(op, TN_OP_FLOATING) && !tn_type_is_float(lhs->shape->type)) return false;
  return !rhs || tn_shape_equal(lhs->shape, rhs->shape);
}

tn_inst *tn_graph_build(tn_inst *before, const char *opcode, tn_inst *lhs, tn_inst *rhs) {
  tn_op op;
  if (!tn_op_from_name((tn_str){opcode, strlen(opcode)}, &op) || !can_build(op, lhs, rhs)) return NULL;
  return rhs ? tn_build_binary(before->parent, before, op, lhs, rhs)
             : tn_build_unary(before->parent, before, op, lhs);
}

void tn_graph_replace(tn_inst *inst, tn_inst *by) { tn_inst_replace_uses(inst, by); }

bool tn_graph_remove(tn_inst *inst) {
  if (inst->users.count || inst->parent->root == inst || inst->op == TN_OP_PARAMETER) return false;
  tn_inst_remove(inst);
  return true;
}
