/* What depends on constants alone is computed at compile time.
 *
 *   w = f16[384,384] constant({…})
 *   c = f32[384,384] convert(w)
 *   t = f32[384,384] transpose(c), dimensions={1,0}
 *  =>
 *   t = f32[384,384] constant({…})
 *
 * Weights take a typed path: convert through tn_convert_elements, transposes and slices
 * as strided copies, reshapes and copies as views of the same data (≥ 1 GB/s each). All
 * else is evaluated by the reference evaluator, and only where it is small.
 *
 * An elementwise operation on broadcasts of scalars folds to a broadcast of one scalar:
 *
 *   a = u32[4096] broadcast(3); b = u32[4096] broadcast(4); c = u32[4096] add(a, b)
 *  =>
 *   c = u32[4096] broadcast(7)
 *
 * Limits: what folds may have at most max_fold_work elements, and a value that is bigger
 * than what it is made of (broadcast, iota) stays computed, unless it is tiny; a convert
 * of weights may grow them (f16 to f32), because otherwise every run would convert.
 * Keeps: every value, as the evaluator gives it; side effects are not touched. Cost: the
 * bytes of what is folded. An inner link of a chain folds straight from where the data
 * is; its own constant is dropped at once, but its bytes live as long as the module.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval.h"
#include "passes/dims.h"
#include "passes/rewrite.h"

enum {
  MOST_EVALUATED = 1 << 16, /* elements of what the evaluator computes, operands included */
  MOST_GROWN = 64,          /* elements that may come from fewer, */
  MOST_GROWTH = 8,          /* what folds may take, in bytes of constants at the start, … */
  ROOM = 64 << 20,          /* … and bytes besides: slices of slices of one constant */
  MOST_SPREAD = 4096        /* or from a broadcast, for what else can then be computed */
};

static const tn_literal *literal_of(const tn_inst *inst) { return inst->attr.constant.literal; }

static bool has_constant_operands(const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (inst->operands[i]->op != TN_OP_CONSTANT) return false;
  return inst->n_operands > 0;
}

/* ---- the typed path ---- */

/* Copies elements of `bytes` each: to is dense with `sizes`, from is at `strides`, in
 * elements. The two innermost dims go in blocks through a small one on the stack, so
 * that each line of memory is read once and written once, whole, whatever the pitches
 * do to the cache's sets.                                                            */
enum { BLOCK = 32 };

#define COPY_BLOCKED(type)                                                                                   \
  do {                                                                                                       \
    const type *source = from;                                                                               \
    type *target = to, block[BLOCK][BLOCK];                                                                  \
    for (int64_t i0 = 0; i0 < rows; i0 += BLOCK)                                                             \
      for (int64_t j0 = 0; j0 < columns; j0 += BLOCK) {                                                      \
        int64_t height = rows - i0 < BLOCK ? rows - i0 : BLOCK;                                              \
        int64_t width = columns - j0 < BLOCK ? columns - j0 : BLOCK;                                         \
        for (int64_t j = 0; j < width; j++)                                                                  \
          for (int64_t i = 0; i < height; i++)                                                               \
            block[i][j] = source[(i0 + i) * row_stride + (j0 + j) * column_stride];                          \
        for (int64_t i = 0; i < height; i++)                                                                 \
          memcpy(target + (i0 + i) * row_pitch + j0, block[i], (size_t)width * sizeof(type));                \
      }                                                                                                      \
  } while (0)

typedef struct {
  size_t bytes;
  int rank;
  int64_t sizes[TN_MOST_DIMS], strides[TN_MOST_DIMS]; /* of the result; from's stride of each */
} copy_plan;

