/* The way from a model to an object: passes on a copy, the plan, the code.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <ctype.h>

#include "driver/stream.h"

const char *tn_symbol_name(tn_arena *arena, const char *text) {
  bool prefixed =
      isdigit((unsigned char)*text) || !*text || strcmp(text, "tn") == 0; /* tn_signature is a type */
  char *name = tn_arena_printf(arena, "%s%s", prefixed ? "m" : "", text);
  for (char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) || (unsigned char)*c >= 128) *c = '_';
  return name;
}

bool tn_compilation_optimise(tn_compilation *compilation) {
  tn_model *model = compilation->model;
  if (!model->module)
    return tn_error(&model->context->sink, TN_USAGE, TN_NOWHERE, "a plan cannot become a module again");
  if (!tn_driver_settle(model)) return false;
  compilation->module = tn_module_clone(model->module);
  tn_model copy = {.context = model->context,
                   .arena = model->arena,
                   .module = compilation->module,
                   .derived = model->derived};
  tn_pass_options passes = compilation->options.passes;
  if (!passes.target) passes.target = compilation->options.target ? compilation->options.target : "host";
  return tn_driver_optimise(&copy, &passes, model->derived, &compilation->report.passes,
                            &compilation->report.pass_count);
}

static int64_t count_steps(const tn_step *step) {
  int64_t count = 0;
  for (; step; step = step->next) {
    switch (step->kind) {
    case TN_STEP_RUN:
    case TN_STEP_COPY: count++; break;
    case TN_STEP_WHILE:
    case TN_STEP_CONDITIONAL:
      count += count_steps(step->test);
      for (int i = 0; i < step->n_branches; i++) count += count_steps(step->branches[i]);
      break;
    }
  }
  return count;
}

bool tn_compilation_holds(const tn_plan *plan, tn_diagnostics *sink) {
  tn_first_error first = {.arena = plan->arena};
  tn_diagnostics own = {.callback = tn_driver_keep_first, .user = &first, .sources = sink->sources};
  if (tn_plan_verify(plan, &own)) return true;
  return tn_error(sink, TN_BUG, TN_NOWHERE, "the plan breaks a rule: %s",
                  first.message ? first.message : "no reason given");
}

/* The temps of a plan that is built do, or there would be none; those of one that was read need
 * not, nor what kernels need for themselves.                                                */
static bool keeps_limit(const tn_compilation *compilation) {
  int64_t limit = compilation->options.arena_limit, bytes = compilation->report.arena_bytes;
  if (!limit || bytes <= limit) return true;
  return tn_error(&compilation->model->context->sink, TN_LIMIT, TN_NOWHERE,
                  "arena: %lld bytes are needed, more than the limit of %lld (--arena-limit)",
                  (long long)bytes, (long long)limit);
}

/* What would be done with passes, rather than counted about them. */
static bool asks_for_passes(const tn_pass_options *passes) {
  return passes->passes || passes->disabled || passes->stop_after || passes->start_after ||
         passes->fuel_count || passes->check || passes->bisect || passes->before_pass;
}

bool tn_compilation_plan(tn_compilation *compilation) {
  tn_model *model = compilation->model;
  const tn_compile_options *options = &compilation->options;
  tn_diagnostics *sink = &model->context->sink;
  if (model->plan) {
    if (asks_for_passes(&options->passes))
      return tn_error(sink, TN_USAGE, TN_NOWHERE, "passes: a plan has none left to run");
    compilation->plan = model->plan;
  } else {
    if (tn_target_names_array(options->target))
      return tn_error(sink, TN_USAGE, TN_NOWHERE,
                      "target '%s': what is made for an array is a stream (.tns, --emit=stream)",
                      options->target);
    const tn_cpu *target = tn_cpu_find(model->derived, sink, options->target ? options->target : "host",
                                       options->cpu, options->features);
    if (!target || !tn_compilation_optimise(compilation)) return false;
    tn_plan_options plan = {.target = target,
                            .level = options->passes.level,
                            .schedule_seed = options->schedule_seed,
                            .arena_limit = options->arena_limit,
                            .max_instructions = model->context->limits.max_instructions};
    compilation->plan = tn_plan_build(compilation->module, &plan, sink);
    if (!compilation->plan || !tn_compilation_holds(compilation->plan, sink)) return false;
  }
  compilation->report.arena_bytes = compilation->plan->arena_bytes;
  compilation->report.arena_lower_bound_bytes = compilation->plan->live_bytes;
  compilation->report.arena_proven = compilation->plan->arena_proven;
  compilation->report.kernels = compilation->plan->n_kernels;
  compilation->report.steps = count_steps(compilation->plan->steps);
  return keeps_limit(compilation);
}

/* The report outlives the plan, whose arena holds the object. */
static void report_object(tn_compilation *compilation) {
  tn_arena *arena = compilation->model->derived;
  const tn_object *object = &compilation->object;
  TN_VEC(const char *) undefined = {0};
  for (const char *const *symbol = object->undefined; symbol && *symbol; symbol++)
    TN_PUSH(arena, &undefined, tn_arena_string(arena, *symbol));
  TN_PUSH(arena, &undefined, NULL);
  compilation->report.undefined = undefined.at;
  compilation->report.arena_bytes = object->arena_bytes + object->arena_bytes_per_thread;
  const tn_plan *plan = compilation->plan;
  int64_t bytes = compilation->report.arena_bytes;
  compilation->report.arena_lower_bound_bytes = object->alive_bytes;
  compilation->report.arena_proven =
      bytes == object->alive_bytes || (plan->arena_proven && bytes == plan->arena_bytes);
  compilation->report.text_bytes = object->text_bytes;
  compilation->report.constant_bytes = object->constant_bytes;
  compilation->report.stack_bytes = object->stack_bytes;
}

bool tn_compilation_object(tn_compilation *compilation) {
  if (!compilation->plan && !tn_compilation_plan(compilation)) return false;
  int level = compilation->options.passes.level;
  compilation->cpu = (tn_cpu_options){.name = compilation->options.name,
                                      .side_file = compilation->options.side_file,
                                      .optimisation = level < 1 ? 1 : level};
  if (!tn_cpu_compile(compilation->plan, &compilation->cpu, &compilation->object,
                      &compilation->model->context->sink))
    return false;
  report_object(compilation);
  return keeps_limit(compilation);
}

void tn_compilation_end(tn_compilation *compilation) {
  if (compilation->plan != compilation->model->plan) tn_plan_destroy(compilation->plan);
  tn_module_destroy(compilation->module);
}
