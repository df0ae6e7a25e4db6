/* A compiler with a broken pass: what --check-passes and --bisect are tried on.
 *
 * The linker puts these functions in the place of the compiler's (--wrap), which does not know of
 * them. simplify-arithmetic gets one rule more, of the kind that happens: operands of operations
 * that commute are put in the order of the list. It is right wherever it fires, in some hundred
 * places of a network, but where TENON_PLANT says which mistake its condition has:
 *
 *     subtract  subtract(1, x) counts as commuting, too, and subtract(add(x, constant), y)
 *     zero      x + 0 is x, although it is 0 where x is -0
 *     square    a dot of square matrices contracts the other dim of its second operand
 *     round     (x + y) + p with a parameter p is (x + p) + y, which rounds elsewhere
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdlib.h>

#include "base/number.h"
#include "passes/pass.h"

bool __real_tn_pass_simplify_arithmetic(tn_module *module, tn_pass_context *context);
bool __wrap_tn_pass_simplify_arithmetic(tn_module *module, tn_pass_context *context);

static bool is_planted(const char *fault) {
  const char *wanted = getenv("TENON_PLANT");
  return wanted && strcmp(wanted, fault) == 0;
}

static const tn_inst *behind_broadcast(const tn_inst *inst) {
  while (inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE) inst = inst->operands[0];
  return inst;
}

static bool is_constant(const tn_inst *inst) { return behind_broadcast(inst)->op == TN_OP_CONSTANT; }

static bool is_planted_subtract(const tn_inst *inst) {
  if (!is_planted("subtract") || inst->op != TN_OP_SUBTRACT) return false;
  const tn_inst *lhs = inst->operands[0], *rhs = inst->operands[1];
  if (is_constant(lhs) && !is_constant(rhs)) return true;
  return lhs->op == TN_OP_ADD && lhs->operands[1]->op == TN_OP_CONSTANT && rhs->op == TN_OP_BROADCAST;
}

static bool swaps(const tn_inst *inst) {
  if (is_planted_subtract(inst)) return true;
  return tn_op_is(inst->op, TN_OP_COMMUTES) && inst->n_operands == 2 &&
         inst->operands[0]->id > inst->operands[1]->id;
}

static bool is_zero(const tn_inst *inst) {
  const tn_inst *constant = behind_broadcast(inst);
  if (constant->op != TN_OP_CONSTANT || constant->shape->rank || constant->shape->type != TN_F32)
    return false;
  return tn_load_float(TN_F32, constant->attr.constant.literal->data) == 0;
}

static bool swap(tn_inst *inst, tn_pass_context *context) {
  if (!swaps(inst) || !tn_pass_spend(context)) return false;
  tn_inst *operands[] = {inst->operands[1], inst->operands[0]};
  tn_inst_set_operands(inst, 2, operands);
  return true;
}

static bool drop_zero(tn_inst *inst, tn_pass_context *context) {
  if (!is_planted("zero") || inst->op != TN_OP_ADD || !is_zero(inst->operands[1])) return false;
  if (!tn_pass_spend(context)) return false;
  tn_inst_replace_uses(inst, inst->operands[0]);
  return true;
}

/* Two plain contractions of the last dim: only square operands have the same shape. */
static bool turn_square(tn_inst *inst, tn_pass_context *context) {
  if (!is_planted("square") || inst->op != TN_OP_DOT) return false;
  const tn_shape *rhs = inst->operands[1]->shape;
  const tn_dot_side *side = &inst->attr.dot->side[1];
  if (rhs->rank != 2 || rhs->dims[0] != rhs->dims[1] || side->contracting.at[0] != 0) return false;
  if (!tn_pass_spend(context)) return false;
  int64_t *at = TN_NEW_ARRAY(inst->parent->module->arena, int64_t, 1);
  *at = 1;
  tn_inst_edit_dot(inst)->side[1].contracting.at = at;
  return true;
}

/* Parameters stand before all that use them. */
static bool round_elsewhere(tn_inst *inst, tn_pass_context *context) {
  if (!is_planted("round") || inst->op != TN_OP_ADD) return false;
  tn_inst *inner = inst->operands[0], *parameter = inst->operands[1];
  if (inner->op != TN_OP_ADD || parameter->op != TN_OP_PARAMETER || inner->users.count != 1) return false;
  if (inner->operands[1]->id > parameter->id || !tn_pass_spend(context)) return false;
  tn_inst *inside[] = {inner->operands[0], parameter}, *outside[] = {inner, inner->operands[1]};
  tn_inst_set_operands(inner, 2, inside);
  tn_inst_set_operands(inst, 2, outside);
  return true;
}

bool __wrap_tn_pass_simplify_arithmetic(tn_module *module, tn_pass_context *context) {
  bool changed = __real_tn_pass_simplify_arithmetic(module, context);
  context->rule = "planted";
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (round_elsewhere(inst, context) || swap(inst, context) || drop_zero(inst, context) ||
      turn_square(inst, context))
    changed = true;
  return changed;
}
