/* Encodings: compressed constants, and what `decode` makes of them.
 *
 * An encoded constant is an array of bytes; decode(bytes), encoding=NAME is the array that
 * they stand for. docs/ir.md has the formats to the bit.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_ENCODING_H
#define TN_IR_ENCODING_H

#include "ir/module.h"

/* block_sparse_4x1: a matrix [rows, columns] of which most groups of four neighbours of a row
 * are zero. Four columns are a strip; `width` strips side by side (1, 2 or 4) are a band, and
 * have as many blocks as each other, so that one counter runs over all of them:
 *
 *     0  u32 width, u32 steps, u32 most, u32 0, up to 64 zeros
 *    64  s32 first[bands + 1]                  steps of band b: first[b] … first[b+1] - 1
 *     …  u16 row[steps][width]                 rising within a strip
 *     …  element value[steps][width][4]
 *
 * Each part begins at a multiple of 64, the bytes between are zeros. Behind the last band's
 * steps stand `most` more, of zeros: so first[b] + i is a step for every i < most, where most
 * is the largest number of steps of a band.                                               */
typedef struct {
  int64_t rows, columns, bands, width, steps, most;
  int64_t first, row, value, bytes; /* offsets of the parts, and of the end */
} tn_block_sparse;

enum { TN_BLOCK = 4, TN_MOST_BLOCK_ROWS = 65536 };

/* Reads the head and checks all parts. NULL, or what is wrong: in `arena`. Linear. */
const char *tn_block_sparse_read(tn_arena *arena, const tn_literal *bytes, const tn_shape *matrix,
                                 tn_block_sparse *out);
/* Can a matrix of this shape be encoded? */
bool tn_block_sparse_fits(const tn_shape *matrix);
/* What the encoding of the row-major elements would be, without the bytes; *blocks: that are not zero. */
tn_block_sparse tn_block_sparse_measure(tn_arena *scratch, const tn_shape *matrix, const void *elements,
                                        int64_t *blocks);
/* The bytes, in `arena`. Zeros that the blocks do not have are +0. */
tn_literal *tn_block_sparse_encode(tn_arena *arena, const tn_shape *matrix, const void *elements);
/* All elements, row-major; `to` has room for the matrix. */
void tn_block_sparse_decode(const tn_block_sparse *format, tn_type type, const void *bytes, void *to);

/* The constant that a decode reads, through the parameter of the fusion that holds it; NULL if
 * it reads none.                                                                          */
const tn_literal *tn_decode_source(const tn_inst *decode);

#endif
