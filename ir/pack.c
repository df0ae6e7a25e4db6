/* Elements between row-major logical order and a layout's physical order.
 *
 * The axes of layout.c say for each physical position where its element lies, so a
 * move is a strided copy over the axes, as one box where nothing is padded. Where a
 * tile is cut off by the edge of its dim, the outer axes are walked and each step of
 * the walk copies the box below it, clipped:
 *
 *     bf16[5,7]{1,0:T(8,128)(2,1)}:  walk [1][1][4 pairs of rows], box [7 columns][2 rows]
 *
 * A box is copied by memcpy where an axis is contiguous on both sides, else by
 * transposing square blocks through a buffer: each side is touched a cache line at a
 * time whatever its stride. Bytes a second: several GB on the panels of a matrix
 * product, 1 GB and more on plain transposes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdlib.h>

#include "ir/layout_axes.h"

/* ---- boxes ---- */

typedef struct {
  int64_t count, from, to; /* strides in elements */
} box_dim;

typedef void transpose_function(const void *from, void *to, box_dim across, box_dim along);

/* to[j*across.to + i] = from[j + i*along.from]: `across` is contiguous in `from`, or
 * nearly so, `along` in `to`. BLOCK elements are a cache line.                        */
#define TRANSPOSE(name, T, BLOCK)                                                                            \
  static void name(const void *from, void *to, box_dim across, box_dim along) {                              \
    const T *source = from;                                                                                  \
    T *target = to, block[BLOCK][BLOCK];                                                                     \
    for (int64_t i0 = 0; i0 < along.count; i0 += BLOCK) {                                                    \
      int ni = along.count - i0 < BLOCK ? (int)(along.count - i0) : BLOCK;                                   \
      for (int64_t j0 = 0; j0 < across.count; j0 += BLOCK) {                                                 \
        int nj = across.count - j0 < BLOCK ? (int)(across.count - j0) : BLOCK;                               \
        for (int i = 0; i < ni; i++)                                                                         \
          for (int j = 0; j < nj; j++) block[i][j] = source[(i0 + i) * along.from + (j0 + j) * across.from]; \
        for (int j = 0; j < nj; j++)                                                                         \
          for (int i = 0; i < ni; i++) target[(i0 + i) * along.to + (j0 + j) * across.to] = block[i][j];     \
      }                                                                                                      \
    }                                                                                                        \
  }

typedef struct {
  uint64_t half[2];
} wide;

TRANSPOSE(transpose_1, uint8_t, 32)
TRANSPOSE(transpose_2, uint16_t, 32)
TRANSPOSE(transpose_4, uint32_t, 16)
TRANSPOSE(transpose_8, uint64_t, 8)
TRANSPOSE(transpose_16, wide, 8)

static transpose_function *transpose_of(size_t bytes) {
  switch (bytes) {
  case 1: return transpose_1;
  case 2: return transpose_2;
  case 4: return transpose_4;
  case 8: return transpose_8;
  }
  return transpose_16;
}

/* A copy as it is carried out: loops over dims[0..outer), then `inner` bytes or a
 * transpose of dims[outer] (contiguous in from) and dims[outer+1] (in to).         */
typedef struct {
  box_dim *dims;
  int outer;
  size_t bytes, inner;
  transpose_function *transpose;
} box_copy;

static void run(const box_copy *copy, int level, const char *from, char *to) {
  if (level == copy->outer) {
    if (copy->inner)
      memcpy(to, from, copy->inner);
    else
      copy->transpose(from, to, copy->dims[level], copy->dims[level + 1]);
    return;
  }
  const box_dim *dim = &copy->dims[level];
  int64_t from_step = dim->from * (int64_t)copy->bytes, to_step = dim->to * (int64_t)copy->bytes;
  if (level + 1 == copy->outer && copy->inner) { /* spares a call for each row */
    for (int64_t i = 0; i < dim->count; i++) memcpy(to + i * to_step, from + i * from_step, copy->inner);
    return;
  }
  for (int64_t i = 0; i < dim->count; i++) run(copy, level + 1, from + i * from_step, to + i * to_step);
}

/* Drops dims of one position and joins neighbours that are one dim on both sides. */
static int collapse(box_dim *dims, int count) {
  int kept = 0;
  for (int i = 0; i < count; i++) {
    if (dims[i].count == 1) continue;
    box_dim *last = kept ? &dims[kept - 1] : NULL;
    if (last && last->from == dims[i].count * dims[i].from && last->to == dims[i].count * dims[i].to)
      *last = (box_dim){last->count * dims[i].count, dims[i].from, dims[i].to};
    else
      dims[kept++] = dims[i];
  }
  return kept;
}

static void move_to_end(box_dim *dims, int count, int index) {
  box_dim moved = dims[index];
  memmove(dims + index, dims + index + 1, (size_t)(count - 1 - index) * sizeof *dims);
  dims[count - 1] = moved;
}

