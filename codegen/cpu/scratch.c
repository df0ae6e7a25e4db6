/* Where workers' scratch memory lies: behind the temps that are alive while the kernel runs.
 *
 *   step     temps alive          scratch of n workers
 *   a        |  t0  |  t1  |
 *   b        |  t0  |             | w0 | w1 | …        not behind t1, which is dead
 *
 * So it is taken from what other steps need anyway. With the top of the temps alive at a step s
 * and the scratch memory w(s) of one worker, n workers need max over s of top(s) + n w(s). The
 * signature promises this to be at most arena_bytes + n arena_bytes_per_thread for every n from 1
 * on; for one worker it is equal:
 *
 *   arena_bytes_per_thread = W = max w(s)        arena_bytes = max (top(s) + w(s)) - W
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

#include "codegen/plan/place.h"

static int64_t top_at(const tn_plan *plan, const tn_life *lives, int time) {
  int64_t top = 0;
  for (int i = 0; i < plan->n_buffers; i++) {
    bool alive = lives[i].size && lives[i].first <= time && lives[i].last >= time;
    int64_t end = plan->buffers[i].offset + lives[i].size;
    if (alive && end > top) top = end;
  }
  return top;
}

void tn_unit_place_scratch(tn_unit *u) {
  tn_timeline line = tn_plan_timeline(u->arena, u->plan);
  int64_t most = (u->plan->arena_bytes + 63) / 64 * 64, alive = u->plan->live_bytes;
  u->n_times = line.end + 1;
  u->step_at = line.at;
  u->scratch_at = TN_NEW_ARRAY(u->arena, int64_t, u->n_times);
  for (int t = 1; t <= line.end; t++) {
    const tn_step *step = line.at[t];
    int64_t own = step && step->kind == TN_STEP_RUN ? u->kernels[step->kernel].scratch : 0;
    if (!own) continue;
    u->scratch_at[t] = top_at(u->plan, line.lives, t);
    if (u->scratch_at[t] + own > most) most = u->scratch_at[t] + own;
    if (line.alive[t] + own > alive) alive = line.alive[t] + own;
  }
  u->arena_bytes = most > u->scratch ? most - u->scratch : 0;
  u->alive_bytes = alive;
}

int64_t tn_unit_scratch_of(const tn_unit *u, const tn_step *step) {
  if (!u->kernels[step->kernel].scratch) return 0;
  for (int t = 1; t < u->n_times; t++)
    if (u->step_at[t] == step) return u->scratch_at[t];
  return 0;
}
