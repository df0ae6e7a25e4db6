/* The verifier's structural checks, on modules broken by hand: what a text cannot say
 * as well as what it can.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "ir/verify.h"

typedef struct {
  tn_module *module;
  tn_comp *main;
  tn_inst *x, *y, *sum; /* sum = x + y, the root */
  tn_diagnostics sink;
  char text[2048]; /* every error: "message\n" */
  tn_status status;
} fixture;

static void collect(void *user, const tn_diagnostic *diagnostic) {
  fixture *f = user;
  size_t used = strlen(f->text);
  if (diagnostic->severity == TN_SEVERITY_ERROR)
    snprintf(f->text + used, sizeof f->text - used, "%s\n", diagnostic->message);
}

static const tn_shape *vector(fixture *f, int64_t size) {
  return tn_shape_array(f->module->arena, TN_F32, 1, &size);
}

static tn_comp *pair(fixture *f, const char *name, tn_inst **sum) {
  tn_comp *comp = tn_comp_create(f->module, name);
  tn_inst *a = tn_build_parameter(comp, 0, vector(f, 4), "a");
  tn_inst *b = tn_build_parameter(comp, 1, vector(f, 4), "b");
  *sum = comp->root = tn_build_binary(comp, NULL, TN_OP_ADD, a, b);
  return comp;
}

static fixture *create(void) {
  fixture *f = calloc(1, sizeof *f);
  f->sink = (tn_diagnostics){.callback = collect, .user = f};
  f->module = tn_module_create("m");
  f->main = f->module->entry = pair(f, "main", &f->sum);
  f->x = f->sum->operands[0];
  f->y = f->sum->operands[1];
  return f;
}

/* Verifies, compares the errors, and ends the fixture. */
static void expect(fixture *f, tn_status status, const char *errors) {
  bool good = tn_verify_module(f->module, &f->sink);
  cr_expect_str_eq(f->text, errors, "got '%s', not '%s'", f->text, errors);
  cr_expect_eq(good, *errors == 0);
  cr_expect_eq(f->sink.status, status, "status %d", (int)f->sink.status);
  tn_module_destroy(f->module);
  free(f);
}

static tn_inst *call(tn_comp *from, tn_comp *to) {
  tn_inst *operands[] = {from->parameters.at[0], from->parameters.at[1]};
  tn_inst *inst = tn_inst_create(from, NULL, TN_OP_CALL, to->root->shape, 2, operands);
  tn_inst_set_called(inst, 1, &to);
  return inst;
}

Test(verify, accepts_what_is_right) { expect(create(), TN_OK, ""); }

Test(verify, an_empty_module) {
  fixture *f = create();
  tn_module_destroy(f->module);
  f->module = tn_module_create("m");
  expect(f, TN_INVALID, "module: has no computation\n");
}

Test(verify, no_entry) {
  fixture *f = create();
  f->module->entry = NULL;
  expect(f, TN_INVALID, "module: has no entry computation\n");
}

Test(verify, no_root) {
  fixture *f = create();
  f->main->root = NULL;
  expect(f, TN_INVALID, "computation 'main': has no root\n");
}

Test(verify, an_operand_after_its_use) {
  fixture *f = create();
  tn_inst_rename(f->sum, "sum");
  tn_inst *twice = tn_build_binary(f->main, NULL, TN_OP_ADD, f->sum, f->sum);
  tn_inst_rename(twice, "twice");
  tn_inst_move_before(f->sum, NULL);
  expect(f, TN_INVALID,
         "'twice': operand 'sum' is defined after it\n");
}

Test(verify, an_operand_of_another_computation) {
  fixture *f = create();
  tn_inst *other;
  pair(f, "second", &other);
  tn_inst_rename(f->sum, "sum");
  tn_inst_rename(other, "other");
  f->sum->operands[0] = other;
  expect(f, TN_INVALID, "'sum': operand 'other' belongs to computation 'second', not 'main'\n");
}

Test(verify, users_that_do_not_match) {
  fixture *f = create();
  f->x->users.at[0] = f->y;
  expect(f, TN_BUG, "'a': its users are not those that have it as an operand\n");
}

Test(verify, a_broken_list) {
  fixture *f = create();
  f->sum->prev = f->x;
  tn_inst_rename(f->sum, "sum");
  expect(f, TN_BUG, "'sum': the list of instructions is broken\n");
}

Test(verify, control_predecessors_in_a_cycle) {
  fixture *f = create();
  tn_inst_add_predecessor(f->x, f->sum);
  tn_inst_rename(f->sum, "sum");
  expect(f, TN_INVALID, "'a': control predecessor 'sum' is defined after it\n");
}

Test(verify, parameter_numbers) {
  fixture *f = create();
  tn_build_parameter(f->main, 3, vector(f, 4), "d");
  expect(f, TN_INVALID, "parameter: number 3 in a computation of 3 parameters\n");

  f = create();
  tn_build_parameter(f->main, 1, vector(f, 4), "again");
  expect(f, TN_INVALID, "parameter: number 1 is given to 'b' and 'again'\n");
}

Test(verify, recursion) {
  fixture *f = create();
  call(f->main, f->main);
  expect(f, TN_INVALID, "call: computation 'main' calls itself\n");

  f = create();
  tn_inst *sum;
  tn_comp *second = pair(f, "second", &sum);
  call(f->main, second);
  call(second, f->main);
  bool good = tn_verify_module(f->module, &f->sink);
  cr_expect(!good && strstr(f->text, "call each other"), "%s", f->text);
  cr_expect_eq(f->sink.errors, 1);
  tn_module_destroy(f->module);
  free(f);
}

