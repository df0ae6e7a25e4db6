/* Ragged dots as dots over blocks of rows.
 *
 * The lhs is cut along its ragged dim into G groups of runtime sizes, one after the
 * other; a group's rows meet the group's own rhs (ragged dim free), or give a result of
 * their own (contracting). Groups are covered by blocks of a fixed number of rows, each
 * of one group, whose last block is filled up:
 *
 *   rows      0 1 2 3 4 | 5 6 | 7 8 9 …        shift[g] = first block of g * B - start[g]
 *   blocks   [0 1 2 3][4 - - -][5 6 - -][7 …   place of row m in the blocks: m + shift[group of m]
 *
 * There are at most N = (R + G (B-1)) / B of them, so
 *
 *   free          y[m] = dot(x[rows of block], w[group of block])[place of m], 0 beyond the groups
 *   contracting   y[g] = sum over the blocks of g of dot(x[block], w[block]), rows that fill up are 0
 *   batch         the group sizes do not matter: a dot
 *
 * are batched dots of static shapes, which run as any other product; the work is that of
 * the rows and a little for filling up. The dot that takes each block's rhs
 * by its group is put into a fusion, so that no copies of the rhs are ever made. Keeps:
 * for free dims the order of each sum; a contracting dim is summed block by block. Cost:
 * O(instructions).
 *
 * After: Gale et al., "MegaBlocks: Efficient Sparse Training with Mixture-of-Experts" (2022).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"

enum { SMALLEST_BLOCK = 4, LARGEST_BLOCK = 64 };

/* Which rows are whose: everything about the group sizes that the dots need, of index
 * type `type`. */
typedef struct {
  tn_site s;
  tn_type type;
  int64_t rows, groups, block, blocks;
  tn_inst *ends;     /* [G] where each group ends, at most R */
  tn_inst *shift;    /* [G] from rows to places in blocks */
  tn_inst *group_of; /* [N] group of each block, G for those beyond the last */
} partition;

static const tn_shape *vector_shape(const partition *p, int64_t size) {
  return tn_shape_array(tn_site_arena(p->s), p->type, 1, &size);
}

static tn_inst *filled(const partition *p, int64_t size, int64_t value) {
  return tn_make_filled(p->s, vector_shape(p, size), (double)value);
}

static tn_inst *binary(const partition *p, tn_op op, tn_inst *a, tn_inst *b) {
  return tn_make_binary(p->s, op, a, b);
}

/* result[i] = a[0] + … + a[i] */
static tn_inst *running_sum(const partition *p, tn_inst *a) {
  tn_inst *operands[] = {a, tn_make_scalar(p->s, p->type, 0)};
  tn_inst *sum = tn_make_inst(p->s, TN_OP_REDUCE_WINDOW, a->shape, 2, operands);
  tn_window_dim *window = TN_NEW(tn_site_arena(p->s), tn_window_dim);
  int64_t n = a->shape->dims[0];
  *window = (tn_window_dim){.size = n, .stride = 1, .pad_low = n - 1, .lhs_dilation = 1, .rhs_dilation = 1};
  sum->attr.window.window = (tn_window){window, 1};
  tn_comp *add = tn_make_binary_comp(p->s, TN_OP_ADD, p->type);
  tn_inst_set_called(sum, 1, &add);
  return sum;
}

/* result[i] = how many of `ends` are at most at[i]: the group that at[i] is in. */
static tn_inst *count_ended(const partition *p, tn_inst *ends, tn_inst *at) {
  int64_t dims[2] = {at->shape->dims[0], p->groups};
  const tn_shape *pairs = tn_shape_array(tn_site_arena(p->s), p->type, 2, dims);
  tn_inst *end = tn_make_broadcast(p->s, ends, pairs, (int64_t[]){1});
  tn_inst *position = tn_make_broadcast(p->s, at, pairs, (int64_t[]){0});
  tn_inst *ended = tn_make_compare(p->s, TN_LE, end, position);
  return tn_make_sum(p->s, tn_make_convert(p->s, ended, p->type), (tn_dims){(int64_t[]){1}, 1});
}

