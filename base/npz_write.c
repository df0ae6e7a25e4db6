/* Writing .npz and .npy: entries stored, data aligned, the same bytes every time.
 *
 * Padding in the extra field of each local header puts the entry at a multiple of 64,
 * and a .npy header fills whole multiples of 64, so the data can be mapped as vectors.
 * Times are those of 1 January 1980, ZIP's zero.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "base/npy_header.h"

#include <limits.h>
#include <zlib.h>

enum {
  LOCAL_BYTES = 30,
  ZIP64_FIELD = 1,
  PADDING_FIELD = 0xd935, /* the id that tools which align entries use */
  DATE_1980 = 0x0021,
  VERSION_ZIP64 = 45
};

static void put16(tn_text *out, unsigned value) {
  tn_text_put_n(out, (const unsigned char[]){value & 0xff, value >> 8 & 0xff}, 2);
}

static void put32(tn_text *out, uint32_t value) {
  put16(out, value & 0xffff);
  put16(out, value >> 16);
}

static void put64(tn_text *out, uint64_t value) {
  put32(out, (uint32_t)value);
  put32(out, (uint32_t)(value >> 32));
}

static uint32_t saturated(uint64_t value) { return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX; }

static uLong add_checksum(uLong crc, const void *bytes, size_t count) {
  const Bytef *p = bytes;
  while (count) {
    uInt piece = count > UINT_MAX / 2 ? UINT_MAX / 2 : (uInt)count;
    crc = crc32(crc, p, piece);
    p += piece;
    count -= piece;
  }
  return crc;
}

typedef struct {
  tn_text local, central; /* all headers, one after the other */
  tn_text npy;            /* the .npy header at hand */
  uint64_t offset;        /* in the file */
} writer;

static void release_writer(void *object) {
  writer *w = object;
  tn_text_free(&w->local);
  tn_text_free(&w->central);
  tn_text_free(&w->npy);
}

typedef struct {
  const char *name;
  uint64_t bytes, offset;
  uint32_t crc;
} record;

/* What local and central header share, from the version needed to the name's length. */
static void put_common(tn_text *out, const record *r) {
  put16(out, VERSION_ZIP64);
  put16(out, 1 << 11); /* names are UTF-8 */
  put16(out, 0);       /* stored */
  put16(out, 0);
  put16(out, DATE_1980);
  put32(out, r->crc);
  put32(out, saturated(r->bytes));
  put32(out, saturated(r->bytes));
  put16(out, (unsigned)strlen(r->name) + 4);
}

static void put_local(writer *w, const record *r) {
  bool large = r->bytes >= UINT32_MAX;
  size_t name = strlen(r->name) + 4, zip64 = large ? 20 : 0;
  size_t end = (r->offset + LOCAL_BYTES + name + zip64 + 6) % TN_NPY_ALIGN;
  size_t zeros = (TN_NPY_ALIGN - end) % TN_NPY_ALIGN;
  tn_text_put_n(&w->local, "PK\3\4", 4);
  put_common(&w->local, r);
  put16(&w->local, (unsigned)(zip64 + 6 + zeros));
  tn_text_printf(&w->local, "%s.npy", r->name);
  if (large) {
    put16(&w->local, ZIP64_FIELD);
    put16(&w->local, 16);
    put64(&w->local, r->bytes);
    put64(&w->local, r->bytes);
  }
  put16(&w->local, PADDING_FIELD);
  put16(&w->local, (unsigned)zeros + 2);
  put16(&w->local, TN_NPY_ALIGN);
  while (zeros--) tn_text_put_char(&w->local, 0);
}

static void put_central(writer *w, const record *r) {
  bool large = r->bytes >= UINT32_MAX, far = r->offset >= UINT32_MAX;
  unsigned fields = (large ? 16 : 0) + (far ? 8 : 0);
  tn_text_put_n(&w->central, "PK\1\2", 4);
  put16(&w->central, VERSION_ZIP64);
  put_common(&w->central, r);
  put16(&w->central, fields ? fields + 4 : 0);
  put16(&w->central, 0); /* comment */
  put16(&w->central, 0); /* disk */
  put16(&w->central, 0); /* attributes */
  put32(&w->central, 0);
  put32(&w->central, saturated(r->offset));
  tn_text_printf(&w->central, "%s.npy", r->name);
  if (!fields) return;
  put16(&w->central, ZIP64_FIELD);
  put16(&w->central, fields);
  if (large) put64(&w->central, r->bytes);
  if (large) put64(&w->central, r->bytes);
  if (far) put64(&w->central, r->offset);
}

