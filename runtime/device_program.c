/* Streams taken apart, and what can be counted without a clock.
 *
 * Views, pipelines and layers are bound when the stream is read, that is in its order: a pass over it
 * notes for each instruction what is bound there. What units do then is independent of that order.
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
  return rows && bytes ? at + (uint64_t)last + (uint64_t)bytes : 0;
}

static uint64_t results_end(const tn_vector_result *r, tn_type type) {
  int64_t last = (r->row_stride > 0 ? (int64_t)(r->rows - 1) * r->row_stride : 0) +
                 (r->column_stride > 0 ? (int64_t)(r->columns - 1) * r->column_stride : 0);
  return r->rows && r->columns ? r->to + (uint64_t)last + tn_type_bytes(type) : 0;
}

/* What is read has been written (the verifier sees to it), so writes alone bound the memory. */
static uint64_t buffer_end(const tn_device_program *program, int64_t at) {
  const tn_instruction *i = &program->stream->instructions[at];
  tn_transfer t;
  tn_vector_result r;
  if (tn_isa_transfer(i, &t))
    return t.result == TN_SPACE_BUFFER ? pieces_end(t.to, t.rows, t.to_stride, t.bytes) : 0;
  if (!tn_isa_vector_result(i, &r)) return 0;
  return results_end(&r, (tn_type)tn_device_bound(program, program->pipeline, at)->PIPELINE.result);
}

static int64_t accumulators_end(const tn_instruction *i, int64_t columns) {
  if (i->op != TN_ISA_MATMUL || !i->MATMUL.repeat) return 0;
  int64_t rows = i->MATMUL.dataflow == TN_DATAFLOW_INPUT ? columns : i->MATMUL.rows;
  int64_t step = i->MATMUL.dataflow == TN_DATAFLOW_OUTPUT ? 0 : i->MATMUL.accumulator_step;
  int64_t last = step > 0 ? (int64_t)(i->MATMUL.repeat - 1) * step : 0;
  return i->MATMUL.accumulator + last + rows;
}

static void find_extents(tn_device_program *program) {
  const tn_stream *stream = program->stream;
  for (int64_t at = 0; at < stream->count; at++) {
    const tn_instruction *i = &stream->instructions[at];
    tn_transfer t;
    uint64_t bytes = buffer_end(program, at);
    int64_t rows = accumulators_end(i, stream->target->columns);
    if (bytes > program->buffer_bytes) program->buffer_bytes = bytes;
    if (rows > program->accumulator_rows) program->accumulator_rows = rows;
    program->writes_dram |= tn_isa_transfer(i, &t) && t.result == TN_SPACE_DRAM;
  }
}

/* ---- binding ---- */

/* What is bound as the stream is read. */
typedef struct {
  int64_t views[TN_VIEWS], pipeline;
  int32_t layer;
} binding;

static void bind(tn_device_program *program, binding *now, int64_t at) {
  const tn_instruction *i = &program->stream->instructions[at];
  program->bound[at] = program->pipeline[at] = -1;
  if (i->op == TN_ISA_VIEW) now->views[i->VIEW.view % TN_VIEWS] = at;
  if (i->op == TN_ISA_PIPELINE) now->pipeline = at;
  if (i->op == TN_ISA_LAYER) now->layer = (int32_t)i->LAYER.layer;
  if (i->op == TN_ISA_MATMUL) program->bound[at] = now->views[i->MATMUL.view % TN_VIEWS];
  if (i->op == TN_ISA_VECTOR) program->bound[at] = now->views[i->VECTOR.view % TN_VIEWS];
  if (i->op == TN_ISA_VECTOR || i->op == TN_ISA_ACTIVATE) program->pipeline[at] = now->pipeline;
  program->layer[at] = now->layer;
}

