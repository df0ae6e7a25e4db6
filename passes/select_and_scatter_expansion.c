/* Select-and-scatter, the gradient of pooling, as a window reduction and what it selects.
 *
 *   y = select-and-scatter(x, source, init), window, select, scatter
 *  =>
 *   (v, place) = reduce-window(x, iota): the element that each window selects, and where it is
 *
 * and then, since what a window adds lies within it,
 *
 *   windows side by side      y = place[p / size] == p ? scatter(init, source[p / size]) : init
 *   at most TAPS elements     for each element r of a window, windows from the first to the last:
 *                             y = place[(p - r) / stride] == p ? scatter(y, source[…]) : y
 *   else                      scatter(init, place, source) on one dim
 *
 * where [(p - r) / stride] is a pad with interior padding, -1 where there is no such window.
 * The first two are elementwise, so they run in vectors, on threads, and fuse. Windows are
 * met in row-major order as the opcode says: for one p they come in the falling order of r.
 * Keeps: every value. Cost: O(instructions * TAPS).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"

enum { TAPS = 32 };

typedef struct {
  tn_site s;
  tn_inst *inst;
  tn_type type, place_type;
  const tn_shape *full, *places; /* the result; positions in its dims */
  int64_t elements;
  tn_inst *position; /* of each element of x, in row-major order */
  tn_inst *place;    /* what each window selects; -1: nothing */
} selection;

static const tn_window_dim *window_at(const selection *w, int d) {
  return &w->inst->attr.window.window.at[d];
}

/* ---- which element each window selects ---- */

/* (v, i, x, j) -> keeps (v, i) if j is none, or if i is one and select(v, x) holds. */
static tn_comp *choice(const selection *w) {
  tn_comp *comp = tn_comp_create(w->s.comp->module, "selects");
  const tn_shape *value = tn_shape_scalar(tn_site_arena(w->s), w->type),
                 *index = tn_shape_scalar(tn_site_arena(w->s), w->place_type),
                 *pred = tn_shape_scalar(tn_site_arena(w->s), TN_PRED);
  static const char *const names[] = {"v", "i", "x", "j"};
  tn_inst *p[4];
  for (int i = 0; i < 4; i++) p[i] = tn_build_parameter(comp, i, i % 2 ? index : value, names[i]);
  tn_site s = {comp, NULL, w->inst};
  tn_inst *none = tn_make_integer(s, w->place_type, -1);
  tn_inst *stays = tn_make_inst(s, TN_OP_CALL, pred, 2, (tn_inst *[]){p[0], p[2]});
  tn_inst_set_called(stays, 1, &w->inst->called[0]);
  tn_inst *is_one = tn_make_compare(s, TN_NE, p[1], none), *skips = tn_make_compare(s, TN_EQ, p[3], none);
  tn_inst *keeps = tn_make_binary(s, TN_OP_OR, skips, tn_make_binary(s, TN_OP_AND, is_one, stays));
  tn_inst *results[2] = {tn_make_select(s, keeps, p[0], p[2]), tn_make_select(s, keeps, p[1], p[3])};
  comp->root = tn_build_tuple(comp, NULL, 2, results);
  return comp;
}

static void find_places(selection *w) {
  tn_arena *arena = tn_site_arena(w->s);
  const tn_shape *line = tn_shape_array(arena, w->place_type, 1, &w->elements);
  w->position = tn_make_reshape(w->s, tn_make_iota(w->s, line, 0), w->full->rank, w->full->dims);
  tn_inst *operands[4] = {w->inst->operands[0], w->position, tn_make_scalar(w->s, w->type, 0),
                          tn_make_integer(w->s, w->place_type, -1)};
  const tn_shape *source = w->inst->operands[1]->shape;
  w->places = tn_shape_array(arena, w->place_type, source->rank, source->dims);
  const tn_shape *parts[2] = {tn_shape_array(arena, w->type, source->rank, source->dims), w->places};
  tn_inst *both = tn_make_inst(w->s, TN_OP_REDUCE_WINDOW, tn_shape_tuple(arena, 2, parts), 4, operands);
  both->attr.window.window = w->inst->attr.window.window;
  tn_comp *comp = choice(w);
  tn_inst_set_called(both, 1, &comp);
  w->place = tn_build_element(w->s.comp, w->s.before, both, 1);
}

