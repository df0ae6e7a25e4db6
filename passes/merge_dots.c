/* Dots of one value with several constants become one dot and slices of it.
 *
 *   q = f32[64,384] dot(x, wq), …            qkv = f32[64,1152] dot(x, {wq wk wv}), …
 *   k = f32[64,384] dot(x, wk), …      =>    b   = f32[64,1152] add(qkv, {bq bk bv})
 *   v = f32[64,384] dot(x, wv), …            q   = f32[64,384] slice(b), slice={[0:64], [0:384]}
 *   and their biases                         …
 *
 * Why: x is packed once, one kernel is started instead of three, and the wider product
 * fills registers and threads better; the slices are read in place by what follows.
 * Keeps: every value: each element is the same sum in the same order. Takes: the bytes
 * of the constants once more, while the module lives. Cost: O(uses), and those bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/rewrite.h"

enum {
  MOST_MERGED = 8,
  MOST_COLUMNS = 4096,   /* of one constant; wider ones fill a kernel alone */
  MOST_WEIGHTS = 1 << 24 /* elements of the result */
};

/* dot(x, weights), and, if there is one, the bias that is added to it. */
typedef struct {
  tn_inst *dot, *sum, *bias; /* sum: what stands for both; bias: the constant, or NULL */
  int64_t columns;
} product;

