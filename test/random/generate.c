/* The program of a seed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"
#include "base/number.h"

#include "ir/print.h"
#include "ir/verify.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

/* ---- judging ---- */

static double bound_at(const tn_literal *value, int64_t i) { return value->bound ? value->bound[i] : 0; }

/* A complex number's size is its modulus. */
static double size_at(const tn_literal *value, int64_t i) {
  tn_type type = value->shape->type, part = tn_type_part(type);
  const char *at = (const char *)value->data + (size_t)i * tn_type_bytes(type);
  if (type == part) return fabs(tn_load_float(type, at));
  return hypot(tn_load_float(part, at), tn_load_float(part, at + tn_type_bytes(part)));
}

/* Exact everywhere, or, of floats, known well enough that a comparison says something. */
static bool array_is_sound(generator *g, const tn_literal *value) {
  int64_t count = tn_shape_elements(value->shape), loose = 0, inexact = 0;
  if (count > g->max_elements * 4) return false;
  tn_type part = tn_type_part(value->shape->type);
  bool is_float = tn_type_is_float(part);
  double tolerance = is_float ? fmax(0.1, 3 * ldexp(1, -tn_float_precision(part))) : 0;
  for (int64_t i = 0; i < count; i++) {
    double bound = bound_at(value, i);
    if (bound == 0) continue;
    if (!is_float || isinf(bound) || isnan(bound)) return false;
    inexact++;
    loose += bound > tolerance * size_at(value, i);
  }
  if (g->integers && inexact) return chance(g->dice, 10);
  return loose * 4 <= count;
}

static bool is_sound(generator *g, const tn_literal *value) {
  if (!tn_shape_is_tuple(value->shape)) return array_is_sound(g, value);
  for (int i = 0; i < value->shape->rank; i++)
    if (!is_sound(g, value->elements[i])) return false;
  return true;
}

/* ---- nodes ---- */

static node add_node(generator *g, tn_inst *inst, const tn_literal *value) {
  node n = {inst, value};
  TN_PUSH(g->arena, &g->nodes, n);
  return n;
}

const tn_literal *value_of(const generator *g, const tn_inst *inst) {
  for (int i = g->nodes.count - 1; i >= 0; i--)
    if (g->nodes.at[i].inst == inst) return g->nodes.at[i].value;
  assert(!"an instruction without a value");
  return NULL;
}

tn_inst *begin(generator *g, tn_op op, const tn_shape *shape, int count, const node *operands) {
  tn_inst *instructions[16];
  assert(count <= 16);
  for (int i = 0; i < count; i++) instructions[i] = operands[i].inst;
  if (!shape) shape = count ? operands[0].inst->shape : NULL;
  return tn_inst_create(g->comp, NULL, op, shape, count, instructions);
}

static const tn_literal *evaluate(generator *g, tn_inst *inst) {
  const tn_literal *operands[16];
  tn_diagnostics sink = {0};
  for (int i = 0; i < inst->n_operands; i++) operands[i] = value_of(g, inst->operands[i]);
  return tn_evaluate_instruction(g->arena, inst, operands, &sink);
}

tn_inst *keep(generator *g, tn_inst *inst) {
  tn_diagnostics sink = {0};
  inst->shape = tn_infer_shape(inst, &sink);
  const tn_literal *value = NULL;
  if (inst->shape &&
      (tn_shape_is_tuple(inst->shape) || tn_shape_elements(inst->shape) <= g->max_elements * 4))
    value = evaluate(g, inst);
  if (!value || !is_sound(g, value)) {
    tn_inst_set_called(inst, 0, NULL);
    tn_inst_remove(inst);
    return NULL;
  }
  add_node(g, inst, value);
  return inst;
}

