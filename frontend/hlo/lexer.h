/* The lexer of HLO text: one token at a time, nothing is allocated.
 *
 * A token is a piece of the text. Its kind is the character for punctuation, else one
 * of the names below. What XLA lexes by context (3x3, 0_1x0_1, b01f_01io->b01f, JSON)
 * is read again from the token's start by the functions that expect it, so the lexer
 * itself has no modes; the text of constants never comes here (literals.c).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_HLO_LEXER_H
#define TN_HLO_LEXER_H

#include "base/diagnostics.h"

enum {
  TN_TOK_END = 256,
  TN_TOK_BAD,    /* tn_lexer.fault says why */
  TN_TOK_WORD,   /* [A-Za-z_][A-Za-z0-9_.-]*, or the same after a '%' */
  TN_TOK_INT,    /* -?[0-9]+ */
  TN_TOK_NUMBER, /* with a point or an exponent; -inf, -nan */
  TN_TOK_STRING, /* with its quotes */
  TN_TOK_ARROW,  /* -> */
  TN_TOK_LEQ,    /* <= */
  TN_TOK_DOTS    /* ... */
};

typedef struct {
  int kind;
  tn_str text; /* of a name: without its '%' */
  bool percent;
  uint32_t line, column;
} tn_token;

/* Copying one saves the position: that is how the parser looks ahead. */
typedef struct {
  const char *cursor, *end;
  const char *line_start;
  uint32_t line;
  tn_token token; /* the current one */
  const char *fault;
} tn_lexer;

/* Stands at the first token. */
void tn_lexer_start(tn_lexer *lexer, tn_str text);
void tn_lexer_next(tn_lexer *lexer);

/* Moves on to `cursor`, which is behind the current one; counts the lines between. */
void tn_lexer_skip_to(tn_lexer *lexer, const char *cursor);

/* Goes back to the start of the current token, and reads it as the longest run of
 * letters, digits and any of `others`; "->" too where `others` has a '>'.
 * Returns the run and stands behind it, at the next token.                         */
tn_str tn_lexer_reread_run(tn_lexer *lexer, const char *others);

/* The current token is '{': reads to the '}' that closes it as JSON would, and stands
 * behind it. False if there is none.                                                */
bool tn_lexer_reread_braces(tn_lexer *lexer, tn_str *braces);

/* Skips blanks and comments from `at`. Returns NULL for a comment that does not end. */
const char *tn_skip_blanks(const char *at, const char *end);

/* Skips the string whose first quote is at `at`; NULL if it does not end. */
const char *tn_skip_string(const char *at, const char *end);

#endif
