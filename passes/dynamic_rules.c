/* What each opcode does with sizes that are known at run time alone.
 *
 * Elements beyond a size may be anything; who combines elements along a dim first puts
 * something there that changes nothing: zeros for products, the identity for reductions.
 * A reduction without a known identity carries a flag along: f'((a,p),(b,q)) is f(a,b) of
 * two that count, else the one that does.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dynamic.h"
#include "passes/rewrite.h"

/* ---- scalars ---- */

static tn_inst *number(tn_site s, int64_t value) { return tn_make_integer(s, TN_S32, value); }

static tn_inst *op(tn_site s, tn_op code, tn_inst *a, int64_t b) {
  return tn_make_binary(s, code, a, number(s, b));
}

static tn_inst *clamped(tn_site s, tn_inst *a, int64_t bound) {
  return op(s, TN_OP_MINIMUM, op(s, TN_OP_MAXIMUM, a, 0), bound);
}

/* ---- the result's sizes ---- */

typedef struct {
  tn_sizes *all;
  tn_site site;
  tn_inst *inst;
  const tn_shape *shape; /* of the result, or of each of its arrays; as it was */
  tn_inst **size;        /* of each dim; NULL: the bound */
} work;

static tn_inst *size_in(const work *w, int operand, int64_t d) {
  return tn_size_of(w->all, w->site, w->inst->operands[operand], (int)d);
}

static bool is_dynamic(const work *w, int64_t d) { return w->shape->dynamic && w->shape->dynamic[d]; }

static bool was_dynamic(const work *w, int operand, int64_t d) {
  return tn_was_dynamic(w->all, w->inst->operands[operand], (int)d);
}

/* Dim `to` of the result is as long as dim `from` of an operand. */
static void take(work *w, int64_t to, int operand, int64_t from) {
  if (is_dynamic(w, to) && was_dynamic(w, operand, from)) w->size[to] = size_in(w, operand, from);
}

static tn_inst *plain(const work *w) {
  w->inst->shape = tn_static_shape(w->all->module->arena, w->inst->shape);
  return w->inst;
}

static void take_all(work *w) {
  for (int i = 0; i < w->inst->n_operands; i++) {
    const tn_known *known = tn_known_of(w->all, w->inst->operands[i]);
    if (!known->shape || known->shape->rank != w->shape->rank) continue;
    for (int d = 0; d < w->shape->rank; d++)
      if (!w->size[d]) take(w, d, i, d);
  }
}

/* ---- movement ---- */

static tn_inst *make_broadcast(work *w) {
  tn_dims dims = w->inst->attr.dimensions.dims;
  for (int i = 0; i < dims.count; i++) take(w, dims.at[i], 0, i);
  return plain(w);
}

static tn_inst *make_transpose(work *w) {
  for (int d = 0; d < w->shape->rank; d++) take(w, d, 0, w->inst->attr.dimensions.dims.at[d]);
  return plain(w);
}

/* The dims of `to` above 1 are those of `from`, in order: from_dim[d] of each. */
static bool only_ones_differ(const tn_shape *to, const tn_shape *from, int *from_dim) {
  int f = 0;
  for (int d = 0; d < to->rank; d++) {
    from_dim[d] = -1;
    if (to->dims[d] == 1) continue;
    while (f < from->rank && from->dims[f] == 1) f++;
    if (f == from->rank || from->dims[f] != to->dims[d]) return false;
    from_dim[d] = f++;
  }
  while (f < from->rank && from->dims[f] == 1) f++;
  return f == from->rank;
}

/* Zeros beyond the sizes in those dims of the operand, which are no dynamic dims of the result. */
static void mask_lost(work *w, const int64_t *lost, int n_lost) {
  tn_inst *x = w->inst->operands[0];
  if (!n_lost) return;
  tn_inst *zero = tn_make_zero(w->site, x->shape->type);
  tn_inst_set_operand(w->inst, 0, tn_masked(w->all, w->site, x, x, (tn_dims){lost, n_lost}, zero));
}

