/* Indices and expressions in the text of kernels.
 *
 *     d0*4+k1-1      ((d0+d1*2)/3)*3      clamp(v2, 7)
 *     fma(a0[d0, k1], a1[k1], s0)      (a0[d0-1] if d0 in 1..9 else 0)      maximum(v0, f32(0))
 *
 * Indices come out in the builders' normal form, but divisions stay as written.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/native.h"
#include "codegen/plan/read.h"

/* Of indices: sums of products of two stay far inside 64 bits where sizes do. */
static const int64_t largest_number = INT64_C(1) << 40;

static int shown(tn_str name) { return (int)(name.length < 60 ? name.length : 60); }

const tn_kernel_name *tn_kernel_lookup(const tn_kernel_reader *k, tn_str name) {
  for (int i = k->names.count - 1; i >= 0; i--)
    if (k->names.at[i].open && tn_str_is(name, k->names.at[i].name)) return &k->names.at[i];
  return NULL;
}

bool tn_read_known(tn_kernel_reader *k, int kind, int *number) {
  static const char *const kinds[] = {"dim", "buffer", "value"};
  tn_str name;
  tn_read_skip(k->r);
  const char *from = k->r->at;
  if (!tn_read_name(k->r, tn_arena_printf(k->r->arena, "a %s", kinds[kind]), &name)) return false;
  const tn_kernel_name *known = tn_kernel_lookup(k, name);
  if (!known)
    return tn_read_fail(k->r, from, "no %s is called '%.*s' here", kinds[kind], shown(name), name.at);
  if (known->kind != kind)
    return tn_read_fail(k->r, from, "'%s' is a %s, not a %s", known->name, kinds[known->kind], kinds[kind]);
  *number = known->number;
  return true;
}

/* ---- indices ---- */

static bool read_index(tn_kernel_reader *k, const tn_index **index);

static const tn_index *one_term(tn_kernel_reader *k, tn_term term) {
  tn_index *index = TN_NEW(k->r->arena, tn_index);
  index->n_terms = 1;
  index->terms = tn_arena_copy(k->r->arena, &term, sizeof term);
  return index;
}

/* ((…)/N), the first '(' taken */
static bool read_division(tn_kernel_reader *k, tn_term *term) {
  if (!tn_read_expect(k->r, '(', "around what is divided") || !read_index(k, &term->of) ||
      !tn_read_expect(k->r, ')', "around what is divided"))
    return false;
  bool remainder = tn_read_accept(k->r, '%');
  term->kind = remainder ? TN_TERM_REMAINDER : TN_TERM_QUOTIENT;
  return (remainder || tn_read_expect(k->r, '/', "or '%' after what is divided")) &&
         tn_read_integer(k->r, "a divisor", 2, largest_number, &term->divisor) &&
         tn_read_expect(k->r, ')', "after a division");
}

static bool read_clamp(tn_kernel_reader *k, tn_term *term) {
  term->kind = TN_TERM_VALUE;
  tn_read_skip(k->r);
  const char *from = k->r->at;
  if (!tn_read_expect(k->r, '(', "after clamp") || !tn_read_expr(k, TN_TYPE_NONE, &term->value)) return false;
  if (!tn_type_is_integer(term->value->type))
    return tn_read_fail(k->r, from, "clamp: an index is an integer, not %s", tn_type_name(term->value->type));
  return tn_read_expect(k->r, ',', "after the value") &&
         tn_read_integer(k->r, "a limit", 0, largest_number, &term->limit) &&
         tn_read_expect(k->r, ')', "after the limit");
}

static bool read_term(tn_kernel_reader *k, const tn_index **index) {
  tn_term term = {.kind = TN_TERM_DIM, .scale = 1};
  tn_read_skip(k->r);
  if (!k->r->failed && k->r->at < k->r->end && *k->r->at >= '0' && *k->r->at <= '9') {
    int64_t value;
    if (!tn_read_integer(k->r, "a number", 0, largest_number, &value)) return false;
    *index = tn_index_constant(k->r->arena, value);
    return true;
  }
  if (tn_read_accept(k->r, '(')) {
    if (!read_division(k, &term)) return false;
  } else if (tn_read_accept_word(k->r, "clamp")) {
    if (!read_clamp(k, &term)) return false;
  } else if (!tn_read_known(k, TN_NAME_DIM, &term.dim)) {
    return false;
  }
  if (tn_read_accept(k->r, '*') && !tn_read_integer(k->r, "a factor", 1, largest_number, &term.scale))
    return false;
  *index = one_term(k, term);
  return true;
}

