/* Which products become integer ones, and which values bytes: the plan of quantize-int8.
 *
 *   conv -> bias -> relu -> max-pool -> conv        all of it is bytes
 *   layer norm -> dot -> bias -> gelu -> dot        floats, rounded -> bytes -> … -> bytes
 *
 * From the last instruction to the first: a product whose operands have known ranges (or are
 * constants) becomes an integer one and wants them as bytes. A value that is wanted is classified:
 * what only moves elements wants its operand and shares its scale; a product with what follows it,
 * a sum, a mean, a function of one value of bytes want theirs in turn; anything else stays a
 * computation on floats that is rounded. Nothing is wanted as bytes but for a product's sake.
 *
 * Scales are one number a value, largest/127, and one a channel of weights. Values that share a
 * scale are one group: union-find over ids.
 * Cost: linear, but for functions, each of at most LONGEST operations, and channels of weights.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/quantize_scheme.h"

#include "ir/work.h"
#include "passes/dims.h"
#include "passes/rewrite.h"
#include "passes/values.h"

#include <math.h>

enum {
  LEAST_WORK = 256,    /* multiply-adds of a product that is worth it */
  LEAST_USES = 4,      /* of each element that is rounded for its sake */
  MOST_TERMS = 100000, /* of one sum: 127 * 128 * these fit s32 */
  LONGEST = 24         /* operations of a function that becomes a table */
};

static tn_quantize_value *value_of(const tn_quantize_scheme *s, const tn_inst *inst) {
  return &s->of[inst->id];
}

tn_quantize_scheme tn_quantize_scheme_of(tn_module *module, tn_arena *arena, bool assume) {
  tn_quantize_scheme s = {.module = module, .arena = arena, .assume = assume, .count = module->next_id};
  s.of = TN_NEW_ARRAY(arena, tn_quantize_value, s.count);
  for (int i = 0; i < s.count; i++) s.of[i].group = i;
  return s;
}

/* ---- ranges ---- */

static bool range_of(const tn_quantize_scheme *s, const tn_inst *inst, tn_range *range) {
  if (inst->op == TN_OP_CONSTANT) return tn_range_bound(inst, range);
  *range = (tn_range){-1, 1};
  if (s->assume || tn_range_read(inst, range)) return true;
  return inst->parent != s->module->entry && tn_range_bound(inst, range);
}

/* ---- groups ---- */

static int group_of(tn_quantize_scheme *s, int id) {
  while (s->of[id].group != id) id = s->of[id].group = s->of[s->of[id].group].group;
  return id;
}

static void join(tn_quantize_scheme *s, const tn_inst *a, const tn_inst *b) {
  int from = group_of(s, a->id), to = group_of(s, b->id);
  s->of[to].largest = fmax(s->of[to].largest, s->of[from].largest);
  s->of[from].group = to;
}

static void widen(tn_quantize_scheme *s, const tn_inst *inst) {
  tn_range range;
  tn_quantize_value *group = &s->of[group_of(s, inst->id)];
  if (range_of(s, inst, &range))
    group->largest = fmax(group->largest, fmax(fabs(range.low), fabs(range.high)));
}

float tn_quantize_scale(const tn_quantize_scheme *s, const tn_inst *inst) {
  int id = inst->id;
  while (s->of[id].group != id) id = s->of[id].group;
  float scale = (float)(s->of[id].largest / 127);
  return scale > 0 ? scale : 1;
}

/* ---- products ---- */

static bool is_f32(const tn_inst *inst) {
  return inst->shape->type == TN_F32 && tn_shape_is_plain(inst->shape) && tn_shape_elements(inst->shape) > 0;
}

static bool is_product(const tn_inst *inst) {
  if (inst->op == TN_OP_CONVOLUTION && inst->attr.convolution->batch_groups != 1) return false;
  if (inst->op != TN_OP_CONVOLUTION && inst->op != TN_OP_DOT) return false;
  if (!is_f32(inst) || !is_f32(inst->operands[0]) || !is_f32(inst->operands[1])) return false;
  int64_t terms = tn_inst_terms(inst);
  return terms <= MOST_TERMS && tn_work_times(terms, tn_shape_elements(inst->shape)) >= LEAST_WORK &&
         tn_rewrite_is_free_to_move(inst);
}

