/* Attributes as text: each FORM of attrs.def, at its default and away from it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "ir/attribute_table.h"
#include "ir/print.h"

static tn_arena *arena;
static tn_module *module;
static tn_comp *comp, *callee;
static tn_inst *x;

static void set_up(void) {
  module = tn_module_create("m");
  arena = module->arena;
  callee = tn_comp_create(module, "f");
  comp = tn_comp_create(module, "main");
  x = tn_build_parameter(comp, 0, tn_shape_scalar(arena, TN_F32), "x");
}

static void tear_down(void) { tn_module_destroy(module); }

static tn_inst *make(tn_op op, int n_called) {
  tn_comp *called[] = {callee, callee, callee};
  tn_inst *inst = tn_inst_create(comp, NULL, op, x->shape, 1, &x);
  tn_inst_set_called(inst, n_called, called);
  return inst;
}

/* What stands behind the operands; and a clone of the attributes prints the same. */
static void expect(tn_inst *inst, const char *expected) {
  for (int cloned = 0; cloned < 2; cloned++) {
    tn_text text = {0};
    tn_print_instruction(&text, inst);
    const char *end = strstr(text.bytes, "(%x)");
    cr_assert_not_null(end, "%s", text.bytes);
    cr_assert_str_eq(end + 4, expected);
    tn_text_free(&text);
    inst->attr = tn_attributes_clone(arena, tn_ops[inst->op].attributes, &inst->attr);
  }
}

#define DIMS(...)                                                                                            \
  ((tn_dims){(const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)})

TestSuite(attributes, .init = set_up, .fini = tear_down);

Test(attributes, defaults_are_not_printed) {
  expect(make(TN_OP_RESHAPE, 0), "");
  expect(make(TN_OP_COPY_START, 0), "");
  expect(make(TN_OP_CONVOLUTION, 0), ", dim_labels=bf_io->bf");
  expect(make(TN_OP_CUSTOM_CALL, 0), ", custom_call_target=\"\"");
  expect(make(TN_OP_DOT, 0), "");
  expect(make(TN_OP_BROADCAST, 0), ", dimensions={}");
  expect(make(TN_OP_PAD, 0), "");
  expect(make(TN_OP_ALL_REDUCE, 1), ", to_apply=%f");
  expect(make(TN_OP_ASYNC_DONE, 0), "");
}

Test(attributes, windows_and_dimension_numbers) {
  tn_inst *conv = make(TN_OP_CONVOLUTION, 0);
  tn_convolution_attributes *own = tn_inst_edit_convolution(conv);
  tn_window_dim window[] = {{3, 1, 0, 1, 1, 1, false}, {5, 2, -1, 0, 1, 2, true}};
  own->window = (tn_window){window, 2};
  own->dims = (tn_conv_dims){0, 3, 2, 3, 0, 1, DIMS(1, 2), DIMS(0, 1), DIMS(2, 3)};
  own->feature_groups = 4;
  tn_precision precision[] = {TN_PRECISION_HIGHEST, TN_PRECISION_DEFAULT};
  own->precision = (tn_precisions){precision, 2};
  expect(conv, ", window={size=3x5 stride=1x2 pad=0_1x-1_0 rhs_dilate=1x2 rhs_reversal=0x1}, "
               "dim_labels=b01f_01io->bf01, feature_group_count=4, operand_precision={highest,default}");
  own = tn_inst_edit_convolution(conv);
  precision[0] = TN_PRECISION_DEFAULT;
  own->precision = (tn_precisions){precision, 2};
  own->window = (tn_window){window, 1};
  expect(conv, ", window={size=3 pad=0_1}, dim_labels=b01f_01io->bf01, feature_group_count=4");
}

Test(attributes, lists) {
  tn_inst *slice = make(TN_OP_SLICE, 0);
  *tn_inst_edit_slice(slice) = (tn_slice_attributes){DIMS(1, 0), DIMS(5, 3), DIMS(1, 1)};
  expect(slice, ", slice={[1:5], [0:3]}");
  tn_inst_edit_slice(slice)->strides = DIMS(1, 2);
  expect(slice, ", slice={[1:5:1], [0:3:2]}");
  tn_inst *pad = make(TN_OP_PAD, 0);
  tn_pad_dim pads[] = {{-1, 2, 0}, {0, 0, 0}};
  pad->attr.pad.at = pads, pad->attr.pad.count = 2;
  expect(pad, ", padding=-1_2x0_0");
  pads[1].interior = 3;
  pad->attr.pad.at = pads;
  expect(pad, ", padding=-1_2_0x0_0_3");
  tn_inst *permute = make(TN_OP_COLLECTIVE_PERMUTE, 0);
  tn_inst_edit_permute(permute)->pairs = (tn_pairs){(const tn_pair[]){{0, 1}, {1, 0}}, 2};
  tn_inst_edit_permute(permute)->channel_id = 7;
  expect(permute, ", channel_id=7, source_target_pairs={{0,1},{1,0}}");
  tn_inst *gather = make(TN_OP_ALL_GATHER, 0);
  tn_collective_attributes *own = tn_inst_edit_collective(gather);
  own->groups = (tn_groups){NULL, (const tn_dims[]){DIMS(0, 1), DIMS(2, 3)}, 2};
  own->dims = DIMS(1);
  own->use_global_device_ids = true;
  expect(gather, ", replica_groups={{0,1},{2,3}}, dimensions={1}, use_global_device_ids=true");
  tn_inst_edit_collective(gather)->groups.text = "[2,2]<=[4]";
  expect(gather, ", replica_groups=[2,2]<=[4], dimensions={1}, use_global_device_ids=true");
}

