/* One block of a product: tiles, sums, activation.
 *
 *   weight   for blocks of sums: for n: matmul over all k (repeat), activate
 *   output   for R rows: for n: matmul over all k (repeat), activate
 *   input    for C rows: for blocks of n: for k: matmul over the block's n (repeat); activate
 *
 * k are those of the block. Accumulators are a ring: a tile's sums take the next rows, so that activation of
 * the last ones goes on beside the next product. Where a block has some of k alone, the sums of all its tiles
 * are taken at once by the first part of k, added to by the others, and activated in the last.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/systolic/tiler.h"

static int64_t take_from_ring(tn_tiler *t, int64_t rows) {
  if (t->sums_next + rows > t->sums_rows) t->sums_next = 0;
  int64_t at = t->sums_next;
  t->sums_next += rows;
  return at;
}

/* Sums in parts stay where they are from part to part, and tiles come in the same order in each. */
static int64_t take_sums(tn_tiler *t, const tn_item_plan *item, const tn_block *block, int64_t rows) {
  if (block->part.depth == item->problem.k) return take_from_ring(t, rows);
  t->tile_sums += rows;
  return t->tile_sums - rows;
}

static void begin_sums(tn_tiler *t, const tn_item_plan *item, const tn_block *block) {
  if (block->part.depth == item->problem.k) return;
  if (!block->part.k)
    t->block_sums = take_from_ring(t, tn_sums_of(t->array, &item->problem, &item->tiling, &block->part));
  t->tile_sums = t->block_sums;
}

int64_t tn_batch_address(const tn_block *block, const tn_problem *p, tn_operand_kind kind) {
  return block->base[kind] + p->operand[kind].offset +
         tn_problem_offset(p, kind, TN_ROLE_BATCH, block->part.batch);
}

/* ---- matmul ---- */

static void flush_matmul(tn_tiler *t) {
  tn_tiler_flush_weights(t);
  if (t->matmul.MATMUL.repeat) tn_builder_add(t->builder, &t->matmul, t->n_matmul_reaches, t->matmul_reaches);
  t->matmul.MATMUL.repeat = 0;
}

typedef struct {
  int64_t row, rows, column, sums, n_sums; /* accumulator rows from `sums` on */
  bool accumulate;
} tile_pass;

static void widen(tn_reach *reach, tn_reach by) {
  if (by.low < reach->low) reach->low = by.low;
  if (by.high > reach->high) reach->high = by.high;
}

/* One tile more for the instruction that waits to be added, if it goes on in even steps. */
static bool joins(tn_instruction *m, const tile_pass *pass) {
  int64_t count = m->MATMUL.repeat, rows = pass->row - m->MATMUL.row,
          columns = pass->column - m->MATMUL.column, sums = pass->sums - m->MATMUL.accumulator;
  if (!count || m->MATMUL.rows != pass->rows) return false;
  if (count == 1) {
    m->MATMUL.row_step = (int32_t)rows, m->MATMUL.column_step = (int32_t)columns;
    m->MATMUL.accumulator_step = (int32_t)sums, m->MATMUL.then_accumulate = pass->accumulate;
  }
  if (rows != m->MATMUL.row_step * count || columns != m->MATMUL.column_step * count ||
      sums != m->MATMUL.accumulator_step * count || pass->accumulate != m->MATMUL.then_accumulate)
    return false;
  m->MATMUL.repeat++;
  return true;
}

static void multiply(tn_tiler *t, const tn_item_plan *item, const tn_block *block, const tile_pass *pass) {
  const tn_problem *p = &item->problem;
  const tn_operand *x = &p->operand[TN_OPERAND_X];
  int64_t base = block->base[TN_OPERAND_X];
  tn_work_part part = block->part;
  part.m = pass->row, part.rows = pass->rows;
  tn_byte_range span = tn_problem_span(p, TN_OPERAND_X, &part);
  if (span.low == span.high) /* nothing but padding begins no sooner than the rest of its block */
    span = tn_problem_span(p, TN_OPERAND_X, &block->part);
  tn_reach reaches[2] = {{TN_SPACE_BUFFER, false, base + span.low, base + span.high},
                         {TN_SPACE_ACCUMULATORS, true, pass->sums, pass->sums + pass->n_sums}};
  if (joins(&t->matmul, pass)) {
    for (int i = 0; i < 2; i++) widen(&t->matmul_reaches[i], reaches[i]);
    return;
  }
  flush_matmul(t);
  tn_instruction *m = &t->matmul;
  *m = tn_instruction_of(TN_ISA_MATMUL);
  m->MATMUL.dataflow = (uint8_t)item->tiling.dataflow;
  m->MATMUL.type = (uint8_t)x->type;
  m->MATMUL.accumulate = pass->accumulate;
  m->MATMUL.base = (uint32_t)tn_batch_address(block, p, TN_OPERAND_X);
  m->MATMUL.row = (uint32_t)pass->row, m->MATMUL.rows = (uint32_t)pass->rows;
  m->MATMUL.column = (uint32_t)pass->column;
  m->MATMUL.accumulator = (uint32_t)pass->sums;
  m->MATMUL.repeat = 1;
  memcpy(t->matmul_reaches, reaches, sizeof reaches);
  t->n_matmul_reaches = 2;
}

/* ---- activate ---- */

