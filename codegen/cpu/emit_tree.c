/* Loops: from a scheduled tree to LLVM's blocks.
 *
 * A loop of a dim is cut into segments in which everything inside has one static shape:
 * full tiles and the last smaller one; register tiles of two heights; full vectors and the
 * masked rest. What is inside a loop is emitted once for each segment. Loops of one step
 * leave nothing behind but a constant.
 *
 *     before -> header: i = phi [start], [next]      anchor: next = i + step
 *               … body …                             what depends on i alone goes before it
 *               last block: if next < end goto header
 *
 * Reduced and carried dims with `unroll` repeat their inside in order; parallel ones, and vector dims,
 * are jammed: statements see all their points at once.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/cpu/emit.h"

#include <assert.h>

/* `count` steps of `step` elements from `start` on, counted within the loop. */
typedef struct {
  int64_t start, count, step;
  int64_t extent; /* of the next inner loop of the dim: elements of one step */
} segment;

/* Most segments of a loop; how far edges are looked for; how often code may be emitted
 * to keep guards out of its main part.                                                */
enum { MAX_SEGMENTS = 6, MAX_EDGE = 3, MAX_VARIANTS = 6 };

enum { LONG_IN_ORDER = 16 }; /* steps: windows are shorter, and guarded on both sides of everything */

static const tn_dim_schedule plain = {.unroll = 1};

static const tn_dim_schedule *schedule_of(const tn_emitter *e, int dim) {
  return e->k->schedule.dims ? &e->k->schedule.dims[dim] : &plain;
}

static int64_t unroll_of(const tn_emitter *e, int dim) {
  int unroll = schedule_of(e, dim)->unroll;
  return unroll > 1 ? unroll : 1;
}

static bool in_order(const tn_emitter *e, int dim) { return e->k->dims[dim].kind != TN_DIM_PARALLEL; }

static int even_segments(int64_t size, int64_t step, segment *out) {
  int count = 0;
  if (size / step) out[count++] = (segment){0, size / step, step, step};
  if (size % step) out[count++] = (segment){size - size % step, 1, size % step, size % step};
  return count;
}

/* The steps of register tiles: as few as `unroll` allows, of nearly equal height. */
static int balanced_segments(int64_t size, int64_t unroll, segment *out) {
  if (!size) return 0;
  int64_t steps = (size + unroll - 1) / unroll, height = size / steps, higher = size % steps;
  int count = 0;
  if (higher) out[count++] = (segment){0, higher, height + 1, height + 1};
  out[count++] = (segment){higher * (height + 1), steps - higher, height, height};
  return count;
}

static int shape_segments(const tn_emitter *e, tn_loop_ref loop, int64_t size, segment *out) {
  const tn_dim_schedule *s = schedule_of(e, loop.dim);
  if (loop.level < s->n_tiles) return even_segments(size, s->tiles[loop.level], out);
  if (s->lanes) return even_segments(size, (int64_t)s->lanes * s->vectors, out);
  int64_t unroll = unroll_of(e, loop.dim);
  if (unroll == 1) return even_segments(size, 1, out);
  return in_order(e, loop.dim) ? even_segments(size, unroll, out) : balanced_segments(size, unroll, out);
}

/* Does the guard hold in steps first … count - last of the segment, whatever is inside? */
static bool holds_between(tn_emitter *e, int dim, const segment *s, const tn_guard_range *guard, int first,
                          int last) {
  tn_dim_state *d = &e->dims[dim], saved = *d;
  int64_t low, high;
  d->low += s->start + first * s->step;
  d->high += s->start + (s->count - 1 - last) * s->step;
  d->pending = s->extent - 1;
  tn_point_range(e, guard->index, &low, &high);
  *d = saved;
  return low >= guard->low && high < guard->high;
}

/* Steps at both ends without which every guard that can hold does. */
static void find_edges(tn_emitter *e, int dim, const segment *s, int *first, int *last) {
  *first = *last = 0;
  for (int i = 0; i < e->guards.count; i++) {
    const tn_guard_range *guard = &e->guards.at[i];
    if (!(tn_index_dims(e, guard->index) >> dim & 1) || holds_between(e, dim, s, guard, *first, *last))
      continue;
    bool found = false;
    for (int edge = 1; edge <= 2 * MAX_EDGE && !found; edge++)
      for (int f = 0; f <= edge && !found; f++) {
        int at_front = *first > f ? *first : f, at_end = *last > edge - f ? *last : edge - f;
        if (f > MAX_EDGE || edge - f > MAX_EDGE || at_front + at_end >= s->count) continue;
        found = holds_between(e, dim, s, guard, at_front, at_end);
        if (found) *first = at_front, *last = at_end;
      }
  }
}

