/* Streams on the timed device: `tenon sim`.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_SIMULATE_H
#define TN_DRIVER_SIMULATE_H

#include "target/stream.h"
#include "tenon/device.h"
#include "tenon/tenon.h"

/* A stream and its host library, loaded. */
typedef struct tn_simulation tn_simulation;

/* Does the file begin as a stream does? */
bool tn_is_stream(const char *path);

/* The stream of a file, with "KEY=VALUE" settings (NULL at the end; or NULL) over its target; NAME.host.so is
 * looked for beside NAME.tns. Owned by the caller.                                                 */
tn_status tn_simulation_open(tn_context *context, const char *path, const char *const *settings,
                             tn_simulation **simulation);
/* The model compiled for options->target, a .target file. `report` may be NULL. */
tn_status tn_simulation_compile(tn_model *model, const tn_compile_options *options,
                                tn_simulation **simulation, tn_compile_report *report);
void tn_simulation_destroy(tn_simulation *simulation); /* NULL is fine */

const tn_stream *tn_simulation_stream(const tn_simulation *simulation);
const tn_signature *tn_simulation_signature(const tn_simulation *simulation);

typedef struct {
  const tn_arrays *arguments; /* as tn_arrays_select gives them; NULL: time alone */
  const char *timeline;       /* where to: a Chrome trace of units and layers; NULL: none */
  const char *utilisation;    /* where to: an SVG of the array's use by layer; NULL: none */
} tn_simulation_options;
/* results: with arguments. */
tn_status tn_simulation_run(tn_simulation *simulation, const tn_simulation_options *options,
                            tn_arrays **results);
/* Of the last run; layer -1: the whole. */
tn_device_counters tn_simulation_counters(const tn_simulation *simulation, int layer);

/* ---- pictures ---- */

enum { TN_TIMELINE_LANES = 64 };

/* Events -> the text of a Chrome trace. */
typedef struct {
  const tn_stream *stream;
  tn_text out;
  int64_t *layer_start, *layer_end; /* of the array's and the vector unit's work */
  int64_t free[TN_UNITS][TN_TIMELINE_LANES]; /* from which cycle on nothing is shown there */
  int used[TN_UNITS];                        /* lanes */
} tn_timeline;
void tn_timeline_start(tn_timeline *timeline, tn_arena *arena, const tn_stream *stream);
void tn_timeline_event(void *timeline, const tn_device_event *event);
void tn_timeline_end(tn_timeline *timeline);

/* One bar a layer: where its cycles of the array went. */
void tn_utilisation_svg(tn_text *out, const tn_stream *stream, const tn_device_counters *whole,
                        const tn_device_counters *layers);

#endif
