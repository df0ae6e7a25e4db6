/* Dots of one value with several constants become one dot and slices of it.
 *
 *   q = f32[64,384] dot(x, wq), …            qkv = f32[64,1152] dot(x, {wq wk wv}), …
 *   k = f32[64,384] dot(x, wk), …      =>    b   = f32[64,1152] add(qkv, {bq bk bv})
 *   v = f32[64,384] dot(x, wv), …            m   = f32[64,1152] multiply(b, {0.1… 1… 1…})
 *   their biases, q times 0.1                q   = f32[64,384] slice(m), slice={[0:64], [0:384]}
 *                                            …
 *
 * Why: x is packed once, one kernel is started instead of three, and the wider product
 * fills registers and threads better; the slices are read in place by what follows.
 *
 * The cost is counted in kernels. n products are n kernels, each with what follows it
 * elementwise; merged they are one, whose epilogue is bias and factor alone. What else
 * follows needs a kernel more, unless a contraction reads the slice as it is: one, where
 * all that follows meets (the gates of a cell), and only there it is merged; so the
 * number of kernels always falls. Products that are wide alone gain nothing: they stay.
 *
 * Keeps: every value: each element is the same sum in the same order; times 1 and over 1
 * are exact. Takes: the bytes of the constants once more, while the module lives; those of
 * a file that is mapped are read once and dropped. Cost: O(uses), and those bytes.
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

/* dot(x, weights), the bias that is added to it, the factor that follows. */
typedef struct {
  tn_inst *dot, *last; /* last: what stands for all of it */
  tn_inst *bias;       /* the constant [columns], or NULL */
  tn_op scaling;       /* of the factor: multiply or divide */
  tn_inst *factor;     /* the constant of one element, or NULL */
  int64_t columns;
  bool is_computed_with; /* elementwise operations follow that no epilogue takes */
} product;

