/* A hash table with open addressing (linear probing, at most half full) from name to
 * owner. A name given back keeps its entry without an owner, and with it the count of
 * suffixes tried, so that a thousand requests for "add" cost a thousand steps, not half
 * a million; between two passes tn_names_settle forgets both, in one sweep over the
 * table that reads no name.
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
  uint32_t suffix; /* the last N tried for name.N */
} entry;

enum { LEAST = 16 };

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
  names->capacity = LEAST;
  while (names->capacity / 2 < (uint32_t)expected) names->capacity *= 2;
  names->slots = TN_NEW_ARRAY(arena, entry, names->capacity);
  return names;
}

static bool is_name(const entry *slot, tn_str name) {
  return (slot->name == name.at || strncmp(slot->name, name.at, name.length) == 0) &&
         slot->name[name.length] == 0;
}

/* The slot of `name`, or the empty one where it would go. */
static entry *slot_of(const tn_names *names, tn_str name, uint32_t hash) {
  for (uint32_t i = hash;; i++) {
    entry *slot = &names->slots[i & (names->capacity - 1)];
    if (!slot->name || (slot->hash == hash && is_name(slot, name))) return slot;
  }
}

/* Moves the entries to where there is room for `capacity`; none is there twice. */
static void resize(tn_names *names, uint32_t capacity) {
  const entry *old = names->slots, *end = old + names->capacity;
  names->capacity = capacity;
  names->slots = TN_NEW_ARRAY(names->arena, entry, capacity);
  for (; old < end; old++) {
    uint32_t i = old->hash;
    while (old->name && names->slots[i & (capacity - 1)].name) i++;
    if (old->name) names->slots[i & (capacity - 1)] = *old;
  }
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
  if (2 * (names->used + 1) > names->capacity) resize(names, 2 * names->capacity);
  tn_str key = {name, strlen(name)};
  uint32_t hash = hash_of(key);
  entry *slot = slot_of(names, key, hash);
  if (!slot->name) {
    *slot = (entry){.name = tn_arena_string_n(names->arena, name, key.length), .hash = hash};
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
  uint32_t suffix = base->suffix;
  for (;;) {
    const char *candidate = tn_arena_printf(names->arena, "%s.%u", stem, ++suffix);
    entry *slot = intern(names, candidate);
    if (slot->owner) continue;
    slot->owner = owner;
    const char *claimed = slot->name;
    intern(names, stem)->suffix = suffix;
    return claimed;
  }
}

/* Takes an entry out; what stands behind it because of it moves up. */
static void drop(tn_names *names, uint32_t at) {
  uint32_t mask = names->capacity - 1, hole = at;
  for (uint32_t i = (at + 1) & mask; names->slots[i].name; i = (i + 1) & mask) {
    uint32_t home = names->slots[i].hash & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    names->slots[hole] = names->slots[i];
    hole = i;
  }
  names->slots[hole] = (entry){0};
  names->used--;
}

void tn_names_settle(tn_names *names) {
  for (uint32_t i = 0; i < names->capacity; i++) {
    while (names->slots[i].name && !names->slots[i].owner) drop(names, i);
    names->slots[i].suffix = 0;
  }
  uint32_t capacity = names->capacity;
  while (capacity > LEAST && names->used < capacity / 8) capacity /= 2;
  if (capacity < names->capacity) resize(names, capacity);
}

void tn_names_release(tn_names *names, const char *name) {
  tn_str key = {name, strlen(name)};
  entry *slot = slot_of(names, key, hash_of(key));
  assert(slot->name && slot->owner);
  slot->owner = NULL;
}

void *tn_names_find(const tn_names *names, tn_str name) { return slot_of(names, name, hash_of(name))->owner; }