Test(verify, independent_errors_are_each_told_and_their_users_are_not) {
  fixture *f = create();
  tn_inst *a = tn_build_unary(f->main, NULL, TN_OP_NEGATE, f->x);
  tn_inst *b = tn_build_unary(f->main, NULL, TN_OP_NEGATE, f->y);
  tn_inst *user = tn_build_binary(f->main, NULL, TN_OP_ADD, a, a);
  user->shape = vector(f, 7); /* wrong, but its operand is wrong already */
  a->shape = vector(f, 5);
  b->shape = vector(f, 6);
  expect(f, TN_INVALID,
         "negate: declared f32[5], but the result is f32[4]\nnegate: declared f32[6], but the result is "
         "f32[4]\n");
}

Test(verify, entry_layout) {
  fixture *f = create();
  const tn_shape *parts[] = {vector(f, 4), vector(f, 5)};
  f->module->entry_parameters = tn_shape_tuple(f->module->arena, 2, parts);
  f->module->entry_result = vector(f, 6);
  tn_inst_rename(f->sum, "sum");
  expect(f, TN_INVALID,
         "entry_computation_layout: parameter 1 is f32[5], but 'b' is f32[4]\n"
         "entry_computation_layout: the result is f32[6], but 'sum' is f32[4]\n");

  f = create();
  const tn_shape *one[] = {vector(f, 4)};
  f->module->entry_parameters = tn_shape_tuple(f->module->arena, 1, one);
  expect(f, TN_INVALID, "entry_computation_layout: 1 parameter, but 'main' has 2\n");
}

Test(verify, aliases) {
  fixture *f = create();
  TN_PUSH(f->module->arena, &f->module->aliases, ((tn_alias){.parameter = 2}));
  expect(f, TN_INVALID, "input_output_alias: parameter 2 of 2\n");

  f = create();
  TN_PUSH(f->module->arena, &f->module->aliases, ((tn_alias){.parameter = 0}));
  TN_PUSH(f->module->arena, &f->module->aliases, ((tn_alias){.parameter = 1}));
  expect(f, TN_INVALID, "input_output_alias: an output is aliased twice, with parameters 0 and 1\n");

  f = create();
  static const int64_t first = 0;
  TN_PUSH(f->module->arena, &f->module->donors, ((tn_alias){.parameter = 1, .index = {&first, 1}}));
  expect(f, TN_INVALID, "buffer_donor: parameter 1 is f32[4] and has no such part\n");
}

static void expect_shape(const tn_shape *shape, const char *errors) {
  fixture *f = create();
  tn_build_parameter(f->main, 2, shape, "p");
  expect(f, *errors ? TN_INVALID : TN_OK, errors);
}

Test(verify, sizes) {
  tn_arena *arena = tn_arena_create();
  static const int64_t empty[] = {0, INT64_C(1) << 61}, many[] = {INT64_C(1) << 32, INT64_C(1) << 32};
  static const int64_t negative[] = {3, -2}, small[] = {2, 3}, unbounded[] = {2, TN_DIM_UNBOUNDED};
  expect_shape(tn_shape_array(arena, TN_F32, 2, empty),
               "parameter: f32[0,2305843009213693952] has more bytes than 64 bits count\n");
  expect_shape(tn_shape_array(arena, TN_F32, 2, many),
               "parameter: f32[4294967296,4294967296] has more elements than 64 bits count\n");
  expect_shape(tn_shape_array(arena, TN_F32, 2, negative), "parameter: size -2 of dimension 1 is negative\n");
  expect_shape(tn_shape_array(arena, TN_F32, 2, unbounded),
               "parameter: size -1 of dimension 1 is negative\n");
  static const int64_t large[] = {INT64_C(1) << 60};
  const tn_shape *one = tn_shape_array(arena, TN_F32, 1, large), *parts[] = {one, one};
  expect_shape(one, "");
  expect_shape(tn_shape_tuple(arena, 2, parts), "parameter: a tuple has more bytes than 64 bits count\n");

  static const int64_t twice[] = {0, 0}, order[] = {1, 0}, tile[] = {INT64_C(1) << 60, 8}, zero[] = {0};
  tn_dims tiles[] = {{tile, 2}}, zeros[] = {{zero, 1}};
  const tn_shape *plain = tn_shape_array(arena, TN_F32, 2, small);
  tn_layout layout = {.minor_to_major = {twice, 2}};
  expect_shape(tn_shape_with_layout(arena, plain, &layout),
               "parameter: f32[2,3] has a layout that is not a permutation of its dimensions\n");
  layout = (tn_layout){.minor_to_major = {order, 1}};
  expect_shape(tn_shape_with_layout(arena, plain, &layout),
               "parameter: the layout of f32[2,3] orders 1 dimensions of 2\n");
  layout = (tn_layout){.minor_to_major = {order, 2}, .tiles = tiles, .n_tiles = 1};
  expect_shape(tn_shape_with_layout(arena, plain, &layout),
               "parameter: f32[2,3] has tiles that pad it over 64 bits\n");
  layout.tiles = zeros;
  expect_shape(tn_shape_with_layout(arena, plain, &layout),
               "parameter: tile size 0 in the layout of f32[2,3] must be positive\n");
  tn_arena_destroy(arena);
}

/* A tuple of 200,000 uses of one value, and a chain as long: linear. */
Test(verify, width_and_depth, .timeout = 20) {
  fixture *f = create();
  enum { N = 200000 };
  tn_inst **uses = calloc(N, sizeof *uses);
  for (int i = 0; i < N; i++) uses[i] = f->x;
  tn_build_tuple(f->main, NULL, N, uses);
  tn_inst *last = f->y;
  for (int i = 0; i < N; i++) last = tn_build_unary(f->main, NULL, TN_OP_NEGATE, last);
  free(uses);
  expect(f, TN_OK, "");
}
