/* The table of opcodes in docs/ir.md, as scripts/update-docs puts it there: one row an
 * opcode, from ops.def, attrs.def, codegen/plan/native.h and the generator of random
 * programs. scripts/update-docs adds the other tests.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>

#include "codegen/plan/native.h"
#include "ir/attribute_table.h"
#include "test/random/takes.h"

static const char *const evaluations[TN_OP_COUNT] = {
#define OP(ID, text, arity, attributes, flags, infer, eval) #eval,
#include "ir/ops.def"
#undef OP
};

static void print_operands(tn_op op) {
  if (tn_ops[op].arity == TN_ARITY_ANY)
    printf(" | any");
  else
    printf(" | %d", tn_ops[op].arity);
}

static void print_attributes(tn_op op) {
  int count;
  const tn_attribute_row *rows = tn_attribute_rows(tn_ops[op].attributes, &count);
  printf(" |");
  if (tn_ops[op].attributes == TN_ATTR_ACCURACY) printf(" result_accuracy?");
  for (int i = 0; i < count; i++) printf("%s %s%s", i ? "," : "", rows[i].text, rows[i].required ? "" : "?");
}

static void print_evaluation(tn_op op) {
  if (!strcmp(evaluations[op], "unsupported"))
    printf(" | no");
  else if (op == TN_OP_CUSTOM_CALL)
    printf(" | known targets");
  else
    printf(tn_op_is(op, TN_OP_COLLECTIVE) ? " | one participant" : " | yes");
}

/* Types that one word or name stands for. */
static const struct {
  const char *name;
  tn_type types[9];
  bool whole; /* with the next rows one class: */
  const char *class;
} kinds[] = {
    {"pred", {TN_PRED}, false, NULL},
    {"s1 … u4", {TN_S1, TN_S2, TN_S4, TN_U1, TN_U2, TN_U4}, true, "integers"},
    {"s8 … u64", {TN_S8, TN_S16, TN_S32, TN_S64, TN_U8, TN_U16, TN_U32, TN_U64}, false, NULL},
    {"f4, f8",
     {TN_F4E2M1FN, TN_F8E3M4, TN_F8E4M3, TN_F8E4M3B11FNUZ, TN_F8E4M3FN, TN_F8E4M3FNUZ, TN_F8E5M2,
      TN_F8E5M2FNUZ, TN_F8E8M0FNU},
     true,
     "floats"},
    {"bf16, f16, f32", {TN_BF16, TN_F16, TN_F32}, true, NULL},
    {"f64", {TN_F64}, false, NULL},
    {"complex", {TN_C64, TN_C128}, false, NULL},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef bool has_type(tn_op op, tn_type type);

static bool has_kind(tn_op op, int kind, has_type *has) {
  for (int i = 0; i < 9 && kinds[kind].types[i]; i++)
    if (has(op, kinds[kind].types[i])) return true;
  return false;
}

/* Rows from `first` on that are one class: how many, if all are there; else 1. */
static int whole_class(tn_op op, int first, has_type *has) {
  int count = 1;
  if (!kinds[first].class) return 1;
  while (kinds[first + count - 1].whole) count++;
  for (int i = 0; i < count; i++)
    if (!has_kind(op, first + i, has)) return 1;
  return count;
}

static void print_types(tn_op op, has_type *has) {
  int count = 0, all = 0;
  for (int i = 0; i < KINDS; i++) all += has_kind(op, i, has);
  if (all == KINDS) printf(" all");
  for (int i = 0, n; i < KINDS && all < KINDS; i += n) {
    n = whole_class(op, i, has);
    if (has_kind(op, i, has)) printf("%s %s", count++ ? "," : "", n > 1 ? kinds[i].class : kinds[i].name);
  }
  if (!all) printf(" none");
}

/* ---- native ---- */

/* By a pass that always runs and is named so: rng-expansion for rng, rng-bit-generator. */
static bool is_written_out(tn_op op) {
  static const struct {
    const char *name;
    int level;
  } passes[] = {
#define PASS(function, name, stage, min_level, needs, breaks, flags, help) {name, min_level},
#include "passes/passes.def"
  };
  bool dynamic = op == TN_OP_SET_DIMENSION_SIZE || op == TN_OP_DYNAMIC_RESHAPE; /* static-shapes */
  for (size_t i = 0; i < sizeof passes / sizeof *passes && !opcode_never(op); i++) {
    const char *end = strstr(passes[i].name, "-expansion");
    if (dynamic && !strcmp(passes[i].name, "static-shapes")) return true;
    if (end && passes[i].level == 0 && !strncmp(tn_ops[op].name, passes[i].name, (size_t)(end - passes[i].name)))
      return true;
  }
  return false;
}

/* Of comparisons and parts the type is the operand's. */
static bool is_native(tn_op op, tn_type type) {
  if (!opcode_takes(op, type)) return false;
  tn_type part = tn_type_part(type);
  switch (op == TN_OP_COMPLEX ? TN_NATIVE_KERNEL : tn_op_native_form(op)) {
  case TN_NATIVE_NO: return is_written_out(op);
  case TN_NATIVE_KERNEL:
  case TN_NATIVE_SCHEDULE: return true;
  case TN_NATIVE_SCALARS: break;
  }
  bool is_pred = op == TN_OP_COMPARE || op == TN_OP_IS_FINITE,
       is_part = op == TN_OP_ABS || op == TN_OP_REAL || op == TN_OP_IMAG;
  tn_type operand = op == TN_OP_STOCHASTIC_CONVERT ? TN_F32 : type;
  return tn_op_lowers(op, is_pred ? TN_PRED : is_part ? part : type, operand);
}

static void print_form(tn_op op) {
  switch (tn_op_native_form(op)) {
  case TN_NATIVE_NO: printf(is_written_out(op) ? " | written out by a pass" : " | none"); return;
  case TN_NATIVE_SCALARS: printf(" | expression"); return;
  case TN_NATIVE_KERNEL: printf(" | tree"); return;
  case TN_NATIVE_SCHEDULE: printf(" | no kernel"); return;
  }
}

int main(void) {
  printf("| opcode | operands | attributes | types | evaluator | plan form | native | tested by |\n"
         "|---|---|---|---|---|---|---|---|\n");
  for (int i = 0; i < TN_OP_COUNT; i++) {
    tn_op op = (tn_op)i;
    printf("| %s", tn_ops[i].name);
    print_operands(op);
    print_attributes(op);
    printf(" |");
    print_types(op, opcode_takes);
    print_evaluation(op);
    print_form(op);
    printf(" |");
    bool same = true, none = tn_op_native_form(op) == TN_NATIVE_NO && !is_written_out(op);
    for (int k = 0; k < KINDS; k++)
      same = same && has_kind(op, k, opcode_takes) == has_kind(op, k, is_native);
    if (none)
      printf(" no");
    else if (same)
      printf(" yes");
    else
      print_types(op, is_native);
    printf(" |%s |\n", opcode_never(op) ? "" : " random");
  }
  return 0;
}
