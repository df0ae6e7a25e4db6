/* Annotations: sharding, metadata, frontend_attributes, backend_config and the like.
 *
 * They do not change what an instruction computes, so the module keeps their text. It
 * is kept as XLA prints it (single blanks, no comments), which makes printing and
 * parsing again a fixed point; readers append to p->text what they have checked.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

#include <stddef.h>

/* ---- building the text ---- */

static const char *text_from(tn_hlo_parser *p, size_t first) {
  const char *text = tn_arena_string_n(p->arena, p->text.bytes + first, p->text.length - first);
  p->text.length = first;
  return text;
}

static bool is_wordy(char c) { return tn_is_name_char(c) || c == '"' || c == '\''; }

/* The current token, behind a blank where it would else grow together with the last. */
static void copy_token(tn_hlo_parser *p, size_t first) {
  tn_str token = p->lex.token.text;
  char last = p->text.length > first ? p->text.bytes[p->text.length - 1] : '{';
  bool closed = last == '}' || last == ']' || last == ')';
  bool word = tn_hlo_kind(p) == TN_TOK_WORD || tn_hlo_kind(p) == TN_TOK_STRING;
  if (is_wordy(last) ? token.length && is_wordy(*token.at) : closed && word) tn_text_put_char(&p->text, ' ');
  if (p->lex.token.percent) tn_text_put_char(&p->text, '%');
  tn_text_put_n(&p->text, token.at, token.length);
  tn_lexer_next(&p->lex);
}

static bool copy_kind(tn_hlo_parser *p, size_t first, int kind, const char *where) {
  if (tn_hlo_kind(p) != kind) return tn_hlo_expect(p, kind, where); /* reports */
  copy_token(p, first);
  return true;
}

/* The closing bracket of `open`, or 0. */
static int closing(int open) { return open == '{' ? '}' : open == '[' ? ']' : open == '(' ? ')' : 0; }

/* Any balanced brackets, from the current '{' to its '}'. */
static bool copy_balanced(tn_hlo_parser *p, size_t first) {
  char stack[256];
  int depth = 0;
  if (closing(tn_hlo_kind(p)) == 0) return tn_hlo_expect(p, '{', "to begin an annotation");
  do {
    int kind = tn_hlo_kind(p);
    if (kind == TN_TOK_END || kind == TN_TOK_BAD) return tn_hlo_expected(p, "a closing bracket");
    if (closing(kind)) {
      if (depth == (int)sizeof stack || depth >= p->options.max_nesting)
        return tn_hlo_limit(p, "brackets nested more than %d deep", depth);
      stack[depth++] = (char)closing(kind);
    } else if (kind == '}' || kind == ']' || kind == ')') {
      if (stack[--depth] != kind)
        return tn_hlo_error(p, "'%c' does not match, '%c' would", kind, stack[depth]);
    }
    copy_token(p, first);
  } while (depth > 0);
  return true;
}

bool tn_hlo_braces(tn_hlo_parser *p, const char **text) {
  size_t first = p->text.length;
  if (!copy_balanced(p, first)) return false;
  *text = text_from(p, first);
  return true;
}

/* ---- sharding ---- */

static bool copy_int(tn_hlo_parser *p, size_t first, int64_t least) {
  tn_lexer before = p->lex;
  int64_t value;
  if (!tn_hlo_count(p, "sharding: device", least, INT32_MAX, &value)) return false;
  p->lex = before;
  copy_token(p, first);
  return true;
}

/* open integer, … close; *product of the integers, *count of them */
static bool copy_list(tn_hlo_parser *p, size_t first, int open, int close, int64_t least, int64_t *product,
                      int *count) {
  if (!copy_kind(p, first, open, "in sharding")) return false;
  for (*product = 1, *count = 0;; copy_token(p, first)) {
    int64_t value = 0;
    tn_lexer before = p->lex;
    if (!tn_hlo_count(p, "sharding: device", least, INT32_MAX, &value)) return false;
    p->lex = before;
    if (__builtin_mul_overflow(*product, value, product))
      return tn_hlo_error(p, "sharding over too many devices");
    copy_token(p, first);
    ++*count;
    if (tn_hlo_kind(p) != ',') break;
  }
  return copy_kind(p, first, close, "in sharding");
}

/* <=[2,4]T(1,0); the numbers multiply to `devices`. */
static bool copy_iota(tn_hlo_parser *p, size_t first, int64_t devices) {
  int64_t product, ignored;
  int rank, permuted;
  tn_location here = tn_hlo_here(p);
  copy_token(p, first);
  if (!copy_list(p, first, '[', ']', 1, &product, &rank)) return false;
  if (product != devices)
    return tn_hlo_error_at(p, here, "sharding: %lld devices do not fill tiles for %lld", (long long)product,
                           (long long)devices);
  if (!tn_hlo_at_word(p, "T")) return true;
  tn_lexer_next(&p->lex);
  tn_text_put_char(&p->text, 'T');
  here = tn_hlo_here(p);
  if (!copy_list(p, first, '(', ')', 0, &ignored, &permuted)) return false;
  return permuted == rank ||
         tn_hlo_error_at(p, here, "sharding: T permutes %d of %d dimensions", permuted, rank);
}

