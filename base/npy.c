/* The .npy format: magic, version, header length, a Python dictionary, the data.
 *
 *   \x93NUMPY 1 0 <u16>  {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * Source: NumPy's NEP 1 and the documentation of numpy.lib.format.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/npy_header.h"

#include <stdio.h>

bool tn_npy_error(const tn_npy_place *place, tn_status status, const char *format, ...) {
  char message[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  tn_location file = {.file = place->path};
  if (!place->name[0]) return tn_error(place->sink, status, file, "%s", message);
  return tn_error(place->sink, status, file, "array '%s': %s", place->name, message);
}

/* ---- the dictionary ---- */

typedef struct {
  const char *at, *end;
} cursor;

static void skip_spaces(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n')) c->at++;
}

static bool take(cursor *c, char wanted) {
  skip_spaces(c);
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

static bool take_word(cursor *c, const char *word) {
  size_t length = strlen(word);
  skip_spaces(c);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
  c->at += length;
  return true;
}

static bool take_quoted(cursor *c, tn_str *out) {
  char quote = '\'';
  if (!take(c, quote)) {
    quote = '"';
    if (!take(c, quote)) return false;
  }
  out->at = c->at;
  while (c->at < c->end && *c->at != quote) c->at++;
  if (c->at == c->end) return false;
  out->length = (size_t)(c->at++ - out->at);
  return true;
}

static bool take_size(cursor *c, int64_t *out) {
  skip_spaces(c);
  const char *first = c->at;
  int64_t value = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *c->at - '0', &value))
      return false;
  *out = value;
  return c->at > first;
}

static bool take_dims(cursor *c, tn_npy_header *header) {
  if (!take(c, '(')) return false;
  while (!take(c, ')')) {
    if (header->rank == (int)(sizeof header->dims / sizeof header->dims[0])) return false;
    if (!take_size(c, &header->dims[header->rank++])) return false;
    if (!take(c, ',')) return take(c, ')');
  }
  return true;
}

/* "<f4", "|b1", ">i8" */
static bool read_descr(const tn_npy_place *place, tn_str descr, tn_npy_header *header) {
  cursor c = {descr.at, descr.at + descr.length};
  header->big_endian = take(&c, '>');
  if (!header->big_endian && !take(&c, '<') && !take(&c, '|')) take(&c, '=');
  int64_t size = 0;
  bool known = c.at < c.end && *c.at && strchr("biufcV", *c.at);
  if (known) {
    header->kind = *c.at++;
    known = take_size(&c, &size) && c.at == c.end;
  }
  bool power = size == 1 || size == 2 || size == 4 || size == 8 || size == 16;
  bool fits = header->kind == 'b'   ? size == 1
              : header->kind == 'c' ? size >= 8
              : header->kind == 'V' ? true
                                    : size <= 8;
  if (!known || !power || !fits)
    return tn_npy_error(place, TN_UNSUPPORTED, "element type '%.*s' is none of ours",
                        descr.length < 64 ? (int)descr.length : 64, descr.at);
  header->item_bytes = (int)size;
  return true;
}

/* 0 where the dictionary is not well formed, else the bits of the keys it has. */
static int read_dictionary(const tn_npy_place *place, cursor c, tn_npy_header *header, bool *reported) {
  int keys = 0;
  tn_str key, descr;
  if (!take(&c, '{')) return 0;
  while (!take(&c, '}')) {
    if (!take_quoted(&c, &key) || !take(&c, ':')) return 0;
    if (tn_str_is(key, "descr") && !(keys & 1)) {
      keys |= 1;
      if (!take_quoted(&c, &descr)) {
        *reported = !tn_npy_error(place, TN_UNSUPPORTED, "structured element types are none of ours");
        return 0;
      }
      if (!read_descr(place, descr, header)) {
        *reported = true;
        return 0;
      }
    } else if (tn_str_is(key, "fortran_order") && !(keys & 2)) {
      keys |= 2;
      header->fortran = take_word(&c, "True");
      if (!header->fortran && !take_word(&c, "False")) return 0;
    } else if (tn_str_is(key, "shape") && !(keys & 4)) {
      keys |= 4;
      if (!take_dims(&c, header)) return 0;
    } else {
      return 0;
    }
    if (!take(&c, ',')) return take(&c, '}') ? keys : 0;
  }
  return keys;
}

