/* reduce, reduce-window, map, batch-norm.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "test/random/generate.h"

#include <math.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* ---- reducers ---- */

static tn_op monoid(generator *g, tn_type type) {
  static const tn_op of_floats[] = {TN_OP_ADD,     TN_OP_ADD,     TN_OP_ADD,
                                    TN_OP_MAXIMUM, TN_OP_MINIMUM, TN_OP_MULTIPLY};
  static const tn_op of_integers[] = {TN_OP_ADD,     TN_OP_ADD, TN_OP_MULTIPLY, TN_OP_MAXIMUM,
                                      TN_OP_MINIMUM, TN_OP_AND, TN_OP_OR,       TN_OP_XOR};
  static const tn_op of_preds[] = {TN_OP_AND,     TN_OP_OR,  TN_OP_XOR,     TN_OP_MAXIMUM,
                                   TN_OP_MINIMUM, TN_OP_ADD, TN_OP_MULTIPLY};
  if (class_of(type) == COMPLEXES) return chance(g->dice, 80) ? TN_OP_ADD : TN_OP_MULTIPLY;
  if (type == TN_PRED) return of_preds[roll(g->dice, COUNT(of_preds))];
  if (class_of(type) == INTEGERS) return of_integers[roll(g->dice, COUNT(of_integers))];
  return of_floats[roll(g->dice, COUNT(of_floats))];
}

static tn_inst *scalar_parameter(generator *g, tn_comp *comp, int64_t number, tn_type type) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
  return tn_build_parameter(comp, number, tn_shape_scalar(g->module->arena, type), names[number]);
}

/* (value, index) of the larger value; of equal ones the lower index. */
static tn_comp *arg_max(generator *g, tn_type type, tn_type index) {
  tn_comp *comp = tn_comp_create(g->module, "argmax");
  tn_inst *p[4];
  for (int i = 0; i < 4; i++) p[i] = scalar_parameter(g, comp, i, i % 2 ? index : type);
  tn_direction direction = chance(g->dice, 50) ? TN_GT : TN_LT;
  tn_inst *better = tn_build_compare(comp, NULL, direction, p[0], p[2]);
  tn_inst *equal = tn_build_compare(comp, NULL, TN_EQ, p[0], p[2]);
  tn_inst *first = tn_build_compare(comp, NULL, TN_LT, p[1], p[3]);
  tn_inst *wins =
      tn_build_binary(comp, NULL, TN_OP_OR, better, tn_build_binary(comp, NULL, TN_OP_AND, equal, first));
  tn_inst *results[2] = {tn_build_select(comp, NULL, wins, p[0], p[2]),
                         tn_build_select(comp, NULL, wins, p[1], p[3])};
  comp->root = tn_build_tuple(comp, NULL, 2, results);
  return comp;
}

/* A monoid for each operand. */
static tn_comp *several(generator *g, int count, const tn_type *types) {
  tn_comp *comp = tn_comp_create(g->module, "several");
  tn_inst *p[6], *results[3];
  for (int i = 0; i < 2 * count; i++) p[i] = scalar_parameter(g, comp, i, types[i % count]);
  for (int i = 0; i < count; i++)
    results[i] = tn_build_binary(comp, NULL, monoid(g, types[i]), p[i], p[count + i]);
  comp->root = tn_build_tuple(comp, NULL, count, results);
  return comp;
}

/* The element of larger size, which is no opcode. */
static tn_comp *larger(generator *g, tn_type type) {
  tn_comp *comp = tn_comp_create(g->module, "larger");
  tn_inst *a = scalar_parameter(g, comp, 0, type), *b = scalar_parameter(g, comp, 1, type);
  tn_inst *x = tn_build_unary(comp, NULL, TN_OP_ABS, a), *y = tn_build_unary(comp, NULL, TN_OP_ABS, b);
  comp->root = tn_build_select(comp, NULL, tn_build_compare(comp, NULL, TN_GE, x, y), a, b);
  return comp;
}

static tn_comp *one(generator *g, tn_type type) {
  if (class_of(type) != PREDS && chance(g->dice, 8)) return larger(g, type);
  return tn_build_binary_comp(g->module, monoid(g, type), type);
}

tn_comp *random_reducer(generator *g, int count, const tn_type *types) {
  return count == 1 ? one(g, types[0]) : several(g, count, types);
}

