/* Runs every program of $TENON_SHARED/models/hlo through the plan interpreter and
 * compares: with the golden results, within the tolerances of index.json, and with the
 * reference evaluator, within 4 of its error bounds. Each result must agree with the
 * evaluator; one that is not within the golden's tolerance (sums in another order) is
 * told.
 *
 *     plan_models [--target NAME] [--level N] [--seed N] [--passes] [--print] [--refused] [NAME...]
 *
 * --passes runs the pipeline of the level first, so that fusions become kernels; the
 * evaluator runs the module as it was. What tn_plan_build refuses is counted; --refused prints why; it must be what
 * codegen/plan/native.h, and so docs/ir.md, says. Every plan is verified
 * and must print, parse and print to the same text. The exit status is 1 if a result
 * differs, a plan is wrong, or anything fails other than by a refusal.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/number.h"
#include "codegen/plan/native.h"
#include "codegen/plan/plan.h"
#include "frontend/hlo/hlo.h"
#include "ir/eval.h"
#include "passes/pass.h"

typedef struct {
  const char *directory, *target;
  tn_plan_options options;
  bool print, show_refused, passes;
  int run, refused, failed;
} session;

typedef struct {
  const char *name;
  char message[400];
} report;

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  report *r = user;
  if (!r->message[0]) snprintf(r->message, sizeof r->message, "%s", diagnostic->message);
}

static const tn_npy *entry(const tn_npz *npz, char kind, int index) {
  char name[16];
  snprintf(name, sizeof name, "%c%d", kind, index);
  return tn_npz_find(npz, name);
}

/* Of a complex element the bound holds for both parts. */
static bool within_bounds(const tn_literal *got, const tn_literal *expected) {
  tn_type type = got->shape->type, part = tn_type_is_complex(type) ? tn_type_part(type) : type;
  if (!tn_type_is_float(part) || !expected->bound) return tn_literal_compare(got, expected, 0, 0).holds;
  size_t bytes = tn_type_bytes(part);
  int64_t parts = type == part ? 1 : 2;
  for (int64_t i = 0; i < tn_shape_elements(got->shape) * parts; i++) {
    double a = tn_load_float(part, (const char *)got->data + (size_t)i * bytes),
           b = tn_load_float(part, (const char *)expected->data + (size_t)i * bytes);
    double bound = expected->bound[i / parts];
    if (isnan(a) && isnan(b)) continue;
    if (a != b && !(fabs(a - b) <= 4 * bound)) {
      printf("  element %lld: %.17g, evaluator %.17g, bound %g\n", (long long)(i / parts), a, b, bound);
      return false;
    }
  }
  return true;
}

static bool compare(tn_arena *arena, tn_diagnostics *sink, const char *name, const tn_plan *plan,
                    const tn_npz *npz, tn_literal *const *results, tn_literal *evaluated, json_t *outputs) {
  bool good = true;
  for (int i = 0; i < plan->n_results; i++) {
    json_t *output = json_array_get(outputs, (size_t)i);
    const tn_npy *array = entry(npz, 'r', i);
    const tn_literal *expected = array ? tn_literal_from_npy(arena, sink, array, results[i]->shape) : NULL;
    if (!expected) return false;
    double rtol = json_number_value(json_object_get(output, "rtol")),
           atol = json_number_value(json_object_get(output, "atol"));
    tn_comparison c = tn_literal_compare(results[i], expected, rtol, atol);
    if (!c.holds)
      printf("%-36s r%d: %lld of %lld not within the golden's tolerance, first at %lld, max abs %g (rtol %g "
             "atol %g)\n",
             name, i, (long long)c.mismatches, (long long)tn_shape_elements(expected->shape),
             (long long)c.first, c.max_abs, rtol, atol);
    good = within_bounds(results[i], tn_literal_leaf(evaluated, i)) && good;
  }
  return good;
}

/* A parameter's value from the leaves, which are in order. */
static tn_literal *assemble(tn_arena *arena, const tn_shape *shape, const tn_literal *const *leaves,
                            int *next) {
  if (tn_shape_is_array(shape)) return tn_literal_array(arena, shape, leaves[(*next)++]->data);
  if (!tn_shape_is_tuple(shape)) return tn_literal_zero(arena, shape);
  tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
  for (int i = 0; i < shape->rank; i++) elements[i] = assemble(arena, shape->elements[i], leaves, next);
  return tn_literal_tuple(arena, shape, elements);
}

