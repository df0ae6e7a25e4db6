/* What the files of driver/ share: the insides of tenon.h's handles.
 *
 * Every public call does its work inside tn_driver_do, which sets the guard against
 * out of memory and turns what was reported into a status. Work functions take one
 * struct, so that nothing lives in registers across the guard's jump.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_DRIVER_H
#define TN_DRIVER_DRIVER_H

#include "codegen/plan/plan.h"
#include "ir/module.h"
#include "passes/pass.h"
#include "tenon/tenon.h"

typedef struct tn_added_pass {
  tn_pass pass; /* first: the pipeline knows the pass by this */
  tn_custom_pass *function;
  void *user;
} tn_added_pass;

struct tn_context {
  tn_arena *arena;   /* of what lives as long as the context */
  tn_arena *scratch; /* of one public call and those that callbacks make in it */
  int depth;         /* public calls that are running */
  tn_diagnostics sink;
  tn_limits limits;
  TN_VEC(tn_added_pass *) added;
};

struct tn_arrays {
  tn_context *context;
  tn_arena *arena;
  TN_VEC(tn_array) list;
};

struct tn_model {
  tn_context *context;
  tn_arena *arena;   /* the source's mapping, names */
  tn_source source;  /* its name is NULL where none is registered */
  tn_module *module; /* one of these two */
  tn_plan *plan;
  tn_arena *derived; /* of signature, times and report; renewed by whom they belong to */
  tn_signature *signature;
  const tn_pipeline_place *place; /* while a hook looks at it: behind which run of a pass; else NULL */
};

/* Runs `work` under a guard. Its result false: the status of the first error that it
 * reported, TN_BUG if it reported none.                                             */
tn_status tn_driver_do(tn_context *context, bool (*work)(void *), void *argument);

/* A diagnostics callback whose user is a tn_first_error: work that is tried, and told in other words. */
typedef struct {
  tn_arena *arena;
  const char *message; /* the first error's; NULL while there is none */
} tn_first_error;
void tn_driver_keep_first(void *user, const tn_diagnostic *diagnostic);

/* ---- values ---- */

/* The leaves of a shape in flattening order, tokens left out; appended to `leaves`. */
typedef TN_VEC(const tn_shape *) tn_leaves;
void tn_driver_leaves(tn_arena *arena, const tn_shape *shape, tn_leaves *leaves);

/* The signature's value as a shape, with its layout. */
const tn_shape *tn_driver_value_shape(tn_arena *arena, const tn_value *value);

/* An array as a literal of `shape` (viewed where possible), and back (copied, dynamic
 * dims at their actual size).                                                        */
tn_literal *tn_driver_literal(tn_arena *arena, tn_diagnostics *sink, const tn_array *array,
                              const tn_shape *shape);
/* Array `number` of the arguments likewise; NULL after saying that it is missing or does not fit. */
tn_literal *tn_driver_argument(tn_arena *arena, tn_context *context, const tn_arrays *arguments, int number,
                               const tn_shape *shape);
void tn_driver_append_literal(tn_arrays *arrays, const char *name, const tn_literal *literal);
void tn_driver_append_leaves(tn_arrays *arrays, tn_literal *literal);

/* Inside a guard: never NULL. */
tn_arrays *tn_driver_new_arrays(tn_context *context);

/* ---- models ---- */

/* Sizes of an entry's bounded dims join its parameters and results (passes/bounded_entry.c):
 * what every back end and the signature see. Before any of them looks.                    */
bool tn_driver_settle(tn_model *model);
tn_signature *tn_driver_module_signature(tn_arena *arena, const tn_module *module);
tn_signature *tn_driver_plan_signature(tn_arena *arena, const tn_plan *plan);

/* The model as text with its side files; `text` is the caller's, to free. */
bool tn_driver_write(const tn_model *model, const char *path, tn_constants_form form, tn_text *text);

/* ---- passes ---- */

/* The pipeline on model's module; runs in `arena`. */
bool tn_driver_optimise(tn_model *model, const tn_pass_options *options, tn_arena *arena,
                        const tn_pass_run **runs, int *count);

#endif
