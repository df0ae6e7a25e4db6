/* Best fit over a list of holes; room.h. Cost: O(holes) a call; there are few.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/room.h"

static int64_t rounded(int64_t bytes) {
  return bytes < 1 ? TN_ROOM_ALIGN : (bytes + TN_ROOM_ALIGN - 1) / TN_ROOM_ALIGN * TN_ROOM_ALIGN;
}

void tn_room_open(tn_room *room, tn_arena *arena, int64_t bytes) {
  *room = (tn_room){.arena = arena};
  tn_hole all = {0, bytes / TN_ROOM_ALIGN * TN_ROOM_ALIGN};
  if (all.high > 0) TN_PUSH(arena, &room->holes, all);
}

int64_t tn_room_take(tn_room *room, int64_t bytes) {
  int best = -1;
  bytes = rounded(bytes);
  for (int i = 0; i < room->holes.count; i++) {
    int64_t size = room->holes.at[i].high - room->holes.at[i].low;
    if (size >= bytes && (best < 0 || size < room->holes.at[best].high - room->holes.at[best].low)) best = i;
  }
  if (best < 0) return -1;
  tn_hole *hole = &room->holes.at[best];
  int64_t at = hole->low;
  hole->low += bytes;
  if (hole->low == hole->high) {
    memmove(hole, hole + 1, (size_t)(room->holes.count - best - 1) * sizeof *hole);
    room->holes.count--;
  }
  if (at + bytes > room->most) room->most = at + bytes;
  return at;
}

void tn_room_give(tn_room *room, int64_t at, int64_t bytes) {
  tn_hole hole = {at, at + rounded(bytes)};
  int i = 0;
  while (i < room->holes.count && room->holes.at[i].low < at) i++;
  tn_hole *next = i < room->holes.count ? &room->holes.at[i] : NULL,
          *last = i ? &room->holes.at[i - 1] : NULL;
  if (last && last->high == hole.low) {
    last->high = hole.high;
    if (next && next->low == hole.high) {
      last->high = next->high;
      memmove(next, next + 1, (size_t)(room->holes.count - i - 1) * sizeof hole);
      room->holes.count--;
    }
    return;
  }
  if (next && next->low == hole.high) {
    next->low = hole.low;
    return;
  }
  TN_PUSH(room->arena, &room->holes, hole);
  memmove(&room->holes.at[i + 1], &room->holes.at[i], (size_t)(room->holes.count - 1 - i) * sizeof hole);
  room->holes.at[i] = hole;
}

tn_room tn_room_copy(tn_arena *arena, const tn_room *room) {
  tn_room copy = {.arena = arena, .most = room->most};
  for (int i = 0; i < room->holes.count; i++) TN_PUSH(arena, &copy.holes, room->holes.at[i]);
  return copy;
}
