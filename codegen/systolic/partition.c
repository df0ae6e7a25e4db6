/* Array or host: where each step of a plan runs, and in what order.
 *
 *   conv  relu-s8  softmax  gather  conv  conv          what each can be
 *   [ array      ] [ host         ] [ array     ]       sections
 *
 * What a step is to the array is asked once (contraction.c, then tiling); the cost model then decides
 * for those that may be either (partition_cost.c). Steps are put in an order with few changes of side:
 * on one side as long as anything there is ready. Steps that write the same memory, as loops' states
 * and updates in place do, stay together with all that stands between them, on the host: so every
 * buffer has one section that writes it.
 *
 * Control flow runs on the host as a whole; loops of a few turns have been written out by passes.
 *
 * Cost: steps squared / 64 for what stands between; else linear in steps and their buffers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/partition.h"

#include "codegen/plan/flow.h"

/* ---- steps ---- */

static void list_effects(tn_partition *p, tn_placed_step *s) {
  int n = p->plan->n_buffers;
  bool *reads = TN_NEW_ARRAY(p->arena, bool, n), *writes = TN_NEW_ARRAY(p->arena, bool, n);
  tn_step_effects(p->plan, s->step, reads, writes);
  for (int b = 0; b < n; b++) {
    if (reads[b] && p->plan->buffers[b].memory != TN_MEMORY_CONSTANT) TN_PUSH(p->arena, &s->reads, b);
    if (writes[b]) TN_PUSH(p->arena, &s->writes, b);
  }
}

/* Of several works the first one's, with the cycles of all. */
static const tn_tiling *choose_tiling(const tn_partition *p, const tn_systolic_work *work, const char **why) {
  tn_tiling *first = NULL;
  for (; work; work = work->next) {
    tn_tiling *tiling = tn_tile_choose(p->arena, p->plan, work, p->options, why);
    if (!tiling) return NULL;
    if (first) first->cycles += tiling->cycles;
    if (!first) first = tiling;
  }
  return first;
}

static void look_at(tn_partition *p, tn_placed_step *s, tn_step *step) {
  s->step = step;
  s->work = tn_systolic_work_of(p->arena, p->plan, step, p->options->array, &s->why);
  if (s->work) s->tiling = choose_tiling(p, s->work, &s->why);
  if (!s->tiling) s->work = NULL;
  s->macs = s->work && s->work->is_contraction ? s->work->macs : tn_step_macs(p->arena, p->plan, step);
  list_effects(p, s);
}

static void list_steps(tn_partition *p) {
  int count = 0;
  for (tn_step *s = p->plan->steps; s; s = s->next) count++;
  p->steps = TN_NEW_ARRAY(p->arena, tn_placed_step, count);
  for (tn_step *s = p->plan->steps; s; s = s->next) look_at(p, &p->steps[p->count++], s);
}

/* ---- steps that stay together ---- */

static int root_of(const tn_partition *p, int step) {
  while (p->steps[step].group != step) step = p->steps[step].group;
  return step;
}

static void unite(tn_partition *p, int a, int b) {
  int x = root_of(p, a), y = root_of(p, b);
  p->steps[x < y ? y : x].group = x < y ? x : y;
}

/* depends[i]: bits of the steps that stand before step i in every order. */
static uint64_t **find_dependences(const tn_partition *p) {
  int words = (p->count + 63) / 64, n = p->plan->n_buffers;
  uint64_t **depends = TN_NEW_ARRAY(p->arena, uint64_t *, p->count);
  int *writer = TN_NEW_ARRAY(p->arena, int, n);
  tn_int_list *readers = TN_NEW_ARRAY(p->arena, tn_int_list, n);
  for (int b = 0; b < n; b++) writer[b] = -1;
  for (int i = 0; i < p->count; i++) {
    const tn_placed_step *s = &p->steps[i];
    depends[i] = TN_NEW_ARRAY(p->arena, uint64_t, words);
    tn_int_list on = {0};
    for (int k = 0; k < s->reads.count; k++)
      if (writer[s->reads.at[k]] >= 0) TN_PUSH(p->arena, &on, writer[s->reads.at[k]]);
    for (int k = 0; k < s->writes.count; k++) {
      int b = s->writes.at[k];
      if (writer[b] >= 0) TN_PUSH(p->arena, &on, writer[b]);
      for (int r = 0; r < readers[b].count; r++) TN_PUSH(p->arena, &on, readers[b].at[r]);
      readers[b].count = 0;
      writer[b] = i;
    }
    for (int k = 0; k < s->reads.count; k++) TN_PUSH(p->arena, &readers[s->reads.at[k]], i);
    for (int k = 0; k < on.count; k++) {
      if (on.at[k] == i) continue;
      TN_PUSH(p->arena, &p->steps[i].before, on.at[k]);
      depends[i][on.at[k] / 64] |= UINT64_C(1) << (on.at[k] % 64);
      for (int w = 0; w < words; w++) depends[i][w] |= depends[on.at[k]][w];
    }
  }
  return depends;
}

