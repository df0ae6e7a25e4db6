/* Pictures of a module: text for graphviz, a page with the graph viewer of `tenon report`.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_GRAPH_VIEW_H
#define TN_DRIVER_GRAPH_VIEW_H

#include "driver/json_text.h"
#include "ir/module.h"

/* Graphviz' dot language, a digraph: a cluster for each computation, fusions as clusters in
 * the place of their instruction, shapes on the edges.                                    */
void tn_graph_dot(tn_text *out, const tn_module *module);

/* One self-contained page with the module's graph and text. */
void tn_graph_page(tn_text *out, tn_module *module, const char *title);

/* ---- for report.c ---- */

/* Distinct lines of text, numbered in the order in which they came. */
typedef struct {
  tn_arena *arena;
  TN_VEC(tn_str) lines;
  int *table; /* by hash; -1: free */
  int capacity;
} tn_lines;
int tn_lines_number(tn_lines *lines, tn_str line);
void tn_lines_json(tn_json *json, const char *key, const tn_lines *lines);

/* The module as the viewer reads it (docs/report.md); instructions name their line. */
void tn_graph_json(tn_json *json, const char *key, const tn_module *module, tn_lines *lines);

/* The page of driver/report/ around `data`, the text of one JSON object. */
void tn_page_put(tn_text *out, const char *title, tn_str data);

#endif
