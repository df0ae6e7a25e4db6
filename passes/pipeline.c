/* The pipeline: which passes run, in which order and how often, and what is known of each
 * run.
 *
 * It goes over lines, stage by stage: those of the level's rows, or a list of the caller's.
 * A stage's lines run from top to bottom; SIMPLIFY's in rounds, until one changes nothing.
 * A line is passed over where nothing has changed since its pass last found nothing to do:
 * passes depend on the module alone. That place counts as an occurrence all the same, so
 * that `simplify-shape:2` is that of the second round, in every run of the pipeline, and one
 * that starts behind a dump comes to the same places.
 *
 * Invariants: between two passes the module is valid, and what p->file says is so.
 * Cost: lines × instructions for policing, twice for the rounds of a settled module.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/clock.h"
#include "passes/place.h"
#include "passes/police.h"

/* ---- rewrites ---- */

struct tn_rule_counts {
  tn_arena *arena;
  TN_VEC(tn_rule_count) list;
};

static void count_rewrite(tn_pass_context *context) {
  struct tn_rule_counts *counts = context->counts;
  context->rewrites++;
  for (int i = 0; i < counts->list.count; i++)
    if (counts->list.at[i].rule == context->rule) {
      counts->list.at[i].rewrites++;
      return;
    }
  TN_PUSH(counts->arena, &counts->list, (tn_rule_count){context->rule, 1});
}

bool tn_pass_spend(tn_pass_context *context) {
  if (context->fuel == 0) return false;
  if (context->fuel > 0) context->fuel--;
  context->untouched = false;
  count_rewrite(context);
  return true;
}

/* ---- which passes ---- */

typedef struct {
  const tn_pass *pass;
  tn_stage stage;
  int first;          /* the first line of this pass: it has the two counts */
  int visits;         /* occurrences so far */
  int64_t fuel;       /* left; < 0: any number */
  int64_t settled_at; /* p->changes when it last found nothing to do; -1: not yet */
} line;

typedef struct {
  tn_module *module;
  const tn_pipeline_options *options;
  tn_arena *arena;
  tn_pass_context context;
  tn_police_file file;
  TN_VEC(line) lines;
  TN_VEC(tn_fuel) spent; /* by line: rewrites of its pass, at its first line */
  TN_VEC(tn_pass_record) records;
  int64_t changes;   /* runs that changed the module */
  int round, rounds; /* of the stage; of SIMPLIFY */
  bool round_changed;
  const tn_pass *restless; /* the first pass that changed something in this round */
  tn_pipeline_place start; /* options->start_after with what the module says of it */
  bool started;            /* behind it */
} pipeline;

static bool is_disabled(const tn_pipeline_options *options, const tn_pass *pass) {
  for (const char *const *name = options->disabled; name && *name; name++)
    if (!strcmp(*name, pass->name)) return true;
  return false;
}

static void add_line(pipeline *p, const tn_pass *pass, tn_stage stage) {
  if (is_disabled(p->options, pass)) return;
  int first = 0;
  while (first < p->lines.count && p->lines.at[first].pass != pass) first++;
  line added = {.pass = pass, .stage = stage, .first = first, .fuel = -1, .settled_at = -1};
  for (int i = 0; i < p->options->n_fuel; i++)
    if (!strcmp(p->options->fuel[i].pass, pass->name)) added.fuel = p->options->fuel[i].rewrites;
  TN_PUSH(p->arena, &p->lines, added);
  TN_PUSH(p->arena, &p->spent, (tn_fuel){pass->name, 0});
}

/* A list is one late stage. */
static void choose_lines(pipeline *p) {
  const tn_pipeline_options *options = p->options;
  for (int i = 0; options->passes && i < options->n_passes; i++)
    add_line(p, options->passes[i], TN_STAGE_LATE);
  if (options->passes) return;
  const tn_pipeline_row *rows = options->rows ? options->rows : tn_pipeline_rows;
  int n_rows = options->rows ? options->n_rows : tn_pipeline_row_count;
  for (int i = 0; i < n_rows; i++) {
    const tn_pipeline_row *row = &rows[i];
    bool allowed = options->reassociate || !(row->pass->flags & TN_PASS_REASSOCIATE);
    if (allowed && row->min_level >= 0 && row->min_level <= options->level)
      add_line(p, row->pass, row->stage);
  }
}

/* ---- names and places that the caller gave ---- */

