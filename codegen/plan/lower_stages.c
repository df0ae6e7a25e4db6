/* Stages: values of a group that are materialised, block by block.
 *
 * A product whose operand is itself a sum, or a softmax of sums, cannot have that operand
 * computed at each element that it reads: it would be computed once for every column. Such
 * an operand becomes a stage, and so does a sum that a reduction reads again and again:
 *
 *   loop h {                                   dims that both operands of the products have
 *     local kt: f32[64,128]                    an operand that lies the wrong way round
 *     loop d j { kt[d,j] = k[j,h,d] }
 *     loop b {                                 blocks of rows, where one would not stay in the cache
 *       local e: f32[32,128]                   a stage: the scores
 *       loop i j { reduce d { s } e[i,j] = f(s) }
 *       local p: f32[32,128]                   a stage: their softmax
 *       loop i { reduce j … loop j { p[i,j] = … } }
 *       loop i d { reduce j { s = fma(p[i,j], v[j,h,d], s) } y[b*32+i,h,d] = s }
 *     }
 *   }
 *
 * As a reduction stands in the outermost body where its indices are known, a stage stands
 * in the outermost of the loops over heads and blocks where they are: of its position the part
 * that these loops fix stays, the rest runs over all that may be asked for, and becomes a
 * local. A stage that reads another finds or makes that one's local first, so the nests follow
 * each other as the values depend on each other. All is lowered twice. The first time no dim is
 * fixed, and it shows what the products need of the results' dims: batches become the loops
 * outside, rows are cut into blocks.
 *
 * What is computed, and each sum's order, is what separate kernels have. Cost: the lowering of
 * each stage, twice.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower_frames.h"
#include "codegen/plan/walk.h"

enum {
  FEWEST_ROWS = 4,     /* below, an operand that lies the wrong way round is read as it lies */
  FEWEST_OUTSIDE = 8,  /* iterations of the outer loops: what threads share */
  SMALLEST_BLOCK = 16, /* rows: two register tiles */
  HALF_PAGE = 2048,    /* rows so far apart, and more than MOST_APART of them, share their sets */
  MOST_APART = 256     /*                                                     of the cache */
};

typedef struct {
  tn_inst *inst;
  tn_nest nest;  /* as the first run found it */
  int64_t bytes; /* of all iterations, in the first run */
} stage;

/* A local with elements of inst: those at fixed + 0 … size - 1. */
typedef struct {
  tn_inst *inst;
  const tn_index **fixed; /* one a dim */
  int64_t *sizes;         /* one a dim */
  int *order;             /* of the dims in the local */
  int rank;               /* of the local: dims of more than one element */
  int frame, local;
  const stage *over; /* of the stage whose local it is too; NULL: its own */
} room;

typedef struct {
  const tn_inst *dot;
  int side;
} turned_operand;

struct tn_stages {
  TN_VEC(stage) all;
  TN_VEC(turned_operand) turned; /* operands that lie the wrong way round */
  uint64_t batches, rows;        /* dims of the root that the product needs as such */
  bool looks;                    /* the first run */
  bool ends_in_product;          /* the root is made of one */
  bool turns;                    /* there are rows enough to turn operands for */
  int n_outside;                 /* frames that are open around all stages */
  TN_VEC(room) rooms;            /* of this run */
  const room *filling;           /* the stage that is computed */
};

/* ---- which values are stages ---- */

static stage *stage_of(const tn_stages *s, const tn_inst *inst) {
  for (int i = 0; i < s->all.count; i++)
    if (s->all.at[i].inst == inst) return &s->all.at[i];
  return NULL;
}

static void add_stage(tn_arena *arena, tn_stages *s, tn_inst *inst) {
  if (!stage_of(s, inst)) TN_PUSH(arena, &s->all, ((stage){.inst = inst}));
}

static tn_inst *behind_movement(tn_inst *inst) {
  while (inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_RESHAPE || inst->op == TN_OP_COPY)
    inst = inst->operands[0];
  return inst;
}

/* Instructions that a search has met. */
typedef struct {
  const tn_inst **at;
  int count;
} met;

