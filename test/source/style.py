#!/usr/bin/env python3
"""What every source file keeps to: its licence line, its size, no stray whitespace, and
nothing that is true on one machine alone.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import ROOT, source_files

CODE = (".c", ".h", ".def", ".py")
MOST_LINES = 800
MOST_COLUMNS = 120  # of C; comments and tables go beyond the formatter's 110


def licence(path, text):
    if path.endswith(".def") or "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception" in text:
        return None
    return f"{path}: no SPDX line"


def size(path, text):
    lines = text.count("\n")
    return f"{path}: {lines} lines" if lines > MOST_LINES and not path.endswith(".def") else None


def width(path, text):
    if not path.endswith((".c", ".h")):
        return None
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MOST_COLUMNS:
            return f"{path}:{number}: {len(line)} columns"
    return None


def whitespace(path, text):
    found = re.search(r"[ \t]+$|\t| *\r$", text, re.MULTILINE)
    return f"{path}:{text.count(chr(10), 0, found.start()) + 1}: a tab or blanks at the line's end" if found else None


def places(path, text):
    found = re.search(r"[\"' (](/home/|/work/|/Users/|/root/)", text)
    if not found or path.endswith("style.py"):
        return None
    return f"{path}:{text.count(chr(10), 0, found.start()) + 1}: a path of one machine"


def main():
    offences = {rule: [] for rule in (licence, size, width, whitespace, places)}
    for path in source_files(*CODE):
        with open(os.path.join(ROOT, path), errors="replace") as file:
            text = file.read()
        for rule, found in offences.items():
            offence = rule(path, text)
            if offence:
                found.append(offence)
    for rule, found in offences.items():
        print(("not ok " if found else "ok ") + f"style: {rule.__name__}")
        for offence in found:
            print(offence)
    return 1 if any(offences.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
