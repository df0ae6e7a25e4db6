/* Sums of products of bytes: several steps of the reduced dim as one instruction.
 *
 *   s = s + convert<s32>(x[m, k]) * convert<s32>(w[k, n])         k unrolled, n the vector dim
 *
 * Integer sums have the same bits in any order, so a group of G steps is added at once: the G
 * bytes of x lie side by side and go to all lanes; those of w lie side by side for each lane,
 * where its layout has a tile (G,1) in its panels.
 *
 *   w{1,0:T(512,64)(4,1)}   k0..k3 of n, k0..k3 of n+1, …     one vector load
 *
 * G = 4, u8 times s8, is VNNI's vpdpbusd. G = 2, bytes of any kind, is pmaddwd of bytes that
 * were widened to 16 bits. Neither saturates or overflows but as s32 sums wrap.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

typedef struct {
  const tn_stmt *reduce;
  const tn_expr *x, *w; /* the loads */
  int dim;              /* k */
  int group;            /* G */
} byte_product;

static const tn_expr *byte_load(const tn_expr *expr) {
  if (expr->kind != TN_EXPR_OP || expr->op.op != TN_OP_CONVERT || expr->type != TN_S32) return NULL;
  expr = expr->op.operands[0];
  bool byte = expr->type == TN_S8 || expr->type == TN_U8;
  return byte && expr->kind == TN_EXPR_LOAD ? expr : NULL;
}

/* acc + x*w, all s32 but the bytes. */
static bool find_loads(const tn_accumulator *acc, byte_product *p) {
  const tn_expr *sum = acc->update;
  if (sum->kind != TN_EXPR_OP || sum->op.op != TN_OP_ADD || sum->type != TN_S32) return false;
  const tn_expr *old = sum->op.operands[0], *product = sum->op.operands[1];
  if (old->kind != TN_EXPR_VALUE || old->value != acc->value) return false;
  if (product->kind != TN_EXPR_OP || product->op.op != TN_OP_MULTIPLY) return false;
  p->x = byte_load(product->op.operands[0]);
  p->w = byte_load(product->op.operands[1]);
  return p->x && p->w;
}

/* The dim of the innermost loop. */
static int innermost(const tn_emitter *e, const tn_stmt *reduce) {
  int dim = -1;
  for (int i = 0; i < e->k->schedule.n_order; i++)
    for (int j = 0; j < reduce->n_dims; j++)
      if (e->k->schedule.order[i].dim == reduce->dims[j]) dim = reduce->dims[j];
  return dim;
}

static const tn_index *offset_of(tn_emitter *e, const tn_expr *load) {
  return tn_offset_of(e, load, load->load.buffer, load->load.at);
}

/* G elements from the start of a group on are neighbours. */
static bool are_neighbours(tn_emitter *e, const byte_product *p, const tn_expr *load) {
  int64_t stride;
  return tn_index_stride(e->k, offset_of(e, load), p->dim, p->group, &stride) && stride == 1;
}

/* All elements of a group are there, or none: what guards look at does not change with k. */
static bool are_guarded_alike(tn_emitter *e, const byte_product *p, const tn_expr *load) {
  const tn_shape *shape = e->k->buffers[load->load.buffer].shape;
  uint64_t k = UINT64_C(1) << p->dim;
  if (!load->load.fill) return true;
  if (load->load.fill->kind != TN_EXPR_CONSTANT) return false;
  for (int i = 0; i < load->load.n_guards; i++)
    if (tn_index_dims(e, load->load.guards[i].index) & k) return false;
  for (int d = 0; d < shape->rank; d++) {
    int64_t low, high;
    tn_index_range(e->k, load->load.at[d], &low, &high);
    if (tn_index_dims(e, load->load.at[d]) & k && (low < 0 || high >= shape->dims[d])) return false;
  }
  return true;
}

static bool is_group(tn_emitter *e, byte_product *p) {
  bool hardware = e->u->cpu->byte_products && p->x->type == TN_U8 && p->w->type == TN_S8;
  int64_t stride;
  uint64_t vector = UINT64_C(1) << e->vector;
  if (tn_expr_dims(e, p->x) & vector || !(tn_expr_dims(e, p->w) & vector)) return false;
  if (!tn_lane_stride(e, offset_of(e, p->w), &stride) || (stride != 4 && stride != 2)) return false;
  p->group = (int)stride;
  if ((p->group == 4 && !hardware) || e->steps_in_order % p->group) return false;
  return !p->w->load.fill && are_guarded_alike(e, p, p->x) && are_neighbours(e, p, p->x) &&
         are_neighbours(e, p, p->w);
}

