/* What evaluating instructions costs: the part that opcodes decide.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_WORK_H
#define TN_IR_WORK_H

#include "ir/module.h"

/* Of a dot, a convolution or a window: how many terms each element of the result is joined of;
 * of all others 1. At most INT64_MAX / 4, so that a few may be added.                         */
int64_t tn_inst_terms(const tn_inst *inst);

/* The product, no more than that. Neither is negative. */
int64_t tn_work_times(int64_t a, int64_t b);

#endif
