/* Deep copies of modules and computations.
 *
 * A module's copy lives in an arena of its own and keeps ids, names and orders; only
 * the data of literals is shared. A computation's copy lives in the same module, gets
 * new ids, and calls the same computations. Two walks: first every instruction, so
 * that each has a counterpart (kept by id), then the edges between them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/attribute_table.h"
#include "ir/module_private.h"

/* ---- computations ---- */

static int lowest_id(const tn_comp *comp, int *span) {
  int low = INT32_MAX, high = -1;
  for (const tn_inst *i = comp->first; i; i = i->next) {
    if (i->id < low) low = i->id;
    if (i->id > high) high = i->id;
  }
  *span = high < low ? 0 : high - low + 1;
  return low;
}

static void clone_edges(const tn_inst *inst, tn_inst *copy, tn_inst *const *copies, int first_id) {
  tn_arena *arena = copy->parent->module->arena;
  tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) operands[i] = copies[inst->operands[i]->id - first_id];
  tn_inst_set_operands(copy, inst->n_operands, operands);
  for (int i = 0; i < inst->control->predecessors.count; i++)
    tn_inst_add_predecessor(copy, copies[inst->control->predecessors.at[i]->id - first_id]);
}

tn_comp *tn_comp_clone(tn_comp *comp, const char *name) {
  tn_module *module = comp->module;
  tn_comp *copy = tn_comp_create_after(module, comp, name);
  copy->execution_thread = comp->execution_thread;
  copy->location = comp->location;
  int span, first_id = lowest_id(comp, &span);
  tn_inst **copies = TN_NEW_ARRAY(module->arena, tn_inst *, span);
  for (const tn_inst *i = comp->first; i; i = i->next)
    copies[i->id - first_id] = tn_inst_clone(copy, NULL, i, i->shape, 0, NULL);
  for (const tn_inst *i = comp->first; i; i = i->next)
    clone_edges(i, copies[i->id - first_id], copies, first_id);
  if (comp->root) copy->root = copies[comp->root->id - first_id];
  return copy;
}

/* ---- modules ---- */

static const char *clone_text(tn_arena *arena, const char *text) {
  return text ? tn_arena_string(arena, text) : NULL;
}

static const tn_annotations *clone_notes(tn_arena *arena, const tn_annotations *notes) {
  if (!notes) return NULL;
  tn_annotations *copy = TN_NEW(arena, tn_annotations);
  *copy = (tn_annotations){
      .sharding = clone_text(arena, notes->sharding),
      .frontend_attributes = clone_text(arena, notes->frontend_attributes),
      .backend_config = clone_text(arena, notes->backend_config),
      .statistics = clone_text(arena, notes->statistics),
      .origin = clone_text(arena, notes->origin),
      .parameter_replication = clone_text(arena, notes->parameter_replication),
      .result_accuracy = clone_text(arena, notes->result_accuracy),
      .metadata = clone_text(arena, notes->metadata),
      .op_name = clone_text(arena, notes->op_name),
      .source_file = clone_text(arena, notes->source_file),
      .source_line = notes->source_line,
  };
  return copy;
}

/* What a module's copy is made with: counterparts by id. */
typedef struct {
  tn_module *module;
  tn_comp **comps;
  tn_inst **insts;
} cloner;

/* The copy's locations name the copy's file. */
static tn_location clone_location(const cloner *to, const tn_module *from, tn_location location) {
  if (location.file && location.file == from->file) location.file = to->module->file;
  return location;
}

static void clone_inst(const cloner *to, tn_comp *comp, const tn_inst *inst) {
  tn_arena *arena = to->module->arena;
  tn_inst *copy =
      tn_inst_create_named(comp, NULL, inst->op, tn_shape_clone(arena, inst->shape), inst->id, inst->name);
  copy->attr = tn_attributes_clone(arena, tn_ops[inst->op].attributes, &inst->attr);
  copy->notes = clone_notes(arena, inst->notes);
  copy->location = clone_location(to, inst->parent->module, inst->location);
  if (inst->op == TN_OP_PARAMETER) tn_inst_enter_parameter(copy);
  to->insts[inst->id] = copy;
}

static void clone_comp(const cloner *to, const tn_comp *comp) {
  tn_comp *copy = tn_comp_create(to->module, comp->name);
  copy->id = comp->id;
  copy->execution_thread = clone_text(to->module->arena, comp->execution_thread);
  copy->location = clone_location(to, comp->module, comp->location);
  to->comps[comp->id] = copy;
  for (const tn_inst *i = comp->first; i; i = i->next) clone_inst(to, copy, i);
  if (comp->root) copy->root = to->insts[comp->root->id];
}

static void connect_comp(const cloner *to, const tn_comp *comp) {
  for (const tn_inst *i = comp->first; i; i = i->next) {
    tn_inst *copy = to->insts[i->id];
    clone_edges(i, copy, to->insts, 0);
    tn_comp **called = TN_NEW_ARRAY(to->module->arena, tn_comp *, i->n_called);
    for (int j = 0; j < i->n_called; j++) called[j] = to->comps[i->called[j]->id];
    tn_inst_set_called(copy, i->n_called, called);
  }
}

static tn_dims clone_dims(tn_arena *arena, tn_dims dims) {
  return (tn_dims){tn_arena_copy(arena, dims.at, (size_t)dims.count * sizeof *dims.at), dims.count};
}

static tn_alias clone_alias(tn_arena *arena, tn_alias alias) {
  alias.output = clone_dims(arena, alias.output);
  alias.index = clone_dims(arena, alias.index);
  return alias;
}

static void clone_header(tn_module *copy, const tn_module *module) {
  tn_arena *arena = copy->arena;
  copy->file = clone_text(arena, module->file);
  copy->is_scheduled = module->is_scheduled;
  copy->replica_count = module->replica_count;
  copy->num_partitions = module->num_partitions;
  for (int i = 0; i < module->aliases.count; i++)
    TN_PUSH(arena, &copy->aliases, clone_alias(arena, module->aliases.at[i]));
  for (int i = 0; i < module->donors.count; i++)
    TN_PUSH(arena, &copy->donors, clone_alias(arena, module->donors.at[i]));
  if (module->entry_parameters) copy->entry_parameters = tn_shape_clone(arena, module->entry_parameters);
  if (module->entry_result) copy->entry_result = tn_shape_clone(arena, module->entry_result);
  copy->frontend_attributes = clone_text(arena, module->frontend_attributes);
  copy->spmd_parameters = clone_text(arena, module->spmd_parameters);
  copy->spmd_output = clone_text(arena, module->spmd_output);
  copy->other_attributes = clone_text(arena, module->other_attributes);
  copy->tables = clone_text(arena, module->tables);
}

tn_module *tn_module_clone(const tn_module *module) {
  tn_module *copy = tn_module_create(module->name);
  clone_header(copy, module);
  cloner to = {copy, TN_NEW_ARRAY(copy->arena, tn_comp *, module->next_id),
               TN_NEW_ARRAY(copy->arena, tn_inst *, module->next_id)};
  for (const tn_comp *c = module->first; c; c = c->next) clone_comp(&to, c);
  for (const tn_comp *c = module->first; c; c = c->next) connect_comp(&to, c);
  if (module->entry) copy->entry = to.comps[module->entry->id];
  copy->next_id = module->next_id;
  return copy;
}
