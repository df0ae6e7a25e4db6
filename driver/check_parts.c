/* What a pass changed in a module that is too large to run.
 *
 * Both modules are numbered (numbers.h): values with one number are equal. Going through the
 * module after the pass, an instruction without a number known before it has a counterpart:
 * the one with the same name, or the one that stood where it stands now, as an operand of the
 * same user. The two are cut out, back to values known to be equal, and run on the same
 * inputs. If they agree the later one gets the earlier one's number, so that all below is
 * known again:
 *
 *     before:  n = negate(x); m = negate(n); y = add(m, z)      m has number 3
 *     after:                                y = add(x, z)       x stands where m stood: cut out
 *                                                               negate(negate(p)) and p, equal,
 *                                                               x is 3 here, y is the same y
 *
 * A pair that does not agree proves nothing: the pass may have given an instruction another
 * meaning, and its users, too. It stays unknown, so that parts further down contain it. When a
 * part with CHAIN such pairs below each other, or the root, still differs it is
 * run again, at its own sizes and with all that comes before it; if it differs there, the pass
 * is guilty.
 *
 * Inputs of a part come from its surroundings: values two levels up are drawn, what depends on
 * constants alone is computed. What is too much work is drawn as well. What is drawn may be what
 * the value never is: a pass may know its range, the contents of a weight, or that a loop hands on
 * what it was given,
 *
 *     before:  s = while(tuple(i, p)); q = get-tuple-element(s), index=1; y = add(q, z)
 *     after:                                                             y = add(p, z)
 *
 * and p and s, drawn apart, show a difference that no input makes. So a difference counts if it is
 * found with the parameters of the computation alone drawn, which may be anything, and all else
 * computed. Only where that cannot be run do eight levels have to do; there one that comes of a
 * loop, branch or call that was drawn does not count.
 *
 * Cost: linear in instructions that did not change; a cut, three hashes and, once for each
 * kind of part, some evaluations for those that did.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/check_private.h"

#include <stdlib.h>

enum { LEVELS = 2, CHAIN = 6 };

/* ---- instructions by number ---- */

typedef struct {
  const tn_number **numbers;
  tn_inst **insts;
  uint64_t mask;
} number_table;

static number_table table_create(tn_arena *arena, int count) {
  uint64_t capacity = 16;
  while (capacity < 2 * (uint64_t)count + 2) capacity *= 2;
  return (number_table){TN_NEW_ARRAY(arena, const tn_number *, capacity),
                        TN_NEW_ARRAY(arena, tn_inst *, capacity), capacity - 1};
}

static uint64_t table_slot(const number_table *table, tn_hash hash) {
  uint64_t at = hash.low & table->mask;
  while (table->numbers[at] && !tn_hash_same(table->numbers[at]->hash, hash)) at = (at + 1) & table->mask;
  return at;
}

/* The first of a number stays. */
static void table_add(number_table *table, const tn_number *number, tn_inst *inst) {
  uint64_t at = table_slot(table, number->hash);
  if (table->numbers[at]) return;
  table->numbers[at] = number;
  table->insts[at] = inst;
}

static tn_inst *table_find(const number_table *table, const tn_number *number) {
  return table->insts[table_slot(table, number->hash)];
}

/* ---- a comparison ---- */

typedef struct {
  tn_inst *before, *after;
  tn_check_result result;
} first_difference;

typedef struct {
  tn_checker *checker;
  tn_arena *arena;
  const tn_module *before, *after;
  tn_numbers b, a;
  /* Of the two computations that are being compared: */
  number_table known_b, known_a;
  char *live_b, *live_a;             /* by id */
  tn_inst **first_b, **first_a;      /* by id: the first instruction with the same number */
  tn_inst **candidate;               /* by id of `after`: the counterpart */
  int *chain;                        /* by id of `after`: how many pairs above each other differ */
  const first_difference **chain_at; /* by id of `after`: the first of them */
  bool loose;                        /* the pair that was compared last: see tn_part_pair */
  tn_check_result *result;
} comparison;

static tn_str name_of(const char *name) { return (tn_str){name, strlen(name)}; }

static void mark_live(const tn_comp *comp, char *live) {
  live[comp->root->id] = 1;
  for (const tn_inst *inst = comp->last; inst; inst = inst->prev) {
    if (tn_op_is(inst->op, TN_OP_SIDE_EFFECT)) live[inst->id] = 1;
    if (!live[inst->id]) continue;
    for (int i = 0; i < inst->n_operands; i++) live[inst->operands[i]->id] = 1;
  }
}

