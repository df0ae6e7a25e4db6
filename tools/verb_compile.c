/* tenon compile: a model becomes an artefact.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>

#include "tools/json.h"
#include "tools/tool.h"

static tn_status compile_and_report(const command_line *line, tn_model *model,
                                    const tn_compile_options *options, const char *output) {
  tn_compile_report report;
  tn_status status = tn_compile_file(model, options, output, &report);
  if (status != TN_OK) return status;
  if (has_option(line, OPT_TIME_PASSES)) print_times(report.passes, report.pass_count);
  return has_option(line, OPT_JSON) ? print_json(json_report(&report)) : TN_OK;
}

tn_status verb_compile(const command_line *line) {
  const char *path = only_operand(line), *output = option_value(line, OPT_OUTPUT);
  if (!path) return TN_USAGE;
  if (!output) return complain(TN_USAGE, "tenon compile: -o OUT is missing");
  tn_context *context = make_context(line);
  if (!context) return TN_USAGE;
  tn_arena *arena = tn_arena_create();
  tn_compile_options options;
  loaded model = {0};
  tn_status status = compile_options(arena, line, &options);
  if (status == TN_OK) status = load_model(context, line, path, &model);
  if (status == TN_OK) status = compile_and_report(line, model.model, &options, output);
  unload_model(&model);
  tn_arena_destroy(arena);
  tn_context_destroy(context);
  return status;
}
