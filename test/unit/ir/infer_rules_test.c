/* Shape rules through text: each case is the body of an entry computation and what the
 * verifier says of it first; NULL where it must accept. Cases stand by family, the
 * accepted ones first.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "frontend/hlo/hlo.h"

/* Computations that cases call. */
static const char prelude[] =
    "HloModule m\n"
    "add { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT c = f32[] add(a, b) }\n"
    "add_s32 { a = s32[] parameter(0)\n b = s32[] parameter(1)\n ROOT c = s32[] add(a, b) }\n"
    "less { a = f32[] parameter(0)\n b = f32[] parameter(1)\n"
    "  ROOT c = pred[] compare(a, b), direction=LT }\n"
    "both { a = f32[] parameter(0)\n b = s32[] parameter(1)\n c = f32[] parameter(2)\n"
    "  d = s32[] parameter(3)\n e = f32[] add(a, c)\n f = s32[] add(b, d)\n"
    "  ROOT g = (f32[], s32[]) tuple(e, f) }\n"
    "step { a = f32[3] parameter(0)\n b = f32[3] parameter(1)\n c = f32[3] add(a, b)\n"
    "  ROOT d = (f32[3], f32[3]) tuple(c, c) }\n"
    "negate { a = f32[4] parameter(0)\n ROOT b = f32[4] negate(a) }\n"
    "more { a = f32[4] parameter(0)\n ROOT b = pred[] constant(true) }\n"
    "ENTRY main {\n";

typedef struct {
  const char *body;
  const char *message; /* NULL: accepted */
} rule_case;

typedef struct {
  char first[512];
} report;

static void keep_first(void *user, const tn_diagnostic *diagnostic) {
  report *r = user;
  if (!r->first[0] && diagnostic->severity == TN_SEVERITY_ERROR)
    snprintf(r->first, sizeof r->first, "%s", diagnostic->message);
}

static void run(const rule_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    report r = {{0}};
    tn_diagnostics sink = {.callback = keep_first, .user = &r};
    tn_text text = {0};
    tn_text_printf(&text, "%s%s\n}\n", prelude, cases[i].body);
    tn_hlo_options options = {.file = "case.hlo"};
    tn_module *module = tn_hlo_parse((tn_str){text.bytes, text.length}, &options, &sink);
    if (cases[i].message)
      cr_expect_str_eq(r.first, cases[i].message, "got '%s'\nnot '%s'\nfor\n%s", r.first, cases[i].message,
                       cases[i].body);
    else
      cr_expect(module && !r.first[0], "'%s' for\n%s", r.first, cases[i].body);
    tn_module_destroy(module);
    tn_text_free(&text);
  }
}

#define RUN(cases) run(cases, sizeof(cases) / sizeof *(cases))

