/* Literals: construction, equality, .npy arrays, random values.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/literal.h"

#include <math.h>

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

/* ---- .npy ---- */

/* The array's size fits the shape's dim: equal, or within the bound. */
static bool fits(const tn_shape *shape, const tn_npy *array) {
  if (array->rank != shape->rank) return false;
  for (int i = 0; i < shape->rank; i++) {
    bool bounded = shape->dynamic && shape->dynamic[i];
    if (array->dims[i] != shape->dims[i] && !(bounded && array->dims[i] < shape->dims[i])) return false;
  }
  return true;
}

static const char *npy_text(tn_arena *arena, const tn_npy *array) {
  tn_text text = {0};
  tn_text_printf(&text, "%c%d[", array->kind, array->item_bytes);
  for (int i = 0; i < array->rank; i++) {
    if (i) tn_text_put_char(&text, ',');
    tn_text_put_int(&text, array->dims[i]);
  }
  tn_text_put_char(&text, ']');
  char *copy = tn_arena_string_n(arena, text.bytes, text.length);
  tn_text_free(&text);
  return copy;
}

/* True when the bytes may be used as they lie: aligned, and every byte pattern is a
 * value (not so for predicates and sub-byte types).                                 */
static bool is_usable(const tn_npy *array, tn_type type) {
  size_t part = tn_type_is_complex(type) ? tn_type_bytes(type) / 2 : tn_type_bytes(type);
  if ((uintptr_t)array->data % part) return false;
  if (tn_type_bits(type) >= 8) return true;
  const unsigned char *bytes = array->data;
  if (type != TN_PRED) return false;
  for (size_t i = 0; i < array->bytes; i++)
    if (bytes[i] > 1) return false;
  return true;
}

/* Makes whatever stands in bytes a value of a type under a byte. */
static void normalise(tn_type type, unsigned char *bytes, int64_t count) {
  if (tn_type_bits(type) >= 8) return;
  for (int64_t i = 0; i < count; i++) {
    if (type == TN_PRED)
      bytes[i] = bytes[i] != 0;
    else if (tn_type_is_float(type))
      bytes[i] &= (unsigned char)((1u << tn_type_bits(type)) - 1);
    else
      tn_store_integer(type, &bytes[i], (signed char)bytes[i]);
  }
}

tn_literal *tn_literal_from_npy(tn_arena *arena, tn_diagnostics *sink, const tn_npy *array,
                                const tn_shape *shape) {
  if (!tn_shape_is_array(shape) || !tn_npy_holds(array, shape->type) || !fits(shape, array)) {
    tn_error(sink, TN_INVALID, TN_NOWHERE, "array '%s': is %s where %s is expected", array->name,
             npy_text(arena, array), tn_shape_text(arena, shape));
    return NULL;
  }
  bool whole = true;
  for (int i = 0; i < shape->rank; i++) whole &= array->dims[i] == shape->dims[i];
  if (whole && !shape->dynamic && is_usable(array, shape->type))
    return tn_literal_array(arena, shape, array->data);

  /* Copied row by row to where rows begin when every dim has its bound's size. */
  tn_literal *literal = tn_literal_zero(arena, shape);
  if (shape->dynamic)
    literal->sizes = tn_arena_copy(arena, array->dims, (size_t)shape->rank * sizeof *array->dims);
  size_t bytes = tn_type_bytes(shape->type);
  const char *from = array->data;
  char *to = (char *)literal->data;
  tn_runs runs = tn_runs_of(literal);
  for (int64_t first, count; tn_next_run(&runs, &first, &count); from += (size_t)count * bytes)
    memcpy(to + (size_t)first * bytes, from, (size_t)count * bytes);
  normalise(shape->type, (unsigned char *)to, tn_shape_elements(shape));
  return literal;
}

tn_npy tn_literal_to_npy(tn_arena *arena, const tn_literal *literal, const char *name) {
  const tn_shape *shape = literal->shape;
  const int64_t *sizes = literal->sizes ? literal->sizes : shape->dims;
  tn_npy array = {.name = name, .rank = shape->rank, .dims = sizes, .data = literal->data};
  tn_npy_type(shape->type, &array.kind, &array.item_bytes);
  size_t bytes = tn_type_bytes(shape->type);
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) count *= sizes[i];
  array.bytes = (size_t)count * bytes;
  if (count == tn_shape_elements(shape)) return array;

  char *to = tn_arena_alloc_raw(arena, array.bytes);
  array.data = to;
  tn_runs runs = tn_runs_of(literal);
  for (int64_t first, run; tn_next_run(&runs, &first, &run); to += (size_t)run * bytes)
    memcpy(to, (const char *)literal->data + (size_t)first * bytes, (size_t)run * bytes);
  return array;
}
