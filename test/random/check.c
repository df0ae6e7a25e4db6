/* One program in every way, and the comparisons between them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/random.h"

#include "driver/check_private.h"
#include "frontend/hlo/hlo.h"
#include "passes/pass.h"
#include "tenon/pool.h"

#include <ffi.h>
#include <stdio.h>

const char *verdict_name(verdict_kind kind) {
  switch (kind) {
  case SAME: return "same";
  case REFUSED: return "refused";
  case DIFFERS_TEXT: return "text differs from its own parse";
  case DIFFERS_PASSES: return "passes change the result";
  case DIFFERS_PLAN: return "plan differs from evaluator";
  case DIFFERS_NATIVE: return "native code differs from plan";
  case DIFFERS_IN_PLACE: return "native code differs in place";
  case BROKEN_MEMORY: return "native code writes where it may not";
  case FAILED: return "a step fails";
  case CRASHED: return "crash";
  }
  return "";
}

/* ---- the work on one program ---- */

enum { MAX_ARRAYS = 64 };

typedef struct {
  const program *program;
  verdict *v;
  tn_diagnostics sink;
  tn_arena *arena;
  const char *step;  /* what is being done, for crashes */
  tn_module *module; /* after the passes */
  tn_plan *plan;
  tn_object object;
  tn_image *image;
  bool written_out;    /* see tn_is_written_out */
  tn_checker *checker; /* of the passes, and the module before the one that runs */
  tn_module *before;
  tn_literal *expected;    /* of the evaluator, with bounds */
  tn_literal_list results; /* its leaves, as `module` has them */
  tn_literal_list inputs;  /* the arguments, as the entry of `module` takes them */
  tn_literal **interpreted;
  const tn_literal **arguments; /* leaves */
} work;

static void collect(void *user, const tn_diagnostic *d) {
  work *w = user;
  size_t used = strlen(w->v->what);
  if (d->severity == TN_SEVERITY_ERROR)
    snprintf(w->v->what + used, sizeof w->v->what - used, "%s; ", d->message);
}

