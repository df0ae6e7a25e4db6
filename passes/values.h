/* What a pass can know of a value without computing it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_VALUES_H
#define TN_PASSES_VALUES_H

#include "ir/module.h"

/* The one value that all elements of `inst` have, or NULL: a constant (of up to 4096
 * elements), behind broadcasts and reshapes.                                          */
const void *tn_one_value(const tn_inst *inst);

/* inst is `value` everywhere; floats: with the same sign of zero. Never of complex types. */
bool tn_is_all(const tn_inst *inst, double value);

/* Both are one and the same number everywhere, bit for bit. */
bool tn_same_value(const tn_inst *a, const tn_inst *b);

/* A constant, or a constant that is repeated along other dims. */
bool tn_is_constant_like(const tn_inst *inst);

/* s8 or u8. */
bool tn_is_byte(const tn_inst *inst);

/* A reduce or reduce-window of one array: what joins its elements, which is one operation. */
bool tn_is_reduction(const tn_inst *inst, tn_op *op);

/* f16, bf16, f32, f64: what has infinities, and rounds as IEEE 754 says. */
bool tn_type_is_ieee(tn_type type);

/* However values of the type are ordered and grouped, joining them by `op` gives the same bits. */
bool tn_joins_in_any_order(tn_op op, tn_type type);

/* inst's operand is an instruction of this opcode; or NULL. */
tn_inst *tn_operand_of(const tn_inst *inst, int number, tn_op op);

#endif
