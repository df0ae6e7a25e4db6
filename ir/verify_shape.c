/* The verifier's checks of one shape: sizes, bytes, layout.
 *
 * What passes can be computed with in int64: elements, bytes, strides, and the sizes
 * that tiles pad to. Sizes of 0 count as 1 here, so that products of the other dims,
 * which strides are, fit as well.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"
#include "ir/verify_private.h"

typedef struct {
  const tn_verifier *v;
  tn_location location;
  const char *subject;
} shape_check;

static bool wrong(const shape_check *c, const tn_shape *shape, const char *what) {
  const tn_verifier *v = c->v;
  return tn_error(v->sink, TN_INVALID, c->location, "%s: %s %s", c->subject,
                  tn_shown_by(v->sink, v->arena, shape), what);
}

/* Elements of an array with empty dims taken for 1, or -1 where they overflow. */
static int64_t extent_of(const tn_shape *shape) {
  int64_t extent = 1;
  for (int i = 0; i < shape->rank; i++)
    if (shape->dims[i] > 0 && __builtin_mul_overflow(extent, shape->dims[i], &extent)) return -1;
  return extent;
}

/* ---- layouts ---- */

static bool check_order(const shape_check *c, const tn_shape *shape) {
  tn_dims order = shape->layout->minor_to_major;
  if (order.count != shape->rank)
    return tn_error(c->v->sink, TN_INVALID, c->location, "%s: the layout of %s orders %d dimensions of %d",
                    c->subject, tn_shown_by(c->v->sink, c->v->arena, shape), order.count, shape->rank);
  bool *seen = TN_NEW_ARRAY(c->v->scratch, bool, shape->rank);
  for (int i = 0; i < order.count; i++) {
    if (order.at[i] < 0 || order.at[i] >= shape->rank || seen[order.at[i]])
      return wrong(c, shape, "has a layout that is not a permutation of its dimensions");
    seen[order.at[i]] = true;
  }
  return true;
}

/* An upper bound of the padded elements: every tile may round up by its own size. */
static bool check_tiles(const shape_check *c, const tn_shape *shape, int64_t extent) {
  const tn_layout *layout = shape->layout;
  for (int i = 0; i < layout->n_tiles; i++)
    for (int j = 0; j < layout->tiles[i].count; j++) {
      int64_t size = layout->tiles[i].at[j];
      if (size == TN_TILE_COMBINE) continue;
      if (size < 1)
        return tn_error(c->v->sink, TN_INVALID, c->location,
                        "%s: tile size %lld in the layout of %s must be positive", c->subject,
                        (long long)size, tn_shown_by(c->v->sink, c->v->arena, shape));
      if (__builtin_mul_overflow(extent, size, &extent) || extent > INT64_MAX / 16)
        return wrong(c, shape, "has tiles that pad it over 64 bits");
    }
  return true;
}

static bool check_layout(const shape_check *c, const tn_shape *shape, int64_t extent) {
  const tn_layout *layout = shape->layout;
  if (!layout) return true;
  if (!check_order(c, shape) || !check_tiles(c, shape, extent)) return false;
  if (layout->element_bits < 0 || layout->element_bits > 128 || layout->tail_alignment < 0 ||
      layout->metadata_bytes < 0)
    return wrong(c, shape, "has a layout with an element size, alignment or size that is out of range");
  for (int i = 0; i < layout->n_splits; i++)
    if (layout->splits[i].dim < 0 || layout->splits[i].dim >= shape->rank)
      return wrong(c, shape, "has a layout that splits a dimension it does not have");
  return true;
}

/* ---- sizes ---- */

static bool check(const shape_check *c, const tn_shape *shape, int64_t *bytes);

static bool check_array(const shape_check *c, const tn_shape *shape, int64_t *bytes) {
  for (int i = 0; i < shape->rank; i++) {
    bool unbounded = shape->dims[i] == TN_DIM_UNBOUNDED && shape->dynamic && shape->dynamic[i];
    if (shape->dims[i] < 0 && !unbounded)
      return tn_error(c->v->sink, TN_INVALID, c->location, "%s: size %lld of dimension %d is negative",
                      c->subject, (long long)shape->dims[i], i);
  }
  int64_t extent = extent_of(shape);
  if (extent < 0) return wrong(c, shape, "has more elements than 64 bits count");
  if (__builtin_mul_overflow(extent, (int64_t)tn_type_bytes(shape->type), bytes))
    return wrong(c, shape, "has more bytes than 64 bits count");
  return check_layout(c, shape, extent);
}

static bool check_parts(const shape_check *c, const tn_shape *shape, int count, int64_t *bytes) {
  *bytes = 0;
  for (int i = 0; i < count; i++) {
    int64_t part;
    if (!shape->elements || !shape->elements[i])
      return tn_error(c->v->sink, TN_BUG, c->location, "%s: a tuple's element is missing", c->subject);
    if (!check(c, shape->elements[i], &part)) return false;
    if (__builtin_add_overflow(*bytes, part, bytes))
      return tn_error(c->v->sink, TN_INVALID, c->location, "%s: a tuple has more bytes than 64 bits count",
                      c->subject);
  }
  return true;
}

static bool check(const shape_check *c, const tn_shape *shape, int64_t *bytes) {
  *bytes = 0;
  if ((unsigned)shape->type - 1 >= TN_TYPE_COUNT - 1)
    return tn_error(c->v->sink, TN_BUG, c->location, "%s: type %d does not exist", c->subject,
                    (int)shape->type);
  if (shape->type == TN_TUPLE) return check_parts(c, shape, shape->rank, bytes);
  if (shape->type == TN_BUFFER) return check_parts(c, shape, 1, bytes);
  return !tn_shape_is_array(shape) || check_array(c, shape, bytes);
}

bool tn_verify_shape(const tn_verifier *v, const tn_shape *shape, tn_location location, const char *subject) {
  shape_check c = {v, location, subject};
  int64_t bytes;
  return check(&c, shape, &bytes);
}
