/* The text of constants, and what an endless or lying one costs.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "support.h"

static tn_module *kept[32];
static int n_kept;

static void drop_kept(void) {
  while (n_kept) tn_module_destroy(kept[--n_kept]);
}

/* A constant's literal; the module is kept until the test ends. */
static const tn_literal *constant(const char *text) {
  tn_text source = {0};
  tn_text_printf(&source, "ROOT c = %s", text);
  tn_module *module = module_of(source.bytes);
  expect_fixed_point(module);
  tn_text_free(&source);
  kept[n_kept++] = module;
  return module->entry->root->attr.constant.literal;
}

TestSuite(literals, .fini = drop_kept);

Test(literals, values) {
  const float *f = constant("f32[2,3] constant({ {1, -2.5, 1e-3}, /*row*/\n { inf, -inf, .5 } })")->data;
  cr_assert(f[0] == 1 && f[1] == -2.5f && f[2] == 1e-3f && f[3] == INFINITY && f[4] == -INFINITY &&
            f[5] == .5f);
  const int32_t *i = constant("s32[2,0,3] constant({ {}, {} })")->data;
  (void)i;
  const int8_t *s4 = constant("s4[3] constant({-8, 7, 0})")->data;
  cr_assert(s4[0] == -8 && s4[1] == 7);
  const uint64_t *u = constant("u64[2] constant({18446744073709551615, 0018})")->data;
  cr_assert(u[0] == UINT64_MAX && u[1] == 18);
  const int64_t *s = constant("s64[] constant(-9223372036854775808)")->data;
  cr_assert(*s == INT64_MIN);
  const uint8_t *p = constant("pred[4] constant({true, false, 1, 0})")->data;
  cr_assert(p[0] == 1 && p[1] == 0 && p[2] == 1 && p[3] == 0);
  const float *c = constant("c64[3] constant({(1, -2), ( nan ,inf), 4})")->data;
  cr_assert(c[0] == 1 && c[1] == -2 && isnan(c[2]) && c[3] == INFINITY && c[4] == 4 && c[5] == 0);
  const uint32_t *nans = constant("f32[3] constant({nan, -nan, nan(0x12)})")->data;
  cr_assert(nans[0] == 0x7fc00000 && nans[1] == 0xffc00000 && nans[2] == 0x7f800012);
  const double *d = constant("f64[2] constant({0.1, 123456789012345678901234567890})")->data;
  cr_assert(d[0] == 0.1 && d[1] == 123456789012345678901234567890.0);
  const uint16_t *h = constant("f16[2] constant({65504, 6e-08})")->data;
  cr_assert(h[0] == 0x7bff && h[1] == 1);
  const tn_literal *t = constant("(f32[2], (s32[], pred[])) constant(( {1, 2}, ( 3, true ) ))");
  cr_assert_eq(*(const int32_t *)t->elements[1]->elements[0]->data, 3);
}

Test(literals, layout_does_not_order_elements) {
  const int32_t *v = constant("s32[2,2]{0,1} constant({{1,2},{3,4}})")->data;
  cr_assert(v[0] == 1 && v[1] == 2 && v[2] == 3 && v[3] == 4);
}

Test(literals, elided) {
  const char *text = "ROOT c = f32[3] constant({...})";
  tn_hlo_options options = {.file = "t", .elided = TN_ELIDED_ZERO};
  parsed result;
  parse_string(&result, text);
  cr_assert(!result.module && strstr(result.messages.bytes, "'c'"), "%s", result.messages.bytes);
  drop(&result);
  parse_text(&result, (tn_str){text, strlen(text)}, &options);
  cr_assert_eq(((const float *)result.module->entry->root->attr.constant.literal->data)[2], 0);
  drop(&result);
  options.elided = TN_ELIDED_RANDOM;
  options.elided_seed = 7;
  parsed again;
  parse_text(&result, (tn_str){text, strlen(text)}, &options);
  parse_text(&again, (tn_str){text, strlen(text)}, &options);
  const tn_literal *a = result.module->entry->root->attr.constant.literal;
  cr_assert(tn_literal_equal(a, again.module->entry->root->attr.constant.literal));
  cr_assert_neq(*(const float *)a->data, 0);
  drop(&result);
  drop(&again);
}

