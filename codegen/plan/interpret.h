/* The plan interpreter's inside: one kernel, strips of lanes.
 *
 * A strip is a run of iterations of one parallel dim that are executed side by side:
 * every expression has a value for each of them. Values are held in three forms:
 * integers and predicates in int64 (u64 by its bits), f32, f16 and bf16 in float, f64
 * in double.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_INTERPRET_H
#define TN_PLAN_INTERPRET_H

#include "base/math/math.h"
#include "codegen/plan/plan.h"

enum { TN_STRIP = 128 };

typedef union {
  int64_t i[TN_STRIP];
  float f[TN_STRIP];
  double d[TN_STRIP];
} tn_lanes;

typedef enum { TN_FORM_INTEGER, TN_FORM_SINGLE, TN_FORM_DOUBLE } tn_form;
tn_form tn_form_of(tn_type type);

/* Lanes from and to memory elements of `type`, contiguous. */
void tn_plan_lanes_load(tn_type type, tn_lanes *to, const void *from, int count);
void tn_plan_lanes_store(tn_type type, void *to, const tn_lanes *from, int count);

/* result = op(operands), elementwise, as HLO defines it. `math` is the function of
 * base/math where there is one, else NULL.                                          */
typedef struct {
  const tn_expr *expr;
  tn_type operand_type;
  tn_math_call *math;
} tn_lane_op;
void tn_plan_lanes_apply(const tn_lane_op *op, tn_lanes *result, const tn_lanes *const *operands, int count);

/* result = join(a, b), one element each, in the accumulator's type. */
void tn_plan_lanes_join(tn_join join, tn_type type, tn_lanes *result, const tn_lanes *a, const tn_lanes *b, int count);

/* Runs one kernel; memory[i] is the storage of its i-th parameter, in its layout. */
bool tn_kernel_run(const tn_kernel *kernel, const tn_cpu *target, void *const *memory, tn_diagnostics *sink);

#endif
