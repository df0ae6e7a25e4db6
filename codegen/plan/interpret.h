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
void tn_plan_lanes_join(tn_join join, tn_type type, tn_lanes *result, const tn_lanes *a, const tn_lanes *b,
                        int count);
/* The same of arg-min and arg-max: values a[0], b[0] of types[0], indices a[1], b[1] of types[1]. */
void tn_plan_lanes_arg_join(tn_join join, const tn_type types[2], tn_lanes *const result[2],
                            const tn_lanes *const a[2], const tn_lanes *const b[2], int count);

/* ---- inside (interpret_load.c) ---- */

/* Indices and expressions, prepared: with what their evaluation needs. */
typedef struct tn_machine_node tn_machine_node;
typedef struct tn_machine_index tn_machine_index;

typedef struct {
  tn_term_kind kind;
  int dim;
  int64_t scale, divisor, limit;
  tn_machine_index *of;
  tn_machine_node *value;
} tn_machine_term;

struct tn_machine_index {
  int64_t constant;
  int n_terms;
  tn_machine_term *terms;
};

struct tn_machine_node {
  tn_lane_op op;
  tn_lanes *out;
  tn_machine_node **operands;      /* of operations */
  tn_machine_index *offset;        /* of loads: in elements of the buffer's layout; of indices: they */
  tn_machine_index **at, **guards; /* of loads with a fill */
  tn_machine_node *fill;
  bool one_memory; /* of loads: a parameter, not a local */
};

typedef struct {
  const tn_kernel *kernel;
  const tn_cpu *target;
  tn_arena *arena;
  tn_diagnostics *sink;
  void **memory;     /* of every buffer; of locals: one copy a lane */
  bool *one_copy;    /* of locals: declared outside the strip, all lanes share lane 0's */
  int64_t *elements; /* of every buffer, in its layout */
  int64_t *dims;     /* the dims' values; of the strip dim: of lane 0 */
  tn_lanes **values; /* lets and accumulators */
  int strip;         /* the dim that runs in lanes; -1: none, one lane */
  int lanes;
  bool failed;
} tn_machine;

const tn_lanes *tn_machine_evaluate(tn_machine *m, tn_machine_node *node);
void tn_machine_lanes(tn_machine *m, const tn_machine_index *index, int64_t *out);
/* Reports an offset outside the buffer. */
bool tn_machine_check(tn_machine *m, int buffer, int64_t offset);
char *tn_machine_lane(const tn_machine *m, int buffer, int lane);
/* Lane 0 into all others. */
void tn_machine_splat(tn_type type, tn_lanes *out, int count);

/* interpret_sort.c: `lets` are the nodes of the body's. */
void tn_machine_sort(tn_machine *m, const tn_stmt *sort, tn_machine_node *const *lets, tn_machine_node *less);

/* Runs one kernel; memory[i] is the storage of its i-th parameter, in its layout. */
bool tn_kernel_run(const tn_kernel *kernel, const tn_cpu *target, void *const *memory, tn_diagnostics *sink);

#endif
