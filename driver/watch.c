/* Passes watched: a copy of the module before each one, the check after it, and what is told of
 * the first guilty one.
 *
 * Cost: a copy of the module for each pass that changes it, and the check (check.h).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/watch.h"

#include "base/file.h"
#include "driver/bisect.h"
#include "driver/reduce.h"
#include "ir/print.h"

struct tn_watch {
  tn_arena *arena;
  tn_diagnostics *sink;
  const tn_pass_options *options;
  const tn_pipeline_options *pipeline;
  const char *file; /* for the module that bisecting makes */
  tn_checker *checker;
  tn_module *before;
};

/* ---- beginning ---- */

/* "models/mlp.hlo" -> "mlp.bisect.hlo" */
static const char *default_file(tn_arena *arena, const tn_module *module) {
  const char *name = module->file && strcmp(module->file, "-") != 0 ? module->file : "module";
  const char *slash = strrchr(name, '/');
  const char *stem = slash ? slash + 1 : name, *dot = strrchr(stem, '.');
  size_t length = dot && dot != stem ? (size_t)(dot - stem) : strlen(stem);
  return tn_arena_printf(arena, "%.*s.bisect.hlo", (int)length, stem);
}

/* The given arrays as literals, if they are one a parameter. */
static const tn_literal *const *given_literals(tn_watch *watch, const tn_model *model) {
  const tn_arrays *arrays = watch->options->check_inputs;
  const tn_comp *entry = model->module->entry;
  if (!arrays || arrays->list.count != entry->parameters.count) return NULL;
  const tn_literal **list = TN_NEW_ARRAY(watch->arena, const tn_literal *, arrays->list.count);
  for (int i = 0; i < arrays->list.count; i++) {
    tn_diagnostics silent = {0};
    const tn_shape *shape = entry->parameters.at[i]->shape;
    if (!tn_shape_is_array(shape)) return NULL;
    list[i] = tn_driver_literal(watch->arena, &silent, &arrays->list.at[i], shape);
    if (!list[i]) return NULL;
  }
  return list;
}

tn_watch *tn_watch_begin(tn_model *model, const tn_pass_options *options,
                         const tn_pipeline_options *pipeline) {
  if (!options->check && !options->bisect) return NULL;
  tn_arena *arena = tn_arena_create();
  tn_watch *watch = TN_NEW(arena, tn_watch);
  *watch =
      (tn_watch){.arena = arena, .sink = &model->context->sink, .options = options, .pipeline = pipeline};
  watch->file = options->bisect_file && *options->bisect_file ? options->bisect_file
                                                              : default_file(arena, model->module);
  const tn_literal *const *given = given_literals(watch, model);
  watch->checker =
      tn_checker_create(arena, options->max_check_work, given, given ? options->check_inputs->list.count : 0);
  return watch;
}

/* ---- what is told ---- */

/* Rewrites of the pass before this run. */
static int64_t spent_before(const tn_pass_record *run) {
  int64_t spent = -run->changes;
  for (int i = 0; i < run->n_spent; i++)
    if (strcmp(run->spent[i].pass, run->name) == 0) spent += run->spent[i].rewrites;
  return spent;
}

/* "result 1 (f32[4])", "'add.7' (f32[4])" */
static const char *what_differs(tn_watch *watch, const tn_check_result *found) {
  const char *shape = tn_shape_text(watch->arena, found->difference.shape);
  if (!found->whole) return tn_arena_printf(watch->arena, "'%s' (%s)", found->inst->name, shape);
  return tn_arena_printf(watch->arena, "r%d (%s)", found->difference.output, shape);
}

static void report_values(tn_watch *watch, const tn_check_result *found, const char *where) {
  const tn_difference *d = &found->difference;
  tn_location location = found->inst->location;
  if (d->element < 0)
    tn_error(watch->sink, TN_MISMATCH, location, "%s: %s has %s", where, what_differs(watch, found), d->got);
  else
    tn_error(watch->sink, TN_MISMATCH, location, "%s: %s element %lld is %s, was %s, bound %g", where,
             what_differs(watch, found), (long long)d->element, d->got, d->expected, d->bound);
  if (found->whole)
    tn_note(watch->sink, TN_NOWHERE, "elements that differ: %lld; the whole module was run on %s",
            (long long)d->count, found->inputs);
  else
    tn_note(watch->sink, TN_NOWHERE,
            "elements that differ: %lld; only what changed was run, with what it needs %d levels up, on %s",
            (long long)d->count, found->levels, found->inputs);
}

