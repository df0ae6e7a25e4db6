/* A part of a computation as a module of its own.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_CUT_H
#define TN_DRIVER_CUT_H

#include "ir/module.h"

typedef TN_VEC(tn_inst *) tn_inst_list;

/* What computes `roots` (their tuple, or the one alone) from `inputs`: instructions between
 * them with what they call, the inputs as parameters in that order. Parameters of the
 * computation that are reached without being listed become parameters behind them. A root
 * may be an input. Names are kept; attributes and literals are those of the source,
 * which must live as long.
 * instead (NULL, or by id): what is used in the place of an instruction (NULL: itself), further
 * up in the list; roots and inputs are such.                                              */
tn_module *tn_cut(const tn_module *source, const tn_inst_list *roots, const tn_inst_list *inputs,
                  tn_inst *const *instead);

#endif
