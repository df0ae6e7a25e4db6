/* Two parts of modules on the same inputs, at small sizes where that is enough.
 *
 * A part with a dot of 128×768×3072 takes a second; at a sixteenth of its sizes nothing, and
 * nearly every rewrite that is wrong is wrong at any size. So parts that cost much are run at
 * smaller sizes first (resize.h), both alike. Equal there counts as equal; where they
 * differ, or cannot be made smaller, they are run as they are: a rewrite may know a size.
 *
 * Verdicts are remembered by the numbers of both parts (numbers.h), so the layers of a
 * network, which are alike but for their weights, cost what one costs.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/check_private.h"
#include "driver/resize.h"

#include <stdlib.h>

/* ---- verdicts ---- */

static tn_part_verdict **find(const tn_checker *checker, tn_hash key) {
  uint64_t mask = (uint64_t)checker->capacity - 1, at = key.low & mask;
  while (checker->verdicts[at] && !tn_hash_same(checker->verdicts[at]->key, key)) at = (at + 1) & mask;
  return &checker->verdicts[at];
}

static void grow(tn_checker *checker) {
  tn_part_verdict **old = checker->verdicts;
  int count = checker->capacity;
  checker->capacity = count ? 2 * count : 256;
  checker->verdicts = TN_NEW_ARRAY(checker->arena, tn_part_verdict *, checker->capacity);
  for (int i = 0; i < count; i++)
    if (old[i]) *find(checker, old[i]->key) = old[i];
}

static tn_part_verdict *remember(tn_checker *checker, tn_hash key) {
  if (2 * checker->n_verdicts >= checker->capacity) grow(checker);
  tn_part_verdict **slot = find(checker, key);
  if (*slot) return *slot;
  checker->n_verdicts++;
  *slot = TN_NEW(checker->arena, tn_part_verdict);
  (*slot)->key = key;
  return *slot;
}

static tn_hash key_of(const tn_checker *checker, tn_arena *arena, const tn_part_pair *pair, bool full) {
  tn_hash parts[4] = {tn_number_module(arena, pair->before), tn_number_module(arena, pair->after)};
  if (pair->surroundings) parts[2] = tn_number_module(arena, pair->surroundings);
  parts[3] = (tn_hash){(uint64_t)checker->close * 2 + full, (uint64_t)pair->levels};
  return tn_hash_bytes(parts, sizeof parts);
}

/* ---- one run ---- */

static bool same_parameters(const tn_module *a, const tn_module *b) {
  if (a->entry->parameters.count != b->entry->parameters.count) return false;
  for (int i = 0; i < a->entry->parameters.count; i++)
    if (!tn_shape_equal(a->entry->parameters.at[i]->shape, b->entry->parameters.at[i]->shape)) return false;
  return true;
}

/* Elements beyond a size at run time are anything, and a size that is drawn may let them be seen. */
static bool has_sizes(const tn_module *module) {
  for (const tn_inst *inst = module->entry->first; inst; inst = inst->next)
    if (tn_shape_is_dynamic(inst->shape)) return true;
  return false;
}

/* Where something that is no input (a token) is reached, the three do not fit. */
static bool fits(const tn_part_pair *pair) {
  int count = pair->before->entry->parameters.count;
  if (!same_parameters(pair->before, pair->after)) return false;
  if (has_sizes(pair->before) || has_sizes(pair->after)) return false;
  if (!pair->surroundings || count == 1) return true;
  const tn_inst *root = pair->surroundings->entry->root;
  return root->op == TN_OP_TUPLE && root->n_operands == count;
}

/* The inputs: drawn, or what the surroundings make of what is drawn. NULL: they cannot be had. */
static const tn_literal **inputs_of(tn_arena *arena, const tn_part_pair *pair, tn_draw draw) {
  if (!pair->surroundings) return (const tn_literal **)tn_draw_arguments(arena, pair->before, draw);
  tn_literal **arguments = tn_draw_arguments(arena, pair->surroundings, draw);
  tn_literal *result =
      tn_try_evaluate(arena, pair->surroundings, (const tn_literal *const *)arguments, false);
  int count = pair->before->entry->parameters.count;
  const tn_literal **inputs = TN_NEW_ARRAY(arena, const tn_literal *, count);
  for (int i = 0; result && i < count; i++) {
    inputs[i] = count == 1 ? result : result->elements[i];
    if (!tn_shape_equal(inputs[i]->shape, pair->before->entry->parameters.at[i]->shape)) return NULL;
  }
  return result ? inputs : NULL;
}

/* Special values are for what is near: further up they become NaN everywhere. But what parameters
 * alone show is proven.                                                                        */
static bool is_for(const tn_checker *checker, const tn_part_pair *pair, tn_draw draw) {
  if (draw != TN_DRAW_SPECIAL) return true;
  return checker->close != TN_CLOSE_LOOSE && (pair->levels <= 2 || pair->levels == TN_ALL_LEVELS);
}

static tn_equality run(tn_checker *checker, const tn_part_pair *pair, tn_check_result *result) {
  tn_equality all = TN_INCOMPARABLE;
  for (int draw = 0; draw < TN_DRAWS; draw++) {
    if (!is_for(checker, pair, (tn_draw)draw)) continue;
    tn_arena *arena = tn_arena_create();
    tn_literal *got;
    const tn_literal **inputs = inputs_of(arena, pair, (tn_draw)draw);
    tn_equality equality = inputs ? tn_modules_agree(arena, pair->before, pair->after, inputs, checker->close,
                                                     NULL, &got, &result->difference)
                                  : TN_INCOMPARABLE;
    result->inputs = tn_draw_name((tn_draw)draw);
    result->levels = pair->levels;
    result->differs = equality == TN_DIFFERENT;
    if (result->differs) result->difference.shape = tn_shape_clone(checker->arena, result->difference.shape);
    tn_arena_destroy(arena);
    if (equality == TN_DIFFERENT) return equality;
    if (equality == TN_SAME) all = TN_SAME;
    if (!pair->before->entry->parameters.count) break; /* the same whatever is drawn */
  }
  return all;
}

