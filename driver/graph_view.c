/* A module as the viewer in driver/report/ reads it; see graph_view.h and docs/report.md.
 *
 *   {"scopes": [[parent, "name"], …],            scope 0 is the root, ["", -1]
 *    "computations": [{"name", "entry", "kind",  opcode of the first caller, "" without one
 *      "nodes": [["name", "opcode", "shape", [operands], [computations], scope, line], …]}]}
 *
 * Scopes are the parts of op_name between slashes, but for the last. Operands are places in
 * the same list of nodes, computations places in theirs. Small, as a module of 5,000
 * instructions stands twice in a report.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/graph_view.h"

#include <stdio.h>

#include "base/hash.h"
#include "driver/page.h"
#include "ir/print.h"

/* ---- lines ---- */

static int *slot_of(tn_lines *lines, tn_str line) {
  size_t at = (size_t)tn_hash_bytes(line.at, line.length).low & (size_t)(lines->capacity - 1);
  for (;; at = (at + 1) & (size_t)(lines->capacity - 1)) {
    int number = lines->table[at];
    if (number < 0) return &lines->table[at];
    const tn_str *other = &lines->lines.at[number];
    if (other->length == line.length && memcmp(other->at, line.at, line.length) == 0)
      return &lines->table[at];
  }
}

static void grow(tn_lines *lines) {
  lines->capacity = lines->capacity ? 2 * lines->capacity : 1024;
  lines->table = TN_NEW_ARRAY(lines->arena, int, lines->capacity);
  for (int i = 0; i < lines->capacity; i++) lines->table[i] = -1;
  for (int i = 0; i < lines->lines.count; i++) *slot_of(lines, lines->lines.at[i]) = i;
}

int tn_lines_number(tn_lines *lines, tn_str line) {
  if (2 * lines->lines.count >= lines->capacity) grow(lines);
  int *slot = slot_of(lines, line);
  if (*slot >= 0) return *slot;
  *slot = lines->lines.count;
  tn_str copy = {tn_arena_string_n(lines->arena, line.at, line.length), line.length};
  TN_PUSH(lines->arena, &lines->lines, copy);
  return lines->lines.count - 1;
}

void tn_lines_json(tn_json *json, const char *key, const tn_lines *lines) {
  tn_json_open(json, key, '[');
  for (int i = 0; i < lines->lines.count; i++)
    tn_json_string_n(json, NULL, lines->lines.at[i].at, lines->lines.at[i].length);
  tn_json_close(json, ']');
}

/* ---- scopes ---- */

typedef struct {
  int parent;
  tn_str name;
} scope;

typedef struct {
  tn_json *json;
  tn_lines *lines;
  tn_lines scopes; /* "parent/name" -> number - 1: finds them */
  TN_VEC(scope) list;
  int *place; /* of an instruction in its computation, and of a computation in the module; by id */
  tn_text text;
} view;

static int child_scope(view *v, int parent, tn_str name) {
  char key[32];
  v->text.length = 0;
  tn_text_put_n(&v->text, key, (size_t)snprintf(key, sizeof key, "%d/", parent));
  tn_text_put_n(&v->text, name.at, name.length);
  int number = 1 + tn_lines_number(&v->scopes, (tn_str){v->text.bytes, v->text.length});
  if (number == v->list.count) TN_PUSH(v->scopes.arena, &v->list, (scope){parent, name});
  return number;
}

enum { MOST_SCOPES = 64 };

/* "jit(main)/layer_0/dot" -> the scope jit(main)/layer_0. Slashes in parentheses part too. */
static int scope_of(view *v, const tn_inst *inst) {
  const char *at = inst->notes ? inst->notes->op_name : NULL;
  int number = 0;
  for (int depth = 0; at && depth < MOST_SCOPES; depth++) {
    const char *slash = strchr(at, '/');
    if (!slash) break;
    if (slash > at) number = child_scope(v, number, (tn_str){at, (size_t)(slash - at)});
    at = slash + 1;
  }
  return number;
}

static void put_scopes(view *v) {
  tn_json_open(v->json, "scopes", '[');
  for (int i = 0; i < v->list.count; i++) {
    tn_json_open(v->json, NULL, '[');
    tn_json_int(v->json, NULL, v->list.at[i].parent);
    tn_json_string_n(v->json, NULL, v->list.at[i].name.at, v->list.at[i].name.length);
    tn_json_close(v->json, ']');
  }
  tn_json_close(v->json, ']');
}

/* ---- computations ---- */

static int line_of(view *v, const tn_inst *inst) {
  v->text.length = 0;
  tn_text_put(&v->text, "  ");
  tn_print_instruction(&v->text, inst);
  return tn_lines_number(v->lines, (tn_str){v->text.bytes, v->text.length});
}

