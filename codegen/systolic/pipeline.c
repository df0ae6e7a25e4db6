/* What the vector unit computes, and the views: set before the instructions that take them.
 *
 *   constants of an item, in DRAM and in the unified buffer:  scale f32[…] | bias [4][…] | table u8[256]
 *
 * scale and bias are spread out along the rows or columns that their channel follows, so that an
 * instruction starts in the middle of them; with groups a row of them for each batch. All are in the buffer
 * while the item runs; packed blocks bring the scales and biases of their own rows or columns, instead.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/systolic/tiler.h"

static bool follows(const tn_problem *p, tn_role role) {
  for (int d = p->first[role]; d < p->first[role + 1]; d++)
    if (p->operand[TN_OPERAND_CHANNEL].stride[d]) return true;
  return false;
}

static bool has_bias(const tn_vector_work *work) { return work->bias || work->integer_bias; }

/* ---- constants ---- */

tn_channels tn_channels_of(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *t) {
  const tn_vector_work *work = &p->work->work;
  bool by_row = follows(p, TN_ROLE_ROW), by_column = !by_row && follows(p, TN_ROLE_COLUMN);
  int64_t columns = t->packed ? t->columns_block : p->n; /* of an instruction */
  if (p->is_product) columns = array->columns;
  if (p->is_product && t->packed)
    columns = tn_least(columns, t->dataflow == TN_DATAFLOW_INPUT ? t->rows_block : t->columns_block);
  tn_channels c = {.arrays = (work->scale != NULL) + has_bias(work),
                   .batches = follows(p, TN_ROLE_BATCH) ? p->batch : 1,
                   .table_bytes = work->table ? 256 : 0,
                   .role = by_row      ? TN_ROLE_ROW
                           : by_column ? TN_ROLE_COLUMN
                                       : TN_ROLE_BATCH};
  c.count = by_row ? p->m : by_column ? p->n : columns;
  int64_t block = by_row ? t->rows_block : by_column ? t->columns_block : c.count;
  c.streams = t->packed && c.arrays && (c.batches > 1 || block < c.count);
  c.row = c.streams ? block : c.batches * c.count;
  return c;
}

int64_t tn_channels_bytes(const tn_channels *c) { return c->streams ? 4 * c->arrays * c->row : 0; }

int64_t tn_constants_bytes(const tn_channels *c) {
  return c->table_bytes + (c->streams ? 0 : 4 * c->arrays * c->row);
}

bool tn_take_constants(const tn_systolic_target *array, const tn_problem *p, const tn_tiling *tiling,
                       tn_room *room) {
  tn_channels channels = tn_channels_of(array, p, tiling);
  int64_t bytes = tn_constants_bytes(&channels);
  return !bytes || tn_room_take(room, bytes) >= 0;
}

static void put_channels(tn_tiler *t, const tn_item_plan *item, const void *numbers) {
  const tn_problem *p = &item->problem;
  const tn_channels *c = &item->channels;
  int64_t first = p->operand[TN_OPERAND_CHANNEL].offset;
  for (int64_t b = 0; b < c->batches; b++)
    for (int64_t i = 0; i < c->count; i++) {
      int64_t at = first + tn_problem_offset(p, TN_OPERAND_CHANNEL, TN_ROLE_BATCH, b);
      if (c->role != TN_ROLE_BATCH) at += tn_problem_offset(p, TN_OPERAND_CHANNEL, c->role, i);
      tn_text_put_n(&t->constants, (const char *)numbers + 4 * at, 4);
    }
}

int64_t tn_tiler_begin_constant(tn_tiler *t) {
  while (t->constants.length % 64) tn_text_put_char(&t->constants, 0);
  return (int64_t)t->constants.length;
}

void tn_tiler_load_constants(tn_tiler *t, tn_item_plan *item) {
  const tn_vector_work *work = &item->problem.work->work;
  int64_t bytes = tn_constants_bytes(&item->channels);
  if (!bytes && !item->channels.streams) return;
  item->constants_from = tn_tiler_begin_constant(t);
  if (work->scale) put_channels(t, item, work->scale);
  if (has_bias(work))
    put_channels(t, item, work->integer_bias ? (const void *)work->integer_bias : work->bias);
  int64_t from = item->channels.streams ? (int64_t)t->constants.length : item->constants_from;
  if (work->table) tn_text_put_n(&t->constants, work->table, 256);
  if (bytes) tn_tiler_move(t, TN_SPACE_DRAM, from, TN_SPACE_BUFFER, item->constants_at, 1, bytes, 0, 0);
}