/* A power of two, about 1/share of an average group: filling up costs 1/(2*share) of the work. */
static int64_t block_rows(int64_t rows, int64_t groups, int64_t share, int64_t most) {
  int64_t block = SMALLEST_BLOCK;
  while (block < most && block * 2 * share <= rows / groups) block *= 2;
  return block;
}

static partition cut(tn_site s, tn_inst *sizes, int64_t rows, int64_t block) {
  partition p = {.s = s, .rows = rows, .groups = sizes->shape->dims[0], .block = block};
  p.blocks = (rows + p.groups * (block - 1)) / block;
  p.type = p.blocks * block + rows < (INT64_C(1) << 30) ? TN_S32 : TN_S64;
  /* In 64 bits until it is known to lie in 0 … rows. */
  const tn_shape *wide = tn_shape_array(tn_site_arena(s), TN_S64, 1, &p.groups);
  tn_inst *size =
      tn_make_binary(s, TN_OP_MAXIMUM, tn_make_convert(s, sizes, TN_S64), tn_make_filled(s, wide, 0));
  size = tn_make_binary(s, TN_OP_MINIMUM, size, tn_make_filled(s, wide, (double)rows));
  size = running_sum(&(partition){.s = s, .type = TN_S64}, size);
  size = tn_make_binary(s, TN_OP_MINIMUM, size, tn_make_filled(s, wide, (double)rows));
  p.ends = tn_make_convert(s, size, p.type);
  tn_inst *zero = filled(&p, 1, 0), *starts = zero;
  if (p.groups > 1) {
    int64_t first = 0, others = p.groups - 1;
    starts = tn_make_concatenate(s, 0, 2, (tn_inst *[]){zero, tn_make_box(s, p.ends, &first, &others)});
  }
  tn_inst *rounded =
      binary(&p, TN_OP_ADD, binary(&p, TN_OP_SUBTRACT, p.ends, starts), filled(&p, p.groups, block - 1));
  tn_inst *count = binary(&p, TN_OP_DIVIDE, rounded, filled(&p, p.groups, block));
  tn_inst *last = running_sum(&p, count);
  tn_inst *place =
      binary(&p, TN_OP_MULTIPLY, binary(&p, TN_OP_SUBTRACT, last, count), filled(&p, p.groups, block));
  p.shift = binary(&p, TN_OP_SUBTRACT, place, starts);
  p.group_of = count_ended(&p, last, tn_make_iota(s, vector_shape(&p, p.blocks), 0));
  return p;
}

/* [N,B]: the row at each place of the blocks; anything where a block is filled up. */
static tn_inst *rows_of_blocks(const partition *p) {
  int64_t dims[2] = {p->blocks, p->block}, places = p->blocks * p->block;
  const tn_shape *shape = tn_shape_array(tn_site_arena(p->s), p->type, 2, dims);
  tn_inst *shift = tn_make_take(p->s, p->shift, 0, p->group_of);
  tn_inst *place = tn_make_reshape(p->s, tn_make_iota(p->s, vector_shape(p, places), 0), 2, dims);
  return binary(p, TN_OP_SUBTRACT, place, tn_make_broadcast(p->s, shift, shape, (int64_t[]){0}));
}

/* ---- dims ---- */

/* The dims of `roles` after dim `cut` has become a batch dim (the first or the last of
 * them), followed by another if `two`, which is contracting if `extra`.                 */
