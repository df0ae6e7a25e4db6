/* Local rewrites: what the simplify-* passes are made of.
 *
 * A rule looks at one instruction and gives what may stand for it. Rules are grouped in
 * passes by the family of opcodes they start from; the engine sweeps over the module,
 * operands before users, until no rule applies any more.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_REWRITE_H
#define TN_PASSES_REWRITE_H

#include "passes/pass.h"

/* Returns what `inst` is replaced by (an operand, or something built before inst; inst
 * itself if it was changed in place), or NULL if the rule does not apply. Asks
 * tn_pass_spend before it builds or changes anything.                                 */
typedef tn_inst *tn_rewrite_rule(tn_pass_context *context, tn_inst *inst);

typedef struct {
  tn_op op;
  tn_rewrite_rule *rule;
  const char *name; /* for --stats and --fuel's messages; NULL: none */
} tn_rewrite;
/* A row of a table of rules, called what its function is called. */
#define TN_RULE(OP, function) {TN_OP_##OP, function, #function}

/* Applies the rules until none applies; true if any did. Every rule must make something
 * smaller, or go one way only.                                                        */
bool tn_rewrite_module(tn_module *module, tn_pass_context *context, const tn_rewrite *rules, int count);

/* Puts `by` in the place of `inst`, which it removes where nothing holds it: uses, and,
 * if `by` is new and has none of its own, location and annotations.                   */
void tn_rewrite_replace(tn_inst *inst, tn_inst *by);

/* What every user of `inst` sees is the same with `by`: type, dims, and, where a user
 * looks at the layout (bitcast, custom-call, copy-start), that too.                   */
bool tn_rewrite_stands_for(const tn_inst *by, const tn_inst *inst);

/* `inst` may be removed, moved or computed elsewhere: no control edges, no side effect. */
bool tn_rewrite_is_free_to_move(const tn_inst *inst);

/* The computations that run as sequences of instructions: the entry, and what while,
 * conditional, call and async-start call; not reducers, comparators, fusions.          */
bool tn_comp_is_sequence(const tn_comp *comp);

tn_dims tn_rewrite_dims(tn_inst *inst, int count, const int64_t *at); /* a copy in the module */

#endif
