/* Programs in text against results in text.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef EVAL_TEST_H
#define EVAL_TEST_H

#include "ir/eval.h"

/* "ENTRY e { … }" without parameters gives `expected`: "s8[2] constant({1, 2})". */
void expect_result(const char *program, const char *expected);
/* Evaluation ends with `status`, and its first message contains `part`. */
void expect_failure(const char *program, const tn_eval_options *options, tn_status status, const char *part);
/* The bound of element `index` of the result (an array). */
double bound_of(const char *program, int64_t index);
/* Runs under the options; true if it succeeds. */
bool runs(const char *program, const tn_eval_options *options);

#endif
