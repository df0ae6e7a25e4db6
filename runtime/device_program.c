/* What can be known of a stream without values and without a clock: how much memory it needs, how many
 * bytes and multiply-adds its instructions are.
 *
 * Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "runtime/device_private.h"

/* ---- extents ---- */

/* One past the last byte of `rows` pieces of `bytes` from `at`, a stride apart. */
static uint64_t pieces_end(uint64_t at, int64_t rows, int64_t stride, int64_t bytes) {
  int64_t last = rows > 1 && stride > 0 ? (rows - 1) * stride : 0;
  return at + (uint64_t)last + (uint64_t)bytes;
}

static uint64_t results_end(const tn_vector_result *r, tn_type type) {
  int64_t last = (r->row_stride > 0 ? (int64_t)(r->rows - 1) * r->row_stride : 0) +
                 (r->column_stride > 0 ? (int64_t)(r->columns - 1) * r->column_stride : 0);
  return r->to + (uint64_t)last + tn_type_bytes(type);
}

/* What is read has been written (the verifier sees to it), so writes alone bound the memory. */
static uint64_t buffer_end(const tn_device_program *program, int64_t at) {
  const tn_instruction *i = &program->stream->instructions[at];
  tn_transfer t;
  tn_vector_result r;
  if (tn_isa_transfer(i, &t))
    return t.result == TN_SPACE_BUFFER ? pieces_end(t.to, t.rows, t.to_stride, t.bytes) : 0;
  if (!tn_isa_vector_result(i, &r)) return 0;
  return results_end(&r, (tn_type)program->index.pipeline[at]->PIPELINE.result);
}

static int64_t accumulators_end(const tn_instruction *i, int64_t columns) {
  if (i->op != TN_ISA_MATMUL) return 0;
  int64_t rows = i->MATMUL.dataflow == TN_DATAFLOW_INPUT ? columns : i->MATMUL.rows;
  int64_t step = i->MATMUL.dataflow == TN_DATAFLOW_OUTPUT ? 0 : i->MATMUL.accumulator_step;
  int64_t last = step > 0 ? (int64_t)(i->MATMUL.repeat - 1) * step : 0;
  return i->MATMUL.accumulator + last + rows;
}

tn_device_program *tn_device_prepare(tn_arena *arena, const tn_stream *stream) {
  tn_device_program *program = TN_NEW(arena, tn_device_program);
  program->stream = stream;
  program->index = tn_stream_index_of(arena, stream);
  for (int64_t at = 0; at < stream->count; at++) {
    const tn_instruction *i = &stream->instructions[at];
    tn_transfer t;
    uint64_t bytes = buffer_end(program, at);
    int64_t rows = accumulators_end(i, stream->target->columns);
    if (bytes > program->buffer_bytes) program->buffer_bytes = bytes;
    if (rows > program->accumulator_rows) program->accumulator_rows = rows;
    program->writes_dram |= tn_isa_transfer(i, &t) && t.result == TN_SPACE_DRAM;
  }
  return program;
}

/* ---- counting ---- */

/* `count` repetitions from the one numbered `first` on, with tiles of one read. */
static void count_tiles(const tn_systolic_target *array, tn_device_counters *c, const tn_instruction *i,
                        const tn_instruction *read, uint32_t first, uint32_t count) {
  int64_t rows = i->MATMUL.rows, width = (int64_t)tn_type_bytes((tn_type)i->MATMUL.type);
  int64_t k = read->READ_WEIGHTS.rows, n = read->READ_WEIGHTS.columns, sums = 4 * rows * n;
  bool input = i->MATMUL.dataflow == TN_DATAFLOW_INPUT, output = i->MATMUL.dataflow == TN_DATAFLOW_OUTPUT;
  const tn_systolic_type *type =
      tn_systolic_find_type(array, (tn_type)i->MATMUL.type, (tn_type)read->READ_WEIGHTS.type);
  double cost = (double)type->cycles / (double)array->types[0].cycles;
  c->useful_macs += rows * k * n * count;
  c->mac_pj += (double)(rows * k * n * count) * cost * array->mac_pj;
  c->buffer_read_bytes += rows * k * width * (input ? first == 0 : count);
  int64_t last = output ? first + count == i->MATMUL.repeat : 0; /* sums come out once */
  int64_t starts = first == 0, writes = output ? last : count;
  int64_t adds = output ? last * i->MATMUL.accumulate
                        : starts * i->MATMUL.accumulate + (count - starts) * i->MATMUL.then_accumulate;
  c->accumulator_write_bytes += sums * writes;
  c->accumulator_read_bytes += sums * adds;
}

/* Energy is counted in multiply-adds of the first type: slower types take as much more. */
static void count_product(const tn_device_program *program, tn_device_counters *c, tn_tile_cursor *tiles,
                          const tn_instruction *i) {
  for (uint32_t r = 0, count; r < i->MATMUL.repeat; r += count) {
    const tn_instruction *read = tn_index_take_tiles(&program->index, tiles, i->MATMUL.repeat - r, &count);
    count_tiles(program->stream->target, c, i, read, r, count);
  }
}

