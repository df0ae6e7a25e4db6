/* Equal kernels are kept once; kernels' names are unique. Temps that no step touches go.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

#include "base/hash.h"
#include "codegen/plan/flow.h"

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

static void mark_run(const tn_step *steps, bool *run) {
  for (; steps; steps = steps->next) {
    if (steps->kind == TN_STEP_RUN) run[steps->kernel] = true;
    mark_run(steps->test, run);
    for (int i = 0; i < steps->n_branches; i++) mark_run(steps->branches[i], run);
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

/* Equal kernels are kept once, those that no step runs not at all. */
void tn_plan_share_kernels(tn_plan *plan) {
  int *numbers = TN_NEW_ARRAY(plan->arena, int, plan->n_kernels), kept = 0;
  tn_hash *hashes = TN_NEW_ARRAY(plan->arena, tn_hash, plan->n_kernels);
  bool *run = TN_NEW_ARRAY(plan->arena, bool, plan->n_kernels);
  mark_run(plan->steps, run);
  for (int i = 0; i < plan->n_kernels; i++) {
    if (!run[i]) continue;
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

/* ---- temps ---- */

static void mark_used(const tn_plan *plan, const tn_step *steps, int *numbers) {
  for (; steps; steps = steps->next) {
    for (int i = 0; i < tn_step_uses(plan, steps); i++) numbers[tn_step_use(plan, steps, i).buffer] = 0;
    mark_used(plan, steps->test, numbers);
    for (int i = 0; i < steps->n_branches; i++) mark_used(plan, steps->branches[i], numbers);
  }
}

static void renumber_buffers(tn_plan *plan, tn_step *steps, const int *numbers) {
  for (tn_step *s = steps; s; s = s->next) {
    if (s->kind == TN_STEP_RUN) {
      int n = plan->kernels[s->kernel]->n_parameters, *arguments = TN_NEW_ARRAY(plan->arena, int, n);
      for (int i = 0; i < n; i++) arguments[i] = numbers[s->arguments[i]];
      s->arguments = arguments;
    } else if (s->kind == TN_STEP_COPY) {
      s->to = numbers[s->to];
      s->from = numbers[s->from];
    } else {
      s->selector = numbers[s->selector];
    }
    renumber_buffers(plan, s->test, numbers);
    for (int i = 0; i < s->n_branches; i++) renumber_buffers(plan, s->branches[i], numbers);
  }
}

void tn_plan_drop_unused_temps(tn_plan *plan) {
  int *numbers = TN_NEW_ARRAY(plan->arena, int, plan->n_buffers), kept = 0;
  for (int i = 0; i < plan->n_buffers; i++) numbers[i] = plan->buffers[i].memory == TN_MEMORY_TEMP ? -1 : 0;
  mark_used(plan, plan->steps, numbers);
  for (int i = 0; i < plan->n_buffers; i++)
    if (numbers[i] >= 0) {
      plan->buffers[kept] = plan->buffers[i];
      numbers[i] = kept++;
    }
  if (kept == plan->n_buffers) return;
  plan->n_buffers = kept;
  for (int i = 0; i < kept; i++)
    if (plan->buffers[i].alias >= 0) plan->buffers[i].alias = numbers[plan->buffers[i].alias];
  for (int i = 0; i < plan->n_parameters; i++) plan->parameters[i] = numbers[plan->parameters[i]];
  for (int i = 0; i < plan->n_results; i++) plan->results[i] = numbers[plan->results[i]];
  renumber_buffers(plan, plan->steps, numbers);
}
