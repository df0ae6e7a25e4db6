/* Sorting rows; sort.h says what it gives.
 *
 * An order is an array of positions. Keys become unsigned integers that compare as the
 * elements do, and are packed with their place into words:
 *
 *   up to 4 bytes   key << 32 | place     one word of 64 bits
 *   8 bytes         { key, place }        two
 *
 * Words of the first form are all different, so any algorithm is stable on them. Short
 * rows are merged, long ones sorted by radix, digits that are the same everywhere left
 * out. Several keys are sorted by one after the other, the last one first. A few elements
 * of a long row (top-k) are picked in one pass that looks at sixteen keys at a time and
 * nearly always finds all of them worse than the worst picked so far.
 *
 * Cost: about 2 ns an element and byte of the key; picking k: 0.3 ns an element, k / 8 ns
 * where every element is better than all before. A comparator: count * log2(count) calls,
 * with `keep` count * log2(keep).
 *
 * Compiled by clang into bitcode for no target, so vectors are spelled out and invariant
 * choices are arithmetic; and as it stands for the interpreter.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/sort/sort.h"

enum {
  DIGIT = 256,
  RUN = 32,        /* sorted by counting */
  SHORT_ROW = 128, /* merged rather than sorted by radix */
  FEW = 128,       /* elements that are picked rather than sorted */
  STEP = 16        /* keys looked at together */
};

#define ALIASING __attribute__((may_alias))
typedef uint8_t ALIASING word8;
typedef uint16_t ALIASING word16;
typedef uint32_t ALIASING word32;
typedef uint64_t ALIASING word64;
typedef struct {
  uint64_t key, place;
} ALIASING wide_word;
typedef uint8_t bytes16 __attribute__((vector_size(STEP), aligned(1), may_alias));
typedef uint16_t halves16 __attribute__((vector_size(2 * STEP), aligned(2), may_alias));
typedef uint32_t keys16 __attribute__((vector_size(4 * STEP), aligned(4), may_alias));
typedef uint64_t wide_keys8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef uint64_t wide_keys16 __attribute__((vector_size(8 * STEP), aligned(8), may_alias));

static word32 *order_of(char *scratch) { return (word32 *)scratch; }

