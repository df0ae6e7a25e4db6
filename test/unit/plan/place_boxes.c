/* Placing boxes, against all ways there are.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "codegen/plan/place.h"

enum { UNIT = 64, WORK = 100 * 1000 * 1000 };

static uint64_t roll(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *state >> 33;
}

static int draw(uint64_t *state, tn_box *boxes, int most, int times, int sizes) {
  int count = 1 + (int)(roll(state) % (uint64_t)most);
  for (int i = 0; i < count; i++) {
    int first = (int)(roll(state) % (uint64_t)times);
    boxes[i].first = first;
    boxes[i].last = first + (int)(roll(state) % (uint64_t)(times - first));
    boxes[i].size = UNIT * (1 + (int64_t)(roll(state) % (uint64_t)sizes));
    boxes[i].offset = 0;
    boxes[i].on_top = false;
  }
  return count;
}

static bool meet(const tn_box *x, const tn_box *y) {
  return x->first <= y->last && y->first <= x->last && x->offset < y->offset + y->size &&
         y->offset < x->offset + x->size;
}

static bool lie_apart(const tn_box *boxes, int count) {
  for (int i = 0; i < count; i++)
    for (int j = 0; j < i; j++)
      if (meet(&boxes[i], &boxes[j])) return false;
  return true;
}

static int64_t end_of(const tn_box *boxes, int count) {
  int64_t end = 0;
  for (int i = 0; i < count; i++)
    end = boxes[i].offset + boxes[i].size > end ? boxes[i].offset + boxes[i].size : end;
  return end;
}

/* Every box at every offset. */
static bool fits(tn_box *boxes, int count, int placed, int64_t capacity) {
  if (placed == count) return true;
  tn_box *box = &boxes[placed];
  for (box->offset = 0; box->offset + box->size <= capacity; box->offset += UNIT) {
    bool apart = true;
    for (int i = 0; i < placed; i++) apart = apart && !meet(box, &boxes[i]);
    if (apart && fits(boxes, count, placed + 1, capacity)) return true;
  }
  return false;
}

static int64_t least(tn_arena *arena, const tn_box *boxes, int count) {
  tn_box *trial = tn_arena_copy(arena, boxes, sizeof *boxes * (size_t)count);
  int64_t capacity = tn_boxes_alive(arena, boxes, count);
  while (!fits(trial, count, 0, capacity)) capacity += UNIT;
  return capacity;
}

Test(place_boxes, as_good_as_all_ways) {
  uint64_t state = 5;
  for (int round = 0; round < 4000; round++) {
    tn_arena *arena = tn_arena_create();
    tn_box boxes[10];
    bool proven;
    int count = draw(&state, boxes, 10, 9, 3);
    int64_t best = least(arena, boxes, count), bytes = tn_place_boxes(arena, boxes, count, WORK, &proven);
    cr_assert_eq(bytes, best, "round %d: %d bytes, not %d", round, (int)bytes, (int)best);
    cr_assert_eq(bytes, end_of(boxes, count));
    cr_assert(lie_apart(boxes, count) && proven);
    tn_arena_destroy(arena);
  }
}

/* Seven units are alive at once, and no packing takes less than eight. */
Test(place_boxes, what_is_alive_may_be_too_little) {
  static const int forms[][3] = {{0, 1, 3}, {0, 2, 3}, {1, 2, 1}, {2, 5, 2}, {4, 4, 1},
                                 {3, 5, 2}, {5, 6, 3}, {6, 8, 3}, {2, 4, 1}, {4, 4, 1}};
  tn_arena *arena = tn_arena_create();
  tn_box boxes[10];
  bool proven;
  for (int i = 0; i < 10; i++) boxes[i] = (tn_box){forms[i][0], forms[i][1], UNIT * forms[i][2], 0, false};
  cr_expect_eq(tn_boxes_alive(arena, boxes, 10), 7 * UNIT);
  cr_expect_eq(least(arena, boxes, 10), 8 * UNIT);
  cr_expect_eq(tn_place_boxes(arena, boxes, 10, WORK, &proven), 8 * UNIT);
  cr_expect(proven && lie_apart(boxes, 10));
  tn_place_boxes(arena, boxes, 10, 0, &proven);
  cr_expect(!proven, "without a search there is no proof");
  tn_arena_destroy(arena);
}

Test(place_boxes, many_lie_apart_whatever_the_budget) {
  uint64_t state = 9;
  for (int round = 0; round < 60; round++) {
    tn_arena *arena = tn_arena_create();
    static tn_box boxes[300];
    bool proven;
    int count = draw(&state, boxes, 300, 60, 50);
    int64_t bytes = tn_place_boxes(arena, boxes, count, round * 1000, &proven);
    int64_t bound = tn_boxes_alive(arena, boxes, count);
    cr_assert(lie_apart(boxes, count));
    cr_assert_eq(bytes, end_of(boxes, count));
    cr_assert(bytes >= bound && bytes <= bound + bound / 4 + 512);
    tn_arena_destroy(arena);
  }
}

/* Scratch memory of the steps at two times: nothing that is alive then lies above it. */
Test(place_boxes, what_is_on_top_stays_there) {
  uint64_t state = 21;
  for (int round = 0; round < 500; round++) {
    tn_arena *arena = tn_arena_create();
    tn_box boxes[14];
    bool proven;
    int count = draw(&state, boxes, 12, 9, 6);
    for (int time = 2; time < 8; time += 4)
      boxes[count++] = (tn_box){time, time, UNIT * (1 + (int64_t)(roll(&state) % 5)), 0, true};
    int64_t bytes = tn_place_boxes(arena, boxes, count, WORK / 100, &proven);
    cr_assert(lie_apart(boxes, count));
    cr_assert_eq(bytes, end_of(boxes, count));
    for (int top = count - 2; top < count; top++)
      for (int i = 0; i < count; i++)
        if (i != top && boxes[i].first <= boxes[top].last && boxes[i].last >= boxes[top].first)
          cr_assert_leq(boxes[i].offset + boxes[i].size, boxes[top].offset);
    tn_arena_destroy(arena);
  }
}

Test(place_boxes, nothing_takes_nothing) {
  tn_arena *arena = tn_arena_create();
  bool proven;
  cr_expect_eq(tn_place_boxes(arena, NULL, 0, WORK, &proven), 0);
  cr_expect(proven);
  tn_arena_destroy(arena);
}
