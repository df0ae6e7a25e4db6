/* The grammar: modules, computations, instructions, attributes, annotations.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "support.h"

/* Parses, and prints as `expected` (NULL: only the fixed point counts). */
static void expect_print(const char *text, const char *expected) {
  tn_module *module = module_of(text);
  char *print = printed(module);
  if (expected) cr_expect(strstr(print, expected), "expected: %s\nfound: %s", expected, print);
  free(print);
  expect_fixed_point(module);
  tn_module_destroy(module);
}

/* One instruction on x = f32[4,6], y = f32[4,6], i = s32[], p = pred[]. */
static void expect_inst(const char *inst, const char *expected) {
  tn_text text = {0};
  tn_text_printf(&text,
                 "HloModule m, replica_count=4\n"
                 "add { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT s = f32[] add(a, b)\n}\n"
                 "less { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT s = pred[] compare(a, b), "
                 "direction=LT\n}\n"
                 "id { a = f32[4,6] parameter(0)\n ROOT s = f32[4,6] copy(a)\n}\n"
                 "ENTRY e {\n x = f32[4,6]{1,0} parameter(0)\n y = f32[4,6]{1,0} parameter(1)\n"
                 " i = s32[] parameter(2)\n p = pred[] parameter(3)\n z = f32[] constant(0)\n"
                 " k = f32[1,1,6,8] parameter(4)\n v = f32[1,4,4,6] parameter(5)\n t = token[] after-all()\n"
                 " ROOT r = %s\n}\n",
                 inst);
  expect_print(text.bytes, expected ? expected : inst);
  tn_text_free(&text);
}

Test(grammar, headerless_and_lone) {
  tn_module *m = module_of("f32[2,3] subtract(f32[2,3] x, f32[2,3] y)");
  cr_assert_eq(m->entry->parameters.count, 2);
  cr_assert_str_eq(m->entry->parameters.at[1]->name, "y");
  cr_assert_eq(m->entry->root->op, TN_OP_SUBTRACT);
  expect_fixed_point(m);
  tn_module_destroy(m);
  expect_print("ROOT %d = f32[2] add(f32[2]{0} %a, f32[2]{0} %a)", "ROOT %d = f32[2] add(%a, %a)");
  expect_print("d = add(f32[2], f32[2])", "add(%arg, %arg.1)");
  expect_print("(f32[2], s32[]) tuple(f32[2] a, s32[] b)", "tuple(%a, %b)");
  expect_print(
      "a { x = f32[] parameter(0)\n}\n b { x = f32[] parameter(0)\n y = f32[] call(x), to_apply=a\n}",
      "ENTRY %b");
  expect_print("add (x: f32[]) -> f32[] { x = f32[] parameter(0)\n}", "ENTRY %add");
  expect_print("foo () -> s32[] { ROOT x = s32[] constant(1) }", "ENTRY %foo");
}

Test(grammar, spelling) {
  expect_print(
      "HloModule m // x\n/* y */ ENTRY %e.1-a /**/ (p: f32[]) -> f32[] {\n%p=f32[]parameter(0)/*\n*/\n"
      "ROOT %q = f32[] negate(/*index=0*/%p) // z\n}",
      "ENTRY %e.1-a (p: f32[]) -> f32[] {");
  expect_print("HloModule m\nENTRY e { x = f32[] parameter(0) ROOT y = f32[] negate(x) z = f32[] abs(x) }",
               "ROOT %y");
  expect_print(
      "HloModule m\nENTRY e {\n x = f32[2] parameter(0)\n y = add(x, x)\n ROOT z = multiply(y, f32[2] y)\n}",
      "%z = f32[2] multiply(%y, %y)");
  /* an instruction inside another, a computation inside an instruction */
  expect_print("HloModule m\nENTRY e {\n x = f32[2] parameter(0)\n ROOT y = f32[2] add(f32[2] negate(x), "
               "exponential(x))\n}",
               "add(%negate, %exponential)");
  expect_print("HloModule m\nENTRY e {\n x = f32[2] parameter(0)\n ROOT y = f32[2] map(x), to_apply={\n"
               " a = f32[] parameter(0)\n ROOT b = f32[] negate(a)\n }\n}",
               "to_apply=%computation");
}

