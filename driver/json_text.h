/* JSON as text, for what the driver writes into pages.
 *
 * The text may stand in a <script> element: <, > and & are escapes in strings, so no name
 * of a model can end the element or begin another. Bytes that are no UTF-8 become U+FFFD.
 *
 *   tn_json j = {.out = &text};
 *   tn_json_open(&j, NULL, '{');
 *   tn_json_string(&j, "name", model->name);
 *   tn_json_open(&j, "sizes", '[');
 *   tn_json_int(&j, NULL, 4);
 *   tn_json_close(&j, ']');
 *   tn_json_close(&j, '}');
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_JSON_TEXT_H
#define TN_DRIVER_JSON_TEXT_H

#include "base/text.h"

typedef struct {
  tn_text *out;
  bool follows; /* something stands before in the same list or object */
} tn_json;

/* `key` is NULL inside lists; keys are the program's own words and are not escaped. */
void tn_json_open(tn_json *json, const char *key, char bracket);
void tn_json_close(tn_json *json, char bracket);
void tn_json_string(tn_json *json, const char *key, const char *text); /* NULL text: null */
void tn_json_string_n(tn_json *json, const char *key, const char *text, size_t length);
void tn_json_int(tn_json *json, const char *key, int64_t value);
void tn_json_number(tn_json *json, const char *key, double value); /* null where it is not finite */
void tn_json_bool(tn_json *json, const char *key, bool value);

#endif
