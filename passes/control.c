/* Control flow as passes edit it; see control.h.
 *
 * Instructions are changed in place where that keeps what points at them: parameters and
 * get-tuple-elements get another shape or index, tuples other operands.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"

/* ---- effects ---- */

unsigned tn_inst_effects(const tn_inst *inst, const tn_effects *effects) {
  if (tn_op_is(inst->op, TN_OP_SIDE_EFFECT)) return TN_EFFECT;
  if (inst->op == TN_OP_RNG) return TN_RANDOM;
  unsigned found = inst->op == TN_OP_CUSTOM_CALL && inst->attr.custom_call->side_effect ? TN_EFFECT : 0;
  for (int i = 0; i < inst->n_called; i++) found |= tn_comp_effects(inst->called[i], effects);
  return found;
}

static unsigned look_for_effects(const tn_comp *comp, const tn_effects *effects) {
  unsigned found = 0;
  TN_FOR_EACH_IN_COMP(comp, inst) found |= tn_inst_effects(inst, effects);
  return found;
}

/* Copies that were made since are looked through again. */
unsigned tn_comp_effects(const tn_comp *comp, const tn_effects *effects) {
  return comp->id < effects->count ? effects->at[comp->id] : look_for_effects(comp, effects);
}

/* Callees stand before callers. */
tn_effects tn_find_effects(const tn_module *module, tn_arena *scratch) {
  tn_effects effects = {TN_NEW_ARRAY(scratch, unsigned char, module->next_id), module->next_id};
  TN_FOR_EACH_COMP(module, comp) effects.at[comp->id] = (unsigned char)look_for_effects(comp, &effects);
  return effects;
}

/* ---- computations ---- */

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

tn_inst *tn_comp_copy_into(tn_inst *before, const tn_comp *comp, tn_inst *const *arguments,
                           tn_arena *scratch) {
  int span, first = lowest_id(comp, &span);
  tn_inst **copies = TN_NEW_ARRAY(scratch, tn_inst *, span); /* by id, from `first` */
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op == TN_OP_PARAMETER) {
      copies[inst->id - first] = arguments[inst->attr.parameter.number];
      continue;
    }
    tn_inst **operands = TN_NEW_ARRAY(scratch, tn_inst *, inst->n_operands);
    for (int i = 0; i < inst->n_operands; i++) operands[i] = copies[inst->operands[i]->id - first];
    tn_inst *copy = tn_inst_clone(before->parent, before, inst, inst->shape, inst->n_operands, operands);
    copies[inst->id - first] = copy;
    for (int i = 0; i < inst->control->predecessors.count; i++)
      tn_inst_add_predecessor(copy, copies[inst->control->predecessors.at[i]->id - first]);
  }
  return copies[comp->root->id - first];
}

tn_comp *tn_comp_own(tn_inst *inst, int slot) {
  tn_comp *comp = inst->called[slot];
  if (comp->callers.count == 1) return comp;
  tn_comp *copy = tn_comp_clone(comp, comp->name);
  tn_comp **called =
      tn_arena_copy(comp->module->arena, inst->called, (size_t)inst->n_called * sizeof(tn_comp *));
  called[slot] = copy;
  tn_inst_set_called(inst, inst->n_called, called);
  return copy;
}

/* ---- tuples ---- */

bool tn_only_elements_used(const tn_inst *inst) {
  for (int i = 0; i < inst->users.count; i++)
    if (inst->users.at[i]->op != TN_OP_GET_TUPLE_ELEMENT) return false;
  return inst->parent->root != inst;
}