static bool judge(work *w, verdict_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool judge(work *w, verdict_kind kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  w->v->kind = kind;
  vsnprintf(w->v->what, sizeof w->v->what, format, arguments);
  va_end(arguments);
  return false;
}

/* A step reported an error. */
static bool failed(work *w) {
  char message[sizeof w->v->what];
  memcpy(message, w->v->what, sizeof message);
  if (w->sink.status == TN_UNSUPPORTED) return judge(w, REFUSED, "%s: %s", w->step, message);
  return judge(w, FAILED, "%s: %s", w->step, message);
}

/* ---- comparing ---- */

/* Leaf `number` of the result; bounds of `expected` count if `inexact`. */
static bool agree(work *w, verdict_kind kind, const char *where, int number, const tn_literal *got,
                  const tn_literal *expected, bool inexact) {
  tn_difference d;
  double least = inexact && w->written_out ? 0x1p-1074 : 0; /* zeros of either sign */
  if (tn_leaf_agrees(got, expected, inexact, least, &d)) return true;
  if (d.element < 0) return judge(w, kind, "%s: result %d has %s", where, number, d.got);
  return judge(w, kind, "%s: result %d (%s) element %lld: %s, expected %s, bound %g", where, number,
               tn_shape_text(w->arena, d.shape), (long long)d.element, d.got, d.expected, d.bound);
}

/* ---- passes, plan, interpreter ---- */

static bool evaluate(work *w) {
  w->step = "evaluator";
  w->written_out = tn_is_written_out(w->program->module);
  const tn_literal *const *arguments = (const tn_literal *const *)w->program->arguments;
  w->expected = tn_evaluate(w->arena, w->program->module, arguments,
                            &(tn_eval_options){.bounds = true, .max_iterations = 1000}, &w->sink);
  return w->expected || failed(w);
}

/* What goes in and comes out of the module that passes made. */
static void list_leaves(work *w) {
  const tn_module *before = w->program->module;
  bool sized = tn_entry_is_bounded(before) && !tn_entry_is_bounded(w->module);
  tn_add_leaves(w->arena, &w->results, w->expected, sized);
  w->inputs = tn_list_arguments(w->arena, before, (const tn_literal *const *)w->program->arguments, sized);
}

/* Sizes of the entry's bounded dims become parameters and results, as the driver has it for everything. */
static bool settle_entry(work *w) {
  w->step = "bounded-entry";
  const tn_pass *pass = tn_pass_find("bounded-entry");
  tn_pipeline_options options = {.passes = &pass, .n_passes = 1};
  tn_pass_record *records;
  int n_records;
  if (!tn_entry_is_bounded(w->module)) return true;
  return tn_pipeline_run(w->module, &options, w->arena, &records, &n_records, &w->sink) || failed(w);
}

/* ---- each pass on its own: where it changed the module ---- */

static bool before_pass(void *user, tn_module *module, const tn_pass_record *run) {
  work *w = user;
  (void)run;
  tn_module_destroy(w->before);
  w->before = tn_module_clone(module);
  return true;
}

static bool after_pass(void *user, tn_module *module, const tn_pass_record *run) {
  work *w = user;
  tn_check_result found;
  tn_checker_want(w->checker, tn_pass_closeness(run->pass, false));
  if (!run->changed || !tn_check_parts(w->checker, w->before, module, &found) || !found.differs) return true;
  return judge(w, DIFFERS_PASSES, "pass '%s' (run %d): '%s' element %lld is %s, was %s, bound %g, on %s",
               run->name, run->occurrence, found.inst->name, (long long)found.difference.element,
               found.difference.got, found.difference.expected, found.difference.bound, found.inputs);
}

/* Exact, but where something becomes what it stands for. */
static bool run_passes(work *w) {
  w->module = tn_module_clone(w->program->module);
  if (!settle_entry(w)) return false;
  w->step = "passes";
  tn_pass_record *records;
  int n_records;
  tn_pipeline_options options = {.level = w->v->way.level};
  if (w->v->way.each_pass) {
    w->checker = tn_checker_create(w->arena, 0, NULL, 0);
    options.before_pass = before_pass;
    options.after_pass = after_pass;
    options.user = w;
  }
  bool passes = !w->v->way.unpassed;
  if (passes && !tn_pipeline_run(w->module, &options, w->arena, &records, &n_records, &w->sink))
    return failed(w);
  if (w->v->kind == DIFFERS_PASSES) return false;
  list_leaves(w);
  if (!passes) return true;
  w->step = "evaluator after passes";
  tn_literal *after =
      tn_evaluate(w->arena, w->module, w->inputs.at, &(tn_eval_options){.max_iterations = 1000}, &w->sink);
  if (!after) return failed(w);
  if (tn_shape_leaves(after->shape) != w->results.count)
    return judge(w, DIFFERS_PASSES, "%d results instead of %d", tn_shape_leaves(after->shape),
                 w->results.count);
  for (int i = 0; i < w->results.count; i++)
    if (!agree(w, DIFFERS_PASSES, "evaluator", i, tn_literal_leaf(after, i), w->results.at[i],
               w->written_out))
      return false;
  return true;
}

/* It verifies, and its text is a plan that prints the same. */
static bool plan_is_sound(work *w) {
  if (!tn_plan_verify(w->plan, &w->sink)) return failed(w);
  tn_text first = {0}, second = {0};
  tn_print_options inline_constants = {.constants = TN_CONSTANTS_INLINE};
  tn_plan_print(&first, w->plan, &inline_constants);
  w->step = "plan's text";
  tn_plan *parsed =
      tn_plan_parse((tn_str){first.bytes, first.length}, &(tn_plan_text_options){.file = "random"}, &w->sink);
  if (parsed) tn_plan_print(&second, parsed, &inline_constants);
  bool same = parsed && first.length == second.length && !memcmp(first.bytes, second.bytes, first.length);
  if (!parsed)
    failed(w);
  else if (!same)
    judge(w, DIFFERS_TEXT, "print(parse(plan)) is not the plan");
  tn_plan_destroy(parsed);
  tn_text_free(&first);
  tn_text_free(&second);
  return same;
}

static bool build_plan(work *w) {
  w->step = "plan";
  const way *way = &w->v->way;
  tn_plan_options options = {.level = way->level, .schedule_seed = way->schedule};
  options.target = tn_cpu_find(w->arena, &w->sink, way->target, NULL, NULL);
  if (!options.target) return failed(w);
  w->plan = tn_plan_build(w->module, &options, &w->sink);
  if (!w->plan) return failed(w);
  if (!plan_is_sound(w)) return false;
  tn_literal_list leaves = {0};
  for (int i = 0; i < w->inputs.count; i++) tn_add_leaves(w->arena, &leaves, w->inputs.at[i], false);
  w->arguments = leaves.at;
  return leaves.count == w->plan->n_parameters ||
         judge(w, FAILED, "plan: %d parameters, %d arguments", w->plan->n_parameters, leaves.count);
}

static bool interpret(work *w) {
  w->step = "interpreter";
  w->interpreted = TN_NEW_ARRAY(w->arena, tn_literal *, w->plan->n_results);
  if (!tn_plan_run(w->arena, w->plan, w->arguments, w->interpreted, &w->sink)) return failed(w);
  if (w->plan->n_results != w->results.count) return judge(w, FAILED, "plan: %d results", w->plan->n_results);
  for (int i = 0; i < w->plan->n_results; i++)
    if (!agree(w, DIFFERS_PLAN, "interpreter", i, w->interpreted[i], w->results.at[i], true)) return false;
  return true;
}

/* ---- native code ---- */

/* Memory of one call; kept for the next. */
static struct {
  guarded parameters[MAX_ARRAYS], results[MAX_ARRAYS], arena, constants;
} memory;

/* Five workers on one thread: the last pieces first, pieces of all sizes, some empty. */
static void odd_parallel_for(void *pool, int64_t count, tn_body *body, void *context) {
  (void)pool;
  for (int64_t end = count, t = 0; end > 0; t++) {
    int64_t begin = t % 3 == 2 ? end / 2 : end - 1;
    body(context, begin, end, (int32_t)(t % 5));
    end = begin;
  }
}

static const tn_exec *exec_of(int threads) {
  static tn_pool *pools[9];
  static const tn_exec odd = {.threads = 5, .parallel_for = odd_parallel_for};
  if (threads == 1) return NULL;
  if (threads == 5) return &odd;
  if (!pools[threads]) pools[threads] = tn_pool_create(threads);
  return tn_pool_exec(pools[threads]);
}

static size_t place_arena(work *w, int threads, bool first) {
  size_t size = (size_t)(w->object.arena_bytes + w->object.arena_bytes_per_thread * threads);
  memset(guarded_place(&memory.arena, size, 64, first), 0xff,
         size); /* NaNs: what is read before it is written shows */
  return size;
}

static const tn_buffer *parameter_of(const work *w, int i) {
  return &w->plan->buffers[w->plan->parameters[i]];
}
static const tn_buffer *result_of(const work *w, int i) { return &w->plan->buffers[w->plan->results[i]]; }

static void place_arrays(work *w, void **arrays, bool in_place, bool first) {
  const tn_plan *plan = w->plan;
  for (int i = 0; i < plan->n_parameters; i++) {
    const tn_buffer *b = parameter_of(w, i);
    arrays[i] = guarded_place(&memory.parameters[i], (size_t)b->bytes, tn_type_bytes(b->shape->type), first);
    tn_layout_pack(b->shape, w->arguments[i]->data, arrays[i]);
  }
  for (int i = 0; i < plan->n_results; i++) {
    const tn_buffer *b = result_of(w, i);
    void *place = guarded_place(&memory.results[i], (size_t)b->bytes, tn_type_bytes(b->shape->type), first);
    memset(place, 0xaa, (size_t)b->bytes);
    if (in_place && b->alias >= 0) place = arrays[plan->buffers[b->alias].number];
    arrays[plan->n_parameters + i] = place;
  }
}

static int invoke(work *w, void **arrays, size_t arena_size, const tn_exec *exec) {
  int count = w->plan->n_parameters + w->plan->n_results;
  ffi_cif cif;
  ffi_type *types[2 * MAX_ARRAYS + 4];
  void *values[2 * MAX_ARRAYS + 4], *arena = memory.arena.at, *symbol = tn_image_symbol(w->image, "r_run");
  const void *constants = memory.constants.at;
  void (*run)(void);
  memcpy(&run, &symbol, sizeof run);
  for (int i = 0; i < count; i++) values[i] = &arrays[i];
  if (w->object.constants.length) values[count++] = &constants;
  values[count++] = &arena;
  values[count++] = &arena_size;
  values[count++] = &exec;
  for (int i = 0; i < count; i++) types[i] = &ffi_type_pointer;
  ffi_arg status = 0;
  if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, (unsigned)count, &ffi_type_sint, types) != FFI_OK) return -1;
  ffi_call(&cif, run, &status, values);
  return (int)status;
}

