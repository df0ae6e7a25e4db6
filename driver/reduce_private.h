/* Changes to a case that reduce.c tries: each leaves a module whose edges are whole.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_REDUCE_PRIVATE_H
#define TN_DRIVER_REDUCE_PRIVATE_H

#include "driver/reduce.h"

/* What nothing uses goes: instructions, computations, parameters of the entry and of what only
 * calls and fusions call.                                                                    */
void tn_case_clean(tn_case *c);
/* A parameter of the entry, the last; value is kept if arguments are. */
tn_inst *tn_case_add_parameter(tn_case *c, tn_arena *arena, const tn_shape *shape, tn_literal *value);
/* The body of `called` on `arguments`, before `call`; its root. */
tn_inst *tn_case_inline(tn_case *c, tn_inst *call, const tn_comp *called, tn_inst *const *arguments);
/* All elements `value`; NULL where it is that already, or zeros, the plainest. */
tn_literal *tn_case_plain(tn_arena *arena, const tn_literal *old, int value);

#endif
