/* The pipeline: which passes run, and how it polices them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "frontend/hlo/hlo.h"
#include "ir/print.h"
#include "passes/pass.h"

static const char *const program = "f (x: f32[4]) -> f32[4] {\n"
                                   "  x = f32[4] parameter(0)\n"
                                   "  a = f32[2,2] reshape(x)\n"
                                   "  b = f32[4] reshape(a)\n"
                                   "  c = f32[4] negate(b)\n"
                                   "  ROOT d = f32[4] add(c, c)\n"
                                   "}\n";

typedef struct {
  tn_arena *arena;
  tn_module *module;
  tn_diagnostics sink;
  tn_pass_record *records;
  int count;
  char message[512]; /* the first */
  char note[512];    /* the last */
} fixture;

static void keep(void *user, const tn_diagnostic *diagnostic) {
  fixture *f = user;
  if (!f->message[0]) snprintf(f->message, sizeof f->message, "%s", diagnostic->message);
  if (diagnostic->severity == TN_SEVERITY_NOTE) snprintf(f->note, sizeof f->note, "%s", diagnostic->message);
}

static fixture *open_program(void) {
  fixture *f = calloc(1, sizeof *f);
  f->arena = tn_arena_create();
  f->sink = (tn_diagnostics){.callback = keep, .user = f};
  tn_hlo_options options = {.file = "program.hlo"};
  f->module = tn_hlo_parse((tn_str){program, strlen(program)}, &options, &f->sink);
  cr_assert(f->module);
  return f;
}

static void close_program(fixture *f) {
  tn_module_destroy(f->module);
  tn_arena_destroy(f->arena);
  free(f);
}

static bool run(fixture *f, const tn_pipeline_options *options) {
  return tn_pipeline_run(f->module, options, f->arena, &f->records, &f->count, &f->sink);
}

static bool ran(const fixture *f, const char *name) {
  for (int i = 0; i < f->count; i++)
    if (!strcmp(f->records[i].name, name)) return true;
  return false;
}

static int instructions(const fixture *f) { return f->module->entry->n_insts; }

Test(pipeline, every_row_is_found_by_its_name) {
  for (int i = 0; i < tn_pass_count; i++) cr_expect_eq(tn_pass_find(tn_passes[i].name), &tn_passes[i]);
  cr_expect_null(tn_pass_find("no-such-pass"));
}

Test(pipeline, level_0_is_expansions_alone) {
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.level = 0}));
  cr_expect(ran(f, "batch-norm-expansion"));
  for (int i = 0; i < f->count; i++) cr_expect_eq(tn_pass_find(f->records[i].name)->min_level, 0);
  cr_expect_eq(instructions(f), 5);
  close_program(f);
}

Test(pipeline, level_1_fuses) {
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.level = 1}));
  cr_expect(ran(f, "fusion"));
  cr_expect_eq(instructions(f), 2, "a parameter and a fusion");
  close_program(f);
}

Test(pipeline, disabled_passes_do_not_run) {
  static const char *const disabled[] = {"fusion", "simplify-shape", NULL};
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.level = 1, .disabled = disabled}));
  cr_expect(!ran(f, "fusion") && !ran(f, "simplify-shape") && ran(f, "dce"));
  cr_expect_eq(instructions(f), 5);
  close_program(f);
}

Test(pipeline, stops_after_an_occurrence) {
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.level = 1, .stop_after = {.name = "dce", .occurrence = 1}}));
  cr_expect(!ran(f, "fusion"));
  int first = f->count;
  close_program(f);
  f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.level = 1, .stop_after = {.name = "dce", .occurrence = 3}}));
  cr_expect(f->count > first && ran(f, "fusion"));
  close_program(f);
}

Test(pipeline, exact_lists_may_repeat) {
  const tn_pass *dce = tn_pass_find("dce"), *list[] = {dce, dce};
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.passes = list, .n_passes = 2}));
  cr_expect_eq(f->count, 2);
  close_program(f);
}

Test(pipeline, unknown_names_are_usage_errors) {
  static const char *const disabled[] = {"fusoin", NULL};
  fixture *f = open_program();
  cr_expect(!run(f, &(tn_pipeline_options){.level = 1, .disabled = disabled}));
  cr_expect_eq(f->sink.status, TN_USAGE);
  cr_expect_str_eq(f->message, "pass 'fusoin' does not exist");
  close_program(f);
}

