/* .npy and .npz in programs made by `tenon compile -o PROGRAM`: read whole, written
 * stored. Little-endian, C order, as NumPy writes on the machines that run them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/exe/inflate.c"
#include "tenon/runtime.h"

enum { MAX_RANK = 64, STATUS_USAGE = 2, STATUS_INVALID = 3, STATUS_IO = 5, STATUS_LIMIT = 6 };

static _Noreturn void fail(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(status);
}

static void *allocate(size_t bytes) {
  void *memory = aligned_alloc(64, bytes / 64 * 64 + 64);
  if (!memory) fail(STATUS_LIMIT, "out of memory");
  return memory;
}

/* One array of a file; data points into what was read. */
typedef struct {
  char name[256];
  char kind; /* 'b', 'i', 'u', 'f', 'c', 'V' */
  int item_bytes;
  int rank;
  int64_t dims[MAX_RANK];
  const unsigned char *data;
} array;

/* What NumPy has for HLO's types; bits where it has nothing. */
typedef struct {
  const char *type;
  char kind;
  int bytes;
} numpy_type;

static numpy_type numpy_type_of(const char *type) {
  static const numpy_type types[] = {
      {"pred", 'b', 1}, {"s1", 'i', 1},  {"s2", 'i', 1},  {"s4", 'i', 1},  {"s8", 'i', 1},   {"s16", 'i', 2},
      {"s32", 'i', 4},  {"s64", 'i', 8}, {"u16", 'u', 2}, {"u32", 'u', 4}, {"u64", 'u', 8},  {"bf16", 'u', 2},
      {"f16", 'f', 2},  {"f32", 'f', 4}, {"f64", 'f', 8}, {"c64", 'c', 8}, {"c128", 'c', 16}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i].type, type) == 0) return types[i];
  return (numpy_type){type, 'u', 1};
}

/* ---- reading ---- */

static unsigned char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(STATUS_IO, "%s: %s", path, strerror(errno));
  size_t capacity = 65536, used = 0;
  unsigned char *bytes = malloc(capacity);
  for (;;) {
    if (!bytes) fail(STATUS_LIMIT, "%s: out of memory", path);
    used += fread(bytes + used, 1, capacity - used, file);
    if (used < capacity) break;
    bytes = realloc(bytes, capacity *= 2);
  }
  if (ferror(file)) fail(STATUS_IO, "%s: %s", path, strerror(errno));
  fclose(file);
  *size = used;
  return bytes;
}

static uint32_t little(const unsigned char *at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint32_t)at[i] << 8 * i;
  return value;
}

/* (2, 3) of {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }: the elements,
 * or -1.                                                                              */
static int64_t parse_shape(const char *text, array *a) {
  int64_t elements = 1;
  while (*text && *text != ')') {
    char *end;
    long long size = strtoll(text, &end, 10);
    if (end == text) {
      text++;
      continue;
    }
    if (size < 0 || a->rank == MAX_RANK || (size && elements > INT64_MAX / 16 / size)) return -1;
    a->dims[a->rank++] = size;
    elements *= size;
    text = end;
  }
  return elements;
}

/* descr: '<f4', '|b1'. */
static int parse_type(const char *header, array *a) {
  const char *descr = strstr(header, "'descr':");
  const char *quote = descr ? strchr(descr + 8, '\'') : NULL;
  if (!quote || !quote[1] || quote[1] == '>' || !quote[2] || !strchr("biufcV", quote[2])) return 0;
  a->kind = quote[2];
  a->item_bytes = atoi(quote + 3);
  return a->item_bytes > 0 && a->item_bytes <= 16;
}

