/* Free room in a memory: best fit, in order of addresses.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_ROOM_H
#define TN_SYSTOLIC_ROOM_H

#include "base/arena.h"

enum { TN_ROOM_ALIGN = 16 };

typedef struct {
  int64_t low, high;
} tn_hole;

typedef struct {
  tn_arena *arena;
  TN_VEC(tn_hole) holes; /* in order, none next to another */
  int64_t most;          /* the highest address that was ever taken */
} tn_room;

void tn_room_open(tn_room *room, tn_arena *arena, int64_t bytes);
/* The address, or -1. From the smallest hole that holds it; there at the low end. */
int64_t tn_room_take(tn_room *room, int64_t bytes);
void tn_room_give(tn_room *room, int64_t at, int64_t bytes);
/* A copy that may be taken from to see what fits. */
tn_room tn_room_copy(tn_arena *arena, const tn_room *room);

#endif
