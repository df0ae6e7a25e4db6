/* Schedules for sums of products: dot, convolution.
 *
 * The result is computed in register tiles of MR rows and NV vectors: NV vectors of
 * weights are loaded, each row's input element is broadcast, MR*NV accumulators stay
 * in registers for the whole sum. A tile fits if MR*NV + NV + 1 registers do; it hides
 * the latency of a multiply-add if MR*NV is at least latency times ports. Among those
 * that fit, the one that wastes least on this size's edges is taken.
 *
 * Weights are packed in panels of NV vectors ([n/NR][k…][NR]), so that a tile reads
 * them one after the other; inputs stay where they are. Loops go over panels outside
 * and rows inside, or, where the weights fit in the cache beside a block of rows, the
 * other way round. See docs/performance.md for what was measured.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/schedule.h"

/* ---- recognition ---- */

/* Of a product's operands, parts of complex numbers and packed bits among them; what reads more
 * computes them, and its code must not be multiplied by tiles.                                */
enum { MOST_READS = 16 };

static bool depends(const tn_kernel *kernel, const tn_index *index, int dim) {
  int64_t stride;
  return !tn_index_stride(kernel, index, dim, 1, &stride) || stride != 0;
}

static int only_reduce(const tn_stmt *loop, const tn_stmt **reduce) {
  int count = 0;
  for (const tn_stmt *stmt = loop->body; stmt; stmt = stmt->next) {
    if (stmt->kind == TN_STMT_LOOP || stmt->kind == TN_STMT_LOCAL) return 0;
    if (stmt->kind != TN_STMT_REDUCE) continue;
    *reduce = stmt;
    count++;
  }
  return count;
}

/* fma(a, b, s) or s + a*b. */
static bool is_product_sum(const tn_expr *update) {
  if (update->kind == TN_EXPR_FMA) return true;
  if (update->kind != TN_EXPR_OP || update->op.op != TN_OP_ADD) return false;
  const tn_expr *b = update->op.operands[1];
  return b->kind == TN_EXPR_OP && b->op.op == TN_OP_MULTIPLY;
}

/* The dim along which results lie side by side: stride 1 in the stores. */
static int result_dim(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *loop) {
  tn_accesses accesses = {0};
  tn_collect_accesses(arena, kernel, loop->body, &accesses);
  for (int i = loop->n_dims - 1; i >= 0; i--) {
    bool contiguous = kernel->dims[loop->dims[i]].size > 1;
    for (int a = 0; a < accesses.count; a++)
      if (accesses.at[a].is_store)
        contiguous = contiguous && tn_is_contiguous(kernel, &accesses.at[a], loop->dims[i], 1);
    if (contiguous) return loop->dims[i];
  }
  return -1;
}

/* Under guards, or where groups of features end inside a vector, lanes are read one by one. */
static bool reads_lane_by_lane(const tn_kernel *kernel, const tn_contraction *c,
                               const tn_accesses *accesses) {
  for (int i = 0; i < accesses->count; i++) {
    const tn_access_info *access = &accesses->at[i];
    int64_t stride;
    if (!tn_index_stride(kernel, access->offset, c->n, c->lanes, &stride)) return true;
    if (stride && access->guarded && !tn_is_contiguous(kernel, access, c->n, c->lanes)) return true;
  }
  return false;
}

bool tn_find_contraction(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *loop, const tn_cpu *target,
                         tn_contraction *out) {
  *out = (tn_contraction){.loop = loop, .n = -1, .weights = -1};
  if (tn_is_scan(kernel, loop)) return false;
  if (only_reduce(loop, &out->reduce) != 1 || out->reduce->n_accumulators > 2) return false;
  for (const tn_stmt *s = out->reduce->body; s; s = s->next)
    if (s->kind == TN_STMT_STORE) return false;
  out->parts = out->reduce->n_accumulators;
  for (int i = 0; i < out->parts; i++)
    if (!is_product_sum(out->reduce->accumulators[i].update)) return false;
  out->n = result_dim(arena, kernel, loop);
  if (out->n < 0) return false;
  out->lanes = tn_body_lanes(kernel, loop->body, target);
  tn_accesses accesses = {0};
  tn_stmt only = *out->reduce;
  only.next = NULL;
  tn_collect_accesses(arena, kernel, &only, &accesses);
  if (accesses.count > MOST_READS) return false;
  for (int i = 0; i < accesses.count; i++) {
    if (!depends(kernel, accesses.at[i].offset, out->n) || accesses.at[i].guarded) continue;
    if (out->weights >= 0 && out->weights != accesses.at[i].buffer) {
      out->weights = -1;
      break;
    }
    out->weights = accesses.at[i].buffer;
    out->weights_access = accesses.at[i];
  }
  out->lane_by_lane = reads_lane_by_lane(kernel, out, &accesses);
  return true;
}

