/* Which steps run on the array, in which order, and what the host gets.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_PARTITION_H
#define TN_SYSTOLIC_PARTITION_H

#include "codegen/systolic/tile.h"

typedef TN_VEC(int) tn_int_list;

/* A step of the plan's outermost list. */
typedef struct {
  tn_step *step;
  tn_int_list reads, writes;    /* buffers, those of steps inside too */
  const tn_systolic_work *work; /* what it is to the array; NULL: nothing */
  const tn_tiling *tiling;      /* the same */
  const char *why;              /* of what is not on the array */
  bool on_array;
  tn_int_list before; /* steps that it waits for; some more than once */
  int group;          /* steps of one group stay together: they write the same buffers */
  int64_t macs;       /* multiply-adds that it does; loops of unknown turns count once */
} tn_placed_step;

typedef struct {
  tn_arena *arena;
  const tn_plan *plan;
  const tn_systolic_options *options;
  int count;
  tn_placed_step *steps; /* in the order in which they run */
  int n_sections;
  int *section_ends; /* a section's steps all run on the array, or all on the host */
} tn_partition;

/* partition.c */
tn_partition *tn_partition_of(tn_arena *arena, const tn_plan *plan, const tn_systolic_options *options);

/* partition_cost.c: of the steps that could run on the array those do for which that is best. */
void tn_partition_choose(tn_partition *p);

/* kernel_macs.c: multiply-adds, the turns of reduces that add products. */
int64_t tn_kernel_macs(tn_arena *arena, const tn_kernel *kernel);
int64_t tn_step_macs(tn_arena *arena, const tn_plan *plan, const tn_step *step); /* with all inside of it */
int64_t tn_step_turns(const tn_step *step); /* of a loop if they are known, else 1 */

/* host_plan.c: steps first … end-1 as a plan of their own, unscheduled, in `arena`. Its parameters and
 * results, in their order, are the buffers *arrays of `plan`, of which there are n_parameters +
 * n_results of the new one. is_needed: by buffer, whether somebody outside of the section reads it.   */
tn_plan *tn_host_plan(tn_arena *arena, const tn_partition *p, int first, int end, const char *name,
                      const bool *is_needed, int **arrays);

#endif
