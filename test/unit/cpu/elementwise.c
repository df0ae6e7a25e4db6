/* Elementwise kernels: vectors, tails, broadcasts, movement, every type.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "harness.h"

#include <stdio.h>

Test(cpu_elementwise, adds) {
  check_equal(
      "HloModule m\nENTRY e { x = f32[37] parameter(0) y = f32[37] parameter(1) ROOT z = f32[37] add(x, y) }",
      3);
}

Test(cpu_elementwise, broadcasts_rows_and_columns) {
  check_equal(
      "HloModule m\nENTRY e { x = f32[5,37] parameter(0) r = f32[5] parameter(1) c = f32[37] parameter(2)\n"
      "a = f32[5,37] broadcast(r), dimensions={0}\nb = f32[5,37] broadcast(c), dimensions={1}\n"
      "m = f32[5,37] multiply(x, a)\nROOT z = f32[5,37] subtract(m, b) }",
      6);
}

Test(cpu_elementwise, scalars_and_empty_arrays) {
  check_equal("HloModule m\nENTRY e { x = f32[] parameter(0) y = f32[0,3] parameter(1)\n"
              "a = f32[] add(x, x) n = f32[0,3] negate(y) ROOT t = (f32[], f32[0,3]) tuple(a, n) }",
              0);
}

Test(cpu_elementwise, moves) {
  check_equal("HloModule m\nENTRY e { x = f32[6,35] parameter(0)\n"
              "t = f32[35,6] transpose(x), dimensions={1,0}\n"
              "s = f32[3,11] slice(x), slice={[1:6:2],[2:35:3]}\n"
              "r = f32[6,35] reverse(x), dimensions={1}\n"
              "c = f32[12,35] concatenate(x, x), dimensions={0} p = f32[10,14,3] reshape(c)\n"
              "ROOT o = (f32[35,6], f32[3,11], f32[6,35], f32[10,14,3]) tuple(t, s, r, p) }",
              0);
}

Test(cpu_elementwise, pads_and_concatenates) {
  check_equal("HloModule m\nENTRY e { x = f32[5,19] parameter(0) z = f32[] constant(-1)\n"
              "p = f32[8,46] pad(x, z), padding=1_2x-1_10_1\n"
              "c = f32[10,19] concatenate(x, x), dimensions={0}\n"
              "d = f32[5,57] concatenate(x, x, x), dimensions={1}\n"
              "i = s32[5,19] iota(), iota_dimension=1\nj = f32[5,19] iota(), iota_dimension=0\n"
              "ROOT o = (f32[8,46], f32[10,19], f32[5,57], s32[5,19], f32[5,19]) tuple(p, c, d, i, j) }",
              6);
}

Test(cpu_elementwise, gathers) {
  check_equal(
      "HloModule m\nENTRY e { x = f32[11,37] parameter(0) i = s32[6] parameter(1)\n"
      "ROOT g = f32[6,37] gather(x, i), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, "
      "index_vector_dim=1, slice_sizes={1,37} }",
      4);
}

static void check_binary(const char *type, const char *op) {
  char text[512];
  snprintf(
      text, sizeof text,
      "HloModule m\nENTRY e { x = %s[45] parameter(0) y = %s[45] parameter(1) ROOT z = %s[45] %s(x, y) }",
      type, type, type, op);
  check_equal(text, 1);
}

static void check_unary(const char *type, const char *op) {
  char text[512];
  snprintf(text, sizeof text, "HloModule m\nENTRY e { x = %s[45] parameter(0) ROOT z = %s[45] %s(x) }", type,
           type, op);
  check_equal(text, 1);
}

static const char *const integers[] = {"s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", NULL};
static const char *const floats[] = {"f16", "bf16", "f32", "f64", NULL};

Test(cpu_elementwise, integer_binary) {
  static const char *const ops[] = {"add",
                                    "subtract",
                                    "multiply",
                                    "divide",
                                    "remainder",
                                    "maximum",
                                    "minimum",
                                    "and",
                                    "or",
                                    "xor",
                                    "shift-left",
                                    "shift-right-logical",
                                    "shift-right-arithmetic",
                                    "power",
                                    NULL};
  for (int t = 0; integers[t]; t++)
    for (int i = 0; ops[i]; i++) check_binary(integers[t], ops[i]);
}

Test(cpu_elementwise, integer_unary) {
  static const char *const ops[] = {"negate", "abs", "sign", "not", "popcnt", "count-leading-zeros", NULL};
  for (int t = 0; integers[t]; t++)
    for (int i = 0; ops[i]; i++) check_unary(integers[t], ops[i]);
}

Test(cpu_elementwise, float_binary) {
  static const char *const ops[] = {"add",     "subtract", "multiply",  "divide",
                                    "maximum", "minimum",  "remainder", NULL};
  for (int t = 0; floats[t]; t++)
    for (int i = 0; ops[i]; i++) check_binary(floats[t], ops[i]);
  check_binary("f32", "power");
  check_binary("f16", "power");
}

Test(cpu_elementwise, float_unary) {
  static const char *const ops[] = {
      "negate", "abs",   "sign", "floor", "ceil", "round-nearest-even", "round-nearest-afz",
      "sqrt",   "rsqrt", NULL};
  for (int t = 0; floats[t]; t++)
    for (int i = 0; ops[i]; i++) check_unary(floats[t], ops[i]);
}

Test(cpu_elementwise, transcendental) {
  static const char *const ops[] = {"exponential",           "log",          "tanh", "logistic", "erf",
                                    "exponential-minus-one", "log-plus-one", "sine", "cosine",   NULL};
  for (int i = 0; ops[i]; i++) check_unary("f32", ops[i]);
  check_unary("f16", "exponential");
  check_unary("bf16", "tanh");
}

Test(cpu_elementwise, converts) {
  static const char *const types[] = {"pred", "s8",  "s16", "s32",  "s64", "u8",  "u16",
                                      "u32",  "u64", "f16", "bf16", "f32", "f64", NULL};
  for (int a = 0; types[a]; a++) {
    char text[4096];
    int used = snprintf(text, sizeof text, "HloModule m\nENTRY e { x = %s[45] parameter(0)\n", types[a]);
    for (int b = 0; types[b]; b++) {
      if (b % 6 == 0 && b) {
        used += snprintf(text + used, sizeof text - (size_t)used, "ROOT t = (");
        for (int k = b - 6; k < b; k++)
          used +=
              snprintf(text + used, sizeof text - (size_t)used, "%s%s[45]", k > b - 6 ? ", " : "", types[k]);
        used += snprintf(text + used, sizeof text - (size_t)used, ") tuple(");
        for (int k = b - 6; k < b; k++)
          used += snprintf(text + used, sizeof text - (size_t)used, "%sc%d", k > b - 6 ? ", " : "", k);
        snprintf(text + used, sizeof text - (size_t)used, ") }");
        check_equal(text, 1);
        used = snprintf(text, sizeof text, "HloModule m\nENTRY e { x = %s[45] parameter(0)\n", types[a]);
      }
      used += snprintf(text + used, sizeof text - (size_t)used, "c%d = %s[45] convert(x)\n", b, types[b]);
    }
  }
}

Test(cpu_elementwise, selects_and_clamps) {
  check_equal(
      "HloModule m\nENTRY e { p = pred[45] parameter(0) x = f32[45] parameter(1) y = f32[45] parameter(2)\n"
      "a = f32[] constant(-0.5) b = f32[] constant(0.25) l = f32[45] broadcast(a), dimensions={} h = f32[45] "
      "broadcast(b), dimensions={}\n"
      "s = f32[45] select(p, x, y) c = f32[45] clamp(l, x, h) d = f32[45] clamp(y, x, h)\n"
      "q = pred[45] compare(x, y), direction=LT t = pred[45] compare(x, y), direction=GE, type=TOTALORDER\n"
      "f = pred[45] is-finite(x)\n"
      "ROOT o = (f32[45], f32[45], f32[45], pred[45], pred[45]) tuple(s, c, d, q, t) }",
      3);
}

Test(cpu_elementwise, reduces_precision) {
  check_equal("HloModule m\nENTRY e { x = f32[45] parameter(0) h = f16[45] parameter(1)\n"
              "a = f32[45] reduce-precision(x), exponent_bits=5, mantissa_bits=10 b = f32[45] "
              "reduce-precision(x), exponent_bits=4, mantissa_bits=3\n"
              "c = f16[45] reduce-precision(h), exponent_bits=4, mantissa_bits=5 \n"
              "ROOT o = (f32[45], f32[45], f16[45]) tuple(a, b, c) }",
              2);
}