static array parse_npy(const char *path, const char *name, const unsigned char *bytes, size_t size) {
  array a = {.rank = 0};
  snprintf(a.name, sizeof a.name, "%s", name);
  if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0) fail(STATUS_INVALID, "%s: %s: not a .npy", path, name);
  int wide = bytes[6] > 1;
  size_t start = wide ? 12 : 10, length = little(bytes + 8, wide ? 4 : 2);
  if (length > size - start || length > 65536)
    fail(STATUS_INVALID, "%s: %s: the header is cut off", path, name);
  char *header = malloc(length + 1);
  if (!header) fail(STATUS_LIMIT, "out of memory");
  memcpy(header, bytes + start, length);
  header[length] = 0;
  const char *shape = strstr(header, "'shape':");
  int64_t elements = shape && parse_type(header, &a) ? parse_shape(shape + 8, &a) : -1;
  if (elements < 0 || strstr(header, "'fortran_order': True"))
    fail(STATUS_INVALID, "%s: %s: big-endian, Fortran-ordered and structured arrays are not read", path,
         name);
  if ((uint64_t)elements * (unsigned)a.item_bytes > size - start - length)
    fail(STATUS_INVALID, "%s: %s: the data is cut off", path, name);
  a.data = bytes + start + length;
  free(header);
  return a;
}

/* The entry whose record in the central directory is at `at`. Local headers repeat the
 * name with extra fields of their own size.                                           */
static array parse_entry(const char *path, const unsigned char *bytes, size_t size, const unsigned char *at) {
  uint32_t method = little(at + 10, 2), packed = little(at + 20, 4), whole = little(at + 24, 4);
  uint32_t name_length = little(at + 28, 2), offset = little(at + 42, 4);
  char name[256];
  snprintf(name, sizeof name, "%.*s", (int)(name_length < 255 ? name_length : 255), (const char *)at + 46);
  char *suffix = strrchr(name, '.');
  if (suffix && strcmp(suffix, ".npy") == 0) *suffix = 0;
  if (packed == UINT32_MAX || whole == UINT32_MAX || offset == UINT32_MAX)
    fail(STATUS_INVALID, "%s: %s: entries over 4 GiB are not read", path, name);
  if (size < 30 || offset > size - 30) fail(STATUS_INVALID, "%s: %s lies outside of the file", path, name);
  size_t data = offset + 30 + little(bytes + offset + 26, 2) + little(bytes + offset + 28, 2);
  if (data > size || packed > size - data)
    fail(STATUS_INVALID, "%s: %s lies outside of the file", path, name);
  if (method == 0) return parse_npy(path, name, bytes + data, packed);
  unsigned char *inflated = allocate(whole);
  if (method != 8 || !inflate_all(bytes + data, packed, inflated, whole))
    fail(STATUS_INVALID, "%s: %s cannot be decompressed", path, name);
  return parse_npy(path, name, inflated, whole);
}

/* All arrays of a .npz, or the one of a .npy under `name`. */
static array *read_arrays(const char *path, const char *name, int *count) {
  size_t size;
  const unsigned char *bytes = read_file(path, &size);
  array *list = malloc(sizeof *list);
  if (!list) fail(STATUS_LIMIT, "out of memory");
  *count = 1;
  if (size < 4 || memcmp(bytes, "PK", 2) != 0) {
    *list = parse_npy(path, name, bytes, size);
    return list;
  }
  size_t end = size;
  while (end >= 22 && memcmp(bytes + end - 22, "PK\5\6", 4) != 0) end--;
  if (end < 22) fail(STATUS_INVALID, "%s: not a .npz: no directory", path);
  *count = (int)little(bytes + end - 22 + 10, 2);
  size_t at = little(bytes + end - 22 + 16, 4);
  list = realloc(list, sizeof *list * ((size_t)*count + 1));
  if (!list) fail(STATUS_LIMIT, "out of memory");
  for (int i = 0; i < *count; i++) {
    if (at > size - 22 || size - at < 46 || 46 + little(bytes + at + 28, 2) > size - at ||
        memcmp(bytes + at, "PK\1\2", 4) != 0)
      fail(STATUS_INVALID, "%s: the directory is broken", path);
    list[i] = parse_entry(path, bytes, size, bytes + at);
    at += 46 + little(bytes + at + 28, 2) + little(bytes + at + 30, 2) + little(bytes + at + 32, 2);
  }
  return list;
}

/* ---- writing ---- */

