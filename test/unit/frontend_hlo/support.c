/* What the tests of the HLO front end share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void collect(void *user, const tn_diagnostic *diagnostic) { tn_diagnostic_print(diagnostic, user); }

void parse_text(parsed *result, tn_str text, const tn_hlo_options *options) {
  tn_hlo_options defaults = {.file = "t"};
  *result = (parsed){0};
  result->sink.callback = collect;
  result->sink.user = &result->messages;
  result->sink.error_limit = 1000;
  result->module = tn_hlo_parse(text, options ? options : &defaults, &result->sink);
}

void parse_string(parsed *result, const char *text) {
  parse_text(result, (tn_str){text, strlen(text)}, NULL);
}

void drop(parsed *result) {
  tn_module_destroy(result->module);
  tn_text_free(&result->messages);
}

tn_module *module_of(const char *text) {
  parsed result;
  parse_string(&result, text);
  cr_assert(result.module, "%s\n%s", text, result.messages.bytes);
  tn_text_free(&result.messages);
  return result.module;
}

char *printed(tn_module *module) {
  tn_text text = {0};
  tn_print_module(&text, module, NULL);
  return text.bytes;
}

void expect_fixed_point(tn_module *module) {
  char *once = printed(module);
  parsed again;
  parse_string(&again, once);
  cr_assert(again.module, "%s\n%s", once, again.messages.bytes);
  char *twice = printed(again.module);
  cr_assert_str_eq(twice, once);
  drop(&again);
  free(once);
  free(twice);
}

tn_inst *inst_of(const tn_module *module, const char *name) {
  tn_inst *inst = tn_comp_find_inst(module->entry, (tn_str){name, strlen(name)});
  cr_assert(inst, "no instruction %s", name);
  return inst;
}

void expect_error(const char *text, const char *message) {
  parsed result;
  parse_string(&result, text);
  cr_assert(!result.module, "accepted: %s", text);
  cr_assert(strstr(result.messages.bytes, message), "expected: %s\nfound: %s", message,
            result.messages.bytes);
  drop(&result);
}

const char *source_folder(void) {
  const char *folder = getenv("TENON_SOURCE");
  return folder ? folder : ".";
}

const char *shared_folder(void) {
  static char folder[4096];
  const char *given = getenv("TENON_SHARED"), *required = getenv("TENON_REQUIRE_SHARED");
  char models[4200];
  snprintf(folder, sizeof folder, "%s%s", given ? given : source_folder(), given ? "" : "/../shared");
  snprintf(models, sizeof models, "%s/models", folder);
  if (access(models, R_OK) == 0) return folder;
  if (required && !strcmp(required, "1")) cr_assert_fail("no golden data in %s", folder);
  cr_skip("no golden data in %s (TENON_SHARED)", folder);
  return NULL;
}
