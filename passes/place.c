/* Places in the pipeline, as modules carry them; see place.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/place.h"

#include "passes/named_text.h"

#include <stdio.h>

static const char key[] = "tenon.after";

tn_pipeline_place tn_place_of(const tn_pass_record *run) {
  return (tn_pipeline_place){run->name, run->occurrence, run->rounds, !run->round_changed};
}

bool tn_place_read(const tn_module *module, tn_pipeline_place *place) {
  const char *at = tn_named_text_find(module->frontend_attributes, key);
  char word[8] = "";
  int occurrence, rounds;
  if (!at) return false;
  const char *colon = strchr(at, ':');
  if (!colon || sscanf(colon, ":%d rounds=%d %7[a-z]", &occurrence, &rounds, word) < 2) return false;
  if (occurrence < 1 || rounds < 0) return false;
  *place = (tn_pipeline_place){tn_arena_string_n(module->arena, at, (size_t)(colon - at)), occurrence, rounds,
                               strcmp(word, "changed") != 0};
  return true;
}

void tn_place_write(tn_module *module, const tn_pipeline_place *place) {
  tn_arena *arena = module->arena;
  const char *value = place ? tn_arena_printf(arena, "%s:%d rounds=%d%s", place->name, place->occurrence,
                                              place->rounds, place->round_settled ? "" : " changed")
                            : NULL;
  module->frontend_attributes = tn_named_text_set(arena, module->frontend_attributes, key, value);
}
