/* scatter: a scan over the updates, in place in what is updated.
 *
 *   loop b f {                            batching dims, features: window dims that begin at 0
 *     scan k {                            the other dims of the indices, in row-major order
 *       let s: s32 = indices[b, k]
 *       let inside: pred = and(compare<GE>(s, 0), compare<LE>(s, 9))
 *       loop w {                          window dims that begin at an index
 *         y[b, clamp(s, 8) + w, f] = combine(y[…], updates[…]) if inside
 *       }
 *     }
 *   }
 *
 * An index beyond 0 … size - window skips its update as a whole: it is compared in its own
 * type, and clamped for the address, so no value of it reaches outside. Updates of one
 * element come in the order of the updates; what different b and f update lies apart, so
 * these run in vectors and on threads.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"

typedef struct {
  tn_lowering *l;
  tn_inst *inst;
  tn_arena *arena;
  int n; /* operands */
  const tn_shape *operand, *indices, *updates;
  const tn_index **of_update; /* index along each dim of the updates */
  const tn_index **at;        /* … of the operands */
  const int64_t *window_of;   /* dim of the updates that runs along an operand dim; -1: none */
  int64_t split, block;       /* the dim of the updates that runs in blocks around and inside; or -1 */
  const tn_expr *inside;      /* NULL: always */
} scattering;

static tn_dims window_dims(const scattering *s) { return s->inst->attr.scatter->update_window_dims; }

static bool is_indexed(const scattering *s, int64_t dim) {
  return tn_dims_contain(s->inst->attr.scatter->scatter_dims_to_operand_dims, dim);
}

/* The dim of the updates for a dim of the indices (not the vector dim). */
static int64_t update_dim_of(const scattering *s, int64_t in_indices) {
  int64_t number = in_indices - (s->inst->attr.scatter->index_vector_dim < in_indices);
  for (int64_t d = 0; d < s->updates->rank; d++)
    if (!tn_dims_contain(window_dims(s), d) && number-- == 0) return d;
  return -1;
}

static void match_windows(scattering *s) {
  int64_t *window_of = TN_NEW_ARRAY(s->arena, int64_t, s->operand->rank);
  for (int64_t d = 0, w = 0; d < s->operand->rank; d++) {
    bool none = tn_dims_contain(s->inst->attr.scatter->inserted_window_dims, d) ||
                tn_dims_contain(s->inst->attr.scatter->input_batching_dims, d);
    window_of[d] = none ? -1 : window_dims(s).at[w++];
  }
  s->window_of = window_of;
}

/* ---- loops ---- */

typedef enum { AROUND, SCANNED, WITHIN } role;

static role role_of(const scattering *s, int64_t update_dim) {
  for (int64_t d = 0; d < s->operand->rank; d++)
    if (s->window_of[d] == update_dim) return is_indexed(s, d) ? WITHIN : AROUND;
  tn_dims batching = s->inst->attr.scatter->scatter_indices_batching_dims;
  for (int i = 0; i < batching.count; i++)
    if (update_dim_of(s, batching.at[i]) == update_dim) return AROUND;
  return SCANNED;
}

/* Opens a loop over all dims of the updates with this role. */
static bool open_role(scattering *s, role wanted) {
  int rank = s->updates->rank, n = 0;
  int *dims = TN_NEW_ARRAY(s->arena, int, rank), *which = TN_NEW_ARRAY(s->arena, int, rank);
  int64_t *sizes = TN_NEW_ARRAY(s->arena, int64_t, rank);
  const char **names = TN_NEW_ARRAY(s->arena, const char *, rank);
  for (int d = 0; d < rank; d++) {
    bool is_block = d == s->split && wanted == WITHIN;
    if (role_of(s, d) != wanted && !is_block) continue;
    which[n] = d;
    sizes[n] = is_block ? s->block : d == s->split ? s->updates->dims[d] / s->block : s->updates->dims[d];
    names[n++] = wanted == AROUND ? "d" : wanted == SCANNED ? "k" : "w";
  }
  tn_dim_kind kind = wanted == SCANNED ? TN_DIM_CARRIED : TN_DIM_PARALLEL;
  if (!tn_lower_open_loop(s->l, s->inst, kind, n, sizes, names, dims)) return false;
  for (int i = 0; i < n; i++) {
    const tn_index *index = sizes[i] == 1 ? tn_index_constant(s->arena, 0) : tn_index_dim(s->arena, dims[i]);
    bool is_block = which[i] == s->split && wanted == WITHIN;
    if (which[i] == s->split && wanted == AROUND) index = tn_index_scale(s->arena, index, s->block);
    s->of_update[which[i]] = is_block ? tn_index_add(s->arena, s->of_update[which[i]], index) : index;
  }
  return true;
}

