/* The table of passes, and the pipeline that runs and polices them.
 *
 * After each pass the module is verified and its fingerprint compared with the one
 * before: a pass that changes something without saying so, or says so without having
 * changed anything, is a bug of ours and is named. The fingerprint is the hash of the
 * text with large constants left out, and of where the constants' data lies.
 *
 * Cost: printing and verifying once a pass, linear in the number of instructions;
 * constants are never read.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/pass.h"

#include "base/clock.h"
#include "base/hash.h"
#include "ir/print.h"
#include "ir/verify.h"

const tn_pass tn_passes[] = {
#define PASS(function, name, help, min_level) {name, help, min_level, tn_pass_##function},
#include "passes/passes.def"
#undef PASS
};
const int tn_pass_count = (int)(sizeof tn_passes / sizeof *tn_passes);

const tn_pass *tn_pass_find(const char *name) {
  for (int i = 0; i < tn_pass_count; i++)
    if (!strcmp(tn_passes[i].name, name)) return &tn_passes[i];
  return NULL;
}

bool tn_pass_spend(tn_pass_context *context) {
  if (context->fuel == 0) return false;
  if (context->fuel > 0) context->fuel--;
  context->rewrites++;
  return true;
}

/* Passes that run again, at the end of the pipeline: fusing leaves nothing unused, but
 * rewrites before it may have joined what was apart.                                  */
static const char *const again[] = {"dce"};
enum { N_AGAIN = (int)(sizeof again / sizeof *again) };

/* ---- which passes ---- */

typedef struct {
  const tn_pass **at;
  int count;
} pass_list;

static void append_if_enabled(pass_list *list, const tn_pass *pass, const tn_pipeline_options *options) {
  for (const char *const *name = options->disabled; name && *name; name++)
    if (!strcmp(*name, pass->name)) return;
  list->at[list->count++] = pass;
}

static pass_list choose(const tn_pipeline_options *options, tn_arena *arena) {
  int most = options->passes ? options->n_passes : tn_pass_count + N_AGAIN;
  pass_list list = {TN_NEW_ARRAY(arena, const tn_pass *, most), 0};
  if (options->passes) {
    for (int i = 0; i < options->n_passes; i++) append_if_enabled(&list, options->passes[i], options);
    return list;
  }
  for (int i = 0; i < tn_pass_count; i++)
    if (tn_passes[i].min_level >= 0 && tn_passes[i].min_level <= options->level)
      append_if_enabled(&list, &tn_passes[i], options);
  for (int i = 0; i < N_AGAIN; i++) {
    const tn_pass *pass = tn_pass_find(again[i]);
    if (pass && pass->min_level <= options->level) append_if_enabled(&list, pass, options);
  }
  return list;
}

/* Passes made at run time are known only where they are listed. */
static bool is_known(const char *name, const tn_pipeline_options *options) {
  for (int i = 0; options->passes && i < options->n_passes; i++)
    if (!strcmp(options->passes[i]->name, name)) return true;
  return tn_pass_find(name) != NULL;
}

static bool need_known(const char *name, const tn_pipeline_options *options, tn_diagnostics *sink) {
  if (is_known(name, options)) return true;
  const char *names[sizeof tn_passes / sizeof *tn_passes];
  for (int i = 0; i < tn_pass_count; i++) names[i] = tn_passes[i].name;
  const char *nearest = tn_nearest_name(name, names, tn_pass_count);
  tn_error(sink, TN_USAGE, TN_NOWHERE, "pass '%s' does not exist", name);
  if (nearest) tn_note(sink, TN_NOWHERE, "did you mean '%s'?", nearest);
  return false;
}

static bool names_are_known(const tn_pipeline_options *options, tn_diagnostics *sink) {
  for (const char *const *name = options->disabled; name && *name; name++)
    if (!need_known(*name, options, sink)) return false;
  return !options->stop_after || need_known(options->stop_after, options, sink);
}

/* ---- policing ---- */

/* Where the data of every constant lies: texts do not show it. */
static void add_constants(tn_text *text, const tn_module *module) {
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_CONSTANT) continue;
    const void *data = inst->attr.constant.literal->data;
    tn_text_put_n(text, &data, sizeof data);
  }
}

static tn_hash fingerprint(tn_module *module) {
  tn_text text = {0};
  tn_print_options options = {.constants = TN_CONSTANTS_ELIDE};
  tn_print_module(&text, module, &options);
  add_constants(&text, module);
  tn_hash hash = tn_hash_bytes(text.bytes, text.length);
  tn_text_free(&text);
  return hash;
}

typedef struct {
  tn_arena *arena;
  const char *message; /* the first error's; NULL while there is none */
  tn_location location;
} first_error;

