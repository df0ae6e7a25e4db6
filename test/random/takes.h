/* Which opcodes take which types; for the generator's coverage and the table in docs/ir.md.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_TAKES_H
#define TN_TEST_TAKES_H

#include "ir/module.h"

/* By its shape rule: the type of its result, of comparisons and parts that of the operand. */
bool opcode_takes(tn_op op, tn_type type);
/* Why no random program can have the opcode; NULL: it can. */
const char *opcode_never(tn_op op);
/* What else no program has, or is refused where one has it, a sentence each; NULL ends the list. */
extern const char *const never_drawn[], *const refused[];

#endif
