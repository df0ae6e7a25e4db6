/* Operations that are the same: what equal instructions and equal computations are told by.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_SAME_H
#define TN_PASSES_SAME_H

#include "ir/module.h"

static inline uint64_t tn_hash_mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 29;
}

/* Opcode, shape, layout, attributes and what of the annotations has a meaning; neither
 * operands nor called computations. Parameters are the same if their numbers are, constants
 * if their bits are.                                                                       */
bool tn_inst_does_same(const tn_inst *a, const tn_inst *b);
/* Equal for what does the same. Of a constant's data it reads a few places alone, so that
 * weights cost nothing.                                                                   */
uint64_t tn_inst_hash(const tn_inst *inst);

/* Two runs of it on the same operands give the same value, and one run is as good as two:
 * no random numbers, no effects of its own (those of called computations apart), nothing that
 * another processor or a compiler is meant to see twice.                                   */
bool tn_inst_is_function(const tn_inst *inst);

#endif
