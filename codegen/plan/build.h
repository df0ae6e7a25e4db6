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

/* A computation whose instructions are being visited. */
typedef struct {
  tn_inst **order;
  int count, position;
  const tn_comp *comp;
  tn_plan_value *live; /* needed when it has run, beside its root; or NULL */
} tn_plan_visit;

typedef struct {
  tn_arena *arena;
  tn_plan *plan;
  tn_module *module;
  const tn_cpu *target;
  tn_diagnostics *sink;
  tn_plan_value **values;       /* by instruction id; of the current visit of its computation, as
                             far as it has come */
  TN_VEC(tn_plan_visit) visits; /* outermost first */
  tn_plan_value *live;          /* of the next visit */
  int **claims;                 /* by instruction id: for each leaf the result buffer, or -1 */
  tn_step **tail;               /* where the next step goes */
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
  const tn_inst *about; /* what steps are being made for; NULL: not known */
  bool apart;           /* of an unscheduled plan: outside of loops and branches no step writes over … */
  int depth;            /* … what another one made; how many of those are open */
  bool failed;
} builder;

/* ---- build_value.c ---- */
tn_plan_value *tn_plan_array_value(builder *b, const tn_shape *shape, int buffer);
tn_plan_value *tn_plan_tuple_value(builder *b, int count);
tn_plan_value *tn_plan_no_value(builder *b);               /* of tokens and contexts: without memory */
void tn_plan_set_outputs(builder *b, const tn_inst *inst); /* its value is what b->outputs hold */
tn_plan_value *tn_plan_constant_value(builder *b, const tn_literal *literal);
static inline tn_plan_value *tn_plan_value_of(const builder *b, const tn_inst *inst) {
  return b->values[inst->id];
}
int tn_plan_new_buffer(builder *b, tn_buffer buffer);
int tn_plan_new_temp(builder *b, const tn_shape *shape); /* row-major, whatever layout the module wrote */
int tn_plan_constant_buffer(builder *b, const tn_literal *literal);
tn_step *tn_plan_new_step(builder *b, tn_step_kind kind); /* at b->tail */
bool tn_plan_unsupported(builder *b, const tn_inst *inst);
/* to = from, element for element; a kernel where the layouts differ. */
/* "op_name file:line" of an instruction, for kernels. */
const char *tn_plan_source(builder *b, const tn_inst *inst);
void tn_plan_copy_buffer(builder *b, int to, int from, const tn_shape *seen);
/* Leaves of a value tree, left to right; values without memory are left out. */
void tn_plan_leaves(builder *b, tn_plan_value *value, value_list *out);
/* A tree of the same form in fresh temps. */
tn_plan_value *tn_plan_temps_like(builder *b, tn_plan_value *value);
/* to[i] = from[i] for all i at once. */
void tn_plan_copy_leaves(builder *b, const value_list *to, const value_list *from);
/* A step that copies between buffers of different layouts. */
void tn_plan_relayout(builder *b, int to, int from, const tn_shape *seen);

/* ---- build_pack.c ---- */
/* Layouts with E(4), E(2), E(1), where several elements share a byte. */
int tn_plan_unpack(builder *b, int from); /* into a new temp */
void tn_plan_pack(builder *b, int to, int from, const tn_shape *seen);

/* ---- build.c, build_control.c, build_entry.c ---- */
bool tn_plan_build_comp(builder *b, tn_comp *comp, tn_plan_value *const *arguments, tn_plan_value **result);
bool tn_plan_build_while(builder *b, tn_inst *inst);
bool tn_plan_build_conditional(builder *b, tn_inst *inst);
bool tn_plan_build_entry(builder *b);
/* A kernel from roots to b->outputs; whole: of a fusion's computation. */
tn_group tn_plan_group(builder *b, tn_inst *const *roots, bool whole);
/* arguments: of a fusion; else NULL. */
bool tn_plan_run_kernel(builder *b, const tn_inst *inst, const tn_lowered *lowered,
                        tn_inst *const *arguments);

/* ---- build_update.c ---- */
/* May what is there be written over, because nobody needs it any more? */
bool tn_plan_may_overwrite(const builder *b, int buffer);
/* The result that leaf `leaf` of inst is to be computed into, in place over `source`; -1: none. */
int tn_plan_claimed(const builder *b, const tn_inst *inst, int leaf, int source);
/* A dynamic-update-slice, or a fusion that ends in such: writes the update alone. */
bool tn_plan_is_update(const tn_inst *inst);
bool tn_plan_build_update(builder *b, tn_inst *inst);
/* Updates come as late as they can: when everybody else has read what they write over. */
void tn_plan_sink_updates(tn_inst **order, int count);

/* Equal kernels are kept once; temps that no step touches go (share.c). */
void tn_plan_share_kernels(tn_plan *plan);
void tn_plan_drop_unused_temps(tn_plan *plan);

/* Complex numbers become pairs of real ones (complex.c). */
void tn_kernel_split_complex(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target);

/* Adjacent loops that every access treats as one become one. */
void tn_kernel_merge_dims(tn_arena *arena, tn_kernel *kernel);

/* Dims and values get their numbers, and names, in the order of their appearance. */
void tn_kernel_number(tn_arena *arena, tn_kernel *kernel);

/* Is the module, with its calls flattened, within the limit of instructions? */
bool tn_plan_expansion_fits(const tn_module *module, const tn_plan_options *options, tn_diagnostics *sink);

#endif