static tn_dot_side cut_roles(tn_site s, const tn_dot_side *roles, int64_t cut, bool two, bool lead,
                             bool extra) {
  tn_dot_side to;
  int64_t *batch = TN_NEW_ARRAY(tn_site_arena(s), int64_t, roles->batch.count + 1),
          *contracting = TN_NEW_ARRAY(tn_site_arena(s), int64_t, roles->contracting.count + 1);
  int n_batch = 0, n_contracting = 0;
  if (lead) batch[n_batch++] = cut;
  for (int i = 0; i < roles->batch.count; i++)
    batch[n_batch++] = roles->batch.at[i] + (two && roles->batch.at[i] > cut);
  if (!lead) batch[n_batch++] = cut;
  for (int i = 0; i < roles->contracting.count; i++)
    if (roles->contracting.at[i] != cut)
      contracting[n_contracting++] = roles->contracting.at[i] + (two && roles->contracting.at[i] > cut);
  if (extra) contracting[n_contracting++] = cut + 1;
  to.batch = (tn_dims){batch, n_batch};
  to.contracting = (tn_dims){contracting, n_contracting};
  return to;
}

/* `mask` of the dims at, at+1, … of the value; 0 where it is false. */
static tn_inst *masked(tn_site s, tn_inst *value, tn_inst *mask, int64_t at) {
  const tn_shape *plain = tn_shape_without_layout(tn_site_arena(s), value->shape);
  const tn_shape *full = tn_shape_with_type(tn_site_arena(s), plain, TN_PRED);
  int64_t dims[2] = {at, at + 1};
  tn_inst *spread = tn_make_broadcast(s, mask, full, dims);
  return tn_make_select(s, spread, value, tn_make_filled(s, plain, 0));
}

/* ---- the ragged dim is free ---- */

/* dot(x, rhs of each block's group) as one fusion: [b…, N, lhs free…, rhs free…], with the
 * block's rows where the ragged dim was.                                               */
static tn_inst *block_dot(const partition *p, const tn_inst *inst, tn_inst *x, int64_t ragged) {
  int64_t group_dim = inst->attr.dot->rhs_group.at[0];
  tn_inst *arguments[3] = {x, inst->operands[1], p->group_of}, *parameters[3];
  static const char *const names[] = {"x", "w", "group"};
  tn_comp *comp = tn_comp_create(p->s.comp->module, "ragged_dot");
  for (int i = 0; i < 3; i++) {
    const tn_shape *shape = tn_shape_without_layout(tn_site_arena(p->s), arguments[i]->shape);
    parameters[i] = tn_build_parameter(comp, i, shape, names[i]);
  }
  tn_site inside = {comp, NULL, p->s.about};
  tn_inst *sides[2] = {parameters[0], tn_make_take(inside, parameters[1], group_dim, parameters[2])};
  tn_dot_side dims[2] = {cut_roles(inside, &inst->attr.dot->side[0], ragged, true, false, false),
                         cut_roles(inside, &inst->attr.dot->side[1], group_dim, false, false, false)};
  comp->root = tn_make_dot(inside, inst->shape->type, sides, dims);
  tn_inst *fusion = tn_make_inst(p->s, TN_OP_FUSION, comp->root->shape, 3, arguments);
  fusion->attr.fusion.kind = TN_FUSION_OUTPUT;
  tn_inst_set_called(fusion, 1, &comp);
  return fusion;
}

/* Element [i] of the rows' dim of `from`, whose blocks are dim `block` and whose rows in
 * them are dim `row`: [place / B, place % B].                                           */
