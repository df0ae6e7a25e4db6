/* What one pass through a systolic array computes becomes a fusion of kind=kCustom.
 *
 *   q = s8[1,56,56,64] fusion(x, w, scale, bias, r), kind=kCustom, calls={ convolution … convert }
 *
 * With a target that is no array it does nothing. Three kinds of groups, in this order:
 *
 *   - a product of types that the array multiplies, with the chain behind it (array_chain.c) and
 *     conversions of its operands that only widen; a dilated input gets its zeros before;
 *   - a window of bytes (pooling, means), with the chain behind it;
 *   - what makes a byte of one or two arrays element by element: sums of residuals, functions.
 *
 * The fusion pass for CPUs leaves these alone and fuses the rest, which is the host's. Code
 * generation may still put a group on the host; then it is one kernel there as well.
 *
 * Why: what is between a product and its bytes never leaves the chip. Keeps: every value.
 * Cost: linear in instructions and their chains.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/array_chain.h"
#include "passes/make.h"
#include "passes/values.h"

typedef struct {
  tn_pass_context *context;
  tn_comp *comp;
  bool changed;
} finder;

/* ---- one group -> one fusion ---- */

typedef struct {
  tn_arena *scratch;
  tn_comp *comp;
  TN_VEC(tn_inst *) arguments;
  TN_VEC(tn_inst *) sources;
  TN_VEC(tn_inst *) counterparts;
} builder;

static tn_inst *enter(builder *b, tn_inst *source, tn_inst *counterpart) {
  TN_PUSH(b->scratch, &b->sources, source);
  TN_PUSH(b->scratch, &b->counterparts, counterpart);
  return counterpart;
}

static tn_inst *inside(builder *b, const tn_chain *chain, tn_inst *inst) {
  for (int i = 0; i < b->sources.count; i++)
    if (b->sources.at[i] == inst) return b->counterparts.at[i];
  bool small = inst->op == TN_OP_CONSTANT && tn_shape_elements(inst->shape) == 1;
  if (small || tn_chain_has(chain, inst)) {
    tn_inst **operands = TN_NEW_ARRAY(b->scratch, tn_inst *, inst->n_operands);
    for (int i = 0; i < inst->n_operands; i++) operands[i] = inside(b, chain, inst->operands[i]);
    return enter(b, inst, tn_inst_clone(b->comp, NULL, inst, inst->shape, inst->n_operands, operands));
  }
  const char *name = tn_arena_printf(b->scratch, "param_%d", b->arguments.count);
  tn_inst *parameter = tn_build_parameter(b->comp, b->arguments.count, inst->shape, name);
  parameter->location = inst->location;
  TN_PUSH(b->scratch, &b->arguments, inst);
  return enter(b, inst, parameter);
}

/* Members that nothing else uses go, users first. */
static void remove_members(const tn_chain *chain) {
  for (bool removed = true; removed;) {
    removed = false;
    for (int i = 0; i < chain->count; i++) {
      tn_inst *inst = chain->members[i];
      if (!inst->parent || inst->users.count || inst == inst->parent->root) continue;
      tn_inst_remove(inst);
      inst->parent = NULL;
      removed = true;
    }
  }
}

static void build(finder *f, const tn_chain *chain, tn_inst *about) {
  builder b = {.scratch = f->context->scratch};
  if (!tn_pass_spend(f->context)) return;
  b.comp = tn_comp_create(f->comp->module, tn_arena_printf(b.scratch, "array_%s", about->name));
  b.comp->root = inside(&b, chain, chain->end);
  tn_inst *fusion =
      tn_inst_create(f->comp, chain->end, TN_OP_FUSION, chain->end->shape, b.arguments.count, b.arguments.at);
  fusion->attr.fusion.kind = TN_FUSION_CUSTOM;
  fusion->location = about->location;
  fusion->notes = about->notes ? about->notes : chain->end->notes;
  tn_inst_set_called(fusion, 1, &b.comp);
  tn_inst_replace_uses(chain->end, fusion);
  remove_members(chain);
  f->changed = true;
}

/* ---- products ---- */

