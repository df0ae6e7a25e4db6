/* Constant matrices with many zero blocks, kept without them.
 *
 *   w = f32[768,3072] constant(…)            bytes = u8[1230464] constant(…)
 *   y = f32[16,3072] dot(x, w)         =>    w     = f32[768,3072] decode(bytes), encoding=block_sparse_4x1
 *                                            y     = f32[16,3072] dot(x, w)
 *
 * Four neighbouring columns of one row are a block. What the matrix is read from memory is
 * less, and so are the products; the kernel decodes where it multiplies (fusion puts decode
 * and dot into one kernel, codegen/plan/lower_decode.c).
 *
 * Not exact: a zero times an infinity or NaN of the other operand is NaN, and is not computed
 * any more. For finite operands every sum has the same bits: its terms come in the same order,
 * and adding ±0 to a sum that began at +0 changes nothing. So it runs only when asked for
 * (--sparsity=4x1:RATIO), for matrices of which at least RATIO of the blocks are zero, and
 * where target/cost.c expects it to be faster.
 * Cost: the bytes of constants of dots, twice.
 *
 * After: Elsen et al., "Fast Sparse ConvNets" (2019), for blocks along output features.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/encoding.h"
#include "passes/rewrite.h"
#include "target/cost.h"

#include <string.h>

enum { SMALLEST = 256 }; /* elements: less is not worth a head and an index */

static bool is_candidate(const tn_inst *dot) {
  const tn_dot_side *side = dot->attr.dot->side;
  const tn_inst *matrix = dot->operands[1];
  if (!tn_rewrite_is_free_to_move(dot) || matrix->op != TN_OP_CONSTANT ||
      dot->operands[0]->op == TN_OP_CONSTANT)
    return false;
  if (side[0].batch.count || side[0].contracting.count != 1 || side[1].contracting.count != 1) return false;
  return matrix->shape->rank == 2 && tn_shape_elements(matrix->shape) >= SMALLEST &&
         tn_type_is_float(matrix->shape->type) && tn_shape_elements(dot->shape) > 0;
}

/* [contracted, columns], row-major. */
static const void *elements_of(tn_arena *arena, const tn_inst *matrix, int64_t contracted) {
  const char *from = matrix->attr.constant.literal->data;
  if (contracted == 0) return from;
  int64_t rows = matrix->shape->dims[0], columns = matrix->shape->dims[1];
  size_t bytes = tn_type_bytes(matrix->shape->type);
  char *to = tn_arena_alloc(arena, (size_t)(rows * columns) * bytes);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++)
      memcpy(to + (size_t)(c * rows + r) * bytes, from + (size_t)(r * columns + c) * bytes, bytes);
  return to;
}

static bool is_worth_it(const tn_pass_context *context, const tn_inst *dot, const tn_shape *matrix,
                        const tn_block_sparse *s, int64_t not_zero) {
  int64_t depth = matrix->dims[0], columns = matrix->dims[1], rows = tn_shape_elements(dot->shape) / columns;
  int64_t blocks = (s->steps - s->most) * s->width, all = depth * columns / TN_BLOCK;
  if ((double)(all - not_zero) < context->sparsity * (double)all) return false;
  if (!context->target) return true;
  tn_type type = dot->operands[0]->shape->type;
  return tn_cost_block_product(context->target, type, rows, depth, columns, blocks, s->bytes) <
         tn_cost_product(context->target, type, rows, depth, columns);
}

static tn_inst *encode_operand(tn_pass_context *context, tn_inst *dot) {
  if (!is_candidate(dot)) return NULL;
  tn_inst *constant = dot->operands[1];
  tn_arena *arena = dot->parent->module->arena;
  int64_t contracted = dot->attr.dot->side[1].contracting.at[0];
  int64_t dims[] = {constant->shape->dims[contracted], constant->shape->dims[1 - contracted]};
  const tn_shape *matrix = tn_shape_array(arena, constant->shape->type, 2, dims);
  if (!tn_block_sparse_fits(matrix)) return NULL;
  const void *elements = elements_of(context->scratch, constant, contracted);
  int64_t not_zero;
  tn_block_sparse s = tn_block_sparse_measure(context->scratch, matrix, elements, &not_zero);
  if (!is_worth_it(context, dot, matrix, &s, not_zero) || !tn_pass_spend(context)) return NULL;
  tn_inst *bytes = tn_build_constant(dot->parent, dot, tn_block_sparse_encode(arena, matrix, elements));
  tn_inst *decode = tn_inst_create(dot->parent, dot, TN_OP_DECODE, matrix, 1, &bytes);
  decode->attr.decode.encoding = TN_BLOCK_SPARSE_4X1;
  decode->notes = constant->notes;
  decode->location = constant->location;
  tn_inst *result =
      tn_inst_clone(dot->parent, dot, dot, dot->shape, 2, (tn_inst *[]){dot->operands[0], decode});
  tn_inst_edit_dot(result)->side[1].contracting = tn_rewrite_dims(result, 1, (int64_t[]){0});
  return result;
}

bool tn_pass_block_sparse(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(DOT, encode_operand)};
  return context->sparsity > 0 && tn_rewrite_module(module, context, rules, 1);
}
