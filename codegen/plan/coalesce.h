/* Copies that need not be: coalesce.c joins buffers, alternate.c turns loops over.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_COALESCE_H
#define TN_PLAN_COALESCE_H

#include "codegen/plan/plan.h"

/* Buffers that a copy joins become one where they are not needed together; kernels in between
 * become such that write over what they read. Before schedules are chosen, while each step has
 * a kernel of its own.                                                                      */
void tn_plan_coalesce(tn_plan *plan);

/* Loops that copy their state at the end do two turns in one, from one set of buffers to another
 * and back. After schedules were chosen.                                                     */
void tn_plan_alternate(tn_plan *plan);

#endif