/* Copies share a record until one of them is written. */
Test(attributes, records_are_shared_until_written) {
  tn_inst *slice = make(TN_OP_SLICE, 0);
  *tn_inst_edit_slice(slice) = (tn_slice_attributes){DIMS(1), DIMS(5), DIMS(1)};
  tn_inst *copy = tn_inst_clone(comp, NULL, slice, x->shape, 1, &x);
  cr_assert_eq(copy->attr.slice, slice->attr.slice);
  tn_inst_edit_slice(copy)->limits = DIMS(4);
  expect(slice, ", slice={[1:5]}");
  expect(copy, ", slice={[1:4]}");
}

Test(attributes, custom_calls) {
  tn_inst *call = make(TN_OP_CUSTOM_CALL, 2);
  tn_custom_call_attributes *own = tn_inst_edit_custom_call(call);
  own->target = "a\"b\\c\n\x01";
  own->has_operand_layouts = true;
  own->aliases = (tn_operand_aliases){(const tn_operand_alias[]){{DIMS(0), 1, DIMS(2, 3)}}, 1};
  own->literal = tn_literal_scalar_integer(arena, TN_S32, 5);
  own->schedule = TN_SCHEDULE_EARLIEST;
  own->api_version = TN_API_VERSION_TYPED_FFI;
  expect(call, ", custom_call_target=\"a\\\"b\\\\c\\n\\001\", operand_layout_constraints={}, "
               "called_computations={%f, %f}, output_to_operand_aliasing={{0}: (1, {2,3})}, literal=s32[] 5, "
               "schedule=SCHEDULE_EARLIEST, api_version=API_VERSION_TYPED_FFI");
  tn_inst *one = make(TN_OP_CUSTOM_CALL, 1);
  tn_inst_edit_custom_call(one)->target = "t";
  expect(one, ", custom_call_target=\"t\", to_apply=%f");
}

Test(attributes, words_numbers_and_computations) {
  tn_inst *inst = make(TN_OP_BATCH_NORM_TRAINING, 0);
  inst->attr.batch_norm.epsilon = 0.001f;
  inst->attr.batch_norm.feature_index = 3;
  expect(inst, ", epsilon=0.001, feature_index=3");
  inst = make(TN_OP_COMPARE, 0);
  inst->attr.compare.direction = TN_GE;
  inst->attr.compare.type = TN_COMPARE_TOTALORDER;
  expect(inst, ", direction=GE, type=TOTALORDER");
  inst = make(TN_OP_DOT, 0);
  tn_inst_edit_dot(inst)->side[1].contracting = DIMS(2);
  tn_inst_edit_dot(inst)->algorithm = "dot_bf16_bf16_f32";
  expect(inst, ", rhs_contracting_dims={2}, algorithm=dot_bf16_bf16_f32");
  inst = make(TN_OP_SCAN, 1);
  inst->attr.scan.is_associative = TN_TRISTATE_FALSE;
  inst->attr.scan.num_carries = 2;
  expect(inst, ", dimensions={0}, is_associative=false, num_carries=2, to_apply=%f");
  inst = make(TN_OP_DOMAIN, 0);
  inst->attr.domain.kind = "sharding", inst->attr.domain.entry = "{}",
  inst->attr.domain.exit = "{replicated}";
  expect(inst, ", domain={kind=\"sharding\", entry={}, exit={replicated}}");
  inst = make(TN_OP_QUANTIZE, 0);
  inst->attr.quantize.dim = 2;
  inst->attr.quantize.zero_point_first = true;
  expect(inst, ", dimension=2, zero_point_first=true");
  inst = make(TN_OP_DEQUANTIZE, 0);
  inst->attr.quantize.dim = 0;
  expect(inst, ", dimension=0");
  inst = make(TN_OP_TOPK, 0);
  inst->attr.topk.k = 4;
  expect(inst, ", k=4");
  inst->attr.topk.largest = false;
  expect(inst, ", k=4, largest=false");
  expect(make(TN_OP_WHILE, 2), ", condition=%f, body=%f");
  expect(make(TN_OP_CONDITIONAL, 3), ", branch_computations={%f, %f, %f}");
  expect(make(TN_OP_FUSION, 1), ", kind=kLoop, calls=%f");
  expect(make(TN_OP_CALL, 1), ", to_apply=%f");
  inst = make(TN_OP_OUTFEED, 0);
  inst->attr.feed.shape = x->shape;
  expect(inst, ", outfeed_shape=f32[]");
  inst = make(TN_OP_TRIANGULAR_SOLVE, 0);
  inst->attr.triangular_solve.left_side = true;
  inst->attr.triangular_solve.transpose_a = TN_ADJOINT;
  expect(inst, ", left_side=true, transpose_a=ADJOINT");
}
