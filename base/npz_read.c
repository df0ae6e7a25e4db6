/* Reading .npz: a ZIP whose entries are .npy files.
 *
 *   [local header | data] ...  [central directory]  [zip64 end, its locator]  [end]
 *
 * Only the central directory is believed, and only after each offset and size was
 * checked against the file's length. Stored entries stay where they are: their arrays
 * are views of the mapped file. Deflated ones are inflated twice, the first time only
 * to their header, so that what is allocated is what the array's dims ask for.
 *
 * Nothing can be made to cost more than the file is worth: entries do not share bytes
 * (their compressed sizes sum to at most the file's), and DEFLATE gives at most 1032
 * bytes for one.
 *
 * Source: PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.3.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "base/npy_header.h"

#include <limits.h>
#include <zlib.h>

enum {
  END_BYTES = 22,
  END64_BYTES = 56,
  LOCATOR_BYTES = 20,
  CENTRAL_BYTES = 46,
  LOCAL_BYTES = 30,
  COMMENT_MOST = 65535,
  STORED = 0,
  DEFLATED = 8,
  INFLATION_MOST = 1032
};

static uint16_t get16(const unsigned char *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t get32(const unsigned char *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static uint64_t get64(const unsigned char *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

typedef struct {
  tn_arena *arena;
  tn_diagnostics *sink;
  const char *path;
  const unsigned char *bytes;
  uint64_t length;
  bool mapped;         /* bytes are the file's pages */
  uint64_t compressed; /* by all entries so far */
} zip;

typedef struct {
  tn_npy_place place;
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packed, unpacked; /* sizes */
  uint64_t header;           /* offset of the local header */
  const unsigned char *data;
} entry;

static bool broken(const zip *z, const char *what) {
  return tn_error(z->sink, TN_INVALID, (tn_location){.file = z->path}, "not a valid .npz: %s", what);
}

static bool inside(const zip *z, uint64_t at, uint64_t count) {
  return at <= z->length && count <= z->length - at;
}

/* ---- the directory ---- */

typedef struct {
  uint64_t at, bytes, count;
} directory;

/* The end record lies before a comment of at most 64 KiB. */
static bool find_end(const zip *z, uint64_t *at) {
  if (z->length < END_BYTES) return false;
  uint64_t last = z->length - END_BYTES, first = last > COMMENT_MOST ? last - COMMENT_MOST : 0;
  for (uint64_t i = last + 1; i-- > first;) {
    const unsigned char *p = z->bytes + i;
    if (p[0] == 'P' && memcmp(p, "PK\5\6", 4) == 0 && get16(p + 20) == z->length - i - END_BYTES) {
      *at = i;
      return true;
    }
  }
  return false;
}

static bool find_directory(const zip *z, directory *out) {
  uint64_t end;
  if (!find_end(z, &end)) return broken(z, "no end of central directory");
  const unsigned char *p = z->bytes + end;
  *out = (directory){.count = get16(p + 10), .bytes = get32(p + 12), .at = get32(p + 16)};
  bool has_locator = end >= LOCATOR_BYTES && memcmp(p - LOCATOR_BYTES, "PK\6\7", 4) == 0;
  if (has_locator) {
    uint64_t at = get64(p - LOCATOR_BYTES + 8);
    if (!inside(z, at, END64_BYTES) || memcmp(z->bytes + at, "PK\6\6", 4) != 0)
      return broken(z, "zip64 end record is not where its locator says");
    p = z->bytes + at;
    *out = (directory){.count = get64(p + 32), .bytes = get64(p + 40), .at = get64(p + 48)};
  }
  if (!inside(z, out->at, out->bytes)) return broken(z, "central directory ends after the file");
  if (out->count > out->bytes / CENTRAL_BYTES || out->count > INT_MAX)
    return broken(z, "central directory is too short for its entries");
  return true;
}

/* The zip64 extra field has, in this order, what did not fit elsewhere. */
static bool read_zip64(entry *e, const unsigned char *extra, size_t length) {
  uint64_t *wanted[3];
  int count = 0;
  if (e->unpacked == UINT32_MAX) wanted[count++] = &e->unpacked;
  if (e->packed == UINT32_MAX) wanted[count++] = &e->packed;
  if (e->header == UINT32_MAX) wanted[count++] = &e->header;
  if (count == 0) return true;
  while (length >= 4) {
    size_t size = get16(extra + 2);
    if (size > length - 4) return false;
    if (get16(extra) == 1) {
      if (size < (size_t)count * 8) return false;
      for (int i = 0; i < count; i++) *wanted[i] = get64(extra + 4 + 8 * i);
      return true;
    }
    extra += 4 + size;
    length -= 4 + size;
  }
  return true; /* exactly 2^32 - 1 */
}