static bool meet(met *m, const tn_inst *inst) {
  for (int i = 0; i < m->count; i++)
    if (m->at[i] == inst) return false;
  m->at[m->count++] = inst;
  return true;
}

static bool is_sum(const tn_inst *inst) { return inst->op == TN_OP_DOT || inst->op == TN_OP_REDUCE; }

/* Is it made of a sum? */
static bool has_sum(const tn_inst *inst, met *m) {
  if (!meet(m, inst)) return false;
  if (is_sum(inst)) return true;
  for (int i = 0; i < inst->n_operands; i++)
    if (has_sum(inst->operands[i], m)) return true;
  return false;
}

/* Is a sum made of it? */
static bool feeds_sum(const tn_inst *inst, met *m) {
  for (int i = 0; i < inst->users.count; i++) {
    const tn_inst *user = inst->users.at[i];
    if (meet(m, user) && (is_sum(user) || feeds_sum(user, m))) return true;
  }
  return false;
}

/* The last of what follows a dot element by element, and that alone needs it. */
static tn_inst *behind_epilogue(tn_inst *dot) {
  tn_inst *last = dot;
  for (tn_inst *inst = dot; inst->users.count == 1;) {
    tn_inst *user = inst->users.at[0];
    bool elementwise = tn_op_is(user->op, TN_OP_ELEMENTWISE) && tn_shape_same_dims(user->shape, inst->shape);
    if (!elementwise && user->op != TN_OP_RESHAPE && user->op != TN_OP_TRANSPOSE) break;
    inst = user;
    if (elementwise) last = inst;
  }
  return last;
}

tn_stages *tn_stages_find(const tn_group *group) {
  tn_inst *root = group->roots[0];
  if (!group->whole || group->in_place || group->n_roots != 1 || root->op == TN_OP_CONCATENATE) return NULL;
  tn_comp *comp = root->parent;
  tn_stages *s = TN_NEW(group->arena, tn_stages);
  met m = {TN_NEW_ARRAY(group->arena, const tn_inst *, comp->n_insts), 0};
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_DOT) continue;
    m.count = 0;
    if (feeds_sum(inst, &m)) add_stage(group->arena, s, behind_epilogue(inst));
    for (int side = 0; side < 2; side++) {
      tn_inst *operand = behind_movement(inst->operands[side]);
      m.count = 0;
      if (has_sum(operand, &m)) add_stage(group->arena, s, operand);
    }
  }
  return s->all.count ? s : NULL;
}

bool tn_is_staged(const tn_lowering *l, const tn_inst *inst) {
  return l->stages && (!l->stages->filling || l->stages->filling->inst != inst) && stage_of(l->stages, inst);
}

/* ---- positions: what is fixed outside, and what runs ---- */

static bool is_outside(void *user, int dim) {
  const tn_lowering *l = user;
  return tn_frame_depth(l, l->dim_frame.at[dim]) < l->stages->n_outside;
}

static bool is_value(void *user, const tn_expr *expr) {
  (void)user, (void)expr;
  return true;
}

/* at = fixed + running; false where a term is of both kinds. */
static bool split(tn_lowering *l, const tn_index *at, const tn_index **fixed, const tn_index **running) {
  *fixed = tn_index_constant(l->arena, at->constant);
  *running = tn_index_constant(l->arena, 0);
  for (int i = 0; i < at->n_terms; i++) {
    const tn_index one = {.n_terms = 1, .terms = &at->terms[i]},
                   *term = tn_arena_copy(l->arena, &one, sizeof one);
    const tn_index *const alone[] = {term};
    bool outside = tn_frame_depth_of_position(l, alone, 1) < l->stages->n_outside;
    const tn_index **part = outside ? fixed : running;
    if (!outside && tn_walk_term(&(tn_walk){is_value, is_outside, l}, &at->terms[i])) return false;
    *part = tn_index_add(l->arena, *part, term);
  }
  return true;
}

static bool is_reduced(void *user, int dim) {
  const tn_lowering *l = user;
  return l->dims.at[dim].kind == TN_DIM_REDUCED;
}

