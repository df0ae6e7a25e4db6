/* Ranges of bytes that boxes of cells touch.
 *
 * A guard's position is p = offset + sum of index * step. For any number f
 *
 *   address = base + f * (p - offset) + sum of index * (stride - f * step)
 *
 * and of what is touched p lies in 0 … limit - 1, so the range of the right-hand side with p cut to that
 * holds every touched address. f = 0 says nothing of the guard; f = stride / step of a dim takes that dim
 * out of the sum, and in an image, where a position more is a row more, all of the guard's dims at once.
 * The hull is what all such f agree on: never too small, and exact for images.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream_cells.h"

static int64_t count_of(const tn_cell_box *box, int dim) { return box->last[dim] - box->first[dim] + 1; }

typedef struct {
  __int128 least, most;
} range;

static range range_of(const int64_t *factors, int64_t start, const tn_cell_box *box) {
  range r = {start, start};
  for (int d = 0; d < TN_CELL_DIMS; d++) {
    __int128 first = (__int128)factors[d] * box->first[d], last = (__int128)factors[d] * box->last[d];
    r.least += first < last ? first : last;
    r.most += first < last ? last : first;
  }
  return r;
}

typedef enum { ALL_INSIDE, CUT, ALL_OUTSIDE } guarded;

static guarded look_at_guard(const tn_cell_guard *guard, const tn_cell_box *box, range *positions) {
  if (!guard->limit) return ALL_INSIDE;
  *positions = range_of(guard->step, guard->offset, box);
  if (positions->most < 0 || positions->least >= guard->limit) return ALL_OUTSIDE;
  if (positions->least >= 0 && positions->most < guard->limit) return ALL_INSIDE;
  if (positions->least < 0) positions->least = 0;
  if (positions->most >= guard->limit) positions->most = guard->limit - 1;
  return CUT;
}

/* Different values of stride / step, and 0. */
static int factors_of(const tn_cells *cells, const tn_cell_guard *guard, int64_t *factors) {
  int count = 1;
  factors[0] = 0;
  for (int d = 0; d < TN_CELL_DIMS; d++) {
    if (!guard->step[d] || cells->stride[d] % guard->step[d]) continue;
    int64_t factor = cells->stride[d] / guard->step[d];
    bool known = false;
    for (int i = 0; i < count; i++) known |= factors[i] == factor;
    if (!known) factors[count++] = factor;
  }
  return count;
}

static void add_guard(range *r, const tn_cell_guard *guard, const range *positions, int64_t factor) {
  __int128 first = factor * (positions->least - guard->offset),
           last = factor * (positions->most - guard->offset);
  r->least += first < last ? first : last;
  r->most += first < last ? last : first;
}

/* The range of addresses, told by these factors. */
static range addresses(const tn_cells *cells, const tn_cell_box *box, const range *positions,
                       const int64_t factor[TN_CELL_GUARDS]) {
  range r = {cells->base, cells->base};
  for (int g = 0; g < TN_CELL_GUARDS; g++)
    if (factor[g]) add_guard(&r, &cells->guard[g], &positions[g], factor[g]);
  for (int d = 0; d < TN_CELL_DIMS; d++) {
    __int128 stride = cells->stride[d];
    for (int g = 0; g < TN_CELL_GUARDS; g++) stride -= (__int128)factor[g] * cells->guard[g].step[d];
    __int128 first = stride * box->first[d], last = stride * box->last[d];
    r.least += first < last ? first : last;
    r.most += first < last ? last : first;
  }
  return r;
}

/* Dims that vary, the smallest stride first. */
static int sorted_dims(const tn_cells *cells, const tn_cell_box *box, int dims[TN_CELL_DIMS],
                       int64_t *strides) {
  int count = 0;
  for (int d = 0; d < TN_CELL_DIMS; d++) {
    if (box->last[d] == box->first[d]) continue;
    int64_t stride = cells->stride[d] < 0 ? -cells->stride[d] : cells->stride[d];
    int at = count++;
    for (; at > 0 && strides[at - 1] > stride; at--) {
      strides[at] = strides[at - 1];
      dims[at] = dims[at - 1];
    }
    strides[at] = stride;
    dims[at] = d;
  }
  return count;
}

/* No gaps: each dim's stride is at most what the smaller ones cover. */
static bool has_no_gaps(const tn_cells *cells, const tn_cell_box *box) {
  int dims[TN_CELL_DIMS];
  int64_t strides[TN_CELL_DIMS];
  int count = sorted_dims(cells, box, dims, strides);
  __int128 covered = cells->bytes;
  for (int i = 0; i < count; i++) {
    if (strides[i] > covered) return false;
    covered += (__int128)strides[i] * (count_of(box, dims[i]) - 1);
  }
  return true;
}

