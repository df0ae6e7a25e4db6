/* The ground that the parts of the HLO parser stand on: errors, tokens, name tables.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

#include "base/hash.h"

/* ---- errors ---- */

tn_location tn_hlo_here(const tn_hlo_parser *p) {
  return (tn_location){p->file, p->lex.token.line, p->lex.token.column};
}

int tn_hlo_errors(const tn_hlo_parser *p) { return p->sink->errors - p->errors_before; }

static bool report(tn_hlo_parser *p, tn_status status, tn_location at, const char *format,
                   va_list arguments) {
  if (p->stopped) return false;
  tn_error(p->sink, status, at, "%s", tn_arena_vprintf(p->scratch, format, arguments));
  p->stopped = status == TN_LIMIT || tn_hlo_errors(p) >= TN_HLO_MAX_ERRORS;
  return false;
}

bool tn_hlo_error(tn_hlo_parser *p, const char *format, ...) {
  if (p->lex.token.kind == TN_TOK_BAD) /* whatever was expected: this is the cause */
    return tn_hlo_error_at(p, tn_hlo_here(p), "%s", p->lex.fault);
  va_list arguments;
  va_start(arguments, format);
  report(p, TN_INVALID, tn_hlo_here(p), format, arguments);
  va_end(arguments);
  return false;
}

bool tn_hlo_error_at(tn_hlo_parser *p, tn_location at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report(p, TN_INVALID, at, format, arguments);
  va_end(arguments);
  return false;
}

bool tn_hlo_limit(tn_hlo_parser *p, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report(p, TN_LIMIT, tn_hlo_here(p), format, arguments);
  va_end(arguments);
  return false;
}

bool tn_hlo_expected(tn_hlo_parser *p, const char *what) {
  if (tn_hlo_kind(p) == TN_TOK_END) return tn_hlo_error(p, "expected %s, found the end of the text", what);
  return tn_hlo_error(p, "expected %s, found '%.*s'", what, TN_CLIP(p->lex.token.text));
}

bool tn_hlo_descend(tn_hlo_parser *p, const char *what) {
  if (p->depth >= p->options.max_nesting)
    return tn_hlo_limit(p, "%s nested more than %lld deep (--max-nesting)", what,
                        (long long)p->options.max_nesting);
  p->depth++;
  return true;
}

const char *tn_hlo_suggestion(tn_hlo_parser *p, tn_str word, const char *const *names, int count) {
  if (word.length > 80) return "";
  const char *name = tn_nearest_name(tn_arena_string_n(p->scratch, word.at, word.length), names, count);
  return name ? tn_arena_printf(p->scratch, "; did you mean '%s'?", name) : "";
}

/* ---- tokens ---- */

bool tn_hlo_accept(tn_hlo_parser *p, int kind) {
  if (p->lex.token.kind != kind) return false;
  tn_lexer_next(&p->lex);
  return true;
}

bool tn_hlo_expect(tn_hlo_parser *p, int kind, const char *after) {
  if (tn_hlo_accept(p, kind)) return true;
  const char *spelling = kind == TN_TOK_ARROW ? "->" : (char[2]){(char)kind, 0};
  return tn_hlo_expected(p, tn_arena_printf(p->scratch, "'%s' %s", spelling, after));
}

bool tn_hlo_at_word(const tn_hlo_parser *p, const char *word) {
  return p->lex.token.kind == TN_TOK_WORD && !p->lex.token.percent && tn_str_is(p->lex.token.text, word);
}

bool tn_hlo_accept_word(tn_hlo_parser *p, const char *word) {
  if (!tn_hlo_at_word(p, word)) return false;
  tn_lexer_next(&p->lex);
  return true;
}

bool tn_hlo_word(tn_hlo_parser *p, const char *what, tn_str *word) {
  *word = p->lex.token.text;
  return tn_hlo_accept(p, TN_TOK_WORD) || tn_hlo_expected(p, what);
}

/* Digits with a sign; false if they do not fit an int64. */
static bool integer_of(tn_str text, int64_t *value) {
  bool negative = text.at[0] == '-';
  uint64_t sum = 0;
  for (size_t i = negative; i < text.length; i++)
    if (__builtin_mul_overflow(sum, 10u, &sum) ||
        __builtin_add_overflow(sum, (uint64_t)(text.at[i] - '0'), &sum))
      return false;
  if (sum > (uint64_t)INT64_MAX + negative) return false;
  *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
  return true;
}

bool tn_hlo_int(tn_hlo_parser *p, const char *what, int64_t *value) {
  if (tn_hlo_kind(p) != TN_TOK_INT) return tn_hlo_expected(p, what);
  if (!integer_of(p->lex.token.text, value))
    return tn_hlo_error(p, "%.*s does not fit in 64 bits", TN_CLIP(p->lex.token.text));
  tn_lexer_next(&p->lex);
  return true;
}

bool tn_hlo_count(tn_hlo_parser *p, const char *what, int64_t least, int64_t most, int64_t *value) {
  tn_location here = tn_hlo_here(p);
  if (tn_hlo_kind(p) != TN_TOK_INT)
    return tn_hlo_expected(p, tn_arena_printf(p->scratch, "an integer (%s)", what));
  if (!tn_hlo_int(p, what, value)) return false;
  if (*value >= least && *value <= most) return true;
  return tn_hlo_error_at(p, here, "%s %lld is not between %lld and %lld", what, (long long)*value,
                         (long long)least, (long long)most);
}

bool tn_hlo_bool(tn_hlo_parser *p, bool *value) {
  *value = tn_hlo_at_word(p, "true");
  return tn_hlo_accept_word(p, "true") || tn_hlo_accept_word(p, "false") ||
         tn_hlo_expected(p, "true or false");
}

