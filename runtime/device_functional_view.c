/* Views: matrices gathered from the unified buffer as rows of numbers.
 *
 * Both the address and the bounds' positions of element [m,k] are a sum of a part of m and a part of k.
 * So the parts of the columns are worked out once, and columns that follow each other in memory and
 * move no bound are one run:
 *
 *   columns  kw0 c0 c1 … c63 | kw1 c0 c1 …      a run is 64 elements with one check of the bounds
 *
 * Then every row adds its own part and copies the runs, converting them; loops over a run become vector
 * code. Addresses are modulo 2^32: the base of a padded view may lie below the buffer.
 *
 * Cost: O(rows * runs) checks, O(rows * columns) conversions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdlib.h>

#include "base/float_format.h"
#include "base/number.h"
#include "runtime/device_functional.h"

#define INLINE static inline __attribute__((always_inline))

void *tn_scratch_reserve(tn_scratch *scratch, size_t bytes) {
  if (bytes <= scratch->capacity) return scratch->bytes;
  free(scratch->bytes);
  size_t size = (bytes + bytes / 2 + 63) & ~(size_t)63;
  scratch->bytes = aligned_alloc(64, size);
  scratch->capacity = scratch->bytes ? size : 0;
  if (!scratch->bytes) tn_out_of_memory();
  memset(scratch->bytes, 0, size);
  return scratch->bytes;
}

void tn_scratch_free(tn_scratch *scratch) {
  free(scratch->bytes);
  *scratch = (tn_scratch){0};
}

/* ---- conversions ---- */

/* A constant `type` and `kind` leave one loop of these. */
#define EACH(C, T, value)                                                                                    \
  for (int64_t i = 0; i < count; i++) {                                                                      \
    T v;                                                                                                     \
    memcpy(&v, from + i * stride, sizeof v);                                                                 \
    ((C *)to)[i] = (value);                                                                                  \
  }

INLINE void to_floats(float *restrict to, tn_type type, const uint8_t *restrict from, int64_t count,
                      int64_t stride) {
  if (type == TN_S8) {
    EACH(float, int8_t, v)
  } else if (type == TN_U8) {
    EACH(float, uint8_t, v)
  } else if (type == TN_BF16) {
    EACH(float, uint16_t, tn_widen_bf16(v))
  } else if (type == TN_F16) {
    EACH(float, uint16_t, tn_widen_f16(v))
  } else if (type == TN_F32) {
    EACH(float, float, v)
  } else {
    for (int64_t i = 0; i < count; i++)
      to[i] = tn_type_is_float(type) ? (float)tn_load_float(type, from + i * stride)
                                     : (float)tn_load_integer(type, from + i * stride);
  }
}

INLINE void to_integers(int32_t *restrict to, tn_type type, const uint8_t *restrict from, int64_t count,
                        int64_t stride) {
  if (type == TN_S8) {
    EACH(int32_t, int8_t, v)
  } else if (type == TN_U8) {
    EACH(int32_t, uint8_t, v)
  } else if (type == TN_S16) {
    EACH(int32_t, int16_t, v)
  } else if (type == TN_S32) {
    EACH(int32_t, int32_t, v)
  } else {
    for (int64_t i = 0; i < count; i++) to[i] = (int32_t)(uint64_t)tn_load_integer(type, from + i * stride);
  }
}
#undef EACH

INLINE void convert(tn_numbers kind, void *to, tn_type type, const uint8_t *from, int64_t count,
                    int64_t stride) {
  if (kind == TN_NUMBERS_F32)
    to_floats(to, type, from, count, stride);
  else
    to_integers(to, type, from, count, stride);
}

/* The usual types with their width as stride have loops of their own; `else` goes on behind the last. */
#define USUAL_TYPES_ELSE(DO)                                                                                 \
  DO(F32, S8, 1)                                                                                             \
  DO(F32, U8, 1)                                                                                             \
  DO(F32, BF16, 2)                                                                                           \
  DO(F32, F16, 2)                                                                                            \
  DO(F32, F32, 4)                                                                                            \
  DO(S32, S8, 1)                                                                                             \
  DO(S32, S16, 2)                                                                                            \
  DO(S32, S32, 4)

INLINE void convert_block(tn_numbers kind, tn_type type, int64_t stride, const tn_element_block *b) {
  for (int64_t r = 0; r < b->rows; r++)
    convert(kind, (uint32_t *)b->to + r * b->lead, type, b->from + r * b->row_stride, b->count, stride);
}

