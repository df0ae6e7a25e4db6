/* Groups of instructions -> kernels.
 *
 * A group is what becomes one kernel: a single instruction, or the computation of a
 * fusion. Its leaves are values in memory; everything else is computed where it is
 * needed, at the index where it is needed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_LOWER_H
#define TN_PLAN_LOWER_H

#include "codegen/plan/expr.h"
#include "target/target.h"

typedef struct {
  tn_arena *arena; /* of the plan */
  const tn_cpu *target;
  tn_inst *const *roots; /* what the kernel stores: arrays that tn_place_roots can place, or
                             one instruction with a tuple of arrays of one shape, repeated */
  int n_roots;
  bool whole;    /* a fusion's computation: leaves are its parameters and large
                             constants; else the operands of the only root */
  bool in_place; /* the roots are dynamic-update-slices with updates of the same dims: each
                             writes its update alone over what its buffer holds, its operand 0 */
  bool shares;   /* in place: operand 0, where it is read, is read from the root's buffer */
  /* The shape of a leaf with the layout its bytes have. */
  const tn_shape *(*leaf_shape)(void *user, tn_inst *leaf);
  const tn_shape *(*root_shape)(void *user, int root);
  void *user;
} tn_group;

/* What of a leaf the kernel reads: all of it, or a part of the bytes that a decode stands for.
 * Then the leaf is the decode.                                                          */
typedef enum { TN_SECTION_WHOLE, TN_SECTION_FIRST, TN_SECTION_ROW, TN_SECTION_VALUE } tn_section;
/* The part as an array: a view of the bytes. NULL if they are malformed. */
const tn_literal *tn_lower_section(tn_arena *arena, const tn_literal *bytes, const tn_shape *matrix,
                                   tn_section section);

typedef struct {
  tn_kernel *kernel; /* parameters: the leaves, then the roots */
  tn_inst **leaves;
  const tn_section *sections; /* one a leaf */
  int n_leaves;
  tn_inst *culprit; /* why it failed: this instruction has no kernel form, … */
  bool structure;   /* … only because of what it is fused with */
} tn_lowered;

/* How the roots share the kernel's loops (roots.c). */
typedef struct {
  const tn_shape *wide; /* whose dims are the loops */
  int **dim_of;         /* of each root's dims: which of those it is; -1 of size 1 */
  bool *is_narrow;      /* roots that lack some of them, … */
  int n_narrow;
  uint64_t outer; /* … and have all of these */
} tn_root_places;
/* False where no loops hold all of them. */
bool tn_place_roots(tn_arena *arena, tn_inst *const *roots, int n_roots, tn_root_places *out);

/* Returns false, with culprit and structure set, where the group has no kernel. */
bool tn_lower_group(const tn_group *group, tn_lowered *out);

/* ---- inside (lower.c, lower_frames.c, lower_*.c) ---- */
/* Buffers are numbered leaves, roots, locals in the end; while lowering, roots and
 * locals carry these offsets, because the number of leaves is not known yet.       */
enum { TN_LOWER_ROOT_BASE = 1 << 20, TN_LOWER_LOCAL_BASE = 1 << 21 };
/* lower_renumber.c: the final numbers, which the kernel's buffers have already. */
void tn_lower_renumber(tn_kernel *kernel, int first_root, int first_local);

typedef struct tn_lowering tn_lowering;
typedef const tn_index *const *tn_position; /* one index a dim */

/* The value of inst's element `at`, in the innermost open statement list. NULL after a
 * failure, which is recorded.                                                        */
const tn_expr *tn_lower_element(tn_lowering *l, tn_inst *inst, tn_position at);
const tn_expr *tn_lower_fail(tn_lowering *l, tn_inst *culprit, bool structure);
tn_arena *tn_lower_arena(const tn_lowering *l);
tn_kernel *tn_lower_kernel(const tn_lowering *l);
bool tn_lower_is_inside(const tn_lowering *l, const tn_inst *inst); /* computed here: no leaf */
bool tn_lower_has_fma(const tn_lowering *l, tn_type type);
/* Elements read from here on lie in low <= index < high or are not used. */
void tn_lower_push_guard(tn_lowering *l, const tn_index *index, int64_t low, int64_t high);
void tn_lower_pop_guards(tn_lowering *l, int count);
/* operand[from] where all guards hold, else fill. */
const tn_expr *tn_lower_guarded(tn_lowering *l, tn_inst *operand, tn_position from,
                                const tn_guard_range *guards, int n_guards, const tn_expr *fill);

