#!/usr/bin/env python3
"""`tenon report`, `--dump-format=html` and `tenon bench --kernels`: pages that a parser of HTML reads, that ask nothing of a
network and take no name of a model for markup; data that keeps to docs/report.md and says what other verbs say.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import ROOT, SANITIZED, check, run_tests, tenon

CNN = os.path.join(ROOT, "examples", "digits", "cnn.hlo")
VOID = {"meta", "br", "hr", "img", "input", "link", "path", "line"}
HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\' --> ]]> \u2028 é'


class Page(html.parser.HTMLParser):
    """Elements that are not closed in order, attributes that name something outside, and the scripts' texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.problems, self.scripts, self.title = [], [], [], ""
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"not closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data") or name.startswith("on"):
                self.problems.append(f"<{tag} {name}={value}>")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts[-1] += data
        if self.open[-1:] == ["title"]:
            self.title += data


def read_page(path):
    """The data of a page that is well formed and needs nothing but itself."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page = Page(text)
    check(text.startswith("<!DOCTYPE html>") and not page.problems, f"{path}: {page.problems}")
    check(len(page.scripts) == 2, f"{len(page.scripts)} scripts")
    check("Content-Security-Policy" in text and "default-src 'none'" in text, "no policy")
    code = text[:text.index('<script type="application/json"')] + page.scripts[1]
    for word in ("@import", "url(", "fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval(", "document.write"):
        check(word not in code, f"the page has {word}")
    outside = set(re.findall(r"https?://[^\"'\s)]*", code)) - {"http://www.w3.org/2000/svg"}
    check(not outside, f"the page names {outside}")
    return json.loads(page.scripts[0]), page


def report(folder, model, *words):
    path = os.path.join(folder, "r.html")
    tenon("report", model, "-o", path, *words)
    return read_page(path)


def states(data):
    """The lines of each state, unpacked as docs/report.md says."""
    before = []
    for state in data["states"]:
        packed, lines = state["lines"], []
        for at, count in zip(packed[::2], packed[1::2]):
            lines += before[at:at + count] if count else [at]
        before = lines
        yield [data["lines"][number] for number in lines]


KEYS = {
    "model": {"name": str, "file": str, "parameters": list, "results": list},
    "options": {"level": int, "reassociate": bool},
    "target": {"name": str, "cpu": str, "vector_bytes": int, "vector_registers": int, "fma": bool, "l1_bytes": int,
               "l2_bytes": int, "l3_bytes": int},
    "summary": {"arena_bytes": int, "arena_lower_bound_bytes": int, "arena_proven": bool, "temp_bytes": int,
                "text_bytes": int, "constant_bytes": int, "stack_bytes": int, "kernels": int, "steps": int,
                "instructions_before": int, "instructions": int},
}
ROWS = {
    "phases": {"name": str, "seconds": (int, float)},
    "passes": {"name": str, "occurrence": int, "round": int, "seconds": (int, float), "policing_seconds": (int, float),
               "changes": int, "changed": bool, "instructions": int, "rules": list},
    "states": {"pass": int, "lines": list},
    "kernels": {"name": str, "source": str, "runs": int, "flops": int, "bytes": int, "bytes_read": int,
                "bytes_written": int, "text": str},
    "steps": {"kind": str, "time": int, "depth": int},
    "buffers": {"name": str, "memory": str, "type": str, "bytes": int},
    "graphs": {"computations": list, "scopes": list},
}


def check_keys(where, row, keys):
    for key, kind in keys.items():
        check(isinstance(row.get(key), kind), f"{where}: {key} is {row.get(key)!r}")


def check_schema(data):
    check(data["kind"] == "report" and data["version"] == 1, "kind and version")
    for key, keys in KEYS.items():
        check_keys(key, data[key], keys)
    for key, keys in ROWS.items():
        for row in data[key]:
            check_keys(key, row, keys)


def check_graph(graph, lines):
    for comp in graph["computations"]:
        for name, op, _, operands, called, scope, line in comp["nodes"]:
            check(lines[line].split(" = ")[0].split("%")[1] == name, f"{name}: its line is {lines[line]}")
            check(f" {op}(" in lines[line], f"{name} is no {op}")
            check(all(o < len(comp["nodes"]) for o in operands), f"{name}: operands {operands}")
            check(all(c < len(graph["computations"]) for c in called), f"{name}: computations {called}")
            check(scope < len(graph["scopes"]), f"{name}: scope {scope}")
    check(sum(comp["entry"] for comp in graph["computations"]) == 1, "entries")


def a_page_says_what_compiling_says(folder):
    data, page = report(folder, CNN)
    check_schema(data)
    check(page.title == "cnn — Tenon report" and data["model"]["name"] == "cnn", page.title)
    compiled = json.loads(tenon("compile", CNN, "-o", "cnn.o", "--json", cwd=folder))
    for key in ("arena_bytes", "arena_lower_bound_bytes", "text_bytes", "constant_bytes", "kernels", "steps"):
        check(data["summary"][key] == compiled[key], f"{key}: {data['summary'][key]}, compile {compiled[key]}")
    check(len(data["kernels"]) == compiled["kernels"] and "measured" not in data, "kernels")
    printed = json.loads(tenon("report", CNN, "-o", "r.html", "--json", cwd=folder))
    check(printed["steps"] == compiled["steps"], "--json")


def states_are_the_modules_between_passes(folder):
    data, _ = report(folder, CNN)
    texts = list(states(data))
    check(len(texts) == 1 + sum(p["changed"] for p in data["passes"]), "as many states as passes that changed something")
    check(texts[-1] == tenon("opt", CNN, "--constants=elide").splitlines(), "the last state is what opt prints")
    check(texts[0] == tenon("opt", CNN, "--passes=", "--constants=elide").splitlines(), "the first state is the input")
    for number, state in enumerate(data["states"][1:], 1):
        check(data["passes"][state["pass"]]["state"] == number, f"state {number}")
    for graph in data["graphs"]:
        check_graph(graph, data["lines"])


def steps_and_buffers_fit_together(folder):
    for level in ("-O0", "-O2"):
        data, _ = report(folder, CNN, level)
        for step in data["steps"]:
            for number in step.get("buffers", []):
                buffer = data["buffers"][number]
                if buffer["memory"] == "temp":
                    check(buffer["first"] <= step["time"] <= buffer["last"], f"step {step['time']}, {buffer['name']}")
        runs = [step["kernel"] for step in data["steps"] if step["kind"] == "run"]
        for number, kernel in enumerate(data["kernels"]):
            check(runs.count(number) == kernel["runs"], f"{kernel['name']} runs {kernel['runs']} times")
        ends = [b["offset"] + b["size"] for b in data["buffers"] if b["memory"] == "temp"]
        check(max(ends) == data["summary"]["temp_bytes"], f"the arena ends at {max(ends)}")


def operations_and_bytes_are_counted(folder):
    model = os.path.join(folder, "m.hlo")
    with open(model, "w") as file:
        file.write("HloModule m\nENTRY e {\n  x = f32[8,16] parameter(0)\n  w = f32[16,4] parameter(1)\n"
                   "  ids = s32[3] parameter(2)\n  table = f32[1000,4] parameter(3)\n"
                   "  d = f32[8,4] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
                   "  g = f32[3,4] gather(table, ids), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, "
                   "index_vector_dim=1, slice_sizes={1,4}\n  ROOT t = (f32[8,4], f32[3,4]) tuple(d, g)\n}\n")
    data, _ = report(folder, model, "--disable-pass=fusion")
    by = {kernel["source"].split()[0]: kernel for kernel in data["kernels"]}
    check(by["d"]["flops"] == 2 * 8 * 16 * 4, f"a dot of {by['d']['flops']} FLOPs")
    check((by["d"]["bytes_read"], by["d"]["bytes_written"]) == (4 * (8 * 16 + 16 * 4), 4 * 32), str(by["d"]))
    check(by["g"]["flops"] == 0 and by["g"]["bytes_written"] == 48, str(by["g"]))
    check(by["g"]["bytes_read"] == 48 + 12, f"three rows of a table are {by['g']['bytes_read']} bytes")


def names_are_not_markup(folder):
    model = os.path.join(folder, "hostile.hlo")
    escaped = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    with open(model, "w", encoding="utf-8") as file:
        file.write(f'HloModule m\nENTRY e {{\n  x = f32[4] parameter(0), metadata={{op_name="{escaped}"}}\n'
                   f'  ROOT y = f32[4] tanh(x), metadata={{op_name="a/{escaped}/b" source_file="{escaped}" source_line=7}}\n}}\n')
    data, _ = report(folder, model)
    check(any(HOSTILE in line for line in data["lines"]), "the name is not in the lines")
    check(HOSTILE in data["kernels"][0]["source"], data["kernels"][0]["source"])
    with open(os.path.join(folder, "r.html"), encoding="utf-8") as file:
        text = file.read()
    check("alert(1)</script>" not in text and "<img" not in text, "a name is markup")
    tenon("opt", model, "--dump-dir", "d", "--dump-format=html,dot", "-o", "out.hlo", cwd=folder)
    data, page = read_page(os.path.join(folder, "d", "00.input.html"))
    check(data["kind"] == "graph" and any(HOSTILE in line for line in data["lines"]), page.title)
    check_graph(data["graphs"][0], data["lines"])


def bytes_that_are_no_text(folder):
    model = os.path.join(folder, "bytes.hlo")
    with open(model, "wb") as file:
        file.write(b'HloModule m\nENTRY e {\n  x = f32[4] parameter(0)\n  ROOT y = f32[4] tanh(x), metadata={op_name="a\xff\xc0\xaf\xed\xa0\x80z"}\n}\n')
    data, _ = report(folder, model)
    check("a" + "\ufffd" * 6 + "z" in data["kernels"][0]["source"], repr(data["kernels"][0]["source"]))


def loops_and_branches(folder):
    model = os.path.join(ROOT, "test", "text", "report", "dot.hlo")
    data, _ = report(folder, model, "-O1")
    check_schema(data)
    kinds = [step["kind"] for step in data["steps"]]
    check("while" in kinds or len(kinds) > 2, str(kinds))
    for before, after in zip(data["steps"], data["steps"][1:]):
        check(before["time"] < after["time"], f"times {before['time']}, {after['time']}")


def a_plan_has_a_page(folder):
    plan = os.path.join(folder, "cnn.plan")
    tenon("compile", CNN, "-o", plan)
    data, _ = report(folder, plan)
    check(not data["states"] and not data["graphs"] and len(data["kernels"]) == 3, "a plan has neither passes nor graph")


def measured_against_the_roof(folder):
    data, _ = report(folder, CNN, "--measure", "--runs=3")
    measured = data["measured"]
    check_keys("measured", measured, {"threads": int, "median_ms": float, "min_ms": float, "runs": int, "peak_gflops": float,
                                      "memory_gb_s": float, "cache_gb_s": float, "cache_bytes": int})
    check(all(k["min_ms"] <= k["median_ms"] for k in data["kernels"]), "times of kernels")
    check(measured["peak_gflops"] > 0.1 and measured["memory_gb_s"] > 0.01, str(measured))


def kernels_in_bench(folder):
    del folder
    data = json.loads(tenon("bench", CNN, "--kernels", "--runs=3", "--json"))
    for kernel in data["kernels"]:
        check_keys("bench", kernel, {"name": str, "median_ms": float, "min_ms": float, "runs": int, "flops": int, "bytes": int,
                                     "intensity": float, "gflop_s": float, "peak_percent": float, "source": str})
        check(re.fullmatch(r"\S+ cnn\.hlo:\d+", kernel["source"]), kernel["source"])
        check(abs(kernel["intensity"] * kernel["bytes"] - kernel["flops"]) < 1, "intensity")
    text = tenon("bench", CNN, "--kernels", "--runs=3")
    check("% peak" in text and "FLOP/byte" in text and "measured now" in text, text)


def deep_module(path, layers):
    """Twenty instructions a layer, with scopes, one of three read again later."""
    lines, last, kept = ["HloModule deep", "", "ENTRY main {", "  x = f32[64,64] parameter(0)"], "x", "x"
    for layer in range(layers):
        for k, op in enumerate(["dot", "add", "exponential", "divide"] * 5):
            name = f"v{layer}.{k}"
            operands = {"dot": f"{last}, {kept}), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}",
                        "exponential": f"{last})"}.get(op, f"{last}, {kept})")
            lines.append(f"  {name} = f32[64,64] {op}({operands}, metadata={{op_name=\"net/layer_{layer}/part_{k // 7}/{op}\"}}")
            last, kept = name, last if k % 3 == 0 else kept
    lines[-1] = lines[-1].replace("  v", "  ROOT v", 1)
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n}\n")


def page_script_problems(path):
    """What test/e2e/report_page.js finds, and how long the largest graph took; by node, where there is one."""
    if not shutil.which("node"):
        return [], 0
    with open(os.path.join(ROOT, "CMakeLists.txt")) as file:
        names = re.search(r"set\(page_js ([^)]*)\)", file.read())[1].split()
    scripts = [os.path.join(ROOT, "driver", "report", name) for name in names if name != "main.js"]
    done = subprocess.run(["node", os.path.join(ROOT, "test", "e2e", "report_page.js"), path, *scripts], capture_output=True,
                          text=True, timeout=120)
    check(done.returncode == 0, done.stderr)
    *wrong, seconds = done.stdout.splitlines()
    return wrong, float(seconds)


def differences_and_graphs_are_whole(folder):
    model = os.path.join(folder, "deep.hlo")
    deep_module(model, 250)
    for source, most in ((CNN, 1), (os.path.join(ROOT, "test", "text", "report", "dot.hlo"), 1), (model, 10)):
        report(folder, source, "-O1")
        wrong, seconds = page_script_problems(os.path.join(folder, "r.html"))
        check(not wrong, "\n".join(wrong))
        check(seconds < most, f"all {source} open: {seconds} s")
    check(os.path.getsize(os.path.join(folder, "r.html")) < 8 << 20, "a large page")


TESTS = [a_page_says_what_compiling_says, states_are_the_modules_between_passes, steps_and_buffers_fit_together,
         operations_and_bytes_are_counted, names_are_not_markup, bytes_that_are_no_text, loops_and_branches,
         a_plan_has_a_page, kernels_in_bench, differences_and_graphs_are_whole]
run_tests(TESTS if SANITIZED else TESTS + [measured_against_the_roof])