/* The operand that is a constant with finite elements; -1: none is. */
static int weights_of(const tn_inst *product) {
  for (int i = 1; i >= 0; i--)
    if (product->operands[i]->op == TN_OP_CONSTANT && (i || product->op == TN_OP_DOT)) return i;
  return -1;
}

/* ---- forms ---- */

static void classify(tn_quantize_scheme *s, tn_inst *inst);

/* It comes to be bytes without floats that are rounded. */
static bool is_native(tn_quantize_scheme *s, tn_inst *inst) {
  classify(s, inst);
  const tn_quantize_value *v = value_of(s, inst);
  return v->form == TN_BYTES_OF_BYTES ? is_native(s, v->sources[0]) : v->form != TN_BYTES_OF_FLOATS;
}

/* What it rests on has a range. */
static bool is_known(tn_quantize_scheme *s, tn_inst *inst) {
  tn_range range;
  if (!is_f32(inst)) return false;
  classify(s, inst);
  const tn_quantize_value *v = value_of(s, inst);
  if (v->form != TN_BYTES_OF_BYTES) return range_of(s, inst, &range);
  if (inst->op != TN_OP_CONCATENATE) return is_known(s, v->sources[0]);
  for (int i = 0; i < inst->n_operands; i++)
    if (!is_known(s, inst->operands[i])) return false;
  return true;
}

/* The largest of a window or of dims. */
static bool is_maximum(const tn_inst *inst) {
  tn_op op;
  return tn_is_reduction(inst, &op) && op == TN_OP_MAXIMUM &&
         (tn_is_all(inst->operands[1], -INFINITY) || tn_is_all(inst->operands[1], -(double)__FLT_MAX__));
}

static bool moves(const tn_inst *inst) {
  if (inst->op == TN_OP_PAD)
    return tn_one_value(inst->operands[1]) && tn_load_float(TN_F32, tn_one_value(inst->operands[1])) == 0;
  return inst->op == TN_OP_RESHAPE || inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_SLICE ||
         inst->op == TN_OP_REVERSE || inst->op == TN_OP_COPY || inst->op == TN_OP_BROADCAST ||
         inst->op == TN_OP_CONCATENATE || inst->op == TN_OP_DYNAMIC_SLICE || is_maximum(inst);
}

static bool find_move(tn_quantize_scheme *s, tn_inst *inst) {
  tn_quantize_value *v = value_of(s, inst);
  if (!moves(inst) || !is_f32(inst->operands[0]) || tn_is_constant_like(inst)) return false;
  v->form = TN_BYTES_OF_BYTES;
  v->sources[0] = inst->operands[0];
  return true;
}

/* inner [+ residual], where inner is a product and steps with constants. */
static tn_inst *product_of_sum(tn_quantize_scheme *s, tn_inst *sum, tn_inst **residual) {
  tn_inst *best = NULL;
  if (sum->op != TN_OP_ADD) return NULL;
  for (int i = 0; i < 2; i++) {
    tn_inst *root = tn_quantize_root(sum->operands[i], NULL), *other = sum->operands[1 - i];
    if (!root || !is_product(root) || !value_of(s, root)->taken || !is_known(s, other)) continue;
    if (best && best->id > root->id) continue;
    best = root;
    *residual = other;
  }
  return best;
}

static bool find_product(tn_quantize_scheme *s, tn_inst *inst) {
  tn_quantize_value *v = value_of(s, inst);
  tn_inst *inner, *residual = NULL;
  double low, high;
  if (!tn_quantize_limits(inst, &inner, &low, &high)) return false;
  tn_inst *root = tn_quantize_root(inner, inner);
  tn_inst *until = inner;
  if (!root || !is_product(root)) {
    root = product_of_sum(s, inner, &residual);
    if (!root) return false;
    until = inner->operands[inner->operands[0] == residual ? 1 : 0];
  }
  if (!value_of(s, root)->taken) return false;
  tn_quantize_product *p = tn_quantize_start(s->arena, root, weights_of(root));
  tn_quantize_follow(p, s->arena, until);
  if (p->end != until) return false;
  p->residual = residual;
  p->low = low;
  p->high = high;
  p->end = inst;
  v->product = p;
  v->form = TN_BYTES_OF_PRODUCT;
  return true;
}

static bool is_sum(const tn_inst *inst) {
  tn_op op;
  return tn_is_reduction(inst, &op) && op == TN_OP_ADD && tn_one_value(inst->operands[1]) &&
         tn_load_float(TN_F32, tn_one_value(inst->operands[1])) == 0;
}

