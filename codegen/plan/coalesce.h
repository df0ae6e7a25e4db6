/* Copies that need not be: coalesce.c joins buffers, alternate.c turns loops over.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_COALESCE_H
#define TN_PLAN_COALESCE_H

#include "codegen/plan/flow.h"

typedef struct {
  tn_arena *scratch; /* reset by solve */
  tn_plan *plan;
  tn_flow flow;
  TN_VEC(int) * touching; /* by buffer: the points whose steps name it */
  int kernel_room;        /* of plan->kernels, as far as it was made here */
} tn_coalescer;

void tn_coalesce_solve(tn_coalescer *c);
/* Bytes and layout are the same, and alignment is as good as needed. */
bool tn_same_memory(const tn_buffer *x, const tn_buffer *y);
/* Would one buffer for both lose a value that is still needed? */
bool tn_coalesce_clash(const tn_coalescer *c, int keep, int gone);
/* Two that do not clash become one; kernels between them work in place. */
void tn_coalesce_join(tn_coalescer *c, int keep, int gone);

/* Buffers that a copy joins become one where they are not needed together; kernels in between
 * become such that write over what they read. Before schedules are chosen.                      */
void tn_plan_coalesce(tn_plan *plan);

/* Is the loop such that two turns may become one? */
bool tn_may_alternate(const tn_plan *plan, const tn_step *loop);

/* Loops that copy their state at the end do two turns in one, from one set of buffers to another
 * and back. After schedules were chosen.                                                     */
void tn_plan_alternate(tn_plan *plan);

/* order.c: steps that do not depend on each other change places where less is alive then. */
void tn_plan_order(tn_plan *plan);

/* peak.c. Steps at the peak write over what they read for the last time. Behind it the
 * kernels of a plan are no longer one a step.                                              */
void tn_plan_lower_peak(tn_plan *plan);
/* Makes temps again, before their next use, where more than `limit` bytes are alive. True if it
 * changed anything.                                                                        */
bool tn_plan_make_again(tn_plan *plan, int64_t limit);
/* The most bytes of temps that one kernel touches, and which: less than this no arena can have. */
int64_t tn_plan_least_bytes(const tn_plan *plan, const char **kernel);

#endif
