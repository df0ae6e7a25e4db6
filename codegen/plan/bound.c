/* How much code a schedule makes: vectors and unrolled steps of the dims around a statement
 * multiply what is written out in one basic block, and the code generator's time grows faster
 * than that does. A schedule that writes out too much loses steps, the longest row first:
 *
 *   vector j:16*4, unroll i 3     twelve times a body of 200 instructions: too much
 *   vector j:16*1, unroll i 3
 *
 * What is counted are instructions, roughly, each as often as the dims that it depends on have
 * steps: one for each operation and register, as many as its polynomial has for a function of
 * base/math, several for each lane of a load or store whose lanes are not neighbours. Bodies
 * that are small next to MOST, which all hot ones are, keep their schedule. Only steps become
 * fewer, by a divisor, so that tiles stay whole. Cost: linear in the kernel's size, for each
 * step of the way.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"
#include "codegen/plan/schedule.h"
#include "codegen/plan/walk.h"

enum {
  MOST = 768, /* instructions of one body without the bodies in it */
  FUNCTION_F32 = 30,
  FUNCTION_F64 = 60,
  FUNCTION_PART = 120, /* of a complex number */
  NARROW = 8,
  CONVERT = 2, /* operations on floats of at most 16 bits, conversions */
  LANE = 4,
  GUARD = 6 /* of an access lane by lane, and for each of its guards */
};

typedef struct {
  tn_arena *arena;
  tn_kernel *kernel;
  const tn_cpu *target;
  tn_dim_schedule *dims;
  uint64_t open; /* dims around the body at hand */
  int vector;    /* the vector dim among them, or -1 */
  int64_t count;
  bool tiles;
} bound;

static int64_t steps_of(const bound *b, int d) {
  const tn_dim_schedule *dim = &b->dims[d];
  int64_t lanes = dim->lanes ? dim->lanes : 1, steps = dim->lanes ? dim->vectors : dim->unroll;
  int64_t whole = (b->kernel->dims[d].size + lanes - 1) / lanes;
  return steps < whole ? steps : whole > 1 ? whole : 1;
}

/* ---- counting ---- */

static int64_t lanes_of(const bound *b, uint64_t dims) {
  return b->vector >= 0 && dims >> b->vector & 1 ? b->dims[b->vector].lanes : 1;
}

static int64_t registers(const bound *b, uint64_t dims, tn_type type) {
  int64_t bytes = lanes_of(b, dims) * (int64_t)tn_type_bytes(type);
  return bytes <= b->target->vector_bytes ? 1 : bytes / b->target->vector_bytes;
}

static void add(bound *b, uint64_t dims, int64_t cost) {
  for (int d = 0; d < b->kernel->n_dims; d++)
    if (dims >> d & 1) cost *= steps_of(b, d);
  b->count += cost;
}

static int64_t cost_of_operation(const tn_expr *expr, tn_type type) {
  bool narrow = tn_type_is_float(type) && tn_type_bits(type) < 32;
  if (expr->op.part) return FUNCTION_PART;
  if (expr->op.op == TN_OP_CONVERT) return narrow ? CONVERT : 1;
  if (!tn_math_find(tn_ops[expr->op.op].name, narrow ? TN_F32 : type)) return narrow ? NARROW : 1;
  return type == TN_F64 ? FUNCTION_F64 : FUNCTION_F32;
}

typedef struct {
  uint64_t dims, values;
} dim_set;

static bool add_dim(void *user, int dim) {
  ((dim_set *)user)->dims |= UINT64_C(1) << dim;
  return false;
}

static bool add_value(void *user, const tn_expr *expr) {
  if (expr->kind == TN_EXPR_VALUE) ((dim_set *)user)->values = ~UINT64_C(0);
  return false;
}

/* Open dims; all of them where lets and accumulators are read. */
static uint64_t dims_of(const bound *b, const tn_index *index) {
  dim_set set = {0, 0};
  const tn_walk walk = {.dim = add_dim, .expr = add_value, .user = &set};
  tn_walk_index(&walk, index);
  return (set.dims | set.values) & b->open;
}

/* Squares of lanes by steps are transposed in registers. */
static bool is_transposed(const bound *b, const tn_index *offset, int64_t lanes) {
  int64_t stride;
  for (int d = 0; d < b->kernel->n_dims; d++)
    if (b->open >> d & 1 && steps_of(b, d) >= lanes &&
        tn_index_stride(b->kernel, offset, d, lanes, &stride) && stride == 1)
      return true;
  return false;
}

