/* Instructions that move nothing: barriers, tokens, sizes, asynchronous forms,
 * collectives of one participant, custom calls that are known.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static node last(generator *g) { return g->nodes.at[g->nodes.count - 1]; }

static tn_inst *barrier(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  return keep(g, begin(g, TN_OP_OPT_BARRIER, NULL, 1, &x));
}

/* after-all, and a value that waits for it. */
static tn_inst *dependency(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  if (!keep(g, begin(g, TN_OP_AFTER_ALL, tn_shape_token(g->module->arena), 0, NULL))) return NULL;
  return keep(g, begin(g, TN_OP_ADD_DEPENDENCY, NULL, 2, (node[]){x, last(g)}));
}

static tn_inst *domain(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  tn_inst *inst = begin(g, TN_OP_DOMAIN, NULL, 1, &x);
  inst->attr.domain.kind = "sharding";
  inst->attr.domain.entry = inst->attr.domain.exit = "{replicated}";
  return keep(g, inst);
}

/* ---- what starts and what ends ---- */

static tn_inst *copy_start(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  tn_inst *start = begin(g, TN_OP_COPY_START, NULL, 1, &x);
  start->shape = NULL;
  start->attr.copy_start.cross_program_prefetch_index = -1;
  node state;
  if (!keep(g, start)) return NULL;
  state = last(g);
  return keep(g, begin(g, TN_OP_COPY_DONE, NULL, 1, &state));
}

static tn_inst *async(generator *g) {
  if (g->depth >= 2) return NULL;
  tn_comp *comp = tn_comp_create(g->module, "asynchronous");
  node operands[2];
  int count;
  generator inner = draw_called(g, comp, 2, 3, operands, &count);
  comp->root = pick(&inner, ANY_CLASS, 0).inst;
  tn_inst *start = begin(g, TN_OP_ASYNC_START, NULL, count, operands);
  start->shape = NULL;
  tn_inst_set_called(start, 1, &comp);
  if (!keep_or_remove(g, start, 1, &comp)) return NULL;
  node state = last(g);
  if (chance(g->dice, 40) && keep(g, begin(g, TN_OP_ASYNC_UPDATE, NULL, 1, &state))) state = last(g);
  return keep(g, begin(g, TN_OP_ASYNC_DONE, NULL, 1, &state));
}

/* ---- collectives ---- */

static tn_inst *reducing(generator *g, tn_op op, node x) {
  bool scatters = op == TN_OP_REDUCE_SCATTER;
  int64_t dim = scatters ? roll(g->dice, x.inst->shape->rank) : 0;
  tn_comp *comp = tn_build_binary_comp(g->module, TN_OP_ADD, x.inst->shape->type);
  tn_inst *inst = begin(g, op, NULL, 1, &x);
  if (scatters) tn_inst_edit_collective(inst)->dims = make_dims(g, 1, &dim);
  tn_inst_set_called(inst, 1, &comp);
  return keep(g, inst);
}

static tn_inst *one_participant(generator *g) {
  static const tn_op ops[] = {TN_OP_ALL_REDUCE, TN_OP_ALL_REDUCE_START, TN_OP_REDUCE_SCATTER,
                              TN_OP_COLLECTIVE_REDUCE};
  tn_op op = ops[roll(g->dice, COUNT(ops))];
  tn_inst *inst = reducing(g, op, pick(g, ANY_CLASS, 1));
  node state = inst ? last(g) : (node){0};
  return inst && op == TN_OP_ALL_REDUCE_START ? keep(g, begin(g, TN_OP_ALL_REDUCE_DONE, NULL, 1, &state))
                                              : inst;
}

