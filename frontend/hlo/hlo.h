/* HLO text -> module.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_FRONTEND_HLO_H
#define TN_FRONTEND_HLO_H

#include "ir/module.h"

typedef struct {
  const char *file;      /* what locations name */
  const char *directory; /* where side files of constants lie; NULL: not allowed */
  int64_t max_instructions, max_nesting, max_tensor_bytes;             /* 0: defaults, see command.md */
  enum { TN_ELIDED_REFUSED, TN_ELIDED_ZERO, TN_ELIDED_RANDOM } elided; /* `{...}` */
  uint64_t elided_seed;
} tn_hlo_options;

/* Parses and verifies. After an error it goes on at the next instruction, so that
 * independent errors are each reported; returns NULL if there was any. `text` must
 * outlive the diagnostics, not the module.
 * Cost: linear; 100 MB/s of text, and at most 3 x (text + literal bytes) of memory.  */
tn_module *tn_hlo_parse(tn_str text, const tn_hlo_options *options, tn_diagnostics *sink);

#endif