/* Of static shape: the text of a constant has no place for sizes (bounded_parameter makes what has some). */
node input_of(generator *g, tn_literal *value) {
  const tn_shape *shape = value->shape;
  if (tn_shape_is_dynamic(shape)) value->shape = make_shape(g, shape->type, shape->rank, shape->dims);
  if (!value->bound) value->bound = TN_NEW_ARRAY(g->arena, double, tn_shape_elements(value->shape));
  bool parameter = g->arguments && g->arguments->count < 12 && chance(g->dice, 75);
  if (!parameter) return add_node(g, tn_build_constant(g->comp, NULL, value), value);
  char name[16];
  snprintf(name, sizeof name, "p%d", g->arguments->count);
  tn_inst *inst = tn_build_parameter(g->comp, g->arguments->count, value->shape, name);
  TN_PUSH(g->arena, g->arguments, value);
  return add_node(g, inst, value);
}

node new_input(generator *g, const tn_shape *shape) { return input_of(g, random_literal(g, shape)); }

static bool fits(const generator *g, const node *n, unsigned classes, int min_rank) {
  const tn_shape *shape = n->inst->shape;
  if (tn_shape_is_dynamic(shape) && !(g->theme->families & DYNAMIC)) return false;
  return tn_shape_is_array(shape) && (class_of(shape->type) & classes) && shape->rank >= min_rank;
}

node pick(generator *g, unsigned classes, int min_rank) {
  if (chance(g->dice, 85))
    for (int tries = 0; tries < 12 && g->nodes.count; tries++) {
      int back = roll(g->dice, g->nodes.count);
      if (chance(g->dice, 50)) back = roll(g->dice, back + 1); /* mostly what is new */
      node *n = &g->nodes.at[g->nodes.count - 1 - back];
      if (fits(g, n, classes, min_rank)) return *n;
    }
  for (;;) {
    const tn_shape *shape = random_shape(g, random_type(g, classes));
    if (shape->rank >= min_rank || g->scalars_only) return new_input(g, shape);
  }
}

/* A scalar spread over the shape: what most second operands of real programs are. */
static node spread(generator *g, const tn_shape *shape) {
  node scalar = pick_scalar(g, shape->type);
  if (shape->rank == 0) return scalar;
  tn_inst *inst = tn_build_broadcast(g->comp, NULL, scalar.inst, shape, (tn_dims){0});
  if (!keep(g, inst)) return new_input(g, shape);
  return g->nodes.at[g->nodes.count - 1];
}

node pick_like(generator *g, const tn_shape *shape) {
  const tn_shape *plain = make_shape(g, shape->type, shape->rank, shape->dims);
  int found = -1, seen = 0;
  for (int i = 0; i < g->nodes.count; i++)
    if (tn_shape_equal(g->nodes.at[i].inst->shape, shape) && roll(g->dice, ++seen) == 0) found = i;
  if (found >= 0 && chance(g->dice, 60)) return g->nodes.at[found];
  if (chance(g->dice, 30) && shape->rank) return spread(g, plain);
  for (int i = g->nodes.count - 1; i >= 0 && chance(g->dice, 80); i--) {
    node n = g->nodes.at[i];
    if (!tn_shape_is_array(n.inst->shape) || !tn_shape_same_dims(n.inst->shape, shape)) continue;
    if (n.inst->shape->type == shape->type) continue;
    tn_inst *inst = tn_build_convert(g->comp, NULL, n.inst, shape->type);
    if (keep(g, inst)) return g->nodes.at[g->nodes.count - 1];
  }
  return new_input(g, plain);
}

node pick_scalar(generator *g, tn_type type) {
  for (int i = g->nodes.count - 1; i >= 0; i--) {
    const tn_shape *shape = g->nodes.at[i].inst->shape;
    if (tn_shape_is_scalar(shape) && shape->type == type && chance(g->dice, 30)) return g->nodes.at[i];
  }
  return new_input(g, make_shape(g, type, 0, NULL));
}

/* ---- growing ---- */