Test(infer, elementwise) {
  static const rule_case cases[] = {
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] add(p, p)", NULL},
      {"p = f32[<=4] parameter(0)\n q = f32[4] parameter(1)\n ROOT r = f32[<=4] add(q, p)", NULL},
      {"p = f32[?] parameter(0)\n q = f32[4] parameter(1)\n ROOT r = f32[4] add(p, q)", NULL},
      {"p = c64[4] parameter(0)\n ROOT r = f32[4] abs(p)", NULL},
      {"p = f32[4] parameter(0)\n ROOT r = s4[4] convert(p)", NULL},
      {"p = f32[4] parameter(0)\n s = f32[] constant(1)\n ROOT r = f32[4] clamp(s, p, s)", NULL},
      {"p = f32[4] parameter(0)\n s = pred[] constant(true)\n ROOT r = f32[4] select(s, p, p)", NULL},
      {"p = f32[4] parameter(0)\n q = f32[5] parameter(1)\n ROOT r = f32[4] add(p, q)",
       "add: operand shapes f32[4] and f32[5] differ"},
      {"p = f32[4] parameter(0)\n q = bf16[4] parameter(1)\n ROOT r = f32[4] add(p, q)",
       "add: operand types f32 and bf16 differ"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[5] negate(p)",
       "negate: declared f32[5], but the result is f32[4]"},
      {"p = f32[<=4] parameter(0)\n ROOT r = f32[4] negate(p)", NULL},
      {"p = s32[4] parameter(0)\n ROOT r = s32[4] exponential(p)",
       "exponential: operand 0 must be float or complex and is s32"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] not(p)",
       "not: operand 0 must be an integer or pred and is f32"},
      {"p = c64[4] parameter(0)\n ROOT r = pred[4] compare(p, p), direction=LT",
       "compare: c64 has no order, only EQ and NE"},
      {"p = s32[4] parameter(0)\n ROOT r = pred[4] compare(p, p), direction=LT, type=UNSIGNED",
       "compare: type=UNSIGNED does not compare s32"},
      {"p = f32[4] parameter(0)\n s = s32[4] parameter(1)\n ROOT r = f32[4] select(s, p, p)",
       "select: operand 0 must be pred and is s32"},
      {"p = f32[4] parameter(0)\n s = u16[4] parameter(1)\n ROOT r = s32[4] stochastic-convert(p, s)",
       "stochastic-convert: f32 takes 32 random bits, not 16"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] reduce-precision(p), exponent_bits=0, mantissa_bits=3",
       "reduce-precision: 0 exponent bits and 3 mantissa bits are not a format"},
  };
  RUN(cases);
}

Test(infer, movement) {
  static const rule_case cases[] = {
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[3,4,2] broadcast(p), dimensions={2,0}", NULL},
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[6] reshape(p)", NULL},
      {"p = f32[2,<=3] parameter(0)\n ROOT r = f32[<=3,2] transpose(p), dimensions={1,0}", NULL},
      {"p = f32[9] parameter(0)\n ROOT r = f32[3] slice(p), slice={[1:8:3]}", NULL},
      {"p = f32[3] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[6] pad(p, z), padding=-1_2_1", NULL},
      {"p = s32[2] parameter(0)\n ROOT r = s8[2,4] bitcast-convert(p)", NULL},
      {"p = s8[2,4] parameter(0)\n ROOT r = s32[2] bitcast-convert(p)", NULL},
      {"p = f32[2,3] parameter(0)\n ROOT r = s32[6] bitcast(p)", NULL},
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[3,4,2] broadcast(p), dimensions={0,2}",
       "broadcast: operand dimension 0 is 2, and dimension 0 of the result is 3"},
      {"p = f32[2,2] parameter(0)\n ROOT r = f32[2,2] broadcast(p), dimensions={1,1}",
       "broadcast: dimensions names dimension 1 twice"},
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[7] reshape(p)",
       "reshape: f32[2,3] has 6 elements, and f32[7] has 7"},
      {"p = f32[2,3] parameter(0)\n ROOT r = s32[6] reshape(p)",
       "reshape: declared s32[6], but the result is f32[6]"},
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[3,2] transpose(p), dimensions={1,2}",
       "transpose: dimensions 2 is out of range for 2 dimensions"},
      {"p = f32[9] parameter(0)\n ROOT r = f32[3] slice(p), slice={[1:10:3]}",
       "slice: limit 10 in dimension 0 is beyond its size 9"},
      {"p = f32[9] parameter(0)\n ROOT r = f32[3] slice(p), slice={[1:4:0]}",
       "slice: stride 0 in dimension 0 must be positive"},
      {"p = f32[3] parameter(0)\n z = f32[] constant(0)\n"
       " ROOT r = f32[3] pad(p, z), padding=0_0_9223372036854775807",
       "pad: padding 0_0_9223372036854775807 of dimension 0, 3, overflows 64 bits"},
      {"p = f32[3] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[3] pad(p, z), padding=-2_-2",
       "pad: padding -2 and -2 leaves less than nothing of dimension 0, 3"},
      {"p = f32[2,3] parameter(0)\n q = f32[3,3] parameter(1)\n ROOT r = f32[2,6] concatenate(p, q), "
       "dimensions={1}",
       "concatenate: sizes 2 and 3 of dimension 0 differ"},
      {"p = f32[2,3] parameter(0)\n ROOT r = s32[7] bitcast(p)",
       "bitcast: f32[2,3] is 24 bytes, and s32[7] is 28"},
      {"p = s8[2,3] parameter(0)\n ROOT r = s32[2] bitcast-convert(p)",
       "bitcast-convert: the last dimension must be 4 to make s32 of s8"},
      {"p = f32[2,3] parameter(0)\n i = s32[] constant(0)\n"
       " ROOT r = f32[1,4] dynamic-slice(p, i, i), dynamic_slice_sizes={1,4}",
       "dynamic-slice: a slice of 4 does not fit dimension 1 of size 3"},
      {"p = f32[2,3] parameter(0)\n i = s32[] constant(0)\n"
       " ROOT r = f32[1,1] dynamic-slice(p, i), dynamic_slice_sizes={1,1}",
       "dynamic-slice: 1 start indices given for 2 dimensions"},
      {"p = f32[2,3] parameter(0)\n u = f32[3,1] parameter(1)\n i = s32[] constant(0)\n"
       " ROOT r = f32[2,3] dynamic-update-slice(p, u, i, i)",
       "dynamic-update-slice: an update of 3 does not fit dimension 0 of size 2"},
      {"p = f32[2] parameter(0)\n ROOT r = s32[] get-dimension-size(p), dimensions={1}",
       "get-dimension-size: dimension 1 is out of range for 1 dimension"},
  };
  RUN(cases);
}

