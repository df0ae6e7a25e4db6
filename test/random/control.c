/* Instructions with computations: call, fusion, while, conditional; and tuples.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "test/random/generate.h"

enum { DEEPEST = 3 };

tn_inst *keep_or_remove(generator *g, tn_inst *inst, int count, tn_comp *const *comps) {
  inst = keep(g, inst);
  for (int i = 0; !inst && i < count; i++) tn_comp_remove(comps[i]);
  return inst;
}

static node array_result(generator *g) {
  for (int i = g->nodes.count - 1; i >= 0; i--)
    if (tn_shape_is_array(g->nodes.at[i].inst->shape)) return g->nodes.at[i];
  return new_input(g, random_shape(g, random_type(g, ANY_CLASS)));
}

/* The unused arrays as a tuple, or one of them. */
static tn_inst *several_results(generator *g) {
  tn_inst *results[3];
  int count = 0;
  for (int i = g->nodes.count - 1; i >= 0 && count < 3; i--) {
    tn_inst *inst = g->nodes.at[i].inst;
    if (!inst->users.count && tn_shape_is_array(inst->shape)) results[count++] = inst;
  }
  if (count < 2 || chance(g->dice, 60)) return array_result(g).inst;
  return tn_build_tuple(g->comp, NULL, count, results);
}

void take_apart(generator *g, tn_inst *inst) {
  node tuple = {inst, value_of(g, inst)};
  for (int i = 0; tn_shape_is_tuple(inst->shape) && i < inst->shape->rank; i++) {
    tn_inst *element = begin(g, TN_OP_GET_TUPLE_ELEMENT, inst->shape->elements[i], 1, &tuple);
    element->attr.index.index = i;
    keep(g, element);
  }
}

tn_inst *make_call(generator *g) {
  if (g->depth >= DEEPEST) return NULL;
  bool fusion = chance(g->dice, 60);
  tn_comp *comp = tn_comp_create(g->module, fusion ? "fused" : "called");
  node operands[3];
  int count;
  generator inner = draw_called(g, comp, 3, 5, operands, &count);
  comp->root = several_results(&inner);
  tn_inst *inst = begin(g, fusion ? TN_OP_FUSION : TN_OP_CALL, comp->root->shape, count, operands);
  if (fusion) inst->attr.fusion.kind = (tn_fusion_kind)roll(g->dice, 3);
  tn_inst_set_called(inst, 1, &comp);
  inst = keep_or_remove(g, inst, 1, &comp);
  if (inst) take_apart(g, inst);
  return inst;
}

/* ---- while ---- */

static tn_literal *scalar_s32(generator *g, int64_t value) {
  tn_literal *literal = tn_literal_scalar_integer(g->arena, TN_S32, value);
  literal->bound = TN_NEW_ARRAY(g->arena, double, 1);
  return literal;
}

/* state[0] < trips, or trips > state[0]. */
static tn_comp *condition(generator *g, const tn_literal *state, int64_t trips) {
  tn_comp *comp = tn_comp_create(g->module, "condition");
  generator inner = called_generator(g, comp);
  node tuple = add_parameter(&inner, state);
  tn_inst *i = tn_build_element(comp, NULL, tuple.inst, 0);
  tn_inst *limit = tn_build_constant(comp, NULL, scalar_s32(g, trips));
  comp->root = chance(g->dice, 50) ? tn_build_compare(comp, NULL, TN_LT, i, limit)
                                   : tn_build_compare(comp, NULL, TN_GT, limit, i);
  return comp;
}

static tn_comp *body(generator *g, const tn_literal *state) {
  tn_comp *comp = tn_comp_create(g->module, "body");
  generator inner = called_generator(g, comp);
  node tuple = add_parameter(&inner, state);
  tn_inst *results[6];
  int count = state->shape->rank;
  take_apart(&inner, tuple.inst);
  tn_inst *i = inner.nodes.at[1].inst;
  grow(&inner, 1 + roll(g->dice, 4));
  tn_inst *step = tn_build_constant(comp, NULL, scalar_s32(g, 1));
  results[0] = tn_build_binary(comp, NULL, TN_OP_ADD, i, step);
  for (int k = 1; k < count; k++) results[k] = pick_like(&inner, state->shape->elements[k]).inst;
  comp->root = tn_build_tuple(comp, NULL, count, results);
  return comp;
}

tn_inst *make_while(generator *g) {
  if (g->depth >= DEEPEST || g->scalars_only) return NULL;
  node parts[5] = {input_of(g, scalar_s32(g, 0))};
  int count = 2 + roll(g->dice, 4);
  for (int i = 1; i < count; i++) /* of one shape, the body may have them change places */
    parts[i] = i > 1 && chance(g->dice, 50) ? pick_like(g, parts[i - 1].value->shape) : pick(g, ANY_CLASS, 0);
  tn_inst *tuple = keep(g, begin(g, TN_OP_TUPLE, NULL, count, parts));
  if (!tuple) return NULL;
  node state = {tuple, value_of(g, tuple)};
  tn_comp *comps[2] = {condition(g, state.value, roll(g->dice, 5)), body(g, state.value)};
  tn_inst *inst = begin(g, TN_OP_WHILE, NULL, 1, &state);
  tn_inst_set_called(inst, 2, comps);
  inst = keep_or_remove(g, inst, 2, comps);
  if (inst) take_apart(g, inst);
  return inst;
}

/* ---- conditional ---- */

static tn_comp *branch(generator *g, node argument, const tn_shape **shape) {
  tn_comp *comp = tn_comp_create(g->module, "branch");
  generator inner = called_generator(g, comp);
  node parameter = add_parameter(&inner, argument.value);
  take_apart(&inner, parameter.inst);
  grow(&inner, 1 + roll(g->dice, 3));
  if (!*shape) *shape = array_result(&inner).inst->shape;
  comp->root = pick_like(&inner, *shape).inst;
  return comp;
}

tn_inst *make_conditional(generator *g) {
  if (g->depth >= DEEPEST || g->scalars_only) return NULL;
  bool by_pred = chance(g->dice, 50);
  int branches = by_pred ? 2 : 1 + roll(g->dice, 4);
  node operands[6] = {pick_scalar(g, TN_PRED)};
  if (!by_pred) operands[0] = input_of(g, scalar_s32(g, between(g->dice, -1, branches)));
  tn_comp *comps[5];
  const tn_shape *shape = NULL;
  for (int i = 0; i < branches; i++) {
    operands[1 + i] = pick(g, ANY_CLASS, 0);
    comps[i] = branch(g, operands[1 + i], &shape);
  }
  tn_inst *inst = begin(g, TN_OP_CONDITIONAL, shape, 1 + branches, operands);
  tn_inst_set_called(inst, branches, comps);
  return keep_or_remove(g, inst, branches, comps);
}

/* ---- tuples ---- */

tn_inst *make_tuple(generator *g) {
  node operands[3];
  int count = 1 + roll(g->dice, 3);
  for (int i = 0; i < count; i++) operands[i] = pick(g, ANY_CLASS, 0);
  tn_inst *tuple = keep(g, begin(g, TN_OP_TUPLE, NULL, count, operands));
  if (!tuple) return NULL;
  node value = {tuple, value_of(g, tuple)};
  tn_inst *inst = begin(g, TN_OP_GET_TUPLE_ELEMENT, NULL, 1, &value);
  inst->attr.index.index = roll(g->dice, count);
  return keep(g, inst);
}