static bool read_index(tn_kernel_reader *k, const tn_index **index) {
  if (!tn_read_enter(k->r)) return false;
  const tn_index *sum = tn_index_constant(k->r->arena, 0), *term;
  bool minus = tn_read_accept(k->r, '-');
  do {
    if (!read_term(k, &term)) return false;
    sum = tn_index_add(k->r->arena, sum, minus ? tn_index_scale(k->r->arena, term, -1) : term);
    minus = tn_read_accept(k->r, '-');
  } while (minus || tn_read_accept(k->r, '+'));
  tn_read_leave(k->r);
  *index = sum;
  return true;
}

/* x[…]: as many indices as the buffer has dims */
bool tn_read_access(tn_kernel_reader *k, int *buffer, const tn_index *const **at) {
  tn_read_skip(k->r);
  const char *from = k->r->at;
  if (!tn_read_known(k, TN_NAME_BUFFER, buffer) || !tn_read_expect(k->r, '[', "after a buffer")) return false;
  const tn_kernel_buffer *b = &k->buffers.at[*buffer];
  const tn_index **indices = TN_NEW_ARRAY(k->r->arena, const tn_index *, b->shape->rank);
  int count = 0;
  while (!tn_read_at(k->r, ']')) {
    if (count == b->shape->rank)
      return tn_read_fail(k->r, from, "%s has %d dims, more indices given", b->name, count);
    if (!read_index(k, &indices[count++])) return false;
    if (!tn_read_accept(k->r, ',')) break;
  }
  *at = indices;
  if (!tn_read_expect(k->r, ']', "after the indices")) return false;
  return count == b->shape->rank ||
         tn_read_fail(k->r, from, "%s has %d dims, %d indices given", b->name, b->shape->rank, count);
}

/* ---- leaves ---- */

static bool read_constant(tn_kernel_reader *k, tn_type type, const tn_expr **expr) {
  unsigned char element[16] = {0};
  uint64_t bits[2] = {0};
  if (type == TN_TYPE_NONE) return tn_read_fail(k->r, k->r->at, "a number here needs its type: s32(5)");
  if (!tn_read_element(k->r, type, element)) return false;
  size_t bytes = tn_type_bytes(type), part = tn_type_is_complex(type) ? bytes / 2 : bytes;
  memcpy(&bits[0], element, part);
  memcpy(&bits[1], element + part, bytes - part);
  *expr = tn_expr_bits(k->r->arena, type, bits[0], bits[1]);
  return true;
}

static bool read_load(tn_kernel_reader *k, const tn_expr **expr) {
  tn_expr *load = TN_NEW(k->r->arena, tn_expr);
  load->kind = TN_EXPR_LOAD;
  if (!tn_read_access(k, &load->load.buffer, &load->load.at)) return false;
  load->type = k->buffers.at[load->load.buffer].shape->type;
  load->load.rank = k->buffers.at[load->load.buffer].shape->rank;
  *expr = load;
  return true;
}

/* … if i in 0..8 and j in 1..3 else fill) */
static bool read_guards(tn_kernel_reader *k, const tn_expr **expr) {
  tn_expr *load = (tn_expr *)*expr;
  TN_VEC(tn_guard_range) guards = {0};
  tn_reader *r = k->r;
  if (load->kind != TN_EXPR_LOAD || load->load.fill) return tn_read_fail(r, r->at, "only a load has a fill");
  if (tn_read_accept_word(r, "if")) {
    do {
      tn_guard_range guard = {0};
      if (!read_index(k, &guard.index) || !tn_read_expect_word(r, "in", "after a guard's index") ||
          !tn_read_integer(r, "a guard's lower end", -largest_number, largest_number, &guard.low) ||
          !tn_read_expect(r, '.', "between a guard's ends") ||
          !tn_read_expect(r, '.', "between a guard's ends") ||
          !tn_read_integer(r, "a guard's upper end", -largest_number, largest_number, &guard.high))
        return false;
      TN_PUSH(r->arena, &guards, guard);
    } while (tn_read_accept_word(r, "and"));
  }
  load->load.guards = guards.at;
  load->load.n_guards = guards.count;
  return tn_read_expect_word(r, "else", "before the fill") && tn_read_expr(k, load->type, &load->load.fill) &&
         tn_read_expect(r, ')', "after the fill");
}

/* ---- operations ---- */

static tn_type result_type(tn_op op, int count, const tn_expr *const *operands) {
  if (op == TN_OP_COMPARE || op == TN_OP_IS_FINITE) return TN_PRED;
  bool second = (op == TN_OP_SELECT || op == TN_OP_CLAMP) && count > 1;
  return operands[second]->type;
}