/* Steps at the edges, where guards fail, part from the main ones. One parallel step at each end
 * is a loop of its own, with a wide stride; steps in order stay in order.                */
static int split_segment(tn_emitter *e, tn_loop_ref loop, const segment *s, segment *out) {
  int first, last, count = 0;
  bool ordered = in_order(e, loop.dim);
  out[0] = *s;
  if (s->count < (ordered ? LONG_IN_ORDER : 2) || 2 * e->variants > MAX_VARIANTS) return 1;
  find_edges(e, loop.dim, s, &first, &last);
  if (!first && !last) return 1;
  int64_t main = s->count - first - last;
  segment middle = {s->start + first * s->step, main, s->step, s->extent};
  if (ordered) {
    if (first) out[count++] = (segment){s->start, first, s->step, s->extent};
    out[count++] = middle;
    if (last) out[count++] = (segment){s->start + (s->count - last) * s->step, last, s->step, s->extent};
    return count;
  }
  if (first == 1 && last == 1) {
    out[count++] = (segment){s->start, 2, (s->count - 1) * s->step, s->extent};
  } else {
    if (first) out[count++] = (segment){s->start, first, s->step, s->extent};
    if (last) out[count++] = (segment){s->start + (s->count - last) * s->step, last, s->step, s->extent};
  }
  out[count++] = middle;
  return count;
}

static int segments_of(tn_emitter *e, tn_loop_ref loop, int64_t size, segment *out) {
  segment shapes[2];
  int shape_count = shape_segments(e, loop, size, shapes), count = 0;
  for (int i = 0; i < shape_count; i++) count += split_segment(e, loop, &shapes[i], out + count);
  return count;
}

/* ---- one loop ---- */

static void push_loop(tn_emitter *e, LLVMBasicBlockRef header, LLVMValueRef anchor) {
  assert(e->n_loops < TN_MAX_LOOPS);
  e->loops[e->n_loops++] = (tn_open_loop){anchor, header, e->n_memo};
}

static void pop_loop(tn_emitter *e) {
  e->n_loops--;
  tn_memo_cut(e, e->loops[e->n_loops].memo_mark, e->n_loops);
}

static LLVMValueRef number(tn_emitter *e, int64_t value) {
  return LLVMConstInt(e->u->i64, (uint64_t)value, true);
}

static LLVMBasicBlockRef new_block(tn_emitter *e) {
  return LLVMAppendBasicBlockInContext(e->u->context, e->function, "");
}

/* Opens a loop over from, from + step, … < to (which is not empty). */
static LLVMValueRef open_loop(tn_emitter *e, LLVMValueRef from, int64_t step) {
  LLVMBasicBlockRef before = LLVMGetInsertBlock(e->b), header = new_block(e);
  LLVMBuildBr(e->b, header);
  LLVMPositionBuilderAtEnd(e->b, header);
  LLVMValueRef variable = LLVMBuildPhi(e->b, e->u->i64, "");
  LLVMAddIncoming(variable, &from, &before, 1);
  for (int i = 0; i < e->carried.count; i++) {
    LLVMValueRef old = *e->carried.at[i], phi = LLVMBuildPhi(e->b, LLVMTypeOf(old), "");
    LLVMAddIncoming(phi, &old, &before, 1);
    *e->carried.at[i] = phi;
  }
  LLVMValueRef next = LLVMBuildNSWAdd(e->b, variable, number(e, step), "");
  push_loop(e, header, next);
  return variable;
}

static void close_loop(tn_emitter *e, LLVMValueRef variable, LLVMValueRef *phis, LLVMValueRef to) {
  LLVMValueRef next = e->loops[e->n_loops - 1].anchor;
  LLVMBasicBlockRef header = e->loops[e->n_loops - 1].header, latch = LLVMGetInsertBlock(e->b),
                    after = new_block(e);
  LLVMValueRef more = LLVMBuildICmp(e->b, LLVMIntSLT, next, to, "");
  LLVMBuildCondBr(e->b, more, header, after);
  LLVMAddIncoming(variable, &next, &latch, 1);
  for (int i = 0; i < e->carried.count; i++) LLVMAddIncoming(phis[i], e->carried.at[i], &latch, 1);
  LLVMPositionBuilderAtEnd(e->b, after);
  pop_loop(e);
}

static LLVMValueRef *carried_phis(tn_emitter *e) {
  LLVMValueRef *phis = TN_NEW_ARRAY(e->arena, LLVMValueRef, e->carried.count);
  for (int i = 0; i < e->carried.count; i++) phis[i] = *e->carried.at[i];
  return phis;
}

