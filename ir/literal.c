/* Literals: construction, equality, leaves.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/literal.h"

#include "ir/literal_runs.h"

/* ---- construction ---- */

tn_literal *tn_literal_array(tn_arena *arena, const tn_shape *shape, const void *data) {
  tn_literal *literal = TN_NEW(arena, tn_literal);
  literal->shape = shape;
  literal->data = data;
  return literal;
}

tn_literal *tn_literal_uninitialised(tn_arena *arena, const tn_shape *shape, void **data) {
  *data = tn_arena_alloc_raw(arena, (size_t)tn_shape_bytes(shape));
  return tn_literal_array(arena, shape, *data);
}

tn_literal *tn_literal_tuple(tn_arena *arena, const tn_shape *shape, tn_literal *const *elements) {
  tn_literal *literal = TN_NEW(arena, tn_literal);
  literal->shape = shape;
  literal->elements = tn_arena_copy(arena, elements, (size_t)shape->rank * sizeof *elements);
  return literal;
}

tn_literal *tn_literal_zero(tn_arena *arena, const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape))
    return tn_literal_array(arena, shape, tn_arena_alloc(arena, (size_t)tn_shape_bytes(shape)));
  tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
  for (int i = 0; i < shape->rank; i++) elements[i] = tn_literal_zero(arena, shape->elements[i]);
  tn_literal *literal = tn_literal_array(arena, shape, NULL);
  literal->elements = elements;
  return literal;
}

tn_literal *tn_literal_clone(tn_arena *arena, const tn_literal *literal) {
  tn_literal *copy = tn_literal_array(arena, tn_shape_clone(arena, literal->shape), literal->data);
  if (literal->sizes)
    copy->sizes = tn_arena_copy(arena, literal->sizes, (size_t)literal->shape->rank * sizeof *literal->sizes);
  copy->bound = literal->bound;
  if (!literal->elements) return copy;
  tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, literal->shape->rank);
  for (int i = 0; i < literal->shape->rank; i++) elements[i] = tn_literal_clone(arena, literal->elements[i]);
  copy->elements = elements;
  return copy;
}

/* A number as an element of any type: complex types get it as their real part. */
static void store(tn_type type, void *element, double value, int64_t integer) {
  if (tn_type_is_complex(type))
    tn_store_float(tn_type_part(type), element, value);
  else if (tn_type_is_float(type))
    tn_store_float(type, element, value);
  else
    tn_store_integer(type, element, integer);
}

tn_literal *tn_literal_scalar_float(tn_arena *arena, tn_type type, double value) {
  tn_literal *literal = tn_literal_zero(arena, tn_shape_scalar(arena, type));
  double whole = value >= -0x1p63 && value < 0x1p63 ? value : 0;
  store(type, (void *)literal->data, value, (int64_t)whole);
  return literal;
}

tn_literal *tn_literal_scalar_integer(tn_arena *arena, tn_type type, int64_t value) {
  tn_literal *literal = tn_literal_zero(arena, tn_shape_scalar(arena, type));
  store(type, (void *)literal->data, (double)value, value);
  return literal;
}

/* ---- equality, leaves ---- */

bool tn_literal_equal(const tn_literal *a, const tn_literal *b) {
  if (!tn_shape_equal(a->shape, b->shape)) return false;
  if (tn_shape_is_tuple(a->shape)) {
    for (int i = 0; i < a->shape->rank; i++)
      if (!tn_literal_equal(a->elements[i], b->elements[i])) return false;
    return true;
  }
  if (!tn_same_sizes(a, b)) return false;
  size_t bytes = tn_type_bytes(a->shape->type);
  tn_runs runs = tn_runs_of(a);
  for (int64_t first, count; tn_next_run(&runs, &first, &count);)
    if (memcmp((const char *)a->data + (size_t)first * bytes, (const char *)b->data + (size_t)first * bytes,
               (size_t)count * bytes))
      return false;
  return true;
}

tn_literal *tn_literal_leaf(tn_literal *literal, int index) {
  while (tn_shape_is_tuple(literal->shape)) {
    int i = 0;
    for (;; i++) {
      if (i == literal->shape->rank) return NULL;
      int leaves = tn_shape_leaves(literal->shape->elements[i]);
      if (index < leaves) break;
      index -= leaves;
    }
    literal = literal->elements[i];
  }
  return tn_shape_is_array(literal->shape) && index == 0 ? literal : NULL;
}
