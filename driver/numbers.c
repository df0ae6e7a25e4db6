/* Values numbered by structure: hashes of 128 bits along the operands.
 *
 * What a fusion or a call computes is numbered in the place of the call, its parameters being
 * the operands: so a module before and after fusion has the same numbers, which proves the
 * pass right without evaluating anything. rng's numbers come from its name, so that is part of
 * its number; so it is for what has side effects.
 *
 * Cost: one walk, a hash an instruction; bodies of fusions once a caller.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/numbers.h"

#include "base/text.h"
#include "ir/print.h"

tn_numbers tn_numbers_create(tn_arena *arena, const tn_module *module) {
  return (tn_numbers){.arena = arena,
                      .module = module,
                      .of = TN_NEW_ARRAY(arena, const tn_number *, module->next_id),
                      .functions = TN_NEW_ARRAY(arena, tn_hash, module->next_id),
                      .known = TN_NEW_ARRAY(arena, bool, module->next_id)};
}

/* ---- hashing ---- */

static void put_hash(tn_text *text, tn_hash hash) { tn_text_put_n(text, &hash, sizeof hash); }
static void put_integer(tn_text *text, int64_t value) { tn_text_put_n(text, &value, sizeof value); }

static void put_shape(tn_text *text, const tn_shape *shape, bool layouts) {
  if (layouts) {
    tn_shape_print(text, shape, true);
    return;
  }
  put_integer(text, (int64_t)shape->type << 32 | shape->rank);
  if (tn_shape_is_tuple(shape)) {
    for (int i = 0; i < shape->rank; i++) put_shape(text, shape->elements[i], false);
  } else if (tn_shape_is_array(shape)) {
    tn_text_put_n(text, shape->dims, (size_t)shape->rank * sizeof *shape->dims);
    for (int i = 0; shape->dynamic && i < shape->rank; i++) put_integer(text, shape->dynamic[i]);
  }
}

/* What `number` is made of, seen with one operand more. */
static void depend(tn_number *number, const tn_number *operand) {
  number->constant = number->constant && operand->constant;
  number->closed = number->closed && operand->closed;
}

static tn_number *finish(tn_numbers *n, tn_text *text, bool constant, bool closed) {
  tn_number *number = TN_NEW(n->arena, tn_number);
  *number =
      (tn_number){.hash = tn_hash_bytes(text->bytes, text->length), .constant = constant, .closed = closed};
  tn_text_free(text);
  return number;
}

/* ---- kinds of instructions ---- */

static const tn_number *number_constant(tn_numbers *n, const tn_inst *inst) {
  const tn_literal *literal = inst->attr.constant.literal;
  bool small = tn_shape_is_array(inst->shape) && tn_shape_bytes(inst->shape) <= TN_SMALL_CONSTANT;
  tn_text text = {0};
  tn_text_put(&text, small ? "constant" : "data");
  put_shape(&text, inst->shape, false);
  if (small)
    tn_text_put_n(&text, literal->data, (size_t)tn_shape_bytes(inst->shape));
  else
    tn_text_put_n(&text, (const char *)(literal->data ? &literal->data : (const void *const *)&literal),
                  sizeof literal->data);
  return finish(n, &text, small, true);
}

static const tn_number *number_parameter(tn_numbers *n, const tn_inst *inst) {
  tn_text text = {0};
  tn_text_put(&text, "parameter");
  put_integer(&text, inst->attr.parameter.number);
  put_shape(&text, inst->shape, false);
  return finish(n, &text, false, false);
}

static const tn_number *number_tuple(tn_numbers *n, const tn_inst *inst) {
  const tn_number **elements = TN_NEW_ARRAY(n->arena, const tn_number *, inst->n_operands);
  tn_text text = {0};
  tn_text_put(&text, "tuple");
  for (int i = 0; i < inst->n_operands; i++) {
    elements[i] = n->of[inst->operands[i]->id];
    put_hash(&text, elements[i]->hash);
  }
  tn_number *number = finish(n, &text, true, true);
  for (int i = 0; i < inst->n_operands; i++) depend(number, elements[i]);
  number->elements = elements;
  return number;
}

