/* A plan as a program of an array and its host: host memory, functions, layers, the table of what ran
 * where; then tiling makes the stream.
 *
 * In host memory lie parameters, results, and what crosses between the sides; each has its own
 * place, 64 bytes aligned. The host's functions are named NAME_host0, NAME_host1, … in their order.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/partition.h"

typedef struct {
  tn_arena *arena;
  tn_plan *plan;
  const tn_systolic_options *options;
  tn_partition *p;
  tn_stream *stream;
  int *host_arrays; /* by buffer */
  TN_VEC(tn_stream_array) arrays;
  TN_VEC(tn_stream_function) functions;
  TN_VEC(tn_stream_layer) layers;
  TN_VEC(tn_tile_item) items;
  TN_VEC(tn_plan *) plans;
  TN_VEC(tn_placement) placements;
  const tn_forecast_program *forecast;
} composer;

/* ---- host memory ---- */

static void give_place(composer *c, int buffer, const char *name) {
  const tn_buffer *b = &c->plan->buffers[buffer];
  if (c->host_arrays[buffer] >= 0) return;
  uint64_t bytes = (uint64_t)tn_shape_elements(b->shape) * tn_type_bytes(b->shape->type);
  tn_stream_array array = {.name = name,
                           .type = b->shape->type,
                           .rank = b->shape->rank,
                           .dims = b->shape->dims,
                           .at = c->stream->host_bytes,
                           .bytes = bytes};
  c->host_arrays[buffer] = c->arrays.count;
  c->stream->host_bytes += (bytes + 63) / 64 * 64;
  TN_PUSH(c->arena, &c->arrays, array);
}

/* Buffers that a section of one side makes or has, and a section of the other reads. */
static void find_crossing(composer *c, bool *crosses) {
  int *side = TN_NEW_ARRAY(c->arena, int, c->plan->n_buffers); /* 1: array, 2: host */
  for (int i = 0; i < c->p->count; i++)
    for (int k = 0; k < c->p->steps[i].writes.count; k++)
      side[c->p->steps[i].writes.at[k]] = c->p->steps[i].on_array ? 1 : 2;
  for (int i = 0; i < c->p->count; i++) {
    const tn_placed_step *s = &c->p->steps[i];
    for (int k = 0; k < s->reads.count; k++) {
      int from = side[s->reads.at[k]];
      if (from && from != (s->on_array ? 1 : 2)) crosses[s->reads.at[k]] = true;
    }
  }
}

/* What steps of the array read and write; constants are known without it. */
static void find_kept(const composer *c, bool *kept) {
  for (int i = 0; i < c->p->count; i++) {
    const tn_placed_step *s = &c->p->steps[i];
    for (int k = 0; s->on_array && k < s->reads.count; k++) kept[s->reads.at[k]] = true;
    for (int k = 0; s->on_array && k < s->writes.count; k++) kept[s->writes.at[k]] = true;
  }
  for (int b = 0; b < c->plan->n_buffers; b++) kept[b] &= c->plan->buffers[b].memory != TN_MEMORY_CONSTANT;
}

/* A value that one section of the host makes and another one reads is in host memory, too. */
static void find_needed(const composer *c, int first, int end, bool *needed) {
  for (int i = 0; i < c->plan->n_results; i++) needed[c->plan->results[i]] = true;
  for (int i = 0; i < c->p->count; i++) {
    if (i >= first && i < end) continue;
    for (int k = 0; k < c->p->steps[i].reads.count; k++) needed[c->p->steps[i].reads.at[k]] = true;
  }
}