static tn_inst *make_reshape(work *w) {
  const tn_shape *from = w->inst->operands[0]->shape;
  int from_dim[TN_MADE_RANK], n_lost = 0;
  int64_t lost[TN_MADE_RANK];
  bool kept[TN_MADE_RANK] = {false};
  only_ones_differ(w->shape, from, from_dim);
  for (int d = 0; d < w->shape->rank; d++) {
    if (from_dim[d] < 0) continue;
    take(w, d, 0, from_dim[d]);
    kept[from_dim[d]] = w->size[d];
  }
  for (int d = 0; d < from->rank; d++)
    if (was_dynamic(w, 0, d) && !kept[d]) lost[n_lost++] = d;
  mask_lost(w, lost, n_lost);
  return plain(w);
}

/* One element of a dynamic dim is no dynamic dim: where it is beyond the size, it is 0. */
static tn_inst *make_slice(work *w) {
  const tn_inst *inst = w->inst;
  int64_t lost[TN_MADE_RANK];
  int n_lost = 0;
  for (int d = 0; d < w->shape->rank; d++) {
    if (!was_dynamic(w, 0, d)) continue;
    if (!is_dynamic(w, d)) {
      lost[n_lost++] = d;
      continue;
    }
    int64_t stride = d < inst->attr.slice->strides.count ? inst->attr.slice->strides.at[d] : 1;
    tn_inst *left = op(w->site, TN_OP_MINIMUM, size_in(w, 0, d), inst->attr.slice->limits.at[d]);
    left = op(w->site, TN_OP_ADD, left, stride - 1 - inst->attr.slice->starts.at[d]);
    w->size[d] = op(w->site, TN_OP_MAXIMUM, op(w->site, TN_OP_DIVIDE, left, stride), 0);
  }
  mask_lost(w, lost, n_lost);
  return plain(w);
}

/* Elements start … start + bound of dim d of x. */
static tn_inst *from_start(const work *w, tn_inst *x, int d, tn_inst *start, int64_t size) {
  int rank = x->shape->rank;
  tn_arena *arena = w->all->module->arena;
  tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, rank + 1);
  int64_t *dims = TN_NEW_ARRAY(arena, int64_t, rank);
  operands[0] = x;
  for (int i = 0; i < rank; i++) {
    dims[i] = i == d ? size : x->shape->dims[i];
    operands[i + 1] = i == d ? start : number(w->site, 0);
  }
  tn_inst *slice = tn_make_inst(w->site, TN_OP_DYNAMIC_SLICE,
                                tn_shape_array(arena, x->shape->type, rank, dims), rank + 1, operands);
  slice->attr.dynamic_slice.sizes = (tn_dims){dims, rank};
  return slice;
}

/* The whole is reversed, and what is beyond the size, which comes first, left out. */
static tn_inst *make_reverse(work *w) {
  tn_dims dims = w->inst->attr.dimensions.dims;
  for (int d = 0; d < w->shape->rank; d++) take(w, d, 0, d);
  tn_inst *zero = tn_make_zero(w->site, w->shape->type), *x = plain(w);
  w->site.before = x->next;
  for (int i = 0; i < dims.count; i++) {
    int d = (int)dims.at[i];
    int64_t bound = w->shape->dims[d];
    if (!w->size[d]) continue;
    tn_inst *start = tn_make_binary(w->site, TN_OP_SUBTRACT, number(w->site, bound), w->size[d]);
    x = from_start(w, tn_make_pad(w->site, x, zero, d, 0, bound), d, start, bound);
  }
  return x;
}

static tn_inst *make_pad(work *w) {
  tn_inst *inst = w->inst, *x = inst->operands[0];
  int64_t all[TN_MADE_RANK];
  for (int d = 0; d < w->shape->rank; d++) {
    all[d] = d;
    if (!is_dynamic(w, d) || !was_dynamic(w, 0, d)) continue;
    tn_pad_dim pad = inst->attr.pad.at[d];
    tn_inst *size = size_in(w, 0, d), *between = op(w->site, TN_OP_SUBTRACT, size, 1);
    between = op(w->site, TN_OP_MULTIPLY, op(w->site, TN_OP_MAXIMUM, between, 0), pad.interior);
    tn_inst *sum =
        op(w->site, TN_OP_ADD, tn_make_binary(w->site, TN_OP_ADD, size, between), pad.low + pad.high);
    w->size[d] = clamped(w->site, sum, w->shape->dims[d]);
  }
  tn_inst *masked = tn_masked(w->all, w->site, x, x, (tn_dims){all, w->shape->rank}, inst->operands[1]);
  tn_inst_set_operand(inst, 0, masked);
  return plain(w);
}

