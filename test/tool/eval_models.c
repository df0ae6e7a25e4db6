/* Runs every program of $TENON_SHARED/models/hlo through the reference evaluator and
 * compares with its golden results, within the tolerances of index.json.
 *
 *     eval_models [--bounds] [--except NAME,NAME...] [NAME...]
 *     eval_models --model FILE.hlo ATOL EXPECTED.npz INPUT.np[yz]...
 *
 * --bounds checks also that each golden float lies within 4 times the bound that the
 * evaluator gives it. --model compares r0, r1, … of one model within ATOL; a parameter is
 * the array p<number>, or the one of its name, or the only one of a .npy.
 * Prints a line for each program that fails; the exit status is 1 if one does.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/number.h"
#include "frontend/hlo/hlo.h"
#include "ir/eval.h"

typedef struct {
  const char *directory, *except;
  bool bounds;
  int run, failed;
  int64_t loose, infinite, floats; /* --bounds: elements further than 4 bounds; without a bound; all */
} session;

static void print_message(void *user, const tn_diagnostic *diagnostic) {
  printf("%s: %s%s%s\n", (const char *)user, diagnostic->severity == TN_SEVERITY_NOTE ? "note: " : "",
         diagnostic->message, diagnostic->source_line ? diagnostic->source_line : "");
}

static const tn_npy *entry(const tn_npz *npz, char kind, int index) {
  char name[16];
  snprintf(name, sizeof name, "%c%d", kind, index);
  return tn_npz_find(npz, name);
}

/* A parameter's value: leaves p<next>, in order. */
static tn_literal *read_parameter(tn_arena *arena, tn_diagnostics *sink, const tn_npz *npz,
                                  const tn_shape *shape, int *next) {
  if (tn_shape_is_array(shape)) {
    const tn_npy *array = entry(npz, 'p', (*next)++);
    return array ? tn_literal_from_npy(arena, sink, array, shape) : NULL;
  }
  if (!tn_shape_is_tuple(shape)) return tn_literal_zero(arena, shape);
  tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
  for (int i = 0; i < shape->rank; i++)
    if (!(elements[i] = read_parameter(arena, sink, npz, shape->elements[i], next))) return NULL;
  return tn_literal_tuple(arena, shape, elements);
}

static void check_bounds(session *s, const tn_literal *got, const tn_literal *expected) {
  tn_type type = got->shape->type;
  if (!tn_type_is_float(type) || !got->bound) return;
  for (int64_t i = 0; i < tn_shape_elements(got->shape); i++) {
    size_t at = (size_t)i * tn_type_bytes(type);
    double a = tn_load_float(type, (const char *)got->data + at),
           b = tn_load_float(type, (const char *)expected->data + at);
    s->floats++;
    if (isinf(got->bound[i]))
      s->infinite++;
    else if (isfinite(a) && isfinite(b) && fabs(a - b) > 4 * got->bound[i]) {
      s->loose++;
      printf("  element %lld: %.17g, golden %.17g, bound %g\n", (long long)i, a, b, got->bound[i]);
    }
  }
}

static bool compare_leaf(session *s, const char *name, int index, const tn_literal *got,
                         const tn_literal *expected, json_t *output) {
  double rtol = json_number_value(json_object_get(output, "rtol")),
         atol = json_number_value(json_object_get(output, "atol"));
  tn_comparison c = tn_literal_compare(got, expected, rtol, atol);
  if (s->bounds) check_bounds(s, got, expected);
  if (!c.holds)
    printf("%-36s r%d: %lld of %lld differ, first at %lld, max abs %g rel %g (rtol %g atol %g)\n", name,
           index, (long long)c.mismatches, (long long)tn_shape_elements(got->shape), (long long)c.first,
           c.max_abs, c.max_rel, rtol, atol);
  return c.holds;
}

static bool run_module(session *s, tn_arena *arena, tn_diagnostics *sink, const char *name,
                       const tn_module *module, const tn_npz *npz, json_t *outputs) {
  int count = module->entry->parameters.count, next = 0;
  const tn_literal **arguments = TN_NEW_ARRAY(arena, const tn_literal *, count + 1);
  for (int i = 0; i < count; i++)
    if (!(arguments[i] = read_parameter(arena, sink, npz, module->entry->parameters.at[i]->shape, &next)))
      return false;
  tn_eval_options options = {.bounds = s->bounds};
  tn_literal *result = tn_evaluate(arena, module, arguments, &options, sink);
  if (!result) return false;
  bool good = true;
  for (int i = 0; i < (int)json_array_size(outputs); i++) {
    tn_literal *leaf = tn_literal_leaf(result, i);
    const tn_npy *array = entry(npz, 'r', i);
    const tn_literal *expected = array && leaf ? tn_literal_from_npy(arena, sink, array, leaf->shape) : NULL;
    good = expected && compare_leaf(s, name, i, leaf, expected, json_array_get(outputs, (size_t)i)) && good;
  }
  return good;
}

static const tn_npy *find_input(tn_arena *arena, const tn_npz *inputs, int count, const tn_inst *parameter) {
  const char *numbered = tn_arena_printf(arena, "p%lld", (long long)parameter->attr.parameter.number);
  const char *const names[] = {numbered, parameter->name, ""};
  for (int n = 0; n < 3; n++)
    for (int i = 0; i < count; i++)
      if (tn_npz_find(&inputs[i], names[n])) return tn_npz_find(&inputs[i], names[n]);
  return NULL;
}