/* ---- indices ---- */

/* value compared with a bound that its type can hold. */
static const tn_expr *compared(const scattering *s, tn_direction direction, const tn_expr *value,
                               int64_t bound) {
  const tn_expr *operands[2] = {value, tn_expr_bits(s->arena, value->type, (uint64_t)bound, 0)};
  tn_expr *expr = (tn_expr *)tn_expr_op(s->arena, TN_OP_COMPARE, TN_PRED, 2, operands);
  expr->op.direction = direction;
  return expr;
}

static void require(scattering *s, const tn_expr *test) {
  s->inside = s->inside ? tn_expr_binary(s->arena, TN_OP_AND, TN_PRED, s->inside, test) : test;
}

/* 0 <= value <= limit, as far as the type does not say so. */
static void require_inside(scattering *s, const tn_expr *value, int64_t limit) {
  bool is_signed = tn_type_class_of(value->type) == TN_CLASS_SIGNED;
  int bits = tn_type_bits(value->type) - is_signed;
  if (is_signed) require(s, compared(s, TN_GE, value, 0));
  if (bits >= 63 || limit < (INT64_C(1) << bits) - 1) require(s, compared(s, TN_LE, value, limit));
}

static int64_t window_size(const scattering *s, int64_t operand_dim) {
  return s->window_of[operand_dim] < 0 ? 1 : s->updates->dims[s->window_of[operand_dim]];
}

/* Element k of the index vector. */
static const tn_expr *index_value(const scattering *s, int64_t k) {
  const tn_index **where = TN_NEW_ARRAY(s->arena, const tn_index *, s->indices->rank);
  for (int64_t i = 0; i < s->indices->rank; i++) {
    bool vector = i == s->inst->attr.scatter->index_vector_dim;
    where[i] = vector ? tn_index_constant(s->arena, k) : s->of_update[update_dim_of(s, i)];
  }
  const tn_expr *value = tn_lower_element(s->l, s->inst->operands[s->n], where);
  return value ? tn_lower_share(s->l, value) : NULL;
}

/* Where the window begins. */
static bool place_window(scattering *s) {
  tn_dims map = s->inst->attr.scatter->scatter_dims_to_operand_dims;
  for (int64_t d = 0; d < s->operand->rank; d++) s->at[d] = tn_index_constant(s->arena, 0);
  for (int k = 0; k < map.count; k++) {
    int64_t d = map.at[k], limit = s->operand->dims[d] - window_size(s, d);
    const tn_expr *value = index_value(s, k);
    if (!value) return false;
    require_inside(s, value, limit);
    if (limit > 0) s->at[d] = tn_index_value(s->arena, value, limit);
  }
  tn_dims batching = s->inst->attr.scatter->input_batching_dims;
  for (int i = 0; i < batching.count; i++) {
    int64_t in_indices = s->inst->attr.scatter->scatter_indices_batching_dims.at[i];
    s->at[batching.at[i]] = s->of_update[update_dim_of(s, in_indices)];
  }
  if (s->inside) s->inside = tn_lower_share(s->l, s->inside);
  return true;
}

/* ---- updates ---- */