static void copy_plane(const copy_plan *plan, void *to, const void *from, int64_t rows, int64_t row_pitch,
                       int64_t row_stride) {
  int last = plan->rank - 1;
  int64_t columns = last < 0 ? 1 : plan->sizes[last], column_stride = last < 0 ? 1 : plan->strides[last];
  if (column_stride == 1) {
    for (int64_t i = 0; i < rows; i++)
      memcpy((char *)to + (size_t)(i * row_pitch) * plan->bytes,
             (const char *)from + (size_t)(i * row_stride) * plan->bytes, (size_t)columns * plan->bytes);
    return;
  }
  if (plan->bytes == 1)
    COPY_BLOCKED(uint8_t);
  else if (plan->bytes == 2)
    COPY_BLOCKED(uint16_t);
  else if (plan->bytes == 4)
    COPY_BLOCKED(uint32_t);
  else if (plan->bytes == 8)
    COPY_BLOCKED(uint64_t);
  else
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++)
        memcpy((char *)to + (size_t)(i * row_pitch + j) * plan->bytes,
               (const char *)from + (size_t)(i * row_stride + j * column_stride) * plan->bytes, plan->bytes);
}

/* The dim whose reads lie closest together in `from`, the last one apart: the rows of a
 * plane are taken along it, so that each line of memory is read once.                 */
static int choose_rows(const copy_plan *plan) {
  int best = -1;
  for (int d = 0; d < plan->rank - 1; d++)
    if (plan->sizes[d] > 1 && (best < 0 || plan->strides[d] < plan->strides[best])) best = d;
  return best;
}

static void strided_copy(const copy_plan *plan, char *to, const char *from) {
  int64_t pitches[TN_MOST_DIMS + 1], count = 1, index[TN_MOST_DIMS] = {0};
  pitches[plan->rank] = 1;
  for (int d = plan->rank - 1; d >= 0; d--) pitches[d] = pitches[d + 1] * plan->sizes[d];
  if (pitches[0] == 0) return;
  int rows = choose_rows(plan);
  for (int d = 0; d < plan->rank - 1; d++)
    if (d != rows) count *= plan->sizes[d];
  for (int64_t n = 0; n < count; n++) {
    int64_t to_at = 0, from_at = 0;
    for (int d = 0; d < plan->rank - 1; d++) {
      to_at += index[d] * pitches[d + 1];
      from_at += index[d] * plan->strides[d];
    }
    copy_plane(plan, to + (size_t)to_at * plan->bytes, from + (size_t)from_at * plan->bytes,
               rows < 0 ? 1 : plan->sizes[rows], rows < 0 ? 0 : pitches[rows + 1],
               rows < 0 ? 0 : plan->strides[rows]);
    for (int d = plan->rank - 2; d >= 0; d--) {
      if (d == rows) continue;
      if (++index[d] < plan->sizes[d]) break;
      index[d] = 0;
    }
  }
}

/* Joins neighbours that lie one behind the other in `from`: longer runs, fewer dims. */
static void merge_dims(copy_plan *plan) {
  int kept = 0;
  for (int d = 0; d < plan->rank; d++) {
    if (plan->sizes[d] == 1) continue;
    if (kept && plan->strides[kept - 1] == plan->strides[d] * plan->sizes[d]) {
      plan->sizes[kept - 1] *= plan->sizes[d];
      plan->strides[kept - 1] = plan->strides[d];
    } else {
      plan->sizes[kept] = plan->sizes[d];
      plan->strides[kept++] = plan->strides[d];
    }
  }
  plan->rank = kept;
}

static tn_literal *fold_strided(tn_arena *arena, const tn_inst *inst) {
  const tn_literal *source = literal_of(inst->operands[0]);
  int rank = inst->shape->rank;
  int64_t strides[TN_MOST_DIMS + 1], first = 0;
  copy_plan plan = {.bytes = tn_type_bytes(inst->shape->type), .rank = rank};
  strides[rank] = 1;
  for (int d = rank - 1; d >= 0; d--) strides[d] = strides[d + 1] * source->shape->dims[d];
  for (int d = 0; d < rank; d++) {
    plan.sizes[d] = inst->shape->dims[d];
    if (inst->op == TN_OP_TRANSPOSE) {
      plan.strides[d] = strides[inst->attr.dimensions.dims.at[d] + 1];
    } else {
      plan.strides[d] = strides[d + 1] * inst->attr.slice->strides.at[d];
      first += strides[d + 1] * inst->attr.slice->starts.at[d];
    }
  }
  merge_dims(&plan);
  void *data;
  tn_literal *result = tn_literal_uninitialised(arena, inst->shape, &data);
  strided_copy(&plan, data, (const char *)source->data + (size_t)first * plan.bytes);
  return result;
}

