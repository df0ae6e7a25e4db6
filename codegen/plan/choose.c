/* Which schedule each kernel of a plan gets, and where its operands are packed.
 *
 * Packing is a layout. A constant takes it on: its bytes are laid out when they are
 * written. Any other operand whose panels would be read across rows is copied into
 * a temp that has the layout, just before the kernel runs.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/schedule.h"

typedef struct {
  builder b; /* for new buffers, kernels and steps */
  const tn_plan_options *options;
  int kernels; /* scheduled so far; the plan's, then the copies that packing adds */
} chooser;

static bool is_plain_dim(const tn_index *index, int dim) {
  return index->constant == 0 && index->n_terms == 1 && index->terms[0].kind == TN_TERM_DIM &&
         index->terms[0].dim == dim && index->terms[0].scale == 1;
}

/* The position of the weights that n runs along, and how many leading ones are batches:
 * plain dims of the loop. -1 if they cannot be packed.                                  */
static int panel_position(const tn_kernel *kernel, const tn_contraction *c, int *n_outer) {
  const tn_shape *shape = kernel->buffers[c->weights].shape;
  int at = -1;
  *n_outer = 0;
  for (int d = 0; d < shape->rank; d++)
    if (is_plain_dim(c->weights_access.at[d], c->n)) at = d;
  for (int d = 0; d < shape->rank; d++) {
    bool batch = false;
    for (int i = 0; i < c->loop->n_dims; i++)
      batch = batch || (c->loop->dims[i] != c->n && is_plain_dim(c->weights_access.at[d], c->loop->dims[i]));
    if (!batch) break;
    ++*n_outer;
  }
  return at;
}

/* `buffer` with its elements in the kernel's view of them, laid out in panels. */
static int packed_constant(chooser *ch, int buffer, const tn_shape *shape) {
  const tn_literal *literal = ch->b.buffers.at[buffer].literal;
  for (int i = 0; i < ch->b.buffers.count; i++) {
    const tn_buffer *other = &ch->b.buffers.at[i];
    bool same = other->literal && other->literal->data == literal->data;
    if (same && tn_shape_identical(other->shape, shape)) return i;
  }
  tn_buffer packed = ch->b.buffers.at[buffer];
  packed.literal = tn_literal_array(ch->b.arena, tn_shape_without_layout(ch->b.arena, shape), literal->data);
  packed.name = tn_arena_printf(ch->b.arena, "%s.%d", packed.name, ch->b.buffers.count);
  packed.shape = shape;
  packed.bytes = tn_layout_bytes(shape);
  TN_PUSH(ch->b.arena, &ch->b.buffers, packed);
  return ch->b.buffers.count - 1;
}

static int packed_temp(chooser *ch, int buffer, const tn_shape *shape, tn_step **before) {
  tn_buffer packed = {.name = tn_arena_printf(ch->b.arena, "t%d", ch->b.next_temp++),
                      .memory = TN_MEMORY_TEMP,
                      .shape = shape,
                      .alias = -1,
                      .bytes = tn_layout_bytes(shape)};
  TN_PUSH(ch->b.arena, &ch->b.buffers, packed);
  tn_step *copy = NULL;
  ch->b.tail = &copy;
  ch->b.about = (*before)->origin;
  tn_plan_relayout(&ch->b, ch->b.buffers.count - 1, buffer, shape);
  copy->next = *before;
  *before = copy;
  return ch->b.buffers.count - 1;
}

/* Below this a panel's rows share cache lines and pages anyway. */
enum { SMALL_WEIGHTS = 16 * 1024 };

/* Rows of the weights lie a multiple of half a page apart, and there are so many that no cache has
 * room for a panel of them: all fall into the same few sets.                             */
static bool rows_collide(const tn_kernel *kernel, const tn_contraction *c) {
  enum { HALF_PAGE = 2048, MOST_ROWS = 256 };
  if (!c->reduce->n_dims) return false;
  int k = c->reduce->dims[c->reduce->n_dims - 1];
  int64_t stride, bytes = (int64_t)tn_type_bytes(kernel->buffers[c->weights].shape->type);
  if (!tn_index_stride(kernel, c->weights_access.offset, k, 1, &stride)) return false;
  return stride && stride * bytes % HALF_PAGE == 0 && kernel->dims[k].size > MOST_ROWS;
}

/* The kernel's parameter, an argument of the step at *place, in panels of `width` along dim `at`. */
static void pack_parameter(chooser *ch, tn_step **place, tn_kernel *kernel, int parameter,
                           const tn_layout *layout) {
  tn_step *step = *place;
  const tn_shape *packed = tn_shape_with_layout(ch->b.arena, kernel->buffers[parameter].shape, layout);
  int *arguments = tn_arena_copy(ch->b.arena, step->arguments, sizeof(int) * (size_t)kernel->n_parameters);
  int old = arguments[parameter];
  step->arguments = arguments;
  kernel->buffers[parameter].shape = packed;
  arguments[parameter] = ch->b.buffers.at[old].memory == TN_MEMORY_CONSTANT
                             ? packed_constant(ch, old, packed)
                             : packed_temp(ch, old, packed, place);
}