/* Does the combiner look at what was there? */
static bool reads_old(const scattering *s, int k) {
  const tn_inst *parameter = s->inst->called[0]->parameters.at[k];
  return parameter->users.count > 0 || s->inst->called[0]->root == parameter;
}

static bool combine(scattering *s) {
  const tn_expr **values = TN_NEW_ARRAY(s->arena, const tn_expr *, 2 * s->n);
  const tn_expr **results = TN_NEW_ARRAY(s->arena, const tn_expr *, s->n);
  tn_position at = tn_arena_copy(s->arena, s->at, sizeof *s->at * (size_t)s->operand->rank);
  tn_position from = tn_arena_copy(s->arena, s->of_update, sizeof *from * (size_t)s->updates->rank);
  for (int k = 0; k < s->n; k++) {
    values[k] = tn_lower_load(s->l, TN_LOWER_ROOT_BASE + k, at);
    if (reads_old(s, k) && s->n > 1) values[k] = tn_lower_share(s->l, values[k]);
    values[s->n + k] = tn_lower_element(s->l, s->inst->operands[s->n + 1 + k], from);
    if (!values[s->n + k]) return false;
    values[s->n + k] = tn_lower_share(s->l, values[s->n + k]);
  }
  if (!tn_lower_scalars(s->l, s->inst->called[0], values, results)) return false;
  for (int k = 0; k < s->n && s->n > 1; k++) results[k] = tn_lower_share(s->l, results[k]);
  for (int k = 0; k < s->n; k++) tn_lower_store(s->l, TN_LOWER_ROOT_BASE + k, at, results[k], s->inside);
  return true;
}

/* A long row of features is taken in blocks: each lies in few pages, and one pass over the
 * updates serves all of a block. Not a batching dim: indices are looked up by it.        */
enum { LONG_ROW = 128, LARGEST_BLOCK = 256, SMALLEST_BLOCK = 64 };

static void split_features(scattering *s) {
  s->split = -1;
  int64_t last = s->updates->rank - 1;
  if (last < 0 || !tn_dims_contain(window_dims(s), last) || s->updates->dims[last] < LONG_ROW) return;
  if (role_of(s, last) != AROUND) return;
  int64_t half = s->updates->dims[last] / 2 / 16 * 16;
  for (int64_t b = half < LARGEST_BLOCK ? half : LARGEST_BLOCK; b >= SMALLEST_BLOCK && s->split < 0; b -= 16)
    if (s->updates->dims[last] % b == 0) {
      s->split = last;
      s->block = b;
    }
}

static bool has_role(const scattering *s, role wanted) {
  for (int64_t d = 0; d < s->updates->rank; d++)
    if (role_of(s, d) == wanted) return true;
  return false;
}

bool tn_lower_scatter(tn_lowering *l, tn_inst *inst) {
  scattering s = {.l = l, .inst = inst, .arena = tn_lower_arena(l), .n = (inst->n_operands - 1) / 2};
  s.operand = inst->operands[0]->shape;
  s.indices = inst->operands[s.n]->shape;
  s.updates = inst->operands[s.n + 1]->shape;
  s.of_update = TN_NEW_ARRAY(s.arena, const tn_index *, s.updates->rank);
  s.at = TN_NEW_ARRAY(s.arena, const tn_index *, s.operand->rank);
  match_windows(&s);
  split_features(&s);
  bool scans = has_role(&s, SCANNED), windows = has_role(&s, WITHIN) || s.split >= 0;
  if (!open_role(&s, AROUND) || (scans && !open_role(&s, SCANNED)) || !place_window(&s)) return false;
  if (windows && !open_role(&s, WITHIN)) return false;
  for (int64_t d = 0; d < s.operand->rank; d++)
    if (s.window_of[d] >= 0) s.at[d] = tn_index_add(s.arena, s.at[d], s.of_update[s.window_of[d]]);
  if (!combine(&s)) return false;
  if (windows) tn_lower_close(l);
  if (scans) tn_lower_close(l);
  return true;
}
