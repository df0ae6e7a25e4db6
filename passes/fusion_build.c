/* Groups into fusion instructions.
 *
 * Each group's members are cloned into a computation of its own, with a parameter for
 * every value from outside; constants of one element are cloned too. The originals go
 * when nothing uses them any more.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

typedef struct {
  tn_fuser *f;
  int group;
  tn_comp *comp;
  TN_VEC(tn_inst *) arguments;    /* of the fusion */
  TN_VEC(tn_inst *) sources;      /* an original, … */
  TN_VEC(tn_inst *) counterparts; /* … and what stands for it inside */
} builder;

/* Members of each group, by position. */
typedef TN_VEC(tn_inst *) member_list;

static bool is_row_major(const tn_inst *inst) { return tn_layout_is_row_major(inst->shape); }

/* A reshape of what is in memory is only another name for it: better an argument. */
static bool is_renamed_argument(const tn_fuser *f, const tn_inst *inst, int group) {
  if (inst->op != TN_OP_RESHAPE || tn_fuser_node(f, inst)->is_root) return false;
  const tn_inst *operand = inst->operands[0];
  if (tn_fusible_constant(operand) || !is_row_major(inst) || !is_row_major(operand)) return false;
  return !tn_fuser_membership(f, operand, group);
}

static void leave(tn_fuser *f, tn_node *node, int index) {
  f->groups.at[node->in.at[index].group].size--;
  node->in.at[index] = node->in.at[--node->in.count];
}

/* Operands are looked at first, so that chains of reshapes leave from their start. */
static void drop_renamed_arguments(tn_fuser *f) {
  for (int i = 0; i < f->n_nodes; i++)
    for (int m = f->nodes[i].in.count - 1; m >= 0; m--)
      if (is_renamed_argument(f, f->nodes[i].inst, f->nodes[i].in.at[m].group)) leave(f, &f->nodes[i], m);
}

static member_list *list_members(const tn_fuser *f) {
  member_list *lists = TN_NEW_ARRAY(f->scratch, member_list, f->groups.count);
  for (int i = 0; i < f->n_nodes; i++)
    for (int m = 0; m < f->nodes[i].in.count; m++)
      TN_PUSH(f->scratch, &lists[f->nodes[i].in.at[m].group], f->nodes[i].inst);
  return lists;
}

/* ---- one group ---- */

static tn_inst *enter(builder *b, tn_inst *source, tn_inst *counterpart) {
  TN_PUSH(b->f->scratch, &b->sources, source);
  TN_PUSH(b->f->scratch, &b->counterparts, counterpart);
  return counterpart;
}

/* What stands for `operand` inside; made where it comes from outside. */
static tn_inst *inside(builder *b, tn_inst *operand) {
  for (int i = 0; i < b->sources.count; i++)
    if (b->sources.at[i] == operand) return b->counterparts.at[i];
  if (tn_fusible_constant(operand))
    return enter(b, operand, tn_inst_clone(b->comp, NULL, operand, operand->shape, 0, NULL));
  const char *name = tn_arena_printf(b->f->scratch, "param_%d", b->arguments.count);
  tn_inst *parameter = tn_build_parameter(b->comp, b->arguments.count, operand->shape, name);
  parameter->location = operand->location;
  TN_PUSH(b->f->scratch, &b->arguments, operand);
  return enter(b, operand, parameter);
}

static void clone_member(builder *b, tn_inst *member) {
  tn_inst **operands = TN_NEW_ARRAY(b->f->scratch, tn_inst *, member->n_operands);
  for (int i = 0; i < member->n_operands; i++) operands[i] = inside(b, member->operands[i]);
  enter(b, member, tn_inst_clone(b->comp, NULL, member, member->shape, member->n_operands, operands));
}

static tn_fusion_kind kind_of(tn_fused_kind kind) {
  switch (kind) {
  case TN_FUSED_LOOP: return TN_FUSION_LOOP;
  case TN_FUSED_CONTRACTION: return TN_FUSION_OUTPUT;
  case TN_FUSED_REDUCE:
  case TN_FUSED_ROWS: return TN_FUSION_INPUT;
  }
  return TN_FUSION_LOOP;
}

static tn_inst *element_of(tn_inst *tuple, tn_inst *before, int index, const tn_inst *like) {
  tn_inst *element = tn_build_element(tuple->parent, before, tuple, index);
  element->location = like->location;
  element->notes = like->notes;
  return element;
}