static void put_node(view *v, const tn_inst *inst) {
  tn_json *json = v->json;
  tn_json_open(json, NULL, '[');
  tn_json_string(json, NULL, inst->name);
  tn_json_string(json, NULL, tn_ops[inst->op].name);
  v->text.length = 0;
  tn_shape_print(&v->text, inst->shape, false);
  tn_json_string_n(json, NULL, v->text.bytes, v->text.length);
  tn_json_open(json, NULL, '[');
  for (int i = 0; i < inst->n_operands; i++) tn_json_int(json, NULL, v->place[inst->operands[i]->id]);
  tn_json_close(json, ']');
  tn_json_open(json, NULL, '[');
  for (int i = 0; i < inst->n_called; i++) tn_json_int(json, NULL, v->place[inst->called[i]->id]);
  tn_json_close(json, ']');
  tn_json_int(json, NULL, scope_of(v, inst));
  tn_json_int(json, NULL, line_of(v, inst));
  tn_json_close(json, ']');
}

static void put_computation(view *v, const tn_comp *comp) {
  tn_json *json = v->json;
  tn_json_open(json, NULL, '{');
  tn_json_string(json, "name", comp->name);
  tn_json_bool(json, "entry", comp == comp->module->entry);
  tn_json_string(json, "kind", comp->callers.count ? tn_ops[comp->callers.at[0]->op].name : "");
  tn_json_open(json, "nodes", '[');
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) put_node(v, inst);
  tn_json_close(json, ']');
  tn_json_close(json, '}');
}

static void find_places(view *v, const tn_module *module) {
  int n_comps = 0;
  v->place = TN_NEW_ARRAY(v->scopes.arena, int, module->next_id + 1);
  TN_FOR_EACH_COMP(module, comp) {
    int n = 0;
    v->place[comp->id] = n_comps++;
    TN_FOR_EACH_IN_COMP(comp, inst) v->place[inst->id] = n++;
  }
}

void tn_graph_json(tn_json *json, const char *key, const tn_module *module, tn_lines *lines) {
  tn_arena *arena = tn_arena_create();
  view v = {.json = json, .lines = lines, .scopes.arena = arena};
  TN_PUSH(arena, &v.list, (scope){-1, {"", 0}});
  find_places(&v, module);
  tn_json_open(json, key, '{');
  tn_json_open(json, "computations", '[');
  TN_FOR_EACH_COMP(module, comp) put_computation(&v, comp);
  tn_json_close(json, ']');
  put_scopes(&v);
  tn_json_close(json, '}');
  tn_text_free(&v.text);
  tn_arena_destroy(arena);
}

/* ---- pages ---- */

static void put_escaped(tn_text *out, const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c < ' ' || strchr("<>&\"'", c))
      tn_text_printf(out, "&#%d;", c < ' ' ? ' ' : c);
    else
      tn_text_put_char(out, *text);
  }
}

static const char *find(const char *at, const char *end, const char *what) {
  size_t length = strlen(what);
  for (; at + length <= end; at++)
    if (memcmp(at, what, length) == 0) return at;
  return NULL;
}

/* A place of page.html is a comment <!--name-->; pieces are put there in the file's order. */
void tn_page_put(tn_text *out, const char *title, tn_str data) {
  static const char *const places[] = {"<!--title-->", "<!--style-->", "<!--data-->", "<!--script-->"};
  const char *at = (const char *)tn_page_html, *end = at + tn_page_html_size;
  for (int i = 0; i < 4; i++) {
    const char *place = find(at, end, places[i]);
    if (!place) break;
    tn_text_put_n(out, at, (size_t)(place - at));
    at = place + strlen(places[i]);
    if (i == 0) put_escaped(out, title);
    if (i == 1) tn_text_put_n(out, tn_page_css, tn_page_css_size);
    if (i == 2) tn_text_put_n(out, data.at, data.length);
    if (i == 3) tn_text_put_n(out, tn_page_js, tn_page_js_size);
  }
  tn_text_put_n(out, at, (size_t)(end - at));
}

void tn_graph_page(tn_text *out, tn_module *module, const char *title) {
  tn_arena *arena = tn_arena_create();
  tn_lines lines = {.arena = arena};
  tn_text data = {0};
  tn_json json = {.out = &data};
  tn_json_open(&json, NULL, '{');
  tn_json_string(&json, "kind", "graph");
  tn_json_string(&json, "title", title);
  tn_json_open(&json, "graphs", '[');
  tn_graph_json(&json, NULL, module, &lines);
  tn_json_close(&json, ']');
  tn_lines_json(&json, "lines", &lines);
  tn_json_close(&json, '}');
  tn_page_put(out, title, (tn_str){data.bytes, data.length});
  tn_text_free(&data);
  tn_arena_destroy(arena);
}
