/* Which opcodes with which types were in programs, and which cannot be and why.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/random.h"

static const tn_shape *first_array(const tn_shape *shape) {
  while (tn_shape_is_tuple(shape) && shape->rank) shape = shape->elements[0];
  return shape;
}

/* Of several types the one that the opcode works on. */
static tn_type type_of(const tn_inst *inst) {
  bool operand = inst->op == TN_OP_COMPARE || inst->op == TN_OP_IS_FINITE || inst->op == TN_OP_REAL ||
                 inst->op == TN_OP_IMAG || inst->op == TN_OP_ABS || inst->op == TN_OP_GET_DIMENSION_SIZE;
  if (inst->op == TN_OP_RNG_BIT_GENERATOR) return inst->shape->elements[1]->type;
  return first_array((operand ? inst->operands[0] : inst)->shape)->type;
}

void coverage_count(coverage *c, const tn_module *module) {
  bool seen[TN_OP_COUNT][TN_TYPE_COUNT] = {{false}};
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) seen[inst->op][type_of(inst)] = true;
  for (int op = 0; op < TN_OP_COUNT; op++)
    for (int type = 0; type < TN_TYPE_COUNT; type++) c->programs[op][type] += seen[op][type];
}

static int64_t programs_with(const coverage *c, int op) {
  int64_t total = 0;
  for (int type = 0; type < TN_TYPE_COUNT; type++) total += c->programs[op][type];
  return total;
}

/* ---- what there is to cover ---- */

enum {
  P = 1 << TN_CLASS_PREDICATE,
  I = 1 << TN_CLASS_SIGNED | 1 << TN_CLASS_UNSIGNED,
  F = 1 << TN_CLASS_FLOAT,
  C = 1 << TN_CLASS_COMPLEX,
  ALL = P | I | F | C
};

/* Classes of types that an opcode has by its shape rule; where several, see type_of. */
static unsigned classes_of(tn_op op) {
  static const struct {
    tn_op op;
    unsigned classes;
  } rows[] = {{TN_OP_ABS, I | F | C},
              {TN_OP_AND, P | I},
              {TN_OP_ATAN2, F | C},
              {TN_OP_BATCH_NORM_GRAD, F},
              {TN_OP_BATCH_NORM_INFERENCE, F},
              {TN_OP_BATCH_NORM_TRAINING, F},
              {TN_OP_CEIL, F},
              {TN_OP_CHOLESKY, F | C},
              {TN_OP_CLAMP, P | I | F},
              {TN_OP_COMPLEX, C},
              {TN_OP_COUNT_LEADING_ZEROS, I},
              {TN_OP_DIVIDE, I | F | C},
              {TN_OP_ERF, F},
              {TN_OP_FFT, F | C},
              {TN_OP_FLOOR, F},
              {TN_OP_IMAG, F | C},
              {TN_OP_IOTA, I | F | C},
              {TN_OP_IS_FINITE, F},
              {TN_OP_MAXIMUM, P | I | F},
              {TN_OP_MINIMUM, P | I | F},
              {TN_OP_MULHI, I},
              {TN_OP_NEGATE, I | F | C},
              {TN_OP_NOT, P | I},
              {TN_OP_OR, P | I},
              {TN_OP_POPCNT, I},
              {TN_OP_POWER, I | F | C},
              {TN_OP_REAL, F | C},
              {TN_OP_REDUCE_PRECISION, F},
              {TN_OP_REMAINDER, I | F},
              {TN_OP_RNG_BIT_GENERATOR, I},
              {TN_OP_RNG, P | I | F},
              {TN_OP_ROUND_NEAREST_AFZ, F},
              {TN_OP_ROUND_NEAREST_EVEN, F},
              {TN_OP_SHIFT_LEFT, I},
              {TN_OP_SHIFT_RIGHT_ARITHMETIC, I},
              {TN_OP_SHIFT_RIGHT_LOGICAL, I},
              {TN_OP_SCALED_DOT, F},
              {TN_OP_SIGN, I | F | C},
              {TN_OP_STOCHASTIC_CONVERT, I | F},
              {TN_OP_SUBTRACT, I | F | C},
              {TN_OP_TOPK, I | F},
              {TN_OP_TRIANGULAR_SOLVE, F | C},
              {TN_OP_XOR, P | I}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].op == op) return rows[i].classes;
  return tn_op_is(op, TN_OP_FLOATING) ? F | C : ALL;
}