/* Dims of 0 count as 1 for the limit, so that every partial product is in range. */
static bool measure(const tn_npy_place *place, tn_npy_header *header) {
  int64_t bytes = header->item_bytes;
  bool empty = false;
  for (int i = 0; i < header->rank; i++) {
    empty |= header->dims[i] == 0;
    if (header->dims[i] && __builtin_mul_overflow(bytes, header->dims[i], &bytes))
      return tn_npy_error(place, TN_INVALID, "dims give more than 2^63 bytes");
  }
  header->bytes = empty ? 0 : (size_t)bytes;
  return true;
}

bool tn_npy_read_header(const tn_npy_place *place, const void *bytes, size_t count, tn_npy_header *out) {
  const unsigned char *b = bytes;
  *out = (tn_npy_header){0};
  if (count < 10 || memcmp(b, "\x93NUMPY", 6) != 0)
    return tn_npy_error(place, TN_INVALID, "not a .npy: it begins with other bytes");
  if (b[6] < 1 || b[6] > 3) return tn_npy_error(place, TN_UNSUPPORTED, ".npy version %d is not known", b[6]);
  size_t start = b[6] == 1 ? 10 : 12, length = b[8] | (size_t)b[9] << 8;
  if (b[6] > 1 && count >= 12) length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
  if (length > TN_NPY_HEADER_MOST)
    return tn_npy_error(place, TN_LIMIT, "header of %zu bytes, the limit is %d", length, TN_NPY_HEADER_MOST);
  if (count < start + length) return tn_npy_error(place, TN_INVALID, "header ends after the file");
  cursor c = {(const char *)b + start, (const char *)b + start + length};
  bool reported = false;
  int keys = read_dictionary(place, c, out, &reported);
  if (reported) return false;
  if (keys != 7)
    return tn_npy_error(place, TN_INVALID, "header is not a dictionary of descr, fortran_order and shape");
  out->data_at = start + length;
  return measure(place, out);
}

/* ---- the data ---- */

static void copy_item(unsigned char *to, const unsigned char *from, int bytes, int swapped_unit) {
  if (swapped_unit <= 1) {
    memcpy(to, from, (size_t)bytes);
    return;
  }
  for (int i = 0; i < bytes; i++) to[i] = from[i - i % swapped_unit + swapped_unit - 1 - i % swapped_unit];
}

/* Row-major, little-endian elements from any order. */
static void *reorder(tn_arena *arena, const tn_npy_header *h, const unsigned char *from) {
  unsigned char *result = tn_arena_alloc_raw(arena, h->bytes), *to = result;
  size_t strides[64], stride = (size_t)h->item_bytes;
  int64_t index[64] = {0};
  for (int i = 0; i < h->rank; i++) {
    int dim = h->fortran ? i : h->rank - 1 - i;
    strides[dim] = stride;
    stride *= (size_t)h->dims[dim];
  }
  int unit = !h->big_endian || h->kind == 'V' ? 1 : h->kind == 'c' ? h->item_bytes / 2 : h->item_bytes;
  for (size_t left = h->bytes / (size_t)h->item_bytes; left; left--, to += h->item_bytes) {
    copy_item(to, from, h->item_bytes, unit);
    for (int d = h->rank - 1; d >= 0; d--) {
      from += strides[d];
      if (++index[d] < h->dims[d]) break;
      from -= strides[d] * (size_t)h->dims[d];
      index[d] = 0;
    }
  }
  return result;
}

/* Predicates are 0 or 1 everywhere; files may say otherwise. */
static const void *clean_predicates(tn_arena *arena, const unsigned char *data, size_t count) {
  size_t first = 0;
  while (first < count && data[first] <= 1) first++;
  if (first == count) return data;
  unsigned char *copy = tn_arena_copy(arena, data, count);
  for (size_t i = first; i < count; i++) copy[i] = copy[i] != 0;
  return copy;
}

