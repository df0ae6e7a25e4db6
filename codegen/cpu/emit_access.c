/* Loads and stores at a point, with fills and masks.
 *
 * What may lie outside is never touched: the address of a guarded scalar is replaced by
 * the buffer's start, a guarded vector is a masked load, lanes past the end of a dim are
 * masked by constants. Guards that hold for the whole segment cost nothing.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

#include <assert.h>

int tn_active_lanes(const tn_emitter *e) {
  if (e->vector < 0) return 1;
  const tn_dim_state *d = &e->dims[e->vector];
  int point = d->jam_at >= 0 ? e->at[d->jam_at] : 0;
  return point == d->points - 1 ? d->tail : e->lanes;
}

LLVMValueRef tn_lane_mask(tn_emitter *e, int active) {
  LLVMValueRef lanes[256];
  for (int i = 0; i < e->lanes; i++) lanes[i] = LLVMConstInt(e->u->i1, i < active, false);
  return LLVMConstVector(lanes, (unsigned)e->lanes);
}

static LLVMValueRef i64_number(tn_emitter *e, int64_t value) {
  return LLVMConstInt(e->u->i64, (uint64_t)value, true);
}

static LLVMValueRef displaced(tn_emitter *e, LLVMValueRef pointer, int64_t bytes) {
  LLVMValueRef offset = i64_number(e, bytes);
  return bytes ? LLVMBuildGEP2(e->b, e->u->i8, pointer, &offset, 1, "") : pointer;
}

/* The address of the element at `offset`, at the current point. Locals have an instance
 * for each point they were declared under, and its elements in all lanes side by side
 * where that was inside a vector dim. condition: when false, the buffer's start.        */
static LLVMValueRef address(tn_emitter *e, int buffer, const tn_index *offset, LLVMValueRef condition) {
  int64_t bytes = (int64_t)tn_type_bytes(e->k->buffers[buffer].shape->type), constant;
  int beside = e->local_lanes[buffer];
  LLVMValueRef pointer = e->buffers[buffer], variable = tn_emit_index(e, offset, &constant);
  constant *= beside;
  if (beside > 1 && e->lane >= 0) constant += e->lane;
  if (variable && beside > 1) variable = LLVMBuildMul(e->b, variable, i64_number(e, beside), "");
  if (e->k->buffers[buffer].access == TN_BUFFER_LOCAL)
    pointer = displaced(e, pointer, e->local_bytes[buffer] * tn_point_number(e, e->local_jam[buffer]));
  if (condition) {
    LLVMValueRef whole = i64_number(e, constant);
    if (variable) whole = LLVMBuildAdd(e->b, variable, whole, "");
    variable = tn_select(e, condition, whole, i64_number(e, 0));
    constant = 0;
  }
  if (variable)
    pointer = LLVMBuildGEP2(e->b, tn_memory_type(e->u, e->k->buffers[buffer].shape->type), pointer, &variable,
                            1, "");
  return displaced(e, pointer, constant * bytes);
}

static LLVMValueRef load(tn_emitter *e, tn_type type, LLVMValueRef pointer, int lanes) {
  LLVMValueRef value = LLVMBuildLoad2(e->b, tn_shaped(tn_memory_type(e->u, type), lanes), pointer, "");
  LLVMSetAlignment(value, (unsigned)tn_type_bytes(type));
  return tn_from_memory(e, type, value);
}

LLVMValueRef tn_load_vector(tn_emitter *e, const tn_expr *expr, const tn_index *offset, int lanes) {
  return load(e, expr->type, address(e, expr->load.buffer, offset, NULL), lanes);
}

static LLVMValueRef masked(tn_emitter *e, const char *name, LLVMTypeRef vector, LLVMValueRef *arguments) {
  LLVMTypeRef types[2] = {vector, e->u->ptr};
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->u->module, id, types, 2);
  return LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->u->context, id, types, 2), function, arguments, 4, "");
}

/* Lanes first … first + count of a, or of a and b, which is as long. */
static LLVMValueRef lanes_of(tn_emitter *e, LLVMValueRef a, LLVMValueRef b, int first, int count) {
  LLVMValueRef order[256];
  for (int i = 0; i < count; i++) order[i] = LLVMConstInt(e->u->i32, (uint64_t)(first + i), false);
  if (!b) b = LLVMGetPoison(LLVMTypeOf(a));
  return LLVMBuildShuffleVector(e->b, a, b, LLVMConstVector(order, (unsigned)count), "");
}

