/* State of loops that feeds itself alone.
 *
 *   body { s = (s32[], f32[8], f32[8]) parameter(0) … ROOT n = tuple(i + 1, x · y, y + y) }
 *   w = while(t), condition=i < 9, body=body           what is behind reads element 2 alone
 *  =>
 *   body { s = (s32[], f32[8]) parameter(0) … ROOT n = tuple(i + 1, y + y) }
 *
 * Why: reverse-mode gradients carry what only the forward pass needed, and each element costs a
 * buffer and a copy a turn. An element lives if the test reads it, if what is behind the loop
 * does, if something in the body with an effect needs it, or if the next value of an element that
 * lives does. Keeps: values of all that live; loops whose state is not taken apart.
 *
 * Cost: linear in test and body; computations that others call too are copied first.
 *
 * Termination: each rewrite removes elements of a state.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"

typedef TN_VEC(const tn_inst *) worklist;

typedef struct {
  const tn_loop *loop;
  tn_arena *scratch;
  bool *live;   /* by element */
  bool *needed; /* by instruction of the body, id - first */
  int first;
  worklist open;
} search;

static void need(search *s, const tn_inst *inst) {
  if (s->needed[inst->id - s->first]) return;
  s->needed[inst->id - s->first] = true;
  TN_PUSH(s->scratch, &s->open, inst);
}

static void keep_element(search *s, int element) {
  if (s->live[element]) return;
  s->live[element] = true;
  need(s, s->loop->next->operands[element]);
}

static void follow(search *s) {
  while (s->open.count > 0) {
    const tn_inst *inst = s->open.at[--s->open.count];
    if (inst->op == TN_OP_GET_TUPLE_ELEMENT && inst->operands[0] == s->loop->state) {
      keep_element(s, (int)inst->attr.index.index);
      continue;
    }
    for (int i = 0; i < inst->n_operands; i++) need(s, inst->operands[i]);
    for (int i = 0; i < inst->control->predecessors.count; i++) need(s, inst->control->predecessors.at[i]);
  }
}

static void keep_elements_read(search *s, const tn_inst *tuple) {
  for (int i = 0; i < tuple->users.count; i++) {
    const tn_inst *element = tuple->users.at[i];
    bool read = element->users.count > 0 || element == element->parent->root;
    if (read || !tn_rewrite_is_free_to_move(element)) keep_element(s, (int)element->attr.index.index);
  }
}

static search open_search(const tn_loop *loop, tn_arena *scratch) {
  search s = {.loop = loop, .scratch = scratch, .live = TN_NEW_ARRAY(scratch, bool, loop->count)};
  int last = s.first = loop->body->first->id;
  TN_FOR_EACH_IN_COMP(loop->body, inst) {
    if (inst->id < s.first) s.first = inst->id;
    if (inst->id > last) last = inst->id;
  }
  s.needed = TN_NEW_ARRAY(scratch, bool, last - s.first + 1);
  return s;
}

/* The elements that live, or NULL where all do. */
static bool *find_live(const tn_loop *loop, const tn_effects *effects, tn_arena *scratch) {
  search s = open_search(loop, scratch);
  keep_elements_read(&s, loop->test_state);
  keep_elements_read(&s, loop->loop);
  TN_FOR_EACH_IN_COMP(loop->body, inst)
  if (tn_inst_effects(inst, effects) || !tn_rewrite_is_free_to_move(inst)) need(&s, inst);
  follow(&s);
  for (int i = 0; i < loop->count; i++)
    if (!s.live[i]) return s.live;
  return NULL;
}

/* What in the body only dead elements needed goes, so that nothing reads them. */
static void sweep(tn_comp *body, const tn_effects *effects) {
  for (tn_inst *inst = body->last, *before; inst; inst = before) {
    before = inst->prev;
    bool idle = inst->users.count == 0 && inst != body->root && inst->op != TN_OP_PARAMETER;
    if (idle && tn_rewrite_is_free_to_move(inst) && !tn_inst_effects(inst, effects)) tn_inst_remove(inst);
  }
}

static void shrink(const tn_loop *loop, const bool *keep, const tn_effects *effects) {
  tn_keep_operands(loop->next, keep);
  sweep(loop->body, effects);
  tn_keep_elements(loop->test_state, keep);
  tn_keep_elements(loop->state, keep);
  tn_keep_elements(loop->loop, keep);
  tn_inst_set_operand(loop->loop, 0, tn_tuple_keep(loop->initial, keep, loop->loop));
  tn_drop_unused(loop->initial);
}

static bool visit(tn_inst *inst, tn_pass_context *context, const tn_effects *effects) {
  tn_loop loop;
  if (!tn_loop_open(inst, &loop) || !tn_only_elements_used(inst)) return false;
  bool *live = find_live(&loop, effects, context->scratch), any = false;
  for (int i = 0; live && i < loop.count; i++) any = any || live[i];
  if (!any || !tn_pass_spend(context)) return false; /* dead as a whole is another pass's */
  tn_loop_own(&loop);
  shrink(&loop, live, effects);
  return true;
}

/* Inner loops come first: what they do not need any more, the outer ones may not need either. */
bool tn_pass_while_dead_state(tn_module *module, tn_pass_context *context) {
  return tn_visit_loops(module, context, visit);
}
