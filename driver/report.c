/* The report: one page about how a model was compiled. docs/report.md says what is on it.
 *
 * The pipeline's hook keeps the module's lines after each pass that changed it. Lines are
 * numbered, each different one once; a state is told as runs of lines of the state before
 * and lines that are new, so that forty states of a model are little more than one. What
 * differs, and how to show it, is the page's work.
 *
 * Cost: one printing of the module a changing pass; its time is not in the passes' times.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/report.h"

#include "base/clock.h"
#include "base/file.h"
#include "driver/program.h"

enum { REPORT_VERSION = 1, KERNEL_RUNS = 20 };

typedef struct {
  int instructions; /* of the module behind it */
  int state;        /* of `states`; -1: it changed nothing */
} pass_run;

typedef struct {
  int run; /* of `runs`; -1: the input */
  int count;
  const int *lines;
} state;

typedef struct {
  tn_compilation all;
  const tn_report_options *options;
  const char *path;
  tn_arena *arena;
  tn_pass_options wanted; /* the caller's, whose hooks are called too */
  TN_VEC(pass_run) runs;
  TN_VEC(state) states;
  tn_lines lines;
  double hook_seconds, pass_seconds, plan_seconds, code_seconds;
  tn_kernel_program *kernels;
  int32_t n_kernels;
  tn_report_measured measured;
  tn_text data, page;
} report_work;

/* ---- states ---- */

static void keep_state(report_work *work, tn_module *module, int run) {
  tn_text text = {0};
  TN_VEC(int) lines = {0};
  tn_print_module(&text, module, &(tn_print_options){.constants = TN_CONSTANTS_ELIDE});
  for (const char *at = text.bytes, *end = at + text.length; at < end;) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) stop = end;
    TN_PUSH(work->arena, &lines, tn_lines_number(&work->lines, (tn_str){at, (size_t)(stop - at)}));
    at = stop + 1;
  }
  TN_PUSH(work->arena, &work->states, ((state){run, lines.count, lines.at}));
  tn_text_free(&text);
}

static int count_instructions(const tn_module *module) {
  int count = 0;
  TN_FOR_EACH_COMP(module, comp) count += comp->n_insts;
  return count;
}

static tn_status before_pass(void *user, tn_model *model, const tn_pass_run *run) {
  report_work *work = user;
  double start = tn_seconds_now();
  tn_status status = work->wanted.before_pass(work->wanted.user, model, run);
  work->hook_seconds += tn_seconds_now() - start;
  return status;
}

static tn_status after_pass(void *user, tn_model *model, const tn_pass_run *run) {
  report_work *work = user;
  double start = tn_seconds_now();
  tn_status status = TN_OK;
  pass_run kept = {count_instructions(model->module), run->changed ? work->states.count : -1};
  TN_PUSH(work->arena, &work->runs, kept);
  if (run->changed) keep_state(work, model->module, work->runs.count - 1);
  if (work->wanted.after_pass) status = work->wanted.after_pass(work->wanted.user, model, run);
  work->hook_seconds += tn_seconds_now() - start;
  return status;
}

/* ---- making ---- */

/* Inputs are random: some models loop as often as an input says. */
static bool time_whole(report_work *work, tn_program *program) {
  tn_select_options random = {.random = true, .seed = 1};
  tn_arrays *none = NULL, *arguments = NULL;
  bool done = tn_arrays_create(work->all.model->context, &none) == TN_OK &&
              tn_arrays_select(none, tn_program_signature(program), &random, &arguments) == TN_OK &&
              tn_program_time(program, arguments, work->options->threads, work->options->runs,
                              &work->measured.whole) == TN_OK;
  tn_arrays_destroy(arguments);
  tn_arrays_destroy(none);
  return done;
}

