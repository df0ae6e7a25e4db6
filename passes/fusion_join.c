/* Groups that are better one kernel with several results.
 *
 *   producer and user    m = 0.9·m0 + g   is stored, and p = p0 − m·r needs it where it is computed
 *   siblings             sin(x), cos(x); sum(x) and sum(x²) of the same rows; max and arg-max
 *   strangers            small ones of the same form and dims: the biases of an optimiser's step,
 *                        where starting the kernels costs more than running them
 *
 * Joined are groups whose loops are the same: elementwise ones over the same dims; reductions
 * of the same dims of operands of the same shape; elementwise ones over what a reduction keeps,
 * with that reduction, and, where they are small, over what it reduces. What connects two of
 * them is read in both where the loops are, at no index of its own: it is loaded, or stayed in
 * a register, once. A result that only the joined group reads is stored no more.
 *
 * The cost: a kernel less to start and what is read once less, against
 *   - registers: no more than MOST_LIVE values are needed at once, so that a body fits into the
 *     16 registers of the smallest target (the schedule takes fewer vectors side by side where
 *     4 would not fit);
 *   - memory: results live longer, so what is joined stands near each other, or is small;
 *   - streams: a kernel has at most MOST_ROOTS results.
 * Nothing is computed twice that was not before.
 *
 * A joined group never waits for itself (fusion_waits.c). Cost: O(uses), and a search for each
 * pair that may be joined.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

enum {
  MOST_LIVE = 12,
  MOST_ROOTS = 8,
  MOST_READERS = 16, /* groups that read one value */
  NEAREST = 64,      /* positions between roots, … */
  SMALL = 4096       /* … or elements of a result */
};

/* Where the loops of a group are when something is read. */
typedef enum { PLACE_OTHER, PLACE_FULL, PLACE_KEPT } loop_place;

/* The dims of a group's loops, those of size 1 left out. */
typedef struct {
  int rank, n_kept;
  int64_t sizes[TN_MOST_DIMS], kept[TN_MOST_DIMS];
  bool is_reduced[TN_MOST_DIMS];
  bool reduces;
} space;

typedef struct {
  tn_fuser *f;
  tn_inst_list *members; /* by group, in the order of positions */
  int *marks, *places;   /* by position: places[p] of the group looked at, where marks[p] is stamp */
  int *last, *known;     /* by position, for counting values */
  int stamp;
} joiner;

/* ---- spaces ---- */

static bool matches(const tn_shape *shape, const int64_t *sizes, int rank) {
  int n = 0;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] == 1) continue;
    if (n == rank || shape->dims[d] != sizes[n++]) return false;
  }
  return n == rank;
}

static bool is_reduce(const tn_inst *inst) { return inst->op == TN_OP_REDUCE; }

/* False for groups that are stored otherwise than element by element. */
static bool describe(const tn_group_plan *group, space *s) {
  *s = (space){.reduces = group->kind == TN_FUSED_REDUCE || group->kind == TN_FUSED_ROWS};
  const tn_inst *root = group->root;
  if (group->is_gone || group->parts || group->kind == TN_FUSED_CONTRACTION) return false;
  if (root->op == TN_OP_SCATTER || root->op == TN_OP_DYNAMIC_UPDATE_SLICE) return false;
  if (s->reduces && !is_reduce(group->hero)) return false;
  const tn_shape *shape = s->reduces ? group->hero->operands[0]->shape : root->shape;
  if (!tn_shape_is_plain(shape)) return false;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] == 1) continue;
    bool is_reduced = s->reduces && tn_dims_contain(group->hero->attr.reduce.dims, d);
    if (!is_reduced) s->kept[s->n_kept++] = shape->dims[d];
    s->is_reduced[s->rank] = is_reduced;
    s->sizes[s->rank++] = shape->dims[d];
  }
  return true;
}

static bool same_sizes(const int64_t *a, int n_a, const int64_t *b, int n_b) {
  return n_a == n_b && !memcmp(a, b, sizeof *a * (size_t)n_a);
}

static bool same_space(const space *a, const space *b) {
  return same_sizes(a->sizes, a->rank, b->sizes, b->rank) &&
         !memcmp(a->is_reduced, b->is_reduced, sizeof *a->is_reduced * (size_t)a->rank);
}