/* (a + b), the '(' taken; or a load with a fill */
static bool read_infix(tn_kernel_reader *k, tn_type expected, const tn_expr **expr) {
  static const struct {
    char sign;
    tn_op op;
  } signs[] = {{'+', TN_OP_ADD}, {'-', TN_OP_SUBTRACT}, {'*', TN_OP_MULTIPLY}, {'/', TN_OP_DIVIDE}};
  const tn_expr *operands[2];
  if (!tn_read_expr(k, expected, &operands[0])) return false;
  if (tn_read_at_word(k->r, "if") || tn_read_at_word(k->r, "else")) {
    *expr = operands[0];
    return read_guards(k, expr);
  }
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    if (!tn_read_accept(k->r, signs[i].sign)) continue;
    if (!tn_read_expr(k, expected, &operands[1])) return false;
    *expr = tn_expr_op(k->r->arena, signs[i].op, operands[0]->type, 2, operands);
    return tn_read_expect(k->r, ')', "after the operation");
  }
  return tn_read_expect(k->r, '+', "or another operation");
}

/* <LT>, <LT, total> */
static bool read_direction(tn_kernel_reader *k, tn_expr *expr) {
  static const struct {
    const char *name;
    tn_direction direction;
  } directions[] = {{"EQ", TN_EQ}, {"NE", TN_NE}, {"GE", TN_GE}, {"GT", TN_GT}, {"LE", TN_LE}, {"LT", TN_LT}};
  for (size_t i = 0; i < sizeof directions / sizeof *directions; i++) {
    if (!tn_read_accept_word(k->r, directions[i].name)) continue;
    expr->op.direction = directions[i].direction;
    if (tn_read_accept(k->r, ',')) {
      expr->op.total_order = true;
      return tn_read_expect_word(k->r, "total", "after the direction");
    }
    return true;
  }
  return tn_read_fail(k->r, k->r->at, "expected EQ, NE, GE, GT, LE or LT");
}

/* real>, imag> */
static bool read_part(tn_kernel_reader *k, tn_expr *expr) {
  if (tn_read_accept_word(k->r, "real"))
    expr->op.part = TN_PART_REAL;
  else if (tn_read_accept_word(k->r, "imag"))
    expr->op.part = TN_PART_IMAGINARY;
  else
    return tn_read_fail(k->r, k->r->at, "expected real or imag");
  return tn_read_expect(k->r, '>', "after the part");
}

/* What the operands do not say, in angle brackets. */
static bool read_parameters(tn_kernel_reader *k, tn_expr *expr) {
  int64_t bits[2];
  tn_op op = expr->op.op;
  bool needed = op == TN_OP_COMPARE || tn_op_names_type(op) || op == TN_OP_REDUCE_PRECISION;
  if (!needed && tn_read_accept(k->r, '<')) return read_part(k, expr);
  if (!needed) return true;
  if (!tn_read_expect(k->r, '<', "after the operation's name")) return false;
  if (op == TN_OP_COMPARE && !read_direction(k, expr)) return false;
  if (tn_op_names_type(op) && !tn_read_type(k->r, &expr->type)) return false;
  if (op == TN_OP_REDUCE_PRECISION) {
    if (!tn_read_integer(k->r, "exponent bits", 1, 64, &bits[0]) ||
        !tn_read_expect(k->r, ',', "between the exponent's and the mantissa's bits") ||
        !tn_read_integer(k->r, "mantissa bits", 0, 64, &bits[1]))
      return false;
    expr->op.exponent_bits = (int)bits[0];
    expr->op.mantissa_bits = (int)bits[1];
  }
  return tn_read_expect(k->r, '>', "after the operation's parameters");
}

static bool read_operands(tn_kernel_reader *k, tn_expr *expr, tn_type expected) {
  const tn_expr *operands[4];
  int wanted = expr->kind == TN_EXPR_FMA ? 3 : tn_ops[expr->op.op].arity;
  if (expr->kind == TN_EXPR_OP && expr->op.part) wanted = wanted > 2 ? 4 : 2 * wanted;
  if (!tn_read_expect(k->r, '(', "before the operands")) return false;
  for (int i = 0; i < wanted; i++) {
    if (i && !tn_read_expect(k->r, ',', "between operands")) return false;
    if (!tn_read_expr(k, tn_operand_type(expr->kind, expr->op.op, i, expected), &operands[i])) return false;
  }
  expr->op.n_operands = wanted;
  expr->op.operands = tn_arena_copy(k->r->arena, operands, sizeof *operands * (size_t)wanted);
  if (expr->kind == TN_EXPR_FMA)
    expr->type = operands[2]->type;
  else if (!tn_op_names_type(expr->op.op))
    expr->type = result_type(expr->op.op, wanted, operands);
  return tn_read_expect(k->r, ')', "after the operands");
}

