#!/usr/bin/env python3
"""Random modules on random arrays: test/streams/arrays.c, a short run.

The streams verify, the functional device gives the evaluator's bits, the timed device's cycles add up, and 95 % of 400
forecasts are within 15 % of them (the same wherever it is built, so asked once). By hand:

    BUILD/test/streams/random_arrays --seed 1000 --count 10000 --forecast

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys


def main():
    program = os.path.join(os.environ["TENON_BUILD"], "test", "streams", "random_arrays")
    if os.environ.get("TENON_SANITIZED"):
        command = [program, "--count", "120"]
    else:
        command = [program, "--count", "400", "--forecast", "--within", "15"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(f"{'ok' if done.returncode == 0 else 'not ok'} modules on arrays")
    if done.returncode != 0:
        print(f"status {done.returncode}\n{done.stdout[:20000]}")
    return 0 if done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