/* ---- hostile texts ---- */

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A text of about 1 MB: `head`, then `unit` again and again, then `tail`. It must be
 * answered, either way, within a second and 256 MiB (ten times that when sanitized). */
static void expect_cheap(const char *head, const char *unit, const char *tail) {
  struct rusage before, after;
  bool slow = getenv("TENON_SANITIZED") && *getenv("TENON_SANITIZED");
  tn_text text = {0};
  tn_text_put(&text, head);
  while (text.length < 1000000) tn_text_put(&text, unit);
  tn_text_put(&text, tail);
  getrusage(RUSAGE_SELF, &before);
  double start = seconds();
  parsed result;
  parse_text(&result, (tn_str){text.bytes, text.length}, NULL);
  double took = seconds() - start;
  getrusage(RUSAGE_SELF, &after);
  cr_expect(took < (slow ? 10 : 1), "%s%s…: %.2f s", head, unit, took);
  cr_expect(after.ru_maxrss - before.ru_maxrss < (slow ? 2560 : 256) * 1024, "%s%s…: %ld KiB", head, unit,
            after.ru_maxrss - before.ru_maxrss);
  drop(&result);
  tn_text_free(&text);
}

Test(limits, hostile_texts) {
  expect_cheap("ROOT x = ", "(", "f32[]");
  expect_cheap("ROOT x = f32[] parameter(0), sharding=", "{", "");
  expect_cheap("ROOT x = f32[] parameter(0), backend_config=", "{", "");
  expect_cheap("ROOT x = f32[] parameter(0), origin=", "{", "");
  expect_cheap("ROOT x = f32[] ", "add(", "");
  expect_cheap("ROOT x = f32[2] constant(", "{", "})");
  expect_cheap("ROOT x = f32[", "1,", "1] parameter(0)");
  expect_cheap("ROOT x = f32[2]{", "1,", "0} parameter(0)");
  expect_cheap("ROOT x = f32[1000000000000] constant({", "1,", "1})");
  expect_cheap("ROOT x = f64[1000000] constant({", "1,", "1})");
  expect_cheap("ROOT x = f32[4] reverse(f32[4] y), dimensions={", "0,", "0}");
  expect_cheap("ROOT x = f32[] tuple(", "f32[] y,", "f32[] y)");
  expect_cheap("ROOT x = f32[] parameter(0)", ", metadata={}", "");
  expect_cheap("HloModule m", ", a=b", "");
  expect_cheap("HloModule m\nENTRY e {\n x = f32[] parameter(0)\n", "y = f32[] nosuch(x)\n", "}");
  expect_cheap("HloModule m\nENTRY e {\n x = f32[] parameter(0)\n", "y = f32[] negate(x)\n", "}");
  expect_cheap("HloModule m\nENTRY e {\n", "x = f32[] parameter(2000000000)\n", "}");
  expect_cheap("HloModule m\n", "f { x = f32[] parameter(0) }\n", "");
  expect_cheap("HloModule m, replica_count=65536\nENTRY e {\n x = f32[1] parameter(0)\n",
               "all-gather(x), dimensions={0}, replica_groups=[65536,1]<=[65536]\n", "}");
  expect_cheap("HloModule m, replica_count=65536\nENTRY e {\n ROOT x = (f32[1]) tuple(f32[1] iota())\n",
               "ROOT x = f32[65536] all-gather(x), dimensions={0}, replica_groups=mesh['a'=65536] {'a'} \n",
               "}");
  expect_cheap("HloModule m\n", "{\n", "");
  expect_cheap("HloModule m\n", "\"", "");
  expect_cheap("", "/*", "");
  expect_cheap("", "a\n", "");
  expect_cheap("HloModule m\nENTRY e { x = f32[] parameter(0)\n y = f32[] map(x), ",
               "to_apply={ y = f32[] map(x), ", "");
}

