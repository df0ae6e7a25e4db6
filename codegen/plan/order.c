/* The order of steps, for less memory.
 *
 *   run a(x, t0)        8 MB          run a(x, t0)
 *   run b(x, t1)        8 MB          run sum_a(t0, t2)    frees t0
 *   run sum_a(t0, t2)            ->   run b(x, t1)         in its place
 *   run sum_b(t1, t3)                 run sum_b(t1, t3)
 *
 * Steps of one list that depend on each other — one writes what the other reads or writes, alias
 * or not — keep their order. Of those that may come next, the one is taken that leaves least
 * alive, then the one that needs least meanwhile, then the one that came first; from the front, and
 * in a second try from the back, where what a step reads begins to live and what it makes ends. The
 * better of both is kept if the most that is alive falls; else nothing moves.
 *
 * What lives beyond the list, or from turn to turn of its loop, counts the same in every order.
 *
 * Cost: steps times those that may come next, for each list; lists of more than 2000 stay.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/coalesce.h"

enum { MOST_STEPS = 2000, MOST_WORK = 1 << 24 };

/* A list of steps, what each depends on, and which temps live in it alone. */
typedef struct {
  tn_arena *scratch;
  tn_plan *plan;
  const int64_t *sizes; /* by buffer: of a temp of this list alone, else 0 */
  int count;
  tn_step **steps;
  bool **before;      /* before[i][j]: step j stands before step i in every order */
  TN_VEC(int) * uses; /* of each step: such temps */
} list;

/* ---- what depends on what ---- */

static bool *effects_of(const list *l, int step, bool **writes) {
  bool *reads = TN_NEW_ARRAY(l->scratch, bool, l->plan->n_buffers);
  *writes = TN_NEW_ARRAY(l->scratch, bool, l->plan->n_buffers);
  tn_step_effects(l->plan, l->steps[step], reads, *writes);
  return reads;
}

/* For each buffer the last step that writes it, and those that read it since. */
static void find_dependences(list *l) {
  int n_buffers = l->plan->n_buffers;
  int *writer = TN_NEW_ARRAY(l->scratch, int, n_buffers);
  TN_VEC(int) *readers = tn_arena_alloc_array(l->scratch, (size_t)n_buffers, sizeof *readers);
  for (int b = 0; b < n_buffers; b++) writer[b] = -1;
  for (int i = 0; i < l->count; i++) {
    bool *writes, *reads = effects_of(l, i, &writes);
    l->before[i] = TN_NEW_ARRAY(l->scratch, bool, l->count);
    for (int b = 0; b < n_buffers; b++) {
      if ((reads[b] || writes[b]) && writer[b] >= 0) l->before[i][writer[b]] = true;
      for (int r = 0; writes[b] && r < readers[b].count; r++) l->before[i][readers[b].at[r]] = true;
      if (writes[b]) {
        writer[b] = i;
        readers[b].count = 0;
      }
      if (reads[b]) TN_PUSH(l->scratch, &readers[b], i);
      if ((reads[b] || writes[b]) && l->sizes[b]) TN_PUSH(l->scratch, &l->uses[i], b);
    }
    l->before[i][i] = false;
  }
}

/* ---- orders ---- */

/* Forwards, a temp lives from the first step that uses it to the last that does. Backwards the
 * same is true.                                                                            */
typedef struct {
  const list *l;
  bool backwards;
  int *left; /* by buffer: uses that are still to come */
  bool *alive;
  bool *done; /* by step */
  int *waits; /* by step: how many stand before it */
  int64_t bytes, peak;
} progress;

static void costs(const progress *p, int step, int64_t *meanwhile, int64_t *afterwards) {
  *meanwhile = *afterwards = p->bytes;
  for (int u = 0; u < p->l->uses[step].count; u++) {
    int b = p->l->uses[step].at[u];
    int64_t size = p->l->sizes[b];
    if (!p->alive[b]) *meanwhile += size, *afterwards += size;
    if (p->left[b] == 1) *afterwards -= size;
  }
}

static void take(progress *p, int step) {
  int64_t meanwhile, afterwards;
  costs(p, step, &meanwhile, &afterwards);
  for (int u = 0; u < p->l->uses[step].count; u++) {
    p->alive[p->l->uses[step].at[u]] = true;
    p->left[p->l->uses[step].at[u]]--;
  }
  if (meanwhile > p->peak) p->peak = meanwhile;
  p->bytes = afterwards;
  p->done[step] = true;
  for (int i = 0; i < p->l->count; i++)
    p->waits[i] -= p->backwards ? p->l->before[step][i] : p->l->before[i][step];
}

static progress begin(const list *l, bool backwards) {
  progress p = {.l = l, .backwards = backwards};
  p.left = TN_NEW_ARRAY(l->scratch, int, l->plan->n_buffers);
  p.alive = TN_NEW_ARRAY(l->scratch, bool, l->plan->n_buffers);
  p.done = TN_NEW_ARRAY(l->scratch, bool, l->count);
  p.waits = TN_NEW_ARRAY(l->scratch, int, l->count);
  for (int i = 0; i < l->count; i++) {
    for (int u = 0; u < l->uses[i].count; u++) p.left[l->uses[i].at[u]]++;
    for (int j = 0; j < l->count; j++) p.waits[backwards ? j : i] += l->before[i][j];
  }
  return p;
}

