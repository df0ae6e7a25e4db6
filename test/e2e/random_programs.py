#!/usr/bin/env python3
"""A short run of the random programs: evaluator, plan interpreter and native code on
several numbers of threads. By hand: BUILD/test/random/random_programs --count 5000.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import BUILD, SANITIZED


def main():
    program = os.path.join(BUILD, "test", "random", "random_programs")
    count = 40 if SANITIZED else 300
    done = subprocess.run([program, "--seed", "1", "--count", str(count)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500)
    print(("not ok" if done.returncode else "ok") + f" {count} random programs")
    if done.returncode:
        print(f"status {done.returncode}\n" + done.stdout.decode("utf-8", "replace")[-6000:])


if __name__ == "__main__":
    main()
