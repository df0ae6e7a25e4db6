/* The cursor of the plan reader: characters, names, numbers, places.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/read.h"

static bool report(tn_reader *r, tn_status status, const char *at, const char *message) {
  if (r->failed) return false;
  r->failed = true;
  tn_location location = {.file = r->options->file, .line = 1};
  const char *line = r->begin;
  for (const char *c = r->begin; c < at; c++)
    if (*c == '\n') {
      location.line++;
      line = c + 1;
    }
  location.column = (uint32_t)(at - line) + 1;
  return tn_error(r->sink, status, location, "%s", message);
}

bool tn_read_fail(tn_reader *r, const char *at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = tn_arena_vprintf(r->arena, format, arguments);
  va_end(arguments);
  return report(r, TN_INVALID, at, message);
}

void tn_read_skip(tn_reader *r) {
  for (;;) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) r->at++;
    if (r->end - r->at < 2 || r->at[0] != '/' || r->at[1] != '/') return;
    while (r->at < r->end && *r->at != '\n') r->at++;
  }
}

tn_str tn_read_word(tn_reader *r) {
  tn_read_skip(r);
  const char *to = r->at;
  if (to < r->end && tn_is_name_start(*to))
    while (to < r->end && (tn_is_name_start(*to) || tn_is_digit(*to) || *to == '.')) to++;
  return (tn_str){r->at, (size_t)(to - r->at)};
}

/* What stands at the cursor, for messages. */
static const char *found(tn_reader *r) {
  tn_str word = tn_read_word(r);
  if (r->at == r->end) return "the end of the text";
  if (!word.length) word.length = 1;
  return tn_arena_printf(r->arena, "'%.*s'", (int)(word.length < 60 ? word.length : 60), word.at);
}

bool tn_read_at(tn_reader *r, char c) {
  tn_read_skip(r);
  return !r->failed && r->at < r->end && *r->at == c;
}

bool tn_read_at_word(tn_reader *r, const char *word) {
  return !r->failed && tn_str_is(tn_read_word(r), word);
}

bool tn_read_accept(tn_reader *r, char c) {
  bool here = tn_read_at(r, c);
  r->at += here;
  return here;
}

bool tn_read_accept_word(tn_reader *r, const char *word) {
  bool here = tn_read_at_word(r, word);
  if (here) r->at += strlen(word);
  return here;
}

bool tn_read_expect(tn_reader *r, char c, const char *context) {
  if (tn_read_accept(r, c)) return true;
  const char *instead = found(r);
  return tn_read_fail(r, r->at, "expected '%c' %s, found %s", c, context, instead);
}

bool tn_read_expect_word(tn_reader *r, const char *word, const char *context) {
  if (tn_read_accept_word(r, word)) return true;
  const char *instead = found(r);
  return tn_read_fail(r, r->at, "expected '%s' %s, found %s", word, context, instead);
}

bool tn_read_name(tn_reader *r, const char *what, tn_str *name) {
  *name = tn_read_word(r);
  if (r->failed) return false;
  if (!name->length) return tn_read_fail(r, r->at, "expected %s, found %s", what, found(r));
  r->at += name->length;
  return true;
}

bool tn_read_integer(tn_reader *r, const char *what, int64_t least, int64_t most, int64_t *value) {
  tn_read_skip(r);
  const char *from = r->at, *at = from + (from < r->end && *from == '-');
  uint64_t magnitude = 0;
  bool overflow = false;
  if (r->failed) return false;
  if (at == r->end || !tn_is_digit(*at))
    return tn_read_fail(r, from, "expected %s, found %s", what, found(r));
  for (; at < r->end && tn_is_digit(*at); at++)
    overflow |= __builtin_mul_overflow(magnitude, 10, &magnitude) ||
                __builtin_add_overflow(magnitude, (uint64_t)(*at - '0'), &magnitude);
  bool negative = *from == '-';
  overflow |= magnitude > (uint64_t)INT64_MAX + negative;
  *value = (int64_t)(negative ? 0 - magnitude : magnitude);
  if (overflow || *value < least || *value > most)
    return tn_read_fail(r, from, "%s: %.*s is not in %lld to %lld", what,
                        (int)(at - from < 40 ? at - from : 40), from, (long long)least, (long long)most);
  r->at = at;
  return true;
}

bool tn_read_quoted(tn_reader *r, const char *what, const char **text) {
  tn_read_skip(r);
  const char *from = r->at;
  if (!tn_read_accept(r, '"'))
    return tn_read_fail(r, from, "expected %s in quotes, found %s", what, found(r));
  char *out = tn_arena_alloc(r->arena, (size_t)(r->end - r->at) < 4096 ? (size_t)(r->end - r->at) + 1 : 4097);
  size_t length = 0;
  for (; r->at < r->end && *r->at != '"'; r->at++) {
    if (*r->at == '\\' && r->at + 1 < r->end) r->at++;
    if (length == 4096) return tn_read_fail(r, from, "%s of more than 4096 characters", what);
    out[length++] = *r->at;
  }
  *text = out;
  return tn_read_expect(r, '"', "to end the text");
}

bool tn_read_enter(tn_reader *r) {
  if (r->depth++ < r->options->max_nesting) return !r->failed;
  const char *message = tn_arena_printf(r->arena, "nested deeper than the limit of %lld (--max-nesting)",
                                        (long long)r->options->max_nesting);
  return report(r, TN_LIMIT, r->at, message);
}

void tn_read_leave(tn_reader *r) { r->depth--; }