/* ---- smaller sizes ---- */

static int64_t work_of(const tn_part_pair *pair) {
  int64_t work = tn_module_work(pair->before) + tn_module_work(pair->after);
  return work + (pair->surroundings ? tn_module_work(pair->surroundings) : 0);
}

/* A large constant that only one of the two has was folded from what the other has: their
 * corners need not belong together, so its sizes stay.                                    */
bool tn_part_has_data(const tn_module *part, int64_t size) {
  for (const tn_inst *inst = part->entry->first; inst; inst = inst->next) {
    if (inst->op != TN_OP_CONSTANT || tn_shape_bytes(inst->shape) <= TN_SMALL_CONSTANT) continue;
    for (int d = 0; d < inst->shape->rank; d++)
      if (size ? inst->shape->dims[d] == size : true) return true;
  }
  return false;
}

static bool is_free_size(const tn_part_pair *pair, int64_t size) {
  return size >= 4 && !tn_part_has_data(pair->before, size) && !tn_part_has_data(pair->after, size);
}

/* The largest size of a parameter that is no size of such a constant; 0: none. */
static int64_t largest_free_size(const tn_part_pair *pair) {
  int64_t largest = 0;
  const tn_module *from = pair->surroundings ? pair->surroundings : pair->before;
  for (int i = 0; i < from->entry->parameters.count; i++) {
    const tn_shape *shape = from->entry->parameters.at[i]->shape;
    for (int d = 0; tn_shape_is_array(shape) && d < shape->rank; d++)
      if (shape->dims[d] > largest && is_free_size(pair, shape->dims[d])) largest = shape->dims[d];
  }
  return largest;
}

void tn_part_pair_destroy(tn_part_pair *pair) {
  tn_module_destroy(pair->before);
  tn_module_destroy(pair->after);
  tn_module_destroy(pair->surroundings);
}

/* False: nothing was made. */
static bool make_smaller(tn_arena *arena, const tn_part_pair *pair, const tn_resizing *resizing,
                         tn_part_pair *small) {
  *small = (tn_part_pair){.before = tn_module_clone(pair->before),
                          .after = tn_module_clone(pair->after),
                          .surroundings = pair->surroundings ? tn_module_clone(pair->surroundings) : NULL,
                          .levels = pair->levels};
  if (tn_module_resize(small->before, arena, resizing) && tn_module_resize(small->after, arena, resizing) &&
      (!small->surroundings || tn_module_resize(small->surroundings, arena, resizing)) && fits(small))
    return true;
  tn_part_pair_destroy(small);
  return false;
}

/* INCOMPARABLE: these sizes will not do. */
static tn_equality run_resized(tn_checker *checker, const tn_part_pair *pair, const tn_resizing *resizing,
                               tn_part_verdict *verdict) {
  tn_equality equality = TN_INCOMPARABLE;
  tn_part_pair small;
  tn_arena *arena = tn_arena_create();
  if (make_smaller(arena, pair, resizing, &small)) {
    if (work_of(&small) <= checker->part_work / 4) equality = run(checker, &small, &verdict->result);
    tn_part_pair_destroy(&small);
  }
  tn_arena_destroy(arena);
  return equality;
}

static tn_equality run_smaller(tn_checker *checker, const tn_part_pair *pair, tn_part_verdict *verdict) {
  static const tn_resizing resizings[] = {
      {128, 32, 0, 0}, {64, 16, 0, 0}, {32, 8, 0, 0}, {16, 4, 0, 0}, {8, 4, 0, 0}};
  tn_equality equality = TN_INCOMPARABLE;
  if (tn_part_has_data(pair->before, 0) || tn_part_has_data(pair->after, 0)) {
    int64_t size = largest_free_size(pair);
    for (int64_t to = 3; size && to > 0 && equality == TN_INCOMPARABLE; to -= 2)
      equality = run_resized(checker, pair, &(tn_resizing){.from = size, .to = to}, verdict);
    return equality;
  }
  for (size_t i = 0; equality == TN_INCOMPARABLE && i < sizeof resizings / sizeof *resizings; i++)
    equality = run_resized(checker, pair, &resizings[i], verdict);
  return equality;
}

const tn_part_verdict *tn_check_pair(tn_checker *checker, const tn_part_pair *pair, bool full) {
  tn_arena *arena = tn_arena_create();
  tn_part_verdict *verdict = remember(checker, key_of(checker, arena, pair, full));
  tn_arena_destroy(arena);
  if (verdict->result.inputs) return verdict; /* seen before */
  verdict->result.inputs = "";
  verdict->equality = TN_INCOMPARABLE;
  checker->counts.distinct++;
  int64_t work = work_of(pair);
  if (!fits(pair)) return verdict;
  if (!full && work > checker->part_work / 16) verdict->equality = run_smaller(checker, pair, verdict);
  if (verdict->equality != TN_INCOMPARABLE) return checker->counts.smaller++, verdict;
  if (work <= (full ? 16 : 1) * checker->part_work) verdict->equality = run(checker, pair, &verdict->result);
  return verdict;
}
