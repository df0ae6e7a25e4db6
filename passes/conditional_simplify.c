/* Conditionals that need no branch, or less of one.
 *
 *   c = f32[8] conditional(true, x, y), branch_computations={double, negate}     =>  double's instructions
 *   c = f32[8] conditional(p, x, x), branch_computations={double, double}        =>  double's instructions
 *   c = f32[8] conditional(p, x, y), branch_computations={double, negate}
 *  =>
 *   a = f32[8] add(x, x);  b = f32[8] negate(y);  q = pred[8] broadcast(p);  c = select(q, a, b)
 *
 * Rules:
 *   chosen    The predicate or index is a constant: that branch is what remains.
 *   alike     Every branch is the same computation of the same operand.
 *   both      Two branches, each few elementwise operations on little data: both are computed and
 *             the right one is selected. That is less than a branch, which no kernel reaches across.
 *             Operations are total and select takes whole values: the result has the same bits.
 *   handed_on An element of the result that every branch takes from its operand, and that is one
 *             value outside, is that value.
 *
 * Why: a branch is a border that nothing fuses across. Keeps: effects: chosen and alike run the
 * branch that would have run; the others leave branches with effects alone.
 *
 * Cost: linear in the branches that are copied; both: MOST_INSTRUCTIONS of each.
 *
 * Termination: each rewrite removes a conditional, or a read of an element of one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"
#include "passes/dims.h"
#include "passes/make.h"

enum {
  MOST_INSTRUCTIONS = 16, /* of a branch that is computed although it may not be needed, */
  MOST_ELEMENTS = 1024    /* and elements of all of them */
};

/* ---- one branch ---- */

/* The branch that runs: 0 for true; an index out of range the last one. -1: not known. */
static int chosen_branch(const tn_inst *inst) {
  const tn_inst *selector = inst->operands[0];
  int64_t index;
  if (selector->op != TN_OP_CONSTANT) return -1;
  if (selector->shape->type == TN_PRED)
    return *(const unsigned char *)selector->attr.constant.literal->data ? 0 : 1;
  if (!tn_constant_integer(selector, &index)) return -1;
  return index < 0 || index >= inst->n_called ? inst->n_called - 1 : (int)index;
}

static bool branches_are_alike(const tn_inst *inst) {
  for (int i = 1; i < inst->n_called; i++)
    if (inst->called[i] != inst->called[0] || inst->operands[1 + i] != inst->operands[1]) return false;
  return true;
}

static bool take_branch(tn_inst *inst, tn_pass_context *context) {
  int branch = chosen_branch(inst);
  context->rule = branch < 0 ? "alike" : "chosen";
  if (branch < 0 && branches_are_alike(inst)) branch = 0;
  if (branch < 0 || inst->called[branch]->execution_thread) return false;
  if (!tn_rewrite_stands_for(inst->called[branch]->root, inst) || !tn_pass_spend(context)) return false;
  tn_inst *argument = inst->operands[1 + branch];
  tn_rewrite_replace(inst, tn_comp_copy_into(inst, inst->called[branch], &argument, context->scratch));
  return true;
}

/* ---- both branches ---- */

static bool is_cheap(const tn_inst *inst) {
  if (!tn_rewrite_is_free_to_move(inst) || inst->n_called > 0) return false;
  if (inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT || inst->op == TN_OP_TUPLE ||
      inst->op == TN_OP_GET_TUPLE_ELEMENT)
    return true;
  bool moves = inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE || inst->op == TN_OP_SLICE ||
               inst->op == TN_OP_IOTA;
  bool plain = tn_op_is(inst->op, TN_OP_ELEMENTWISE) && tn_ops[inst->op].attributes != TN_ATTR_ACCURACY &&
               inst->op != TN_OP_POWER && inst->op != TN_OP_ATAN2;
  return (moves || plain) && tn_shape_is_plain(inst->shape);
}

static bool is_little_work(const tn_comp *comp, int64_t *elements) {
  int count = 0;
  if (comp->execution_thread) return false;
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (!is_cheap(inst)) return false;
    if (inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT || !tn_shape_is_array(inst->shape))
      continue;
    count += inst->op != TN_OP_GET_TUPLE_ELEMENT;
    *elements += inst->op == TN_OP_GET_TUPLE_ELEMENT ? 0 : tn_shape_elements(inst->shape);
  }
  return count <= MOST_INSTRUCTIONS && *elements <= MOST_ELEMENTS;
}