static tn_literal *fold_convert(tn_arena *arena, const tn_inst *inst) {
  const tn_literal *source = literal_of(inst->operands[0]);
  void *data;
  tn_literal *result = tn_literal_uninitialised(arena, inst->shape, &data);
  tn_convert_elements(inst->shape->type, data, source->shape->type, source->data,
                      (size_t)tn_shape_elements(inst->shape));
  return result;
}

static tn_literal *fold_typed(tn_arena *arena, const tn_inst *inst) {
  if (inst->op == TN_OP_CONVERT) return fold_convert(arena, inst);
  if (inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_SLICE) return fold_strided(arena, inst);
  return tn_literal_array(arena, inst->shape, literal_of(inst->operands[0])->data); /* a view */
}

static bool is_typed(const tn_inst *inst) {
  return inst->op == TN_OP_CONVERT || inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_SLICE ||
         inst->op == TN_OP_RESHAPE || inst->op == TN_OP_COPY;
}

/* ---- everything else ---- */

static bool is_evaluable(const tn_inst *inst) {
  if (tn_op_is(inst->op, TN_OP_ELEMENTWISE)) return inst->op != TN_OP_STOCHASTIC_CONVERT;
  return inst->op == TN_OP_BROADCAST || inst->op == TN_OP_CONCATENATE || inst->op == TN_OP_PAD ||
         inst->op == TN_OP_REVERSE;
}

/* The scalar constant that all elements are, or NULL. */
static const tn_inst *scalar_of(const tn_inst *inst) {
  if (inst->op == TN_OP_BROADCAST) inst = inst->operands[0];
  bool scalar = inst->op == TN_OP_CONSTANT && tn_shape_is_plain(inst->shape) && inst->shape->rank == 0;
  return scalar ? inst : NULL;
}

static bool has_equal_elements(const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (!scalar_of(inst->operands[i])) return false;
  return inst->n_operands > 0;
}

/* Some elementwise user has only constants, and broadcasts of constants, as operands. */
static bool completes_a_user(const tn_inst *broadcast) {
  for (int i = 0; i < broadcast->users.count; i++) {
    const tn_inst *user = broadcast->users.at[i];
    bool constant = tn_op_is(user->op, TN_OP_ELEMENTWISE) && !has_equal_elements(user);
    for (int k = 0; k < user->n_operands; k++) {
      const tn_inst *operand = user->operands[k];
      if (operand->op == TN_OP_BROADCAST) operand = operand->operands[0];
      constant = constant && operand->op == TN_OP_CONSTANT;
    }
    if (constant) return true;
  }
  return false;
}

static bool is_worth_evaluating(const tn_inst *inst) {
  if (inst->op == TN_OP_BROADCAST)
    return tn_shape_elements(inst->shape) <= MOST_SPREAD && completes_a_user(inst);
  int64_t result = tn_shape_elements(inst->shape), operands = 0;
  for (int i = 0; i < inst->n_operands; i++) operands += tn_shape_elements(inst->operands[i]->shape);
  return result + operands <= MOST_EVALUATED && (result <= operands || result <= MOST_GROWN);
}

static tn_literal *fold_evaluated(tn_arena *arena, const tn_inst *inst) {
  const tn_literal **operands = TN_NEW_ARRAY(arena, const tn_literal *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) operands[i] = literal_of(inst->operands[i]);
  tn_diagnostics quiet = {0};
  return tn_evaluate_instruction(arena, inst, operands, &quiet);
}

