/* Names that are unique in their scope: the instructions of a computation, the
 * computations of a module. Private to the module code.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_NAMES_H
#define TN_IR_NAMES_H

#include "base/text.h"

typedef struct tn_names tn_names;

/* An empty scope in `arena`; room for `expected` names is taken at once. */
tn_names *tn_names_create(tn_arena *arena, int expected);

/* Claims `wanted`, made printable (HLO's lexer reads [A-Za-z_][A-Za-z0-9_.-]*; other
 * bytes become '_'; a type's name gets a '_' behind it), or, where it is taken, `wanted.N` with the lowest N not tried
 * before. Amortised O(1). Returns the name as claimed, in the scope's arena.        */
const char *tn_names_claim(tn_names *names, const char *wanted, void *owner);

/* Gives a claimed name back. */
void tn_names_release(tn_names *names, const char *name);

/* Forgets the names that nobody has, and the suffixes tried. Linear in the room for names. */
void tn_names_settle(tn_names *names);

/* The owner of `name`, or NULL. */
void *tn_names_find(const tn_names *names, tn_str name);

#endif
