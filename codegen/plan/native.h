/* What kernels can compute.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_NATIVE_H
#define TN_PLAN_NATIVE_H

#include "base/math/math.h"
#include "ir/module.h"

/* Predicates, integers and real floats of every width. */
bool tn_type_is_native(tn_type type);
/* convert, bitcast-convert, stochastic-convert: the result's type is the operation's own. */
bool tn_op_names_type(tn_op op);

/* Those, and complex numbers: what kernels are lowered from. */
bool tn_type_lowers(tn_type type);

/* Of positive operands a positive number: in f8e8m0fnu, which is computed in f32 and has
 * no zero, a 0 of such an operation is what was too small for f32.                     */
bool tn_op_is_never_zero(tn_op op);

/* An elementwise `op` on operands of type `operand` (of select: the second's). */
bool tn_op_is_native(tn_op op, tn_type result, tn_type operand);

/* One part of a function of complex numbers whose parts have type `part_type`. */
bool tn_part_is_native(tn_op op, tn_part part, tn_type part_type);
/* What becomes a native operation, or several. */
bool tn_op_lowers(tn_op op, tn_type result, tn_type operand);

/* How a plan computes an opcode. */
typedef enum {
  TN_NATIVE_NO,      /* refused by its name */
  TN_NATIVE_SCALARS, /* elementwise, in the types that tn_op_is_native says */
  TN_NATIVE_KERNEL,  /* a statement or a tree, in every native type */
  TN_NATIVE_SCHEDULE /* without a kernel, in any type: regions, aliases, constants, what passes through */
} tn_native_form;
tn_native_form tn_op_native_form(tn_op op);

#endif
