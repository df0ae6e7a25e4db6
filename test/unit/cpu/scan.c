/* Scans, conditional stores, and buffers that are read and written, from plans as text.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "harness.h"

#include <stdio.h>

enum { SEEDS = 12 };

Test(scan, prefix_sums) {
  check_plan_text("plan \"m\" target x86-64-v2 {"
                  "  parameter p0 \"x\": f32[7,37] result r0 \"r0\": f32[7,37] result r1 \"r1\": f32[7,37]"
                  "  run rows(p0, r0) run columns(p0, r1)"
                  "}"
                  "kernel rows(a0: f32[7,37], out y: f32[7,37]) {"
                  "  loop i:7 { reduce k:37 {"
                  "    let v: f32 = (s + a0[i, k])"
                  "    y[i, k] = v"
                  "    s: f32 from 0 = v } } }"
                  "kernel columns(a0: f32[7,37], out y: f32[7,37]) {"
                  "  loop j:37 { reduce k:7 {"
                  "    let v: f32 = (s + a0[k, j])"
                  "    y[k, j] = v"
                  "    s: f32 from 0 = v } } }",
                  SEEDS);
}

/* Updates at indices that may be anything: clamped, and left out where they were. */
Test(scan, scatter) {
  check_plan_text(
      "plan \"m\" target x86-64-v2 {"
      "  parameter p0 \"x\": f32[11,19] parameter p1 \"s\": s32[23] parameter p2 \"u\": f32[23,19]"
      "  result r0 \"r0\": f32[11,19] result r1 \"r1\": f32[11,19]"
      "  copy r0 = p0 run outside(p1, p2, r0)"
      "  run inside(p0, p1, p2, r1)"
      "}"
      "kernel outside(s: s32[23], u: f32[23,19], inout y: f32[11,19]) {"
      "  loop f:19 { scan k:23 {"
      "    let i: s32 = s[k]"
      "    y[clamp(i, 10), f] = (y[clamp(i, 10), f] * u[k, f])"
      "      if and(compare<GE>(i, s32(0)), compare<LT>(i, s32(11)))"
      "  } } }"
      "kernel inside(x: f32[11,19], s: s32[23], u: f32[23,19], out y: f32[11,19]) {"
      "  loop { loop a:11 b:19 { y[a, b] = x[a, b] }"
      "    scan k:23 { loop f:19 {"
      "      y[clamp(s[k], 10), f] = maximum(y[clamp(s[k], 10), f], u[k, f]) } } } }",
      SEEDS);
}

/* A window that moves over the result: y[clamp(s) + w]. */
Test(scan, windows) {
  check_plan_text("plan \"m\" target x86-64-v2 {"
                  "  parameter p0 \"s\": s64[9] parameter p1 \"u\": s16[9,21]"
                  "  result r0 \"r0\": s16[64]"
                  "  run k(p0, p1, r0)"
                  "}"
                  "kernel k(s: s64[9], u: s16[9,21], out y: s16[64]) {"
                  "  loop { loop a:64 { y[a] = index<s16>(a) }"
                  "    scan k:9 { loop w:21 {"
                  "      y[clamp(s[k], 43)+w] = (y[clamp(s[k], 43)+w] + u[k, w])"
                  "        if compare<NE>(u[k, w], s16(0)) } } } }",
                  SEEDS);
}

/* x = L^-1 b: every row needs those before it. */
Test(scan, triangular) {
  check_plan_text("plan \"m\" target x86-64-v2 {"
                  "  parameter p0 \"l\": f32[3,9,9] parameter p1 \"b\": f32[3,9,17]"
                  "  result r0 \"r0\": f32[3,9,17]"
                  "  run k(p0, p1, r0)"
                  "}"
                  "kernel k(l: f32[3,9,9], b: f32[3,9,17], out y: f32[3,9,17]) {"
                  "  loop n:3 c:17 {"
                  "    loop a:9 { y[n, a, c] = b[n, a, c] }"
                  "    scan i:9 {"
                  "      reduce k:9 {"
                  "        let p: f32 = (l[n, i, k] * y[n, k, c])"
                  "        s: f32 from 0 = select(compare<LT>(index<s32>(k), index<s32>(i)), (s + p), s) }"
                  "      y[n, i, c] = ((y[n, i, c] - s) / (l[n, i, i] + 3))"
                  "    } } }",
                  SEEDS);
}

