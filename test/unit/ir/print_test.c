/* The printer: shapes with every part of a layout, modules, side files, clones.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "ir/print.h"

static void expect_shape(const tn_shape *shape, const char *expected) {
  tn_text text = {0};
  tn_shape_print(&text, shape, true);
  cr_assert_str_eq(text.bytes, expected);
  tn_text_free(&text);
}

Test(print, shapes_and_layouts) {
  tn_arena *a = tn_arena_create();
  const tn_shape *plain = tn_shape_array(a, TN_F32, 3, (int64_t[]){2, 8, TN_DIM_UNBOUNDED});
  expect_shape(plain, "f32[2,8,?]");
  tn_shape dynamic = *plain;
  dynamic.dynamic = (const bool[]){false, true, true};
  expect_shape(&dynamic, "f32[2,<=8,?]");
  tn_shape buffer = {.type = TN_BUFFER, .rank = 1, .elements = (const tn_shape *[]){plain}};
  const tn_shape *parts[] = {&dynamic, tn_shape_token(a), &buffer};
  expect_shape(tn_shape_tuple(a, 3, parts), "(f32[2,<=8,?], token[], b(f32[2,8,?]))");
  expect_shape(tn_shape_tuple(a, 0, NULL), "()");

  const tn_dims tiles[] = {{(int64_t[]){8, TN_TILE_COMBINE, 128}, 3}, {(int64_t[]){2, 1}, 2}};
  const tn_split splits[] = {{0, {(int64_t[]){4, 8}, 2}}, {1, {(int64_t[]){3}, 1}}};
  const tn_level levels[] = {
      {TN_LEVEL_DENSE, 0, 0}, {TN_LEVEL_COMPRESSED, true, true}, {TN_LEVEL_LOOSE, false, true}};
  tn_layout layout = {.minor_to_major = {(int64_t[]){2, 1, 0}, 3},
                      .levels = levels,
                      .tiles = tiles,
                      .n_tiles = 2,
                      .tail_alignment = 512,
                      .index_type = TN_U32,
                      .pointer_type = TN_U64,
                      .element_bits = 4,
                      .memory_space = 1,
                      .splits = splits,
                      .n_splits = 2,
                      .physical = tn_shape_scalar(a, TN_S8),
                      .metadata_bytes = 16};
  const tn_shape *full = tn_shape_with_layout(a, &dynamic, &layout);
  expect_shape(
      full,
      "f32[2,<=8,?]{2,1,0:D(D,C+~,H~)T(8,*,128)(2,1)L(512)#(u32)*(u64)E(4)S(1)SC(0:4,8)(1:3)P(s8[])M(16)}");
  const tn_shape *copy = tn_shape_clone(a, full);
  cr_assert(tn_shape_identical(copy, full));
  cr_assert_not(tn_shape_identical(full, &dynamic));
  cr_assert(tn_shape_equal(full, &dynamic));
  cr_assert_not(tn_shape_equal(plain, &dynamic));
  tn_layout empty = {.tail_alignment = 1}, scalar = {.tail_alignment = 1, .memory_space = 5};
  expect_shape(tn_shape_with_layout(a, tn_shape_scalar(a, TN_F32), &empty), "f32[]");
  expect_shape(tn_shape_with_layout(a, tn_shape_scalar(a, TN_F32), &scalar), "f32[]{:S(5)}");
  tn_arena_destroy(a);
}

/* A module with a reduction, a large constant and a conditional. */
static const int64_t donated[] = {1, 2};

static tn_module *sample(void) {
  tn_module *m = tn_module_create("sample");
  tn_arena *a = m->arena;
  tn_comp *main = tn_comp_create(m, "main");
  m->entry = main;
  const tn_shape *matrix = tn_shape_array(a, TN_F32, 2, (int64_t[]){2, 300}),
                 *scalar = tn_shape_scalar(a, TN_F32);
  tn_inst *x = tn_build_parameter(main, 0, matrix, "x");
  tn_inst *w = tn_build_constant(main, NULL, tn_literal_random(a, matrix, 1, 1, true));
  tn_inst *zero = tn_build_constant(main, NULL, tn_literal_scalar_float(a, TN_F32, 0));
  tn_inst *sum = tn_build_binary(main, NULL, TN_OP_ADD, x, w);
  tn_inst *rows = tn_build_reduce(main, NULL, sum, zero, (tn_dims){(int64_t[]){0, 1}, 2},
                                  tn_build_binary_comp(m, TN_OP_ADD, TN_F32));
  cr_assert_eq(tn_build_binary_comp(m, TN_OP_ADD, TN_F32), rows->called[0]);
  tn_inst *less = tn_build_compare(main, NULL, TN_LT, rows, zero);
  tn_comp *branches[2];
  for (int i = 0; i < 2; i++) {
    branches[i] = tn_comp_create(m, "branch");
    tn_inst *y = tn_build_parameter(branches[i], 0, scalar, "y");
    branches[i]->root = tn_build_unary(branches[i], NULL, i ? TN_OP_NEGATE : TN_OP_ABS, y);
  }
  tn_inst *operands[] = {less, rows, rows};
  main->root = tn_inst_create(main, NULL, TN_OP_CONDITIONAL, scalar, 3, operands);
  tn_inst_set_called(main->root, 2, branches);
  tn_inst_add_predecessor(main->root, w);
  tn_annotations *notes = TN_NEW(a, tn_annotations);
  notes->metadata = "{op_name=\"w\"}";
  notes->frontend_attributes = "{a=\"b\"}";
  w->notes = notes;
  m->is_scheduled = true;
  m->entry_parameters = tn_shape_tuple(a, 1, &matrix);
  m->entry_result = scalar;
  TN_PUSH(a, &m->aliases, (tn_alias){.parameter = 0, .must = true});
  TN_PUSH(a, &m->donors, (tn_alias){.parameter = 0, .index = {donated, 2}});
  m->tables = "FileNames\n1 \"a.py\"\n\n";
  m->replica_count = 2;
  return m;
}

