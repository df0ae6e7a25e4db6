/* The verifier: everything that the library relies on in a module.
 *
 * First the lists, without which nothing can be walked; then graph, calls and shapes,
 * whose errors are each reported; an instruction is not checked against its shape rule
 * when it or one of its operands has an error, so that one mistake is told once. What
 * a text can get wrong is TN_INVALID, what only our own code can is TN_BUG.
 *
 * Cost: linear in instructions, edges and attributes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/verify.h"

#include <stdlib.h>

#include "ir/infer.h"
#include "ir/verify_private.h"

/* ---- instructions against their rules ---- */

static bool operands_are_good(const tn_verifier *v, const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (v->bad[inst->operands[i]->id]) return false;
  for (int i = 0; i < inst->n_called; i++)
    if (inst->called[i]->root && v->bad[inst->called[i]->root->id]) return false;
  return true;
}

static bool verify_rule(const tn_verifier *v, const tn_inst *inst) {
  tn_inference in = {inst, v->scratch, v->sink};
  const tn_shape *shape = tn_infer_rule(&in);
  if (!shape) return false;
  if (tn_shape_fits(inst->shape, shape)) return true;
  unsigned notes = inst->n_operands <= 3 ? ~0u : 0;
  return tn_wrong(&in, notes, "declared %s, but the result is %s", tn_shown(&in, inst->shape),
                  tn_shown(&in, shape));
}

static void verify_instructions(tn_verifier *v, const tn_comp *comp) {
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    if (v->bad[inst->id]) continue;
    tn_arena_reset(v->scratch);
    const char *subject = tn_ops[inst->op].name;
    if (!tn_verify_shape(v, inst->shape, inst->location, subject))
      v->bad[inst->id] = true;
    else if (operands_are_good(v, inst))
      v->bad[inst->id] = !verify_rule(v, inst);
  }
}

/* ---- the interface of the module ---- */

static void verify_entry_layout(const tn_verifier *v) {
  const tn_module *module = v->module;
  const tn_comp *entry = module->entry;
  const tn_shape *parameters = module->entry_parameters, *result = module->entry_result;
  tn_location at = entry->location;
  if (parameters && parameters->rank != entry->parameters.count) {
    tn_error(v->sink, TN_INVALID, at, "entry_computation_layout: %d parameter%s, but '%s' has %d",
             parameters->rank, parameters->rank == 1 ? "" : "s", entry->name, entry->parameters.count);
    parameters = NULL;
  }
  for (int i = 0; parameters && i < parameters->rank; i++) {
    const tn_inst *parameter = entry->parameters.at[i];
    if (!parameter || !tn_verify_shape(v, parameters->elements[i], at, "entry_computation_layout")) continue;
    if (tn_shape_fits(parameters->elements[i], parameter->shape)) continue;
    tn_error(v->sink, TN_INVALID, parameter->location,
             "entry_computation_layout: parameter %d is %s, but '%s' is %s", i,
             tn_shown_by(v->sink, v->arena, parameters->elements[i]), parameter->name,
             tn_shown_by(v->sink, v->arena, parameter->shape));
  }
  if (result && entry->root && tn_verify_shape(v, result, at, "entry_computation_layout") &&
      !tn_shape_fits(result, entry->root->shape))
    tn_error(v->sink, TN_INVALID, entry->root->location,
             "entry_computation_layout: the result is %s, but '%s' is %s",
             tn_shown_by(v->sink, v->arena, result), entry->root->name,
             tn_shown_by(v->sink, v->arena, entry->root->shape));
}

/* The part of a parameter that an alias or donor names; NULL after reporting. */
static const tn_shape *parameter_part(const tn_verifier *v, const char *what, const tn_alias *alias) {
  const tn_comp *entry = v->module->entry;
  if (alias->parameter < 0 || alias->parameter >= entry->parameters.count) {
    tn_error(v->sink, TN_INVALID, entry->location, "%s: parameter %lld of %d", what,
             (long long)alias->parameter, entry->parameters.count);
    return NULL;
  }
  const tn_inst *parameter = entry->parameters.at[alias->parameter];
  if (!parameter) return NULL;
  const tn_shape *part = tn_shape_at(parameter->shape, alias->index);
  if (!part)
    tn_error(v->sink, TN_INVALID, parameter->location, "%s: parameter %lld is %s and has no such part", what,
             (long long)alias->parameter, tn_shown_by(v->sink, v->arena, parameter->shape));
  return part;
}

