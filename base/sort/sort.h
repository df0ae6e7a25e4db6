/* Sorting rows of elements that lie in several buffers and move together.
 *
 * One source (sort.c), two forms: LLVM bitcode that compiled kernels carry, and functions
 * for the interpreter. What it gives is defined by one algorithm, so that a comparator
 * that is no strict weak order has a meaning too:
 *
 *   runs of 1, 2, 4, … neighbours are merged two by two; of the two heads the right one
 *   comes first if it is less than the left one, else the left one.
 *
 * Where the order is one of keys (numbers by <, floats by totalOrder), every stable
 * algorithm gives the same, and faster ones are taken.
 *
 * Freestanding: no allocation, no recursion, no globals.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SORT_H
#define TN_SORT_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
  TN_SORT_UNSIGNED,
  TN_SORT_SIGNED,
  TN_SORT_TOTAL, /* floats by IEEE's totalOrder */
  TN_SORT_IEEE   /* floats by <; a row with a NaN has no such order */
} tn_sort_kind;

enum { TN_SORT_MAX_KEYS = 4 };

/* All fields are 64 bits wide: kernels hold it as an array of them. */
typedef struct {
  int64_t buffer, bytes; /* 1, 2, 4, 8 */
  int64_t kind;          /* tn_sort_kind */
  int64_t descending;
  int64_t infinity; /* IEEE: its bits */
} tn_sort_key;

typedef struct {
  int64_t buffer, bytes;
} tn_sort_moved;

/* Of one row: how many elements, how many of the sorted ones are wanted (the rest of the
 * buffers holds anything then); the keys, the first decides; what moves.             */
typedef struct {
  int64_t count, keep;
  int64_t n_keys, n_moved;
  tn_sort_key keys[TN_SORT_MAX_KEYS];
  tn_sort_moved moved[];
} tn_sort_row;
enum { TN_SORT_ROW_WORDS = 4 + 5 * TN_SORT_MAX_KEYS }; /* before `moved` */

/* Is the element at position a less than the one at b? */
typedef uint32_t tn_sort_less(void *const *buffers, uint32_t a, uint32_t b);

/* Rows are shorter than this. */
#define TN_SORT_MAX_COUNT (INT64_C(1) << 31)

/* Bytes of scratch memory for a row, a multiple of 64; `wide`: the widest key has 8 bytes. */
static inline int64_t tn_sort_scratch(int64_t count, int wide) {
  return (count * 4 + 63) / 64 * 64 + (count * (wide ? 32 : 16) + 63) / 64 * 64;
}

/* First one of these two, which leave the order in scratch; `scratch` is aligned to 64.
 * By the keys: 0 if there are none, or a NaN is among IEEE ones.                       */
uint32_t tn_sort_by_keys(const tn_sort_row *row, void *const *buffers, char *scratch);
void tn_sort_by_merging(const tn_sort_row *row, void *const *buffers, char *scratch, tn_sort_less *less);
/* Then what moves is moved. */
void tn_sort_move(const tn_sort_row *row, void *const *buffers, char *scratch);

/* The functions above as LLVM bitcode without a target. */
const unsigned char *tn_sort_bitcode(size_t *size);

#endif
