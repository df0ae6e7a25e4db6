/* The sink of diagnostics: parsers, verifiers and passes report here, the caller of
 * the library decides what becomes of it. Nothing in the library prints.
 *
 * Style of messages: lower case, no full stop, the construct first, both values:
 * "dot: contracting sizes 128 and 64 differ".
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_DIAGNOSTICS_H
#define TN_BASE_DIAGNOSTICS_H

#include "base/arena.h"
#include "base/text.h"
#include "tenon/diagnostic.h"

typedef struct tn_diagnostics {
  tn_diagnostic_callback *callback; /* NULL: messages are only counted */
  void *user;
  int errors;          /* reported so far */
  int error_limit;     /* further errors are counted, not reported; 0: 20 */
  tn_status status;    /* of the first error; TN_OK while there is none */
  struct tn_source *sources; /* texts that locations point into, newest first */
} tn_diagnostics;

/* A text whose lines messages may show. It must outlive its last report; `name` is
 * compared by pointer first, then by content.                                     */
typedef struct tn_source {
  const char *name;
  const char *text;
  size_t length;
  struct tn_source *next;
} tn_source;
void tn_diagnostics_add_source(tn_diagnostics *sink, tn_source *source);
void tn_diagnostics_remove_source(tn_diagnostics *sink, tn_source *source);

/* Reports an error and returns false, so that checks read
 *   return tn_error(sink, TN_INVALID, inst->location, "…", …);                    */
bool tn_error(tn_diagnostics *sink, tn_status status, tn_location location, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void tn_warning(tn_diagnostics *sink, tn_location location, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Belongs to the message before it. Notes of errors beyond error_limit are dropped too. */
void tn_note(tn_diagnostics *sink, tn_location location, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A text with more errors is another kind of text: who reads it stops. */
enum { TN_ERRORS_OF_A_TEXT = 100 };

/* No place in a text. */
#define TN_NOWHERE ((tn_location){0})

/* "file:line:col: error: message", the source line and a caret; what the command
 * prints. Tabs of the source line are kept, so that the caret stands right.       */
void tn_diagnostic_print(const tn_diagnostic *diagnostic, tn_text *out);

#endif
