/* What the reducer does to modules.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "driver/reduce_private.h"

#include <stdio.h>

/* ---- parameters of the entry ---- */

/* Aliases and donors of the parameters that stay. */
static void renumber(tn_module *module, const int *numbers) {
  int aliases = 0, donors = 0;
  for (int i = 0; i < module->aliases.count; i++) {
    tn_alias alias = module->aliases.at[i];
    alias.parameter = numbers[alias.parameter];
    if (alias.parameter >= 0) module->aliases.at[aliases++] = alias;
  }
  for (int i = 0; i < module->donors.count; i++) {
    tn_alias donor = module->donors.at[i];
    donor.parameter = numbers[donor.parameter];
    if (donor.parameter >= 0) module->donors.at[donors++] = donor;
  }
  module->aliases.count = aliases;
  module->donors.count = donors;
}

/* numbers[i]: the new number of parameter i, or -1. */
static void renumber_list(tn_comp *comp, const int *numbers, int count, int kept) {
  tn_inst **parameters = TN_NEW_ARRAY(comp->module->arena, tn_inst *, count);
  for (int i = 0; i < count; i++) parameters[i] = comp->parameters.at[i];
  for (int i = count - 1; i >= 0; i--)
    if (numbers[i] < 0) tn_inst_remove(parameters[i]);
  for (int i = 0; i < count; i++) {
    if (numbers[i] < 0) continue;
    parameters[i]->attr.parameter.number = numbers[i];
    comp->parameters.at[numbers[i]] = parameters[i];
  }
  comp->parameters.count = kept;
}

static int *number_used(const tn_comp *comp, int *kept) {
  int *numbers = TN_NEW_ARRAY(comp->module->arena, int, comp->parameters.count);
  *kept = 0;
  for (int i = 0; i < comp->parameters.count; i++) {
    const tn_inst *parameter = comp->parameters.at[i];
    numbers[i] = parameter->users.count || parameter == comp->root ? (*kept)++ : -1;
  }
  return numbers;
}

static void clean_entry(tn_case *c) {
  tn_module *module = c->module;
  int count = module->entry->parameters.count, kept;
  int *numbers = number_used(module->entry, &kept);
  if (kept == count) return;
  const tn_shape **shapes = TN_NEW_ARRAY(module->arena, const tn_shape *, count);
  for (int i = 0; i < count; i++) {
    if (numbers[i] < 0) continue;
    if (module->entry_parameters) shapes[numbers[i]] = module->entry_parameters->elements[i];
    if (c->arguments) c->arguments[numbers[i]] = c->arguments[i];
  }
  renumber_list(module->entry, numbers, count, kept);
  if (module->entry_parameters) module->entry_parameters = tn_shape_tuple(module->arena, kept, shapes);
  module->spmd_parameters = NULL;
  renumber(module, numbers);
}

tn_inst *tn_case_add_parameter(tn_case *c, tn_arena *arena, const tn_shape *shape, tn_literal *value) {
  tn_module *module = c->module;
  tn_comp *entry = module->entry;
  int count = entry->parameters.count;
  char name[24];
  snprintf(name, sizeof name, "q%d", count);
  const tn_shape *plain = tn_shape_without_layout(module->arena, shape);
  tn_inst *parameter = tn_build_parameter(entry, count, plain, name);
  tn_inst_move_before(parameter, entry->first);
  if (c->arguments) {
    tn_literal **arguments = TN_NEW_ARRAY(arena, tn_literal *, count + 1);
    memcpy(arguments, c->arguments, (size_t)count * sizeof *arguments);
    arguments[count] = value;
    c->arguments = arguments;
  }
  module->spmd_parameters = NULL;
  if (!module->entry_parameters) return parameter;
  const tn_shape **shapes = TN_NEW_ARRAY(module->arena, const tn_shape *, count + 1);
  for (int i = 0; i < count; i++) shapes[i] = module->entry_parameters->elements[i];
  shapes[count] = plain;
  module->entry_parameters = tn_shape_tuple(module->arena, count + 1, shapes);
  return parameter;
}

/* ---- what nothing uses ---- */

/* Parameters of a body that one fusion or call has. */
static void clean_body(tn_comp *comp) {
  if (comp->callers.count != 1) return;
  tn_inst *caller = comp->callers.at[0];
  if (caller->op != TN_OP_FUSION && caller->op != TN_OP_CALL) return;
  int count = comp->parameters.count, kept;
  int *numbers = number_used(comp, &kept);
  if (kept == count) return;
  tn_inst **operands = TN_NEW_ARRAY(comp->module->arena, tn_inst *, count);
  for (int i = 0; i < count; i++)
    if (numbers[i] >= 0) operands[numbers[i]] = caller->operands[i];
  renumber_list(comp, numbers, count, kept);
  tn_inst_set_operands(caller, kept, operands);
}

static void remove_unused(tn_comp *comp) {
  for (tn_inst *inst = comp->last, *prev; inst; inst = prev) {
    prev = inst->prev;
    if (inst->users.count == 0 && inst != comp->root && inst->op != TN_OP_PARAMETER) tn_inst_remove(inst);
  }
}

/* Callers stand behind callees: one walk from the end. */
void tn_case_clean(tn_case *c) {
  tn_module *module = c->module;
  for (tn_comp *comp = module->last, *prev; comp; comp = prev) {
    prev = comp->prev;
    if (comp != module->entry && comp->callers.count == 0) {
      tn_comp_remove(comp);
      continue;
    }
    remove_unused(comp);
    clean_body(comp);
  }
  remove_unused(module->entry); /* what only bodies' parameters used */
  clean_entry(c);
}

/* ---- bodies, values ---- */

tn_inst *tn_case_inline(tn_case *c, tn_inst *call, const tn_comp *called, tn_inst *const *arguments) {
  tn_arena *arena = c->module->arena;
  tn_inst **copies = TN_NEW_ARRAY(arena, tn_inst *, c->module->next_id);
  for (const tn_inst *inst = called->first; inst; inst = inst->next) {
    if (inst->op == TN_OP_PARAMETER) {
      copies[inst->id] = arguments[inst->attr.parameter.number];
      continue;
    }
    tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, inst->n_operands);
    for (int i = 0; i < inst->n_operands; i++) operands[i] = copies[inst->operands[i]->id];
    copies[inst->id] = tn_inst_clone(call->parent, call, inst, inst->shape, inst->n_operands, operands);
  }
  return copies[called->root->id];
}

tn_literal *tn_case_plain(tn_arena *arena, const tn_literal *old, int value) {
  const tn_shape *shape = tn_shape_clone(arena, old->shape);
  tn_literal *plain = tn_literal_zero(arena, shape), *zeros = tn_literal_zero(arena, shape);
  tn_type part = tn_type_part(shape->type);
  for (int64_t i = 0, n = tn_shape_elements(shape); i < n; i++) {
    char *element = (char *)plain->data + (size_t)i * tn_type_bytes(shape->type);
    if (tn_type_is_float(part))
      tn_store_float(part, element, value);
    else
      tn_store_integer(shape->type, element, value);
  }
  bool plainer = !tn_literal_equal(old, plain) && !tn_literal_equal(old, zeros);
  return plainer ? plain : NULL;
}