/* ---- the register tile ---- */

typedef struct {
  int rows, vectors;
  double waste; /* work done over work asked for, and loads that do not hide */
} tile;

static int64_t steps(int64_t size, int64_t step) { return (size + step - 1) / step; }

/* `parts` multiplies the loads of both operands, the chains, and squared the multiply-adds. */
static double tile_cost(const tn_cpu *target, int64_t m, int64_t n, int lanes, int parts, int rows,
                        int vectors) {
  int64_t columns = steps(n, lanes) * lanes;
  double lanes_used = (double)columns / (double)n;
  int64_t tiles = steps(m, rows);
  double average = (double)m / (double)tiles; /* balanced heights */
  double need = target->fma_latency * target->fma_per_cycle;
  double chains = average * vectors * parts;
  double latency = chains < need ? need / chains : 1.0;
  double loads = (average + vectors) / (2.0 * average * vectors * parts) * target->fma_per_cycle;
  return lanes_used * latency * (loads > 1 ? loads : 1.0) * (1.0 + 0.02 / average + 0.02 / vectors);
}

static tile choose_tile(const tn_cpu *target, int64_t m, int64_t n, int lanes, int parts) {
  tile best = {1, 1, 1e30};
  int registers = target->vector_registers - !target->fma; /* a product needs a place */
  for (int vectors = 1; vectors <= 7; vectors++) {
    if (vectors > 1 && (int64_t)(vectors - 1) * lanes >= n) break;
    for (int rows = 1; rows <= 28 && rows <= m && parts * (rows * vectors + vectors + 1) <= registers;
         rows++) {
      double waste = tile_cost(target, m, n, lanes, parts, rows, vectors);
      int64_t last = steps(n, lanes) % vectors; /* a narrow last panel costs its share */
      if (last) waste *= 1.0 + 0.3 * (double)(vectors - last) / (double)steps(n, lanes);
      if (waste < best.waste - 1e-9) best = (tile){rows, vectors, waste};
    }
  }
  return best;
}

/* ---- loops ---- */

/* Rows: the loop's dims other than n that the weights do not depend on, innermost first. */
static int row_dims(const tn_kernel *kernel, const tn_contraction *c, int *rows) {
  int count = 0;
  for (int i = c->loop->n_dims - 1; i >= 0; i--) {
    int dim = c->loop->dims[i];
    bool shared = dim != c->n;
    if (c->weights >= 0)
      for (int d = 0; d < kernel->buffers[c->weights].shape->rank; d++)
        shared = shared && !depends(kernel, c->weights_access.at[d], dim);
    if (shared) rows[count++] = dim;
  }
  return count;
}

int64_t tn_contraction_reuse(const tn_kernel *kernel, const tn_contraction *c) {
  int rows[64], count = kernel->n_dims <= 64 ? row_dims(kernel, c, rows) : 0;
  int64_t reuse = 1;
  for (int i = 0; i < count; i++) reuse *= kernel->dims[rows[i]].size;
  return reuse;
}

static int64_t weight_bytes(const tn_kernel *kernel, const tn_contraction *c) {
  if (c->weights < 0) return 0;
  const tn_shape *shape = kernel->buffers[c->weights].shape;
  return tn_shape_elements(shape) * (int64_t)tn_type_bytes(shape->type);
}

/* Two row dims share the tile's rows where the inner one alone is short: 7 pixels a row
 * leave half the registers idle, two rows of 7 do not.                                 */
