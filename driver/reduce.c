/* A change is tried on a copy, cleaned of what nothing uses, verified, and kept if the test holds.
 * Each change makes the module smaller in some way, or plainer:
 *
 *     sizes       all sizes that have a large common factor, together; then one size everywhere
 *     results     the entry up to some instruction, by halving; an operand or an element of the
 *                 root in its place; one result less; a computation that is called as the entry
 *     instructions  by a parameter of the same value (in the entry), by zeros (elsewhere), by
 *                 an operand of the same shape (a loop by its initial state); calls and fusions
 *                 by their bodies, a conditional by a branch, a loop by one turn
 *     the rest    layouts, aliases, annotations; plainer constants and arguments
 *
 * Large steps come first, so that the many small ones are cheap. The rounds end when none
 * helps, or when the tests or the time are used up.
 *
 * Cost: one copy, one verification and one test for each try; tries grow with instructions times
 * what can be done to one.
 *
 * Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/reduce.h"

#include "base/clock.h"
#include "driver/reduce_private.h"
#include "driver/resize.h"
#include "ir/eval.h"
#include "ir/verify.h"

#include <stdio.h>

int tn_module_instructions(const tn_module *module) {
  int count = 0;
  for (const tn_comp *comp = module->first; comp; comp = comp->next) count += comp->n_insts;
  return count;
}

/* ---- tries ---- */

typedef struct {
  tn_case *best;
  const tn_reduction *options;
  double deadline;
  int tests, max_tests;
} reducer;

static bool is_spent(const reducer *r) {
  return r->tests >= r->max_tests || (r->options->max_seconds > 0 && tn_seconds_now() > r->deadline);
}

static tn_case copy_of(const reducer *r) {
  tn_case copy = {.module = tn_module_clone(r->best->module)};
  int count = copy.module->entry->parameters.count;
  if (r->best->arguments)
    copy.arguments =
        tn_arena_copy(r->options->arena, r->best->arguments, (size_t)count * sizeof *copy.arguments);
  return copy;
}

static bool drop(tn_case *candidate) {
  tn_module_destroy(candidate->module);
  return false;
}

static void destroy_module(void *module) { tn_module_destroy(module); }

/* Takes the candidate for the best, or throws it away. Shapes of arguments may be the old module's: it
 * lives on as long as they do.                                                                      */
static bool offer(reducer *r, tn_case *candidate) {
  tn_diagnostics silent = {0};
  tn_case_clean(candidate);
  if (is_spent(r) || !tn_verify_module(candidate->module, &silent)) return drop(candidate);
  r->tests++;
  if (!r->options->test(r->options->user, candidate)) return drop(candidate);
  tn_arena_on_release(r->options->arena, destroy_module, r->best->module);
  *r->best = *candidate;
  return true;
}