Test(infer, gather_and_scatter) {
#define GATHER "p = f32[5,7] parameter(0)\n i = s32[3,1] parameter(1)\n ROOT r = f32[3,7] gather(p, i), "
#define SCATTER                                                                                              \
  "p = f32[5,7] parameter(0)\n i = s32[3,1] parameter(1)\n u = f32[3,7] parameter(2)\n ROOT r = f32[5,7] "   \
  "scatter(p, i, u), "
  static const rule_case cases[] = {
      {GATHER "offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, "
              "slice_sizes={1,7}",
       NULL},
      {SCATTER "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, "
               "index_vector_dim=1, to_apply=add",
       NULL},
      {GATHER "offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0,1}, index_vector_dim=1, "
              "slice_sizes={1,7}",
       "gather: start_index_map has 2 entries, and index vectors have 1"},
      {GATHER "offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=3, "
              "slice_sizes={1,7}",
       "gather: index_vector_dim 3 is out of range for 2 dimensions"},
      {GATHER "offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, "
              "slice_sizes={1,8}",
       "gather: a slice of 8 does not fit dimension 1 of size 7"},
      {GATHER "offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, "
              "slice_sizes={2,7}",
       "gather: slice size 2 of dimension 0, which is collapsed or batching, must be at most 1"},
      {GATHER "offset_dims={0,1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, "
              "slice_sizes={1,7}",
       "gather: offset_dims lists 2 dimensions, and slices have 1"},
      {GATHER "offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, "
              "slice_sizes={1,6}",
       "gather: declared f32[3,7], but the result is f32[3,6]"},
      {SCATTER "update_window_dims={0}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, "
               "index_vector_dim=1, to_apply=add",
       "scatter: update size 7 and index size 3 differ"},
      {SCATTER "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, "
               "index_vector_dim=1, to_apply=add_s32",
       "scatter: the initial value is f32, and 'add_s32' takes s32"},
      {SCATTER "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={2}, "
               "index_vector_dim=1, to_apply=add",
       "scatter: scatter_dims_to_operand_dims 2 is out of range for 2 dimensions"},
  };
  RUN(cases);
}