static tn_literal *evaluate(tn_arena *arena, tn_diagnostics *sink, const tn_module *module,
                            const tn_literal *const *leaves) {
  int count = module->entry->parameters.count, next = 0;
  const tn_literal **arguments = TN_NEW_ARRAY(arena, const tn_literal *, count + 1);
  for (int i = 0; i < count; i++)
    arguments[i] = assemble(arena, module->entry->parameters.at[i]->shape, leaves, &next);
  tn_eval_options options = {.bounds = true};
  return tn_evaluate(arena, module, arguments, &options, sink);
}

static bool run_plan(tn_arena *arena, tn_diagnostics *sink, const char *name, const tn_module *module,
                     const tn_plan *plan, const tn_npz *npz, json_t *outputs) {
  const tn_literal **arguments = TN_NEW_ARRAY(arena, const tn_literal *, plan->n_parameters);
  tn_literal **results = TN_NEW_ARRAY(arena, tn_literal *, plan->n_results);
  for (int i = 0; i < plan->n_parameters; i++) {
    const tn_npy *array = entry(npz, 'p', i);
    arguments[i] =
        array ? tn_literal_from_npy(arena, sink, array, plan->buffers[plan->parameters[i]].shape) : NULL;
    if (!arguments[i]) return false;
  }
  if (!tn_plan_run(arena, plan, arguments, results, sink)) return false;
  tn_literal *evaluated = evaluate(arena, sink, module, arguments);
  return evaluated && compare(arena, sink, name, plan, npz, results, evaluated, outputs);
}

/* print(parse(text)) is text, and the plan that was read runs as the first did. */
static tn_plan *reread(const char *name, tn_plan *plan, tn_diagnostics *sink) {
  tn_text first = {0}, second = {0};
  tn_plan_print(&first, plan, NULL);
  tn_plan_text_options options = {.file = name};
  tn_plan *again = tn_plan_parse((tn_str){first.bytes, first.length}, &options, sink);
  if (again) tn_plan_print(&second, again, NULL);
  bool same = again && first.length == second.length && !memcmp(first.bytes, second.bytes, first.length);
  if (same)
    same = tn_plan_verify(again, sink);
  else if (again)
    printf("%s: printed again, the plan differs:\n%s\n%s", name, first.bytes, second.bytes);
  tn_text_free(&first);
  tn_text_free(&second);
  if (same) return again;
  tn_plan_destroy(again);
  return NULL;
}

static bool type_is_native(const tn_shape *shape) {
  return !tn_shape_is_array(shape) || tn_type_lowers(shape->type);
}

static bool inst_is_native(const tn_inst *inst) {
  if (tn_shape_is_dynamic(inst->shape)) return false;
  bool known = type_is_native(inst->shape);
  for (int i = 0; i < inst->n_operands; i++) known = known && type_is_native(inst->operands[i]->shape);
  switch (tn_op_native_form(inst->op)) {
  case TN_NATIVE_NO: return false;
  case TN_NATIVE_SCALARS: {
    const tn_shape *operand = inst->operands[inst->op == TN_OP_SELECT || inst->op == TN_OP_CLAMP]->shape;
    return !tn_shape_is_array(inst->shape) || tn_op_lowers(inst->op, inst->shape->type, operand->type);
  }
  case TN_NATIVE_KERNEL: return known;
  case TN_NATIVE_SCHEDULE: return true;
  }
  return false;
}

static bool module_is_native(const tn_module *module) {
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) if (!inst_is_native(inst)) return false;
  return true;
}

static tn_plan *plan_of(const session *s, tn_arena *arena, tn_diagnostics *sink, tn_module *module) {
  if (s->passes) {
    tn_pipeline_options options = {.level = s->options.level};
    tn_pass_record *records;
    int count;
    if (!tn_pipeline_run(module, &options, arena, &records, &count, sink)) return NULL;
  }
  return tn_plan_build(module, &s->options, sink);
}

