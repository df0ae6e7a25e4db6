/* Buffers that copies join become one.
 *
 *   run fusion_281(t9, t3, t10)           run fusion_281(t9, t3)      kernel (a0, inout y)
 *   …                                 ->  …
 *   copy t3 = t10      end of the body
 *
 * As registers are coalesced (Chaitin et al., "Register allocation via coloring", 1981): two
 * buffers clash if one is written while the other is still needed, unless by a copy between
 * them. A step that reads the one for the last time and writes the other is no clash if its
 * kernel can do that in place (in_place.c). Where the old value of a loop's state is still
 * read behind the step that makes the new one, that step, and what depends on it, moves down
 * behind the readers, if none of them depends on it.
 *
 *   new = add(i, 1)                       row = slice(x, i)
 *   row = slice(x, i)                 ->  i = add(i, 1)               in place
 *   copy i = new
 *
 * Of two generations of a state, (p, c) <- (c, f(p, c)), the new one is made in the memory of the
 * oldest if that is read before; then both change places, which costs nothing where the loop
 * alternates (alternate.c).
 *
 * Parameters and constants keep their buffers; results join temps of their type alone, whose
 * alignment the caller promised; a result that may be a parameter's memory joins what is
 * written when that parameter is not needed any more.
 *
 * Cost: for each copy one walk over the steps.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/coalesce.h"

#include "codegen/plan/flow.h"
#include "codegen/plan/in_place.h"

enum { MOST_WORK = 1 << 28 }; /* copies times steps: above, copies stay */

/* ---- do they clash? ---- */

static const tn_buffer *buffer_at(const tn_coalescer *c, int buffer) { return &c->plan->buffers[buffer]; }

/* What the step writes of both, and whether it reads the other. */
typedef struct {
  bool writes_keep, writes_gone, reads_keep, reads_gone;
} meeting;

static meeting meet(const tn_coalescer *c, const tn_step *step, int keep, int gone) {
  return (meeting){tn_step_writes(c->plan, step, keep), tn_step_writes(c->plan, step, gone),
                   tn_step_reads(c->plan, step, keep), tn_step_reads(c->plan, step, gone)};
}

static bool is_copy_between(const tn_step *step, int x, int y) {
  return step->kind == TN_STEP_COPY &&
         ((step->to == x && step->from == y) || (step->to == y && step->from == x));
}

/* The step's kernel with every input that is `read` in the place of the output `written`; NULL
 * if that cannot be.                                                                       */
static tn_kernel *kernel_in_place(const tn_coalescer *c, const tn_step *step, int read, int written) {
  tn_kernel *kernel = c->plan->kernels[step->kernel];
  int out = -1, removed = 0;
  for (int i = 0; i < kernel->n_parameters; i++)
    if (step->arguments[i] == written) out = out < 0 ? i : -2;
  for (int i = kernel->n_parameters - 1; i >= 0 && out >= 0 && kernel; i--) {
    if (step->arguments[i] != read) continue;
    if (removed++) return NULL;
    kernel = tn_kernel_in_place(c->plan->arena, kernel, i, out);
  }
  return out >= 0 ? kernel : NULL;
}

static bool clash_at(const tn_coalescer *c, const tn_flow_point *point, int keep, int gone) {
  const tn_step *step = point->step;
  if (is_copy_between(step, keep, gone)) return false;
  meeting m = meet(c, step, keep, gone);
  if (!m.writes_keep && !m.writes_gone) return false;
  if (m.writes_keep && m.writes_gone) return true;
  if (tn_flow_has(point->after, m.writes_keep ? gone : keep)) return true;
  int alias = buffer_at(c, keep)->alias;
  if (alias >= 0 && m.writes_gone &&
      (tn_flow_has(point->after, alias) || tn_step_reads(c->plan, step, alias)))
    return true;
  bool meets = m.writes_keep ? m.reads_gone : m.reads_keep;
  if (!meets) return false;
  return step->kind != TN_STEP_RUN ||
         !kernel_in_place(c, step, m.writes_keep ? gone : keep, m.writes_keep ? keep : gone);
}

bool tn_coalesce_clash(const tn_coalescer *c, int keep, int gone) {
  int both[2] = {keep, gone};
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < c->touching[both[k]].count; i++)
      if (clash_at(c, &c->flow.points[c->touching[both[k]].at[i]], keep, gone)) return true;
  return false;
}

/* ---- two become one ---- */

