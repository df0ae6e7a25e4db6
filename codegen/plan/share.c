/* Equal kernels are kept once; kernels' names are unique.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

#include "base/hash.h"

static tn_hash kernel_hash(tn_kernel *kernel) {
  tn_text text = {0};
  const char *name = kernel->name, *source = kernel->source;
  kernel->name = "";
  kernel->source = NULL;
  tn_kernel_print(&text, kernel);
  kernel->name = name;
  kernel->source = source;
  tn_hash hash = tn_hash_bytes(text.bytes, text.length);
  tn_text_free(&text);
  return hash;
}

static void renumber_steps(tn_step *steps, const int *numbers) {
  for (tn_step *step = steps; step; step = step->next) {
    if (step->kind == TN_STEP_RUN) step->kernel = numbers[step->kernel];
    renumber_steps(step->test, numbers);
    for (int i = 0; i < step->n_branches; i++) renumber_steps(step->branches[i], numbers);
  }
}

static bool has_name(const tn_plan *plan, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(plan->kernels[i]->name, name)) return true;
  return false;
}

/* Computations that are called twice, and copies, give different kernels of one name. */
static void make_names_unique(tn_plan *plan) {
  for (int i = 0; i < plan->n_kernels; i++) {
    const char *name = plan->kernels[i]->name;
    for (int n = 2; has_name(plan, i, plan->kernels[i]->name); n++)
      plan->kernels[i]->name = tn_arena_printf(plan->arena, "%s_%d", name, n);
  }
}

/* Equal kernels are kept once. */
void tn_plan_share_kernels(tn_plan *plan) {
  int *numbers = TN_NEW_ARRAY(plan->arena, int, plan->n_kernels), kept = 0;
  tn_hash *hashes = TN_NEW_ARRAY(plan->arena, tn_hash, plan->n_kernels);
  for (int i = 0; i < plan->n_kernels; i++) {
    tn_hash hash = kernel_hash(plan->kernels[i]);
    int same = 0;
    while (same < kept && (hashes[same].low != hash.low || hashes[same].high != hash.high)) same++;
    if (same == kept) {
      hashes[kept] = hash;
      plan->kernels[kept++] = plan->kernels[i];
    }
    numbers[i] = same;
  }
  plan->n_kernels = kept;
  make_names_unique(plan);
  renumber_steps(plan->steps, numbers);
}