static bool results_agree(work *w, const char *where, void *const *arrays, verdict_kind kind) {
  for (int i = 0; i < w->plan->n_results; i++) {
    void *data;
    tn_literal *got = tn_literal_uninitialised(w->arena, w->interpreted[i]->shape, &data);
    tn_layout_unpack(result_of(w, i)->shape, arrays[w->plan->n_parameters + i], data);
    if (!agree(w, kind, where, i, got, w->interpreted[i], false)) return false;
  }
  return true;
}

/* Nothing but results, and parameters that they took the place of, has changed. */
static bool memory_is_intact(work *w, const char *where, bool in_place) {
  if (!guarded_intact(&memory.arena)) return judge(w, BROKEN_MEMORY, "%s: around the arena", where);
  for (int i = 0; i < w->plan->n_results; i++)
    if (!guarded_intact(&memory.results[i])) return judge(w, BROKEN_MEMORY, "%s: around result %d", where, i);
  for (int i = 0; i < w->plan->n_parameters; i++) {
    const tn_buffer *b = parameter_of(w, i);
    bool written = false;
    for (int r = 0; r < w->plan->n_results; r++)
      written |= in_place && result_of(w, r)->alias == w->plan->parameters[i];
    if (!guarded_intact(&memory.parameters[i]))
      return judge(w, BROKEN_MEMORY, "%s: around parameter %d", where, i);
    void *original = tn_arena_alloc(w->arena, (size_t)b->bytes);
    tn_layout_pack(b->shape, w->arguments[i]->data, original);
    if (!written && memcmp(original, memory.parameters[i].at, (size_t)b->bytes))
      return judge(w, BROKEN_MEMORY, "%s: parameter %d", where, i);
  }
  return true;
}

