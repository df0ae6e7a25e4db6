/* The passes: a table, and a slider over the states of the module, each as the difference
 * to the one before.
 *
 * Lines are numbers, so comparing is cheap. The difference is patience's: lines that stand
 * once in both texts and in the same order (the longest such sequence) hold the texts
 * together; what is between them goes and comes. A line that goes in one place and comes in
 * another is marked as moved.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
const CONTEXT = 3;

/* DATA.states[i].lines is a list of (a, n): lines of the state before, or one new line. */
const expanded = [];
function linesOf(index) {
  for (let i = expanded.length; i <= index; i++) {
    const out = [], packed = DATA.states[i].lines;
    for (let k = 0; k < packed.length; k += 2)
      if (packed[k + 1] === 0) out.push(packed[k]);
      else for (let n = 0; n < packed[k + 1]; n++) out.push(expanded[i - 1][packed[k] + n]);
    expanded.push(out);
  }
  return expanded[index];
}

/* Pairs [i, j] of equal lines, rising in both: the longest rising sequence of j. */
function anchors(a, b) {
  const places = new Map();
  a.forEach((line, i) => places.set(line, places.has(line) ? -1 : i));
  const seen = new Map();
  b.forEach((line, j) => seen.set(line, seen.has(line) ? -1 : j));
  const pairs = [];
  a.forEach((line, i) => {
    const j = seen.get(line);
    if (j !== undefined && j >= 0 && places.get(line) >= 0) pairs.push([i, j]);
  });
  const tails = [], before = new Array(pairs.length).fill(-1);
  pairs.forEach((pair, n) => {
    let low = 0, high = tails.length;
    while (low < high) {
      const middle = low + high >> 1;
      if (pairs[tails[middle]][1] < pair[1]) low = middle + 1; else high = middle;
    }
    if (low) before[n] = tails[low - 1];
    tails[low] = n;
  });
  const chain = [];
  for (let n = tails.length ? tails[tails.length - 1] : -1; n >= 0; n = before[n]) chain.push(pairs[n]);
  return chain.reverse();
}

/* Rows {sign, line, a, b}: sign " ", "-", "+". */
function difference(a, b) {
  const rows = [];
  let i = 0, j = 0;
  function upTo(x, y) {
    while (i < x && j < y && a[i] === b[j]) rows.push({sign: " ", line: a[i], a: i++, b: j++});
    let tail = 0;
    while (x - tail > i && y - tail > j && a[x - tail - 1] === b[y - tail - 1]) tail++;
    while (i < x - tail) rows.push({sign: "-", line: a[i], a: i++});
    while (j < y - tail) rows.push({sign: "+", line: b[j], b: j++});
    while (tail--) rows.push({sign: " ", line: a[i], a: i++, b: j++});
  }
  for (const [x, y] of anchors(a, b)) {
    upTo(x, y);
    rows.push({sign: " ", line: a[i], a: i++, b: j++});
  }
  upTo(a.length, b.length);
  const cut = new Set(rows.filter(r => r.sign === "-").map(r => r.line));
  const added = new Set(rows.filter(r => r.sign === "+").map(r => r.line));
  for (const r of rows) r.moved = r.sign === "-" ? added.has(r.line) : r.sign === "+" && cut.has(r.line);
  return rows;
}

/* An instruction that was changed: its old and its new line, to show what in them differs. */
function pairUp(rows) {
  const name = text => (/^\s*(?:ROOT )?(%\S+) =/.exec(text) || [])[1];
  const cut = new Map();
  for (const r of rows) if (r.sign === "-" && !r.moved) cut.set(name(DATA.lines[r.line]), r);
  cut.delete(undefined);
  for (const r of rows) {
    const other = r.sign === "+" && !r.moved ? cut.get(name(DATA.lines[r.line])) : null;
    if (other) { r.other = other.line; other.other = r.line; }
  }
}

