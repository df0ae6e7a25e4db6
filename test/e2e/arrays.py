#!/usr/bin/env python3
"""Random modules on random arrays: test/streams/arrays.c, a short run.

The streams verify, the functional device gives the evaluator's bits, the timed device's cycles add up, and 95 % of the
forecasts are within 15 % of them. By hand:

    BUILD/test/streams/random_arrays --seed 1000 --count 10000 --forecast

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys


def run(first, count):
    program = os.path.join(os.environ["TENON_BUILD"], "test", "streams", "random_arrays")
    command = [program, "--first", str(first), "--count", str(count), "--forecast", "--within", "15"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(f"{'ok' if done.returncode == 0 else 'not ok'} modules on arrays from {first}")
    if done.returncode != 0:
        print(f"status {done.returncode}\n{done.stdout[:20000]}")
    return done.returncode == 0


def main():
    count = 30 if os.environ.get("TENON_SANITIZED") else 100
    return 0 if all([run(first, count) for first in range(0, 4 * count, count)]) else 1


if __name__ == "__main__":
    sys.exit(main())
