/* Each kernel of a plan as a program of its own, to be measured alone.
 *
 * A kernel becomes a plan of one step: what it reads is a parameter (constants stay
 * constants, in their packed layouts), what it writes a result, what it changes in
 * place a temporary. The code is the same as in the whole.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/cost.h"
#include "driver/program.h"

/* ---- who runs it ---- */

/* The first step that runs the kernel, and how many do (loop bodies counted once). */
static const tn_step *find_run(const tn_step *step, int kernel, int32_t *runs) {
  const tn_step *first = NULL;
  for (; step; step = step->next) {
    const tn_step *found = NULL;
    switch (step->kind) {
    case TN_STEP_RUN: found = step->kernel == kernel ? step : NULL; break;
    case TN_STEP_COPY: break;
    case TN_STEP_WHILE:
    case TN_STEP_CONDITIONAL:
      found = find_run(step->test, kernel, runs);
      for (int i = 0; i < step->n_branches; i++) {
        const tn_step *inner = find_run(step->branches[i], kernel, runs);
        if (!found) found = inner;
      }
      break;
    }
    if (found && step->kind == TN_STEP_RUN) ++*runs;
    if (!first) first = found;
  }
  return first;
}

/* ---- its plan ---- */

static void add_buffer(tn_plan *plan, int index, const tn_kernel_buffer *parameter,
                       const tn_buffer *argument) {
  tn_buffer *buffer = &plan->buffers[index];
  *buffer = (tn_buffer){.name = tn_arena_printf(plan->arena, "b%d", index),
                        .shape = parameter->shape,
                        .bytes = tn_layout_bytes(parameter->shape),
                        .alias = -1};
  switch (parameter->access) {
  case TN_BUFFER_IN:
    buffer->memory = argument->memory == TN_MEMORY_CONSTANT ? TN_MEMORY_CONSTANT : TN_MEMORY_PARAMETER;
    buffer->literal = argument->literal;
    break;
  case TN_BUFFER_OUT: buffer->memory = TN_MEMORY_RESULT; break;
  case TN_BUFFER_INOUT:
  case TN_BUFFER_LOCAL:
    buffer->memory = TN_MEMORY_TEMP;
    buffer->offset = plan->arena_bytes;
    plan->arena_bytes += (buffer->bytes + 63) / 64 * 64;
    return;
  }
  if (buffer->memory == TN_MEMORY_PARAMETER) {
    buffer->number = plan->n_parameters;
    plan->parameters[plan->n_parameters++] = index;
  } else if (buffer->memory == TN_MEMORY_RESULT) {
    buffer->number = plan->n_results;
    plan->results[plan->n_results++] = index;
  }
}

static const char *const *names_of(tn_plan *plan, const int *buffers, int count) {
  const char **names = TN_NEW_ARRAY(plan->arena, const char *, count);
  for (int i = 0; i < count; i++) names[i] = plan->buffers[buffers[i]].name;
  return names;
}

static tn_plan *kernel_plan(const tn_plan *whole, int number, const tn_step *run) {
  tn_arena *arena = tn_arena_create();
  tn_plan *plan = TN_NEW(arena, tn_plan);
  tn_kernel *kernel = whole->kernels[number];
  int count = kernel->n_parameters;
  int *arguments = TN_NEW_ARRAY(arena, int, count);
  *plan = (tn_plan){
      .arena = arena, .name = "kernel", .target = whole->target, .n_buffers = count, .n_kernels = 1};
  plan->buffers = TN_NEW_ARRAY(arena, tn_buffer, count);
  plan->parameters = TN_NEW_ARRAY(arena, int, count);
  plan->results = TN_NEW_ARRAY(arena, int, count);
  plan->kernels = tn_arena_copy(arena, &kernel, sizeof kernel);
  for (int i = 0; i < count; i++) {
    add_buffer(plan, i, &kernel->buffers[i], &whole->buffers[run->arguments[i]]);
    arguments[i] = i;
  }
  plan->parameter_names = names_of(plan, plan->parameters, plan->n_parameters);
  plan->result_names = names_of(plan, plan->results, plan->n_results);
  plan->live_bytes = plan->arena_bytes;
  plan->steps = TN_NEW(arena, tn_step);
  *plan->steps = (tn_step){.kind = TN_STEP_RUN, .kernel = 0, .arguments = arguments};
  return plan;
}

/* ---- the list ---- */

typedef struct {
  tn_context *context;
  tn_arena *arena;
  const tn_plan *plan;
  int level;
  TN_VEC(tn_kernel_program) list;
} kernels_list;

static bool add_kernel(kernels_list *list, int number, bool compile) {
  const tn_kernel *kernel = list->plan->kernels[number];
  tn_kernel_cost cost = tn_kernel_cost_of(kernel);
  tn_kernel_program entry = {.name = tn_arena_string(list->arena, kernel->name),
                             .source = tn_arena_string(list->arena, kernel->source ? kernel->source : ""),
                             .flops = cost.flops,
                             .bytes = cost.bytes_read + cost.bytes_written};
  const tn_step *run = find_run(list->plan->steps, number, &entry.runs);
  if (run && compile) {
    tn_plan *plan = kernel_plan(list->plan, number, run);
    entry.program = tn_program_of_plan(list->context, plan, list->level);
    tn_plan_destroy(plan);
    if (!entry.program) return false;
  }
  TN_PUSH(list->arena, &list->list, entry);
  return true;
}

bool tn_driver_kernels(tn_context *context, tn_arena *arena, const tn_plan *plan, int level, bool compile,
                       tn_kernel_program **kernels, int32_t *count) {
  kernels_list list = {.context = context, .arena = arena, .plan = plan, .level = level};
  bool done = true;
  for (int i = 0; i < plan->n_kernels && done; i++) done = add_kernel(&list, i, compile);
  for (int i = 0; i < list.list.count && !done; i++) tn_program_destroy(list.list.at[i].program);
  *kernels = list.list.at;
  *count = done ? list.list.count : 0;
  return done;
}

typedef struct {
  tn_compilation all;
  tn_kernel_program *kernels;
  int32_t count;
} kernels_work;

/* What no step runs has no program, and is left out. */
static bool do_kernels(void *argument) {
  kernels_work *work = argument;
  tn_model *model = work->all.model;
  if (!tn_compilation_plan(&work->all) ||
      !tn_driver_kernels(model->context, model->derived, work->all.plan, work->all.options.passes.level, true,
                         &work->kernels, &work->count))
    return false;
  int32_t kept = 0;
  for (int32_t i = 0; i < work->count; i++)
    if (work->kernels[i].program) work->kernels[kept++] = work->kernels[i];
  work->count = kept;
  return true;
}

tn_status tn_compile_kernels(tn_model *model, const tn_compile_options *options,
                             const tn_kernel_program **kernels, int32_t *count) {
  static const tn_compile_options defaults = {.passes.level = 2};
  kernels_work work = {.all = {.model = model, .options = options ? *options : defaults}};
  tn_status status = tn_driver_do(model->context, do_kernels, &work);
  tn_compilation_end(&work.all);
  *kernels = work.kernels;
  *count = status == TN_OK ? work.count : 0;
  return status;
}