/* Accumulator rows from `sums` on; rows whose results (and second operands) lie in even steps at a time. */
static void activate(tn_tiler *t, const tn_item_plan *item, const tn_block *block, tn_result_block results,
                     int64_t sums) {
  flush_matmul(t);
  if (block->part.k + block->part.depth < item->problem.k) return; /* more is to come */
  for (int64_t end = results.row + results.rows; results.row < end; results.row += results.rows) {
    results.rows = tn_problem_even_run(&item->problem, results.row_role, results.row, end - results.row);
    tn_instruction a = tn_instruction_of(TN_ISA_ACTIVATE);
    a.ACTIVATE.accumulator = (uint32_t)sums;
    tn_reach source = {TN_SPACE_ACCUMULATORS, false, sums, sums + results.rows};
    tn_tiler_add_vector(t, item, block, &results, &a, source);
    sums += results.rows;
  }
}

/* ---- the three orders ---- */

/* All of K for some rows and some columns. Weight and output stationary. */
static void sum_tile(tn_tiler *t, tn_item_plan *item, const tn_block *block, int64_t m, int64_t rows,
                     int64_t n, int64_t columns) {
  int64_t sums = take_sums(t, item, block, rows);
  for (int64_t k = block->part.k, depth; k < block->part.k + block->part.depth; k += depth) {
    depth = tn_tile_rows(t->array, &item->problem, &item->tiling, k);
    tile_pass pass = {m, rows, k, sums, rows, k > 0};
    multiply(t, item, block, &pass);
    tn_tiler_read_tile(t, item, block->part.batch, k, depth, n, columns);
  }
  activate(t, item, block, (tn_result_block){TN_ROLE_ROW, TN_ROLE_COLUMN, m, rows, n, columns}, sums);
}

static void by_rows(tn_tiler *t, tn_item_plan *item, const tn_block *block, int64_t most) {
  const tn_work_part *part = &block->part;
  int64_t parts = (part->rows + most - 1) / most;
  bool even = item->tiling.dataflow == TN_DATAFLOW_WEIGHT; /* output stationary: full tiles, then the rest */
  for (int64_t i = 0, m = part->m; m < part->m + part->rows; i++) {
    int64_t left = part->m + part->rows - m,
            rows = even ? (left + parts - i - 1) / (parts - i) : tn_least(most, left);
    for (int64_t n = part->n, columns; n < part->n + part->columns; n += columns) {
      columns = tn_tile_columns(t->array, &item->problem, &item->tiling, n);
      sum_tile(t, item, block, m, rows, n, columns);
    }
    m += rows;
  }
}

/* Columns of weights n … n + count pass C rows of x. */
static void by_columns(tn_tiler *t, tn_item_plan *item, const tn_block *block, int64_t m, int64_t rows,
                       int64_t n, int64_t count) {
  int64_t sums = take_sums(t, item, block, count);
  for (int64_t k = block->part.k, depth; k < block->part.k + block->part.depth; k += depth) {
    depth = tn_tile_rows(t->array, &item->problem, &item->tiling, k);
    flush_matmul(t); /* another tile of x: another instruction */
    for (int64_t j = 0, columns; j < count; j += columns) {
      columns = tn_least(tn_tile_columns(t->array, &item->problem, &item->tiling, n + j), count - j);
      tile_pass pass = {m, rows, k, sums + j, columns, k > 0};
      multiply(t, item, block, &pass);
      tn_tiler_read_tile(t, item, block->part.batch, k, depth, n + j, columns);
    }
  }
  activate(t, item, block, (tn_result_block){TN_ROLE_COLUMN, TN_ROLE_ROW, n, count, m, rows}, sums);
}

int64_t tn_stationary_rows(const tn_systolic_target *array, const tn_problem *p, int64_t m, int64_t left) {
  return tn_problem_even_run(p, TN_ROLE_ROW, m, tn_least(array->columns, left));
}

void tn_count_tiles(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t,
                    const tn_work_part *part, tn_tile_counts *counts) {
  *counts = (tn_tile_counts){0};
  for (int64_t k = part->k; k < part->k + part->depth; counts->k++) k += tn_tile_rows(array, p, t, k);
  for (int64_t n = part->n; n < part->n + part->columns; counts->n++) n += tn_tile_columns(array, p, t, n);
  for (int64_t m = part->m, end = m + part->rows; m < end; counts->m++)
    m += tn_stationary_rows(array, p, m, end - m);
}

int64_t tn_sums_of(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t,
                   const tn_work_part *part) {
  tn_tile_counts tiles;
  tn_count_tiles(array, p, t, part, &tiles);
  return t->dataflow == TN_DATAFLOW_INPUT ? part->columns * tiles.m : part->rows * tiles.n;
}

static void input_stationary(tn_tiler *t, tn_item_plan *item, const tn_block *block) {
  const tn_problem *p = &item->problem;
  int64_t end = block->part.m + block->part.rows, last = block->part.n + block->part.columns;
  for (int64_t m = block->part.m, rows; m < end; m += rows) {
    rows = tn_stationary_rows(t->array, p, m, end - m);
    for (int64_t n = block->part.n, count; n < last; n += count) {
      count = tn_least(item->tiling.sums_block, last - n);
      by_columns(t, item, block, m, rows, n, count);
    }
  }
}

void tn_tiler_product_block(tn_tiler *t, tn_item_plan *item, const tn_block *block) {
  tn_tiler_set_view(t, &item->problem, &block->part);
  begin_sums(t, item, block);
  switch (item->tiling.dataflow) {
  case TN_DATAFLOW_WEIGHT:
  case TN_DATAFLOW_OUTPUT: by_rows(t, item, block, item->tiling.sums_block); break;
  case TN_DATAFLOW_INPUT: input_stationary(t, item, block); break;
  }
}
