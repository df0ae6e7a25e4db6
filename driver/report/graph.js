/* The graph of a module: items in a tree, of which those that are open show what is in them.
 *
 * An item is an instruction, a run of instructions of one scope (a part of op_name), a run
 * of instructions where there are too many, or the body of a fusion, loop, branch or call,
 * which is inside its instruction. Runs follow the order of the list, in which operands come
 * first; so edges between the items of one parent never go in circles, and layers are easy:
 * each item one below its lowest operand.
 *
 * Items are made when their parent is opened and laid out when they are seen; what stays
 * closed costs nothing.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
const MOST_CHILDREN = 120, NODE_HEIGHT = 36, GAP_X = 16, GAP_Y = 34, HEAD = 22, INSIDE = 12;
const NAME = 0, OP = 1, SHAPE = 2, OPERANDS = 3, CALLED = 4, SCOPE = 5, LINE = 6;
const HEAVY = new Set(["dot", "convolution", "reduce", "reduce-window", "sort", "scatter", "gather", "fft", "cholesky", "triangular-solve", "select-and-scatter"]);
const PLAIN = new Set(["parameter", "constant", "reshape", "bitcast", "tuple", "get-tuple-element", "broadcast", "copy"]);
const SEQUENCES = new Set(["fusion", "while", "conditional", "call", "async-start", "custom-call"]);

/* ---- what is in an item ---- */
function graphModel(graph) {
  const entry = graph.computations.findIndex(c => c.entry);
  const scopesOf = scope => {
    const path = [];
    for (; scope > 0; scope = graph.scopes[scope][0]) path.push(scope);
    return path.reverse();
  };
  const constant = graph.computations.map(c => {
    const is = [];
    c.nodes.forEach((n, i) => { is.push(n[OP] === "constant" || n[OP] === "iota" || (n[OPERANDS].length > 0 && n[OP] !== "fusion" && n[OPERANDS].every(o => is[o]))); });
    return is;
  });

  const inside = node => graph.computations[node[CALLED][0]].nodes.map(n => n[OP]).filter(op => op !== "parameter" && op !== "constant" && op !== "tuple");
  const isHeavy = node => node[OP] === "fusion" && node[CALLED].length ? inside(node).some(op => HEAVY.has(op)) : HEAVY.has(node[OP]);
  /* A fusion that has no name of what it is ("softmax.17") is called after the heaviest in it. */
  function labelOf(node) {
    if (node[OP] !== "fusion" || !node[CALLED].length || !/^(\d|.*fusion)/.test(node[NAME])) return node[OP];
    const ops = inside(node);
    return "fusion: " + (ops.find(op => HEAVY.has(op)) || ops.slice(-1)[0] || "");
  }
  function leaf(parent, c, i) {
    const node = graph.computations[c].nodes[i];
    const opens = SEQUENCES.has(node[OP]) && node[CALLED].length > 0;
    return {parent, c, i, node, name: "%" + node[NAME], label: labelOf(node), detail: node[SHAPE], size: 1, opens, open: false, kids: null, heavy: isHeavy(node), constant: constant[c][i]};
  }
  /* The items of one computation: runs by scope, then by number. */
  function itemsOf(parent, c) {
    const nodes = graph.computations[c].nodes, top = {parent, kids: []};
    let stack = [{scope: 0, item: top}];
    nodes.forEach((node, i) => {
      const path = scopesOf(node[SCOPE]);
      let depth = 1;
      while (depth < stack.length && path[depth - 1] === stack[depth].scope) depth++;
      stack.length = depth;
      for (; depth <= path.length; depth++) {
        const group = {parent: stack[depth - 1].item, c, group: true, label: graph.scopes[path[depth - 1]][1], opens: true, open: false, kids: []};
        stack[depth - 1].item.kids.push(group);
        stack.push({scope: path[depth - 1], item: group});
      }
      const inner = stack[stack.length - 1].item;
      inner.kids.push(leaf(inner, c, i));
    });
    return tidy(top).map(item => { item.parent = parent; return item; });
  }
  /* "6 dot, 2 layer_norm, 1 attention" */
  function contents(kids) {
    const seen = new Map();
    for (const l of kids.flatMap(k => leavesOf(k, []))) {
      const name = l.label === "fusion" ? l.node[NAME].replace(/\.\d+$/, "") : l.label.replace("fusion: ", "");
      if (!PLAIN.has(name)) seen.set(name, (seen.get(name) || 0) + 1);
    }
    return [...seen].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([name, n]) => `${n} ${name}`).join(", ");
  }
  /* Groups of one or two dissolve, chains of groups become one, long lists get parts. */
  function tidy(item) {
    const kids = [];
    for (const kid of item.kids) {
      if (!kid.group) { kids.push(kid); continue; }
      kid.kids = tidy(kid);
      while (kid.kids.length === 1 && kid.kids[0].group && !kid.kids[0].part) {
        kid.label += "/" + kid.kids[0].label;
        kid.kids = kid.kids[0].kids;
      }
      kid.size = kid.kids.reduce((sum, k) => sum + k.size, 0);
      kid.detail = contents(kid.kids);
      if (kid.size > 2) kids.push(kid); else kids.push(...kid.kids);
    }
    const parted = parts(kids);
    for (const kid of parted) {
      kid.parent = item;
      if (kid.group) for (const k of kid.kids) k.parent = kid;
    }
    return parted;
  }
  function parts(kids) {
    const seen = kids.filter(k => !k.constant);
    if (seen.length <= MOST_CHILDREN) return kids;
    const size = Math.max(24, Math.ceil(Math.sqrt(seen.length))), out = [];
    for (let i = 0; i < kids.length;) {
      const some = [], name = k => k.name || k.label;
      for (let n = 0; i < kids.length && (n < size || kids[i].constant); i++) { some.push(kids[i]); n += !kids[i].constant; }
      const named = some.filter(k => !k.constant), first = named[0] || some[0], last = named[named.length - 1] || some[some.length - 1];
      const part = {group: true, part: true, label: `${name(first)} … ${name(last)}`, c: some[0].c, opens: true, open: false,
                    detail: contents(some), kids: some, size: some.reduce((sum, k) => sum + k.size, 0)};
      for (const k of some) k.parent = part;
      out.push(part);
    }
    return parts(out);
  }
  /* Nothing in it depends on a parameter. */
  function isConstant(item) { return item.group ? Boolean(item.kids) && leavesOf(item, []).every(l => l.constant) : item.constant; }
  const root = {parent: null, label: graph.computations[entry] ? graph.computations[entry].name : "", opens: true, open: true, group: true, c: entry, size: 0};
  root.kids = entry < 0 ? [] : itemsOf(root, entry);
  root.size = entry < 0 ? 0 : graph.computations[entry].nodes.length;

  function kidsOf(item) {
    if (item.kids) return item.kids;
    const called = item.node[CALLED];
    if (called.length === 1) return item.kids = itemsOf(item, called[0]);
    const names = item.node[OP] === "while" ? ["condition", "body"] : null;
    return item.kids = called.map((c, i) => {
      const comp = {parent: item, c, group: true, computation: true, label: `${names ? names[i] : "branch " + i}: ${graph.computations[c].name}`, opens: true, open: false,
                    size: graph.computations[c].nodes.length, kids: null};
      comp.lazy = () => itemsOf(comp, c);
      return comp;
    });
  }
  return {graph, root, isConstant, kids: item => item.lazy && !item.kids ? item.kids = item.lazy() : kidsOf(item)};
}

