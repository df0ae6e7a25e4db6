/* tenon.h: what its users do with it, and what it refuses.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "tenon/tenon.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char text[] = "HloModule m\n"
                           "ENTRY main {\n"
                           "  x = f32[3] parameter(0)\n"
                           "  w = f32[3] parameter(1)\n"
                           "  s = f32[3] add(x, w)\n"
                           "  n = f32[3] negate(s)\n"
                           "  ROOT y = f32[3] negate(n)\n"
                           "}\n";

/* The last diagnostic and how many there were. */
typedef struct {
  int count;
  char message[200], source_line[200], file[50];
  uint32_t line;
} told;

static void listen(void *user, const tn_diagnostic *diagnostic) {
  told *t = user;
  t->count++;
  snprintf(t->message, sizeof t->message, "%s", diagnostic->message);
  snprintf(t->source_line, sizeof t->source_line, "%s",
           diagnostic->source_line ? diagnostic->source_line : "");
  snprintf(t->file, sizeof t->file, "%s", diagnostic->location.file ? diagnostic->location.file : "");
  t->line = diagnostic->location.line;
}

static tn_model *parse(tn_context *context, const char *source) {
  tn_model *model;
  cr_assert_eq(tn_model_parse(context, "m.hlo", source, strlen(source), NULL, &model), TN_OK);
  return model;
}

static tn_array vector(const char *name, const float *values) {
  static const int64_t dims[] = {3};
  return (tn_array){name, "f32", 1, dims, values, 3 * sizeof *values};
}

/* x = {1, 2, 3}, w = {10, 20, 30} */
static tn_arrays *given_arrays(tn_context *context) {
  static const float x[] = {1, 2, 3}, w[] = {10, 20, 30};
  tn_arrays *given;
  tn_array first = vector("x", x), second = vector("p1", w);
  cr_assert_eq(tn_arrays_create(context, &given), TN_OK);
  cr_assert_eq(tn_arrays_add(given, &first), TN_OK);
  cr_assert_eq(tn_arrays_add(given, &second), TN_OK);
  return given;
}

static void expect_sum(const tn_arrays *results) {
  cr_assert_eq(tn_arrays_count(results), 1);
  const tn_array *y = tn_arrays_at(results, 0);
  cr_assert_str_eq(y->name, "r0");
  const float *values = y->data;
  cr_assert(values[0] == 11 && values[1] == 22 && values[2] == 33);
}

Test(library, compiles_and_runs) {
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = parse(context, text);
  tn_arrays *given = given_arrays(context), *arguments, *results;
  tn_program *program;
  tn_compile_report report;
  cr_assert_eq(tn_arrays_select(given, tn_model_signature(model), NULL, &arguments), TN_OK);
  cr_assert_eq(tn_model_evaluate(model, TN_ORACLE_EVAL, NULL, arguments, &results), TN_OK);
  expect_sum(results);
  tn_arrays_destroy(results);
  cr_assert_eq(tn_model_evaluate(model, TN_ORACLE_PLAN, NULL, arguments, &results), TN_OK);
  expect_sum(results);
  tn_arrays_destroy(results);
  cr_assert_eq(tn_compile_program(model, NULL, &program, &report), TN_OK);
  cr_assert(report.text_bytes > 0 && report.kernels > 0);
  tn_model_destroy(model); /* the program stands alone */
  for (int threads = 1; threads <= 3; threads++) {
    cr_assert_eq(tn_program_run(program, arguments, threads, &results), TN_OK);
    expect_sum(results);
    tn_arrays_destroy(results);
  }
  tn_program_destroy(program);
  tn_arrays_destroy(arguments);
  tn_arrays_destroy(given);
  tn_context_destroy(context);
}

static tn_arrays *lone(tn_context *context, tn_array array) {
  tn_arrays *arrays;
  tn_arrays_create(context, &arrays);
  tn_arrays_add(arrays, &array);
  return arrays;
}