static void keep_first(void *user, const tn_diagnostic *diagnostic) {
  first_error *first = user;
  if (first->message || diagnostic->severity != TN_SEVERITY_ERROR) return;
  first->message = tn_arena_string(first->arena, diagnostic->message);
  first->location = diagnostic->location;
}

static bool still_valid(const tn_module *module, const tn_pass *pass, tn_arena *arena, tn_diagnostics *sink) {
  first_error first = {.arena = arena};
  tn_diagnostics own = {.callback = keep_first, .user = &first, .sources = sink->sources};
  if (tn_verify_module(module, &own)) return true;
  return tn_error(sink, TN_BUG, first.location, "pass '%s' made the module invalid: %s", pass->name,
                  first.message ? first.message : "no reason given");
}

static bool told_the_truth(const tn_pass *pass, bool said, bool did, tn_diagnostics *sink) {
  if (said == did) return true;
  return tn_error(sink, TN_BUG, TN_NOWHERE, "pass '%s' %s", pass->name,
                  said ? "says it changed the module but did not" : "changed the module without saying so");
}

/* ---- running ---- */

typedef struct {
  tn_module *module;
  const tn_pipeline_options *options;
  tn_arena *arena;
  tn_pass_context context;
  tn_hash hash; /* of the module as it is */
} pipeline;

static bool run_one(pipeline *p, const tn_pass *pass, int occurrence, tn_pass_record *record) {
  tn_diagnostics *sink = p->context.sink;
  int errors = sink->errors;
  p->context.pass = pass;
  p->context.rewrites = 0;
  tn_arena_reset(p->context.scratch);
  double start = tn_seconds_now();
  bool said = pass->run(p->module, &p->context);
  *record = (tn_pass_record){pass->name, tn_seconds_now() - start, p->context.rewrites};
  if (sink->errors != errors) return false;
  tn_hash hash = fingerprint(p->module);
  bool did = hash.high != p->hash.high || hash.low != p->hash.low;
  p->hash = hash;
  if (!told_the_truth(pass, said, did, sink)) return false;
  if (did && !still_valid(p->module, pass, p->arena, sink)) return false;
  if (p->options->after_pass) p->options->after_pass(p->options->user, p->module, pass, occurrence, said);
  return true;
}

/* How often the list has had this pass up to `index`, which counts. */
static int occurrence_of(const pass_list *list, int index) {
  int count = 0;
  for (int i = 0; i <= index; i++) count += !strcmp(list->at[i]->name, list->at[index]->name);
  return count;
}

static bool stops_here(const tn_pipeline_options *options, const tn_pass *pass, int occurrence) {
  int wanted = options->stop_occurrence > 0 ? options->stop_occurrence : 1;
  return options->stop_after && !strcmp(options->stop_after, pass->name) && occurrence == wanted;
}

/* A run that is to stop somewhere must come there. */
static bool stop_is_reached(const tn_pipeline_options *options, const pass_list *list, tn_diagnostics *sink) {
  if (!options->stop_after) return true;
  int runs = 0;
  for (int i = 0; i < list->count; i++) {
    if (strcmp(options->stop_after, list->at[i]->name) != 0) continue;
    if (stops_here(options, list->at[i], ++runs)) return true;
  }
  return tn_error(sink, TN_USAGE, TN_NOWHERE, "stop after run %d of pass '%s': it runs %d times here",
                  options->stop_occurrence > 0 ? options->stop_occurrence : 1, options->stop_after, runs);
}

bool tn_pipeline_run(tn_module *module, const tn_pipeline_options *options, tn_arena *arena,
                     tn_pass_record **records, int *n_records, tn_diagnostics *sink) {
  *n_records = 0;
  *records = NULL;
  if (!names_are_known(options, sink)) return false;
  pass_list list = choose(options, arena);
  if (!stop_is_reached(options, &list, sink)) return false;
  *records = TN_NEW_ARRAY(arena, tn_pass_record, list.count);
  pipeline p = {.module = module, .options = options, .arena = arena};
  p.context = (tn_pass_context){.scratch = tn_arena_create(),
                                .sink = sink,
                                .level = options->level,
                                .reassociate = options->reassociate,
                                .max_fold_work = options->max_fold_work ? options->max_fold_work : 1 << 28,
                                .fuel = options->fuel ? *options->fuel : -1};
  p.hash = fingerprint(module);
  bool good = true;
  for (int i = 0; i < list.count && good; i++) {
    int occurrence = occurrence_of(&list, i);
    good = run_one(&p, list.at[i], occurrence, &(*records)[(*n_records)++]);
    if (stops_here(options, list.at[i], occurrence)) break;
  }
  tn_arena_destroy(p.context.scratch);
  return good;
}