/* In pieces that fit a register: where it has to split a vector, LLVM 19 reads all of a half
 * whose lanes are turned off by constants.                                              */
static LLVMValueRef masked_pieces(tn_emitter *e, tn_type type, LLVMValueRef pointer, LLVMValueRef mask,
                                  int lanes) {
  int64_t bytes = (int64_t)tn_type_bytes(type);
  if (lanes > 1 && lanes * bytes > e->u->cpu->vector_bytes) {
    int half = lanes / 2;
    LLVMValueRef low = masked_pieces(e, type, pointer, lanes_of(e, mask, NULL, 0, half), half);
    LLVMValueRef behind = displaced(e, pointer, half * bytes);
    LLVMValueRef high = masked_pieces(e, type, behind, lanes_of(e, mask, NULL, half, half), half);
    return lanes_of(e, low, high, 0, lanes);
  }
  LLVMTypeRef vector = tn_shaped(tn_memory_type(e->u, type), lanes);
  LLVMValueRef align = LLVMConstInt(e->u->i32, tn_type_bytes(type), false);
  LLVMValueRef arguments[4] = {pointer, align, mask, LLVMConstNull(vector)};
  return masked(e, "llvm.masked.load", vector, arguments);
}

static LLVMValueRef masked_load(tn_emitter *e, tn_type type, LLVMValueRef pointer, LLVMValueRef mask) {
  return tn_from_memory(e, type, masked_pieces(e, type, pointer, mask, e->lanes));
}

/* A tail of 2, 4, 8, … lanes is a narrower vector: some CPUs take far longer over masked
 * accesses.                                                                              */
static bool is_narrow(const tn_emitter *e, int active) {
  return active > 1 && active < e->lanes && (active & (active - 1)) == 0;
}

/* `lanes` lanes of a vector from `first` on; those it does not have are 0, not undefined:
 * a division by what they hold may be an instruction that traps.                         */
static LLVMValueRef with_lanes(tn_emitter *e, LLVMValueRef vector, int first, int lanes) {
  LLVMValueRef order[256];
  int have = tn_lanes_of(vector);
  for (int i = 0; i < lanes; i++) {
    int from = first + i < have ? first + i : have; /* the first of the zeros */
    order[i] = LLVMConstInt(e->u->i32, (uint64_t)from, false);
  }
  return LLVMBuildShuffleVector(e->b, vector, LLVMConstNull(LLVMTypeOf(vector)),
                                LLVMConstVector(order, (unsigned)lanes), "");
}

static LLVMValueRef narrow_load(tn_emitter *e, tn_type type, LLVMValueRef pointer, int active) {
  LLVMValueRef value = LLVMBuildLoad2(e->b, tn_shaped(tn_memory_type(e->u, type), active), pointer, "");
  LLVMSetAlignment(value, (unsigned)tn_type_bytes(type));
  return tn_from_memory(e, type, with_lanes(e, value, 0, e->lanes));
}

/* The lanes of the tail that `e` is at; lanes 0: a scalar. */
static LLVMValueRef load_active(tn_emitter *e, tn_type type, LLVMValueRef pointer, int lanes) {
  int active = lanes ? tn_active_lanes(e) : 0;
  if (active == lanes) return load(e, type, pointer, lanes);
  if (is_narrow(e, active)) return narrow_load(e, type, pointer, active);
  return masked_load(e, type, pointer, tn_lane_mask(e, active));
}

/* ---- guards ---- */

/* Of those of a load: what is not settled by ranges. */
typedef struct {
  tn_guard_range *at;
  int count;
  bool never;   /* some guard fails at all iterations here */
  bool strided; /* all have a step from lane to lane */
  bool uniform; /* all steps are 0 */
} guards;

static void add_guard(tn_emitter *e, guards *g, tn_guard_range range) {
  int64_t low, high, stride;
  tn_point_range(e, range.index, &low, &high);
  if (low >= range.low && high < range.high) return;
  if (high < range.low || low >= range.high) g->never = true;
  if (!tn_lane_stride(e, range.index, &stride))
    g->strided = false;
  else if (stride)
    g->uniform = false;
  g->at[g->count++] = range;
}

