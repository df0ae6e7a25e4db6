/* What ran on an array against the reference evaluator, on the inputs that it received.
 *
 *     array_sections [--in FILE.npz] [--rtol X] MODEL.hlo FILE.target
 *
 * Where parts of a model run on the host in floats, a last bit there may become a byte further on, and
 * the whole model's results differ. So each instruction that became a step of the array is evaluated
 * alone, on what the device had: values that the host made are taken from the device, values that the
 * array made from the evaluator, and compared with the device's where the host or the caller sees
 * them. Without --in parameters are random. The exit status is 1 if anything differs.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/npy.h"
#include "driver/stream.h"
#include "ir/eval.h"
#include "tenon/device.h"

typedef struct {
  tn_context *context;
  tn_model *model;
  const char *target, *inputs;
  double rtol;
  tn_streaming streaming;
  tn_arena *arena;
  void **arrays;         /* by the stream's arrays: what the device has, or NULL */
  tn_literal **values;   /* by instruction id; NULL: nobody outside knows it */
  const tn_step **steps; /* by instruction id: the step that it became */
  bool *on_array;        /* the same: and where that ran */
  int evaluated, compared, wrong;
} session;

static tn_diagnostics *sink_of(session *s) { return &s->context->sink; }

/* ---- the device ---- */

static const tn_stream *stream_of(const session *s) { return s->streaming.program->stream; }

static void *room(session *s, uint64_t bytes) {
  uintptr_t at = (uintptr_t)tn_arena_alloc_raw(s->arena, bytes + 64);
  return (void *)((at + 63) / 64 * 64);
}

static bool fill_parameters(session *s) {
  const tn_stream *stream = stream_of(s);
  const tn_plan *plan = s->streaming.all.plan;
  tn_npz npz = {0};
  if (s->inputs && !tn_npz_read(s->arena, sink_of(s), s->inputs, UINT64_MAX, &npz)) return false;
  for (int i = 0; i < stream->n_parameters; i++) {
    const tn_stream_array *array = &stream->arrays[stream->parameters[i]];
    const tn_shape *shape = tn_shape_array(s->arena, array->type, array->rank, array->dims);
    const tn_npy *given = tn_npz_find(&npz, plan->parameter_names[i]);
    if (!given) given = tn_npz_find(&npz, tn_arena_printf(s->arena, "p%d", i));
    const tn_literal *literal = given ? tn_literal_from_npy(s->arena, sink_of(s), given, shape)
                                      : tn_literal_random(s->arena, shape, 1, (uint64_t)i, false);
    if (!literal) return false;
    s->arrays[stream->parameters[i]] = room(s, array->bytes);
    memcpy(s->arrays[stream->parameters[i]], literal->data, array->bytes);
  }
  return true;
}

static bool run_device(session *s) {
  const tn_stream *stream = stream_of(s);
  tn_device *device = tn_device_open(TN_DEVICE_FUNCTIONAL);
  s->arrays = TN_NEW_ARRAY(s->arena, void *, stream->n_arrays);
  bool good = device && fill_parameters(s);
  if (good) good = !tn_device_load(device, s->streaming.bytes.bytes, s->streaming.bytes.length, s->streaming.library);
  for (int i = 0; good && i < stream->n_parameters; i++)
    good = !tn_device_bind_parameter(device, i, s->arrays[stream->parameters[i]]);
  for (int i = 0; good && i < stream->n_results; i++) {
    s->arrays[stream->results[i]] = room(s, stream->arrays[stream->results[i]].bytes);
    good = !tn_device_bind_result(device, i, s->arrays[stream->results[i]]);
  }
  good = good && !tn_device_start(device) && !tn_device_wait(device);
  if (!good && device) tn_error(sink_of(s), TN_BUG, TN_NOWHERE, "device: %s", tn_device_message(device));
  tn_device_close(device);
  return good;
}

/* ---- the evaluator ---- */

static void map_steps(session *s) {
  const tn_systolic_program *program = s->streaming.program;
  int count = s->streaming.all.module->next_id;
  s->values = TN_NEW_ARRAY(s->arena, tn_literal *, count);
  s->steps = TN_NEW_ARRAY(s->arena, const tn_step *, count);
  s->on_array = TN_NEW_ARRAY(s->arena, bool, count);
  for (int i = 0; i < program->n_placements; i++) {
    const tn_step *step = program->placements[i].step;
    if (!step || step->kind != TN_STEP_RUN || !step->origin) continue;
    s->steps[step->origin->id] = step;
    s->on_array[step->origin->id] = program->placements[i].on_array;
  }
}

/* What the device has of the step's outputs, seen with the instruction's shape; NULL, or elements that
 * are NULL: nothing.                                                                            */
