/* Encodings: what is encoded decodes to itself, whatever the shape, the type, and which blocks are zero.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "ir/encoding.h"

static uint64_t next(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *state >> 33;
}

/* zeros of 16 blocks are zero. */
static char *random_matrix(tn_arena *arena, const tn_shape *shape, unsigned zeros, uint64_t *state) {
  size_t block = TN_BLOCK * tn_type_bytes(shape->type), bytes = (size_t)tn_shape_bytes(shape);
  char *data = tn_arena_alloc(arena, bytes);
  memset(data, 0, bytes);
  for (size_t at = 0; at < bytes; at += block)
    if (next(state) % 16 >= zeros)
      for (size_t i = 0; i < block; i++) data[at + i] = (char)(next(state) % 255 + 1);
  return data;
}

static void check_matrix(tn_arena *arena, const tn_shape *shape, const char *data, int64_t blocks) {
  int64_t counted;
  tn_block_sparse measured = tn_block_sparse_measure(arena, shape, data, &counted), read;
  tn_literal *bytes = tn_block_sparse_encode(arena, shape, data);
  const char *fault = tn_block_sparse_read(arena, bytes, shape, &read);
  cr_assert(!fault, "%s", fault);
  if (blocks >= 0) cr_expect_eq(counted, blocks);
  cr_expect_eq(memcmp(&measured, &read, sizeof read), 0);
  char *back = malloc((size_t)tn_shape_bytes(shape));
  tn_block_sparse_decode(&read, shape->type, bytes->data, back);
  cr_expect_eq(memcmp(back, data, (size_t)tn_shape_bytes(shape)), 0, "%s", tn_shape_text(arena, shape));
  free(back);
}

Test(encoding, blocks_come_back) {
  static const tn_type types[] = {TN_F32, TN_BF16, TN_F16, TN_F64, TN_S8};
  static const int64_t sizes[][2] = {{1, 4}, {3, 8}, {7, 12}, {16, 16}, {33, 48}, {5, 36}, {70, 64}};
  uint64_t state = 1;
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      for (unsigned zeros = 0; zeros <= 16; zeros += 4) {
        tn_arena *arena = tn_arena_create();
        const tn_shape *shape = tn_shape_array(arena, types[t], 2, sizes[i]);
        int64_t all = sizes[i][0] * sizes[i][1] / TN_BLOCK;
        check_matrix(arena, shape, random_matrix(arena, shape, zeros, &state), zeros == 16 ? 0 : zeros ? -1 : all);
        tn_arena_destroy(arena);
      }
}

Test(encoding, negative_zeros_are_left_out) {
  tn_arena *arena = tn_arena_create();
  const tn_shape *shape = tn_shape_array(arena, TN_F32, 2, (int64_t[]){2, 4});
  float matrix[8] = {-0.0f, 0, -0.0f, 0, 1, -0.0f, 0, 2}, back[8];
  int64_t blocks;
  tn_block_sparse s = tn_block_sparse_measure(arena, shape, matrix, &blocks);
  cr_expect_eq(blocks, 1);
  tn_block_sparse_decode(&s, TN_F32, tn_block_sparse_encode(arena, shape, matrix)->data, back);
  uint32_t bits[8] = {0, 0, 0, 0, 0x3f800000, 0x80000000, 0, 0x40000000};
  cr_expect_eq(memcmp(back, bits, sizeof bits), 0);
  tn_arena_destroy(arena);
}

Test(encoding, shapes_that_have_none) {
  tn_arena *arena = tn_arena_create();
  cr_expect(!tn_block_sparse_fits(tn_shape_array(arena, TN_F32, 2, (int64_t[]){4, 6})));
  cr_expect(!tn_block_sparse_fits(tn_shape_array(arena, TN_F32, 2, (int64_t[]){65537, 4})));
  cr_expect(!tn_block_sparse_fits(tn_shape_array(arena, TN_F32, 3, (int64_t[]){4, 4, 4})));
  cr_expect(!tn_block_sparse_fits(tn_shape_array(arena, TN_S4, 2, (int64_t[]){4, 4})));
  cr_expect(!tn_block_sparse_fits(tn_shape_array(arena, TN_C64, 2, (int64_t[]){4, 4})));
  cr_expect(tn_block_sparse_fits(tn_shape_array(arena, TN_F32, 2, (int64_t[]){65536, 4})));
  tn_arena_destroy(arena);
}

/* Whatever the bytes are, reading ends with a message or with something that decodes. */
Test(encoding, damaged_bytes) {
  uint64_t state = 7;
  for (int i = 0; i < 3000; i++) {
    tn_arena *arena = tn_arena_create();
    const tn_shape *shape = tn_shape_array(arena, TN_F32, 2, (int64_t[]){9, 16});
    tn_literal *bytes = tn_block_sparse_encode(arena, shape, random_matrix(arena, shape, 12, &state));
    char *data = (char *)bytes->data, back[9 * 16 * 4];
    int64_t size = tn_shape_elements(bytes->shape);
    for (int n = (int)(next(&state) % 3); n >= 0; n--)
      data[next(&state) % (uint64_t)(i % 2 ? size : 128 < size ? 128 : size)] = (char)next(&state);
    tn_block_sparse s;
    if (!tn_block_sparse_read(arena, bytes, shape, &s)) tn_block_sparse_decode(&s, TN_F32, data, back);
    tn_arena_destroy(arena);
  }
}
