/* Reductions, products, convolutions, windows.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "harness.h"

#include <stdio.h>

#define ADD "add_f { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] add(a, b) }\n"
#define MAX "max_f { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] maximum(a, b) }\n"

Test(cpu_reduce, rows_and_columns) {
  check_equal("HloModule m\n" ADD "ENTRY e { x = f32[7,150] parameter(0) z = f32[] constant(0)\n"
              "r = f32[7] reduce(x, z), dimensions={1}, to_apply=add_f\n"
              "c = f32[150] reduce(x, z), dimensions={0}, to_apply=add_f\n"
              "a = f32[] reduce(x, z), dimensions={0,1}, to_apply=add_f\n"
              "ROOT t = (f32[7], f32[150], f32[]) tuple(r, c, a) }",
              10);
}

Test(cpu_reduce, joins) {
  static const char *const ops[] = {"add", "multiply", "minimum", "maximum", "and", "or", "xor"};
  static const char *const types[] = {"f32", "s32", "pred", "u8", "f16", "bf16", "f64", "s64"};
  for (int t = 0; t < 8; t++)
    for (int i = 0; i < 7; i++) {
      char text[1024];
      bool real = t == 0 || t >= 4, logical = i >= 4;
      if ((t == 2) != logical && t != 1 && t != 3) continue;
      if (real && logical && t != 7) continue;
      snprintf(text, sizeof text,
               "HloModule m\nf { a = %s[] parameter(0) b = %s[] parameter(1) ROOT c = %s[] %s(a, b) }\n"
               "ENTRY e { x = %s[3,75] parameter(0) z = %s[] parameter(1) ROOT r = %s[3] reduce(x, z), "
               "dimensions={1}, to_apply=f }",
               types[t], types[t], types[t], ops[i], types[t], types[t], types[t]);
      check_equal(text, 3);
    }
}

Test(cpu_reduce, arg_max) {
  check_equal("HloModule m\nf { av = f32[] parameter(0) ai = s32[] parameter(1) bv = f32[] parameter(2) bi = "
              "s32[] parameter(3)\n"
              "g = pred[] compare(av, bv), direction=GE v = f32[] select(g, av, bv) i = s32[] select(g, ai, "
              "bi) ROOT t = (f32[], s32[]) tuple(v, i) }\n"
              "ENTRY e { x = f32[5,40] parameter(0) i = s32[5,40] iota(), iota_dimension=1 z = f32[] "
              "constant(-inf) n = s32[] constant(0)\n"
              "ROOT r = (f32[5], s32[5]) reduce(x, i, z, n), dimensions={1}, to_apply=f }",
              5);
}

Test(cpu_reduce, dot) {
  check_equal("HloModule m\nENTRY e { x = f32[13,29] parameter(0) w = f32[29,70] parameter(1)\n"
              "ROOT d = f32[13,70] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} }",
              10);
}

Test(cpu_reduce, dots_of_other_types) {
  static const char *const types[] = {"f64", "f16", "bf16", "s32", "s8", "u8"};
  for (int t = 0; t < 6; t++) {
    char text[512];
    snprintf(text, sizeof text,
             "HloModule m\nENTRY e { x = %s[5,29] parameter(0) w = %s[29,40] parameter(1)\n"
             "ROOT d = %s[5,40] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} }",
             types[t], types[t], types[t]);
    check_equal(text, 3);
  }
}

Test(cpu_reduce, dot_of_constants) {
  char text[40000];
  int used = snprintf(text, sizeof text,
                      "HloModule m\nENTRY e { x = f32[9,20] parameter(0)\nw = f32[20,150] constant({");
  for (int k = 0; k < 20; k++) {
    used += snprintf(text + used, sizeof text - (size_t)used, "%s{", k ? "," : "");
    for (int n = 0; n < 150; n++)
      used += snprintf(text + used, sizeof text - (size_t)used, "%s%d.5", n ? "," : "",
                       (k * 31 + n * 17) % 23 - 11);
    used += snprintf(text + used, sizeof text - (size_t)used, "}");
  }
  snprintf(text + used, sizeof text - (size_t)used,
           "})\nROOT d = f32[9,150] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} }");
  check_equal(text, 3);
}

Test(cpu_reduce, batched_transposed_dot) {
  check_equal("HloModule m\nENTRY e { x = f32[3,11,19] parameter(0) w = f32[3,23,19] parameter(1)\n"
              "ROOT d = f32[3,11,23] dot(x, w), lhs_batch_dims={0}, rhs_batch_dims={0}, "
              "lhs_contracting_dims={2}, rhs_contracting_dims={2} }",
              6);
}

Test(cpu_reduce, convolution) {
  check_equal("HloModule m\nENTRY e { x = f32[2,9,10,5] parameter(0) w = f32[3,3,5,20] parameter(1)\n"
              "ROOT c = f32[2,9,10,20] convolution(x, w), window={size=3x3 pad=1_1x1_1}, "
              "dim_labels=b01f_01io->b01f }",
              8);
}

Test(cpu_reduce, strided_dilated_convolution) {
  check_equal("HloModule m\nENTRY e { x = f32[1,12,13,4] parameter(0) w = f32[3,2,4,7] parameter(1)\n"
              "ROOT c = f32[1,6,12,7] convolution(x, w), window={size=3x2 stride=2x1 pad=1_2x0_1 "
              "rhs_dilate=2x2}, dim_labels=b01f_01io->b01f }",
              8);
}

Test(cpu_reduce, depthwise_convolution) {
  check_equal("HloModule m\nENTRY e { x = f32[1,9,9,24] parameter(0) w = f32[3,3,1,24] parameter(1)\n"
              "ROOT c = f32[1,9,9,24] convolution(x, w), window={size=3x3 pad=1_1x1_1}, "
              "dim_labels=b01f_01io->b01f, feature_group_count=24 }",
              6);
}

Test(cpu_reduce, window) {
  check_equal("HloModule m\n" MAX "ENTRY e { x = f32[1,11,12,7] parameter(0) z = f32[] constant(-inf)\n"
              "ROOT c = f32[1,6,6,7] reduce-window(x, z), window={size=1x3x3x1 stride=1x2x2x1 "
              "pad=0_0x1_1x1_0x0_0}, to_apply=max_f }",
              6);
}

Test(cpu_reduce, softmax) {
  check_equal(
      "HloModule m\n" ADD MAX
      "ENTRY e { x = f32[9,70] parameter(0) n = f32[] constant(-inf) z = f32[] constant(0)\n"
      "m = f32[9] reduce(x, n), dimensions={1}, to_apply=max_f\nb = f32[9,70] broadcast(m), dimensions={0}\n"
      "s = f32[9,70] subtract(x, b) x2 = f32[9,70] exponential(s) t = f32[9] reduce(x2, z), dimensions={1}, "
      "to_apply=add_f\n"
      "u = f32[9,70] broadcast(t), dimensions={0} ROOT y = f32[9,70] divide(x2, u) }",
      6);
}
