/* The normal form of indices, strides, offsets in tiled layouts.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "codegen/plan/expr.h"
#include "support.h"

static tn_dim dims[] = {{"i", 5, TN_DIM_PARALLEL}, {"j", 4, TN_DIM_PARALLEL}, {"k", 64, TN_DIM_PARALLEL}};
static tn_kernel kernel = {.name = "test", .n_dims = 3, .dims = dims};
static tn_arena *arena;

static void open(void) { arena = tn_arena_create(); }
static void close(void) { tn_arena_destroy(arena); }
TestSuite(index, .init = open, .fini = close);

static const tn_index *dim(int d, int64_t scale) {
  return tn_index_scale(arena, tn_index_dim(arena, d), scale);
}
static const tn_index *sum(const tn_index *a, const tn_index *b) { return tn_index_add(arena, a, b); }
static const tn_index *number(int64_t value) { return tn_index_constant(arena, value); }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t value_of(const tn_index *index, const int64_t *at) {
  int64_t total = index->constant;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *t = &index->terms[i];
    int64_t v = 0;
    if (t->kind == TN_TERM_DIM) v = at[t->dim];
    if (t->kind == TN_TERM_QUOTIENT) v = floor_div(value_of(t->of, at), t->divisor);
    if (t->kind == TN_TERM_REMAINDER)
      v = value_of(t->of, at) - t->divisor * floor_div(value_of(t->of, at), t->divisor);
    total += t->scale * v;
  }
  return total;
}

Test(index, terms_merge_and_vanish) {
  const tn_index *a = sum(dim(0, 3), sum(dim(1, 2), number(1))), *b = sum(dim(1, -2), dim(0, 1));
  cr_expect(tn_index_equal(sum(a, b), sum(dim(0, 4), number(1))));
  cr_expect_eq(sum(a, b)->n_terms, 1);
}

Test(index, a_split_dim_divides_out) { /* (4i + j) / 4 = i, (4i + j) % 4 = j where j < 4 */
  const tn_index *linear = sum(dim(0, 4), dim(1, 1));
  cr_expect(tn_index_equal(tn_index_quotient(arena, &kernel, linear, 4), dim(0, 1)));
  cr_expect(tn_index_equal(tn_index_remainder(arena, &kernel, linear, 4), dim(1, 1)));
}

Test(index, quotients_nest) { /* ((k / 4) / 2) = k / 8 */
  const tn_index *once = tn_index_quotient(arena, &kernel, dim(2, 1), 4);
  cr_expect(tn_index_equal(tn_index_quotient(arena, &kernel, once, 2),
                           tn_index_quotient(arena, &kernel, dim(2, 1), 8)));
}

/* Whatever form comes out, the values are those of the division. */
Test(index, divisions_keep_their_values) {
  for (int64_t a = -3; a <= 6; a++)
    for (int64_t b = -2; b <= 6; b += 2)
      for (int64_t c = -9; c <= 9; c += 3)
        for (int64_t divisor = 1; divisor <= 12; divisor++) {
          const tn_index *index = sum(sum(dim(0, a), dim(1, b)), number(c));
          const tn_index *q = tn_index_quotient(arena, &kernel, index, divisor);
          const tn_index *r = tn_index_remainder(arena, &kernel, index, divisor);
          for (int64_t at[3] = {0}; at[0] < 5; at[0]++)
            for (at[1] = 0; at[1] < 4; at[1]++) {
              int64_t v = value_of(index, at);
              cr_assert_eq(value_of(q, at), floor_div(v, divisor), "%lldi+%lldj+%lld / %lld", (long long)a,
                           (long long)b, (long long)c, (long long)divisor);
              cr_assert_eq(value_of(r, at), v - divisor * floor_div(v, divisor), "%lldi+%lldj+%lld %% %lld",
                           (long long)a, (long long)b, (long long)c, (long long)divisor);
            }
        }
}

