/* Do boxes fit into so many bytes? Branch and bound.
 *
 * Any packing can be pushed down until every box rests on others or on the ground, and its boxes
 * can be put in the order of their offsets. So it is enough to try orders in which each box rests
 * on those before it, at an offset no lower than the last one's:
 *
 *   tops:   the highest end of what was placed, for each section of time
 *   rest:   of a box: the highest top over its sections; its only place
 *
 * A branch ends where in some section what is still to be placed does not fit between the lowest
 * place that any of it can have and the capacity. A box is no candidate while another one would
 * fit wholly below it (the other may as well come first), nor while an equal box with a lower
 * number waits. Boxes that take most of the time-space come first among candidates.
 *
 * After Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine
 * Learning" (2023), whose canonical solutions and section bounds these are.
 *
 * Cost: boxes times sections a node; *work bounds the whole.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/place.h"

#include <stdlib.h>

typedef struct {
  int box;
  int64_t rest, area;
} candidate;

typedef struct {
  tn_arena *scratch;
  tn_box *boxes;
  int count, n_sections;
  int *from, *to;       /* sections of each box: from <= s < to */
  int64_t *tops, *left; /* by section: what is placed reaches to; bytes still to be placed */
  int64_t *rest;        /* by box: where it would lie now */
  bool *placed;
  int64_t *ground;        /* by section: the lowest place of any box that is left */
  candidate **candidates; /* by depth */
  int64_t **saved;        /* by depth: tops that a box covers */
  int64_t capacity, *work;
} searcher;

/* ---- sections: times between which nothing begins or ends ---- */