/* A conversion that keeps every value, as part of the product. */
static tn_inst *narrow(const tn_inst *product, int side) {
  tn_inst *operand = product->operands[side];
  if (operand->op != TN_OP_CONVERT) return operand;
  tn_inst *from = operand->operands[0];
  tn_type a = from->shape->type, b = operand->shape->type;
  bool widens = tn_type_bits(a) < tn_type_bits(b) &&
                (tn_type_is_integer(a) ? b == TN_S32 : tn_type_is_float(a) && b == TN_F32);
  return widens ? from : operand;
}

static bool has_dilated_input(const tn_inst *inst) {
  if (inst->op != TN_OP_CONVOLUTION) return false;
  for (int i = 0; i < inst->attr.convolution->window.count; i++)
    if (inst->attr.convolution->window.at[i].lhs_dilation != 1) return true;
  return false;
}

static bool is_product(const finder *f, tn_inst *inst, tn_inst *sides[2]) {
  if (inst->op != TN_OP_DOT && inst->op != TN_OP_CONVOLUTION) return false;
  if (!tn_shape_is_plain(inst->shape) || !tn_shape_elements(inst->shape)) return false;
  if (!tn_rewrite_is_free_to_move(inst)) return false;
  for (int i = 0; i < 2; i++) sides[i] = narrow(inst, i);
  tn_type x = sides[0]->shape->type, w = sides[1]->shape->type, sum = tn_systolic_sum_type(x);
  bool rounds = tn_type_is_float(sum) && (inst->shape->type == TN_BF16 || inst->shape->type == TN_F16);
  if (inst->shape->type != sum && !rounds) return false;
  return tn_systolic_find_type(f->context->array, x, w) || tn_systolic_find_type(f->context->array, w, x);
}

/* A constant around a convolution's input of bytes, a zero point: views fill it in, along two dims. */
static void add_padding(tn_chain *chain, const tn_inst *product) {
  tn_inst *pad = product->operands[0];
  int padded = 0;
  if (product->op != TN_OP_CONVOLUTION || pad->op != TN_OP_PAD || !tn_is_byte(pad)) return;
  if (pad->operands[1]->op != TN_OP_CONSTANT || !tn_rewrite_is_free_to_move(pad)) return;
  for (int i = 0; i < pad->attr.pad.count; i++) {
    const tn_pad_dim *dim = &pad->attr.pad.at[i];
    if (dim->interior || dim->low < 0 || dim->high < 0) return;
    padded += dim->low || dim->high;
  }
  const tn_window *window = &product->attr.convolution->window;
  for (int i = 0; i < window->count; i++)
    if (window->at[i].pad_low || window->at[i].pad_high) return;
  if (padded <= 2) tn_chain_add(chain, pad);
}

static void fuse_product(finder *f, tn_inst *inst, tn_inst *const sides[2]) {
  tn_chain chain = {.members = {inst}, .count = 1, .end = inst};
  bool dilated = has_dilated_input(inst),
       may = sides[0] == inst->operands[0] && tn_shape_elements(sides[0]->shape);
  if (dilated && (!may || !tn_pass_spend(f->context))) return;
  if (dilated) tn_make_window_explicit(inst, 0); /* positions between zeros are not linear */
  f->changed = f->changed || dilated;
  if (inst->shape->type != tn_systolic_sum_type(sides[0]->shape->type)) chain.at.stage = TN_STAGE_RESULT;
  for (int i = 0; i < 2; i++)
    if (inst->operands[i]->op == TN_OP_CONVERT && sides[i] != inst->operands[i])
      tn_chain_add(&chain, inst->operands[i]);
  add_padding(&chain, inst);
  tn_chain_grow(f->context->array, &chain);
  build(f, &chain, inst);
}

/* ---- windows ---- */