/* Each part is written where the one before ends, over what that has beyond its size. */
static tn_inst *make_concatenate(work *w) {
  tn_inst *inst = w->inst;
  int64_t dim = inst->attr.dimensions.dims.at[0];
  bool along = false;
  for (int i = 0; i < inst->n_operands; i++) along = along || was_dynamic(w, i, dim);
  for (int d = 0; d < w->shape->rank; d++)
    for (int i = 0; d != dim && i < inst->n_operands && !w->size[d]; i++) take(w, d, i, d);
  if (!along) return plain(w);
  tn_site site = w->site;
  tn_arena *arena = w->all->module->arena;
  tn_inst *sum = number(site, 0), *zero = tn_make_zero(site, w->shape->type);
  tn_inst *whole = tn_make_spread(site, zero, tn_static_shape(arena, w->shape));
  for (int i = 0; i < inst->n_operands; i++) {
    int count = w->shape->rank + 2;
    tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, count);
    operands[0] = whole;
    operands[1] = inst->operands[i];
    for (int d = 0; d < w->shape->rank; d++) operands[d + 2] = d == dim ? sum : number(site, 0);
    whole = tn_make_inst(site, TN_OP_DYNAMIC_UPDATE_SLICE, whole->shape, count, operands);
    sum = tn_make_binary(site, TN_OP_ADD, sum, size_in(w, i, dim));
  }
  w->size[dim] = sum;
  return whole;
}

/* ---- reshapes of what there is ---- */

static tn_inst *wide(const work *w, tn_inst *scalar) { return tn_make_convert(w->site, scalar, TN_S64); }

static tn_inst *by(const work *w, tn_op code, tn_inst *array, tn_inst *scalar) {
  return tn_make_by_scalar(w->site, code, array, scalar);
}

/* The place of each element of the result among the elements that there are, row-major. */
static tn_inst *place_in_result(const work *w, const tn_shape *shape) {
  tn_inst *place = NULL;
  for (int d = 0; d < shape->rank; d++) {
    tn_inst *at = tn_make_iota(w->site, shape, d);
    if (place) at = tn_make_binary(w->site, TN_OP_ADD, by(w, TN_OP_MULTIPLY, place, wide(w, w->size[d])), at);
    place = at;
  }
  return place;
}

/* That place in the operand's memory, whose dims are as long as their bounds. */
static tn_inst *place_in_operand(const work *w, tn_inst *place) {
  const tn_shape *from = w->inst->operands[0]->shape;
  tn_inst *sum = NULL;
  int64_t stride = 1;
  for (int d = from->rank - 1; d >= 0; d--) {
    tn_inst *size = wide(w, size_in(w, 0, d)), *digit = by(w, TN_OP_REMAINDER, place, size);
    place = by(w, TN_OP_DIVIDE, place, size);
    digit = by(w, TN_OP_MULTIPLY, digit, tn_make_integer(w->site, TN_S64, stride));
    sum = sum ? tn_make_binary(w->site, TN_OP_ADD, sum, digit) : digit;
    stride *= from->dims[d];
  }
  return sum;
}

