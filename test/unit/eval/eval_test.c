/* What the tests of the evaluator share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "eval_test.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "frontend/hlo/hlo.h"
#include "ir/print.h"

typedef struct {
  char message[512];
} heard;

static void hear(void *user, const tn_diagnostic *diagnostic) {
  heard *h = user;
  if (!h->message[0]) snprintf(h->message, sizeof h->message, "%s", diagnostic->message);
}

typedef struct {
  heard heard;
  tn_diagnostics sink;
  tn_arena *arena;
  tn_module *module;
  tn_literal *result;
} run;

static void open_run(run *r, const char *text, const tn_eval_options *options) {
  *r = (run){.arena = tn_arena_create()};
  r->sink = (tn_diagnostics){.callback = hear, .user = &r->heard};
  r->module = tn_hlo_parse((tn_str){text, strlen(text)}, &(tn_hlo_options){0}, &r->sink);
  cr_assert(r->module, "%s\n%s", r->heard.message, text);
  r->result = tn_evaluate(r->arena, r->module, NULL, options, &r->sink);
}

static void close_run(run *r) {
  tn_module_destroy(r->module);
  tn_arena_destroy(r->arena);
}

void expect_result(const char *program, const char *expected) {
  run got, wanted;
  char text[4096];
  snprintf(text, sizeof text, "ENTRY e {\n ROOT r = %s\n}\n", expected);
  open_run(&got, program, NULL);
  cr_assert(got.result, "%s\n%s", got.heard.message, program);
  open_run(&wanted, text, NULL);
  cr_assert(wanted.result, "%s", wanted.heard.message);
  tn_comparison c = tn_literal_compare(got.result, wanted.result, 0, 0);
  tn_text out = {0};
  tn_print_literal(&out, got.result);
  cr_expect(c.holds, "got %s\nexpected %s\n%s", out.bytes, expected, program);
  tn_text_free(&out);
  close_run(&got);
  close_run(&wanted);
}

void expect_failure(const char *program, const tn_eval_options *options, tn_status status, const char *part) {
  run r;
  open_run(&r, program, options);
  cr_expect(!r.result, "%s", program);
  cr_expect_eq(r.sink.status, status, "%d: %s", r.sink.status, r.heard.message);
  cr_expect(strstr(r.heard.message, part), "%s", r.heard.message);
  close_run(&r);
}

double bound_of(const char *program, int64_t index) {
  run r;
  open_run(&r, program, &(tn_eval_options){.bounds = true});
  cr_assert(r.result && r.result->bound, "%s\n%s", r.heard.message, program);
  double bound = r.result->bound[index];
  close_run(&r);
  return bound;
}

bool runs(const char *program, const tn_eval_options *options) {
  run r;
  open_run(&r, program, options);
  bool good = r.result != NULL;
  close_run(&r);
  return good;
}
