/* Attention: a product of a softmax of a product joins the group of the second one.
 *
 *   q, k ── dot ── scale, mask ──┬─ max ── broadcast ── sub ── exp ── … ── dot ── v
 *                                └──────────────────────┘
 *
 * From the second product back, everything on the way from the first joins, if it is
 * elementwise, moves elements, or reduces rows: over the dim that the second product sums
 * over, so that a block of rows has all that it needs. The kernel keeps the scores of such a
 * block in the cache, and they are never stored as a whole.
 *
 * Nothing else may use what joins, so values from the side cannot depend on it. Products with
 * constants stay apart: their weights are packed for kernels of their own.
 * Cost: a search of at most TN_LARGEST_GROUP instructions before each product.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

static int64_t behind(const tn_shape *shape, int64_t dim) {
  int64_t elements = 1;
  for (int64_t d = dim + 1; d < shape->rank; d++) elements *= shape->dims[d];
  return elements;
}

/* Where `dim` of one shape is in the other, of as many elements; -1: it is in parts. */
static int64_t dim_through_reshape(const tn_shape *from, const tn_shape *to, int64_t dim) {
  for (int64_t d = 0; d < to->rank; d++)
    if (to->dims[d] == from->dims[dim] && to->dims[d] > 1 && behind(to, d) == behind(from, dim)) return d;
  return -1;
}

enum {
  LARGEST_ROW = 256 * 1024, /* bytes of one row of scores: some of them have to stay in the cache */
  MOST_USERS = 32
};

typedef struct {
  const tn_fuser *f;
  tn_inst *members[TN_LARGEST_GROUP]; /* operands before users, `first` first */
  int keys[TN_LARGEST_GROUP];         /* the dim that the second product sums over; -1: it is reduced */
  int count;
  tn_inst *seen[2 * TN_LARGEST_GROUP]; /* met, and not on the way */
  int n_seen;
  int n_entered;  /* no more than fit into both: a chain of residuals is as long as the model */
  tn_inst *first; /* product */
  int64_t elements, size;
  bool failed, reduces;
} search;

static int member_of(const search *s, const tn_inst *inst) {
  for (int i = 0; i < s->count; i++)
    if (s->members[i] == inst) return i;
  return -1;
}

static bool is_outside(const search *s, const tn_inst *inst) {
  for (int i = 0; i < s->n_seen; i++)
    if (s->seen[i] == inst) return true;
  return false;
}

static bool is_plain_reduce(const tn_inst *inst) {
  return inst->op == TN_OP_REDUCE && inst->n_operands == 2 && tn_fusible_array(inst->operands[0]) &&
         tn_fusible_array(inst) && tn_fusible_constant(inst->operands[1]) && tn_rewrite_is_free_to_move(inst);
}

static bool is_dot(const tn_inst *inst) {
  return inst->op == TN_OP_DOT && tn_fusible_array(inst) && tn_rewrite_is_free_to_move(inst);
}

/* All scores, or one value for each row of them. */
static bool may_be_between(const search *s, const tn_inst *inst) {
  if (tn_fuser_node(s->f, inst)->in.count || !tn_fusible_array(inst)) return false;
  int64_t elements = tn_shape_elements(inst->shape);
  if (elements != s->elements && elements * s->size != s->elements) return false;
  bool moves = inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_RESHAPE || inst->op == TN_OP_BROADCAST;
  return is_dot(inst) || is_plain_reduce(inst) || tn_fusible_elementwise(inst) || (moves && tn_fusible(inst));
}

/* The operand to follow as the n-th: later ones first. They lead to the nearest products, and
 * two end the search, where a chain of residuals leads through the whole model.             */
static tn_inst *later_first(const search *s, const tn_inst *inst, int n) {
  const tn_inst *a = inst->operands[0], *b = inst->operands[inst->n_operands - 1];
  bool turned = inst->n_operands == 2 && s->f->positions[a->id] < s->f->positions[b->id];
  return inst->operands[turned ? 1 - n : n];
}

/* Is it on the way from a product? Then it is a member, behind those of its operands that are. */
static bool go_back(search *s, tn_inst *inst) {
  if (s->failed || member_of(s, inst) >= 0) return !s->failed;
  if (is_outside(s, inst)) return false;
  if (s->n_entered++ == 3 * TN_LARGEST_GROUP) return s->failed = true, false;
  bool between = may_be_between(s, inst), is_product = between && is_dot(inst), on_way = is_product;
  for (int i = 0; i < inst->n_operands && between && !is_product; i++)
    on_way |= go_back(s, later_first(s, inst, i));
  s->failed = s->failed || s->n_seen == 2 * TN_LARGEST_GROUP || s->count == TN_LARGEST_GROUP ||
              (is_product && s->first);
  if (s->failed) return false;
  if (is_product) s->first = inst;
  if (on_way)
    s->members[s->count++] = inst;
  else
    s->seen[s->n_seen++] = inst;
  return on_way;
}

