/* Copies a backward slice into a new module: what is called first, then the slice in the
 * order of the list, operands before users. Names stay, because the numbers of rng come from
 * them.
 *
 * Cost: the slice and what it calls; two arrays as long as the source has ids.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/cut.h"

typedef struct {
  tn_module *module;
  tn_inst **insts; /* counterparts by id; NULL: not copied */
  tn_comp **comps;
  tn_inst *const *instead;
} cutter;

static const tn_inst *used(const cutter *c, const tn_inst *inst) {
  return c->instead && c->instead[inst->id] ? c->instead[inst->id] : inst;
}

static tn_comp *copy_comp(cutter *c, const tn_comp *comp);

/* Operands are copied already. */
static tn_inst *copy_inst(cutter *c, tn_comp *to, const tn_inst *inst) {
  tn_comp **called = TN_NEW_ARRAY(c->module->arena, tn_comp *, inst->n_called);
  for (int i = 0; i < inst->n_called; i++) called[i] = copy_comp(c, inst->called[i]);
  tn_inst *copy = tn_inst_create_named(to, NULL, inst->op, inst->shape, inst->id, inst->name);
  tn_inst **operands = TN_NEW_ARRAY(c->module->arena, tn_inst *, inst->n_operands);
  copy->attr = inst->attr;
  copy->notes = inst->notes;
  copy->location = inst->location;
  for (int i = 0; i < inst->n_operands; i++) operands[i] = c->insts[used(c, inst->operands[i])->id];
  tn_inst_set_operands(copy, inst->n_operands, operands);
  tn_inst_set_called(copy, inst->n_called, called);
  return c->insts[inst->id] = copy;
}

static tn_comp *copy_comp(cutter *c, const tn_comp *comp) {
  if (c->comps[comp->id]) return c->comps[comp->id];
  /* What it calls stands before it. */
  for (const tn_inst *inst = comp->first; inst; inst = inst->next)
    for (int i = 0; i < inst->n_called; i++) copy_comp(c, inst->called[i]);
  tn_comp *copy = c->comps[comp->id] = tn_comp_create(c->module, comp->name);
  copy->execution_thread = comp->execution_thread;
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    tn_inst *made = copy_inst(c, copy, inst);
    if (inst->op == TN_OP_PARAMETER) tn_inst_enter_parameter(made);
  }
  copy->root = c->insts[comp->root->id];
  return copy;
}

/* Marks what the roots need. Operands stand before users: one walk from the end. */
static void mark(const cutter *c, const tn_comp *comp, const tn_inst_list *roots, const tn_inst_list *inputs,
                 char *needed) {
  enum { NEEDED = 1, INPUT = 2 };
  for (int i = 0; i < roots->count; i++) needed[roots->at[i]->id] = NEEDED;
  for (int i = 0; i < inputs->count; i++) needed[inputs->at[i]->id] = INPUT;
  for (const tn_inst *inst = comp->last; inst; inst = inst->prev) {
    if (needed[inst->id] != NEEDED) continue;
    for (int i = 0; i < inst->n_operands; i++) {
      const tn_inst *operand = used(c, inst->operands[i]);
      if (!needed[operand->id]) needed[operand->id] = NEEDED;
    }
  }
  for (int i = 0; i < inputs->count; i++) needed[inputs->at[i]->id] = 0;
}

static void add_parameter(cutter *c, tn_comp *entry, const tn_inst *inst) {
  if (c->insts[inst->id]) return;
  c->insts[inst->id] = tn_build_parameter(entry, entry->parameters.count, inst->shape, inst->name);
}

static void add_called(cutter *c, const tn_comp *comp, const char *needed) {
  for (const tn_inst *inst = comp->first; inst; inst = inst->next)
    for (int i = 0; needed[inst->id] && i < inst->n_called; i++) copy_comp(c, inst->called[i]);
}

tn_module *tn_cut(const tn_module *source, const tn_inst_list *roots, const tn_inst_list *inputs,
                  tn_inst *const *instead) {
  const tn_comp *comp = roots->at[0]->parent;
  cutter c = {.module = tn_module_create(source->name), .instead = instead};
  tn_arena *arena = c.module->arena;
  c.module->next_id = source->next_id;
  c.module->file = source->file;
  c.insts = TN_NEW_ARRAY(arena, tn_inst *, source->next_id);
  c.comps = TN_NEW_ARRAY(arena, tn_comp *, source->next_id);
  char *needed = TN_NEW_ARRAY(arena, char, source->next_id);
  mark(&c, comp, roots, inputs, needed);
  add_called(&c, comp, needed);
  tn_comp *entry = c.module->entry = tn_comp_create(c.module, comp->name);
  for (int i = 0; i < inputs->count; i++) add_parameter(&c, entry, inputs->at[i]);
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    if (!needed[inst->id]) continue;
    if (inst->op == TN_OP_PARAMETER)
      add_parameter(&c, entry, inst);
    else
      copy_inst(&c, entry, inst);
  }
  tn_inst **results = TN_NEW_ARRAY(arena, tn_inst *, roots->count);
  for (int i = 0; i < roots->count; i++) results[i] = c.insts[roots->at[i]->id];
  entry->root = roots->count == 1 ? results[0] : tn_build_tuple(entry, NULL, roots->count, results);
  return c.module;
}