static tn_literal *device_value(session *s, const tn_inst *inst) {
  const tn_step *step = s->steps[inst->id];
  const tn_kernel *kernel = s->streaming.all.plan->kernels[step->kernel];
  bool tuple = tn_shape_is_tuple(inst->shape);
  int count = tuple ? inst->shape->rank : 1, next = 0;
  tn_literal **outputs = TN_NEW_ARRAY(s->arena, tn_literal *, count);
  for (int i = 0; i < kernel->n_parameters && next < count; i++) {
    if (kernel->buffers[i].access == TN_BUFFER_IN) continue;
    int array = s->streaming.program->host_arrays[step->arguments[i]], output = next++;
    const tn_shape *shape = tuple ? inst->shape->elements[output] : inst->shape;
    if (array >= 0 && s->arrays[array]) outputs[output] = tn_literal_array(s->arena, shape, s->arrays[array]);
  }
  return tuple ? tn_literal_tuple(s->arena, inst->shape, outputs) : outputs[0];
}

static tn_literal *evaluate(session *s, const tn_inst *inst) {
  const tn_literal **operands = TN_NEW_ARRAY(s->arena, const tn_literal *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++)
    if (!(operands[i] = s->values[inst->operands[i]->id])) return NULL;
  return tn_evaluate_instruction(s->arena, inst, operands, sink_of(s));
}

static void check_step(session *s, const tn_inst *inst) {
  tn_literal *own = evaluate(s, inst), *theirs = device_value(s, inst);
  s->values[inst->id] = own;
  if (!own) {
    printf("%s: something that it reads is not known\n", inst->name);
    s->wrong++;
    return;
  }
  s->evaluated++;
  if (!theirs) return;
  bool exact = tn_type_is_integer(inst->shape->type);
  tn_comparison c = tn_literal_compare(theirs, own, exact ? 0 : s->rtol, exact ? 0 : s->rtol);
  s->compared++;
  if (c.holds) return;
  s->wrong++;
  printf("%s: %lld elements differ, by %g at most\n", inst->name, (long long)c.mismatches, c.max_abs);
}

static void visit(session *s, const tn_inst *inst, int *parameter) {
  bool renames = inst->op == TN_OP_RESHAPE || inst->op == TN_OP_BITCAST || inst->op == TN_OP_OPT_BARRIER;
  if (inst->op == TN_OP_PARAMETER)
    s->values[inst->id] = tn_literal_array(s->arena, inst->shape, s->arrays[stream_of(s)->parameters[(*parameter)++]]);
  else if (inst->op == TN_OP_CONSTANT)
    s->values[inst->id] = tn_literal_clone(s->arena, inst->attr.constant.literal);
  else if (s->steps[inst->id] && s->on_array[inst->id])
    check_step(s, inst);
  else if (s->steps[inst->id])
    s->values[inst->id] = device_value(s, inst);
  else if (inst->op == TN_OP_GET_TUPLE_ELEMENT && s->values[inst->operands[0]->id])
    s->values[inst->id] = s->values[inst->operands[0]->id]->elements[inst->attr.index.index];
  else if (renames)
    s->values[inst->id] = evaluate(s, inst);
}

static bool check_sections(session *s) {
  tn_inst **order;
  const tn_comp *entry = s->streaming.all.module->entry;
  int parameter = 0, count = tn_comp_post_order(entry, s->arena, &order);
  map_steps(s);
  for (int i = 0; i < entry->parameters.count; i++) visit(s, entry->parameters.at[i], &parameter);
  for (int i = 0; i < count; i++)
    if (order[i]->op != TN_OP_PARAMETER) visit(s, order[i], &parameter);
  printf("%d steps of the array evaluated, %d values compared, %d wrong\n", s->evaluated, s->compared, s->wrong);
  return s->wrong == 0 && s->compared > 0;
}

static bool work(void *argument) {
  session *s = argument;
  s->streaming.all.model = s->model;
  s->streaming.all.options = (tn_compile_options){.target = s->target, .passes.level = 2};
  s->streaming.keep_crossing = true;
  bool done = tn_stream_compile(&s->streaming) && run_device(s);
  if (done && !check_sections(s)) done = tn_error(sink_of(s), TN_MISMATCH, TN_NOWHERE, "the array and the evaluator differ");
  tn_text_free(&s->streaming.bytes);
  tn_compilation_end(&s->streaming.all);
  return done;
}

static void print(void *user, const tn_diagnostic *diagnostic) {
  (void)user;
  fprintf(stderr, "%s\n", diagnostic->message);
}

int main(int argc, char **argv) {
  session s = {.rtol = 1e-6};
  const char *model = NULL;
  for (int i = 1; i < argc; i++) {
    bool value = i + 1 < argc;
    if (value && strcmp(argv[i], "--in") == 0)
      s.inputs = argv[++i];
    else if (value && strcmp(argv[i], "--rtol") == 0)
      s.rtol = atof(argv[++i]);
    else if (!model)
      model = argv[i];
    else
      s.target = argv[i];
  }
  if (!s.target) return fprintf(stderr, "array_sections [--in FILE.npz] [--rtol X] MODEL.hlo FILE.target\n"), 2;
  s.context = tn_context_create(print, NULL);
  s.arena = tn_arena_create();
  tn_status status = tn_model_read(s.context, model, NULL, &s.model);
  if (status == TN_OK) status = tn_driver_do(s.context, work, &s);
  tn_model_destroy(s.model);
  tn_arena_destroy(s.arena);
  tn_context_destroy(s.context);
  return (int)status;
}
