/* Groups of instructions -> kernels: the frame of the work.
 *
 * The roots' dims become loops; each root's element is lowered recursively, operands
 * at the indices that the opcode says. A reduction met on the way becomes a `reduce`
 * statement in the outermost loop body where its indices are known: for the mean of a
 * row that is the row's body, and every element of the row shares it. So softmax,
 * layer norm, epilogues and plain loops are one mechanism:
 *
 *   loop (dims that some reduction's result depends on) {
 *     reduces, lets
 *     loop (the other dims) { stores }
 *   }
 *
 * Narrow results of several (roots.c) are stored in the outer loop's body.
 * A value with several users, or one that an inner loop would compute again, is a let.
 * What is costly and met again by a later loop is kept in a local buffer. Bodies, lets and
 * what is remembered of them are lower_frames.c's.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower_frames.h"
#include "codegen/plan/native.h"
#include "ir/encoding.h"

enum { MAX_ELEMENTS = 10000 }; /* of a fusion: reads at several places double them each time */

tn_arena *tn_lower_arena(const tn_lowering *l) { return l->arena; }
tn_kernel *tn_lower_kernel(const tn_lowering *l) { return l->kernel; }
bool tn_lower_has_fma(const tn_lowering *l, tn_type type) {
  return l->group->target->fma && (type == TN_F32 || type == TN_F64);
}

const tn_expr *tn_lower_fail(tn_lowering *l, tn_inst *culprit, bool structure) {
  if (!l->failed) {
    l->out->culprit = culprit;
    l->out->structure = structure;
  }
  l->failed = true;
  return NULL;
}

/* ---- leaves ---- */

/* A constant of one value: written into the expression. */
static bool is_splat(const tn_inst *inst) {
  if (inst->op != TN_OP_CONSTANT || !tn_shape_is_array(inst->shape)) return false;
  const tn_literal *literal = inst->attr.constant.literal;
  int64_t count = tn_shape_elements(inst->shape);
  size_t bytes = tn_type_bytes(inst->shape->type);
  const char *data = literal->data;
  if (count < 1) return false;
  return count == 1 || (count <= 4096 && !memcmp(data, data + bytes, (size_t)(count - 1) * bytes));
}

static bool is_leaf(const tn_lowering *l, const tn_inst *inst) {
  if (is_splat(inst)) return false;
  if (inst->op == TN_OP_CONSTANT) return true;
  return l->group->whole ? inst->op == TN_OP_PARAMETER : inst != l->group->roots[0];
}

bool tn_lower_is_inside(const tn_lowering *l, const tn_inst *inst) { return !is_leaf(l, inst); }

/* -1: it is none yet. */
static int known_leaf(const tn_lowering *l, const tn_inst *inst, tn_section section) {
  for (int i = 0; i < l->leaves.count; i++)
    if (l->leaves.at[i] == inst && l->sections.at[i] == section) return i;
  return -1;
}

static int new_leaf(tn_lowering *l, tn_inst *inst, tn_section section, const tn_shape *shape) {
  int buffer = l->leaves.count;
  const char *name = tn_arena_printf(l->arena, "a%d", buffer);
  TN_PUSH(l->arena, &l->leaves, inst);
  TN_PUSH(l->arena, &l->sections, section);
  TN_PUSH(l->arena, &l->buffers, ((tn_kernel_buffer){name, shape, TN_BUFFER_IN}));
  return buffer;
}

static int leaf_buffer(tn_lowering *l, tn_inst *inst) {
  for (int i = 0; i < l->group->n_roots && l->group->shares; i++)
    if (l->group->roots[i]->operands[0] == inst) return TN_LOWER_ROOT_BASE + i;
  int known = known_leaf(l, inst, TN_SECTION_WHOLE);
  return known >= 0 ? known : new_leaf(l, inst, TN_SECTION_WHOLE, l->group->leaf_shape(l->group->user, inst));
}

