#!/usr/bin/env python3
"""What each family of passes gains: every model with the whole pipeline and without one family, in turns.

    bench/gains.py --tenon build/tenon MODELS... [--rounds 3] [--runs 8] [--cpu 0] [--family NAME]

A model is a path without suffix: X.hlo, and X.weights.npz where it is there. Prints Markdown: a row for each family, for
each model the time without the family over the time with it (above 1: the family gains), then steps and bytes of the
arena where they differ. One thread, pinned; the least of all runs. `quantized-products` and `block-sparse` do nothing in
float networks, and `recognise` gives names alone: they are not among the families.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

FAMILIES = {
    "clean-up": ["cse", "dead-parameters", "share-computations", "conditional-simplify", "drop-barriers"],
    "loops": ["while-motion", "while-trip-count", "while-unroll", "while-dead-state", "loop-products"],
    "folding": ["constant-folding", "fold-closed"],
    "shapes": ["simplify-shape", "simplify-slice", "simplify-gather", "simplify-window"],
    "arithmetic": ["simplify-convert", "simplify-logic", "simplify-arithmetic", "simplify-reduce"],
    "dots": ["simplify-dot"],
    "layout": ["layout-assignment"],
    "merge-dots": ["merge-dots"],
    "fusion": ["fusion", "sort-fusion"],
}


def run(arguments, verb, model, without, *words):
    command = ["taskset", "-c", str(arguments.cpu), arguments.tenon, verb, model + ".hlo", "--json", *words]
    command += ["--disable-pass=" + name for name in without]
    if os.path.exists(model + ".weights.npz"):
        command += ["--weights", model + ".weights.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return None
    return json.loads(done.stdout)


class Cell:
    """One model without one family: its compile facts, and the least of its times so far."""

    def __init__(self, arguments, model, without):
        self.model, self.without, self.best = model, without, float("inf")
        with tempfile.TemporaryDirectory() as scratch:
            self.facts = run(arguments, "compile", model, without, "-o", os.path.join(scratch, "model.o"))

    def time(self, arguments):
        facts = self.facts and run(arguments, "bench", self.model, self.without, "--runs", str(arguments.runs))
        if facts:
            self.best = min(self.best, facts["min_ms"])

    def text(self, whole):
        if not self.facts:
            return "refused"
        text = f"{self.best / whole.best:.2f}"
        for key, unit, name in (("steps", 1, "steps"), ("arena_bytes", 1e6, "MB")):
            if self.facts[key] != whole.facts[key]:
                text += f", {self.facts[key] / unit:.3g} {name}"
        return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tenon", default="build/tenon")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    arguments = parser.parse_args()
    families = {"–": []} | {name: FAMILIES[name] for name in arguments.family or FAMILIES}
    columns = []
    for model in arguments.models:
        cells = {name: Cell(arguments, model, without) for name, without in families.items()}
        for _ in range(arguments.rounds):
            for cell in cells.values():
                cell.time(arguments)
        columns.append(cells)
        print(os.path.basename(model), f"{cells['–'].best:.3f} ms", file=sys.stderr)
    print("| without | " + " | ".join(os.path.basename(model) for model in arguments.models) + " |")
    print("|---" * (len(columns) + 1) + "|")
    whole = [f"{c['–'].best:.3g} ms, {c['–'].facts['steps']} steps, {c['–'].facts['arena_bytes'] / 1e6:.3g} MB" for c in columns]
    print("| – | " + " | ".join(whole) + " |")
    for name in families:
        if name != "–":
            print(f"| {name} | " + " | ".join(c[name].text(c["–"]) for c in columns) + " |")


if __name__ == "__main__":
    main()
