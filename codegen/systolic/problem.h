/* A piece of work as matrices: batch x [M,K] x [K,N], or rows x columns with windows.
 *
 * The dims of a tn_systolic_work in the order batch, rows, columns, sums (each outermost first), neighbours
 * joined where every operand lets them be one. M is the flattened index over the row dims, and so on;
 * everything behind this header speaks of M, N, K and of bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_PROBLEM_H
#define TN_SYSTOLIC_PROBLEM_H

#include "codegen/systolic/tile.h"

enum { TN_PROBLEM_DIMS = 24 };

typedef enum {
  TN_OPERAND_X,
  TN_OPERAND_W,
  TN_OPERAND_SECOND,
  TN_OPERAND_Y,
  TN_OPERAND_CHANNEL,
  TN_OPERANDS
} tn_operand_kind;

/* Bytes from the buffer's start: offset + sum of stride * index. CHANNEL: which scale and bias, in numbers. */
typedef struct {
  bool exists;
  int buffer; /* of the plan */
  tn_type type;
  int64_t width, offset, bytes; /* of an element; ; of the buffer */
  int64_t stride[TN_PROBLEM_DIMS];
  int n_bounds;
  struct {
    int64_t offset, limit, step[TN_PROBLEM_DIMS];
    int64_t factor; /* bytes from one position to the next: a position is an address, too; 0: not known */
  } bound[2];
  uint64_t fill;
  int64_t pitch, packed; /* tn_problem_pack: bytes from piece to piece outside, in the slot; 0: one piece */
} tn_operand;

typedef struct {
  const tn_systolic_work *work;
  bool is_product, constant_weights;
  int n_dims, first[5]; /* dims of a role: first[role] … first[role + 1] */
  int64_t size[TN_PROBLEM_DIMS];
  tn_operand operand[TN_OPERANDS];
  int64_t batch, m, n, k; /* vector work: k is the window's positions */
  int diagonal;           /* groups in a block-diagonal tile of weights; 1: none. Then the first sum dim and
                             the first column dim both are the group, and w is 0 where they differ          */
} tn_problem;

/* False with the reason: views have too few dims, strides do not fit. `diagonal` groups of the innermost
 * batch dim side by side, or 1.                                                                         */
bool tn_problem_of(const tn_plan *plan, const tn_systolic_work *work, int diagonal, tn_problem *problem,
                   const char **why);
/* How many groups side by side cost least on this array: 1 if there is nothing to be packed. */
int tn_problem_best_diagonal(const tn_plan *plan, const tn_systolic_work *work,
                             const tn_systolic_target *array);

/* Where the role's dims stand at flattened index `at`, added to the operand's offset. */
int64_t tn_problem_offset(const tn_problem *problem, tn_operand_kind kind, tn_role role, int64_t at);
/* From `at` on, so many indices of the role lie a constant stride apart. */
int64_t tn_problem_run(const tn_problem *problem, tn_operand_kind kind, tn_role role, int64_t at);
/* The same of what is written and joined there, y and the second operand: one instruction's. At most `left`. */
int64_t tn_problem_even_run(const tn_problem *problem, tn_role role, int64_t at, int64_t left);
int64_t tn_problem_stride(const tn_problem *problem, tn_operand_kind kind, tn_role role);

/* A box of a problem: of one batch some rows, some columns, some of the sums (windows of vector work). */
typedef struct {
  int64_t batch, m, rows, n, columns, k, depth;
} tn_work_part;

/* How many tiles a part of a product is: along its sums, its columns and, input stationary, its rows. */
typedef struct {
  int64_t k, n, m;
} tn_tile_counts;

/* Bytes that a part touches, padding apart: low … high of the buffer, empty if low == high. */
typedef struct {
  int64_t low, high;
} tn_byte_range;
tn_byte_range tn_problem_span(const tn_problem *problem, tn_operand_kind kind, const tn_work_part *part);

/* `count` pieces of so many bytes, a stride apart, from low on. */
typedef struct {
  int64_t low, bytes, count, stride;
} tn_pieces;
/* What a part touches of an operand as it lies outside, in pieces that are `pitch` apart; 0: one piece. */
tn_pieces tn_problem_pieces(const tn_problem *problem, tn_operand_kind kind, const tn_work_part *part,
                            int64_t pitch);
/* Gives the operand strides as its blocks have them in slots of the unified buffer, if they are smaller when
 * not all that lies between their elements comes along; the bytes of a slot.                         */
int64_t tn_problem_pack(tn_problem *problem, tn_operand_kind kind, const tn_tiling *tiling);

/* Sizes that blocks of a role's indices may have, so that a block is a box of its dims: the next smaller
 * one, or 0.                                                                                        */
int64_t tn_problem_smaller_block(const tn_problem *problem, tn_role role, int64_t size);
/* From `at` to the end of its block, which is cut where the box ends. */
int64_t tn_problem_block_at(const tn_problem *problem, tn_role role, int64_t block, int64_t at);
/* Blocks in order, batches outermost, then rows, columns, sums: the one behind `part`, or false. Starts with
 * a part of zeros.                                                                                   */
bool tn_next_block(const tn_problem *problem, const tn_tiling *tiling, tn_work_part *part);

#endif