int tn_lower_section_buffer(tn_lowering *l, tn_inst *decode, tn_section section) {
  int known = known_leaf(l, decode, section);
  if (known >= 0) return known;
  const tn_literal *part = tn_lower_section(l->arena, tn_decode_source(decode), decode->shape, section);
  return new_leaf(l, decode, section, part->shape);
}

static const tn_expr *lower_leaf(tn_lowering *l, tn_inst *inst, tn_position at) {
  int buffer = leaf_buffer(l, inst);
  tn_expr *load = tn_expr_load(l->arena, inst->shape->type, buffer, inst->shape->rank, at);
  if (l->guards.count) {
    load->load.n_guards = l->guards.count;
    load->load.guards = tn_arena_copy(l->arena, l->guards.at, sizeof *l->guards.at * (size_t)l->guards.count);
    load->load.fill = tn_expr_number(l->arena, load->type, 0);
  }
  return load;
}

void tn_lower_push_guard(tn_lowering *l, const tn_index *index, int64_t low, int64_t high) {
  TN_PUSH(l->arena, &l->guards, ((tn_guard_range){index, low, high}));
}

void tn_lower_pop_guards(tn_lowering *l, int count) { l->guards.count -= count; }

/* ---- costly values that later loops need again ---- */

static bool is_costly(const tn_inst *inst) {
  return tn_ops[inst->op].attributes == TN_ATTR_ACCURACY || inst->op == TN_OP_POWER ||
         inst->op == TN_OP_DIVIDE || inst->op == TN_OP_REMAINDER || inst->op == TN_OP_ATAN2;
}

static const tn_expr *load_cached(tn_lowering *l, tn_inst *inst, tn_position at) {
  if (l->guards.count) return NULL;
  for (int i = 0; i < l->caches.count; i++) {
    const tn_kept_element *c = &l->caches.at[i];
    if (c->inst != inst || !c->is_whole || tn_frame_depth(l, c->frame) < 0) continue;
    const tn_index **kept = TN_NEW_ARRAY(l->arena, const tn_index *, inst->shape->rank);
    int rank = 0;
    bool same = true;
    for (int d = 0; d < inst->shape->rank; d++) {
      if (c->kept[d])
        kept[rank++] = at[d];
      else
        same = same && tn_index_equal(c->at[d], at[d]);
    }
    if (!same) continue;
    return tn_expr_load(l->arena, inst->shape->type, c->buffer, rank, kept);
  }
  return NULL;
}

/* at[d] is a reduced dim alone that runs over the whole of inst's dim d. */
static bool runs_over(const tn_lowering *l, const tn_index *at, int64_t size) {
  if (at->constant || at->n_terms != 1) return false;
  const tn_term *term = &at->terms[0];
  return term->kind == TN_TERM_DIM && term->scale == 1 && l->dims.at[term->dim].kind == TN_DIM_REDUCED &&
         l->dims.at[term->dim].size == size;
}

enum { LARGEST_LOCAL = 64 * 1024 };

/* Inside a reduce: keep `expr`, the element of inst, if it is worth it and possible. */
static const tn_expr *cache(tn_lowering *l, tn_inst *inst, tn_position at, const tn_expr *expr) {
  int rank = inst->shape->rank, n_kept = 0;
  tn_frame *inner = &l->frames[l->n_frames - 1];
  if (l->guards.count || inner->owner->kind != TN_STMT_REDUCE || inst->users.count < 2 || !is_costly(inst))
    return expr;
  bool *kept = TN_NEW_ARRAY(l->arena, bool, rank);
  int64_t sizes[TN_MAX_TILES * 8], bytes = (int64_t)tn_type_bytes(inst->shape->type);
  const tn_index **stored = TN_NEW_ARRAY(l->arena, const tn_index *, rank);
  for (int d = 0; d < rank; d++) {
    bool inside = tn_frame_depth_of_position(l, &at[d], 1) == l->n_frames - 1;
    kept[d] = inside && inst->shape->dims[d] > 1 && runs_over(l, at[d], inst->shape->dims[d]);
    if (inside && !kept[d]) return expr;
    if (!kept[d]) continue;
    if (n_kept == (int)(sizeof sizes / sizeof *sizes)) return expr;
    sizes[n_kept] = inst->shape->dims[d];
    bytes *= sizes[n_kept];
    stored[n_kept++] = at[d];
  }
  if (!n_kept || n_kept != inner->owner->n_dims || bytes > LARGEST_LOCAL) return expr;
  tn_frame *outer = &l->frames[l->n_frames - 2];
  tn_stmt *store = tn_stmt_new(l->arena, TN_STMT_STORE);
  int buffer = tn_frame_new_local(l, tn_shape_array(l->arena, inst->shape->type, n_kept, sizes), outer);
  store->buffer = buffer;
  store->at = stored;
  const tn_expr *value = tn_frame_let(l, expr, l->n_frames - 1);
  store->expr = value;
  tn_frame_append(inner, store);
  TN_PUSH(l->arena, &l->caches, ((tn_kept_element){inst, at, kept, outer->id, inner->id, buffer, false}));
  return value;
}

