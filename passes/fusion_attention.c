/* Groups around two products with a softmax between them: attention.
 *
 *   q, k ── dot ── scale, mask ══ softmax ══ dot ── v
 *           └─ contraction ─┘    └ rows ┘   └ contraction, and what follows it
 *
 * Each part is a group already. Where the rows' result goes into one product alone, and what
 * they are of comes from one product and goes nowhere else, the three become one: the kernel
 * keeps the scores of a block of rows in the cache, and they are never stored as a whole.
 * Transposes, and reshapes that move nothing but borders, stand between the parts and inside.
 *
 * The rows are reduced over what the second product sums over, so that a block has whole rows.
 * The scores' only users are in the group, so nothing from the side depends on them.
 * Cost: O(instructions) for each pair of products.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

/* The group whose root the instruction is; -1: it is no root. */
static int group_of_root(const tn_fuser *f, const tn_inst *inst) {
  const tn_node *node = tn_fuser_node(f, inst);
  for (int i = 0; i < node->in.count; i++)
    if (f->groups.at[node->in.at[i].group].root == inst) return node->in.at[i].group;
  return -1;
}

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

/* The same dim of a transpose's or reshape's operand. */
static int64_t dim_of_operand(const tn_inst *inst, int64_t dim) {
  if (dim < 0) return -1;
  if (inst->op == TN_OP_TRANSPOSE) return inst->attr.dimensions.dims.at[dim];
  return dim_through_reshape(inst->shape, inst->operands[0]->shape, dim);
}

static bool is_movement(const tn_inst *inst) {
  return (inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_RESHAPE) && tn_fusible(inst);
}

/* ---- the parts ---- */

enum { MOST_BETWEEN = 8 }; /* transposes and reshapes between two parts */

typedef struct {
  int scores, rows, product; /* groups */
  tn_inst *between[2 * MOST_BETWEEN];
  int n_between;
} attention;

/* Goes back over what only moves `*inst` and has one user, from `*dim` on. */
static bool step_back(const tn_fuser *f, attention *a, tn_inst **inst, int64_t *dim) {
  for (int n = 0; is_movement(*inst) && !tn_fuser_node(f, *inst)->in.count; n++) {
    if (n == MOST_BETWEEN || (*inst)->users.count != 1 || a->n_between == 2 * MOST_BETWEEN) return false;
    *dim = dim_of_operand(*inst, *dim);
    a->between[a->n_between++] = *inst;
    *inst = (*inst)->operands[0];
  }
  return *dim >= 0;
}

static bool in_group(const tn_fuser *f, const tn_inst *inst, int group) {
  return tn_fuser_membership(f, inst, group) != NULL;
}

static bool is_between(const attention *a, const tn_inst *inst) {
  for (int i = 0; i < a->n_between; i++)
    if (a->between[i] == inst) return true;
  return false;
}

static bool is_product(const tn_fuser *f, int group) {
  const tn_group_plan *plan = group < 0 ? NULL : &f->groups.at[group];
  return plan && plan->kind == TN_FUSED_CONTRACTION && plan->hero->op == TN_OP_DOT;
}

/* All users of the scores, over what moves them, are in the rows. */
static bool is_used_by_rows(const tn_fuser *f, const attention *a, const tn_inst *scores) {
  for (int i = 0; i < scores->users.count; i++)
    if (!in_group(f, scores->users.at[i], a->rows) && !is_between(a, scores->users.at[i])) return false;
  return scores != f->comp->root;
}

/* What the rows are of: the operand of their reductions, all the same one, over `dim` alone. */
static tn_inst *operand_of_rows(const tn_fuser *f, const attention *a, int64_t size) {
  tn_inst *hero = f->groups.at[a->rows].hero;
  if (hero->op != TN_OP_REDUCE || hero->attr.reduce.dims.count != 1) return NULL;
  tn_inst *operand = hero->operands[0];
  return operand->shape->dims[hero->attr.reduce.dims.at[0]] == size ? operand : NULL;
}

/* The rows' dim that their result has as `dim`: they keep the operand's dims but for ones. */
static bool reduces_dim(const tn_inst *hero, const tn_inst *result, int64_t dim) {
  const tn_shape *shape = hero->operands[0]->shape;
  return dim_through_reshape(result->shape, shape, dim) == hero->attr.reduce.dims.at[0];
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
static bool stores_in_place(const tn_fuser *f, int group) {
  const tn_inst *hero = f->groups.at[group].hero, *root = f->groups.at[group].root;
  for (const tn_inst *inst = hero; inst != root; inst = inst->users.at[0]) {
    if (inst->users.count != 1) return false;
    const tn_inst *user = inst->users.at[0];
    if (user->op == TN_OP_RESHAPE && !splits_dims(user)) return false;
  }
  return true;
}

static bool find_parts(const tn_fuser *f, int product, int side, attention *a) {
  const tn_inst *dot = f->groups.at[product].hero;
  const tn_dims *summed = &dot->attr.dot.side[side].contracting;
  *a = (attention){.product = product};
  if (summed->count != 1) return false;
  int64_t dim = summed->at[0], size = dot->operands[side]->shape->dims[dim];
  tn_inst *inst = dot->operands[side];
  if (!step_back(f, a, &inst, &dim)) return false;
  a->rows = group_of_root(f, inst);
  if (a->rows < 0 || f->groups.at[a->rows].kind != TN_FUSED_ROWS || inst->users.count != 1) return false;
  tn_inst *scores = operand_of_rows(f, a, size);
  if (!scores || !reduces_dim(f->groups.at[a->rows].hero, inst, dim)) return false;
  dim = f->groups.at[a->rows].hero->attr.reduce.dims.at[0];
  if (!is_used_by_rows(f, a, scores) || !step_back(f, a, &scores, &dim)) return false;
  a->scores = group_of_root(f, scores);
  return is_product(f, a->scores) && a->scores != product && is_used_by_rows(f, a, scores);
}

/* ---- one group of three ---- */

static void move_members(tn_fuser *f, int from, int to) {
  tn_fuser_node(f, f->groups.at[from].root)->is_root = false;
  for (int i = 0; i < f->n_nodes; i++)
    for (int m = 0; m < f->nodes[i].in.count; m++) {
      tn_membership *in = &f->nodes[i].in.at[m];
      if (in->group == from) in->group = to;
    }
  f->groups.at[to].size += f->groups.at[from].size;
  f->groups.at[from].size = 0;
}

static void join_parts(tn_fuser *f, const attention *a) {
  move_members(f, a->rows, a->product);
  move_members(f, a->scores, a->product);
  for (int i = 0; i < a->n_between; i++) {
    double count = (double)tn_shape_elements(a->between[i]->shape);
    tn_fuser_join(f, a->between[i], (tn_membership){a->product, TN_PLACE_STORE, count, 1});
  }
}

static int joined_size(const tn_fuser *f, const attention *a) {
  return f->groups.at[a->product].size + f->groups.at[a->rows].size + f->groups.at[a->scores].size +
         a->n_between;
}

void tn_fusion_attend(tn_fuser *f) {
  attention a;
  for (int g = 0; g < f->groups.count; g++) {
    if (!f->groups.at[g].size || !is_product(f, g) || !stores_in_place(f, g)) continue;
    for (int side = 0; side < 2; side++)
      if (find_parts(f, g, side, &a) && joined_size(f, &a) <= TN_LARGEST_GROUP) {
        join_parts(f, &a);
        break;
      }
  }
}
