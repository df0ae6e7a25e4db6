#!/usr/bin/env python3
"""Times what goes by indices, and factorisations, beside JAX (XLA) on the same machine: one thread, pinned to one
processor, in turns.

    bench/indexed.py --tenon build/tenon [--rounds 3] [--cpu 0] [--filter TEXT]

Each figure is the least of all runs, in milliseconds. Programs are what JAX exports, inputs the same kind of data. Needs
numpy and jax in the Python that runs it.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

# Name, a JAX function, its arguments' shapes and types, an HLO program (None: what JAX exports).
RAGGED = """HloModule m

ENTRY main {
  a = f32[2048,512] parameter(0)
  w = f32[16,512,1024] parameter(1)
  g = s32[16] parameter(2)
  ROOT y = f32[2048,1024] ragged-dot(a, w, g), lhs_contracting_dims={1}, rhs_contracting_dims={1}, lhs_ragged_dims={0}, rhs_group_dims={0}
}
"""
CHOLESKY = """HloModule m

ENTRY main {
  a = f32[SIZE,SIZE] parameter(0)
  ROOT y = f32[SIZE,SIZE] cholesky(a), lower=true
}
"""
SOLVE = """HloModule m

ENTRY main {
  a = f32[SIZE,SIZE] parameter(0)
  b = f32[SIZE,SIZE] parameter(1)
  ROOT y = f32[SIZE,SIZE] triangular-solve(a, b), left_side=true, lower=true, unit_diagonal=false, transpose_a=NO_TRANSPOSE
}
"""
CASES = [
    ("argmax 64×32000", "lambda x: jnp.argmax(x, 1)", [("f", 64, 32000)], None),
    ("rows of a table, 512 of 32000×768", "lambda t, i: jnp.take(t, i, 0)", [("f", 32000, 768), ("i32000", 512)], None),
    ("segment sum 4096×768 into 1024", "lambda x, i: jax.ops.segment_sum(x, i, 1024)",
     [("f", 4096, 768), ("i1024", 4096)], None),
    ("histogram of 1000000 in 1024", "lambda i: jnp.zeros(1024, 'int32').at[i].add(1)", [("i1024", 1000000)], None),
    ("ragged dot 2048×512, 16 × 512×1024", "lax.ragged_dot", [("f", 2048, 512), ("f", 16, 512, 1024), ("g128", 16)], RAGGED),
    ("gradient of max 2×2, 8×112²×64", "lambda x: jax.grad(lambda x: pool(x, 2, 'VALID'))(x)", [("f", 8, 112, 112, 64)], None),
    ("gradient of max 3×3 by 2, 8×112²×64", "lambda x: jax.grad(lambda x: pool(x, 3, 'SAME'))(x)",
     [("f", 8, 112, 112, 64)], None),
    ("cholesky 64", "lax.linalg.cholesky", [("p", 64, 64)], CHOLESKY.replace("SIZE", "64")),
    ("cholesky 1024", "lax.linalg.cholesky", [("p", 1024, 1024)], CHOLESKY.replace("SIZE", "1024")),
    ("triangular solve 1024, 1024 columns",
     "lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True)", [("p", 1024, 1024), ("f", 1024, 1024)],
     SOLVE.replace("SIZE", "1024")),
]

# Makes the arguments and, where asked to, the program; times the function.
JAX = r"""
import json, os, sys, time
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
import numpy, jax, jax.numpy as jnp
from jax import lax
folder, expression, shapes = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
random = numpy.random.default_rng(1)
def pool(x, size, padding):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, 2, 2, 1), padding).sum()
def make(kind, *dims):
    if kind[0] == "i": return random.integers(0, int(kind[1:]), dims).astype("int32")
    if kind[0] == "g": return numpy.full(dims, int(kind[1:]), "int32")
    x = random.uniform(-1, 1, dims).astype("float32")
    return x if kind == "f" else (numpy.tril(x) * 0.01 + 2 * numpy.eye(dims[0])).astype("float32")
arguments = [make(*shape) for shape in shapes]
function = jax.jit(eval(expression))
numpy.savez(folder + "/in.npz", **{f"p{i}": a for i, a in enumerate(arguments)})
with open(folder + "/exported.hlo", "w") as file:
    file.write(function.lower(*arguments).compiler_ir("hlo").as_hlo_text())
placed = [jax.device_put(a) for a in arguments]
function(*placed).block_until_ready()
best, end = 1e9, time.perf_counter() + 1
while time.perf_counter() < end:
    start = time.perf_counter()
    function(*placed).block_until_ready()
    best = min(best, time.perf_counter() - start)
print(best * 1e3)
"""


def measure(options, case, folder):
    _, expression, shapes, program = case
    pin = ["taskset", "-c", str(options.cpu)]
    words = pin + [sys.executable, "-c", JAX, folder, expression, json.dumps(shapes)]
    other = float(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1])
    path = os.path.join(folder, "exported.hlo")
    if program:
        with open(path, "w") as file:
            file.write(program)
    words = pin + [options.tenon, "bench", path, "--in", os.path.join(folder, "in.npz"), "--json"]
    ours = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)["min_ms"]
    return ours, other


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tenon", default="build/tenon")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--filter", default="")
    options = parser.parse_args()
    print("| | Tenon ms | JAX ms |\n|---|--:|--:|")
    for case in CASES:
        if options.filter not in case[0]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rounds = [measure(options, case, folder) for _ in range(options.rounds)]
        ours, other = (min(r[i] for r in rounds) for i in range(2))
        print(f"| {case[0]} | {ours:.3g} | {other:.3g} |", flush=True)


main()