static bool same_precision(tn_precisions a, tn_precisions b) {
  return a.count == b.count && (!a.count || !memcmp(a.at, b.at, (size_t)a.count * sizeof *a.at));
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool is_matrix_product(const tn_inst *dot) {
  const tn_dot_side *side = dot->attr.dot->side;
  if (dot->op != TN_OP_DOT || !tn_rewrite_is_free_to_move(dot) || !tn_shape_is_plain(dot->shape))
    return false;
  if (side[0].batch.count || side[0].contracting.count != 1 || side[1].contracting.count != 1) return false;
  const tn_inst *weights = dot->operands[1];
  return weights->op == TN_OP_CONSTANT && weights->shape->rank == 2 && dot->operands[0]->op != TN_OP_CONSTANT;
}

static bool alike(const tn_inst *a, const tn_inst *b) {
  return a->attr.dot->side[0].contracting.at[0] == b->attr.dot->side[0].contracting.at[0] &&
         a->attr.dot->side[1].contracting.at[0] == b->attr.dot->side[1].contracting.at[0] &&
         a->shape->type == b->shape->type && a->operands[1]->shape->type == b->operands[1]->shape->type &&
         same_precision(a->attr.dot->precision, b->attr.dot->precision) &&
         same_text(a->attr.dot->algorithm, b->attr.dot->algorithm);
}

/* The constant of add(dot, broadcast(constant)) along the last dim. */
static tn_inst *bias_of(const tn_inst *sum, const tn_inst *dot) {
  if (sum->op != TN_OP_ADD || !tn_rewrite_is_free_to_move(sum)) return NULL;
  tn_inst *other = sum->operands[sum->operands[0] == dot];
  if (other->op != TN_OP_BROADCAST || other->attr.dimensions.dims.count != 1) return NULL;
  if (other->attr.dimensions.dims.at[0] != dot->shape->rank - 1) return NULL;
  return other->operands[0]->op == TN_OP_CONSTANT ? other->operands[0] : NULL;
}

/* The constant of one element in multiply(value, broadcast(constant)), or divide. */
static tn_inst *factor_of(const tn_inst *scaled, const tn_inst *value) {
  if (scaled->op != TN_OP_MULTIPLY && scaled->op != TN_OP_DIVIDE) return NULL;
  if (tn_type_is_complex(scaled->shape->type)) return NULL; /* times 1 + 0i is not exact at infinity */
  if (!tn_rewrite_is_free_to_move(scaled) || scaled->operands[0] == scaled->operands[1]) return NULL;
  int side = scaled->operands[0] == value;
  if (!side && scaled->op == TN_OP_DIVIDE) return NULL;
  tn_inst *other = scaled->operands[side];
  if (other->op == TN_OP_BROADCAST) other = other->operands[0];
  return other->op == TN_OP_CONSTANT && tn_shape_elements(other->shape) == 1 ? other : NULL;
}

/* Slices are read in place where every user multiplies them as matrices or computes with
 * their elements; false where somebody wants them in memory.                           */
static bool reads_in_place(const tn_inst *value, bool *is_computed_with) {
  if (value == value->parent->root) return false;
  for (int i = 0; i < value->users.count; i++) {
    const tn_inst *user = value->users.at[i];
    bool moves = user->op == TN_OP_RESHAPE || user->op == TN_OP_TRANSPOSE || user->op == TN_OP_SLICE;
    if (moves && !reads_in_place(user, is_computed_with)) return false;
    if (moves || user->op == TN_OP_DOT) continue;
    if (!tn_op_is(user->op, TN_OP_ELEMENTWISE)) return false;
    *is_computed_with = true;
  }
  return value->users.count > 0;
}

static tn_inst *only_user(const tn_inst *inst) {
  return inst->users.count == 1 && inst != inst->parent->root ? inst->users.at[0] : NULL;
}

static bool describe(tn_inst *dot, product *p) {
  *p = (product){.dot = dot, .last = dot};
  if (!is_matrix_product(dot)) return false;
  p->columns = dot->shape->dims[dot->shape->rank - 1];
  tn_inst *user = only_user(dot);
  if (user && (p->bias = bias_of(user, dot))) p->last = user;
  user = only_user(p->last);
  if (user && (p->factor = factor_of(user, p->last))) {
    p->last = user;
    p->scaling = user->op;
  }
  return p->columns <= MOST_COLUMNS && reads_in_place(p->last, &p->is_computed_with);
}

/* ---- what follows ---- */

enum { MOST_FOLLOWERS = 32 };

/* What is computed of `value` elementwise, as far as one looks. */
typedef struct {
  const tn_inst *at[MOST_FOLLOWERS];
  int count;
} followers;

static bool follows(const followers *all, const tn_inst *inst) {
  for (int i = 0; i < all->count; i++)
    if (all->at[i] == inst) return true;
  return false;
}

static void find_followers(const tn_inst *value, followers *all) {
  for (int n = 0; n <= all->count; n++) {
    const tn_inst *from = n ? all->at[n - 1] : value;
    for (int i = 0; i < from->users.count && all->count < MOST_FOLLOWERS; i++) {
      const tn_inst *user = from->users.at[i];
      bool is_one = tn_op_is(user->op, TN_OP_ELEMENTWISE) || user->op == TN_OP_RESHAPE;
      if (is_one && !follows(all, user)) all->at[all->count++] = user;
    }
  }
}

static bool meet(const followers *all, const tn_inst *value) {
  followers other = {.count = 0};
  find_followers(value, &other);
  for (int i = 0; i < other.count; i++)
    if (follows(all, other.at[i])) return true;
  return false;
}

/* Kernels that merging saves; those whose followers meet no others leave the list. */
static int count_saved(product *all, int *count) {
  followers met = {.count = 0};
  int kept = 0, computed = 0;
  for (int i = 0; i < *count; i++)
    if (all[i].is_computed_with && !met.count) find_followers(all[i].last, &met);
  for (int i = 0; i < *count; i++) {
    if (all[i].is_computed_with && !meet(&met, all[i].last)) continue;
    computed += all[i].is_computed_with;
    all[kept++] = all[i];
  }
  *count = kept;
  return kept - 1 - (computed > 0);
}

/* ---- which are merged ---- */

/* Dots that stand behind the one that is looked at, by id; merged ones have higher ids. */
typedef struct {
  const bool *waits;
  int count;
} later_dots;

static bool is_later(later_dots later, const tn_inst *dot) {
  return dot->id < later.count && later.waits[dot->id];
}

/* One multiplies, another divides. */
static bool scales_otherwise(const product *all, int count, const product *p) {
  for (int i = 0; i < count; i++)
    if (p->factor && all[i].factor && p->scaling != all[i].scaling) return true;
  return false;
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
    if (scales_otherwise(all, count, p)) continue;
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

/* op(before, broadcast(constant)) along the last dim, in the place of `like`. */
static tn_inst *build_epilogue(tn_inst *value, tn_inst *at, tn_op op, tn_inst *constant,
                               const tn_inst *like) {
  int64_t last = value->shape->rank - 1;
  tn_inst *spread = tn_build_broadcast(at->parent, at, constant, value->shape, (tn_dims){&last, 1});
  tn_inst *result = tn_build_binary(at->parent, at, op, value, spread);
  result->notes = like->notes;
  result->location = like->location;
  return result;
}

/* Each product's factor along its columns, 1 where it has none. */
static tn_inst *join_factors(tn_inst *before, const product *all, int count, tn_type type, int64_t columns) {
  tn_arena *arena = before->parent->module->arena;
  const tn_literal *one = tn_type_is_float(type) ? tn_literal_scalar_float(arena, type, 1)
                                                 : tn_literal_scalar_integer(arena, type, 1);
  size_t bytes = tn_type_bytes(type);
  char *to;
  tn_literal *literal =
      tn_literal_uninitialised(arena, tn_shape_array(arena, type, 1, &columns), (void **)&to);
  for (int i = 0; i < count; i++) {
    const tn_literal *factor = all[i].factor ? all[i].factor->attr.constant.literal : one;
    for (int64_t n = 0; n < all[i].columns; n++, to += bytes) memcpy(to, factor->data, bytes);
  }
  return tn_build_constant(before->parent, before, literal);
}

static tn_inst *build_product(const product *all, int count) {
  tn_inst *first = all[0].dot;
  tn_arena *arena = first->parent->module->arena;
  int64_t dims[TN_MOST_DIMS], columns = 0;
  const product *scaled = NULL;
  for (int i = 0; i < count; i++) {
    columns += all[i].columns;
    if (all[i].factor) scaled = &all[i];
  }
  memcpy(dims, first->shape->dims, sizeof *dims * (size_t)first->shape->rank);
  dims[first->shape->rank - 1] = columns;
  const tn_shape *shape = tn_shape_array(arena, first->shape->type, first->shape->rank, dims);
  int64_t column_dim = 1 - first->attr.dot->side[1].contracting.at[0];
  tn_inst *operands[] = {first->operands[0], join_constants(first, all, count, false, column_dim)};
  tn_inst *value = tn_inst_clone(first->parent, first, first, shape, 2, operands);
  if (all[0].bias) {
    tn_inst *bias = join_constants(first, all, count, true, 0);
    value = build_epilogue(value, first, TN_OP_ADD, bias, all[0].last);
  }
  if (!scaled) return value;
  tn_inst *factors = join_factors(first, all, count, shape->type, columns);
  return build_epilogue(value, first, scaled->scaling, factors, scaled->last);
}

static tn_inst *build_slice(tn_inst *whole, tn_inst *before, const tn_shape *shape, int64_t start) {
  int64_t starts[TN_MOST_DIMS] = {0}, limits[TN_MOST_DIMS], strides[TN_MOST_DIMS];
  for (int d = 0; d < shape->rank; d++) limits[d] = shape->dims[d], strides[d] = 1;
  starts[shape->rank - 1] = start;
  limits[shape->rank - 1] += start;
  tn_inst *slice = tn_inst_create(before->parent, before, TN_OP_SLICE, shape, 1, &whole);
  tn_slice_attributes *own = tn_inst_edit_slice(slice);
  own->starts = tn_rewrite_dims(whole, shape->rank, starts);
  own->limits = tn_rewrite_dims(whole, shape->rank, limits);
  own->strides = tn_rewrite_dims(whole, shape->rank, strides);
  return slice;
}

static bool merge(tn_inst *dot, later_dots later, tn_pass_context *context) {
  product first, all[MOST_MERGED];
  if (!describe(dot, &first)) return false;
  int count = collect(&first, later, all);
  if (count_saved(all, &count) < 1 || !tn_pass_spend(context)) return false;
  tn_inst *whole = build_product(all, count), *slices[MOST_MERGED];
  int64_t start = 0;
  for (int i = 0; i < count; i++) {
    slices[i] = build_slice(whole, all[0].dot, all[i].last->shape, start);
    start += all[i].columns;
    context->bytes += tn_shape_bytes(all[i].dot->operands[1]->shape);
  }
  for (int i = 0; i < count; i++) tn_rewrite_replace(all[i].last, slices[i]);
  return true;
}

/* In an array's vector unit each dot has an epilogue of its own. */
static bool is_arrays(const tn_inst *dot, const tn_pass_context *context) {
  return context->array &&
         tn_systolic_find_type(context->array, dot->operands[0]->shape->type, dot->operands[1]->shape->type);
}

/* Dots are listed first: merging takes instructions out. What remains of them is dead
 * and not met again; the merged ones are not listed.                                   */
static bool merge_in(tn_comp *comp, tn_pass_context *context) {
  TN_VEC(tn_inst *) dots = {0};
  int count = comp->module->next_id;
  bool *waits = TN_NEW_ARRAY(context->scratch, bool, count), changed = false;
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (inst->op == TN_OP_DOT && !is_arrays(inst, context)) {
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
  if (!tn_pass_finds(context, TN_OP_DOT)) return false;
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  if (tn_comp_is_sequence(comp)) changed |= merge_in(comp, context);
  return changed;
}
