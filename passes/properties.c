/* Properties of modules: predicates on single instructions, checked in one walk.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/pass.h"

const char *const tn_property_names[TN_PROPERTIES] = {
#define PROPERTY(ID, name, help) name,
#include "passes/properties.def"
};

/* What the expand stage takes apart, and with which pass. */
static const struct {
  tn_op op;
  const char *pass;
} expanded[] = {
    {TN_OP_BATCH_NORM_INFERENCE, "batch-norm-expansion"},
    {TN_OP_BATCH_NORM_TRAINING, "batch-norm-expansion"},
    {TN_OP_BATCH_NORM_GRAD, "batch-norm-expansion"},
    {TN_OP_QUANTIZE, "quantize-expansion"},
    {TN_OP_DEQUANTIZE, "quantize-expansion"},
    {TN_OP_SCALED_DOT, "scaled-dot-expansion"},
    {TN_OP_RAGGED_DOT, "ragged-dot-expansion"},
    {TN_OP_RNG, "rng-expansion"},
    {TN_OP_RNG_BIT_GENERATOR, "rng-expansion"},
    {TN_OP_RAGGED_ALL_TO_ALL, "ragged-all-to-all-expansion"},
    {TN_OP_FFT, "fft-expansion"},
    {TN_OP_SCAN, "scan-expansion"},
    {TN_OP_SELECT_AND_SCATTER, "select-and-scatter-expansion"},
};
enum { N_EXPANDED = (int)(sizeof expanded / sizeof *expanded) };

static const char *expanding_pass(tn_op op) {
  for (int i = 0; i < N_EXPANDED; i++)
    if (expanded[i].op == op) return expanded[i].pass;
  return NULL;
}

/* The properties that cannot hold of a module with this instruction. */
static unsigned lost_by(const tn_inst *inst) {
  return (inst->op == TN_OP_CALL ? TN_PROPERTY_FLAT : 0u) |
         (inst->op == TN_OP_FUSION ? TN_PROPERTY_UNFUSED : 0u) |
         (expanding_pass(inst->op) ? TN_PROPERTY_EXPANDED : 0u) |
         (tn_shape_is_dynamic(inst->shape) ? TN_PROPERTY_STATIC : 0u);
}

unsigned tn_properties_of(const tn_module *module, const tn_inst **witness, bool *present) {
  unsigned holding = TN_PROPERTY_ALL;
  if (present) memset(present, 0, TN_OP_COUNT * sizeof *present);
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (present) present[inst->op] = true;
    unsigned lost = lost_by(inst) & holding;
    for (int p = 0; lost && witness && p < TN_PROPERTIES; p++)
      if (lost >> p & 1) witness[p] = inst;
    holding &= ~lost;
  }
  return holding;
}

static bool is_entry_parameter(const tn_inst *inst) {
  return inst->op == TN_OP_PARAMETER && inst->parent == inst->parent->module->entry;
}

const char *tn_property_maker(tn_property property, const tn_inst *witness) {
  switch (property) {
  case TN_PROPERTY_INDEX_STATIC: return is_entry_parameter(witness) ? "bounded-entry" : "static-shapes";
  case TN_PROPERTY_INDEX_FLAT: return "inline-calls";
  case TN_PROPERTY_INDEX_EXPANDED: return expanding_pass(witness->op);
  case TN_PROPERTY_INDEX_UNFUSED: return NULL; /* a fusion is never taken apart again */
  case TN_PROPERTIES: break;
  }
  return NULL;
}