/* ---- locals ---- */

/* Of the room's local the index of what is asked for; NULL: it does not reach so far. */
static const tn_index **place_in(tn_lowering *l, const room *r, const tn_index *const *fixed,
                                 const tn_index *const *running) {
  const tn_index **place = TN_NEW_ARRAY(l->arena, const tn_index *, r->rank ? r->rank : 1);
  int n = 0;
  place[0] = tn_index_constant(l->arena, 0);
  for (int k = 0; k < r->inst->shape->rank; k++) {
    int d = r->order[k];
    const tn_index *at = tn_index_add(l->arena, tn_index_add(l->arena, fixed[d], running[d]),
                                      tn_index_scale(l->arena, r->fixed[d], -1));
    int64_t low, high;
    tn_index_range(l->kernel, at, &low, &high);
    if (low < 0 || high >= r->sizes[d]) return NULL;
    if (r->sizes[d] > 1) place[n++] = at;
  }
  return place;
}

static bool fill(tn_lowering *l, void *user, tn_position at) {
  room *r = user;
  const tn_index **place = TN_NEW_ARRAY(l->arena, const tn_index *, r->rank ? r->rank : 1);
  int n = 0, first = l->nest.first;
  place[0] = tn_index_constant(l->arena, 0);
  for (int k = 0; k < r->inst->shape->rank; k++)
    if (r->sizes[r->order[k]] > 1) place[n++] = tn_index_dim(l->arena, first + r->order[k]);
  const tn_expr *value = tn_lower_element(l, r->inst, at);
  if (value) tn_lower_store(l, r->local, place, value, NULL);
  return value != NULL;
}

static const tn_shape *room_shape(tn_lowering *l, const room *r) {
  int64_t *sizes = TN_NEW_ARRAY(l->arena, int64_t, r->rank ? r->rank : 1);
  int n = 0;
  sizes[0] = 1;
  for (int k = 0; k < r->inst->shape->rank; k++)
    if (r->sizes[r->order[k]] > 1) sizes[n++] = r->sizes[r->order[k]];
  return tn_shape_array(l->arena, r->inst->shape->type, n ? n : 1, sizes);
}

/* ---- one local for a stage and what it is made of ---- */

static bool goes_past(const tn_inst *inst, const tn_inst *through, met *m) {
  if (inst == inst->parent->root) return true;
  for (int i = 0; i < inst->users.count; i++) {
    const tn_inst *user = inst->users.at[i];
    if (user != through && meet(m, user) && goes_past(user, through, m)) return true;
  }
  return false;
}

/* Does all that is made of inst go through `through`? */
static bool goes_through(tn_arena *arena, const tn_inst *inst, const tn_inst *through) {
  met m = {TN_NEW_ARRAY(arena, const tn_inst *, inst->parent->n_insts), 0};
  return inst != through && !goes_past(inst, through, &m);
}

/* The same elements, side by side in the same way. */
static bool same_rooms(const room *a, const room *b) {
  int i = 0, k = 0, n = 0;
  for (; n < a->rank; i++, k++, n++) {
    while (a->sizes[a->order[i]] == 1) i++;
    while (b->sizes[b->order[k]] == 1) k++;
    if (a->sizes[a->order[i]] != b->sizes[b->order[k]]) return false;
  }
  return true;
}

/* The stage that is being filled, if r's elements may lie where that one's will: nobody else
 * reads them, and each row of them is read before its place is written (reads_in_time).     */
static const stage *shared_stage(const tn_lowering *l, const room *r) {
  const room *over = l->stages->filling;
  if (l->stages->looks || !over || !stage_of(l->stages, r->inst)) return NULL;
  if (over->over || over->frame != r->frame || over->rank != r->rank || !r->rank) return NULL;
  if (over->inst->shape->type != r->inst->shape->type || !same_rooms(over, r)) return NULL;
  return goes_through(l->arena, r->inst, over->inst) ? stage_of(l->stages, over->inst) : NULL;
}

