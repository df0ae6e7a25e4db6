/* Products with the rows of an array that a loop takes one by one, all at once before the loop.
 *
 *   body { …                                        xw = f32[50,2400] dot(f32[50,600] reshape(x), w)
 *     row = f32[1,1,600] dynamic-slice(x, i, 0, 0)
 *     p = f32[1,2400] dot(reshape(row), w)     =>   body { …
 *     … }                                             p = f32[1,2400] dynamic-slice(xw, i, 0)
 *   while(0, …, f32[50,1,600] x, w)                   … }
 *
 * What recurrent networks do with their inputs: x and w stay as they are, i counts from 0 in
 * steps of one, and the loop turns once for each row. A matrix times a vector reads all of w in
 * every turn; the matrix product reads it once, and computes from registers.
 *
 * Where it pays: the weights are at least a page or so (a product of less costs less than its
 * result in memory), and the products of all turns are no more bytes than the weights that are not
 * read again, and at most 64 MiB.
 *
 * Keeps: every value: each element is the same sum. Termination: a dot leaves a loop. Cost:
 * O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"
#include "passes/make.h"

enum { LEAST_WEIGHTS = 16 * 1024, MOST_PRODUCTS = 64 * 1024 * 1024 };

typedef struct {
  tn_loop loop;
  int64_t turns;
  tn_inst *dot, *slice; /* slice: one row, of the state's element */
  int side;             /* of the dot that the row is */
} product;

/* ---- what stays as it is ---- */

static bool is_kept(const tn_loop *loop, const tn_inst *inst) {
  return inst->op == TN_OP_GET_TUPLE_ELEMENT && inst->operands[0] == loop->state &&
         tn_loop_keeps(loop, (int)inst->attr.index.index);
}

/* What is in the body, before the loop. */
static tn_inst *outside(tn_site site, const tn_loop *loop, tn_inst *inst) {
  if (inst->op == TN_OP_CONSTANT)
    return tn_build_constant(site.comp, site.before, inst->attr.constant.literal);
  return tn_element_of(loop->initial, (int)inst->attr.index.index, loop->loop);
}

static bool is_integer(const tn_inst *inst, int64_t wanted) {
  int64_t value;
  return tn_constant_integer(inst, &value) && value == wanted;
}

/* An element of the state that is 0, 1, 2, … */
static bool counts_turns(const tn_loop *loop, const tn_inst *inst) {
  if (inst->op != TN_OP_GET_TUPLE_ELEMENT || inst->operands[0] != loop->state) return false;
  int e = (int)inst->attr.index.index;
  const tn_inst *next = loop->next->operands[e];
  if (loop->initial->op != TN_OP_TUPLE || !is_integer(loop->initial->operands[e], 0)) return false;
  if (next->op != TN_OP_ADD) return false;
  for (int k = 0; k < 2; k++) {
    const tn_inst *old = next->operands[k];
    bool is_old =
        old->op == TN_OP_GET_TUPLE_ELEMENT && old->operands[0] == loop->state && old->attr.index.index == e;
    if (is_old && is_integer(next->operands[1 - k], 1)) return true;
  }
  return false;
}

/* ---- finding them ---- */

/* dynamic-slice(x, i, 0, …) of one row in each turn, all rows in all of them. */
static bool takes_rows(const product *p, const tn_inst *slice) {
  if (slice->op != TN_OP_DYNAMIC_SLICE || !tn_rewrite_is_free_to_move(slice)) return false;
  const tn_shape *all = slice->operands[0]->shape, *row = slice->shape;
  if (!is_kept(&p->loop, slice->operands[0]) || !tn_shape_is_plain(all) || all->rank < 1) return false;
  if (all->dims[0] != p->turns || row->dims[0] != 1 || !counts_turns(&p->loop, slice->operands[1]))
    return false;
  for (int d = 1; d < all->rank; d++)
    if (row->dims[d] != all->dims[d]) return false;
  return true;
}

static int64_t bytes_of(const tn_inst *inst) {
  return tn_shape_elements(inst->shape) * (int64_t)tn_type_bytes(inst->shape->type);
}

static bool pays(const product *p) {
  int64_t weights = bytes_of(p->dot->operands[1 - p->side]), products = bytes_of(p->dot);
  return weights >= LEAST_WEIGHTS && products <= MOST_PRODUCTS / p->turns && products <= weights;
}

static bool find_side(product *p, int side) {
  const tn_dot_side *sides = p->dot->attr.dot->side;
  tn_inst *row = p->dot->operands[side], *weights = p->dot->operands[1 - side];
  if (sides[0].batch.count || row == weights) return false;
  while (row->op == TN_OP_RESHAPE && tn_rewrite_is_free_to_move(row)) row = row->operands[0];
  p->side = side;
  p->slice = row;
  bool fixed = is_kept(&p->loop, weights) || weights->op == TN_OP_CONSTANT;
  return fixed && tn_shape_is_plain(weights->shape) && takes_rows(p, row) && pays(p);
}

