/* Streams as files: docs/isa.md, "The file".
 *
 *   header    magic "\177TNS", u16 version, u16 sections, u64 size, u64 hash[2] of all behind the header,
 *             low half first
 *   table     of each section u32 number, u32 0, u64 offset, u64 bytes
 *   sections  target, program, arrays, functions, layers, code, dram; zeros between them
 *
 * Each stream has one file: lengths decide all offsets, and the reader refuses whatever the writer
 * would not write (the target's keys in another order, padding that is not zero). So text made from a
 * file gives that file again.
 *
 * The reader believes nothing: every number is bounded by the bytes that are left before memory is
 * taken for it. What the numbers mean (indices, addresses, types) is the verifier's to judge.
 * Cost: linear; the largest memory is 200 bytes an instruction, which has at least two.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/hash.h"
#include "base/integer.h"
#include "target/stream_private.h"

static const char *const section_names[TN_SECTIONS] = TN_SECTION_NAMES;

/* ---- writing ---- */

static void put_bits(tn_text *out, uint64_t bits, int bytes) {
  char buffer[8];
  tn_put_little(buffer, bits, bytes);
  tn_text_put_n(out, buffer, (size_t)bytes);
}

static void put_string(tn_text *out, const char *string) {
  size_t length = string ? strlen(string) : 0;
  put_bits(out, length, 4);
  tn_text_put_n(out, string, length);
}

static void put_indices(tn_text *out, const uint32_t *indices, int count) {
  put_bits(out, (uint64_t)count, 4);
  for (int i = 0; i < count; i++) put_bits(out, indices[i], 4);
}

static void put_program(tn_text *out, const tn_stream *stream) {
  put_string(out, stream->name);
  put_bits(out, stream->host_bytes, 8);
  put_bits(out, stream->dram_bytes, 8);
  put_bits(out, stream->host_hash[0], 8);
  put_bits(out, stream->host_hash[1], 8);
  put_bits(out, stream->model_cycles, 8);
  put_bits(out, stream->model_total_cycles, 8);
  put_bits(out, stream->host_macs, 8);
}

static void put_arrays(tn_text *out, const tn_stream *stream) {
  put_bits(out, (uint64_t)stream->n_arrays, 4);
  for (int i = 0; i < stream->n_arrays; i++) {
    const tn_stream_array *array = &stream->arrays[i];
    put_string(out, array->name);
    put_bits(out, array->type, 1);
    put_bits(out, (uint64_t)array->rank, 1);
    for (int d = 0; d < array->rank; d++) put_bits(out, (uint64_t)array->dims[d], 8);
    put_bits(out, array->at, 8);
    put_bits(out, array->bytes, 8);
  }
  put_indices(out, stream->parameters, stream->n_parameters);
  put_indices(out, stream->results, stream->n_results);
}

static void put_functions(tn_text *out, const tn_stream *stream) {
  put_bits(out, (uint64_t)stream->n_functions, 4);
  for (int i = 0; i < stream->n_functions; i++) {
    const tn_stream_function *function = &stream->functions[i];
    put_string(out, function->symbol);
    put_bits(out, (uint64_t)function->n_parameters, 4);
    put_indices(out, function->arrays, function->n_parameters + function->n_results);
  }
}

static void put_layers(tn_text *out, const tn_stream *stream) {
  put_bits(out, (uint64_t)stream->n_layers, 4);
  for (int i = 0; i < stream->n_layers; i++) {
    put_string(out, stream->layers[i].name);
    put_string(out, stream->layers[i].source);
    put_bits(out, stream->layers[i].macs, 8);
    put_bits(out, stream->layers[i].model_cycles, 8);
  }
}

static void put_code(tn_text *out, const tn_stream *stream) {
  put_bits(out, (uint64_t)stream->count, 8);
  for (int64_t i = 0; i < stream->count; i++) tn_isa_encode(out, &stream->instructions[i]);
}

static void put_section(tn_text *out, const tn_stream *stream, tn_stream_section section) {
  switch (section) {
  case TN_SECTION_TARGET: tn_systolic_target_print(out, stream->target); return;
  case TN_SECTION_PROGRAM: put_program(out, stream); return;
  case TN_SECTION_ARRAYS: put_arrays(out, stream); return;
  case TN_SECTION_FUNCTIONS: put_functions(out, stream); return;
  case TN_SECTION_LAYERS: put_layers(out, stream); return;
  case TN_SECTION_CODE: put_code(out, stream); return;
  case TN_SECTION_DRAM: tn_text_put_n(out, stream->dram.at, stream->dram.length); return;
  case TN_SECTIONS: return;
  }
}

