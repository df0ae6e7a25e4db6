/* Values: executes a verified stream at the host's speed.
 *
 * Which order the units take is free, as long as each is in order and waits hold. The stream's own order is
 * such an order: of a verified stream waits look back, and a tile is read before it is taken.
 *
 * The FIFO keeps reads, not tiles: a tile is taken from DRAM when the array takes it. What a later
 * instruction would write over is copied first (rare: weights that are parameters of a loop).
 *
 *   DRAM --tile--> panel b   unified buffer --view--> panel a   a * b -> accumulators
 *
 * A panel of activations stays until something writes the buffer: the next tile of the same rows finds it.
 *
 * Cost: the multiply-adds, at 10 to 50 G a second for 8 bits on one core, and as many bytes as move.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/device_functional.h"

/* Tiles of a read_weights from `first` on, [k][n] each; bytes NULL: they are in DRAM. */
typedef struct {
  uint32_t first;
  uint8_t *bytes;
} kept_tiles;

typedef struct {
  const tn_device_program *program;
  const tn_device_host_function *functions;
  tn_diagnostics *sink;
  uint8_t *host, *dram, *buffer;
  uint32_t *accumulators; /* [rows][columns] */
  int64_t reads;          /* that the weights unit has done */
  tn_tile_cursor front;   /* of the FIFO */
  kept_tiles *kept;       /* of each of the weights unit's instructions */
  tn_scratch a, b, sums, index, row, source, arena;
  tn_view_part held; /* what panel a holds; rows 0: nothing */
  tn_numbers held_kind;
} machine;

/* ---- moving bytes ---- */

static const uint8_t *tile_at(const tn_instruction *read, const uint8_t *dram, uint32_t number) {
  return dram + read->READ_WEIGHTS.from + (int64_t)number * read->READ_WEIGHTS.repeat_stride;
}

/* The FIFO's tiles are in DRAM still: now they must be elsewhere. */
static void keep_tiles(machine *m) {
  for (int64_t q = m->front.read; q < m->reads; q++) {
    const tn_instruction *read = tn_index_nth(&m->program->index, TN_UNIT_WEIGHTS, q);
    uint32_t first = q == m->front.read ? m->front.taken : 0;
    if (m->kept[q].bytes) continue;
    size_t width = tn_type_bytes((tn_type)read->READ_WEIGHTS.type);
    size_t tile = width * read->READ_WEIGHTS.columns * read->READ_WEIGHTS.rows;
    uint8_t *to = tn_malloc(tile * (read->READ_WEIGHTS.repeat - first));
    m->kept[q] = (kept_tiles){first, to};
    for (uint32_t t = first; t < read->READ_WEIGHTS.repeat; t++)
      for (int64_t k = 0; k < read->READ_WEIGHTS.rows; k++)
        for (int64_t n = 0; n < read->READ_WEIGHTS.columns; n++, to += width)
          memcpy(to,
                 tile_at(read, m->dram, t) + k * read->READ_WEIGHTS.row_stride +
                     n * read->READ_WEIGHTS.column_stride,
                 width);
  }
}

static void transfer(machine *m, const tn_instruction *i) {
  uint8_t *const memory[] = {
      [TN_SPACE_HOST] = m->host, [TN_SPACE_DRAM] = m->dram, [TN_SPACE_BUFFER] = m->buffer};
  tn_transfer t;
  tn_isa_transfer(i, &t);
  if (t.result == TN_SPACE_DRAM) keep_tiles(m);
  if (t.result == TN_SPACE_BUFFER) m->held.rows = 0;
  uint8_t *to = memory[t.result] + t.to;
  const uint8_t *from = memory[t.source] + t.from;
  for (int64_t r = 0; r < t.rows; r++) memmove(to + r * t.to_stride, from + r * t.from_stride, t.bytes);
}

/* ---- the array ---- */

/* A tile as it lies somewhere. */
typedef struct {
  const uint8_t *at;
  tn_type type;
  int64_t k, n, row_stride, column_stride;
} tile;

