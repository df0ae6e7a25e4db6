/* Shapes: construction, comparison, counting, text.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/shape.h"

static void *copy_array(tn_arena *arena, const void *at, int count, size_t size) {
  return at ? tn_arena_copy(arena, at, (size_t)count * size) : NULL;
}

/* ---- construction ---- */

const tn_shape *tn_shape_array(tn_arena *arena, tn_type type, int rank, const int64_t *dims) {
  tn_shape *shape = TN_NEW(arena, tn_shape);
  shape->type = type;
  shape->rank = rank;
  shape->dims = rank ? tn_arena_copy(arena, dims, (size_t)rank * sizeof *dims) : NULL;
  return shape;
}

const tn_shape *tn_shape_scalar(tn_arena *arena, tn_type type) {
  return tn_shape_array(arena, type, 0, NULL);
}

const tn_shape *tn_shape_tuple(tn_arena *arena, int count, const tn_shape *const *elements) {
  tn_shape *shape = TN_NEW(arena, tn_shape);
  shape->type = TN_TUPLE;
  shape->rank = count;
  shape->elements = count ? tn_arena_copy(arena, elements, (size_t)count * sizeof *elements) : NULL;
  return shape;
}

const tn_shape *tn_shape_token(tn_arena *arena) { return tn_shape_array(arena, TN_TOKEN, 0, NULL); }

static tn_shape *shallow(tn_arena *arena, const tn_shape *shape) {
  return tn_arena_copy(arena, shape, sizeof *shape);
}

const tn_shape *tn_shape_with_type(tn_arena *arena, const tn_shape *shape, tn_type type) {
  tn_shape *copy = shallow(arena, shape);
  copy->type = type;
  return copy;
}

const tn_shape *tn_shape_with_layout(tn_arena *arena, const tn_shape *shape, const tn_layout *layout) {
  tn_shape *copy = shallow(arena, shape);
  copy->layout = layout;
  return copy;
}

/* `elements` with `change` done to each. */
static const tn_shape *const *map_elements(tn_arena *arena, const tn_shape *shape,
                                           const tn_shape *change(tn_arena *, const tn_shape *)) {
  int count = shape->type == TN_BUFFER ? 1 : shape->rank;
  const tn_shape **elements = TN_NEW_ARRAY(arena, const tn_shape *, count);
  for (int i = 0; i < count; i++) elements[i] = change(arena, shape->elements[i]);
  return elements;
}

const tn_shape *tn_shape_without_layout(tn_arena *arena, const tn_shape *shape) {
  tn_shape *copy = shallow(arena, shape);
  copy->layout = NULL;
  if (shape->elements) copy->elements = map_elements(arena, shape, tn_shape_without_layout);
  return copy;
}

static tn_dims clone_dims(tn_arena *arena, tn_dims dims) {
  return (tn_dims){copy_array(arena, dims.at, dims.count, sizeof *dims.at), dims.count};
}

static const tn_layout *clone_layout(tn_arena *arena, const tn_layout *layout) {
  tn_layout *copy = tn_arena_copy(arena, layout, sizeof *layout);
  copy->minor_to_major = clone_dims(arena, layout->minor_to_major);
  copy->levels = copy_array(arena, layout->levels, layout->minor_to_major.count, sizeof *layout->levels);
  tn_dims *tiles = TN_NEW_ARRAY(arena, tn_dims, layout->n_tiles);
  for (int i = 0; i < layout->n_tiles; i++) tiles[i] = clone_dims(arena, layout->tiles[i]);
  copy->tiles = tiles;
  tn_split *splits = TN_NEW_ARRAY(arena, tn_split, layout->n_splits);
  for (int i = 0; i < layout->n_splits; i++)
    splits[i] = (tn_split){layout->splits[i].dim, clone_dims(arena, layout->splits[i].at)};
  copy->splits = splits;
  if (layout->physical) copy->physical = tn_shape_clone(arena, layout->physical);
  return copy;
}

const tn_shape *tn_shape_clone(tn_arena *arena, const tn_shape *shape) {
  tn_shape *copy = shallow(arena, shape);
  copy->dims = copy_array(arena, shape->dims, shape->rank, sizeof *shape->dims);
  copy->dynamic = copy_array(arena, shape->dynamic, shape->rank, sizeof *shape->dynamic);
  if (shape->layout) copy->layout = clone_layout(arena, shape->layout);
  if (shape->elements) copy->elements = map_elements(arena, shape, tn_shape_clone);
  return copy;
}

/* ---- comparison ---- */

static bool same_list(tn_dims a, tn_dims b) {
  return a.count == b.count && (a.count == 0 || memcmp(a.at, b.at, (size_t)a.count * sizeof *a.at) == 0);
}

static bool is_dynamic_dim(const tn_shape *shape, int dim) { return shape->dynamic && shape->dynamic[dim]; }

