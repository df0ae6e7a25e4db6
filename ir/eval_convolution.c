/* convolution: a product of matrices for each group and block of output positions.
 *
 *     patches[K, block]  element (tap, ic) of every position's window, 0 in padding and in
 *                        the holes of dilation
 *     kernel [O, K]      K = taps (row-major over the window, as the window moves) then
 *                        input channels of the group
 *     result [O, positions], positions = batch and output space, row-major
 *
 * Order: each result is one sum over taps, then input channels, ascending. Padding takes
 * part as a zero, so an infinite weight over padding gives NaN.
 *
 * Cost: multiply-adds at the speed of eval_planes.c, plus one copy of each patch element,
 * shared by the output channels of a group.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_planes.h"

enum { BLOCK = 256 };

typedef struct {
  tn_eval *eval;
  const tn_window *window;
  int spatial;             /* number of spatial dims */
  int64_t batch, channels; /* of the input */
  int64_t group_channels;  /* input channels of a group */
  int64_t outputs;         /* output channels of all groups */
  int64_t groups, feature_groups;
  int64_t taps, image; /* elements of the window and of one input image */
  int64_t out_batch, out_image;
  const int64_t *in_dims, *out_dims; /* spatial */
  tn_planes input;                   /* [batch, channels, spatial] */
  tn_planes kernel;                  /* [outputs, taps, group_channels] */
  tn_planes result;                  /* [outputs, out_batch, out spatial] */
} conv;

static int64_t product_of(const int64_t *dims, int count) {
  int64_t product = 1;
  for (int i = 0; i < count; i++) product *= dims[i];
  return product;
}

/* Packs the dims of an operand in the order given: a, b, then spatial ones, or spatial
 * between them; reversed spatial dims run backwards.                                    */
static tn_planes pack(conv *c, tn_type type, bool complex, const tn_value *from, int64_t a, int64_t b,
                      tn_dims space, bool space_between) {
  const tn_shape *shape = from->literal.shape;
  int rank = shape->rank, at = 0;
  int64_t *strides = tn_strides(c->eval, shape), first = 0;
  int64_t *dims = TN_SCRATCH(c->eval, int64_t, rank), *steps = TN_SCRATCH(c->eval, int64_t, rank);
  dims[at] = shape->dims[a], steps[at++] = strides[a];
  if (!space_between) dims[at] = shape->dims[b], steps[at++] = strides[b];
  for (int i = 0; i < space.count; i++) {
    int64_t d = space.at[i];
    bool reversed = space_between && c->window->at[i].reversal;
    dims[at] = shape->dims[d];
    steps[at++] = reversed ? -strides[d] : strides[d];
    if (reversed && shape->dims[d]) first += (shape->dims[d] - 1) * strides[d];
  }
  if (space_between) dims[at] = shape->dims[b], steps[at++] = strides[b];
  return tn_planes_pack(c->eval, type, complex, from, first, rank, dims, steps);
}

/* The input element under `tap` for output position `out` along one dim; -1: none. */
static int64_t input_index(const tn_window_dim *w, int64_t size, int64_t out, int64_t tap) {
  int64_t at = out * w->stride + tap * w->rhs_dilation - w->pad_low;
  if (at < 0 || at % w->lhs_dilation) return -1;
  at /= w->lhs_dilation;
  return at < size ? at : -1;
}

/* offsets[tap][p]: where image 0, channel 0 of the window element lies in the input; -1: nowhere. */
static void find_offsets(const conv *c, int64_t first, int count, int64_t *offsets) {
  int64_t tap[16] = {0}, sizes[16];
  for (int d = 0; d < c->spatial; d++) sizes[d] = c->window->at[d].size;
  for (int64_t t = 0; t < c->taps; t++, tn_index_next(c->spatial, sizes, tap)) {
    for (int p = 0; p < count; p++) {
      int64_t position = first + p, rest = position % c->out_image, offset = 0, scale = 1;
      for (int d = c->spatial - 1; d >= 0 && offset >= 0; d--) {
        int64_t at = input_index(&c->window->at[d], c->in_dims[d], rest % c->out_dims[d], tap[d]);
        rest /= c->out_dims[d];
        offset = at < 0 ? -1 : offset + at * scale;
        scale *= c->in_dims[d];
      }
      offsets[t * BLOCK + p] = offset < 0 ? -1 : offset + position / c->out_image * c->channels * c->image;
    }
  }
}

