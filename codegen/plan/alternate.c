/* Loops whose body makes its new state beside the old one.
 *
 *   while f {                            while f {
 *     test { run more(x, f) }              test { run more(x, f) }
 *     body {                               body {
 *       run step(x, y)                       run step(x, y)
 *       copy x = y                   ->      run more(y, g)
 *     }                                      conditional g {
 *   }                                          branch { run step(y, x) }
 *                                              branch { copy x = y }
 *                                            }
 *                                          }
 *                                        }
 *
 * Two turns in one: the second reads what the first wrote and writes where the first read, so
 * buffers alternate and nothing is copied but once, behind an odd number of turns; then the
 * test finds the same state again, and ends the loop. A pair of states that the body swaps
 * ((a, b) -> (b, a)) alternates in the same way. What is left are copies of state that is also
 * needed elsewhere, and cycles of more than two: both turns copy those.
 *
 * Temps that live within one turn get a second set of names, so that their lives stay short.
 * Only where the copies move at least a cache line, and where both turns together are few
 * steps: inner loops come first and may have grown already.
 *
 * Cost: the steps of each loop.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/coalesce.h"

#include "codegen/plan/flow.h"

enum { LEAST_BYTES = 64, MOST_STEPS = 256 };

typedef struct {
  tn_arena *arena, *scratch;
  tn_plan *plan;
  tn_flow flow;
  TN_VEC(tn_buffer) buffers;
  int *other; /* by buffer: its name in the second turn */
  tn_step *loop;
} turns;

typedef struct {
  int to, from;
} move;

typedef TN_VEC(move) moves;

/* ---- what the end of the body copies ---- */

static tn_step **first_copy(tn_step **body) {
  tn_step **first = body;
  for (tn_step **s = body; *s; s = &(*s)->next)
    if ((*s)->kind != TN_STEP_COPY) first = &(*s)->next;
  return first;
}

static int source_of(const moves *m, int buffer) {
  for (int i = 0; i < m->count; i++)
    if (m->at[i].to == buffer) return m->at[i].from;
  return buffer;
}

static const uint64_t *after(const turns *t, const tn_step *step) {
  for (int i = 0; i < t->flow.n_points; i++)
    if (t->flow.points[i].step == step) return t->flow.points[i].after;
  return NULL;
}

/* All at once: each `from` is what it holds before the first of them. */
static moves moves_of(turns *t, const tn_step *copies) {
  moves all = {0}, kept = {0};
  const tn_step *last = copies;
  for (const tn_step *s = copies; s; s = s->next) {
    int from = source_of(&all, s->from);
    last = s;
    for (int i = 0; i < all.count; i++)
      if (all.at[i].to == s->to) all.at[i] = all.at[--all.count];
    TN_PUSH(t->scratch, &all, ((move){s->to, from}));
  }
  for (int i = 0; i < all.count; i++)
    if (all.at[i].to != all.at[i].from && tn_flow_has(after(t, last), all.at[i].to))
      TN_PUSH(t->scratch, &kept, all.at[i]);
  return kept;
}

/* ---- which buffers alternate ---- */

static bool is_ours(const tn_buffer *b) {
  return b->memory == TN_MEMORY_TEMP || b->memory == TN_MEMORY_RESULT;
}

/* May what lies in the one lie in the other? Callers promise no more alignment than types need. */
static bool fits(const turns *t, int x, int y) {
  const tn_buffer *a = &t->buffers.at[x], *b = &t->buffers.at[y];
  bool temps = a->memory == TN_MEMORY_TEMP && b->memory == TN_MEMORY_TEMP;
  bool ours = is_ours(a) && is_ours(b) && a->alias < 0 && b->alias < 0;
  bool layouts = tn_layout_is_row_major(a->shape) ? tn_layout_is_row_major(b->shape)
                                                  : tn_shape_identical(a->shape, b->shape);
  return ours && layouts && (temps || a->shape->type == b->shape->type) && a->bytes == b->bytes;
}

/* from's state is to, to's is from, and so it is for both moves or for neither: who else copies
 * one of them finds it under its old name. Or from is no state at all, and nobody needs it
 * elsewhere.                                                                                */
