/* The verifier's structural half: lists, operands and users, control edges, parameters,
 * names, calls.
 *
 * Users and operands must list each other, each use once. Each use says where the other end
 * lists it, which is looked at first. Where that does not fit, or there are control edges,
 * the uses of each instruction are counted, and mixed user ids summed, over both: equal for
 * equal multisets, and for others equal once in 2^64.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/verify_private.h"

/* ---- lists ---- */

static bool bug(const tn_verifier *v, const tn_inst *inst, const char *what) {
  return tn_error(v->sink, TN_BUG, inst->location, "'%s': %s", inst->name, what);
}

/* A place for `id` in its list. */
static bool enter(tn_verifier *v, int id, int position) {
  if (id < 0 || id >= v->module->next_id || v->position[id]) return false;
  v->position[id] = position;
  return true;
}

static bool list_instructions(tn_verifier *v, const tn_comp *comp) {
  int count = 0;
  const tn_inst *last = NULL;
  for (const tn_inst *inst = comp->first; inst; last = inst, inst = inst->next) {
    if (!enter(v, inst->id, ++count)) return bug(v, inst, "its id is not unique");
    if (inst->prev != last) return bug(v, inst, "the list of instructions is broken");
    if (inst->parent != comp) return bug(v, inst, "its parent is another computation");
    if ((unsigned)inst->op >= TN_OP_COUNT) return bug(v, inst, "its opcode does not exist");
    if (!inst->shape) return bug(v, inst, "it has no shape");
  }
  if (comp->last == last && comp->n_insts == count) return true;
  return tn_error(v->sink, TN_BUG, comp->location, "computation '%s': the list of %d instructions has %d",
                  comp->name, comp->n_insts, count);
}

bool tn_verify_lists(tn_verifier *v) {
  const tn_module *module = v->module;
  int count = 0;
  const tn_comp *last = NULL;
  for (const tn_comp *comp = module->first; comp; last = comp, comp = comp->next) {
    if (comp->module != module || comp->prev != last || !enter(v, comp->id, ++count))
      return tn_error(v->sink, TN_BUG, comp->location, "computation '%s': the list of computations is broken",
                      comp->name);
    if (!list_instructions(v, comp)) return false;
  }
  if (module->last != last || module->n_comps != count)
    return tn_error(v->sink, TN_BUG, TN_NOWHERE, "module: the list of %d computations has %d",
                    module->n_comps, count);
  if (count == 0) return tn_error(v->sink, TN_INVALID, TN_NOWHERE, "module: has no computation");
  if (!module->entry || module->entry->module != module || !v->position[module->entry->id])
    return tn_error(v->sink, TN_INVALID, TN_NOWHERE, "module: has no entry computation");
  return true;
}

/* ---- operands and control predecessors stand before ---- */

static bool verify_before(tn_verifier *v, const tn_inst *inst, const tn_inst *other, const char *what) {
  if (!other) return bug(v, inst, "an operand is missing");
  if (!other->parent)
    return tn_error(v->sink, TN_BUG, inst->location, "'%s': %s '%s' was removed", inst->name, what,
                    other->name);
  if (other->parent != inst->parent)
    return tn_error(v->sink, TN_INVALID, inst->location,
                    "'%s': %s '%s' belongs to computation '%s', not '%s'", inst->name, what, other->name,
                    other->parent->name, inst->parent->name);
  if (v->position[other->id] < v->position[inst->id]) return true;
  tn_error(v->sink, TN_INVALID, inst->location, "'%s': %s '%s' is %s", inst->name, what, other->name,
           other == inst ? "the instruction itself" : "defined after it");
  if (other != inst) tn_note(v->sink, other->location, "'%s' is defined here", other->name);
  return false;
}

static void verify_edges(tn_verifier *v, const tn_inst *inst) {
  bool good = true;
  for (int i = 0; i < inst->n_operands; i++)
    if (i == 0 || inst->operands[i] != inst->operands[i - 1])
      good &= verify_before(v, inst, inst->operands[i], "operand");
  for (int i = 0; i < inst->control->predecessors.count; i++)
    good &= verify_before(v, inst, inst->control->predecessors.at[i], "control predecessor");
  if (!good) v->bad[inst->id] = true;
}

/* ---- uses from both sides ---- */

typedef struct {
  int64_t count;
  uint64_t sum;
} tally;