/* In the nest that fills the stage: reductions stand before the loop that stores, and read the
 * rows of their own iteration; that loop reads the element that it stores.                  */
static bool reads_in_time(const tn_lowering *l, const room *r, const tn_index *const *place) {
  const room *over = l->stages->filling;
  bool reduce = l->frames[l->n_frames - 1].owner->kind == TN_STMT_REDUCE;
  if (!over || stage_of(l->stages, over->inst) != r->over) return false;
  for (int k = 0, n = 0; k < over->inst->shape->rank; k++) {
    int d = over->order[k];
    if (over->sizes[d] == 1) continue;
    bool whole = r->over->nest.has_reduce && !(r->over->nest.reduced_on >> d & 1);
    if (!tn_index_equal(place[n++], tn_index_dim(l->arena, l->nest.first + d)) && !(reduce && whole))
      return false;
  }
  return true;
}

/* The local and the nest that fills it, in the outermost body that knows what is fixed. */
static bool build_room(tn_lowering *l, room *r) {
  tn_stages *s = l->stages;
  const room *filling = s->filling;
  stage *known = stage_of(s, r->inst);
  int rank = r->inst->shape->rank, depth = tn_frame_depth_of_position(l, r->fixed, rank);
  tn_hidden hidden = {.count = l->n_frames - (depth + 1)};
  hidden.frames = tn_arena_copy(l->arena, l->frames + depth + 1, sizeof(tn_frame) * (size_t)hidden.count);
  l->n_frames = depth + 1;
  r->frame = l->frames[depth].id;
  r->over = shared_stage(l, r);
  r->local = r->over ? filling->local : tn_frame_new_local(l, room_shape(l, r), &l->frames[depth]);
  uint64_t all = rank ? (UINT64_C(1) << rank) - 1 : 0;
  bool parts = known && !s->looks && known->nest.has_reduce;
  tn_nest_form form = {.inst = r->inst,
                       .rank = rank,
                       .sizes = r->sizes,
                       .order = r->order,
                       .base = r->fixed,
                       .outer = parts ? known->nest.reduced_on : all,
                       .store = fill,
                       .user = r};
  tn_nest nest;
  s->filling = r;
  tn_stmt *stmt = tn_lower_nest(l, &form, &nest);
  s->filling = filling;
  tn_lower_reveal(l, &hidden);
  if (stmt && known && s->looks) {
    known->nest = nest;
    known->bytes = tn_shape_elements(r->inst->shape) * (int64_t)tn_type_bytes(r->inst->shape->type);
  }
  return stmt != NULL;
}

/* Running dims in their order, but reduced ones last, or first. */
static void order_dims(tn_lowering *l, const tn_index *const *running, int rank, bool reduced_first,
                       int *order) {
  int n = 0;
  for (int turn = 0; turn < 2; turn++)
    for (int d = 0; d < rank; d++) {
      bool reduced = tn_walk_index(&(tn_walk){.dim = is_reduced, .user = l}, running[d]);
      if (reduced == (reduced_first == (turn == 0))) order[n++] = d;
    }
}

static const tn_expr *load_room(tn_lowering *l, const room *r, const tn_index *const *place) {
  if (r->over && !reads_in_time(l, r, place)) return tn_lower_fail(l, r->inst, true);
  return tn_lower_load(l, r->local, (tn_position)place);
}

