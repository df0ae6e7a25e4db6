/* The overview, and where compile time went.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
function card(name, value, note, gauge) {
  return make("div", {class: "card"}, make("div", {class: "k"}, name), make("div", {class: "v"}, value),
              gauge === undefined ? null
                : make("div", {class: "gauge", "aria-hidden": "true"}, make("i", {style: `width:${Math.round(gauge * 100)}%`})),
              make("div", {class: "n"}, note));
}

function buildOverview(root) {
  const s = DATA.summary, t = DATA.target, m = DATA.measured;
  const spent = DATA.phases.reduce((sum, p) => sum + p.seconds, 0);
  const flops = DATA.kernels.reduce((sum, k) => sum + k.flops * k.runs, 0);
  const same = s.arena_proven || s.arena_lower_bound_bytes >= s.temp_bytes;
  root.append(make("div", {class: "cards"},
    m ? card("Time", seconds(m.median_ms / 1e3), `median of ${whole(m.runs)} runs, ${plural(m.threads, "thread")}; least ${seconds(m.min_ms / 1e3)}; ` +
             `${(flops / m.median_ms * 1e-6).toFixed(1)} GFLOP/s`, Math.min(1, flops / m.median_ms * 1e-6 / m.peak_gflops)) : null,
    card("Steps", whole(s.steps), `of ${plural(s.kernels, "different kernel")}; loop bodies counted once`),
    card("Work", count(flops) + "FLOP", "of all steps; loop bodies counted once"),
    card("Arena", bytes(s.arena_bytes), same ? "proven: no packing of these temporaries needs less"
      : `temporaries ${bytes(s.temp_bytes)}, at least ${bytes(s.arena_lower_bound_bytes)} alive at once`,
      s.temp_bytes ? s.arena_lower_bound_bytes / s.temp_bytes : 1),
    card("Constants", bytes(s.constant_bytes), "in the object or its side file"),
    card("Code", bytes(s.text_bytes), `stack ${bytes(s.stack_bytes)}`),
    s.instructions === undefined ? null
      : card("Instructions", `${whole(s.instructions_before)} → ${whole(s.instructions)}`, "of the module, before and after the passes; those inside fusions count"),
    card("Compiled in", seconds(spent), `-O${DATA.options.level}${DATA.options.reassociate ? ", --reassociate" : ""}; Tenon ${DATA.tenon}`),
    card("Target", t.name, `${t.cpu}; ${plural(t.vector_registers, "register")} of ${t.vector_bytes} bytes${t.fma ? ", fma" : ""}; ` +
         `L1 ${bytes(t.l1_bytes)}, L2 ${bytes(t.l2_bytes)}, L3 ${bytes(t.l3_bytes)}`)));
  const values = [...DATA.model.parameters.map((v, i) => ["parameter", i, v]), ...DATA.model.results.map((v, i) => ["result", i, v])];
  root.append(make("details", {open: values.length <= 12},
    make("summary", null, make("h3", {style: "display:inline-block"}, `${plural(DATA.model.parameters.length, "parameter")}, ${plural(DATA.model.results.length, "result")}`)),
    make("div", {class: "scroll", style: "max-height:40vh"}, make("table", null,
      make("thead", null, make("tr", null, ["", "name", "type", "bytes"].map((h, i) => make("th", {class: i === 3 ? "num" : null, scope: "col"}, h)))),
      make("tbody", null, values.map(([kind, i, v]) => make("tr", null, make("td", {class: "dim"}, `${kind} ${i}`),
        make("td", {class: "wide"}, v.name), make("td", {class: "mono"}, v.type), make("td", {class: "num"}, whole(v.bytes)))))))));
}

/* ---- compile time ---- */
function meter(share) { return make("span", {class: "meter", style: `width:${(share * 160).toFixed(1)}px`}); }

function buildTime(root) {
  const all = DATA.phases.reduce((sum, p) => sum + p.seconds, 0) || 1;
  const rows = DATA.phases.map(p => ({name: p.name, what: "phase", runs: 1, seconds: p.seconds, changes: ""}));
  const passes = new Map();
  for (const p of DATA.passes) {
    const row = passes.get(p.name) || {name: p.name, what: "pass", runs: 0, seconds: 0, changes: 0};
    row.runs++;
    row.seconds += p.seconds;
    row.changes += p.changes;
    passes.set(p.name, row);
  }
  const policing = DATA.passes.reduce((sum, p) => sum + p.policing_seconds, 0);
  if (passes.size) passes.set("", {name: "verifying and policing", runs: DATA.passes.length, seconds: policing, changes: 0});
  const columns = [
    {name: "part", cell: r => r.name, key: r => r.name},
    {name: "runs", num: true, cell: r => whole(r.runs), key: r => r.runs},
    {name: "rewrites", num: true, cell: r => r.changes === "" ? "" : whole(r.changes), key: r => Number(r.changes)},
    {name: "time", num: true, cell: r => seconds(r.seconds), key: r => r.seconds},
    {name: "share", cell: r => [meter(r.seconds / all), ` ${(r.seconds / all * 100).toFixed(1)} %`], key: r => r.seconds}];
  root.append(make("h3", null, "Phases"), make("div", {class: "scroll"}, sortedTable(columns, rows, {sort: 3}).element));
  if (passes.size)
    root.append(make("h3", null, "Passes"), make("div", {class: "scroll", style: "max-height:50vh"},
                sortedTable(columns, [...passes.values()], {sort: 3}).element));
}
