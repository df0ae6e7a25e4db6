/* Arenas: memory that is given back all at once.
 *
 * Three lifetimes exist: a context's (strings that outlive modules), a module's
 * (instructions, shapes, literals) and scratch (one pass or one call). Nothing in
 * an arena is freed alone.
 *
 * Allocation never returns NULL. When memory cannot be had, control jumps to this
 * thread's innermost guard; the entry points of the library set one, so code in
 * between needs no checks. What is not in an arena (mapped files, LLVM's objects)
 * hangs on an owner that the entry point releases.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_ARENA_H
#define TN_BASE_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct tn_arena tn_arena;

/* Owned by the caller; ends with tn_arena_destroy. */
tn_arena *tn_arena_create(void);
void tn_arena_destroy(tn_arena *arena); /* NULL is fine */

/* Takes back every allocation and keeps the largest block for reuse.
 * Under AddressSanitizer the memory is poisoned.                      */
void tn_arena_reset(tn_arena *arena);

/* Zeroed bytes, aligned to 16 (to 64 from 4 KiB on, so that literals suit vector
 * loads). bytes may be 0; the result is then a valid, unusable pointer.          */
void *tn_arena_alloc(tn_arena *arena, size_t bytes);

/* The same, not zeroed: for literals that are about to be filled. */
void *tn_arena_alloc_raw(tn_arena *arena, size_t bytes);

/* count * size, or the guard's jump when that overflows. */
void *tn_arena_alloc_array(tn_arena *arena, size_t count, size_t size);

/* A function to run when the arena is destroyed or reset, last registered first:
 * for what an arena cannot hold itself (mapped files).                          */
void tn_arena_on_release(tn_arena *arena, void (*release)(void *), void *object);

#define TN_NEW(arena, T) ((T *)tn_arena_alloc((arena), sizeof(T)))
#define TN_NEW_ARRAY(arena, T, count) ((T *)tn_arena_alloc_array((arena), (size_t)(count), sizeof(T)))

/* Copies. Strings in arenas end in NUL. */
void *tn_arena_copy(tn_arena *arena, const void *bytes, size_t count);
char *tn_arena_string(tn_arena *arena, const char *text);
char *tn_arena_string_n(tn_arena *arena, const char *text, size_t length);
char *tn_arena_printf(tn_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *tn_arena_vprintf(tn_arena *arena, const char *format, va_list arguments);

/* Growable arrays in an arena.
 *
 *   TN_VEC(tn_inst *) worklist = {0};
 *   TN_PUSH(arena, &worklist, inst);
 *   for (int i = 0; i < worklist.count; i++) visit(worklist.at[i]);
 */
#define TN_VEC(T)   \
  struct {          \
    T *at;          \
    int count;      \
    int capacity;   \
  }
#define TN_PUSH(arena, vec, ...)                                                                  \
  ((vec)->count == (vec)->capacity                                                                \
       ? (void)((vec)->at = tn_arena_grow((arena), (vec)->at, &(vec)->capacity, sizeof *(vec)->at)) \
       : (void)0,                                                                                 \
   (vec)->at[(vec)->count++] = (__VA_ARGS__))
void *tn_arena_grow(tn_arena *arena, void *old, int *capacity, size_t size);

/* The guard.
 *
 *   tn_guard guard;
 *   if (setjmp(*tn_guard_enter(&guard))) { clean up; return TN_LIMIT; }
 *   ... work ...
 *   tn_guard_leave(&guard);      also on every other way out but the jump
 */
typedef struct tn_guard {
  jmp_buf target;
  struct tn_guard *outer;
} tn_guard;
jmp_buf *tn_guard_enter(tn_guard *guard);
void tn_guard_leave(tn_guard *guard);
_Noreturn void tn_out_of_memory(void);

/* malloc and realloc with the same promise, for the few owners outside arenas. */
void *tn_malloc(size_t bytes);
void *tn_realloc(void *old, size_t bytes);

#endif
