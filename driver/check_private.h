/* What check.c, check_parts.c and check_pair.c share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_CHECK_PRIVATE_H
#define TN_DRIVER_CHECK_PRIVATE_H

#include "driver/check.h"
#include "driver/cut.h"
#include "driver/numbers.h"

enum { TN_PART_WORK = 1 << 26 };

/* What is known of a pair of parts. */
typedef struct {
  tn_hash key;
  tn_equality equality;
  tn_check_result result; /* where they differ; its inst is not set */
} tn_part_verdict;

/* What a module makes of one kind of inputs. */
typedef struct {
  tn_arena *arena;    /* NULL: not evaluated yet */
  tn_literal *result; /* NULL: there is none */
} tn_kept_result;

struct tn_checker {
  tn_arena *arena;
  int64_t max_work;  /* of a whole module */
  int64_t part_work; /* of a part: no more, nor more than TN_PART_WORK */
  const tn_literal *const *given;
  int n_given;
  tn_closeness close; /* tn_checker_want */
  tn_check_counts counts;
  const tn_module *state;                                /* whose results are kept */
  tn_kept_result kept[TN_DRAWS + 1], next[TN_DRAWS + 1]; /* of it; of what was held against it. The last is of
                                                            what was given */
  tn_part_verdict **verdicts;                            /* open addressing */
  int n_verdicts, capacity;
};

/* Compares what changed. false: nothing could be compared. */
bool tn_check_parts(tn_checker *checker, const tn_module *before, const tn_module *after,
                    tn_check_result *result);

enum { TN_ALL_LEVELS = INT32_MAX };

/* A pair of parts: the same inputs, one result each. All three are of the same source module's
 * ids or another's; `surroundings` computes the inputs (in their order), NULL: they are drawn. */
typedef struct {
  tn_module *before, *after, *surroundings;
  int levels; /* of surroundings; TN_ALL_LEVELS: up to the parameters */
  bool loose; /* something drawn may be equal to something else that is drawn */
} tn_part_pair;
void tn_part_pair_destroy(tn_part_pair *pair);
/* full: at their own sizes whatever it costs (up to a limit). Remembers the answer. */
const tn_part_verdict *tn_check_pair(tn_checker *checker, const tn_part_pair *pair, bool full);

/* A loop, a branch, a call: elements of its result may be operands. */
bool tn_check_hands_on(const tn_inst *inst);
/* Has it a constant with a dim of this size (0: any) that was not small enough to be compared by
 * content?                                                                                      */
bool tn_part_has_data(const tn_module *part, int64_t size);

#endif
