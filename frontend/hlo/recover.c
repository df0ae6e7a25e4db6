/* Where reading goes on after an error.
 *
 * An instruction that failed ends before the next line that looks like an instruction,
 *     name = shape…    ROOT name = opcode(…
 * or like the end of the computation: a '}' at the start of a line or one more than
 * was opened. Brackets are counted without trusting them, for they may be the error.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

static const char *blanks_end(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) at++;
  return at;
}

static const char *name_end(const char *at, const char *end) {
  at += at < end && *at == '%';
  if (at == end || !tn_is_name_start(*at)) return NULL;
  while (at < end && tn_is_name_char(*at)) at++;
  return at;
}

/* Attributes on a line of their own, `kind=kLoop,`, lack the bracket behind the word. */
static bool looks_like_instruction(const char *at, const char *end) {
  if (end - at > 5 && !memcmp(at, "ROOT ", 5)) at = blanks_end(at + 5, end);
  if (!(at = name_end(at, end))) return false;
  at = blanks_end(at, end);
  if (at == end || *at != '=') return false;
  at = blanks_end(at + 1, end);
  if (at < end && *at == '(') return true;
  if (at == end || !tn_is_name_start(*at)) return false;
  at = name_end(at, end);
  return at < end && (*at == '[' || *at == '(');
}

/* A string that ends on its line, else only its quote. */
static const char *string_end(const char *at, const char *end) {
  const char *newline = memchr(at, '\n', (size_t)(end - at));
  const char *stop = tn_skip_string(at, newline ? newline : end);
  return stop ? stop : at + 1;
}

static const char *start_of(const tn_token *token) { return token->text.at - token->percent; }

/* The next good place behind `from`, not before `error`. */
static const char *next_instruction(const char *from, const char *error, const char *end) {
  int depth = 0;
  for (const char *at = from; at < end;) {
    char c = *at;
    if (c == '"' || c == '\'') {
      at = string_end(at, end);
      continue;
    }
    depth += (c == '{') - (c == '}');
    if (c == '}' && depth < 0 && at >= error) return at;
    if (depth < 0) depth = 0;
    at++;
    const char *line = blanks_end(at, end);
    if (c != '\n' || line < error) continue; /* the error may stand at the next line's start */
    if (looks_like_instruction(line, end)) return line;
    if (line < end && *line == '}' && (depth == 0 || line == at)) return line;
  }
  return end;
}

static void go_to(tn_hlo_parser *p, const tn_lexer *start, const char *at) {
  p->lex = *start;
  p->lex.cursor = start_of(&start->token);
  p->lex.line = start->token.line;
  p->lex.line_start = p->lex.cursor - (start->token.column - 1);
  tn_lexer_skip_to(&p->lex, at);
  tn_lexer_next(&p->lex);
}

void tn_hlo_recover(tn_hlo_parser *p, const tn_lexer *start) {
  const char *from = start_of(&start->token), *error = start_of(&p->lex.token);
  if (error <= from) error = from + 1; /* go forward in any case */
  go_to(p, start, next_instruction(from, error, p->lex.end));
}

void tn_hlo_recover_computation(tn_hlo_parser *p) {
  tn_lexer start = p->lex;
  const char *at = start_of(&p->lex.token), *end = p->lex.end;
  while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
    at++;
    bool name = at < end && (*at == '%' || tn_is_name_start(*at));
    if (name && !looks_like_instruction(at, end)) break;
  }
  go_to(p, &start, at ? at : end);
}
