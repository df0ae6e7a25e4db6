/* ragged-all-to-all of one participant as a gather of rows.
 *
 *   y = f32[n,d] ragged-all-to-all(x, o, from, sizes, to, …)
 *  =>
 *   source = s64[n] -1, or row - to[i] + from[i] where list i, the last one that does, puts
 *            row: to[i] <= row < to[i] + sizes[i]
 *   y = select(source >= 0, gather(x, source), o)
 *
 * Alone, a participant sends to itself; rows outside of input or output are left out. With
 * more participants, or more than 64 lists, the instruction stays. Cost: O(lists).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/rewrite.h"

enum { MOST_LISTS = 64 };

static bool is_alone(const tn_inst *inst) {
  const tn_module *module = inst->parent->module;
  const tn_groups *groups = &inst->attr.collective->groups;
  for (int i = 0; i < groups->count; i++)
    if (groups->at[i].count > 1) return false;
  return module->replica_count <= 1 && module->num_partitions <= 1;
}

static bool can_expand(const tn_inst *inst) {
  const tn_shape *from = inst->operands[0]->shape, *to = inst->shape, *lists = inst->operands[2]->shape;
  if (tn_shape_is_dynamic(from) || tn_shape_is_dynamic(to) || tn_shape_is_dynamic(lists)) return false;
  for (int d = 1; d < to->rank; d++)
    if (from->dims[d] != to->dims[d]) return false;
  return is_alone(inst) && to->rank <= TN_MADE_RANK - 4 && tn_shape_elements(lists) <= MOST_LISTS;
}

/* Number i of a list, in every row; u64 counts as s64's largest where it is larger. */
static tn_inst *listed(tn_site site, tn_inst *list, int64_t i, const tn_shape *rows) {
  int64_t count = tn_shape_elements(list->shape);
  tn_inst *one = tn_make_slice(site, tn_make_reshape(site, list, 1, &count), 0, i, i + 1, 1);
  one = tn_make_reshape(site, one, 0, NULL);
  if (one->shape->type == TN_U64)
    one = tn_make_binary(site, TN_OP_MINIMUM, one, tn_make_integer(site, TN_U64, INT64_MAX));
  return tn_make_spread(site, tn_make_convert(site, one, TN_S64), rows);
}

static tn_inst *both(tn_site site, tn_inst *a, tn_inst *b) { return tn_make_binary(site, TN_OP_AND, a, b); }

/* The row of the input that each row of the output gets; -1: it keeps its own. */
static tn_inst *sources(tn_site site, const tn_inst *inst) {
  tn_arena *arena = inst->parent->module->arena;
  const tn_shape *rows = tn_shape_array(arena, TN_S64, 1, inst->shape->dims);
  tn_inst *row = tn_make_iota(site, rows, 0),
          *zero = tn_make_spread(site, tn_make_integer(site, TN_S64, 0), rows);
  tn_inst *last =
      tn_make_spread(site, tn_make_integer(site, TN_S64, inst->operands[0]->shape->dims[0]), rows);
  tn_inst *source = tn_make_spread(site, tn_make_integer(site, TN_S64, -1), rows);
  for (int64_t i = 0; i < tn_shape_elements(inst->operands[2]->shape); i++) {
    tn_inst *from = listed(site, inst->operands[2], i, rows),
            *size = listed(site, inst->operands[3], i, rows);
    tn_inst *to = listed(site, inst->operands[4], i, rows),
            *offset = tn_make_binary(site, TN_OP_SUBTRACT, row, to);
    tn_inst *inside =
        both(site, tn_make_compare(site, TN_GE, offset, zero), tn_make_compare(site, TN_LT, offset, size));
    inside = both(site, inside, tn_make_compare(site, TN_GE, from, zero));
    inside = both(site, inside, tn_make_compare(site, TN_LT, from, last));
    tn_inst *left = tn_make_binary(site, TN_OP_SUBTRACT, last, from);
    inside = both(site, inside, tn_make_compare(site, TN_LT, offset, left));
    source = tn_make_select(site, inside, tn_make_binary(site, TN_OP_ADD, from, offset), source);
  }
  return source;
}

static tn_inst *rows_at(tn_site site, tn_inst *x, tn_inst *source, const tn_shape *shape) {
  int64_t dims[TN_MADE_RANK], sizes[TN_MADE_RANK], zero = 0;
  for (int d = 0; d < shape->rank; d++) {
    dims[d] = d;
    sizes[d] = d ? shape->dims[d] : 1;
  }
  tn_arena *arena = site.comp->module->arena;
  tn_inst *gather =
      tn_make_inst(site, TN_OP_GATHER, tn_shape_without_layout(arena, shape), 2, (tn_inst *[]){x, source});
  tn_gather_attributes *own = tn_inst_edit_gather(gather);
  own->offset_dims = tn_rewrite_dims(gather, shape->rank - 1, dims + 1);
  own->collapsed_slice_dims = tn_rewrite_dims(gather, 1, &zero);
  own->start_index_map = own->collapsed_slice_dims;
  own->slice_sizes = tn_rewrite_dims(gather, shape->rank, sizes);
  own->index_vector_dim = 1;
  return gather;
}

static tn_inst *expand(tn_pass_context *context, tn_inst *inst) {
  if (!can_expand(inst) || !tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  tn_inst *x = inst->operands[0];
  if (!tn_shape_elements(inst->shape) || !tn_shape_elements(x->shape)) return inst->operands[1];
  tn_inst *source = sources(site, inst);
  tn_inst *none = tn_make_spread(site, tn_make_integer(site, TN_S64, 0), source->shape);
  tn_inst *moves =
      tn_make_broadcast(site, tn_make_compare(site, TN_GE, source, none), inst->shape, (int64_t[]){0});
  return tn_make_select(site, moves, rows_at(site, x, source, inst->shape), inst->operands[1]);
}

bool tn_pass_ragged_all_to_all_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(RAGGED_ALL_TO_ALL, expand)};
  return tn_rewrite_module(module, context, rules, 1);
}