/* Instruction `number` of the module, callees first. */
static tn_inst *nth(const tn_case *c, int number) {
  TN_FOR_EACH_COMP(c->module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (number-- == 0) return inst;
  return NULL;
}

static void set_root(tn_case *c, tn_inst *root) {
  tn_module *module = c->module;
  module->entry->root = root;
  module->aliases.count = 0;
  module->entry_result = NULL;
}

/* ---- results ---- */

static bool can_be_result(const tn_shape *shape) {
  bool can = tn_shape_is_array(shape) || tn_shape_is_tuple(shape);
  for (int i = 0; can && tn_shape_is_tuple(shape) && i < shape->rank; i++)
    can = can_be_result(shape->elements[i]);
  return can;
}

/* An operand of the root in its place. */
static bool single_result(reducer *r, int k) {
  tn_case c = copy_of(r);
  tn_inst *root = c.module->entry->root;
  if (k >= root->n_operands || !can_be_result(root->operands[k]->shape)) return drop(&c);
  set_root(&c, root->operands[k]);
  return offer(r, &c);
}

/* An element of a root that is a tuple made elsewhere: by a loop, say. */
static bool single_element(reducer *r, int k) {
  tn_case c = copy_of(r);
  tn_inst *root = c.module->entry->root;
  if (root->op == TN_OP_TUPLE || !tn_shape_is_tuple(root->shape) || k >= root->shape->rank) return drop(&c);
  set_root(&c, tn_build_element(c.module->entry, NULL, root, k));
  return offer(r, &c);
}

static bool drop_result(reducer *r, int k) {
  tn_case c = copy_of(r);
  tn_inst *root = c.module->entry->root;
  if (root->op != TN_OP_TUPLE || root->n_operands < 2 || k >= root->n_operands) return drop(&c);
  tn_inst **left = TN_NEW_ARRAY(c.module->arena, tn_inst *, root->n_operands);
  for (int i = 0, n = 0; i < root->n_operands; i++)
    if (i != k) left[n++] = root->operands[i];
  set_root(&c, tn_build_tuple(c.module->entry, NULL, root->n_operands - 1, left));
  return offer(r, &c);
}

static bool fewer_results(reducer *r) {
  bool any = false;
  for (int k = r->best->module->entry->root->n_operands - 1; k >= 0; k--)
    if (single_result(r, k)) return true;
  const tn_shape *shape = r->best->module->entry->root->shape;
  for (int k = tn_shape_is_tuple(shape) ? shape->rank - 1 : -1; k >= 0; k--) {
    if (single_element(r, k)) return true;
    any = drop_result(r, k) || any;
  }
  return any;
}

/* The entry up to instruction `last`: what of it nothing uses is the result. */
static bool keep_prefix(reducer *r, int last) {
  tn_case c = copy_of(r);
  tn_comp *entry = c.module->entry;
  int *position = TN_NEW_ARRAY(c.module->arena, int, c.module->next_id);
  tn_inst **results = TN_NEW_ARRAY(c.module->arena, tn_inst *, entry->n_insts + 1);
  int n = 0, count = 0;
  TN_FOR_EACH_IN_COMP(entry, inst) position[inst->id] = n++;
  TN_FOR_EACH_IN_COMP(entry, inst) {
    if (position[inst->id] > last) break;
    bool used = !tn_shape_is_array(inst->shape) && position[inst->id] < last;
    for (int u = 0; u < inst->users.count && !used; u++) used = position[inst->users.at[u]->id] <= last;
    if (!used && inst->shape->type != TN_TOKEN) results[count++] = inst;
  }
  if (!count) return drop(&c);
  set_root(&c, tn_build_tuple(entry, NULL, count, results));
  return offer(r, &c);
}

/* The first instruction up to which it holds: the results of a prefix are its last instruction, a
 * tuple. Parameters that a shorter one does not use go, so positions are found anew.              */
static void shrink_to_prefix(reducer *r) {
  int good = -1, bad = r->best->module->entry->n_insts - 1;
  if (!keep_prefix(r, bad)) return;
  bad = r->best->module->entry->n_insts - 2;
  while (bad - good > 1 && !is_spent(r)) {
    int middle = good + (bad - good) / 2;
    if (!keep_prefix(r, middle)) {
      good = middle;
      continue;
    }
    bad = r->best->module->entry->n_insts - 2;
    if (good >= bad) good = -1;
  }
}

/* ---- instructions ---- */

/* The value of `inst` on the case's arguments. */
static tn_literal *value_of(reducer *r, const tn_case *c, tn_inst *inst) {
  tn_diagnostics silent = {0};
  tn_comp *entry = c->module->entry;
  tn_inst *root = entry->root;
  entry->root = inst;
  tn_literal *value = tn_evaluate(r->options->arena, c->module, (const tn_literal *const *)c->arguments,
                                  &(tn_eval_options){.max_iterations = 1000}, &silent);
  entry->root = root;
  return value;
}

static tn_inst *make_parameter(reducer *r, tn_case *c, tn_inst *inst) {
  tn_literal *value = c->arguments ? value_of(r, c, inst) : NULL;
  if (c->arguments && !value) return NULL;
  return tn_case_add_parameter(c, r->options->arena, inst->shape, value);
}

/* In the entry a parameter, elsewhere a constant of zeros. */
static bool replace_by_input(reducer *r, int number) {
  tn_case c = copy_of(r);
  tn_inst *inst = nth(&c, number), *by = NULL;
  bool entry = inst && inst->parent == c.module->entry;
  if (!inst || !tn_shape_is_array(inst->shape) || inst->op == TN_OP_PARAMETER ||
      (inst->op == TN_OP_CONSTANT && (!entry || inst->shape->rank == 0)))
    return drop(&c);
  if (entry && inst != inst->parent->root)
    by = make_parameter(r, &c, inst);
  else if (!entry)
    by =
        tn_build_constant(inst->parent, inst,
                          tn_literal_zero(r->options->arena, tn_shape_clone(r->options->arena, inst->shape)));
  if (!by) return drop(&c);
  tn_inst_replace_uses(inst, by);
  return offer(r, &c);
}

static bool replace_by_operand(reducer *r, int number, int k) {
  tn_case c = copy_of(r);
  tn_inst *inst = nth(&c, number);
  if (!inst || k >= inst->n_operands || !tn_shape_equal(inst->shape, inst->operands[k]->shape))
    return drop(&c);
  tn_inst_replace_uses(inst, inst->operands[k]);
  return offer(r, &c);
}

/* Another operand that has the same shape becomes this one: x + y, then x + x. */
static bool join_operands(reducer *r, int number, int k) {
  tn_case c = copy_of(r);
  tn_inst *inst = nth(&c, number);
  if (!inst || k < 1 || k >= inst->n_operands || inst->operands[k] == inst->operands[0] ||
      !tn_shape_equal(inst->operands[0]->shape, inst->operands[k]->shape))
    return drop(&c);
  tn_inst_set_operand(inst, k, inst->operands[0]);
  return offer(r, &c);
}

/* A call's body in its place, a branch's, one turn of a loop. */
static bool inline_call(reducer *r, int number, int k) {
  tn_case c = copy_of(r);
  tn_inst *call = nth(&c, number);
  bool is_call = call && (call->op == TN_OP_CALL || call->op == TN_OP_FUSION) && k == 0;
  bool is_loop = call && call->op == TN_OP_WHILE && k == 1;
  bool is_branch = call && call->op == TN_OP_CONDITIONAL && k < call->n_called;
  if (!is_call && !is_loop && !is_branch) return drop(&c);
  tn_inst *const *arguments = is_branch ? call->operands + 1 + k : call->operands;
  tn_inst_replace_uses(call, tn_case_inline(&c, call, call->called[k], arguments));
  return offer(r, &c);
}

/* A computation that is called as the entry. Nobody knows its arguments. */
static bool enter_called(reducer *r, int number, int k) {
  tn_case c = copy_of(r);
  tn_inst *call = nth(&c, number);
  if (c.arguments || !call || k >= call->n_called || !can_be_result(call->called[k]->root->shape))
    return drop(&c);
  c.module->entry = call->called[k];
  c.module->entry_parameters = NULL;
  c.module->donors.count = 0;
  set_root(&c, c.module->entry->root);
  return offer(r, &c);
}

/* ---- sizes ---- */

static int64_t all_elements(const tn_module *module) {
  int64_t total = 0;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) total += tn_shape_elements(inst->shape);
  return total;
}

