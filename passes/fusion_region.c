/* Groups around contractions and reductions.
 *
 * From its start a region grows along users, in order, and is cut back to where one
 * value alone leaves it: the exit, which becomes the group's root.
 *
 *        dot                            max ── broadcast
 *         │                  x ─┬────────┘         │
 *   ┌─── add ───┐               └──────────────── sub
 *  mul        div                                  │
 *   │         erf                           ┌──── exp ─── sum
 *   │         add                           │              │
 *   └─── mul ───┘  exit                     └──── div ─ broadcast    exit
 *
 * Values that enter from the side cannot depend on the region, whose only way out is
 * its exit; so a group never waits for itself.
 *
 * A region may have more ways out: a softmax and the logarithm of its sums, a mean and a
 * variance, an activation and what came before it, which the gradient reads. What would be
 * stored anyway, because others than kernels of elementwise operations read it, or has one
 * element a row, is one more root, where the kernel does not wait for itself then.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

enum { MOST_EXITS = 4 };

typedef struct region region;
typedef bool accept_function(const tn_fuser *f, const region *r, const tn_inst *candidate, bool *full);

struct region {
  accept_function *accepts;
  tn_inst *members[TN_LARGEST_GROUP];
  bool full[TN_LARGEST_GROUP]; /* rows: of the operand's dims, not of the kept ones */
  int count;
  int kept; /* the first `kept` members have one exit */
  tn_inst *exit;
  tn_inst *others[MOST_EXITS]; /* exits beside it, if the first `kept` members have several */
  int n_others;
  bool is_rows;
  /* rows: the reduced operand, without dims of size 1 */
  int64_t sizes[TN_MOST_DIMS];
  bool reduced[TN_MOST_DIMS];
  int rank, n_kept;
  bool may_return; /* results may be broadcast back */
};

enum { MOST_USERS = 32 }; /* of a member; with more the region ends there */

static int index_in(const region *r, const tn_inst *inst) {
  for (int i = 0; i < r->count; i++)
    if (r->members[i] == inst) return i;
  return -1;
}

/* The user that stands first of all that are outside. */
static tn_inst *next_user(const tn_fuser *f, const region *r) {
  tn_inst *first = NULL;
  for (int i = 0; i < r->count; i++)
    for (int j = 0; j < r->members[i]->users.count; j++) {
      tn_inst *user = r->members[i]->users.at[j];
      if (index_in(r, user) >= 0) continue;
      if (!first || f->positions[user->id] < f->positions[first->id]) first = user;
    }
  return first;
}

static bool is_open(const tn_fuser *f, const region *r, const tn_inst *member) {
  if (member == f->comp->root) return true;
  for (int i = 0; i < member->users.count; i++)
    if (index_in(r, member->users.at[i]) < 0) return true;
  return member->users.count == 0;
}

/* Remembers the region as it is if one value alone leaves it. A reshape is free where
 * it stands alone, so no region ends in one.                                          */
static void note_exit(const tn_fuser *f, region *r) {
  tn_inst *open = NULL;
  for (int i = 0; i < r->count; i++) {
    if (!is_open(f, r, r->members[i])) continue;
    if (open) return;
    open = r->members[i];
  }
  if (!open || open->op == TN_OP_RESHAPE || open->op == TN_OP_BROADCAST) return;
  r->exit = open;
  r->kept = r->count;
}

static bool is_claimed(const tn_fuser *f, const tn_inst *inst) {
  return tn_fuser_node(f, inst)->in.count > 0;
}

static void grow(const tn_fuser *f, region *r, tn_inst *start) {
  r->n_others = 0;
  r->members[0] = r->exit = start;
  r->full[0] = false;
  r->count = r->kept = 1;
  while (r->count < TN_LARGEST_GROUP) {
    if (r->members[r->count - 1]->users.count > MOST_USERS || r->members[r->count - 1] == f->comp->root)
      return;
    tn_inst *user = next_user(f, r);
    if (!user || is_claimed(f, user) || !r->accepts(f, r, user, &r->full[r->count])) return;
    r->members[r->count++] = user;
    note_exit(f, r);
  }
}

/* ---- several exits ---- */

