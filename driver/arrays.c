/* Lists of arrays: from and to NumPy's files, from and to literals, matched with a
 * signature, compared.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "base/npy.h"
#include "driver/driver.h"

#include <stdlib.h>

/* ---- lists ---- */

tn_arrays *tn_driver_new_arrays(tn_context *context) {
  tn_arena *arena = tn_arena_create();
  tn_arrays *arrays = TN_NEW(arena, tn_arrays);
  *arrays = (tn_arrays){.context = context, .arena = arena};
  return arrays;
}

typedef struct {
  tn_context *context;
  tn_arrays **arrays;
} create_work;

static bool do_create(void *argument) {
  create_work *work = argument;
  *work->arrays = tn_driver_new_arrays(work->context);
  return true;
}

tn_status tn_arrays_create(tn_context *context, tn_arrays **arrays) {
  *arrays = NULL;
  return tn_driver_do(context, do_create, &(create_work){context, arrays});
}

void tn_arrays_destroy(tn_arrays *arrays) {
  if (arrays) tn_arena_destroy(arrays->arena); /* which holds the list itself */
}

int32_t tn_arrays_count(const tn_arrays *arrays) { return arrays->list.count; }

const tn_array *tn_arrays_at(const tn_arrays *arrays, int32_t index) {
  return index >= 0 && index < arrays->list.count ? &arrays->list.at[index] : NULL;
}

const tn_array *tn_arrays_find(const tn_arrays *arrays, const char *name) {
  for (int i = 0; i < arrays->list.count; i++)
    if (strcmp(arrays->list.at[i].name, name) == 0) return &arrays->list.at[i];
  return NULL;
}

/* ---- arrays, shapes, literals ---- */

static const tn_shape *array_shape(tn_arena *arena, const tn_array *array) {
  tn_type type = tn_type_from_name((tn_str){array->type, strlen(array->type)});
  return tn_shape_array(arena, type, array->rank, array->dims);
}

/* As NumPy would have it. */
static tn_npy array_npy(const tn_array *array) {
  tn_npy npy = {.name = array->name,
                .rank = array->rank,
                .dims = array->dims,
                .data = array->data,
                .bytes = (size_t)array->bytes};
  tn_npy_type(tn_type_from_name((tn_str){array->type, strlen(array->type)}), &npy.kind, &npy.item_bytes);
  return npy;
}

tn_literal *tn_driver_literal(tn_arena *arena, tn_diagnostics *sink, const tn_array *array,
                              const tn_shape *shape) {
  if (strcmp(array->type, tn_type_name(shape->type)) == 0) {
    const tn_shape *given = array_shape(arena, array);
    if (tn_shape_same_dims(given, shape)) return tn_literal_array(arena, shape, array->data);
  }
  tn_npy npy = array_npy(array);
  return tn_literal_from_npy(arena, sink, &npy, shape);
}

tn_literal *tn_driver_argument(tn_arena *arena, tn_context *context, const tn_arrays *arguments, int number,
                               const tn_shape *shape) {
  const tn_array *array = tn_arrays_at(arguments, number);
  tn_literal *literal = array ? tn_driver_literal(arena, &context->sink, array, shape) : NULL;
  if (!literal)
    tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "argument %d is missing or does not fit", number);
  return literal;
}

void tn_driver_append_literal(tn_arrays *arrays, const char *name, const tn_literal *literal) {
  tn_arena *arena = arrays->arena;
  tn_npy actual = tn_literal_to_npy(arena, literal, name); /* dynamic dims at their sizes */
  bool viewed = actual.data == literal->data;
  tn_array array = {.name = tn_arena_string(arena, name),
                    .type = tn_type_name(literal->shape->type),
                    .rank = actual.rank,
                    .dims = tn_arena_copy(arena, actual.dims, (size_t)actual.rank * sizeof *actual.dims),
                    .bytes = (int64_t)actual.bytes,
                    .data = viewed ? tn_arena_copy(arena, actual.data, actual.bytes) : actual.data};
  TN_PUSH(arena, &arrays->list, array);
}

void tn_driver_append_leaves(tn_arrays *arrays, tn_literal *literal) {
  if (tn_shape_is_tuple(literal->shape)) {
    for (int i = 0; i < literal->shape->rank; i++) tn_driver_append_leaves(arrays, literal->elements[i]);
  } else if (tn_shape_is_array(literal->shape)) {
    tn_driver_append_literal(arrays, tn_arena_printf(arrays->arena, "r%d", arrays->list.count), literal);
  }
}

void tn_driver_leaves(tn_arena *arena, const tn_shape *shape, tn_leaves *leaves) {
  if (tn_shape_is_tuple(shape))
    for (int i = 0; i < shape->rank; i++) tn_driver_leaves(arena, shape->elements[i], leaves);
  else if (tn_shape_is_array(shape))
    TN_PUSH(arena, leaves, shape);
}

