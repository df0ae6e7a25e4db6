/* The attributes of an instruction: which may stand there, each once, none missing.
 *
 * ir/attrs.def lists them by kind. Sugar for async operations (foo-start) takes those
 * of foo too; what foo-update and foo-done repeat of them is read and forgotten.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

/* Where the bits of tn_pending.seen lie. */
enum { OWN_BITS = 0, WRAPPED_BITS = 20, BRANCH_BITS = 40, ANNOTATION_BITS = 44 };

typedef struct {
  const tn_attribute_row *own, *wrapped;
  int n_own, n_wrapped;
} allowed;

static allowed allowed_of(const tn_pending *inst) {
  allowed a = {0};
  a.own = tn_attribute_rows(tn_ops[inst->op].attributes, &a.n_own);
  if (inst->is_async_sugar) a.wrapped = tn_attribute_rows(tn_ops[inst->wrapped].attributes, &a.n_wrapped);
  return a;
}

/* ---- errors ---- */

static const char *opcode(const tn_pending *inst) { return tn_ops[inst->wrapped].name; }

static bool unknown(tn_hlo_parser *p, const tn_pending *inst, const allowed *a, tn_str name,
                    tn_location here) {
  const char *names[64];
  int count = 0;
  for (int i = 0; i < a->n_own; i++) names[count++] = a->own[i].text;
  for (int i = 0; i < a->n_wrapped; i++) names[count++] = a->wrapped[i].text;
  for (int i = 0; i < tn_hlo_n_annotation_names; i++) names[count++] = tn_hlo_annotation_names[i];
  return tn_hlo_error_at(p, here, "%s has no attribute '%.*s'%s", opcode(inst), TN_CLIP(name),
                         tn_hlo_suggestion(p, name, names, count));
}

/* Notes that an attribute was read; false if it was before. */
static bool once(tn_hlo_parser *p, tn_pending *inst, int bit, tn_str name, tn_location here) {
  if (inst->seen >> bit & 1)
    return tn_hlo_error_at(p, here, "%s: attribute '%.*s' is given twice", opcode(inst), TN_CLIP(name));
  inst->seen |= UINT64_C(1) << bit;
  return true;
}

/* ---- computations ---- */

/* A name, or instructions between braces. */
static bool callee(tn_hlo_parser *p, const tn_pending *inst, int slot) {
  tn_callee callee = {.owner = inst, .slot = slot, .location = tn_hlo_here(p)};
  if (tn_hlo_kind(p) == '{') {
    if (!tn_hlo_descend(p, "computations")) return false;
    bool read = tn_hlo_body(p, (tn_str){"computation", 11}, callee.location, true, &callee.comp);
    p->depth--;
    if (!read) return false;
  } else if (!tn_hlo_word(p, "the name of a computation", &callee.name)) {
    return false;
  }
  TN_PUSH(p->scratch, &p->callees, callee);
  return true;
}

/* {a, b, …} */
static bool callees(tn_hlo_parser *p, const tn_pending *inst) {
  int slot = 0;
  if (!tn_hlo_expect(p, '{', "to begin a list of computations")) return false;
  while (tn_hlo_kind(p) != '}') {
    if (!callee(p, inst, slot++)) return false;
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, '}', "to end a list of computations");
}

/* conditional's other spelling: true_computation=a, false_computation=b */
static bool branch(tn_hlo_parser *p, tn_pending *inst, tn_str name, tn_location here, bool *known) {
  int slot = tn_str_is(name, "true_computation") ? 0 : 1;
  *known = inst->wrapped == TN_OP_CONDITIONAL && (slot == 0 || tn_str_is(name, "false_computation"));
  if (!*known) return true;
  return once(p, inst, BRANCH_BITS + slot, name, here) && callee(p, inst, slot);
}

/* ---- one attribute ---- */

/* custom-call says which of its attributes are there at all. */
static void mark_present(tn_custom_call_attributes *call, tn_form form) {
  if (form == TN_FORM_WINDOW) call->has_window = true;
  if (form == TN_FORM_CONV_DIMS) call->has_dims = true;
  if (form == TN_FORM_SHAPES) call->has_operand_layouts = true;
}

static bool row_value(tn_hlo_parser *p, tn_pending *inst, const tn_attribute_row *row) {
  if (row->form == TN_FORM_COMP) return callee(p, inst, (int)row->offset);
  if (row->form == TN_FORM_COMPS || row->form == TN_FORM_BRANCHES) return callees(p, inst);
  if (row->kind == TN_ATTR_ASYNC) return tn_hlo_string(p, &inst->thread);
  if (row->kind == TN_ATTR_CUSTOM_CALL) mark_present((void *)inst->attr.custom_call, row->form);
  return tn_hlo_value(p, row->form, tn_attribute_place(row, &inst->attr));
}

