/* Instructions in which the order of elements matters: sort, topk, scan,
 * select-and-scatter, cumulative windows.
 *
 * Comparators are strict weak orders on the keys that there are (no NaN, but under total
 * order): for others the result depends on the algorithm.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "test/random/generate.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* ---- sort ---- */

static tn_inst *scalar_parameter(generator *g, tn_comp *comp, int64_t number, tn_type type) {
  return tn_build_parameter(comp, number, tn_shape_scalar(g->module->arena, type), "x");
}

/* A computed NaN has a sign that may not be seen. */
static bool needs_total_order(generator *g, node key, bool *possible) {
  bool total = has_nan(key.value) || chance(g->dice, 15);
  *possible = !total || key.inst->n_operands == 0;
  return total && class_of(key.inst->shape->type) == FLOATS;
}

/* a < b, or a > b; of magnitudes. */
static tn_inst *less(generator *g, tn_comp *comp, tn_inst *a, tn_inst *b, bool total) {
  bool swap = chance(g->dice, 50);
  if (!total && (class_of(a->shape->type) & ORDERED_CLASS) && chance(g->dice, 15)) {
    a = tn_build_unary(comp, NULL, TN_OP_ABS, a);
    b = tn_build_unary(comp, NULL, TN_OP_ABS, b);
  }
  tn_inst *inst =
      tn_build_compare(comp, NULL, chance(g->dice, 60) ? TN_LT : TN_GT, swap ? b : a, swap ? a : b);
  if (total) inst->attr.compare.type = TN_COMPARE_TOTALORDER;
  return inst;
}

/* By one operand, or by a second where the first are equal. */
static tn_comp *comparator(generator *g, int count, const node *operands, const bool *total, int key,
                           int second) {
  tn_comp *comp = tn_comp_create(g->module, "before");
  tn_inst *p[8];
  for (int i = 0; i < 2 * count; i++) p[i] = scalar_parameter(g, comp, i, operands[i / 2].inst->shape->type);
  tn_inst *first = less(g, comp, p[2 * key], p[2 * key + 1], total[key]);
  comp->root = first;
  if (second < 0) return comp;
  tn_inst *equal = tn_build_compare(comp, NULL, TN_EQ, first->operands[0], first->operands[1]);
  equal->attr.compare.type = first->attr.compare.type;
  tn_inst *then = less(g, comp, p[2 * second], p[2 * second + 1], total[second]);
  comp->root =
      tn_build_binary(comp, NULL, TN_OP_OR, first, tn_build_binary(comp, NULL, TN_OP_AND, equal, then));
  return comp;
}

/* Where one operand's dim is bounded and another's is not, elements of the other are beyond a size that its
 * result does not tell.                                                                                 */
static bool alike_bounded(const tn_shape *a, const tn_shape *b) {
  for (int d = 0; d < a->rank; d++)
    if ((a->dynamic && a->dynamic[d]) != (b->dynamic && b->dynamic[d])) return false;
  return true;
}

static tn_inst *sort(generator *g) {
  node operands[4] = {pick(g, PREDS | ORDERED_CLASS, 1)};
  const tn_shape *shape = operands[0].inst->shape;
  int count = chance(g->dice, 50) ? 1 : 2 + roll(g->dice, 3), key = 0;
  bool total[4], possible = true;
  for (int i = 1; i < count; i++)
    operands[i] = pick_like(g, tn_shape_with_type(g->module->arena, shape, random_type(g, ANY_CLASS)));
  for (int i = 1; i < count; i++)
    if (!alike_bounded(shape, operands[i].inst->shape)) return NULL;
  for (int i = 0; i < count; i++) {
    bool ordered = class_of(operands[i].inst->shape->type) != COMPLEXES, fits = ordered;
    total[i] = ordered && needs_total_order(g, operands[i], &fits);
    if (i == 0)
      possible = fits;
    else if (fits && chance(g->dice, 30))
      key = i;
    operands[i].value = fits ? operands[i].value : NULL;
  }
  if (!possible) return NULL;
  int second = roll(g->dice, count);
  if (second == key || !operands[second].value || chance(g->dice, 40)) second = -1;
  tn_comp *comp = comparator(g, count, operands, total, key, second);
  tn_inst *inst = begin(g, TN_OP_SORT, NULL, count, operands);
  inst->attr.sort.dim = roll(g->dice, shape->rank);
  inst->attr.sort.is_stable = chance(g->dice, 60);
  tn_inst_set_called(inst, 1, &comp);
  inst = keep_or_remove(g, inst, 1, &comp);
  if (inst) take_apart(g, inst);
  return inst;
}

