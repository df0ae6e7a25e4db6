/* Verifier of streams, second pass: every instruction for itself, in the order of the stream, with the
 * views, the pipeline and the tiles that stand before it.
 *
 * Tiles are matched here: read_weights puts them into a queue, matmul takes them from its front, in the
 * order of the stream and whatever the FIFO's depth; whether the depth lets them through is the next
 * pass's question. Cost: O(n).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <inttypes.h>

#include "target/isa_pipeline.h"
#include "target/isa_table.h"
#include "target/stream_verify.h"

typedef struct {
  tn_verifier *v;
  int64_t at; /* the instruction's index */
  const tn_instruction *is;
  tn_tile_cursor tiles;
  uint64_t waiting; /* tiles that nobody has taken yet */
  /* What was refused is missing further down; that is no fault of its own. */
  unsigned bad_views;
  bool bad_pipeline, bad_tiles;
  double cycles; /* all units' work, one after the other: at least what it takes */
  double per_byte[TN_SPACES], latency[TN_SPACES]; /* cycles, of the ports of host and DRAM */
} reader;

#define FAULT(r, ...) tn_verify_fault((r)->v, (r)->at, __VA_ARGS__)

static const char *type_name(uint8_t type) {
  return type < TN_TYPE_COUNT && type ? tn_type_name((tn_type)type) : "none";
}

/* Keywords and switches have as many values as they have words. */
static bool check_words(reader *r) {
  const tn_isa_row *row = tn_isa_row_of(r->is->op);
  for (int f = 0; f < row->n_fields; f++) {
    const tn_isa_field *field = &row->fields[f];
    int count = 2;
    if (field->kind != TN_FIELD_SWITCH && !tn_field_words(field->kind, &count)) continue;
    uint64_t value = tn_field_load(r->is, field, 0);
    if (value >= (uint64_t)count)
      return FAULT(r, "%s: %s is %" PRIu64 ", of %d", row->name, field->name, value, count);
  }
  return true;
}

static bool at_least_1(reader *r, const char *what, uint32_t value) {
  return value > 0 || FAULT(r, "%s: %s is 0", tn_isa_row_of(r->is->op)->name, what);
}

/* ---- control ---- */

static const char *half_of_view(int half) { return half ? "column" : "row"; }

static bool check_sizes(reader *r, int half, int dims) {
  const int all = TN_VIEW_DIMS / 2;
  if (dims < 1 || dims > all) return FAULT(r, "view: %d %s dims, of 1 to %d", dims, half_of_view(half), all);
  for (int i = 0; i < all; i++) {
    uint32_t size = r->is->VIEW.size[half * all + i];
    if (i < dims && size == 0) return FAULT(r, "view: %s size %d is 0", half_of_view(half), i);
    if (i >= dims && size != 1)
      return FAULT(r, "view: %s size %d is %" PRIu32 ", which is 1 behind %d dims", half_of_view(half), i,
                   size, dims);
  }
  return true;
}

/* Sums of index * factor stay far inside 64 bits, in whatever order they are formed. */
static bool factors_fit(const tn_instruction *view, const int32_t *factors, int64_t start) {
  __int128 sum = start < 0 ? -start : start;
  for (int i = 0; i < TN_VIEW_DIMS; i++)
    sum += ((__int128)view->VIEW.size[i] - 1) * (factors[i] < 0 ? -(int64_t)factors[i] : factors[i]);
  return sum < TN_SPACE_MOST;
}

static bool check_view(reader *r) {
  const tn_instruction *view = r->is;
  if (view->VIEW.view >= TN_VIEWS) return FAULT(r, "view: number %d, of %d", view->VIEW.view, TN_VIEWS);
  if (!check_sizes(r, 0, view->VIEW.row_dims) || !check_sizes(r, 1, view->VIEW.column_dims)) return false;
  if (tn_view_rows(view) >= TN_SPACE_MOST || tn_view_columns(view) >= TN_SPACE_MOST)
    return FAULT(r, "view: its sizes overflow");
  if (!factors_fit(view, view->VIEW.stride, 0)) return FAULT(r, "view: its strides lead beyond 64 bits");
  for (int b = 0; b < 2; b++)
    if (!factors_fit(view, view->VIEW.step[b], view->VIEW.offset[b]))
      return FAULT(r, "view: positions of bound %d overflow", b);
  return true;
}

