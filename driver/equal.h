/* Whether two modules compute the same: inputs drawn, the evaluator run, results compared
 * in the sense of docs/architecture.md.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_EQUAL_H
#define TN_DRIVER_EQUAL_H

#include "ir/module.h"

/* ---- work ---- */

/* What evaluating costs, in multiply-adds of a dot (some 3 ns each): an element of anything
 * else counts WORK_OF_ELEMENT of them, a loop is taken to run WORK_OF_LOOP times. Saturates. */
enum { TN_WORK_OF_ELEMENT = 8, TN_WORK_OF_LOOP = 64 };
int64_t tn_inst_work(const tn_inst *inst);
int64_t tn_module_work(const tn_module *module);

/* ---- inputs ---- */

typedef enum {
  TN_DRAW_FRACTIONS, /* floats in [-1, 1), small integers */
  TN_DRAW_POSITIVE,  /* floats in [1/16, 17/16) */
  TN_DRAW_SPECIAL,   /* small integers in floats too, zeros of both signs, infinities, NaN, extremes */
  TN_DRAWS
} tn_draw;
const char *tn_draw_name(tn_draw draw);
/* `stream` tells inputs of one draw apart. The same numbers in every run. */
tn_literal *tn_draw_literal(tn_arena *arena, const tn_shape *shape, tn_draw draw, uint64_t stream);
/* One for each parameter of the entry. */
tn_literal **tn_draw_arguments(tn_arena *arena, const tn_module *module, tn_draw draw);

/* ---- values as lists of arrays ---- */

typedef TN_VEC(const tn_literal *) tn_literal_list;

bool tn_entry_is_bounded(const tn_module *module);

/* The arrays of a result. sized: as a module gives it whose entry is not bounded any more: each
 * array with bounded dims is as long as its bounds, and its sizes stand behind it.             */
void tn_add_leaves(tn_arena *arena, tn_literal_list *list, const tn_literal *value, bool sized);
/* The arguments of `before`; sized: as such a module takes them. */
tn_literal_list tn_list_arguments(tn_arena *arena, const tn_module *before,
                                  const tn_literal *const *arguments, bool sized);

/* ---- comparing ---- */

/* Has it an instruction that a pass writes out as others, which round elsewhere and make zeros
 * of the other sign?                                                                          */
bool tn_is_written_out(const tn_module *module);

typedef struct {
  int output;            /* leaf of the result; of those that differ the one with the fewest elements */
  const tn_shape *shape; /* its; in the caller's arena */
  int64_t element;       /* the first that differs; -1: shape or sizes do, or there is no result */
  int64_t count;         /* how many differ */
  double bound;
  char got[96], expected[96]; /* or, where element is -1, what is to be said */
} tn_difference;

typedef enum {
  TN_SAME,
  TN_DIFFERENT,
  TN_INCOMPARABLE /* the evaluator does not run one of them (an unsupported opcode, a limit) */
} tn_equality;

/* How near a result must be. */
typedef enum {
  TN_CLOSE_BITS,   /* the same bits, NaN and NaN */
  TN_CLOSE_BOUNDS, /* or four error bounds of `before` */
  TN_CLOSE_LOOSE   /* or four of both together, for what may be computed in another way */
} tn_closeness;

/* Runs both on the arguments (those of `before`; where only it has bounded dims, `after` takes
 * them as long as their bounds, with sizes behind them). Where bounds count and bits differ, what has
 * bounds is evaluated once more.
 * known: the result of `before` without bounds, NULL: it is evaluated. *got: of `after`; NULL
 * if it has none.                                                                           */
tn_equality tn_modules_agree(tn_arena *arena, const tn_module *before, const tn_module *after,
                             const tn_literal *const *arguments, tn_closeness close, const tn_literal *known,
                             tn_literal **got, tn_difference *difference);

/* The result of evaluating within the limits that checks have; NULL (silent) otherwise. */
tn_literal *tn_try_evaluate(tn_arena *arena, const tn_module *module, const tn_literal *const *arguments,
                            bool bounds);

/* For those who compare what they ran themselves: one array of a result. inexact: the bounds
 * that the two have count, together, and none as less than least_bound. Fills *difference where it is false, but for
 * its output.                                                                                  */
bool tn_leaf_agrees(const tn_literal *got, const tn_literal *expected, bool inexact, double least_bound,
                    tn_difference *difference);

#endif
