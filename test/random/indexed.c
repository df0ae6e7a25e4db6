/* Instructions whose indices are known at run time: slices and updates, gather, scatter.
 * Indices are inside, around the edges and anything at all.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static tn_type index_type(generator *g) {
  static const tn_type types[] = {TN_S32, TN_S32, TN_S64, TN_S8, TN_U8, TN_U32, TN_U64, TN_S16};
  return types[roll(g->dice, COUNT(types))];
}

/* A start index: given, or what the program has computed. */
static node start_index(generator *g, tn_type type, int64_t size) {
  if (chance(g->dice, 15)) return pick_scalar(g, type);
  return input_of(g, index_literal(g, make_shape(g, type, 0, NULL), size));
}

static tn_inst *dynamic_slice(generator *g) {
  node x = pick(g, ANY_CLASS, 0), operands[9] = {x};
  int rank = x.inst->shape->rank;
  int64_t sizes[8];
  tn_type type = index_type(g);
  for (int i = 0; i < rank; i++) {
    int64_t size = x.inst->shape->dims[i];
    sizes[i] = chance(g->dice, 30) ? size : between(g->dice, size > 0, size);
    operands[1 + i] = start_index(g, type, size);
  }
  tn_inst *inst = begin(g, TN_OP_DYNAMIC_SLICE, NULL, 1 + rank, operands);
  inst->attr.dynamic_slice.sizes = make_dims(g, rank, sizes);
  return keep(g, inst);
}

static tn_inst *dynamic_update_slice(generator *g) {
  node x = pick(g, ANY_CLASS, 0), operands[10] = {x};
  const tn_shape *shape = x.inst->shape;
  int64_t sizes[8];
  tn_type type = index_type(g);
  for (int i = 0; i < shape->rank; i++) {
    int64_t size = shape->dims[i];
    sizes[i] = chance(g->dice, 40) ? size : between(g->dice, size > 0 && chance(g->dice, 95), size);
    operands[2 + i] = start_index(g, type, size);
  }
  operands[1] = pick_like(g, make_shape(g, shape->type, shape->rank, sizes));
  return keep(g, begin(g, TN_OP_DYNAMIC_UPDATE_SLICE, NULL, 2 + shape->rank, operands));
}

/* ---- gather ---- */

static void sort(int64_t *numbers, int count) {
  for (int i = 1; i < count; i++)
    for (int j = i; j > 0 && numbers[j] < numbers[j - 1]; j--) {
      int64_t t = numbers[j];
      numbers[j] = numbers[j - 1];
      numbers[j - 1] = t;
    }
}

/* What each dim of the operand is to a gather. */
typedef struct {
  int64_t sizes[8], collapsed[8], batching[8], indexed[8];
  int n_collapsed, n_batching, n_indexed;
} roles;

static roles draw_roles(generator *g, const tn_shape *shape) {
  roles r = {0};
  for (int d = 0; d < shape->rank; d++) {
    int64_t size = shape->dims[d];
    r.sizes[d] = chance(g->dice, 50) ? size : between(g->dice, size > 0, size);
    bool batching = chance(g->dice, 12) && size > 0, collapsed = !batching && size > 0 && chance(g->dice, 45);
    if (batching || collapsed) r.sizes[d] = 1;
    if (batching) r.batching[r.n_batching++] = d;
    if (collapsed) r.collapsed[r.n_collapsed++] = d;
    if (!batching && (collapsed ? chance(g->dice, 85) : chance(g->dice, 40))) r.indexed[r.n_indexed++] = d;
  }
  shuffle(g->dice, r.indexed, r.n_indexed);
  return r;
}

/* Index tensor: batch dims, those of the batching ones among them, and the vector dim. */
static const tn_shape *indices_shape(generator *g, const tn_shape *operand, const roles *r, int64_t *batching,
                                     int64_t *vector_dim) {
  int64_t dims[8], order[8];
  int rank = r->n_batching + roll(g->dice, 3), n = 0;
  for (int i = 0; i < rank; i++) order[i] = i;
  shuffle(g->dice, order, rank);
  for (int i = 0; i < rank; i++) dims[i] = between(g->dice, 1, 7);
  for (int i = 0; i < r->n_batching; i++) {
    batching[i] = order[i];
    dims[order[i]] = operand->dims[r->batching[i]];
  }
  bool implicit = r->n_indexed == 1 && chance(g->dice, 30);
  *vector_dim = implicit ? rank : roll(g->dice, rank + 1);
  if (!implicit) {
    for (n = rank; n > *vector_dim; n--) dims[n] = dims[n - 1];
    dims[*vector_dim] = r->n_indexed;
    for (int i = 0; i < r->n_batching; i++) batching[i] += batching[i] >= *vector_dim;
    rank++;
  }
  return make_shape(g, index_type(g), rank, dims);
}

static int64_t largest_dim(const tn_shape *shape) {
  int64_t largest = 1;
  for (int d = 0; d < shape->rank; d++) largest = shape->dims[d] > largest ? shape->dims[d] : largest;
  return largest;
}

static node pick_indices(generator *g, const tn_shape *shape, const tn_shape *operand) {
  if (chance(g->dice, 10)) return pick_like(g, shape);
  return input_of(g, index_literal(g, shape, largest_dim(operand)));
}

/* Where the windows' dims stand among the result's (gather) or the updates' (scatter). */
static void draw_places(generator *g, int64_t *windows, int n_windows, int n_all) {
  for (int i = 0; i < n_all; i++) windows[i] = i;
  if (chance(g->dice, 60)) shuffle(g->dice, windows, n_all);
  sort(windows, n_windows);
}

