/* Arrays of which several elements share a byte: E(1), E(2) and E(4) of layouts.
 *
 * Only the caller's arrays are so. Kernels have an element a byte, and between the two
 * stand kernels on what lies in memory, whatever its tiles:
 *
 *   unpack(a0: u8[n/2], out y: s4[n])  y[i] = the low nibble of a0[i/2] >> i%2*4
 *   pack(a0: s4[n], out y: u8[n/2])    y[b] = a0[2*b] | a0[2*b + 1] << 4
 *
 * Each writes whole bytes in one iteration, so that threads part on them. The bits of the
 * last byte that no element has are 0; what stands in the padding of tiles is not said.
 * Cost: 1 to 2 G elements a second.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

/* ---- one element ---- */

static tn_type unsigned_of(int bits) { return bits == 1 ? TN_U1 : bits == 2 ? TN_U2 : TN_U4; }

static tn_type signed_of(int bits) { return bits == 1 ? TN_S1 : bits == 2 ? TN_S2 : TN_S4; }

static const tn_expr *seen_as(tn_arena *arena, tn_type type, const tn_expr *x) {
  return x->type == type ? x : tn_expr_op(arena, TN_OP_BITCAST_CONVERT, type, 1, &x);
}

/* The low `bits` bits of x. */
static const tn_expr *element_of(tn_arena *arena, tn_type type, int bits, const tn_expr *x) {
  x = tn_expr_convert(arena, unsigned_of(bits), x);
  if (tn_type_is_float(type)) return seen_as(arena, type, x);
  if (tn_type_class_of(type) == TN_CLASS_SIGNED) x = seen_as(arena, signed_of(bits), x);
  return tn_expr_convert(arena, type, x);
}

static const tn_expr *bits_of(tn_arena *arena, int bits, const tn_expr *x) {
  bool is_signed = tn_type_class_of(x->type) == TN_CLASS_SIGNED;
  if (!tn_type_is_float(x->type))
    x = tn_expr_convert(arena, is_signed ? signed_of(bits) : unsigned_of(bits), x);
  return tn_expr_convert(arena, TN_U8, seen_as(arena, unsigned_of(bits), x));
}

static const tn_expr *load(tn_arena *arena, tn_type type, const tn_index *at, const tn_expr *fill) {
  tn_expr *expr = tn_expr_load(arena, type, 0, 1, tn_arena_copy(arena, &at, sizeof at));
  expr->load.fill = fill;
  return expr;
}

/* ---- kernels ---- */

/* y[i] = value over i; a0 and y have one dim. */
static tn_kernel *new_kernel(tn_arena *arena, const char *name, int64_t size) {
  tn_kernel *kernel = TN_NEW(arena, tn_kernel);
  tn_stmt *loop = tn_stmt_new(arena, TN_STMT_LOOP);
  kernel->name = name;
  kernel->n_buffers = kernel->n_parameters = 2;
  kernel->buffers = TN_NEW_ARRAY(arena, tn_kernel_buffer, 2);
  kernel->n_dims = 1;
  kernel->dims = TN_NEW(arena, tn_dim);
  kernel->dims[0] = (tn_dim){"d0", size, TN_DIM_PARALLEL};
  loop->n_dims = 1;
  loop->dims = TN_NEW(arena, int);
  kernel->body = loop;
  return kernel;
}

static void set_store(tn_arena *arena, tn_kernel *kernel, const tn_expr *value) {
  const tn_index *at = tn_index_dim(arena, 0);
  tn_stmt *store = tn_stmt_new(arena, TN_STMT_STORE);
  store->buffer = 1;
  store->at = tn_arena_copy(arena, &at, sizeof at);
  store->expr = value;
  kernel->body->body = store;
}

static void add_step(builder *b, tn_kernel *kernel, int from, const tn_shape *from_shape, int to,
                     const tn_shape *to_shape) {
  kernel->buffers[0] = (tn_kernel_buffer){"a0", from_shape, TN_BUFFER_IN};
  kernel->buffers[1] = (tn_kernel_buffer){"y", to_shape, TN_BUFFER_OUT};
  tn_step *step = tn_plan_new_step(b, TN_STEP_RUN);
  step->arguments = tn_arena_copy(b->arena, (int[]){from, to}, sizeof(int) * 2);
  step->kernel = b->kernels.count;
  TN_PUSH(b->arena, &b->kernels, kernel);
}