/* Shapes that can be drawn. */
static bool can_be_input(const tn_shape *shape) {
  if (tn_shape_is_array(shape)) return true;
  bool all = tn_shape_is_tuple(shape);
  for (int i = 0; all && i < shape->rank; i++) all = can_be_input(shape->elements[i]);
  return all;
}

/* ---- cutting ---- */

/* The values that both know, at which the slices above the pair stop; side by side. */
typedef struct {
  tn_inst_list before, after;
} meeting;

static void meet(comparison *x, meeting *m, tn_inst *before, tn_inst *after) {
  for (int i = 0; i < m->before.count; i++)
    if (m->before.at[i] == before) return;
  TN_PUSH(x->arena, &m->before, before);
  TN_PUSH(x->arena, &m->after, after);
}

/* Constants, and what depends on them alone, are never drawn: small ones are what a rewrite looks
 * at. Large ones are weights, any will do, unless something was folded from them.             */
static bool is_computed(const tn_number *number, bool with_data) {
  return with_data ? number->closed : number->constant;
}

/* Goes up from `root` to what the other module knows as well, which is added to *m. */
static void go_up(comparison *x, meeting *m, tn_inst *root, bool is_before, bool with_data) {
  tn_inst **first = is_before ? x->first_b : x->first_a;
  char *seen = TN_NEW_ARRAY(x->arena, char, (is_before ? x->before : x->after)->next_id);
  tn_inst_list stack = {0};
  TN_PUSH(x->arena, &stack, root);
  while (stack.count) {
    tn_inst *inst = stack.at[--stack.count];
    for (int i = 0; i < inst->n_operands; i++) {
      tn_inst *operand = first[inst->operands[i]->id];
      const tn_number *number = (is_before ? x->b : x->a).of[operand->id];
      tn_inst *other = table_find(is_before ? &x->known_a : &x->known_b, number);
      if (seen[operand->id]) continue;
      seen[operand->id] = 1;
      bool stop = other && !is_computed(number, with_data) && can_be_input(operand->shape) &&
                  tn_shape_equal(operand->shape, other->shape);
      if (stop)
        meet(x, m, is_before ? operand : other, is_before ? other : operand);
      else
        TN_PUSH(x->arena, &stack, operand);
    }
  }
}

bool tn_check_hands_on(const tn_inst *inst) {
  if (inst->op == TN_OP_FUSION) return tn_shape_is_tuple(inst->shape);
  return inst->op == TN_OP_WHILE || inst->op == TN_OP_CONDITIONAL || inst->op == TN_OP_CALL ||
         inst->op == TN_OP_SCAN;
}

typedef struct {
  int levels;
  int64_t most_work; /* of an instruction that is computed rather than drawn */
  bool through;      /* also what may give back what it was given, however much work that is */
  bool with_data;    /* large constants keep their values, and what depends on constants alone its */
} frontier_options;

/* The inputs of what computes `roots` from values some levels up: parameters, and values further
 * away. instead: as of tn_cut, or NULL.                                                         */
static tn_inst_list find_frontier(tn_arena *arena, const tn_numbers *numbers, const tn_inst_list *roots,
                                  tn_inst *const *instead, const frontier_options *options) {
  const tn_module *module = numbers->module;
  int *level = TN_NEW_ARRAY(arena, int, module->next_id); /* 0: not met, else 1 more */
  tn_inst_list queue = {0}, frontier = {0};
  for (int i = 0; i < roots->count; i++) {
    if (!level[roots->at[i]->id]) TN_PUSH(arena, &queue, roots->at[i]);
    level[roots->at[i]->id] = 1;
  }
  for (int next = 0; next < queue.count; next++) {
    tn_inst *inst = queue.at[next];
    int at = level[inst->id];
    bool heavy = tn_inst_work(inst) > options->most_work && !(options->through && tn_check_hands_on(inst));
    bool far = at > options->levels || heavy || inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT;
    if (far && can_be_input(inst->shape) && !is_computed(numbers->of[inst->id], options->with_data)) {
      TN_PUSH(arena, &frontier, inst);
      continue;
    }
    for (int i = 0; i < inst->n_operands; i++) {
      tn_inst *operand = instead ? instead[inst->operands[i]->id] : inst->operands[i];
      if (!level[operand->id]) TN_PUSH(arena, &queue, operand);
      if (!level[operand->id]) level[operand->id] = at + 1;
    }
  }
  return frontier;
}