static tile take_tile(machine *m) {
  int64_t q = m->front.read;
  uint32_t number = m->front.taken, count;
  if (q && !number) { /* nobody has a tile of the one before any more */
    free(m->kept[q - 1].bytes);
    m->kept[q - 1].bytes = NULL;
  }
  const tn_instruction *read = tn_index_take_tiles(&m->program->index, &m->front, 1, &count);
  tile t = {.type = (tn_type)read->READ_WEIGHTS.type,
            .k = read->READ_WEIGHTS.rows,
            .n = read->READ_WEIGHTS.columns,
            .row_stride = read->READ_WEIGHTS.row_stride,
            .column_stride = read->READ_WEIGHTS.column_stride};
  int64_t width = (int64_t)tn_type_bytes(t.type);
  if (m->kept[q].bytes) {
    t.at = m->kept[q].bytes + (number - m->kept[q].first) * t.k * t.n * width;
    t.row_stride = t.n * width;
    t.column_stride = width;
  } else {
    t.at = tile_at(read, m->dram, number);
  }
  return t;
}

/* Columns j of an operand as panels of TN_PRODUCT_COLUMNS, [k] each; `at` to element [k=0][j=0]. */
static void *pack_panels(machine *m, tn_numbers kind, const tile *t, int64_t columns, int64_t k_stride,
                         int64_t j_stride, int64_t k) {
  int64_t panels = (columns + TN_PRODUCT_COLUMNS - 1) / TN_PRODUCT_COLUMNS;
  uint32_t *b = tn_scratch_reserve(&m->b, (size_t)(panels * k * TN_PRODUCT_COLUMNS) * 4);
  for (int64_t p = 0; p < panels; p++) {
    int64_t first = p * TN_PRODUCT_COLUMNS, here = columns - first;
    if (here > TN_PRODUCT_COLUMNS) here = TN_PRODUCT_COLUMNS;
    uint32_t *to = b + first * k;
    tn_element_block block = {.from = t->at + first * j_stride,
                              .type = t->type,
                              .rows = k,
                              .row_stride = k_stride,
                              .count = here,
                              .stride = j_stride,
                              .to = to,
                              .lead = TN_PRODUCT_COLUMNS};
    if (here < TN_PRODUCT_COLUMNS) memset(to, 0, (size_t)(k * TN_PRODUCT_COLUMNS) * 4);
    tn_numbers_of(kind, &block);
  }
  return b;
}

static bool same_part(const tn_view_part *a, const tn_view_part *b) {
  return a->view == b->view && a->base == b->base && a->row == b->row && a->column == b->column &&
         a->rows == b->rows && a->columns == b->columns && a->type == b->type;
}

/* Rows of the view, [rows][k], kept for who asks for the same. */
static void *gather_rows(machine *m, tn_numbers kind, const tn_view_part *part) {
  if (m->held_kind == kind && same_part(&m->held, part)) return m->a.bytes;
  int64_t rows = part->rows + TN_PRODUCT_ROWS;
  void *a = tn_scratch_reserve(&m->a, (size_t)(rows * part->columns) * 4);
  tn_view_gather(part, kind, a, part->columns, &m->index);
  m->held = *part;
  m->held_kind = kind;
  return a;
}

enum { ROWS_AT_A_TIME = 2048 }; /* of a panel: its bytes stay within a cache */

static tn_view_part part_of(const machine *m, int64_t at, int64_t repetition, const tile *t) {
  const tn_instruction *i = &m->program->stream->instructions[at];
  bool input = i->MATMUL.dataflow == TN_DATAFLOW_INPUT;
  int64_t row_step = i->MATMUL.dataflow == TN_DATAFLOW_WEIGHT ? i->MATMUL.row_step : 0;
  int64_t column_step = input ? 0 : i->MATMUL.column_step;
  return (tn_view_part){.view = m->program->index.view[at],
                        .buffer = m->buffer,
                        .base = i->MATMUL.base,
                        .row = (uint32_t)(i->MATMUL.row + repetition * row_step),
                        .column = (uint32_t)(i->MATMUL.column + repetition * column_step),
                        .rows = i->MATMUL.rows,
                        .columns = t->k,
                        .type = (tn_type)i->MATMUL.type};
}

/* c (op)= view part * tile, in blocks of rows. */
static void multiply(machine *m, const tn_view_part *part, const tile *t, uint32_t *c, tn_product_mode mode) {
  tn_product p = {.columns = t->n, .k = t->k, .lead = m->program->stream->target->columns, .mode = mode};
  tn_product_choose(part->type, t->type, &p);
  p.b = pack_panels(m, p.kind, t, t->n, t->row_stride, t->column_stride, t->k);
  for (int64_t first = 0; first < part->rows; first += ROWS_AT_A_TIME) {
    tn_view_part block = *part;
    block.row += (uint32_t)first;
    block.rows = part->rows - first < ROWS_AT_A_TIME ? part->rows - first : ROWS_AT_A_TIME;
    p.a = gather_rows(m, p.kind, &block);
    p.rows = block.rows;
    p.c = c + first * p.lead;
    tn_product_compute(&p);
  }
}

