/* Weights: packed into DRAM in the order in which tiles are read, or read with strides where they lie.
 *
 *   packed   columns of tiles one behind the other; in each all K rows of its N columns, row-major
 *
 * A tile of the packed form is one piece of memory, the next tile of the sum follows it. What is not
 * constant stays as it was computed; a tile must then be a matrix with two strides, and tiles are cut
 * where they would not be. Tiles that follow each other with one step are one instruction.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/systolic/tiler.h"

int64_t tn_tile_rows(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t, int64_t k) {
  int64_t rows = tn_least(array->rows, tn_problem_block_at(p, TN_ROLE_SUM, t->k_block, k));
  return p->constant_weights ? rows : tn_least(rows, tn_problem_run(p, TN_OPERAND_W, TN_ROLE_SUM, k));
}

int64_t tn_tile_columns(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t, int64_t n) {
  int64_t columns = tn_least(array->columns, tn_problem_block_at(p, TN_ROLE_COLUMN, t->columns_block, n));
  if (t->dataflow == TN_DATAFLOW_INPUT) /* columns of w are rows of sums, activated in pieces */
    columns = tn_least(columns, t->sums_block);
  else
    columns = tn_problem_even_run(p, TN_ROLE_COLUMN, n, columns);
  return p->constant_weights ? columns
                             : tn_least(columns, tn_problem_run(p, TN_OPERAND_W, TN_ROLE_COLUMN, n));
}

/* ---- packing ---- */

typedef struct {
  int64_t *offset, *group; /* by flattened index: bytes in w; which of the groups on the diagonal */
} weight_axis;

static weight_axis axis_of(tn_arena *arena, const tn_problem *p, tn_role role, int64_t count) {
  weight_axis axis = {TN_NEW_ARRAY(arena, int64_t, count), TN_NEW_ARRAY(arena, int64_t, count)};
  int64_t per_group = p->diagonal > 1 ? count / p->diagonal : count;
  for (int64_t i = 0; i < count; i++) {
    axis.offset[i] = tn_problem_offset(p, TN_OPERAND_W, role, i);
    axis.group[i] = i / per_group;
  }
  return axis;
}

static void pack(tn_tiler *t, const tn_item_plan *item, const uint8_t *from) {
  const tn_problem *p = &item->problem;
  int64_t width = p->operand[TN_OPERAND_W].width;
  tn_arena *scratch = tn_arena_create();
  weight_axis k = axis_of(scratch, p, TN_ROLE_SUM, p->k), n = axis_of(scratch, p, TN_ROLE_COLUMN, p->n);
  uint8_t *to = (uint8_t *)tn_text_reserve(&t->constants, (size_t)(p->k * p->n * width));
  for (int64_t n0 = 0; n0 < p->n;) {
    int64_t columns = tn_tile_columns(t->array, &item->problem, &item->tiling, n0);
    for (int64_t i = 0; i < p->k; i++)
      for (int64_t j = n0; j < n0 + columns; j++, to += width)
        if (k.group[i] == n.group[j])
          memcpy(to, from + k.offset[i] + n.offset[j], (size_t)width);
        else
          memset(to, 0, (size_t)width);
    n0 += columns;
  }
  t->constants.length += (size_t)(p->k * p->n * width);
  tn_arena_destroy(scratch);
}

/* Where the weights of a batch start in DRAM. */
static int64_t weights_of(tn_tiler *t, tn_item_plan *item, int64_t batch) {
  const tn_problem *p = &item->problem;
  const tn_operand *w = &p->operand[TN_OPERAND_W];
  int64_t offset = w->offset + tn_problem_offset(p, TN_OPERAND_W, TN_ROLE_BATCH, batch);
  if (!item->problem.constant_weights) return tn_tiler_weights_home(t, w->buffer) + offset;
  for (int i = item->packed.count - 1; i >= 0; i--)
    if (item->packed.at[i].offset == offset) return item->packed.at[i].at;
  tn_packed packed = {offset, tn_tiler_begin_constant(t)};
  TN_PUSH(t->arena, &item->packed, packed);
  pack(t, item, (const uint8_t *)t->program->plan->buffers[w->buffer].literal->data + offset);
  return packed.at;
}