INLINE void numbers_of(tn_numbers kind, const tn_element_block *b) {
#define DO(KIND, TYPE, width)                                                                                \
  if (kind == TN_NUMBERS_##KIND && b->type == TN_##TYPE && b->stride == width)                               \
    convert_block(TN_NUMBERS_##KIND, TN_##TYPE, width, b);                                                   \
  else
  USUAL_TYPES_ELSE(DO)
#undef DO
  convert_block(kind, b->type, b->stride, b);
}

/* ---- views ---- */

/* The part of an address and of the two positions that an index makes. */
typedef struct {
  uint32_t offset;
  int64_t position[2];
} part_of_index;

typedef struct {
  part_of_index part;
  int64_t first, count; /* columns */
} run;

/* Counts an index of up to four dims on, the last varying fastest, and its part with it. */
typedef struct {
  const tn_instruction *view;
  int first, dims; /* in the view */
  uint32_t index[4];
  part_of_index part;
} odometer;

static void set_part(odometer *o) {
  const tn_instruction *v = o->view;
  o->part = (part_of_index){0};
  for (int d = 0; d < o->dims; d++) {
    int slot = o->first + d;
    o->part.offset += (uint32_t)v->VIEW.stride[slot] * o->index[d];
    for (int b = 0; b < 2; b++) o->part.position[b] += (int64_t)v->VIEW.step[b][slot] * o->index[d];
  }
}

static odometer odometer_at(const tn_instruction *view, bool columns, uint32_t number) {
  int dims = columns ? view->VIEW.column_dims : view->VIEW.row_dims;
  odometer o = {.view = view, .first = columns ? 4 : 0, .dims = dims};
  for (int d = dims - 1; d > 0; d--) {
    uint32_t size = view->VIEW.size[o.first + d];
    o.index[d] = number % size;
    number /= size;
  }
  o.index[0] = number;
  set_part(&o);
  return o;
}

static void odometer_step(odometer *o) {
  int d = o->dims - 1;
  if (d == 0 || o->index[d] + 1 < o->view->VIEW.size[o->first + d]) { /* the usual step */
    int slot = o->first + d;
    o->index[d]++;
    o->part.offset += (uint32_t)o->view->VIEW.stride[slot];
    for (int b = 0; b < 2; b++) o->part.position[b] += o->view->VIEW.step[b][slot];
    return;
  }
  for (; d > 0 && o->index[d] + 1 >= o->view->VIEW.size[o->first + d]; d--) o->index[d] = 0;
  o->index[d]++;
  set_part(o);
}

static bool follows(const tn_instruction *view, const part_of_index *last, const part_of_index *next,
                    uint32_t width) {
  bool still = next->offset == last->offset + width;
  for (int b = 0; b < 2; b++) still &= !view->VIEW.limit[b] || next->position[b] == last->position[b];
  return still;
}

static int64_t find_runs(const tn_view_part *part, run *runs) {
  odometer o = odometer_at(part->view, true, part->column);
  uint32_t width = (uint32_t)tn_type_bytes(part->type);
  part_of_index last = {0};
  int64_t count = 0;
  for (int64_t k = 0; k < part->columns; k++) {
    if (k && follows(part->view, &last, &o.part, width))
      runs[count - 1].count++;
    else
      runs[count++] = (run){o.part, k, 1};
    last = o.part;
    odometer_step(&o);
  }
  return count;
}

INLINE bool inside(const tn_instruction *view, const part_of_index *row, const part_of_index *column) {
  for (int b = 0; b < 2; b++) {
    int64_t position = row->position[b] + column->position[b];
    if (view->VIEW.limit[b] && (position < 0 || position >= (int64_t)view->VIEW.limit[b])) return false;
  }
  return true;
}

INLINE void gather(const tn_view_part *part, tn_numbers kind, tn_type type, int64_t width, uint32_t *to,
                   int64_t lead, const run *runs, int64_t count) {
  uint8_t fill_bits[8] = {0};
  uint32_t fill;
  memcpy(fill_bits, &part->view->VIEW.fill, 4);
  convert(kind, &fill, type, fill_bits, 1, width);
  odometer o = odometer_at(part->view, false, part->row);
  for (int64_t m = 0; m < part->rows; m++, to += lead) {
    part_of_index row = o.part;
    row.offset += part->base;
    for (int b = 0; b < 2; b++) row.position[b] += part->view->VIEW.offset[b];
    for (int64_t r = 0; r < count; r++) {
      const run *now = &runs[r];
      uint32_t *at = to + now->first;
      if (inside(part->view, &row, &now->part))
        convert(kind, at, type, part->buffer + (uint32_t)(row.offset + now->part.offset), now->count, width);
      else
        for (int64_t i = 0; i < now->count; i++) at[i] = fill;
    }
    odometer_step(&o);
  }
}

INLINE void gather_by_type(const tn_view_part *part, tn_numbers kind, uint32_t *to, int64_t lead,
                           const run *runs, int64_t count) {
#define DO(KIND, TYPE, width)                                                                                \
  if (kind == TN_NUMBERS_##KIND && part->type == TN_##TYPE)                                                  \
    gather(part, TN_NUMBERS_##KIND, TN_##TYPE, width, to, lead, runs, count);                                \
  else
  USUAL_TYPES_ELSE(DO)
#undef DO
  gather(part, kind, part->type, (int64_t)tn_type_bytes(part->type), to, lead, runs, count);
}

/* ---- twice: for any processor, and for those that widen bytes in one instruction ---- */

#ifdef __x86_64__
#define WIDE __attribute__((target("avx2")))
static bool is_wide(void) { return __builtin_cpu_supports("avx2"); }
#else
#define WIDE
static bool is_wide(void) { return false; }
#endif

static void numbers_anywhere(tn_numbers kind, const tn_element_block *block) { numbers_of(kind, block); }
WIDE static void numbers_wide(tn_numbers kind, const tn_element_block *block) { numbers_of(kind, block); }

void tn_numbers_of(tn_numbers kind, const tn_element_block *block) {
  (is_wide() ? numbers_wide : numbers_anywhere)(kind, block);
}

static void gather_anywhere(const tn_view_part *part, tn_numbers kind, uint32_t *to, int64_t lead,
                            const run *runs, int64_t count) {
  gather_by_type(part, kind, to, lead, runs, count);
}
WIDE static void gather_wide(const tn_view_part *part, tn_numbers kind, uint32_t *to, int64_t lead,
                             const run *runs, int64_t count) {
  gather_by_type(part, kind, to, lead, runs, count);
}

void tn_view_gather(const tn_view_part *part, tn_numbers kind, void *to, int64_t lead, tn_scratch *scratch) {
  run *runs = tn_scratch_reserve(scratch, (size_t)part->columns * sizeof *runs);
  int64_t count = find_runs(part, runs);
  (is_wide() ? gather_wide : gather_anywhere)(part, kind, to, lead, runs, count);
}