node initial_value(generator *g, tn_type type, const tn_comp *reducer) {
  tn_op op;
  const tn_shape *shape = make_shape(g, type, 0, NULL);
  if (chance(g->dice, 35) || !tn_comp_is_binary(reducer, &op)) return new_input(g, shape);
  tn_literal *value = random_literal(g, shape);
  tn_type part = tn_type_part(type);
  double number = op == TN_OP_MULTIPLY ? 1 : 0;
  if (tn_type_is_float(type) && op == TN_OP_MAXIMUM) number = -INFINITY;
  if (tn_type_is_float(type) && op == TN_OP_MINIMUM) number = INFINITY;
  if (tn_type_is_float(part)) {
    tn_store_float(part, (void *)value->data, number);
    if (part != type) tn_store_float(part, (char *)value->data + tn_type_bytes(part), 0);
  } else if (op == TN_OP_ADD || op == TN_OP_MULTIPLY)
    tn_store_integer(type, (void *)value->data, (int64_t)number);
  return input_of(g, value);
}

/* Operands of equal dims, initial values, and what joins them. */
typedef struct {
  int count;
  node operands[6];
  tn_comp *comp;
} reduction;

static bool draw_reduction(generator *g, reduction *r) {
  node x = pick(g, ANY_CLASS, 1);
  tn_type types[3] = {x.inst->shape->type};
  r->operands[0] = x;
  r->count = chance(g->dice, 75) ? 1 : 2 + (roll(g->dice, 4) == 0);
  bool arg = r->count == 2 && (class_of(types[0]) & ORDERED_CLASS) && chance(g->dice, 50);
  for (int i = 1; i < r->count; i++) {
    types[i] = arg ? random_type(g, INTEGERS) : random_type(g, ANY_CLASS);
    const tn_shape *shape = tn_shape_with_type(g->module->arena, x.inst->shape, types[i]);
    if (arg && chance(g->dice, 70)) {
      tn_inst *iota = begin(g, TN_OP_IOTA, shape, 0, NULL);
      iota->attr.iota.dim = roll(g->dice, shape->rank);
      if (!keep(g, iota)) return false;
      r->operands[i] = g->nodes.at[g->nodes.count - 1];
    } else
      r->operands[i] = pick_like(g, shape);
  }
  r->comp = arg ? arg_max(g, types[0], types[1]) : random_reducer(g, r->count, types);
  for (int i = 0; i < r->count; i++) r->operands[r->count + i] = initial_value(g, types[i], r->comp);
  return true;
}

static tn_inst *keep_reduction(generator *g, tn_inst *inst, const reduction *r) {
  inst = keep(g, inst);
  if (!inst && !r->comp->callers.count) tn_comp_remove(r->comp);
  if (inst) take_apart(g, inst);
  return inst;
}

tn_inst *make_reduce(generator *g) {
  reduction r;
  if (!draw_reduction(g, &r)) return NULL;
  int rank = r.operands[0].inst->shape->rank, count = 0;
  int64_t dims[8];
  int all = chance(g->dice, 20), percent = 20 + roll(g->dice, 60);
  for (int i = 0; i < rank; i++)
    if (all || chance(g->dice, percent)) dims[count++] = i;
  if (!count && chance(g->dice, 90)) dims[count++] = roll(g->dice, rank);
  if (chance(g->dice, 20)) shuffle(g->dice, dims, count);
  tn_inst *inst = begin(g, TN_OP_REDUCE, NULL, 2 * r.count, r.operands);
  inst->attr.reduce.dims = make_dims(g, count, dims);
  tn_inst_set_called(inst, 1, &r.comp);
  return keep_reduction(g, inst, &r);
}

tn_inst *make_reduce_window(generator *g) {
  reduction r;
  if (!draw_reduction(g, &r)) return NULL;
  const tn_shape *shape = r.operands[0].inst->shape;
  tn_window_dim *window = TN_NEW_ARRAY(g->module->arena, tn_window_dim, shape->rank);
  int64_t work = tn_shape_elements(shape);
  for (int i = 0; i < shape->rank; i++) {
    tn_window_dim *w = &window[i];
    *w = (tn_window_dim){.size = 1, .stride = 1, .lhs_dilation = 1, .rhs_dilation = 1};
    if (chance(g->dice, 55)) w->size = between(g->dice, 2, 5);
    if (chance(g->dice, 30)) w->stride = between(g->dice, 2, 3);
    if (chance(g->dice, 15)) w->lhs_dilation = between(g->dice, 2, 3);
    if (chance(g->dice, 15)) w->rhs_dilation = between(g->dice, 2, 3);
    if (chance(g->dice, 40)) w->pad_low = between(g->dice, 0, 3);
    if (chance(g->dice, 40)) w->pad_high = between(g->dice, 0, 3);
    if (chance(g->dice, 10) && shape->dims[i] > 3) w->pad_low = -1;
    work *= w->size;
  }
  if (work > 100000) return NULL;
  tn_inst *inst = begin(g, TN_OP_REDUCE_WINDOW, NULL, 2 * r.count, r.operands);
  inst->attr.window.window = (tn_window){window, shape->rank};
  tn_inst_set_called(inst, 1, &r.comp);
  return keep_reduction(g, inst, &r);
}