static tn_inst *take_rows(const partition *p, tn_inst *from, int64_t block, int64_t row, tn_inst *place,
                          const tn_shape *shape) {
  tn_arena *arena = tn_site_arena(p->s);
  int64_t column[2] = {p->rows, 1};
  tn_inst *size = filled(p, p->rows, p->block);
  tn_inst *parts[2] = {tn_make_reshape(p->s, binary(p, TN_OP_DIVIDE, place, size), 2, column),
                       tn_make_reshape(p->s, binary(p, TN_OP_REMAINDER, place, size), 2, column)};
  tn_inst *operands[2] = {from, tn_make_concatenate(p->s, 1, 2, parts)};
  tn_inst *gather = tn_make_inst(p->s, TN_OP_GATHER, shape, 2, operands);
  int64_t *offset = TN_NEW_ARRAY(arena, int64_t, shape->rank),
          *sizes = TN_NEW_ARRAY(arena, int64_t, from->shape->rank);
  int n = 0;
  for (int d = 0; d < shape->rank; d++)
    if (d != row - 1) offset[n++] = d;
  for (int d = 0; d < from->shape->rank; d++) sizes[d] = d == block || d == row ? 1 : from->shape->dims[d];
  int64_t both[2] = {block, row};
  tn_gather_attributes *own = tn_inst_edit_gather(gather);
  own->offset_dims = (tn_dims){offset, n};
  own->collapsed_slice_dims = tn_make_dims(p->s, 2, both);
  own->start_index_map = own->collapsed_slice_dims;
  own->slice_sizes = (tn_dims){sizes, from->shape->rank};
  own->index_vector_dim = 1;
  return gather;
}

static tn_inst *expand_free(tn_inst *inst, int64_t ragged) {
  tn_site s = tn_site_of(inst);
  tn_inst *lhs = inst->operands[0];
  const tn_dot_side *roles = &inst->attr.dot->side[0];
  int64_t rows = lhs->shape->dims[ragged];
  int64_t block = block_rows(rows, inst->operands[2]->shape->dims[0], 8, LARGEST_BLOCK);
  partition p = cut(s, inst->operands[2], rows, block);
  tn_inst *blocks = block_dot(&p, inst, tn_make_take(s, lhs, ragged, rows_of_blocks(&p)), ragged);
  tn_inst *row = tn_make_iota(s, vector_shape(&p, rows), 0);
  tn_inst *group = count_ended(&p, p.ends, row);
  tn_inst *place = binary(&p, TN_OP_ADD, row, tn_make_take(s, p.shift, 0, group));
  int64_t at = roles->batch.count; /* of the rows in the result */
  for (int64_t d = 0; d < ragged; d++)
    at += !tn_dims_contain(roles->batch, d) && !tn_dims_contain(roles->contracting, d);
  const tn_shape *shape = tn_shape_without_layout(tn_site_arena(s), inst->shape);
  tn_inst *result = take_rows(&p, blocks, roles->batch.count, at + 1, place, shape);
  return masked(s, result, tn_make_compare(s, TN_LT, group, filled(&p, rows, p.groups)), at);
}

/* ---- the ragged dim is contracting ---- */

/* zeros[group[i]] += parts[i], over the first dims. */
static tn_inst *sum_by_group(const partition *p, tn_inst *parts) {
  tn_arena *arena = tn_site_arena(p->s);
  const tn_shape *from = parts->shape;
  int64_t *dims = TN_NEW_ARRAY(arena, int64_t, from->rank),
          *window = TN_NEW_ARRAY(arena, int64_t, from->rank), first = 0;
  for (int d = 0; d < from->rank; d++) {
    dims[d] = d ? from->dims[d] : p->groups;
    if (d) window[d - 1] = d;
  }
  const tn_shape *shape = tn_shape_array(arena, from->type, from->rank, dims);
  tn_inst *operands[3] = {tn_make_filled(p->s, shape, 0), p->group_of, parts};
  tn_inst *scatter = tn_make_inst(p->s, TN_OP_SCATTER, shape, 3, operands);
  tn_scatter_attributes *own = tn_inst_edit_scatter(scatter);
  own->update_window_dims = (tn_dims){window, from->rank - 1};
  own->inserted_window_dims = tn_make_dims(p->s, 1, &first);
  own->scatter_dims_to_operand_dims = tn_make_dims(p->s, 1, &first);
  own->index_vector_dim = 1;
  own->indices_are_sorted = true;
  tn_comp *add = tn_make_binary_comp(p->s, TN_OP_ADD, from->type);
  tn_inst_set_called(scatter, 1, &add);
  return scatter;
}