/* The dim's value becomes what it was + variable, which lies in from … from + (count - 1) * step. */
static void add_variable(tn_emitter *e, int dim, LLVMValueRef variable, const segment *s) {
  tn_dim_state *d = &e->dims[dim];
  if (variable) {
    d->vars[d->n_vars] = variable;
    d->depth[d->n_vars] = e->n_loops - 1;
    d->var_align[d->n_vars++] = tn_gcd(s->start, s->step);
    d->align = tn_gcd(d->align, tn_gcd(s->start, s->step));
  } else {
    d->constant += s->start;
    d->align = tn_gcd(d->align, s->start);
  }
  d->low += s->start;
  d->high += s->start + (s->count - 1) * s->step;
  d->pending = s->extent - 1;
}

/* ---- nests ---- */

typedef struct {
  const tn_loop_ref *loops;
  int count;
  tn_nest_body *body;
  void *data;
  int shared;           /* leading loops that are numbered through, their steps, and */
  const int64_t *steps; /* the number of this iteration among them                   */
  LLVMValueRef position;
} nest;

static void emit_nest(tn_emitter *e, nest n);

static nest inside(nest n) {
  n.loops++;
  n.count--;
  if (n.shared) n.shared--, n.steps++;
  return n;
}

/* Steps of a reduced or carried dim, one after the other. */
static void emit_in_order(tn_emitter *e, nest n, int64_t steps) {
  tn_dim_state *d = &e->dims[n.loops->dim], saved = *d;
  for (int64_t i = 0; i < steps; i++) {
    *d = saved;
    d->constant += i;
    d->low += i;
    d->high += i;
    d->pending = 0;
    d->align = 1;
    e->step_in_order = (int)i;
    e->steps_in_order = (int)steps;
    emit_nest(e, inside(n));
  }
  *d = saved;
}

static void emit_jammed(tn_emitter *e, nest n, int points, int tail) {
  int dim = n.loops->dim;
  tn_dim_state *d = &e->dims[dim];
  const tn_dim_schedule *s = schedule_of(e, dim);
  if (s->lanes) {
    if (e->vector >= 0) {
      tn_unit_fail(e->u, TN_UNSUPPORTED, "kernel %s: dims '%s' and '%s' are vectors of one statement",
                   e->k->name, e->k->dims[e->vector].name, e->k->dims[dim].name);
      return;
    }
    e->vector = dim;
    e->lanes = s->lanes;
    d->tail = tail;
  }
  d->pending = 0;
  d->slots = s->lanes ? s->vectors : (int)unroll_of(e, dim);
  d->points = points;
  d->jam_at = d->slots > 1 ? e->n_jam : -1;
  if (d->jam_at >= 0) e->jam[e->n_jam++] = dim;
  tn_full_box(e);
  emit_nest(e, inside(n));
  if (d->jam_at >= 0) e->n_jam--;
  if (s->lanes) e->vector = -1;
  tn_full_box(e);
}

/* What one step of the loop holds; variants: segments of the loop. */
static void emit_step(tn_emitter *e, nest n, const segment *s, int variants) {
  int dim = n.loops->dim;
  e->variants *= variants;
  const tn_dim_schedule *schedule = schedule_of(e, dim);
  if (n.loops->level < schedule->n_tiles) {
    int64_t size = e->dims[dim].extent;
    e->dims[dim].extent = s->extent;
    emit_nest(e, inside(n));
    e->dims[dim].extent = size;
  } else if (schedule->lanes) {
    int points = (int)((s->extent + schedule->lanes - 1) / schedule->lanes);
    emit_jammed(e, n, points, (int)(s->extent - (int64_t)(points - 1) * schedule->lanes));
  } else if (in_order(e, dim)) {
    emit_in_order(e, n, s->extent);
  } else {
    emit_jammed(e, n, (int)s->extent, 0);
  }
  e->variants /= variants;
}

static void emit_segment(tn_emitter *e, nest n, const segment *s, int variants) {
  tn_dim_state saved = e->dims[n.loops->dim];
  if (s->count == 1) {
    add_variable(e, n.loops->dim, NULL, s);
    emit_step(e, n, s, variants);
  } else {
    LLVMValueRef variable = open_loop(e, number(e, s->start), s->step), *phis = carried_phis(e);
    add_variable(e, n.loops->dim, variable, s);
    emit_step(e, n, s, variants);
    close_loop(e, variable, phis, number(e, s->start + s->count * s->step));
  }
  e->dims[n.loops->dim] = saved;
}