static tn_inst *make_dynamic_reshape(work *w) {
  tn_inst *inst = w->inst, *x = inst->operands[0];
  tn_arena *arena = w->all->module->arena;
  const tn_shape *shape = tn_static_shape(arena, tn_shape_without_layout(arena, w->shape));
  for (int d = 0; d < shape->rank; d++)
    w->size[d] = clamped(w->site, tn_make_convert(w->site, inst->operands[d + 1], TN_S32), shape->dims[d]);
  int64_t count = tn_shape_elements(x->shape), one = 1;
  if (!count || !tn_shape_elements(shape))
    return tn_make_spread(w->site, tn_make_zero(w->site, shape->type), shape);
  if (!shape->rank || !x->shape->rank)
    return tn_make_spread(w->site, tn_make_reshape(w->site, x, 0, NULL), shape);
  tn_inst *place = place_in_result(w, tn_shape_with_type(arena, shape, TN_S64));
  tn_inst *flat = tn_make_reshape(w->site, x, 1, &count);
  tn_inst *gather =
      tn_make_inst(w->site, TN_OP_GATHER, shape, 2, (tn_inst *[]){flat, place_in_operand(w, place)});
  tn_gather_attributes *own = tn_inst_edit_gather(gather);
  own->collapsed_slice_dims = tn_rewrite_dims(gather, 1, (int64_t[]){0});
  own->start_index_map = own->collapsed_slice_dims;
  own->slice_sizes = tn_rewrite_dims(gather, 1, &one);
  own->index_vector_dim = shape->rank;
  return gather;
}

/* ---- sizes themselves ---- */

static tn_inst *make_get_size(work *w) { return size_in(w, 0, w->inst->attr.dimensions.dims.at[0]); }

/* The same elements under another name, because their sizes differ. */
static tn_inst *make_set_size(work *w) {
  tn_inst *x = w->inst->operands[0];
  int64_t dim = w->inst->attr.dimensions.dims.at[0];
  for (int d = 0; d < w->shape->rank; d++)
    if (d != dim) take(w, d, 0, d);
  if (is_dynamic(w, dim)) w->size[dim] = clamped(w->site, w->inst->operands[1], w->shape->dims[dim]);
  const tn_shape *shape = tn_static_shape(w->all->module->arena, w->inst->shape);
  return tn_make_inst(w->site, TN_OP_COPY, shape, 1, &x);
}

/* ---- reductions ---- */

/* What changes nothing: op(x, identity) is x, bit for bit. NULL: not known. */
static tn_inst *identity(tn_site site, tn_op code, tn_type type) {
  bool is_float = tn_type_is_float(type), pred = type == TN_PRED;
  if (!is_float && !pred && !tn_type_is_integer(type)) return NULL;
  if (code == TN_OP_ADD) return is_float ? tn_make_scalar(site, type, -0.0) : tn_make_integer(site, type, 0);
  if (code == TN_OP_OR || code == TN_OP_XOR) return is_float ? NULL : tn_make_integer(site, type, 0);
  if (code == TN_OP_MULTIPLY)
    return is_float ? tn_make_scalar(site, type, 1) : tn_make_integer(site, type, 1);
  if (code == TN_OP_AND) return is_float ? NULL : tn_make_integer(site, type, pred ? 1 : -1);
  return NULL;
}

/* f on pairs (value, whether it counts). */
static tn_comp *flagged(tn_module *module, tn_comp *f, int count, tn_inst *const *initial) {
  tn_arena *arena = module->arena;
  tn_comp *comp = tn_comp_create(module, tn_arena_printf(arena, "%s.counted", f->name));
  tn_site site = {comp, NULL, NULL};
  tn_inst **parameters = TN_NEW_ARRAY(arena, tn_inst *, 2 * count + 2),
          **values = TN_NEW_ARRAY(arena, tn_inst *, 2 * count);
  for (int i = 0; i < 2 * count + 2; i++) {
    int k = i % (count + 1);
    const tn_shape *shape = k < count ? initial[k]->shape : tn_shape_scalar(arena, TN_PRED);
    parameters[i] = tn_build_parameter(comp, i, shape, tn_arena_printf(arena, "p%d", i));
    if (k < count) values[i / (count + 1) * count + k] = parameters[i];
  }
  tn_inst *left = parameters[count], *right = parameters[2 * count + 1];
  tn_inst *call = tn_inst_create(comp, NULL, TN_OP_CALL, f->root->shape, 2 * count, values);
  tn_inst_set_called(call, 1, &f);
  tn_inst *both = tn_make_binary(site, TN_OP_AND, left, right),
          **results = TN_NEW_ARRAY(arena, tn_inst *, count + 1);
  for (int i = 0; i < count; i++) {
    tn_inst *joined = tn_shape_is_tuple(call->shape) ? tn_make_element(site, call, i) : call;
    tn_inst *one = tn_make_select(site, left, values[i], values[count + i]);
    results[i] = tn_make_select(site, both, joined, one);
  }
  results[count] = tn_make_binary(site, TN_OP_OR, left, right);
  comp->root = tn_make_tuple(site, count + 1, results);
  return comp;
}