/* The elementwise group's loops are over what the reduction keeps. */
static bool is_over_kept(const space *loop, const space *reduction) {
  return !loop->reduces && reduction->reduces &&
         same_sizes(loop->sizes, loop->rank, reduction->kept, reduction->n_kept);
}

/* The elementwise group's loops are those of the reduction, and short: what both need may be
 * computed twice.                                                                         */
static bool is_short_over(const space *loop, const space *reduction) {
  int64_t elements = 1;
  for (int i = 0; i < loop->rank; i++) elements *= loop->sizes[i];
  return !loop->reduces && reduction->reduces && elements <= SMALL && reduction->n_kept < reduction->rank &&
         reduction->is_reduced[reduction->rank - 1] &&
         same_sizes(loop->sizes, loop->rank, reduction->sizes, reduction->rank);
}

/* ---- where values are read ---- */

static bool reduces_dims_of(const space *s, const tn_inst *reduce) {
  const tn_shape *shape = reduce->operands[0]->shape;
  if (!matches(shape, s->sizes, s->rank)) return false;
  for (int d = 0, n = 0; d < shape->rank; d++)
    if (shape->dims[d] != 1 && tn_dims_contain(reduce->attr.reduce.dims, d) != s->is_reduced[n++])
      return false;
  return true;
}

/* Each dim of the operand is the next one that the reduction keeps. */
static bool spreads_kept(const space *s, const tn_inst *broadcast) {
  const tn_shape *from = broadcast->operands[0]->shape, *to = broadcast->shape;
  if (!matches(from, s->kept, s->n_kept) || !matches(to, s->sizes, s->rank)) return false;
  for (int d = 0, kept = 0; d < from->rank; d++) {
    int n = 0;
    if (from->dims[d] == 1) continue;
    for (int64_t t = 0; t < broadcast->attr.dimensions.dims.at[d]; t++) n += to->dims[t] != 1;
    while (kept < s->rank && s->is_reduced[kept]) kept++;
    if (n != kept++) return false;
  }
  return true;
}

/* Where `user`, itself at `place`, reads its operand. */
static loop_place place_through(const space *s, const tn_inst *user, int slot, loop_place place) {
  const tn_inst *operand = user->operands[slot];
  if (place == PLACE_OTHER || !tn_shape_is_array(operand->shape)) return PLACE_OTHER;
  if (is_reduce(user)) {
    bool reads = place == PLACE_KEPT && slot < user->n_operands / 2 && reduces_dims_of(s, user);
    return reads ? PLACE_FULL : PLACE_OTHER;
  }
  if (user->op == TN_OP_BROADCAST && s->reduces)
    return place == PLACE_FULL && spreads_kept(s, user) ? PLACE_KEPT : PLACE_OTHER;
  bool same = tn_op_is(user->op, TN_OP_ELEMENTWISE)
                  ? tn_shape_same_dims(operand->shape, user->shape)
                  : user->op == TN_OP_RESHAPE && tn_shapes_differ_in_ones(operand->shape, user->shape);
  return same ? place : PLACE_OTHER;
}

static void note_place(joiner *j, const tn_inst *inst, loop_place place) {
  int position = j->f->positions[inst->id];
  if (j->marks[position] == j->stamp && (loop_place)j->places[position] != place) place = PLACE_OTHER;
  j->marks[position] = j->stamp;
  j->places[position] = place;
}

static void note_root(joiner *j, const space *s, const tn_inst *root) {
  const tn_shape *shape = tn_shape_is_tuple(root->shape) ? root->shape->elements[0] : root->shape;
  if (matches(shape, s->sizes, s->rank))
    note_place(j, root, PLACE_FULL);
  else
    note_place(j, root, matches(shape, s->kept, s->n_kept) ? PLACE_KEPT : PLACE_OTHER);
}

