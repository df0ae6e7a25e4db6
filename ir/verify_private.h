/* What the parts of the verifier share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_VERIFY_PRIVATE_H
#define TN_IR_VERIFY_PRIVATE_H

#include "ir/module.h"

typedef struct {
  const tn_module *module;
  tn_arena *arena;   /* of this verification */
  tn_arena *scratch; /* of one instruction's shape and rule */
  tn_diagnostics *sink;
  int *position; /* of instructions in their computation and of computations in the
                    module, from 1, by id; 0: not in the module */
  bool *bad;     /* by id of instructions: an error was reported */
} tn_verifier;

/* Fills position. False after reporting: the lists cannot be walked. */
bool tn_verify_lists(tn_verifier *v);
/* Operands, users, control edges, roots, parameters, names of a computation. */
void tn_verify_graph(tn_verifier *v, tn_comp *comp);
/* Called computations: of this module, callers listed, no recursion. */
void tn_verify_calls(tn_verifier *v);
/* Sizes, bytes and layouts of a shape; what an error is about is `subject`. */
bool tn_verify_shape(const tn_verifier *v, const tn_shape *shape, tn_location location, const char *subject);

#endif
