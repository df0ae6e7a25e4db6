/* Delta debugging on modules: a change is kept when the same kind of difference comes.
 *
 * In this order, until nothing helps: fewer results; an instruction becomes a parameter
 * that holds its value (what came before it goes), or one of its operands of equal
 * shape; calls and fusions are inlined; equal sizes become smaller everywhere at once;
 * layouts and aliases go; arguments become zeros and ones.
 *
 * Cost: one check for each try; the caller gives the time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/random.h"

#include "base/number.h"
#include "ir/verify.h"

#include <stdio.h>
#include <time.h>

typedef struct {
  program *best;
  verdict *v;
  double deadline;
} shrinking;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static program copy_of(const program *p) {
  program copy = *p;
  copy.module = tn_module_clone(p->module);
  copy.arguments = tn_arena_alloc_array(p->arena, (size_t)p->n_arguments + 1, sizeof *p->arguments);
  memcpy(copy.arguments, p->arguments, (size_t)p->n_arguments * sizeof *p->arguments);
  return copy;
}

/* ---- entry parameters ---- */

/* Keeps the parameters for which keep[i]; the layouts of the rest stay. */
static void select_parameters(program *p, const bool *keep) {
  tn_module *module = p->module;
  tn_comp *entry = module->entry;
  int count = entry->parameters.count, kept = 0;
  int numbers[256];
  const tn_shape **shapes = TN_NEW_ARRAY(module->arena, const tn_shape *, count);
  tn_inst *parameters[256];
  for (int i = 0; i < count; i++) {
    parameters[i] = entry->parameters.at[i];
    numbers[i] = keep[i] ? kept : -1;
    if (!keep[i]) continue;
    if (module->entry_parameters) shapes[kept] = module->entry_parameters->elements[i];
    p->arguments[kept++] = p->arguments[i];
  }
  for (int i = count - 1; i >= 0; i--)
    if (!keep[i]) tn_inst_remove(parameters[i]);
  for (int i = 0; i < count; i++) {
    if (!keep[i]) continue;
    parameters[i]->attr.parameter.number = numbers[i];
    entry->parameters.at[numbers[i]] = parameters[i];
  }
  entry->parameters.count = p->n_arguments = kept;
  if (module->entry_parameters) module->entry_parameters = tn_shape_tuple(module->arena, kept, shapes);
  int aliases = 0;
  for (int i = 0; i < module->aliases.count; i++) {
    tn_alias alias = module->aliases.at[i];
    alias.parameter = numbers[alias.parameter];
    if (alias.parameter >= 0) module->aliases.at[aliases++] = alias;
  }
  module->aliases.count = aliases;
}

static tn_inst *add_parameter(program *p, tn_literal *value) {
  tn_module *module = p->module;
  tn_comp *entry = module->entry;
  char name[24];
  snprintf(name, sizeof name, "q%d", entry->parameters.count);
  const tn_shape *shape = tn_shape_clone(module->arena, value->shape);
  tn_inst *parameter = tn_build_parameter(entry, entry->parameters.count, shape, name);
  tn_inst_move_before(parameter, entry->first);
  p->arguments = memcpy(tn_arena_alloc_array(p->arena, (size_t)p->n_arguments + 2, sizeof value),
                        p->arguments, (size_t)p->n_arguments * sizeof value);
  p->arguments[p->n_arguments++] = value;
  if (!module->entry_parameters) return parameter;
  int count = module->entry_parameters->rank;
  const tn_shape **shapes = TN_NEW_ARRAY(module->arena, const tn_shape *, count + 1);
  for (int i = 0; i < count; i++) shapes[i] = module->entry_parameters->elements[i];
  shapes[count] = shape;
  module->entry_parameters = tn_shape_tuple(module->arena, count + 1, shapes);
  return parameter;
}

