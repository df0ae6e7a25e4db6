/* The faults. Each is of a kind that has happened to somebody: one lane of a vector, the
 * edge of a tail, the wrong identity, a guard one too wide, two buffers in one place.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/planted/plant.h"

#include "codegen/cpu/emit.h"
#include "codegen/plan/build.h"
#include "codegen/plan/schedule.h"

/* What is planted now. Set between programs, read by threads of the compiler. */
static struct {
  tn_op op; /* whose emitter is wrong; TN_OP_COUNT: none */
  bool join, tail, identity, guard, place, order;
} planted = {.op = TN_OP_COUNT};

/* ---- the emitter of an opcode: in vectors, lane 1 has what belongs to lane 0 ---- */

LLVMValueRef __real_tn_emit_op(tn_emitter *e, const tn_expr *expr, LLVMValueRef *operands);
LLVMValueRef __wrap_tn_emit_op(tn_emitter *e, const tn_expr *expr, LLVMValueRef *operands);

LLVMValueRef __wrap_tn_emit_op(tn_emitter *e, const tn_expr *expr, LLVMValueRef *operands) {
  LLVMValueRef value = __real_tn_emit_op(e, expr, operands);
  int lanes = tn_lanes_of(value);
  if (expr->op.op != planted.op || lanes < 2) return value;
  LLVMValueRef zero = LLVMConstInt(e->u->i32, 0, 0), one = LLVMConstInt(e->u->i32, 1, 0);
  return LLVMBuildInsertElement(e->b, value, LLVMBuildExtractElement(e->b, value, zero, ""), one, "");
}

/* ---- the join of partial results: minima are maxima, sums are without the second ---- */

LLVMValueRef __real_tn_emit_join(tn_emitter *e, tn_join join, tn_type type, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef __wrap_tn_emit_join(tn_emitter *e, tn_join join, tn_type type, LLVMValueRef a, LLVMValueRef b);

LLVMValueRef __wrap_tn_emit_join(tn_emitter *e, tn_join join, tn_type type, LLVMValueRef a, LLVMValueRef b) {
  if (planted.join && join == TN_JOIN_ADD) return a;
  return __real_tn_emit_join(e, join, type, a, b);
}

/* ---- the tail of a vector loop in a reduction: one lane too many takes part ---- */

LLVMValueRef __real_tn_lane_mask(tn_emitter *e, int active);
LLVMValueRef __wrap_tn_lane_mask(tn_emitter *e, int active);

LLVMValueRef __wrap_tn_lane_mask(tn_emitter *e, int active) {
  return __real_tn_lane_mask(e, planted.tail && active < e->lanes ? active + 1 : active);
}

/* ---- the identity of maxima is 0 ---- */

void __real_tn_join_identity(tn_join join, tn_type type, uint64_t bits[2]);
void __wrap_tn_join_identity(tn_join join, tn_type type, uint64_t bits[2]);

void __wrap_tn_join_identity(tn_join join, tn_type type, uint64_t bits[2]) {
  __real_tn_join_identity(join, type, bits);
  if (planted.identity && join == TN_JOIN_MAXIMUM) bits[0] = bits[1] = 0;
}

/* ---- padding: the guard of what is read is one element short ---- */

void __real_tn_lower_push_guard(tn_lowering *l, const tn_index *index, int64_t low, int64_t high);
void __wrap_tn_lower_push_guard(tn_lowering *l, const tn_index *index, int64_t low, int64_t high);

void __wrap_tn_lower_push_guard(tn_lowering *l, const tn_index *index, int64_t low, int64_t high) {
  __real_tn_lower_push_guard(l, index, low, planted.guard && high - low > 1 ? high - 1 : high);
}

/* ---- the arena: temps lie over each other ---- */

void __real_tn_plan_place_buffers(tn_plan *plan);
void __wrap_tn_plan_place_buffers(tn_plan *plan);

void __wrap_tn_plan_place_buffers(tn_plan *plan) {
  __real_tn_plan_place_buffers(plan);
  for (int i = 0; planted.place && i < plan->n_buffers; i++)
    if (plan->buffers[i].memory == TN_MEMORY_TEMP) plan->buffers[i].offset = 0;
}

/* ---- the schedule: a reduce is said to be split for threads and vectors where its
 * iterations must run in order; verifier and both back ends believe it ---- */

bool __real_tn_reduce_splits(const tn_kernel *kernel, const tn_stmt *reduce);
bool __wrap_tn_reduce_splits(const tn_kernel *kernel, const tn_stmt *reduce);

bool __wrap_tn_reduce_splits(const tn_kernel *kernel, const tn_stmt *reduce) {
  return __real_tn_reduce_splits(kernel, reduce) || planted.order;
}

/* ---- the list ---- */

void plant_nothing(void) {
  planted.op = TN_OP_COUNT;
  planted.join = planted.tail = planted.identity = planted.guard = planted.place = planted.order = false;
}

static void plant_maximum(void) { planted.op = TN_OP_MAXIMUM; }
static void plant_subtract(void) { planted.op = TN_OP_SUBTRACT; }
static void plant_select(void) { planted.op = TN_OP_SELECT; }
static void plant_multiply(void) { planted.op = TN_OP_MULTIPLY; }
static void plant_join(void) { planted.join = true; }
static void plant_tail(void) { planted.tail = true; }
static void plant_identity(void) { planted.identity = true; }
static void plant_guard(void) { planted.guard = true; }
static void plant_place(void) { planted.place = true; }
static void plant_order(void) { planted.order = true; }

const planted_fault planted_faults[] = {
    {"emitter: a lane of maximum", plant_maximum},
    {"emitter: a lane of subtract", plant_subtract},
    {"emitter: a lane of select", plant_select},
    {"emitter: a lane of multiply", plant_multiply},
    {"emitter: the join of sums", plant_join},
    {"schedule: the tail of vector loops", plant_tail},
    {"schedule: ordered reduces are split", plant_order},
    {"plan: the identity of maxima", plant_identity},
    {"plan: a guard of padding", plant_guard},
    {"plan: buffers in one place", plant_place},
    {0},
};
