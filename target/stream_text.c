/* Text -> stream: the assembler. docs/isa.md, "The text".
 *
 *   text      = {line}                              '#' begins a comment
 *   line      = directive | instruction             | nothing
 *   directive = "." name {operand} {key "=" value}  .target's lines up to .end are a target file
 *
 * A line is read on its own, so that all that are wrong are reported. Memory: 200 bytes an instruction
 * (twice that while their number grows) and half of the text's length for DRAM.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/array_private.h"
#include "target/isa_table.h"
#include "target/stream_private.h"

typedef struct {
  tn_arena *arena;
  tn_diagnostics *sink;
  const char *file;
  tn_str text;
  size_t next; /* of the next line */
  tn_str line; /* without its comment */
  size_t at;   /* in it */
  uint32_t number;
  tn_stream *stream;
  char *dram;    /* room for all the data that the text can have */
  unsigned seen; /* directives that may be there once */
  TN_VEC(tn_instruction) code;
  TN_VEC(tn_stream_array) arrays;
  TN_VEC(uint32_t) parameters;
  TN_VEC(uint32_t) results;
  TN_VEC(tn_stream_function) functions;
  TN_VEC(tn_stream_layer) layers;
} assembler;

__attribute__((format(printf, 3, 4))) static bool wrong(assembler *a, size_t at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = tn_arena_vprintf(a->arena, format, arguments);
  va_end(arguments);
  tn_location place = {a->file, a->number, (uint32_t)at + 1};
  return tn_error(a->sink, TN_INVALID, place, "%s", message);
}

static const char *shown(assembler *a, tn_str piece) {
  return tn_arena_string_n(a->arena, piece.at, piece.length < 60 ? piece.length : 60);
}

/* ---- lines and their parts ---- */

/* The line's length without a comment: a '#' in quotes is none. */
static size_t without_comment(const char *line, size_t length) {
  bool quoted = false;
  for (size_t i = 0; i < length; i++) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == '\\' && quoted) i++;
    if (i < length && line[i] == '#' && !quoted) return i;
  }
  return length;
}

static bool next_line(assembler *a) {
  if (a->next >= a->text.length) return false;
  const char *from = a->text.at + a->next;
  size_t left = a->text.length - a->next;
  const char *newline = memchr(from, '\n', left);
  size_t length = newline ? (size_t)(newline - from) : left;
  a->next += length + 1;
  a->number++;
  a->line = (tn_str){from, without_comment(from, length)};
  a->at = 0;
  return true;
}

/* To the next part of the line; false: there is none. */
static bool more(assembler *a) {
  while (a->at < a->line.length && tn_is_blank(a->line.at[a->at])) a->at++;
  return a->at < a->line.length;
}

/* Up to a blank, '=' or '"'. */
static tn_str take_word(assembler *a) {
  size_t start = a->at;
  while (a->at < a->line.length && !tn_is_blank(a->line.at[a->at]) && !strchr("=\"", a->line.at[a->at]))
    a->at++;
  return (tn_str){a->line.at + start, a->at - start};
}

