/* A piece of work and its tiling -> what the forecast walks; forecast.h.
 *
 * Blocks are told by their average, so that what they move and do adds up to the whole. Cost: O(blocks * dims).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>
#include <stdlib.h>

#include "codegen/systolic/tiler.h"

/* Smaller pieces make more instructions than they save waiting: at 16 bytes a cycle one takes 32. */
enum { LEAST_PIECE = 512 };

static double tiles_of(double size, double tile) { return ceil(size / tile - 1e-9); }

/* Loads, stores and tiles of weights take turns at the port: a round must not take longer than the array
 * takes for a tile.                                                                                  */
int64_t tn_piece_bytes(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *tiling) {
  double rate = tn_systolic_bytes_per_cycle(array, array->dram_gb_s);
  if (!p->is_product || !(rate < 1e9)) return 0;
  int64_t block = tiling->sums_block < tiling->rows_block ? tiling->sums_block : tiling->rows_block;
  int64_t rows = tiling->dataflow == TN_DATAFLOW_WEIGHT ? block : array->columns;
  double tile = (double)tn_systolic_tile_bytes(array, p->operand[TN_OPERAND_W].type);
  double bytes = (rate * (double)rows - tile) / 2, fewest = tile > LEAST_PIECE ? tile : LEAST_PIECE;
  return bytes < fewest ? (int64_t)fewest : bytes > UINT32_MAX ? 0 : (int64_t)bytes / 64 * 64;
}

/* Of a block, on average; what stays from one block to the next moves once. */
typedef struct {
  double rows, columns, depth, x_bytes, second_bytes, channel_bytes;
  tn_work_part first;
} block_sizes;

static double bytes_of(const tn_problem *p, const tn_problem *outside, tn_operand_kind kind,
                       const tn_work_part *part) {
  tn_pieces pieces = tn_problem_pieces(outside, kind, part, p->operand[kind].pitch);
  return (double)(pieces.bytes * pieces.count);
}

static block_sizes measure(const tn_problem *p, const tn_problem *outside, const tn_tiling *t,
                           const tn_channels *channels, tn_forecast_item *item) {
  block_sizes all = {0};
  double count = 0, results = 0;
  bool x = t->x != TN_HOME_BUFFER,
       second = p->operand[TN_OPERAND_SECOND].exists && t->second != TN_HOME_BUFFER;
  tn_work_part last = {.batch = -1};
  for (tn_work_part part = {0}; tn_next_block(p, t, &part); count++, last = part) {
    if (count == 0) all.first = part;
    bool rows = part.batch != last.batch || part.m != last.m, columns = rows || part.n != last.n;
    all.rows += (double)part.rows, all.columns += (double)part.columns, all.depth += (double)part.depth;
    if (x && (rows || (p->is_product ? part.k != last.k : columns)))
      all.x_bytes += bytes_of(p, outside, TN_OPERAND_X, &part);
    if (second && columns) all.second_bytes += bytes_of(p, outside, TN_OPERAND_SECOND, &part);
    if (columns) all.channel_bytes += (double)tn_channels_bytes(channels);
    results += part.k + part.depth == p->k;
  }
  item->blocks = (int64_t)count;
  item->sum_blocks = (int64_t)round(count / results);
  all.rows /= count, all.columns /= count, all.depth /= count;
  all.x_bytes /= count, all.second_bytes /= count, all.channel_bytes /= count;
  return all;
}

/* Instructions that rows of results are cut into, since only rows in even steps are one. */
static double pieces_of(const tn_problem *p, tn_role role, double rows) {
  int64_t whole = (int64_t)ceil(rows);
  double run = (double)tn_problem_even_run(p, role, 0, whole);
  if (run >= rows) return 1;
  return fmod(rows, run) == 0 ? rows / run : 1 + (rows - 1) / run;
}

static double vector_cycles(const tn_systolic_target *array, double rows, double elements, double pieces) {
  if (rows < pieces) pieces = rows;
  return pieces * fmax(1, ceil(elements / pieces / (double)array->vector_lanes - 1e-9));
}

static void describe_input(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t,
                           const block_sizes *b, const tn_tile_counts *tiles, tn_forecast_item *item) {
  item->parts = tiles->m;
  item->groups = (int64_t)tiles_of(b->columns, (double)t->sums_block);
  item->matmuls = tiles->k;
  item->tiles = (int64_t)tiles_of((double)tiles->n, (double)item->groups);
  double columns = b->columns / (double)item->groups, rows = b->rows / (double)item->parts;
  double pieces = pieces_of(p, TN_ROLE_COLUMN, columns);
  item->activation = vector_cycles(array, columns, rows * columns, pieces);
  item->slots = (int64_t)((double)tn_sums_capacity(array) / fmin(columns, (double)t->sums_block));
  item->stream = columns / (double)item->tiles;
}

