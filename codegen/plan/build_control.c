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

/* Which leaf of the computation's parameter leaf `leaf` of inst is, handed through; -1: none. */
static int handed_through(const tn_inst *inst, int leaf) {
  for (;;) {
    if (inst->op == TN_OP_PARAMETER) return leaf;
    if (inst->op == TN_OP_GET_TUPLE_ELEMENT) {
      const tn_shape *shape = inst->operands[0]->shape;
      for (int64_t e = 0; e < inst->attr.index.index; e++) leaf += tn_shape_leaves(shape->elements[e]);
      inst = inst->operands[0];
      continue;
    }
    if (inst->op != TN_OP_TUPLE) return -1;
    int operand = 0;
    while (leaf >= tn_shape_leaves(inst->operands[operand]->shape))
      leaf -= tn_shape_leaves(inst->operands[operand++]->shape);
    inst = inst->operands[operand];
  }
}

/* The state of a loop while its buffers are chosen. */
typedef struct {
  builder *b;
  const tn_inst *inst;
  value_list initial; /* its leaves */
  int leaf;
} state_maker;

static bool stands_alone(const state_maker *m, int buffer) {
  int uses = 0;
  for (int i = 0; i < m->initial.count; i++) uses += m->initial.at[i]->buffer == buffer;
  return uses == 1;
}

/* A leaf that the body hands through stays where it is. Another takes over the buffer of
 * its initial value if nobody else needs that, or the result that waits for it.         */
static int state_buffer(state_maker *m, int leaf, const tn_plan_value *initial) {
  if (handed_through(m->inst->called[1]->root, leaf) == leaf) return initial->buffer;
  const tn_shape *shape = m->b->buffers.at[initial->buffer].shape;
  bool alone = stands_alone(m, initial->buffer);
  if (alone && !shape->layout && tn_plan_may_overwrite(m->b, initial->buffer)) return initial->buffer;
  int claimed = tn_plan_claimed(m->b, m->inst, leaf, initial->buffer);
  bool alias = claimed >= 0 && m->b->buffers.at[claimed].alias >= 0;
  if (claimed >= 0 && !m->b->buffers.at[claimed].shape->layout && (!alias || alone)) return claimed;
  return tn_plan_new_temp(m->b, initial->shape);
}

static tn_plan_value *make_state(state_maker *m, tn_plan_value *initial) {
  if (!initial->elements) {
    int leaf = m->leaf;
    m->leaf += tn_shape_leaves(initial->shape);
    return initial->buffer < 0 ? initial
                               : tn_plan_array_value(m->b, initial->shape, state_buffer(m, leaf, initial));
  }
  tn_plan_value *state = tn_plan_tuple_value(m->b, initial->count);
  for (int i = 0; i < initial->count; i++) state->elements[i] = make_state(m, initial->elements[i]);
  return state;
}

/* The state stands in its own buffers; body and test read it, the body's results
 * are copied into it at the end of each iteration.                                */
bool tn_plan_build_while(builder *b, tn_inst *inst) {
  tn_plan_value *initial = tn_plan_value_of(b, inst->operands[0]), *state, *flag, *next;
  state_maker maker = {.b = b, .inst = inst};
  tn_plan_leaves(b, initial, &maker.initial);
  state = make_state(&maker, initial);
  value_list to = {0}, from = {0};
  tn_plan_leaves(b, state, &to);
  tn_plan_copy_leaves(b, &to, &maker.initial);
  tn_step *step = tn_plan_new_step(b, TN_STEP_WHILE);
  step->n_branches = 1;
  step->branches = TN_NEW(b->arena, tn_step *);
  tn_step **outer = enter_block(b, &step->test);
  b->live = state;
  b->depth++;
  if (!tn_plan_build_comp(b, inst->called[0], &state, &flag)) return false;
  step->selector = flag->buffer;
  enter_block(b, &step->branches[0]);
  if (!tn_plan_build_comp(b, inst->called[1], &state, &next)) return false;
  tn_plan_leaves(b, next, &from);
  tn_plan_copy_leaves(b, &to, &from);
  b->depth--;
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
    b->depth++;
    if (!tn_plan_build_comp(b, inst->called[i], &argument, &value)) return false;
    b->depth--;
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