/* Of the model whose other parameter has been bound. */
static void expect_sum_with(tn_context *context, tn_model *model, tn_array input) {
  tn_arrays *given = lone(context, input), *arguments, *results;
  cr_assert_eq(tn_arrays_select(given, tn_model_signature(model), NULL, &arguments), TN_OK);
  cr_assert_eq(tn_model_evaluate(model, TN_ORACLE_EVAL, NULL, arguments, &results), TN_OK);
  expect_sum(results);
  tn_arrays_destroy(results);
  tn_arrays_destroy(arguments);
  tn_arrays_destroy(given);
}

Test(library, weights_become_constants) {
  static const float w[] = {10, 20, 30}, x[] = {1, 2, 3};
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = parse(context, text);
  tn_arrays *weights = lone(context, vector("w", w));
  cr_assert_eq(tn_model_bind(model, weights), TN_OK);
  cr_assert_eq(tn_model_signature(model)->parameter_count, 1);
  expect_sum_with(context, model, vector("", x));
  cr_assert_eq(tn_model_bind(model, weights), TN_USAGE); /* there is no w any more */
  tn_model_destroy(model);
  tn_arrays_destroy(weights);
  tn_context_destroy(context);
}

/* The first parameter goes, the second becomes p0. */
Test(library, parameters_after_weights_move_down) {
  static const float x[] = {1, 2, 3}, w[] = {10, 20, 30};
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = parse(context, text);
  tn_arrays *weights = lone(context, vector("p0", x));
  cr_assert_eq(tn_model_bind(model, weights), TN_OK);
  cr_assert_str_eq(tn_model_signature(model)->parameters[0].name, "w");
  expect_sum_with(context, model, vector("p0", w));
  tn_model_destroy(model);
  tn_arrays_destroy(weights);
  tn_context_destroy(context);
}

/* negate(negate(x)) -> x, as a user's pass. */
static bool no_double_negation(void *user, tn_module *module) {
  bool changed = false;
  for (tn_comp *comp = tn_graph_first_computation(module); comp; comp = tn_graph_next_computation(comp)) {
    for (tn_inst *inst = tn_graph_first(comp), *next; inst; inst = next) {
      next = tn_graph_next(inst);
      tn_inst *inner = tn_graph_operand(inst, 0);
      if (strcmp(tn_graph_opcode(inst), "negate") != 0 || strcmp(tn_graph_opcode(inner), "negate") != 0)
        continue;
      tn_graph_replace(inst, tn_graph_operand(inner, 0));
      tn_graph_remove(inst);
      ++*(int *)user;
      changed = true;
    }
  }
  return changed;
}

Test(library, passes_can_be_added) {
  static const char *const passes[] = {"no-double-negation", "dce", NULL};
  int found = 0, count;
  const tn_pass_run *times;
  char *printed;
  size_t length;
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = parse(context, text);
  cr_assert_eq(tn_context_add_pass(context, passes[0], "", no_double_negation, &found), TN_OK);
  cr_assert_eq(tn_context_add_pass(context, passes[0], "", no_double_negation, &found), TN_USAGE);
  cr_assert_eq(tn_model_optimise(model, &(tn_pass_options){.passes = passes}, &times, &count), TN_OK);
  cr_assert_eq(count, 2);
  cr_assert_eq(found, 1);
  cr_assert_str_eq(times[0].name, "no-double-negation");
  cr_assert_eq(tn_model_text(model, TN_FORM_INLINE, &printed, &length), TN_OK);
  cr_assert_eq(strlen(printed), length);
  cr_assert(!strstr(printed, "negate"));
  tn_text_destroy(printed);
  tn_model_destroy(model);
  tn_context_destroy(context);
}

Test(library, copies_stand_alone) {
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = parse(context, text);
  tn_model *copy;
  cr_assert_eq(tn_model_clone(model, &copy), TN_OK);
  cr_assert_eq(tn_model_verify(copy), TN_OK);
  tn_model_destroy(copy);
  tn_model_destroy(model);
  tn_context_destroy(context);
}