bool tn_cells_apart(const tn_cells *cells, const tn_cell_box *box) {
  int dims[TN_CELL_DIMS];
  int64_t strides[TN_CELL_DIMS];
  int count = sorted_dims(cells, box, dims, strides);
  __int128 covered = cells->bytes;
  for (int i = 0; i < count; i++) {
    if (strides[i] < covered) return false;
    covered += (__int128)strides[i] * (count_of(box, dims[i]) - 1);
  }
  return true;
}

/* Moves it so that it begins in 0 … 2^32 - 1. What begins there and ends beyond is outside of every buffer, and
 * if that is two ranges in truth, halves of the box will tell.                                         */
static void wrap(range *r) {
  __int128 turn = (__int128)1 << 32, turns = r->least / turn - (r->least % turn < 0);
  r->least -= turns * turn;
  r->most -= turns * turn;
}

tn_cell_pieces tn_cells_first_piece(const tn_cells *cells, const tn_cell_box *box) {
  int dims[TN_CELL_DIMS];
  int64_t strides[TN_CELL_DIMS];
  int count = sorted_dims(cells, box, dims, strides);
  tn_cell_pieces pieces = {.at = (int64_t)range_of(cells->stride, cells->base, box).least,
                           .bytes = cells->bytes};
  int i = 0;
  for (; i < count && strides[i] <= pieces.bytes; i++)
    pieces.bytes += strides[i] * (count_of(box, dims[i]) - 1);
  for (; i < count; i++) {
    pieces.stride[pieces.dims] = strides[i];
    pieces.count[pieces.dims++] = count_of(box, dims[i]);
  }
  return pieces;
}

bool tn_cells_next_piece(tn_cell_pieces *pieces) {
  for (int i = 0; i < pieces->dims; i++) {
    pieces->at += pieces->stride[i];
    if (++pieces->index[i] < pieces->count[i]) return true;
    pieces->at -= pieces->stride[i] * pieces->count[i];
    pieces->index[i] = 0;
  }
  return false;
}

tn_cell_hull tn_cells_hull(const tn_cells *cells, const tn_cell_box *box) {
  range positions[TN_CELL_GUARDS] = {{0, 0}};
  int64_t factors[TN_CELL_GUARDS][TN_CELL_DIMS + 1];
  int n_factors[TN_CELL_GUARDS];
  bool cut = false;
  for (int g = 0; g < TN_CELL_GUARDS; g++) {
    guarded is = look_at_guard(&cells->guard[g], box, &positions[g]);
    if (is == ALL_OUTSIDE) return (tn_cell_hull){.nothing = true};
    factors[g][0] = 0;
    n_factors[g] = is == CUT ? factors_of(cells, &cells->guard[g], factors[g]) : 1;
    cut |= is == CUT;
  }
  range r = range_of(cells->stride, cells->base, box);
  for (int i = 0; cut && i < n_factors[0]; i++)
    for (int k = 0; k < n_factors[1]; k++) {
      range told = addresses(cells, box, positions, (int64_t[]){factors[0][i], factors[1][k]});
      if (told.least > r.least) r.least = told.least;
      if (told.most < r.most) r.most = told.most;
    }
  if (r.least > r.most) return (tn_cell_hull){.nothing = true};
  if (cells->wraps) wrap(&r);
  return (tn_cell_hull){r.least, r.most + cells->bytes, .exact = !cut && has_no_gaps(cells, box)};
}

/* The dim with the largest span of `factors`; -1 if none varies. */
static int widest(const int64_t *factors, const tn_cell_box *box, bool of_guard) {
  int dim = -1;
  __int128 best = -1;
  for (int d = 0; d < TN_CELL_DIMS; d++) {
    __int128 span = (__int128)factors[d] * (count_of(box, d) - 1);
    if (span < 0) span = -span;
    if (box->last[d] == box->first[d] || (of_guard && !factors[d]) || span <= best) continue;
    best = span;
    dim = d;
  }
  return dim;
}

bool tn_cells_split(const tn_cells *cells, const tn_cell_box *box, tn_cell_box halves[2]) {
  int dim = -1;
  for (int g = 0; g < TN_CELL_GUARDS && dim < 0; g++) {
    range positions;
    if (look_at_guard(&cells->guard[g], box, &positions) == CUT)
      dim = widest(cells->guard[g].step, box, true);
  }
  if (dim < 0) dim = widest(cells->stride, box, false);
  if (dim < 0) return false;
  halves[0] = halves[1] = *box;
  int64_t middle = box->first[dim] + (box->last[dim] - box->first[dim]) / 2;
  halves[0].last[dim] = middle;
  halves[1].first[dim] = middle + 1;
  return true;
}

tn_cells tn_cells_of_pieces(int64_t base, int64_t bytes, int dims, const int64_t *count,
                            const int64_t *stride, tn_cell_box *box) {
  tn_cells cells = {.base = base, .bytes = bytes};
  *box = (tn_cell_box){0};
  for (int i = 0; i < dims; i++) {
    int64_t far = stride[i] > TN_SPACE_MOST ? TN_SPACE_MOST : stride[i];
    if (far < -TN_SPACE_MOST) far = -TN_SPACE_MOST;
    cells.stride[i] = count[i] > 1 ? far : 0; /* beyond any space every stride leads outside */
    box->last[i] = count[i] - 1;
  }
  return cells;
}

