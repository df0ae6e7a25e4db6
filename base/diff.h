/* Line diffs of texts.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_DIFF_H
#define TN_BASE_DIFF_H

#include "base/text.h"

typedef enum { TN_LINE_KEPT = ' ', TN_LINE_REMOVED = '-', TN_LINE_ADDED = '+' } tn_line_kind;

typedef struct {
  tn_line_kind kind;
  tn_str text; /* of one of the two texts, without the newline */
  int before;  /* number of the line in the first text, from 1; of one that was added: of the one after it */
  int after;   /* the same in the second */
} tn_diff_line;

/* Both texts as one list of lines: removed before added where one stands for the other.
 * Lines that occur once in both are matched first (patience), so that moved blocks do not
 * tear others apart. About n log n for texts whose lines are nearly all different.       */
tn_diff_line *tn_diff(tn_arena *arena, tn_str before, tn_str after, int *count);

/* As unified diff, `context` lines around each change; @@ lines end with the last line
 * before them that ends with `{`. colour: with terminal escapes.                        */
void tn_diff_print(tn_text *out, const tn_diff_line *lines, int count, int context, bool colour);

#endif