static bool is_window(tn_inst *inst, tn_inst **source) {
  tn_op op;
  if (!tn_is_reduction(inst, &op) || !tn_shape_is_plain(inst->shape)) return false;
  if (!tn_shape_elements(inst->shape) || !tn_rewrite_is_free_to_move(inst)) return false;
  *source = inst->operands[0];
  if ((*source)->op == TN_OP_CONVERT) *source = (*source)->operands[0];
  if (inst->operands[1]->op != TN_OP_CONSTANT || !tn_is_byte(*source)) return false;
  tn_type type = inst->shape->type;
  if (op == TN_OP_ADD) return type == TN_S32 || type == TN_F32;
  return (op == TN_OP_MAXIMUM || op == TN_OP_MINIMUM) && (type == (*source)->shape->type || type == TN_S32);
}

static void fuse_window(finder *f, tn_inst *inst, const tn_inst *source) {
  tn_chain chain = {.members = {inst}, .count = 1, .end = inst};
  if (source != inst->operands[0]) tn_chain_add(&chain, inst->operands[0]);
  if (inst->shape->type == TN_F32) chain.at.stage = TN_STAGE_FLOAT;
  tn_chain_grow(f->context->array, &chain);
  build(f, &chain, inst);
}

/* ---- element by element ---- */

/* How many arrays, other than constants, the group of `end` reads; it is gathered on the way. */
static int gather(tn_chain *chain, tn_inst *inst, tn_inst **leaves, int count) {
  bool member = inst == chain->end ||
                (tn_op_is(inst->op, TN_OP_ELEMENTWISE) && (!tn_is_byte(inst) || tn_chain_is_recoded(inst)));
  if (tn_chain_has(chain, inst) || inst->op == TN_OP_CONSTANT) return count;
  if (tn_is_constant_like(inst)) {
    tn_chain_add(chain, inst);
    return gather(chain, inst->operands[0], leaves, count);
  }
  if (!member || !tn_rewrite_is_free_to_move(inst)) {
    for (int i = 0; i < count; i++)
      if (leaves[i] == inst) return count;
    if (count < 2) leaves[count] = inst;
    return count + 1;
  }
  tn_chain_add(chain, inst);
  for (int i = 0; i < inst->n_operands && count <= 2; i++)
    count = gather(chain, inst->operands[i], leaves, count);
  return count;
}

/* A byte made of bytes; what only the host computes on the way (divisions, several users) is found
 * by code generation.                                                                       */
static void fuse_elementwise(finder *f, tn_inst *inst) {
  tn_chain chain = {.end = inst};
  tn_inst *leaves[2];
  int count = gather(&chain, inst, leaves, 0);
  if (chain.is_full || count < 1 || count > 2 || chain.count < 2) return;
  for (int i = 0; i < count; i++)
    if (!tn_is_byte(leaves[i])) return;
  build(f, &chain, inst);
}

static bool makes_byte(const tn_inst *inst) {
  return tn_op_is(inst->op, TN_OP_ELEMENTWISE) && tn_shape_is_plain(inst->shape) && tn_is_byte(inst) &&
         tn_shape_elements(inst->shape) && tn_rewrite_is_free_to_move(inst);
}

/* ---- the pass ---- */

/* What a group has computed has no parent any more. */
static void fuse_comp(finder *f) {
  tn_arena *scratch = f->context->scratch;
  tn_inst **order, *sides[2], *source;
  int count = tn_comp_post_order(f->comp, scratch, &order);
  for (int i = 0; i < count; i++)
    if (order[i]->parent && is_product(f, order[i], sides)) fuse_product(f, order[i], sides);
  for (int i = 0; i < count; i++)
    if (order[i]->parent && is_window(order[i], &source)) fuse_window(f, order[i], source);
  for (int i = count - 1; i >= 0; i--)
    if (order[i]->parent && makes_byte(order[i])) fuse_elementwise(f, order[i]);
}

bool tn_pass_array_fusion(tn_module *module, tn_pass_context *context) {
  finder f = {.context = context};
  TN_VEC(tn_comp *) comps = {0}; /* fusing adds computations */
  context->untouched = !context->array;
  if (!context->array) return false;
  TN_FOR_EACH_COMP(module, comp)
  if (tn_comp_is_sequence(comp)) TN_PUSH(context->scratch, &comps, comp);
  for (int i = 0; i < comps.count; i++) {
    f.comp = comps.at[i];
    fuse_comp(&f);
  }
  return f.changed;
}