/* ---- elements ---- */

/* Which result of a reduce with several a get-tuple-element takes. */
static const tn_expr *lower_tuple_element(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_inst *tuple = inst->operands[0];
  int index = (int)inst->attr.index.index;
  if (is_leaf(l, tuple)) return tn_lower_fail(l, inst, true);
  if (tuple->op == TN_OP_REDUCE) return tn_lower_reduce(l, tuple, at, index);
  if (tuple->op == TN_OP_REDUCE_WINDOW) return tn_lower_reduce_window(l, tuple, at, index);
  if (tn_lower_is_sort(tuple)) return tn_lower_sort(l, tuple, at, index);
  if (tuple->op == TN_OP_TUPLE) return tn_lower_element(l, tuple->operands[index], at);
  return tn_lower_fail(l, inst, true);
}

static const tn_expr *lower_op(tn_lowering *l, tn_inst *inst, tn_position at) {
  if (tn_op_is(inst->op, TN_OP_ELEMENTWISE)) return tn_lower_elementwise(l, inst, at);
  if (inst->op == TN_OP_CONSTANT) return tn_expr_element(l->arena, inst->attr.constant.literal, 0);
  if (inst->op == TN_OP_MAP) return tn_lower_map(l, inst, at);
  if (inst->op == TN_OP_REDUCE) return tn_lower_reduce(l, inst, at, 0);
  if (inst->op == TN_OP_REDUCE_WINDOW) return tn_lower_reduce_window(l, inst, at, 0);
  if (inst->op == TN_OP_SORT) return tn_lower_sort(l, inst, at, 0);
  if (inst->op == TN_OP_DOT) return tn_lower_dot(l, inst, at);
  if (inst->op == TN_OP_CONVOLUTION) return tn_lower_convolution(l, inst, at);
  if (inst->op == TN_OP_GET_TUPLE_ELEMENT) return lower_tuple_element(l, inst, at);
  return tn_lower_movement(l, inst, at);
}

/* An operation's element, computed here. */
static const tn_expr *lower_computed(tn_lowering *l, tn_inst *inst, tn_position at) {
  const tn_expr *known = tn_lower_recall(l, inst, 0, at);
  if (!known) known = load_cached(l, inst, at);
  if (known) return known;
  int depth = l->n_frames - 1;
  const tn_expr *expr = lower_op(l, inst, at);
  if (!expr) return NULL;
  if (tn_expr_is_trivial(expr)) {
    tn_lower_remember(l, inst, 0, at, expr);
    return expr;
  }
  int needs = tn_frame_depth_of_expr(l, expr);
  if (needs < depth || inst->users.count > 1) {
    const tn_expr *kept = needs == depth ? cache(l, inst, at, expr) : expr;
    expr = kept->kind == TN_EXPR_VALUE ? kept : tn_frame_let(l, kept, needs);
    tn_lower_remember(l, inst, 0, at, expr);
  }
  return expr;
}

