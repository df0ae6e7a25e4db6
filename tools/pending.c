/* What the command calls and other layers do not have yet, so that the rest of it can
 * be used. Each function goes when its layer comes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/plan.h"
#include "passes/pass.h"

static bool refuse(tn_diagnostics *sink, const char *what) {
  return tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "%s is not part of this build", what);
}

#define WEAK __attribute__((weak))
WEAK tn_plan *tn_plan_parse(tn_str text, const tn_plan_text_options *options, tn_diagnostics *sink) {
  (void)text, (void)options;
  refuse(sink, "reading plans");
  return NULL;
}
WEAK bool tn_plan_verify(const tn_plan *plan, tn_diagnostics *sink) {
  (void)plan, (void)sink;
  return true;
}
const tn_pass tn_passes[] WEAK = {{0}};
const int tn_pass_count WEAK = 0;
WEAK const tn_pass *tn_pass_find(const char *name) {
  (void)name;
  return NULL;
}
WEAK bool tn_pipeline_run(tn_module *module, const tn_pipeline_options *options, tn_arena *arena,
                          tn_pass_record **records, int *n_records, tn_diagnostics *sink) {
  (void)module, (void)options, (void)arena, (void)records, (void)sink;
  *n_records = 0;
  return true;
}
