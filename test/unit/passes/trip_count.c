/* Trip counts against counting: every counter of eight bits that is tried turns as often as the
 * formula says, and is recognised where it does not wrap around.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "frontend/hlo/hlo.h"
#include "passes/control.h"

typedef struct {
  const char *type, *direction, *op;
  int start, step, limit;
  bool crossed, carried; /* limit < i; the limit is an element of the state */
} counter;

static tn_module *make(const counter *c) {
  char text[2048];
  const char *t = c->type;
  snprintf(text, sizeof text,
           "body {\n s = (%s[], %s[]) parameter(0)\n i = %s[] get-tuple-element(s), index=0\n"
           " n = %s[] get-tuple-element(s), index=1\n d = %s[] constant(%d)\n j = %s[] %s(i, d)\n"
           " ROOT r = (%s[], %s[]) tuple(j, n)\n}\n"
           "test {\n s = (%s[], %s[]) parameter(0)\n i = %s[] get-tuple-element(s), index=0\n"
           " n = %s[] %s\n ROOT r = pred[] compare(%s), direction=%s\n}\n"
           "ENTRY f {\n a = %s[] constant(%d)\n b = %s[] constant(%d)\n t = (%s[], %s[]) tuple(a, b)\n"
           " ROOT w = (%s[], %s[]) while(t), condition=test, body=body\n}\n",
           t, t, t, t, t, c->step, t, c->op, t, t, t, t, t, t,
           c->carried ? "get-tuple-element(s), index=1" : "constant(LIMIT)", c->crossed ? "n, i" : "i, n",
           c->direction, t, c->start, t, c->limit, t, t, t, t);
  char *place = strstr(text, "LIMIT"), whole[2048];
  if (place)
    snprintf(whole, sizeof whole, "%.*s%d%s", (int)(place - text), text, c->limit, place + 5);
  else
    snprintf(whole, sizeof whole, "%s", text);
  tn_diagnostics sink = {0};
  tn_hlo_options options = {.file = "counter.hlo"};
  tn_module *module = tn_hlo_parse((tn_str){whole, strlen(whole)}, &options, &sink);
  cr_assert(module, "%s", whole);
  return module;
}

static bool holds(const counter *c, int at) {
  int a = c->crossed ? c->limit : at, b = c->crossed ? at : c->limit;
  if (!strcmp(c->direction, "LT")) return a < b;
  if (!strcmp(c->direction, "LE")) return a <= b;
  if (!strcmp(c->direction, "GT")) return a > b;
  if (!strcmp(c->direction, "GE")) return a >= b;
  return strcmp(c->direction, "EQ") == 0 ? a == b : a != b;
}

/* Turns, or -1 where it goes on for ever; *wraps: some value left the type's range. */
static int64_t count(const counter *c, bool *wraps) {
  bool is_signed = c->type[0] == 's';
  int low = is_signed ? -128 : 0, high = is_signed ? 127 : 255, at = c->start;
  *wraps = false;
  for (int turns = 0; turns <= 256; turns++) {
    if (!holds(c, at)) return turns;
    at += strcmp(c->op, "add") == 0 ? c->step : -c->step;
    if (at < low || at > high) *wraps = true;
    if (at < low) at += 256;
    if (at > high) at -= 256;
  }
  return -1;
}

static void check(const counter *c, int *known) {
  tn_module *module = make(c);
  tn_loop loop;
  int64_t turns = -1;
  bool wraps;
  int64_t expected = count(c, &wraps);
  cr_assert(tn_loop_open(module->entry->root, &loop));
  bool found = tn_loop_turns(&loop, &turns);
  if (found)
    cr_expect_eq(turns, expected, "%s %s(%d) from %d %s %d: %lld turns, not %lld", c->type, c->op, c->step,
                 c->start, c->direction, c->limit, (long long)turns, (long long)expected);
  else
    cr_expect(expected < 0 || wraps, "%s %s(%d) from %d %s %d: %lld turns, not recognised", c->type, c->op,
              c->step, c->start, c->direction, c->limit, (long long)expected);
  *known += found;
  tn_module_destroy(module);
}

Test(trip_count, is_what_counting_says, .timeout = 120) {
  static const char *const directions[] = {"LT", "LE", "GT", "GE", "EQ", "NE"};
  static const int at_signed[] = {-128, -127, -3, 0, 2, 100, 126, 127},
                   by_signed[] = {-128, -7, -1, 0, 1, 3, 64, 127};
  static const int at_unsigned[] = {0, 1, 5, 100, 127, 128, 254, 255},
                   by_unsigned[] = {0, 1, 2, 3, 64, 128, 253, 255};
  int known = 0, tried = 0;
  for (int kind = 0; kind < 2; kind++)
    for (int k = 0; k < 6 * 8 * 8 * 8; k++) {
      const int *at = kind ? at_unsigned : at_signed, *by = kind ? by_unsigned : by_signed;
      counter c = {
          .type = kind ? "u8" : "s8", .direction = directions[k % 6], .op = k % 5 ? "add" : "subtract"};
      c.start = at[k / 6 % 8], c.limit = at[k / 48 % 8], c.step = by[k / 384 % 8];
      c.crossed = k % 7 == 3, c.carried = k % 3 == 1;
      check(&c, &known);
      tried++;
    }
  fprintf(stderr, "%d of %d counters have a number\n", known, tried);
  cr_expect_gt(known, tried / 3);
}
