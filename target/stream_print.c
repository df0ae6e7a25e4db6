/* Streams as text: docs/isa.md, "The text".
 *
 * Every part is a line that begins with a dot and its name; instructions are lines without. What a
 * layer or a function is called stands as a comment behind the instructions that give its number, and
 * some instructions' own numbers.
 * Cost: linear.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream_private.h"

enum {
  DATA_LINE = 64, /* bytes of DRAM a line */
  NUMBERED = 10   /* every so many instructions one has its number, which the verifier's messages give */
};

static const char digits[] = "0123456789abcdef";

/* Quoted; what is not printable in ASCII as \xNN, but for UTF-8, which stays. */
static void print_string(tn_text *out, const char *string) {
  tn_text_put_char(out, '"');
  for (; *string; string++) {
    unsigned char c = (unsigned char)*string;
    if (c == '"' || c == '\\') {
      tn_text_put_char(out, '\\');
      tn_text_put_char(out, (char)c);
    } else if (c < 32 || c == 127) {
      tn_text_printf(out, "\\x%02x", c);
    } else {
      tn_text_put_char(out, (char)c);
    }
  }
  tn_text_put_char(out, '"');
}

static void print_target(tn_text *out, const tn_stream *stream) {
  tn_text keys = {0};
  tn_systolic_target_print(&keys, stream->target);
  tn_text_put(out, ".target\n");
  const char *at = keys.bytes, *end = keys.bytes + keys.length;
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    tn_text_printf(out, "  %.*s\n", (int)(newline - at), at);
    at = newline + 1;
  }
  tn_text_put(out, ".end\n");
  tn_text_free(&keys);
}

static void print_program(tn_text *out, const tn_stream *stream) {
  tn_text_printf(out, ".tns %d\n.name ", TN_STREAM_VERSION);
  print_string(out, stream->name);
  tn_text_put_char(out, '\n');
  print_target(out, stream);
  tn_text_printf(out, ".host bytes=%llu macs=%llu", (unsigned long long)stream->host_bytes,
                 (unsigned long long)stream->host_macs);
  if (stream->host_hash[0] || stream->host_hash[1])
    tn_text_printf(out, " hash=%016llx%016llx", (unsigned long long)stream->host_hash[0],
                   (unsigned long long)stream->host_hash[1]);
  tn_text_printf(out, "\n.dram bytes=%llu\n.model cycles=%llu total=%llu\n",
                 (unsigned long long)stream->dram_bytes, (unsigned long long)stream->model_cycles,
                 (unsigned long long)stream->model_total_cycles);
}

static void print_arrays(tn_text *out, const tn_stream *stream) {
  for (int i = 0; i < stream->n_arrays; i++) {
    const tn_stream_array *array = &stream->arrays[i];
    tn_text_put(out, ".array ");
    print_string(out, array->name);
    tn_text_printf(out, " %s[", tn_type_name(array->type));
    for (int d = 0; d < array->rank; d++)
      tn_text_printf(out, "%s%lld", d ? "," : "", (long long)array->dims[d]);
    tn_text_printf(out, "] at=0x%llx bytes=%llu  # %d\n", (unsigned long long)array->at,
                   (unsigned long long)array->bytes, i);
  }
  for (int i = 0; i < stream->n_parameters; i++)
    tn_text_printf(out, ".parameter %u\n", stream->parameters[i]);
  for (int i = 0; i < stream->n_results; i++) tn_text_printf(out, ".result %u\n", stream->results[i]);
}

static void print_indices(tn_text *out, const char *key, const uint32_t *indices, int count) {
  for (int i = 0; i < count; i++) {
    if (i == 0) tn_text_printf(out, " %s=", key);
    tn_text_printf(out, "%s%u", i ? "," : "", indices[i]);
  }
}

static void print_functions(tn_text *out, const tn_stream *stream) {
  for (int i = 0; i < stream->n_functions; i++) {
    const tn_stream_function *function = &stream->functions[i];
    tn_text_put(out, ".function ");
    print_string(out, function->symbol);
    print_indices(out, "parameters", function->arrays, function->n_parameters);
    print_indices(out, "results", function->arrays + function->n_parameters, function->n_results);
    tn_text_printf(out, "  # %d\n", i);
  }
}

static void print_layers(tn_text *out, const tn_stream *stream) {
  for (int i = 0; i < stream->n_layers; i++) {
    const tn_stream_layer *layer = &stream->layers[i];
    tn_text_put(out, ".layer ");
    print_string(out, layer->name);
    tn_text_printf(out, " macs=%llu model_cycles=%llu", (unsigned long long)layer->macs,
                   (unsigned long long)layer->model_cycles);
    if (layer->source) {
      tn_text_put(out, " source=");
      print_string(out, layer->source);
    }
    tn_text_printf(out, "  # %d\n", i);
  }
}

static void print_dram(tn_text *out, tn_str dram) {
  for (size_t at = 0; at < dram.length; at += DATA_LINE) {
    size_t count = dram.length - at < DATA_LINE ? dram.length - at : DATA_LINE;
    tn_text_put(out, ".data ");
    char *to = tn_text_reserve(out, 2 * count + 1);
    for (size_t i = 0; i < count; i++) {
      unsigned char byte = (unsigned char)dram.at[at + i];
      *to++ = digits[byte >> 4];
      *to++ = digits[byte & 15];
    }
    *to++ = '\n';
    *to = 0;
    out->length += 2 * count + 1;
  }
}

/* What a number in the instruction names, or NULL. */
static const char *name_in(const tn_stream *stream, const tn_instruction *instruction) {
  if (instruction->op == TN_ISA_LAYER && instruction->LAYER.layer < (uint32_t)stream->n_layers)
    return stream->layers[instruction->LAYER.layer].name;
  if (instruction->op == TN_ISA_HOST_CALL && instruction->HOST_CALL.function < (uint32_t)stream->n_functions)
    return stream->functions[instruction->HOST_CALL.function].symbol;
  return NULL;
}

static void print_code(tn_text *out, const tn_stream *stream) {
  for (int64_t i = 0; i < stream->count; i++) {
    const char *name = name_in(stream, &stream->instructions[i]);
    bool numbered = name || i % NUMBERED == 0;
    tn_isa_print(out, &stream->instructions[i]);
    if (numbered) tn_text_printf(out, "  # %lld%s", (long long)i, name ? " " : "");
    if (name) print_string(out, name);
    tn_text_put_char(out, '\n');
  }
}

void tn_stream_print(tn_text *out, const tn_stream *stream) {
  print_program(out, stream);
  print_arrays(out, stream);
  print_functions(out, stream);
  print_layers(out, stream);
  print_dram(out, stream->dram);
  print_code(out, stream);
}
