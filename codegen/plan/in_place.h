/* Kernels that write over what they read.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_IN_PLACE_H
#define TN_PLAN_IN_PLACE_H

#include "codegen/plan/kernel.h"

/* The kernel with input `in` and output `out` as one parameter, `inout`, in the place of `out`,
 * with the same loops and schedule. NULL: it is not proved that this gives the same values.  */
tn_kernel *tn_kernel_in_place(tn_arena *arena, const tn_kernel *kernel, int in, int out);

#endif
