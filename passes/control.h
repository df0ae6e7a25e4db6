/* Control flow as passes edit it: whiles whose state is a tuple, computations that are called.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_CONTROL_H
#define TN_PASSES_CONTROL_H

#include "passes/pass.h"
#include "passes/rewrite.h"

/* What computations do besides giving a value; by computation id. */
enum {
  TN_EFFECT = 1, /* side effects, custom calls that have some */
  TN_RANDOM = 2  /* random numbers that come from the names of instructions: copies give others */
};
typedef struct {
  unsigned char *at;
  int count;
} tn_effects;
tn_effects tn_find_effects(const tn_module *module, tn_arena *scratch);
/* TN_EFFECT | TN_RANDOM, of it and all that it calls. */
unsigned tn_comp_effects(const tn_comp *comp, const tn_effects *effects);
unsigned tn_inst_effects(const tn_inst *inst, const tn_effects *effects);

/* `comp`, run on `arguments`, before `before`: its instructions copied there, control edges
 * between them too. Returns what its root becomes, which may be an argument.               */
tn_inst *tn_comp_copy_into(tn_inst *before, const tn_comp *comp, tn_inst *const *arguments,
                           tn_arena *scratch);

/* inst->called[slot], which nobody else calls: a copy where somebody did. Without an effect of
 * its own on what the module means; a rewrite that needs it follows.                           */
tn_comp *tn_comp_own(tn_inst *inst, int slot);

/* All users are get-tuple-elements; inst is no root. */
bool tn_only_elements_used(const tn_inst *inst);
/* Makes that so: another use becomes one of a new tuple of all elements. */
void tn_split_uses(tn_inst *inst);

/* Element `index` of a tuple: what a tuple instruction was made of, or a new get-tuple-element
 * before `before`.                                                                           */
tn_inst *tn_element_of(tn_inst *tuple, int index, tn_inst *before);

/* ---- tuples without some of their elements ---- */
/* Of what only elements are used of: inst's shape, and the indices of its users. Nobody uses the
 * elements that go.                                                                             */
void tn_keep_elements(tn_inst *inst, const bool *keep);
/* Of a tuple instruction: its operands, its shape. */
void tn_keep_operands(tn_inst *tuple, const bool *keep);
/* A new tuple of those elements of `tuple`, before `before`. */
tn_inst *tn_tuple_keep(tn_inst *tuple, const bool *keep, tn_inst *before);
/* Takes away what has no effect, calls nothing and is not used. */
void tn_drop_unused(tn_inst *inst);

/* A while whose state is a tuple that test and body take apart, and the body puts together:
 *
 *   test (s) -> pred[] { … get-tuple-element(s), index=i … }
 *   body (s) -> (…)    { … get-tuple-element(s), index=i …  ROOT next = tuple(…) }
 *   loop = while(initial), condition=test, body=body
 */
typedef struct {
  tn_inst *loop, *initial;
  tn_comp *test, *body;
  tn_inst *test_state, *state; /* the parameters */
  tn_inst *next;               /* the body's root */
  int count;                   /* elements */
} tn_loop;

/* Shows every instruction of a module with whiles to `visit`, inner loops before those around
 * them; true if some visit says that it changed something.                                  */
typedef bool tn_loop_visit(tn_inst *inst, tn_pass_context *context, const tn_effects *effects);
bool tn_visit_loops(tn_module *module, tn_pass_context *context, tn_loop_visit *visit);
/* False where `inst` is something else, or has control edges. */
bool tn_loop_open(tn_inst *inst, tn_loop *loop);
/* Test and body become the loop's own: before anything inside is changed. */
void tn_loop_own(tn_loop *loop);
/* Element i is what it was before, in every turn. */
bool tn_loop_keeps(const tn_loop *loop, int element);
/* Further elements of the state that are `values` in every turn; inside: what the body reads
 * them by.                                                                                  */
void tn_loop_extend(tn_loop *loop, int count, tn_inst *const *values, tn_inst **inside);

/* The integer that a scalar constant is. */
bool tn_constant_integer(const tn_inst *inst, int64_t *value);

/* How often the body runs, where a counter in the state says so:
 *
 *   initial: tuple(…, constant, …)   body: i + constant   test: i < constant
 *
 * with any integer type, step, direction and order of the two sides.                       */
bool tn_loop_turns(const tn_loop *loop, int64_t *turns);

#endif
