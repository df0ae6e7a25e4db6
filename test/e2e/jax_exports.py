#!/usr/bin/env python3
"""What users of JAX export: the unoptimised modules of functions of jnp, lax, nn, fft and random, their
gradients, batches and loops, in test/e2e/jax. The backends agree on each, on random arguments.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import concurrent.futures
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SANITIZED, Failure, check, run_tests, tenon

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jax")
VARIANTS = [[], ["-O0"], ["--target=x86-64-v2", "--threads=3"]]


def compare(path):
    try:
        for seed, variant in enumerate(VARIANTS[:1] if SANITIZED else VARIANTS):
            backends = "eval,plan,cpu" if not variant else "plan,cpu"
            exact = ["--rtol=0", "--atol=0"] if variant else []
            tenon("run", path, "--in", f"random:{seed + 1}", f"--backend={backends}", *exact, *variant)
    except Failure as failure:
        return str(failure)
    return None


def functions_exported_by_jax(folder):
    del folder
    paths = sorted(glob.glob(os.path.join(FOLDER, "*.hlo")))
    check(len(paths) >= 150, f"{len(paths)} programs in {FOLDER}")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [message for message in pool.map(compare, paths) if message]
    check(not wrong, "\n".join(wrong[:5]))


if __name__ == "__main__":
    run_tests([functions_exported_by_jax])