/* Where the group reads `value`: the one place of all its uses. */
static loop_place place_in(joiner *j, int group, const space *s, const tn_inst *value) {
  const tn_group_plan *plan = &j->f->groups.at[group];
  const tn_inst_list *members = &j->members[group];
  j->stamp++;
  note_root(j, s, plan->root);
  for (int i = 0; i < plan->more.count; i++) note_root(j, s, plan->more.at[i]);
  for (int i = members->count - 1; i >= 0; i--) {
    const tn_inst *member = members->at[i];
    int position = j->f->positions[member->id];
    loop_place place = j->marks[position] == j->stamp ? (loop_place)j->places[position] : PLACE_OTHER;
    for (int k = 0; k < member->n_operands; k++)
      note_place(j, member->operands[k], place_through(s, member, k, place));
  }
  int position = j->f->positions[value->id];
  return j->marks[position] == j->stamp ? (loop_place)j->places[position] : PLACE_OTHER;
}

/* ---- two groups as one ---- */

typedef struct {
  tn_inst_list members, roots;
} joined;

static void add_roots(joiner *j, const tn_group_plan *group, tn_inst_list *roots) {
  TN_PUSH(j->f->scratch, roots, group->root);
  for (int i = 0; i < group->more.count; i++) TN_PUSH(j->f->scratch, roots, group->more.at[i]);
}

/* Members of both, in the order of positions, each once. */
static joined unite(joiner *j, int a, int b) {
  const tn_inst_list *lists[2] = {&j->members[a], &j->members[b]};
  joined both = {0};
  for (int at[2] = {0, 0}; at[0] < lists[0]->count || at[1] < lists[1]->count;) {
    tn_inst *next = NULL;
    for (int i = 0; i < 2; i++) {
      tn_inst *one = at[i] < lists[i]->count ? lists[i]->at[at[i]] : NULL;
      if (one && (!next || j->f->positions[one->id] < j->f->positions[next->id])) next = one;
    }
    for (int i = 0; i < 2; i++)
      if (at[i] < lists[i]->count && lists[i]->at[at[i]] == next) at[i]++;
    TN_PUSH(j->f->scratch, &both.members, next);
  }
  add_roots(j, &j->f->groups.at[a], &both.roots);
  add_roots(j, &j->f->groups.at[b], &both.roots);
  return both;
}

/* Takes a register where it is computed or loaded. */
static bool takes_register(const tn_inst *inst) {
  return !tn_fusible_constant(inst) && inst->op != TN_OP_IOTA;
}

/* One more value is needed, if it is not there yet. */
static void begin_value(joiner *j, const tn_inst *inst, int *live) {
  int p = j->f->positions[inst->id];
  if (j->known[p] != j->stamp && takes_register(inst)) ++*live;
  j->known[p] = j->stamp;
}

/* The most values that are needed at once, if members are computed in their order. */
static int count_live(joiner *j, const tn_inst_list *members) {
  int live = 0, most = 0;
  j->stamp++;
  for (int i = 0; i < members->count; i++) {
    j->last[j->f->positions[members->at[i]->id]] = i;
    for (int k = 0; k < members->at[i]->n_operands; k++)
      j->last[j->f->positions[members->at[i]->operands[k]->id]] = i;
  }
  for (int i = 0; i < members->count; i++) {
    const tn_inst *member = members->at[i];
    for (int k = 0; k < member->n_operands; k++) begin_value(j, member->operands[k], &live);
    if (live > most) most = live; /* the result may take an operand's place */
    for (int k = 0; k < member->n_operands; k++) {
      int *last = &j->last[j->f->positions[member->operands[k]->id]];
      if (*last == i && takes_register(member->operands[k])) live--;
      if (*last == i) *last = -1;
    }
    begin_value(j, member, &live);
    if (j->last[j->f->positions[member->id]] == i && takes_register(member)) live--;
  }
  return most;
}

static bool is_near(const joiner *j, const joined *both) {
  int first = j->f->n_nodes, last = 0;
  bool small = true;
  for (int i = 0; i < both->roots.count; i++) {
    const tn_inst *root = both->roots.at[i];
    int position = j->f->positions[root->id];
    if (position < first) first = position;
    if (position > last) last = position;
    const tn_shape *shape = tn_shape_is_tuple(root->shape) ? root->shape->elements[0] : root->shape;
    small = small && tn_shape_elements(shape) <= SMALL;
  }
  return small || last - first <= NEAREST;
}

/* Results of a reduction of several operands leave it one by one. */
static bool leaves_as_elements(const tn_inst *root) {
  if (!tn_shape_is_tuple(root->shape)) return true;
  for (int i = 0; i < root->users.count; i++)
    if (root->users.at[i]->op != TN_OP_GET_TUPLE_ELEMENT) return false;
  return root != root->parent->root;
}

