#!/usr/bin/env python3
"""Constants without their zero blocks, against the evaluator and against the dense product: shapes
around bands, vectors and tails, types, both orders of the matrix, targets, schedules, threads.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import check, run_tests, tenon

VARIANTS = [["--target=x86-64-v2", "--threads=3"], ["--target=x86-64-v3"], ["--threads=2"], ["--schedule-seed=1"],
            ["--schedule-seed=2", "--target=x86-64-v3"], ["-O1", "--threads=8"]]


def matrix(dice, rows, columns, zeros):
    """Rows of small integers; of the blocks of four columns that share is zero."""
    lines = []
    for _ in range(rows):
        line = []
        for _ in range(columns // 4):
            block = [0] * 4 if dice.random() < zeros else [dice.randint(-8, 8) for _ in range(4)]
            line += block
        lines.append(line)
    return lines


def text(values):
    return "{" + ", ".join(text(value) if isinstance(value, list) else str(value) for value in values) + "}"


def program(folder, dims, depth, columns, zeros, kind="f32", turned=False, epilogue=True, seed=1):
    values = matrix(random.Random(seed), depth, columns, zeros)
    shape = f"{kind}[{depth},{columns}]"
    if turned:
        values = [list(line) for line in zip(*values)]
        shape = f"{kind}[{columns},{depth}]"
    left, result = ",".join(map(str, dims + [depth])), ",".join(map(str, dims + [columns]))
    lines = [f"x = {kind}[{left}] parameter(0)", f"w = {shape} constant({text(values)})",
             f"d = {kind}[{result}] dot(x, w), lhs_contracting_dims={{{len(dims)}}}, "
             f"rhs_contracting_dims={{{int(turned)}}}"]
    if epilogue:
        lines += [f"b = {kind}[{columns}] parameter(1)",
                  f"s = {kind}[{result}] broadcast(b), dimensions={{{len(dims)}}}",
                  f"a = {kind}[{result}] add(d, s)", f"r = {kind}[{result}] maximum(a, d)"]
    path = os.path.join(folder, f"{kind}_{depth}_{columns}_{'_'.join(map(str, dims))}.hlo")
    with open(path, "w") as file:
        file.write("HloModule sparse\n\nENTRY main {\n" + "".join(f"  {line}\n" for line in lines[:-1]))
        file.write(f"  ROOT {lines[-1]}\n}}\n")
    return path


def compare(folder, *shape, **options):
    path = program(folder, *shape, **options)
    # The bits that the dense product has, on finite values.
    dense = tenon("run", path, "--in", "random:1")
    for variant in VARIANTS:
        tenon("run", path, "--in", "random:1", "--sparsity=4x1:0.01", "--backend=eval,plan,cpu", *variant)
    check(dense == tenon("run", path, "--in", "random:1", "--sparsity=4x1:0.01"), f"{path}: other bits than the dense product")
    kept = os.path.join(folder, "kept.hlo")
    tenon("opt", path, "--sparsity=4x1:0.01", "-o", kept)
    tenon("run", kept, "--in", "random:1", "--backend=eval,plan,cpu")
    tenon("run", kept, "--in", "random:1", "--backend=eval,plan,cpu", "-O0")
    return kept


def shapes(folder):
    for rows in [1, 2, 7, 8, 15, 16, 17, 33, 64, 70]:
        compare(folder, [rows], 24, 32, 0.9)
    for columns in [4, 8, 12, 20, 36, 64]:
        compare(folder, [16], 65, columns, 0.85)
    compare(folder, [3, 9], 40, 48, 0.9)
    compare(folder, [3, 17], 40, 48, 0.9, turned=True)
    compare(folder, [2, 2, 20], 40, 16, 0.9, epilogue=False)


def types(folder):
    for kind in ["bf16", "f16", "f64"]:
        for rows in [1, 19, 40]:
            compare(folder, [rows], 48, 32, 0.9, kind=kind)


def blocks_are_chosen_where_they_are_faster(folder):
    few, many = program(folder, [16], 128, 128, 0.9), program(folder, [17], 128, 128, 0.2)
    check("block_sparse_4x1" in tenon("opt", few, "--sparsity=4x1:0.1"), "90 % of zeros, and dense")
    check("block_sparse_4x1" not in tenon("opt", many, "--sparsity=4x1:0.1"), "20 % of zeros, and sparse")


def all_zero_and_none(folder):
    compare(folder, [16], 32, 32, 1.0)
    compare(folder, [1], 32, 32, 0.0)


run_tests([shapes, types, blocks_are_chosen_where_they_are_faster, all_zero_and_none])
