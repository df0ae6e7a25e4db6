/* The table of opcodes in docs/ir.md, as scripts/update-docs puts it there: one row an
 * opcode, all from ops.def, attrs.def and codegen/plan/native.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>

#include "codegen/plan/native.h"
#include "ir/attribute_table.h"

static const char *const evaluations[TN_OP_COUNT] = {
#define OP(ID, text, arity, attributes, flags, infer, eval) #eval,
#include "ir/ops.def"
#undef OP
};

static void print_operands(tn_op op) {
  if (tn_ops[op].arity == TN_ARITY_ANY) printf(" | any");
  else printf(" | %d", tn_ops[op].arity);
}

static void print_attributes(tn_op op) {
  int count;
  const tn_attribute_row *rows = tn_attribute_rows(tn_ops[op].attributes, &count);
  printf(" |");
  if (tn_ops[op].attributes == TN_ATTR_ACCURACY) printf(" result_accuracy?");
  for (int i = 0; i < count; i++) printf("%s %s%s", i ? "," : "", rows[i].text, rows[i].required ? "" : "?");
}

static void print_evaluation(tn_op op) {
  if (!strcmp(evaluations[op], "unsupported")) printf(" | no");
  else if (op == TN_OP_CUSTOM_CALL) printf(" | known targets");
  else printf(tn_op_is(op, TN_OP_COLLECTIVE) ? " | one participant" : " | yes");
}

/* The native types of an elementwise opcode, by what tn_op_is_native tells apart. */
static void print_types(tn_op op) {
  static const struct {
    tn_type type;
    const char *name;
  } sets[] = {{TN_PRED, "pred"}, {TN_S32, "integers"}, {TN_F32, "floats to f32"}, {TN_F64, "f64"}};
  int count = 0;
  for (int i = 0; i < 4; i++) {
    tn_type result = op == TN_OP_STOCHASTIC_CONVERT ? TN_S32 : sets[i].type;
    if (tn_op_is_native(op, result, sets[i].type)) printf("%s %s", count++ ? "," : "", sets[i].name);
  }
  if (!count) printf(" no");
}

static void print_native(tn_op op) {
  printf(" |");
  switch (tn_op_native_form(op)) {
  case TN_NATIVE_NO: printf(tn_ops[op].attributes == TN_ATTR_BATCH_NORM ? " expanded by a pass" : " no"); return;
  case TN_NATIVE_SCALARS: print_types(op); return;
  case TN_NATIVE_KERNEL: printf(" yes"); return;
  case TN_NATIVE_SCHEDULE:
    printf(tn_op_is(op, TN_OP_COLLECTIVE) ? " one participant" : " no kernel");
    return;
  }
}

int main(void) {
  printf("| opcode | operands | attributes | evaluator | native |\n|---|---|---|---|---|\n");
  for (int i = 0; i < TN_OP_COUNT; i++) {
    printf("| %s", tn_ops[i].name);
    print_operands((tn_op)i);
    print_attributes((tn_op)i);
    print_evaluation((tn_op)i);
    print_native((tn_op)i);
    printf(" |\n");
  }
  return 0;
}
