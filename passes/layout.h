/* Values of one order of dims; the parts of the pass layout-assignment.
 *
 * A group is a set of values that have to have their dims in one order: what elementwise
 * operations, windows, pads, slices and concatenations read and give. Convolutions stand
 * between groups: they say where each dim is, on both sides.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_LAYOUT_H
#define TN_PASSES_LAYOUT_H

#include "passes/make.h"

typedef struct {
  int rank;
  int64_t order[TN_MOST_DIMS]; /* dim i of the new value is dim order[i] of the old one */
  TN_VEC(tn_inst *) members;   /* operands before users */
} tn_layout_group;

typedef struct {
  tn_arena *scratch;
  tn_comp *comp;
  int *group_of; /* by instruction id; -1: in none */
  TN_VEC(tn_layout_group) groups;
} tn_layouts;

/* Groups of the computation, all in the order they have (layout_groups.c). */
void tn_layout_find_groups(tn_layouts *layouts);
tn_layout_group *tn_layout_group_of(const tn_layouts *layouts, const tn_inst *inst); /* or NULL */
bool tn_layout_keeps_order(const tn_layout_group *group);
/* The operand is read in the order of inst's own group. */
bool tn_layout_is_tied(const tn_layouts *layouts, const tn_inst *inst, int operand);
/* With the dims of what it reads in `order`, a reduction or a reduction of windows meets the elements of each
 * result in the order that it had, or joins them by what gives the same bits in any.                  */
bool tn_layout_keeps_joins(const tn_inst *inst, const int64_t *order);
/* `user` takes `value` with its dims in `order` as it is: it says where each dim is, or which go. */
bool tn_layout_reads_as_is(const tn_inst *user, const tn_inst *value, const int64_t *order);
/* Where dim `dim` of the old value is in the new one. */
int64_t tn_layout_place_of(const tn_layout_group *group, int64_t dim);

/* Makes the values of all groups whose order is another one; transposes where they are left. */
void tn_layout_rewrite(tn_layouts *layouts);

#endif
