/* The module line, and the tables of source locations that may follow it.
 *
 *     HloModule name, is_scheduled=true, input_output_alias={ {0}: (1, {}, must-alias) }
 *
 *     FileNames
 *     1 "model.py"
 *     FunctionNames … FileLocations … StackFrames …
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

static const char *token_start(const tn_hlo_parser *p) { return p->lex.token.text.at - p->lex.token.percent; }

/* ---- values ---- */

/* (parameter, {index}[, may-alias|must-alias]) */
static bool alias_target(tn_hlo_parser *p, tn_alias *alias, bool with_kind) {
  if (!tn_hlo_expect(p, '(', "before the parameter") ||
      !tn_hlo_count(p, "parameter number", 0, INT32_MAX - 1, &alias->parameter))
    return false;
  if (tn_hlo_accept(p, ',') && !tn_hlo_index(p, &alias->index)) return false;
  if (with_kind && tn_hlo_accept(p, ',')) {
    alias->must = tn_hlo_at_word(p, "must-alias");
    if (!tn_hlo_accept_word(p, "must-alias") && !tn_hlo_accept_word(p, "may-alias"))
      return tn_hlo_expected(p, "may-alias or must-alias");
  }
  return tn_hlo_expect(p, ')', "after the parameter's index");
}

static bool aliases(tn_hlo_parser *p) {
  if (!tn_hlo_expect(p, '{', "to begin input_output_alias")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_alias alias = {0};
    if (!tn_hlo_index(p, &alias.output) || !tn_hlo_expect(p, ':', "after the output's index") ||
        !alias_target(p, &alias, true))
      return false;
    TN_PUSH(p->arena, &p->module->aliases, alias);
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, '}', "to end input_output_alias");
}

static bool donors(tn_hlo_parser *p) {
  if (!tn_hlo_expect(p, '{', "to begin buffer_donor")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_alias donor = {0};
    if (!alias_target(p, &donor, false)) return false;
    TN_PUSH(p->arena, &p->module->donors, donor);
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, '}', "to end buffer_donor");
}

/* {(f32[2]{0}, s32[])->f32[2]{0}}: the parameters are read as the tuple they look like */
static bool entry_layout(tn_hlo_parser *p) {
  if (!tn_hlo_expect(p, '{', "to begin entry_computation_layout")) return false;
  if (tn_hlo_kind(p) != '(') return tn_hlo_expected(p, "'(' before the parameters");
  return tn_hlo_shape(p, &p->module->entry_parameters) &&
         tn_hlo_expect(p, TN_TOK_ARROW, "after the parameters") &&
         tn_hlo_shape(p, &p->module->entry_result) &&
         tn_hlo_expect(p, '}', "to end entry_computation_layout");
}

/* true or {true,false} */
static bool booleans(tn_hlo_parser *p, const char **text) {
  bool value;
  if (tn_hlo_kind(p) == '{') return tn_hlo_braces(p, text);
  if (!tn_hlo_bool(p, &value)) return false;
  *text = value ? "true" : "false";
  return true;
}

/* An attribute that the module has no use for is kept as it stands. */
static bool other(tn_hlo_parser *p, tn_str name) {
  const char *from = token_start(p), *to = p->lex.cursor, *braces;
  if (tn_hlo_kind(p) == '{') {
    if (!tn_hlo_braces(p, &braces)) return false;
  } else {
    if (tn_hlo_kind(p) != TN_TOK_WORD && tn_hlo_kind(p) != TN_TOK_INT && tn_hlo_kind(p) != TN_TOK_NUMBER &&
        tn_hlo_kind(p) != TN_TOK_STRING)
      return tn_hlo_expected(p, "a value");
    braces = tn_arena_string_n(p->scratch, from, (size_t)(to - from));
    tn_lexer_next(&p->lex);
  }
  tn_text_printf(&p->others, ", %.*s=%s", (int)name.length, name.at, braces);
  return true;
}

/* ---- the line ---- */