/* Somebody reads it who is no part of any kernel but its own; or, of one element a row,
 * somebody would compute it again for every element of the row.                       */
static bool is_stored_anyway(const tn_fuser *f, const tn_inst *inst, bool is_narrow) {
  if (inst == f->comp->root) return true;
  for (int i = 0; i < inst->users.count; i++) {
    const tn_inst *user = inst->users.at[i];
    bool is_name = user->op == TN_OP_RESHAPE && user != f->comp->root;
    if (is_name ? is_stored_anyway(f, user, is_narrow) : !tn_fusible(user) && user->op != TN_OP_REDUCE)
      return true;
    if (is_narrow && user->op == TN_OP_BROADCAST) return true;
  }
  return false;
}

/* May a member of the region be an exit beside the one it has? */
static bool may_leave(const tn_fuser *f, const region *r, int member) {
  const tn_inst *inst = r->members[member];
  return inst->op != TN_OP_RESHAPE && inst->op != TN_OP_BROADCAST &&
         is_stored_anyway(f, inst, r->is_rows && !r->full[member]);
}

/* Roots share loops: what lies otherwise than the first member would be computed again. */
static bool lies_alike(const region *r) {
  for (int i = 1; i < r->count; i++) {
    const tn_inst *inst = r->members[i];
    if (inst->op == TN_OP_TRANSPOSE) return false;
    if (inst->op == TN_OP_RESHAPE && !tn_shapes_differ_in_ones(inst->shape, inst->operands[0]->shape))
      return false;
  }
  return true;
}

/* All members as far as they were found, if they have few exits, each worth a root. */
static void keep_several(tn_fuser *f, region *r) {
  tn_inst *open[MOST_EXITS];
  int n = 0;
  for (int i = r->count - 1; i >= r->kept; i--) { /* users before what they alone have used */
    if (!is_open(f, r, r->members[i]) || may_leave(f, r, i)) continue;
    memmove(r->members + i, r->members + i + 1, sizeof *r->members * (size_t)(r->count - i - 1));
    memmove(r->full + i, r->full + i + 1, sizeof *r->full * (size_t)(r->count - i - 1));
    r->count--;
  }
  if (r->count == r->kept || !lies_alike(r)) return;
  for (int i = 0; i < r->count; i++) {
    if (!is_open(f, r, r->members[i])) continue;
    if (n == MOST_EXITS || r->members[i]->op == TN_OP_RESHAPE || r->members[i]->op == TN_OP_BROADCAST) return;
    open[n++] = r->members[i];
  }
  if (tn_fusion_waits(f, r->members, r->count, open, n)) return;
  r->kept = r->count;
  r->exit = open[n - 1]; /* the last one is what the group ends in */
  r->n_others = n - 1;
  memcpy(r->others, open, sizeof *open * (size_t)(n - 1));
}

static void claim(tn_fuser *f, const region *r, tn_fused_kind kind, tn_inst *hero) {
  int group = tn_fuser_open(f, kind, r->exit, hero);
  for (int i = 0; i < r->n_others; i++) tn_fuser_add_root(f, group, r->others[i]);
  for (int i = 0; i < r->kept; i++)
    if (!tn_fuser_membership(f, r->members[i], group))
      tn_fuser_join(
          f, r->members[i],
          (tn_membership){group, TN_PLACE_STORE, (double)tn_shape_elements(r->members[i]->shape), 1});
  if (r->n_others) tn_fusion_note_group(f, group);
}

/* ---- behind contractions ---- */

static bool accepts_epilogue(const tn_fuser *f, const region *r, const tn_inst *candidate, bool *full) {
  (void)f;
  *full = false;
  if (candidate->op == TN_OP_RESHAPE || candidate->op == TN_OP_TRANSPOSE) return tn_fusible(candidate);
  if (!tn_fusible_elementwise(candidate)) return false;
  for (int i = 0; i < candidate->n_operands; i++)
    if (index_in(r, candidate->operands[i]) >= 0 &&
        !tn_shape_same_dims(candidate->operands[i]->shape, candidate->shape))
      return false;
  return true;
}

