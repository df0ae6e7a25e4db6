/* Trees of several statements: locals, lets, stores inside reduces.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "harness.h"

enum { ROWS = 11, COLUMNS = 75 };

static tn_arena *a; /* of the plan in the making */

static const tn_expr *constant(uint32_t bits) {
  tn_expr *e = TN_NEW(a, tn_expr);
  *e = (tn_expr){.kind = TN_EXPR_CONSTANT, .type = TN_F32, .bits = {bits}};
  return e;
}

static const tn_expr *value(int number) {
  tn_expr *e = TN_NEW(a, tn_expr);
  *e = (tn_expr){.kind = TN_EXPR_VALUE, .type = TN_F32, .value = number};
  return e;
}

static const tn_index *const *at(int first, int second) {
  const tn_index **indices = TN_NEW_ARRAY(a, const tn_index *, 2);
  indices[0] = tn_index_dim(a, first);
  if (second >= 0) indices[1] = tn_index_dim(a, second);
  return indices;
}

static const tn_expr *load(int buffer, int first, int second) {
  tn_expr *e = TN_NEW(a, tn_expr);
  *e = (tn_expr){.kind = TN_EXPR_LOAD, .type = TN_F32, .load = {.buffer = buffer, .at = at(first, second)}};
  return e;
}

static const tn_expr *op(tn_op code, const tn_expr *x, const tn_expr *y) {
  const tn_expr **operands = TN_NEW_ARRAY(a, const tn_expr *, 2);
  tn_expr *e = TN_NEW(a, tn_expr);
  operands[0] = x;
  operands[1] = y;
  *e = (tn_expr){
      .kind = TN_EXPR_OP, .type = TN_F32, .op = {.op = code, .n_operands = y ? 2 : 1, .operands = operands}};
  return e;
}

static tn_stmt *stmt(tn_stmt s) { return tn_arena_copy(a, &s, sizeof s); }

static const int *dim(int d) { return tn_arena_copy(a, &d, sizeof d); }

static tn_stmt *reduce(int d, int acc, const tn_expr *initial, const tn_expr *update, tn_stmt *body) {
  tn_accumulator *accumulator = TN_NEW(a, tn_accumulator);
  *accumulator = (tn_accumulator){acc, initial, update};
  return stmt((tn_stmt){.kind = TN_STMT_REDUCE,
                        .n_dims = 1,
                        .dims = dim(d),
                        .body = body,
                        .n_accumulators = 1,
                        .accumulators = accumulator});
}

static tn_stmt *store(int buffer, int first, int second, const tn_expr *expr) {
  return stmt((tn_stmt){.kind = TN_STMT_STORE, .buffer = buffer, .at = at(first, second), .expr = expr});
}

/* kernel softmax(x: f32[11,75], out y: f32[11,75]) {
 *   loop row:11 {
 *     local e: f32[75]
 *     reduce j:75 { m: f32 from -inf = maximum(m, x[row,j]) }
 *     reduce k:75 { let v: f32 = exponential(x[row,k] - m); e[k] = v; s: f32 from 0 = s + v }
 *     let r: f32 = 1 / s
 *     loop l:75 { y[row,l] = e[l] * r }
 *   }
 * }                                                                                        */
