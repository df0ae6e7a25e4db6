/* How a piece of work is cut whose whole rows the unified buffer does not hold: blocks of some rows, some
 * columns and some sums, packed in their slots.
 *
 *             k_block                columns_block              columns_block
 *   x  . . . . # # # # . .     w  . . . . . . . . .      y  . . . . . . . . .
 *      . . . . # # # # . .        . . . # # # . . .         . . . # # # . . .   rows_block
 *      . . . . . . . . . .        . . . # # # . . .         . . . # # # . . .
 *
 * Sums of a block stay in the accumulators from one part of x to the next, so all of them have to have
 * room there; smaller blocks make that so. Parts of a convolution's sums are rows of its window, then
 * columns, then channels. Tried are whole ranges and halves, halves of these, …; with each of them the
 * largest rows that fit. What a tiling costs is told from one block in closed form.
 *
 * Cost: O(log K * log N * log log M) tilings, O(dims) each.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/systolic/tiler.h"

#include <math.h>

enum { MOST_SIZES = 64 };

typedef struct {
  const tn_problem *problem;
  const tn_systolic_target *array;
  const tn_room *room;
  int64_t free; /* bytes in the room */
  int n_rows;
  int64_t rows[MOST_SIZES]; /* that blocks may have, ascending */
  tn_tiling best;
  double least;
} search;

static double tiles_of(int64_t size, int64_t tile) { return (double)((size + tile - 1) / tile); }

/* ---- do the slots fit? ---- */

static int64_t rounded(int64_t bytes) { return (bytes + TN_ROOM_ALIGN - 1) / TN_ROOM_ALIGN * TN_ROOM_ALIGN; }

/* Bytes in the order in which they are taken: constants, then slots; their number. */
static int pieces_of(const search *s, const tn_tiling *t, int64_t *pieces) {
  tn_problem packed = *s->problem;
  int64_t bytes[TN_OPERANDS];
  tn_channels channels = tn_channels_of(s->array, s->problem, t);
  int64_t constants = tn_constants_bytes(&channels);
  int count = 0;
  tn_lay_out(&packed, t, bytes);
  bytes[TN_OPERAND_CHANNEL] = tn_channels_bytes(&channels);
  if (constants) pieces[count++] = constants;
  for (int kind = 0; kind < TN_OPERANDS; kind++)
    for (int i = 0; i < t->copies && bytes[kind]; i++) pieces[count++] = bytes[kind];
  return count;
}

static bool slots_fit(const search *s, const tn_tiling *t) {
  int64_t pieces[1 + 2 * TN_OPERANDS], all = 0;
  int count = pieces_of(s, t, pieces);
  for (int i = 0; i < count; i++) all += rounded(pieces[i]);
  if (all > s->free) return false;
  tn_arena *scratch = tn_arena_create();
  tn_room room = tn_room_copy(scratch, s->room);
  bool fits = true;
  for (int i = 0; i < count && fits; i++) fits = tn_room_take(&room, pieces[i]) >= 0;
  tn_arena_destroy(scratch);
  return fits;
}

/* So they are at least, if whole ranges were one dim. */
static bool sums_may_fit(const search *s, const tn_tiling *t) {
  if (!s->problem->is_product || t->k_block == s->problem->k) return true;
  double capacity = (double)tn_sums_capacity(s->array);
  if (t->dataflow == TN_DATAFLOW_INPUT)
    return (double)t->columns_block * tiles_of(t->rows_block, s->array->columns) <= capacity;
  return (double)t->rows_block * tiles_of(t->columns_block, s->array->columns) <= capacity;
}

