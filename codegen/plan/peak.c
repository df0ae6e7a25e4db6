/* Less memory at the times when most is alive.
 *
 *   in place        a step of the peak reads something for the last time: if its kernel can, it
 *                   writes its result there (in_place.c). Always, as it costs nothing.
 *
 *   again           rematerialisation, only for a limit: what is alive at the peak but not touched
 *                   there is made again before its next use, by the kernel that made it, from what
 *                   still is as it was. Of all that can be, the one that takes away most bytes above
 *                   the limit, over all times, for the work of making it again; until nothing is
 *                   above. Where nothing brings the whole nearer to the limit (what is made again needs
 *                   memory, too, where it is), the times at which most is alive are lowered, as far as that goes.
 *
 *     run a(x, t0)                       run a(x, t0)
 *     run b(t0, t1)                      run b(t0, t1)
 *     run big(t1, t2)     peak       ->  run big(t1, t2)
 *     run c(t2, t0, y)                   run a(x, t0.9)
 *                                        run c(t2, t0.9, y)
 *
 * Work is counted as the bytes that a kernel touches and the iterations of its loops. Values
 * stay: the same kernel reads the same.
 *
 * Cost: a walk over all steps for each buffer that is tried, ALL_WORK of it at most.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/coalesce.h"
#include "codegen/plan/place.h"

enum { ALL_WORK = 1 << 26 }; /* buffers times steps, of all walks: about a second */

/* ---- in place ---- */

static bool dies_here(const tn_life *life, int time) {
  return life->size && life->last == time && life->first < time;
}

typedef enum { STAYS, LOWERED, LATER } outcome;

/* The step writes over one of its inputs from now on. LATER: one of its buffers was joined to
 * another since the line was drawn (`joined`).                                            */
static outcome write_over(tn_coalescer *c, const tn_timeline *line, int time, bool *joined) {
  const tn_step *step = line->at[time];
  const tn_plan *plan = c->plan;
  int uses = step->kind == TN_STEP_RUN ? tn_step_uses(plan, step) : 0;
  for (int i = 0; i < uses; i++)
    if (joined[tn_step_use(plan, step, i).buffer]) return LATER;
  for (int i = 0; i < uses; i++) {
    tn_use out = tn_step_use(plan, step, i);
    const tn_life *born = &line->lives[out.buffer];
    if (!out.writes || out.reads || !born->size || born->first != time) continue;
    for (int k = 0; k < uses; k++) {
      tn_use in = tn_step_use(plan, step, k);
      bool fits = in.buffer != out.buffer && !in.writes && dies_here(&line->lives[in.buffer], time) &&
                  tn_same_memory(&plan->buffers[in.buffer], &plan->buffers[out.buffer]);
      if (!fits || tn_coalesce_clash(c, in.buffer, out.buffer)) continue;
      tn_coalesce_join(c, in.buffer, out.buffer);
      return joined[in.buffer] = true, LOWERED;
    }
  }
  return STAYS;
}

static int64_t peak_of(const tn_timeline *line) {
  int64_t most = 0;
  for (int t = 1; t <= line->end; t++) most = line->alive[t] > most ? line->alive[t] : most;
  return most;
}

/* Tries every time at the peak. True if all of them may come down. */
static bool lower_all(tn_coalescer *c, const tn_timeline *line, bool *joined) {
  int64_t most = peak_of(line);
  for (int t = 1; most && t <= line->end; t++) {
    if (line->alive[t] < most) continue;
    if (!line->at[t] || write_over(c, line, t, joined) == STAYS) return false;
  }
  return most > 0;
}

void tn_plan_lower_peak(tn_plan *plan) {
  if (tn_flow_size(plan) > TN_FLOW_MOST) return;
  tn_coalescer c = {.scratch = tn_arena_create(), .plan = plan};
  tn_arena *scratch = tn_arena_create();
  tn_coalesce_solve(&c);
  for (bool more = true; more;) { /* until one of the times at the peak stays there */
    tn_arena_reset(scratch);
    tn_timeline line = tn_plan_timeline(scratch, plan);
    more = lower_all(&c, &line, TN_NEW_ARRAY(scratch, bool, plan->n_buffers));
  }
  tn_arena_destroy(scratch);
  tn_arena_destroy(c.scratch);
}

/* ---- again ---- */

typedef struct {
  tn_arena *arena, *scratch;
  tn_plan *plan;
  tn_timeline line;
  int64_t limit, work;
} remaker;

/* A buffer of the plan's own list of steps that is made by one of them, and a later one that
 * reads it.                                                                                */
typedef struct {
  int buffer, made, used; /* times */
  int64_t work, gain;
} chance;

