/* tenon compile: a model becomes an artefact.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>

#include "tools/json.h"
#include "tools/tool.h"

static tn_status compile_and_report(const command_line *line, tn_model *model,
                                    const tn_compile_options *options) {
  tn_compile_report report;
  tn_status status = tn_compile_file(model, options, option_value(line, OPT_OUTPUT), &report);
  if (status != TN_OK) return status;
  tn_pass_options passes = options->passes;
  finish_passes(&passes);
  return has_option(line, OPT_JSON) ? print_json(json_report(&report)) : TN_OK;
}

tn_status verb_compile(const command_line *line) {
  if (!only_operand(line)) return TN_USAGE;
  if (!option_value(line, OPT_OUTPUT)) return complain(TN_USAGE, "tenon compile: -o OUT is missing");
  return with_model(line, compile_and_report);
}
