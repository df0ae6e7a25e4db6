/* Two modules on the same inputs.
 *
 *     the same bits, or NaN and NaN               equal
 *     |got - expected| <= 4 bounds of `expected`  equal, unless bits are wanted; an infinite bound says nothing
 *     integers, predicates                        the same, unless an inexact float decided
 *
 * Bounds cost three times the evaluation, so they are carried only where bits differ.
 * Inputs are drawn in three ways, because each hides something: fractions make rounding
 * show, positive numbers keep logarithms and roots from being NaN everywhere, special
 * ones find what is true of reals and not of IEEE 754.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/equal.h"

#include "base/number.h"
#include "ir/eval.h"
#include "ir/work.h"

#include <math.h>
#include <stdio.h>

/* ---- work ---- */

static int64_t plus(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX / 4 : sum;
}

static int64_t comp_work(const tn_comp *comp) {
  int64_t work = 0;
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) work = plus(work, tn_inst_work(inst));
  return work;
}

static int64_t elements_of(const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) return tn_shape_is_array(shape) ? tn_shape_elements(shape) : 0;
  int64_t count = 0;
  for (int i = 0; i < shape->rank; i++) count = plus(count, elements_of(shape->elements[i]));
  return count;
}

int64_t tn_inst_work(const tn_inst *inst) {
  int64_t elements = elements_of(inst->shape), called = 0;
  for (int i = 0; i < inst->n_called; i++) called = plus(called, comp_work(inst->called[i]));
  int64_t largest = elements;
  for (int i = 0; i < inst->n_operands; i++) {
    int64_t count = elements_of(inst->operands[i]->shape);
    if (count > largest) largest = count;
  }
  if (inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT || tn_op_is(inst->op, TN_OP_FREE)) return 0;
  if (inst->op == TN_OP_DOT || inst->op == TN_OP_CONVOLUTION)
    return tn_work_times(elements, tn_inst_terms(inst));
  if (inst->op == TN_OP_CALL || inst->op == TN_OP_FUSION || inst->op == TN_OP_CONDITIONAL ||
      inst->op == TN_OP_ASYNC_START)
    return called;
  if (inst->op == TN_OP_WHILE) return tn_work_times(called, TN_WORK_OF_LOOP);
  if (inst->op == TN_OP_REDUCE_WINDOW || inst->op == TN_OP_SELECT_AND_SCATTER)
    largest = tn_work_times(largest, tn_inst_terms(inst));
  if (inst->op == TN_OP_CHOLESKY || inst->op == TN_OP_TRIANGULAR_SOLVE || inst->op == TN_OP_SORT ||
      inst->op == TN_OP_RAGGED_DOT || inst->op == TN_OP_SCALED_DOT)
    largest = tn_work_times(largest, inst->shape->rank && elements ? 64 : 1);
  return tn_work_times(largest, TN_WORK_OF_ELEMENT);
}

int64_t tn_module_work(const tn_module *module) { return comp_work(module->entry); }

/* ---- inputs ---- */

const char *tn_draw_name(tn_draw draw) {
  switch (draw) {
  case TN_DRAW_FRACTIONS: return "fractions";
  case TN_DRAW_POSITIVE: return "positive numbers";
  case TN_DRAW_SPECIAL: return "special values";
  case TN_DRAWS: break;
  }
  return "";
}

static double special_float(tn_type type, uint64_t which) {
  double tiny = ldexp(1, -tn_float_precision(type)), huge = 0x1p40; /* its square is finite */
  const double values[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, tiny, -tiny, huge, -huge, 0.5};
  return values[which % (sizeof values / sizeof *values)];
}

static int64_t special_integer(tn_type type, uint64_t which) {
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  int64_t high = bits >= 64 ? INT64_MAX : ((int64_t)1 << (bits - is_signed)) - 1;
  const int64_t values[] = {0, 1, is_signed ? -1 : 2, high, is_signed ? -high - 1 : high - 1};
  return values[which % (sizeof values / sizeof *values)];
}

/* Spreads over all bits. */
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 31)) * UINT64_C(0x7fb5d329728ea185);
  x = (x ^ (x >> 27)) * UINT64_C(0x81dadef4bc2dd44d);
  return x ^ (x >> 33);
}

/* Every ninth element or so. The first is left as it is: scalars are indices and sizes more often
 * than not.                                                                                      */
