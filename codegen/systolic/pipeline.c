/* What the vector unit computes, and the views: set before the instructions that take them.
 *
 *   constants of an item, in DRAM and in the unified buffer:  scale f32[…] | bias [4][…] | table u8[256]
 *
 * scale and bias are spread out along the rows or columns that their channel follows, so that an
 * instruction starts in the middle of them; with groups a row of them for each batch.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/tiler.h"

static bool follows(const tn_problem *p, tn_role role) {
  for (int d = p->first[role]; d < p->first[role + 1]; d++)
    if (p->operand[TN_OPERAND_CHANNEL].stride[d]) return true;
  return false;
}

static bool has_bias(const tn_vector_work *work) { return work->bias || work->integer_bias; }

/* ---- constants ---- */

int64_t tn_constants_bytes(const tn_systolic_target *array, tn_item_plan *item) {
  const tn_problem *p = &item->problem;
  const tn_vector_work *work = &p->work->work;
  item->channel_role = follows(p, TN_ROLE_ROW)      ? TN_ROLE_ROW
                       : follows(p, TN_ROLE_COLUMN) ? TN_ROLE_COLUMN
                                                    : TN_ROLE_BATCH;
  item->channel_batches = follows(p, TN_ROLE_BATCH) ? p->batch : 1;
  item->channel_count = item->channel_role == TN_ROLE_ROW      ? p->m
                        : item->channel_role == TN_ROLE_COLUMN ? p->n
                        : p->is_product                        ? array->columns
                                                               : p->n;
  int64_t bytes = item->channel_batches * item->channel_count * 4;
  item->scale_at = 0;
  item->bias_at = work->scale ? bytes : 0;
  item->table_at = item->bias_at + (has_bias(work) ? bytes : 0);
  return item->constants_bytes = item->table_at + (work->table ? 256 : 0);
}

static void put_channels(tn_tiler *t, const tn_item_plan *item, const void *numbers) {
  const tn_problem *p = &item->problem;
  int64_t first = p->operand[TN_OPERAND_CHANNEL].offset;
  for (int64_t b = 0; b < item->channel_batches; b++)
    for (int64_t i = 0; i < item->channel_count; i++) {
      int64_t at = first + tn_problem_offset(p, TN_OPERAND_CHANNEL, TN_ROLE_BATCH, b);
      if (item->channel_role != TN_ROLE_BATCH)
        at += tn_problem_offset(p, TN_OPERAND_CHANNEL, item->channel_role, i);
      tn_text_put_n(&t->constants, (const char *)numbers + 4 * at, 4);
    }
}

int64_t tn_tiler_begin_constant(tn_tiler *t) {
  while (t->constants.length % 64) tn_text_put_char(&t->constants, 0);
  return (int64_t)t->constants.length;
}

void tn_tiler_load_constants(tn_tiler *t, tn_item_plan *item) {
  const tn_vector_work *work = &item->problem.work->work;
  if (!item->constants_bytes) return;
  int64_t from = tn_tiler_begin_constant(t);
  if (work->scale) put_channels(t, item, work->scale);
  if (has_bias(work))
    put_channels(t, item, work->integer_bias ? (const void *)work->integer_bias : work->bias);
  if (work->table) tn_text_put_n(&t->constants, work->table, 256);
  tn_tiler_move(t, TN_SPACE_DRAM, from, TN_SPACE_BUFFER, item->constants_at, 1, item->constants_bytes, 0);
}

/* ---- pipeline ---- */

static tn_reach constant_reach(const tn_item_plan *item, int64_t at, int64_t bytes) {
  return (tn_reach){TN_SPACE_BUFFER, false, item->constants_at + at, item->constants_at + at + bytes};
}

/* Sets the pipeline; what it reads of the buffer is appended. */
static int set_pipeline(tn_tiler *t, const tn_item_plan *item, const tn_result_block *results, int64_t batch,
                        tn_reach *reaches) {
  const tn_vector_work *work = &item->problem.work->work;
  bool by_row = item->channel_role == results->row_role,
       by_column = item->channel_role == results->column_role;
  int64_t first = by_row ? results->row : by_column ? results->column : 0;
  int64_t count = by_row ? results->rows : results->columns;
  if (item->channel_batches > 1) first += batch * item->channel_count;
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
  if (work->scale || has_bias(work)) i.PIPELINE.by_row = by_row;
  if (work->scale) {
    i.PIPELINE.has_scale = 1;
    i.PIPELINE.scale = (uint32_t)(item->constants_at + item->scale_at + 4 * first);
    reaches[n++] = constant_reach(item, item->scale_at + 4 * first, 4 * count);
  }
  if (has_bias(work)) {
    i.PIPELINE.has_bias = 1;
    i.PIPELINE.integer_bias = work->integer_bias != NULL;
    i.PIPELINE.bias = (uint32_t)(item->constants_at + item->bias_at + 4 * first);
    reaches[n++] = constant_reach(item, item->bias_at + 4 * first, 4 * count);
  }
  if (work->table) {
    i.PIPELINE.has_table = 1;
    i.PIPELINE.table = (uint32_t)(item->constants_at + item->table_at);
    reaches[n++] = constant_reach(item, item->table_at, 256);
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
  n += set_pipeline(t, item, results, block->part.batch, reaches + n);
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

/* Rows are the problem's; columns its sums, of vector work windows and then columns. */
void tn_tiler_set_view(tn_tiler *t, const tn_problem *p, int64_t batch) {
  const tn_operand *x = &p->operand[TN_OPERAND_X];
  tn_instruction view = tn_instruction_of(TN_ISA_VIEW);
  for (int d = 0; d < TN_VIEW_DIMS; d++) view.VIEW.size[d] = 1;
  int rows = 0, columns = 0;
  for (int d = p->first[TN_ROLE_ROW]; d < p->first[TN_ROLE_COLUMN]; d++) set_dim(x, p, d, &view, rows++);
  for (int d = p->first[TN_ROLE_SUM]; d < p->first[4]; d++) set_dim(x, p, d, &view, 4 + columns++);
  for (int d = p->first[TN_ROLE_COLUMN]; d < p->first[TN_ROLE_SUM] && !p->is_product; d++)
    set_dim(x, p, d, &view, 4 + columns++);
  view.VIEW.row_dims = (uint8_t)(rows ? rows : 1);
  view.VIEW.column_dims = (uint8_t)(columns ? columns : 1);
  for (int b = 0; b < x->n_bounds; b++) {
    int64_t offset = x->bound[b].offset, at = batch;
    for (int d = p->first[TN_ROLE_ROW] - 1; d >= 0; d--) {
      offset += at % p->size[d] * x->bound[b].step[d];
      at /= p->size[d];
    }
    view.VIEW.offset[b] = (int32_t)offset;
    view.VIEW.limit[b] = (uint32_t)x->bound[b].limit;
  }
  view.VIEW.fill = (uint32_t)x->fill;
  if (!memcmp(&view, &t->view, sizeof view)) return;
  tn_builder_add(t->builder, &view, 0, NULL);
  t->view = view;
}