/* ---- edges: between the innermost items that are seen ---- */
function leavesOf(item, out) {
  if (!item.group) out.push(item);
  else if (item.kids) for (const kid of item.kids) leavesOf(kid, out);
  return out;
}

/* Instructions of the computation that stands in `scope` (an open item), by place. */
function leafMap(model, holder) {
  if (holder.map) return holder.map;
  const map = [];
  for (const kid of model.kids(holder)) for (const l of leavesOf(kid, [])) map[l.i] = l;
  return holder.map = map;
}
/* The item that holds a leaf's computation: an instruction, a body or the root. */
function holderOf(leaf) {
  let item = leaf.parent;
  while (item.group && !item.computation && item.parent) item = item.parent;
  return item;
}
function seenOf(leaf) {
  let seen = leaf;
  for (let item = leaf.parent; item; item = item.parent) if (!item.open) seen = item;
  return seen;
}

/* The root and the parameters of an open body, through bodies that are open inside. */
function bodies(model, leaf) { return leaf.node[CALLED].length > 1 ? model.kids(leaf).filter(b => b.open) : [leaf]; }
function leaves(model, leaf) {
  if (!leaf.open) return [leaf];
  const out = [];
  for (const body of bodies(model, leaf)) {
    const map = leafMap(model, body);
    const last = map.find(l => l && DATA.lines[l.node[LINE]].startsWith("  ROOT"));
    if (last) out.push(...leaves(model, last));
  }
  return out.length ? out : [leaf];
}
function enters(model, leaf, operand) {
  if (!leaf.open) return [leaf];
  const out = [];
  bodies(model, leaf).forEach(body => {
    const branch = leaf.node[CALLED].length > 1 ? model.kids(leaf).indexOf(body) : 0;
    if (leaf.node[OP] === "conditional" && operand !== branch + 1) return;
    const number = leaf.node[OP] === "while" || leaf.node[OP] === "conditional" ? 0 : operand;
    const parameter = leafMap(model, body).find(l => l && l.node[OP] === "parameter" &&
      Number((/ parameter\((\d+)\)/.exec(DATA.lines[l.node[LINE]]) || [])[1]) === number);
    if (parameter) out.push(parameter);
  });
  return out.length ? out : [leaf];
}