/* loose: see tn_part_pair. */
static tn_module *cut_surroundings(comparison *x, const meeting *m, const frontier_options *options,
                                   bool *loose) {
  *loose = false;
  if (!m->before.count) return NULL;
  tn_inst_list frontier = find_frontier(x->arena, &x->b, &m->before, x->first_b, options);
  for (int i = 0; i < frontier.count; i++)
    *loose =
        *loose || (tn_check_hands_on(frontier.at[i]) && tn_inst_work(frontier.at[i]) > options->most_work);
  return tn_cut(x->before, &m->before, &frontier, x->first_b);
}

static tn_module *cut_one(comparison *x, const tn_module *module, tn_inst *inst, const tn_inst_list *inputs,
                          tn_inst *const *first) {
  tn_inst_list roots = {0};
  TN_PUSH(x->arena, &roots, inst);
  return tn_cut(module, &roots, inputs, first);
}

/* Has it a constant that the other module does not know? */
static bool has_own_constant(const comparison *x, const tn_part_pair *pair) {
  tn_arena *arena = tn_arena_create();
  bool own = false;
  for (int side = 0; side < 2; side++) {
    const tn_module *part = side ? pair->after : pair->before;
    tn_numbers numbers = tn_numbers_create(arena, part);
    for (const tn_inst *inst = part->entry->first; inst; inst = inst->next) {
      if (inst->op != TN_OP_CONSTANT) continue;
      tn_number_inst(&numbers, inst);
      own = own || !table_find(side ? &x->known_b : &x->known_a, numbers.of[inst->id]);
    }
  }
  tn_arena_destroy(arena);
  return own;
}

/* Further away than LEVELS, and full: through loops as well. */
static tn_part_pair cut_pair(comparison *x, tn_inst *before, tn_inst *after, int levels, bool full,
                             bool with_data) {
  meeting m = {0};
  bool is_far = levels > LEVELS, all = levels == TN_ALL_LEVELS;
  frontier_options options = {.levels = levels,
                              .most_work = all ? INT64_MAX : x->checker->part_work / (is_far ? 4 : 16),
                              .through = is_far && full,
                              .with_data = with_data};
  go_up(x, &m, before, true, with_data);
  go_up(x, &m, after, false, with_data);
  tn_part_pair pair = {.before = cut_one(x, x->before, before, &m.before, x->first_b),
                       .after = cut_one(x, x->after, after, &m.after, x->first_a),
                       .levels = levels};
  pair.surroundings = cut_surroundings(x, &m, &options, &pair.loose);
  return pair;
}

static const tn_part_verdict *compare_cut(comparison *x, tn_inst *before, tn_inst *after, int levels,
                                          bool full, bool with_data) {
  tn_part_pair pair = cut_pair(x, before, after, levels, full, with_data);
  const tn_part_verdict *verdict = tn_check_pair(x->checker, &pair, full);
  x->loose = pair.loose;
  tn_part_pair_destroy(&pair);
  return verdict;
}

/* Weights are drawn as any other input, but where something may have been folded from them. */
static const tn_part_verdict *compare_pair(comparison *x, tn_inst *before, tn_inst *after, bool full) {
  tn_part_pair pair = cut_pair(x, before, after, LEVELS, full, false);
  bool folded = tn_part_has_data(pair.before, 0) || tn_part_has_data(pair.after, 0);
  const tn_part_verdict *verdict = folded ? NULL : tn_check_pair(x->checker, &pair, full);
  if (verdict && verdict->equality == TN_DIFFERENT) folded = has_own_constant(x, &pair);
  x->loose = pair.loose;
  tn_part_pair_destroy(&pair);
  return folded ? compare_cut(x, before, after, LEVELS, full, true) : verdict;
}

/* ---- verdicts ---- */

/* The longest chain of pairs that differ above `after` becomes its own. */
static void inherit_chain(comparison *x, const tn_inst *after) {
  for (int i = 0; i < after->n_operands; i++) {
    int id = after->operands[i]->id;
    if (x->chain[id] <= x->chain[after->id]) continue;
    x->chain[after->id] = x->chain[id];
    x->chain_at[after->id] = x->chain_at[id];
  }
}

