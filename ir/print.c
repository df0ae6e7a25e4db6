/* Modules as HLO text, in the form that XLA prints and its parser reads:
 *
 *     HloModule name, attributes
 *
 *     %add (x: f32[], y: f32[]) -> f32[] {
 *       %x = f32[] parameter(0)
 *       …
 *       ROOT %sum = f32[] add(%x, %y)
 *     }
 *
 *     ENTRY %main (…) -> … { … }
 *
 * Layouts stand where shapes have them, except in a computation's head. Nothing here
 * depends on anything but the module, so equal modules print equal bytes. Attributes
 * are print_attributes.c's, literals print_literal.c's.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/print_private.h"

#include "base/hash.h"

enum { SIDE_FILE_ABOVE = 1024 /* bytes */, ELIDE_ABOVE = 32 /* elements */ };

/* ---- constants ---- */

/* The name of the side file that holds the literal's bytes, entered in side_files. */
static const char *side_file(tn_print_options *options, tn_arena *arena, const tn_literal *literal) {
  size_t count = (size_t)tn_shape_bytes(literal->shape);
  char digits[33];
  tn_hash_print(tn_hash_bytes(literal->data, count), digits);
  const char *name = tn_arena_printf(arena, "%s.bin", digits);
  for (int i = 0; i < options->side_files.count; i++)
    if (strcmp(options->side_files.at[i].name, name) == 0) return name;
  TN_PUSH(arena, &options->side_files, (tn_side_file){name, literal->data, count});
  return name;
}

static bool goes_to_file(const tn_print_options *options, const tn_literal *literal) {
  return options->constants == TN_CONSTANTS_FILE && literal && tn_shape_is_array(literal->shape) &&
         tn_shape_bytes(literal->shape) > SIDE_FILE_ABOVE;
}

static int64_t count_elements(const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) return tn_shape_elements(shape);
  int64_t count = 0;
  for (int i = 0; i < shape->rank; i++) count += count_elements(shape->elements[i]);
  return count;
}

const char *tn_print_constant(tn_text *out, tn_arena *arena, const tn_literal *literal,
                              tn_print_options *options) {
  bool file = goes_to_file(options, literal);
  bool elided =
      literal && options->constants == TN_CONSTANTS_ELIDE && count_elements(literal->shape) > ELIDE_ABOVE;
  if (!literal || elided || file)
    tn_text_put(out, "{...}");
  else
    tn_print_literal(out, literal);
  return file ? side_file(options, arena, literal) : NULL;
}

/* ---- instructions ---- */

/* What stands between the parentheses. Returns the side file of a constant, or NULL. */
static const char *print_operands(tn_text *out, const tn_inst *inst, tn_print_options *options) {
  const char *file = NULL;
  if (inst->op == TN_OP_PARAMETER)
    tn_text_put_int(out, inst->attr.parameter.number);
  else if (inst->op == TN_OP_CONSTANT)
    file = tn_print_constant(out, inst->parent ? inst->parent->module->arena : NULL,
                             inst->attr.constant.literal, options);
  for (int i = 0; i < inst->n_operands; i++) {
    tn_text_put(out, i ? ", %" : "%");
    tn_text_put(out, inst->operands[i]->name);
  }
  return file;
}

static void print_note(tn_text *out, const char *name, const char *text) {
  if (!text) return;
  tn_text_put(out, ", ");
  tn_text_put(out, name);
  tn_text_put_char(out, '=');
  tn_text_put(out, text);
}

/* The frontend attributes, with the side file's name as one more of them. */
static void print_frontend_attributes(tn_text *out, const char *text, const char *file) {
  if (!file) {
    print_note(out, "frontend_attributes", text);
    return;
  }
  tn_text_put(out, ", frontend_attributes={");
  size_t length = text ? strlen(text) : 0;
  if (length > 2) { /* more than the braces */
    tn_text_put_n(out, text + 1, length - 2);
    tn_text_put_char(out, ',');
  }
  tn_text_printf(out, "tenon.data=\"%s\"}", file);
}

static void print_predecessors(tn_text *out, const tn_inst *inst) {
  if (inst->control->predecessors.count == 0) return;
  tn_text_put(out, ", control-predecessors={");
  for (int i = 0; i < inst->control->predecessors.count; i++)
    tn_text_printf(out, "%s%%%s", i ? ", " : "", inst->control->predecessors.at[i]->name);
  tn_text_put_char(out, '}');
}

static void print_notes(tn_text *out, const tn_inst *inst, const char *file) {
  static const tn_annotations none = {0};
  const tn_annotations *notes = inst->notes ? inst->notes : &none;
  print_note(out, "sharding", notes->sharding);
  print_note(out, "parameter_replication", notes->parameter_replication);
  print_note(out, "result_accuracy", notes->result_accuracy);
  print_frontend_attributes(out, notes->frontend_attributes, file);
  print_note(out, "origin", notes->origin);
  print_predecessors(out, inst);
  print_note(out, "statistics", notes->statistics);
  print_note(out, "metadata", notes->metadata);
  print_note(out, "backend_config", notes->backend_config);
}