static tn_inst *make_flagged_reduce(work *w, int count, const tn_inst *like) {
  tn_inst *inst = w->inst;
  tn_site site = w->site;
  tn_arena *arena = w->all->module->arena;
  tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, 2 * count + 2),
          **results = TN_NEW_ARRAY(arena, tn_inst *, count);
  const tn_shape **shapes = TN_NEW_ARRAY(arena, const tn_shape *, count + 1);
  const tn_shape *first = tn_static_shape(arena, tn_shape_without_layout(arena, w->shape));
  for (int i = 0; i < count; i++) {
    operands[i] = inst->operands[i];
    operands[count + 1 + i] = inst->operands[count + i];
    shapes[i] = tn_shape_with_type(arena, first, inst->operands[i]->shape->type);
  }
  operands[count] = tn_valid(w->all, site, inst->operands[0]->shape, like, inst->attr.reduce.dims);
  operands[2 * count + 1] = tn_make_integer(site, TN_PRED, 1);
  shapes[count] = tn_shape_with_type(arena, first, TN_PRED);
  tn_comp *comp = flagged(w->all->module, inst->called[0], count, inst->operands + count);
  tn_inst *reduce =
      tn_make_inst(site, TN_OP_REDUCE, tn_shape_tuple(arena, count + 1, shapes), 2 * count + 2, operands);
  reduce->attr.reduce.dims = inst->attr.reduce.dims;
  tn_inst_set_called(reduce, 1, &comp);
  for (int i = 0; i < count; i++) results[i] = tn_make_element(site, reduce, i);
  return tn_shape_is_tuple(inst->shape) ? tn_make_tuple(site, count, results) : results[0];
}

static tn_inst *make_reduce(work *w) {
  tn_inst *inst = w->inst;
  int count = inst->n_operands / 2, kept = 0;
  tn_op code;
  const tn_inst *like = NULL;
  for (int i = 0; i < count && !like; i++)
    if (tn_known_of(w->all, inst->operands[i])->shape) like = inst->operands[i];
  if (!like) return plain(w);
  bool combines = false;
  for (int d = 0; d < inst->operands[0]->shape->rank; d++) {
    bool reduced = tn_dims_contain(inst->attr.reduce.dims, d), dynamic = tn_was_dynamic(w->all, like, d);
    combines = combines || (reduced && dynamic);
    if (reduced) continue;
    if (dynamic) w->size[kept] = tn_size_of(w->all, w->site, like, d);
    kept++;
  }
  if (!combines) return plain(w);
  bool binary = count == 1 && tn_comp_is_binary(inst->called[0], &code);
  tn_inst *neutral = binary ? identity(w->site, code, inst->operands[0]->shape->type) : NULL;
  if (!neutral) return make_flagged_reduce(w, count, like);
  tn_inst *masked = tn_masked(w->all, w->site, inst->operands[0], like, inst->attr.reduce.dims, neutral);
  tn_inst_set_operand(inst, 0, masked);
  return plain(w);
}

/* ---- products ---- */

static void mask_operand(work *w, int operand, tn_dims dims) {
  tn_inst *x = w->inst->operands[operand];
  tn_inst *masked = tn_masked(w->all, w->site, x, x, dims, tn_make_zero(w->site, x->shape->type));
  if (masked != x) tn_inst_set_operand(w->inst, operand, masked);
}

