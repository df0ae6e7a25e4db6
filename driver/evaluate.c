/* Models run by the oracles: the reference evaluator and the plan interpreter.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/compile.h"
#include "ir/eval.h"

typedef struct {
  tn_model *model;
  tn_oracle oracle;
  tn_compile_options options;
  const tn_arrays *arguments;
  tn_arrays *results;
} evaluate_work;

/* The next leaves of the arguments, put together as one parameter's value. */
static tn_literal *assemble(evaluate_work *work, tn_arena *arena, const tn_shape *shape, int *next) {
  if (tn_shape_is_tuple(shape)) {
    tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
    for (int i = 0; i < shape->rank; i++)
      if (!(elements[i] = assemble(work, arena, shape->elements[i], next))) return NULL;
    return tn_literal_tuple(arena, shape, elements);
  }
  if (!tn_shape_is_array(shape)) return tn_literal_zero(arena, shape);
  return tn_driver_argument(arena, work->model->context, work->arguments, (*next)++, shape);
}

static bool evaluate_module(evaluate_work *work) {
  tn_context *context = work->model->context;
  const tn_comp *entry = work->model->module->entry;
  tn_arena *arena = work->results->arena;
  tn_literal **arguments = TN_NEW_ARRAY(arena, tn_literal *, entry->parameters.count);
  int next = 0;
  for (int i = 0; i < entry->parameters.count; i++) {
    arguments[i] = assemble(work, arena, entry->parameters.at[i]->shape, &next);
    if (!arguments[i]) return false;
  }
  tn_eval_options options = {.max_iterations = context->limits.max_iterations};
  tn_literal *result = tn_evaluate(context->scratch, work->model->module,
                                   (const tn_literal *const *)arguments, &options, &context->sink);
  if (!result) return false;
  tn_driver_append_leaves(work->results, result);
  return true;
}

/* The leaves of the arguments are the plan's parameters already. */
static bool interpret_plan(evaluate_work *work) {
  tn_context *context = work->model->context;
  tn_compilation compilation = {.model = work->model, .options = work->options};
  bool done = tn_compilation_plan(&compilation);
  const tn_plan *plan = compilation.plan;
  const tn_literal **arguments =
      done ? TN_NEW_ARRAY(context->scratch, const tn_literal *, plan->n_parameters) : NULL;
  for (int i = 0; done && i < plan->n_parameters; i++) {
    const tn_shape *shape =
        tn_shape_without_layout(context->scratch, plan->buffers[plan->parameters[i]].shape);
    arguments[i] = tn_driver_argument(context->scratch, context, work->arguments, i, shape);
    done = arguments[i] != NULL;
  }
  tn_literal **results = done ? TN_NEW_ARRAY(context->scratch, tn_literal *, plan->n_results) : NULL;
  done = done && tn_plan_run(context->scratch, plan, arguments, results, &context->sink);
  for (int i = 0; done && i < plan->n_results; i++)
    tn_driver_append_literal(work->results, plan->result_names[i], results[i]);
  tn_compilation_end(&compilation);
  return done;
}

static bool do_evaluate(void *argument) {
  evaluate_work *work = argument;
  tn_context *context = work->model->context;
  work->results = tn_driver_new_arrays(context);
  if (!tn_driver_settle(work->model)) return false;
  switch (work->oracle) {
  case TN_ORACLE_EVAL:
    if (work->model->module) return evaluate_module(work);
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "the evaluator runs modules, not plans");
  case TN_ORACLE_PLAN: return interpret_plan(work);
  }
  return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "unknown oracle %d", (int)work->oracle);
}

tn_status tn_model_evaluate(tn_model *model, tn_oracle oracle, const tn_compile_options *options,
                            const tn_arrays *arguments, tn_arrays **results) {
  evaluate_work work = {.model = model, .oracle = oracle, .arguments = arguments};
  if (options) work.options = *options;
  tn_status status = tn_driver_do(model->context, do_evaluate, &work);
  if (status != TN_OK) tn_arrays_destroy(work.results);
  *results = status == TN_OK ? work.results : NULL;
  return status;
}