static bool run_module(session *s, tn_arena *arena, tn_diagnostics *sink, const char *name, tn_module *module,
                       json_t *program, const report *r) {
  tn_npz npz;
  const char *golden =
      tn_arena_printf(arena, "%s/%s", s->directory, json_string_value(json_object_get(program, "npz")));
  tn_module *planned = tn_module_clone(module);
  tn_plan *plan = plan_of(s, arena, sink, planned);
  if (!plan) {
    bool refused = sink->status == TN_UNSUPPORTED;
    s->refused += refused;
    if (s->show_refused) printf("%-36s %s\n", name, r->message);
    if (s->passes && module_is_native(planned)) /* without them some forms have no kernel */
      printf("%s: refused, although native.h has all of it\n", name), refused = false;
    tn_module_destroy(planned);
    return refused;
  }
  if (s->print) {
    tn_text text = {0};
    tn_plan_print(&text, plan, NULL);
    fputs(text.bytes, stdout);
    tn_text_free(&text);
  }
  tn_plan *again = reread(name, plan, sink);
  bool native = module_is_native(planned);
  if (!native) printf("%s: has a plan, although native.h lacks some of it\n", name);
  bool good = native && again && tn_npz_read(arena, sink, golden, UINT64_MAX, &npz) &&
              run_plan(arena, sink, name, module, again, &npz, json_object_get(program, "outputs"));
  tn_plan_destroy(again);
  tn_plan_destroy(plan);
  tn_module_destroy(planned);
  return good;
}

static void run_program(session *s, const char *name, json_t *program) {
  tn_arena *arena = tn_arena_create();
  report r = {.name = name};
  tn_diagnostics sink = {.callback = keep_message, .user = &r};
  tn_str text;
  const char *hlo =
      tn_arena_printf(arena, "%s/%s", s->directory, json_string_value(json_object_get(program, "hlo")));
  tn_hlo_options options = {.file = hlo};
  tn_module *module =
      tn_file_map(arena, &sink, hlo, UINT64_MAX, &text) ? tn_hlo_parse(text, &options, &sink) : NULL;
  s->run++;
  if (!module || !run_module(s, arena, &sink, name, module, program, &r)) {
    s->failed++;
    printf("%s: FAILED %s\n", name, r.message);
  }
  tn_module_destroy(module);
  tn_arena_destroy(arena);
}

static bool wanted(const char *name, char **names, int count) {
  for (int i = 0; i < count; i++)
    if (!strcmp(name, names[i])) return true;
  return count == 0;
}

static int read_options(session *s, int argc, char **argv) {
  int at = 1;
  for (; at < argc && argv[at][0] == '-'; at++) {
    if (!strcmp(argv[at], "--print"))
      s->print = true;
    else if (!strcmp(argv[at], "--refused"))
      s->show_refused = true;
    else if (!strcmp(argv[at], "--passes"))
      s->passes = true;
    else if (at + 1 == argc)
      break;
    else if (!strcmp(argv[at], "--target"))
      s->target = argv[++at];
    else if (!strcmp(argv[at], "--level"))
      s->options.level = atoi(argv[++at]);
    else if (!strcmp(argv[at], "--seed"))
      s->options.schedule_seed = strtoull(argv[++at], NULL, 0);
  }
  return at;
}

int main(int argc, char **argv) {
  const char *shared = getenv("TENON_SHARED"), *name;
  static char directory[4096], index_path[4200];
  snprintf(directory, sizeof directory, "%s/models/hlo", shared ? shared : "../shared");
  snprintf(index_path, sizeof index_path, "%s/index.json", directory);
  session s = {.directory = directory, .target = "x86-64-v3", .options = {.level = 2}};
  int first = read_options(&s, argc, argv);
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  s.options.target = tn_cpu_find(arena, &sink, s.target, NULL, NULL);
  json_error_t error;
  json_t *index = json_load_file(index_path, 0, &error), *program;
  if (!index || !s.options.target) {
    printf("%s: %s\n", index ? s.target : index_path, index ? "no such target" : error.text);
    return 2;
  }
  json_object_foreach(json_object_get(index, "programs"), name, program) {
    if (wanted(name, argv + first, argc - first)) run_program(&s, name, program);
    fflush(stdout);
  }
  printf("%d programs, %d refused, %d failed\n", s.run, s.refused, s.failed);
  json_decref(index);
  tn_arena_destroy(arena);
  return s.failed != 0;
}
