/* The lexer of HLO text.
 *
 * Lines are counted where blanks, comments and strings are skipped, which is the only
 * place newlines can stand. The byte behind the text is never read: texts are mapped
 * files. Cost: linear, except that a saved position may be lexed twice.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/lexer.h"

const char *tn_skip_string(const char *at, const char *end) {
  char quote = *at++;
  for (; at < end && *at != quote; at++)
    if (*at == '\\' && ++at == end) return NULL;
  return at < end ? at + 1 : NULL;
}

static const char *skip_comment(const char *at, const char *end) {
  if (at[1] == '/') {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? newline : end;
  }
  for (at += 2; at + 1 < end; at++)
    if (at[0] == '*' && at[1] == '/') return at + 2;
  return NULL;
}

const char *tn_skip_blanks(const char *at, const char *end) {
  for (;;) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) at++;
    if (end - at < 2 || at[0] != '/' || (at[1] != '/' && at[1] != '*')) return at;
    at = skip_comment(at, end);
    if (!at) return NULL;
  }
}

void tn_lexer_skip_to(tn_lexer *lexer, const char *cursor) {
  const char *at = lexer->cursor;
  while (at < cursor && (at = memchr(at, '\n', (size_t)(cursor - at)))) {
    lexer->line++;
    lexer->line_start = ++at;
  }
  lexer->cursor = cursor;
}

static void take(tn_lexer *lexer, int kind, const char *from, const char *to) {
  lexer->token.kind = kind;
  lexer->token.text = (tn_str){from, (size_t)(to - from)};
  tn_lexer_skip_to(lexer, to);
}

static void bad(tn_lexer *lexer, const char *fault, const char *to) {
  lexer->fault = fault;
  take(lexer, TN_TOK_BAD, lexer->cursor, to);
}

static const char *name_end(const char *at, const char *end) {
  while (at < end && tn_is_name_char(*at)) at++;
  return at;
}

static const char *digits_end(const char *at, const char *end) {
  while (at < end && tn_is_digit(*at)) at++;
  return at;
}

/* "e-05" at `at`: its end; `at` itself where there is no exponent. */
static const char *exponent_end(const char *at, const char *end) {
  if (at == end || (*at | 32) != 'e') return at;
  const char *digits = at + 1;
  if (digits < end && (*digits == '+' || *digits == '-')) digits++;
  const char *stop = digits_end(digits, end);
  return stop > digits ? stop : at;
}

static void lex_number(tn_lexer *lexer) {
  const char *from = lexer->cursor, *end = lexer->end;
  const char *at = from + (*from == '-');
  if (at < end && tn_is_letter(*at)) { /* -inf, -nan, -nan(0x1) */
    take(lexer, TN_TOK_NUMBER, from, name_end(at, end));
    return;
  }
  const char *digits = at;
  at = digits_end(at, end);
  const char *whole = at;
  if (at < end && *at == '.' && !(at + 1 < end && at[1] == '.')) at = digits_end(at + 1, end);
  if (at - digits - (at > whole) <= 0) {
    bad(lexer, "a '-' without a number", at);
    return;
  }
  at = exponent_end(at, end);
  take(lexer, at == whole ? TN_TOK_INT : TN_TOK_NUMBER, from, at);
}

static void lex_percent(tn_lexer *lexer) {
  const char *name = lexer->cursor + 1;
  if (name == lexer->end || !tn_is_name_start(*name)) {
    bad(lexer, "a '%' without a name", name);
    return;
  }
  take(lexer, TN_TOK_WORD, name, name_end(name, lexer->end));
  lexer->token.percent = true;
}

static void lex_string(tn_lexer *lexer) {
  const char *to = tn_skip_string(lexer->cursor, lexer->end);
  if (to)
    take(lexer, TN_TOK_STRING, lexer->cursor, to);
  else
    bad(lexer, "a string that does not end", lexer->end);
}

