/* What can only be done when the whole text is read.
 *
 *  1. Names of computations become computations.
 *  2. Computations are put behind those they call (a depth-first walk that keeps the
 *     order of the text where it can), which finds recursion.
 *  3. Shapes that the text leaves out are inferred, callees first.
 *  4. What the text says of shapes elsewhere (of operands, of results) is compared.
 *
 * Cost: O(instructions + n log n of the n calls).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

#include "ir/verify.h"

#include <stdlib.h>

/* ---- 1: names ---- */

static bool no_such_computation(tn_hlo_parser *p, const tn_callee *callee) {
  const char *names[256];
  int count = 0;
  TN_FOR_EACH_COMP(p->module, comp)
  if (count < 256) names[count++] = comp->name;
  return tn_hlo_error_at(p, callee->location, "there is no computation '%.*s'%s", TN_CLIP(callee->name),
                         tn_hlo_suggestion(p, callee->name, names, count));
}

static bool find_callees(tn_hlo_parser *p) {
  for (int i = 0; i < p->callees.count; i++) {
    tn_callee *callee = &p->callees.at[i];
    if (callee->comp || !callee->inst) continue;
    const tn_hlo_name *entry = tn_hlo_names_find(&p->comps, callee->name);
    if (entry)
      callee->comp = entry->value;
    else
      no_such_computation(p, callee);
  }
  return !tn_hlo_errors(p);
}

static int by_caller(const void *a, const void *b) {
  const tn_callee *x = a, *y = b;
  int ids = (x->inst->id > y->inst->id) - (x->inst->id < y->inst->id);
  return ids ? ids : x->slot - y->slot;
}

/* The callees of instructions that were made, in order of caller and slot. */
static void sort_callees(tn_hlo_parser *p) {
  int kept = 0;
  for (int i = 0; i < p->callees.count; i++)
    if (p->callees.at[i].inst) p->callees.at[kept++] = p->callees.at[i];
  p->callees.count = kept;
  if (kept) qsort(p->callees.at, (size_t)kept, sizeof *p->callees.at, by_caller);
}

/* ---- 2: order ---- */

/* A computation on the walk's stack, and the calls out of it. */
typedef struct {
  tn_comp *comp;
  int next, end; /* in edges */
} frame;

/* Calls by calling computation: edges[first[id] … first[id + 1]), ids as in the list. */
typedef struct {
  tn_comp **target;
  int *first;
  unsigned char *state; /* 0 not seen, 1 on the stack, 2 placed */
} calls;

/* Computations are numbered by `order` for the walk, which the list renews afterwards. */
static calls collect_calls(tn_hlo_parser *p) {
  int n = p->module->n_comps, n_calls = p->callees.count;
  calls c = {TN_NEW_ARRAY(p->scratch, tn_comp *, n_calls), TN_NEW_ARRAY(p->scratch, int, n + 2),
             TN_NEW_ARRAY(p->scratch, unsigned char, n)};
  int64_t number = 0;
  TN_FOR_EACH_COMP(p->module, comp) comp->order = number++;
  for (int i = 0; i < n_calls; i++) c.first[p->callees.at[i].inst->parent->order + 2]++;
  for (int i = 0; i < n; i++) c.first[i + 2] += c.first[i + 1];
  for (int i = 0; i < n_calls; i++)
    c.target[c.first[p->callees.at[i].inst->parent->order + 1]++] = p->callees.at[i].comp;
  return c;
}

static bool recursion(tn_hlo_parser *p, const tn_comp *comp) {
  return tn_hlo_error_at(p, comp->location, "computation '%s' calls itself", comp->name);
}

/* Places `start` behind all it calls, in placed[count …]. Returns the new count, or -1. */
static int visit(tn_hlo_parser *p, const calls *c, tn_comp *start, tn_comp **placed, int count) {
  TN_VEC(frame) stack = {0};
  tn_comp *comp = start;
  while (comp || stack.count) {
    if (comp) {
      c->state[comp->order] = 1;
      TN_PUSH(p->scratch, &stack, (frame){comp, c->first[comp->order], c->first[comp->order + 1]});
    }
    frame *top = &stack.at[stack.count - 1];
    comp = NULL;
    while (!comp && top->next < top->end) {
      tn_comp *callee = c->target[top->next++];
      if (c->state[callee->order] == 1) return recursion(p, callee), -1;
      if (c->state[callee->order] == 0) comp = callee;
    }
    if (comp) continue;
    c->state[top->comp->order] = 2;
    placed[count++] = top->comp;
    stack.count--;
  }
  return count;
}

static void relink(tn_module *module, tn_comp **placed, int count) {
  module->first = module->last = NULL;
  for (int i = 0; i < count; i++) {
    placed[i]->prev = module->last;
    placed[i]->next = NULL;
    *(module->last ? &module->last->next : &module->first) = placed[i];
    module->last = placed[i];
    placed[i]->order = i;
  }
  module->next_order = count;
}

static bool order_computations(tn_hlo_parser *p) {
  calls c = collect_calls(p);
  tn_comp **placed = TN_NEW_ARRAY(p->scratch, tn_comp *, p->module->n_comps);
  int count = 0;
  TN_FOR_EACH_COMP(p->module, comp)
  if (count >= 0 && c.state[comp->order] == 0) count = visit(p, &c, comp, placed, count);
  if (count < 0) return false;
  relink(p->module, placed, count);
  return true;
}

static void give_called(tn_hlo_parser *p) {
  TN_VEC(tn_comp *) called = {0};
  for (int i = 0; i < p->callees.count;) {
    tn_inst *inst = p->callees.at[i].inst;
    for (called.count = 0; i < p->callees.count && p->callees.at[i].inst == inst; i++)
      TN_PUSH(p->scratch, &called, p->callees.at[i].comp);
    tn_inst_set_called(inst, called.count, called.at);
  }
}

/* ---- 3 and 4: shapes ---- */

static void infer_shapes(tn_hlo_parser *p) {
  TN_FOR_EACH_COMP(p->module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->shape) continue;
    inst->shape = tn_infer_shape(inst, p->sink);
    if (!inst->shape) return;
  }
}

static void check_claims(tn_hlo_parser *p) {
  for (int i = 0; i < p->claims.count && !tn_hlo_errors(p); i++) {
    const tn_shape_claim *claim = &p->claims.at[i];
    const tn_inst *inst = claim->inst ? claim->inst : claim->comp->root;
    if (!inst || tn_shape_equal(inst->shape, claim->shape)) continue;
    const char *is = tn_shape_text(p->scratch, inst->shape), *said = tn_shape_text(p->scratch, claim->shape);
    if (claim->inst)
      tn_hlo_error_at(p, claim->location, "operand '%s' is %s, not %s", inst->name, is, said);
    else
      tn_hlo_error_at(p, claim->location, "computation '%s' gives %s, its head says %s", claim->comp->name,
                      is, said);
  }
}

void tn_hlo_resolve(tn_hlo_parser *p) {
  if (!find_callees(p)) return;
  sort_callees(p);
  if (!order_computations(p)) return;
  give_called(p);
  if (p->shapes_missing) infer_shapes(p);
  if (!tn_hlo_errors(p)) check_claims(p);
}