/* The bodies further in than where `at` is known are closed until they are revealed:
 * nothing of theirs may be used meanwhile. False after a failure.                     */
typedef struct {
  void *frames;
  int count;
} tn_hidden;
bool tn_lower_hide(tn_lowering *l, tn_inst *inst, tn_position at, tn_hidden *hidden);
void tn_lower_reveal(tn_lowering *l, const tn_hidden *hidden);

/* A reduce over new dims for inst's element `at`: opened where `at` is known, which is
 * the outermost body possible. Between open and close elements are lowered inside;
 * `updates` may read the accumulators' values. initial[i] is a scalar instruction, or
 * NULL for 0. open returns false after a failure.                                     */
typedef struct {
  int n_dims;
  int dims[16]; /* of the kernel */
  int n_accumulators;
  int values[16]; /* the accumulators */
  const tn_expr *initial[16];
  tn_stmt *stmt;
  tn_hidden hidden;
} tn_open_reduce;
bool tn_lower_open_reduce(tn_lowering *l, tn_inst *inst, tn_position at, int n_dims, const int64_t *sizes,
                          const char *const *names, int n_accumulators, const tn_type *types,
                          tn_inst *const *initial, tn_open_reduce *reduce);
/* What an earlier close gave for the same element; NULL if there was none. */
const tn_expr *tn_lower_recall(tn_lowering *l, tn_inst *inst, int output, tn_position at);
void tn_lower_remember(tn_lowering *l, tn_inst *inst, int output, tn_position at, const tn_expr *expr);
void tn_lower_close_reduce(tn_lowering *l, tn_open_reduce *reduce, const tn_expr *const *updates);
/* start + at, where operand first + i of inst, or element i of operand `first`, is the start
 * along dim i: clamped so that `size` fits into `whole`. NULL after a failure.            */
const tn_index **tn_lower_from_starts(tn_lowering *l, tn_inst *inst, int first, const tn_shape *whole,
                                      const tn_shape *size, tn_position at, int64_t scale);
/* An operand of a dot whose result's element `at` is being lowered, at `from`. */
const tn_expr *tn_lower_dot_operand(tn_lowering *l, tn_inst *dot, int side, tn_position at, tn_position from);
/* A named value for an expression that is used more than once. */
const tn_expr *tn_lower_share(tn_lowering *l, const tn_expr *expr);

/* A scalar computation's results for the given parameters. */
bool tn_lower_scalars(tn_lowering *l, tn_comp *comp, const tn_expr *const *parameters,
                      const tn_expr **results);

/* A body of its own, for stmt; close: stmt joins the body around, drop: it does not yet. */
bool tn_lower_open(tn_lowering *l, tn_inst *inst, tn_stmt *stmt);
void tn_lower_close(tn_lowering *l);
void tn_lower_drop(tn_lowering *l);
void tn_lower_append(tn_lowering *l, tn_stmt *stmt);
/* Of the innermost body; named after the prefix. */
int tn_lower_dim(tn_lowering *l, const char *prefix, int64_t size);
int tn_lower_n_values(const tn_lowering *l);
int tn_lower_value(tn_lowering *l, const char *prefix, tn_type type);
/* Declares it, so many bodies further out. */
int tn_lower_local(tn_lowering *l, tn_type type, int64_t size, int outward);
const tn_expr *tn_lower_load_local(tn_lowering *l, int local, const tn_index *at);
const tn_expr *tn_lower_let_of(const tn_lowering *l, int value); /* NULL: it is no let */
/* The local with the whole row of an output of a sort or a running sum; -1: there is none here. */
int tn_lower_recall_sort(const tn_lowering *l, const tn_inst *inst, int output, tn_position row);
void tn_lower_remember_sort(tn_lowering *l, const tn_inst *inst, int output, tn_position row, int local);