static char *work_of(const tn_sort_row *row, char *scratch) {
  return scratch + (row->count * 4 + 63) / 64 * 64;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- keys ---- */

/* key = bits ^ flip, the bits of negative floats reversed, of zeros of `<` those of +0. */
typedef struct {
  uint64_t flip, negative, zero; /* masks */
  uint64_t magnitude, infinity;  /* magnitudes above it are NaNs */
  int top;                       /* place of the highest bit */
} key_form;

static key_form form_of(const tn_sort_key *key) {
  uint64_t ones = key->bytes == 8 ? ~UINT64_C(0) : (UINT64_C(1) << 8 * key->bytes) - 1,
           sign = ones ^ ones >> 1;
  int is_float = key->kind == TN_SORT_TOTAL || key->kind == TN_SORT_IEEE, is_ieee = key->kind == TN_SORT_IEEE;
  key_form form = {.magnitude = ones >> 1, .top = (int)(8 * key->bytes - 1)};
  form.flip = (key->descending ? ones : 0) ^ (key->kind == TN_SORT_UNSIGNED ? 0 : sign);
  form.negative = is_float ? ones >> 1 : 0;
  form.infinity = is_ieee ? (uint64_t)key->infinity : ~UINT64_C(0);
  form.zero = is_ieee ? 0 : ones;
  return form;
}

static inline uint64_t key_of(const key_form *form, uint64_t bits, uint64_t *nan) {
  uint64_t magnitude = bits & form->magnitude;
  *nan |= magnitude > form->infinity;
  bits &= form->zero | (0 - (uint64_t)(magnitude != 0));
  return bits ^ form->flip ^ (form->negative & (0 - (bits >> form->top & 1)));
}

/* The same of STEP elements of up to 4 bytes. */
static inline keys16 keys_of(const key_form *form, keys16 bits, keys16 *nan) {
  keys16 magnitude = bits & (uint32_t)form->magnitude, none = {0};
  *nan |= (keys16)(magnitude > (uint32_t)form->infinity);
  bits &= (uint32_t)form->zero | (keys16)(magnitude != none);
  return bits ^ (uint32_t)form->flip ^ ((uint32_t)form->negative & (none - (bits >> form->top & 1)));
}

#define EXTRACT(TYPE, VECTOR)                                                                                \
  for (; i + STEP <= count; i += STEP)                                                                       \
    *(keys16 *)(keys + i) =                                                                                  \
        keys_of(&form, __builtin_convertvector(*(const VECTOR *)((const TYPE *)data + i), keys16), &nans);   \
  for (; i < count; i++) keys[i] = (uint32_t)key_of(&form, ((const TYPE *)data)[i], &nan);                   \
  break;

/* Not 0: some is a NaN. */
static uint64_t extract(const tn_sort_key *key, const char *data, word32 *keys, int64_t count) {
  key_form form = form_of(key);
  uint64_t nan = 0;
  keys16 nans = {0};
  int64_t i = 0;
  switch (key->bytes) {
  case 1: EXTRACT(word8, bytes16)
  case 2: EXTRACT(word16, halves16)
  case 4: EXTRACT(word32, keys16)
  }
  for (int j = 0; j < STEP; j++) nan |= nans[j];
  return nan;
}

static uint64_t extract_wide(const tn_sort_key *key, const word64 *data, word64 *keys, int64_t count) {
  key_form form = form_of(key);
  uint64_t nan = 0;
  for (int64_t i = 0; i < count; i++) keys[i] = key_of(&form, data[i], &nan);
  return nan;
}

/* ---- words of 64 bits ---- */

/* Runs: the place of a word is the number of those below it. The last one is filled up
 * with words above all others, behind the end of what was given.                       */
static void sort_runs(const word64 *words, word64 *to, int64_t count) {
  for (int64_t low = 0; low < count; low += RUN) {
    uint64_t run[RUN] __attribute__((aligned(64)));
    int64_t size = least(RUN, count - low);
    for (int64_t i = 0; i < RUN; i++) run[i] = i < size ? words[low + i] : ~UINT64_C(0);
    for (int64_t i = 0; i < size; i++) {
      wide_keys8 below = {0}, word = run[i] - below;
      for (int64_t j = 0; j < RUN; j += 8) below -= (wide_keys8)(*(const wide_keys8 *)(run + j) < word);
      uint64_t place = 0;
      for (int j = 0; j < 8; j++) place += below[j];
      to[low + (int64_t)place] = run[i];
    }
  }
}

/* The choice is arithmetic, not a jump. */
static void merge_words(const word64 *from, word64 *to, int64_t low, int64_t middle, int64_t high) {
  int64_t a = low, b = middle, i = low;
  while (a < middle && b < high) {
    uint64_t x = from[a], y = from[b];
    int64_t right = y < x;
    to[i++] = right ? y : x;
    b += right;
    a += 1 - right;
  }
  while (a < middle) to[i++] = from[a++];
  while (b < high) to[i++] = from[b++];
}

/* The words are all different. Returns where the sorted ones are: `words` or `spare`. */
static word64 *merge_sort(word64 *words, word64 *spare, int64_t count) {
  sort_runs(words, spare, count);
  word64 *swap = words;
  words = spare;
  spare = swap;
  for (int64_t width = RUN; width < count; width *= 2) {
    for (int64_t low = 0; low < count; low += 2 * width)
      merge_words(words, spare, low, least(low + width, count), least(low + 2 * width, count));
    swap = words;
    words = spare;
    spare = swap;
  }
  return words;
}

/* Counts become places; 0: all elements have the same digit. */
static int places_of(uint32_t *counts, int64_t count) {
  uint32_t sum = 0;
  for (int d = 0; d < DIGIT; d++) {
    uint32_t n = counts[d];
    if (n == count) return 0;
    counts[d] = sum;
    sum += n;
  }
  return 1;
}

/* By the key's bytes, the lowest first. */
static word64 *radix_sort(word64 *words, word64 *spare, int64_t count, int64_t bytes) {
  uint32_t counts[4][DIGIT];
  for (int b = 0; b < 4; b++)
    for (int d = 0; d < DIGIT; d++) counts[b][d] = 0;
  for (int64_t i = 0; i < count; i++) {
    uint64_t word = words[i];
    counts[0][word >> 32 & 255]++;
    counts[1][word >> 40 & 255]++;
    counts[2][word >> 48 & 255]++;
    counts[3][word >> 56]++;
  }
  for (int b = 0; b < bytes; b++) {
    uint32_t *place = counts[b];
    if (!places_of(place, count)) continue;
    int shift = 32 + 8 * b;
    for (int64_t i = 0; i < count; i++) {
      uint64_t word = words[i];
      spare[place[word >> shift & 255]++] = word;
    }
    word64 *swap = words;
    words = spare;
    spare = swap;
  }
  return words;
}

/* ---- words of 128 bits ---- */

static wide_word *merge_sort_wide(wide_word *words, wide_word *spare, int64_t count) {
  for (int64_t width = 1; width < count; width *= 2) {
    for (int64_t low = 0; low < count; low += 2 * width) {
      int64_t a = low, middle = least(low + width, count), b = middle, high = least(low + 2 * width, count);
      for (int64_t i = low; i < high; i++) {
        int right = b < high && (a == middle || words[b].key < words[a].key);
        spare[i] = words[right ? b++ : a++];
      }
    }
    wide_word *swap = words;
    words = spare;
    spare = swap;
  }
  return words;
}

static wide_word *radix_sort_wide(wide_word *words, wide_word *spare, int64_t count) {
  for (int b = 0; b < 8; b++) {
    uint32_t place[DIGIT];
    int shift = 8 * b;
    for (int d = 0; d < DIGIT; d++) place[d] = 0;
    for (int64_t i = 0; i < count; i++) place[words[i].key >> shift & 255]++;
    if (!places_of(place, count)) continue;
    for (int64_t i = 0; i < count; i++) spare[place[words[i].key >> shift & 255]++] = words[i];
    wide_word *swap = words;
    words = spare;
    spare = swap;
  }
  return words;
}

/* ---- a few of many ---- */

/* Keeps the best in order: a new one comes behind its equals, which stood before it. */
static void insert_few(uint64_t *keys, word32 *order, int64_t few, uint64_t key, int64_t place) {
  int64_t j = few - 1;
  for (; j > 0 && keys[j - 1] > key; j--) {
    keys[j] = keys[j - 1];
    order[j] = order[j - 1];
  }
  keys[j] = key;
  order[j] = (uint32_t)place;
}

/* order[0 … few) = the best of keys[0 … count), which the loop looks at STEP at a time. */
#define PICK(TYPE, VECTOR)                                                                                   \
  uint64_t best[FEW];                                                                                        \
  int64_t i = 0;                                                                                             \
  for (; i < few; i++) insert_few(best, order, i + 1, keys[i], i);                                           \
  while (i < count) {                                                                                        \
    TYPE worst = (TYPE)best[few - 1];                                                                        \
    for (; i + STEP <= count; i += STEP) {                                                                   \
      VECTOR better = (VECTOR)(*(const VECTOR *)(keys + i) < worst);                                         \
      TYPE any = 0;                                                                                          \
      for (int j = 0; j < STEP; j++) any |= better[j];                                                       \
      if (any) break;                                                                                        \
    }                                                                                                        \
    int64_t end = least(i + STEP, count);                                                                    \
    for (; i < end; i++)                                                                                     \
      if (keys[i] < best[few - 1]) insert_few(best, order, few, keys[i], i);                                 \
  }

static void pick(const word32 *keys, word32 *order, int64_t count, int64_t few) { PICK(uint32_t, keys16) }
static void pick_wide(const word64 *keys, word32 *order, int64_t count, int64_t few) {
  PICK(uint64_t, wide_keys16)
}

static uint32_t sort_few(const tn_sort_row *row, const char *data, word32 *order, char *work) {
  const tn_sort_key *key = &row->keys[0];
  if (key->bytes == 8) {
    if (extract_wide(key, (const word64 *)data, (word64 *)work, row->count)) return 0;
    pick_wide((const word64 *)work, order, row->count, row->keep);
  } else {
    if (extract(key, data, (word32 *)work, row->count)) return 0;
    pick((const word32 *)work, order, row->count, row->keep);
  }
  return 1;
}

/* ---- by keys ---- */

static void pack(const word32 *keys, const word32 *order, word64 *words, int64_t count) {
  if (order)
    for (int64_t i = 0; i < count; i++) words[i] = (uint64_t)keys[order[i]] << 32 | (uint64_t)i;
  else
    for (int64_t i = 0; i < count; i++) words[i] = (uint64_t)keys[i] << 32 | (uint64_t)i;
}

static void pack_wide(const word64 *keys, const word32 *order, wide_word *words, int64_t count) {
  for (int64_t i = 0; i < count; i++) words[i] = (wide_word){keys[order ? order[i] : i], (uint64_t)i};
}

/* Sorts `order` by one key, stably; first: it is 0, 1, 2, … and not there yet. 0: a NaN. */
static uint32_t sort_by(const tn_sort_key *key, const char *data, word32 *order, char *work, int64_t count,
                        int first) {
  const word32 *from = first ? NULL : order;
  word64 *words = (word64 *)work, *spare = words + count;
  if (extract(key, data, (word32 *)spare, count)) return 0;
  pack((word32 *)spare, from, words, count);
  const word64 *sorted =
      count < SHORT_ROW ? merge_sort(words, spare, count) : radix_sort(words, spare, count, key->bytes);
  word32 *before = (word32 *)(sorted == words ? spare : words);
  for (int64_t i = 0; !first && i < count; i++) before[i] = order[i];
  for (int64_t i = 0; i < count; i++) order[i] = first ? (uint32_t)sorted[i] : before[(uint32_t)sorted[i]];
  return 1;
}

static uint32_t sort_by_wide(const tn_sort_key *key, const char *data, word32 *order, char *work,
                             int64_t count, int first) {
  wide_word *words = (wide_word *)work, *spare = words + count;
  if (extract_wide(key, (const word64 *)data, (word64 *)spare, count)) return 0;
  pack_wide((word64 *)spare, first ? NULL : order, words, count);
  const wide_word *sorted =
      count < SHORT_ROW ? merge_sort_wide(words, spare, count) : radix_sort_wide(words, spare, count);
  word32 *before = (word32 *)(sorted == words ? spare : words);
  for (int64_t i = 0; !first && i < count; i++) before[i] = order[i];
  for (int64_t i = 0; i < count; i++) order[i] = first ? (uint32_t)sorted[i].place : before[sorted[i].place];
  return 1;
}

uint32_t tn_sort_by_keys(const tn_sort_row *row, void *const *buffers, char *scratch) {
  word32 *order = order_of(scratch);
  char *work = work_of(row, scratch);
  if (!row->n_keys) return 0;
  if (row->n_keys == 1 && row->keep <= FEW && row->keep <= row->count / 8)
    return sort_few(row, buffers[row->keys[0].buffer], order, work);
  for (int64_t k = row->n_keys - 1; k >= 0; k--) {
    const tn_sort_key *key = &row->keys[k];
    const char *data = buffers[key->buffer];
    int first = k == row->n_keys - 1;
    if (!(key->bytes == 8 ? sort_by_wide(key, data, order, work, row->count, first)
                          : sort_by(key, data, order, work, row->count, first)))
      return 0;
  }
  return 1;
}

/* ---- by a comparator ---- */

/* Of each run only the first `keep` are there: no others can be among the first `keep` of
 * what it is merged into.                                                               */
__attribute__((always_inline)) inline void tn_sort_by_merging(const tn_sort_row *row, void *const *buffers,
                                                              char *scratch, tn_sort_less *less) {
  int64_t count = row->count;
  word32 *order = order_of(scratch), *to = (word32 *)work_of(row, scratch);
  for (int64_t i = 0; i < count; i++) order[i] = (uint32_t)i;
  for (int64_t width = 1; width < count; width *= 2) {
    for (int64_t low = 0; low < count; low += 2 * width) {
      int64_t second = least(low + width, count), end = least(low + 2 * width, count);
      int64_t a = low, b = second, a_end = least(second, low + row->keep),
              b_end = least(end, second + row->keep);
      int64_t last = least(end, low + row->keep);
      for (int64_t i = low; i < last; i++) {
        uint32_t right = a == a_end || (b < b_end && less(buffers, order[b], order[a]));
        to[i] = right ? order[b] : order[a];
        b += right;
        a += 1 - (int64_t)right;
      }
    }
    word32 *swap = order;
    order = to;
    to = swap;
  }
  word32 *result = order_of(scratch);
  for (int64_t i = 0; order != result && i < row->keep; i++) result[i] = order[i];
}

/* ---- moving ---- */

#define MOVE(TYPE)                                                                                           \
  {                                                                                                          \
    TYPE *data = buffers[row->moved[m].buffer], *sorted = (TYPE *)work;                                      \
    for (int64_t i = 0; i < row->keep; i++) sorted[i] = data[order[i]];                                      \
    __builtin_memcpy(data, sorted, (size_t)row->keep * sizeof(TYPE));                                        \
    break;                                                                                                   \
  }

void tn_sort_move(const tn_sort_row *row, void *const *buffers, char *scratch) {
  const word32 *order = order_of(scratch);
  char *work = work_of(row, scratch);
  for (int64_t m = 0; m < row->n_moved; m++) {
    switch (row->moved[m].bytes) {
    case 1: MOVE(word8)
    case 2: MOVE(word16)
    case 4: MOVE(word32)
    case 8: MOVE(word64)
    }
  }
}
