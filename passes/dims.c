/* Small questions about dims; see dims.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"

bool tn_dims_are_identity(tn_dims dims) {
  for (int i = 0; i < dims.count; i++)
    if (dims.at[i] != i) return false;
  return true;
}

bool tn_shapes_differ_in_ones(const tn_shape *a, const tn_shape *b) {
  int i = 0, j = 0;
  for (;;) {
    while (i < a->rank && a->dims[i] == 1) i++;
    while (j < b->rank && b->dims[j] == 1) j++;
    if (i == a->rank || j == b->rank) return i == a->rank && j == b->rank;
    if (a->dims[i++] != b->dims[j++]) return false;
  }
}

bool tn_shape_is_plain(const tn_shape *shape) {
  return tn_shape_is_array(shape) && !tn_shape_is_dynamic(shape) && shape->rank <= TN_MOST_DIMS;
}