static void sprinkle(tn_literal *literal, uint64_t stream) {
  tn_type type = literal->shape->type, part = tn_type_is_complex(type) ? tn_type_part(type) : type;
  size_t bytes = tn_type_bytes(part);
  if (type == TN_PRED || type == TN_F8E8M0FNU) return;
  int64_t count = tn_shape_elements(literal->shape) * (part == type ? 1 : 2);
  char *at = (char *)literal->data;
  for (int64_t i = 1; i < count; i++) {
    uint64_t number = mix((uint64_t)i + (stream << 40));
    if (number % 9) continue;
    if (tn_type_is_float(part))
      tn_store_float(part, at + (size_t)i * bytes, special_float(part, number / 9));
    else
      tn_store_integer(part, at + (size_t)i * bytes, special_integer(part, number / 9));
  }
}

static void make_positive(tn_literal *literal) {
  tn_type type = literal->shape->type, part = tn_type_is_complex(type) ? tn_type_part(type) : type;
  if (!tn_type_is_float(part)) return;
  size_t bytes = tn_type_bytes(part);
  char *at = (char *)literal->data;
  int64_t count = tn_shape_elements(literal->shape) * (part == type ? 1 : 2);
  for (int64_t i = 0; i < count; i++, at += bytes)
    tn_store_float(part, at, fabs(tn_load_float(part, at)) + 0x1p-4);
}

static void alter(tn_literal *literal, tn_draw draw, uint64_t stream) {
  if (tn_shape_is_tuple(literal->shape)) {
    for (int i = 0; i < literal->shape->rank; i++)
      alter(literal->elements[i], draw, stream * 31 + (uint64_t)i + 1);
  } else if (tn_shape_is_array(literal->shape)) {
    if (draw == TN_DRAW_SPECIAL) sprinkle(literal, stream);
    if (draw == TN_DRAW_POSITIVE) make_positive(literal);
  }
}

static bool has_elements(const tn_shape *shape) {
  if (tn_shape_is_array(shape)) return true;
  bool all = tn_shape_is_tuple(shape);
  for (int i = 0; all && i < shape->rank; i++) all = has_elements(shape->elements[i]);
  return all;
}

tn_literal *tn_draw_literal(tn_arena *arena, const tn_shape *shape, tn_draw draw, uint64_t stream) {
  if (!has_elements(shape)) return tn_literal_zero(arena, shape);
  tn_literal *literal = tn_literal_random(arena, shape, 1, stream, draw == TN_DRAW_SPECIAL);
  alter(literal, draw, stream);
  return literal;
}

tn_literal **tn_draw_arguments(tn_arena *arena, const tn_module *module, tn_draw draw) {
  int count = module->entry->parameters.count;
  tn_literal **arguments = TN_NEW_ARRAY(arena, tn_literal *, count);
  for (int i = 0; i < count; i++)
    arguments[i] = tn_draw_literal(arena, module->entry->parameters.at[i]->shape, draw, (uint64_t)i);
  return arguments;
}

/* ---- elements ---- */

static bool real_agrees(tn_type type, const char *got, const char *expected, double bound) {
  if (!memcmp(got, expected, tn_type_bytes(type))) return true;
  if (!tn_type_is_float(type)) return false;
  double x = tn_load_float(type, got), y = tn_load_float(type, expected);
  return isnan(y) ? isnan(x) : bound > 0 && fabs(x - y) <= 4 * bound;
}

/* The bound of a complex number is of its modulus, so of each part. */
static bool element_agrees(tn_type type, const char *got, const char *expected, double bound) {
  tn_type part = tn_type_part(type);
  size_t bytes = tn_type_bytes(part);
  if (isinf(bound) || isnan(bound)) return true;
  return real_agrees(part, got, expected, bound) &&
         (part == type || real_agrees(part, got + bytes, expected + bytes, bound));
}

static size_t print_real(char out[40], tn_type type, const char *element) {
  if (tn_type_is_float(type)) return tn_print_float(type, element, out);
  return (size_t)snprintf(out, 40, "%lld", (long long)tn_load_integer(type, element));
}

static void print_element(char out[96], tn_type type, const char *element) {
  tn_type part = tn_type_part(type);
  size_t length = print_real(out, part, element);
  if (part != type) {
    out[length++] = ',';
    length += print_real(out + length, part, element + tn_type_bytes(part));
  }
  out[length] = 0;
}