/* The called computation with the operands' numbers for its parameters. */
static const tn_number *number_call(tn_numbers *n, const tn_inst *inst) {
  const tn_comp *comp = inst->called[0];
  for (const tn_inst *i = comp->first; i; i = i->next) {
    if (i->op == TN_OP_PARAMETER)
      n->of[i->id] = n->of[inst->operands[i->attr.parameter.number]->id];
    else
      tn_number_inst(n, i);
  }
  return n->of[comp->root->id];
}

/* But the computations that it calls: their names say nothing. */
static void put_attributes(tn_text *text, const tn_inst *inst) {
  tn_inst bare = *inst;
  bare.n_called = 0;
  tn_print_attributes(text, &bare);
}

/* Its numbers, or its effects, are its own. */
static bool has_identity(const tn_inst *inst) {
  return inst->op == TN_OP_RNG || tn_op_is(inst->op, TN_OP_SIDE_EFFECT) ||
         (inst->op == TN_OP_CUSTOM_CALL && inst->attr.custom_call->side_effect);
}

static const tn_number *number_other(tn_numbers *n, const tn_inst *inst) {
  bool layouts = inst->op == TN_OP_BITCAST || inst->op == TN_OP_CUSTOM_CALL;
  tn_text text = {0};
  put_integer(&text, inst->op);
  put_shape(&text, inst->shape, layouts);
  if (has_identity(inst)) put_integer(&text, tn_inst_stream(inst));
  put_attributes(&text, inst);
  for (int i = 0; i < inst->n_operands; i++) {
    const tn_number *operand = n->of[inst->operands[i]->id];
    put_hash(&text, operand->hash);
    if (layouts) put_shape(&text, inst->operands[i]->shape, true);
  }
  for (int i = 0; i < inst->n_called; i++) {
    if (!n->known[inst->called[i]->id]) tn_number_comp(n, inst->called[i]);
    put_hash(&text, n->functions[inst->called[i]->id]);
  }
  tn_number *number = finish(n, &text, !has_identity(inst), !has_identity(inst));
  for (int i = 0; i < inst->n_operands; i++) depend(number, n->of[inst->operands[i]->id]);
  return number;
}

static const tn_number *number_element(tn_numbers *n, const tn_inst *inst) {
  const tn_number *tuple = n->of[inst->operands[0]->id];
  return tuple->elements ? tuple->elements[inst->attr.index.index] : number_other(n, inst);
}

static const tn_number *number_of(tn_numbers *n, const tn_inst *inst) {
  if (inst->op == TN_OP_PARAMETER) return number_parameter(n, inst);
  if (inst->op == TN_OP_CONSTANT) return number_constant(n, inst);
  if (inst->op == TN_OP_TUPLE) return number_tuple(n, inst);
  if (inst->op == TN_OP_GET_TUPLE_ELEMENT) return number_element(n, inst);
  if (inst->op == TN_OP_CALL || inst->op == TN_OP_FUSION) return number_call(n, inst);
  if (inst->op == TN_OP_COPY || inst->op == TN_OP_OPT_BARRIER) return n->of[inst->operands[0]->id];
  return number_other(n, inst);
}

void tn_number_inst(tn_numbers *n, const tn_inst *inst) { n->of[inst->id] = number_of(n, inst); }

void tn_number_comp(tn_numbers *n, const tn_comp *comp) {
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) tn_number_inst(n, inst);
  n->functions[comp->id] = n->of[comp->root->id]->hash;
  n->known[comp->id] = true;
}

tn_hash tn_number_module(tn_arena *arena, const tn_module *module) {
  tn_numbers numbers = tn_numbers_create(arena, module);
  tn_number_comp(&numbers, module->entry);
  return numbers.functions[module->entry->id];
}
