/* One block of vector work: elementwise operations and pooling.
 *
 * Rows whose results and second operands lie in even steps are one instruction; there is one column
 * dim (problem.c), so that columns always do.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/tiler.h"

static void compute_rows(tn_tiler *t, const tn_item_plan *item, const tn_block *block, int64_t row,
                         int64_t rows) {
  const tn_problem *p = &item->problem;
  tn_instruction v = tn_instruction_of(TN_ISA_VECTOR);
  v.VECTOR.base = (uint32_t)(tn_batch_address(block, p, TN_OPERAND_X) +
                             tn_problem_offset(p, TN_OPERAND_X, TN_ROLE_COLUMN, block->part.n));
  v.VECTOR.row = (uint32_t)row;
  tn_work_part part = block->part;
  part.m = row, part.rows = rows;
  tn_byte_range span = tn_problem_span(p, TN_OPERAND_X, &part);
  int64_t from = block->base[TN_OPERAND_X];
  tn_reach source = {TN_SPACE_BUFFER, false, from + span.low, from + span.high};
  tn_result_block results = {TN_ROLE_ROW, TN_ROLE_COLUMN, row, rows, part.n, part.columns};
  tn_tiler_add_vector(t, item, block, &results, &v, source);
}

void tn_tiler_vector_block(tn_tiler *t, tn_item_plan *item, const tn_block *block) {
  const tn_problem *p = &item->problem;
  tn_tiler_set_view(t, p, &block->part);
  for (int64_t row = block->part.m, end = row + block->part.rows, rows; row < end; row += rows) {
    rows = tn_problem_even_run(p, TN_ROLE_ROW, row, end - row);
    compute_rows(t, item, block, row, rows);
  }
}
