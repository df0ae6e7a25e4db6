/* Terms of contractions and windows, turns of loops; see work.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/work.h"

#include <stdlib.h>
#include <string.h>

int64_t tn_work_times(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) || product > INT64_MAX / 4 ? INT64_MAX / 4 : product;
}

static int64_t dot_terms(const tn_inst *dot) {
  int64_t terms = 1;
  tn_dims contracting = dot->attr.dot->side[0].contracting;
  for (int i = 0; i < contracting.count; i++)
    terms = tn_work_times(terms, dot->operands[0]->shape->dims[contracting.at[i]]);
  return terms;
}

static int64_t convolution_terms(const tn_inst *convolution) {
  const tn_shape *kernel = convolution->operands[1]->shape;
  int64_t features = kernel->dims[convolution->attr.convolution->dims.kernel_output];
  return features ? tn_shape_elements(kernel) / features : 0;
}

static int64_t window_terms(const tn_inst *inst) {
  int64_t terms = 1;
  for (int i = 0; i < inst->attr.window.window.count; i++)
    terms = tn_work_times(terms, inst->attr.window.window.at[i].size);
  return terms;
}

int64_t tn_inst_terms(const tn_inst *inst) {
  if (inst->op == TN_OP_DOT) return dot_terms(inst);
  if (inst->op == TN_OP_CONVOLUTION) return convolution_terms(inst);
  if (inst->op == TN_OP_REDUCE_WINDOW || inst->op == TN_OP_SELECT_AND_SCATTER) return window_terms(inst);
  return 1;
}

/* {"known_trip_count":{"n":"12"}} */
#define TURNS "\"known_trip_count\":{\"n\":\""

int64_t tn_inst_known_turns(const tn_inst *loop, int64_t unknown) {
  const char *config = loop->notes ? loop->notes->backend_config : NULL;
  const char *at = config ? strstr(config, TURNS) : NULL;
  int64_t turns = at ? strtoll(at + sizeof TURNS - 1, NULL, 10) : 0;
  return turns > 0 ? turns : unknown;
}

void tn_inst_note_turns(tn_inst *loop, int64_t turns) {
  tn_arena *arena = loop->parent->module->arena;
  tn_annotations *notes = TN_NEW(arena, tn_annotations);
  if (loop->notes) *notes = *loop->notes;
  notes->backend_config = tn_arena_printf(arena, "{" TURNS "%lld\"}}", (long long)turns);
  loop->notes = notes;
}