static bool find_mean(tn_quantize_scheme *s, tn_inst *inst) {
  tn_quantize_value *v = value_of(s, inst);
  tn_inst *sum = inst;
  double factor = 1;
  if (inst->op == TN_OP_MULTIPLY || inst->op == TN_OP_DIVIDE) {
    int constant = tn_one_value(inst->operands[1]) ? 1 : 0;
    const void *number = tn_one_value(inst->operands[constant]);
    if (!number || (inst->op == TN_OP_DIVIDE && !constant)) return false;
    factor = tn_load_float(TN_F32, number);
    if (inst->op == TN_OP_DIVIDE) factor = 1 / factor;
    sum = inst->operands[1 - constant];
  }
  if (!is_sum(sum) || !is_f32(sum->operands[0]) || !(fabs(factor) > 0) || !isfinite(factor)) return false;
  int64_t of = tn_shape_elements(sum->operands[0]->shape), terms = tn_inst_terms(sum);
  if (sum->op == TN_OP_REDUCE) terms = of / tn_shape_elements(sum->shape);
  if (terms > MOST_TERMS || !is_native(s, sum->operands[0]) || !is_known(s, sum->operands[0])) return false;
  v->form = TN_BYTES_OF_MEAN;
  v->factor = factor;
  v->reduction = sum;
  v->sources[0] = sum->operands[0];
  return true;
}

/* ---- functions of one value ---- */

typedef struct {
  tn_quantize_scheme *scheme;
  const tn_inst *end;
  tn_inst *leaf;
  TN_VEC(tn_inst *) seen;
} table_search;

static bool is_step_of_table(const tn_inst *inst, const tn_inst *end) {
  bool typed = inst->shape->type == TN_F32 || inst->shape->type == TN_PRED;
  return typed && tn_op_is(inst->op, TN_OP_ELEMENTWISE) && inst->op != TN_OP_MAP && inst->n_operands > 0 &&
         tn_shape_same_dims(inst->shape, end->shape) && tn_rewrite_is_free_to_move(inst);
}

static bool search_table(table_search *t, tn_inst *inst) {
  if (tn_one_value(inst)) return true;
  if (inst == t->leaf) return true;
  for (int i = 0; i < t->seen.count; i++)
    if (t->seen.at[i] == inst) return true;
  if (inst != t->end) {
    classify(t->scheme, inst);
    tn_bytes_form form = value_of(t->scheme, inst)->form;
    bool base = form != TN_BYTES_OF_FLOATS && form != TN_BYTES_OF_TABLE && is_native(t->scheme, inst);
    if (base) {
      if (t->leaf || !is_known(t->scheme, inst)) return false;
      t->leaf = inst;
      return true;
    }
  }
  if (t->seen.count == LONGEST || !is_step_of_table(inst, t->end)) return false;
  TN_PUSH(t->scheme->arena, &t->seen, inst);
  for (int i = 0; i < inst->n_operands; i++)
    if (!search_table(t, inst->operands[i])) return false;
  return true;
}

static bool find_table(tn_quantize_scheme *s, tn_inst *inst) {
  table_search t = {.scheme = s, .end = inst};
  if (!is_step_of_table(inst, inst) || !search_table(&t, inst) || !t.leaf) return false;
  if (!tn_shape_same_dims(t.leaf->shape, inst->shape)) return false;
  value_of(s, inst)->form = TN_BYTES_OF_TABLE;
  value_of(s, inst)->sources[0] = t.leaf;
  return true;
}

/* a + b, limited or not. */
static bool find_sum(tn_quantize_scheme *s, tn_inst *inst) {
  tn_quantize_value *v = value_of(s, inst);
  tn_inst *sum;
  if (!tn_quantize_limits(inst, &sum, &v->low, &v->high) || sum->op != TN_OP_ADD) return false;
  for (int i = 0; i < 2; i++)
    if (!is_f32(sum->operands[i]) || !is_native(s, sum->operands[i]) || !is_known(s, sum->operands[i]))
      return false;
  v->form = TN_BYTES_OF_SUM;
  for (int i = 0; i < 2; i++) v->sources[i] = sum->operands[i];
  return true;
}

