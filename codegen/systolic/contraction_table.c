/* Functions of 8 bits as tables, computed by the reference evaluator.
 *
 *   convert(round(tanh(convert(q) * s) * 127))   ->  256 bytes, the q-th is its value
 *
 * The expression becomes a module of one parameter, s8[256] with every value in it; so the array
 * gives the evaluator's bits, whatever the function is.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/contraction_private.h"
#include "ir/eval.h"

typedef struct {
  const tn_matcher *m;
  tn_comp *comp;
  const tn_expr *of;
  tn_inst *parameter;
  bool failed;
} builder;

static const tn_shape *row(const builder *b, tn_type type) {
  static const int64_t size[] = {256};
  return tn_shape_array(b->comp->module->arena, type, 1, size);
}

static tn_inst *build(builder *b, const tn_expr *expr);

static tn_inst *build_constant(builder *b, const tn_expr *expr) {
  tn_arena *arena = b->comp->module->arena;
  void *data;
  tn_literal *literal = tn_literal_uninitialised(arena, tn_shape_array(arena, expr->type, 0, NULL), &data);
  memcpy(data, expr->bits, tn_type_bytes(expr->type));
  return tn_build_broadcast(b->comp, NULL, tn_build_constant(b->comp, NULL, literal), row(b, expr->type),
                            (tn_dims){0});
}

static tn_inst *build_op(builder *b, const tn_expr *expr) {
  tn_inst *operands[3];
  if (expr->op.part || expr->op.n_operands > 3 || !tn_op_is(expr->op.op, TN_OP_ELEMENTWISE)) return NULL;
  for (int i = 0; i < expr->op.n_operands; i++)
    if (!(operands[i] = build(b, expr->op.operands[i]))) return NULL;
  if (expr->op.op == TN_OP_COMPARE && expr->op.total_order) return NULL;
  if (expr->op.op == TN_OP_COMPARE)
    return tn_build_compare(b->comp, NULL, expr->op.direction, operands[0], operands[1]);
  tn_inst *inst =
      tn_inst_create(b->comp, NULL, expr->op.op, row(b, expr->type), expr->op.n_operands, operands);
  if (expr->op.op == TN_OP_REDUCE_PRECISION) {
    inst->attr.reduce_precision.exponent_bits = expr->op.exponent_bits;
    inst->attr.reduce_precision.mantissa_bits = expr->op.mantissa_bits;
  }
  return inst;
}

static tn_inst *build(builder *b, const tn_expr *expr) {
  expr = tn_match_resolve(b->m, expr);
  if (tn_expr_equal(expr, b->of)) return b->parameter;
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: return build_constant(b, expr);
  case TN_EXPR_OP: return build_op(b, expr);
  case TN_EXPR_INDEX:
  case TN_EXPR_LOAD:
  case TN_EXPR_VALUE:
  case TN_EXPR_FMA: break;
  }
  return NULL;
}

const uint8_t *tn_match_table(tn_matcher *m, const tn_expr *expr, const tn_expr *of) {
  tn_module *module = tn_module_create("table");
  builder b = {.m = m, .comp = tn_comp_create(module, "table"), .of = of};
  tn_diagnostics silent = {0};
  const uint8_t *table = NULL;
  uint8_t bytes[256];
  for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
  b.parameter = tn_build_parameter(b.comp, 0, row(&b, of->type), "q");
  b.comp->root = build(&b, expr);
  module->entry = b.comp;
  if (b.comp->root) {
    const tn_literal *argument = tn_literal_array(m->arena, row(&b, of->type), bytes);
    const tn_literal *result = tn_evaluate(m->arena, module, &argument, &(tn_eval_options){0}, &silent);
    if (result) table = tn_arena_copy(m->arena, result->data, 256);
  }
  tn_module_destroy(module);
  return table;
}
