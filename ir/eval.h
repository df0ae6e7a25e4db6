/* The reference evaluator: the meaning of every program, simple enough to be
 * believed. It covers each opcode and type; dot, convolution and reduce have typed
 * inner loops (0.3 G multiply-adds a second and more), the rest needs no speed.
 *
 * Semantics: docs/ir.md. Floats below f32 round after each operation; sums (in
 * dot, convolution, reduce with a float add, batch-norm, reduce-window) of f16, bf16
 * and f8 accumulate in f32. Transcendentals are libm's in the next wider type (f64
 * for f32 and below, long double for f64) and are rounded once; the evaluator shares
 * no code with base/math.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_EVAL_H
#define TN_IR_EVAL_H

#include "ir/module.h"

typedef struct {
  bool bounds;            /* carry an error bound beside each float (below) */
  int64_t max_iterations; /* of one while loop; 0: 100 million; beyond: TN_LIMIT */
  int64_t max_bytes;      /* of live values; 0: 64 GiB; beyond: TN_LIMIT */
  uint64_t seed;          /* of rng; the same gives the same numbers */
} tn_eval_options;

/* Runs the entry computation on `arguments` (one literal a parameter, shapes as
 * declared). The result lives in `arena`. Returns NULL after reporting
 * (TN_UNSUPPORTED: the opcode's name and why).
 *
 * With options->bounds every float of the result carries in literal.bound how far a
 * correct implementation may be from it, to first order: the operands' bounds
 * through the derivative plus the operation's own rounding (half an ulp for IEEE
 * operations that are not exact, 4 ulp for transcendentals; n·u·Σ|terms| for sums in any
 * order).
 * Discontinuous operations on inexact values give an infinite bound where the operand's
 * interval meets the edge. Integers and predicates carry 0, or infinity where an inexact
 * float decided them.                                                                  */
tn_literal *tn_evaluate(tn_arena *arena, const tn_module *module, const tn_literal *const *arguments,
                        const tn_eval_options *options, tn_diagnostics *sink);

/* One instruction of `comp` on operand values: what constant folding and map use. The
 * result carries bounds if an operand does.                                          */
tn_literal *tn_evaluate_instruction(tn_arena *arena, const tn_inst *inst, const tn_literal *const *operands,
                                    tn_diagnostics *sink);

#endif