static void tile_rows(tn_scheduling *p, const int *rows, int n_rows, const tn_contraction *c, int *vectors) {
  const tn_cpu *target = p->target;
  int64_t n = p->kernel->dims[c->n].size;
  if (!n_rows) {
    *vectors = choose_tile(target, 1, n, c->lanes, c->parts).vectors;
    return;
  }
  int64_t inner = p->kernel->dims[rows[0]].size, outer = n_rows > 1 ? p->kernel->dims[rows[1]].size : 1;
  tile one = choose_tile(target, inner, n, c->lanes, c->parts);
  p->dims[rows[0]].unroll = one.rows;
  *vectors = one.vectors;
  if (one.rows < inner || outer < 2 || inner > 14) return;
  for (int two = 2; two <= 4; two++) {
    tile both = choose_tile(target, inner * two, n, c->lanes, c->parts);
    if (two > outer || both.rows < inner * two || both.waste >= one.waste) continue;
    one = both;
    p->dims[rows[1]].unroll = two;
    *vectors = both.vectors;
  }
}

/* Steps of the reduced dim k that are worth unrolling. Where windows overlap, unrolled
 * steps read the same elements: LLVM keeps them all, and spills; there k stays a loop.  */
static int unroll_of(tn_arena *arena, const tn_kernel *kernel, const tn_contraction *c, int k) {
  tn_accesses accesses = {0};
  tn_stmt only = *c->reduce;
  only.next = NULL;
  tn_collect_accesses(arena, kernel, &only, &accesses);
  for (int i = 0; i < accesses.count; i++)
    for (int d = 0; d < kernel->buffers[accesses.at[i].buffer].shape->rank; d++) {
      const tn_index *at = accesses.at[i].at[d];
      if (!depends(kernel, at, k)) continue;
      for (int j = 0; j < c->loop->n_dims; j++)
        if (depends(kernel, at, c->loop->dims[j])) return 1;
    }
  int64_t size = kernel->dims[k].size;
  for (int u = 4; u > 1; u--)
    if (size % u == 0) return u;
  return size >= 8 ? 4 : 1;
}

/* Rows are taken in blocks whose inputs stay in the cache while all panels pass over
 * them: without, each panel reads all inputs from memory again. Rows that lie in several
 * dims (a convolution's) are few enough as they are.                                    */
static int64_t row_block(const tn_kernel *kernel, const tn_contraction *c, const tn_cpu *target, int rows,
                         int unroll) {
  int64_t depth = 1, size = kernel->dims[rows].size;
  for (int i = 0; i < c->reduce->n_dims; i++) depth *= kernel->dims[c->reduce->dims[i]].size;
  int64_t row_bytes = depth * (target->vector_bytes / c->lanes);
  int64_t most = target->l2_bytes / 2 / (row_bytes > 0 ? row_bytes : 1) / unroll * unroll;
  if (most < 2 * unroll || most >= size) return size;
  int64_t blocks = steps(size, most);
  return steps(steps(size, blocks), unroll) * unroll;
}

int tn_schedule_contraction(tn_scheduling *p, const tn_contraction *c) {
  const tn_kernel *kernel = p->kernel;
  int *rows = TN_NEW_ARRAY(p->arena, int, kernel->n_dims), vectors = 1, before = p->order.count;
  int n_rows = row_dims(kernel, c, rows);
  tile_rows(p, rows, n_rows, c, &vectors);
  p->dims[c->n].lanes = c->lanes;
  p->dims[c->n].vectors = vectors;
  if (c->reduce->n_dims) {
    int k = c->reduce->dims[c->reduce->n_dims - 1];
    p->dims[k].unroll = unroll_of(p->arena, kernel, c, k);
  }
  /* Dims that the weights depend on (batches) outermost, then panels, then rows; rows
   * outside the panels where all weights stay in the cache and there are many rows.   */
  int64_t outer_rows = n_rows > 1 ? kernel->dims[rows[n_rows - 1]].size : 1;
  bool rows_outside = weight_bytes(kernel, c) <= p->target->l2_bytes / 2 && outer_rows >= 28;
  for (int i = 0; i < c->loop->n_dims; i++) {
    bool is_row = false;
    for (int r = 0; r < n_rows; r++) is_row = is_row || rows[r] == c->loop->dims[i];
    if (!is_row && c->loop->dims[i] != c->n) tn_schedule_loop(p, c->loop->dims[i], 0);
  }
  bool blocked = false;
  if (n_rows == 1) {
    tn_dim_schedule *m = &p->dims[rows[0]];
    int64_t block = row_block(kernel, c, p->target, rows[0], m->unroll);
    blocked = block < kernel->dims[rows[0]].size;
    if (blocked) {
      m->n_tiles = 1;
      m->tiles[0] = block;
      tn_schedule_loop(p, rows[0], 0);
    }
  }
  if (rows_outside)
    for (int r = n_rows - 1; r > 0; r--) tn_schedule_loop(p, rows[r], 0);
  tn_schedule_loop(p, c->n, 0);
  if (blocked) tn_schedule_loop(p, rows[0], 1);
  for (int r = rows_outside ? 0 : n_rows - 1; r >= 0 && n_rows && !blocked; r--)
    tn_schedule_loop(p, rows[r], 0);
  int outside = p->order.count - before;
  for (int i = 0; i < c->reduce->n_dims; i++) tn_schedule_loop(p, c->reduce->dims[i], 0);
  return outside;
}