/* before: if 0 < end goto loop … after: phis of what was there before and after the loop */
void tn_emit_loop_to(tn_emitter *e, int dim, LLVMValueRef end, tn_nest_body *body, void *data) {
  segment s = {0, e->k->dims[dim].size, 1, 1};
  if (!s.count) return;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(e->b), some = new_block(e), join = new_block(e);
  LLVMValueRef *old = TN_NEW_ARRAY(e->arena, LLVMValueRef, e->carried.count);
  tn_dim_state saved = e->dims[dim];
  for (int i = 0; i < e->carried.count; i++) old[i] = *e->carried.at[i];
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSGT, end, number(e, 0), ""), some, join);
  LLVMPositionBuilderAtEnd(e->b, some);
  LLVMValueRef variable = open_loop(e, number(e, 0), 1), *phis = carried_phis(e);
  add_variable(e, dim, variable, &s);
  e->dims[dim].pending = 0;
  body(e, data);
  close_loop(e, variable, phis, end);
  e->dims[dim] = saved;
  LLVMBasicBlockRef after = LLVMGetInsertBlock(e->b);
  LLVMBuildBr(e->b, join);
  LLVMPositionBuilderAtEnd(e->b, join);
  for (int i = 0; i < e->carried.count; i++) {
    LLVMValueRef phi = LLVMBuildPhi(e->b, LLVMTypeOf(old[i]), "");
    LLVMAddIncoming(phi, (LLVMValueRef[]){old[i], *e->carried.at[i]}, (LLVMBasicBlockRef[]){before, after},
                    2);
    *e->carried.at[i] = phi;
  }
}

static void emit_numbered_loop(tn_emitter *e, nest n);

static void emit_nest(tn_emitter *e, nest n) {
  segment segments[MAX_SEGMENTS];
  if (e->u->failed) return;
  if (!n.count) {
    n.body(e, n.data);
    return;
  }
  if (n.shared) {
    emit_numbered_loop(e, n);
    return;
  }
  int count = segments_of(e, n.loops[0], e->dims[n.loops->dim].extent, segments);
  for (int i = 0; i < count; i++) emit_segment(e, n, &segments[i], count);
}

void tn_emit_nest(tn_emitter *e, const tn_loop_ref *loops, int count, tn_nest_body *body, void *data) {
  emit_nest(e, (nest){.loops = loops, .count = count, .body = body, .data = data});
}

/* The loops of a statement in the schedule's order. */
int tn_loops_of(tn_emitter *e, const tn_stmt *stmt, tn_loop_ref *out) {
  const tn_schedule *schedule = &e->k->schedule;
  int count = 0;
  for (int i = 0; i < schedule->n_order; i++)
    for (int j = 0; j < stmt->n_dims; j++)
      if (schedule->order[i].dim == stmt->dims[j]) out[count++] = schedule->order[i];
  for (int j = 0; j < stmt->n_dims && !schedule->n_order; j++)
    for (int level = 0; level <= schedule_of(e, stmt->dims[j])->n_tiles; level++)
      out[count++] = (tn_loop_ref){stmt->dims[j], level};
  return count;
}

/* ---- threads ---- */

/* How many of the leading loops threads share: parallel, with a number of steps that does
 * not depend on the loops around.                                                       */
static int shared_loops(tn_emitter *e, const tn_loop_ref *loops, int count, int64_t *steps) {
  segment s[MAX_SEGMENTS];
  int shared = 0;
  uint64_t seen = 0;
  while (shared < e->k->schedule.n_threads && shared < count) {
    int dim = loops[shared].dim;
    if (e->k->dims[dim].kind != TN_DIM_PARALLEL || (seen >> dim & 1)) break;
    seen |= UINT64_C(1) << dim;
    steps[shared] = 0;
    int n = segments_of(e, loops[shared], e->k->dims[dim].size, s);
    for (int i = 0; i < n; i++) steps[shared] += s[i].count;
    shared++;
  }
  return shared;
}

