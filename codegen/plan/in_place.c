/* An output in the memory of an input that nobody reads afterwards.
 *
 *   loop d:600 { y[d] = a[d] + b[d+600] }   ->   loop d:600 { y[d] = y[d] + b[d+600] }
 *
 * The values are the same if every element is read before it is written. That is so where
 *
 *   - no load of the input stands behind a store to the output, in the order of execution,
 *   - all nests around those stores are parallel loops, and
 *   - with both as one buffer, different iterations of every parallel loop still touch
 *     different elements (apart.c): what another iteration reads, this one does not write.
 *
 * The verifier proves the third again of the kernel that comes out. Rows that are read by
 * reduces and then written (a softmax) are as good as elementwise operations.
 *
 * Cost: a copy of the kernel.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/in_place.h"

#include "codegen/plan/rewrite.h"

/* All loads of `in` stand before the first store to `out`. */
static bool reads_first(tn_arena *scratch, const tn_kernel *kernel, int in, int out) {
  tn_touches touches = {0};
  bool stored = false;
  tn_find_touches(scratch, kernel, kernel->body, true, &touches);
  for (int i = 0; i < touches.count; i++) {
    const tn_touch *touch = &touches.at[i];
    stored = stored || (touch->buffer == out && touch->is_store);
    if (stored && touch->buffer == in) return false;
  }
  return true;
}

static bool stored_in_parallel(const tn_kernel *kernel, const tn_stmt *body, int out, bool parallel) {
  for (const tn_stmt *s = body; s; s = s->next) {
    if (s->kind == TN_STMT_STORE && s->buffer == out && !parallel) return false;
    bool loop = s->kind == TN_STMT_LOOP && !tn_is_scan(kernel, s);
    if (!stored_in_parallel(kernel, s->body, out, parallel && loop)) return false;
  }
  return true;
}

static void renumber(tn_arena *arena, tn_stmt *body, const int *buffers) {
  for (tn_stmt *s = body; s; s = s->next) {
    if (s->kind == TN_STMT_STORE || s->kind == TN_STMT_LOCAL) s->buffer = buffers[s->buffer];
    int *sorted = TN_NEW_ARRAY(arena, int, s->n_sorted);
    for (int i = 0; i < s->n_sorted; i++) sorted[i] = buffers[s->sorted[i]];
    s->sorted = sorted;
    renumber(arena, s->body, buffers);
  }
}

/* Inputs are called a0, a1, … by their places. */
static void drop_input(tn_arena *arena, tn_kernel *kernel, int in, const int *buffers) {
  tn_kernel_buffer *list = TN_NEW_ARRAY(arena, tn_kernel_buffer, kernel->n_buffers);
  for (int i = 0; i < kernel->n_buffers; i++)
    if (i != in) list[buffers[i]] = kernel->buffers[i];
  kernel->buffers = list;
  kernel->n_buffers--;
  kernel->n_parameters--;
  for (int i = 0; i < kernel->n_parameters; i++)
    if (list[i].access == TN_BUFFER_IN) list[i].name = tn_arena_printf(arena, "a%d", i);
}

static tn_kernel *joined(tn_arena *arena, const tn_kernel *kernel, int in, int out) {
  int *buffers = TN_NEW_ARRAY(arena, int, kernel->n_buffers);
  for (int i = 0; i < kernel->n_buffers; i++) buffers[i] = i == in ? out - (out > in) : i - (i > in);
  tn_kernel *copy = tn_arena_copy(arena, kernel, sizeof *kernel);
  copy->body = tn_stmt_copy(arena, kernel->body);
  tn_rewrite rewrite = tn_rewrite_nothing(arena, copy);
  rewrite.buffers = buffers;
  tn_rewrite_apply(&rewrite);
  renumber(arena, copy->body, buffers);
  drop_input(arena, copy, in, buffers);
  copy->buffers[buffers[out]].access = TN_BUFFER_INOUT;
  return copy;
}

tn_kernel *tn_kernel_in_place(tn_arena *arena, const tn_kernel *kernel, int in, int out) {
  const tn_kernel_buffer *from = &kernel->buffers[in], *to = &kernel->buffers[out];
  if (from->access != TN_BUFFER_IN || to->access != TN_BUFFER_OUT) return NULL;
  if (!tn_shape_identical(from->shape, to->shape)) return NULL;
  tn_arena *scratch = tn_arena_create();
  bool fits = reads_first(scratch, kernel, in, out) && stored_in_parallel(kernel, kernel->body, out, true);
  tn_arena_destroy(scratch);
  tn_kernel *copy = fits ? joined(arena, kernel, in, out) : NULL;
  return copy && tn_kernel_is_apart(copy) ? copy : NULL;
}