static bool may_unite(joiner *j, const joined *both) {
  if (both->roots.count > MOST_ROOTS || both->members.count > TN_LARGEST_GROUP || !is_near(j, both))
    return false;
  for (int i = 0; i < both->roots.count; i++)
    if (!leaves_as_elements(both->roots.at[i])) return false;
  return count_live(j, &both->members) <= MOST_LIVE &&
         !tn_fusion_waits(j->f, both->members.at, both->members.count, both->roots.at, both->roots.count);
}

static void change_group(tn_fuser *f, tn_inst *inst, int from, int to) {
  tn_node *node = tn_fuser_node(f, inst);
  bool there = tn_fuser_membership(f, inst, to) != NULL;
  for (int i = node->in.count - 1; i >= 0; i--) {
    if (node->in.at[i].group != from) continue;
    if (there)
      node->in.at[i] = node->in.at[--node->in.count];
    else
      node->in.at[i].group = to;
  }
}

/* All of `b` becomes part of `a`, which gives the kind. */
static bool join(joiner *j, int a, int b) {
  joined both = unite(j, a, b);
  if (!may_unite(j, &both)) return false;
  tn_group_plan *to = &j->f->groups.at[a], *from = &j->f->groups.at[b];
  for (int i = 0; i < j->members[b].count; i++) change_group(j->f, j->members[b].at[i], b, a);
  TN_PUSH(j->f->scratch, &to->more, from->root);
  for (int i = 0; i < from->more.count; i++) TN_PUSH(j->f->scratch, &to->more, from->more.at[i]);
  if (from->kind == TN_FUSED_ROWS) to->kind = TN_FUSED_ROWS;
  to->size = both.members.count;
  from->is_gone = true;
  from->more.count = 0;
  j->members[a] = both.members;
  j->members[b].count = 0;
  tn_fusion_note_group(j->f, a);
  return true;
}

/* ---- what connects them ---- */

static bool is_root_of(const joiner *j, int group, const tn_inst *value) {
  const tn_node *node = tn_fuser_node(j->f, value);
  return node->is_root && tn_fuser_membership(j->f, value, group) != NULL;
}

/* Both read `value`, or one stores it and the other reads it, where their loops are. */
static bool join_by(joiner *j, int a, int b, const tn_inst *value) {
  space s[2];
  if (a == b || !describe(&j->f->groups.at[a], &s[0]) || !describe(&j->f->groups.at[b], &s[1])) return false;
  bool stores[2] = {is_root_of(j, a, value), is_root_of(j, b, value)};
  bool linked = stores[0] || stores[1], over_kept = is_over_kept(&s[0], &s[1]) || is_over_kept(&s[1], &s[0]);
  bool alike = s[0].reduces == s[1].reduces && same_space(&s[0], &s[1]);
  bool over = is_short_over(&s[0], &s[1]) || is_short_over(&s[1], &s[0]);
  if (!alike && !over && !(over_kept && linked)) return false;
  if (alike && linked && s[0].reduces) return false; /* another pass over the rows */
  for (int i = 0; i < 2; i++) {
    loop_place place = stores[i] ? PLACE_FULL : place_in(j, i ? b : a, &s[i], value);
    bool kept = over_kept && !alike && !over && s[i].reduces;
    if (!stores[i] && place != (kept ? PLACE_KEPT : PLACE_FULL)) return false;
    if (stores[i] && kept && !matches(value->shape, s[i].kept, s[i].n_kept)) return false;
  }
  return s[1].reduces && !s[0].reduces ? join(j, b, a) : join(j, a, b);
}

static void add_reader(int group, int *groups, int *count) {
  for (int i = 0; i < *count; i++)
    if (groups[i] == group) return;
  if (*count < MOST_READERS) groups[(*count)++] = group;
}

