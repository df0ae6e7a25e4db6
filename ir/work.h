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

/* How often a while's body runs, where an annotation of its own or XLA's says so; else `unknown`. */
int64_t tn_inst_known_turns(const tn_inst *loop, int64_t unknown);
void tn_inst_note_turns(tn_inst *loop, int64_t turns); /* the while has no backend_config yet */

/* The product, no more than that. Neither is negative. */
int64_t tn_work_times(int64_t a, int64_t b);

#endif
