/* Equal computations become one.
 *
 *   add.1 { a = f32[] parameter(0), b = f32[] parameter(1), ROOT s = f32[] add(a, b) }
 *   add.2 { x = f32[] parameter(0), y = f32[] parameter(1), ROOT t = f32[] add(x, y) }
 *   … reduce(v, zero), to_apply=add.2          =>  … to_apply=add.1, and nothing calls add.2
 *
 * Why: exporters write one reducer for each reduction, jitted functions are written once for each
 * place they are called from; instructions that call different computations are never equal.
 * Two computations are equal where their instructions, in the order of the list, are (same.h),
 * names and annotations apart, and call equal computations. Keeps: the first, its names and
 * locations; computations with control edges, or effects, or random numbers (which come from
 * names); those that run on threads of their own; the entry.
 *
 * Callees stand before callers, so one walk finds computations that differ in what they call
 * alone. Cost: linear: a hash of each computation, a comparison where hashes agree.
 *
 * Termination: each rewrite leaves a computation without callers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"
#include "passes/same.h"

typedef struct {
  uint64_t hash;
  tn_comp *comp; /* NULL: free */
} slot;

typedef struct {
  slot *slots;
  uint64_t mask;
  int *position; /* by instruction id: its place in its computation */
} search;

static bool may_share(const tn_comp *comp, const tn_effects *effects) {
  if (comp == comp->module->entry || comp->execution_thread || tn_comp_effects(comp, effects)) return false;
  TN_FOR_EACH_IN_COMP(comp, inst) {
    bool may = inst->op == TN_OP_PARAMETER || tn_inst_is_function(inst);
    if (!may || !tn_rewrite_is_free_to_move(inst)) return false;
  }
  return comp->callers.count > 0;
}

static uint64_t hash_of(const search *s, const tn_comp *comp) {
  uint64_t hash = tn_hash_mix((uint64_t)comp->n_insts, (uint64_t)s->position[comp->root->id]);
  TN_FOR_EACH_IN_COMP(comp, inst) {
    hash = tn_hash_mix(hash, tn_inst_hash(inst));
    for (int i = 0; i < inst->n_operands; i++)
      hash = tn_hash_mix(hash, (uint64_t)s->position[inst->operands[i]->id]);
    for (int i = 0; i < inst->n_called; i++) hash = tn_hash_mix(hash, (uint64_t)inst->called[i]->id);
  }
  return hash;
}

static bool is_equal_inst(const search *s, const tn_inst *a, const tn_inst *b) {
  if (!tn_inst_does_same(a, b)) return false;
  for (int i = 0; i < a->n_operands; i++)
    if (s->position[a->operands[i]->id] != s->position[b->operands[i]->id]) return false;
  for (int i = 0; i < a->n_called; i++)
    if (a->called[i] != b->called[i]) return false;
  return true;
}

static bool is_equal(const search *s, const tn_comp *a, const tn_comp *b) {
  if (a->n_insts != b->n_insts || s->position[a->root->id] != s->position[b->root->id]) return false;
  const tn_inst *x = a->first, *y = b->first;
  for (; x && y; x = x->next, y = y->next)
    if (!is_equal_inst(s, x, y)) return false;
  return true;
}

static tn_comp *find_or_enter(const search *s, tn_comp *comp) {
  uint64_t hash = hash_of(s, comp), at = hash & s->mask;
  for (; s->slots[at].comp; at = (at + 1) & s->mask)
    if (s->slots[at].hash == hash && is_equal(s, s->slots[at].comp, comp)) return s->slots[at].comp;
  s->slots[at] = (slot){hash, comp};
  return NULL;
}

/* Every caller of `comp` calls `first`. */
static void redirect(tn_comp *comp, tn_comp *first, tn_arena *scratch) {
  while (comp->callers.count > 0) {
    tn_inst *caller = comp->callers.at[comp->callers.count - 1];
    tn_comp **called = tn_arena_copy(scratch, caller->called, (size_t)caller->n_called * sizeof(tn_comp *));
    for (int i = 0; i < caller->n_called; i++)
      if (called[i] == comp) called[i] = first;
    tn_inst_set_called(caller, caller->n_called, called);
  }
}

static search open_search(const tn_module *module, tn_arena *scratch) {
  uint64_t size = 16;
  while (size < 2 * (uint64_t)module->n_comps) size *= 2;
  search s = {TN_NEW_ARRAY(scratch, slot, size), size - 1, TN_NEW_ARRAY(scratch, int, module->next_id)};
  TN_FOR_EACH_COMP(module, comp) {
    int count = 0;
    TN_FOR_EACH_IN_COMP(comp, inst) s.position[inst->id] = count++;
  }
  return s;
}

bool tn_pass_share_computations(tn_module *module, tn_pass_context *context) {
  tn_effects effects = tn_find_effects(module, context->scratch);
  search s = open_search(module, context->scratch);
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp) {
    tn_comp *first = may_share(comp, &effects) ? find_or_enter(&s, comp) : NULL;
    if (!first || !tn_pass_spend(context)) continue;
    redirect(comp, first, context->scratch);
    changed = true;
  }
  return changed;
}
