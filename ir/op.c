/* The table of opcodes, and opcodes by name.
 *
 * ops.def is in alphabetical order of its texts, so a name is found by bisection
 * (8 comparisons); a test holds the table to that order.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/module.h"

enum {
  ELEMENTWISE = TN_OP_ELEMENTWISE,
  COMMUTES = TN_OP_COMMUTES,
  FLOATING = TN_OP_FLOATING,
  FREE = TN_OP_FREE,
  CALLS = TN_OP_CALLS,
  COLLECTIVE = TN_OP_COLLECTIVE,
  SIDE_EFFECT = TN_OP_SIDE_EFFECT,
  ANY = TN_ARITY_ANY
};

const tn_op_info tn_ops[TN_OP_COUNT] = {
#define OP(ID, text, arity, attributes, flags, infer, eval) {text, arity, TN_ATTR_##attributes, flags},
#include "ir/ops.def"
#undef OP
};

/* Like strcmp, of a piece and a string. */
static int compare(tn_str piece, const char *text) {
  size_t length = strlen(text);
  size_t common = piece.length < length ? piece.length : length;
  int order = common ? memcmp(piece.at, text, common) : 0;
  if (order) return order;
  return piece.length < length ? -1 : piece.length > length;
}

bool tn_op_from_name(tn_str name, tn_op *op) {
  int low = 0, high = TN_OP_COUNT;
  while (low < high) {
    int middle = (low + high) / 2;
    int order = compare(name, tn_ops[middle].name);
    if (order == 0) {
      *op = (tn_op)middle;
      return true;
    }
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return false;
}
