/* tenon run: execute a model on one or more backends, or an artefact; print, write or
 * compare what comes out.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>
#include <stdlib.h>

#include "tools/expect.h"
#include "tools/json.h"
#include "tools/tool.h"

typedef enum { BACKEND_CPU, BACKEND_EVAL, BACKEND_PLAN, BACKEND_SYSTOLIC, BACKEND_COUNT } backend;
static const char *const backend_names[] = {"cpu", "eval", "plan", "systolic", NULL};

/* One `tenon run`. */
typedef struct {
  const command_line *line;
  tn_context *context;
  tn_arena *arena;
  loaded model;        /* or */
  tn_program *program; /* an artefact */
  tn_file_kind kind;   /* of the operand */
  inputs in;
  int64_t threads;
  tn_compile_options options;
  backend backends[BACKEND_COUNT];
  int n_backends;
  expectation expected;
  json_t *passes;                /* NULL until they have run */
  const tn_step_check *sections; /* of --sections */
  int32_t n_sections;
} run_state;

/* ---- comparing ---- */

/* The interpreter and native code run the same plan: the same bits. */
static bool same_plan(backend which) { return which == BACKEND_CPU || which == BACKEND_PLAN; }

static tn_status compare_backends(run_state *run, backend one, const tn_arrays *a, backend two,
                                  const tn_arrays *b) {
  bool exact = same_plan(one) && same_plan(two);
  const char *label = tn_arena_printf(run->arena, "%s against %s", backend_names[two], backend_names[one]);
  for (int32_t i = 0; i < tn_arrays_count(b); i++) {
    double rtol = 0, atol = 0;
    tn_compared found;
    const char *name = tn_arrays_at(b, i)->name;
    tn_status status = exact ? TN_OK : option_tolerance(run->line, OPT_RTOL, name, &rtol);
    if (status == TN_OK && !exact) status = option_tolerance(run->line, OPT_ATOL, name, &atol);
    if (status == TN_OK) status = tn_arrays_compare(b, i, tn_arrays_at(a, i), rtol, atol, &found);
    if (status != TN_OK) return status;
    record_comparison(&run->expected, label, &found);
  }
  return TN_OK;
}

/* ---- running ---- */

/* What the passes did is told once, though each backend runs them. */
static void end_passes(run_state *run) {
  if (!run->passes) run->passes = json_kept_passes(&run->options.passes);
  finish_passes(&run->options.passes);
}

static tn_status run_compiled(run_state *run, const tn_compile_options *options, tn_arrays **results) {
  if (run->program) return tn_program_run(run->program, run->in.arguments, (int32_t)run->threads, results);
  tn_program *program;
  tn_compile_report report;
  tn_status status = tn_compile_program(run->model.model, options, &program, &report);
  if (status == TN_OK) end_passes(run);
  if (status == TN_OK) status = tn_program_run(program, run->in.arguments, (int32_t)run->threads, results);
  tn_program_destroy(program);
  return status;
}

/* With an array as the target, cpu and plan are this machine's. */
static tn_compile_options without_array(const run_state *run) {
  tn_compile_options options = run->options;
  if (tn_target_names_array(options.target)) {
    options.target = options.passes.target = NULL;
    options.passes.settings = NULL;
  }
  return options;
}

static tn_status run_native(run_state *run, tn_arrays **results) {
  if (run->kind == TN_FILE_STREAM)
    return complain(TN_USAGE, "backend 'cpu' needs a model or code, not a stream");
  tn_compile_options options = without_array(run);
  return run_compiled(run, &options, results);
}

static tn_status run_sections(run_state *run, tn_arrays **results) {
  tn_status status = tn_check_steps(run->model.model, &run->options, run->in.arguments, results,
                                    &run->sections, &run->n_sections);
  if (status == TN_OK) end_passes(run);
  for (int i = 0; status == TN_OK && i < run->n_sections; i++) run->expected.holds &= run->sections[i].holds;
  return status;
}

