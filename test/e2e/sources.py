#!/usr/bin/env python3
"""Kernels say where they come from: golden programs and networks whose instructions all have metadata go through the whole
pipeline, and every kernel of the plan still names an op_name and a line of the file. At -O2 every instruction that is left has
metadata too, but for the parameters and tuples of fusions, which are nothing of the model's.

    test/e2e/sources.py [--filter REGEX] [-v]

Each instruction is given `metadata={op_name="m/NAME" …}`; what a pass makes takes it from what it stands for.
Python's standard library only.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SANITIZED, SHARED, TENON

INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.-]+) = .*\)")
KERNEL = re.compile(r"^kernel (\w+)\(.*\{\n(.*)", re.M)
SOURCE = re.compile(r"^  // (\S+) ([\w.-]+):(\d+)$")


def with_metadata(text):
    """The module with an op_name at every instruction that stands on a line of its own."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        found = INSTRUCTION.match(line)
        if found and "metadata=" not in line and line.count("(") == line.count(")") and line.count("{") == line.count("}"):
            line += f', metadata={{op_name="m/{found[1]}" source_file="m.py" source_line={number}}}'
        lines.append(line)
    return "\n".join(lines) + "\n"


def nameless(path, words):
    """What is wrong with the kernels of a model's plan; None: it does not compile."""
    done = subprocess.run([TENON, "compile", path, "-o", "-", "--emit=plan", "--constants=elide", *words],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    if done.returncode:
        return None if done.returncode == 4 else [f"status {done.returncode}: {done.stderr.decode('utf-8', 'replace')}"]
    wrong = []
    for name, first in KERNEL.findall(done.stdout.decode("utf-8", "replace")):
        source = SOURCE.match(first)
        if not source or "/" not in source[1]:
            wrong.append(f"{name}: {first.strip()}")
    return wrong


def bare(path, words):
    """Instructions without metadata behind the passes."""
    done = subprocess.run([TENON, "opt", path, "--constants=elide", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return [line.strip()[:120] for line in lines
            if INSTRUCTION.match(line) and "metadata=" not in line and not re.search(r" (parameter|tuple)\(", line)]


def models():
    """(name, file, options of compile): golden programs, each at -O2 and one of -O1 and -O3; networks at all."""
    folder = os.path.join(SHARED, "models", "hlo")
    for number, file in enumerate(sorted(os.listdir(folder))):
        if file.endswith(".hlo") and not file.startswith("syntax_"):  # of odd forms, several a line
            yield file, os.path.join(folder, file), [f"-O{level}" for level in (2, 1 if number % 2 else 3)]
    levels = ["-O1", "-O2", "-O3"]
    for net in ("cnn", "mlp"):
        yield net, os.path.join(SHARED, "models", "digits", net + ".hlo"), levels
    yield "minilm", os.path.join(SHARED, "models", "minilm", "minilm.hlo"), levels


def check_model(folder, name, file, levels):
    path = os.path.join(folder, f"{name}.m.hlo")
    with open(file, encoding="utf-8") as source, open(path, "w", encoding="utf-8") as copy:
        copy.write(with_metadata(source.read()))
    wrong = []
    for level in levels:
        found = nameless(path, [level]) or []
        if level == "-O2":
            found += bare(path, [level])
        wrong += [f"{level} {text}" for text in found]
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--filter", default="")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    if not SHARED:
        print("skip sources of kernels: no golden data (TENON_SHARED)")
        return 0
    chosen = [m for m in models() if re.search(options.filter, m[0])]
    if SANITIZED:
        chosen = chosen[::8]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="tenon-sources-") as folder:
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            jobs = [(name, pool.submit(check_model, folder, name, file, levels)) for name, file, levels in chosen]
        for name, job in jobs:
            wrong = job.result()
            failed += bool(wrong)
            for text in wrong if options.v else wrong[:3]:
                print(f"{name} {text}")
    print(("not ok" if failed else "ok") + f" every kernel of {len(chosen)} models names its source"
          + (f": {failed} do not" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