/* ROW(ID, name, how its value is read) */
#define MODULE_ATTRIBUTES(ROW)                                                                               \
  ROW(IS_SCHEDULED, "is_scheduled", tn_hlo_bool(p, &module->is_scheduled))                                   \
  ROW(REPLICA_COUNT, "replica_count",                                                                        \
      tn_hlo_count(p, "replica_count", 1, INT32_MAX, &module->replica_count))                                \
  ROW(NUM_PARTITIONS, "num_partitions",                                                                      \
      tn_hlo_count(p, "num_partitions", 1, INT32_MAX, &module->num_partitions))                              \
  ROW(INPUT_OUTPUT_ALIAS, "input_output_alias", aliases(p))                                                  \
  ROW(BUFFER_DONOR, "buffer_donor", donors(p))                                                               \
  ROW(ENTRY_COMPUTATION_LAYOUT, "entry_computation_layout", entry_layout(p))                                 \
  ROW(FRONTEND_ATTRIBUTES, "frontend_attributes",                                                            \
      tn_hlo_frontend_attributes(p, &module->frontend_attributes, NULL))                                     \
  ROW(SPMD_PARAMETERS, "allow_spmd_sharding_propagation_to_parameters",                                      \
      booleans(p, &module->spmd_parameters))                                                                 \
  ROW(SPMD_OUTPUT, "allow_spmd_sharding_propagation_to_output", booleans(p, &module->spmd_output))           \
  ROW(ALIAS_PASSTHROUGH_PARAMS, "alias_passthrough_params", other(p, name))                                  \
  ROW(ORIGIN_RECOVERY_TABLE, "origin_recovery_table", other(p, name))

#define ROW(ID, name, read) ID,
typedef enum { MODULE_ATTRIBUTES(ROW) } module_attribute;
#undef ROW
#define ROW(ID, name, read) name,
static const char *const names[] = {MODULE_ATTRIBUTES(ROW)};
#undef ROW
enum { N_NAMES = sizeof names / sizeof *names };

static bool known_value(tn_hlo_parser *p, tn_str name, module_attribute which) {
  tn_module *module = p->module;
  switch (which) {
#define ROW(ID, text, read)                                                                                  \
  case ID: return read;
    MODULE_ATTRIBUTES(ROW)
#undef ROW
  }
  return false;
}

/* Attributes that no XLA had when this was written are kept too, unless they look like
 * a misspelling of one.                                                              */
static bool attribute(tn_hlo_parser *p, unsigned *seen) {
  tn_location here = tn_hlo_here(p);
  tn_str name;
  int which = 0;
  if (!tn_hlo_word(p, "the name of an attribute", &name)) return false;
  while (which < N_NAMES && !tn_str_is(name, names[which])) which++;
  if (which == N_NAMES) {
    const char *suggestion = tn_hlo_suggestion(p, name, names, N_NAMES);
    if (*suggestion || name.length > 80)
      return tn_hlo_error_at(p, here, "a module has no attribute '%.*s'%s", TN_CLIP(name), suggestion);
  } else {
    if (*seen >> which & 1) return tn_hlo_error_at(p, here, "attribute '%s' is given twice", names[which]);
    *seen |= 1u << which;
  }
  return tn_hlo_expect(p, '=', "after the attribute's name") &&
         (which < N_NAMES ? known_value(p, name, (module_attribute)which) : other(p, name));
}

/* ---- tables ---- */

static bool table(tn_hlo_parser *p, const char *title, bool strings, const char **end) {
  if (!tn_hlo_accept_word(p, title)) return tn_hlo_expected(p, title);
  while (tn_hlo_kind(p) == TN_TOK_INT) {
    tn_str row;
    tn_lexer_next(&p->lex);
    if (strings) {
      *end = p->lex.cursor;
      if (!tn_hlo_accept(p, TN_TOK_STRING)) return tn_hlo_expected(p, "a string");
    } else {
      if (tn_hlo_kind(p) != '{') return tn_hlo_expected(p, "'{'");
      if (!tn_lexer_reread_braces(&p->lex, &row)) return tn_hlo_error(p, "'{' without its '}'");
      *end = row.at + row.length;
    }
  }
  return true;
}

static bool tables(tn_hlo_parser *p) {
  const char *from = token_start(p), *end = p->lex.cursor;
  if (!tn_hlo_at_word(p, "FileNames")) return true;
  if (!table(p, "FileNames", true, &end) || !table(p, "FunctionNames", true, &end) ||
      !table(p, "FileLocations", false, &end))
    return false;
  if (tn_hlo_at_word(p, "StackFrames")) end = p->lex.cursor;
  if (!table(p, "StackFrames", false, &end)) return false;
  p->module->tables = tn_arena_string_n(p->arena, from, (size_t)(end - from));
  return true;
}

static bool module_line(tn_hlo_parser *p) {
  unsigned seen = 0;
  tn_str name;
  if (!tn_hlo_accept_word(p, "HloModule")) return true;
  if (!tn_hlo_word(p, "the module's name", &name)) return false;
  p->module->name = tn_arena_string_n(p->arena, name.at, name.length);
  while (tn_hlo_accept(p, ','))
    if (!attribute(p, &seen)) return false;
  if (p->others.length)
    p->module->other_attributes = tn_arena_string_n(p->arena, p->others.bytes, p->others.length);
  return true;
}

void tn_hlo_module_line(tn_hlo_parser *p) {
  if (!module_line(p)) tn_hlo_recover_computation(p);
  if (!tables(p)) tn_hlo_recover_computation(p);
}
