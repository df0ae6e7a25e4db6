/* Files, .npy and .npz.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "base/npy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char folder[64];
static tn_arena *arena;
static tn_diagnostics sink;
static tn_text messages;

static void keep(void *user, const tn_diagnostic *diagnostic) { tn_diagnostic_print(diagnostic, user); }

static void open_folder(void) {
  strcpy(folder, "/tmp/tenon-unit-XXXXXX");
  cr_assert(mkdtemp(folder));
  arena = tn_arena_create();
  sink = (tn_diagnostics){.callback = keep, .user = &messages};
}

static void close_folder(void) {
  tn_arena_destroy(arena);
  tn_text_free(&messages);
  char command[96];
  snprintf(command, sizeof command, "rm -r %s", folder);
  cr_assert_eq(system(command), 0);
}

TestSuite(file, .init = open_folder, .fini = close_folder);
TestSuite(npz, .init = open_folder, .fini = close_folder);

static const char *in_folder(const char *name) { return tn_arena_printf(arena, "%s/%s", folder, name); }

static void put_file(const char *path, const void *bytes, size_t count) {
  cr_assert(tn_file_write(&sink, path, &(tn_str){bytes, count}, 1, false));
}

Test(file, written_and_mapped) {
  const char *path = in_folder("a");
  tn_str pieces[] = {{"one ", 4}, {"", 0}, {"two", 3}}, back;
  cr_assert(tn_file_write(&sink, path, pieces, 3, true));
  cr_assert(tn_file_map(arena, &sink, path, 7, &back));
  cr_assert(tn_str_is(back, "one two"));
  struct stat info;
  cr_assert(stat(path, &info) == 0 && (info.st_mode & S_IXUSR));
  put_file(path, "", 0);
  cr_assert(tn_file_map(arena, &sink, path, 0, &back));
  cr_assert_eq(back.length, 0);
}

Test(file, links_stay_links) {
  const char *path = in_folder("a"), *link = in_folder("b");
  tn_str back;
  put_file(path, "old", 3);
  cr_assert_eq(symlink("a", link), 0);
  put_file(link, "new", 3);
  cr_assert(tn_file_map(arena, &sink, path, 10, &back));
  cr_assert(tn_str_is(back, "new"));
}

Test(file, failures_are_told) {
  tn_str back;
  cr_assert_not(tn_file_map(arena, &sink, in_folder("none"), 10, &back));
  cr_assert_eq(sink.status, TN_IO);
  cr_assert_not(tn_file_map(arena, &sink, folder, 10, &back));
  put_file(in_folder("a"), "four", 4);
  sink.status = TN_OK;
  cr_assert_not(tn_file_map(arena, &sink, in_folder("a"), 3, &back));
  cr_assert_eq(sink.status, TN_LIMIT);
  cr_assert_not(tn_file_write(&sink, in_folder("no/where"), NULL, 0, false));
  cr_assert_not(tn_file_write(&sink, folder, NULL, 0, false));
  cr_assert_eq(sink.errors, 5);
}

Test(file, paths) {
  cr_assert_str_eq(tn_path_stem(arena, "a/b.c/digits.hlo"), "digits");
  cr_assert_str_eq(tn_path_suffix("a/b.c/digits.hlo"), ".hlo");
  cr_assert_str_eq(tn_path_suffix("a.b/c"), "");
  cr_assert_str_eq(tn_path_stem(arena, ".hidden"), ".hidden");
}

Test(npz, arrays_come_back_aligned) {
  const float a[] = {1, 2, 3, 4, 5, 6};
  const uint8_t b[] = {1, 0, 1};
  const int64_t a_dims[] = {2, 3}, b_dims[] = {3}, c_dims[] = {4, 0};
  tn_npy arrays[] = {{"weights", 'f', 4, 2, a_dims, a, sizeof a},
                     {"mask", 'b', 1, 1, b_dims, b, sizeof b},
                     {"empty", 'i', 8, 2, c_dims, "", 0},
                     {"scalar", 'f', 4, 0, NULL, a + 2, 4}};
  tn_npz back;
  tn_str bytes, again;
  cr_assert(tn_npz_write(&sink, in_folder("x.npz"), arrays, 4));
  cr_assert(tn_npz_write(&sink, in_folder("y.npz"), arrays, 4));
  cr_assert(tn_file_map(arena, &sink, in_folder("x.npz"), 1 << 20, &bytes));
  cr_assert(tn_file_map(arena, &sink, in_folder("y.npz"), 1 << 20, &again));
  cr_assert(bytes.length == again.length && memcmp(bytes.at, again.at, bytes.length) == 0);
  cr_assert(tn_npz_read(arena, &sink, in_folder("x.npz"), 1 << 20, &back));
  cr_assert_eq(back.count, 4);
  for (int i = 0; i < 4; i++) {
    const tn_npy *array = tn_npz_find(&back, arrays[i].name);
    cr_assert(array && array->kind == arrays[i].kind && array->rank == arrays[i].rank);
    cr_assert_eq(array->bytes, arrays[i].bytes);
    cr_assert_eq((uintptr_t)array->data % 64, 0);
    cr_assert_eq(memcmp(array->data, arrays[i].data, array->bytes), 0);
    for (int d = 0; d < array->rank; d++) cr_assert_eq(array->dims[d], arrays[i].dims[d]);
  }
  cr_assert_null(tn_npz_find(&back, "none"));
}

static bool read_npy(const char *header, const void *data, size_t count, tn_npy *out) {
  tn_text text = {0};
  tn_npz back;
  tn_text_put_n(&text, "\x93NUMPY\1\0", 8);
  tn_text_put_char(&text, (char)strlen(header));
  tn_text_put_char(&text, (char)(strlen(header) >> 8));
  tn_text_put(&text, header);
  tn_text_put_n(&text, data, count);
  put_file(in_folder("x.npy"), text.bytes, text.length);
  tn_text_free(&text);
  sink.status = TN_OK;
  bool ok = tn_npz_read(arena, &sink, in_folder("x.npy"), 1 << 20, &back);
  if (ok) *out = back.at[0];
  return ok;
}

Test(npz, other_orders_are_converted) {
  const uint8_t data[] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
  const uint16_t expected[] = {1, 3, 5, 2, 4, 6};
  const uint8_t flags[] = {0, 1, 7};
  tn_npy array;
  cr_assert(read_npy("{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3), }", data, 12, &array));
  cr_assert_eq(memcmp(array.data, expected, 12), 0);
  cr_assert(read_npy("{\"shape\":(3,),\"fortran_order\":False,\"descr\":\"|b1\"}", flags, 3, &array));
  cr_assert_eq(memcmp(array.data, (uint8_t[]){0, 1, 1}, 3), 0);
}

Test(npz, bad_arrays_are_refused) {
  tn_npy array;
  static const struct {
    const char *header;
    tn_status status;
  } cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", TN_INVALID},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904), }",
       TN_INVALID},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", TN_INVALID},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", TN_INVALID},
      {"{'descr': '<f4', 'fortran_order': False, }", TN_INVALID},
      {"{'descr': '<f4', 'fortran_order': Perhaps, 'shape': (), }", TN_INVALID},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (), }", TN_UNSUPPORTED},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (), }", TN_UNSUPPORTED},
      {"{'descr': '<f3', 'fortran_order': False, 'shape': (), }", TN_UNSUPPORTED},
      {"", TN_INVALID}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_assert_not(read_npy(cases[i].header, "12345678", 8, &array), "%s", cases[i].header);
    cr_assert_eq(sink.status, cases[i].status, "%s", cases[i].header);
  }
}

static void put_le(tn_text *text, uint64_t value, int bytes) {
  for (; bytes--; value >>= 8) tn_text_put_char(text, (char)(value & 0xff));
}

/* A .npz of one deflated entry "a" that says it has `claimed` bytes. */
static void put_deflated(const char *path, const void *npy, size_t count, uint32_t claimed) {
  static unsigned char packed[4096];
  z_stream stream = {
      .next_in = (Bytef *)npy, .avail_in = (uInt)count, .next_out = packed, .avail_out = sizeof packed};
  cr_assert_eq(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
  uint32_t size = (uint32_t)stream.total_out, crc = (uint32_t)crc32(0, npy, (uInt)count);
  deflateEnd(&stream);
  tn_text zip = {0};
  for (int central = 0; central < 2; central++) {
    tn_text_put_n(&zip, central ? "PK\1\2" : "PK\3\4", 4);
    put_le(&zip, 20, central ? 4 : 2); /* versions */
    put_le(&zip, 0, 2);
    put_le(&zip, 8, 2);
    put_le(&zip, 0, 4);
    put_le(&zip, crc, 4);
    put_le(&zip, size, 4);
    put_le(&zip, claimed, 4);
    put_le(&zip, 5, 2);
    put_le(&zip, 0, central ? 2 + 2 + 2 + 2 + 4 + 4 : 2);
    tn_text_put(&zip, "a.npy");
    if (!central) tn_text_put_n(&zip, packed, size);
  }
  tn_text_put_n(&zip, "PK\5\6\0\0\0\0", 8);
  put_le(&zip, 1, 2);
  put_le(&zip, 1, 2);
  put_le(&zip, 51, 4);
  put_le(&zip, 35 + size, 4);
  put_le(&zip, 0, 2);
  put_file(path, zip.bytes, zip.length);
  tn_text_free(&zip);
}

Test(npz, deflated_entries) {
  static char npy[128 + 4000];
  tn_npz back;
  static const char header[] = "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (1000,)}";
  memset(npy, ' ', 128);
  memcpy(npy, header, sizeof header - 1);
  npy[128] = 5;
  put_deflated(in_folder("x.npz"), npy, sizeof npy, sizeof npy);
  cr_assert(tn_npz_read(arena, &sink, in_folder("x.npz"), 1 << 20, &back), "%s", messages.bytes);
  cr_assert(back.count == 1 && back.at[0].bytes == 4000 && *(const char *)back.at[0].data == 5);
  /* A directory that claims more than DEFLATE can give, or more than the dims need. */
  put_deflated(in_folder("x.npz"), npy, sizeof npy, 0xfffffff0);
  cr_assert_not(tn_npz_read(arena, &sink, in_folder("x.npz"), 1 << 20, &back));
  put_deflated(in_folder("x.npz"), npy, sizeof npy, sizeof npy + 1);
  cr_assert_not(tn_npz_read(arena, &sink, in_folder("x.npz"), 1 << 20, &back));
  cr_assert_eq(sink.errors, 2);
}

/* Whatever one byte of a .npz is changed to: an answer, no crash. */
Test(npz, every_damaged_byte_is_survived) {
  const float data[] = {1, 2};
  const int64_t dims[] = {2};
  tn_npy array = {"a", 'f', 4, 1, dims, data, sizeof data};
  tn_str bytes;
  tn_npz back;
  cr_assert(tn_npz_write(&sink, in_folder("x.npz"), &array, 1));
  cr_assert(tn_file_map(arena, &sink, in_folder("x.npz"), 1 << 20, &bytes));
  char *copy = tn_arena_copy(arena, bytes.at, bytes.length);
  sink.callback = NULL;
  for (size_t i = 0; i < bytes.length; i++) {
    char before = copy[i];
    copy[i] = i % 2 ? (char)0xff : (char)(before ^ 0x11);
    put_file(in_folder("y.npz"), copy, bytes.length);
    tn_arena *scratch = tn_arena_create();
    tn_npz_read(scratch, &sink, in_folder("y.npz"), 1 << 20, &back);
    tn_arena_destroy(scratch);
    put_file(in_folder("y.npz"), copy, i);
    scratch = tn_arena_create();
    cr_assert_not(tn_npz_read(scratch, &sink, in_folder("y.npz"), 1 << 20, &back));
    tn_arena_destroy(scratch);
    copy[i] = before;
  }
}

Test(npz, types) {
  tn_npy bf16 = {.kind = 'V', .item_bytes = 2}, s8 = {.kind = 'i', .item_bytes = 1};
  char kind;
  int bytes;
  cr_assert(tn_npy_holds(&bf16, TN_BF16) && !tn_npy_holds(&bf16, TN_F16));
  cr_assert(tn_npy_holds(&s8, TN_S8) && tn_npy_holds(&s8, TN_S4) && !tn_npy_holds(&s8, TN_U8));
  tn_npy_type(TN_F8E5M2, &kind, &bytes);
  cr_assert(kind == 'u' && bytes == 1);
  tn_npy_type(TN_C64, &kind, &bytes);
  cr_assert(kind == 'c' && bytes == 8);
}