/* Over all rounds together. */
Test(pipeline, fuel_limits_the_rewrites_of_one_pass) {
  tn_fuel fuel[] = {{"simplify-shape", 0}, {"fusion", 0}, {"dce", 1}};
  for (int n = 0; n < 2; n++) {
    fixture *f = open_program();
    fuel[0].rewrites = n;
    cr_expect(run(f, &(tn_pipeline_options){.level = 1, .fuel = fuel, .n_fuel = 3}));
    int64_t changes = 0;
    for (int i = 0; i < f->count; i++)
      if (!strcmp(f->records[i].name, "simplify-shape")) changes += f->records[i].changes;
    cr_expect_eq(changes, n);
    cr_expect_eq(instructions(f), n ? 4 : 5);
    close_program(f);
  }
}

/* ---- passes that lie ---- */

static bool change_in_secret(tn_module *module, tn_pass_context *context) {
  (void)context;
  tn_inst *root = module->entry->root;
  module->entry->root = tn_build_unary(module->entry, NULL, TN_OP_NEGATE, root);
  return false;
}

static bool boast(tn_module *module, tn_pass_context *context) {
  (void)module;
  return tn_pass_spend(context);
}

static bool break_the_module(tn_module *module, tn_pass_context *context) {
  (void)context;
  module->entry->root->shape = tn_shape_scalar(module->arena, TN_F32);
  return true;
}

static bool report_an_error(tn_module *module, tn_pass_context *context) {
  (void)module;
  return !tn_error(context->sink, TN_UNSUPPORTED, TN_NOWHERE, "pass '%s': not today", context->pass->name);
}

static void expect_failure(tn_pass_function *function, tn_status status, const char *message) {
  tn_pass pass = {.name = "liar", .help = "", .min_level = -1, .run = function};
  const tn_pass *list[] = {&pass};
  fixture *f = open_program();
  cr_expect(!run(f, &(tn_pipeline_options){.passes = list, .n_passes = 1}));
  cr_expect_eq(f->sink.status, status);
  cr_expect_eq(strncmp(f->message, message, strlen(message)), 0, "got: %s", f->message);
  close_program(f);
}

Test(pipeline, catches_a_change_that_is_not_told) {
  expect_failure(change_in_secret, TN_BUG, "pass 'liar' changed the module without saying so");
}

Test(pipeline, catches_a_change_that_did_not_happen) {
  expect_failure(boast, TN_BUG, "pass 'liar' says it changed the module but did not");
}

Test(pipeline, catches_an_invalid_module) {
  expect_failure(break_the_module, TN_BUG, "pass 'liar' made the module invalid: ");
}

Test(pipeline, errors_of_a_pass_stop_it) {
  expect_failure(report_an_error, TN_UNSUPPORTED, "pass 'liar': not today");
}

static bool note(void *user, tn_module *module, const tn_pass_record *run) {
  (void)module;
  int *most = user;
  if (run->occurrence > *most) *most = run->occurrence;
  return true;
}

Test(pipeline, tells_after_each_pass_which_occurrence_it_was) {
  fixture *f = open_program();
  int most = 0;
  cr_expect(run(f, &(tn_pipeline_options){.level = 1, .after_pass = note, .user = &most}));
  cr_expect_eq(most, 3, "two rounds, and once after fusion");
  close_program(f);
}

/* ---- stages and rounds ---- */

/* Negates the root each time, or takes that back. */
static bool waver(tn_module *module, tn_pass_context *context) {
  tn_inst *root = module->entry->root;
  if (!tn_pass_spend(context)) return false;
  module->entry->root = tn_build_unary(module->entry, NULL, TN_OP_NEGATE, root);
  return true;
}

static bool rest(tn_module *module, tn_pass_context *context) {
  (void)module, (void)context;
  return false;
}

static const tn_pass wavering = {.name = "wavering", .run = waver, .stage = TN_STAGE_SIMPLIFY};
static const tn_pass resting = {.name = "resting", .run = rest, .stage = TN_STAGE_SIMPLIFY};

static int runs_of(const fixture *f, const char *name) {
  int count = 0;
  for (int i = 0; i < f->count; i++) count += !strcmp(f->records[i].name, name);
  return count;
}