/* lower_pieces.c: a part of a root that is a concatenation of equal parts. Element i of it,
 * where i are the values of the loops, is element i + offset of the root; dim_of[d] is the
 * root's dim that dim d of the part is, -1 where it is of size 1.                        */
typedef struct {
  tn_inst *inst;
  const int64_t *offset;
  const int *dim_of;
} tn_piece;
typedef TN_VEC(tn_piece) tn_pieces;
/* None unless all are of one size, and some are computed. */
void tn_find_pieces(tn_arena *arena, tn_inst *root, tn_pieces *out);
/* How much of the root's dim a part has; 1 of one that it does not have. */
int64_t tn_piece_size(const tn_piece *piece, int dim);

/* ---- trees that are more than an expression an element ---- */
/* Opens a loop (PARALLEL or CARRIED) inside the innermost body; dims[i] is named after
 * names[i]. The first is the kernel's.                                                   */
bool tn_lower_open_loop(tn_lowering *l, tn_inst *inst, tn_dim_kind kind, int n, const int64_t *sizes,
                        const char *const *names, int *dims);
const tn_expr *tn_lower_load(tn_lowering *l, int buffer, tn_position at);
void tn_lower_store(tn_lowering *l, int buffer, tn_position at, const tn_expr *value,
                    const tn_expr *condition);
/* The whole kernel but for the closing of its first loop. */
bool tn_lower_cholesky(tn_lowering *l, tn_inst *inst);
bool tn_lower_triangular_solve(tn_lowering *l, tn_inst *inst);
bool tn_lower_scatter(tn_lowering *l, tn_inst *inst); /* in place */

/* By family: lower_scalar.c, lower_movement.c, lower_bits.c, lower_reduce.c, lower_sort.c,
 * lower_contraction.c.                                                                   */
const tn_expr *tn_lower_elementwise(tn_lowering *l, tn_inst *inst, tn_position at);
const tn_expr *tn_lower_map(tn_lowering *l, tn_inst *inst, tn_position at);
const tn_expr *tn_lower_movement(tn_lowering *l, tn_inst *inst, tn_position at);
const tn_expr *tn_lower_reshape(tn_lowering *l, tn_inst *inst, tn_position at);
const tn_expr *tn_lower_bitcast(tn_lowering *l, tn_inst *inst, tn_position at);
const tn_expr *tn_lower_bitcast_convert(tn_lowering *l, tn_inst *inst, tn_position at);
/* A position as the number of the element in memory, and back; `order`: of the dims, minor to major,
 * NULL: row-major.                                                                          */
const tn_index *tn_lower_ravel(tn_lowering *l, tn_position at, const tn_shape *shape, const int64_t *order);
const tn_index **tn_lower_unravel(tn_lowering *l, const tn_index *linear, const tn_shape *shape,
                                  const int64_t *order);
const tn_expr *tn_lower_reduce(tn_lowering *l, tn_inst *inst, tn_position at, int output);
const tn_expr *tn_lower_reduce_window(tn_lowering *l, tn_inst *inst, tn_position at, int output);
/* topk too, and the custom call of the same meaning. */
bool tn_lower_is_sort(const tn_inst *inst);
const tn_expr *tn_lower_sort(tn_lowering *l, tn_inst *inst, tn_position at, int output);
const tn_expr *tn_lower_dot(tn_lowering *l, tn_inst *inst, tn_position at);
tn_type tn_lower_accumulator_type(const tn_inst *product);
/* The reduce becomes inst's sum of a*b; NULL if one of them is. */
const tn_expr *tn_lower_close_product(tn_lowering *l, tn_inst *inst, tn_position at, tn_open_reduce *reduce,
                                      const tn_expr *a, const tn_expr *b);
/* lower_decode.c: a dot whose right side is a decode. */
const tn_expr *tn_lower_sparse_dot(tn_lowering *l, tn_inst *dot, tn_position at);
int tn_lower_section_buffer(tn_lowering *l, tn_inst *decode, tn_section section);
/* Strips in a band of the encoded matrix of so many columns that the group reads; 0: there is none. */
int64_t tn_lower_strips(tn_arena *arena, const tn_group *group, int64_t columns);
const tn_expr *tn_lower_convolution(tn_lowering *l, tn_inst *inst, tn_position at);

#endif
