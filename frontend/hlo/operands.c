/* Operands: `x`, `%x`, `f32[2]{0} %x`, or an instruction without name and attributes.
 *
 *     add(f32[2] x, f32[2] multiply(y, y))
 *
 * An operand stands before its user. One that failed poisons its user: the user is
 * read, for its own errors, and not made.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

/* ---- names ---- */

/* Where the name is defined further down, for a better message; the text of the
 * computation is searched only when an error is certain.                         */
static bool defined_later(const tn_hlo_parser *p, tn_str name) {
  const char *at = p->lex.cursor, *end = p->lex.end;
  while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
    at = tn_skip_blanks(at, end);
    if (!at || at == end || *at == '}') return false;
    if (end - at > 5 && !memcmp(at, "ROOT ", 5)) at += 5;
    at += *at == '%';
    if ((size_t)(end - at) <= name.length || memcmp(at, name.at, name.length)) continue;
    const char *equals = tn_skip_blanks(at + name.length, end);
    if (equals && equals < end && *equals == '=') return true;
  }
  return false;
}

static bool no_such(tn_hlo_parser *p, tn_str name, tn_location here) {
  if (defined_later(p, name))
    return tn_hlo_error_at(p, here, "'%.*s' is used before it is defined", TN_CLIP(name));
  const char *names[256];
  int count = 0;
  for (const tn_inst *i = p->scope->comp->last; i && count < 256; i = i->prev) names[count++] = i->name;
  return tn_hlo_error_at(p, here, "there is no '%.*s' in this computation%s", TN_CLIP(name),
                         tn_hlo_suggestion(p, name, names, count));
}

/* What the text says of an operand's shape must be true; unknown shapes wait. */
static bool check_claim(tn_hlo_parser *p, const tn_inst *inst, const tn_shape *shape, tn_location here) {
  if (!inst->shape) {
    TN_PUSH(p->scratch, &p->claims, (tn_shape_claim){.inst = inst, .shape = shape, .location = here});
    return true;
  }
  if (inst->shape == shape || tn_shape_equal(inst->shape, shape)) return true;
  tn_hlo_error_at(p, here, "operand '%s' is %s, not %s", inst->name, tn_shape_text(p->scratch, inst->shape),
                  tn_shape_text(p->scratch, shape));
  tn_note(p->sink, inst->location, "'%s' is defined here", inst->name);
  return false;
}

static void push(tn_hlo_parser *p, tn_pending *inst, tn_inst *operand) {
  TN_PUSH(p->scratch, &p->insts, operand);
  inst->n_operands++;
  inst->poisoned |= !operand;
}

/* shape: NULL if the text gives none. */
static bool named_operand(tn_hlo_parser *p, tn_pending *inst, const tn_shape *shape, tn_location here) {
  tn_str name = p->lex.token.text;
  tn_hlo_name *entry = tn_hlo_names_find(p->scope->names, name);
  tn_location at = tn_hlo_here(p);
  tn_lexer_next(&p->lex);
  if (entry) {
    if (entry->value && shape && !check_claim(p, entry->value, shape, here)) return false;
    push(p, inst, entry->value);
    return true;
  }
  if (!p->scope->implicit_parameters) return no_such(p, name, at);
  if (!shape)
    return tn_hlo_error_at(p, at, "operand '%.*s' of a lone instruction needs a shape", TN_CLIP(name));
  tn_inst *parameter = tn_hlo_parameter(p, name, shape, at);
  push(p, inst, parameter);
  return tn_hlo_define(p, name, at, parameter);
}

/* ---- nested instructions ---- */

static bool nested_operand(tn_hlo_parser *p, tn_pending *inst, const tn_shape *shape) {
  tn_pending nested = {.shape = shape, .location = tn_hlo_here(p)};
  tn_inst *made = NULL;
  if (!tn_hlo_descend(p, "instructions")) return false;
  bool read = tn_hlo_instruction_body(p, &nested, true, &made);
  p->depth--;
  if (read) push(p, inst, made);
  return read;
}

/* A word in front of '(' is the opcode of a nested instruction. */
static bool at_nested(const tn_hlo_parser *p) {
  if (tn_hlo_kind(p) != TN_TOK_WORD || p->lex.token.percent) return false;
  const char *at = tn_skip_blanks(p->lex.cursor, p->lex.end);
  return at && at < p->lex.end && *at == '(';
}

static bool operand(tn_hlo_parser *p, tn_pending *inst) {
  const tn_shape *shape = NULL;
  tn_location here = tn_hlo_here(p);
  if (tn_hlo_at_shape(p) && !tn_hlo_shape(p, &shape)) return false;
  if (at_nested(p)) return nested_operand(p, inst, shape);
  if (tn_hlo_kind(p) == TN_TOK_WORD) return named_operand(p, inst, shape, here);
  if (!shape || !p->scope->implicit_parameters) return tn_hlo_expected(p, "an operand");
  push(p, inst, tn_hlo_parameter(p, (tn_str){"arg", 3}, shape, here));
  return true;
}

bool tn_hlo_operands(tn_hlo_parser *p, tn_pending *inst) {
  if (!tn_hlo_expect(p, '(', "before the operands")) return false;
  inst->first_operand = p->insts.count;
  while (tn_hlo_kind(p) != ')') {
    if (!operand(p, inst)) return false;
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, ')', "after the operands");
}

/* control-predecessors={a, b}: pushed behind the operands. */
bool tn_hlo_predecessors(tn_hlo_parser *p, tn_pending *inst) {
  if (!tn_hlo_expect(p, '{', "to begin control-predecessors")) return false;
  inst->first_predecessor = p->insts.count;
  while (tn_hlo_kind(p) != '}') {
    tn_location here = tn_hlo_here(p);
    tn_str name;
    if (!tn_hlo_word(p, "the name of an instruction", &name)) return false;
    const tn_hlo_name *entry = tn_hlo_names_find(p->scope->names, name);
    if (!entry) return no_such(p, name, here);
    TN_PUSH(p->scratch, &p->insts, entry->value);
    inst->n_predecessors++;
    inst->poisoned |= !entry->value;
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, '}', "to end control-predecessors");
}
