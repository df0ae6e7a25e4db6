/* What the files of the functional device share: elements as numbers, views, products, the pipeline.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_RUNTIME_DEVICE_FUNCTIONAL_H
#define TN_RUNTIME_DEVICE_FUNCTIONAL_H

#include "runtime/device_private.h"

/* What elements become for computing: 4 bytes each. */
typedef enum { TN_NUMBERS_F32, TN_NUMBERS_S32 } tn_numbers;

/* Memory that grows and is used again; starts aligned to 64. */
typedef struct {
  uint8_t *bytes;
  size_t capacity;
} tn_scratch;
void *tn_scratch_reserve(tn_scratch *scratch, size_t bytes);
void tn_scratch_free(tn_scratch *scratch);

/* `rows` rows of `count` elements, `stride` bytes apart, and where they go: `lead` numbers from row to row. */
typedef struct {
  const uint8_t *from;
  tn_type type;
  int64_t rows, row_stride, count, stride;
  void *to;
  int64_t lead;
} tn_element_block;
/* Elements as numbers. Integers that do not fit 32 bits wrap. */
void tn_numbers_of(tn_numbers kind, const tn_element_block *block);

/* view[row .. row + rows)[column .. column + columns), `to` is [rows][lead] of numbers. */
typedef struct {
  const tn_instruction *view;
  const uint8_t *buffer;
  uint32_t base, row, column;
  int64_t rows, columns;
  tn_type type;
} tn_view_part;
void tn_view_gather(const tn_view_part *part, tn_numbers kind, void *to, int64_t lead, tn_scratch *scratch);

/* c[i][j] = or += sum over k of a[i][k] * b[k][j]; floats in the order of k from 0, each product and each
 * sum rounded to f32; integers modulo 2^32.
 *
 *   a [rows][k], room for a multiple of TN_PRODUCT_ROWS rows
 *   b panels of TN_PRODUCT_COLUMNS columns: [ceil(columns / …)][k][TN_PRODUCT_COLUMNS], zeros behind the last
 *   c [rows][lead], s32 or f32                                                                     */
enum { TN_PRODUCT_ROWS = 6, TN_PRODUCT_COLUMNS = 16 };
typedef enum {
  TN_PRODUCT_SET,
  TN_PRODUCT_ADD,     /* the sum over k is added as one */
  TN_PRODUCT_CONTINUE /* f32: the sum starts from c */
} tn_product_mode;
typedef struct {
  const void *a, *b;
  int64_t rows, columns, k, lead;
  uint32_t *c;
  tn_product_mode mode;
  tn_numbers kind; /* of a and b */
  int64_t exact;   /* c is s32, and f32 sums so many products without rounding; 0: c is of `kind` */
} tn_product;
void tn_product_compute(const tn_product *product);

/* How a pair of types is multiplied: `kind` and `exact`. */
void tn_product_choose(tn_type x, tn_type w, tn_product *product);

/* The vector unit: rows of numbers through a pipeline. */
typedef struct {
  const tn_instruction *pipeline; /* PIPELINE */
  tn_vector_result result;
  uint8_t *buffer;
} tn_vector_line;
/* Row m of the result from its source: `windows` rows of `columns` numbers, s32 or f32 by the pipeline's source. */
void tn_vector_row(const tn_vector_line *line, int64_t m, const void *source, int64_t windows,
                   tn_scratch *scratch);
/* The numbers in which a source of the type is kept. */
tn_numbers tn_vector_numbers(tn_type source);

#endif