static void join_readers(joiner *j, const tn_node *value) {
  int groups[MOST_READERS], count = 0;
  const tn_inst *inst = value->inst;
  if (!tn_shape_is_plain(inst->shape) || tn_shape_elements(inst->shape) < 2) return;
  if (value->in.count && !value->is_root) return;
  for (int i = 0; i < value->in.count; i++) add_reader(value->in.at[i].group, groups, &count);
  for (int u = 0; u < inst->users.count && count < MOST_READERS; u++) {
    const tn_node *user = tn_fuser_node(j->f, inst->users.at[u]);
    for (int i = 0; i < user->in.count; i++) add_reader(user->in.at[i].group, groups, &count);
  }
  for (int i = 0; i < count; i++)
    for (int k = i + 1; k < count; k++)
      if (!j->f->groups.at[groups[i]].is_gone && !j->f->groups.at[groups[k]].is_gone)
        join_by(j, groups[i], groups[k], inst);
}

/* ---- strangers ---- */

/* Equal for groups of the same operations on the same dims, in the same order. */
static uint64_t form_of(const joiner *j, int group, const space *s) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  const tn_inst_list *members = &j->members[group];
  for (int i = 0; i < s->rank; i++) hash = (hash ^ (uint64_t)s->sizes[i]) * UINT64_C(0x100000001b3);
  for (int i = 0; i < members->count; i++) {
    uint64_t one = (uint64_t)members->at[i]->op << 8 | (uint64_t)members->at[i]->shape->type;
    hash = (hash ^ one) * UINT64_C(0x100000001b3);
  }
  return hash;
}

static bool is_small_loop(const joiner *j, int group, space *s) {
  const tn_group_plan *plan = &j->f->groups.at[group];
  return j->members[group].count > 1 && describe(plan, s) && !s->reduces &&
         tn_shape_elements(plan->root->shape) <= SMALL;
}

static void join_strangers(joiner *j) {
  enum { BUCKETS = 256 };
  struct {
    uint64_t form;
    int group;
  } last[BUCKETS];
  for (int i = 0; i < BUCKETS; i++) last[i].group = -1;
  for (int g = 0; g < j->f->groups.count; g++) {
    space s, other;
    if (!is_small_loop(j, g, &s)) continue;
    uint64_t form = form_of(j, g, &s);
    int bucket = (int)(form % BUCKETS), to = last[bucket].group;
    bool same = to >= 0 && last[bucket].form == form && describe(&j->f->groups.at[to], &other);
    if (same && same_space(&s, &other) && join(j, to, g)) continue;
    last[bucket].form = form;
    last[bucket].group = g;
  }
}

/* ---- the step ---- */

/* What only its own group reads is not stored, if something else is. */
static void drop_roots(joiner *j, int group) {
  tn_group_plan *plan = &j->f->groups.at[group];
  for (int i = plan->more.count; i >= 0 && plan->more.count; i--) {
    tn_inst *root = i ? plan->more.at[i - 1] : plan->root;
    bool needed = root == j->f->comp->root || !root->users.count || tn_shape_is_tuple(root->shape);
    for (int u = 0; u < root->users.count; u++) {
      const tn_node *user = tn_fuser_node(j->f, root->users.at[u]);
      needed = needed || user->in.count != 1 || user->in.at[0].group != group;
    }
    if (needed) continue;
    tn_fuser_node(j->f, root)->is_root = false;
    if (!i) plan->root = plan->more.at[plan->more.count - 1];
    if (i) plan->more.at[i - 1] = plan->more.at[plan->more.count - 1];
    plan->more.count--;
  }
}

void tn_fusion_join(tn_fuser *f) {
  joiner j = {.f = f,
              .members = TN_NEW_ARRAY(f->scratch, tn_inst_list, f->groups.count),
              .marks = TN_NEW_ARRAY(f->scratch, int, f->n_nodes),
              .places = TN_NEW_ARRAY(f->scratch, int, f->n_nodes),
              .last = TN_NEW_ARRAY(f->scratch, int, f->n_nodes),
              .known = TN_NEW_ARRAY(f->scratch, int, f->n_nodes)};
  for (int i = 0; i < f->n_nodes; i++)
    for (int m = 0; m < f->nodes[i].in.count; m++)
      TN_PUSH(f->scratch, &j.members[f->nodes[i].in.at[m].group], f->nodes[i].inst);
  for (int i = 0; i < f->n_nodes; i++) join_readers(&j, &f->nodes[i]);
  join_strangers(&j);
  for (int g = 0; g < f->groups.count; g++)
    if (f->groups.at[g].more.count) drop_roots(&j, g);
}