static int64_t work_of(const remaker *r, const tn_step *step) {
  const tn_kernel *kernel = r->plan->kernels[step->kernel];
  int64_t work = 1;
  for (int i = 0; i < kernel->n_parameters; i++) work += r->plan->buffers[step->arguments[i]].bytes;
  double iterations = 1;
  for (int i = 0; i < kernel->n_dims; i++) iterations *= (double)kernel->dims[i].size;
  return iterations > 1e15 ? INT64_MAX / 4 : work + (int64_t)iterations;
}

typedef bool touches(const tn_plan *plan, const tn_step *step, int buffer);

/* Does the step, or one inside it? */
static bool any_within(touches *test, const tn_plan *plan, const tn_step *step, int buffer) {
  if (test(plan, step, buffer)) return true;
  for (const tn_step *s = step->test; s; s = s->next)
    if (any_within(test, plan, s, buffer)) return true;
  for (int i = 0; i < step->n_branches; i++)
    for (const tn_step *s = step->branches[i]; s; s = s->next)
      if (any_within(test, plan, s, buffer)) return true;
  return false;
}

/* Nothing writes the buffer, nor a result that may be its memory, from a step to another. */
static bool stays(const remaker *r, int buffer, const tn_step *from, const tn_step *to) {
  for (const tn_step *s = from->next; s && s != to; s = s->next) {
    if (any_within(tn_step_writes, r->plan, s, buffer)) return false;
    for (int i = 0; i < r->plan->n_results; i++)
      if (r->plan->buffers[r->plan->results[i]].alias == buffer &&
          any_within(tn_step_writes, r->plan, s, r->plan->results[i]))
        return false;
  }
  return true;
}

/* One step of the plan's own list writes the buffer, as a whole, and nothing else. */
static tn_step *maker_of(const remaker *r, int buffer) {
  tn_step *maker = NULL;
  for (tn_step *s = r->plan->steps; s; s = s->next) {
    if (!any_within(tn_step_writes, r->plan, s, buffer)) continue;
    if (maker || s->kind != TN_STEP_RUN) return NULL;
    maker = s;
  }
  for (int i = 0; maker && i < tn_step_uses(r->plan, maker); i++) {
    tn_use use = tn_step_use(r->plan, maker, i);
    if (use.writes && (use.reads || use.buffer != buffer)) return NULL;
  }
  return maker;
}

static int time_of(const remaker *r, const tn_step *step) {
  for (int t = 1; t <= r->line.end; t++)
    if (r->line.at[t] == step) return t;
  return 0;
}

static int64_t excess_at(const remaker *r, int time, int64_t change) {
  int64_t above = r->line.alive[time] + change - r->limit;
  return above > 0 ? above : 0;
}

/* How many bytes less stand above the limit, over all times, without `buffer` from after `last`
 * until before `used`; its maker's inputs live until then, at one more time, when it runs.      */
static int64_t gain_of(const remaker *r, const tn_step *maker, int buffer, int last, int used) {
  int64_t *change = TN_NEW_ARRAY(r->scratch, int64_t, r->line.end + 2), gain = 0;
  for (int t = last + 1; t < used; t++) change[t] -= r->line.lives[buffer].size;
  for (int i = 0; i < tn_step_uses(r->plan, maker); i++) {
    tn_use use = tn_step_use(r->plan, maker, i);
    const tn_life *life = &r->line.lives[use.buffer];
    if (use.writes || !life->size) continue;
    for (int t = life->last + 1; t <= used; t++) change[t] += life->size;
  }
  for (int t = last + 1; t < used; t++) gain += excess_at(r, t, 0) - excess_at(r, t, change[t]);
  return gain - excess_at(r, used, change[used]);
}

/* The last time within a step of the plan's own list. */
static int end_time(const remaker *r, const tn_step *step) {
  return step->next ? time_of(r, step->next) - 1 : r->line.end;
}

/* Between two neighbouring uses of the buffer, at different sides of something above the limit. */
static void try_gap(remaker *r, const tn_step *maker, int buffer, const tn_step *before, const tn_step *after,
                    chance *best) {
  int last = end_time(r, before), used = time_of(r, after);
  bool above = false;
  for (int t = last + 1; t < used; t++) above = above || r->line.alive[t] > r->limit;
  if (!above) return;
  for (int i = 0; i < tn_step_uses(r->plan, maker); i++) {
    tn_use use = tn_step_use(r->plan, maker, i);
    if (use.reads && !stays(r, use.buffer, maker, after)) return;
  }
  chance found = {buffer, time_of(r, maker), used, work_of(r, maker), 0};
  found.gain = gain_of(r, maker, buffer, last, used);
  bool better = found.gain > 0 && (!best->gain || (double)found.gain * (double)best->work >
                                                      (double)best->gain * (double)found.work);
  if (better) *best = found;
}

