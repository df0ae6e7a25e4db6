/* JSON as text; see json_text.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/json_text.h"

#include <math.h>
#include <stdio.h>

static void begin(tn_json *json, const char *key) {
  if (json->follows) tn_text_put_char(json->out, ',');
  json->follows = true;
  if (key) tn_text_printf(json->out, "\"%s\":", key);
}

void tn_json_open(tn_json *json, const char *key, char bracket) {
  begin(json, key);
  tn_text_put_char(json->out, bracket);
  json->follows = false;
}

void tn_json_close(tn_json *json, char bracket) {
  tn_text_put_char(json->out, bracket);
  json->follows = true;
}

/* Bytes of the UTF-8 sequence at `at`, of which `left` are there; 0: it is none. Overlong
 * forms and surrogates are none.                                                        */
static size_t sequence_length(const unsigned char *at, size_t left) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (*at < 0x80) return 1;
  size_t length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc0 ? 2 : 0;
  if (length == 0 || length > left) return 0;
  uint32_t code = *at & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (at[i] & 0x3f);
  }
  bool good = code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return good && *at < 0xf8 ? length : 0;
}

static void put_escaped(tn_text *out, const char *text, size_t length) {
  const unsigned char *at = (const unsigned char *)text, *end = at + length;
  while (at < end) {
    size_t bytes = sequence_length(at, (size_t)(end - at));
    if (bytes == 0) {
      tn_text_put(out, "\\ufffd");
      at++;
    } else if (bytes == 1 && (*at < ' ' || *at == 0x7f || strchr("<>&\"\\'", *at))) {
      tn_text_printf(out, "\\u%04x", *at);
      at++;
    } else {
      tn_text_put_n(out, at, bytes);
      at += bytes;
    }
  }
}

void tn_json_string_n(tn_json *json, const char *key, const char *text, size_t length) {
  begin(json, key);
  tn_text_put_char(json->out, '"');
  put_escaped(json->out, text, length);
  tn_text_put_char(json->out, '"');
}

void tn_json_string(tn_json *json, const char *key, const char *text) {
  if (text) {
    tn_json_string_n(json, key, text, strlen(text));
    return;
  }
  begin(json, key);
  tn_text_put(json->out, "null");
}

void tn_json_int(tn_json *json, const char *key, int64_t value) {
  begin(json, key);
  tn_text_put_int(json->out, value);
}

/* The decimal point of a locale may be a comma. */
void tn_json_number(tn_json *json, const char *key, double value) {
  char digits[40];
  begin(json, key);
  snprintf(digits, sizeof digits, "%.9g", value);
  for (char *c = digits; *c; c++)
    if (*c == ',') *c = '.';
  tn_text_put(json->out, isfinite(value) ? digits : "null");
}

void tn_json_bool(tn_json *json, const char *key, bool value) {
  begin(json, key);
  tn_text_put(json->out, value ? "true" : "false");
}