/* Passes made at run time are known only where they are listed. */
static bool is_known(const char *name, const tn_pipeline_options *options) {
  for (int i = 0; options->passes && i < options->n_passes; i++)
    if (!strcmp(options->passes[i]->name, name)) return true;
  for (int i = 0; options->rows && i < options->n_rows; i++)
    if (!strcmp(options->rows[i].pass->name, name)) return true;
  return tn_pass_find(name) != NULL;
}

static bool need_known(const pipeline *p, const char *name) {
  if (!name || is_known(name, p->options)) return true;
  tn_diagnostics *sink = p->context.sink;
  const char **names = TN_NEW_ARRAY(p->arena, const char *, tn_pass_count);
  for (int i = 0; i < tn_pass_count; i++) names[i] = tn_passes[i].name;
  const char *nearest = tn_nearest_name(name, names, tn_pass_count);
  tn_error(sink, TN_USAGE, TN_NOWHERE, "pass '%s' does not exist", name);
  if (nearest) tn_note(sink, TN_NOWHERE, "did you mean '%s'?", nearest);
  return false;
}

static bool names_are_known(const pipeline *p) {
  const tn_pipeline_options *options = p->options;
  for (const char *const *name = options->disabled; name && *name; name++)
    if (!need_known(p, *name)) return false;
  for (int i = 0; i < options->n_fuel; i++)
    if (!need_known(p, options->fuel[i].pass)) return false;
  return need_known(p, options->stop_after.name) && need_known(p, options->start_after.name);
}

static bool list_is_allowed(const pipeline *p) {
  const tn_pipeline_options *options = p->options;
  for (int i = 0; options->passes && !options->reassociate && i < options->n_passes; i++)
    if (options->passes[i]->flags & TN_PASS_REASSOCIATE)
      return tn_error(p->context.sink, TN_USAGE, TN_NOWHERE,
                      "pass '%s' changes rounding: it needs '--reassociate'", options->passes[i]->name);
  return true;
}

static int wanted_occurrence(const tn_pipeline_place *place) {
  return place->occurrence > 0 ? place->occurrence : 1;
}

static bool is_place(const tn_pipeline_place *place, const tn_pass *pass, int occurrence) {
  return place->name && !strcmp(place->name, pass->name) && occurrence == wanted_occurrence(place);
}

static bool never_reached(const pipeline *p, const char *what, const tn_pipeline_place *place, int runs) {
  return tn_error(p->context.sink, TN_USAGE, TN_NOWHERE,
                  "%s after run %d of pass '%s': it runs %d time%s here", what, wanted_occurrence(place),
                  place->name, runs, runs == 1 ? "" : "s");
}

/* Takes from the module what the caller left open. */
static bool find_start(pipeline *p) {
  tn_diagnostics *sink = p->context.sink;
  tn_pipeline_place said, *start = &p->start;
  *start = p->options->start_after;
  p->started = !start->name;
  bool says = tn_place_read(p->module, &said);
  tn_place_write(p->module, NULL);
  if (p->started) return true;
  if (!says && start->occurrence == 0)
    return tn_error(sink, TN_USAGE, TN_NOWHERE,
                    "start after '%s': the module does not say which run of it made it; '%s:N' does",
                    start->name, start->name);
  if (!says) return true;
  if (strcmp(said.name, start->name) != 0 || (start->occurrence && start->occurrence != said.occurrence))
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "start after '%s:%d': the module is a dump of '%s:%d'",
                    start->name, wanted_occurrence(start), said.name, said.occurrence);
  *start = said;
  return true;
}

/* What was made before the start counts. */
static bool take_spent(pipeline *p) {
  for (int i = 0; i < p->start.n_spent; i++) {
    const tn_fuel *spent = &p->start.spent[i];
    for (int l = 0; l < p->lines.count; l++) {
      line *line = &p->lines.at[l];
      if (line->first != l || strcmp(line->pass->name, spent->pass) != 0) continue;
      if (line->fuel >= 0 && line->fuel < spent->rewrites)
        return tn_error(p->context.sink, TN_USAGE, TN_NOWHERE,
                        "fuel of %lld for pass '%s': %lld rewrites of it were made before the start",
                        (long long)line->fuel, spent->pass, (long long)spent->rewrites);
      if (line->fuel >= 0) line->fuel -= spent->rewrites;
      p->spent.at[l].rewrites = spent->rewrites;
    }
  }
  return true;
}

/* False where no number of rounds comes to the place. */
static bool may_be_reached(const pipeline *p, const char *what, const tn_pipeline_place *place) {
  int most = 0;
  if (!place->name) return true;
  for (int i = 0; i < p->lines.count; i++)
    if (!strcmp(p->lines.at[i].pass->name, place->name))
      most += p->lines.at[i].stage == TN_STAGE_SIMPLIFY ? TN_MOST_ROUNDS : 1;
  return wanted_occurrence(place) <= most || never_reached(p, what, place, most);
}