/* The sums of every block have room, if they have to wait for each other. */
static bool sums_fit(const search *s, const tn_tiling *t) {
  const tn_problem *p = s->problem;
  if (!p->is_product || t->k_block == p->k) return true;
  int64_t bytes[TN_OPERANDS], capacity = tn_sums_capacity(s->array);
  tn_problem packed = *p;
  tn_lay_out(&packed, t, bytes); /* tiles end where strides do */
  tn_tiling rows = *t, columns = *t;
  rows.columns_block = p->n, rows.k_block = columns.k_block = p->k, columns.rows_block = p->m;
  int64_t m_tiles = 0, n_tiles = 0;
  tn_tile_counts tiles;
  for (tn_work_part part = {0}; tn_next_block(p, &columns, &part) && !part.batch;) {
    tn_work_part one = part;
    one.rows = one.depth = 1;
    tn_count_tiles(s->array, &packed, t, &one, &tiles);
    if (tiles.n > n_tiles) n_tiles = tiles.n;
  }
  for (tn_work_part part = {0}; tn_next_block(p, &rows, &part) && !part.batch;) {
    tn_work_part one = part;
    one.columns = one.depth = 1;
    tn_count_tiles(s->array, &packed, t, &one, &tiles);
    if (tiles.m > m_tiles) m_tiles = tiles.m;
  }
  return t->dataflow == TN_DATAFLOW_INPUT ? t->columns_block * m_tiles <= capacity
                                          : t->rows_block * n_tiles <= capacity;
}

/* ---- what they cost ---- */

/* Cycles of the array for a block, and how often tiles of weights are read in it. */
static double array_cycles(const search *s, const tn_tiling *t, double *tiles) {
  const tn_problem *p = s->problem;
  const tn_systolic_target *a = s->array;
  const tn_systolic_type *type =
      tn_systolic_find_type(a, p->operand[TN_OPERAND_X].type, p->operand[TN_OPERAND_W].type);
  double k = tiles_of(t->k_block, a->rows), n = tiles_of(t->columns_block, a->columns),
         rate = type ? (double)type->cycles : 1;
  double rows = (double)t->rows_block, shift = (double)a->rows, drain = (double)(a->rows + a->columns - 2),
         turns = 0, stream = 0;
  switch (t->dataflow) {
  case TN_DATAFLOW_WEIGHT:
    turns = k * n, stream = rows * rate;
    *tiles = turns;
    break;
  case TN_DATAFLOW_OUTPUT:
    turns = n * tiles_of(t->rows_block, a->rows), stream = (double)t->k_block * rate, shift = 0;
    *tiles = turns * k;
    break;
  case TN_DATAFLOW_INPUT:
    turns = k * tiles_of(t->rows_block, a->columns), stream = (double)t->columns_block * rate;
    *tiles = turns * n;
    break;
  }
  return turns * (a->weight_double_buffer ? fmax(shift, stream) : shift + stream + drain);
}

static double transfer(const search *s, const tn_tiling *t, tn_operand_kind kind, double bytes) {
  const tn_systolic_target *a = s->array;
  tn_home home = kind == TN_OPERAND_X ? t->x : kind == TN_OPERAND_Y ? t->y : t->second;
  double rate = tn_systolic_bytes_per_cycle(a, home == TN_HOME_HOST ? a->host_gb_s : a->dram_gb_s);
  double latency = (home == TN_HOME_HOST ? a->host_latency_ns : a->dram_latency_ns) * a->clock_mhz / 1000;
  return isinf(rate) ? 0 : bytes / rate + latency;
}

/* All blocks, one like another. What a block brings overlaps with the work on the one before if there are two
 * slots.                                                                                              */
