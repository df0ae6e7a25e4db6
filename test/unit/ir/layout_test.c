/* Layouts: offsets by XLA's rules, sizes, packing against offsets element by element.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "ir/literal.h"

enum { MOST = 4 };

static tn_dims dims(tn_arena *arena, int count, const int64_t *at) {
  return (tn_dims){tn_arena_copy(arena, at, (size_t)count * sizeof *at), count};
}

/* Tiles are lists ended by 0; the list of tiles by an empty one. */
static const tn_shape *shape_of(tn_arena *arena, tn_type type, int rank, const int64_t *sizes,
                                const int64_t *minor_to_major, int64_t tiles[][MOST], int bits) {
  tn_layout *layout = TN_NEW(arena, tn_layout);
  layout->minor_to_major = dims(arena, rank, minor_to_major);
  layout->tail_alignment = 1;
  layout->element_bits = bits;
  tn_dims *list = TN_NEW_ARRAY(arena, tn_dims, 8);
  for (; tiles && tiles[layout->n_tiles][0]; layout->n_tiles++) {
    int count = 0;
    while (count < MOST && tiles[layout->n_tiles][count]) count++;
    list[layout->n_tiles] = dims(arena, count, tiles[layout->n_tiles]);
  }
  layout->tiles = list;
  return tn_shape_with_layout(arena, tn_shape_array(arena, type, rank, sizes), layout);
}

/* Packs random elements, checks each against tn_layout_offset, and unpacks them. */
static void check_packing(tn_arena *arena, const tn_shape *shape) {
  int64_t elements = tn_shape_elements(shape);
  size_t bytes = tn_type_bytes(shape->type), size = (size_t)tn_layout_bytes(shape);
  const tn_literal *literal = tn_literal_random(arena, shape, 7, 0, false);
  unsigned char *packed = malloc(size + 1), *back = malloc((size_t)elements * bytes + 1);
  memset(packed, 0xa5, size + 1);
  tn_layout_pack(shape, literal->data, packed);
  cr_assert_eq(packed[size], 0xa5);
  bool nibbles = shape->layout && shape->layout->element_bits == 4;
  unsigned char *expected = calloc(size + 1, 1);
  int64_t index[8] = {0};
  for (int64_t i = 0; i < elements; i++) {
    int64_t offset = tn_layout_offset(shape, index);
    cr_assert(offset >= 0);
    const unsigned char *element = (const unsigned char *)literal->data + (size_t)i * bytes;
    if (nibbles)
      expected[offset / 2] |= (unsigned char)((*element & 15) << offset % 2 * 4);
    else
      memcpy(expected + (size_t)offset * bytes, element, bytes);
    for (int d = shape->rank - 1; d >= 0 && ++index[d] == shape->dims[d]; d--) index[d] = 0;
  }
  cr_assert_arr_eq(packed, expected, size, "%s", tn_shape_text(arena, shape));
  tn_layout_unpack(shape, packed, back);
  cr_assert_arr_eq(back, literal->data, (size_t)elements * bytes);
  free(packed), free(back), free(expected);
}

Test(layout, offsets_follow_the_tiles) {
  tn_arena *a = tn_arena_create();
  /* XLA's example: f32[3,5]{1,0:T(2,2)}; element (2,3) is at 17. */
  const tn_shape *s =
      shape_of(a, TN_F32, 2, (int64_t[]){3, 5}, (int64_t[]){1, 0}, (int64_t[][MOST]){{2, 2}, {0}}, 0);
  cr_assert_eq(tn_layout_offset(s, (int64_t[]){2, 3}), 17);
  cr_assert_eq(tn_layout_bytes(s), 4 * 24);
  /* GEMM panels: 64 columns, each panel 768 x 64 row-major. */
  s = shape_of(a, TN_F32, 2, (int64_t[]){768, 3072}, (int64_t[]){1, 0}, (int64_t[][MOST]){{768, 64}, {0}}, 0);
  cr_assert_eq(tn_layout_offset(s, (int64_t[]){5, 64 + 3}), 768 * 64 + 5 * 64 + 3);
  /* f32[1,64,56,56]{3,2,1,0:T(16,1,1)} is [N][C/16][H][W][16]. */
  s = shape_of(a, TN_F32, 4, (int64_t[]){1, 64, 56, 56}, (int64_t[]){3, 2, 1, 0},
               (int64_t[][MOST]){{16, 1, 1}, {0}}, 0);
  cr_assert_eq(tn_layout_offset(s, (int64_t[]){0, 17, 2, 3}), 56 * 56 * 16 + (2 * 56 + 3) * 16 + 1);
  /* A tile of more dims than the array. */
  s = shape_of(a, TN_F32, 1, (int64_t[]){5}, (int64_t[]){0}, (int64_t[][MOST]){{2, 4}, {0}}, 0);
  cr_assert_eq(tn_layout_bytes(s), 4 * 16);
  cr_assert_eq(tn_layout_offset(s, (int64_t[]){4}), 8);
  tn_arena_destroy(a);
}