#define FILL(T)                                                                                              \
  do {                                                                                                       \
    const T *f = (const T *)from + base;                                                                     \
    T *t = (T *)to;                                                                                          \
    for (int64_t tap = 0; tap < c->taps; tap++)                                                              \
      for (int64_t ic = 0; ic < c->group_channels; ic++, t += count, f += c->image) {                        \
        const int64_t *o = offsets + tap * BLOCK;                                                            \
        if (ic == 0) f = (const T *)from + base;                                                             \
        for (int p = 0; p < count; p++) t[p] = o[p] < 0 ? 0 : f[o[p]];                                       \
      }                                                                                                      \
  } while (0)

static void fill_patches(const conv *c, size_t item, const void *from, int64_t base, const int64_t *offsets,
                         int count, void *to) {
  if (item == 4)
    FILL(uint32_t);
  else
    FILL(uint64_t);
}

static void fill_all(const conv *c, int64_t base, const int64_t *offsets, int count,
                     const tn_planes *patches) {
  size_t item = tn_type_bytes(c->input.type);
  fill_patches(c, item, c->input.re, base, offsets, count, patches->re);
  if (patches->im) fill_patches(c, item, c->input.im, base, offsets, count, patches->im);
  if (!patches->size) return;
  fill_patches(c, sizeof(double), c->input.size, base, offsets, count, patches->size);
  fill_patches(c, sizeof(double), c->input.error, base, offsets, count, patches->error);
}

/* Rows of `count` from a block into the result, whose rows are all positions. */
static void place_rows(size_t item, int64_t rows, int64_t columns, int count, const void *from, void *to) {
  tn_copy_strided(2, (int64_t[]){rows, count}, to, (int64_t[]){columns, 1}, from, (int64_t[]){count, 1},
                  item);
}

static void clear(const tn_planes *planes, int64_t count) {
  memset(planes->re, 0, (size_t)count * tn_type_bytes(planes->type));
  if (planes->im) memset(planes->im, 0, (size_t)count * tn_type_bytes(planes->type));
  if (!planes->size) return;
  memset(planes->size, 0, (size_t)count * sizeof(double));
  memset(planes->error, 0, (size_t)count * sizeof(double));
}

static void one_group(conv *c, int64_t group, int64_t first, const int64_t *offsets, int count,
                      const tn_planes *patches, const tn_planes *sums) {
  int64_t rows = c->outputs / c->groups, depth = c->taps * c->group_channels,
          columns = c->out_batch * c->out_image;
  bool by_feature = c->feature_groups > 1;
  /* A feature group reads its channels, a batch group its images. */
  int64_t base =
      by_feature ? group * c->group_channels * c->image : group * c->out_batch * c->channels * c->image;
  fill_all(c, base, offsets, count, patches);
  clear(sums, rows * count);
  tn_planes kernel = tn_planes_at(&c->kernel, group * rows * depth);
  tn_planes_multiply(c->eval, rows, count, depth, &kernel, patches, sums);
  tn_planes to = tn_planes_at(&c->result, group * rows * columns + first);
  size_t item = tn_type_bytes(c->input.type);
  place_rows(item, rows, columns, count, sums->re, to.re);
  if (to.im) place_rows(item, rows, columns, count, sums->im, to.im);
  if (!to.size) return;
  place_rows(sizeof(double), rows, columns, count, sums->size, to.size);
  place_rows(sizeof(double), rows, columns, count, sums->error, to.error);
}

static void convolve(conv *c, bool complex) {
  int64_t positions = c->out_batch * c->out_image, rows = c->groups ? c->outputs / c->groups : 0;
  int64_t *offsets = TN_SCRATCH(c->eval, int64_t, c->taps *BLOCK);
  tn_planes patches = tn_planes_zero(c->eval, c->input.type, complex, c->taps * c->group_channels * BLOCK);
  tn_planes sums = tn_planes_zero(c->eval, c->input.type, complex, rows * BLOCK);
  for (int64_t first = 0; first < positions; first += BLOCK) {
    int count = positions - first < BLOCK ? (int)(positions - first) : BLOCK;
    find_offsets(c, first, count, offsets);
    for (int64_t g = 0; g < c->groups; g++) one_group(c, g, first, offsets, count, &patches, &sums);
  }
}