static double cycles_of(const search *s, const tn_tiling *t) {
  const tn_problem *p = s->problem;
  const tn_systolic_target *a = s->array;
  tn_problem packed = *p;
  int64_t bytes[TN_OPERANDS];
  tn_lay_out(&packed, t, bytes);
  double sums = tiles_of(p->k, t->k_block),
         blocks = (double)p->batch * tiles_of(p->m, t->rows_block) * tiles_of(p->n, t->columns_block);
  double x_turns = sums > 1 || !p->is_product ? sums : 1 / tiles_of(p->n, t->columns_block), tiles = 0,
         moved = 0, work = 0;
  double elements = (double)(t->rows_block * t->columns_block) * (p->is_product ? 1 : (double)p->k);
  if (bytes[TN_OPERAND_X]) moved += x_turns * transfer(s, t, TN_OPERAND_X, (double)bytes[TN_OPERAND_X]);
  if (bytes[TN_OPERAND_SECOND]) moved += transfer(s, t, TN_OPERAND_SECOND, (double)bytes[TN_OPERAND_SECOND]);
  if (bytes[TN_OPERAND_Y]) moved += transfer(s, t, TN_OPERAND_Y, (double)bytes[TN_OPERAND_Y]);
  if (p->is_product) {
    work = sums * array_cycles(s, t, &tiles);
    double tile = a->whole_weight_tiles
                      ? (double)tn_systolic_tile_bytes(a, p->operand[TN_OPERAND_W].type)
                      : (double)(tn_least(t->k_block, a->rows) * tn_least(t->columns_block, a->columns) *
                                 p->operand[TN_OPERAND_W].width);
    moved += sums * tiles * tile / tn_systolic_bytes_per_cycle(a, a->dram_gb_s);
  }
  work = fmax(work, ceil(elements / (double)a->vector_lanes));
  return blocks * (t->copies > 1 ? fmax(work, moved) : work + moved);
}

/* ---- the search ---- */

/* About half of it, with whole tiles if there are any in it; 0: there is nothing smaller. */
static int64_t half_of(const tn_problem *p, tn_role role, int64_t size, int64_t tile) {
  int64_t next = size;
  do next = tn_problem_smaller_block(p, role, next);
  while (next > 1 && 2 * next > size);
  int64_t even = (next + tile - 1) / tile * tile;
  int inner = p->first[role + 1] - 1;
  bool one_dim = inner >= p->first[role] && size <= p->size[inner];
  return one_dim && size > tile && even < size ? even : next;
}

static void list_rows(search *s) {
  const tn_problem *p = s->problem;
  int64_t sizes[MOST_SIZES];
  int count = 0;
  for (int64_t rows = p->m, last = 2 * p->m; rows > 0 && count < MOST_SIZES;
       rows = tn_problem_smaller_block(p, TN_ROLE_ROW, rows))
    if (10 * rows <= 8 * last || rows == 1) sizes[count++] = last = rows;
  for (int i = 0; i < count; i++) s->rows[i] = sizes[count - 1 - i];
  s->n_rows = count;
}

static void try_rows(search *s, tn_tiling *t, int64_t rows) {
  t->rows_block = rows;
  if (!slots_fit(s, t)) return;
  if (s->problem->is_product) tn_cut_sums(s->problem, s->array, t);
  double cycles = cycles_of(s, t);
  if ((s->best.rows_block && cycles >= s->least) || !sums_fit(s, t)) return;
  t->cycles = cycles < 9e18 ? (int64_t)cycles : INT64_MAX;
  s->best = *t;
  s->least = cycles;
}

/* The most rows whose slots fit and, since sums in parts all wait, some fewer. */
static void try_columns(search *s, tn_tiling *t) {
  enum { FEWER = 6 };
  int low = 0, high = s->n_rows;
  while (low < high) {
    int middle = (low + high) / 2;
    t->rows_block = s->rows[middle];
    if (sums_may_fit(s, t) && slots_fit(s, t))
      low = middle + 1;
    else
      high = middle;
  }
  for (int i = low - 1; i >= 0 && i > low - 1 - FEWER; i--) try_rows(s, t, s->rows[i]);
}

bool tn_choose_boxes(const tn_problem *p, const tn_systolic_target *array, const tn_room *room,
                     tn_tiling *t) {
  search s = {.problem = p, .array = array, .room = room};
  for (int i = 0; i < room->holes.count; i++) s.free += room->holes.at[i].high - room->holes.at[i].low;
  list_rows(&s);
  for (int64_t k = p->k; k > 0; k = p->is_product ? half_of(p, TN_ROLE_SUM, k, array->rows) : 0)
    for (int64_t n = p->n; n > 0; n = half_of(p, TN_ROLE_COLUMN, n, array->columns))
      for (t->copies = 2; t->copies > 0; t->copies--) {
        t->k_block = k;
        t->columns_block = n;
        try_columns(&s, t);
      }
  *t = s.best;
  return s.best.rows_block > 0;
}