static bool call_native(work *w, int threads, bool in_place) {
  void *arrays[2 * MAX_ARRAYS];
  char where[64];
  snprintf(where, sizeof where, "%d thread%s%s", threads, threads == 1 ? "" : "s",
           in_place ? ", in place" : "");
  w->step = "native code";
  bool first = threads % 2 == 0;
  place_arrays(w, arrays, in_place, first);
  int status = invoke(w, arrays, place_arena(w, threads, first), exec_of(threads));
  if (status) return judge(w, FAILED, "native code, %s: status %d", where, status);
  return results_agree(w, where, arrays, in_place ? DIFFERS_IN_PLACE : DIFFERS_NATIVE) &&
         memory_is_intact(w, where, in_place);
}

static bool run_native(work *w) {
  static const int threads[] = {1, 2, 3, 5, 8};
  w->step = "code generation";
  if (w->plan->n_parameters > MAX_ARRAYS || w->plan->n_results > MAX_ARRAYS) return true;
  if (!tn_cpu_runs_here(w->plan->target)) return true;
  uint64_t choice = w->v->way.schedule; /* options that may not change a bit go with it */
  tn_cpu_options options = {
      .name = "r", .optimisation = choice ? 1 + (int)(choice % 3) : 2, .side_file = choice % 8 == 1};
  if (!tn_cpu_compile(w->plan, &options, &w->object, &w->sink)) return failed(w);
  tn_str constants = w->object.constants;
  if (constants.length)
    memcpy(guarded_place(&memory.constants, constants.length, 64, false), constants.at, constants.length);
  w->image = tn_cpu_load(&w->object, &w->sink);
  if (!w->image) return failed(w);
  for (int i = 0; i < 5; i++)
    if (!call_native(w, threads[i], false)) return false;
  for (int i = 0; i < w->plan->n_results; i++)
    if (result_of(w, i)->alias >= 0) return call_native(w, 1, true) && call_native(w, 3, true);
  return true;
}