static const tn_shape *line(builder *b, tn_type type, int64_t count) {
  return tn_shape_array(b->arena, type, 1, &count);
}

/* ---- buffers ---- */

/* The same with a byte an element. */
static const tn_shape *unpacked_shape(builder *b, const tn_shape *shape) {
  tn_layout *layout = tn_arena_copy(b->arena, shape->layout, sizeof *layout);
  layout->element_bits = 0;
  shape = tn_shape_with_layout(b->arena, shape, layout);
  return tn_layout_is_row_major(shape) ? tn_shape_without_layout(b->arena, shape) : shape;
}

static int unpacked_temp(builder *b, const tn_shape *shape) {
  int buffer = tn_plan_new_temp(b, shape);
  b->buffers.at[buffer].shape = unpacked_shape(b, shape);
  b->buffers.at[buffer].bytes = tn_layout_bytes(b->buffers.at[buffer].shape);
  return buffer;
}

int tn_plan_unpack(builder *b, int from) {
  tn_arena *arena = b->arena;
  const tn_shape *shape = b->buffers.at[from].shape;
  int to = unpacked_temp(b, shape), per_byte = tn_layout_packing(shape), bits = 8 / per_byte;
  int64_t count = tn_layout_elements(shape), bytes = tn_layout_bytes(shape);
  if (!count) return to;
  tn_kernel *kernel = new_kernel(arena, "unpack", count);
  const tn_index *at = tn_index_dim(arena, 0), *byte = tn_index_quotient(arena, kernel, at, per_byte);
  const tn_index *part = tn_index_remainder(arena, kernel, at, per_byte);
  const tn_expr *x = load(arena, TN_U8, byte, NULL);
  const tn_expr *by = tn_expr_index(arena, TN_U8, tn_index_scale(arena, part, bits));
  x = tn_expr_binary(arena, TN_OP_SHIFT_RIGHT_LOGICAL, TN_U8, x, by);
  set_store(arena, kernel, element_of(arena, shape->type, bits, x));
  add_step(b, kernel, from, line(b, TN_U8, bytes), to, line(b, shape->type, count));
  return to;
}

/* `from` has to's layout but for the bits. */
static void pack(builder *b, int to, int from) {
  tn_arena *arena = b->arena;
  const tn_shape *shape = b->buffers.at[to].shape;
  int per_byte = tn_layout_packing(shape), bits = 8 / per_byte;
  int64_t count = tn_layout_elements(shape), bytes = tn_layout_bytes(shape);
  tn_kernel *kernel = new_kernel(arena, "pack", bytes);
  const tn_index *byte = tn_index_dim(arena, 0);
  const tn_expr *sum = NULL, *zero = tn_expr_bits(arena, shape->type, 0, 0);
  for (int i = 0; i < per_byte; i++) {
    const tn_index *at = tn_index_scale(arena, byte, per_byte);
    at = tn_index_add(arena, at, tn_index_constant(arena, i));
    bool inside = (bytes - 1) * per_byte + i < count;
    const tn_expr *x = bits_of(arena, bits, load(arena, shape->type, at, inside ? NULL : zero));
    if (i) x = tn_expr_binary(arena, TN_OP_SHIFT_LEFT, TN_U8, x, tn_expr_number(arena, TN_U8, i * bits));
    sum = sum ? tn_expr_binary(arena, TN_OP_OR, TN_U8, sum, x) : x;
  }
  set_store(arena, kernel, sum);
  add_step(b, kernel, from, line(b, shape->type, count), to, line(b, TN_U8, bytes));
}

void tn_plan_pack(builder *b, int to, int from, const tn_shape *seen) {
  const tn_shape *shape = unpacked_shape(b, b->buffers.at[to].shape);
  if (!shape->layout && !b->buffers.at[from].shape->layout) {
    pack(b, to, from);
    return;
  }
  int between = unpacked_temp(b, b->buffers.at[to].shape);
  tn_plan_copy_buffer(b, between, from, seen);
  pack(b, to, between);
}