Test(infer, contractions) {
#define DOT "a = f32[8,128] parameter(0)\n b = f32[64,16] parameter(1)\n ROOT d = f32[8,16] dot(a, b), "
#define CONV(window, rest)                                                                                   \
  "x = f32[1,8,8,4] parameter(0)\n w = f32[3,3,4,6] parameter(1)\n ROOT r = f32[1,6,6,6] convolution(x, "    \
  "w), window={" window "}, dim_labels=" rest
  static const rule_case cases[] = {
      {"a = s8[8,64] parameter(0)\n b = u8[64,16] parameter(1)\n"
       " ROOT d = s32[8,16] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0}",
       NULL},
      {"a = bf16[<=8,64] parameter(0)\n b = bf16[64,16] parameter(1)\n"
       " ROOT d = f32[<=8,16] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0}",
       NULL},
      {CONV("size=3x3", "b01f_01io->b01f"), NULL},
      {DOT "lhs_contracting_dims={1}, rhs_contracting_dims={0}", "dot: contracting sizes 128 and 64 differ"},
      {DOT "lhs_contracting_dims={1}, rhs_contracting_dims={}",
       "dot: 1 contracting dimensions of one side and 0 of the other"},
      {DOT "lhs_contracting_dims={2}, rhs_contracting_dims={0}",
       "dot: lhs dimension 2 is out of range for 2 dimensions"},
      {DOT "lhs_batch_dims={1}, lhs_contracting_dims={1}, rhs_contracting_dims={0}, rhs_batch_dims={1}",
       "dot: lhs dimension names dimension 1 twice"},
      {"a = f32[8,64] parameter(0)\n b = s32[64,16] parameter(1)\n"
       " ROOT d = f32[8,16] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0}",
       "dot: operand types f32 and s32 do not multiply"},
      {"a = s32[8,64] parameter(0)\n ROOT d = s8[8,8] dot(a, a), lhs_contracting_dims={1}, "
       "rhs_contracting_dims={1}",
       "dot: products of s32 and s32 do not fit a result of s8"},
      {CONV("size=3x2", "b01f_01io->b01f"),
       "convolution: the window is 2 in spatial dimension 1, and the kernel 3"},
      {CONV("size=3x3 stride=0x1", "b01f_01io->b01f"),
       "convolution: window stride in dimension 0 is 0 and must be positive"},
      {CONV("size=3x3 pad=9223372036854775807_1x0_0", "b01f_01io->b01f"),
       "convolution: the window in dimension 0 of size 8 reaches over 64 bits"},
      {CONV("size=3x3 rhs_dilate=9223372036854775807x1", "b01f_01io->b01f"),
       "convolution: the window in dimension 0 of size 8 reaches over 64 bits"},
      {CONV("size=3x3", "b01f_01oi->b01f"),
       "convolution: the kernel takes 6 input features, and the input has 4 in 1 group"},
      {CONV("size=3x3", "b01f_01io->b01f, feature_group_count=3"),
       "convolution: feature_group_count 3 does not divide 4 input and 6 output features"},
      {CONV("size=3x3 stride=2x2", "b01f_01io->b01f"),
       "convolution: declared f32[1,6,6,6], but the result is f32[1,3,3,6]"},
  };
  RUN(cases);
}

