/* What the files of the report share: report.c collects and writes, report_plan.c tells of
 * kernels, steps and buffers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_REPORT_H
#define TN_DRIVER_REPORT_H

#include "driver/compile.h"
#include "driver/graph_view.h"
#include "driver/roofline.h"

/* What was measured. */
typedef struct {
  int32_t threads;
  tn_timing whole;
  tn_roof roof;
  const tn_timing *kernels; /* one a kernel of the plan; no runs: no step runs it */
} tn_report_measured;

/* "kernels", "steps", "buffers", and "measured"; measured NULL: nothing was. */
void tn_report_plan_json(tn_json *json, tn_arena *arena, const tn_plan *plan,
                         const tn_kernel_program *kernels, const tn_report_measured *measured);

#endif
