/* The custom calls that mean the same everywhere.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_CUSTOM_CALL_H
#define TN_IR_CUSTOM_CALL_H

#include "ir/module.h"

/* A mark for partitioners or memory placement: with one participant the operand itself. */
bool tn_custom_call_is_identity(const tn_inst *inst);
/* "TopK": topk of the last dim; its comparator says which end. */
bool tn_custom_call_is_topk(const tn_inst *inst, bool *largest);

#endif