/* devices=[2,2]0,1,2,3 or devices=[2,2]<=[4] */
static bool copy_devices(tn_hlo_parser *p, size_t first) {
  int64_t devices, listed = 0;
  int rank;
  tn_location here = tn_hlo_here(p);
  if (!copy_list(p, first, '[', ']', 1, &devices, &rank)) return false;
  if (tn_hlo_kind(p) == TN_TOK_LEQ) return copy_iota(p, first, devices);
  for (;;) {
    if (!copy_int(p, first, 0)) return false;
    listed++;
    if (tn_hlo_kind(p) != ',') break;
    copy_token(p, first);
  }
  return listed == devices || tn_hlo_error_at(p, here, "sharding: %lld devices do not fill tiles for %lld",
                                              (long long)listed, (long long)devices);
}

/* ITEM(text, what follows it) */
#define SHARDING_ITEMS(ITEM)                                                                                 \
  ITEM("replicated", NOTHING)                                                                                \
  ITEM("maximal", NOTHING)                                                                                   \
  ITEM("manual", NOTHING)                                                                                    \
  ITEM("unknown", NOTHING)                                                                                   \
  ITEM("unreduced", NOTHING)                                                                                 \
  ITEM("device", IS_NUMBER)                                                                                  \
  ITEM("devices", IS_TILES)                                                                                  \
  ITEM("last_tile_dim_replicate", NOTHING)                                                                   \
  ITEM("last_tile_dims", IS_BRACKETS)                                                                        \
  ITEM("metadata", IS_BRACKETS)                                                                              \
  ITEM("shard_as", NUMBER)                                                                                   \
  ITEM("shard_like", NUMBER)

typedef enum { NOTHING, NUMBER, IS_NUMBER, IS_TILES, IS_BRACKETS } sharding_form; /* IS: behind '=' */

/* One item of a single sharding. */
static bool copy_sharding_item(tn_hlo_parser *p, size_t first) {
#define NAME(text, form) text,
#define FORM(text, form) form,
  static const char *const items[] = {SHARDING_ITEMS(NAME)};
  static const sharding_form forms[] = {SHARDING_ITEMS(FORM)};
#undef NAME
#undef FORM
  tn_str word = p->lex.token.text;
  int which = 0, count = (int)(sizeof items / sizeof *items);
  while (which < count && !tn_hlo_at_word(p, items[which])) which++;
  if (tn_hlo_kind(p) != TN_TOK_WORD) return tn_hlo_expected(p, "a kind of sharding");
  if (which == count)
    return tn_hlo_error(p, "unknown sharding '%.*s'%s", TN_CLIP(word),
                        tn_hlo_suggestion(p, word, items, count));
  copy_token(p, first);
  if (forms[which] >= IS_NUMBER && !copy_kind(p, first, '=', "in sharding")) return false;
  switch (forms[which]) {
  case NOTHING: return true;
  case NUMBER:
  case IS_NUMBER: return copy_int(p, first, 0);
  case IS_TILES: return copy_devices(p, first);
  case IS_BRACKETS: return copy_balanced(p, first);
  }
  return true;
}

/* mesh['a'=2], [{'a'},{}]: XLA's named sharding; only its brackets are checked. */
static bool copy_named_sharding(tn_hlo_parser *p, size_t first) {
  while (tn_hlo_kind(p) != '}') {
    if (closing(tn_hlo_kind(p))) {
      if (!copy_balanced(p, first)) return false;
    } else if (tn_hlo_kind(p) == TN_TOK_END || tn_hlo_kind(p) == TN_TOK_BAD) {
      return tn_hlo_expected(p, "'}'");
    } else {
      copy_token(p, first);
    }
  }
  return true;
}

static bool copy_sharding(tn_hlo_parser *p, size_t first);

/* {{..},{..}} */
static bool copy_shardings(tn_hlo_parser *p, size_t first) {
  while (tn_hlo_kind(p) != '}') {
    if (!copy_sharding(p, first)) return false;
    if (tn_hlo_kind(p) != ',') break;
    copy_token(p, first);
  }
  return true;
}