Test(grammar, order_of_computations) {
  tn_module *m = module_of("HloModule m\nENTRY e {\n x = f32[] parameter(0)\n y = call(x), to_apply=f\n"
                           " ROOT c = call(y), to_apply=g\n}\n"
                           "f {\n x = f32[] parameter(0)\n y = f32[] call(x), to_apply=g\n}\n"
                           "g {\n x = f32[] parameter(0)\n y = f32[] negate(x)\n}\n");
  cr_assert_str_eq(m->first->name, "g");
  cr_assert_str_eq(m->last->name, "e");
  cr_assert_str_eq(m->entry->name, "e");
  cr_assert_eq(m->first->callers.count, 2);
  cr_assert(inst_of(m, "c")->shape->type == TN_F32);
  expect_fixed_point(m);
  tn_module_destroy(m);
}

Test(grammar, module_line) {
  const char *text =
      "HloModule m.1, is_scheduled=true, replica_count=2, num_partitions=4, "
      "input_output_alias={ {0}: (0, {}, must-alias), {1}: (1, {}) }, buffer_donor={ (2, {}) }, "
      "entry_computation_layout={(f32[2]{0}, f32[2]{0}, f32[])->(f32[2]{0}, f32[2]{0})}, "
      "frontend_attributes={a=\"b\",c={\"d\":[1,2]}}, "
      "allow_spmd_sharding_propagation_to_parameters={true,false,true}, "
      "allow_spmd_sharding_propagation_to_output=true, alias_passthrough_params=true\n\n"
      "FileNames\n1 \"a.py\"\n\nFunctionNames\n1 \"f\"\n\nFileLocations\n"
      "1 {file_name_id=1 function_name_id=1 line=3 end_line=3 column=1 end_column=9}\n\n"
      "StackFrames\n1 {file_location_id=1 parent_frame_id=1}\n\n"
      "ENTRY e {\n x = f32[2]{0} parameter(0)\n y = f32[2]{0} parameter(1)\n z = f32[] parameter(2)\n"
      " ROOT t = (f32[2]{0}, f32[2]{0}) tuple(x, y)\n}, execution_thread=\"host\"\n";
  tn_module *m = module_of(text);
  cr_assert(m->is_scheduled && m->replica_count == 2 && m->num_partitions == 4);
  cr_assert(m->aliases.count == 2 && m->aliases.at[0].must && !m->aliases.at[1].must);
  cr_assert(m->donors.count == 1 && m->donors.at[0].parameter == 2);
  cr_assert(m->entry_parameters->rank == 3 && m->entry_result->rank == 2);
  cr_assert_str_eq(m->frontend_attributes, "{a=\"b\",c={\"d\":[1,2]}}");
  cr_assert_str_eq(m->other_attributes, ", alias_passthrough_params=true");
  cr_assert_str_eq(m->entry->execution_thread, "host");
  cr_assert(strstr(m->tables, "StackFrames\n1 {file_location_id=1 parent_frame_id=1}"));
  expect_fixed_point(m);
  tn_module_destroy(m);
}