static size_t alignment(int section) { return section == TN_SECTION_DRAM ? TN_STREAM_ALIGN : 8; }

void tn_stream_write(tn_text *out, const tn_stream *stream) {
  static const char zeros[TN_STREAM_HEADER + TN_SECTIONS * TN_STREAM_ENTRY + TN_STREAM_ALIGN];
  size_t start = out->length;
  tn_text_put_n(out, zeros, TN_STREAM_HEADER + TN_SECTIONS * TN_STREAM_ENTRY);
  for (int s = 0; s < TN_SECTIONS; s++) {
    size_t behind = (out->length - start) % alignment(s);
    if (behind) tn_text_put_n(out, zeros, alignment(s) - behind);
    size_t from = out->length - start;
    put_section(out, stream, (tn_stream_section)s);
    char *entry = out->bytes + start + TN_STREAM_HEADER + s * TN_STREAM_ENTRY;
    tn_put_little(entry, (uint64_t)s + 1, 4);
    tn_put_little(entry + 8, from, 8);
    tn_put_little(entry + 16, out->length - start - from, 8);
  }
  char *header = out->bytes + start;
  size_t size = out->length - start;
  tn_hash hash = tn_hash_bytes(header + TN_STREAM_HEADER, size - TN_STREAM_HEADER);
  memcpy(header, TN_STREAM_MAGIC, 4);
  tn_put_little(header + 4, TN_STREAM_VERSION, 2);
  tn_put_little(header + 6, TN_SECTIONS, 2);
  tn_put_little(header + 8, size, 8);
  tn_put_little(header + 16, hash.low, 8);
  tn_put_little(header + 24, hash.high, 8);
}

/* ---- reading ---- */

typedef struct {
  tn_arena *arena;
  tn_diagnostics *sink;
  const char *file;
  tn_str bytes;   /* of the whole file */
  size_t at, end; /* in it: what is being read */
  const char *section;
  bool failed; /* reported; reads give zeros from then on */
} reader;

/* One report a file: what follows a wrong number is noise. Returns false. */
__attribute__((format(printf, 3, 4))) static bool refuse(reader *r, size_t at, const char *format, ...) {
  if (r->failed) return false;
  r->failed = true;
  va_list arguments;
  va_start(arguments, format);
  const char *message = tn_arena_vprintf(r->arena, format, arguments);
  va_end(arguments);
  return tn_error(r->sink, TN_INVALID, (tn_location){.file = r->file}, "stream: byte %zu: %s", at, message);
}

static uint64_t take(reader *r, int count, const char *what) {
  if (!r->failed && r->end - r->at < (size_t)count)
    refuse(r, r->at, "section '%s' ends inside %s", r->section, what);
  if (r->failed) return 0;
  r->at += (size_t)count;
  return tn_take_little(r->bytes.at + r->at - count, count);
}

/* A number of things of which each takes at least `least` bytes. */
static int take_count(reader *r, size_t least, const char *what) {
  size_t at = r->at;
  uint64_t count = take(r, 4, what);
  if (!r->failed && (count > (r->end - r->at) / least || count > INT32_MAX))
    refuse(r, at, "section '%s' has no room for %llu %s", r->section, (unsigned long long)count, what);
  return r->failed ? 0 : (int)count;
}

/* "" is NULL. */
static const char *take_string(reader *r, const char *what) {
  int length = take_count(r, 1, what);
  if (r->failed || length == 0) return NULL;
  const char *from = r->bytes.at + r->at;
  if (memchr(from, 0, (size_t)length)) {
    refuse(r, r->at, "section '%s': %s has a NUL in it", r->section, what);
    return NULL;
  }
  r->at += (size_t)length;
  return tn_arena_string_n(r->arena, from, (size_t)length);
}

static const char *take_name(reader *r, const char *what) {
  size_t at = r->at;
  const char *name = take_string(r, what);
  if (!name) refuse(r, at, "section '%s': %s is empty", r->section, what);
  return name;
}

static uint32_t *take_indices(reader *r, int *count, const char *what) {
  int n = take_count(r, 4, what);
  uint32_t *indices = TN_NEW_ARRAY(r->arena, uint32_t, n);
  for (int i = 0; i < n; i++) indices[i] = (uint32_t)take(r, 4, what);
  *count = n;
  return indices;
}

static void read_target(reader *r, tn_stream *stream) {
  tn_str text = {r->bytes.at + r->at, r->end - r->at};
  tn_text again = {0};
  stream->target = tn_systolic_target_parse(r->arena, r->sink, r->file, text);
  if (!stream->target) {
    r->failed = true;
    return;
  }
  tn_systolic_target_print(&again, stream->target);
  bool same = again.length == text.length && memcmp(again.bytes, text.at, text.length) == 0;
  tn_text_free(&again);
  if (!same) refuse(r, r->at, "section 'target' is not as targets are printed");
  r->at = r->end;
}

