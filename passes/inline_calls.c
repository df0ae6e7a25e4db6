/* Calls become the instructions that they call.
 *
 *   clip { x, low, high … ROOT m = f32[8] minimum(high, maximum(low, x)) }
 *   y = f32[8] call(a, l, h), to_apply=clip
 *  =>
 *   y = f32[8] minimum(h, maximum(l, a))
 *
 * Why: exporters write every jitted function as a call, and no other pass looks through
 * one. Keeps: values, side effects and their order. Cost: the instructions that are
 * copied; what would make a module grow out of proportion stays a call.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/rewrite.h"

enum {
  MOST_COPIED = 1 << 20, /* instructions, in all */
  LARGEST_SHARED = 4096  /* instructions of a computation that has several callers */
};

static bool has_control_edges(const tn_comp *comp) {
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (inst->predecessors.count || inst->successors.count) return true;
  return false;
}

static bool may_inline(const tn_inst *call, int64_t copied) {
  const tn_comp *callee = call->called[0];
  if (!tn_rewrite_is_free_to_move(call) || callee->execution_thread || has_control_edges(callee))
    return false;
  if (callee->callers.count > 1 && callee->n_insts > LARGEST_SHARED) return false;
  if (copied + callee->n_insts > MOST_COPIED) return false;
  return tn_rewrite_stands_for(callee->root, call);
}

/* The lowest id in `comp`; *span: how many ids from there on cover it. */
static int lowest_id(const tn_comp *comp, int *span) {
  int low = comp->first->id, high = low;
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->id < low) low = inst->id;
    if (inst->id > high) high = inst->id;
  }
  *span = high - low + 1;
  return low;
}

/* Copies the callee's instructions before the call; what its root becomes. */
static tn_inst *copy_body(tn_inst *call, tn_arena *scratch) {
  tn_comp *callee = call->called[0];
  int span, first = lowest_id(callee, &span);
  tn_inst **copies = TN_NEW_ARRAY(scratch, tn_inst *, span); /* by id, from `first` */
  TN_FOR_EACH_IN_COMP(callee, inst) {
    if (inst->op == TN_OP_PARAMETER) {
      copies[inst->id - first] = call->operands[inst->attr.parameter.number];
      continue;
    }
    tn_inst **operands = TN_NEW_ARRAY(scratch, tn_inst *, inst->n_operands);
    for (int i = 0; i < inst->n_operands; i++) operands[i] = copies[inst->operands[i]->id - first];
    copies[inst->id - first] =
        tn_inst_clone(call->parent, call, inst, inst->shape, inst->n_operands, operands);
  }
  return copies[callee->root->id - first];
}

/* Callees stand before callers: what is copied has no calls left that could go. */
bool tn_pass_inline_calls(tn_module *module, tn_pass_context *context) {
  int64_t copied = 0;
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_CALL || !may_inline(inst, copied) || !tn_pass_spend(context)) continue;
    tn_comp *callee = inst->called[0];
    copied += callee->n_insts;
    tn_rewrite_replace(inst, copy_body(inst, context->scratch));
    changed = true;
  }
  return changed;
}