static tn_kernel *softmax(void) {
  static const tn_dim dims[] = {{"row", ROWS, TN_DIM_PARALLEL},
                                {"j", COLUMNS, TN_DIM_REDUCED},
                                {"k", COLUMNS, TN_DIM_REDUCED},
                                {"l", COLUMNS, TN_DIM_PARALLEL}};
  static const tn_kernel_value values[] = {{"m", TN_F32}, {"v", TN_F32}, {"s", TN_F32}, {"r", TN_F32}};
  const tn_shape *matrix = tn_shape_array(a, TN_F32, 2, (int64_t[]){ROWS, COLUMNS});
  const tn_kernel_buffer buffers[] = {
      {"x", matrix, TN_BUFFER_IN},
      {"y", matrix, TN_BUFFER_OUT},
      {"e", tn_shape_array(a, TN_F32, 1, (int64_t[]){COLUMNS}), TN_BUFFER_LOCAL}};
  tn_kernel *k = TN_NEW(a, tn_kernel);
  *k = (tn_kernel){.name = "softmax", .n_buffers = 3, .n_parameters = 2, .n_dims = 4, .n_values = 4};
  k->buffers = tn_arena_copy(a, buffers, sizeof buffers);
  k->dims = tn_arena_copy(a, dims, sizeof dims);
  k->values = tn_arena_copy(a, values, sizeof values);
  tn_stmt *last = stmt((tn_stmt){.kind = TN_STMT_LOOP,
                                 .n_dims = 1,
                                 .dims = dim(3),
                                 .body = store(1, 0, 3, op(TN_OP_MULTIPLY, load(2, 3, -1), value(3)))});
  tn_stmt *inverse = stmt((tn_stmt){.kind = TN_STMT_LET,
                                    .value = 3,
                                    .expr = op(TN_OP_DIVIDE, constant(0x3f800000), value(2)),
                                    .next = last});
  tn_stmt *let =
      stmt((tn_stmt){.kind = TN_STMT_LET,
                     .value = 1,
                     .expr = op(TN_OP_EXPONENTIAL, op(TN_OP_SUBTRACT, load(0, 0, 2), value(0)), NULL)});
  let->next = store(2, 2, -1, value(1));
  tn_stmt *sum = reduce(2, 2, constant(0), op(TN_OP_ADD, value(2), value(1)), let);
  sum->next = inverse;
  tn_stmt *maximum = reduce(1, 0, constant(0xff800000), op(TN_OP_MAXIMUM, value(0), load(0, 0, 1)), NULL);
  maximum->next = sum;
  tn_stmt *local = stmt((tn_stmt){.kind = TN_STMT_LOCAL, .buffer = 2, .next = maximum});
  k->body = stmt((tn_stmt){.kind = TN_STMT_LOOP, .n_dims = 1, .dims = dim(0), .body = local});
  return k;
}

static tn_plan *plan_of(const tn_cpu *cpu, tn_kernel *k) {
  tn_plan *plan = TN_NEW(a, tn_plan);
  tn_buffer buffers[] = {{.name = "x", .memory = TN_MEMORY_PARAMETER, .alias = -1},
                         {.name = "y", .memory = TN_MEMORY_RESULT, .alias = -1}};
  static const int numbers[] = {0, 1};
  for (int i = 0; i < 2; i++) {
    buffers[i].shape = k->buffers[i].shape;
    buffers[i].bytes = tn_layout_bytes(buffers[i].shape);
  }
  tn_step step = {.kind = TN_STEP_RUN, .kernel = 0, .arguments = numbers};
  *plan = (tn_plan){.arena = a,
                    .name = "tree",
                    .target = cpu,
                    .n_buffers = 2,
                    .n_kernels = 1,
                    .n_parameters = 1,
                    .n_results = 1};
  plan->buffers = tn_arena_copy(a, buffers, sizeof buffers);
  plan->kernels = tn_arena_copy(a, &k, sizeof(tn_kernel *));
  plan->steps = tn_arena_copy(a, &step, sizeof step);
  plan->parameters = (int *)&numbers[0];
  plan->results = (int *)&numbers[1];
  return plan;
}

static tn_dim_schedule *schedule(tn_kernel *k) {
  static const tn_loop_ref order[] = {{0, 0}, {1, 0}, {2, 0}, {3, 0}};
  tn_dim_schedule *dims = TN_NEW_ARRAY(a, tn_dim_schedule, k->n_dims);
  for (int i = 0; i < k->n_dims; i++) dims[i].unroll = 1;
  k->schedule = (tn_schedule){.dims = dims, .n_order = 4, .order = order, .n_threads = 1};
  return dims;
}

static tn_plan *plain(tn_arena *arena, const tn_cpu *cpu) {
  a = arena;
  return plan_of(cpu, softmax());
}

/* Columns in vectors, two rows side by side. */
static tn_plan *columns(tn_arena *arena, const tn_cpu *cpu) {
  a = arena;
  tn_kernel *k = softmax();
  tn_dim_schedule *dims = schedule(k);
  int lanes = tn_cpu_lanes(cpu, TN_F32);
  dims[0].unroll = 2;
  for (int i = 1; i < 4; i++) dims[i] = (tn_dim_schedule){.lanes = lanes, .vectors = 2, .unroll = 1};
  return plan_of(cpu, k);
}

/* Rows in the lanes: the local has a copy for each. */
static tn_plan *rows(tn_arena *arena, const tn_cpu *cpu) {
  a = arena;
  tn_kernel *k = softmax();
  tn_dim_schedule *dims = schedule(k);
  dims[0] = (tn_dim_schedule){.lanes = 4, .vectors = 2, .unroll = 1};
  dims[2].unroll = 3;
  dims[3].unroll = 2;
  return plan_of(cpu, k);
}

Test(cpu_tree, softmax_in_plain_loops) { check_plan("plain", plain); }
Test(cpu_tree, softmax_along_columns) { check_plan("columns", columns); }
Test(cpu_tree, softmax_along_rows) { check_plan("rows", rows); }