static bool copy_sharding(tn_hlo_parser *p, size_t first) {
  bool read = true;
  if (!tn_hlo_descend(p, "shardings")) return false;
  read = copy_kind(p, first, '{', "to begin a sharding");
  if (read && tn_hlo_kind(p) == '{')
    read = copy_shardings(p, first);
  else if (read && (tn_hlo_at_word(p, "mesh") || tn_hlo_at_word(p, "maximal_mesh")))
    read = copy_named_sharding(p, first);
  else
    while (read && tn_hlo_kind(p) != '}') read = copy_sharding_item(p, first);
  p->depth--;
  return read && copy_kind(p, first, '}', "to end a sharding");
}

bool tn_hlo_sharding(tn_hlo_parser *p, const char **text) {
  size_t first = p->text.length;
  if (!copy_sharding(p, first)) return false;
  *text = text_from(p, first);
  return true;
}

/* ---- frontend_attributes, backend_config ---- */

/* "…" or a JSON object, as it stands. */
static bool copy_string_or_json(tn_hlo_parser *p, size_t first) {
  tn_str json;
  if (tn_hlo_kind(p) == TN_TOK_STRING) {
    copy_token(p, first);
    return true;
  }
  if (tn_hlo_kind(p) != '{') return tn_hlo_expected(p, "a string or '{'");
  if (!tn_lexer_reread_braces(&p->lex, &json)) return tn_hlo_error(p, "'{' without its '}'");
  tn_text_put_n(&p->text, json.at, json.length);
  return true;
}

static bool backend_config(tn_hlo_parser *p, const char **text) {
  size_t first = p->text.length;
  if (!copy_string_or_json(p, first)) return false;
  *text = text_from(p, first);
  return true;
}

/* name="value" or name={json}. tenon.data is the parser's own and leaves the text. */
static bool copy_frontend_attribute(tn_hlo_parser *p, size_t first, const char **side_file) {
  size_t before = p->text.length;
  bool own = tn_hlo_at_word(p, "tenon.data") && side_file;
  if (tn_hlo_kind(p) != TN_TOK_WORD && tn_hlo_kind(p) != TN_TOK_STRING)
    return tn_hlo_expected(p, "the name of an attribute");
  copy_token(p, first);
  if (!copy_kind(p, first, '=', "after the attribute's name")) return false;
  if (!own) return copy_string_or_json(p, first);
  p->text.length = before;
  return tn_hlo_string(p, side_file);
}

bool tn_hlo_frontend_attributes(tn_hlo_parser *p, const char **text, const char **side_file) {
  size_t first = p->text.length;
  if (!copy_kind(p, first, '{', "to begin frontend_attributes")) return false;
  while (tn_hlo_kind(p) != '}') {
    if (p->text.length > first + 1) tn_text_put_char(&p->text, ',');
    if (!copy_frontend_attribute(p, first, side_file)) return false;
    if (p->text.bytes[p->text.length - 1] == ',') p->text.length--; /* nothing was added */
    if (!tn_hlo_accept(p, ',')) break;
  }
  if (!copy_kind(p, first, '}', "to end frontend_attributes")) return false;
  *text = text_from(p, first);
  if (side_file && *side_file && !strcmp(*text, "{}")) *text = NULL;
  return true;
}

/* ---- metadata ---- */

typedef struct {
  const char *op_name, *source_file;
  int64_t source_line;
} metadata_parts;

/* ITEM(text, where a string goes, where a number goes); neither: brackets. What the module does
 * not know by itself is only copied.                                                         */
#define METADATA_ITEMS(ITEM)                                                                                 \
  ITEM("op_type", &string, NULL)                                                                             \
  ITEM("op_name", &parts->op_name, NULL)                                                                     \
  ITEM("source_file", &parts->source_file, NULL)                                                             \
  ITEM("source_line", NULL, &parts->source_line)                                                             \
  ITEM("source_end_line", NULL, &number)                                                                     \
  ITEM("source_column", NULL, &number)                                                                       \
  ITEM("source_end_column", NULL, &number)                                                                   \
  ITEM("deduplicated_name", &string, NULL)                                                                   \
  ITEM("scheduling_name", &string, NULL)                                                                     \
  ITEM("stack_frame_id", NULL, &number)                                                                      \
  ITEM("profile_type", NULL, NULL)

