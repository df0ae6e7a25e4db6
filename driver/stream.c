/* Models -> instruction streams, with the host's part as a shared library.
 *
 *   module --passes--> --unscheduled plan--> --codegen/systolic--> stream + host plans
 *                                                    host plans --codegen/cpu--> objects --$CC--> NAME.host.so
 *
 * A stream's arrays are row-major and its results are nobody's memory but their own: layouts of the
 * entry and aliases, which are promises about CPU code's pointers, go before the plan is built.
 * The stream names the library by the hash of its bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/stream.h"

#include "base/file.h"
#include "base/hash.h"
#include "driver/link.h"

/* ---- targets ---- */

tn_systolic_target *tn_systolic_target_read(tn_arena *arena, tn_diagnostics *sink, const char *path,
                                            int64_t max_file_size, const char *const *settings) {
  tn_str text;
  if (!tn_file_map(arena, sink, path, (uint64_t)max_file_size, &text)) return NULL;
  tn_systolic_target *array = tn_systolic_target_parse(arena, sink, path, text);
  for (; array && settings && *settings; settings++)
    if (!tn_systolic_target_set(array, sink, (tn_str){*settings, strlen(*settings)})) return NULL;
  return array && tn_systolic_target_check(array, sink) ? array : NULL;
}

/* ---- the plan ---- */

static void forget_pointers(tn_module *module) {
  int count = module->entry->parameters.count;
  const tn_shape **shapes = TN_NEW_ARRAY(module->arena, const tn_shape *, count);
  for (int i = 0; i < count; i++)
    shapes[i] = tn_shape_without_layout(module->arena, module->entry->parameters.at[i]->shape);
  module->entry_parameters = tn_shape_tuple(module->arena, count, shapes);
  module->entry_result = tn_shape_without_layout(module->arena, module->entry->root->shape);
  module->aliases.count = 0;
}

static bool make_plan(tn_stream_compilation *s, const tn_cpu *host) {
  tn_compilation *all = &s->all;
  tn_context *context = all->model->context;
  tn_plan_options options = {.target = host,
                             .level = all->options.passes.level,
                             .max_instructions = context->limits.max_instructions,
                             .unscheduled = true};
  if (!tn_compilation_optimise(all)) return false;
  forget_pointers(all->module);
  all->plan = tn_plan_build(all->module, &options, &context->sink);
  return all->plan != NULL;
}

/* ---- the host's library ---- */

static const char *write_object(tn_stream_compilation *s, tn_plan *plan, const char *folder) {
  tn_context *context = s->all.model->context;
  int level = s->all.options.passes.level;
  tn_plan_options options = {
      .target = plan->target, .level = level, .schedule_seed = s->all.options.schedule_seed};
  tn_cpu_options cpu = {.name = plan->name, .optimisation = level < 1 ? 1 : level, .uniform_call = true};
  tn_object object = {0};
  if (!tn_plan_finish(plan, &options, &context->sink) || !tn_compilation_holds(plan, &context->sink) ||
      !tn_cpu_compile(plan, &cpu, &object, &context->sink))
    return NULL;
  s->all.report.text_bytes += object.text_bytes;
  s->all.report.constant_bytes += object.constant_bytes;
  s->all.report.kernels += plan->n_kernels;
  int64_t bytes = object.arena_bytes + object.arena_bytes_per_thread;
  if (bytes > s->all.report.arena_bytes) s->all.report.arena_bytes = bytes;
  if (object.stack_bytes > s->all.report.stack_bytes) s->all.report.stack_bytes = object.stack_bytes;
  const char *path = tn_arena_printf(context->scratch, "%s/%s.o", folder, plan->name);
  return tn_file_write(&context->sink, path, object.pieces, object.n_pieces, false) ? path : NULL;
}

/* All functions in one library. Its name inside the folder is not in its bytes. */
static bool make_library(tn_stream_compilation *s, tn_plan *const *plans, int count) {
  tn_context *context = s->all.model->context;
  const char *folder = tn_link_folder(context->scratch, &context->sink);
  const char **arguments = TN_NEW_ARRAY(context->scratch, const char *, count + 4);
  if (!folder) return false;
  const char *library = tn_arena_printf(context->scratch, "%s/%s.host.so", folder, s->all.options.name);
  arguments[0] = "-shared";
  arguments[1] = "-Wl,--build-id=none";
  arguments[2] = "-o";
  arguments[3] = library;
  for (int i = 0; i < count; i++)
    if (!(arguments[4 + i] = write_object(s, plans[i], folder))) return false;
  if (!tn_link_run(context->scratch, &context->sink, arguments, count + 4) ||
      !tn_file_map(context->scratch, &context->sink, library, UINT64_MAX, &s->library_bytes))
    return false;
  s->library = library;
  return true;
}

/* ---- what is told of it ---- */

static const char *or_nothing(tn_arena *arena, const char *text) {
  return text ? tn_arena_string(arena, text) : "";
}

static void report_stream(tn_stream_compilation *s) {
  tn_arena *arena = s->all.model->derived;
  const tn_systolic_program *program = s->program;
  tn_placed *placed = TN_NEW_ARRAY(arena, tn_placed, program->n_placements);
  for (int i = 0; i < program->n_placements; i++) {
    const tn_placement *from = &program->placements[i];
    placed[i] = (tn_placed){.kernel = tn_arena_string(arena, from->kernel),
                            .source = or_nothing(arena, from->source),
                            .on_array = from->on_array,
                            .why = or_nothing(arena, from->why),
                            .dataflow = from->is_product ? tn_dataflow_name(from->dataflow) : "",
                            .macs = from->macs,
                            .model_cycles = from->model_cycles};
  }
  s->all.report.placed = placed;
  s->all.report.placed_count = program->n_placements;
  s->all.report.steps = program->n_placements;
  s->all.report.instructions = program->stream->count;
}

/* ---- all of it ---- */

bool tn_stream_compile(tn_stream_compilation *s) {
  tn_compilation *all = &s->all;
  tn_context *context = all->model->context;
  tn_diagnostics *sink = &context->sink;
  if (!all->options.name) all->options.name = "model";
  all->options.passes.target = all->options.target;
  if (all->model->plan)
    return tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE,
                    "a plan has schedules already: streams are made of modules");
  if (!tn_target_names_array(all->options.target))
    return tn_error(sink, TN_USAGE, TN_NOWHERE,
                    "a stream needs --target=FILE.target, which describes the array");
  s->array = tn_systolic_target_read(context->scratch, sink, all->options.target,
                                     context->limits.max_file_size, all->options.passes.settings);
  const tn_cpu *host =
      s->array ? tn_cpu_find(context->scratch, sink, "host", all->options.cpu, all->options.features) : NULL;
  if (!host || !make_plan(s, host)) return false;
  tn_systolic_options options = {
      .array = s->array, .name = all->options.name, .host = host, .keep_values = s->keep_values};
  s->program = tn_systolic_compile(all->plan, &options, sink);
  if (!s->program) return false;
  if (s->program->n_host_plans && !make_library(s, s->program->host_plans, s->program->n_host_plans))
    return false;
  if (s->library) {
    tn_hash hash = tn_hash_bytes(s->library_bytes.at, s->library_bytes.length);
    s->program->stream->host_hash[0] = hash.high;
    s->program->stream->host_hash[1] = hash.low;
  }
  report_stream(s);
  tn_stream_write(&s->bytes, s->program->stream);
  return true;
}