static guards guards_of(tn_emitter *e, const tn_expr *expr) {
  const tn_shape *shape = e->k->buffers[expr->load.buffer].shape;
  guards g = {.at = NULL, .count = 0, .never = false, .strided = true, .uniform = true};
  if (!expr->load.fill) return g;
  g.at = TN_NEW_ARRAY(e->arena, tn_guard_range, shape->rank + expr->load.n_guards);
  for (int i = 0; i < shape->rank; i++)
    add_guard(e, &g, (tn_guard_range){expr->load.at[i], 0, shape->dims[i]});
  for (int i = 0; i < expr->load.n_guards; i++) add_guard(e, &g, expr->load.guards[i]);
  if (!g.strided) g.uniform = false;
  return g;
}

/* low <= index < high, as one unsigned comparison; over lanes where it differs. */
static LLVMValueRef guard_holds(tn_emitter *e, const tn_guard_range *range, bool vector) {
  LLVMValueRef from = LLVMBuildSub(e->b, tn_emit_index_value(e, range->index), i64_number(e, range->low), "");
  LLVMValueRef size = i64_number(e, range->high > range->low ? range->high - range->low : 0);
  int64_t stride;
  if (vector && tn_lane_stride(e, range->index, &stride) && stride) {
    LLVMValueRef steps[256];
    for (int i = 0; i < e->lanes; i++) steps[i] = i64_number(e, i * stride);
    from = LLVMBuildAdd(e->b, tn_splat(e, from, e->lanes), LLVMConstVector(steps, (unsigned)e->lanes), "");
    return LLVMBuildICmp(e->b, LLVMIntULT, from, tn_splat(e, size, e->lanes), "");
  }
  LLVMValueRef holds = LLVMBuildICmp(e->b, LLVMIntULT, from, size, "");
  return vector ? tn_splat(e, holds, e->lanes) : holds;
}

static LLVMValueRef guards_hold(tn_emitter *e, const guards *g, bool vector) {
  LLVMValueRef all = NULL;
  for (int i = 0; i < g->count; i++) {
    LLVMValueRef one = guard_holds(e, &g->at[i], vector);
    all = all ? LLVMBuildAnd(e->b, all, one, "") : one;
  }
  return all;
}

/* ---- loads ---- */

static LLVMValueRef fill_at(tn_emitter *e, const tn_expr *expr, bool vector) {
  int low[64], count[64];
  memcpy(low, e->low, sizeof low);
  memcpy(count, e->count, sizeof count);
  for (int j = 0; j < e->n_jam; j++) e->low[j] = e->at[j], e->count[j] = 1;
  LLVMValueRef value = tn_value_at(e, tn_emit_values(e, expr->load.fill), vector);
  memcpy(e->low, low, sizeof low);
  memcpy(e->count, count, sizeof count);
  return value;
}

/* A constant fill in memory, `lanes` times. */
static LLVMValueRef fill_in_memory(tn_emitter *e, const tn_expr *fill, int lanes) {
  LLVMTypeRef type = tn_memory_type(e->u, fill->type);
  bool is_float = fill->type == TN_F32 || fill->type == TN_F64;
  LLVMValueRef one =
      is_float ? tn_constant_value(e, fill->type, fill->bits[0]) : LLVMConstInt(type, fill->bits[0], false);
  LLVMValueRef all = lanes ? tn_splat(e, one, lanes) : one;
  for (int i = 0; i < e->fills.count; i++)
    if (LLVMGetInitializer(e->fills.at[i]) == all) return e->fills.at[i];
  LLVMValueRef global = tn_private_constant(e->u, all);
  TN_PUSH(e->arena, &e->fills, global);
  return global;
}

/* Under guards that are the same in all lanes. A constant fill is read from memory too:
 * choosing between addresses is cheaper than choosing between values, which on vectors
 * and floats would be a branch. Any other fill needs an address that can be read.      */
static LLVMValueRef chosen_load(tn_emitter *e, const tn_expr *expr, const guards *g, int lanes) {
  const tn_index *offset = tn_offset_of(e, expr, expr->load.buffer, expr->load.at);
  LLVMValueRef condition = guards_hold(e, g, false);
  if (expr->load.fill->kind == TN_EXPR_CONSTANT) {
    LLVMValueRef inside = address(e, expr->load.buffer, offset, NULL);
    LLVMValueRef fill = fill_in_memory(e, expr->load.fill, lanes);
    return load_active(e, expr->type, tn_select(e, condition, inside, fill), lanes);
  }
  LLVMValueRef value = load_active(e, expr->type, address(e, expr->load.buffer, offset, condition), lanes);
  return tn_select(e, condition, value, fill_at(e, expr, lanes > 0));
}

