/* What kernels can compute.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_NATIVE_H
#define TN_PLAN_NATIVE_H

#include "ir/module.h"

/* pred, s8…s64, u8…u64, f16, bf16, f32, f64. */
bool tn_type_is_native(tn_type type);

/* An elementwise `op` on operands of type `operand` (of select: the second's). */
bool tn_op_is_native(tn_op op, tn_type result, tn_type operand);

#endif