/* One name=value. */
static bool copy_metadata_item(tn_hlo_parser *p, size_t first, metadata_parts *parts) {
  const char *string;
  int64_t number;
#define NAME(text, string, number)   text,
#define TARGET(text, string, number) {string, number},
  static const char *const items[] = {METADATA_ITEMS(NAME)};
  const struct {
    const char **string;
    int64_t *number;
  } targets[] = {METADATA_ITEMS(TARGET)};
#undef NAME
#undef TARGET
  int which = 0, count = (int)(sizeof items / sizeof *items);
  while (which < count && !tn_hlo_at_word(p, items[which])) which++;
  tn_str word = p->lex.token.text;
  if (tn_hlo_kind(p) != TN_TOK_WORD) return tn_hlo_expected(p, "a name in metadata");
  if (which == count)
    return tn_hlo_error(p, "metadata has no '%.*s'%s", TN_CLIP(word),
                        tn_hlo_suggestion(p, word, items, count));
  copy_token(p, first);
  if (!copy_kind(p, first, '=', "in metadata")) return false;
  if (!targets[which].string && !targets[which].number) return copy_balanced(p, first);
  tn_lexer before = p->lex;
  if (targets[which].string) {
    if (!tn_hlo_string(p, targets[which].string)) return false;
  } else if (!tn_hlo_count(p, tn_arena_printf(p->scratch, "metadata: %s", items[which]), INT32_MIN, INT32_MAX,
                           targets[which].number)) {
    return false;
  }
  p->lex = before;
  copy_token(p, first);
  return true;
}

static bool metadata(tn_hlo_parser *p, tn_annotations *notes) {
  size_t first = p->text.length;
  metadata_parts parts = {0};
  if (!copy_kind(p, first, '{', "to begin metadata")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_hlo_accept(p, ',');
    if (!copy_metadata_item(p, first, &parts)) return false;
  }
  copy_token(p, first);
  notes->metadata = text_from(p, first);
  notes->op_name = parts.op_name;
  notes->source_file = parts.source_file;
  notes->source_line = (int)parts.source_line;
  return true;
}

/* ---- the rest ---- */

/* {true,false,…} */
static bool parameter_replication(tn_hlo_parser *p, const char **text) {
  size_t first = p->text.length;
  bool ignored;
  if (!copy_kind(p, first, '{', "to begin parameter_replication")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_lexer before = p->lex;
    if (!tn_hlo_bool(p, &ignored)) return false;
    p->lex = before;
    copy_token(p, first);
    if (tn_hlo_kind(p) != ',') break;
    copy_token(p, first);
  }
  if (!copy_kind(p, first, '}', "to end parameter_replication")) return false;
  *text = text_from(p, first);
  return true;
}

/* ROW(ID, name, how its value is read) */
#define ANNOTATIONS(ROW)                                                                                     \
  ROW(SHARDING, "sharding", tn_hlo_sharding(p, &notes->sharding))                                            \
  ROW(FRONTEND_ATTRIBUTES, "frontend_attributes",                                                            \
      tn_hlo_frontend_attributes(p, &notes->frontend_attributes, side_file))                                 \
  ROW(BACKEND_CONFIG, "backend_config", backend_config(p, &notes->backend_config))                           \
  ROW(STATISTICS, "statistics", tn_hlo_braces(p, &notes->statistics))                                        \
  ROW(ORIGIN, "origin", tn_hlo_braces(p, &notes->origin))                                                    \
  ROW(PARAMETER_REPLICATION, "parameter_replication",                                                        \
      parameter_replication(p, &notes->parameter_replication))                                               \
  ROW(METADATA, "metadata", metadata(p, notes))                                                              \
  ROW(RESULT_ACCURACY, "result_accuracy", tn_hlo_braces(p, &notes->result_accuracy))                         \
  ROW(CONTROL_PREDECESSORS, "control-predecessors", tn_hlo_predecessors(p, inst))

#define ROW(ID, name, read) ID,
typedef enum { ANNOTATIONS(ROW) } annotation;
#undef ROW
#define ROW(ID, name, read) name,
const char *const tn_hlo_annotation_names[] = {ANNOTATIONS(ROW)};
#undef ROW
const int tn_hlo_n_annotation_names = sizeof tn_hlo_annotation_names / sizeof *tn_hlo_annotation_names;

static bool read_annotation(tn_hlo_parser *p, tn_pending *inst, annotation which) {
  tn_annotations *notes = &inst->notes;
  const char **side_file = inst->elided ? &inst->side_file : NULL;
  inst->has_notes |= which != CONTROL_PREDECESSORS;
  switch (which) {
#define ROW(ID, name, read)                                                                                  \
  case ID: return read;
    ANNOTATIONS(ROW)
#undef ROW
  }
  return false;
}

bool tn_hlo_annotation(tn_hlo_parser *p, tn_pending *inst, tn_str name, bool *known) {
  for (int i = 0; i < tn_hlo_n_annotation_names; i++) {
    if (!tn_str_is(name, tn_hlo_annotation_names[i])) continue;
    bool accuracy = tn_ops[inst->op].attributes == TN_ATTR_ACCURACY ||
                    tn_ops[inst->wrapped].attributes == TN_ATTR_ACCURACY;
    if (i == RESULT_ACCURACY && !accuracy) break;
    *known = true;
    return read_annotation(p, inst, (annotation)i);
  }
  return *known = false;
}