static void place_signature(composer *c) {
  const tn_plan *plan = c->plan;
  bool *crosses = TN_NEW_ARRAY(c->arena, bool, plan->n_buffers);
  c->host_arrays = TN_NEW_ARRAY(c->arena, int, plan->n_buffers);
  for (int b = 0; b < plan->n_buffers; b++) c->host_arrays[b] = -1;
  for (int i = 0; i < plan->n_parameters; i++) give_place(c, plan->parameters[i], plan->parameter_names[i]);
  for (int i = 0; i < plan->n_results; i++) give_place(c, plan->results[i], plan->result_names[i]);
  if (c->options->keep_values) find_kept(c, crosses);
  find_crossing(c, crosses);
  for (int b = 0; b < plan->n_buffers; b++)
    if (crosses[b]) give_place(c, b, plan->buffers[b].name);
}

/* Parameters and results have the first places. */
static void list_signature(composer *c) {
  const tn_plan *plan = c->plan;
  int own = plan->n_parameters + plan->n_results;
  c->stream->n_parameters = plan->n_parameters;
  c->stream->n_results = plan->n_results;
  c->stream->parameters = TN_NEW_ARRAY(c->arena, uint32_t, plan->n_parameters);
  c->stream->results = TN_NEW_ARRAY(c->arena, uint32_t, c->arrays.count);
  for (int i = 0; i < plan->n_parameters; i++)
    c->stream->parameters[i] = (uint32_t)c->host_arrays[plan->parameters[i]];
  for (int i = 0; i < plan->n_results; i++)
    c->stream->results[i] = (uint32_t)c->host_arrays[plan->results[i]];
  for (int i = own; c->options->keep_values && i < c->arrays.count; i++)
    c->stream->results[c->stream->n_results++] = (uint32_t)i;
}

/* ---- sections ---- */

static void add_host_section(composer *c, int first, int end) {
  int *buffers;
  bool *needed = TN_NEW_ARRAY(c->arena, bool, c->plan->n_buffers);
  const char *symbol = tn_arena_printf(c->arena, "%s_host%d", c->options->name, c->functions.count);
  find_needed(c, first, end, needed);
  tn_plan *plan = tn_host_plan(c->arena, c->p, first, end, symbol, needed, &buffers);
  int n = plan->n_parameters + plan->n_results;
  uint32_t *arrays = TN_NEW_ARRAY(c->arena, uint32_t, n);
  for (int i = 0; i < n; i++) {
    give_place(c, buffers[i], c->plan->buffers[buffers[i]].name);
    arrays[i] = (uint32_t)c->host_arrays[buffers[i]];
  }
  for (int i = first; i < end; i++) c->stream->host_macs += (uint64_t)c->p->steps[i].macs;
  if (!plan->n_results) return; /* nobody looks at it */
  tn_tile_item item = {.function = c->functions.count,
                       .n_reads = plan->n_parameters,
                       .n_writes = plan->n_results,
                       .reads = buffers,
                       .writes = buffers + plan->n_parameters};
  TN_PUSH(c->arena, &c->items, item);
  TN_PUSH(c->arena, &c->functions,
          ((tn_stream_function){symbol, plan->n_parameters, plan->n_results, arrays}));
  TN_PUSH(c->arena, &c->plans, plan);
}

static void add_array_step(composer *c, const tn_placed_step *s) {
  const tn_kernel *kernel = c->plan->kernels[s->step->kernel];
  for (const tn_systolic_work *work = s->work; work; work = work->next)
    TN_PUSH(c->arena, &c->items, ((tn_tile_item){.work = work, .layer = c->layers.count}));
  TN_PUSH(
      c->arena, &c->layers,
      ((tn_stream_layer){.name = kernel->name, .source = kernel->source, .macs = (uint64_t)s->work->macs}));
}

static void add_sections(composer *c) {
  for (int i = 0, first = 0; i < c->p->n_sections; first = c->p->section_ends[i++]) {
    int end = c->p->section_ends[i];
    if (first == end) continue;
    if (!c->p->steps[first].on_array)
      add_host_section(c, first, end);
    else
      for (int k = first; k < end; k++) add_array_step(c, &c->p->steps[k]);
  }
}

/* ---- what ran where ---- */

static void tell_inside(composer *c, const tn_step *step, const char *why, int64_t turns);