/* ---- packed weights ---- */

/* Dim `at` innermost in panels of `width`; the first n_outer other dims stay outside. */
const tn_layout *tn_panel_layout(tn_arena *arena, const tn_shape *shape, int at, int n_outer, int64_t width) {
  tn_layout *layout = TN_NEW(arena, tn_layout);
  int64_t *order = TN_NEW_ARRAY(arena, int64_t, shape->rank),
          *sizes = TN_NEW_ARRAY(arena, int64_t, shape->rank);
  tn_dims *tile = TN_NEW(arena, tn_dims);
  int n = 0;
  order[n++] = at;
  for (int d = shape->rank - 1; d >= 0; d--)
    if (d != at) order[n++] = d;
  for (int i = shape->rank - 1 - n_outer; i >= 0; i--)
    sizes[tile->count++] = i ? shape->dims[order[i]] : width;
  tile->at = sizes;
  layout->minor_to_major = (tn_dims){order, shape->rank};
  layout->tiles = tile;
  layout->n_tiles = 1;
  layout->tail_alignment = 1;
  return layout;
}

/* ---- products of bytes ---- */

static const tn_expr *byte_load(const tn_expr *expr) {
  if (expr->kind != TN_EXPR_OP || expr->op.op != TN_OP_CONVERT || expr->type != TN_S32) return NULL;
  expr = expr->op.operands[0];
  return expr->kind == TN_EXPR_LOAD && (expr->type == TN_S8 || expr->type == TN_U8) ? expr : NULL;
}

/* How many steps of the innermost reduced dim code generation adds at once where their weights
 * lie side by side: what emit_bytes.c looks for. The dim is the weights' fastest but for n.  */
int tn_byte_group(const tn_kernel *kernel, const tn_contraction *c, const tn_cpu *target, int at,
                  int n_outer) {
  const tn_expr *update = c->reduce->accumulators[0].update;
  if (c->parts != 1 || update->kind != TN_EXPR_OP || c->reduce->body || !c->reduce->n_dims) return 0;
  const tn_expr *product = update->op.operands[1];
  const tn_expr *x = byte_load(product->op.operands[0]), *w = byte_load(product->op.operands[1]);
  int k = c->reduce->dims[c->reduce->n_dims - 1], rank = kernel->buffers[c->weights].shape->rank;
  int fastest = at == rank - 1 ? rank - 2 : rank - 1;
  if (!x || !w || w->load.fill || w->load.buffer != c->weights || fastest < n_outer ||
      c->lanes * 4 != target->vector_bytes)
    return 0;
  const tn_index *index = w->load.at[fastest];
  bool plain = index->constant == 0 && index->n_terms == 1 && index->terms[0].kind == TN_TERM_DIM &&
               index->terms[0].dim == k && index->terms[0].scale == 1;
  if (!plain || kernel->schedule.dims[k].unroll != 4 || kernel->dims[k].size % 4) return 0;
  return target->byte_products && x->type == TN_U8 && w->type == TN_S8 ? 4 : 2;
}

const tn_layout *tn_grouped_layout(tn_arena *arena, const tn_layout *panels, int group) {
  tn_layout *layout = tn_arena_copy(arena, panels, sizeof *layout);
  tn_dims *tiles = TN_NEW_ARRAY(arena, tn_dims, 2);
  tiles[0] = panels->tiles[0];
  tiles[1] = (tn_dims){tn_arena_copy(arena, ((int64_t[]){group, 1}), 2 * sizeof(int64_t)), 2};
  layout->tiles = tiles;
  layout->n_tiles = 2;
  return layout;
}
