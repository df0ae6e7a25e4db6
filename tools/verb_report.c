/* tenon report: one self-contained page about how a model was compiled.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>

#include "tools/json.h"
#include "tools/tool.h"

static tn_status write_report(const command_line *line, tn_model *model, const tn_compile_options *options) {
  const char *output = option_value(line, OPT_OUTPUT);
  int64_t threads, runs;
  if (!output) return complain(TN_USAGE, "option '-o' is missing: the page to write");
  if (!option_number(line, OPT_THREADS, 1, 1, &threads) || !option_number(line, OPT_RUNS, 1, 0, &runs))
    return TN_USAGE;
  bool measure = has_option(line, OPT_MEASURE);
  if (!measure && (has_option(line, OPT_THREADS) || has_option(line, OPT_RUNS)))
    return complain(TN_USAGE, "options '--threads' and '--runs' are for measuring: '--measure' is missing");
  tn_report_options report = {.measure = measure, .threads = (int32_t)threads, .runs = runs};
  tn_compile_report compiled;
  tn_status status = tn_report_file(model, options, &report, output, &compiled);
  return status == TN_OK && has_option(line, OPT_JSON) ? print_json(json_report(&compiled)) : status;
}

tn_status verb_report(const command_line *line) { return with_model(line, write_report); }