static const char expected[] =
    "HloModule sample, is_scheduled=true, input_output_alias={ {}: (0, {}, must-alias) }, "
    "buffer_donor={ (0, {1,2}) }, entry_computation_layout={(f32[2,300])->f32[]}, replica_count=2\n"
    "\nFileNames\n1 \"a.py\"\n"
    "\n%tenon.add.f32 (lhs: f32[], rhs: f32[]) -> f32[] {\n"
    "  %lhs = f32[] parameter(0)\n"
    "  %rhs = f32[] parameter(1)\n"
    "  ROOT %add.8 = f32[] add(%lhs, %rhs)\n"
    "}\n"
    "\n%branch (y: f32[]) -> f32[] {\n"
    "  %y = f32[] parameter(0)\n"
    "  ROOT %abs.13 = f32[] abs(%y)\n"
    "}\n"
    "\n%branch.1 (y: f32[]) -> f32[] {\n"
    "  %y = f32[] parameter(0)\n"
    "  ROOT %negate.16 = f32[] negate(%y)\n"
    "}\n"
    "\nENTRY %main (x: f32[2,300]) -> f32[] {\n"
    "  %x = f32[2,300] parameter(0)\n"
    "  %constant.2 = f32[2,300] constant({...}), frontend_attributes={a=\"b\"}, metadata={op_name=\"w\"}\n"
    "  %constant.3 = f32[] constant(0)\n"
    "  %add.4 = f32[2,300] add(%x, %constant.2)\n"
    "  %reduce.9 = f32[] reduce(%add.4, %constant.3), dimensions={0,1}, to_apply=%tenon.add.f32\n"
    "  %compare.10 = pred[] compare(%reduce.9, %constant.3), direction=LT\n"
    "  ROOT %conditional.17 = f32[] conditional(%compare.10, %reduce.9, %reduce.9), "
    "true_computation=%branch, false_computation=%branch.1, control-predecessors={%constant.2}\n"
    "}\n";

static tn_text print(tn_module *m, tn_constants_mode mode) {
  tn_text text = {0};
  tn_print_module(&text, m, &(tn_print_options){.constants = mode});
  return text;
}

Test(print, module_as_xla_prints_it) {
  tn_module *m = sample();
  tn_text text = print(m, TN_CONSTANTS_ELIDE);
  cr_assert_str_eq(text.bytes, expected);
  tn_text_free(&text);
  tn_module_destroy(m);
}

Test(print, clone_prints_the_same_and_stands_alone) {
  tn_module *m = sample();
  tn_module *copy = tn_module_clone(m);
  cr_assert_eq(copy->next_id, m->next_id);
  tn_text before = print(m, TN_CONSTANTS_INLINE), after = print(copy, TN_CONSTANTS_INLINE);
  cr_assert_str_eq(before.bytes, after.bytes);
  tn_text_free(&before);
  tn_text_free(&after);
  cr_assert_eq(copy->entry->callers.count, 0);
  cr_assert_eq(copy->first->callers.count, 1);
  cr_assert_eq(copy->first->callers.at[0]->parent, copy->entry);
  tn_module_destroy(copy);
  tn_module_destroy(m);
}

Test(print, large_constants_go_to_side_files_once) {
  tn_module *m = sample();
  tn_inst *w = m->entry->first->next;
  tn_inst_clone(m->entry, w, w, w->shape, 0, NULL);
  tn_print_options options = {.constants = TN_CONSTANTS_FILE};
  tn_text text = {0};
  tn_print_module(&text, m, &options);
  cr_assert_eq(options.side_files.count, 1);
  cr_assert_eq(options.side_files.at[0].bytes, w->attr.constant.literal->data);
  cr_assert_eq(options.side_files.at[0].count, 2400);
  const char *name = options.side_files.at[0].name;
  cr_assert_eq(strlen(name), 36);
  char wanted[120];
  snprintf(wanted, sizeof wanted, "constant({...}), frontend_attributes={a=\"b\",tenon.data=\"%s\"}", name);
  cr_assert_not_null(strstr(text.bytes, wanted), "%s", text.bytes);
  tn_text_free(&text);
  tn_module_destroy(m);
}