tn_inst *apply_rule(generator *g, const weighted_rule *rules, int count) {
  int total = 0, at = 0;
  for (int i = 0; i < count; i++) total += rules[i].weight;
  int r = roll(g->dice, total);
  while (r >= rules[at].weight) r -= rules[at++].weight;
  return rules[at].make(g);
}

void grow(generator *g, int count) {
  static const weighted_rule rules[] = {{make_elementwise, 36},  {make_movement, 24},   {make_indexed, 5},
                                        {make_dot, 7},           {make_convolution, 5}, {make_reduce, 9},
                                        {make_reduce_window, 4}, {make_batch_norm, 2},  {make_tuple, 2},
                                        {make_map, 2},           {make_call, 4},        {make_while, 3},
                                        {make_conditional, 3},   {make_pattern, 9},     {make_free, 1}};
  static rule *const families[FAMILIES] = {make_indexed, make_ordered, make_linear,
                                           make_bits,    make_free,    make_dynamic};
  for (int tries = 0, made = 0; tries < 4 * count && made < count; tries++) {
    int family = roll(g->dice, FAMILIES);
    rule *make = NULL;
    if (g->scalars_only)
      make = make_elementwise;
    else if (g->theme->families >> family & 1 && chance(g->dice, 50))
      make = families[family];
    if (make ? make(g) : apply_rule(g, rules, sizeof rules / sizeof *rules)) made++;
  }
}

generator called_generator(generator *g, tn_comp *comp) {
  generator inner = {.dice = g->dice,
                     .arena = g->arena,
                     .module = g->module,
                     .comp = comp,
                     .integers = g->integers,
                     .depth = g->depth + 1,
                     .theme = g->theme,
                     .large = g->large,
                     .max_elements = g->max_elements};
  return inner;
}

node add_parameter(generator *g, const tn_literal *value) {
  char name[16];
  snprintf(name, sizeof name, "a%d", g->comp->parameters.count);
  return add_node(g, tn_build_parameter(g->comp, g->comp->parameters.count, value->shape, name), value);
}

generator draw_called(generator *g, tn_comp *comp, int most, int longest, node *operands, int *count) {
  generator inner = called_generator(g, comp);
  *count = 1 + roll(g->dice, most);
  for (int i = 0; i < *count; i++) {
    operands[i] = pick(g, ANY_CLASS, 0);
    add_parameter(&inner, operands[i].value);
  }
  grow(&inner, 1 + roll(g->dice, longest));
  return inner;
}

/* ---- the entry ---- */

static tn_layout *random_layout(generator *g, int rank) {
  tn_layout *layout = TN_NEW(g->module->arena, tn_layout);
  int64_t order[8];
  for (int i = 0; i < rank; i++) order[i] = rank - 1 - i;
  if (chance(g->dice, 70)) shuffle(g->dice, order, rank);
  layout->minor_to_major = make_dims(g, rank, order);
  layout->tail_alignment = 1;
  return layout;
}

static const tn_shape *laid_out(generator *g, const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) {
    shape = tn_shape_without_layout(g->module->arena, shape);
    return tn_shape_with_layout(g->module->arena, shape, random_layout(g, shape->rank));
  }
  const tn_shape **elements = TN_NEW_ARRAY(g->module->arena, const tn_shape *, shape->rank);
  for (int i = 0; i < shape->rank; i++) elements[i] = laid_out(g, shape->elements[i]);
  return tn_shape_tuple(g->module->arena, shape->rank, elements);
}

/* Layouts inside the program say nothing to a backend that chooses its own. */
static void lay_out_inside(generator *g) {
  TN_FOR_EACH_IN_COMP(g->comp, inst)
  if (inst->op != TN_OP_PARAMETER && tn_shape_is_array(inst->shape) && chance(g->dice, 30))
    inst->shape = laid_out(g, inst->shape);
}