static bool alternates(const turns *t, const moves *m, const move *x, const uint64_t *end,
                       const uint64_t *behind) {
  if (!fits(t, x->to, x->from)) return false;
  if (tn_flow_has(end, x->from)) return source_of(m, x->from) == x->to;
  for (int i = 0; i < m->count; i++)
    if (&m->at[i] != x && m->at[i].from == x->from) return false;
  return !tn_flow_has(behind, x->from);
}

/* ---- the second turn ---- */

static int second_name(turns *t, int buffer) {
  if (t->other[buffer] >= 0) return t->other[buffer];
  tn_buffer copy = t->buffers.at[buffer];
  copy.name = tn_arena_printf(t->arena, "%s.%d", copy.name, t->buffers.count);
  TN_PUSH(t->arena, &t->buffers, copy);
  return t->other[buffer] = t->buffers.count - 1;
}

static tn_step *copy_steps(turns *t, const tn_step *steps) {
  tn_step *first = NULL, **tail = &first;
  for (const tn_step *s = steps; s; s = s->next) {
    tn_step *copy = tn_arena_copy(t->arena, s, sizeof *s);
    int n = tn_step_uses(t->plan, s), *arguments = TN_NEW_ARRAY(t->arena, int, n);
    for (int i = 0; i < n; i++) arguments[i] = second_name(t, tn_step_use(t->plan, s, i).buffer);
    copy->arguments = arguments;
    if (s->kind == TN_STEP_COPY) {
      copy->from = arguments[0];
      copy->to = arguments[1];
    } else if (s->kind != TN_STEP_RUN) {
      copy->selector = arguments[0];
    }
    copy->test = copy_steps(t, s->test);
    tn_step **branches = tn_arena_alloc_array(t->arena, (size_t)s->n_branches, sizeof *branches);
    for (int i = 0; i < s->n_branches; i++) branches[i] = copy_steps(t, s->branches[i]);
    copy->branches = branches;
    *tail = copy;
    tail = &copy->next;
  }
  *tail = NULL;
  return first;
}

static tn_step **append(tn_step **tail, tn_step *steps) {
  *tail = steps;
  while (*tail) tail = &(*tail)->next;
  return tail;
}

static tn_step **append_copy(turns *t, tn_step **tail, int to, int from) {
  tn_step *copy = TN_NEW(t->arena, tn_step);
  *copy = (tn_step){.kind = TN_STEP_COPY, .to = to, .from = from};
  return append(tail, copy);
}

static int new_temp_like(turns *t, int buffer) {
  tn_buffer temp = t->buffers.at[buffer];
  temp.name = tn_arena_printf(t->arena, "t.%d", t->buffers.count);
  temp.memory = TN_MEMORY_TEMP;
  TN_PUSH(t->arena, &t->buffers, temp);
  return t->buffers.count - 1;
}

/* Behind an odd number of turns: the state goes where the code behind the loop looks for it. */
static tn_step *copies_home(turns *t, const moves *m) {
  tn_step *first = NULL, **tail = &first;
  for (int i = 0; i < m->count; i++) {
    int to = m->at[i].to, from = m->at[i].from, saved = -1;
    bool swapped = source_of(m, from) == to;
    if (swapped && to > from) continue; /* done with the other */
    if (swapped) tail = append_copy(t, tail, saved = new_temp_like(t, to), to);
    tail = append_copy(t, tail, to, from);
    if (swapped) tail = append_copy(t, tail, from, saved);
  }
  return first;
}

/* Buffers that only this loop touches, and that carry nothing from turn to turn, get a second
 * name; alternating ones change theirs; all others keep it.                                 */
static void name_second_turn(turns *t, const moves *alternating, const uint64_t *end,
                             const uint64_t *behind) {
  t->other = TN_NEW_ARRAY(t->scratch, int, t->buffers.count);
  for (int b = 0; b < t->buffers.count; b++) {
    bool carries = tn_flow_has(end, b) || tn_flow_has(behind, b);
    t->other[b] = carries || t->buffers.at[b].memory != TN_MEMORY_TEMP ? b : -1;
  }
  for (int i = 0; i < alternating->count; i++) {
    t->other[alternating->at[i].to] = alternating->at[i].from;
    t->other[alternating->at[i].from] = alternating->at[i].to;
  }
}