/* One record of the directory; *at moves behind it. False after a report. */
static bool read_record(const zip *z, const directory *d, uint64_t *at, entry *out) {
  uint64_t left = d->at + d->bytes - *at;
  const unsigned char *p = z->bytes + *at;
  if (left < CENTRAL_BYTES || memcmp(p, "PK\1\2", 4) != 0)
    return broken(z, "central directory has fewer entries than it says");
  size_t name = get16(p + 28), extra = get16(p + 30), comment = get16(p + 32);
  if (name + extra + comment > left - CENTRAL_BYTES)
    return broken(z, "an entry's name ends after the directory");
  *out = (entry){.flags = get16(p + 8),
                 .method = get16(p + 10),
                 .crc = get32(p + 16),
                 .packed = get32(p + 20),
                 .unpacked = get32(p + 24),
                 .header = get32(p + 42)};
  out->place = (tn_npy_place){z->sink, z->path, tn_arena_string_n(z->arena, (const char *)p + 46, name)};
  if (!read_zip64(out, p + CENTRAL_BYTES + name, extra)) return broken(z, "a zip64 field is too short");
  *at += CENTRAL_BYTES + name + extra + comment;
  return true;
}

/* Where the data lie: behind the local header, whose name and extra field may differ. */
static bool locate(zip *z, entry *e) {
  if (!inside(z, e->header, LOCAL_BYTES) || memcmp(z->bytes + e->header, "PK\3\4", 4) != 0)
    return tn_npy_error(&e->place, TN_INVALID, "no local header at offset %llu",
                        (unsigned long long)e->header);
  const unsigned char *local = z->bytes + e->header;
  uint64_t at = e->header + LOCAL_BYTES + get16(local + 26) + get16(local + 28);
  if (!inside(z, at, e->packed))
    return tn_npy_error(&e->place, TN_INVALID, "%llu bytes at offset %llu end after the file",
                        (unsigned long long)e->packed, (unsigned long long)at);
  e->data = z->bytes + at;
  z->compressed += e->packed;
  if (z->compressed > z->length) return tn_npy_error(&e->place, TN_INVALID, "entries overlap");
  return true;
}

/* ---- inflating ---- */

/* Fills `to`, or less where the data end; -1 if they are not DEFLATE. */
static int64_t inflate_into(const entry *e, void *to, uint64_t room) {
  z_stream stream = {0};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) tn_out_of_memory();
  uint64_t in_left = e->packed, out_left = room;
  stream.next_in = (Bytef *)e->data;
  stream.next_out = to;
  int status = Z_OK;
  while (status == Z_OK && out_left > 0) {
    uInt in = in_left > UINT_MAX / 2 ? UINT_MAX / 2 : (uInt)in_left;
    uInt out = out_left > UINT_MAX / 2 ? UINT_MAX / 2 : (uInt)out_left;
    stream.avail_in = in;
    stream.avail_out = out;
    status = inflate(&stream, Z_NO_FLUSH);
    in_left -= in - stream.avail_in;
    out_left -= out - stream.avail_out;
    if (status == Z_BUF_ERROR || (status == Z_OK && in_left == 0)) break;
  }
  inflateEnd(&stream);
  if (status == Z_MEM_ERROR) tn_out_of_memory();
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return -1;
  return (int64_t)(room - out_left);
}

static uint32_t checksum(const unsigned char *bytes, uint64_t count) {
  uLong crc = crc32(0, NULL, 0);
  while (count) {
    uInt piece = count > UINT_MAX / 2 ? UINT_MAX / 2 : (uInt)count;
    crc = crc32(crc, bytes, piece);
    bytes += piece;
    count -= piece;
  }
  return (uint32_t)crc;
}

