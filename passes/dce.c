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
#include "passes/control.h"

static bool is_dead(const tn_inst *inst, const tn_effects *effects) {
  return inst->users.count == 0 && inst != inst->parent->root && inst->op != TN_OP_PARAMETER &&
         inst->control->successors.count == 0 && inst->control->predecessors.count == 0 &&
         !(tn_inst_effects(inst, effects) & TN_EFFECT);
}

static bool sweep_comp(tn_comp *comp, tn_pass_context *context, const tn_effects *effects) {
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
  tn_effects effects = tn_find_effects(module, context->scratch);
  bool changed = false;
  for (tn_comp *comp = module->last, *before; comp; comp = before) {
    before = comp->prev;
    if (comp != module->entry && comp->callers.count == 0) {
      if (!tn_pass_spend(context)) continue;
      tn_comp_remove(comp);
      changed = true;
    } else {
      changed |= sweep_comp(comp, context, &effects);
    }
  }
  return changed;
}
