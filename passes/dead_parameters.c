/* What called computations are given and do not look at, and what they give and nobody looks at.
 *
 *   scale { x = f32[8] parameter(0), unused = f32[99] parameter(1), ROOT y = … }
 *   … call(a, b), to_apply=scale                     =>  … call(a), to_apply=scale
 *
 *   c = (f32[8], f32[9]) conditional(p, t, u), …     of which only element 1 is read
 *  =>
 *   c = (f32[9]) conditional(p, t, u), …             and each branch gives that alone
 *
 * Four rules:
 *   parameters  of calls and fusions: those without users go, in all callers.
 *   arguments   of the branches of conditionals, tuples: elements that the branch does not read.
 *   results     of conditionals, calls and fusions, tuples: elements that no caller reads.
 *   barrier     elements of an opt-barrier's tuple that nobody reads; the barrier stays one.
 * The state of loops is while-dead-state's.
 *
 * Why: what is passed is kept alive, and what is given is computed. Keeps: values, effects,
 * computations that something else calls too (reducers, threads), fusions that alias results with
 * operands. Cost: linear in instructions and edges.
 *
 * Termination: each rewrite removes parameters or elements.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"

/* Of a tuple that only elements are used of; NULL where all are read. An element that is not read
 * may have a get-tuple-element without users.                                                   */
static bool *elements_read(const tn_inst *tuple, tn_arena *scratch) {
  int count = tuple->shape->rank, n_read = 0;
  bool *read = TN_NEW_ARRAY(scratch, bool, count);
  if (!tn_only_elements_used(tuple)) return NULL;
  for (int i = 0; i < tuple->users.count; i++) {
    const tn_inst *user = tuple->users.at[i];
    if (user->users.count == 0 && user != user->parent->root && tn_rewrite_is_free_to_move(user)) continue;
    n_read += !read[user->attr.index.index];
    read[user->attr.index.index] = true;
  }
  return n_read == count ? NULL : read;
}

static bool may_change(const tn_inst *caller) {
  if (!tn_rewrite_is_free_to_move(caller)) return false;
  return caller->op == TN_OP_CALL || (caller->op == TN_OP_FUSION && caller->attr.fusion.aliases.count == 0);
}

/* Nobody but calls and fusions, which may change, calls it. */
static bool is_ours(const tn_comp *comp) {
  if (comp->execution_thread) return false;
  for (int i = 0; i < comp->callers.count; i++)
    if (!may_change(comp->callers.at[i])) return false;
  return comp->callers.count > 0;
}

/* ---- parameters ---- */

static void remove_operands(tn_inst *caller, const bool *keep, tn_arena *scratch) {
  tn_inst **operands = TN_NEW_ARRAY(scratch, tn_inst *, caller->n_operands);
  int count = 0;
  for (int i = 0; i < caller->n_operands; i++)
    if (keep[i]) operands[count++] = caller->operands[i];
  tn_inst_set_operands(caller, count, operands);
}

static void remove_parameters(tn_comp *comp, const bool *keep) {
  int count = comp->parameters.count, kept = 0;
  for (int i = count - 1; i >= 0; i--)
    if (!keep[i]) tn_inst_remove(comp->parameters.at[i]);
  for (int i = 0; i < count; i++) {
    if (!keep[i]) continue;
    tn_inst *parameter = comp->parameters.at[i];
    parameter->attr.parameter.number = kept;
    comp->parameters.at[kept++] = parameter;
  }
  comp->parameters.count = kept;
}

static bool drop_parameters(tn_comp *comp, tn_pass_context *context) {
  int count = comp->parameters.count, n_dead = 0;
  bool *keep = TN_NEW_ARRAY(context->scratch, bool, count);
  context->rule = "parameters";
  if (!is_ours(comp)) return false;
  for (int i = 0; i < count; i++) {
    const tn_inst *parameter = comp->parameters.at[i];
    keep[i] = parameter->users.count > 0 || parameter == comp->root || !tn_rewrite_is_free_to_move(parameter);
    n_dead += !keep[i];
  }
  if (n_dead == 0 || !tn_pass_spend(context)) return false;
  for (int i = 0; i < comp->callers.count; i++) remove_operands(comp->callers.at[i], keep, context->scratch);
  remove_parameters(comp, keep);
  return true;
}

/* ---- results ---- */