static void replace_in(tn_coalescer *c, tn_step *step, int keep, int gone) {
  if (step->kind == TN_STEP_COPY) {
    if (step->to == gone) step->to = keep;
    if (step->from == gone) step->from = keep;
  } else if (step->kind != TN_STEP_RUN) {
    if (step->selector == gone) step->selector = keep;
  } else {
    const tn_kernel *kernel = c->plan->kernels[step->kernel];
    int *arguments =
        tn_arena_copy(c->plan->arena, step->arguments, sizeof(int) * (size_t)kernel->n_parameters);
    for (int i = 0; i < kernel->n_parameters; i++)
      if (arguments[i] == gone) arguments[i] = keep;
    step->arguments = arguments;
  }
}

static int add_kernel(tn_coalescer *c, tn_kernel *kernel) {
  tn_plan *plan = c->plan;
  if (plan->n_kernels >= c->kernel_room) {
    c->kernel_room = 2 * plan->n_kernels + 8;
    tn_kernel **kernels = tn_arena_alloc_array(plan->arena, (size_t)c->kernel_room, sizeof *kernels);
    plan->kernels = memcpy(kernels, plan->kernels, sizeof *kernels * (size_t)plan->n_kernels);
  }
  plan->kernels[plan->n_kernels] = kernel;
  return plan->n_kernels++;
}

/* A kernel of its own: others may run the old one. */
static void run_in_place(tn_coalescer *c, tn_step *step, int read, int written) {
  const tn_kernel *kernel = c->plan->kernels[step->kernel];
  int *arguments = TN_NEW_ARRAY(c->plan->arena, int, kernel->n_parameters), n = 0;
  for (int i = 0; i < kernel->n_parameters; i++)
    if (step->arguments[i] != read) arguments[n++] = step->arguments[i];
  step->kernel = add_kernel(c, kernel_in_place(c, step, read, written));
  step->arguments = arguments;
}

void tn_coalesce_join(tn_coalescer *c, int keep, int gone) {
  for (int i = 0; i < c->touching[gone].count; i++) {
    tn_step *step = c->flow.points[c->touching[gone].at[i]].step;
    meeting m = meet(c, step, keep, gone);
    bool in_place = !is_copy_between(step, keep, gone) &&
                    ((m.writes_keep && m.reads_gone) || (m.writes_gone && m.reads_keep));
    if (in_place) run_in_place(c, step, m.writes_keep ? gone : keep, m.writes_keep ? keep : gone);
    replace_in(c, step, keep, gone);
    TN_PUSH(c->scratch, &c->touching[keep], c->touching[gone].at[i]);
  }
  c->touching[gone].count = 0;
  for (int i = 0; i < c->flow.n_points; i++) {
    uint64_t *after = c->flow.points[i].after;
    if (tn_flow_has(after, gone)) after[keep / 64] |= (uint64_t)1 << (keep % 64);
  }
}

/* ---- which ---- */

bool tn_same_memory(const tn_buffer *x, const tn_buffer *y) {
  const tn_shape *s = x->shape, *t = y->shape;
  bool layouts = tn_layout_is_row_major(s) ? tn_layout_is_row_major(t) : tn_shape_identical(s, t);
  bool temps = x->memory == TN_MEMORY_TEMP && y->memory == TN_MEMORY_TEMP;
  return x->bytes == y->bytes && layouts && (temps || s->type == t->type);
}

/* Of a copy's two the one that stays: a result, else the older one; false: neither may go. */
static bool choose(const tn_coalescer *c, const tn_step *copy, int *keep, int *gone) {
  const tn_buffer *to = buffer_at(c, copy->to), *from = buffer_at(c, copy->from);
  if (copy->to == copy->from || !tn_same_memory(to, from)) return false;
  bool to_stays = to->memory != TN_MEMORY_TEMP, from_stays = from->memory != TN_MEMORY_TEMP;
  if (to_stays && from_stays) return false;
  bool keeps_to = to_stays || (!from_stays && copy->to < copy->from);
  *keep = keeps_to ? copy->to : copy->from;
  *gone = keeps_to ? copy->from : copy->to;
  return buffer_at(c, *keep)->memory == TN_MEMORY_TEMP || buffer_at(c, *keep)->memory == TN_MEMORY_RESULT;
}

static bool coalesce_copy(tn_coalescer *c, const tn_step *copy) {
  int keep, gone;
  if (!choose(c, copy, &keep, &gone) || tn_coalesce_clash(c, keep, gone)) return false;
  tn_coalesce_join(c, keep, gone);
  return true;
}

/* ---- moving steps ---- */

/* All that a step and those inside it read and write, results and the parameters whose memory
 * they may be as one.                                                                       */
typedef struct {
  bool *reads, *writes;
} effect;

static effect new_effect(const tn_coalescer *c) {
  return (effect){TN_NEW_ARRAY(c->scratch, bool, c->plan->n_buffers),
                  TN_NEW_ARRAY(c->scratch, bool, c->plan->n_buffers)};
}

