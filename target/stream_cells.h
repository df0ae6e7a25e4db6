/* Which bytes an instruction touches: boxes of up to eight indices, a stride each, under guards.
 *
 *   address = base + sum of index * stride        `bytes` long
 *   touched only where 0 <= offset + sum of index * step < limit, for up to two guards
 *
 * Views, transfers and results are all cells. hull is the least known range that holds what is
 * touched. Guards of padded convolutions go along with the address (a row more is a stride more), so
 * that the range is cut exactly where the guard cuts; the proof is in stream_cells.c.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_STREAM_CELLS_H
#define TN_TARGET_STREAM_CELLS_H

#include "target/isa.h"

enum { TN_CELL_DIMS = TN_VIEW_DIMS, TN_CELL_GUARDS = 2 };

typedef struct {
  int64_t offset, limit; /* limit 0: no guard */
  int64_t step[TN_CELL_DIMS];
} tn_cell_guard;

typedef struct {
  int64_t base, bytes;
  int64_t stride[TN_CELL_DIMS];
  tn_cell_guard guard[TN_CELL_GUARDS];
  bool wraps; /* addresses are modulo 2^32: with padding a view's base may lie before the buffer */
} tn_cells;

/* Indices first … last of each dim, both included. */
typedef struct {
  int64_t first[TN_CELL_DIMS], last[TN_CELL_DIMS];
} tn_cell_box;

typedef struct {
  __int128 from, to; /* [from, to) */
  bool nothing;      /* all of the box is outside a guard */
  bool exact;        /* every byte of the range is touched */
} tn_cell_hull;

tn_cell_hull tn_cells_hull(const tn_cells *cells, const tn_cell_box *box);
/* Halves the box where that says more about what is touched; false if it is one cell. */
bool tn_cells_split(const tn_cells *cells, const tn_cell_box *box, tn_cell_box halves[2]);
/* Is no byte in two cells of the box? True is certain; strides must nest. */
bool tn_cells_apart(const tn_cells *cells, const tn_cell_box *box);

/* Pieces without gaps of a box without guards, from the lowest on in each dim. */
typedef struct {
  int64_t at, bytes; /* the piece */
  int dims;
  int64_t stride[TN_CELL_DIMS], count[TN_CELL_DIMS], index[TN_CELL_DIMS]; /* innermost first */
} tn_cell_pieces;
tn_cell_pieces tn_cells_first_piece(const tn_cells *cells, const tn_cell_box *box);
bool tn_cells_next_piece(tn_cell_pieces *pieces);

/* Up to three dims of a transfer: `count[i]` pieces `stride[i]` apart. */
tn_cells tn_cells_of_pieces(int64_t base, int64_t bytes, int dims, const int64_t *count,
                            const int64_t *stride, tn_cell_box *box);

/* Of a view's elements; rows and columns are chosen by boxes. */
tn_cells tn_cells_of_view(const tn_instruction *view, int64_t base, int64_t bytes);
/* Rows and columns that a view has; 2^62 where there are more. */
int64_t tn_view_rows(const tn_instruction *view);
int64_t tn_view_columns(const tn_instruction *view);
/* One box around rows first … last and columns likewise. */
tn_cell_box tn_view_box(const tn_instruction *view, int64_t first_row, int64_t last_row, int64_t first_column,
                        int64_t last_column);
/* The same as boxes that hold no more than that; at most TN_VIEW_BOXES. */
enum { TN_VIEW_BOXES = 49 };
int tn_view_boxes(const tn_instruction *view, int64_t first_row, int64_t last_row, int64_t first_column,
                  int64_t last_column, tn_cell_box *boxes);

#endif