Test(library, errors_have_places) {
  static const char wrong[] =
      "HloModule m\nENTRY main {\n  x = f32[3] parameter(0)\n  ROOT y = f32[3] nagate(x)\n}\n";
  told told = {0};
  tn_context *context = tn_context_create(listen, &told);
  tn_model *model;
  cr_assert_eq(tn_model_parse(context, "m.hlo", wrong, strlen(wrong), NULL, &model), TN_INVALID);
  cr_assert_eq(model, NULL);
  cr_assert_eq(told.count, 1);
  cr_assert_str_eq(told.file, "m.hlo");
  cr_assert_str_eq(told.source_line, "  ROOT y = f32[3] nagate(x)");
  cr_assert_eq(told.line, 4);
  cr_assert_eq(tn_model_read(context, "no such file", NULL, &model), TN_IO);
  cr_assert_eq(tn_model_parse(context, "m", "TFL3TFL3", 8, NULL, &model), TN_UNSUPPORTED);
  tn_context_destroy(context);
}

Test(library, inputs_that_do_not_fit) {
  static const float x[] = {1, 2, 3};
  static const int64_t two[] = {2};
  told told = {0};
  tn_context *context = tn_context_create(listen, &told);
  tn_model *model = parse(context, text);
  tn_arrays *given, *arguments;
  tn_arrays_create(context, &given);
  tn_array wrong = {"x", "f32", 1, two, x, 12};
  cr_assert_eq(tn_arrays_add(given, &wrong), TN_USAGE);
  cr_assert_str_eq(told.message, "array 'x': 12 bytes given, its shape has 8");
  wrong.bytes = 8;
  cr_assert_eq(tn_arrays_add(given, &wrong), TN_OK);
  cr_assert_eq(
      tn_arrays_select(given, tn_model_signature(model), &(tn_select_options){.random = true}, &arguments),
      TN_INVALID);
  cr_assert_eq(arguments, NULL);
  tn_array unknown = vector("z", x);
  tn_arrays_add(given, &unknown);
  cr_assert_eq(tn_arrays_select(given, tn_model_signature(model), NULL, &arguments), TN_USAGE);
  tn_arrays_destroy(given);
  tn_model_destroy(model);
  tn_context_destroy(context);
}

Test(library, lists_what_there_is) {
  bool found = false;
  for (int i = 0; tn_list_entry(TN_LIST_OPS, i).name; i++)
    found |= strcmp(tn_list_entry(TN_LIST_OPS, i).name, "dot") == 0;
  cr_assert(found);
  cr_assert_str_eq(tn_list_entry(TN_LIST_FORMATS, 0).name, "hlo");
  for (int listing = TN_LIST_OPS; listing <= TN_LIST_FORMATS; listing++)
    cr_assert_eq(tn_list_entry((tn_listing)listing, 100000).name, NULL);
  cr_assert_eq(tn_list_entry(TN_LIST_TARGETS, -1).name, NULL);
}

/* ---- arrays ---- */

static const char product[] = "HloModule product\n"
                              "ENTRY main {\n"
                              "  x = s8[2,4] parameter(0)\n"
                              "  w = s8[4,3] constant({{1,2,3},{1,2,3},{1,2,3},{1,2,3}})\n"
                              "  ROOT y = s32[2,3] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
                              "}\n";

/* A target file of its own. */
static const char *write_target(char path[64]) {
  snprintf(path, 64, "/tmp/tenon-library-XXXXXX.target");
  int file = mkstemps(path, 7);
  static const char keys[] = "rows = 4\ncolumns = 4\noperand = s8\n";
  cr_assert(file >= 0 && write(file, keys, sizeof keys - 1) == (ssize_t)sizeof keys - 1);
  close(file);
  return path;
}