static const int64_t *spatial_dims(tn_eval *eval, const tn_shape *shape, tn_dims space) {
  int64_t *dims = TN_SCRATCH(eval, int64_t, space.count);
  for (int i = 0; i < space.count; i++) dims[i] = shape->dims[space.at[i]];
  return dims;
}

/* [outputs, out_batch, space] into the result's order. */
static tn_value *place_result(conv *c, const tn_inst *inst) {
  const tn_conv_dims *roles = &inst->attr.convolution->dims;
  const tn_shape *shape = inst->shape;
  int64_t *dims = TN_SCRATCH(c->eval, int64_t, shape->rank),
          *steps = TN_SCRATCH(c->eval, int64_t, shape->rank);
  int64_t *strides = tn_strides(c->eval, shape);
  dims[0] = c->outputs, steps[0] = strides[roles->output_feature];
  dims[1] = c->out_batch, steps[1] = strides[roles->output_batch];
  for (int i = 0; i < c->spatial; i++) {
    dims[i + 2] = c->out_dims[i];
    steps[i + 2] = strides[roles->output_spatial.at[i]];
  }
  tn_value *ordered = tn_value_new(c->eval, tn_eval_shape(c->eval, shape->type, shape->rank, dims));
  tn_planes_finish(ordered, &c->result, c->taps * c->group_channels);
  tn_value *result = tn_value_new(c->eval, shape);
  tn_value_copy(result, 0, steps, ordered, 0, tn_strides(c->eval, ordered->literal.shape), shape->rank, dims);
  tn_value_release(c->eval, ordered);
  return result;
}

static conv describe(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_conv_dims *roles = &inst->attr.convolution->dims;
  const tn_shape *input = operands[0]->literal.shape, *kernel = operands[1]->literal.shape,
                 *out = inst->shape;
  conv c = {.eval = eval, .window = &inst->attr.convolution->window, .spatial = roles->input_spatial.count};
  c.batch = input->dims[roles->input_batch];
  c.channels = input->dims[roles->input_feature];
  c.group_channels = kernel->dims[roles->kernel_input];
  c.outputs = kernel->dims[roles->kernel_output];
  c.feature_groups = inst->attr.convolution->feature_groups;
  c.groups = c.feature_groups * inst->attr.convolution->batch_groups;
  c.in_dims = spatial_dims(eval, input, roles->input_spatial);
  c.out_dims = spatial_dims(eval, out, roles->output_spatial);
  c.image = product_of(c.in_dims, c.spatial);
  c.out_image = product_of(c.out_dims, c.spatial);
  c.taps = product_of(spatial_dims(eval, kernel, roles->kernel_spatial), c.spatial);
  c.out_batch = out->dims[roles->output_batch];
  return c;
}

tn_value *tn_eval_convolution(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  const tn_conv_dims *roles = &inst->attr.convolution->dims;
  conv c = describe(eval, inst, operands);
  if (c.spatial > 16)
    tn_eval_stop(eval, TN_UNSUPPORTED, "convolution: %d spatial dims, at most 16 can be evaluated",
                 c.spatial);
  tn_type type = tn_sum_type(inst->shape->type, tn_value_type(operands[0]), tn_value_type(operands[1]));
  bool complex = tn_type_is_complex(inst->shape->type);
  c.input = pack(&c, type, complex, operands[0], roles->input_batch, roles->input_feature,
                 roles->input_spatial, false);
  c.kernel = pack(&c, type, complex, operands[1], roles->kernel_output, roles->kernel_input,
                  roles->kernel_spatial, true);
  c.result = tn_planes_zero(eval, type, complex, tn_shape_elements(inst->shape));
  tn_planes_note_factors(&c.result, &c.input, &c.kernel);
  if (tn_shape_elements(inst->shape)) convolve(&c, complex);
  return place_result(&c, inst);
}