/* What nothing uses goes, parameters of the entry too. */
static void clean(program *p) {
  TN_FOR_EACH_COMP(p->module, comp)
  for (tn_inst *inst = comp->last, *prev; inst; inst = prev) {
    prev = inst->prev;
    if (inst->users.count == 0 && inst != comp->root && inst->op != TN_OP_PARAMETER) tn_inst_remove(inst);
  }
  for (tn_comp *comp = p->module->last, *prev; comp; comp = prev) {
    prev = comp->prev;
    if (comp == p->module->entry || comp->callers.count) continue;
    for (tn_inst *inst = comp->last, *before; inst; inst = before) {
      before = inst->prev;
      tn_inst_set_called(inst, 0, NULL);
    }
    tn_comp_remove(comp);
    prev = p->module->last; /* what it called may be free now */
  }
  bool keep[256];
  tn_comp *entry = p->module->entry;
  for (int i = 0; i < entry->parameters.count; i++)
    keep[i] = entry->parameters.at[i]->users.count || entry->parameters.at[i] == entry->root;
  select_parameters(p, keep);
}

/* ---- tries ---- */

static bool still_differs(shrinking *s, program *p, verdict *v) {
  if (!s->v->way.target) { /* before any plan */
    check_text(p, v);
    return v->kind == s->v->kind;
  }
  check_program(p, &s->v->way, v);
  if (v->kind == s->v->kind) return true;
  for (uint64_t seed = 1; s->v->way.schedule && seed < 3; seed++) { /* fewer kernels draw other schedules */
    way other = s->v->way;
    other.schedule = seed;
    check_program(p, &other, v);
    if (v->kind == s->v->kind) return true;
  }
  return false;
}

static void destroy_module(void *module) { tn_module_destroy(module); }

/* Takes `p` for the best, or throws it away. Shapes of arguments may be the old module's:
 * it lives on as long as they do.                                                       */
static bool offer(shrinking *s, program *p) {
  verdict v;
  tn_diagnostics sink = {0};
  clean(p);
  if (tn_verify_module(p->module, &sink) && now() < s->deadline && still_differs(s, p, &v)) {
    tn_arena_on_release(s->best->arena, destroy_module, s->best->module);
    *s->best = *p;
    *s->v = v;
    return true;
  }
  tn_module_destroy(p->module);
  return false;
}