static bool measure(report_work *work) {
  tn_context *context = work->all.model->context;
  const tn_plan *plan = work->all.plan;
  int32_t threads = work->options->threads;
  tn_timing *timings = TN_NEW_ARRAY(work->arena, tn_timing, plan->n_kernels);
  int64_t runs = work->options->runs ? work->options->runs : KERNEL_RUNS;
  tn_program *program = tn_program_of_plan(context, work->all.plan, work->all.options.passes.level);
  if (!program) return false;
  bool done = time_whole(work, program);
  tn_program_destroy(program);
  for (int i = 0; i < plan->n_kernels && done; i++)
    if (work->kernels[i].program)
      done = tn_program_time(work->kernels[i].program, NULL, threads, runs, &timings[i]) == TN_OK;
  work->measured.kernels = timings;
  work->measured.threads = threads;
  return done && tn_roofline_measure(context, plan->target, threads, &work->measured.roof);
}

static bool runs_here(report_work *work) {
  const tn_cpu *target = work->all.plan->target;
  return !work->options->measure || tn_cpu_runs_here(target) ||
         tn_error(&work->all.model->context->sink, TN_UNSUPPORTED, TN_NOWHERE,
                  "this machine cannot run code for %s, so nothing can be measured", target->name);
}

/* Passes, plan and code, each with its time. */
static bool compile(report_work *work) {
  tn_compilation *all = &work->all;
  double start = tn_seconds_now();
  bool done = tn_compilation_plan(all);
  double planned = tn_seconds_now();
  if (!done || !runs_here(work) || !tn_compilation_object(all)) return false;
  work->code_seconds = tn_seconds_now() - planned;
  for (int i = 0; i < all->report.pass_count; i++)
    work->pass_seconds += all->report.passes[i].seconds + all->report.passes[i].policing_seconds;
  work->plan_seconds = planned - start - work->pass_seconds - work->hook_seconds;
  return tn_driver_kernels(all->model->context, work->arena, all->plan, all->options.passes.level,
                           work->options->measure, &work->kernels, &work->n_kernels);
}

/* ---- writing ---- */

static void put_values(tn_json *json, const char *key, int32_t count, const tn_value *values) {
  tn_text type = {0};
  tn_json_open(json, key, '[');
  for (int32_t i = 0; i < count; i++) {
    type.length = 0;
    tn_text_printf(&type, "%s[", values[i].type);
    for (int32_t d = 0; d < values[i].rank; d++)
      tn_text_printf(&type, d ? ",%lld" : "%lld", (long long)values[i].dims[d]);
    tn_text_put_char(&type, ']');
    tn_json_open(json, NULL, '{');
    tn_json_string(json, "name", values[i].name);
    tn_json_string_n(json, "type", type.bytes, type.length);
    tn_json_int(json, "bytes", values[i].bytes);
    tn_json_close(json, '}');
  }
  tn_json_close(json, ']');
  tn_text_free(&type);
}

static void put_model(tn_json *json, report_work *work) {
  tn_model *model = work->all.model;
  const tn_signature *signature = tn_driver_plan_signature(work->arena, work->all.plan);
  const tn_pass_options *passes = &work->all.options.passes;
  tn_json_open(json, "model", '{');
  tn_json_string(json, "name", model->module ? model->module->name : work->all.plan->name);
  tn_json_string(json, "file", model->source.name ? model->source.name : "");
  put_values(json, "parameters", signature->parameter_count, signature->parameters);
  put_values(json, "results", signature->result_count, signature->results);
  tn_json_close(json, '}');
  tn_json_open(json, "options", '{');
  tn_json_int(json, "level", passes->level);
  tn_json_bool(json, "reassociate", passes->reassociate);
  tn_json_close(json, '}');
}

static void put_target(tn_json *json, const tn_cpu *target) {
  tn_json_open(json, "target", '{');
  tn_json_string(json, "name", target->name);
  tn_json_string(json, "cpu", target->cpu);
  tn_json_int(json, "vector_bytes", target->vector_bytes);
  tn_json_int(json, "vector_registers", target->vector_registers);
  tn_json_bool(json, "fma", target->fma);
  tn_json_int(json, "l1_bytes", target->l1_bytes);
  tn_json_int(json, "l2_bytes", target->l2_bytes);
  tn_json_int(json, "l3_bytes", target->l3_bytes);
  tn_json_close(json, '}');
}

