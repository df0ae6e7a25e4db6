/* One instruction.
 *
 *     ROOT name = f32[2,3]{1,0} add(x, y), sharding={replicated}
 *
 * It is read completely into a tn_pending and made only then; what fails leaves its
 * name behind, so that its users are read without follow-up errors.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

/* Opcodes whose operands and attributes leave the result open. */
static const bool needs_shape[TN_OP_COUNT] = {
    [TN_OP_ASYNC_START] = true,
    [TN_OP_BITCAST] = true,
    [TN_OP_BITCAST_CONVERT] = true,
    [TN_OP_BROADCAST] = true,
    [TN_OP_CONSTANT] = true,
    [TN_OP_CONVERT] = true,
    [TN_OP_CUSTOM_CALL] = true,
    [TN_OP_DYNAMIC_RESHAPE] = true,
    [TN_OP_INFEED] = true,
    [TN_OP_IOTA] = true,
    [TN_OP_OUTFEED] = true,
    [TN_OP_PARAMETER] = true,
    [TN_OP_RECV] = true,
    [TN_OP_RECV_DONE] = true,
    [TN_OP_RESHAPE] = true,
    [TN_OP_RNG] = true,
    [TN_OP_SEND] = true,
    [TN_OP_SEND_DONE] = true,
    [TN_OP_RNG_BIT_GENERATOR] = true,
    [TN_OP_STOCHASTIC_CONVERT] = true,
    [TN_OP_RNG_GET_AND_UPDATE_STATE] = true,
};

/* ---- making ---- */

tn_inst *tn_hlo_make(tn_hlo_parser *p, tn_comp *comp, tn_op op, tn_str name, const tn_shape *shape,
                     tn_location location) {
  size_t first = p->text.length; /* the name with a NUL */
  tn_text_put_n(&p->text, name.at, name.length);
  tn_inst *inst = tn_inst_create_named(comp, NULL, op, shape, p->module->next_id++, p->text.bytes + first);
  p->text.length = first;
  inst->location = location;
  return inst;
}

tn_inst *tn_hlo_parameter(tn_hlo_parser *p, tn_str name, const tn_shape *shape, tn_location location) {
  tn_inst *inst = tn_hlo_make(p, p->scope->comp, TN_OP_PARAMETER, name, shape, location);
  inst->attr.parameter.number = p->scope->n_implicit++;
  return inst;
}

bool tn_hlo_define(tn_hlo_parser *p, tn_str name, tn_location location, tn_inst *inst) {
  bool fresh;
  tn_hlo_name *entry = tn_hlo_names_add(p->scratch, p->scope->names, name, &fresh);
  if (fresh) {
    entry->value = inst;
    entry->location = location;
    return true;
  }
  tn_hlo_error_at(p, location, "'%.*s' is defined twice", TN_CLIP(name));
  tn_note(p->sink, entry->location, "the first definition is here");
  return false;
}

static const tn_annotations *copy_notes(tn_hlo_parser *p, const tn_annotations *notes) {
  static const tn_annotations none;
  if (!memcmp(notes, &none, sizeof none)) return NULL;
  return tn_arena_copy(p->arena, notes, sizeof *notes);
}

/* The computations named by `pending` are called by `inst`. */
static void give_callees(tn_hlo_parser *p, const tn_pending *pending, tn_inst *inst) {
  for (int i = pending->first_callee; i < p->callees.count; i++)
    if (p->callees.at[i].owner == pending) {
      p->callees.at[i].inst = inst;
      p->callees.at[i].owner = NULL;
    }
}

static tn_inst *make(tn_hlo_parser *p, const tn_pending *pending) {
  tn_inst *wrapped = NULL;
  if (pending->is_async_sugar && pending->op == TN_OP_ASYNC_START && !(wrapped = tn_hlo_wrap(p, pending)))
    return NULL;
  tn_str name = pending->name;
  if (!name.length) name = (tn_str){tn_ops[pending->op].name, strlen(tn_ops[pending->op].name)};
  tn_inst *inst = tn_hlo_make(p, p->scope->comp, pending->op, name, pending->shape, pending->location);
  if (pending->n_operands)
    tn_inst_set_operands(inst, pending->n_operands, p->insts.at + pending->first_operand);
  if (tn_ops[pending->op].attributes == TN_ATTR_ASYNC)
    inst->attr.async.thread = pending->thread;
  else
    inst->attr = pending->attr;
  if (pending->has_notes) inst->notes = copy_notes(p, &pending->notes);
  for (int i = 0; i < pending->n_predecessors; i++)
    tn_inst_add_predecessor(inst, p->insts.at[pending->first_predecessor + i]);
  give_callees(p, pending, wrapped ? wrapped : inst);
  if (wrapped) TN_PUSH(p->scratch, &p->callees, (tn_callee){.inst = inst, .comp = wrapped->parent});
  p->shapes_missing |= !inst->shape;
  return inst;
}

/* ---- reading ---- */

static bool unknown_opcode(tn_hlo_parser *p, tn_str word) {
  const char *names[TN_OP_COUNT];
  for (int i = 0; i < TN_OP_COUNT; i++) names[i] = tn_ops[i].name;
  return tn_hlo_error(p, "unknown opcode '%.*s'%s", TN_CLIP(word),
                      tn_hlo_suggestion(p, word, names, TN_OP_COUNT));
}

