#!/usr/bin/env python3
"""Spoilt streams through reader, verifier and devices: test/streams, a short run.

They are refused or run within their bounds, about which AddressSanitizer has the word. By hand:

    BUILD/test/streams/mutated_streams --seed 1000 --count 10000

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys


def run(seed, count):
    program = os.path.join(os.environ["TENON_BUILD"], "test", "streams", "mutated_streams")
    command = [program, "--seed", str(seed), "--count", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(f"{'ok' if done.returncode == 0 else 'not ok'} spoilt streams of seed {seed}")
    if done.returncode != 0:
        print(f"status {done.returncode}\n{done.stdout[:20000]}")
    return done.returncode == 0


def main():
    count = 1500 if os.environ.get("TENON_SANITIZED") else 2000
    return 0 if all([run(seed, count) for seed in (1, 2)]) else 1


if __name__ == "__main__":
    sys.exit(main())