Test(layout, packing_agrees_with_offsets) {
  static int64_t tilings[][3][MOST] = {{{0}},
                                       {{2, 4}, {0}},
                                       {{8, 128}, {2, 1}, {0}},
                                       {{4, 2}, {0}},
                                       {{3}, {0}},
                                       {{4, 3}, {2, 2}, {0}},
                                       {{8, 4}, {3, 4}, {0}},
                                       {{4}, {2, 1}, {0}},
                                       {{TN_TILE_COMBINE, 4}, {0}},
                                       {{2, TN_TILE_COMBINE, 8}, {2, 4}, {0}},
                                       {{2, 3, 4}, {0}},
                                       {{2, 1, 16}, {0}}};
  static const int64_t sizes[][3] = {{4, 6, 8},  {5, 7, 9},   {1, 16, 33},
                                     {16, 1, 1}, {2, 3, 129}, {48, 24, 16}};
  static const int64_t orders[][3] = {{2, 1, 0}, {0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {0, 2, 1}};
  static const tn_type types[] = {TN_S8, TN_BF16, TN_F32, TN_F64, TN_C128};
  for (size_t t = 0; t < sizeof tilings / sizeof *tilings; t++)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
      for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        tn_arena *a = tn_arena_create();
        tn_type type = types[(t + s + o) % 5];
        check_packing(a, shape_of(a, type, 3, sizes[s], orders[o], tilings[t], 0));
        check_packing(a, shape_of(a, TN_S4, 3, sizes[s], orders[o], tilings[t], 4));
        tn_arena_destroy(a);
      }
  tn_arena *a = tn_arena_create();
  check_packing(a, tn_shape_scalar(a, TN_F32));
  check_packing(a, tn_shape_array(a, TN_F32, 2, (int64_t[]){0, 4}));
  check_packing(a, shape_of(a, TN_U4, 1, (int64_t[]){7}, (int64_t[]){0}, NULL, 4));
  tn_arena_destroy(a);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void time_packing(const char *what, const tn_shape *shape) {
  size_t bytes = (size_t)tn_shape_bytes(shape), size = (size_t)tn_layout_bytes(shape);
  char *logical = malloc(bytes), *physical = malloc(size);
  memset(logical, 1, bytes);
  memset(physical, 1, size);
  double pack = 1e9, unpack = 1e9;
  for (int i = 0; i < 5; i++) {
    double t0 = seconds();
    tn_layout_pack(shape, logical, physical);
    double t1 = seconds();
    tn_layout_unpack(shape, physical, logical);
    double t2 = seconds();
    if (t1 - t0 < pack) pack = t1 - t0;
    if (t2 - t1 < unpack) unpack = t2 - t1;
  }
  cr_log_info("%s: pack %.1f GB/s, unpack %.1f GB/s\n", what, 1e-9 * (double)bytes / pack,
              1e-9 * (double)bytes / unpack);
  free(logical), free(physical);
}

Test(layout, speed_is_shown) { /* with --verbose; no limit, so that a busy machine fails nothing */
  tn_arena *a = tn_arena_create();
  int64_t sizes[] = {768, 3072}, order[] = {1, 0}, swapped[] = {0, 1};
  time_packing("panels of 64", shape_of(a, TN_F32, 2, sizes, order, (int64_t[][MOST]){{768, 64}, {0}}, 0));
  time_packing("panels of 64, edge",
               shape_of(a, TN_F32, 2, (int64_t[]){768, 3050}, order, (int64_t[][MOST]){{768, 64}, {0}}, 0));
  time_packing("transposed f32", shape_of(a, TN_F32, 2, sizes, swapped, NULL, 0));
  time_packing("transposed bf16", shape_of(a, TN_BF16, 2, sizes, swapped, NULL, 0));
  time_packing("transposed s8", shape_of(a, TN_S8, 2, sizes, swapped, NULL, 0));
  time_packing("transposed f64", shape_of(a, TN_F64, 2, sizes, swapped, NULL, 0));
  time_packing("VNNI", shape_of(a, TN_BF16, 2, sizes, order, (int64_t[][MOST]){{768, 32}, {2, 1}, {0}}, 0));
  time_packing("NCHW16c", shape_of(a, TN_F32, 4, (int64_t[]){8, 64, 56, 56}, (int64_t[]){3, 2, 1, 0},
                                   (int64_t[][MOST]){{16, 1, 1}, {0}}, 0));
  time_packing("T(8,128)",
               shape_of(a, TN_F32, 2, (int64_t[]){1000, 1000}, order, (int64_t[][MOST]){{8, 128}, {0}}, 0));
  tn_arena_destroy(a);
}
