/* Random numbers as elementwise operations.
 *
 *   r = (u64[3], u32[n]) rng-bit-generator(state), algorithm=rng_philox
 *  =>
 *   c = u64[n/4] iota + state[1]                       one counter a call of Philox
 *   x0 … x3 = u32[n/4]                                 ten rounds of multiply and xor
 *   u64[n/4,2] concatenate(x0 | x1 << 32, x2 | x3 << 32)     seen as u32[n]
 *
 * rng-bit-generator gives the evaluator's bits, which are XLA's (ir/eval_rng.c says what
 * they are); rng gives the evaluator's numbers, which depend on the instruction's name: so
 * this pass stands before all that may copy an instruction. Numbers are computed in f64
 * and rounded once. Words are made for all elements that one call serves, side by side,
 * so that fusion makes one kernel which computes each call once.
 *
 * Cost: about 100 operations each, whatever the size.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/random_bits.h"
#include "passes/rewrite.h"

/* ---- rng-bit-generator ---- */

/* Word i of the state, a scalar. */
static tn_inst *state_word(tn_site site, tn_inst *state, int i) {
  return tn_make_reshape(site, tn_make_slice(site, state, 0, i, i + 1, 1), 0, NULL);
}

/* A state of scalars. */
static tn_inst *new_state(tn_site site, int count, tn_inst *const *words) {
  return tn_make_stack(site, 0, count, words);
}

/* start + 0, 1, 2, … along all of `shape`, row-major. */
static tn_inst *counters(tn_site site, tn_inst *start, const tn_shape *shape) {
  if (shape->rank == 0) return start;
  int64_t count = tn_shape_elements(shape);
  const tn_shape *flat = tn_shape_array(site.comp->module->arena, TN_U64, 1, &count);
  tn_inst *sum = tn_make_by_scalar(site, TN_OP_ADD, tn_make_iota(site, flat, 0), start);
  return tn_make_reshape_to(site, sum, shape);
}

static tn_inst *one_if_less(tn_site site, tn_inst *a, tn_inst *b) {
  return tn_make_convert(site, tn_make_compare(site, TN_LT, a, b), TN_U64);
}

static tn_inst *plus(tn_site site, tn_inst *word, int64_t number) {
  return tn_make_binary(site, TN_OP_ADD, word, tn_make_integer(site, TN_U64, number));
}

/* The first `count` of a row of integers, as integers of `shape`. */
static tn_inst *first_of(tn_site site, tn_inst *row, int64_t count, const tn_shape *shape) {
  tn_inst *bits = tn_make_slice(site, row, 0, 0, count, 1);
  return tn_make_reshape_to(site, tn_make_convert(site, bits, shape->type), shape);
}

static tn_inst *expand_philox(tn_site site, tn_inst *state, const tn_shape *shape, tn_inst **next) {
  tn_arena *arena = site.comp->module->arena;
  bool wide = tn_type_bits(shape->type) == 64, high_word = state->shape->dims[0] > 2;
  int64_t count = tn_shape_elements(shape), each = wide ? 2 : 4, calls = (count + each - 1) / each;
  tn_inst *words[3] = {state_word(site, state, 0), state_word(site, state, 1)};
  words[2] = high_word ? state_word(site, state, 2) : words[0];
  tn_inst *low = counters(site, words[1], tn_shape_array(arena, TN_U64, 1, &calls));
  tn_inst *carry = one_if_less(site, low, tn_make_spread(site, words[1], low->shape));
  tn_inst *high = tn_make_by_scalar(site, TN_OP_ADD, carry, words[2]);
  tn_inst *key[2], *x[4];
  tn_make_halves(site, words[0], key);
  tn_make_halves(site, low, x);
  tn_make_halves(site, high, x + 2);
  tn_make_philox(site, x, key);
  tn_inst *pairs[2] = {tn_make_joined(site, x[0], x[1]), tn_make_joined(site, x[2], x[3])};
  tn_inst *row = tn_make_stack(site, 1, 2, pairs);
  if (!wide) row = tn_make_bitcast(site, row, TN_U32);
  row = tn_make_reshape(site, row, 1, (int64_t[]){calls * each});
  tn_inst *after = plus(site, words[1], calls);
  if (high_word) words[2] = tn_make_binary(site, TN_OP_ADD, words[2], one_if_less(site, after, words[1]));
  words[1] = after;
  *next = new_state(site, high_word ? 3 : 2, words);
  return first_of(site, row, count, shape);
}

