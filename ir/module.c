/* Modules and computations: creation, lookup by name, the order of the list.
 *
 * Invariant: in the module's list a computation stands behind all those it calls.
 * New computations are appended, so the invariant breaks only when an instruction is
 * given a callee that stands behind it; then its computation and every one that calls
 * it, directly or not, move behind the callee (keep_callee_first). `order` grows along
 * the list, which makes the test one comparison. Recursion has no such order: it is
 * left as it is, for the verifier to report.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/module_private.h"

#include <assert.h>
#include <stdlib.h>

#include "ir/names.h"

/* A module's name goes the way of all names; as it is printed without %, the lexer's
 * keywords get a '_', too.                                                            */
static const char *module_name(tn_arena *arena, const char *name) {
  static const char *const keywords[] = {"true",      "false",  "nan",     "inf",        "ROOT",   "ENTRY",
                                         "HloModule", "manual", "maximal", "replicated", "unknown"};
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
    if (strcmp(name, keywords[i]) == 0) return tn_arena_printf(arena, "%s_", name);
  return tn_names_claim(tn_names_create(arena, 0), name, arena);
}

tn_module *tn_module_create(const char *name) {
  tn_arena *arena = tn_arena_create();
  tn_module *module = TN_NEW(arena, tn_module);
  module->arena = arena;
  module->names = tn_names_create(arena, 0);
  module->name = module_name(arena, name);
  module->replica_count = module->num_partitions = 1;
  return module;
}

void tn_module_destroy(tn_module *module) {
  if (module) tn_arena_destroy(module->arena);
}

static void link_comp(tn_comp *comp, tn_comp *after) {
  tn_module *module = comp->module;
  comp->prev = after;
  comp->next = after ? after->next : module->first;
  *(comp->prev ? &comp->prev->next : &module->first) = comp;
  *(comp->next ? &comp->next->prev : &module->last) = comp;
}

static void unlink_comp(tn_comp *comp) {
  *(comp->prev ? &comp->prev->next : &comp->module->first) = comp->next;
  *(comp->next ? &comp->next->prev : &comp->module->last) = comp->prev;
}

/* Behind `after` in the list, numbered for its place. */
static void place_comp(tn_comp *comp, tn_comp *after) {
  tn_module *module = comp->module;
  link_comp(comp, after);
  if (!comp->next) {
    comp->order = module->next_order++;
    return;
  }
  module->next_order = 0;
  for (tn_comp *c = module->first; c; c = c->next) c->order = module->next_order++;
}

tn_comp *tn_comp_create_after(tn_module *module, tn_comp *after, const char *name) {
  tn_comp *comp = TN_NEW(module->arena, tn_comp);
  comp->module = module;
  comp->id = module->next_id++;
  comp->name = tn_names_claim(module->names, name, comp);
  comp->names = tn_names_create(module->arena, 0);
  place_comp(comp, after);
  module->n_comps++;
  return comp;
}

tn_comp *tn_comp_create(tn_module *module, const char *name) {
  return tn_comp_create_after(module, module->last, name);
}

void tn_comp_remove(tn_comp *comp) {
  assert(comp->callers.count == 0);
  tn_module *module = comp->module;
  TN_FOR_EACH_IN_COMP(comp, inst) tn_inst_set_called(inst, 0, NULL);
  unlink_comp(comp);
  module->n_comps--;
  tn_names_release(module->names, comp->name);
  if (module->entry == comp) module->entry = NULL;
}

tn_comp *tn_comp_find(const tn_module *module, tn_str name) { return tn_names_find(module->names, name); }

tn_inst *tn_comp_find_inst(const tn_comp *comp, tn_str name) { return tn_names_find(comp->names, name); }

typedef TN_VEC(tn_comp *) comp_vec;

static bool contains(const comp_vec *comps, const tn_comp *comp) {
  for (int i = 0; i < comps->count; i++)
    if (comps->at[i] == comp) return true;
  return false;
}

static int by_order(const void *a, const void *b) {
  int64_t x = (*(tn_comp *const *)a)->order, y = (*(tn_comp *const *)b)->order;
  return (x > y) - (x < y);
}

void tn_comp_keep_callee_first(tn_comp *caller, tn_comp *callee) {
  if (caller->order > callee->order || caller == callee) return;
  tn_arena *arena = caller->module->arena;
  comp_vec movers = {0};
  TN_PUSH(arena, &movers, caller);
  for (int i = 0; i < movers.count; i++) {
    const tn_comp *mover = movers.at[i];
    for (int j = 0; j < mover->callers.count; j++) {
      tn_comp *above = mover->callers.at[j]->parent;
      if (above && above->order < callee->order && !contains(&movers, above)) TN_PUSH(arena, &movers, above);
    }
  }
  qsort(movers.at, (size_t)movers.count, sizeof *movers.at, by_order);
  tn_comp *after = callee;
  for (int i = 0; i < movers.count; i++) {
    unlink_comp(movers.at[i]);
    place_comp(movers.at[i], after);
    after = movers.at[i];
  }
}