static void put_summary(tn_json *json, const report_work *work) {
  const tn_compile_report *report = &work->all.report;
  tn_json_open(json, "summary", '{');
  tn_json_int(json, "arena_bytes", report->arena_bytes);
  tn_json_int(json, "arena_lower_bound_bytes", report->arena_lower_bound_bytes);
  tn_json_bool(json, "arena_proven", report->arena_proven);
  tn_json_int(json, "temp_bytes", work->all.plan->arena_bytes);
  tn_json_int(json, "text_bytes", report->text_bytes);
  tn_json_int(json, "constant_bytes", report->constant_bytes);
  tn_json_int(json, "stack_bytes", report->stack_bytes);
  tn_json_int(json, "kernels", report->kernels);
  tn_json_int(json, "steps", report->steps);
  if (work->all.module) {
    tn_json_int(json, "instructions_before", count_instructions(work->all.model->module));
    tn_json_int(json, "instructions", count_instructions(work->all.module));
  }
  tn_json_close(json, '}');
}

static void put_phase(tn_json *json, const char *name, double seconds) {
  tn_json_open(json, NULL, '{');
  tn_json_string(json, "name", name);
  tn_json_number(json, "seconds", seconds > 0 ? seconds : 0);
  tn_json_close(json, '}');
}

static void put_rules(tn_json *json, const tn_pass_run *run) {
  tn_json_open(json, "rules", '[');
  for (int i = 0; i < run->rule_count; i++) {
    tn_json_open(json, NULL, '[');
    tn_json_string(json, NULL, run->rules[i].name);
    tn_json_int(json, NULL, run->rules[i].changes);
    tn_json_close(json, ']');
  }
  tn_json_close(json, ']');
}

static void put_pass(tn_json *json, const tn_pass_run *run, const pass_run *kept) {
  tn_json_open(json, NULL, '{');
  tn_json_string(json, "name", run->name);
  tn_json_int(json, "occurrence", run->occurrence);
  tn_json_int(json, "round", run->round);
  tn_json_number(json, "seconds", run->seconds);
  tn_json_number(json, "policing_seconds", run->policing_seconds);
  tn_json_int(json, "changes", run->changes);
  tn_json_bool(json, "changed", run->changed);
  tn_json_int(json, "instructions", kept->instructions);
  if (kept->state >= 0) tn_json_int(json, "state", kept->state);
  put_rules(json, run);
  tn_json_close(json, '}');
}

/* The records know the times, the hook what the module was; what was left out has no hook. */
static void put_passes(tn_json *json, const report_work *work) {
  const tn_compile_report *report = &work->all.report;
  int next = 0;
  tn_json_open(json, "passes", '[');
  for (int i = 0; i < report->pass_count; i++)
    if (!report->passes[i].unmet && next < work->runs.count)
      put_pass(json, &report->passes[i], &work->runs.at[next++]);
  tn_json_close(json, ']');
}

/* The list of (a, n): n > 0 lines of the state before from a on, or n = 0: the new line a. */
static void put_state(tn_json *json, tn_arena *arena, const state *before, const state *now, int n_lines) {
  int *place = TN_NEW_ARRAY(arena, int, n_lines + 1); /* of a line in the state before, from 1 */
  for (int i = before ? before->count - 1 : -1; i >= 0; i--) place[before->lines[i]] = i + 1;
  tn_json_open(json, NULL, '{');
  tn_json_int(json, "pass", now->run);
  tn_json_open(json, "lines", '[');
  for (int i = 0; i < now->count;) {
    int from = place[now->lines[i]] - 1, n = 0;
    while (from >= 0 && i + n < now->count && from + n < before->count &&
           before->lines[from + n] == now->lines[i + n])
      n++;
    tn_json_int(json, NULL, n ? from : now->lines[i]);
    tn_json_int(json, NULL, n);
    i += n ? n : 1;
  }
  tn_json_close(json, ']');
  tn_json_close(json, '}');
}

