/* tenon report: one self-contained page about how a model was compiled.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>

#include "tools/json.h"
#include "tools/tool.h"

static tn_status write_report(const command_line *line, tn_model *model, const tn_compile_options *options) {
  int64_t threads, runs;
  if (!option_threads(line, &threads) || !option_number(line, OPT_RUNS, 1, 0, &runs)) return TN_USAGE;
  tn_report_options report = {
      .measure = has_option(line, OPT_MEASURE), .threads = (int32_t)threads, .runs = runs};
  tn_compile_report compiled;
  tn_status status = tn_report_file(model, options, &report, option_value(line, OPT_OUTPUT), &compiled);
  if (status != TN_OK) return status;
  tn_pass_options passes = options->passes;
  finish_passes(&passes);
  return has_option(line, OPT_JSON) ? print_json(json_report(&compiled)) : TN_OK;
}

tn_status verb_report(const command_line *line) {
  if (!only_operand(line)) return TN_USAGE;
  if (!option_value(line, OPT_OUTPUT)) return complain(TN_USAGE, "tenon report: -o OUT is missing");
  if (!has_option(line, OPT_MEASURE) && (has_option(line, OPT_THREADS) || has_option(line, OPT_RUNS)))
    return complain(TN_USAGE, "options '--threads' and '--runs' are for measuring: '--measure' is missing");
  return with_model(line, write_report);
}
