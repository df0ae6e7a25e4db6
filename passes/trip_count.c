/* How often a loop turns, where a counter in its state says so; see tn_loop_turns in control.h.
 *
 * The counter is an element of the state: an integer scalar that starts at a constant and grows
 * by a constant, compared with a constant. What an element is that no turn changes counts as a
 * constant where it starts as one: the bounds of JAX's fori_loop are such elements.
 *
 * The sequence is followed in 128 bits. It must leave the range that the test allows before it
 * leaves that of its type: a counter that wraps around says nothing.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"

typedef __int128 wide;

bool tn_constant_integer(const tn_inst *inst, int64_t *value) {
  if (inst->op != TN_OP_CONSTANT || !tn_shape_is_scalar(inst->shape)) return false;
  if (!tn_type_is_integer(inst->shape->type)) return false;
  *value = tn_load_integer(inst->shape->type, inst->attr.constant.literal->data);
  return true;
}

static bool is_signed(tn_type type) { return tn_type_class_of(type) == TN_CLASS_SIGNED; }

static wide lowest(tn_type type) { return is_signed(type) ? -((wide)1 << (tn_type_bits(type) - 1)) : 0; }

static wide highest(tn_type type) {
  return ((wide)1 << (tn_type_bits(type) - (is_signed(type) ? 1 : 0))) - 1;
}

/* Scalar constants as they are read: u64 too. */
static bool read_constant(const tn_inst *inst, wide *value) {
  int64_t bits;
  if (!tn_constant_integer(inst, &bits)) return false;
  *value = inst->shape->type == TN_U64 ? (wide)(uint64_t)bits : (wide)bits;
  return true;
}

/* Which element of the tuple `inst` is; -1: none. */
static int element_of(const tn_inst *inst, const tn_inst *tuple) {
  bool is_element = inst->op == TN_OP_GET_TUPLE_ELEMENT && inst->operands[0] == tuple;
  return is_element ? (int)inst->attr.index.index : -1;
}

static bool read_initial(const tn_loop *loop, int element, wide *value) {
  return loop->initial->op == TN_OP_TUPLE && read_constant(loop->initial->operands[element], value);
}

/* A constant in test or body, whose state is `state`. */
static bool read_fixed(const tn_loop *loop, const tn_inst *inst, const tn_inst *state, wide *value) {
  int element = element_of(inst, state);
  if (element < 0) return read_constant(inst, value);
  return tn_loop_keeps(loop, element) && read_initial(loop, element, value);
}

/* What the body adds to the element in each turn. */
static bool read_step(const tn_loop *loop, int element, wide *step) {
  const tn_inst *next = loop->next->operands[element];
  if (next->op != TN_OP_ADD && next->op != TN_OP_SUBTRACT) return false;
  bool straight = element_of(next->operands[0], loop->state) == element;
  bool crossed = next->op == TN_OP_ADD && element_of(next->operands[1], loop->state) == element;
  if (!straight && !crossed) return false;
  if (!read_fixed(loop, next->operands[straight ? 1 : 0], loop->state, step)) return false;
  if (next->op == TN_OP_SUBTRACT) *step = -*step;
  return true;
}

static tn_direction crossed_direction(tn_direction direction) {
  switch (direction) {
  case TN_LT: return TN_GT;
  case TN_LE: return TN_GE;
  case TN_GT: return TN_LT;
  case TN_GE: return TN_LE;
  case TN_EQ:
  case TN_NE: return direction;
  }
  return direction;
}

/* Turns while at < limit, step by step; -1: none that is known. */
static wide turns_below(wide at, wide limit, wide step) {
  if (at >= limit) return 0;
  return step <= 0 ? -1 : (limit - at + step - 1) / step;
}

static wide turns_until(wide at, wide limit, wide step) {
  if (at == limit) return 0;
  if (step == 0 || (limit - at) % step != 0) return -1;
  return (limit - at) / step;
}

static wide count_turns(tn_direction direction, wide at, wide limit, wide step) {
  switch (direction) {
  case TN_LT: return turns_below(at, limit, step);
  case TN_LE: return turns_below(at, limit + 1, step);
  case TN_GT: return turns_below(-at, -limit, -step);
  case TN_GE: return turns_below(-at, -limit + 1, -step);
  case TN_NE: return turns_until(at, limit, step);
  case TN_EQ: return at != limit ? 0 : step != 0 ? 1 : -1;
  }
  return -1;
}

/* The counter never leaves its type's range on the way. */
static bool turns_are(tn_type type, tn_direction direction, wide start, wide limit, wide step,
                      int64_t *turns) {
  wide count = count_turns(direction, start, limit, step), last = start + count * step;
  if (count < 0 || count > INT64_MAX || last < lowest(type) || last > highest(type)) return false;
  *turns = (int64_t)count;
  return true;
}

/* A test that is false whatever the state. */
static bool never_holds(const tn_inst *verdict) {
  return verdict->op == TN_OP_CONSTANT && *(const unsigned char *)verdict->attr.constant.literal->data == 0;
}

bool tn_loop_turns(const tn_loop *loop, int64_t *turns) {
  const tn_inst *verdict = loop->test->root;
  wide start, limit, step;
  *turns = 0;
  if (never_holds(verdict)) return true;
  if (verdict->op != TN_OP_COMPARE) return false;
  int element = element_of(verdict->operands[0], loop->test_state);
  bool crossed = element < 0 || !read_fixed(loop, verdict->operands[1], loop->test_state, &limit);
  if (crossed) element = element_of(verdict->operands[1], loop->test_state);
  if (element < 0 || !read_fixed(loop, verdict->operands[crossed ? 0 : 1], loop->test_state, &limit))
    return false;
  tn_type type = verdict->operands[0]->shape->type;
  if (!tn_type_is_integer(type) || !read_initial(loop, element, &start) || !read_step(loop, element, &step))
    return false;
  tn_direction direction = verdict->attr.compare.direction;
  if (crossed) direction = crossed_direction(direction);
  wide range = highest(type) - lowest(type) + 1; /* u32 4294967295 is -1, too */
  return turns_are(type, direction, start, limit, step, turns) ||
         turns_are(type, direction, start, limit, step > 0 ? step - range : step + range, turns);
}