/* Only what changed, with lines around it; `open` are gaps that were clicked. */
function hunks(rows, open) {
  const keep = new Uint8Array(rows.length);
  rows.forEach((r, i) => {
    if (r.sign !== " ") keep.fill(1, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
  });
  const out = [];
  for (let i = 0; i < rows.length;) {
    let n = i;
    while (n < rows.length && !keep[n]) n++;
    if (n - i > 1 && !open.has(i)) { out.push({gap: n - i, at: i}); i = n; continue; }
    for (; i < n; i++) out.push(rows[i]);
    if (i < rows.length) out.push(rows[i++]);
  }
  return out;
}

function marked(text, other) {
  if (other === undefined) return [text];
  let head = 0, tail = 0;
  const least = Math.min(text.length, other.length);
  while (head < least && text[head] === other[head]) head++;
  while (tail < least - head && text[text.length - 1 - tail] === other[other.length - 1 - tail]) tail++;
  return [text.slice(0, head), make("b", null, text.slice(head, text.length - tail)), text.slice(text.length - tail)];
}

function diffView(frame) {
  let shown = [], rows = [], open = new Set();
  const list = virtualList(frame, 20, i => {
    const r = shown[i];
    if (r.gap) return make("button", {class: "row gap mono", type: "button", onclick: () => { open.add(r.at); update(); }},
                           `⋯ ${plural(r.gap, "equal line")}`);
    const style = r.sign === " " ? "" : r.moved ? "moved" : r.sign === "+" ? "add" : "cut";
    const sign = r.moved ? (r.sign === "-" ? "↗" : "↘") : r.sign;
    return make("div", {class: "row mono " + style},
                make("span", {class: "no"}, `${(r.sign === "-" ? r.a : r.b) + 1} ${sign}`),
                make("span", null, marked(DATA.lines[r.line], r.other === undefined ? undefined : DATA.lines[r.other])));
  });
  function update() {
    shown = hunks(rows, open);
    list.set(shown.length);
  }
  return {
    show(a, b) {
      open = new Set();
      rows = a ? difference(a, b) : b.map((line, i) => ({sign: " ", line, a: i, b: i}));
      if (a) pairUp(rows); else open.add(0);
      frame.scrollTop = frame.scrollLeft = 0;
      update();
      return {added: rows.filter(r => r.sign === "+" && !r.moved).length, cut: rows.filter(r => r.sign === "-" && !r.moved).length,
              moved: rows.filter(r => r.sign === "+" && r.moved).length};
    }
  };
}

function buildPasses(root) {
  const most = Math.max(...DATA.passes.map(p => p.seconds), 1e-9);
  const named = p => p.name + (p.occurrence > 1 ? ":" + p.occurrence : "");
  const rows = DATA.passes.map((p, i) => Object.assign({index: i}, p));
  const columns = [
    {name: "#", num: true, cell: r => r.index + 1, key: r => r.index},
    {name: "pass", cell: named, key: r => r.name},
    {name: "rewrites", num: true, cell: r => r.changed ? whole(r.changes) : "–", key: r => r.changes},
    {name: "instructions", num: true, cell: r => whole(r.instructions), key: r => r.instructions},
    {name: "time", num: true, cell: r => seconds(r.seconds), key: r => r.seconds},
    {name: "", cell: r => meter(r.seconds / most), key: r => r.seconds}];
  const place = make("div", {class: "scroll", style: "max-height:36vh"});
  let table;
  function fillTable(all) {
    table = sortedTable(columns, rows.filter(r => all || r.changed), {sort: 0, down: false, pick: r => r.state !== undefined && show(r.state)});
    place.replaceChildren(table.element);
  }
  const range = make("input", {type: "range", min: 0, max: DATA.states.length - 1, value: 0, id: "state", "aria-label": "state of the module",
                               oninput: () => show(Number(range.value))});
  const told = make("p", {class: "bar", "aria-live": "polite"});
  const frame = make("div", {class: "diff", tabindex: 0, role: "region", "aria-label": "difference to the state before"});
  const view = diffView(frame);
  function show(state) {
    range.value = state;
    const pass = rows[DATA.states[state].pass];
    const told_of = view.show(state ? linesOf(state - 1) : null, linesOf(state));
    range.setAttribute("aria-valuetext", pass ? "after " + named(pass) : "input");
    if (pass) table.choose(rows[pass.index], true);
    told.replaceChildren(make("strong", null, pass ? `after ${named(pass)}` : "the input"),
      pass ? make("span", {class: "plus"}, `+${whole(told_of.added)}`) : "", pass ? make("span", {class: "minus"}, `−${whole(told_of.cut)}`) : "",
      pass ? make("span", {class: "dim"}, `${told_of.moved ? plural(told_of.moved, "line") + " moved, " : ""}${plural(pass.changes, "rewrite")}, ${seconds(pass.seconds)}`)
           : make("span", {class: "dim"}, plural(linesOf(0).length, "line")),
      pass ? make("span", {class: "dim"}, pass.rules.filter(r => r[0]).map(([rule, n]) => `${rule} ${n}`).join(" · ")) : "");
  }
  fillTable(false);
  root.append(make("div", {class: "bar"}, make("label", {class: "check"}, make("input", {type: "checkbox", onchange: e => fillTable(e.target.checked)}),
              `also runs that changed nothing (${rows.filter(r => !r.changed).length})`)), place,
    make("div", {class: "slider"}, make("button", {type: "button", onclick: () => show(Math.max(0, range.value - 1))}, "‹ before"), range,
         make("button", {type: "button", onclick: () => show(Math.min(DATA.states.length - 1, Number(range.value) + 1))}, "next ›")),
    told, frame);
  show(Math.min(1, DATA.states.length - 1));
}
