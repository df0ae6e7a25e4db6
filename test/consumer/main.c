/* A user of the installed library: compiles a model in memory, runs it, writes an object.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <string.h>
#include <tenon/tenon.h>

static const char model_text[] = "HloModule twice\n"
                                 "ENTRY main {\n"
                                 "  x = f32[3] parameter(0)\n"
                                 "  ROOT y = f32[3] add(x, x)\n"
                                 "}\n";

static void print_diagnostic(void *user, const tn_diagnostic *diagnostic) {
  (void)user;
  fprintf(stderr, "%s\n", diagnostic->message);
}

static int run(tn_context *context, tn_model *model) {
  const int64_t dims[] = {3};
  const float values[] = {1, 2, 3};
  tn_array x = {"x", "f32", 1, dims, values, sizeof values};
  tn_program *program;
  tn_arrays *given, *arguments, *results;
  if (tn_compile_program(model, NULL, &program, NULL) != TN_OK) return 1;
  if (tn_arrays_create(context, &given) != TN_OK || tn_arrays_add(given, &x) != TN_OK) return 2;
  if (tn_arrays_select(given, tn_program_signature(program), NULL, &arguments) != TN_OK) return 3;
  if (tn_program_run(program, arguments, 2, &results) != TN_OK) return 4;
  const float *y = tn_arrays_at(results, 0)->data;
  printf("%s: %g %g %g\n", tn_version(), y[0], y[1], y[2]);
  tn_arrays_destroy(results);
  tn_arrays_destroy(arguments);
  tn_arrays_destroy(given);
  tn_program_destroy(program);
  return 0;
}

int main(int argc, char **argv) {
  tn_context *context = tn_context_create(print_diagnostic, NULL);
  tn_model *model;
  if (tn_model_parse(context, "twice.hlo", model_text, strlen(model_text), NULL, &model) != TN_OK) return 10;
  int failed = run(context, model);
  if (!failed && argc > 1 && tn_compile_file(model, NULL, argv[1], NULL) != TN_OK) failed = 5;
  tn_model_destroy(model);
  tn_context_destroy(context);
  return failed;
}