void tn_split_uses(tn_inst *inst) {
  if (tn_only_elements_used(inst)) return;
  tn_comp *comp = inst->parent;
  tn_inst *before = inst->next;
  tn_inst **elements = TN_NEW_ARRAY(comp->module->arena, tn_inst *, inst->shape->rank);
  for (int i = 0; i < inst->shape->rank; i++) {
    elements[i] = tn_build_element(comp, before, inst, i);
    elements[i]->location = inst->location;
  }
  tn_inst *tuple = tn_build_tuple(comp, before, inst->shape->rank, elements);
  tuple->location = inst->location;
  for (int i = inst->users.count - 1; i >= 0; i--)
    if (inst->users.at[i]->op != TN_OP_GET_TUPLE_ELEMENT)
      tn_inst_set_operand(inst->users.at[i], tn_inst_user_slots(inst)[i], tuple);
  if (comp->root == inst) comp->root = tuple;
}

tn_inst *tn_element_of(tn_inst *tuple, int index, tn_inst *before) {
  if (tuple->op == TN_OP_TUPLE) return tuple->operands[index];
  tn_inst *element = tn_build_element(before->parent, before, tuple, index);
  element->location = before->location;
  return element;
}

static const tn_shape *shape_kept(tn_arena *arena, const tn_shape *shape, const bool *keep) {
  const tn_shape **elements = TN_NEW_ARRAY(arena, const tn_shape *, shape->rank);
  int count = 0;
  for (int i = 0; i < shape->rank; i++)
    if (keep[i]) elements[count++] = shape->elements[i];
  return tn_shape_tuple(arena, count, elements);
}

void tn_keep_elements(tn_inst *inst, const bool *keep) {
  int *place = TN_NEW_ARRAY(inst->parent->module->arena, int, inst->shape->rank), count = 0;
  for (int i = 0; i < inst->shape->rank; i++) place[i] = keep[i] ? count++ : -1;
  for (int i = inst->users.count - 1; i >= 0; i--) {
    tn_inst *element = inst->users.at[i];
    int index = place[element->attr.index.index];
    if (index < 0)
      tn_inst_remove(element);
    else
      element->attr.index.index = index;
  }
  inst->shape = shape_kept(inst->parent->module->arena, inst->shape, keep);
}

void tn_keep_operands(tn_inst *tuple, const bool *keep) {
  tn_inst **operands = TN_NEW_ARRAY(tuple->parent->module->arena, tn_inst *, tuple->n_operands);
  int count = 0;
  for (int i = 0; i < tuple->n_operands; i++)
    if (keep[i]) operands[count++] = tuple->operands[i];
  tuple->shape = shape_kept(tuple->parent->module->arena, tuple->shape, keep);
  tn_inst_set_operands(tuple, count, operands);
}

tn_inst *tn_tuple_keep(tn_inst *tuple, const bool *keep, tn_inst *before) {
  tn_inst **operands = TN_NEW_ARRAY(before->parent->module->arena, tn_inst *, tuple->shape->rank);
  int count = 0;
  for (int i = 0; i < tuple->shape->rank; i++)
    if (keep[i]) operands[count++] = tn_element_of(tuple, i, before);
  tn_inst *kept = tn_build_tuple(before->parent, before, count, operands);
  kept->location = tuple->location;
  kept->notes = tuple->op == TN_OP_TUPLE ? tuple->notes : NULL;
  return kept;
}

void tn_drop_unused(tn_inst *inst) {
  if (inst->users.count == 0 && inst != inst->parent->root && inst->op != TN_OP_PARAMETER &&
      inst->n_called == 0 && tn_rewrite_is_free_to_move(inst))
    tn_inst_remove(inst);
}

/* ---- loops ---- */

/* A tuple that its computation takes apart and does nothing else with. */
static bool is_taken_apart(const tn_comp *comp) {
  if (comp->parameters.count != 1 || comp->execution_thread) return false;
  const tn_inst *parameter = comp->parameters.at[0];
  for (int i = 0; i < parameter->users.count; i++)
    if (!tn_rewrite_is_free_to_move(parameter->users.at[i])) return false;
  return tn_only_elements_used(parameter) && tn_rewrite_is_free_to_move(parameter);
}