static tn_arrays *bytes_argument(tn_context *context, const tn_signature *signature) {
  static const int8_t values[] = {1, 2, 3, 4, -1, -2, -3, -4};
  static const int64_t dims[] = {2, 4};
  tn_arrays *given = lone(context, (tn_array){"x", "s8", 2, dims, values, sizeof values}), *arguments, *own;
  cr_assert_eq(tn_arrays_select(given, signature, NULL, &arguments), TN_OK);
  cr_assert_eq(tn_arrays_create(context, &own), TN_OK); /* copies: `arguments` view `given` */
  cr_assert_eq(tn_arrays_add(own, tn_arrays_at(arguments, 0)), TN_OK);
  tn_arrays_destroy(arguments);
  tn_arrays_destroy(given);
  return own;
}

static void expect_product(tn_arrays *results) {
  static const int32_t wanted[] = {10, 20, 30, -10, -20, -30};
  cr_assert(results && tn_arrays_count(results) == 1);
  cr_assert_arr_eq(tn_arrays_at(results, 0)->data, wanted, sizeof wanted);
  tn_arrays_destroy(results);
}

Test(library, simulates) {
  char path[64];
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = parse(context, product);
  tn_compile_options options = {.target = write_target(path), .passes.level = 2};
  tn_simulation *simulation;
  cr_assert_eq(tn_simulation_compile(model, &options, &simulation, NULL), TN_OK);
  tn_model_destroy(model); /* the simulation stands alone */
  const tn_simulated *simulated = tn_simulation_result(simulation);
  cr_expect(simulated->rows == 4 && simulated->layer_count == 1 && simulated->layers[0].macs == 24);
  cr_expect_eq(simulated->counters.cycles, 0);
  tn_arrays *results;
  cr_assert_eq(tn_simulation_run(simulation, NULL, &results), TN_OK);
  cr_expect(!results && simulated->counters.useful_macs == 24, "time alone");
  int64_t cycles = simulated->counters.cycles;
  tn_arrays *arguments = bytes_argument(context, tn_simulation_signature(simulation));
  cr_assert_eq(tn_simulation_run(simulation, &(tn_simulation_options){.arguments = arguments}, &results), TN_OK);
  expect_product(results);
  cr_expect(cycles > 0 && simulated->counters.cycles == cycles, "values change no time");
  tn_arrays_destroy(arguments);
  tn_simulation_destroy(simulation);
  tn_simulation_destroy(NULL);
  tn_context_destroy(context);
  remove(path);
}

Test(library, holds_steps_against_the_evaluator) {
  char path[64];
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = parse(context, product);
  tn_compile_options options = {.target = write_target(path), .passes.level = 2};
  tn_arrays *arguments = bytes_argument(context, tn_model_signature(model)), *results;
  const tn_step_check *steps;
  int32_t count;
  cr_assert_eq(tn_check_steps(model, &options, arguments, &results, &steps, &count), TN_OK);
  expect_product(results);
  cr_assert(count == 1 && steps[0].holds && steps[0].exact && !strcmp(steps[0].type, "s32"));
  cr_expect(steps[0].rank == 2 && steps[0].dims[1] == 3 && steps[0].first == -1);
  tn_arrays_destroy(arguments);
  tn_model_destroy(model);
  tn_context_destroy(context);
  remove(path);
}

Test(library, knows_files_by_what_is_in_them) {
  char path[64];
  cr_expect_eq(tn_file_kind_of(write_target(path)), TN_FILE_TARGET);
  remove(path);
  cr_expect_eq(tn_file_kind_of("-"), TN_FILE_MODEL);
  cr_expect_eq(tn_file_kind_of("/nowhere/m.tns"), TN_FILE_STREAM);
  cr_expect_eq(tn_file_kind_of("/nowhere/m.o"), TN_FILE_CODE);
  cr_expect_eq(tn_file_kind_of("/nowhere/m.hlo"), TN_FILE_MODEL);
  cr_expect_eq(tn_file_kind_of("/proc/self/exe"), TN_FILE_CODE);
}