/* ---- the pass ---- */

/* Other broadcasts of constants stay for fusion, which writes the value into its loops. */
static bool may_fold(const tn_inst *inst, const tn_pass_context *context) {
  if (!has_constant_operands(inst) || !tn_rewrite_is_free_to_move(inst) || !tn_shape_is_plain(inst->shape))
    return false;
  if (tn_shape_elements(inst->shape) > context->max_fold_work) return false;
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_shape_is_plain(inst->operands[i]->shape)) return false;
  return is_typed(inst) || (is_evaluable(inst) && is_worth_evaluating(inst));
}

/* Bytes that folding may still add to the module. */
static int64_t room_for_growth(const tn_module *module) {
  int64_t bytes = 0;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (inst->op == TN_OP_CONSTANT) bytes += tn_shape_bytes(inst->shape);
  return MOST_GROWTH * bytes + ROOM;
}

static bool fold(tn_inst *inst, tn_pass_context *context, int64_t *room) {
  bool is_view = inst->op == TN_OP_RESHAPE || inst->op == TN_OP_COPY;
  int64_t bytes = is_view ? 0 : tn_shape_bytes(inst->shape);
  if (!may_fold(inst, context) || bytes > *room || !tn_pass_spend(context)) return false;
  *room -= bytes;
  tn_arena *arena = inst->parent->module->arena;
  tn_literal *value = is_typed(inst) ? fold_typed(arena, inst) : fold_evaluated(arena, inst);
  if (!value) return false;
  context->bytes += bytes;
  tn_inst *constant = tn_build_constant(inst->parent, inst, value);
  constant->shape = inst->shape;
  constant->location = inst->location;
  constant->notes = inst->notes;
  tn_rewrite_replace(inst, constant);
  return true;
}

/* One element computed in place of all. */
static bool fold_equal_elements(tn_inst *inst, tn_pass_context *context) {
  if (!tn_op_is(inst->op, TN_OP_ELEMENTWISE) || !is_evaluable(inst) || !has_equal_elements(inst))
    return false;
  if (!tn_shape_is_plain(inst->shape) || inst->shape->rank == 0 || has_constant_operands(inst)) return false;
  if (!tn_rewrite_is_free_to_move(inst) || !tn_pass_spend(context)) return false;
  tn_arena *arena = inst->parent->module->arena;
  const tn_shape *scalar = tn_shape_array(arena, inst->shape->type, 0, NULL);
  const tn_literal **values = TN_NEW_ARRAY(arena, const tn_literal *, inst->n_operands);
  tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, inst->n_operands), *one, *all;
  for (int i = 0; i < inst->n_operands; i++) {
    const tn_inst *operand = scalar_of(inst->operands[i]);
    operands[i] = (tn_inst *)operand;
    values[i] = literal_of(operand);
  }
  one = tn_inst_clone(inst->parent, inst, inst, scalar, inst->n_operands, operands);
  tn_diagnostics quiet = {0};
  const tn_literal *value = tn_evaluate_instruction(arena, one, values, &quiet);
  tn_inst_remove(one);
  if (!value) return false;
  one = tn_build_constant(inst->parent, inst, value);
  all = tn_build_broadcast(inst->parent, inst, one, inst->shape, (tn_dims){NULL, 0});
  one->location = all->location = inst->location;
  one->notes = all->notes = inst->notes;
  tn_rewrite_replace(inst, all);
  return true;
}

/* Operands stand before their users: one sweep folds chains. */
bool tn_pass_constant_folding(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  int64_t room = room_for_growth(module);
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    tn_inst *operand = inst->n_operands ? inst->operands[0] : NULL;
    if (!fold(inst, context, &room) && !fold_equal_elements(inst, context)) continue;
    changed = true;
    if (operand && operand->users.count == 0 && operand != comp->root && tn_rewrite_is_free_to_move(operand))
      tn_inst_remove(operand);
  }
  return changed;
}