Test(infer, reductions) {
  static const rule_case cases[] = {
      {"p = bf16[4,5] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[4] reduce(p, z), dimensions={1}, "
       "to_apply=add",
       NULL},
      {"p = f32[4] parameter(0)\n q = s32[4] parameter(1)\n y = f32[] constant(0)\n z = s32[] constant(0)\n"
       " ROOT r = (f32[], s32[]) reduce(p, q, y, z), dimensions={0}, to_apply=both",
       NULL},
      {"p = f32[5,3] parameter(0)\n c = f32[3] parameter(1)\n"
       " ROOT r = (f32[5,3], f32[3]) scan(p, c), dimensions={0}, num_carries=1, to_apply=step",
       NULL},
      {"p = f32[4,5] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[4] reduce(p, z), dimensions={2}, "
       "to_apply=add",
       "reduce: dimensions 2 is out of range for 2 dimensions"},
      {"p = f32[4,5] parameter(0)\n z = f32[1] parameter(1)\n ROOT r = f32[4] reduce(p, z), dimensions={1}, "
       "to_apply=add",
       "reduce: operand 1 must be a scalar and is f32[1]"},
      {"p = f32[4,5] parameter(0)\n z = s32[] constant(0)\n ROOT r = f32[4] reduce(p, z), dimensions={1}, "
       "to_apply=add",
       "reduce: the initial value is s32, and 'add' takes f32"},
      {"p = f32[4,5] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[4] reduce(p, z), dimensions={1}, "
       "to_apply=both",
       "reduce: computation 'both' must have 2 parameters and has 4"},
      {"p = f32[4,5] parameter(0)\n z = f32[] constant(0)\n ROOT r = f32[4] reduce(p, z), dimensions={1}, "
       "to_apply=less",
       "reduce: 'less' takes f32 as parameter 0 and gives pred[] for it"},
      {"p = f32[4] parameter(0)\n z = f32[] constant(0)\n"
       " ROOT r = f32[3] reduce-window(p, z), window={size=2x2}, to_apply=add",
       "reduce-window: the window has 2 dimensions, and the operand has 1"},
      {"p = f32[4] parameter(0)\n z = f32[] constant(0)\n"
       " ROOT r = f32[3] reduce-window(p, z), window={size=2 pad=-9_0}, to_apply=add",
       "reduce-window: padding -9 and 0 leaves less than nothing of dimension 0, 4"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] sort(p), dimensions={0}, to_apply=add",
       "sort: 'add' must give pred[] and gives f32[]"},
      {"p = s32[4] parameter(0)\n ROOT r = s32[4] sort(p), dimensions={0}, to_apply=less",
       "sort: parameter 0 of 'less' must be s32[] and is f32[]"},
      {"p = bf16[4,5] parameter(0)\n s = f32[5] parameter(1)\n z = u8[5] parameter(2)\n"
       " ROOT r = u8[4,5] quantize(p, s, z), dimension=1",
       NULL},
      {"p = s4[<=4] parameter(0)\n s = f32[] parameter(1)\n ROOT r = f16[<=4] dequantize(p, s)", NULL},
      {"p = f64[4] parameter(0)\n s = f32[] parameter(1)\n ROOT r = s8[4] quantize(p, s)",
       "quantize: operand 0 must be f32, f16 or bf16 and is f64"},
      {"p = f32[4] parameter(0)\n s = f32[] parameter(1)\n ROOT r = s64[4] quantize(p, s)",
       "quantize: the result must be integers of at most 32 bits and is s64"},
      {"p = u64[4] parameter(0)\n s = f32[] parameter(1)\n ROOT r = f32[4] dequantize(p, s)",
       "dequantize: operand 0 must be integers of at most 32 bits and is u64"},
      {"p = s8[4] parameter(0)\n s = f32[] parameter(1)\n ROOT r = f64[4] dequantize(p, s)",
       "dequantize: the result must be f32, f16 or bf16 and is f64"},
      {"p = f32[4] parameter(0)\n s = f16[] parameter(1)\n ROOT r = s8[4] quantize(p, s)",
       "quantize: the scale is f16, f32 expected"},
      {"p = f32[4] parameter(0)\n s = f32[4] parameter(1)\n ROOT r = s8[4] quantize(p, s)",
       "quantize: without a dimension the scale is a scalar, not f32[4]"},
      {"p = f32[4] parameter(0)\n s = f32[] parameter(1)\n z = u8[] parameter(2)\n"
       " ROOT r = s8[4] quantize(p, s, z)",
       "quantize: the zero point is u8, s8 expected"},
      {"p = f32[4,5] parameter(0)\n s = f32[4] parameter(1)\n ROOT r = s8[4,5] quantize(p, s), dimension=1",
       "quantize: dimension 1 has 5 indices, each with a scale of its own, which are f32[4]"},
      {"p = f32[4] parameter(0)\n ROOT r = (f32[5], s32[5]) topk(p), k=5",
       "topk: k = 5 is out of range for a last dimension of 4"},
      {"p = f32[5,3] parameter(0)\n c = f32[3] parameter(1)\n"
       " ROOT r = (f32[5,3], f32[3]) scan(p, c), dimensions={0}, num_carries=2, to_apply=step",
       "scan: num_carries = 2 leaves no input of 2 operands"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] map(p, p), dimensions={1}, to_apply=add",
       "map: dimensions must be all 1 in order, and number 0 is 1"},
  };
  RUN(cases);
}

