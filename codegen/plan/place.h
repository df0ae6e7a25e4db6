/* How long buffers live; for placing them and for checking where they lie.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_PLACE_H
#define TN_PLAN_PLACE_H

#include "codegen/plan/plan.h"

/* From the first to the last time that a step touches it; steps get times in order of
 * execution. first > last: never.                                                     */
typedef struct {
  int buffer;
  int first, last;
  int64_t size; /* of temps in use: bytes in the arena, a multiple of 64; else 0 */
} tn_life;

/* One a buffer; *end is after all times. */
tn_life *tn_plan_lives(tn_arena *arena, const tn_plan *plan, int *end);

#endif