const tn_expr *tn_lower_element(tn_lowering *l, tn_inst *inst, tn_position at) {
  if (l->failed) return NULL;
  if (++l->elements > MAX_ELEMENTS && l->group->whole) return tn_lower_fail(l, inst, true);
  if (tn_shape_is_array(inst->shape) && !tn_type_lowers(inst->shape->type))
    return tn_lower_fail(l, inst, false);
  if (is_leaf(l, inst)) return lower_leaf(l, inst, at);
  /* It has none: this is under a guard that never holds, or in a loop without iterations. */
  if (tn_shape_is_array(inst->shape) && !tn_shape_elements(inst->shape))
    return tn_expr_number(l->arena, inst->shape->type, 0);
  if (tn_is_staged(l, inst)) return tn_lower_stage(l, inst, at);
  return lower_computed(l, inst, at);
}

/* ---- reduces ---- */

uint64_t tn_nest_dims_of(const tn_nest *nest, const tn_index *index) {
  uint64_t mask = 0, all = nest->rank ? (UINT64_C(1) << nest->rank) - 1 : 0;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    int place = term->dim - nest->first;
    if (term->kind == TN_TERM_DIM && place >= 0 && place < nest->rank) mask |= UINT64_C(1) << place;
    if (term->of) mask |= tn_nest_dims_of(nest, term->of);
    if (term->kind == TN_TERM_VALUE) mask = all;
  }
  return mask;
}

bool tn_lower_hide(tn_lowering *l, tn_inst *inst, tn_position at, tn_hidden *hidden) {
  int rank = tn_element_rank(inst), parent = tn_frame_depth_of_position(l, at, rank);
  if (l->guards.count) return tn_lower_fail(l, inst, true), false;
  for (int i = 0; i <= parent; i++)
    if (l->frames[i].owner->kind == TN_STMT_REDUCE) return tn_lower_fail(l, inst, true), false;
  l->nest.has_reduce = true;
  for (int i = 0; i < rank; i++) l->nest.reduced_on |= tn_nest_dims_of(&l->nest, at[i]);
  hidden->count = l->n_frames - (parent + 1);
  hidden->frames = tn_arena_copy(l->arena, l->frames + parent + 1, sizeof(tn_frame) * (size_t)hidden->count);
  l->n_frames = parent + 1;
  return true;
}

void tn_lower_reveal(tn_lowering *l, const tn_hidden *hidden) {
  memcpy(l->frames + l->n_frames, hidden->frames, sizeof(tn_frame) * (size_t)hidden->count);
  l->n_frames += hidden->count;
}

bool tn_lower_open_reduce(tn_lowering *l, tn_inst *inst, tn_position at, int n_dims, const int64_t *sizes,
                          const char *const *names, int n_accumulators, const tn_type *types,
                          tn_inst *const *initial, tn_open_reduce *reduce) {
  if (n_accumulators > 16 || n_dims > 16) return tn_lower_fail(l, inst, true), false;
  *reduce = (tn_open_reduce){.n_dims = n_dims, .n_accumulators = n_accumulators};
  if (!tn_lower_hide(l, inst, at, &reduce->hidden)) return false;
  int parent = l->n_frames - 1;
  for (int i = 0; i < n_accumulators; i++) {
    const tn_expr *value =
        initial[i] ? tn_lower_element(l, initial[i], NULL) : tn_expr_number(l->arena, types[i], 0);
    if (!value) return false;
    reduce->initial[i] = tn_expr_convert(l->arena, types[i], value);
    reduce->values[i] = tn_frame_new_value(l, "s", types[i], l->frames[parent].id);
  }
  reduce->stmt = tn_stmt_new(l->arena, TN_STMT_REDUCE);
  tn_frame_push(l, reduce->stmt);
  /* Inside, what depends on an accumulator changes with every element. */
  for (int i = 0; i < n_accumulators; i++) l->value_frame.at[reduce->values[i]] = l->frames[parent + 1].id;
  for (int i = 0; i < n_dims; i++) {
    const char *name = tn_arena_printf(l->arena, "%s%d", names ? names[i] : "k", l->dims.count);
    reduce->dims[i] = tn_frame_new_dim(l, name, sizes[i], TN_DIM_REDUCED, l->frames[l->n_frames - 1].id);
  }
  reduce->stmt->n_dims = n_dims;
  reduce->stmt->dims = tn_arena_copy(l->arena, reduce->dims, sizeof(int) * (size_t)n_dims);
  return true;
}