static bool stands_before(uint64_t *const *depends, int a, int b) {
  return depends[b][a / 64] >> (a % 64) & 1;
}

static void unite_writers(tn_partition *p) {
  int *writer = TN_NEW_ARRAY(p->arena, int, p->plan->n_buffers);
  for (int b = 0; b < p->plan->n_buffers; b++) writer[b] = -1;
  for (int i = 0; i < p->count; i++)
    for (int k = 0; k < p->steps[i].writes.count; k++) {
      int b = p->steps[i].writes.at[k];
      if (writer[b] >= 0) unite(p, writer[b], i);
      writer[b] = i;
    }
}

/* Does a step of the group have to run before `step`, and another one behind it? */
static bool stands_between(const tn_partition *p, uint64_t *const *depends, int group, int step) {
  bool before = false, behind = false;
  for (int i = group; i < p->count; i++) {
    if (root_of(p, i) != group) continue;
    before = before || (i < step && stands_before(depends, i, step));
    behind = behind || (i > step && stands_before(depends, step, i));
  }
  return before && behind;
}

static void unite_between(tn_partition *p, uint64_t *const *depends) {
  bool changed = true;
  while (changed) {
    changed = false;
    for (int i = 0; i < p->count; i++) {
      int group = root_of(p, i);
      if (group == i) continue; /* looked at by its last step */
      for (int step = group + 1; step < i; step++)
        if (root_of(p, step) != group && stands_between(p, depends, group, step)) {
          unite(p, step, group);
          changed = true;
          group = root_of(p, i);
        }
    }
  }
}

/* Whoever writes the same buffer is one group, with what must stand between; all of it is the host's. */
static void group_steps(tn_partition *p, uint64_t *const *depends) {
  for (int i = 0; i < p->count; i++) p->steps[i].group = i;
  unite_writers(p);
  unite_between(p, depends);
  for (int i = 0; i < p->count; i++) p->steps[i].group = root_of(p, i);
  for (int i = 0; i < p->count; i++) {
    tn_placed_step *own = &p->steps[i], *first = &p->steps[own->group];
    if (own == first) continue;
    if (own->work) own->why = "it stands among steps that write the same memory";
    if (first->work) first->why = "it stands among steps that write the same memory";
    own->work = first->work = NULL;
  }
}

/* ---- the order ---- */

/* A group may run when nothing that it waits for, outside of itself, is left. */
static int next_group(const tn_partition *p, const int *waits, const bool *done, bool on_array) {
  for (int i = 0; i < p->count; i++)
    if (!done[i] && p->steps[i].group == i && p->steps[i].on_array == on_array && !waits[i]) return i;
  return -1;
}

static void order_steps(tn_partition *p) {
  tn_placed_step *order = TN_NEW_ARRAY(p->arena, tn_placed_step, p->count);
  int *waits = TN_NEW_ARRAY(p->arena, int, p->count), count = 0; /* by group */
  bool *done = TN_NEW_ARRAY(p->arena, bool, p->count), side = true;
  p->section_ends = TN_NEW_ARRAY(p->arena, int, p->count + 1);
  for (int i = 0; i < p->count; i++)
    for (int k = 0; k < p->steps[i].before.count; k++)
      waits[p->steps[i].group] += p->steps[p->steps[i].before.at[k]].group != p->steps[i].group;
  while (count < p->count) {
    int group = next_group(p, waits, done, side),
        begin = p->n_sections ? p->section_ends[p->n_sections - 1] : 0;
    if (group < 0) {
      side = !side;
      if (count > begin) p->section_ends[p->n_sections++] = count;
      continue;
    }
    for (int i = group; i < p->count; i++)
      if (p->steps[i].group == group) done[i] = true, order[count++] = p->steps[i];
    for (int i = 0; i < p->count; i++)
      for (int k = 0; k < p->steps[i].before.count && p->steps[i].group != group; k++)
        waits[p->steps[i].group] -= p->steps[p->steps[i].before.at[k]].group == group;
  }
  if (p->count) p->section_ends[p->n_sections++] = p->count;
  p->steps = order;
}

tn_partition *tn_partition_of(tn_arena *arena, const tn_plan *plan, const tn_systolic_options *options) {
  tn_partition *p = TN_NEW(arena, tn_partition);
  p->arena = arena;
  p->plan = plan;
  p->options = options;
  list_steps(p);
  uint64_t **depends = find_dependences(p);
  group_steps(p, depends);
  tn_partition_choose(p);
  order_steps(p);
  return p;
}
