/* A module in graphviz' dot language; see graph_view.h.
 *
 * Each computation is a cluster. One that a single fusion calls stands in the place of that
 * fusion: edges that go to the fusion go to its parameters, and those that leave it leave
 * its root. Reducers and comparators, which are called by name in their caller's label, are
 * left out; bodies of loops and branches hang on their caller by a dashed edge.
 *
 * Names are hostile input: in strings of dot, quotes and backslashes are escaped and control
 * characters are blanks.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/graph_view.h"

#include "ir/print.h"

enum { MOST_NESTED = 32 /* clusters in clusters: graphviz recurses */, MOST_LITERAL = 24 };

typedef struct {
  tn_text *out;
  tn_arena *arena;
  const tn_comp **owner; /* of an instruction's id: the computation that stands in its place */
  int *depth;            /* of a computation's id: clusters around it */
  int indent;
} dot;

static void put_text(tn_text *out, const char *text) {
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') tn_text_put_char(out, '\\');
    tn_text_put_char(out, (unsigned char)*text < ' ' ? ' ' : *text);
  }
}

static void new_line(dot *d) {
  tn_text_put_char(d->out, '\n');
  for (int i = 0; i < d->indent; i++) tn_text_put(d->out, "  ");
}

/* ---- who stands where ---- */

static bool stands_inside(const dot *d, const tn_comp *comp) {
  if (comp->callers.count != 1 || comp->callers.at[0]->op != TN_OP_FUSION || !comp->root) return false;
  return d->depth[comp->callers.at[0]->parent->id] < MOST_NESTED;
}

/* Callers stand behind what they call. */
static void find_owners(dot *d, const tn_module *module) {
  for (const tn_comp *comp = module->last; comp; comp = comp->prev) {
    if (!stands_inside(d, comp)) continue;
    const tn_inst *fusion = comp->callers.at[0];
    d->owner[fusion->id] = comp;
    d->depth[comp->id] = d->depth[fusion->parent->id] + 1;
  }
}

/* Called for each element alone: reducers, comparators. */
static bool is_small_function(const tn_comp *comp) {
  if (comp->callers.count == 0) return false;
  for (int i = 0; i < comp->callers.count; i++) {
    tn_op op = comp->callers.at[i]->op;
    if (op == TN_OP_WHILE || op == TN_OP_CONDITIONAL || op == TN_OP_CALL || op == TN_OP_FUSION ||
        op == TN_OP_ASYNC_START || op == TN_OP_CUSTOM_CALL)
      return false;
  }
  return true;
}

static const tn_inst *where_it_leaves(const dot *d, const tn_inst *inst) {
  while (d->owner[inst->id]) inst = d->owner[inst->id]->root;
  return inst;
}

static const tn_inst *where_it_enters(const dot *d, const tn_inst *inst, int operand) {
  while (d->owner[inst->id] && operand < d->owner[inst->id]->parameters.count) {
    inst = d->owner[inst->id]->parameters.at[operand];
    operand = 0;
  }
  return inst;
}

/* ---- nodes ---- */

static const char *colour_of(tn_op op) {
  if (tn_op_is(op, TN_OP_ELEMENTWISE)) return "#e8f1fd";
  if (tn_op_is(op, TN_OP_CALLS)) return "#f3e8fd";
  if (tn_op_is(op, TN_OP_FREE)) return "#f2f2f2";
  return "#fdf3e0";
}

/* %name / opcode {functions} [value] / shape */
static void put_label(dot *d, const tn_inst *inst) {
  tn_text_put_char(d->out, '%');
  put_text(d->out, inst->name);
  tn_text_printf(d->out, "\\n%s", tn_ops[inst->op].name);
  for (int i = 0; i < inst->n_called; i++) {
    tn_text_put(d->out, i ? ", %" : " %");
    put_text(d->out, inst->called[i]->name);
  }
  if (inst->op == TN_OP_PARAMETER) tn_text_printf(d->out, " %lld", (long long)inst->attr.parameter.number);
  tn_text literal = {0};
  const tn_literal *value = inst->op == TN_OP_CONSTANT ? inst->attr.constant.literal : NULL;
  if (value && tn_shape_is_array(value->shape) && tn_shape_elements(value->shape) <= 4)
    tn_print_literal(&literal, value);
  if (literal.length && literal.length <= MOST_LITERAL) {
    tn_text_put_char(d->out, ' ');
    put_text(d->out, literal.bytes);
  }
  tn_text_free(&literal);
  tn_text_put(d->out, "\\n");
  tn_shape_print(d->out, inst->shape, false);
}

