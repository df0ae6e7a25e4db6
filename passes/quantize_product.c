/* Products and what follows them: what one kernel, or one pass of an array's vector unit, does.
 *
 *   d = dot(x, w)                      factor[c] = 1                 offset[c] = 0
 *   m = multiply(d, broadcast(a))      factor[c] = a[c]
 *   s = subtract(m, broadcast(b))                                    offset[c] = -b[c]
 *   r = add(s, residual)
 *   y = maximum(r, 0)                  low = 0
 *
 * Biases and normalisation by constants, in whatever order, are one factor and one offset a
 * channel: with a scale for each channel's weights the factor costs nothing, so normalisation
 * needs no folding into the weights. Each value on the way has one reader. A channel is an index
 * of the weights' free (and batch) dims.
 * Cost: channels times steps of the chain.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/quantize_scheme.h"
#include "passes/rewrite.h"
#include "passes/values.h"

#include <math.h>

/* ---- channels ---- */

static void add_channel(tn_quantize_product *p, int64_t dim, int64_t weight_dim) {
  p->channels[p->n_channels] = dim;
  p->weight_dims[p->n_channels++] = weight_dim;
  p->count *= p->product->shape->dims[dim];
}

static void dot_channels(tn_quantize_product *p) {
  const tn_dot_side *side = p->product->attr.dot->side;
  int64_t dim = 0;
  for (; dim < side[0].batch.count; dim++) add_channel(p, dim, side[p->weights].batch.at[dim]);
  for (int s = 0; s < 2; s++)
    for (int d = 0; d < p->product->operands[s]->shape->rank; d++) {
      if (tn_dims_contain(side[s].batch, d) || tn_dims_contain(side[s].contracting, d)) continue;
      if (s == p->weights) add_channel(p, dim, d);
      dim++;
    }
}

static void find_channels(tn_quantize_product *p) {
  if (p->weights < 0) return;
  if (p->product->op == TN_OP_DOT)
    dot_channels(p);
  else
    add_channel(p, p->product->attr.convolution->dims.output_feature,
                p->product->attr.convolution->dims.kernel_output);
}

tn_channel_walk tn_channel_walk_of(const tn_quantize_product *p, const tn_shape *weights) {
  tn_channel_walk walk = {.shape = weights};
  int64_t stride = 1;
  for (int i = p->n_channels - 1; i >= 0; i--) {
    walk.strides[p->weight_dims[i]] = stride;
    stride *= weights->dims[p->weight_dims[i]];
  }
  return walk;
}

void tn_channel_step(tn_channel_walk *walk) {
  for (int d = walk->shape->rank - 1; d >= 0; d--) {
    walk->channel += walk->strides[d];
    if (++walk->index[d] < walk->shape->dims[d]) return;
    walk->channel -= walk->strides[d] * walk->index[d];
    walk->index[d] = 0;
  }
}

/* ---- constants by channel ---- */

/* Changes along the dims that `along` says alone. */
static bool varies_along(const tn_inst *inst, const bool *along) {
  if (tn_one_value(inst)) return true;
  if (inst->op == TN_OP_BROADCAST) {
    bool within[TN_MOST_DIMS];
    for (int d = 0; d < inst->operands[0]->shape->rank; d++)
      within[d] = along[inst->attr.dimensions.dims.at[d]];
    return varies_along(inst->operands[0], within);
  }
  if (inst->op != TN_OP_CONSTANT && !(inst->op == TN_OP_RESHAPE && inst->operands[0]->op == TN_OP_CONSTANT))
    return false;
  for (int d = 0; d < inst->shape->rank; d++)
    if (inst->shape->dims[d] != 1 && !along[d]) return false;
  return true;
}

static double element_at(const tn_inst *inst, const int64_t *index) {
  int64_t at = 0, of[TN_MOST_DIMS];
  if (inst->op == TN_OP_BROADCAST) {
    for (int d = 0; d < inst->operands[0]->shape->rank; d++) of[d] = index[inst->attr.dimensions.dims.at[d]];
    return element_at(inst->operands[0], of);
  }
  for (int d = 0; d < inst->shape->rank; d++) at = at * inst->shape->dims[d] + index[d];
  if (inst->op == TN_OP_CONSTANT) return ((const float *)inst->attr.constant.literal->data)[at];
  const tn_shape *shape = inst->operands[0]->shape; /* of a reshape */
  for (int d = shape->rank - 1; d >= 0; d--) {
    of[d] = at % shape->dims[d];
    at /= shape->dims[d];
  }
  return element_at(inst->operands[0], of);
}

/* The constant's value for each channel; false: it is none, or has more values. */
static bool values_of(const tn_quantize_product *p, const tn_inst *inst, double *values) {
  bool along[TN_MOST_DIMS] = {false};
  int64_t index[TN_MOST_DIMS] = {0};
  for (int i = 0; i < p->n_channels; i++) along[p->channels[i]] = true;
  if (inst->shape->type != TN_F32 || !varies_along(inst, along)) return false;
  for (int64_t c = 0; c < p->count; c++) {
    int64_t left = c;
    for (int i = p->n_channels - 1; i >= 0; i--) {
      int64_t size = p->product->shape->dims[p->channels[i]];
      index[p->channels[i]] = left % size;
      left /= size;
    }
    values[c] = element_at(inst, index);
    if (!isfinite(values[c])) return false;
  }
  return true;
}

/* ---- the chain ---- */