/* The dim that is halved: the first of even size, else the first of the largest size. */
static int split_dim(const tn_shape *shape) {
  int largest = 0;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] % 2 == 0) return d;
    if (shape->dims[d] > shape->dims[largest]) largest = d;
  }
  return largest;
}

/* u32[outer, half, inner] twice, side by side along the dim that was halved. */
static tn_inst *join_halves(tn_site site, tn_inst *const x[2], const int64_t dims[3]) {
  if (dims[2] == 1) { /* two words are one wide one */
    tn_inst *bits = tn_make_bitcast(site, tn_make_joined(site, x[0], x[1]), TN_U32);
    return tn_make_reshape(site, bits, 3, (int64_t[]){dims[0], 2 * dims[1], 1});
  }
  return tn_make_reshape(site, tn_make_stack(site, 2, 2, x), 3, (int64_t[]){dims[0], 2 * dims[1], dims[2]});
}

static tn_inst *expand_three_fry(tn_site site, tn_inst *state, const tn_shape *shape, tn_inst **next) {
  tn_arena *arena = site.comp->module->arena;
  bool wide = tn_type_bits(shape->type) == 64;
  int64_t count = tn_shape_elements(shape), size = 1, dims[3] = {1, 1, 1};
  int split = shape->rank ? split_dim(shape) : 0;
  for (int d = 0; d < shape->rank; d++) {
    if (d == split) size = shape->dims[d];
    if (d != split) dims[d < split ? 0 : 2] *= shape->dims[d];
  }
  dims[1] = (size + 1) / 2;
  const tn_shape *places = wide ? tn_shape_with_type(arena, tn_shape_without_layout(arena, shape), TN_U64)
                                : tn_shape_array(arena, TN_U64, 3, dims);
  tn_inst *words[2] = {state_word(site, state, 0), state_word(site, state, 1)};
  tn_inst *key[2], *x[2];
  tn_make_halves(site, words[0], key);
  tn_make_halves(site, counters(site, words[1], places), x);
  tn_make_three_fry(site, x, key);
  words[1] = plus(site, words[1], wide ? count : size ? count / size * dims[1] : 0);
  *next = new_state(site, 2, words);
  if (wide) return tn_make_convert(site, tn_make_joined(site, x[0], x[1]), shape->type);
  tn_inst *bits = tn_make_slice(site, join_halves(site, x, dims), 1, 0, size, 1);
  return tn_make_reshape_to(site, tn_make_convert(site, bits, shape->type), shape);
}

static tn_inst *no_elements(tn_site site, const tn_shape *shape) {
  return tn_make_spread(site, tn_make_integer(site, shape->type, 0), shape);
}

static tn_inst *expand_bits(tn_pass_context *context, tn_inst *inst) {
  const tn_shape *shape = inst->shape->elements[1];
  if (tn_shape_is_dynamic(inst->shape) || shape->rank > TN_MADE_RANK - 4 || !tn_pass_spend(context))
    return NULL;
  tn_site site = tn_site_of(inst);
  tn_inst *state = inst->operands[0], *parts[2] = {state};
  bool three_fry = inst->attr.rng_bit_generator.algorithm == TN_RNG_THREE_FRY;
  if (tn_shape_elements(shape) == 0)
    parts[1] = no_elements(site, shape);
  else
    parts[1] = (three_fry ? expand_three_fry : expand_philox)(site, state, shape, &parts[0]);
  return tn_make_tuple(site, 2, parts);
}

/* ---- rng ---- */

/* Words of Philox for each element, keyed by the instruction. */
static void element_words(tn_site site, const tn_inst *inst, const tn_shape *shape, tn_inst *x[4]) {
  tn_arena *arena = site.comp->module->arena;
  const tn_shape *wide = tn_shape_with_type(arena, tn_shape_without_layout(arena, shape), TN_U64);
  tn_inst *zero = tn_make_integer(site, TN_U32, 0);
  tn_inst *key[2] = {tn_make_integer(site, TN_U32, tn_inst_stream(inst)), zero};
  tn_make_halves(site, counters(site, tn_make_integer(site, TN_U64, 0), wide), x);
  x[2] = x[3] = tn_make_spread(site, zero, shape);
  tn_make_philox(site, x, key);
}