static bool is_contraction(const tn_inst *inst) {
  if (inst->op != TN_OP_DOT && inst->op != TN_OP_CONVOLUTION && inst->op != TN_OP_REDUCE_WINDOW) return false;
  return tn_shape_is_plain(inst->shape) && tn_shape_elements(inst->shape) > 0 &&
         tn_rewrite_is_free_to_move(inst);
}

/* From the last one back: where two meet in an addition, it follows the later one. */
static void claim_contractions(tn_fuser *f, region *r) {
  r->accepts = accepts_epilogue;
  for (int i = f->n_nodes - 1; i >= 0; i--) {
    tn_inst *inst = f->nodes[i].inst;
    if (!is_contraction(inst) || is_claimed(f, inst)) continue;
    grow(f, r, inst);
    keep_several(f, r);
    claim(f, r, TN_FUSED_CONTRACTION, inst);
    tn_fusion_attend(f, f->groups.count - 1);
  }
}

/* ---- rows ---- */

/* The n-th dim of size above 1, counted from 0; how many there are where there is none. */
static int squeezed_position(const tn_shape *shape, int64_t dim) {
  int n = 0;
  for (int64_t d = 0; d < dim; d++) n += shape->dims[d] != 1;
  return n;
}

static bool has_full_dims(const region *r, const tn_shape *shape) {
  int n = 0;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] == 1) continue;
    if (n == r->rank || shape->dims[d] != r->sizes[n++]) return false;
  }
  return n == r->rank;
}

/* Reduces the same dims of the same shape as the region does. */
static bool reduces_alike(const region *r, const tn_inst *inst) {
  const tn_shape *shape = inst->operands[0]->shape;
  if (!has_full_dims(r, shape)) return false;
  for (int d = 0; d < shape->rank; d++)
    if (shape->dims[d] != 1 &&
        tn_dims_contain(inst->attr.reduce.dims, d) != r->reduced[squeezed_position(shape, d)])
      return false;
  return true;
}

/* Each kept dim returns to its place. */
static bool returns_in_place(const region *r, const tn_inst *broadcast) {
  const tn_shape *from = broadcast->operands[0]->shape;
  int kept = 0;
  if (!has_full_dims(r, broadcast->shape)) return false;
  for (int d = 0; d < from->rank; d++) {
    if (from->dims[d] == 1) continue;
    while (kept < r->rank && r->reduced[kept]) kept++;
    if (squeezed_position(broadcast->shape, broadcast->attr.dimensions.dims.at[d]) != kept++) return false;
  }
  return true;
}

static bool is_plain_reduce(const tn_inst *inst) {
  return inst->op == TN_OP_REDUCE && inst->n_operands == 2 && tn_shape_is_plain(inst->operands[0]->shape) &&
         tn_shape_elements(inst->operands[0]->shape) > 0 && tn_fusible_constant(inst->operands[1]) &&
         tn_rewrite_is_free_to_move(inst);
}

static bool accepts_row(const tn_fuser *f, const region *r, const tn_inst *candidate, bool *full) {
  (void)f;
  int from = -1;
  bool same = true;
  for (int i = 0; i < candidate->n_operands; i++) {
    int operand = index_in(r, candidate->operands[i]);
    if (operand < 0) continue;
    same = same && tn_shape_same_dims(candidate->operands[i]->shape, candidate->shape);
    from = operand;
  }
  *full = r->full[from];
  if (is_plain_reduce(candidate)) {
    *full = false;
    return r->full[from] && candidate->operands[0] == r->members[from] && reduces_alike(r, candidate);
  }
  if (!tn_fusible(candidate)) return false;
  if (candidate->op == TN_OP_RESHAPE)
    return tn_shapes_differ_in_ones(candidate->shape, candidate->operands[0]->shape);
  if (candidate->op == TN_OP_BROADCAST && !r->full[from]) {
    *full = true;
    return r->may_return && returns_in_place(r, candidate);
  }
  return tn_fusible_elementwise(candidate) && same;
}

/* ---- reductions beside the first: sum(x) and sum(x*x) of one variance ---- */

