#!/usr/bin/env python3
"""Times sorting beside NumPy and JAX on the same machine: one thread, pinned to one processor, in turns.

    bench/sort.py --tenon build/tenon [--rounds 3] [--cpu 0] [--markdown]

Each figure is the least of all runs, in milliseconds. The programs are as JAX exports them: the comparator makes zeros
equal, and NaNs, then compares by totalOrder. NumPy's columns: sort (its order of equals is not defined), and the stable
one, which is what the others do. Needs numpy, and jax for its column, in the Python that runs it.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

KEY = """  nan = f32[] constant(nan)
  zero = f32[] constant(0)
  an = pred[] compare(a, a), direction=NE
  az = pred[] compare(a, zero), direction=EQ
  a1 = f32[] select(az, zero, a)
  a2 = f32[] select(an, nan, a1)
  bn = pred[] compare(b, b), direction=NE
  bz = pred[] compare(b, zero), direction=EQ
  b1 = f32[] select(bz, zero, b)
  b2 = f32[] select(bn, nan, b1)
"""
PAIR = "  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n"
INDEX = PAIR + "  i = s32[] parameter(2)\n  j = s32[] parameter(3)\n"
TOTAL = "  ROOT r = pred[] compare(a2, b2), direction=LT, type=TOTALORDER\n"
LEXICAL = """  less = pred[] compare(a2, b2), direction=LT, type=TOTALORDER
  same = pred[] compare(a2, b2), direction=EQ, type=TOTALORDER
  next = pred[] compare(i, j), direction=LT
  both = pred[] and(same, next)
  ROOT r = pred[] or(less, both)
"""


def program(comparator, entry):
    return f"HloModule m\n\nless {{\n{comparator}}}\n\nENTRY main {{\n{entry}}}\n"


def sort(rows, size, dim=1):
    return program(PAIR + KEY + TOTAL, f"  x = f32[{rows},{size}] parameter(0)\n"
                   f"  ROOT r = f32[{rows},{size}] sort(x), dimensions={{{dim}}}, is_stable=true, to_apply=less\n")


def argsort(rows, size, comparator=INDEX + KEY + TOTAL):
    return program(comparator, f"""  x = f32[{rows},{size}] parameter(0)
  i = s32[{rows},{size}] iota(), iota_dimension=1
  s = (f32[{rows},{size}], s32[{rows},{size}]) sort(x, i), dimensions={{1}}, is_stable=true, to_apply=less
  ROOT r = s32[{rows},{size}] get-tuple-element(s), index=1
""")


def top(rows, size, k):
    return (f"HloModule m\n\nENTRY main {{\n  x = f32[{rows},{size}] parameter(0)\n"
            f"  ROOT r = (f32[{rows},{k}], s32[{rows},{k}]) topk(x), k={k}, largest=true\n}}\n")


# Name, program, NumPy's expression and its stable form, JAX's; x is f32[rows, size].
CASES = [
    ("sort 1×1000000", sort(1, 1000000), (1, 1000000), "numpy.sort(x)", "numpy.sort(x, kind='stable')", "jnp.sort(x)"),
    ("sort 1000×1000", sort(1000, 1000), (1000, 1000), "numpy.sort(x)", "numpy.sort(x, kind='stable')", "jnp.sort(x)"),
    ("sort 10000×100", sort(10000, 100), (10000, 100), "numpy.sort(x)", "numpy.sort(x, kind='stable')", "jnp.sort(x)"),
    ("sort 60000×16", sort(60000, 16), (60000, 16), "numpy.sort(x)", "numpy.sort(x, kind='stable')", "jnp.sort(x)"),
    ("sort columns 1000×1000", sort(1000, 1000, 0), (1000, 1000), "numpy.sort(x, 0)", "numpy.sort(x, 0, kind='stable')",
     "jnp.sort(x, axis=0)"),
    ("argsort 1×1000000", argsort(1, 1000000), (1, 1000000), "numpy.argsort(x)", "numpy.argsort(x, kind='stable')",
     "jnp.argsort(x)"),
    ("argsort 1000×1000", argsort(1000, 1000), (1000, 1000), "numpy.argsort(x)", "numpy.argsort(x, kind='stable')",
     "jnp.argsort(x)"),
    ("two keys 1000×1000", argsort(1000, 1000, INDEX + KEY + LEXICAL), (1000, 1000), None, None,
     "jax.lax.sort((x, jnp.broadcast_to(jnp.arange(1000), (1000, 1000))), num_keys=2)"),
    ("top 5 of 20×50000", top(20, 50000, 5), (20, 50000), "numpy.argpartition(x, -5)", None, "jax.lax.top_k(x, 5)"),
    ("top 100 of 20×50000", top(20, 50000, 100), (20, 50000), "numpy.argpartition(x, -100)", None,
     "jax.lax.top_k(x, 100)"),
]

OTHERS = r"""
import os, sys, time
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
import numpy
rows, size, runs, expression = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
x = numpy.random.default_rng(1).uniform(-1, 1, (rows, size)).astype(numpy.float32)
if "j" in expression.split(".")[0]:
    import jax
    import jax.numpy as jnp
    function = jax.jit(eval("lambda x: " + expression))
    given = jnp.asarray(x)
    call = lambda: jax.block_until_ready(function(given))
else:
    function = eval("lambda x: " + expression)
    call = lambda: function(x)
call()
best = 1e9
for _ in range(runs):
    start = time.perf_counter()
    call()
    best = min(best, time.perf_counter() - start)
print(best * 1e3)
"""


def time_other(arguments, shape, expression):
    if not expression:
        return None
    words = [sys.executable, "-c", OTHERS, str(shape[0]), str(shape[1]), str(arguments.runs), expression]
    done = subprocess.run(["taskset", "-c", str(arguments.cpu)] + words, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def time_tenon(arguments, folder, text):
    path = os.path.join(folder, "m.hlo")
    with open(path, "w") as file:
        file.write(text)
    words = [arguments.tenon, "bench", path, "--json", "--runs", str(3 * arguments.runs)]
    done = subprocess.run(["taskset", "-c", str(arguments.cpu)] + words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["min_ms"]


def least(a, b):
    return b if a is None else a if b is None else min(a, b)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tenon", default="build/tenon")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    separator = " | " if arguments.markdown else "  "
    names = ["", "Tenon ms", "NumPy", "stable", "JAX"]
    print(separator.join(f"{name:>24}" if i == 0 else f"{name:>9}" for i, name in enumerate(names)))
    with tempfile.TemporaryDirectory() as folder:
        for name, text, shape, *expressions in CASES:
            times = [None] * 4
            for _ in range(arguments.rounds):
                times[0] = least(times[0], time_tenon(arguments, folder, text))
                for i, expression in enumerate(expressions):
                    times[i + 1] = least(times[i + 1], time_other(arguments, shape, expression))
            figures = ["" if t is None else f"{t:.2f}" for t in times]
            print(separator.join([f"{name:>24}"] + [f"{figure:>9}" for figure in figures]), flush=True)


if __name__ == "__main__":
    main()
