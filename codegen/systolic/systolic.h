/* Plans -> instruction streams.
 *
 *   plan --partition--> sections (array | host) --tiling--> stream
 *
 * The host's sections become plans of their own, which the driver compiles with codegen/cpu into
 * NAME.host.so. Neither back end knows the other.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_SYSTOLIC_H
#define TN_SYSTOLIC_SYSTOLIC_H

#include "codegen/systolic/contraction.h"

typedef struct {
  const tn_systolic_target *array;
  const char *name;      /* of the stream, prefix of the host's symbols */
  const tn_cpu *host;    /* that the host's plans are for */
  bool keep_values;      /* what steps of the array read and write is in host memory, too, and behind the
                            plan's results: for those who check each step on what it received */
} tn_systolic_options;

/* Where a step went and why: for the table that `compile` prints. */
typedef struct {
  const tn_step *step;
  const char *kernel, *source;
  bool on_array;
  const char *why;     /* of the host: what the array cannot do */
  bool sums_floats;    /* of the array: in an order of its own */
  bool is_product;     /* else the vector unit alone has work, and no dataflow */
  tn_dataflow dataflow;
  int64_t macs, model_cycles;
} tn_placement;

typedef struct {
  tn_stream *stream;    /* all but host_hash, which the driver knows when the library is written */
  int n_host_plans;
  tn_plan **host_plans; /* unscheduled; stream->functions names them in this order */
  int n_placements;
  tn_placement *placements;
  const int *host_arrays; /* by buffer of the plan: index in stream->arrays; -1: only the array has it */
  const struct tn_forecast_program *forecast; /* what the cost model walked: forecast.h */
} tn_systolic_program;

/* `plan` is unscheduled and outlives the result, which is in plan->arena. NULL after reporting:
 * TN_LIMIT if a tensor does not fit where it must.                                             */
tn_systolic_program *tn_systolic_compile(tn_plan *plan, const tn_systolic_options *options, tn_diagnostics *sink);

#endif
