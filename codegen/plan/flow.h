/* What flows through a plan's steps: who reads and writes which buffer, and which buffers
 * hold something that is still needed behind each step.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_FLOW_H
#define TN_PLAN_FLOW_H

#include "codegen/plan/plan.h"

/* How many steps a list has, those inside them too. */
int tn_count_steps(const tn_step *steps);

/* One argument of a step. Of a while or a conditional: its selector; what stands inside has
 * uses of its own.                                                                       */
typedef struct {
  int buffer;
  bool reads, writes;
} tn_use;

/* How many there are, and the i-th. */
int tn_step_uses(const tn_plan *plan, const tn_step *step);
tn_use tn_step_use(const tn_plan *plan, const tn_step *step, int i);
bool tn_step_reads(const tn_plan *plan, const tn_step *step, int buffer);
bool tn_step_writes(const tn_plan *plan, const tn_step *step, int buffer);

/* What the caller may have passed as one pointer has one place: a result that shares a
 * parameter's memory has that parameter's number.                                        */
int tn_shared_memory_of(const tn_plan *plan, int buffer);
/* Sets the places that the step and all inside it read and write. */
void tn_step_effects(const tn_plan *plan, const tn_step *step, bool *reads, bool *writes);

typedef struct {
  tn_step *step;
  const tn_step *block; /* the first step of the list that it stands in; loops end theirs here */
  uint64_t *after;      /* buffers needed behind it: of the last step of a loop's body, what the
                           next turn needs */
} tn_flow_point;

typedef struct {
  const tn_plan *plan;
  int n_words; /* of a set of buffers */
  int n_points;
  tn_flow_point *points; /* as the steps stand in the text; those inside behind what holds them */
} tn_flow;

/* Steps times buffers / 64: what tn_flow_find takes, in words. Who asks for more than TN_FLOW_MOST
 * does without.                                                                            */
enum { TN_FLOW_MOST = 1 << 24 };
int64_t tn_flow_size(const tn_plan *plan);

/* Solved by going backwards, loops until nothing is added; steps times buffers / 64. */
tn_flow tn_flow_find(tn_arena *arena, const tn_plan *plan);

static inline bool tn_flow_has(const uint64_t *set, int buffer) {
  return set[buffer / 64] >> (buffer % 64) & 1;
}

#endif
