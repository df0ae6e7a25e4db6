/* Arenas and the guard.
 *
 * An arena is a list of blocks, newest first; allocation bumps a cursor in the
 * newest one. Requests that would waste much of a block get one of their own, which
 * goes second in the list so that the cursor keeps its room.
 *
 *   block:  [header | used ........ | never used, still zero ...... ]
 *                                   ^ dirty                         ^ capacity
 *
 * `dirty` is how far anything was ever handed out: what lies beyond is zero since
 * calloc, so that a large zeroed array costs no pass over its memory.
 *
 * Under AddressSanitizer everything but what was handed out is poisoned, with a red
 * zone after each allocation.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/arena.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define POISON(at, bytes)   __asan_poison_memory_region((at), (bytes))
#define UNPOISON(at, bytes) __asan_unpoison_memory_region((at), (bytes))
enum { RED_ZONE = 16 };
#else
#define POISON(at, bytes)   ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
enum { RED_ZONE = 0 };
#endif

enum {
  SMALL_ALIGN = 16,
  LARGE_ALIGN = 64,
  LARGE_FROM = 4096,
  FIRST_BLOCK = 16 << 10, /* doubled with each block up to LAST_BLOCK */
  LAST_BLOCK = 1 << 20
};

typedef struct block {
  struct block *older;
  size_t capacity, used, dirty; /* of the payload */
  char *payload;                /* aligned to LARGE_ALIGN */
} block;

typedef struct release {
  struct release *earlier;
  void (*run)(void *);
  void *object;
} release;

struct tn_arena {
  block *newest;
  release *last_release;
  size_t next_block;
};

/* The one written global: which guard catches this thread's exhausted memory. */
static _Thread_local tn_guard *innermost;

jmp_buf *tn_guard_enter(tn_guard *guard) {
  guard->outer = innermost;
  innermost = guard;
  return &guard->target;
}

void tn_guard_leave(tn_guard *guard) { innermost = guard->outer; }

_Noreturn void tn_out_of_memory(void) {
  tn_guard *guard = innermost;
  if (!guard) abort(); /* an entry point without a guard: our own bug */
  innermost = guard->outer;
  longjmp(guard->target, 1);
}

void *tn_malloc(size_t bytes) {
  void *result = malloc(bytes ? bytes : 1);
  if (!result) tn_out_of_memory();
  return result;
}

void *tn_realloc(void *old, size_t bytes) {
  void *result = realloc(old, bytes ? bytes : 1);
  if (!result) tn_out_of_memory();
  return result;
}

/* Zeroed where that comes free or is asked for. */
static block *block_create(size_t capacity, bool zeroed) {
  size_t overhead = sizeof(block) + LARGE_ALIGN;
  if (capacity > SIZE_MAX / 2 - overhead) tn_out_of_memory();
  block *b = zeroed ? calloc(1, capacity + overhead) : malloc(capacity + overhead);
  if (!b) tn_out_of_memory();
  uintptr_t start = ((uintptr_t)(b + 1) + LARGE_ALIGN - 1) & ~(uintptr_t)(LARGE_ALIGN - 1);
  *b = (block){.capacity = capacity, .dirty = zeroed ? 0 : capacity, .payload = (char *)start};
  POISON(b->payload, capacity);
  return b;
}

static void block_free(block *b) {
  UNPOISON(b->payload, b->capacity);
  free(b);
}

tn_arena *tn_arena_create(void) {
  tn_arena *arena = tn_malloc(sizeof *arena);
  *arena = (tn_arena){.next_block = FIRST_BLOCK};
  return arena;
}

static void run_releases(tn_arena *arena) {
  release *r = arena->last_release;
  arena->last_release = NULL;
  for (; r; r = r->earlier) r->run(r->object);
}

void tn_arena_destroy(tn_arena *arena) {
  if (!arena) return;
  run_releases(arena);
  for (block *b = arena->newest, *older; b; b = older) {
    older = b->older;
    block_free(b);
  }
  free(arena);
}

void tn_arena_reset(tn_arena *arena) {
  run_releases(arena);
  block *kept = arena->newest;
  for (block *b = kept; b; b = b->older)
    if (b->capacity > kept->capacity) kept = b;
  for (block *b = arena->newest, *older; b; b = older) {
    older = b->older;
    if (b != kept) block_free(b);
  }
  if (kept) {
    kept->older = NULL;
    kept->used = 0;
    POISON(kept->payload, kept->capacity);
  }
  arena->newest = kept;
}

static size_t align_up(size_t value, size_t align) { return (value + align - 1) & ~(align - 1); }

