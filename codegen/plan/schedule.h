/* Choosing schedules; shared by the files that do.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_SCHEDULE_H
#define TN_PLAN_SCHEDULE_H

#include "codegen/plan/build.h"

/* One read or write of a nest, as an element offset. */
typedef struct {
  int buffer;
  const tn_index *offset;
  const tn_index *const *at;
  bool is_store;
  bool guarded;
} tn_access_info;

typedef TN_VEC(tn_access_info) tn_accesses;

/* Are neighbours along `dim` neighbours in memory? Parts of neighbouring complex numbers count
 * as such: they are one access and a shuffle.                                                */
bool tn_is_contiguous(const tn_kernel *kernel, const tn_access_info *access, int dim, int64_t step);

/* All accesses of the statements in `body`, those of nested statements included. */
void tn_collect_accesses(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *body, tn_accesses *out);

/* A schedule in the making: of a whole kernel, nest after nest. */
typedef struct {
  tn_arena *arena;
  tn_kernel *kernel;
  const tn_cpu *target;
  tn_dim_schedule *dims;
  TN_VEC(tn_loop_ref) order;
  bool is_vector; /* some loop around runs in vectors */
} tn_scheduling;
tn_scheduling tn_schedule_begin(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target);
void tn_schedule_end(const tn_scheduling *s, int n_threads);
void tn_schedule_loop(tn_scheduling *s, int dim, int level); /* the next of the order */

/* A contraction: a loop nest around one reduce of products, then stores. It is a kernel, or a
 * nest of one.                                                                            */
typedef struct {
  const tn_stmt *loop, *reduce;
  int n;       /* vector dim, of the loop; -1: it is no contraction */
  int weights; /* buffer that depends on n and is read in the reduce; -1: none */
  tn_access_info weights_access;
  int lanes;
  int parts;         /* sums side by side: 2 of complex numbers */
  bool lane_by_lane; /* some read has no vector: its code must not be multiplied by a whole tile */
} tn_contraction;
bool tn_find_contraction(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *loop, const tn_cpu *target,
                         tn_contraction *out);

/* How often each element of the weights is used: the product of the row dims. */
int64_t tn_contraction_reuse(const tn_kernel *kernel, const tn_contraction *c);

/* The loops of the nest and its reduce; returns how many stand outside the reduce's. */
int tn_schedule_contraction(tn_scheduling *s, const tn_contraction *c);
/* A product with a matrix of blocks (lower_decode.c): which dims of its loop are what; -1: none. */
typedef struct {
  const tn_stmt *loop, *reduce;
  int band, strip, lane, rows; /* rows: the innermost of them */
  tn_access_info input;
  const tn_term *looked_up; /* its index of the contracted dim */
} tn_block_product;
bool tn_has_end(const tn_stmt *stmt); /* it or a reduce in it */
/* Every loop one step, in the order of the text: what is not known as anything better. */
void tn_schedule_as_written(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target);
bool tn_find_block_product(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *loop, tn_block_product *out);
/* Schedules the kernel. The position in the input of its rows, behind *n_outer dims, where panels of
 * them are wanted; -1: it is read as it lies.                                                  */
int tn_schedule_block_product(tn_arena *arena, tn_kernel *kernel, const tn_block_product *p, const tn_cpu *target,
                              int *n_outer);
/* Fills kernel->schedule. */
void tn_schedule_tree(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target);
void tn_schedule_random(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target, uint64_t seed);

/* Takes steps away where a body's code would be too long. `tiles`: contractions were scheduled as
 * such, and keep their register tiles but where they read lane by lane.                      */
void tn_schedule_bound(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target, bool tiles);

/* Registers that one vector of a body of lets and stores needs at once (pressure.c). */
int tn_body_registers(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *body);

/* The layout in which panels of `width` elements of dim `at` follow each other. */
const tn_layout *tn_panel_layout(tn_arena *arena, const tn_shape *shape, int at, int n_outer, int64_t width);

/* The same with `group` elements of the next dim side by side: T(512,64)(4,1). */
const tn_layout *tn_grouped_layout(tn_arena *arena, const tn_layout *panels, int group);
/* Of a product of bytes: how many; 0: it is none, or its weights cannot lie so. */
int tn_byte_group(const tn_kernel *kernel, const tn_contraction *c, const tn_cpu *target, int at, int n_outer);

/* Lanes for the statements of a body: of their widest element type. */
int tn_body_lanes(const tn_kernel *kernel, const tn_stmt *body, const tn_cpu *target);

#endif
