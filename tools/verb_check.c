/* tenon check, tenon list.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>

#include "tools/json.h"
#include "tools/tool.h"

tn_status verb_check(const command_line *line) {
  const char *path = only_operand(line);
  tn_file_kind kind = path ? tn_file_kind_of(path) : TN_FILE_MODEL;
  if (kind == TN_FILE_STREAM || kind == TN_FILE_TARGET) return check_machine_file(line, path);
  tn_context *context = path ? make_context(line) : NULL;
  if (!context) return TN_USAGE;
  loaded model;
  tn_status status = load_model(context, line, path, &model);
  if (status == TN_OK && has_option(line, OPT_JSON)) {
    const tn_signature *signature = tn_model_signature(model.model);
    json_t *object = json_pack("{s:s, s:o, s:o}", "name", signature->name, "parameters",
                               json_values(signature->parameters, signature->parameter_count), "results",
                               json_values(signature->results, signature->result_count));
    status = print_json(object);
  }
  unload_model(&model);
  tn_context_destroy(context);
  return status;
}

tn_status verb_list(const command_line *line) {
  static const char *const names[] = {"ops", "passes", "targets", "formats", NULL};
  const char *what = only_operand(line);
  if (!what) return TN_USAGE;
  int listing = 0;
  while (names[listing] && strcmp(names[listing], what) != 0) listing++;
  if (!names[listing]) {
    const char *nearest = tn_nearest_name(what, names, 4);
    return nearest
               ? complain(TN_USAGE, "list: unknown '%s'; did you mean '%s'?", what, nearest)
               : complain(TN_USAGE, "list: unknown '%s'; there are ops, passes, targets and formats", what);
  }
  json_t *array = json_array();
  tn_text out = {0};
  int width = 0;
  for (int32_t i = 0; tn_list_entry((tn_listing)listing, i).name; i++) {
    int length = (int)strlen(tn_list_entry((tn_listing)listing, i).name);
    width = length > width ? length : width;
  }
  for (int32_t i = 0;; i++) {
    tn_entry entry = tn_list_entry((tn_listing)listing, i);
    if (!entry.name) break;
    json_array_append_new(array, json_pack("{s:s, s:s}", "name", entry.name, "help", entry.help));
    if (*entry.help)
      tn_text_printf(&out, "%-*s  %s\n", width, entry.name, entry.help);
    else
      tn_text_printf(&out, "%s\n", entry.name);
  }
  if (!has_option(line, OPT_JSON)) {
    json_decref(array);
    return print_text(&out);
  }
  tn_text_free(&out);
  return print_json(json_pack("{s:o}", what, array));
}
