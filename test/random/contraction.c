/* dot and convolution.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* Multiply-adds of one product. */
static int64_t most_work(const generator *g) { return g->large ? 5000000 : 400000; }

/* The type that the other side has, and that of the result. */
static void product_types(generator *g, tn_type lhs, tn_type *rhs, tn_type *result) {
  *rhs = chance(g->dice, 85) ? lhs : random_type(g, class_of(lhs));
  *result = chance(g->dice, 60) ? lhs : random_type(g, class_of(lhs));
}

/* ---- dot ---- */

/* Which of the lhs's dims are batch and which contracting, in any order. */
static void dot_sides(generator *g, const tn_shape *lhs, int64_t *batch, int *n_batch, int64_t *contracting,
                      int *n_contracting) {
  int64_t dims[8];
  for (int i = 0; i < lhs->rank; i++) dims[i] = i;
  shuffle(g->dice, dims, lhs->rank);
  *n_batch = chance(g->dice, 50) || !lhs->rank ? 0 : roll(g->dice, lhs->rank);
  int left = lhs->rank - *n_batch;
  *n_contracting = left == 0 ? 0 : chance(g->dice, 75) ? 1 : roll(g->dice, left + 1);
  for (int i = 0; i < *n_batch; i++) batch[i] = dims[i];
  for (int i = 0; i < *n_contracting; i++) contracting[i] = dims[*n_batch + i];
}

/* The rhs has these dims and some free ones, in any order. */
static const tn_shape *rhs_shape(generator *g, const tn_shape *lhs, tn_type type, const int64_t *batch,
                                 int n_batch, const int64_t *contracting, int n_contracting,
                                 int64_t *rhs_batch, int64_t *rhs_contracting) {
  int n_free = roll(g->dice, 3), rank = n_batch + n_contracting + n_free;
  if (rank > 6) n_free -= rank - 6, rank = 6;
  int64_t order[8], dims[8], work = tn_shape_elements(lhs);
  for (int i = 0; i < rank; i++) order[i] = i;
  shuffle(g->dice, order, rank);
  for (int i = 0; i < n_batch; i++) dims[rhs_batch[i] = order[i]] = lhs->dims[batch[i]];
  for (int i = 0; i < n_contracting; i++)
    dims[rhs_contracting[i] = order[n_batch + i]] = lhs->dims[contracting[i]];
  for (int i = n_batch + n_contracting; i < rank; i++) {
    int64_t size = random_size(g);
    if (work * size > most_work(g)) size = 2;
    work *= size > 0 ? size : 1;
    dims[order[i]] = size;
  }
  return make_shape(g, type, rank, dims);
}

tn_inst *make_dot(generator *g) {
  node lhs = pick(g, NUMBERS, chance(g->dice, 90));
  if (lhs.inst->shape->rank > 5) return NULL;
  int64_t batch[8], contracting[8], rhs_batch[8], rhs_contracting[8];
  int n_batch, n_contracting;
  tn_type type, result;
  product_types(g, lhs.inst->shape->type, &type, &result);
  dot_sides(g, lhs.inst->shape, batch, &n_batch, contracting, &n_contracting);
  const tn_shape *shape = rhs_shape(g, lhs.inst->shape, type, batch, n_batch, contracting, n_contracting,
                                    rhs_batch, rhs_contracting);
  if (tn_shape_elements(shape) > 4 * g->max_elements) return NULL;
  node rhs = pick_like(g, shape);
  bool swap = chance(g->dice, 50);
  node operands[2] = {swap ? rhs : lhs, swap ? lhs : rhs};
  tn_inst *inst = begin(g, TN_OP_DOT, make_shape(g, result, 0, NULL), 2, operands);
  tn_dot_side *side = tn_inst_edit_dot(inst)->side;
  side[swap] = (tn_dot_side){make_dims(g, n_batch, batch), make_dims(g, n_contracting, contracting)};
  side[!swap] = (tn_dot_side){make_dims(g, n_batch, rhs_batch), make_dims(g, n_contracting, rhs_contracting)};
  return keep(g, inst);
}

/* ---- convolution ---- */

typedef struct {
  int spatial;
  int64_t batch, features_in, features_out, feature_groups, batch_groups;
  int64_t size[3];
  tn_window_dim window[3];
} conv;

static int64_t reach(int64_t size, int64_t dilation) { return size > 0 ? (size - 1) * dilation + 1 : 0; }

