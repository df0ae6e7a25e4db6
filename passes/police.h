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
  tn_hash fingerprint;       /* of its text and of where its constants lie */
  uint64_t stamp;            /* of the memory that it is made of */
  unsigned properties;       /* that hold */
  bool present[TN_OP_COUNT]; /* its opcodes */
} tn_police_file;

/* Canonicalises the module and writes down all of it. */
void tn_police_look(tn_module *module, tn_police_file *file);

/* After `pass` said that it changed the module, or did not: whether that is so, the module
 * is valid, and what the pass keeps still holds. TN_BUG naming the pass if not. Then the
 * module is canonical again. *file is what was known before, and becomes what is known now.
 * Texts of messages live in `arena`.                                                      */
bool tn_police_check(tn_module *module, const tn_pass *pass, bool said, tn_police_file *file, tn_arena *arena,
                     tn_diagnostics *sink);

#endif