/* Many different lists of replica groups, each short and each of many devices. */
Test(limits, replica_groups) {
  tn_text text = {0};
  tn_text_put(&text, "HloModule m, replica_count=65536\nENTRY e {\n x0 = f32[1] parameter(0)\n");
  for (int i = 1; text.length < 1000000; i++)
    tn_text_printf(&text, "x%d = f32[1] all-gather(x%d), dimensions={0}, replica_groups=[%d,%d]<=[65536]\n",
                   i, i - 1, 65536 >> i % 16, 1 << i % 16);
  tn_text_put(&text, "}\n");
  expect_cheap(text.bytes, " ", "");
  parsed result;
  parse_string(&result, text.bytes);
  cr_expect(result.sink.status == TN_LIMIT);
  drop(&result);
  tn_text_free(&text);
}

/* Ten thousand computations, each calling the one behind it. */
Test(limits, long_chains_of_calls) {
  tn_text text = {0};
  double start = seconds();
  for (int i = 0; i < 10000; i++)
    tn_text_printf(&text, "f%d { x = f32[] parameter(0)\n y = f32[] call(x), to_apply=f%d }\n", i, i + 1);
  tn_text_put(&text, "f10000 { x = f32[] parameter(0) }\n");
  parsed result;
  parse_string(&result, text.bytes);
  cr_expect(seconds() - start < 10);
  drop(&result);
  tn_text_free(&text);
}

Test(limits, named_limits) {
  tn_hlo_options options = {.file = "t", .max_tensor_bytes = 100};
  const char *text = "ROOT x = f32[26] parameter(0)";
  parsed result;
  parse_text(&result, (tn_str){text, strlen(text)}, &options);
  cr_assert(result.sink.status == TN_LIMIT &&
            strstr(result.messages.bytes, "104 bytes is above the limit of 100"));
  drop(&result);
  options = (tn_hlo_options){.file = "t", .max_nesting = 3};
  text = "ROOT x = ((((f32[])))) parameter(0)";
  parse_text(&result, (tn_str){text, strlen(text)}, &options);
  cr_assert_eq(result.sink.status, TN_LIMIT);
  drop(&result);
  options = (tn_hlo_options){.file = "t", .max_instructions = 1};
  text = "ENTRY e { x = f32[] parameter(0)\n y = f32[] negate(x) }";
  parse_text(&result, (tn_str){text, strlen(text)}, &options);
  cr_assert_eq(result.sink.status, TN_LIMIT);
  drop(&result);
}

/* A text cut anywhere is refused or right, never a crash. */
Test(limits, every_prefix) {
  const char *text =
      "HloModule m, input_output_alias={ {0}: (0, {}, may-alias) }\n\n"
      "add { a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT s = f32[] add(a, b) }\n"
      "ENTRY %e (x: f32[2,<=3]{1,0:T(8)}) -> (f32[2]) {\n"
      "  %x = f32[2,<=3]{1,0:T(8)} parameter(0), sharding={devices=[2,1]<=[2]}, metadata={op_name=\"x\"}\n"
      "  z = c64[2] constant({(1,2), /* c */ (nan, -inf)})\n"
      "  ROOT r = (f32[2]) reduce-window(x, z), window={size=1x2 pad=0_1x0_0}, to_apply=add\n}\n";
  size_t length = strlen(text);
  for (size_t i = 0; i <= length; i++) {
    char *exact = malloc(i ? i : 1); /* so that reading on is seen by the sanitizer */
    memcpy(exact, text, i);
    parsed result;
    parse_text(&result, (tn_str){exact, i}, NULL);
    drop(&result);
    free(exact);
  }
}
