/* Shapes and literals in the text of plans: HLO's syntax, dense layouts only.
 *
 *     f32[2,3]{1,0:T(8,128)}      { { 1, 2.5, nan }, { 4, -inf, 1e-12 } }
 *
 * Cost: linear. A literal's memory is taken only where the text can hold as many
 * elements as its shape has.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/read.h"

#include "base/file.h"
#include "base/number.h"

enum { MAX_RANK = 64, MAX_TILES = 8 };

bool tn_read_type(tn_reader *r, tn_type *type) {
  tn_str name;
  tn_read_skip(r);
  const char *from = r->at;
  if (!tn_read_name(r, "a type", &name)) return false;
  *type = tn_type_from_name(name);
  if (*type != TN_TYPE_NONE && tn_type_is_array(*type)) return true;
  return tn_read_fail(r, from, "'%.*s' is not an element type", (int)(name.length < 60 ? name.length : 60),
                      name.at);
}

/* ---- layouts ---- */

/* Numbers separated by commas, '*' standing for TN_TILE_COMBINE, up to `close`. */
static bool numbers(tn_reader *r, const char *what, int64_t least, int64_t most, char close, tn_dims *out) {
  int64_t at[MAX_RANK];
  out->count = 0;
  while (!tn_read_at(r, close) && !tn_read_at(r, ':')) {
    if (out->count == MAX_RANK) return tn_read_fail(r, r->at, "%s: more than %d", what, MAX_RANK);
    at[out->count] = TN_TILE_COMBINE;
    bool star = close == ')' && tn_read_accept(r, '*');
    if (!star && !tn_read_integer(r, what, least, most, &at[out->count])) return false;
    out->count++;
    if (!tn_read_accept(r, ',')) break;
  }
  out->at = tn_arena_copy(r->arena, at, sizeof *at * (size_t)out->count);
  return !r->failed;
}

static bool is_permutation(tn_dims dims, int rank) {
  bool seen[MAX_RANK] = {false};
  for (int i = 0; i < dims.count; i++) {
    if (seen[dims.at[i]]) return false;
    seen[dims.at[i]] = true;
  }
  return dims.count == rank;
}

/* T(8,128)(2,1) */
static bool tiles(tn_reader *r, tn_layout *layout) {
  tn_dims at[MAX_TILES];
  while (tn_read_accept(r, '(')) {
    if (layout->n_tiles == MAX_TILES)
      return tn_read_fail(r, r->at, "a layout of more than %d tiles", MAX_TILES);
    if (!numbers(r, "tile size", 1, INT32_MAX, ')', &at[layout->n_tiles++]) ||
        !tn_read_expect(r, ')', "to end a tile"))
      return false;
  }
  layout->tiles = tn_arena_copy(r->arena, at, sizeof *at * (size_t)layout->n_tiles);
  return layout->n_tiles || tn_read_expect(r, '(', "to begin a tile");
}

static bool in_parentheses(tn_reader *r, const char *what, int64_t *value) {
  return tn_read_expect(r, '(', "in a layout") && tn_read_integer(r, what, 0, INT32_MAX, value) &&
         tn_read_expect(r, ')', "in a layout");
}

static bool layout_parts(tn_reader *r, tn_layout *layout) {
  int64_t space = 0, bits = 0;
  if (tn_read_accept_word(r, "T") && !tiles(r, layout)) return false;
  if (tn_read_accept_word(r, "L") && !in_parentheses(r, "tail alignment", &layout->tail_alignment))
    return false;
  if (tn_read_accept_word(r, "E") && !in_parentheses(r, "bits of an element", &bits)) return false;
  if (tn_read_accept_word(r, "S") && !in_parentheses(r, "memory space", &space)) return false;
  layout->element_bits = (int)bits;
  layout->memory_space = (int)space;
  return true;
}