Test(grammar, attributes) {
  expect_inst("f32[6,4] transpose(x), dimensions={1,0}", "transpose(%x), dimensions={1,0}");
  expect_inst("f32[2,3] slice(x), slice={[0:4:2], [1:4]}", "slice={[0:4:2], [1:4:1]}");
  expect_inst("f32[7,10] pad(x, z), padding=1_2_0x-1_0_1", "padding=1_2_0x-1_0_1");
  expect_inst("f32[4] reduce(x, z), dimensions={1}, to_apply=add", "dimensions={1}, to_apply=%add");
  expect_inst("f32[2,3] reduce-window(x, z), window={size=2x2 stride=2x2}, to_apply=add",
              "window={size=2x2 stride=2x2}");
  expect_inst("f32[1,4,4,8] convolution(v, k), window={size=1x1 pad=0_0x0_0 rhs_reversal=1x1}, "
              "dim_labels=b01f_01io->b01f, "
              "operand_precision={highest,default}",
              "dim_labels=b01f_01io->b01f, operand_precision={highest,default}");
  expect_inst(
      "f32[4,4] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={1}, algorithm=dot_f32_f32_f32",
      "algorithm=dot_f32_f32_f32");
  expect_inst("pred[4,6] compare(x, y), direction=GE, type=TOTALORDER", "direction=GE, type=TOTALORDER");
  expect_inst("f32[4,6] sort(x), dimensions={1}, is_stable=true, to_apply=less",
              "dimensions={1}, is_stable=true");
  expect_inst("(f32[4,2], s32[4,2]) topk(x), k=2, largest=false", "k=2, largest=false");
  expect_inst("f32[4,6] fusion(x), kind=kLoop, output_to_operand_aliasing={{}: (0, {})}, calls=id",
              "output_to_operand_aliasing={{}: (0, {})}");
  expect_inst("f32[4,6] call(x), is_composite=true, to_apply=id", "is_composite=true, to_apply=%id");
  expect_inst("f32[4,6] conditional(p, x, y), true_computation=id, false_computation=id",
              "true_computation=%id");
  expect_inst("f32[4,6] conditional(i, x, y), branch_computations={id, %id}",
              "branch_computations={%id, %id}");
  expect_inst("f32[4,6] all-reduce(x), replica_groups={{0,1},{2,3}}, channel_id=7, to_apply=add",
              "channel_id=7, replica_groups={{0,1},{2,3}}");
  expect_inst("f32[4,6] all-reduce(x), replica_groups=[2,2]<=[2,2]T(1,0), to_apply=add",
              "replica_groups=[2,2]<=[2,2]T(1,0)");
  expect_inst("f32[4,6] collective-permute(x), source_target_pairs={{0,1},{1,0}}",
              "source_target_pairs={{0,1},{1,0}}");
  expect_inst("f32[4,6] exponential(x), result_accuracy={mode=highest}", "result_accuracy={mode=highest}");
  expect_inst("f32[4,6] domain(x), domain={kind=\"sharding\", entry={maximal device=0}, exit={replicated}}",
              "domain={kind=\"sharding\", entry={maximal device=0}, exit={replicated}}");
  expect_inst(
      "f32[2] custom-call(x), custom_call_target=\"a\\\"b\", window={size=2}, dim_labels=bf0_0io->bf0, "
      "operand_layout_constraints={f32[4,6]{1,0}}, custom_call_has_side_effect=true, "
      "called_computations={add, id}, "
      "literal=s32[2]{0} {1, 2}, api_version=API_VERSION_TYPED_FFI, schedule=SCHEDULE_LATEST, "
      "backend_config={\"k\": {\"s\": \"}\"}}",
      "backend_config={\"k\": {\"s\": \"}\"}}");
}

/* What stands for nothing must be read again. */
Test(grammar, padding_of_a_scalar) {
  expect_print("HloModule m\nENTRY e {\n x = f32[] parameter(0)\n y = f32[] pad(x, x), padding=\n"
               " ROOT z = f32[] pad(y, x), padding=, metadata={op_name=\"n\"}\n}",
               "pad(%y, %x)");
}

/* The groups [2,3] that `text` stands for. */
static void expect_groups(const char *groups_text, const int64_t expected[2][3]) {
  tn_text text = {0};
  tn_text_printf(&text,
                 "HloModule m, replica_count=6\n"
                 "add { a = f32[] parameter(0)\n b = f32[] parameter(1)\n s = f32[] add(a, b)\n}\n"
                 "ENTRY e {\n x = f32[2] parameter(0)\n"
                 " ROOT r = f32[2] all-reduce(x), replica_groups=%s, to_apply=add\n}",
                 groups_text);
  tn_module *m = module_of(text.bytes);
  tn_groups groups = m->entry->root->attr.collective->groups;
  cr_assert(groups.count == 2 && groups.at[0].count == 3);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++) cr_expect_eq(groups.at[i].at[j], expected[i][j], "%s", groups_text);
  expect_fixed_point(m);
  tn_module_destroy(m);
  tn_text_free(&text);
}