static const tn_expr *materialise(tn_lowering *l, tn_inst *inst, tn_position at, bool reduced_first) {
  tn_stages *s = l->stages;
  int rank = inst->shape->rank;
  const tn_index **fixed = TN_NEW_ARRAY(l->arena, const tn_index *, rank),
                 **running = TN_NEW_ARRAY(l->arena, const tn_index *, rank);
  if (l->guards.count || rank > 60) return tn_lower_fail(l, inst, true);
  for (int d = 0; d < rank; d++)
    if (!split(l, at[d], &fixed[d], &running[d])) return tn_lower_fail(l, inst, true);
  for (int i = 0; i < s->rooms.count; i++) {
    const room *known = &s->rooms.at[i];
    if (known->inst != inst || tn_frame_depth(l, known->frame) < 0) continue;
    const tn_index **place = place_in(l, known, fixed, running);
    if (place) return load_room(l, known, place);
  }
  room *r = TN_NEW(l->arena, room);
  *r = (room){.inst = inst, .fixed = TN_NEW_ARRAY(l->arena, const tn_index *, rank)};
  r->sizes = TN_NEW_ARRAY(l->arena, int64_t, rank);
  r->order = TN_NEW_ARRAY(l->arena, int, rank);
  for (int d = 0; d < rank; d++) {
    int64_t low, high;
    tn_index_range(l->kernel, running[d], &low, &high);
    r->fixed[d] = tn_index_add(l->arena, fixed[d], tn_index_constant(l->arena, low));
    r->sizes[d] = high - low + 1;
    r->rank += r->sizes[d] > 1;
  }
  order_dims(l, running, rank, reduced_first, r->order);
  if (!build_room(l, r)) return NULL;
  TN_PUSH(l->arena, &s->rooms, *r);
  return load_room(l, r, place_in(l, r, fixed, running));
}

const tn_expr *tn_lower_stage(tn_lowering *l, tn_inst *inst, tn_position at) {
  return materialise(l, inst, at, false);
}

/* ---- operands of the products ---- */

static uint64_t dims_of(const tn_lowering *l, tn_position at, int from, int to) {
  uint64_t mask = 0;
  for (int i = from; i < to; i++) mask |= tn_nest_dims_of(&l->nest, at[i]);
  return mask;
}

/* What a product in the root's nest needs the root's dims for. */
static void note_product(tn_lowering *l, const tn_inst *dot, tn_position at) {
  tn_stages *s = l->stages;
  const tn_dot_side *side = dot->attr.dot->side;
  int batches = side[0].batch.count, rank = dot->shape->rank;
  int split = dot->operands[0]->shape->rank - side[0].contracting.count;
  s->ends_in_product = true;
  s->batches |= dims_of(l, at, 0, batches);
  if (stage_of(s, behind_movement(dot->operands[0]))) s->rows |= dims_of(l, at, batches, split);
  if (stage_of(s, behind_movement(dot->operands[1]))) s->rows |= dims_of(l, at, split, rank);
}

static const tn_expr *behind_conversion(const tn_lowering *l, const tn_expr *expr) {
  for (;;) {
    if (expr->kind == TN_EXPR_VALUE && tn_lower_let_of(l, expr->value))
      expr = tn_lower_let_of(l, expr->value);
    else if (expr->kind == TN_EXPR_OP && expr->op.op == TN_OP_CONVERT)
      expr = expr->op.operands[0];
    else
      return expr;
  }
}

/* Elements from one to the next along a dim; false where that is not known. */
static bool stride_of(const tn_lowering *l, const tn_expr *load, int dim, int64_t *stride) {
  const tn_shape *shape = l->buffers.at[load->load.buffer].shape;
  int64_t scale = 1, one;
  if (shape->layout) return false;
  *stride = 0;
  for (int d = shape->rank - 1; d >= 0; d--) {
    if (!tn_index_stride(l->kernel, load->load.at[d], dim, 1, &one)) return false;
    *stride += scale * one;
    scale *= shape->dims[d];
  }
  return true;
}

/* Is this the operand that is read along the nest's fast dim, and not well? */
static bool lies_badly(tn_lowering *l, const tn_inst *operand, tn_position from, const tn_expr *expr) {
  int fast = l->nest.fast, rank = operand->shape->rank;
  if (!tn_shape_elements(operand->shape)) return false; /* nothing can be turned: it has no first element */
  if (fast < 0 || !(dims_of(l, from, 0, rank) >> (fast - l->nest.first) & 1)) return false;
  expr = behind_conversion(l, expr);
  if (expr->kind != TN_EXPR_LOAD || expr->load.fill) return true;
  if (expr->load.buffer >= TN_LOWER_ROOT_BASE) return false;
  int64_t stride, bytes = (int64_t)tn_type_bytes(expr->type);
  if (!stride_of(l, expr, fast, &stride) || stride != 1) return true;
  for (int d = 0; d < l->dims.count; d++) {
    bool reduced = l->dims.at[d].kind == TN_DIM_REDUCED && tn_frame_depth(l, l->dim_frame.at[d]) >= 0;
    if (reduced && l->dims.at[d].size > MOST_APART && stride_of(l, expr, d, &stride) && stride &&
        stride * bytes % HALF_PAGE == 0)
      return true;
  }
  return false;
}

