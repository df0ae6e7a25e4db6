/* The engine of local rewrites; see rewrite.h.
 *
 * One sweep visits operands before users, so that chains shrink in one sweep; another
 * follows only if something changed. Cost: sweeps × instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/rewrite.h"

bool tn_rewrite_is_free_to_move(const tn_inst *inst) {
  return !inst->control->predecessors.count && !inst->control->successors.count &&
         !tn_op_is(inst->op, TN_OP_SIDE_EFFECT);
}

static bool sees_layout(const tn_inst *user) {
  return user->op == TN_OP_BITCAST || user->op == TN_OP_CUSTOM_CALL || user->op == TN_OP_COPY_START ||
         user->op == TN_OP_ASYNC_START;
}

/* Users that pass their operand on, layout and all. */
static bool passes_on(const tn_inst *user) { return tn_op_is(user->op, TN_OP_FREE) || user->n_called > 0; }

static bool layout_matters(const tn_inst *inst, int depth) {
  for (int i = 0; i < inst->users.count; i++) {
    const tn_inst *user = inst->users.at[i];
    if (sees_layout(user)) return true;
    if (passes_on(user) && user->op != TN_OP_REDUCE && (depth == 0 || layout_matters(user, depth - 1)))
      return true;
  }
  return inst->parent->root == inst && inst->parent != inst->parent->module->entry;
}

bool tn_rewrite_stands_for(const tn_inst *by, const tn_inst *inst) {
  if (!tn_shape_equal(by->shape, inst->shape)) return false;
  if (tn_layout_is_row_major(by->shape) && tn_layout_is_row_major(inst->shape)) return true;
  return tn_shape_identical(by->shape, inst->shape) || !layout_matters(inst, 2);
}

void tn_rewrite_replace(tn_inst *inst, tn_inst *by) {
  bool is_new = by->users.count == 0 && by->op != TN_OP_PARAMETER;
  if (is_new && !by->notes) by->notes = inst->notes;
  if (is_new && !by->location.line) by->location = inst->location;
  tn_inst_replace_uses(inst, by);
  if (inst->users.count == 0 && inst->op != TN_OP_PARAMETER && tn_rewrite_is_free_to_move(inst))
    tn_inst_remove(inst);
}

/* What a rule made on the way to what stands for inst comes from where inst does. */
static void inherit(tn_inst *inst, int first_id) {
  for (tn_inst *made = inst->prev; made && made->id >= first_id; made = made->prev) {
    if (!made->notes) made->notes = inst->notes;
    if (!made->location.line) made->location = inst->location;
  }
}

static bool rewrite_inst(tn_pass_context *context, tn_inst *inst, const tn_rewrite *rules, int count) {
  bool changed = false;
  for (int i = 0; i < count; i++) {
    if (rules[i].op != inst->op || !tn_rewrite_is_free_to_move(inst)) continue;
    context->rule = rules[i].name;
    int first_id = inst->parent->module->next_id;
    tn_inst *by = rules[i].rule(context, inst);
    if (!by) continue;
    changed = true;
    inherit(inst, first_id);
    if (by == inst) continue;
    tn_rewrite_replace(inst, by);
    return true;
  }
  return changed;
}

static bool sweep(tn_module *module, tn_pass_context *context, const tn_rewrite *rules, int count) {
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) changed |= rewrite_inst(context, inst, rules, count);
  return changed;
}

static bool may_apply(const tn_pass_context *context, const tn_rewrite *rules, int count) {
  for (int i = 0; i < count; i++)
    if (!context->present || context->present[rules[i].op]) return true;
  return false;
}

bool tn_rewrite_module(tn_module *module, tn_pass_context *context, const tn_rewrite *rules, int count) {
  bool changed = false;
  if (!may_apply(context, rules, count)) {
    context->untouched = true;
    return false;
  }
  while (sweep(module, context, rules, count)) changed = true;
  return changed;
}

bool tn_comp_is_sequence(const tn_comp *comp) {
  if (comp == comp->module->entry) return true;
  for (int i = 0; i < comp->callers.count; i++) {
    tn_op op = comp->callers.at[i]->op;
    if (op != TN_OP_WHILE && op != TN_OP_CONDITIONAL && op != TN_OP_CALL && op != TN_OP_ASYNC_START)
      return false;
  }
  return comp->callers.count > 0;
}

tn_dims tn_rewrite_dims(tn_inst *inst, int count, const int64_t *at) {
  return (tn_dims){tn_arena_copy(inst->parent->module->arena, at, (size_t)count * sizeof *at), count};
}
