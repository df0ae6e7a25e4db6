/* Arithmetic on the bits of values of any number of lanes, each with one number for all.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_CPU_EMIT_BITS_H
#define TN_CPU_EMIT_BITS_H

#include "codegen/cpu/emit.h"

/* The same bits as lanes of another type, as wide. */
static inline LLVMValueRef tn_as(tn_emitter *e, LLVMValueRef value, LLVMTypeRef element) {
  return LLVMBuildBitCast(e->b, value, tn_with_element(LLVMTypeOf(value), element), "");
}

static inline LLVMValueRef tn_masked(tn_emitter *e, LLVMValueRef x, uint64_t mask) {
  return LLVMBuildAnd(e->b, x, tn_int_like(LLVMTypeOf(x), mask), "");
}

static inline LLVMValueRef tn_plus(tn_emitter *e, LLVMValueRef x, uint64_t value) {
  return LLVMBuildAdd(e->b, x, tn_int_like(LLVMTypeOf(x), value), "");
}

static inline LLVMValueRef tn_shift_left(tn_emitter *e, LLVMValueRef x, int by) {
  return LLVMBuildShl(e->b, x, tn_int_like(LLVMTypeOf(x), (uint64_t)by), "");
}

static inline LLVMValueRef tn_shift_right(tn_emitter *e, LLVMValueRef x, int by) {
  return LLVMBuildLShr(e->b, x, tn_int_like(LLVMTypeOf(x), (uint64_t)by), "");
}

static inline LLVMValueRef tn_is(tn_emitter *e, LLVMIntPredicate predicate, LLVMValueRef x, uint64_t value) {
  return LLVMBuildICmp(e->b, predicate, x, tn_int_like(LLVMTypeOf(x), value), "");
}

#endif