static int smallest_stride(const box_dim *dims, int count, bool of_from) {
  int best = 0;
  for (int i = 1; i < count; i++)
    if ((of_from ? dims[i].from : dims[i].to) < (of_from ? dims[best].from : dims[best].to)) best = i;
  return best;
}

/* Copies the box; dims is used up. */
static void copy_box(box_dim *dims, int count, size_t bytes, const char *from, char *to) {
  count = collapse(dims, count);
  box_copy copy = {.dims = dims, .bytes = bytes};
  int along = count ? smallest_stride(dims, count, false) : 0;
  if (count == 0) {
    copy.inner = bytes;
  } else if (dims[along].from == 1 && dims[along].to == 1) {
    copy.inner = (size_t)dims[along].count * bytes;
    move_to_end(dims, count, along);
    copy.outer = count - 1;
  } else {
    move_to_end(dims, count, along);
    if (count > 1) move_to_end(dims, count - 1, smallest_stride(dims, count - 1, true));
    if (count == 1) dims[1] = dims[0], dims[0] = (box_dim){1, 0, 0};
    copy.outer = count > 1 ? count - 2 : 0;
    copy.transpose = transpose_of(bytes);
  }
  run(&copy, 0, from, to);
}

/* ---- the walk over what stands above the boxes ---- */

typedef struct {
  bool pack;
  size_t bytes;
  const char *from;
  char *to;
  tn_axis *axes;    /* those of more than one position */
  int64_t *strides; /* of each axis in physical order */
  int count, first_of_box;
  int64_t *row_stride;    /* of each dim in logical order */
  int64_t *index, *limit; /* of each dim: where the walk is, and what it may not pass */
  box_dim *dims;
} mover;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }

/* How many positions of an axis hold elements, from where the walk is. */
static int64_t clipped(const mover *m, const tn_axis *axis) {
  if (axis->dim < 0) return 1;
  return minimum(axis->size, (m->limit[axis->dim] - m->index[axis->dim] + axis->step - 1) / axis->step);
}

static void move_box(const mover *m, int64_t logical, int64_t physical) {
  int count = m->count - m->first_of_box;
  for (int i = 0; i < count; i++) {
    const tn_axis *axis = &m->axes[m->first_of_box + i];
    int64_t here = m->strides[m->first_of_box + i];
    int64_t there = axis->dim < 0 ? 0 : axis->step * m->row_stride[axis->dim];
    m->dims[i] = (box_dim){clipped(m, axis), m->pack ? there : here, m->pack ? here : there};
  }
  int64_t from = m->pack ? logical : physical, to = m->pack ? physical : logical;
  copy_box(m->dims, count, m->bytes, m->from + from * (int64_t)m->bytes, m->to + to * (int64_t)m->bytes);
}

static void walk(const mover *m, int level, int64_t logical, int64_t physical) {
  if (level == m->first_of_box) {
    move_box(m, logical, physical);
    return;
  }
  const tn_axis *axis = &m->axes[level];
  if (axis->dim < 0) {
    walk(m, level + 1, logical, physical);
    return;
  }
  int64_t *index = &m->index[axis->dim], *limit = &m->limit[axis->dim];
  int64_t old_index = *index, old_limit = *limit, count = clipped(m, axis);
  for (int64_t i = 0; i < count; i++) {
    *index = old_index + i * axis->step;
    *limit = minimum(old_limit, *index + axis->step);
    walk(m, level + 1, logical + i * axis->step * m->row_stride[axis->dim], physical + i * m->strides[level]);
  }
  *index = old_index;
  *limit = old_limit;
}

/* The first axis from which on every dim has at most one axis: below it clipping is
 * independent for each, so it is a box.                                              */
static int find_box(const mover *m) {
  int first = m->count;
  while (first > 0) {
    for (int i = first; i < m->count; i++)
      if (m->axes[i].dim == m->axes[first - 1].dim && m->axes[i].dim >= 0) return first;
    first--;
  }
  return 0;
}

/* Each later axis of a dim refines an earlier one: what the walk's limits rely on. */
static bool is_nested(const tn_axes *axes) {
  for (int i = 0; i < axes->count; i++)
    for (int j = i + 1; j < axes->count; j++)
      if (axes->at[i].dim == axes->at[j].dim && axes->at[i].step < axes->at[j].step) return false;
  return !axes->merged;
}

/* Strides in physical order, before axes of one position go. */
static void set_axes(mover *m, tn_axes *axes) {
  int64_t stride = tn_axes_positions(axes);
  m->axes = axes->at;
  for (int i = 0; i < axes->count; i++) {
    stride /= axes->at[i].size;
    if (axes->at[i].size == 1) continue;
    m->strides[m->count] = stride;
    m->axes[m->count++] = axes->at[i];
  }
}