Test(index, ranges_hold) {
  int64_t low, high;
  tn_index_range(&kernel, sum(dim(0, 3), sum(dim(1, -2), number(1))), &low, &high);
  cr_expect_eq(low, 1 - 6);
  cr_expect_eq(high, 1 + 12);
  tn_index_range(&kernel, tn_index_scale(arena, dim(2, INT64_MAX / 2), 1), &low, &high); /* saturates */
  cr_expect_eq(high, INT64_MAX);
}

Test(index, strides_through_tiles) { /* k = 16b + p: k%16 moves by 1 with p, k/16 stands still */
  const tn_index *inside = tn_index_remainder(arena, &kernel, dim(2, 1), 16);
  const tn_index *outside = tn_index_quotient(arena, &kernel, dim(2, 1), 16);
  int64_t stride;
  cr_expect(tn_index_stride(&kernel, inside, 2, 16, &stride) && stride == 1);
  cr_expect(tn_index_stride(&kernel, outside, 2, 16, &stride) && stride == 0);
  cr_expect_not(tn_index_stride(&kernel, inside, 2, 32, &stride), "a step of 32 wraps");
  cr_expect(tn_index_stride(&kernel, inside, 0, 1, &stride) && stride == 0);
}

static void check_layout(int rank, const int64_t *sizes, const int64_t *order, int n_tiles,
                         const tn_dims *tiles) {
  tn_layout layout = {
      .minor_to_major = {order, rank}, .tiles = tiles, .n_tiles = n_tiles, .tail_alignment = 1};
  const tn_shape *shape = tn_shape_with_layout(arena, tn_shape_array(arena, TN_F32, rank, sizes), &layout);
  tn_dim local[4];
  const tn_index *at[4];
  for (int i = 0; i < rank; i++) {
    local[i] = (tn_dim){"d", sizes[i], TN_DIM_PARALLEL};
    at[i] = tn_index_dim(arena, i);
  }
  tn_kernel_buffer buffer = {"x", shape, TN_BUFFER_IN};
  tn_kernel k = {.name = "layout", .n_dims = rank, .dims = local, .n_buffers = 1, .buffers = &buffer};
  const tn_index *offset = tn_access_offset(arena, &k, 0, at);
  int64_t position[4] = {0};
  for (int64_t n = tn_shape_elements(shape); n > 0; n--) {
    cr_assert_eq(value_of(offset, position), tn_layout_offset(shape, position), "%s",
                 tn_shape_text(arena, shape));
    for (int i = rank - 1; i >= 0 && ++position[i] == sizes[i]; i--) position[i] = 0;
  }
}

Test(index, offsets_follow_layouts) {
  static const int64_t t48[] = {4, 8}, t16[] = {16}, t21[] = {2, 1}, star[] = {TN_TILE_COMBINE, 4};
  check_layout(2, (int64_t[]){6, 10}, (int64_t[]){0, 1}, 0, NULL);
  check_layout(2, (int64_t[]){6, 10}, (int64_t[]){1, 0}, 1, (tn_dims[]){{t48, 2}});
  check_layout(2, (int64_t[]){6, 20}, (int64_t[]){0, 1}, 1, (tn_dims[]){{t16, 1}});
  check_layout(2, (int64_t[]){6, 10}, (int64_t[]){1, 0}, 2, (tn_dims[]){{t48, 2}, {t21, 2}});
  check_layout(3, (int64_t[]){3, 4, 5}, (int64_t[]){2, 0, 1}, 1, (tn_dims[]){{star, 2}});
}

Test(index, equality_is_by_content) {
  const tn_expr *a = tn_expr_number(arena, TN_S32, 3), *b = tn_expr_number(arena, TN_S32, 3);
  cr_expect(tn_index_equal(tn_index_value(arena, a, 7), tn_index_value(arena, b, 7)));
  cr_expect_not(tn_index_equal(tn_index_value(arena, a, 7),
                               tn_index_value(arena, tn_expr_number(arena, TN_S32, 4), 7)));
  cr_expect_eq(sum(tn_index_value(arena, a, 7), tn_index_value(arena, b, 7))->n_terms, 1);
}