/* Weight stationary: each repetition for itself. */
static void multiply_weight(machine *m, int64_t at) {
  const tn_instruction *i = &m->program->stream->instructions[at];
  int64_t lead = m->program->stream->target->columns;
  for (uint32_t r = 0; r < i->MATMUL.repeat; r++) {
    tile t = take_tile(m);
    tn_view_part part = part_of(m, at, r, &t);
    bool adds = r ? i->MATMUL.then_accumulate : i->MATMUL.accumulate;
    int64_t row = i->MATMUL.accumulator + (int64_t)r * i->MATMUL.accumulator_step;
    multiply(m, &part, &t, m->accumulators + row * lead, adds ? TN_PRODUCT_ADD : TN_PRODUCT_SET);
  }
}

/* Output stationary: one chain over all repetitions, in the array; then to the accumulators. */
static void multiply_output(machine *m, int64_t at) {
  const tn_instruction *i = &m->program->stream->instructions[at];
  int64_t lead = m->program->stream->target->columns, rows = i->MATMUL.rows, columns = 0;
  bool is_float = tn_type_is_float((tn_type)i->MATMUL.type);
  uint32_t *sums = tn_scratch_reserve(&m->sums, (size_t)((rows + TN_PRODUCT_ROWS) * lead) * 4);
  for (uint32_t r = 0; r < i->MATMUL.repeat; r++) {
    tile t = take_tile(m);
    tn_view_part part = part_of(m, at, r, &t);
    multiply(m, &part, &t, sums, !r ? TN_PRODUCT_SET : is_float ? TN_PRODUCT_CONTINUE : TN_PRODUCT_ADD);
    columns = t.n;
  }
  for (int64_t row = 0; row < rows; row++) {
    uint32_t *c = m->accumulators + (i->MATMUL.accumulator + row) * lead, *s = sums + row * lead;
    for (int64_t n = 0; n < columns; n++) {
      float a, b;
      memcpy(&a, &c[n], sizeof a);
      memcpy(&b, &s[n], sizeof b);
      b = a + b;
      if (!i->MATMUL.accumulate)
        c[n] = s[n];
      else if (is_float)
        memcpy(&c[n], &b, sizeof b);
      else
        c[n] += s[n];
    }
  }
}

/* Input stationary: rows of sums are columns of weights, so the operands change places:
 * acc[n][m] = sum over k of tile[k][n] * view[m][k]. The view's part stays for all repetitions.       */
static void *pack_stationary(machine *m, tn_numbers kind, const tn_view_part *part) {
  uint32_t *x = gather_rows(m, kind, part); /* [m][k]; its columns are panel b's k */
  tile stationary = {.at = (uint8_t *)x, .type = kind == TN_NUMBERS_F32 ? TN_F32 : TN_S32};
  return pack_panels(m, kind, &stationary, part->rows, 4, 4 * part->columns, part->columns);
}

/* A tile as rows of its columns, [n][k]. */
static void *turn_tile(machine *m, tn_numbers kind, const tile *t) {
  uint32_t *a = tn_scratch_reserve(&m->sums, (size_t)((t->n + TN_PRODUCT_ROWS) * t->k) * 4);
  tn_element_block turned = {.from = t->at,
                             .type = t->type,
                             .rows = t->n,
                             .row_stride = t->column_stride,
                             .count = t->k,
                             .stride = t->row_stride,
                             .to = a,
                             .lead = t->k};
  tn_numbers_of(kind, &turned);
  return a;
}