static void tell_region(composer *c, const tn_step *step, const char *why, int64_t turns) {
  turns *= tn_step_turns(step);
  tell_inside(c, step->test, why, turns);
  for (int i = 0; i < step->n_branches; i++) tell_inside(c, step->branches[i], why, turns);
}

/* turns: of all loops around. */
static void tell_inside(composer *c, const tn_step *step, const char *why, int64_t turns) {
  for (const tn_step *s = step; s; s = s->next) {
    if (s->kind == TN_STEP_RUN) {
      const tn_kernel *kernel = c->plan->kernels[s->kernel];
      TN_PUSH(c->arena, &c->placements,
              ((tn_placement){.step = s,
                              .kernel = kernel->name,
                              .source = kernel->source,
                              .why = why,
                              .macs = turns * tn_kernel_macs(c->arena, kernel)}));
    }
    tell_region(c, s, why, turns);
  }
}

static bool sums_floats(const tn_systolic_work *work) {
  return work->is_contraction ? tn_type_is_float(work->sum)
                              : work->work.join == TN_ISA_JOIN_ADD && tn_type_is_float(work->work.source);
}

static void tell_placements(composer *c) {
  int layer = 0;
  for (int i = 0; i < c->p->count; i++) {
    const tn_placed_step *s = &c->p->steps[i];
    bool loop = s->step->kind == TN_STEP_WHILE;
    if (loop || s->step->kind == TN_STEP_CONDITIONAL) {
      tell_region(c, s->step, loop ? "inside a loop" : "inside a branch", 1);
      continue;
    }
    tn_placement placement = {
        .step = s->step, .kernel = "copy", .on_array = s->on_array, .why = s->why, .macs = s->macs};
    if (s->step->kind == TN_STEP_RUN) {
      placement.kernel = c->plan->kernels[s->step->kernel]->name;
      placement.source = c->plan->kernels[s->step->kernel]->source;
    }
    if (s->on_array) {
      placement.why = NULL;
      placement.sums_floats = sums_floats(s->work);
      placement.is_product = s->work->is_contraction;
      placement.dataflow = s->tiling->dataflow;
      placement.model_cycles = (int64_t)c->stream->layers[layer++].model_cycles;
    }
    TN_PUSH(c->arena, &c->placements, placement);
  }
}

/* ---- all of it ---- */

static bool make_stream(composer *c, tn_diagnostics *sink) {
  tn_stream *stream = c->stream;
  stream->target = tn_arena_copy(c->arena, c->options->array, sizeof *c->options->array);
  stream->name = c->options->name;
  place_signature(c);
  add_sections(c);
  list_signature(c);
  stream->arrays = c->arrays.at;
  stream->n_arrays = c->arrays.count;
  stream->functions = c->functions.at;
  stream->n_functions = c->functions.count;
  stream->layers = c->layers.at;
  stream->n_layers = c->layers.count;
  tn_tile_program program = {.plan = c->plan,
                             .stream = stream,
                             .n_items = c->items.count,
                             .items = c->items.at,
                             .host_arrays = c->host_arrays};
  bool done = tn_tile_emit(c->arena, &program, c->options, sink);
  c->forecast = program.forecast;
  return done;
}

tn_systolic_program *tn_systolic_compile(tn_plan *plan, const tn_systolic_options *options,
                                         tn_diagnostics *sink) {
  composer c = {
      .arena = plan->arena, .plan = plan, .options = options, .stream = TN_NEW(plan->arena, tn_stream)};
  c.p = tn_partition_of(c.arena, plan, options);
  if (!make_stream(&c, sink)) return NULL;
  tell_placements(&c);
  tn_systolic_program *program = TN_NEW(c.arena, tn_systolic_program);
  program->stream = c.stream;
  program->host_plans = c.plans.at;
  program->n_host_plans = c.plans.count;
  program->placements = c.placements.at;
  program->n_placements = c.placements.count;
  program->host_arrays = c.host_arrays;
  program->forecast = c.forecast;
  return program;
}