static bool opcode(tn_hlo_parser *p, tn_pending *inst) {
  tn_str word = p->lex.token.text;
  inst->location = tn_hlo_here(p);
  if (tn_hlo_kind(p) != TN_TOK_WORD) return tn_hlo_expected(p, "a shape or an opcode");
  if (tn_op_from_name(word, &inst->op))
    inst->wrapped = inst->op;
  else if (tn_hlo_async_opcode(word, &inst->op, &inst->wrapped))
    inst->is_async_sugar = true;
  else
    return p->lex.cursor < p->lex.end && *p->lex.cursor == '[' ? tn_hlo_unknown_type(p, word, inst->location)
                                                               : unknown_opcode(p, word);
  if (!inst->shape && needs_shape[inst->op])
    return tn_hlo_error(p, "%s needs a shape: its operands do not give one", tn_ops[inst->op].name);
  tn_lexer_next(&p->lex);
  return true;
}

static bool parameter_number(tn_hlo_parser *p, tn_pending *inst) {
  return tn_hlo_expect(p, '(', "before the parameter's number") &&
         tn_hlo_count(p, "parameter number", 0, INT32_MAX - 1, &inst->attr.parameter.number) &&
         tn_hlo_expect(p, ')', "after the parameter's number");
}

/* An older spelling repeats the shape before the literal. */
static bool repeated_shape(tn_hlo_parser *p, const tn_shape *shape) {
  const tn_shape *again;
  tn_location here = tn_hlo_here(p);
  if (tn_hlo_kind(p) != TN_TOK_WORD || !tn_hlo_at_shape(p)) return true;
  if (!tn_hlo_shape(p, &again)) return false;
  return tn_shape_equal(again, shape) ||
         tn_hlo_error_at(p, here, "constant: shapes %s and %s differ", tn_shape_text(p->scratch, shape),
                         tn_shape_text(p->scratch, again));
}

static bool constant_value(tn_hlo_parser *p, tn_pending *inst) {
  tn_literal *literal;
  if (!tn_hlo_expect(p, '(', "before the literal") || !repeated_shape(p, inst->shape)) return false;
  if (!tn_hlo_literal(p, inst->shape, &literal)) return false;
  inst->elided = !literal;
  inst->attr.constant.literal = literal;
  return tn_hlo_expect(p, ')', "after the literal");
}

static bool between_parentheses(tn_hlo_parser *p, tn_pending *inst) {
  if (inst->op == TN_OP_PARAMETER) return parameter_number(p, inst);
  if (inst->op == TN_OP_CONSTANT) return constant_value(p, inst);
  return tn_hlo_operands(p, inst);
}

static bool read_rest(tn_hlo_parser *p, tn_pending *inst, bool nested) {
  if (!inst->shape && tn_hlo_at_shape(p) && !tn_hlo_shape(p, &inst->shape)) return false;
  if (!opcode(p, inst)) return false;
  tn_attributes_set_defaults(p->arena, tn_ops[inst->wrapped].attributes, &inst->attr);
  if (!between_parentheses(p, inst) || !tn_hlo_attributes(p, inst, nested)) return false;
  if (!inst->elided) return true;
  tn_literal *literal;
  if (!tn_hlo_elided(p, inst, &literal)) return false;
  inst->attr.constant.literal = literal;
  return true;
}

bool tn_hlo_instruction_body(tn_hlo_parser *p, tn_pending *inst, bool nested, tn_inst **made) {
  int n_insts = p->insts.count;
  inst->first_callee = p->callees.count;
  if (++p->n_insts > p->options.max_instructions)
    return tn_hlo_limit(p, "more than %lld instructions (--max-instructions)",
                        (long long)p->options.max_instructions);
  bool read = read_rest(p, inst, nested);
  if (read && !inst->poisoned) {
    *made = make(p, inst);
    read = *made != NULL;
  }
  if (!read || inst->poisoned) give_callees(p, inst, NULL);
  p->insts.count = n_insts;
  return read;
}

/* What an error may have left half-way. */
static void unwind(tn_hlo_parser *p) {
  p->ints.count = p->shape_list.count = 0;
  p->text.length = 0;
}

bool tn_hlo_instruction(tn_hlo_parser *p) {
  tn_hlo_scope *scope = p->scope;
  tn_location root_location = tn_hlo_here(p);
  bool root = tn_hlo_accept_word(p, "ROOT");
  tn_pending inst = {.name_location = tn_hlo_here(p)};
  if (!tn_hlo_word(p, "an instruction", &inst.name)) return false;
  if (!tn_hlo_expect(p, '=', "after the instruction's name")) return false;
  if (root && scope->has_root) return tn_hlo_error_at(p, root_location, "a second ROOT in one computation");

  tn_inst *made = NULL;
  int64_t depth = p->depth;
  bool read = tn_hlo_instruction_body(p, &inst, false, &made);
  bool defined = tn_hlo_define(p, inst.name, inst.name_location, made);
  scope->failed |= !made;
  if (root) {
    scope->has_root = true;
    scope->root = made;
  }
  if (!read) unwind(p);
  p->depth = depth;
  return read && defined;
}