static bool was_reached(const pipeline *p, const char *what, const tn_pipeline_place *place) {
  int visits = 0;
  for (int i = 0; i < p->lines.count; i++)
    if (!strcmp(p->lines.at[i].pass->name, place->name)) visits += p->lines.at[i].visits;
  return never_reached(p, what, place, visits);
}

/* ---- one run ---- */

typedef enum { GO_ON, ENDED, FAILED } progress;

static progress call_hook(pipeline *p, bool (*hook)(void *, tn_module *, const tn_pass_record *),
                          const tn_pass_record *record) {
  int errors = p->context.sink->errors;
  if (!hook || hook(p->options->user, p->module, record)) return GO_ON;
  return p->context.sink->errors > errors ? FAILED : ENDED;
}

/* The first property that the pass needs and the module lacks; GO_ON where there is none
 * or the line may be left out.                                                          */
static progress check_needs(pipeline *p, const tn_pass *pass, tn_pass_record *record) {
  unsigned lacking = pass->needs & ~p->file.properties;
  if (!lacking) return GO_ON;
  tn_property property = (tn_property)__builtin_ctz(lacking);
  record->unmet = tn_property_names[property];
  if (!p->options->passes) return GO_ON;
  const tn_inst *witness[TN_PROPERTIES] = {0};
  tn_properties_of(p->module, witness, NULL);
  const tn_inst *inst = witness[property];
  const char *maker = tn_property_maker(property, inst);
  tn_error(p->context.sink, TN_USAGE, inst->location, "pass '%s' needs a module that is %s, but '%s' is a %s",
           pass->name, record->unmet, inst->name, tn_ops[inst->op].name);
  if (maker)
    tn_note(p->context.sink, TN_NOWHERE, "pass '%s' makes it so", maker);
  else
    tn_note(p->context.sink, TN_NOWHERE, "no pass makes it so again");
  return FAILED;
}

static bool call_pass(pipeline *p, line *first, tn_pass_record *record) {
  tn_pass_context *context = &p->context;
  struct tn_rule_counts counts = {.arena = p->arena};
  int errors = context->sink->errors;
  context->pass = record->pass;
  context->rewrites = context->bytes = 0;
  context->fuel = first->fuel;
  context->rule = NULL;
  context->present = p->file.present;
  context->untouched = false;
  context->counts = &counts;
  tn_arena_reset(context->scratch);
  double start = tn_seconds_now();
  bool said = record->pass->run(p->module, context);
  double end = tn_seconds_now();
  record->seconds = end - start;
  record->changes = context->rewrites;
  record->bytes = context->bytes;
  record->rules = counts.list.at;
  record->n_rules = counts.list.count;
  record->changed = said;
  first->fuel = context->fuel;
  p->spent.at[first - p->lines.at].rewrites += context->rewrites;
  bool good = context->sink->errors == errors;
  if (good && (said || !context->untouched))
    good = tn_police_check(p->module, record->pass, said, &p->file, p->arena, context->sink);
  record->policing_seconds = tn_seconds_now() - end;
  return good;
}

static progress run_line(pipeline *p, line *l, int occurrence) {
  TN_PUSH(p->arena, &p->records, (tn_pass_record){.name = l->pass->name, .pass = l->pass});
  tn_pass_record *record = &p->records.at[p->records.count - 1];
  record->index = p->records.count - 1;
  record->occurrence = occurrence;
  record->round = p->round;
  record->rounds = p->rounds;
  record->round_changed = p->round_changed;
  record->spent = p->spent.at;
  record->n_spent = p->spent.count;
  progress done = check_needs(p, l->pass, record);
  if (done != GO_ON || record->unmet) return done;
  done = call_hook(p, p->options->before_pass, record);
  if (done != GO_ON) return p->records.count--, done;
  if (!call_pass(p, &p->lines.at[l->first], record)) return FAILED;
  if (record->changed) {
    p->changes++;
    if (!p->round_changed) p->restless = l->pass;
    p->round_changed = record->round_changed = true;
  } else {
    l->settled_at = p->changes;
  }
  return call_hook(p, p->options->after_pass, record);
}

/* ---- going over the lines ---- */

static progress stop_here(pipeline *p, const line *l, int occurrence) {
  tn_place_write(p->module, &(tn_pipeline_place){l->pass->name, occurrence, p->rounds, !p->round_changed,
                                                 p->spent.at, p->spent.count});
  return ENDED;
}

