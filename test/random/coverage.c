/* Which opcodes with which types were in programs, and which cannot be and why.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/random.h"
#include "test/random/takes.h"

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
    if (opcode_never((tn_op)op)) continue;
    tn_text_printf(out, "%-26s", tn_ops[op].name);
    for (int i = 0; i < COLUMNS; i++) {
      int64_t programs = c->programs[op][columns[i]];
      bool can = programs || opcode_takes((tn_op)op, columns[i]);
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
    if (opcode_never((tn_op)op))
      tn_text_printf(out, "never: %s: %s\n", tn_ops[op].name, opcode_never((tn_op)op));
  for (int i = 0; never_drawn[i]; i++) tn_text_printf(out, "never: %s\n", never_drawn[i]);
  for (int i = 0; refused[i]; i++) tn_text_printf(out, "refused by plans: %s\n", refused[i]);
  for (int op = 0; op < TN_OP_COUNT; op++)
    if (!opcode_never((tn_op)op) && !programs_with(c, op))
      tn_text_printf(out, "not drawn: %s\n", tn_ops[op].name);
}