/* Nothing but the members and the second product needs them. */
static bool is_closed(const search *s, const tn_inst *product) {
  for (int i = 0; i < s->count; i++) {
    const tn_inst *inst = s->members[i];
    if (inst == s->f->comp->root || inst->users.count > MOST_USERS) return false;
    for (int k = 0; k < inst->users.count; k++)
      if (inst->users.at[k] != product && member_of(s, inst->users.at[k]) < 0) return false;
  }
  return true;
}

/* ---- rows ---- */

/* The new dim of a broadcast that gives each row its value back; -2: it is more than that. */
static int broadcast_keys(const search *s, const tn_inst *inst, int from) {
  int keys = -1;
  for (int d = 0; d < inst->shape->rank; d++) {
    const tn_dims *kept = &inst->attr.dimensions.dims;
    int operand = -1;
    for (int i = 0; i < kept->count; i++)
      if (kept->at[i] == d) operand = i;
    bool same = operand >= 0 && inst->operands[0]->shape->dims[operand] == inst->shape->dims[d];
    if (operand >= 0 && operand == from) keys = same ? d : -2;
    if (inst->shape->dims[d] == 1 || same) continue;
    if (from >= 0 || keys >= 0 || inst->shape->dims[d] != s->size) return -2;
    keys = d;
  }
  return keys;
}

/* Where the member has the keys, its operand having them at `from`; -2: it mixes rows. */
static int keys_of(const search *s, const tn_inst *inst, int from) {
  if (inst->op == TN_OP_REDUCE)
    return from >= 0 && inst->attr.reduce.dims.count == 1 && inst->attr.reduce.dims.at[0] == from ? -1 : -2;
  if (inst->op == TN_OP_BROADCAST) return broadcast_keys(s, inst, from);
  if (inst->op == TN_OP_TRANSPOSE) {
    for (int d = 0; d < inst->shape->rank && from >= 0; d++)
      if (inst->attr.dimensions.dims.at[d] == from) return d;
    return -1;
  }
  if (inst->op != TN_OP_RESHAPE || from < 0) return from;
  int64_t keys = dim_through_reshape(inst->operands[0]->shape, inst->shape, from);
  return keys < 0 ? -2 : (int)keys;
}

/* The first product's result has the keys as dim `start`, the last member as `end`, and all
 * between keep rows apart.                                                               */
static bool keeps_rows(search *s, int start, int end) {
  s->reduces = false;
  for (int i = 0; i < s->count; i++) {
    const tn_inst *inst = s->members[i];
    s->keys[i] = inst == s->first ? start : -3;
    for (int k = 0; k < inst->n_operands && inst != s->first; k++) {
      int operand = member_of(s, inst->operands[k]);
      if (operand < 0) continue;
      int keys = keys_of(s, inst, s->keys[operand]);
      if (keys == -2 || (s->keys[i] != -3 && s->keys[i] != keys)) return false;
      s->keys[i] = keys;
    }
    s->reduces = s->reduces || inst->op == TN_OP_REDUCE;
  }
  return s->keys[s->count - 1] == end;
}

static bool has_rows(search *s, int end) {
  const tn_inst *dot = s->first;
  for (int d = dot->attr.dot->side[0].batch.count; d < dot->shape->rank; d++)
    if (dot->shape->dims[d] == s->size && keeps_rows(s, d, end)) return s->reduces;
  return false;
}

/* ---- products ---- */

static bool is_constant(const tn_inst *inst) {
  while (inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_RESHAPE || inst->op == TN_OP_CONVERT ||
         inst->op == TN_OP_COPY)
    inst = inst->operands[0];
  return inst->op == TN_OP_CONSTANT;
}

/* Each dim of the smaller rank is one or several of the larger: nothing is mixed. */
static bool splits_dims(const tn_inst *reshape) {
  const tn_shape *to = reshape->shape, *from = reshape->operands[0]->shape;
  for (int d = 0; d < from->rank; d++) {
    bool found = from->dims[d] == 1;
    for (int k = -1; k < to->rank && !found; k++) found = behind(to, k) == behind(from, d);
    if (!found) return false;
  }
  return true;
}