/* The guards are the same for all of them, and the fill is a constant. */
LLVMValueRef tn_load_bytes(tn_emitter *e, const tn_expr *expr, LLVMTypeRef type) {
  guards g = guards_of(e, expr);
  LLVMValueRef pointer = NULL, fill = NULL;
  if (g.count) fill = fill_in_memory(e, expr->load.fill, (int)LLVMABISizeOfType(e->u->layout, type));
  if (!g.never)
    pointer = address(e, expr->load.buffer, tn_offset_of(e, expr, expr->load.buffer, expr->load.at), NULL);
  if (g.never)
    pointer = fill;
  else if (g.count)
    pointer = tn_select(e, guards_hold(e, &g, false), pointer, fill);
  LLVMValueRef value = LLVMBuildLoad2(e->b, type, pointer, "");
  LLVMSetAlignment(value, 1);
  return value;
}

static LLVMValueRef scalar_load(tn_emitter *e, const tn_expr *expr, const guards *g) {
  if (g->never) return fill_at(e, expr, false);
  if (g->count) return chosen_load(e, expr, g, 0);
  const tn_index *offset = tn_offset_of(e, expr, expr->load.buffer, expr->load.at);
  return load(e, expr->type, address(e, expr->load.buffer, offset, NULL), 0);
}

/* Lane by lane: other steps than 1, and indices that have no step. */
static LLVMValueRef gathered_load(tn_emitter *e, const tn_expr *expr) {
  LLVMValueRef all = LLVMConstNull(tn_shaped(tn_register_type(e->u, expr->type), e->lanes));
  int active = tn_active_lanes(e);
  for (e->lane = 0; e->lane < active; e->lane++) {
    guards g = guards_of(e, expr);
    LLVMValueRef one = scalar_load(e, expr, &g);
    all = LLVMBuildInsertElement(e->b, all, one, LLVMConstInt(e->u->i32, (uint64_t)e->lane, false), "");
  }
  e->lane = -1;
  return all;
}

/* Neighbouring elements. A guard that is the same in all lanes chooses the address, others
 * are masks.                                                                          */
static LLVMValueRef vector_load(tn_emitter *e, const tn_expr *expr, const guards *g) {
  int active = tn_active_lanes(e), buffer = expr->load.buffer;
  const tn_index *offset = tn_offset_of(e, expr, buffer, expr->load.at);
  if (!g->count) return load_active(e, expr->type, address(e, buffer, offset, NULL), e->lanes);
  bool room = tn_shape_elements(e->k->buffers[buffer].shape) >= active;
  if (g->uniform && (room || expr->load.fill->kind == TN_EXPR_CONSTANT))
    return chosen_load(e, expr, g, e->lanes);
  if (g->uniform) return gathered_load(e, expr);
  LLVMValueRef holds = guards_hold(e, g, true), mask = holds;
  if (active < e->lanes) mask = LLVMBuildAnd(e->b, holds, tn_lane_mask(e, active), "");
  LLVMValueRef value = masked_load(e, expr->type, address(e, buffer, offset, NULL), mask);
  return tn_select(e, holds, value, fill_at(e, expr, true));
}

/* One part of neighbouring complex numbers: both parts are loaded, every other lane is kept.
 * The load of the other part is the same one, which LLVM then finds.                      */
static LLVMValueRef part_load(tn_emitter *e, const tn_expr *expr, const tn_index *offset, int part) {
  int active = tn_active_lanes(e), lanes = e->lanes;
  LLVMValueRef order[256];
  LLVMValueRef pointer = address(e, expr->load.buffer, offset, NULL);
  LLVMTypeRef type = tn_shaped(tn_memory_type(e->u, expr->type), 2 * active);
  LLVMValueRef both =
      LLVMBuildLoad2(e->b, type, displaced(e, pointer, -part * (int64_t)tn_type_bytes(expr->type)), "");
  LLVMSetAlignment(both, (unsigned)tn_type_bytes(expr->type));
  for (int i = 0; i < lanes; i++) /* past the end: the first of the zeros */
    order[i] = LLVMConstInt(e->u->i32, (uint64_t)(i < active ? 2 * i + part : 2 * active), false);
  LLVMValueRef zeros = LLVMConstNull(type);
  LLVMValueRef kept = LLVMBuildShuffleVector(e->b, both, zeros, LLVMConstVector(order, (unsigned)lanes), "");
  return tn_from_memory(e, expr->type, kept);
}