static void add_to(tally *t, int id) {
  uint64_t x = ((uint64_t)id + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
  t->count++;
  t->sum += x ^ (x >> 29);
}

static void subtract_all(tally *t, tn_inst *const *users, int count) {
  tally other = {0};
  for (int i = 0; i < count; i++) add_to(&other, users[i]->id);
  t->count -= other.count;
  t->sum -= other.sum;
}

/* Each use is found where its user says, and there are no others: so the lists agree, and
 * nothing need be counted. False does not mean that they do not.                         */
static bool uses_agree(const tn_comp *comp) {
  int64_t excess = 0;
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    if (inst->control->predecessors.count || inst->control->successors.count) return false;
    for (int i = 0; i < inst->n_operands; i++) {
      const tn_inst *operand = inst->operands[i];
      int index = tn_inst_use_index(inst)[i];
      if (index < 0 || index >= operand->users.count) return false;
      if (operand->users.at[index] != inst || tn_inst_user_slots(operand)[index] != i) return false;
    }
    excess += inst->users.count - inst->n_operands;
  }
  return excess == 0;
}

/* Instructions of a computation by position; all edges stay within it. */
static void verify_uses(const tn_verifier *v, const tn_comp *comp) {
  tally *uses = TN_NEW_ARRAY(v->arena, tally, comp->n_insts + 1);
  tally *control = TN_NEW_ARRAY(v->arena, tally, comp->n_insts + 1);
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    for (int i = 0; i < inst->n_operands; i++) add_to(&uses[v->position[inst->operands[i]->id]], inst->id);
    for (int i = 0; i < inst->control->predecessors.count; i++)
      add_to(&control[v->position[inst->control->predecessors.at[i]->id]], inst->id);
  }
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    tally *a = &uses[v->position[inst->id]], *b = &control[v->position[inst->id]];
    subtract_all(a, inst->users.at, inst->users.count);
    subtract_all(b, inst->control->successors.at, inst->control->successors.count);
    if (a->count || a->sum) bug(v, inst, "its users are not those that have it as an operand");
    if (b->count || b->sum) bug(v, inst, "its successors are not those that have it as a predecessor");
  }
}

/* ---- parameters, root, names ---- */

static void verify_parameter(tn_verifier *v, const tn_comp *comp, const tn_inst *inst, int count) {
  int64_t number = inst->attr.parameter.number;
  if (number < 0 || number >= count) {
    tn_error(v->sink, TN_INVALID, inst->location, "parameter: number %lld in a computation of %d parameter%s",
             (long long)number, count, count == 1 ? "" : "s");
  } else {
    const tn_inst *listed = number < comp->parameters.count ? comp->parameters.at[number] : NULL;
    if (listed == inst) return;
    if (!listed || listed->parent != comp || listed->op != TN_OP_PARAMETER ||
        listed->attr.parameter.number != number) {
      bug(v, inst, "its computation does not list it as a parameter");
    } else {
      tn_error(v->sink, TN_INVALID, inst->location, "parameter: number %lld is given to '%s' and '%s'",
               (long long)number, listed->name, inst->name);
      tn_note(v->sink, listed->location, "'%s' is defined here", listed->name);
    }
  }
  v->bad[inst->id] = true;
}

/* As many as there are, each in its place: then none is anywhere else. */
static bool all_are_listed(const tn_comp *comp, int count) {
  for (int i = 0; i < comp->parameters.count; i++) {
    const tn_inst *listed = comp->parameters.at[i];
    if (!listed || listed->parent != comp || listed->op != TN_OP_PARAMETER ||
        listed->attr.parameter.number != i)
      return false;
  }
  return comp->parameters.count == count;
}

/* `count` of its instructions are parameters. */
static void verify_parameters(tn_verifier *v, const tn_comp *comp, int count) {
  int errors = v->sink->errors;
  if (all_are_listed(comp, count)) return;
  for (const tn_inst *inst = comp->first; inst; inst = inst->next)
    if (inst->op == TN_OP_PARAMETER) verify_parameter(v, comp, inst, count);
  if (v->sink->errors == errors && comp->parameters.count != count)
    tn_error(v->sink, TN_BUG, comp->location, "computation '%s': lists %d parameters of %d", comp->name,
             comp->parameters.count, count);
}

static void verify_names(const tn_verifier *v, const tn_comp *comp) {
  for (const tn_inst *inst = comp->first; inst; inst = inst->next)
    if (tn_comp_find_inst(comp, (tn_str){inst->name, strlen(inst->name)}) != inst)
      bug(v, inst, "its name is another instruction's");
  if (tn_comp_find(v->module, (tn_str){comp->name, strlen(comp->name)}) != comp)
    tn_error(v->sink, TN_BUG, comp->location, "computation '%s': its name is another's", comp->name);
}

