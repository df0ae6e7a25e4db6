/* What one run of a kernel costs, counted on its tree: what no schedule can avoid.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_COST_H
#define TN_PLAN_COST_H

#include "codegen/plan/kernel.h"

typedef struct {
  int64_t flops;                   /* operations on floats and complex numbers; a fused multiply-add is two */
  int64_t bytes_read, bytes_written; /* of parameters, each element once, whatever caches do */
} tn_kernel_cost;

tn_kernel_cost tn_kernel_cost_of(const tn_kernel *kernel);

#endif
