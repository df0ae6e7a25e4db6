/* sort, topk, and the custom calls that mean something everywhere.
 *
 * Sorting is a stable merge of positions, whether stability is asked for or not. A
 * comparator that is one comparison of its two keys reads them directly, any other runs
 * as steps over lanes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/custom_call.h"
#include "ir/eval_internal.h"

#include <math.h>

/* Whether the element at position a belongs before the one at b. */
typedef struct {
  tn_lanes *lines; /* n operands, one line each */
  int n;
  const tn_lanes *key; /* of a plain comparison; NULL: run the computation */
  tn_direction direction;
  bool is_float, is_unsigned, swapped;
  bool total;   /* floats by their totalOrder, as integers */
  bool decided; /* by the computation, on what is not exact */
  tn_caller caller;
} ordering;

static void put(tn_lanes *to, const tn_lanes *from, int64_t at) {
  to->re[0] = from->re[at];
  if (to->im) to->im[0] = from->im[at];
  if (to->bound) to->bound[0] = from->bound[at];
}

static bool before(ordering *o, int64_t a, int64_t b) {
  if (o->key) {
    tn_cell x = o->key->re[o->swapped ? b : a], y = o->key->re[o->swapped ? a : b];
    return tn_cell_compare(o->direction, o->is_float, o->is_unsigned, x, y);
  }
  for (int k = 0; k < o->n; k++) {
    put(&o->caller.parameters[2 * k], &o->lines[k], a);
    put(&o->caller.parameters[2 * k + 1], &o->lines[k], b);
  }
  tn_caller_run(&o->caller, 1);
  if (o->caller.results[0].bound && o->caller.results[0].bound[0] > 0) o->decided = true;
  return o->caller.results[0].re[0].i != 0;
}

/* Bottom-up; `order` and `spare` hold `count` positions each. Returns the sorted one. */
static int64_t *merge_sort(ordering *o, int64_t *order, int64_t *spare, int64_t count) {
  for (int64_t i = 0; i < count; i++) order[i] = i;
  for (int64_t width = 1; width < count; width *= 2) {
    for (int64_t low = 0; low < count; low += 2 * width) {
      int64_t middle = low + width < count ? low + width : count,
              high = low + 2 * width < count ? low + 2 * width : count;
      int64_t a = low, b = middle;
      for (int64_t i = low; i < high; i++)
        spare[i] = a < middle && (b >= high || !before(o, order[b], order[a])) ? order[a++] : order[b++];
    }
    int64_t *swap = order;
    order = spare;
    spare = swap;
  }
  return order;
}

/* compare(parameter 2k, parameter 2k+1), or the other way round. */
static bool is_plain_comparison(const tn_comp *comp, int *key, bool *swapped) {
  const tn_inst *root = comp->root;
  if (root->op != TN_OP_COMPARE) return false;
  const tn_inst *a = root->operands[0], *b = root->operands[1];
  if (a->op != TN_OP_PARAMETER || b->op != TN_OP_PARAMETER || tn_type_is_complex(a->shape->type))
    return false;
  int64_t x = a->attr.parameter.number, y = b->attr.parameter.number;
  if (x / 2 != y / 2 || x == y) return false;
  *key = (int)(x / 2);
  *swapped = x > y;
  return true;
}

static ordering open_ordering(tn_eval *eval, const tn_inst *inst, tn_lanes *lines, int n, tn_lanes *keys) {
  const tn_comp *comp = inst->called[0];
  ordering o = {.lines = lines, .n = n};
  int key;
  if (!is_plain_comparison(comp, &key, &o.swapped)) {
    o.caller = tn_caller_open(eval, comp, 1);
    return o;
  }
  o.direction = comp->root->attr.compare.direction;
  o.total = tn_type_is_float(lines[key].type) && comp->root->attr.compare.type == TN_COMPARE_TOTALORDER;
  o.is_float = tn_type_is_float(lines[key].type) && !o.total;
  o.is_unsigned = tn_type_class_of(lines[key].type) == TN_CLASS_UNSIGNED;
  *keys = lines[key];
  if (o.total) keys->type = TN_S64; /* load_keys turns the line into integers */
  o.key = keys;
  return o;
}

static void load_keys(ordering *o, tn_lanes *keys, const tn_lanes *line, int64_t count) {
  if (!o->total) return;
  for (int64_t i = 0; i < count; i++) {
    keys->re[i].i = tn_float_total_order(line->re[i].f);
    o->decided = o->decided || tn_is_doubtful_nan(line->re[i].f);
  }
}

/* Moving a bound along with its element is right only where the order is certain: keys
 * whose intervals meet make every payload uncertain. A lone operand is different: sorted
 * values move no more than the largest bound. NaNs of either sign go to either end.      */
static void sort_bounds(ordering *o, const int64_t *order, int64_t count) {
  if (!o->lines[0].bound) return;
  double largest = o->decided ? INFINITY : 0;
  o->decided = false;
  for (int k = 0; k < o->n; k++)
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, o->lines[k].bound[i]);
  if (largest == 0) return;
  bool certain = o->key && o->is_float;
  for (int64_t i = 1; certain && i < count; i++) {
    int64_t a = order[i - 1], b = order[i];
    certain = fabs(o->key->re[a].f - o->key->re[b].f) > o->key->bound[a] + o->key->bound[b];
  }
  if (certain) return;
  bool moves = o->n == 1 && o->key;
  for (int k = 0; k < o->n; k++)
    for (int64_t i = 0; i < count; i++) o->lines[k].bound[i] = moves ? largest : INFINITY;
}