static void write_minimal(tn_watch *watch, const tn_suspect *suspect) {
  tn_module *minimal = tn_bisect_reduce(suspect, watch->arena);
  if (!minimal) {
    tn_note(watch->sink, TN_NOWHERE, "no part of the module differs when '%s' alone runs on it",
            suspect->pass->name);
    return;
  }
  tn_text text = {0};
  tn_text_printf(&text, "// tenon opt %s --passes=%s -O%d%s", watch->file, suspect->pass->name,
                 suspect->pipeline->level, suspect->pipeline->reassociate ? " --reassociate" : "");
  if (suspect->pipeline->sparsity > 0)
    tn_text_printf(&text, " --sparsity=4x1:%.10g", suspect->pipeline->sparsity);
  tn_text_put(&text, " --check-passes\n");
  tn_print_module(&text, minimal, NULL);
  if (tn_file_write(watch->sink, watch->file, &(tn_str){text.bytes, text.length}, 1, false))
    tn_note(watch->sink, TN_NOWHERE, "%d instructions that show it: %s", tn_module_instructions(minimal),
            watch->file);
  tn_text_free(&text);
  tn_module_destroy(minimal);
}

static void report(tn_watch *watch, const tn_check_result *found, const tn_pass_record *run) {
  tn_suspect suspect = {watch->before, run->pass, run->changes, watch->pipeline, watch->checker, *found};
  int64_t earlier = spent_before(run), rewrite = tn_bisect_rewrite(&suspect);
  const char *where = tn_arena_printf(watch->arena, "pass '%s' (run %d)", run->name, run->occurrence);
  if (rewrite)
    where = tn_arena_printf(watch->arena, "%s, rewrite %lld", where, (long long)(earlier + rewrite));
  report_values(watch, found, where);
  if (rewrite)
    tn_note(watch->sink, TN_NOWHERE, "'--fuel=%s=%lld' ends before that rewrite", run->name,
            (long long)(earlier + rewrite - 1));
  if (watch->options->bisect) write_minimal(watch, &suspect);
}

/* ---- hooks ---- */

void tn_watch_before(tn_watch *watch, const tn_module *module) {
  if (watch && !watch->before) watch->before = tn_module_clone(module);
}

bool tn_watch_after(tn_watch *watch, const tn_module *module, const tn_pass_record *run) {
  if (!watch || !run->changed) return true;
  tn_checker_want(watch->checker, tn_pass_closeness(run->pass, watch->options->reassociate));
  tn_check_result found = tn_check_modules(watch->checker, watch->before, module);
  if (found.differs) return report(watch, &found, run), false;
  tn_module_destroy(watch->before);
  watch->before = tn_module_clone(module);
  tn_checker_advance(watch->checker, watch->before);
  return true;
}

void tn_watch_end(tn_watch *watch) {
  if (!watch) return;
  const tn_check_counts *counts = tn_checker_counts(watch->checker);
  if (counts->passes > counts->whole)
    tn_note(
        watch->sink, TN_NOWHERE,
        "check: of %d changes %d were checked on the whole module, the others (above --max-check-work) where "
        "they changed it: %lld values, %lld different ones run, %lld of them at smaller sizes, %lld left out",
        counts->passes, counts->whole, (long long)counts->places, (long long)counts->distinct,
        (long long)counts->smaller, (long long)counts->left_out);
  if (counts->unrun)
    tn_note(watch->sink, TN_NOWHERE,
            "check: %d changes could not be checked: the evaluator does not run them", counts->unrun);
  tn_module_destroy(watch->before);
  tn_checker_destroy(watch->checker);
  tn_arena_destroy(watch->arena);
}
