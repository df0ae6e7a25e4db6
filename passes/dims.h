/* Small questions about dims that several passes ask.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_DIMS_H
#define TN_PASSES_DIMS_H

#include "ir/module.h"

enum { TN_MOST_DIMS = 64 }; /* rewrites leave tensors of higher rank alone */

bool tn_dims_are_identity(tn_dims dims); /* {0,1,2,…} */

/* a and b differ in dims of size 1 alone: [1,16] and [16,1,1]. */
bool tn_shapes_differ_in_ones(const tn_shape *a, const tn_shape *b);

/* An array of static dims, not too many. */
bool tn_shape_is_plain(const tn_shape *shape);

#endif
