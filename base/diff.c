/* Line diffs: patience where lines are unique, greedy (Myers) in what is left.
 *
 * Lines are numbered by content, so that comparing two is comparing integers. A range of
 * both texts is cut by its common ends, then by the longest increasing run of lines that
 * are unique on both sides; what has none goes to the greedy algorithm, or, where that
 * would take more than MOST_EDITS steps, is replaced as a whole.
 *
 * Sources: B. Cohen's patience diff; E. W. Myers, "An O(ND) difference algorithm", 1986.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/diff.h"

#include "base/hash.h"

enum { MOST_EDITS = 512, MOST_DEPTH = 64 };

/* ---- lines as numbers ---- */

typedef struct {
  tn_str *lines;
  int *ids; /* equal lines have equal ids */
  bool *changed;
  int count;
} side;

typedef struct {
  tn_arena *arena;
  side a, b;
  int n_ids;
  int *only_a, *only_b; /* by id: the only place in the range that is looked at, + 1; -1: several; 0: none */
} differ;

static void split(tn_arena *arena, tn_str text, side *s) {
  TN_VEC(tn_str) lines = {0};
  for (size_t at = 0; at < text.length;) {
    const char *end = memchr(text.at + at, '\n', text.length - at);
    size_t length = end ? (size_t)(end - text.at) - at : text.length - at;
    TN_PUSH(arena, &lines, ((tn_str){text.at + at, length}));
    at += length + 1;
  }
  s->lines = lines.at;
  s->count = lines.count;
  s->ids = TN_NEW_ARRAY(arena, int, lines.count);
  s->changed = TN_NEW_ARRAY(arena, bool, lines.count);
}

typedef struct {
  tn_str line;
  uint64_t hash;
  int id; /* + 1; 0: empty */
} slot;

static void number(differ *d, side *s, slot *table, size_t capacity) {
  for (int i = 0; i < s->count; i++) {
    tn_str line = s->lines[i];
    uint64_t hash = tn_hash_bytes(line.at, line.length).low;
    size_t at = hash & (capacity - 1);
    while (table[at].id && !(table[at].hash == hash && table[at].line.length == line.length &&
                             memcmp(table[at].line.at, line.at, line.length) == 0))
      at = (at + 1) & (capacity - 1);
    if (!table[at].id) table[at] = (slot){line, hash, ++d->n_ids};
    s->ids[i] = table[at].id - 1;
  }
}

static void number_both(differ *d) {
  size_t capacity = 64, lines = (size_t)d->a.count + (size_t)d->b.count;
  while (capacity < 2 * lines) capacity *= 2;
  slot *table = TN_NEW_ARRAY(d->arena, slot, capacity);
  number(d, &d->a, table, capacity);
  number(d, &d->b, table, capacity);
  d->only_a = TN_NEW_ARRAY(d->arena, int, d->n_ids);
  d->only_b = TN_NEW_ARRAY(d->arena, int, d->n_ids);
}

/* ---- ranges ---- */

typedef struct {
  int a, a_end, b, b_end;
} range;

static void replace(differ *d, range r) {
  for (int i = r.a; i < r.a_end; i++) d->a.changed[i] = true;
  for (int i = r.b; i < r.b_end; i++) d->b.changed[i] = true;
}

static range trim(const differ *d, range r) {
  while (r.a < r.a_end && r.b < r.b_end && d->a.ids[r.a] == d->b.ids[r.b]) r.a++, r.b++;
  while (r.a < r.a_end && r.b < r.b_end && d->a.ids[r.a_end - 1] == d->b.ids[r.b_end - 1])
    r.a_end--, r.b_end--;
  return r;
}

/* ---- greedy ---- */

/* Walks back along the furthest points of each number of edits. `trace[e]` has those of
 * diagonals -e … e at e + diagonal.                                                     */
static void mark_path(differ *d, range r, int *const *trace, int edits) {
  int x = r.a_end - r.a, y = r.b_end - r.b;
  for (int e = edits; e > 0; e--) {
    const int *before = trace[e - 1] + (e - 1);
    int k = x - y;
    bool down =
        k == -e || (k != e && (k + 1 <= e - 1) && (k - 1 < -(e - 1) || before[k - 1] < before[k + 1]));
    int from_k = down ? k + 1 : k - 1, from_x = before[from_k];
    if (down)
      d->b.changed[r.b + from_x - from_k] = true;
    else
      d->a.changed[r.a + from_x] = true;
    x = from_x;
    y = from_x - from_k;
  }
}