static void multiply_input(machine *m, int64_t at) {
  const tn_instruction *i = &m->program->stream->instructions[at];
  int64_t lead = m->program->stream->target->columns;
  void *b = NULL;
  for (uint32_t r = 0; r < i->MATMUL.repeat; r++) {
    tile t = take_tile(m);
    tn_view_part part = part_of(m, at, r, &t);
    bool adds = r ? i->MATMUL.then_accumulate : i->MATMUL.accumulate;
    int64_t row = i->MATMUL.accumulator + (int64_t)r * i->MATMUL.accumulator_step;
    tn_product p = {.rows = t.n,
                    .columns = part.rows,
                    .k = t.k,
                    .lead = lead,
                    .c = m->accumulators + row * lead,
                    .mode = adds ? TN_PRODUCT_ADD : TN_PRODUCT_SET};
    tn_product_choose(part.type, t.type, &p);
    if (!b) b = pack_stationary(m, p.kind, &part);
    p.b = b;
    p.a = turn_tile(m, p.kind, &t);
    tn_product_compute(&p);
  }
}

/* ---- the vector unit ---- */

enum { NUMBERS_AT_A_TIME = 65536 }; /* of a view: they stay within a cache */

static tn_vector_line line_of(const machine *m, int64_t at) {
  tn_vector_line line = {.pipeline = m->program->index.pipeline[at], .buffer = m->buffer};
  tn_isa_vector_result(&m->program->stream->instructions[at], &line.result);
  return line;
}

static void activate(machine *m, int64_t at) {
  const tn_instruction *i = &m->program->stream->instructions[at];
  tn_vector_line line = line_of(m, at);
  int64_t lead = m->program->stream->target->columns;
  const uint32_t *sums = m->accumulators + i->ACTIVATE.accumulator * lead;
  m->held.rows = 0;
  for (int64_t row = 0; row < i->ACTIVATE.rows; row++)
    tn_vector_row(&line, row, sums + row * lead, 1, &m->row);
}

static void vector(machine *m, int64_t at) {
  const tn_instruction *i = &m->program->stream->instructions[at];
  tn_vector_line line = line_of(m, at);
  tn_type source = (tn_type)line.pipeline->PIPELINE.source;
  int64_t wide = (int64_t)i->VECTOR.windows * i->VECTOR.columns;
  int64_t most = wide > NUMBERS_AT_A_TIME ? 1 : NUMBERS_AT_A_TIME / wide; /* rows */
  uint32_t *numbers = tn_scratch_reserve(&m->source, (size_t)(most * wide) * 4);
  m->held.rows = 0;
  for (int64_t first = 0; first < i->VECTOR.rows; first += most) {
    tn_view_part part = {.view = m->program->index.view[at],
                         .buffer = m->buffer,
                         .base = i->VECTOR.base,
                         .row = i->VECTOR.row + (uint32_t)first,
                         .rows = i->VECTOR.rows - first < most ? i->VECTOR.rows - first : most,
                         .columns = wide,
                         .type = source};
    tn_view_gather(&part, tn_vector_numbers(source), numbers, wide, &m->index);
    for (int64_t row = 0; row < part.rows; row++)
      tn_vector_row(&line, first + row, numbers + row * wide, i->VECTOR.windows, &m->row);
  }
}

/* ---- the host's functions ---- */

static bool call_host(machine *m, const tn_instruction *i) {
  const tn_stream *stream = m->program->stream;
  const tn_stream_function *function = &stream->functions[i->HOST_CALL.function];
  const tn_device_host_function *code = &m->functions[i->HOST_CALL.function];
  int count = function->n_parameters + function->n_results;
  void **arrays = tn_malloc((size_t)(count + 1) * sizeof *arrays);
  for (int a = 0; a < count; a++) arrays[a] = m->host + stream->arrays[function->arrays[a]].at;
  size_t size = (size_t)(code->signature->arena_bytes + code->signature->arena_bytes_per_thread);
  void *arena = tn_scratch_reserve(&m->arena, size + 64);
  int failure = code->call(arrays, arena, size, NULL);
  free(arrays);
  return !failure || tn_error(m->sink, TN_INVALID, TN_NOWHERE, "host function '%s' returned %d",
                              function->symbol, failure);
}

/* ---- the stream ---- */