static int hex_digit(char c) { return tn_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/* The character behind a backslash, or -1. */
static int take_escape(assembler *a) {
  const char *at = a->line.at + a->at;
  size_t left = a->line.length - a->at;
  if (left >= 1 && (*at == '"' || *at == '\\')) {
    a->at++;
    return *at;
  }
  if (left < 3 || *at != 'x' || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0) return -1;
  a->at += 3;
  return hex_digit(at[1]) << 4 | hex_digit(at[2]);
}

/* "…", not empty. */
static bool take_string(assembler *a, const char *what, const char **string) {
  if (!more(a) || a->line.at[a->at] != '"') return wrong(a, a->at, "%s: expected a name in quotes", what);
  size_t start = a->at;
  char *to = TN_NEW_ARRAY(a->arena, char, a->line.length - a->at);
  size_t length = 0;
  for (a->at++; a->at < a->line.length && a->line.at[a->at] != '"';) {
    size_t place = a->at;
    int c = (unsigned char)a->line.at[a->at++];
    if (c == '\\') c = take_escape(a);
    if (c <= 0) return wrong(a, place, "%s: only \\\", \\\\ and \\x01 to \\xff may stand in quotes", what);
    to[length++] = (char)c;
  }
  if (a->at == a->line.length) return wrong(a, start, "%s: the quotes do not end", what);
  a->at++;
  if (!length) return wrong(a, start, "%s: the name is empty", what);
  *string = to;
  return true;
}

static bool take_number(assembler *a, const char *what, uint64_t most, uint64_t *number) {
  more(a);
  size_t start = a->at;
  tn_str word = take_word(a);
  if (word.length && tn_read_unsigned(word, number) == word.length && *number <= most) return true;
  return wrong(a, start, "%s: '%s' is not a number up to %llu", what, shown(a, word),
               (unsigned long long)most);
}

/* "0,3,1", behind what *indices holds. */
static bool take_indices(assembler *a, const char *what, uint32_t **indices, int *count) {
  TN_VEC(uint32_t) list = {0};
  size_t start = a->at;
  tn_str word = take_word(a);
  for (int i = 0; i < *count; i++) TN_PUSH(a->arena, &list, (*indices)[i]);
  for (size_t at = 0;; at++) {
    uint64_t index;
    size_t length = tn_read_unsigned((tn_str){word.at + at, word.length - at}, &index);
    if (!length || index > UINT32_MAX || (at + length < word.length && word.at[at + length] != ','))
      return wrong(a, start + at, "%s: expected numbers with commas between them", what);
    TN_PUSH(a->arena, &list, (uint32_t)index);
    at += length;
    if (at == word.length) break;
  }
  *indices = list.at;
  *count = list.count;
  return true;
}

/* ---- key=value ---- */

typedef enum { VALUE_NUMBER, VALUE_STRING, VALUE_INDICES, VALUE_HASH } value_kind;
typedef struct {
  const char *name;
  value_kind kind;
  void *to;
  int *count; /* of indices */
} attribute;

static bool take_hash(assembler *a, uint64_t hash[2]) {
  size_t start = a->at;
  tn_str word = take_word(a);
  uint64_t value[2] = {0};
  bool good = word.length == 32;
  for (size_t i = 0; good && i < 32; i++) {
    int digit = hex_digit(word.at[i]);
    good = digit >= 0;
    value[i / 16] = value[i / 16] << 4 | (unsigned)(digit & 15);
  }
  if (!good) return wrong(a, start, "hash: '%s' is not 32 hexadecimal digits", shown(a, word));
  memcpy(hash, value, sizeof value);
  return true;
}

static bool take_value(assembler *a, const attribute *attribute) {
  switch (attribute->kind) {
  case VALUE_NUMBER: return take_number(a, attribute->name, UINT64_MAX, attribute->to);
  case VALUE_STRING: return take_string(a, attribute->name, attribute->to);
  case VALUE_INDICES: return take_indices(a, attribute->name, attribute->to, attribute->count);
  case VALUE_HASH: return take_hash(a, attribute->to);
  }
  return false;
}

/* The rest of the line. */
static bool take_attributes(assembler *a, const char *directive, const attribute *attributes, int count) {
  unsigned seen = 0;
  while (more(a)) {
    size_t start = a->at;
    tn_str name = take_word(a);
    int i = 0;
    while (i < count && !tn_str_is(name, attributes[i].name)) i++;
    if (i == count || a->at == a->line.length || a->line.at[a->at] != '=')
      return wrong(a, start, "%s: unexpected '%s'", directive,
                   shown(a, name.length ? name : (tn_str){"=", 1}));
    if (seen >> i & 1) return wrong(a, start, "%s: %s is given twice", directive, attributes[i].name);
    seen |= 1u << i;
    a->at++;
    if (!take_value(a, &attributes[i])) return false;
  }
  return true;
}

#define TAKE_ATTRIBUTES(a, directive, ...)                                                                   \
  take_attributes(a, directive, (const attribute[]){__VA_ARGS__},                                            \
                  (int)(sizeof((const attribute[]){__VA_ARGS__}) / sizeof(attribute)))

static bool at_end(assembler *a, const char *directive) { return take_attributes(a, directive, NULL, 0); }

/* ---- directives ---- */

static bool read_version(assembler *a) {
  uint64_t version;
  if (!take_number(a, ".tns", UINT16_MAX, &version)) return false;
  if (version != TN_STREAM_VERSION)
    return wrong(a, 0, ".tns: version %u; this is version %d", (unsigned)version, TN_STREAM_VERSION);
  return at_end(a, ".tns");
}

static bool read_name(assembler *a) {
  return take_string(a, ".name", &a->stream->name) && at_end(a, ".name");
}

static bool read_target(assembler *a) {
  uint32_t lines = a->number;
  size_t start = a->next;
  if (!at_end(a, ".target")) return false;
  for (size_t end = a->next; next_line(a); end = a->next) {
    if (!tn_str_is(tn_str_trim(a->line), ".end")) continue;
    tn_str text = {a->text.at + start, end - start};
    a->stream->target = tn_systolic_target_parse_part(a->arena, a->sink, a->file, text, lines);
    return a->stream->target != NULL;
  }
  a->number = lines;
  return wrong(a, 0, ".target: there is no .end");
}

static bool read_host(assembler *a) {
  tn_stream *s = a->stream;
  return TAKE_ATTRIBUTES(a, ".host", {.name = "bytes", .kind = VALUE_NUMBER, .to = &s->host_bytes},
                         {.name = "macs", .kind = VALUE_NUMBER, .to = &s->host_macs},
                         {.name = "hash", .kind = VALUE_HASH, .to = s->host_hash});
}

static bool read_dram(assembler *a) {
  return TAKE_ATTRIBUTES(a, ".dram", {.name = "bytes", .kind = VALUE_NUMBER, .to = &a->stream->dram_bytes});
}

static bool read_model(assembler *a) {
  return TAKE_ATTRIBUTES(a, ".model",
                         {.name = "cycles", .kind = VALUE_NUMBER, .to = &a->stream->model_cycles},
                         {.name = "total", .kind = VALUE_NUMBER, .to = &a->stream->model_total_cycles});
}

/* "1,28,28]" to its end. */
static bool read_dims(assembler *a, tn_str text, tn_stream_array *array) {
  TN_VEC(int64_t) dims = {0};
  size_t at = 0, end = text.length - 1;
  while (at < end) {
    uint64_t dim;
    size_t length = tn_read_unsigned((tn_str){text.at + at, end - at}, &dim);
    bool last = at + length == end;
    if (!length || dim > INT64_MAX || dims.count == UINT8_MAX) return false;
    if (!last && (text.at[at + length] != ',' || at + length + 1 == end)) return false;
    TN_PUSH(a->arena, &dims, (int64_t)dim);
    at += length + !last;
  }
  array->dims = dims.at;
  array->rank = dims.count;
  return true;
}

/* "s8[1,28,28]" */
static bool read_shape(assembler *a, tn_stream_array *array) {
  more(a);
  size_t start = a->at;
  tn_str word = take_word(a);
  const char *open = word.length ? memchr(word.at, '[', word.length) : NULL;
  size_t type = open ? (size_t)(open - word.at) : 0;
  array->type = tn_type_from_name((tn_str){word.at, type});
  bool good = open && tn_type_is_array(array->type) && word.at[word.length - 1] == ']' &&
              read_dims(a, (tn_str){open + 1, word.length - type - 1}, array);
  return good || wrong(a, start, ".array: '%s' is not a shape", shown(a, word));
}

static bool read_array(assembler *a) {
  tn_stream_array array = {0};
  bool good = take_string(a, ".array", &array.name) && read_shape(a, &array) &&
              TAKE_ATTRIBUTES(a, ".array", {.name = "at", .kind = VALUE_NUMBER, .to = &array.at},
                              {.name = "bytes", .kind = VALUE_NUMBER, .to = &array.bytes});
  TN_PUSH(a->arena, &a->arrays, array);
  return good;
}

static bool read_parameter(assembler *a) {
  uint64_t index;
  if (!take_number(a, ".parameter", UINT32_MAX, &index)) return false;
  TN_PUSH(a->arena, &a->parameters, (uint32_t)index);
  return at_end(a, ".parameter");
}

static bool read_result(assembler *a) {
  uint64_t index;
  if (!take_number(a, ".result", UINT32_MAX, &index)) return false;
  TN_PUSH(a->arena, &a->results, (uint32_t)index);
  return at_end(a, ".result");
}

static bool read_function(assembler *a) {
  tn_stream_function function = {0};
  uint32_t *parameters = NULL, *results = NULL;
  bool good =
      take_string(a, ".function", &function.symbol) &&
      TAKE_ATTRIBUTES(a, ".function", {"parameters", VALUE_INDICES, &parameters, &function.n_parameters},
                      {"results", VALUE_INDICES, &results, &function.n_results});
  uint32_t *all = TN_NEW_ARRAY(a->arena, uint32_t, function.n_parameters + function.n_results);
  for (int i = 0; i < function.n_parameters; i++) all[i] = parameters[i];
  for (int i = 0; i < function.n_results; i++) all[function.n_parameters + i] = results[i];
  function.arrays = all;
  TN_PUSH(a->arena, &a->functions, function);
  return good;
}

static bool read_layer(assembler *a) {
  tn_stream_layer layer = {0};
  bool good = take_string(a, ".layer", &layer.name) &&
              TAKE_ATTRIBUTES(a, ".layer", {.name = "macs", .kind = VALUE_NUMBER, .to = &layer.macs},
                              {.name = "model_cycles", .kind = VALUE_NUMBER, .to = &layer.model_cycles},
                              {.name = "source", .kind = VALUE_STRING, .to = &layer.source});
  TN_PUSH(a->arena, &a->layers, layer);
  return good;
}

static bool read_data(assembler *a) {
  more(a);
  size_t start = a->at;
  tn_str word = take_word(a);
  if (!a->dram) a->dram = tn_arena_alloc_raw(a->arena, a->text.length / 2 + 1);
  if (word.length % 2) return wrong(a, start, ".data: %zu hexadecimal digits; a byte has two", word.length);
  for (size_t i = 0; i < word.length; i += 2) {
    int high = hex_digit(word.at[i]), low = hex_digit(word.at[i + 1]);
    if (high < 0 || low < 0) return wrong(a, start + i, ".data: '%.2s' is not a byte", word.at + i);
    a->dram[a->stream->dram.length++] = (char)(high << 4 | low);
  }
  return at_end(a, ".data");
}

static const struct {
  const char *name;
  bool once;
  bool (*read)(assembler *a);
} directives[] = {
    {".tns", true, read_version},    {".name", true, read_name},
    {".target", true, read_target},  {".host", true, read_host},
    {".dram", true, read_dram},      {".model", true, read_model},
    {".array", false, read_array},   {".parameter", false, read_parameter},
    {".result", false, read_result}, {".function", false, read_function},
    {".layer", false, read_layer},   {".data", false, read_data},
};
enum { DIRECTIVES = sizeof directives / sizeof *directives, VERSION = 0, NAME = 1, TARGET = 2 };

static bool read_directive(assembler *a) {
  const char *names[DIRECTIVES];
  size_t start = a->at;
  tn_str word = take_word(a);
  for (int i = 0; i < DIRECTIVES; i++) {
    names[i] = directives[i].name;
    if (!tn_str_is(word, names[i])) continue;
    if (directives[i].once && a->seen >> i & 1) return wrong(a, start, "%s is given twice", names[i]);
    a->seen |= 1u << i;
    return directives[i].read(a);
  }
  const char *text = shown(a, word);
  return wrong(a, start, "unknown directive '%s'%s", text, tn_did_you_mean(text, names, DIRECTIVES).text);
}

static bool read_instruction(assembler *a) {
  tn_instruction instruction;
  size_t at;
  const char *error = tn_isa_parse(a->arena, a->line, &instruction, &at);
  if (error) return wrong(a, at, "%s", error);
  TN_PUSH(a->arena, &a->code, instruction);
  return true;
}

static void read_lines(assembler *a) {
  bool first = true;
  int most = a->sink->errors + TN_ERRORS_OF_A_TEXT;
  while (a->sink->errors < most && next_line(a)) {
    if (!more(a)) continue;
    bool directive = a->line.at[a->at] == '.';
    size_t start = a->at;
    if (directive)
      read_directive(a);
    else
      read_instruction(a);
    if (first && !(a->seen >> VERSION & 1)) {
      wrong(a, start, "expected '.tns %d' before anything else", TN_STREAM_VERSION);
      return;
    }
    first = false;
  }
}

/* What was collected, as the stream has it. */
static tn_stream *finish(assembler *a) {
  tn_stream *s = a->stream;
  s->instructions = a->code.at;
  s->count = a->code.count;
  s->arrays = a->arrays.at;
  s->n_arrays = a->arrays.count;
  s->parameters = a->parameters.at;
  s->n_parameters = a->parameters.count;
  s->results = a->results.at;
  s->n_results = a->results.count;
  s->functions = a->functions.at;
  s->n_functions = a->functions.count;
  s->layers = a->layers.at;
  s->n_layers = a->layers.count;
  s->dram.at = a->dram;
  return s;
}

tn_stream *tn_stream_parse(tn_arena *arena, tn_diagnostics *sink, const char *file, tn_str text) {
  assembler a = {
      .arena = arena, .sink = sink, .file = file, .text = text, .stream = TN_NEW(arena, tn_stream)};
  tn_source source = {.name = file, .text = text.at, .length = text.length};
  tn_location whole = {.file = file};
  int errors = sink->errors;
  tn_diagnostics_add_source(sink, &source);
  read_lines(&a);
  if (sink->errors == errors && !(a.seen >> VERSION & 1))
    tn_error(sink, TN_INVALID, whole, "expected '.tns %d' before anything else", TN_STREAM_VERSION);
  if (sink->errors == errors && !(a.seen >> NAME & 1)) tn_error(sink, TN_INVALID, whole, ".name is missing");
  if (sink->errors == errors && !(a.seen >> TARGET & 1))
    tn_error(sink, TN_INVALID, whole, ".target is missing");
  tn_diagnostics_remove_source(sink, &source);
  return sink->errors == errors ? finish(&a) : NULL;
}
