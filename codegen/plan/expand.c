/* How large a module becomes when its calls are flattened.
 *
 * A few lines of text can call each other's computations twice each, thirty deep; the
 * plan of such a module would not fit anywhere. So its size is counted before anything
 * is built: one pass over the module, callees before callers, saturating.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

bool tn_plan_expansion_fits(const tn_module *module, const tn_plan_options *options, tn_diagnostics *sink) {
  int64_t limit = options->max_instructions > 0 ? options->max_instructions : TN_PLAN_MAX_INSTRUCTIONS;
  if (limit > INT64_C(1) << 60) limit = INT64_C(1) << 60; /* so that sums of two stay in range */
  int most = 0;
  TN_FOR_EACH_COMP(module, comp) most = comp->id > most ? comp->id : most;
  tn_arena *arena = tn_arena_create();
  int64_t *size = TN_NEW_ARRAY(arena, int64_t, most + 1);
  bool fits = true;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    int64_t *sum = &size[comp->id];
    *sum += 1;
    for (int i = 0; i < inst->n_called && *sum <= limit; i++) *sum += size[inst->called[i]->id];
    if (*sum <= limit || !fits || comp != module->entry) continue;
    fits = tn_error(sink, TN_LIMIT, inst->location,
                    "calls expand to more than %lld instructions (--max-instructions)", (long long)limit);
  }
  tn_arena_destroy(arena);
  return fits;
}
