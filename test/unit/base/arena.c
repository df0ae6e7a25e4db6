/* Arenas, growable arrays and the guard.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static bool all_zero(const void *bytes, size_t count) {
  const unsigned char *b = bytes;
  for (size_t i = 0; i < count; i++)
    if (b[i]) return false;
  return true;
}

Test(arena, allocations_are_zeroed_and_aligned) {
  tn_arena *arena = tn_arena_create();
  for (int round = 0; round < 3; round++) {
    for (size_t bytes = 0; bytes < 20000; bytes = bytes * 3 / 2 + 1) {
      char *p = tn_arena_alloc(arena, bytes);
      cr_assert_eq((uintptr_t)p % (bytes >= 4096 ? 64 : 16), 0);
      cr_assert(all_zero(p, bytes));
      memset(p, 0xff, bytes);
    }
    tn_arena_reset(arena);
  }
  tn_arena_destroy(arena);
  tn_arena_destroy(NULL);
}

Test(arena, large_blocks_do_not_end_the_current_one) {
  tn_arena *arena = tn_arena_create();
  char *a = tn_arena_alloc(arena, 16);
  char *large = tn_arena_alloc(arena, 64 << 20);
  char *b = tn_arena_alloc(arena, 16);
  cr_assert(b > a && b - a <= 64);
  cr_assert_eq(large[(64 << 20) - 1], 0);
  tn_arena_destroy(arena);
}

Test(arena, strings) {
  tn_arena *arena = tn_arena_create();
  cr_assert_str_eq(tn_arena_string(arena, "tile"), "tile");
  cr_assert_str_eq(tn_arena_string_n(arena, "tiles", 2), "ti");
  cr_assert_str_eq(tn_arena_string_n(arena, NULL, 0), "");
  cr_assert_str_eq(tn_arena_printf(arena, "%d%s", 3, "x4"), "3x4");
  char *wide = tn_arena_printf(arena, "%1000d", 7);
  cr_assert_eq(strlen(wide), 1000);
  cr_assert_eq(wide[999], '7');
  tn_arena_destroy(arena);
}

Test(arena, arrays_grow_and_keep_their_elements) {
  tn_arena *arena = tn_arena_create();
  TN_VEC(int) a = {0};
  TN_VEC(int64_t) b = {0};
  for (int i = 0; i < 10000; i++) {
    TN_PUSH(arena, &a, i);
    if (i % 3 == 0) TN_PUSH(arena, &b, -i);
  }
  cr_assert_eq(a.count, 10000);
  for (int i = 0; i < a.count; i++) cr_assert_eq(a.at[i], i);
  for (int i = 0; i < b.count; i++) cr_assert_eq(b.at[i], -3 * i);
  tn_arena_destroy(arena);
}

static void append(void *object) {
  char **at = object;
  *(*at)++ = 'x';
}

Test(arena, releases_run_on_reset_and_destroy) {
  char log[4] = "", *at = log;
  tn_arena *arena = tn_arena_create();
  tn_arena_on_release(arena, append, &at);
  tn_arena_on_release(arena, append, &at);
  tn_arena_reset(arena);
  cr_assert_str_eq(log, "xx");
  tn_arena_on_release(arena, append, &at);
  tn_arena_destroy(arena);
  cr_assert_str_eq(log, "xxx");
}

Test(guard, catches_what_cannot_be_had) {
  tn_arena *arena = tn_arena_create();
  volatile int caught = 0;
  tn_guard outer, inner;
  if (setjmp(*tn_guard_enter(&outer))) {
    caught += 100;
  } else {
    if (setjmp(*tn_guard_enter(&inner)))
      caught += 1;
    else
      tn_arena_alloc_array(arena, SIZE_MAX / 8, 16);
    tn_arena_alloc(arena, SIZE_MAX / 2);
  }
  cr_assert_eq(caught, 101);
  tn_arena_destroy(arena);
}