void tn_lower_close_reduce(tn_lowering *l, tn_open_reduce *reduce, const tn_expr *const *updates) {
  tn_accumulator *accumulators = TN_NEW_ARRAY(l->arena, tn_accumulator, reduce->n_accumulators);
  for (int i = 0; i < reduce->n_accumulators; i++)
    accumulators[i] = (tn_accumulator){reduce->values[i], reduce->initial[i], updates[i]};
  reduce->stmt->n_accumulators = reduce->n_accumulators;
  reduce->stmt->accumulators = accumulators;
  for (int i = 0; i < l->caches.count; i++)
    if (l->caches.at[i].filling == l->frames[l->n_frames - 1].id) l->caches.at[i].is_whole = true;
  tn_frame_pop(l);
  for (int i = 0; i < reduce->n_accumulators; i++)
    l->value_frame.at[reduce->values[i]] = l->frames[l->n_frames - 1].id;
  tn_lower_reveal(l, &reduce->hidden);
}

/* ---- trees ---- */

typedef bool tree_rule(tn_lowering *l, tn_inst *inst);

static tree_rule *tree_of(const tn_group *group) {
  tn_op op = group->roots[0]->op;
  if (op == TN_OP_SCATTER) return tn_lower_scatter;
  return op == TN_OP_CHOLESKY           ? tn_lower_cholesky
         : op == TN_OP_TRIANGULAR_SOLVE ? tn_lower_triangular_solve
                                        : NULL;
}

/* It writes the results of one instruction. */
static void lower_tree(tn_lowering *l, tree_rule *rule) {
  tn_inst *root = l->group->roots[0];
  if (root->op == TN_OP_SCATTER && !l->group->in_place) tn_lower_fail(l, root, true);
  for (int i = 1; i < l->group->n_roots; i++)
    if (l->group->roots[i] != root) tn_lower_fail(l, root, true);
  if (l->failed) return;
  if (!rule(l, root) || l->failed) return;
  l->kernel->body = l->frames[0].owner;
  tn_frame_pop(l);
}

/* ---- groups ---- */

static const tn_shape *root_shape(const tn_group *group, int root) {
  const tn_shape *shape = group->roots[root]->shape;
  return tn_shape_is_tuple(shape) ? shape->elements[root] : shape;
}

/* What the kernel's loops run over; NULL: no loops hold all roots. */
static const tn_shape *loop_shape(const tn_group *group, tn_root_places *places) {
  if (group->in_place) return group->roots[0]->operands[1]->shape;
  return tn_place_roots(group->arena, group->roots, group->n_roots, places) ? places->wide : NULL;
}

static const tn_expr *lower_root(tn_lowering *l, int root, tn_position at) {
  tn_inst *inst = l->group->roots[root];
  if (!tn_shape_is_tuple(inst->shape)) return tn_lower_element(l, inst, at);
  if (inst->op == TN_OP_REDUCE) return tn_lower_reduce(l, inst, at, root);
  if (inst->op == TN_OP_REDUCE_WINDOW) return tn_lower_reduce_window(l, inst, at, root);
  if (tn_lower_is_sort(inst)) return tn_lower_sort(l, inst, at, root);
  return tn_lower_fail(l, inst, false);
}

static void store_at(tn_lowering *l, int root, tn_position at, const tn_expr *value) {
  tn_lower_store(l, TN_LOWER_ROOT_BASE + root, at, value, NULL);
}

