/* Target files of arrays: lines to a description and back, and what follows from one.
 *
 * A file is a list of keys; each is read on its own and all that is wrong is reported, then
 * whether the keys fit each other is checked. Values are target/array_value.c's. Cost: linear.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>

#include "target/array_private.h"

const tn_systolic_key tn_systolic_keys[TN_SYSTOLIC_KEYS] = {
#define KEY(text, member, value_kind, lowest, highest, value, what)                                          \
  {.name = text,                                                                                             \
   .otherwise = value,                                                                                       \
   .help = what,                                                                                             \
   .kind = TN_KEY_##value_kind,                                                                              \
   .offset = offsetof(tn_systolic_target, member),                                                           \
   .least = lowest,                                                                                          \
   .most = highest},
#include "target/array_keys.def"
#undef KEY
};

/* ---- what follows from a description ---- */

const tn_systolic_type *tn_systolic_find_type(const tn_systolic_target *array, tn_type x, tn_type w) {
  for (int i = 0; i < array->n_types; i++)
    if (array->types[i].x == x && array->types[i].w == w) return &array->types[i];
  return NULL;
}

tn_type tn_systolic_sum_type(tn_type x) { return tn_type_is_float(x) ? TN_F32 : TN_S32; }

int64_t tn_systolic_accumulator_rows(const tn_systolic_target *array) {
  if (array->accumulator_bytes == TN_SYSTOLIC_UNBOUNDED) return TN_SYSTOLIC_UNBOUNDED;
  return array->accumulator_bytes / (array->columns * (int64_t)tn_type_bytes(TN_S32));
}

int64_t tn_systolic_tile_bytes(const tn_systolic_target *array, tn_type w) {
  return array->rows * array->columns * (int64_t)tn_type_bytes(w);
}

double tn_systolic_bytes_per_cycle(const tn_systolic_target *array, double gb_s) {
  return gb_s == HUGE_VAL ? HUGE_VAL : gb_s * 1e3 / array->clock_mhz;
}

static tn_systolic_port port_of(const tn_systolic_target *array, double gb_s, double latency_ns) {
  if (gb_s == HUGE_VAL) return (tn_systolic_port){0};
  return (tn_systolic_port){.cycles_per_byte = 1 / tn_systolic_bytes_per_cycle(array, gb_s),
                            .latency = (int64_t)ceil(latency_ns * array->clock_mhz / 1000)};
}

tn_systolic_port tn_systolic_dram_port(const tn_systolic_target *array) {
  return port_of(array, array->dram_gb_s, array->dram_latency_ns);
}

tn_systolic_port tn_systolic_host_port(const tn_systolic_target *array) {
  return port_of(array, array->host_gb_s, array->host_latency_ns);
}

int64_t tn_systolic_tile_traffic(const tn_systolic_target *array, int64_t rows, int64_t columns, tn_type w) {
  return array->whole_weight_tiles ? tn_systolic_tile_bytes(array, w)
                                   : rows * columns * (int64_t)tn_type_bytes(w);
}

/* ---- do the keys fit each other? ---- */

/* Where a check's message points: the key's line, the whole file, or nowhere. */
typedef struct {
  tn_diagnostics *sink;
  tn_status status;
  const tn_location *keys; /* one a key; NULL: nowhere */
} check;

static tn_location key_location(const check *c, const char *name) {
  if (c->keys)
    for (int k = 0; k < TN_SYSTOLIC_KEYS; k++)
      if (!strcmp(tn_systolic_keys[k].name, name)) return c->keys[k];
  return TN_NOWHERE;
}

