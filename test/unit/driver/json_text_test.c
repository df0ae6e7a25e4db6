/* JSON for pages: what escapes, what is no text, and the driver's timing and report calls where
 * they are used wrongly.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "driver/graph_view.h"
#include "driver/json_text.h"
#include "tenon/tenon.h"

static void expect_string(const char *text, size_t length, const char *wanted) {
  tn_text out = {0};
  tn_json json = {.out = &out};
  tn_json_string_n(&json, NULL, text, length);
  cr_expect_str_eq(out.bytes, wanted);
  tn_text_free(&out);
}

Test(json_text, escapes_what_ends_an_element) {
  expect_string("</script>&'\"\\", 13, "\"\\u003c/script\\u003e\\u0026\\u0027\\u0022\\u005c\"");
  expect_string("a\0b\n\x7f", 5, "\"a\\u0000b\\u000a\\u007f\"");
  expect_string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

Test(json_text, bytes_that_are_no_text) {
  expect_string("\xff", 1, "\"\\ufffd\"");
  expect_string("\xe2\x82", 2, "\"\\ufffd\\ufffd\"");                       /* cut short */
  expect_string("\xc0\xaf", 2, "\"\\ufffd\\ufffd\"");                       /* overlong */
  expect_string("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");            /* a surrogate */
  expect_string("\xf4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); /* beyond U+10FFFF */
  expect_string("\xf8\x88\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

Test(json_text, lists_and_objects) {
  tn_text out = {0};
  tn_json json = {.out = &out};
  tn_json_open(&json, NULL, '{');
  tn_json_open(&json, "empty", '[');
  tn_json_close(&json, ']');
  tn_json_open(&json, "list", '[');
  tn_json_int(&json, NULL, -3);
  tn_json_number(&json, NULL, 0.5);
  tn_json_number(&json, NULL, INFINITY);
  tn_json_bool(&json, NULL, true);
  tn_json_string(&json, NULL, NULL);
  tn_json_close(&json, ']');
  tn_json_close(&json, '}');
  cr_expect_str_eq(out.bytes, "{\"empty\":[],\"list\":[-3,0.5,null,true,null]}");
  tn_text_free(&out);
}

Test(json_text, lines_are_kept_once) {
  tn_arena *arena = tn_arena_create();
  tn_lines lines = {.arena = arena};
  char text[16];
  for (int i = 0; i < 5000; i++) {
    int length = snprintf(text, sizeof text, "%d", i % 2500);
    cr_assert_eq(tn_lines_number(&lines, (tn_str){text, (size_t)length}), i % 2500);
  }
  cr_expect_eq(lines.lines.count, 2500);
  tn_arena_destroy(arena);
}

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  snprintf(user, 200, "%s", diagnostic->message);
}

Test(report, a_module_that_does_not_compile_leaves_no_page) {
  static const char text[] =
      "HloModule m\nENTRY e {\n  x = f32[4] parameter(0)\n  ROOT y = f32[4] tanh(x)\n}\n";
  char message[200] = "";
  tn_context *context = tn_context_create(keep_message, message);
  tn_model *model = NULL;
  cr_assert_eq(tn_model_parse(context, "m.hlo", text, sizeof text - 1, NULL, &model), TN_OK);
  tn_compile_options options = {.target = "no-such", .passes.level = 2};
  cr_expect_eq(tn_report_file(model, &options, NULL, "/no/folder/r.html", NULL), TN_USAGE);
  options.target = NULL;
  cr_expect_eq(tn_report_file(model, &options, NULL, "/no/folder/r.html", NULL), TN_IO);
  cr_expect(strstr(message, "cannot write"), "%s", message);
  tn_model_destroy(model);
  tn_context_destroy(context);
}

Test(report, programs_are_timed) {
  static const char text[] =
      "HloModule m\nENTRY e {\n  x = f32[4] parameter(0)\n  ROOT y = f32[4] tanh(x)\n}\n";
  tn_context *context = tn_context_create(NULL, NULL);
  tn_model *model = NULL;
  tn_program *program = NULL;
  tn_timing timing;
  cr_assert_eq(tn_model_parse(context, "m.hlo", text, sizeof text - 1, NULL, &model), TN_OK);
  cr_assert_eq(tn_compile_program(model, NULL, &program, NULL), TN_OK);
  cr_expect_eq(tn_program_time(program, NULL, 2, 7, &timing), TN_OK);
  cr_expect_eq(timing.runs, 7);
  cr_expect(timing.least_ms <= timing.median_ms);
  tn_program_destroy(program);
  tn_model_destroy(model);
  tn_context_destroy(context);
}