static int by_value(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

static int section_of(const int *times, int count, int time) {
  int low = 0, high = count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (times[middle] < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void cut_sections(searcher *s) {
  int *times = TN_NEW_ARRAY(s->scratch, int, 2 * s->count), n = 0;
  for (int i = 0; i < s->count; i++) {
    times[2 * i] = s->boxes[i].first;
    times[2 * i + 1] = s->boxes[i].last + 1;
  }
  qsort(times, (size_t)s->count * 2, sizeof *times, by_value);
  for (int i = 0; i < 2 * s->count; i++)
    if (!i || times[i] != times[n - 1]) times[n++] = times[i];
  s->n_sections = n;
  for (int i = 0; i < s->count; i++) {
    s->from[i] = section_of(times, n, s->boxes[i].first);
    s->to[i] = section_of(times, n, s->boxes[i].last + 1);
  }
}

/* ---- the search ---- */

/* Where every box would lie; the lowest end of any. */
static int64_t find_rests(searcher *s, int64_t lowest) {
  int64_t least = INT64_MAX;
  for (int i = 0; i < s->count; i++) {
    if (s->placed[i]) continue;
    int64_t rest = lowest;
    for (int k = s->from[i]; k < s->to[i]; k++)
      if (s->tops[k] > rest) rest = s->tops[k];
    *s->work -= s->to[i] - s->from[i];
    s->rest[i] = rest;
    if (rest + s->boxes[i].size < least) least = rest + s->boxes[i].size;
  }
  return least;
}

/* In every section there is room for what is left, above the lowest place of any of it. */
static bool has_room(searcher *s) {
  int64_t *ground = s->ground;
  for (int k = 0; k < s->n_sections; k++) ground[k] = INT64_MAX;
  for (int i = 0; i < s->count; i++) {
    if (s->placed[i]) continue;
    for (int k = s->from[i]; k < s->to[i]; k++)
      if (s->rest[i] < ground[k]) ground[k] = s->rest[i];
    *s->work -= s->to[i] - s->from[i];
  }
  for (int k = 0; k < s->n_sections; k++)
    if (s->left[k] && ground[k] + s->left[k] > s->capacity) return false;
  return true;
}

static bool waits_for_equal(const searcher *s, int box) {
  for (int i = 0; i < box; i++)
    if (!s->placed[i] && s->boxes[i].size == s->boxes[box].size && s->from[i] == s->from[box] &&
        s->to[i] == s->to[box])
      return true;
  return false;
}

static int by_place(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->rest != y->rest) return x->rest < y->rest ? -1 : 1;
  if (x->area != y->area) return x->area > y->area ? -1 : 1;
  return (x->box > y->box) - (x->box < y->box);
}

static tn_fit place_rest(searcher *s, int placed, int64_t lowest);

static tn_fit try_box(searcher *s, int box, int placed, int64_t offset) {
  int sections = s->to[box] - s->from[box];
  int64_t *tops = memcpy(s->saved[placed], s->tops + s->from[box], sizeof *tops * (size_t)sections);
  s->boxes[box].offset = offset;
  s->placed[box] = true;
  for (int k = s->from[box]; k < s->to[box]; k++) {
    s->tops[k] = offset + s->boxes[box].size;
    s->left[k] -= s->boxes[box].size;
  }
  tn_fit fit = place_rest(s, placed + 1, offset);
  s->placed[box] = false;
  for (int k = s->from[box]; k < s->to[box]; k++) {
    s->tops[k] = tops[k - s->from[box]];
    s->left[k] += s->boxes[box].size;
  }
  return fit;
}

static tn_fit place_rest(searcher *s, int placed, int64_t lowest) {
  if (placed == s->count) return TN_FITS;
  if (*s->work <= 0) return TN_FITS_UNKNOWN;
  int64_t least = find_rests(s, lowest);
  if (!has_room(s)) return TN_FITS_NOT;
  candidate *candidates = s->candidates[placed];
  int n = 0;
  for (int i = 0; i < s->count; i++)
    if (!s->placed[i] && s->rest[i] < least && !waits_for_equal(s, i))
      candidates[n++] = (candidate){i, s->rest[i], s->boxes[i].size * (s->to[i] - s->from[i])};
  qsort(candidates, (size_t)n, sizeof *candidates, by_place);
  for (int i = 0; i < n; i++) {
    tn_fit fit = try_box(s, candidates[i].box, placed, candidates[i].rest);
    if (fit != TN_FITS_NOT) return fit;
  }
  return TN_FITS_NOT;
}

tn_fit tn_search_place(tn_arena *scratch, tn_box *boxes, int count, int64_t capacity, int64_t *work) {
  searcher s = {.scratch = scratch, .boxes = boxes, .count = count, .capacity = capacity, .work = work};
  s.from = TN_NEW_ARRAY(scratch, int, count);
  s.to = TN_NEW_ARRAY(scratch, int, count);
  s.rest = TN_NEW_ARRAY(scratch, int64_t, count);
  s.placed = TN_NEW_ARRAY(scratch, bool, count);
  cut_sections(&s);
  s.tops = TN_NEW_ARRAY(scratch, int64_t, s.n_sections);
  s.left = TN_NEW_ARRAY(scratch, int64_t, s.n_sections);
  s.ground = TN_NEW_ARRAY(scratch, int64_t, s.n_sections);
  s.candidates = tn_arena_alloc_array(scratch, (size_t)count, sizeof *s.candidates);
  s.saved = tn_arena_alloc_array(scratch, (size_t)count, sizeof *s.saved);
  for (int i = 0; i < count; i++) {
    s.candidates[i] = tn_arena_alloc_array(scratch, (size_t)count, sizeof **s.candidates);
    s.saved[i] = TN_NEW_ARRAY(scratch, int64_t, s.n_sections);
  }
  int placed = 0;
  for (int i = 0; i < count; i++) {
    for (int k = s.from[i]; k < s.to[i]; k++) {
      if (boxes[i].on_top)
        s.tops[k] = boxes[i].size;
      else
        s.left[k] += boxes[i].size;
    }
    if (!boxes[i].on_top) continue;
    boxes[i].offset = 0; /* all is upside down */
    s.placed[i] = true;
    placed++;
  }
  return place_rest(&s, placed, 0);
}