/* At its own sizes, with more surroundings, with all of them at last. */
static bool still_differs(comparison *x, tn_inst *before, tn_inst *after) {
  const tn_part_verdict *near = compare_pair(x, before, after, true);
  if (near->equality == TN_SAME) return false;
  bool special =
      near->equality == TN_DIFFERENT && !strcmp(near->result.inputs, tn_draw_name(TN_DRAW_SPECIAL));
  bool loose = x->loose;
  tn_equality far = TN_INCOMPARABLE;
  if (!special || loose) far = compare_cut(x, before, after, 4 * LEVELS, true, true)->equality;
  if (far == TN_SAME) return false;
  tn_equality all = compare_cut(x, before, after, TN_ALL_LEVELS, true, true)->equality;
  if (all != TN_INCOMPARABLE) return all == TN_DIFFERENT;
  bool doubt = loose && far != TN_DIFFERENT;
  x->checker->counts.left_out += doubt;
  return !doubt;
}

static void accept(comparison *x, const tn_inst *before, const tn_inst *after) {
  x->a.of[after->id] = x->b.of[before->id];
  x->chain[after->id] = 0;
}

/* At its own sizes, if it differs there. */
static void tell(comparison *x, const first_difference *first) {
  const tn_part_verdict *full = compare_pair(x, first->before, first->after, true);
  *x->result = full->equality == TN_DIFFERENT ? full->result : first->result;
  x->result->inst = first->before;
}

/* True when the pass is guilty: *x->result says of what. Operands that only stand in the same
 * place (their ids differ) may well be others.                                              */
static bool judge(comparison *x, tn_inst *before, tn_inst *after, bool last) {
  bool pair = last || strcmp(before->name, after->name) == 0;
  const tn_part_verdict *verdict = compare_pair(x, before, after, false);
  x->checker->counts.places++;
  if (verdict->equality == TN_INCOMPARABLE) x->checker->counts.left_out++;
  if (verdict->equality == TN_SAME || (pair && verdict->equality == TN_INCOMPARABLE))
    accept(x, before, after);
  if (!pair || verdict->equality != TN_DIFFERENT) return false;
  if (!x->chain[after->id]) {
    first_difference *first = TN_NEW(x->arena, first_difference);
    *first = (first_difference){before, after, verdict->result};
    x->chain_at[after->id] = first;
  }
  x->chain[after->id]++;
  if (!last && x->chain[after->id] < CHAIN) return false;
  if (still_differs(x, before, after)) return tell(x, x->chain_at[after->id]), true;
  accept(x, before, after);
  return false;
}

/* ---- computations ---- */

static void add_candidate(comparison *x, tn_inst *before, const tn_inst *after) {
  if (!x->live_a[after->id] || !tn_shape_equal(before->shape, after->shape)) return;
  if (!x->candidate[after->id]) x->candidate[after->id] = before;
}

static void add_operands(comparison *x, const tn_inst *before, const tn_inst *after) {
  if (before->op != after->op || before->n_operands != after->n_operands) return;
  for (int i = 0; i < after->n_operands; i++) add_candidate(x, before->operands[i], after->operands[i]);
}

/* By name first. */
static void find_candidates(comparison *x, const tn_comp *before, const tn_comp *after) {
  tn_inst **namesakes = TN_NEW_ARRAY(x->arena, tn_inst *, x->after->next_id);
  for (const tn_inst *inst = after->first; inst; inst = inst->next) {
    namesakes[inst->id] = tn_comp_find_inst(before, name_of(inst->name));
    if (namesakes[inst->id]) add_candidate(x, namesakes[inst->id], inst);
  }
  for (const tn_inst *inst = after->first; inst; inst = inst->next)
    if (namesakes[inst->id] && x->live_b[namesakes[inst->id]->id]) add_operands(x, namesakes[inst->id], inst);
  add_candidate(x, before->root, after->root);
  add_operands(x, before->root, after->root);
}

static void start_computations(comparison *x, const tn_comp *before, const tn_comp *after) {
  tn_arena *arena = x->arena;
  int ids_b = x->before->next_id, ids_a = x->after->next_id;
  x->live_b = TN_NEW_ARRAY(arena, char, ids_b);
  x->live_a = TN_NEW_ARRAY(arena, char, ids_a);
  x->candidate = TN_NEW_ARRAY(arena, tn_inst *, ids_a);
  x->chain = TN_NEW_ARRAY(arena, int, ids_a);
  x->chain_at = TN_NEW_ARRAY(arena, const first_difference *, ids_a);
  x->first_b = TN_NEW_ARRAY(arena, tn_inst *, ids_b);
  x->first_a = TN_NEW_ARRAY(arena, tn_inst *, ids_a);
  x->known_b = table_create(arena, before->n_insts);
  x->known_a = table_create(arena, after->n_insts);
  mark_live(before, x->live_b);
  mark_live(after, x->live_a);
  find_candidates(x, before, after);
}

