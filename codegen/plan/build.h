/* The builder's state, shared by the files that make a plan.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_BUILD_H
#define TN_PLAN_BUILD_H

#include "codegen/plan/lower.h"
#include "codegen/plan/plan.h"

/* An instruction's value: an array in a buffer, seen with a shape; or a tuple. */
typedef struct tn_plan_value tn_plan_value;
struct tn_plan_value {
  const tn_shape *shape; /* of arrays; a token's for values without memory */
  int buffer;            /* -1: none */
  int count;
  tn_plan_value **elements; /* of tuples, else NULL */
};

typedef TN_VEC(tn_plan_value *) value_list;

typedef struct {
  tn_arena *arena;
  tn_plan *plan;
  tn_module *module;
  const tn_cpu *target;
  tn_diagnostics *sink;
  tn_plan_value **values; /* by instruction id; of the current visit of its computation */
  int **claims;           /* by instruction id: for each leaf the result buffer, or -1 */
  tn_step **tail;         /* where the next step goes */
  TN_VEC(tn_buffer) buffers;
  TN_VEC(tn_kernel *) kernels;
  TN_VEC(int) parameters;
  TN_VEC(int) results;
  TN_VEC(const char *) parameter_names;
  TN_VEC(const char *) result_names;
  int next_temp, next_constant;
  int n_outputs; /* of the kernel in the making */
  int *outputs;
  const tn_shape **output_shapes;
  bool failed;
} builder;

/* A step that copies between buffers of different layouts. */
void tn_plan_relayout(builder *b, int to, int from, const tn_shape *seen);

/* Complex numbers become pairs of real ones (complex.c). */
void tn_kernel_split_complex(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target);

/* Adjacent loops that every access treats as one become one. */
void tn_kernel_merge_dims(tn_arena *arena, tn_kernel *kernel);

/* Dims and values get their numbers, and names, in the order of their appearance. */
void tn_kernel_number(tn_arena *arena, tn_kernel *kernel);

/* Is the module, with its calls flattened, within the limit of instructions? */
bool tn_plan_expansion_fits(const tn_module *module, const tn_plan_options *options, tn_diagnostics *sink);

#endif