static int64_t peak_as_written(const list *l) {
  progress p = begin(l, false);
  for (int i = 0; i < l->count; i++) take(&p, i);
  return p.peak;
}

/* The number of the step that is taken, from the front or the back. */
static int best_next(const progress *p) {
  int best = -1;
  int64_t least_after = 0, least_meanwhile = 0;
  for (int k = 0; k < p->l->count; k++) {
    int i = p->backwards ? p->l->count - 1 - k : k;
    int64_t meanwhile, afterwards;
    if (p->done[i] || p->waits[i]) continue;
    costs(p, i, &meanwhile, &afterwards);
    bool better = afterwards < least_after || (afterwards == least_after && meanwhile < least_meanwhile);
    if (best >= 0 && !better) continue;
    best = i;
    least_after = afterwards;
    least_meanwhile = meanwhile;
  }
  return best;
}

static int64_t find_order(const list *l, bool backwards, int *order) {
  progress p = begin(l, backwards);
  for (int i = 0; i < l->count; i++) {
    int next = best_next(&p);
    order[backwards ? l->count - 1 - i : i] = next;
    take(&p, next);
  }
  return p.peak;
}

/* ---- lists ---- */

static void put_in_order(tn_step **steps, const list *l, const int *order) {
  tn_step **tail = steps;
  for (int i = 0; i < l->count; i++) {
    *tail = l->steps[order[i]];
    tail = &(*tail)->next;
  }
  *tail = NULL;
}

static void order_list(tn_arena *scratch, tn_plan *plan, tn_step **steps, const int64_t *sizes) {
  list l = {.scratch = scratch, .plan = plan, .sizes = sizes};
  for (tn_step *s = *steps; s; s = s->next) l.count++;
  if (l.count < 3 || l.count > MOST_STEPS || (int64_t)l.count * plan->n_buffers > MOST_WORK) return;
  l.steps = tn_arena_alloc_array(scratch, (size_t)l.count, sizeof *l.steps);
  l.before = tn_arena_alloc_array(scratch, (size_t)l.count, sizeof *l.before);
  l.uses = tn_arena_alloc_array(scratch, (size_t)l.count, sizeof *l.uses);
  int n = 0;
  for (tn_step *s = *steps; s; s = s->next) l.steps[n++] = s;
  find_dependences(&l);
  int *forwards = TN_NEW_ARRAY(scratch, int, l.count), *backwards = TN_NEW_ARRAY(scratch, int, l.count);
  int64_t now = peak_as_written(&l), front = find_order(&l, false, forwards),
          back = find_order(&l, true, backwards);
  if (front < now && front <= back)
    put_in_order(steps, &l, forwards);
  else if (back < now)
    put_in_order(steps, &l, backwards);
}

/* How many steps of the list, or inside them, touch each buffer. */
static void count_touches(const tn_plan *plan, const tn_step *steps, int *touches) {
  for (; steps; steps = steps->next) {
    for (int i = 0; i < tn_step_uses(plan, steps); i++) touches[tn_step_use(plan, steps, i).buffer]++;
    count_touches(plan, steps->test, touches);
    for (int i = 0; i < steps->n_branches; i++) count_touches(plan, steps->branches[i], touches);
  }
}

/* Temps that no step outside of the list touches, and no next turn needs. */
static int64_t *sizes_in(tn_arena *scratch, const tn_plan *plan, const tn_step *steps, const tn_flow *flow) {
  int64_t *sizes = TN_NEW_ARRAY(scratch, int64_t, plan->n_buffers);
  int *all = TN_NEW_ARRAY(scratch, int, plan->n_buffers), *here = TN_NEW_ARRAY(scratch, int, plan->n_buffers);
  const uint64_t *end = NULL;
  count_touches(plan, plan->steps, all);
  count_touches(plan, steps, here);
  for (int i = 0; i < flow->n_points; i++)
    if (flow->points[i].block == steps) end = flow->points[i].after;
  for (int b = 0; b < plan->n_buffers; b++) {
    bool own = plan->buffers[b].memory == TN_MEMORY_TEMP && here[b] && here[b] == all[b];
    if (own && !(end && tn_flow_has(end, b))) sizes[b] = (plan->buffers[b].bytes + 63) / 64 * 64;
  }
  return sizes;
}

static void order_all(tn_plan *plan, tn_step **steps, const tn_flow *flow) {
  tn_arena *scratch = tn_arena_create();
  if (*steps) order_list(scratch, plan, steps, sizes_in(scratch, plan, *steps, flow));
  tn_arena_destroy(scratch);
  for (tn_step *s = *steps; s; s = s->next)
    for (int i = 0; i < s->n_branches; i++) order_all(plan, &s->branches[i], flow);
}

void tn_plan_order(tn_plan *plan) {
  if (tn_flow_size(plan) > TN_FLOW_MOST) return;
  tn_arena *scratch = tn_arena_create();
  tn_flow flow = tn_flow_find(scratch, plan);
  order_all(plan, &plan->steps, &flow);
  tn_arena_destroy(scratch);
}
