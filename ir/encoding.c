/* Encodings of constants; encoding.h has the formats.
 *
 * A block is left out where all its elements are +0 or -0. Strips of a band that have fewer
 * blocks than the longest are filled up with blocks of zeros, in rows of their own: what is
 * read there, the dense matrix multiplies by zero too, so that nothing is computed that the
 * dense product would not compute.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/encoding.h"

#include <string.h>

static int64_t aligned(int64_t offset) { return (offset + 63) / 64 * 64; }

/* The offsets that follow from sizes. */
static void place(tn_block_sparse *s, tn_type type) {
  s->first = 64;
  s->row = aligned(s->first + (s->bands + 1) * 4);
  s->value = aligned(s->row + s->steps * s->width * 2);
  s->bytes = s->value + s->steps * s->width * TN_BLOCK * (int64_t)tn_type_bytes(type);
}

bool tn_block_sparse_fits(const tn_shape *matrix) {
  if (!tn_shape_is_array(matrix) || matrix->rank != 2 || tn_shape_is_dynamic(matrix)) return false;
  if (!tn_type_is_float(matrix->type) && !tn_type_is_integer(matrix->type)) return false;
  if (tn_type_bits(matrix->type) < 8 || matrix->type == TN_F8E8M0FNU) return false;
  return matrix->dims[0] > 0 && matrix->dims[0] <= TN_MOST_BLOCK_ROWS && matrix->dims[1] > 0 &&
         matrix->dims[1] % TN_BLOCK == 0 && matrix->dims[0] * matrix->dims[1] < INT32_MAX;
}

/* ---- encoding ---- */

static bool is_zero(tn_type type, const char *elements) {
  size_t bytes = tn_type_bytes(type);
  for (int i = 0; i < TN_BLOCK; i++) {
    uint64_t bits = 0;
    memcpy(&bits, elements + (size_t)i * bytes, bytes); /* little-endian */
    if (tn_type_is_float(type)) bits &= ~(UINT64_C(1) << (tn_type_bits(type) - 1));
    if (bits) return false;
  }
  return true;
}

/* counts[strip]: its blocks that are not zero. */
static void count_blocks(const tn_shape *matrix, const char *elements, int64_t *counts) {
  int64_t strips = matrix->dims[1] / TN_BLOCK;
  size_t block = TN_BLOCK * tn_type_bytes(matrix->type);
  memset(counts, 0, sizeof *counts * (size_t)strips);
  for (int64_t r = 0; r < matrix->dims[0]; r++)
    for (int64_t s = 0; s < strips; s++, elements += block) counts[s] += !is_zero(matrix->type, elements);
}

static int64_t largest(const int64_t *counts, int64_t n) {
  int64_t most = 0;
  for (int64_t i = 0; i < n; i++) most = counts[i] > most ? counts[i] : most;
  return most;
}

static tn_block_sparse measure(const tn_shape *matrix, const int64_t *counts) {
  int64_t strips = matrix->dims[1] / TN_BLOCK;
  tn_block_sparse s = {.rows = matrix->dims[0], .columns = matrix->dims[1]};
  s.width = strips % 4 == 0 ? 4 : strips % 2 == 0 ? 2 : 1;
  s.bands = strips / s.width;
  for (int64_t b = 0; b < s.bands; b++) {
    int64_t steps = largest(counts + b * s.width, s.width);
    s.steps += steps;
    s.most = steps > s.most ? steps : s.most;
  }
  s.steps += s.most;
  place(&s, matrix->type);
  return s;
}

tn_block_sparse tn_block_sparse_measure(tn_arena *scratch, const tn_shape *matrix, const void *elements,
                                        int64_t *blocks) {
  int64_t strips = matrix->dims[1] / TN_BLOCK, *counts = TN_NEW_ARRAY(scratch, int64_t, strips);
  count_blocks(matrix, elements, counts);
  *blocks = 0;
  for (int64_t i = 0; i < strips; i++) *blocks += counts[i];
  return measure(matrix, counts);
}