static bool run_model(tn_arena *arena, tn_diagnostics *sink, int argc, char **argv) {
  tn_str text;
  tn_npz expected, *inputs = TN_NEW_ARRAY(arena, tn_npz, argc);
  tn_hlo_options options = {.file = argv[0]};
  tn_module *module =
      tn_file_map(arena, sink, argv[0], UINT64_MAX, &text) ? tn_hlo_parse(text, &options, sink) : NULL;
  if (!module || !tn_npz_read(arena, sink, argv[2], UINT64_MAX, &expected)) return false;
  for (int i = 3; i < argc; i++)
    if (!tn_npz_read(arena, sink, argv[i], UINT64_MAX, &inputs[i - 3])) return false;
  int count = module->entry->parameters.count;
  const tn_literal **arguments = TN_NEW_ARRAY(arena, const tn_literal *, count + 1);
  for (int i = 0; i < count; i++) {
    const tn_npy *array = find_input(arena, inputs, argc - 3, module->entry->parameters.at[i]);
    if (!array) return tn_error(sink, TN_USAGE, TN_NOWHERE, "parameter %d: no input holds it", i);
    arguments[i] = tn_literal_from_npy(arena, sink, array, module->entry->parameters.at[i]->shape);
    if (!arguments[i]) return false;
  }
  tn_literal *result = tn_evaluate(arena, module, arguments, NULL, sink);
  bool good = result != NULL;
  for (int i = 0; good && i < expected.count; i++) {
    const tn_npy *array = entry(&expected, 'r', i);
    tn_literal *leaf = tn_literal_leaf(result, i), *golden = NULL;
    if (!array) break;
    golden = tn_literal_from_npy(arena, sink, array, leaf->shape);
    tn_comparison c = golden ? tn_literal_compare(leaf, golden, 0, atof(argv[1])) : (tn_comparison){0};
    printf("%s: r%d: max abs %g\n", argv[0], i, c.max_abs);
    good = c.holds;
  }
  tn_module_destroy(module);
  return good;
}

static int model_command(int argc, char **argv) {
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {.callback = print_message, .user = (void *)"eval_models"};
  bool good = argc > 3 && run_model(arena, &sink, argc, argv);
  tn_arena_destroy(arena);
  return good ? 0 : 1;
}

static void run_program(session *s, const char *name, json_t *program) {
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {.callback = print_message, .user = (void *)name};
  tn_str text;
  tn_npz npz;
  const char *hlo =
      tn_arena_printf(arena, "%s/%s", s->directory, json_string_value(json_object_get(program, "hlo")));
  const char *golden =
      tn_arena_printf(arena, "%s/%s", s->directory, json_string_value(json_object_get(program, "npz")));
  tn_hlo_options options = {.file = hlo};
  tn_module *module =
      tn_file_map(arena, &sink, hlo, UINT64_MAX, &text) ? tn_hlo_parse(text, &options, &sink) : NULL;
  bool good = module && tn_npz_read(arena, &sink, golden, UINT64_MAX, &npz) &&
              run_module(s, arena, &sink, name, module, &npz, json_object_get(program, "outputs"));
  s->run++;
  if (!good) {
    s->failed++;
    printf("%s: FAILED\n", name);
  }
  tn_module_destroy(module);
  tn_arena_destroy(arena);
}

static bool excepted(const char *name, const char *list) {
  size_t length = strlen(name);
  for (const char *at = list; at && (at = strstr(at, name)); at += length)
    if ((at == list || at[-1] == ',') && (at[length] == ',' || !at[length])) return true;
  return false;
}

static bool wanted(const session *s, const char *name, char **names, int count) {
  if (excepted(name, s->except)) return false;
  for (int i = 0; i < count; i++)
    if (!strcmp(name, names[i])) return true;
  return count == 0;
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "--model")) return model_command(argc - 2, argv + 2);
  const char *shared = getenv("TENON_SHARED");
  static char directory[4096], index_path[4200];
  snprintf(directory, sizeof directory, "%s/models/hlo", shared ? shared : "../shared");
  snprintf(index_path, sizeof index_path, "%s/index.json", directory);
  session s = {.directory = directory};
  int first = 1;
  if (first < argc && !strcmp(argv[first], "--bounds")) s.bounds = true, first++;
  if (first + 1 < argc && !strcmp(argv[first], "--except")) s.except = argv[first + 1], first += 2;
  json_error_t error;
  json_t *index = json_load_file(index_path, 0, &error);
  if (!index) {
    printf("%s: %s\n", index_path, error.text);
    return 2;
  }
  const char *name;
  json_t *program;
  json_object_foreach(json_object_get(index, "programs"), name,
                      program) if (wanted(&s, name, argv + first, argc - first))
      run_program(&s, name, program);
  printf("%d programs, %d failed\n", s.run, s.failed);
  if (s.bounds)
    printf("%lld floats: %lld beyond 4 bounds, %lld without a bound\n", (long long)s.floats,
           (long long)s.loose, (long long)s.infinite);
  json_decref(index);
  return s.failed != 0;
}