static void lay_out(generator *g) {
  if (chance(g->dice, 60)) return;
  const tn_comp *comp = g->comp;
  const tn_shape **shapes = TN_NEW_ARRAY(g->module->arena, const tn_shape *, comp->parameters.count);
  for (int i = 0; i < comp->parameters.count; i++) shapes[i] = laid_out(g, comp->parameters.at[i]->shape);
  g->module->entry_parameters = tn_shape_tuple(g->module->arena, comp->parameters.count, shapes);
  g->module->entry_result = laid_out(g, comp->root->shape);
}

/* A parameter that no alias has yet, with the result's shape and layout. */
static int alias_target(generator *g, const tn_shape *result, const bool *taken) {
  for (int i = 0; i < g->comp->parameters.count; i++) {
    const tn_shape *shape = g->module->entry_parameters ? g->module->entry_parameters->elements[i]
                                                        : g->comp->parameters.at[i]->shape;
    if (!taken[i] && tn_shape_is_array(shape) && tn_shape_identical(shape, result)) return i;
  }
  return -1;
}

static void alias_results(generator *g) {
  if (chance(g->dice, 60)) return;
  bool taken[64] = {false};
  const tn_shape *result = g->module->entry_result ? g->module->entry_result : g->comp->root->shape;
  int count = tn_shape_is_tuple(result) ? result->rank : 1;
  for (int64_t i = 0; i < count; i++) {
    const tn_shape *shape = tn_shape_is_tuple(result) ? result->elements[i] : result;
    int target = tn_shape_is_array(shape) ? alias_target(g, shape, taken) : -1;
    if (target < 0 || chance(g->dice, 30)) continue;
    taken[target] = true;
    tn_alias alias = {.output = make_dims(g, tn_shape_is_tuple(result), &i), .parameter = target};
    alias.must = chance(g->dice, 20);
    TN_PUSH(g->module->arena, &g->module->aliases, alias);
  }
}

/* What nobody uses is the result; a part of it is left dead. */
static void choose_root(generator *g) {
  tn_inst *results[6];
  int count = 0;
  for (int i = g->nodes.count - 1; i >= 0 && count < 6; i--) {
    tn_inst *inst = g->nodes.at[i].inst;
    if (inst->users.count || (inst->op == TN_OP_PARAMETER && count)) continue;
    if (inst->op == TN_OP_CONSTANT && count) continue;
    if (inst->op == TN_OP_COPY_START) continue; /* its context is no value */
    if (count == 0 || chance(g->dice, 80)) results[count++] = inst;
  }
  tn_inst *again = g->nodes.at[roll(g->dice, g->nodes.count)].inst;
  if ((chance(g->dice, 10) && count < 6 && again->op != TN_OP_COPY_START) || !count) results[count++] = again;
  g->comp->root =
      count == 1 && chance(g->dice, 80) ? results[0] : tn_build_tuple(g->comp, NULL, count, results);
}

static void tuple_parameter(generator *g) {
  const tn_shape *shapes[3];
  tn_literal *values[3];
  int count = 1 + roll(g->dice, 3);
  for (int i = 0; i < count; i++) {
    shapes[i] = random_shape(g, random_type(g, ANY_CLASS));
    values[i] = random_literal(g, shapes[i]);
  }
  const tn_shape *shape = tn_shape_tuple(g->module->arena, count, shapes);
  tn_literal *value = tn_literal_tuple(g->arena, shape, tn_arena_copy(g->arena, values, sizeof values));
  node tuple = add_parameter(g, value);
  TN_PUSH(g->arena, g->arguments, value);
  for (int i = 0; i < count; i++) {
    tn_inst *inst = begin(g, TN_OP_GET_TUPLE_ELEMENT, shapes[i], 1, &tuple);
    inst->attr.index.index = i;
    keep(g, inst);
  }
}

