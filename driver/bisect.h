/* From a guilty pass to the guilty rewrite, and to a module that shows it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_BISECT_H
#define TN_DRIVER_BISECT_H

#include "driver/check.h"
#include "passes/pass.h"

/* A pass that changed a result, as it ran. */
typedef struct {
  const tn_module *before;
  const tn_pass *pass;
  int64_t rewrites;
  const tn_pipeline_options *pipeline; /* what passes see of it counts */
  tn_checker *checker;
  tn_check_result found;
} tn_suspect;

/* The first of its rewrites after which the result differs, from 1. 0: it counts none, or does not
 * differ when run again.                                                                         */
int64_t tn_bisect_rewrite(const tn_suspect *suspect);

/* The least that still differs when the pass alone runs on it; destroyed by the caller. NULL: it
 * does not differ alone. Constants of it are in `literals`.                                      */
tn_module *tn_bisect_reduce(const tn_suspect *suspect, tn_arena *literals);

#endif