/* What is stored has heads, rows and columns in dims of their own. */
static bool stores_in_place(const tn_group_plan *group) {
  const tn_inst *hero = group->hero, *root = group->root;
  for (const tn_inst *inst = hero; inst != root; inst = inst->users.at[0]) {
    if (inst->users.count != 1) return false;
    const tn_inst *user = inst->users.at[0];
    if (user->op == TN_OP_RESHAPE && !splits_dims(user)) return false;
  }
  return true;
}

/* Looks before operand `side` of the group's product. */
static bool find_scores(const tn_fuser *f, const tn_group_plan *group, int side, search *s) {
  tn_inst *dot = group->hero, *operand = dot->operands[side];
  const tn_dims *summed = &dot->attr.dot->side[side].contracting;
  *s = (search){.f = f};
  if (summed->count != 1 || is_constant(dot->operands[!side]) || operand == dot->operands[!side])
    return false;
  s->elements = tn_shape_elements(operand->shape);
  s->size = operand->shape->dims[summed->at[0]];
  if (s->size < 2 || s->size * (int64_t)tn_type_bytes(operand->shape->type) > LARGEST_ROW) return false;
  if (!go_back(s, operand) || s->members[s->count - 1] != operand || !is_closed(s, dot)) return false;
  if (is_constant(s->first->operands[0]) || is_constant(s->first->operands[1])) return false;
  return has_rows(s, (int)summed->at[0]);
}

/* ---- keys and values that are moved ---- */

enum { FEW_ROWS = 3 }; /* the lowering turns no operands for these: they are read as they lie */

static void join_operand(tn_fuser *f, int group, tn_inst *inst) {
  double count = (double)tn_shape_elements(inst->shape);
  tn_fuser_join(f, inst, (tn_membership){group, TN_PLACE_OPERAND, count, 1});
}

/* Heads of keys that several heads of queries share: each element, at other places. */
static bool repeats(const tn_inst *inst) {
  const tn_shape *from = inst->op == TN_OP_BROADCAST ? inst->operands[0]->shape : NULL;
  return from && from->rank && inst->shape->rank &&
         inst->attr.dimensions.dims.at[from->rank - 1] == inst->shape->rank - 1 &&
         from->dims[from->rank - 1] == inst->shape->dims[inst->shape->rank - 1];
}

/* A cache and what is new behind it: for a few rows a concatenation that is made for the product
 * alone costs more than the product.                                                       */
static bool continues(const tn_inst *inst) { return inst->op == TN_OP_CONCATENATE && inst->n_operands == 2; }

/* Only moved on the way to the product, and made for it alone. */
static bool is_on_way(const tn_fuser *f, const tn_inst *inst, int64_t rows) {
  bool moves = inst->op == TN_OP_RESHAPE || inst->op == TN_OP_TRANSPOSE || repeats(inst) ||
               (continues(inst) && rows <= FEW_ROWS);
  return moves && inst->users.count == 1 && tn_fusible(inst) && inst != f->comp->root &&
         !tn_fuser_node(f, inst)->in.count;
}

/* What repeats or continues the operand joins, and what moves it behind that. */
static void join_moved(tn_fuser *f, int group, tn_inst *operand, int64_t rows) {
  tn_inst *last = NULL, *inst = operand;
  for (int n = 0; n < MOST_USERS && is_on_way(f, inst, rows); n++) {
    if (repeats(inst) || continues(inst)) last = inst;
    if (continues(inst)) break;
    inst = inst->operands[0];
  }
  for (inst = operand; last; inst = inst->operands[0]) {
    join_operand(f, group, inst);
    if (inst == last) return;
  }
}

static int64_t rows_of(const search *s, const tn_inst *dot) {
  int64_t batches = 1;
  const tn_dims *batch = &dot->attr.dot->side[0].batch;
  for (int i = 0; i < batch->count; i++) batches *= dot->operands[0]->shape->dims[batch->at[i]];
  return s->elements / s->size / batches;
}

void tn_fusion_attend(tn_fuser *f, int group) {
  search *s = TN_NEW(f->scratch, search);
  const tn_group_plan plan = f->groups.at[group];
  if (!is_dot(plan.hero) || !stores_in_place(&plan)) return;
  for (int side = 0; side < 2; side++) {
    if (!find_scores(f, &plan, side, s) || s->count + plan.size > TN_LARGEST_GROUP) continue;
    for (int i = 0; i < s->count; i++) {
      double count = (double)tn_shape_elements(s->members[i]->shape);
      tn_fuser_join(f, s->members[i], (tn_membership){group, TN_PLACE_STORE, count, 1});
    }
    int64_t rows = rows_of(s, plan.hero);
    join_moved(f, group, plan.hero->operands[!side], rows);
    for (int k = 0; k < 2; k++) join_moved(f, group, s->first->operands[k], rows);
    return;
  }
}