static bool verify_alias(const tn_verifier *v, const tn_alias *alias) {
  const tn_comp *entry = v->module->entry;
  const tn_shape *input = parameter_part(v, "input_output_alias", alias);
  if (!input || !entry->root) return false;
  const tn_shape *output = tn_shape_at(entry->root->shape, alias->output);
  if (!output)
    return tn_error(v->sink, TN_INVALID, entry->root->location,
                    "input_output_alias: the result is %s and has no such part",
                    tn_shown_by(v->sink, v->arena, entry->root->shape));
  if (!tn_shape_is_array(input) || !tn_shape_is_array(output) ||
      tn_shape_bytes(input) != tn_shape_bytes(output))
    return tn_error(v->sink, TN_INVALID, entry->root->location,
                    "input_output_alias: parameter %lld is %s, and its output is %s",
                    (long long)alias->parameter, tn_shown_by(v->sink, v->arena, input),
                    tn_shown_by(v->sink, v->arena, output));
  return true;
}

/* ---- aliases that name the same place twice: sorted by place ---- */

static int compare_paths(tn_dims a, tn_dims b) {
  for (int i = 0; i < a.count && i < b.count; i++)
    if (a.at[i] != b.at[i]) return a.at[i] < b.at[i] ? -1 : 1;
  return (a.count > b.count) - (a.count < b.count);
}

static int compare_outputs(const void *a, const void *b) {
  return compare_paths(((const tn_alias *)a)->output, ((const tn_alias *)b)->output);
}

static int compare_inputs(const void *a, const void *b) {
  const tn_alias *x = a, *y = b;
  if (x->parameter != y->parameter) return x->parameter < y->parameter ? -1 : 1;
  return compare_paths(x->index, y->index);
}

static void verify_once(const tn_verifier *v, const char *what, int (*compare)(const void *, const void *)) {
  int count = v->module->aliases.count;
  tn_alias *sorted = tn_arena_copy(v->arena, v->module->aliases.at, (size_t)count * sizeof *sorted);
  qsort(sorted, (size_t)count, sizeof *sorted, compare);
  for (int i = 1; i < count; i++)
    if (compare(&sorted[i - 1], &sorted[i]) == 0)
      tn_error(v->sink, TN_INVALID, v->module->entry->location,
               "input_output_alias: %s is aliased twice, with parameters %lld and %lld", what,
               (long long)sorted[i - 1].parameter, (long long)sorted[i].parameter);
}

/* Entry layout, aliases, donors, counts of the module. */
static void verify_interface(tn_verifier *v) {
  const tn_module *module = v->module;
  if (module->replica_count < 1 || module->num_partitions < 1)
    tn_error(v->sink, TN_INVALID, TN_NOWHERE,
             "module: replica_count %lld and num_partitions %lld must be positive",
             (long long)module->replica_count, (long long)module->num_partitions);
  verify_entry_layout(v);
  bool all = true;
  for (int i = 0; i < module->aliases.count; i++) all &= verify_alias(v, &module->aliases.at[i]);
  if (all && module->aliases.count > 1) {
    verify_once(v, "an output", compare_outputs);
    verify_once(v, "a parameter", compare_inputs);
  }
  for (int i = 0; i < module->donors.count; i++) parameter_part(v, "buffer_donor", &module->donors.at[i]);
}

/* ---- the module ---- */

static void verify_everything(tn_verifier *v) {
  const tn_module *module = v->module;
  int before = v->sink->errors;
  v->position = TN_NEW_ARRAY(v->arena, int, module->next_id);
  v->bad = TN_NEW_ARRAY(v->arena, bool, module->next_id);
  if (!tn_verify_lists(v)) return;
  TN_FOR_EACH_COMP(module, comp) tn_verify_graph(v, comp);
  tn_verify_calls(v);
  TN_FOR_EACH_COMP(module, comp) verify_instructions(v, comp);
  if (v->sink->errors == before) verify_interface(v);
}

bool tn_verify_module(const tn_module *module, tn_diagnostics *sink) {
  int before = sink->errors;
  tn_arena *arena = tn_arena_create(), *volatile scratch = NULL;
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    tn_arena_destroy(arena);
    tn_arena_destroy(scratch);
    tn_out_of_memory();
  }
  scratch = tn_arena_create();
  tn_verifier v = {.module = module, .arena = arena, .scratch = scratch, .sink = sink};
  verify_everything(&v);
  tn_guard_leave(&guard);
  tn_arena_destroy(arena);
  tn_arena_destroy(scratch);
  return sink->errors == before;
}