static bool check_vector_type(reader *r, const char *what, uint8_t type) {
  return tn_isa_is_vector_type((tn_type)type) ||
         FAULT(r, "pipeline: the vector unit has no %s of %s", what, type_name(type));
}

static bool check_zero(reader *r, const char *name, int32_t zero) {
  return (zero >= -TN_ISA_LARGEST_ZERO && zero <= TN_ISA_LARGEST_ZERO) ||
         FAULT(r, "pipeline: %s is %" PRId32 ", which is not within %d", name, zero, TN_ISA_LARGEST_ZERO);
}

static bool check_pipeline(reader *r) {
  const tn_instruction *p = r->is;
  if (!check_vector_type(r, "source", p->PIPELINE.source) ||
      !check_vector_type(r, "result", p->PIPELINE.result))
    return false;
  bool second = p->PIPELINE.operand != TN_ISA_OPERAND_NONE;
  if (second && !check_vector_type(r, "second", p->PIPELINE.second)) return false;
  if (p->PIPELINE.integer_bias && !p->PIPELINE.has_bias)
    return FAULT(r, "pipeline: integer_bias needs has_bias");
  if (p->PIPELINE.integer_bias && tn_type_is_float((tn_type)p->PIPELINE.source))
    return FAULT(r, "pipeline: integer_bias needs a source of integers, not %s",
                 type_name(p->PIPELINE.source));
  if (!check_zero(r, "zero", p->PIPELINE.zero) || !check_zero(r, "second_zero", p->PIPELINE.second_zero))
    return false;
  if (p->PIPELINE.zero && !p->PIPELINE.rounds) return FAULT(r, "pipeline: zero needs rounds");
  if (p->PIPELINE.has_clamp && !(p->PIPELINE.low <= p->PIPELINE.high))
    return FAULT(r, "pipeline: clamps to %g … %g", (double)p->PIPELINE.low, (double)p->PIPELINE.high);
  if (p->PIPELINE.function != TN_ISA_FUNCTION_NONE &&
      !(r->v->target->vector_functions >> p->PIPELINE.function & 1))
    return FAULT(r, "pipeline: the target has no function %d", p->PIPELINE.function);
  if (tn_isa_has_floats(p) && tn_type_is_integer((tn_type)p->PIPELINE.result) && !p->PIPELINE.rounds)
    return FAULT(r, "pipeline: f32 becomes %s and is not rounded", type_name(p->PIPELINE.result));
  if (p->PIPELINE.has_table && tn_type_bytes((tn_type)p->PIPELINE.result) != 1)
    return FAULT(r, "pipeline: the table is for bytes, the result is %s", type_name(p->PIPELINE.result));
  return true;
}

/* ---- units ---- */

static bool check_transfer(reader *r) {
  tn_transfer t;
  tn_isa_transfer(r->is, &t);
  if (t.channel >= r->v->target->dma_channels)
    return FAULT(r, "%s: channel %d, of %" PRId64, tn_isa_row_of(r->is->op)->name, t.channel,
                 r->v->target->dma_channels);
  return at_least_1(r, "bytes", t.bytes) && at_least_1(r, "rows", t.rows);
}

static bool has_weights_of(const tn_systolic_target *target, uint8_t type) {
  for (int i = 0; i < target->n_types; i++)
    if (target->types[i].w == (tn_type)type) return true;
  return false;
}

static bool check_read_weights(reader *r) {
  const tn_systolic_target *target = r->v->target;
  const tn_instruction *w = r->is;
  if (!has_weights_of(target, w->READ_WEIGHTS.type))
    return FAULT(r, "read_weights: the array has no weights of %s", type_name(w->READ_WEIGHTS.type));
  if (!at_least_1(r, "rows", w->READ_WEIGHTS.rows) || !at_least_1(r, "columns", w->READ_WEIGHTS.columns) ||
      !at_least_1(r, "repeat", w->READ_WEIGHTS.repeat))
    return false;
  if (w->READ_WEIGHTS.rows > target->rows || w->READ_WEIGHTS.columns > target->columns)
    return FAULT(r, "read_weights: tiles of %dx%d, the array is %" PRId64 "x%" PRId64, w->READ_WEIGHTS.rows,
                 w->READ_WEIGHTS.columns, target->rows, target->columns);
  r->waiting += w->READ_WEIGHTS.repeat;
  return true;
}