/* Arrays, or a tuple of arrays, that may be selected element by element. */
static bool is_selectable(const tn_shape *shape, int64_t *elements) {
  if (tn_shape_is_tuple(shape)) {
    for (int i = 0; i < shape->rank; i++)
      if (!tn_shape_is_array(shape->elements[i]) || !is_selectable(shape->elements[i], elements))
        return false;
    return true;
  }
  if (!tn_shape_is_plain(shape) || !tn_layout_is_row_major(shape)) return false;
  *elements += tn_shape_elements(shape);
  return *elements <= MOST_ELEMENTS;
}

/* pred[] that says whether branch 0 runs. */
static tn_inst *make_predicate(tn_site site, tn_inst *selector) {
  if (selector->shape->type == TN_PRED) return selector;
  return tn_make_compare(site, TN_EQ, selector, tn_make_integer(site, selector->shape->type, 0));
}

static tn_inst *select_array(tn_site site, tn_inst *predicate, tn_inst *a, tn_inst *b) {
  if (a == b) return a;
  const tn_shape *shape = tn_shape_with_type(tn_site_arena(site),
                                             tn_shape_without_layout(tn_site_arena(site), a->shape), TN_PRED);
  tn_inst *mask = shape->rank ? tn_make_spread(site, predicate, shape) : predicate;
  return tn_make_select(site, mask, a, b);
}

static tn_inst *select_values(tn_site site, tn_inst *predicate, tn_inst *a, tn_inst *b) {
  if (!tn_shape_is_tuple(a->shape)) return select_array(site, predicate, a, b);
  int count = a->shape->rank;
  tn_inst **parts = TN_NEW_ARRAY(tn_site_arena(site), tn_inst *, count);
  for (int i = 0; i < count; i++)
    parts[i] =
        select_array(site, predicate, tn_element_of(a, i, site.before), tn_element_of(b, i, site.before));
  return tn_make_tuple(site, count, parts);
}

static bool take_both(tn_inst *inst, tn_pass_context *context) {
  int64_t elements = 0;
  context->rule = "both";
  if (inst->n_called != 2 || !is_selectable(inst->shape, &elements)) return false;
  if (!is_little_work(inst->called[0], &elements) || !is_little_work(inst->called[1], &elements))
    return false;
  for (int i = 0; i < 2; i++) {
    int64_t again = 0;
    if (!is_selectable(inst->called[i]->root->shape, &again)) return false;
  }
  if (!tn_pass_spend(context)) return false;
  tn_inst *values[2];
  for (int i = 0; i < 2; i++)
    values[i] = tn_comp_copy_into(inst, inst->called[i], &inst->operands[1 + i], context->scratch);
  tn_site site = tn_site_of(inst);
  tn_rewrite_replace(inst,
                     select_values(site, make_predicate(site, inst->operands[0]), values[0], values[1]));
  return true;
}

/* ---- elements that branches hand on ---- */

/* What stands outside for element `index` of the branch's result; NULL: something computed. */
static tn_inst *outside_of(const tn_inst *inst, int branch, int index) {
  const tn_inst *root = inst->called[branch]->root;
  if (root->op != TN_OP_TUPLE) return NULL;
  const tn_inst *element = root->operands[index];
  tn_inst *argument = inst->operands[1 + branch];
  if (element->op == TN_OP_PARAMETER) return argument;
  bool taken = element->op == TN_OP_GET_TUPLE_ELEMENT && element->operands[0]->op == TN_OP_PARAMETER;
  return taken && argument->op == TN_OP_TUPLE ? argument->operands[element->attr.index.index] : NULL;
}

static tn_inst *handed_on(const tn_inst *inst, int index) {
  tn_inst *value = outside_of(inst, 0, index);
  for (int i = 1; i < inst->n_called; i++)
    if (outside_of(inst, i, index) != value) return NULL;
  return value;
}

static bool pass_by(tn_inst *inst, tn_pass_context *context) {
  bool changed = false;
  context->rule = "handed_on";
  for (int i = inst->users.count - 1; i >= 0; i--) {
    tn_inst *user = inst->users.at[i];
    if (user->op != TN_OP_GET_TUPLE_ELEMENT || !tn_rewrite_is_free_to_move(user)) continue;
    if (user->users.count == 0 && user != user->parent->root) continue;
    tn_inst *value = handed_on(inst, (int)user->attr.index.index);
    if (!value || !tn_rewrite_stands_for(value, user) || !tn_pass_spend(context)) continue;
    tn_inst_replace_uses(user, value);
    tn_inst_remove(user);
    changed = true;
  }
  return changed;
}

bool tn_pass_conditional_simplify(tn_module *module, tn_pass_context *context) {
  if (!tn_pass_finds(context, TN_OP_CONDITIONAL)) return false;
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_CONDITIONAL || !tn_rewrite_is_free_to_move(inst)) continue;
    changed |= take_branch(inst, context) || take_both(inst, context) || pass_by(inst, context);
  }
  return changed;
}
