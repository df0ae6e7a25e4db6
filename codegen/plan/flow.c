/* Liveness of buffers, backwards over structured steps.
 *
 *   needed before a step = (needed behind it - what it writes) + what it reads
 *
 * An `out` argument is written as a whole (the verifier says so), an `inout` one is read too.
 * Behind the plan its results are needed. A conditional needs what any branch needs, a loop's
 * test what its body and the steps behind the loop need; a loop is walked until its test needs
 * nothing new, which is after two turns but for nested loops.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/flow.h"

/* ---- uses ---- */

int tn_step_uses(const tn_plan *plan, const tn_step *step) {
  switch (step->kind) {
  case TN_STEP_RUN: return plan->kernels[step->kernel]->n_parameters;
  case TN_STEP_COPY: return 2;
  case TN_STEP_WHILE:
  case TN_STEP_CONDITIONAL: return 1;
  }
  return 0;
}

tn_use tn_step_use(const tn_plan *plan, const tn_step *step, int i) {
  switch (step->kind) {
  case TN_STEP_RUN: {
    tn_access access = plan->kernels[step->kernel]->buffers[i].access;
    return (tn_use){step->arguments[i], access != TN_BUFFER_OUT, access != TN_BUFFER_IN};
  }
  case TN_STEP_COPY: return i ? (tn_use){step->to, false, true} : (tn_use){step->from, true, false};
  case TN_STEP_WHILE:
  case TN_STEP_CONDITIONAL: break;
  }
  return (tn_use){step->selector, true, false};
}

bool tn_step_reads(const tn_plan *plan, const tn_step *step, int buffer) {
  for (int i = 0; i < tn_step_uses(plan, step); i++) {
    tn_use use = tn_step_use(plan, step, i);
    if (use.buffer == buffer && use.reads) return true;
  }
  return false;
}

bool tn_step_writes(const tn_plan *plan, const tn_step *step, int buffer) {
  for (int i = 0; i < tn_step_uses(plan, step); i++) {
    tn_use use = tn_step_use(plan, step, i);
    if (use.buffer == buffer && use.writes) return true;
  }
  return false;
}

int tn_shared_memory_of(const tn_plan *plan, int buffer) {
  return plan->buffers[buffer].alias >= 0 ? plan->buffers[buffer].alias : buffer;
}

void tn_step_effects(const tn_plan *plan, const tn_step *step, bool *reads, bool *writes) {
  for (int i = 0; i < tn_step_uses(plan, step); i++) {
    tn_use use = tn_step_use(plan, step, i);
    if (use.reads) reads[tn_shared_memory_of(plan, use.buffer)] = true;
    if (use.writes) writes[tn_shared_memory_of(plan, use.buffer)] = true;
  }
  for (const tn_step *s = step->test; s; s = s->next) tn_step_effects(plan, s, reads, writes);
  for (int i = 0; i < step->n_branches; i++)
    for (const tn_step *s = step->branches[i]; s; s = s->next) tn_step_effects(plan, s, reads, writes);
}

/* ---- liveness ---- */

typedef struct {
  tn_arena *arena;
  tn_flow *flow;
  int capacity;
} walk;

static uint64_t *new_set(const walk *w) { return TN_NEW_ARRAY(w->arena, uint64_t, w->flow->n_words); }

static size_t set_bytes(const walk *w) { return sizeof(uint64_t) * (size_t)w->flow->n_words; }

static void put(uint64_t *set, int buffer) { set[buffer / 64] |= (uint64_t)1 << (buffer % 64); }

static void take(uint64_t *set, int buffer) { set[buffer / 64] &= ~((uint64_t)1 << (buffer % 64)); }

/* True if something was new. */
static bool join(const walk *w, uint64_t *into, const uint64_t *set) {
  uint64_t added = 0;
  for (int i = 0; i < w->flow->n_words; i++) {
    added |= set[i] & ~into[i];
    into[i] |= set[i];
  }
  return added != 0;
}

