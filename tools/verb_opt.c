/* tenon opt: run passes, print the module.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>

#include "tools/json.h"
#include "tools/tool.h"

static tn_status optimise_and_write(const command_line *line, tn_model *model,
                                    const tn_compile_options *options) {
  const tn_pass_time *times;
  int count;
  const char *output = option_value(line, OPT_OUTPUT);
  tn_status status = tn_model_optimise(model, &options->passes, &times, &count);
  if (status != TN_OK) return status;
  if (has_option(line, OPT_TIME_PASSES)) print_times(times, count);
  if (!has_option(line, OPT_JSON)) return tn_model_write(model, output ? output : "-", options->constants);
  if (output) status = tn_model_write(model, output, options->constants);
  return status == TN_OK ? print_json(json_pack("{s:o}", "passes", json_passes(times, count))) : status;
}

tn_status verb_opt(const command_line *line) {
  const char *path = only_operand(line);
  tn_context *context = path ? make_context(line) : NULL;
  if (!context) return TN_USAGE;
  tn_arena *arena = tn_arena_create();
  tn_compile_options options;
  loaded model = {0};
  tn_status status = compile_options(arena, line, &options);
  if (status == TN_OK) status = load_model(context, line, path, &model);
  if (status == TN_OK) status = optimise_and_write(line, model.model, &options);
  unload_model(&model);
  tn_arena_destroy(arena);
  tn_context_destroy(context);
  return status;
}
