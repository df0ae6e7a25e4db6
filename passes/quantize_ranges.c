/* Ranges of values, as modules carry them: see quantize_scheme.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/quantize_scheme.h"

#include "base/number.h"
#include "passes/named_text.h"

#include <math.h>
#include <stdlib.h>

static const char key[] = "tenon.range";

bool tn_range_read(const tn_inst *inst, tn_range *range) {
  const char *at = inst->notes ? tn_named_text_find(inst->notes->frontend_attributes, key) : NULL;
  if (!at) return false;
  char *end;
  range->low = strtod(at, &end);
  if (*end != ',') return false;
  range->high = strtod(end + 1, &end);
  return *end == '"' && isfinite(range->low) && isfinite(range->high) && range->low <= range->high;
}

static const char *number(tn_arena *arena, double value) {
  char text[40];
  float element = (float)value;
  return tn_arena_string_n(arena, text, tn_print_float(TN_F32, &element, text));
}

void tn_range_write(tn_inst *inst, const tn_range *range) {
  tn_arena *arena = inst->parent->module->arena;
  if (!range && !(inst->notes && tn_named_text_find(inst->notes->frontend_attributes, key))) return;
  tn_annotations *notes = TN_NEW(arena, tn_annotations);
  if (inst->notes) *notes = *inst->notes;
  const char *value =
      range ? tn_arena_printf(arena, "%s,%s", number(arena, range->low), number(arena, range->high)) : NULL;
  notes->frontend_attributes = tn_named_text_set(arena, notes->frontend_attributes, key, value);
  inst->notes = notes;
}
