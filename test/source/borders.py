#!/usr/bin/env python3
"""The borders between the layers: every #include is one that docs/architecture.md allows.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import ROOT, source_files

# Layer: the folders whose headers it may include, its own apart.
COMMON = ["base", "target", "include/tenon/diagnostic.h"]
ALLOWED = {
    "base": ["target", "include/tenon/diagnostic.h"],
    "target": ["base", "include/tenon/diagnostic.h"],
    "ir": COMMON,
    "frontend": COMMON + ["ir"],
    "passes": COMMON + ["ir"],
    "codegen/plan": COMMON + ["ir", "include/tenon/runtime.h"],
    "codegen/cpu": COMMON + ["ir", "codegen/plan", "include/tenon/runtime.h"],
    "codegen/systolic": COMMON + ["ir", "codegen/plan", "include/tenon/runtime.h"],
    "runtime": COMMON + ["include/tenon/runtime.h", "include/tenon/pool.h", "include/tenon/device.h"],
    "driver": COMMON + ["ir", "frontend", "passes", "codegen", "runtime", "include/tenon"],
    "tools": ["base", "target", "include/tenon"],
    "include/tenon": [],
    "examples": ["include/tenon"],
}
# Headers of libraries, and the one place that may include them.
LIBRARIES = {"llvm-c/": "codegen/cpu", "ffi.h": "driver", "jansson.h": "tools", "zlib.h": "base", "xxhash.h": "base"}


def layer_of(path):
    fits = [layer for layer in ALLOWED if path == layer or path.startswith(layer + "/")]
    return max(fits, key=len) if fits else None


def resolve(path, name, quoted):
    """The included file relative to the root, or None if it is not the project's."""
    places = ["", "include"] + ([os.path.dirname(path)] if quoted else [])
    for place in places:
        candidate = os.path.normpath(os.path.join(place, name))
        if os.path.exists(os.path.join(ROOT, candidate)):
            return candidate
    return None


def check(path, layer, line_number, name, quoted):
    target = resolve(path, name, quoted)
    if target is None:
        for prefix, home in LIBRARIES.items():
            if name.startswith(prefix) and layer != home:
                return f"{path}:{line_number}: {name} belongs to {home} alone"
        return None
    if layer_of(target) == layer:
        return None
    if target.endswith("_private.h"):
        return f"{path}:{line_number}: {target} is for {layer_of(target)} alone"
    for allowed in ALLOWED[layer]:
        if target == allowed or target.startswith(allowed + "/"):
            return None
    return f"{path}:{line_number}: {layer} may not include {target}"


def main():
    offences = {layer: [] for layer in ALLOWED}
    for path in source_files(".c", ".h", ".def"):
        layer = layer_of(path)
        if layer is None:
            continue
        with open(os.path.join(ROOT, path), errors="replace") as text:
            for number, line in enumerate(text, 1):
                match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
                if match:
                    offence = check(path, layer, number, match[2], match[1] == '"')
                    if offence:
                        offences[layer].append(offence)
    for layer, found in offences.items():
        print(("not ok " if found else "ok ") + f"borders of {layer}")
        for offence in found:
            print(offence)
    return 1 if any(offences.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