/* The furthest x on diagonal k after `e` edits. */
static int furthest(const differ *d, range r, const int *before, int e, int k) {
  int n = r.a_end - r.a, m = r.b_end - r.b, x = 0;
  if (e > 0) {
    int down = k + 1 <= e - 1 ? before[k + 1] : -1, right = k - 1 >= -(e - 1) ? before[k - 1] + 1 : -1;
    x = k == -e || (k != e && right - 1 < down) ? down : right;
  }
  while (x < n && x - k < m && x - k >= 0 && d->a.ids[r.a + x] == d->b.ids[r.b + x - k]) x++;
  return x;
}

static void greedy(differ *d, range r) {
  int n = r.a_end - r.a, m = r.b_end - r.b;
  int most = n + m < MOST_EDITS ? n + m : MOST_EDITS;
  int **trace = TN_NEW_ARRAY(d->arena, int *, most + 1);
  for (int e = 0; e <= most; e++) {
    trace[e] = TN_NEW_ARRAY(d->arena, int, 2 * e + 1);
    const int *before = e ? trace[e - 1] + (e - 1) : NULL;
    for (int k = -e; k <= e; k += 2) {
      int x = furthest(d, r, before, e, k);
      trace[e][e + k] = x;
      if (x >= n && x - k >= m && k == n - m) {
        mark_path(d, r, trace, e);
        return;
      }
    }
  }
  replace(d, r);
}

/* ---- patience ---- */

static void note_places(const int *ids, int from, int to, int *only) {
  for (int i = from; i < to; i++) only[ids[i]] = only[ids[i]] ? -1 : i + 1;
}

/* Pairs of lines that are unique on both sides, in the order of `a`; returns how many. */
static int unique_pairs(differ *d, range r, int (*pairs)[2]) {
  int count = 0;
  for (int i = r.a; i < r.a_end; i++) d->only_a[d->a.ids[i]] = d->only_b[d->a.ids[i]] = 0;
  for (int i = r.b; i < r.b_end; i++) d->only_a[d->b.ids[i]] = d->only_b[d->b.ids[i]] = 0;
  note_places(d->a.ids, r.a, r.a_end, d->only_a);
  note_places(d->b.ids, r.b, r.b_end, d->only_b);
  for (int i = r.a; i < r.a_end; i++) {
    int id = d->a.ids[i];
    if (d->only_a[id] <= 0 || d->only_b[id] <= 0) continue;
    pairs[count][0] = i;
    pairs[count++][1] = d->only_b[id] - 1;
  }
  return count;
}

/* The longest run of pairs that increases in b: piles whose tops increase, each card
 * knowing the top of the pile before it. Moves it to the front; returns its length.  */
static int longest_run(differ *d, int (*pairs)[2], int count) {
  int *top = TN_NEW_ARRAY(d->arena, int, count), *previous = TN_NEW_ARRAY(d->arena, int, count), piles = 0;
  for (int i = 0; i < count; i++) {
    int low = 0, high = piles;
    while (low < high) {
      int middle = (low + high) / 2;
      if (pairs[top[middle]][1] < pairs[i][1])
        low = middle + 1;
      else
        high = middle;
    }
    previous[i] = low ? top[low - 1] : -1;
    top[low] = i;
    if (low == piles) piles++;
  }
  int *chosen = TN_NEW_ARRAY(d->arena, int, piles);
  for (int at = piles ? top[piles - 1] : -1, i = piles; at >= 0; at = previous[at]) chosen[--i] = at;
  for (int i = 0; i < piles; i++) memcpy(pairs[i], pairs[chosen[i]], sizeof *pairs);
  return piles;
}