/* One strip's blocks, `steps` of them: those that are not zero, and the first of the others. */
static void encode_strip(const tn_block_sparse *s, const tn_shape *matrix, const char *elements,
                         int64_t strip, int64_t count, int64_t first, int64_t steps, char *to) {
  size_t block = TN_BLOCK * tn_type_bytes(matrix->type), line = block * (size_t)(matrix->dims[1] / TN_BLOCK);
  uint16_t *rows = (uint16_t *)(void *)(to + s->row);
  int64_t fill = steps - count, at = first * s->width + strip % s->width;
  elements += (size_t)strip * block;
  for (int64_t r = 0; r < s->rows; r++, elements += line) {
    bool zero = is_zero(matrix->type, elements);
    if (zero && !fill) continue;
    fill -= zero;
    rows[at] = (uint16_t)r;
    if (!zero) memcpy(to + s->value + (size_t)at * block, elements, block);
    at += s->width;
  }
}

tn_literal *tn_block_sparse_encode(tn_arena *arena, const tn_shape *matrix, const void *elements) {
  int64_t *counts = TN_NEW_ARRAY(arena, int64_t, matrix->dims[1] / TN_BLOCK), first = 0;
  count_blocks(matrix, elements, counts);
  tn_block_sparse s = measure(matrix, counts);
  tn_literal *literal = tn_literal_zero(arena, tn_shape_array(arena, TN_U8, 1, &s.bytes));
  char *to = (char *)literal->data;
  memcpy(to, (uint32_t[]){(uint32_t)s.width, (uint32_t)s.steps, (uint32_t)s.most}, 12);
  int32_t *firsts = (int32_t *)(void *)(to + s.first);
  for (int64_t b = 0; b < s.bands; b++) {
    int64_t steps = largest(counts + b * s.width, s.width);
    for (int64_t i = b * s.width; i < (b + 1) * s.width; i++)
      encode_strip(&s, matrix, elements, i, counts[i], first, steps, to);
    firsts[b + 1] = (int32_t)(first += steps);
  }
  return literal;
}

/* ---- reading ---- */

static bool all_zero(const char *at, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (at[i]) return false;
  return true;
}

static int32_t first_of(const tn_block_sparse *s, const char *data, int64_t band) {
  int32_t first;
  memcpy(&first, data + s->first + band * 4, 4);
  return first;
}

static int64_t row_of(const tn_block_sparse *s, const char *data, int64_t step, int64_t strip) {
  uint16_t row;
  memcpy(&row, data + s->row + (step * s->width + strip) * 2, 2);
  return row;
}

/* Rows rise within a strip, and are the matrix's. */
static const char *check_band(tn_arena *arena, const tn_block_sparse *s, const char *data, int64_t band) {
  int64_t from = first_of(s, data, band), to = first_of(s, data, band + 1);
  if (to < from || to - from > s->most)
    return tn_arena_printf(arena, "band %lld has steps %lld to %lld, at most %lld expected", (long long)band,
                           (long long)from, (long long)to, (long long)s->most);
  for (int64_t i = 0; i < s->width; i++) {
    int64_t before = -1;
    for (int64_t step = from; step < to; step++) {
      int64_t row = row_of(s, data, step, i);
      if (row <= before || row >= s->rows)
        return tn_arena_printf(arena, "step %lld has row %lld after row %lld, of %lld rows", (long long)step,
                               (long long)row, (long long)before, (long long)s->rows);
      before = row;
    }
  }
  return NULL;
}