static bool is_product(product *p, tn_inst *dot) {
  if (dot->op != TN_OP_DOT || !tn_rewrite_is_free_to_move(dot) || !tn_shape_is_plain(dot->shape))
    return false;
  p->dot = dot;
  return find_side(p, 0) || find_side(p, 1);
}

/* ---- moving them ---- */

/* Free dims of the left side stand before the turns where the row is the right one. */
static int place_of_turns(const product *p) {
  const tn_inst *left = p->dot->operands[0];
  return p->side ? left->shape->rank - p->dot->attr.dot->side[0].contracting.count : 0;
}

/* All rows, one behind the other, in the form that the dot reads one in. */
static tn_inst *all_rows(tn_site site, const product *p) {
  const tn_shape *row = p->dot->operands[p->side]->shape;
  int64_t *dims = TN_NEW_ARRAY(tn_site_arena(site), int64_t, row->rank + 1);
  dims[0] = p->turns;
  for (int d = 0; d < row->rank; d++) dims[d + 1] = row->dims[d];
  return tn_make_reshape(site, outside(site, &p->loop, p->slice->operands[0]), row->rank + 1, dims);
}

static tn_inst *all_products(tn_site site, const product *p) {
  const tn_inst *old = p->dot;
  tn_dot_side dims[2] = {old->attr.dot->side[0], old->attr.dot->side[1]};
  tn_inst *sides[2];
  sides[p->side] = all_rows(site, p);
  sides[1 - p->side] = outside(site, &p->loop, p->dot->operands[1 - p->side]);
  int64_t *contracting = TN_NEW_ARRAY(tn_site_arena(site), int64_t, dims[p->side].contracting.count);
  for (int i = 0; i < dims[p->side].contracting.count; i++)
    contracting[i] = dims[p->side].contracting.at[i] + 1;
  dims[p->side].contracting.at = contracting;
  tn_inst *dot = tn_make_dot(site, p->dot->shape->type, sides, dims);
  tn_dot_attributes *own = tn_inst_edit_dot(dot);
  own->precision = old->attr.dot->precision;
  own->algorithm = old->attr.dot->algorithm;
  return dot;
}

/* In the body: this turn's. */
static tn_inst *own_product(const product *p, tn_inst *products) {
  tn_site site = tn_site_of(p->dot);
  int at = place_of_turns(p), rank = products->shape->rank;
  int64_t *sizes = tn_arena_copy(tn_site_arena(site), products->shape->dims, sizeof *sizes * (size_t)rank);
  tn_inst **operands = TN_NEW_ARRAY(tn_site_arena(site), tn_inst *, 1 + rank), *turn = p->slice->operands[1];
  sizes[at] = 1;
  operands[0] = products;
  for (int d = 0; d < rank; d++)
    operands[1 + d] = d == at ? turn : tn_make_scalar(site, turn->shape->type, 0);
  const tn_shape *shape = tn_shape_array(tn_site_arena(site), products->shape->type, rank, sizes);
  tn_inst *slice = tn_make_inst(site, TN_OP_DYNAMIC_SLICE, shape, 1 + rank, operands);
  slice->attr.dynamic_slice.sizes = tn_make_dims(site, rank, sizes);
  return tn_make_reshape_to(site, slice, p->dot->shape);
}

static bool move_one(tn_pass_context *context, tn_inst *inst) {
  product p = {.turns = 0};
  if (!tn_loop_open(inst, &p.loop) || !tn_loop_turns(&p.loop, &p.turns) || p.turns < 2) return false;
  if (!tn_only_elements_used(inst)) return false;
  tn_inst *found = NULL;
  TN_FOR_EACH_IN_COMP(p.loop.body, dot)
  if (!found && is_product(&p, dot)) found = dot;
  if (!found || !tn_pass_spend(context)) return false;
  if (p.loop.body->callers.count > 1 || p.loop.test->callers.count > 1) {
    tn_loop_own(&p.loop);
    TN_FOR_EACH_IN_COMP(p.loop.body, dot)
    if (dot->op == TN_OP_DOT && is_product(&p, dot)) break;
  }
  tn_site site = {inst->parent, inst, p.dot};
  tn_inst *products = all_products(site, &p), *inside;
  tn_loop_extend(&p.loop, 1, &products, &inside);
  tn_rewrite_replace(p.dot, own_product(&p, inside));
  return true;
}

bool tn_pass_loop_products(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp) {
    if (!tn_comp_is_sequence(comp)) continue;
    TN_FOR_EACH_IN_COMP(comp, inst)
    if (inst->op == TN_OP_WHILE)
      while (move_one(context, inst)) changed = true;
  }
  return changed;
}