/* ---- layout ---- */
function layoutOf(model, item, hide, measure) {
  if (item.box && item.hide === hide) return item.box;
  const kids = model.kids(item).filter(k => !(hide && model.isConstant(k)));
  for (const kid of kids) {
    if (kid.open) {
      const box = layoutOf(model, kid, hide, measure);
      kid.w = Math.max(box.w + 2 * INSIDE, measure(titleOf(kid)) + 30);
      kid.h = box.h + HEAD + 2 * INSIDE;
    } else {
      kid.w = Math.max(60, measure(titleOf(kid)) * (kid.opens ? 1.08 : 1) + (kid.opens ? 16 : 0), measure(kid.detail || "")) + 18;
      kid.h = NODE_HEIGHT;
    }
  }
  const place = new Map(kids.map((k, n) => [k, n])), below = kids.map(() => new Set()), above = kids.map(() => new Set());
  const within = leaf => {
    let at = leaf;
    while (at && at.parent !== item) at = at.parent;
    return at ? place.get(at) : undefined;
  };
  const seen = new Map();
  kids.forEach(kid => leavesOf(kid, []).forEach(l => seen.set(holderOf(l), true)));
  for (const holder of seen.keys()) {
    const map = leafMap(model, holder);
    kids.forEach((kid, n) => leavesOf(kid, []).forEach(l => {
      if (holderOf(l) !== holder) return;
      for (const o of l.node[OPERANDS]) {
        const from = map[o] ? within(map[o]) : undefined;
        if (from !== undefined && from !== n) { below[from].add(n); above[n].add(from); }
      }
    }));
  }
  const layer = kids.map(() => 0);
  kids.forEach((_, n) => { for (const a of above[n]) if (a < n) layer[n] = Math.max(layer[n], layer[a] + 1); });
  for (let n = kids.length - 1; n >= 0; n--)
    if (!above[n].size && below[n].size) layer[n] = Math.max(0, Math.min(...[...below[n]].map(b => layer[b])) - 1);
  const layers = [];
  kids.forEach((_, n) => (layers[layer[n]] = layers[layer[n]] || []).push(n));
  const rows = layers.filter(Boolean);
  order(rows, above, below, kids.length);
  return item.hide = hide, item.box = positions(kids, rows, above, below);
}

/* Crossings: each row by the mean place of its neighbours, down and up. */
function order(rows, above, below, total) {
  const at = new Float64Array(total);
  const number = row => row.forEach((n, i) => { at[n] = row.length > 1 ? i / (row.length - 1) : .5; });
  rows.forEach(number);
  for (let sweep = 0; sweep < 6; sweep++) {
    const near = sweep % 2 ? below : above, list = sweep % 2 ? rows.slice().reverse() : rows;
    for (const row of list) {
      const key = new Map(row.map(n => [n, near[n].size ? [...near[n]].reduce((s, m) => s + at[m], 0) / near[n].size : at[n]]));
      row.sort((a, b) => key.get(a) - key.get(b));
      number(row);
    }
  }
}

/* Each row's items near the mean of their neighbours, without overlap: the mean of the
 * leftmost and the rightmost packing that respect what is wanted.                      */