Test(grammar, replica_groups_are_resolved) {
  static const int64_t rows[2][3] = {{0, 1, 2}, {3, 4, 5}}, columns[2][3] = {{0, 2, 4}, {1, 3, 5}};
  expect_groups("{ {0,1,2}, {3,4,5} }", rows);
  expect_groups("[2,3]<=[6]", rows);
  expect_groups("[2,3]<=[3,2]T(1,0)", columns);
  expect_groups("mesh['a'=2,'b'=3] {'b'}", rows);
  expect_groups("mesh['a'=3,'b'=2] {'a'}", columns);
  expect_groups("mesh['a b'=6] {'a b':(1)3}", columns);
  expect_groups("mesh['a'=6] {0:(2)3}", rows);
  expect_groups("mesh['a'=2,'b'=3], device_ids=([3,2]T(1,0)) {'b'}", columns);
  expect_error("f32[2] all-gather(f32[1] x), dimensions={0}, replica_groups=mesh['a'=2,'b'=2] {'a','a'}",
               "overlap");
  expect_error("f32[2] all-gather(f32[1] x), dimensions={0}, replica_groups=mesh['a'=4] {0:(1)2,0:(1)2}",
               "overlap");
  expect_error("f32[2] all-gather(f32[1] x), dimensions={0}, replica_groups=mesh['a'=2] {'b'}",
               "no axis 'b'");
  expect_groups("mesh['a'=2,'b'=3], device_ids=(0,2,4,1,3,5) {'b'}", columns);
}

/* Repeated groups are found by their spelling; a longer one is another. */
Test(grammar, replica_groups_repeat) {
  tn_module *m =
      module_of("HloModule m, replica_count=4\nENTRY e {\n x = f32[1] parameter(0)\n"
                " a = f32[2] all-gather(x), dimensions={0}, replica_groups=[2,2]<=[2,2] // {\n"
                " b = f32[2] all-gather(x), dimensions={0}, replica_groups=[2,2]<=[2,2], channel_id=1\n"
                " c = f32[2] all-gather(x), dimensions={0}, replica_groups=[2,2]<=[2,2]T(1,0)\n"
                " d = f32[2] all-gather(x), dimensions={0}, replica_groups=[2,2]<=[2,2]T(1,0)\n}");
  cr_assert_eq(inst_of(m, "a")->attr.collective->groups.at, inst_of(m, "b")->attr.collective->groups.at);
  cr_assert_eq(inst_of(m, "c")->attr.collective->groups.at, inst_of(m, "d")->attr.collective->groups.at);
  cr_assert_eq(inst_of(m, "b")->attr.collective->groups.at[0].at[1], 1);
  cr_assert_eq(inst_of(m, "c")->attr.collective->groups.at[0].at[1], 2);
  expect_fixed_point(m);
  tn_module_destroy(m);
}

Test(grammar, annotations) {
  expect_inst("f32[4,6] negate(x), sharding={devices=[2,1,2]<=[2,2]T(1,0) last_tile_dim_replicate}, "
              "control-predecessors={y, %i}, parameter_replication={true,false}, "
              "statistics={visualizing_index=0,a=1.5}, "
              "origin={{\"x\"}}, frontend_attributes={a=\"b, c\"}, "
              "metadata={op_type=\"t\" op_name=\"jit(f)/\\\"g\\\"\" source_file=\"a.py\" source_line=12}",
              "sharding={devices=[2,1,2]<=[2,2]T(1,0) last_tile_dim_replicate}");
  expect_inst("f32[4,6] negate(x), sharding={ devices=[2,2]0,1, 2,3 metadata={op_name=\"a\"} }",
              "sharding={devices=[2,2]0,1,2,3 metadata={op_name=\"a\"}}");
  expect_inst("(f32[4,6], f32[4,6]) tuple(x, y), sharding={{replicated}, {maximal device=1}}",
              "sharding={{replicated},{maximal device=1}}");
  expect_inst("f32[4,6] negate(x), sharding={devices=[1,2,2]0,1,2,3 last_tile_dims={manual, replicated}}",
              "sharding={devices=[1,2,2]0,1,2,3 last_tile_dims={manual,replicated}}");
  expect_inst("f32[4,6] negate(x), backend_config=\"text\"", "backend_config=\"text\"");
  tn_module *m = module_of(
      "HloModule m\nENTRY e {\n x = f32[] parameter(0), metadata={op_name=\"a\\\"b\" source_line=7}\n}");
  cr_assert_str_eq(m->entry->root->notes->op_name, "a\"b");
  cr_assert_eq(m->entry->root->notes->source_line, 7);
  tn_module_destroy(m);
}