static bool same_array_dims(const tn_shape *a, const tn_shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i] || is_dynamic_dim(a, i) != is_dynamic_dim(b, i)) return false;
  return true;
}

static bool same_layout(const tn_layout *a, const tn_layout *b);

/* Compares element by element; of arrays the dims, and what the flags ask for. */
static bool same_shape(const tn_shape *a, const tn_shape *b, bool types, bool layouts) {
  if (a == b) return true;
  bool nested = a->elements || b->elements || a->type == TN_TUPLE || b->type == TN_TUPLE;
  if ((types || nested) && a->type != b->type) return false;
  if (!nested) return same_array_dims(a, b) && (!layouts || same_layout(a->layout, b->layout));
  if (a->rank != b->rank) return false;
  for (int i = 0; i < (a->type == TN_BUFFER ? 1 : a->rank); i++)
    if (!same_shape(a->elements[i], b->elements[i], types, layouts)) return false;
  return true;
}

static bool same_splits(const tn_layout *a, const tn_layout *b) {
  if (a->n_splits != b->n_splits) return false;
  for (int i = 0; i < a->n_splits; i++)
    if (a->splits[i].dim != b->splits[i].dim || !same_list(a->splits[i].at, b->splits[i].at)) return false;
  return true;
}

static bool same_tiles(const tn_layout *a, const tn_layout *b) {
  if (a->n_tiles != b->n_tiles) return false;
  for (int i = 0; i < a->n_tiles; i++)
    if (!same_list(a->tiles[i], b->tiles[i])) return false;
  return true;
}

static tn_level level_of(const tn_layout *layout, int dim) {
  return layout->levels ? layout->levels[dim] : (tn_level){0};
}

static bool same_levels(const tn_layout *a, const tn_layout *b) {
  for (int i = 0; i < a->minor_to_major.count; i++) {
    tn_level x = level_of(a, i), y = level_of(b, i);
    if (x.kind != y.kind || x.not_unique != y.not_unique || x.not_ordered != y.not_ordered) return false;
  }
  return true;
}

static int64_t at_least_one(int64_t alignment) { return alignment < 1 ? 1 : alignment; }

static bool same_layout(const tn_layout *a, const tn_layout *b) {
  if (!a || !b) return a == b;
  if (!same_list(a->minor_to_major, b->minor_to_major) || !same_levels(a, b)) return false;
  if (!same_tiles(a, b) || !same_splits(a, b)) return false;
  if (!a->physical != !b->physical || (a->physical && !tn_shape_identical(a->physical, b->physical)))
    return false;
  return at_least_one(a->tail_alignment) == at_least_one(b->tail_alignment) &&
         a->index_type == b->index_type && a->pointer_type == b->pointer_type &&
         a->element_bits == b->element_bits && a->memory_space == b->memory_space &&
         a->metadata_bytes == b->metadata_bytes;
}

bool tn_shape_same_dims(const tn_shape *a, const tn_shape *b) { return same_shape(a, b, false, false); }
bool tn_shape_equal(const tn_shape *a, const tn_shape *b) { return same_shape(a, b, true, false); }
bool tn_shape_identical(const tn_shape *a, const tn_shape *b) { return same_shape(a, b, true, true); }

/* ---- counting ---- */

bool tn_shape_is_dynamic(const tn_shape *shape) {
  if (shape->type == TN_TUPLE || shape->type == TN_BUFFER) {
    for (int i = 0; i < (shape->type == TN_BUFFER ? 1 : shape->rank); i++)
      if (tn_shape_is_dynamic(shape->elements[i])) return true;
    return false;
  }
  for (int i = 0; i < shape->rank; i++)
    if (is_dynamic_dim(shape, i)) return true;
  return false;
}

int64_t tn_shape_elements(const tn_shape *shape) {
  if (!tn_shape_is_array(shape)) return 0;
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) count *= shape->dims[i] == TN_DIM_UNBOUNDED ? 0 : shape->dims[i];
  return count;
}

int64_t tn_shape_bytes(const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) return tn_shape_elements(shape) * (int64_t)tn_type_bytes(shape->type);
  int64_t bytes = 0;
  for (int i = 0; i < shape->rank; i++) bytes += tn_shape_bytes(shape->elements[i]);
  return bytes;
}

int tn_shape_leaves(const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) return tn_shape_is_array(shape);
  int leaves = 0;
  for (int i = 0; i < shape->rank; i++) leaves += tn_shape_leaves(shape->elements[i]);
  return leaves;
}

/* ---- text ---- */

static void print_list(tn_text *out, tn_dims list) {
  for (int i = 0; i < list.count; i++) {
    if (i) tn_text_put_char(out, ',');
    if (list.at[i] == TN_TILE_COMBINE)
      tn_text_put_char(out, '*');
    else
      tn_text_put_int(out, list.at[i]);
  }
}