static tn_status run_systolic(run_state *run, tn_arrays **results) {
  if (run->kind == TN_FILE_CODE)
    return complain(TN_USAGE, "backend 'systolic' needs a model or a stream, not code");
  if (!run->program && !tn_target_names_array(run->options.target))
    return complain(TN_USAGE, "backend 'systolic' needs --target=FILE.target, which describes the array");
  if (has_option(run->line, OPT_SECTIONS)) return run_sections(run, results);
  return run_compiled(run, &run->options, results);
}

static tn_status run_oracle(run_state *run, tn_oracle oracle, tn_arrays **results) {
  tn_compile_options options = without_array(run);
  tn_status status = tn_model_evaluate(run->model.model, oracle, &options, run->in.arguments, results);
  if (status == TN_OK && oracle == TN_ORACLE_PLAN) end_passes(run);
  return status;
}

static tn_status run_backend(run_state *run, backend which, tn_arrays **results) {
  switch (which) {
  case BACKEND_CPU: return run_native(run, results);
  case BACKEND_SYSTOLIC: return run_systolic(run, results);
  case BACKEND_EVAL:
  case BACKEND_PLAN:
    if (run->program)
      return complain(TN_USAGE, "backend '%s' needs a model, not an artefact", backend_names[which]);
    return run_oracle(run, which == BACKEND_EVAL ? TN_ORACLE_EVAL : TN_ORACLE_PLAN, results);
  case BACKEND_COUNT: break;
  }
  return TN_USAGE;
}

/* --backend=a,b: which, in order. */
static tn_status parse_backends(run_state *run) {
  const char *text = option_value(run->line, OPT_BACKEND);
  bool array = tn_target_names_array(run->options.target) || run->kind == TN_FILE_STREAM;
  if (!text) text = array ? "systolic" : "cpu";
  while (*text && run->n_backends < BACKEND_COUNT) {
    size_t length = strcspn(text, ",");
    const char *name = tn_arena_string_n(run->arena, text, length);
    int found = 0;
    while (found < BACKEND_COUNT && strcmp(name, backend_names[found]) != 0) found++;
    if (found == BACKEND_COUNT) {
      const char *nearest = tn_nearest_name(name, backend_names, BACKEND_COUNT);
      return complain(TN_USAGE, "unknown backend '%s'%s%s", name,
                      nearest ? "; did you mean " : "; there are cpu, eval, plan, systolic",
                      nearest ? nearest : "");
    }
    run->backends[run->n_backends++] = (backend)found;
    text += length + (text[length] == ',');
  }
  if (run->n_backends && !*text) return TN_OK;
  return complain(TN_USAGE, "option '--backend': a list of different backends is wanted");
}

static tn_status check_sections_option(const run_state *run, bool artefact) {
  bool systolic = false;
  if (!has_option(run->line, OPT_SECTIONS)) return TN_OK;
  for (int i = 0; i < run->n_backends; i++) systolic |= run->backends[i] == BACKEND_SYSTOLIC;
  if (artefact) return complain(TN_USAGE, "option '--sections' needs a model, not an artefact");
  return systolic ? TN_OK : complain(TN_USAGE, "option '--sections' needs the backend 'systolic'");
}

/* Each backend's outputs against what is expected and against those before it. */
static tn_status run_all(run_state *run, tn_arrays **results) {
  const backend *list = run->backends;
  tn_status status = TN_OK;
  for (int i = 0; status == TN_OK && i < run->n_backends; i++) {
    status = run_backend(run, list[i], &results[i]);
    if (status == TN_OK)
      status = compare_expected(run->line, &run->expected, backend_names[list[i]], results[i]);
    for (int k = 0; status == TN_OK && k < i; k++)
      status = compare_backends(run, list[k], results[k], list[i], results[i]);
  }
  return status;
}

/* ---- the verb ---- */

