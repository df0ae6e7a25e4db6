/* Kernels: what each computes and moves, how fast it ran against the roofline, its tree and
 * schedule, and which lines of the model it comes from.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
function intensity(k) { return k.bytes ? k.flops / k.bytes : 0; }
/* Of the best run, as the roof is: what else the machine did in the meantime is no matter. */
function gflops(k) { return k.min_ms ? k.flops / k.min_ms * 1e-6 : 0; }
/* What the roof allows at this intensity; kernels run with their inputs in the cache where they fit. */
function roofAt(x) {
  const m = DATA.measured;
  return Math.min(m.peak_gflops, x * Math.max(m.cache_gb_s, m.memory_gb_s));
}

/* ---- the plot ---- */
function rooflinePlot(pick) {
  const m = DATA.measured, W = 860, H = 380, L = 64, R = 16, T = 14, B = 44;
  const points = DATA.kernels.filter(k => k.flops && k.min_ms);
  const total = DATA.kernels.reduce((sum, k) => sum + (k.min_ms || 0) * k.runs, 0) || 1;
  const low = Math.floor(Math.log10(Math.min(0.1, ...points.map(intensity))));
  const high = Math.ceil(Math.log10(Math.max(100, m.peak_gflops / m.memory_gb_s * 2, ...points.map(intensity))));
  const bottom = Math.floor(Math.log10(Math.min(1, ...points.map(gflops)))), top = Math.ceil(Math.log10(m.peak_gflops * 1.1));
  const px = x => L + (Math.log10(x) - low) / (high - low) * (W - L - R);
  const py = y => H - B - (Math.log10(y) - bottom) / (top - bottom) * (H - T - B);
  const svg = draw("svg", {viewBox: `0 0 ${W} ${H}`, width: W, role: "group", "aria-label": "roofline: FLOPs a second over FLOPs a byte"});
  for (let e = low; e <= high; e++)
    svg.append(draw("line", {class: "axis", x1: px(10 ** e), x2: px(10 ** e), y1: T, y2: H - B}),
               draw("text", {x: px(10 ** e), y: H - B + 18, "text-anchor": "middle"}, String(+(10 ** e).toPrecision(1))));
  for (let e = bottom; e <= top; e++)
    svg.append(draw("line", {class: "axis", x1: L, x2: W - R, y1: py(10 ** e), y2: py(10 ** e)}),
               draw("text", {x: L - 8, y: py(10 ** e) + 4, "text-anchor": "end"}, String(+(10 ** e).toPrecision(1))));
  svg.append(draw("text", {x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle"}, "FLOPs a byte of arrays read and written"),
             draw("text", {x: 14, y: (T + H - B) / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${(T + H - B) / 2})`}, "GFLOP/s"));
  for (const [bandwidth, style, name] of [[m.memory_gb_s, "roof2", "memory"], [m.cache_gb_s, "roof", "L2 cache"]]) {
    const ridge = m.peak_gflops / bandwidth, from = Math.max(10 ** low, 10 ** bottom / bandwidth);
    svg.append(draw("polyline", {class: style, points: `${px(from)},${py(from * bandwidth)} ${px(ridge)},${py(m.peak_gflops)} ${W - R},${py(m.peak_gflops)}`}));
    const at = Math.sqrt(from * ridge), slope = Math.atan2(py(ridge * bandwidth) - py(from * bandwidth), px(ridge) - px(from)) * 180 / Math.PI;
    svg.append(draw("text", {x: px(at), y: py(at * bandwidth) - 7, "text-anchor": "middle", transform: `rotate(${slope} ${px(at)} ${py(at * bandwidth)})`},
                    `${name} ${bandwidth.toFixed(0)} GB/s`));
  }
  svg.append(draw("text", {x: W - R - 4, y: py(m.peak_gflops) - 7, "text-anchor": "end"}, `peak ${m.peak_gflops.toFixed(0)} GFLOP/s (f32)`));
  for (const k of points.slice().sort((a, b) => b.min_ms * b.runs - a.min_ms * a.runs)) {
    const share = k.min_ms * k.runs / total;
    const dot = draw("circle", {class: "dot", cx: px(intensity(k)), cy: py(gflops(k)), r: 3.5 + 16 * Math.sqrt(share), tabindex: 0, role: "button",
                                "aria-label": `${k.name}, ${gflops(k).toFixed(1)} GFLOP/s`, onclick: () => pick(k),
                                onkeydown: e => { if (e.key === "Enter") pick(k); }});
    withTip(dot, () => [k.name, k.source, `${gflops(k).toFixed(1)} GFLOP/s at ${intensity(k).toFixed(2)} FLOP/byte`,
                        `${seconds(k.min_ms / 1e3)} × ${plural(k.runs, "run")}: ${(share * 100).toFixed(1)} % of all kernels`]);
    svg.append(dot);
  }
  return svg;
}

/* ---- a tree's text ---- */
function kernelText(text) {
  const pre = make("pre", {tabindex: 0});
  for (const piece of text.split(/(\/\/[^\n]*|\b(?:kernel|loop|scan|reduce|local|let|schedule|sort|keep|by|less|from|if|else|in|and|out|inout|order|vector|unroll|tile|threads|prefetch|pack)\b|\b\d[\d.e+-]*\b)/)) {
    const style = piece.startsWith("//") ? "cm" : /^[a-z]/.test(piece) && piece.length < 9 && !/[^a-z]/.test(piece) ? "kw" : /^\d/.test(piece) ? "nu" : null;
    pre.append(style ? make("span", {class: style}, piece) : piece);
  }
  return pre;
}

/* Which operations of the model a kernel is: of the first step that runs it, and the other steps. */
function kernelPlaces(index) {
  const steps = DATA.steps.filter(s => s.kind === "run" && s.kernel === index);
  const out = [];
  const where = p => [p.line ? `line ${p.line}` : "", p.source_file ? `${p.source_file}:${p.source_line}` : ""].filter(Boolean).join(", ");
  steps.forEach((step, n) => {
    const table = make("table", null, make("tbody", null, step.places.map(p =>
      make("tr", null, make("td", {class: "mono"}, p.op), make("td", {class: "wide"}, p.op_name || "%" + p.instruction), make("td", {class: "dim"}, where(p))))));
    out.push(make("details", {open: n === 0}, make("summary", null, `step ${step.time}: `, make("code", null, "%" + (step.instruction || "")),
             make("span", {class: "dim"}, ` ${plural(step.places.length + (step.more_places || 0), "operation")}`)), make("div", {class: "scroll", style: "max-height:30vh"}, table)));
  });
  return out;
}

function kernelDetail(k) {
  const facts = [["source", k.source], ["runs", `${plural(k.runs, "step")}`], ["FLOPs", `${whole(k.flops)} a run`],
                 ["bytes", `${bytes(k.bytes_read)} read, ${bytes(k.bytes_written)} written`], ["intensity", `${intensity(k).toFixed(2)} FLOP/byte`]];
  if (k.median_ms)
    facts.push(["time", `${seconds(k.min_ms / 1e3)} at best, ${seconds(k.median_ms / 1e3)} in the median`],
               ["speed", `${gflops(k).toFixed(1)} GFLOP/s, ${(k.bytes / k.min_ms * 1e-6).toFixed(1)} GB/s` +
                         (k.flops ? `; ${(gflops(k) / DATA.measured.peak_gflops * 100).toFixed(0)} % of the peak` : "")]);
  return [make("div", null, make("h3", null, make("code", null, k.name)),
               make("dl", {class: "facts"}, facts.map(([name, value]) => [make("dt", null, name), make("dd", null, value)])),
               make("h3", null, "Where it comes from"), kernelPlaces(k.index)),
          make("div", null, make("h3", null, "Tree and schedule"), kernelText(k.text))];
}

function buildKernels(root) {
  const m = DATA.measured;
  DATA.kernels.forEach((k, i) => { k.index = i; });
  const total = DATA.kernels.reduce((sum, k) => sum + (k.min_ms || 0) * k.runs, 0) || 1;
  const work = DATA.kernels.reduce((sum, k) => sum + k.flops * k.runs, 0) || 1;
  const detail = make("div", {class: "detail split", "aria-live": "polite"});
  const columns = [
    {name: "kernel", cell: k => make("code", null, k.name), key: k => k.name},
    {name: "runs", num: true, cell: k => whole(k.runs), key: k => k.runs, title: "steps that run it, loop bodies counted once"},
    {name: "FLOPs", num: true, cell: k => count(k.flops), key: k => k.flops},
    {name: "bytes", num: true, cell: k => bytes(k.bytes), key: k => k.bytes},
    {name: "FLOP/byte", num: true, cell: k => intensity(k).toFixed(2), key: intensity}];
  if (m)
    columns.push({name: "time", num: true, cell: k => k.min_ms ? seconds(k.min_ms / 1e3) : "–", key: k => k.min_ms || 0, title: "of the best run"},
                 {name: "share", num: true, cell: k => `${((k.min_ms || 0) * k.runs / total * 100).toFixed(1)} %`, key: k => (k.min_ms || 0) * k.runs},
                 {name: "% of roof", num: true, cell: k => k.flops && k.min_ms ? (gflops(k) / roofAt(intensity(k)) * 100).toFixed(0) : "–",
                  key: k => k.flops && k.min_ms ? gflops(k) / roofAt(intensity(k)) : 0});
  else
    columns.push({name: "share of FLOPs", num: true, cell: k => `${(k.flops * k.runs / work * 100).toFixed(1)} %`, key: k => k.flops * k.runs});
  columns.push({name: "source", class: "clip", cell: k => make("span", {title: k.source}, k.source), key: k => k.source});
  const table = sortedTable(columns, DATA.kernels, {sort: m ? 6 : 5, pick: show});
  function show(k) {
    table.choose(k, true);
    detail.replaceChildren(...kernelDetail(k));
  }
  if (m)
    root.append(make("p", {class: "lead"}, `Peak and bandwidths were measured on this machine in the same run, on ${plural(m.threads, "thread")}: chains of f32 multiply-adds in registers; ` +
      `y = x + z out of memory, and out of the L2 cache (${bytes(m.cache_bytes)}). Each kernel is timed alone, its inputs in the cache where they fit, ` +
      `so points may lie above the line of memory. Times are those of the best run: all kernels together ${seconds(total / 1e3)}, the model ${seconds(m.min_ms / 1e3)}.`), rooflinePlot(show));
  else
    root.append(make("p", {class: "lead"}, "Not measured: with --measure each kernel's time stands here, against this machine's peak and bandwidth."));
  root.append(make("div", {class: "scroll", style: "max-height:44vh"}, table.element), detail);
  const first = DATA.kernels.slice().sort((a, b) => (b.min_ms || 0) * b.runs - (a.min_ms || 0) * a.runs || b.flops * b.runs - a.flops * a.runs)[0];
  if (first) show(first);
}
