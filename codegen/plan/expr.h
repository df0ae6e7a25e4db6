/* Making expressions and statements; for the builders of kernels.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_EXPR_H
#define TN_PLAN_EXPR_H

#include "codegen/plan/kernel.h"

const tn_expr *tn_expr_bits(tn_arena *arena, tn_type type, uint64_t low, uint64_t high);
const tn_expr *tn_expr_number(tn_arena *arena, tn_type type, double value); /* exact in `type` */
/* Element `position` (row-major) of an array literal. */
const tn_expr *tn_expr_element(tn_arena *arena, const tn_literal *literal, int64_t position);
const tn_expr *tn_expr_index(tn_arena *arena, tn_type type, const tn_index *index);
const tn_expr *tn_expr_value(tn_arena *arena, tn_type type, int value);
const tn_expr *tn_expr_op(tn_arena *arena, tn_op op, tn_type type, int count, const tn_expr *const *operands);
const tn_expr *tn_expr_binary(tn_arena *arena, tn_op op, tn_type type, const tn_expr *a, const tn_expr *b);
const tn_expr *tn_expr_fma(tn_arena *arena, const tn_expr *a, const tn_expr *b, const tn_expr *c);
/* `a` itself where it has the type already; constants are converted here. */
const tn_expr *tn_expr_convert(tn_arena *arena, tn_type type, const tn_expr *a);
/* low <= index < high, as a pred. */
const tn_expr *tn_expr_in_range(tn_arena *arena, const tn_kernel *kernel, const tn_index *index, int64_t low,
                                int64_t high);

/* The type that constants have as operand i of an operation, where the operation itself
 * is expected to have type `expected`; NONE: they say it themselves.                  */
tn_type tn_operand_type(tn_expr_kind kind, tn_op op, int i, tn_type expected);

/* buffer[at]; rank: of the buffer. */
tn_expr *tn_expr_load(tn_arena *arena, tn_type type, int buffer, int rank, const tn_index *const *at);

tn_stmt *tn_stmt_new(tn_arena *arena, tn_stmt_kind kind);

#endif