/* Values that the iterations hand on, in locals; two dims; a local of each iteration. */
Test(scan, state) {
  check_plan_text(
      "plan \"m\" target x86-64-v2 {"
      "  parameter p0 \"x\": f64[5,6,7,13] result r0 \"r0\": f64[5,6,7,13] result r1 \"r1\": s32[5]"
      "  run k(p0, r0, r1)"
      "}"
      "kernel k(x: f64[5,6,7,13], out y: f64[5,6,7,13], out n: s32[5]) {"
      "  loop b:5 {"
      "    local state: f64[13]"
      "    local count: s32[]"
      "    loop a:13 { state[a] = 1 }"
      "    count[] = 0"
      "    scan t:6 u:7 {"
      "      local next: f64[13]"
      "      loop j:13 { next[j] = ((state[j] * 0.5) + x[b, t, u, -j+12]) }"
      "      loop m:13 { state[m] = next[-m+12]  y[b, t, u, m] = next[m] }"
      "      count[] = (count[] + 1) if compare<GT>(state[3], f64(0))"
      "    }"
      "    n[b] = count[]"
      "  } }",
      SEEDS);
}

/* Scans and conditional stores below a vector dim, with locals of its lanes. */
Test(scan, in_lanes) {
  check_plan_text("plan \"m\" target x86-64-v2 {"
                  "  parameter p0 \"x\": f32[12,29] parameter p1 \"s\": u8[12,29]"
                  "  result r0 \"r0\": f32[29,4]"
                  "  run k(p0, p1, r0)"
                  "}"
                  "kernel k(x: f32[12,29], s: u8[12,29], out y: f32[29,4]) {"
                  "  loop c:29 {"
                  "    local e: f32[4]"
                  "    loop a:4 { e[a] = 0 }"
                  "    scan t:12 { e[clamp(s[t, c], 3)] = (e[clamp(s[t, c], 3)] + x[t, c])"
                  "      if compare<LT>(x[t, c], f32(1.5)) }"
                  "    loop z:4 { y[c, z] = e[z] }"
                  "  } }",
                  SEEDS);
}

/* Every kind of memory access: neighbours, strides, backwards, one condition for all lanes. */
static void conditional(const char *type) {
  char text[2048];
  snprintf(
      text, sizeof text,
      "plan \"m\" target x86-64-v2 {"
      "  parameter p0 \"x\": %s[3,77] parameter p1 \"p\": pred[3,77] parameter p2 \"q\": pred[3]"
      "  result r0 \"r0\": %s[3,77] result r1 \"r1\": %s[77,3] result r2 \"r2\": %s[3,77]"
      "  run k(p0, p1, p2, r0, r1, r2)"
      "}"
      "kernel k(x: %s[3,77], p: pred[3,77], q: pred[3], out a: %s[3,77], out b: %s[77,3], out c: %s[3,77]) {"
      "  loop {"
      "    loop i:3 j:77 { a[i, j] = x[i, j]  b[j, i] = x[i, -j+76]  c[i, j] = x[i, j] }"
      "    loop m:3 n:77 {"
      "      a[m, n] = x[m, -n+76] if p[m, n]"
      "      b[n, m] = a[m, n] if p[m, n]"
      "      c[m, -n+76] = x[m, n] if and(q[m], compare<NE>(a[m, n], x[m, n]))"
      "      a[m, n] = c[m, -n+76] if q[m]"
      "    }"
      "  } }",
      type, type, type, type, type, type, type, type);
  check_plan_text(text, 6);
}

Test(scan, conditional_stores) {
  static const char *const types[] = {"pred", "s8", "u16", "bf16", "f16", "f32", "s64", "f64"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) conditional(types[i]);
}

/* One buffer through several steps, and a loop of them. */
Test(scan, in_place_steps) {
  check_plan_text("plan \"m\" target x86-64-v2 {"
                  "  parameter p0 \"x\": f32[8,5] parameter p1 \"i\": s32[]"
                  "  result r0 \"r0\": f32[8,5] result r1 \"r1\": f32[8,5] alias p0"
                  "  temp t0: s32[] at 0 temp t1: pred[] at 64 temp t2: f32[8,5] at 128 temp t3: s32[] at 320"
                  "  copy t2 = p0 run start(t0)"
                  "  while t1 { test { run test(t0, t1) } body {"
                  "    run row(p0, t0, t2) run next(t0, t3) copy t0 = t3 } }"
                  "  copy r0 = t2 copy r1 = p0 run row(t2, p1, r1)"
                  "}"
                  "kernel start(out y: s32[]) { loop { y[] = 0 } }"
                  "kernel test(a: s32[], out y: pred[]) { loop { y[] = compare<LT>(a[], s32(6)) } }"
                  "kernel next(a: s32[], out y: s32[]) { loop { y[] = (a[] + 1) } }"
                  "kernel row(x: f32[8,5], i: s32[], inout y: f32[8,5]) {"
                  "  loop j:5 { y[clamp(i[], 7), j] = (y[clamp(i[], 7), j] + x[0, j]) } }",
                  2);
}