static void put_end(writer *w, uint64_t count) {
  uint64_t at = w->offset, bytes = w->central.length;
  if (count >= UINT16_MAX || at >= UINT32_MAX || bytes >= UINT32_MAX) {
    tn_text_put_n(&w->central, "PK\6\6", 4);
    put64(&w->central, 44);
    put16(&w->central, VERSION_ZIP64);
    put16(&w->central, VERSION_ZIP64);
    put64(&w->central, 0); /* disks */
    put64(&w->central, count);
    put64(&w->central, count);
    put64(&w->central, bytes);
    put64(&w->central, at);
    tn_text_put_n(&w->central, "PK\6\7\0\0\0\0", 8);
    put64(&w->central, at + bytes);
    put32(&w->central, 1);
  }
  unsigned small = count < UINT16_MAX ? (unsigned)count : UINT16_MAX;
  tn_text_put_n(&w->central, "PK\5\6\0\0\0\0", 8);
  put16(&w->central, small);
  put16(&w->central, small);
  put32(&w->central, saturated(bytes));
  put32(&w->central, saturated(at));
  put16(&w->central, 0);
}

/* Local header and .npy header of one array; its data follow in the file. */
static void put_array(writer *w, const tn_npy *array) {
  tn_text *header = &w->npy;
  header->length = 0;
  tn_npy_write_header(header, array);
  uLong crc = add_checksum(crc32(0, NULL, 0), header->bytes, header->length);
  record r = {.name = array->name, .bytes = header->length + array->bytes, .offset = w->offset};
  r.crc = (uint32_t)add_checksum(crc, array->data, array->bytes);
  size_t before = w->local.length;
  put_local(w, &r);
  tn_text_put_n(&w->local, header->bytes, header->length);
  put_central(w, &r);
  w->offset += w->local.length - before + array->bytes;
}

/* Headers and data in turn, then the directory. */
static bool write_zip(tn_arena *scratch, tn_diagnostics *sink, const char *path, const tn_npy *arrays,
                      int count, writer *w) {
  tn_str *pieces = TN_NEW_ARRAY(scratch, tn_str, 2 * (size_t)count + 1);
  size_t *ends = TN_NEW_ARRAY(scratch, size_t, (size_t)count + 1);
  for (int i = 0; i < count; i++) {
    put_array(w, &arrays[i]);
    ends[i + 1] = w->local.length;
  }
  put_end(w, (uint64_t)count);
  for (int i = 0; i < count; i++) {
    pieces[2 * i] = (tn_str){w->local.bytes + ends[i], ends[i + 1] - ends[i]};
    pieces[2 * i + 1] = (tn_str){arrays[i].data, arrays[i].bytes};
  }
  pieces[2 * count] = (tn_str){w->central.bytes, w->central.length};
  return tn_file_write(sink, path, pieces, 2 * count + 1, false);
}

static bool write_one(tn_diagnostics *sink, const char *path, const tn_npy *array, writer *w) {
  tn_npy_write_header(&w->local, array);
  tn_str pieces[2] = {{w->local.bytes, w->local.length}, {array->data, array->bytes}};
  return tn_file_write(sink, path, pieces, 2, false);
}

bool tn_npz_write(tn_diagnostics *sink, const char *path, const tn_npy *arrays, int count) {
  tn_location file = {.file = path};
  bool lone = strcmp(tn_path_suffix(path), ".npy") == 0;
  if (lone && count != 1) return tn_error(sink, TN_USAGE, file, "a .npy holds one array, not %d", count);
  for (int i = 0; i < count; i++)
    if (strlen(arrays[i].name) > UINT16_MAX - 4)
      return tn_error(sink, TN_LIMIT, file, "array %d: its name has more than %d bytes", i, UINT16_MAX - 4);

  tn_arena *scratch = tn_arena_create();
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    tn_arena_destroy(scratch);
    tn_out_of_memory();
  }
  writer *w = TN_NEW(scratch, writer);
  tn_arena_on_release(scratch, release_writer, w);
  bool ok = lone ? write_one(sink, path, arrays, w) : write_zip(scratch, sink, path, arrays, count, w);
  tn_guard_leave(&guard);
  tn_arena_destroy(scratch);
  return ok;
}
