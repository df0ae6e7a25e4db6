/* Places in the pipeline, as modules carry them; see place.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/place.h"

#include "passes/named_text.h"

#include <stdio.h>

static const char place_key[] = "tenon.after", spent_key[] = "tenon.rewrites";

tn_pipeline_place tn_place_of(const tn_pass_record *run) {
  return (tn_pipeline_place){run->name,  run->occurrence, run->rounds, !run->round_changed,
                             run->spent, run->n_spent};
}

/* "dce=3 cse=1" up to a quote. */
static bool read_spent(tn_arena *arena, const char *at, tn_pipeline_place *place) {
  TN_VEC(tn_fuel) list = {0};
  while (at && *at && *at != '"') {
    size_t length = strcspn(at, "= \"");
    long long rewrites;
    int used = 0;
    if (!length || sscanf(at + length, "=%lld%n", &rewrites, &used) != 1 || rewrites < 0) return false;
    TN_PUSH(arena, &list, (tn_fuel){tn_arena_string_n(arena, at, length), rewrites});
    at += length + (size_t)used;
    at += strspn(at, " ");
  }
  place->spent = list.at;
  place->n_spent = list.count;
  return true;
}

bool tn_place_read(const tn_module *module, tn_pipeline_place *place) {
  const char *at = tn_named_text_find(module->frontend_attributes, place_key);
  char word[8] = "";
  int occurrence, rounds;
  if (!at) return false;
  const char *colon = strchr(at, ':');
  if (!colon || sscanf(colon, ":%d rounds=%d %7[a-z]", &occurrence, &rounds, word) < 2) return false;
  if (occurrence < 1 || rounds < 0) return false;
  *place = (tn_pipeline_place){.name = tn_arena_string_n(module->arena, at, (size_t)(colon - at)),
                               .occurrence = occurrence,
                               .rounds = rounds,
                               .round_settled = strcmp(word, "changed") != 0};
  return read_spent(module->arena, tn_named_text_find(module->frontend_attributes, spent_key), place);
}

static const char *spent_text(tn_arena *arena, const tn_pipeline_place *place) {
  const char *text = NULL;
  for (int i = 0; i < place->n_spent; i++)
    if (place->spent[i].rewrites)
      text = tn_arena_printf(arena, "%s%s%s=%lld", text ? text : "", text ? " " : "", place->spent[i].pass,
                             (long long)place->spent[i].rewrites);
  return text;
}

void tn_place_write(tn_module *module, const tn_pipeline_place *place) {
  tn_arena *arena = module->arena;
  const char *value = place ? tn_arena_printf(arena, "%s:%d rounds=%d%s", place->name, place->occurrence,
                                              place->rounds, place->round_settled ? "" : " changed")
                            : NULL;
  const char *attributes = tn_named_text_set(arena, module->frontend_attributes, place_key, value);
  module->frontend_attributes =
      tn_named_text_set(arena, attributes, spent_key, place ? spent_text(arena, place) : NULL);
}
