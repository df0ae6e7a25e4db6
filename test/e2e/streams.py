#!/usr/bin/env python3
"""Spoilt streams through reader, verifier and devices: test/streams, a short run.

They are refused or run within their bounds, about which AddressSanitizer has the word. Some are made from random
streams, some from compiled ones. By hand:

    BUILD/test/streams/mutated_streams --seed 1000 --count 10000 [FILE.tns …]

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys
import tempfile


def tool(name, *arguments):
    program = os.path.join(os.environ["TENON_BUILD"], "test", "streams", name)
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(what, seed, count, files=()):
    done = tool("mutated_streams", "--seed", str(seed), "--count", str(count), *files)
    print(f"{'ok' if done.returncode == 0 else 'not ok'} {what}")
    if done.returncode != 0:
        print(f"status {done.returncode}\n{done.stdout[:20000]}")
    return done.returncode == 0


def main():
    count = 1000 if os.environ.get("TENON_SANITIZED") else 2000
    good = run("spoilt random streams", 1, count)
    with tempfile.TemporaryDirectory() as folder:
        tool("random_arrays", "--seed", "7", "--count", "20", "--keep", folder)
        files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        good = run("spoilt compiled streams", 2, count if files else 0, files) and len(files) == 20 and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