static void count_results(const tn_device_program *program, tn_device_counters *c, int64_t at,
                          const tn_vector_result *r) {
  const tn_instruction *i = &program->stream->instructions[at];
  const tn_instruction *p = program->index.pipeline[at];
  int64_t elements = (int64_t)r->rows * r->columns, channels = p->PIPELINE.by_row ? r->rows : r->columns;
  if (i->op == TN_ISA_ACTIVATE)
    c->accumulator_read_bytes += 4 * elements;
  else
    c->buffer_read_bytes += elements * r->windows * (int64_t)tn_type_bytes((tn_type)p->PIPELINE.source);
  c->buffer_write_bytes += elements * (int64_t)tn_type_bytes((tn_type)p->PIPELINE.result);
  c->buffer_read_bytes += 4 * channels * (p->PIPELINE.has_scale + p->PIPELINE.has_bias);
  if (p->PIPELINE.operand != TN_ISA_OPERAND_NONE)
    c->buffer_read_bytes += elements * (int64_t)tn_type_bytes((tn_type)p->PIPELINE.second);
}

/* What goes in and out of a space that bytes move between. */
static int64_t *bytes_of(tn_device_counters *c, tn_space space, bool writes) {
  switch (space) {
  case TN_SPACE_HOST: return writes ? &c->host_write_bytes : &c->host_read_bytes;
  case TN_SPACE_DRAM: return writes ? &c->dram_write_bytes : &c->dram_read_bytes;
  case TN_SPACE_BUFFER: return writes ? &c->buffer_write_bytes : &c->buffer_read_bytes;
  case TN_SPACE_ACCUMULATORS:
  case TN_SPACES: break;
  }
  return writes ? &c->accumulator_write_bytes : &c->accumulator_read_bytes;
}

static int64_t tile_bytes(const tn_systolic_target *array, const tn_instruction *read) {
  return tn_systolic_tile_traffic(array, read->READ_WEIGHTS.rows, read->READ_WEIGHTS.columns,
                                  (tn_type)read->READ_WEIGHTS.type);
}

/* Everything but products, whose tiles are found in the order of the matrix unit. */
static void count_one(const tn_device_program *program, tn_device_counters *c, int64_t at) {
  const tn_instruction *i = &program->stream->instructions[at];
  tn_transfer t;
  tn_vector_result r;
  if (tn_isa_transfer(i, &t)) {
    *bytes_of(c, t.source, false) += (int64_t)t.bytes * t.rows;
    *bytes_of(c, t.result, true) += (int64_t)t.bytes * t.rows;
  }
  if (tn_isa_vector_result(i, &r)) count_results(program, c, at, &r);
  if (i->op == TN_ISA_READ_WEIGHTS)
    c->dram_read_bytes += tile_bytes(program->stream->target, i) * i->READ_WEIGHTS.repeat;
}

static void add_counts(tn_device_counters *to, const tn_device_counters *from) {
  to->useful_macs += from->useful_macs;
  to->dram_read_bytes += from->dram_read_bytes;
  to->dram_write_bytes += from->dram_write_bytes;
  to->host_read_bytes += from->host_read_bytes;
  to->host_write_bytes += from->host_write_bytes;
  to->buffer_read_bytes += from->buffer_read_bytes;
  to->buffer_write_bytes += from->buffer_write_bytes;
  to->accumulator_read_bytes += from->accumulator_read_bytes;
  to->accumulator_write_bytes += from->accumulator_write_bytes;
  to->mac_pj += from->mac_pj;
}

void tn_device_count(const tn_device_program *program, tn_device_counters *whole,
                     tn_device_counters *layers) {
  const tn_stream *stream = program->stream;
  tn_tile_cursor tiles = {0};
  bool own = stream->n_layers == 0; /* nobody says what the model asks for */
  for (int64_t at = 0; at < stream->count; at++) {
    const tn_instruction *i = &stream->instructions[at];
    tn_device_counters c = {0};
    if (i->op == TN_ISA_MATMUL)
      count_product(program, &c, &tiles, i);
    else
      count_one(program, &c, at);
    if (!own) c.useful_macs = 0;
    add_counts(whole, &c);
    if (layers && program->index.layer[at] >= 0) add_counts(&layers[program->index.layer[at]], &c);
  }
  for (int l = 0; l < stream->n_layers; l++) {
    whole->useful_macs += (int64_t)stream->layers[l].macs;
    if (layers) layers[l].useful_macs = (int64_t)stream->layers[l].macs;
  }
}

void tn_device_energy(const tn_systolic_target *array, tn_device_counters *c) {
  c->buffer_pj = (double)(c->buffer_read_bytes + c->buffer_write_bytes) * array->unified_buffer_pj;
  c->accumulator_pj =
      (double)(c->accumulator_read_bytes + c->accumulator_write_bytes) * array->accumulator_pj;
  c->dram_pj = (double)(c->dram_read_bytes + c->dram_write_bytes) * array->dram_pj;
  c->host_pj = (double)(c->host_read_bytes + c->host_write_bytes) * array->host_pj;
}