function positions(kids, rows, above, below) {
  const x = new Float64Array(kids.length);
  for (const row of rows) {
    let at = 0;
    for (const n of row) { x[n] = at; at += kids[n].w + GAP_X; }
    for (const n of row) x[n] -= (at - GAP_X) / 2;
  }
  for (let sweep = 0; sweep < 8; sweep++) {
    const near = sweep % 2 ? below : above, list = sweep % 2 ? rows.slice().reverse() : rows;
    for (const row of list) {
      const want = row.map(n => near[n].size ? [...near[n]].reduce((s, m) => s + x[m] + kids[m].w / 2, 0) / near[n].size - kids[n].w / 2 : x[n]);
      const left = [], right = [];
      row.forEach((n, i) => { left[i] = i ? Math.max(want[i], left[i - 1] + kids[row[i - 1]].w + GAP_X) : want[i]; });
      for (let i = row.length - 1; i >= 0; i--)
        right[i] = i < row.length - 1 ? Math.min(want[i], right[i + 1] - kids[row[i]].w - GAP_X) : want[i];
      row.forEach((n, i) => { x[n] = (left[i] + right[i]) / 2; });
    }
  }
  const leftmost = kids.length ? Math.min(...x) : 0;
  let y = 0, w = 0;
  for (const row of rows) {
    const tall = row.reduce((h, n) => Math.max(h, kids[n].h), 0);
    for (const n of row) {
      kids[n].x = x[n] - leftmost;
      kids[n].y = y + (tall - kids[n].h) / 2;
      w = Math.max(w, kids[n].x + kids[n].w);
    }
    y += tall + GAP_Y;
  }
  return {kids, w, h: Math.max(0, y - GAP_Y)};
}

function titleOf(item) { return item.group ? `${item.label} (${item.size})` : item.label + (item.name ? " " + item.name : ""); }

