/* Computations.
 *
 *     ENTRY %main (x: f32[2]) -> f32[2] { instructions }, execution_thread="host"
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

/* ---- scopes ---- */

/* Tables of names are kept by depth and used again. */
static tn_hlo_names *names_of_depth(tn_hlo_parser *p, int depth) {
  while (p->scope_names.count <= depth)
    TN_PUSH(p->scratch, &p->scope_names, TN_NEW(p->scratch, tn_hlo_names));
  tn_hlo_names *names = p->scope_names.at[depth];
  tn_hlo_names_clear(names);
  return names;
}

static void enter(tn_hlo_parser *p, tn_hlo_scope *scope, tn_str name, tn_location location) {
  scope->outer = p->scope;
  scope->names = names_of_depth(p, p->scope_depth++);
  scope->comp = tn_comp_create(p->module, tn_arena_string_n(p->scratch, name.at, name.length));
  scope->comp->location = location;
  p->scope = scope;
}

static void leave(tn_hlo_parser *p) {
  p->scope = p->scope->outer;
  p->scope_depth--;
}

/* ---- the end of a computation ---- */

/* Numbers run from 0 without gaps; only then the module may enter them in its list,
 * whose length is the highest number.                                              */
static bool enter_parameters(tn_hlo_parser *p, tn_comp *comp) {
  int64_t count = 0;
  TN_FOR_EACH_IN_COMP(comp, inst) count += inst->op == TN_OP_PARAMETER;
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_PARAMETER) continue;
    int64_t number = inst->attr.parameter.number;
    if (number >= count)
      return tn_hlo_error_at(p, inst->location, "parameter %lld in a computation of %lld parameter%s",
                             (long long)number, (long long)count, count == 1 ? "" : "s");
    if (number < comp->parameters.count && comp->parameters.at[number]) {
      tn_hlo_error_at(p, inst->location, "parameter %lld is defined twice", (long long)number);
      tn_note(p->sink, comp->parameters.at[number]->location, "the first definition is here");
      return false;
    }
    tn_inst_enter_parameter(inst);
  }
  return true;
}

static bool finish(tn_hlo_parser *p) {
  tn_hlo_scope *scope = p->scope;
  tn_comp *comp = scope->comp;
  if (scope->failed) return true; /* reported; what is missing now is a consequence */
  if (!comp->last) return tn_hlo_error(p, "computation '%s' has no instructions", comp->name);
  comp->root = scope->root ? scope->root : comp->last;
  return enter_parameters(p, comp);
}

/* After an error in an instruction the brace may have been lost with it. */
static bool without_end(tn_hlo_parser *p) {
  const tn_comp *comp = p->scope->comp;
  if (p->scope->failed || p->stopped) return false;
  tn_hlo_expected(p, "'}' to end a computation");
  tn_note(p->sink, comp->location, "computation '%s' begins here", comp->name);
  return false;
}

static bool instructions(tn_hlo_parser *p, bool in_place) {
  if (!tn_hlo_expect(p, '{', "to begin a computation")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_lexer start = p->lex;
    if (p->stopped || tn_hlo_kind(p) == TN_TOK_END) return without_end(p);
    if (tn_hlo_instruction(p)) continue;
    if (in_place) return false;
    p->scope->failed = true;
    tn_hlo_recover(p, &start);
  }
  return finish(p) && tn_hlo_expect(p, '}', "to end a computation");
}

bool tn_hlo_body(tn_hlo_parser *p, tn_str name, tn_location location, bool in_place, tn_comp **comp) {
  tn_hlo_scope scope = {0};
  enter(p, &scope, name, location);
  bool read = instructions(p, in_place);
  leave(p);
  *comp = scope.comp;
  return read;
}

/* ---- the head of a computation ---- */

