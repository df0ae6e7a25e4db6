/* How both back ends run a sort statement: which keys its comparator compares, and what
 * has to be moved.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_SORT_H
#define TN_PLAN_SORT_H

#include "base/sort/sort.h"
#include "codegen/plan/kernel.h"

typedef struct {
  tn_sort_row *row; /* buffers are numbered as in sort->sorted */
  bool wide;        /* a key of 8 bytes */
  bool by_keys;     /* the comparator is an order of keys */
  bool by_merging;  /* it is not, or NaNs may keep it from being one */
} tn_sort_plan;

/* Sorts keep what is read behind them. */
void tn_sort_keep_what_is_read(tn_arena *arena, tn_kernel *kernel);

/* Buffers that nothing reads afterwards are not moved. */
tn_sort_plan tn_sort_plan_of(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *sort);

#endif
