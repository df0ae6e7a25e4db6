/* Loops whose number of turns is known.
 *
 *   w = (s32[], f32[8]) while(t), condition=below_n, body=body
 *  =>
 *   t                                       n = 0: the state is never changed
 *   body's instructions                     n = 1
 *   w = … while(t), …, backend_config={"known_trip_count":{"n":"12"}}      else, as XLA writes it
 *
 * Why: a loop hides what it computes from every other pass; the number says what it costs to those
 * who come later. Known is a number where a counter in the state says it (trip_count.c), or where
 * the test is the constant false. Keeps: effects of the body and their order; tests with effects,
 * and whatever stands in backend_config already.
 *
 * Cost: linear; a body that runs once is copied once.
 *
 * Termination: a rewrite removes a loop or fills an annotation that was empty.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/work.h"
#include "passes/control.h"

static bool never_turns(const tn_inst *loop) {
  const tn_inst *verdict = loop->called[0]->root;
  return verdict->op == TN_OP_CONSTANT && *(const unsigned char *)verdict->attr.constant.literal->data == 0;
}

static bool replace(tn_inst *inst, int64_t turns, tn_pass_context *context) {
  tn_inst *initial = inst->operands[0];
  context->rule = turns ? "one_turn" : "no_turn";
  if (!tn_rewrite_stands_for(turns ? inst->called[1]->root : initial, inst) || !tn_pass_spend(context))
    return false;
  tn_rewrite_replace(inst,
                     turns ? tn_comp_copy_into(inst, inst->called[1], &initial, context->scratch) : initial);
  return true;
}

static bool record(tn_inst *inst, int64_t turns, tn_pass_context *context) {
  context->rule = "known_count";
  if ((inst->notes && inst->notes->backend_config) || !tn_pass_spend(context)) return false;
  tn_inst_note_turns(inst, turns);
  return true;
}

static bool visit(tn_inst *inst, tn_pass_context *context, const tn_effects *effects) {
  tn_loop loop;
  int64_t turns = 0;
  if (inst->op != TN_OP_WHILE || !tn_rewrite_is_free_to_move(inst)) return false;
  if (tn_comp_effects(inst->called[0], effects)) return false;
  if (!never_turns(inst) && !(tn_loop_open(inst, &loop) && tn_loop_turns(&loop, &turns))) return false;
  return turns <= 1 ? replace(inst, turns, context) : record(inst, turns, context);
}

/* Inner loops come first: what an outer one copies of them is done. */
bool tn_pass_while_trip_count(tn_module *module, tn_pass_context *context) {
  return tn_visit_loops(module, context, visit);
}