/* Whether element i is beyond a size at run time: its value is anything. */
static bool is_beyond(const tn_literal *literal, int64_t i) {
  const tn_shape *shape = literal->shape;
  for (int d = shape->rank - 1; literal->sizes && d >= 0; d--) {
    if (i % shape->dims[d] >= literal->sizes[d]) return true;
    i /= shape->dims[d];
  }
  return false;
}

static bool sizes_agree(const tn_literal *a, const tn_literal *b) {
  for (int d = 0; d < a->shape->rank; d++)
    if ((a->sizes ? a->sizes : a->shape->dims)[d] != (b->sizes ? b->sizes : b->shape->dims)[d]) return false;
  return true;
}

static bool unlike(tn_difference *difference, const char *what) {
  difference->element = -1;
  snprintf(difference->got, sizeof difference->got, "%s", what);
  return false;
}

bool tn_leaf_agrees(const tn_literal *got, const tn_literal *expected, bool inexact, double least_bound,
                    tn_difference *difference) {
  tn_type type = expected->shape->type;
  size_t bytes = tn_type_bytes(type);
  *difference = (tn_difference){.shape = expected->shape, .element = -1};
  if (!tn_shape_equal(got->shape, expected->shape)) return unlike(difference, "another shape");
  if (tn_shape_is_dynamic(got->shape) && !sizes_agree(got, expected))
    return unlike(difference, "other sizes at run time");
  int64_t count = tn_shape_elements(expected->shape);
  if (!memcmp(got->data, expected->data, (size_t)count * bytes)) return true;
  for (int64_t i = 0; i < count; i++) {
    const char *a = (const char *)got->data + (size_t)i * bytes,
               *b = (const char *)expected->data + (size_t)i * bytes;
    double bound = inexact && expected->bound ? expected->bound[i] : 0;
    if (inexact && got->bound) bound += got->bound[i];
    if (inexact && bound < least_bound) bound = least_bound;
    if (element_agrees(type, a, b, bound) || is_beyond(expected, i)) continue;
    if (difference->count++) continue;
    difference->element = i;
    difference->bound = bound;
    print_element(difference->got, type, a);
    print_element(difference->expected, type, b);
  }
  return difference->count == 0;
}

/* ---- leaves ---- */

/* An array with bounded dims as the entry has it after passes: as long as the bounds, its
 * sizes behind it.                                                                      */
static void add_sized(tn_arena *arena, tn_literal_list *out, const tn_literal *array, bool keep_sizes) {
  const tn_shape *shape = array->shape;
  tn_literal *whole = tn_literal_clone(arena, array);
  whole->shape = tn_shape_array(arena, shape->type, shape->rank, shape->dims);
  if (!keep_sizes) whole->sizes = NULL;
  TN_PUSH(arena, out, whole);
  for (int d = 0; d < shape->rank; d++) {
    if (!shape->dynamic[d]) continue;
    int64_t size = array->sizes ? array->sizes[d] : shape->dims[d];
    TN_PUSH(arena, out, tn_literal_scalar_integer(arena, TN_S32, size));
  }
}

void tn_add_leaves(tn_arena *arena, tn_literal_list *out, const tn_literal *value, bool sized) {
  if (tn_shape_is_tuple(value->shape)) {
    for (int i = 0; i < value->shape->rank; i++) tn_add_leaves(arena, out, value->elements[i], sized);
  } else if (sized && tn_shape_is_array(value->shape) && tn_shape_is_dynamic(value->shape)) {
    add_sized(arena, out, value, true);
  } else if (tn_shape_is_array(value->shape)) {
    TN_PUSH(arena, out, value);
  }
}

bool tn_entry_is_bounded(const tn_module *module) {
  bool bounded = tn_shape_is_dynamic(module->entry->root->shape);
  for (int i = 0; i < module->entry->parameters.count; i++)
    bounded = bounded || tn_shape_is_dynamic(module->entry->parameters.at[i]->shape);
  return bounded;
}

tn_literal_list tn_list_arguments(tn_arena *arena, const tn_module *before,
                                  const tn_literal *const *arguments, bool sized) {
  tn_literal_list list = {0};
  for (int i = 0; i < before->entry->parameters.count; i++) {
    const tn_literal *argument = arguments[i];
    if (sized && tn_shape_is_array(argument->shape) && tn_shape_is_dynamic(argument->shape))
      add_sized(arena, &list, argument, false);
    else
      TN_PUSH(arena, &list, argument);
  }
  return list;
}