/* ---- scatter, elementwise ---- */

static tn_inst *joined(const selection *w, tn_inst *old, tn_inst *update) {
  tn_comp *comp = w->inst->called[1];
  tn_op op;
  if (tn_comp_is_binary(comp, &op) && tn_op_is(op, TN_OP_COMMUTES))
    return tn_make_binary(w->s, op, old, update);
  tn_inst *map = tn_make_inst(w->s, TN_OP_MAP, old->shape, 2, (tn_inst *[]){old, update});
  int64_t *dims = TN_NEW_ARRAY(tn_site_arena(w->s), int64_t, old->shape->rank);
  for (int i = 0; i < old->shape->rank; i++) dims[i] = i;
  map->attr.reduce.dims = (tn_dims){dims, old->shape->rank};
  tn_inst_set_called(map, 1, &comp);
  return map;
}

static tn_inst *where_selected(const selection *w, tn_inst *place, tn_inst *position, tn_inst *old,
                               tn_inst *update) {
  return tn_make_select(w->s, tn_make_compare(w->s, TN_EQ, place, position), joined(w, old, update), old);
}

static tn_inst *initial(const selection *w, const tn_shape *shape) {
  return tn_make_broadcast(w->s, w->inst->operands[2], shape, NULL);
}

/* ---- windows side by side ---- */

static bool are_side_by_side(const selection *w) {
  for (int d = 0; d < w->full->rank; d++) {
    const tn_window_dim *dim = window_at(w, d);
    bool plain = dim->lhs_dilation == 1 && dim->rhs_dilation == 1 && !dim->reversal;
    if (!plain || dim->size != dim->stride || dim->pad_low || dim->pad_high) return false;
  }
  return true;
}

/* Each element of the windows over its window: [o, …] -> [o * size, …]. */
static tn_inst *spread(const selection *w, tn_inst *a, const int64_t *covered) {
  tn_arena *arena = tn_site_arena(w->s);
  int rank = a->shape->rank, n = 0;
  int64_t *dims = TN_NEW_ARRAY(arena, int64_t, 2 * rank), *kept = TN_NEW_ARRAY(arena, int64_t, rank);
  for (int d = 0; d < rank; d++) {
    kept[d] = n;
    dims[n++] = a->shape->dims[d];
    if (window_at(w, d)->size > 1) dims[n++] = window_at(w, d)->size;
  }
  const tn_shape *shape = tn_shape_array(arena, a->shape->type, n, dims);
  return tn_make_reshape(w->s, tn_make_broadcast(w->s, a, shape, kept), rank, covered);
}

static tn_inst *padded(const selection *w, tn_inst *a, tn_inst *value, const tn_pad_dim *dims) {
  tn_inst *pad =
      tn_make_inst(w->s, TN_OP_PAD, tn_shape_with_type(tn_site_arena(w->s), w->full, a->shape->type), 2,
                   (tn_inst *[]){a, value});
  pad->attr.pad.at = dims;
  pad->attr.pad.count = w->full->rank;
  return pad;
}

static tn_inst *side_by_side(const selection *w) {
  tn_arena *arena = tn_site_arena(w->s);
  int rank = w->full->rank;
  int64_t *covered = TN_NEW_ARRAY(arena, int64_t, rank), *start = TN_NEW_ARRAY(arena, int64_t, rank);
  tn_pad_dim *rest = TN_NEW_ARRAY(arena, tn_pad_dim, rank);
  bool all = true;
  for (int d = 0; d < rank; d++) {
    covered[d] = w->places->dims[d] * window_at(w, d)->size;
    rest[d].high = w->full->dims[d] - covered[d];
    all = all && !rest[d].high;
  }
  tn_inst *position = all ? w->position : tn_make_box(w->s, w->position, start, covered);
  tn_inst *old = initial(w, tn_shape_array(arena, w->type, rank, covered));
  tn_inst *y = where_selected(w, spread(w, w->place, covered), position, old,
                              spread(w, w->inst->operands[1], covered));
  return all ? y : padded(w, y, w->inst->operands[2], rest);
}

/* ---- windows that overlap ---- */

