/* The page's script without a browser: differences that lead from each state to the next,
 * graphs in which every instruction is once, nothing overlaps and edges go down.
 *
 *     node report_page.js PAGE.html SCRIPT.js…
 *
 * Prints what is wrong, a line each, and the seconds that the largest graph took.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
"use strict";
const fs = require("fs"), vm = require("vm");
const [page, ...scripts] = process.argv.slice(2);
const text = fs.readFileSync(page, "utf8");
const start = text.indexOf('id="data">') + 10, data = text.slice(start, text.indexOf("</script>", start));

/* As much of a document as stands at the top of the scripts. */
const element = () => ({setAttribute() {}, append() {}, addEventListener() {}, replaceChildren() {}});
const world = vm.createContext({document: {getElementById: () => ({textContent: data}), createElement: element, createElementNS: element}, console, performance});
const said = vm.runInContext(scripts.map(file => fs.readFileSync(file, "utf8")).join("") + `
(() => {
  const wrong = [], same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
  for (let s = 1; s < DATA.states.length; s++) {
    const a = linesOf(s - 1), b = linesOf(s), rows = difference(a, b);
    pairUp(rows);
    if (!same(rows.filter(r => r.sign !== "+").map(r => r.line), a)) wrong.push("state " + s + ": the lines before are not in its difference");
    if (!same(rows.filter(r => r.sign !== "-").map(r => r.line), b)) wrong.push("state " + s + ": the lines after are not in its difference");
    if (rows.every(r => r.sign === " ")) wrong.push("state " + s + ": no difference");
    const shown = hunks(rows, new Set());
    if (shown.reduce((n, r) => n + (r.gap || 1), 0) !== rows.length) wrong.push("state " + s + ": hunks leave lines out");
  }
  let most = 0;
  const overlap = (p, q) => p.x < q.x + q.w && q.x < p.x + p.w && p.y < q.y + q.h && q.y < p.y + p.h;
  function checkBox(model, item) {
    const kids = item.box.kids, map = new Map();
    kids.forEach((p, i) => kids.slice(i + 1).forEach(q => { if (overlap(p, q)) wrong.push(titleOf(p) + " lies over " + titleOf(q)); }));
    for (const kid of kids) {
      if (!kid.group) map.set(kid.c + "." + kid.i, kid);
      if (kid.open) checkBox(model, kid);
    }
    for (const kid of map.values())
      for (const o of kid.node[OPERANDS]) {
        const from = map.get(kid.c + "." + o);
        if (from && from.y + from.h > kid.y) wrong.push("from " + titleOf(from) + " to " + titleOf(kid) + " goes up");
      }
  }
  for (const graph of DATA.graphs) {
    const start = performance.now(), model = graphModel(graph), seen = new Map();
    (function open(item) {
      item.open = true;
      for (const kid of model.kids(item)) {
        if (kid.parent !== item) wrong.push(titleOf(kid) + " has another parent");
        if (!kid.group && kid.c === model.root.c) seen.set(kid.i, (seen.get(kid.i) || 0) + 1);
        if (kid.opens) open(kid);
      }
    })(model.root);
    layoutOf(model, model.root, false, t => t.length * 7);
    most = Math.max(most, (performance.now() - start) / 1e3);
    checkBox(model, model.root);
    const entry = graph.computations[model.root.c].nodes.length;
    if (seen.size !== entry || [...seen.values()].some(n => n !== 1)) wrong.push(seen.size + " of " + entry + " instructions are in the graph once");
  }
  return [...wrong.slice(0, 20), most.toFixed(2)];
})()`, world);
console.log(said.join("\n"));
