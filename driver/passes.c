/* Passes on a model: names resolved, those of the caller added, the pipeline run.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/driver.h"
#include "driver/equal.h"
#include "driver/stream.h"
#include "driver/watch.h"
#include "passes/place.h"

/* ---- names ---- */

static const tn_pass *find_pass(const tn_context *context, const char *name) {
  for (int i = 0; i < context->added.count; i++)
    if (strcmp(context->added.at[i]->pass.name, name) == 0) return &context->added.at[i]->pass;
  return tn_pass_find(name);
}

static bool unknown_pass(tn_context *context, const char *name) {
  int count = tn_pass_count + context->added.count;
  const char **names = TN_NEW_ARRAY(context->scratch, const char *, count);
  for (int i = 0; i < tn_pass_count; i++) names[i] = tn_passes[i].name;
  for (int i = 0; i < context->added.count; i++) names[tn_pass_count + i] = context->added.at[i]->pass.name;
  const char *nearest = tn_nearest_name(name, names, count);
  if (nearest)
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "unknown pass '%s'; did you mean '%s'?", name,
                    nearest);
  return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "unknown pass '%s'; 'tenon list passes' names them",
                  name);
}

static bool check_name(tn_context *context, const char *name) {
  return !name || find_pass(context, name) || unknown_pass(context, name);
}

static bool check_names(tn_context *context, const tn_pass_options *options) {
  bool known = check_name(context, options->stop_after);
  known &= check_name(context, options->start_after);
  for (int i = 0; i < options->fuel_count; i++) known &= check_name(context, options->fuel[i].pass);
  for (const char *const *name = options->disabled; name && *name; name++)
    known &= check_name(context, *name);
  return known;
}

/* ---- passes of the caller's own ---- */

static bool run_added(tn_module *module, tn_pass_context *pass_context) {
  const tn_added_pass *added = (const tn_added_pass *)pass_context->pass;
  return added->function(added->user, module);
}

typedef struct {
  tn_context *context;
  const char *name, *help;
  tn_custom_pass *function;
  void *user;
} add_work;

static bool do_add(void *argument) {
  add_work *work = argument;
  tn_context *context = work->context;
  if (find_pass(context, work->name))
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "there is a pass '%s' already", work->name);
  tn_added_pass *added = TN_NEW(context->arena, tn_added_pass);
  added->pass = (tn_pass){.name = tn_arena_string(context->arena, work->name),
                          .help = tn_arena_string(context->arena, work->help ? work->help : ""),
                          .stage = TN_STAGE_LATE,
                          .min_level = -1,
                          .breaks = TN_PROPERTY_ALL,
                          .flags = TN_PASS_ROUNDS,
                          .run = run_added};
  added->function = work->function;
  added->user = work->user;
  TN_PUSH(context->arena, &context->added, added);
  return true;
}

tn_status tn_context_add_pass(tn_context *context, const char *name, const char *help, tn_custom_pass *pass,
                              void *user) {
  return tn_driver_do(context, do_add, &(add_work){context, name, help, pass, user});
}

/* ---- bounded dims of the entry ---- */

bool tn_driver_settle(tn_model *model) {
  if (!model->module || !tn_entry_is_bounded(model->module)) return true;
  const tn_pass *pass = tn_pass_find("bounded-entry");
  tn_pipeline_options options = {.passes = &pass, .n_passes = 1};
  tn_pass_record *records;
  int count;
  return tn_pipeline_run(model->module, &options, model->context->scratch, &records, &count,
                         &model->context->sink);
}

/* ---- what the caller is told ---- */

typedef struct {
  tn_model *model;
  const tn_pass_options *options;
  tn_arena *arena;
  tn_watch *watch; /* of --check-passes; NULL: none */
} watcher;

static tn_pass_run run_of(tn_arena *arena, const tn_pass_record *record) {
  tn_pass_rule *rules = TN_NEW_ARRAY(arena, tn_pass_rule, record->n_rules);
  for (int i = 0; i < record->n_rules; i++) {
    const char *rule = record->rules[i].rule;
    rules[i] = (tn_pass_rule){rule ? rule : "", record->rules[i].rewrites};
  }
  return (tn_pass_run){.name = tn_arena_string(arena, record->name),
                       .seconds = record->seconds,
                       .changes = record->changes,
                       .occurrence = record->occurrence,
                       .round = record->round,
                       .changed = record->changed,
                       .policing_seconds = record->policing_seconds,
                       .bytes = record->bytes,
                       .rules = rules,
                       .rule_count = record->n_rules,
                       .unmet = record->unmet};
}

/* What a hook says has been told already: only the status is left to keep. */
static bool call_hook(const watcher *w, tn_pass_hook *hook, const tn_pass_record *record) {
  tn_context *context = w->model->context;
  tn_pass_run run = run_of(w->arena, record);
  tn_status status = hook ? hook(w->options->user, w->model, &run) : TN_OK;
  if (status == TN_OK) return true;
  context->sink.errors++;
  if (context->sink.status == TN_OK) context->sink.status = status;
  return false;
}