static void draw_window(generator *g, tn_window_dim *w, int64_t size) {
  *w = (tn_window_dim){.size = between(g->dice, 1, 4), .stride = 1, .lhs_dilation = 1, .rhs_dilation = 1};
  if (chance(g->dice, 40)) w->stride = between(g->dice, 2, 3);
  if (chance(g->dice, 20)) w->lhs_dilation = between(g->dice, 2, 3);
  if (chance(g->dice, 20)) w->rhs_dilation = between(g->dice, 2, 3);
  w->reversal = chance(g->dice, 15);
  if (chance(g->dice, 60)) w->pad_low = between(g->dice, -1, 3);
  if (chance(g->dice, 60)) w->pad_high = between(g->dice, -1, 3);
  int64_t whole = reach(size, w->lhs_dilation);
  if (whole + w->pad_low < 0) w->pad_low = 0;
  if (whole + w->pad_low + w->pad_high < 0) w->pad_high = 0;
}

static conv draw_conv(generator *g) {
  static const int spatial[] = {0, 1, 1, 1, 2, 2, 2, 2, 2, 3};
  static const int features[] = {1, 2, 3, 4, 5, 8, 16, 17};
  conv c = {.spatial = spatial[roll(g->dice, 10)], .feature_groups = 1, .batch_groups = 1};
  for (int i = 0; i < c.spatial; i++) {
    c.size[i] = chance(g->dice, 2) ? 0 : between(g->dice, 1, c.spatial == 1 ? 33 : c.spatial == 2 ? 9 : 5);
    draw_window(g, &c.window[i], c.size[i]);
  }
  if (chance(g->dice, 20))
    c.feature_groups = between(g->dice, 2, 4);
  else if (chance(g->dice, 10))
    c.batch_groups = between(g->dice, 2, 3);
  int most = c.spatial == 3 ? 4 : COUNT(features);
  c.batch = between(g->dice, 1, 3) * c.batch_groups;
  c.features_in = features[roll(g->dice, most)];
  c.features_out = features[roll(g->dice, most)] * c.feature_groups * c.batch_groups;
  if (c.feature_groups > 1 && chance(g->dice, 40)) c.features_in = 1; /* depthwise */
  return c;
}

/* Three permutations of (batch, feature, spatial…) are the dim labels. */
static void draw_labels(generator *g, const conv *c, tn_conv_dims *dims) {
  int64_t order[3][8];
  int rank = c->spatial + 2;
  for (int s = 0; s < 3; s++) {
    for (int i = 0; i < rank; i++) order[s][i] = i;
    shuffle(g->dice, order[s], rank);
  }
  if (chance(g->dice, 30)) { /* b01f_01io->b01f */
    for (int s = 0; s < 3; s += 2) {
      order[s][0] = 0;
      order[s][1] = rank - 1;
      for (int i = 2; i < rank; i++) order[s][i] = i - 1;
    }
    order[1][0] = rank - 2;
    order[1][1] = rank - 1;
    for (int i = 2; i < rank; i++) order[1][i] = i - 2;
  }
  dims->input_batch = order[0][0];
  dims->input_feature = order[0][1];
  dims->input_spatial = make_dims(g, c->spatial, order[0] + 2);
  dims->kernel_input = order[1][0];
  dims->kernel_output = order[1][1];
  dims->kernel_spatial = make_dims(g, c->spatial, order[1] + 2);
  dims->output_batch = order[2][0];
  dims->output_feature = order[2][1];
  dims->output_spatial = make_dims(g, c->spatial, order[2] + 2);
}

tn_inst *make_convolution(generator *g) {
  conv c = draw_conv(g);
  tn_type lhs_type = random_type(g, NUMBERS), rhs_type, result;
  product_types(g, lhs_type, &rhs_type, &result);
  tn_conv_dims labels, *dims = &labels;
  draw_labels(g, &c, dims);
  int64_t lhs[8], rhs[8], work = c.batch * c.features_in * c.features_out;
  lhs[dims->input_batch] = c.batch;
  lhs[dims->input_feature] = c.features_in * c.feature_groups;
  rhs[dims->kernel_input] = c.features_in;
  rhs[dims->kernel_output] = c.features_out;
  for (int i = 0; i < c.spatial; i++) {
    lhs[dims->input_spatial.at[i]] = c.size[i];
    rhs[dims->kernel_spatial.at[i]] = c.window[i].size;
    work *= c.window[i].size * (c.size[i] + 1);
  }
  if (work > most_work(g)) return NULL;
  node operands[2] = {pick_like(g, make_shape(g, lhs_type, c.spatial + 2, lhs)),
                      pick_like(g, make_shape(g, rhs_type, c.spatial + 2, rhs))};
  tn_inst *inst = begin(g, TN_OP_CONVOLUTION, make_shape(g, result, 0, NULL), 2, operands);
  *tn_inst_edit_convolution(inst) = (tn_convolution_attributes){
      .window = {tn_arena_copy(g->module->arena, c.window, sizeof c.window), c.spatial},
      .dims = labels,
      .feature_groups = c.feature_groups,
      .batch_groups = c.batch_groups,
  };
  return keep(g, inst);
}