static bool is_turned(const tn_stages *s, const tn_inst *dot, int side) {
  for (int i = 0; i < s->turned.count; i++)
    if (s->turned.at[i].dot == dot && s->turned.at[i].side == side) return true;
  return false;
}

const tn_expr *tn_lower_dot_operand(tn_lowering *l, tn_inst *dot, int side, tn_position at,
                                    tn_position from) {
  tn_stages *s = l->stages;
  tn_inst *operand = dot->operands[side];
  if (s && !s->looks && s->turns && is_turned(s, dot, side)) return materialise(l, operand, from, true);
  const tn_expr *expr = tn_lower_element(l, operand, from);
  if (!s || !s->looks || !expr) return expr;
  if (!s->filling && !side) note_product(l, dot, at);
  if (!is_turned(s, dot, side) && lies_badly(l, operand, from, expr))
    TN_PUSH(l->arena, &s->turned, ((turned_operand){dot, side}));
  return expr;
}

/* ---- the kernel ---- */

static tn_stmt *open_outside(tn_lowering *l, const tn_nest_form *root, int n, const int64_t *sizes,
                             int *dims) {
  const char **names = TN_NEW_ARRAY(l->arena, const char *, n + 1);
  for (int i = 0; i < n; i++) names[i] = "d";
  if (!tn_lower_open_loop(l, root->inst, TN_DIM_PARALLEL, n, sizes, names, dims)) return NULL;
  l->stages->n_outside = l->n_frames;
  return l->frames[0].owner;
}

static void close_outside(tn_lowering *l) {
  tn_frame_pop(l);
  l->stages->n_outside = l->n_frames;
}

static int64_t count_of(const tn_nest_form *root, uint64_t dims) {
  int64_t count = 1;
  for (int i = 0; i < root->rank; i++)
    if (dims >> i & 1) count *= root->sizes[i];
  return count;
}

/* Of all stages; one that goes into another alone mostly lies in that one's place. */
static int64_t bytes_of_stages(const tn_lowering *l) {
  const tn_stages *s = l->stages;
  int64_t bytes = 0;
  for (int i = 0; i < s->all.count; i++) {
    bool shares = false;
    for (int k = 0; k < s->all.count; k++)
      shares = shares || (s->all.at[i].bytes == s->all.at[k].bytes &&
                          goes_through(l->arena, s->all.at[i].inst, s->all.at[k].inst));
    bytes += shares ? 0 : s->all.at[i].bytes;
  }
  return bytes;
}

/* How the rows are cut: into `count` blocks of `size`, and a rest. */
typedef struct {
  int dim; /* of the root; -1: there are no rows */
  int64_t size, count, rest;
} blocks;

/* So many rows that the stages stay in the cache, and that the outer loops have iterations enough
 * for threads; without a rest if that takes no more than half as many blocks again.         */
static blocks cut_rows(const tn_lowering *l, const tn_nest_form *root, uint64_t dims, int64_t outside) {
  blocks b = {-1, 1, 1, 0};
  int64_t bytes = bytes_of_stages(l) / outside, room = l->group->target->l2_bytes / 2;
  for (int i = 0; i < root->rank; i++)
    if (dims >> i & 1 && root->sizes[i] > (b.dim < 0 ? 1 : root->sizes[b.dim])) b.dim = i;
  if (b.dim < 0) return b;
  int64_t rows = root->sizes[b.dim], least = (bytes + room - 1) / room;
  int64_t wanted = (FEWEST_OUTSIDE + outside - 1) / outside;
  if (wanted > rows / SMALLEST_BLOCK) wanted = rows / SMALLEST_BLOCK;
  if (least < wanted) least = wanted;
  if (least > rows) least = rows;
  if (least <= 1) return b.size = rows, b;
  b.size = (rows + least - 1) / least;
  for (int64_t n = least; n <= least + least / 2; n++)
    if (rows % n == 0) {
      b.size = rows / n;
      break;
    }
  b.count = rows / b.size;
  b.rest = rows % b.size;
  return b;
}