tn_value *tn_eval_sort(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  int n = inst->n_operands, dim = (int)inst->attr.sort.dim;
  const tn_shape *shape = operands[0]->literal.shape;
  if (tn_eval_any_short(inst, operands))
    return tn_eval_packed(eval, inst, tn_eval_sort, operands, shape->rank, operands[0]->literal.sizes);
  bool tuple = tn_shape_is_tuple(inst->shape);
  tn_value **results = TN_SCRATCH(eval, tn_value *, n);
  for (int k = 0; k < n; k++) results[k] = tn_value_new(eval, tuple ? inst->shape->elements[k] : inst->shape);
  int64_t count = shape->rank ? shape->dims[dim] : 1, stride = 1, total = tn_shape_elements(shape);
  for (int d = dim + 1; d < shape->rank; d++) stride *= shape->dims[d];
  tn_lanes *lines = TN_SCRATCH(eval, tn_lanes, n), keys;
  for (int k = 0; k < n; k++) lines[k] = tn_lanes_new(eval, tn_value_type(operands[k]), count + 1);
  ordering o = open_ordering(eval, inst, lines, n, &keys);
  const tn_lanes *line_of_keys = NULL;
  for (int k = 0; o.key && k < n; k++)
    if (lines[k].re == keys.re) line_of_keys = &lines[k];
  if (o.key && keys.type != line_of_keys->type) keys.re = TN_SCRATCH(eval, tn_cell, count);
  int64_t *order = TN_SCRATCH(eval, int64_t, count), *spare = TN_SCRATCH(eval, int64_t, count);
  for (int64_t line = 0; count && line < total / count; line++) {
    int64_t first = line / stride * stride * count + line % stride;
    for (int k = 0; k < n; k++) tn_lanes_load(&lines[k], 0, operands[k], first, stride, (int)count);
    if (o.key) load_keys(&o, &keys, line_of_keys, count);
    int64_t *sorted = merge_sort(&o, order, spare, count);
    sort_bounds(&o, sorted, count);
    for (int k = 0; k < n; k++)
      for (int64_t i = 0; i < count; i++)
        tn_lanes_store(&lines[k], (int)sorted[i], results[k], first + i * stride, 1, 1);
  }
  return tuple ? tn_value_tuple(eval, inst->shape, results) : results[0];
}

/* ---- topk ---- */

/* Keys that compare as signed integers: totalOrder for floats. */
static void integer_keys(ordering *o, tn_lanes *line, int64_t count) {
  bool is_float = tn_type_is_float(line->type),
       is_unsigned = tn_type_class_of(line->type) == TN_CLASS_UNSIGNED;
  for (int64_t i = 0; i < count; i++) {
    if (is_float) {
      o->decided = o->decided || tn_is_doubtful_nan(line->re[i].f);
      line->re[i].i = tn_float_total_order(line->re[i].f);
    } else if (is_unsigned) {
      line->re[i].i ^= INT64_MIN;
    }
  }
}

/* (values, s32 positions) of the first k along the last dim; ties by the smaller position. */
static tn_value *top(tn_eval *eval, const tn_shape *shape, tn_value *operand, bool largest) {
  const tn_shape *from = operand->literal.shape;
  int64_t count = from->dims[from->rank - 1], k = shape->elements[0]->dims[from->rank - 1];
  tn_value *results[2] = {tn_value_new(eval, shape->elements[0]), tn_value_new(eval, shape->elements[1])};
  tn_lanes line = tn_lanes_new(eval, from->type, count + 1), keys = tn_lanes_new(eval, from->type, count + 1);
  ordering o = {.lines = &line, .n = 1, .key = &keys, .direction = largest ? TN_GT : TN_LT};
  int64_t *order = TN_SCRATCH(eval, int64_t, count), *spare = TN_SCRATCH(eval, int64_t, count);
  int64_t lines = count ? tn_shape_elements(from) / count : 0;
  tn_type index_type = shape->elements[1]->type;
  for (int64_t l = 0; l < lines; l++) {
    tn_lanes_load(&line, 0, operand, l * count, 1, (int)count);
    tn_lanes_load(&keys, 0, operand, l * count, 1, (int)count);
    integer_keys(&o, &keys, count);
    int64_t *sorted = merge_sort(&o, order, spare, count);
    sort_bounds(&o, sorted, count);
    for (int64_t i = 0; i < k; i++) {
      tn_lanes_store(&line, (int)sorted[i], results[0], l * k + i, 1, 1);
      tn_store_integer(index_type,
                       (char *)tn_value_data(results[1]) + (size_t)(l * k + i) * tn_type_bytes(index_type),
                       sorted[i]);
      if (line.bound) tn_value_bound(results[1])[l * k + i] = line.bound[sorted[i]] > 0 ? INFINITY : 0;
    }
  }
  return tn_value_tuple(eval, shape, results);
}

tn_value *tn_eval_topk(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  return top(eval, inst->shape, operands[0], inst->attr.topk.largest);
}

/* ---- custom calls ---- */

tn_value *tn_eval_custom_call(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  bool largest;
  if (tn_custom_call_is_identity(inst)) return tn_value_retain(operands[0]);
  if (tn_custom_call_is_topk(inst, &largest)) return top(eval, inst->shape, operands[0], largest);
  tn_eval_stop(eval, TN_UNSUPPORTED, "custom-call: target \"%s\" has no meaning here",
               inst->attr.custom_call->target);
}
