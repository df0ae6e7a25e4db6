/* The plan's constants: their order, their places, their bytes.
 *
 * They stand in the order of their first use, so that the last panel of one kernel's
 * weights prefetches the first of the next one's; equal ones once; each at a multiple of
 * 64. Bytes that are row-major are the literal's own, others are packed once. The pieces
 * are the object's section or the side file.
 *
 * The side file starts with 64 bytes: "TENONCONSTANTS" and two zero bytes, the 16 bytes
 * of the hash, the size in 8 bytes, the rest zero. The entry compares them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/hash.h"
#include "codegen/cpu/emit.h"

static void place(tn_unit *u, int buffer) {
  const tn_buffer *b = &u->plan->buffers[buffer];
  if (b->memory != TN_MEMORY_CONSTANT || u->constant_offset[buffer] >= 0) return;
  for (int i = 0; i < u->n_constants; i++) {
    const tn_buffer *other = &u->plan->buffers[u->constant_order[i]];
    if (other->bytes != b->bytes || !tn_shape_identical(other->shape, b->shape)) continue;
    if (memcmp(other->literal->data, b->literal->data, (size_t)tn_shape_bytes(b->shape))) continue;
    u->constant_offset[buffer] = u->constant_offset[u->constant_order[i]];
    return;
  }
  u->constant_offset[buffer] = u->constant_bytes;
  u->constant_order[u->n_constants++] = buffer;
  u->constant_bytes += (b->bytes + 63) / 64 * 64;
}

static void place_steps(tn_unit *u, const tn_step *first) {
  for (const tn_step *s = first; s; s = s->next) {
    switch (s->kind) {
    case TN_STEP_RUN:
      for (int i = 0; i < u->plan->kernels[s->kernel]->n_parameters; i++) place(u, s->arguments[i]);
      break;
    case TN_STEP_COPY: place(u, s->from); break;
    case TN_STEP_WHILE:
    case TN_STEP_CONDITIONAL:
      place_steps(u, s->test);
      place(u, s->selector);
      for (int i = 0; i < s->n_branches; i++) place_steps(u, s->branches[i]);
      break;
    }
  }
}

void tn_place_constants(tn_unit *u) {
  int count = u->plan->n_buffers;
  int64_t all = 0;
  for (int i = 0; i < count; i++)
    if (u->plan->buffers[i].memory == TN_MEMORY_CONSTANT) all += u->plan->buffers[i].bytes;
  bool may = all > 0 && !u->options->uniform_call;
  u->side_file = may && (u->options->side_file || all > INT64_C(1) << 30);
  u->constant_offset = TN_NEW_ARRAY(u->arena, int64_t, count);
  u->constant_order = TN_NEW_ARRAY(u->arena, int, count);
  for (int i = 0; i < count; i++) u->constant_offset[i] = -1;
  u->constant_bytes = u->side_file ? 64 : 0;
  place_steps(u, u->plan->steps);
  if (!u->n_constants) u->side_file = false, u->constant_bytes = 0;
}

static const char zeros[64];

static tn_str bytes_of(tn_unit *u, const tn_buffer *b) {
  if (!tn_layout_is_row_major(b->shape)) {
    char *packed = tn_arena_alloc_raw(u->arena, (size_t)b->bytes);
    tn_layout_pack(b->shape, b->literal->data, packed);
    return (tn_str){packed, (size_t)b->bytes};
  }
  return (tn_str){b->literal->data, (size_t)b->bytes};
}

/* The pieces one after the other, with what fills up to multiples of 64. */
int tn_constant_pieces(tn_unit *u, tn_str *pieces) {
  int count = 0;
  for (int i = 0; i < u->n_constants; i++) {
    pieces[count++] = bytes_of(u, &u->plan->buffers[u->constant_order[i]]);
    size_t rest = pieces[count - 1].length % 64;
    if (rest) pieces[count++] = (tn_str){zeros, 64 - rest};
  }
  return count;
}

void tn_make_side_file(tn_unit *u) {
  tn_str *pieces = TN_NEW_ARRAY(u->arena, tn_str, 2 * u->n_constants + 1);
  if (!u->side_file) return;
  int count = tn_constant_pieces(u, pieces + 1);
  char *file = tn_arena_alloc_raw(u->arena, (size_t)u->constant_bytes);
  size_t at = 64;
  for (int i = 1; i <= count; at += pieces[i++].length) memcpy(file + at, pieces[i].at, pieces[i].length);
  tn_hash hash = tn_hash_bytes(file + 64, (size_t)u->constant_bytes - 64);
  memset(file, 0, 64);
  memcpy(file, "TENONCONSTANTS", 14);
  memcpy(file + 16, &hash, sizeof hash);
  memcpy(file + 32, &u->constant_bytes, sizeof u->constant_bytes);
  u->constant_hash[0] = hash.high;
  u->constant_hash[1] = hash.low;
  u->side_bytes = (tn_str){file, (size_t)u->constant_bytes};
}