/* `options` is written only where a constant goes to a side file. */
static void print_instruction(tn_text *out, const tn_inst *inst, tn_print_options *options) {
  if (inst->parent && inst->parent->root == inst) tn_text_put(out, "ROOT ");
  tn_text_put_char(out, '%');
  tn_text_put(out, inst->name);
  tn_text_put(out, " = ");
  tn_shape_print(out, inst->shape, true);
  tn_text_put_char(out, ' ');
  tn_text_put(out, tn_ops[inst->op].name);
  tn_text_put_char(out, '(');
  const char *file = print_operands(out, inst, options);
  tn_text_put_char(out, ')');
  tn_print_attributes(out, inst);
  print_notes(out, inst, file);
}

void tn_print_instruction(tn_text *out, const tn_inst *inst) {
  print_instruction(out, inst, &(tn_print_options){.constants = TN_CONSTANTS_ELIDE});
}

/* ---- computations ---- */

/* %name (x: f32[2], y: s32[]) -> f32[2] */
static void print_head(tn_text *out, const tn_comp *comp) {
  tn_text_printf(out, "%s%%%s (", comp->module->entry == comp ? "ENTRY " : "", comp->name);
  for (int i = 0; i < comp->parameters.count; i++) {
    const tn_inst *parameter = comp->parameters.at[i];
    if (!parameter) continue;
    tn_text_printf(out, "%s%s: ", i ? ", " : "", parameter->name);
    tn_shape_print(out, parameter->shape, false);
  }
  tn_text_put(out, ") -> ");
  if (comp->root) tn_shape_print(out, comp->root->shape, false);
}

static void print_computation(tn_text *out, const tn_comp *comp, tn_print_options *options) {
  print_head(out, comp);
  tn_text_put(out, " {\n");
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    tn_text_put(out, "  ");
    print_instruction(out, inst, options);
    tn_text_put_char(out, '\n');
    if (options->after_line) options->after_line(options->user, out, inst);
  }
  tn_text_put_char(out, '}');
  if (comp->execution_thread) {
    tn_text_put(out, ", execution_thread=");
    tn_print_string(out, comp->execution_thread);
  }
  tn_text_put_char(out, '\n');
}

/* ---- modules ---- */

/* input_output_alias={ {0}: (0, {}, may-alias) } */
static void print_aliases(tn_text *out, const tn_module *module) {
  if (module->aliases.count == 0) return;
  tn_text_put(out, ", input_output_alias={ ");
  for (int i = 0; i < module->aliases.count; i++) {
    const tn_alias *alias = &module->aliases.at[i];
    if (i) tn_text_put(out, ", ");
    tn_print_dims(out, alias->output);
    tn_text_printf(out, ": (%lld, ", (long long)alias->parameter);
    tn_print_dims(out, alias->index);
    tn_text_put(out, alias->must ? ", must-alias)" : ", may-alias)");
  }
  tn_text_put(out, " }");
}

/* buffer_donor={ (1, {}) } */
static void print_donors(tn_text *out, const tn_module *module) {
  if (module->donors.count == 0) return;
  tn_text_put(out, ", buffer_donor={ ");
  for (int i = 0; i < module->donors.count; i++) {
    tn_text_printf(out, "%s(%lld, ", i ? ", " : "", (long long)module->donors.at[i].parameter);
    tn_print_dims(out, module->donors.at[i].index);
    tn_text_put_char(out, ')');
  }
  tn_text_put(out, " }");
}

static void print_entry_layout(tn_text *out, const tn_module *module) {
  if (!module->entry_parameters || !module->entry_result) return;
  tn_text_put(out, ", entry_computation_layout={");
  tn_shape_print(out, module->entry_parameters, true);
  tn_text_put(out, "->");
  tn_shape_print(out, module->entry_result, true);
  tn_text_put_char(out, '}');
}

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/* FileNames … StackFrames, set off by one blank line whatever blanks were read. */
static void print_tables(tn_text *out, const char *tables) {
  if (!tables) return;
  size_t length = strlen(tables);
  while (length > 0 && is_space(tables[length - 1])) length--;
  while (length > 0 && is_space(*tables)) tables++, length--;
  if (length == 0) return;
  tn_text_put_char(out, '\n');
  tn_text_put_n(out, tables, length);
  tn_text_put_char(out, '\n');
}

static void print_header(tn_text *out, const tn_module *module) {
  tn_text_printf(out, "HloModule %s", module->name);
  if (module->is_scheduled) tn_text_put(out, ", is_scheduled=true");
  print_aliases(out, module);
  print_donors(out, module);
  print_entry_layout(out, module);
  print_note(out, "allow_spmd_sharding_propagation_to_parameters", module->spmd_parameters);
  print_note(out, "allow_spmd_sharding_propagation_to_output", module->spmd_output);
  if (module->replica_count != 1)
    tn_text_printf(out, ", replica_count=%lld", (long long)module->replica_count);
  if (module->num_partitions != 1)
    tn_text_printf(out, ", num_partitions=%lld", (long long)module->num_partitions);
  print_note(out, "frontend_attributes", module->frontend_attributes);
  if (module->other_attributes) tn_text_put(out, module->other_attributes);
  tn_text_put_char(out, '\n');
  print_tables(out, module->tables);
}

void tn_print_module(tn_text *out, tn_module *module, tn_print_options *options) {
  tn_print_options inline_constants = {.constants = TN_CONSTANTS_INLINE};
  print_header(out, module);
  for (const tn_comp *comp = module->first; comp; comp = comp->next) {
    tn_text_put_char(out, '\n');
    print_computation(out, comp, options ? options : &inline_constants);
  }
}