/* Places up to the start are only counted. */
static progress pass_over(pipeline *p, const line *l, int occurrence) {
  p->started = is_place(&p->start, l->pass, occurrence);
  if (p->started) {
    p->round_changed = !p->start.round_settled;
    p->restless = l->pass;
  }
  if (!is_place(&p->options->stop_after, l->pass, occurrence)) return GO_ON;
  if (p->started) return stop_here(p, l, occurrence);
  tn_error(p->context.sink, TN_USAGE, TN_NOWHERE, "stop after run %d of pass '%s': it is before the start",
           occurrence, l->pass->name);
  return FAILED;
}

static progress visit(pipeline *p, line *l) {
  int occurrence = ++p->lines.at[l->first].visits;
  if (!p->started) return pass_over(p, l, occurrence);
  progress done = l->settled_at == p->changes ? GO_ON : run_line(p, l, occurrence);
  if (done != GO_ON) return done;
  return is_place(&p->options->stop_after, l->pass, occurrence) ? stop_here(p, l, occurrence) : GO_ON;
}

static progress run_round(pipeline *p, tn_stage stage) {
  progress done = GO_ON;
  p->round_changed = false;
  for (int i = 0; i < p->lines.count && done == GO_ON; i++)
    if (p->lines.at[i].stage == stage) done = visit(p, &p->lines.at[i]);
  return done;
}

static bool has_lines(const pipeline *p, tn_stage stage) {
  for (int i = 0; i < p->lines.count; i++)
    if (p->lines.at[i].stage == stage) return true;
  return false;
}

/* How many rounds to go over on the way to the start: no pass runs there that could say. */
static int rounds_before_start(const pipeline *p) {
  return p->start.rounds > 0 ? p->start.rounds : wanted_occurrence(&p->start);
}

static progress run_simplify(pipeline *p) {
  progress done = GO_ON;
  if (!has_lines(p, TN_STAGE_SIMPLIFY)) return GO_ON;
  for (p->round = 1; p->round <= TN_MOST_ROUNDS; p->round++) {
    p->rounds = p->round;
    done = run_round(p, TN_STAGE_SIMPLIFY);
    if (done != GO_ON) return done;
    if (p->started ? !p->round_changed : p->round == rounds_before_start(p)) return GO_ON;
  }
  if (p->started)
    tn_warning(p->context.sink, TN_NOWHERE,
               "pass '%s' still changes the module after %d rounds of stage '%s'", p->restless->name,
               TN_MOST_ROUNDS, tn_stage_names[TN_STAGE_SIMPLIFY]);
  return GO_ON;
}

static progress run_once(pipeline *p, tn_stage stage) {
  p->round = 1;
  return run_round(p, stage);
}

static bool run_stages(pipeline *p) {
  const tn_pipeline_options *options = p->options;
  progress done = run_once(p, TN_STAGE_EXPAND);
  if (done == GO_ON) done = run_simplify(p);
  if (done == GO_ON) done = run_once(p, TN_STAGE_LATE);
  if (done != GO_ON) return done == ENDED;
  if (!p->started) return was_reached(p, "start", &p->start);
  return !options->stop_after.name || was_reached(p, "stop", &options->stop_after);
}

static bool places_may_be_reached(const pipeline *p) {
  return may_be_reached(p, "stop", &p->options->stop_after) && may_be_reached(p, "start", &p->start);
}

bool tn_pipeline_run(tn_module *module, const tn_pipeline_options *options, tn_arena *arena,
                     tn_pass_record **records, int *n_records, tn_diagnostics *sink) {
  pipeline p = {.module = module, .options = options, .arena = arena};
  p.context = (tn_pass_context){.sink = sink,
                                .level = options->level,
                                .reassociate = options->reassociate,
                                .sparsity = options->sparsity,
                                .target = options->target,
                                .array = options->array,
                                .max_fold_work = options->max_fold_work ? options->max_fold_work : 1 << 28};
  *records = NULL;
  *n_records = 0;
  if (!names_are_known(&p) || !list_is_allowed(&p) || !find_start(&p)) return false;
  choose_lines(&p);
  if (!places_may_be_reached(&p) || !take_spent(&p)) return false;
  p.context.scratch = tn_arena_create();
  tn_police_look(module, &p.file);
  bool good = run_stages(&p);
  tn_arena_destroy(p.context.scratch);
  *records = p.records.at;
  *n_records = p.records.count;
  return good;
}