/* `tail`: where the first turn's body ends. */
static void append_second_turn(turns *t, tn_step **tail, const tn_step *body, const moves *alternating) {
  tn_step *step = TN_NEW(t->arena, tn_step), **branches = tn_arena_alloc_array(t->arena, 2, sizeof *branches);
  branches[0] = copy_steps(t, body);
  branches[1] = copies_home(t, alternating);
  tail = append(tail, copy_steps(t, t->loop->test));
  *step = (tn_step){.kind = TN_STEP_CONDITIONAL, .n_branches = 2, .branches = branches};
  step->selector = second_name(t, t->loop->selector);
  append(tail, step);
}

/* ---- loops ---- */

/* What both turns still copy: nothing that another of these copies writes first. */
static bool in_any_order(const moves *m) {
  for (int i = 0; i < m->count; i++)
    if (source_of(m, m->at[i].from) != m->at[i].from) return false;
  return true;
}

/* The selector is made by the test in each turn. */
static bool tests_anew(const tn_plan *plan, const tn_step *loop) {
  for (const tn_step *s = loop->test; s; s = s->next)
    if (tn_step_writes(plan, s, loop->selector)) return true;
  return false;
}

bool tn_may_alternate(const tn_plan *plan, const tn_step *loop) {
  return tests_anew(plan, loop) &&
         2 * tn_count_steps(loop->test) + 2 * tn_count_steps(loop->branches[0]) <= MOST_STEPS;
}

static void solve(turns *t) {
  t->plan->buffers = t->buffers.at;
  t->plan->n_buffers = t->buffers.count;
  tn_arena_reset(t->scratch);
  t->flow = tn_flow_find(t->scratch, t->plan);
}

static void alternate(turns *t, tn_step *loop) {
  tn_step **copies = first_copy(&loop->branches[0]), **tail = copies;
  if (!*copies || !tn_may_alternate(t->plan, loop)) return;
  moves all = moves_of(t, *copies), alternating = {0}, others = {0};
  const tn_step *last = *copies;
  while (last->next) last = last->next;
  const uint64_t *end = after(t, last), *behind = after(t, loop);
  int64_t bytes = 0;
  for (int i = 0; i < all.count; i++) {
    bool saved = alternates(t, &all, &all.at[i], end, behind);
    bytes += saved ? t->buffers.at[all.at[i].to].bytes : 0;
    if (saved)
      TN_PUSH(t->scratch, &alternating, all.at[i]);
    else
      TN_PUSH(t->scratch, &others, all.at[i]);
  }
  if (bytes < LEAST_BYTES || !in_any_order(&others)) return;
  t->loop = loop;
  name_second_turn(t, &alternating, end, behind);
  *copies = NULL;
  for (int i = 0; i < others.count; i++) tail = append_copy(t, tail, others.at[i].to, others.at[i].from);
  append_second_turn(t, tail, loop->branches[0], &alternating);
  solve(t);
}

static void alternate_all(turns *t, tn_step *steps) {
  for (tn_step *s = steps; s; s = s->next) {
    for (int i = 0; i < s->n_branches; i++) alternate_all(t, s->branches[i]);
    if (s->kind == TN_STEP_WHILE) alternate(t, s);
  }
}

static bool has_loop_that_copies(const tn_step *steps) {
  for (; steps; steps = steps->next) {
    if (steps->kind == TN_STEP_WHILE && *first_copy(&steps->branches[0])) return true;
    for (int i = 0; i < steps->n_branches; i++)
      if (has_loop_that_copies(steps->branches[i])) return true;
  }
  return false;
}

void tn_plan_alternate(tn_plan *plan) {
  if (!has_loop_that_copies(plan->steps)) return;
  if (tn_flow_size(plan) > TN_FLOW_MOST) return;
  turns t = {.arena = plan->arena, .scratch = tn_arena_create(), .plan = plan};
  for (int i = 0; i < plan->n_buffers; i++) TN_PUSH(plan->arena, &t.buffers, plan->buffers[i]);
  solve(&t);
  alternate_all(&t, plan->steps);
  tn_arena_destroy(t.scratch);
}
