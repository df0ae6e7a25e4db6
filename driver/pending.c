/* What the driver calls and other layers do not have yet, so that the rest of it can
 * be used. Each function goes when its layer comes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/plan.h"

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
