/* Programs made inside the driver.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_PROGRAM_H
#define TN_DRIVER_PROGRAM_H

#include "driver/compile.h"

/* The plan's code in this process, for which the plan is not needed any more. NULL
 * after reporting.                                                                */
tn_program *tn_program_of_plan(tn_context *context, tn_plan *plan, int level);

tn_context *tn_program_context(const tn_program *program);

/* The plan's kernels in its order; without `compile`, and where no step runs a kernel, their
 * programs are NULL. Lists and texts are in `arena`; programs are the caller's. False after
 * reporting; then there are none.                                                          */
bool tn_driver_kernels(tn_context *context, tn_arena *arena, const tn_plan *plan, int level, bool compile,
                       tn_kernel_program **kernels, int32_t *count);

#endif