static bool same_precision(tn_precisions a, tn_precisions b) {
  return a.count == b.count && (!a.count || !memcmp(a.at, b.at, (size_t)a.count * sizeof *a.at));
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool is_matrix_product(const tn_inst *dot) {
  const tn_dot_side *side = dot->attr.dot.side;
  if (dot->op != TN_OP_DOT || !tn_rewrite_is_free_to_move(dot) || !tn_shape_is_plain(dot->shape))
    return false;
  if (side[0].batch.count || side[0].contracting.count != 1 || side[1].contracting.count != 1) return false;
  const tn_inst *weights = dot->operands[1];
  return weights->op == TN_OP_CONSTANT && weights->shape->rank == 2 && dot->operands[0]->op != TN_OP_CONSTANT;
}

static bool alike(const tn_inst *a, const tn_inst *b) {
  return a->attr.dot.side[0].contracting.at[0] == b->attr.dot.side[0].contracting.at[0] &&
         a->attr.dot.side[1].contracting.at[0] == b->attr.dot.side[1].contracting.at[0] &&
         a->shape->type == b->shape->type && a->operands[1]->shape->type == b->operands[1]->shape->type &&
         same_precision(a->attr.dot.precision, b->attr.dot.precision) &&
         same_text(a->attr.dot.algorithm, b->attr.dot.algorithm);
}

/* The constant of add(dot, broadcast(constant)) along the last dim. */
static tn_inst *bias_of(const tn_inst *sum, const tn_inst *dot) {
  if (sum->op != TN_OP_ADD || !tn_rewrite_is_free_to_move(sum)) return NULL;
  tn_inst *other = sum->operands[sum->operands[0] == dot];
  if (other->op != TN_OP_BROADCAST || other->attr.dimensions.dims.count != 1) return NULL;
  if (other->attr.dimensions.dims.at[0] != dot->shape->rank - 1) return NULL;
  return other->operands[0]->op == TN_OP_CONSTANT ? other->operands[0] : NULL;
}

/* Slices are read in place where every user computes elements or multiplies them. */
static bool reads_in_place(const tn_inst *value) {
  if (value == value->parent->root) return false;
  for (int i = 0; i < value->users.count; i++) {
    const tn_inst *user = value->users.at[i];
    if (user->op == TN_OP_RESHAPE
            ? !reads_in_place(user)
            : user->op != TN_OP_DOT && !tn_op_is(user->op, TN_OP_ELEMENTWISE) && user->op != TN_OP_TRANSPOSE)
      return false;
  }
  return value->users.count > 0;
}

static bool describe(tn_inst *dot, product *p) {
  *p = (product){dot, dot, NULL, 0};
  if (!is_matrix_product(dot)) return false;
  p->columns = dot->shape->dims[dot->shape->rank - 1];
  if (dot->users.count == 1 && dot != dot->parent->root) p->bias = bias_of(dot->users.at[0], dot);
  if (p->bias) p->sum = dot->users.at[0];
  return p->columns <= MOST_COLUMNS && reads_in_place(p->sum);
}

/* Dots that stand behind the one that is looked at, by id; merged ones have higher ids. */
typedef struct {
  const bool *waits;
  int count;
} later_dots;

static bool is_later(later_dots later, const tn_inst *dot) {
  return dot->id < later.count && later.waits[dot->id];
}

/* Products of the value that `first` multiplies, which stand behind it. */
static int collect(const product *first, later_dots later, product *all) {
  int count = 1;
  int64_t weights = tn_shape_elements(first->dot->operands[1]->shape);
  all[0] = *first;
  const tn_inst *value = first->dot->operands[0];
  for (int i = 0; i < value->users.count && count < MOST_MERGED; i++) {
    tn_inst *inst = value->users.at[i];
    product *p = &all[count];
    if (inst->op != TN_OP_DOT || inst->operands[0] != value || !is_later(later, inst)) continue;
    if (!inst->users.count || !describe(inst, p)) continue;
    if (!alike(first->dot, inst) || !p->bias != !first->bias) continue;
    weights += tn_shape_elements(inst->operands[1]->shape);
    if (weights > MOST_WEIGHTS) break;
    count++;
  }
  return count;
}

/* The constants beside one another along `dim`. */
static tn_inst *join_constants(tn_inst *before, const product *all, int count, bool biases, int64_t dim) {
  tn_arena *arena = before->parent->module->arena;
  const tn_shape *shape = (biases ? all[0].bias : all[0].dot->operands[1])->shape;
  int64_t dims[2] = {shape->dims[0], shape->rank > 1 ? shape->dims[1] : 1}, outer = dim ? shape->dims[0] : 1;
  dims[dim] = 0;
  for (int i = 0; i < count; i++) dims[dim] += all[i].columns;
  char *to;
  tn_literal *literal =
      tn_literal_uninitialised(arena, tn_shape_array(arena, shape->type, shape->rank, dims), (void **)&to);
  for (int64_t row = 0; row < outer; row++)
    for (int i = 0; i < count; i++) {
      const tn_inst *constant = biases ? all[i].bias : all[i].dot->operands[1];
      size_t bytes = (size_t)(tn_shape_bytes(constant->shape) / outer);
      memcpy(to, (const char *)constant->attr.constant.literal->data + (size_t)row * bytes, bytes);
      to += bytes;
    }
  return tn_build_constant(before->parent, before, literal);
}

static tn_inst *build_product(const product *all, int count) {
  tn_inst *first = all[0].dot;
  tn_comp *comp = first->parent;
  tn_arena *arena = comp->module->arena;
  int64_t last = first->shape->rank - 1, dims[TN_MOST_DIMS], columns = 0;
  for (int i = 0; i < count; i++) columns += all[i].columns;
  memcpy(dims, first->shape->dims, sizeof *dims * (size_t)first->shape->rank);
  dims[last] = columns;
  const tn_shape *shape = tn_shape_array(arena, first->shape->type, first->shape->rank, dims);
  int64_t column_dim = 1 - first->attr.dot.side[1].contracting.at[0];
  tn_inst *operands[] = {first->operands[0], join_constants(first, all, count, false, column_dim)};
  tn_inst *dot = tn_inst_clone(comp, first, first, shape, 2, operands);
  if (!all[0].bias) return dot;
  tn_inst *bias = join_constants(first, all, count, true, 0);
  tn_inst *spread = tn_build_broadcast(comp, first, bias, shape, (tn_dims){&last, 1});
  tn_inst *sum = tn_build_binary(comp, first, TN_OP_ADD, dot, spread);
  sum->notes = all[0].sum->notes;
  sum->location = all[0].sum->location;
  return sum;
}

static tn_inst *build_slice(tn_inst *whole, tn_inst *before, const tn_shape *shape, int64_t start) {
  int64_t starts[TN_MOST_DIMS] = {0}, limits[TN_MOST_DIMS], strides[TN_MOST_DIMS];
  for (int d = 0; d < shape->rank; d++) limits[d] = shape->dims[d], strides[d] = 1;
  starts[shape->rank - 1] = start;
  limits[shape->rank - 1] += start;
  tn_inst *slice = tn_inst_create(before->parent, before, TN_OP_SLICE, shape, 1, &whole);
  slice->attr.slice.starts = tn_rewrite_dims(whole, shape->rank, starts);
  slice->attr.slice.limits = tn_rewrite_dims(whole, shape->rank, limits);
  slice->attr.slice.strides = tn_rewrite_dims(whole, shape->rank, strides);
  return slice;
}

static bool merge(tn_inst *dot, later_dots later, tn_pass_context *context) {
  product first, all[MOST_MERGED];
  if (!describe(dot, &first)) return false;
  int count = collect(&first, later, all);
  if (count < 2 || !tn_pass_spend(context)) return false;
  tn_inst *whole = build_product(all, count);
  int64_t start = 0;
  for (int i = 0; i < count; i++) {
    tn_inst *sum = all[i].sum;
    tn_rewrite_replace(sum, build_slice(whole, dot, sum->shape, start));
    start += all[i].columns;
  }
  return true;
}

/* Dots are listed first: merging takes instructions out. What remains of them is dead
 * and not met again; the merged ones are not listed.                                   */
static bool merge_in(tn_comp *comp, tn_pass_context *context) {
  TN_VEC(tn_inst *) dots = {0};
  int count = comp->module->next_id;
  bool *waits = TN_NEW_ARRAY(context->scratch, bool, count), changed = false;
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (inst->op == TN_OP_DOT) {
    TN_PUSH(context->scratch, &dots, inst);
    waits[inst->id] = true;
  }
  for (int i = 0; i < dots.count; i++) {
    waits[dots.at[i]->id] = false;
    if (dots.at[i]->users.count > 0) changed |= merge(dots.at[i], (later_dots){waits, count}, context);
  }
  return changed;
}

bool tn_pass_merge_dots(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  if (tn_comp_is_sequence(comp)) changed |= merge_in(comp, context);
  return changed;
}