/* Elements may start anywhere in an archive; their readers want them aligned. */
static const void *align_elements(tn_arena *arena, const tn_npy_header *h, const void *data) {
  size_t alignment = (size_t)(h->item_bytes & -h->item_bytes);
  if (alignment > 8) alignment = 8;
  if (!h->bytes || (uintptr_t)data % alignment == 0) return data;
  return tn_arena_copy(arena, data, h->bytes);
}

bool tn_npy_read(tn_arena *arena, const tn_npy_place *place, const void *bytes, size_t count, tn_npy *out) {
  tn_npy_header h;
  if (!tn_npy_read_header(place, bytes, count, &h)) return false;
  if (count - h.data_at < h.bytes)
    return tn_npy_error(place, TN_INVALID, "dims need %zu bytes, %zu are there", h.bytes, count - h.data_at);
  const void *data = (const unsigned char *)bytes + h.data_at;
  bool swapped = h.big_endian && h.kind != 'V' && h.item_bytes > 1;
  if (h.bytes && (swapped || (h.fortran && h.rank > 1))) data = reorder(arena, &h, data);
  data = align_elements(arena, &h, data);
  if (h.kind == 'b') data = clean_predicates(arena, data, h.bytes);
  *out = (tn_npy){.name = place->name,
                  .kind = h.kind,
                  .item_bytes = h.item_bytes,
                  .rank = h.rank,
                  .dims = tn_arena_copy(arena, h.dims, (size_t)h.rank * sizeof h.dims[0]),
                  .data = data,
                  .bytes = h.bytes};
  return true;
}

void tn_npy_write_header(tn_text *out, const tn_npy *array) {
  size_t start = out->length;
  bool plain = array->item_bytes == 1 || array->kind == 'V';
  tn_text_put_n(out, "\x93NUMPY\1\0\0\0", 10);
  tn_text_printf(out, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (", plain ? '|' : '<',
                 array->kind, array->item_bytes);
  for (int i = 0; i < array->rank; i++) {
    if (i) tn_text_put_char(out, ' ');
    tn_text_put_int(out, array->dims[i]);
    if (i == 0 || i + 1 < array->rank) tn_text_put_char(out, ',');
  }
  tn_text_put(out, "), }");
  while ((out->length - start) % TN_NPY_ALIGN != TN_NPY_ALIGN - 1) tn_text_put_char(out, ' ');
  tn_text_put_char(out, '\n');
  size_t length = out->length - start - 10;
  out->bytes[start + 8] = (char)(length & 0xff);
  out->bytes[start + 9] = (char)(length >> 8);
}

/* ---- types ---- */

void tn_npy_type(tn_type type, char *kind, int *item_bytes) {
  bool only_bits = tn_type_is_float(type) && (tn_type_bits(type) < 16 || type == TN_BF16);
  *item_bytes = (int)tn_type_bytes(type);
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE: *kind = 'b'; break;
  case TN_CLASS_SIGNED: *kind = 'i'; break;
  case TN_CLASS_UNSIGNED: *kind = 'u'; break;
  case TN_CLASS_FLOAT: *kind = only_bits ? 'u' : 'f'; break;
  case TN_CLASS_COMPLEX: *kind = 'c'; break;
  case TN_CLASS_OTHER: *kind = 'V'; break;
  }
}

/* Besides what we write: raw bytes, as ml_dtypes has its types, and its one-byte floats. */
bool tn_npy_holds(const tn_npy *array, tn_type type) {
  char kind;
  int item_bytes;
  tn_npy_type(type, &kind, &item_bytes);
  if (array->item_bytes != item_bytes || !tn_type_is_array(type)) return false;
  bool foreign_float = tn_type_is_float(type) && kind == 'u';
  bool foreign = foreign_float || (tn_type_bits(type) < 8 && type != TN_PRED);
  return array->kind == kind || (foreign && array->kind == 'V') ||
         (foreign_float && item_bytes == 1 && array->kind == 'f');
}

const tn_npy *tn_npz_find(const tn_npz *npz, const char *name) {
  for (int i = 0; i < npz->count; i++)
    if (strcmp(npz->at[i].name, name) == 0) return &npz->at[i];
  return NULL;
}