/* (x: f32[2], y: s32[]): names of parameters and their shapes, as documentation */
static bool parameter_list(tn_hlo_parser *p) {
  tn_lexer_next(&p->lex);
  while (tn_hlo_kind(p) != ')') {
    const tn_shape *shape;
    tn_str name;
    if (!tn_hlo_word(p, "the name of a parameter", &name)) return false;
    if (!tn_hlo_expect(p, ':', "after the parameter's name") || !tn_hlo_shape(p, &shape)) return false;
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, ')', "after the parameters");
}

static bool define_computation(tn_hlo_parser *p, tn_str name, tn_location here, tn_comp *comp) {
  bool fresh;
  tn_hlo_name *entry = tn_hlo_names_add(p->scratch, &p->comps, name, &fresh);
  if (!fresh) {
    tn_hlo_error_at(p, here, "computation '%.*s' is defined twice", TN_CLIP(name));
    tn_note(p->sink, entry->location, "the first definition is here");
    return true; /* it was read to its end */
  }
  entry->value = comp;
  entry->location = here;
  return true;
}

static bool thread_name(tn_hlo_parser *p, tn_comp *comp) {
  if (!tn_hlo_accept(p, ',')) return true;
  if (!tn_hlo_accept_word(p, "execution_thread")) return tn_hlo_expected(p, "execution_thread");
  const char *thread;
  if (!tn_hlo_expect(p, '=', "after execution_thread") || !tn_hlo_string(p, &thread)) return false;
  if (strcmp(thread, "main")) comp->execution_thread = thread;
  return true;
}

static void mark_entry(tn_hlo_parser *p, tn_comp *comp, tn_location here) {
  if (p->entry) {
    tn_hlo_error_at(p, here, "a second ENTRY");
    tn_note(p->sink, p->entry_location, "the first is here");
  }
  p->entry = comp;
  p->entry_location = here;
}

bool tn_hlo_computation(tn_hlo_parser *p) {
  tn_location start = tn_hlo_here(p);
  bool entry = tn_hlo_accept_word(p, "ENTRY");
  tn_location here = tn_hlo_here(p);
  tn_shape_claim claim = {0};
  tn_comp *comp;
  tn_str name;
  if (!tn_hlo_word(p, "a computation", &name)) return false;
  if (tn_hlo_kind(p) == '(') {
    if (!parameter_list(p) || !tn_hlo_expect(p, TN_TOK_ARROW, "after the parameters")) return false;
    claim.location = tn_hlo_here(p);
    if (!tn_hlo_shape(p, &claim.shape)) return false;
  }
  if (tn_hlo_kind(p) != '{') return tn_hlo_expected(p, "'{' to begin a computation");
  bool read = tn_hlo_body(p, name, here, false, &comp);
  define_computation(p, name, here, comp);
  if (entry) mark_entry(p, comp, start);
  p->last_comp = comp;
  claim.comp = comp;
  if (claim.shape) TN_PUSH(p->scratch, &p->claims, claim);
  return read && thread_name(p, comp);
}

bool tn_hlo_lone_instruction(tn_hlo_parser *p) {
  tn_hlo_scope scope = {.implicit_parameters = true};
  tn_str name = {"main", 4};
  tn_inst *made = NULL;
  enter(p, &scope, name, tn_hlo_here(p));
  tn_lexer before = p->lex;
  tn_pending inst = {0};
  bool named = !tn_hlo_at_shape(p) && tn_hlo_accept(p, TN_TOK_WORD) && tn_hlo_kind(p) == '=';
  p->lex = before;
  bool read = named || tn_hlo_at_word(p, "ROOT") ? tn_hlo_instruction(p)
                                                 : tn_hlo_instruction_body(p, &inst, false, &made);
  scope.failed |= !read;
  read &= finish(p);
  leave(p);
  p->last_comp = scope.comp;
  if (!read || tn_hlo_kind(p) == TN_TOK_END) return read;
  return tn_hlo_expected(p, "the end of the text after a lone instruction");
}