static bool resize(reducer *r, const tn_resizing *resizing) {
  tn_case c = copy_of(r);
  tn_arena *arena = r->options->arena;
  if (!tn_module_resize(c.module, arena, resizing) || all_elements(c.module) >= all_elements(r->best->module))
    return drop(&c);
  for (int i = 0; c.arguments && i < c.module->entry->parameters.count; i++) {
    const tn_shape *shape = tn_shape_clone(arena, c.module->entry->parameters.at[i]->shape);
    c.arguments[i] = tn_literal_corner(arena, c.arguments[i], shape);
  }
  return offer(r, &c);
}

static bool shrink_together(reducer *r) {
  for (int64_t factor = 64; factor > 1; factor /= 2)
    for (int64_t left = 1; left <= 4; left *= 2)
      if (resize(r, &(tn_resizing){.multiple = factor * left, .factor = factor})) return true;
  return false;
}

static int collect_sizes(const tn_module *module, int64_t *sizes, int most) {
  int count = 0;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  for (int d = 0; tn_shape_is_array(inst->shape) && d < inst->shape->rank; d++) {
    bool known = inst->shape->dims[d] < 2 || count == most;
    for (int i = 0; i < count; i++) known = known || sizes[i] == inst->shape->dims[d];
    if (!known) sizes[count++] = inst->shape->dims[d];
  }
  return count;
}

