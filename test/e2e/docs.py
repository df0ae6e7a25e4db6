#!/usr/bin/env python3
"""What the build says about itself stands in docs/ as it is now.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys

ROOT = os.environ.get("TENON_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ["TENON_BUILD"]


def opcodes():
    done = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "update-docs"), BUILD, "--check"],
                          capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def main():
    failed = False
    for name, test in (("the table of opcodes is up to date", opcodes),):
        problem = test()
        print(("not ok " if problem else "ok ") + name)
        if problem:
            print(problem)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