/* A view is set, and has rows first … first + rows and columns likewise, for every repetition. */
static bool check_rows(reader *r, const tn_instruction *view, int64_t row, int64_t row_step, uint32_t rows,
                       int64_t repeat) {
  int64_t last = row + row_step * (repeat - 1), first = last < row ? last : row, all = tn_view_rows(view);
  last = (last < row ? row : last) + rows - 1;
  return (first >= 0 && last < all) || FAULT(r, "%s: rows %" PRId64 " to %" PRId64 " of a view of %" PRId64,
                                             tn_isa_row_of(r->is->op)->name, first, last, all);
}

static bool check_columns(reader *r, const tn_instruction *view, int64_t column, int64_t step,
                          int64_t columns, int64_t repeat) {
  int64_t last = column + step * (repeat - 1), first = last < column ? last : column,
          all = tn_view_columns(view);
  last = (last < column ? column : last) + columns - 1;
  return (first >= 0 && last < all) ||
         FAULT(r, "%s: columns %" PRId64 " to %" PRId64 " of a view of %" PRId64,
               tn_isa_row_of(r->is->op)->name, first, last, all);
}

static const tn_instruction *view_of(reader *r, uint8_t number) {
  const tn_instruction *view = r->v->index.view[r->at];
  if (number >= TN_VIEWS)
    return FAULT(r, "%s: view %d, of %d", tn_isa_row_of(r->is->op)->name, number, TN_VIEWS), NULL;
  if (!view) FAULT(r, "%s: view %d is not set", tn_isa_row_of(r->is->op)->name, number);
  return r->bad_views >> number & 1 ? NULL : view;
}

/* What stays in the array while the tiles pass must be one thing; docs/isa.md. */
static bool check_dataflow(reader *r) {
  const tn_systolic_target *target = r->v->target;
  const tn_instruction *m = r->is;
  tn_dataflow dataflow = (tn_dataflow)m->MATMUL.dataflow;
  if (!(target->dataflows >> dataflow & 1))
    return FAULT(r, "matmul: the array is not %s stationary", tn_dataflow_name(dataflow));
  if (dataflow == TN_DATAFLOW_WEIGHT) return true;
  bool output = dataflow == TN_DATAFLOW_OUTPUT;
  int64_t room = output ? target->rows : target->columns;
  if (m->MATMUL.rows > room)
    return FAULT(r, "matmul: %" PRIu32 " rows, an array of %" PRId64 "x%" PRId64 " holds %" PRId64,
                 m->MATMUL.rows, target->rows, target->columns, room);
  if (m->MATMUL.repeat == 1) return true;
  if (m->MATMUL.row_step)
    return FAULT(r, "matmul: row_step is %d, %s stationary", m->MATMUL.row_step, tn_dataflow_name(dataflow));
  if (output && (m->MATMUL.accumulator_step || !m->MATMUL.then_accumulate))
    return FAULT(r, "matmul: repetitions are of one tile of sums, output stationary");
  if (!output && m->MATMUL.column_step)
    return FAULT(r, "matmul: column_step is %d, input stationary", m->MATMUL.column_step);
  return true;
}

/* One run of tiles of a shape, `done` repetitions behind the instruction's first. */
static bool check_tiles(reader *r, const tn_instruction *view, const tn_instruction *first,
                        const tn_instruction *tile, int64_t done, uint32_t count) {
  const tn_instruction *m = r->is;
  if (!tn_systolic_find_type(r->v->target, (tn_type)m->MATMUL.type, (tn_type)tile->READ_WEIGHTS.type))
    return FAULT(r, "matmul: the array does not multiply %s by %s", type_name(m->MATMUL.type),
                 type_name(tile->READ_WEIGHTS.type));
  if (tile->READ_WEIGHTS.type != first->READ_WEIGHTS.type)
    return FAULT(r, "matmul: takes tiles of %s and of %s", type_name(first->READ_WEIGHTS.type),
                 type_name(tile->READ_WEIGHTS.type));
  if (m->MATMUL.dataflow == TN_DATAFLOW_OUTPUT && tile->READ_WEIGHTS.columns != first->READ_WEIGHTS.columns)
    return FAULT(r, "matmul: takes tiles of %d and of %d columns, output stationary",
                 first->READ_WEIGHTS.columns, tile->READ_WEIGHTS.columns);
  if (m->MATMUL.dataflow == TN_DATAFLOW_INPUT && tile->READ_WEIGHTS.rows != first->READ_WEIGHTS.rows)
    return FAULT(r, "matmul: takes tiles of %d and of %d rows, input stationary", first->READ_WEIGHTS.rows,
                 tile->READ_WEIGHTS.rows);
  return check_columns(r, view, m->MATMUL.column + m->MATMUL.column_step * done, m->MATMUL.column_step,
                       tile->READ_WEIGHTS.rows, count);
}

