#!/usr/bin/env python3
"""Faults planted in the compiler are found by random programs and shrunk to few instructions: test/random/planted.

Under sanitizers nothing more would be seen.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys


def main():
    if os.environ.get("TENON_SANITIZED"):
        print("skip planted faults: under sanitizers")
        return 0
    program = os.path.join(os.environ["TENON_BUILD"], "test", "random", "random_planted")
    done = subprocess.run([program, "--most", "5"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in done.stdout.splitlines():
        # The name of a test stands before the first number.
        print(line.split(":")[0] + ":" + line.split(":")[1] if line.startswith(("ok ", "not ok ")) else line)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
