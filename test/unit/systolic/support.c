/* HLO text to instruction streams.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "frontend/hlo/hlo.h"

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  char *messages = user;
  size_t length = strlen(messages);
  snprintf(messages + length, 2000 - length, "%s\n", diagnostic->message);
}

test_machine open_machine(const char *hlo, const char *keys) {
  test_machine m = {.arena = tn_arena_create()};
  char *messages = tn_arena_alloc(m.arena, 2000);
  m.sink = (tn_diagnostics){.callback = keep_message, .user = messages};
  tn_hlo_options options = {.file = "test.hlo"};
  m.module = tn_hlo_parse((tn_str){hlo, strlen(hlo)}, &options, &m.sink);
  cr_assert(m.module, "%s", messages);
  tn_systolic_target *target =
      tn_systolic_target_parse(m.arena, &m.sink, "test.target", (tn_str){keys, strlen(keys)});
  cr_assert(target, "%s", messages);
  m.target = *target;
  return m;
}

void close_machine(test_machine *m) {
  tn_module_destroy(m->module);
  tn_arena_destroy(m->arena);
}

tn_systolic_program *program_of(test_machine *m) {
  tn_plan_options plan_options = {.target = tn_cpu_find(m->arena, &m->sink, "x86-64-v2", NULL, NULL),
                                  .level = 2, .unscheduled = true};
  tn_plan *plan = tn_plan_build(m->module, &plan_options, &m->sink);
  tn_systolic_options options = {.array = &m->target, .name = "test", .host = plan_options.target};
  tn_systolic_program *program = plan ? tn_systolic_compile(plan, &options, &m->sink) : NULL;
  snprintf(m->messages, sizeof m->messages, "%s", (const char *)m->sink.user);
  return program;
}

tn_device_counters timed(const tn_systolic_program *program) {
  tn_text bytes = {0};
  tn_device_counters counters;
  tn_stream_write(&bytes, program->stream);
  tn_device *device = tn_device_open(TN_DEVICE_TIMED);
  int failed = tn_device_load(device, bytes.bytes, bytes.length, NULL) || tn_device_start(device) ||
               tn_device_wait(device) || tn_device_counters_of(device, -1, &counters);
  cr_assert(!failed, "%s", tn_device_message(device));
  tn_device_close(device);
  tn_text_free(&bytes);
  return counters;
}

const char *text_of(test_machine *m, const tn_stream *stream) {
  tn_text text = {0};
  tn_stream_print(&text, stream);
  const char *kept = tn_arena_string_n(m->arena, text.bytes, text.length);
  tn_text_free(&text);
  return kept;
}

int count_of(const tn_stream *stream, tn_isa_op op) {
  int count = 0;
  for (int64_t i = 0; i < stream->count; i++) count += stream->instructions[i].op == op;
  return count;
}