/* Packs the weights of the step at *place; the step may move down by a copy. */
static void pack(chooser *ch, tn_step **place, tn_kernel *kernel, const tn_contraction *c) {
  tn_step *step = *place;
  int n_outer, at = panel_position(kernel, c, &n_outer);
  const tn_shape *shape = kernel->buffers[c->weights].shape;
  const tn_dim_schedule *n = &kernel->schedule.dims[c->n];
  int64_t width = (int64_t)n->lanes * n->vectors;
  if (at < 0 || shape->layout || shape->rank - n_outer < 2 || c->weights >= kernel->n_parameters) return;
  const tn_buffer *buffer = &ch->b.buffers.at[step->arguments[c->weights]];
  if (buffer->shape->layout || !buffer->bytes) return;
  bool contiguous = tn_is_contiguous(kernel, &c->weights_access, c->n, 1);
  bool constant = buffer->memory == TN_MEMORY_CONSTANT;
  bool one_panel = contiguous && shape->dims[at] <= width;
  bool collides = !constant && rows_collide(kernel, c) && tn_contraction_reuse(kernel, c) >= 64;
  int group = constant ? tn_byte_group(kernel, c, ch->options->target, at, n_outer) : 0;
  if (!group && contiguous && ((!constant && !collides) || one_panel || buffer->bytes <= SMALL_WEIGHTS))
    return;
  const tn_layout *layout = tn_panel_layout(ch->b.arena, shape, at, n_outer, width);
  pack_parameter(ch, place, kernel, c->weights,
                 group ? tn_grouped_layout(ch->b.arena, layout, group) : layout);
}

static bool choose_blocks(chooser *ch, tn_step **place, tn_kernel *kernel) {
  tn_block_product p;
  int n_outer;
  if (!tn_find_block_product(ch->b.arena, kernel, kernel->body, &p)) return false;
  int at = tn_schedule_block_product(ch->b.arena, kernel, &p, ch->options->target, &n_outer);
  if (at < 0 || ch->b.buffers.at[(*place)->arguments[p.input.buffer]].shape->layout) return true;
  const tn_dim_schedule *rows = &kernel->schedule.dims[p.rows];
  int64_t width = (int64_t)rows->lanes * rows->vectors;
  const tn_shape *shape = kernel->buffers[p.input.buffer].shape;
  pack_parameter(ch, place, kernel, p.input.buffer, tn_panel_layout(ch->b.arena, shape, at, n_outer, width));
  return true;
}

/* A matrix that is not constant, lies the wrong way round and is used once or twice is
 * better read along its rows, in partial sums, than copied.                           */
static bool not_worth_packing(chooser *ch, const tn_step *step, const tn_kernel *kernel,
                              const tn_contraction *c) {
  if (c->weights < 0 || c->weights >= kernel->n_parameters) return false;
  if (ch->b.buffers.at[step->arguments[c->weights]].memory == TN_MEMORY_CONSTANT) return false;
  bool contiguous = tn_is_contiguous(kernel, &c->weights_access, c->n, 1);
  return !contiguous && tn_contraction_reuse(kernel, c) < 4;
}

static void choose(chooser *ch, tn_step **place) {
  tn_kernel *kernel = ch->b.kernels.at[(*place)->kernel];
  const tn_cpu *target = ch->options->target;
  tn_contraction c;
  if (kernel->schedule.dims) return;
  if (ch->options->schedule_seed) {
    uint64_t seed = ch->options->schedule_seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)(*place)->kernel;
    tn_schedule_random(ch->b.arena, kernel, target, seed);
    tn_schedule_bound(ch->b.arena, kernel, target, false);
  } else if (tn_has_end(kernel->body)) {
    if (ch->options->level == 0 || !choose_blocks(ch, place, kernel))
      tn_schedule_as_written(ch->b.arena, kernel, target);
  } else if (ch->options->level > 0 && tn_find_contraction(ch->b.arena, kernel, kernel->body, target, &c) &&
             !not_worth_packing(ch, *place, kernel, &c)) {
    tn_scheduling s = tn_schedule_begin(ch->b.arena, kernel, target);
    int shared = tn_schedule_contraction(&s, &c);
    tn_schedule_end(&s, shared);
    tn_schedule_bound(ch->b.arena, kernel, target, true);
    if (c.weights >= 0) pack(ch, place, kernel, &c);
  } else {
    tn_schedule_tree(ch->b.arena, kernel, target);
    tn_schedule_bound(ch->b.arena, kernel, target, true);
  }
}

/* Copies that packing puts before a step are met, and scheduled, right after it. */
static void choose_all(chooser *ch, tn_step **steps) {
  for (tn_step **place = steps; *place; place = &(*place)->next) {
    tn_step *step = *place;
    if (step->kind == TN_STEP_RUN) {
      choose(ch, place);
      if (*place != step) choose(ch, place), place = &(*place)->next;
    }
    if (step->test) choose_all(ch, &step->test);
    for (int i = 0; i < step->n_branches; i++)
      if (step->branches[i]) choose_all(ch, &step->branches[i]);
  }
}

bool tn_plan_schedule(tn_plan *plan, const tn_plan_options *options, tn_diagnostics *sink) {
  chooser ch = {.b = {.arena = plan->arena, .plan = plan, .target = options->target, .sink = sink},
                .options = options};
  for (int i = 0; i < plan->n_buffers; i++) TN_PUSH(plan->arena, &ch.b.buffers, plan->buffers[i]);
  for (int i = 0; i < plan->n_kernels; i++) TN_PUSH(plan->arena, &ch.b.kernels, plan->kernels[i]);
  ch.b.next_temp = plan->n_buffers; /* past every number in use */
  choose_all(&ch, &plan->steps);
  plan->buffers = ch.b.buffers.at;
  plan->n_buffers = ch.b.buffers.count;
  plan->kernels = ch.b.kernels.at;
  plan->n_kernels = ch.b.kernels.count;
  return true;
}