/* What any of the callers reads of the result; NULL where that is all. */
static bool *results_read(const tn_comp *comp, tn_arena *scratch) {
  int count = comp->root->shape->rank, n_read = 0;
  bool *read = TN_NEW_ARRAY(scratch, bool, count);
  for (int i = 0; i < comp->callers.count; i++) {
    const bool *by_caller = elements_read(comp->callers.at[i], scratch);
    if (!by_caller) return NULL;
    for (int k = 0; k < count; k++) read[k] = read[k] || by_caller[k];
  }
  for (int k = 0; k < count; k++) n_read += read[k];
  return n_read == 0 || n_read == count ? NULL : read;
}

static bool is_changeable_root(const tn_comp *comp) {
  const tn_inst *root = comp->root;
  return root->op == TN_OP_TUPLE && root->users.count == 0 && tn_rewrite_is_free_to_move(root);
}

static bool drop_results(tn_comp *comp, tn_pass_context *context) {
  context->rule = "results";
  if (!is_ours(comp) || !is_changeable_root(comp)) return false;
  const bool *keep = results_read(comp, context->scratch);
  if (!keep || !tn_pass_spend(context)) return false;
  tn_keep_operands(comp->root, keep);
  for (int i = 0; i < comp->callers.count; i++) tn_keep_elements(comp->callers.at[i], keep);
  return true;
}

static bool branches_may_change(const tn_inst *inst) {
  for (int i = 0; i < inst->n_called; i++)
    if (inst->called[i]->execution_thread || !is_changeable_root(inst->called[i])) return false;
  return tn_shape_is_tuple(inst->shape);
}

static bool drop_branch_results(tn_inst *inst, tn_pass_context *context) {
  bool *keep = branches_may_change(inst) ? elements_read(inst, context->scratch) : NULL, any = false;
  context->rule = "results";
  for (int i = 0; keep && i < inst->shape->rank; i++) any = any || keep[i];
  if (!any || !tn_pass_spend(context)) return false;
  for (int i = 0; i < inst->n_called; i++) tn_keep_operands(tn_comp_own(inst, i)->root, keep);
  tn_keep_elements(inst, keep);
  return true;
}

/* ---- arguments of branches ---- */

static bool drop_arguments(tn_inst *inst, int branch, tn_pass_context *context) {
  const tn_comp *comp = inst->called[branch];
  const tn_inst *parameter = comp->parameters.count == 1 ? comp->parameters.at[0] : NULL;
  context->rule = "arguments";
  if (!parameter || comp->execution_thread || !tn_shape_is_tuple(parameter->shape)) return false;
  if (!tn_rewrite_is_free_to_move(parameter)) return false;
  bool *keep = elements_read(parameter, context->scratch);
  if (!keep || !tn_pass_spend(context)) return false;
  tn_keep_elements(tn_comp_own(inst, branch)->parameters.at[0], keep);
  tn_inst *argument = inst->operands[1 + branch];
  tn_inst_set_operand(inst, 1 + branch, tn_tuple_keep(argument, keep, inst));
  tn_drop_unused(argument);
  return true;
}

/* ---- barriers ---- */

static bool drop_behind_barrier(tn_inst *inst, tn_pass_context *context) {
  tn_inst *tuple = inst->operands[0];
  bool *keep = tn_shape_is_tuple(inst->shape) ? elements_read(inst, context->scratch) : NULL, any = false;
  context->rule = "barrier";
  for (int i = 0; keep && i < inst->shape->rank; i++) any = any || keep[i];
  if (!any || !tn_pass_spend(context)) return false;
  tn_keep_elements(inst, keep);
  tn_inst_set_operand(inst, 0, tn_tuple_keep(tuple, keep, inst));
  tn_drop_unused(tuple);
  return true;
}

static bool visit(tn_inst *inst, tn_pass_context *context) {
  bool changed = false;
  if (!tn_rewrite_is_free_to_move(inst)) return false;
  if (inst->op == TN_OP_OPT_BARRIER) return drop_behind_barrier(inst, context);
  if (inst->op != TN_OP_CONDITIONAL) return false;
  changed = drop_branch_results(inst, context);
  for (int i = 0; i < inst->n_called; i++) changed |= drop_arguments(inst, i, context);
  return changed;
}

/* Callees stand before callers; what a result took along goes with dead code. */
bool tn_pass_dead_parameters(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp) {
    if (comp != module->entry && comp->root) {
      changed |= drop_results(comp, context);
      changed |= drop_parameters(comp, context);
    }
    TN_FOR_EACH_IN_COMP(comp, inst) changed |= visit(inst, context);
  }
  return changed;
}
