/* Dead code: instructions that nothing uses and computations that nothing calls go.
 *
 *   a = f32[4] add(x, y)        (no users)
 *  =>
 *                               (nothing)
 *
 * Why: rewrites leave their sources behind, exporters leave more. Keeps: parameters,
 * side effects (opcodes marked so, custom calls that say so, what calls either), control
 * edges between what remains. Cost: linear; a dead chain goes in one backward sweep.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/pass.h"

static bool has_effect(const tn_inst *inst, const bool *comp_has_effect) {
  if (tn_op_is(inst->op, TN_OP_SIDE_EFFECT)) return true;
  if (inst->op == TN_OP_CUSTOM_CALL && inst->attr.custom_call.side_effect) return true;
  for (int i = 0; i < inst->n_called; i++)
    if (comp_has_effect[inst->called[i]->id]) return true;
  return false;
}

/* By computation id; callees stand before callers. */
static bool *find_effects(const tn_module *module, tn_arena *scratch) {
  bool *effects = TN_NEW_ARRAY(scratch, bool, module->next_id);
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) effects[comp->id] = effects[comp->id] || has_effect(inst, effects);
  return effects;
}

static bool is_dead(const tn_inst *inst, const bool *effects) {
  return inst->users.count == 0 && inst != inst->parent->root && inst->op != TN_OP_PARAMETER &&
         inst->successors.count == 0 && inst->predecessors.count == 0 && !has_effect(inst, effects);
}

static bool sweep_comp(tn_comp *comp, tn_pass_context *context, const bool *effects) {
  bool changed = false;
  for (tn_inst *inst = comp->last, *before; inst; inst = before) {
    before = inst->prev;
    if (!is_dead(inst, effects) || !tn_pass_spend(context)) continue;
    tn_inst_remove(inst);
    changed = true;
  }
  return changed;
}

/* From the end: callers go before what they call. */
bool tn_pass_dce(tn_module *module, tn_pass_context *context) {
  const bool *effects = find_effects(module, context->scratch);
  bool changed = false;
  for (tn_comp *comp = module->last, *before; comp; comp = before) {
    before = comp->prev;
    if (comp != module->entry && comp->callers.count == 0) {
      if (!tn_pass_spend(context)) continue;
      tn_comp_remove(comp);
      changed = true;
    } else {
      changed |= sweep_comp(comp, context, effects);
    }
  }
  return changed;
}