/* ---- reading ---- */

void tn_tiler_flush_weights(tn_tiler *t) {
  tn_instruction *w = &t->weights;
  if (!w->READ_WEIGHTS.repeat) return;
  int64_t low = (int64_t)w->READ_WEIGHTS.from, high = low;
  int64_t spans[3][2] = {{w->READ_WEIGHTS.rows, w->READ_WEIGHTS.row_stride},
                         {w->READ_WEIGHTS.columns, w->READ_WEIGHTS.column_stride},
                         {w->READ_WEIGHTS.repeat, w->READ_WEIGHTS.repeat_stride}};
  for (int i = 0; i < 3; i++) {
    int64_t reach = (spans[i][0] - 1) * spans[i][1];
    if (reach < 0)
      low += reach;
    else
      high += reach;
  }
  high += (int64_t)tn_type_bytes((tn_type)w->READ_WEIGHTS.type);
  tn_reach reach = {TN_SPACE_DRAM, false, low, high};
  tn_builder_add(t->builder, w, low >= TN_SCRATCH, &reach); /* constants are never written */
  w->READ_WEIGHTS.repeat = 0;
}

/* The same shape, one step further? */
static bool joins(tn_instruction *w, const tn_instruction *next) {
  if (!w->READ_WEIGHTS.repeat || w->READ_WEIGHTS.rows != next->READ_WEIGHTS.rows ||
      w->READ_WEIGHTS.columns != next->READ_WEIGHTS.columns ||
      w->READ_WEIGHTS.type != next->READ_WEIGHTS.type ||
      w->READ_WEIGHTS.row_stride != next->READ_WEIGHTS.row_stride ||
      w->READ_WEIGHTS.column_stride != next->READ_WEIGHTS.column_stride)
    return false;
  int64_t step = (int64_t)(next->READ_WEIGHTS.from - w->READ_WEIGHTS.from);
  if (w->READ_WEIGHTS.repeat == 1) w->READ_WEIGHTS.repeat_stride = step;
  if (step != w->READ_WEIGHTS.repeat_stride * (int64_t)w->READ_WEIGHTS.repeat) return false;
  w->READ_WEIGHTS.repeat++;
  return true;
}

void tn_tiler_read_tile(tn_tiler *t, tn_item_plan *item, int64_t batch, int64_t k, int64_t rows, int64_t n,
                        int64_t columns) {
  const tn_problem *p = &item->problem;
  const tn_operand *w = &p->operand[TN_OPERAND_W];
  int64_t at = weights_of(t, item, batch);
  tn_instruction next = tn_instruction_of(TN_ISA_READ_WEIGHTS);
  next.READ_WEIGHTS.type = (uint8_t)w->type;
  next.READ_WEIGHTS.rows = (uint16_t)rows;
  next.READ_WEIGHTS.columns = (uint16_t)columns;
  next.READ_WEIGHTS.repeat = 1;
  if (item->problem.constant_weights) {
    at += (n * p->k + k * columns) * w->width;
    next.READ_WEIGHTS.row_stride = columns * w->width;
    next.READ_WEIGHTS.column_stride = w->width;
  } else {
    at += tn_problem_offset(p, TN_OPERAND_W, TN_ROLE_SUM, k) +
          tn_problem_offset(p, TN_OPERAND_W, TN_ROLE_COLUMN, n);
    next.READ_WEIGHTS.row_stride = tn_problem_stride(p, TN_OPERAND_W, TN_ROLE_SUM);
    next.READ_WEIGHTS.column_stride = tn_problem_stride(p, TN_OPERAND_W, TN_ROLE_COLUMN);
  }
  next.READ_WEIGHTS.from = (uint64_t)at;
  if (joins(&t->weights, &next)) return;
  tn_tiler_flush_weights(t);
  t->weights = next;
}
