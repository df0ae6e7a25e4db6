/* base/sort against sorting by comparing, and against comparators that are no order.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "base/sort/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 3000 };

/* A row of keys and their first places, with room for one thing that moves. */
typedef struct {
  void *buffers[3];
  char *scratch;
  union { /* last, because a row is as long as it has buffers */
    tn_sort_row row;
    int64_t words[TN_SORT_ROW_WORDS + 2 * 3];
  };
} fixture;

static uint64_t state = 1;

static uint32_t draw(void) {
  state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
  return (uint32_t)(state >> 33);
}

/* Scratch memory of exactly the size that is promised: a sanitizer sees what lies beyond. */
static fixture open_row(int64_t count, int64_t keep, int wide) {
  fixture f;
  memset(&f, 0, sizeof f);
  f.row.count = count;
  f.row.keep = keep;
  f.scratch = aligned_alloc(64, (size_t)tn_sort_scratch(count, wide));
  return f;
}

static void run(fixture *f, tn_sort_less *less) {
  if (!less || !tn_sort_by_keys(&f->row, f->buffers, f->scratch)) {
    if (less)
      tn_sort_by_merging(&f->row, f->buffers, f->scratch, less);
    else
      cr_assert(tn_sort_by_keys(&f->row, f->buffers, f->scratch));
  }
  tn_sort_move(&f->row, f->buffers, f->scratch);
  free(f->scratch);
}

/* ---- one key against the comparator ---- */

static uint32_t less_float(void *const *buffers, uint32_t a, uint32_t b) {
  const float *x = buffers[0];
  return x[a] < x[b];
}

static uint32_t greater_double(void *const *buffers, uint32_t a, uint32_t b) {
  const double *x = buffers[0];
  return x[a] > x[b];
}

static uint32_t less_short(void *const *buffers, uint32_t a, uint32_t b) {
  const int16_t *x = buffers[0];
  return x[a] < x[b];
}

static uint32_t greater_byte(void *const *buffers, uint32_t a, uint32_t b) {
  const uint8_t *x = buffers[0];
  return x[a] > x[b];
}

static const struct {
  int64_t bytes, kind, descending, infinity;
  tn_sort_less *less;
} forms[] = {{4, TN_SORT_IEEE, 0, 0x7f800000, less_float},
             {8, TN_SORT_IEEE, 1, INT64_C(0x7ff0000000000000), greater_double},
             {2, TN_SORT_SIGNED, 0, 0, less_short},
             {1, TN_SORT_UNSIGNED, 1, 0, greater_byte}};

static void fill(int64_t bytes, void *data, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    int value = (int)(draw() % 101) - 50;
    if (bytes == 8)
      ((double *)data)[i] = value ? value * 1e10 : draw() % 2 ? 0.0 : -0.0;
    else if (bytes == 4)
      ((float *)data)[i] = value ? (float)value / 3 : draw() % 2 ? 0.0f : -0.0f;
    else if (bytes == 2)
      ((int16_t *)data)[i] = (int16_t)(value * 600);
    else
      ((uint8_t *)data)[i] = (uint8_t)value;
  }
}

static void compare_with_merging(size_t form, int64_t count, int64_t keep) {
  static char keys[8 * MOST], again[8 * MOST];
  static uint32_t places[MOST], places_again[MOST];
  int64_t bytes = forms[form].bytes;
  fill(bytes, keys, count);
  memcpy(again, keys, (size_t)(bytes * count));
  for (int64_t i = 0; i < count; i++) places[i] = places_again[i] = (uint32_t)i;
  fixture f = open_row(count, keep, bytes == 8), g = open_row(count, keep, bytes == 8);
  f.row.n_keys = 1;
  f.row.keys[0] = (tn_sort_key){0, bytes, forms[form].kind, forms[form].descending, forms[form].infinity};
  f.row.n_moved = g.row.n_moved = 2;
  f.row.moved[0] = g.row.moved[0] = (tn_sort_moved){0, bytes};
  f.row.moved[1] = g.row.moved[1] = (tn_sort_moved){1, 4};
  f.buffers[0] = keys, f.buffers[1] = places;
  g.buffers[0] = again, g.buffers[1] = places_again;
  run(&f, NULL);
  run(&g, forms[form].less);
  cr_assert(!memcmp(places, places_again, sizeof *places * (size_t)keep), "%zu: %lld of %lld", form,
            (long long)keep, (long long)count);
  cr_assert(!memcmp(keys, again, (size_t)(bytes * keep)));
}