/* May they not change places? */
static bool depends(const tn_coalescer *c, const effect *earlier, const effect *later) {
  for (int b = 0; b < c->plan->n_buffers; b++) {
    if (earlier->writes[b] && (later->reads[b] || later->writes[b])) return true;
    if (earlier->reads[b] && later->writes[b]) return true;
  }
  return false;
}

static void merge_effects(const tn_coalescer *c, effect *into, const effect *e) {
  for (int b = 0; b < c->plan->n_buffers; b++) {
    into->reads[b] = into->reads[b] || e->reads[b];
    into->writes[b] = into->writes[b] || e->writes[b];
  }
}

/* Splits the steps from *place on, up to the last that reads `old`, into those that depend on
 * the first and those that do not, which come first from now on. False, and nothing moved, if
 * one that reads `old` depends on it.                                                        */
static bool move_down(tn_coalescer *c, tn_step **place, int old) {
  tn_step *first = *place, *last = NULL, *stay = NULL, *go = first, **stay_tail = &stay,
          **go_tail = &first->next;
  for (tn_step *s = first->next; s; s = s->next) {
    effect e = new_effect(c);
    tn_step_effects(c->plan, s, e.reads, e.writes);
    if (e.reads[old]) last = s;
  }
  if (!last) return false;
  effect moved = new_effect(c);
  tn_step_effects(c->plan, first, moved.reads, moved.writes);
  tn_step *behind = last->next, *original = first->next;
  TN_VEC(tn_step *) order = {0}, others = {0};
  for (tn_step *s = original; s != behind; s = s->next) {
    effect e = new_effect(c);
    tn_step_effects(c->plan, s, e.reads, e.writes);
    bool goes = depends(c, &moved, &e);
    if (goes && e.reads[old]) return false;
    if (goes) merge_effects(c, &moved, &e);
    if (goes)
      TN_PUSH(c->scratch, &order, s);
    else
      TN_PUSH(c->scratch, &others, s);
  }
  for (int i = 0; i < others.count; i++) *stay_tail = others.at[i], stay_tail = &others.at[i]->next;
  for (int i = 0; i < order.count; i++) *go_tail = order.at[i], go_tail = &order.at[i]->next;
  *stay_tail = go;
  *go_tail = behind;
  *place = stay;
  return true;
}

/* ---- the whole plan ---- */

void tn_coalesce_solve(tn_coalescer *c) {
  tn_arena_reset(c->scratch);
  c->flow = tn_flow_find(c->scratch, c->plan);
  c->touching = tn_arena_alloc_array(c->scratch, (size_t)c->plan->n_buffers, sizeof *c->touching);
  for (int i = 0; i < c->flow.n_points; i++)
    for (int u = 0; u < tn_step_uses(c->plan, c->flow.points[i].step); u++)
      TN_PUSH(c->scratch, &c->touching[tn_step_use(c->plan, c->flow.points[i].step, u).buffer], i);
}

static void coalesce_all(tn_coalescer *c) {
  for (int i = 0; i < c->flow.n_points; i++)
    if (c->flow.points[i].step->kind == TN_STEP_COPY) coalesce_copy(c, c->flow.points[i].step);
}

/* The step of the list that writes the buffer, if it is one and a kernel. */
static tn_step **writer_in(const tn_coalescer *c, tn_step **steps, int buffer) {
  tn_step **writer = NULL;
  for (tn_step **s = steps; *s; s = &(*s)->next) {
    effect e = new_effect(c);
    tn_step_effects(c->plan, *s, e.reads, e.writes);
    if (!e.writes[buffer] || ((*s)->kind == TN_STEP_COPY && (*s)->from == (*s)->to)) continue;
    if (writer || (*s)->kind != TN_STEP_RUN) return NULL;
    writer = s;
  }
  return writer;
}

/* copy old = new at the end of a loop's body: `new` is made when `old` was read. */
static bool make_late(tn_coalescer *c, tn_step **body, const tn_step *copy) {
  int keep, gone, old = copy->to;
  if (!choose(c, copy, &keep, &gone)) return false;
  tn_step **writer = writer_in(c, body, copy->from);
  if (!writer || !move_down(c, writer, tn_shared_memory_of(c->plan, old))) return false;
  tn_coalesce_solve(c);
  return coalesce_copy(c, copy);
}

static void make_all_late(tn_coalescer *c, tn_step **steps) {
  for (bool more = true; more;) {
    more = false;
    for (tn_step *s = *steps; s && !more; s = s->next)
      more = s->kind == TN_STEP_COPY && s->from != s->to && make_late(c, steps, s);
  }
}