LLVMValueRef tn_emit_load(tn_emitter *e, const tn_expr *expr) {
  guards g = guards_of(e, expr);
  bool vector = e->vector >= 0 && e->lane < 0 && (tn_expr_dims(e, expr) >> e->vector & 1);
  if (!vector) return scalar_load(e, expr, &g);
  if (g.never) return fill_at(e, expr, true);
  int64_t stride, wanted = e->local_lanes[expr->load.buffer] > 1 ? 0 : 1;
  const tn_index *offset = tn_offset_of(e, expr, expr->load.buffer, expr->load.at);
  bool neighbours = tn_lane_stride(e, offset, &stride) && stride == wanted;
  if (neighbours && g.strided) return vector_load(e, expr, &g);
  int part = tn_access_part(e->k, expr->load.buffer, expr->load.at);
  bool pairs = part >= 0 && wanted == 1 && tn_lane_stride(e, offset, &stride) && stride == 2;
  return pairs && !g.count ? part_load(e, expr, offset, part) : gathered_load(e, expr);
}

/* ---- stores ---- */

static void scalar_store(tn_emitter *e, const tn_stmt *store, LLVMValueRef value) {
  tn_type type = e->k->buffers[store->buffer].shape->type;
  const tn_index *offset = tn_offset_of(e, store, store->buffer, store->at);
  LLVMValueRef pointer = address(e, store->buffer, offset, NULL);
  LLVMSetAlignment(LLVMBuildStore(e->b, value, pointer), (unsigned)tn_type_bytes(type));
}

/* Neighbouring elements from the one on that the store means at the current point, in memory form. */
void tn_store_vector(tn_emitter *e, const tn_stmt *store, LLVMValueRef value) {
  tn_type type = e->k->buffers[store->buffer].shape->type;
  LLVMValueRef pointer = address(e, store->buffer, tn_offset_of(e, store, store->buffer, store->at), NULL);
  LLVMSetAlignment(LLVMBuildStore(e->b, value, pointer), (unsigned)tn_type_bytes(type));
}

/* Opens the block where the condition holds; returns the one behind it. NULL: always. */
static LLVMBasicBlockRef open_condition(tn_emitter *e, LLVMValueRef condition) {
  if (!condition) return NULL;
  LLVMBasicBlockRef holds = LLVMAppendBasicBlockInContext(e->u->context, e->function, "");
  LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->u->context, e->function, "");
  LLVMBuildCondBr(e->b, condition, holds, after);
  LLVMPositionBuilderAtEnd(e->b, holds);
  return after;
}

static void close_condition(tn_emitter *e, LLVMBasicBlockRef after) {
  if (!after) return;
  LLVMBuildBr(e->b, after);
  LLVMPositionBuilderAtEnd(e->b, after);
}

/* condition: NULL, or one a lane. */
static void scattered_store(tn_emitter *e, const tn_stmt *store, LLVMValueRef value, LLVMValueRef condition) {
  int active = tn_active_lanes(e);
  for (e->lane = 0; e->lane < active; e->lane++) {
    LLVMValueRef lane = LLVMConstInt(e->u->i32, (uint64_t)e->lane, false);
    LLVMValueRef holds = condition ? LLVMBuildExtractElement(e->b, condition, lane, "") : NULL;
    LLVMBasicBlockRef after = open_condition(e, holds);
    scalar_store(e, store, LLVMBuildExtractElement(e->b, value, lane, ""));
    close_condition(e, after);
  }
  e->lane = -1;
}

/* A tail in parts of 8, 4, 2, 1 lanes: Zen 4 takes hundreds of cycles over a masked store
 * that is read again soon (MobileNetV2's 24 channels: 0.54 -> 0.22 ms).                   */
static void tail_store(tn_emitter *e, tn_type type, LLVMValueRef value, LLVMValueRef pointer, int active) {
  int64_t bytes = (int64_t)tn_type_bytes(type);
  for (int part = 128, first = 0; part; part /= 2) {
    if (!(active & part)) continue;
    LLVMValueRef some = with_lanes(e, value, first, part);
    LLVMSetAlignment(LLVMBuildStore(e->b, some, displaced(e, pointer, first * bytes)), (unsigned)bytes);
    first += part;
  }
}

