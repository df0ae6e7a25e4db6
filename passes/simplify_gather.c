/* Gathers that are slices, scatters that are updates.
 *
 *   g = f32[1,64] gather(table, i), slice_sizes={1,64}, …          i: s32[1]
 *  =>
 *   s = f32[1,64] dynamic-slice(table, reshape(i), 0)              both clamp their starts
 *
 *   u = f32[8,4] scatter(x, {2}, row), to_apply=overwrite          a constant inside x
 *  =>
 *   u = f32[8,4] dynamic-update-slice(x, reshape(row), 2, 0)
 *
 * Why: x[i] and x.at[i].set() are gathers and scatters to exporters; slices fuse, and
 * updates are made in place. A scatter leaves out what is outside where an update moves
 * it inside, so its starts have to be known. Keeps: every value. Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/values.h"

/* Elements of the index tensor are one vector of starts. */
static bool is_one_place(const tn_inst *indices, int64_t vector_dim, int starts) {
  const tn_shape *shape = indices->shape;
  if (!tn_shape_is_plain(shape)) return false;
  for (int d = 0; d < shape->rank; d++)
    if (shape->dims[d] != (d == vector_dim ? starts : 1)) return false;
  return starts == 1 || vector_dim < shape->rank;
}

/* Where along each dim of `whole`: element k of the vector for dim map[k], else 0; scalars. */
static void starts_of(tn_site site, tn_inst *indices, tn_dims map, int rank, tn_inst **starts) {
  int64_t count = map.count;
  tn_inst *vector = tn_make_reshape(site, indices, 1, &count), *zero = NULL;
  for (int d = 0; d < rank; d++) starts[d] = NULL;
  for (int k = 0; k < map.count; k++)
    starts[map.at[k]] = tn_make_reshape(site, tn_make_slice(site, vector, 0, k, k + 1, 1), 0, NULL);
  for (int d = 0; d < rank; d++) {
    if (starts[d]) continue;
    if (!zero) zero = tn_make_zero(site, indices->shape->type);
    starts[d] = zero;
  }
}

static tn_inst *gather_of_one_place(tn_pass_context *context, tn_inst *inst) {
  tn_inst *operand = inst->operands[0], *indices = inst->operands[1];
  tn_dims map = inst->attr.gather->start_index_map;
  if (!tn_shape_is_plain(inst->shape) || !tn_shape_is_plain(operand->shape) ||
      !tn_shape_elements(inst->shape))
    return NULL;
  if (inst->attr.gather->operand_batching_dims.count) return NULL;
  if (!is_one_place(indices, inst->attr.gather->index_vector_dim, map.count) || !tn_pass_spend(context))
    return NULL;
  tn_site site = tn_site_of(inst);
  tn_inst *operands[TN_MOST_DIMS + 1] = {operand};
  int rank = operand->shape->rank;
  starts_of(site, indices, map, rank, operands + 1);
  const tn_shape *box =
      tn_shape_array(tn_site_arena(site), inst->shape->type, rank, inst->attr.gather->slice_sizes.at);
  tn_inst *slice = tn_make_inst(site, TN_OP_DYNAMIC_SLICE, box, rank + 1, operands);
  slice->attr.dynamic_slice.sizes = inst->attr.gather->slice_sizes;
  return tn_build_reshape(inst->parent, inst, slice, inst->shape);
}

/* The reducer gives what is new. */
static bool overwrites(const tn_comp *comp) {
  const tn_inst *root = comp->root;
  return root->op == TN_OP_PARAMETER && root->attr.parameter.number == 1 && comp->parameters.count == 2;
}

/* The window that the only update fills, and where it starts; false where that is not known, or
 * not inside.                                                                           */
static bool known_window(const tn_inst *inst, int64_t *sizes, int64_t *starts) {
  const tn_shape *whole = inst->operands[0]->shape, *update = inst->operands[2]->shape;
  const tn_inst *indices = inst->operands[1];
  tn_dims map = inst->attr.scatter->scatter_dims_to_operand_dims;
  if (indices->op != TN_OP_CONSTANT ||
      !is_one_place(indices, inst->attr.scatter->index_vector_dim, map.count))
    return false;
  const char *data = indices->attr.constant.literal->data;
  size_t bytes = tn_type_bytes(indices->shape->type);
  for (int d = 0, w = 0; d < whole->rank; d++) {
    bool inserted = tn_dims_contain(inst->attr.scatter->inserted_window_dims, d);
    sizes[d] = inserted ? 1 : update->dims[inst->attr.scatter->update_window_dims.at[w++]];
    starts[d] = 0;
  }
  for (int k = 0; k < map.count; k++) {
    int64_t start = tn_load_integer(indices->shape->type, data + (size_t)k * bytes), d = map.at[k];
    if (start < 0 || start > whole->dims[d] - sizes[d]) return false;
    starts[d] = start;
  }
  for (int d = 0; d < whole->rank; d++)
    if (sizes[d] > whole->dims[d]) return false;
  return true;
}

static tn_inst *scatter_of_known_place(tn_pass_context *context, tn_inst *inst) {
  int64_t sizes[TN_MOST_DIMS], starts[TN_MOST_DIMS];
  if (inst->n_operands != 3 || !tn_shape_is_plain(inst->shape) ||
      !tn_shape_is_plain(inst->operands[2]->shape))
    return NULL;
  if (inst->attr.scatter->input_batching_dims.count || !overwrites(inst->called[0])) return NULL;
  if (!tn_shape_elements(inst->operands[2]->shape) || !known_window(inst, sizes, starts)) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  int rank = inst->shape->rank;
  tn_inst *operands[TN_MOST_DIMS + 2] = {inst->operands[0],
                                         tn_make_reshape(site, inst->operands[2], rank, sizes)};
  for (int d = 0; d < rank; d++) operands[d + 2] = tn_make_integer(site, TN_S64, starts[d]);
  return tn_make_inst(site, TN_OP_DYNAMIC_UPDATE_SLICE, inst->shape, rank + 2, operands);
}

bool tn_pass_simplify_gather(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(GATHER, gather_of_one_place),
      TN_RULE(SCATTER, scatter_of_known_place),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