/* A dim that one side has dynamic and the other static is cut on both. */
static tn_inst *make_dot(work *w) {
  tn_inst *inst = w->inst, *sides[2] = {inst->operands[0], inst->operands[1]};
  const tn_dot_side *roles = inst->attr.dot->side;
  int at = 0;
  for (int i = 0; i < roles[0].batch.count; i++, at++) {
    take(w, at, 0, roles[0].batch.at[i]);
    if (!w->size[at]) take(w, at, 1, roles[1].batch.at[i]);
  }
  for (int o = 0; o < 2; o++)
    for (int d = 0; d < sides[o]->shape->rank; d++)
      if (!tn_dims_contain(roles[o].batch, d) && !tn_dims_contain(roles[o].contracting, d))
        take(w, at++, o, d);
  for (int o = 0; o < 2; o++)
    for (int i = 0; i < roles[o].contracting.count; i++) {
      int own = (int)roles[o].contracting.at[i], other = (int)roles[!o].contracting.at[i];
      bool has = tn_was_dynamic(w->all, sides[o], own);
      if (!has && !tn_was_dynamic(w->all, sides[!o], other)) continue;
      tn_inst *size =
          has ? tn_size_of(w->all, w->site, sides[o], own) : tn_size_of(w->all, w->site, sides[!o], other);
      tn_inst *x = inst->operands[o], *zero = tn_make_zero(w->site, x->shape->type);
      const tn_shape *indices = tn_shape_with_type(
          w->all->module->arena, tn_shape_without_layout(w->all->module->arena, x->shape), TN_S32);
      tn_inst *below = tn_make_compare(w->site, TN_LT, tn_make_iota(w->site, indices, own),
                                       tn_make_spread(w->site, size, indices));
      tn_inst_set_operand(inst, o,
                          tn_make_select(w->site, below, x, tn_make_spread(w->site, zero, x->shape)));
    }
  return plain(w);
}

/* Of images: their number may vary, features and pixels count as zeros where they end. */
static tn_inst *make_convolution(work *w) {
  const tn_inst *inst = w->inst;
  const tn_conv_dims *dims = &inst->attr.convolution->dims;
  take(w, dims->output_batch, 0, dims->input_batch);
  take(w, dims->output_feature, 1, dims->kernel_output);
  for (int i = 0; i < dims->input_spatial.count; i++) {
    int64_t to = dims->output_spatial.at[i];
    if (!is_dynamic(w, to) || !was_dynamic(w, 0, dims->input_spatial.at[i])) continue;
    tn_window_dim window = inst->attr.convolution->window.at[i];
    int64_t reach = (window.size - 1) * window.rhs_dilation + 1;
    tn_inst *size = op(w->site, TN_OP_MAXIMUM,
                       op(w->site, TN_OP_SUBTRACT, size_in(w, 0, dims->input_spatial.at[i]), 1), 0);
    size = op(w->site, TN_OP_ADD, op(w->site, TN_OP_MULTIPLY, size, window.lhs_dilation),
              1 + window.pad_low + window.pad_high - reach);
    tn_inst *steps = op(w->site, TN_OP_ADD, op(w->site, TN_OP_DIVIDE, size, window.stride), 1);
    tn_inst *none = tn_make_compare(w->site, TN_LT, size, number(w->site, 0));
    w->size[to] =
        clamped(w->site, tn_make_select(w->site, none, number(w->site, 0), steps), w->shape->dims[to]);
  }
  mask_operand(w, 0, dims->input_spatial);
  mask_operand(w, 0, (tn_dims){&dims->input_feature, 1});
  mask_operand(w, 1, (tn_dims){&dims->kernel_input, 1});
  return plain(w);
}

/* ---- sort ---- */