/* No subset of the padded dims' product may overflow. */
static bool check_size(tn_reader *r, const char *from, const tn_shape *shape) {
  int64_t bytes = 16;
  bool overflow = false;
  for (int i = 0; i < shape->rank; i++)
    if (shape->dims[i] > 0) overflow |= __builtin_mul_overflow(bytes, shape->dims[i], &bytes);
  for (int t = 0; shape->layout && t < shape->layout->n_tiles; t++)
    for (int i = 0; i < shape->layout->tiles[t].count; i++)
      if (shape->layout->tiles[t].at[i] > 0)
        overflow |= __builtin_mul_overflow(bytes, shape->layout->tiles[t].at[i], &bytes);
  return !overflow || tn_read_fail(r, from, "the shape's size overflows 64 bits");
}

bool tn_read_shape(tn_reader *r, const tn_shape **out) {
  tn_shape *shape = TN_NEW(r->arena, tn_shape);
  tn_dims dims;
  tn_read_skip(r);
  const char *from = r->at;
  *out = shape;
  if (!tn_read_type(r, &shape->type) || !tn_read_expect(r, '[', "after the element type") ||
      !numbers(r, "a size", 0, INT64_MAX, ']', &dims) || !tn_read_expect(r, ']', "after the sizes"))
    return false;
  shape->rank = dims.count;
  shape->dims = dims.at;
  if (r->at < r->end && *r->at == '{') { /* right behind: a layout */
    tn_layout *layout = TN_NEW(r->arena, tn_layout);
    r->at++;
    layout->tail_alignment = 1;
    if (!numbers(r, "a dimension of the layout", 0, shape->rank - 1, '}', &layout->minor_to_major))
      return false;
    if (!is_permutation(layout->minor_to_major, shape->rank))
      return tn_read_fail(r, from, "the layout does not order the shape's %d dimensions", shape->rank);
    if (tn_read_accept(r, ':') && !layout_parts(r, layout)) return false;
    if (!tn_read_expect(r, '}', "to end the layout")) return false;
    shape->layout = layout;
  }
  return check_size(r, from, shape);
}

/* ---- elements ---- */

static bool read_predicate(tn_reader *r, uint8_t *element) {
  *element = 0;
  if (tn_read_accept_word(r, "true") || tn_read_accept(r, '1'))
    *element = 1;
  else if (!tn_read_accept_word(r, "false") && !tn_read_accept(r, '0'))
    return tn_read_fail(r, r->at, "expected true or false");
  return true;
}

static bool read_u64(tn_reader *r, void *element) {
  uint64_t value = 0;
  bool overflow = false;
  const char *from = r->at;
  for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
    overflow |= __builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, (uint64_t)(*r->at - '0'), &value);
  memcpy(element, &value, sizeof value);
  return (r->at > from && !overflow) || tn_read_fail(r, from, "expected an integer of u64");
}

static bool read_whole(tn_reader *r, tn_type type, void *element) {
  int64_t value;
  tn_read_skip(r);
  if (type == TN_U64) return read_u64(r, element);
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  int64_t least = !is_signed ? 0 : bits == 64 ? INT64_MIN : -(INT64_C(1) << (bits - 1));
  int64_t most = bits == 64 ? INT64_MAX : (INT64_C(1) << (bits - is_signed)) - 1;
  if (!tn_read_integer(r, tn_type_name(type), least, most, &value)) return false;
  tn_store_integer(type, element, value);
  return true;
}

static bool read_float(tn_reader *r, tn_type type, void *element) {
  tn_read_skip(r);
  size_t length = r->at < r->end ? tn_parse_float(type, r->at, (size_t)(r->end - r->at), element) : 0;
  if (!length) return tn_read_fail(r, r->at, "expected a number of %s", tn_type_name(type));
  r->at += length;
  return true;
}