/* Each root, or each of its elements where it is a reduction of several operands. */
static void build_roots(builder *b, tn_inst *root, tn_inst_list *results) {
  tn_inst *own = inside(b, root);
  bool tuple = tn_shape_is_tuple(root->shape);
  if (!tuple) TN_PUSH(b->f->scratch, results, own);
  for (int i = 0; tuple && i < root->shape->rank; i++)
    TN_PUSH(b->f->scratch, results, element_of(own, NULL, i, root));
}

/* Elements of the fusion from `first` on stand for the root. Returns the next one. */
static int replace_root(tn_inst *root, tn_inst *fusion, int first) {
  if (!tn_shape_is_tuple(root->shape)) {
    tn_inst_replace_uses(root, element_of(fusion, root, first, root));
    return first + 1;
  }
  for (int i = root->users.count - 1; i >= 0; i--) {
    tn_inst *user = root->users.at[i];
    tn_inst_replace_uses(user, element_of(fusion, root, first + (int)user->attr.index.index, user));
    tn_inst_remove(user);
  }
  return first + root->shape->rank;
}

static tn_inst *build_result(builder *b, const tn_group_plan *plan) {
  tn_inst_list results = {0};
  if (!plan->more.count) return inside(b, plan->root);
  build_roots(b, plan->root, &results);
  for (int i = 0; i < plan->more.count; i++) build_roots(b, plan->more.at[i], &results);
  return tn_build_tuple(b->comp, NULL, results.count, results.at);
}

static void build_group(tn_fuser *f, int group, const member_list *members) {
  const tn_group_plan *plan = &f->groups.at[group];
  tn_module *module = f->comp->module;
  builder b = {.f = f, .group = group};
  b.comp = tn_comp_create(module, tn_arena_printf(f->scratch, "fused_%s", plan->hero->name));
  for (int i = 0; i < members->count; i++) clone_member(&b, members->at[i]);
  b.comp->root = build_result(&b, plan);
  tn_inst *root = plan->root;
  tn_inst *fusion =
      tn_inst_create(f->comp, root, TN_OP_FUSION, b.comp->root->shape, b.arguments.count, b.arguments.at);
  fusion->attr.fusion.kind = kind_of(plan->kind);
  const tn_inst *about = plan->hero->notes ? plan->hero : root; /* the heaviest speaks for it */
  fusion->location = about->location;
  fusion->notes = about->notes;
  tn_inst_set_called(fusion, 1, &b.comp);
  if (!plan->more.count) {
    tn_inst_replace_uses(root, fusion);
    return;
  }
  int next = replace_root(root, fusion, 0);
  for (int i = 0; i < plan->more.count; i++) next = replace_root(plan->more.at[i], fusion, next);
}

/* ---- all groups ---- */

static void remove_originals(const tn_fuser *f) {
  for (int i = f->n_nodes - 1; i >= 0; i--) {
    tn_inst *inst = f->nodes[i].inst;
    bool member = f->nodes[i].in.count > 0 || inst->op == TN_OP_CONSTANT || inst->op == TN_OP_RESHAPE;
    if (member && inst->users.count == 0 && inst != f->comp->root && tn_rewrite_is_free_to_move(inst))
      tn_inst_remove(inst);
  }
}

/* In the order of their roots, so that a fusion's operands stand before it. */
static int *order_groups(const tn_fuser *f, int *n_groups) {
  int *by_position = TN_NEW_ARRAY(f->scratch, int, f->n_nodes),
      *order = TN_NEW_ARRAY(f->scratch, int, f->groups.count);
  int count = 0;
  for (int g = 0; g < f->groups.count; g++)
    if (!f->groups.at[g].is_gone) by_position[f->positions[f->groups.at[g].root->id]] = g + 1;
  for (int i = 0; i < f->n_nodes; i++)
    if (by_position[i]) order[count++] = by_position[i] - 1;
  *n_groups = count;
  return order;
}

/* Users of one root may stand before the others: operands stand before their users again. */
static void restore_order(tn_comp *comp, tn_arena *scratch) {
  tn_inst **order;
  int count = tn_comp_post_order(comp, scratch, &order);
  for (int i = 0; i < count; i++) tn_inst_move_before(order[i], NULL);
}

bool tn_fusion_build(tn_fuser *f) {
  drop_renamed_arguments(f);
  member_list *members = list_members(f);
  int count, *order = order_groups(f, &count);
  bool changed = false, several = false;
  for (int i = 0; i < count; i++) {
    int group = order[i];
    if (members[group].count < 2 || !tn_pass_spend(f->context)) continue;
    build_group(f, group, &members[group]);
    changed = true;
    several = several || f->groups.at[group].more.count;
  }
  if (changed) remove_originals(f);
  if (several) restore_order(f->comp, f->scratch);
  return changed;
}
