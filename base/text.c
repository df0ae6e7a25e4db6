/* Growing text, pieces of it, and the nearest name for "did you mean".
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

bool tn_str_is(tn_str piece, const char *text) {
  return strlen(text) == piece.length && (piece.length == 0 || memcmp(piece.at, text, piece.length) == 0);
}

tn_str tn_str_trim(tn_str piece) {
  while (piece.length && tn_is_blank(*piece.at)) piece.at++, piece.length--;
  while (piece.length && tn_is_blank(piece.at[piece.length - 1])) piece.length--;
  return piece;
}

bool tn_str_cut(tn_str piece, char at, tn_str *before, tn_str *behind) {
  const char *found = piece.length ? memchr(piece.at, at, piece.length) : NULL;
  if (!found) return false;
  size_t length = (size_t)(found - piece.at);
  *before = (tn_str){piece.at, length};
  *behind = (tn_str){found + 1, piece.length - length - 1};
  return true;
}

void tn_text_free(tn_text *text) {
  free(text->bytes);
  *text = (tn_text){0};
}

char *tn_text_reserve(tn_text *text, size_t count) {
  if (count >= text->capacity - text->length || !text->bytes) {
    if (count > SIZE_MAX / 4 || text->length > SIZE_MAX / 4) tn_out_of_memory();
    size_t needed = text->length + count + 1; /* the NUL */
    size_t doubled = text->capacity * 2;
    size_t capacity = needed > doubled ? needed : doubled;
    if (capacity < 64) capacity = 64;
    text->bytes = tn_realloc(text->bytes, capacity);
    text->capacity = capacity;
    text->bytes[text->length] = 0;
  }
  return text->bytes + text->length;
}

void tn_text_put_n(tn_text *text, const void *bytes, size_t count) {
  char *to = tn_text_reserve(text, count);
  if (count) memcpy(to, bytes, count);
  to[count] = 0;
  text->length += count;
}

void tn_text_put(tn_text *text, const char *string) { tn_text_put_n(text, string, strlen(string)); }

void tn_text_grow_char(tn_text *text, char c) {
  char *to = tn_text_reserve(text, 1);
  to[0] = c;
  to[1] = 0;
  text->length++;
}

void tn_text_put_int(tn_text *text, int64_t value) {
  if (value >= 0 && value < 10) {
    tn_text_put_char(text, (char)('0' + value));
    return;
  }
  char digits[20];
  size_t first = sizeof digits;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    digits[--first] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0) digits[--first] = '-';
  tn_text_put_n(text, digits + first, sizeof digits - first);
}

void tn_text_printf(tn_text *text, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  char *to = tn_text_reserve(text, 64);
  int length = vsnprintf(to, 65, format, arguments);
  if (length > 64) {
    to = tn_text_reserve(text, (size_t)length);
    vsnprintf(to, (size_t)length + 1, format, again);
  }
  va_end(again);
  va_end(arguments);
  if (length > 0) text->length += (size_t)length;
  text->bytes[text->length] = 0;
}

enum { WORD_LIMIT = 64 };

/* Levenshtein's distance with swaps of neighbours counted once; only rows that can
 * matter for words of at most WORD_LIMIT bytes. `worst` + 1 means "farther".        */
static int edit_distance(const char *a, int a_length, const char *b, int b_length, int worst) {
  int rows[3][WORD_LIMIT + 1];
  if (abs(a_length - b_length) > worst || b_length > WORD_LIMIT) return worst + 1;
  for (int j = 0; j <= b_length; j++) rows[0][j] = j;
  for (int i = 1; i <= a_length; i++) {
    int *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
    row[0] = i;
    for (int j = 1; j <= b_length; j++) {
      int best = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < best) best = above[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped && second[j - 2] + 1 < best) best = second[j - 2] + 1;
      row[j] = best;
    }
  }
  return rows[a_length % 3][b_length];
}

const char *tn_nearest_name(const char *word, const char *const *names, int count) {
  size_t length = strlen(word);
  if (length > WORD_LIMIT) return NULL;
  int worst = (int)length / 3;
  const char *nearest = NULL;
  for (int i = 0; i < count; i++) {
    size_t name_length = strlen(names[i]);
    if (name_length > WORD_LIMIT) continue;
    int distance = edit_distance(word, (int)length, names[i], (int)name_length, worst);
    if (distance > worst) continue;
    nearest = names[i];
    worst = distance - 1; /* the first of equally near ones stays */
    if (worst < 0) break;
  }
  return nearest;
}

tn_hint tn_did_you_mean(const char *word, const char *const *names, int count) {
  const char *nearest = tn_nearest_name(word, names, count);
  tn_hint hint = {""};
  if (nearest) snprintf(hint.text, sizeof hint.text, "; did you mean '%s'?", nearest);
  return hint;
}