static tn_status prepare(run_state *run, const char *path) {
  run->kind = tn_file_kind_of(path);
  if (!option_threads(run->line, &run->threads)) return TN_USAGE;
  tn_status status = compile_options(run->arena, run->line, &run->options);
  if (status == TN_OK) status = parse_backends(run);
  if (status != TN_OK) return status;
  bool artefact = is_artefact(path);
  if (check_sections_option(run, artefact) != TN_OK) return TN_USAGE;
  if (artefact && refuse_model_options(run->line, path) != TN_OK) return TN_USAGE;
  if (artefact)
    status = tn_program_open(run->context, path, run->options.name, &run->program);
  else
    status = load_model(run->context, run->line, path, &run->model);
  if (status != TN_OK) return status;
  const tn_signature *signature =
      artefact ? tn_program_signature(run->program) : tn_model_signature(run->model.model);
  status = read_inputs(run->context, run->line, signature, false, &run->in);
  run->options.passes.check_inputs = run->in.arguments;
  return status == TN_OK ? read_expected(run->context, run->line, &run->expected) : status;
}

/* ---- sections ---- */

static json_t *json_sections(const run_state *run) {
  if (!has_option(run->line, OPT_SECTIONS)) return NULL;
  json_t *list = json_array();
  for (int i = 0; i < run->n_sections; i++) {
    const tn_step_check *s = &run->sections[i];
    json_t *shape = json_array();
    for (int32_t d = 0; d < s->rank; d++) json_array_append_new(shape, json_integer(s->dims[d]));
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:I}", "name", s->name, "source",
                                          s->source, "type", s->type, "shape", shape, "exact", s->exact,
                                          "holds", s->holds, "mismatches", (json_int_t)s->mismatches));
  }
  return list;
}

static void print_section(const tn_step_check *s, tn_text *out) {
  tn_text_printf(out, "%s: %s[", s->name, s->type);
  for (int32_t d = 0; d < s->rank; d++) tn_text_printf(out, "%s%lld", d ? "," : "", (long long)s->dims[d]);
  tn_text_printf(out, "] %s", s->holds ? s->exact ? "holds" : "holds within its bound" : "differs");
  if (!s->holds)
    tn_text_printf(out, " in %lld elements, the first at %lld: %.9g, the evaluator says %.9g",
                   (long long)s->mismatches, (long long)s->first, s->got, s->wanted);
  if (*s->source) tn_text_printf(out, "  (%s)", s->source);
  tn_text_put_char(out, '\n');
}

static tn_status print_sections(const run_state *run) {
  tn_text text = {0};
  int holding = 0;
  for (int i = 0; i < run->n_sections; i++) {
    print_section(&run->sections[i], &text);
    holding += run->sections[i].holds;
  }
  tn_text_printf(&text, "%d of %d sections hold\n", holding, (int)run->n_sections);
  return print_text(&text);
}

static tn_status deliver(run_state *run, const tn_arrays *results) {
  const char *out = option_value(run->line, OPT_OUT);
  tn_status status = out ? tn_arrays_write(results, out) : TN_OK;
  if (status != TN_OK) return status;
  if (has_option(run->line, OPT_JSON))
    return print_json(json_pack("{s:o, s:O, s:O*, s:o*}", "outputs", json_arrays(results), "compared",
                                run->expected.compared, "passes", run->passes, "sections",
                                json_sections(run)));
  if (has_option(run->line, OPT_SECTIONS)) return print_sections(run);
  if (out || run->expected.arrays) return TN_OK;
  tn_text text = {0};
  for (int32_t i = 0; i < tn_arrays_count(results); i++) print_array(tn_arrays_at(results, i), &text);
  return print_text(&text);
}

tn_status verb_run(const command_line *line) {
  const char *path = only_operand(line);
  tn_context *context = path ? make_context(line) : NULL;
  if (!context) return TN_USAGE;
  run_state run = {.line = line, .context = context, .arena = tn_arena_create()};
  tn_arrays *results[BACKEND_COUNT] = {NULL};
  tn_status status = prepare(&run, path);
  if (status == TN_OK) status = run_all(&run, results);
  if (status == TN_OK) status = deliver(&run, results[0]);
  if (status == TN_OK && !run.expected.holds) status = TN_MISMATCH;
  for (int i = 0; i < BACKEND_COUNT; i++) tn_arrays_destroy(results[i]);
  release_expected(&run.expected);
  release_inputs(&run.in);
  tn_program_destroy(run.program);
  unload_model(&run.model);
  json_decref(run.passes);
  tn_arena_destroy(run.arena);
  tn_context_destroy(context);
  return status;
}