/* Opcodes whose type is always the same. */
static tn_type only_type(tn_op op) {
  if (op == TN_OP_AFTER_ALL) return TN_TOKEN;
  return op == TN_OP_REPLICA_ID || op == TN_OP_PARTITION_ID ? TN_U32 : TN_TYPE_NONE;
}

static bool can_be(tn_op op, tn_type type) {
  bool small = tn_type_is_float(type) && tn_type_bits(type) < 16, wide = type == TN_F32 || type == TN_F64;
  if (only_type(op)) return type == only_type(op);
  if (!(classes_of(op) >> tn_type_class_of(type) & 1)) return false;
  if (op == TN_OP_FFT) return tn_type_is_complex(type) || wide;
  if (op == TN_OP_CHOLESKY || op == TN_OP_TRIANGULAR_SOLVE) return !small;
  if (op == TN_OP_SCALED_DOT) return type == TN_F32 || type == TN_BF16 || type == TN_F16;
  return true;
}

/* Why no program can have the opcode; NULL: it can. */
static const char *reason(tn_op op) {
  switch (op) {
#define OP(ID, text, arity, attributes, flags, infer, eval)                                                  \
  case TN_OP_##ID: return #eval[0] == 'u' && #eval[2] == 's' ? "the evaluator has no value for it" : NULL;
#include "ir/ops.def"
#undef OP
  case TN_OP_COUNT: break;
  }
  return NULL;
}

/* ---- the table ---- */

static const tn_type columns[] = {
#define TYPE(ID, text, bits, class) TN_##ID,
#include "base/types.def"
#undef TYPE
};
enum { COLUMNS = sizeof columns / sizeof *columns - 4 }; /* tuples, tokens, … hold nothing */

static void print_heads(tn_text *out) {
  for (int line = 0; line < 3; line++) {
    tn_text_printf(out, "%-26s", line == 0 ? "programs with" : "");
    for (int i = 0; i < COLUMNS; i++) {
      const char *name = tn_type_name(columns[i]);
      size_t from = 5 * (size_t)line, length = strlen(name);
      tn_text_printf(out, " %5.*s", from < length ? 5 : 0, from < length ? name + from : "");
    }
    tn_text_put(out, "\n");
  }
}

void coverage_print(tn_text *out, const coverage *c) {
  int cells = 0, seen = 0;
  print_heads(out);
  for (int op = 0; op < TN_OP_COUNT; op++) {
    if (reason((tn_op)op)) continue;
    tn_text_printf(out, "%-26s", tn_ops[op].name);
    for (int i = 0; i < COLUMNS; i++) {
      int64_t programs = c->programs[op][columns[i]];
      bool can = programs || can_be((tn_op)op, columns[i]);
      cells += can;
      seen += programs > 0;
      if (!can)
        tn_text_printf(out, "     -");
      else
        tn_text_printf(out, " %5lld", (long long)programs);
    }
    tn_text_put(out, "\n");
  }
  tn_text_printf(out, "%d of %d pairs of opcode and type\n", seen, cells);
  for (int op = 0; op < TN_OP_COUNT; op++)
    if (reason((tn_op)op)) tn_text_printf(out, "never: %s: %s\n", tn_ops[op].name, reason((tn_op)op));
  for (int op = 0; op < TN_OP_COUNT; op++)
    if (!reason((tn_op)op) && !programs_with(c, op)) tn_text_printf(out, "not drawn: %s\n", tn_ops[op].name);
}
