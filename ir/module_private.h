/* What module.c, inst.c and clone.c share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_MODULE_PRIVATE_H
#define TN_IR_MODULE_PRIVATE_H

#include "ir/module.h"

/* A computation behind `after` in the list (NULL: first). */
tn_comp *tn_comp_create_after(tn_module *module, tn_comp *after, const char *name);

/* Users and successors, until tn_inst_enter_edges of each of them. */
void tn_inst_forget_users(tn_inst *inst);

/* Enters the edges from `inst` at their other ends, which have forgotten theirs. */
void tn_inst_enter_edges(tn_inst *inst);

/* Restores the order of the list after `caller` was given `callee`. */
void tn_comp_keep_callee_first(tn_comp *caller, tn_comp *callee);

#endif
