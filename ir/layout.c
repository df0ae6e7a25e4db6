/* Layouts: which axes they make, sizes, offsets. (pack.c moves the elements.)
 *
 * A layout turns an array's dims into axes. Without tiles an axis is a dim, and
 * minor_to_major orders them. A tile cuts the trailing axes; an axis of n positions of
 * step s, cut by t, becomes two, all outer halves standing before all inner ones:
 *
 *     {dim, n, step s}  =>  {dim, ceil(n/t), step s*t} … {dim, t, step s}
 *
 * So a physical position is a tuple of positions on the axes, and a dim's logical
 * index is the sum of its axes' position * step; positions whose index falls outside
 * the dim, or outside the outer axis' step, are padding.
 *
 *     f32[768,3072]{1,0:T(768,64)}  =>  [1 block][48 panels][768 rows][64 columns]
 *
 * `*` in a tile merges an axis into the next before the cut. A merged axis has no
 * single step; positions stay right, so that tn_layout_offset holds for it, too.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdlib.h>

#include "ir/layout_axes.h"

/* ---- axes ---- */

/* Axes of one position, of no dim, in front: for tiles of more dims than there are. */
static void add_leading(tn_axes *axes, int count) {
  memmove(axes->at + count, axes->at, (size_t)axes->count * sizeof *axes->at);
  for (int i = 0; i < count; i++) axes->at[i] = (tn_axis){-1, 1, 1, 0};
  axes->count += count;
}

static void merge(tn_axes *axes, int axis) {
  tn_axis *outer = &axes->at[axis], *inner = outer + 1;
  inner->position += outer->position * inner->size;
  inner->size *= outer->size;
  axes->merged = true;
  axes->count--;
  memmove(outer, inner, (size_t)(axes->count - axis) * sizeof *outer);
}

/* The merges that the tile asks for. Returns the first of the axes that it cuts. */
static int merge_for(tn_axes *axes, tn_dims tile) {
  if (tile.count > axes->count) add_leading(axes, tile.count - axes->count);
  int first = axes->count - tile.count, axis = first;
  for (int i = 0; i < tile.count; i++) {
    if (tile.at[i] == TN_TILE_COMBINE && axis + 1 < axes->count)
      merge(axes, axis);
    else
      axis++;
  }
  return first;
}

static void cut(tn_axes *axes, tn_dims tile) {
  int first = merge_for(axes, tile), tiled = axes->count - first;
  tn_axis *inner = axes->at + axes->count;
  for (int i = 0, entry = 0; i < tiled; i++, entry++) {
    while (entry < tile.count - 1 && tile.at[entry] == TN_TILE_COMBINE) entry++;
    int64_t size = tile.at[entry] < 1 ? 1 : tile.at[entry];
    tn_axis *outer = &axes->at[first + i];
    inner[i] = (tn_axis){outer->dim, size, outer->step, outer->position % size};
    outer->size = (outer->size + size - 1) / size;
    outer->step *= size;
    outer->position /= size;
  }
  axes->count += tiled;
}

void tn_axes_init(tn_axes *axes, const tn_shape *shape, const int64_t *index) {
  const tn_layout *layout = shape->layout;
  int most = shape->rank;
  for (int i = 0; layout && i < layout->n_tiles; i++) most += 2 * layout->tiles[i].count;
  int few = (int)(sizeof axes->few / sizeof *axes->few);
  axes->at = most <= few ? axes->few : tn_malloc((size_t)most * sizeof *axes->at);
  axes->count = shape->rank;
  axes->merged = false;
  bool ordered = layout && layout->minor_to_major.count == shape->rank;
  for (int i = 0; i < shape->rank; i++) {
    int dim = ordered ? (int)layout->minor_to_major.at[shape->rank - 1 - i] : i;
    int64_t size = shape->dims[dim] == TN_DIM_UNBOUNDED ? 0 : shape->dims[dim];
    axes->at[i] = (tn_axis){dim, size, 1, index ? index[dim] : 0};
  }
  for (int i = 0; layout && i < layout->n_tiles; i++) cut(axes, layout->tiles[i]);
}

void tn_axes_free(tn_axes *axes) {
  if (axes->at != axes->few) free(axes->at);
}

int64_t tn_axes_positions(const tn_axes *axes) {
  int64_t positions = 1;
  for (int i = 0; i < axes->count; i++) positions *= axes->at[i].size;
  return positions;
}

/* ---- sizes ---- */

int tn_layout_packing(const tn_shape *shape) {
  int bits = shape->layout ? shape->layout->element_bits : 0;
  return tn_type_bytes(shape->type) == 1 && (bits == 1 || bits == 2 || bits == 4) ? 8 / bits : 1;
}

int64_t tn_layout_elements(const tn_shape *shape) {
  tn_axes axes;
  tn_axes_init(&axes, shape, NULL);
  int64_t elements = tn_axes_positions(&axes);
  tn_axes_free(&axes);
  int64_t alignment = shape->layout ? shape->layout->tail_alignment : 1;
  return alignment > 1 ? (elements + alignment - 1) / alignment * alignment : elements;
}

int64_t tn_layout_bytes(const tn_shape *shape) {
  if (!tn_shape_is_array(shape)) return 0;
  int64_t packing = tn_layout_packing(shape);
  return (tn_layout_elements(shape) * (int64_t)tn_type_bytes(shape->type) + packing - 1) / packing;
}

bool tn_layout_is_row_major(const tn_shape *shape) {
  const tn_layout *layout = shape->layout;
  if (!layout) return true;
  if (layout->n_tiles > 0 || layout->tail_alignment > 1 || tn_layout_packing(shape) > 1) return false;
  for (int i = 0; layout->levels && i < layout->minor_to_major.count; i++)
    if (layout->levels[i].kind != TN_LEVEL_DENSE) return false;
  for (int i = 0; i < layout->minor_to_major.count; i++)
    if (layout->minor_to_major.at[i] != layout->minor_to_major.count - 1 - i) return false;
  return true;
}

int64_t tn_layout_offset(const tn_shape *shape, const int64_t *index) {
  tn_axes axes;
  tn_axes_init(&axes, shape, index);
  int64_t offset = 0;
  for (int i = 0; i < axes.count; i++) offset = offset * axes.at[i].size + axes.at[i].position;
  tn_axes_free(&axes);
  return offset;
}
