/* A hash table with open addressing (linear probing, at most half full) from name to
 * owner. An entry is never deleted: a name given back keeps its entry without an
 * owner, and with it the count of suffixes tried, so that a thousand requests for
 * "add" cost a thousand steps, not half a million.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/names.h"

#include <assert.h>

#include "base/type.h"

typedef struct {
  const char *name; /* NULL: the slot is empty */
  void *owner;      /* NULL: the name is free */
  uint32_t hash;
  uint32_t length;
  int64_t suffix; /* the last N tried for name.N */
} entry;

struct tn_names {
  tn_arena *arena;
  entry *slots;
  uint32_t capacity; /* a power of two */
  uint32_t used;
};

/* FNV-1a; names are short. */
static uint32_t hash_of(tn_str name) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < name.length; i++) hash = (hash ^ (unsigned char)name.at[i]) * 16777619u;
  return hash ^ hash >> 15;
}

tn_names *tn_names_create(tn_arena *arena, int expected) {
  tn_names *names = TN_NEW(arena, tn_names);
  names->arena = arena;
  names->capacity = 16;
  while (names->capacity / 2 < (uint32_t)expected) names->capacity *= 2;
  names->slots = TN_NEW_ARRAY(arena, entry, names->capacity);
  return names;
}

/* The slot of `name`, or the empty one where it would go. */
static entry *slot_of(const tn_names *names, tn_str name, uint32_t hash) {
  for (uint32_t i = hash;; i++) {
    entry *slot = &names->slots[i & (names->capacity - 1)];
    if (!slot->name) return slot;
    if (slot->hash == hash && slot->length == name.length && memcmp(slot->name, name.at, name.length) == 0)
      return slot;
  }
}

static void grow(tn_names *names) {
  entry *old = names->slots;
  uint32_t old_capacity = names->capacity;
  names->capacity *= 2;
  names->slots = TN_NEW_ARRAY(names->arena, entry, names->capacity);
  for (uint32_t i = 0; i < old_capacity; i++)
    if (old[i].name) *slot_of(names, (tn_str){old[i].name, old[i].length}, old[i].hash) = old[i];
}

static bool is_printable(const char *name) {
  if (!tn_is_name_start(*name)) return false;
  for (; *name; name++)
    if (!tn_is_name_char(*name)) return false;
  return true;
}

/* XLA's parser refuses the names of element types (but not "tuple") as names. */
static bool is_reserved(const char *name) {
  tn_type type = tn_type_from_name((tn_str){name, strlen(name)});
  return tn_type_is_array(type) || type == TN_TOKEN || type == TN_OPAQUE;
}

static const char *make_printable(tn_arena *arena, const char *wanted) {
  bool reserved = is_reserved(wanted);
  if (is_printable(wanted) && !reserved) return wanted;
  char *name =
      tn_arena_printf(arena, "%s%s%s", tn_is_name_start(*wanted) ? "" : "_", wanted, reserved ? "_" : "");
  for (char *c = name; *c; c++)
    if (!tn_is_name_char(*c)) *c = '_';
  return name;
}

/* The entry of `name`, made if there is none; pointers to other entries die. */
static entry *intern(tn_names *names, const char *name) {
  if (2 * (names->used + 1) > names->capacity) grow(names);
  tn_str key = {name, strlen(name)};
  uint32_t hash = hash_of(key);
  entry *slot = slot_of(names, key, hash);
  if (!slot->name) {
    *slot = (entry){.name = tn_arena_string_n(names->arena, name, key.length), .hash = hash};
    slot->length = (uint32_t)key.length;
    names->used++;
  }
  return slot;
}

const char *tn_names_claim(tn_names *names, const char *wanted, void *owner) {
  wanted = make_printable(names->arena, wanted);
  entry *base = intern(names, wanted);
  if (!base->owner) {
    base->owner = owner;
    return base->name;
  }
  const char *stem = base->name;
  int64_t suffix = base->suffix;
  for (;;) {
    const char *candidate = tn_arena_printf(names->arena, "%s.%lld", stem, (long long)++suffix);
    entry *slot = intern(names, candidate);
    if (slot->owner) continue;
    slot->owner = owner;
    const char *claimed = slot->name;
    intern(names, stem)->suffix = suffix;
    return claimed;
  }
}

void tn_names_clear(tn_names *names) {
  memset(names->slots, 0, names->capacity * sizeof *names->slots);
  names->used = 0;
}

void tn_names_enter(tn_names *names, const char *name, void *owner) {
  if (2 * (names->used + 1) > names->capacity) grow(names);
  tn_str key = {name, strlen(name)};
  uint32_t hash = hash_of(key);
  *slot_of(names, key, hash) =
      (entry){.name = name, .owner = owner, .hash = hash, .length = (uint32_t)key.length};
  names->used++;
}

void tn_names_release(tn_names *names, const char *name) {
  tn_str key = {name, strlen(name)};
  entry *slot = slot_of(names, key, hash_of(key));
  assert(slot->name && slot->owner);
  slot->owner = NULL;
}

void *tn_names_find(const tn_names *names, tn_str name) { return slot_of(names, name, hash_of(name))->owner; }
