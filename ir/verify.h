/* Shape inference and the verifier.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_VERIFY_H
#define TN_IR_VERIFY_H

#include "ir/module.h"

/* The shape that inst's opcode, operands and attributes give, in the module's arena.
 * Returns NULL after reporting (TN_INVALID, at inst->location) what is wrong with
 * them: "dot: contracting sizes 128 and 64 differ", with notes for the operands.
 * Some opcodes have a choice (convert's element type, bitcast, reshape, iota,
 * broadcast, rng, custom-call, …): inst->shape then says it and is checked.          */
const tn_shape *tn_infer_shape(const tn_inst *inst, tn_diagnostics *sink);

/* Everything the library relies on: structure (operands of the same computation and
 * before their users, user lists, unique names, roots, parameter numbers without
 * gaps, callees' signatures, no recursion, entry layout, aliases) and every
 * instruction's shape rule. Reports independent errors each; true if there are none. */
bool tn_verify_module(const tn_module *module, tn_diagnostics *sink);

#endif