static void compare(differ *d, range r, int depth) {
  r = trim(d, r);
  if (r.a == r.a_end || r.b == r.b_end) {
    replace(d, r);
    return;
  }
  int(*pairs)[2] = tn_arena_alloc_array(d->arena, (size_t)(r.a_end - r.a), sizeof *pairs);
  int count = depth < MOST_DEPTH ? longest_run(d, pairs, unique_pairs(d, r, pairs)) : 0;
  if (count == 0) {
    greedy(d, r);
    return;
  }
  range gap = r;
  for (int i = 0; i < count; i++) {
    gap.a_end = pairs[i][0];
    gap.b_end = pairs[i][1];
    compare(d, gap, depth + 1);
    gap.a = pairs[i][0] + 1;
    gap.b = pairs[i][1] + 1;
  }
  gap.a_end = r.a_end;
  gap.b_end = r.b_end;
  compare(d, gap, depth + 1);
}

tn_diff_line *tn_diff(tn_arena *arena, tn_str before, tn_str after, int *count) {
  differ d = {.arena = arena};
  TN_VEC(tn_diff_line) list = {0};
  split(arena, before, &d.a);
  split(arena, after, &d.b);
  number_both(&d);
  compare(&d, (range){0, d.a.count, 0, d.b.count}, 0);
  for (int i = 0, k = 0; i < d.a.count || k < d.b.count;) {
    if (i < d.a.count && d.a.changed[i]) {
      TN_PUSH(arena, &list, ((tn_diff_line){TN_LINE_REMOVED, d.a.lines[i], i + 1, k + 1}));
      i++;
    } else if (k < d.b.count && d.b.changed[k]) {
      TN_PUSH(arena, &list, ((tn_diff_line){TN_LINE_ADDED, d.b.lines[k], i + 1, k + 1}));
      k++;
    } else {
      TN_PUSH(arena, &list, ((tn_diff_line){TN_LINE_KEPT, d.b.lines[k], i + 1, k + 1}));
      i++, k++;
    }
  }
  *count = list.count;
  return list.at;
}

/* ---- printing ---- */

static const char *colour_of(tn_line_kind kind) {
  return kind == TN_LINE_REMOVED ? "\033[31m" : kind == TN_LINE_ADDED ? "\033[32m" : "";
}

static void put_line(tn_text *out, const tn_diff_line *line, bool colour) {
  bool coloured = colour && line->kind != TN_LINE_KEPT;
  if (coloured) tn_text_put(out, colour_of(line->kind));
  tn_text_put_char(out, (char)line->kind);
  tn_text_put_n(out, line->text.at, line->text.length);
  tn_text_put(out, coloured ? "\033[0m\n" : "\n");
}

/* The last line from `at` upwards that opens a block. */
static tn_str block_before(const tn_diff_line *lines, int at) {
  for (int i = at; i >= 0; i--) {
    tn_str text = lines[i].text;
    if (lines[i].kind != TN_LINE_REMOVED && text.length && text.at[text.length - 1] == '{') return text;
  }
  return (tn_str){"", 0};
}

static void put_hunk(tn_text *out, const tn_diff_line *lines, int from, int to, bool colour) {
  int removed = 0, added = 0;
  for (int i = from; i < to; i++) {
    removed += lines[i].kind != TN_LINE_ADDED;
    added += lines[i].kind != TN_LINE_REMOVED;
  }
  tn_str block = block_before(lines, from - 1);
  tn_text_printf(out, "%s@@ -%d,%d +%d,%d @@%s%s%.*s\n", colour ? "\033[36m" : "",
                 lines[from].before - (removed == 0), removed, lines[from].after - (added == 0), added,
                 colour ? "\033[0m" : "", block.length ? " " : "", (int)block.length, block.at);
  for (int i = from; i < to; i++) put_line(out, &lines[i], colour);
}

void tn_diff_print(tn_text *out, const tn_diff_line *lines, int count, int context, bool colour) {
  for (int i = 0; i < count;) {
    while (i < count && lines[i].kind == TN_LINE_KEPT) i++;
    if (i == count) return;
    int from = i > context ? i - context : 0, last = i; /* the last change of this hunk */
    for (; i < count && i <= last + 2 * context; i++)
      if (lines[i].kind != TN_LINE_KEPT) last = i;
    int to = last + context + 1 < count ? last + context + 1 : count;
    put_hunk(out, lines, from, to, colour);
    i = to;
  }
}