Test(sort, keys_order_as_comparators) {
  static const int64_t counts[] = {1, 2, 7, 16, 17, 31, 32, 33, 64, 100, 127, 128, 129, 500, 1024, MOST};
  for (size_t form = 0; form < sizeof forms / sizeof *forms; form++)
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
      int64_t n = counts[i], some[] = {1, n / 8, n / 2, n, 128, 129};
      for (size_t k = 0; k < sizeof some / sizeof *some; k++)
        if (some[k] >= 1 && some[k] <= n) compare_with_merging(form, n, some[k]);
    }
}

/* ---- several keys ---- */

Test(sort, the_first_key_decides) {
  enum { COUNT = 700 };
  static uint8_t first[COUNT];
  static int64_t second[COUNT];
  static uint16_t third[COUNT];
  for (int i = 0; i < COUNT; i++) {
    first[i] = (uint8_t)(draw() % 5);
    second[i] = (int64_t)(draw() % 7) - 3;
    third[i] = (uint16_t)(draw() % 9);
  }
  fixture f = open_row(COUNT, COUNT, 1);
  f.row.n_keys = f.row.n_moved = 3;
  f.row.keys[0] = (tn_sort_key){0, 1, TN_SORT_UNSIGNED, 0, 0};
  f.row.keys[1] = (tn_sort_key){1, 8, TN_SORT_SIGNED, 1, 0};
  f.row.keys[2] = (tn_sort_key){2, 2, TN_SORT_UNSIGNED, 0, 0};
  f.row.moved[0] = (tn_sort_moved){0, 1};
  f.row.moved[1] = (tn_sort_moved){1, 8};
  f.row.moved[2] = (tn_sort_moved){2, 2};
  f.buffers[0] = first, f.buffers[1] = second, f.buffers[2] = third;
  run(&f, NULL);
  for (int i = 1; i < COUNT; i++) {
    cr_assert(first[i - 1] <= first[i]);
    if (first[i - 1] < first[i]) continue;
    cr_assert(second[i - 1] >= second[i]);
    if (second[i - 1] == second[i]) cr_assert(third[i - 1] <= third[i]);
  }
}

/* ---- NaNs, and what is no order ---- */

Test(sort, a_nan_has_no_place_among_ieee_keys) {
  float row[40] = {0};
  row[39] = (float)NAN;
  for (int kind = TN_SORT_TOTAL; kind <= TN_SORT_IEEE; kind++)
    for (int64_t keep = 2; keep <= 40; keep += 38) {
      fixture f = open_row(40, keep, 0);
      f.row.n_keys = 1;
      f.row.keys[0] = (tn_sort_key){0, 4, kind, 0, 0x7f800000};
      f.buffers[0] = row;
      cr_assert_eq(tn_sort_by_keys(&f.row, f.buffers, f.scratch), kind == TN_SORT_TOTAL);
      free(f.scratch);
    }
}

static uint32_t any(void *const *buffers, uint32_t a, uint32_t b) {
  (void)buffers, (void)a, (void)b;
  return draw() & 1;
}

static uint32_t always(void *const *buffers, uint32_t a, uint32_t b) {
  (void)buffers, (void)a, (void)b;
  return 1;
}

Test(sort, what_is_no_order_still_permutes) {
  static uint32_t places[MOST];
  static char seen[MOST];
  for (int64_t count = 1; count <= MOST; count += count < 70 ? 1 : 311)
    for (int random = 0; random < 2; random++) {
      fixture f = open_row(count, count, 0);
      memset(seen, 0, sizeof seen);
      for (int64_t i = 0; i < count; i++) places[i] = (uint32_t)i;
      f.row.n_moved = 1;
      f.row.moved[0] = (tn_sort_moved){0, 4};
      f.buffers[0] = places;
      run(&f, random ? any : always);
      for (int64_t i = 0; i < count; i++) cr_assert(!seen[places[i]]++);
      for (int64_t i = 0; !random && i < count; i++) cr_assert_eq(places[i], (uint32_t)(count - 1 - i));
    }
}
