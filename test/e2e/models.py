#!/usr/bin/env python3
"""The golden programs of $TENON_SHARED/models/hlo through the command.

    test/e2e/models.py [--backend eval,plan,cpu] [--filter REGEX] [--at-least plan=250]

Each program runs on each backend with the inputs, answers and tolerances that come with
it. The evaluator must be right on all of them; the other backends may end with status 4
(the opcode or type is not supported natively), but not on more than leaves the number
wanted of them. Python's standard library only.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

LEAST = {"eval": 447, "plan": 250, "cpu": 250}


def command(tenon, folder, name, entry, backend):
    npz = os.path.join(folder, entry["npz"])
    words = [tenon, "run", os.path.join(folder, entry["hlo"]), "--in", npz, "--expect", npz, f"--backend={backend}"]
    for i, output in enumerate(entry["outputs"]):
        words += [f"--rtol=r{i}={output['rtol']!r}", f"--atol=r{i}={output['atol']!r}"]
    return words


def run(words):
    """Status and messages; a signal is a negative status."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return done.returncode, done.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return -1, "no end after 120 s\n"


def run_backend(tenon, folder, programs, backend):
    """How many passed; prints a line for each program that did not end with 0 or 4."""
    passed, refused = 0, 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        jobs = {name: pool.submit(run, command(tenon, folder, name, entry, backend))
                for name, entry in programs.items()}
    for name, job in jobs.items():
        status, messages = job.result()
        if status == 0:
            passed += 1
        elif status == 4 and backend != "eval":
            refused += 1
        else:
            print(f"not ok {backend} {name}\nstatus {status}\n{messages}", end="")
            continue
        print(f"ok {backend} {name}" + (" (refused)" if status else ""))
    print(f"{backend}: {passed} right, {refused} refused, {len(programs) - passed - refused} wrong", file=sys.stderr)
    return passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="eval,plan,cpu")
    parser.add_argument("--filter", default="")
    options = parser.parse_args()
    shared = os.environ.get("TENON_SHARED")
    if not shared:
        required = os.environ.get("TENON_REQUIRE_SHARED") == "1"
        print(("not ok" if required else "skip") + " golden programs: no golden data (TENON_SHARED)")
        return int(required)
    folder = os.path.join(shared, "models", "hlo")
    with open(os.path.join(folder, "index.json")) as index:
        programs = {name: entry for name, entry in json.load(index)["programs"].items()
                    if re.search(options.filter, name)}
    for backend in options.backend.split(","):
        passed = run_backend(os.environ.get("TENON", "tenon"), folder, programs, backend)
        if not options.filter:
            print(("ok" if passed >= LEAST[backend] else "not ok") + f" {backend}: at least {LEAST[backend]} programs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
