/* What the pipeline holds each pass to.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_POLICE_H
#define TN_PASSES_POLICE_H

#include "base/hash.h"
#include "passes/pass.h"

/* A module as the police know it. */
typedef struct {
  tn_hash fingerprint;
  unsigned properties; /* that hold */
} tn_police_file;

tn_police_file tn_police_look(tn_module *module, const tn_inst **witness);

/* After `pass` said that it changed the module, or did not: whether that is so, the module
 * is valid, and what the pass keeps still holds. TN_BUG naming the pass if not. *file is
 * what was known before, and becomes what is known now. Names of `module` in messages live
 * in `arena`.                                                                            */
bool tn_police_check(tn_module *module, const tn_pass *pass, bool said, tn_police_file *file, tn_arena *arena,
                     tn_diagnostics *sink);

#endif
