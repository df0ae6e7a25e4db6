/* Streams grow here: whoever adds an instruction says what it reads and writes, and the waits follow.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_BUILDER_H
#define TN_SYSTOLIC_BUILDER_H

#include "target/isa.h"

typedef struct tn_builder tn_builder;
tn_builder *tn_builder_create(tn_arena *arena);

/* low … high of a space: bytes, or rows of accumulators. Empty ones are nothing. */
typedef struct {
  tn_space space;
  bool writes;
  int64_t low, high;
} tn_reach;

/* Behind all others, with waits for the units whose work it must see done. */
void tn_builder_add(tn_builder *builder, const tn_instruction *instruction, int n_reaches,
                    const tn_reach *reaches);

tn_instruction *tn_builder_instructions(const tn_builder *builder, int64_t *count);

#endif
