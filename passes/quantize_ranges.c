/* Ranges of values, as modules carry them: see quantize_scheme.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/quantize_scheme.h"

#include "base/number.h"

#include <math.h>
#include <stdlib.h>

static const char key[] = "tenon.range=\"";

/* Where it begins in "{a=\"b\",tenon.range=\"…\"}"; NULL: nowhere. */
static const char *find(const char *attributes) {
  const char *at = attributes ? strstr(attributes, key) : NULL;
  return at && at > attributes && (at[-1] == '{' || at[-1] == ',') ? at : NULL;
}

bool tn_range_read(const tn_inst *inst, tn_range *range) {
  const char *at = inst->notes ? find(inst->notes->frontend_attributes) : NULL;
  if (!at) return false;
  char *end;
  range->low = strtod(at + sizeof key - 1, &end);
  if (*end != ',') return false;
  range->high = strtod(end + 1, &end);
  return *end == '"' && isfinite(range->low) && isfinite(range->high) && range->low <= range->high;
}

/* The text without the range; NULL where nothing is left. */
static const char *without(tn_arena *arena, const char *attributes) {
  const char *at = find(attributes);
  if (!at) return attributes;
  const char *end = strchr(at + sizeof key - 1, '"') + 1;
  size_t before = (size_t)(at - attributes);
  if (*end == ',')
    end++;
  else if (at[-1] == ',')
    before--;
  const char *rest = tn_arena_printf(arena, "%.*s%s", (int)before, attributes, end);
  return strcmp(rest, "{}") == 0 ? NULL : rest;
}

static const char *number(tn_arena *arena, double value) {
  char text[40];
  float element = (float)value;
  return tn_arena_string_n(arena, text, tn_print_float(TN_F32, &element, text));
}

void tn_range_write(tn_inst *inst, const tn_range *range) {
  tn_arena *arena = inst->parent->module->arena;
  if (!range && !(inst->notes && find(inst->notes->frontend_attributes))) return;
  tn_annotations *notes = TN_NEW(arena, tn_annotations);
  if (inst->notes) *notes = *inst->notes;
  const char *others = without(arena, notes->frontend_attributes);
  notes->frontend_attributes = others;
  if (range) {
    bool empty = !others || strlen(others) <= 2;
    notes->frontend_attributes = tn_arena_printf(
        arena, "{%.*s%s%s%s,%s\"}", empty ? 0 : (int)strlen(others) - 2, empty ? "" : others + 1,
        empty ? "" : ",", key, number(arena, range->low), number(arena, range->high));
  }
  inst->notes = notes;
}
