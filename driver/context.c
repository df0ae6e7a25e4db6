/* Contexts, and the frame around every call of the library.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/driver.h"

#include <stdlib.h>

#ifndef TENON_VERSION
#error "the build defines TENON_VERSION"
#endif

/* Large enough for a model of 10 GB; the other limits' defaults are the layers'. */
static const int64_t default_file_size = (int64_t)64 << 30;

const char *tn_version(void) { return TENON_VERSION; }

static tn_arena *arena_or_null(void) {
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) return NULL;
  tn_arena *arena = tn_arena_create();
  tn_guard_leave(&guard);
  return arena;
}

tn_context *tn_context_create(tn_diagnostic_callback *callback, void *user) {
  tn_context *context = calloc(1, sizeof *context);
  if (!context) return NULL;
  context->arena = arena_or_null();
  context->scratch = arena_or_null();
  context->sink = (tn_diagnostics){.callback = callback, .user = user};
  context->limits.max_file_size = default_file_size;
  if (context->arena && context->scratch) return context;
  tn_context_destroy(context);
  return NULL;
}

void tn_context_destroy(tn_context *context) {
  if (!context) return;
  tn_arena_destroy(context->arena);
  tn_arena_destroy(context->scratch);
  free(context);
}

tn_limits *tn_context_limits(tn_context *context) { return &context->limits; }

/* Runs `work`; what it leaves in the sink is the status. */
static tn_status guarded(tn_context *context, bool (*work)(void *), void *argument) {
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    tn_error(&context->sink, TN_LIMIT, TN_NOWHERE, "out of memory");
    return TN_LIMIT;
  }
  bool done = work(argument);
  tn_guard_leave(&guard);
  if (done) return TN_OK;
  if (context->sink.status == TN_OK)
    tn_error(&context->sink, TN_BUG, TN_NOWHERE, "a step failed without saying why");
  return context->sink.status;
}

/* A callback may call the library again: then the call around it keeps its scratch
 * memory and the errors that it counts.                                             */
tn_status tn_driver_do(tn_context *context, bool (*work)(void *), void *argument) {
  int errors = context->sink.errors;
  tn_status before = context->sink.status;
  context->sink.errors = 0;
  context->sink.status = TN_OK;
  context->depth++;
  tn_status status = guarded(context, work, argument);
  context->depth--;
  if (context->depth == 0) {
    tn_arena_reset(context->scratch);
  } else {
    context->sink.errors = errors;
    context->sink.status = before;
  }
  return status;
}

void tn_driver_keep_first(void *user, const tn_diagnostic *diagnostic) {
  tn_first_error *first = user;
  if (!first->message && diagnostic->severity == TN_SEVERITY_ERROR)
    first->message = tn_arena_string(first->arena, diagnostic->message);
}
