/* Steps of an array against the reference evaluator, each on the inputs that it received.
 *
 *   stream with every value of its array steps in host memory --functional device--> values
 *   for each step: values it read --origin, evaluated alone--> what it should have written
 *
 * Where parts of a model run on the host in floats, a last bit there may become a byte further on, and
 * the results of the whole differ. A step on its own has no such excuse: integers, and floats that no sum
 * went into, must have the same bits; sums of floats may be added in any order, so they may differ by 4
 * times the bound that the evaluator carries.
 *
 * Cost: one evaluation of what runs on the array; all values of its steps at once in memory.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>

#include "driver/program.h"
#include "driver/stream.h"
#include "ir/eval.h"

typedef struct {
  tn_stream_compilation streaming;
  const tn_arrays *arguments;
  tn_arrays *results;
  TN_VEC(tn_step_check) steps;
  tn_device *device;
  const void **arrays; /* by array of the stream: its elements */
} steps_work;

static tn_context *context_of(const steps_work *work) { return work->streaming.all.model->context; }
static const tn_stream *stream_of(const steps_work *work) { return work->streaming.program->stream; }

/* ---- the run ---- */

static bool take_arguments(steps_work *work, const void **parameters) {
  tn_context *context = context_of(work);
  const tn_plan *plan = work->streaming.all.plan;
  for (int i = 0; i < plan->n_parameters; i++) {
    const tn_shape *shape = plan->buffers[plan->parameters[i]].shape;
    tn_literal *literal = tn_driver_argument(context->scratch, context, work->arguments, i, shape);
    if (!literal) return false;
    work->arrays[stream_of(work)->parameters[i]] = parameters[i] = literal->data;
  }
  return true;
}

static void append_results(steps_work *work, void *const *data) {
  tn_context *context = context_of(work);
  const tn_plan *plan = work->streaming.all.plan;
  work->results = tn_driver_new_arrays(context);
  for (int i = 0; i < plan->n_results; i++) {
    const tn_shape *shape = plan->buffers[plan->results[i]].shape;
    tn_driver_append_literal(work->results, plan->result_names[i],
                             tn_literal_array(context->scratch, shape, data[i]));
  }
}

static bool run_device(steps_work *work) {
  tn_context *context = context_of(work);
  const tn_stream *stream = stream_of(work);
  tn_str bytes = {work->streaming.bytes.bytes, work->streaming.bytes.length};
  const tn_stream *loaded = tn_driver_read_stream(context, context->scratch, "model", bytes);
  const tn_signature *signature;
  if (!loaded || !tn_driver_load_stream(context, context->scratch, loaded, work->streaming.library,
                                        TN_DEVICE_FUNCTIONAL, &work->device, &signature))
    return false;
  const void **parameters = TN_NEW_ARRAY(context->scratch, const void *, stream->n_parameters);
  void **results = TN_NEW_ARRAY(context->scratch, void *, stream->n_results);
  work->arrays = TN_NEW_ARRAY(context->scratch, const void *, stream->n_arrays);
  if (!take_arguments(work, parameters)) return false;
  for (int i = 0; i < stream->n_results; i++)
    work->arrays[stream->results[i]] = results[i] =
        tn_arena_alloc(context->scratch, (size_t)stream->arrays[stream->results[i]].bytes);
  if (!tn_driver_run_stream(context, work->device, parameters, results)) return false;
  append_results(work, results);
  return true;
}

/* ---- one step ---- */

static const void *elements_of(const steps_work *work, int buffer) {
  const tn_buffer *b = &work->streaming.all.plan->buffers[buffer];
  int array = work->streaming.program->host_arrays[buffer];
  if (b->memory == TN_MEMORY_CONSTANT) return b->literal->data;
  return array < 0 ? NULL : work->arrays[array];
}

/* The next leaves of what the step received; a value that its kernel does not read is zeros. Floats are
 * exact as they are, which is what the bounds of sums begin with. */
static tn_literal *received(const steps_work *work, tn_arena *arena, const tn_shape *shape, bool bounds,
                            const int **next) {
  if (tn_shape_is_tuple(shape)) {
    tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
    for (int i = 0; i < shape->rank; i++)
      elements[i] = received(work, arena, shape->elements[i], bounds, next);
    return tn_literal_tuple(arena, shape, elements);
  }
  const void *data = tn_shape_is_array(shape) ? elements_of(work, *(*next)++) : NULL;
  if (!data) return tn_literal_zero(arena, shape);
  tn_literal *literal = tn_literal_array(arena, shape, data);
  if (bounds && tn_type_is_float(shape->type))
    literal->bound = TN_NEW_ARRAY(arena, double, tn_shape_elements(shape));
  return literal;
}