/* foo-update and foo-done may repeat what foo-start said. */
static bool repeats_start(const tn_pending *inst) {
  return inst->is_async_sugar && inst->op != TN_OP_ASYNC_START;
}

static void forget_callees(tn_hlo_parser *p, const tn_pending *inst, int first) {
  for (int i = first; i < p->callees.count; i++)
    if (p->callees.at[i].owner == inst) p->callees.at[i].owner = NULL;
}

/* The attribute `name` of these rows, if it is one of them. */
static bool row_named(tn_hlo_parser *p, tn_pending *inst, const tn_attribute_row *rows, int count,
                      int first_bit, tn_str name, tn_location here, bool *known) {
  for (int i = 0; i < count; i++) {
    bool made_by_sugar =
        inst->is_async_sugar && rows[i].kind == TN_ATTR_ASYNC && rows[i].form == TN_FORM_COMP;
    if (made_by_sugar || !tn_str_is(name, rows[i].text)) continue;
    *known = true;
    if (!once(p, inst, first_bit + i, name, here)) return false;
    int before = p->callees.count;
    bool read = row_value(p, inst, &rows[i]);
    if (repeats_start(inst)) forget_callees(p, inst, before);
    return read;
  }
  return true;
}

static int annotation_bit(tn_str name) {
  int i = 0;
  while (i < tn_hlo_n_annotation_names && !tn_str_is(name, tn_hlo_annotation_names[i])) i++;
  return ANNOTATION_BITS + i;
}

static bool attribute(tn_hlo_parser *p, tn_pending *inst, const allowed *a) {
  tn_location here = tn_hlo_here(p);
  tn_str name;
  bool known = false;
  if (!tn_hlo_word(p, "the name of an attribute", &name)) return false;
  if (tn_hlo_kind(p) != '=')
    return tn_hlo_expected(p, tn_arena_printf(p->scratch, "'=' after the attribute '%.*s'", TN_CLIP(name)));
  tn_lexer_next(&p->lex);

  /* fusion-start has fusion's `calls`, not async-start's */
  if (!row_named(p, inst, a->wrapped, a->n_wrapped, WRAPPED_BITS, name, here, &known)) return false;
  if (known) return true;
  if (!row_named(p, inst, a->own, a->n_own, OWN_BITS, name, here, &known)) return false;
  if (known) return true;
  if (!branch(p, inst, name, here, &known)) return false;
  if (known) return true;
  int bit = annotation_bit(name);
  if (bit < ANNOTATION_BITS + tn_hlo_n_annotation_names && !once(p, inst, bit, name, here)) return false;
  bool read = tn_hlo_annotation(p, inst, name, &known);
  return known ? read : unknown(p, inst, a, name, here);
}

/* ---- all of them ---- */

static bool none_missing(tn_hlo_parser *p, const tn_pending *inst, const tn_attribute_row *rows, int count,
                         int first_bit) {
  uint64_t both_branches = UINT64_C(3) << BRANCH_BITS;
  for (int i = 0; i < count; i++) {
    bool seen = inst->seen >> (first_bit + i) & 1;
    if (rows[i].form == TN_FORM_BRANCHES) {
      if (seen && inst->seen & both_branches)
        return tn_hlo_error_at(p, inst->location,
                               "conditional: both branch_computations and true_computation");
      seen |= (inst->seen & both_branches) == both_branches;
    }
    if (rows[i].required && !seen)
      return tn_hlo_error_at(p, inst->location, "%s: attribute '%s' is missing", opcode(inst), rows[i].text);
  }
  return true;
}

/* to_apply and called_computations name the same slots of a custom-call. */
static bool one_way_to_call(tn_hlo_parser *p, const tn_pending *inst, const allowed *a) {
  bool comp = false, comps = false;
  for (int i = 0; i < a->n_own; i++)
    if (inst->seen >> (OWN_BITS + i) & 1) {
      comp |= a->own[i].form == TN_FORM_COMP;
      comps |= a->own[i].form == TN_FORM_COMPS;
    }
  return !comp || !comps ||
         tn_hlo_error_at(p, inst->location, "%s: both to_apply and called_computations", opcode(inst));
}

bool tn_hlo_attributes(tn_hlo_parser *p, tn_pending *inst, bool nested) {
  allowed a = allowed_of(inst);
  while (!nested && tn_hlo_accept(p, ','))
    if (!attribute(p, inst, &a)) return false;
  if (repeats_start(inst)) return true;
  return none_missing(p, inst, a.own, a.n_own, OWN_BITS) &&
         none_missing(p, inst, a.wrapped, a.n_wrapped, WRAPPED_BITS) && one_way_to_call(p, inst, &a);
}
