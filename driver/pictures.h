/* What a simulation looked like.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_PICTURES_H
#define TN_DRIVER_PICTURES_H

#include "target/stream.h"
#include "tenon/tenon.h"

enum { TN_TIMELINE_LANES = 64 };

/* Events -> the text of a Chrome trace. */
typedef struct {
  const tn_stream *stream;
  tn_text out;
  int64_t *layer_start, *layer_end;          /* of the array's and the vector unit's work */
  int64_t free[TN_UNITS][TN_TIMELINE_LANES]; /* from which cycle on nothing is shown there */
  int used[TN_UNITS];                        /* lanes */
} tn_timeline;
void tn_timeline_start(tn_timeline *timeline, tn_arena *arena, const tn_stream *stream);
void tn_timeline_event(void *timeline, const tn_device_event *event);
void tn_timeline_end(tn_timeline *timeline);

/* One bar a layer: where its cycles of the array went. */
void tn_utilisation_svg(tn_text *out, const tn_simulated *simulated);

#endif