static tn_inst *topk(generator *g) {
  node x = pick(g, ORDERED_CLASS, 1);
  if (has_nan(x.value) && x.inst->n_operands) return NULL;
  int64_t size = x.inst->shape->dims[x.inst->shape->rank - 1];
  tn_inst *inst = begin(g, TN_OP_TOPK, NULL, 1, &x);
  inst->attr.topk.k = chance(g->dice, 20) ? size : between(g->dice, size > 0, size);
  inst->attr.topk.largest = chance(g->dice, 70);
  inst = keep(g, inst);
  if (inst) take_apart(g, inst);
  return inst;
}

/* ---- scan ---- */

/* The first slice along `dim`, which is there. */
static tn_literal *first_slice(generator *g, const tn_literal *value, int dim) {
  const tn_shape *from = value->shape;
  int64_t dims[8] = {0}, inner = 1, outer = 1;
  for (int d = 0, n = 0; d < from->rank; d++) {
    if (d != dim) dims[n++] = from->dims[d];
    if (d < dim) outer *= from->dims[d];
    if (d > dim) inner *= from->dims[d];
  }
  void *data;
  tn_literal *slice =
      tn_literal_uninitialised(g->arena, make_shape(g, from->type, from->rank - 1, dims), &data);
  double *bound = TN_NEW_ARRAY(g->arena, double, outer *inner);
  size_t bytes = tn_type_bytes(from->type), row = (size_t)inner * bytes;
  for (int64_t i = 0; i < outer; i++) {
    int64_t at = i * from->dims[dim] * inner;
    memcpy((char *)data + (size_t)i * row, (const char *)value->data + (size_t)at * bytes, row);
    if (value->bound) memcpy(&bound[i * inner], &value->bound[at], (size_t)inner * sizeof *bound);
  }
  slice->bound = bound;
  return slice;
}

/* (slices…, carries…) -> (outputs…, carries…). */
static tn_comp *scan_body(generator *g, const node *operands, int count, int carries, int dim) {
  tn_comp *comp = tn_comp_create(g->module, "step");
  generator inner = called_generator(g, comp);
  for (int i = 0; i < count; i++)
    add_parameter(&inner, i < count - carries ? first_slice(g, operands[i].value, dim) : operands[i].value);
  grow(&inner, 1 + roll(g->dice, 4));
  tn_inst *results[8];
  int n = 0;
  for (int outputs = 1 + roll(g->dice, 2); n < outputs; n++) {
    node output = pick(&inner, ANY_CLASS, dim);
    if (output.inst->shape->rank > 5) return comp;
    results[n] = output.inst;
  }
  for (int i = count - carries; i < count; i++)
    results[n++] = pick_like(&inner, tn_shape_without_layout(g->module->arena, operands[i].inst->shape)).inst;
  comp->root = tn_build_tuple(comp, NULL, n, results);
  return comp;
}

static tn_inst *scan(generator *g) {
  if (g->depth >= 2) return NULL;
  node operands[5] = {pick(g, ANY_CLASS, 1)};
  const tn_shape *shape = operands[0].inst->shape;
  int dim = roll(g->dice, shape->rank < 3 ? shape->rank : 3), inputs = 1 + roll(g->dice, 2),
      carries = 1 + roll(g->dice, 2);
  if (shape->dims[dim] == 0 || shape->dims[dim] > 40) return NULL;
  for (int i = 1; i < inputs; i++)
    operands[i] = pick_like(g, tn_shape_with_type(g->module->arena, shape, random_type(g, ANY_CLASS)));
  for (int i = 0; i < carries; i++) {
    operands[inputs + i] = pick(g, ANY_CLASS, 0);
    if (chance(g->dice, 60)) { /* as large as a slice */
      const tn_shape *slice = first_slice(g, operands[0].value, dim)->shape;
      operands[inputs + i] = pick_like(g, slice);
    }
  }
  tn_comp *comp = scan_body(g, operands, inputs + carries, carries, dim);
  if (!comp->root) return tn_comp_remove(comp), NULL;
  tn_inst *inst = begin(g, TN_OP_SCAN, NULL, inputs + carries, operands);
  inst->attr.scan.dim = dim;
  inst->attr.scan.num_carries = carries;
  inst->attr.scan.is_reverse = chance(g->dice, 40);
  inst->attr.scan.is_associative = chance(g->dice, 30) ? TN_TRISTATE_FALSE : TN_TRISTATE_ABSENT;
  tn_inst_set_called(inst, 1, &comp);
  inst = keep_or_remove(g, inst, 1, &comp);
  if (inst) take_apart(g, inst);
  return inst;
}

