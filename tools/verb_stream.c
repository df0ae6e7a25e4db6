/* tenon dis, tenon asm: instruction streams to text and back; tenon check of streams and target files.
 *
 * The first two do not ask what a stream means: what can be read is printed, what can be written is
 * assembled, so that broken streams can be looked at and made. `tenon check`, `tenon sim` and devices
 * verify.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"
#include "target/isa_table.h"
#include "target/stream.h"
#include "tools/json.h"
#include "tools/tool.h"

#define LARGEST_FILE (INT64_C(64) << 30)

/* A name may have bytes that JSON does not take. */
static json_t *text(const char *name) {
  json_t *string = json_string(name);
  if (string) return string;
  tn_text visible = {0};
  for (; *name; name++) tn_text_put_char(&visible, (unsigned char)*name < 128 ? *name : '?');
  string = json_string(visible.bytes);
  tn_text_free(&visible);
  return string;
}

static json_t *facts(const tn_stream *stream, size_t bytes) {
  int64_t counts[TN_ISA_COUNT] = {0};
  json_t *operations = json_object();
  for (int64_t i = 0; i < stream->count; i++) counts[stream->instructions[i].op]++;
  for (int op = 0; op < TN_ISA_COUNT; op++)
    if (counts[op])
      json_object_set_new(operations, tn_isa_row_of((tn_isa_op)op)->name, json_integer(counts[op]));
  return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:o}", "name", text(stream->name), "target",
                   stream->target->name, "bytes", (json_int_t)bytes, "instructions",
                   (json_int_t)stream->count, "host_bytes", (json_int_t)stream->host_bytes, "dram_bytes",
                   (json_int_t)stream->dram_bytes, "layers", stream->n_layers, "host_functions",
                   stream->n_functions, "operations", operations);
}

typedef tn_stream *stream_reader(tn_arena *arena, tn_diagnostics *sink, const char *file, tn_str bytes);
typedef void stream_writer(tn_text *out, const tn_stream *stream);

/* Files that cannot be had are tn_file_map's to report, all else the reader's. */
static tn_status convert(const command_line *line, const char *from, const char *to, stream_reader *read,
                         stream_writer *write) {
  tn_diagnostics sink = {.callback = print_diagnostic};
  tn_arena *arena = tn_arena_create();
  int64_t most;
  tn_str bytes;
  tn_text out = {0};
  tn_stream *stream = NULL;
  if (!option_number(line, OPT_MAX_FILE_SIZE, 1, LARGEST_FILE, &most))
    sink.status = TN_USAGE;
  else if (tn_file_map(arena, &sink, from, (uint64_t)most, &bytes))
    stream = read(arena, &sink, from, bytes);
  if (stream) {
    write(&out, stream);
    size_t size = write == tn_stream_write ? out.length : bytes.length;
    bool json = has_option(line, OPT_JSON);
    if (to || !json) tn_file_write(&sink, to ? to : "-", &(tn_str){out.bytes, out.length}, 1, false);
    if (json && sink.status == TN_OK) sink.status = print_json(facts(stream, size));
  }
  tn_text_free(&out);
  tn_arena_destroy(arena);
  return sink.status;
}

tn_status verb_dis(const command_line *line) {
  const char *path = only_operand(line);
  return path ? convert(line, path, option_value(line, OPT_OUTPUT), tn_stream_read, tn_stream_print)
              : TN_USAGE;
}

tn_status verb_asm(const command_line *line) {
  const char *path = only_operand(line), *to = option_value(line, OPT_OUTPUT);
  if (!path) return TN_USAGE;
  if (!to && !has_option(line, OPT_JSON) && isatty(STDOUT_FILENO))
    return complain(TN_USAGE, "asm: a stream is no text for a terminal; '-o OUT.tns' names a file");
  return convert(line, path, to, tn_stream_parse, tn_stream_write);
}

/* ---- tenon check FILE.target, FILE.tns ---- */

/* Each key with its value as a target file has it. */
static json_t *keys_of(const tn_systolic_target *array) {
  tn_text out = {0};
  tn_systolic_target_print(&out, array);
  json_t *keys = json_object();
  for (char *at = out.bytes; *at;) {
    char *value = strstr(at, " = "), *end = strchr(at, '\n');
    json_object_set_new(keys, (*value = 0, at), json_stringn(value + 3, (size_t)(end - value - 3)));
    at = end + 1;
  }
  tn_text_free(&out);
  return keys;
}

static json_t *checked_target(tn_arena *arena, tn_diagnostics *sink, const char *path, tn_str bytes) {
  tn_systolic_target *array = tn_systolic_target_parse(arena, sink, path, bytes);
  return array ? keys_of(array) : NULL;
}

static json_t *checked_stream(tn_arena *arena, tn_diagnostics *sink, const char *path, tn_str bytes) {
  tn_stream *stream = tn_stream_read(arena, sink, path, bytes);
  return stream && tn_stream_verify(stream, path, sink) ? facts(stream, bytes.length) : NULL;
}

tn_status check_machine_file(const command_line *line, const char *path) {
  tn_diagnostics sink = {.callback = print_diagnostic};
  tn_arena *arena = tn_arena_create();
  int64_t most;
  tn_str bytes;
  json_t *object = NULL;
  if (!option_number(line, OPT_MAX_FILE_SIZE, 1, LARGEST_FILE, &most))
    sink.status = TN_USAGE;
  else if (tn_file_map(arena, &sink, path, (uint64_t)most, &bytes))
    object = (tn_file_kind_of(path) == TN_FILE_STREAM ? checked_stream : checked_target)(arena, &sink, path,
                                                                                         bytes);
  if (object && has_option(line, OPT_JSON))
    sink.status = print_json(object);
  else
    json_decref(object);
  tn_arena_destroy(arena);
  return sink.status;
}