static bool check_matmul(reader *r) {
  const tn_instruction *m = r->is, *first = NULL;
  if (r->bad_tiles) return false;
  if (r->waiting < m->MATMUL.repeat) {
    r->bad_tiles = true;
    return FAULT(r, "matmul: takes %" PRIu32 " tiles, %" PRIu64 " are read before it", m->MATMUL.repeat,
                 r->waiting);
  }
  r->waiting -= m->MATMUL.repeat;
  const tn_instruction *view = view_of(r, m->MATMUL.view);
  bool good = view && at_least_1(r, "rows", m->MATMUL.rows) && at_least_1(r, "repeat", m->MATMUL.repeat) &&
              check_dataflow(r) &&
              check_rows(r, view, m->MATMUL.row, m->MATMUL.row_step, m->MATMUL.rows, m->MATMUL.repeat);
  for (uint32_t done = 0, count; done < m->MATMUL.repeat; done += count) {
    const tn_instruction *tile =
        tn_index_take_tiles(&r->v->index, &r->tiles, m->MATMUL.repeat - done, &count);
    if (!first) first = tile;
    good = good && check_tiles(r, view, first, tile, done, count);
  }
  return good;
}

static const tn_instruction *pipeline_of(reader *r) {
  const tn_instruction *pipeline = r->v->index.pipeline[r->at];
  if (!pipeline) FAULT(r, "%s: the pipeline is not set", tn_isa_row_of(r->is->op)->name);
  return r->bad_pipeline ? NULL : pipeline;
}

static bool check_activate(reader *r) {
  const tn_instruction *a = r->is, *pipeline = pipeline_of(r);
  if (!pipeline || !at_least_1(r, "rows", a->ACTIVATE.rows) || !at_least_1(r, "columns", a->ACTIVATE.columns))
    return false;
  uint8_t source = pipeline->PIPELINE.source;
  return source == TN_S32 || source == TN_F32 ||
         FAULT(r, "activate: accumulators hold s32 or f32, the pipeline takes %s", type_name(source));
}

static bool check_vector(reader *r) {
  const tn_instruction *a = r->is, *view = view_of(r, a->VECTOR.view),
                       *pipeline = view ? pipeline_of(r) : NULL;
  if (!pipeline || !at_least_1(r, "rows", a->VECTOR.rows) || !at_least_1(r, "columns", a->VECTOR.columns) ||
      !at_least_1(r, "windows", a->VECTOR.windows))
    return false;
  if (a->VECTOR.windows > 1 && pipeline->PIPELINE.join == TN_ISA_JOIN_NONE)
    return FAULT(r, "vector: %" PRIu32 " windows and nothing that joins them", a->VECTOR.windows);
  __int128 columns = (__int128)a->VECTOR.columns * a->VECTOR.windows;
  if (columns > tn_view_columns(view))
    return FAULT(r, "vector: %" PRIu32 " windows of %" PRIu32 " columns of a view of %" PRId64,
                 a->VECTOR.windows, a->VECTOR.columns, tn_view_columns(view));
  return check_rows(r, view, a->VECTOR.row, 0, a->VECTOR.rows, 1);
}

static bool check_one(reader *r) {
  const tn_instruction *is = r->is;
  const tn_stream *stream = r->v->stream;
  switch (is->op) {
  case TN_ISA_NOP:
  case TN_ISA_SYNC: return true;
  case TN_ISA_HALT:
    return r->at == stream->count - 1 ||
           FAULT(r, "halt: %" PRId64 " instructions follow", stream->count - 1 - r->at);
  case TN_ISA_LAYER:
    return is->LAYER.layer < (uint32_t)stream->n_layers ||
           FAULT(r, "layer: number %" PRIu32 ", of %d", is->LAYER.layer, stream->n_layers);
  case TN_ISA_HOST_CALL:
    return is->HOST_CALL.function < (uint32_t)stream->n_functions ||
           FAULT(r, "host_call: function %" PRIu32 ", of %d", is->HOST_CALL.function, stream->n_functions);
  case TN_ISA_VIEW: return check_view(r);
  case TN_ISA_PIPELINE: return check_pipeline(r);
  case TN_ISA_READ_HOST:
  case TN_ISA_WRITE_HOST:
  case TN_ISA_LOAD:
  case TN_ISA_STORE:
  case TN_ISA_HOST_TO_DRAM: return check_transfer(r);
  case TN_ISA_READ_WEIGHTS: return check_read_weights(r);
  case TN_ISA_MATMUL: return check_matmul(r);
  case TN_ISA_ACTIVATE: return check_activate(r);
  case TN_ISA_VECTOR: return check_vector(r);
  case TN_ISA_COUNT: break;
  }
  return false;
}

