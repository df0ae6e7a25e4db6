/* What the vector unit of an array does behind a sum, as a chain of instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_ARRAY_CHAIN_H
#define TN_PASSES_ARRAY_CHAIN_H

#include "passes/dims.h"
#include "passes/rewrite.h"
#include "target/isa_pipeline.h"

/* A bound on time: members are looked for one by one. A pipeline's steps take a few instructions each, a function of
 * bytes (gelu) some twenty; a chain that does not fit is left to the host.                                       */
enum { TN_LARGEST_CHAIN = 96 };

typedef struct {
  tn_inst *members[TN_LARGEST_CHAIN]; /* in no order; what is computed beside the chain, too */
  int count;
  tn_inst *end;
  tn_isa_progress at;
  bool has_function;
  bool has_limits;                  /* of the values that are rounded: behind the function, if there is one */
  double low, high, zero;           /* zero: added behind the rounding */
  int64_t channels, channel_stride; /* of scale and bias: (element / stride) % channels; 0: none yet */
  bool is_full;                     /* there was no room: members are not complete */
} tn_chain;

bool tn_chain_has(const tn_chain *chain, const tn_inst *inst);
void tn_chain_add(tn_chain *chain, tn_inst *inst);
/* A byte that is only read to make another byte of each: one table does that behind whatever makes it. */
bool tn_chain_is_recoded(const tn_inst *inst);
/* Goes on from chain->end over its only users as far as one pipeline does it all; functions of an
 * 8-bit result into 8 bits join behind, as tables.                                          */
void tn_chain_grow(const tn_systolic_target *array, tn_chain *chain);

#endif