Test(infer, control) {
  static const rule_case cases[] = {
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] while(p), condition=more, body=negate", NULL},
      {"p = f32[4] parameter(0)\n i = s32[] parameter(1)\n"
       " ROOT r = f32[4] conditional(i, p), branch_computations={negate}",
       NULL},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] while(p), condition=negate, body=negate",
       "while: condition 'negate' must give pred[] and gives f32[4]"},
      {"p = f32[5] parameter(0)\n ROOT r = f32[5] while(p), condition=more, body=negate",
       "while: operand 0 is f32[5], and parameter 0 of 'more' is f32[4]"},
      {"p = f32[4] parameter(0)\n i = f32[] parameter(1)\n"
       " ROOT r = f32[4] conditional(i, p), branch_computations={negate}",
       "conditional: the branch must be chosen by pred or s32 and is by f32"},
      {"p = f32[4] parameter(0)\n i = s32[] parameter(1)\n"
       " ROOT r = f32[4] conditional(i, p, p), branch_computations={negate}",
       "conditional: 1 branches are called with 2 arguments"},
      {"p = f32[4] parameter(0)\n i = pred[] parameter(1)\n"
       " ROOT r = f32[4] conditional(i, p, p), true_computation=negate, false_computation=more",
       "conditional: 'more' must give f32[4] and gives pred[]"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] call(p, p), to_apply=negate",
       "call: computation 'negate' must have 2 parameters and has 1"},
      {"p = f32[5] parameter(0)\n ROOT r = f32[4] fusion(p), kind=kLoop, calls=negate",
       "fusion: operand 0 is f32[5], and parameter 0 of 'negate' is f32[4]"},
      {"p = (f32[4], f32[5]) parameter(0)\n ROOT r = f32[4] get-tuple-element(p), index=2",
       "get-tuple-element: index 2 is out of range for 2 elements"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] get-tuple-element(p), index=0",
       "get-tuple-element: the operand must be a tuple and is f32[4]"},
      {"ROOT r = f32[4] iota(), iota_dimension=1", "iota: iota_dimension 1 is out of range for 1 dimension"},
      {"p = f32[4] parameter(0)\n ROOT r = f32[4] negate(p, p)", "negate: 1 operand needed, 2 given"},
  };
  RUN(cases);
}

Test(infer, custom_calls) {
  static const rule_case cases[] = {
      {"p = f32[2,8] parameter(0)\n ROOT r = (f32[2,3], s32[2,3]) custom-call(p), "
       "custom_call_target=\"TopK\"",
       NULL},
      {"p = f32[2,8] parameter(0)\n ROOT r = f32[3] custom-call(p), custom_call_target=\"anything\"", NULL},
      {"p = f32[2,8] parameter(0)\n ROOT r = (f32[2,9], s32[2,9]) custom-call(p), "
       "custom_call_target=\"TopK\"",
       "custom-call: \"TopK\" of f32[2,8] does not give (f32[2,9], s32[2,9])"},
      {"p = f32[2] parameter(0)\n"
       " ROOT r = f32[2] custom-call(p), custom_call_target=\"t\", output_to_operand_aliasing={{}: (1, {})}",
       "custom-call: alias 0 names operand 1 of 1"},
      {"p = f32[2] parameter(0)\n"
       " ROOT r = f32[2] custom-call(p), custom_call_target=\"t\", operand_layout_constraints={f32[3]{0}}",
       "custom-call: operand_layout_constraints says f32[3] for operand 0, which is f32[2]"},
  };
  RUN(cases);
}