static bool before_pass(void *user, tn_module *module, const tn_pass_record *record) {
  const watcher *w = user;
  tn_watch_before(w->watch, module);
  return call_hook(w, w->options->before_pass, record);
}

/* While the hook looks, files that it writes say where they are from. */
static bool after_pass(void *user, tn_module *module, const tn_pass_record *record) {
  const watcher *w = user;
  tn_pipeline_place place = tn_place_of(record);
  w->model->place = &place;
  bool done = call_hook(w, w->options->after_pass, record);
  w->model->place = NULL;
  return done && tn_watch_after(w->watch, module, record);
}

/* ---- running ---- */

static bool resolve(tn_context *context, const char *const *names, tn_pipeline_options *pipeline) {
  TN_VEC(const tn_pass *) list = {0};
  for (; *names; names++) {
    const tn_pass *pass = find_pass(context, *names);
    if (!pass) return unknown_pass(context, *names);
    TN_PUSH(context->scratch, &list, pass);
  }
  /* An empty list is a list: no passes at all. */
  pipeline->passes = list.at ? list.at : TN_NEW_ARRAY(context->scratch, const tn_pass *, 1);
  pipeline->n_passes = list.count;
  return true;
}

static const tn_fuel *copy_fuel(tn_arena *arena, const tn_pass_options *options) {
  tn_fuel *fuel = TN_NEW_ARRAY(arena, tn_fuel, options->fuel_count);
  for (int i = 0; i < options->fuel_count; i++)
    fuel[i] = (tn_fuel){options->fuel[i].pass, options->fuel[i].changes};
  return fuel;
}

static const tn_pass_run *copy_runs(tn_arena *arena, const tn_pass_record *records, int count) {
  tn_pass_run *runs = TN_NEW_ARRAY(arena, tn_pass_run, count);
  for (int i = 0; i < count; i++) runs[i] = run_of(arena, &records[i]);
  return runs;
}

/* An array's passes leave the host what it does not do. */
static bool find_target(tn_context *context, const tn_pass_options *options, tn_pipeline_options *pipeline) {
  bool array = tn_target_names_array(options->target);
  const char *cpu = array || !options->target ? "host" : options->target;
  if (options->settings && !array)
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE,
                    "settings: the target is no array, whose keys they are of");
  if (array)
    pipeline->array = tn_systolic_target_read(context->scratch, &context->sink, options->target,
                                              context->limits.max_file_size, options->settings);
  if (array && !pipeline->array) return false;
  if (!array && !options->target && options->sparsity <= 0) return true;
  pipeline->target = tn_cpu_find(context->scratch, &context->sink, cpu, NULL, NULL);
  return pipeline->target != NULL;
}

bool tn_driver_optimise(tn_model *model, const tn_pass_options *options, tn_arena *arena,
                        const tn_pass_run **runs, int *count) {
  tn_context *context = model->context;
  watcher watching = {model, options, context->scratch, NULL};
  tn_pipeline_options pipeline = {
      .level = options->level,
      .reassociate = options->reassociate,
      .sparsity = options->sparsity,
      .max_fold_work = context->limits.max_fold_work,
      .disabled = options->disabled,
      .stop_after = {.name = options->stop_after, .occurrence = options->stop_occurrence},
      .start_after = {.name = options->start_after, .occurrence = options->start_occurrence},
      .fuel = copy_fuel(context->scratch, options),
      .n_fuel = options->fuel_count,
      .before_pass = before_pass,
      .after_pass = after_pass,
      .user = &watching};
  tn_pass_record *records;
  if (!check_names(context, options) || !find_target(context, options, &pipeline)) return false;
  if (options->passes && !resolve(context, options->passes, &pipeline)) return false;
  watching.watch = tn_watch_begin(model, options, &pipeline);
  bool good = tn_pipeline_run(model->module, &pipeline, context->scratch, &records, count, &context->sink);
  tn_watch_end(watching.watch);
  if (!good) return false;
  *runs = copy_runs(arena, records, *count);
  return true;
}

typedef struct {
  tn_model *model;
  const tn_pass_options *options;
  const tn_pass_run *runs;
  int count;
} optimise_work;

/* The pipeline of a level begins with the entry stage, as it does on the way to code. */
static bool do_optimise(void *argument) {
  optimise_work *work = argument;
  tn_model *model = work->model;
  if (!model->module)
    return tn_error(&model->context->sink, TN_USAGE, TN_NOWHERE, "passes: a plan has none left to run");
  model->signature = NULL;
  if (!work->options->passes && !tn_driver_settle(model)) return false;
  return tn_driver_optimise(model, work->options, model->derived, &work->runs, &work->count);
}

tn_status tn_model_optimise(tn_model *model, const tn_pass_options *options, const tn_pass_run **runs,
                            int *count) {
  static const tn_pass_options defaults = {.level = 2};
  optimise_work work = {.model = model, .options = options ? options : &defaults};
  tn_status status = tn_driver_do(model->context, do_optimise, &work);
  if (runs) *runs = work.runs;
  if (count) *count = work.count;
  return status;
}