static void move_by_axes(const tn_shape *shape, bool pack, tn_axes *axes, const void *from, void *to) {
  size_t numbers = 3 * (size_t)shape->rank + (size_t)axes->count;
  int64_t *memory = tn_malloc(numbers * sizeof *memory + ((size_t)axes->count + 2) * sizeof(box_dim));
  mover m = {.pack = pack, .bytes = tn_type_bytes(shape->type), .from = from, .to = to};
  m.row_stride = memory;
  m.index = m.row_stride + shape->rank;
  m.limit = m.index + shape->rank;
  m.strides = m.limit + shape->rank;
  m.dims = (box_dim *)(m.strides + axes->count);
  bool padded = tn_axes_positions(axes) != tn_shape_elements(shape);
  set_axes(&m, axes);
  int64_t stride = 1;
  for (int i = shape->rank - 1; i >= 0; i--) {
    m.row_stride[i] = stride;
    stride *= shape->dims[i];
    m.index[i] = 0;
    m.limit[i] = shape->dims[i];
  }
  m.first_of_box = padded ? find_box(&m) : 0;
  walk(&m, 0, 0, 0);
  free(memory);
}

/* ---- merged axes: element by element ---- */

static void move_by_element(const tn_shape *shape, bool pack, const char *from, char *to) {
  size_t bytes = tn_type_bytes(shape->type);
  int64_t *index = tn_malloc((size_t)shape->rank * sizeof *index);
  memset(index, 0, (size_t)shape->rank * sizeof *index);
  int64_t elements = tn_shape_elements(shape);
  for (int64_t logical = 0; logical < elements; logical++) {
    int64_t physical = tn_layout_offset(shape, index);
    memcpy(to + (pack ? physical : logical) * (int64_t)bytes,
           from + (pack ? logical : physical) * (int64_t)bytes, bytes);
    for (int dim = shape->rank - 1; dim >= 0 && ++index[dim] == shape->dims[dim]; dim--) index[dim] = 0;
  }
  free(index);
}

/* Whole bytes for each element on both sides. */
static void move(const tn_shape *shape, bool pack, const void *from, void *to) {
  size_t bytes = (size_t)tn_shape_bytes(shape);
  int64_t physical = tn_layout_elements(shape);
  if (pack && physical != tn_shape_elements(shape))
    memset(to, 0, (size_t)physical * tn_type_bytes(shape->type));
  if (bytes == 0) return;
  tn_axes axes;
  tn_axes_init(&axes, shape, NULL);
  if (is_nested(&axes))
    move_by_axes(shape, pack, &axes, from, to);
  else
    move_by_element(shape, pack, from, to);
  tn_axes_free(&axes);
}

/* ---- elements under a byte: the first in the lowest bits ---- */

static void pack_bits(int per_byte, const unsigned char *elements, int64_t count, unsigned char *to) {
  int bits = 8 / per_byte;
  unsigned mask = (1u << bits) - 1;
  for (int64_t i = 0; i < count; i += per_byte) {
    unsigned byte = 0;
    for (int j = 0; j < per_byte && i + j < count; j++) byte |= (elements[i + j] & mask) << (j * bits);
    *to++ = (unsigned char)byte;
  }
}

static void unpack_bits(int per_byte, bool is_signed, const unsigned char *from, unsigned char *elements,
                        int64_t count) {
  int bits = 8 / per_byte;
  unsigned mask = (1u << bits) - 1, sign = is_signed ? 1u << (bits - 1) : 0;
  for (int64_t i = 0; i < count; i++) {
    unsigned value = (unsigned)from[i / per_byte] >> (i % per_byte * bits) & mask;
    elements[i] = (unsigned char)((value ^ sign) - sign);
  }
}

void tn_layout_pack(const tn_shape *shape, const void *logical, void *physical) {
  int per_byte = tn_layout_packing(shape);
  if (per_byte == 1) {
    move(shape, true, logical, physical);
    return;
  }
  int64_t count = tn_layout_elements(shape);
  unsigned char *elements = tn_malloc((size_t)count);
  move(shape, true, logical, elements);
  pack_bits(per_byte, elements, count, physical);
  free(elements);
}

void tn_layout_unpack(const tn_shape *shape, const void *physical, void *logical) {
  int per_byte = tn_layout_packing(shape);
  if (per_byte == 1) {
    move(shape, false, physical, logical);
    return;
  }
  int64_t count = tn_layout_elements(shape);
  unsigned char *elements = tn_malloc((size_t)count);
  unpack_bits(per_byte, tn_type_class_of(shape->type) == TN_CLASS_SIGNED, physical, elements, count);
  move(shape, false, elements, logical);
  free(elements);
}
