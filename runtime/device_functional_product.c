/* Products of panels: the array's sums, in the array's order.
 *
 * Blocks of 6 x 16 sums stay in registers while k runs, so each sum is one chain in the order of k, as a
 * column of the array adds it; -ffp-contract=off keeps products and sums apart. Integers of up to 8 bits
 * are multiplied as f32, in pieces of k whose sums are exact there: that is what processors without
 * integer dot products do fastest. Wider integers multiply modulo 2^32.
 *
 * The same block is compiled for three instruction sets; which one runs changes no bit.
 *
 * Cost: rows * columns * k multiply-adds, both sides rounded up to blocks.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/float_format.h"
#include "runtime/device_functional.h"

enum { ROWS = TN_PRODUCT_ROWS, COLUMNS = TN_PRODUCT_COLUMNS };

typedef float floats __attribute__((vector_size(COLUMNS * 4), may_alias));
typedef uint32_t words __attribute__((vector_size(COLUMNS * 4), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* sums = (go_on: sums +) a[6][k] * b[k][16] */
#define BLOCK(NAME, T, V)                                                                                    \
  INLINE void NAME(const T *restrict a, int64_t lead, const T *restrict b, int64_t k, V *restrict sums,      \
                   bool go_on) {                                                                             \
    V zero = {0};                                                                                            \
    V s0 = go_on ? sums[0] : zero, s1 = go_on ? sums[1] : zero, s2 = go_on ? sums[2] : zero;                 \
    V s3 = go_on ? sums[3] : zero, s4 = go_on ? sums[4] : zero, s5 = go_on ? sums[5] : zero;                 \
    for (int64_t i = 0; i < k; i++) {                                                                        \
      V w = *(const V *)(b + i * COLUMNS);                                                                   \
      s0 = s0 + w * a[i];                                                                                    \
      s1 = s1 + w * a[lead + i];                                                                             \
      s2 = s2 + w * a[2 * lead + i];                                                                         \
      s3 = s3 + w * a[3 * lead + i];                                                                         \
      s4 = s4 + w * a[4 * lead + i];                                                                         \
      s5 = s5 + w * a[5 * lead + i];                                                                         \
    }                                                                                                        \
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3, sums[4] = s4, sums[5] = s5;                      \
  }
BLOCK(block_floats, float, floats)
BLOCK(block_words, uint32_t, words)

/* One row of a block into c, `columns` of them. */
INLINE void merge(const tn_product *p, tn_product_mode mode, uint32_t *restrict c,
                  const uint32_t *restrict sums, int64_t columns) {
  bool adds = mode == TN_PRODUCT_ADD;
  if (p->exact)
    for (int64_t j = 0; j < columns; j++) c[j] = (adds ? c[j] : 0) + (uint32_t)(int32_t)tn_float_of(sums[j]);
  else if (adds && p->kind == TN_NUMBERS_F32)
    for (int64_t j = 0; j < columns; j++) c[j] = tn_bits_of(tn_float_of(c[j]) + tn_float_of(sums[j]));
  else
    for (int64_t j = 0; j < columns; j++) c[j] = (adds ? c[j] : 0) + sums[j];
}

/* All rows against one panel; `from` and `k` are the piece of k. */
INLINE void panel(const tn_product *p, int64_t first, int64_t from, int64_t k, tn_product_mode mode) {
  _Alignas(64) uint32_t sums[ROWS][COLUMNS];
  int64_t columns = p->columns - first < COLUMNS ? p->columns - first : COLUMNS;
  const uint32_t *b = (const uint32_t *)p->b + first * p->k + from * COLUMNS;
  for (int64_t m = 0; m < p->rows; m += ROWS) {
    int64_t rows = p->rows - m < ROWS ? p->rows - m : ROWS;
    const uint32_t *a = (const uint32_t *)p->a + m * p->k + from;
    uint32_t *c = p->c + m * p->lead + first;
    bool go_on = mode == TN_PRODUCT_CONTINUE;
    if (go_on) memset(sums, 0, sizeof sums);
    for (int64_t r = 0; go_on && r < rows; r++) memcpy(sums[r], c + r * p->lead, (size_t)columns * 4);
    if (p->kind == TN_NUMBERS_F32)
      block_floats((const float *)a, p->k, (const float *)b, k, (floats *)sums, go_on);
    else
      block_words(a, p->k, b, k, (words *)sums, go_on);
    if (columns == COLUMNS) /* the usual count as a constant */
      for (int64_t r = 0; r < rows; r++) merge(p, mode, c + r * p->lead, sums[r], COLUMNS);
    else
      for (int64_t r = 0; r < rows; r++) merge(p, mode, c + r * p->lead, sums[r], columns);
  }
}

INLINE void compute(const tn_product *p, int64_t piece) {
  for (int64_t first = 0; first < p->columns; first += COLUMNS) {
    tn_product_mode mode = p->mode;
    for (int64_t from = 0; from < p->k; from += piece, mode = TN_PRODUCT_ADD)
      panel(p, first, from, p->k - from < piece ? p->k - from : piece, mode);
  }
}

typedef void compute_function(const tn_product *p, int64_t piece);
static void compute_anywhere(const tn_product *p, int64_t piece) { compute(p, piece); }

#ifdef __x86_64__
__attribute__((target("avx2"))) static void compute_avx2(const tn_product *p, int64_t piece) {
  compute(p, piece);
}
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))) static void compute_avx512(const tn_product *p,
                                                                                         int64_t piece) {
  compute(p, piece);
}
static compute_function *best(void) {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return compute_avx512;
  return __builtin_cpu_supports("avx2") ? compute_avx2 : compute_anywhere;
}
#else
static compute_function *best(void) { return compute_anywhere; }
#endif

/* The largest magnitude of an integer of few bits, or 0. */
static int64_t magnitude(tn_type type) {
  int bits = tn_type_bits(type);
  if (!tn_type_is_integer(type) || bits > 8) return 0;
  return tn_type_class_of(type) == TN_CLASS_SIGNED ? (int64_t)1 << (bits - 1) : ((int64_t)1 << bits) - 1;
}

void tn_product_choose(tn_type x, tn_type w, tn_product *p) {
  int64_t product = magnitude(x) * magnitude(w);
  p->exact = product ? ((int64_t)1 << 24) / product : 0;
  p->kind = p->exact || tn_type_is_float(x) ? TN_NUMBERS_F32 : TN_NUMBERS_S32;
}

void tn_product_compute(const tn_product *p) { best()(p, p->exact && p->exact < p->k ? p->exact : p->k); }
