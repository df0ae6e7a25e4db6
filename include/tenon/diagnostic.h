/* What the library says to its user: statuses and diagnostics.
 *
 * Part of Tenon, under the Apache License v2.0 with LLVM exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TENON_DIAGNOSTIC_H
#define TENON_DIAGNOSTIC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a call ended. The values are the exit statuses of the `tenon` command. */
typedef enum {
  TN_OK = 0,
  TN_MISMATCH = 1,    /* a comparison or a check did not hold */
  TN_USAGE = 2,       /* the command or the library was used wrongly */
  TN_INVALID = 3,     /* the input is malformed or breaks a rule of its format */
  TN_UNSUPPORTED = 4, /* the input is valid; this version cannot do it */
  TN_IO = 5,          /* reading or writing failed */
  TN_LIMIT = 6,       /* a named limit was hit */
  TN_BUG = 70         /* an invariant of Tenon itself is broken */
} tn_status;

typedef enum { TN_SEVERITY_ERROR, TN_SEVERITY_WARNING, TN_SEVERITY_NOTE } tn_severity;

/* A place in a text. line and column count from 1, columns in bytes; line 0: the
 * whole file. file NULL: no place is known.                                     */
typedef struct {
  const char *file;
  uint32_t line;
  uint32_t column;
} tn_location;

/* One message. The strings live until the callback returns. */
typedef struct {
  tn_severity severity;
  tn_status status;        /* of errors; TN_OK for warnings and notes */
  tn_location location;
  const char *message;     /* "dot: contracting sizes 128 and 64 differ" */
  const char *source_line; /* the line of the text, without its end; NULL if unknown */
} tn_diagnostic;

typedef void tn_diagnostic_callback(void *user, const tn_diagnostic *diagnostic);

#ifdef __cplusplus
}
#endif
#endif
