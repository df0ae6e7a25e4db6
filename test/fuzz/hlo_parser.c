/* libFuzzer: any bytes are refused or become a module that prints, parses again and
 * prints the same.
 *
 *   fuzz_hlo_parser -max_total_time=600 -dict=test/fuzz/hlo.dict CORPUS
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/hlo.h"
#include "ir/print.h"

#include <stdio.h>
#include <stdlib.h>

static void count(void *user, const tn_diagnostic *diagnostic) {
  tn_text text = {0};
  tn_diagnostic_print(diagnostic, &text);
  *(size_t *)user += text.length;
  tn_text_free(&text);
}

static tn_module *parse(tn_str text) {
  size_t said = 0;
  tn_diagnostics sink = {.callback = count, .user = &said};
  tn_hlo_options options = {.file = "fuzz", .max_tensor_bytes = 1 << 24};
  tn_module *module = tn_hlo_parse(text, &options, &sink);
  if (!module != (sink.errors > 0) || (!module && !said)) abort();
  return module;
}

static void must_equal(const tn_text *once, const tn_text *twice) {
  if (once->length == twice->length && !memcmp(once->bytes, twice->bytes, once->length)) return;
  fprintf(stderr, "not a fixed point:\n%s\n%s\n", once->bytes, twice->bytes);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tn_module *module = parse((tn_str){(const char *)data, size});
  if (!module) return 0;
  tn_text once = {0}, twice = {0};
  tn_print_module(&once, module, NULL);
  tn_module *again = parse((tn_str){once.bytes, once.length});
  if (!again) {
    fprintf(stderr, "does not parse again:\n%s\n", once.bytes);
    abort();
  }
  tn_print_module(&twice, again, NULL);
  must_equal(&once, &twice);
  tn_text_free(&once);
  tn_text_free(&twice);
  tn_module_destroy(again);
  tn_module_destroy(module);
  return 0;
}
