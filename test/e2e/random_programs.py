#!/usr/bin/env python3
"""Random programs through evaluator, plan and native code: test/random, a short run.

Each hundred seeds is a test; what differs is printed, shrunk. By hand:

    BUILD/test/random/random_programs --seed 1000 --count 5000 --coverage

Under sanitizers, which find other things, fewer seeds are enough.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys


def run(first, count, seconds):
    program = os.path.join(os.environ["TENON_BUILD"], "test", "random", "random_programs")
    command = [program, "--seed", str(first), "--count", str(count), "--seconds", str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = done.stdout.rstrip().splitlines()
    summary = lines[-1] if lines else f"status {done.returncode}"
    print(f"{'ok' if done.returncode == 0 else 'not ok'} seeds from {first}")
    if done.returncode != 0:
        print(done.stdout if len(done.stdout) < 20000 else done.stdout[:20000] + "\n" + summary)
    return done.returncode == 0


def main():
    sanitized = bool(os.environ.get("TENON_SANITIZED"))
    batches = [(1, 60, 60)] if sanitized else [(seed, 100, 40) for seed in range(1, 601, 100)]
    return 0 if all([run(*batch) for batch in batches]) else 1


if __name__ == "__main__":
    sys.exit(main())