static bool shrink_sizes(reducer *r) {
  int64_t sizes[64];
  int count = collect_sizes(r->best->module, sizes, 64);
  bool any = false;
  for (int i = 0; i < count; i++) {
    tn_resizing to = {.from = sizes[i]};
    const int64_t tries[] = {1, 2, sizes[i] / 4, sizes[i] / 2, sizes[i] - 1};
    for (int t = 0; t < 5; t++) {
      to.to = tries[t];
      if (to.to < 1 || to.to >= sizes[i] || !resize(r, &to)) continue;
      any = true;
      break;
    }
  }
  return any;
}

/* ---- the rest ---- */

static bool drop_header(reducer *r, bool layouts) {
  tn_case c = copy_of(r);
  tn_module *m = c.module;
  bool useful =
      layouts ? m->entry_parameters || m->entry_result : m->aliases.count > 0 || m->donors.count > 0;
  if (layouts) m->entry_parameters = m->entry_result = NULL;
  m->aliases.count = m->donors.count = 0;
  return useful ? offer(r, &c) : drop(&c);
}

static bool drop_notes(reducer *r) {
  tn_case c = copy_of(r);
  bool useful = c.module->frontend_attributes || c.module->other_attributes || c.module->tables ||
                c.module->spmd_parameters || c.module->spmd_output;
  TN_FOR_EACH_COMP(c.module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    useful = useful || inst->notes;
    inst->notes = NULL;
  }
  c.module->frontend_attributes = c.module->other_attributes = c.module->tables = NULL;
  c.module->spmd_parameters = c.module->spmd_output = NULL;
  return useful ? offer(r, &c) : drop(&c);
}

static bool plain_constant(reducer *r, int number, int value) {
  tn_case c = copy_of(r);
  tn_inst *inst = nth(&c, number);
  if (!inst || inst->op != TN_OP_CONSTANT || !tn_shape_is_array(inst->shape)) return drop(&c);
  tn_literal *plain = tn_case_plain(r->options->arena, inst->attr.constant.literal, value);
  if (!plain) return drop(&c);
  inst->attr.constant.literal = plain;
  return offer(r, &c);
}

static bool plain_argument(reducer *r, int number, int value) {
  if (!r->best->arguments || !tn_shape_is_array(r->best->arguments[number]->shape)) return false;
  tn_case c = copy_of(r);
  tn_literal *plain = tn_case_plain(r->options->arena, c.arguments[number], value);
  if (!plain) return drop(&c);
  c.arguments[number] = plain;
  return offer(r, &c);
}

/* ---- rounds ---- */

static bool shrink_inst(reducer *r, int i) {
  bool any = replace_by_input(r, i);
  for (int called = 0; called < 3 && !any; called++)
    any = enter_called(r, i, called) || inline_call(r, i, called);
  for (int k = 0; k < 3; k++) any = replace_by_operand(r, i, k) || any;
  if (!any) any = join_operands(r, i, 1);
  return any;
}

static bool round_of_changes(reducer *r) {
  bool any = shrink_together(r);
  any = fewer_results(r) || any;
  for (int i = tn_module_instructions(r->best->module) - 1; i >= 0 && !is_spent(r); i--)
    if (i < tn_module_instructions(r->best->module)) any = shrink_inst(r, i) || any;
  any = drop_header(r, true) || any;
  any = drop_header(r, false) || any;
  any = drop_notes(r) || any;
  any = shrink_sizes(r) || any;
  for (int i = tn_module_instructions(r->best->module) - 1; i >= 0 && !is_spent(r); i--)
    if (plain_constant(r, i, 0) || plain_constant(r, i, 1)) any = true;
  for (int i = 0; r->best->arguments && i < r->best->module->entry->parameters.count; i++)
    if (plain_argument(r, i, 0) || plain_argument(r, i, 1)) any = true;
  return any && !is_spent(r);
}

int tn_reduce(tn_case *best, const tn_reduction *options) {
  reducer r = {.best = best,
               .options = options,
               .deadline = tn_seconds_now() + options->max_seconds,
               .max_tests = options->max_tests ? options->max_tests : 2000};
  shrink_together(&r);
  shrink_to_prefix(&r);
  while (round_of_changes(&r)) {}
  return r.tests;
}
