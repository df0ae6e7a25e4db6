/* Verifier of streams, last pass: what happens in the four memories.
 *
 * Every access is turned into ranges. Of a read the hull is asked first: if all of it was written, by
 * instructions that have surely ended, so was what is read of it, and one question answers for
 * thousands of rows. If not, the box of cells is halved and each half asked (stream_cells.h), down to
 * pieces without gaps. Writes are always told piece by piece, for they say what is written.
 *
 * Three runs, each only if those before were not content; the last one reports. The first remembers reads
 * by their hulls and joins the spans that a read has found in order, so that many small pieces that are
 * read again and again are one: it asks for more order than is needed, seldom more than there is. The
 * second does not join, and gives up where that takes long (LOOKS_MOST). The careful one remembers exactly.
 *
 * Cost: O(log n) for each range; how many ranges an instruction has is bounded, and how many a stream of so
 * many instructions (PIECES_MOST, all_most).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <inttypes.h>

#include "target/isa_table.h"
#include "target/stream_verify.h"

typedef enum { JOINED, BY_HULLS, CAREFUL } manner;

enum {
  JOIN_FROM = 8,         /* spans of one read that are joined */
  LOOKS_MOST = 1 << 28,  /* spans that reads and writes of the second run look at: about a second */
  PIECES_MOST = 1 << 20, /* of an instruction */
  ALL_MOST = 1 << 26,    /* of a stream; 2^13 an instruction are more than any compiler's, 2^21 besides */
  LOOKS_A_PIECE = 16,    /* in a run that is to be the last */
  TOLD_MOST = 1 << 12,   /* pieces of an instruction that was reported; others are as good as not written */
  CAREFUL_MOST = 1 << 24 /* pieces that a careful run tells apart; what comes behind is remembered by hulls */
};

typedef enum { FINE, OUTSIDE, UNWRITTEN, NARROW, OTHER_TYPE, RACE, OWN, TWICE, TOO_MANY } trouble;

typedef struct {
  tn_verifier *v;
  bool careful, joins;
  bool reports, found;     /* runs that do not report only find that there is something */
  int64_t looks;           /* at spans */
  bool spoiled[TN_SPACES]; /* something was not written where it should be: what is missing is no fault */
  tn_spans *spans[TN_SPACES];
  int64_t written_from[TN_SPACES], written_to[TN_SPACES]; /* all that instructions write lies in there */
  tn_tile_cursor tiles;
  int64_t all_pieces, all_most, looks_most;
  bool exhausted; /* more of either than may be */
  /* the instruction */
  int64_t at;
  const tn_instruction *is;
  tn_unit unit;
  uint32_t number;
  const tn_clock *start;
  int64_t pieces;
  bool reported;
  /* of the last trouble */
  __int128 from, to;
  tn_unit other_unit;
  uint32_t other_number;
  uint32_t columns;
  tn_type type;
} walk;

/* One access: a memory, and of accumulators what they must hold or will. Who adds reads and writes. */
typedef struct {
  tn_space memory;
  bool writes, adds;
  bool in_place; /* a read before a write of the same, which is all that needs remembering */
  uint32_t columns;
  tn_type type;
} access;

static const char *const memory_names[TN_SPACES] = {"host memory", "DRAM", "the unified buffer",
                                                    "the accumulators"};
static const char *const memory_units[TN_SPACES] = {"bytes", "bytes", "bytes", "rows"};

/* ---- reporting ---- */

static const char *does_of(access a) { return a.adds ? "adds to" : a.writes ? "writes" : "reads"; }

static void tell_race(walk *w, const char *name, access a) {
  int64_t other = w->v->index.unit[w->other_unit][w->other_number - 1];
  tn_verify_fault(w->v, w->at,
                  "%s: %s %s %" PRId64 " to %" PRId64
                  " of %s, and nothing orders it behind instruction %" PRId64 " (%s %s=%" PRIu32 ")",
                  name, does_of(a), memory_units[a.memory], (int64_t)w->from, (int64_t)w->to,
                  memory_names[a.memory], other, tn_isa_row_of(w->v->stream->instructions[other].op)->name,
                  tn_unit_name(w->other_unit), w->other_number);
}

