#!/usr/bin/env python3
"""The golden programs of $TENON_SHARED/models/hlo through the command.

    test/e2e/models.py [--backend LIST] [--filter REGEX] [options of `tenon run`]

Each program runs with the inputs, answers and tolerances that come with it. The evaluator must be right on all of them;
the other backends may end with status 4 (the opcode or type is not supported natively), but not on more than leaves the
number wanted of them. Schedules drawn at random add in other orders, which the answers' tolerances do not allow for: there
the backends are compared with each other, bit for bit. Python's standard library only.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

# Golden results that contradict another one: not compared.
CONTRADICTED = {"denormals_maximum": "it has +0 for maximum(-0, -0), the program 'maximum' -0"}

# How many programs a list of backends runs: all of them.
LEAST = {"eval": 446, "plan": 446, "cpu": 446, "cpu,plan": 446}

# What runs when nothing is asked for: backends (a list: compared bit for bit, too) and
# options that change the code but not the results; the first of them also under sanitizers.
VARIANTS = [("eval", []), ("cpu,plan", []), ("cpu,plan", ["-O0", "--target=x86-64-v2", "--threads=3"]),
            ("cpu,plan", ["-O0"]), ("cpu,plan", ["--schedule-seed=1"]), ("cpu,plan", ["--target=x86-64-v2"]),
            ("cpu,plan", ["--target=x86-64-v3", "--threads=2"]), ("cpu,plan", ["-O0", "--target=x86-64-v3"])]
SANITIZED = 3


def command(tenon, folder, entry, backend, extra):
    npz = os.path.join(folder, entry["npz"])
    words = [tenon, "run", os.path.join(folder, entry["hlo"]), "--in", npz, f"--backend={backend}", *extra]
    if any(word.startswith("--schedule-seed") for word in extra):
        return words
    words += ["--expect", npz]
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


def run_backend(tenon, folder, programs, backend, extra):
    """How many passed; prints a line for each program."""
    label = " ".join([backend] + extra)
    passed, refused = 0, 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        jobs = {name: pool.submit(run, command(tenon, folder, entry, backend, extra))
                for name, entry in programs.items() if name not in CONTRADICTED}
    for name, job in jobs.items():
        status, messages = job.result()
        if status == 0:
            passed += 1
        elif status == 4 and backend != "eval":
            refused += 1
        else:
            print(f"not ok {label} {name}\nstatus {status}\n{messages}", end="")
            continue
        print(f"ok {label} {name}" + (" (refused)" if status else ""))
    for name in set(programs) & set(CONTRADICTED):
        print(f"skip {label} {name}: {CONTRADICTED[name]}")
    print(f"{label}: {passed} right, {refused} refused, {len(jobs) - passed - refused} wrong", file=sys.stderr)
    return passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", help="one backend, or a list that is compared")
    parser.add_argument("--filter", default="", help="only programs whose name matches")
    options, extra = parser.parse_known_args()
    shared = os.environ.get("TENON_SHARED")
    if not shared:
        required = os.environ.get("TENON_REQUIRE_SHARED") == "1"
        print(("not ok" if required else "skip") + " golden programs: no golden data (TENON_SHARED)")
        return int(required)
    folder = os.path.join(shared, "models", "hlo")
    with open(os.path.join(folder, "index.json")) as index:
        programs = {name: entry for name, entry in json.load(index)["programs"].items()
                    if re.search(options.filter, name)}
    variants = [(options.backend, extra)] if options.backend else VARIANTS
    if os.environ.get("TENON_SANITIZED") and not options.backend:
        variants = VARIANTS[:SANITIZED]
    for backend, words in variants:
        passed = run_backend(os.environ.get("TENON", "tenon"), folder, programs, backend, words)
        if not options.filter and backend in LEAST:
            enough = passed >= LEAST[backend]
            print(("ok " if enough else "not ok ") + " ".join([backend] + words) + f": at least {LEAST[backend]} programs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