static bool read_complex(tn_reader *r, tn_type type, char *element) {
  tn_type part = tn_type_part(type);
  return tn_read_expect(r, '(', "before a complex number") && read_float(r, part, element) &&
         tn_read_expect(r, ',', "between its parts") && read_float(r, part, element + tn_type_bytes(part)) &&
         tn_read_expect(r, ')', "after a complex number");
}

bool tn_read_element(tn_reader *r, tn_type type, void *element) {
  if (r->failed) return false;
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE: return read_predicate(r, element);
  case TN_CLASS_SIGNED:
  case TN_CLASS_UNSIGNED: return read_whole(r, type, element);
  case TN_CLASS_FLOAT: return read_float(r, type, element);
  case TN_CLASS_COMPLEX: return read_complex(r, type, element);
  case TN_CLASS_OTHER: break;
  }
  return tn_read_fail(r, r->at, "%s has no elements", tn_type_name(type));
}

/* ---- literals ---- */

/* {…} below dimension `dim`; *to: where the next element goes. */
static bool read_part(tn_reader *r, const tn_shape *shape, int dim, char **to) {
  if (dim == shape->rank) {
    bool good = tn_read_element(r, shape->type, *to);
    *to += tn_type_bytes(shape->type);
    return good;
  }
  if (!tn_read_expect(r, '{', "in a literal")) return false;
  for (int64_t i = 0; i < shape->dims[dim]; i++)
    if ((i && !tn_read_expect(r, ',', "between elements")) || !read_part(r, shape, dim + 1, to)) return false;
  return tn_read_expect(r, '}', "after the elements");
}

static bool accept_elided(tn_reader *r) {
  tn_read_skip(r);
  if (r->end - r->at < 5 || memcmp(r->at, "{...}", 5)) return false;
  r->at += 5;
  return true;
}

/* The file must lie in the directory itself: no path, no hidden name. */
static bool side_file(tn_reader *r, const char *from, const tn_shape *shape, const char *name,
                      const void **data) {
  tn_str bytes;
  if (!r->options->directory) return tn_read_fail(r, from, "'%s': side files are not allowed here", name);
  if (!*name || *name == '.' || strchr(name, '/'))
    return tn_read_fail(r, from, "'%s' is not the name of a side file", name);
  const char *path = tn_arena_printf(r->arena, "%s/%s", r->options->directory, name);
  if (!tn_file_map(r->arena, r->sink, path, UINT64_MAX, &bytes)) return r->failed = true, false;
  if ((int64_t)bytes.length != tn_shape_bytes(shape))
    return tn_read_fail(r, from, "side file '%s' has %zu bytes, %s takes %lld", name, bytes.length,
                        tn_shape_text(r->arena, shape), (long long)tn_shape_bytes(shape));
  *data = bytes.at;
  return true;
}

bool tn_read_literal(tn_reader *r, const tn_shape *shape, tn_literal **literal) {
  shape = tn_shape_without_layout(r->arena, shape);
  tn_read_skip(r);
  const char *from = r->at, *name;
  if (accept_elided(r)) {
    const void *data = NULL;
    if (tn_read_accept_word(r, "file")) {
      if (!tn_read_quoted(r, "a side file's name", &name) || !side_file(r, from, shape, name, &data))
        return false;
    } else if (tn_shape_elements(shape)) {
      return tn_read_fail(r, from, "the constant's values are elided, {...}: they are not in this text");
    }
    *literal = tn_literal_array(r->arena, shape, data);
    return true;
  }
  if (tn_shape_elements(shape) > (r->end - r->at) / 2 + 1) /* "1," is the shortest element */
    return tn_read_fail(r, from, "%s has %lld elements, more than the text can hold",
                        tn_shape_text(r->arena, shape), (long long)tn_shape_elements(shape));
  char *data = tn_arena_alloc_raw(r->arena, (size_t)tn_shape_bytes(shape)), *to = data;
  if (!read_part(r, shape, 0, &to)) return false;
  *literal = tn_literal_array(r->arena, shape, data);
  return true;
}