static bool parameters_fit(const tn_module *module, const tn_literal_list *arguments) {
  if (module->entry->parameters.count != arguments->count) return false;
  for (int i = 0; i < arguments->count; i++)
    if (!tn_shape_equal(module->entry->parameters.at[i]->shape, arguments->at[i]->shape)) return false;
  return true;
}

/* ---- the two ---- */

/* `turns`: of one loop. */
static tn_literal *evaluate(tn_arena *arena, const tn_module *module, const tn_literal *const *arguments,
                            bool bounds, int64_t turns, tn_status *status) {
  tn_diagnostics silent = {0};
  tn_eval_options options = {.bounds = bounds, .max_iterations = turns, .max_bytes = (int64_t)16 << 30};
  tn_literal *result = tn_evaluate(arena, module, arguments, &options, &silent);
  *status = silent.status;
  return result;
}

tn_literal *tn_try_evaluate(tn_arena *arena, const tn_module *module, const tn_literal *const *arguments,
                            bool bounds) {
  tn_status status;
  return evaluate(arena, module, arguments, bounds, 1 << 14, &status);
}

bool tn_is_written_out(const tn_module *module) {
  static const tn_op ops[] = {
      TN_OP_BATCH_NORM_TRAINING, TN_OP_BATCH_NORM_INFERENCE, TN_OP_BATCH_NORM_GRAD, TN_OP_FFT,
      TN_OP_RAGGED_DOT,          TN_OP_SCALED_DOT,           TN_OP_CHOLESKY,        TN_OP_TRIANGULAR_SOLVE};
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (inst->op == ops[i]) return true;
  return false;
}

/* The difference with the fewest elements stays. */
static bool leaves_agree(const tn_literal_list *got, const tn_literal_list *expected, bool inexact,
                         double least, tn_difference *difference) {
  bool agree = true;
  for (int i = 0; i < expected->count; i++) {
    tn_difference found;
    if (tn_leaf_agrees(got->at[i], expected->at[i], inexact, least, &found)) continue;
    found.output = i;
    if (agree || tn_shape_elements(found.shape) < tn_shape_elements(difference->shape)) *difference = found;
    agree = false;
  }
  return agree;
}

static tn_literal_list leaves_of(tn_arena *arena, const tn_literal *value, bool sized) {
  tn_literal_list list = {0};
  tn_add_leaves(arena, &list, value, sized);
  return list;
}

static tn_equality no_result(tn_difference *difference, const tn_module *module, const char *what) {
  *difference = (tn_difference){.shape = module->entry->root->shape, .output = -1};
  unlike(difference, what);
  return TN_DIFFERENT;
}

tn_equality tn_modules_agree(tn_arena *arena, const tn_module *before, const tn_module *after,
                             const tn_literal *const *arguments, tn_closeness close, const tn_literal *known,
                             tn_literal **got, tn_difference *difference) {
  bool sized = tn_entry_is_bounded(before) && !tn_entry_is_bounded(after);
  const tn_literal *expected = known ? known : tn_try_evaluate(arena, before, arguments, false);
  *got = NULL;
  if (!expected) return TN_INCOMPARABLE;
  tn_literal_list inputs = tn_list_arguments(arena, before, arguments, sized);
  if (!parameters_fit(after, &inputs)) return no_result(difference, before, "other parameters");
  tn_status status; /* expansions make loops of what had none */
  *got = evaluate(arena, after, inputs.at, false, 1 << 20, &status);
  if (!*got && (status == TN_UNSUPPORTED || status == TN_LIMIT)) return TN_INCOMPARABLE;
  if (!*got) return no_result(difference, before, "the evaluator does not run it any more");
  tn_literal_list results = leaves_of(arena, *got, false), wanted = leaves_of(arena, expected, sized);
  if (results.count != wanted.count) return no_result(difference, before, "another number of results");
  if (leaves_agree(&results, &wanted, false, 0, difference)) return TN_SAME;
  if (close == TN_CLOSE_BITS) return TN_DIFFERENT;
  expected = tn_try_evaluate(arena, before, arguments, true);
  if (!expected) return TN_INCOMPARABLE;
  wanted = leaves_of(arena, expected, sized);
  tn_literal *bounded =
      close == TN_CLOSE_LOOSE ? evaluate(arena, after, inputs.at, true, 1 << 20, &status) : NULL;
  if (bounded) results = leaves_of(arena, bounded, false);
  double least = tn_is_written_out(before) ? 0x1p-1074 : 0;
  return leaves_agree(&results, &wanted, true, least, difference) ? TN_SAME : TN_DIFFERENT;
}