int tn_count_steps(const tn_step *steps) {
  int count = 0;
  for (; steps; steps = steps->next) {
    count += 1 + tn_count_steps(steps->test);
    for (int i = 0; i < steps->n_branches; i++) count += tn_count_steps(steps->branches[i]);
  }
  return count;
}

static void number_steps(walk *w, tn_step *steps) {
  tn_flow *f = w->flow;
  for (tn_step *step = steps; step; step = step->next) {
    if (f->n_points == w->capacity)
      f->points = tn_arena_grow(w->arena, f->points, &w->capacity, sizeof *f->points);
    f->points[f->n_points++] = (tn_flow_point){step, steps, new_set(w)};
    number_steps(w, step->test);
    for (int i = 0; i < step->n_branches; i++) number_steps(w, step->branches[i]);
  }
}

static void before_block(walk *w, const tn_step *steps, int point, uint64_t *live);

static void before_loop(walk *w, const tn_step *step, int point, uint64_t *live) {
  int body = point + 1 + tn_count_steps(step->test);
  uint64_t *again = new_set(w), *top = new_set(w);
  do {
    memcpy(again, top, set_bytes(w)); /* behind the body: what the test needs */
    before_block(w, step->branches[0], body, again);
    join(w, again, live);
    put(again, step->selector);
    before_block(w, step->test, point + 1, again);
  } while (join(w, top, again));
  memcpy(live, top, set_bytes(w));
}

static void before_conditional(walk *w, const tn_step *step, int point, uint64_t *live) {
  uint64_t *any = new_set(w), *one = new_set(w);
  for (int i = 0, at = point + 1; i < step->n_branches; at += tn_count_steps(step->branches[i]), i++) {
    memcpy(one, live, set_bytes(w));
    before_block(w, step->branches[i], at, one);
    join(w, any, one);
  }
  memcpy(live, any, set_bytes(w));
  put(live, step->selector);
}

static void before_step(walk *w, const tn_step *step, int point, uint64_t *live) {
  const tn_plan *plan = w->flow->plan;
  memcpy(w->flow->points[point].after, live, set_bytes(w));
  switch (step->kind) {
  case TN_STEP_RUN:
  case TN_STEP_COPY: break;
  case TN_STEP_WHILE: before_loop(w, step, point, live); return;
  case TN_STEP_CONDITIONAL: before_conditional(w, step, point, live); return;
  }
  for (int i = 0; i < tn_step_uses(plan, step); i++)
    if (tn_step_use(plan, step, i).writes) take(live, tn_step_use(plan, step, i).buffer);
  for (int i = 0; i < tn_step_uses(plan, step); i++)
    if (tn_step_use(plan, step, i).reads) put(live, tn_step_use(plan, step, i).buffer);
}

/* live: what is needed behind the block, then before it. */
static void before_block(walk *w, const tn_step *steps, int point, uint64_t *live) {
  int count = 0;
  for (const tn_step *s = steps; s; s = s->next) count++;
  const tn_step **order = tn_arena_alloc_array(w->arena, (size_t)count, sizeof *order);
  int *points = TN_NEW_ARRAY(w->arena, int, count), n = 0;
  for (const tn_step *s = steps; s; s = s->next) {
    order[n] = s;
    points[n++] = point;
    point += 1 + tn_count_steps(s->test);
    for (int i = 0; i < s->n_branches; i++) point += tn_count_steps(s->branches[i]);
  }
  while (n-- > 0) before_step(w, order[n], points[n], live);
}

int64_t tn_flow_size(const tn_plan *plan) {
  return (int64_t)tn_count_steps(plan->steps) * (plan->n_buffers / 64 + 1);
}

tn_flow tn_flow_find(tn_arena *arena, const tn_plan *plan) {
  tn_flow flow = {.plan = plan, .n_words = plan->n_buffers / 64 + 1};
  walk w = {.arena = arena, .flow = &flow};
  number_steps(&w, plan->steps);
  uint64_t *live = new_set(&w);
  for (int i = 0; i < plan->n_results; i++) put(live, plan->results[i]);
  before_block(&w, plan->steps, 0, live);
  return flow;
}