static void enter(number_table *table, const tn_numbers *numbers, tn_inst **first, tn_inst *inst) {
  table_add(table, numbers->of[inst->id], inst);
  first[inst->id] = table_find(table, numbers->of[inst->id]);
}

/* True when they are found to differ. What is the same in both becomes known. */
static bool compare_comps(comparison *x, const tn_comp *before, const tn_comp *after) {
  start_computations(x, before, after);
  tn_number_comp(&x->b, before);
  for (tn_inst *inst = before->first; inst; inst = inst->next) enter(&x->known_b, &x->b, x->first_b, inst);
  for (int i = 0; i < after->parameters.count; i++) {
    tn_number_inst(&x->a, after->parameters.at[i]);
    enter(&x->known_a, &x->a, x->first_a, after->parameters.at[i]);
  }
  for (tn_inst *inst = after->first; inst; inst = inst->next) {
    if (!x->live_a[inst->id] || inst->op == TN_OP_PARAMETER) continue;
    tn_inst *counterpart = x->candidate[inst->id];
    tn_number_inst(&x->a, inst);
    if (!table_find(&x->known_b, x->a.of[inst->id])) {
      inherit_chain(x, inst);
      bool last = inst == after->root && counterpart == before->root;
      if (counterpart && judge(x, counterpart, inst, last)) return true;
    }
    enter(&x->known_a, &x->a, x->first_a, inst);
  }
  x->a.functions[after->id] = x->a.of[after->root->id]->hash;
  x->a.known[after->id] = true;
  return false;
}

static bool same_signature(const tn_comp *a, const tn_comp *b) {
  if (a->parameters.count != b->parameters.count || !tn_shape_equal(a->root->shape, b->root->shape))
    return false;
  for (int i = 0; i < a->parameters.count; i++)
    if (!tn_shape_equal(a->parameters.at[i]->shape, b->parameters.at[i]->shape)) return false;
  return true;
}

/* Bodies of loops and branches that changed, callees first, so that a loop need not be run to
 * see that its body is equal. What differs in there is seen from the entry.                   */
static void compare_called(comparison *x) {
  TN_FOR_EACH_COMP(x->after, comp) {
    const tn_comp *before = tn_comp_find(x->before, name_of(comp->name));
    bool inlined = true;
    for (int i = 0; i < comp->callers.count; i++)
      inlined = inlined && (comp->callers.at[i]->op == TN_OP_CALL || comp->callers.at[i]->op == TN_OP_FUSION);
    if (!before || inlined || before == x->before->entry || comp == x->after->entry) continue;
    if (!same_signature(before, comp)) continue;
    tn_number_comp(&x->a, comp);
    tn_number_comp(&x->b, before);
    if (!tn_hash_same(x->a.functions[comp->id], x->b.functions[before->id])) compare_comps(x, before, comp);
  }
}

bool tn_check_parts(tn_checker *checker, const tn_module *before, const tn_module *after,
                    tn_check_result *result) {
  *result = (tn_check_result){0};
  if (!same_signature(before->entry, after->entry)) return false;
  comparison x = {
      .checker = checker, .arena = tn_arena_create(), .before = before, .after = after, .result = result};
  x.b = tn_numbers_create(x.arena, before);
  x.a = tn_numbers_create(x.arena, after);
  compare_called(&x);
  *result = (tn_check_result){0};
  bool guilty = compare_comps(&x, before->entry, after->entry);
  bool known = tn_hash_same(x.a.functions[after->entry->id], x.b.functions[before->entry->id]);
  if (!guilty && !known) checker->counts.left_out++;
  result->differs = guilty;
  tn_arena_destroy(x.arena);
  return true;
}

tn_module *tn_check_surroundings(const tn_module *module, const tn_inst *inst, int levels) {
  tn_arena *arena = tn_arena_create();
  tn_numbers numbers = tn_numbers_create(arena, module);
  tn_inst_list roots = {0};
  TN_PUSH(arena, &roots, (tn_inst *)inst);
  tn_number_comp(&numbers, inst->parent);
  frontier_options options = {.levels = levels, .most_work = INT64_MAX, .with_data = true};
  tn_inst_list frontier = find_frontier(arena, &numbers, &roots, NULL, &options);
  tn_module *part = tn_cut(module, &roots, &frontier, NULL);
  tn_arena_destroy(arena);
  return part;
}