/* ---- the picture ---- */
function graphPicture(frame, model, onSelect, onChange) {
  const canvas = make("canvas", {tabindex: 0, role: "application", "aria-label": "graph: arrow keys move, + and − zoom, 0 fits, Enter opens what is selected; the list beside it has the same items"});
  const context = canvas.getContext("2d");
  const camera = {x: 0, y: 0, k: 1};
  let hide = true, selected = null, edges = [], waiting = false, colours = {};
  const widths = new Map();
  const measure = text => {
    if (!widths.has(text)) {
      context.font = "12px system-ui, sans-serif";
      widths.set(text, Math.min(320, context.measureText(text).width));
    }
    return widths.get(text);
  };

  function place(item, x, y) {
    const box = layoutOf(model, item, hide, measure);
    for (const kid of box.kids) {
      kid.ax = x + kid.x;
      kid.ay = y + kid.y;
      if (kid.open) place(kid, kid.ax + INSIDE, kid.ay + HEAD + INSIDE);
    }
  }
  function visit(item, see) { for (const kid of item.box.kids) { see(kid); if (kid.open) visit(kid, see); } }
  function forget() { (function clear(item) { item.box = null; if (item.kids) item.kids.forEach(clear); })(model.root); }

  function findEdges() {
    const found = new Map(), shown = new Set();
    visit(model.root, item => shown.add(item));
    const holders = new Set([model.root]);
    visit(model.root, item => { if (item.open && (!item.group || item.computation)) holders.add(item); });
    for (const holder of holders) {
      if (holder.node && holder.node[CALLED].length > 1) continue;
      const map = leafMap(model, holder);
      for (const l of map) {
        if (!l) continue;
        l.node[OPERANDS].forEach((o, n) => {
          if (!map[o]) return;
          for (const a of leaves(model, map[o])) for (const b of enters(model, l, n)) {
            const from = seenOf(a), to = seenOf(b);
            if (from === to || !shown.has(from) || !shown.has(to)) continue;
            const key = from.number + ">" + to.number;
            if (!found.has(key)) found.set(key, {from, to, shape: a.node[SHAPE], count: 1}); else found.get(key).count++;
          }
        });
      }
    }
    edges = [...found.values()];
  }
  function rebuild() {
    let number = 0;
    place(model.root, 0, 0);
    visit(model.root, item => { item.number = number++; });
    findEdges();
    paint();
    onChange();
  }

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["text", "dim", "node", "node-line", "group", "group-line", "edge", "heavy", "heavy-line", "accent", "raised", "panel", "line"])
      colours[name] = style.getPropertyValue("--" + name).trim();
  }
  function paint() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paintNow(); });
  }
  function shorten(text, room) {
    if (measure(text) <= room) return text;
    const keep = Math.max(1, Math.floor(room / 6.6) - 1);
    return text.length > keep ? text.slice(0, keep) + "…" : text;
  }
  function paintItem(item) {
    const heavy = item.heavy, group = item.group || item.opens;
    context.fillStyle = item.open ? colours.panel : colours[heavy ? "heavy" : group ? "group" : "node"];
    context.strokeStyle = item === selected ? colours.accent : colours[heavy ? "heavy-line" : group ? "group-line" : "node-line"];
    context.lineWidth = (item === selected ? 2.5 : 1) / Math.min(1, Math.max(.3, camera.k));
    context.beginPath();
    if (context.roundRect) context.roundRect(item.ax, item.ay, item.w, item.h, item.open ? 8 : 5); else context.rect(item.ax, item.ay, item.w, item.h);
    context.globalAlpha = item.open ? .55 : 1;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
    if (camera.k < .35) return;
    context.fillStyle = colours.text;
    context.font = (group ? "600 " : "") + "12px system-ui, sans-serif";
    const title = (item.opens ? item.open ? "▾ " : "▸ " : "") + titleOf(item);
    if (item.open) { context.fillText(shorten(title, item.w - 12), item.ax + 8, item.ay + 16); return; }
    context.fillText(shorten(title, item.w - 4), item.ax + 8, item.ay + (item.detail ? 15 : 22));
    if (item.detail) {
      context.fillStyle = colours.dim;
      context.font = "11px system-ui, sans-serif";
      context.fillText(shorten(item.detail, item.w - 10), item.ax + 8, item.ay + 29);
    }
  }
  function paintEdge(edge, view) {
    const {from, to} = edge, x1 = from.ax + from.w / 2, y1 = from.ay + from.h, x2 = to.ax + to.w / 2, y2 = to.ay;
    if (Math.max(x1, x2) < view.x1 || Math.min(x1, x2) > view.x2 || Math.max(y1, y2) < view.y1 || Math.min(y1, y2) > view.y2) return;
    const near = from === selected || to === selected, bend = Math.max(12, Math.abs(y2 - y1) / 3);
    /* A long way straight down would run behind what stands between. */
    const aside = y2 - y1 > 2 * GAP_Y && Math.abs(x2 - x1) < 40 ? Math.max(from.w, to.w) * .5 + 26 : 0;
    context.strokeStyle = near ? colours.accent : colours.edge;
    context.globalAlpha = near ? 1 : .6;
    context.lineWidth = near ? 2 : Math.min(3, 1 + Math.log2(edge.count) / 3);
    context.beginPath();
    context.moveTo(x1, y1);
    if (camera.k < .2) context.lineTo(x2, y2); else context.bezierCurveTo(x1 + aside * 1.33, y1 + bend, x2 + aside * 1.33, y2 - bend, x2, y2);
    context.stroke();
    if (camera.k >= .5) {
      context.beginPath();
      context.moveTo(x2 - 3.5, y2 - 6);
      context.lineTo(x2 + 3.5, y2 - 6);
      context.lineTo(x2, y2);
      context.fillStyle = context.strokeStyle;
      context.fill();
    }
    context.globalAlpha = 1;
  }
  function paintNow() {
    const ratio = devicePixelRatio || 1, w = frame.clientWidth, h = frame.clientHeight;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(ratio * camera.k, 0, 0, ratio * camera.k, -camera.x * camera.k * ratio, -camera.y * camera.k * ratio);
    const view = {x1: camera.x, y1: camera.y, x2: camera.x + w / camera.k, y2: camera.y + h / camera.k};
    const seen = [], inside = item => item.ax < view.x2 && item.ax + item.w > view.x1 && item.ay < view.y2 && item.ay + item.h > view.y1;
    (function collect(item) { for (const kid of item.box.kids) if (inside(kid)) { seen.push(kid); if (kid.open) collect(kid); } })(model.root);
    for (const item of seen) if (item.open) paintItem(item);
    for (const edge of edges) paintEdge(edge, view);
    for (const item of seen) if (!item.open) paintItem(item);
  }

  /* ---- moving ---- */
  function fit() {
    const box = model.root.box, w = frame.clientWidth, h = frame.clientHeight;
    camera.k = Math.max(.02, Math.min(1.1, (w - 40) / Math.max(1, box.w), (h - 40) / Math.max(1, box.h)));
    if (camera.k < .45 && box.h * .45 > h) { /* a long graph: readable, from its beginning */
      camera.k = Math.max(camera.k, Math.min(.75, (w - 40) / Math.max(1, box.w)));
      camera.y = -20 / camera.k;
    } else camera.y = box.h / 2 - h / camera.k / 2;
    camera.x = box.w / 2 - w / camera.k / 2;
    paint();
  }
  function fitAll() {
    const box = model.root.box, w = frame.clientWidth, h = frame.clientHeight;
    camera.k = Math.min(1.1, (w - 40) / Math.max(1, box.w), (h - 40) / Math.max(1, box.h));
    camera.x = box.w / 2 - w / camera.k / 2;
    camera.y = box.h / 2 - h / camera.k / 2;
    paint();
  }
  function zoom(factor, x, y) {
    const k = Math.max(.02, Math.min(4, camera.k * factor));
    camera.x += x / camera.k - x / k;
    camera.y += y / camera.k - y / k;
    camera.k = k;
    paint();
  }
  function centre(item) {
    camera.k = Math.max(camera.k, .6);
    camera.x = item.ax + item.w / 2 - frame.clientWidth / camera.k / 2;
    camera.y = item.ay + Math.min(item.h, 300) / 2 - frame.clientHeight / camera.k / 2;
    paint();
  }
  function itemAt(e) {
    const box = canvas.getBoundingClientRect(), x = camera.x + (e.clientX - box.left) / camera.k, y = camera.y + (e.clientY - box.top) / camera.k;
    let hit = null;
    (function search(item) {
      for (const kid of item.box.kids)
        if (x >= kid.ax && x <= kid.ax + kid.w && y >= kid.ay && y <= kid.ay + kid.h) { hit = kid; if (kid.open) search(kid); }
    })(model.root);
    return hit;
  }
  function select(item, go) {
    selected = item;
    if (go && item) centre(item); else paint();
    onSelect(item);
  }
  function toggle(item) {
    if (!item.opens) return;
    const shown = item.ax !== undefined, x = (item.ax + item.w / 2 - camera.x) * camera.k, y = (item.ay - camera.y) * camera.k;
    item.open = !item.open;
    for (let up = item; up; up = up.parent) up.box = null;
    rebuild();
    if (!shown) return;
    camera.x = item.ax + item.w / 2 - x / camera.k; /* it stays where it was on the screen */
    camera.y = item.ay - y / camera.k;
  }
  let drag = null;
  canvas.addEventListener("pointerdown", e => { drag = {x: e.clientX, y: e.clientY, moved: false}; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointermove", e => {
    if (!drag) return;
    if (Math.abs(e.clientX - drag.x) + Math.abs(e.clientY - drag.y) < 3 && !drag.moved) return;
    camera.x -= (e.clientX - drag.x) / camera.k;
    camera.y -= (e.clientY - drag.y) / camera.k;
    drag = {x: e.clientX, y: e.clientY, moved: true};
    paint();
  });
  canvas.addEventListener("pointerup", e => {
    if (drag && !drag.moved) select(itemAt(e), false);
    drag = null;
  });
  canvas.addEventListener("dblclick", e => { const item = itemAt(e); if (item) toggle(item); });
  canvas.addEventListener("wheel", e => {
    if (!e.ctrlKey && document.activeElement !== canvas) return; /* the page scrolls until the graph is entered */
    e.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-e.deltaY * .0015), e.clientX - box.left, e.clientY - box.top);
  }, {passive: false});
  canvas.addEventListener("keydown", e => {
    const step = 60 / camera.k;
    const keys = {ArrowLeft: () => { camera.x -= step; }, ArrowRight: () => { camera.x += step; }, ArrowUp: () => { camera.y -= step; }, ArrowDown: () => { camera.y += step; },
                  "+": () => zoom(1.25, frame.clientWidth / 2, frame.clientHeight / 2), "=": () => zoom(1.25, frame.clientWidth / 2, frame.clientHeight / 2),
                  "-": () => zoom(.8, frame.clientWidth / 2, frame.clientHeight / 2), "0": fitAll, Enter: () => selected && toggle(selected)};
    if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    keys[e.key]();
    paint();
  });
  new ResizeObserver(paint).observe(frame);
  document.addEventListener("themechange", () => { readColours(); paint(); });
  frame.append(canvas);
  /* One closed box is no picture: what stands alone is open. */
  (function openAlone(item) {
    const kids = model.kids(item).filter(k => !model.isConstant(k));
    if (kids.length < 4) kids.forEach(k => { if (k.group && !k.computation) { k.open = true; openAlone(k); } });
  })(model.root);
  model.hide = hide;
  readColours();
  rebuild();
  fit();
  return {select, toggle, fit: fitAll, selected: () => selected, setHidden(h) { hide = model.hide = h; forget(); rebuild(); fit(); }, edges: () => edges, zoom: f => zoom(f, frame.clientWidth / 2, frame.clientHeight / 2), paintNow};
}