/* [p] is a[(p + low padding - tap) / stride], or the value where that is no window. */
static tn_inst *shifted(const selection *w, tn_inst *a, tn_inst *value, const int64_t *tap) {
  tn_pad_dim *pad = TN_NEW_ARRAY(tn_site_arena(w->s), tn_pad_dim, w->full->rank);
  for (int d = 0; d < w->full->rank; d++) {
    const tn_window_dim *dim = window_at(w, d);
    pad[d].low = tap[d] - dim->pad_low;
    pad[d].interior = dim->stride - 1;
    pad[d].high = w->full->dims[d] - (pad[d].low + (w->places->dims[d] - 1) * dim->stride + 1);
  }
  return padded(w, a, value, pad);
}

/* The number of elements of a window; TAPS + 1: more, or they are not neighbours. */
static int64_t count_taps(const selection *w) {
  int64_t taps = 1;
  for (int d = 0; d < w->full->rank; d++) {
    const tn_window_dim *dim = window_at(w, d);
    if (dim->lhs_dilation != 1 || dim->rhs_dilation != 1 || dim->reversal) return TAPS + 1;
    taps *= dim->size;
    if (taps > TAPS) return TAPS + 1;
  }
  return taps;
}

static tn_inst *overlapping(const selection *w, int64_t taps) {
  int64_t *tap = TN_NEW_ARRAY(tn_site_arena(w->s), int64_t, w->full->rank);
  tn_inst *none = tn_make_integer(w->s, w->place_type, -1), *y = initial(w, w->full);
  for (int64_t t = taps - 1; t >= 0; t--) { /* so that windows come from the first on */
    int64_t left = t;
    for (int d = w->full->rank - 1; d >= 0; d--) {
      tap[d] = left % window_at(w, d)->size;
      left /= window_at(w, d)->size;
    }
    y = where_selected(w, shifted(w, w->place, none, tap), w->position, y,
                       shifted(w, w->inst->operands[1], w->inst->operands[2], tap));
  }
  return y;
}

/* ---- anything else ---- */

static tn_inst *scattered(const selection *w) {
  int64_t windows = tn_shape_elements(w->places), first = 0;
  const tn_shape *line = tn_shape_array(tn_site_arena(w->s), w->type, 1, &w->elements);
  tn_inst *operands[3] = {initial(w, line), tn_make_reshape(w->s, w->place, 1, &windows),
                          tn_make_reshape(w->s, w->inst->operands[1], 1, &windows)};
  tn_inst *scatter = tn_make_inst(w->s, TN_OP_SCATTER, line, 3, operands);
  tn_scatter_attributes *own = tn_inst_edit_scatter(scatter);
  own->inserted_window_dims = tn_make_dims(w->s, 1, &first);
  own->scatter_dims_to_operand_dims = tn_make_dims(w->s, 1, &first);
  own->index_vector_dim = 1;
  tn_inst_set_called(scatter, 1, &w->inst->called[1]);
  return tn_make_reshape(w->s, scatter, w->full->rank, w->full->dims);
}

static tn_inst *expand(tn_pass_context *context, tn_inst *inst) {
  for (int i = 0; i < 3; i++)
    if (!tn_shape_is_plain(inst->operands[i]->shape) || inst->operands[i]->shape->type != inst->shape->type)
      return NULL;
  if (inst->attr.window.window.count != inst->shape->rank || !tn_pass_spend(context)) return NULL;
  selection w = {.s = tn_site_of(inst), .inst = inst, .type = inst->shape->type};
  w.full = tn_shape_without_layout(tn_site_arena(w.s), inst->shape);
  w.elements = tn_shape_elements(inst->shape);
  w.place_type = w.elements <= INT32_MAX ? TN_S32 : TN_S64;
  if (!w.elements || !tn_shape_elements(inst->operands[1]->shape)) return initial(&w, w.full);
  find_places(&w);
  int64_t taps = count_taps(&w);
  if (are_side_by_side(&w)) return side_by_side(&w);
  return taps <= TAPS ? overlapping(&w, taps) : scattered(&w);
}

bool tn_pass_select_and_scatter_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(SELECT_AND_SCATTER, expand)};
  return tn_rewrite_module(module, context, rules, 1);
}
