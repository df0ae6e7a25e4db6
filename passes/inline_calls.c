/* Calls become the instructions that they call.
 *
 *   clip { x, low, high … ROOT m = f32[8] minimum(high, maximum(low, x)) }
 *   y = f32[8] call(a, l, h), to_apply=clip
 *  =>
 *   y = f32[8] minimum(h, maximum(l, a))
 *
 * Why: exporters write every jitted function as a call, and no other pass looks through
 * one. Keeps: values, side effects and their order, control edges. Cost: the instructions that are
 * copied; what would make a module grow out of proportion stays a call.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"

enum {
  MOST_COPIED = 1 << 20, /* instructions, in all */
  LARGEST_SHARED = 4096  /* instructions of a computation that has several callers */
};

static bool may_inline(const tn_inst *call, int64_t copied) {
  const tn_comp *callee = call->called[0];
  if (!tn_rewrite_is_free_to_move(call) || callee->execution_thread) return false;
  if (callee->callers.count > 1 && callee->n_insts > LARGEST_SHARED) return false;
  if (copied + callee->n_insts > MOST_COPIED) return false;
  return tn_rewrite_stands_for(callee->root, call);
}

/* Callees stand before callers: what is copied has no calls left that could go. */
bool tn_pass_inline_calls(tn_module *module, tn_pass_context *context) {
  if (!tn_pass_finds(context, TN_OP_CALL)) return false;
  int64_t copied = 0;
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_CALL || !may_inline(inst, copied) || !tn_pass_spend(context)) continue;
    tn_comp *callee = inst->called[0];
    copied += callee->n_insts;
    tn_rewrite_replace(inst, tn_comp_copy_into(inst, callee, inst->operands, context->scratch));
    changed = true;
  }
  return changed;
}