/* Steps of a group follow each other from a multiple of G on. */
static bool is_aligned(const tn_emitter *e, const byte_product *p) {
  const tn_dim_state *d = &e->dims[p->dim];
  bool aligned = (d->constant - e->step_in_order) % p->group == 0;
  for (int v = 0; v < d->n_vars; v++) aligned = aligned && d->var_align[v] % p->group == 0;
  return aligned;
}

static bool find(tn_emitter *e, const tn_stmt *reduce, byte_product *p) {
  *p = (byte_product){.reduce = reduce};
  if (reduce->n_accumulators != 1 || reduce->body || reduce->expr || e->vector < 0 || e->lane >= 0)
    return false;
  if (!e->k->schedule.dims || e->k->dims[e->vector].kind != TN_DIM_PARALLEL) return false;
  if (e->lanes * 4 != e->u->cpu->vector_bytes || !find_loads(&reduce->accumulators[0], p)) return false;
  p->dim = innermost(e, reduce);
  return p->dim >= 0 && e->k->schedule.dims[p->dim].unroll == e->steps_in_order && is_group(e, p) &&
         is_aligned(e, p);
}

/* ---- operands ---- */

static LLVMTypeRef integer(tn_emitter *e, int bits) {
  return LLVMIntTypeInContext(e->u->context, (unsigned)bits);
}

static LLVMValueRef widened(tn_emitter *e, const tn_expr *load, LLVMValueRef bytes) {
  LLVMTypeRef type = tn_with_element(LLVMTypeOf(bytes), e->u->i16);
  return load->type == TN_S8 ? LLVMBuildSExt(e->b, bytes, type, "") : LLVMBuildZExt(e->b, bytes, type, "");
}

/* The group's bytes of x in every lane: as 32 bits each. */
static LLVMValueRef broadcast_x(tn_emitter *e, const byte_product *p) {
  LLVMTypeRef word = e->u->i32;
  LLVMValueRef bytes = tn_load_bytes(e, p->x, p->group == 4 ? word : tn_shaped(e->u->i8, 2));
  if (p->group == 2) bytes = LLVMBuildBitCast(e->b, widened(e, p->x, bytes), word, "");
  return tn_splat(e, bytes, e->lanes);
}

/* The group's bytes of w, a lane's side by side. */
static LLVMValueRef load_w(tn_emitter *e, const byte_product *p) {
  if (p->group == 4) return tn_load_bytes(e, p->w, tn_shaped(e->u->i32, e->lanes));
  return widened(e, p->w, tn_load_bytes(e, p->w, tn_shaped(integer(e, 8), 2 * e->lanes)));
}

static LLVMValueRef add_products(tn_emitter *e, const byte_product *p, LLVMValueRef sum, LLVMValueRef x,
                                 LLVMValueRef w) {
  static const char *const pairs[] = {"llvm.x86.sse2.pmadd.wd", "llvm.x86.avx2.pmadd.wd",
                                      "llvm.x86.avx512.pmaddw.d.512"};
  if (p->group == 4)
    return tn_intrinsic(e, "llvm.x86.avx512.vpdpbusd.512", NULL, (LLVMValueRef[]){sum, x, w}, 3);
  int width = e->lanes == 16 ? 2 : e->lanes == 8 ? 1 : 0;
  LLVMValueRef operands[] = {LLVMBuildBitCast(e->b, x, LLVMTypeOf(w), ""), w};
  return LLVMBuildAdd(e->b, sum, tn_intrinsic(e, pairs[width], NULL, operands, 2), "");
}

/* Each once, where its dims first need it. */
static LLVMValueRef operand_at(tn_emitter *e, const byte_product *p, const tn_expr *load, tn_values *cache) {
  LLVMValueRef *at = &cache->at[tn_point_number(e, cache->dims)];
  if (!*at) *at = load == p->x ? broadcast_x(e, p) : load_w(e, p);
  return *at;
}

bool tn_emit_byte_products(tn_emitter *e, const tn_stmt *reduce) {
  byte_product p;
  if (!find(e, reduce, &p)) return false;
  if (e->step_in_order % p.group) return true; /* with the first of its group */
  tn_dim_state saved = e->dims[p.dim];
  e->dims[p.dim].align = p.group;
  tn_values *sums = &e->values[reduce->accumulators[0].value];
  tn_values *x = tn_new_values(e, tn_expr_dims(e, p.x), false),
            *w = tn_new_values(e, tn_expr_dims(e, p.w), true);
  for (bool more = tn_first_point(e, sums->dims); more; more = tn_next_point(e, sums->dims)) {
    LLVMValueRef *sum = &sums->at[tn_point_number(e, sums->dims)];
    *sum = add_products(e, &p, *sum, operand_at(e, &p, p.x, x), operand_at(e, &p, p.w, w));
  }
  e->dims[p.dim] = saved;
  return true;
}
