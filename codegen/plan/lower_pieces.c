/* Roots that are concatenations of equal parts.
 *
 *   y = f32[2,8] concatenate(reshape(a), reshape(b))      a, b of what they share, f32[8]
 *  =>
 *   loop d0:8 { shared; y[0,d0] = a; y[1,d0] = b }
 *
 * Element by element, each result would ask which part it is in, and compute what the parts
 * share again. Concatenations of concatenations are taken apart too, through reshapes that
 * bring dims of size 1 alone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"

enum { MOST_PIECES = 64 };

typedef struct {
  tn_arena *arena;
  int rank; /* of the root */
  tn_pieces *out;
} finder;

static bool in_memory(const tn_inst *inst) {
  return inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT;
}

static bool parts_are_equal(const tn_inst *inst) {
  for (int i = 1; i < inst->n_operands; i++)
    if (!tn_shape_same_dims(inst->operands[0]->shape, inst->operands[i]->shape)) return false;
  return true;
}

/* The dims of `from`, which a reshape makes `to` by dims of size 1 alone; NULL: it does not. */
static const int *through_ones(tn_arena *arena, const tn_shape *to, const tn_shape *from, const int *dim_of) {
  int *result = TN_NEW_ARRAY(arena, int, from->rank), t = 0;
  for (int f = 0; f < from->rank; f++) {
    result[f] = -1;
    if (from->dims[f] == 1) continue;
    while (t < to->rank && to->dims[t] == 1) t++;
    if (t == to->rank || to->dims[t] != from->dims[f]) return NULL;
    result[f] = dim_of[t++];
  }
  while (t < to->rank && to->dims[t] == 1) t++;
  return t == to->rank ? result : NULL;
}

static void find_pieces(finder *f, tn_inst *inst, const int64_t *offset, const int *dim_of) {
  if (inst->op == TN_OP_RESHAPE && !in_memory(inst)) {
    const int *inner = through_ones(f->arena, inst->shape, inst->operands[0]->shape, dim_of);
    if (inner) {
      find_pieces(f, inst->operands[0], offset, inner);
      return;
    }
  }
  int64_t dim = inst->op == TN_OP_CONCATENATE ? inst->attr.dimensions.dims.at[0] : 0;
  if (inst->op != TN_OP_CONCATENATE || in_memory(inst) || !parts_are_equal(inst) || dim_of[dim] < 0) {
    TN_PUSH(f->arena, f->out, ((tn_piece){inst, offset, dim_of}));
    return;
  }
  for (int i = 0; i < inst->n_operands && f->out->count <= MOST_PIECES; i++) {
    int64_t *further = tn_arena_copy(f->arena, offset, sizeof(int64_t) * (size_t)f->rank);
    further[dim_of[dim]] += i * inst->operands[i]->shape->dims[dim];
    find_pieces(f, inst->operands[i], further, dim_of);
  }
}

int64_t tn_piece_size(const tn_piece *p, int dim) {
  for (int i = 0; i < p->inst->shape->rank; i++)
    if (p->dim_of[i] == dim) return p->inst->shape->dims[i];
  return 1;
}

void tn_find_pieces(tn_arena *arena, tn_inst *root, tn_pieces *out) {
  const tn_shape *shape = root->shape;
  if (root->op != TN_OP_CONCATENATE || tn_shape_elements(shape) == 0) return;
  finder f = {arena, shape->rank, out};
  int *dim_of = TN_NEW_ARRAY(arena, int, shape->rank);
  for (int d = 0; d < shape->rank; d++) dim_of[d] = shape->dims[d] == 1 ? -1 : d;
  find_pieces(&f, root, TN_NEW_ARRAY(arena, int64_t, shape->rank), dim_of);
  bool equal = out->count <= MOST_PIECES, computed = false;
  for (int i = 0; i < out->count; i++) {
    computed = computed || !in_memory(out->at[i].inst);
    for (int d = 0; d < shape->rank; d++)
      equal = equal && tn_piece_size(&out->at[i], d) == tn_piece_size(&out->at[0], d);
  }
  if (!equal || !computed) out->count = 0;
}