static tn_inst *nth(program *p, int number) {
  TN_FOR_EACH_COMP(p->module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (number-- == 0) return inst;
  return NULL;
}

static int instructions(const program *p) {
  int count = 0;
  TN_FOR_EACH_COMP(p->module, comp) count += comp->n_insts;
  return count;
}

/* The root becomes its operand `k` alone. */
static bool single_result(shrinking *s, int k) {
  program p = copy_of(s->best);
  tn_comp *entry = p.module->entry;
  entry->root = entry->root->operands[k];
  p.module->aliases.count = 0;
  if (p.module->entry_result) p.module->entry_result = p.module->entry_result->elements[k];
  return offer(s, &p);
}

/* The value of inst in the entry: of the module whose root it is. */
static tn_literal *value_of(program *p, tn_inst *inst) {
  tn_diagnostics sink = {0};
  tn_inst *root = p->module->entry->root;
  p->module->entry->root = inst;
  tn_literal *value = tn_evaluate(p->arena, p->module, (const tn_literal *const *)p->arguments,
                                  &(tn_eval_options){.max_iterations = 1000}, &sink);
  p->module->entry->root = root;
  return value;
}

/* ---- the first instruction that differs ---- */

/* The entry up to instruction `last`: what of it nothing uses is the result. */
static bool keep_prefix(shrinking *s, int last) {
  program p = copy_of(s->best);
  tn_module *m = p.module;
  tn_inst **insts = TN_NEW_ARRAY(m->arena, tn_inst *, m->entry->n_insts + 1), **results;
  int n = 0, count = 0;
  TN_FOR_EACH_IN_COMP(m->entry, inst) insts[n++] = inst;
  results = TN_NEW_ARRAY(m->arena, tn_inst *, n + 1);
  for (int i = 0; i <= last && i < n; i++) {
    bool used = !tn_shape_is_array(insts[i]->shape) && i < last;
    for (int u = 0; u < insts[i]->users.count && !used; u++)
      for (int j = i + 1; j <= last && !used; j++) used = insts[i]->users.at[u] == insts[j];
    if (!used && insts[i]->shape->type != TN_TOKEN) results[count++] = insts[i];
  }
  if (!count) return tn_module_destroy(m), false;
  m->entry->root = tn_build_tuple(m->entry, NULL, count, results);
  m->aliases.count = 0;
  if (m->entry_result) m->entry_result = tn_shape_clone(m->arena, m->entry->root->shape);
  return offer(s, &p);
}

/* By halving; then its result alone. */
static void shrink_to_prefix(shrinking *s) {
  int good = -1, bad = s->best->module->entry->n_insts - 1;
  if (!keep_prefix(s, bad)) return;
  for (bad = s->best->module->entry->n_insts - 2; bad - good > 1 && now() < s->deadline;) {
    int middle = good + (bad - good) / 2;
    if (!keep_prefix(s, middle))
      good = middle;
    else { /* parameters that nothing uses went, too */
      bad = s->best->module->entry->n_insts - 2;
      if (good >= bad) good = -1;
    }
  }
}

/* In the entry a parameter with the value, elsewhere a constant of zeros, unless that would need sizes. */
static bool replace_by_input(shrinking *s, int number) {
  program p = copy_of(s->best);
  tn_inst *inst = nth(&p, number), *by = NULL;
  bool entry = inst->parent == p.module->entry;
  bool fit = tn_shape_is_array(inst->shape) && inst->op != TN_OP_PARAMETER && inst->op != TN_OP_CONSTANT &&
             (inst != inst->parent->root || !entry) && (entry || !tn_shape_is_dynamic(inst->shape)) &&
             p.n_arguments < 60;
  tn_literal *value = !fit ? NULL : entry ? value_of(&p, inst) : tn_literal_zero(p.arena, inst->shape);
  if (value) by = entry ? add_parameter(&p, value) : tn_build_constant(inst->parent, inst, value);
  if (!by) return tn_module_destroy(p.module), false;
  tn_inst_replace_uses(inst, by);
  return offer(s, &p);
}

static bool replace_by_operand(shrinking *s, int number, int k) {
  program p = copy_of(s->best);
  tn_inst *inst = nth(&p, number);
  if (k >= inst->n_operands || !tn_shape_equal(inst->shape, inst->operands[k]->shape))
    return tn_module_destroy(p.module), false;
  tn_inst_replace_uses(inst, inst->operands[k]);
  return offer(s, &p);
}

static bool inline_call(shrinking *s, int number) {
  program p = copy_of(s->best);
  tn_inst *call = nth(&p, number);
  if (call->op != TN_OP_CALL && call->op != TN_OP_FUSION) return tn_module_destroy(p.module), false;
  tn_comp *called = call->called[0];
  tn_inst **copies = TN_NEW_ARRAY(p.module->arena, tn_inst *, p.module->next_id), *operands[64];
  TN_FOR_EACH_IN_COMP(called, inst) {
    if (inst->op == TN_OP_PARAMETER) {
      copies[inst->id] = call->operands[inst->attr.parameter.number];
      continue;
    }
    for (int i = 0; i < inst->n_operands; i++) operands[i] = copies[inst->operands[i]->id];
    copies[inst->id] = tn_inst_clone(call->parent, call, inst, inst->shape, inst->n_operands, operands);
  }
  tn_inst_replace_uses(call, copies[called->root->id]);
  return offer(s, &p);
}

/* ---- sizes ---- */

static const tn_shape *resized(tn_arena *arena, const tn_shape *shape, int64_t from, int64_t to) {
  if (tn_shape_is_tuple(shape)) {
    const tn_shape **elements = TN_NEW_ARRAY(arena, const tn_shape *, shape->rank);
    for (int i = 0; i < shape->rank; i++) elements[i] = resized(arena, shape->elements[i], from, to);
    return tn_shape_tuple(arena, shape->rank, elements);
  }
  int64_t dims[16];
  if (!tn_shape_is_array(shape) || shape->rank > 16) return shape;
  for (int i = 0; i < shape->rank; i++) dims[i] = shape->dims[i] == from ? to : shape->dims[i];
  const tn_shape *plain = tn_shape_array(arena, shape->type, shape->rank, dims);
  return shape->layout ? tn_shape_with_layout(arena, plain, shape->layout) : plain;
}

/* The corner of the literal that the smaller shape has. */
static tn_literal *cut(tn_arena *arena, const tn_literal *literal, const tn_shape *shape) {
  if (tn_shape_is_tuple(shape)) {
    tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
    for (int i = 0; i < shape->rank; i++) elements[i] = cut(arena, literal->elements[i], shape->elements[i]);
    return tn_literal_tuple(arena, shape, elements);
  }
  void *data;
  tn_literal *small = tn_literal_uninitialised(arena, shape, &data);
  size_t bytes = tn_type_bytes(shape->type);
  int64_t index[16] = {0};
  for (int64_t i = 0, n = tn_shape_elements(shape); i < n; i++) {
    int64_t at = 0;
    for (int d = 0; d < shape->rank; d++) at = at * literal->shape->dims[d] + index[d];
    memcpy((char *)data + (size_t)i * bytes, (const char *)literal->data + (size_t)at * bytes, bytes);
    for (int d = shape->rank - 1; d >= 0 && ++index[d] == shape->dims[d]; d--) index[d] = 0;
  }
  return small;
}

static tn_dims resized_dims(tn_arena *arena, tn_dims dims, int64_t from, int64_t to) {
  int64_t *at = tn_arena_copy(arena, dims.at, (size_t)dims.count * sizeof *dims.at);
  for (int i = 0; i < dims.count; i++)
    if (at[i] == from) at[i] = to;
  return (tn_dims){at, dims.count};
}

static bool is_declared(tn_op op) {
  return op == TN_OP_PARAMETER || op == TN_OP_CONSTANT || op == TN_OP_BROADCAST || op == TN_OP_RESHAPE ||
         op == TN_OP_IOTA;
}

static bool resize_inst(program *p, tn_inst *inst, int64_t from, int64_t to) {
  tn_arena *arena = p->module->arena;
  tn_diagnostics sink = {0};
  if (is_declared(inst->op)) inst->shape = resized(arena, inst->shape, from, to);
  if (inst->op == TN_OP_CONSTANT)
    inst->attr.constant.literal =
        cut(p->arena, inst->attr.constant.literal, tn_shape_clone(p->arena, inst->shape));
  if (inst->op == TN_OP_SLICE)
    inst->attr.slice.limits = resized_dims(arena, inst->attr.slice.limits, from, to);
  if (inst->op == TN_OP_DYNAMIC_SLICE)
    inst->attr.dynamic_slice.sizes = resized_dims(arena, inst->attr.dynamic_slice.sizes, from, to);
  if (inst->op == TN_OP_GATHER)
    inst->attr.gather.slice_sizes = resized_dims(arena, inst->attr.gather.slice_sizes, from, to);
  inst->shape = tn_infer_shape(inst, &sink);
  return inst->shape != NULL;
}

static int64_t all_elements(const program *p) {
  int64_t total = 0;
  TN_FOR_EACH_COMP(p->module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) total += tn_shape_elements(inst->shape);
  return total;
}

static bool resize(shrinking *s, int64_t from, int64_t to) {
  program p = copy_of(s->best);
  bool fits = true;
  TN_FOR_EACH_COMP(p.module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) fits = fits && resize_inst(&p, inst, from, to);
  if (!fits || all_elements(&p) >= all_elements(s->best)) return tn_module_destroy(p.module), false;
  for (int i = 0; i < p.n_arguments; i++)
    p.arguments[i] =
        cut(p.arena, p.arguments[i], tn_shape_clone(p.arena, p.module->entry->parameters.at[i]->shape));
  tn_module *m = p.module;
  if (m->entry_parameters) m->entry_parameters = resized(m->arena, m->entry_parameters, from, to);
  if (m->entry_result) m->entry_result = resized(m->arena, m->entry_result, from, to);
  return offer(s, &p);
}

static bool shrink_sizes(shrinking *s) {
  int64_t sizes[64];
  int count = 0;
  TN_FOR_EACH_COMP(s->best->module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  for (int d = 0; tn_shape_is_array(inst->shape) && d < inst->shape->rank; d++) {
    bool known = inst->shape->dims[d] < 2 || count == 64;
    for (int i = 0; i < count; i++) known = known || sizes[i] == inst->shape->dims[d];
    if (!known) sizes[count++] = inst->shape->dims[d];
  }
  bool any = false;
  for (int i = 0; i < count; i++)
    if (resize(s, sizes[i], 1) || resize(s, sizes[i], sizes[i] / 2) || resize(s, sizes[i], sizes[i] - 1))
      any = true;
  return any;
}

/* ---- the rest ---- */

static bool drop_annotations(shrinking *s, bool layouts) {
  program p = copy_of(s->best);
  tn_module *m = p.module;
  bool useful = layouts ? m->entry_parameters != NULL : m->aliases.count > 0;
  if (layouts) m->entry_parameters = m->entry_result = NULL;
  m->aliases.count = 0;
  if (useful) return offer(s, &p);
  tn_module_destroy(m);
  return false;
}

static bool plain_argument(shrinking *s, int number, int value) {
  program p = copy_of(s->best);
  tn_literal *old = p.arguments[number];
  tn_literal *literal = tn_shape_is_array(old->shape) ? tn_literal_zero(p.arena, old->shape) : NULL;
  if (!literal) return tn_module_destroy(p.module), false;
  tn_type type = old->shape->type;
  for (int64_t i = 0, n = tn_shape_elements(old->shape); i < n; i++) {
    char *element = (char *)literal->data + (size_t)i * tn_type_bytes(type);
    tn_type part = tn_type_part(type);
    if (tn_type_is_float(part))
      tn_store_float(part, element, value);
    else
      tn_store_integer(type, element, value);
  }
  tn_literal *zeros = tn_literal_zero(p.arena, old->shape); /* the plainest */
  if (tn_literal_equal(old, literal) || tn_literal_equal(old, zeros))
    return tn_module_destroy(p.module), false;
  p.arguments[number] = literal;
  return offer(s, &p);
}

static bool simpler_way(shrinking *s) {
  verdict v, old = *s->v;
  bool any = false;
  for (int i = 0; i < 2; i++) {
    way way = s->v->way;
    if (i == 0)
      way.schedule = 0;
    else
      way.level = 0;
    if (way.schedule == old.way.schedule && way.level == old.way.level) continue;
    check_program(s->best, &way, &v);
    if (v.kind == old.kind) *s->v = v, any = true;
  }
  return any;
}

static bool pass_over(shrinking *s) {
  bool any = false;
  tn_inst *root = s->best->module->entry->root;
  for (int k = 0; root->op == TN_OP_TUPLE && k < root->n_operands && !any; k++) any = single_result(s, k);
  for (int i = instructions(s->best) - 1; i >= 0; i--) {
    if (i >= instructions(s->best)) continue;
    if (replace_by_input(s, i) || inline_call(s, i)) any = true;
    for (int k = 0; k < 3 && i < instructions(s->best); k++) any = replace_by_operand(s, i, k) || any;
  }
  any = drop_annotations(s, true) || any;
  any = drop_annotations(s, false) || any;
  any = shrink_sizes(s) || any;
  for (int i = 0; i < s->best->n_arguments; i++)
    if (plain_argument(s, i, 0) || plain_argument(s, i, 1)) any = true;
  return any && now() < s->deadline;
}

void program_shrink(program *p, verdict *v, double seconds) {
  shrinking s = {p, v, now() + seconds};
  if (v->kind == CRASHED && s.deadline) s.deadline = now() + 3 * seconds;
  if (v->kind == DIFFERS_PLAN || v->kind == DIFFERS_PASSES) v->way.native = false;
  if (v->way.target) simpler_way(&s);
  shrink_to_prefix(&s);
  while (pass_over(&s)) {}
}