/* y = factor * x + offset is the next step's operand. */
static void scale_by(tn_quantize_product *p, const double *values, bool divide) {
  for (int64_t c = 0; c < p->count; c++) {
    double by = divide ? 1 / values[c] : values[c];
    p->factor[c] *= by;
    p->offset[c] *= by;
  }
}

static void move_by(tn_quantize_product *p, const double *values, double sign) {
  for (int64_t c = 0; c < p->count; c++) p->offset[c] += sign * values[c];
}

static void turn(tn_quantize_product *p) {
  for (int64_t c = 0; c < p->count; c++) {
    p->factor[c] = -p->factor[c];
    p->offset[c] = -p->offset[c];
  }
}

/* Takes `user`, a step with constants whose other operand is p->end, into p. */
static bool take_step(tn_quantize_product *p, tn_arena *arena, tn_inst *user) {
  if (user->shape->type != TN_F32 || !tn_shape_same_dims(user->shape, p->product->shape)) return false;
  if (user->op == TN_OP_NEGATE) return turn(p), p->end = user, true;
  bool known = user->op == TN_OP_ADD || user->op == TN_OP_SUBTRACT || user->op == TN_OP_MULTIPLY ||
               user->op == TN_OP_DIVIDE;
  if (!known || user->operands[0] == user->operands[1]) return false;
  int other = user->operands[0] == p->end ? 1 : 0;
  double *values = TN_NEW_ARRAY(arena, double, p->count);
  if ((user->op == TN_OP_DIVIDE && other == 0) || !values_of(p, user->operands[other], values)) return false;
  if (user->op == TN_OP_MULTIPLY || user->op == TN_OP_DIVIDE) scale_by(p, values, user->op == TN_OP_DIVIDE);
  if (user->op == TN_OP_ADD) move_by(p, values, 1);
  if (user->op == TN_OP_SUBTRACT && other == 0)
    turn(p), move_by(p, values, 1);
  else if (user->op == TN_OP_SUBTRACT)
    move_by(p, values, -1);
  p->end = user;
  return true;
}

static bool is_only_read_once(const tn_inst *inst) {
  return inst->users.count == 1 && inst != inst->parent->root && tn_rewrite_is_free_to_move(inst);
}

tn_quantize_product *tn_quantize_start(tn_arena *arena, tn_inst *product, int weights) {
  tn_quantize_product *p = TN_NEW(arena, tn_quantize_product);
  int rank = product->shape->rank;
  *p = (tn_quantize_product){.product = product, .weights = weights, .count = 1, .end = product};
  p->channels = TN_NEW_ARRAY(arena, int64_t, rank + 1);
  p->weight_dims = TN_NEW_ARRAY(arena, int64_t, rank + 1);
  p->low = -INFINITY;
  p->high = INFINITY;
  find_channels(p);
  p->factor = TN_NEW_ARRAY(arena, double, p->count);
  p->offset = TN_NEW_ARRAY(arena, double, p->count);
  for (int64_t c = 0; c < p->count; c++) p->factor[c] = 1;
  return p;
}

void tn_quantize_follow(tn_quantize_product *p, tn_arena *arena, const tn_inst *until) {
  while (p->end != until && is_only_read_once(p->end) && take_step(p, arena, p->end->users.at[0])) {}
}

/* ---- from the end back ---- */

bool tn_quantize_limits(tn_inst *end, tn_inst **inner, double *low, double *high) {
  *low = -INFINITY, *high = INFINITY;
  tn_inst *inst = end;
  for (;;) {
    tn_inst *next = NULL;
    const void *one = NULL, *two = NULL;
    if (inst->op == TN_OP_CLAMP) {
      next = inst->operands[1];
      one = tn_one_value(inst->operands[0]);
      two = tn_one_value(inst->operands[2]);
      if (!one || !two) break;
    } else if (inst->op == TN_OP_MAXIMUM || inst->op == TN_OP_MINIMUM) {
      int constant = tn_one_value(inst->operands[1]) ? 1 : 0;
      one = two = tn_one_value(inst->operands[constant]);
      next = inst->operands[1 - constant];
      if (!one) break;
    } else {
      break;
    }
    /* Later limits win: min(max(x, low), high) of what is inside comes first. */
    double least = inst->op == TN_OP_MINIMUM ? -INFINITY : tn_load_float(TN_F32, one),
           most = inst->op == TN_OP_MAXIMUM ? INFINITY : tn_load_float(TN_F32, two);
    if (!(least <= most) || least > *high || most < *low || (inst != end && !is_only_read_once(inst))) break;
    *low = fmax(*low, least);
    *high = fmin(*high, most);
    inst = next;
  }
  *inner = inst;
  return inst == end || is_only_read_once(inst);
}

/* The product at the beginning of a chain of steps with constants that ends in `end`. */
tn_inst *tn_quantize_root(tn_inst *end, const tn_inst *from) {
  for (tn_inst *inst = end;;) {
    if (inst != from && !is_only_read_once(inst)) return NULL;
    if (inst->op == TN_OP_DOT || inst->op == TN_OP_CONVOLUTION) return inst;
    bool step = inst->op == TN_OP_ADD || inst->op == TN_OP_SUBTRACT || inst->op == TN_OP_MULTIPLY ||
                inst->op == TN_OP_DIVIDE || inst->op == TN_OP_NEGATE;
    if (!step) return NULL;
    int constant = inst->n_operands == 2 && tn_is_constant_like(inst->operands[0]) ? 0 : 1;
    if (inst->n_operands == 2 && !tn_is_constant_like(inst->operands[constant])) return NULL;
    inst = inst->operands[1 - constant];
  }
}