Test(grammar, asynchronous_sugar) {
  tn_module *m =
      module_of("HloModule m\nENTRY e {\n x = f32[8] parameter(0)\n"
                " s = ((f32[8]), f32[4], u32[]) slice-start(x), slice={[0:4]}, async_execution_thread=\"t\"\n"
                " u = ((f32[8]), f32[4], u32[]) slice-update(s), slice={[0:4]}\n"
                " ROOT d = f32[4] slice-done(u)\n}");
  tn_inst *start = inst_of(m, "s");
  cr_assert_eq(start->op, TN_OP_ASYNC_START);
  cr_assert_eq(start->n_called, 1);
  cr_assert_eq(start->called[0]->root->op, TN_OP_SLICE);
  cr_assert_eq(start->called[0]->root->attr.slice->limits.at[0], 4);
  cr_assert_str_eq(start->called[0]->execution_thread, "t");
  cr_assert_eq(m->entry->root->op, TN_OP_ASYNC_DONE);
  expect_fixed_point(m);
  tn_module_destroy(m);
}

/* Attributes of the wrapped operation win, and may be repeated. */
Test(grammar, sugar_of_operations_that_call) {
  tn_module *m =
      module_of("HloModule m\nf { x = f32[8] parameter(0)\n ROOT y = f32[8] negate(x)\n}\nENTRY e {\n"
                " x = f32[8] parameter(0)\n"
                " s = ((f32[8]), f32[8], u32[]) fusion-start(x), kind=kLoop, calls=f\n"
                " ROOT d = f32[8] fusion-done(s), kind=kLoop, calls=f\n}");
  const tn_inst *start = inst_of(m, "s");
  cr_assert_eq(start->called[0]->root->op, TN_OP_FUSION);
  cr_assert_str_eq(start->called[0]->root->called[0]->name, "f");
  cr_assert_eq(m->entry->root->n_called, 0);
  expect_fixed_point(m);
  tn_module_destroy(m);
  expect_error("HloModule m\nENTRY e {\n x = f32[8] parameter(0)\n"
               " s = ((f32[8]), f32[8], u32[]) negate-start(x), calls=f\n}",
               "negate has no attribute 'calls'");
}

Test(grammar, shapes) {
  static const char *const shapes[] = {
      "f32[]",
      "bf16[2,<=8,?]",
      "(f32[2]{0}, (s4[3]{0:E(4)}, token[]), pred[])",
      "()",
      "b(f32[4]{0})",
      "f8e4m3b11fnuz[1]",
      "f32[8,128]{1,0:T(8,128)(2,1)}",
      "f32[8,128]{0,1:D(D,C+~)T(8,*)L(512)#(u32)*(u64)E(32)S(1)SC(1:64)P(s8[9])M(4)}",
      "s32[]{:T(128)}",
      "opaque[]"};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    tn_text program = {0}, text = {0};
    tn_text_printf(&program, "ENTRY e {\n ROOT x = %s parameter(0)\n}\n", shapes[i]);
    tn_module *module = module_of(program.bytes);
    tn_shape_print(&text, module->entry->root->shape, true);
    cr_expect_str_eq(text.bytes, shapes[i]);
    tn_text_free(&text);
    tn_text_free(&program);
    tn_module_destroy(module);
  }
}

Test(grammar, bounded_dims) {
  expect_print("HloModule m\nENTRY e {\n x = f32[<=4,2] parameter(0)\n ROOT y = f32[<=4,2] negate(x)\n}",
               "f32[<=4,2]");
}