/* In place: all values are there before the first store, which they may read. */
static void store_updates(tn_lowering *l, tn_position at) {
  int count = l->group->n_roots;
  const tn_expr **values = TN_NEW_ARRAY(l->arena, const tn_expr *, count);
  tn_position *to = TN_NEW_ARRAY(l->arena, tn_position, count);
  for (int i = 0; i < count && !l->failed; i++) {
    tn_inst *root = l->group->roots[i];
    to[i] = tn_lower_from_starts(l, root, 2, root->shape, root->operands[1]->shape, at, 1);
    values[i] = to[i] ? tn_lower_element(l, root->operands[1], at) : NULL;
    if (values[i] && count > 1 && !tn_expr_is_trivial(values[i]))
      values[i] = tn_frame_let(l, values[i], l->n_frames - 1);
  }
  for (int i = 0; i < count && !l->failed; i++) store_at(l, i, to[i], values[i]);
}

/* The parts are computed side by side, so that they share what they have in common. */
static void store_pieces(tn_lowering *l, tn_position at) {
  int rank = root_shape(l->group, 0)->rank;
  for (int i = 0; i < l->pieces.count && !l->failed; i++) {
    const tn_piece *p = &l->pieces.at[i];
    const tn_index **to = TN_NEW_ARRAY(l->arena, const tn_index *, rank);
    const tn_index **from = TN_NEW_ARRAY(l->arena, const tn_index *, p->inst->shape->rank);
    for (int d = 0; d < rank; d++)
      to[d] = tn_index_add(l->arena, at[d], tn_index_constant(l->arena, p->offset[d]));
    for (int d = 0; d < p->inst->shape->rank; d++)
      from[d] = p->dim_of[d] < 0 ? tn_index_constant(l->arena, 0) : at[p->dim_of[d]];
    const tn_expr *value = tn_lower_element(l, p->inst, from);
    if (value) value = tn_lower_share(l, value);
    if (value) store_at(l, 0, to, value);
  }
}

/* The narrow roots, or the wide ones, where the loops are `at`. */
static void store_plain(tn_lowering *l, tn_position at, bool narrow) {
  for (int i = 0; i < l->group->n_roots && !l->failed; i++) {
    int rank = root_shape(l->group, i)->rank;
    const tn_index **to = TN_NEW_ARRAY(l->arena, const tn_index *, rank);
    if (l->places.is_narrow[i] != narrow) continue;
    for (int d = 0; d < rank; d++)
      to[d] = l->places.dim_of[i][d] < 0 ? tn_index_constant(l->arena, 0) : at[l->places.dim_of[i][d]];
    const tn_expr *value = lower_root(l, i, to);
    if (value) store_at(l, i, to, value);
  }
}

static void store_roots(tn_lowering *l, tn_position at) {
  if (l->group->in_place) {
    store_updates(l, at);
    return;
  }
  if (l->pieces.count) {
    store_pieces(l, at);
    return;
  }
  store_plain(l, at, false);
}

static bool store_root_element(tn_lowering *l, void *user, tn_position at) {
  (void)user;
  store_roots(l, at);
  return !l->failed;
}

static bool store_narrow_roots(tn_lowering *l, void *user, tn_position at) {
  (void)user;
  store_plain(l, at, true);
  return !l->failed;
}

/* Bands, strips of a band and columns of a strip are loops of their own where the columns are
 * those of an encoded matrix.                                                             */
typedef struct {
  int rank;       /* of the root */
  int64_t strips; /* in a band */
} bands;

static bool store_band_element(tn_lowering *l, void *user, tn_position at) {
  const bands *b = user;
  const tn_index **joined = tn_arena_copy(l->arena, at, sizeof *joined * (size_t)b->rank);
  const tn_index *strip = tn_index_scale(l->arena, at[b->rank - 1], b->strips);
  strip = tn_index_add(l->arena, strip, at[b->rank]);
  joined[b->rank - 1] = tn_index_add(l->arena, tn_index_scale(l->arena, strip, TN_BLOCK), at[b->rank + 1]);
  store_roots(l, joined);
  return !l->failed;
}