static void read_program(reader *r, tn_stream *stream) {
  stream->name = take_name(r, "the stream's name");
  stream->host_bytes = take(r, 8, "the size of the host's memory");
  stream->dram_bytes = take(r, 8, "the size of DRAM");
  stream->host_hash[0] = take(r, 8, "the hash of the host's functions");
  stream->host_hash[1] = take(r, 8, "the hash of the host's functions");
  stream->model_cycles = take(r, 8, "the cycles of the model");
  stream->model_total_cycles = take(r, 8, "the cycles of the model");
  stream->host_macs = take(r, 8, "the host's work");
}

static void read_array(reader *r, tn_stream_array *array) {
  array->name = take_name(r, "an array's name");
  size_t at = r->at;
  uint64_t type = take(r, 1, "an array's type");
  if (!r->failed && (type >= TN_TYPE_COUNT || !tn_type_is_array((tn_type)type)))
    refuse(r, at, "section 'arrays': no arrays have the type with number %llu", (unsigned long long)type);
  if (r->failed) return;
  array->type = (tn_type)type;
  array->rank = (int)take(r, 1, "an array's rank");
  if (!r->failed && (size_t)array->rank > (r->end - r->at) / 8)
    refuse(r, r->at, "section 'arrays' has no room for %d dims", array->rank);
  if (r->failed) return;
  int64_t *dims = TN_NEW_ARRAY(r->arena, int64_t, array->rank);
  for (int d = 0; d < array->rank; d++) {
    dims[d] = (int64_t)take(r, 8, "an array's dims");
    if (dims[d] < 0) refuse(r, r->at - 8, "section 'arrays': dim %d is %lld", d, (long long)dims[d]);
  }
  array->dims = dims;
  array->at = take(r, 8, "an array's address");
  array->bytes = take(r, 8, "an array's size");
}

static void read_arrays(reader *r, tn_stream *stream) {
  enum { LEAST = 5 + 2 + 16 };
  stream->n_arrays = take_count(r, LEAST, "arrays");
  stream->arrays = TN_NEW_ARRAY(r->arena, tn_stream_array, stream->n_arrays);
  for (int i = 0; i < stream->n_arrays && !r->failed; i++) read_array(r, &stream->arrays[i]);
  stream->parameters = take_indices(r, &stream->n_parameters, "parameters");
  stream->results = take_indices(r, &stream->n_results, "results");
}

static void read_function(reader *r, tn_stream_function *function) {
  function->symbol = take_name(r, "a function's symbol");
  size_t at = r->at;
  uint64_t parameters = take(r, 4, "a function's parameters");
  int n;
  function->arrays = take_indices(r, &n, "a function's arrays");
  if (!r->failed && parameters > (uint64_t)n)
    refuse(r, at, "section 'functions': %llu parameters of %d arrays", (unsigned long long)parameters, n);
  if (r->failed) return;
  function->n_parameters = (int)parameters;
  function->n_results = n - (int)parameters;
}

static void read_functions(reader *r, tn_stream *stream) {
  enum { LEAST = 5 + 4 + 4 };
  stream->n_functions = take_count(r, LEAST, "functions");
  stream->functions = TN_NEW_ARRAY(r->arena, tn_stream_function, stream->n_functions);
  for (int i = 0; i < stream->n_functions && !r->failed; i++) read_function(r, &stream->functions[i]);
}

static void read_layers(reader *r, tn_stream *stream) {
  enum { LEAST = 5 + 4 + 16 };
  stream->n_layers = take_count(r, LEAST, "layers");
  stream->layers = TN_NEW_ARRAY(r->arena, tn_stream_layer, stream->n_layers);
  for (int i = 0; i < stream->n_layers && !r->failed; i++) {
    tn_stream_layer *layer = &stream->layers[i];
    layer->name = take_name(r, "a layer's name");
    layer->source = take_string(r, "a layer's source");
    layer->macs = take(r, 8, "a layer's multiply-adds");
    layer->model_cycles = take(r, 8, "a layer's cycles");
  }
}

static void read_code(reader *r, tn_stream *stream) {
  size_t at = r->at;
  uint64_t count = take(r, 8, "the number of instructions");
  if (!r->failed && count > (r->end - r->at) / 2)
    refuse(r, at, "section 'code' has no room for %llu instructions", (unsigned long long)count);
  if (r->failed) return;
  stream->count = (int64_t)count;
  stream->instructions = TN_NEW_ARRAY(r->arena, tn_instruction, count);
  tn_str code = {r->bytes.at, r->end};
  for (int64_t i = 0; i < stream->count; i++) {
    const char *wrong = tn_isa_decode(code, &r->at, &stream->instructions[i]);
    if (!wrong) continue;
    refuse(r, r->at, "instruction %lld of %llu: %s", (long long)i, (unsigned long long)count, wrong);
    return;
  }
}

