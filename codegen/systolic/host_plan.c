/* A section of a plan as a plan of its own, for native code.
 *
 *   plan resnet { … run conv_3(x, w, t0)  run softmax_5(t0, t1)  run dot_6(t1, w2, r0) }
 *   plan resnet_host0 { parameter t0  result t1  run softmax_5(t0, t1) }
 *
 * Values from outside are parameters, values that somebody outside reads are results, all else
 * keeps its place: constants are shared, kernels are those of the whole plan.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/partition.h"

typedef struct {
  tn_arena *arena;
  const tn_plan *from;
  tn_plan *to;
  int *buffer_of; /* by buffer of `from`; -1: not in here */
  int *kernel_of;
  TN_VEC(tn_buffer) buffers;
  TN_VEC(tn_kernel *) kernels;
} builder;

/* ---- steps ---- */

static int map_buffer(builder *b, int buffer) {
  if (b->buffer_of[buffer] >= 0) return b->buffer_of[buffer];
  tn_buffer copy = b->from->buffers[buffer];
  copy.memory = copy.memory == TN_MEMORY_CONSTANT ? TN_MEMORY_CONSTANT : TN_MEMORY_TEMP;
  copy.alias = -1;
  /* Numbers of temps are below the number of buffers: so tn_plan_finish finds names for its own. */
  if (b->from->buffers[buffer].memory == TN_MEMORY_TEMP)
    copy.name = tn_arena_printf(b->arena, "t%d", b->buffers.count);
  TN_PUSH(b->arena, &b->buffers, copy);
  return b->buffer_of[buffer] = b->buffers.count - 1;
}

/* Kernels are changed by schedules and by joining buffers: each step has its own. */
static int copy_kernel(builder *b, int kernel) {
  const tn_kernel *old = b->from->kernels[kernel];
  tn_kernel *copy = tn_arena_copy(b->arena, old, sizeof *old);
  copy->buffers = tn_arena_copy(b->arena, old->buffers, sizeof *old->buffers * (size_t)old->n_buffers);
  TN_PUSH(b->arena, &b->kernels, copy);
  return b->kernels.count - 1;
}

static tn_step *copy_steps(builder *b, const tn_step *first);

static tn_step *copy_step(builder *b, const tn_step *step) {
  tn_step *copy = tn_arena_copy(b->arena, step, sizeof *step);
  copy->next = NULL;
  switch (step->kind) {
  case TN_STEP_RUN: {
    int n = b->from->kernels[step->kernel]->n_parameters;
    int *arguments = TN_NEW_ARRAY(b->arena, int, n);
    for (int i = 0; i < n; i++) arguments[i] = map_buffer(b, step->arguments[i]);
    copy->arguments = arguments;
    copy->kernel = copy_kernel(b, step->kernel);
    return copy;
  }
  case TN_STEP_COPY:
    copy->to = map_buffer(b, step->to);
    copy->from = map_buffer(b, step->from);
    return copy;
  case TN_STEP_WHILE:
  case TN_STEP_CONDITIONAL: break;
  }
  copy->selector = map_buffer(b, step->selector);
  copy->test = copy_steps(b, step->test);
  copy->branches = TN_NEW_ARRAY(b->arena, tn_step *, step->n_branches);
  for (int i = 0; i < step->n_branches; i++) copy->branches[i] = copy_steps(b, step->branches[i]);
  return copy;
}

static tn_step *copy_steps(builder *b, const tn_step *first) {
  tn_step *list = NULL, **tail = &list;
  for (const tn_step *s = first; s; s = s->next) {
    *tail = copy_step(b, s);
    tail = &(*tail)->next;
  }
  return list;
}

/* ---- what goes in and out ---- */

static int add_value(builder *b, int buffer, tn_memory memory, int number) {
  int mapped = map_buffer(b, buffer);
  b->buffers.at[mapped].memory = memory;
  b->buffers.at[mapped].number = number;
  return mapped;
}

static void add_signature(builder *b, const bool *reads, const bool *writes, const bool *is_needed,
                          int **arrays) {
  TN_VEC(int) in = {0}, out = {0}, all = {0};
  TN_VEC(const char *) in_names = {0}, out_names = {0};
  for (int i = 0; i < b->from->n_buffers; i++) {
    if (!reads[i] || writes[i] || b->from->buffers[i].memory == TN_MEMORY_CONSTANT) continue;
    int value = add_value(b, i, TN_MEMORY_PARAMETER, in.count);
    TN_PUSH(b->arena, &in, value);
    TN_PUSH(b->arena, &in_names, b->buffers.at[value].name);
    TN_PUSH(b->arena, &all, i);
  }
  for (int i = 0; i < b->from->n_buffers; i++) {
    if (!writes[i] || !is_needed[i]) continue;
    int value = add_value(b, i, TN_MEMORY_RESULT, out.count);
    TN_PUSH(b->arena, &out, value);
    TN_PUSH(b->arena, &out_names, b->buffers.at[value].name);
    TN_PUSH(b->arena, &all, i);
  }
  b->to->n_parameters = in.count;
  b->to->parameters = in.at;
  b->to->parameter_names = in_names.at;
  b->to->n_results = out.count;
  b->to->results = out.at;
  b->to->result_names = out_names.at;
  *arrays = all.at;
}

tn_plan *tn_host_plan(tn_arena *arena, const tn_partition *p, int first, int end, const char *name,
                      const bool *is_needed, int **arrays) {
  builder b = {.arena = arena, .from = p->plan, .to = TN_NEW(arena, tn_plan)};
  int n = p->plan->n_buffers;
  bool *reads = TN_NEW_ARRAY(arena, bool, n), *writes = TN_NEW_ARRAY(arena, bool, n);
  tn_step **tail = &b.to->steps;
  b.buffer_of = TN_NEW_ARRAY(arena, int, n);
  for (int i = 0; i < n; i++) b.buffer_of[i] = -1;
  for (int i = first; i < end; i++) {
    for (int k = 0; k < p->steps[i].reads.count; k++) reads[p->steps[i].reads.at[k]] = true;
    for (int k = 0; k < p->steps[i].writes.count; k++) writes[p->steps[i].writes.at[k]] = true;
  }
  add_signature(&b, reads, writes, is_needed, arrays);
  for (int i = first; i < end; i++) {
    *tail = copy_step(&b, p->steps[i].step);
    tail = &(*tail)->next;
  }
  b.to->arena = arena;
  b.to->name = name;
  b.to->target = p->options->host;
  b.to->buffers = b.buffers.at;
  b.to->n_buffers = b.buffers.count;
  b.to->kernels = b.kernels.at;
  b.to->n_kernels = b.kernels.count;
  return b.to;
}