/* A parameter with bounded dims, some of them shorter. */
static void bounded_parameter(generator *g) {
  const tn_shape *whole = random_shape(g, random_type(g, ANY_CLASS));
  if (!whole->rank) return;
  tn_shape *shape = tn_arena_copy(g->module->arena, whole, sizeof *whole);
  bool *dynamic = TN_NEW_ARRAY(g->module->arena, bool, whole->rank), any = false;
  int64_t *sizes = TN_NEW_ARRAY(g->arena, int64_t, whole->rank);
  for (int d = 0; d < whole->rank; d++) {
    dynamic[d] = chance(g->dice, 50);
    any = any || dynamic[d];
    sizes[d] = dynamic[d] && chance(g->dice, 70) ? between(g->dice, 0, whole->dims[d]) : whole->dims[d];
  }
  if (!any) return;
  tn_literal *value = random_literal(g, whole);
  shape->dynamic = dynamic;
  value->shape = shape;
  value->sizes = sizes;
  add_parameter(g, value);
  TN_PUSH(g->arena, g->arguments, value);
}

/* A third of the programs have nothing special. */
static theme random_theme(dice *d) {
  static const tn_type rare[] = {
      TN_C64,        TN_C64,        TN_C128,          TN_S4,       TN_U4,     TN_S2,     TN_U2,
      TN_S1,         TN_U1,         TN_F8E4M3FN,      TN_F8E5M2,   TN_F8E3M4, TN_F8E4M3, TN_F4E2M1FN,
      TN_F8E4M3FNUZ, TN_F8E5M2FNUZ, TN_F8E4M3B11FNUZ, TN_F8E8M0FNU};
  theme t = {0};
  if (chance(d, 33)) return t;
  if (chance(d, 55)) t.n_types = 1 + roll(d, 2);
  for (int i = 0; i < t.n_types; i++) t.types[i] = rare[roll(d, sizeof rare / sizeof *rare)];
  if (t.n_types == 0 || chance(d, 40)) t.families = 1u << roll(d, FAMILIES);
  if (chance(d, 20)) t.families |= 1u << roll(d, FAMILIES);
  return t;
}

void program_generate(program *p, uint64_t seed) {
  dice d = {seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
  literals arguments = {0};
  *p = (program){.seed = seed, .module = tn_module_create("random"), .arena = tn_arena_create()};
  theme theme = random_theme(&d);
  generator g = {
      .theme = &theme, .dice = &d, .arena = p->arena, .module = p->module, .arguments = &arguments};
  g.integers = seed % 2 == 0;
  g.large = chance(&d, 2);
  g.max_elements = g.large ? 40000 : chance(&d, 10) ? 4096 : 1024;
  g.comp = tn_comp_create(p->module, "main");
  p->module->entry = g.comp;
  if (chance(&d, 4)) tuple_parameter(&g);
  if (theme.families & DYNAMIC && chance(&d, 40)) bounded_parameter(&g);
  int wanted = g.large ? 1 + roll(&d, 3) : 1 + roll(&d, chance(&d, 40) ? 15 : 7);
  grow(&g, wanted);
  if (!g.nodes.count) new_input(&g, random_shape(&g, TN_F32));
  choose_root(&g);
  if (chance(&d, 10)) lay_out_inside(&g);
  lay_out(&g);
  alias_results(&g);
  p->arguments = arguments.at;
  p->n_arguments = arguments.count;
}

void program_destroy(program *p) {
  tn_module_destroy(p->module);
  tn_arena_destroy(p->arena);
}

/* ---- reports ---- */

void program_print(tn_text *out, const program *p) {
  tn_print_module(out, p->module, NULL);
  for (int i = 0; i < p->n_arguments; i++) {
    tn_text_printf(out, "// argument %d: ", i);
    if (tn_shape_bytes(p->arguments[i]->shape) > 4096)
      tn_text_put(out, "...");
    else
      tn_print_literal(out, p->arguments[i]);
    tn_text_put(out, "\n");
  }
}