static void print_levels(tn_text *out, const tn_layout *layout) {
  tn_text_put(out, "D(");
  for (int i = 0; i < layout->minor_to_major.count; i++) {
    if (i) tn_text_put_char(out, ',');
    tn_text_put_char(out, "DCSH"[layout->levels[i].kind]);
    if (layout->levels[i].not_unique) tn_text_put_char(out, '+');
    if (layout->levels[i].not_ordered) tn_text_put_char(out, '~');
  }
  tn_text_put_char(out, ')');
}

static bool has_levels(const tn_layout *layout) {
  for (int i = 0; i < layout->minor_to_major.count; i++) {
    tn_level level = level_of(layout, i);
    if (level.kind != TN_LEVEL_DENSE || level.not_unique || level.not_ordered) return true;
  }
  return false;
}

static void print_type(tn_text *out, const char *before, tn_type type) {
  if (type != TN_TYPE_NONE) tn_text_printf(out, "%s(%s)", before, tn_type_name(type));
}

/* T(8,128)(2,1) and SC(0:4,8)(1:2): one letter, many lists. */
static void print_tiles_and_splits(tn_text *out, const tn_layout *layout, bool splits) {
  int count = splits ? layout->n_splits : layout->n_tiles;
  if (count > 0) tn_text_put(out, splits ? "SC" : "T");
  for (int i = 0; i < count; i++) {
    tn_text_put_char(out, '(');
    if (splits) tn_text_printf(out, "%d:", layout->splits[i].dim);
    print_list(out, splits ? layout->splits[i].at : layout->tiles[i]);
    tn_text_put_char(out, ')');
  }
}

/* What stands behind the colon. */
static void print_layout_parts(tn_text *out, const tn_layout *layout) {
  if (has_levels(layout)) print_levels(out, layout);
  print_tiles_and_splits(out, layout, false);
  if (layout->tail_alignment > 1) tn_text_printf(out, "L(%lld)", (long long)layout->tail_alignment);
  print_type(out, "#", layout->index_type);
  print_type(out, "*", layout->pointer_type);
  if (layout->element_bits) tn_text_printf(out, "E(%d)", layout->element_bits);
  if (layout->memory_space) tn_text_printf(out, "S(%d)", layout->memory_space);
  print_tiles_and_splits(out, layout, true);
  if (layout->physical) {
    tn_text_put(out, "P(");
    tn_shape_print(out, layout->physical, true);
    tn_text_put_char(out, ')');
  }
  if (layout->metadata_bytes) tn_text_printf(out, "M(%lld)", (long long)layout->metadata_bytes);
}

static void cut(tn_text *out, size_t length) { out->bytes[out->length = length] = '\0'; }

/* {1,0:T(8,128)}; nothing for a scalar's empty layout, as XLA has it. */
static void print_layout(tn_text *out, const tn_layout *layout) {
  size_t start = out->length;
  tn_text_put_char(out, '{');
  print_list(out, layout->minor_to_major);
  size_t colon = out->length;
  tn_text_put_char(out, ':');
  print_layout_parts(out, layout);
  if (out->length == colon + 1) cut(out, colon);
  if (out->length == start + 1)
    cut(out, start);
  else
    tn_text_put_char(out, '}');
}

static void print_elements(tn_text *out, const tn_shape *shape, bool layouts) {
  tn_text_put_char(out, '(');
  for (int i = 0; i < (shape->type == TN_BUFFER ? 1 : shape->rank); i++) {
    if (i) tn_text_put(out, ", ");
    tn_shape_print(out, shape->elements[i], layouts);
  }
  tn_text_put_char(out, ')');
}

void tn_shape_print(tn_text *out, const tn_shape *shape, bool layouts) {
  if (shape->type != TN_TUPLE) tn_text_put(out, tn_type_name(shape->type));
  if (shape->elements || shape->type == TN_TUPLE) {
    print_elements(out, shape, layouts);
    return;
  }
  tn_text_put_char(out, '[');
  for (int i = 0; i < shape->rank; i++) {
    if (i) tn_text_put_char(out, ',');
    if (shape->dims[i] == TN_DIM_UNBOUNDED) {
      tn_text_put_char(out, '?');
      continue;
    }
    if (is_dynamic_dim(shape, i)) tn_text_put(out, "<=");
    tn_text_put_int(out, shape->dims[i]);
  }
  tn_text_put_char(out, ']');
  if (layouts && shape->layout) print_layout(out, shape->layout);
}

const char *tn_shape_text(tn_arena *scratch, const tn_shape *shape) {
  tn_text text = {0};
  tn_shape_print(&text, shape, false);
  char *copy = tn_arena_string_n(scratch, text.bytes, text.length);
  tn_text_free(&text);
  return copy;
}
