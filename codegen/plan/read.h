/* Inside the reader of plans: a cursor over the text, and what all parts read.
 *
 * The reader works on characters; blanks and comments may stand between any two
 * things. The first error ends the reading: every function below returns false after
 * one, whether its own or an earlier one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_READ_H
#define TN_PLAN_READ_H

#include "codegen/plan/expr.h"
#include "codegen/plan/plan.h"

typedef struct {
  const char *at, *begin, *end;
  const tn_plan_text_options *options;
  tn_diagnostics *sink;
  tn_arena *arena; /* the plan's */
  int64_t depth;
  bool failed;
} tn_reader;

/* read.c: the error shows the place `at`. */
bool tn_read_fail(tn_reader *r, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tn_read_skip(tn_reader *r); /* blanks and comments */
/* Looks without taking; the word that begins here, length 0 if none does. */
tn_str tn_read_word(tn_reader *r);
bool tn_read_at(tn_reader *r, char c);
bool tn_read_at_word(tn_reader *r, const char *word);
/* Takes it if it is there. */
bool tn_read_accept(tn_reader *r, char c);
bool tn_read_accept_word(tn_reader *r, const char *word);
bool tn_read_expect(tn_reader *r, char c, const char *context);
bool tn_read_expect_word(tn_reader *r, const char *word, const char *context);
/* [A-Za-z_][A-Za-z0-9_.]* ; `what` is for the message. */
bool tn_read_name(tn_reader *r, const char *what, tn_str *name);
bool tn_read_integer(tn_reader *r, const char *what, int64_t least, int64_t most, int64_t *value);
bool tn_read_quoted(tn_reader *r, const char *what, const char **text);
/* Up to max_nesting levels of braces and parentheses. */
bool tn_read_enter(tn_reader *r);
void tn_read_leave(tn_reader *r);

/* read_data.c */
bool tn_read_type(tn_reader *r, tn_type *type);
bool tn_read_shape(tn_reader *r, const tn_shape **shape);
bool tn_read_element(tn_reader *r, tn_type type, void *element);
/* = { … }, or = {...} file "…" */
bool tn_read_literal(tn_reader *r, const tn_shape *shape, tn_literal **literal);

/* ---- kernels (read_kernel.c, read_expr.c) ---- */

enum { TN_NAME_DIM, TN_NAME_BUFFER, TN_NAME_VALUE };

typedef struct {
  const char *name;
  int kind, number;
  bool open; /* false once its scope is closed */
} tn_kernel_name;

typedef struct {
  tn_reader *r;
  tn_kernel *kernel;
  TN_VEC(tn_kernel_name) names;
  TN_VEC(tn_dim) dims;
  TN_VEC(tn_kernel_buffer) buffers;
  TN_VEC(tn_kernel_value) values;
} tn_kernel_reader;

bool tn_read_kernel(tn_reader *r, tn_kernel **kernel); /* after "kernel" */

/* The number of a name in scope; reports others. */
bool tn_read_known(tn_kernel_reader *k, int kind, int *number);
/* A name of that kind in scope that is called so, or NULL. */
const tn_kernel_name *tn_kernel_lookup(const tn_kernel_reader *k, tn_str name);
/* expected: the type that constants without one have; TN_TYPE_NONE: they must say it. */
bool tn_read_expr(tn_kernel_reader *k, tn_type expected, const tn_expr **expr);
bool tn_read_access(tn_kernel_reader *k, int *buffer, const tn_index *const **at);

#endif
