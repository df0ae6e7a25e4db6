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

typedef struct {
  tn_life *lives; /* one a buffer */
  int end;        /* times are 1 … end */
  tn_step **at;   /* by time: the step that begins then; NULL: none does */
  int64_t *alive; /* by time: bytes of temps */
} tn_timeline;

tn_timeline tn_plan_timeline(tn_arena *arena, const tn_plan *plan);

/* What has to lie somewhere: `size` bytes from time first to time last, both included. */
typedef struct {
  int first, last;
  int64_t size, offset;
  bool on_top; /* nothing else lies above it while it lives: scratch memory, of one time; never two at once */
} tn_box;

/* The most bytes that are alive at once: no packing takes less. */
int64_t tn_boxes_alive(tn_arena *scratch, const tn_box *boxes, int count);

/* Offsets such that boxes alive together lie apart. Returns the bytes they take. *proven: no
 * packing takes less. work: how much the search may do, about a nanosecond each.          */
int64_t tn_place_boxes(tn_arena *scratch, tn_box *boxes, int count, int64_t work, bool *proven);

/* place_search.c: offsets below `capacity`, starting from nothing; every size and the capacity a
 * multiple of one unit. *work goes down; if it is used up, nothing is known.                 */
typedef enum { TN_FITS, TN_FITS_NOT, TN_FITS_UNKNOWN } tn_fit;
tn_fit tn_search_place(tn_arena *scratch, tn_box *boxes, int count, int64_t capacity, int64_t *work);

#endif