/* One value for each row, or part of computing it. */
static bool is_beside(const region *r, const tn_inst *inst) {
  if (is_plain_reduce(inst)) return reduces_alike(r, inst);
  if (!tn_fusible_elementwise(inst) && (inst->op != TN_OP_RESHAPE || !tn_fusible(inst))) return false;
  if (inst->op == TN_OP_RESHAPE && !tn_shapes_differ_in_ones(inst->shape, inst->operands[0]->shape))
    return false;
  return tn_shapes_differ_in_ones(inst->shape, r->members[0]->shape);
}

static bool is_used_inside_alone(const tn_fuser *f, const region *r, const tn_inst *inst) {
  for (int i = 0; i < inst->users.count; i++)
    if (index_in(r, inst->users.at[i]) < 0) return false;
  return inst != f->comp->root && inst->users.count <= MOST_USERS;
}

/* What only the region uses joins it, operands after users. */
static void absorb_beside(const tn_fuser *f, region *r) {
  r->count = r->kept;
  for (int i = 0; i < r->count; i++)
    for (int k = 0; k < r->members[i]->n_operands && r->count < TN_LARGEST_GROUP; k++) {
      tn_inst *operand = r->members[i]->operands[k];
      bool known = index_in(r, operand) >= 0 || is_claimed(f, operand);
      if (known || !is_beside(r, operand) || !is_used_inside_alone(f, r, operand)) continue;
      r->full[r->count] = false;
      r->members[r->count++] = operand;
    }
  r->kept = r->count;
}

enum {
  LARGEST_ROW = 256 * 1024,  /* bytes that are read again for each step of a row */
  LARGEST_ALONE = 16 * 1024, /* elements, where there is one row alone: no threads */
  LARGEST_WHOLE = 64 * 1024  /* bytes, where rows are not contiguous */
};

/* The reduced operand's dims, and whether its rows are such that reading them again is
 * better than storing what lies between: contiguous, in cache, more than one.          */
static void describe_rows(region *r, const tn_inst *reduce) {
  const tn_shape *shape = reduce->operands[0]->shape;
  int64_t row = 1, rows = 1, bytes = (int64_t)tn_type_bytes(shape->type);
  r->rank = r->n_kept = 0;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] == 1) continue;
    bool is_reduced = tn_dims_contain(reduce->attr.reduce.dims, d);
    r->sizes[r->rank] = shape->dims[d];
    r->reduced[r->rank++] = is_reduced;
    if (is_reduced)
      row *= shape->dims[d];
    else
      rows *= shape->dims[d], r->n_kept++;
  }
  bool contiguous = r->rank > 0 && r->reduced[r->rank - 1];
  r->may_return = (contiguous && row * bytes <= LARGEST_ROW && (rows > 1 || row <= LARGEST_ALONE)) ||
                  row * rows * bytes <= LARGEST_WHOLE;
}

static void claim_rows(tn_fuser *f, region *r) {
  r->accepts = accepts_row;
  r->is_rows = true;
  for (int i = 0; i < f->n_nodes; i++) {
    tn_inst *inst = f->nodes[i].inst;
    if (!is_plain_reduce(inst) || is_claimed(f, inst)) continue;
    describe_rows(r, inst);
    grow(f, r, inst);
    keep_several(f, r);
    absorb_beside(f, r);
    bool returns = false;
    for (int m = 0; m < r->kept; m++) returns = returns || r->full[m];
    claim(f, r, returns ? TN_FUSED_ROWS : TN_FUSED_REDUCE, inst);
  }
}

/* ---- reductions of several operands ---- */

static bool is_wide_reduce(const tn_inst *inst) {
  bool reduces = inst->op == TN_OP_REDUCE || inst->op == TN_OP_REDUCE_WINDOW;
  if (!reduces || inst->n_operands == 2 || !tn_rewrite_is_free_to_move(inst)) return false;
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_fusible_array(inst->operands[i])) return false;
  return true;
}

static void claim_wide_reduces(tn_fuser *f) {
  for (int i = 0; i < f->n_nodes; i++)
    if (is_wide_reduce(f->nodes[i].inst))
      tn_fuser_open(f, TN_FUSED_REDUCE, f->nodes[i].inst, f->nodes[i].inst);
}

void tn_fusion_claim(tn_fuser *f) {
  region *r = TN_NEW(f->scratch, region);
  claim_contractions(f, r);
  claim_rows(f, r);
  claim_wide_reduces(f);
}
