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

#endif
