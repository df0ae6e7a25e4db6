/* Places in the pipeline, as modules carry them; see place.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/place.h"

#include <stdio.h>

static const char key[] = "tenon.after=\"";

tn_pipeline_place tn_place_of(const tn_pass_record *run) {
  return (tn_pipeline_place){run->name, run->occurrence, run->rounds, !run->round_changed};
}

/* The attribute's first byte in `attributes`, which is "{a=\"b\",c=\"d\"}"; NULL if it is
 * not there. Values have no quotes that are not escaped.                                 */
static const char *find(const char *attributes) {
  const char *at = attributes ? strstr(attributes, key) : NULL;
  return at && at > attributes && (at[-1] == '{' || at[-1] == ',') ? at : NULL;
}

bool tn_place_read(const tn_module *module, tn_pipeline_place *place) {
  const char *at = find(module->frontend_attributes);
  char word[8] = "";
  int occurrence, rounds;
  if (!at) return false;
  at += sizeof key - 1;
  const char *colon = strchr(at, ':');
  if (!colon || sscanf(colon, ":%d rounds=%d %7[a-z]", &occurrence, &rounds, word) < 2) return false;
  if (occurrence < 1 || rounds < 0) return false;
  *place = (tn_pipeline_place){tn_arena_string_n(module->arena, at, (size_t)(colon - at)), occurrence, rounds,
                               strcmp(word, "changed") != 0};
  return true;
}

/* `attributes` without the place; NULL where nothing is left. */
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

void tn_place_write(tn_module *module, const tn_pipeline_place *place) {
  tn_arena *arena = module->arena;
  const char *others = without(arena, module->frontend_attributes);
  module->frontend_attributes = others;
  if (!place) return;
  bool empty = !others || strlen(others) <= 2;
  module->frontend_attributes =
      tn_arena_printf(arena, "{%.*s%s%s%s:%d rounds=%d%s\"}", empty ? 0 : (int)strlen(others) - 2,
                      empty ? "" : others + 1, empty ? "" : ",", key, place->name, place->occurrence,
                      place->rounds, place->round_settled ? "" : " changed");
}