static bool execute(machine *m, int64_t at) {
  const tn_instruction *i = &m->program->stream->instructions[at];
  switch (i->op) {
  case TN_ISA_READ_HOST:
  case TN_ISA_WRITE_HOST:
  case TN_ISA_LOAD:
  case TN_ISA_STORE:
  case TN_ISA_HOST_TO_DRAM: transfer(m, i); break;
  case TN_ISA_READ_WEIGHTS: m->reads++; break;
  case TN_ISA_MATMUL:
    if (i->MATMUL.dataflow == TN_DATAFLOW_WEIGHT) multiply_weight(m, at);
    if (i->MATMUL.dataflow == TN_DATAFLOW_OUTPUT) multiply_output(m, at);
    if (i->MATMUL.dataflow == TN_DATAFLOW_INPUT) multiply_input(m, at);
    break;
  case TN_ISA_ACTIVATE: activate(m, at); break;
  case TN_ISA_VECTOR: vector(m, at); break;
  case TN_ISA_HOST_CALL: return call_host(m, i);
  case TN_ISA_NOP:
  case TN_ISA_HALT:
  case TN_ISA_SYNC:
  case TN_ISA_LAYER:
  case TN_ISA_VIEW:
  case TN_ISA_PIPELINE:
  case TN_ISA_COUNT: break;
  }
  return true;
}

static bool run_all(machine *m) {
  for (int64_t at = 0; at < m->program->stream->count; at++)
    if (!execute(m, at)) return false;
  return true;
}

/* ---- memories ---- */

/* Large memories are pages that take no room until they are written: an unbounded buffer's addresses
 * say little of how much of it is used.                                                           */
enum { LARGE = 16 << 20 };

typedef struct {
  void *at;
  size_t bytes;
} memory;

static void release_memory(void *object) {
  memory *m = object;
  if (m->bytes < LARGE)
    free(m->at);
  else
    munmap(m->at, m->bytes);
}

static void *make_memory(tn_arena *arena, size_t bytes) {
  memory *m = TN_NEW(arena, memory);
  m->bytes = (bytes + 63 + !bytes) & ~(size_t)63;
  m->at = m->bytes < LARGE ? aligned_alloc(64, m->bytes)
                           : mmap(NULL, m->bytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (!m->at || m->at == MAP_FAILED) tn_out_of_memory();
  if (m->bytes < LARGE) memset(m->at, 0, m->bytes);
  tn_arena_on_release(arena, release_memory, m);
  return m->at;
}

static void free_machine(void *object) {
  machine *m = object;
  tn_scratch *scratch[] = {&m->a, &m->b, &m->sums, &m->index, &m->row, &m->source, &m->arena};
  for (size_t s = 0; s < sizeof scratch / sizeof *scratch; s++) tn_scratch_free(scratch[s]);
  for (int64_t q = 0; q < m->program->index.count[TN_UNIT_WEIGHTS]; q++) free(m->kept[q].bytes);
}

static machine *make_machine(tn_arena *arena, const tn_device_program *program) {
  const tn_stream *stream = program->stream;
  machine *m = TN_NEW(arena, machine);
  m->program = program;
  m->kept = TN_NEW_ARRAY(arena, kept_tiles, program->index.count[TN_UNIT_WEIGHTS]);
  tn_arena_on_release(arena, free_machine, m);
  m->host = make_memory(arena, stream->host_bytes);
  m->buffer = make_memory(arena, program->buffer_bytes);
  m->accumulators = make_memory(
      arena, (size_t)((program->accumulator_rows + TN_PRODUCT_ROWS) * stream->target->columns) * 4);
  m->dram = (uint8_t *)stream->dram.at;
  if (program->writes_dram || stream->dram.length < stream->dram_bytes) {
    m->dram = make_memory(arena, stream->dram_bytes);
    if (stream->dram.length) memcpy(m->dram, stream->dram.at, stream->dram.length);
  }
  return m;
}

bool tn_device_compute(const tn_device_program *program, const tn_device_host_function *functions,
                       const void *const *parameters, void *const *results, tn_diagnostics *sink) {
  const tn_stream *stream = program->stream;
  tn_arena *arena = tn_arena_create();
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    tn_arena_destroy(arena);
    tn_out_of_memory();
  }
  machine *m = make_machine(arena, program);
  m->functions = functions;
  m->sink = sink;
  for (int p = 0; p < stream->n_parameters; p++) {
    const tn_stream_array *array = &stream->arrays[stream->parameters[p]];
    memcpy(m->host + array->at, parameters[p], array->bytes);
  }
  bool done = run_all(m);
  for (int r = 0; done && r < stream->n_results; r++) {
    const tn_stream_array *array = &stream->arrays[stream->results[r]];
    memcpy(results[r], m->host + array->at, array->bytes);
  }
  tn_guard_leave(&guard);
  tn_arena_destroy(arena);
  return done;
}
