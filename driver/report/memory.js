/* Memory over the schedule: temporaries as boxes, from the step that first touches them to
 * the last, at their offset in the arena; below, how many bytes are alive.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
/* The steps in their order; those inside of a loop or branch stand to the right of it. */
function scheduleTable() {
  const name = number => DATA.buffers[number].name;
  const head = ["step", "does", "with", "made of", "time"];
  const rows = DATA.steps.map(s => {
    const kernel = s.kind === "run" ? DATA.kernels[s.kernel] : null;
    return make("tr", null, make("td", {class: "num"}, s.time),
      make("td", {style: `padding-left:${10 + s.depth * 18}px`}, kernel ? make("code", null, kernel.name) : s.kind),
      make("td", {class: "mono wide"}, (s.buffers || []).map(name).join(", ")), make("td", {class: "mono wide"}, s.instruction ? "%" + s.instruction : ""),
      DATA.measured ? make("td", {class: "num"}, kernel && kernel.min_ms ? seconds(kernel.min_ms / 1e3) : "") : null);
  });
  return make("details", null, make("summary", null, `the schedule: ${plural(DATA.steps.length, "step")}`),
    make("div", {class: "scroll", style: "max-height:60vh"}, make("table", null, make("thead", null, make("tr", null,
      head.slice(0, DATA.measured ? 5 : 4).map((h, i) => make("th", {scope: "col", class: i === 0 || i === 4 ? "num" : null}, h)))), make("tbody", null, rows))));
}

function buildMemory(root) {
  const schedule = scheduleTable();
  const temps = DATA.buffers.filter(b => b.memory === "temp" && b.first !== undefined && b.size);
  if (!temps.length) {
    root.append(make("p", {class: "lead"}, "No step needs temporary memory."), schedule);
    return;
  }
  const steps = new Map(DATA.steps.map(s => [s.time, s]));
  const end = Math.max(...DATA.steps.map(s => s.time), ...temps.map(b => b.last));
  const arena = Math.max(...temps.map(b => b.offset + b.size));
  const W = 1240, H = 420, L = 76, R = 12, T = 18, B = 26, H2 = 110;
  const px = t => L + (t - 1) / end * (W - L - R), py = y => T + (1 - y / arena) * (H - T - B);
  const svg = draw("svg", {viewBox: `0 0 ${W} ${H + H2}`, width: W, role: "group", "aria-label": "buffers over the schedule; arrow keys go from one to the next"});
  for (let i = 0; i <= 4; i++)
    svg.append(draw("line", {class: "axis", x1: L, x2: W - R, y1: py(arena * i / 4), y2: py(arena * i / 4)}),
               draw("text", {x: L - 8, y: py(arena * i / 4) + 4, "text-anchor": "end"}, bytes(Math.round(arena * i / 4))));
  const every = Math.max(1, Math.ceil(end / 16));
  for (let t = 1; t <= end * .96; t += every) svg.append(draw("text", {x: px(t), y: H - B + 16}, String(t)));
  svg.append(draw("text", {x: W - R, y: H - B + 16, "text-anchor": "end"}, "step"));

  const alive = new Float64Array(end + 2);
  for (const b of temps) for (let t = b.first; t <= b.last; t++) alive[t] += b.size;
  const peak = Math.max(...alive), peakAt = alive.indexOf(peak);
  const what = t => {
    const s = steps.get(t);
    return `step ${t}` + (s ? s.kind === "run" ? `: ${DATA.kernels[s.kernel].name}` : `: ${s.kind}` : "");
  };
  const boxes = temps.slice().sort((a, b) => a.first - b.first || a.offset - b.offset).map((b, i) => {
    const hue = (b.offset / arena * 220 + 190 + i * 37 % 60) % 360;
    const box = draw("rect", {class: "box", x: px(b.first), y: py(b.offset + b.size), width: Math.max(1.5, px(b.last + 1) - px(b.first)),
                              height: Math.max(1, py(b.offset) - py(b.offset + b.size)), fill: `hsl(${hue} 52% 60%)`, tabindex: i ? -1 : 0,
                              role: "img", "aria-label": `${b.name}, ${bytes(b.bytes)}, steps ${b.first} to ${b.last}`});
    return withTip(box, () => [`${b.name}: ${b.type}`, `${bytes(b.bytes)} at ${whole(b.offset)}`, what(b.first) + (b.last > b.first ? " to " + what(b.last) : "")]);
  });
  boxes.forEach((box, i) => box.addEventListener("keydown", e => {
    const to = boxes[i + (e.key === "ArrowRight" || e.key === "ArrowDown" ? 1 : e.key === "ArrowLeft" || e.key === "ArrowUp" ? -1 : 0)];
    if (!to || to === box) return;
    e.preventDefault();
    box.setAttribute("tabindex", -1);
    to.setAttribute("tabindex", 0);
    to.focus();
  }));
  svg.append(...boxes, draw("line", {class: "peak", x1: L, x2: W - R, y1: py(peak), y2: py(peak)}),
             draw("text", {x: W - R - 4, y: py(peak) - 5, "text-anchor": "end", style: "fill:var(--cut-text)"},
                  `most alive at once: ${bytes(peak)} in step ${peakAt}` + (peak < arena ? `; arena ${bytes(arena)}` : " = arena")));
  const ay = v => H + H2 - 14 - v / peak * (H2 - 34);
  let path = `M ${px(1)} ${ay(0)}`;
  for (let t = 1; t <= end; t++) path += ` V ${ay(alive[t]).toFixed(1)} H ${px(t + 1).toFixed(1)}`;
  svg.append(draw("path", {class: "alive", d: path}), draw("line", {class: "axis", x1: L, x2: W - R, y1: ay(0), y2: ay(0)}),
             draw("text", {x: L - 8, y: ay(peak) + 4, "text-anchor": "end"}, bytes(peak)), draw("text", {x: L - 8, y: ay(0) + 4, "text-anchor": "end"}, "alive"));
  const columns = [
    {name: "buffer", cell: b => make("code", null, b.name), key: b => b.name},
    {name: "type", class: "mono", cell: b => b.type, key: b => b.type},
    {name: "bytes", num: true, cell: b => whole(b.bytes), key: b => b.bytes},
    {name: "offset", num: true, cell: b => whole(b.offset), key: b => b.offset},
    {name: "from", cell: b => what(b.first), key: b => b.first},
    {name: "to", cell: b => what(b.last), key: b => b.last}];
  root.append(svg, make("details", null, make("summary", null, `${plural(temps.length, "temporary", "temporaries")} as a table`),
              make("div", {class: "scroll", style: "max-height:50vh"}, sortedTable(columns, temps, {sort: 2}).element)), schedule);
}