tn_device_program *tn_device_take_apart(tn_arena *arena, const tn_stream *stream) {
  tn_device_program *program = TN_NEW(arena, tn_device_program);
  program->stream = stream;
  program->layer = TN_NEW_ARRAY(arena, int32_t, stream->count);
  program->bound = TN_NEW_ARRAY(arena, int64_t, stream->count);
  program->pipeline = TN_NEW_ARRAY(arena, int64_t, stream->count);
  for (int64_t at = 0; at < stream->count; at++)
    program->unit_count[tn_instruction_unit(&stream->instructions[at])]++;
  for (int u = 0; u < TN_UNITS; u++) {
    program->unit[u] = TN_NEW_ARRAY(arena, int64_t, program->unit_count[u]);
    program->unit_count[u] = 0;
  }
  binding now = {.pipeline = -1, .layer = -1};
  for (int v = 0; v < TN_VIEWS; v++) now.views[v] = -1;
  for (int64_t at = 0; at < stream->count; at++) {
    tn_unit unit = tn_instruction_unit(&stream->instructions[at]);
    program->unit[unit][program->unit_count[unit]++] = at;
    bind(program, &now, at);
  }
  find_extents(program);
  return program;
}

/* ---- counting ---- */

/* The FIFO's order is that of the weights unit: which tiles the next matmul takes. */
typedef struct {
  const tn_device_program *program;
  int64_t read;   /* of the weights unit's instructions */
  uint32_t taken; /* of its repetitions */
} tile_cursor;

/* The read that the next tile comes from, and how many of up to `most` tiles it has; NULL: there is none. */
static const tn_instruction *next_tiles(tile_cursor *cursor, uint32_t most, uint32_t *count) {
  const tn_device_program *program = cursor->program;
  while (cursor->read < program->unit_count[TN_UNIT_WEIGHTS]) {
    const tn_instruction *read = &program->stream->instructions[program->unit[TN_UNIT_WEIGHTS][cursor->read]];
    uint32_t left = read->READ_WEIGHTS.repeat - cursor->taken;
    *count = left < most ? left : most;
    cursor->taken += *count;
    if (*count) return read;
    cursor->read++;
    cursor->taken = 0;
  }
  return NULL;
}

/* `count` repetitions from the one numbered `first` on, with tiles of one read. */
static void count_tiles(const tn_systolic_target *array, tn_device_counters *c, const tn_instruction *i,
                        const tn_instruction *read, uint32_t first, uint32_t count) {
  int64_t rows = i->MATMUL.rows, width = (int64_t)tn_type_bytes((tn_type)i->MATMUL.type);
  int64_t k = read->READ_WEIGHTS.rows, n = read->READ_WEIGHTS.columns, sums = 4 * rows * n;
  bool input = i->MATMUL.dataflow == TN_DATAFLOW_INPUT, output = i->MATMUL.dataflow == TN_DATAFLOW_OUTPUT;
  const tn_systolic_type *type =
      tn_systolic_find_type(array, (tn_type)i->MATMUL.type, (tn_type)read->READ_WEIGHTS.type);
  double cost = type ? (double)type->cycles / (double)array->types[0].cycles : 1;
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
static void count_product(const tn_device_program *program, tn_device_counters *c, tile_cursor *tiles,
                          const tn_instruction *i) {
  for (uint32_t r = 0, count; r < i->MATMUL.repeat; r += count) {
    const tn_instruction *read = next_tiles(tiles, i->MATMUL.repeat - r, &count);
    if (!read) return;
    count_tiles(program->stream->target, c, i, read, r, count);
  }
}

static void count_results(const tn_device_program *program, tn_device_counters *c, int64_t at,
                          const tn_vector_result *r) {
  const tn_instruction *i = &program->stream->instructions[at];
  const tn_instruction *p = tn_device_bound(program, program->pipeline, at);
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
  int64_t width = (int64_t)tn_type_bytes((tn_type)read->READ_WEIGHTS.type);
  return array->whole_weight_tiles ? array->rows * array->columns * width
                                   : (int64_t)read->READ_WEIGHTS.rows * read->READ_WEIGHTS.columns * width;
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
  tile_cursor tiles = {.program = program};
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
    if (layers && program->layer[at] >= 0) add_counts(&layers[program->layer[at]], &c);
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