/* ---- text ---- */

static void compare_text(void *context) {
  work *w = context;
  tn_text first = {0}, second = {0};
  w->step = "text";
  tn_print_module(&first, w->program->module, NULL);
  tn_module *parsed =
      tn_hlo_parse((tn_str){first.bytes, first.length}, &(tn_hlo_options){.file = "random"}, &w->sink);
  if (!parsed)
    failed(w);
  else {
    tn_print_module(&second, parsed, NULL);
    if (first.length != second.length || memcmp(first.bytes, second.bytes, first.length))
      judge(w, DIFFERS_TEXT, "print(parse(text)) is not text");
  }
  tn_module_destroy(parsed);
  tn_text_free(&first);
  tn_text_free(&second);
}

static void check(void *context) {
  work *w = context;
  (void)(evaluate(w) && run_passes(w) && build_plan(w) && interpret(w) &&
         (!w->v->way.native || run_native(w)));
}

static void run_protected(work *w, void (*what)(void *)) {
  enum { SECONDS = 20 };
  w->arena = tn_arena_create();
  w->sink = (tn_diagnostics){.callback = collect, .user = w};
  int number = protected_run(what, w, SECONDS);
  if (number)
    judge(w, CRASHED, "%s: signal %d", w->step, number);
  else { /* after a crash nothing is sure: it is left alone */
    tn_image_unload(w->image);
    tn_plan_destroy(w->plan);
    tn_module_destroy(w->module);
    tn_module_destroy(w->before);
    tn_checker_destroy(w->checker);
  }
  tn_arena_destroy(w->arena);
}

void check_text(const program *p, verdict *v) {
  work w = {.program = p, .v = v};
  *v = (verdict){0};
  run_protected(&w, compare_text);
}

void check_program(const program *p, const way *way, verdict *v) {
  work w = {.program = p, .v = v};
  *v = (verdict){.way = *way};
  run_protected(&w, check);
}

void draw_ways(uint64_t seed, const char *const *targets, int n_targets, way ways[WAYS]) {
  dice d = {seed ^ UINT64_C(0x5eed)};
  int first = roll(&d, 4);
  for (int i = 0; i < WAYS; i++) {
    const char *target = targets[roll(&d, n_targets)];
    ways[i] = (way){.level = (first + i) % 4, .target = target, .schedule = 1 + draw(&d) % 1000000};
  }
  ways[0].native = true;
  ways[0].each_pass = true;
  ways[1].native = chance(&d, 40);
  if (chance(&d, 50)) ways[0].schedule = 0;
  ways[WAYS - 1].unpassed = true;
  ways[WAYS - 1].level = 0;
}