/* 53 bits as a number of 0 <= u < 1. */
static tn_inst *fraction(tn_site site, tn_inst *high, tn_inst *low) {
  tn_inst *bits = tn_make_by_scalar(site, TN_OP_SHIFT_RIGHT_LOGICAL, tn_make_joined(site, low, high),
                                    tn_make_integer(site, TN_U64, 11));
  return tn_make_by_scalar(site, TN_OP_MULTIPLY, tn_make_convert(site, bits, TN_F64),
                           tn_make_scalar(site, TN_F64, 0x1p-53));
}

/* a + u (b - a); rounding may not reach the open end. */
static tn_inst *uniform(tn_site site, tn_inst *const x[4], tn_inst *a, tn_inst *b, tn_type type) {
  tn_inst *u = fraction(site, x[0], x[1]);
  tn_inst *span = tn_make_by_scalar(site, TN_OP_MULTIPLY, u, tn_make_binary(site, TN_OP_SUBTRACT, b, a));
  tn_inst *low = tn_make_spread(site, a, u->shape), *high = tn_make_spread(site, b, u->shape);
  tn_inst *number = tn_make_convert(site, tn_make_binary(site, TN_OP_ADD, low, span), type);
  tn_inst *reached = tn_make_compare(site, TN_GE, tn_make_convert(site, number, TN_F64), high);
  return tn_make_select(site, reached, tn_make_convert(site, low, type), number);
}

/* a + b sqrt(-2 log(1 - u)) cos(2 pi v): Box and Muller. */
static tn_inst *normal(tn_site site, tn_inst *const x[4], tn_inst *a, tn_inst *b, tn_type type) {
  tn_inst *u = fraction(site, x[0], x[1]), *v = fraction(site, x[2], x[3]);
  tn_inst *log = tn_make_unary(site, TN_OP_LOG_PLUS_ONE, tn_make_unary(site, TN_OP_NEGATE, u));
  tn_inst *square = tn_make_by_scalar(site, TN_OP_MULTIPLY, log, tn_make_scalar(site, TN_F64, -2));
  tn_inst *turn = tn_make_scalar(site, TN_F64, 6.283185307179586);
  tn_inst *cosine = tn_make_unary(site, TN_OP_COSINE, tn_make_by_scalar(site, TN_OP_MULTIPLY, v, turn));
  tn_inst *radius = tn_make_by_scalar(site, TN_OP_MULTIPLY, tn_make_unary(site, TN_OP_SQRT, square), b);
  tn_inst *number =
      tn_make_by_scalar(site, TN_OP_ADD, tn_make_binary(site, TN_OP_MULTIPLY, radius, cosine), a);
  return tn_make_convert(site, number, type);
}

static tn_inst *numbers(tn_site site, tn_inst *inst, tn_inst *const x[4]) {
  tn_inst *a = tn_make_convert(site, inst->operands[0], TN_F64);
  tn_inst *b = tn_make_convert(site, inst->operands[1], TN_F64);
  bool is_normal = inst->attr.rng.distribution == TN_RNG_NORMAL;
  return (is_normal ? normal : uniform)(site, x, a, b, inst->shape->type);
}

/* a + bits % (b - a), in 64 bits; a where that is empty. */
static tn_inst *integers(tn_site site, tn_inst *inst, tn_inst *const x[4]) {
  tn_inst *a = tn_make_convert(site, inst->operands[0], TN_U64);
  tn_inst *b = tn_make_convert(site, inst->operands[1], TN_U64);
  tn_inst *bits = tn_make_joined(site, x[0], x[1]), *range = tn_make_binary(site, TN_OP_SUBTRACT, b, a);
  tn_inst *one = tn_make_integer(site, TN_U64, 1);
  tn_inst *is_empty = tn_make_compare(site, TN_EQ, range, tn_make_integer(site, TN_U64, 0));
  range = tn_make_select(site, is_empty, one, range);
  tn_inst *rest = tn_make_by_scalar(site, TN_OP_REMAINDER, bits, range);
  return tn_make_convert(site, tn_make_by_scalar(site, TN_OP_ADD, rest, a), inst->shape->type);
}

static tn_inst *expand_rng(tn_pass_context *context, tn_inst *inst) {
  if (tn_shape_is_dynamic(inst->shape) || !tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  tn_inst *x[4];
  element_words(site, inst, inst->shape, x);
  return tn_type_is_float(inst->shape->type) ? numbers(site, inst, x) : integers(site, inst, x);
}

bool tn_pass_rng_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(RNG_BIT_GENERATOR, expand_bits), TN_RULE(RNG, expand_rng)};
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