static void read_section(reader *r, tn_stream *stream, tn_stream_section section) {
  switch (section) {
  case TN_SECTION_TARGET: read_target(r, stream); return;
  case TN_SECTION_PROGRAM: read_program(r, stream); return;
  case TN_SECTION_ARRAYS: read_arrays(r, stream); return;
  case TN_SECTION_FUNCTIONS: read_functions(r, stream); return;
  case TN_SECTION_LAYERS: read_layers(r, stream); return;
  case TN_SECTION_CODE: read_code(r, stream); return;
  case TN_SECTION_DRAM:
    stream->dram = (tn_str){r->bytes.at + r->at, r->end - r->at};
    r->at = r->end;
    return;
  case TN_SECTIONS: return;
  }
}

/* Sets at and end to what the table says of a section, which must be what the writer would say. */
static bool enter_section(reader *r, int section) {
  size_t entry = TN_STREAM_HEADER + (size_t)section * TN_STREAM_ENTRY, from = r->end;
  if (from % alignment(section)) from += alignment(section) - from % alignment(section);
  const char *at = r->bytes.at + entry;
  uint64_t number = tn_take_little(at, 8), offset = tn_take_little(at + 8, 8),
           bytes = tn_take_little(at + 16, 8);
  r->section = section_names[section];
  if (number != (uint64_t)section + 1)
    return refuse(r, entry, "section '%s' should be number %d of the table, not %llu", r->section,
                  section + 1, (unsigned long long)number);
  if (offset != from || from > r->bytes.length)
    return refuse(r, entry + 8, "section '%s' should begin at byte %zu, not %llu", r->section, from,
                  (unsigned long long)offset);
  if (bytes > r->bytes.length - from)
    return refuse(r, entry + 16, "section '%s' has %llu bytes; %zu are left", r->section,
                  (unsigned long long)bytes, r->bytes.length - from);
  for (size_t i = r->end; i < from; i++)
    if (r->bytes.at[i]) return refuse(r, i, "not zero between two sections");
  r->at = from;
  r->end = from + (size_t)bytes;
  return true;
}

static bool read_header(reader *r) {
  tn_str b = r->bytes;
  if (b.length < TN_STREAM_HEADER + TN_SECTIONS * TN_STREAM_ENTRY || memcmp(b.at, TN_STREAM_MAGIC, 4) != 0)
    return refuse(r, 0, "this is no instruction stream");
  unsigned version = (unsigned)tn_take_little(b.at + 4, 2), sections = (unsigned)tn_take_little(b.at + 6, 2);
  if (version != TN_STREAM_VERSION)
    return refuse(r, 4, "version %u; this is version %d", version, TN_STREAM_VERSION);
  if (sections != TN_SECTIONS) return refuse(r, 6, "%u sections; there should be %d", sections, TN_SECTIONS);
  if (tn_take_little(b.at + 8, 8) != b.length)
    return refuse(r, 8, "the stream has %llu bytes, the file %zu",
                  (unsigned long long)tn_take_little(b.at + 8, 8), b.length);
  tn_hash hash = tn_hash_bytes(b.at + TN_STREAM_HEADER, b.length - TN_STREAM_HEADER);
  if (hash.low != tn_take_little(b.at + 16, 8) || hash.high != tn_take_little(b.at + 24, 8))
    return refuse(r, 16, "the bytes are not those that the hash is of");
  return true;
}

tn_stream *tn_stream_read(tn_arena *arena, tn_diagnostics *sink, const char *file, tn_str bytes) {
  tn_stream *stream = TN_NEW(arena, tn_stream);
  reader r = {.arena = arena, .sink = sink, .file = file, .bytes = bytes, .section = "header"};
  if (!read_header(&r)) return NULL;
  r.end = TN_STREAM_HEADER + TN_SECTIONS * TN_STREAM_ENTRY;
  for (int s = 0; s < TN_SECTIONS; s++) {
    if (!enter_section(&r, s)) return NULL;
    read_section(&r, stream, (tn_stream_section)s);
    if (!r.failed && r.at != r.end) refuse(&r, r.at, "section '%s' ends later than what it holds", r.section);
    if (r.failed) return NULL;
  }
  if (r.end != bytes.length) refuse(&r, r.end, "%zu bytes behind the last section", bytes.length - r.end);
  return r.failed ? NULL : stream;
}