/* ---- windows ---- */

/* Sums up to each element, as networks' exporters write them. */
static tn_inst *cumulative(generator *g) {
  node x = pick(g, ANY_CLASS, 1), operands[2] = {x};
  const tn_shape *shape = x.inst->shape;
  int dim = roll(g->dice, shape->rank);
  int64_t size = shape->dims[dim];
  if (!size || size * tn_shape_elements(shape) > 100000) return NULL;
  tn_comp *comp = random_reducer(g, 1, &shape->type);
  operands[1] = initial_value(g, shape->type, comp);
  tn_window_dim *window = TN_NEW_ARRAY(g->module->arena, tn_window_dim, shape->rank);
  for (int i = 0; i < shape->rank; i++)
    window[i] = (tn_window_dim){.size = 1, .stride = 1, .lhs_dilation = 1, .rhs_dilation = 1};
  window[dim].size = size;
  if (chance(g->dice, 70))
    window[dim].pad_low = size - 1;
  else
    window[dim].pad_high = size - 1;
  tn_inst *inst = begin(g, TN_OP_REDUCE_WINDOW, NULL, 2, operands);
  inst->attr.window.window = (tn_window){window, shape->rank};
  tn_inst_set_called(inst, 1, &comp);
  inst = keep(g, inst);
  if (!inst && !comp->callers.count) tn_comp_remove(comp);
  return inst;
}

/* (a, b) -> whether a stays. */
static tn_comp *selection(generator *g, tn_type type) {
  static const tn_direction directions[] = {TN_GE, TN_GE, TN_GT, TN_LE, TN_LT, TN_EQ, TN_NE};
  tn_comp *comp = tn_comp_create(g->module, "select");
  tn_inst *a = scalar_parameter(g, comp, 0, type), *b = scalar_parameter(g, comp, 1, type);
  bool complex = class_of(type) == COMPLEXES;
  tn_direction direction = directions[complex ? 5 + roll(g->dice, 2) : roll(g->dice, 7)];
  comp->root = tn_build_compare(comp, NULL, direction, a, b);
  return comp;
}

static tn_inst *select_and_scatter(generator *g) {
  node x = pick(g, ANY_CLASS, 1);
  const tn_shape *shape = x.inst->shape;
  int64_t dims[8], work = tn_shape_elements(shape);
  tn_window_dim *window = TN_NEW_ARRAY(g->module->arena, tn_window_dim, shape->rank);
  for (int i = 0; i < shape->rank; i++) {
    tn_window_dim *w = &window[i];
    *w = (tn_window_dim){.size = 1, .stride = 1, .lhs_dilation = 1, .rhs_dilation = 1};
    if (chance(g->dice, 60)) w->size = between(g->dice, 2, 4);
    if (chance(g->dice, 60)) w->stride = between(g->dice, 1, 3);
    if (chance(g->dice, 30)) w->pad_low = between(g->dice, 0, w->size - 1);
    if (chance(g->dice, 30)) w->pad_high = between(g->dice, 0, w->size - 1);
    int64_t whole = shape->dims[i] + w->pad_low + w->pad_high;
    dims[i] = whole < w->size ? 0 : (whole - w->size) / w->stride + 1;
    work *= w->size;
  }
  if (work > 100000) return NULL;
  tn_comp *comps[2] = {selection(g, shape->type), random_reducer(g, 1, &shape->type)};
  node operands[3] = {x, pick_like(g, make_shape(g, shape->type, shape->rank, dims)),
                      initial_value(g, shape->type, comps[1])};
  tn_inst *inst = begin(g, TN_OP_SELECT_AND_SCATTER, NULL, 3, operands);
  inst->attr.window.window = (tn_window){window, shape->rank};
  tn_inst_set_called(inst, 2, comps);
  inst = keep(g, inst);
  for (int i = 0; !inst && i < 2; i++)
    if (!comps[i]->callers.count) tn_comp_remove(comps[i]);
  return inst;
}

tn_inst *make_ordered(generator *g) {
  static const weighted_rule rules[] = {
      {sort, 10}, {topk, 5}, {scan, 7}, {cumulative, 6}, {select_and_scatter, 7}};
  return apply_rule(g, rules, COUNT(rules));
}