/* less on elements that count; those that do not come behind them. */
static tn_comp *counted_less(tn_module *module, tn_comp *less, int count, tn_inst *const *operands) {
  tn_arena *arena = module->arena;
  tn_comp *comp = tn_comp_create(module, tn_arena_printf(arena, "%s.counted", less->name));
  tn_site site = {comp, NULL, NULL};
  tn_inst **values = TN_NEW_ARRAY(arena, tn_inst *, 2 * count), *flags[2];
  for (int i = 0; i < 2 * count; i++) {
    const tn_shape *shape = tn_shape_scalar(arena, operands[i / 2]->shape->type);
    values[i] = tn_build_parameter(comp, i, shape, tn_arena_printf(arena, "p%d", i));
  }
  for (int i = 0; i < 2; i++)
    flags[i] = tn_build_parameter(comp, 2 * count + i, tn_shape_scalar(arena, TN_PRED),
                                  tn_arena_printf(arena, "counts%d", i));
  tn_inst *call = tn_inst_create(comp, NULL, TN_OP_CALL, less->root->shape, 2 * count, values);
  tn_inst_set_called(call, 1, &less);
  tn_inst *both = tn_make_binary(site, TN_OP_AND, flags[0], flags[1]);
  tn_inst *first = tn_make_binary(site, TN_OP_AND, flags[0], tn_make_unary(site, TN_OP_NOT, flags[1]));
  comp->root = tn_make_select(site, both, call, first);
  return comp;
}

static tn_inst *make_sort(work *w) {
  tn_inst *inst = w->inst;
  int count = inst->n_operands;
  tn_arena *arena = w->all->module->arena;
  take_all(w);
  const tn_inst *like = NULL;
  for (int i = 0; i < count && !like; i++)
    if (tn_was_dynamic(w->all, inst->operands[i], (int)inst->attr.sort.dim)) like = inst->operands[i];
  if (!like) return plain(w);
  const tn_shape **shapes = TN_NEW_ARRAY(arena, const tn_shape *, count + 1);
  tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, count + 1),
          **results = TN_NEW_ARRAY(arena, tn_inst *, count);
  for (int i = 0; i < count; i++) shapes[i] = (operands[i] = inst->operands[i])->shape;
  operands[count] = tn_valid(w->all, w->site, like->shape, like, (tn_dims){&inst->attr.sort.dim, 1});
  shapes[count] = operands[count]->shape;
  tn_comp *less = counted_less(w->all->module, inst->called[0], count, inst->operands);
  tn_inst *sort =
      tn_make_inst(w->site, TN_OP_SORT, tn_shape_tuple(arena, count + 1, shapes), count + 1, operands);
  sort->attr.sort = inst->attr.sort;
  tn_inst_set_called(sort, 1, &less);
  for (int i = 0; i < count; i++) results[i] = tn_make_element(w->site, sort, i);
  return tn_shape_is_tuple(inst->shape) ? tn_make_tuple(w->site, count, results) : results[0];
}

/* ---- indices ---- */

/* Starts may vary in number; of the operand what is taken whole. */
static tn_inst *make_gather(work *w) {
  const tn_inst *inst = w->inst;
  int batch = 0, offset = 0;
  for (int d = 0; d < w->shape->rank; d++) {
    if (!tn_dims_contain(inst->attr.gather->offset_dims, d)) {
      batch += batch == inst->attr.gather->index_vector_dim;
      take(w, d, 1, batch++);
      continue;
    }
    while (tn_dims_contain(inst->attr.gather->collapsed_slice_dims, offset) ||
           tn_dims_contain(inst->attr.gather->operand_batching_dims, offset))
      offset++;
    take(w, d, 0, offset++);
  }
  return plain(w);
}

static tn_inst *make_dynamic_slice(work *w) {
  for (int d = 0; d < w->shape->rank; d++) take(w, d, 0, d);
  return plain(w);
}

/* ---- all ---- */

/* Parts of another shape than dims and flags say are left for a later day. */
static const char *movement_refusal(const tn_inst *inst) {
  int from_dim[TN_MADE_RANK];
  const tn_shape *from = inst->operands[0]->shape;
  if (inst->op != TN_OP_RESHAPE && inst->op != TN_OP_BITCAST_CONVERT) return NULL;
  if (inst->op == TN_OP_BITCAST_CONVERT)
    return inst->shape->rank == from->rank ? NULL : "a dynamic dim changes its width";
  return only_ones_differ(inst->shape, from, from_dim) ? NULL : "a dynamic dim is split or merged";
}