static const char *check_parts(tn_arena *arena, const tn_block_sparse *s, tn_type type, const char *data) {
  int64_t used = s->steps - s->most, block = s->width * TN_BLOCK * (int64_t)tn_type_bytes(type);
  int64_t ends[] = {16, s->first + (s->bands + 1) * 4, s->row + used * s->width * 2, s->value + used * block};
  int64_t begins[] = {s->first, s->row, s->value, s->bytes};
  if (first_of(s, data, 0) != 0 || first_of(s, data, s->bands) != used)
    return tn_arena_printf(arena, "the bands have steps %d to %d, 0 to %lld expected", first_of(s, data, 0),
                           first_of(s, data, s->bands), (long long)used);
  for (int64_t b = 0; b < s->bands; b++) { /* before what the bands point to is looked at */
    const char *fault = NULL;
    int64_t from = first_of(s, data, b), to = first_of(s, data, b + 1);
    if (from >= 0 && to <= used)
      fault = check_band(arena, s, data, b);
    else
      fault = tn_arena_printf(arena, "band %lld has steps %lld to %lld of %lld", (long long)b,
                              (long long)from, (long long)to, (long long)used);
    if (fault) return fault;
  }
  for (int i = 0; i < 4; i++)
    if (!all_zero(data + ends[i], begins[i] - ends[i]))
      return tn_arena_printf(arena, "bytes %lld to %lld are not all zero", (long long)ends[i],
                             (long long)begins[i]);
  return NULL;
}

const char *tn_block_sparse_read(tn_arena *arena, const tn_literal *bytes, const tn_shape *matrix,
                                 tn_block_sparse *out) {
  uint32_t head[4];
  int64_t size = tn_shape_elements(bytes->shape);
  const char *data = bytes->data;
  if (!tn_block_sparse_fits(matrix))
    return tn_arena_printf(arena, "%s is not a matrix of multiples of 4 columns and at most 65536 rows",
                           tn_shape_text(arena, matrix));
  if (size < 64) return tn_arena_printf(arena, "%lld bytes, the head alone has 64", (long long)size);
  memcpy(head, data, sizeof head);
  tn_block_sparse s = {.rows = matrix->dims[0],
                       .columns = matrix->dims[1],
                       .width = head[0],
                       .steps = head[1],
                       .most = head[2]};
  if ((s.width != 1 && s.width != 2 && s.width != 4) || s.columns % (s.width * TN_BLOCK))
    return tn_arena_printf(arena, "%lld columns are no bands of %lld strips of 4", (long long)s.columns,
                           (long long)s.width);
  s.bands = s.columns / (s.width * TN_BLOCK);
  if (s.most > s.rows || s.steps < s.most || s.steps - s.most > s.bands * s.most)
    return tn_arena_printf(arena, "%lld steps, at most %lld a band, do not fit %lld rows and %lld bands",
                           (long long)s.steps, (long long)s.most, (long long)s.rows, (long long)s.bands);
  place(&s, matrix->type);
  if (size != s.bytes)
    return tn_arena_printf(arena, "%lld bytes, %lld steps have %lld", (long long)size, (long long)s.steps,
                           (long long)s.bytes);
  *out = s;
  return check_parts(arena, &s, matrix->type, data);
}

void tn_block_sparse_decode(const tn_block_sparse *s, tn_type type, const void *bytes, void *to) {
  const char *data = bytes;
  size_t block = TN_BLOCK * tn_type_bytes(type), line = (size_t)(s->columns / TN_BLOCK) * block;
  memset(to, 0, (size_t)s->rows * line);
  for (int64_t b = 0; b < s->bands; b++)
    for (int64_t step = first_of(s, data, b); step < first_of(s, data, b + 1); step++)
      for (int64_t i = 0; i < s->width; i++)
        memcpy((char *)to + (size_t)row_of(s, data, step, i) * line + (size_t)(b * s->width + i) * block,
               data + s->value + (step * s->width + i) * (int64_t)block, block);
}

const tn_literal *tn_decode_source(const tn_inst *decode) {
  const tn_inst *bytes = decode->operands[0];
  if (bytes->op == TN_OP_PARAMETER && bytes->parent && bytes->parent->callers.count == 1 &&
      bytes->parent->callers.at[0]->op == TN_OP_FUSION)
    bytes = bytes->parent->callers.at[0]->operands[bytes->attr.parameter.number];
  return bytes->op == TN_OP_CONSTANT ? bytes->attr.constant.literal : NULL;
}
