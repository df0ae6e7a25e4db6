/* tenon compile: a model becomes an artefact.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <string.h>

#include "tools/json.h"
#include "tools/tool.h"

/* What ran where: one line a kernel.
 *
 *   dot_3         array  weight    65536 MACs    1202 cycles  model.hlo:7
 *   softmax_9     host             two reductions             model.hlo:12                     */
static tn_status print_placements(const tn_compile_report *report) {
  tn_text out = {0};
  int width = 6;
  int64_t all = 0, on_array = 0;
  for (int i = 0; i < report->placed_count; i++) {
    int length = (int)strlen(report->placed[i].kernel);
    if (length > width) width = length;
    all += report->placed[i].macs;
    if (report->placed[i].on_array) on_array += report->placed[i].macs;
  }
  for (int i = 0; i < report->placed_count; i++) {
    const tn_placed *p = &report->placed[i];
    tn_text_printf(&out, "%-*s  %-5s  %-6s  %12lld MACs", width, p->kernel, p->on_array ? "array" : "host",
                   p->dataflow, (long long)p->macs);
    if (p->on_array) tn_text_printf(&out, "  %10lld cycles", (long long)p->model_cycles);
    if (*p->why) tn_text_printf(&out, "  %s", p->why);
    if (*p->source) tn_text_printf(&out, "  (%s)", p->source);
    tn_text_put_char(&out, '\n');
  }
  if (all) tn_text_printf(&out, "%.2f %% of the MACs on the array\n", 100.0 * (double)on_array / (double)all);
  return print_text(&out);
}

static tn_status compile_and_report(const command_line *line, tn_model *model,
                                    const tn_compile_options *options) {
  tn_compile_report report;
  tn_status status = tn_compile_file(model, options, option_value(line, OPT_OUTPUT), &report);
  if (status != TN_OK) return status;
  tn_pass_options passes = options->passes;
  finish_passes(&passes);
  if (has_option(line, OPT_JSON)) return print_json(json_report(&report));
  bool to_output = strcmp(option_value(line, OPT_OUTPUT), "-") == 0;
  return report.placed_count && !to_output ? print_placements(&report) : TN_OK;
}

tn_status verb_compile(const command_line *line) {
  if (!only_operand(line)) return TN_USAGE;
  if (!option_value(line, OPT_OUTPUT)) return complain(TN_USAGE, "tenon compile: -o OUT is missing");
  return with_model(line, compile_and_report);
}
