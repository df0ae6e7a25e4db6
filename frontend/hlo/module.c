/* HLO text -> module: the entry points.
 *
 * Three passes: the text is read once, from front to back (computations may be named
 * before they are defined); what then hangs loose is resolved (resolve.c); the
 * verifier sees only what is complete.
 *
 * Memory: the module, one hash table of names for each depth of nesting, and nothing
 * by token; literals lie in the module's arena from the first byte.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

#include "ir/verify.h"

/* ---- limits ---- */

static int64_t or_default(int64_t value, int64_t otherwise) { return value > 0 ? value : otherwise; }

/* Nesting is bounded for the sake of the stack, ours and that of who comes after. */
static tn_hlo_options with_defaults(const tn_hlo_options *options) {
  tn_hlo_options all = options ? *options : (tn_hlo_options){0};
  all.max_instructions = or_default(all.max_instructions, INT64_C(10000000));
  all.max_nesting = or_default(all.max_nesting, 64);
  if (all.max_nesting > 1000) all.max_nesting = 1000;
  all.max_tensor_bytes = or_default(all.max_tensor_bytes, INT64_C(1) << 40);
  return all;
}

/* ---- the text ---- */

/* Without a module line: is this one instruction, or are these computations? */
static bool at_lone_instruction(const tn_hlo_parser *p) {
  tn_hlo_parser look = *p;
  if (tn_hlo_at_word(p, "ROOT") || (!p->lex.token.percent && tn_hlo_at_shape(p))) return true;
  if (tn_hlo_kind(p) != TN_TOK_WORD || tn_hlo_at_word(p, "ENTRY")) return false;
  tn_lexer_next(&look.lex);
  if (look.lex.token.kind == '=') return true;
  if (look.lex.token.kind != '(') return false;
  tn_lexer_next(&look.lex); /* add(x, y) or add (x: f32[]) -> … */
  int first = look.lex.token.kind;
  tn_lexer_next(&look.lex);
  return !(first == ')' && look.lex.token.kind == TN_TOK_ARROW) &&
         !(first == TN_TOK_WORD && look.lex.token.kind == ':');
}

static void computations(tn_hlo_parser *p) {
  while (!p->stopped && tn_hlo_kind(p) != TN_TOK_END)
    if (!tn_hlo_computation(p)) tn_hlo_recover_computation(p);
}

/* Strings and comments could hide a NUL; what the module keeps as C strings must not
 * end there.                                                                         */
static bool has_nul(tn_hlo_parser *p) {
  const char *from = p->lex.token.text.at - p->lex.token.percent;
  const char *nul = memchr(from, 0, (size_t)(p->lex.end - from));
  if (!nul) return false;
  tn_lexer_skip_to(&p->lex, nul);
  tn_location at = {p->file, p->lex.line, (uint32_t)(nul - p->lex.line_start) + 1};
  tn_hlo_error_at(p, at, "a NUL byte: this is not text");
  return true;
}

static void read_module(tn_hlo_parser *p) {
  if (has_nul(p)) return;
  bool headless = !tn_hlo_at_word(p, "HloModule");
  if (headless && tn_hlo_kind(p) == TN_TOK_END) {
    tn_hlo_error(p, "the text holds no module");
    return;
  }
  tn_hlo_module_line(p);
  if (headless && !p->module->tables && at_lone_instruction(p))
    tn_hlo_lone_instruction(p);
  else
    computations(p);
  if (tn_hlo_errors(p)) return;
  if (!p->last_comp) {
    tn_hlo_error(p, "the module has no computations");
    return;
  }
  if (!p->entry) p->entry = p->last_comp;
  p->module->entry = p->entry;
  if (headless) p->module->name = tn_arena_printf(p->arena, "module_%s", p->entry->name);
  tn_hlo_resolve(p);
}

/* ---- entry points ---- */

/* Runs `body` where allocation may fail; false if it did. */
static bool guarded(tn_hlo_parser *p, void (*body)(tn_hlo_parser *)) {
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    tn_error(p->sink, TN_LIMIT, (tn_location){p->file, 0, 0}, "out of memory");
    return false;
  }
  body(p);
  tn_guard_leave(&guard);
  return true;
}

/* Computations that call each other are walked by recursion later, with larger frames
 * than shapes are: CALLS deep for each level that shapes may have, and never so deep
 * that a stack of 8 MiB does not hold it.                                            */
static void check_call_depth(tn_hlo_parser *p) {
  enum { CALLS = 16, MOST = 2048 };
  int64_t limit = p->options.max_nesting * CALLS < MOST ? p->options.max_nesting * CALLS : MOST;
  int most = 0;
  TN_FOR_EACH_COMP(p->module, comp) most = comp->id > most ? comp->id : most;
  int64_t *depth = TN_NEW_ARRAY(p->scratch, int64_t, most + 1);
  TN_FOR_EACH_COMP(p->module, comp) /* callees stand before callers */
  TN_FOR_EACH_IN_COMP(comp, inst)
  for (int i = 0; i < inst->n_called; i++) {
    int64_t below = depth[inst->called[i]->id] + 1;
    if (below > depth[comp->id]) depth[comp->id] = below;
    if (below <= limit) continue;
    tn_error(p->sink, TN_LIMIT, inst->location, "calls nested more than %lld deep (--max-nesting)",
             (long long)limit);
    return;
  }
}

static void parse_module(tn_hlo_parser *p) {
  p->scratch = tn_arena_create();
  p->module = tn_module_create("module");
  p->arena = p->module->arena;
  p->module->file = p->file = tn_arena_string(p->arena, p->options.file);
  read_module(p);
  if (!tn_hlo_errors(p)) tn_verify_module(p->module, p->sink);
  if (!tn_hlo_errors(p)) check_call_depth(p);
}

tn_module *tn_hlo_parse(tn_str text, const tn_hlo_options *options, tn_diagnostics *sink) {
  tn_hlo_parser p = {.options = with_defaults(options), .sink = sink, .errors_before = sink->errors};
  if (!p.options.file) p.options.file = "<text>";
  p.file = p.options.file;
  tn_source source = {.name = p.file, .text = text.at, .length = text.length};
  tn_diagnostics_add_source(sink, &source);
  tn_lexer_start(&p.lex, text);
  bool done = guarded(&p, parse_module) && !tn_hlo_errors(&p);
  tn_diagnostics_remove_source(sink, &source);
  tn_text_free(&p.text);
  tn_text_free(&p.others);
  tn_arena_destroy(p.scratch);
  if (done) return p.module;
  tn_module_destroy(p.module);
  return NULL;
}