static bool check_memories(const tn_systolic_target *array, const check *c) {
  bool fits = true;
  if (tn_systolic_accumulator_rows(array) < 1)
    fits = tn_error(c->sink, c->status, key_location(c, "accumulator_kib"),
                    "accumulator_kib: %lld bytes do not hold a row of %lld sums of 4 bytes",
                    (long long)array->accumulator_bytes, (long long)array->columns);
  for (int i = 0; i < array->n_types; i++) {
    int64_t row = array->rows * (int64_t)tn_type_bytes(array->types[i].x);
    int64_t tile = tn_systolic_tile_bytes(array, array->types[i].w);
    if (array->unified_buffer_bytes < row)
      return tn_error(c->sink, c->status, key_location(c, "unified_buffer_kib"),
                      "unified_buffer_kib: %lld bytes do not hold a row of %lld elements of %s",
                      (long long)array->unified_buffer_bytes, (long long)array->rows,
                      tn_type_name(array->types[i].x));
    if (array->dram_bytes < tile)
      return tn_error(c->sink, c->status, key_location(c, "dram_mib"),
                      "dram_mib: %lld bytes do not hold a tile of %lld x %lld elements of %s",
                      (long long)array->dram_bytes, (long long)array->rows, (long long)array->columns,
                      tn_type_name(array->types[i].w));
  }
  return fits;
}

/* Cycles are counted in 64 bits; slower than this no transfer of a tile ends in a time that makes sense. */
#define LEAST_BYTES_PER_CYCLE 1e-6

static bool check_port(const tn_systolic_target *array, const char *key, double gb_s, const check *c) {
  return tn_systolic_bytes_per_cycle(array, gb_s) >= LEAST_BYTES_PER_CYCLE ||
         tn_error(c->sink, c->status, key_location(c, key),
                  "%s: %g are less than %g bytes in a cycle of %g MHz", key, gb_s, LEAST_BYTES_PER_CYCLE,
                  array->clock_mhz);
}

static bool check_keys(const tn_systolic_target *array, const check *c) {
  bool memories = check_memories(array, c);
  bool dram = check_port(array, "dram_gb_s", array->dram_gb_s, c);
  return check_port(array, "host_gb_s", array->host_gb_s, c) && dram && memories;
}

bool tn_systolic_target_check(const tn_systolic_target *array, tn_diagnostics *sink) {
  return check_keys(array, &(check){.sink = sink, .status = TN_INVALID});
}

/* ---- keys ---- */

static const tn_systolic_key *find_key(tn_str name) {
  for (int k = 0; k < TN_SYSTOLIC_KEYS; k++)
    if (tn_str_is(name, tn_systolic_keys[k].name)) return &tn_systolic_keys[k];
  return NULL;
}

static bool unknown_key(tn_str name, const tn_key_place *place) {
  const char *names[TN_SYSTOLIC_KEYS];
  char word[TN_SYSTOLIC_NAME];
  size_t length = name.length < sizeof word ? name.length : sizeof word - 1;
  memcpy(word, name.at, length);
  word[length] = 0;
  for (int k = 0; k < TN_SYSTOLIC_KEYS; k++) names[k] = tn_systolic_keys[k].name;
  return tn_error(place->sink, place->status, tn_key_location(place, name.at), "unknown key '%s'%s", word,
                  tn_did_you_mean(word, names, TN_SYSTOLIC_KEYS).text);
}

/* `text` at its first '='. False without one. */
static bool split(tn_str text, tn_str *key, tn_str *value) {
  if (!tn_str_cut(text, '=', key, value)) return false;
  *key = tn_str_trim(*key);
  *value = tn_str_trim(*value);
  return true;
}

bool tn_systolic_target_set(tn_systolic_target *array, tn_diagnostics *sink, tn_str assignment) {
  tn_key_place place = {.sink = sink, .status = TN_USAGE};
  tn_str name, value;
  if (!split(assignment, &name, &value))
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "'%.*s' is not KEY=VALUE",
                    (int)(assignment.length < TN_SYSTOLIC_NAME ? assignment.length : TN_SYSTOLIC_NAME),
                    assignment.at);
  const tn_systolic_key *key = find_key(name);
  return key ? tn_systolic_read_value(array, key, value, &place) : unknown_key(name, &place);
}

/* ---- files ---- */

