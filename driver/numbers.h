/* Numbers of values: two values with one number are equal whatever the inputs are, be they in
 * one module or in two.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_NUMBERS_H
#define TN_DRIVER_NUMBERS_H

#include "base/hash.h"
#include "ir/module.h"

enum { TN_SMALL_CONSTANT = 256 /* bytes: up to here constants are numbered by content */ };

/* Of what makes a value: opcode, shape, attributes, the numbers of the operands. Names and
 * layouts do not count; fusions and calls are what they compute, elements of a tuple made
 * in sight are what the tuple was made of, copies what they copy.                        */
typedef struct tn_number tn_number;
struct tn_number {
  tn_hash hash;
  const tn_number *const *elements; /* of a tuple whose making is known; else NULL */
  bool constant;                    /* made of small constants and dim values alone */
  bool closed;                      /* made of constants of any size: always the same */
};

typedef struct {
  tn_arena *arena;
  const tn_module *module;
  const tn_number **of; /* by instruction id; NULL: not numbered yet */
  tn_hash *functions;   /* by computation id: what it computes of its parameters */
  bool *known;          /* by computation id */
} tn_numbers;

tn_numbers tn_numbers_create(tn_arena *arena, const tn_module *module);
/* Gives `inst` its number; operands and what it calls have theirs. A caller may enter
 * another, that it knows to be equal, in numbers->of.                                  */
void tn_number_inst(tn_numbers *numbers, const tn_inst *inst);
/* Numbers the instructions of `comp`; its function, too. */
void tn_number_comp(tn_numbers *numbers, const tn_comp *comp);
/* Every computation; the entry's function is the module's. */
tn_hash tn_number_module(tn_arena *arena, const tn_module *module);

static inline bool tn_hash_same(tn_hash a, tn_hash b) { return a.high == b.high && a.low == b.low; }

#endif