Test(pipeline, a_pass_that_never_settles_is_named_after_the_bound) {
  static const tn_pipeline_row rows[] = {{&resting, TN_STAGE_SIMPLIFY, 0}, {&wavering, TN_STAGE_SIMPLIFY, 0}};
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 2}), "a warning, not an error");
  cr_expect_str_eq(f->message, "pass 'wavering' still changes the module after 8 rounds of stage 'simplify'");
  cr_expect_eq(runs_of(f, "wavering"), TN_MOST_ROUNDS);
  cr_expect_eq(f->sink.errors, 0);
  close_program(f);
}

Test(pipeline, rounds_end_when_nothing_changes) {
  static const tn_pipeline_row rows[] = {{&resting, TN_STAGE_SIMPLIFY, 0}, {&wavering, TN_STAGE_SIMPLIFY, 0}};
  const tn_fuel fuel = {"wavering", 2};
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 2, .fuel = &fuel, .n_fuel = 1}));
  cr_expect_str_eq(f->message, "");
  cr_expect_eq(runs_of(f, "wavering"), 3);
  cr_expect_eq(runs_of(f, "resting"), 3, "each round changed something after it, but for the last");
  cr_expect_eq(f->records[f->count - 1].round, 3);
  close_program(f);
}

Test(pipeline, settled_passes_are_passed_over) {
  static const tn_pipeline_row rows[] = {{&wavering, TN_STAGE_SIMPLIFY, 0}, {&resting, TN_STAGE_SIMPLIFY, 0}};
  const tn_fuel fuel = {"wavering", 1};
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 2, .fuel = &fuel, .n_fuel = 1}));
  cr_expect_eq(runs_of(f, "wavering"), 2);
  cr_expect_eq(runs_of(f, "resting"), 1, "nothing changed since it found nothing");
  close_program(f);
}

Test(pipeline, stages_come_in_their_order) {
  static const tn_pipeline_row rows[] = {
      {&resting, TN_STAGE_LATE, 0}, {&wavering, TN_STAGE_EXPAND, 0}, {&resting, TN_STAGE_EXPAND, 2}};
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 3, .level = 1}));
  cr_assert_eq(f->count, 2);
  cr_expect_str_eq(f->records[0].name, "wavering");
  cr_expect_str_eq(f->records[1].name, "resting");
  close_program(f);
}

/* ---- properties ---- */

static bool call_itself(tn_module *module, tn_pass_context *context) {
  tn_comp *entry = module->entry, *callee = tn_comp_create(module, "callee");
  tn_inst *x = tn_build_parameter(callee, 0, entry->root->shape, "x");
  callee->root = x;
  if (!tn_pass_spend(context)) return false;
  tn_inst *call = tn_inst_create(entry, NULL, TN_OP_CALL, x->shape, 1, &entry->root);
  tn_inst_set_called(call, 1, &callee);
  entry->root = call;
  return true;
}

Test(pipeline, a_pass_that_breaks_what_it_keeps_is_named) {
  tn_pass pass = {.name = "caller", .run = call_itself}, *list[] = {&pass};
  fixture *f = open_program();
  cr_expect(!run(f, &(tn_pipeline_options){.passes = (const tn_pass *const *)list, .n_passes = 1}));
  cr_expect_eq(f->sink.status, TN_BUG);
  cr_expect_eq(strncmp(f->message, "pass 'caller' says it keeps the module flat, but made 'call.", 60), 0,
               "%s", f->message);
  close_program(f);
  f = open_program();
  pass.breaks = TN_PROPERTY_FLAT;
  cr_expect(run(f, &(tn_pipeline_options){.passes = (const tn_pass *const *)list, .n_passes = 1}));
  close_program(f);
}

Test(pipeline, needs_are_met_or_the_pass_does_not_run) {
  static const tn_pass caller = {.name = "caller", .run = call_itself, .breaks = TN_PROPERTY_FLAT};
  static const tn_pass flat = {.name = "flat-only", .run = waver, .needs = TN_PROPERTY_FLAT};
  static const tn_pass *const list[] = {&caller, &flat};
  static const tn_pipeline_row rows[] = {{&caller, TN_STAGE_EXPAND, 0}, {&flat, TN_STAGE_LATE, 0}};
  fixture *f = open_program();
  cr_expect(!run(f, &(tn_pipeline_options){.passes = list, .n_passes = 2}));
  cr_expect_eq(f->sink.status, TN_USAGE);
  cr_expect_eq(strncmp(f->message, "pass 'flat-only' needs a module that is flat, but 'call.", 56), 0, "%s",
               f->message);
  cr_expect_str_eq(f->note, "pass 'inline-calls' makes it so");
  close_program(f);
  f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 2}));
  cr_expect_str_eq(f->records[1].unmet, "flat");
  cr_expect_eq(f->records[1].changes, 0);
  close_program(f);
}