Test(infer, linear_algebra) {
  static const rule_case cases[] = {
      {"p = f32[2,8] parameter(0)\n ROOT r = c64[2,5] fft(p), fft_type=RFFT, fft_length={8}", NULL},
      {"p = c64[2,5] parameter(0)\n ROOT r = f32[2,9] fft(p), fft_type=IRFFT, fft_length={9}", NULL},
      {"p = f32[2,8] parameter(0)\n ROOT r = f32[2,8] fft(p), fft_type=FFT, fft_length={8}",
       "fft: FFT does not transform f32"},
      {"p = c64[2,8] parameter(0)\n ROOT r = c64[2,8] fft(p), fft_type=FFT, fft_length={4}",
       "fft: fft_length 4 needs a dimension 1 of 4, which is 8"},
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[2,3] cholesky(p), lower=true",
       "cholesky: matrices must be square and are 2 x 3"},
      {"a = f32[3,3] parameter(0)\n b = f32[2,3] parameter(1)\n"
       " ROOT r = f32[2,3] triangular-solve(a, b), left_side=true, lower=true",
       "triangular-solve: a matrix of 3 does not solve for 2 unknowns"},
      {"x = f32[2,3] parameter(0)\n s = f32[2] parameter(1)\n"
       " ROOT r = (f32[2,3], f32[3], f32[3]) batch-norm-training(x, s, s), epsilon=0.1, feature_index=1",
       "batch-norm-training: operand 1 must have 1 dimension of 3 features and is f32[2]"},
      {"k = u64[4] parameter(0)\n ROOT r = (u64[4], u32[2]) rng-bit-generator(k), algorithm=rng_philox",
       "rng-bit-generator: the state must be u64[2] or u64[3] and is u64[4]"},
  };
  RUN(cases);
}

Test(infer, collectives) {
  static const rule_case cases[] = {
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[4,3] all-gather(p), replica_groups={{0,1}}, dimensions={0}",
       NULL},
      {"p = f32[4,3] parameter(0)\n"
       " ROOT r = f32[2,3] reduce-scatter(p), replica_groups={{0,1}}, dimensions={0}, to_apply=add",
       NULL},
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[6,3] all-gather(p), replica_groups={{0,1}}, dimensions={0}",
       "all-gather: declared f32[6,3], but the result is f32[4,3]"},
      {"p = f32[2,3] parameter(0)\n ROOT r = f32[2,3] all-reduce(p), replica_groups={{0,0}}, to_apply=add",
       "all-reduce: replica 0 stands twice"},
      {"p = f32[3,3] parameter(0)\n"
       " ROOT r = f32[3,3] reduce-scatter(p), replica_groups={{0,1}}, dimensions={0}, to_apply=add",
       "reduce-scatter: dimension 0 of size 3 does not scatter to 2 participants"},
      {"p = f32[3] parameter(0)\n ROOT r = f32[3] collective-permute(p), source_target_pairs={{0,0},{0,0}}",
       "collective-permute: source 0 stands twice"},
      {"p = f32[3] parameter(0)\n ROOT r = f32[3] collective-permute(p), source_target_pairs={{0,1}}",
       "collective-permute: pair {0,1} is not of 1 participant"},
      {"p = f32[3] parameter(0)\n ROOT r = token[] outfeed(p, p)",
       "outfeed: operand 1 must be a token and is f32[3]"},
  };
  RUN(cases);
}
