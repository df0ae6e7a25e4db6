/* Literals from NumPy's arrays and back. An array is viewed where its bytes can be
 * used as they lie, and copied row by row where a dynamic dim is smaller than its bound
 * or where bytes may be no value of the type (predicates, types under a byte).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/literal_runs.h"

/* The array's size fits the shape's dim: equal, or within the bound. */
static bool fits(const tn_shape *shape, const tn_npy *array) {
  if (array->rank != shape->rank) return false;
  for (int i = 0; i < shape->rank; i++) {
    bool bounded = shape->dynamic && shape->dynamic[i];
    if (array->dims[i] != shape->dims[i] && !(bounded && array->dims[i] < shape->dims[i])) return false;
  }
  return true;
}

/* As a shape is written: NumPy's "f8" are eight bytes, which is f64 here. */
static const char *npy_text(tn_arena *arena, const tn_npy *array) {
  tn_text text = {0};
  if (array->kind == 'b')
    tn_text_put(&text, "pred[");
  else
    tn_text_printf(&text, "%c%d[", array->kind == 'i' ? 's' : array->kind, 8 * array->item_bytes);
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