static void put_node(dot *d, const tn_inst *inst) {
  const tn_annotations *notes = inst->notes;
  new_line(d);
  tn_text_printf(d->out, "n%d [label=\"", inst->id);
  put_label(d, inst);
  tn_text_printf(d->out, "\", fillcolor=\"%s\"", colour_of(inst->op));
  if (inst->parent->root == inst) tn_text_put(d->out, ", penwidth=2");
  if (notes && notes->op_name) {
    tn_text_put(d->out, ", tooltip=\"");
    put_text(d->out, notes->op_name);
    tn_text_put_char(d->out, '"');
  }
  tn_text_put(d->out, "];");
}

static void put_cluster(dot *d, const tn_comp *comp) {
  new_line(d);
  tn_text_printf(d->out, "subgraph cluster_%d {", comp->id);
  d->indent++;
  new_line(d);
  tn_text_put(d->out, "label=\"");
  tn_text_put(d->out, comp->module->entry == comp ? "ENTRY %" : "%");
  put_text(d->out, comp->name);
  tn_text_put(d->out, "\";");
  for (const tn_inst *inst = comp->first; inst; inst = inst->next)
    if (d->owner[inst->id])
      put_cluster(d, d->owner[inst->id]);
    else
      put_node(d, inst);
  d->indent--;
  new_line(d);
  tn_text_put_char(d->out, '}');
}

/* ---- edges ---- */

static void put_edges(dot *d, const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++) {
    const tn_inst *from = where_it_leaves(d, inst->operands[i]), *to = where_it_enters(d, inst, i);
    new_line(d);
    tn_text_printf(d->out, "n%d -> n%d [label=\"", from->id, to->id);
    tn_shape_print(d->out, inst->operands[i]->shape, false);
    tn_text_put(d->out, "\"];");
  }
  for (int i = 0; i < inst->control->predecessors.count; i++) {
    new_line(d);
    tn_text_printf(d->out, "n%d -> n%d [style=dotted];",
                   where_it_leaves(d, inst->control->predecessors.at[i])->id, where_it_leaves(d, inst)->id);
  }
  for (int i = 0; i < inst->n_called && !d->owner[inst->id]; i++) {
    if (is_small_function(inst->called[i]) || !inst->called[i]->root) continue;
    new_line(d);
    tn_text_printf(d->out, "n%d -> n%d [style=dashed, dir=both, ltail=cluster_%d];",
                   where_it_leaves(d, inst->called[i]->root)->id, inst->id, inst->called[i]->id);
  }
}

void tn_graph_dot(tn_text *out, const tn_module *module) {
  tn_arena *arena = tn_arena_create();
  dot d = {.out = out,
           .arena = arena,
           .owner = TN_NEW_ARRAY(arena, const tn_comp *, module->next_id + 1),
           .depth = TN_NEW_ARRAY(arena, int, module->next_id + 1),
           .indent = 1};
  find_owners(&d, module);
  tn_text_put(out, "digraph \"");
  put_text(out, module->name);
  tn_text_put(out, "\" {\n  compound=true; fontname=\"sans-serif\";\n"
                   "  node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\", fontsize=10];\n"
                   "  edge [fontname=\"sans-serif\", fontsize=8, color=\"#777777\"];");
  TN_FOR_EACH_COMP(module, comp)
  if (!stands_inside(&d, comp) && !is_small_function(comp)) put_cluster(&d, comp);
  TN_FOR_EACH_COMP(module, comp)
  if (!is_small_function(comp)) TN_FOR_EACH_IN_COMP(comp, inst) put_edges(&d, inst);
  tn_text_put(out, "\n}\n");
  tn_arena_destroy(arena);
}