static double number_at(const tn_literal *literal, int64_t at) {
  tn_type type = literal->shape->type;
  const char *element = (const char *)literal->data + (size_t)at * tn_type_bytes(type);
  return tn_type_is_float(type) ? tn_load_float(type, element) : (double)tn_load_integer(type, element);
}

static void compare_bits(tn_step_check *entry, const tn_literal *got, const tn_literal *wanted) {
  tn_comparison found = tn_literal_compare(got, wanted, 0, 0);
  entry->mismatches = found.mismatches;
  entry->first = found.first;
}

static void compare_sums(tn_step_check *entry, const tn_literal *got, const tn_literal *wanted) {
  int64_t count = tn_shape_elements(wanted->shape);
  for (int64_t i = 0; i < count; i++) {
    double a = number_at(got, i), b = number_at(wanted, i);
    if (a == b || (isnan(a) && isnan(b)) || (wanted->bound && fabs(a - b) <= 4 * wanted->bound[i])) continue;
    if (!entry->mismatches++) entry->first = i;
  }
}

static tn_step_check entry_for(const steps_work *work, const tn_placement *placement) {
  const tn_shape *shape = placement->step->origin->shape;
  if (tn_shape_is_tuple(shape)) shape = shape->elements[0]; /* the array's steps have one result */
  tn_arena *arena = work->streaming.all.model->derived;
  return (tn_step_check){.name = tn_arena_string(arena, placement->kernel),
                         .source = tn_arena_string(arena, placement->source ? placement->source : ""),
                         .type = tn_type_name(shape->type),
                         .rank = shape->rank,
                         .dims = tn_arena_copy(arena, shape->dims, sizeof *shape->dims * (size_t)shape->rank),
                         .exact = !placement->sums_floats,
                         .first = -1};
}

static void check_values(steps_work *work, tn_step_check *entry, const tn_step *step, tn_literal *result) {
  const tn_kernel *kernel = work->streaming.all.plan->kernels[step->kernel];
  const tn_literal *wanted = tn_literal_leaf(result, 0);
  tn_literal got = {.shape = wanted->shape,
                    .data = elements_of(work, step->arguments[kernel->n_parameters - 1])};
  if (entry->exact)
    compare_bits(entry, &got, wanted);
  else
    compare_sums(entry, &got, wanted);
  entry->holds = !entry->mismatches;
  if (entry->holds) return;
  entry->got = number_at(&got, entry->first);
  entry->wanted = number_at(wanted, entry->first);
}

static bool check_step(steps_work *work, const tn_placement *placement) {
  tn_diagnostics *sink = &context_of(work)->sink;
  const tn_step *step = placement->step;
  const tn_inst *inst = step->origin;
  if (!step->operands)
    return tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "sections: %s is no whole instruction",
                    placement->kernel);
  tn_step_check entry = entry_for(work, placement);
  tn_arena *arena = tn_arena_create();
  const tn_literal **operands = TN_NEW_ARRAY(arena, const tn_literal *, inst->n_operands);
  const int *next = step->operands;
  for (int i = 0; i < inst->n_operands; i++)
    operands[i] = received(work, arena, inst->operands[i]->shape, !entry.exact, &next);
  tn_literal *result = tn_evaluate_instruction(arena, inst, operands, sink);
  if (result) check_values(work, &entry, step, result);
  tn_arena_destroy(arena);
  TN_PUSH(work->streaming.all.model->derived, &work->steps, entry);
  return result != NULL;
}

/* ---- all of it ---- */

static bool check_steps(void *argument) {
  steps_work *work = argument;
  work->streaming.all.options.name = "model";
  if (!tn_stream_compile(&work->streaming) || !run_device(work)) return false;
  const tn_systolic_program *program = work->streaming.program;
  for (int i = 0; i < program->n_placements; i++)
    if (program->placements[i].on_array && !check_step(work, &program->placements[i])) return false;
  return true;
}

tn_status tn_check_steps(tn_model *model, const tn_compile_options *options, const tn_arrays *arguments,
                         tn_arrays **results, const tn_step_check **steps, int32_t *count) {
  steps_work work = {.streaming = {.all = {.model = model, .options = *options}, .keep_values = true},
                     .arguments = arguments};
  tn_status status = tn_driver_do(model->context, check_steps, &work);
  tn_text_free(&work.streaming.bytes);
  tn_compilation_end(&work.streaming.all);
  if (work.device) tn_device_close(work.device);
  if (status != TN_OK) tn_arrays_destroy(work.results);
  *results = status == TN_OK ? work.results : NULL;
  *steps = work.steps.at;
  *count = work.steps.count;
  return status;
}