static void classify(tn_quantize_scheme *s, tn_inst *inst) {
  tn_quantize_value *v = value_of(s, inst);
  if (v->classified) return;
  v->classified = true;
  v->form = TN_BYTES_OF_FLOATS;
  if (!is_f32(inst) || !tn_rewrite_is_free_to_move(inst)) return;
  if (find_move(s, inst) || find_product(s, inst) || find_mean(s, inst)) return;
  bool adds = inst->op == TN_OP_ADD; /* x + x^3 is rather a function of x than a sum of bytes */
  if ((adds || !find_sum(s, inst)) && !find_table(s, inst) && adds) find_sum(s, inst);
}

/* ---- what is wanted ---- */

static void want(tn_quantize_scheme *s, tn_inst *inst) { value_of(s, inst)->wanted = true; }

/* A wanted value's own wants. */
static void follow_wants(tn_quantize_scheme *s, tn_inst *inst) {
  tn_quantize_value *v = value_of(s, inst);
  classify(s, inst);
  v->operands = tn_arena_copy(s->arena, inst->operands, sizeof *inst->operands * (size_t)inst->n_operands);
  if (v->form != TN_BYTES_OF_BYTES) widen(s, inst);
  for (int i = 0; i < 2; i++)
    if (v->sources[i] && v->form != TN_BYTES_OF_BYTES) want(s, v->sources[i]);
  if (v->form == TN_BYTES_OF_BYTES) {
    int count = inst->op == TN_OP_CONCATENATE ? inst->n_operands : 1;
    for (int i = 0; i < count; i++) {
      want(s, inst->operands[i]);
      join(s, inst->operands[i], inst);
    }
  }
  if (v->form != TN_BYTES_OF_PRODUCT) return;
  value_of(s, v->product->product)->covered = true;
  if (v->product->residual) want(s, v->product->residual);
}

/* Operand `i` has a range, and rounding it, if it must be, is worth it: not the rows of a cache, each
 * of whose elements is multiplied once.                                                       */
static bool is_ready(tn_quantize_scheme *s, const tn_inst *product, int i) {
  tn_inst *operand = product->operands[i];
  tn_range range;
  if (i == weights_of(product)) return range_of(s, operand, &range);
  int64_t work = tn_work_times(tn_inst_terms(product), tn_shape_elements(product->shape));
  return is_known(s, operand) &&
         (is_native(s, operand) || work / tn_shape_elements(operand->shape) >= LEAST_USES);
}

/* Before anything is classified, since that depends on which products are taken: from the first to
 * the last, for a product's operands stand before it.                                           */
static void choose_products(tn_quantize_scheme *s, tn_comp *comp, bool (*allow)(void *), void *user) {
  TN_FOR_EACH_IN_COMP(comp, inst) {
    bool ready = is_product(inst) && is_ready(s, inst, 0) && is_ready(s, inst, 1);
    if (ready && (!allow || allow(user))) value_of(s, inst)->taken = true;
  }
}

void tn_quantize_comp(tn_quantize_scheme *s, tn_comp *comp, bool (*allow)(void *), void *user) {
  choose_products(s, comp, allow, user);
  for (tn_inst *inst = comp->last; inst; inst = inst->prev) {
    tn_quantize_value *v = value_of(s, inst);
    if (v->taken) {
      int weights = weights_of(inst);
      v->operands = tn_arena_copy(s->arena, inst->operands, 2 * sizeof *inst->operands);
      for (int i = 0; i < 2; i++)
        if (i != weights) want(s, inst->operands[i]);
    }
    if (v->wanted) follow_wants(s, inst);
  }
  TN_FOR_EACH_IN_COMP(comp, inst) {
    tn_quantize_value *v = value_of(s, inst);
    if (!v->taken || v->covered) continue;
    v->product = tn_quantize_start(s->arena, inst, weights_of(inst));
    tn_quantize_follow(v->product, s->arena, NULL);
  }
}

tn_inst **tn_quantize_wanted(tn_module *module, tn_arena *arena, int *count) {
  tn_quantize_scheme s = tn_quantize_scheme_of(module, arena, true);
  TN_VEC(tn_inst *) wanted = {0};
  tn_quantize_comp(&s, module->entry, NULL, NULL);
  TN_FOR_EACH_IN_COMP(module->entry, inst) {
    const tn_quantize_value *v = value_of(&s, inst);
    if (v->wanted && v->form != TN_BYTES_OF_BYTES && inst->op != TN_OP_CONSTANT)
      TN_PUSH(arena, &wanted, inst);
  }
  *count = wanted.count;
  return wanted.at;
}