static uint32_t crc32_of(uint32_t crc, const unsigned char *bytes, size_t count) {
  static const uint32_t by_nibble[16] = {
      0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
      0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  crc = ~crc;
  for (size_t i = 0; i < count; i++) {
    crc = by_nibble[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
    crc = by_nibble[(crc ^ (bytes[i] >> 4)) & 15] ^ (crc >> 4);
  }
  return ~crc;
}

/* The header, padded so that the data starts at a multiple of 64. */
static size_t npy_header(const tn_value *value, char out[2048]) {
  numpy_type type = numpy_type_of(value->type);
  char shape[1200] = "";
  size_t used = 0;
  for (int32_t d = 0; d < value->rank && d < MAX_RANK; d++)
    used += (size_t)snprintf(shape + used, sizeof shape - used,
                             value->rank == 1 ? "%lld,"
                             : d              ? ", %lld"
                                              : "%lld",
                             (long long)value->dims[d]);
  int length = snprintf(out + 10, 2038, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (%s), }",
                        type.bytes == 1 ? '|' : '<', type.kind, type.bytes, shape);
  size_t total = ((size_t)length + 10 + 1 + 63) / 64 * 64;
  memset(out + 10 + length, ' ', total - 10 - (size_t)length - 1);
  out[total - 1] = '\n';
  memcpy(out, "\x93NUMPY\1", 8);
  out[8] = (char)((total - 10) & 255);
  out[9] = (char)((total - 10) >> 8);
  return total;
}

static size_t value_elements(const tn_value *value) {
  size_t elements = 1;
  for (int32_t d = 0; d < value->rank; d++) elements *= (size_t)value->dims[d];
  return elements;
}

static void put_little(unsigned char *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

/* A local header (30 bytes) or a record of the directory (46): one layout, shifted. */
static size_t zip_record(unsigned char *out, int central, const char *name, uint32_t crc, size_t size,
                         size_t offset) {
  int shift = central ? 2 : 0;
  memset(out, 0, 46);
  memcpy(out, central ? "PK\1\2\x14" : "PK\3\4", central ? 5 : 4);
  put_little(out + 4 + shift, 20, 2);
  put_little(out + 12 + shift, 0x21, 2); /* the first day there is: same arrays, same bytes */
  put_little(out + 14 + shift, crc, 4);
  put_little(out + 18 + shift, size, 4);
  put_little(out + 22 + shift, size, 4);
  put_little(out + 26 + shift, strlen(name), 2);
  if (central) put_little(out + 42, offset, 4);
  size_t fixed = central ? 46 : 30;
  memcpy(out + fixed, name, strlen(name));
  return fixed + strlen(name);
}

static void put(FILE *file, const void *bytes, size_t count, size_t *at) {
  if (count && fwrite(bytes, 1, count, file) != count) fail(STATUS_IO, "writing: %s", strerror(errno));
  *at += count;
}

/* Row-major data of each value, as r0.npy, … */
static void write_npz(FILE *file, const tn_value *values, void *const *data, int count) {
  size_t at = 0, *offsets = allocate((size_t)count * sizeof *offsets);
  uint32_t *crcs = allocate((size_t)count * sizeof *crcs);
  char header[2048], name[32];
  unsigned char record[128], end[22] = "PK\5\6";
  for (int i = 0; i < count; i++) {
    size_t head = npy_header(&values[i], header);
    size_t bytes = value_elements(&values[i]) * (size_t)numpy_type_of(values[i].type).bytes;
    if (head + bytes + at >= UINT32_MAX) fail(STATUS_LIMIT, "outputs over 4 GiB cannot be written");
    snprintf(name, sizeof name, "r%d.npy", i);
    offsets[i] = at;
    crcs[i] = crc32_of(crc32_of(0, (unsigned char *)header, head), data[i], bytes);
    put(file, record, zip_record(record, 0, name, crcs[i], head + bytes, 0), &at);
    put(file, header, head, &at);
    put(file, data[i], bytes, &at);
  }
  size_t directory = at;
  for (int i = 0; i < count; i++) {
    size_t bytes = value_elements(&values[i]) * (size_t)numpy_type_of(values[i].type).bytes;
    snprintf(name, sizeof name, "r%d.npy", i);
    put(file, record,
        zip_record(record, 1, name, crcs[i], npy_header(&values[i], header) + bytes, offsets[i]), &at);
  }
  put_little(end + 8, (uint64_t)count, 2);
  put_little(end + 10, (uint64_t)count, 2);
  put_little(end + 12, at - directory, 4);
  put_little(end + 16, directory, 4);
  put(file, end, 22, &at);
  free(offsets);
  free(crcs);
}