static tn_inst *gathering(generator *g) {
  static const tn_op ops[] = {TN_OP_ALL_GATHER, TN_OP_ALL_GATHER_START, TN_OP_ALL_TO_ALL};
  tn_op op = ops[roll(g->dice, COUNT(ops))];
  node x = pick(g, ANY_CLASS, 1);
  int64_t dim = roll(g->dice, x.inst->shape->rank);
  tn_inst *inst = begin(g, op, NULL, 1, &x);
  inst->shape = NULL;
  tn_inst_edit_collective(inst)->dims = make_dims(g, 1, &dim);
  if (!keep(g, inst)) return NULL;
  node state = last(g);
  return op == TN_OP_ALL_GATHER_START ? keep(g, begin(g, TN_OP_ALL_GATHER_DONE, NULL, 1, &state)) : inst;
}

/* Lists of rows from anywhere to anywhere. */
static tn_inst *exchanging(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  const tn_shape *shape = x.inst->shape;
  int64_t dims[64], lists = between(g->dice, 1, 4);
  for (int d = 0; d < shape->rank; d++) dims[d] = d ? shape->dims[d] : between(g->dice, 1, 9);
  tn_type type = chance(g->dice, 70) ? TN_S32 : TN_S64;
  node operands[6] = {x, pick_like(g, make_shape(g, shape->type, shape->rank, dims))};
  for (int i = 2; i < 6; i++) operands[i] = new_input(g, make_shape(g, type, 1, &lists));
  tn_inst *inst = begin(g, TN_OP_RAGGED_ALL_TO_ALL, NULL, 6, operands);
  inst->shape = NULL;
  return keep(g, inst);
}

static tn_inst *permuting(generator *g) {
  static const tn_op ops[] = {TN_OP_COLLECTIVE_BROADCAST, TN_OP_COLLECTIVE_PERMUTE,
                              TN_OP_COLLECTIVE_PERMUTE_START};
  tn_op op = ops[roll(g->dice, COUNT(ops))];
  node x = pick(g, ANY_CLASS, 0);
  tn_inst *inst = begin(g, op, NULL, 1, &x);
  inst->shape = NULL;
  if (op != TN_OP_COLLECTIVE_BROADCAST && chance(g->dice, 60)) {
    tn_pair *pair = TN_NEW(g->module->arena, tn_pair);
    tn_inst_edit_permute(inst)->pairs = (tn_pairs){pair, 1};
  }
  if (!keep(g, inst)) return NULL;
  node state = last(g);
  bool start = op == TN_OP_COLLECTIVE_PERMUTE_START;
  return start ? keep(g, begin(g, TN_OP_COLLECTIVE_PERMUTE_DONE, NULL, 1, &state)) : inst;
}

static tn_inst *participant(generator *g) {
  tn_op op = chance(g->dice, 50) ? TN_OP_REPLICA_ID : TN_OP_PARTITION_ID;
  return keep(g, begin(g, op, make_shape(g, TN_U32, 0, NULL), 0, NULL));
}

/* ---- custom calls ---- */

static tn_inst *identity_call(generator *g) {
  static const char *const names[] = {"Sharding", "SPMDFullToShardShape", "annotate_device_placement",
                                      "MoveToHost"};
  node x = pick(g, ANY_CLASS, 0);
  tn_inst *inst =
      begin(g, TN_OP_CUSTOM_CALL, tn_shape_without_layout(g->module->arena, x.inst->shape), 1, &x);
  tn_custom_call_attributes *own = tn_inst_edit_custom_call(inst);
  own->target = names[roll(g->dice, COUNT(names))];
  own->feature_groups = own->batch_groups = 1;
  return keep(g, inst);
}

tn_inst *make_free(generator *g) {
  static const weighted_rule rules[] = {{barrier, 4},         {make_dimension_size, 2}, {dependency, 3},
                                        {domain, 2},          {copy_start, 3},          {async, 5},
                                        {one_participant, 4}, {gathering, 3},           {permuting, 3},
                                        {participant, 2},     {exchanging, 2},          {identity_call, 2}};
  return apply_rule(g, rules, COUNT(rules));
}
