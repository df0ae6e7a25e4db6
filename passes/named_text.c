/* Our own texts among frontend attributes; see named_text.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/named_text.h"

#include <string.h>

const char *tn_named_text_find(const char *attributes, const char *name) {
  size_t length = strlen(name);
  for (const char *at = attributes; at && (at = strstr(at, name)); at += length)
    if (at > attributes && (at[-1] == '{' || at[-1] == ',') && strncmp(at + length, "=\"", 2) == 0)
      return at + length + 2;
  return NULL;
}

static const char *without(tn_arena *arena, const char *attributes, const char *name) {
  const char *value = tn_named_text_find(attributes, name);
  if (!value) return attributes;
  const char *at = value - strlen(name) - 2, *end = strchr(value, '"') + 1;
  size_t before = (size_t)(at - attributes);
  if (*end == ',')
    end++;
  else if (at[-1] == ',')
    before--;
  const char *rest = tn_arena_printf(arena, "%.*s%s", (int)before, attributes, end);
  return strcmp(rest, "{}") == 0 ? NULL : rest;
}

const char *tn_named_text_set(tn_arena *arena, const char *attributes, const char *name, const char *value) {
  const char *others = without(arena, attributes, name);
  if (!value) return others;
  bool empty = !others || strlen(others) <= 2;
  return tn_arena_printf(arena, "{%.*s%s%s=\"%s\"}", empty ? 0 : (int)strlen(others) - 2,
                         empty ? "" : others + 1, empty ? "" : ",", name, value);
}