/* ---- strings ---- */

static int hex_digit(char c) {
  if (tn_is_digit(c)) return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape of C at `at` (behind the backslash); the byte it stands for, or -1. */
static int unescape(const char **at, const char *end) {
  static const char names[] = "n\nt\tr\ra\ab\bf\fv\v\\\\\"\"''??";
  char c = *(*at)++;
  for (const char *name = names; *name; name += 2)
    if (*name == c) return (unsigned char)name[1];
  int value = -1;
  if (c >= '0' && c <= '7') { /* up to three octal digits */
    value = c - '0';
    for (int i = 0; i < 2 && *at < end && **at >= '0' && **at <= '7'; i++)
      value = value * 8 + (*(*at)++ - '0');
  } else if (c == 'x') {
    for (int i = 0; i < 2 && *at < end && hex_digit(**at) >= 0; i++)
      value = (value < 0 ? 0 : value * 16) + hex_digit(*(*at)++);
  }
  return value > 255 ? -1 : value;
}

bool tn_hlo_string(tn_hlo_parser *p, const char **value) {
  if (tn_hlo_kind(p) != TN_TOK_STRING) return tn_hlo_expected(p, "a string");
  tn_str text = p->lex.token.text;
  const char *at = text.at + 1, *end = text.at + text.length - 1;
  char *bytes = tn_arena_alloc(p->arena, (size_t)(end - at) + 1), *to = bytes;
  while (at < end) {
    int c = (unsigned char)*at++;
    if (c == '\\') c = unescape(&at, end);
    if (c < 0) return tn_hlo_error(p, "an unknown escape in a string");
    if (c == 0) return tn_hlo_error(p, "a NUL in a string");
    *to++ = (char)c;
  }
  *value = bytes;
  tn_lexer_next(&p->lex);
  return true;
}

/* ---- lists of integers ---- */

tn_dims tn_hlo_pop_dims(tn_hlo_parser *p, int first) {
  int count = p->ints.count - first;
  p->ints.count = first;
  const int64_t *from = count ? p->ints.at + first : NULL;
  return (tn_dims){count ? tn_arena_copy(p->arena, from, (size_t)count * sizeof *from) : NULL, count};
}

bool tn_hlo_dims(tn_hlo_parser *p, char open, char close, tn_dims *dims) {
  int first = p->ints.count;
  if (!tn_hlo_expect(p, open, "to begin a list of integers")) return false;
  while (tn_hlo_kind(p) != close) {
    int64_t value;
    if (!tn_hlo_int(p, "an integer", &value)) return false;
    TN_PUSH(p->scratch, &p->ints, value);
    if (!tn_hlo_accept(p, ',')) break;
  }
  *dims = tn_hlo_pop_dims(p, first);
  return tn_hlo_expect(p, close, "to end a list of integers");
}

/* Also gives up (count -1) where a number is missing or too long. */
tn_dims tn_hlo_dims_of_text(tn_hlo_parser *p, tn_str text, char separator) {
  int first = p->ints.count;
  const char *at = text.at, *end = text.at + text.length;
  for (bool more = true; more; at++) {
    const char *from = at;
    at += at < end && *at == '-';
    const char *digits = at;
    while (at < end && tn_is_digit(*at)) at++;
    int64_t value;
    if (at == digits || !integer_of((tn_str){from, (size_t)(at - from)}, &value) ||
        (at < end && *at != separator)) {
      p->ints.count = first;
      return (tn_dims){NULL, -1};
    }
    TN_PUSH(p->scratch, &p->ints, value);
    more = at < end;
  }
  return tn_hlo_pop_dims(p, first);
}

/* ---- names ---- */

void tn_hlo_names_clear(tn_hlo_names *names) {
  names->count = 0;
  names->generation++;
}

static bool is_live(const tn_hlo_names *names, const tn_hlo_name *slot) {
  return slot->generation == names->generation;
}

/* The slot that holds `name`, or the free one where it belongs. */
static tn_hlo_name *probe(const tn_hlo_names *names, tn_str name, uint64_t hash) {
  uint32_t mask = names->capacity - 1;
  for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
    tn_hlo_name *slot = &names->at[i];
    if (!is_live(names, slot)) return slot;
    if (slot->hash == hash && slot->name.length == name.length &&
        !memcmp(slot->name.at, name.at, name.length))
      return slot;
  }
}

tn_hlo_name *tn_hlo_names_find(const tn_hlo_names *names, tn_str name) {
  if (!names->count) return NULL;
  tn_hlo_name *slot = probe(names, name, tn_hash_bytes(name.at, name.length).low);
  return is_live(names, slot) ? slot : NULL;
}

static void grow(tn_arena *arena, tn_hlo_names *names) {
  tn_hlo_names old = *names;
  names->capacity = old.capacity ? old.capacity * 2 : 64;
  names->at = TN_NEW_ARRAY(arena, tn_hlo_name, names->capacity);
  if (!names->generation) names->generation = 1; /* 0 marks slots never used */
  for (uint32_t i = 0; i < old.capacity; i++)
    if (is_live(&old, &old.at[i])) *probe(names, old.at[i].name, old.at[i].hash) = old.at[i];
}

tn_hlo_name *tn_hlo_names_add(tn_arena *arena, tn_hlo_names *names, tn_str name, bool *fresh) {
  if (names->count * 2 >= names->capacity) grow(arena, names);
  uint64_t hash = tn_hash_bytes(name.at, name.length).low;
  tn_hlo_name *slot = probe(names, name, hash);
  *fresh = !is_live(names, slot);
  if (!*fresh) return slot;
  *slot = (tn_hlo_name){.name = name, .hash = hash, .generation = names->generation};
  names->count++;
  return slot;
}