static void describe_rows(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t,
                          const block_sizes *b, const tn_tile_counts *tiles, tn_forecast_item *item) {
  item->parts = (int64_t)tiles_of((double)b->first.rows, (double)t->sums_block);
  item->groups = tiles->n;
  item->matmuls = 1;
  item->tiles = tiles->k;
  double columns = b->columns / (double)item->groups, rows = b->rows / (double)item->parts;
  double pieces = pieces_of(p, TN_ROLE_ROW, rows);
  item->activation = vector_cycles(array, rows, rows * columns, pieces);
  item->slots = (int64_t)((double)tn_sums_capacity(array) / ceil(rows));
  item->stream = t->dataflow == TN_DATAFLOW_OUTPUT ? b->depth / (double)tiles->k : rows;
}

static void describe_product(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t,
                             const block_sizes *b, tn_forecast_item *item) {
  tn_tile_counts tiles;
  tn_count_tiles(array, p, t, &b->first, &tiles);
  if (t->dataflow == TN_DATAFLOW_INPUT)
    describe_input(array, p, t, b, &tiles, item);
  else
    describe_rows(array, p, t, b, &tiles, item);
  const tn_operand *x = &p->operand[TN_OPERAND_X], *w = &p->operand[TN_OPERAND_W];
  const tn_systolic_type *type = tn_systolic_find_type(array, x->type, w->type);
  item->stream *= type ? (double)type->cycles : 1;
  double all = (double)(item->groups * item->matmuls * item->tiles);
  item->tile_bytes = array->whole_weight_tiles
                         ? (double)(tn_systolic_tile_bytes(array, w->type) * tiles.k * tiles.n) / all
                         : b->depth * b->columns * (double)w->width / all;
}

/* Tiles of a batch wait for that batch of weights, if batches lie one behind the other; others wait for all. */
static void describe_weights(const tn_problem *p, tn_forecast_item *item) {
  double block = (double)(item->matmuls * item->tiles * item->groups * item->parts);
  int64_t batch = llabs(tn_problem_stride(p, TN_OPERAND_W, TN_ROLE_BATCH));
  bool batches = batch > llabs(tn_problem_stride(p, TN_OPERAND_W, TN_ROLE_SUM)) &&
                 batch > llabs(tn_problem_stride(p, TN_OPERAND_W, TN_ROLE_COLUMN));
  item->weights_unit = block;
  item->weights_spread = batches ? block * (double)item->blocks : 0;
}

/* What the first part of x reaches in its value. */
static double first_share(const tn_problem *p, tn_operand_kind kind, const block_sizes *b, int64_t parts) {
  tn_work_part part = b->first;
  part.rows = (part.rows + parts - 1) / parts;
  return (double)tn_problem_span(p, kind, &part).high / (double)p->operand[kind].bytes;
}

void tn_describe_item(const tn_systolic_target *array, const tn_problem *p, const tn_problem *outside,
                      const tn_tiling *t, tn_forecast_item *item) {
  tn_channels channels = tn_channels_of(array, outside, t);
  block_sizes b = measure(p, outside, t, &channels, item);
  item->is_product = p->is_product;
  item->dataflow = t->dataflow;
  item->copies = t->copies;
  item->parts = item->groups = 1;
  item->constants = (double)tn_constants_bytes(&channels);
  item->channel_bytes = b.channel_bytes;
  if (!channels.streams && channels.role == TN_ROLE_COLUMN && channels.batches == 1 &&
      t->dataflow != TN_DATAFLOW_INPUT) {
    item->channel_arrays = channels.arrays;
    item->array_bytes = (double)(4 * channels.count);
  }
  item->piece_bytes = (double)tn_piece_bytes(array, p, t);
  if (p->is_product) {
    describe_product(array, p, t, &b, item);
    describe_weights(p, item);
  } else {
    double pieces = pieces_of(p, TN_ROLE_ROW, b.rows);
    item->activation = vector_cycles(array, b.rows, b.rows * b.columns * b.depth, pieces);
  }
  item->x.streamed = t->x != TN_HOME_BUFFER;
  item->second.streamed = t->second != TN_HOME_BUFFER;
  item->y_streamed = t->y != TN_HOME_BUFFER;
  if (item->x.streamed) item->x.host = t->x == TN_HOME_HOST, item->x.bytes = b.x_bytes;
  if (item->second.streamed)
    item->second.host = t->second == TN_HOME_HOST, item->second.bytes = b.second_bytes;
  item->x.first_share = first_share(p, TN_OPERAND_X, &b, item->parts);
  double results = b.rows * b.columns * (double)p->operand[TN_OPERAND_Y].width;
  item->store_bytes = t->y == TN_HOME_DRAM ? results : 0;
  item->write_bytes = item->y_to_host || t->y == TN_HOME_HOST ? results : 0;
}