Test(pipeline, what_changes_values_is_asked_for) {
  static const tn_pass bold = {.name = "bold", .run = rest, .flags = TN_PASS_REASSOCIATE};
  static const tn_pass *const list[] = {&bold};
  static const tn_pipeline_row rows[] = {{&bold, TN_STAGE_LATE, 0}};
  fixture *f = open_program();
  cr_expect(!run(f, &(tn_pipeline_options){.passes = list, .n_passes = 1}));
  cr_expect_str_eq(f->message, "pass 'bold' changes rounding: it needs '--reassociate'");
  cr_expect(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 1}) && f->count == 0);
  cr_expect(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 1, .reassociate = true}) && f->count == 1);
  close_program(f);
}

/* ---- hooks ---- */

static bool stop_before_dce(void *user, tn_module *module, const tn_pass_record *run) {
  (void)user, (void)module;
  return strcmp(run->name, "dce") != 0;
}

Test(pipeline, a_hook_can_end_it) {
  fixture *f = open_program();
  cr_expect(run(f, &(tn_pipeline_options){.level = 1, .before_pass = stop_before_dce}));
  cr_expect(f->count > 0 && !ran(f, "dce"));
  close_program(f);
}

/* A pass that makes something and takes it away again has changed nothing, and leaves no
 * trace in the names that come after it.                                               */
static bool make_and_unmake(tn_module *module, tn_pass_context *context) {
  (void)context;
  tn_inst *root = module->entry->root;
  tn_inst_remove(tn_build_unary(module->entry, NULL, TN_OP_NEGATE, root));
  return false;
}

Test(pipeline, names_do_not_remember) {
  static const tn_pass idle = {.name = "idle", .run = make_and_unmake};
  static const tn_pass *const with[] = {&idle, &wavering}, *const without[] = {&wavering};
  char name[2][64];
  for (int i = 0; i < 2; i++) {
    fixture *f = open_program();
    cr_expect(run(f, &(tn_pipeline_options){.passes = i ? with : without, .n_passes = 1 + i}));
    snprintf(name[i], sizeof name[i], "%s", f->module->entry->root->name);
    close_program(f);
  }
  cr_expect_str_eq(name[0], name[1]);
}

/* ---- places ---- */

static void print(fixture *f, tn_text *text) { tn_print_module(text, f->module, NULL); }

Test(pipeline, a_run_in_two_parts_is_the_same) {
  static const tn_pipeline_row rows[] = {{&wavering, TN_STAGE_EXPAND, 0},
                                         {&wavering, TN_STAGE_SIMPLIFY, 0},
                                         {&resting, TN_STAGE_SIMPLIFY, 0},
                                         {&wavering, TN_STAGE_LATE, 0}};
  const tn_fuel all = {"wavering", 3}; /* of which the second part has what the first has left */
  tn_text whole = {0};
  fixture *f = open_program();
  cr_assert(run(f, &(tn_pipeline_options){.rows = rows, .n_rows = 4, .fuel = &all, .n_fuel = 1}));
  print(f, &whole);
  close_program(f);
  for (int n = 1; n <= 4; n++) {
    tn_pipeline_options options = {.rows = rows, .n_rows = 4, .fuel = &all, .n_fuel = 1};
    tn_text parts = {0};
    f = open_program();
    options.stop_after = (tn_pipeline_place){.name = "wavering", .occurrence = n};
    cr_assert(run(f, &options));
    cr_expect(f->module->frontend_attributes, "it says where it is");
    options.stop_after.name = NULL;
    options.start_after = (tn_pipeline_place){.name = "wavering"};
    cr_assert(run(f, &options), "%s", f->message);
    print(f, &parts);
    cr_expect_str_eq(parts.bytes, whole.bytes);
    tn_text_free(&parts);
    close_program(f);
  }
  tn_text_free(&whole);
}
