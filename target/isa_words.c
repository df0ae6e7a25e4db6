/* The words of instructions' fields: value i is word i.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/isa_table.h"

static const char *const dataflows[] = {"weight", "output", "input"};
static const char *const joins[] = {"none", "add", "maximum", "minimum"};
static const char *const operands[] = {"none", "add", "subtract", "multiply", "maximum", "minimum"};
static const char *const functions[] = {"none", "abs", "negate"};
static const char *const types[TN_TYPE_COUNT] = {
    "none",
#define TYPE(ID, text, bits, class) text,
#include "base/types.def"
#undef TYPE
};

#define WORDS(list) (*count = (int)(sizeof list / sizeof *list), list)

const char *const *tn_field_words(tn_field_kind kind, int *count) {
  switch (kind) {
  case TN_FIELD_TYPE: return WORDS(types);
  case TN_FIELD_DATAFLOW: return WORDS(dataflows);
  case TN_FIELD_JOIN: return WORDS(joins);
  case TN_FIELD_OPERAND: return WORDS(operands);
  case TN_FIELD_FUNCTION: return WORDS(functions);
  case TN_FIELD_NUMBER:
  case TN_FIELD_HOST:
  case TN_FIELD_DRAM:
  case TN_FIELD_BUFFER:
  case TN_FIELD_EXTRA:
  case TN_FIELD_ACCUMULATOR:
  case TN_FIELD_STRIDE:
  case TN_FIELD_REAL:
  case TN_FIELD_SWITCH: break;
  }
  *count = 0;
  return NULL;
}

const char *tn_dataflow_name(tn_dataflow dataflow) { return dataflows[dataflow]; }
