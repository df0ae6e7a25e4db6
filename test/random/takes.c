/* What there is to cover: which opcodes take which types.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/takes.h"

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
              {TN_OP_DEQUANTIZE, F},
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
              {TN_OP_QUANTIZE, I},
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

bool opcode_takes(tn_op op, tn_type type) {
  bool small = tn_type_is_float(type) && tn_type_bits(type) < 16, wide = type == TN_F32 || type == TN_F64;
  if (only_type(op)) return type == only_type(op);
  if (!(classes_of(op) >> tn_type_class_of(type) & 1)) return false;
  if (op == TN_OP_FFT) return tn_type_is_complex(type) || wide;
  if (op == TN_OP_CHOLESKY || op == TN_OP_TRIANGULAR_SOLVE) return !small;
  if (op == TN_OP_QUANTIZE) return tn_type_bits(type) <= 32;
  if (op == TN_OP_SCALED_DOT || op == TN_OP_DEQUANTIZE) return type == TN_F32 || type == TN_BF16 || type == TN_F16;
  return true;
}

const char *opcode_never(tn_op op) {
  static const char *const evaluations[TN_OP_COUNT] = {
#define OP(ID, text, arity, attributes, flags, infer, eval) #eval,
#include "ir/ops.def"
#undef OP
  };
  return strcmp(evaluations[op], "unsupported") == 0 ? "the evaluator has no value for it" : NULL;
}

const char *const never_drawn[] = {
    "constants with bounded dims: HLO's text has no place for their sizes",
    "set-dimension-size to more than the size so far: what lies beyond it is anything",
    "sorts of bounded arrays together with others: what lies beyond the sizes would show",
    "opcodes that the evaluator refuses for arrays shorter than their bounds (gather, dynamic-slice, "
    "reduce-window, …), on such arrays",
    NULL};

const char *const refused[] = {
    "opcodes for whose bounded dims static-shapes has no rule (fusion, reduce-window, batch-norm, "
    "collectives, "
    "copy-start, async-start, …), and bounded parameters of fusions and asynchronous computations",
    "while, conditional and call whose operands, parameters and results disagree about which dims are "
    "bounded",
    "reshape and bitcast-convert that split or merge bounded dims or change their width; convolutions whose "
    "kernel or groups vary; dynamic-update-slice with a bounded update",
    NULL};