static void set_defaults(tn_systolic_target *array) {
  tn_diagnostics silent = {0};
  tn_key_place place = {.sink = &silent, .status = TN_BUG};
  for (int k = 0; k < TN_SYSTOLIC_KEYS; k++) {
    const char *value = tn_systolic_keys[k].otherwise;
    if (value) tn_systolic_read_value(array, &tn_systolic_keys[k], (tn_str){value, strlen(value)}, &place);
  }
}

static void read_line(tn_systolic_target *array, tn_str line, const tn_key_place *place, tn_location *seen) {
  tn_str name, value;
  if (!split(line, &name, &value)) {
    tn_error(place->sink, place->status, tn_key_location(place, line.at), "expected 'key = value'");
    return;
  }
  const tn_systolic_key *key = find_key(name);
  if (!key) {
    unknown_key(name, place);
    return;
  }
  tn_location *first = &seen[key - tn_systolic_keys], here = tn_key_location(place, name.at);
  if (first->line) {
    tn_error(place->sink, place->status, here, "%s: is given twice", key->name);
    tn_note(place->sink, *first, "%s: the first is here", key->name);
    return;
  }
  *first = here;
  tn_systolic_read_value(array, key, value, place);
}

/* All lines, or what leads to so many errors; `seen` gets where each key stands. */
static void read_lines(tn_systolic_target *array, tn_str text, tn_key_place *place, tn_location *seen) {
  const char *end = text.at + text.length;
  int most = place->sink->errors + TN_ERRORS_OF_A_TEXT;
  for (const char *at = text.at; at < end && place->sink->errors < most;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *line_end = newline ? newline : end;
    const char *comment = memchr(at, '#', (size_t)(line_end - at));
    place->line++;
    place->line_at = at;
    tn_str line = tn_str_trim((tn_str){at, (size_t)((comment ? comment : line_end) - at)});
    if (line.length) read_line(array, line, place, seen);
    at = line_end + 1;
  }
}

static void check_all(tn_systolic_target *array, const tn_key_place *place, const tn_location *seen,
                      int errors) {
  for (int k = 0; k < TN_SYSTOLIC_KEYS; k++)
    if (!tn_systolic_keys[k].otherwise && !seen[k].line)
      tn_error(place->sink, place->status, (tn_location){.file = place->file}, "%s: is missing",
               tn_systolic_keys[k].name);
  if (place->sink->errors == errors)
    check_keys(array, &(check){.sink = place->sink, .status = place->status, .keys = seen});
}

tn_systolic_target *tn_systolic_target_parse_part(tn_arena *arena, tn_diagnostics *sink, const char *file,
                                                  tn_str text, uint32_t lines) {
  tn_systolic_target *array = TN_NEW(arena, tn_systolic_target);
  tn_key_place place = {.sink = sink, .status = TN_INVALID, .file = file, .line = lines};
  tn_location seen[TN_SYSTOLIC_KEYS];
  for (int k = 0; k < TN_SYSTOLIC_KEYS; k++) seen[k] = (tn_location){.file = file};
  int errors = sink->errors;
  set_defaults(array);
  read_lines(array, text, &place, seen);
  check_all(array, &place, seen, errors);
  return sink->errors == errors ? array : NULL;
}

tn_systolic_target *tn_systolic_target_parse(tn_arena *arena, tn_diagnostics *sink, const char *file,
                                             tn_str text) {
  tn_source source = {.name = file, .text = text.at, .length = text.length};
  tn_diagnostics_add_source(sink, &source);
  tn_systolic_target *array = tn_systolic_target_parse_part(arena, sink, file, text, 0);
  tn_diagnostics_remove_source(sink, &source);
  return array;
}

void tn_systolic_target_print(tn_text *out, const tn_systolic_target *array) {
  for (int k = 0; k < TN_SYSTOLIC_KEYS; k++) {
    tn_text_printf(out, "%s = ", tn_systolic_keys[k].name);
    tn_systolic_print_value(out, array, &tn_systolic_keys[k]);
    tn_text_put_char(out, '\n');
  }
}