static int64_t clip(__int128 value) {
  return value < INT64_MIN ? INT64_MIN : value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* The part of a range that the memory has counts as written even if there is trouble: one fault, one message.
 * One message an instruction, too: what else is wrong with it comes from the same fields. */
static void tell(walk *w, trouble found, access a) {
  bool follows = w->spoiled[a.memory] && (found == UNWRITTEN || found == NARROW || found == OTHER_TYPE);
  if (a.writes && (found == OUTSIDE || found == TWICE || found == TOO_MANY)) w->spoiled[a.memory] = true;
  if (w->reported || follows || found == FINE) return;
  w->reported = w->found = true;
  if (!w->reports && found != TOO_MANY) return; /* in another run it would be no fewer */
  const char *name = tn_isa_row_of(w->is->op)->name, *memory = memory_names[a.memory],
             *units = memory_units[a.memory];
  const char *does = does_of(a);
  int64_t from = clip(w->from), to = clip(w->to);
  switch (found) {
  case FINE: return;
  case OUTSIDE:
    tn_verify_fault(w->v, w->at, "%s: %s %s %" PRId64 " to %" PRId64 " of %s, which has %" PRId64, name, does,
                    units, from, to, memory, tn_spans_size(w->spans[a.memory]));
    return;
  case UNWRITTEN:
    tn_verify_fault(w->v, w->at, "%s: %s %s %" PRId64 " to %" PRId64 " of %s, which nothing has written",
                    name, does, units, from, to, memory);
    return;
  case NARROW:
    tn_verify_fault(w->v, w->at,
                    "%s: %s %" PRIu32 " columns of accumulator row %" PRId64 ", which holds %" PRIu32, name,
                    does, a.columns, from, w->columns);
    return;
  case OTHER_TYPE:
    tn_verify_fault(w->v, w->at, "%s: %s accumulator row %" PRId64 " as %s, which holds %s", name, does, from,
                    tn_type_name(a.type), tn_type_name(w->type));
    return;
  case RACE: tell_race(w, name, a); return;
  case OWN:
    tn_verify_fault(w->v, w->at, "%s: writes %s %" PRId64 " to %" PRId64 " of %s, which it reads", name,
                    units, from, to, memory);
    return;
  case TWICE: tn_verify_fault(w->v, w->at, "%s: writes %s of %s twice", name, units, memory); return;
  case TOO_MANY:
    if (w->exhausted)
      tn_verify_fault(w->v, w->at,
                      "%s: the stream's %" PRId64 " instructions touch more pieces than can be followed",
                      name, w->v->stream->count);
    else
      tn_verify_fault(w->v, w->at, "%s: %s more than %d pieces of %s", name, does, PIECES_MOST, memory);
    return;
  }
}

/* ---- ranges ---- */

/* Has everything of the clock ended when this instruction starts? A unit keeps its own order. */
static bool is_ordered(walk *w, const tn_clock *clock) {
  for (int u = 0; u < TN_UNITS; u++)
    if (clock->at[u] > w->start->at[u] && u != (int)w->unit) {
      w->other_unit = (tn_unit)u;
      w->other_number = clock->at[u];
      return false;
    }
  return true;
}

static trouble look_at_span(walk *w, access a, const tn_span *span) {
  bool sums = a.memory == TN_SPACE_ACCUMULATORS, reads = !a.writes || a.adds;
  w->columns = span->columns;
  w->type = (tn_type)span->type;
  if (reads && !span->written) return UNWRITTEN;
  if (reads && sums && span->columns < a.columns) return NARROW;
  if (reads && sums && span->type != a.type) return OTHER_TYPE;
  if (!is_ordered(w, &span->writers)) return RACE;
  if (!a.writes) return FINE;
  if (!is_ordered(w, &span->readers)) return RACE;
  return span->readers.at[w->unit] == w->number && !sums ? OWN : FINE;
}

static trouble look_at_range(walk *w, access a, __int128 from, __int128 to, int *n_spans) {
  tn_spans *spans = w->spans[a.memory];
  w->from = from;
  w->to = to;
  *n_spans = 0;
  if (from < 0 || to > tn_spans_size(spans)) return OUTSIDE;
  tn_span_place place = tn_spans_find(spans, (int64_t)from);
  do {
    const tn_span *span = place.at;
    if (span->from >= to) break;
    (*n_spans)++;
    w->looks++;
    trouble found = look_at_span(w, a, span);
    if (found == FINE) continue;
    if (span->from > from) w->from = span->from;
    int64_t end = tn_spans_end(spans, place);
    if (end < to) w->to = end;
    return found;
  } while (tn_spans_next(spans, &place));
  return FINE;
}

/* Joining spans says of each what is true of any. */
static tn_span *join_spans(tn_spans *spans, int64_t from, int64_t to) {
  tn_span_place place = tn_spans_find(spans, from);
  tn_span joined = *place.at;
  joined.from = from;
  while (tn_spans_next(spans, &place) && place.at->from < to) {
    tn_clock_join(&joined.writers, &place.at->writers);
    tn_clock_join(&joined.readers, &place.at->readers);
    if (place.at->columns < joined.columns) joined.columns = place.at->columns;
  }
  tn_span *one = tn_spans_replace(spans, from, to);
  *one = joined;
  return one;
}

/* A range that was found in order. What nothing writes needs no memory of who read it. */
static void remember_read(walk *w, access a, int64_t from, int64_t to, int n_spans) {
  if (a.in_place) return;
  if (from < w->written_from[a.memory]) from = w->written_from[a.memory];
  if (to > w->written_to[a.memory]) to = w->written_to[a.memory];
  if (from >= to) return;
  tn_spans *spans = w->spans[a.memory];
  if (w->joins && n_spans >= JOIN_FROM) {
    join_spans(spans, from, to)->readers.at[w->unit] = w->number;
    return;
  }
  tn_span_place place = tn_spans_cut(spans, from, to);
  do {
    tn_span *span = place.at;
    if (span->from >= to) break;
    if (span->readers.at[w->unit] < w->number) span->readers.at[w->unit] = w->number;
  } while (tn_spans_next(spans, &place));
}

/* Adding leaves as many columns as there were. */
static uint32_t columns_after(tn_spans *spans, access a, int64_t from, int64_t to) {
  if (!a.adds) return a.columns;
  tn_span_place place = tn_spans_find(spans, from);
  uint32_t columns = place.at->columns;
  while (tn_spans_next(spans, &place) && place.at->from < to)
    if (place.at->columns < columns) columns = place.at->columns;
  return columns > a.columns ? columns : a.columns;
}

static void remember_write(walk *w, access a, int64_t from, int64_t to) {
  tn_spans *spans = w->spans[a.memory];
  uint32_t columns = columns_after(spans, a, from, to);
  tn_span *span = tn_spans_replace(spans, from, to);
  span->written = true;
  span->type = (uint8_t)a.type;
  span->columns = columns;
  span->writers.at[w->unit] = w->number;
}

static void write_range(walk *w, access a, __int128 from, __int128 to) {
  int n_spans;
  tell(w, look_at_range(w, a, from, to, &n_spans), a);
  int64_t size = tn_spans_size(w->spans[a.memory]);
  if (from < 0) from = 0;
  if (to > size) to = size;
  if (from < to) remember_write(w, a, (int64_t)from, (int64_t)to);
}

/* ---- boxes of cells ---- */

static bool too_many(walk *w) {
  if (++w->all_pieces > CAREFUL_MOST) w->careful = false, w->joins = true;
  w->exhausted |= w->all_pieces > w->all_most || w->looks > w->looks_most;
  return ++w->pieces > PIECES_MOST || w->exhausted;
}

/* If all of it is in order, so is what is read of it. */
static trouble read_hull(walk *w, access a, const tn_cell_hull *hull, bool remembers) {
  if (hull->nothing) return FINE;
  int n_spans;
  trouble found = look_at_range(w, a, hull->from, hull->to, &n_spans);
  if (found == FINE && remembers) remember_read(w, a, (int64_t)hull->from, (int64_t)hull->to, n_spans);
  return found;
}

/* Of a box that holds more than what is read. */
static bool read_around(walk *w, access a, const tn_cells *cells, const tn_cell_box *box) {
  if (w->careful) return false;
  tn_cell_hull hull = tn_cells_hull(cells, box);
  return read_hull(w, a, &hull, true) == FINE;
}

static trouble read_box(walk *w, access a, const tn_cells *cells, const tn_cell_box *box) {
  if (too_many(w)) return TOO_MANY;
  tn_cell_hull hull = tn_cells_hull(cells, box);
  bool remembers = !w->careful || hull.exact || hull.nothing;
  trouble found = read_hull(w, a, &hull, remembers);
  if (found == FINE && remembers) return FINE;
  tn_cell_box halves[2];
  if (hull.exact || !tn_cells_split(cells, box, halves)) return found;
  found = read_box(w, a, cells, &halves[0]);
  return found == FINE ? read_box(w, a, cells, &halves[1]) : found;
}

static void read_cells(walk *w, access a, const tn_cells *cells, const tn_cell_box *box) {
  if (!w->reported) tell(w, read_box(w, a, cells, box), a);
}

static void write_cells(walk *w, access a, const tn_cells *cells, const tn_cell_box *box) {
  tn_cell_hull hull = tn_cells_hull(cells, box);
  bool apart = tn_cells_apart(cells, box);
  if (!apart) tell(w, TWICE, a);
  if (!apart || hull.from < 0 || hull.to > tn_spans_size(w->spans[a.memory])) {
    write_range(w, a, hull.from, hull.to);
    return;
  }
  tn_cell_pieces piece = tn_cells_first_piece(cells, box);
  do {
    if (too_many(w)) {
      tell(w, TOO_MANY, a);
      return;
    }
    if (w->reported && w->pieces > TOLD_MOST) {
      w->spoiled[a.memory] = true;
      return;
    }
    write_range(w, a, piece.at, piece.at + piece.bytes);
  } while (tn_cells_next_piece(&piece));
}

static void read_row(walk *w, tn_space memory, int64_t from, int64_t bytes) {
  tn_cell_box box;
  tn_cells cells = tn_cells_of_pieces(from, bytes, 0, NULL, NULL, &box);
  read_cells(w, (access){.memory = memory}, &cells, &box);
}

/* ---- instructions ---- */

/* An address further away than any memory is large is as good as any other. */
static int64_t signed_address(uint64_t at) { return at < TN_SPACE_MOST ? (int64_t)at : TN_SPACE_MOST; }

static tn_cells cells_moved(const tn_transfer *t, uint64_t at, int64_t stride, tn_cell_box *box) {
  return tn_cells_of_pieces(signed_address(at), t->bytes, 1, (int64_t[]){t->rows}, &stride, box);
}

static void transfer(walk *w) {
  tn_transfer t;
  tn_isa_transfer(w->is, &t);
  tn_cell_box box;
  tn_cells read = cells_moved(&t, t.from, t.from_stride, &box);
  read_cells(w, (access){.memory = t.source}, &read, &box);
  tn_cells write = cells_moved(&t, t.to, t.to_stride, &box);
  write_cells(w, (access){.memory = t.result, .writes = true}, &write, &box);
}

static void read_weights(walk *w) {
  const tn_instruction *is = w->is;
  int64_t bytes = (int64_t)tn_type_bytes((tn_type)is->READ_WEIGHTS.type);
  int64_t counts[] = {is->READ_WEIGHTS.rows, is->READ_WEIGHTS.columns, is->READ_WEIGHTS.repeat};
  int64_t strides[] = {is->READ_WEIGHTS.row_stride, is->READ_WEIGHTS.column_stride,
                       is->READ_WEIGHTS.repeat_stride};
  tn_cell_box box;
  tn_cells cells = tn_cells_of_pieces(signed_address(is->READ_WEIGHTS.from), bytes, 3, counts, strides, &box);
  read_cells(w, (access){.memory = TN_SPACE_DRAM}, &cells, &box);
}

/* Rows and columns of a view, which it has. */
static trouble read_view(walk *w, access a, const tn_cells *cells, const tn_instruction *view, int64_t row,
                         int64_t last_row, int64_t column, int64_t last_column) {
  tn_cell_box boxes[TN_VIEW_BOXES] = {tn_view_box(view, row, last_row, column, last_column)};
  if (read_around(w, a, cells, boxes)) return FINE;
  int count = tn_view_boxes(view, row, last_row, column, last_column, boxes);
  for (int i = 0; i < count; i++) {
    trouble found = read_box(w, a, cells, &boxes[i]);
    if (found != FINE) return found;
  }
  return FINE;
}

/* What `count` repetitions read, from repetition `done` on, of tiles with k rows. All at once if that is in
 * order, or one by one.                                                                               */
static void read_operand(walk *w, const tn_cells *cells, const tn_instruction *view, int64_t done,
                         int64_t count, int64_t k) {
  const tn_instruction *m = w->is;
  if (w->reported) return;
  int64_t row_step = m->MATMUL.row_step, column_step = m->MATMUL.column_step;
  int64_t row = m->MATMUL.row + row_step * done, column = m->MATMUL.column + column_step * done;
  int64_t rows_on = row_step * (count - 1), columns_on = column_step * (count - 1);
  access a = {.memory = TN_SPACE_BUFFER};
  tn_cell_box box = tn_view_box(
      view, row + (rows_on < 0 ? rows_on : 0), row + (rows_on > 0 ? rows_on : 0) + m->MATMUL.rows - 1,
      column + (columns_on < 0 ? columns_on : 0), column + (columns_on > 0 ? columns_on : 0) + k - 1);
  if (read_around(w, a, cells, &box)) return;
  trouble found = FINE;
  for (int64_t i = 0; i < count && found == FINE; i++, row += row_step, column += column_step)
    found = too_many(w) ? TOO_MANY
                        : read_view(w, a, cells, view, row, row + m->MATMUL.rows - 1, column, column + k - 1);
  tell(w, found, a);
}

/* Accumulator rows of one repetition, or of several that lie one behind the other. */
static void sum_rows(walk *w, int64_t from, int64_t rows, bool adds, uint32_t columns, tn_type type) {
  access a = {
      .memory = TN_SPACE_ACCUMULATORS, .writes = true, .adds = adds, .columns = columns, .type = type};
  tn_cell_box box;
  tn_cells cells = tn_cells_of_pieces(from, rows, 0, NULL, NULL, &box);
  write_cells(w, a, &cells, &box);
}

static void sum(walk *w, int64_t done, int64_t count, uint32_t rows, uint32_t columns, tn_type type) {
  const tn_instruction *m = w->is;
  int64_t step = m->MATMUL.accumulator_step, at = m->MATMUL.accumulator + step * done;
  for (int64_t i = 0; i < count;) {
    bool adds = done + i == 0 ? m->MATMUL.accumulate : m->MATMUL.then_accumulate;
    int64_t together = done + i == 0 ? 1 : count - i; /* with the same switch */
    if (step == 0) {
      sum_rows(w, at, rows, adds, columns, type);
    } else if (step == rows || -step == rows) {
      int64_t low = step < 0 ? at + step * (together - 1) : at;
      sum_rows(w, low, rows * together, adds, columns, type);
    } else {
      together = 1;
      if (too_many(w)) {
        tell(w, TOO_MANY, (access){.memory = TN_SPACE_ACCUMULATORS, .writes = true});
        return;
      }
      sum_rows(w, at, rows, adds, columns, type);
    }
    i += together;
    at += step * together;
  }
}

static void matmul(walk *w) {
  const tn_instruction *m = w->is, *view = w->v->index.view[w->at];
  tn_cells cells = tn_cells_of_view(view, m->MATMUL.base, (int64_t)tn_type_bytes((tn_type)m->MATMUL.type));
  bool input = m->MATMUL.dataflow == TN_DATAFLOW_INPUT;
  tn_type type = tn_systolic_sum_type((tn_type)m->MATMUL.type);
  for (uint32_t done = 0, count; done < m->MATMUL.repeat; done += count) {
    const tn_instruction *tile =
        tn_index_take_tiles(&w->v->index, &w->tiles, m->MATMUL.repeat - done, &count);
    read_operand(w, &cells, view, done, count, tile->READ_WEIGHTS.rows);
    uint32_t n = tile->READ_WEIGHTS.columns, m_rows = m->MATMUL.rows;
    sum(w, done, count, input ? n : m_rows, input ? m_rows : n, type);
  }
}

static tn_cells matrix_cells(int64_t base, tn_type type, uint32_t rows, uint32_t columns, int64_t row_stride,
                             int64_t column_stride, tn_cell_box *box) {
  return tn_cells_of_pieces(base, (int64_t)tn_type_bytes(type), 2, (int64_t[]){rows, columns},
                            (int64_t[]){row_stride, column_stride}, box);
}

/* The same element at the same place: it is read before it is written. */
static bool second_is_in_place(const tn_instruction *p, const tn_vector_result *r) {
  return r->second == r->to &&
         tn_type_bytes((tn_type)p->PIPELINE.second) == tn_type_bytes((tn_type)p->PIPELINE.result) &&
         (r->rows == 1 || r->second_row_stride == r->row_stride) &&
         (r->columns == 1 || r->second_column_stride == r->column_stride);
}

static void read_parameters(walk *w, const tn_vector_result *r) {
  const tn_instruction *p = w->v->index.pipeline[w->at];
  int64_t bytes = 4 * (int64_t)(p->PIPELINE.by_row ? r->rows : r->columns);
  if (p->PIPELINE.has_scale) read_row(w, TN_SPACE_BUFFER, p->PIPELINE.scale, bytes);
  if (p->PIPELINE.has_bias) read_row(w, TN_SPACE_BUFFER, p->PIPELINE.bias, bytes);
  if (p->PIPELINE.has_table) read_row(w, TN_SPACE_BUFFER, p->PIPELINE.table, 256);
}

static void work_through_pipeline(walk *w) {
  const tn_instruction *p = w->v->index.pipeline[w->at];
  tn_vector_result r;
  tn_isa_vector_result(w->is, &r);
  tn_cell_box box;
  read_parameters(w, &r);
  if (p->PIPELINE.operand != TN_ISA_OPERAND_NONE) {
    tn_cells second = matrix_cells(r.second, (tn_type)p->PIPELINE.second, r.rows, r.columns,
                                   r.second_row_stride, r.second_column_stride, &box);
    access a = {.memory = TN_SPACE_BUFFER, .in_place = second_is_in_place(p, &r)};
    read_cells(w, a, &second, &box);
  }
  tn_cells cells =
      matrix_cells(r.to, (tn_type)p->PIPELINE.result, r.rows, r.columns, r.row_stride, r.column_stride, &box);
  write_cells(w, (access){.memory = TN_SPACE_BUFFER, .writes = true}, &cells, &box);
}

static void activate(walk *w) {
  const tn_instruction *a = w->is;
  access sums = {.memory = TN_SPACE_ACCUMULATORS,
                 .columns = a->ACTIVATE.columns,
                 .type = (tn_type)w->v->index.pipeline[w->at]->PIPELINE.source};
  tn_cell_box box;
  tn_cells cells = tn_cells_of_pieces(a->ACTIVATE.accumulator, a->ACTIVATE.rows, 0, NULL, NULL, &box);
  read_cells(w, sums, &cells, &box);
  work_through_pipeline(w);
}

/* A view of plain rows and columns whose elements are where the results go. */
static bool view_is_in_place(const walk *w, const tn_instruction *view, const tn_instruction *p) {
  const tn_instruction *a = w->is;
  if (view->VIEW.row_dims != 1 || view->VIEW.column_dims != 1 || view->VIEW.limit[0] || view->VIEW.limit[1])
    return false;
  int64_t first = a->VECTOR.base + (int64_t)a->VECTOR.row * view->VIEW.stride[0];
  return a->VECTOR.windows == 1 && first == a->VECTOR.to &&
         tn_type_bytes((tn_type)p->PIPELINE.source) == tn_type_bytes((tn_type)p->PIPELINE.result) &&
         (a->VECTOR.rows == 1 || view->VIEW.stride[0] == a->VECTOR.row_stride) &&
         (a->VECTOR.columns == 1 || view->VIEW.stride[TN_VIEW_DIMS / 2] == a->VECTOR.column_stride);
}

static void vector(walk *w) {
  const tn_instruction *a = w->is, *view = w->v->index.view[w->at], *p = w->v->index.pipeline[w->at];
  tn_cells cells =
      tn_cells_of_view(view, a->VECTOR.base, (int64_t)tn_type_bytes((tn_type)p->PIPELINE.source));
  int64_t last_row = (int64_t)a->VECTOR.row + a->VECTOR.rows - 1,
          last_column = (int64_t)a->VECTOR.windows * a->VECTOR.columns - 1;
  access reads = {.memory = TN_SPACE_BUFFER, .in_place = view_is_in_place(w, view, p)};
  tell(w, read_view(w, reads, &cells, view, a->VECTOR.row, last_row, 0, last_column), reads);
  work_through_pipeline(w);
}

static void host_call(walk *w) {
  const tn_stream *stream = w->v->stream;
  const tn_stream_function *function = &stream->functions[w->is->HOST_CALL.function];
  for (int i = 0; i < function->n_parameters + function->n_results; i++) {
    const tn_stream_array *array = &stream->arrays[function->arrays[i]];
    access a = {.memory = TN_SPACE_HOST, .writes = i >= function->n_parameters};
    if (too_many(w)) { /* those without elements, too: looking at them takes time */
      tell(w, TOO_MANY, a);
      return;
    }
    if (!array->bytes) continue;
    tn_cell_box box;
    tn_cells cells = tn_cells_of_pieces((int64_t)array->at, (int64_t)array->bytes, 0, NULL, NULL, &box);
    if (a.writes)
      write_cells(w, a, &cells, &box);
    else
      read_cells(w, a, &cells, &box);
  }
}

static void step(walk *w) {
  switch (w->is->op) {
  case TN_ISA_NOP:
  case TN_ISA_HALT:
  case TN_ISA_SYNC:
  case TN_ISA_LAYER:
  case TN_ISA_VIEW:
  case TN_ISA_PIPELINE:
  case TN_ISA_COUNT: return;
  case TN_ISA_HOST_CALL: host_call(w); return;
  case TN_ISA_READ_HOST:
  case TN_ISA_WRITE_HOST:
  case TN_ISA_LOAD:
  case TN_ISA_STORE:
  case TN_ISA_HOST_TO_DRAM: transfer(w); return;
  case TN_ISA_READ_WEIGHTS: read_weights(w); return;
  case TN_ISA_MATMUL: matmul(w); return;
  case TN_ISA_ACTIVATE: activate(w); return;
  case TN_ISA_VECTOR: vector(w); return;
  }
}

/* ---- runs ---- */

static void widen(walk *w, tn_space memory, const tn_cells *cells, const tn_cell_box *box) {
  tn_cell_hull hull = tn_cells_hull(cells, box);
  if (hull.from < w->written_from[memory]) w->written_from[memory] = clip(hull.from);
  if (hull.to > w->written_to[memory]) w->written_to[memory] = clip(hull.to);
}

/* Host memory and DRAM are written in few places. */
static void find_written(walk *w) {
  const tn_stream *stream = w->v->stream;
  for (int m = 0; m < TN_SPACES; m++) {
    bool some = m == TN_SPACE_HOST || m == TN_SPACE_DRAM;
    w->written_from[m] = some ? INT64_MAX : 0;
    w->written_to[m] = some ? 0 : INT64_MAX;
  }
  for (int64_t i = 0; i < stream->count; i++) {
    tn_transfer t;
    if (!tn_isa_transfer(&stream->instructions[i], &t) || t.result == TN_SPACE_BUFFER) continue;
    tn_cell_box box;
    tn_cells cells = cells_moved(&t, t.to, t.to_stride, &box);
    widen(w, t.result, &cells, &box);
  }
  for (int f = 0; f < stream->n_functions; f++) { /* each once, however often it is called */
    const tn_stream_function *function = &stream->functions[f];
    for (int r = 0; r < function->n_results; r++) {
      const tn_stream_array *array = &stream->arrays[function->arrays[function->n_parameters + r]];
      tn_cell_box box;
      tn_cells cells = tn_cells_of_pieces((int64_t)array->at, (int64_t)array->bytes, 0, NULL, NULL, &box);
      widen(w, TN_SPACE_HOST, &cells, &box);
    }
  }
}

static void write_at_start(walk *w, tn_space memory, int64_t from, int64_t to) {
  if (from == to) return;
  tn_spans_replace(w->spans[memory], from, to)->written = true;
}

static void check_results(walk *w) {
  const tn_stream *stream = w->v->stream;
  tn_spans *host = w->spans[TN_SPACE_HOST];
  for (int i = 0; i < stream->n_results && !tn_verify_enough(w->v); i++) {
    const tn_stream_array *array = &stream->arrays[stream->results[i]];
    int64_t from = (int64_t)array->at, to = from + (int64_t)array->bytes;
    if (from == to) continue;
    tn_span_place place = tn_spans_find(host, from);
    do {
      const tn_span *span = place.at;
      if (span->from >= to) break;
      if (span->written) continue;
      tn_verify_fault(w->v, -1, "result '%s': not all of it is written", array->name);
      break;
    } while (tn_spans_next(host, &place));
  }
}

static void start_walk(walk *w, tn_verifier *v, manner manner) {
  const tn_stream *stream = v->stream;
  int64_t pieces = ((int64_t)1 << 21) + (stream->count << 13);
  w->v = v;
  w->all_most = pieces < ALL_MOST ? pieces : ALL_MOST;
  w->looks_most = w->all_most * LOOKS_A_PIECE;
  if (manner == BY_HULLS) w->looks_most = INT64_MAX; /* run gives up before */
  tn_arena_reset(v->scratch);
  for (int m = 0; m < TN_SPACES; m++)
    w->spans[m] = tn_spans_create(v->scratch, tn_space_size(v, (tn_space)m));
  find_written(w);
  write_at_start(w, TN_SPACE_DRAM, 0, (int64_t)stream->dram.length);
  for (int i = 0; i < stream->n_parameters; i++) {
    const tn_stream_array *array = &stream->arrays[stream->parameters[i]];
    write_at_start(w, TN_SPACE_HOST, (int64_t)array->at, (int64_t)(array->at + array->bytes));
  }
}

/* True: nothing is wrong. A run that does not report stops at the first trouble, and whether it is one is not
 * its question. */
static bool run(tn_verifier *v, manner manner) {
  bool reports = manner == CAREFUL;
  walk w = {.careful = reports, .joins = manner == JOINED, .reports = reports};
  start_walk(&w, v, manner);
  for (w.at = 0; w.at < v->stream->count && (reports || !w.found) && !w.exhausted && !tn_verify_enough(v);
       w.at++) {
    w.is = &v->stream->instructions[w.at];
    w.unit = tn_instruction_unit(w.is);
    w.number = v->index.number[w.at];
    w.start = &v->starts[w.at];
    w.pieces = 0;
    w.reported = false;
    step(&w);
    if (manner == BY_HULLS && w.looks > LOOKS_MOST) return false;
  }
  if (reports ? !v->faults : !w.found) check_results(&w);
  return !w.found;
}

void tn_verify_memory(tn_verifier *v) {
  if (run(v, JOINED) || v->faults || run(v, BY_HULLS) || v->faults) return;
  run(v, CAREFUL);
}