void tn_verify_graph(tn_verifier *v, tn_comp *comp) {
  int errors = v->sink->errors;
  if (!comp->root) {
    tn_error(v->sink, TN_INVALID, comp->location, "computation '%s': has no root", comp->name);
  } else if (comp->root->parent != comp) {
    tn_error(v->sink, TN_BUG, comp->location, "computation '%s': its root '%s' is not in it", comp->name,
             comp->root->name);
  }
  int n_parameters = 0;
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    verify_edges(v, inst);
    n_parameters += inst->op == TN_OP_PARAMETER;
  }
  verify_parameters(v, comp, n_parameters);
  verify_names(v, comp);
  if (v->sink->errors == errors && !uses_agree(comp)) verify_uses(v, comp);
}

/* ---- calls ---- */

static bool verify_callee(tn_verifier *v, const tn_inst *inst, const tn_comp *callee, bool *out_of_order) {
  if (!callee) return bug(v, inst, "a called computation is missing");
  if (callee->module != v->module || !v->position[callee->id])
    return tn_error(v->sink, TN_BUG, inst->location, "'%s': computation '%s' is not in the module",
                    inst->name, callee->name);
  if (v->position[callee->id] >= v->position[inst->parent->id]) *out_of_order = true;
  return true;
}

/* Every listing of a callee has its caller in the callee's list. */
static void verify_callers(const tn_verifier *v, int *calls) {
  for (const tn_comp *comp = v->module->first; comp; comp = comp->next)
    if (comp->callers.count != calls[v->position[comp->id]])
      tn_error(v->sink, TN_BUG, comp->location, "computation '%s': lists %d callers of %d", comp->name,
               comp->callers.count, calls[v->position[comp->id]]);
}

/* A computation on the way down, and how far its instructions have been followed. */
typedef struct {
  const tn_comp *comp;
  const tn_inst *inst;
  int call;
} frame;

static bool next_call(frame *f, const tn_inst **inst, const tn_comp **callee) {
  while (f->inst && f->call >= f->inst->n_called) {
    f->inst = f->inst->next;
    f->call = 0;
  }
  if (!f->inst) return false;
  *inst = f->inst;
  *callee = f->inst->called[f->call++];
  return true;
}

enum { NEW, OPEN, DONE };

/* Depth first from `start`; a call of an open computation closes a cycle. */
static bool find_recursion(tn_verifier *v, const tn_comp *start, char *state, frame *stack) {
  int depth = 0;
  bool found = false;
  stack[depth++] = (frame){start, start->first, 0};
  state[v->position[start->id]] = OPEN;
  while (depth > 0) {
    const tn_inst *inst;
    const tn_comp *callee;
    if (!next_call(&stack[depth - 1], &inst, &callee)) {
      state[v->position[stack[--depth].comp->id]] = DONE;
      continue;
    }
    char *seen = &state[v->position[callee->id]];
    if (*seen == NEW) {
      *seen = OPEN;
      stack[depth++] = (frame){callee, callee->first, 0};
    } else if (*seen == OPEN) {
      found = true;
      v->bad[inst->id] = true;
      if (callee == inst->parent)
        tn_error(v->sink, TN_INVALID, inst->location, "%s: computation '%s' calls itself",
                 tn_ops[inst->op].name, callee->name);
      else
        tn_error(v->sink, TN_INVALID, inst->location, "%s: computations '%s' and '%s' call each other",
                 tn_ops[inst->op].name, inst->parent->name, callee->name);
    }
  }
  return found;
}

void tn_verify_calls(tn_verifier *v) {
  const tn_module *module = v->module;
  int *calls = TN_NEW_ARRAY(v->arena, int, module->n_comps + 1);
  bool out_of_order = false;
  for (const tn_comp *comp = module->first; comp; comp = comp->next)
    for (const tn_inst *inst = comp->first; inst; inst = inst->next)
      for (int i = 0; i < inst->n_called; i++) {
        if (!verify_callee(v, inst, inst->called[i], &out_of_order)) return;
        calls[v->position[inst->called[i]->id]]++;
      }
  verify_callers(v, calls);
  if (!out_of_order) return;

  char *state = TN_NEW_ARRAY(v->arena, char, module->n_comps + 1);
  frame *stack = TN_NEW_ARRAY(v->arena, frame, module->n_comps + 1);
  bool found = false;
  for (const tn_comp *comp = module->first; comp; comp = comp->next)
    if (state[v->position[comp->id]] == NEW) found |= find_recursion(v, comp, state, stack);
  if (!found) tn_error(v->sink, TN_BUG, TN_NOWHERE, "module: a computation stands before one that it calls");
}