static void split_bands(tn_lowering *l, bands *b, tn_nest_form *form) {
  int64_t *sizes = TN_NEW_ARRAY(l->arena, int64_t, form->rank + 2);
  memcpy(sizes, form->sizes, sizeof *sizes * (size_t)form->rank);
  sizes[form->rank - 1] /= b->strips * TN_BLOCK;
  sizes[form->rank] = b->strips;
  sizes[form->rank + 1] = TN_BLOCK;
  form->sizes = sizes;
  form->rank += 2;
  form->store = store_band_element;
  form->user = b;
}

/* ---- nests ---- */

/* The loop of the remaining dims is lowered twice: the first time puts the reductions
 * into the body around it, and what they keep in locals is then there for the second. */
static void lower_inner(tn_lowering *l, const tn_nest_form *form, tn_stmt *loop, tn_position at) {
  for (int run = 0; run < 2 && !l->failed; run++) {
    loop->body = NULL;
    tn_frame_push(l, loop);
    for (int i = 0; i < loop->n_dims; i++) l->dim_frame.at[loop->dims[i]] = l->frames[l->n_frames - 1].id;
    form->store(l, form->user, at);
    if (run == 0) l->n_frames--;
  }
}

/* Dims of one iteration have no loop, so that nothing seems to depend on them. */
static void open_dims(tn_lowering *l, const tn_nest_form *form, tn_stmt *const loops[2],
                      const tn_index **at) {
  int *dims[2] = {TN_NEW_ARRAY(l->arena, int, form->rank), TN_NEW_ARRAY(l->arena, int, form->rank)};
  l->nest = (tn_nest){.first = l->dims.count, .rank = form->rank, .fast = -1};
  for (int i = 0; i < form->rank; i++) {
    const char *name = tn_arena_printf(l->arena, "d%d", l->dims.count);
    int dim = tn_frame_new_dim(l, name, form->sizes[i], TN_DIM_PARALLEL, l->frames[l->n_frames - 1].id);
    at[i] = form->sizes[i] == 1 ? tn_index_constant(l->arena, 0) : tn_index_dim(l->arena, dim);
    if (form->base) at[i] = tn_index_add(l->arena, form->base[i], at[i]);
  }
  for (int k = 0; k < form->rank; k++) {
    int i = form->order ? form->order[k] : k, side = !(form->outer >> i & 1);
    if (form->sizes[i] == 1) continue;
    dims[side][loops[side]->n_dims++] = l->nest.fast = l->nest.first + i;
  }
  loops[0]->dims = dims[0];
  loops[1]->dims = dims[1];
}

tn_stmt *tn_lower_nest(tn_lowering *l, const tn_nest_form *form, tn_nest *nest) {
  tn_stmt *loops[2] = {tn_stmt_new(l->arena, TN_STMT_LOOP), tn_stmt_new(l->arena, TN_STMT_LOOP)};
  const tn_index **at = TN_NEW_ARRAY(l->arena, const tn_index *, form->rank);
  tn_nest around = l->nest;
  if (l->n_frames + 2 > TN_MAX_FRAMES) return tn_lower_fail(l, form->inst, true), NULL;
  tn_frame_push(l, loops[0]);
  open_dims(l, form, loops, at);
  if (form->store_outer) form->store_outer(l, form->user, at);
  if (loops[1]->n_dims)
    lower_inner(l, form, loops[1], at);
  else
    form->store(l, form->user, at);
  *nest = l->nest;
  l->nest = around;
  if (l->failed) return NULL;
  if (loops[1]->n_dims) tn_frame_pop(l);
  tn_frame_pop(l);
  return loops[0];
}

