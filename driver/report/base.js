/* What the parts of the page share: the data, elements made of text alone (names of a model
 * are hostile input: nothing here is ever read as HTML), numbers for people, tips, lists of
 * which only the visible rows exist.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);

/* make("td", {class: "num", onclick: f}, "text", element) */
function make(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function draw(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(c => c !== null && c !== undefined && c !== false));
  return element;
}

function bytes(n) {
  if (n === null || n === undefined) return "–";
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
    if (n >= size) return (n / size).toFixed(n / size < 10 ? 2 : 1) + " " + unit;
  return n + " B";
}
function count(n) {
  for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]])
    if (n >= size) return (n / size).toFixed(n / size < 10 ? 2 : 1) + " " + unit;
  return String(n);
}
function whole(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f"); }
function seconds(s) {
  if (s >= 1) return s.toFixed(2) + " s";
  if (s >= 1e-3) return (s * 1e3).toFixed(s >= 0.1 ? 0 : 2) + " ms";
  return (s * 1e6).toFixed(s >= 1e-5 ? 0 : 1) + " µs";
}
function plural(n, one, many) { return whole(n) + " " + (n === 1 ? one : many || one + "s"); }

/* ---- tips: hovering and focus alike ---- */
const tip = make("div", {class: "tip", role: "status", hidden: true});
function showTip(lines, x, y) {
  tip.replaceChildren(...lines.map((line, i) => make("div", null, i ? line : make("b", null, line))));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
  tip.style.top = Math.max(4, y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + "px";
}
function hideTip() { tip.hidden = true; }
function withTip(element, lines) {
  element.addEventListener("mousemove", e => showTip(lines(), e.clientX, e.clientY));
  element.addEventListener("mouseleave", hideTip);
  element.addEventListener("focus", () => {
    const box = element.getBoundingClientRect();
    showTip(lines(), box.left + box.width / 2, box.bottom - 10);
  });
  element.addEventListener("blur", hideTip);
  return element;
}

/* ---- a list whose rows exist only where they are seen ----
 * row(i) gives an element of the fixed height; set(n) says how many there are.        */
function virtualList(frame, height, row) {
  const space = make("div", {class: "space"});
  frame.replaceChildren(space);
  let total = 0, first = -1, last = -1;
  function show(force) {
    const from = Math.max(0, Math.floor(frame.scrollTop / height) - 12);
    const to = Math.min(total, Math.ceil((frame.scrollTop + frame.clientHeight) / height) + 12);
    if (!force && from === first && to === last) return;
    first = from;
    last = to;
    const rows = [];
    for (let i = from; i < to; i++) {
      const element = row(i);
      element.style.top = i * height + "px";
      rows.push(element);
    }
    space.replaceChildren(...rows);
  }
  frame.addEventListener("scroll", () => show(false));
  new ResizeObserver(() => show(true)).observe(frame);
  return {
    set(n) {
      total = n;
      space.style.height = n * height + "px";
      show(true);
    },
    refresh() { show(true); },
    reveal(i) {
      if (i * height < frame.scrollTop) frame.scrollTop = i * height;
      if ((i + 1) * height > frame.scrollTop + frame.clientHeight) frame.scrollTop = (i + 1) * height - frame.clientHeight;
      show(true);
    }
  };
}

/* ---- tables that sort by a click on a head ----
 * columns: {name, cell(row) -> text or element, key(row) -> what to sort by, num, class, title} */
function sortedTable(columns, rows, options) {
  const body = make("tbody");
  let by = options.sort || 0, down = options.down !== false, picked = null;
  const heads = columns.map((column, i) =>
    make("th", {class: column.num ? "num" : null, scope: "col", title: column.title},
         make("button", {type: "button", onclick: () => { down = by === i ? !down : Boolean(column.num); by = i; render(); }},
              column.name)));
  function render() {
    const key = columns[by].key;
    const list = rows.slice().sort((a, b) => {
      const x = key(a), y = key(b);
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    });
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== by ? "none" : down ? "descending" : "ascending"));
    body.replaceChildren(...list.map(r => {
      const line = make("tr", {class: options.pick ? "pick" : null, tabindex: options.pick ? 0 : null,
                               "aria-selected": options.pick ? String(r === picked) : null},
                        columns.map(c => make("td", {class: [c.num ? "num" : "", c.class || ""].join(" ").trim() || null}, c.cell(r))));
      if (options.pick) {
        line.addEventListener("click", () => choose(r));
        line.addEventListener("keydown", e => {
          if (e.key === "Enter" || e.key === " ") { e.preventDefault(); choose(r); }
          if (e.key === "ArrowDown" && line.nextSibling) { e.preventDefault(); line.nextSibling.focus(); }
          if (e.key === "ArrowUp" && line.previousSibling) { e.preventDefault(); line.previousSibling.focus(); }
        });
      }
      line.row = r;
      return line;
    }));
  }
  function choose(r, quiet) {
    picked = r;
    for (const line of body.children) line.setAttribute("aria-selected", String(line.row === r));
    if (!quiet) options.pick(r);
  }
  render();
  return {element: make("table", null, make("thead", null, make("tr", null, heads)), body), choose};
}

const SECTIONS = [];
/* Sections fill themselves when they are first seen. */
function section(id, title, lead, build) {
  const element = make("section", {id, "aria-labelledby": id + "-title"},
                       make("h2", {id: id + "-title"}, title), lead ? make("p", {class: "lead"}, lead) : null);
  SECTIONS.push({id, title, element, build});
}