static void put_states(tn_json *json, const report_work *work) {
  tn_arena *arena = tn_arena_create();
  tn_json_open(json, "states", '[');
  for (int i = 0; i < work->states.count; i++) {
    const state *before = i ? &work->states.at[i - 1] : NULL;
    put_state(json, arena, before, &work->states.at[i], work->lines.lines.count);
    tn_arena_reset(arena);
  }
  tn_json_close(json, ']');
  tn_arena_destroy(arena);
}

static void put_graphs(tn_json *json, report_work *work) {
  tn_json_open(json, "graphs", '[');
  if (work->all.module) {
    tn_graph_json(json, NULL, work->all.module, &work->lines);
    tn_graph_json(json, NULL, work->all.model->module, &work->lines);
  }
  tn_json_close(json, ']');
}

static void put_phases(tn_json *json, const report_work *work) {
  tn_json_open(json, "phases", '[');
  if (work->all.module) put_phase(json, "passes", work->pass_seconds);
  put_phase(json, "plan", work->plan_seconds);
  put_phase(json, "code", work->code_seconds);
  tn_json_close(json, ']');
}

static void put_report(report_work *work) {
  tn_json json = {.out = &work->data};
  tn_json_open(&json, NULL, '{');
  tn_json_string(&json, "kind", "report");
  tn_json_int(&json, "version", REPORT_VERSION);
  tn_json_string(&json, "tenon", tn_version());
  put_model(&json, work);
  put_target(&json, work->all.plan->target);
  put_summary(&json, work);
  put_phases(&json, work);
  put_passes(&json, work);
  put_states(&json, work);
  tn_report_plan_json(&json, work->arena, work->all.plan, work->kernels,
                      work->options->measure ? &work->measured : NULL);
  put_graphs(&json, work);
  tn_lines_json(&json, "lines", &work->lines);
  tn_json_close(&json, '}');
}

static bool do_report(void *argument) {
  report_work *work = argument;
  tn_model *model = work->all.model;
  work->arena = work->lines.arena = tn_arena_create();
  work->wanted = work->all.options.passes;
  if (work->wanted.before_pass) work->all.options.passes.before_pass = before_pass;
  work->all.options.passes.after_pass = after_pass;
  work->all.options.passes.user = work;
  if (!work->all.options.name) work->all.options.name = "model";
  if (!tn_driver_settle(model)) return false;
  if (model->module) keep_state(work, model->module, -1);
  if (!compile(work) || (work->options->measure && !measure(work))) return false;
  put_report(work);
  const char *name = model->module ? model->module->name : work->all.plan->name;
  tn_page_put(&work->page, tn_arena_printf(work->arena, "%s — Tenon report", name),
              (tn_str){work->data.bytes, work->data.length});
  return tn_file_write(&model->context->sink, work->path, &(tn_str){work->page.bytes, work->page.length}, 1,
                       false);
}

tn_status tn_report_file(tn_model *model, const tn_compile_options *options, const tn_report_options *report,
                         const char *path, tn_compile_report *compiled) {
  static const tn_compile_options defaults = {.passes.level = 2};
  static const tn_report_options nothing = {0};
  report_work work = {.all = {.model = model, .options = options ? *options : defaults},
                      .options = report ? report : &nothing,
                      .path = path};
  double start = tn_seconds_now();
  tn_status status = tn_driver_do(model->context, do_report, &work);
  work.all.report.seconds = tn_seconds_now() - start;
  if (compiled) *compiled = work.all.report;
  for (int32_t i = 0; i < work.n_kernels; i++) tn_program_destroy(work.kernels[i].program);
  tn_compilation_end(&work.all);
  tn_text_free(&work.data);
  tn_text_free(&work.page);
  tn_arena_destroy(work.arena);
  return status;
}