/* A block with room for `room` bytes: the newest, after adding one if need be. */
static block *block_for(tn_arena *arena, size_t room, bool zeroed) {
  if (room > arena->next_block / 4) {
    block *own = block_create(room, zeroed);
    if (arena->newest) {
      own->older = arena->newest->older;
      arena->newest->older = own;
    } else {
      arena->newest = own;
    }
    return own;
  }
  block *b = block_create(arena->next_block, true);
  b->older = arena->newest;
  arena->newest = b;
  if (arena->next_block < LAST_BLOCK) arena->next_block *= 2;
  return b;
}

static void *allocate(tn_arena *arena, size_t bytes, bool zeroed) {
  if (bytes > SIZE_MAX / 4) tn_out_of_memory();
  size_t align = bytes >= LARGE_FROM ? LARGE_ALIGN : SMALL_ALIGN;
  size_t room = align_up(bytes, SMALL_ALIGN) + RED_ZONE;
  block *b = arena->newest;
  size_t start = b ? align_up(b->used, align) : 0;
  if (!b || start > b->capacity || room > b->capacity - start) {
    b = block_for(arena, room, zeroed);
    start = align_up(b->used, align);
  }
  char *result = b->payload + start;
  UNPOISON(result, bytes);
  if (zeroed && start < b->dirty) {
    size_t stale = b->dirty - start;
    memset(result, 0, stale < bytes ? stale : bytes);
  }
  b->used = start + room;
  if (b->dirty < b->used) b->dirty = b->used;
  return result;
}

void *tn_arena_alloc(tn_arena *arena, size_t bytes) { return allocate(arena, bytes, true); }

void *tn_arena_alloc_raw(tn_arena *arena, size_t bytes) { return allocate(arena, bytes, false); }

void *tn_arena_alloc_array(tn_arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) tn_out_of_memory();
  return tn_arena_alloc(arena, bytes);
}

void tn_arena_on_release(tn_arena *arena, void (*run)(void *), void *object) {
  release *r = TN_NEW(arena, release);
  *r = (release){.earlier = arena->last_release, .run = run, .object = object};
  arena->last_release = r;
}

void *tn_arena_copy(tn_arena *arena, const void *bytes, size_t count) {
  void *copy = tn_arena_alloc_raw(arena, count);
  if (count) memcpy(copy, bytes, count);
  return copy;
}

char *tn_arena_string(tn_arena *arena, const char *text) {
  return tn_arena_copy(arena, text, strlen(text) + 1);
}

char *tn_arena_string_n(tn_arena *arena, const char *text, size_t length) {
  if (length > SIZE_MAX / 4) tn_out_of_memory();
  char *copy = tn_arena_alloc_raw(arena, length + 1);
  if (length) memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

char *tn_arena_vprintf(tn_arena *arena, const char *format, va_list arguments) {
  char small[256];
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(small, sizeof small, format, arguments);
  char *result = tn_arena_alloc_raw(arena, length < 0 ? 1 : (size_t)length + 1);
  if (length < 0)
    result[0] = 0;
  else if ((size_t)length < sizeof small)
    memcpy(result, small, (size_t)length + 1);
  else
    vsnprintf(result, (size_t)length + 1, format, again);
  va_end(again);
  return result;
}

char *tn_arena_printf(tn_arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *result = tn_arena_vprintf(arena, format, arguments);
  va_end(arguments);
  return result;
}

/* In place when the array is the newest allocation of its block and room is left. */
static bool extend(tn_arena *arena, char *old, size_t old_bytes, size_t new_bytes) {
  block *b = arena->newest;
  if (!b || !old || new_bytes >= LARGE_FROM) return false;
  size_t old_room = align_up(old_bytes, SMALL_ALIGN) + RED_ZONE;
  size_t new_room = align_up(new_bytes, SMALL_ALIGN) + RED_ZONE;
  if (b->used < old_room || old != b->payload + b->used - old_room) return false;
  size_t start = b->used - old_room;
  if (new_room > b->capacity - start) return false;
  UNPOISON(old, new_bytes);
  b->used = start + new_room;
  if (b->dirty < b->used) b->dirty = b->used;
  return true;
}

void *tn_arena_grow(tn_arena *arena, void *old, int *capacity, size_t size) {
  int old_count = *capacity;
  if (old_count > INT_MAX / 2) tn_out_of_memory();
  int new_count = old_count ? old_count * 2 : 8;
  size_t old_bytes = (size_t)old_count * size, new_bytes;
  if (__builtin_mul_overflow((size_t)new_count, size, &new_bytes)) tn_out_of_memory();
  *capacity = new_count;
  if (extend(arena, old, old_bytes, new_bytes)) return old;
  void *result = tn_arena_alloc_raw(arena, new_bytes);
  if (old_bytes) memcpy(result, old, old_bytes);
  return result;
}
