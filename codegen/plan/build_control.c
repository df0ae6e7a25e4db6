/* Control flow: whiles and conditionals become regions of steps on buffers of their own.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

static tn_step **enter_block(builder *b, tn_step **block) {
  tn_step **outer = b->tail;
  b->tail = block;
  return outer;
}

/* The state stands in its own buffers; body and test read it, the body's results
 * are copied into it at the end of each iteration.                                */
bool tn_plan_build_while(builder *b, tn_inst *inst) {
  tn_plan_value *initial = tn_plan_value_of(b, inst->operands[0]), *state = tn_plan_temps_like(b, initial),
                *flag, *next;
  value_list to = {0}, from = {0};
  tn_plan_leaves(b, state, &to);
  tn_plan_leaves(b, initial, &from);
  tn_plan_copy_leaves(b, &to, &from);
  tn_step *step = tn_plan_new_step(b, TN_STEP_WHILE);
  step->n_branches = 1;
  step->branches = TN_NEW(b->arena, tn_step *);
  tn_step **outer = enter_block(b, &step->test);
  if (!tn_plan_build_comp(b, inst->called[0], &state, &flag)) return false;
  step->selector = flag->buffer;
  enter_block(b, &step->branches[0]);
  if (!tn_plan_build_comp(b, inst->called[1], &state, &next)) return false;
  from = (value_list){0};
  tn_plan_leaves(b, next, &from);
  tn_plan_copy_leaves(b, &to, &from);
  b->tail = outer;
  b->values[inst->id] = state;
  return true;
}

bool tn_plan_build_conditional(builder *b, tn_inst *inst) {
  tn_step *step = tn_plan_new_step(b, TN_STEP_CONDITIONAL);
  tn_plan_value *result = NULL;
  step->selector = tn_plan_value_of(b, inst->operands[0])->buffer;
  step->n_branches = inst->n_called;
  step->branches = TN_NEW_ARRAY(b->arena, tn_step *, inst->n_called);
  tn_step **outer = b->tail;
  for (int i = 0; i < inst->n_called; i++) {
    tn_plan_value *argument = tn_plan_value_of(b, inst->operands[1 + i]), *value;
    enter_block(b, &step->branches[i]);
    if (!tn_plan_build_comp(b, inst->called[i], &argument, &value)) return false;
    if (!result) result = tn_plan_temps_like(b, value);
    value_list to = {0}, from = {0};
    tn_plan_leaves(b, result, &to);
    tn_plan_leaves(b, value, &from);
    tn_plan_copy_leaves(b, &to, &from);
  }
  b->tail = outer;
  b->values[inst->id] = result;
  return true;
}