/* ---- the list beside it: the same items as a tree ---- */
function graphTree(frame, model, picture) {
  let items = [], at = 0;
  frame.setAttribute("role", "tree");
  frame.tabIndex = 0;
  const list = virtualList(frame, 24, i => {
    const {item, depth} = items[i];
    return make("div", {class: "item", role: "treeitem", "aria-level": depth + 1, "aria-expanded": item.opens ? String(item.open) : null, id: "item-" + i,
                        "aria-selected": String(Boolean(picture()) && item === picture().selected()), style: `padding-left:${6 + depth * 14}px`, title: item.name || item.label,
                        onclick: () => { at = i; picture().select(item, true); }, ondblclick: () => picture().toggle(item)},
                make("span", {class: "twist", "aria-hidden": "true", onclick: e => { if (item.opens) { e.stopPropagation(); picture().toggle(item); } }}, item.opens ? item.open ? "▾" : "▸" : ""),
                item.group ? item.label : item.name + " ", make("span", {class: "dim"}, item.group ? ` ${item.size}` : item.label));
  });
  function refresh() {
    items = [];
    (function add(item, depth) {
      for (const kid of model().kids(item)) {
        if (model().hide && model().isConstant(kid)) continue;
        items.push({item: kid, depth});
        if (kid.open) add(kid, depth + 1);
      }
    })(model().root, 0);
    list.set(items.length);
  }
  function go(i) {
    at = Math.max(0, Math.min(items.length - 1, i));
    if (!items[at]) return;
    list.reveal(at);
    frame.setAttribute("aria-activedescendant", "item-" + at);
    picture().select(items[at].item, true);
  }
  frame.addEventListener("keydown", e => {
    const item = items[at] && items[at].item;
    const keys = {ArrowDown: () => go(at + 1), ArrowUp: () => go(at - 1), Home: () => go(0), End: () => go(items.length - 1), PageDown: () => go(at + 12), PageUp: () => go(at - 12),
                  ArrowRight: () => item && item.opens && !item.open ? picture().toggle(item) : go(at + 1),
                  ArrowLeft: () => item && item.open ? picture().toggle(item) : go(items.findIndex(x => item && x.item === item.parent)),
                  Enter: () => item && picture().toggle(item)};
    if (!keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
  });
  return {refresh, show(item) { const i = items.findIndex(x => x.item === item); if (i >= 0) { at = i; list.reveal(i); } list.refresh(); }};
}

/* ---- all of it ---- */
function buildGraph(root) {
  const names = DATA.graphs.length > 1 ? ["after the passes", "before the passes"] : [DATA.title || "module"];
  const canvasFrame = make("div", {class: "canvas"}), treeFrame = make("div", {class: "tree", "aria-label": "instructions"}), info = make("div", {class: "info", "aria-live": "polite"});
  const found = make("span", {class: "dim", "aria-live": "polite"});
  let model, picture, matches = [], match = -1;
  const tree = graphTree(treeFrame, () => model, () => picture);

  function reveal(c, i) {
    const search = (item) => {
      for (const kid of model.kids(item)) {
        if (kid.c === c && kid.i === i && !kid.group) return kid;
        const holds = kid.group ? kid.c === c || kid.kids && search(kid) : false;
        if (kid.group && holds) { const hit = search(kid); if (hit) return hit; }
        if (!kid.group && kid.opens && callsInto(kid.node, c)) { const hit = search(kid); if (hit) return hit; }
      }
      return null;
    };
    const item = search(model.root);
    if (!item) return;
    const closed = [];
    for (let up = item.parent; up; up = up.parent) if (!up.open) closed.push(up);
    closed.reverse().forEach(up => picture.toggle(up));
    picture.select(item, true);
  }
  const reach = new Map();
  function callsInto(node, c) {
    const graph = model.graph;
    return node[CALLED].some(k => {
      if (k === c) return true;
      const key = k + ">" + c;
      if (!reach.has(key)) { reach.set(key, false); reach.set(key, graph.computations[k].nodes.some(n => callsInto(n, c))); }
      return reach.get(key);
    });
  }
  function linkTo(c, i) {
    const node = model.graph.computations[c].nodes[i];
    return make("li", null, make("button", {class: "link", type: "button", onclick: () => reveal(c, i)}, "%" + node[NAME]), make("span", {class: "dim"}, ` ${node[OP]} ${node[SHAPE]}`));
  }
  function tell(item) {
    tree.show(item);
    if (!item) { info.replaceChildren(make("p", {class: "dim"}, "Select an item to read its instruction. Double click, or Enter, opens it.")); return; }
    if (item.group) {
      const ops = new Map();
      const all = leavesOf(item, []);
      for (const l of all) ops.set(l.label, (ops.get(l.label) || 0) + 1);
      info.replaceChildren(make("h3", null, item.label), make("p", null, plural(item.size, "instruction")),
        make("ul", null, [...ops].sort((a, b) => b[1] - a[1]).slice(0, 24).map(([op, n]) => make("li", null, `${n} × ${op}`))),
        make("button", {type: "button", onclick: () => picture.toggle(item)}, item.open ? "close" : "open"));
      return;
    }
    const nodes = model.graph.computations[item.c].nodes, users = [];
    nodes.forEach((n, i) => { if (n[OPERANDS].includes(item.i)) users.push(i); });
    info.replaceChildren(make("h3", null, item.name), make("p", null, `${item.label} → `, make("code", null, item.detail)),
      make("pre", {class: "mono"}, DATA.lines[item.node[LINE]].trim()),
      item.opens ? make("button", {type: "button", onclick: () => picture.toggle(item)}, item.open ? "close" : "open") : "",
      make("h3", null, plural(item.node[OPERANDS].length, "operand")), make("ul", null, item.node[OPERANDS].map(o => linkTo(item.c, o))),
      make("h3", null, plural(users.length, "user")), make("ul", null, users.slice(0, 200).map(u => linkTo(item.c, u))));
  }
  function open(number) {
    model = graphModel(DATA.graphs[number]);
    matches = [];
    reach.clear();
    canvasFrame.replaceChildren();
    picture = null;
    picture = graphPicture(canvasFrame, model, tell, () => tree.refresh());
    canvasFrame.append(make("div", {class: "tools"}, make("button", {type: "button", "aria-label": "zoom in", onclick: () => picture.zoom(1.25)}, "+"),
      make("button", {type: "button", "aria-label": "zoom out", onclick: () => picture.zoom(.8)}, "−"), make("button", {type: "button", onclick: () => picture.fit()}, "fit")));
    tree.refresh();
    tell(null);
    window.tenonGraph = picture;
  }
  function search(text, step) {
    if (search.last !== text) {
      search.last = text;
      matches = [];
      match = -1;
      const wanted = text.toLowerCase();
      if (wanted) model.graph.computations.forEach((c, ci) => c.nodes.forEach((n, i) => {
        if (DATA.lines[n[LINE]].toLowerCase().includes(wanted)) matches.push([ci, i]);
      }));
    }
    if (!matches.length) { found.textContent = text ? "nothing found" : ""; return; }
    match = (match + step + matches.length) % matches.length;
    found.textContent = `${match + 1} of ${matches.length}`;
    reveal(...matches[match]);
  }
  const field = make("input", {type: "search", placeholder: "name, opcode, op_name …", "aria-label": "search instructions",
                               onkeydown: e => { if (e.key === "Enter") { e.preventDefault(); search(field.value, e.shiftKey ? -1 : 1); } }});
  const hidden = make("input", {type: "checkbox", onchange: () => picture.setHidden(!hidden.checked)});
  root.append(make("div", {class: "bar"}, names.length > 1 ? make("label", {class: "check"}, "module ", make("select", {onchange: e => { hidden.checked = false; open(Number(e.target.value)); }},
      names.map((name, i) => make("option", {value: i}, name)))) : null, field,
      make("button", {type: "button", onclick: () => search(field.value, 1)}, "next"), found, make("label", {class: "check"}, hidden, "show what depends on constants alone")),
    make("div", {class: "graph"}, treeFrame, canvasFrame, info));
  open(0);
}