/* HLO's name for maximum, round_nearest_even, … */
static bool find_op(tn_str name, tn_op *op) {
  char text[64];
  if (name.length >= sizeof text) return false;
  for (size_t i = 0; i < name.length; i++) text[i] = name.at[i] == '_' ? '-' : name.at[i];
  return tn_op_from_name((tn_str){text, name.length}, op) &&
         (tn_op_is(*op, TN_OP_ELEMENTWISE) || *op == TN_OP_BITCAST_CONVERT) && tn_ops[*op].arity >= 1 &&
         tn_ops[*op].arity <= 3;
}

static bool read_operation(tn_kernel_reader *k, tn_type expected, const tn_expr **out) {
  tn_expr *expr = TN_NEW(k->r->arena, tn_expr);
  tn_str name;
  tn_read_skip(k->r);
  const char *from = k->r->at;
  if (!tn_read_name(k->r, "an expression", &name)) return false;
  *out = expr;
  expr->kind = tn_str_is(name, "fma") ? TN_EXPR_FMA : TN_EXPR_OP;
  if (expr->kind == TN_EXPR_OP && !find_op(name, &expr->op.op))
    return tn_read_fail(k->r, from, "'%.*s' is no operation, value or buffer here", shown(name), name.at);
  if (!read_parameters(k, expr) || !read_operands(k, expr, expected)) return false;
  bool second = expr->kind == TN_EXPR_OP && (expr->op.op == TN_OP_SELECT || expr->op.op == TN_OP_CLAMP);
  tn_type operand = expr->op.operands[second]->type;
  bool native =
      expr->kind != TN_EXPR_OP || (expr->op.part ? tn_part_is_native(expr->op.op, expr->op.part, operand)
                                                 : tn_op_is_native(expr->op.op, expr->type, operand));
  if (!native)
    return tn_read_fail(k->r, from, "%s: no native form for %s", tn_ops[expr->op.op].name,
                        tn_type_name(operand));
  return true;
}

/* index<s64>(d0+1) */
static bool read_index_value(tn_kernel_reader *k, const tn_expr **expr) {
  tn_type type;
  const tn_index *index;
  if (!tn_read_expect(k->r, '<', "after index") || !tn_read_type(k->r, &type) ||
      !tn_read_expect(k->r, '>', "after the type") || !tn_read_expect(k->r, '(', "before the index") ||
      !read_index(k, &index))
    return false;
  *expr = tn_expr_index(k->r->arena, type, index);
  return tn_read_expect(k->r, ')', "after the index");
}

static bool is_number_word(tn_str word) {
  return tn_str_is(word, "inf") || tn_str_is(word, "nan") || tn_str_is(word, "true") ||
         tn_str_is(word, "false");
}

/* s32(0) */
static bool read_typed(tn_kernel_reader *k, tn_str word, tn_type type, const tn_expr **expr) {
  k->r->at += word.length;
  return tn_read_expect(k->r, '(', "after a constant's type") && read_constant(k, type, expr) &&
         tn_read_expect(k->r, ')', "after a constant");
}

/* A value may have a type's name, s1 or s4; no value stands before a parenthesis. */
static bool is_called(const tn_kernel_reader *k, tn_str word) {
  const char *next = word.at + word.length;
  return next < k->r->end && *next == '(';
}

static bool read_word(tn_kernel_reader *k, tn_str word, tn_type expected, const tn_expr **expr) {
  tn_type type = tn_type_from_name(word);
  if (type != TN_TYPE_NONE && tn_type_is_array(type) && is_called(k, word))
    return read_typed(k, word, type, expr);
  const tn_kernel_name *known = tn_kernel_lookup(k, word);
  if (known && known->kind == TN_NAME_BUFFER) return read_load(k, expr);
  if (known && known->kind == TN_NAME_VALUE) {
    k->r->at += word.length;
    *expr = tn_expr_value(k->r->arena, k->values.at[known->number].type, known->number);
    return true;
  }
  if (is_number_word(word)) return read_constant(k, expected, expr);
  if (tn_read_accept_word(k->r, "index")) return read_index_value(k, expr);
  if (type == TN_TYPE_NONE || !tn_type_is_array(type)) return read_operation(k, expected, expr);
  return read_typed(k, word, type, expr);
}

bool tn_read_expr(tn_kernel_reader *k, tn_type expected, const tn_expr **expr) {
  if (!tn_read_enter(k->r)) return false;
  tn_str word = tn_read_word(k->r);
  bool good;
  if (word.length)
    good = read_word(k, word, expected, expr);
  else if (tn_read_accept(k->r, '('))
    good = read_infix(k, expected, expr);
  else
    good = read_constant(k, expected, expr);
  tn_read_leave(k->r);
  return good;
}