static bool features_vary(const tn_inst *inst) {
  const tn_conv_dims *dims = &inst->attr.convolution->dims;
  const tn_shape *input = inst->operands[0]->shape, *kernel = inst->operands[1]->shape;
  bool grouped = inst->attr.convolution->feature_groups > 1 || inst->attr.convolution->batch_groups > 1;
  for (int i = 0; i < dims->kernel_spatial.count; i++)
    if (kernel->dynamic && kernel->dynamic[dims->kernel_spatial.at[i]]) return true;
  return grouped && (tn_shape_is_dynamic(kernel) || (input->dynamic && (input->dynamic[dims->input_feature] ||
                                                                        input->dynamic[dims->input_batch])));
}

const char *tn_dynamic_refusal(const tn_inst *inst) {
  if (tn_op_is(inst->op, TN_OP_ELEMENTWISE)) return NULL;
  if (inst->op == TN_OP_CONVOLUTION) return features_vary(inst) ? "the kernel or its groups vary" : NULL;
  if (inst->op == TN_OP_DYNAMIC_UPDATE_SLICE)
    return tn_shape_is_dynamic(inst->operands[1]->shape) ? "the update's size varies" : NULL;
  if (inst->op == TN_OP_RESHAPE || inst->op == TN_OP_BITCAST_CONVERT) return movement_refusal(inst);
  static const tn_op known[] = {TN_OP_BROADCAST,
                                TN_OP_TRANSPOSE,
                                TN_OP_SLICE,
                                TN_OP_REVERSE,
                                TN_OP_PAD,
                                TN_OP_CONCATENATE,
                                TN_OP_DYNAMIC_RESHAPE,
                                TN_OP_GET_DIMENSION_SIZE,
                                TN_OP_SET_DIMENSION_SIZE,
                                TN_OP_REDUCE,
                                TN_OP_DOT,
                                TN_OP_SORT,
                                TN_OP_GATHER,
                                TN_OP_DYNAMIC_SLICE,
                                TN_OP_COPY,
                                TN_OP_OPT_BARRIER,
                                TN_OP_IOTA,
                                TN_OP_MAP,
                                TN_OP_ADD_DEPENDENCY,
                                TN_OP_DOMAIN};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i] == inst->op) return NULL;
  return "its sizes vary";
}

static tn_inst *make(work *w) {
  static const struct {
    tn_op op;
    tn_inst *(*rule)(work *);
  } rules[] = {{TN_OP_BROADCAST, make_broadcast},
               {TN_OP_TRANSPOSE, make_transpose},
               {TN_OP_RESHAPE, make_reshape},
               {TN_OP_SLICE, make_slice},
               {TN_OP_REVERSE, make_reverse},
               {TN_OP_PAD, make_pad},
               {TN_OP_CONCATENATE, make_concatenate},
               {TN_OP_DYNAMIC_RESHAPE, make_dynamic_reshape},
               {TN_OP_GET_DIMENSION_SIZE, make_get_size},
               {TN_OP_SET_DIMENSION_SIZE, make_set_size},
               {TN_OP_REDUCE, make_reduce},
               {TN_OP_DOT, make_dot},
               {TN_OP_CONVOLUTION, make_convolution},
               {TN_OP_SORT, make_sort},
               {TN_OP_GATHER, make_gather},
               {TN_OP_DYNAMIC_SLICE, make_dynamic_slice}};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (rules[i].op == w->inst->op) return rules[i].rule(w);
  take_all(w);
  return plain(w);
}

tn_inst *tn_make_static(tn_sizes *s, tn_inst *inst, tn_inst **sizes) {
  const tn_shape *shape = inst->shape, *one = tn_shape_is_tuple(shape) ? shape->elements[0] : shape;
  work w = {.all = s, .site = tn_site_of(inst), .inst = inst, .shape = one};
  w.size = TN_NEW_ARRAY(s->scratch, tn_inst *, one->rank + 1);
  tn_inst *result = make(&w);
  w.site.before = result->next;
  int n = tn_dynamic_dims(shape), count = 0;
  for (int d = 0; d < one->rank && n; d++)
    if (is_dynamic(&w, d)) sizes[count++] = w.size[d] ? w.size[d] : number(w.site, one->dims[d]);
  for (int i = count; i < n && count; i++) sizes[i] = sizes[i % count]; /* arrays of one tuple are alike */
  return result;
}