/* ---- map ---- */

tn_inst *make_map(generator *g) {
  node x = pick(g, ANY_CLASS, 0), operands[3] = {x};
  const tn_shape *shape = x.inst->shape;
  int count = 1 + roll(g->dice, 3);
  if (!tn_shape_elements(shape)) return NULL;
  tn_comp *comp = tn_comp_create(g->module, "mapped");
  generator inner = called_generator(g, comp);
  inner.scalars_only = true;
  for (int i = 0; i < count; i++) {
    if (i) operands[i] = pick_like(g, tn_shape_with_type(g->module->arena, shape, random_type(g, ANY_CLASS)));
    /* The computation is grown on the first elements. */
    tn_literal *first = tn_literal_array(g->arena, make_shape(g, operands[i].inst->shape->type, 0, NULL),
                                         operands[i].value->data);
    first->bound = operands[i].value->bound;
    add_parameter(&inner, first);
  }
  grow(&inner, 1 + roll(g->dice, 4));
  comp->root = inner.nodes.at[inner.nodes.count - 1].inst;
  tn_inst *inst = begin(g, TN_OP_MAP, NULL, count, operands);
  int64_t dims[8];
  for (int i = 0; i < shape->rank; i++) dims[i] = i;
  inst->attr.reduce.dims = make_dims(g, shape->rank, dims);
  tn_inst_set_called(inst, 1, &comp);
  inst = keep(g, inst);
  if (!inst) tn_comp_remove(comp);
  return inst;
}

/* ---- batch-norm ---- */

/* Its steps, which the evaluator takes in f64, may not overflow in the type itself. */
static bool is_moderate(node n) {
  const tn_shape *shape = n.inst->shape;
  for (int64_t i = 0; i < tn_shape_elements(shape); i++) {
    const char *element = (const char *)n.value->data + (size_t)i * tn_type_bytes(shape->type);
    if (!(fabs(tn_load_float(shape->type, element)) <= 64)) return false;
  }
  return true;
}

tn_inst *make_batch_norm(generator *g) {
  node x = pick(g, FLOATS, 2);
  const tn_shape *shape = x.inst->shape;
  int64_t feature = roll(g->dice, shape->rank);
  const tn_shape *vector = make_shape(g, shape->type, 1, &shape->dims[feature]);
  int kind = roll(g->dice, 3);
  tn_op op = kind == 0   ? TN_OP_BATCH_NORM_TRAINING
             : kind == 1 ? TN_OP_BATCH_NORM_INFERENCE
                         : TN_OP_BATCH_NORM_GRAD;
  node operands[5] = {x};
  int count = op == TN_OP_BATCH_NORM_TRAINING ? 3 : 5;
  for (int i = 1; i < count; i++) operands[i] = pick_like(g, vector);
  if (op == TN_OP_BATCH_NORM_GRAD) operands[4] = pick_like(g, shape);
  if (count == 5) { /* a variance is not negative */
    int at = op == TN_OP_BATCH_NORM_GRAD ? 3 : 4;
    tn_inst *size = begin(g, TN_OP_ABS, NULL, 1, &operands[at]);
    if (!keep(g, size)) return NULL;
    operands[at] = g->nodes.at[g->nodes.count - 1];
  }
  for (int i = 0; i < count; i++)
    if (!is_moderate(operands[i])) return NULL;
  tn_inst *inst = begin(g, op, NULL, count, operands);
  inst->attr.batch_norm.epsilon = chance(g->dice, 50) ? 1e-3 : 0.5;
  inst->attr.batch_norm.feature_index = feature;
  inst = keep(g, inst);
  if (inst) take_apart(g, inst);
  return inst;
}
