/* tenon opt: run passes, print the module.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>

#include "tools/json.h"
#include "tools/tool.h"

static tn_status optimise_and_write(const command_line *line, tn_model *model,
                                    const tn_compile_options *options) {
  const tn_pass_run *runs;
  int count;
  const char *output = option_value(line, OPT_OUTPUT);
  tn_pass_options passes = options->passes;
  tn_status status = tn_model_optimise(model, &passes, &runs, &count);
  if (status != TN_OK) return status;
  finish_passes(&passes);
  if (!has_option(line, OPT_JSON)) return tn_model_write(model, output ? output : "-", options->constants);
  if (output) status = tn_model_write(model, output, options->constants);
  return status == TN_OK ? print_json(json_pack("{s:o}", "passes", json_passes(runs, count))) : status;
}

tn_status verb_opt(const command_line *line) { return with_model(line, optimise_and_write); }