bool tn_loop_open(tn_inst *inst, tn_loop *loop) {
  if (inst->op != TN_OP_WHILE || !tn_shape_is_tuple(inst->shape) || !tn_rewrite_is_free_to_move(inst))
    return false;
  *loop = (tn_loop){.loop = inst, .test = inst->called[0], .body = inst->called[1]};
  loop->initial = inst->operands[0];
  loop->count = inst->shape->rank;
  loop->next = loop->body->root;
  if (!is_taken_apart(loop->test) || !is_taken_apart(loop->body)) return false;
  loop->test_state = loop->test->parameters.at[0];
  loop->state = loop->body->parameters.at[0];
  return loop->next->op == TN_OP_TUPLE && loop->next->users.count == 0 &&
         tn_rewrite_is_free_to_move(loop->next);
}

void tn_loop_own(tn_loop *loop) {
  tn_comp_own(loop->loop, 0);
  tn_comp_own(loop->loop, 1);
  tn_loop_open(loop->loop, loop);
}

static bool is_element(const tn_inst *inst, const tn_inst *tuple, int index) {
  return inst->op == TN_OP_GET_TUPLE_ELEMENT && inst->operands[0] == tuple && inst->attr.index.index == index;
}

bool tn_loop_keeps(const tn_loop *loop, int element) {
  return is_element(loop->next->operands[element], loop->state, element);
}

static const tn_shape *longer(tn_arena *arena, const tn_shape *shape, int count, tn_inst *const *values) {
  const tn_shape **elements = TN_NEW_ARRAY(arena, const tn_shape *, shape->rank + count);
  for (int i = 0; i < shape->rank; i++) elements[i] = shape->elements[i];
  for (int i = 0; i < count; i++) elements[shape->rank + i] = values[i]->shape;
  return tn_shape_tuple(arena, shape->rank + count, elements);
}

static tn_inst *longer_tuple(tn_inst *tuple, int count, tn_inst *const *values, tn_inst *before) {
  int old = tuple->shape->rank;
  tn_inst **operands = TN_NEW_ARRAY(before->parent->module->arena, tn_inst *, old + count);
  for (int i = 0; i < old; i++) operands[i] = tn_element_of(tuple, i, before);
  for (int i = 0; i < count; i++) operands[old + i] = values[i];
  tn_inst *made = tn_build_tuple(before->parent, before, old + count, operands);
  made->location = tuple->location;
  return made;
}

void tn_loop_extend(tn_loop *loop, int count, tn_inst *const *values, tn_inst **inside) {
  tn_arena *arena = loop->body->module->arena;
  tn_inst *next = loop->next, **operands;
  int old = loop->count;
  loop->test_state->shape = longer(arena, loop->test_state->shape, count, values);
  loop->state->shape = longer(arena, loop->state->shape, count, values);
  loop->loop->shape = longer(arena, loop->loop->shape, count, values);
  next->shape = longer(arena, next->shape, count, values);
  operands = TN_NEW_ARRAY(arena, tn_inst *, old + count);
  tn_inst_move_before(loop->state, loop->body->first); /* its elements stand before all that reads them */
  for (int i = 0; i < old; i++) operands[i] = next->operands[i];
  for (int i = 0; i < count; i++) {
    inside[i] = tn_build_element(loop->body, loop->state->next, loop->state, old + i);
    inside[i]->location = values[i]->location;
    operands[old + i] = inside[i];
  }
  tn_inst_set_operands(next, old + count, operands);
  tn_inst *initial = longer_tuple(loop->initial, count, values, loop->loop), *before = loop->initial;
  tn_inst_set_operand(loop->loop, 0, initial);
  tn_drop_unused(before);
  loop->initial = initial;
  loop->count = old + count;
}

bool tn_visit_loops(tn_module *module, tn_pass_context *context, tn_loop_visit *visit) {
  if (!tn_pass_finds(context, TN_OP_WHILE)) return false;
  tn_effects effects = tn_find_effects(module, context->scratch);
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) changed |= visit(inst, context, &effects);
  return changed;
}
