/* Text that grows: every printer writes into one of these.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_TEXT_H
#define TN_BASE_TEXT_H

#include "base/arena.h"

/* A piece of somebody else's text; not NUL-terminated. */
typedef struct {
  const char *at;
  size_t length;
} tn_str;

bool tn_str_is(tn_str piece, const char *text);
tn_str tn_str_trim(tn_str piece); /* without the blanks around it */
/* In two, at the first `at`, which is in neither; false: there is none. */
bool tn_str_cut(tn_str piece, char at, tn_str *before, tn_str *behind);

/* Characters of ASCII, whatever the locale; names as HLO writes them: a.b-3. */
static inline bool tn_is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
static inline bool tn_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool tn_is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static inline bool tn_is_name_start(char c) { return tn_is_letter(c) || c == '_'; }
static inline bool tn_is_name_char(char c) {
  return tn_is_name_start(c) || tn_is_digit(c) || c == '.' || c == '-';
}

/* Owns its bytes (malloc); {0} is a valid empty text. bytes[length] is NUL. */
typedef struct {
  char *bytes;
  size_t length;
  size_t capacity;
} tn_text;

void tn_text_free(tn_text *text);
void tn_text_put(tn_text *text, const char *string);
void tn_text_put_n(tn_text *text, const void *bytes, size_t count);
void tn_text_grow_char(tn_text *text, char c); /* the rare case of the next */
static inline void tn_text_put_char(tn_text *text, char c) {
  if (text->length + 1 >= text->capacity) {
    tn_text_grow_char(text, c);
    return;
  }
  text->bytes[text->length++] = c;
  text->bytes[text->length] = 0;
}
void tn_text_put_int(tn_text *text, int64_t value);
void tn_text_printf(tn_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `count` more bytes; returns where they go. The caller adds to length. */
char *tn_text_reserve(tn_text *text, size_t count);

/* The entry of names[0..count) nearest to `word` (edit distance at most a third of
 * its length), or NULL: for "did you mean".                                       */
const char *tn_nearest_name(const char *word, const char *const *names, int count);
/* "; did you mean 'NAME'?", or "" */
typedef struct {
  char text[96];
} tn_hint;
tn_hint tn_did_you_mean(const char *word, const char *const *names, int count);

#endif
