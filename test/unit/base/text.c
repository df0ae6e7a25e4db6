/* Text, nearest names, types, hashes, diagnostics.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/diagnostics.h"
#include "base/hash.h"
#include "base/integer.h"
#include "base/type.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(text, grows) {
  tn_text text = {0};
  for (int i = 0; i < 1000; i++) tn_text_put_char(&text, 'a');
  tn_text_put_int(&text, INT64_MIN);
  tn_text_put(&text, ",");
  tn_text_put_int(&text, 0);
  tn_text_printf(&text, "%200s|%d", "x", 7);
  cr_assert_eq(text.length, strlen(text.bytes));
  cr_assert_eq(strncmp(text.bytes + 1000, "-9223372036854775808,0", 22), 0);
  cr_assert_str_eq(text.bytes + text.length - 3, "x|7");
  tn_text_free(&text);
  cr_assert_eq(text.length, 0);
}

Test(text, nearest_name) {
  static const char *const names[] = {"reduce", "reduce-window", "reverse", "dot", "transpose"};
  cr_assert_str_eq(tn_nearest_name("redcue", names, 5), "reduce");
  cr_assert_str_eq(tn_nearest_name("transpoze", names, 5), "transpose");
  cr_assert_str_eq(tn_nearest_name("dit", names, 5), "dot");
  cr_assert_null(tn_nearest_name("xyz", names, 5));
  cr_assert_null(tn_nearest_name("", names, 5));
  cr_assert_str_eq(tn_did_you_mean("dit", names, 5).text, "; did you mean 'dot'?");
  cr_assert_str_eq(tn_did_you_mean("xyz", names, 5).text, "");
}

static tn_str str_of(const char *text) { return (tn_str){text, strlen(text)}; }

Test(text, pieces) {
  tn_str before, behind;
  cr_assert(tn_str_is(tn_str_trim(str_of(" \t a b\r ")), "a b"));
  cr_assert(tn_str_is(tn_str_trim(str_of("  ")), ""));
  cr_assert(tn_str_cut(str_of("key=a=b"), '=', &before, &behind));
  cr_assert(tn_str_is(before, "key") && tn_str_is(behind, "a=b"));
  cr_assert(tn_str_cut(str_of("="), '=', &before, &behind));
  cr_assert(tn_str_is(before, "") && tn_str_is(behind, ""));
  cr_assert_not(tn_str_cut(str_of(""), '=', &before, &behind));
}

Test(text, little_bytes) {
  char bytes[9] = {0};
  tn_put_little(bytes, UINT64_C(0x8182838485868788), 8);
  cr_assert_eq((unsigned char)bytes[0], 0x88);
  cr_assert_eq(tn_take_little(bytes, 8), UINT64_C(0x8182838485868788));
  cr_assert_eq(tn_take_little(bytes, 3), 0x868788);
  cr_assert_eq(bytes[8], 0);
}

Test(type, names_and_sizes) {
  for (tn_type t = TN_TYPE_NONE + 1; t < TN_TYPE_COUNT; t++) {
    const char *name = tn_type_name(t);
    cr_assert_eq(tn_type_from_name((tn_str){name, strlen(name)}), t);
  }
  cr_assert_eq(tn_type_from_name((tn_str){"f3", 2}), TN_TYPE_NONE);
  cr_assert_eq(tn_type_bytes(TN_S4), 1);
  cr_assert_eq(tn_type_bits(TN_S4), 4);
  cr_assert_eq(tn_type_bytes(TN_TUPLE), 0);
  cr_assert_eq(tn_type_part(TN_C128), TN_F64);
  cr_assert_eq(tn_type_class_of(TN_U1), TN_CLASS_UNSIGNED);
}

Test(hash, is_xxh3) {
  char text[33];
  tn_hash_print(tn_hash_bytes("", 0), text);
  cr_assert_str_eq(text, "99aa06d3014798d86001c324468d497f");
}

static void keep(void *user, const tn_diagnostic *diagnostic) { tn_diagnostic_print(diagnostic, user); }

Test(diagnostics, show_the_place) {
  tn_text out = {0};
  tn_diagnostics sink = {.callback = keep, .user = &out};
  static const char program[] = "first\n\td = dot(\xc3\xa4, b)\r\nlast";
  tn_source source = {.name = "m.hlo", .text = program, .length = sizeof program - 1};
  tn_diagnostics_add_source(&sink, &source);
  cr_assert_not(
      tn_error(&sink, TN_INVALID, (tn_location){"m.hlo", 2, 13}, "dot: sizes %d and %d differ", 1, 2));
  tn_note(&sink, (tn_location){"m.hlo", 3, 1}, "here");
  tn_warning(&sink, (tn_location){"n.hlo", 0, 0}, "odd \x1b[31mname");
  tn_error(&sink, TN_IO, TN_NOWHERE, "nothing");
  cr_assert_str_eq(out.bytes, "m.hlo:2:13: error: dot: sizes 1 and 2 differ\n"
                              "\td = dot(\xc3\xa4, b)\n"
                              "\t          ^\n"
                              "m.hlo:3:1: note: here\nlast\n^\n"
                              "n.hlo: warning: odd ?[31mname\n"
                              "error: nothing\n");
  cr_assert_eq(sink.errors, 2);
  cr_assert_eq(sink.status, TN_INVALID);
  tn_diagnostics_remove_source(&sink, &source);
  cr_assert_null(sink.sources);
  tn_text_free(&out);
}

Test(diagnostics, long_lines_are_cut_around_the_place) {
  enum { LENGTH = 1 << 20 };
  tn_text out = {0};
  char *line = malloc(LENGTH);
  memset(line, 'x', LENGTH);
  line[500000] = '!';
  tn_source source = {.name = "m.hlo", .text = line, .length = LENGTH};
  tn_diagnostics sink = {.callback = keep, .user = &out};
  tn_diagnostics_add_source(&sink, &source);
  tn_error(&sink, TN_INVALID, (tn_location){"m.hlo", 1, 500001}, "bad");
  cr_assert(out.length < 500);
  const char *shown = strchr(out.bytes, '\n') + 1, *below = strchr(shown, '\n') + 1;
  cr_assert_eq(strchr(shown, '!') - shown, strchr(below, '^') - below);
  free(line);
  tn_text_free(&out);
}

Test(diagnostics, stop_at_the_limit) {
  tn_text out = {0};
  tn_diagnostics sink = {.callback = keep, .user = &out, .error_limit = 2};
  for (int i = 0; i < 5; i++) {
    tn_error(&sink, TN_INVALID, TN_NOWHERE, "e%d", i);
    tn_note(&sink, TN_NOWHERE, "n%d", i);
  }
  cr_assert_str_eq(out.bytes, "error: e0\nnote: n0\nerror: e1\nnote: n1\n");
  cr_assert_eq(sink.errors, 5);
  tn_text_free(&out);
}