/* One shared loop: of each segment, what lies in the caller's range. */
static void emit_shared_loop(tn_emitter *e, nest n) {
  segment segments[MAX_SEGMENTS];
  int count = segments_of(e, n.loops[0], e->dims[n.loops->dim].extent, segments);
  LLVMValueRef begin = LLVMGetParam(e->function, 1), end = LLVMGetParam(e->function, 2);
  int64_t first = 0;
  n.shared = 0;
  for (int i = 0; i < count; i++) {
    const segment *s = &segments[i];
    tn_dim_state saved = e->dims[n.loops->dim];
    LLVMValueRef from = tn_intrinsic(e, "llvm.smax", e->u->i64, (LLVMValueRef[]){begin, number(e, first)}, 2);
    LLVMValueRef to =
        tn_intrinsic(e, "llvm.smin", e->u->i64, (LLVMValueRef[]){end, number(e, first + s->count)}, 2);
    LLVMBasicBlockRef some = new_block(e), after = new_block(e);
    LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, from, to, ""), some, after);
    LLVMPositionBuilderAtEnd(e->b, some);
    LLVMValueRef shift = number(e, s->start - first * s->step), step = number(e, s->step);
    from = LLVMBuildAdd(e->b, LLVMBuildMul(e->b, from, step, ""), shift, "");
    to = LLVMBuildAdd(e->b, LLVMBuildMul(e->b, to, step, ""), shift, "");
    if (s->count == 1) {
      add_variable(e, n.loops->dim, NULL, s);
      emit_step(e, n, s, count);
    } else {
      LLVMValueRef variable = open_loop(e, from, s->step);
      add_variable(e, n.loops->dim, variable, s);
      emit_step(e, n, s, count);
      close_loop(e, variable, NULL, to);
    }
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, after);
    e->dims[n.loops->dim] = saved;
    first += s->count;
  }
}

/* Several: their iterations are numbered through. Each number is taken apart loop by
 * loop, and each segment is a branch; blocks hold what depends on the loop's variable. */
static void emit_numbered_loop(tn_emitter *e, nest n) {
  segment segments[MAX_SEGMENTS];
  int64_t inner = 1, first = 0;
  for (int i = 1; i < n.shared; i++) inner *= n.steps[i];
  LLVMValueRef mine = LLVMBuildUDiv(e->b, n.position, number(e, inner), "");
  n.position = LLVMBuildURem(e->b, n.position, number(e, inner), "");
  int count = segments_of(e, n.loops[0], e->dims[n.loops->dim].extent, segments);
  LLVMBasicBlockRef join = new_block(e);
  for (int i = 0; i < count; i++) {
    const segment *s = &segments[i];
    tn_dim_state saved = e->dims[n.loops->dim];
    LLVMBasicBlockRef here = new_block(e), body = new_block(e), next = i + 1 < count ? new_block(e) : join;
    LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntULT, mine, number(e, first + s->count), ""), here, next);
    LLVMPositionBuilderAtEnd(e->b, here);
    LLVMValueRef steps = LLVMBuildSub(e->b, mine, number(e, first), "");
    LLVMValueRef variable = LLVMBuildMul(e->b, steps, number(e, s->step), "");
    variable = LLVMBuildAdd(e->b, variable, number(e, s->start), "");
    push_loop(e, here, LLVMBuildBr(e->b, body));
    LLVMPositionBuilderAtEnd(e->b, body);
    add_variable(e, n.loops->dim, s->count == 1 ? NULL : variable, s);
    emit_step(e, n, s, count);
    pop_loop(e);
    LLVMBuildBr(e->b, join);
    LLVMPositionBuilderAtEnd(e->b, next);
    e->dims[n.loops->dim] = saved;
    first += s->count;
  }
  if (!count) LLVMBuildBr(e->b, join), LLVMPositionBuilderAtEnd(e->b, join);
}

static void emit_shared(tn_emitter *e, nest n) {
  if (n.shared == 1) {
    emit_shared_loop(e, n);
    return;
  }
  LLVMValueRef begin = LLVMGetParam(e->function, 1), end = LLVMGetParam(e->function, 2);
  LLVMBasicBlockRef some = new_block(e), after = new_block(e);
  LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, begin, end, ""), some, after);
  LLVMPositionBuilderAtEnd(e->b, some);
  n.position = open_loop(e, begin, 1);
  emit_nest(e, n);
  close_loop(e, n.position, NULL, end);
  LLVMBuildBr(e->b, after);
  LLVMPositionBuilderAtEnd(e->b, after);
}

int64_t tn_emit_shared_nest(tn_emitter *e, const tn_loop_ref *loops, int count, tn_nest_body *body,
                            void *data) {
  int64_t *steps = TN_NEW_ARRAY(e->arena, int64_t, count + 1), all = 1;
  nest n = {.loops = loops, .count = count, .body = body, .data = data, .steps = steps};
  n.shared = shared_loops(e, loops, count, steps);
  for (int i = 0; i < n.shared; i++) all *= steps[i];
  if (n.shared)
    emit_shared(e, n);
  else
    emit_nest(e, n);
  return all;
}