static void drop_empty_copies(tn_step **steps) {
  while (*steps) {
    tn_step *s = *steps;
    drop_empty_copies(&s->test);
    for (int i = 0; i < s->n_branches; i++) drop_empty_copies(&s->branches[i]);
    if (s->kind == TN_STEP_COPY && s->from == s->to)
      *steps = s->next;
    else
      steps = &s->next;
  }
}

/* ---- two generations of a state ---- */

enum { LEAST_BYTES = 64 };

static int new_temp_like(tn_plan *plan, int buffer) {
  tn_buffer *buffers = tn_arena_alloc_array(plan->arena, (size_t)plan->n_buffers + 1, sizeof *buffers);
  memcpy(buffers, plan->buffers, sizeof *buffers * (size_t)plan->n_buffers);
  tn_buffer *temp = &buffers[plan->n_buffers];
  *temp = buffers[buffer];
  temp->name = tn_arena_printf(plan->arena, "t.%d", plan->n_buffers);
  temp->memory = TN_MEMORY_TEMP;
  temp->alias = -1;
  plan->buffers = buffers;
  return plan->n_buffers++;
}

static bool both_are_one(tn_coalescer *c, tn_step **body, int old, int new) {
  tn_step **writer;
  if (!tn_coalesce_clash(c, old, new)) return true;
  if (!(writer = writer_in(c, body, new)) || !move_down(c, writer, tn_shared_memory_of(c->plan, old)))
    return false;
  tn_coalesce_solve(c);
  return !tn_coalesce_clash(c, old, new);
}

/*   copy a = b     the last two      copy t = a
 *   copy b = new   of the body  ->   copy a = b     with `new` made in a, whose value is read before:
 *                                    copy b = t     they change places, and the loop alternates
 */
static void make_in_the_oldest(tn_coalescer *c, tn_step **body) {
  tn_step **last = body, *first;
  while (*last && !((*last)->kind == TN_STEP_COPY && (*last)->next && !(*last)->next->next))
    last = &(*last)->next;
  if (!(first = *last) || first->next->kind != TN_STEP_COPY || first->next->to != first->from) return;
  int a = first->to, b = first->from, new = first->next->from;
  const tn_buffer *temp = buffer_at(c, new), *oldest = buffer_at(c, a);
  bool fits = a != b && b != new && a != new && temp->memory == TN_MEMORY_TEMP && oldest->alias < 0 &&
              tn_same_memory(temp, oldest) && tn_same_memory(oldest, buffer_at(c, b)) &&
              temp->bytes >= LEAST_BYTES;
  if (!fits || oldest->memory == TN_MEMORY_PARAMETER || oldest->memory == TN_MEMORY_CONSTANT) return;
  tn_step *save = TN_NEW(c->plan->arena, tn_step);
  *save = (tn_step){.kind = TN_STEP_COPY, .to = new_temp_like(c->plan, new), .from = new, .next = first};
  *last = save;
  first->next->from = save->to;
  tn_coalesce_solve(c);
  if (both_are_one(c, body, a, new)) {
    tn_coalesce_join(c, a, new);
    return;
  }
  for (last = body; *last != save;) last = &(*last)->next;
  *last = first;
  first->next->from = new;
  tn_coalesce_solve(c);
}

static void improve_loops(tn_coalescer *c, tn_step *steps) {
  for (tn_step *s = steps; s; s = s->next) {
    for (int i = 0; i < s->n_branches; i++) improve_loops(c, s->branches[i]);
    if (s->kind != TN_STEP_WHILE) continue;
    make_all_late(c, &s->branches[0]);
    drop_empty_copies(&s->branches[0]);
    if (tn_may_alternate(c->plan, s)) make_in_the_oldest(c, &s->branches[0]);
  }
}

static void count(const tn_step *steps, int64_t *n_steps, int64_t *copies) {
  for (; steps; steps = steps->next) {
    ++*n_steps;
    *copies += steps->kind == TN_STEP_COPY;
    count(steps->test, n_steps, copies);
    for (int i = 0; i < steps->n_branches; i++) count(steps->branches[i], n_steps, copies);
  }
}

void tn_plan_coalesce(tn_plan *plan) {
  int64_t steps = 0, copies = 0;
  count(plan->steps, &steps, &copies);
  if (!copies || tn_flow_size(plan) > TN_FLOW_MOST || steps * copies > MOST_WORK) return;
  tn_coalescer c = {.scratch = tn_arena_create(), .plan = plan};
  tn_coalesce_solve(&c);
  coalesce_all(&c);
  improve_loops(&c, plan->steps);
  drop_empty_copies(&plan->steps);
  tn_arena_destroy(c.scratch);
}
