#!/usr/bin/env python3
"""Times Tenon beside ONNX Runtime on the same machine, in turns.

    bench/compare.py --tenon build/tenon MODELS... [--rounds 5] [--cpu 0] [--markdown]

A model is a path without suffix: X.hlo, X.weights.npz, X.inputs.npz and X.onnx are read. Both engines run on one thread,
pinned to one processor, and take turns, so that what disturbs the machine disturbs both; the figure is the least of all
runs. Times are wall clock. Needs onnxruntime and numpy in the Python that runs it.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import os
import subprocess
import sys
import time

ONNX = r"""
import sys, time, numpy, onnxruntime
model, inputs, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
start = time.perf_counter()
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
load = time.perf_counter() - start
types = {"tensor(float)": numpy.float32, "tensor(int32)": numpy.int32, "tensor(int64)": numpy.int64}
feeds = {}
generator = numpy.random.default_rng(1)
for value in session.get_inputs():
    shape = [size if isinstance(size, int) else 1 for size in value.shape]
    kind = types[value.type]
    feeds[value.name] = generator.uniform(-1, 1, shape).astype(kind) if kind is numpy.float32 else numpy.ones(shape, kind)
best, runs, begin = 1e9, 0, time.perf_counter()
while runs < 3 or time.perf_counter() - begin < seconds:
    start = time.perf_counter()
    session.run(None, feeds)
    best = min(best, time.perf_counter() - start)
    runs += 1
import resource
print(best * 1e3, load, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def pinned(cpu, words):
    return ["taskset", "-c", str(cpu)] + words


def tenon_time(arguments, model):
    words = [arguments.tenon, "bench", model + ".hlo", "--json", "--runs", str(arguments.runs)]
    if os.path.exists(model + ".weights.npz"):
        words += ["--weights", model + ".weights.npz"]
    done = subprocess.run(pinned(arguments.cpu, words), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["min_ms"]


def tenon_compile(arguments, model):
    out = os.path.join(arguments.scratch, "model.o")
    words = [arguments.tenon, "compile", model + ".hlo", "-o", out, "--json"]
    if os.path.exists(model + ".weights.npz"):
        words += ["--weights", model + ".weights.npz"]
    start = time.perf_counter()
    done = subprocess.run(pinned(arguments.cpu, words), capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout)
    facts["wall"] = time.perf_counter() - start
    return facts


def onnx_time(arguments, model):
    words = [sys.executable, "-c", ONNX, model + ".onnx", model + ".inputs.npz", str(arguments.seconds)]
    done = subprocess.run(pinned(arguments.cpu, words), capture_output=True, text=True, check=True)
    best, load, memory = map(float, done.stdout.split())
    return best, load, memory


def measure(arguments, model):
    ours, theirs, load, memory = 1e9, 1e9, 0.0, 0.0
    for _ in range(arguments.rounds):
        ours = min(ours, tenon_time(arguments, model))
        best, load, memory = onnx_time(arguments, model)
        theirs = min(theirs, best)
    return ours, theirs, load, memory, tenon_compile(arguments, model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tenon", default="build/tenon")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=50, help="runs of ours in a round")
    parser.add_argument("--seconds", type=float, default=1.0, help="of theirs in a round")
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--scratch", default="/tmp")
    arguments = parser.parse_args()
    print("| model | Tenon ms | ONNX Runtime ms | ratio | arena MB | compile s | peak MB | ORT load s | ORT peak MB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for model in arguments.models:
        ours, theirs, load, memory, facts = measure(arguments, model)
        print(f"| {os.path.basename(model)} | {ours:.4g} | {theirs:.4g} | {ours / theirs:.2f} "
              f"| {facts['arena_bytes'] / 1e6:.2f} | {facts['wall']:.2f} | {facts['peak_rss_bytes'] / 1e6:.0f} "
              f"| {load:.2f} | {memory / 1e6:.0f} |", flush=True)


if __name__ == "__main__":
    main()
