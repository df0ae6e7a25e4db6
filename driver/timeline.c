/* What the units did, as a Chrome trace: for Perfetto, chrome://tracing and speedscope.
 *
 *   process "tpu-v1": a thread for each unit, in the order of tn_unit; process "layers": one thread
 *
 *   dma0    |load======|     |load======|         an instruction that begins before the one before it
 *   dma0 +1      |load======|                     has ended is shown in the next lane that is free
 *
 * Events of one thread must nest: viewers leave out what overlaps. A unit does overlap: latencies are
 * pipelined, the next rows enter while the last waves leave. So a unit has as many lanes as it has
 * instructions under way, at most LANES; beyond, an instruction is shown from where a lane is free on
 * (its own cycles are among the arguments). Threads that nothing ran on are not named.
 *
 * Times are in microseconds, as the format wants; cycles are among the arguments. A layer is shown from
 * the first to the last cycle of its work in the array and the vector unit; where two overlap (weights
 * shift in early) the later begins where the earlier ends.
 *
 * The format: "Trace Event Format", complete events ("ph": "X") and metadata.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/pictures.h"

#include <stdio.h>

#include "driver/json_text.h"

enum { UNITS_PROCESS = 1, LAYERS_PROCESS = 2, LANES = TN_TIMELINE_LANES };

static void put_name(tn_text *out, int process, int thread, const char *what, const char *name) {
  tn_json json = {.out = out};
  tn_text_put(out, "\n");
  tn_json_open(&json, NULL, '{');
  tn_json_string(&json, "ph", "M");
  tn_json_string(&json, "name", what);
  tn_json_int(&json, "pid", process);
  tn_json_int(&json, "tid", thread);
  tn_json_open(&json, "args", '{');
  tn_json_string(&json, "name", name);
  tn_json_close(&json, '}');
  tn_json_close(&json, '}');
  tn_text_put(out, ",");
}

void tn_timeline_start(tn_timeline *timeline, tn_arena *arena, const tn_stream *stream) {
  *timeline = (tn_timeline){.stream = stream};
  timeline->layer_start = TN_NEW_ARRAY(arena, int64_t, stream->n_layers);
  timeline->layer_end = TN_NEW_ARRAY(arena, int64_t, stream->n_layers);
  for (int l = 0; l < stream->n_layers; l++) timeline->layer_start[l] = INT64_MAX;
  tn_text_put(&timeline->out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
  put_name(&timeline->out, UNITS_PROCESS, 0, "process_name", stream->target->name);
  put_name(&timeline->out, LAYERS_PROCESS, 0, "process_name", "layers");
}

/* Shown from `start` on; `event` has its own time. */
static void put_event(const tn_timeline *timeline, tn_text *out, int process, int thread, const char *name,
                      int64_t start, const tn_device_event *event, const char *detail, const char *text) {
  double us = 1 / timeline->stream->target->clock_mhz;
  tn_json json = {.out = out};
  tn_text_put(out, "\n");
  tn_json_open(&json, NULL, '{');
  tn_json_string(&json, "ph", "X");
  tn_json_string(&json, "name", name);
  tn_json_int(&json, "pid", process);
  tn_json_int(&json, "tid", thread);
  tn_json_number(&json, "ts", (double)start * us);
  tn_json_number(&json, "dur", (double)(event->end - start) * us);
  tn_json_open(&json, "args", '{');
  tn_json_int(&json, "cycle", event->start);
  tn_json_int(&json, "cycles", event->end - event->start);
  if (text) tn_json_string(&json, detail, text);
  tn_json_close(&json, '}');
  tn_json_close(&json, '}');
  tn_text_put(out, ",");
}

/* A thread of the unit in which nothing else is shown at `*start`, which may move. Events of a unit come in
 * the order in which they begin.                                                                      */
static int thread_of(tn_timeline *timeline, const tn_device_event *event, int64_t *start) {
  int64_t *free = timeline->free[event->unit];
  int *used = &timeline->used[event->unit], lane = 0;
  while (lane < *used && free[lane] > *start) lane++;
  int thread = event->unit * LANES + lane + 1;
  if (lane == *used && lane < LANES) {
    const char *unit = tn_unit_name((tn_unit)event->unit);
    char name[32];
    snprintf(name, sizeof name, lane ? "%s +%d" : "%s", unit, lane);
    put_name(&timeline->out, UNITS_PROCESS, thread, "thread_name", name);
    ++*used;
  } else if (lane == LANES) {
    lane = 0;
    for (int i = 1; i < LANES; i++)
      if (free[i] < free[lane]) lane = i;
    thread = event->unit * LANES + lane + 1;
    *start = free[lane] < event->end ? free[lane] : event->end;
  }
  free[lane] = event->end > free[lane] ? event->end : free[lane];
  return thread;
}

/* The instruction's text is its name up to the first field that is none of its waits. */
static void put_instruction(tn_timeline *timeline, const tn_device_event *event) {
  tn_text text = {0};
  tn_isa_print(&text, &timeline->stream->instructions[event->instruction]);
  char *name = text.bytes ? text.bytes : "";
  if (strncmp(name, "wait ", 5) == 0) {
    name += 5;
    while (*name && strcspn(name, " ") > strcspn(name, "="))
      name += strcspn(name, " ") + (name[strcspn(name, " ")] != 0);
  }
  char mnemonic[32];
  size_t length = strcspn(name, " ");
  length = length < sizeof mnemonic ? length : sizeof mnemonic - 1;
  memcpy(mnemonic, name, length);
  mnemonic[length] = 0;
  int64_t start = event->start;
  int thread = thread_of(timeline, event, &start);
  put_event(timeline, &timeline->out, UNITS_PROCESS, thread, mnemonic, start, event, "instruction",
            text.bytes);
  tn_text_free(&text);
}

void tn_timeline_event(void *user, const tn_device_event *event) {
  tn_timeline *timeline = user;
  put_instruction(timeline, event);
  if (event->layer < 0 || (event->unit != TN_UNIT_MATRIX && event->unit != TN_UNIT_VECTOR)) return;
  int64_t *start = &timeline->layer_start[event->layer], *end = &timeline->layer_end[event->layer];
  if (event->start < *start) *start = event->start;
  if (event->end > *end) *end = event->end;
}

void tn_timeline_end(tn_timeline *timeline) {
  int64_t before = 0;
  for (int l = 0; l < timeline->stream->n_layers; l++) {
    int64_t start = timeline->layer_start[l], end = timeline->layer_end[l];
    if (start == INT64_MAX) continue; /* nothing of it ran */
    if (start < before) start = before;
    if (end < start) end = start;
    before = end;
    tn_device_event shown = {.start = start, .end = end};
    put_event(timeline, &timeline->out, LAYERS_PROCESS, 1, timeline->stream->layers[l].name, start, &shown,
              "source", timeline->stream->layers[l].source);
  }
  if (timeline->out.bytes[timeline->out.length - 1] == ',') timeline->out.length--;
  tn_text_put(&timeline->out, "\n]}\n");
}