void tn_tiler_load_channels(tn_tiler *t, const tn_item_plan *item, const tn_work_part *part, int64_t at) {
  const tn_channels *c = &item->channels;
  bool by_row = c->role == TN_ROLE_ROW, by_column = c->role == TN_ROLE_COLUMN;
  int64_t first = by_row ? part->m : by_column ? part->n : 0;
  int64_t count = by_row ? part->rows : by_column ? part->columns : c->count;
  if (c->batches > 1) first += part->batch * c->count;
  tn_tiler_move(t, TN_SPACE_DRAM, item->constants_from + 4 * first, TN_SPACE_BUFFER, at, c->arrays, 4 * count,
                4 * c->batches * c->count, 4 * c->row);
}

/* ---- pipeline ---- */

/* Where an element's numbers are among those that are there. */
static int64_t channel_place(const tn_channels *c, const tn_work_part *part, int64_t index) {
  if (!c->streams) return index + (c->batches > 1 ? part->batch * c->count : 0);
  return index - (c->role == TN_ROLE_ROW ? part->m : c->role == TN_ROLE_COLUMN ? part->n : 0);
}

static tn_reach constant_reach(int64_t at, int64_t bytes) {
  return (tn_reach){TN_SPACE_BUFFER, false, at, at + bytes};
}

/* Sets the pipeline; what it reads of the buffer is appended. */
static int set_pipeline(tn_tiler *t, const tn_item_plan *item, const tn_result_block *results,
                        const tn_block *block, tn_reach *reaches) {
  const tn_vector_work *work = &item->problem.work->work;
  const tn_channels *c = &item->channels;
  bool by_row = c->role == results->row_role, by_column = c->role == results->column_role;
  int64_t first = channel_place(c, &block->part, by_row ? results->row : by_column ? results->column : 0);
  int64_t count = by_row ? results->rows : results->columns;
  int64_t scale = block->base[TN_OPERAND_CHANNEL] + 4 * first, bias = scale + (work->scale ? 4 * c->row : 0);
  int64_t table = item->constants_at + tn_constants_bytes(c) - c->table_bytes;
  tn_instruction i = tn_instruction_of(TN_ISA_PIPELINE);
  int n = 0;
  i.PIPELINE.source = (uint8_t)work->source, i.PIPELINE.result = (uint8_t)work->result;
  i.PIPELINE.join = (uint8_t)work->join;
  i.PIPELINE.operand = (uint8_t)work->operand;
  i.PIPELINE.second = work->operand ? (uint8_t)work->second.type : 0;
  i.PIPELINE.second_scale = work->operand ? work->second_scale : 1;
  i.PIPELINE.has_clamp = work->has_clamp, i.PIPELINE.low = work->low, i.PIPELINE.high = work->high;
  i.PIPELINE.function = (uint8_t)work->function;
  i.PIPELINE.rounds = work->rounds;
  i.PIPELINE.zero = work->zero, i.PIPELINE.second_zero = work->second_zero;
  if (work->scale || has_bias(work)) i.PIPELINE.by_row = by_row;
  if (work->scale) {
    i.PIPELINE.has_scale = 1;
    i.PIPELINE.scale = (uint32_t)scale;
    reaches[n++] = constant_reach(scale, 4 * count);
  }
  if (has_bias(work)) {
    i.PIPELINE.has_bias = 1;
    i.PIPELINE.integer_bias = work->integer_bias != NULL;
    i.PIPELINE.bias = (uint32_t)bias;
    reaches[n++] = constant_reach(bias, 4 * count);
  }
  if (work->table) {
    i.PIPELINE.has_table = 1;
    i.PIPELINE.table = (uint32_t)table;
    reaches[n++] = constant_reach(table, 256);
  }
  if (memcmp(&i, &t->pipeline, sizeof i)) {
    tn_builder_add(t->builder, &i, 0, NULL);
    t->pipeline = i;
  }
  return n;
}

/* ---- results ---- */

enum { REACHES_MOST = 6 }; /* source, results, second; scale, bias, table */

/* How an operand that goes along with the results lies. */
typedef struct {
  int64_t at, row_stride, column_stride;
} layout;

static layout layout_of(const tn_problem *p, tn_operand_kind kind, const tn_block *block,
                        const tn_result_block *r) {
  return (layout){.at = tn_batch_address(block, p, kind) + tn_problem_offset(p, kind, r->row_role, r->row) +
                        tn_problem_offset(p, kind, r->column_role, r->column),
                  .row_stride = tn_problem_stride(p, kind, r->row_role),
                  .column_stride = tn_problem_stride(p, kind, r->column_role)};
}