/* ---- time ---- */

static void look_at_ports(reader *r) {
  const tn_systolic_target *target = r->v->target;
  tn_systolic_port dram = tn_systolic_dram_port(target), host = tn_systolic_host_port(target);
  r->per_byte[TN_SPACE_DRAM] = dram.cycles_per_byte, r->per_byte[TN_SPACE_HOST] = host.cycles_per_byte;
  r->latency[TN_SPACE_DRAM] = (double)dram.latency + 1, r->latency[TN_SPACE_HOST] = (double)host.latency + 1;
}

static double product_cycles(const reader *r) {
  const tn_systolic_target *target = r->v->target;
  int64_t rate = 1, sides = target->rows + target->columns;
  for (int i = 0; i < target->n_types; i++)
    if (target->types[i].cycles > rate) rate = target->types[i].cycles;
  double rows = (double)r->is->MATMUL.rows + (double)sides; /* of x, or k, or n: no more than a side */
  return (double)r->is->MATMUL.repeat * (rows * (double)rate + 2 * (double)sides);
}

static double port_cycles(const reader *r, tn_space space, double bytes) {
  return bytes * r->per_byte[space] + r->latency[space];
}

/* No less than what the instruction takes when it has everything to itself. */
static double cycles_of(const reader *r) {
  const tn_instruction *is = r->is;
  const tn_systolic_target *target = r->v->target;
  tn_transfer t;
  tn_vector_result v;
  if (is->op == TN_ISA_MATMUL) return product_cycles(r);
  if (is->op == TN_ISA_READ_WEIGHTS) {
    const double widest = 8; /* bytes that an element may have */
    return (double)is->READ_WEIGHTS.repeat *
           port_cycles(r, TN_SPACE_DRAM, (double)(target->rows * target->columns) * widest);
  }
  if (tn_isa_transfer(is, &t)) {
    double bytes = (double)t.bytes * t.rows;
    return port_cycles(r, t.source, bytes) + port_cycles(r, t.result, bytes);
  }
  if (!tn_isa_vector_result(is, &v)) return 0;
  return (double)v.rows * v.columns * v.windows + (double)target->vector_latency;
}

static void check_next(reader *r) {
  const tn_instruction *is = r->is;
  bool good = check_words(r) && check_one(r);
  r->cycles += cycles_of(r);
  if (is->op == TN_ISA_READ_WEIGHTS) r->bad_tiles |= !good;
  if (is->op == TN_ISA_PIPELINE) r->bad_pipeline = !good;
  if (is->op == TN_ISA_VIEW && is->VIEW.view < TN_VIEWS) {
    unsigned bit = 1u << is->VIEW.view;
    r->bad_views = good ? r->bad_views & ~bit : r->bad_views | bit;
  }
}

void tn_verify_instructions(tn_verifier *v) {
  const double cycles_most = 0x1p42; /* devices count fractions of cycles in 64 bits */
  reader r = {.v = v};
  look_at_ports(&r);
  const tn_stream *stream = v->stream;
  for (r.at = 0; r.at < stream->count && !tn_verify_enough(v); r.at++) {
    r.is = &stream->instructions[r.at];
    check_next(&r);
  }
  if (tn_verify_enough(v)) return;
  if (!stream->count || stream->instructions[stream->count - 1].op != TN_ISA_HALT)
    tn_verify_fault(v, -1, "stream: does not end in halt");
  if (v->faults) return;
  if (r.waiting)
    tn_verify_fault(v, v->index.unit[TN_UNIT_WEIGHTS][r.tiles.read],
                    "read_weights: %" PRIu64 " tiles are left in the FIFO at the end", r.waiting);
  if (!(r.cycles <= cycles_most))
    tn_verify_fault(v, -1, "stream: its work takes more cycles than can be counted");
}