static void sizes_of(const tn_instruction *view, int64_t sizes[TN_VIEW_DIMS]) {
  for (int i = 0; i < TN_VIEW_DIMS; i++) sizes[i] = view->VIEW.size[i];
}

tn_cells tn_cells_of_view(const tn_instruction *view, int64_t base, int64_t bytes) {
  tn_cells cells = {.base = base, .bytes = bytes, .wraps = true};
  for (int i = 0; i < TN_VIEW_DIMS; i++) cells.stride[i] = view->VIEW.stride[i];
  for (int g = 0; g < TN_CELL_GUARDS; g++) {
    cells.guard[g].offset = view->VIEW.offset[g];
    cells.guard[g].limit = view->VIEW.limit[g];
    for (int i = 0; i < TN_VIEW_DIMS; i++) cells.guard[g].step[i] = view->VIEW.step[g][i];
  }
  return cells;
}

enum { HALF = TN_VIEW_DIMS / 2 };

static int64_t product(const int64_t *sizes, int count) {
  int64_t all = 1;
  for (int i = 0; i < count; i++)
    if (__builtin_mul_overflow(all, sizes[i], &all) || all > TN_SPACE_MOST) return TN_SPACE_MOST;
  return all;
}

int64_t tn_view_rows(const tn_instruction *view) {
  int64_t sizes[TN_VIEW_DIMS];
  sizes_of(view, sizes);
  return product(sizes, HALF);
}

int64_t tn_view_columns(const tn_instruction *view) {
  int64_t sizes[TN_VIEW_DIMS];
  sizes_of(view, sizes);
  return product(sizes + HALF, HALF);
}

/* Digits of `number` in the mixed radix of four sizes, outermost first. */
static void digits_of(const int64_t *sizes, int64_t number, int64_t *digits) {
  for (int i = HALF - 1; i > 0; i--) {
    digits[i] = number % sizes[i];
    number /= sizes[i];
  }
  digits[0] = number;
}

/* Digits above the first that differs stay; that one has a range; those below have all. */
static void box_half(const int64_t *sizes, int64_t first, int64_t last, int64_t *box_first,
                     int64_t *box_last) {
  digits_of(sizes, first, box_first);
  digits_of(sizes, last, box_last);
  int differs = 0;
  while (differs < HALF && box_first[differs] == box_last[differs]) differs++;
  for (int i = differs + 1; i < HALF; i++) {
    box_first[i] = 0;
    box_last[i] = sizes[i] - 1;
  }
}

tn_cell_box tn_view_box(const tn_instruction *view, int64_t first_row, int64_t last_row, int64_t first_column,
                        int64_t last_column) {
  int64_t sizes[TN_VIEW_DIMS];
  sizes_of(view, sizes);
  tn_cell_box box;
  box_half(sizes, first_row, last_row, box.first, box.last);
  box_half(sizes + HALF, first_column, last_column, box.first + HALF, box.last + HALF);
  return box;
}

/* Cuts numbers first … last into runs whose digits are a box: 0, 1 or 2 for each dim. */
enum { RUNS = 7 };
typedef struct {
  int64_t first, last;
} run;
static int runs_of(const int64_t *sizes, int64_t first, int64_t last, run runs[RUNS]) {
  int below = 0, above = 0;
  run tail[HALF];
  for (int dim = HALF - 1; dim > 0 && first <= last; dim--) {
    int64_t block = product(sizes + dim, HALF - dim);
    if (first / block == last / block) break; /* inside one block: the dims above are fixed */
    if (first % block) {
      int64_t end = first - first % block + block - 1;
      runs[below++] = (run){first, end};
      first = end + 1;
    }
    if (last % block != block - 1) {
      int64_t start = last - last % block;
      tail[above++] = (run){start, last};
      last = start - 1;
    }
  }
  if (first <= last) runs[below++] = (run){first, last};
  while (above) runs[below++] = tail[--above];
  return below;
}

int tn_view_boxes(const tn_instruction *view, int64_t first_row, int64_t last_row, int64_t first_column,
                  int64_t last_column, tn_cell_box *boxes) {
  int64_t sizes[TN_VIEW_DIMS];
  sizes_of(view, sizes);
  run rows[RUNS], columns[RUNS];
  int n_rows = runs_of(sizes, first_row, last_row, rows), count = 0;
  int n_columns = runs_of(sizes + HALF, first_column, last_column, columns);
  for (int r = 0; r < n_rows; r++)
    for (int c = 0; c < n_columns; c++)
      boxes[count++] = tn_view_box(view, rows[r].first, rows[r].last, columns[c].first, columns[c].last);
  return count;
}