static void vector_store(tn_emitter *e, const tn_stmt *store, const tn_index *offset, LLVMValueRef value) {
  tn_type type = e->k->buffers[store->buffer].shape->type;
  int active = tn_active_lanes(e);
  LLVMValueRef pointer = address(e, store->buffer, offset, NULL);
  if (active == e->lanes)
    LLVMSetAlignment(LLVMBuildStore(e->b, value, pointer), (unsigned)tn_type_bytes(type));
  else
    tail_store(e, type, value, pointer, active);
}

/* Lanes where the condition holds. */
static void masked_store(tn_emitter *e, const tn_stmt *store, const tn_index *offset, LLVMValueRef value,
                         LLVMValueRef mask) {
  tn_type type = e->k->buffers[store->buffer].shape->type;
  int active = tn_active_lanes(e);
  if (active < e->lanes) mask = LLVMBuildAnd(e->b, mask, tn_lane_mask(e, active), "");
  LLVMValueRef align = LLVMConstInt(e->u->i32, tn_type_bytes(type), false);
  LLVMValueRef arguments[4] = {value, address(e, store->buffer, offset, NULL), align, mask};
  masked(e, "llvm.masked.store", LLVMTypeOf(value), arguments);
}

/* value: in register form, a vector inside a vector dim. */
void tn_emit_store(tn_emitter *e, const tn_stmt *store, LLVMValueRef value, LLVMValueRef condition) {
  int64_t stride, wanted = e->local_lanes[store->buffer] > 1 ? 0 : 1;
  const tn_index *offset = tn_offset_of(e, store, store->buffer, store->at);
  value = tn_to_memory(e, e->k->buffers[store->buffer].shape->type, value);
  bool vector = tn_lanes_of(value) > 0, lane_wise = condition && tn_lanes_of(condition) > 0;
  bool neighbours = vector && tn_lane_stride(e, offset, &stride) && stride == wanted;
  LLVMBasicBlockRef after = open_condition(e, lane_wise ? NULL : condition);
  if (!vector)
    scalar_store(e, store, value);
  else if (!neighbours)
    scattered_store(e, store, value, lane_wise ? condition : NULL);
  else if (lane_wise)
    masked_store(e, store, offset, value, condition);
  else
    vector_store(e, store, offset, value);
  close_condition(e, after);
}

/* ---- both parts of complex numbers ---- */

bool tn_stores_pair(const tn_emitter *e, const tn_stmt *first, const tn_stmt *second) {
  if (!second || first->kind != TN_STMT_STORE || second->kind != TN_STMT_STORE) return false;
  if (first->buffer != second->buffer || first->condition || second->condition) return false;
  if (tn_access_part(e->k, first->buffer, first->at) != 0) return false;
  if (tn_access_part(e->k, second->buffer, second->at) != 1) return false;
  for (int i = 0; i < e->k->buffers[first->buffer].shape->rank - 1; i++)
    if (!tn_index_equal(first->at[i], second->at[i])) return false;
  return true;
}

/* values[0] and values[1] in turn, as one vector. */
void tn_emit_pair(tn_emitter *e, const tn_stmt *first, const tn_stmt *second, LLVMValueRef values[2]) {
  tn_type type = e->k->buffers[first->buffer].shape->type;
  const tn_index *offset = tn_offset_of(e, first, first->buffer, first->at);
  int64_t stride;
  bool vector = tn_lanes_of(values[0]) && e->local_lanes[first->buffer] == 1;
  if (!vector || !tn_lane_stride(e, offset, &stride) || stride != 2) {
    tn_emit_store(e, first, values[0], NULL);
    tn_emit_store(e, second, values[1], NULL);
    return;
  }
  LLVMValueRef order[512], both[2];
  for (int i = 0; i < 2; i++) both[i] = tn_to_memory(e, type, values[i]);
  for (int i = 0; i < 2 * e->lanes; i++)
    order[i] = LLVMConstInt(e->u->i32, (uint64_t)(i / 2 + i % 2 * e->lanes), false);
  LLVMValueRef all =
      LLVMBuildShuffleVector(e->b, both[0], both[1], LLVMConstVector(order, 2 * (unsigned)e->lanes), "");
  LLVMValueRef pointer = address(e, first->buffer, offset, NULL);
  int active = tn_active_lanes(e);
  if (active == e->lanes)
    LLVMSetAlignment(LLVMBuildStore(e->b, all, pointer), (unsigned)tn_type_bytes(type));
  else
    tail_store(e, type, all, pointer, 2 * active);
}
