/* The same module with smaller sizes: what is cut down for debugging, and for quick checks.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_RESIZE_H
#define TN_DRIVER_RESIZE_H

#include "ir/module.h"

/* Every size that is a multiple of `multiple` is divided by `factor`, which divides it; or,
 * where multiple is 0, every size `from` becomes `to`.                                     */
typedef struct {
  int64_t multiple, factor;
  int64_t from, to;
} tn_resizing;

/* Everywhere at once: parameters, constants (their first corner is kept), attributes that are
 * sizes, then whatever shape inference makes of it. false where some instruction does not
 * allow it: the module is then of no use any more. Literals are made in `literals`.          */
bool tn_module_resize(tn_module *module, tn_arena *literals, const tn_resizing *resizing);

/* The corner of the literal that the smaller shape has. */
tn_literal *tn_literal_corner(tn_arena *arena, const tn_literal *literal, const tn_shape *shape);

#endif