static tn_inst *gather(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  const tn_shape *operand = x.inst->shape;
  if (operand->rank > 5 || tn_shape_elements(operand) == 0) return NULL;
  roles r = draw_roles(g, operand);
  int64_t batching[8], vector_dim, offsets[12];
  const tn_shape *shape = indices_shape(g, operand, &r, batching, &vector_dim);
  node operands[2] = {x, pick_indices(g, shape, operand)};
  int n_offset = operand->rank - r.n_collapsed - r.n_batching,
      n_batch = shape->rank - (vector_dim < shape->rank);
  draw_places(g, offsets, n_offset, n_offset + n_batch);
  tn_inst *inst = begin(g, TN_OP_GATHER, NULL, 2, operands);
  tn_gather_attributes *own = tn_inst_edit_gather(inst);
  own->offset_dims = make_dims(g, n_offset, offsets);
  own->collapsed_slice_dims = make_dims(g, r.n_collapsed, r.collapsed);
  own->operand_batching_dims = make_dims(g, r.n_batching, r.batching);
  own->start_indices_batching_dims = make_dims(g, r.n_batching, batching);
  own->start_index_map = make_dims(g, r.n_indexed, r.indexed);
  own->slice_sizes = make_dims(g, operand->rank, r.sizes);
  own->index_vector_dim = vector_dim;
  return keep(g, inst);
}

/* ---- scatter ---- */

/* The window's dims at their places, the indices' between them. */
static const tn_shape *updates_shape(generator *g, const tn_shape *operand, const roles *r,
                                     const tn_shape *indices, int64_t vector_dim, const int64_t *windows,
                                     int n_windows, int rank) {
  int64_t dims[16];
  bool removed[8] = {false};
  for (int i = 0; i < r->n_collapsed; i++) removed[r->collapsed[i]] = true;
  for (int i = 0; i < r->n_batching; i++) removed[r->batching[i]] = true;
  for (int i = 0, window = 0, batch = 0, next = 0; i < rank; i++) {
    if (next < n_windows && windows[next] == i) {
      while (removed[window]) window++;
      dims[i] = r->sizes[window++];
      next++;
    } else {
      batch += batch == vector_dim;
      dims[i] = indices->dims[batch++];
    }
  }
  return make_shape(g, operand->type, rank, dims);
}

/* (old, update) -> update: the last one stays. */
static tn_comp *overwrite(generator *g, tn_type type) {
  tn_comp *comp = tn_comp_create(g->module, "overwrite");
  const tn_shape *scalar = tn_shape_scalar(g->module->arena, type);
  tn_build_parameter(comp, 0, scalar, "old");
  comp->root = tn_build_parameter(comp, 1, scalar, "update");
  return comp;
}

static tn_inst *scatter(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  const tn_shape *operand = x.inst->shape;
  if (operand->rank > 5 || tn_shape_elements(operand) == 0) return NULL;
  roles r = draw_roles(g, operand);
  int64_t batching[8], vector_dim, windows[16];
  const tn_shape *shape = indices_shape(g, operand, &r, batching, &vector_dim);
  int n_windows = operand->rank - r.n_collapsed - r.n_batching,
      rank = n_windows + shape->rank - (vector_dim < shape->rank);
  draw_places(g, windows, n_windows, rank);
  const tn_shape *updates = updates_shape(g, operand, &r, shape, vector_dim, windows, n_windows, rank);
  if (tn_shape_elements(updates) > 4 * g->max_elements) return NULL;
  int count = chance(g->dice, 85) ? 1 : 2;
  tn_type types[2] = {operand->type, count == 2 ? random_type(g, ANY_CLASS) : operand->type};
  node operands[5] = {x};
  for (int i = 1; i < count; i++)
    operands[i] = pick_like(g, tn_shape_with_type(g->module->arena, operand, types[i]));
  operands[count] = pick_indices(g, shape, operand);
  for (int i = 0; i < count; i++)
    operands[count + 1 + i] = pick_like(g, tn_shape_with_type(g->module->arena, updates, types[i]));
  tn_comp *comp =
      count == 1 && chance(g->dice, 30) ? overwrite(g, types[0]) : random_reducer(g, count, types);
  tn_inst *inst = begin(g, TN_OP_SCATTER, NULL, 2 * count + 1, operands);
  tn_scatter_attributes *own = tn_inst_edit_scatter(inst);
  own->update_window_dims = make_dims(g, n_windows, windows);
  own->inserted_window_dims = make_dims(g, r.n_collapsed, r.collapsed);
  own->scatter_dims_to_operand_dims = make_dims(g, r.n_indexed, r.indexed);
  own->input_batching_dims = make_dims(g, r.n_batching, r.batching);
  own->scatter_indices_batching_dims = make_dims(g, r.n_batching, batching);
  own->index_vector_dim = vector_dim;
  tn_inst_set_called(inst, 1, &comp);
  inst = keep(g, inst);
  if (!inst && !comp->callers.count) tn_comp_remove(comp);
  if (inst) take_apart(g, inst);
  return inst;
}

tn_inst *make_indexed(generator *g) {
  static const weighted_rule rules[] = {
      {dynamic_slice, 10}, {gather, 8}, {dynamic_update_slice, 7}, {scatter, 7}};
  return apply_rule(g, rules, g->theme->families & INDEXED || chance(g->dice, 20) ? COUNT(rules) : 2);
}