static tn_type sum_type(const tn_inst *inst) {
  tn_type type = inst->shape->type;
  if (!tn_type_is_float(type)) return type;
  bool wide = inst->operands[0]->shape->type == TN_F64 || inst->operands[1]->shape->type == TN_F64;
  return wide || type == TN_F64 ? TN_F64 : TN_F32;
}

/* The operand's rows of the blocks, of a type that has the 0 that fills them up. */
static tn_inst *take_side(tn_site s, tn_inst *operand, int64_t dim, tn_inst *rows) {
  tn_type type = operand->shape->type;
  tn_inst *taken = tn_make_take(s, operand, dim, rows);
  return tn_make_convert(s, taken, type == TN_F8E8M0FNU ? TN_F32 : type);
}

static tn_inst *expand_contracting(tn_inst *inst, int index) {
  tn_site s = tn_site_of(inst);
  const tn_dot_side *roles = inst->attr.dot->side;
  int64_t depth = inst->operands[0]->shape->dims[roles[0].contracting.at[index]];
  int64_t block = block_rows(depth, inst->operands[2]->shape->dims[0], 2, depth);
  partition p = cut(s, inst->operands[2], depth, block);
  tn_inst *rows = rows_of_blocks(&p), *sides[2];
  int64_t dims[2] = {p.blocks, p.block};
  const tn_shape *both = tn_shape_array(tn_site_arena(s), p.type, 2, dims);
  tn_inst *end = tn_make_broadcast(s, tn_make_take(s, p.ends, 0, p.group_of), both, (int64_t[]){0});
  tn_inst *real = tn_make_compare(s, TN_LT, rows, end);
  tn_dot_side cut_dims[2];
  for (int side = 0; side < 2; side++) {
    int64_t dim = roles[side].contracting.at[index];
    sides[side] = masked(s, take_side(s, inst->operands[side], dim, rows), real, dim);
    cut_dims[side] = cut_roles(s, &roles[side], dim, true, true, true);
  }
  tn_inst *parts = tn_make_dot(s, sum_type(inst), sides, cut_dims);
  return tn_make_convert(s, sum_by_group(&p, parts), inst->shape->type);
}

/* ---- the pass ---- */

static tn_inst *expand_batch(tn_inst *inst) {
  const tn_shape *shape = tn_shape_without_layout(inst->parent->module->arena, inst->shape);
  tn_inst *dot = tn_make_inst(tn_site_of(inst), TN_OP_DOT, shape, 2, inst->operands);
  dot->attr.dot = inst->attr.dot;
  tn_dot_attributes *own = tn_inst_edit_dot(dot);
  own->lhs_ragged = own->rhs_group = (tn_dims){NULL, 0};
  return dot;
}

static tn_inst *expand(tn_pass_context *context, tn_inst *inst) {
  const tn_shape *sizes = inst->operands[2]->shape;
  for (int i = 0; i < 3; i++)
    if (!tn_shape_is_plain(inst->operands[i]->shape)) return NULL;
  if (inst->attr.dot->lhs_ragged.count != 1 || sizes->rank != 1 || !tn_pass_spend(context)) return NULL;
  int64_t ragged = inst->attr.dot->lhs_ragged.at[0];
  const tn_dot_side *roles = &inst->attr.dot->side[0];
  if (tn_dims_contain(roles->batch, ragged)) return expand_batch(inst);
  if (!inst->operands[0]->shape->dims[ragged] || !sizes->dims[0] || !tn_shape_elements(inst->shape))
    return tn_make_filled(tn_site_of(inst), tn_shape_without_layout(inst->parent->module->arena, inst->shape),
                          0);
  for (int i = 0; i < roles->contracting.count; i++)
    if (roles->contracting.at[i] == ragged) return expand_contracting(inst, i);
  return expand_free(inst, ragged);
}

bool tn_pass_ragged_dot_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(RAGGED_DOT, expand)};
  return tn_rewrite_module(module, context, rules, 1);
}
