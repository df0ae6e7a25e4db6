/* Runs a plan step by step on an arena laid out as the plan says: what overlaps there
 * by mistake overlaps here too.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/interpret.h"

typedef struct {
  const tn_plan *plan;
  tn_arena *arena; /* of this run */
  void **memory;   /* of every buffer, in its layout */
  tn_diagnostics *sink;
} run;

static void *packed(tn_arena *arena, const tn_shape *shape, const void *logical) {
  if (!shape->layout) return (void *)logical;
  void *bytes = tn_arena_alloc(arena, (size_t)tn_layout_bytes(shape));
  tn_layout_pack(shape, logical, bytes);
  return bytes;
}

static void lay_out(run *r, const tn_literal *const *arguments) {
  const tn_plan *plan = r->plan;
  char *temps = tn_arena_alloc(r->arena, (size_t)plan->arena_bytes);
  for (int i = 0; i < plan->n_buffers; i++) {
    const tn_buffer *buffer = &plan->buffers[i];
    switch (buffer->memory) {
    case TN_MEMORY_PARAMETER:
      r->memory[i] = packed(r->arena, buffer->shape, arguments[buffer->number]->data);
      break;
    case TN_MEMORY_CONSTANT: r->memory[i] = packed(r->arena, buffer->shape, buffer->literal->data); break;
    case TN_MEMORY_RESULT: r->memory[i] = tn_arena_alloc(r->arena, (size_t)buffer->bytes); break;
    case TN_MEMORY_TEMP: r->memory[i] = temps + buffer->offset; break;
    }
  }
}

static bool run_steps(run *r, const tn_step *steps);

static bool run_kernel_step(run *r, const tn_step *step) {
  const tn_kernel *kernel = r->plan->kernels[step->kernel];
  tn_arena *scratch = tn_arena_create();
  void **memory = TN_NEW_ARRAY(scratch, void *, kernel->n_parameters);
  for (int i = 0; i < kernel->n_parameters; i++) memory[i] = r->memory[step->arguments[i]];
  bool ok = tn_kernel_run(kernel, r->plan->target, memory, r->sink);
  tn_arena_destroy(scratch);
  return ok;
}

static int branch_of(const run *r, const tn_step *step) {
  const tn_buffer *selector = &r->plan->buffers[step->selector];
  if (selector->shape->type == TN_PRED) return *(const uint8_t *)r->memory[step->selector] ? 0 : 1;
  int32_t index;
  memcpy(&index, r->memory[step->selector], sizeof index);
  return index < 0 || index >= step->n_branches ? step->n_branches - 1 : index;
}

static bool run_while(run *r, const tn_step *step) {
  for (;;) {
    if (!run_steps(r, step->test)) return false;
    if (!*(const uint8_t *)r->memory[step->selector]) return true;
    if (!run_steps(r, step->branches[0])) return false;
  }
}

static bool run_step(run *r, const tn_step *step) {
  switch (step->kind) {
  case TN_STEP_RUN: return run_kernel_step(r, step);
  case TN_STEP_COPY:
    memmove(r->memory[step->to], r->memory[step->from], (size_t)r->plan->buffers[step->to].bytes);
    return true;
  case TN_STEP_WHILE: return run_while(r, step);
  case TN_STEP_CONDITIONAL: return run_steps(r, step->branches[branch_of(r, step)]);
  }
  return false;
}

static bool run_steps(run *r, const tn_step *steps) {
  for (const tn_step *step = steps; step; step = step->next)
    if (!run_step(r, step)) return false;
  return true;
}

bool tn_plan_run(tn_arena *arena, const tn_plan *plan, const tn_literal *const *arguments,
                 tn_literal **results, tn_diagnostics *sink) {
  run r = {.plan = plan, .arena = tn_arena_create(), .sink = sink};
  r.memory = TN_NEW_ARRAY(r.arena, void *, plan->n_buffers);
  lay_out(&r, arguments);
  bool ok = run_steps(&r, plan->steps);
  for (int i = 0; ok && i < plan->n_results; i++) {
    const tn_buffer *buffer = &plan->buffers[plan->results[i]];
    void *data;
    results[i] = tn_literal_uninitialised(arena, tn_shape_clone(arena, buffer->shape), &data);
    if (buffer->shape->layout)
      tn_layout_unpack(buffer->shape, r.memory[plan->results[i]], data);
    else
      memcpy(data, r.memory[plan->results[i]], (size_t)buffer->bytes);
  }
  tn_arena_destroy(r.arena);
  return ok;
}
