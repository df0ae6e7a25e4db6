/* The page put together: sections, the list of them, the theme.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
function chooseTheme(name) {
  const dark = name ? name === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.dispatchEvent(new Event("themechange"));
}
chooseTheme(null);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chooseTheme(null));

function themeButton() {
  return make("button", {type: "button", onclick: () => chooseTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark")}, "light / dark");
}

function showReport() {
  section("overview", "Overview", null, buildOverview);
  if (DATA.states.length) section("passes", "Passes", "What each pass changed: the module's text against the one before. Lines that only moved are marked apart.", buildPasses);
  section("kernels", "Kernels", null, buildKernels);
  section("memory", "Memory", "The arena over the schedule: each box is a temporary, from the step that first touches it to the last, at its place in the arena.", buildMemory);
  section("time", "Compile time", null, buildTime);
  if (DATA.graphs.length) section("graph", "Graph", "Items open with a double click or Enter; scopes are the parts of op_name. Drag or arrow keys move, the wheel zooms once the graph has the focus.", buildGraph);
  const links = SECTIONS.map(s => make("a", {href: "#" + s.id}, s.title));
  const main = make("main", {id: "main"}, SECTIONS.map(s => s.element));
  document.body.append(make("a", {class: "skip", href: "#main"}, "to the report"),
    make("nav", {class: "side", "aria-label": "sections"}, make("h1", null, DATA.model.name), make("p", null, DATA.model.file), links,
         make("div", {class: "end"}, make("p", null, `Tenon ${DATA.tenon}, target ${DATA.target.name}, -O${DATA.options.level}`), themeButton())), main, tip);
  const build = s => { if (s.build) { const f = s.build; s.build = null; s.element.classList.add("made"); f(s.element); } };
  build(SECTIONS[0]);
  const near = new IntersectionObserver(seen => seen.forEach(e => { if (e.isIntersecting) build(SECTIONS.find(s => s.element === e.target)); }), {rootMargin: "600px"});
  const current = new IntersectionObserver(seen => seen.forEach(e => {
    if (!e.isIntersecting) return;
    SECTIONS.forEach((s, i) => { if (s.element === e.target) links[i].setAttribute("aria-current", "true"); else links[i].removeAttribute("aria-current"); });
  }), {rootMargin: "-20% 0px -70% 0px"});
  for (const s of SECTIONS) { near.observe(s.element); current.observe(s.element); }
  /* A link's place is known only when what stands above it is there. */
  links.forEach((link, i) => link.addEventListener("click", () => SECTIONS.slice(0, i + 1).forEach(build)));
  addEventListener("beforeprint", () => SECTIONS.forEach(build));
  if (location.hash) {
    const i = SECTIONS.findIndex(s => "#" + s.id === location.hash);
    if (i >= 0) { SECTIONS.slice(0, i + 1).forEach(build); SECTIONS[i].element.scrollIntoView({behavior: "instant"}); }
  }
}

function showGraph() {
  document.body.classList.add("lone");
  const root = make("section", {id: "graph", class: "made", style: "margin:0"}, make("div", {class: "bar"}, make("h2", {style: "margin-right:auto"}, DATA.title), themeButton()));
  document.body.append(make("main", {id: "main"}, root), tip);
  buildGraph(root);
}

if (DATA.kind === "graph") showGraph(); else showReport();
