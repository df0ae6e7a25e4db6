/* Outputs against what --expect files say of them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TOOLS_EXPECT_H
#define TN_TOOLS_EXPECT_H

#include <jansson.h>

#include "tools/tool.h"

typedef struct {
  tn_arrays *arrays; /* of all --expect files; NULL: none */
  json_t *compared;  /* [{name, backend, max_abs, max_rel, holds}]; NULL before the first */
  bool holds;
} expectation;

tn_status read_expected(tn_context *context, const command_line *line, expectation *expected);
void release_expected(expectation *expected);

/* Every result against its key: its name or rN. `backend` is for messages. */
tn_status compare_expected(const command_line *line, expectation *expected, const char *backend,
                           const tn_arrays *results);
/* One comparison more, told where it does not hold. */
void record_comparison(expectation *expected, const char *backend, const tn_compared *found);

/* [NAME=]X of the output with this name; the last that fits. -1: the type's default. */
tn_status option_tolerance(const command_line *line, option_id id, const char *output, double *value);

#endif