static bool read_deflated(zip *z, const entry *e, tn_npy *out) {
  if (e->unpacked / INFLATION_MOST > e->packed + 1)
    return tn_npy_error(&e->place, TN_INVALID, "%llu bytes cannot inflate to %llu",
                        (unsigned long long)e->packed, (unsigned long long)e->unpacked);
  unsigned char prefix[TN_NPY_PREFIX_MOST];
  uint64_t wanted = e->unpacked < sizeof prefix ? e->unpacked : sizeof prefix;
  int64_t got = inflate_into(e, prefix, wanted);
  if (got < 0) return tn_npy_error(&e->place, TN_INVALID, "compressed data are damaged");
  tn_npy_header header;
  if (!tn_npy_read_header(&e->place, prefix, (size_t)got, &header)) return false;
  if (e->unpacked < header.data_at || e->unpacked - header.data_at != header.bytes)
    return tn_npy_error(&e->place, TN_INVALID, "dims need %zu bytes, the entry has %llu", header.bytes,
                        (unsigned long long)e->unpacked);
  unsigned char *all = tn_arena_alloc_raw(z->arena, (size_t)e->unpacked);
  if (inflate_into(e, all, e->unpacked) != (int64_t)e->unpacked || checksum(all, e->unpacked) != e->crc)
    return tn_npy_error(&e->place, TN_INVALID, "compressed data are damaged");
  return tn_npy_read(z->arena, &e->place, all, (size_t)e->unpacked, out);
}

static bool read_entry(zip *z, entry *e, tn_npy *out) {
  if (e->flags & 1) return tn_npy_error(&e->place, TN_UNSUPPORTED, "the entry is encrypted");
  if (!locate(z, e)) return false;
  if (e->method == DEFLATED) return read_deflated(z, e, out);
  if (e->method != STORED)
    return tn_npy_error(&e->place, TN_UNSUPPORTED, "compression method %d is none of ours", e->method);
  if (e->packed != e->unpacked)
    return tn_npy_error(&e->place, TN_INVALID, "stored, but its sizes %llu and %llu differ",
                        (unsigned long long)e->packed, (unsigned long long)e->unpacked);
  if (!tn_npy_read(z->arena, &e->place, e->data, (size_t)e->packed, out)) return false;
  /* Where elements had to be moved nobody reads the file again. */
  uintptr_t data = (uintptr_t)out->data, start = (uintptr_t)e->data;
  bool copied = data < start || data >= start + e->packed;
  if (copied && z->mapped) tn_file_forget_pages(e->data, (size_t)e->packed);
  return true;
}

/* Entries that are no .npy are passed over. */
static bool read_zip(zip *z, tn_npz *out) {
  directory d = {0};
  if (!find_directory(z, &d)) return false;
  tn_npy *arrays = TN_NEW_ARRAY(z->arena, tn_npy, d.count);
  uint64_t at = d.at;
  *out = (tn_npz){.at = arrays};
  for (uint64_t i = 0; i < d.count; i++) {
    entry e;
    if (!read_record(z, &d, &at, &e)) return false;
    size_t length = strlen(e.place.name);
    if (length < 4 || strcmp(e.place.name + length - 4, ".npy") != 0) continue;
    e.place.name = tn_arena_string_n(z->arena, e.place.name, length - 4);
    if (!read_entry(z, &e, &arrays[out->count])) return false;
    out->count++;
  }
  return true;
}

bool tn_npz_read(tn_arena *arena, tn_diagnostics *sink, const char *path, uint64_t max_bytes, tn_npz *out) {
  tn_str file;
  bool mapped;
  *out = (tn_npz){0};
  if (!tn_file_map_pages(arena, sink, path, max_bytes, &file, &mapped)) return false;
  const char *kept_path = tn_arena_string(arena, path);
  if (file.length >= 2 && memcmp(file.at, "PK", 2) == 0) {
    zip z = {arena, sink, kept_path, (const unsigned char *)file.at, file.length, mapped, 0};
    return read_zip(&z, out);
  }
  tn_npy *array = TN_NEW(arena, tn_npy);
  tn_npy_place place = {sink, kept_path, ""};
  if (file.length < 6 || memcmp(file.at, "\x93NUMPY", 6) != 0)
    return tn_npy_error(&place, TN_INVALID, "neither .npy nor .npz");
  *out = (tn_npz){.at = array};
  if (!tn_npy_read(arena, &place, file.at, file.length, array)) return false;
  out->count = 1;
  return true;
}