/* What is stored of one block, rows from `first` on. */
static bool lower_block(tn_lowering *l, const tn_nest_form *root, const blocks *b, const tn_index *first,
                        int64_t size) {
  tn_nest_form form = *root;
  const tn_index **base = tn_arena_copy(l->arena, root->base, sizeof(const tn_index *) * (size_t)root->rank);
  int64_t *sizes = tn_arena_copy(l->arena, root->sizes, sizeof *sizes * (size_t)root->rank);
  tn_nest nest;
  if (b->dim >= 0) base[b->dim] = first, sizes[b->dim] = size;
  form.base = base;
  form.sizes = sizes;
  return tn_lower_nest(l, &form, &nest) != NULL;
}

/* Batches outside; what is stored, in blocks of rows, inside. */
static bool lower_inside(tn_lowering *l, const tn_nest_form *root) {
  tn_stages *s = l->stages;
  tn_nest_form form = *root;
  int *dims = TN_NEW_ARRAY(l->arena, int, root->rank + 1), n = 0;
  int64_t *outer = TN_NEW_ARRAY(l->arena, int64_t, root->rank + 1);
  int64_t *sizes = tn_arena_copy(l->arena, root->sizes, sizeof *sizes * (size_t)root->rank);
  const tn_index **base = TN_NEW_ARRAY(l->arena, const tn_index *, root->rank);
  uint64_t rows = s->rows & ~s->batches;
  s->turns = count_of(root, rows) >= FEWEST_ROWS;
  blocks b = cut_rows(l, root, rows, count_of(root, s->batches));
  for (int i = 0; i < root->rank; i++) {
    base[i] = tn_index_constant(l->arena, 0);
    if (!(s->batches >> i & 1)) continue;
    outer[n++] = root->sizes[i];
    sizes[i] = 1;
  }
  outer[n] = b.count;
  bool loop = b.count > 1, together = loop && !b.rest && count_of(root, s->batches) < FEWEST_OUTSIDE;
  if (!open_outside(l, root, n + together, outer, dims)) return false;
  if (loop && !together && !open_outside(l, root, 1, outer + n, dims + n)) return false;
  for (int i = 0, k = 0; i < root->rank; i++)
    if (s->batches >> i & 1) base[i] = tn_index_dim(l->arena, dims[k++]);
  form.sizes = sizes;
  form.base = base;
  form.outer = (UINT64_C(1) << root->rank) - 1;
  const tn_index *first = loop ? tn_index_scale(l->arena, tn_index_dim(l->arena, dims[n]), b.size)
                               : tn_index_constant(l->arena, 0);
  if (!lower_block(l, &form, &b, first, b.size)) return false;
  if (!b.rest) return true;
  if (loop) close_outside(l);
  return lower_block(l, &form, &b, tn_index_constant(l->arena, b.size * b.count), b.rest);
}

tn_stmt *tn_lower_staged(tn_lowering *l, int run, const tn_nest_form *root) {
  tn_stages *s = l->stages;
  tn_nest nest;
  int none;
  s->looks = run == 0;
  s->rooms.count = 0;
  s->filling = NULL;
  if (s->looks) {
    if (!open_outside(l, root, 0, NULL, &none) || !tn_lower_nest(l, root, &nest)) return NULL;
    if (!s->ends_in_product) return tn_lower_fail(l, root->inst, true), NULL;
  } else if (!lower_inside(l, root)) {
    return NULL;
  }
  tn_stmt *body = l->frames[0].owner;
  while (l->n_frames) tn_frame_pop(l);
  return body;
}