const tn_shape *tn_driver_value_shape(tn_arena *arena, const tn_value *value) {
  tn_type type = tn_type_from_name((tn_str){value->type, strlen(value->type)});
  const tn_shape *shape = tn_shape_array(arena, type, value->rank, value->dims);
  int64_t *order = TN_NEW_ARRAY(arena, int64_t, value->rank);
  for (int i = 0; i < value->rank; i++) order[i] = value->minor_to_major[i];
  tn_layout *layout = TN_NEW(arena, tn_layout);
  *layout = (tn_layout){.minor_to_major = {order, value->rank}, .tail_alignment = 1};
  int bits = tn_type_bits(type), per_byte = bits && bits < 8 ? 8 / bits : 1;
  int64_t elements = tn_shape_elements(shape);
  /* Fewer bytes than elements: as many share a byte as their bits allow. */
  bool shared = elements > value->bytes && value->bytes == (elements + per_byte - 1) / per_byte;
  if (shared) layout->element_bits = bits;
  return tn_shape_with_layout(arena, shape, layout);
}

/* ---- adding ---- */

typedef struct {
  tn_arrays *arrays;
  const tn_array *array;
} add_work;

static bool do_add(void *argument) {
  add_work *work = argument;
  const tn_array *array = work->array;
  tn_arena *arena = work->arrays->arena;
  tn_diagnostics *sink = &work->arrays->context->sink;
  tn_type type = tn_type_from_name((tn_str){array->type, strlen(array->type)});
  if (!tn_type_is_array(type))
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "array '%s': unknown element type '%s'", array->name,
                    array->type);
  int64_t bytes = (int64_t)tn_type_bytes(type);
  for (int d = 0; d < array->rank; d++)
    if (array->dims[d] < 0 || __builtin_mul_overflow(bytes, array->dims[d], &bytes))
      return tn_error(sink, TN_USAGE, TN_NOWHERE, "array '%s': size %lld of dim %d", array->name,
                      (long long)array->dims[d], d);
  if (bytes != array->bytes)
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "array '%s': %lld bytes given, its shape has %lld",
                    array->name, (long long)array->bytes, (long long)bytes);
  tn_array copy = *array;
  copy.name = tn_arena_string(arena, array->name ? array->name : "");
  copy.type = tn_type_name(type);
  copy.dims = tn_arena_copy(arena, array->dims, (size_t)array->rank * sizeof *array->dims);
  copy.data = tn_arena_copy(arena, array->data, (size_t)bytes);
  TN_PUSH(arena, &work->arrays->list, copy);
  return true;
}

tn_status tn_arrays_add(tn_arrays *arrays, const tn_array *array) {
  return tn_driver_do(arrays->context, do_add, &(add_work){arrays, array});
}

/* ---- files ---- */

/* The type that has NumPy's kind and size; raw bytes are unsigned integers. */
static tn_type numpy_type(const tn_npy *npy) {
  static const tn_type known[] = {TN_PRED, TN_S8,  TN_S16, TN_S32, TN_S64, TN_U8,  TN_U16,
                                  TN_U32,  TN_U64, TN_F16, TN_F32, TN_F64, TN_C64, TN_C128};
  char wanted = npy->kind == 'V' ? 'u' : npy->kind;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char kind;
    int item_bytes;
    tn_npy_type(known[i], &kind, &item_bytes);
    if (kind == wanted && item_bytes == npy->item_bytes) return known[i];
  }
  return TN_TYPE_NONE;
}

typedef struct {
  tn_arrays *arrays;
  const char *path, *name;
} file_work;

static bool do_read(void *argument) {
  file_work *work = argument;
  tn_context *context = work->arrays->context;
  tn_npz npz;
  if (!tn_npz_read(work->arrays->arena, &context->sink, work->path, (uint64_t)context->limits.max_file_size,
                   &npz))
    return false;
  for (int i = 0; i < npz.count; i++) {
    const tn_npy *npy = &npz.at[i];
    tn_type type = numpy_type(npy);
    if (type == TN_TYPE_NONE)
      return tn_error(&context->sink, TN_UNSUPPORTED, (tn_location){.file = work->path},
                      "array '%s': element type '%c%d'", npy->name, npy->kind, npy->item_bytes);
    bool lone = npz.count == 1 && !npy->name[0];
    tn_array array = {.name =
                          lone && work->name ? tn_arena_string(work->arrays->arena, work->name) : npy->name,
                      .type = tn_type_name(type),
                      .rank = npy->rank,
                      .dims = npy->dims,
                      .data = npy->data,
                      .bytes = (int64_t)npy->bytes};
    TN_PUSH(work->arrays->arena, &work->arrays->list, array);
  }
  return true;
}

tn_status tn_arrays_read(tn_arrays *arrays, const char *path, const char *name) {
  return tn_driver_do(arrays->context, do_read, &(file_work){arrays, path, name});
}

static bool do_write(void *argument) {
  file_work *work = argument;
  const tn_arrays *arrays = work->arrays;
  tn_npy *list = TN_NEW_ARRAY(arrays->context->scratch, tn_npy, arrays->list.count);
  for (int i = 0; i < arrays->list.count; i++) list[i] = array_npy(&arrays->list.at[i]);
  bool lone = strcmp(tn_path_suffix(work->path), ".npy") == 0;
  if (lone && arrays->list.count != 1)
    return tn_error(&arrays->context->sink, TN_USAGE, (tn_location){.file = work->path},
                    "a .npy holds one array, not %d", arrays->list.count);
  return tn_npz_write(&arrays->context->sink, work->path, list, arrays->list.count);
}

tn_status tn_arrays_write(const tn_arrays *arrays, const char *path) {
  file_work work = {(tn_arrays *)arrays, path, NULL};
  return tn_driver_do(arrays->context, do_write, &work);
}