static chance best_chance(remaker *r) {
  chance best = {0};
  for (int b = 0; b < r->plan->n_buffers; b++) {
    const tn_step *maker = r->line.lives[b].size ? maker_of(r, b) : NULL, *before = maker;
    for (const tn_step *s = maker ? maker->next : NULL; s; s = s->next) {
      if (!any_within(tn_step_reads, r->plan, s, b)) continue;
      try_gap(r, maker, b, before, s, &best);
      before = s;
    }
  }
  return best;
}

static int new_name(remaker *r, int buffer) {
  tn_plan *plan = r->plan;
  tn_buffer *buffers = tn_arena_alloc_array(plan->arena, (size_t)plan->n_buffers + 1, sizeof *buffers);
  memcpy(buffers, plan->buffers, sizeof *buffers * (size_t)plan->n_buffers);
  buffers[plan->n_buffers] = buffers[buffer];
  buffers[plan->n_buffers].name =
      tn_arena_printf(plan->arena, "%s.%d", buffers[buffer].name, plan->n_buffers);
  plan->buffers = buffers;
  return plan->n_buffers++;
}

static void rename_in(const remaker *r, tn_step *step, int from, int to) {
  for (; step; step = step->next) {
    if (step->kind == TN_STEP_RUN) {
      int n = tn_step_uses(r->plan, step);
      int *arguments = tn_arena_copy(r->plan->arena, step->arguments, sizeof(int) * (size_t)n);
      for (int i = 0; i < n; i++) arguments[i] = arguments[i] == from ? to : arguments[i];
      step->arguments = arguments;
    } else if (step->kind == TN_STEP_COPY) {
      step->from = step->from == from ? to : step->from;
    } else {
      step->selector = step->selector == from ? to : step->selector;
    }
    rename_in(r, step->test, from, to);
    for (int i = 0; i < step->n_branches; i++) rename_in(r, step->branches[i], from, to);
  }
}

static void make_again(remaker *r, const chance *chosen) {
  const tn_step *maker = r->line.at[chosen->made], *used = r->line.at[chosen->used];
  tn_step **place = &r->plan->steps, *copy = tn_arena_copy(r->plan->arena, maker, sizeof *maker);
  while (*place != used) place = &(*place)->next;
  copy->next = *place;
  *place = copy;
  int name = new_name(r, chosen->buffer);
  rename_in(r, copy, chosen->buffer, name); /* and all steps behind it */
}

/* Makes one buffer again; false: nothing helps. Each time lowers the bytes above the limit, or the peak,
 * or the times at which it stands: it ends.                                                          */
static bool make_one_again(remaker *r, int64_t limit) {
  tn_arena_reset(r->scratch);
  r->line = tn_plan_timeline(r->scratch, r->plan);
  r->work += (int64_t)r->plan->n_buffers * r->line.end;
  if (r->work > ALL_WORK) return false;
  int64_t peak = peak_of(&r->line);
  r->limit = limit;
  chance best = best_chance(r);
  if (!best.gain && peak > limit) {
    r->limit = peak - 1;
    best = best_chance(r);
  }
  if (best.gain) make_again(r, &best);
  return best.gain > 0;
}

bool tn_plan_make_again(tn_plan *plan, int64_t limit) {
  remaker r = {.scratch = tn_arena_create(), .plan = plan};
  bool changed = false;
  while (make_one_again(&r, limit)) changed = true;
  tn_arena_destroy(r.scratch);
  return changed;
}

int64_t tn_plan_least_bytes(const tn_plan *plan, const char **kernel) {
  tn_arena *scratch = tn_arena_create();
  tn_timeline line = tn_plan_timeline(scratch, plan);
  int *seen = TN_NEW_ARRAY(scratch, int, plan->n_buffers); /* the last time that counted it */
  int64_t most = 0;
  *kernel = NULL;
  for (int t = 1; t <= line.end; t++) {
    const tn_step *step = line.at[t];
    if (!step || step->kind != TN_STEP_RUN) continue;
    int64_t bytes = 0;
    for (int i = 0; i < tn_step_uses(plan, step); i++) {
      int buffer = tn_step_use(plan, step, i).buffer;
      if (seen[buffer] != t) bytes += line.lives[buffer].size;
      seen[buffer] = t;
    }
    if (bytes > most) most = bytes, *kernel = plan->kernels[step->kernel]->name;
  }
  tn_arena_destroy(scratch);
  return most;
}