static void lower_roots(tn_lowering *l, const tn_shape *shape, int run, uint64_t outer, int64_t strips,
                        tn_nest *nest) {
  bands bands = {shape->rank, strips};
  if (l->group->n_roots == 1 && l->group->whole) tn_find_pieces(l->arena, l->group->roots[0], &l->pieces);
  int64_t *sizes = tn_arena_copy(l->arena, shape->dims, sizeof *sizes * (size_t)shape->rank);
  for (int i = 0; i < shape->rank && l->pieces.count; i++) sizes[i] = tn_piece_size(&l->pieces.at[0], i);
  if (l->stages && (l->pieces.count || l->places.n_narrow)) tn_lower_fail(l, l->group->roots[0], true);
  if (l->failed) return;
  tn_nest_form form = {l->group->roots[0], shape->rank, sizes, NULL, NULL, outer,
                       store_root_element, NULL,        NULL};
  if (l->places.n_narrow) form.store_outer = store_narrow_roots;
  if (strips && !l->stages && !l->pieces.count) split_bands(l, &bands, &form);
  l->kernel->body = l->stages ? tn_lower_staged(l, run, &form) : tn_lower_nest(l, &form, nest);
}

static void finish(tn_lowering *l) {
  const tn_group *group = l->group;
  for (int i = 0; i < group->n_roots; i++) {
    const char *name = tn_arena_printf(l->arena, group->n_roots > 1 ? "y%d" : "y", i);
    TN_PUSH(l->arena, &l->buffers,
            ((tn_kernel_buffer){name, group->root_shape(group->user, i),
                                group->in_place ? TN_BUFFER_INOUT : TN_BUFFER_OUT}));
  }
  int first_local = l->buffers.count;
  for (int i = 0; i < l->locals.count; i++) TN_PUSH(l->arena, &l->buffers, l->locals.at[i]);
  l->kernel->n_parameters = first_local;
  l->kernel->n_buffers = l->buffers.count;
  l->kernel->buffers = l->buffers.at;
  tn_lower_renumber(l->kernel, l->leaves.count, first_local);
  l->kernel->n_values = l->values.count;
  l->kernel->values = l->values.at;
  l->out->kernel = l->kernel;
  l->out->leaves = l->leaves.at;
  l->out->sections = l->sections.at;
  l->out->n_leaves = l->leaves.count;
}

/* Runs twice: what the reductions depend on decides the loops they stand in. Narrow roots
 * say it themselves.                                                                     */
bool tn_lower_group(const tn_group *group, tn_lowered *out) {
  *out = (tn_lowered){.structure = true};
  tn_root_places places = {0};
  const tn_shape *shape = loop_shape(group, &places);
  if (!shape || shape->rank > 60) return out->culprit = group->roots[0], false;
  *out = (tn_lowered){0};
  if (tree_of(group)) {
    tn_lowering l = {.group = group, .out = out, .arena = group->arena};
    l.kernel = TN_NEW(group->arena, tn_kernel);
    lower_tree(&l, tree_of(group));
    if (!l.failed) finish(&l);
    return !l.failed;
  }
  bool is_narrow = places.n_narrow > 0;
  int64_t columns = shape->rank ? shape->dims[shape->rank - 1] : 0;
  int64_t strips = columns && !is_narrow ? tn_lower_strips(group->arena, group, columns) : 0;
  int rank = strips ? shape->rank + 2 : shape->rank; /* bits beyond the nest's do no harm */
  uint64_t all = rank ? (UINT64_C(1) << rank) - 1 : 0, outer = is_narrow ? places.outer : all;
  tn_stages *stages = tn_stages_find(group);
  for (int run = 0; run < 2; run++) {
    tn_lowering l = {.group = group, .out = out, .arena = group->arena, .stages = stages, .places = places};
    tn_nest nest = {0};
    l.kernel = TN_NEW(group->arena, tn_kernel);
    lower_roots(&l, shape, run, outer, strips, &nest);
    if (is_narrow && nest.reduced_on & ~outer) tn_lower_fail(&l, group->roots[0], true);
    if (l.failed) return false;
    bool is_final = nest.reduced_on == all || (!nest.reduced_on && !nest.has_reduce);
    if (run == 1 || is_narrow || (!stages && is_final)) {
      finish(&l);
      return true;
    }
    outer = nest.reduced_on;
  }
  return true;
}