static tn_reach reach_of(const layout *l, const tn_result_block *r, int64_t width, bool writes) {
  tn_reach reach = {TN_SPACE_BUFFER, writes, l->at, l->at + width};
  int64_t ends[2] = {(r->rows - 1) * l->row_stride, (r->columns - 1) * l->column_stride};
  for (int i = 0; i < 2; i++)
    if (ends[i] < 0)
      reach.low += ends[i];
    else
      reach.high += ends[i];
  return reach;
}

void tn_tiler_add_vector(tn_tiler *t, const tn_item_plan *item, const tn_block *block,
                         const tn_result_block *results, tn_instruction *vector, tn_reach source) {
  const tn_problem *p = &item->problem;
  const tn_operand *y = &p->operand[TN_OPERAND_Y], *second = &p->operand[TN_OPERAND_SECOND];
  layout to = layout_of(p, TN_OPERAND_Y, block, results), from = {0};
  tn_reach reaches[REACHES_MOST] = {source, reach_of(&to, results, y->width, true)};
  int n = 2;
  if (second->exists) {
    from = layout_of(p, TN_OPERAND_SECOND, block, results);
    reaches[n++] = reach_of(&from, results, second->width, false);
  }
  n += set_pipeline(t, item, results, block, reaches + n);
  tn_vector_result fields = {.rows = (uint32_t)results->rows,
                             .columns = (uint32_t)results->columns,
                             .windows = p->is_product ? 1 : (uint32_t)p->k,
                             .to = (uint32_t)to.at,
                             .row_stride = (int32_t)to.row_stride,
                             .column_stride = (int32_t)to.column_stride,
                             .second = (uint32_t)from.at,
                             .second_row_stride = (int32_t)from.row_stride,
                             .second_column_stride = (int32_t)from.column_stride};
  tn_isa_set_vector_result(vector, &fields);
  tn_builder_add(t->builder, vector, n, reaches);
}

/* ---- views ---- */

static void set_dim(const tn_operand *x, const tn_problem *p, int dim, tn_instruction *view, int at) {
  view->VIEW.size[at] = (uint32_t)p->size[dim];
  view->VIEW.stride[at] = (int32_t)x->stride[dim];
  for (int b = 0; b < x->n_bounds; b++) view->VIEW.step[b][at] = (int32_t)x->bound[b].step[dim];
}

/* Position of a bound at the part's batch and, of vector work, first column. */
static int64_t position_of(const tn_problem *p, const tn_operand *x, int bound, const tn_work_part *part) {
  int64_t offset = x->bound[bound].offset, at = part->batch;
  for (int d = p->first[TN_ROLE_ROW] - 1; d >= 0; d--) {
    offset += at % p->size[d] * x->bound[bound].step[d];
    at /= p->size[d];
  }
  if (!p->is_product && p->first[TN_ROLE_COLUMN] < p->first[TN_ROLE_SUM])
    offset += part->n * x->bound[bound].step[p->first[TN_ROLE_COLUMN]];
  return offset;
}

/* Rows are the problem's; columns its sums, of vector work windows and then the part's columns. */
void tn_tiler_set_view(tn_tiler *t, const tn_problem *p, const tn_work_part *part) {
  const tn_operand *x = &p->operand[TN_OPERAND_X];
  tn_instruction view = tn_instruction_of(TN_ISA_VIEW);
  for (int d = 0; d < TN_VIEW_DIMS; d++) view.VIEW.size[d] = 1;
  int rows = 0, columns = 0;
  for (int d = p->first[TN_ROLE_ROW]; d < p->first[TN_ROLE_COLUMN]; d++) set_dim(x, p, d, &view, rows++);
  for (int d = p->first[TN_ROLE_SUM]; d < p->first[4]; d++) set_dim(x, p, d, &view, 4 + columns++);
  for (int d = p->first[TN_ROLE_COLUMN]; d < p->first[TN_ROLE_SUM] && !p->is_product; d++) {
    set_dim(x, p, d, &view, 4 + columns);
    view.VIEW.size[4 + columns++] = (uint32_t)part->columns;
  }
  view.VIEW.row_dims = (uint8_t)(rows ? rows : 1);
  view.VIEW.column_dims = (uint8_t)(columns ? columns : 1);
  for (int b = 0; b < x->n_bounds; b++) {
    view.VIEW.offset[b] = (int32_t)position_of(p, x, b, part);
    view.VIEW.limit[b] = (uint32_t)x->bound[b].limit;
  }
  view.VIEW.fill = (uint32_t)x->fill;
  if (!memcmp(&view, &t->view, sizeof view)) return;
  tn_builder_add(t->builder, &view, 0, NULL);
  t->view = view;
}