/* The dims that the access depends on. */
static uint64_t count_access(bound *b, int buffer, const tn_index *const *at, int guards, uint64_t dims) {
  const tn_kernel *kernel = b->kernel;
  const tn_index *offset = tn_access_offset(b->arena, kernel, buffer, at);
  dims |= dims_of(b, offset);
  int64_t stride, lanes = lanes_of(b, dims);
  bool together = lanes == 1 || (tn_index_stride(kernel, offset, b->vector, lanes, &stride) &&
                                 (stride == 0 || stride == 1));
  together = together || is_transposed(b, offset, lanes);
  add(b, dims,
      together ? registers(b, dims, kernel->buffers[buffer].shape->type) + GUARD * guards
               : lanes * (LANE + GUARD * guards));
  return dims;
}

static uint64_t count_expr(bound *b, const tn_expr *expr) {
  uint64_t dims = 0;
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: break;
  case TN_EXPR_VALUE: return b->open;
  case TN_EXPR_INDEX:
    dims = dims_of(b, expr->index);
    add(b, dims, registers(b, dims, TN_S64));
    break;
  case TN_EXPR_LOAD:
    for (int i = 0; i < expr->load.n_guards; i++) dims |= dims_of(b, expr->load.guards[i].index);
    dims = count_access(b, expr->load.buffer, expr->load.at, expr->load.n_guards, dims);
    if (expr->load.fill) dims |= count_expr(b, expr->load.fill);
    break;
  case TN_EXPR_FMA:
  case TN_EXPR_OP: {
    tn_type type = expr->op.n_operands ? expr->op.operands[0]->type : expr->type;
    for (int i = 0; i < expr->op.n_operands; i++) dims |= count_expr(b, expr->op.operands[i]);
    add(b, dims, registers(b, dims, type) * (expr->kind == TN_EXPR_FMA ? 1 : cost_of_operation(expr, type)));
    break;
  }
  }
  return dims;
}

/* What stands right in the nest, less what nests in it hold. */
static int64_t count_body(bound *b, const tn_stmt *nest) {
  b->count = 0;
  for (int i = 0; i < nest->n_accumulators; i++) count_expr(b, nest->accumulators[i].update);
  for (const tn_stmt *stmt = nest->body; stmt; stmt = stmt->next) {
    if (stmt->kind != TN_STMT_LET && stmt->kind != TN_STMT_STORE) continue;
    count_expr(b, stmt->expr);
    if (stmt->condition) count_expr(b, stmt->condition);
    if (stmt->kind == TN_STMT_STORE) count_access(b, stmt->buffer, stmt->at, stmt->condition != NULL, 0);
  }
  return b->count;
}

/* ---- less of it ---- */

/* The open dim of most steps; -1: all have one. */
static int longest_row(const bound *b) {
  int longest = -1;
  for (int d = 0; d < b->kernel->n_dims; d++)
    if (b->open >> d & 1 && steps_of(b, d) > (longest < 0 ? 1 : steps_of(b, longest))) longest = d;
  return longest;
}

static void shorten(tn_dim_schedule *dim) {
  int *steps = dim->lanes ? &dim->vectors : &dim->unroll;
  *steps = *steps % 2 ? 1 : *steps / 2;
}

static void bound_nest(bound *b, const tn_stmt *nest) {
  bound around = *b;
  tn_contraction c;
  if (b->tiles && tn_find_contraction(b->arena, b->kernel, nest, b->target, &c) && !c.lane_by_lane) return;
  for (int i = 0; i < nest->n_dims; i++) {
    b->open |= UINT64_C(1) << nest->dims[i];
    if (b->dims[nest->dims[i]].lanes) b->vector = nest->dims[i];
  }
  for (int dim; count_body(b, nest) > MOST && (dim = longest_row(b)) >= 0;) shorten(&b->dims[dim]);
  for (const tn_stmt *child = nest->body; child; child = child->next)
    if (child->kind == TN_STMT_LOOP || child->kind == TN_STMT_REDUCE) bound_nest(b, child);
  *b = around;
}

void tn_schedule_bound(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target, bool tiles) {
  tn_schedule *s = &kernel->schedule;
  tn_dim_schedule *dims = tn_arena_copy(arena, s->dims, sizeof *dims * (size_t)kernel->n_dims);
  bound b = {.arena = arena, .kernel = kernel, .target = target, .dims = dims, .vector = -1, .tiles = tiles};
  bound_nest(&b, kernel->body);
  s->dims = dims;
}
