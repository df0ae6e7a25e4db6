/* One block of rows of vector work: elementwise operations and pooling.
 *
 * Rows whose results and second operands lie in even steps are one instruction; there is one column
 * dim (problem.c), so that columns always do.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/tiler.h"

static int64_t address_of(const tn_block *block, const tn_problem *p, tn_operand_kind kind, int64_t row) {
  return tn_batch_address(block, p, kind) + tn_problem_offset(p, kind, TN_ROLE_ROW, row);
}

static void compute_rows(tn_tiler *t, const tn_item_plan *item, const tn_block *block, int64_t row,
                         int64_t rows) {
  const tn_problem *p = &item->problem;
  tn_reach reaches[8];
  int n = tn_tiler_set_pipeline(t, item, TN_ROLE_ROW, row, rows, TN_ROLE_COLUMN, 0, p->n, block->part.batch,
                                reaches);
  tn_instruction v = tn_instruction_of(TN_ISA_VECTOR);
  v.VECTOR.base = (uint32_t)tn_batch_address(block, p, TN_OPERAND_X);
  v.VECTOR.row = (uint32_t)row, v.VECTOR.rows = (uint32_t)rows;
  v.VECTOR.columns = (uint32_t)p->n, v.VECTOR.windows = (uint32_t)p->k;
  tn_work_part part = block->part;
  part.m = row, part.rows = rows;
  tn_byte_range span = tn_problem_span(p, TN_OPERAND_X, &part);
  int64_t from = block->base[TN_OPERAND_X], to = address_of(block, p, TN_OPERAND_Y, row);
  reaches[n++] = (tn_reach){TN_SPACE_BUFFER, false, from + span.low, from + span.high};
  int64_t row_stride = tn_problem_stride(p, TN_OPERAND_Y, TN_ROLE_ROW);
  int64_t column_stride = tn_problem_stride(p, TN_OPERAND_Y, TN_ROLE_COLUMN);
  v.VECTOR.to = (uint32_t)to;
  v.VECTOR.row_stride = (int32_t)row_stride, v.VECTOR.column_stride = (int32_t)column_stride;
  reaches[n++] = tn_reach_of(p, TN_OPERAND_Y, true, to, rows, row_stride, p->n, column_stride);
  if (p->operand[TN_OPERAND_SECOND].exists) {
    int64_t second = address_of(block, p, TN_OPERAND_SECOND, row);
    row_stride = tn_problem_stride(p, TN_OPERAND_SECOND, TN_ROLE_ROW);
    column_stride = tn_problem_stride(p, TN_OPERAND_SECOND, TN_ROLE_COLUMN);
    v.VECTOR.second = (uint32_t)second;
    v.VECTOR.second_row_stride = (int32_t)row_stride, v.VECTOR.second_column_stride = (int32_t)column_stride;
    reaches[n++] = tn_reach_of(p, TN_OPERAND_SECOND, false, second, rows, row_stride, p->n, column_stride);
  }
  tn_builder_add(t->builder, &v, n, reaches);
}

void tn_tiler_vector_block(tn_tiler *t, tn_item_plan *item, const tn_block *block) {
  const tn_problem *p = &item->problem;
  tn_tiler_set_view(t, p, block->part.batch);
  for (int64_t row = block->part.m, end = row + block->part.rows, rows; row < end; row += rows) {
    rows = tn_problem_even_run(p, TN_ROLE_ROW, row, end - row);
    compute_rows(t, item, block, row, rows);
  }
}
