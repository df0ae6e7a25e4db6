/* Barriers go when nothing is left that they hold back.
 *
 *   t = (f32[8], f32[8]) tuple(a, b)
 *   u = (f32[8], f32[8]) opt-barrier(t)
 *   x = f32[8] get-tuple-element(u), index=1        =>  b
 *
 * Why: an opt-barrier keeps common subexpressions apart and computations where they are:
 * JAX writes one around what jax.checkpoint computes again. Those passes are behind us;
 * to fusion a barrier is a value that must be stored. Keeps: values. Where: after all that
 * would join what the barrier keeps apart, before fusion. Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/rewrite.h"

/* Users that take an element of `tuple` take what it was made of. */
static void forward_elements(tn_inst *tuple) {
  for (int i = tuple->users.count - 1; i >= 0; i--) {
    tn_inst *user = tuple->users.at[i];
    if (user->op != TN_OP_GET_TUPLE_ELEMENT || !tn_rewrite_is_free_to_move(user)) continue;
    tn_inst *element = tuple->operands[user->attr.index.index];
    if (tn_rewrite_stands_for(element, user)) tn_rewrite_replace(user, element);
  }
  if (tuple->users.count == 0 && tuple != tuple->parent->root && tn_rewrite_is_free_to_move(tuple))
    tn_inst_remove(tuple);
}

static bool drop(tn_pass_context *context, tn_inst *barrier) {
  tn_inst *operand = barrier->operands[0];
  if (!tn_rewrite_is_free_to_move(barrier) || !tn_rewrite_stands_for(operand, barrier)) return false;
  if (!tn_pass_spend(context)) return false;
  tn_rewrite_replace(barrier, operand);
  if (operand->op == TN_OP_TUPLE) forward_elements(operand);
  return true;
}

bool tn_pass_drop_barriers(tn_module *module, tn_pass_context *context) {
  if (!tn_pass_finds(context, TN_OP_OPT_BARRIER)) return false;
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  for (tn_inst *inst = comp->last, *before; inst;
       inst = before) { /* users first: what follows is gone then */
    before = inst->prev;
    if (inst->op == TN_OP_OPT_BARRIER) changed |= drop(context, inst);
  }
  return changed;
}
