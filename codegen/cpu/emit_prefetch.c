/* Prefetching the next panel of weights into L2 from inside the reduced loops.
 *
 * The weights are the operand that runs along the vector dim and that the rows of the tile
 * share. Panels (one step of the vector dim's loop) follow each other in memory, so the
 * next one begins where this one's next step would. All tiles of a panel fetch it
 * together: `prefetch` lines a step, tile t from its share on. A pointer that the reduced
 * loops carry says where; past the last panel it runs into the next kernel's weights, or
 * nowhere: prefetches do not fault.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

/* The load of the weights: neighbours along the vector dim, the same for all rows. */
static const tn_expr *find_weights(tn_emitter *e, const tn_expr *expr) {
  const tn_expr *found = NULL;
  if (expr->kind == TN_EXPR_LOAD) {
    int64_t stride;
    uint64_t jam = tn_jam_mask(e) & ~(UINT64_C(1) << e->vector);
    const tn_index *offset = tn_offset_of(e, expr, expr->load.buffer, expr->load.at);
    bool along = tn_lane_stride(e, offset, &stride) && stride == 1;
    return along && !(tn_expr_dims(e, expr) & jam) && !expr->load.fill ? expr : NULL;
  }
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return NULL;
  for (int i = 0; i < expr->op.n_operands && !found; i++) found = find_weights(e, expr->op.operands[i]);
  return found;
}

static LLVMValueRef number(tn_emitter *e, int64_t value) {
  return LLVMConstInt(e->u->i64, (uint64_t)value, true);
}

/* Steps of the reduced loops for one tile. */
static int64_t reduced_steps(const tn_emitter *e, const tn_stmt *reduce) {
  int64_t steps = 1;
  for (int i = 0; i < reduce->n_dims; i++) {
    int unroll = e->k->schedule.dims[reduce->dims[i]].unroll;
    int64_t size = e->k->dims[reduce->dims[i]].size;
    steps *= unroll > 1 ? (size + unroll - 1) / unroll : size;
  }
  return steps;
}

/* How many tiles of this panel came before: of the parallel loops inside the panel's. */
static LLVMValueRef tile_number(tn_emitter *e) {
  const tn_schedule *s = &e->k->schedule;
  LLVMValueRef tiles = number(e, 0);
  bool inside = false;
  for (int i = 0; i < s->n_order; i++) {
    int dim = s->order[i].dim, unroll = s->dims[dim].unroll > 1 ? s->dims[dim].unroll : 1;
    const tn_dim_state *d = &e->dims[dim];
    if (dim == e->vector) inside = true;
    if (!inside || dim == e->vector || s->order[i].level || e->k->dims[dim].kind != TN_DIM_PARALLEL) continue;
    LLVMValueRef at = d->n_vars ? d->vars[0] : number(e, d->constant);
    int64_t steps = (e->k->dims[dim].size + unroll - 1) / unroll;
    tiles = LLVMBuildAdd(e->b, LLVMBuildMul(e->b, tiles, number(e, steps), ""),
                         LLVMBuildUDiv(e->b, at, number(e, unroll), ""), "");
  }
  return tiles;
}

/* Where this tile begins to fetch; NULL: nothing to fetch. */
LLVMValueRef tn_prefetch_start(tn_emitter *e, const tn_stmt *reduce) {
  if (e->k->schedule.prefetch <= 0 || e->vector < 0 || !reduce->n_accumulators) return NULL;
  const tn_expr *weights = find_weights(e, reduce->accumulators[0].update);
  if (!weights || !reduce->n_dims) return NULL;
  int buffer = weights->load.buffer;
  int64_t bytes = (int64_t)tn_type_bytes(weights->type);
  int64_t wide = (int64_t)e->lanes * e->k->schedule.dims[e->vector].vectors, share;
  tn_dim_state *d = &e->dims[e->vector], saved = *d;
  d->constant += wide;
  for (int j = 0; j < e->n_jam; j++) e->at[j] = 0;
  LLVMValueRef next = tn_emit_index_value(e, tn_offset_of(e, weights, buffer, weights->load.at));
  *d = saved;
  share = reduced_steps(e, reduce) * e->k->schedule.prefetch * e->u->cpu->line_bytes;
  LLVMValueRef offset = LLVMBuildMul(e->b, next, number(e, bytes), "");
  offset = LLVMBuildAdd(e->b, offset, LLVMBuildMul(e->b, tile_number(e), number(e, share), ""), "");
  return LLVMBuildGEP2(e->b, e->u->i8, e->buffers[buffer], &offset, 1, "");
}

/* One step: fetches the lines at *pointer and moves it on. */
void tn_prefetch_step(tn_emitter *e, LLVMValueRef *pointer) {
  int lines = e->k->schedule.prefetch, bytes = e->u->cpu->line_bytes;
  for (int i = 0; i < lines; i++) {
    LLVMValueRef offset = number(e, (int64_t)i * bytes);
    LLVMValueRef line = LLVMBuildGEP2(e->b, e->u->i8, *pointer, &offset, 1, "");
    LLVMValueRef read = LLVMConstInt(e->u->i32, 0, false), l2 = LLVMConstInt(e->u->i32, 2, false);
    LLVMValueRef data = LLVMConstInt(e->u->i32, 1, false);
    tn_intrinsic(e, "llvm.prefetch", e->u->ptr, (LLVMValueRef[]){line, read, l2, data}, 4);
  }
  LLVMValueRef step = number(e, (int64_t)lines * bytes);
  *pointer = LLVMBuildGEP2(e->b, e->u->i8, *pointer, &step, 1, "");
}