/* True, and taken, if the text continues with `spelling`. */
static bool lex_exactly(tn_lexer *lexer, int kind, const char *spelling) {
  size_t length = strlen(spelling);
  if ((size_t)(lexer->end - lexer->cursor) < length || memcmp(lexer->cursor, spelling, length)) return false;
  take(lexer, kind, lexer->cursor, lexer->cursor + length);
  return true;
}

static void lex_token(tn_lexer *lexer) {
  char c = *lexer->cursor;
  if (tn_is_name_start(c))
    take(lexer, TN_TOK_WORD, lexer->cursor, name_end(lexer->cursor, lexer->end));
  else if (c == '%')
    lex_percent(lexer);
  else if (c == '"' || c == '\'')
    lex_string(lexer);
  else if (lex_exactly(lexer, TN_TOK_ARROW, "->") || lex_exactly(lexer, TN_TOK_LEQ, "<=") ||
           lex_exactly(lexer, TN_TOK_DOTS, "..."))
    return;
  else if (tn_is_digit(c) || c == '-' ||
           (c == '.' && lexer->end - lexer->cursor > 1 && tn_is_digit(lexer->cursor[1])))
    lex_number(lexer);
  else if (c && strchr("=,:{}[]()*#+~?@", c))
    take(lexer, c, lexer->cursor, lexer->cursor + 1);
  else
    bad(lexer, "a character that HLO text does not use", lexer->cursor + 1);
}

void tn_lexer_next(tn_lexer *lexer) {
  const char *at = tn_skip_blanks(lexer->cursor, lexer->end);
  bool endless = !at;
  if (endless) at = memchr(lexer->cursor, '/', (size_t)(lexer->end - lexer->cursor));
  lexer->token.percent = false;
  tn_lexer_skip_to(lexer, at);
  lexer->token.line = lexer->line;
  lexer->token.column = (uint32_t)(at - lexer->line_start) + 1;
  if (at == lexer->end)
    take(lexer, TN_TOK_END, at, at);
  else if (endless)
    bad(lexer, "a comment that does not end", lexer->end);
  else
    lex_token(lexer);
}

void tn_lexer_start(tn_lexer *lexer, tn_str text) {
  if (!text.at) text = (tn_str){"", 0};
  *lexer = (tn_lexer){.cursor = text.at, .end = text.at + text.length, .line_start = text.at, .line = 1};
  tn_lexer_next(lexer);
}

/* The current token starts where? Names have lost their '%'. Tokens that hold newlines
 * (strings) are never read again.                                                     */
static const char *token_start(const tn_lexer *lexer) { return lexer->token.text.at - lexer->token.percent; }

tn_str tn_lexer_reread_run(tn_lexer *lexer, const char *others) {
  const char *from = token_start(lexer), *at = from;
  bool arrow = strchr(others, '>') != NULL;
  while (at < lexer->end) {
    if (arrow && lexer->end - at > 1 && at[0] == '-' && at[1] == '>')
      at += 2;
    else if (tn_is_letter(*at) || tn_is_digit(*at) || (*at && *at != '>' && strchr(others, *at)))
      at++;
    else
      break;
  }
  if (at > from) {
    lexer->cursor = at;
    tn_lexer_next(lexer);
  }
  return (tn_str){from, (size_t)(at - from)};
}

bool tn_lexer_reread_braces(tn_lexer *lexer, tn_str *braces) {
  const char *from = token_start(lexer), *at = from;
  int depth = 0;
  do {
    if (at == lexer->end) return false;
    if (*at == '"') {
      at = tn_skip_string(at, lexer->end);
      if (!at) return false;
      continue;
    }
    depth += (*at == '{') - (*at == '}');
    at++;
  } while (depth > 0);
  *braces = (tn_str){from, (size_t)(at - from)};
  tn_lexer_skip_to(lexer, at);
  tn_lexer_next(lexer);
  return true;
}
